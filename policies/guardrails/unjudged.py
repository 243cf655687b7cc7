"""What of a stack no rule reads, so that "no findings" is not taken for "nothing wrong"."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from guardrails import kinds
from guardrails.catalogue import rules
from guardrails.exemptions import Problem
from guardrails.rules import Level, Policy, Setting, Severity, Values
from guardrails.view import Resource

UNJUDGED = Policy(
    name="stack-unjudged",
    title="No rule reads a part of the stack",
    severity=Severity.MEDIUM,
    why="A stack of which nothing was judged has no findings either.",
    fix="Review that part by hand, then name its type under accepted; or write a rule for it.",
    usual_level=Level.DISABLED,
    settings=(
        Setting(
            "accepted",
            "Types that need no rule, such as random:*; * and ? stand for characters.",
            [],
            {"type": "array", "items": {"type": "string"}},
        ),
    ),
)

_ORGANISATION = "organisation"
"""The topic whose rules hold all types against an organisation's tags and regions, and say nothing of what a type is."""
_ENGINES_OWN = "pulumi:"
"""Stacks, providers and references to other stacks."""


@dataclass(frozen=True)
class Unjudged:
    """The resources that no rule reads, by type, and the components whose parts are not there to be read."""

    types: Mapping[str, tuple[Resource, ...]]
    components: tuple[Resource, ...]

    def __bool__(self) -> bool:
        return bool(self.types or self.components)

    def problems(self, values: Values) -> Iterator[Problem]:
        """Yield a problem for each type and each component that is not ``accepted``."""
        for type_, resources in self.types.items():
            if not _accepted(type_, values):
                names = [resource.name for resource in resources]
                listed = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
                yield Problem(UNJUDGED, type_, f"no rule reads {type_}: {listed}", resources[0].urn)
        for component in self.components:
            if not _accepted(component.type, values):
                said = f"the parts of the component {component.name} ({component.type}) are not there to be judged"
                yield Problem(UNJUDGED, component.name, said, component.urn)


_SHOWN = 5


def unjudged(resources: Iterable[Resource]) -> Unjudged:
    """Return what no rule reads of these resources, which are a whole stack."""
    resources = tuple(resources)
    parents = {resource.parent for resource in resources}
    types: dict[str, list[Resource]] = {}
    components: list[Resource] = []
    for resource in resources:
        if resource.type.startswith(_ENGINES_OWN) or resource.type in read_types():
            continue
        if not resource.component:
            types.setdefault(resource.type, []).append(resource)
        elif resource.urn not in parents:
            components.append(resource)
    return Unjudged({type_: tuple(types[type_]) for type_ in sorted(types)}, tuple(components))


@cache
def read_types() -> frozenset[str]:
    """Return the types that rules judge, and those that they look up beside them."""
    judged = {type_ for rule in rules() if rule.topic != _ORGANISATION for type_ in rule.reads}
    return frozenset(judged | kinds.READ)


def _accepted(type_: str, values: Values) -> bool:
    return any(fnmatchcase(type_, pattern) for pattern in values["accepted"])
