"""Brokers (Kafka on MSK, MSK Connect, Amazon MQ): inside the network, TLS only, for those who say who they are, logged."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule
from guardrails.view import Resource

_LOG_TARGETS = ("cloudwatchLogs", "firehose", "s3")
_ASKS = (
    "clientAuthentication.sasl.iam",
    "clientAuthentication.sasl.scram",
    "clientAuthentication.tls.certificateAuthorityArns",
)
"""How a cluster of MSK learns who connects. Where none is set it asks nobody (MSK developer guide, "Authentication and
authorization for Apache Kafka APIs")."""


@resource_rule(
    "Brokers have no public address",
    "critical",
    kinds.KAFKA,
    kinds.BROKER,
    ids=("fsbp:MSK.4", "checkov:CKV_AWS_69", "checkov:CKV_AWS_291"),
    why="Every message of every system passes here; on the internet only a password stands before it.",
    fix="Set publiclyAccessible (of MSK: brokerNodeGroupInfo.connectivityInfo.publicAccess.type) to false (DISABLED).",
)
def broker_not_public(broker: Resource) -> Messages:
    if broker.type == kinds.BROKER:
        if broker.truth("publiclyAccessible"):
            yield "it has a public address (publiclyAccessible)"
    elif broker.get("brokerNodeGroupInfo.connectivityInfo.publicAccess.type", "DISABLED") != "DISABLED":
        yield "it has public addresses (brokerNodeGroupInfo.connectivityInfo.publicAccess.type)"


@resource_rule(
    "Kafka's clients speak TLS",
    "high",
    kinds.KAFKA,
    ids=("checkov:CKV_AWS_81",),
    why="Messages, and the passwords of SCRAM, cross the network in clear.",
    fix="Set encryptionInfo.encryptionInTransit.clientBroker to TLS, or leave it out.",
)
def kafka_tls(cluster: Resource) -> Messages:
    path = "encryptionInfo.encryptionInTransit.clientBroker"
    mode = cluster.get(path, "TLS")
    if mode != "TLS":
        yield f"it takes messages in clear ({path} is {mode})"


@resource_rule(
    "Kafka's brokers encrypt what they send each other",
    "medium",
    kinds.KAFKA,
    ids=("fsbp:MSK.1", "checkov:CKV_AWS_81"),
    why="Each message crosses the network again for every copy.",
    fix="Remove encryptionInfo.encryptionInTransit.inCluster: false; the cluster is replaced.",
)
def kafka_tls_between_brokers(cluster: Resource) -> Messages:
    path = "encryptionInfo.encryptionInTransit.inCluster"
    if not cluster.truth(path, default=True):
        yield f"copies cross the network in clear ({path})"


@resource_rule(
    "Kafka asks who connects",
    "high",
    kinds.KAFKA,
    ids=("fsbp:MSK.6",),
    why="Otherwise whoever reaches the port reads and writes every topic.",
    fix="Set clientAuthentication.sasl.iam to true, and remove unauthenticated.",
)
def kafka_authenticated(cluster: Resource) -> Messages:
    if cluster.truth("clientAuthentication.unauthenticated"):
        yield "it lets in who says nothing of himself (clientAuthentication.unauthenticated)"
    elif not any(_asked(cluster, path) for path in _ASKS):
        yield "it asks nobody who he is (clientAuthentication)"


def _asked(cluster: Resource, path: str) -> bool:
    return cluster.has(path) if path.endswith("Arns") else cluster.truth(path)


@resource_rule(
    "Kafka's brokers and connectors keep their logs",
    "medium",
    kinds.KAFKA,
    kinds.KAFKA_CONNECTOR,
    ids=("fsbp:MSK.5", "checkov:CKV_AWS_80"),
    why="Who was refused, and why a connector stopped, stands only there.",
    fix="Enable cloudwatchLogs, firehose or s3 in loggingInfo.brokerLogs (of a connector: logDelivery.workerLogDelivery).",
    levels=ADVISORY_IN_DEV,
)
def kafka_logs(resource: Resource) -> Messages:
    path = "loggingInfo.brokerLogs" if resource.type == kinds.KAFKA else "logDelivery.workerLogDelivery"
    if not any(resource.truth(f"{path}.{target}.enabled") for target in _LOG_TARGETS):
        yield f"it keeps no logs ({path})"


@resource_rule(
    "Kafka's connectors speak TLS",
    "medium",
    kinds.KAFKA_CONNECTOR,
    ids=("fsbp:MSK.3",),
    why="What a connector carries from one system to the other crosses the network in clear.",
    fix="Set kafkaClusterEncryptionInTransit.encryptionType to TLS; the connector is replaced.",
)
def kafka_connector_tls(connector: Resource) -> Messages:
    path = "kafkaClusterEncryptionInTransit.encryptionType"
    if connector.get(path, "PLAINTEXT") != "TLS":
        yield f"it speaks to Kafka in clear ({path})"


@resource_rule(
    "Brokers of Amazon MQ keep their logs",
    "medium",
    kinds.BROKER,
    ids=("fsbp:MQ.2", "checkov:CKV_AWS_48", "checkov:CKV_AWS_197"),
    why="Who signed in to the console, and who made a user, stands only there.",
    fix="Set logs.general to true, and for ActiveMQ logs.audit too.",
    levels=ADVISORY_IN_DEV,
)
def mq_logs(broker: Resource) -> Messages:
    if not broker.truth("logs.general"):
        yield "it keeps no general log (logs.general)"
    if str(broker.get("engineType", "")).lower() == "activemq" and not broker.truth("logs.audit"):
        yield "it keeps no audit log (logs.audit)"


@resource_rule(
    "Brokers of Amazon MQ take minor version upgrades by themselves",
    "medium",
    kinds.BROKER,
    ids=("fsbp:MQ.3", "checkov:CKV_AWS_207"),
    why="Minor versions carry the security fixes.",
    fix="Set autoMinorVersionUpgrade to true; it happens in the maintenance window.",
)
def mq_minor_upgrades(broker: Resource) -> Messages:
    if not broker.truth("autoMinorVersionUpgrade"):
        yield "automatic minor version upgrades are off (autoMinorVersionUpgrade)"


@resource_rule(
    "Production brokers of Amazon MQ outlive a zone",
    "low",
    kinds.BROKER,
    ids=("securityhub:MQ.5", "securityhub:MQ.6"),
    why="A single instance is down in every maintenance window, and with its zone.",
    fix="Set deploymentMode to ACTIVE_STANDBY_MULTI_AZ (ActiveMQ) or CLUSTER_MULTI_AZ (RabbitMQ); the broker is replaced.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def mq_two_zones(broker: Resource) -> Messages:
    if broker.get("deploymentMode", "SINGLE_INSTANCE") == "SINGLE_INSTANCE":
        yield "it is a single instance (deploymentMode)"
