"""Private ways to AWS's own services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import policy_document
from groundwork.components.base import Component
from groundwork.settings.facts import layer_buckets

# Besides the layers of images: buckets of AWS that are read with credentials of AWS's own accounts, or with none.
_AWS_BUCKETS = (
    # Packages: https://repost.aws/knowledge-center/ec2-al1-al2-update-yum-without-internet
    "al2023-repos-{region}-de612dc2",
    "amazonlinux-2-repos-{region}",
    # Systems Manager: https://docs.aws.amazon.com/systems-manager/latest/userguide/ssm-agent-technical-details.html
    "amazon-ssm-{region}",
    "amazon-ssm-packages-{region}",
    "{region}-birdwatcher-prod",
    "aws-ssm-document-attachments-{region}",
    "patch-baseline-snapshot-{region}",
    "aws-patchmanager-macos-{region}",
    # ECS agent: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-agent-install.html
    "amazon-ecs-agent-{region}",
)

_NO_POLICY = ("ecs-agent", "ecs-telemetry", "eks-auth")
"""The first two take no endpoint policy; requests to the third carry a pod's token instead of an account's signature."""


@dataclass(frozen=True)
class InterfaceEndpoints:
    """What :func:`interface_endpoints` made."""

    security_group_id: pulumi.Output[str] | None
    """None where there are none."""
    resources: Sequence[pulumi.Resource]


def gateway_endpoints(
    parent: Component,
    vpc_id: pulumi.Output[str],
    table_ids: Sequence[pulumi.Output[str]],
    further_buckets: Sequence[str],
) -> pulumi.Output[str]:
    """Create the endpoints that lead to S3 and DynamoDB without NAT, free of charge. Returns the prefix list of S3's
    addresses in the region.

    The policies are ceilings, not grants: a workload still needs its own permission. Stolen credentials of another account
    cannot carry data out through them, nor can ours write to buckets of another account.
    """
    account = parent.context.account_id
    region, arns = parent.context.region, parent.context.arn_start
    own = {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}
    layers = [bucket for bucket in layer_buckets(region).values() if bucket]
    readable = [*layers, *(bucket.format(region=region) for bucket in _AWS_BUCKETS)]
    policies: Mapping[str, list[dict[str, Any]]] = {
        "s3": [
            _ceiling("OwnBuckets", "s3:*", own),
            {
                "Sid": "AllowImagesAndPackages",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": [f"{arns}:s3:::{bucket}/*" for bucket in readable],
            },
            *(_foreign_buckets(further_buckets, account, arns) if further_buckets else ()),
        ],
        "dynamodb": [_ceiling("OwnTables", "dynamodb:*", own)],
    }
    endpoints = {
        service: aws.ec2.VpcEndpoint(
            f"{parent.name}-{service}",
            vpc_id=vpc_id,
            service_name=f"com.amazonaws.{region}.{service}",
            vpc_endpoint_type="Gateway",
            route_table_ids=list(table_ids),
            policy=policy_document(statements),
            opts=parent.child(),
        )
        for service, statements in policies.items()
    }
    return endpoints["s3"].prefix_list_id


def interface_endpoints(
    parent: Component,
    vpc_id: pulumi.Output[str],
    cidr: str,
    subnet_ids: Sequence[pulumi.Output[str]],
    services: Sequence[str],
) -> InterfaceEndpoints:
    """Create an address in each private subnet for each service, under the service's usual name."""
    if not services:
        return InterfaceEndpoints(None, ())
    group = aws.ec2.SecurityGroup(
        f"{parent.name}-endpoints",
        vpc_id=vpc_id,
        description="Interface endpoints of AWS services",
        opts=parent.child(),
    )
    aws.vpc.SecurityGroupIngressRule(
        f"{parent.name}-endpoints-https",
        security_group_id=group.id,
        description="HTTPS from the VPC to AWS services",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        cidr_ipv4=cidr,
        opts=parent.child(),
    )
    endpoints = [
        aws.ec2.VpcEndpoint(
            f"{parent.name}-{service.replace('.', '-')}",
            vpc_id=vpc_id,
            service_name=parent.context.partition.endpoint(service, parent.context.region),
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=list(subnet_ids),
            security_group_ids=[group.id],
            policy=None
            if service in _NO_POLICY
            else policy_document(_interface_policy(service, parent.context.account_id)),
            opts=parent.child(),
        )
        for service in sorted(set(services))
    ]
    return InterfaceEndpoints(group.id, endpoints)


def _interface_policy(service: str, account: pulumi.Output[str]) -> list[dict[str, Any]]:
    statements = [_ceiling("OwnPrincipals", "*", {"aws:PrincipalAccount": account})]
    if service == "sts":
        # A pod or a pipeline that trades its token for a role signs with nothing yet, so only the role's account is known.
        statements.append(
            _ceiling("OwnRolesByToken", "sts:AssumeRoleWithWebIdentity", {"aws:ResourceAccount": account})
        )
    return statements


def _ceiling(sid: str, action: str, conditions: Mapping[str, pulumi.Input[str]]) -> dict[str, Any]:
    """Return the statement that limits what may pass: every action and resource of the service, of this account
    alone.

    https://docs.aws.amazon.com/whitepapers/latest/building-a-data-perimeter-on-aws/perimeter-implementation.html
    """
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Principal": "*",
        "Action": action,
        "Resource": "*",
        "Condition": {"StringEquals": dict(conditions)},
    }


def _foreign_buckets(buckets: Sequence[str], account: pulumi.Output[str], arns: str) -> list[dict[str, Any]]:
    return [
        {
            "Sid": "AllowOtherBuckets",
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": [arn for bucket in buckets for arn in (f"{arns}:s3:::{bucket}", f"{arns}:s3:::{bucket}/*")],
            "Condition": {"StringEquals": {"aws:PrincipalAccount": account}},
        }
    ]
