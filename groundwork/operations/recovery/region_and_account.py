"""A region or an account is lost: what copies there are elsewhere, how old they are, and what people do with them.

Nothing here changes anything. A platform in another region is a stack of its own, which `pulumi up` builds; its database is then got back as any
other.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import partial
from typing import Any

from groundwork.components.recovery.names import copied_buckets, vault_name
from groundwork.components.recovery.settings import RecoverySettings
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.backups import DataStoreKind, data_stores
from groundwork.operations.durations import lasting
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.progress import Progress
from groundwork.operations.recovery.database import TAG, restored_name
from groundwork.operations.recovery.model import Incident, RecoveryPlan, RecoveryStep
from groundwork.operations.tags import tagged
from groundwork.settings.facts import partition_of

_DAY = datetime.timedelta(days=1)
_DAILY = 2 * _DAY
"""How old a daily copy may be before something is wrong."""


def _recovery(incident: Incident) -> RecoverySettings:
    found = incident.account.settings.recovery
    if found is None:
        raise OperationError(f"{incident.account.stack.label} has no copies elsewhere; say recovery: {{region: …}}")
    return found


def plan_region(incident: Incident) -> RecoveryPlan:
    """Ask the other region, and no other, what copies it has."""
    recovery, account = _recovery(incident), incident.account
    databases = [one.id for one in data_stores(incident.resources) if one.kind is DataStoreKind.DATABASE]
    there = _Region(incident, recovery.region)
    moments = [there.moment(one) for one in databases]
    steps = [
        RecoveryStep(
            f"See what {recovery.region} has of {database}",
            f"aws rds describe-db-instance-automated-backups --region {recovery.region} --db-instance-identifier {database}",
            _saying(partial(there.database, database)),
        )
        for database in databases
    ]
    if _in_vaults(incident):
        steps.append(
            RecoveryStep(
                f"See which backups of volumes and files {recovery.region} has",
                f"aws backup list-recovery-points-by-backup-vault --region {recovery.region} --backup-vault-name {there.vault_start}…",
                _saying(there.vault),
            )
        )
    steps += [
        RecoveryStep(
            f"See that {key} has its copy in {recovery.region}",
            f"aws resourcegroupstaggingapi get-resources --region {recovery.region} --resource-type-filters s3",
            _saying(partial(there.bucket, key)),
        )
        for key in copied_buckets(account.settings)
    ]
    if not steps:
        raise OperationError(f"{account.stack.label} keeps nothing that would be copied")
    known = [one["LatestTime"] for one in moments if one]
    return RecoveryPlan(
        tuple(steps),
        min(known, default=None),
        note="Nothing is changed: this says what there is, and then what people do with it.",
        after=tuple(_rebuilding(incident, recovery, list(zip(databases, moments, strict=True)))),
    )


def _saying(answer: Callable[[], str]) -> Callable[[Progress], str]:
    return lambda _: answer()


def _in_vaults(incident: Incident) -> bool:
    """Tell whether AWS Backup copies something there."""
    plan = f"{incident.account.settings.platform.name}-recovery-region"
    return any(one.name == plan for one in incident.resources.of_type("aws:backup/plan:Plan"))


class _Region:
    """The other region, which answers when the stack's own does not."""

    def __init__(self, incident: Incident, region: str) -> None:
        self._incident, self._account, self._region = incident, incident.account, region
        [*vaults] = (
            one for one in incident.resources.of_type("aws:backup/vault:Vault") if one.inputs.get("region") == region
        )
        self.vault_start = vaults[0].name if vaults else ""

    def moment(self, identifier: str) -> dict[str, Any] | None:
        """Return the moments that a database can be restored to there, and the ARN of what holds them; None where there are none."""
        with plain_errors(f"asking {self._region} for backups of {identifier}"):
            pages = self._account.client("rds", self._region).get_paginator("describe_db_instance_automated_backups")
            found = [
                one
                for page in pages.paginate(DBInstanceIdentifier=identifier)
                for one in page["DBInstanceAutomatedBackups"]
                if (one.get("RestoreWindow") or {}).get("LatestTime")
                and one["DBInstanceArn"].split(":")[3] == self._account.settings.region
            ]
        if not found:
            return None
        newest = max(found, key=lambda one: one["RestoreWindow"]["LatestTime"])
        return {**newest["RestoreWindow"], "arn": newest.get("DBInstanceAutomatedBackupsArn", "")}

    def database(self, identifier: str) -> str:
        """Say how far back and how far forward it can be restored."""
        found = self.moment(identifier)
        if found is None:
            raise NotFoundError(
                f"{self._region} has no backups of {identifier}: they come within hours of the pulumi up that says recovery; "
                "RDS tells of trouble in the database's events"
            )
        newest, oldest = found["LatestTime"], found.get("EarliestTime")
        since = f", back to {oldest:%Y-%m-%d}" if oldest else ""
        return f"any moment up to {newest:%Y-%m-%d %H:%M:%S} UTC, {lasting(newest, self._incident.now)} ago{since}"

    def vault(self) -> str:
        """Say how old the newest backup of each volume and file system is."""
        arn = self._by_name("backup:backup-vault").get(self.vault_start)
        if arn is None:
            raise NotFoundError(f"{self._region} has no vault {self.vault_start}; run pulumi up first")
        with plain_errors(f"asking {self._region} for backups"):
            pages = self._account.client("backup", self._region).get_paginator("list_recovery_points_by_backup_vault")
            points = [
                one
                for page in pages.paginate(BackupVaultName=arn.rpartition(":")[2])
                for one in page["RecoveryPoints"]
                if one["Status"] == "COMPLETED"
            ]
        newest: dict[str, datetime.datetime] = {}
        for one in points:
            kept = newest.get(one["ResourceArn"])
            newest[one["ResourceArn"]] = max(kept or one["CreationDate"], one["CreationDate"])
        if not newest:
            raise NotFoundError(
                f"the vault in {self._region} is empty: the first copies come in the night after pulumi up"
            )
        oldest = min(newest.values())
        if self._incident.now - oldest > _DAILY:
            raise OperationError(
                f"the newest copy of something in {self._region} is {lasting(oldest, self._incident.now)} old, and there should be one each day; "
                f"why: aws backup list-copy-jobs --by-state FAILED --region {self._account.settings.region}"
            )
        return f"{len(points)} backups of {len(newest)} things, each newest {lasting(oldest, self._incident.now)} old at most"

    def bucket(self, key: str) -> str:
        """Say what the copy of a bucket is called."""
        name = self._copy_of(key)
        arn = self._by_name("s3").get(name)
        if arn is None:
            raise NotFoundError(f"{self._region} has no copy of {key} ({name}); run pulumi up first")
        return f"{arn.rpartition(':')[2]}; whether all of it is there: aws s3api head-object says ReplicationStatus of each object"

    def _copy_of(self, key: str) -> str:
        """Return what the program calls the copy of a bucket: what the bucket's own rule leads to."""
        way = f"{self._account.settings.platform.name}-recovery-{key}"
        rules = next(
            one.inputs["rules"]
            for one in self._incident.resources.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
            if one.name == way
        )
        goals = {rule["destination"]["bucket"] for rule in rules}
        return next(
            one.name
            for one in self._incident.resources.of_type("aws:s3/bucket:Bucket")
            if one.outputs.get("arn") in goals
        )

    def _by_name(self, kind: str) -> dict[str, str]:
        """Return ARNs of the stack's own there, by the tag ``Name``."""
        return {tags.get("Name", ""): arn for arn, tags in tagged(self._account, self._region, [kind]).items()}


def _rebuilding(
    incident: Incident, recovery: RecoverySettings, moments: list[tuple[str, dict[str, Any] | None]]
) -> list[str]:
    """Return what people do when the region does not come back soon enough."""
    account, region = incident.account, recovery.region
    stack = account.stack.name
    lines = [
        "When the region is not back soon enough, and somebody has decided so:",
        f"1. Copy Pulumi.{stack}.yaml to Pulumi.{stack}-{region}.yaml; say aws:region: {region}, take recovery out, and leave edge.zone and "
        "certificates as docs/recovery.md says.",
        f"2. pulumi stack init {stack}-{region}, then pulumi up --stack {stack}-{region}. Where Pulumi's state is in the lost region, take the copy that "
        "your backend has elsewhere.",
        f"3. Fill secrets, and bring images: groundwork deploy {stack}-{region} SERVICE for each; groundwork publish for static files.",
    ]
    for identifier, found in moments:
        if found is None:
            continue
        lines += [
            f"4. The database, in place of the empty one that pulumi up made ({identifier}):",
            f"   aws rds restore-db-instance-to-point-in-time --region {region} --use-latest-restorable-time \\",
            f"     --source-db-instance-automated-backups-arn {found['arn']} \\",
            f"     --target-db-instance-identifier {restored_name(identifier)} --db-subnet-group-name … --vpc-security-group-ids … \\",
            f"     --tags Key={TAG},Value={found['LatestTime'].isoformat(timespec='seconds')}",
            f"   groundwork recover {stack}-{region} database     # takes it up: swaps, logs services in, looks",
            "   It keeps the key of the copies, and another one would replace it: say so in "
            f"Pulumi.{stack}-{region}.transform.py before the pulumi up that follows (docs/recovery.md has it).",
        ]
    lines += [
        "5. Objects: aws s3 sync from each copy to the new stack's bucket; volumes and files: aws backup start-restore-job from the vault there.",
        f"6. The domain leads to {stack}-{region}: move edge.zone to it, and pulumi up.",
    ]
    return lines


def plan_account(incident: Incident) -> RecoveryPlan:
    """See when something was last copied to the other account; what is there only that account can say."""
    recovery, account = _recovery(incident), incident.account
    if recovery.account is None:
        raise OperationError(f"{account.stack.label} has no copies in another account; say recovery.account")
    region = account.settings.region
    vault = vault_name(account.settings.platform, region)
    arn = f"arn:{partition_of(region).name}:backup:{region}:{recovery.account}:backup-vault:{vault}"
    newest = _newest_copies(account, arn)
    until = min(newest.values(), default=None)

    def copied(_: Progress) -> str:
        if not newest:
            raise NotFoundError(
                f"nothing was copied to {vault} in {recovery.account} yet: the first copies come in the night after pulumi up; whether they fail: "
                f"aws backup list-copy-jobs --by-state FAILED --region {region}"
            )
        oldest = min(newest.values())
        if incident.now - oldest > _DAILY:
            raise OperationError(
                f"the newest copy of something in {recovery.account} is {lasting(oldest, incident.now)} old, and there should be one each day; why: "
                f"aws backup list-copy-jobs --by-state FAILED --region {region}"
            )
        return f"{len(newest)} things were copied, each {lasting(oldest, incident.now)} ago at most"

    return RecoveryPlan(
        (
            RecoveryStep(
                f"See when something was last copied to {recovery.account}",
                f"aws backup list-copy-jobs --by-state COMPLETED --by-destination-vault-arn {arn}",
                copied,
            ),
        ),
        until,
        note="Nothing is changed: this says what there is, and then what people do with it.",
        after=(
            "When the stack's own account is lost, whoever looks after the other one:",
            f"1. lists what it has: aws backup list-recovery-points-by-backup-vault --region {region} --backup-vault-name {vault}",
            "2. restores there (aws backup start-restore-job, with a role of that account), or copies it back into a vault of a new account "
            "of the organization (aws backup start-copy-job), which must admit it by its policy.",
            "3. Objects are in the buckets that the template made; aws s3 sync brings them to new ones.",
            "A stack in the new account is the same stack file with its aws:allowedAccountIds.",
        ),
    )


def _newest_copies(account: StackAccount, arn: str) -> dict[str, datetime.datetime]:
    newest: dict[str, datetime.datetime] = {}
    with plain_errors("asking AWS Backup for its copies"):
        pages = account.client("backup").get_paginator("list_copy_jobs")
        for page in pages.paginate(ByState="COMPLETED", ByDestinationVaultArn=arn):
            for one in page["CopyJobs"]:
                kept = newest.get(one["ResourceArn"])
                newest[one["ResourceArn"]] = max(kept or one["CompletionDate"], one["CompletionDate"])
    return newest
