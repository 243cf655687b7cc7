"""Analytics (Athena, Glue, EMR, Airflow): results, catalogues, disks and the traffic between nodes encrypted; nothing public."""

from __future__ import annotations

import json
from typing import Any

from guardrails import kinds
from guardrails.routing import subnets_of
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Node, Resource, UndeterminedError

_OLDEST_GLUE = 3.0
"""The version that Glue.4 asks for at least."""
_AIRFLOW_LOGS = ("schedulerLogs", "webserverLogs", "workerLogs")
"""Off unless they are switched on; the logs of tasks are on (aws.mwaa.Environment)."""
_GLUE_MODES = {
    "s3Encryption": "s3EncryptionMode",
    "cloudwatchEncryption": "cloudwatchEncryptionMode",
    "jobBookmarksEncryption": "jobBookmarksEncryptionMode",
}
"""What a security configuration encrypts, each DISABLED unless it is set (aws.glue.SecurityConfiguration)."""


@resource_rule(
    "Athena encrypts the results of queries",
    "medium",
    kinds.ATHENA_WORKGROUP,
    ids=("fsbp:Athena.1", "checkov:CKV_AWS_159"),
    why="Results are copies of what was asked for, and stay in the bucket long after the question is forgotten.",
    fix="Set configuration.resultConfiguration.encryptionConfiguration with SSE_KMS, or use managed query results.",
)
def athena_results_encrypted(group: Resource) -> Messages:
    # Athena encrypts the results that it keeps itself.
    managed = group.truth("configuration.managedQueryResultsConfiguration.enabled")
    if not managed and not group.has("configuration.resultConfiguration.encryptionConfiguration.encryptionOption"):
        yield "it says nothing of how results are encrypted (configuration.resultConfiguration.encryptionConfiguration)"


@resource_rule(
    "Athena databases encrypt what they write",
    "medium",
    kinds.ATHENA_DATABASE,
    ids=("checkov:CKV_AWS_77",),
    why="The results of its statements stay in the bucket.",
    fix="Set encryptionConfiguration with SSE_KMS, or name a workgroup that encrypts.",
)
def athena_database_encrypted(database: Resource) -> Messages:
    if not database.has("encryptionConfiguration") and not database.has("workgroup"):
        yield "it says nothing of how results are encrypted (encryptionConfiguration)"


@resource_rule(
    "Settings of Athena workgroups hold for everybody",
    "medium",
    kinds.ATHENA_WORKGROUP,
    ids=("checkov:CKV_AWS_82",),
    why="Otherwise a client chooses where results go, and whether they are encrypted.",
    fix="Remove configuration.enforceWorkgroupConfiguration: false.",
)
def athena_settings_enforced(group: Resource) -> Messages:
    if not group.truth("configuration.enforceWorkgroupConfiguration", default=True):
        yield "clients may ignore its settings (configuration.enforceWorkgroupConfiguration)"


@resource_rule(
    "Athena workgroups publish what is asked of them",
    "medium",
    kinds.ATHENA_WORKGROUP,
    ids=("fsbp:Athena.4",),
    why="Who scans how much shows only there.",
    fix="Remove configuration.publishCloudwatchMetricsEnabled: false.",
    levels=ADVISORY_IN_DEV,
)
def athena_metrics(group: Resource) -> Messages:
    if not group.truth("configuration.publishCloudwatchMetricsEnabled", default=True):
        yield "it publishes no metrics (configuration.publishCloudwatchMetricsEnabled)"


@resource_rule(
    "Glue's security configurations encrypt everything",
    "medium",
    kinds.GLUE_SECURITY,
    ids=("checkov:CKV_AWS_99",),
    why="Jobs leave data in S3, in their logs and in their bookmarks.",
    fix="Set all three: SSE-KMS for S3 and CloudWatch, CSE-KMS for bookmarks.",
)
def glue_security_complete(configuration: Resource) -> Messages:
    for block, mode in _GLUE_MODES.items():
        path = f"encryptionConfiguration.{block}.{mode}"
        if configuration.get(path, "DISABLED") == "DISABLED":
            yield f"{path} is DISABLED"


@resource_rule(
    "Glue's jobs, crawlers and endpoints have a security configuration",
    "medium",
    kinds.GLUE_JOB,
    kinds.GLUE_CRAWLER,
    kinds.GLUE_DEV_ENDPOINT,
    ids=("checkov:CKV_AWS_195",),
    why="Without one their logs and bookmarks are written in clear.",
    fix="Name an aws.glue.SecurityConfiguration in securityConfiguration.",
    levels=ADVISORY_IN_DEV,
)
def glue_security_named(resource: Resource) -> Messages:
    if not resource.has("securityConfiguration"):
        yield "it has no security configuration (securityConfiguration)"


@resource_rule(
    "Glue's catalogue is encrypted",
    "medium",
    kinds.GLUE_CATALOG_ENCRYPTION,
    ids=("checkov:CKV_AWS_94",),
    why="It holds the names of columns, places of data, and the passwords of connections.",
    fix="Set encryptionAtRest.catalogEncryptionMode to SSE-KMS and connectionPasswordEncryption with a key.",
)
def glue_catalog_encrypted(settings: Resource) -> Messages:
    block = settings.node("dataCatalogEncryptionSettings")
    if not str(block.get("encryptionAtRest.catalogEncryptionMode", "DISABLED")).startswith("SSE-KMS"):
        yield "the catalogue is not encrypted (encryptionAtRest.catalogEncryptionMode)"
    if not block.truth("connectionPasswordEncryption.returnConnectionPasswordEncrypted"):
        yield "passwords of connections are kept in clear (connectionPasswordEncryption.returnConnectionPasswordEncrypted)"


@resource_rule(
    "Glue's connections speak TLS",
    "medium",
    kinds.GLUE_CONNECTION,
    ids=(),
    why="The whole table crosses the network, with the password before it.",
    fix='Set JDBC_ENFORCE_SSL to "true" in connectionProperties.',
)
def glue_connection_tls(connection: Resource) -> Messages:
    properties = connection.node("connectionProperties")
    jdbc = connection.get("connectionType", "JDBC") == "JDBC"
    if jdbc and not properties.truth("JDBC_ENFORCE_SSL"):
        yield "it does not insist on TLS (connectionProperties.JDBC_ENFORCE_SSL)"


@resource_rule(
    "Glue's jobs run on a version that is looked after",
    "medium",
    kinds.GLUE_JOB,
    ids=("fsbp:Glue.4",),
    why="Spark and Python of the older versions get no security fixes.",
    fix="Set glueVersion to 5.0 or later, or leave it out.",
    levels=ADVISORY_IN_DEV,
)
def glue_job_version(job: Resource) -> Messages:
    version = str(job.get("glueVersion", "auto"))
    if version.replace(".", "", 1).isdecimal() and float(version) < _OLDEST_GLUE:
        yield f"it runs on Glue {version} (glueVersion)"


@stack_rule(
    "Clusters of EMR stand in private subnets",
    "high",
    kinds.EMR_CLUSTER,
    ids=("fsbp:EMR.1",),
    why="Its nodes show consoles without a password to whoever reaches them.",
    fix="Name private subnets in ec2Attributes.",
)
def emr_private(cluster: Resource, stack: Stack) -> Messages:
    named = [path for path in ("ec2Attributes.subnetId", "ec2Attributes.subnetIds") if cluster.has(path)]
    if not named:
        yield "it names no subnet, and so stands in the default VPC (ec2Attributes.subnetId)"
    for path in named:
        for subnet in subnets_of(cluster, stack, path):
            if subnet.truth("mapPublicIpOnLaunch"):
                yield f"its subnet {subnet.name!r} gives out public addresses (mapPublicIpOnLaunch)"


@resource_rule(
    "EMR refuses clusters that everybody may reach",
    "critical",
    kinds.EMR_BLOCK,
    ids=("fsbp:EMR.2", "checkov:CKV_AWS_390"),
    why="It makes a later mistake in a security group harmless.",
    fix="Set blockPublicSecurityGroupRules to true, with no permitted range but port 22 at most.",
)
def emr_blocks_public(settings: Resource) -> Messages:
    if not settings.truth("blockPublicSecurityGroupRules"):
        yield "clusters may be open to the internet (blockPublicSecurityGroupRules)"
    for allowed in settings.items("permittedPublicSecurityGroupRuleRanges"):
        low, high = allowed.number("minRange"), allowed.number("maxRange")
        if (low, high) != (22, 22):
            yield f"ports {low} to {high} may be open to the internet ({allowed.path})"


@resource_rule(
    "Clusters of EMR have a security configuration",
    "medium",
    kinds.EMR_CLUSTER,
    ids=("checkov:CKV2_AWS_55",),
    why="Without one nothing on its disks, in S3 and between its nodes is encrypted.",
    fix="Name an aws.emr.SecurityConfiguration in securityConfiguration.",
)
def emr_security_named(cluster: Resource) -> Messages:
    if not cluster.has("securityConfiguration"):
        yield "it has no security configuration (securityConfiguration)"


@resource_rule(
    "Clusters of EMR keep their logs",
    "medium",
    kinds.EMR_CLUSTER,
    ids=(),
    why="With the cluster its logs are gone, and with them why a step failed and who started it.",
    fix="Set logUri to a place in S3.",
    levels=ADVISORY_IN_DEV,
)
def emr_logs(cluster: Resource) -> Messages:
    if not cluster.has("logUri"):
        yield "its logs end with it (logUri)"


@resource_rule(
    "EMR encrypts at rest",
    "medium",
    kinds.EMR_SECURITY,
    ids=("fsbp:EMR.3", "checkov:CKV_AWS_171", "checkov:CKV_AWS_349", "checkov:CKV_AWS_350"),
    why="Nodes keep pieces of the data on their disks, and write the results to S3.",
    fix="Set EnableAtRestEncryption with S3EncryptionConfiguration and LocalDiskEncryptionConfiguration (EnableEbsEncryption).",
)
def emr_encrypted(configuration: Resource) -> Messages:
    settings = _settings_of(configuration)
    if not settings.truth("EnableAtRestEncryption"):
        yield "it does not encrypt at rest (EnableAtRestEncryption)"
        return
    rest = settings.node("AtRestEncryptionConfiguration")
    for block in ("S3EncryptionConfiguration", "LocalDiskEncryptionConfiguration"):
        if not rest.has(block):
            yield f"it does not encrypt all of it ({block})"
    if rest.has("LocalDiskEncryptionConfiguration") and not rest.truth(
        "LocalDiskEncryptionConfiguration.EnableEbsEncryption"
    ):
        yield "it does not encrypt the volumes of EBS (LocalDiskEncryptionConfiguration.EnableEbsEncryption)"


@resource_rule(
    "EMR encrypts in transit",
    "medium",
    kinds.EMR_SECURITY,
    ids=("fsbp:EMR.4", "checkov:CKV_AWS_351"),
    why="Between the nodes of a cluster the data itself travels.",
    fix="Set EnableInTransitEncryption with a TLSCertificateConfiguration.",
)
def emr_tls(configuration: Resource) -> Messages:
    settings = _settings_of(configuration)
    if not settings.truth("EnableInTransitEncryption"):
        yield "it does not encrypt in transit (EnableInTransitEncryption)"


def _settings_of(configuration: Resource) -> Node:
    """Return what a security configuration says of encryption, written as text or as an object."""
    value: Any = configuration.get("configuration", {})
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise UndeterminedError("configuration", f"malformed: {error}") from None
    return Node(value).node("EncryptionConfiguration")


@resource_rule(
    "Airflow's console is not on the internet",
    "high",
    kinds.AIRFLOW,
    ids=("checkov:CKV2_AWS_66",),
    why="Whoever is let in there runs code with the rights of the environment.",
    fix="Remove webserverAccessMode, or set it to PRIVATE_ONLY.",
)
def airflow_private(environment: Resource) -> Messages:
    mode = environment.get("webserverAccessMode", "PRIVATE_ONLY")
    if mode != "PRIVATE_ONLY":
        yield f"its console can be reached from the internet (webserverAccessMode is {mode})"


@resource_rule(
    "Airflow keeps its logs",
    "medium",
    kinds.AIRFLOW,
    ids=("checkov:CKV_AWS_242", "checkov:CKV_AWS_243", "checkov:CKV_AWS_244"),
    why="Who signed in, and why a run did not start, stands only there.",
    fix="Set enabled to true for schedulerLogs, webserverLogs and workerLogs in loggingConfiguration.",
    levels=ADVISORY_IN_DEV,
)
def airflow_logs(environment: Resource) -> Messages:
    for kind in _AIRFLOW_LOGS:
        if not environment.truth(f"loggingConfiguration.{kind}.enabled"):
            yield f"it does not keep its {kind} (loggingConfiguration.{kind}.enabled)"
