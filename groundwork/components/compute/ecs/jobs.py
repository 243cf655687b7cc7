"""Jobs on ECS: task definitions that no service runs, and EventBridge Scheduler for those with a schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document, trust_policy
from groundwork.components.base import Component, fit
from groundwork.components.compute.documents import document
from groundwork.components.compute.ecs.cluster import EcsCluster
from groundwork.components.compute.ecs.service import Capacity, EcsSurroundings
from groundwork.components.compute.ecs.task import Task, task
from groundwork.components.compute.images import Image
from groundwork.components.compute.jobs import WAIT, Job, JobOutputs
from groundwork.components.compute.workload import Workload
from groundwork.components.jobs.settings import JobScheduleSettings
from groundwork.components.logs import log_group
from groundwork.components.messaging.dead_letters import Sender, dead_letters, key_statement, sending
from groundwork.settings.facts import via_service
from groundwork.settings.images import jobs_path


@dataclass(frozen=True)
class EcsJob:
    """A job that can be run."""

    log_group_name: pulumi.Output[str]
    task: Task
    outputs: JobOutputs


@dataclass(frozen=True)
class _Defined:
    """A job with its task definition."""

    name: str
    job: Job
    workload: Workload
    image: Image
    task: Task


def run_jobs(
    parent: Component,
    jobs: Mapping[str, Job],
    workloads: Mapping[str, Workload],
    images: Mapping[str, Image],
    around: EcsSurroundings,
    *,
    cluster: EcsCluster,
    capacity: Capacity,
) -> dict[str, EcsJob]:
    """Create each job's task definition, what starts those with a schedule, and the alarm for any that fails.

    A task definition says all of the job from the first update on, but for the image, which is the placeholder's until there is
    one: whoever delivers an image registers the next revision of its family with that.
    """
    if not jobs:
        return {}
    ready: dict[str, EcsJob] = {}
    defined: list[_Defined] = []
    for name, job in jobs.items():
        workload = workloads[name]
        group = log_group(parent, name, f"{parent.context.prefix}/services/{name}")
        made = task(
            parent,
            workload,
            images[name],
            settings=around.settings,
            group=group,
            trust=around.trust,
            compatibility=capacity.compatibility,
        )
        defined.append(_Defined(name, job, workload, images[name], made))
        outputs = JobOutputs(
            when=job.settings.starts,
            image=images[name].holder,
            timeout=job.settings.timeout or (None if job.settings.schedule else WAIT),
            logGroup=group.name,
            container=name,
            cluster=cluster.name,
            taskDefinition=made.family,
            subnets=list(around.network.private_subnet_ids.values()),
            securityGroups=[workload.security_group_id],
            capacityProvider=capacity.strategy(workload.settings)[0].capacity_provider,
        )
        aws.ssm.Parameter(
            f"{parent.name}-{name}-job",
            name=f"{jobs_path(parent.context.prefix)}/{name}",
            type=aws.ssm.ParameterType.STRING,
            insecure_value=document(outputs),
            description=f"How {name} is run: what RunTask takes",
            opts=parent.child(),
        )
        ready[name] = EcsJob(group.name, made, outputs)
    failures = _failures(parent, defined, cluster)
    scheduled = [item for item in defined if item.job.settings.schedule]
    if scheduled:
        schedules = aws.scheduler.ScheduleGroup(fit(f"{parent.name}-jobs", 56), opts=parent.child())
        place = _Schedules(around, cluster, capacity, schedules, failures.arn)
        for item in scheduled:
            _schedule(parent, item, place)
    return ready


def _failures(parent: Component, defined: list[_Defined], cluster: EcsCluster) -> aws.sqs.Queue:
    """Create the queue of runs that failed, with its alarm: ECS counts no exit codes, and says each in an event.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
    """
    stopped = {
        "clusterArn": [cluster.arn],
        "lastStatus": ["STOPPED"],
        # What RunTask calls the group of a task that nobody gives another.
        "group": [pulumi.Output.concat("family:", item.task.family) for item in defined],
        "$or": [{"containers": {"exitCode": [{"anything-but": 0}]}}, {"stopCode": ["TaskFailedToStart"]}],
    }
    rule = aws.cloudwatch.EventRule(
        f"{parent.name}-job-failures",
        description="Jobs that ended with another exit code than 0, or could not start",
        event_pattern=pulumi.Output.json_dumps(
            {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"], "detail": stopped}
        ),
        opts=parent.child(),
    )
    queue = dead_letters(
        parent,
        "job-failures",
        description="A job failed, or its schedule could not start it. The message says which and why (group, stoppedReason, exitCode); "
        "the log group of the job says the rest. Remove the message when that is done.",
        senders=[Sender("events.amazonaws.com", rule.arn)],
    )
    aws.cloudwatch.EventTarget(
        f"{parent.name}-job-failures", rule=rule.name, arn=queue.arn, target_id="failures", opts=parent.child()
    )
    return queue


@dataclass(frozen=True)
class _Schedules:
    """What all schedules share."""

    around: EcsSurroundings
    cluster: EcsCluster
    capacity: Capacity
    group: aws.scheduler.ScheduleGroup
    failures_arn: pulumi.Output[str]


def _schedule(parent: Component, item: _Defined, place: _Schedules) -> None:
    schedule = item.job.settings.schedule
    if schedule is None:
        return
    role, policy = _role(parent, item, place)
    around, cluster = place.around, place.cluster
    aws.scheduler.Schedule(
        fit(f"{parent.name}-{item.name}", 56),
        group_name=place.group.name,
        schedule_expression=f"cron({schedule.cron})",
        schedule_expression_timezone=schedule.timezone or parent.context.platform.timezone,
        flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
        state="ENABLED" if _is_on(schedule, item.image) else "DISABLED",
        kms_key_arn=parent.context.key_arn("messaging"),
        target=aws.scheduler.ScheduleTargetArgs(
            arn=cluster.arn,
            role_arn=role.arn,
            dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=place.failures_arn),
            # Of the call that starts the task; a task that was started and failed is not started again.
            retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                maximum_event_age_in_seconds=_GIVE_UP, maximum_retry_attempts=_RETRIES
            ),
            ecs_parameters=aws.scheduler.ScheduleTargetEcsParametersArgs(
                # Without a revision it is the newest, which a delivery may have registered.
                task_definition_arn=item.task.family_arn,
                task_count=1,
                capacity_provider_strategies=[
                    aws.scheduler.ScheduleTargetEcsParametersCapacityProviderStrategyArgs(
                        capacity_provider=part.capacity_provider, base=part.base, weight=part.weight
                    )
                    for part in place.capacity.strategy(item.workload.settings)
                ],
                network_configuration=aws.scheduler.ScheduleTargetEcsParametersNetworkConfigurationArgs(
                    subnets=list(around.network.private_subnet_ids.values()),
                    security_groups=[item.workload.security_group_id],
                    assign_public_ip=False,
                ),
                enable_ecs_managed_tags=True,
                propagate_tags="TASK_DEFINITION",
            ),
        ),
        opts=parent.child(
            depends_on=[
                policy,
                *cluster.ready,
                *item.workload.ready,
                *item.task.ready,
                *around.network.private_ready,
            ]
        ),
    )


_GIVE_UP = 3600
"""Seconds for which a task that could not be started is tried again."""
_RETRIES = 10


def _is_on(schedule: JobScheduleSettings, image: Image) -> bool:
    """Tell whether a schedule starts anything: nothing is done by a placeholder."""
    return schedule.enabled and not image.is_placeholder


def _role(parent: Component, item: _Defined, place: _Schedules) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """Create the role of a schedule: to run this one family on this one cluster, and to hand it these two roles.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
    """
    context = parent.context
    role = aws.iam.Role(
        fit(f"{parent.name}-{item.name}-schedule", 56),
        assume_role_policy=trust_policy("scheduler.amazonaws.com", context.account_id, place.group.arn),
        description=f"Schedule of {item.name} of {context.platform.name}: to start it.",
        opts=parent.child(),
    )
    on_cluster: dict[str, Any] = {"ArnEquals": {"ecs:cluster": place.cluster.arn}}
    statements = [
        Statement("RunTask", ["ecs:RunTask"], [pulumi.Output.concat(item.task.family_arn, ":*")], on_cluster),
        Statement(
            "TagTask",
            ["ecs:TagResource"],
            [context.arn("ecs", "task/*")],
            {"StringEquals": {"ecs:CreateAction": "RunTask"}},
        ),
        Statement(
            "PassRoles",
            ["iam:PassRole"],
            [item.workload.role_arn, item.task.execution_role_arn],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        *sending("Failures", place.failures_arn, context.key_arn("messaging"), context.region),
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html
        key_statement(
            "Schedule", context.key_arn("messaging"), via_service("scheduler", context.region), ["kms:Decrypt"]
        ),
    ]
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{item.name}-schedule", role=role.name, policy=policy_document(statements), opts=parent.child()
    )
    return role, policy
