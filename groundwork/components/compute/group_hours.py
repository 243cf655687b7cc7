"""Other bounds for an Auto Scaling group at certain hours."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.settings import InstancesSettings
from groundwork.settings.recurrence import recurrence


def group_hours(parent: Component, key: str, wanted: InstancesSettings, group_name: pulumi.Output[str]) -> None:
    """Create the schedule of ``compute.instances`` as scheduled actions, in the platform's time zone unless it says
    another (S3-10)."""
    for name, hours in wanted.schedule.items():
        said = recurrence(hours.cron)
        if said is None:
            raise pulumi.RunError(
                f"compute.instances.schedule.{name}.cron: EC2 Auto Scaling has no way to say {hours.cron}"
            )
        aws.autoscaling.Schedule(
            f"{parent.name}-{key}-{name}",
            autoscaling_group_name=group_name,
            scheduled_action_name=name,
            recurrence=said,
            time_zone=hours.timezone or parent.context.platform.timezone,
            min_size=hours.min,
            max_size=hours.max,
            # How many run between the bounds is for whatever scales the group to say.
            desired_capacity=-1,
            opts=parent.child(),
        )
