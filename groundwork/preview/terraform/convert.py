"""One resource's inputs as the body of a Terraform resource block."""

from __future__ import annotations

import difflib
import json
import re
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from groundwork.preview.snapshot import MARKER, Resource, to_marker
from groundwork.preview.terraform.layout import Path
from groundwork.preview.terraform.names import Name, properties, terraform_names
from groundwork.preview.terraform.schema import EVERY_KEY, Node
from groundwork.preview.terraform.shapes import ShapeKind, shape_of
from guardrails.view import Opaque

UNKNOWN_REFERENCE = "${local.unknown}"
UNKNOWN_PARTS: Mapping[str, Any] = {
    "locals": {"unknown": "${jsondecode(terraform_data.unknown.id)}"},
    "resource": {"terraform_data": {"unknown": {}}},
}
"""A value of any type that Terraform itself knows only after an apply: unknowns and secrets pass every check of form,
and still count as given."""

SECRET_TEXT = "Placeholder-1-of-a-secret"  # noqa: S105 - it stands for one
"""For arguments that the provider calls sensitive: it counts as given where arguments exclude each other, and has the
length and kinds of characters that AWS demands of passwords. Secrets elsewhere stay unknown, for they may need a form."""

_ABSENT = object()


@dataclass(frozen=True)
class ValueOrigin:
    """Where a line of the export comes from: the resource, the property's Pulumi path, and what pulumi-aws says of it."""

    urn: str
    path: str
    args: type | None = None
    annotation: Any = None


@dataclass(frozen=True)
class LeftOut:
    """Something the export does not hold, and why."""

    urn: str
    type: str
    path: str
    reason: str
    near: tuple[str, ...] = ()
    """The nearest names that do exist, where the reason is that pulumi-aws has no such argument."""


TOO_NEW_ARGUMENT = "argument newer than the installed provider"
NO_SUCH_ARGUMENT = "pulumi-aws has no such argument"
TOO_NEW_TYPE = "resource type newer than the installed provider"
NOT_AWS = "not a resource of the AWS provider"
UNKNOWN_BLOCK = "block whose content is known only after a deployment"


@dataclass
class Body:
    """The arguments of one resource, with the origin of each and what had no place."""

    resource: Resource
    outputs: Mapping[str, Mapping[str, Any]]
    arguments: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, ValueOrigin] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    uses_unknown: bool = False


@dataclass(frozen=True)
class _Place:
    """Where the walk is, in both worlds. ``node`` is None where the provider's schema is not at hand."""

    pulumi: str
    terraform: Path
    node: Any
    every_key: bool = False

    def member(self, prop: str, name: Name, every_key: bool) -> _Place:
        inner = self.node.get(name.text) if isinstance(self.node, dict) else None
        whole = self.every_key or every_key or (isinstance(inner, dict) and EVERY_KEY in inner)
        path = f"{self.pulumi}.{prop}" if self.pulumi else prop
        return _Place(path, (*self.terraform, name.text), inner, whole)

    def only(self) -> _Place:
        """Return the one element of a list that Pulumi flattens to an object."""
        return _Place(self.pulumi, (*self.terraform, 0), self.node, self.every_key)

    def element(self, index: int) -> _Place:
        return _Place(f"{self.pulumi}[{index}]", (*self.terraform, index), self.node, self.every_key)

    def key(self, key: str) -> _Place:
        return _Place(f"{self.pulumi}[{json.dumps(key)}]", (*self.terraform, key), self.node, self.every_key)


def convert(
    body: Body, inputs: Mapping[str, Any], args: type, *, address: Path, node: Node | None, whole: frozenset[str]
) -> None:
    """Fill ``body``. ``whole`` names the arguments made of objects that Terraform wants with every key."""
    body.origins[address] = ValueOrigin(body.resource.urn, "", args)
    body.arguments = _members(body, inputs, args, _Place("", address, node), whole)


def _members(
    body: Body, values: Mapping[str, Any], args: type, place: _Place, whole: frozenset[str] = frozenset()
) -> dict[str, Any]:
    names = terraform_names(args)
    annotations = properties(args)
    written: dict[str, Any] = {}
    for prop, value in values.items():
        name = names.get(prop)
        path = f"{place.pulumi}.{prop}" if place.pulumi else prop
        if name is None:
            _leave_out(body, path, NO_SUCH_ARGUMENT, difflib.get_close_matches(prop, names) or sorted(names))
        elif place.node is not None and name.text not in place.node:
            _leave_out(body, path, TOO_NEW_ARGUMENT)
        elif value is not None:
            inner = place.member(prop, name, name.text in whole)
            body.origins[inner.terraform] = ValueOrigin(body.resource.urn, inner.pulumi, annotation=annotations[prop])
            converted = _property(body, value, annotations[prop], name, inner)
            if converted is not _ABSENT:
                written[name.text] = converted
    if place.every_key:
        known = [name.text for name in names.values() if place.node is None or name.text in place.node]
        written = {name: written.get(name) for name in sorted({*known, *written})}
    return written


def _property(body: Body, value: Any, annotation: Any, name: Name, place: _Place) -> Any:
    shape = shape_of(annotation)
    if shape.kind is ShapeKind.BLOCK and not name.single:
        block = _value(body, value, annotation, place.only())
        return block if block is _ABSENT else [block]
    converted = _value(body, value, annotation, place)
    return [converted] if name.flattened and converted is not _ABSENT else converted


def _value(body: Body, value: Any, annotation: Any, place: _Place) -> Any:  # noqa: PLR0911 - one line per shape
    shape = shape_of(annotation)
    if isinstance(value, Opaque):
        return _unknown(body, value, shape.kind, place)
    if shape.kind is ShapeKind.BLOCK and isinstance(value, dict) and shape.args:
        body.origins[place.terraform] = ValueOrigin(body.resource.urn, place.pulumi, shape.args, annotation)
        return _members(body, value, shape.args, place)
    if shape.kind in (ShapeKind.LIST, ShapeKind.BLOCKS) and isinstance(value, list):
        elements = [_value(body, item, shape.element, place.element(index)) for index, item in enumerate(value)]
        return [element for element in elements if element is not _ABSENT]
    if shape.kind is ShapeKind.MAP and isinstance(value, dict):
        return {escaped(key): _value(body, item, shape.element, place.key(key)) for key, item in value.items()}
    if shape.kind is ShapeKind.FILE and isinstance(value, dict):
        return escaped(str(value.get("path") or value.get("uri") or "content.zip"))
    if shape.kind in (ShapeKind.TEXT, ShapeKind.VALUE) and isinstance(value, dict | list) and str in _plain(annotation):
        return escaped(json.dumps(value, sort_keys=True, ensure_ascii=False, default=to_marker))
    return _plain_value(body, value)


def _plain_value(body: Body, value: Any) -> Any:
    if isinstance(value, Opaque):
        body.uses_unknown = True
        return UNKNOWN_REFERENCE
    if isinstance(value, dict):
        return {escaped(key): _plain_value(body, item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain_value(body, item) for item in value]
    if isinstance(value, str):
        text, parts = _UNKNOWN_PART.subn(f'"{UNKNOWN_REFERENCE}"', escaped(_identifier(body, value)))
        body.uses_unknown = body.uses_unknown or parts > 0
        return text
    return value


_UNKNOWN_PART = re.compile(rf'\{{"{re.escape(MARKER)}": "\w+"\}}')
"""What stands for something unknown inside a text that is JSON."""


def _identifier(body: Body, text: str) -> str:
    """Return the id for a URN. A resource handed over whole is a URN in the snapshot; what AWS gets is its id."""
    if not text.startswith("urn:pulumi:"):
        return text
    return str(body.outputs.get(text, {}).get("id", text))


def _unknown(body: Body, value: Opaque, kind: ShapeKind, place: _Place) -> Any:
    if value is Opaque.SECRET and kind is ShapeKind.VALUE and place.node is True:
        return SECRET_TEXT
    # An argument made of objects may be unknown as a whole; a block may not.
    if kind in (ShapeKind.BLOCK, ShapeKind.BLOCKS) and not place.every_key:
        _leave_out(body, place.pulumi, UNKNOWN_BLOCK)
        return _ABSENT
    body.uses_unknown = True
    return UNKNOWN_REFERENCE


def _leave_out(body: Body, path: str, reason: str, near: Iterable[str] = ()) -> None:
    body.left_out.append(LeftOut(body.resource.urn, body.resource.type, path, reason, tuple(near)))


def escaped(text: str) -> str:
    """Escape text that Terraform must not read as a template."""
    return text.replace("${", "$${").replace("%{", "%%{")


def _plain(annotation: Any) -> tuple[Any, ...]:
    return (annotation, *typing.get_args(annotation))
