"""A small shop in a stand-in account, as ``pulumi up`` leaves it: a stack file on disk, and what its commands look for in moto."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from groundwork.operations.progress import Progress

if TYPE_CHECKING:
    from moto.ecs.models import EC2ContainerServiceBackend

REGION = "eu-west-1"
ACCOUNT = "123456789012"
REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop/dev/web"

STACK_FILE = f"""\
config:
  aws:region: {REGION}
  groundwork:platform: {{name: shop, stage: dev}}
  groundwork:network: {{cidr: 10.0.0.0/16}}
  groundwork:compute: {{engine: fargate, exec: true}}
  groundwork:services:
    web: {{port: 8080, path: "/*"}}
    worker: {{}}
"""


def project(folder: Path, stack_file: str = STACK_FILE) -> None:
    """Write a Pulumi project with the stack ``dev``."""
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n", encoding="utf-8")
    (folder / "__main__.py").write_text("import groundwork\n", encoding="utf-8")
    (folder / "Pulumi.dev.yaml").write_text(stack_file, encoding="utf-8")


@contextmanager
def account(folder: Path, monkeypatch: pytest.MonkeyPatch, stack_file: str = STACK_FILE) -> Iterator[None]:
    """Stand in ``folder`` with a project, credentials and an account that is empty."""
    project(folder, stack_file)
    with signed_in(folder, monkeypatch):
        yield


@contextmanager
def signed_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand in ``folder`` with credentials of an account that is empty."""
    from moto.ecs import models

    monkeypatch.chdir(folder)
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # EC2's own part of the stand-in takes a second to set up, and ECS asks it for subnets alone.
    monkeypatch.setattr(models.Service, "_validate_network", lambda self, network: network)
    with mock_aws():
        yield


@cache
def client(service: str, region: str = REGION) -> Any:
    """A client that asks the account of the test that runs."""
    return boto3.client(service, region_name=region, aws_access_key_id="testing", aws_secret_access_key="testing")


def push(
    tag: str,
    *,
    architecture: str = "arm64",
    repository: str = "shop/dev/web",
    region: str = REGION,
    ecr: Any = None,
) -> str:
    """Put an image for one architecture into a repository, as a build puts it there: an index with what attests it. Return its digest.
    ``ecr``: a client of another account."""
    ecr = ecr or client("ecr", region)
    own = _put(
        ecr, repository, "", {"config": {"digest": f"sha256:{'c' * 64}"}, "annotations": {"tag": tag}}, _MANIFEST
    )
    entries = [
        {"mediaType": _MANIFEST, "digest": own, "size": 1, "platform": {"architecture": architecture, "os": "linux"}},
        # What a build attests stands beside the image.
        {
            "mediaType": _MANIFEST,
            "digest": "sha256:" + "0" * 64,
            "size": 1,
            "platform": {"architecture": "unknown", "os": "unknown"},
        },
    ]
    return _put(ecr, repository, tag, {"manifests": entries}, "application/vnd.oci.image.index.v1+json")


_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def _put(ecr: Any, repository: str, tag: str, manifest: dict[str, Any], kind: str) -> str:
    said = ecr.put_image(
        repositoryName=repository,
        imageManifest=json.dumps({"schemaVersion": 2, "mediaType": kind, **manifest}),
        imageManifestMediaType=kind,
        **({"imageTag": tag} if tag else {}),
    )
    return str(said["image"]["imageId"]["imageDigest"])


def open_for_business(image: str, services: Sequence[str] = ("web", "worker")) -> None:
    """Put the cluster there, with services that run images of their own, and their parameters. ``image`` is web's."""
    ecs = client("ecs")
    ecs.create_cluster(clusterName="shop-dev")
    for name in services:
        client("ecr").create_repository(repositoryName=f"shop/dev/{name}")
        client("logs").create_log_group(logGroupName=f"/shop/dev/services/{name}")
        client("ssm").put_parameter(Name=f"/shop/dev/services/images/{name}", Value="none", Type="String")
        client("ssm").put_parameter(
            Name=f"/shop/dev/services/images/{name}",
            Value=image.replace("/web:", f"/{name}:"),
            Type="String",
            Overwrite=True,
        )
        definition = ecs.register_task_definition(
            family=f"shop-dev-{name}",
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/execution",
            taskRoleArn=f"arn:aws:iam::{ACCOUNT}:role/{name}",
            tags=[{"key": "platform", "value": "shop"}],
            containerDefinitions=[
                {
                    "name": name,
                    "image": image.replace("/web:", f"/{name}:"),
                    "essential": True,
                    "readonlyRootFilesystem": True,
                    "environment": [{"name": "STAGE", "value": "dev"}],
                    "logConfiguration": {
                        "logDriver": "awslogs",
                        "options": {
                            "awslogs-group": f"/shop/dev/services/{name}",
                            "awslogs-region": REGION,
                            "awslogs-stream-prefix": name,
                        },
                    },
                },
                {"name": "collector", "image": "collector:1", "essential": False},
            ],
        )["taskDefinition"]["taskDefinitionArn"]
        ecs.create_service(
            cluster="shop-dev",
            serviceName=f"shop-compute-{name}-1a2b3c4",
            taskDefinition=definition,
            desiredCount=2,
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}},
            tags=[{"key": "service", "value": name}],
        )
    settle_all()


def service(name: str) -> Any:
    """Return moto's own service, whose deployments a test writes."""
    from moto.ecs.models import ecs_backends

    backend: EC2ContainerServiceBackend = ecs_backends[ACCOUNT][REGION]
    return next(one for one in backend.services.values() if f"-{name}-" in one.name)


def settle_all(region: str = REGION) -> None:
    """Say that the deployments of all services are done."""
    from moto.ecs.models import ecs_backends

    for found in ecs_backends[ACCOUNT][region].services.values():
        for one in found.deployments:
            one |= {"rolloutState": "COMPLETED", "runningCount": one["desiredCount"], "pendingCount": 0}


def rollouts(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[Any, dict[str, Any]], None]) -> None:
    """Have every update of a service begin a deployment, as ECS does and moto does not, and take one of the steps at each look;
    after the last one it stays as it is. A step is given the service and the deployment."""
    from moto.ecs.models import EC2ContainerServiceBackend

    update = EC2ContainerServiceBackend.update_service
    describe = EC2ContainerServiceBackend.describe_services
    waiting: list[Callable[[Any, dict[str, Any]], None]] = []

    def begin(self: Any, properties: dict[str, Any]) -> Any:
        found = update(self, properties)
        for old in found.deployments:
            old["status"] = "ACTIVE"
        found.deployments.insert(
            0,
            {
                **found.deployments[0],
                "id": f"ecs-svc/{len(found.deployments):019}",
                "status": "PRIMARY",
                "rolloutState": "IN_PROGRESS",
                "runningCount": 0,
                "failedTasks": 0,
                "createdAt": datetime.datetime.now(datetime.UTC),
                "taskDefinition": found.task_definition,
            },
        )
        waiting[:] = list(steps)
        return found

    def look(self: Any, cluster: str, names: Sequence[str]) -> Any:
        found, failures = describe(self, cluster, names)
        if waiting and len(found) == 1:
            waiting.pop(0)(found[0], found[0].deployments[0])
        return found, failures

    monkeypatch.setattr(EC2ContainerServiceBackend, "update_service", begin)
    monkeypatch.setattr(EC2ContainerServiceBackend, "describe_services", look)


def half(_: Any, deployment: dict[str, Any]) -> None:
    """One of two copies runs."""
    deployment["runningCount"] = 1


def done(found: Any, deployment: dict[str, Any]) -> None:
    """All copies run, and the old ones are gone."""
    deployment |= {"runningCount": 2, "rolloutState": "COMPLETED"}
    found.deployments[:] = [deployment]


def given_up(found: Any, deployment: dict[str, Any]) -> None:
    """ECS's circuit breaker went back."""
    found.events.append(
        {
            "id": "1",
            "createdAt": datetime.datetime.now(datetime.UTC),
            "message": "(service shop-compute-web-1a2b3c4) rolling back to deployment ecs-svc/1.",
        }
    )
    deployment |= {
        "failedTasks": 3,
        "rolloutState": "FAILED",
        "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start.",
    }


class Clock:
    """A clock that a wait moves on, and what was said by it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.lines: list[str] = []

    def progress(self) -> Progress:
        return Progress(self.lines.append, self._sleep, lambda: self.seconds)

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds
