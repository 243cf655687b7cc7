"""Make layers of an application, whatever format it was read from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from groundwork.projects.sources import images
from groundwork.projects.sources.application import Application, Backing, Kind, Left, Process, Variable, is_one_of
from groundwork.projects.sources.connections import OURS, Reference, by_name, reference, siblings
from groundwork.projects.sources.reading import shown
from groundwork.projects.sources.schedules import eventbridge_cron
from groundwork.projects.sources.secrecy import is_secret, tells_secret
from groundwork.settings.facts import fargate_sizes
from groundwork.settings.mistakes import Path
from groundwork.settings.variables import environment_name

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MOST = 24
"""Letters of a name; groundwork/settings/base.py."""

_TAKEN = ("database", "cache", "search", "push")
"""What `uses` calls layers by."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")

_QUEUEING = ("celery", "sidekiq", "rq", "resque", "dramatiq", "arq", "huey", "taskiq", "bullmq", "bull", "faktory", "delayed_job")
_FRONT = ("web", "app", "frontend", "front", "front-end", "ui", "client", "site", "www", "nginx", "proxy", "gateway", "rails", "django")
_BEHIND = ("api", "backend", "server", "graphql")

_ROLE = re.compile(
    r"AWS_(ACCESS_KEY(_ID)?|SECRET_(ACCESS_)?KEY|SESSION_TOKEN|SECURITY_TOKEN|PROFILE)|(S3|MINIO|AWS_S3|STORAGE|OBJECT_STORAGE|SQS)_(\w+_)?"
    r"(ACCESS_KEY(_ID)?|SECRET(_ACCESS)?_KEY|SECRET|KEY|KEY_ID|ROOT_USER|ROOT_PASSWORD)|\w+__S3__(ACCESS_KEY|SECRET_KEY)"
)
"""Keys of AWS or of what stands in for it."""
_REGION = re.compile(r"(AWS|S3|MINIO|SQS|AWS_S3)_(DEFAULT_)?REGION(_NAME)?")
_BUCKET = re.compile(r"(\w+_)?BUCKET(_NAME)?(_\w+)?|(AWS|S3)_STORAGE_BUCKET_NAME")

_LEAST_PORT = 1024


@dataclass
class Translation:
    """The layers of a new project, and what is to be said of them."""

    layers: dict[str, Any] = field(default_factory=dict)
    copies: dict[str, dict[str, int]] = field(default_factory=dict)
    """Service → ``scaling`` of prod."""
    connections: dict[str, int] = field(default_factory=dict)
    """Stage → database connections of one copy of each service, where they would be too many otherwise."""
    comments: dict[Path, str] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    """Where in the file a path of the settings comes from."""
    secrets: dict[str, list[str]] = field(default_factory=dict)
    """Secret → its keys, to be filled."""

    def open_fewer_connections(self, *, prod: bool) -> bool:
        """Let each copy open fewer connections than before; False where they are down to one."""
        stage = "prod" if prod else "dev"
        before = self.connections.get(stage, 10 if prod else 5)
        self.connections[stage] = max(1, before * 2 // 3)
        self.comments[("services", "*")] = "All services share the connections that the database takes."
        return before > 1


def translated(application: Application) -> Translation:
    """Return the layers that an application becomes. What it has that has no place is noted in ``application``."""
    return _Translator(application).translation()


@dataclass
class _Used:
    """What a process gets by one use."""

    level: str
    variables: dict[str, str] | None = None
    """Its own name for each variable → ours; None for all of them."""


class _Translator:
    def __init__(self, application: Application) -> None:
        self._application = application
        self._made = Translation()
        self._names: dict[str, str] = {}
        """Name of a process in the file → ours."""
        self._kinds: dict[Kind, list[Backing]] = {}
        self._keys: dict[str, str] = {}
        """Key of the secret → digest of the value that it has in the file."""
        self._buckets: dict[str, str] = {}
        """Name of a bucket in the file → ours."""
        self._queues: list[str] = []
        self._jobs_cache = False
        self._secret_name = "app"

    def translation(self) -> Translation:
        application, made = self._application, self._made
        self._brokers()
        for backing in application.backings:
            self._kinds.setdefault(backing.kind, []).append(backing)
        self._name_all()
        self._one_database()
        self._choose_paths()
        services: dict[str, Any] = {}
        jobs: dict[str, Any] = {}
        owners = self._owners()
        for process in sorted(application.processes, key=lambda one: one.runs != "always"):
            name = self._names[process.name]
            if process.runs == "always":
                services[name] = _in_order(self._container(process, owners, with_services=True) | self._service(process))
            else:
                job = self._container(process, owners, with_services=False)
                jobs[name] = _in_order(self._job(process, job, services))
            layer = "services" if process.runs == "always" else "jobs"
            made.origins[(layer, name)] = process.where
            made.comments[(layer, name)] = self._comment(process, name)
        made.layers = self._layers(services, jobs)
        return made

    # What backs it

    def _brokers(self) -> None:
        """Let a broker of Celery's be the cache: Celery speaks to it as to RabbitMQ, and reads which one it is from the address."""
        application = self._application
        for backing in list(application.backings):
            if backing.kind != "queue" or "rabbitmq" not in backing.image:
                continue
            if any(is_one_of(process.command, ("celery",)) for process in application.processes):
                backing.kind, backing.keeps = "cache", True
                reason = "Celery finds its broker by the address alone, and Valkey is one: CACHE_URL takes the place of amqp://"
                application.note(backing.where, shown(backing.name), reason)
            else:
                reason = "RabbitMQ speaks AMQP, and SQS does not: what sends and receives messages changes, or the broker is Amazon MQ of your own"
                application.leave(backing.where, shown(backing.name), reason)

    def _one_database(self) -> None:
        for extra in self._kinds.get("database", [])[1:]:
            reason = "a stack has one database server; make a second database in it, or give this part a stack of its own"
            self._application.leave(extra.where, shown(extra.name), reason)
            for host in extra.hosts:
                self._application.gone[host] = "a second database"
        del self._kinds.get("database", [])[1:]
        for kind in ("cache", "search"):
            for extra in self._kinds.get(kind, [])[1:]:
                reason = f"there is one {kind}, which takes the place of all: see that keys do not meet"
                self._application.note(extra.where, shown(extra.name), reason)

    # Names

    def _name_all(self) -> None:
        taken = set(_TAKEN)
        for process in self._application.processes:
            name = unique(name_of(process.name, "service"), taken)
            if name != process.name:
                self._application.note(process.where, shown(process.name), f"is called {name} here")
            self._names[process.name] = name
            taken.add(name)
        self._secret_name = next(name for name in ("app", "app-secrets", "product-secrets") if name not in taken)
        taken.add(self._secret_name)
        for site in list(self._application.sites):
            self._names[site] = unique(name_of(site, "site"), taken)
            taken.add(self._names[site])
        self._taken = taken

    def _bucket(self, said: str | None) -> str:
        """Return our name for a bucket of the file; ``files`` where it does not say which."""
        wanted = said if said and _NAME.fullmatch(said) and len(said) <= _MOST else "files"
        if (said or "") not in self._buckets:
            known = set(self._buckets.values())
            name = wanted if wanted in known and wanted == "files" else unique(wanted, self._taken - known | known)
            self._buckets[said or ""] = name
            self._taken.add(name)
        return self._buckets[said or ""]

    def _queue(self, said: str) -> str:
        name = re.sub(r"[^a-z0-9.]+", "-", said.lower()).strip("-.") or "jobs"
        fifo = name.endswith(".fifo")
        name = name.removesuffix(".fifo").replace(".", "-")[:30].strip("-")
        name = name if _NAME.fullmatch(name) else f"queue-{name}"
        name = f"{name}.fifo" if fifo else name
        if name not in self._queues:
            self._queues.append(name if name not in self._taken else f"{name}-queue")
        return name if name in self._queues else f"{name}-queue"

    # Paths

    def _choose_paths(self) -> None:
        public = [one for one in self._application.processes if one.public and one.port and one.runs == "always"]
        if not public:
            ported = [one for one in self._application.processes if one.port and one.runs == "always"]
            first = min(ported, key=self._front, default=None)
            if first is None:
                return
            if any(one.path for one in ported):
                return
            first.public = True
            reason = "is taken for what users see, since nothing says it is published; without path only other services reach it"
            self._application.note(first.where, shown(first.name), reason)
            public = [first]
        taken = {one.path for one in public if one.path}
        unsaid = [one for one in public if one.path is None]
        if not unsaid:
            return
        main = min(unsaid, key=self._front) if "/*" not in taken else None
        for process in unsaid:
            name = self._names[process.name]
            if process is main:
                process.path = "/*"
                continue
            path = f"/{'api' if name in _BEHIND and '/api/*' not in taken else name}/*"
            process.path = path
            taken.add(path)
            reason = f"answers under {path[:-1]}, and the path is not taken off before it; or give it a host of its own below the domain"
            self._application.note(process.where, shown(process.name), reason)

    def _front(self, process: Process) -> tuple[int, int]:
        name = self._names[process.name]
        rank = 0 if name in _FRONT else 3 if name in _BEHIND else 2
        if process.published in (80, 443):
            rank = min(rank, 1)
        return rank, self._application.processes.index(process)

    # A container

    def _owners(self) -> dict[str, str]:
        """Return for each build the service whose repository it is pushed to: a public one, or the first."""
        owners: dict[str, Process] = {}
        for process in self._application.processes:
            before = owners.get(process.built)
            if process.built and process.runs == "always" and (before is None or (process.public and not before.public)):
                owners[process.built] = process
        return {built: self._names[process.name] for built, process in owners.items()}

    def _container(self, process: Process, owners: dict[str, str], *, with_services: bool) -> dict[str, Any]:
        name = self._names[process.name]
        result: dict[str, Any] = {}
        owner = owners.get(process.built) if process.built else None
        if process.image:
            result["image"] = process.image
        elif owner and owner != name:
            result["image"] = {"from": owner}
        if process.command and tells_secret(process.command):
            reason = "a secret is in it, which a command shows to everybody; let the program read a variable"
            self._application.leave(process.where, f"{shown(process.name)}: command", reason)
        elif process.command:
            result["command"] = list(process.command)
        result |= self._size(process)
        uses, environment = self._environment(process, with_services=with_services)
        if environment:
            result["environment"] = environment
        shown_uses = {used: _shown_use(use) for used, use in uses.items()}
        if shown_uses:
            result["uses"] = shown_uses
        if process.user and process.user not in ("1000", "1000:1000"):
            result["user"] = process.user
        if process.writable:
            result["writable_paths"] = list(dict.fromkeys(["/tmp", *process.writable]))  # noqa: S108 - in a container
        if process.stop_timeout and process.stop_timeout > 30:
            # Less than that is for those who start it again all day.
            result["stop_timeout"] = min(120, process.stop_timeout)
        return result

    def _size(self, process: Process) -> dict[str, Any]:
        if process.cpu is None and process.memory is None:
            return {}
        wanted_cpu, wanted_memory = (process.cpu or 0) * 1024, process.memory or 0
        for cpu, memories in fargate_sizes().items():
            memory = next((size for size in memories if size >= wanted_memory), None)
            if cpu >= wanted_cpu and memory is not None:
                return {"cpu": cpu, "memory": memory}
        reason = "is more than the largest size that Fargate has"
        self._application.leave(process.where, f"{shown(process.name)}: cpu and memory", reason)
        return {}

    def _service(self, process: Process) -> dict[str, Any]:
        result: dict[str, Any] = {}
        name = self._names[process.name]
        if process.port:
            port = process.port
            if port < _LEAST_PORT:
                port = {80: 8080, 443: 8443}.get(port, 8000 + port)
                reason = f"listens on {process.port}, which only root may: have it listen on {port} (it is told PORT)"
                self._application.note(process.where, shown(process.name), reason)
            result["port"] = port
            if process.public or process.path:
                result["path"] = process.path or "/*"
            if process.health:
                result["health"] = process.health
            elif result.get("path"):
                reason = "has to answer 200 at /health; say health: /another where it does elsewhere"
                self._application.note(process.where, shown(process.name), reason)
        if process.health_command:
            if tells_secret(process.health_command):
                reason = "a secret is in it, which a command shows to everybody"
                self._application.leave(process.where, f"{shown(process.name)}: health check", reason)
            elif not (process.health and result.get("path")):
                # Where the load balancer asks the same, the container need not.
                result["health_command"] = list(process.health_command)
        if process.start_period and process.start_period > 30:
            result["start_period"] = min(300, process.start_period)
        if process.sticky:
            result["sticky"] = True
        if process.singleton:
            result["singleton"] = True
        elif process.copies is not None:
            least, most = process.copies
            if result.get("port"):
                least = max(1, least)
            if (least, most) != (1, 1):
                self._made.copies[name] = {"min": least, "max": max(least, most, 1)}
        return result

    def _job(self, process: Process, container: dict[str, Any], services: dict[str, Any]) -> dict[str, Any]:
        result = dict(container)
        owner = services.get(result["image"]["from"]) if isinstance(result.get("image"), dict) else None
        if owner is not None:
            # What a job does not say it has from the service whose image it runs.
            for key in ("environment", "uses", "cpu", "memory", "user", "writable_paths", "stop_timeout"):
                theirs = owner.get(key)
                if key == "uses" and theirs:
                    theirs = {used: use for used, use in theirs.items() if used not in services}
                if result.get(key) == theirs:
                    result.pop(key, None)
                elif key in ("environment", "uses") and key not in result and theirs:
                    result[key] = {}
            if not result.get("command"):
                reason = "has no command of its own here, and without one it would run what its service runs; it is left out"
                self._application.leave(process.where, shown(process.name), reason)
        if process.runs == "schedule":
            cron = eventbridge_cron(process.schedule)
            if cron:
                result["schedule"] = cron
            else:
                reason = f'EventBridge has no schedule "{shown(process.schedule)}"; say another, and until then it is started by hand'
                self._application.leave(process.where, f"{shown(process.name)}: schedule", reason)
        elif process.runs == "before_deploy":
            result["when"] = "before_deploy"
        return result

    def _comment(self, process: Process, name: str) -> str:
        said = process.where if name == process.name else f"{process.where}, {shown(process.name)}"
        return said

    # Its environment

    def _environment(self, process: Process, *, with_services: bool) -> tuple[dict[str, _Used], dict[str, str]]:
        """Return what a process uses and its plain environment; secrets among its variables become keys of the secret."""
        application = self._application
        uses: dict[str, _Used] = {}
        done: set[str] = set()
        environment: dict[str, str] = {}
        for variable in list(process.variables.values()):
            if variable.name not in done and self._is_dropped(process, variable):
                done.add(variable.name)
        for variable in list(process.variables.values()):
            if variable.name not in done:
                done |= self._linked(process, variable, uses, environment, with_services=with_services)
        for variable in process.variables.values():
            if variable.name not in done:
                done |= self._named(process, variable, uses)
        secret: dict[str, str] = {}
        for variable in process.variables.values():
            if variable.name in done:
                continue
            if not _VARIABLE.fullmatch(variable.name):
                reason = "is no name of a variable that every shell takes; rename it to letters, digits and _"
                application.leave(variable.where, f"{shown(process.name)}: {shown(variable.name)}", reason)
            elif variable.value is None or variable.secret or is_secret(variable.name, variable.value):
                secret[variable.name] = self._key(process, variable)
            else:
                environment[variable.name] = variable.value
                if re.search(r"localhost|127\.0\.0\.1|\[::1\]", variable.value):
                    reason = "says localhost, which is another place in AWS; say your domain, or the service's name"
                    application.note(variable.where, f"{shown(process.name)}: {variable.name}", reason)
        self._needed(process, uses, environment, with_services=with_services)
        self._complete(process, uses)
        if secret:
            uses[self._secret_name] = _Used("read", secret)
        return uses, environment

    def _is_dropped(self, process: Process, variable: Variable) -> bool:
        """Tell whether a variable says nothing that is needed here."""
        if variable.name == "PORT" and process.port:
            return True
        at = f"{shown(process.name)}: {shown(variable.name)}"
        if _ROLE.fullmatch(variable.name):
            reason = "keys of AWS are not needed: the service's own role has the rights that uses gives"
            self._application.leave(variable.where, at, reason)
            return True
        return bool(_REGION.fullmatch(variable.name))

    def _linked(
        self, process: Process, variable: Variable, uses: dict[str, _Used], environment: dict[str, str], *, with_services: bool
    ) -> set[str]:
        """Follow what a variable says of a host, or is said to be. Return the names of the variables that are done with."""
        application, at = self._application, f"{shown(process.name)}: {shown(variable.name)}"
        for backing in application.backings:
            if backing.hosts & set(application.gone):
                continue
            if variable.link and variable.link.to == backing.name:
                return self._backed(process, variable, backing, Reference(variable.link.part), uses)
            found = reference(variable, backing.hosts)
            if found:
                return self._backed(process, variable, backing, found, uses)
        for other in application.processes:
            if other is process:
                continue
            if variable.link and variable.link.to == other.name:
                found = Reference(variable.link.part)
            else:
                found = reference(variable, other.hosts)
            if found:
                return self._called(process, variable, other, found, uses, environment, with_services=with_services)
        for host, what in application.gone.items():
            if reference(variable, [host]) or (variable.link and variable.link.to == host):
                application.leave(variable.where, at, f"leads to {shown(host)} ({what}), which is not here; name what takes its place")
                return {variable.name}
        if variable.link:
            application.leave(variable.where, at, f"leads to {shown(variable.link.to)}, which the file does not have")
            return {variable.name}
        return set()

    def _backed(
        self, process: Process, variable: Variable, backing: Backing, found: Reference, uses: dict[str, _Used]
    ) -> set[str]:
        at = f"{shown(process.name)}: {shown(variable.name)}"
        if backing.kind == "bucket":
            self._use_bucket(process, uses)
            reason = "an endpoint is not needed: S3's is the SDK's own"
            self._application.leave(variable.where, at, reason)
            return {variable.name}
        if backing.kind == "queue":
            return self._use_queue(process, variable, backing, found, uses)
        ours = OURS[backing.kind]
        used = uses.setdefault(backing.kind, _Used(_level(backing.kind)))
        if backing.kind == "cache" and self._is_queue_of_jobs(process, variable, backing):
            self._jobs_cache = True
        part = ours.get(found.shape)
        if part is None:
            reason = f"has its address in another form; put it together from {', '.join(ours.values())}"
            self._application.leave(variable.where, at, reason)
            used.variables = None
            return {variable.name}
        done = {variable.name}
        self._give(used, variable.name, part)
        self._remark(process, variable, backing, found)
        if found.shape in ("host", "port") or variable.link:
            for sibling, said in siblings(process, variable):
                if sibling.link or reference(sibling, backing.hosts) is not None:
                    continue
                if said in ours:
                    self._give(used, sibling.name, ours[said])
                    done.add(sibling.name)
        for other in process.variables.values():
            own = next((said for said, value in backing.own.items() if value == other.value and len(value) > 3), None)
            if own in ours and other.name not in done and by_name(other.name) == (backing.kind, own):
                self._give(used, other.name, ours[own])
                done.add(other.name)
        return done

    def _give(self, used: _Used, own: str, ours: str) -> None:
        used.variables = {**(used.variables or {}), own: ours}

    def _remark(self, process: Process, variable: Variable, backing: Backing, found: Reference) -> None:
        at, note = f"{shown(process.name)}: {shown(variable.name)}", self._application.note
        if backing.kind == "database" and found.shape == "url" and found.scheme not in ("", "postgres", "postgresql", "psql", "pgsql"):
            note(variable.where, at, f"began with {shown(found.scheme)}://, and DATABASE_URL begins with postgresql://")
        elif backing.kind == "cache" and found.shape == "url":
            number = re.fullmatch(r"/(\d+).*", found.rest)
            if number and number[1] != "0":
                note(variable.where, at, f"named database {number[1]} of Redis; CACHE_URL names none, which is 0")
            if "CELERY" in variable.name.upper() or is_one_of(process.command, ("celery",)):
                note(
                    process.where,
                    shown(process.name),
                    "Celery asks for ssl_cert_reqs with rediss://: append ?ssl_cert_reqs=CERT_REQUIRED in its settings",
                )
        elif backing.kind == "cache" and found.shape == "host":
            note(variable.where, at, "the cache takes TLS alone, and says so in CACHE_TLS: turn it on in the client")
        elif backing.kind == "search":
            note(variable.where, at, "requests to OpenSearch are signed (AWS SigV4) by the service's role, not by a password")

    def _is_queue_of_jobs(self, process: Process, variable: Variable, backing: Backing) -> bool:
        return (
            backing.keeps
            or is_one_of(process.command, _QUEUEING)
            or bool(re.search(r"BROKER|BULL|QUEUE|SIDEKIQ|JOBS", variable.name.upper()))
        )

    def _use_bucket(self, process: Process, uses: dict[str, _Used]) -> None:
        names = [one for one in process.variables.values() if _BUCKET.fullmatch(one.name.upper())]
        if not names:
            uses.setdefault(self._bucket(None), _Used("read-write"))
        for variable in names:
            name = self._bucket(variable.value)
            used = uses.setdefault(name, _Used("read-write"))
            self._give(used, variable.name, f"{environment_name(name)}_BUCKET")

    def _use_queue(
        self, process: Process, variable: Variable, backing: Backing, found: Reference, uses: dict[str, _Used]
    ) -> set[str]:
        at = f"{shown(process.name)}: {shown(variable.name)}"
        level = "send" if process.port else "consume"
        if "rabbitmq" in backing.image:
            uses.setdefault(self._queue("jobs"), _Used(level))
            self._application.leave(variable.where, at, "an address of RabbitMQ; the queue's is in JOBS_QUEUE_URL")
            return {variable.name}
        last = found.rest.rstrip("/").rpartition("/")[2]
        if last and last not in ("queue", "0" * 12):
            name = self._queue(last)
            used = uses.setdefault(name, _Used(level))
            self._give(used, variable.name, f"{environment_name(name.removesuffix('.fifo'))}_QUEUE_URL")
            self._application.note(variable.where, at, f"may {level}, since it has {'a' if process.port else 'no'} port; the other is {'consume' if process.port else 'send'}")
        else:
            uses.setdefault(self._queue("jobs"), _Used(level))
            self._application.leave(variable.where, at, "an endpoint is not needed: SQS's is the SDK's own")
        return {variable.name}

    def _called(
        self,
        process: Process,
        variable: Variable,
        other: Process,
        found: Reference,
        uses: dict[str, _Used],
        environment: dict[str, str],
        *,
        with_services: bool,
    ) -> set[str]:
        """Let a process call another, under the variable that says where that is."""
        at, name = f"{shown(process.name)}: {shown(variable.name)}", self._names[other.name]
        if not other.port or other.runs != "always":
            self._application.leave(variable.where, at, f"leads to {shown(other.name)}, which answers on no port here")
            return {variable.name}
        if not with_services:
            reason = f"leads to {shown(other.name)}, and a job has no way to services"
            self._application.leave(variable.where, at, reason)
            return {variable.name}
        used = uses.setdefault(name, _Used("connect", {}))
        port = self._port_of(other)
        if found.shape == "url" and found.rest in ("", "/") and found.scheme in ("http", ""):
            self._give(used, variable.name, f"{environment_name(name)}_URL")
            return {variable.name}
        hosts = "|".join(re.escape(host) for host in sorted(other.hosts, key=len, reverse=True))
        value = variable.value
        if variable.link:
            value = {"host": name, "port": str(port), "address": f"{name}:{port}"}.get(found.shape)
        elif value is not None:
            value = re.sub(rf"(?<![\w.-])(?:{hosts})(?![\w-])(?::{other.port}(?!\d))?", lambda at: f"{name}:{port}" if ":" in at[0] or found.shape == "url" else name, value)
        if value is None or is_secret(variable.name, value):
            self._application.leave(variable.where, at, f"a part of it is not in the file; {shown(other.name)} is at http://{name}:{port}")
        else:
            environment[variable.name] = value
        return {variable.name}

    def _port_of(self, process: Process) -> int:
        port = process.port or 0
        return port if port >= _LEAST_PORT else {80: 8080, 443: 8443}.get(port, 8000 + port)

    def _named(self, process: Process, variable: Variable, uses: dict[str, _Used]) -> set[str]:
        """Take a variable for what its name usually says, where its value says nothing else."""
        said = by_name(variable.name)
        if said is None or variable.link:
            if _BUCKET.fullmatch(variable.name.upper()) and self._kinds.get("bucket"):
                name = self._bucket(variable.value)
                self._give(uses.setdefault(name, _Used("read-write")), variable.name, f"{environment_name(name)}_BUCKET")
                return {variable.name}
            return set()
        kind, part = said
        backing = next(iter(self._kinds.get(kind, [])), None)
        if backing is None or part not in OURS[kind]:
            return set()
        own = backing.own.get(part)
        if variable.value is not None and not (own is not None and own == variable.value) and not _is_standard(part, variable.value):
            return set()
        used = uses.setdefault(kind, _Used(_level(kind), {}))
        if used.variables is None:
            return {variable.name}
        self._give(used, variable.name, OURS[kind][part])
        if kind == "cache" and self._is_queue_of_jobs(process, variable, backing):
            self._jobs_cache = True
        self._remark(process, variable, backing, Reference(part))
        return {variable.name}

    def _needed(
        self, process: Process, uses: dict[str, _Used], environment: dict[str, str], *, with_services: bool
    ) -> None:
        """Let a process use what it waits for, also where no variable says where that is."""
        for need in dict.fromkeys(process.needs):
            for kind, backings in self._kinds.items():
                backing = next((one for one in backings if one.name == need), None)
                if backing is None:
                    continue
                if kind == "bucket":
                    if not any(name in uses for name in self._buckets.values()):
                        self._use_bucket(process, uses)
                elif kind == "queue":
                    if not any(name in uses for name in self._queues):
                        uses[self._queue("jobs")] = _Used("send" if process.port else "consume")
                else:
                    uses.setdefault(kind, _Used(_level(kind)))
                    self._jobs_cache |= kind == "cache" and (backing.keeps or is_one_of(process.command, _QUEUEING))
            other = next((one for one in self._application.processes if one.name == need and one is not process), None)
            if other and other.port and other.runs == "always" and with_services:
                name = self._names[other.name]
                variable = f"{environment_name(name)}_URL"
                uses.setdefault(name, _Used("connect", {} if variable in environment else None))
        for name, (level, variables) in process.takes.items():
            uses.setdefault(name, _Used(level, variables))

    def _complete(self, process: Process, uses: dict[str, _Used]) -> None:
        """Give a whole address where variables say a place and no login: neither database nor cache lets anybody in without."""
        for kind in ("database", "cache"):
            variables = uses[kind].variables if kind in uses else None
            ours = OURS[kind]
            if variables and not {ours["url"], ours["password"]} & set(variables.values()):
                variables[ours["url"]] = ours["url"]
                reason = f"asks for a login and TLS, which its variables do not have: {ours['url']} has all of it"
                self._application.note(process.where, f"{shown(process.name)}: {kind}", reason)

    def _key(self, process: Process, variable: Variable) -> str:
        """Return the key of the secret that holds a variable: its name, unless another value has that already."""
        digest = hashlib.sha256(variable.value.encode()).hexdigest() if variable.value is not None else ""
        name = variable.name
        if self._keys.setdefault(name, digest) not in (digest, ""):
            name = f"{environment_name(self._names[process.name])}_{variable.name}"[:128]
            self._keys[name] = digest
        keys = self._made.secrets.setdefault(self._secret_name, [])
        if name not in keys:
            keys.append(name)
        return name

    # Layers

    def _layers(self, services: dict[str, Any], jobs: dict[str, Any]) -> dict[str, Any]:
        application, made = self._application, self._made
        layers: dict[str, Any] = {}
        if any(process.x86 for process in application.processes):
            layers["compute"] = {"architecture": "x86_64"}
        layers["services"] = services
        if jobs:
            layers["jobs"] = {name: job for name, job in jobs.items() if job.get("command") or not isinstance(job.get("image"), dict)}
        database = next(iter(self._kinds.get("database", [])), None)
        layers["data"] = self._database(database) if database else None
        if self._kinds.get("cache"):
            layers["cache"] = {"purpose": "jobs"} if self._jobs_cache else {}
            made.comments[("cache",)] = _origin(self._kinds["cache"])
        if self._kinds.get("search"):
            layers["search"] = {}
            made.comments[("search",)] = f"{_origin(self._kinds['search'])}; linked_role: true where its account has no other domain"
        if self._queues or any(backing.topics for backing in application.backings):
            layers["messaging"] = self._messaging()
        buckets: dict[str, Any] = {name: {"purpose": "media"} for name in dict.fromkeys(self._buckets.values())}
        if self._kinds.get("bucket") and not buckets:
            buckets = {self._bucket(None): {"purpose": "media"}}
        paths = {service.get("path") for service in services.values()}
        for site, where in application.sites.items():
            name = self._names[site]
            path = "/*" if "/*" not in paths else f"/{name}/*"
            paths.add(path)
            buckets[name] = {"purpose": "static", "cdn": True, "path": path}
            made.comments[("storage", name)] = where
        if buckets:
            layers["storage"] = buckets
        for name, keys in made.secrets.items():
            layers.setdefault("secrets", {})[name] = {"keys": keys}
            for holder in (*services.values(), *jobs.values()):
                _take_all(holder, name, keys)
        return layers

    def _database(self, backing: Backing) -> dict[str, Any]:
        made: dict[str, Any] = {}
        version = images.major(backing.image)
        if version and 13 <= int(version) <= 18:
            made["version"] = version
        elif version:
            reason = f"PostgreSQL {version} is none that RDS has here; it becomes 17, and the product wants trying with it"
            self._application.note(backing.where, shown(backing.name), reason)
        name = backing.own.get("name", "")
        if re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) and name not in ("postgres", "template0", "template1", "rdsadmin", "app"):
            made["name"] = name
        self._made.comments[("data",)] = _origin([backing])
        if "timescale" in backing.image:
            self._application.leave(backing.where, shown(backing.name), "RDS has no extension timescaledb; its tables become plain ones")
        return made

    def _messaging(self) -> dict[str, Any]:
        queues: dict[str, Any] = {name: {} for name in self._queues}
        topics: dict[str, Any] = {}
        for backing in self._application.backings:
            for topic, hearing in backing.topics.items():
                topics[topic] = {"subscriptions": {queue.removesuffix(".fifo"): {"queue": queue} for queue in hearing}} if hearing else {}
                queues |= {queue: {} for queue in hearing}
            queues |= {queue: {} for queue in backing.queues}
        return {key: value for key, value in (("queues", queues), ("topics", topics)) if value}


_ORDER = ("port", "path", "health", "image", "command", "when", "schedule", "cpu", "memory", "singleton", "scaling")


def _in_order(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a service as people write them: what it is first, then what it is told."""
    return {key: entry[key] for key in (*_ORDER, *entry) if key in entry}


def _origin(backings: Iterable[Backing]) -> str:
    return "; ".join(f"{one.where}, {shown(one.name)}" + (f" ({shown(one.image)})" if one.image else "") for one in backings)


def _level(kind: Kind) -> str:
    return {"database": "connect", "cache": "connect", "search": "write"}[kind]


_STANDARD = {"port": ("5432", "6379", "9200", "3306"), "tls": ("true", "false", "0", "1")}


def _is_standard(part: str, value: str) -> bool:
    return value in _STANDARD.get(part, ())


def _shown_use(use: _Used) -> Any:
    """Return a use as people write it: a word where all variables are given under their own names, a list where they keep these."""
    if use.variables is None:
        return use.level
    same = all(own == ours for own, ours in use.variables.items())
    return {"level": use.level, "variables": list(use.variables) if same else dict(use.variables)}


def _take_all(holder: dict[str, Any], secret: str, keys: list[str]) -> None:
    """Shorten a use of a secret to its level where it takes every key under its name."""
    use = (holder.get("uses") or {}).get(secret)
    if isinstance(use, dict) and isinstance(use["variables"], list) and set(use["variables"]) == set(keys):
        holder["uses"][secret] = use["level"]


def name_of(text: str, otherwise: str) -> str:
    """Return a name as Groundwork takes them for any text: ``my-api`` for ``My_API``."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    name = re.sub(r"^[0-9-]+", "", name)[:_MOST].strip("-")
    return name or otherwise


def unique(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken: itself, or with a number behind it."""
    known = set(taken)
    if name in _TAKEN:
        name = f"{name}-service"
    number, found = 2, name
    while found in known:
        ending = f"-{number}"
        found, number = f"{name[: _MOST - len(ending)]}{ending}", number + 1
    return found


__all__ = ["Left", "Translation", "name_of", "translated", "unique"]
