"""Names as SDKs have them, ``costCenter``, and as stack files do, ``cost_center``."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from pydantic import BaseModel

from groundwork.components.settings import Settings
from groundwork.settings.loading import PHASES
from groundwork.settings.mistakes import Path
from groundwork.settings.model_paths import is_model, member


def camel_case(name: str) -> str:
    """Return ``costCenter`` for ``cost_center``."""
    first, *others = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def as_in_stack_files(said: Any, model: Any = Settings) -> Any:
    """Return settings with the names of stack files; names that the program chose itself, of services and the like, stay as they are."""
    if isinstance(said, list):
        return [as_in_stack_files(item, member(model, 0)) for item in said]
    if not isinstance(said, dict):
        return said
    known = _names(model)
    named: dict[str, Any] = {known.get(str(key), str(key)): value for key, value in said.items()}
    return {name: as_in_stack_files(value, _member(model, name)) for name, value in named.items()}


def as_in_programs(path: Path) -> Path:
    """Return where a setting stands, with the names that the program wrote."""
    model: Any = Settings
    shown: list[str | int] = []
    for part in path:
        known = isinstance(part, str) and part in _names(model).values()
        shown.append(camel_case(str(part)) if known else part)
        model = _member(model, part)
    return tuple(shown)


def in_programs(text: str) -> str:
    """Return a message about settings with the names that the program writes."""
    return re.sub(
        r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", lambda word: camel_case(word[0]) if word[0] in _all() else word[0], text
    )


@cache
def _all() -> frozenset[str]:
    """Return the names of all settings."""
    definitions = Settings.model_json_schema(by_alias=True)["$defs"].values()
    return frozenset(name for definition in definitions for name in definition.get("properties", ()))


def _member(model: Any, key: str | int) -> Any:
    """Return what stands at a key: below ``phases``, by phase, the layers again."""
    if model is Settings and key == PHASES:
        return _Phases
    return Settings if model is _Phases else member(model, key)


class _Phases:
    """Stands for the mapping of phases to layers."""


def _names(model: Any) -> dict[str, str]:
    """Return the names that a model's fields have in stack files, by those that they have in programs."""
    if not is_model(model):
        return {}
    fields: type[BaseModel] = model
    return {camel_case(name): name for key, field in fields.model_fields.items() for name in (field.alias or key,)}
