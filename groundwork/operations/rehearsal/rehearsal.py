"""Deploying a snapshot to a stand-in account with the real AWS provider: once, then a look at what a second time would change,
then the removal."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundwork.operations.rehearsal.account import NoAccountError, stand_in_account
from groundwork.operations.rehearsal.existing import Existing, ExistingError
from groundwork.operations.rehearsal.gaps import Gaps, gaps
from groundwork.preview.snapshot import Resource, Snapshot, Source
from groundwork.preview.terraform import layout
from groundwork.preview.terraform.convert import LeftOut
from groundwork.preview.terraform.export import TerraformExport, to_terraform
from groundwork.preview.terraform.linked import linked
from groundwork.preview.terraform.names import args_class, pulumi_names
from groundwork.preview.terraform.run import Clock, Terraform, TerraformError
from groundwork.preview.terraform.schema import ProviderSchema
from groundwork.preview.terraform.tools import ToolMissingError
from groundwork.preview.terraform.verify import provider_schema


@dataclass(frozen=True)
class DeploymentRefusal:
    """A resource that the account did not make or did not let go, and its words."""

    urn: str
    type: str
    name: str
    message: str
    source: Source | None = None


@dataclass(frozen=True)
class Difference:
    """A resource that a second deployment of the same program would change. ``reason`` is why it does not count."""

    urn: str
    type: str
    name: str
    actions: tuple[str, ...]
    properties: tuple[str, ...]
    source: Source | None = None
    reason: str = ""


@dataclass(frozen=True)
class Rehearsal:
    """What happened. ``skipped`` says why nothing did, and what would allow it."""

    skipped: str = ""
    resources: int = 0
    """AWS resources of the stack."""
    deployed: int = 0
    refused: tuple[DeploymentRefusal, ...] = ()
    """By our input."""
    unreached: tuple[str, ...] = ()
    """URNs that depend on what was refused."""
    left_out: tuple[LeftOut, ...] = ()
    """What the stand-in, or the installed provider, does not know, or cannot show again."""
    differences: tuple[Difference, ...] = ()
    """What a second deployment would change."""
    forgotten: tuple[Difference, ...] = ()
    """The same, where the stand-in is known not to keep it."""
    kept: tuple[DeploymentRefusal, ...] = ()
    """What a removal in one go does not remove, though nothing protects it."""
    protected: tuple[DeploymentRefusal, ...] = ()
    """What it does not remove because the stack protects it."""
    harmed: tuple[str, ...] = ()
    """What existed before, by its name in the stack file, and is another, or gone, after the removal."""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether all went well: everything deployed, nothing to do a second time, everything removed that is not
        protected, and what existed before as it was."""
        return not (self.skipped or self.refused or self.unreached or self.differences or self.kept or self.harmed)


def rehearse(snapshot: Snapshot, *, environment: Mapping[str, str] | None = None) -> Rehearsal:
    """Deploy the snapshot to an account that is none, plan once more, and remove it. What its settings say exists is made there
    first, and looked at again in the end.

    Needs Terraform, the AWS provider and moto's server on this machine; without one of them the result says that it was skipped,
    and what would enable it. Takes one to five minutes, most of them the provider's own waiting. TerraformError where
    Terraform gives no answer.
    """
    environment = os.environ if environment is None else environment
    with tempfile.TemporaryDirectory(prefix="groundwork-rehearsal-") as name:
        folder = Path(name)
        try:
            terraform, schema = provider_schema(folder, environment)
            with stand_in_account(folder, environment) as address:
                existing = Existing(snapshot.settings, snapshot.region, address)
                return _rehearse(snapshot, schema, terraform.calling(address), folder, existing)
        except (ToolMissingError, NoAccountError, ExistingError) as error:
            return Rehearsal(skipped=str(error))


def _rehearse(
    snapshot: Snapshot, schema: ProviderSchema, terraform: Terraform, folder: Path, existing: Existing
) -> Rehearsal:
    clock = Clock()
    known = gaps()
    resources = snapshot.by_urn()
    absent = [resource for resource in snapshot.resources if resource.type in known.absent]
    export = to_terraform(snapshot, schema, without=[resource.urn for resource in absent])
    _write(folder, export, snapshot, existing.names)
    before = existing.look()
    applied = clock.time("deploy", terraform.apply)
    deployed = {event["hook"]["resource"]["addr"] for event in applied if event["type"] == "apply_complete"}
    refused = refusals(applied, export, resources)
    unreadable = {address for address, urn in export.addresses.items() if resources[urn].type in known.unreadable}
    changes, unread = clock.time("look again", lambda: _look(terraform, folder, unreadable))
    differences = [
        _difference(change, export, resources, known)
        for change in changes
        if change["change"]["actions"] != ["no-op"] and change["address"] in deployed - unreadable
    ]
    removed = clock.time("remove", terraform.destroy)
    stayed = [
        refusal
        for refusal in refusals(removed, export, resources, _state(folder))
        if refusal.type not in known.clinging
    ]
    expected = {urn for address, urn in export.addresses.items() if address not in deployed}
    return Rehearsal(
        resources=len(export.addresses) + len(absent),
        deployed=len(deployed & export.addresses.keys()),
        refused=(*refused, *refusals(unread, export, resources)),
        unreached=tuple(sorted(expected - {refusal.urn for refusal in refused})),
        left_out=(
            *(LeftOut(resource.urn, resource.type, "", known.absent[resource.type]) for resource in absent),
            *(
                LeftOut(resource.urn, resource.type, "", known.unreadable[resource.type])
                for resource in snapshot.resources
                if resource.type in known.unreadable
            ),
            *(entry for entry in export.left_out if not entry.path),
        ),
        differences=tuple(difference for difference in differences if not difference.reason),
        forgotten=tuple(difference for difference in differences if difference.reason),
        kept=tuple(refusal for refusal in stayed if not resources[refusal.urn].options.get("protect")),
        protected=tuple(refusal for refusal in stayed if resources[refusal.urn].options.get("protect")),
        harmed=tuple(name for name, look in existing.look().items() if look != before[name]),
        seconds=clock.seconds,
    )


def _look(
    terraform: Terraform, folder: Path, unreadable: set[str]
) -> tuple[list[dict[str, Any]], list[Mapping[str, Any]]]:
    """Return what a second deployment would change. What cannot be looked at joins ``unreadable``, and its errors are
    the second answer."""
    unread: list[Mapping[str, Any]] = []
    while True:
        state = _state(folder)
        state["resources"] = [one for one in state["resources"] if f"{one['type']}.{one['name']}" not in unreadable]
        (folder / _SECOND_STATE).write_text(json.dumps(state), encoding="utf-8")
        changes, errors = terraform.changes(_SECOND_STATE)
        fresh = {event["diagnostic"].get("address", "") for event in errors} - unreadable
        if not fresh:
            return changes, unread
        unread += errors
        unreadable |= fresh


def _state(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((folder / "terraform.tfstate").read_text(encoding="utf-8"))
    return state


_SECOND_STATE = "second.tfstate"


def _write(folder: Path, export: TerraformExport, snapshot: Snapshot, names: Mapping[str, str]) -> None:
    """Write the configuration, and something at the place of each function's package. ``names``: ids of the stack file → of the
    account."""
    document = linked(export, snapshot)
    for provider in document["provider"]["aws"]:
        # A busy machine breaks off an answer now and then.
        provider |= {"max_retries": 3, "s3_use_path_style": True, "skip_requesting_account_id": False}
    for body in _bodies(document):
        # Pulumi's protection is known; what the account protects by itself is to be seen.
        body.get("lifecycle", {}).pop("prevent_destroy", None)
        if "filename" in body:
            package = folder / body["filename"]
            package.parent.mkdir(parents=True, exist_ok=True)
            with zipfile.ZipFile(package, "w") as archive:
                archive.writestr("handler.py", "")
    # None of it is AWS's business, and the stand-in would be waited for: it spreads nothing over the world, starts no tasks, and
    # lets no instance go that was protected from scaling in when its group was drained.
    for body in document["resource"].get("aws_cloudfront_distribution", {}).values():
        body["wait_for_deployment"] = False
    for body in document["resource"].get("aws_ecs_service", {}).values():
        body["wait_for_steady_state"] = False
    for body in document["resource"].get("aws_autoscaling_group", {}).values():
        body["force_delete"] = True
    text, _ = layout.write(document)
    for named, there in names.items():
        text = text.replace(named, there)
    (folder / "main.tf.json").write_text(text, encoding="utf-8")


def _bodies(document: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (body for named in document["resource"].values() for body in named.values())


def refusals(
    events: Sequence[Mapping[str, Any]],
    export: TerraformExport,
    resources: Mapping[str, Resource],
    state: Mapping[str, Any] | None = None,
) -> tuple[DeploymentRefusal, ...]:
    """Return what the events say went wrong, by resource. Of a removal Terraform's errors say no address; ``state`` is
    what it left."""
    failed = {event["hook"]["resource"]["addr"] for event in events if event["type"] == "apply_errored"}
    names = _names(state, failed) if state else {}
    found: list[DeploymentRefusal] = []
    for event in events:
        if event["type"] != "diagnostic" or event["diagnostic"]["severity"] != "error":
            continue
        diagnostic = event["diagnostic"]
        message = " ".join(f"{diagnostic['summary']} {diagnostic.get('detail', '')}".split())
        address = diagnostic.get("address") or next((names[name] for name in names if name in message), "")
        resource = resources.get(export.addresses.get(address, ""))
        if resource is None:
            raise TerraformError(message)
        found.append(DeploymentRefusal(resource.urn, resource.type, resource.name, message, resource.source))
    return tuple(sorted(found, key=lambda refusal: refusal.urn))


def _names(state: Mapping[str, Any], addresses: Collection[str]) -> dict[str, str]:
    """Map what an error may call a resource to its address, the longest first."""
    named = {
        str(attributes[name]): address
        for one in state["resources"]
        if (address := f"{one['type']}.{one['name']}") in addresses
        for attributes in [one["instances"][0]["attributes"]]
        for name in ("id", "arn", "name", "identifier", "bucket")
        if attributes.get(name)
    }
    return dict(sorted(named.items(), key=lambda item: len(item[0]), reverse=True))


def _difference(
    change: Mapping[str, Any], export: TerraformExport, resources: Mapping[str, Resource], known: Gaps
) -> Difference:
    resource = resources[export.addresses[change["address"]]]
    args = args_class(resource.type)
    names = pulumi_names(args) if args else {}
    changed = tuple(sorted(names.get(name, name) for name in _changed(change["change"])))
    return Difference(
        resource.urn,
        resource.type,
        resource.name,
        tuple(change["change"]["actions"]),
        changed,
        resource.source,
        known.reason(resource.type, changed) or "",
    )


def _changed(change: Mapping[str, Any]) -> set[str]:
    """Return the arguments that differ, those whose new value only an apply would tell left aside where others say why.
    What is empty and what is not there are one to the provider."""
    before, after = change["before"] or {}, change["after"] or {}
    known = {name for name in after if (before.get(name) or None) != (after[name] or None)}
    # What the provider adds to a resource's own tags differs where these do.
    return (known or set(change.get("after_unknown") or ())) - {"tags_all"}
