"""Kubernetes clusters: their control plane, nodes, namespaces, roles, and what they let in."""

from __future__ import annotations

import re

from guardrails import kinds
from guardrails.pods import has_network_policy, mapping
from guardrails.ports import is_world
from guardrails.routing import INTERNET, default_routes, subnets_of
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule, stack_rule
from guardrails.secret_names import is_secret_name
from guardrails.stack import Stack
from guardrails.view import Resource

OLDEST_VERSION = (1, 34)
"""Oldest minor version in standard support in November 2026: EKS user guide, "Amazon EKS Kubernetes release calendar"
(1.33 ended 2026-07-29)."""
_LOGS = {"api", "audit", "authenticator", "controllerManager", "scheduler"}
_LEVEL = "pod-security.kubernetes.io/enforce"
_INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
}
"""Annotations that keep a load balancer off the internet (AWS Load Balancer Controller, "Annotations")."""
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_ESCALATIONS = (
    ({"escalate"}, {"roles", "clusterroles"}),
    ({"bind"}, {"rolebindings", "clusterrolebindings", "roles", "clusterroles"}),
    ({"impersonate"}, {"users", "groups", "serviceaccounts"}),
    ({"create"}, {"pods/exec", "nodes/proxy"}),
    ({"create", "update", "patch"}, {"validatingwebhookconfigurations", "mutatingwebhookconfigurations"}),
    ({"update", "patch", "approve"}, {"certificatesigningrequests/approval"}),
)
"""Verbs on resources that give whoever holds them the rights of others."""
_STRANGERS = {"system:anonymous", "system:unauthenticated", "system:authenticated"}


def _answers_the_world(cluster: Resource) -> bool:
    ranges = list(cluster.node("vpcConfig").strings("publicAccessCidrs")) or ["0.0.0.0/0"]
    return any(is_world(one) for one in ranges)


@resource_rule(
    "The cluster's API server is not on the internet",
    "high",
    kinds.EKS_CLUSTER,
    ids=("fsbp:EKS.1", "checkov:CKV_AWS_39"),
    why="One leaked token or hole in the API server is then enough, from anywhere.",
    fix="Set vpcConfig.endpointPublicAccess to false and endpointPrivateAccess to true; reach it from inside the VPC.",
    levels=ADVISORY_IN_DEV,
)
def eks_endpoint_private(cluster: Resource) -> Messages:
    if cluster.truth("vpcConfig.endpointPublicAccess") and not _answers_the_world(cluster):
        yield "its API server has a public endpoint (vpcConfig.endpointPublicAccess)"


@resource_rule(
    "A public API server admits named addresses only",
    "high",
    kinds.EKS_CLUSTER,
    ids=("fsbp:EKS.1", "checkov:CKV_AWS_38", "checkov:CKV_AWS_39"),
    why="Everyone may try tokens and known holes against an API server that answers everyone.",
    fix="List the office's or VPN's ranges in vpcConfig.publicAccessCidrs, or close the public endpoint.",
)
def eks_endpoint_not_world(cluster: Resource) -> Messages:
    if cluster.truth("vpcConfig.endpointPublicAccess") and _answers_the_world(cluster):
        yield "its API server answers the whole internet (vpcConfig.publicAccessCidrs)"


@resource_rule(
    "Kubernetes secrets are encrypted with a key of yours",
    "medium",
    kinds.EKS_CLUSTER,
    ids=("fsbp:EKS.3", "checkov:CKV_AWS_58"),
    why="A backup of the cluster's store then holds no readable secret, and the key can be taken away.",
    fix='Set encryptionConfig with resources ["secrets"] and provider.keyArn; it cannot be taken back later.',
    levels=ADVISORY_IN_DEV,
)
def eks_secrets_encrypted(cluster: Resource) -> Messages:
    if "secrets" not in cluster.node("encryptionConfig").strings("resources"):
        yield "its secrets are not encrypted with a customer-managed key (encryptionConfig)"


@resource_rule(
    "Clusters record who asked the API server for what",
    "medium",
    kinds.EKS_CLUSTER,
    ids=("fsbp:EKS.8",),
    why="After an incident the audit log is the only answer to what was read and changed.",
    fix="Add audit (and authenticator) to enabledClusterLogTypes.",
    levels=ADVISORY_IN_DEV,
)
def eks_audit_log(cluster: Resource) -> Messages:
    if "audit" not in cluster.strings("enabledClusterLogTypes"):
        yield "it keeps no audit log (enabledClusterLogTypes)"


@resource_rule(
    "Clusters keep every log of the control plane",
    "low",
    kinds.EKS_CLUSTER,
    ids=("checkov:CKV_AWS_37",),
    why="Why a pod was not placed, or a login refused, stands only there.",
    fix="Set enabledClusterLogTypes to api, audit, authenticator, controllerManager and scheduler.",
)
def eks_all_logs(cluster: Resource) -> Messages:
    missing = _LOGS - set(cluster.strings("enabledClusterLogTypes"))
    if missing:
        yield f"it does not keep the logs {', '.join(sorted(missing))}"


@resource_rule(
    "Clusters run a supported version of Kubernetes",
    "high",
    kinds.EKS_CLUSTER,
    kinds.EKS_NODES,
    ids=("fsbp:EKS.2", "checkov:CKV_AWS_339"),
    why="Older versions get fixes for six times the price, and then none; AWS upgrades them without asking.",
    fix="Set version to one in standard support; upgrade one minor version at a time.",
)
def eks_supported_version(cluster: Resource) -> Messages:
    version = re.match(r"(\d+)\.(\d+)", str(cluster.get("version", "")))
    if version and (int(version[1]), int(version[2])) < OLDEST_VERSION:
        yield f"it runs Kubernetes {version[0]}; standard support begins at {OLDEST_VERSION[0]}.{OLDEST_VERSION[1]}"


@resource_rule(
    "Nodes do not accept SSH from everywhere",
    "high",
    kinds.EKS_NODES,
    ids=("checkov:CKV_AWS_100",),
    why="With a key and no source group EKS opens port 22 of every node to the whole internet.",
    fix="Remove remoteAccess and use Session Manager, or name sourceSecurityGroupIds.",
)
def eks_nodes_no_open_ssh(nodes: Resource) -> Messages:
    access = nodes.node("remoteAccess")
    if access.has("ec2SshKey") and not access.has("sourceSecurityGroupIds"):
        yield "SSH to its nodes is open to everyone (remoteAccess without sourceSecurityGroupIds)"


@stack_rule(
    "Nodes stand in subnets without a route to an internet gateway",
    "medium",
    kinds.EKS_NODES,
    ids=(),
    why="A node carries every pod's traffic and credentials; with a public address it is scanned at once.",
    fix="List private subnets in subnetIds; load balancers alone stand in the public ones.",
    levels=ADVISORY_IN_DEV,
)
def eks_nodes_private(nodes: Resource, stack: Stack) -> Messages:
    for subnet in subnets_of(nodes, stack, "subnetIds"):
        if INTERNET in default_routes(subnet, stack):
            yield f"subnet {subnet.name!r} of its nodes has a route to an internet gateway"


@resource_rule(
    "Namespaces enforce a pod security level",
    "medium",
    kinds.NAMESPACE,
    ids=(),
    why="The level refuses privileged pods whoever declares them, a Helm chart or a tired colleague.",
    fix=f"Label the namespace {_LEVEL}: restricted, or baseline where that is not possible.",
    levels=ADVISORY_IN_DEV,
)
def namespace_pod_security(namespace: Resource) -> Messages:
    level = mapping(namespace, "metadata.labels").get(_LEVEL)
    if level not in ("baseline", "restricted"):
        yield f"it enforces no pod security level ({_LEVEL} is {level or 'not set'})"


@stack_rule(
    "Namespaces deny by a network policy what nothing lets in",
    "medium",
    kinds.NAMESPACE,
    ids=("checkov:CKV2_K8S_6",),
    why="Without one every pod of the cluster reaches every other, whoever it belongs to.",
    fix="Declare a NetworkPolicy with an empty podSelector and no ingress in the namespace, and one for each way in.",
    levels=ADVISORY_IN_DEV,
)
def namespace_network_policy(namespace: Resource, stack: Stack) -> Messages:
    if not has_network_policy(namespace, stack):
        yield "no NetworkPolicy for all of its pods stands in it"


@resource_rule(
    "Load balancers of Kubernetes are not open to everyone",
    "medium",
    kinds.KUBERNETES_SERVICE,
    ids=(),
    why="Such a Service is a way in that no web ACL and no listener rule sees.",
    fix="Use an internal load balancer or an Ingress, or list loadBalancerSourceRanges.",
    levels=ADVISORY_IN_DEV,
)
def service_not_open(service: Resource) -> Messages:
    if service.get("spec.type") != "LoadBalancer":
        return
    annotations = mapping(service, "metadata.annotations")
    if any(str(annotations.get(key)).lower() == value for key, value in _INTERNAL.items()):
        return
    listed = [*service.strings("spec.loadBalancerSourceRanges"), *_split(annotations.get(_RANGES))]
    if not listed or any(is_world(one) for one in listed):
        yield "its load balancer answers the whole internet (spec.loadBalancerSourceRanges)"


def _split(value: object) -> list[str]:
    return [one.strip() for one in value.split(",")] if isinstance(value, str) else []


@resource_rule(
    "Ingresses speak TLS",
    "medium",
    kinds.INGRESS,
    ids=(),
    why="Cookies and passwords sent to a plain Ingress can be read on the way.",
    fix="Set spec.tls, or the certificate annotation of the AWS Load Balancer Controller.",
    levels=ADVISORY_IN_DEV,
)
def ingress_tls(ingress: Resource) -> Messages:
    annotations = mapping(ingress, "metadata.annotations")
    if not ingress.has("spec.tls") and "alb.ingress.kubernetes.io/certificate-arn" not in annotations:
        yield "it has no certificate (neither spec.tls nor an ALB certificate annotation)"


@resource_rule(
    "No configuration map holds a secret",
    "medium",
    kinds.CONFIG_MAP,
    ids=(),
    why="Configuration maps are readable to everyone who may look into the namespace, and are not encrypted.",
    fix="Move the value to a Secret, or to Secrets Manager and mount it.",
)
def config_map_no_secrets(configuration: Resource) -> Messages:
    data = configuration.node("data").value
    if not isinstance(data, dict):
        configuration.get("data")
        return
    for key in data:
        if is_secret_name(str(key)):
            yield f"data.{key} holds a secret by its name"


@resource_rule(
    "No role of the cluster allows everything",
    "high",
    *kinds.RBAC_ROLES,
    ids=("checkov:CKV_K8S_49",),
    why="A stolen token of such a role is the cluster.",
    fix="List the verbs, the resources and the API groups that are used.",
)
def rbac_no_wildcards(role: Resource) -> Messages:
    for rule in role.items("rules"):
        wild = [path for path in ("verbs", "resources") if "*" in rule.strings(path)]
        if wild:
            yield f"{rule.path} allows * in {' and '.join(wild)}"


@resource_rule(
    "No role of the cluster can give itself more",
    "high",
    *kinds.RBAC_ROLES,
    ids=(
        "checkov:CKV_K8S_155",
        "checkov:CKV_K8S_156",
        "checkov:CKV_K8S_157",
        "checkov:CKV_K8S_158",
        "checkov:CKV2_K8S_2",
        "checkov:CKV2_K8S_3",
    ),
    why="Binding, escalating and impersonating are an administrator's rights under another name.",
    fix="Remove the verb, or name the few objects it is for in resourceNames.",
)
def rbac_no_escalation(role: Resource) -> Messages:
    for rule in role.items("rules"):
        if rule.has("resourceNames"):
            continue
        verbs, resources = set(rule.strings("verbs")), set(rule.strings("resources"))
        for wanted, over in _ESCALATIONS:
            if wanted & verbs and over & resources:
                yield f"{rule.path} allows {_join(wanted & verbs)} on {_join(over & resources)}"


def _join(words: set[str]) -> str:
    return ", ".join(sorted(words))


@resource_rule(
    "Nobody is bound to cluster-admin",
    "high",
    *kinds.RBAC_BINDINGS,
    ids=(),
    why="cluster-admin may do everything in every namespace, and read every secret.",
    fix="Bind a role with the rights in use; people get theirs through EKS access entries.",
)
def rbac_no_cluster_admin(binding: Resource) -> Messages:
    if binding.get("roleRef.name") == "cluster-admin":
        yield "it binds the role cluster-admin"


@resource_rule(
    "No role is bound to strangers or to a default account",
    "critical",
    *kinds.RBAC_BINDINGS,
    ids=("checkov:CKV_K8S_42",),
    why="Whoever reaches the API server, or any pod of the namespace, gets the role.",
    fix="Bind the role to one service account or group.",
)
def rbac_named_subjects(binding: Resource) -> Messages:
    for subject in binding.items("subjects"):
        name = str(subject.get("name", ""))
        if name in _STRANGERS:
            yield f"{name} gets the role"
        elif subject.get("kind") == "ServiceAccount" and name == "default":
            yield "every pod without a service account of its own gets the role (default)"


@resource_rule(
    "Who enters the cluster is decided by access entries",
    "low",
    kinds.EKS_CLUSTER,
    ids=(),
    why="The aws-auth map is edited by hand, leaves no trace in CloudTrail, and one wrong line locks everybody out.",
    fix="Set accessConfig.authenticationMode to API and declare aws.eks.AccessEntry resources.",
)
def eks_access_entries(cluster: Resource) -> Messages:
    mode = cluster.get("accessConfig.authenticationMode")
    if mode == "CONFIG_MAP":
        yield "a map inside the cluster decides who enters (accessConfig.authenticationMode)"


@resource_rule(
    "Production clusters are protected from deletion",
    "low",
    kinds.EKS_CLUSTER,
    ids=(),
    why="It makes deleting the cluster two steps, so that it does not happen by a slip.",
    fix="Set deletionProtection to true.",
    stages=ONLY_PRODUCTION,
)
def eks_deletion_protection(cluster: Resource) -> Messages:
    if not cluster.truth("deletionProtection"):
        yield "deletion protection is off (deletionProtection)"
