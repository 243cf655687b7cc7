"""Pages: one message for one fault."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context, DeclaredAlarm

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
_MOST_CHILDREN = 100

BACKING_LAYERS = frozenset({"data", "cache", "search"})
"""What services stand on: a fault here is the cause of faults there."""

# A silent database is noticed after three minutes, errors after two: the wait is the difference, and a minute for the metrics
# to arrive.
WAIT = 120
# A service may need some minutes after its database is back.
EXTENSION = 300


class Pages(Component):
    """Two composite alarms over every alarm whose severity is ``page``; they alone send pages.

    *backing* goes off when an alarm of the database, cache or search does. *serving* goes off when one of anything else does,
    above all of the services; it waits two minutes, and says nothing while *backing* is off or in the five minutes after: what
    is down then is down because of that. So a database that is lost, with errors, slow answers and failed health checks in
    every service, is one page, which names the database; and it is followed by a second one only if services stay down after
    the database is back.

    What it does not do: a second fault of the same half, during the first, sends no page of its own (its alarm still sends a
    notice, and stands on the dashboard); a cause that is noticed more than two minutes after what it causes (CPU, five
    minutes) is a page after theirs.

    Build it after everything that brings alarms. Builds: a composite alarm for each half that has alarms that page.

    Cost: $0.50 a month for each of the two.

    Fails: never on its own; without a confirmed subscription pages reach nobody.

    Changes without replacement: everything but platform and stage, which are the alarms' names.
    """

    layer = "observability"

    alarm_arns: dict[str, pulumi.Output[str]]
    """``backing`` and ``serving``, those that there are."""
    alarm_names: dict[str, pulumi.Output[str]]

    def __init__(self, name: str, context: Context, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, context, opts)
        pages = self.context.alerting.of("page")
        backing = self._composite(
            "backing",
            [raised for raised in pages if raised.layer in BACKING_LAYERS],
            "What services stand on is failing. Services that fail with it do not page.",
        )
        serving = self._composite(
            "serving",
            [raised for raised in pages if raised.layer not in BACKING_LAYERS],
            "Users are turned away, and not because of database, cache or search.",
            suppressor=backing,
        )
        built = {"backing": backing, "serving": serving}
        self.alarm_arns = {key: alarm.arn for key, alarm in built.items() if alarm is not None}
        self.alarm_names = {key: alarm.alarm_name for key, alarm in built.items() if alarm is not None}
        self.register_outputs({"alarmArns": self.alarm_arns})

    def _composite(
        self,
        key: str,
        children: Sequence[DeclaredAlarm],
        description: str,
        *,
        suppressor: aws.cloudwatch.CompositeAlarm | None = None,
    ) -> aws.cloudwatch.CompositeAlarm | None:
        if not children:
            return None
        if len(children) > _MOST_CHILDREN:
            raise pulumi.RunError(
                f"{len(children)} alarms page, and CloudWatch joins at most {_MOST_CHILDREN}; take page out of some of "
                "observability.thresholds"
            )
        runbook = self.context.alerting.settings.runbook
        topic = (
            self.context.alerting.topic_arn
            if self.context.alerting.page_topic_arn is None
            else self.context.alerting.page_topic_arn
        )
        return aws.cloudwatch.CompositeAlarm(
            f"{self.name}-{key}",
            # The provider asks for a name.
            alarm_name=f"{self.context.slug}-{key}",
            alarm_description=f"{description} The message names the alarms."
            + (f"\nRunbook: {runbook}#{key}" if runbook else ""),
            alarm_rule=pulumi.Output.all(*(raised.name for raised in children)).apply(_any_of),
            alarm_actions=[topic],
            ok_actions=[topic],
            actions_suppressor=(
                None
                if suppressor is None
                else aws.cloudwatch.CompositeAlarmActionsSuppressorArgs(
                    alarm=suppressor.alarm_name, wait_period=WAIT, extension_period=EXTENSION
                )
            ),
            opts=self.child(),
        )


def _any_of(names: Sequence[str]) -> str:
    """Return a composite alarm's rule: any of these alarms is off.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html"""
    return " OR ".join(f'ALARM("{name}")' for name in names)
