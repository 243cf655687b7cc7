"""One change judged by the real AWS provider, on this machine alone: which of the resources that stand would it replace, and why?

A state is written from what stands and a configuration from what the stack says now; the plan says what is replaced.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from groundwork.preview.changes.model import Forces
from groundwork.preview.changes.plan import Plan
from groundwork.preview.terraform import layout
from groundwork.preview.terraform.export import TerraformExport, to_terraform
from groundwork.preview.terraform.names import args_class, pulumi_names
from groundwork.preview.terraform.run import Terraform, TerraformError
from groundwork.preview.terraform.schema import ProviderSchema
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
    asked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """URN → the properties that differ and that it was told, of the types that it knows."""
    replaced: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """URN → the properties whose change replaces it."""


@dataclass(frozen=True)
class _Question:
    """One resource, as Terraform has it in its state and in its configuration."""

    plan: int
    urn: str
    standing: dict[str, Any]
    arguments: dict[str, Any]
    told: frozenset[str]


def ask(plan: Plan, environment: Mapping[str, str] | None = None) -> ProviderAnswer:
    """Ask the provider about all that a plan changes; does not raise for what a machine lacks."""
    return ask_each([plan], environment)[0]


def ask_each(plans: Sequence[Plan], environment: Mapping[str, str] | None = None) -> list[ProviderAnswer]:
    """Ask about several changes, those of one region together: most of the time is the provider's start."""
    environment = os.environ if environment is None else environment
    try:
        with tempfile.TemporaryDirectory(prefix="groundwork-change-") as folder:
            return _ask(plans, Path(folder), environment)
    except (ToolMissingError, TerraformError) as error:
        skipped = str(error)
    except OSError as error:
        skipped = f"a working folder for Terraform could not be made: {error}"
    return [ProviderAnswer(skipped=skipped) for _ in plans]


def _ask(plans: Sequence[Plan], folder: Path, environment: Mapping[str, str]) -> list[ProviderAnswer]:
    terraform, schema = provider_schema(folder, environment)
    regions: dict[str, dict[str, _Question]] = {}
    frames: dict[str, dict[str, Any]] = {}
    for number, plan in enumerate(plans):
        questions = regions.setdefault(plan.head.region, {})
        frame, found = _questions(number, plan, schema)
        frames[plan.head.region] = frame
        questions.update((f"{type_}.asked{len(questions) + at}", one) for at, (type_, one) in enumerate(found))
    answers = [ProviderAnswer(provider=schema.version, asked={}, replaced={}) for _ in plans]
    for region, questions in regions.items():
        asked, replaced = _answered(terraform, folder, frames[region], questions, schema.states)
        for address, question in asked.items():
            plan, told = plans[question.plan], dict(answers[question.plan].asked)
            told[question.urn] = question.told
            forced = _forced(plan, question.urn, replaced.get(address, ()))
            also = {question.urn: forced} if forced else {}
            before = answers[question.plan]
            answers[question.plan] = replace(before, asked=told, replaced={**before.replaced, **also})
    return answers


def _answered(
    terraform: Terraform,
    folder: Path,
    frame: Mapping[str, Any],
    questions: Mapping[str, _Question],
    states: Mapping[str, int],
) -> tuple[dict[str, _Question], dict[str, list[list[Any]]]]:
    """Return the questions that the provider takes, and by address the paths that force a replacement."""
    left = dict(questions)
    for _ in range(_ROUNDS):
        if not left:
            break
        resources: dict[str, dict[str, Any]] = {}
        for address, question in left.items():
            type_, _, name = address.partition(".")
            resources.setdefault(type_, {})[name] = question.arguments
        text, lines = layout.write({**frame, "resource": resources})
        (folder / "main.tf.json").write_text(text, encoding="utf-8")
        _write(folder / "terraform.tfstate", state({one: left[one].standing for one in left}, states))
        diagnostics = [one for one in terraform.plan_changes() if one["severity"] == "error"]
        mistaken = {_address(one, lines) for one in diagnostics} & left.keys()
        if not diagnostics:
            return left, dict(terraform.planned())
        if not mistaken:
            raise TerraformError(f"{terraform.name} plans nothing: {diagnostics[0]['summary']}")
        left = {address: question for address, question in left.items() if address not in mistaken}
    return {}, {}


def _address(diagnostic: Mapping[str, Any], lines: Sequence[layout.Path]) -> str:
    """Return the resource that a diagnostic is about: some name it, others only the line."""
    if diagnostic.get("address"):
        return str(diagnostic["address"]).partition("[")[0]
    line = diagnostic.get("range", {}).get("start", {}).get("line", 0)
    path = lines[line - 1] if 0 < line <= len(lines) else ()
    return ".".join(map(str, path[1:3]))


def _questions(number: int, plan: Plan, schema: ProviderSchema) -> tuple[dict[str, Any], list[tuple[str, _Question]]]:
    """Return the configuration around the resources, and each resource that differs with its type of Terraform's."""
    pairs = {urn: pair for urn, pair in plan.pairs.items() if plan.differences[urn]}
    standing = [
        replace(pair.before, urn=urn, name=pair.after.name, type=pair.after.type) for urn, pair in pairs.items()
    ]
    head, base = (
        to_terraform(replace(plan.head, resources=tuple(resources)), schema)
        for resources in ([pair.after for pair in pairs.values()], standing)
    )
    found = []
    for address, urn in head.addresses.items():
        if base.addresses.get(address) != urn:
            continue
        after, before = _both(head, base, address)
        type_ = pairs[urn].after.type
        told = {_property(type_, [name]) for name in (*after, *before)} & {one.root for one in plan.differences[urn]}
        stands = _plain(before) | {"id": _IDENTITY}
        found.append((address.partition(".")[0], _Question(number, urn, stands, after, frozenset(told))))
    return {key: value for key, value in head.document.items() if key not in ("locals", "resource")}, found


def _forced(plan: Plan, urn: str, paths: Iterable[list[Any]]) -> tuple[str, ...]:
    """Return the properties, of those that differ, among the paths that force a replacement. What AWS computes is not in the state, and so
    among the paths of whatever is replaced."""
    type_ = plan.pairs[urn].after.type
    named = {_property(type_, path) for path in paths if path}
    return tuple(sorted(named & {one.root for one in plan.differences[urn]}))


def _arguments(export: TerraformExport, address: str) -> dict[str, Any]:
    type_, _, name = address.partition(".")
    found: dict[str, Any] = export.document["resource"][type_][name]
    return {key: value for key, value in found.items() if key not in ("lifecycle", "provider")}


def _unknown(arguments: Mapping[str, Any]) -> set[str]:
    """Return what a state cannot hold: whether it differs, nobody knows."""
    return {key for key, value in arguments.items() if "local.unknown" in json.dumps(value)}


def _both(head: TerraformExport, base: TerraformExport, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    after, before = _arguments(head, address), _arguments(base, address)
    aside = _unknown(after) | _unknown(before)
    known, were = ({key: value for key, value in said.items() if key not in aside} for said in (after, before))
    return known, were


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
    found = []
    for urn, told in answer.asked.items():
        name = plan.pairs[urn].after.name
        forcing = {one.root: one.forces for one in plan.differences[urn] if not one.because and one.root in told}
        theirs = answer.replaced.get(urn, ())
        if theirs and urn not in plan.replaced and Forces.MAYBE not in forcing.values():
            found.append(f"{name}: the provider replaces it for {', '.join(theirs)}, the preview updates it")
        elif Forces.YES in forcing.values() and not theirs:
            found.append(f"{name}: the preview replaces it, the provider updates it")
    return found
