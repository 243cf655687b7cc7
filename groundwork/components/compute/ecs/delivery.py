"""What it takes to deploy another image on ECS: these services, families and roles, and nothing else of the account's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pulumi

from groundwork.components.access import Statement
from groundwork.components.compute.ecs.cluster import EcsCluster
from groundwork.components.compute.ecs.task import Task
from groundwork.components.context import Context


def delivery_statements(
    context: Context,
    cluster: EcsCluster,
    *,
    service_arns: Sequence[pulumi.Input[str]],
    tasks: Sequence[Task],
    job_tasks: Sequence[Task],
    role_arns: Sequence[pulumi.Input[str]],
    shifting_arns: Sequence[pulumi.Output[str]] = (),
) -> Iterator[Statement]:
    """Yield the permissions. ``tasks`` are those of services, ``role_arns`` what all tasks run as, ``shifting_arns`` the services whose
    deployments shift requests.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
    """
    families = [pulumi.Output.concat(task.family_arn, ":*") for task in (*tasks, *job_tasks)]
    if not families:
        return
    on_cluster: Mapping[str, Mapping[str, Any]] = {"ArnEquals": {"ecs:cluster": cluster.arn}}
    yield Statement("FindCopies", ("ecs:ListServices", "ecs:ListTasks"), ("*",), on_cluster)
    if service_arns:
        yield Statement("RollOut", ("ecs:DescribeServices", "ecs:UpdateService"), service_arns)
    if shifting_arns:
        yield Statement("FindShifts", ("ecs:ListServiceDeployments",), shifting_arns)
        yield Statement(
            "FollowShifts",
            ("ecs:DescribeServiceDeployments", "ecs:StopServiceDeployment"),
            [arn.apply(_deployments) for arn in shifting_arns],
        )
    yield Statement("RegisterRevisions", ("ecs:RegisterTaskDefinition",), families)
    yield Statement(
        "TagRevisions",
        ("ecs:TagResource",),
        (*families, context.arn("ecs", "task/*")),
        {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition", "RunTask"]}},
    )
    # Neither takes a resource.
    revisions = ("ecs:DescribeTaskDefinition", *(["ecs:DeregisterTaskDefinition"] if job_tasks else []))
    yield Statement("ReadRevisions", revisions, ("*",))
    yield Statement("SeeCopies", ("ecs:DescribeTasks", "ecs:StopTask"), (context.arn("ecs", "task/*"),), on_cluster)
    if job_tasks:
        own = [pulumi.Output.concat(task.family_arn, ":*") for task in job_tasks]
        yield Statement("RunJobs", ("ecs:RunTask",), own, on_cluster)
    yield Statement(
        "PassRoles",
        ("iam:PassRole",),
        (*role_arns, *(task.execution_role_arn for task in (*tasks, *job_tasks))),
        {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
    )


def _deployments(service_arn: str) -> str:
    """Return the ARN of all deployments of a service."""
    return f"{service_arn.replace(':service/', ':service-deployment/', 1)}/*"
