"""Streams, workflows and event routes: encrypted, logged, and nothing lost on the way."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_WEEK = 168
"""Hours that Kinesis.3 asks for."""


@resource_rule(
    "Streams are encrypted at rest",
    "medium",
    kinds.STREAM,
    ids=("fsbp:Kinesis.1", "checkov:CKV_AWS_43"),
    why="Records lie on disk for a day and longer.",
    fix="Set encryptionType to KMS and name a key in kmsKeyId.",
)
def stream_encrypted(stream: Resource) -> Messages:
    if stream.get("encryptionType") != "KMS":
        yield "it is not encrypted at rest (encryptionType)"


@resource_rule(
    "Streams keep a week of records",
    "medium",
    kinds.STREAM,
    ids=("fsbp:Kinesis.3",),
    why="A consumer that fails on Friday evening has lost its records by Monday.",
    fix="Set retentionPeriod to 168 hours or more.",
    levels=ADVISORY_IN_DEV,
)
def stream_retention(stream: Resource) -> Messages:
    hours = stream.number("retentionPeriod")
    if hours < _WEEK:
        yield f"it keeps records for {hours} hours (retentionPeriod)"


@resource_rule(
    "Delivery streams are encrypted at rest",
    "medium",
    kinds.DELIVERY_STREAM,
    ids=("fsbp:DataFirehose.1", "checkov:CKV_AWS_240"),
    why="Records wait on disk until they are delivered, and longer when the target is down.",
    fix="Set serverSideEncryption.enabled to true; a stream that reads from Kinesis is encrypted there.",
)
def delivery_stream_encrypted(stream: Resource) -> Messages:
    fed = stream.has("kinesisSourceConfiguration") or stream.has("mskSourceConfiguration")
    if not fed and not stream.truth("serverSideEncryption.enabled"):
        yield "it is not encrypted at rest (serverSideEncryption.enabled)"


@resource_rule(
    "State machines keep logs",
    "medium",
    kinds.STATE_MACHINE,
    ids=("fsbp:StepFunctions.1", "checkov:CKV_AWS_285"),
    why="An express workflow leaves no other trace of what it did.",
    fix="Set loggingConfiguration.level to ERROR or ALL with a logDestination.",
    levels=ADVISORY_IN_DEV,
)
def state_machine_logs(machine: Resource) -> Messages:
    if machine.get("loggingConfiguration.level") == "OFF":
        yield "it keeps no logs (loggingConfiguration.level)"


@resource_rule(
    "State machines show where time goes",
    "low",
    kinds.STATE_MACHINE,
    ids=("checkov:CKV_AWS_284",),
    why="A workflow that calls ten services is slow because of one of them.",
    fix="Set tracingConfiguration.enabled to true.",
)
def state_machine_traced(machine: Resource) -> Messages:
    if not machine.truth("tracingConfiguration.enabled"):
        yield "it is not traced (tracingConfiguration.enabled)"


@resource_rule(
    "Events that cannot be delivered are kept",
    "low",
    kinds.EVENT_TARGET,
    kinds.SCHEDULE,
    ids=(),
    why="After a day of retries EventBridge drops the event, and nobody knows.",
    fix="Name a queue in deadLetterConfig.arn.",
)
def event_failures_kept(target: Resource) -> Messages:
    path = "target.deadLetterConfig" if target.type == kinds.SCHEDULE else "deadLetterConfig"
    if not target.has(path):
        yield f"an event that cannot be delivered is lost ({path})"


@resource_rule(
    "Topics deliver only over TLS",
    "medium",
    kinds.SUBSCRIPTION,
    ids=(),
    why="A message sent to an http endpoint crosses the internet in clear.",
    fix="Set protocol to https.",
)
def subscription_tls(subscription: Resource) -> Messages:
    if subscription.get("protocol") == "http":
        yield "its messages are delivered in clear (protocol is http)"


@stack_rule(
    "Event buses say who may send to them",
    "low",
    kinds.EVENT_BUS,
    ids=("fsbp:EventBridge.3",),
    why="Without a policy of its own whoever may put events anywhere in the account may put them here.",
    fix="Declare an aws.cloudwatch.EventBusPolicy that names the senders.",
)
def event_bus_policy(bus: Resource, stack: Stack) -> Messages:
    # A bus of a partner takes events of the partner alone.
    if not bus.has("eventSourceName") and not stack.referrers(bus, "eventBusName", kinds.EVENT_BUS_POLICY):
        yield "it has no policy"
