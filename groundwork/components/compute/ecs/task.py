"""The task definition: containers that run without root, without a writable root file system and without capabilities."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Mount, Statement, policy_document
from groundwork.components.base import Component
from groundwork.components.compute.documents import document
from groundwork.components.compute.images import Image, pulls
from groundwork.components.compute.references import read_statements, value_from
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.tracing import NAME as COLLECTOR
from groundwork.components.compute.tracing import collector
from groundwork.components.compute.workload import Workload, role_of
from groundwork.components.services.settings import ServiceSettings, SidecarSettings

PORT = "http"
"""The name of a service's port mapping, by which Service Connect finds it."""

# What the agent of ECS Exec writes to. AWS names no paths and calls a read-only root unsupported; with these three it works:
# https://github.com/aws/containers-roadmap/issues/1359
_SESSION_PATHS = ("/managed-agents", "/var/lib/amazon/ssm", "/var/log/amazon/ssm")

_ARCHITECTURES = {"arm64": "ARM64", "x86_64": "X86_64"}


@dataclass(frozen=True)
class Task:
    """A task definition and what must be there before it can start."""

    arn: pulumi.Output[str]
    family: pulumi.Output[str]
    family_arn: pulumi.Output[str]
    """Its ARN without a revision."""
    execution_role_arn: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]


def task(
    parent: Component,
    workload: Workload,
    image: Image,
    *,
    settings: ComputeSettings,
    group: aws.cloudwatch.LogGroup,
    trust: pulumi.Output[str],
    compatibility: str,
) -> Task:
    """Create the task definition of a service, and the role that starts it."""
    service = workload.settings
    key = f"{parent.name}-{workload.name}"
    role = role_of(parent, f"{workload.name}-execution", trust, f"What it takes to start {workload.name}.")
    policy = aws.iam.RolePolicy(
        f"{key}-execution",
        role=role.name,
        policy=policy_document(
            [*pulls(image, service), *_start_statements(workload, group.arn, parent.context.region)]
        ),
        opts=parent.child(),
    )
    log = _log(group.name, parent.context.region, workload.name)
    containers = [_container(workload, image.reference, log, sessions=settings.exec)]
    containers += [
        _sidecar(name, one, workload, group.name, parent.context.region) for name, one in service.sidecars.items()
    ]
    if workload.tracing:
        containers.append(
            {
                **_hardened(),
                **collector(settings.collector_image),
                "logConfiguration": _log(group.name, parent.context.region, COLLECTOR),
            }
        )
    definition = aws.ecs.TaskDefinition(
        key,
        # Fixed: a delivery pipeline registers revisions of it by name.
        family=f"{parent.context.slug}-{workload.name}",
        requires_compatibilities=[compatibility],
        network_mode="awsvpc",
        cpu=str(service.cpu),
        memory=str(service.memory),
        runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
            cpu_architecture=_ARCHITECTURES[settings.built_for], operating_system_family="LINUX"
        ),
        ephemeral_storage=aws.ecs.TaskDefinitionEphemeralStorageArgs(size_in_gib=service.disk_gib)
        if service.disk_gib and compatibility == "FARGATE"
        else None,
        execution_role_arn=role.arn,
        task_role_arn=workload.role_arn,
        container_definitions=document(containers),
        volumes=[
            aws.ecs.TaskDefinitionVolumeArgs(name=_volume(path))
            for path in _disk_paths(service, sessions=settings.exec)
        ]
        + [_files(mount) for mount in workload.mounts],
        # A revision that a service may still run, or roll back to, stays.
        skip_destroy=True,
        opts=parent.child(),
    )
    return Task(definition.arn, definition.family, definition.arn_without_revision, role.arn, (policy,))


def _start_statements(workload: Workload, group_arn: pulumi.Output[str], region: str) -> list[Statement]:
    """Write its logs; read the values it is given, and nothing else."""
    logs = Statement(
        sid="WriteLogs",
        actions=("logs:CreateLogStream", "logs:PutLogEvents"),
        resources=(pulumi.Output.concat(group_arn, ":*"),),
    )
    return [logs, *read_statements(workload.references, region)]


def _container(workload: Workload, image: pulumi.Input[str], log: dict[str, Any], *, sessions: bool) -> dict[str, Any]:
    service = workload.settings
    container: dict[str, Any] = {
        "name": workload.name,
        "image": image,
        "essential": True,
        **_hardened(),
        "user": service.user,
        "linuxParameters": {**_linux(), "tmpfs": [_writable(path, service) for path in service.writable_paths]},
        "portMappings": _ports(service),
        "mountPoints": [
            {"sourceVolume": _volume(path), "containerPath": path, "readOnly": False}
            for path in _disk_paths(service, sessions=sessions)
        ]
        + [
            {"sourceVolume": f"files-{mount.name}", "containerPath": mount.path, "readOnly": mount.read_only}
            for mount in workload.mounts
        ],
        "environment": [{"name": name, "value": value} for name, value in workload.environment.items()],
        "secrets": [
            {"name": name, "valueFrom": value_from(workload.references[name])} for name in sorted(workload.references)
        ],
        "stopTimeout": service.stop_timeout,
        "logConfiguration": log,
    }
    if service.command:
        container["command"] = list(service.command)
    if service.health_command:
        container["healthCheck"] = {**_health(service.health_command), "startPeriod": service.start_period}
    if service.sidecars:
        container["dependsOn"] = [
            {"containerName": name, "condition": "HEALTHY" if one.health_command else "START"}
            for name, one in service.sidecars.items()
        ]
    return container


def _health(command: Sequence[str]) -> dict[str, Any]:
    return {"command": ["CMD", *command], "interval": 30, "timeout": 5, "retries": 3}


def _sidecar(
    name: str, sidecar: SidecarSettings, workload: Workload, group: pulumi.Output[str], region: str
) -> dict[str, Any]:
    """Return a sidecar's container, hardened as the service's is; of the service's variables it has those that it names."""
    given = {key: value for key, value in workload.environment.items() if key in sidecar.variables}
    container: dict[str, Any] = {
        "name": name,
        "image": sidecar.image,
        "essential": sidecar.essential,
        **_hardened(),
        "user": sidecar.user,
        "cpu": sidecar.cpu,
        "memory": sidecar.memory,
        "environment": [{"name": key, "value": value} for key, value in {**given, **sidecar.environment}.items()],
        "secrets": [
            {"name": key, "valueFrom": value_from(workload.references[key])}
            for key in sorted(workload.references)
            if key in sidecar.variables
        ],
        "logConfiguration": _log(group, region, name),
    }
    if sidecar.command:
        container["command"] = list(sidecar.command)
    if sidecar.health_command:
        # The service waits for it, so that it is asked often at first.
        container["healthCheck"] = {**_health(sidecar.health_command), "interval": 10}
    return container


def _hardened() -> dict[str, Any]:
    # The empty lists are what AWS answers with; without them every refresh would show a difference.
    return {
        "readonlyRootFilesystem": True,
        "linuxParameters": _linux(),
        "portMappings": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
    }


def _linux() -> dict[str, Any]:
    return {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}


def _writable(path: str, service: ServiceSettings) -> dict[str, Any]:
    """Return a tmpfs mount, in memory because a bind mount on Fargate belongs to root. Fargate takes tmpfs since
    January 2026:
    https://aws.amazon.com/about-aws/whats-new/2026/01/amazon-ecs-tmpfs-mounts-aws-fargate-managed-instances/"""
    user, _, group = service.user.partition(":")
    options = ["rw", "nosuid", "nodev", f"uid={user}", f"gid={group or user}"]
    return {"containerPath": path, "size": service.writable_mib, "mountOptions": options}


def _ports(service: ServiceSettings) -> list[dict[str, Any]]:
    if service.port is None:
        return []
    return [
        {
            "name": PORT,
            "containerPort": service.port,
            "hostPort": service.port,
            "protocol": "tcp",
            **({} if service.tcp else {"appProtocol": service.protocol}),
        }
    ]


def _disk_paths(service: ServiceSettings, *, sessions: bool) -> tuple[str, ...]:
    return (*service.disk_paths, *(_SESSION_PATHS if sessions else ()))


def _files(mount: Mount) -> aws.ecs.TaskDefinitionVolumeArgs:
    """Return a volume of files, which the task mounts through its own network interface and with its own role.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-efs-config.html
    """
    return aws.ecs.TaskDefinitionVolumeArgs(
        name=f"files-{mount.name}",
        efs_volume_configuration=aws.ecs.TaskDefinitionVolumeEfsVolumeConfigurationArgs(
            file_system_id=mount.file_system_id,
            # With an access point it is the access point's own folder.
            root_directory="/",
            transit_encryption="ENABLED",
            authorization_config=aws.ecs.TaskDefinitionVolumeEfsVolumeConfigurationAuthorizationConfigArgs(
                access_point_id=mount.access_point_id, iam="ENABLED"
            ),
        ),
    )


def _volume(path: str) -> str:
    # A volume's name takes no slashes, and a path without them is not unique.
    return f"disk-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def _log(group: pulumi.Output[str], region: str, prefix: str) -> dict[str, Any]:
    return {"logDriver": "awslogs", "options": log_options(group, region, prefix)}


def log_options(group: pulumi.Output[str], region: str, prefix: str) -> dict[str, pulumi.Input[str]]:
    """Return the options of the ``awslogs`` driver, non-blocking: a service goes on when CloudWatch does not take its
    logs, and loses those beyond the buffer.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    """
    return {
        "awslogs-group": group,
        "awslogs-region": region,
        "awslogs-stream-prefix": prefix,
        "mode": "non-blocking",
        "max-buffer-size": "25m",
    }
