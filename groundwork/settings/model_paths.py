"""Which keys and models of the settings stand at a path."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Path


def keys_at(path: Path) -> list[str]:
    """List the keys that the model at ``path`` knows."""
    model = model_at(path)
    return sorted(_names(model)) if is_model(model) else []


def takes_keys(path: Path) -> bool:
    """Tell whether a mapping belongs at ``path``: a group of settings, or entries."""
    return not path or is_model(model := model_at(path)) or isinstance(model, Entries)


def is_chosen(path: Path) -> bool:
    """Tell whether the stack file chose the last part of ``path`` itself: the name of an entry, not a key of ours."""
    return len(path) > 1 and isinstance(path[-1], str) and not is_model(model_at(path[:-1]))


def model_at(path: Path) -> Any:
    model: Any = Settings
    for part in path:
        model = member(model, part)
    return model


def _names(model: type[BaseModel]) -> Iterable[str]:
    return (field.alias or name for name, field in model.model_fields.items() if not field.exclude)


def member(model: Any, part: str | int) -> Any:
    if is_model(model):
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        return None if field is None else _model_in(field.annotation)
    return model.model if isinstance(model, Entries) else None


def _model_in(annotation: Any) -> Any:
    """Return the model inside an annotation such as ``dict[Name, Model]`` or ``Model | None``."""
    if is_model(annotation):
        return annotation
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is not None:
        for argument in get_args(annotation):
            inner = _model_in(argument)
            if inner is not None:
                return Entries(inner) if get_origin(annotation) in (dict, tuple) else inner
    return None


class Entries:
    """A map or list of models: one more step leads to the model itself."""

    def __init__(self, model: Any) -> None:
        self.model = model


def is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)
