"""A resource as rules see it: plain values, in which what is not known is said to be not known.

A rule reads with :meth:`Node.get` and its sisters. Reading what is unknown, or the content of a secret, ends the
judgement of that one resource as undetermined; :meth:`Node.known`, :meth:`Node.has` and :meth:`Resource.references`
ask first and never do.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from enum import Enum
from typing import Any

from guardrails import equivalents
from guardrails.defaults import ABSENCES

_PLACE = re.compile(r"\[\d+\]")
"""The place in a list, of a path."""


class Opaque(Enum):
    """A value that is there but cannot be read."""

    UNKNOWN = "unknown"
    SECRET = "secret"  # noqa: S105 - the word, not a secret


class UndeterminedError(Exception):
    """The signal, inside a rule, that its verdict hangs on a value it cannot read."""

    def __init__(self, path: str, state: str = "not known yet") -> None:
        super().__init__(f"{path} is {state}")


def cannot_read(path: str, opaque: Opaque) -> UndeterminedError:
    return UndeterminedError(path, "secret" if opaque is Opaque.SECRET else "not known yet")


class Node:
    """One value of a resource, with the path that leads to it and the type of the resource."""

    __slots__ = ("path", "type", "value")

    def __init__(self, value: Any, path: str = "", type_: str = "") -> None:
        self.value = value
        self.path = path
        self.type = type_

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at a dotted path; where it is not set what its absence means (:mod:`guardrails.defaults`),
        else ``default``; undetermined if any part of it is opaque."""
        value = self._require(path)
        hidden = first_opaque(value, self._at(path))
        if hidden:
            raise cannot_read(*hidden)
        return self._absent(path, default) if value is None else value

    def has(self, path: str) -> bool:
        """Tell whether the program sets the property at all; an opaque value is a value."""
        value = self._walk(path)
        return isinstance(value, Opaque) or (value is not None and value not in ("", [], {}))

    def known(self, path: str) -> bool:
        """Tell whether the whole value at the path can be read (what is not set can be)."""
        return first_opaque(self._walk(path), path) is None

    def node(self, path: str) -> Node:
        """Return the value at the path as a node of its own, opaque or not."""
        return Node(self._walk(path), self._at(path), self.type)

    def items(self, path: str) -> list[Node]:
        """List the blocks of a list, those that can be wholly read first; one block alone is a list of one."""
        value = self._require(path)
        if value is None:
            return []
        if not isinstance(value, list):
            return [Node(value, self._at(path), self.type)]
        nodes = [Node(item, f"{self._at(path)}[{index}]", self.type) for index, item in enumerate(value)]
        return sorted(nodes, key=lambda node: first_opaque(node.value, node.path) is not None)

    def strings(self, path: str) -> Iterator[str]:
        """Yield the readable strings of a list; undetermined after the last of them if others could not be read."""
        value = self._require(path)
        values = value if isinstance(value, list) else [] if value is None else [value]
        yield from (str(item) for item in values if item is not None and not isinstance(item, Opaque))
        for index, item in enumerate(values):
            if isinstance(item, Opaque):
                raise cannot_read(f"{self._at(path)}[{index}]", item)

    def truth(self, path: str, *, default: bool = False) -> bool:
        """Return a flag, whether it is written as a boolean or, as some AWS properties are, as a word."""
        return str(self.get(path, default)).lower() == "true"

    def number(self, path: str, default: int = 0) -> int:
        """Return a whole number, whether it is written as one or as text."""
        value = self.get(path, default)
        try:
            return int(value)
        except (TypeError, ValueError, OverflowError):
            raise UndeterminedError(self._at(path), "not a number") from None

    def _absent(self, path: str, default: Any) -> Any:
        absences = ABSENCES.get(self.type)
        absence = absences.get(_PLACE.sub("", self._at(path))) if absences else None
        return absence.means if absence else default

    def _require(self, path: str) -> Any:
        value = self._walk(path)
        if isinstance(value, Opaque):
            raise cannot_read(self._at(path), value)
        return value

    def _walk(self, path: str) -> Any:
        value = self.value
        for key in path.split("."):
            if isinstance(value, list) and len(value) == 1:
                value = value[0]
            if not isinstance(value, dict):
                return value if isinstance(value, Opaque) else None
            value = value.get(key)
        return value

    def _at(self, path: str) -> str:
        return f"{self.path}.{path}" if self.path else path


class Resource(Node):
    """One resource of the stack. Its properties are its inputs: what the program asks for.

    One whose type is another name for a type that rules read is read as that, under its own URN.
    """

    __slots__ = (
        "_equivalent",
        "component",
        "given",
        "name",
        "names",
        "outputs",
        "parent",
        "parts",
        "property_dependencies",
        "urn",
    )

    def __init__(
        self,
        urn: str,
        inputs: Mapping[str, Any],
        *,
        outputs: Mapping[str, Any] | None = None,
        parent: str | None = None,
        property_dependencies: Mapping[str, tuple[str, ...]] | None = None,
        component: bool = False,
    ) -> None:
        super().__init__(inputs)
        self.urn = urn
        self.type = type_of(urn)
        self.name = urn.rsplit("::", 1)[-1]
        self.parent = parent
        self.given = inputs
        """The inputs as the program has them."""
        self.outputs = outputs if outputs is not None else inputs
        self.property_dependencies = property_dependencies or {}
        self.component = component
        """Whether it is only the parent of others, and no provider makes it."""
        self.parts: tuple[Resource, ...] = ()
        """Blocks of it that are resources of their own to rules; they have its URN."""
        self._equivalent = equivalents.equivalent(self.type)
        if self._equivalent:
            self._translate(self._equivalent)
        self.names = frozenset(
            value
            for source in (self.outputs, self.value)
            for key in ("id", "arn", "name", "bucket")
            if isinstance(value := source.get(key), str) and value
        )
        """What other resources may call it by."""

    def _translate(self, found: equivalents.Equivalent) -> None:
        given = self.given
        self.type = equivalents.type_as(found, given)
        self.value = equivalents.translate(found, given)
        self.outputs = self.value if self.outputs is given else equivalents.translate(found, self.outputs)
        for name in found.undecided:
            self.value.setdefault(name, Opaque.UNKNOWN)
        for name, usual in found.absent.items():
            self.value.setdefault(name, usual)
        dependencies: dict[str, tuple[str, ...]] = {}
        made_from = self.property_dependencies
        for name, urns in made_from.items():
            for target in equivalents.targets(found, name):
                dependencies[target] = (*dependencies.get(target, ()), *urns)
        self.property_dependencies = dependencies
        self.parts = tuple(self._part(part, made_from) for part in equivalents.parts(found, given))

    def _part(self, part: equivalents.BlockEquivalent, made_from: Mapping[str, tuple[str, ...]]) -> Resource:
        dependencies = dict.fromkeys(part.names, made_from.get(part.made_from, ()))
        dependencies[part.owner] = (self.urn,)
        made = Resource(self.urn, {}, parent=self.parent, property_dependencies=dependencies)
        made.type, made.value, made.outputs, made.parts = part.type, part.properties, part.properties, ()
        return made

    @property
    def types(self) -> set[str]:
        """Return what rules read it as: its own type, and those of its parts."""
        return {one.type for one in (self, *self.parts)}

    def read_as(self, types: Container[str]) -> list[Resource]:
        """Return what of it is of one of the types: itself, parts of it, or nothing."""
        return [one for one in (self, *self.parts) if one.type in types]

    @property
    def has_other_names(self) -> bool:
        """Tell whether a property may have another name here than in the program."""
        return self._equivalent is not None and bool(self._equivalent.moves)

    def references(self, path: str, *types: str) -> bool:
        """Tell whether the property is made from a resource of this stack of one of the types, known or not.

        The engine tells this only once the whole stack is registered: a rule that reads one resource may pass because
        of it, but must not fail because of it.
        """
        urns = self.property_dependencies.get(path.split(".", maxsplit=1)[0], ())
        return any(type_read_as(urn) in types for urn in urns)


def type_of(urn: str) -> str:
    """Return the resource type that a URN ends its chain of types with."""
    return urn.split("::")[2].rsplit("$", 1)[-1] if urn.count("::") >= 3 else ""


def type_read_as(urn: str) -> str:
    """Return the type that rules read a resource of this URN as."""
    found = equivalents.equivalent(type_of(urn))
    return found.type if found else type_of(urn)


def first_opaque(value: Any, path: str) -> tuple[str, Opaque] | None:
    """Return where the first opaque part of a value is, and of which kind."""
    if not _holds_opaque(value):
        return None
    if isinstance(value, Opaque):
        return path, value
    if isinstance(value, dict):
        pairs = ((f"{path}.{key}" if path else str(key), item) for key, item in value.items())
    else:
        pairs = ((f"{path}[{index}]", item) for index, item in enumerate(value))
    return next((found for where, item in pairs if (found := first_opaque(item, where))), None)


def _holds_opaque(value: Any) -> bool:
    """Tell whether any part of a value is opaque. Asked of everything that is read, so without the paths, which only an
    error needs."""
    if isinstance(value, dict):
        return any(map(_holds_opaque, value.values()))
    return any(map(_holds_opaque, value)) if isinstance(value, list) else isinstance(value, Opaque)
