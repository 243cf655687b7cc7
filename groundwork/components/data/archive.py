"""A snapshot each month that outlives the automated backups."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.backing_up import backup_role, hours_after
from groundwork.components.base import Component
from groundwork.components.data.settings import ArchiveSettings, DataSettings


def archive(
    parent: Component,
    settings: DataSettings,
    archive_settings: ArchiveSettings,
    instance_arn: pulumi.Output[str],
) -> None:
    """Create vault, plan and selection of AWS Backup, in the platform's time zone."""
    name = f"{parent.name}-archive"
    context = parent.context
    vault = aws.backup.Vault(
        name,
        kms_key_arn=parent.context.key_arn("data"),
        force_destroy=not context.is_prod,
        # What is in it outlasts the stack, as final snapshots do.
        opts=parent.stateful(retain_on_delete=context.is_prod or None),
    )
    plan = aws.backup.Plan(
        name,
        rules=[
            aws.backup.PlanRuleArgs(
                rule_name="monthly",
                target_vault_name=vault.name,
                schedule=schedule(settings.backup.window),
                schedule_expression_timezone=context.platform.timezone,
                start_window=60,
                completion_window=720,
                lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=archive_settings.months * 31),
            )
        ],
        opts=parent.child(),
    )
    role, permission = backup_role(parent, name, "AWS Backup archives the database")
    aws.backup.Selection(
        name,
        plan_id=plan.id,
        iam_role_arn=role.arn,
        resources=[instance_arn],
        opts=parent.child(depends_on=[permission]),
    )


def schedule(backup_window: str) -> str:
    """Return a cron expression for the first of the month, two hours after the daily backup."""
    hour, minute = hours_after(backup_window, 2)
    return f"cron({minute} {hour} 1 * ? *)"
