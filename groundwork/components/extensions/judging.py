"""What is wrong with an offer: held against what the extension says of itself, and against the least that a statement must say.

What is known only to AWS, such as the ARN of a table, is not asked for here; the guardrails judge the policies that come of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pulumi

from groundwork.components.access import Grant, Opening, ParameterReference, SecretReference, Statement
from groundwork.components.extensions.declared import Declared
from groundwork.components.extensions.offer import Alarm, Offer
from groundwork.components.services.checks import looks_secret
from groundwork.components.services.settings import Held
from groundwork.settings.mistakes import all_of, nearest

_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+")
_SID = re.compile(r"[A-Za-z0-9]+")
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html"""
_KEY = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EVERYTHING = re.compile(r"\*|arn:[^:]*:[^:]*:[^:]*:[^:]*:[*?]+")
"""Resources that are all of a service, or all of AWS."""


def problems(offer: object, declared: Declared) -> list[str]:
    """Return everything that is wrong with what ``build`` returned, each a sentence for whoever wrote it."""
    if not isinstance(offer, Offer):
        return [f"build returns {_a(offer)}; return groundwork.Offer(grants=…)"]
    return [*_grants(offer.grants, declared), *_alarms(offer.alarms), *_outputs(offer.outputs)]


def _a(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _grants(grants: object, declared: Declared) -> Iterator[str]:
    if not isinstance(grants, Mapping):
        yield f"grants is {_a(grants)}; write level → Grant"
        return
    for level in declared.levels:
        if level not in grants:
            yield f'grants has no "{level}", which levels says'
    for level, grant in grants.items():
        if level not in declared.levels:
            yield f'grants has "{level}", which levels does not say{nearest(level, declared.levels)}'
        elif not isinstance(grant, Grant):
            yield f'grants["{level}"] is {_a(grant)}; write Grant(statements=…)'
        else:
            yield from (f'grants["{level}"]: {problem}' for problem in _grant(grant, declared.levels[level]))


def _grant(grant: Grant, variables: Mapping[str, Held]) -> Iterator[str]:
    for index, statement in enumerate(_listed(grant.statements)):
        if isinstance(statement, Statement):
            yield from (f"statement {statement.sid}: {problem}" for problem in _statement(statement))
        else:
            yield f"statements[{index}] is {_a(statement)}; write Statement(sid, actions, resources)"
    sids = Counter(one.sid for one in _listed(grant.statements) if isinstance(one, Statement))
    yield from (f"statement {sid} is there {count} times; ids differ" for sid, count in sids.items() if count > 1)
    for opening in _listed(grant.openings):
        if not isinstance(opening, Opening) or not isinstance(opening.port, int) or not 1 <= opening.port <= 65535:
            yield f"openings holds {opening!r}; write Opening(security_group_id, port, description)"
    given: tuple[tuple[Held, object, type[object]], ...] = (
        ("plain", grant.environment, object),
        ("secret", grant.secrets, SecretReference),
        ("parameter", grant.parameters, ParameterReference),
    )
    for held, values, type_ in given:
        yield from _variables(held, values, type_, [name for name, how in variables.items() if how == held])


_WHERE: Mapping[Held, str] = {"plain": "environment", "secret": "secrets", "parameter": "parameters"}


def _variables(held: Held, values: object, type_: type[object], said: Sequence[str]) -> Iterator[str]:
    where = _WHERE[held]
    if not isinstance(values, Mapping):
        yield f"{where} is {_a(values)}; write variable → value"
        return
    missing, more = [name for name in said if name not in values], [name for name in values if name not in said]
    if missing:
        yield f"{where} has no {all_of(missing)}, which levels says is {held}"
    if more:
        yield f"{where} has {all_of(more)}, which levels does not say is {held}"
    for name, value in values.items():
        if held != "plain" and not isinstance(value, type_):
            yield f'{where}["{name}"] is {_a(value)}; write {type_.__name__}(…)'
        elif held == "plain" and not isinstance(value, (str, pulumi.Output)):
            yield f'{where}["{name}"] is {_a(value)}; a variable is text'
        elif isinstance(value, str) and (reason := looks_secret(str(name), value)):
            yield f'{where}["{name}"]: {reason}; offer it as a secret: SecretReference(arn, kms_key_arn)'


def _statement(statement: Statement) -> Iterator[str]:
    if not isinstance(statement.sid, str) or not _SID.fullmatch(statement.sid):
        yield "its id is letters and digits alone"
    if not _listed(statement.actions):
        yield f"actions is {_shown(statement.actions)}; write a list of actions"
    for action in _listed(statement.actions):
        if isinstance(action, str) and ("*" in action or "?" in action):
            yield f"{action} is more than one action; name each that the workload calls"
        elif not isinstance(action, str) or not _ACTION.fullmatch(action):
            yield f'{action!r} is no action; write service:Action, such as "dynamodb:GetItem"'
    if not _listed(statement.resources):
        yield f"resources is {_shown(statement.resources)}; write a list of ARNs"
    for resource in _listed(statement.resources):
        if isinstance(resource, str) and _EVERYTHING.fullmatch(resource):
            if len(statement.reason.split()) < 3:
                yield f'"{resource}" is everything; name what it is, or say in reason="…" why it cannot be named'
        elif not isinstance(resource, pulumi.Output) and not (
            isinstance(resource, str) and resource.startswith("arn:")
        ):
            yield f"{_shown(resource)} is no ARN; write one, such as table.arn"
    if not isinstance(statement.conditions, Mapping):
        yield f"conditions is {_a(statement.conditions)}; write operator → key → value"


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else "empty" if value in ((), []) else _a(value)


def _listed(value: Any) -> Sequence[Any]:
    """Return a list as it is; anything else, such as one text in its place, as an empty one."""
    return value if isinstance(value, (list, tuple)) else ()


def _alarms(alarms: object) -> Iterator[str]:
    keys: list[str] = []
    for index, one in enumerate(alarms if isinstance(alarms, Iterable) else ()):
        if not isinstance(one, Alarm):
            yield f"alarms[{index}] is {_a(one)}; write Alarm(key, measure, threshold, description)"
        elif not isinstance(one.key, str) or not _KEY.fullmatch(one.key):
            yield f"alarms[{index}] has the key {one.key!r}; a key is lower-case letters, digits and single dashes"
        elif one.key in keys:
            yield f'alarms[{index}] has the key "{one.key}" of another'
        else:
            keys.append(one.key)


def _outputs(outputs: object) -> Iterator[str]:
    if not isinstance(outputs, Mapping):
        yield f"outputs is {_a(outputs)}; write name → value"
        return
    yield from (f"outputs has the name {name!r}; a name is text" for name in outputs if not isinstance(name, str))
