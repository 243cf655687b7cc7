"""Begin a Pulumi project of somebody's own: files from a template, stack files from a few answers."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from string import Template
from typing import Any

from groundwork.components.compute.settings import Engine
from groundwork.pack import FOLDER
from groundwork.projects import pipelines
from groundwork.projects.carried import Carried, readme
from groundwork.projects.stack_text import stack_lines
from groundwork.settings import schema
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistake, Mistakes, dotted
from groundwork.settings.mistakes import Path as Keys

_TEMPLATE = Path(__file__).with_name("template")
_DOTTED = {"gitignore": ".gitignore"}
"""Named so in a project; under that name here git would follow it."""

SCHEMA = "groundwork.schema.json"
PACK = "policies"
REQUIREMENTS = "requirements.txt"

PARTS: dict[str, tuple[str, str]] = {
    "database": ("database", "connect"),
    "cache": ("cache", "connect"),
    "bucket": ("files", "read-write"),
}
"""What a project may begin with → the name that ``uses`` calls it by, and the level."""


@dataclass(frozen=True)
class Answers:
    """What a project begins with."""

    name: str
    owner: str
    region: str = "us-east-1"
    engine: Engine = "fargate"
    port: int = 8080
    """Where the one service ``web`` listens."""
    build: str = ""
    """What ``web`` is built from, relative to the project; empty where nobody knows."""
    parts: tuple[str, ...] = ("database",)
    """Of :data:`PARTS`."""
    domain: str = ""
    """Of prod; unsaid, a name below example.com to be replaced: without one CloudFront's own name allows TLS 1.0."""
    email: str = ""
    """Whom prod's alarms tell; unsaid, an address at example.com to be replaced."""
    ci: pipelines.Ci = "github"
    """Where its pipelines run."""
    repository: str = ""
    """``OWNER/NAME`` of the repository whose pipelines may deliver; unsaid, none may."""


class NotEmptyError(Exception):
    """A folder holds files that a new project would overwrite: their names, sorted."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


def write_project(folder: Path, answers: Answers, requirement: str, carried: Carried | None = None) -> list[str]:
    """Write a project and return the names of its files, sorted; nothing is written unless all of it is in order.

    ``requirement`` is the line that installs Groundwork. ``carried`` is what it ran on before, in place of one service ``web``; the folder
    must be empty then. Raises :class:`Mistakes` for answers that no stack file may hold, in their
    own words, :class:`NotEmptyError` where a file would be overwritten, and OSError where the folder cannot be written.
    """
    if (
        carried is not None
        and folder.is_dir()
        and (there := sorted({file.name for file in folder.iterdir()} - {".git"}))
    ):
        raise NotEmptyError(there)
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary, "project")
        _fill(made, answers, requirement)
        if carried is not None:
            _carry(made, answers, carried)
        _check(made, answers)
        # Hosts look for pipelines at the root of a repository, of which the project may be a folder.
        root = pipelines.repository_of(folder)
        place = folder.resolve().relative_to(root).as_posix()
        texts = pipelines.texts(answers.ci, load_stack(find_stack("dev", made)).settings, place)
        names = sorted(
            [
                *(file.relative_to(made).as_posix() for file in made.rglob("*") if file.is_file()),
                *(os.path.relpath(root / name, folder.resolve()) for name in texts),
            ]
        )
        taken = [name for name in names if Path(os.path.normpath(folder / name)).exists()]
        if taken:
            raise NotEmptyError(taken)
        shutil.copytree(made, folder, dirs_exist_ok=True)
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return names


def copy_pack(project: Path) -> None:
    """Put the guardrails into a project, in place of those that it has."""
    target = project / PACK
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(FOLDER, target, ignore=shutil.ignore_patterns("__pycache__"))


def write_schema(project: Path) -> None:
    """Write what editors complete stack files with."""
    (project / SCHEMA).write_text(schema.dumps(), encoding="utf-8")


def _fill(project: Path, answers: Answers, requirement: str) -> None:
    for source in sorted(file for file in _TEMPLATE.rglob("*") if file.is_file() and "__pycache__" not in file.parts):
        name = source.relative_to(_TEMPLATE).as_posix()
        target = project / _DOTTED.get(name, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        template = Template(source.read_text(encoding="utf-8"))
        target.write_text(template.substitute(name=answers.name, requirement=requirement), encoding="utf-8")
    _write_stacks(project, answers, None)
    copy_pack(project)
    write_schema(project)


def _carry(project: Path, answers: Answers, carried: Carried) -> None:
    """Write stack files for what the product ran on before, and into the README what of it is not carried over.

    What a setting does not take, though it was carried over, is left out and said with the setting's own reason. Mistakes that nothing of
    it explains are left for :func:`_check` to raise.
    """
    for _ in range(_MOST_ROUNDS):
        _write_stacks(project, answers, carried)
        # What both stacks say of the same layers is one thing to change; the number of connections is each stack's own.
        found = {
            (mistake.path, mistake.where if mistake.path[:1] == ("data",) else ""): mistake
            for mistake in _mistakes(project)
        }
        changed = [_settle(mistake, carried) for mistake in found.values()]
        if not any(changed):
            break
    text = project / "README.md"
    text.write_text(text.read_text(encoding="utf-8") + readme(carried, answers.name), encoding="utf-8")


_MOST_ROUNDS = 60


def _settle(mistake: Mistake, carried: Carried) -> bool:
    """Change the layers so that a mistake goes; False where nothing in them makes it."""
    if mistake.path in (("data", "class"), ("data", "proxy")):
        return carried.translation.open_fewer_connections("prod" if "Pulumi.prod.yaml" in mistake.where else "dev")
    if mistake.path[:1] == ("compute",) and mistake.path[-1] == "max":
        return carried.translation.take_more_machines(tuple(map(str, mistake.path[1:])))
    if mistake.path == ("compute", "instances", "class"):
        return carried.translation.take_larger_machines()
    if mistake.path[:1] == ("services",) and mistake.path[-1] == "singleton":
        return carried.translation.take_one_machine()
    if mistake.path[:1] == ("services",) and mistake.path[2:] == ("port",):
        return _take_free_port(str(mistake.path[1]), carried)
    return _leave_out(mistake, carried)


def _take_free_port(name: str, carried: Carried) -> bool:
    """Give a service the next port that no other has, as services of one instance need; False where it has none at all."""
    services = carried.translation.layers.get("services", {})
    port = services.get(name, {}).get("port")
    if not isinstance(port, int):
        return False
    taken = {service.get("port") for service in services.values()}
    services[name]["port"] = free = next(number for number in count(port + 1) if number not in taken)
    where = carried.translation.origins.get(("services", name), carried.application.label)
    reason = f"listens on {port}, as another service does: on one instance have it listen on {free} (it is told PORT)"
    carried.application.note(where, name, reason)
    return True


def _leave_out(mistake: Mistake, carried: Carried) -> bool:
    """Take out of the layers what a mistake is about; False where they do not say it."""
    application, translation = carried.application, carried.translation
    path = tuple(map(str, mistake.path))
    # A use is whole or not at all; of what is deeper the setting that it belongs to goes.
    depth = 5 if path[2:4] == ("build", "args") else 4 if path[2:3] in (("uses",), ("environment",)) else 3
    path = path[:depth]
    holder: Any = translation.layers
    for part in path[:-1]:
        holder = holder.get(part) if isinstance(holder, Mapping) else None
    if len(path) < 3 or not isinstance(holder, dict) or path[-1] not in holder:
        return False
    del holder[path[-1]]
    where = translation.origins.get(path[:2], application.label)
    application.leave(
        where, f"{path[1]}: {'.'.join(path[2:])}", f"does not go with Groundwork's settings: {mistake.message}"
    )
    return True


def _write_stacks(project: Path, answers: Answers, carried: Carried | None) -> None:
    for stack, text in _stack_files(answers, carried):
        (project / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")


def _stack_files(answers: Answers, carried: Carried | None) -> Iterator[tuple[str, str]]:
    comments: Mapping[Keys, str] = carried.translation.comments if carried else {}
    yield "dev", _stack_file(answers, _layers(answers, "dev", "mvp", carried), "As its developers run it.", comments)
    layers = _layers(answers, "prod", "launch", carried)
    emails = {"emails": [answers.email or f"{answers.name}-alarms@example.com"]}
    wanted = [("e-mail address", answers.email)]
    if "edge" not in layers:
        wanted.insert(0, ("domain", answers.domain))
        layers["platform"]["domain"] = answers.domain or f"{answers.name}.example.com"
        layers["edge"] = {"zone": {"delegated": True}}
        comments = {**comments, ("edge",): _EDGE}
    if answers.repository:
        comments = {**comments, ("delivery",): pipelines.OWN_PROVIDER}
    layers["observability"] = {"alerts": {"page": emails, "notice": dict(emails)}}
    said = [word for word, given in wanted if not given]
    yours = f" Put your own {' and '.join(said)} in." if said else ""
    yield "prod", _stack_file(answers, layers, f"As its users know it.{yours}", comments)


_EDGE = 'Leave it out until the registrar names the zone\'s name servers (README, "A domain").'


def _stack_file(answers: Answers, layers: dict[str, Any], about: str, comments: Mapping[Keys, str]) -> str:
    lines = [f"# yaml-language-server: $schema={SCHEMA}", f"# {about}", "config:", f"  aws:region: {answers.region}"]
    return "\n".join([*lines, *stack_lines(layers, comments)]) + "\n"


def _layers(answers: Answers, stage: str, phase: str, carried: Carried | None) -> dict[str, Any]:
    platform = {"name": answers.name, "stage": stage, "phase": phase, "owner": answers.owner}
    layers: dict[str, Any] = {"platform": platform}
    if answers.engine != "fargate":
        layers["compute"] = {"engine": answers.engine}
    if answers.repository:
        layers["delivery"] = pipelines.delivery(answers.ci, answers.repository, stage)
    if carried is not None:
        return layers | _carried_layers(layers, stage, carried)
    uses = dict(PARTS[part] for part in answers.parts)
    more = {key: value for key, value in (("build", answers.build), ("uses", uses)) if value}
    layers["services"] = {"web": {"port": answers.port, "path": "/*", **more}}
    # Every phase brings a database; a stack that goes without says so.
    if "database" not in answers.parts:
        layers["data"] = None
    if "cache" in answers.parts:
        layers["cache"] = {}
    if "bucket" in answers.parts:
        layers["storage"] = {PARTS["bucket"][0]: {"purpose": "media"}}
    return layers


def _carried_layers(layers: dict[str, Any], stage: str, carried: Carried) -> dict[str, Any]:
    made = copy.deepcopy(carried.translation.layers)
    if "compute" in made:
        made["compute"] = {**layers.get("compute", {}), **made["compute"]}
    connections = carried.translation.connections.get(stage)
    if connections is not None:
        made["services"] = {"*": {"connections": connections}, **made.get("services", {})}
    if stage == "prod":
        for name, scaling in carried.translation.copies.items():
            made["services"][name]["scaling"] = scaling
        if "search" in made:
            # OpenSearch's role is the account's, and there is one of it: the stack that is deployed first makes it.
            made["search"] = {**made["search"], "linked_role": False}
    return made


_ASKED = {
    ("aws:region",): "--region",
    ("platform", "name"): "--name",
    ("platform", "owner"): "--owner",
    ("platform", "domain"): "--domain",
    ("observability", "alerts", "page", "emails", "0"): "--email",
    ("compute", "engine"): "--engine",
    ("services", "web", "port"): "--port",
    ("delivery", "github", "repository"): "--repository",
    ("delivery", "gitlab", "project"): "--repository",
}


def _mistakes(project: Path) -> list[Mistake]:
    """Return what is wrong with the stack files of a project."""
    found: list[Mistake] = []
    for stack in ("dev", "prod"):
        try:
            load_stack(find_stack(stack, project))
        except Mistakes as mistakes:
            found += mistakes.mistakes
    return found


def _check(project: Path, answers: Answers) -> None:
    """Raise :class:`Mistakes` that name the answer to change, for stack files that hold what they may not."""
    found: dict[str, Mistake] = {}
    for mistake in _mistakes(project):
        said = _ASKED.get(tuple(map(str, mistake.path)), dotted(mistake.path))
        found.setdefault(f"{said} {mistake.message}", Mistake((), f"{said}: {mistake.message}"))
    if found:
        raise Mistakes(list(found.values()))
