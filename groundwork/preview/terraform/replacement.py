"""Which changed properties make the AWS provider replace a resource: asked of the provider itself, on this machine alone.

A state written by hand says of each resource that it stands and differs in one argument from what the configuration says; the plan
tells which of these changes mean another resource. ``groundwork/preview/replacement.json`` keeps the answers for the types that the components
build; ``python -m tests.replacement`` asks anew.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwork.preview.changes.model import Forces, root_of
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform.change import state
from groundwork.preview.terraform.export import PROVIDER, REGION, TerraformExport, to_terraform
from groundwork.preview.terraform.names import (
    all_tokens,
    args_class,
    properties,
    pulumi_names,
    terraform_names,
    terraform_type,
)
from groundwork.preview.terraform.probing import Answers, answers
from groundwork.preview.terraform.run import Terraform
from groundwork.preview.terraform.schema import ProviderSchema
from groundwork.preview.terraform.shapes import shape_of
from groundwork.preview.terraform.verify import provider_schema

_LEFT_OUT = ("lifecycle", "provider", "tags")
_NOT_ASKED = {"tags", "tagsAll", REGION}
"""Tags change in place everywhere. The provider that has a region for each resource replaces one whose region changes:
https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/provider/sdkv2/region.go"""
_SOMETHING = "something-else"
_ON_CONDITION: Mapping[str, frozenset[str]] = {
    # From Valkey back to Redis it is another one, from Redis to Valkey the same:
    # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/VersionManagement.HowTo.html
    "aws:elasticache/replicationGroup:ReplicationGroup": frozenset({"engine"}),
}
"""What a value that means nothing cannot tell."""


@dataclass(frozen=True)
class _Probe:
    """One resource that stands with another value of one property."""

    token: str
    prop: str
    type: str
    name: str
    argument: str
    arguments: dict[str, Any]

    @property
    def standing(self) -> dict[str, Any]:
        return {**self.arguments, self.argument: _another(self.arguments[self.argument]), "id": _SOMETHING}


def replacing(
    snapshots: Sequence[Snapshot], environment: Mapping[str, str] | None = None, *, only: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the provider's version, and by type which properties mean another resource (``groundwork/preview/changes/replacement.py``
    reads it).

    Asked of every argument of every type with values that mean nothing, and of each property that a snapshot sets with its value, all
    in one plan. Takes some ten minutes; with ``only``, names of Pulumi's types, some seconds. Raises ToolMissingError where Terraform or the provider is missing.
    """
    environment = os.environ if environment is None else environment
    with tempfile.TemporaryDirectory(prefix="groundwork-replacement-") as text:
        folder = Path(text)
        terraform, schema = provider_schema(folder, environment)
        _write(folder / "main.tf.json", to_terraform(Snapshot("", "", "us-east-1", False, {}, (), {})).document)
        schemas = next(one for name, one in terraform.provider_schemas().items() if name.endswith("/hashicorp/aws"))
        if only:
            wanted = {terraform_type(token) for token in only}
            left = {name: one for name, one in schemas["resource_schemas"].items() if name in wanted}
            schemas = {**schemas, "resource_schemas": left}
        planned = _planned(snapshots, folder, terraform, schema) if snapshots else {}
        blank = answers(terraform.provider, environment, schemas, {"region": "us-east-1", **PROVIDER})
    classes = {token: args for token in (only or all_tokens()) if (args := args_class(token))}
    types = {token: _row(token, blank, planned.get(token, {}), schema) for token in classes}
    return {
        "provider": schema.version,
        "global": sorted(token for token, args in classes.items() if REGION not in properties(args)),
        "types": {token: row for token, row in sorted(types.items()) if row is not None},
    }


def _planned(
    snapshots: Sequence[Snapshot], folder: Path, terraform: Terraform, schema: ProviderSchema
) -> dict[str, dict[str, bool]]:
    """Return by type and property whether another value than a snapshot's means another resource."""
    exports = [(snapshot, to_terraform(snapshot, schema)) for snapshot in snapshots]
    probes = {f"{probe.type}.{probe.name}": probe for probe in _probes(exports, schema)}
    document = {key: value for key, value in exports[0][1].document.items() if key != "locals"}
    _write(folder / "main.tf.json", document | {"resource": _resources(probes.values())})
    standing = {address: probe.standing for address, probe in probes.items()}
    _write(folder / "terraform.tfstate", state(standing, schema.states))
    found: dict[str, dict[str, bool]] = {}
    for probe in probes.values():
        found.setdefault(probe.token, {})[probe.prop] = False
    for address, paths in terraform.replacements():
        probe = probes[address]
        if probe.argument in {path[0] for path in paths}:
            found[probe.token][probe.prop] = True
    return found


def _row(
    token: str, blank: Mapping[str, Answers], planned: Mapping[str, bool], schema: ProviderSchema
) -> dict[str, list[str]] | None:
    """Return what the table says of a type: empty lists are left out."""
    type_, args = terraform_type(token), args_class(token)
    node = schema.node(type_) if type_ else None
    if type_ is None or args is None or node is None:
        return None
    found: dict[str, Forces] = {}
    for names, forces in blank.get(type_, {}).items():
        path = _pulumi_path(args, names)
        if path:
            found[path] = forces
    for prop, forced in planned.items():
        found.setdefault(prop, Forces.YES if forced else Forces.NO)
    for prop in _ON_CONDITION.get(token, ()):
        found[prop] = Forces.MAYBE
    blocks = {path.rpartition(".")[0] for path in found}
    answered = {root_of(path) for path in found}
    row = {
        "replaces": [path for path, forces in found.items() if forces is Forces.YES and path not in blocks],
        # A block of which each part is a matter of its own, and which itself may come and go.
        "whole": [path for path, forces in found.items() if forces is Forces.YES and path in blocks],
        "may": [path for path, forces in found.items() if forces is Forces.MAYBE],
        "unasked": [prop for prop in properties(args) if prop not in answered and prop not in _NOT_ASKED],
        "sensitive": [prop for prop, name in terraform_names(args).items() if node.get(name.text) is True],
    }
    return {key: sorted(paths) for key, paths in row.items() if paths}


def _pulumi_path(args: type, names: Sequence[str]) -> str:
    """Return what Pulumi calls an argument; empty where it has none such."""
    path: list[str] = []
    holder: type | None = args
    for name in names:
        prop = pulumi_names(holder).get(name) if holder else None
        if holder is None or prop is None:
            return ""
        path.append(prop)
        holder = shape_of(properties(holder)[prop]).args
    return ".".join(path)


def _probes(exports: Iterable[tuple[Snapshot, TerraformExport]], schema: ProviderSchema) -> Iterator[_Probe]:
    asked: set[tuple[str, str]] = set()
    for snapshot, export in exports:
        resources = snapshot.by_urn()
        for address, urn in export.addresses.items():
            token = resources[urn].type
            type_, _, name = address.partition(".")
            arguments = {
                key: value
                for key, value in export.document["resource"][type_][name].items()
                if key not in _LEFT_OUT and "local.unknown" not in json.dumps(value)
            }
            props = _props(token)
            for argument in arguments:
                if argument in props and (token, argument) not in asked:
                    asked.add((token, argument))
                    yield _Probe(token, props[argument], type_, f"probe{len(asked)}", argument, arguments)


def _props(token: str) -> dict[str, str]:
    """Map Terraform's arguments to Pulumi's properties."""
    args = args_class(token)
    if args is None:
        return {}
    names = terraform_names(args)
    return {names[prop].text: prop for prop in properties(args)}


def _another(value: Any) -> Any:
    """Return what is certainly another value; it need not be a valid one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return _SOMETHING
    if isinstance(value, dict):
        return {_SOMETHING: _SOMETHING}
    return [_SOMETHING] if value and isinstance(value[0], str) else []


def _write(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(document), encoding="utf-8")


def _resources(probes: Iterable[_Probe]) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {}
    for probe in probes:
        resources.setdefault(probe.type, {})[probe.name] = probe.arguments
    return resources
