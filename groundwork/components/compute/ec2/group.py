"""Launch template and Auto Scaling group: instances that replace themselves."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.ec2.fixed_interface import FixedInterface
from groundwork.components.compute.ec2.machine import Machine
from groundwork.components.compute.ec2.user_data import render
from groundwork.components.compute.group_hours import group_hours
from groundwork.components.compute.settings import ComputeSettings, InstancesSettings
from groundwork.components.compute.volumes import root_volume
from groundwork.components.compute.wiring import NetworkLike
from groundwork.settings.facts import Architecture, instance_is_burstable

_DAY = 86_400
_WARMUP = 240
"""Seconds from launch until services answer: packages, images, health."""
_MAX_ALARMS = 10
"""https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AlarmSpecification.html"""

_PARAMETERS: dict[Architecture, str] = {
    "arm64": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
    "x86_64": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
}
"""https://docs.aws.amazon.com/linux/al2023/ug/ec2.html"""

_METRICS = (
    aws.autoscaling.Metric.GROUP_DESIRED_CAPACITY,
    aws.autoscaling.Metric.GROUP_IN_SERVICE_INSTANCES,
    aws.autoscaling.Metric.GROUP_TOTAL_INSTANCES,
)


@dataclass(frozen=True)
class GroupSize:
    """How many instances, and whether one of them has a fixed interface."""

    least: int
    most: int
    fixed_interface: FixedInterface | None = None


@dataclass(frozen=True)
class LaunchSettings:
    """What an instance is made with."""

    machine: Machine
    facts: Mapping[str, pulumi.Input[str]]
    profile_arn: pulumi.Output[str]
    group_id: pulumi.Output[str]


def group(
    parent: Component,
    key: str,
    settings: ComputeSettings,
    bounds: GroupSize,
    launch: LaunchSettings,
    *,
    network: NetworkLike,
    target_group_arns: Sequence[pulumi.Output[str]],
    alarm_names: Sequence[pulumi.Output[str]],
    after: Sequence[pulumi.Resource],
) -> aws.autoscaling.Group:
    """Create an Auto Scaling group of instances of one kind. ``alarm_names`` roll a refresh back, ``after`` is what
    they need before they start."""
    wanted = settings.capacity
    template = _template(parent, key, settings, bounds, launch)
    made = aws.autoscaling.Group(
        f"{parent.name}-{key}",
        min_size=bounds.least,
        max_size=bounds.most,
        **_placement_arguments(bounds, network),
        **_instance_arguments(wanted, settings.spot, bounds, template),
        target_group_arns=list(target_group_arns),
        health_check_type="ELB" if target_group_arns else "EC2",
        health_check_grace_period=600,
        default_instance_warmup=_WARMUP,
        max_instance_lifetime=wanted.lifetime_days * _DAY if wanted.lifetime_days else None,
        termination_policies=["OldestLaunchTemplate", "OldestInstance"],
        instance_refresh=_refresh(bounds, alarm_names),
        enabled_metrics=list(_METRICS),
        # The first instances may have to wait for images that nobody has pushed yet.
        wait_for_capacity_timeout="0",
        opts=parent.child(depends_on=list(after)),
    )
    group_hours(parent, key, wanted, made.name)
    if bounds.most > bounds.least:
        _follow_cpu(parent, key, made.name)
    return made


def _template(
    parent: Component, key: str, settings: ComputeSettings, bounds: GroupSize, launch: LaunchSettings
) -> aws.ec2.LaunchTemplate:
    """Create a launch template of Amazon Linux 2023: no key pair, IMDSv2 for the host alone, an encrypted volume."""
    wanted = settings.capacity
    return aws.ec2.LaunchTemplate(
        f"{parent.name}-{key}",
        description=f"{parent.context.platform.name} {parent.context.platform.stage}: {key}",
        update_default_version=True,
        image_id=wanted.image or _image(parent, settings.built_for, bounds),
        instance_type=wanted.instance_class,
        instance_initiated_shutdown_behavior="terminate",
        iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=launch.profile_arn),
        # One hop: a container does not reach the instance's credentials; it gets its own service's from the instance.
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
        # Burstable classes would otherwise go on at full speed at a price per vCPU and hour that no budget foresees.
        credit_specification=aws.ec2.LaunchTemplateCreditSpecificationArgs(cpu_credits="standard")
        if instance_is_burstable(wanted.instance_class)
        else None,
        network_interfaces=[_interface(bounds, launch)],
        block_device_mappings=[root_volume(wanted.volume, parent.context.key_arn("storage"))],
        user_data=_user_data(launch),
        tag_specifications=_tags(parent, key) if bounds.fixed_interface is not None else None,
        opts=parent.child(),
    )


def _tags(parent: Component, key: str) -> list[aws.ec2.LaunchTemplateTagSpecificationArgs]:
    """Return the tags of what a launch makes; its interface is there already, and has its tags."""
    tags = {"Name": f"{parent.name}-{key}", **parent.context.lasting_tags(parent.layer)}
    return [
        aws.ec2.LaunchTemplateTagSpecificationArgs(resource_type=kind, tags=tags) for kind in ("instance", "volume")
    ]


def _image(parent: Component, architecture: Architecture, bounds: GroupSize) -> pulumi.Input[str]:
    """Return the image. For several instances: the newest image's own id, which an update looks up, shows, and can
    roll back.

    The only one is not to be replaced because an update for another reason finds a newer image: it takes the newest when it
    is replaced anyway, which Auto Scaling looks up.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html
    """
    if bounds.most == 1:
        return f"resolve:ssm:{_PARAMETERS[architecture]}"
    return aws.ssm.get_parameter_output(
        name=_PARAMETERS[architecture], opts=pulumi.InvokeOptions(parent=parent)
    ).insecure_value


def _interface(bounds: GroupSize, launch: LaunchSettings) -> aws.ec2.LaunchTemplateNetworkInterfaceArgs:
    if bounds.fixed_interface is not None:
        return aws.ec2.LaunchTemplateNetworkInterfaceArgs(
            device_index=0, network_interface_id=bounds.fixed_interface.interface_id, delete_on_termination="false"
        )
    return aws.ec2.LaunchTemplateNetworkInterfaceArgs(
        device_index=0,
        associate_public_ip_address="false",
        delete_on_termination="true",
        security_groups=[launch.group_id],
    )


def _user_data(launch: LaunchSettings) -> pulumi.Output[str]:
    def encoded(facts: Mapping[str, str]) -> str:
        return base64.b64encode(render(launch.machine, facts).encode()).decode()

    return pulumi.Output.all(**launch.facts).apply(encoded)


def _placement_arguments(bounds: GroupSize, network: NetworkLike) -> dict[str, Any]:
    """Return where instances are launched. An interface that exists already brings its subnet along; the group then
    names the zone alone."""
    if bounds.fixed_interface is not None:
        return {"availability_zones": [bounds.fixed_interface.zone]}
    return {"vpc_zone_identifiers": list(network.private_subnet_ids.values())}


def _instance_arguments(
    wanted: InstancesSettings, spot: int, bounds: GroupSize, template: aws.ec2.LaunchTemplate
) -> dict[str, Any]:
    """Return launch template and Spot shares: the minimum is never on Spot, so that losing all of Spot at once leaves
    what must run."""
    version = template.latest_version.apply(str)
    if bounds.most == 1 or not (spot or wanted.further_classes):
        return {"launch_template": aws.autoscaling.GroupLaunchTemplateArgs(id=template.id, version=version)}
    specification = aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateLaunchTemplateSpecificationArgs(
        launch_template_id=template.id, version=version
    )
    return {
        "capacity_rebalance": spot > 0,
        "mixed_instances_policy": aws.autoscaling.GroupMixedInstancesPolicyArgs(
            instances_distribution=aws.autoscaling.GroupMixedInstancesPolicyInstancesDistributionArgs(
                on_demand_allocation_strategy="prioritized",
                on_demand_base_capacity=bounds.least,
                on_demand_percentage_above_base_capacity=100 - spot,
                spot_allocation_strategy="price-capacity-optimized",
            ),
            launch_template=aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateArgs(
                launch_template_specification=specification,
                overrides=[
                    aws.autoscaling.GroupMixedInstancesPolicyLaunchTemplateOverrideArgs(instance_type=name)
                    for name in (wanted.instance_class, *wanted.further_classes)
                ],
            ),
        ),
    }


def _refresh(bounds: GroupSize, alarm_names: Sequence[pulumi.Output[str]]) -> aws.autoscaling.GroupInstanceRefreshArgs:
    """Return the instance refresh: the only instance goes before the next one comes, since fixed interface and data
    volume are held by one at a time. Several are replaced one after the other, each before the old one goes, and back
    again when an alarm sets off.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html
    """
    if bounds.most == 1:
        preferences = aws.autoscaling.GroupInstanceRefreshPreferencesArgs(
            min_healthy_percentage=0, max_healthy_percentage=100, instance_warmup=str(_WARMUP)
        )
    else:
        preferences = aws.autoscaling.GroupInstanceRefreshPreferencesArgs(
            min_healthy_percentage=100,
            max_healthy_percentage=150,
            instance_warmup=str(_WARMUP),
            auto_rollback=True,
            alarm_specification=aws.autoscaling.GroupInstanceRefreshPreferencesAlarmSpecificationArgs(
                alarms=list(alarm_names)[:_MAX_ALARMS]
            )
            if alarm_names
            else None,
        )
    return aws.autoscaling.GroupInstanceRefreshArgs(strategy="Rolling", preferences=preferences)


def _follow_cpu(parent: Component, key: str, group_name: pulumi.Output[str]) -> None:
    aws.autoscaling.Policy(
        f"{parent.name}-{key}-cpu",
        autoscaling_group_name=group_name,
        policy_type="TargetTrackingScaling",
        target_tracking_configuration=aws.autoscaling.PolicyTargetTrackingConfigurationArgs(
            predefined_metric_specification=aws.autoscaling.PolicyTargetTrackingConfigurationPredefinedMetricSpecificationArgs(
                predefined_metric_type="ASGAverageCPUUtilization"
            ),
            target_value=_TARGET,
        ),
        opts=parent.child(),
    )


_TARGET = 60
"""Percent of CPU that instances are held near: low enough for one to take over while the next one starts."""
