"""Add-ons that AWS keeps: versions pinned to the cluster's, configuration typed, roles of their own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks.container_logs import application_log, insight_groups
from groundwork.components.compute.eks.identity import Identity, cluster_name, pod_role
from groundwork.components.compute.eks.policies import insights, network, volumes
from groundwork.components.compute.eks.settings import KubernetesSettings
from groundwork.components.compute.wiring import NetworkLike
from groundwork.settings.facts import kubernetes_versions

FILES = "aws-efs-csi-driver"
AGENT, CNI, PROXY = "eks-pod-identity-agent", "vpc-cni", "kube-proxy"
DNS, VOLUMES, METRICS = "coredns", "aws-ebs-csi-driver", "metrics-server"
SECRETS, INSIGHTS = "aws-secrets-store-csi-driver-provider", "amazon-cloudwatch-observability"

# Secrets are read again so often, and pods' files change with them.
_ROTATION = "2m"


class CniValues(TypedDict):
    """Of the VPC CNI; its schema takes text only."""

    enableNetworkPolicy: str
    env: dict[str, str]


class Toggle(TypedDict):
    """On or off."""

    enabled: bool


class CopiesValues(TypedDict):
    """How many copies."""

    enabled: bool
    minReplicas: int
    maxReplicas: int


class DnsValues(TypedDict):
    """Of CoreDNS."""

    autoScaling: CopiesValues


class VolumeController(TypedDict):
    """The part of the EBS CSI driver that calls AWS."""

    k8sTagClusterId: str


class VolumeValues(TypedDict):
    """Of the EBS CSI driver."""

    controller: VolumeController


class MetricsValues(TypedDict):
    """Of the metrics server."""

    replicas: int


class SecretsDriver(TypedDict):
    """The Secrets Store CSI driver inside the add-on of the AWS provider."""

    syncSecret: Toggle
    enableSecretRotation: bool
    rotationPollInterval: str


SecretsValues = TypedDict(
    "SecretsValues", {"awsRegion": str, "secrets-store-csi-driver": SecretsDriver, "tolerations": list[dict[str, str]]}
)


class InsightsValues(TypedDict):
    """Of the CloudWatch agent and Fluent Bit."""

    agent: dict[str, Any]
    containerLogs: dict[str, Any]


@dataclass(frozen=True)
class Account:
    """A service account of an add-on, and the role that its pods have."""

    name: str
    role: Identity


@dataclass(frozen=True)
class AddOns:
    """Makes add-ons of one cluster."""

    parent: Component
    settings: KubernetesSettings
    cluster_name: pulumi.Output[str]

    def make(
        self, name: str, values: Any = None, *, account: Account | None = None, after: Sequence[pulumi.Resource] = ()
    ) -> aws.eks.Addon:
        """Create an add-on; it starts after ``after`` and after its role may do something."""
        return aws.eks.Addon(
            f"{self.parent.name}-{name}",
            cluster_name=self.cluster_name,
            addon_name=name,
            addon_version=kubernetes_versions()[self.settings.version].addons[name],
            configuration_values=json.dumps(values, sort_keys=True) if values is not None else None,
            pod_identity_associations=[
                aws.eks.AddonPodIdentityAssociationArgs(service_account=account.name, role_arn=account.role.arn)
            ]
            if account
            else None,
            resolve_conflicts_on_create="OVERWRITE",
            # What somebody tuned in the cluster stays.
            resolve_conflicts_on_update="PRESERVE",
            opts=self.parent.child(depends_on=[*after, *(account.role.ready if account else ())]),
        )

    def account(self, add_on: str, name: str, what: str, statements: Sequence[Statement]) -> Account:
        """Create the role of an add-on's pods."""
        return Account(name, pod_role(self.parent, f"{add_on}-pods", what, statements))


def before_nodes(add_ons: AddOns, vpc: NetworkLike) -> list[pulumi.Resource]:
    """Create the add-ons that make a node ready, in order: who hands out roles, then who needs one of it.

    Without the agent the CNI has no credentials, nodes stay NotReady and their group fails to be made.
    """
    agent = add_ons.make(AGENT)
    account = add_ons.account(CNI, "aws-node", "Network add-on", network.statements(add_ons.parent, vpc.vpc_id))
    cni = add_ons.make(CNI, cni_values(prefixes=add_ons.settings.address_prefixes), account=account, after=[agent])
    return [agent, cni, add_ons.make(PROXY)]


def after_nodes(add_ons: AddOns, *, nodes: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
    """Create the add-ons that need nodes to run on, and with them become healthy."""
    parent = add_ons.parent
    account = add_ons.account(
        VOLUMES,
        "ebs-csi-controller-sa",
        "Volumes add-on",
        volumes.statements(add_ons.parent),
    )
    return [
        add_ons.make(
            DNS, DnsValues(autoScaling=CopiesValues(enabled=True, minReplicas=2, maxReplicas=10)), after=nodes
        ),
        add_ons.make(
            VOLUMES,
            VolumeValues(controller=VolumeController(k8sTagClusterId=cluster_name(parent))),
            account=account,
            after=nodes,
        ),
    ]


def in_every_mode(add_ons: AddOns, *, nodes: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
    """Create the add-ons that auto mode does not bring either."""
    made: list[pulumi.Resource] = [
        add_ons.make(METRICS, MetricsValues(replicas=2), after=nodes),
        add_ons.make(SECRETS, secrets_values(add_ons.parent.context.region), after=nodes),
    ]
    if add_ons.settings.application_insights:
        made.append(_insights(add_ons, nodes))
    return made


def _insights(add_ons: AddOns, nodes: Sequence[pulumi.Resource]) -> aws.eks.Addon:
    parent = add_ons.parent
    groups = insight_groups(parent)
    arns = [
        *(group.arn for group in groups),
        parent.context.arn("logs", f"log-group:{parent.context.prefix}/services/*"),
    ]
    account = add_ons.account(INSIGHTS, "cloudwatch-agent", "CloudWatch add-on", insights.statements(arns))
    values = InsightsValues(
        # Application Signals stays off: it is on only where the configuration names it.
        agent={"config": {"logs": {"metrics_collected": {"kubernetes": {"enhanced_container_insights": True}}}}},
        containerLogs={
            "enabled": True,
            "fluentBit": {"config": {"extraFiles": {"application-log.conf": application_log(parent)}}},
        },
    )
    return add_ons.make(INSIGHTS, values, account=account, after=[*nodes, *groups])


def cni_values(*, prefixes: bool) -> CniValues:
    """Return the values of the network add-on.
    https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html"""
    return CniValues(
        enableNetworkPolicy="true",
        env={"ENABLE_PREFIX_DELEGATION": str(prefixes).lower(), **({"WARM_PREFIX_TARGET": "1"} if prefixes else {})},
    )


def secrets_values(region: str) -> SecretsValues:
    """Return the values of the secrets add-on: pods' secrets as Kubernetes secrets too, for environment variables,
    and read again when they rotate.

    https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-eks-installation.html
    """
    return {
        "awsRegion": region,
        "secrets-store-csi-driver": SecretsDriver(
            syncSecret=Toggle(enabled=True), enableSecretRotation=True, rotationPollInterval=_ROTATION
        ),
        # Also on nodes with taints, where services may have secrets too.
        "tolerations": [{"operator": "Exists"}],
    }
