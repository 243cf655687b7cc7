"""The launch template of container instances."""

from __future__ import annotations

import base64

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.ecs.instance_role import KEY, Profile
from groundwork.components.compute.security_groups import ServiceSecurityGroup
from groundwork.components.compute.settings import InstancesSettings
from groundwork.components.compute.volumes import root_volume
from groundwork.settings.facts import ECS_RESERVED_MEMORY, Architecture

_PARAMETERS: dict[Architecture, str] = {
    "arm64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
    "x86_64": "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
}
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html"""


def launch_template(
    parent: Component,
    settings: InstancesSettings,
    *,
    architecture: Architecture,
    cluster_name: pulumi.Output[str],
    profile: Profile,
    group: ServiceSecurityGroup,
) -> aws.ec2.LaunchTemplate:
    """Create a launch template of Amazon Linux 2023 for ECS: no public address, no key pair, IMDSv2 for the host alone,
    an encrypted volume."""
    return aws.ec2.LaunchTemplate(
        f"{parent.name}-{KEY}",
        description=f"Container instances of {parent.context.platform.name} {parent.context.platform.stage}",
        update_default_version=True,
        image_id=settings.image or _newest_image(parent, architecture),
        instance_type=settings.instance_class,
        ebs_optimized="true",
        iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile.arn),
        # One hop: what runs in a container with a network of its own does not reach the instance's credentials.
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        monitoring=aws.ec2.LaunchTemplateMonitoringArgs(enabled=True),
        network_interfaces=[
            aws.ec2.LaunchTemplateNetworkInterfaceArgs(
                device_index=0,
                associate_public_ip_address="false",
                delete_on_termination="true",
                security_groups=[group.id],
            )
        ],
        block_device_mappings=[root_volume(settings.volume, parent.context.key_arn("storage"))],
        user_data=cluster_name.apply(lambda name: base64.b64encode(user_data(name).encode()).decode()),
        opts=parent.child(),
    )


def _newest_image(parent: Component, architecture: Architecture) -> pulumi.Output[str]:
    """Return the newest image's own id, not ``resolve:ssm:…``: so a new image shows in the preview, and a refresh that
    goes wrong can be rolled back.
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-rollback.html"""
    return aws.ssm.get_parameter_output(
        name=_PARAMETERS[architecture], opts=pulumi.InvokeOptions(parent=parent)
    ).insecure_value


def user_data(cluster: str) -> str:
    """Return the script that configures the ECS agent.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-config.html"""
    return f"""#!/bin/bash
cat >>/etc/ecs/ecs.config <<'CONFIG'
ECS_CLUSTER={cluster}
ECS_AWSVPC_BLOCK_IMDS=true
ECS_DISABLE_PRIVILEGED=true
ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true
ECS_ENABLE_SPOT_INSTANCE_DRAINING=true
ECS_RESERVED_MEMORY={ECS_RESERVED_MEMORY}
CONFIG
"""
