"""Read a Compose file: services, what backs them, what of it has no place in AWS.

https://docs.docker.com/reference/compose-file/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from groundwork.projects.sources import images
from groundwork.projects.sources.application import (
    Application,
    Backing,
    Build,
    Folder,
    Kind,
    Process,
    Variable,
    is_one_of,
)
from groundwork.projects.sources.building import build_of
from groundwork.projects.sources.env_files import env_file, is_below
from groundwork.projects.sources.interpolation import UNKNOWN, interpolated, partly
from groundwork.projects.sources.reading import (
    is_true,
    listed,
    mapping,
    mebibytes,
    mistake,
    number,
    read_text,
    seconds,
    shown,
    strings,
    text_of,
    whole,
)
from groundwork.settings.mistakes import Mistakes
from groundwork.settings.stack_file import Document

_SILENT = {
    # What the platform does by itself, or what is about a developer's machine alone.
    *(
        "restart",
        "container_name",
        "hostname",
        "domainname",
        "labels",
        "annotations",
        "logging",
        "tty",
        "stdin_open",
        "attach",
    ),
    *("init", "pull_policy", "read_only", "develop", "expose", "version", "isolation", "label_file", "use_api_socket"),
    # Read where they belong.
    *(
        "image",
        "build",
        "command",
        "ports",
        "environment",
        "env_file",
        "healthcheck",
        "depends_on",
        "volumes",
        "networks",
    ),
    *(
        "deploy",
        "profiles",
        "scale",
        "cpus",
        "mem_limit",
        "mem_reservation",
        "user",
        "tmpfs",
        "stop_grace_period",
        "secrets",
    ),
    *(
        "platform",
        "links",
        "extends",
        "network_mode",
        "cap_drop",
        "cpu_count",
        "memswap_limit",
        "mem_swappiness",
        "oom_score_adj",
    ),
    *(
        "cpu_shares",
        "cpu_quota",
        "cpu_period",
        "cpu_percent",
        "cpuset",
        "security_opt",
        "group_add",
        "entrypoint",
        "dns",
    ),
    *("volumes_from", "external_links", "gpus", "runtime", "devices"),
}

_REASONS = {
    "entrypoint": "it belongs in the Dockerfile: ENTRYPOINT; without it the service runs what its image runs, with command",
    "external_links": "containers share no names with those of others; name an address in the environment",
    "volumes_from": "containers share no files",
    "devices": "a container has no devices of its host",
    "dns": "names are resolved by the VPC",
    "privileged": "containers have no rights on their host; what needs them is the host's own to do",
    "cap_add": "containers have no rights beyond their own user's",
    "pid": "a container sees its own processes alone",
    "ipc": "a container shares no memory with others",
    "uts": "a container has a host name of its own",
    "userns_mode": "a container has users of its own",
    "cgroup": "a container has a group of its own",
    "cgroup_parent": "a container has a group of its own",
    "device_cgroup_rules": "a container has no devices of its host",
    "blkio_config": "disks of hosts are not shared out",
    "sysctls": "kernel parameters are the host's",
    "ulimits": "limits are the platform's; Fargate has 65,536 open files",
    "shm_size": "the shared memory is the platform's; a folder in memory is a writable_paths entry",
    "extra_hosts": "names are DNS's; put the address into the environment",
    "dns_search": "names are DNS's",
    "dns_opt": "names are DNS's",
    "mac_address": "addresses are the VPC's",
    "stop_signal": "it belongs in the Dockerfile: STOPSIGNAL",
    "working_dir": "it belongs in the Dockerfile: WORKDIR",
    "configs": "a file for the container belongs in its image, or its values in the environment",
    "credential_spec": "there is no Windows here",
    "post_start": "what runs once belongs in jobs",
    "pre_stop": "a container is asked to stop by SIGTERM, and does its own work then",
    "provider": "what another tool provides is named by variables",
    "models": "models are reached by an address in the environment",
}
"""Keys of a service that mean something and have no place here → why."""

_TOP = {"version", "name", "services", "volumes", "networks", "secrets"}

_OVERRIDES = tuple(f"{name}.override.{end}" for name in ("compose", "docker-compose") for end in ("yaml", "yml"))
"""What Compose puts over a file by itself."""

_DEBUG_PORTS = {9229, 5678, 5005, 4444, 6006, 24678, 35729, 40000}
"""Where debuggers and reloaders of development listen."""


def is_compose(document: Document) -> bool:
    return isinstance(document.data.get("services"), dict)


def read(document: Document, folder: Path) -> Application:
    """Read a Compose file that stands in ``folder``. Raises :class:`Mistakes` where it is broken."""
    return _Compose(document, folder).read()


class _Compose:
    def __init__(self, document: Document, folder: Path) -> None:
        self._document = document
        self._folder = folder
        self._application = Application(document.label)
        services = document.data.get("services")
        if not isinstance(services, dict) or not services:
            raise mistake(document.where(("services",)), "has no services")
        self._services: dict[str, Any] = services
        self._environments: dict[str, dict[str, Variable]] = {}
        self._proxied: set[str] = set()
        """What a proxy stood before, which is public then."""
        self._exposed: dict[str, int] = {}
        """Service → the port that its Dockerfile exposes."""

    def read(self) -> Application:
        application = self._application
        application.name = interpolated(text_of(self._document.data.get("name")) or "") or ""
        self._top_level()
        for other in _OVERRIDES:
            if (self._folder / other).is_file() and other != self._document.label:
                application.note(other, other, "is not read; what it says otherwise is for developers' machines")
        resolved = {name: self._resolved(name, ()) for name in self._services}
        for name, service in resolved.items():
            self._environments[name] = self._variables(name, service)
        completed = _waited_for(resolved)
        for name, service in resolved.items():
            self._service(name, service, ends=name in completed)
        self._expose()
        for process in application.processes:
            process.public = process.public or (process.port is not None and process.name in self._proxied)
        return application

    def _where(self, *path: str | int) -> str:
        return self._document.where(path)

    def _top_level(self) -> None:
        for key in self._document.data:
            if key == "include":
                self._application.leave(
                    self._where(key),
                    "include",
                    "other files are read on their own; name each with --from, or put them together",
                )
            elif key == "configs":
                self._application.leave(self._where(key), "configs", _REASONS["configs"])
            elif key not in _TOP and not key.startswith("x-"):
                self._application.leave(
                    self._where(key), shown(key), "is no part of a Compose file that has a place here"
                )
        for name, network in mapping(self._document.data.get("networks")).items():
            settings = mapping(network)
            if (
                settings.get("external")
                or settings.get("ipam")
                or settings.get("driver") not in (None, "bridge", "overlay")
            ):
                self._application.leave(
                    self._where("networks", name),
                    f"network {shown(name)}",
                    "there is one network, the VPC, and who reaches whom follows from uses",
                )

    # Services

    def _resolved(self, name: str, seen: tuple[str, ...]) -> dict[str, Any]:
        """Return a service with what it extends."""
        service = self._services[name]
        if service is None:
            service = {}
        if not isinstance(service, dict):
            raise mistake(
                self._where("services", name), f"services.{shown(name)}: expected a mapping of keys to values"
            )
        said = service.get("extends")
        if said is None:
            return service
        where = self._where("services", name, "extends")
        source = text_of(said) or text_of(mapping(said).get("service")) or ""
        if mapping(said).get("file"):
            self._application.leave(
                where,
                f"{shown(name)}: extends",
                "what another file says is not read; put it here, or name that file with --from",
            )
            return service
        if source not in self._services:
            raise mistake(where, f'services.{shown(name)}.extends: there is no service "{shown(source)}"')
        if source in (*seen, name):
            raise mistake(where, f"services.{shown(name)}.extends: goes round in a circle")
        return _merged(self._resolved(source, (*seen, name)), service)

    def _service(self, name: str, service: dict[str, Any], *, ends: bool) -> None:
        where = self._where("services", name)
        image = interpolated(text_of(service.get("image")) or "") or ""
        build = service.get("build")
        base, exposed = self._dockerfile(build)
        known = images.known(image) if image and build is None else None
        if known is None and base:
            known = images.known(base)
            # An image that is built on a proxy's is the product's own, with its pages in it.
            known = known if known and (known.layer or known.what) else None
            if known is None and _commands_docker(service) and (proxy := images.known(base)) and proxy.is_proxy:
                known = proxy
        if known is not None:
            self._known(name, service, known, image or base, where)
            return
        self._unplaced(name, service)
        process = self._process(name, service, image, build is not None, where, ends=ends)
        proxied = self._proxied_port(service, process)
        process.port = process.port or proxied or self._called_port(name, process)
        if process.port is None and exposed:
            self._exposed[name] = exposed
        if service.get("profiles") and process.port is None and is_one_of(process.command, _BUILDS):
            self._application.leave(where, shown(name), "builds what belongs in the image; let the Dockerfile do it")
            return
        self._application.processes.append(process)

    def _expose(self) -> None:
        """Let what runs as its image is built listen where that says; a worker has the port of its image and not what listens there."""
        for process in self._application.processes:
            if process.name in self._exposed and not (
                process.command
                and any(other.built == process.built and other is not process for other in self._application.processes)
            ):
                process.port = self._exposed[process.name]

    def _proxied_port(self, service: dict[str, Any], process: Process) -> int | None:
        """Return the port to which labels or variables send a proxy's requests, and note that the process is public."""
        labels = service.get("labels")
        said = labels if isinstance(labels, dict) else dict(text.partition("=")[::2] for text in strings(labels))
        ports = [
            whole(interpolated(text_of(value) or ""))
            for key, value in said.items()
            if str(key).endswith("loadbalancer.server.port")
        ]
        rules = [
            text_of(value) or ""
            for key, value in said.items()
            if str(key).startswith("traefik.http.routers.") and str(key).endswith(".rule")
        ]
        self._route(process, rules)
        host = process.variables.pop("VIRTUAL_HOST", None)
        port = process.variables.pop("VIRTUAL_PORT", None)
        for name in [name for name in process.variables if name.startswith("LETSENCRYPT_")]:
            del process.variables[name]
        process.public = process.public or bool(rules) or host is not None
        if ports and ports[0]:
            return ports[0]
        return (whole(port.value) if port else None) or (80 if host else None)

    def _route(self, process: Process, rules: list[str]) -> None:
        """Let a process answer the paths that Traefik's rules begin with, and note the hosts by which they tell it from others.

        https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
        """
        prefixes = {
            path for rule in rules for path in re.findall(r"Path(?:Prefix)?\(`(/[\w./-]*)`\)", interpolated(rule) or "")
        }
        if len(prefixes) == 1 and process.path is None:
            path = prefixes.pop().rstrip("/")
            process.path = f"{path}/*" if path else "/*"
        hosts = {host for rule in rules for host in re.findall(r"Host\(`([\w.-]+)`\)", interpolated(rule) or "")}
        for host in sorted(hosts):
            reason = "is the name by which it is told from others: say host, beside path, for a name below the domain"
            self._application.note(process.where, f"{shown(process.name)}: {shown(host)}", reason)

    def _hosts(self, name: str, service: dict[str, Any]) -> set[str]:
        found = {name, *strings(service.get("container_name")), *strings(service.get("hostname"))}
        for network in mapping(service.get("networks")).values():
            found |= set(strings(mapping(network).get("aliases")))
        for other in self._services.values():
            for link in strings(mapping(other).get("links")):
                target, _, alias = link.partition(":")
                if target == name and alias:
                    found.add(alias)
        return {text for each in found if (text := interpolated(each))}

    def _known(self, name: str, service: dict[str, Any], known: images.Known, image: str, where: str) -> None:
        """Note a service whose image is that of a database, a proxy, a tool …"""
        application, hosts = self._application, self._hosts(name, service)
        if not known.layer:
            what = known.what or images.repository(image)
            for host in hosts:
                application.gone[host] = shown(what)
            if known.by:
                application.became.append((f"`{shown(name)}` ({shown(images.repository(image))})", known.by))
            else:
                said = f"{what}: " if known.what else ""
                application.leave(where, shown(name), f"{said}{known.reason}")
            if known.is_proxy:
                self._proxied |= set(_depended(service))
            return
        for kind in self._kinds(name, service, known.layer):
            backing = Backing(name, where, kind, image, hosts)
            backing.own = self._told(name, service)
            self._application.backings.append(backing)
            self._kept(name, service, backing)

    def _kinds(self, name: str, service: dict[str, Any], layer: Kind | Literal["aws"]) -> list[Kind]:
        if layer != "aws":
            return [layer]
        said = self._environments[name].get("SERVICES")
        wanted = [word.strip() for word in (said.value or "").split(",") if word.strip()] if said else ["s3"]
        found: list[Kind] = [kind for word, kind in _AWS.items() if word in wanted]
        others = [
            word for word in wanted if word not in _AWS and word not in ("sns", "ses", "sts", "iam", "logs", "kms")
        ]
        if others:
            reason = "there is no layer for it; a resource of your own is reached by variables that you set"
            self._application.leave(self._where("services", name), ", ".join(map(shown, others)), reason)
        return found

    def _told(self, name: str, service: dict[str, Any]) -> dict[str, str]:
        """Return who and what a database is told to be, by which its clients' variables are recognised."""
        told = {}
        for variable in self._environments[name].values():
            for part, pattern in _OWN.items():
                if variable.value and pattern.fullmatch(variable.name):
                    told[part] = variable.value
        return told

    def _kept(self, name: str, service: dict[str, Any], backing: Backing) -> None:
        """Note the data that is in a backing thing's volume, and the settings that are not carried over."""
        for index, volume in enumerate(listed(service.get("volumes"))):
            source, target = _volume(volume)
            if source and "initdb" in target:
                self._application.leave(
                    self._where("services", name, "volumes", index),
                    f"{shown(name)}: {shown(source)}",
                    "scripts that fill a new database belong in a migration (jobs)",
                )
        if backing.kind in ("database", "bucket", "search") and service.get("volumes"):
            self._application.leave(
                self._where("services", name, "volumes"),
                f"{shown(name)}: data",
                _MOVE.get(backing.kind, _MOVE["database"]),
            )
        if service.get("build") is not None:
            self._application.leave(
                self._where("services", name, "build"),
                f"{shown(name)}: build",
                "the service of AWS takes no image of yours",
            )
        if backing.kind == "cache" and is_one_of(
            self._command(name, service), ("--appendonly", "--save", "noeviction")
        ):
            backing.keeps = "noeviction" in " ".join(self._command(name, service))

    # What has no place

    def _unplaced(self, name: str, service: dict[str, Any]) -> None:
        for key, value in service.items():
            if key in _REASONS and not _is_off(value):
                self._leave(name, key, _REASONS[key], key)
            elif key not in _SILENT and key not in _REASONS and not key.startswith("x-"):
                self._leave(name, shown(key), "is no key of a service that has a place here", key)
        mode = text_of(service.get("network_mode")) or ""
        if mode not in ("", "bridge"):
            reason = "a container has an address of its own in the VPC; who reaches whom follows from uses"
            self._leave(name, f"network_mode {shown(mode)}", reason, "network_mode")
        for path in self._gpu(service):
            self._leave(
                name, "GPU", "Fargate has no GPU; an instance with one is a node group of the engine eks", *path
            )
        for index, option in enumerate(strings(service.get("security_opt"))):
            if not option.startswith("no-new-privileges"):
                self._leave(
                    name, f"security_opt {shown(option)}", "the platform's own profile holds", "security_opt", index
                )
        deploy = mapping(service.get("deploy"))
        if text_of(deploy.get("mode")) == "global":
            self._leave(name, "mode global", "there is no host to have one each", "deploy", "mode")
        if deploy.get("placement"):
            self._leave(name, "placement", "tasks spread over zones by themselves", "deploy", "placement")

    def _leave(self, name: str, what: str, reason: str, *path: str | int) -> None:
        self._application.leave(self._where("services", name, *path), f"{shown(name)}: {what}", reason)

    def _gpu(self, service: dict[str, Any]) -> Iterator[tuple[str, ...]]:
        reserved = mapping(mapping(mapping(service.get("deploy")).get("resources")).get("reservations"))
        if reserved.get("devices"):
            yield ("deploy", "resources", "reservations", "devices")
        if service.get("gpus"):
            yield ("gpus",)
        if text_of(service.get("runtime")) == "nvidia":
            yield ("runtime",)

    # A process

    def _process(
        self, name: str, service: dict[str, Any], image: str, built: bool, where: str, *, ends: bool
    ) -> Process:
        process = Process(name, where, hosts=self._hosts(name, service))
        process.variables = self._environments[name]
        process.needs = [*_depended(service), *(link.partition(":")[0] for link in strings(service.get("links")))]
        process.command = self._command(name, service)
        process.builds = built
        self._image(name, service, image, process, built=built)
        self._ports(name, service, process)
        self._health(name, service, process)
        self._sizes(name, service, process)
        self._volumes(name, service, process)
        self._files(name, service, process)
        user = interpolated(text_of(service.get("user")) or "")
        if user and re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user):
            process.user = user
        elif user:
            reason = "no container runs as root or by a name; its user is 1000:1000, or a number that you set"
            self._application.leave(self._where("services", name, "user"), f"{shown(name)}: user {shown(user)}", reason)
        process.writable = tuple(path.partition(":")[0] for path in strings(service.get("tmpfs")))
        process.stop_timeout = seconds(service.get("stop_grace_period"))
        process.x86 = "amd64" in (interpolated(text_of(service.get("platform")) or "") or "")
        restarts = interpolated(text_of(service.get("restart")) or "") or ""
        once = (
            restarts in ("no", "false")
            or text_of(mapping(mapping(service.get("deploy")).get("restart_policy")).get("condition")) == "none"
        )
        stays = restarts in ("always", "unless-stopped")
        if process.port is None and not stays and (is_one_of(process.command, _MIGRATES) or "migrat" in name.lower()):
            process.runs = "before_deploy"
        elif ends:
            process.runs = "before_deploy" if built else "manual"
        elif process.port is None and process.command and (once or (service.get("profiles") and not restarts)):
            process.runs = "manual"
        profiles = strings(service.get("profiles"))
        if profiles and process.runs == "always":
            reason = (
                f"has the profile {shown(', '.join(profiles))}, and runs always here; take it out where it should not"
            )
            self._application.note(self._where("services", name, "profiles"), shown(name), reason)
        process.singleton = schedules_itself(process.command) or (
            process.port is None and not _SCHEDULER_NAMES.isdisjoint(re.split(r"[-_]", name.lower()))
        )
        return process

    def _image(self, name: str, service: dict[str, Any], image: str, process: Process, *, built: bool) -> None:
        said = text_of(service.get("image"))
        if built:
            build = service["build"]
            process.build = self._build(name, build)
            parts = (
                [build]
                if isinstance(build, str)
                else [mapping(build).get(key) for key in ("context", "dockerfile", "target")]
            )
            # Whoever names the image that is built shares it with those that take it by its name.
            process.built = (
                f"image {said}" if said else "build " + " ".join(text_of(part) or "" for part in [*parts, "", ""][:3])
            )
        elif said and any(
            mapping(other).get("build") is not None and text_of(mapping(other).get("image")) == said
            for other in self._services.values()
        ):
            process.built = f"image {said}"
        elif image:
            process.image = image
        else:
            # Those that name one image share it, whatever it is called in the end.
            process.built = f"image {said}" if said else f"service {name}"
            reason = (
                "is not in the file, so that it has a repository of its own" if said else "has neither image nor build"
            )
            where = self._where("services", name, "image") if said else process.where
            self._application.leave(where, f"{shown(name)}: image", reason)

    def _build(self, name: str, build: Any) -> Build | None:
        said, path = mapping(build), ("services", name, "build")
        for key in said:
            if key not in _OF_BUILDS:
                reason = "is no setting of a build here; build with docker buildx, and deploy the image that it pushed"
                self._leave(name, f"build.{shown(key)}", reason, "build", key)
        context, dockerfile, target = (
            interpolated(text_of(each) or "")
            for each in (text_of(build) or said.get("context") or ".", said.get("dockerfile"), said.get("target"))
        )
        if dockerfile is None or "dockerfile_inline" in said:
            context = None
        return build_of(
            self._application,
            name,
            self._where(*path),
            context=context,
            dockerfile=str(Path(context, dockerfile)) if context and dockerfile else None,
            target=target,
            args=self._listed_variables(said.get("args"), (*path, "args")).values(),
        )

    def _command(self, name: str, service: dict[str, Any]) -> tuple[str, ...]:
        said = service.get("command")
        if not said:
            return ()
        words = strings(said) if isinstance(said, list) else _split(text_of(said) or "")
        filled = [interpolated(word) for word in words]
        if None in filled:
            reason = (
                "a variable in it has no value here; write it into the command, or let a shell of the image read it"
            )
            self._application.leave(self._where("services", name, "command"), f"{shown(name)}: command", reason)
            return ()
        return tuple(word for word in filled if word is not None)

    def _ports(self, name: str, service: dict[str, Any], process: Process) -> None:
        found: list[tuple[int, int | None]] = []
        for index, said in enumerate(listed(service.get("ports"))):
            where = self._where("services", name, "ports", index)
            port, published, problem = _port(said)
            if problem:
                self._application.leave(where, f"{shown(name)}: port {shown(_port_text(said))}", problem)
            elif port is not None and port not in _DEBUG_PORTS:
                found.append((port, published))
        found = list(dict.fromkeys(found))
        if found:
            ours = mapping(service.get("environment"))
            first = next((pair for pair in found if str(pair[0]) == text_of(ours.get("PORT"))), found[0])
            # Where 443 and 80 are published, a service answers HTTP on the one that is behind 80.
            first = next((pair for pair in found if pair[0] != 443 and first[0] == 443), first)
            process.port, process.published = first
            process.public = True
            for port, _ in found:
                if port != process.port:
                    reason = f"a service answers HTTP on one port, which is {process.port}; another wants a service of its own"
                    self._application.leave(
                        self._where("services", name, "ports"), f"{shown(name)}: port {port}", reason
                    )
        elif exposed := [
            port for text in strings(service.get("expose")) if (port := whole(interpolated(text.partition("/")[0])))
        ]:
            process.port = exposed[0]

    def _called_port(self, name: str, process: Process) -> int | None:
        """Return the port at which others say they reach it, or on which its command says it listens."""
        hosts = "|".join(re.escape(host) for host in sorted(process.hosts))
        pattern = re.compile(rf"(?<![\w.-])(?:{hosts}):(\d{{2,5}})(?![\w.])")
        for other, variables in self._environments.items():
            for variable in variables.values():
                if other != name and variable.value and (match := pattern.search(variable.value)):
                    return int(match[1])
        return listens_on(process.command)

    def _health(self, name: str, service: dict[str, Any], process: Process) -> None:
        check = mapping(service.get("healthcheck"))
        process.start_period = seconds(check.get("start_period"))
        test = check.get("test")
        words = [interpolated(word) for word in strings(test)]
        if not words or None in words or is_true(check.get("disable")) or words[0] == "NONE":
            return
        said = [word for word in words if word is not None]
        if isinstance(test, list) and said[0] == "CMD":
            command = tuple(said[1:])
        else:
            text = " ".join(said[1:] if isinstance(test, list) and said[0] == "CMD-SHELL" else said)
            command = ("sh", "-c", text)
        process.health_command = command
        match = _LOCAL_URL.search(" ".join(command))
        if match and (process.port is None or not match[1] or int(match[1]) == process.port):
            process.health = match[2] or "/"

    def _sizes(self, name: str, service: dict[str, Any], process: Process) -> None:
        resources = mapping(mapping(service.get("deploy")).get("resources"))
        limits, reserved = mapping(resources.get("limits")), mapping(resources.get("reservations"))

        def said(*values: Any) -> list[str]:
            return [filled for value in values if (filled := interpolated(text_of(value) or ""))]

        for cpu in said(limits.get("cpus"), service.get("cpus"), reserved.get("cpus")):
            process.cpu = process.cpu or number(cpu)
        for memory in said(
            limits.get("memory"), service.get("mem_limit"), reserved.get("memory"), service.get("mem_reservation")
        ):
            process.memory = process.memory or mebibytes(memory)
        for copies in said(mapping(service.get("deploy")).get("replicas"), service.get("scale")):
            count = whole(copies)
            if count is not None:
                process.copies = (count, count)

    def _volumes(self, name: str, service: dict[str, Any], process: Process) -> None:
        for index, volume in enumerate(listed(service.get("volumes"))):
            source, target = _volume(volume)
            where = self._where("services", name, "volumes", index)
            at = f"{shown(name)}: {shown(f'{source}:{target}' if source else target)}"
            if "docker.sock" in source:
                self._application.leave(where, at, "there is no Docker that a container could command")
            elif mapping(volume).get("type") == "tmpfs":
                process.writable = (*process.writable, target)
            elif not source:
                # Without a name it keeps nothing: a folder that hides the developer's, such as node_modules.
                continue
            elif source.startswith((".", "/", "~", "$")) or mapping(volume).get("type") == "bind":
                if not _is_code(source, service):
                    self._application.leave(
                        where,
                        at,
                        "a folder of the host: code and configuration belong in the image, files of users in a bucket",
                    )
            else:
                process.folders = (*process.folders, Folder(source, target, _read_only(volume), where, at))

    def _files(self, name: str, service: dict[str, Any], process: Process) -> None:
        """Note secrets that are mounted as files, as variables of a secret."""
        for index, said in enumerate(listed(service.get("secrets"))):
            secret = text_of(said) or text_of(mapping(said).get("source")) or ""
            where = self._where("services", name, "secrets", index)
            own = re.sub(r"\W", "_", secret).upper()
            # POSTGRES_PASSWORD_FILE=/run/secrets/db_password: the variable without _FILE is what most images take as well.
            for variable in list(process.variables.values()):
                if variable.name.endswith("_FILE") and (variable.value or "").endswith(f"/{secret}"):
                    own = variable.name.removesuffix("_FILE")
                    del process.variables[variable.name]
            if own and own not in process.variables:
                process.variables[own] = Variable(own, None, where, secret=True)
                at = f"{shown(name)}: /run/secrets/{shown(secret)}"
                self._application.note(where, at, f"a secret is a variable here ({own}), not a file")

    # Environment

    def _variables(self, name: str, service: dict[str, Any]) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for index, entry in enumerate(_entries(service.get("env_file"))):
            where = self._where("services", name, "env_file", index)
            found |= env_file(self._application, self._folder, interpolated(entry) or "", where, name)
        found |= self._listed_variables(service.get("environment"), ("services", name, "environment"))
        return {key: variable for key, variable in found.items() if key}

    def _listed_variables(self, said: Any, path: tuple[str, ...]) -> dict[str, Variable]:
        """Return variables that are a map, or a list of ``NAME=VALUE``."""
        if isinstance(said, dict):
            return {
                key: self._variable(key, None if value is None else text_of(value), self._where(*path, key))
                for key, value in said.items()
            }
        found: dict[str, Variable] = {}
        for index, text in enumerate(strings(said)):
            key, equals, value = text.partition("=")
            found[key] = self._variable(key, value if equals else None, self._where(*path, index))
        return found

    def _variable(self, name: str, value: str | None, where: str) -> Variable:
        filled = None if value is None else interpolated(value)
        return Variable(name, filled, where, raw=partly(value) if value is not None and filled is None else "")

    def _dockerfile(self, build: Any) -> tuple[str, int | None]:
        """Return the image that a build begins with and the port that it exposes, as far as its Dockerfile is here and says so."""
        if build is None:
            return "", None
        context = interpolated(text_of(build) or text_of(mapping(build).get("context")) or ".") or "."
        name = interpolated(text_of(mapping(build).get("dockerfile")) or "Dockerfile") or "Dockerfile"
        file = self._folder / context / name
        if not is_below(file, self._folder) or not file.is_file():
            return "", None
        try:
            text = read_text(file, name)
        except Mistakes:
            return "", None
        return dockerfile_facts(text, interpolated(text_of(mapping(build).get("target")) or "") or "")


_OF_BUILDS = ("context", "dockerfile", "dockerfile_inline", "target", "args", "tags", "labels", "platforms", "pull")
"""Keys of a build that are read, or that say what no image depends on here."""

_AWS: dict[str, Kind] = {"s3": "bucket", "sqs": "queue"}

_OWN = {
    "user": re.compile(r"(POSTGRES(QL)?|PG)_?USER(NAME)?|RABBITMQ_DEFAULT_USER|MINIO_(ROOT_USER|ACCESS_KEY)"),
    "password": re.compile(
        r"(POSTGRES(QL)?|PG|REDIS|VALKEY)_?PASSWORD|RABBITMQ_DEFAULT_PASS|MINIO_(ROOT_PASSWORD|SECRET_KEY)"
    ),
    "name": re.compile(r"(POSTGRES(QL)?_(DB|DATABASE)|PGDATABASE)"),
}

_MOVE = {
    "database": "what it holds moves by a dump and restore, or without standing still by the layer migration",
    "bucket": "what it holds moves by: aws s3 sync",
    "search": "what it holds is indexed anew",
}
_SCHEDULER_NAMES = {"beat", "celerybeat", "clock", "scheduler", "cron"}


def schedules_itself(command: tuple[str, ...]) -> bool:
    """Tell whether a command is a scheduler, or a worker with one in it, of which there may be one copy alone."""
    return is_one_of(command, _SCHEDULERS) or (is_one_of(command, ("celery",)) and is_one_of(command, ("-b", "--beat")))


_LOCAL_URL = re.compile(r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d{1,5}))?(/[A-Za-z0-9_\-./]*)?")

_MIGRATES = (
    "migrate",
    "migrations",
    "db:migrate",
    "db:prepare",
    "createdb",
    "collectstatic",
    "migrate:latest",
    "migration:run",
)
_BUILDS = (
    "build",
    "build:css",
    "build:js",
    "watch",
    "yarn:build:js",
    "yarn:build:css",
    "webpack",
    "tailwindcss",
    "storybook",
)
_SCHEDULERS = ("beat", "clockwork", "rqscheduler", "celerybeat", "solid_queue_scheduler", "ofelia")


def _commands_docker(service: dict[str, Any]) -> bool:
    return any("docker.sock" in _volume(volume)[0] for volume in listed(service.get("volumes")))


def _waited_for(services: dict[str, dict[str, Any]]) -> set[str]:
    """Return the services that others wait for until they have ended."""
    return {
        name
        for service in services.values()
        for name, said in mapping(service.get("depends_on")).items()
        if text_of(mapping(said).get("condition")) == "service_completed_successfully"
    }


def _depended(service: dict[str, Any]) -> list[str]:
    said = service.get("depends_on")
    return list(said) if isinstance(said, dict) else strings(said)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return a service over what it extends: mappings merge, lists follow one another, the rest is replaced."""
    result = dict(base)
    for key, value in over.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _merged(before, value)
        elif isinstance(before, list) and isinstance(value, list) and key not in ("command", "entrypoint", "test"):
            result[key] = [*before, *(item for item in value if item not in before)]
        else:
            result[key] = value
    return result


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _entries(said: Any) -> list[str]:
    items = said if isinstance(said, list) else [said]
    paths = (text_of(item) or text_of(mapping(item).get("path")) for item in items)
    return [path for path in paths if path]


def _read_only(volume: Any) -> bool:
    """Tell whether a volume may only be read, in its short or its long form."""
    if isinstance(volume, dict):
        return (text_of(volume.get("read_only")) or "").lower() == "true"
    return "ro" in (text_of(volume) or "").rpartition(":")[2].split(",")


def _volume(volume: Any) -> tuple[str, str]:
    """Return source and target of a volume, in its short or its long form; no source where it has no name."""
    if isinstance(volume, dict):
        return text_of(volume.get("source")) or "", text_of(volume.get("target")) or ""
    text = text_of(volume) or ""
    filled = interpolated(text) or text
    parts = filled.split(":")
    return (parts[0], parts[1]) if len(parts) > 1 else ("", filled)


def _is_code(source: str, service: dict[str, Any]) -> bool:
    """Tell whether a folder is what the image is built of, put over it for development."""
    build = service.get("build")
    said = text_of(build) or text_of(mapping(build).get("context"))
    context, folder = Path(said or "."), Path(source)
    return said is not None and (folder == context or (context != Path() and context in folder.parents))


def _is_off(value: Any) -> bool:
    return not value or text_of(value) in ("false", "no")


def _port_text(said: Any) -> str:
    return (
        text_of(said) or f"{text_of(mapping(said).get('published')) or ''}:{text_of(mapping(said).get('target')) or ''}"
    )


def _port(said: Any) -> tuple[int | None, int | None, str]:
    """Return the port of the container, the one it is published as, and what is wrong with it."""
    long = mapping(said)
    protocol = text_of(long.get("protocol")) or ""
    text = partly(_port_text(said))
    text, slash, last = text.partition("/")
    protocol = last if slash else protocol
    if protocol not in ("", "tcp"):
        return None, None, f"services answer HTTP over TCP, not {shown(protocol)}"
    if re.search(r"\d-\d", text.rpartition(":")[2]):
        return None, None, "a range of ports: a service answers HTTP on one"
    parts = text.rsplit(":", 2)
    target = whole(parts[-1])
    published = whole(parts[-2]) if len(parts) > 1 else None
    if UNKNOWN in parts[-1]:
        return None, None, "the port is not in the file; say it under port"
    if target is None or not 0 < target < 65536:
        return None, None, "is no port"
    return target, published, ""


_LISTENS = re.compile(
    r"(?:--port[= ]|--http-port[= ]|\s-p[= ]?|\s-b[= ]|--bind[= ]|--listen[= ]|runserver )\s*(?:tcp://)?(?:[\w.*]*:|\[::\]:)?(\d{2,5})(?!\S*\.)"
)


def listens_on(command: tuple[str, ...]) -> int | None:
    """Return the port on which a command says it listens; None where it says none."""
    match = _LISTENS.search(f" {' '.join(command)} ")
    port = int(match[1]) if match else 0
    return port if 79 < port < 65536 else None


def dockerfile_facts(text: str, target: str = "") -> tuple[str, int | None]:
    """Return the image on which the last stage of a Dockerfile (or ``target``) stands, and the port that it exposes."""
    bases: dict[str, str] = {}
    base, port, stage = "", None, ""
    for line in text.splitlines():
        if match := re.match(r"\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", line, re.IGNORECASE):
            if target and stage == target:
                break
            base = bases.get(match[1].lower(), match[1])
            stage = (match[2] or "").lower()
            bases[stage] = base
        elif (match := re.match(r"\s*EXPOSE\s+(\d+)(?:/tcp)?\b", line, re.IGNORECASE)) and port is None:
            port = int(match[1])
    return base if "$" not in base else "", port
