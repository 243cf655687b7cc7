"""C-08: every stack walks up its phases, down again and over engines, and no step is refused or loses data.

What Pulumi, the provider and AWS do of a step is ``groundwork/preview/moves.py``; what stands is carried from step to step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from groundwork.preview.changes.replacement import forcing
from groundwork.preview.moves import Move, move, standing
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.data_file import read_data
from tests.examples.query import Config, changed
from tests.replacement import TABLE
from tests.requirements import proves
from tests.stacks import ROOT, STACK_NAMES, in_each_phase, run_found, snapshot_of
from tests.test_stacks_side_by_side import built

REPLICA = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"

THULOBAZAAR, CHAT, SHOP = (f"examples/{name}/prod" for name in ("thulobazaar", "chat-app", "storefront"))


def with_config(stack: str, folder: Path, layers: dict[str, Any]) -> Snapshot:
    """A stack whose file says more under some of its keys."""

    def change(config: Config) -> None:
        for layer, said in layers.items():
            config[f"groundwork:{layer}"] = {**config.get(f"groundwork:{layer}", {}), **said}

    return run_found(changed(stack, folder / f"{len(list(folder.iterdir()))}.yaml", change))


def refused(step: Move) -> dict[str, str]:
    return {refusal.resource.name: refusal.reason for refusal in step.refusals}


def released(step: Move) -> list[str]:
    """What has to be said to be removable before the step, where nothing else stops it."""
    assert [refusal for refusal in step.refusals if not refusal.protected] == []
    return [refusal.resource.name for refusal in step.refusals]


def walk(snapshots: Sequence[Snapshot]) -> list[Move]:
    stands, steps = snapshots[0], []
    for head in snapshots[1:]:
        steps.append(move(stands, head))
        stands = standing(stands, head)
    return steps


UP = {
    "dev": [f"dev@{phase}" for phase in ("mvp", "launch", "growth", "scale")],
    "prod": ["prod", "prod@scale"],
    "thulobazaar": [f"{THULOBAZAAR}@{phase}" for phase in ("launch", "growth", "scale")],
    "chat-app, until it has several instances": [f"{CHAT}@mvp", f"{CHAT}@launch"],
    "storefront": [f"{SHOP}@growth", f"{SHOP}@millions"],
    "ecs-web": ["examples/ecs-web/prod", "examples/ecs-web/prod@growth"],
    "mini-facebook": ["examples/mini-facebook/prod", "examples/mini-facebook/prod@millions"],
}


@pytest.mark.parametrize("phases", UP.values(), ids=UP)
@proves("C-08", "C-03", "S0-14", "S4-16")
def test_a_stack_goes_up_its_phases_by_one_word_each(phases: list[str]) -> None:
    for step in walk([snapshot_of(phase) for phase in phases]):
        assert refused(step) == {}
        assert [one.name for one in step.removed if one.options.get("protect")] == []
        assert step.changed


# On the way down, what only a larger phase has leaves. In prod it is protected, and named first; in dev it goes at once.
DOWN = {
    "thulobazaar": (
        [f"{THULOBAZAAR}@{phase}" for phase in ("scale", "growth", "launch")],
        [
            {"thulobazaar-database-reader-2"},
            {"thulobazaar-cache-group", "thulobazaar-cache-login", "thulobazaar-database-reader-1"},
        ],
    ),
    "chat-app": (
        [f"{CHAT}@{phase}" for phase in ("growth", "launch", "mvp")],
        [
            {"chat-app-database-reader-1", "chat-app-ingress-alb"},
            {"chat-app-cache-group", "chat-app-cache-login"},
        ],
    ),
    "storefront": (
        [f"{SHOP}@{phase}" for phase in ("millions", "growth")],
        [{f"storefront-database-reader-{number}" for number in (3, 4, 5)}],
    ),
}


@pytest.mark.parametrize(("phases", "expected"), DOWN.values(), ids=DOWN)
@proves("C-08")
def test_down_again_nothing_leaves_but_copies_caches_and_ways_in_that_the_stack_names_first(
    phases: list[str], expected: list[set[str]]
) -> None:
    assert [set(released(step)) for step in walk([snapshot_of(phase) for phase in phases])] == expected


@proves("C-08")
def test_dev_goes_down_again_by_one_word_and_loses_what_only_a_larger_phase_has() -> None:
    phases = ("scale", "growth", "launch", "mvp")
    steps = walk([snapshot_of(f"dev@{phase}") for phase in phases])
    assert [refused(step) for step in steps] == [
        {"shop-database-archive": "holds data and would be deleted"},
        {"shop-cache-group": "holds data and would be deleted"},
        {},
    ]


@proves("C-08", "S4-16")
def test_what_only_one_instance_needs_leaves_in_two_steps(tmp_path: Path) -> None:
    before, after = snapshot_of(f"{CHAT}@launch"), snapshot_of(f"{CHAT}@growth")
    names = released(move(before, after))
    assert set(names) == {"chat-app-compute-address-address", "chat-app-compute-data"}
    named = {"platform": {"removable": names}}
    first = with_config(f"{CHAT}@launch", tmp_path, named)
    second = with_config(f"{CHAT}@growth", tmp_path, named)
    steps = walk([before, first, second, after])
    assert [refused(step) for step in steps] == [{}, {}, {}]
    assert [len(step.removed) for step in (steps[0], steps[2])] == [0, 0]
    [volume] = [one for one in steps[1].removed if one.type == "aws:ebs/volume:Volume"]
    # EC2 keeps a last snapshot of what leaves.
    assert volume.inputs["finalSnapshot"] is True


@proves("C-08", "S0-14", "S0-06")
def test_cluster_mode_comes_in_stages_and_shards_after_them(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html"""
    assert "compatible" in refused(move(snapshot_of("prod@scale"), snapshot_of("prod@millions")))["shop-cache-group"]
    stages = [
        with_config(f"prod@{phase}", tmp_path, {"cache": {"cluster_mode": mode}})
        for phase, mode in (("scale", "compatible"), ("scale", "enabled"), ("millions", "enabled"))
    ]
    up = walk([snapshot_of("prod@scale"), *stages])
    assert [refused(step) for step in up] == [{}, {}, {}]
    for step in up[:2]:
        assert [one.name for one in step.changed if one.type == CACHE] == ["shop-cache-group"]
    down = walk([stages[2], stages[1]])
    assert set(released(down[0])) == {f"shop-database-reader-{number}" for number in (3, 4, 5)}


@proves("C-08", "S0-14")
def test_dev_goes_to_millions_through_all_phases_and_one_down_again(tmp_path: Path) -> None:
    stages = [
        with_config(f"dev@{phase}", tmp_path, {"cache": {"cluster_mode": mode}})
        for phase, mode in (("scale", "compatible"), ("scale", "enabled"), ("millions", "enabled"))
    ]
    phases = [snapshot_of(f"dev@{phase}") for phase in ("mvp", "launch", "growth", "scale")]
    *_, millions, down = walk([*phases, *stages, stages[1]])
    assert [refused(step) for step in walk([*phases, *stages])] == [{}] * 6
    readers = {f"shop-database-reader-{number}" for number in (3, 4, 5)}
    assert readers <= {one.name for one in millions.created}
    assert refused(down) == {}
    assert {one.name for one in down.removed if one.type == REPLICA} == readers


SMALL = {"services": {"*": {"cpu": 512, "memory": 1024, "scaling": {"min": 2, "max": 4}}}}
ENGINES = {
    "ecs-ec2": {"engine": "ecs-ec2", "instances": {"min": 2, "max": 8}},
    "ec2": {"engine": "ec2", "instances": {"class": "t3.large", "min": 2, "max": 4}},
    "eks": {"engine": "eks", "kubernetes": {"nodes": {"general": {"max": 10}}}},
}


@pytest.mark.parametrize("engine", ENGINES)
@proves("C-02", "C-08", "S4-16")
def test_a_running_stack_changes_its_engine_and_keeps_repositories_and_logs(engine: str, tmp_path: Path) -> None:
    fargate = with_config("prod", tmp_path, SMALL)
    other = with_config("prod", tmp_path, {**SMALL, "compute": ENGINES[engine]})
    steps = walk([fargate, other, fargate])
    assert refused(steps[0]) == {}
    # A cluster that leaves is protected, as the key of its secrets is.
    assert set(released(steps[1])) <= {"shop-compute", "shop-compute-cluster"}
    assert all(nothing_of_services_goes(step) for step in steps)


def to_fargate(config: Config) -> None:
    """What goes with instances leaves with them; a service that said no size of Fargate's gets one."""
    config["groundwork:compute"] |= {"engine": "fargate", "instances": None}
    for service in config["groundwork:services"].values():
        service |= {"cpu": 512, "memory": 1024, "scaling": {"min": 2, "max": 3}}


@pytest.mark.parametrize("stack", [f"{CHAT}@growth", "examples/ecs-web/prod"])
@proves("C-02", "C-08", "S4-16")
def test_instances_give_way_to_fargate_and_back_by_settings_alone(stack: str, tmp_path: Path) -> None:
    fargate = run_found(changed(stack, tmp_path / "fargate.yaml", to_fargate))
    for step in walk([snapshot_of(stack), fargate, snapshot_of(stack)]):
        assert refused(step) == {}
        assert step.removed or step.created


def on_ecs_instances(config: Config, kind: str, most: int) -> None:
    config["groundwork:compute"] = {"engine": "ecs-ec2", "instances": {"class": kind, "min": 2, "max": most}}
    for service in config["groundwork:services"].values():
        service.pop("spot", None)


def on_kubernetes(config: Config, kind: str, most: int) -> None:
    """Without what pods have no likeness of: bounds by the hour, steps, requests counted at the load balancer."""
    nodes = {"general": {"classes": [kind], "max": most}}
    config["groundwork:compute"] = {"engine": "eks", "kubernetes": {"nodes": nodes}}
    phases = config["groundwork:phases"].values()
    for service in [
        one for said in (config, *phases) for one in said.get("groundwork:services", said.get("services", {})).values()
    ]:
        service.pop("spot", None)
        scaling = service.get("scaling", {})
        target = scaling.get("target", {})
        for unlike in ("schedule", "steps", *(() if target or "queue" in scaling else ("target",))):
            scaling.pop(unlike, None)
        if target:
            target.pop("requests", None)


@pytest.mark.parametrize(
    ("stack", "kind", "most"), [(f"{THULOBAZAAR}@launch", "t3.medium", 12), (f"{SHOP}@growth", "m6i.4xlarge", 40)]
)
@proves("C-02", "C-08")
def test_an_example_goes_over_the_engines_that_its_services_allow_and_back(
    stack: str, kind: str, most: int, tmp_path: Path
) -> None:
    """Mini-facebook, from Kubernetes to Fargate: tests/examples/test_mini_facebook.py."""
    engines = [
        run_found(changed(stack, tmp_path / f"{way.__name__}.yaml", lambda config, way=way: way(config, kind, most)))
        for way in (on_ecs_instances, on_kubernetes)
    ]
    steps = walk([snapshot_of(stack), *engines, snapshot_of(stack)])
    assert [set(released(step)) for step in steps[:2]] == [set(), set()]
    assert {name.rpartition("-compute-")[2] for name in released(steps[2])} == {"cluster"}
    assert all(nothing_of_services_goes(step) for step in steps)


def nothing_of_services_goes(step: Move) -> bool:
    """Whether repositories and the logs of services stay what they are."""
    kept = {"aws:ecr/repository:Repository", "aws:ecr/lifecyclePolicy:LifecyclePolicy"}
    logs = [one.inputs["name"] for one in step.removed if one.type == "aws:cloudwatch/logGroup:LogGroup"]
    moved = [one for one in (*step.removed, *step.created, *step.replaced) if one.type in kept]
    return not moved and not [name for name in logs if "/services/" in name]


PHASES = ("mvp", "launch", "growth", "scale", "millions")


def replicas_of(settings: dict[str, Any]) -> set[str]:
    return set((settings.get("data") or {}).get("replicas") or {})


def test_replicas_keep_their_names_from_phase_to_phase() -> None:
    files = [ROOT / "groundwork" / "settings" / "phases" / f"{phase}.yaml" for phase in PHASES]
    ladders = [[read_data(file) for file in files]]
    ladders += [[snapshot_of(stack).settings for stack in in_each_phase(name)] for name in STACK_NAMES]
    for ladder in ladders:
        assert all(smaller <= larger for smaller, larger in pairwise(map(replicas_of, ladder)))


# The judge itself, on steps that are known to go wrong.

BASE = "prod"


def without(name: str) -> Callable[[Snapshot], Snapshot]:
    return lambda snapshot: replace(
        snapshot, resources=tuple(one for one in snapshot.resources if not one.urn.endswith(f"::{name}"))
    )


def said(name: str, **inputs: Any) -> Callable[[Snapshot], Snapshot]:
    return edited(name, lambda one: replace(one, inputs={**one.inputs, **inputs}))


def edited(name: str, edit: Callable[[Resource], Resource]) -> Callable[[Snapshot], Snapshot]:
    return lambda snapshot: replace(
        snapshot,
        resources=tuple(edit(one) if one.custom and one.name == name else one for one in snapshot.resources),
    )


def renamed(one: Resource) -> Resource:
    return replace(one, urn=f"{one.urn}-new", name=f"{one.name}-new")


WRONG = {
    "a protected database leaves": (
        without("shop-database-primary"),
        "shop-database-primary",
        "is protected and would be deleted",
    ),
    "a database gets another key": (
        said("shop-database-primary", kmsKeyId="arn:aws:kms:eu-central-1:111122223333:key/other"),
        "shop-database-primary",
        "is protected, and another kmsKeyId means another resource",
    ),
    "a repository gets another place in the program": (
        edited("shop-compute-web", renamed),
        "shop-compute-web-new",
        "has the name that shop-compute-web still holds: already exists",
    ),
    "a volume shrinks below its limit": (
        said("shop-database-primary", allocatedStorage=20, maxAllocatedStorage=None),
        "shop-database-primary",
        "allocatedStorage cannot shrink from 50 to 20",
    ),
    "the limit is below what is allocated": (
        said("shop-database-primary", maxAllocatedStorage=50),
        "shop-database-primary",
        "maxAllocatedStorage of 50 is less than a tenth above the 50 that are allocated",
    ),
    "an older version of PostgreSQL": (
        said("shop-database-primary", engineVersion="16"),
        "shop-database-primary",
        "an older version (16) than 17 cannot be restored in place",
    ),
    "another major version": (
        said("shop-database-primary", engineVersion="18"),
        "shop-database-primary",
        "another major version (17 to 18) needs allowMajorVersionUpgrade",
    ),
    "cluster mode in one step": (
        said("shop-cache-group", numCacheClusters=None, numNodeGroups=3, replicasPerNodeGroup=1),
        "shop-cache-group",
        "cluster mode goes from disabled to compatible and from there to enabled, an update each",
    ),
    "cluster mode without a replica": (
        said("shop-cache-group", clusterMode="compatible"),
        "shop-cache-group",
        "cluster mode needs automatic failover to a replica before it can change",
    ),
    "cluster mode and a class at once": (
        said("shop-cache-group", clusterMode="compatible", nodeType="cache.r6g.large"),
        "shop-cache-group",
        "cluster mode changes alone: leave nodeType for the update after",
    ),
}


@pytest.mark.parametrize(("edit", "name", "reason"), WRONG.values(), ids=WRONG)
def test_a_step_that_would_be_refused_is(edit: Callable[[Snapshot], Snapshot], name: str, reason: str) -> None:
    base = snapshot_of(BASE)
    assert refused(move(base, edit(base))).get(name) == reason


def test_nothing_said_is_nothing_done() -> None:
    step = move(snapshot_of(BASE), snapshot_of(BASE))
    assert (step.created, step.changed, step.replaced, step.removed, step.refusals) == ((), (), (), (), ())


def test_the_provider_was_asked_about_every_type_that_components_build() -> None:
    """Where this fails, `python -m tests.replacement` asks it about what is new, if a stack there has it."""
    asked = set(json.loads(TABLE.read_text(encoding="utf-8"))["types"])
    newer_than_the_provider = {"aws:cloudwatch/alarmMuteRule:AlarmMuteRule"}
    assert built().keys() - asked == newer_than_the_provider


def test_what_forces_a_replacement_is_known_of_everything_that_holds_data() -> None:
    """As the provider's own pages say of the arguments that we use."""
    known = {
        REPLICA: {"dbName", "engine", "kmsKeyId", "storageEncrypted", "username"},
        CACHE: {"atRestEncryptionEnabled", "kmsKeyId", "port", "replicationGroupId", "subnetGroupName"},
        "aws:ebs/volume:Volume": {"availabilityZone", "encrypted", "kmsKeyId"},
        "aws:ecr/repository:Repository": {"encryptionConfigurations", "name"},
    }
    base = snapshot_of(BASE)
    for type_, props in known.items():
        [resource, *_] = [*base.of_type(type_), *snapshot_of(f"{CHAT}@mvp").of_type(type_)]
        assert forcing(resource) & resource.inputs.keys() == props, type_
    assert '"provider": "5.' in TABLE.read_text(encoding="utf-8")
