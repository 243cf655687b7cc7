"""Where the lines of containers go: each service's into its own log group, as on every engine."""

from __future__ import annotations

import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.compute.eks.identity import cluster_name
from groundwork.components.logs import log_group

SERVICE_LABEL = "app.kubernetes.io/name"
"""The pod label that names the service, and with it the log group."""

_INSIGHTS = ("performance", "application", "dataplane", "host")


def insight_groups(parent: Component) -> list[aws.cloudwatch.LogGroup]:
    """Create the log groups of Container Insights, before its agents make them without key and retention.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-reference-performance-logs-EKS.html
    """
    return [
        log_group(parent, f"insights-{kind}", f"/aws/containerinsights/{cluster_name(parent)}/{kind}")
        for kind in _INSIGHTS
    ]


def service_group(parent: Component, service: str) -> str:
    """Return the name of a service's log group."""
    return f"{parent.context.prefix}/services/{service}"


def application_log(parent: Component) -> str:
    """Return the add-on's ``application-log.conf``: the platform's pods to their services' groups, all others to one.

    ``log_key`` sends a line as the container wrote it, so that metric filters read it as they do on ECS; the group's template
    is filled from the pod's label. https://docs.fluentbit.io/manual/pipeline/outputs/cloudwatch
    """
    own = f"/var/log/containers/*_{parent.context.platform.name}_*.log"
    rest = f"/aws/containerinsights/{cluster_name(parent)}/application"
    sections = [
        _tail("service", own),
        _tail("application", "/var/log/containers/*.log", Exclude_Path=f"{own}, {', '.join(_ELSEWHERE)}"),
        _pods("service", labels=True),
        _pods("application", labels=False),
        _output(
            "service",
            log_group_name=rest,
            log_group_template=f"{service_group(parent, '')}$kubernetes['labels']['{SERVICE_LABEL}']",
            log_stream_prefix="pod-",
            log_stream_template="$kubernetes['pod_name'].$kubernetes['container_name']",
            log_key="log",
        ),
        _output("application", log_group_name=rest, log_stream_prefix="${HOST_NAME}-"),
    ]
    return "\n".join(sections)


# The add-on reads them as part of the data plane.
_ELSEWHERE = ("/var/log/containers/aws-node*", "/var/log/containers/kube-proxy*")


def _tail(tag: str, path: str, **more: str) -> str:
    return _section(
        "INPUT",
        {
            "Name": "tail",
            "Tag": f"{tag}.*",
            "Path": path,
            **more,
            "multiline.parser": "docker, cri",
            "DB": f"/var/fluent-bit/state/groundwork_{tag}.db",
            "Mem_Buf_Limit": "50MB",
            "Skip_Long_Lines": "On",
            "Refresh_Interval": "10",
            "Rotate_Wait": "30",
            "storage.type": "filesystem",
            "Read_from_Head": "${READ_FROM_HEAD}",
        },
    )


def _pods(tag: str, *, labels: bool) -> str:
    """Return the filter that adds a pod's data, asked of the kubelet of the same node, not of the API server:
    https://docs.fluentbit.io/manual/pipeline/filters/kubernetes"""
    return _section(
        "FILTER",
        {
            "Name": "kubernetes",
            "Match": f"{tag}.*",
            "Kube_URL": "https://kubernetes.default.svc:443",
            "Kube_Tag_Prefix": f"{tag}.var.log.containers.",
            "Labels": "On" if labels else "Off",
            "Annotations": "Off",
            "Use_Kubelet": "On",
            "Kubelet_Port": "10250",
            "Buffer_Size": "0",
        },
    )


def _output(tag: str, **more: str) -> str:
    return _section(
        "OUTPUT",
        {
            "Name": "cloudwatch_logs",
            "Match": f"{tag}.*",
            "region": "${AWS_REGION}",
            # They are there already; one made here would have neither key nor retention.
            "auto_create_group": "false",
            **more,
        },
    )


def _section(kind: str, entries: dict[str, str]) -> str:
    lines = [f"  {key} {value}" for key, value in entries.items()]
    return "\n".join([f"[{kind}]", *lines, ""])
