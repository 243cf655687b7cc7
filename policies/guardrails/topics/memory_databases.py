"""MemoryDB: TLS only, for users who prove who they are and may do only what they need, recoverable."""

from __future__ import annotations

import re

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule
from guardrails.view import Resource

_OPEN_ACL = "open-access"
"""The list that AWS makes, whose one user has no password and may do everything (MemoryDB developer guide, "Authenticating
users with Access Control Lists")."""
_EVERYTHING = re.compile(r"(^|\s)(\+@all|allcommands)(\s|$)")
_TAKEN_BACK = re.compile(r"(^|\s)-@(all|admin|dangerous)(\s|$)")


@resource_rule(
    "Memory databases are encrypted in transit",
    "high",
    kinds.MEMORYDB,
    ids=("checkov:CKV_AWS_202",),
    why="Without TLS there are no users either: whoever reaches the port reads everything.",
    fix="Remove tlsEnabled: false; the cluster is replaced.",
)
def memorydb_tls(cluster: Resource) -> Messages:
    if not cluster.truth("tlsEnabled", default=True):
        yield "it takes connections without TLS (tlsEnabled)"


@resource_rule(
    "Memory databases ask who connects",
    "high",
    kinds.MEMORYDB,
    ids=(),
    why="The list open-access lets everybody in who reaches the port, and lets him do everything.",
    fix="Declare an aws.memorydb.Acl with users of yours, and name it in aclName.",
)
def memorydb_authenticated(cluster: Resource) -> Messages:
    if cluster.get("aclName", _OPEN_ACL) == _OPEN_ACL:
        yield f"it asks nobody who he is (aclName is {_OPEN_ACL})"


@resource_rule(
    "Users of memory databases do not administer them",
    "medium",
    kinds.MEMORYDB_USER,
    ids=(),
    why="Whoever takes over the application could drop every key, or change the settings.",
    fix='Take rights back in accessString: for example "on ~orders:* +@all -@admin -@dangerous".',
    levels=ADVISORY_IN_DEV,
)
def memorydb_user_limited(user: Resource) -> Messages:
    rights = str(user.get("accessString", ""))
    if _EVERYTHING.search(rights) and not _TAKEN_BACK.search(rights):
        yield "it may do everything (accessString)"


@resource_rule(
    "Memory databases take minor version upgrades by themselves",
    "medium",
    kinds.MEMORYDB,
    ids=(),
    why="Minor versions carry the security fixes.",
    fix="Leave autoMinorVersionUpgrade on; it happens in the maintenance window.",
)
def memorydb_minor_upgrades(cluster: Resource) -> Messages:
    if not cluster.truth("autoMinorVersionUpgrade", default=True):
        yield "automatic minor version upgrades are off (autoMinorVersionUpgrade)"


@resource_rule(
    "Production memory databases keep snapshots",
    "medium",
    kinds.MEMORYDB,
    ids=(),
    why="Its log outlives a zone, and not a wrong command: that is undone only from a snapshot.",
    fix="Set snapshotRetentionLimit to some days.",
    stages=ONLY_PRODUCTION,
)
def memorydb_snapshots(cluster: Resource) -> Messages:
    if cluster.number("snapshotRetentionLimit", 0) == 0:
        yield "it keeps no snapshots (snapshotRetentionLimit)"
