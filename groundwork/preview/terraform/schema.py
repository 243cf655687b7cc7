"""What the installed provider knows, in the compact form that the export needs.

A node maps each argument that a program may set to whether it is sensitive (a password, a token), and each block, or
argument made of objects, to a node of its own. ``EVERY_KEY`` marks objects that Terraform wants whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Node = dict[str, Any]

EVERY_KEY = "="
_FORMAT = 3


class ProviderSchema:
    """The arguments of every resource type of one provider version, and the version of the state in which it keeps each."""

    def __init__(self, version: str, types: Mapping[str, Node], states: Mapping[str, int] | None = None) -> None:
        self.version = version
        self.states = states or {}
        self._types = types

    def node(self, terraform_type: str) -> Node | None:
        """Return the arguments of one resource type; None where this provider does not know the type."""
        return self._types.get(terraform_type)


def load(version: str, cache: Path, produce: Callable[[], Mapping[str, Any]]) -> ProviderSchema:
    """Return the schema of this provider version: from the cache, or from ``produce`` (Terraform's own answer) and
    cached."""
    file = cache / f"schema-{version}-{_FORMAT}.json"
    try:
        return ProviderSchema(version, **json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = compact(produce())
    try:
        cache.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(known, separators=(",", ":")), encoding="utf-8")
        partial.rename(file)
    except OSError:
        # A cache that cannot be written costs time, not the answer.
        pass
    return ProviderSchema(version, **known)


def compact(provider_schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Reduce Terraform's answer to names, as ``types``, and versions of states, as ``states``."""
    aws = next(schema for source, schema in provider_schemas.items() if source.endswith("/hashicorp/aws"))
    return {
        "types": {name: _block(schema["block"]) for name, schema in aws["resource_schemas"].items()},
        "states": {name: schema["version"] for name, schema in aws["resource_schemas"].items()},
    }


def _block(block: Mapping[str, Any]) -> Node:
    node: Node = {
        name: _attribute(attribute)
        for name, attribute in block.get("attributes", {}).items()
        if attribute.get("required") or attribute.get("optional")
    }
    node.update((name, _block(nested["block"])) for name, nested in block.get("block_types", {}).items())
    return node


def _attribute(attribute: Mapping[str, Any]) -> Any:
    if "nested_type" in attribute:
        return _block({"attributes": attribute["nested_type"]["attributes"]})
    members = _object(attribute["type"])
    return bool(attribute.get("sensitive")) if members is None else members


def _object(type_: Any) -> Node | None:
    if not isinstance(type_, list):
        return None
    if type_[0] != "object":
        return _object(type_[1])
    return {EVERY_KEY: True} | {name: _object(member) or False for name, member in type_[1].items()}
