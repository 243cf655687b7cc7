"""A snapshot as a Terraform configuration that can be applied: what one resource takes from another is a reference.

A snapshot holds plausible values where AWS computes them. Here each of them becomes a reference to the resource that it came
from, found by the property's own dependencies, so that an apply hands on what the account really answered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform import layout
from groundwork.preview.terraform.convert import SECRET_TEXT, UNKNOWN_REFERENCE, ValueOrigin
from groundwork.preview.terraform.export import TerraformExport
from groundwork.preview.terraform.names import args_class, singular, snake, terraform_names
from groundwork.preview.terraform.shapes import ShapeKind, shape_of

_SHORTEST_PART = 8
"""Characters from which a value is taken for another resource's own where it stands inside a longer text."""

_NOT_SINGULAR = frozenset({"domain_validation_options"})
"""Computed lists of objects whose name stays in the plural, unlike that of repeated blocks."""


def linked(export: TerraformExport, snapshot: Snapshot) -> dict[str, Any]:
    """Return the document of ``export`` with references and with the program's order.

    Secrets become a placeholder: their text is in no snapshot. The export must be one without unknowns.
    """
    resources = snapshot.by_urn()
    addresses = {urn: address for address, urn in export.addresses.items()}
    document = {key: value for key, value in export.document.items() if key != "locals"}
    blocks = {type_: dict(named) for type_, named in document.get("resource", {}).items() if type_ != "terraform_data"}
    for address, urn in export.addresses.items():
        type_, _, name = address.partition(".")
        resource = resources[urn]
        body = _Linker(export, resource, resources, addresses).value(blocks[type_][name], ("resource", type_, name))
        before = sorted(addresses[other] for other in resource.dependencies if other in addresses and other != urn)
        if before:
            body["depends_on"] = before
        blocks[type_][name] = body
    document["resource"] = blocks
    return document


class _Linker:
    """Rewrites the arguments of one resource."""

    def __init__(
        self,
        export: TerraformExport,
        resource: Resource,
        resources: Mapping[str, Resource],
        addresses: Mapping[str, str],
    ) -> None:
        self._export = export
        self._references = {
            prop: dict(_references((resources[urn] for urn in sorted(urns) if urn in resources), addresses))
            for prop, urns in resource.property_dependencies.items()
        }

    def value(self, value: Any, path: layout.Path) -> Any:
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        if value == UNKNOWN_REFERENCE:
            return _placeholder(self._export.origins.get(path))
        value = value.replace(UNKNOWN_REFERENCE, SECRET_TEXT)
        origin = self._export.origin_of(path)
        prop = re.split(r"[.\[]", origin.path, maxsplit=1)[0] if origin else ""
        return _refer(value, self._references.get(prop, {}))


def _placeholder(origin: ValueOrigin | None) -> Any:
    """Return a placeholder for a secret, in the shape that its argument takes."""
    kind = shape_of(origin.annotation).kind if origin else ShapeKind.VALUE
    if kind is ShapeKind.LIST:
        return [SECRET_TEXT]
    return {"placeholder": SECRET_TEXT} if kind is ShapeKind.MAP else SECRET_TEXT


def _refer(text: str, references: Mapping[str, str]) -> str:
    """Return ``text`` with each known value in it as a reference, the longest first."""
    if text in references:
        return f"${{{references[text]}}}"
    parts = sorted((value for value in references if len(value) >= _SHORTEST_PART), key=len, reverse=True)
    if not parts:
        return text
    return re.sub("|".join(map(re.escape, parts)), lambda found: f"${{{references[found.group()]}}}", text)


def _references(resources: Iterable[Resource], addresses: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        args = args_class(resource.type)
        if resource.urn not in addresses or args is None:
            continue
        names = {prop: name.text for prop, name in terraform_names(args).items()}
        # Some types have no id of their own in Terraform, and where they have one it is some other output's value too.
        for prop, value in sorted(resource.outputs.items(), key=lambda item: item[0] != "id"):
            if prop != "tagsAll" and (prop not in resource.inputs or _handed_on(resource, prop)):
                yield from _leaves(value, f"{addresses[resource.urn]}.{names.get(prop) or _output_name(prop, value)}")


def _handed_on(resource: Resource, prop: str) -> bool:
    """Tell whether a resource was given a value by another one; else it is known as it stands."""
    return isinstance(resource.inputs[prop], str) and bool(resource.property_dependencies.get(prop))


def _leaves(value: Any, expression: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and value:
        yield value, expression
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, f"tolist({expression})[{index}]")
    elif isinstance(value, dict):
        # Pulumi flattens a list of one to an object; Terraform does not.
        inner = expression if expression.endswith("]") else f"{expression}[0]"
        for prop, item in value.items():
            yield from _leaves(item, f"{inner}.{_output_name(prop, item)}")


def _output_name(prop: str, value: Any) -> str:
    name = snake(prop)
    repeated = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    return singular(name) if repeated and name not in _NOT_SINGULAR else name
