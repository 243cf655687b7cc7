"""Capacity units (WCU) of a web ACL. What each statement takes is data: ``groundwork/settings/facts/waf.yaml``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from groundwork.settings.facts import waf_costs
from guardrails.view import Opaque

_SCOPED = "scopeDownStatement"


def capacity(rules: Any) -> int:
    """Return the capacity units of rules as pulumi-aws takes them. What is unknown, and groups that are somebody's own, count
    as nothing."""
    found = [statement for rule in _listed(rules) for statement in _statements(_map(rule).get("statement"))]
    transformations = {one for kind, said in found for one in _transformations(kind, said)}
    return sum(_cost(kind, said) for kind, said in found) + int(waf_costs()["transformation"]) * len(transformations)


def _statements(statement: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every statement inside one: its kind and what it says."""
    for kind, said in _map(statement).items():
        inner = _map(said)
        if kind.endswith("Statement") and said is not None:
            yield kind, inner
        for below in (*_listed(inner.get("statements")), inner.get("statement"), inner.get(_SCOPED)):
            yield from _statements(below)


def _cost(kind: str, said: Mapping[str, Any]) -> int:
    costs = waf_costs()
    if kind == "managedRuleGroupStatement":
        return int(costs["managed"].get(said.get("name"), 0))
    base = int(costs["statements"].get(kind, 0))
    if kind == "byteMatchStatement":
        base = int(costs[kind].get(said.get("positionalConstraint"), 0))
    elif kind == "sqliMatchStatement":
        base = int(costs[kind].get(said.get("sensitivityLevel"), base))
    field = _map(said.get("fieldToMatch"))
    if "jsonBody" in field:
        base *= 2
    if "allQueryArguments" in field:
        base += int(costs["all_query_arguments"])
    if _map(said.get("ipSetForwardedIpConfig")).get("position") == "ANY":
        base += int(costs["any_forwarded_address"])
    return base + int(costs["custom_key"]) * len(_listed(said.get("customKeys")))


def _transformations(kind: str, said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    field = json.dumps(said.get("fieldToMatch"), sort_keys=True, default=str)
    for one in _listed(said.get("textTransformations")):
        name = _map(one).get("type")
        if isinstance(name, str) and name != "NONE":
            yield field, name


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: Any) -> list[Any]:
    if value is None or isinstance(value, Opaque):
        return []
    return value if isinstance(value, list) else [value]
