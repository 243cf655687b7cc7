"""Questions that the tests of the examples ask of a snapshot, and stacks with one thing changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.loading import StackFiles
from tests.stacks import found

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
INSTANCE = "aws:rds/instance:Instance"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"


def named(snapshot: Snapshot, type_: str, part: str) -> Resource:
    """The one resource of a type with ``part`` in its name."""
    [resource] = [resource for resource in snapshot.of_type(type_) if part in resource.name]
    return resource


def beside(snapshot: Snapshot, type_: str, of: Resource) -> Resource:
    """The one resource of a type that was made from another: a bucket's policy, a repository's lifecycle."""
    [resource] = [resource for resource in snapshot.of_type(type_) if of.urn in resource.dependencies]
    return resource


def sources(snapshot: Snapshot, resource: Resource, key: str) -> set[str]:
    """The names of the resources that an input comes from."""
    resources = snapshot.by_urn()
    return {resources[urn].name for urn in resource.property_dependencies.get(key, ())}


def container(snapshot: Snapshot, service: str) -> dict[str, Any]:
    """The container definition of a service on ECS."""
    [definition] = [
        definition
        for definition in json.loads(named(snapshot, TASK, f"-{service}").inputs["containerDefinitions"])
        if definition["name"] == service
    ]
    return dict(definition)


def environment(snapshot: Snapshot, service: str) -> dict[str, str]:
    """Its plain variables."""
    return {entry["name"]: entry["value"] for entry in container(snapshot, service)["environment"]}


def references(snapshot: Snapshot, service: str) -> dict[str, str]:
    """Its variables that come from a secret or a parameter, and where from."""
    return {entry["name"]: entry["valueFrom"] for entry in container(snapshot, service)["secrets"]}


def statements(snapshot: Snapshot, role_policy: str) -> dict[str, dict[str, Any]]:
    """What a role may do, by statement id."""
    document = json.loads(named(snapshot, "aws:iam/rolePolicy:RolePolicy", role_policy).inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def primary(snapshot: Snapshot) -> Resource:
    """The database that is written to."""
    [resource] = [resource for resource in snapshot.of_type(INSTANCE) if "replicateSourceDb" not in resource.inputs]
    return resource


def replicas(snapshot: Snapshot) -> list[Resource]:
    """The databases that copy it."""
    return [resource for resource in snapshot.of_type(INSTANCE) if "replicateSourceDb" in resource.inputs]


def alarms_on(snapshot: Snapshot, metric: str) -> list[dict[str, Any]]:
    """The inputs of the alarms on a metric that tell somebody, rather than scale something."""
    found = []
    for alarm in snapshot.of_type(ALARM):
        queries = alarm.inputs.get("metricQueries", [])
        names = {alarm.inputs.get("metricName")} | {query.get("metric", {}).get("metricName") for query in queries}
        if metric in names and not any(
            "scalingPolicy" in str(action) for action in alarm.inputs.get("alarmActions", [])
        ):
            found.append(alarm.inputs)
    return found


def who_reaches(snapshot: Snapshot, group: str) -> Iterator[tuple[int, str]]:
    """The ports on which a security group lets others in, and who they are: a group's name, a prefix list, a range."""
    for rule in snapshot.of_type(INGRESS):
        if group in sources(snapshot, rule, "securityGroupId"):
            named_source = sources(snapshot, rule, "referencedSecurityGroupId")
            source = named_source or {rule.inputs.get("prefixListId") or rule.inputs["cidrIpv4"]}
            yield from ((rule.inputs["fromPort"], name) for name in source)


def tracking(snapshot: Snapshot, service: str) -> dict[str, int]:
    """What target tracking holds a service on ECS at, by predefined metric."""
    return {
        policy.inputs["targetTrackingScalingPolicyConfiguration"]["predefinedMetricSpecification"][
            "predefinedMetricType"
        ]: policy.inputs["targetTrackingScalingPolicyConfiguration"]["targetValue"]
        for policy in snapshot.of_type("aws:appautoscaling/policy:Policy")
        if f"-{service}-" in policy.name
        and "predefinedMetricSpecification" in policy.inputs.get("targetTrackingScalingPolicyConfiguration", {})
    }


def bounds(snapshot: Snapshot, service: str) -> tuple[int, int]:
    """The least and most copies of a service on ECS."""
    target = named(snapshot, "aws:appautoscaling/target:Target", f"-{service}").inputs
    return target["minCapacity"], target["maxCapacity"]


Config = dict[str, Any]


def changed(stack: str, file: Path, change: Callable[[Config], None]) -> StackFiles:
    """A stack whose file, written to ``file``, has another ``config``."""
    original = found(stack)
    document = yaml.safe_load(original.file.read_text(encoding="utf-8"))
    change(document["config"])
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return replace(original, file=file)


def pod(snapshot: Snapshot, service: str) -> dict[str, Any]:
    """What a pod of a service on Kubernetes is made of."""
    [deployment] = [found for found in snapshot.of_type(DEPLOYMENT) if found.inputs["metadata"]["name"] == service]
    spec: dict[str, Any] = deployment.inputs["spec"]["template"]["spec"]
    return spec


def of_service(snapshot: Snapshot, type_: str) -> dict[str, dict[str, Any]]:
    """The specifications of the Kubernetes objects of a type, by name."""
    return {found.inputs["metadata"]["name"]: found.inputs["spec"] for found in snapshot.of_type(type_)}


def waits_for(snapshot: Snapshot, later: Resource, earlier: Resource) -> bool:
    """Whether one resource depends on another, over however many steps."""
    resources = snapshot.by_urn()
    seen: set[str] = set()
    pending = [later.urn]
    while pending:
        urn = pending.pop()
        if urn == earlier.urn:
            return True
        if urn not in seen:
            seen.add(urn)
            pending += resources[urn].dependencies
    return False
