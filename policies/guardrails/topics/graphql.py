"""AppSync: GraphQL and event APIs that ask who calls, and keep logs.

Its caches need no rule: AWS encrypts every one of them, at rest and in transit, since May 2025, whatever
atRestEncryptionEnabled and transitEncryptionEnabled say (CreateApiCache).
"""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_LEVELS = {"ERROR", "ALL", "INFO", "DEBUG"}
"""Levels at which resolvers and handlers write anything; NONE writes nothing."""


@resource_rule(
    "GraphQL APIs do not take API keys for a proof",
    "high",
    kinds.GRAPHQL_API,
    kinds.EVENT_API,
    ids=("fsbp:AppSync.5",),
    why="A key is in every copy of the application, and so with everybody: it tells programs apart, not people.",
    fix="Set authenticationType to AMAZON_COGNITO_USER_POOLS, OPENID_CONNECT, AWS_LAMBDA or AWS_IAM.",
    levels=ADVISORY_IN_DEV,
)
def graphql_no_api_key(api: Resource) -> Messages:
    if api.type == kinds.EVENT_API:
        for provider in api.items("eventConfig.authProviders"):
            if provider.get("authType") == "API_KEY":
                yield f"it takes an API key for a proof ({provider.path}.authType)"
        return
    if api.get("authenticationType") == "API_KEY":
        yield "it takes an API key for a proof (authenticationType)"
    for provider in api.items("additionalAuthenticationProviders"):
        if provider.get("authenticationType") == "API_KEY":
            yield f"it takes an API key for a proof ({provider.path}.authenticationType)"


@resource_rule(
    "GraphQL APIs log what fails",
    "medium",
    kinds.GRAPHQL_API,
    kinds.EVENT_API,
    ids=("fsbp:AppSync.2", "checkov:CKV_AWS_193", "checkov:CKV_AWS_194"),
    why="Which field was refused to whom stands only there.",
    fix="Set logConfig.fieldLogLevel to ERROR or ALL (of an event API: eventConfig.logConfig.logLevel), with a role.",
    levels=ADVISORY_IN_DEV,
)
def graphql_logs(api: Resource) -> Messages:
    path = "eventConfig.logConfig.logLevel" if api.type == kinds.EVENT_API else "logConfig.fieldLogLevel"
    if str(api.get(path, "NONE")) not in _LEVELS:
        yield f"it keeps no logs ({path})"


@stack_rule(
    "Public GraphQL APIs stand behind a web ACL",
    "low",
    kinds.GRAPHQL_API,
    ids=("checkov:CKV2_AWS_33",),
    why="Scanners and bots reach it directly when nothing filters before it.",
    fix="Declare an aws.wafv2.WebAclAssociation for it.",
)
def graphql_web_acl(api: Resource, stack: Stack) -> Messages:
    private = api.get("visibility", "GLOBAL") == "PRIVATE"
    if not private and not stack.referrers(api, "resourceArn", *kinds.WEB_ACL_ASSOCIATIONS):
        yield "it faces the internet without a web ACL"


@resource_rule(
    "GraphQL APIs fetch their data over TLS",
    "medium",
    kinds.GRAPHQL_SOURCE,
    ids=(),
    why="What a caller sends, and what he is answered, crosses the internet in clear.",
    fix="Set httpConfig.endpoint to an https address.",
)
def graphql_source_tls(source: Resource) -> Messages:
    if str(source.get("httpConfig.endpoint", "")).lower().startswith("http://"):
        yield "it fetches in clear (httpConfig.endpoint)"
