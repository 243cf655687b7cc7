"""Tracing: a collector beside the service that hands its spans to X-Ray.

AWS's own SDKs and daemon for X-Ray are in maintenance; new work goes through OpenTelemetry:
https://docs.aws.amazon.com/xray/latest/devguide/xray-sdk-daemon-timeline.html
"""

from __future__ import annotations

import json
from typing import Any

from groundwork.components.access import Statement

# No action here takes a resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
STATEMENT = Statement(
    sid="Trace",
    actions=(
        "xray:GetSamplingRules",
        "xray:GetSamplingStatisticSummaries",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ),
    resources=("*",),
)

ENVIRONMENT = {
    "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:2000",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
    # Python's SDK, and Java's agent before its second version, would speak gRPC to that port.
    # https://opentelemetry.io/docs/languages/sdk-configuration/otlp-exporter/
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_PROPAGATORS": "xray,tracecontext,baggage",
}

# Listens to the service alone: containers of one copy share an address.
_CONFIGURATION = {
    "extensions": {"health_check": {"endpoint": "127.0.0.1:13133"}},
    "receivers": {
        "otlp": {"protocols": {"grpc": {"endpoint": "127.0.0.1:4317"}, "http": {"endpoint": "127.0.0.1:4318"}}},
        "awsxray": {"endpoint": "127.0.0.1:2000", "transport": "udp"},
    },
    "processors": {"batch": {"timeout": "1s", "send_batch_size": 50}},
    "exporters": {"awsxray": {}},
    "service": {
        "extensions": ["health_check"],
        "pipelines": {"traces": {"receivers": ["otlp", "awsxray"], "processors": ["batch"], "exporters": ["awsxray"]}},
    },
}

NAME = "trace_collector"
"""With an underscore, which no service's name has: containers of a task must differ."""

MEMORY = 256
"""MiB at which the collector is restarted; it is part of the copy's memory, not on top of it."""


def collector(image: str) -> dict[str, Any]:
    """Return the sidecar's part of a container definition. The service goes on without it."""
    return {
        "name": NAME,
        "image": image,
        "essential": False,
        "memory": MEMORY,
        "user": "1000:1000",
        "environment": [{"name": "AOT_CONFIG_CONTENT", "value": json.dumps(_CONFIGURATION)}],
        "healthCheck": {
            "command": ["CMD", "/healthcheck"],
            "interval": 30,
            "timeout": 5,
            "retries": 3,
            "startPeriod": 10,
        },
        "restartPolicy": {"enabled": True},
    }
