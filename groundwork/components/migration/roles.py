"""What DMS may do: the account's two roles of fixed names, and the one that reads the logins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component
from groundwork.settings.facts import via_service

# https://docs.aws.amazon.com/dms/latest/userguide/security-iam.html#CHAP_Security.APIRole
_LINKED = {"dms-vpc-role": "AmazonDMSVPCManagementRole", "dms-cloudwatch-logs-role": "AmazonDMSCloudWatchLogsRole"}

# AWS shows a condition on the caller's account for this role alone:
# https://docs.aws.amazon.com/dms/latest/userguide/cross-service-confused-deputy-prevention.html
# With one on the role for logs no log is ever written: https://github.com/terraform-aws-modules/terraform-aws-dms/issues/84
_FOR_THIS_ACCOUNT = ("dms-vpc-role",)


@dataclass(frozen=True)
class Login:
    """A database as DMS is told of it: never with the login itself, which stands in a secret."""

    engine: str
    database: str
    secret_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str] | None
    """None for AWS's own key, which lets in whoever may read the secret."""
    ssl_mode: str
    certificate_arn: pulumi.Output[str] | None
    ready: tuple[pulumi.Resource, ...] = ()
    """What stands before there is something to read."""


def linked_roles(parent: Component) -> Iterator[pulumi.Resource]:
    """Create the two roles that DMS asks for by name, with AWS's policies, to write log events and to create network
    interfaces. They outlive the stack: every replication instance of the account needs them."""
    for role_name, policy in _LINKED.items():
        role = aws.iam.Role(
            f"{parent.name}-{role_name}",
            name=role_name,
            description="AWS DMS, for all of this account's replication instances",
            assume_role_policy=_trust(
                "dms.amazonaws.com", parent.context.account_id if role_name in _FOR_THIS_ACCOUNT else None
            ),
            opts=parent.child(retain_on_delete=True),
        )
        yield aws.iam.RolePolicyAttachment(
            f"{parent.name}-{role_name}",
            role=role.name,
            policy_arn=f"{parent.context.arn_start}:iam::aws:policy/service-role/{policy}",
            opts=parent.child(retain_on_delete=True),
        )


def login_role(parent: Component, logins: Sequence[Login]) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
    """Create the role that reads exactly these logins. The principal is the region's, without a condition; who names
    the role for an endpoint needs this account's leave to pass it on:
    https://docs.aws.amazon.com/dms/latest/userguide/security_iam_secretsmanager.html"""
    region = parent.context.region
    role = aws.iam.Role(
        f"{parent.name}-logins",
        description=f"{parent.name}: reads the logins of source and target",
        assume_role_policy=_trust(f"dms.{region}.amazonaws.com"),
        opts=parent.child(),
    )
    secrets = Statement(
        "Logins",
        ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
        [login.secret_arn for login in logins],
    )
    keys = [login.kms_key_arn for login in logins if login.kms_key_arn is not None]
    through = {"StringEquals": {"kms:ViaService": via_service("secretsmanager", region)}}
    statements = [secrets]
    if keys:
        # DMS looks at the key by itself, and has it used by Secrets Manager.
        statements += [
            Statement("DecryptLogins", ["kms:Decrypt"], keys, through),
            Statement("DescribeKeys", ["kms:DescribeKey"], keys),
        ]
    policy = aws.iam.RolePolicy(
        f"{parent.name}-logins", role=role.name, policy=policy_document(statements), opts=parent.child()
    )
    return role, policy


def _trust(service: str, account_id: pulumi.Input[str] | None = None) -> pulumi.Output[str]:
    """Return a role's trust in a service. ``account_id``: only on its behalf."""
    condition = {} if account_id is None else {"Condition": {"StringEquals": {"aws:SourceAccount": account_id}}}
    return policy_document(
        [
            {
                "Sid": "Assume",
                "Effect": "Allow",
                "Principal": {"Service": service},
                "Action": "sts:AssumeRole",
                **condition,
            }
        ]
    )
