"""What the pack reports: rules, each a plain function with its facts beside it, and problems with what the pack was given."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from guardrails.levels import Level, Severity
from guardrails.settings import Setting, Values, defaults

__all__ = [
    "ADVISORY_IN_DEV",
    "DOCUMENTATION",
    "ONLY_PRODUCTION",
    "PRODUCTION",
    "REGISTRY",
    "Level",
    "Messages",
    "Policy",
    "Rule",
    "Setting",
    "Severity",
    "Values",
    "resource_rule",
    "stack_rule",
]

Messages = Iterable[str]
Check = TypeVar("Check", bound=Callable[..., Messages])

PRODUCTION = "prod"
"""The stage that is assumed where the stack's configuration names none."""

DOCUMENTATION = "GROUNDWORK_DOCS"
"""Names the environment variable with the URL of the published ``docs`` folder."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What is reported under one name: by a rule of a resource, or by the pack itself of what it was given."""

    name: str
    title: str
    severity: Severity
    why: str
    fix: str
    ids: tuple[str, ...] = ()
    topic: str = "pack"
    usual_level: Level | None = None
    """Its level where neither the stage nor the organisation says otherwise; unset, it follows from the severity."""
    levels: Mapping[str, Level] = field(default_factory=dict)
    """Its level in some stages."""
    settings: tuple[Setting, ...] = ()
    """What an organisation may choose."""

    def level(self, stage: str) -> Level:
        """Return the level for a stage: advisory for low severity, mandatory for the rest, unless the policy says otherwise."""
        by_severity = Level.ADVISORY if self.severity is Severity.LOW else Level.MANDATORY
        return self.levels.get(stage, self.usual_level or by_severity)

    def defaults(self) -> Values:
        return defaults(self.settings)


@dataclass(frozen=True, kw_only=True)
class Rule(Policy):
    """One rule. ``check`` yields a message for each thing that is wrong with the resource; nothing means it passes.

    Where the rule has settings, ``check`` gets their values as its last argument.
    """

    reads: tuple[str, ...]
    check: Callable[..., Messages]
    between: bool = False
    """Whether it reads other resources too, and so judges a resource only once the whole stack is known."""
    stages: frozenset[str] | None = None
    """The only stages it applies in; None for all."""

    @property
    def page(self) -> str:
        """Return where the rule is documented, from the folder of the documentation."""
        return f"policies/{self.topic}.md#{self.name}"

    @property
    def url(self) -> str | None:
        """Return where that is published; None where nobody said so."""
        folder = os.environ.get(DOCUMENTATION)
        return f"{folder.rstrip('/')}/{self.page}" if folder else None

    def applies(self, stage: str) -> bool:
        return self.stages is None or stage in self.stages


REGISTRY: dict[str, Rule] = {}
ADVISORY_IN_DEV: Mapping[str, Level] = {"dev": Level.ADVISORY}
ONLY_PRODUCTION = frozenset({PRODUCTION})


def resource_rule(title: str, severity: str, *reads: str, **facts: Any) -> Callable[[Check], Check]:
    """Make a rule of a function that reads one resource. Its name is the function's, in kebab case.

    ``reads`` are resource types; ``facts`` are ``ids``, ``why``, ``fix`` and, where needed, ``stages``, ``levels`` and
    ``settings`` of :class:`Rule`.
    """
    return lambda check: _register(check, title=title, severity=severity, reads=reads, between=False, **facts)


def stack_rule(title: str, severity: str, *reads: str, **facts: Any) -> Callable[[Check], Check]:
    """Make a rule of a function that judges one resource by others of its stack; otherwise as :func:`resource_rule`."""
    return lambda check: _register(check, title=title, severity=severity, reads=reads, between=True, **facts)


def _register(check: Any, *, severity: str, **facts: Any) -> Any:
    name = check.__name__.replace("_", "-")
    if name in REGISTRY:
        raise ValueError(f"two rules are called {name}")
    topic = check.__module__.rsplit(".", 1)[-1]
    REGISTRY[name] = Rule(name=name, severity=Severity(severity), topic=topic, check=check, **facts)
    return check
