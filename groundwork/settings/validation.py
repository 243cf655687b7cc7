"""Turning what pydantic reports into mistakes that a reader can act on."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from groundwork.components.services.checks import looks_secret
from groundwork.components.settings import LAYERS, Sealed, Settings
from groundwork.settings.forms import forms
from groundwork.settings.meant import key_meant, name_meant, size_hint, value_meant, words_allowed
from groundwork.settings.merging import EVERY, is_sealed
from groundwork.settings.mistakes import Mistake, Path, all_of, dotted, nearest, one_of

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


def validate(data: Mapping[str, Any], *, decrypted: bool) -> tuple[Settings | None, Correction]:
    """Return the settings, and every mistake in them.

    What is mistaken gives way to what was meant, or is taken out, and the rest is validated again, so that the checks between
    layers can still run and all mistakes show at once. None where not even that leaves a platform.
    """
    correction = Correction(_without_nulls(_copy(data), Settings))
    for _ in range(_ROUNDS):
        try:
            return Settings.model_validate(correction.data, context={"decrypted": decrypted}), correction
        except ValidationError as error:
            correction.correct(error)
    return None, correction


_ROUNDS = 40


class Correction:
    """Data with its mistakes, corrected until it can be checked as a whole."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self._mistakes: dict[Path, Mistake] = {}
        self._renamed: dict[Path, Path] = {}
        """Where what was meant now stands → where it was said."""
        self._known: set[Path] = set()
        self._gone: set[Path] = set()

    @property
    def mistakes(self) -> list[Mistake]:
        return list(self._mistakes.values())

    def said(self, path: Path) -> Path:
        """Return where the stack file says what is checked at ``path``."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._renamed:
                return (*self._renamed[path[:length]], *path[length:])
        return path

    def explains(self, path: Path) -> bool:
        """Tell whether what a check finds at ``path`` may only follow from a mistake that is known."""
        if any(_overlap(path, known) for known in self._known) or any(_is_ground(gone) for gone in self._gone):
            return True
        entries = {gone[-1] for gone in self._gone if isinstance(_model_at(gone[:-1]), _Entries)}
        return not entries.isdisjoint({path[-1], *_words_at(self.data, path)} if path else ())

    def correct(self, error: ValidationError) -> None:
        """Note the mistakes of one round, and mend what they are about."""
        by_path: dict[Path, list[Any]] = {}
        for detail in error.errors(include_url=False):
            by_path.setdefault(_path(detail, self.data), []).append(detail)
        misspelt = {path: meant for path, details in by_path.items() if (meant := self._key_meant(path, details))}
        # What a misspelt key leaves missing is no mistake of its own; what else there is shows in the next round.
        for path in misspelt or by_path:
            said = self.said(path)
            if said not in self._mistakes and not any(_within(known, said) for known in self._mistakes):
                self._mistakes[said] = Mistake(said, _message(path, by_path[path], misspelt.get(path)))
        for path, key in misspelt.items():
            self._rename(path, key)
        for path, details in () if misspelt else by_path.items():
            self._mend(path, details)
        if not isinstance(self.data.get("platform"), dict):
            self.data["platform"] = {}
        self.data["platform"].setdefault("name", "unnamed")

    def _key_meant(self, path: Path, details: list[Any]) -> str | None:
        kind, beside = details[0]["type"], _at(self.data, path[:-1])
        if not path or not isinstance(path[-1], str) or not isinstance(beside, dict) or path in self._renamed:
            return None
        if kind == "extra_forbidden":
            return key_meant(path[-1], _keys_at(path[:-1]), beside)
        return name_meant(path[-1], beside) if kind == "name" and details[0]["loc"][-1] == "[key]" else None

    def _rename(self, path: Path, key: str) -> None:
        node = _at(self.data, path[:-1])
        self._renamed[*path[:-1], key] = self.said(path)
        # In its place: the first of some maps counts for more than the others.
        pairs = [(key if name == path[-1] else name, value) for name, value in node.items()]
        node.clear()
        node.update(pairs)

    def _mend(self, path: Path, details: list[Any]) -> None:
        meant = None if path in self._known else next(filter(None, (value_meant(path, one) for one in details)), None)
        self._known.add(path)
        holder = _at(self.data, path[:-1])
        if meant is not None and _at(self.data, path) is not None:
            holder[path[-1]] = meant
        elif (gone := _take_out(self.data, path)) is not None:
            self._gone.add(gone)


_GROUND: tuple[Path, ...] = (
    *((layer,) for layer in LAYERS if layer not in ("migration", "observability", "budget", "usage", "exceptions")),
    ("compute", "engine"),
    ("compute", "kubernetes"),
    ("compute", "kubernetes", "nodes"),
    ("compute", "kubernetes", "nodes", EVERY),
)
"""What so much rests on that nothing can be said of the rest while it is not there: layers that others
name, and what runs services."""


def _is_ground(gone: Path) -> bool:
    return any(
        len(gone) == len(path) and all(part in (EVERY, found) for part, found in zip(path, gone, strict=True))
        for path in _GROUND
    )


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return shorter > 0 and one[:shorter] == other[:shorter]


def _at(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        elif isinstance(data, dict):
            data = data.get(part)
        else:
            return None
    return data


def _words_at(data: Any, path: Path) -> Iterable[str]:
    value = _at(data, path)
    return [value] if isinstance(value, str) else []


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _without_nulls(data: Any, model: Any) -> Any:
    """Keep ``null`` where a model takes it as "none of this"; elsewhere it removes the key: an entry of a map is gone,
    a value that cannot be absent falls back to its default."""
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
    """Tell whether taking ``inner`` out is what made ``outer`` incomplete."""
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _path(detail: Any, data: Mapping[str, Any]) -> Path:
    """Return where in the data an error is: pydantic's location without the names of union members."""
    path: list[str | int] = []
    node: Any = data
    for part in detail["loc"]:
        if _has(node, part):
            node = node[part]
            path.append(part)
    if detail["type"] == "missing":
        path.append(detail["loc"][-1])
    # A model that finds two of its values at odds says which of them to look at.
    for part in detail.get("ctx", {}).get("at", ()):
        if not _has(node, part):
            break
        node = node[part]
        path.append(part)
    return tuple(path)


def _has(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, Mapping) and part in node


def _take_out(data: dict[str, Any], path: Path) -> Path | None:
    """Remove what stands at ``path``; where it is missing, the group that lacks it. A list goes as a whole, since taking out
    one entry would move the others. What went, or None where it had gone before."""
    node: Any = data
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(part, int):
            return _remove(data, path[:depth])
        if last or not isinstance(node.get(part), (dict, list)):
            return _remove(data, path[: depth + 1]) if last or part in node else None
        node = node[part]
    return None


def _remove(data: dict[str, Any], path: Path) -> Path | None:
    """Remove a key of nested mappings, or, where the key is missing, the mapping that lacks it."""
    node: Any = data
    for part in path[:-1]:
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    if isinstance(node, dict) and path and path[-1] in node:
        del node[path[-1]]
        return path
    return _remove(data, path[:-1]) if len(path) > 1 else None


def _message(path: Path, details: list[Any], meant: str | None = None) -> str:
    # The members of a union each say why they refuse; together they are the alternatives, but for those of another type
    # where one takes this type.
    nearer = [detail for detail in details if not detail["type"].endswith("_type")] or details
    text = " or ".join(dict.fromkeys(_one(path, detail) for detail in nearer))
    return f'{text}; did you mean "{meant}"?' if meant and details[0]["type"] == "name" else text


def _one(path: Path, detail: Any) -> str:
    """Return one of pydantic's complaints in our words."""
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
    return _about_value(path, detail, context)


def _about_value(path: Path, detail: Any, context: Mapping[str, Any]) -> str:
    kind, value = detail["type"], detail["input"]
    for part in context.get("at", ()):
        # What a model says of one of its values is about that value.
        value = value[part] if _has(value, part) else value
    found = _shown(path, value)
    if kind == "literal_error":
        allowed = words_allowed(context)
        return f"{found} is not allowed; use {one_of(allowed)}{nearest(value, allowed)}"
    if kind in _BOUNDS:
        label, key = _BOUNDS[kind]
        return f"{found} is {label} {context[key]}"
    if kind == "string_pattern_mismatch":
        return f"{found} is not {forms()[context['pattern']]}{_out_of_place(path, context['pattern'], value)}"
    if kind.rpartition("_")[2] in ("type", "size", "float") or "parsing" in kind:
        expected = _KINDS.get(kind.partition("_")[0], "of the right type")
        return f"{found} is not {expected}{_type_hint(path, kind, value)}"
    message: str = detail["msg"]
    return f"{found} {message}" if message.startswith(("is ", "must ")) else message


def _out_of_place(path: Path, pattern: str, value: str) -> str:
    """Name the characters without which ``value`` would have the form, where there are but a few."""
    if _may_be_secret(path, value):
        return ""
    signs = [sign for sign in dict.fromkeys(value) if not sign.isalnum()]
    for count in range(1, min(len(signs), _MOST_SIGNS) + 1) if len(signs) <= _MANY_SIGNS else ():
        for some in combinations(signs, count):
            if re.search(pattern, "".join(char for char in value if char not in some)):
                shown = all_of("spaces" if sign.isspace() else sign for sign in some)
                return f"; {shown} cannot stand in it"
    return ""


_MOST_SIGNS = 3
_MANY_SIGNS = 10


def _type_hint(path: Path, kind: str, value: Any) -> str:
    if is_sealed(value) or isinstance(value, Sealed):
        return "; an encrypted value can only stand under secrets.NAME.values and messaging.push"
    if kind == "string_type" and isinstance(value, (bool, int, float)):
        yaml = " (YAML takes no, off, yes and on for false and true)" if isinstance(value, bool) else ""
        return f"; put it in quotes{yaml}"
    if kind.startswith("int"):
        return size_hint(path, value)
    return _shape_hint(path, kind, value)


def _shape_hint(path: Path, kind: str, value: Any) -> str:
    """Hint at the shape for a word where a list or a mapping belongs."""
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_.-]+", value) and not _may_be_secret(path, value):
        if kind in ("tuple_type", "list_type"):
            return f"; write [{value}]"
        keys = _keys_at(path)
        return f"; its keys are {', '.join(keys)}" if keys else ""
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
    """Return what was found, unless it may be a secret that somebody pasted: that is never repeated."""
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
    """List the keys that the model at ``path`` knows."""
    model = _model_at(path)
    return sorted(_names(model)) if _is_model(model) else []


def takes_keys(path: Path) -> bool:
    """Tell whether a mapping belongs at ``path``: a group of settings, or entries."""
    return not path or _is_model(model := _model_at(path)) or isinstance(model, _Entries)


def is_chosen(path: Path) -> bool:
    """Tell whether the stack file chose the last part of ``path`` itself: the name of an entry, not a key of ours."""
    return len(path) > 1 and isinstance(path[-1], str) and not _is_model(_model_at(path[:-1]))


def _model_at(path: Path) -> Any:
    model: Any = Settings
    for part in path:
        model = _member(model, part)
    return model


def _names(model: type[BaseModel]) -> Iterable[str]:
    return (field.alias or name for name, field in model.model_fields.items() if not field.exclude)


def _member(model: Any, part: str | int) -> Any:
    if _is_model(model):
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        return None if field is None else _model_in(field.annotation)
    return model.model if isinstance(model, _Entries) else None


def _model_in(annotation: Any) -> Any:
    """Return the model inside an annotation such as ``dict[Name, Model]`` or ``Model | None``."""
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
