"""What every plan of AWS Backup is made of: the role with which it works, and when."""

from __future__ import annotations

import pulumi_aws as aws

from groundwork.components.access import trust_policy
from groundwork.components.base import Component

# AWS keeps this policy in step with what Backup does to each kind of resource. It reaches all that Backup knows, so the role can be
# taken on by Backup alone, and the selections that name it name what they back up.
_POLICY = "iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup"


def backup_role(parent: Component, name: str, description: str) -> tuple[aws.iam.Role, aws.iam.RolePolicyAttachment]:
    """Create the role with which AWS Backup works, and return it with what it may, which a selection waits for."""
    role = aws.iam.Role(
        name,
        description=description,
        assume_role_policy=trust_policy("backup.amazonaws.com", parent.context.account_id),
        opts=parent.child(),
    )
    permission = aws.iam.RolePolicyAttachment(
        name, role=role.name, policy_arn=f"{parent.context.arn_start}:{_POLICY}", opts=parent.child()
    )
    return role, permission


def hours_after(backup_window: str, hours: int) -> tuple[int, int]:
    """Return hour and minute some hours after the end of the database's daily backup: RDS refuses a snapshot close to that.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/creating-a-backup-plan.html
    """
    hour, minute = (int(part) for part in backup_window.split("-")[1].split(":"))
    return (hour + hours) % 24, minute
