"""A service as Docker's API takes it: the same hardening as in an ECS task definition."""

from __future__ import annotations

from typing import Any

from groundwork.components.services.settings import ServiceSettings

_MIB = 1024 * 1024
_SECOND = 1_000_000_000
NETWORK = "services"
"""Docker's network on which containers find one another by name."""


def container(service: ServiceSettings, *, region: str, log_group: str, everywhere: bool) -> dict[str, Any]:
    """Return the body of ``POST /containers/create`` without image and fetched environment.

    ``everywhere``: its port is open on the instance's interface, for a load balancer; else on the host's own.

    https://docs.docker.com/reference/api/engine/
    """
    memory = service.memory * _MIB
    body: dict[str, Any] = {
        "User": service.user,
        "StopTimeout": service.stop_timeout,
        "Env": [f"AWS_REGION={region}", f"AWS_DEFAULT_REGION={region}"],
        "HostConfig": {
            "NetworkMode": NETWORK,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Init": True,
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": service.cpu * _SECOND // 1024,
            "Tmpfs": {path: _writable(service) for path in service.writable_paths},
            "Mounts": [{"Type": "volume", "Target": path} for path in service.disk_paths],
            "LogConfig": {"Type": "awslogs", "Config": _log(region, log_group)},
        },
    }
    if service.command:
        body["Cmd"] = list(service.command)
    if service.health_command:
        body["Healthcheck"] = {
            "Test": ["CMD", *service.health_command],
            "Interval": 30 * _SECOND,
            "Timeout": 5 * _SECOND,
            "Retries": 3,
            "StartPeriod": service.start_period * _SECOND,
        }
    if service.port is not None and service.is_public:
        binding = {"HostIp": "0.0.0.0" if everywhere else "127.0.0.1", "HostPort": str(service.port)}  # noqa: S104 - the security group decides
        body["ExposedPorts"] = {f"{service.port}/tcp": {}}
        body["HostConfig"]["PortBindings"] = {f"{service.port}/tcp": [binding]}
    return body


def check(service: ServiceSettings) -> dict[str, Any]:
    """Return the service's health check on the instance: its public port, else Docker, which runs
    ``health_command``."""
    url = f"http://127.0.0.1:{service.port}{service.health}" if service.is_public else ""
    return {"url": url, "start_period": service.start_period}


def _writable(service: ServiceSettings) -> str:
    user, _, group = service.user.partition(":")
    return f"rw,nosuid,nodev,size={service.writable_mib}m,uid={user},gid={group or user}"


def _log(region: str, log_group: str) -> dict[str, str]:
    """Return Docker's log configuration, non-blocking: a service goes on when CloudWatch does not take its logs, and
    loses those beyond the buffer.

    https://docs.docker.com/engine/logging/drivers/awslogs/
    """
    return {
        "awslogs-region": region,
        "awslogs-group": log_group,
        "mode": "non-blocking",
        "max-buffer-size": "25m",
    }
