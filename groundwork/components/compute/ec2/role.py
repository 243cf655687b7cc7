"""What an instance may do for those it runs; what they may do themselves is theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from groundwork.components.access import SecretReference, Statement, policy_document
from groundwork.components.base import Component, fit
from groundwork.components.compute.ec2.configuration import Store
from groundwork.components.compute.ec2.identity import PlacedService
from groundwork.components.compute.ecs.instance_role import SESSIONS
from groundwork.components.compute.images import Image
from groundwork.components.compute.references import once, read_statements
from groundwork.components.compute.trust import trusted
from groundwork.components.edge.origin import InstanceOrigin


@dataclass(frozen=True)
class HostRole:
    """The role of one kind of instance, before it may do anything."""

    key: str
    role: aws.iam.Role
    profile_arn: pulumi.Output[str]


def host_role(parent: Component, key: str) -> HostRole:
    """Create a role, and the profile by which instances assume it."""
    # IAM takes 64 characters, of which the automatic suffix needs 8.
    name = fit(f"{parent.name}-{key}", 56)
    role = aws.iam.Role(
        name,
        assume_role_policy=trusted("ec2.amazonaws.com"),
        description=f"Instances of {parent.context.platform.name}: {key}.",
        opts=parent.child(),
    )
    profile = aws.iam.InstanceProfile(name, role=role.name, opts=parent.child())
    return HostRole(key, role, profile.arn)


def allow(parent: Component, to: HostRole, statements: Sequence[Statement]) -> pulumi.Resource:
    """Attach ``statements`` to the role."""
    return aws.iam.RolePolicy(
        f"{parent.name}-{to.key}", role=to.role.name, policy=policy_document(statements), opts=parent.child()
    )


def host_statements(
    parent: Component, kept: Store, log_groups: Mapping[str, pulumi.Output[str]], namespace: str
) -> Iterator[Statement]:
    """Yield the permissions that every instance needs: sessions, its configuration, its logs and its metrics."""
    yield from SESSIONS
    paths = [kept.programs, *(f"{kept.path}/{part}" for part in ("declarations", "images", "environment"))]
    yield Statement(
        "ReadConfiguration",
        ("ssm:GetParameters",),
        [parent.context.arn("ssm", f"parameter{path}/*") for path in paths],
    )
    # A path is asked for as itself: what ends in /* alone lets nothing be listed. Below it are the paths of services.
    # https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
    yield Statement(
        "ListConfiguration",
        ("ssm:GetParametersByPath",),
        [
            parent.context.arn("ssm", f"parameter{kept.programs}"),
            parent.context.arn("ssm", f"parameter{kept.path}/environment/*"),
        ],
    )
    yield Statement(
        "WriteLogs",
        ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
        [pulumi.Output.concat(arn, ":*") for arn in log_groups.values()],
    )
    # It takes no resource, but a namespace.
    yield Statement(
        "WriteMetrics",
        ("cloudwatch:PutMetricData",),
        ["*"],
        {"StringEquals": {"cloudwatch:namespace": namespace}},
    )


def on_behalf(
    placed: Sequence[PlacedService], images: Mapping[str, Image], region: str, also: Sequence[SecretReference] = ()
) -> Iterator[Statement]:
    """Yield the permissions to fetch what services need, and to assume their roles for them; ``also`` are secrets of
    its own."""
    yield from _pulls([statement for placed_service in placed for statement in images[placed_service.name].pull])
    roles = [placed_service.role_arn for placed_service in placed if placed_service.role_arn is not None]
    if roles:
        yield Statement("AssumeServiceRoles", ("sts:AssumeRole",), roles)
    references = {
        f"{placed_service.name}.{key}": value
        for placed_service in placed
        for key, value in placed_service.references.items()
    }
    yield from read_statements({**references, **{str(index): secret for index, secret in enumerate(also)}}, region)


def certificate_statements(instance: InstanceOrigin, arns: str) -> Iterator[Statement]:
    """Prove to Let's Encrypt that the names are the platform's: by TXT records of just these names. ``arns``: what ARNs begin with.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html
    """
    if instance.zone_id is None:
        return
    # Neither takes a resource that is known before: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonroute53.html
    yield Statement("ListHostedZones", ("route53:ListHostedZones",), ["*"])
    yield Statement("GetDnsChange", ("route53:GetChange",), [f"{arns}:route53:::change/*"])
    yield Statement(
        "ProveNames",
        ("route53:ChangeResourceRecordSets",),
        [pulumi.Output.concat(f"{arns}:route53:::hostedzone/", instance.zone_id)],
        {
            "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": [
                    f"_acme-challenge.{name}" for name in instance.names
                ],
                "route53:ChangeResourceRecordSetsRecordTypes": ["TXT"],
            }
        },
    )


def _pulls(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield the permissions to pull images: one login, and one statement for all repositories: an inline policy takes
    10,240 characters in all."""
    by_sid: dict[str, list[Statement]] = {}
    for statement in statements:
        by_sid.setdefault(statement.sid, []).append(statement)
    for same in by_sid.values():
        yield replace(same[0], resources=once([arn for statement in same for arn in statement.resources]))
