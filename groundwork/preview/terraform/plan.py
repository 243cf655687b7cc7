"""A snapshot as a Terraform plan in JSON: what scanners and estimators read that know no Pulumi program.

The form is "JSON Output Format" of Terraform's documentation (https://developer.hashicorp.com/terraform/internals/json-format). Every
resource is one to create. What only AWS knows is in ``after_unknown``, what is secret in ``after_sensitive`` and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from groundwork.preview import indented
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.convert import SECRET_TEXT, UNKNOWN_REFERENCE
from groundwork.preview.terraform.export import TerraformExport, to_terraform
from groundwork.preview.terraform.linked import linked
from groundwork.preview.terraform.names import args_class, terraform_names
from guardrails.view import Opaque

_FORMAT, _TERRAFORM = "1.2", "1.9.0"
"""Of the form, and the Terraform that first wrote it so; readers refuse what they do not know."""
_PROVIDER = "registry.terraform.io/hashicorp/aws"
_COMPUTED = ("id", "arn")
_REFERENCE = re.compile(r"\b(aws_\w+\.[\w-]+)((?:\.[a-z_]\w*|\[\d+\])*)")
_INTERPOLATION = re.compile(r"(?<!\$)\$\{([^}]*)\}")
_META = ("lifecycle", "depends_on", "provider")


def plan_text(snapshot: Snapshot) -> str:
    """Return the snapshot's AWS resources as a plan. Same snapshot, same bytes."""
    return indented.dumps(plan(snapshot))


def plan(snapshot: Snapshot) -> dict[str, Any]:
    """Return the same as data."""
    export = to_terraform(snapshot)
    references = _References(export, snapshot)
    resources = snapshot.by_urn()
    planned, changes, configured = [], [], []
    for address in sorted(export.addresses):
        type_, _, name = address.partition(".")
        body = {key: value for key, value in export.document["resource"][type_][name].items() if key not in _META}
        resource = resources[export.addresses[address]]
        after, unknown, sensitive = _split(body)
        sensitive = {**sensitive, **_secret_arguments(resource, after)}
        after = {key: value for key, value in after.items() if sensitive.get(key) is not True}
        place = {"address": address, "mode": "managed", "type": type_, "name": name}
        planned.append(
            {**place, "provider_name": _PROVIDER, "schema_version": 0, "values": after, "sensitive_values": sensitive}
        )
        computed = dict.fromkeys((key for key in _COMPUTED if key not in after), True)
        changes.append(
            {
                **place,
                "provider_name": _PROVIDER,
                "change": {
                    "actions": ["create"],
                    "before": None,
                    "after": after,
                    "after_unknown": {**unknown, **computed},
                    "before_sensitive": False,
                    "after_sensitive": sensitive,
                },
            }
        )
        key = references.provider(address)
        configured.append(
            {**place, "provider_config_key": key, "expressions": references.of(address), "schema_version": 0}
        )
    return {
        "format_version": _FORMAT,
        "terraform_version": _TERRAFORM,
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {
            "provider_config": references.providers(),
            "root_module": {"resources": configured},
        },
    }


class _References:
    """What each argument is made from: by the value itself where values are known, else by what the program says."""

    def __init__(self, export: TerraformExport, snapshot: Snapshot) -> None:
        self._export = export
        self._resources = snapshot.by_urn()
        self._addresses = {urn: address for address, urn in export.addresses.items()}
        self._document = export.document if snapshot.unknowns else linked(export, snapshot)
        self._region = snapshot.region

    def _body(self, address: str) -> Mapping[str, Any]:
        type_, _, name = address.partition(".")
        body: Mapping[str, Any] = self._document["resource"][type_][name]
        return body

    def provider(self, address: str) -> str:
        return str(self._body(address).get("provider", "aws"))

    def providers(self) -> dict[str, Any]:
        """Return the provider of the stack's own region, and one for each other region that resources name."""
        keys = {self.provider(address) for address in self._export.addresses} | {"aws"}
        found = {}
        for key in sorted(keys):
            region = key.partition(".")[2]
            found[key] = {
                "name": "aws",
                "full_name": _PROVIDER,
                **({"alias": region} if region else {}),
                "expressions": {"region": {"constant_value": region or self._region}},
            }
        return found

    def of(self, address: str) -> dict[str, Any]:
        """Return the expressions of a resource's arguments."""
        body = {key: value for key, value in self._body(address).items() if key not in _META}
        made_from = self._made_from(self._resources[self._export.addresses[address]])
        found = {}
        for key, value in body.items():
            expression = _expression(value)
            if made_from.get(key) and not _refers(expression) and not isinstance(expression, list):
                expression = {"references": made_from[key]}
            found[key] = expression
        return found

    def _made_from(self, resource: Resource) -> dict[str, list[str]]:
        args = args_class(resource.type)
        names = terraform_names(args) if args else {}
        return {
            names[prop].text: [self._addresses[urn] for urn in urns if urn in self._addresses]
            for prop, urns in resource.property_dependencies.items()
            if prop in names
        }


def _refers(expression: Any) -> bool:
    return isinstance(expression, dict) and "references" in expression


def _expression(value: Any) -> Any:
    """Return blocks as lists of their arguments' expressions; everything else as a constant or as what it refers to."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return [{key: _expression(item) for key, item in block.items()} for block in value]
    references = list(dict.fromkeys(_referred(value)))
    if references:
        return {"references": references}
    return {} if _holds_opaque(value) else {"constant_value": _plain(value)}


def _referred(value: Any) -> Iterator[str]:
    """Yield each reference with its attribute, and then the resource, as Terraform lists them."""
    if isinstance(value, str):
        for inside in _INTERPOLATION.findall(value):
            for found in _REFERENCE.finditer(inside):
                if found.group(2):
                    yield found.group()
                yield found.group(1)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _referred(item)
    elif isinstance(value, list):
        for item in value:
            yield from _referred(item)


def _holds_opaque(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_opaque, value.values()))
    return any(map(_holds_opaque, value)) if isinstance(value, list) else value in (UNKNOWN_REFERENCE, SECRET_TEXT)


def _plain(value: Any) -> Any:
    """Return a value without Terraform's escapes of templates."""
    if isinstance(value, str):
        return value.replace("$${", "${").replace("%%{", "%{")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _split(value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return what is known, what is not, and what is secret, each in the place that it has."""
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    sensitive: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, str) and UNKNOWN_REFERENCE in item:
            unknown[key] = True
        elif item == SECRET_TEXT:
            sensitive[key] = True
        elif isinstance(item, list) and any(isinstance(part, dict) for part in item):
            parts = [_split(part) if isinstance(part, dict) else (_plain(part), {}, {}) for part in item]
            known[key] = [part for part, _, _ in parts]
            if any(hidden for _, hidden, _ in parts):
                unknown[key] = [hidden for _, hidden, _ in parts]
            if any(secret for _, _, secret in parts):
                sensitive[key] = [secret for _, _, secret in parts]
        elif isinstance(item, dict):
            known[key], hidden, secret = _split(item)
            unknown |= {key: hidden} if hidden else {}
            sensitive |= {key: secret} if secret else {}
        elif isinstance(item, list):
            if UNKNOWN_REFERENCE in item:
                unknown[key] = [part == UNKNOWN_REFERENCE for part in item]
            if SECRET_TEXT in item:
                sensitive[key] = [part == SECRET_TEXT for part in item]
            known[key] = [_plain(part) for part in item if part not in (UNKNOWN_REFERENCE, SECRET_TEXT)]
        else:
            known[key] = _plain(item)
    return known, unknown, sensitive


def _secret_arguments(resource: Resource, after: Mapping[str, Any]) -> dict[str, bool]:
    """Return the arguments that are secrets as a whole, which an export for the provider leaves unknown."""
    args = args_class(resource.type)
    names = terraform_names(args) if args else {}
    return {
        names[prop].text: True
        for prop, value in resource.inputs.items()
        if prop in names and value is Opaque.SECRET and names[prop].text not in after
    }
