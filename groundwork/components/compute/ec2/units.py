"""systemd: what runs, in which order, and what starts it again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from groundwork.components.compute.ec2.machine import CACHE, CACHE_PORT, DATA, LOGS, CacheContainer, Machine

PROGRAMS = "/usr/local/lib/groundwork"
IDENTITY_ADDRESS = "169.254.170.2"
"""Where SDKs ask for ``AWS_CONTAINER_CREDENTIALS_RELATIVE_URI``: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html"""

Section = Mapping[str, str | tuple[str, ...]]

_SERVICE = {"EnvironmentFile": "/etc/groundwork/environment", "StandardError": f"append:{LOGS}/units.log"}
_FOREVER = {**_SERVICE, "Restart": "always", "RestartSec": "5"}
_INSTALL = {"WantedBy": "multi-user.target"}
_TIMERS = {"WantedBy": "timers.target"}


def units(machine: Machine) -> dict[str, str]:
    """Map file names below ``/etc/systemd/system`` to their content."""
    return dict(_units(machine))


def enabled(machine: Machine) -> list[str]:
    """List the units that boot starts; others come by timer or because one of these wants them."""
    names = ["groundwork-identity", "groundwork-watch.timer"]
    if machine.volume:
        names.append("groundwork-volume")
    if machine.cache:
        names.append("groundwork-cache")
        names += ["groundwork-backup.timer"] if machine.cache.copied else []
    if machine.proxy:
        names += ["groundwork-certificate", "groundwork-certificate.timer"] if machine.proxy.certified else []
        names.append("groundwork-proxy")
    names += [f"groundwork-job@{job}.timer" for job, calendar in machine.jobs.items() if calendar]
    return [*names, *(f"groundwork@{service}" for service in machine.services)]


def _units(machine: Machine) -> Iterator[tuple[str, str]]:
    yield (
        "groundwork@.service",
        _unit(
            _after("docker.service", "groundwork-identity.service"),
            {
                **_FOREVER,
                "ExecStartPre": "-/usr/bin/docker rm --force --volumes %i",
                "ExecStart": f"/usr/bin/python3 {PROGRAMS}/run.py %i",
                "ExecStop": "/usr/bin/docker stop %i",
                "TimeoutStartSec": "900",
                "TimeoutStopSec": str(machine.longest_stop + 30),
                "StandardOutput": "null",
            },
            _INSTALL,
        ),
    )
    for service, before in machine.after.items():
        if before:
            yield f"groundwork@{service}.service.d/order.conf", _unit(_after(*before))
    yield (
        "groundwork-identity.service",
        _unit(
            {},
            {
                **_FOREVER,
                "ExecStartPre": f"/usr/sbin/ip address replace {IDENTITY_ADDRESS}/32 dev lo",
                "ExecStart": f"/usr/bin/python3 {PROGRAMS}/identity.py {IDENTITY_ADDRESS} 80",
            },
            _INSTALL,
        ),
    )
    yield "groundwork-watch.service", _unit({}, {**_SERVICE, "ExecStart": f"/usr/bin/python3 {PROGRAMS}/watch.py"})
    yield "groundwork-watch.timer", _unit({}, timer={"OnCalendar": "minutely", "AccuracySec": "1s"}, install=_TIMERS)
    if machine.jobs:
        yield (
            "groundwork-job@.service",
            _unit(
                _after("docker.service", "groundwork-identity.service"),
                {
                    **_SERVICE,
                    "Type": "oneshot",
                    "ExecStart": f"/usr/bin/python3 {PROGRAMS}/job.py %i",
                    "TimeoutStartSec": "infinity",
                    "StandardOutput": "null",
                },
            ),
        )
    for job, calendar in machine.jobs.items():
        if calendar:
            # A run that the instance missed while it was stopped is made up for.
            timer = {"OnCalendar": calendar, "AccuracySec": "1s", "Persistent": "true"}
            yield f"groundwork-job@{job}.timer", _unit({}, timer=timer, install=_TIMERS)
    if machine.volume:
        yield "groundwork-volume.service", _volume()
    if machine.cache:
        yield from _cache(machine, machine.cache)
    if machine.proxy:
        yield from _proxy(machine, certified=machine.proxy.certified is not None)


def _volume() -> str:
    once = {"Type": "oneshot", "RemainAfterExit": "yes", "TimeoutStartSec": "infinity"}
    retried = {"Restart": "on-failure", "RestartSec": "10"}
    return _unit(
        {**_after("network-online.target"), "Before": "docker.service"},
        {**_SERVICE, **once, **retried, "ExecStart": f"/bin/bash {PROGRAMS}/volume.sh"},
        _INSTALL,
    )


def _cache(machine: Machine, cache: CacheContainer) -> Iterator[tuple[str, str]]:
    settings = {"maxmemory": f"{cache.max_memory_mb}mb", "maxmemory-policy": cache.policy, **cache.parameters}
    options = " ".join(f"--{name} {_quoted(value)}" for name, value in settings.items())
    container = (
        f"/usr/bin/docker run --rm --name={CACHE} --network=services --read-only --cap-drop=ALL "
        f"--security-opt=no-new-privileges --user=999:999 --memory={cache.memory_mb}m --memory-swap={cache.memory_mb}m "
        f"--volume={DATA}/cache:/data {cache.image}"
    )
    save = '--dir /data --save "300 1" --stop-writes-on-bgsave-error no'
    yield (
        "groundwork-cache.service",
        _unit(
            _after("docker.service", *_volume_first(machine)),
            {
                **_FOREVER,
                "ExecStartPre": (
                    *_mounted(machine),
                    f"-/usr/bin/docker rm --force {CACHE}",
                    f"/usr/bin/install -d -o 999 -g 999 {DATA}/cache",
                ),
                "ExecStart": f"{container} {cache.server} --port {CACHE_PORT} --protected-mode no {save} {options}",
                "ExecStop": f"/usr/bin/docker stop --time 60 {CACHE}",
                "TimeoutStartSec": "900",
                "StandardOutput": f"append:{LOGS}/cache.log",
            },
            _INSTALL,
        ),
    )
    if cache.copied:
        yield (
            "groundwork-backup.service",
            _unit({}, {**_SERVICE, "Type": "oneshot", "ExecStart": f"/bin/bash {PROGRAMS}/backup.sh"}),
        )
        daily = {"OnCalendar": f"*-*-* {cache.copied_at}:00 {machine.timezone}", "Persistent": "true"}
        yield "groundwork-backup.timer", _unit({}, timer=daily, install=_TIMERS)


def _proxy(machine: Machine, *, certified: bool) -> Iterator[tuple[str, str]]:
    after = ("groundwork-certificate.service",) if certified else ()
    nginx = "/usr/sbin/nginx -c /etc/groundwork/nginx.conf"
    yield (
        "groundwork-proxy.service",
        _unit(
            _after("network-online.target", *after),
            {
                **_FOREVER,
                "ExecStartPre": f"/bin/bash {PROGRAMS}/origin.sh",
                "ExecStart": f"{nginx} -g 'daemon off;'",
                "ExecReload": f"{nginx} -s reload",
                "LimitNOFILE": "65536",
            },
            _INSTALL,
        ),
    )
    if certified:
        yield (
            "groundwork-certificate.service",
            _unit(
                _after("network-online.target", *_volume_first(machine)),
                {
                    **_SERVICE,
                    "Type": "oneshot",
                    "Restart": "on-failure",
                    "RestartSec": "120",
                    "ExecStartPre": _mounted(machine),
                    "ExecStart": f"/bin/bash {PROGRAMS}/certificate.sh",
                },
                _INSTALL,
            ),
        )
        daily = {"OnCalendar": "daily", "RandomizedDelaySec": "6h", "Persistent": "true"}
        yield "groundwork-certificate.timer", _unit({}, timer=daily, install=_TIMERS)


def _volume_first(machine: Machine) -> tuple[str, ...]:
    return ("groundwork-volume.service",) if machine.volume else ()


def _mounted(machine: Machine) -> tuple[str, ...]:
    """Return the command that fails, to be tried again, as long as the volume is not there. A dependency that failed
    would never be tried again."""
    return (f"/usr/bin/mountpoint --quiet {DATA}",) if machine.volume else ()


def _after(*names: str) -> dict[str, str]:
    return {"Wants": " ".join(names), "After": " ".join(names)}


def _unit(
    unit: Section, service: Section | None = None, install: Section | None = None, *, timer: Section | None = None
) -> str:
    # Nothing here is given up after a few tries.
    unit = {**unit, "StartLimitIntervalSec": "0"} if service and "Restart" in service else unit
    sections = {"Unit": unit, "Service": service, "Timer": timer, "Install": install}
    return "".join(f"[{name}]\n{_lines(content)}" for name, content in sections.items() if content)


def _lines(section: Section) -> str:
    return "".join(
        f"{key}={line}\n" for key, value in section.items() for line in ((value,) if isinstance(value, str) else value)
    )


def _quoted(value: str) -> str:
    """Quote one argument for systemd, whose quotes are not the shell's: ``%`` and ``$`` count double."""
    plain = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return plain if plain.replace("-", "").replace("_", "").isalnum() else f'"{plain}"'
