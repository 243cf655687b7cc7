"""What shape a property has, read from pulumi-aws's own annotations."""

from __future__ import annotations

import enum
import typing
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import _types


class ShapeKind(enum.Enum):
    """The shapes that Terraform writes differently."""

    VALUE = "value"
    BLOCK = "block"
    BLOCKS = "repeated block"
    LIST = "list"
    MAP = "map"
    TEXT = "JSON text that Pulumi also takes as a structure"
    FILE = "file"


@dataclass(frozen=True)
class Shape:
    """``args`` is the input class of a block; ``element`` the annotation of a list's or map's elements."""

    kind: ShapeKind
    args: type | None = None
    element: Any = None
    enums: tuple[type[enum.Enum], ...] = ()


def shape_of(annotation: Any) -> Shape:
    """Return the shape behind an annotation, without the wrappers that only matter to Python."""
    options = list(_alternatives(annotation))
    enums = tuple(option for option in options if isinstance(option, type) and issubclass(option, enum.Enum))
    blocks = [option for option in options if isinstance(option, type) and _types.is_input_type(option)]
    if blocks:
        return Shape(ShapeKind.TEXT) if str in options else Shape(ShapeKind.BLOCK, args=blocks[0])
    for option in options:
        origin = typing.get_origin(option)
        arguments = typing.get_args(option)
        if origin in (Sequence, list):
            element = shape_of(arguments[0])
            kind = ShapeKind.BLOCKS if element.kind is ShapeKind.BLOCK else ShapeKind.LIST
            return Shape(kind, args=element.args, element=arguments[0], enums=element.enums)
        if origin in (Mapping, dict):
            return Shape(ShapeKind.MAP, element=arguments[1])
        if isinstance(option, type) and issubclass(option, pulumi.Asset | pulumi.Archive):
            return Shape(ShapeKind.FILE)
    return Shape(ShapeKind.VALUE, enums=enums)


def _alternatives(annotation: Any) -> Iterable[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Union or str(origin) == "<class 'types.UnionType'>":
        for option in typing.get_args(annotation):
            yield from _alternatives(option)
    elif origin not in (Awaitable, pulumi.Output) and annotation not in (type(None), pulumi.Output):
        yield annotation
