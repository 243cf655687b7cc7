"""Search domains: inside the network, encrypted, logged, enough of them."""

from __future__ import annotations

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule
from guardrails.view import Resource


@resource_rule(
    "Search domains stand inside a VPC",
    "critical",
    *kinds.SEARCH_DOMAINS,
    ids=("fsbp:Opensearch.2", "fsbp:ES.2", "checkov:CKV_AWS_137", "checkov:CKV_AWS_248"),
    why="A public search domain is the classic leak of whole customer tables.",
    fix="Give vpcOptions with private subnets and a security group.",
)
def search_in_vpc(domain: Resource) -> Messages:
    if not domain.has("vpcOptions"):
        yield "it has a public endpoint (no vpcOptions)"


@resource_rule(
    "Search domains are encrypted at rest and between nodes",
    "high",
    *kinds.SEARCH_DOMAINS,
    ids=(
        "fsbp:Opensearch.1",
        "fsbp:ES.1",
        "fsbp:Opensearch.3",
        "fsbp:ES.3",
        "checkov:CKV_AWS_5",
        "checkov:CKV_AWS_6",
        "checkov:CKV_AWS_247",
    ),
    why="Indexes and snapshots hold copies of the data; between nodes it crosses the network.",
    fix="Set encryptAtRest.enabled and nodeToNodeEncryption.enabled to true.",
)
def search_encrypted(domain: Resource) -> Messages:
    for block, words in (("encryptAtRest", "at rest"), ("nodeToNodeEncryption", "between nodes")):
        if not domain.truth(f"{block}.enabled"):
            yield f"it is not encrypted {words} ({block}.enabled)"


@resource_rule(
    "Search domains answer only over TLS 1.2 or later",
    "medium",
    *kinds.SEARCH_DOMAINS,
    ids=("fsbp:Opensearch.8", "fsbp:ES.8", "checkov:CKV_AWS_83", "checkov:CKV_AWS_228"),
    why="Queries and answers hold the data itself.",
    fix="Set domainEndpointOptions.enforceHttps to true and tlsSecurityPolicy to Policy-Min-TLS-1-2-PFS-2023-10.",
)
def search_tls(domain: Resource) -> Messages:
    if not domain.truth("domainEndpointOptions.enforceHttps"):
        yield "it answers plain HTTP (domainEndpointOptions.enforceHttps)"
    policy = str(domain.get("domainEndpointOptions.tlsSecurityPolicy", "none"))
    if not policy.startswith("Policy-Min-TLS-1-2"):
        yield f"its TLS policy is {policy} (domainEndpointOptions.tlsSecurityPolicy)"


@resource_rule(
    "Search domains use fine-grained access control",
    "high",
    *kinds.SEARCH_DOMAINS,
    ids=("fsbp:Opensearch.7", "checkov:CKV2_AWS_52"),
    why="Without it everyone who reaches the endpoint may read and delete every index.",
    fix="Set advancedSecurityOptions.enabled to true with an IAM master user.",
)
def search_access_control(domain: Resource) -> Messages:
    if not domain.truth("advancedSecurityOptions.enabled"):
        yield "fine-grained access control is off"


@resource_rule(
    "Search domains keep their errors",
    "medium",
    *kinds.SEARCH_DOMAINS,
    ids=("fsbp:Opensearch.4", "fsbp:ES.4", "checkov:CKV_AWS_84"),
    why="Why a query failed, or the cluster turned red, stands only there.",
    fix="Add logPublishingOptions of type ES_APPLICATION_LOGS with a log group.",
    levels=ADVISORY_IN_DEV,
)
def search_error_log(domain: Resource) -> Messages:
    if not _publishes(domain, "ES_APPLICATION_LOGS"):
        yield "it publishes no error log (logPublishingOptions, ES_APPLICATION_LOGS)"


@resource_rule(
    "Search domains record who asked for what",
    "medium",
    *kinds.SEARCH_DOMAINS,
    ids=("fsbp:Opensearch.5", "fsbp:ES.5", "checkov:CKV_AWS_317"),
    why="After a leak the audit log is the only answer to what was read.",
    fix="Add logPublishingOptions of type AUDIT_LOGS with a log group, and switch auditing on in the security plugin.",
    levels=ADVISORY_IN_DEV,
)
def search_audit_log(domain: Resource) -> Messages:
    if not _publishes(domain, "AUDIT_LOGS"):
        yield "it publishes no audit log (logPublishingOptions, AUDIT_LOGS)"


def _publishes(domain: Resource, kind: str) -> bool:
    return any(
        option.get("logType") == kind and option.truth("enabled") for option in domain.items("logPublishingOptions")
    )


@resource_rule(
    "Production search domains outlive a node and a zone",
    "medium",
    *kinds.SEARCH_DOMAINS,
    ids=("fsbp:Opensearch.6", "fsbp:ES.6"),
    why="With fewer than three nodes a failure loses shards or the election of a master.",
    fix="Set clusterConfig.instanceCount to 3 or more and zoneAwarenessEnabled to true.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def search_three_nodes(domain: Resource) -> Messages:
    count = domain.number("clusterConfig.instanceCount")
    if count < 3:
        yield f"it has {count} data node{'' if count == 1 else 's'} (clusterConfig.instanceCount)"
    if not domain.truth("clusterConfig.zoneAwarenessEnabled"):
        yield "all its nodes are in one zone (clusterConfig.zoneAwarenessEnabled)"


@resource_rule(
    "Production search domains have masters of their own",
    "low",
    *kinds.SEARCH_DOMAINS,
    ids=("fsbp:ES.7", "checkov:CKV_AWS_318", "checkov:CKV2_AWS_59"),
    why="A data node that is busy with a query cannot hold the cluster together.",
    fix="Set clusterConfig.dedicatedMasterEnabled to true with dedicatedMasterCount 3.",
    stages=ONLY_PRODUCTION,
)
def search_dedicated_masters(domain: Resource) -> Messages:
    config = domain.node("clusterConfig")
    if not config.truth("dedicatedMasterEnabled") or config.number("dedicatedMasterCount", 0) < 3:
        yield "it has fewer than three dedicated masters (clusterConfig.dedicatedMasterCount)"


@resource_rule(
    "Search domains are encrypted with a customer-managed key",
    "low",
    *kinds.SEARCH_DOMAINS,
    ids=("checkov:CKV_AWS_247",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in encryptAtRest.kmsKeyId; the domain is replaced.",
)
def search_customer_key(domain: Resource) -> Messages:
    encrypted = domain.truth("encryptAtRest.enabled")
    if encrypted and not names_customer_key(domain, "kmsKeyId", at=domain.node("encryptAtRest")):
        yield "it is not encrypted with a customer-managed key (encryptAtRest.kmsKeyId)"


@resource_rule(
    "Search domains have a security group of their own",
    "medium",
    *kinds.SEARCH_DOMAINS,
    ids=("checkov:CKV_AWS_248",),
    why="Without one they get the VPC's default group, which lets all its members in.",
    fix="Name a group in vpcOptions.securityGroupIds that admits only the workloads that search.",
)
def search_own_security_group(domain: Resource) -> Messages:
    if domain.has("vpcOptions") and not domain.has("vpcOptions.securityGroupIds"):
        yield "it has the VPC's default security group (vpcOptions.securityGroupIds)"
