"""Relational databases: no public address, encrypted, recoverable, no password in the program."""

from __future__ import annotations

import re

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.parameter_groups import parameter, parameter_groups
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource, UndeterminedError

WEEK = 7
_TLS_PARAMETERS = {
    "postgres": "rds.force_ssl",
    "aurora-postgresql": "rds.force_ssl",
    "sqlserver": "rds.force_ssl",
    "mysql": "require_secure_transport",
    "aurora-mysql": "require_secure_transport",
    "mariadb": "require_secure_transport",
    "db2": "db2comm",
}
_ON = ("1", "on", "true", "ssl")
"""What the parameters say then; Db2 names the protocols it speaks (RDS user guide, "Using SSL/TLS with an Amazon RDS for Db2")."""
_TLS_BY_DEFAULT = {"postgres": (15,), "aurora-postgresql": (17,), "mariadb": (11, 8), "mysql": (9, 7)}
"""Versions from which the parameter is on unless set otherwise (RDS user guide, "Using SSL with a PostgreSQL DB instance" and
"Requiring SSL/TLS for all connections" to a MySQL and to a MariaDB DB instance; Aurora user guide, "Security with Aurora
PostgreSQL")."""
_VERSION_UNSAID = {"postgres": "17", "mysql": "8.4"}
"""What RDS makes of a database that names no version, as of 2026 (DescribeDBEngineVersions with DefaultOnly); only where every
version that it may be answers alike."""
_LOGS = {
    "postgres": {"postgresql"},
    "aurora-postgresql": {"postgresql", "instance"},
    "mysql": {"error", "audit", "general", "slowquery"},
    "mariadb": {"error", "audit", "general", "slowquery"},
    "aurora-mysql": {"audit"},
    "sqlserver": {"error", "agent"},
}
"""At least one of these has to be exported (RDS.9, RDS.34, RDS.36, RDS.37, RDS.40, RDS.42)."""
_PORTS = {"postgres": 5432, "aurora-postgresql": 5432, "mysql": 3306, "mariadb": 3306, "aurora-mysql": 3306}
_USUAL_NAMES = {"admin", "administrator", "awsuser", "master", "postgres", "root", "sa", "system", "user"}
_OLD_AUTHORITIES = {"rds-ca-2015", "rds-ca-2019"}
_QUERY_LOG = {"log_statement": {"ddl", "mod", "all"}, "log_min_duration_statement": None}
"""Parameters that make PostgreSQL log statements, with the values that do; None for any that is not -1."""


def _copies_another(database: Resource) -> bool:
    return database.has("replicateSourceDb") or database.has("replicationSourceIdentifier")


@resource_rule(
    "Databases have no public address",
    "critical",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.2", "checkov:CKV_AWS_17", "cis:v3.0.0/2.3.3"),
    why="A database on the internet is scanned and attacked at once, and its security group is then the only lock.",
    fix="Set publiclyAccessible to false; reach it from inside the VPC or through a Session Manager tunnel.",
)
def rds_not_public(database: Resource) -> Messages:
    if database.truth("publiclyAccessible", default=_in_default_vpc(database)):
        yield "it has a public address (publiclyAccessible)"


def _in_default_vpc(database: Resource) -> bool:
    """Tell whether it is a Multi-AZ cluster without subnets of its own, to which RDS gives public addresses unless told
    otherwise (aws.rds.Cluster, ``publiclyAccessible``)."""
    if database.type != kinds.DB_CLUSTER or not database.has("dbClusterInstanceClass"):
        return False
    return not database.has("dbSubnetGroupName") or (
        database.known("dbSubnetGroupName") and database.get("dbSubnetGroupName") == "default"
    )


@resource_rule(
    "Databases are encrypted at rest",
    "high",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=(
        "fsbp:RDS.3",
        "fsbp:RDS.27",
        "checkov:CKV_AWS_16",
        "checkov:CKV_AWS_96",
        "checkov:CKV_AWS_327",
        "cis:v3.0.0/2.3.1",
    ),
    why="Storage, snapshots, logs and replicas of an unencrypted database can be read wherever they are copied to.",
    fix="Set storageEncrypted to true. An existing database has to be restored from an encrypted copy of its snapshot.",
)
def rds_encrypted(database: Resource) -> Messages:
    if not _copies_another(database) and not _is_encrypted(database):
        yield "its storage is not encrypted"


def _is_encrypted(database: Resource) -> bool:
    """Tell whether it is encrypted. Aurora Serverless v1 encrypts always (Aurora user guide, "How Aurora Serverless v1
    works"; the provider's default too)."""
    return database.get("engineMode") == "serverless" or database.truth("storageEncrypted")


@resource_rule(
    "Databases are encrypted with a customer-managed key",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("checkov:CKV_AWS_327",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in kmsKeyId.",
    levels=ADVISORY_IN_DEV,
)
def rds_customer_key(database: Resource) -> Messages:
    # Where nothing is encrypted the rule rds-encrypted says so.
    if _copies_another(database) or not _is_encrypted(database):
        return
    if not names_customer_key(database, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


@resource_rule(
    "Production databases leave a snapshot behind",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=(),
    why="A deletion by mistake takes the automated backups with it; the last snapshot is what is left.",
    fix="Set skipFinalSnapshot to false and name a finalSnapshotIdentifier.",
    stages=ONLY_PRODUCTION,
)
def rds_final_snapshot(database: Resource) -> Messages:
    # An instance of a cluster has no storage, and a replica's data stands elsewhere.
    if _copies_another(database) or database.has("clusterIdentifier"):
        return
    if database.truth("skipFinalSnapshot"):
        yield "its deletion leaves no snapshot (skipFinalSnapshot)"


@stack_rule(
    "Databases refuse connections without TLS",
    "high",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.41", "fsbp:RDS.44", "securityhub:RDS.38", "securityhub:RDS.39", "checkov:CKV2_AWS_69"),
    why="Passwords and data cross the network in clear when a client forgets TLS and the server does not insist.",
    fix="Set rds.force_ssl to 1 (PostgreSQL, SQL Server) or require_secure_transport to ON (MySQL, MariaDB) in its parameter group.",
)
def rds_tls_forced(database: Resource, stack: Stack) -> Messages:
    if _copies_another(database):
        return
    path, kind = (
        ("dbClusterParameterGroupName", kinds.DB_CLUSTER_PARAMETERS)
        if database.type == kinds.DB_CLUSTER
        else ("parameterGroupName", kinds.DB_PARAMETERS)
    )
    groups = stack.targets(database, path, kind)
    engine = _engine_of(database, groups)
    parameter = next((name for start, name in _TLS_PARAMETERS.items() if engine.startswith(start)), None)
    if parameter is None:
        return
    if not groups:
        named = _declared_or_exported(database, path)
        if named and not named.startswith("default."):
            raise UndeterminedError(path, "not of this stack")
        if not _tls_by_default(engine, _version_of(database, engine, named.removeprefix("default."))):
            yield f"its default parameter group does not set {parameter}"
        return
    for group in groups:
        values = [str(item.get("value")) for item in group.items("parameters") if item.get("name") == parameter]
        version = str(group.get("family", "")).removeprefix(engine)
        if not values and _tls_by_default(engine, version):
            continue
        if not any(value.lower() in _ON for value in values):
            yield f"its parameter group {group.name!r} does not set {parameter}"


def _engine_of(database: Resource, groups: list[Resource]) -> str:
    """Return the engine, by the family of its parameter group where a snapshot decides it."""
    engine = _declared_or_exported(database, "engine")
    families = [str(group.get("family", "")) for group in groups if not engine]
    if engine or families:
        return engine or re.sub(r"-?\d[\d.]*$", "", families[0])
    raise UndeterminedError("engine", "not set, so that a snapshot decides it")


def _declared_or_exported(database: Resource, *paths: str) -> str:
    """Return what the program says or, where it says nothing, what an export knows of the database as it is."""
    for path in paths:
        if database.has(path):
            return str(database.get(path))
    return next((value for path in paths if isinstance(value := database.outputs.get(path), str)), "")


def _version_of(database: Resource, engine: str, family: str) -> str:
    """Return the engine's version, by itself or by the family of the default parameter group."""
    if family.startswith(engine):
        return family.removeprefix(engine)
    version = _declared_or_exported(database, "engineVersion", "engineVersionActual") or _VERSION_UNSAID.get(engine, "")
    if not version and engine in _TLS_BY_DEFAULT:
        raise UndeterminedError("engineVersion", "not set, so that AWS chooses it")
    return version


def _tls_by_default(engine: str, version: str) -> bool:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version.split(".mysql_aurora", maxsplit=1)[0])[:2])
    return engine in _TLS_BY_DEFAULT and bool(numbers) and numbers >= _TLS_BY_DEFAULT[engine]


@resource_rule(
    "Databases keep a week of automatic backups",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.11", "checkov:CKV_AWS_133"),
    why="A mistake is often found days later; without backups from before it there is no way back.",
    fix="Set backupRetentionPeriod to 7 or more days.",
    levels=ADVISORY_IN_DEV,
)
def rds_backups(database: Resource) -> Messages:
    days = database.number("backupRetentionPeriod")
    if not _copies_another(database) and days < WEEK:
        yield f"it keeps {days} days of backups"


@resource_rule(
    "The master password is never written in clear",
    "critical",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=(),
    why="A password in clear is in the state file, in every preview and in somebody's terminal history.",
    fix="Let RDS manage it (manageMasterUserPassword), or draw it and mark it as a secret of Pulumi's.",
)
def rds_password_secret(database: Resource) -> Messages:
    for path in ("password", "masterPassword"):
        if database.has(path) and database.node(path).value is not Opaque.SECRET:
            database.get(path)
            yield f"{path} is not marked as a secret"


@resource_rule(
    "RDS makes and keeps the master password",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=(),
    why="A password that the program knows is in the state file, and nobody rotates it.",
    fix="Set manageMasterUserPassword to true: RDS keeps it in Secrets Manager and rotates it. It excludes read replicas.",
)
def rds_managed_password(database: Resource) -> Messages:
    if database.has("password") or database.has("masterPassword"):
        yield "its master password comes from the program"


@resource_rule(
    "Databases accept IAM authentication",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.10", "fsbp:RDS.12", "checkov:CKV_AWS_161", "checkov:CKV_AWS_162"),
    why="Tokens of fifteen minutes replace passwords that are never changed.",
    fix="Set iamDatabaseAuthenticationEnabled to true; it costs nothing and passwords go on working.",
    levels=ADVISORY_IN_DEV,
)
def rds_iam_authentication(database: Resource) -> Messages:
    engine = str(database.get("engine", ""))
    able = any(engine.startswith(name) for name in ("postgres", "mysql", "mariadb", "aurora"))
    able = able or (database.type == kinds.DB_CLUSTER and not engine)
    if able and not database.truth("iamDatabaseAuthenticationEnabled"):
        yield "IAM authentication is off"


@resource_rule(
    "Production databases are protected from deletion",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.7", "fsbp:RDS.8", "checkov:CKV_AWS_139", "checkov:CKV_AWS_293"),
    why="It makes deleting the database two steps, so that it does not happen by a slip.",
    fix="Set deletionProtection to true.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.MANDATORY},
)
def rds_deletion_protection(database: Resource) -> Messages:
    if not database.truth("deletionProtection"):
        yield "deletion protection is off"


@resource_rule(
    "Production databases span two zones",
    "medium",
    kinds.DB_INSTANCE,
    ids=("fsbp:RDS.5", "checkov:CKV_AWS_157"),
    why="When a zone fails, or its host is patched, a standby in another zone takes over within minutes.",
    fix="Set multiAz to true.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def rds_multi_az(database: Resource) -> Messages:
    if not _copies_another(database) and not database.truth("multiAz"):
        yield "it has no standby in another zone"


@resource_rule(
    "Databases send their logs to CloudWatch",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=(
        "fsbp:RDS.9",
        "fsbp:RDS.34",
        "fsbp:RDS.36",
        "fsbp:RDS.37",
        "fsbp:RDS.40",
        "fsbp:RDS.42",
        "checkov:CKV_AWS_129",
        "checkov:CKV_AWS_324",
        "checkov:CKV_AWS_325",
    ),
    why="Failed logins and slow queries are seen only if the log outlives the instance.",
    fix='Set enabledCloudwatchLogsExports (for example ["postgresql"]).',
    levels=ADVISORY_IN_DEV,
)
def rds_log_exports(database: Resource) -> Messages:
    engine = str(database.get("engine", ""))
    wanted = _LOGS.get("sqlserver" if engine.startswith("sqlserver") else engine)
    exported = set(database.strings("enabledCloudwatchLogsExports"))
    if not exported or (wanted and not exported & wanted):
        wish = f"; wanted is {' or '.join(sorted(wanted))}" if wanted else ""
        yield f"it exports no log (enabledCloudwatchLogsExports){wish}"


@resource_rule(
    "Databases take minor version upgrades by themselves",
    "high",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER_INSTANCE,
    ids=("fsbp:RDS.13", "fsbp:RDS.35", "checkov:CKV_AWS_226", "cis:v3.0.0/2.3.2"),
    why="Minor versions carry the security fixes.",
    fix="Leave autoMinorVersionUpgrade on; it happens in the maintenance window.",
)
def rds_minor_upgrades(database: Resource) -> Messages:
    if not database.truth("autoMinorVersionUpgrade"):
        yield "automatic minor version upgrades are off"


@resource_rule(
    "RDS proxies require TLS",
    "medium",
    kinds.DB_PROXY,
    ids=("fsbp:RDS.43",),
    why="A proxy that accepts clear connections undoes what the database behind it insists on.",
    fix="Set requireTls to true.",
)
def rds_proxy_tls(proxy: Resource) -> Messages:
    if not proxy.truth("requireTls"):
        yield "it accepts connections without TLS"


@resource_rule(
    "No snapshot is shared with everyone",
    "critical",
    *kinds.DB_SNAPSHOTS,
    ids=("fsbp:RDS.1", "checkov:CKV_AWS_302"),
    why="A public snapshot is a public copy of the database; scanners look for new ones.",
    fix="List account numbers in sharedAccounts, or nothing.",
)
def rds_snapshot_not_public(snapshot: Resource) -> Messages:
    if "all" in snapshot.strings("sharedAccounts"):
        yield "every AWS account may restore it (sharedAccounts)"


@resource_rule(
    "Copies of snapshots are encrypted with a customer-managed key",
    "low",
    *kinds.DB_SNAPSHOT_COPIES,
    ids=("fsbp:RDS.4", "checkov:CKV_AWS_266"),
    why="A copy of an unencrypted snapshot is encrypted only if a key is named.",
    fix="Name an aws.kms.Key of the target region in kmsKeyId.",
)
def rds_snapshot_encrypted(snapshot: Resource) -> Messages:
    if not names_customer_key(snapshot, "kmsKeyId"):
        yield "no key encrypts it (kmsKeyId)"


@resource_rule(
    "Databases are watched from inside",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER_INSTANCE,
    ids=("fsbp:RDS.6", "checkov:CKV_AWS_118"),
    why="Which process takes the memory shows only in enhanced monitoring.",
    fix="Set monitoringInterval to 60 or less, with a monitoringRoleArn.",
)
def rds_enhanced_monitoring(database: Resource) -> Messages:
    if database.number("monitoringInterval", 0) == 0:
        yield "enhanced monitoring is off (monitoringInterval)"


@resource_rule(
    "Databases show which statement is slow",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER_INSTANCE,
    ids=("checkov:CKV_AWS_353", "checkov:CKV_AWS_354"),
    why="Without it the cause of a slow afternoon is a guess.",
    fix="Set performanceInsightsEnabled to true; seven days cost nothing.",
)
def rds_performance_insights(database: Resource) -> Messages:
    if not database.truth("performanceInsightsEnabled"):
        yield "Performance Insights is off (performanceInsightsEnabled)"


@resource_rule(
    "Aurora MySQL can be turned back",
    "low",
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.14", "checkov:CKV_AWS_326"),
    why="A bad statement is undone in minutes, without a restore.",
    fix="Set backtrackWindow to the seconds to go back; it can be set only when the cluster is made.",
)
def rds_backtrack(cluster: Resource) -> Messages:
    if cluster.get("engine") == "aurora-mysql" and cluster.number("backtrackWindow", 0) == 0:
        yield "it cannot be turned back (backtrackWindow)"


@stack_rule(
    "Production clusters of databases span two zones",
    "medium",
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.15",),
    why="With one instance a failure of its zone is an outage of ten minutes or more.",
    fix="Declare a second aws.rds.ClusterInstance for the cluster.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def rds_cluster_two_zones(cluster: Resource, stack: Stack) -> Messages:
    several = cluster.has("dbClusterInstanceClass")
    if not several and len(stack.referrers(cluster, "clusterIdentifier", kinds.DB_CLUSTER_INSTANCE)) < 2:
        yield "it has fewer than two instances"


@resource_rule(
    "Snapshots carry the tags of their database",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=(
        "fsbp:RDS.16",
        "fsbp:RDS.17",
        "fsbp:RDS.47",
        "fsbp:RDS.48",
        "checkov:CKV_AWS_313",
        "checkov:CKV2_AWS_60",
    ),
    why="Who owns a snapshot, and what it costs whom, is otherwise not known once the database is gone.",
    fix="Set copyTagsToSnapshot to true.",
)
def rds_tags_on_snapshots(database: Resource) -> Messages:
    if not database.truth("copyTagsToSnapshot"):
        yield "its snapshots have no tags (copyTagsToSnapshot)"


@resource_rule(
    "Databases do not answer on their engine's usual port",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.23",),
    why="It keeps the simplest scanners away, once somebody else's mistake has let them in.",
    fix="Set port to another number, and open that one.",
)
def rds_own_port(database: Resource) -> Messages:
    usual = _PORTS.get(str(database.get("engine", "")))
    if usual and not _copies_another(database) and database.number("port", usual) == usual:
        yield f"it answers on {usual} (port)"


@resource_rule(
    "The master user has a name of its own",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.24", "fsbp:RDS.25"),
    why="Whoever guesses passwords starts with admin, postgres and root.",
    fix="Set username (masterUsername) to a name that is not the engine's; the database is replaced.",
    levels=ADVISORY_IN_DEV,
)
def rds_own_admin_name(database: Resource) -> Messages:
    path = "masterUsername" if database.type == kinds.DB_CLUSTER else "username"
    name = str(database.get(path, ""))
    if name.lower() in _USUAL_NAMES:
        yield f"its master user is called {name} ({path})"


@stack_rule(
    "Aurora MySQL records who did what",
    "medium",
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.45", "checkov:CKV_AWS_325"),
    why="Exporting the audit log does nothing while the engine writes none.",
    fix="Set server_audit_logging to 1 in an aws.rds.ClusterParameterGroup.",
    levels=ADVISORY_IN_DEV,
)
def rds_audit_logging(cluster: Resource, stack: Stack) -> Messages:
    if cluster.get("engine") != "aurora-mysql":
        return
    groups = parameter_groups(cluster, stack, "dbClusterParameterGroupName", kinds.DB_CLUSTER_PARAMETERS)
    if not any((parameter(group, "server_audit_logging") or "").lower() in ("1", "on") for group in groups):
        yield "its engine writes no audit log (server_audit_logging)"


@stack_rule(
    "PostgreSQL logs changes or slow statements",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("checkov:CKV2_AWS_30", "checkov:CKV2_AWS_27"),
    why="An exported log without statements says when somebody came, and not what he did.",
    fix="Set log_statement to ddl or log_min_duration_statement to some milliseconds in its parameter group.",
)
def rds_query_log(database: Resource, stack: Stack) -> Messages:
    if str(database.get("engine", "")) not in ("postgres", "aurora-postgresql") or _copies_another(database):
        return
    cluster = database.type == kinds.DB_CLUSTER
    path = "dbClusterParameterGroupName" if cluster else "parameterGroupName"
    groups = stack.targets(database, path, kinds.DB_CLUSTER_PARAMETERS if cluster else kinds.DB_PARAMETERS)
    if not groups:
        database.get(path)
    for group in groups:
        for name, wanted in _QUERY_LOG.items():
            value = parameter(group, name)
            if value in wanted if wanted else value not in (None, "", "-1"):
                return
    yield "it logs no statements (log_statement, log_min_duration_statement)"


@resource_rule(
    "Databases prove who they are with a current certificate",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER_INSTANCE,
    ids=("checkov:CKV_AWS_211",),
    why="The older authorities have ended; clients that check refuse the connection.",
    fix="Set caCertIdentifier to rds-ca-rsa2048-g1, or leave it out.",
)
def rds_current_authority(database: Resource) -> Messages:
    authority = str(database.get("caCertIdentifier", ""))
    if authority in _OLD_AUTHORITIES:
        yield f"its certificate is signed by {authority} (caCertIdentifier)"


@resource_rule(
    "Global clusters of databases are encrypted",
    "high",
    kinds.DB_GLOBAL_CLUSTER,
    ids=("checkov:CKV_AWS_140",),
    why="Every region's copy of an unencrypted database can be read wherever it is copied to.",
    fix="Set storageEncrypted to true, or make it from an encrypted cluster with sourceDbClusterIdentifier.",
)
def rds_global_encrypted(cluster: Resource) -> Messages:
    if not cluster.has("sourceDbClusterIdentifier") and not cluster.truth("storageEncrypted"):
        yield "its storage is not encrypted (storageEncrypted)"


@resource_rule(
    "What Performance Insights keeps is encrypted with a key of yours",
    "low",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER_INSTANCE,
    ids=("checkov:CKV_AWS_354",),
    why="It keeps the text of statements, and with them values.",
    fix="Name an aws.kms.Key in performanceInsightsKmsKeyId.",
)
def rds_performance_insights_key(database: Resource) -> Messages:
    on = database.truth("performanceInsightsEnabled")
    if on and not names_customer_key(database, "performanceInsightsKmsKeyId"):
        yield "its statements are kept under AWS's key (performanceInsightsKmsKeyId)"


@resource_rule(
    "RDS proxies do not log statements",
    "medium",
    kinds.DB_PROXY,
    ids=(),
    why="Debug logging writes whole statements, passwords in them too, into a log group.",
    fix="Remove debugLogging; RDS itself switches it off after a day.",
    levels=ADVISORY_IN_DEV,
)
def rds_proxy_no_debug(proxy: Resource) -> Messages:
    if proxy.truth("debugLogging"):
        yield "it logs whole statements (debugLogging)"
