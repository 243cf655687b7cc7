"""cloud-init: what makes an empty Amazon Linux run services.

User data holds units and addresses, neither configuration nor secrets: those are read when a service starts. EC2 takes 16 KB,
so the programs wait in Parameter Store, from where boot fetches them. A digest of all that is there is part of the user
data, so that a change of any of it makes new instances.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import yaml

from groundwork.components.compute.ec2 import agent, proxy
from groundwork.components.compute.ec2.machine import LOGS, Machine
from groundwork.components.compute.ec2.units import enabled, units

LIMIT = 16_384
"""Bytes before encoding: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html"""

_PACKAGES = ("docker", "amazon-ecr-credential-helper", "amazon-cloudwatch-agent", "dnf-automatic")
_SOURCES = Path(__file__).with_name("programs")

_DOCKER = (
    '{"bip":"100.64.0.1/24","live-restore":true,"no-new-privileges":true,'
    '"log-driver":"json-file","log-opts":{"max-size":"10m","max-file":"3"}}'
)
_KERNEL = """\
vm.overcommit_memory=1
vm.swappiness=10
net.core.somaxconn=4096
net.ipv4.tcp_keepalive_time=120
kernel.kptr_restrict=2
kernel.dmesg_restrict=1
"""
_UPDATES = "[commands]\nupgrade_type = security\napply_updates = yes\n"
_ROTATION = f"{LOGS}/*.log {{\n  size 10M\n  rotate 3\n  compress\n  missingok\n  copytruncate\n}}\n"


def render(machine: Machine, facts: Mapping[str, str]) -> str:
    """Return the cloud-config of one kind of instance. ``facts`` are what only AWS knows: ids and names."""
    files = [
        {"path": path, "permissions": permissions, "content": content}
        for path, content, permissions in _files(machine, facts)
    ]
    content = {
        "write_files": files,
        "runcmd": [["bash", "-c", "set -a; . /etc/groundwork/environment; exec bash /etc/groundwork/boot.sh"]],
    }
    text = "#cloud-config\n" + yaml.dump(
        content, Dumper=_CloudConfigDumper, sort_keys=False, width=10_000, allow_unicode=True
    )
    size = len(text.encode())
    if size > LIMIT:
        raise pulumi.RunError(
            f"the user data of {machine.group} is {size} bytes and EC2 takes {LIMIT}; it grows with routes and the "
            "certificate's names: use fewer services on one instance, or another engine"
        )
    return text


def environment(machine: Machine, facts: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of programs and units."""
    told = {
        "AWS_DEFAULT_REGION": machine.region,
        "HOME": "/root",
        "DECLARATIONS": f"{machine.parameters}/declarations",
        "IMAGES": f"{machine.parameters}/images",
        "PROGRAMS": machine.programs,
        "GROUP": machine.group,
        "NAMESPACE": machine.namespace,
        "SERVICES": " ".join(machine.services),
        "PACKAGES": " ".join(_packages(machine)),
        "UNITS": " ".join(enabled(machine)),
    }
    if machine.cache:
        told["CACHE_CLIENT"] = machine.cache.client
    if machine.proxy and machine.proxy.certified:
        told["CERTIFICATE_NAMES"] = " ".join(machine.proxy.certified.names)
    return {**told, **facts}


def _packages(machine: Machine) -> Iterator[str]:
    yield from _PACKAGES
    if machine.proxy:
        yield "nginx"
        if machine.proxy.certified:
            yield from ("certbot", "python3-certbot-dns-route53")


def _files(machine: Machine, facts: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield path, content and permissions of each file."""
    told = environment(machine, facts)
    yield "/etc/groundwork/environment", "".join(f'{name}="{value}"\n' for name, value in told.items()), "0600"
    yield "/etc/groundwork/agent.json", agent.configuration(machine), "0644"
    if machine.proxy:
        yield "/etc/groundwork/nginx.conf", proxy.configuration(machine.proxy), "0644"
    yield "/etc/groundwork/boot.sh", program("boot.sh"), "0700"
    for name, content in units(machine).items():
        yield f"/etc/systemd/system/{name}", content, "0644"
    yield "/etc/docker/daemon.json", _DOCKER, "0644"
    yield "/root/.docker/config.json", '{"credsStore":"ecr-login"}', "0600"
    yield "/etc/sysctl.d/90-groundwork.conf", _KERNEL, "0644"
    yield "/etc/tmpfiles.d/groundwork.conf", f"d /run/groundwork 0700 root root\nd {LOGS} 0755 root root\n", "0644"
    yield "/etc/logrotate.d/groundwork", _ROTATION, "0644"
    # Amazon Linux stays at the release it was launched with unless told otherwise, and would find no updates.
    # https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades-usage.html
    yield "/etc/dnf/vars/releasever", "latest\n", "0644"
    yield "/etc/dnf/automatic.conf", _UPDATES, "0644"


def programs(machine: Machine) -> Iterator[str]:
    """Yield the names of the programs that boot fetches."""
    yield from ("identity.py", "run.py", "watch.py")
    if machine.jobs:
        yield "job.py"
    if machine.volume:
        yield "volume.sh"
    if machine.cache and machine.cache.copied:
        yield "backup.sh"
    if machine.proxy:
        yield "origin.sh"
        if machine.proxy.certified:
            yield "certificate.sh"


@cache
def program(name: str) -> str:
    """Return a program without the lines that only its readers need."""
    lines = (_SOURCES / name).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and (line.startswith("#!") or not line.lstrip().startswith("#"))]
    return "\n".join(kept) + "\n"


class _CloudConfigDumper(yaml.SafeDumper):
    """Writes text of several lines as a block, as a reader would."""


def _text(dumper: yaml.SafeDumper, value: str) -> Any:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_CloudConfigDumper.add_representer(str, _text)
