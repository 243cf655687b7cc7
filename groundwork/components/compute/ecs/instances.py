"""Instances for tasks: an Auto Scaling group that grows and shrinks with what ECS has to place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.ecs.cluster import EcsCluster
from groundwork.components.compute.ecs.instance_role import instance_profile
from groundwork.components.compute.ecs.launch import launch_template
from groundwork.components.compute.group_hours import group_hours
from groundwork.components.compute.security_groups import outbound_group
from groundwork.components.compute.settings import ComputeSettings, InstancesSettings
from groundwork.components.compute.wiring import NetworkLike

_KEY = "instances"
_DAY = 86_400
_WARMUP = 120
"""Seconds from launch until tasks run."""

# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AlarmSpecification.html
_MAX_ALARMS = 10

_METRICS = (
    aws.autoscaling.Metric.GROUP_DESIRED_CAPACITY,
    aws.autoscaling.Metric.GROUP_IN_SERVICE_INSTANCES,
    aws.autoscaling.Metric.GROUP_MAX_SIZE,
    aws.autoscaling.Metric.GROUP_MIN_SIZE,
    aws.autoscaling.Metric.GROUP_TOTAL_INSTANCES,
)


@dataclass(frozen=True)
class Instances:
    """A group of instances and the capacity provider over it."""

    provider: pulumi.Output[str]
    group_name: pulumi.Output[str]


def instances(
    parent: Component,
    settings: ComputeSettings,
    *,
    cluster: EcsCluster,
    network: NetworkLike,
    alarm_names: Sequence[pulumi.Output[str]],
) -> Instances:
    """Create the container instances and all that belongs to them. ``alarm_names`` roll a refresh back."""
    wanted = settings.capacity
    profile = instance_profile(parent, cluster)
    security_group = outbound_group(parent, _KEY, "container instances", (443,), network)
    template = launch_template(
        parent,
        wanted,
        architecture=settings.built_for,
        cluster_name=cluster.name,
        profile=profile,
        group=security_group,
    )
    group = aws.autoscaling.Group(
        f"{parent.name}-{_KEY}",
        min_size=wanted.min,
        max_size=wanted.max,
        vpc_zone_identifiers=list(network.private_subnet_ids.values()),
        mixed_instances_policy=_classes(wanted, settings.spot, template),
        capacity_rebalance=settings.spot > 0,
        health_check_type="EC2",
        default_instance_warmup=_WARMUP,
        max_instance_lifetime=wanted.lifetime_days * _DAY if wanted.lifetime_days else None,
        # ECS lifts it from an instance that no task runs on.
        protect_from_scale_in=True,
        instance_refresh=_refresh(alarm_names),
        enabled_metrics=list(_METRICS),
        # Instances may have to wait for what services in the same update still lack.
        wait_for_capacity_timeout="0",
        # ECS puts it there itself, and looks for it on the instances.
        tags=[aws.autoscaling.GroupTagArgs(key="AmazonECSManaged", value="true", propagate_at_launch=True)],
        opts=parent.child(depends_on=[*profile.ready, *security_group.rules, *network.private_ready]),
    )
    group_hours(parent, _KEY, wanted, group.name)
    provider = _provider(parent, wanted, group)
    made = Instances(provider, group.name)
    _watch(parent, wanted, made, cluster_name=cluster.name)
    return made


def _classes(
    wanted: InstancesSettings, spot: int, template: aws.ec2.LaunchTemplate
) -> aws.autoscaling.GroupMixedInstancesPolicyArgs:
    """Return classes and Spot shares: the minimum is never on Spot, so that losing all of Spot at once leaves what must
    run."""
    return aws.autoscaling.GroupMixedInstancesPolicyArgs(
        instances_distribution=aws.autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs(
            on_demand_allocation_strategy="prioritized",
            on_demand_base_capacity=wanted.min,
            on_demand_percentage_above_base_capacity=100 - spot,
            spot_allocation_strategy="price-capacity-optimized",
        ),
        launch_template=aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs(
            launch_template_specification=aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs(
                launch_template_id=template.id, version=template.latest_version.apply(str)
            ),
            overrides=[
                aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs(instance_type=name)
                for name in (wanted.instance_class, *wanted.further_classes)
            ],
        ),
    )


def _refresh(alarm_names: Sequence[pulumi.Output[str]]) -> aws.autoscaling.GroupInstanceRefreshArgs:
    """Return the instance refresh: a new launch template replaces instances one after the other, each before the old
    one goes.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-instance-draining.html
    """
    watched = (
        aws.autoscaling.GroupInstanceRefreshPreferencesAlarmSpecificationArgs(alarms=list(alarm_names)[:_MAX_ALARMS])
        if alarm_names
        else None
    )
    return aws.autoscaling.GroupInstanceRefreshArgs(
        strategy="Rolling",
        preferences=aws.autoscaling.GroupInstanceRefreshPreferencesArgs(
            min_healthy_percentage=100,
            max_healthy_percentage=110,
            instance_warmup=str(_WARMUP),
            scale_in_protected_instances="Refresh",
            auto_rollback=True,
            alarm_specification=watched,
        ),
    )


def _provider(parent: Component, wanted: InstancesSettings, group: aws.autoscaling.Group) -> pulumi.Output[str]:
    provider = aws.ecs.CapacityProvider(
        f"{parent.name}-{_KEY}",
        # A name may not begin with "ecs", "aws" or "fargate", which a platform's may. The group's own makes it another one
        # when the group is another one.
        name=pulumi.Output.concat("instances-", group.name),
        auto_scaling_group_provider=aws.ecs.CapacityProviderAutoScalingGroupProviderArgs(
            auto_scaling_group_arn=group.arn,
            managed_termination_protection="ENABLED",
            managed_draining="ENABLED",
            managed_scaling=aws.ecs.CapacityProviderAutoScalingGroupProviderManagedScalingArgs(
                status="ENABLED",
                target_capacity=wanted.utilization,
                minimum_scaling_step_size=1,
                maximum_scaling_step_size=max(1, wanted.max),
                instance_warmup_period=_WARMUP,
            ),
        ),
        opts=parent.child(),
    )
    return provider.name


def _watch(
    parent: Component,
    wanted: InstancesSettings,
    made: Instances,
    *,
    cluster_name: pulumi.Output[str],
) -> None:
    """Create the instances' alarms (S3-09)."""
    of_group: Mapping[str, pulumi.Input[str]] = {"AutoScalingGroupName": made.group_name}
    cpu = parent.context.alerting.settings.thresholds.instance_cpu
    alarm(
        parent,
        f"{_KEY}-cpu",
        Metric("AWS/EC2", "CPUUtilization", of_group),
        threshold=cpu,
        description=f"Container instances have used more than {cpu} % of their CPU for 5 minutes. Look which tasks do, and "
        "whether services reserve less CPU than they take.",
    )
    least = min([wanted.min, *(hours.min for hours in wanted.schedule.values())])
    if least:
        alarm(
            parent,
            f"{_KEY}-in-service",
            Metric("AWS/AutoScaling", "GroupInServiceInstances", of_group, statistic="Minimum"),
            threshold=least,
            comparison="LessThanThreshold",
            missing="breaching",
            description=f"Fewer than {least} container instances are in service. Look at the Auto Scaling group's activities: no "
            "capacity in the zone, a quota, or an image that does not start.",
        )
    alarm(
        parent,
        f"{_KEY}-capacity",
        Metric(
            "AWS/ECS/ManagedScaling",
            "CapacityProviderReservation",
            {"ClusterName": cluster_name, "CapacityProviderName": made.provider},
        ),
        threshold=100,
        periods=15,
        description="Tasks have waited for instances for 15 minutes. Look whether the group runs at instances.max, then at its "
        "activities.",
    )
