"""A service's deployments: what ECS is told of them, what it may do for them, and what other engines say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from groundwork.components.services.settings import DeploymentSettings
from groundwork.preview.moves import move
from groundwork.preview.snapshot import Resource, Snapshot
from tests.components.test_compute_fargate import ALARM, SERVICE, fargate, named, statements
from tests.harness import build, shared
from tests.settings.test_compute_checks import APP, WORKER, ecs, mistakes
from tests.stacks import snapshot_of

GROUP = "aws:lb/targetGroup:TargetGroup"
RULE = "aws:lb/listenerRule:ListenerRule"
ROLE = "aws:iam/role:Role"
CANARY = {"strategy": "canary", "percent": 5, "step_minutes": 15, "bake_minutes": 30}


@shared
def web(deployment: Any = None, unknowns: bool = False, **settings: Any) -> Snapshot:
    said = {"deployment": deployment} if deployment else {}
    return build(fargate({"web": {"port": 3333, "path": "/*", **said, **settings}}), unknowns=unknowns)


def service(snapshot: Snapshot) -> Resource:
    return named(snapshot, SERVICE, "web")


def test_ecs_is_told_each_strategy_as_it_calls_it() -> None:
    told = {
        strategy: service(web(said)).inputs["deploymentConfiguration"]
        for strategy, said in {
            "rolling": "rolling",
            "blue-green": "blue-green",
            "canary": CANARY,
            "linear": {"strategy": "linear", "percent": 20, "bake_minutes": 0},
        }.items()
    }
    assert told == {
        "rolling": {"strategy": "ROLLING"},
        "blue-green": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "10"},
        "canary": {
            "strategy": "CANARY",
            "bakeTimeInMinutes": "30",
            "canaryConfiguration": {"canaryPercent": 5, "canaryBakeTimeInMinutes": "15"},
        },
        "linear": {
            "strategy": "LINEAR",
            "bakeTimeInMinutes": "0",
            "linearConfiguration": {"stepPercent": 20, "stepBakeTimeInMinutes": "10"},
        },
    }
    # It is said: the provider would leave the strategy that a service had as it is.
    assert service(web()).inputs["deploymentConfiguration"] == {"strategy": "ROLLING"}


def test_the_circuit_breaker_is_of_rolling_deployments_alone_and_the_alarm_of_all() -> None:
    for said, breaks in ((None, True), ("rolling", True), ("blue-green", False), (CANARY, False)):
        inputs = service(web(said)).inputs
        assert (inputs.get("deploymentCircuitBreaker") == {"enable": True, "rollback": True}) is breaks, said
        [alarm] = inputs["alarms"].pop("alarmNames")
        assert inputs["alarms"] == {"enable": True, "rollback": True}
        assert alarm.startswith("shop-compute-web-errors")


def test_two_groups_take_turns_behind_one_rule_that_only_ecs_writes_after_the_first_time() -> None:
    snapshot = web(CANARY)
    first, second = named(snapshot, GROUP, "web"), named(snapshot, GROUP, "web--alt")
    drawn = {"tags"}
    assert {k: v for k, v in first.inputs.items() if k not in drawn} == {
        k: v for k, v in second.inputs.items() if k not in drawn
    }
    rule = named(snapshot, RULE, "web-path")
    assert rule.inputs["actions"] == [{"type": "forward", "targetGroupArn": first.outputs["arn"]}]
    assert rule.options["ignoreChanges"] == ["actions"]
    assert "ignoreChanges" not in named(web(), RULE, "web-path").options
    [told] = service(snapshot).inputs["loadBalancers"]
    assert told["targetGroupArn"] == first.outputs["arn"]
    assert told["advancedConfiguration"] == {
        "alternateTargetGroupArn": second.outputs["arn"],
        "productionListenerRule": rule.outputs["arn"],
        "roleArn": named(snapshot, ROLE, "web-shift").outputs["arn"],
    }


def test_ecs_may_shift_the_requests_of_this_service_and_no_others() -> None:
    snapshot = web(CANARY)
    groups = sorted(named(snapshot, GROUP, key).outputs["arn"] for key in ("web", "web--alt"))
    trust = json.loads(named(snapshot, ROLE, "web-shift").inputs["assumeRolePolicy"])
    assert [one["Principal"] for one in trust["Statement"]] == [{"Service": "ecs.amazonaws.com"}]
    allowed = statements(snapshot, "web-shift")
    assert sorted(allowed["RegisterCopies"]["Resource"]) == groups
    assert allowed["ShiftRequests"]["Action"] == ["elasticloadbalancing:ModifyRule"]
    assert allowed["ShiftRequests"]["Resource"] == [named(snapshot, RULE, "web-path").outputs["arn"]]
    everywhere = [action for one in allowed.values() if one["Resource"] == ["*"] for action in one["Action"]]
    assert all(action.startswith("elasticloadbalancing:Describe") for action in everywhere)
    assert not [role for role in web().of_type(ROLE) if role.name.endswith("-shift")]


def test_alarms_count_both_groups_since_each_is_empty_at_times() -> None:
    snapshot = web(CANARY)
    groups = {named(snapshot, GROUP, key).outputs["arnSuffix"] for key in ("web", "web--alt")}
    asked = {}
    for alarm in snapshot.of_type(ALARM):
        queries = alarm.inputs.get("metricQueries") or []
        found = {one["metric"]["dimensions"].get("TargetGroup") for one in queries if "metric" in one}
        if found:
            assert found == groups, alarm.name
            asked[alarm.name.removeprefix("shop-compute-web-")] = queries[0]["expression"]
        assert "TargetGroup" not in (alarm.inputs.get("dimensions") or {}), alarm.name
    assert asked == {
        "errors": "(FILL(errors, 0) + FILL(errors2, 0))",
        "error-rate-page": "IF((FILL(requests, 0) + FILL(requests2, 0)) >= 10, 100 * (FILL(errors, 0) + FILL(errors2, 0)) / "
        "(FILL(requests, 0) + FILL(requests2, 0)), 0)",
        "response": "MAX([FILL(average, 0), FILL(average2, 0)])",
        "unhealthy-page": "(FILL(healthy, 0) + FILL(healthy2, 0))",
    }


@pytest.mark.parametrize(
    ("said", "minutes"),
    [("rolling", 0), ("blue-green", 10), (CANARY, 45), ({"strategy": "linear", "percent": 30, "step_minutes": 5}, 25)],
)
def test_an_update_waits_as_long_as_the_strategy_takes_beside_the_start(said: Any, minutes: int) -> None:
    settings = DeploymentSettings.model_validate({"strategy": said} if isinstance(said, str) else said)
    assert settings.minutes == minutes
    from groundwork.components.compute.ecs.shifting import timeouts

    found = timeouts(settings)
    assert (found.update if found else None) == (f"{20 + minutes}m" if minutes else None)


def test_all_of_it_is_known_to_pulumi_before_anything_is_made() -> None:
    known = {resource.urn for resource in web(CANARY).resources}
    assert {resource.urn for resource in web(CANARY, unknowns=True).resources} == known


# Between strategies


def refusals(before: Any, after: Any) -> dict[str, str]:
    return {one.resource.name: one.reason for one in move(web(before), web(after)).refusals}


def test_a_service_goes_from_any_strategy_to_any_other_in_place() -> None:
    strategies = ("rolling", "blue-green", CANARY, {"strategy": "linear"})
    for before in (None, *strategies):
        for after in strategies if before else ("rolling",):
            step = move(web(before), web(after))
            assert not step.refusals, (before, after)
            assert not step.replaced, (before, after)
            assert not step.removed, (before, after)
            # The rule belongs to ECS.
            assert RULE not in {one.type for one in step.changed}, (before, after)


def test_the_second_group_comes_one_update_before_requests_are_shifted() -> None:
    for after in ("blue-green", CANARY, {"strategy": "linear"}):
        assert refusals(None, after)["shop-compute-web"] == (
            "its second target group comes with a rolling deployment, before requests can be shifted: say deployment: rolling for one "
            "update, and the strategy in the next"
        )


def test_leaving_the_second_group_out_is_refused_with_the_way_back() -> None:
    for before in ("rolling", CANARY):
        found = refusals(before, None)
        assert found["shop-compute-web"] == (
            "requests may go to its second target group (loadBalancers.advancedConfiguration), which would be empty; keep that, with "
            "deployment: rolling"
        )
        assert found["shop-compute-web--alt"] == "is protected and would be deleted"


def test_a_service_of_the_name_that_the_second_group_has_is_another() -> None:
    made = build(
        fargate({"web": {"port": 1024, "path": "/*", "deployment": "rolling"}, "web-alt": {"port": 1025, "path": "/b"}})
    )
    assert len(made.of_type(GROUP)) == 3


# What cannot be


def refused(services: dict[str, Any], compute: Any = None, **layers: Any) -> dict[str, str]:
    return mistakes(compute or {"engine": "fargate"}, services, **layers)


@pytest.mark.parametrize(
    ("engine", "reason"),
    [
        ("eks", "Kubernetes alone replaces pods a quarter at a time"),
        ("ec2", "instances are replaced one after the other"),
        ("app-runner", "App Runner sends all requests to the new version once that is well"),
    ],
)
def test_an_engine_that_cannot_says_what_it_does_instead(engine: str, reason: str) -> None:
    for strategy in ("blue-green", "canary", "linear"):
        found = refused({"web": {**APP, "deployment": {"strategy": strategy}}}, {"engine": engine})
        said = found["services.web.deployment.strategy"]
        assert said.startswith(f"{strategy} goes with the engines fargate and ecs-ec2; on {engine} {reason}")
    assert not [
        path for path in refused({"web": {**APP, "deployment": {}}}, {"engine": engine}) if "deployment" in path
    ]


def test_what_has_no_requests_to_shift_rolls() -> None:
    told = {
        "worker": refused({"web": {**WORKER, "deployment": {"strategy": "blue-green"}}}),
        "internal": refused({"web": {**WORKER, "port": 3000, "deployment": {"strategy": "canary"}}}),
        "tcp": refused({"web": {**WORKER, "port": 3000, "tcp": 3000, "deployment": {"strategy": "canary"}}}),
        "singleton": refused({"web": {**APP, "singleton": True, "deployment": {"strategy": "canary"}}}),
    }
    said = {name: found["services.web.deployment.strategy"] for name, found in told.items()}
    assert "old and new copies would share its work from the start" in said["worker"]
    assert "only other services reach it" in said["internal"]
    assert "a Network Load Balancer counts no errors" in said["tcp"]
    assert said["singleton"] == "canary runs old and new copies at once, and a singleton is never two; leave one out"


def test_what_works_against_a_shift_is_refused_with_what_to_do() -> None:
    canary = {**APP, "deployment": {"strategy": "canary"}}
    both = refused({"web": {**canary, "host": "www"}}, platform={"name": "shop", "domain": "example.com"})
    assert "needs either path or host" in both["services.web.deployment"]
    sticky = refused({"web": {**canary, "sticky": True}})
    assert "use blue-green, which sends all of them over at once" in sticky["services.web.deployment.strategy"]
    assert not refused({"web": {**APP, "sticky": True, "deployment": {"strategy": "blue-green"}}})
    counted = refused({"web": {**APP, "deployment": {}, "scaling": {"target": {"requests": 100}}}})
    assert "are counted for one target group" in counted["services.web.scaling.target.requests"]
    unseen = refused({"web": canary}, observability={"thresholds": {"errors_per_minute": None}})
    assert "observability.thresholds.errors_per_minute is null" in unseen["services.web.deployment.strategy"]
    assert not refused({"web": canary})


def test_instances_have_room_for_all_copies_twice() -> None:
    services = {"web": {**APP, "scaling": {"min": 4, "max": 8}}}
    instances = {"class": "m7g.large", "min": 2, "max": 5}
    assert not refused(services, ecs(instances))
    shifted = {"web": {**services["web"], "deployment": {"strategy": "canary"}}}
    found = refused(shifted, ecs(instances))["compute.instances.max"]
    assert "web 8" in found
    assert "8 more of web during a deployment" in found
    assert not refused(shifted, ecs({**instances, "max": 8}))


@pytest.mark.parametrize(
    ("said", "at", "message"),
    [
        ({"strategy": "rolling", "bake_minutes": 5}, "bake_minutes", "with rolling leave it out"),
        ({"strategy": "blue-green", "percent": 5}, "percent", "goes with strategy: canary or linear; with blue-green"),
        ({"strategy": "linear", "percent": 2}, "percent", "less than the 3 percent"),
    ],
)
def test_a_number_that_would_say_nothing_is_a_mistake_at_its_place(said: Any, at: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        DeploymentSettings.model_validate(said)
    assert error.value.errors()[0]["ctx"]["at"] == (at,)


def test_nobody_has_a_second_group_who_does_not_ask() -> None:
    for stack in ("dev", "prod"):
        assert not [one for one in snapshot_of(stack).of_type(GROUP) if one.name.endswith("--alt")]
