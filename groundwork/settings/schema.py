"""The JSON Schema of a stack file, made from the models: completion, descriptions and checks in editors.

It is looser than loading where a file may say less than the whole: phases and ``*`` bring what a group or an entry lacks, and
``null`` removes. What it refuses, loading refuses too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any, get_args

from groundwork.components.settings import ENTRY_LAYERS, LAYERS, Settings
from groundwork.settings.access import LEVELS, SINGLE
from groundwork.settings.base import Phase
from groundwork.settings.facts import regions
from groundwork.settings.loading import NAMESPACE, PHASES
from groundwork.settings.merging import EVERY

Schema = dict[str, Any]

# Draft 7 is what the YAML language server knows best.
_DRAFT = "http://json-schema.org/draft-07/schema#"
_NULL: Schema = {"type": "null"}
_LEVEL = "^[a-z]+(-[a-z]+)*$"
_NAME = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"


def stack_file_schema() -> Schema:
    """Return the JSON schema of a whole stack file: ``config`` with the groundwork layers and the region; other
    providers' keys are free."""
    models = Settings.model_json_schema(by_alias=True)
    definitions: dict[str, Schema] = models["$defs"]
    whole = {*_listed(models), "PlatformSettings"}
    for name, definition in definitions.items():
        _walk(definition, _tidy)
        if name not in whole:
            definition.pop("required", None)
        for prop in definition.get("properties", {}):
            if prop not in definition.get("required", ()):
                definition["properties"][prop] = _or_null(definition["properties"][prop])
    _name_the_levels(definitions)
    layers = {layer: _layer(layer, models["properties"][layer], definitions) for layer in LAYERS}
    definitions[_SIZES] = _sizes(layers)
    config: Schema = {
        "type": "object",
        "description": "Configuration of the stack. Precedence: default < phase < stage < phases in this file < the rest of this file.",
        "required": ["aws:region", f"{NAMESPACE}:platform"],
        "properties": {
            "aws:region": {"description": "Where the platform runs.", "enum": sorted(regions())},
            **{f"{NAMESPACE}:{layer}": schema for layer, schema in layers.items()},
            f"{NAMESPACE}:{PHASES}": _phases(),
        },
        "patternProperties": {f"^{NAMESPACE}:(?!({'|'.join((*LAYERS, PHASES))})$)": False, "^[^:]+$": False},
    }
    return {
        "$schema": _DRAFT,
        "title": "Groundwork stack file",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": config,
            "encryptionsalt": {"type": "string", "description": "Written by Pulumi for passphrase-encrypted secrets."},
            "encryptedkey": {
                "type": "string",
                "description": "Written by Pulumi for secrets encrypted with a cloud key.",
            },
            "secretsprovider": {
                "type": "string",
                "description": "Who encrypts secrets, such as awskms://alias/pulumi.",
            },
            "environment": {"description": "Pulumi ESC environments."},
        },
        "$defs": dict(sorted(definitions.items())),
    }


@cache
def dumps() -> str:
    """Return the schema as text, made once: that takes longer than most commands do."""
    return json.dumps(stack_file_schema(), indent=2, ensure_ascii=False) + "\n"


_SIZES = "SizesOfAPhase"


def _phases() -> Schema:
    return {
        "description": "Of each phase, what it says beyond Groundwork's own sizes. `platform.phase` chooses among them.",
        "type": ["object", "null"],
        "properties": {phase: _or_null({"$ref": f"#/$defs/{_SIZES}"}) for phase in get_args(Phase)},
        "additionalProperties": False,
    }


def _sizes(layers: dict[str, Schema]) -> Schema:
    """Return the schema of one phase's layers: all but ``platform``, which holds in every phase."""
    pointer = f"#/properties/config/properties/{NAMESPACE}:"
    return {
        "description": "The sizes of one phase, in the shape of a stack file.",
        "type": "object",
        "properties": {layer: {"$ref": f"{pointer}{layer}"} for layer in layers if layer != "platform"},
        "additionalProperties": False,
    }


def _layer(layer: str, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    schema = copy.deepcopy(schema)
    _walk(schema, _tidy)
    if layer in ENTRY_LAYERS:
        return _entries(layer, schema, definitions)
    inner = [choice for choice in schema.get("anyOf", [schema]) if choice != _NULL]
    name = inner[0].get("$ref", "").rpartition("/")[2]
    described = {"description": definitions[name]["description"]} if name else {}
    return {**described, **(schema if layer == "platform" else _or_null(schema))}


def _entries(layer: str, schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of named entries beside ``*``; none has to be whole, since ``*`` and the phase bring what it
    lacks."""
    reference = schema["additionalProperties"]
    name = reference["$ref"].rpartition("/")[2]
    description = definitions[name]["description"]
    every = {"description": f"What every entry of {layer} starts from.", **_or_null(reference)}
    return {
        "description": f"By name. {description}",
        "type": ["object", "null"],
        "properties": {EVERY: every},
        "patternProperties": {_NAME: _or_null(reference)},
        "additionalProperties": False,
        "propertyNames": {"maxLength": 24},
    }


def _listed(models: Schema) -> set[str]:
    """Return the names of definitions that stand in lists: a list replaces another, so that each of its entries is
    whole."""
    found: set[str] = set()

    def note(schema: Schema) -> None:
        found.add(schema.get("items", {}).get("$ref", "").rpartition("/")[2])

    for schema in (*models["properties"].values(), *models["$defs"].values()):
        _walk(schema, note)
    return found


def _name_the_levels(definitions: dict[str, Schema]) -> None:
    """List the levels that ``uses`` takes in its short form: those of what a platform has one of under its name, those of all other
    kinds elsewhere, since names are known only to loading. An extension has levels of its own."""
    known = list(dict.fromkeys(level for levels in LEVELS.values() for level in levels))
    described = "; ".join(f"{kind}: {', '.join(levels)}" for kind, levels in LEVELS.items())
    others: Schema = {
        "anyOf": [{"enum": known}, {"pattern": _LEVEL}],
        "type": "string",
        "description": f"Levels by kind: {described}; an extension: its own.",
    }

    def name(schema: Schema) -> None:
        said = schema.get("additionalProperties")
        use: Schema = said if isinstance(said, dict) else {}
        choices = use.get("anyOf", [])
        if {"$ref": "#/$defs/Use"} in choices and {"type": "string"} in choices:
            long: Schema = {"$ref": "#/$defs/Use"}
            schema["properties"] = {
                kind: {"anyOf": [{"type": "string", "enum": list(LEVELS[kind])}, long, _NULL]} for kind in SINGLE
            }
            schema["additionalProperties"] = {**use, "anyOf": [others, long, _NULL]}

    for definition in definitions.values():
        _walk(definition, name)


def _or_null(schema: Schema) -> Schema:
    """Return the schema, or null: that removes the value."""
    if schema.get("type") == "null" or _NULL in schema.get("anyOf", []):
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], _NULL]}
    outer = {key: value for key, value in schema.items() if key in ("description", "default")}
    return {**outer, "anyOf": [{key: value for key, value in schema.items() if key not in outer}, _NULL]}


def _tidy(schema: Schema) -> None:
    """Remove what only repeats the key, and write patterns so that every editor's engine reads them."""
    if isinstance(schema.get("title"), str):
        del schema["title"]
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = schema["pattern"].replace('\\"', '"')
    if isinstance(schema.get("description"), str):
        schema["description"] = " ".join(schema["description"].replace("``", "`").split())


def _walk(node: Any, change: Callable[[Schema], None]) -> None:
    """Apply a change to every schema within ``node``. A mapping of names to schemas is not one itself."""
    if isinstance(node, list):
        for item in node:
            _walk(item, change)
    elif isinstance(node, dict):
        change(node)
        for key, value in node.items():
            if key in ("properties", "patternProperties"):
                _walk(list(value.values()), change)
            elif key not in ("default", "enum", "const", "examples"):
                _walk(value, change)
