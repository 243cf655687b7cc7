"""Warehouses (Redshift, provisioned and serverless): closed, encrypted, logged, recoverable.

Defaults are those of pulumi-aws 7 and of Redshift since January 2025, when it closed, encrypted and asked for TLS of what
is made without a word about it (Redshift management guide, "Behavior changes in Amazon Redshift").
"""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Node, Resource, UndeterminedError

_WEEK = 7
"""Days that Redshift.3 asks for."""
_NAMES = {
    kinds.REDSHIFT: ("masterUsername", "awsuser", "databaseName"),
    kinds.REDSHIFT_NAMESPACE: ("adminUsername", "admin", "dbName"),
}
"""For each form: where the first user is named, how Redshift's own examples call him, and where the database is named."""
_DATABASE = "dev"
"""What the first database is called where it is not named."""
_OLD_FAMILY = "redshift-1.0"
"""The family of parameters in which require_ssl is false unless set; in redshift-2.0 it is true."""
_SERVERLESS_LOGS = {"connectionlog", "userlog"}
"""What RedshiftServerless.6 asks to be exported."""


@resource_rule(
    "Warehouses have no public address",
    "critical",
    kinds.REDSHIFT,
    kinds.REDSHIFT_WORKGROUP,
    ids=("fsbp:Redshift.1", "fsbp:RedshiftServerless.3", "checkov:CKV_AWS_87"),
    why="A warehouse gathers the data of every other system; on the internet only a password stands before it.",
    fix="Set publiclyAccessible to false; reach it from inside the VPC.",
)
def redshift_not_public(warehouse: Resource) -> Messages:
    if warehouse.truth("publiclyAccessible"):
        yield "it has a public address (publiclyAccessible)"


@resource_rule(
    "Warehouses are encrypted at rest",
    "high",
    kinds.REDSHIFT,
    ids=("fsbp:Redshift.10", "checkov:CKV_AWS_64"),
    why="Its disks, and each snapshot of them, hold copies of everything; serverless namespaces are always encrypted.",
    fix="Remove encrypted: false.",
)
def redshift_encrypted(warehouse: Resource) -> Messages:
    if not warehouse.truth("encrypted", default=True):
        yield "its storage is not encrypted (encrypted)"


@stack_rule(
    "Warehouses refuse connections without TLS",
    "high",
    kinds.REDSHIFT,
    kinds.REDSHIFT_WORKGROUP,
    ids=("fsbp:Redshift.2", "fsbp:RedshiftServerless.2", "checkov:CKV_AWS_105"),
    why="Passwords, queries and results cross the network in clear when a client forgets TLS.",
    fix="Set require_ssl to true in its parameter group (of a workgroup: in configParameters).",
)
def redshift_tls(warehouse: Resource, stack: Stack) -> Messages:
    if warehouse.type == kinds.REDSHIFT_WORKGROUP:
        words = [
            str(item.get("parameterValue", "")) for item in _set_for_tls(warehouse, "configParameters", "parameterKey")
        ]
        if words and words[-1].lower() != "true":
            yield "it accepts connections without TLS (configParameters, require_ssl)"
        return
    groups = stack.targets(warehouse, "clusterParameterGroupName", kinds.REDSHIFT_PARAMETERS)
    if not groups:
        name = str(warehouse.get("clusterParameterGroupName", "default.redshift-2.0"))
        if not name.startswith("default."):
            raise UndeterminedError("clusterParameterGroupName", "not of this stack")
        if name == f"default.{_OLD_FAMILY}":
            yield f"it accepts connections without TLS (clusterParameterGroupName is {name})"
    for group in groups:
        words = [str(item.get("value", "")) for item in _set_for_tls(group, "parameters", "name")]
        usual = "false" if group.get("family") == _OLD_FAMILY else "true"
        if (words[-1] if words else usual).lower() != "true":
            yield f"it accepts connections without TLS (require_ssl in {group.name!r})"


def _set_for_tls(resource: Resource, path: str, key: str) -> list[Node]:
    return [item for item in resource.items(path) if item.get(key) == "require_ssl"]


@resource_rule(
    "Warehouses load and unload through the VPC",
    "medium",
    kinds.REDSHIFT,
    kinds.REDSHIFT_WORKGROUP,
    ids=("fsbp:Redshift.7", "fsbp:RedshiftServerless.1", "checkov:CKV_AWS_321"),
    why="Otherwise COPY and UNLOAD go past security groups, endpoint policies and flow logs; data leaves unseen.",
    fix="Set enhancedVpcRouting to true, with a gateway endpoint for S3.",
    levels=ADVISORY_IN_DEV,
)
def redshift_enhanced_routing(warehouse: Resource) -> Messages:
    if not warehouse.truth("enhancedVpcRouting"):
        yield "its traffic goes past the VPC (enhancedVpcRouting)"


@resource_rule(
    "Warehouses name their subnets",
    "medium",
    kinds.REDSHIFT,
    ids=("checkov:CKV_AWS_154",),
    why="Without subnets of yours it stands in the default VPC, whose subnets are public.",
    fix="Name an aws.redshift.SubnetGroup of private subnets in clusterSubnetGroupName.",
)
def redshift_own_subnet_group(warehouse: Resource) -> Messages:
    if warehouse.get("clusterSubnetGroupName", "default") == "default":
        yield "it stands in the default subnets (clusterSubnetGroupName)"


@stack_rule(
    "Warehouses record who asked for what",
    "medium",
    kinds.REDSHIFT,
    kinds.REDSHIFT_NAMESPACE,
    ids=("fsbp:Redshift.4", "fsbp:RedshiftServerless.6", "checkov:CKV_AWS_71"),
    why="After a leak the audit log is the only answer to what was read.",
    fix="Declare an aws.redshift.Logging for the cluster; of a namespace, set logExports to userlog and connectionlog.",
    levels=ADVISORY_IN_DEV,
)
def redshift_audit_log(warehouse: Resource, stack: Stack) -> Messages:
    if warehouse.type == kinds.REDSHIFT:
        if not stack.referrers(warehouse, "clusterIdentifier", kinds.REDSHIFT_LOGGING):
            yield "it keeps no audit log"
        return
    missing = sorted(_SERVERLESS_LOGS - set(warehouse.strings("logExports")))
    if missing:
        yield f"it does not export {' and '.join(missing)} (logExports)"


@resource_rule(
    "Warehouses keep a week of automatic snapshots",
    "medium",
    kinds.REDSHIFT,
    ids=("fsbp:Redshift.3", "checkov:CKV_AWS_343"),
    why="A wrong load is often noticed only after the weekend; serverless keeps recovery points by itself.",
    fix="Set automatedSnapshotRetentionPeriod to 7 days or more.",
    levels=ADVISORY_IN_DEV,
)
def redshift_snapshots(warehouse: Resource) -> Messages:
    days = warehouse.number("automatedSnapshotRetentionPeriod", 1)
    if days < _WEEK:
        yield f"it keeps snapshots for {days} day{'' if days == 1 else 's'} (automatedSnapshotRetentionPeriod)"


@resource_rule(
    "Warehouses take new versions by themselves",
    "medium",
    kinds.REDSHIFT,
    ids=("fsbp:Redshift.6", "checkov:CKV_AWS_141"),
    why="Each version carries security fixes.",
    fix="Leave allowVersionUpgrade on; it happens in the maintenance window.",
)
def redshift_upgrades(warehouse: Resource) -> Messages:
    if not warehouse.truth("allowVersionUpgrade", default=True):
        yield "new versions are not taken (allowVersionUpgrade)"


@resource_rule(
    "The warehouse's first user has a name of its own",
    "medium",
    *_NAMES,
    ids=("fsbp:Redshift.8", "fsbp:RedshiftServerless.5", "checkov:CKV_AWS_391"),
    why="Whoever guesses passwords starts with awsuser and admin.",
    fix="Set masterUsername (of a namespace: adminUsername) to another name.",
    levels=ADVISORY_IN_DEV,
)
def redshift_own_admin_name(warehouse: Resource) -> Messages:
    path, usual, _ = _NAMES[warehouse.type]
    # One that is restored has its user from the snapshot.
    if str(warehouse.get(path, "")).lower() == usual:
        yield f"its first user is called {usual} ({path})"


@resource_rule(
    "The warehouse's first database has a name of its own",
    "low",
    *_NAMES,
    ids=("fsbp:Redshift.9", "fsbp:RedshiftServerless.7", "checkov:CKV_AWS_320"),
    why="A name that everybody knows helps whoever guesses, and says nothing to anybody else.",
    fix="Set databaseName (of a namespace: dbName); the warehouse is replaced.",
)
def redshift_own_database_name(warehouse: Resource) -> Messages:
    path = _NAMES[warehouse.type][2]
    restored = warehouse.has("snapshotIdentifier") or warehouse.has("snapshotArn")
    if not restored and warehouse.get(path, _DATABASE) == _DATABASE:
        yield f"its first database is called {_DATABASE} ({path})"


@resource_rule(
    "Production warehouses span two zones",
    "medium",
    kinds.REDSHIFT,
    ids=("fsbp:Redshift.18",),
    why="A failure of the one zone is an outage until it is restored from a snapshot.",
    fix="Set multiAz to true (RA3 nodes).",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def redshift_multi_az(warehouse: Resource) -> Messages:
    if not warehouse.truth("multiAz"):
        yield "it has no standby in another zone (multiAz)"
