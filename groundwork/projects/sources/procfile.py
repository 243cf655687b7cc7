"""Read a Procfile, and Heroku's app.json beside it.

https://devcenter.heroku.com/articles/procfile, https://devcenter.heroku.com/articles/app-json-schema
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from groundwork.projects.sources.application import Application, Backing, Kind, Process, Variable
from groundwork.projects.sources.reading import mapping, mistake, read_text, shown, text_of, whole

_LINE = re.compile(r"^([A-Za-z0-9_-]+):\s*(\S.*?)\s*$")
_SHELL = re.compile(r"[$&|;<>`*?~]|^\w+=")
_ADDONS: dict[str, tuple[Kind, str]] = {
    "heroku-postgresql": ("database", "DATABASE_URL"),
    "heroku-redis": ("cache", "REDIS_URL"),
    "heroku-key-value-store": ("cache", "REDIS_URL"),
    "rediscloud": ("cache", "REDISCLOUD_URL"),
    "openredis": ("cache", "OPENREDIS_URL"),
    "bonsai": ("search", "BONSAI_URL"),
    "searchbox": ("search", "SEARCHBOX_URL"),
    "bucketeer": ("bucket", "BUCKETEER_BUCKET_NAME"),
    "cloudcube": ("bucket", "CLOUDCUBE_BUCKET"),
}
"""Add-on → the layer in its place, and the variable that the add-on sets."""
_SCHEDULERS = ("clock", "beat", "celerybeat", "scheduler", "cron")


def is_procfile(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return bool(lines) and all(_LINE.match(line) for line in lines)


def read(text: str, label: str, folder: Path, port: int) -> Application:
    """Read a Procfile that stands in ``folder``; ``port`` is where its process web listens. Raises Mistakes where it is broken."""
    application = Application(label)
    variables = _app_json(application, folder)
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{label}:{number}"
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise mistake(where, 'is no line of a Procfile, which are "name: command"')
        name, command = match.groups()
        if any(process.name == name for process in application.processes):
            raise mistake(where, f'the process "{shown(name)}" is said twice; keep one')
        process = Process(
            name, where, built="the application", command=shell_words(command), variables=dict(variables), hosts={name}
        )
        process.needs = [backing.name for backing in application.backings]
        if name == "web":
            process.port, process.public = port, True
        elif name == "release":
            process.runs = "before_deploy"
        elif name in _SCHEDULERS:
            process.singleton = True
        application.processes.append(process)
    if not application.processes:
        raise mistake(label, "has no process; a line of it is name: command")
    application.note(
        label, "the image", "buildpacks build none here: write a Dockerfile, or use `pack build` (buildpacks.io)"
    )
    application.note(
        label, "config vars", "their names are in no file: list those that `heroku config` shows under secrets.app.keys"
    )
    _sizes(application, folder)
    return application


def shell_words(command: str) -> tuple[str, ...]:
    """Return a line of a shell as a command: its words, or a shell for it where it needs one."""
    if not _SHELL.search(command):
        try:
            return tuple(shlex.split(command))
        except ValueError:
            pass
    return ("sh", "-c", command)


def _load(folder: Path) -> dict[str, Any]:
    file = folder / "app.json"
    if not file.is_file():
        return {}
    text = read_text(file, "app.json")
    try:
        return mapping(json.loads(text))
    except json.JSONDecodeError as error:
        raise mistake(f"app.json:{error.lineno}", f"not valid JSON: {error.msg}") from None
    except RecursionError:
        raise mistake("app.json", "not valid JSON: nested too deeply") from None


def _app_json(application: Application, folder: Path) -> dict[str, Variable]:
    """Return the variables of app.json, and note its add-ons as what backs the application."""
    said = _load(folder)
    application.name = text_of(said.get("name")) or ""
    variables: dict[str, Variable] = {}
    for name, facts in mapping(said.get("env")).items():
        value = text_of(mapping(facts).get("value")) if isinstance(facts, dict) else text_of(facts)
        generated = mapping(facts).get("generator") == "secret"
        variables[name] = Variable(name, None if generated else value, "app.json", secret=generated)
    addons = said.get("addons")
    for addon in addons if isinstance(addons, list) else []:
        plan = text_of(addon) or text_of(mapping(addon).get("plan")) or ""
        service = plan.partition(":")[0]
        if service not in _ADDONS:
            reason = "there is no layer for it; go on with it where it is, or name what takes its place by variables"
            application.leave("app.json", f"add-on {shown(plan)}", reason)
            continue
        kind, variable = _ADDONS[service]
        if application.backing(kind) is None:
            application.backings.append(Backing(service, "app.json", kind))
        prefix = text_of(mapping(addon).get("as"))
        name = f"{prefix}_URL" if prefix and variable.endswith("_URL") else variable
        variables[name] = Variable(name, None, "app.json", link=None)
    if said.get("buildpacks"):
        application.leave("app.json", "buildpacks", "an image is built by your Dockerfile, or by `pack build`")
    if mapping(said.get("scripts")).get("postdeploy"):
        application.leave("app.json", "scripts.postdeploy", "runs once for a new app; run it by hand, or make it a job")
    return variables


def _sizes(application: Application, folder: Path) -> None:
    formation = mapping(_load(folder).get("formation"))
    for process in application.processes:
        quantity = whole(mapping(formation.get(process.name)).get("quantity"))
        if quantity is not None:
            process.copies = (quantity, quantity)
