"""Functions: their runtime, what they are told, and what becomes of events that fail."""

from __future__ import annotations

import re

from guardrails import kinds
from guardrails.per_stack import per_stack
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.secret_names import is_secret_name, names_another_place, secrets_in
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource
from guardrails.zones import in_one_zone

_OLDEST = {"nodejs": (22,), "python": (3, 10), "ruby": (3, 3), "dotnet": (8,)}
"""Oldest version of each language that AWS still patches in November 2026 (Lambda developer guide, "Lambda runtimes")."""
_RETIRED = {"provided", "go1.x", "java8", "nodejs", "provided.al2"}
_RUNTIME = re.compile(r"(?P<language>[a-z]+?)(?:core)?(?P<version>\d+(?:\.\d+)?)")
_WAITING_CALLERS = {"apigateway.amazonaws.com", "cognito-idp.amazonaws.com", "elasticloadbalancing.amazonaws.com"}
"""Services that call a function synchronously (Lambda developer guide, "Invoking Lambda with events from other services")."""
_TIMES = 6
"""How often a function may be retried before its message shows again (Lambda developer guide, "Using Lambda with SQS")."""


@resource_rule(
    "Functions run on a runtime that is still patched",
    "medium",
    kinds.FUNCTION,
    ids=("fsbp:Lambda.2", "checkov:CKV_AWS_363"),
    why="A runtime that AWS has deprecated gets no security fixes, and soon no updates of the function either.",
    fix="Set runtime to a supported version of the language, and test with it.",
)
def lambda_runtime_supported(function: Resource) -> Messages:
    runtime = str(function.get("runtime", ""))
    found = _RUNTIME.match(runtime)
    oldest = _OLDEST.get(found["language"]) if found else None
    old = found is not None and oldest is not None and tuple(map(int, found["version"].split("."))) < oldest
    if old or runtime in _RETIRED or runtime.startswith("dotnetcore"):
        yield f"its runtime {runtime} gets no more security fixes"


@resource_rule(
    "No secret stands in the environment of a function",
    "high",
    kinds.FUNCTION,
    ids=("checkov:CKV_AWS_45",),
    why="Everyone who may read the function's configuration reads it, for all its versions.",
    fix="Keep it in Secrets Manager or Parameter Store; give the function the ARN and the right to read it.",
)
def lambda_no_plain_secrets(function: Resource) -> Messages:
    variables = function.node("environment.variables").value
    if not isinstance(variables, dict):
        function.get("environment.variables")
        return
    unread: list[str] = []
    for name, value in variables.items():
        if value is Opaque.SECRET:
            yield f"{name} is in its environment in plain text, and the program keeps it secret"
        elif held := secrets_in(value) if isinstance(value, str) else []:
            yield f"{name} holds {held[0]}, in its environment in plain text"
        elif not is_secret_name(str(name)) or (isinstance(value, str) and names_another_place(value)):
            continue
        elif value is Opaque.UNKNOWN:
            unread.append(str(name))
        else:
            yield f"{name} is in its environment in plain text"
    for name in unread:
        function.node("environment.variables").get(name)


@resource_rule(
    "The environment of functions is encrypted with a key of yours",
    "low",
    kinds.FUNCTION,
    ids=("checkov:CKV_AWS_173",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in kmsKeyArn.",
)
def lambda_environment_key(function: Resource) -> Messages:
    if function.has("environment.variables") and not function.has("kmsKeyArn"):
        yield "its environment is encrypted with AWS's key only (kmsKeyArn)"


@resource_rule(
    "Functions run inside a VPC",
    "low",
    kinds.FUNCTION,
    ids=("securityhub:Lambda.3", "checkov:CKV_AWS_117"),
    why="Only there security groups and flow logs see what the function connects to.",
    fix="Give vpcConfig private subnets and a security group; a function that reaches only AWS's APIs may stay outside.",
)
def lambda_in_vpc(function: Resource) -> Messages:
    if not function.has("vpcConfig.subnetIds"):
        yield "it runs outside every VPC (vpcConfig)"


@stack_rule(
    "Functions inside a VPC span two zones",
    "medium",
    kinds.FUNCTION,
    ids=("fsbp:Lambda.5",),
    why="When the zone of its one subnet fails, the function stops.",
    fix="List subnets of two or more zones in vpcConfig.subnetIds.",
    levels=ADVISORY_IN_DEV,
)
def lambda_two_zones(function: Resource, stack: Stack) -> Messages:
    if function.has("vpcConfig.subnetIds") and in_one_zone(function, stack, "vpcConfig.subnetIds"):
        yield "all its subnets are in one zone (vpcConfig.subnetIds)"


@resource_rule(
    "Functions are traced",
    "low",
    kinds.FUNCTION,
    ids=("checkov:CKV_AWS_50",),
    why="A trace shows which of the calls behind a slow request was the slow one.",
    fix="Set tracingConfig.mode to Active.",
)
def lambda_traced(function: Resource) -> Messages:
    if function.get("tracingConfig.mode") != "Active":
        yield "it is not traced (tracingConfig.mode)"


@stack_rule(
    "Events that a function cannot handle are kept",
    "low",
    kinds.FUNCTION,
    ids=("checkov:CKV_AWS_116",),
    why="After two more tries an asynchronous event is dropped, and nobody knows.",
    fix="Give deadLetterConfig, or declare an aws.lambda.FunctionEventInvokeConfig with a destination for failures.",
)
def lambda_failures_kept(function: Resource, stack: Stack) -> Messages:
    settings = stack.referrers(function, "functionName", kinds.FUNCTION_EVENTS)
    kept = function.has("deadLetterConfig") or any(one.has("destinationConfig.onFailure") for one in settings)
    if not kept and not _only_answers(function, stack):
        yield "failed asynchronous events are lost (deadLetterConfig)"


def _only_answers(function: Resource, stack: Stack) -> bool:
    """Tell whether all that calls a function waits for its answer or tries again itself, as APIs and pollers do."""
    polled = stack.referrers(function, "functionName", kinds.EVENT_SOURCE)
    permissions = stack.referrers(function, "function", kinds.PERMISSION)
    urls = stack.referrers(function, "functionName", kinds.FUNCTION_URL)
    waiting = [one for one in permissions if one.node("principal").value in _WAITING_CALLERS]
    return len(waiting) == len(permissions) and bool(polled or permissions or urls)


@stack_rule(
    "The logs of functions are in a declared log group",
    "low",
    kinds.FUNCTION,
    ids=(),
    why="The group that Lambda makes by itself keeps everything for ever, under AWS's key.",
    fix="Declare an aws.cloudwatch.LogGroup with retention and name it in loggingConfig.logGroup.",
)
def lambda_log_group(function: Resource, stack: Stack) -> Messages:
    if function.has("loggingConfig.logGroup") or stack.referrers(function, "name", kinds.LOG_GROUP):
        return
    if not any(f"/aws/lambda/{name}" in _log_groups(stack) for name in function.names):
        yield "Lambda will make its log group, without retention (loggingConfig.logGroup)"


@per_stack
def _log_groups(stack: Stack) -> set[str]:
    return {name for group in stack.of_type(kinds.LOG_GROUP) for name in group.names}


@stack_rule(
    "A queue hides a message for as long as its function may need",
    "low",
    kinds.EVENT_SOURCE,
    ids=(),
    why="Otherwise the message shows again while it is being handled, and is handled twice.",
    fix="Set the queue's visibilityTimeoutSeconds to six times the function's timeout.",
)
def queue_outlasts_function(source: Resource, stack: Stack) -> Messages:
    for queue in stack.targets(source, "eventSourceArn", kinds.QUEUE):
        for function in stack.targets(source, "functionName", kinds.FUNCTION):
            hidden, timeout = queue.number("visibilityTimeoutSeconds"), function.number("timeout")
            if hidden < _TIMES * timeout:
                yield f"queue {queue.name!r} hides a message for {hidden} s, its function may take {timeout} s"


@stack_rule(
    "What a queue's function cannot handle goes to a dead-letter queue",
    "medium",
    kinds.EVENT_SOURCE,
    ids=(),
    why="One message that always fails is otherwise tried until it expires, and then lost.",
    fix="Give the queue a redrivePolicy with maxReceiveCount and a dead-letter queue.",
    levels=ADVISORY_IN_DEV,
)
def queue_has_dead_letters(source: Resource, stack: Stack) -> Messages:
    for queue in stack.targets(source, "eventSourceArn", kinds.QUEUE):
        if not queue.has("redrivePolicy") and not stack.referrers(queue, "queueUrl", kinds.REDRIVE_POLICY):
            yield f"queue {queue.name!r} has no dead-letter queue (redrivePolicy)"
