"""Settings of rules: what an organisation may choose, within which bounds, and what is said where it chose badly.

The document is the one that ``pulumi preview --policy-pack-config`` takes: rule → level, or rule → an object with
``enforcementLevel`` and the rule's settings; ``all`` sets the level of every rule that the document does not name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from guardrails.levels import Level

ALL = "all"
LEVEL_KEY = "enforcementLevel"
Values = Mapping[str, Any]


class Setting(NamedTuple):
    """One value that a rule reads; ``schema`` is JSON Schema, of which :func:`mistakes` knows the words used here."""

    name: str
    about: str
    default: Any
    schema: Mapping[str, Any]

    def to_schema(self) -> dict[str, Any]:
        """Return the setting's schema as Pulumi publishes it."""
        return {"description": self.about, "default": self.default, **self.schema}


@dataclass(frozen=True)
class Configuration:
    """What a document says, and everything that is wrong with it."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    values: Mapping[str, Values] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def level(self, name: str, usual: Level) -> Level:
        return self.levels.get(name, self.levels.get(ALL, usual))


def read(document: Any, policies: Mapping[str, tuple[Setting, ...]]) -> Configuration:
    """Read a whole document for policies with their settings. Nothing it may hold raises."""
    if not isinstance(document, Mapping):
        return Configuration(problems=("it must be an object of rules, each with its level or its settings",))
    levels: dict[str, Level] = {}
    values: dict[str, Values] = {}
    problems: list[str] = []
    for name, entry in document.items():
        if name != ALL and name not in policies:
            problems.append(f"there is no rule {name!r}")
            continue
        rest = dict(entry) if isinstance(entry, Mapping) else {LEVEL_KEY: entry}
        level = rest.pop(LEVEL_KEY, None)
        if isinstance(level, str) and level in set(Level):
            levels[name] = Level(level)
        elif level is not None:
            problems.append(f"{name}: found level {level!r}, allowed is {one_of(Level)}")
        values[name], wrong = values_of(name, policies.get(name, ()), rest)
        problems += wrong
    return Configuration(levels, values, tuple(problems))


def values_of(rule: str, settings: tuple[Setting, ...], given: Values) -> tuple[dict[str, Any], list[str]]:
    """Return the value of each setting, its default where none or a wrong one is given, and what is wrong."""
    values = {setting.name: setting.default for setting in settings}
    problems = [f"{rule} has no setting {name!r}{_those(settings)}" for name in given if name not in values]
    for setting in settings:
        if setting.name not in given:
            continue
        value = _whole(given[setting.name])
        wrong = list(mistakes(setting.schema, value, f"{rule}.{setting.name}"))
        problems += wrong
        if not wrong:
            values[setting.name] = value
    return values, problems


def defaults(settings: tuple[Setting, ...]) -> Values:
    return {setting.name: setting.default for setting in settings}


def mistakes(schema: Mapping[str, Any], value: Any, place: str) -> Iterator[str]:
    """Yield what of a value its schema does not allow: place, found, allowed."""
    if not _fits(schema, value):
        yield f"{place}: found {value!r}, allowed is {allowed(schema)}"
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from mistakes(schema["items"], item, f"{place}[{index}]")
    elif isinstance(value, Mapping) and "additionalProperties" in schema:
        for key, item in value.items():
            yield from mistakes(schema["additionalProperties"], item, f"{place}.{key}")


def allowed(schema: Mapping[str, Any]) -> str:
    """Return what a schema allows, in words."""
    if "enum" in schema:
        return one_of(schema["enum"])
    words = _WORDS[schema["type"]]
    if schema["type"] == "array":
        return f"{words}, each {allowed(schema['items'])}"
    if schema["type"] == "object":
        return f"{words}, each {allowed(schema['additionalProperties'])}"
    if "pattern" in schema:
        return f"{words} that matches {schema['pattern']}"
    bounds = (schema.get("minimum"), schema.get("maximum"))
    if bounds == (None, None):
        return words
    low, high = bounds
    return f"{words} from {low} to {high}" if None not in bounds else f"{words}, {low} or more"


_WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a map",
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    if isinstance(value, bool) and schema["type"] != "boolean":
        return False
    if not isinstance(value, _TYPES[schema["type"]]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str):
        return re.fullmatch(schema.get("pattern", r"[\s\S]*"), value) is not None
    if isinstance(value, (int, float)):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return True


def _whole(value: Any) -> Any:
    """Return whole numbers as ints, since numbers cross the protocol as floats."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def one_of(words: Any) -> str:
    return "one of " + ", ".join(str(word) for word in words)


def _those(settings: tuple[Setting, ...]) -> str:
    return f"; it has {', '.join(setting.name for setting in settings)}" if settings else ""
