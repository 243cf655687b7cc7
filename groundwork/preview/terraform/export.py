"""A snapshot as Terraform JSON: what pulumi-aws would hand to the provider inside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform import layout
from groundwork.preview.terraform.autonames import generated_names
from groundwork.preview.terraform.convert import (
    NOT_AWS,
    TOO_NEW_TYPE,
    UNKNOWN_PARTS,
    Body,
    LeftOut,
    ValueOrigin,
    convert,
)
from groundwork.preview.terraform.names import args_class, properties, terraform_names, terraform_type
from groundwork.preview.terraform.schema import Node, ProviderSchema

PROVIDER: Mapping[str, Any] = {
    "access_key": "preview",
    "max_retries": 1,
    "secret_key": "preview",
    "skip_credentials_validation": True,
    "skip_metadata_api_check": "true",
    "skip_region_validation": True,
    "skip_requesting_account_id": True,
}

REGION = "region"
"""An argument of every type that is in a region, since version 6 of the provider. An alias of the provider says the same to every version:
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/enhanced-region-support"""

_WHOLE_OBJECTS: Mapping[str, frozenset[str]] = {
    "aws_default_network_acl": frozenset({"egress", "ingress"}),
    "aws_default_route_table": frozenset({"route"}),
    "aws_default_security_group": frozenset({"egress", "ingress"}),
    "aws_network_acl": frozenset({"egress", "ingress"}),
    "aws_route_table": frozenset({"route"}),
    "aws_security_group": frozenset({"egress", "ingress"}),
}
"""Arguments made of objects, which Terraform wants with every key; the provider's schema, where at hand, knows them all."""


@dataclass(frozen=True)
class TerraformExport:
    """The configuration, and the way back from each of its parts to the program."""

    text: str
    addresses: dict[str, str]
    """Terraform address → URN."""
    origins: dict[layout.Path, ValueOrigin]
    lines: list[layout.Path]
    left_out: tuple[LeftOut, ...]
    document: dict[str, Any]

    def path_at(self, line: int) -> layout.Path:
        """Return the path of what a line of the text says, counted from 1."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else ()

    def origin_of(self, path: layout.Path) -> ValueOrigin | None:
        """Return where a path comes from; its nearest surroundings, where it has no origin itself."""
        while path:
            if path in self.origins:
                return self.origins[path]
            path = path[:-1]
        return None

    def value_at(self, path: layout.Path) -> Any:
        """Return what stands at a path of the configuration; None where nothing does."""
        value: Any = self.document
        for step in path:
            if isinstance(value, list):
                value = value[step] if isinstance(step, int) and step < len(value) else None
            else:
                value = value.get(step) if isinstance(value, dict) else None
        return value


@dataclass
class _Sheet:
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    origins: dict[layout.Path, ValueOrigin] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    regions: set[str] = field(default_factory=set)
    """Other regions than the stack's own, each of which has an alias of the provider."""
    uses_unknown: bool = False


def to_terraform(
    snapshot: Snapshot, schema: ProviderSchema | None = None, *, without: Iterable[str] = ()
) -> TerraformExport:
    """Export the snapshot's AWS resources as ``main.tf.json``, those of another region with the provider of that region.

    With a provider's ``schema``, what that provider is too old to know is left out and listed. ``without`` names URNs
    to leave aside.
    """
    sheet = _Sheet()
    outputs = {resource.urn: resource.outputs for resource in snapshot.resources}
    aside = frozenset(without)
    for resource in snapshot.resources:
        if resource.custom and resource.urn not in aside and not resource.type.startswith("pulumi:"):
            _add(sheet, resource, outputs, schema, snapshot.region)
    document = _document(snapshot.region, sheet)
    text, lines = layout.write(document)
    return TerraformExport(text, sheet.addresses, sheet.origins, lines, tuple(sheet.left_out), document)


def export_text(snapshot: Snapshot) -> str:
    """Export the snapshot as Terraform JSON for a provider that knows all that pulumi-aws does. Same snapshot, same bytes."""
    return to_terraform(snapshot).text


def _add(
    sheet: _Sheet,
    resource: Resource,
    outputs: Mapping[str, Mapping[str, Any]],
    schema: ProviderSchema | None,
    own_region: str,
) -> None:
    type_ = terraform_type(resource.type)
    args = args_class(resource.type) if type_ else None
    if type_ is None or args is None:
        sheet.left_out.append(LeftOut(resource.urn, resource.type, "", NOT_AWS))
        return
    node = schema.node(type_) if schema else None
    if schema and node is None:
        sheet.left_out.append(LeftOut(resource.urn, resource.type, "", TOO_NEW_TYPE))
        return
    siblings = sheet.resources.setdefault(type_, {})
    name = _unique(_identifier(resource.name), siblings)
    body = Body(resource, outputs)
    inputs = {**resource.inputs, **generated_names(resource, args)}
    region = inputs.pop(REGION) if REGION in properties(args) and isinstance(inputs.get(REGION), str) else own_region
    whole = _WHOLE_OBJECTS.get(type_, frozenset())
    convert(body, inputs, args, address=("resource", type_, name), node=node, whole=whole)
    lifecycle = _lifecycle(resource, args, node)
    siblings[name] = {
        **dict(sorted(body.arguments.items())),
        **({"lifecycle": lifecycle} if lifecycle else {}),
        **({"provider": f"aws.{region}"} if region != own_region else {}),
    }
    if region != own_region:
        sheet.regions.add(region)
    sheet.addresses[f"{type_}.{name}"] = resource.urn
    sheet.origins.update(body.origins)
    sheet.left_out.extend(body.left_out)
    sheet.uses_unknown = sheet.uses_unknown or body.uses_unknown


def _lifecycle(resource: Resource, args: type, node: Node | None) -> dict[str, Any]:
    names = terraform_names(args)
    ignored = sorted(
        names[prop].text
        for prop in resource.options.get("ignoreChanges", ())
        if prop in properties(args) and (node is None or names[prop].text in node)
    )
    protect = {"prevent_destroy": True} if resource.options.get("protect") else {}
    return {**({"ignore_changes": ignored} if ignored else {}), **protect}


def _document(region: str, sheet: _Sheet) -> dict[str, Any]:
    resources: dict[str, Any] = {type_: dict(sorted(named.items())) for type_, named in sorted(sheet.resources.items())}
    unknown = UNKNOWN_PARTS if sheet.uses_unknown else {}
    resources.update(unknown.get("resource", {}))
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {
            "aws": [
                {"region": region, **PROVIDER},
                *({"alias": other, "region": other, **PROVIDER} for other in sorted(sheet.regions)),
            ]
        },
        **({"locals": unknown["locals"]} if unknown else {}),
        **({"resource": resources} if resources else {}),
    }


def _identifier(name: str) -> str:
    text = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "unnamed"
    return text if re.match(r"[A-Za-z_]", text) else f"_{text}"


def _unique(name: str, taken: Mapping[str, Any]) -> str:
    candidates = Counter[str]()
    chosen = name
    while chosen in taken:
        candidates[name] += 1
        chosen = f"{name}_{candidates[name] + 1}"
    return chosen
