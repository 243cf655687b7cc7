"""Relational databases and search domains: no public address, encrypted, recoverable, no password in the program."""

from __future__ import annotations

import re

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource

WEEK = 7
_TLS_PARAMETERS = {
    "postgres": "rds.force_ssl",
    "aurora-postgresql": "rds.force_ssl",
    "sqlserver": "rds.force_ssl",
    "mysql": "require_secure_transport",
    "aurora-mysql": "require_secure_transport",
    "mariadb": "require_secure_transport",
}
_TLS_BY_DEFAULT = {"postgres": 15, "aurora-postgresql": 17}
"""Major versions from which rds.force_ssl is 1 unless set otherwise (RDS user guide, "Using SSL with a PostgreSQL DB
instance", and Aurora user guide, "Security with Aurora PostgreSQL")."""
_LOGS = {
    "postgres": {"postgresql"},
    "aurora-postgresql": {"postgresql", "instance"},
    "mysql": {"error", "audit", "general", "slowquery"},
    "mariadb": {"error", "audit", "general", "slowquery"},
    "aurora-mysql": {"audit"},
}
"""At least one of these has to be exported (RDS.9, RDS.34, RDS.36, RDS.37, RDS.42)."""


def _copies_another(database: Resource) -> bool:
    return database.has("replicateSourceDb") or database.has("replicationSourceIdentifier")


@resource_rule(
    "Databases have no public address",
    "critical",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER_INSTANCE,
    ids=("fsbp:RDS.2", "checkov:CKV_AWS_17", "cis:v3.0.0/2.3.3"),
    why="A database on the internet is scanned and attacked at once, and its security group is then the only lock.",
    fix="Set publiclyAccessible to false; reach it from inside the VPC or through a Session Manager tunnel.",
)
def rds_not_public(database: Resource) -> Messages:
    if database.truth("publiclyAccessible"):
        yield "it has a public address (publiclyAccessible)"


@resource_rule(
    "Databases are encrypted at rest",
    "high",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("fsbp:RDS.3", "fsbp:RDS.27", "checkov:CKV_AWS_16", "checkov:CKV_AWS_96", "cis:v3.0.0/2.3.1"),
    why="Storage, snapshots, logs and replicas of an unencrypted database can be read wherever they are copied to.",
    fix="Set storageEncrypted to true. An existing database has to be restored from an encrypted copy of its snapshot.",
)
def rds_encrypted(database: Resource) -> Messages:
    if not _copies_another(database) and not database.truth("storageEncrypted"):
        yield "its storage is not encrypted"


@resource_rule(
    "Databases are encrypted with a customer-managed key",
    "medium",
    kinds.DB_INSTANCE,
    kinds.DB_CLUSTER,
    ids=("checkov:CKV_AWS_327", "checkov:CKV_AWS_354"),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in kmsKeyId.",
    levels=ADVISORY_IN_DEV,
)
def rds_customer_key(database: Resource) -> Messages:
    if not _copies_another(database) and not names_customer_key(database, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


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
    engine = str(database.get("engine", ""))
    family = "sqlserver" if engine.startswith("sqlserver") else engine
    parameter = _TLS_PARAMETERS.get(family)
    if parameter is None or _copies_another(database):
        return
    path, kind = (
        ("dbClusterParameterGroupName", kinds.DB_CLUSTER_PARAMETERS)
        if database.type == kinds.DB_CLUSTER
        else ("parameterGroupName", kinds.DB_PARAMETERS)
    )
    groups = stack.targets(database, path, kind)
    if not groups:
        named = str(database.get(path, "default."))
        if named.startswith("default.") and not _tls_by_default(engine, str(database.get("engineVersion", ""))):
            yield f"its default parameter group does not set {parameter}"
        return
    for group in groups:
        values = [str(item.get("value")) for item in group.items("parameters") if item.get("name") == parameter]
        version = str(group.get("family", "")).removeprefix(engine)
        if not values and _tls_by_default(engine, version):
            continue
        if not any(value.lower() in ("1", "on", "true") for value in values):
            yield f"its parameter group {group.name!r} does not set {parameter}"


def _tls_by_default(engine: str, version: str) -> bool:
    major = re.match(r"\d+", version)
    return engine in _TLS_BY_DEFAULT and major is not None and int(major[0]) >= _TLS_BY_DEFAULT[engine]


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
    days = database.number("backupRetentionPeriod", 1 if database.type == kinds.DB_CLUSTER else 0)
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
    wanted = _LOGS.get(str(database.get("engine", "")))
    exported = set(database.strings("enabledCloudwatchLogsExports"))
    if not exported or (wanted and not exported & wanted):
        yield f"it exports no log{f' of {sorted(wanted)}' if wanted else ''}"


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
    if not database.truth("autoMinorVersionUpgrade", default=True):
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
    "Search domains stand inside a VPC",
    "critical",
    kinds.SEARCH_DOMAIN,
    ids=("fsbp:Opensearch.2", "checkov:CKV_AWS_137"),
    why="A public search domain is the classic leak of whole customer tables.",
    fix="Give vpcOptions with private subnets and a security group.",
)
def search_in_vpc(domain: Resource) -> Messages:
    if not domain.has("vpcOptions"):
        yield "it has a public endpoint (no vpcOptions)"


@resource_rule(
    "Search domains are encrypted at rest and between nodes",
    "high",
    kinds.SEARCH_DOMAIN,
    ids=("fsbp:Opensearch.1", "fsbp:Opensearch.3", "checkov:CKV_AWS_5", "checkov:CKV_AWS_6"),
    why="Indexes and snapshots hold copies of the data; between nodes it crosses the network.",
    fix="Set encryptAtRest.enabled and nodeToNodeEncryption.enabled to true.",
)
def search_encrypted(domain: Resource) -> Messages:
    for block, words in (("encryptAtRest", "at rest"), ("nodeToNodeEncryption", "between nodes")):
        if not domain.truth(f"{block}.enabled"):
            yield f"it is not encrypted {words} ({block}.enabled)"


@resource_rule(
    "Search domains answer only over TLS 1.2 or later",
    "medium",
    kinds.SEARCH_DOMAIN,
    ids=("fsbp:Opensearch.8", "checkov:CKV_AWS_83", "checkov:CKV_AWS_228"),
    why="Queries and answers hold the data itself.",
    fix="Set domainEndpointOptions.enforceHttps to true and tlsSecurityPolicy to Policy-Min-TLS-1-2-PFS-2023-10.",
)
def search_tls(domain: Resource) -> Messages:
    if not domain.truth("domainEndpointOptions.enforceHttps", default=True):
        yield "it answers plain HTTP (domainEndpointOptions.enforceHttps)"
    policy = str(domain.get("domainEndpointOptions.tlsSecurityPolicy", "none"))
    if not policy.startswith("Policy-Min-TLS-1-2"):
        yield f"its TLS policy is {policy}"


@resource_rule(
    "Search domains use fine-grained access control",
    "high",
    kinds.SEARCH_DOMAIN,
    ids=("fsbp:Opensearch.7", "checkov:CKV2_AWS_52"),
    why="Without it everyone who reaches the endpoint may read and delete every index.",
    fix="Set advancedSecurityOptions.enabled to true with an IAM master user.",
)
def search_access_control(domain: Resource) -> Messages:
    if not domain.truth("advancedSecurityOptions.enabled"):
        yield "fine-grained access control is off"
