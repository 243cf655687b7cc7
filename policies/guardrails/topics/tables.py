"""DynamoDB tables and their caches."""

from __future__ import annotations

from collections import defaultdict

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.dependents import dependents
from guardrails.per_stack import per_stack
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource


@stack_rule(
    "Tables grow with their load",
    "medium",
    kinds.TABLE,
    ids=("fsbp:DynamoDB.1",),
    why="A table of fixed capacity refuses requests on the day that matters.",
    fix="Set billingMode to PAY_PER_REQUEST, or declare an aws.appautoscaling.Target for reads and one for writes.",
    levels=ADVISORY_IN_DEV,
)
def dynamodb_scales(table: Resource, stack: Stack) -> Messages:
    if table.get("billingMode") == "PAY_PER_REQUEST":
        return
    targets = [
        *dependents(table, stack, kinds.SCALING_TARGET, path="resourceId"),
        *(target for name in table.names for target in _scaling_targets(stack).get(f"table/{name}", ())),
    ]
    scaled = {str(target.get("scalableDimension")).rsplit(":", 1)[-1] for target in targets}
    for dimension, words in (("ReadCapacityUnits", "reads"), ("WriteCapacityUnits", "writes")):
        if dimension not in scaled:
            yield f"its capacity for {words} is fixed (billingMode is PROVISIONED)"


@per_stack
def _scaling_targets(stack: Stack) -> dict[str, list[Resource]]:
    targets = defaultdict(list)
    for target in stack.of_type(kinds.SCALING_TARGET):
        targets[str(target.node("resourceId").value)].append(target)
    return targets


@resource_rule(
    "Tables can be restored to any second",
    "medium",
    kinds.TABLE,
    ids=("fsbp:DynamoDB.2", "checkov:CKV_AWS_28"),
    why="A bad release that overwrites items is undone only with the state from before it.",
    fix="Set pointInTimeRecovery.enabled to true.",
    levels=ADVISORY_IN_DEV,
)
def dynamodb_point_in_time(table: Resource) -> Messages:
    if not table.truth("pointInTimeRecovery.enabled"):
        yield "it has no point-in-time recovery"


@resource_rule(
    "Production tables are protected from deletion",
    "medium",
    kinds.TABLE,
    ids=("fsbp:DynamoDB.6",),
    why="It makes deleting the table two steps, so that it does not happen by a slip.",
    fix="Set deletionProtectionEnabled to true.",
    stages=ONLY_PRODUCTION,
)
def dynamodb_deletion_protection(table: Resource) -> Messages:
    if not table.truth("deletionProtectionEnabled"):
        yield "deletion protection is off"


@resource_rule(
    "Tables are encrypted with a customer-managed key",
    "low",
    kinds.TABLE,
    ids=("checkov:CKV_AWS_119",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Set serverSideEncryption.enabled to true with a kmsKeyArn.",
)
def dynamodb_customer_key(table: Resource) -> Messages:
    if not table.truth("serverSideEncryption.enabled"):
        yield "it is encrypted with a key of DynamoDB's (serverSideEncryption)"
    elif not names_customer_key(table, "kmsKeyArn", at=table.node("serverSideEncryption")):
        yield "it is encrypted with AWS's key (serverSideEncryption.kmsKeyArn)"


@resource_rule(
    "DynamoDB caches are encrypted at rest",
    "medium",
    kinds.DAX_CLUSTER,
    ids=("fsbp:DynamoDB.3", "checkov:CKV_AWS_47"),
    why="The cache holds the items of the table behind it.",
    fix="Set serverSideEncryption.enabled to true; the cluster is replaced.",
)
def dax_encrypted(cluster: Resource) -> Messages:
    if not cluster.truth("serverSideEncryption.enabled"):
        yield "it is not encrypted at rest (serverSideEncryption.enabled)"


@resource_rule(
    "DynamoDB caches are encrypted in transit",
    "medium",
    kinds.DAX_CLUSTER,
    ids=("fsbp:DynamoDB.7", "checkov:CKV_AWS_239"),
    why="Items would cross the network in clear.",
    fix="Set clusterEndpointEncryptionType to TLS; the cluster is replaced.",
)
def dax_tls(cluster: Resource) -> Messages:
    if cluster.get("clusterEndpointEncryptionType", "NONE") != "TLS":
        yield "it accepts connections without TLS (clusterEndpointEncryptionType)"
