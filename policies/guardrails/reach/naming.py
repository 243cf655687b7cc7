"""Whom a property names, and whether that is all it names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from guardrails import kinds
from guardrails.stack import Stack
from guardrails.view import Node, Opaque, Resource, UndeterminedError


@dataclass(frozen=True)
class Named:
    """The resources of this stack that a property names, and in words why others of them are not here."""

    found: tuple[Resource, ...] = ()
    rest: str = ""

    @property
    def urns(self) -> frozenset[str]:
        return frozenset(resource.urn for resource in self.found)

    def __bool__(self) -> bool:
        return bool(self.found) or bool(self.rest)

    def __add__(self, other: Named) -> Named:
        return Named(tuple(dict.fromkeys((*self.found, *other.found))), self.rest or other.rest)


def named(stack: Stack, resource: Resource, path: str, *types: str) -> Named:
    """Return the resources of these types that the property at a path names."""
    return named_by(stack, resource, resource.node(path), *types)


def named_by(stack: Stack, resource: Resource, node: Node, *types: str) -> Named:
    """Return the resources of these types that a value inside a property names, which may be a block of a list.

    What an unknown value is made from is told only for the property as a whole; it is what the value names where the
    property is made from one resource of the types for each value that is not known.
    """
    values = [value for value in _leaves(node.value) if value not in (None, "")]
    hidden = sum(isinstance(value, Opaque) for value in values)
    texts = tuple(dict.fromkeys(value for value in values if isinstance(value, str)))
    by_name = [_targets(stack, resource, node, [text], *types) for text in texts]
    known = tuple(dict.fromkeys(target for targets in by_name for target in targets))
    outside = [text for text, targets in zip(texts, by_name, strict=True) if not targets]
    made_from = _targets(stack, resource, node, [Opaque.UNKNOWN], *types) if hidden or outside else []
    others = [target for target in made_from if target not in known]
    whole = isinstance(node.value, Opaque)
    if whole and others:
        return Named(tuple(others))
    missing = hidden + len(outside)
    if len(others) == missing:
        return Named((*known, *others))
    if len(others) > missing:
        # Which of them each value is made from cannot be told.
        others = []
    reason = f"{node.path} is not known yet" if hidden else f"{outside[0]} ({node.path}) is not of this stack"
    return Named((*known, *others), reason)


def mentioned(stack: Stack, resource: Resource, path: str, *types: str) -> tuple[Resource, ...]:
    """Return every resource of the types that a property names anywhere inside it, or is made from."""
    texts = [value for value in _leaves(resource.node(path).value) if isinstance(value, str)]
    values: list[Any] = [*texts, Opaque.UNKNOWN]
    return tuple(
        dict.fromkeys(
            target for value in values for target in _targets(stack, resource, Node(0, path), [value], *types)
        )
    )


def _targets(stack: Stack, resource: Resource, node: Node, value: list[Any], *types: str) -> list[Resource]:
    """Return the resources that a value names. A text names by itself alone; what is unknown names what the property is
    made from."""
    property_ = node.path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
    made_from = resource.property_dependencies.get(property_, ()) if isinstance(value[0], Opaque) else ()
    view = Resource(resource.urn, {"value": value}, property_dependencies={"value": made_from})
    return stack.targets(view, "value", *types)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def blocks(node: Node, path: str) -> tuple[list[Node], str]:
    """Return the blocks of a list as nodes, and in words why there may be others."""
    value = node.node(path).value
    if isinstance(value, Opaque):
        return [], f"{node.node(path).path} is not known yet"
    items = value if isinstance(value, list) else [] if value is None else [value]
    made = [Node(item, f"{node.node(path).path}[{index}]", node.type) for index, item in enumerate(items)]
    hidden = next((item for item in made if isinstance(item.value, Opaque)), None)
    readable = [item for item in made if isinstance(item.value, dict)]
    return readable, f"{hidden.path} is not known yet" if hidden else ""


def unsure(reason: str) -> UndeterminedError:
    """Return the signal that a verdict hangs on something that is not known, said in a sentence of its own."""
    signal = UndeterminedError("")
    signal.args = (reason,)
    return signal


def vpc_of(resource: Resource, stack: Stack) -> str:
    """Return the VPC's URN or its id, empty if not known."""
    found = named(stack, resource, "vpcId", kinds.VPC, kinds.DEFAULT_VPC).found
    said = resource.node("vpcId").value
    return found[0].urn if found else said if isinstance(said, str) else ""


def flag(node: Node, path: str, *, default: bool = False) -> bool | None:
    """Return a flag, or None where it cannot be read."""
    try:
        return node.truth(path, default=default)
    except UndeterminedError:
        return None
