"""Dev hours: what nobody uses at night stands still and costs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document, trust_policy
from groundwork.components.base import Component, fit
from groundwork.components.compute.stopping import Stoppable, StoppedGroup, StoppedService
from groundwork.components.context import Context, DeclaredAlarm
from groundwork.components.hours.settings import HoursSettings, clocks, days_of_week, duration
from groundwork.components.messaging.dead_letters import dead_letters, key_statement, sending
from groundwork.components.observability.pages import Pages
from groundwork.settings.facts import via_service

Action = Literal["start", "stop"]

GRACE = 30
"""Minutes after the start in which alarms still keep quiet: a database and services need some to be up."""

_GIVE_UP_AFTER = 2 * 60 * 60
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
_MOST_RETRIES = 185
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MuteTargets.html
_MOST_MUTED = 100


@dataclass(frozen=True)
class StoppedDatabase:
    """An RDS instance."""

    identifier: pulumi.Input[str]
    arn: pulumi.Input[str]


@dataclass(frozen=True)
class _Call:
    """An operation of an AWS service that the scheduler carries out."""

    key: str
    operation: str
    permission: str
    resource: pulumi.Input[str]
    parameters: Mapping[str, pulumi.Input[object]]
    """Named as the SDK for Java names them, which for RDS is not how its API does: ``DbInstanceIdentifier``."""


class Hours(Component):
    """Stops instances, container services and database when nobody works, and starts them again, in the platform's time zone
    with its daylight saving, over the weekend too.

    Builds: for databases, services with a fixed count and App Runner services a schedule each for start and stop, one role
    that may do exactly that to exactly these, and a dead-letter queue with its alarm; for services that scale and for Auto
    Scaling groups scheduled actions, which need no role; and rules that mute the alarms of what is stopped, from the stop to
    half an hour after the start.

    Cost: less than a cent. It saves the hours of what it stops: ``mon-fri`` from 08:00 to 18:00 is 50 hours of 168. What goes on
    costing: storage, NAT gateways, load balancer, cache (ElastiCache cannot stop), public addresses.

    Fails: a start or stop that AWS refuses is tried again for two hours, as while a backup runs; then it lies in the dead-letter
    queue, whose alarm is never muted. A database that somebody has stopped or started by hand refuses too, and is reported so.
    RDS starts an instance by itself after seven days; with at least one day a week it is never stopped for so long. An alarm
    that is still off when its mute ends tells then: what did not come up in the morning is known half an hour later. RDS
    itself reports each stop and start to the topic for notices.
    Services that start before their database fail until it answers (ECS starts them again).

    An update of the stack at night starts nothing, except a service whose own settings it changes and that has no scaling.

    Changes without replacement: everything; ``hours: null`` leaves things as they stand at that moment.
    """

    layer = "compute"

    role_arn: pulumi.Output[str] | None
    """Of the scheduler; None where scheduled actions do everything."""

    def __init__(
        self,
        name: str,
        settings: HoursSettings,
        context: Context,
        *,
        databases: Mapping[str, StoppedDatabase],
        stoppable: Stoppable,
        pages: Pages | None = None,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the schedules that stop and start. ``databases`` are by names of the stack file. ``after`` is the
        engine, whose scalable targets must exist. Build it after everything that brings alarms."""
        super().__init__(name, context, opts)
        self._hours = settings
        self._after = after
        self._mute(pages)
        calls = {action: list(_calls(action, databases, stoppable, context)) for action in _ACTIONS}
        self.role_arn = self._schedules(calls) if calls["stop"] else None
        for key, service in stoppable.services.items():
            if service.most is not None:
                self._scaled(key, service, service.most)
        for key, group in stoppable.groups.items():
            self._group(key, group)
        self.register_outputs({"roleArn": self.role_arn})

    def _schedules(self, calls: Mapping[Action, Sequence[_Call]]) -> pulumi.Output[str]:
        group = aws.scheduler.ScheduleGroup(fit(f"{self.name}-group", 56), opts=self.child())
        dead = dead_letters(
            self,
            "dead-letters",
            description="Something was not stopped or not started at its hour. The message's attributes say what AWS answered; "
            "stop or start it by hand.",
        )
        role = aws.iam.Role(
            fit(f"{self.name}-scheduler", 56),
            assume_role_policy=trust_policy("scheduler.amazonaws.com", self.context.account_id, group.arn),
            description=f"Hours of {self.context.platform.name}: to stop and start what runs.",
            opts=self.child(),
        )
        region = self.context.region
        policy = aws.iam.RolePolicy(
            f"{self.name}-scheduler",
            role=role.name,
            policy=policy_document(
                [
                    *_statements([call for action in _ACTIONS for call in calls[action]]),
                    *sending("DeadLetters", dead.arn, self.context.key_arn("messaging"), region),
                    key_statement(
                        "Schedules",
                        self.context.key_arn("messaging"),
                        via_service("scheduler", region),
                        ["kms:Decrypt"],
                    ),
                ]
            ),
            opts=self.child(),
        )
        for action, hour, minute in clocks(self._hours):
            for call in calls[action]:
                aws.scheduler.Schedule(
                    fit(f"{self.name}-{call.key}-{action}", 56),
                    group_name=group.name,
                    description=f"{action.capitalize()}s {call.key} of {self.context.platform.name}.",
                    schedule_expression=f"cron({minute} {hour} ? * {days_of_week(self._hours.days)} *)",
                    schedule_expression_timezone=self.context.platform.timezone,
                    flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
                    kms_key_arn=self.context.key_arn("messaging"),
                    target=aws.scheduler.ScheduleTargetArgs(
                        arn=f"{self.context.arn_start}:scheduler:::aws-sdk:{call.operation}",
                        role_arn=role.arn,
                        input=pulumi.Output.json_dumps(call.parameters),
                        dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=dead.arn),
                        retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                            maximum_event_age_in_seconds=_GIVE_UP_AFTER, maximum_retry_attempts=_MOST_RETRIES
                        ),
                    ),
                    opts=self.child(depends_on=[policy]),
                )
        return role.arn

    def _scaled(self, key: str, service: StoppedService, most: int) -> None:
        """Schedule a service's bounds: with none but zero, Application Auto Scaling stops every copy and starts
        none."""
        bounds = {"stop": (0, 0), "start": (service.least, most)}
        for action, hour, minute in clocks(self._hours):
            lower, upper = bounds[action]
            aws.appautoscaling.ScheduledAction(
                f"{self.name}-{key}-{action}",
                service_namespace="ecs",
                scalable_dimension="ecs:service:DesiredCount",
                resource_id=pulumi.Output.concat("service/", service.cluster_name, "/", service.service_name),
                schedule=f"cron({minute} {hour} ? * {days_of_week(self._hours.days)} *)",
                timezone=self.context.platform.timezone,
                scalable_target_action=aws.appautoscaling.ScheduledActionScalableTargetActionArgs(
                    min_capacity=lower, max_capacity=upper
                ),
                opts=self.child(depends_on=list(self._after)),
            )

    def _group(self, key: str, group: StoppedGroup) -> None:
        sizes = _sizes(group)
        for action, hour, minute in clocks(self._hours):
            least, upper, desired = sizes[action]
            aws.autoscaling.Schedule(
                f"{self.name}-{key}-{action}",
                scheduled_action_name=f"hours-{action}",
                autoscaling_group_name=group.name,
                recurrence=f"{minute} {hour} * * {days_of_week(self._hours.days)}",
                time_zone=self.context.platform.timezone,
                min_size=least,
                max_size=upper,
                desired_capacity=desired,
                opts=self.child(),
            )

    def _mute(self, pages: Pages | None) -> None:
        """Mute the alarms of what is stopped.
        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-mute-rules.html"""
        declared = self.context.alerting.declared
        stopped = sorted((alarm for alarm in declared if alarm.layer in _STOPPED_LAYERS), key=_component)
        names = {component: [alarm.name for alarm in group] for component, group in groupby(stopped, key=_component)}
        if pages is not None and pages.alarm_names:
            names[pages.name] = list(pages.alarm_names.values())
        for component, alarms in names.items():
            key = component.removeprefix(f"{self.context.platform.name}-")
            for start in range(0, len(alarms), _MOST_MUTED):
                self._mute_rules(
                    key if start == 0 else f"{key}-{start // _MOST_MUTED + 1}", alarms[start:][:_MOST_MUTED]
                )

    def _mute_rules(self, key: str, names: Sequence[pulumi.Output[str]]) -> None:
        hour, minute = divmod(self._hours.stop_minute, 60)
        for spell in self._hours.spells():
            aws.cloudwatch.AlarmMuteRule(
                f"{self.name}-{key}-after-{spell.days[0]}",
                description=f"Quiet while {self.context.platform.name} is stopped.",
                rule=aws.cloudwatch.AlarmMuteRuleRuleArgs(
                    schedule=aws.cloudwatch.AlarmMuteRuleRuleScheduleArgs(
                        expression=f"cron({minute} {hour} * * {days_of_week(spell.days)})",
                        duration=duration(spell.minutes + GRACE),
                        timezone=self.context.platform.timezone,
                    )
                ),
                mute_targets=aws.cloudwatch.AlarmMuteRuleMuteTargetsArgs(alarm_names=list(names)),
                opts=self.child(),
            )


_ACTIONS: tuple[Action, ...] = ("start", "stop")
# What is stopped, and what feels it: no healthy target, messages that wait, no metric. Cache and functions go on.
_STOPPED_LAYERS = frozenset({"compute", "data", "edge", "messaging", "observability"})


# A size that stays as it is.
_KEPT = -1


def _sizes(group: StoppedGroup) -> dict[Action, tuple[int, int, int]]:
    """Return least, most and desired number of instances."""
    if group.by_capacity_provider:
        return {"stop": (0, _KEPT, _KEPT), "start": (group.least, _KEPT, _KEPT)}
    return {"stop": (0, 0, 0), "start": (group.least, group.most, group.least)}


def _component(raised: DeclaredAlarm) -> str:
    return raised.component


def _calls(
    action: Action,
    databases: Mapping[str, StoppedDatabase],
    stoppable: Stoppable,
    context: Context,
) -> Iterator[_Call]:
    """Yield the API calls that EventBridge Scheduler makes.
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""
    verb = action.capitalize()
    for key, database in databases.items():
        identifier = {"DbInstanceIdentifier": database.identifier}
        yield _Call(key, f"rds:{action}DBInstance", f"rds:{verb}DBInstance", database.arn, identifier)
    for key, service in stoppable.services.items():
        if service.most is None:
            count = service.least if action == "start" else 0
            path = pulumi.Output.concat(service.cluster_name, "/", service.service_name)
            yield _Call(
                key,
                "ecs:updateService",
                "ecs:UpdateService",
                pulumi.Output.concat(context.arn("ecs", "service/"), path),
                {"Cluster": service.cluster_name, "Service": service.service_name, "DesiredCount": count},
            )
    for key, arn in stoppable.app_runner.items():
        operation = {"start": "resume", "stop": "pause"}[action]
        yield _Call(
            key,
            f"apprunner:{operation}Service",
            f"apprunner:{operation.capitalize()}Service",
            arn,
            {"ServiceArn": arn},
        )


def _statements(calls: Sequence[_Call]) -> Iterator[Statement]:
    """Yield a statement for each permission, with every resource that a call needs it for."""
    by_permission: dict[str, dict[str, pulumi.Input[str]]] = {}
    for call in calls:
        by_permission.setdefault(call.permission, {})[call.key] = call.resource
    for permission, resources in by_permission.items():
        service, operation = permission.split(":")
        yield Statement(service.capitalize() + operation, [permission], list(resources.values()))
