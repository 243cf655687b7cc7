"""A snapshot as Terraform JSON: what pulumi-aws would hand to the provider inside it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from preview.snapshot import Resource, Snapshot
from preview.terraform import layout
from preview.terraform.autonames import generated_names
from preview.terraform.convert import NOT_AWS, TOO_NEW_TYPE, UNKNOWN_SOURCE, Body, LeftOut, Origin, convert
from preview.terraform.names import args_class, properties, terraform_names, terraform_type
from preview.terraform.schema import Node, ProviderSchema

_PROVIDER: Mapping[str, Any] = {
    "access_key": "preview",
    "secret_key": "preview",
    "skip_credentials_validation": True,
    "skip_metadata_api_check": "true",
    "skip_region_validation": True,
    "skip_requesting_account_id": True,
}

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
    origins: dict[layout.Path, Origin]
    lines: list[layout.Path]
    left_out: tuple[LeftOut, ...]

    def at_line(self, number: int) -> Origin | None:
        """The origin of a line of the text, counted from 1; of its nearest surroundings where it has none itself."""
        path = self.lines[number - 1] if 0 < number <= len(self.lines) else ()
        while path:
            if path in self.origins:
                return self.origins[path]
            path = path[:-1]
        return None


@dataclass
class _Sheet:
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    origins: dict[layout.Path, Origin] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    uses_unknown: bool = False


def to_terraform(
    snapshot: Snapshot, schema: ProviderSchema | None = None, *, without: Iterable[str] = ()
) -> TerraformExport:
    """The snapshot's AWS resources as ``main.tf.json``.

    With a provider's ``schema``, what that provider is too old to know is left out and listed. ``without`` names URNs
    to leave aside.
    """
    sheet = _Sheet()
    outputs = {resource.urn: resource.outputs for resource in snapshot.resources}
    aside = frozenset(without)
    for resource in snapshot.resources:
        if resource.custom and resource.urn not in aside and not resource.type.startswith("pulumi:"):
            _add(sheet, resource, outputs, schema)
    text, lines = layout.write(_document(snapshot.region, sheet))
    return TerraformExport(text, sheet.addresses, sheet.origins, lines, tuple(sheet.left_out))


def export_text(snapshot: Snapshot) -> str:
    """The snapshot as Terraform JSON for a provider of pulumi-aws's own generation. Same snapshot, same bytes."""
    return to_terraform(snapshot).text


def _add(
    sheet: _Sheet, resource: Resource, outputs: Mapping[str, Mapping[str, Any]], schema: ProviderSchema | None
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
    siblings[name] = _body(sheet, resource, args, ("resource", type_, name), node, outputs)
    sheet.addresses[f"{type_}.{name}"] = resource.urn


def _body(
    sheet: _Sheet,
    resource: Resource,
    args: type,
    address: layout.Path,
    node: Node | None,
    outputs: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    body = Body(resource, outputs)
    inputs = {**resource.inputs, **generated_names(resource, args)}
    convert(body, inputs, args, address, node, _WHOLE_OBJECTS.get(str(address[1]), frozenset()))
    sheet.origins.update(body.origins)
    sheet.left_out.extend(body.left_out)
    sheet.uses_unknown = sheet.uses_unknown or body.uses_unknown
    lifecycle = _lifecycle(resource, args, node)
    return {**dict(sorted(body.arguments.items())), **({"lifecycle": lifecycle} if lifecycle else {})}


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
    if sheet.uses_unknown:
        resources["terraform_data"] = {UNKNOWN_SOURCE: {}}
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
        "provider": {"aws": {"region": region, **_PROVIDER}},
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
