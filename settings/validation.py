"""Turning what pydantic reports into mistakes that a reader can act on."""

from __future__ import annotations

import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from settings.checks.services import looks_secret
from settings.merging import is_sealed
from settings.mistakes import Mistake, Path, dotted, nearest, one_of
from settings.models import Sealed, Settings

_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "str": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "date": "a date such as 2027-01-31",
}


def validate(data: Mapping[str, Any], *, decrypted: bool) -> tuple[Settings | None, list[Mistake]]:
    """The settings, and every mistake in them.

    What is mistaken is taken out and the rest validated again, so that the checks between layers can still run and all
    mistakes show at once. None where not even that leaves a platform.
    """
    remaining = _without_nulls(_copy(data), Settings)
    mistakes: dict[Path, Mistake] = {}
    for _ in range(20):
        try:
            settings = Settings.model_validate(remaining, context={"decrypted": decrypted})
        except ValidationError as error:
            found = _mistakes(error, remaining)
            for path, mistake in found.items():
                if not any(_within(known, path) for known in mistakes):
                    mistakes[path] = mistake
                _take_out(remaining, path)
            if not isinstance(remaining.get("platform"), dict):
                remaining["platform"] = {}
            remaining["platform"].setdefault("name", "unnamed")
        else:
            return settings, list(mistakes.values())
    return None, list(mistakes.values())


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _without_nulls(data: Any, model: Any) -> Any:
    """``null`` stays where a model takes it as "none of this"; elsewhere it removes the key: an entry of a map is gone, a
    value that cannot be absent falls back to its default."""
    if not isinstance(data, dict):
        return data
    kept = {}
    for key, value in data.items():
        if value is not None:
            kept[key] = _without_nulls(value, _member(model, key))
        elif _is_model(model) and _takes_none(model, key):
            kept[key] = None
    return kept


def _takes_none(model: type[BaseModel], key: str) -> bool:
    return any(
        key in (name, field.alias) and type(None) in get_args(field.annotation)
        for name, field in model.model_fields.items()
    )


def _within(inner: Path, outer: Path) -> bool:
    """Whether taking ``inner`` out is what made ``outer`` incomplete."""
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _mistakes(error: ValidationError, data: Mapping[str, Any]) -> dict[Path, Mistake]:
    by_path: dict[Path, list[Any]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_path(detail, data), []).append(detail)
    return {path: Mistake(path, _message(path, details)) for path, details in by_path.items()}


def _path(detail: Any, data: Mapping[str, Any]) -> Path:
    """Where in the data an error is: pydantic's location without the names of union members."""
    path: list[str | int] = []
    node: Any = data
    for part in detail["loc"]:
        is_entry = isinstance(node, list) and isinstance(part, int) and part < len(node)
        if is_entry or (isinstance(node, Mapping) and part in node):
            node = node[part]
            path.append(part)
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    return tuple(path)


def _take_out(data: dict[str, Any], path: Path) -> None:
    """Remove what stands at ``path``; where it is missing, the group that lacks it. A list goes as a whole, since taking out
    one entry would move the others."""
    node: Any = data
    for depth, part in enumerate(path):
        if isinstance(part, int) or depth == len(path) - 1 or not isinstance(node.get(part), (dict, list)):
            _remove(data, path[:depth] if isinstance(part, int) else path[: depth + 1])
            return
        node = node[part]


def _remove(data: dict[str, Any], path: Path) -> None:
    """Remove a key of nested mappings, or, where the key is missing, the mapping that lacks it."""
    node: Any = data
    for part in path[:-1]:
        if not isinstance(node, dict) or part not in node:
            return
        node = node[part]
    if isinstance(node, dict) and path and path[-1] in node:
        del node[path[-1]]
    elif len(path) > 1:
        _remove(data, path[:-1])


def _message(path: Path, details: list[Any]) -> str:
    if len(details) > 1:
        # The members of a union each say why they refuse; together they are the alternatives.
        return " or ".join(dict.fromkeys(_one(path, detail) for detail in details))
    return _one(path, details[0])


def _one(path: Path, detail: Any) -> str:
    """One of pydantic's complaints in our words."""
    kind: str = detail["type"]
    context = detail.get("ctx", {})
    if kind == "extra_forbidden":
        allowed = _keys_at(path[:-1])
        return f"unknown key{nearest(path[-1], allowed)}; allowed: {', '.join(allowed)}"
    if kind == "missing":
        example = (
            "; add groundwork:platform: {name: shop, stage: dev, phase: mvp} under config"
            if path == ("platform",)
            else "; it has no default"
        )
        return f"is missing{example}"
    if kind == "secret_in_clear":
        return str(detail["msg"]).replace("{key}", f"groundwork:{dotted(path)}")
    return _about_value(kind, _shown(path, detail["input"]), detail, context)


def _about_value(kind: str, found: str, detail: Any, context: Mapping[str, Any]) -> str:
    if kind == "literal_error":
        allowed = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
        return f"{found} is not allowed; use {one_of(allowed)}{nearest(detail['input'], allowed)}"
    if kind in _BOUNDS:
        label, key = _BOUNDS[kind]
        return f"{found} is {label} {context[key]}"
    if kind == "string_pattern_mismatch":
        return f"{found} does not have the form {context['pattern']}"
    if kind.rpartition("_")[2] in ("type", "size") or "parsing" in kind:
        expected = _KINDS.get(kind.partition("_")[0], "of the right type")
        return f"{found} is not {expected}{_type_hint(kind, detail['input'])}"
    message: str = detail["msg"]
    return f"{found} {message}" if message.startswith(("is ", "must ")) else message


def _type_hint(kind: str, value: Any) -> str:
    if is_sealed(value) or isinstance(value, Sealed):
        return "; an encrypted value can only stand under secrets.NAME.values and messaging.push"
    if kind == "string_type" and isinstance(value, (bool, int, float)):
        return "; put it in quotes"
    return ""


_BOUNDS = {
    "greater_than": ("too small; it must be more than", "gt"),
    "greater_than_equal": ("too small; the least is", "ge"),
    "less_than": ("too large; it must be less than", "lt"),
    "less_than_equal": ("too large; the most is", "le"),
    "string_too_short": ("too short; characters needed:", "min_length"),
    "string_too_long": ("too long; characters allowed:", "max_length"),
    "too_short": ("too short; entries needed:", "min_length"),
    "too_long": ("too long; entries allowed:", "max_length"),
}


def _shown(path: Path, value: Any) -> str:
    """What was found, unless it may be a secret that somebody pasted: that is never repeated."""
    text = _text(value)
    if _may_be_secret(path, value):
        return "the value"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


_LONGEST_SHOWN = 60


def _text(value: Any) -> str:
    try:
        return json.dumps(value, default=str, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return "the value"


def _may_be_secret(path: Path, value: Any) -> bool:
    if not {"environment", "values", "push"}.isdisjoint(path):
        return True
    if path[:1] == ("secrets",) and path[2:3] not in (("path",), ("keys",)):
        return True
    return any(looks_secret(str(key), text) for key, text in _texts(path[-1] if path else "", value))


def _texts(key: str | int, value: Any) -> Iterable[tuple[str | int, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(name, item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(key, item)


def _keys_at(path: Path) -> list[str]:
    """The keys that the model at ``path`` knows."""
    model: Any = Settings
    for part in path:
        model = _member(model, part)
        if model is None:
            return []
    return sorted(_names(model)) if _is_model(model) else []


def _names(model: type[BaseModel]) -> Iterable[str]:
    return (field.alias or name for name, field in model.model_fields.items() if not field.exclude)


def _member(model: Any, part: str | int) -> Any:
    if _is_model(model):
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        return None if field is None else _model_in(field.annotation)
    return model.model if isinstance(model, _Entries) else None


def _model_in(annotation: Any) -> Any:
    """The model inside an annotation such as ``dict[Name, Model]`` or ``Model | None``."""
    if _is_model(annotation):
        return annotation
    if isinstance(annotation, types.UnionType) or get_origin(annotation) is not None:
        for argument in get_args(annotation):
            inner = _model_in(argument)
            if inner is not None:
                return _Entries(inner) if get_origin(annotation) in (dict, tuple) else inner
    return None


class _Entries:
    """A map or list of models: one more step leads to the model itself."""

    def __init__(self, model: Any) -> None:
        self.model = model


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)
