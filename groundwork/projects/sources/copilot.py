"""Read AWS Copilot's manifests: one, or all of a copilot folder.

https://aws.github.io/copilot-cli/docs/manifest/overview/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundwork.components.messaging.queue_settings import stem
from groundwork.projects.sources.application import Application, Backing, Beside, Build, Folder, Kind, Process, Variable
from groundwork.projects.sources.building import build_of
from groundwork.projects.sources.env_files import env_file
from groundwork.projects.sources.procfile import shell_words
from groundwork.projects.sources.reading import (
    is_true,
    mapping,
    mistake,
    read_text,
    read_yaml,
    seconds,
    shown,
    strings,
    text_of,
    whole,
)
from groundwork.settings.stack_file import Document

_SERVICES = ("Load Balanced Web Service", "Backend Service", "Worker Service", "Request-Driven Web Service")
_TYPES = (*_SERVICES, "Scheduled Job", "Static Site")

_REASONS = {
    "nlb": "what speaks something else than HTTP is a service of its own that says tcp in place of path (docs/components/tcp.md)",
    "environments": "what one environment says otherwise goes into its own stack file: Pulumi.dev.yaml, Pulumi.prod.yaml",
    "taskdef_overrides": "what the settings do not say goes into a transform (Pulumi.STACK.transform.py)",
    "entrypoint": "it belongs in the Dockerfile: ENTRYPOINT; command is carried over",
    "logging": "logs go to CloudWatch; how long they stay says observability.retention",
    "retries": "ECS tries no task again",
    "cdn": "CloudFront stands before everything anyway",
}
_SILENT = {
    *(
        "name",
        "type",
        "image",
        "http",
        "cpu",
        "memory",
        "count",
        "exec",
        "network",
        "variables",
        "secrets",
        "command",
        "platform",
    ),
    *(
        "publish",
        "subscribe",
        "on",
        "timeout",
        "deployment",
        "port",
        "tags",
        "env_file",
        "sidecars",
        "storage",
        "observability",
    ),
}
_RESOURCES: dict[str, Kind] = {
    "AWS::S3::Bucket": "bucket",
    "AWS::RDS::DBCluster": "database",
    "AWS::RDS::DBInstance": "database",
    "AWS::ElastiCache::ReplicationGroup": "cache",
    "AWS::ElastiCache::CacheCluster": "cache",
    "AWS::ElastiCache::ServerlessCache": "cache",
    "AWS::OpenSearchService::Domain": "search",
    "AWS::SQS::Queue": "queue",
}
_OWN = (
    "Policy",
    "Role",
    "SecurityGroup",
    "SubnetGroup",
    "ParameterGroup",
    "Secret",
    "SecretTargetAttachment",
    "Permission",
    "IngressRule",
)
"""Types of resources that only serve another, and that the layers bring with them."""


def is_copilot(document: Document) -> bool:
    return text_of(document.data.get("type")) in _TYPES


def manifests(folder: Path) -> list[Path]:
    """Return the manifests of a copilot folder, by the names of what they are of."""
    return [
        file for file in sorted(folder.glob("*/manifest.yml")) if file.parent.name not in ("environments", "pipelines")
    ]


def read_folder(folder: Path, label: str) -> Application:
    """Read every manifest of a copilot folder, and the addons beside them. Raises Mistakes where one is broken."""
    files = manifests(folder)
    if not files:
        raise mistake(label, "has no manifest.yml of a service in a folder below; name a file, or the folder copilot")
    documents = []
    for file in files:
        inside = f"{label}/{file.parent.name}/manifest.yml"
        documents.append((read_yaml(read_text(file, inside), inside), file.parent))
    workspace = folder / ".workspace"
    name = ""
    if workspace.is_file():
        at = f"{label}/.workspace"
        name = text_of(read_yaml(read_text(workspace, at), at).data.get("application")) or ""
    application = _read(documents, label, name)
    _environments(folder, label, application)
    return application


def read(document: Document, folder: Path) -> Application:
    """Read one manifest that stands in ``folder``."""
    return _read([(document, folder)], document.label, "")


def _read(documents: list[tuple[Document, Path]], label: str, name: str) -> Application:
    application = Application(label, name=name)
    names = {text_of(document.data.get("name")) or "" for document, _ in documents}
    for document, folder in documents:
        _Manifest(document, folder, application, names).read()
        for file in sorted((folder / "addons").glob("*.y*ml")):
            _addon(file, f"{document.label.rpartition('/')[0]}/addons/{file.name}".lstrip("/"), application)
    return application


class _Manifest:
    def __init__(self, document: Document, folder: Path, application: Application, names: set[str]) -> None:
        self._document = document
        self._folder = folder
        self._data = document.data
        self._application = application
        self._names = names
        self._name = text_of(self._data.get("name")) or ""
        self._type = text_of(self._data.get("type")) or ""
        if not self._name:
            raise mistake(document.label, "name is missing")
        if self._type not in _TYPES:
            raise mistake(
                document.where(("type",)), f'type "{shown(self._type)}" is none; there are {", ".join(_TYPES)}'
            )

    def _where(self, *path: str | int) -> str:
        return self._document.where(path)

    def _leave(self, reason: str, what: str, *path: str | int) -> None:
        self._application.leave(self._where(*path), f"{shown(self._name)}: {what}", reason)

    def read(self) -> None:
        data = self._data
        if self._type == "Static Site":
            self._application.sites[self._name] = self._where("name")
            note = "its files are put into the bucket by your pipeline (groundwork publish)"
            self._application.note(self._where("files"), shown(self._name), note)
            if mapping(data.get("http")).get("alias"):
                reason = "it answers under a path of the platform's domain; a name of its own is one of edge.aliases"
                self._leave(reason, "http.alias", "http", "alias")
            return
        for key in data:
            if key in _REASONS and data[key]:
                self._leave(_REASONS[key], key, key)
            elif key not in _SILENT and key not in _REASONS:
                self._leave("has no place here", shown(key), key)
        process = Process(self._name, self._where("name"), hosts={self._name, f"{self._name}.local"})
        self._image(process)
        command = data.get("command")
        process.command = (
            tuple(strings(command))
            if isinstance(command, list)
            else shell_words(text_of(command) or "")
            if command
            else ()
        )
        cpu = whole(data.get("cpu"))
        process.cpu, process.memory = cpu / 1024 if cpu else None, whole(data.get("memory"))
        process.copies = self._copies()
        process.targets = self._targets()
        process.variables = dict(self._variables())
        process.x86 = "x86" in (text_of(data.get("platform")) or "") or "amd64" in (text_of(data.get("platform")) or "")
        process.sidecars = tuple(self._sidecars())
        process.folders = tuple(self._folders())
        process.tracing = bool(mapping(data.get("observability")).get("tracing"))
        self._disk(process)
        self._deployment()
        self._http(process)
        self._messages(process)
        if self._type == "Scheduled Job":
            process.runs, process.schedule = "schedule", text_of(mapping(data.get("on")).get("schedule")) or ""
            process.copies = None
        self._application.processes.append(process)
        vpc = mapping(mapping(data.get("network")).get("vpc"))
        if vpc.get("security_groups"):
            reason = "groups follow from uses; what of yours has to let the service in is opened there"
            self._leave(reason, "security_groups", "network", "vpc", "security_groups")

    def _image(self, process: Process) -> None:
        image = mapping(self._data.get("image"))
        location = text_of(image.get("location"))
        if location and "${" not in location:
            process.image = location
        elif location:
            process.built = f"image {location}"
            self._leave(
                "a part of it is not in the file, so that it has a repository of its own",
                "image.location",
                "image",
                "location",
            )
        else:
            build = image.get("build")
            said = mapping(build)
            parts = [text_of(build), *(text_of(said.get(key)) for key in ("context", "dockerfile", "target"))]
            process.built = " ".join(["build", *(part or "" for part in parts)])
            process.build = self._build(process, build)
        process.port = whole(image.get("port")) or whole(self._data.get("port"))
        check = mapping(image.get("healthcheck"))
        command = strings(check.get("command"))
        if command:
            process.health_command = _check_words(command)
        process.start_period = seconds(check.get("start_period"))
        if image.get("depends_on"):
            reason = "sidecars start before the service by themselves, which waits for those that have a health check"
            self._leave(reason, "image.depends_on", "image", "depends_on")

    def _build(self, process: Process, build: Any) -> Build | None:
        """Return how an image is built: paths are those of the workspace, and the context is where the Dockerfile is, unless said.

        https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/#image-build
        """
        if not build:
            return None
        said = mapping(build)
        dockerfile = text_of(build) or text_of(said.get("dockerfile"))
        args = [
            Variable(name, text_of(value), self._where("image", "build", "args", name))
            for name, value in mapping(said.get("args")).items()
        ]
        return build_of(
            self._application,
            process.name,
            self._where("image", "build"),
            context=text_of(said.get("context")) or (str(Path(dockerfile).parent) if dockerfile else "."),
            dockerfile=dockerfile,
            target=text_of(said.get("target")),
            args=args,
        )

    def _http(self, process: Process) -> None:
        said = self._data.get("http")
        http = mapping(said)
        if self._type == "Request-Driven Web Service":
            process.public, process.path = True, "/*"
        elif not http:
            process.public = False
            return
        else:
            process.public = self._type == "Load Balanced Web Service"
            path = (text_of(http.get("path")) or "/").strip("/*")
            process.path = (f"/{path}/*" if path else "/*") if process.public else None
            if not process.public:
                self._leave(
                    "there is one load balancer, behind CloudFront; other services reach it by its name", "http", "http"
                )
        check = http.get("healthcheck")
        # Copilot asks "/" unless told otherwise.
        process.health = text_of(check) or text_of(mapping(check).get("path")) or "/"
        process.start_period = process.start_period or seconds(mapping(check).get("grace_period"))
        process.sticky = is_true(http.get("stickiness"))
        alias = text_of(http.get("alias"))
        if alias and "*" not in alias and process.public:
            self._application.domain = self._application.domain or alias.split(",")[0].strip()
        elif http.get("alias"):
            self._leave("further names are edge.aliases, or host of the service", "http.alias", "http", "alias")
        for key in ("additional_rules", "target_container", "allowed_source_ips", "hosted_zone", "alb"):
            if http.get(key):
                reason = "a service answers one path and one host on one port; who may come in decides edge.waf"
                self._leave(reason, f"http.{key}", "http", key)

    def _copies(self) -> tuple[int, int] | None:
        count = self._data.get("count")
        if not isinstance(count, dict):
            number = whole(count)
            return None if number is None else (number, number)
        span = count.get("range")
        match = re.fullmatch(r"(\d+)-(\d+)", text_of(span) or "")
        if match:
            return int(match[1]), int(match[2])
        least, most = whole(mapping(span).get("min")), whole(mapping(span).get("max"))
        spot = whole(count.get("spot"))
        if spot:
            self._leave("say spot, in percent of what is beyond the least", "count.spot", "count", "spot")
            return spot, spot
        return (least, most) if least is not None and most is not None else None

    def _targets(self) -> dict[str, int]:
        """Read what copies are added by: a number, or one in ``value`` beside its cooldown.

        https://aws.github.io/copilot-cli/docs/manifest/lb-web-service/#count-cpu-percentage
        """
        found: dict[str, int] = {}
        for key, said in mapping(self._data.get("count")).items():
            target = {"cpu_percentage": "cpu", "memory_percentage": "memory", "requests": "requests"}.get(key)
            number = whole(said) or whole(mapping(said).get("value"))
            if target and number:
                found[target] = max(10, min(95, number)) if target != "requests" else number
            elif key in ("response_time", "queue_delay"):
                reason = "copies follow CPU, memory, requests or messages that wait (scaling.target, scaling.queue)"
                self._leave(reason, f"count.{key}", "count", key)
        if mapping(mapping(self._data.get("count")).get("range")).get("spot_from"):
            reason = "say spot, in percent of what is beyond the least"
            self._leave(reason, "count.range.spot_from", "count", "range", "spot_from")
        return found

    def _sidecars(self) -> Iterator[Beside]:
        """Read the containers beside it: what they run, and whether a copy ends with them."""
        for name, said in mapping(self._data.get("sidecars")).items():
            sidecar, at = mapping(said), ("sidecars", name)
            image = text_of(sidecar.get("image")) or text_of(mapping(sidecar.get("image")).get("location"))
            if not image or "${" in image:
                self._leave(
                    "has no image that is there already; build it, and say sidecars.NAME.image",
                    f"sidecar {shown(name)}",
                    *at,
                )
                continue
            check = strings(mapping(sidecar.get("healthcheck")).get("command"))
            words = sidecar.get("command")
            command = strings(words) if isinstance(words, list) else shell_words(text_of(words) or "")
            essential = sidecar.get("essential") not in (False, "false")
            yield Beside(name, image, tuple(command), _check_words(check), essential)
            for key, reason in _OF_SIDECARS.items():
                if sidecar.get(key):
                    self._leave(reason, f"sidecar {shown(name)}: {key}", *at, key)

    def _folders(self) -> Iterator[Folder]:
        """Read the file systems that it mounts; a file system that exists is named by its access point."""
        for name, said in mapping(mapping(self._data.get("storage")).get("volumes")).items():
            volume, at = mapping(said), ("storage", "volumes", name)
            efs = volume.get("efs")
            if isinstance(efs, dict) and efs.get("id"):
                reason = (
                    "a file system that exists is named in files.NAME.existing, by its access point and security group"
                )
                self._leave(reason, f"volume {shown(name)}", *at)
            elif efs and text_of(volume.get("path")):
                where, path = self._where(*at), text_of(volume.get("path")) or ""
                read_only = volume.get("read_only") not in (False, "false")
                yield Folder(f"{self._name}-{name}", path, read_only, where, f"volume {shown(name)}", lasts=True)
            else:
                self._leave("is gone with the copy: say writable_paths or disk_paths", f"volume {shown(name)}", *at)

    def _disk(self, process: Process) -> None:
        size = whole(mapping(self._data.get("storage")).get("ephemeral"))
        if size and size > _DISK_OF_COPIES:
            process.disk = min(size, _LARGEST_DISK)

    def _deployment(self) -> None:
        if text_of(mapping(self._data.get("deployment")).get("rolling")) == "recreate":
            self._leave(
                "a service that may run only once says singleton: true", "deployment.rolling", "deployment", "rolling"
            )

    def _variables(self) -> Iterator[tuple[str, Variable]]:
        for name, value in mapping(self._data.get("variables")).items():
            where = self._where("variables", name)
            if isinstance(value, dict):
                self._leave("comes from a CloudFormation stack; say its value", shown(name), "variables", name)
                continue
            text = text_of(value)
            if text and "COPILOT_" in text:
                self._leave(
                    "names a variable of Copilot's; services find one another as http://NAME:PORT",
                    shown(name),
                    "variables",
                    name,
                )
                continue
            yield name, Variable(name, text, where)
        file = text_of(self._data.get("env_file"))
        if file:
            # Paths are those of the workspace, in which the folder copilot is.
            yield from env_file(
                self._application, self._folder.parent.parent, file, self._where("env_file"), self._name
            ).items()
        for name in mapping(self._data.get("secrets")):
            yield name, Variable(name, None, self._where("secrets", name), secret=True)

    def _messages(self, process: Process) -> None:
        """Read topics that it publishes to and those that it hears, which a worker does through a queue."""
        published = mapping(self._data.get("publish")).get("topics")
        heard = mapping(self._data.get("subscribe")).get("topics")
        backing = Backing(f"{self._name} messages", self._where("name"), "queue")
        for topic in published if isinstance(published, list) else []:
            name = self._topic(topic)
            backing.topics.setdefault(name, ())
            process.takes[name] = ("publish", None)
        if backing.topics:
            told = ", ".join(f"{stem(name).upper().replace('-', '_')}_TOPIC_ARN" for name in backing.topics)
            self._leave(f"is no list here: the service is told {told}", "COPILOT_SNS_TOPIC_ARNS", "publish", "topics")
        if self._type == "Worker Service":
            queue = f"{re.sub(r'[^a-z0-9]+', '-', self._name.lower()).strip('-')}-events"[:40]
            topics = heard if isinstance(heard, list) else []
            for index, topic in enumerate(topics):
                facts = mapping(topic)
                if mapping(facts.get("queue")).get("fifo") or self._topic(topic).endswith(".fifo"):
                    self._leave(
                        "a FIFO topic wants a queue of its own (messaging)", "FIFO topic", "subscribe", "topics", index
                    )
                    continue
                backing.topics[self._topic(topic)] = (queue,)
                if facts.get("filter_policy"):
                    reason = "say it at the subscription: messaging.topics.NAME.subscriptions.NAME.filter"
                    self._leave(reason, "filter_policy", "subscribe", "topics", index, "filter_policy")
                if facts.get("queue"):
                    reason = "a topic's messages come through the worker's one queue; another wants one of its own (messaging)"
                    self._leave(reason, "queue of a topic", "subscribe", "topics", index, "queue")
            backing.queues = (queue,)
            name = f"{queue.upper().replace('-', '_')}_QUEUE_URL"
            process.takes[queue] = ("consume", {"COPILOT_QUEUE_URI": name})
        if backing.topics or backing.queues:
            self._application.backings.append(backing)

    def _topic(self, topic: Any) -> str:
        said = text_of(mapping(topic).get("name")) or "events"
        name = re.sub(r"[^a-z0-9]+", "-", said.lower()).strip("-") or "events"
        name = name if name[0].isalpha() else f"topic-{name}"
        name = f"{name}-topic" if name in self._names else name
        return f"{name}.fifo" if mapping(topic).get("fifo") not in (None, "false", False) else name


def _check_words(command: list[str]) -> tuple[str, ...]:
    """Return a health check's command as what runs."""
    if not command or command[0] == "NONE":
        return ()
    if command[0] == "CMD":
        return tuple(command[1:])
    return ("sh", "-c", " ".join(command[1:] if command[0] == "CMD-SHELL" else command))


_OF_SIDECARS = {
    "variables": "say them at the sidecar: environment, or variables for those of the service",
    "secrets": "name those of the service that it is to have too: variables",
    "env_file": "say what is in it at the sidecar: environment",
    "port": "the service reaches it at localhost; requests come to the service alone",
    "mount_points": "its file system is read-only; what it writes it sends away",
    "credentialsParameter": "images come from a registry that needs no login, or from ECR",
}
"""What of a sidecar is not carried over, and what to do."""
_DISK_OF_COPIES = 20
"""GiB that each copy has."""
_LARGEST_DISK = 200


def _environments(folder: Path, label: str, application: Application) -> None:
    """Note what environments say of themselves that a stack file says otherwise, and pipelines."""
    for file in sorted(folder.glob("environments/*/manifest.yml")):
        at = f"{label}/environments/{file.parent.name}/manifest.yml"
        document = read_yaml(read_text(file, at), at)
        if mapping(mapping(document.data.get("network")).get("vpc")).get("id"):
            reason = "a VPC that exists is named in network.existing (docs/existing.md); without it the stack has one of its own"
            application.leave(document.where(("network", "vpc", "id")), f"{shown(file.parent.name)}: VPC", reason)
    for file in sorted(folder.glob("pipelines/*/manifest.yml")):
        reason = "pipelines are those of GitHub or GitLab that stand beside (--ci)"
        application.leave(
            f"{label}/pipelines/{file.parent.name}/manifest.yml", f"pipeline {shown(file.parent.name)}", reason
        )


def _addon(file: Path, label: str, application: Application) -> None:
    """Read a template of CloudFormation for what it makes: layers take the place of what they are for."""
    try:
        document = read_yaml(read_text(file, label), label)
    except ValueError:
        return
    for name, resource in mapping(document.data.get("Resources")).items():
        kind = text_of(mapping(resource).get("Type")) or ""
        where = document.where(("Resources", name))
        properties = mapping(mapping(resource).get("Properties"))
        layer = _RESOURCES.get(kind)
        if layer == "database" and "postgres" not in (text_of(properties.get("Engine")) or "").lower():
            if properties.get("Engine"):
                application.leave(where, shown(name), "the database that Groundwork builds is PostgreSQL")
            continue
        if layer and application.backing(layer) is None:
            application.backings.append(Backing(name, where, layer))
            application.note(
                where,
                shown(name),
                "what it holds moves to the layer that takes its place; its outputs are other variables here",
            )
            for process in application.processes:
                if label.startswith(process.where.rpartition("/")[0]):
                    process.needs.append(name)
        elif not layer and not kind.endswith(_OWN):
            application.leave(
                where,
                f"{shown(name)} ({shown(kind)})",
                "there is no layer for it; it stays where it is, and is reached by variables",
            )
