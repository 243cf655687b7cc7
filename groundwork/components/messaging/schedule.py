"""Schedules: messages at set times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document, trust_policy
from groundwork.components.base import Component, fit
from groundwork.components.context import Context
from groundwork.components.messaging.dead_letters import dead_letters, key_statement, sending
from groundwork.components.messaging.queue_settings import ScheduleSettings, is_fifo
from groundwork.settings.facts import via_service


class Target(Protocol):
    """A queue or function."""

    @property
    def arn(self) -> pulumi.Output[str]: ...


class Schedules(Component):
    """All schedules of a platform, in one group, each with a role that can reach its own target and nothing else.

    Builds: schedule group, dead-letter queue with its alarm, and for each schedule its role and the schedule itself: in its
    time zone (daylight saving included), with its message encrypted by the platform's key, tried again for
    ``give_up_after`` seconds when the target does not answer.

    A message says ``scheduled_at``, the time it was planned for. It is the same when a delivery is repeated, so that a
    consumer can tell a repetition from the next one; and without it a FIFO queue would take two equal messages within five
    minutes for one.

    Cost: 14 million calls a month are free, then $1 per million.

    Fails: the alarm ``dead-letters`` says that a message was not handed over; its attributes name schedule and reason
    (``ERROR_CODE``). A function that fails after it was called shows at the function.

    Changes without replacement: everything but a schedule's name. ``enabled: false`` keeps one that does nothing.
    """

    layer = "messaging"

    arns: dict[str, pulumi.Output[str]]
    """Schedule → its ARN."""

    def __init__(
        self,
        name: str,
        settings: Mapping[str, ScheduleSettings],
        context: Context,
        *,
        queues: Mapping[str, Target],
        functions: Mapping[str, Target],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the schedules. ``queues`` and ``functions`` are by their names in the stack file."""
        super().__init__(name, context, opts)
        self._group = aws.scheduler.ScheduleGroup(fit(f"{name}-group", 56), opts=self.child())
        self._dead = dead_letters(
            self,
            "dead-letters",
            description="A schedule could not hand over its message. The message's attributes name the schedule and the error.",
        )
        self.arns = {
            key: self._schedule(
                key, schedule, queues[schedule.queue] if schedule.queue else functions[schedule.function or ""]
            )
            for key, schedule in settings.items()
        }
        self.register_outputs({"arns": self.arns})

    def _schedule(self, key: str, settings: ScheduleSettings, target: Target) -> pulumi.Output[str]:
        role, policy = self._role(key, settings, target)
        schedule = aws.scheduler.Schedule(
            fit(f"{self.name}-{key}", 56),
            group_name=self._group.name,
            schedule_expression=settings.at,
            schedule_expression_timezone=settings.timezone or self.context.platform.timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(
                mode="FLEXIBLE" if settings.window else "OFF", maximum_window_in_minutes=settings.window or None
            ),
            state="ENABLED" if settings.enabled else "DISABLED",
            kms_key_arn=self.context.key_arn("messaging"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=target.arn,
                role_arn=role.arn,
                input=pulumi.Output.json_dumps({"scheduled_at": "<aws.scheduler.scheduled-time>", **settings.message}),
                dead_letter_config=aws.scheduler.ScheduleTargetDeadLetterConfigArgs(arn=self._dead.arn),
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=settings.give_up_after, maximum_retry_attempts=_MOST_RETRIES
                ),
                sqs_parameters=(
                    aws.scheduler.ScheduleTargetSqsParametersArgs(message_group_id=key)
                    if settings.queue and is_fifo(settings.queue)
                    else None
                ),
            ),
            opts=self.child(depends_on=[policy]),
        )
        return schedule.arn

    def _role(self, key: str, settings: ScheduleSettings, target: Target) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """Create the role of a schedule. The group, not the schedule, is what the confused-deputy guard can name.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        """
        region = self.context.region
        role = aws.iam.Role(
            fit(f"{self.name}-{key}", 56),
            assume_role_policy=trust_policy("scheduler.amazonaws.com", self.context.account_id, self._group.arn),
            description=f"Schedule {key} of {self.context.platform.name}: to reach its target.",
            opts=self.child(),
        )
        if settings.queue:
            reach = sending("Target", target.arn, self.context.key_arn("messaging"), region)
        else:
            reach = [Statement("InvokeFunction", ["lambda:InvokeFunction"], [target.arn])]
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html
        read = key_statement(
            "Message", self.context.key_arn("messaging"), via_service("scheduler", region), ["kms:Decrypt"]
        )
        policy = aws.iam.RolePolicy(
            f"{self.name}-{key}",
            role=role.name,
            policy=policy_document(
                [*reach, *sending("DeadLetters", self._dead.arn, self.context.key_arn("messaging"), region), read]
            ),
            opts=self.child(),
        )
        return role, policy


# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
_MOST_RETRIES = 185
