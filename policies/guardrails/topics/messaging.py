"""Queues, topics and functions: encrypted, and not for everyone."""

from __future__ import annotations

from guardrails import documents, kinds
from guardrails.customer_keys import names_customer_key
from guardrails.iam.arns import names_owner
from guardrails.iam.denials import refuses_plain_http
from guardrails.principals import is_service, public_statements
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_QUEUE_FORM = "arn:*:sqs:*:*:*"


@resource_rule(
    "Queues are encrypted at rest",
    "medium",
    kinds.QUEUE,
    ids=("fsbp:SQS.1", "checkov:CKV_AWS_27"),
    why="Messages wait for days on disk; SQS encrypts them unless that is turned off.",
    fix="Remove sqsManagedSseEnabled: false, or name a key in kmsMasterKeyId.",
)
def sqs_encrypted(queue: Resource) -> Messages:
    if not queue.has("kmsMasterKeyId") and not queue.truth("sqsManagedSseEnabled"):
        yield "encryption is turned off"


@resource_rule(
    "Queues are encrypted with a customer-managed key",
    "low",
    kinds.QUEUE,
    ids=("checkov:CKV2_AWS_73",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in kmsMasterKeyId.",
)
def sqs_customer_key(queue: Resource) -> Messages:
    if not names_customer_key(queue, "kmsMasterKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsMasterKeyId)"


@resource_rule(
    "No queue is open to everyone",
    "high",
    kinds.QUEUE,
    kinds.QUEUE_POLICY,
    ids=("fsbp:SQS.3", "checkov:CKV_AWS_168", "checkov:CKV_AWS_387"),
    why="Anyone with an AWS account could read the messages or fill the queue at your cost.",
    fix="Name the principals; a service principal gets a condition on aws:SourceArn.",
)
def sqs_policy_not_public(queue: Resource) -> Messages:
    yield from public_statements(documents.read(queue, "policy"))


@stack_rule(
    "Queues refuse requests without TLS",
    "medium",
    kinds.QUEUE,
    ids=(),
    why="SQS also answers plain HTTP; message bodies would cross the network in clear.",
    fix='Add a queue policy that denies sqs:* to everyone when aws:SecureTransport is "false".',
    levels=ADVISORY_IN_DEV,
)
def sqs_tls_only(queue: Resource, stack: Stack) -> Messages:
    held = stack.referrers(queue, "queueUrl", kinds.QUEUE_POLICY)
    if not any(refuses_plain_http(documents.read(one, "policy"), queue, _QUEUE_FORM) for one in (*held, queue)):
        yield "no queue policy denies all requests without TLS"


@resource_rule(
    "Topics are encrypted at rest",
    "medium",
    kinds.TOPIC,
    ids=("securityhub:SNS.1", "checkov:CKV_AWS_26"),
    why="Messages wait on disk while a subscriber is down; SNS does not encrypt them unless told.",
    fix="Name an aws.kms.Key in kmsMasterKeyId.",
)
def sns_encrypted(topic: Resource) -> Messages:
    if not topic.has("kmsMasterKeyId"):
        yield "it is not encrypted (kmsMasterKeyId)"


@resource_rule(
    "No topic is open to everyone",
    "high",
    kinds.TOPIC,
    kinds.TOPIC_POLICY,
    ids=("fsbp:SNS.4", "checkov:CKV_AWS_169", "checkov:CKV_AWS_385"),
    why="Anyone with an AWS account could subscribe to the messages or send false ones.",
    fix="Name the principals; a service principal gets a condition on aws:SourceArn or aws:SourceAccount.",
)
def sns_policy_not_public(topic: Resource) -> Messages:
    yield from public_statements(documents.read(topic, "policy"))


@resource_rule(
    "Nobody outside is allowed to invoke a function",
    "critical",
    kinds.PERMISSION,
    kinds.FUNCTION_URL,
    ids=("fsbp:Lambda.1", "checkov:CKV_AWS_301", "checkov:CKV_AWS_258"),
    why="Anyone could run the code with the function's permissions and at your cost.",
    fix="Name the principal; give function URLs authorizationType AWS_IAM and put CloudFront or an API in front.",
)
def lambda_not_public(permission: Resource) -> Messages:
    if permission.get("authorizationType") == "NONE":
        yield "its URL answers everyone (authorizationType is NONE)"
    if permission.get("principal") == "*" and not (permission.has("principalOrgId") or _has_source(permission)):
        yield "everyone may invoke it"


@resource_rule(
    "A service may invoke a function only for a resource of yours",
    "medium",
    kinds.PERMISSION,
    ids=("checkov:CKV_AWS_364",),
    why="Otherwise the same service can be made to invoke it by a stranger's account (confused deputy).",
    fix="Give sourceArn of the bucket, topic, rule or API, or at least sourceAccount.",
)
def lambda_permission_scoped(permission: Resource) -> Messages:
    service = str(permission.get("principal", ""))
    if is_service(service) and not _has_source(permission):
        yield f"{service} may invoke it for anyone (no sourceAccount, no sourceArn that says whose the source is)"


def _has_source(permission: Resource) -> bool:
    """Tell whether it says for whose sake the function may be invoked; an ARN that is not known yet is taken at its
    word."""
    if permission.has("sourceAccount") or not permission.known("sourceArn"):
        return True
    return permission.has("sourceArn") and names_owner(str(permission.get("sourceArn")))
