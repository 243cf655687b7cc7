"""Copies of what the platform keeps: in another region, and by choice in another account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Metric, alarm
from groundwork.components.backing_up import backup_role, hours_after
from groundwork.components.base import Component, fit
from groundwork.components.context import Context
from groundwork.components.keys import customer_key
from groundwork.components.recovery.buckets import CopiedBucket, copy_buckets
from groundwork.components.recovery.names import key_alias, vault_name
from groundwork.components.recovery.settings import RecoverySettings

_LOCAL_DAYS = 7
"""Days that what a copy is made from is kept beside the original, which has daily backups of its own."""
_HOURS_AFTER = 4
"""Hours after the database's daily backup, two after its monthly archive."""
_USUAL_WINDOW = "03:00-04:00"
_LONGEST_VAULT = 42
"""50 characters less the eight of an automatic name: https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html"""


@dataclass(frozen=True)
class CopiedDatabase:
    """A database to copy."""

    arn: pulumi.Output[str]
    retention_days: int
    backup_window: str


@dataclass(frozen=True)
class Kept:
    """What a platform keeps that is nowhere else."""

    database: CopiedDatabase | None = None
    volumes: Sequence[pulumi.Output[str]] = ()
    """ARNs of volumes of EBS."""
    file_systems: Sequence[pulumi.Output[str]] = ()
    """ARNs of file systems of EFS."""
    buckets: Mapping[str, CopiedBucket] | None = None

    @property
    def in_vaults(self) -> list[pulumi.Output[str]]:
        """Return what has no copy but by AWS Backup."""
        return [*self.volumes, *self.file_systems]


class Recovery(Component):
    """Copies for the day on which a region or an account is lost.

    Builds: a key in the other region; there RDS keeps a copy of the database's automated backups, log by log, so that it can be
    restored to any moment; each bucket has a copy there that S3 fills, with a role for all of them; volumes and file systems are backed
    up each day by AWS Backup, and copied to a locked vault there. With an account, a second plan copies those and the database to the
    vault of that account, in the stack's own region, and S3 fills buckets there; what that account needs is a template
    (``docs/recovery.md``). Alarms tell of a backup or a copy that failed.

    Two destinations and not one that is both: AWS Backup copies RDS to another region or to another account, not to both at once
    (https://docs.aws.amazon.com/aws-backup/latest/devguide/recov-point-create-a-copy.html), and RDS keeps moments for its own account alone
    (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReplicateBackups.html).

    Cost: the copies' gigabytes and once their way, about $0.02 a gigabyte; $1 a month for each key; $1 for what S3 counts of each bucket's copy.

    Fails: a copy job without permission fails, and its alarm rings; so does one for objects that S3 could not copy, which say so themselves
    too (``ReplicationStatus: FAILED``). What was in a bucket before is not copied by itself.

    Changes without replacement: region, account, days; copies of before stay where they are, in prod also when ``recovery`` is taken
    out. The originals are never touched.
    """

    layer = "recovery"

    copies: dict[str, pulumi.Input[str]]
    """Where the copies are: the region, and by bucket the name of its copy there."""

    def __init__(
        self,
        name: str,
        settings: RecoverySettings,
        context: Context,
        *,
        kept: Kept,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create copies of what is ``kept``."""
        super().__init__(name, context, opts)
        self._settings = settings
        there = f"{name}-{settings.region}"
        key = customer_key(
            self,
            settings.region,
            key_alias(context.platform, context.region),
            [],
            region=settings.region,
            opts=self._outlasting(),
        )
        if kept.database is not None:
            aws.rds.InstanceAutomatedBackupsReplication(
                f"{there}-database",
                source_db_instance_arn=kept.database.arn,
                kms_key_id=key.arn,
                retention_period=kept.database.retention_days,
                region=settings.region,
                opts=self.child(),
            )
        self._vaults(kept, key)
        self.copies = {"region": settings.region}
        if kept.buckets:
            self.copies |= copy_buckets(self, settings, kept.buckets, key.arn)
        self.register_outputs({"copies": self.copies})

    def _outlasting(self) -> pulumi.ResourceOptions:
        """Return options for what holds copies: in prod it stays in the account whatever becomes of the stack."""
        return self.child(retain_on_delete=self.context.is_prod or None)

    def _vaults(self, kept: Kept, key: aws.kms.Key) -> None:
        settings, context = self._settings, self.context
        with_account = [kept.database.arn, *kept.in_vaults] if kept.database else kept.in_vaults
        wanted: dict[str, Sequence[pulumi.Output[str]]] = {"region": kept.in_vaults}
        if settings.account:
            wanted["account"] = with_account
        wanted = {goal: arns for goal, arns in wanted.items() if arns}
        if not wanted:
            return
        local = self._vault(self.name, context.key_arn("data"), days=_LOCAL_DAYS)
        role, permission = backup_role(self, self.name, "AWS Backup copies what the platform keeps")
        for goal, arns in wanted.items():
            plan = self._plan(goal, local, self._destination(goal, key), kept)
            aws.backup.Selection(
                f"{self.name}-{goal}",
                plan_id=plan.id,
                iam_role_arn=role.arn,
                resources=arns,
                opts=self.child(depends_on=[permission]),
            )
        for what, metric in _FAILURES.items():
            alarm(
                self,
                f"{what}-failed",
                Metric("AWS/Backup", metric, {"BackupVaultName": local.name}, "Sum"),
                threshold=1,
                comparison="GreaterThanOrEqualToThreshold",
                period=3600,
                periods=1,
                missing="notBreaching",
                description=f"A {what} for another region or account failed. AWS Backup says why: aws backup list-{what}-jobs "
                "--by-state FAILED. Until the next one succeeds, a recovery there loses a day more.",
            )

    def _destination(self, goal: str, key: aws.kms.Key) -> pulumi.Input[str]:
        settings, context = self._settings, self.context
        if goal == "region":
            there = f"{self.name}-{settings.region}"
            return self._vault(there, key.arn, days=settings.keep_days, region=settings.region).arn
        name = vault_name(context.platform, context.region)
        return f"{context.arn_start}:backup:{context.region}:{settings.account}:backup-vault:{name}"

    def _vault(
        self, name: str, key_arn: pulumi.Input[str], *, days: int, region: str | None = None
    ) -> aws.backup.Vault:
        """Create a vault; in prod what is in it cannot be deleted before its time but by whom IAM lets take the lock off."""
        vault = aws.backup.Vault(
            fit(name, _LONGEST_VAULT),
            kms_key_arn=key_arn,
            force_destroy=not self.context.is_prod,
            region=region,
            opts=self._outlasting(),
        )
        if self.context.is_prod:
            aws.backup.VaultLockConfiguration(
                name, backup_vault_name=vault.name, min_retention_days=days, region=region, opts=self._outlasting()
            )
        return vault

    def _plan(self, goal: str, local: aws.backup.Vault, destination: pulumi.Input[str], kept: Kept) -> aws.backup.Plan:
        hour, minute = hours_after(kept.database.backup_window if kept.database else _USUAL_WINDOW, _HOURS_AFTER)
        return aws.backup.Plan(
            f"{self.name}-{goal}",
            rules=[
                aws.backup.PlanRuleArgs(
                    rule_name="daily",
                    target_vault_name=local.name,
                    schedule=f"cron({minute} {hour} * * ? *)",
                    schedule_expression_timezone=self.context.platform.timezone,
                    start_window=60,
                    completion_window=720,
                    lifecycle=aws.backup.PlanRuleLifecycleArgs(delete_after=_LOCAL_DAYS),
                    copy_actions=[
                        aws.backup.PlanRuleCopyActionArgs(
                            destination_vault_arn=destination,
                            lifecycle=aws.backup.PlanRuleCopyActionLifecycleArgs(delete_after=self._settings.keep_days),
                        )
                    ],
                )
            ],
            opts=self.child(),
        )


_FAILURES = {"backup": "NumberOfBackupJobsFailed", "copy": "NumberOfCopyJobsFailed"}
"""https://docs.aws.amazon.com/aws-backup/latest/devguide/cloudwatch.html"""
