"""The cases of ``cases/*.yaml`` as stacks; ``cases/network.yaml`` says how they are written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from guardrails.catalogue import rules
from guardrails.kinds import token
from guardrails.rules import REGISTRY
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource

PACK_ROOT = Path(__file__).parents[2] / "policies"
FOLDER = Path(__file__).parent / "cases"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
EXPECTATIONS = ("pass", "fail", "unknown")


@dataclass(frozen=True)
class Case:
    rule: str
    expected: str
    number: int
    subject: Resource
    stack: Stack
    values: Mapping[str, Any] | None = None
    """For the rule's settings; None for their defaults."""

    def __str__(self) -> str:
        return f"{self.rule} {self.expected} {self.number}"


@cache
def cases() -> tuple[Case, ...]:
    """Every case, built once a process."""
    rules()
    return tuple(_cases())


def _cases() -> Iterator[Case]:
    for file in sorted(FOLDER.glob("*.yaml")):
        for rule, table in yaml.load(file.read_text(encoding="utf-8"), LOADER).items():
            for expected in EXPECTATIONS:
                for number, entry in enumerate(table.get(expected, ()), 1):
                    entries = entry if isinstance(entry, list) else [entry]
                    stack = build(table["type"], entries)
                    yield Case(rule, expected, number, stack.resources[0], stack, _values(rule, entries[0]))


def _values(rule: str, subject: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The case's `$settings` over the defaults."""
    given = subject.get("$settings")
    return {**REGISTRY[rule].defaults(), **given} if given else None


def build(kind: str, entries: list[dict[str, Any]]) -> Stack:
    """The judged resource, called ``subject``, and those around it."""
    subject = {key: value for key, value in entries[0].items() if key != "$settings"}
    named = {"subject": (type_named(subject.pop("$kind", kind)), subject)}
    for entry in entries[1:]:
        ((words, properties),) = entry.items()
        around, name = words.split(" ")
        named[name] = (type_named(around), properties)
    urns = {name: urn_of(type_, name) for name, (type_, _) in named.items()}
    return Stack(_resource(urns[name], properties, urns) for name, (_, properties) in named.items())


def type_named(kind: str) -> str:
    """``ec2/Vpc``, ``providers/aws``, or a whole type such as ``kubernetes:core/v1:Pod``."""
    if ":" in kind:
        return kind
    return f"pulumi:{kind.replace('/', ':')}" if kind.startswith("providers/") else token(kind)


def urn_of(type_: str, name: str) -> str:
    return f"urn:pulumi:prod::test::{type_}::{name}"


def _resource(urn: str, properties: Mapping[str, Any], urns: Mapping[str, str]) -> Resource:
    dependencies = {key: tuple(urns[name] for name in _references(value)) for key, value in properties.items()}
    inputs = {key: _value(value) for key, value in properties.items()}
    return Resource(
        urn,
        inputs,
        outputs={**inputs, "id": f"{urn.rsplit('::', 1)[-1]}-id"},
        property_dependencies={key: found for key, found in dependencies.items() if found},
    )


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value["$json"]) if "$json" in value else {key: _value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, str) and value.startswith("->"):
        return Opaque.UNKNOWN if value.endswith("?") else f"{value[2:]}-id"
    return {"UNKNOWN": Opaque.UNKNOWN, "SECRET": Opaque.SECRET}.get(value, value) if isinstance(value, str) else value


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [name for item in value.values() for name in _references(item)]
    if isinstance(value, list):
        return [name for item in value for name in _references(item)]
    return [value[2:].rstrip("?")] if isinstance(value, str) and value.startswith("->") else []
