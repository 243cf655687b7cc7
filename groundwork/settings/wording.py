"""What pydantic reports of a value, in words that its reader can act on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import combinations
from pathlib import Path as File
from typing import Any

from groundwork.components.services.checks import looks_secret
from groundwork.components.settings import Sealed
from groundwork.settings.data_file import read_data
from groundwork.settings.meant import domain_meant, entries_meant, list_meant, repository_meant, words_allowed
from groundwork.settings.merging import is_sealed
from groundwork.settings.mistakes import Path, all_of, dotted, nearest, one_of
from groundwork.settings.model_paths import keys_at
from groundwork.settings.quantities import quantity_hint

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


@cache
def forms() -> dict[str, str]:
    """Map each pattern of the models to what has this form, with an example: nobody should have to read a regular expression to learn what
    is wrong."""
    return {row["pattern"]: row["words"] for row in read_data(File(__file__).with_name("forms.yaml"))}


def message_of(path: Path, details: list[Any], meant: str | None = None) -> str:
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
        allowed = keys_at(path[:-1])
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
        value = value[part] if has(value, part) else value
    found = _shown(path, value)
    if kind == "literal_error":
        allowed = words_allowed(context)
        return f"{found} is not allowed; use {one_of(allowed)}{nearest(value, allowed)}"
    if kind in _BOUNDS:
        label, key = _BOUNDS[kind]
        return (
            f"{found} is {label} {context[key]:g}"
            if isinstance(context[key], float)
            else f"{found} is {label} {context[key]}"
        )
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return f"{found} is not {forms()[pattern]}{_of_service(pattern, value) or _out_of_place(path, pattern, value)}"
    if kind.rpartition("_")[2] in ("type", "size", "float") or "parsing" in kind:
        expected = _KINDS.get(kind.partition("_")[0], "of the right type")
        return f"{found} is not {expected}{_type_hint(path, kind, value)}"
    message: str = detail["msg"]
    if kind in _MEANT and isinstance(value, str):
        meant = _MEANT[kind](value)
        message += f'; did you mean "{meant}"?' if meant and meant != value else ""
    return f"{found} {message}" if message.startswith(("is ", "must ")) else message


_MEANT = {"domain": domain_meant, "repository": repository_meant}
"""Kinds of text → how what was meant is got from it."""


def has(node: Any, part: str | int) -> bool:
    if isinstance(node, list):
        return isinstance(part, int) and part < len(node)
    return isinstance(node, Mapping) and part in node


def _of_service(pattern: str, value: str) -> str:
    """Return the class that was meant by one without what a service puts around those of EC2: ``db.``, ``cache.``, ``.search``."""
    meant = next((one for one in (f"db.{value}", f"cache.{value}", f"{value}.search") if re.search(pattern, one)), None)
    is_class = re.fullmatch(r"[a-z][a-z0-9-]*\d[a-z0-9-]*\.[a-z0-9]+", value) is not None
    return f'; did you mean "{meant}"?' if meant and is_class else ""


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
    if kind.startswith(("int", "float")):
        return quantity_hint(path, value)
    return _shape_hint(path, kind, value)


def _shape_hint(path: Path, kind: str, value: Any) -> str:
    """Hint at the shape for a word or a number where a list or a mapping belongs, and for a list where a mapping does."""
    if _may_be_secret(path, value):
        return ""
    if kind in ("tuple_type", "list_type"):
        meant = list_meant(value)
        return f"; write [{', '.join(map(_item, meant))}]" if meant else ""
    if kind == "dict_type":
        named = entries_meant(value)
        return (
            f"; write each with what is said of it: {{{', '.join(f'{_item(name)}: …' for name in named)}}}"
            if named
            else ""
        )
    keys = keys_at(path)
    return f"; its keys are {', '.join(keys)}" if keys else ""


def _item(value: Any) -> str:
    """Return a value as it may stand in a list of YAML between brackets."""
    text = str(value)
    return text if re.fullmatch(r"[A-Za-z0-9_./@-]*[A-Za-z0-9_/]", text) else json.dumps(text, ensure_ascii=False)


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
