"""Repairs that are safe to make unasked: they only add protection, and replace nothing that exists.

A repair runs where the level of its rule is ``remediate``, and only on what its rule fails. It returns changes: a path
into the inputs, and the value to stand there. What it does not name keeps its value, be it secret or unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guardrails.judgement import Verdict, judge
from guardrails.rules import Rule, Values
from guardrails.view import Opaque, Resource

Path = tuple[str, ...]
Changes = Mapping[Path, Any]
Repair = Callable[[Resource, Values], Changes]

TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"
RETENTION_STEPS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""The days that CloudWatch Logs takes."""
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def _tags(resource: Resource, values: Values) -> Changes:
    present = resource.node("tags").value
    known = present if isinstance(present, dict) else {}
    wanted = {key: values["defaults"][key] for key in values["keys"] if key in values["defaults"]}
    return {("tags", key): value for key, value in wanted.items() if known.get(key) in (None, "")}


def _public_access(resource: Resource, values: Values) -> Changes:
    return {(flag,): True for flag in BLOCKS if resource.known(flag) and not resource.truth(flag)}


def _tls_policy(resource: Resource, values: Values) -> Changes:
    return {("sslPolicy",): TLS_POLICY} if resource.get("protocol", "") in ("HTTPS", "TLS") else {}


def _retention(resource: Resource, values: Values) -> Changes:
    least = values.get("days", 365)
    return {("retentionInDays",): next(days for days in RETENTION_STEPS if days >= least)}


REPAIRS: Mapping[str, Repair] = {
    "required-tags": _tags,
    "s3-block-complete": _public_access,
    "alb-tls-policy": _tls_policy,
    "log-group-retention": _retention,
    "log-retention-minimum": _retention,
}
"""By the name of the rule. Only rules that read one resource: the engine lets nothing else be repaired."""


def repair(rule: Rule, repair_: Repair, resource: Resource, values: Values) -> Changes:
    """Return the changes that make a rule pass; none where it passes already, or where they would not be enough to
    tell."""
    if judge(rule, resource, None, values).verdict is not Verdict.FAIL:
        return {}
    changes = repair_(resource, values)
    if any(isinstance(resource.node(path[0]).value, Opaque) for path in changes):
        return {}
    return changes


def apply(inputs: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """Return new inputs with the changes made; the old ones stay as they are."""
    result = dict(inputs)
    for path, value in changes.items():
        place = result
        for key in path[:-1]:
            inner = place.get(key)
            place[key] = dict(inner) if isinstance(inner, Mapping) else {}
            place = place[key]
        place[path[-1]] = value
    return result
