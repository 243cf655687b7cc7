"""Database migration: the machine that holds the keys to two databases at once."""

from __future__ import annotations

import json

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule
from guardrails.view import Opaque, Resource, UndeterminedError

_TLS_ENGINES = {"aurora", "aurora-postgresql", "mysql", "mariadb", "postgres", "sqlserver", "oracle", "db2", "sybase"}
"""Engines whose connection sslMode decides; the rest have settings of their own or are AWS's APIs."""


@resource_rule(
    "Replication instances have no public address",
    "critical",
    kinds.REPLICATION_INSTANCE,
    ids=("fsbp:DMS.1", "checkov:CKV_AWS_89"),
    why="It holds the passwords of both databases and stands where both can be reached.",
    fix="Set publiclyAccessible to false and use a subnet group of private subnets.",
)
def dms_not_public(instance: Resource) -> Messages:
    if instance.truth("publiclyAccessible"):
        yield "it has a public address (publiclyAccessible)"


@resource_rule(
    "Replication instances take minor upgrades by themselves",
    "medium",
    kinds.REPLICATION_INSTANCE,
    ids=("fsbp:DMS.6", "checkov:CKV_AWS_222"),
    why="Minor versions carry the security fixes.",
    fix="Set autoMinorVersionUpgrade to true; it happens in the maintenance window.",
)
def dms_minor_upgrades(instance: Resource) -> Messages:
    if not instance.truth("autoMinorVersionUpgrade"):
        yield "automatic minor version upgrades are off"


@resource_rule(
    "Replication instances are encrypted with a customer-managed key",
    "low",
    kinds.REPLICATION_INSTANCE,
    kinds.REPLICATION_ENDPOINT,
    kinds.REPLICATION_S3_ENDPOINT,
    ids=("checkov:CKV_AWS_212", "checkov:CKV_AWS_296", "checkov:CKV_AWS_298"),
    why="Its disk holds rows on their way, and its endpoints hold passwords.",
    fix="Name an aws.kms.Key in kmsKeyArn; for files in S3 in serverSideEncryptionKmsKeyId.",
)
def dms_customer_key(resource: Resource) -> Messages:
    path = _key_of(resource)
    if not names_customer_key(resource, path):
        yield f"it is not encrypted with a customer-managed key ({path})"


def _key_of(resource: Resource) -> str:
    """Return the property that names the key. An endpoint of S3 keeps no password: what it encrypts is the files it
    writes."""
    if resource.type == kinds.REPLICATION_S3_ENDPOINT:
        return "serverSideEncryptionKmsKeyId"
    if resource.type == kinds.REPLICATION_ENDPOINT and resource.get("engineName") == "s3":
        return "s3Settings.serverSideEncryptionKmsKeyId"
    return "kmsKeyArn"


@resource_rule(
    "Migration endpoints speak TLS",
    "medium",
    kinds.REPLICATION_ENDPOINT,
    ids=("fsbp:DMS.9", "checkov:CKV2_AWS_49"),
    why="The whole database crosses the network, often between two sites.",
    fix="Set sslMode to require, better verify-full with a certificate.",
)
def dms_endpoint_tls(endpoint: Resource) -> Messages:
    engine = str(endpoint.get("engineName", ""))
    if engine in _TLS_ENGINES and endpoint.get("sslMode") == "none":
        yield f"it connects to {engine} without TLS (sslMode)"


@resource_rule(
    "Migration endpoints take their password from Secrets Manager",
    "medium",
    kinds.REPLICATION_ENDPOINT,
    ids=(),
    why="A password in the program is in the state file, and nobody rotates it.",
    fix="Set secretsManagerArn and secretsManagerAccessRoleArn instead of username and password.",
    levels=ADVISORY_IN_DEV,
)
def dms_password_kept(endpoint: Resource) -> Messages:
    if not endpoint.has("password"):
        return
    marked = endpoint.node("password").value is Opaque.SECRET
    yield "its password comes from the program" + ("" if marked else " and is not marked as a secret")


@resource_rule(
    "Migration tasks keep logs",
    "medium",
    kinds.REPLICATION_TASK,
    ids=("fsbp:DMS.7", "fsbp:DMS.8"),
    why="Which rows could not be carried over stands only there.",
    fix="Set Logging.EnableLogging to true in replicationTaskSettings.",
    levels=ADVISORY_IN_DEV,
)
def dms_task_logs(task: Resource) -> Messages:
    text = task.get("replicationTaskSettings", "{}")
    try:
        settings = json.loads(text) if isinstance(text, str) else text
    except ValueError as error:
        raise UndeterminedError("replicationTaskSettings", f"malformed: {error}") from None
    logging = settings.get("Logging") if isinstance(settings, dict) else None
    if not isinstance(logging, dict) or logging.get("EnableLogging") is not True:
        yield "it keeps no logs (replicationTaskSettings, Logging.EnableLogging)"


@resource_rule(
    "Migration endpoints prove who they are",
    "medium",
    kinds.REPLICATION_ENDPOINT,
    ids=("fsbp:DMS.10", "fsbp:DMS.11"),
    why="A database that asks nobody who he is answers everybody who reaches it, long after the migration.",
    fix="Set mongodbSettings.authType to password; for Neptune, IamAuthEnabled=true in extraConnectionAttributes.",
)
def dms_endpoint_authenticated(endpoint: Resource) -> Messages:
    engine = str(endpoint.get("engineName", ""))
    if engine == "mongodb" and endpoint.get("mongodbSettings.authType", "password") == "no":
        yield "it signs in to MongoDB without a password (mongodbSettings.authType)"
    if engine == "neptune" and _attribute(endpoint, "iamauthenabled") != "true":
        yield "it signs in to Neptune without IAM (extraConnectionAttributes, IamAuthEnabled)"


def _attribute(endpoint: Resource, name: str) -> str:
    """Return an attribute of a connection, written as name=value;name=value."""
    pairs = (pair.partition("=") for pair in str(endpoint.get("extraConnectionAttributes", "")).split(";"))
    return next((value.strip().lower() for key, _, value in pairs if key.strip().lower() == name), "")


@resource_rule(
    "Migrations to Redis speak TLS",
    "medium",
    kinds.REPLICATION_ENDPOINT,
    ids=("fsbp:DMS.12",),
    why="Every item crosses the network, with the password before it.",
    fix="Remove redisSettings.sslSecurityProtocol: plaintext.",
)
def dms_redis_tls(endpoint: Resource) -> Messages:
    if endpoint.get("redisSettings.sslSecurityProtocol", "ssl-encryption") == "plaintext":
        yield "it speaks to Redis in clear (redisSettings.sslSecurityProtocol)"


@resource_rule(
    "Production replication instances span two zones",
    "medium",
    kinds.REPLICATION_INSTANCE,
    ids=("fsbp:DMS.13",),
    why="A migration that breaks off half-way starts anew, and the cut-over waits.",
    fix="Set multiAz to true.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def dms_two_zones(instance: Resource) -> Messages:
    if not instance.truth("multiAz"):
        yield "it has no standby in another zone (multiAz)"
