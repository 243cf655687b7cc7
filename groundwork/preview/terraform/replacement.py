"""Which changed properties make the AWS provider replace a resource: asked of the provider itself, on this machine alone.

A state written by hand says of each resource that it stands and differs in one argument from what the configuration says; the plan
tells which of these changes mean another resource. ``groundwork/preview/replacement.json`` keeps the answers for the types that the components
build; ``python -m tests.replacement`` asks anew.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform.export import TerraformExport, to_terraform
from groundwork.preview.terraform.names import args_class, properties, terraform_names
from groundwork.preview.terraform.schema import ProviderSchema
from groundwork.preview.terraform.verify import provider_schema

_LEFT_OUT = ("lifecycle", "tags")
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


def replacing(snapshots: Iterable[Snapshot], environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the provider's version, and by type the properties of which another value means another resource.

    Asked of each property that a snapshot sets, all in one plan, which takes minutes. Raises ToolMissingError where Terraform or the
    provider is missing.
    """
    environment = os.environ if environment is None else environment
    with tempfile.TemporaryDirectory(prefix="groundwork-replacement-") as text:
        folder = Path(text)
        terraform, schema = provider_schema(folder, environment)
        exports = [(snapshot, to_terraform(snapshot, schema)) for snapshot in snapshots]
        probes = {f"{probe.type}.{probe.name}": probe for probe in _probes(exports, schema)}
        document = {key: value for key, value in exports[0][1].document.items() if key != "locals"}
        _write(folder / "main.tf.json", document | {"resource": _resources(probes.values())})
        _write(folder / "terraform.tfstate", _state(probes.values(), terraform.state_versions()))
        types: dict[str, set[str]] = {probe.token: set() for probe in probes.values()}
        for address, paths in terraform.replacements():
            probe = probes[address]
            forced = probe.argument in {path[0] for path in paths}
            if forced and probe.prop not in _ON_CONDITION.get(probe.token, ()):
                types[probe.token].add(probe.prop)
    return {"provider": schema.version, "types": {token: sorted(props) for token, props in sorted(types.items())}}


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


def _state(probes: Iterable[_Probe], versions: Mapping[str, int]) -> dict[str, Any]:
    """Return a state in which the probes stand. https://developer.hashicorp.com/terraform/language/state"""
    standing = [
        {
            "mode": "managed",
            "type": probe.type,
            "name": probe.name,
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": versions[probe.type], "attributes": probe.standing}],
        }
        for probe in probes
    ]
    head = {"version": 4, "terraform_version": "1.5.0", "serial": 1, "lineage": "probes", "outputs": {}}
    return {**head, "resources": standing}
