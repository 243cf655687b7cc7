"""A stack in a stand-in account, as ``pulumi up`` leaves it: made of what the program declares, so that nothing which a deployment looks for
is there by a name that only a test knows."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from groundwork.preview.snapshot import Resource, Snapshot
from tests.operations.shop import ACCOUNT, client, settle_all

Outcome = Callable[[str], tuple[int, list[str]]]
"""What a job does, by its image: its exit code, and what it says."""


class StandingStack:
    """What stands of a stack. ``up`` brings it to what a snapshot declares, resource by resource, each after what it hangs on."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.order: list[str] = []
        """The names of what the last update created or changed, of the types that stand here, in order."""
        self._declared: dict[str, dict[str, Any]] = {}
        self._arns: dict[str, str] = {}
        """The program's ARN of a revision or a service → the account's own."""
        self._makers: dict[str, Callable[[Resource], None]] = {
            "aws:ecr/repository:Repository": self._repository,
            "aws:cloudwatch/logGroup:LogGroup": self._log_group,
            "aws:ssm/parameter:Parameter": self._parameter,
            "aws:s3/bucket:Bucket": self._bucket,
            "aws:secretsmanager/secret:Secret": self._secret,
            "aws:ecs/cluster:Cluster": self._cluster,
            "aws:ecs/taskDefinition:TaskDefinition": self._task_definition,
            "aws:ecs/service:Service": self._service,
        }

    def up(self, snapshot: Snapshot, images: dict[str, str] | None = None) -> None:
        """Update the stack. ``images`` has for each image of the snapshot the one that the account says in its place."""
        text = snapshot.dumps().replace(EXAMPLE_ACCOUNT, ACCOUNT)
        for old, new in (images or {}).items():
            text = re.sub(rf"{re.escape(old)}(?![\w.-])", new, text)
        self.order = []
        for resource in in_order(Snapshot.from_json(json.loads(text))):
            ignored = resource.options.get("ignoreChanges") or []
            # A preview gives every revision the same number, and the account the next one.
            inputs = {
                key: self._arns.get(value, value) if isinstance(value, str) else value
                for key, value in resource.inputs.items()
                if key not in ignored
            }
            if resource.type in self._makers and self._declared.get(resource.urn) != inputs:
                self._makers[resource.type](resource)
                self._declared[resource.urn] = inputs
                self.order.append(resource.name)
        settle_all(self.region)

    def _is_new(self, resource: Resource) -> bool:
        return resource.urn not in self._declared

    def _repository(self, resource: Resource) -> None:
        inputs = resource.inputs
        client("ecr", self.region).create_repository(
            repositoryName=inputs["name"],
            imageTagMutability=inputs["imageTagMutability"],
            imageScanningConfiguration=inputs["imageScanningConfiguration"],
        )

    def _log_group(self, resource: Resource) -> None:
        region = resource.inputs.get("region", self.region)
        client("logs", region).create_log_group(logGroupName=resource.inputs["name"])

    def _bucket(self, resource: Resource) -> None:
        s3, name = client("s3", self.region), resource.outputs["bucket"]
        # The first region takes no name of its own: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        place = {"CreateBucketConfiguration": {"LocationConstraint": self.region}} if self.region != "us-east-1" else {}
        s3.create_bucket(Bucket=name, **place)
        tags = [{"Key": key, "Value": value} for key, value in resource.inputs["tags"].items()]
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})

    def _secret(self, resource: Resource) -> None:
        client("secretsmanager", self.region).create_secret(Name=resource.inputs["name"])

    def _parameter(self, resource: Resource) -> None:
        inputs = resource.inputs
        client("ssm", self.region).put_parameter(
            Name=inputs["name"],
            Type=inputs["type"],
            Value=inputs["insecureValue"],
            Overwrite=not self._is_new(resource),
        )

    def _cluster(self, resource: Resource) -> None:
        client("ecs", self.region).create_cluster(clusterName=resource.inputs["name"])

    def _task_definition(self, resource: Resource) -> None:
        inputs = resource.inputs
        said = client("ecs", self.region).register_task_definition(
            containerDefinitions=json.loads(inputs["containerDefinitions"]),
            tags=_tags(inputs),
            **{key: inputs[key] for key in _OF_TASKS if key in inputs},
        )
        self._arns[resource.outputs["arn"]] = said["taskDefinition"]["taskDefinitionArn"]

    def _service(self, resource: Resource) -> None:
        inputs, ecs = resource.inputs, client("ecs", self.region)
        # ECS's name of it ends in letters that Pulumi draws.
        name = resource.outputs["arn"].rpartition("/")[2]
        definition = self._arns[inputs["taskDefinition"]]
        if not self._is_new(resource):
            ecs.update_service(cluster=_name(inputs["cluster"]), service=name, taskDefinition=definition)
            return
        network = inputs["networkConfiguration"]
        ecs.create_service(
            cluster=_name(inputs["cluster"]),
            serviceName=name,
            taskDefinition=definition,
            desiredCount=inputs["desiredCount"],
            networkConfiguration={"awsvpcConfiguration": {key: network[key] for key in ("subnets", "securityGroups")}},
            tags=_tags(inputs),
        )


_OF_TASKS = (
    "family",
    "cpu",
    "memory",
    "networkMode",
    "requiresCompatibilities",
    "executionRoleArn",
    "taskRoleArn",
    "runtimePlatform",
)


def _tags(inputs: dict[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in inputs["tags"].items()]


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def in_order(snapshot: Snapshot) -> Iterator[Resource]:
    """Yield resources, each after all that it depends on, else in the order of their names."""
    left = {resource.urn: resource for resource in sorted(snapshot.resources, key=lambda one: one.urn)}
    while left:
        ready = [urn for urn, one in left.items() if not any(need in left for need in one.dependencies)]
        assert ready, "the dependencies go round in a circle"
        for urn in ready:
            yield left.pop(urn)


def jobs_end(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> list[tuple[str, str]]:
    """Have tasks that are run end at once as said, and say it where their definition sends it. Return the family and the image of each
    run."""
    from moto.ecs import models

    ran: list[tuple[str, str]] = []
    run_task = models.EC2ContainerServiceBackend.run_task
    interface = SimpleNamespace(id="eni-1", mac_address="", private_dns_name="", private_ip_address="")
    network = SimpleNamespace(create_network_interface=lambda **_: interface)

    def run(self: Any, *arguments: Any, **named: Any) -> Any:
        [task] = started = run_task(self, *arguments, **named)
        definition = self.describe_task_definition(task.task_definition_arn)
        [container] = definition.container_definitions
        code, lines = outcome(container["image"])
        ran.append((definition.family, container["image"]))
        task.status = task.desired_status = "STOPPED"
        task.containers[0].exitCode = code
        task.stopped_reason = "Essential container in task exited"
        said = container["logConfiguration"]["options"]
        stream = f"{said['awslogs-stream-prefix']}/{container['name']}/{task.id}"
        logs = client("logs", self.region_name)
        logs.create_log_stream(logGroupName=said["awslogs-group"], logStreamName=stream)
        events = [{"timestamp": int(time.time() * 1000) + at, "message": line} for at, line in enumerate(lines)]
        logs.put_log_events(logGroupName=said["awslogs-group"], logStreamName=stream, logEvents=events)
        return started

    monkeypatch.setattr(models, "ec2_backends", {ACCOUNT: {"us-east-1": network}})
    # It adds up what containers say, and not what the task does.
    monkeypatch.setattr(
        models.EC2ContainerServiceBackend, "_calculate_task_resource_requirements", lambda self, definition: {}
    )
    monkeypatch.setattr(models.EC2ContainerServiceBackend, "run_task", run)
    return ran
