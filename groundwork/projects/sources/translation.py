"""Make layers of an application, whatever format it was read from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from groundwork.components.compute.settings import InstancesSettings
from groundwork.projects.sources import images
from groundwork.projects.sources.application import Application, Backing, Kind, Process, is_one_of
from groundwork.projects.sources.environment import Environment, Wiring, port_of
from groundwork.projects.sources.names import LAYERS, name_of, unique
from groundwork.projects.sources.reading import shown
from groundwork.projects.sources.secrecy import tells_secret
from groundwork.settings.facts import fargate_sizes, is_reserved
from groundwork.settings.mistakes import Mistake, Mistakes, Path, all_of
from groundwork.settings.schedules import eventbridge_cron

_FRONT = (
    "web",
    "app",
    "frontend",
    "front",
    "ui",
    "client",
    "site",
    "www",
    "nginx",
    "proxy",
    "gateway",
    "rails",
    "django",
)
_BEHIND = ("api", "backend", "server", "graphql")
"""How services are called that users see, and those behind them."""

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")

_DEFAULT_CONNECTIONS = {"dev": 5, "prod": 10}
"""Database connections of one copy in the phases mvp and launch; groundwork/settings/phases/."""


@dataclass
class Translation:
    """The layers of a new project, and what is to be said of them."""

    layers: dict[str, Any] = field(default_factory=dict)
    copies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Service → ``scaling`` of prod."""
    connections: dict[str, int] = field(default_factory=dict)
    """Stage → database connections of one copy of each service, where they would be too many otherwise."""
    comments: dict[Path, str] = field(default_factory=dict)
    origins: dict[Path, str] = field(default_factory=dict)
    """Where in the file a service or a job comes from, by its path in the settings."""

    @property
    def secrets(self) -> dict[str, list[str]]:
        """Return the secrets that are to be filled, with their keys."""
        return {name: secret["keys"] for name, secret in self.layers.get("secrets", {}).items()}

    def open_fewer_connections(self, stage: str) -> bool:
        """Let each copy open fewer connections than before; False where they are down to one."""
        before = self.connections.get(stage, _DEFAULT_CONNECTIONS[stage])
        self.connections[stage] = max(1, before * 2 // 3)
        self.comments["services", "*"] = "All services share the connections that the database takes."
        return before > 1

    def take_more_machines(self, path: tuple[str, ...]) -> bool:
        """Let there be more instances, of which ``path`` below ``compute`` says the most, than before; False where they are many."""
        holder = self.layers.setdefault("compute", {})
        for part in path[:-1]:
            holder = holder.setdefault(part, {})
        most: int = holder.get("max", _MACHINES) + 1
        holder["max"] = most
        return most <= _MOST_MACHINES

    def take_larger_machines(self) -> bool:
        """Let instances be of the next larger class; False where there is none."""
        instances = self.layers.setdefault("compute", {}).setdefault("instances", {})
        before = instances.get("class", _CLASSES[0])
        larger = _CLASSES[_CLASSES.index(before) + 1 :] if before in _CLASSES else ()
        instances["class"] = larger[0] if larger else before
        return bool(larger)

    def take_one_machine(self) -> bool:
        """Let there be one instance, where each runs a copy of every service and one of them may run once; False where there is."""
        instances = self.layers.setdefault("compute", {}).setdefault("instances", {})
        before = dict(instances)
        instances |= {"min": 1, "max": 1}
        self.comments[("compute",)] = "One instance: each runs a copy of every service, and a singleton is one."
        return bool(before != instances)


_MACHINES = InstancesSettings().max
"""The most instances unless a stack file says another number."""
_MOST_MACHINES = 50
_CLASSES = ("t3.medium", "t3.large", "t3.xlarge", "t3.2xlarge")
"""Classes of instances, the first of which is what a stack has that says none."""


def translated(application: Application, project: FilePath | None = None, *, mounts: bool = True) -> Translation:
    """Return the layers that an application becomes. What it has that has no place is noted in ``application``. ``project`` is where the
    stack files will stand; unset, where the file is. ``mounts``: the engine mounts file systems.

    Raises :class:`Mistakes` where nothing of it has one.
    """
    translation = _Translator(application, project or application.folder, mounts=mounts).translation()
    layers = translation.layers
    if not (layers.get("services") or layers.get("jobs") or application.sites):
        raise Mistakes([Mistake((), _nothing(application), application.label)])
    return translation


def _nothing(application: Application) -> str:
    """Return what is to be said of a file in which nothing runs."""
    if application.backings:
        kept = all_of(shown(backing.name) for backing in application.backings)
        options = [f"--with {one.kind}" for one in application.backings if one.kind in ("database", "cache", "bucket")]
        return (
            f"says what a product keeps its data in ({kept}), and nothing that runs; begin with a service of its own: "
            f"{' '.join(['groundwork new DIR', *dict.fromkeys(options)])}"
        )
    seen = [*(item.what for item in application.left), *(what for what, _ in application.became)]
    return f"nothing in it has a place of its own here: {', '.join(seen) or 'it runs nothing'}"


class _Translator:
    def __init__(self, application: Application, project: FilePath, *, mounts: bool) -> None:
        self._application = application
        self._project = project
        self._made = Translation()
        self._brokers()
        self._one_of_each()
        self._check_domain()
        taken = set(LAYERS)
        self._names = self._named([process.name for process in application.processes], taken)
        """Name of a process in the file → ours."""
        secret = next(name for name in ("app", "app-secrets", "product-secrets") if name not in taken)
        taken.add(secret)
        self._sites = self._named(list(application.sites), taken)
        self._wiring = Wiring(application, self._names, taken, secret)
        self._folders = self._shared_folders(taken, mounts=mounts)
        """Volumes that several processes share → their names in files."""

    def _shared_folders(self, taken: set[str], *, mounts: bool) -> dict[str, str]:
        """Name the volumes that become files: those of several processes, which would not find one another's files otherwise. What
        one process keeps for itself is noted, since copies share it too, and a bucket costs a tenth."""
        users: dict[str, list[Process]] = {}
        for process in self._application.processes:
            for folder in process.folders:
                users.setdefault(folder.volume, []).append(process)
        lasting = {
            folder.volume for process in self._application.processes for folder in process.folders if folder.lasts
        }
        shared = [
            volume
            for volume, sharing in users.items()
            if mounts and (volume in lasting or len({one.name for one in sharing}) > 1)
        ]
        for process in self._application.processes:
            for folder in process.folders:
                if folder.volume not in shared:
                    self._application.leave(folder.where, folder.shown, _FOLDERS)
        for volume in shared:
            first = next(folder for folder in users[volume][0].folders if folder.volume == volume)
            self._application.note(first.where, shown(volume), _LASTING if first.lasts else _SHARED)
        return self._named(shared, taken)

    def _named(self, names: Iterable[str], taken: set[str]) -> dict[str, str]:
        ours: dict[str, str] = {}
        for name in names:
            ours[name] = unique(name_of(name, "service"), taken)
            taken.add(ours[name])
        return ours

    def translation(self) -> Translation:
        application, made = self._application, self._made
        self._choose_paths()
        services: dict[str, Any] = {}
        jobs: dict[str, Any] = {}
        owners = self._owners()
        for process in sorted(application.processes, key=lambda one: one.runs != "always"):
            name = self._names[process.name]
            container = self._container(process, owners)
            if process.runs == "always":
                layer, services[name] = "services", _in_order(container | self._service(process))
            else:
                job = self._job(process, container, services)
                if job is None:
                    continue
                layer, jobs[name] = "jobs", _in_order(job)
            made.origins[layer, name] = process.where
            made.comments[layer, name] = (
                process.where if name == process.name else f"{process.where}, {shown(process.name)}"
            )
        self._let_deployments_bring_images(services, jobs)
        if application.processes and not any(process.x86 for process in application.processes):
            reason = "are for arm64 (Graviton) on Fargate, as `groundwork deploy` builds them; else say groundwork:compute: {architecture: x86_64}"
            application.note(application.label, "images", reason)
        made.layers = self._layers(services, jobs)
        return made

    def _let_deployments_bring_images(self, services: Mapping[str, Any], jobs: Mapping[str, Any]) -> None:
        """Leave images to deployments where a job is to run first: an update of the stack would bring one before that."""
        for name in sorted({job["image"]["from"] for job in jobs.values() if job.get("when") == "before_deploy"}):
            if isinstance(services[name].get("image"), str):
                services[name]["image_owner"] = "pipeline"
                reason = "its image comes with `groundwork deploy`, which runs first what has to run before"
                self._application.note(self._made.origins["services", name], shown(name), reason)

    # What backs it

    def _brokers(self) -> None:
        """Let a broker of Celery's be the cache: Celery speaks to either, and reads which one it is from the address."""
        application = self._application
        celery = any(is_one_of(process.command, ("celery",)) for process in application.processes)
        for backing in application.backings:
            if backing.kind != "queue" or "rabbitmq" not in backing.image:
                continue
            if celery:
                backing.kind, backing.keeps = "cache", True
                reason = "Celery finds its broker by the address alone, and Valkey is one: CACHE_URL takes the place of amqp://"
                application.note(backing.where, shown(backing.name), reason)
            else:
                reason = (
                    "RabbitMQ speaks AMQP, and SQS does not: what sends and receives messages changes, or the broker is Amazon MQ of "
                    "your own"
                )
                application.leave(backing.where, shown(backing.name), reason)

    def _one_of_each(self) -> None:
        """Keep one database; let one cache and one search be all of them."""
        application = self._application
        seen: set[Kind] = set()
        for backing in list(application.backings):
            if backing.kind == "database" and backing.kind in seen:
                reason = "a stack has one database server; make a second database in it, or give this part a stack of its own"
                application.leave(backing.where, shown(backing.name), reason)
                application.gone |= dict.fromkeys({backing.name, *backing.hosts}, "a second database")
                application.backings.remove(backing)
            elif backing.kind in seen and backing.kind in ("cache", "search"):
                reason = f"there is one {backing.kind}, which takes the place of all: see that keys do not meet"
                application.note(backing.where, shown(backing.name), reason)
            seen.add(backing.kind)

    def _of(self, kind: Kind) -> list[Backing]:
        return [backing for backing in self._application.backings if backing.kind == kind]

    def _check_domain(self) -> None:
        application = self._application
        if application.domain and not _DOMAIN.fullmatch(application.domain):
            reason = "is no domain name; say yours with --domain"
            application.leave(application.label, f"domain {shown(application.domain)}", reason)
            application.domain = ""

    # Paths

    def _choose_paths(self) -> None:
        running = [one for one in self._application.processes if one.port and one.runs == "always"]
        public = [one for one in running if one.public]
        if not public and running and not any(one.path for one in running):
            first = min(running, key=self._front)
            first.public, public = True, [first]
            reason = "is taken for what users see, since nothing says that it is published; without path only other services reach it"
            self._application.note(first.where, shown(first.name), reason)
        taken = {one.path for one in public if one.path}
        unsaid = sorted((one for one in public if one.path is None), key=self._front)
        for process in unsaid:
            name = self._names[process.name]
            process.path = (
                "/*" if "/*" not in taken else "/api/*" if name in _BEHIND and "/api/*" not in taken else f"/{name}/*"
            )
            taken.add(process.path)
            if process.path != "/*":
                reason = (
                    f"answers under {process.path[:-1]}, and the path is not taken off before it; or give it a host of its own below "
                    "the domain"
                )
                self._application.note(process.where, shown(process.name), reason)

    def _front(self, process: Process) -> tuple[int, int]:
        """Return how near to users a process stands: by its name, by the port that it is published as, by its place in the file."""
        name = self._names[process.name]
        rank = 0 if name in _FRONT else 3 if name in _BEHIND else 2
        rank = min(rank, 1) if process.published in (80, 443) else rank
        return rank, self._application.processes.index(process)

    # What runs

    def _owners(self) -> dict[str, str]:
        """Return for each build the service whose repository it is pushed to: one that says how it is built, a public one, the first."""
        owners: dict[str, Process] = {}
        for process in self._application.processes:
            before = owners.get(process.built)
            if process.built and process.runs == "always" and (before is None or _rank(process) > _rank(before)):
                owners[process.built] = process
        return {built: self._names[process.name] for built, process in owners.items()}

    def _image(self, process: Process, owners: Mapping[str, str]) -> str | dict[str, str] | None:
        """Return the image of a process: that of a service which is built from the same, a public one, or None for a repository of
        its own. What runs before a deployment runs the image of a service."""
        if process.image is None:
            owner = owners.get(process.built)
            return {"from": owner} if owner and owner != self._names[process.name] else None
        if process.runs == "before_deploy":
            for other in self._application.processes:
                if other.runs == "always" and other.image == process.image:
                    return {"from": self._names[other.name]}
        return process.image

    def _container(self, process: Process, owners: Mapping[str, str]) -> dict[str, Any]:
        """Return what services and jobs have in common."""
        result: dict[str, Any] = {}
        image = self._image(process, owners)
        if image:
            result["image"] = image
        elif process.build:
            result["build"] = process.build.shown(self._application.folder, self._project)
        if process.command and tells_secret(process.command):
            reason = "a secret is in it, which a command shows to everybody; let the program read a variable"
            self._application.leave(process.where, f"{shown(process.name)}: command", reason)
        elif process.command:
            result["command"] = list(process.command)
        result |= self._size(process)
        environment = Environment(self._wiring, process, calls_services=process.runs == "always")
        if environment.plain:
            result["environment"] = environment.plain
        uses: dict[str, Any] = {used: use.shown() for used, use in environment.uses.items()}
        for folder in process.folders:
            if folder.volume in self._folders:
                level = "read" if folder.read_only else "read-write"
                uses[self._folders[folder.volume]] = {"level": level, "path": folder.path.rstrip("/")}
        if uses:
            result["uses"] = uses
        if process.user and process.user not in ("1000", "1000:1000"):
            result["user"] = process.user
        if process.writable:
            result["writable_paths"] = list(dict.fromkeys(["/tmp", *process.writable]))  # noqa: S108 - a path in the container
        if process.stop_timeout and process.stop_timeout > 30:
            # Less than that is for those who start it again all day.
            result["stop_timeout"] = min(120, process.stop_timeout)
        return result

    def _size(self, process: Process) -> dict[str, Any]:
        if process.cpu is None and process.memory is None:
            return {}
        for cpu, memories in fargate_sizes().items():
            memory = next((size for size in memories if size >= (process.memory or 0)), None)
            if cpu >= (process.cpu or 0) * 1024 and memory is not None:
                return {"cpu": cpu, "memory": memory}
        reason = "is more than the largest size that Fargate has"
        self._application.leave(process.where, f"{shown(process.name)}: cpu and memory", reason)
        return {}

    def _service(self, process: Process) -> dict[str, Any]:
        """Return what only services have: how they are reached, how many there are."""
        name = self._names[process.name]
        result: dict[str, Any] = {}
        port = port_of(process)
        if port is not None:
            result["port"] = port
            if port != process.port:
                reason = f"listens on {process.port}, which only root may: have it listen on {port} (it is told PORT)"
                self._application.note(process.where, shown(process.name), reason)
            if process.public:
                result["path"] = process.path or "/*"
        result |= self._health(process, asked="path" in result)
        if process.start_period and process.start_period > 30:
            result["start_period"] = min(300, process.start_period)
        if process.sticky:
            result["sticky"] = True
        if process.sidecars:
            result["sidecars"] = {name_of(one.name, "sidecar"): one.shown() for one in process.sidecars}
        if process.tracing:
            result["tracing"] = True
        if process.disk:
            result["disk_gib"] = process.disk
        if process.singleton:
            result["singleton"] = True
        elif process.copies is not None:
            least = max(process.copies[0], 1 if port else 0)
            most = max(least, process.copies[1], 1)
            if (least, most) != (1, 1) or process.targets:
                target: dict[str, Any] = {"target": dict(process.targets)} if process.targets else {}
                self._made.copies[name] = {"min": least, "max": most, **target}
        return result

    def _health(self, process: Process, *, asked: bool) -> dict[str, Any]:
        """Return the health check; ``asked``: the load balancer asks the path, so that a command for the same is not needed."""
        result: dict[str, Any] = {}
        at = shown(process.name)
        if process.port and process.health:
            result["health"] = process.health
        elif asked:
            reason = "has to answer 200 at /health; say health: /another where it does elsewhere"
            self._application.note(process.where, at, reason)
        if process.health_command and tells_secret(process.health_command):
            reason = "a secret is in it, which a command shows to everybody"
            self._application.leave(process.where, f"{at}: health check", reason)
        elif process.health_command and not (asked and process.health):
            result["health_command"] = list(process.health_command)
        return result

    def _job(self, process: Process, container: dict[str, Any], services: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a job: what differs from the service whose image it runs, and when it runs. None where it would do what that does."""
        application, at = self._application, shown(process.name)
        result = dict(container)
        owner = services.get(result["image"]["from"]) if isinstance(result.get("image"), dict) else None
        if owner is not None:
            if not result.get("command"):
                reason = "has no command of its own here, and without one it would run what its service runs"
                application.leave(process.where, at, reason)
                return None
            result = _beside(result, owner, services)
        if process.runs == "schedule":
            cron = eventbridge_cron(process.schedule)
            if cron:
                result["schedule"] = cron
            else:
                reason = f'EventBridge has no schedule "{shown(process.schedule)}"; say another, and until then it is started by hand'
                application.leave(process.where, f"{at}: schedule", reason)
        elif process.runs == "before_deploy" and owner is not None:
            result["when"] = "before_deploy"
        elif process.runs == "before_deploy":
            reason = "is started by hand (`groundwork run`): no service has its image, so that no deployment brings a new one"
            application.note(process.where, at, reason)
        return result

    # Layers

    def _layers(self, services: dict[str, Any], jobs: dict[str, Any]) -> dict[str, Any]:
        layers: dict[str, Any] = {}
        if any(process.x86 for process in self._application.processes):
            layers["compute"] = {"architecture": "x86_64"}
        if services:
            layers["services"] = services
        if jobs:
            layers["jobs"] = jobs
        # Every phase brings a database; a stack that goes without says so.
        layers["data"] = self._database()
        if self._of("cache"):
            layers["cache"] = {"purpose": "jobs"} if self._wiring.cache_keeps else {}
            self._comment("cache")
        if self._of("search"):
            layers["search"] = {}
            self._comment("search", "; linked_role: true in prod where its account has no other domain")
        layers |= self._messaging() | self._storage(services)
        if self._folders:
            layers["files"] = {name: {} for name in self._folders.values()}
        if not self._sites and not any("path" in service for service in services.values()):
            layers["edge"] = None
            self._made.comments[("edge",)] = (
                "Nothing of it is seen from outside; with a service that has a path, take this line out."
            )
        keys = list(self._wiring.keys)
        if keys:
            layers["secrets"] = {self._wiring.secret: {"keys": keys}}
            for holder in (*services.values(), *jobs.values()):
                _take_all(holder, self._wiring.secret, keys)
        return layers

    def _comment(self, kind: Kind, more: str = "", layer: str = "") -> None:
        said = (
            f"{one.where}, {shown(one.name)}" + (f" ({shown(one.image)})" if one.image else "")
            for one in self._of(kind)
        )
        self._made.comments[(layer or kind,)] = "; ".join(said) + more

    def _database(self) -> dict[str, Any] | None:
        backing = self._application.backing("database")
        if backing is None:
            return None
        result: dict[str, Any] = {}
        version = images.major(backing.image)
        if version and 13 <= int(version) <= 18:
            result["version"] = version
        elif version:
            reason = (
                f"PostgreSQL {version} is none that RDS has here; it becomes 17, and the product wants trying with it"
            )
            self._application.note(backing.where, shown(backing.name), reason)
        name = backing.own.get("name", "")
        if re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name) and name != "app" and not is_reserved(name, "databases"):
            result["name"] = name
        if "timescale" in backing.image:
            reason = "RDS has no extension timescaledb; its tables become plain ones"
            self._application.leave(backing.where, shown(backing.name), reason)
        self._comment("database", layer="data")
        return result

    def _messaging(self) -> dict[str, Any]:
        queues: dict[str, Any] = {name: {} for name in self._wiring.queues.values()}
        topics: dict[str, Any] = {}
        for backing in self._application.backings:
            queues |= {queue: {} for queue in backing.queues}
            for topic, hearing in backing.topics.items():
                heard = topics.setdefault(topic, {})
                if hearing:
                    heard.setdefault("subscriptions", {}).update({queue: {"queue": queue} for queue in hearing})
        said = {key: value for key, value in (("queues", queues), ("topics", topics)) if value}
        return {"messaging": said} if said else {}

    def _storage(self, services: Mapping[str, Any]) -> dict[str, Any]:
        buckets: dict[str, Any] = {name: {"purpose": "media"} for name in self._wiring.buckets.values()}
        if self._of("bucket") and not buckets:
            buckets[self._wiring.bucket()] = {"purpose": "media"}
        paths = {service.get("path") for service in services.values()}
        for site, name in self._sites.items():
            path = "/*" if "/*" not in paths else f"/{name}/*"
            paths.add(path)
            spa = {"spa": True} if site in self._application.apps else {"cdn": True}
            buckets[name] = {"purpose": "static", "path": path, **spa}
            self._made.comments["storage", name] = self._application.sites[site]
        return {"storage": buckets} if buckets else {}


_FOLDERS = (
    "copies come and go, and their files with them: keep files in a bucket (storage, uses), in the database, or, where it must be a folder, "
    "in files (docs/components/files.md)"
)
_LASTING = (
    "becomes a file system (files), whose files belong to 1000:1000; AWS DataSync copies what the one before holds"
)
_SHARED = (
    "is shared by several, and becomes a file system (files), whose files belong to 1000:1000; a bucket (storage) costs a tenth where the "
    "product can use one"
)


def _rank(process: Process) -> tuple[bool, bool]:
    return process.builds, process.public


_ORDER = (
    "port",
    "path",
    "health",
    "image",
    "build",
    "command",
    "when",
    "schedule",
    "cpu",
    "memory",
    "singleton",
    "scaling",
)


def _in_order(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a service as people write them: what it is first, then what it is told."""
    return {key: entry[key] for key in (*_ORDER, *entry) if key in entry}


def _beside(job: Mapping[str, Any], owner: Mapping[str, Any], services: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job without what it has anyway from the service whose image it runs: all of that but uses of other services."""
    result = dict(job)
    for key in ("environment", "uses", "cpu", "memory", "user", "writable_paths", "stop_timeout"):
        theirs = owner.get(key)
        if key == "uses" and theirs:
            theirs = {used: use for used, use in theirs.items() if used not in services}
        if result.get(key) == theirs:
            result.pop(key, None)
        elif key in ("environment", "uses") and theirs:
            result.setdefault(key, {})
    return result


def _take_all(holder: dict[str, Any], secret: str, keys: list[str]) -> None:
    """Shorten a use of a secret to its level where it takes every key under its name."""
    use = holder.get("uses", {}).get(secret)
    if isinstance(use, dict) and isinstance(use["variables"], list) and set(use["variables"]) == set(keys):
        holder["uses"][secret] = use["level"]
