"""Read Fly.io's fly.toml.

https://fly.io/docs/reference/configuration/
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from groundwork.projects.sources.application import Application, Build, Process, Variable
from groundwork.projects.sources.building import build_of
from groundwork.projects.sources.procfile import shell_words
from groundwork.projects.sources.reading import (
    listed,
    mapping,
    mebibytes,
    mistake,
    number,
    seconds,
    shown,
    strings,
    text_of,
    whole,
)
from groundwork.settings import stack_file
from groundwork.settings.stack_file import Document

REGIONS = stack_file.read(Path(__file__).with_name("regions.yaml")).data

_KNOWN = {
    *(
        "app",
        "primary_region",
        "build",
        "env",
        "processes",
        "http_service",
        "services",
        "deploy",
        "vm",
        "mounts",
        "checks",
    ),
    *(
        "kill_timeout",
        "kill_signal",
        "statics",
        "metrics",
        "experimental",
        "swap_size_mb",
        "console_command",
        "restart",
        "files",
    ),
    *("host_dedication_id", "machine_checks"),
}
_REASONS = {
    "mounts": "copies come and go, and their disks with them: keep files in a bucket (storage, uses), data in the database",
    "statics": "files for browsers come from a bucket (storage: {purpose: static, cdn: true}) or from the service itself",
    "metrics": "metrics are CloudWatch's; what a log line says becomes one by observability.metrics",
    "kill_signal": "it belongs in the Dockerfile: STOPSIGNAL",
    "swap_size_mb": "there is no swap; give the service more memory",
    "files": "a file for the container belongs in its image",
    "machine_checks": "a check of a new image belongs in a job (before_deploy)",
    "checks": "the load balancer asks the path health; a command is health_command",
}
_SIZES = {"shared-cpu-1x": (1, 256), "shared-cpu-2x": (2, 512), "shared-cpu-4x": (4, 1024), "shared-cpu-8x": (8, 2048)}
"""Size of a machine → vCPUs and MiB. https://fly.io/docs/about/pricing/"""
_SHARED = 1 / 16
"""What a shared vCPU is sure of. https://fly.io/docs/machines/cpu-performance/"""


def is_fly(document: Document) -> bool:
    data = document.data
    return "app" in data or "http_service" in data or "primary_region" in data


def _packs(build: dict[str, Any]) -> bool:
    """Tell whether something else than a Dockerfile builds the image."""
    return bool(build.get("builder") or build.get("buildpacks"))


def _build(application: Application, document: Document, build: dict[str, Any]) -> Build | None:
    if _packs(build):
        return None
    args = [
        Variable(name, text_of(value), document.where(("build", "args", name)))
        for name, value in mapping(build.get("args")).items()
    ]
    dockerfile, target = text_of(build.get("dockerfile")), text_of(build.get("build-target"))
    where = document.where(("build",))
    return build_of(application, "app", where, context=".", dockerfile=dockerfile, target=target, args=args)


def read(document: Document) -> Application:
    """Read fly.toml. Raises Mistakes where it says what cannot be."""
    data = document.data
    application = Application(document.label, name=text_of(data.get("app")) or "")
    region = text_of(data.get("primary_region")) or ""
    application.region = REGIONS["fly"].get(region, "")
    for key in data:
        if key in _REASONS:
            application.leave(document.where((key,)), key, _REASONS[key])
        elif key not in _KNOWN:
            application.leave(document.where((key,)), shown(key), "has no place here")
    groups = mapping(data.get("processes"))
    build = mapping(data.get("build"))
    variables = {
        name: Variable(name, text_of(value), document.where(("env", name)))
        for name, value in mapping(data.get("env")).items()
    }
    for name, command in (groups or {"app": ""}).items():
        where = document.where(("processes", name)) if groups else document.where(("app",))
        process = Process(name if groups else "web", where, hosts={name})
        process.command = shell_words(text_of(command) or "") if text_of(command) else ()
        process.image = text_of(build.get("image"))
        process.built = "" if process.image else "the application"
        process.build = _build(application, document, build) if not process.image else None
        process.variables = dict(variables)
        process.stop_timeout = seconds(data.get("kill_timeout"))
        _size(application, document, name, process)
        application.processes.append(process)
    _entries(application, document, dict(zip(groups or {"app": ""}, application.processes, strict=True)))
    release = text_of(mapping(data.get("deploy")).get("release_command"))
    if release:
        first = application.processes[0]
        where = document.where(("deploy", "release_command"))
        job = Process(
            "release", where, "before_deploy", image=first.image, built=first.built, command=shell_words(release)
        )
        job.variables = dict(variables)
        application.processes.append(job)
    if _packs(build):
        application.leave(
            document.where(("build",)), "build", "an image is built by your Dockerfile, or by `pack build`"
        )
    application.note(
        document.label,
        "secrets",
        "their names are in no file: list those that `fly secrets list` shows under secrets.app.keys",
    )
    return application


def _entries(application: Application, document: Document, processes: dict[str, Process]) -> None:
    """Read how requests come in."""
    data = document.data
    http = mapping(data.get("http_service"))
    if http:
        _entry(application, document, http, ("http_service",), processes)
    for index, service in enumerate(listed(data.get("services"))):
        said = mapping(service)
        path = ("services", index)
        handlers = {word for port in listed(said.get("ports")) for word in strings(mapping(port).get("handlers"))}
        if said.get("protocol") == "udp" or (said.get("ports") and not handlers & {"http", "tls"}):
            reason = "a service that speaks something else than HTTP says tcp in place of path (docs/components/tcp.md)"
            application.leave(document.where(path), f"port {shown(text_of(said.get('internal_port')) or '')}", reason)
            continue
        _entry(application, document, said, path, processes)


def _entry(
    application: Application,
    document: Document,
    said: dict[str, Any],
    path: tuple[str | int, ...],
    processes: dict[str, Process],
) -> None:
    port = whole(said.get("internal_port"))
    if port is None or not 0 < port < 65536:
        raise mistake(
            document.where((*path, "internal_port")), "internal_port is missing or no port; say where the app listens"
        )
    wanted = strings(said.get("processes")) or list(processes)[:1]
    for name in wanted:
        process = processes.get(name)
        if process is None:
            raise mistake(document.where((*path, "processes")), f'there is no process "{shown(name)}"')
        if process.port not in (None, port):
            reason = f"a service answers HTTP on one port, which is {process.port}"
            application.leave(document.where(path), f"port {port}", reason)
            continue
        process.port, process.public = port, True
        least = whole(said.get("min_machines_running"))
        if least:
            process.copies = (least, max(least, 4))
        checks = [*listed(said.get("checks")), *listed(said.get("http_checks"))]
        for check in checks:
            process.health = process.health or text_of(mapping(check).get("path"))
            process.start_period = process.start_period or seconds(mapping(check).get("grace_period"))
    if said.get("auto_stop_machines") not in (None, False, "off", "false"):
        reason = "nothing sleeps between requests; a dev stack stops at night with platform.hours"
        application.leave(document.where((*path, "auto_stop_machines")), "auto_stop_machines", reason)


def _size(application: Application, document: Document, name: str, process: Process) -> None:
    for index, machine in enumerate(listed(document.data.get("vm"))):
        said = mapping(machine)
        if strings(said.get("processes")) and name not in strings(said.get("processes")):
            continue
        cpus, memory = _SIZES.get(text_of(said.get("size")) or "", (0, 0))
        cpus = int(number(said.get("cpus")) or cpus)
        shared = text_of(said.get("cpu_kind")) != "performance" and not (text_of(said.get("size")) or "").startswith(
            "performance"
        )
        process.cpu = (cpus * _SHARED if shared else cpus) or None
        amount = text_of(said.get("memory")) or text_of(said.get("memory_mb")) or ""
        process.memory = (whole(amount) if amount.isdigit() else mebibytes(amount)) or memory or None
        if said.get("gpu_kind") or said.get("gpus"):
            reason = "Fargate has no GPU; an instance with one is a node group of the engine eks"
            application.leave(document.where(("vm", index)), "GPU", reason)
