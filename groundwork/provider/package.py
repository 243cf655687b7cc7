"""The schema of the Pulumi package, from which ``pulumi package add`` writes an SDK in the language of the program.

Its types are made from the schema of stack files, which is made from the models: nothing is said twice. The format:
https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from groundwork.components.settings import LAYERS
from groundwork.provider.names import camel_case
from groundwork.settings.loading import NAMESPACE, PHASES
from groundwork.settings.schema import stack_file_schema

Schema = dict[str, Any]

PLATFORM = f"{NAMESPACE}:platform:Platform"
"""The resource's token: the type that the component has in a Python program too, so that a platform keeps its URNs, and with them
everything it has built, when its program is written anew in another language."""

_TEXT: Schema = {"type": "string"}
_ANY: Schema = {"$ref": "pulumi.json#/Any"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}

ADDRESSES: dict[str, tuple[Schema, str]] = {
    "address": (_TEXT, "Where the platform answers: its domain, CloudFront's own name, or the load balancer's."),
    "buckets": (_TEXTS, "The names of buckets, by their names in the settings."),
    "delivery": (_TEXTS, "The role that pipelines assume."),
    "distribution": (_TEXT, "The id of the CloudFront distribution."),
    "dnsRecords": ({"type": "array", "items": _ANY}, "The records to enter where another provider keeps the domain."),
    "hosts": (_TEXTS, "The hosts at which CloudFront finds services that have one each, by service."),
    "images": (_TEXTS, "The parameters that say which image runs, by service."),
    "jobs": (_ANY, "What starts each job, by job."),
    "migration": (_ANY, "The tasks that copy a database."),
    "nameServers": (
        {"type": "array", "items": _TEXT},
        "The hosted zone's name servers, to be entered at the registrar.",
    ),
    "policyStatements": (_TEXTS, "What owners of existing things must add to their policies, by setting."),
    "recovery": (_TEXTS, "The region of the copies, and the names of the buckets there, by bucket."),
    "repositories": (_TEXTS, "The repositories of images, by service."),
    "search": (_TEXTS, "The endpoint of the search domain, and the role that manages it."),
    "services": (_ANY, "The names of services on their engine, by service."),
}
"""What the resource tells of itself, by the names under which a Python program exports it: type and description."""

_NETWORK, _DATABASE = "PlatformNetwork", "PlatformDatabase"
_TEXT_LIST: Schema = {"type": "array", "items": _TEXT}
_PARTS: dict[str, tuple[str, dict[str, tuple[Schema, str]]]] = {
    _NETWORK: (
        "The platform's network, for resources beside it.",
        {
            "vpcId": (_TEXT, "The VPC."),
            "publicSubnetIds": (_TEXT_LIST, "Subnets that the internet reaches."),
            "privateSubnetIds": (_TEXT_LIST, "Subnets of services."),
            "dataSubnetIds": (_TEXT_LIST, "Subnets of databases and caches."),
        },
    ),
    _DATABASE: (
        "The platform's database, for clients beside it.",
        {
            "address": (_TEXT, "The host at which it is reached."),
            "secretArn": (_TEXT, "The secret in Secrets Manager that holds its credentials."),
            "securityGroupId": (_TEXT, "The security group to open for another client."),
        },
    ),
}
"""What a program may build upon, by the type that tells of it."""


def package_schema() -> Schema:
    """Return the schema of the package: one component, and the types of everything that its settings may say."""
    stack_file = stack_file_schema()
    layers = stack_file["properties"]["config"]["properties"]
    types = {_token(name): _object(definition, layers) for name, definition in stack_file["$defs"].items()}
    said = {layer: layers[f"{NAMESPACE}:{layer}"] for layer in (*LAYERS, PHASES)}
    types |= {_token(name): _told(text, properties) for name, (text, properties) in _PARTS.items()}
    types[_token(_SETTINGS)] = _object(
        {
            "description": "Everything that a stack file may say under `groundwork:`, with camelCase names.",
            "properties": said,
            "required": ["platform"],
        },
        layers,
    )
    return {
        "name": NAMESPACE,
        "displayName": "Groundwork",
        "version": _version(),
        "description": "A complete, secure AWS platform from a few settings.",
        "license": "Apache-2.0",
        "language": _LANGUAGES,
        "types": types,
        "resources": {PLATFORM: _platform()},
    }


def _version() -> str:
    """Return Groundwork's version: the one that is installed, or that of the clone whose code this is."""
    try:
        return version(NAMESPACE)
    except PackageNotFoundError:
        clone = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(clone.read_text(encoding="utf-8"))["project"]["version"])


@cache
def schema_text() -> str:
    """Return the schema as the engine asks for it: JSON."""
    return json.dumps(package_schema(), separators=(",", ":"))


_SETTINGS = "Settings"

# Every language has the resource at the root of its package: `new groundwork.Platform(…)`. C# and Java name a namespace after each module.
_LANGUAGES: Schema = {
    "nodejs": {"respectSchemaVersion": True, "moduleToPackage": {"platform": ""}},
    "python": {"respectSchemaVersion": True, "moduleNameOverrides": {"platform": ""}},
    "go": {"respectSchemaVersion": True, "moduleToPackage": {"platform": ""}},
    "csharp": {"respectSchemaVersion": True, "namespaces": {"platform": "Platforms"}},
    "java": {},
}


def _platform() -> Schema:
    parts: dict[str, tuple[Schema, str]] = {
        "cluster": (_TEXT, "The name of the ECS or EKS cluster."),
        "database": ({"$ref": f"#/types/{_token(_DATABASE)}"}, _PARTS[_DATABASE][0]),
        "network": ({"$ref": f"#/types/{_token(_NETWORK)}"}, _PARTS[_NETWORK][0]),
    }
    outputs = _described({**ADDRESSES, **parts})
    return {
        "isComponent": True,
        "description": "A whole platform: every layer that the settings name, wired together.",
        "inputProperties": {
            "settings": {
                "$ref": f"#/types/{_token(_SETTINGS)}",
                "description": "What a stack file says under `groundwork:`. Its phase and stage bring what it leaves out.",
            },
            "region": {
                "type": "string",
                "plain": True,
                "description": "The AWS region that the provider is configured with; unset, the stack's `aws:region`.",
            },
        },
        "requiredInputs": ["settings"],
        "properties": outputs,
    }


def _described(properties: Mapping[str, tuple[Schema, str]]) -> Schema:
    return {name: {**type_, "description": text} for name, (type_, text) in sorted(properties.items())}


def _told(text: str, properties: Mapping[str, tuple[Schema, str]]) -> Schema:
    return {"type": "object", "description": text, "properties": _described(properties)}


def _token(name: str) -> str:
    return f"{NAMESPACE}:index:{name}"


def _object(definition: Schema, layers: Schema) -> Schema:
    """Return an object type: its properties in camelCase, since that is what SDKs write in each language's own way."""
    made: Schema = {
        "type": "object",
        "properties": {
            camel_case(name): _property(schema, layers) for name, schema in definition.get("properties", {}).items()
        },
    }
    if "description" in definition:
        made["description"] = definition["description"]
    if definition.get("required"):
        made["required"] = sorted(map(camel_case, definition["required"]))
    return made


def _property(schema: Schema, layers: Schema) -> Schema:
    made = _type(schema, layers)
    allowed = _allowed(schema)
    said = schema.get("description", "") if not schema.get("description", "").startswith(_OF_FILES) else ""
    parts = [said, f"One of {', '.join(map(str, allowed))}." if allowed else ""]
    if text := " ".join(filter(None, parts)):
        made["description"] = text
    if _is_sealed(schema):
        made["secret"] = True
    return made


def _type(schema: Schema, layers: Schema) -> Schema:
    """Return the type that a value of ``schema`` has. Null is left out: whoever says nothing means it."""
    if "$ref" in schema:
        folder, _, name = schema["$ref"].rpartition("/")
        return {"$ref": f"#/types/{_token(name)}"} if folder == "#/$defs" else _type(layers[name], layers)
    if "anyOf" in schema:
        choices: list[Schema] = []
        for choice in schema["anyOf"]:
            if choice.get("type") != "null" and (made := _type(choice, layers)) not in choices:
                choices.append(made)
        return choices[0] if len(choices) == 1 else {"oneOf": choices}
    if _is_sealed(schema):
        return dict(_TEXT)
    kind = next((one for one in _listed(schema.get("type")) if one != "null"), None)
    if kind == "array":
        return {"type": "array", "items": _type(schema["items"], layers)}
    if kind == "object":
        by_pattern, by_name = schema.get("patternProperties", {}), schema.get("properties", {})
        entries = (*by_pattern.values(), schema.get("additionalProperties"), *by_name.values())
        inner = next((one for one in entries if isinstance(one, dict)), None)
        return {"type": "object", "additionalProperties": _type(inner, layers) if inner else dict(_ANY)}
    return {"type": kind} if kind else dict(_ANY)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_sealed(schema: Schema) -> bool:
    """Tell whether a value is one that Pulumi encrypts: in a stack file a mapping with ``secure``, in a program a secret text."""
    choices = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return all(list(one.get("properties", ())) == ["secure"] for one in choices)


def _allowed(schema: Schema) -> list[Any]:
    """Return the values that a schema allows, where they are few enough to be read."""
    values: list[Any] = next((one["enum"] for one in (schema, *schema.get("anyOf", ())) if "enum" in one), [])
    return values if len(values) <= _MOST_SHOWN else []


_MOST_SHOWN = 40
_OF_FILES = "Written by: pulumi config set"
"""How the description of a sealed value begins, which is of stack files alone."""
