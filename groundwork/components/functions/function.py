"""One Lambda function: its code, who it is, what it may do, what starts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import (
    Grant,
    ParameterReference,
    SecretReference,
    Statement,
    fold,
    policy_document,
    trust_policy,
)
from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component, fit, key_of
from groundwork.components.compute.security_groups import open_for, security_group
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.compute.workload import role_of
from groundwork.components.context import Context
from groundwork.components.functions.artefacts import PYTHON, artefact, packaging, runs_under_pulumi
from groundwork.components.functions.network import interfaces, no_interfaces_for_code
from groundwork.components.functions.settings import FunctionSettings, QueueTrigger
from groundwork.components.logs import log_group
from groundwork.components.messaging.dead_letters import dead_letters, key_statement, sending
from groundwork.components.services.settings import ServiceSettings
from groundwork.settings.facts import via_service
from groundwork.settings.variables import SUFFIXES


class TriggerQueue(Protocol):
    """The queue that starts a function."""

    @property
    def arn(self) -> pulumi.Output[str]: ...

    @property
    def backoff(self) -> Mapping[str, str]:
        """Return the variables that tell its function when failed messages come again."""

    def grant(self, level: str, prefix: str | None = None) -> Grant: ...


@dataclass(frozen=True)
class _VpcPlacement:
    """Where a function stands in the network, and what must be there before it starts."""

    configuration: aws.lambda_.FunctionVpcConfigArgs
    group_id: pulumi.Output[str]
    ready: tuple[pulumi.Resource, ...]
    """Rules, and the network's ways out."""
    statements: tuple[Statement, ...]


class Function(Component):
    """A Python function on Graviton, with a role of its own that holds what it ``uses`` and nothing else.

    Builds: function, role, log group (JSON lines), a failures queue for calls by topics and schedules that failed to the end,
    alarms; with a trigger the mapping that feeds it a queue, where a batch fails message by message; and where it uses
    something in the network (database, cache, search) a security group with exactly those rules. Otherwise it stays outside the
    network, which starts faster and needs no NAT.

    Code is the package that ``make functions`` puts into ``build/functions``, named after its content: a preview shows changed
    code as another file and needs none of them; an update stops before it touches anything when one is missing.

    Secrets: Lambda takes none by reference. A use that gives ``NAME`` to a container gives a function ``NAME_SECRET``, the
    reference in ECS's form (``arn:json-key::``), and the permission to read it; the handler asks Secrets Manager. Nothing
    secret is in its configuration. What a container reads from Parameter Store a function finds by its name in ``NAME_PARAMETER``.

    Cost: $0.20 per million calls and $0.0000133334 per GB-second; a reserved copy costs nothing. In the network nothing more.

    Fails: alarms ``errors``, ``throttles``, ``duration``, ``failures``. ``Runtime.ImportModuleError`` names a requirement that
    the package lacks; ``AccessDenied`` names what no ``uses`` line grants; a call that times out in the network has no way
    out: see NAT and endpoints.

    Changes without replacement: everything but the name. Reserved copies are taken from the account's 1,000, of which 100
    always stay free.
    """

    layer = "functions"

    function_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]
    failures_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str] | None
    """None outside the network."""
    log_group_name: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: FunctionSettings,
        context: Context,
        *,
        key: str | None = None,
        grants: Mapping[str, Grant] | None = None,
        queue: TriggerQueue | None = None,
        network: NetworkLike | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the function with its role and alarms. ``key`` is its own name, unset what follows the platform's in ``name``. ``grants`` are
        by the names under ``uses``; ``queue`` is the trigger's; without ``network`` it stands outside any VPC."""
        super().__init__(name, context, opts)
        key, grants = key or key_of(name, context), grants or {}
        self._key = key
        self._settings = settings
        self._traced = self.context.alerting.settings.tracing if settings.tracing is None else settings.tracing
        granted = fold(list(grants.values()))
        logs = log_group(self, "logs", f"{context.prefix}/functions/{key}")
        failures = dead_letters(
            self,
            "failures",
            description=f"Calls of {key} failed to the end. The message holds the event and the error; its log says more.",
        )
        place = self._place(grants, network)
        role = role_of(
            self, "role", trust_policy("lambda.amazonaws.com", context.account_id), f"What function {key} may do."
        )
        allowed = [
            Statement(
                "WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [pulumi.Output.concat(logs.arn, ":*")]
            ),
            *sending("Failures", failures.arn, self.context.key_arn("messaging"), context.region),
            *([_TRACE] if self._traced else []),
            *(place.statements if place else ()),
            *_secret_statements(granted.secrets, context.region),
            *_parameter_statements(granted.parameters),
            *_distinct([*grants.items(), *([("trigger", queue.grant("consume"))] if queue else [])]),
        ]
        policy = aws.iam.RolePolicy(f"{name}-role", role=role.name, policy=policy_document(allowed), opts=self.child())
        function = self._function(
            granted,
            role_arn=role.arn,
            logs=logs,
            told=queue.backoff if queue else {},
            place=place,
            ready=[policy, *(place.ready if place else ())],
        )
        if place:
            no_interfaces_for_code(self, role, function.arn)
        self._on_failure(function, failures)
        if queue and settings.trigger:
            self._mapping(settings.trigger, queue, function)
        self._watch(function)
        self.function_name = function.name
        self.arn = function.arn
        self.role_arn = role.arn
        self.failures_arn = failures.arn
        self.security_group_id = place.group_id if place else None
        self.log_group_name = logs.name
        self.register_outputs({"functionName": function.name, "arn": function.arn})

    def _place(self, grants: Mapping[str, Grant], network: NetworkLike | None) -> _VpcPlacement | None:
        """Return subnets and security group; None unless something in the network is used."""
        openings = {used: grant.openings for used, grant in grants.items() if grant.openings}
        if not openings:
            return None
        if network is None:
            raise pulumi.RunError(f"functions.{self._key} uses {', '.join(openings)}, and there is no network")
        like_a_service = ServiceSettings(outbound_ports=self._settings.outbound_ports)
        group = security_group(self, "function", like_a_service, network)
        rules = [
            rule for used, opened in openings.items() for rule in open_for(self, "function", used, opened, group.id)
        ]
        subnets = list(network.private_subnet_ids.values())
        return _VpcPlacement(
            configuration=aws.lambda_.FunctionVpcConfigArgs(
                subnet_ids=subnets,
                security_group_ids=[group.id],
                ipv6_allowed_for_dual_stack=network.vpc_ipv6 or None,
            ),
            group_id=group.id,
            ready=(*group.rules, *rules, *network.private_ready),
            statements=interfaces(self.context, subnets, group.id),
        )

    def _function(
        self,
        granted: Grant,
        *,
        role_arn: pulumi.Output[str],
        logs: aws.cloudwatch.LogGroup,
        told: Mapping[str, str],
        place: _VpcPlacement | None,
        ready: Sequence[pulumi.Resource],
    ) -> aws.lambda_.Function:
        settings = self._settings
        environment = {
            **told,
            **granted.environment,
            **{f"{name}{SUFFIXES['secret']}": _reference(secret) for name, secret in granted.secrets.items()},
            **{f"{name}{SUFFIXES['parameter']}": held.name for name, held in granted.parameters.items()},
            **settings.environment,
        }
        return aws.lambda_.Function(
            fit(f"{self.name}-function", 56),
            description=f"{self._key} of {self.context.platform.name} {self.context.platform.stage}",
            runtime=f"python{PYTHON}",
            architectures=["arm64"],
            code=self._code(),
            handler=settings.handler,
            memory_size=settings.memory,
            timeout=settings.timeout,
            ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=settings.ephemeral_mb),
            reserved_concurrent_executions=settings.concurrency,
            role=role_arn,
            kms_key_arn=self.context.key_arn("secrets"),
            environment=(
                aws.lambda_.FunctionEnvironmentArgs(variables=dict(sorted(environment.items())))
                if environment
                else None
            ),
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(
                log_format="JSON", log_group=logs.name, application_log_level="INFO", system_log_level="INFO"
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active" if self._traced else "PassThrough"),
            vpc_config=place.configuration if place else None,
            opts=self.child(depends_on=list(ready)),
        )

    def _code(self) -> pulumi.FileArchive:
        program = Path.cwd()  # which is the program's folder: where both engines run it
        path = artefact(self._settings.code, program)
        if runs_under_pulumi() and not (program / path).is_file():
            raise pulumi.RunError(
                f"functions.{self._key}: its package {path} is not there; run `{packaging(program)}`, which makes all of them"
            )
        return pulumi.FileArchive(path)

    def _on_failure(self, function: aws.lambda_.Function, failures: aws.sqs.Queue) -> None:
        """Send failed events to a destination, not a dead-letter queue: it also says what went wrong.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
        """
        aws.lambda_.FunctionEventInvokeConfig(
            f"{self.name}-failures",
            function_name=function.name,
            maximum_retry_attempts=self._settings.retries,
            destination_config=aws.lambda_.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=aws.lambda_.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(destination=failures.arn)
            ),
            opts=self.child(),
        )

    def _mapping(self, trigger: QueueTrigger, queue: TriggerQueue, function: aws.lambda_.Function) -> None:
        aws.lambda_.EventSourceMapping(
            f"{self.name}-trigger",
            event_source_arn=queue.arn,
            function_name=function.arn,
            batch_size=trigger.batch,
            maximum_batching_window_in_seconds=trigger.window or None,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=(
                aws.lambda_.EventSourceMappingScalingConfigArgs(maximum_concurrency=trigger.concurrency)
                if trigger.concurrency
                else None
            ),
            opts=self.child(),
        )

    def _watch(self, function: aws.lambda_.Function) -> None:
        settings = self._settings
        share = settings.alarm_duration
        slowest = None if share is None else share.convert(lambda percent: settings.timeout * 1000 * percent / 100)
        for key, metric, statistic, threshold, description in (
            ("errors", "Errors", "Sum", settings.alarm_errors, "calls fail. Read its log."),
            (
                "throttles",
                "Throttles",
                "Sum",
                settings.alarm_throttles,
                "calls find no free copy. Raise concurrency, or look at what else takes the account's.",
            ),
            (
                "duration",
                "Duration",
                "Maximum",
                slowest,
                "calls come near the timeout. See what they wait for; memory also buys CPU.",
            ),
        ):
            alarm(
                self,
                key,
                Metric("AWS/Lambda", metric, {"FunctionName": function.name}, statistic),
                threshold=threshold,
                description=f"Function {self._key}: {description}",
                comparison="GreaterThanOrEqualToThreshold",
                period=300,
                periods=1,
            )


def _reference(secret: SecretReference) -> pulumi.Input[str]:
    """Return a secret's address as ECS writes it:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html"""
    return pulumi.Output.concat(secret.arn, f":{secret.key}::") if secret.key else secret.arn


def _secret_statements(secrets: Mapping[str, SecretReference], region: str) -> Iterator[Statement]:
    """Yield the permissions to read secrets. Several names may come from one secret; a permission names it once."""
    arns = list({id(secret.arn): secret.arn for secret in secrets.values()}.values())
    keys = {id(secret.kms_key_arn): secret.kms_key_arn for secret in secrets.values() if secret.kms_key_arn is not None}
    if arns:
        yield Statement("ReadSecrets", ["secretsmanager:GetSecretValue"], arns)
    if keys:
        decrypt = key_statement("Secrets", "", via_service("secretsmanager", region), ["kms:Decrypt"])
        yield replace(decrypt, resources=list(keys.values()))


def _parameter_statements(parameters: Mapping[str, ParameterReference]) -> Iterator[Statement]:
    if parameters:
        arns = [parameter.arn for parameter in parameters.values()]
        yield Statement("ReadParameters", ["ssm:GetParameter", "ssm:GetParameters"], arns)


def _distinct(grants: Sequence[tuple[str, Grant]]) -> list[Statement]:
    """Make statement ids differ within a policy, as IAM requires; two things may both grant ``Read``."""
    statements: dict[str, Statement] = {}
    for used, grant in grants:
        for statement in grant.statements:
            label = statement.sid
            if label in statements:
                label = "".join(part.capitalize() for part in used.replace(".", "-").split("-")) + label
            statements[label] = replace(statement, sid=label)
    return list(statements.values())


# No action here takes a resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
_TRACE = Statement("Trace", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"])
