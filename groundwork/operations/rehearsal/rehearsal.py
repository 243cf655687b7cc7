"""Deploying a snapshot to a stand-in account with the real AWS provider: once, then a look at what a second time would change,
then the same stack in another phase where one is named, then the removal."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from groundwork.operations.rehearsal.account import NoAccountError, stand_in_account
from groundwork.operations.rehearsal.drifted import RehearsedDrift, drift_in
from groundwork.operations.rehearsal.existing import Existing, ExistingError
from groundwork.operations.rehearsal.gaps import Gaps, gaps
from groundwork.preview.changes.holding import holds_data
from groundwork.preview.changes.plan import pairs
from groundwork.preview.snapshot import Resource, Snapshot, Source
from groundwork.preview.terraform import layout
from groundwork.preview.terraform.convert import LeftOut
from groundwork.preview.terraform.export import TerraformExport, to_terraform
from groundwork.preview.terraform.linked import linked
from groundwork.preview.terraform.names import args_class, pulumi_names
from groundwork.preview.terraform.run import Clock, RunningCommands, Terraform, TerraformError
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
class RehearsedDeployment:
    """What one deployment did."""

    resources: int = 0
    """AWS resources of the stack."""
    deployed: tuple[str, ...] = ()
    """URNs of what stands afterwards."""
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
    drifted: tuple[RehearsedDrift, ...] = ()
    """What ``groundwork drift`` would say of it though nobody changed it."""

    @property
    def ok(self) -> bool:
        """Tell whether everything was deployed, and nothing is to be done a second time."""
        return not (self.refused or self.unreached or self.differences or self.drifted)


@dataclass(frozen=True)
class RehearsedStep:
    """What the step to another phase did to what stood."""

    before: str
    after: str
    created: int
    updated: int
    replaced: int
    deleted: int
    lost: tuple[Difference, ...]
    """What holds data and did not stay; its properties are those that forced that, none where it left the stack."""
    deployment: RehearsedDeployment


@dataclass(frozen=True)
class Rehearsal:
    """What happened. ``skipped`` says why nothing did, and what would allow it."""

    skipped: str = ""
    deployment: RehearsedDeployment = field(default_factory=RehearsedDeployment)
    step: RehearsedStep | None = None
    kept: tuple[DeploymentRefusal, ...] = ()
    """What a removal in one go does not remove, though nothing protects it."""
    protected: tuple[DeploymentRefusal, ...] = ()
    """What it does not remove because the stack protects it."""
    harmed: tuple[str, ...] = ()
    """What existed before, by its name in the stack file, and is another, or gone, after the removal."""
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Tell whether all went well: everything deployed, nothing to do a second time, no data lost on the way to another phase,
        everything removed that is not protected, and what existed before as it was."""
        stepped = self.step is None or (self.step.deployment.ok and not self.step.lost)
        return self.deployment.ok and stepped and not (self.skipped or self.kept or self.harmed)


Hold = Callable[[Rehearsal, str], None]
"""Is called with what happened and the account's address, and returns when the account may go."""


def rehearse(
    snapshot: Snapshot,
    *,
    then: Snapshot | None = None,
    hold: Hold | None = None,
    commands: RunningCommands | None = None,
    environment: Mapping[str, str] | None = None,
) -> Rehearsal:
    """Deploy the snapshot to an account that is none, plan once more, and remove it. What its settings say exists is made there
    first, and looked at again in the end.

    ``then`` is the stack in another phase, deployed over the first. With ``hold`` nothing is removed: the account ends when it
    returns. ``commands`` lets another thread end it all.

    Needs Terraform, the AWS provider and moto's server on this machine; without one of them the result says that it was skipped,
    and what would enable it. Takes one to five minutes, most of them the provider's own waiting. TerraformError where
    Terraform gives no answer.
    """
    try:
        with _stage(snapshot, environment, commands) as (stage, address):
            if hold is None:
                return stage.removed(stage.played(snapshot, then))
            rehearsal = stage.played(snapshot, then)
            hold(rehearsal, address)
            return rehearsal
    except (ToolMissingError, NoAccountError, ExistingError) as error:
        return Rehearsal(skipped=str(error))


@contextmanager
def deployed(
    snapshot: Snapshot, *, without: Collection[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, tuple[DeploymentRefusal, ...]]]:
    """Deploy the snapshot to an account that is none, and give its address and what it refused, as long as it stands; ``without``:
    types that are left out, since the provider waits for them.

    Raises ToolMissingError, NoAccountError and ExistingError where that cannot be had here.
    """
    with _stage(snapshot, environment, None) as (stage, address):
        yield address, stage.deployed(snapshot, without)


@contextmanager
def _stage(
    snapshot: Snapshot, environment: Mapping[str, str] | None, commands: RunningCommands | None
) -> Iterator[tuple[_Stage, str]]:
    """Give an account with what the snapshot's settings say exists, ready to be deployed to, and its address."""
    environment = os.environ if environment is None else environment
    with tempfile.TemporaryDirectory(prefix="groundwork-rehearsal-") as name:
        folder = Path(name)
        terraform, schema = provider_schema(folder, environment, commands)
        with stand_in_account(folder, environment) as address:
            existing = Existing(snapshot.settings, snapshot.region, address)
            yield _Stage(schema, terraform.calling(address), folder, existing, address), address


class _Stage:
    """Where one stack is rehearsed: a folder with Terraform, its state, and an account."""

    def __init__(
        self, schema: ProviderSchema, terraform: Terraform, folder: Path, existing: Existing, address: str
    ) -> None:
        self._address = address
        self._schema = schema
        self._terraform = terraform
        self._folder = folder
        self._existing = existing
        self._clock = Clock()
        self._gaps = gaps()
        self._before = existing.look()
        self._deployed: tuple[Snapshot, TerraformExport]
        self._lines: list[layout.Path] = []

    def played(self, snapshot: Snapshot, then: Snapshot | None) -> Rehearsal:
        """Deploy a stack, and where ``then`` is said, that over it."""
        deployment = self._deploy(snapshot, "deploy", "look again")
        step = self._step(then) if then else None
        return Rehearsal(deployment=deployment, step=step, seconds=self._clock.seconds)

    def removed(self, rehearsal: Rehearsal) -> Rehearsal:
        """Remove all that stands, and add what stayed."""
        snapshot, export = self._deployed
        resources = snapshot.by_urn()
        state = _state(self._folder)
        clinging = {urn for urn, resource in resources.items() if resource.type in self._gaps.clinging}
        state["resources"] = [
            one for one in state["resources"] if export.addresses.get(f"{one['type']}.{one['name']}") not in clinging
        ]
        _state_file(self._folder).write_text(json.dumps(state), encoding="utf-8")
        events = self._clock.time("remove", self._terraform.destroy)
        stayed = refusals(events, export, resources, _state(self._folder))
        return replace(
            rehearsal,
            kept=tuple(refusal for refusal in stayed if not resources[refusal.urn].options.get("protect")),
            protected=tuple(refusal for refusal in stayed if resources[refusal.urn].options.get("protect")),
            harmed=tuple(name for name, look in self._existing.look().items() if look != self._before[name]),
            seconds=self._clock.seconds,
        )

    def deployed(self, snapshot: Snapshot, without: Collection[str]) -> tuple[DeploymentRefusal, ...]:
        """Deploy a stack without some types, look no further, and return what was refused."""
        export = self._export(snapshot, without)
        return self._refusals(self._terraform.apply(), export, snapshot.by_urn())

    def _export(self, snapshot: Snapshot, without: Collection[str] = ()) -> TerraformExport:
        """Export a stack into the folder without some types and what the account does not know."""
        left = {*without, *self._gaps.absent}
        absent = [resource.urn for resource in snapshot.resources if resource.type in left]
        export = to_terraform(snapshot, self._schema, without=absent)
        self._lines = _write(self._folder, export, snapshot, self._existing.names)
        return export

    def _refusals(
        self, events: Sequence[Mapping[str, Any]], export: TerraformExport, resources: Mapping[str, Resource]
    ) -> tuple[DeploymentRefusal, ...]:
        """Return what the events of a deployment say went wrong; some say no address, but the line."""
        return refusals([_placed(event, self._lines) for event in events], export, resources)

    def _deploy(self, snapshot: Snapshot, deploying: str, looking: str) -> RehearsedDeployment:
        export, resources, known = self._export(snapshot), snapshot.by_urn(), self._gaps
        applied = self._clock.time(deploying, self._terraform.apply)
        self._deployed = snapshot, export
        refused = self._refusals(applied, export, resources)
        stands = {f"{one['type']}.{one['name']}" for one in _state(self._folder)["resources"] if one["instances"]}
        failed = {refusal.urn for refusal in refused}
        deployed = {address for address, urn in export.addresses.items() if address in stands and urn not in failed}
        unreadable = {address for address, urn in export.addresses.items() if resources[urn].type in known.unreadable}
        changes, unread = self._clock.time(looking, lambda: _look(self._terraform, self._folder, unreadable))
        differences = [
            _difference(change, resources[export.addresses[change["address"]]], known)
            for change in changes
            if change["change"]["actions"] != ["no-op"] and change["address"] in deployed - unreadable
        ]
        stands_by_urn = {export.addresses[address] for address in deployed}
        drifted = self._clock.time(
            "compare", lambda: list(drift_in(snapshot, stands_by_urn, _state(self._folder), self._address))
        )
        expected = {urn for address, urn in export.addresses.items() if address not in deployed}
        absent = [resource for resource in snapshot.resources if resource.type in known.absent]
        return RehearsedDeployment(
            resources=len(export.addresses) + len(absent),
            deployed=tuple(sorted(stands_by_urn)),
            refused=(*refused, *self._refusals(unread, export, resources)),
            unreached=tuple(sorted(expected - failed)),
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
            # Whose tags are not kept is not found by them.
            drifted=tuple(one for one in drifted if not known.reason(one.type, one.properties or ("tags",))),
        )

    def _step(self, then: Snapshot) -> RehearsedStep:
        """Deploy the stack in another phase over what stands."""
        before, standing = self._deployed
        export = self._export(then)
        _rename(self._folder, before, standing, then, export)
        changes, _ = self._clock.time("plan the next phase", lambda: _look(self._terraform, self._folder, set()))
        actions = [tuple(change["change"]["actions"]) for change in changes]
        lost = tuple(self._lost(changes, before, standing, then, export))
        deployment = self._deploy(then, "deploy the next phase", "look at it again")
        return RehearsedStep(
            before=_phase(before),
            after=_phase(then),
            created=actions.count(("create",)),
            updated=actions.count(("update",)),
            replaced=sum(set(one) == {"create", "delete"} for one in actions),
            deleted=actions.count(("delete",)),
            lost=lost,
            deployment=deployment,
        )

    def _lost(
        self,
        changes: Iterable[Mapping[str, Any]],
        before: Snapshot,
        standing: TerraformExport,
        then: Snapshot,
        export: TerraformExport,
    ) -> Iterator[Difference]:
        """Yield what holds data and is replaced or removed, but for what the account alone makes differ."""
        stood = before.by_urn()
        former = dict(pairs(before, then))
        for change in changes:
            address = change["address"]
            if "delete" not in change["change"]["actions"]:
                continue
            urn = export.addresses.get(address)
            resource = former.get(urn) if urn else stood.get(standing.addresses.get(address, ""))
            if resource is None or not holds_data(resource):
                continue
            forcing = {path[0] for path in change["change"].get("replace_paths") or () if path}
            difference = _difference(change, resource, self._gaps, forcing)
            if not difference.reason:
                yield difference


def _phase(snapshot: Snapshot) -> str:
    return str((snapshot.settings.get("platform") or {}).get("phase", ""))


def _rename(folder: Path, before: Snapshot, standing: TerraformExport, then: Snapshot, export: TerraformExport) -> None:
    """Have the state call what stands as the next configuration does, as Pulumi's aliases do, and forget what the stack leaves in the
    account on purpose (``retainOnDelete``)."""
    wanted = {urn: address for address, urn in export.addresses.items()}
    former = {resource.urn: wanted.get(urn) for urn, resource in pairs(before, then)}
    resources = before.by_urn()
    state, kept = _state(folder), []
    for one in state["resources"]:
        resource = resources[standing.addresses[f"{one['type']}.{one['name']}"]]
        address = former.get(resource.urn)
        if address is None and resource.options.get("retainOnDelete"):
            continue
        if address and address.startswith(f"{one['type']}."):
            one["name"] = address.partition(".")[2]
        kept.append(one)
    state |= {"resources": kept, "serial": state["serial"] + 1}
    _state_file(folder).write_text(json.dumps(state), encoding="utf-8")


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
    state: dict[str, Any] = json.loads(_state_file(folder).read_text(encoding="utf-8"))
    return state


def _state_file(folder: Path) -> Path:
    return folder / "terraform.tfstate"


_SECOND_STATE = "second.tfstate"


def _placed(event: Mapping[str, Any], lines: Sequence[layout.Path]) -> Mapping[str, Any]:
    """Return an event with the address of the resource that its diagnostic's line belongs to, where it names none itself."""
    diagnostic = event.get("diagnostic", {})
    line = diagnostic.get("range", {}).get("start", {}).get("line", 0)
    if diagnostic.get("address") or not 0 < line <= len(lines) or len(lines[line - 1]) < 3:
        return event
    return {**event, "diagnostic": {**diagnostic, "address": ".".join(map(str, lines[line - 1][1:3]))}}


def _write(folder: Path, export: TerraformExport, snapshot: Snapshot, names: Mapping[str, str]) -> list[layout.Path]:
    """Write the configuration, and something at the place of each function's package. ``names``: ids of the stack file → of the
    account. Returns the path of what each line says."""
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
    text, lines = layout.write(document)
    for named, there in names.items():
        text = text.replace(named, there)
    (folder / "main.tf.json").write_text(text, encoding="utf-8")
    return lines


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
    change: Mapping[str, Any], resource: Resource, known: Gaps, differing: Collection[str] | None = None
) -> Difference:
    """Say what of a resource would change; ``differing``: the arguments that count, unset all that differ."""
    args = args_class(resource.type)
    names = pulumi_names(args) if args else {}
    counting = _changed(change["change"]) if differing is None else differing
    changed = tuple(sorted(names.get(name, name) for name in counting))
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
