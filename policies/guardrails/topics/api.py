"""APIs and App Runner services: who may call, what is logged, how it is encrypted."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.secret_names import is_secret_name, names_another_place, secrets_in
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource

_WITHOUT_CERTIFICATE = ("AWS", "AWS_PROXY", "MOCK")


def _settings(stage: Resource, stack: Stack) -> list[Resource]:
    """List the method settings of a stage: they name its API and its name."""
    found = []
    for settings in stack.of_type(kinds.REST_SETTINGS):
        if stage.urn in settings.property_dependencies.get("stageName", ()):
            found.append(settings)
        elif settings.known("stageName") and stage.known("stageName"):
            same_api = set(settings.property_dependencies.get("restApi", ())) & set(
                stage.property_dependencies.get("restApi", ())
            ) or settings.get("restApi") == stage.get("restApi")
            if same_api and settings.get("stageName") == stage.get("stageName"):
                found.append(settings)
    return found


@stack_rule(
    "APIs log what they execute",
    "medium",
    kinds.REST_STAGE,
    kinds.HTTP_STAGE,
    ids=("fsbp:APIGateway.1",),
    why="Why a request failed, and who sent it, stands only there.",
    fix='Set loggingLevel to ERROR or INFO: in aws.apigateway.MethodSettings for "*/*", in defaultRouteSettings for WebSockets.',
    levels=ADVISORY_IN_DEV,
)
def api_execution_logs(stage: Resource, stack: Stack) -> Messages:
    if stage.type == kinds.HTTP_STAGE:
        apis = stack.targets(stage, "apiId", kinds.HTTP_API)
        if not any(api.get("protocolType") == "WEBSOCKET" for api in apis):
            return
        levels = [stage.get("defaultRouteSettings.loggingLevel", "OFF")]
    else:
        levels = [one.get("settings.loggingLevel", "OFF") for one in _settings(stage, stack)]
    if not any(level in ("ERROR", "INFO") for level in levels):
        yield "it logs no execution (loggingLevel)"


@resource_rule(
    "APIs keep access logs",
    "medium",
    kinds.REST_STAGE,
    kinds.HTTP_STAGE,
    ids=("fsbp:APIGateway.9", "checkov:CKV_AWS_76"),
    why="They are the only record of every request, with its client.",
    fix="Set accessLogSettings with a destinationArn and a format.",
    levels=ADVISORY_IN_DEV,
)
def api_access_logs(stage: Resource) -> Messages:
    if not stage.has("accessLogSettings.destinationArn"):
        yield "it keeps no access log (accessLogSettings)"


@stack_rule(
    "APIs prove to their backend who they are",
    "low",
    kinds.REST_STAGE,
    ids=("fsbp:APIGateway.2",),
    why="A backend that cannot tell the API from a stranger has to answer both.",
    fix="Declare an aws.apigateway.ClientCertificate, name it in clientCertificateId and let the backend check it.",
)
def api_client_certificate(stage: Resource, stack: Stack) -> Messages:
    if stage.has("clientCertificateId"):
        return
    backends = [
        one.node("type").value
        for api in stack.targets(stage, "restApi", kinds.REST_API)
        for one in stack.referrers(api, "restApi", kinds.REST_INTEGRATION)
    ]
    # Only a backend that the API reaches by HTTP is shown a certificate; Lambda and other services ask for a signature.
    if not backends or not all(backend in _WITHOUT_CERTIFICATE for backend in backends):
        yield "it presents no certificate to its backend (clientCertificateId)"


@resource_rule(
    "APIs are traced",
    "low",
    kinds.REST_STAGE,
    ids=("fsbp:APIGateway.3", "checkov:CKV_AWS_73"),
    why="A trace shows which of the calls behind a slow request was the slow one.",
    fix="Set xrayTracingEnabled to true.",
)
def api_traced(stage: Resource) -> Messages:
    if not stage.truth("xrayTracingEnabled"):
        yield "it is not traced (xrayTracingEnabled)"


@stack_rule(
    "APIs stand behind a web ACL",
    "medium",
    kinds.REST_STAGE,
    ids=("fsbp:APIGateway.4", "checkov:CKV2_AWS_29"),
    why="Scanners and bots reach every method directly when nothing filters before them.",
    fix="Declare an aws.wafv2.WebAclAssociation with the stage's ARN.",
    levels=ADVISORY_IN_DEV,
)
def api_web_acl(stage: Resource, stack: Stack) -> Messages:
    private = any(
        "PRIVATE" in api.strings("endpointConfiguration.types")
        for api in stack.targets(stage, "restApi", kinds.REST_API)
        if api.has("endpointConfiguration.types")
    )
    if not private and not stack.referrers(stage, "resourceArn", *kinds.WEB_ACL_ASSOCIATIONS):
        yield "it faces the internet without a web ACL"


@resource_rule(
    "Cached answers of APIs are encrypted",
    "medium",
    kinds.REST_SETTINGS,
    ids=("fsbp:APIGateway.5", "checkov:CKV_AWS_308"),
    why="The cache holds whole answers, those with personal data too.",
    fix="Set settings.cacheDataEncrypted to true.",
)
def api_cache_encrypted(settings: Resource) -> Messages:
    if settings.truth("settings.cachingEnabled") and not settings.truth("settings.cacheDataEncrypted"):
        yield "it keeps answers in clear (settings.cacheDataEncrypted)"


@stack_rule(
    "API routes ask who calls",
    "medium",
    kinds.HTTP_ROUTE,
    kinds.REST_METHOD,
    kinds.HTTP_API,
    ids=("fsbp:APIGateway.8", "checkov:CKV_AWS_309", "checkov:CKV_AWS_59"),
    why="A route without authorization is public, whatever the code behind it believes.",
    fix="Name an authorizer (JWT, AWS_IAM, CUSTOM); except public routes in the stack file.",
)
def api_route_authorized(route: Resource, stack: Stack) -> Messages:
    if route.type == kinds.HTTP_API:
        if route.has("target"):
            yield "everyone may call it: target makes a route for everything, and that one has no authorization"
    elif route.type == kinds.REST_METHOD:
        preflight = route.get("httpMethod") == "OPTIONS"
        if not preflight and route.get("authorization") == "NONE" and not route.truth("apiKeyRequired"):
            yield "everyone may call it (authorization is NONE)"
    elif route.get("authorizationType", "NONE") == "NONE" and _may_authorize(route, stack):
        yield "everyone may call it (authorizationType is NONE)"


def _may_authorize(route: Resource, stack: Stack) -> bool:
    """Tell whether a route could ask who calls: every one of an HTTP API, of a WebSocket API only the one that
    connects."""
    key = str(route.get("routeKey"))
    if key == "$default":
        return any(api.get("protocolType") == "HTTP" for api in stack.targets(route, "apiId", kinds.HTTP_API))
    return key == "$connect" or " " in key


@resource_rule(
    "API domains speak TLS 1.2 or later",
    "medium",
    kinds.REST_DOMAIN,
    kinds.HTTP_DOMAIN,
    ids=("checkov:CKV_AWS_206",),
    why="Older versions and ciphers have known attacks.",
    fix="Set securityPolicy to TLS_1_2.",
)
def api_tls(domain: Resource) -> Messages:
    path = "domainNameConfiguration.securityPolicy" if domain.type == kinds.HTTP_DOMAIN else "securityPolicy"
    policy = str(domain.get(path, "TLS_1_2"))
    if policy == "TLS_1_0":
        yield f"it accepts TLS 1.0 ({path})"


@resource_rule(
    "No secret stands in the environment of an App Runner service",
    "high",
    kinds.APP_RUNNER,
    ids=(),
    why="Everyone who may describe the service reads it.",
    fix="Keep it in Secrets Manager or Parameter Store and name its ARN in runtimeEnvironmentSecrets.",
)
def apprunner_no_plain_secrets(service: Resource) -> Messages:
    source = service.node("sourceConfiguration")
    for block in ("imageRepository.imageConfiguration", "codeRepository.codeConfiguration.codeConfigurationValues"):
        variables = source.node(block).node("runtimeEnvironmentVariables")
        if isinstance(variables.value, Opaque):
            source.get(f"{block}.runtimeEnvironmentVariables")
        for name, value in variables.value.items() if isinstance(variables.value, dict) else ():
            if held := secrets_in(value) if isinstance(value, str) else []:
                yield f"{name} holds {held[0]}, in its environment in plain text"
            elif is_secret_name(str(name)) and not (isinstance(value, str) and names_another_place(value)):
                yield f"{name} is in its environment in plain text"


@resource_rule(
    "App Runner services reach databases through a VPC",
    "low",
    kinds.APP_RUNNER,
    ids=(),
    why="With public egress every database it uses has to be on the internet.",
    fix="Declare an aws.apprunner.VpcConnector and set networkConfiguration.egressConfiguration.egressType to VPC.",
)
def apprunner_vpc_egress(service: Resource) -> Messages:
    if service.get("networkConfiguration.egressConfiguration.egressType", "DEFAULT") != "VPC":
        yield "its traffic leaves over the internet (egressConfiguration.egressType)"
