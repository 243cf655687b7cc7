"""What a process is told: variables that lead to what backs it become ``uses``, secrets become keys of a secret, the rest stays."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from groundwork.projects.sources.application import Application, Backing, Kind, Process, Variable, is_one_of
from groundwork.projects.sources.connections import OURS, Reference, by_name, reference, siblings
from groundwork.projects.sources.names import is_name, queue_name, unique
from groundwork.projects.sources.reading import shown
from groundwork.projects.sources.secrecy import is_secret
from groundwork.settings.variables import environment_name

_LEVELS: dict[Kind, str] = {"database": "connect", "cache": "connect", "search": "write"}

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_LOCAL = re.compile(r"localhost|127\.0\.0\.1|\[::1\]")

_DEBUGGING = re.compile(r"(\w+_)?DEBUG|WERKZEUG_DEBUG_PIN", re.IGNORECASE)
_MODE = re.compile(
    r"(NODE|RAILS|RACK|APP|FLASK|DJANGO|MIX|ASPNETCORE|DOTNET|GO|SYMFONY|LARAVEL)_ENV(IRONMENT)?|ENV|ENVIRONMENT",
    re.IGNORECASE,
)
_OFF = ("", "0", "false", "no", "off", "none")
_LOCAL_MODES = ("development", "dev", "local", "debug")

_QUEUEING = (
    *(
        "celery",
        "sidekiq",
        "rq",
        "resque",
        "dramatiq",
        "arq",
        "huey",
        "taskiq",
        "bullmq",
        "bull",
        "faktory",
        "delayed_job",
    ),
)
_QUEUE_VARIABLES = re.compile(r"BROKER|BULL|QUEUE|SIDEKIQ|JOBS")

_ROLE = re.compile(
    r"AWS_(ACCESS_KEY(_ID)?|SECRET_(ACCESS_)?KEY|SESSION_TOKEN|SECURITY_TOKEN|PROFILE)"
    r"|(S3|MINIO|AWS_S3|STORAGE|OBJECT_STORAGE|SQS)_(\w+_)?(ACCESS_KEY(_ID)?|SECRET(_ACCESS)?_KEY|SECRET|KEY|KEY_ID|ROOT_USER|ROOT_PASSWORD)"
    r"|\w+__S3__(ACCESS_KEY|SECRET_KEY)"
)
"""Keys of AWS, or of what stands in for it."""
_REGION = re.compile(r"(AWS|S3|MINIO|SQS|AWS_S3)_(DEFAULT_)?REGION(_NAME)?")
_ENDPOINT = re.compile(
    r"(AWS_S3|AWS|S3|MINIO|SQS|OBJECT_STORAGE)_(\w+_)?ENDPOINT(_URL)?|USE_MINIO|MINIO_ENDPOINT_SSL|MINIO_SECURE|MINIO_USE_SSL"
)
_BUCKET = re.compile(r"(\w+_)?BUCKET(_NAME)?(_\w+)?")

_STANDARD = {"port": ("5432", "6379", "9200"), "tls": ("true", "false", "0", "1")}
"""Values that say nothing of a place of one's own."""

LEAST_PORT = 1024


def port_of(process: Process) -> int | None:
    """Return the port on which a process listens here: none below 1024, which takes root."""
    if process.port is None or process.port >= LEAST_PORT:
        return process.port
    return {80: 8080, 443: 8443}.get(process.port, 8000 + process.port)


@dataclass
class BackingUse:
    """What a process gets by one use."""

    level: str
    variables: dict[str, str] | None = None
    """Its own name for each variable → ours; None for all of them."""

    def give(self, own: str, ours: str) -> None:
        self.variables = {**(self.variables or {}), own: ours}

    def shown(self) -> Any:
        """Return it as people write it: a word where all is given under its own name, a list where names are kept."""
        if self.variables is None:
            return self.level
        same = all(own == ours for own, ours in self.variables.items())
        return {"level": self.level, "variables": list(self.variables) if same else dict(self.variables)}


@dataclass
class Wiring:
    """What all environments of an application have in common."""

    application: Application
    names: Mapping[str, str]
    """Name of a process in the file → ours."""
    taken: set[str]
    secret: str
    """How the secret is called."""
    keys: dict[str, str] = field(default_factory=dict)
    """Key of the secret → digest of the value that the file has for it; empty where it has none."""
    buckets: dict[str, str] = field(default_factory=dict)
    """Name of a bucket in the file → ours."""
    queues: dict[str, str] = field(default_factory=dict)
    """Name of a queue in the file → ours."""
    cache_keeps: bool = False
    """Jobs wait in the cache, so that nothing in it may be thrown out."""

    def bucket(self, said: str | None = None) -> str:
        """Return our name for a bucket of the file; the first that it names where it does not say which."""
        key = said or self._first_bucket()
        if key not in self.buckets:
            self.buckets[key] = unique(key if is_name(key) else "files", self.taken)
            self.taken.add(self.buckets[key])
        return self.buckets[key]

    def _first_bucket(self) -> str:
        variables = (one for process in self.application.processes for one in process.variables.values())
        return next((one.value for one in variables if one.value and _BUCKET.fullmatch(one.name.upper())), "files")

    def queue(self, said: str) -> str:
        """Return our name for a queue of the file."""
        if said not in self.queues:
            name = queue_name(said)
            self.queues[said] = name if name.endswith(".fifo") else unique(name, self.taken)
            self.taken.add(self.queues[said])
        return self.queues[said]

    def key(self, process: Process, variable: Variable) -> str:
        """Return the key of the secret that holds a variable: its name, unless that has another value already."""
        digest = "" if variable.value is None else hashlib.sha256(variable.value.encode()).hexdigest()
        name = variable.name
        if self.keys.setdefault(name, digest) not in (digest, ""):
            name = f"{environment_name(self.names[process.name])}_{variable.name}"[:128]
            self.keys[name] = digest
        return name


class Environment:
    """What one process uses and is told. What of its variables has no place is noted in the application."""

    def __init__(self, wiring: Wiring, process: Process, *, calls_services: bool) -> None:
        """Read the variables of a process; a job of ECS has no way to services (``calls_services``)."""
        self.uses: dict[str, BackingUse] = {}
        self.plain: dict[str, str] = {}
        self._wiring = wiring
        self._application = wiring.application
        self._process = process
        self._calls_services = calls_services
        self._done: set[str] = set()
        for step in (self._drop, self._follow, self._go_by_name):
            for variable in process.variables.values():
                if variable.name not in self._done:
                    step(variable)
        secret: dict[str, str] = {}
        for variable in process.variables.values():
            if variable.name not in self._done:
                self._keep(variable, secret)
        self._need()
        self._complete()
        if secret:
            self.uses[wiring.secret] = BackingUse("read", secret)

    def _at(self, variable: Variable) -> str:
        return f"{shown(self._process.name)}: {shown(variable.name)}"

    def _leave(self, variable: Variable, reason: str) -> None:
        self._application.leave(variable.where, self._at(variable), reason)
        self._done.add(variable.name)

    def _note(self, variable: Variable, reason: str) -> None:
        self._application.note(variable.where, self._at(variable), reason)

    # What is not needed

    def _drop(self, variable: Variable) -> None:
        name = variable.name
        if (name == "PORT" and (self._process.port or self._process.runs != "always")) or _REGION.fullmatch(name):
            self._done.add(name)
        elif _ROLE.fullmatch(name):
            self._leave(variable, "keys of AWS are not needed: the service's own role has the rights that uses gives")
        elif variable.value is None and _ENDPOINT.fullmatch(name) and self._stands_in_for_aws():
            self._leave(variable, "an endpoint is not needed: AWS's is the SDK's own")

    def _stands_in_for_aws(self) -> bool:
        return any(backing.kind in ("bucket", "queue") for backing in self._application.backings)

    # What leads somewhere

    def _follow(self, variable: Variable) -> None:
        """Follow the host that a variable names, or what its format says that it is."""
        for backing in self._application.backings:
            found = self._reference(variable, backing.name, backing.hosts)
            if found:
                self._backed(variable, backing, found)
                return
        for other in self._application.processes:
            found = self._reference(variable, other.name, other.hosts) if other is not self._process else None
            if found:
                self._called(variable, other, found)
                return
        for host, what in self._application.gone.items():
            if self._reference(variable, host, {host}):
                reason = f"leads to {shown(host)} ({what}), which is not here; name what takes its place"
                self._leave(variable, reason)
                return
        if variable.link:
            self._leave(variable, f"leads to {shown(variable.link.to)}, which the file does not have")

    def _reference(self, variable: Variable, name: str, hosts: set[str]) -> Reference | None:
        if variable.link:
            return Reference(variable.link.part) if variable.link.to == name else None
        return reference(variable, hosts)

    def _backed(self, variable: Variable, backing: Backing, found: Reference) -> None:
        if backing.kind == "bucket":
            self._use_bucket()
            self._leave(variable, "an endpoint is not needed: S3's is the SDK's own")
        elif backing.kind == "queue":
            self._use_queue(variable, backing, found)
        else:
            self._connect(variable, backing, found)

    def _connect(self, variable: Variable, backing: Backing, found: Reference) -> None:
        """Give the address of database, cache or search under the name that the process looks for, and what belongs to it."""
        ours = OURS[backing.kind]
        use = self.uses.setdefault(backing.kind, BackingUse(_LEVELS[backing.kind]))
        self._keeps(backing, variable)
        if found.shape not in ours:
            self._leave(variable, f"has the address in another form; put it together from {', '.join(ours.values())}")
            return
        self._give(use, variable, ours[found.shape])
        self._remark(variable, backing, found)
        if found.shape in ("host", "port") or variable.link:
            for sibling, said in siblings(self._process, variable):
                if said in ours and not sibling.link and reference(sibling, backing.hosts) is None:
                    self._give(use, sibling, ours[said])
        for other in self._process.variables.values():
            own = next((said for said, value in backing.own.items() if value == other.value and len(value) > 3), None)
            if own in ours and other.name not in self._done and by_name(other.name) == (backing.kind, own):
                self._give(use, other, ours[own])

    def _give(self, use: BackingUse, variable: Variable, ours: str) -> None:
        use.give(variable.name, ours)
        self._done.add(variable.name)

    def _remark(self, variable: Variable, backing: Backing, found: Reference) -> None:
        if backing.kind == "database" and found.shape == "url" and found.scheme not in _POSTGRESQL:
            self._note(variable, f"began with {shown(found.scheme)}://, and DATABASE_URL begins with postgresql://")
        elif backing.kind == "cache" and found.shape == "url":
            number = re.fullmatch(r"/(\d+).*", found.rest)
            if number and number[1] != "0":
                self._note(variable, f"named database {number[1]} of Redis; CACHE_URL names none, which is 0")
            if "CELERY" in variable.name.upper() or is_one_of(self._process.command, ("celery",)):
                reason = (
                    "Celery asks for ssl_cert_reqs with rediss://: append ?ssl_cert_reqs=CERT_REQUIRED in its settings"
                )
                self._application.note(self._process.where, shown(self._process.name), reason)
        elif backing.kind == "cache" and found.shape == "host":
            self._note(variable, "the cache takes TLS alone, and says so in CACHE_TLS: turn it on in the client")
        elif backing.kind == "search":
            self._note(
                variable, "requests to OpenSearch are signed (AWS SigV4) by the service's role, not by a password"
            )

    def _keeps(self, backing: Backing, variable: Variable | None = None) -> None:
        queues = variable is not None and bool(_QUEUE_VARIABLES.search(variable.name.upper()))
        if backing.kind == "cache" and (backing.keeps or queues or is_one_of(self._process.command, _QUEUEING)):
            self._wiring.cache_keeps = True

    def _use_bucket(self) -> None:
        names = [one for one in self._process.variables.values() if _BUCKET.fullmatch(one.name.upper())]
        for variable in names:
            self._name_bucket(variable)
        if not names:
            self.uses.setdefault(self._wiring.bucket(), BackingUse("read-write"))

    def _name_bucket(self, variable: Variable) -> None:
        name = self._wiring.bucket(variable.value)
        self._give(self.uses.setdefault(name, BackingUse("read-write")), variable, f"{environment_name(name)}_BUCKET")

    def _use_queue(self, variable: Variable, backing: Backing, found: Reference) -> None:
        level, other = ("send", "consume") if self._process.port else ("consume", "send")
        last = found.rest.rstrip("/").rpartition("/")[2]
        if "rabbitmq" in backing.image:
            self.uses.setdefault(self._wiring.queue("jobs"), BackingUse(level))
            self._leave(variable, "an address of RabbitMQ; that of the queue is in JOBS_QUEUE_URL")
        elif last and last not in ("queue", "0" * 12):
            name = self._wiring.queue(last)
            use = self.uses.setdefault(name, BackingUse(level))
            self._give(use, variable, f"{environment_name(name.removesuffix('.fifo'))}_QUEUE_URL")
            self._note(
                variable,
                f"may {level}, as a process with{'' if self._process.port else 'out'} a port; the other is {other}",
            )
        else:
            self.uses.setdefault(self._wiring.queue("jobs"), BackingUse(level))
            self._leave(variable, "an endpoint is not needed: SQS's is the SDK's own")

    def _called(self, variable: Variable, other: Process, found: Reference) -> None:
        """Let the process call another, under the variable that says where that is."""
        name, port = self._wiring.names[other.name], port_of(other)
        if port is None or other.runs != "always":
            self._leave(variable, f"leads to {shown(other.name)}, which answers on no port here")
            return
        if not self._calls_services:
            self._leave(variable, f"leads to {shown(other.name)}, and a job has no way to services")
            return
        use = self.uses.setdefault(name, BackingUse("connect", {}))
        if found.shape == "url" and found.rest in ("", "/") and found.scheme in ("http", ""):
            self._give(use, variable, f"{environment_name(name)}_URL")
            return
        if variable.link:
            value = {"host": name, "port": str(port), "address": f"{name}:{port}"}.get(found.shape)
        else:
            value = _with_our_host(variable.value, other, name, port, is_url=found.shape == "url")
        if value is None or is_secret(variable.name, value):
            self._leave(variable, f"a part of it is not in the file; {shown(other.name)} is at http://{name}:{port}")
        else:
            self.plain[variable.name] = value
            self._done.add(variable.name)

    # What a name says

    def _go_by_name(self, variable: Variable) -> None:
        """Take a variable for what its name usually says, where its value says nothing else."""
        kind, part = by_name(variable.name) or (None, "")
        if kind is None:
            if _BUCKET.fullmatch(variable.name.upper()) and self._application.backing("bucket"):
                self._name_bucket(variable)
            return
        backing = self._application.backing(kind)
        if backing is None or part not in OURS[kind]:
            return
        value = variable.value
        if value is None or value in (backing.own.get(part), *_STANDARD.get(part, ())):
            self._give(self.uses.setdefault(kind, BackingUse(_LEVELS[kind])), variable, OURS[kind][part])
            self._keeps(backing, variable)
            self._remark(variable, backing, Reference(part))

    # What is left

    def _keep(self, variable: Variable, secret: dict[str, str]) -> None:
        if not _VARIABLE.fullmatch(variable.name):
            self._leave(variable, "is no name of a variable that every shell takes; rename it to letters, digits and _")
        elif variable.value is None or variable.secret or is_secret(variable.name, variable.value):
            secret[variable.name] = self._wiring.key(self._process, variable)
        elif _is_for_developers(variable.name, variable.value):
            self._leave(variable, "is for a developer's machine: in AWS others would see what it shows")
        else:
            self.plain[variable.name] = variable.value
            if _LOCAL.search(variable.value):
                self._note(
                    variable, "says localhost, which is another place in AWS; say your domain, or the service's name"
                )

    def _need(self) -> None:
        """Let the process use what it waits for, also where no variable says where that is."""
        process, wiring = self._process, self._wiring
        for backing in self._application.backings:
            if backing.name not in process.needs:
                continue
            if backing.kind == "bucket":
                if not any(name in self.uses for name in wiring.buckets.values()):
                    self._use_bucket()
            elif backing.kind == "queue":
                if not any(name in self.uses for name in wiring.queues.values()):
                    self.uses[wiring.queue("jobs")] = BackingUse("send" if process.port else "consume")
            else:
                self.uses.setdefault(backing.kind, BackingUse(_LEVELS[backing.kind]))
                self._keeps(backing)
        for other in self._application.processes:
            if (
                other.name in process.needs
                and other is not process
                and other.port
                and other.runs == "always"
                and self._calls_services
            ):
                name = wiring.names[other.name]
                is_said = f"{environment_name(name)}_URL" in self.plain
                self.uses.setdefault(name, BackingUse("connect", {} if is_said else None))
        for name, (level, variables) in process.takes.items():
            self.uses.setdefault(name, BackingUse(level, variables))

    def _complete(self) -> None:
        """Give a whole address where variables say a place and no login: neither database nor cache lets anybody in without."""
        for kind in ("database", "cache"):
            use, ours = self.uses.get(kind), OURS[kind]
            given = set((use.variables or {}).values()) if use else set()
            if use and given and ours["url"] not in given and not {ours["host"], ours["password"]} <= given:
                use.give(ours["url"], ours["url"])
                reason = (
                    f"is reached by a place, a login and TLS, and its variables lack one: {ours['url']} has all of it"
                )
                self._application.note(self._process.where, f"{shown(self._process.name)}: {kind}", reason)


def _is_for_developers(name: str, value: str) -> bool:
    """Tell whether a variable turns on what shows a program's insides."""
    lower = value.lower()
    return bool((_DEBUGGING.fullmatch(name) and lower not in _OFF) or (_MODE.fullmatch(name) and lower in _LOCAL_MODES))


_POSTGRESQL = ("", "postgres", "postgresql", "psql", "pgsql", "postgis")


def _with_our_host(value: str | None, other: Process, name: str, port: int, *, is_url: bool) -> str | None:
    """Return a value with our name and port of a process in place of the file's."""
    if value is None:
        return None
    hosts = "|".join(re.escape(host) for host in sorted(other.hosts, key=len, reverse=True))

    def ours(found: re.Match[str]) -> str:
        return f"{name}:{port}" if is_url or ":" in found[0] else name

    return re.sub(rf"(?<![\w.-])(?:{hosts})(?![\w-])(?::\d+)?", ours, value)
