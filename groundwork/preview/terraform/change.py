"""One change judged by the real AWS provider, on this machine alone: which of the resources that stand would it replace, and why?

A state is written from what stands and a configuration from what the stack says now; the plan says what is replaced.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groundwork.preview.changes.plan import Plan
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.export import TerraformExport, to_terraform
from groundwork.preview.terraform.names import args_class, pulumi_names
from groundwork.preview.terraform.run import Terraform, TerraformError
from groundwork.preview.terraform.tools import ToolMissingError
from groundwork.preview.terraform.verify import provider_schema

_ROUNDS = 4
"""A plan ends at the first mistakes; without the resources that have one, the next goes on."""
_IDENTITY = "something"


@dataclass(frozen=True)
class ProviderAnswer:
    """What the provider says of a change. ``skipped`` says why it was not asked."""

    skipped: str = ""
    provider: str = ""
    asked: tuple[str, ...] = ()
    """URNs of what it was asked about: what differs from what stands, of the types that it knows."""
    replaced: Mapping[str, tuple[str, ...]] | None = None
    """URN → the properties whose change replaces it."""


def ask(plan: Plan, environment: Mapping[str, str] | None = None) -> ProviderAnswer:
    """Ask the provider about all that a plan changes; does not raise for what a machine lacks."""
    environment = os.environ if environment is None else environment
    try:
        with tempfile.TemporaryDirectory(prefix="groundwork-change-") as folder:
            return _ask(plan, Path(folder), environment)
    except (ToolMissingError, TerraformError) as error:
        return ProviderAnswer(skipped=str(error))
    except OSError as error:
        return ProviderAnswer(skipped=f"a working folder for Terraform could not be made: {error}")


def _ask(plan: Plan, folder: Path, environment: Mapping[str, str]) -> ProviderAnswer:
    terraform, schema = provider_schema(folder, environment)
    pairs = {urn: pair for urn, pair in plan.pairs.items() if plan.differences[urn]}
    head = to_terraform(_of(plan.head, [pair.after for pair in pairs.values()]), schema)
    standing = [
        replace(pair.before, urn=urn, name=pair.after.name, type=pair.after.type) for urn, pair in pairs.items()
    ]
    base = to_terraform(_of(plan.head, standing), schema)
    addresses = {address: urn for address, urn in head.addresses.items() if base.addresses.get(address) == urn}
    found: dict[str, list[list[Any]]] = {}
    for _ in range(_ROUNDS):
        if not addresses:
            break
        _write(folder / "main.tf.json", _configuration(head, base, addresses))
        _write(folder / "terraform.tfstate", state(_attributes(base, head, addresses), schema.states))
        mistaken = {one.partition("[")[0] for one in _mistaken(terraform)} & addresses.keys()
        if not mistaken:
            found = dict(terraform.planned())
            break
        addresses = {address: urn for address, urn in addresses.items() if address not in mistaken}
    forced = {urn: _forced(plan, urn, found[address]) for address, urn in addresses.items() if address in found}
    return ProviderAnswer(
        provider=schema.version,
        asked=tuple(addresses.values()),
        replaced={urn: properties for urn, properties in forced.items() if properties},
    )


def _forced(plan: Plan, urn: str, paths: Iterable[list[Any]]) -> tuple[str, ...]:
    """Return the properties, of those that differ, among the paths that force a replacement. What AWS computes is not in the state, and so
    among the paths of whatever is replaced."""
    type_ = plan.pairs[urn].after.type
    named = {_property(type_, path) for path in paths if path}
    return tuple(sorted(named & {one.root for one in plan.differences[urn]}))


def _of(snapshot: Snapshot, resources: list[Resource]) -> Snapshot:
    return replace(snapshot, resources=tuple(resources))


def _mistaken(terraform: Terraform) -> list[str]:
    diagnostics = terraform.plan_changes()
    return [str(one.get("address") or "") for one in diagnostics if one["severity"] == "error"]


def _arguments(export: TerraformExport, address: str) -> dict[str, Any]:
    type_, _, name = address.partition(".")
    found: dict[str, Any] = export.document["resource"][type_][name]
    return {key: value for key, value in found.items() if key != "lifecycle"}


def _unknown(arguments: Mapping[str, Any]) -> set[str]:
    """Return what a state cannot hold: whether it differs, nobody knows."""
    return {key for key, value in arguments.items() if "local.unknown" in json.dumps(value)}


def _both(head: TerraformExport, base: TerraformExport, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    after, before = _arguments(head, address), _arguments(base, address)
    aside = _unknown(after) | _unknown(before)
    return tuple({key: value for key, value in said.items() if key not in aside} for said in (after, before))  # type: ignore[return-value]


def _configuration(head: TerraformExport, base: TerraformExport, addresses: Iterable[str]) -> dict[str, Any]:
    resources: dict[str, dict[str, Any]] = {}
    for address in addresses:
        type_, _, name = address.partition(".")
        resources.setdefault(type_, {})[name] = _both(head, base, address)[0]
    return {**{key: value for key, value in head.document.items() if key != "locals"}, "resource": resources}


def _attributes(base: TerraformExport, head: TerraformExport, addresses: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {address: _plain(_both(head, base, address)[1]) | {"id": _IDENTITY} for address in addresses}


def _plain(value: Any) -> Any:
    """Return a value without the escapes of a configuration, which a state does not have."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.replace("$${", "${").replace("%%{", "%{") if isinstance(value, str) else value


def _property(token: str, path: list[Any]) -> str:
    args = args_class(token)
    return pulumi_names(args).get(str(path[0]), str(path[0])) if args else str(path[0])


def state(attributes: Mapping[str, Mapping[str, Any]], versions: Mapping[str, int]) -> dict[str, Any]:
    """Return a state in which resources stand, by their addresses: https://developer.hashicorp.com/terraform/language/state"""
    standing = [
        {
            "mode": "managed",
            "type": address.partition(".")[0],
            "name": address.partition(".")[2],
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": versions[address.partition(".")[0]], "attributes": said}],
        }
        for address, said in attributes.items()
    ]
    head = {"version": 4, "terraform_version": "1.5.0", "serial": 1, "lineage": "groundwork", "outputs": {}}
    return {**head, "resources": standing}


def _write(file: Path, document: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(document), encoding="utf-8")


def differing(plan: Plan, answer: ProviderAnswer) -> list[str]:
    """Return in words where the table of this project (``groundwork/preview/replacement.json``) and the provider say two things of a change."""
    replaced = answer.replaced or {}
    found = []
    for urn in answer.asked:
        ours = urn in plan.replaced and not all(one.because for one in plan.differences[urn] if one.forces == "yes")
        name = plan.pairs[urn].after.name
        if urn in replaced and urn not in plan.replaced:
            may = any(one.forces == "maybe" for one in plan.differences[urn])
            if not may:
                found.append(f"{name}: the provider replaces it for {', '.join(replaced[urn])}, the preview updates it")
        elif ours and urn not in replaced:
            found.append(f"{name}: the preview replaces it, the provider updates it")
    return found
