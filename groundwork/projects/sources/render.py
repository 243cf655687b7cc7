"""Read Render's render.yaml.

https://render.com/docs/blueprint-spec
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from groundwork.projects.sources.application import Application, Backing, Link, Process, Variable
from groundwork.projects.sources.building import build_of
from groundwork.projects.sources.fly import REGIONS
from groundwork.projects.sources.procfile import shell_words
from groundwork.projects.sources.reading import is_true, listed, mapping, mistake, shown, text_of, whole
from groundwork.settings.stack_file import Document

_PARTS = {
    "connectionString": "url",
    "connectionURI": "url",
    "host": "host",
    "port": "port",
    "hostport": "address",
    "user": "user",
    "password": "password",
    "database": "name",
}
_PLANS = {
    "free": (0.1, 512),
    "starter": (0.5, 512),
    "standard": (1, 2048),
    "pro": (2, 4096),
    "pro plus": (4, 8192),
    "pro max": (4, 16384),
    "pro ultra": (8, 32768),
}
"""Plan → CPUs and MiB. https://render.com/pricing"""

_REASONS = {
    "disk": "copies come and go, and their disks with them: keep files in a bucket (storage, uses), data in the database",
    "registryCredential": "images of other registries are pulled without a login; push them to the service's own repository",
    "headers": "response headers are the service's own, or edge.headers",
    "routes": "rewrites of paths are the service's own to do",
    "initialDeployHook": "what runs once is run by hand, or is a job",
    "previews": "there are no environments for each pull request; a pull request shows what it would change",
    "pullRequestPreviewsEnabled": "there are no environments for each pull request; a pull request shows what it would change",
    "ipAllowList": "who comes in is decided by the firewall (edge.waf) and by uses",
}
_SILENT = {
    *(
        "type",
        "name",
        "region",
        "plan",
        "runtime",
        "env",
        "branch",
        "repo",
        "autoDeploy",
        "autoDeployTrigger",
        "buildFilter",
        "rootDir",
    ),
    *(
        "dockerfilePath",
        "dockerContext",
        "dockerCommand",
        "startCommand",
        "buildCommand",
        "preDeployCommand",
        "healthCheckPath",
    ),
    *(
        "numInstances",
        "scaling",
        "envVars",
        "image",
        "schedule",
        "domains",
        "domain",
        "staticPublishPath",
        "maxShutdownDelaySeconds",
    ),
    *("maxmemoryPolicy", "publishPath", "renderSubdomainPolicy", "maintenanceMode", "cache"),
}
_PORT = 10000
"""Where Render's services listen unless PORT says something else: https://render.com/docs/web-services#port-binding"""


def is_render(document: Document) -> bool:
    return isinstance(document.data.get("services"), list) or isinstance(document.data.get("databases"), list)


def read(document: Document) -> Application:
    """Read render.yaml. Raises Mistakes where it is broken."""
    return _Blueprint(document).read()


class _Blueprint:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._application = Application(document.label)
        self._groups = {
            text_of(mapping(group).get("name")) or "": (index, mapping(group).get("envVars"))
            for index, group in enumerate(self._list("envVarGroups"))
        }

    def _list(self, key: str) -> list[Any]:
        value = self._document.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise mistake(self._document.where((key,)), f"{key}: expected a list")
        return value

    def read(self) -> Application:
        application, document = self._application, self._document
        for key in document.data:
            if key not in ("services", "databases", "envVarGroups", "previews", "version"):
                reason = (
                    "projects and environments are stacks here; read a file for each"
                    if key == "projects"
                    else "has no place here"
                )
                application.leave(document.where((key,)), shown(key), reason)
        for index, database in enumerate(self._list("databases")):
            said = mapping(database)
            name = text_of(said.get("name")) or "database"
            version = text_of(said.get("postgresMajorVersion")) or ""
            where = document.where(("databases", index))
            backing = Backing(name, where, "database", f"postgres:{version}" if version else "")
            backing.own = {"name": text_of(said.get("databaseName")) or ""}
            application.backings.append(backing)
            self._region(said)
        for index, service in enumerate(self._list("services")):
            self._service(mapping(service), index)
        if not application.processes and not application.sites:
            raise mistake(document.where(("services",)), "has no services")
        return application

    def _region(self, said: dict[str, Any]) -> None:
        region = REGIONS["render"].get(text_of(said.get("region")) or "", "")
        self._application.region = self._application.region or region

    def _service(self, said: dict[str, Any], index: int) -> None:
        application = self._application
        path = ("services", index)
        where = self._document.where(path)
        name, kind = text_of(said.get("name")), text_of(said.get("type"))
        if not name or not kind:
            raise mistake(where, "a service needs a name and a type")
        self._region(said)
        runtime = text_of(said.get("runtime")) or text_of(said.get("env")) or ""
        if kind in ("redis", "keyvalue"):
            keeps = text_of(said.get("maxmemoryPolicy")) == "noeviction"
            application.backings.append(Backing(name, where, "cache", keeps=keeps))
            return
        is_static = kind == "static" or runtime == "static"
        for key in said:
            at = self._document.where((*path, key))
            if is_static and key == "routes" and self._is_application(said):
                continue
            if key in _REASONS:
                application.leave(at, f"{shown(name)}: {key}", _REASONS[key])
            elif key not in _SILENT:
                application.leave(at, f"{shown(name)}: {shown(key)}", "has no place here")
        if is_static:
            application.sites[name] = where
            if self._is_application(said):
                application.apps.add(name)
            note = "its files are put into the bucket by your pipeline (groundwork publish), after its own build"
            application.note(where, shown(name), note)
            self._unbuilt(said, name, path)
            return
        if kind not in ("web", "pserv", "worker", "cron"):
            application.leave(
                where, f"{shown(name)}: type {shown(kind)}", "is no type of service that has a place here"
            )
            return
        self._process(said, name, kind, runtime, path)

    @staticmethod
    def _is_application(said: dict[str, Any]) -> bool:
        """Tell whether a static site's only route answers every path with its one page."""
        routes = said.get("routes")
        facts = [mapping(route) for route in routes] if isinstance(routes, list) else []
        return [(fact.get("type"), fact.get("source"), fact.get("destination")) for fact in facts] == [
            ("rewrite", "/*", "/index.html")
        ]

    def _unbuilt(self, said: dict[str, Any], name: str, path: tuple[str | int, ...]) -> None:
        for index, variable in enumerate(listed(said.get("envVars"))):
            at = self._document.where((*path, "envVars", index))
            key = shown(text_of(mapping(variable).get("key")) or "")
            self._application.leave(at, f"{shown(name)}: {key}", "is for its build, which is your pipeline's")

    def _process(self, said: dict[str, Any], name: str, kind: str, runtime: str, path: tuple[str | int, ...]) -> None:
        application, document = self._application, self._document
        process = Process(name, document.where(path), hosts={name})
        image = mapping(said.get("image"))
        process.image = text_of(image.get("url"))
        if not process.image:
            parts = (
                said.get("rootDir"),
                said.get("dockerfilePath"),
                said.get("dockerContext"),
                said.get("repo"),
                said.get("buildCommand"),
            )
            process.built = " ".join(["build", runtime, *(text_of(part) or "" for part in parts)])
            if runtime in ("docker", "") and not said.get("repo"):
                root = text_of(said.get("rootDir")) or "."
                context, dockerfile = (
                    str(Path(root, text)) if (text := text_of(said.get(key))) else None
                    for key in ("dockerContext", "dockerfilePath")
                )
                at = document.where(path)
                process.build = build_of(application, name, at, context=context or root, dockerfile=dockerfile)
            if runtime not in ("docker", "image", ""):
                reason = f"is built as {shown(runtime)} there; write a Dockerfile that does what its buildCommand does"
                application.note(document.where((*path, "buildCommand")), shown(name), reason)
        command = text_of(said.get("startCommand")) or text_of(said.get("dockerCommand"))
        process.command = shell_words(command) if command else ()
        process.variables = self._variables(said.get("envVars"), (*path, "envVars"))
        if kind in ("web", "pserv"):
            port = process.variables.get("PORT")
            process.port = (whole(port.value) if port else None) or _PORT
            process.public = kind == "web"
            process.health = text_of(said.get("healthCheckPath"))
        elif kind == "cron":
            process.runs, process.schedule = "schedule", text_of(said.get("schedule")) or ""
        process.stop_timeout = whole(said.get("maxShutdownDelaySeconds"))
        process.cpu, process.memory = _PLANS.get((text_of(said.get("plan")) or "").lower(), (None, None))
        scaling = mapping(said.get("scaling"))
        least = whole(scaling.get("minInstances")) or whole(said.get("numInstances"))
        most = whole(scaling.get("maxInstances")) or least
        if least and most:
            process.copies = (least, most)
        domains = said.get("domains") or ([said["domain"]] if said.get("domain") else [])
        if isinstance(domains, list) and domains and process.public:
            application.domain = application.domain or (text_of(domains[0]) or "").removeprefix("www.")
        application.processes.append(process)
        before = text_of(said.get("preDeployCommand"))
        if before:
            at = document.where((*path, "preDeployCommand"))
            job = Process(
                f"{name}-release",
                at,
                "before_deploy",
                image=process.image,
                built=process.built,
                command=shell_words(before),
            )
            job.variables = dict(process.variables)
            application.processes.append(job)

    def _variables(self, said: Any, path: tuple[str | int, ...]) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for index, entry in enumerate(said if isinstance(said, list) else []):
            facts, where = mapping(entry), self._document.where((*path, index))
            group = text_of(facts.get("fromGroup"))
            if group is not None:
                at, members = self._groups.get(group, (0, None))
                if members is None:
                    self._application.leave(
                        where, f"group {shown(group)}", "is not in the file; list its names under secrets.app.keys"
                    )
                found |= self._variables(members, ("envVarGroups", at, "envVars"))
                continue
            key = text_of(facts.get("key"))
            if not key:
                raise mistake(where, "a variable needs a key, or fromGroup")
            found[key] = self._variable(key, facts, where)
        return found

    def _variable(self, key: str, facts: dict[str, Any], where: str) -> Variable:
        for source in ("fromDatabase", "fromService"):
            link = mapping(facts.get(source))
            if link:
                part = _PARTS.get(text_of(link.get("property")) or "", "")
                if link.get("envVarKey"):
                    return Variable(key, None, where, secret=True)
                return Variable(key, None, where, link=Link(text_of(link.get("name")) or "", part))
        hidden = is_true(facts.get("generateValue")) or "sync" in facts
        return Variable(key, text_of(facts.get("value")), where, secret=hidden)
