"""Document and graph databases (DocumentDB and Neptune): encrypted, recoverable, logged, TLS only.

They share the API of RDS, but not all its properties. Absence is read as pulumi-aws 7 documents it. A snapshot of theirs
cannot be shared by a program, and is encrypted as its cluster is.
"""

from __future__ import annotations

from guardrails import kinds
from guardrails.parameter_groups import parameter, parameter_groups
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_WEEK = 7
"""Days that DocumentDB.2 and Neptune.5 ask for."""
_CLUSTERS = (kinds.DOCDB, kinds.NEPTUNE)
_GLOBAL = (kinds.aws("docdb/GlobalCluster"), kinds.aws("neptune/GlobalCluster"))
_LOG_EXPORTS = {kinds.DOCDB: "enabledCloudwatchLogsExports", kinds.NEPTUNE: "enableCloudwatchLogsExports"}
_PARAMETERS = {
    kinds.DOCDB: ("dbClusterParameterGroupName", kinds.DOCDB_PARAMETERS),
    kinds.NEPTUNE: ("neptuneClusterParameterGroupName", kinds.NEPTUNE_PARAMETERS),
}
"""For each engine: the property that names its group of parameters, and the group's type."""
_AUDIT = {
    kinds.DOCDB: ("audit_logs", ("disabled", "none")),
    kinds.NEPTUNE: ("neptune_enable_audit_log", ("0",)),
}
"""For each engine: the parameter that writes the audit log, and the values that write none; the first is the default (DocumentDB developer guide, "Auditing Amazon DocumentDB events"; Neptune
user guide, "Using audit logs with Amazon Neptune clusters")."""
_TLS = {"enabled", "tls1.2+", "tls1.3+", "fips-140-3"}
"""Values of DocumentDB's parameter tls that insist on it; enabled is the default (developer guide, "Managing Amazon
DocumentDB cluster TLS settings"). Neptune takes only TLS since engine 1.0.4.0."""


@resource_rule(
    "Document and graph databases are encrypted at rest",
    "high",
    *_CLUSTERS,
    *_GLOBAL,
    ids=(
        "fsbp:DocumentDB.1",
        "fsbp:Neptune.1",
        "fsbp:Neptune.6",
        "checkov:CKV_AWS_74",
        "checkov:CKV_AWS_44",
        "checkov:CKV_AWS_279",
        "checkov:CKV_AWS_292",
    ),
    why="Storage, backups and snapshots of an unencrypted cluster can be read wherever they are copied to.",
    fix="Set storageEncrypted to true. An existing cluster has to be restored from its snapshot.",
)
def document_database_encrypted(cluster: Resource) -> Messages:
    # Copies have it from what they are made of; an elastic cluster is always encrypted.
    copied = any(cluster.has(path) for path in ("sourceDbClusterIdentifier", "replicationSourceIdentifier"))
    if not copied and not cluster.truth("storageEncrypted"):
        yield "its storage is not encrypted (storageEncrypted)"


@resource_rule(
    "Document and graph databases keep a week of backups",
    "medium",
    *_CLUSTERS,
    kinds.DOCDB_ELASTIC,
    ids=("fsbp:DocumentDB.2", "fsbp:Neptune.5", "checkov:CKV_AWS_360", "checkov:CKV_AWS_361"),
    why="A wrong write is often noticed only after the weekend.",
    fix="Set backupRetentionPeriod to 7 days or more.",
    levels=ADVISORY_IN_DEV,
)
def document_database_backups(cluster: Resource) -> Messages:
    days = cluster.number("backupRetentionPeriod")
    if days < _WEEK:
        yield f"it keeps {days} day{'' if days == 1 else 's'} of backups (backupRetentionPeriod)"


@resource_rule(
    "Production document and graph databases are protected from deletion",
    "medium",
    *_CLUSTERS,
    ids=("fsbp:DocumentDB.5", "fsbp:Neptune.4", "checkov:CKV2_AWS_58"),
    why="It makes deleting the database two steps, so that it does not happen by a slip.",
    fix="Set deletionProtection to true.",
    stages=ONLY_PRODUCTION,
)
def document_database_deletion_protection(cluster: Resource) -> Messages:
    if not cluster.truth("deletionProtection"):
        yield "deletion protection is off (deletionProtection)"


@resource_rule(
    "Production document and graph databases leave a snapshot behind",
    "medium",
    *_CLUSTERS,
    ids=(),
    why="A deletion by mistake takes the automatic backups with it; the last snapshot is what is left.",
    fix="Set skipFinalSnapshot to false and name a finalSnapshotIdentifier.",
    stages=ONLY_PRODUCTION,
)
def document_database_final_snapshot(cluster: Resource) -> Messages:
    if cluster.truth("skipFinalSnapshot"):
        yield "its deletion leaves no snapshot (skipFinalSnapshot)"


@resource_rule(
    "Document and graph databases send their audit log to CloudWatch",
    "medium",
    *_CLUSTERS,
    ids=("fsbp:DocumentDB.4", "fsbp:Neptune.2", "checkov:CKV_AWS_85", "checkov:CKV_AWS_101"),
    why="Failed logins and dropped collections are seen only if the log leaves the instance.",
    fix='Set enabledCloudwatchLogsExports (Neptune: enableCloudwatchLogsExports) to ["audit"].',
    levels=ADVISORY_IN_DEV,
)
def document_database_log_export(cluster: Resource) -> Messages:
    path = _LOG_EXPORTS[cluster.type]
    if "audit" not in cluster.strings(path):
        yield f"it does not export its audit log ({path})"


@stack_rule(
    "Document and graph databases write an audit log",
    "medium",
    *_CLUSTERS,
    ids=("fsbp:DocumentDB.4", "fsbp:Neptune.2", "checkov:CKV_AWS_104"),
    why="Exporting the audit log does nothing while the engine writes none.",
    fix="Set audit_logs to enabled (Neptune: neptune_enable_audit_log to 1) in its cluster parameter group.",
    levels=ADVISORY_IN_DEV,
)
def document_database_audit(cluster: Resource, stack: Stack) -> Messages:
    name, silent = _AUDIT[cluster.type]
    if _effective(cluster, stack, name, silent[0]).lower() in silent:
        yield f"its engine writes no audit log ({name})"


@stack_rule(
    "Document databases refuse connections without TLS",
    "high",
    kinds.DOCDB,
    ids=("fsbp:DocumentDB.6", "checkov:CKV_AWS_90"),
    why="Passwords and documents cross the network in clear when a client forgets TLS and the server does not insist.",
    fix="Remove tls: disabled from its cluster parameter group.",
)
def document_database_tls(cluster: Resource, stack: Stack) -> Messages:
    value = _effective(cluster, stack, "tls", "enabled")
    if value.lower() not in _TLS:
        yield f"it accepts connections without TLS (tls is {value})"


def _effective(cluster: Resource, stack: Stack, name: str, usual: str) -> str:
    """Return what the cluster's parameter group sets a parameter to, ``usual`` where it does not or is AWS's own."""
    groups = parameter_groups(cluster, stack, *_PARAMETERS[cluster.type])
    values = [value for group in groups if (value := parameter(group, name)) is not None]
    return values[-1] if values else usual


@resource_rule(
    "Graph databases have no public address",
    "critical",
    kinds.NEPTUNE_INSTANCE,
    kinds.GRAPH,
    ids=("checkov:CKV_AWS_102",),
    why="A database on the internet is scanned and attacked at once.",
    fix="Set publiclyAccessible (of a graph: publicConnectivity) to false; reach it from inside the VPC.",
)
def graph_database_not_public(database: Resource) -> Messages:
    path = "publicConnectivity" if database.type == kinds.GRAPH else "publiclyAccessible"
    if database.truth(path):
        yield f"it can be reached from the internet ({path})"


@resource_rule(
    "Graph databases ask who connects",
    "medium",
    kinds.NEPTUNE,
    ids=("fsbp:Neptune.7", "checkov:CKV_AWS_359"),
    why="Neptune knows no passwords: without IAM whoever reaches its port may read and delete everything.",
    fix="Set iamDatabaseAuthenticationEnabled to true, and sign requests with Signature Version 4.",
)
def graph_database_authenticated(cluster: Resource) -> Messages:
    if not cluster.truth("iamDatabaseAuthenticationEnabled"):
        yield "it asks nobody who he is (iamDatabaseAuthenticationEnabled)"


@resource_rule(
    "Snapshots of graph databases carry the tags of their cluster",
    "low",
    kinds.NEPTUNE,
    ids=("fsbp:Neptune.8", "checkov:CKV_AWS_362"),
    why="Who owns a snapshot, and what it costs whom, is otherwise not known once the cluster is gone.",
    fix="Set copyTagsToSnapshot to true.",
)
def graph_database_tags_on_snapshots(cluster: Resource) -> Messages:
    if not cluster.truth("copyTagsToSnapshot"):
        yield "its snapshots have no tags (copyTagsToSnapshot)"


@resource_rule(
    "Graph databases take minor version upgrades by themselves",
    "medium",
    kinds.NEPTUNE_INSTANCE,
    ids=(),
    why="Minor versions carry the security fixes.",
    fix="Leave autoMinorVersionUpgrade on; it happens in the maintenance window.",
)
def graph_database_minor_upgrades(instance: Resource) -> Messages:
    if not instance.truth("autoMinorVersionUpgrade", default=True):
        yield "automatic minor version upgrades are off (autoMinorVersionUpgrade)"
