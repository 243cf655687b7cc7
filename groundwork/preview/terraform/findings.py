"""From what Terraform says about a line of the export to what it means for the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.preview.snapshot import Resource, Source
from groundwork.preview.terraform import layout
from groundwork.preview.terraform.api_values import api_lists
from groundwork.preview.terraform.convert import NO_SUCH_ARGUMENT, TOO_NEW_ARGUMENT, ValueOrigin
from groundwork.preview.terraform.export import TerraformExport
from groundwork.preview.terraform.names import pulumi_names, required
from groundwork.preview.terraform.run import NOWHERE
from groundwork.preview.terraform.shapes import shape_of

_MISSING = re.compile(r'The (?:argument|attribute) "(\w+)" is required')
_NAMES = re.compile(r"[a-z][a-z0-9]*(?:[_.][a-z0-9]+)+|(?<=expected )\w+")
_ONE_OF = re.compile(r"\bone of\b|valid values", re.IGNORECASE)

ASKED_AWS = "the provider asks AWS for this at plan; only a deployment can tell"
NEWER_VALUE = "AWS or pulumi-aws lists this value; the installed provider is older than it"
NO_LONGER_REQUIRED = "pulumi-aws no longer requires this; the installed provider is older"


@dataclass(frozen=True)
class ProviderFinding:
    """One thing the provider says, traced back to the program. ``urn`` is None for what concerns no single resource."""

    severity: str
    message: str
    urn: str | None = None
    type: str = ""
    name: str = ""
    path: str = ""
    source: Source | None = None
    hint: str = ""

    @property
    def where(self) -> str:
        """Return file and line, as far as known."""
        return f"{self.source.file}:{self.source.line}" if self.source else ""


@dataclass(frozen=True)
class Excused:
    """A finding that does not count, because it is the installed provider's shortcoming, and the reason."""

    finding: ProviderFinding
    reason: str


def trace(
    diagnostic: Mapping[str, Any], export: TerraformExport, resources: Mapping[str, Resource]
) -> ProviderFinding | Excused:
    """Return the finding behind one of Terraform's diagnostics, or why it is none."""
    severity = str(diagnostic["severity"])
    line = diagnostic.get("range", {}).get("start", {}).get("line", 0)
    message = _message(diagnostic)
    path = _deeper(export, export.path_at(line), message)
    origin = export.origin_of(path)
    urn = origin.urn if origin else export.addresses.get(str(diagnostic.get("address")))
    resource = resources.get(urn) if urn else None
    if resource is None:
        return _excuse_or(ProviderFinding(severity, message), message, None, None)
    missing = _MISSING.search(message)
    place = _place(origin, missing.group(1) if missing else None)
    finding = ProviderFinding(
        severity,
        message,
        resource.urn,
        resource.type,
        resource.name,
        place,
        resource.source,
        _hint(resource, place, export),
    )
    return _excuse_or(finding, message, origin, export.value_at(path))


def misspelt(export: TerraformExport, resources: Mapping[str, Resource]) -> list[ProviderFinding]:
    """List the arguments that pulumi-aws itself does not know, which the provider never gets to see."""
    return [
        ProviderFinding(
            "error",
            f"{NO_SUCH_ARGUMENT}: {entry.path}",
            entry.urn,
            entry.type,
            resources[entry.urn].name,
            entry.path,
            resources[entry.urn].source,
            f"use {' or '.join(entry.near)}" if entry.near else "remove it",
        )
        for entry in export.left_out
        if entry.reason == NO_SUCH_ARGUMENT
    ]


def _message(diagnostic: Mapping[str, Any]) -> str:
    summary, detail = str(diagnostic["summary"]), str(diagnostic.get("detail") or "")
    words = detail if summary in detail else f"{summary}: {detail}" if detail else summary
    return " ".join(words.split())


def _deeper(export: TerraformExport, path: layout.Path, message: str) -> layout.Path:
    """Return the argument that the message names below ``path``, where the diagnostic points no closer than a set of
    blocks."""
    for word in _NAMES.findall(message):
        steps = tuple(int(step) if step.isdigit() else step for step in word.split("."))
        exact = (*path[:3], *steps)
        if len(steps) > 1 and exact[: len(path)] == path and exact in export.origins:
            return exact
        below = [at for at in export.origins if at[: len(path)] == path and at[-1] == word]
        if len(below) == 1 and len(path) > 3:
            return below[0]
    return path


def _place(origin: ValueOrigin | None, missing: str | None) -> str:
    if origin is None:
        return ""
    if missing is None or origin.args is None:
        return origin.path
    prop = pulumi_names(origin.args).get(missing, missing)
    return f"{origin.path}.{prop}" if origin.path else prop


def _excuse_or(
    finding: ProviderFinding, message: str, origin: ValueOrigin | None, value: Any
) -> ProviderFinding | Excused:
    if NOWHERE in message:
        return Excused(finding, ASKED_AWS)
    if origin is None:
        return finding
    if _ONE_OF.search(message) and _is_newer(finding.type, message, origin.annotation, value):
        return Excused(finding, NEWER_VALUE)
    missing = _MISSING.search(message)
    if missing and origin.args is not None:
        prop = pulumi_names(origin.args).get(missing.group(1))
        if prop is not None and prop not in required(origin.args):
            return Excused(finding, NO_LONGER_REQUIRED)
    return finding


def _is_newer(token: str, message: str, annotation: Any, value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    known = {member.value for enum in shape_of(annotation).enums for member in enum}
    texts = [item for item in values if isinstance(item, str)]
    return bool(texts) and all(item in known or api_lists(token, message, item) for item in texts)


def _hint(resource: Resource, place: str, export: TerraformExport) -> str:
    prop = re.split(r"[.\[]", place)[0]
    sources = resource.property_dependencies.get(prop, ())
    if sources:
        names = ", ".join(sorted({urn.split("::")[-1] for urn in sources}))
        return f"the value comes from {names}; if AWS gives it another form, correct its row in groundwork/preview/computed"
    newer = sorted(
        entry.path for entry in export.left_out if entry.urn == resource.urn and entry.reason == TOO_NEW_ARGUMENT
    )
    return f"left out as too new, which may be why: {', '.join(newer)}" if newer else ""
