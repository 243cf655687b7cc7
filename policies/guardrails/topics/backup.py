"""Backups: what is in them, how long they are kept, and who could delete them."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource


@stack_rule(
    "File systems are backed up",
    "medium",
    kinds.FILE_SYSTEM,
    ids=("fsbp:EFS.2", "fsbp:EFS.7", "checkov:CKV2_AWS_18"),
    why="A file system has no versions: what a program deletes is gone.",
    fix="Declare an aws.efs.BackupPolicy with status ENABLED, or an aws.backup.Selection that names the file system.",
    levels=ADVISORY_IN_DEV,
)
def file_system_backed_up(system: Resource, stack: Stack) -> Messages:
    own = stack.referrers(system, "fileSystemId", kinds.FILE_SYSTEM_BACKUP)
    if any(policy.get("backupPolicy.status") == "ENABLED" for policy in own):
        return
    if not any(_selects(selection, system, stack) for selection in stack.of_type(kinds.BACKUP_SELECTION)):
        yield "no backup policy and no backup plan covers it"


@stack_rule(
    "Clusters of databases are in a backup plan",
    "low",
    kinds.DB_CLUSTER,
    ids=("checkov:CKV2_AWS_8",),
    why="Automatic backups end after 35 days and go with the cluster; a plan keeps them longer and elsewhere.",
    fix="Declare an aws.backup.Plan and an aws.backup.Selection that names the cluster.",
    stages=ONLY_PRODUCTION,
)
def database_cluster_in_plan(cluster: Resource, stack: Stack) -> Messages:
    if not any(_selects(selection, cluster, stack) for selection in stack.of_type(kinds.BACKUP_SELECTION)):
        yield "no backup plan covers it"


def _selects(selection: Resource, resource: Resource, stack: Stack) -> bool:
    """Tell whether a selection covers a resource, by its ARN or by one of its tags."""
    if resource in stack.targets(selection, "resources", resource.type):
        return True
    named = selection.node("resources").value
    if isinstance(named, list) and "*" in named:
        return True
    tags = resource.outputs.get("tagsAll") or resource.node("tags").value
    held = tags if isinstance(tags, dict) else {}
    return any(held.get(tag.get("key")) == tag.get("value") for tag in selection.items("selectionTags"))


@stack_rule(
    "Backup plans back something up",
    "medium",
    kinds.BACKUP_PLAN,
    ids=(),
    why="A plan without a selection looks like a backup and is none.",
    fix="Declare an aws.backup.Selection with the plan's id.",
)
def backup_plan_used(plan: Resource, stack: Stack) -> Messages:
    if not stack.referrers(plan, "planId", kinds.BACKUP_SELECTION):
        yield "no selection puts anything into it"


@resource_rule(
    "Backup plans say how long they keep",
    "low",
    kinds.BACKUP_PLAN,
    ids=(),
    why="Without an end backups are kept, and paid for, for ever.",
    fix="Set lifecycle.deleteAfter in every rule of the plan.",
)
def backup_plan_expires(plan: Resource) -> Messages:
    for rule in plan.items("rules"):
        if not rule.has("lifecycle.deleteAfter"):
            yield f"{rule.path} keeps its backups for ever (lifecycle.deleteAfter)"


@stack_rule(
    "Production backup vaults are locked",
    "low",
    kinds.BACKUP_VAULT,
    ids=(),
    why="Whoever encrypts the data for ransom deletes the backups first.",
    fix="Declare an aws.backup.VaultLockConfiguration for the vault.",
    stages=ONLY_PRODUCTION,
)
def backup_vault_locked(vault: Resource, stack: Stack) -> Messages:
    if not stack.referrers(vault, "backupVaultName", kinds.BACKUP_LOCK):
        yield "its backups can be deleted (no vault lock)"


@resource_rule(
    "Backup vaults are not deleted with their content",
    "medium",
    kinds.BACKUP_VAULT,
    ids=(),
    why="One removed line would then delete every backup in the vault.",
    fix="Remove forceDestroy.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.MANDATORY},
)
def backup_vault_kept(vault: Resource) -> Messages:
    if vault.truth("forceDestroy"):
        yield "destroying it deletes its backups (forceDestroy)"
