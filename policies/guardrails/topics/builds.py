"""Builds (CodeBuild, CodePipeline): no secrets in the program, results encrypted, logs kept, nothing started by strangers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guardrails import kinds
from guardrails.plain_secrets import plain_secret
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule
from guardrails.secret_names import secrets_in
from guardrails.view import Node, Opaque, Resource, cannot_read

_PASSWORD_IN_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s@]+@", re.IGNORECASE)
"""A user, or a token as one, before the host; git over ssh has another form."""
_ACTION_SECRETS: tuple[str, ...] = ("OAuthToken", "Password", "PrivateKey", "SecretToken", "Token")
"""What the settings of a pipeline's actions call a secret (CodePipeline user guide, "Action structure reference")."""
_ACTOR = "ACTOR_ACCOUNT_ID"


def _sources(project: Resource) -> Iterator[Node]:
    if project.has("source"):
        yield project.node("source")
    yield from project.items("secondarySources")


def _artifacts(project: Resource) -> Iterator[Node]:
    if project.has("artifacts"):
        yield project.node("artifacts")
    yield from project.items("secondaryArtifacts")


@resource_rule(
    "Addresses of source code hold no credentials",
    "critical",
    kinds.BUILD_PROJECT,
    ids=("fsbp:CodeBuild.1",),
    why="A token in the address is in the state file, in every log of a build and in the console.",
    fix="Remove it from source.location; name an aws.codestarconnections.Connection in source.auth.",
)
def build_source_no_credentials(project: Resource) -> Messages:
    for source in _sources(project):
        if _PASSWORD_IN_ADDRESS.match(str(source.get("location", ""))):
            yield f"{source.path}.location holds credentials"


@resource_rule(
    "Source code is fetched over TLS",
    "medium",
    kinds.BUILD_PROJECT,
    ids=(),
    why="Whoever stands between could change what is built, and so what is deployed.",
    fix="Remove insecureSsl, and give the server a certificate that can be checked.",
)
def build_source_tls(project: Resource) -> Messages:
    for source in _sources(project):
        if source.truth("insecureSsl"):
            yield f"certificates of the server are not checked ({source.path}.insecureSsl)"
        if str(source.get("location", "")).lower().startswith("http://"):
            yield f"{source.path}.location is plain HTTP"


@resource_rule(
    "Builds get secrets from a store, not from their environment",
    "critical",
    kinds.BUILD_PROJECT,
    ids=("fsbp:CodeBuild.2",),
    why="Variables in clear are shown to everybody who may look at the project.",
    fix="Set type to SECRETS_MANAGER or PARAMETER_STORE and name the secret in value; in a buildspec, under env.secrets-manager.",
)
def build_environment_no_secrets(project: Resource) -> Messages:
    for source in _sources(project):
        for words in secrets_in(str(source.get("buildspec", ""))):
            yield f"{source.path}.buildspec holds {words}"
    for variable in project.items("environment.environmentVariables"):
        if variable.get("type", "PLAINTEXT") == "PLAINTEXT":
            yield from plain_secret(str(variable.get("name", "")), variable.node("value"))


@resource_rule(
    "Builds are not privileged",
    "high",
    kinds.BUILD_PROJECT,
    ids=("fsbp:CodeBuild.5", "checkov:CKV_AWS_316"),
    why="A privileged build, and each dependency that it runs, is root on its host.",
    fix="Remove environment.privilegedMode; build images with a tool that needs no Docker daemon, or in a project of their own.",
)
def build_not_privileged(project: Resource) -> Messages:
    if project.truth("environment.privilegedMode"):
        yield "it is privileged (environment.privilegedMode)"


@resource_rule(
    "Builds keep logs",
    "medium",
    kinds.BUILD_PROJECT,
    ids=("fsbp:CodeBuild.4", "checkov:CKV_AWS_314"),
    why="What was built from what, and by whose change, stands only there.",
    fix="Remove status: DISABLED from logsConfig.cloudwatchLogs, or enable s3Logs.",
    levels=ADVISORY_IN_DEV,
)
def build_logs(project: Resource) -> Messages:
    cloudwatch = project.get("logsConfig.cloudwatchLogs.status", "ENABLED")
    if cloudwatch != "ENABLED" and project.get("logsConfig.s3Logs.status", "DISABLED") != "ENABLED":
        yield "it keeps no logs (logsConfig)"


@resource_rule(
    "Results, reports and logs of builds are encrypted",
    "medium",
    kinds.BUILD_PROJECT,
    kinds.BUILD_REPORTS,
    ids=("fsbp:CodeBuild.3", "fsbp:CodeBuild.7", "checkov:CKV_AWS_78", "checkov:CKV_AWS_311"),
    why="They hold the program, and often what it was tested with.",
    fix="Remove encryptionDisabled.",
)
def build_results_encrypted(resource: Resource) -> Messages:
    if resource.type == kinds.BUILD_REPORTS:
        if resource.truth("exportConfig.s3Destination.encryptionDisabled"):
            yield "its reports are not encrypted (exportConfig.s3Destination.encryptionDisabled)"
        return
    for artifacts in _artifacts(resource):
        if artifacts.get("type", "") != "NO_ARTIFACTS" and artifacts.truth("encryptionDisabled"):
            yield f"its results are not encrypted ({artifacts.path}.encryptionDisabled)"
    if resource.truth("logsConfig.s3Logs.encryptionDisabled"):
        yield "its logs are not encrypted (logsConfig.s3Logs.encryptionDisabled)"


@resource_rule(
    "Builds are not shown to the public",
    "high",
    kinds.BUILD_PROJECT,
    ids=(),
    why="Logs and results of every build can be read by anyone who has the address.",
    fix="Remove projectVisibility, or set it to PRIVATE.",
)
def build_not_public(project: Resource) -> Messages:
    if project.get("projectVisibility", "PRIVATE") != "PRIVATE":
        yield "its builds are public (projectVisibility)"


@resource_rule(
    "Filters of who may start a build match whole accounts",
    "high",
    kinds.BUILD_WEBHOOK,
    ids=(),
    why="123 without ^ and $ also matches the stranger 91234, whose pull request then runs with the rights of the build.",
    fix="Write each account as ^123456$, joined by | outside of them.",
)
def build_webhook_filter_exact(webhook: Resource) -> Messages:
    for group in webhook.items("filterGroups"):
        for item in group.items("filters"):
            pattern = str(item.get("pattern", ""))
            if item.get("type") == _ACTOR and not item.truth("excludeMatchedPattern") and not _is_anchored(pattern):
                yield f"{item.path} also matches other accounts ({_ACTOR} is {pattern})"


def _is_anchored(pattern: str) -> bool:
    """Tell whether a pattern matches whole account numbers only: each of its branches, or all of them in one group."""
    whole = re.fullmatch(r"\^\((?:\?:)?([^()]*)\)\$", pattern)
    if whole:
        return True
    return all(branch.startswith("^") and branch.endswith("$") for branch in pattern.split("|"))


@resource_rule(
    "Webhooks of pipelines ask who calls",
    "high",
    kinds.PIPELINE_WEBHOOK,
    ids=(),
    why="Whoever finds the address could start a deployment.",
    fix="Set authentication to GITHUB_HMAC with a secretToken.",
)
def pipeline_webhook_authenticated(webhook: Resource) -> Messages:
    if webhook.get("authentication") == "UNAUTHENTICATED":
        yield "anyone may call it (authentication is UNAUTHENTICATED)"


@resource_rule(
    "Pipelines hold no secrets in their settings",
    "critical",
    kinds.PIPELINE,
    kinds.PIPELINE_WEBHOOK,
    ids=(),
    why="A token in clear is in the state file and in every preview.",
    fix="Use a connection (CodeStarSourceConnection), or mark the value as a secret of Pulumi's.",
)
def pipeline_no_secrets(resource: Resource) -> Messages:
    for settings, name in _secret_settings(resource):
        value = settings.node(name).value
        if value is Opaque.UNKNOWN:
            raise cannot_read(f"{settings.path}.{name}", value)
        if isinstance(value, str) and value:
            yield f"{name} of {settings.path} is not marked as a secret"


def _secret_settings(resource: Resource) -> Iterator[tuple[Node, str]]:
    """Yield each place for a secret, with what it is called there."""
    if resource.type == kinds.PIPELINE_WEBHOOK:
        yield resource.node("authenticationConfiguration"), "secretToken"
    for stage in resource.items("stages"):
        for action in stage.items("actions"):
            yield from ((action.node("configuration"), name) for name in _ACTION_SECRETS)
