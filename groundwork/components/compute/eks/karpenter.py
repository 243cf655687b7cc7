"""Karpenter: starts the instances that waiting pods need, and ends those that nobody needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes

from groundwork.components.access import policy_document
from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.eks.charts import Chart, install
from groundwork.components.compute.eks.cluster import EksCluster, managed_groups
from groundwork.components.compute.eks.identity import cluster_name, pod_identity, pod_role
from groundwork.components.compute.eks.nodes import GROUP_LABEL, NodeRole, group_labels, max_pods, node_role
from groundwork.components.compute.eks.policies import karpenter as policies
from groundwork.components.compute.eks.settings import KubernetesSettings, NodeGroupSettings
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.wiring import NetworkLike
from groundwork.settings.facts import instance_class

_KEY = "karpenter"
_CHART = Chart(_KEY, "1.14.1", "public.ecr.aws/karpenter", images=("public.ecr.aws/karpenter/controller",))
_API = "karpenter.k8s.aws"

# https://karpenter.sh/docs/concepts/disruption/#interruption
_EVENTS: Mapping[str, tuple[str, str]] = {
    "spot": ("aws.ec2", "EC2 Spot Instance Interruption Warning"),
    "rebalance": ("aws.ec2", "EC2 Instance Rebalance Recommendation"),
    "state": ("aws.ec2", "EC2 Instance State-change Notification"),
    "health": ("aws.health", "AWS Health Event"),
}
_QUEUE_SECONDS = 300


def karpenter(
    parent: Component,
    cluster: EksCluster,
    settings: ComputeSettings,
    *,
    provider: kubernetes.Provider,
    network: NetworkLike,
) -> list[pulumi.Resource]:
    """Install the controller on the first group's nodes, and create a pool for each group that it starts nodes of."""
    wanted = settings.cluster
    nodes = node_role(parent, f"{_KEY}-node", "Nodes that Karpenter starts", names_itself=True)
    aws.eks.AccessEntry(
        f"{parent.name}-{_KEY}-node",
        cluster_name=cluster.name,
        principal_arn=nodes.arn,
        type="EC2_LINUX",
        opts=parent.child(),
    )
    queue = _interruptions(parent)
    role = pod_role(
        parent,
        _KEY,
        "Karpenter",
        [
            *policies.machines(parent),
            *policies.surroundings(parent, node_role_arn=nodes.arn, queue_arn=queue.arn),
        ],
    )
    association = pod_identity(
        parent, cluster, _KEY, namespace=_CHART.namespace, service_account=_KEY, role_arn=role.arn
    )
    chart = install(
        parent,
        _CHART,
        _values(wanted, parent, queue.name),
        wanted,
        provider=provider,
        after=[*cluster.ready, *role.ready, *nodes.ready, association],
    )
    made: list[pulumi.Resource] = [chart]
    for name, group in pools(wanted).items():
        options = parent.child(provider=provider, depends_on=[chart])
        kind = _node_class(parent, name, group, wanted, cluster=cluster, role=nodes, network=network, options=options)
        made += [kind, _pool(parent, name, group, parent.child(provider=provider, depends_on=[kind]))]
    return made


def pools(settings: KubernetesSettings) -> dict[str, NodeGroupSettings]:
    """Return the groups that Karpenter starts nodes of: all but the first; the first too, where there is no other."""
    own = managed_groups(settings)
    rest = {name: group for name, group in settings.nodes.items() if name not in own}
    return rest or own


def _values(settings: KubernetesSettings, parent: Component, queue_name: pulumi.Output[str]) -> dict[str, Any]:
    return {
        "settings": {"clusterName": cluster_name(parent), "interruptionQueue": queue_name},
        "serviceAccount": {"create": True, "name": _KEY},
        "replicas": 2,
        # Not on nodes of its own, which it might end.
        "nodeSelector": {GROUP_LABEL: next(iter(settings.nodes))},
        "controller": {
            # Nodes keep their metadata to themselves, and without a region it does not start.
            "env": [{"name": "AWS_REGION", "value": parent.context.region}],
            "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "1Gi"}},
        },
    }


def _node_class(
    parent: Component,
    name: str,
    group: NodeGroupSettings,
    settings: KubernetesSettings,
    *,
    cluster: EksCluster,
    role: NodeRole,
    network: NetworkLike,
    options: pulumi.ResourceOptions,
) -> pulumi.Resource:
    """Create a group's EC2NodeClass: https://karpenter.sh/docs/concepts/nodeclasses/; subnets and group by id, so that
    no tag of somebody else's counts."""
    return kubernetes.apiextensions.CustomResource(
        f"{parent.name}-{_KEY}-{name}-class",
        api_version=f"{_API}/v1",
        kind="EC2NodeClass",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(name=name),
        spec={
            "role": role.name,
            "amiSelectorTerms": [{"alias": "al2023@latest"}],
            "subnetSelectorTerms": [{"id": subnet} for subnet in network.private_subnet_ids.values()],
            "securityGroupSelectorTerms": [{"id": cluster.node_security_group_id}],
            "metadataOptions": {"httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 1},
            "blockDeviceMappings": [
                {
                    "deviceName": "/dev/xvda",
                    "ebs": {
                        "volumeType": "gp3",
                        "volumeSize": f"{group.volume}Gi",
                        "encrypted": True,
                        "kmsKeyID": parent.context.key_arn("storage"),
                        "deleteOnTermination": True,
                    },
                }
            ],
            "kubelet": {"maxPods": max_pods(group, prefixes=settings.address_prefixes)},
            # Nodes that lack one of them have drifted, and are replaced: https://karpenter.sh/docs/concepts/disruption/#drift
            "tags": {
                **parent.context.lasting_tags(parent.layer),
                "cluster.k8s.amazonaws.com/name": cluster_name(parent),
            },
        },
        opts=options,
    )


def _pool(parent: Component, name: str, group: NodeGroupSettings, options: pulumi.ResourceOptions) -> pulumi.Resource:
    """Create a group's NodePool. https://karpenter.sh/docs/concepts/nodepools/"""
    known = [found for one in group.classes if (found := instance_class(one)) is not None]
    largest = max((instance.vcpus for instance in known), default=0)
    return kubernetes.apiextensions.CustomResource(
        f"{parent.name}-{_KEY}-{name}-pool",
        api_version="karpenter.sh/v1",
        kind="NodePool",
        metadata=kubernetes.meta.v1.ObjectMetaArgs(name=name),
        spec={
            "template": {
                "metadata": {"labels": group_labels(name, group)},
                "spec": {
                    "nodeClassRef": {"group": _API, "kind": "EC2NodeClass", "name": name},
                    "requirements": [
                        _one_of("node.kubernetes.io/instance-type", *group.classes),
                        _one_of("karpenter.sh/capacity-type", "spot" if group.spot else "on-demand"),
                    ],
                    "taints": [
                        {"key": key, "value": taint.value, "effect": taint.effect}
                        for key, taint in group.taints.items()
                    ],
                    "expireAfter": "720h",
                },
            },
            "limits": {"cpu": str(group.max * largest)},
            "disruption": {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "1m"},
        },
        opts=options,
    )


def _one_of(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _interruptions(parent: Component) -> aws.sqs.Queue:
    """Create the queue in which AWS announces that instances go, so that Karpenter moves their pods in time."""
    queue = aws.sqs.Queue(
        f"{parent.name}-{_KEY}",
        message_retention_seconds=_QUEUE_SECONDS,
        # Notices of EC2, and no data of the product's.
        sqs_managed_sse_enabled=True,
        opts=parent.child(),
    )
    rules = {
        key: aws.cloudwatch.EventRule(
            f"{parent.name}-{_KEY}-{key}",
            description=f"To Karpenter: {detail}",
            event_pattern=json.dumps({"source": [source], "detail-type": [detail]}),
            opts=parent.child(),
        )
        for key, (source, detail) in _EVENTS.items()
    }
    policy = aws.sqs.QueuePolicy(
        f"{parent.name}-{_KEY}",
        queue_url=queue.url,
        policy=policy_document(
            [
                {
                    "Sid": "AllowEventBridge",
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue.arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": [rule.arn for rule in rules.values()]}},
                },
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sqs:*",
                    "Resource": queue.arn,
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ]
        ),
        opts=parent.child(),
    )
    for key, rule in rules.items():
        aws.cloudwatch.EventTarget(
            f"{parent.name}-{_KEY}-{key}",
            rule=rule.name,
            target_id=_KEY,
            arn=queue.arn,
            opts=parent.child(depends_on=[policy]),
        )
    alarm(
        parent,
        _KEY,
        Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue.name}, "Maximum"),
        threshold=120,
        description="Karpenter has left notices of interruptions unread for 5 minutes, so pods are not moved off instances that "
        "AWS takes back. Look at its pods in kube-system.",
    )
    return queue
