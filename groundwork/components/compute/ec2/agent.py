"""The CloudWatch agent: memory, disk, and the logs of the instance itself."""

from __future__ import annotations

import json
from typing import Any

from groundwork.components.compute.ec2.machine import DATA, LOGS, Machine

MEMORY = "mem_used_percent"
DISK = "disk_used_percent"


def configuration(machine: Machine) -> str:
    """Return the CloudWatch agent's configuration, without the host's name among the dimensions, so that a metric
    outlives its instance.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-Configuration-File-Details.html"""
    group = {"append_dimensions": {"Group": machine.group}}
    disks = ["/", DATA] if machine.volume else ["/"]
    content: dict[str, Any] = {
        "agent": {"metrics_collection_interval": 60, "omit_hostname": True, "region": machine.region},
        "metrics": {
            "namespace": machine.namespace,
            "metrics_collected": {
                "mem": {"measurement": [MEMORY], **group},
                "disk": {"measurement": ["used_percent"], "resources": disks, "drop_device": True, **group},
            },
        },
        "logs": {
            "logs_collected": {
                "files": {
                    "collect_list": [
                        {
                            "file_path": file,
                            "log_group_name": machine.log_group,
                            "log_stream_name": f"{{instance_id}}/{stream}",
                        }
                        for stream, file in _logs(machine).items()
                    ]
                }
            }
        },
    }
    return json.dumps(content, separators=(",", ":"))


def disk_dimensions(machine: Machine, path: str) -> dict[str, str]:
    """Return the dimensions of a disk's metrics as the agent names them; both are XFS."""
    return {"Group": machine.group, "path": path, "fstype": "xfs"}


def _logs(machine: Machine) -> dict[str, str]:
    """Stream → file, each by name: of a pattern's files the agent follows the newest alone."""
    streams = ["units", *(["proxy"] if machine.proxy else []), *(["cache"] if machine.cache else [])]
    return {"boot": "/var/log/cloud-init-output.log", **{stream: f"{LOGS}/{stream}.log" for stream in streams}}
