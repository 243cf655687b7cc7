"""The reference of every setting, made from the models, for ``docs/settings.md``."""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from groundwork.components.settings import ENTRY_LAYERS, LAYERS, Sealed, Settings
from groundwork.settings.describing import descriptions

_PLAIN = {int: "whole number", float: "number", str: "text", bool: "true or false", Sealed: "encrypted text"}
_LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "max_length": "length ≤"}


def dumps() -> str:
    """Render one table for each layer, each group of settings within it by its dotted path."""
    return "\n".join(line for layer in LAYERS for line in _layer(layer))


def _layer(layer: str) -> Iterator[str]:
    field = Settings.model_fields[layer]
    model = _model(field.annotation)
    if model is None:
        return
    entries = layer in ENTRY_LAYERS
    shown = f"{layer}.NAME" if entries else f"{layer}[]" if get_origin(field.annotation) is tuple else layer
    yield f"### {layer}\n"
    yield f"{_prose(model.__doc__)}\n"
    yield f"| `{shown}.…` | takes | default | |"
    yield "|---|---|---|---|"
    yield from _rows("", model)
    yield ""


def _rows(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        inner = _model(field.annotation)
        described = descriptions(model).get(name) or (inner.__doc__ if inner else "")
        cells = (_takes(field), _default(field), _prose(described))
        yield f"| `{key}` | {' | '.join(map(_cell, cells))} |"
        if inner is not None and not _is_written_plain(inner):
            yield from _rows(f"{key}{_step(field.annotation)}.", inner)


def _step(annotation: Any) -> str:
    origins = {get_origin(part) for part in (annotation, *get_args(annotation))}
    return ".NAME" if dict in origins else "[]" if tuple in origins else ""


def _takes(field: FieldInfo) -> str:
    return ", ".join([_type(field.annotation), *_limits(field.metadata)])


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return ", ".join([_type(arguments[0]), *_limits(arguments[1:])])
    if origin in _COMPOUND:
        return _COMPOUND[origin](arguments)
    model = _model(annotation)
    if model is not None and _is_written_plain(model):
        names = ", ".join(f"{name}: …" for name in model.model_fields)
        return f"number, or `{{{names}}}`"
    return "group" if model else _PLAIN.get(annotation, getattr(annotation, "__name__", "text"))


_COMPOUND: dict[Any, Callable[[tuple[Any, ...]], str]] = {
    Literal: lambda items: ", ".join(f"`{item}`" for item in items),
    types.UnionType: lambda items: " or ".join(dict.fromkeys(_type(item) for item in items if item is not type(None))),
    dict: lambda items: f"map of names to {_type(items[1])}",
    tuple: lambda items: f"list of {_type(items[0])}",
}
_COMPOUND[Union] = _COMPOUND[types.UnionType]


def _limits(metadata: Iterable[Any]) -> list[str]:
    parts = [part for item in metadata for part in (item, *getattr(item, "metadata", ()))]
    return [
        f"{sign} {getattr(part, key)}"
        for part in parts
        for key, sign in _LIMITS.items()
        if getattr(part, key, None) is not None
    ]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, BaseModel):
        return f"`{json.dumps(value.model_dump())}`" if _is_written_plain(type(value)) else "as below"
    if value is None:
        return "none"
    return f"`{json.dumps(value, ensure_ascii=False, default=_written)}`"


def _written(value: Any) -> Any:
    """Return an entry of a map as what it says beyond its own defaults."""
    return value.model_dump(by_alias=True, exclude_defaults=True)


def _model(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation such as ``dict[Name, Model]`` or ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model(part) for part in get_args(annotation))
    return next((model for model in found if model is not None), None)


def _is_written_plain(model: type[BaseModel]) -> bool:
    """Tell whether a stack file mostly says a bare value where the model has a group: its own serializer writes
    that."""
    return bool(model.__pydantic_decorators__.model_serializers)


def _prose(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


BEGIN = "<!-- reference: made by groundwork schema --format markdown -->"


def within(page: str) -> str:
    """Return a page with its reference renewed: what follows :data:`BEGIN` is replaced."""
    before, _, _ = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{dumps()}"
