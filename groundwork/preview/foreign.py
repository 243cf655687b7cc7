"""A Pulumi program of somebody else: from its folder to its snapshot, in its own environment, without account or Pulumi CLI.

What ``Pulumi.yaml`` and the stack's configuration file say is read as the CLI reads it:
https://www.pulumi.com/docs/iac/concepts/projects/project-file/ and https://www.pulumi.com/docs/iac/concepts/config/
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from groundwork.preview.computed_values import ComputedValues
from groundwork.preview.monitor import RecordingMonitor
from groundwork.preview.reading import settings_of
from groundwork.preview.served import Engine, served
from groundwork.preview.snapshot import Snapshot, in_tree_order

HIDDEN_VALUE = "11111111"
"""What stands for a secret of the configuration, which only its owner can decrypt: a text, a number and JSON at once."""
_PROJECT_FILES = ("Pulumi.yaml", "Pulumi.yml")
_USUAL_ENVIRONMENTS = (".venv", "venv")
_PLAIN_ERRORS = ("RunError", "ConfigMissingError", "ConfigTypeError")
_STANDARD_ERROR = 2
_ELSEWHERE = "where pulumi can preview it, judge that: pulumi preview --json > preview.json; groundwork policies check preview.json"


class ProjectError(Exception):
    """A program that cannot be run, or that ended with an error: what, where, and what to do."""

    def __init__(self, message: str, *, expected: bool = True, trace: str = "") -> None:
        super().__init__(message)
        self.expected = expected
        """Whether it is a mistake in what was given; else something in the program went wrong."""
        self.trace = trace
        """The program's own traceback, where there is one."""


@dataclass(frozen=True)
class Project:
    """What a project file says; ``folder`` is as the user named it."""

    folder: Path
    name: str
    program: Path
    options: Mapping[str, Any]
    """The runtime's options: virtualenv, toolchain."""
    config: Mapping[str, Any]
    stack_folder: Path

    @property
    def root(self) -> Path:
        """Return the folder that places in the program are told from: where the user is, if the program is below it,
        else the project's folder."""
        folder = self.folder.resolve()
        return Path.cwd() if folder.is_relative_to(Path.cwd()) else folder


@dataclass(frozen=True)
class StackConfiguration:
    """A stack's configuration as the engine passes it, and which keys of it are secret."""

    values: dict[str, str]
    secrets: tuple[str, ...]


def run_project(folder: Path, stack: str | None, given: Mapping[str, str], *, unknowns: bool = False) -> Snapshot:
    """Run the program in ``folder`` as its stack ``stack`` (unset: the only one) with ``given`` on top of its configuration.

    Raises :class:`ProjectError`. The program runs as ``pulumi preview`` runs it, with this process's environment variables: what it
    reads or calls by itself, beside Pulumi's resources and functions, it reads and calls here too.
    """
    project = read_project(folder)
    name = stack_name(project, stack)
    configuration = read_configuration(project, name, given)
    python = interpreter(project)
    monitor = RecordingMonitor(
        ComputedValues(_region(configuration)),
        project=project.name,
        stack=name,
        unknowns=unknowns,
        root=project.root,
    )
    _run(python, project, name, configuration, monitor)
    return Snapshot(
        project=project.name,
        stack=name,
        region=configuration.values.get("aws:region", ""),
        unknowns=unknowns,
        settings=settings_of(configuration.values),
        resources=in_tree_order(monitor.records()),
        outputs=monitor.stack_outputs,
        looked_up=frozenset(monitor.looked_up),
    )


def read_project(folder: Path) -> Project:
    """Read the project in a folder; :class:`ProjectError` where there is none, or none in Python."""
    file = next((folder / name for name in _PROJECT_FILES if (folder / name).is_file()), None)
    if file is None:
        raise ProjectError(f"{folder}: there is no Pulumi.yaml in it; name the folder of a Pulumi program, or a file")
    said = _yaml(file)
    name, runtime = said.get("name"), said.get("runtime")
    if not isinstance(name, str) or not name:
        raise ProjectError(f"{file}: name must be a text, found {name!r}")
    language = runtime.get("name") if isinstance(runtime, dict) else runtime
    if language != "python":
        raise ProjectError(f"{file}: its runtime is {language!r}, and only Python programs run here; {_ELSEWHERE}")
    options = runtime.get("options") if isinstance(runtime, dict) else None
    main, stacks = said.get("main"), said.get("stackConfigDir")
    program = (folder / main).resolve() if isinstance(main, str) else folder.resolve()
    if not (program / "__main__.py").is_file() and not program.is_file():
        raise ProjectError(f"{file}: the program {program / '__main__.py'} is not there; main says where it is")
    config = said.get("config")
    return Project(
        folder=folder,
        name=name,
        program=program,
        options=options if isinstance(options, dict) else {},
        config=config if isinstance(config, dict) else {},
        stack_folder=folder / stacks if isinstance(stacks, str) else folder,
    )


def _yaml(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ProjectError(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ProjectError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ProjectError(f"{file}: it must be a map")
    return document


def stack_name(project: Project, wanted: str | None) -> str:
    """Return the stack that is wanted, else the only one that has a file, else ``dev``."""
    names = sorted(
        file.stem.removeprefix("Pulumi.")
        for pattern in ("Pulumi.*.yaml", "Pulumi.*.yml")
        for file in project.stack_folder.glob(pattern)
    )
    if wanted is not None:
        # A file is named after the stack alone, without its organisation and project.
        name = wanted.rsplit("/", 1)[-1]
        if names and name not in names:
            raise ProjectError(f"{project.stack_folder}: there is no Pulumi.{name}.yaml; there are {', '.join(names)}")
        return name
    if len(names) > 1:
        raise ProjectError(f"{project.stack_folder}: it has several stacks; say which: --stack {'|'.join(names)}")
    return names[0] if names else "dev"


def read_configuration(project: Project, stack: str, given: Mapping[str, str]) -> StackConfiguration:
    """Read the project's defaults, what the stack's file says over them, and ``given`` over both. Keys without a
    namespace are the project's."""
    files = [project.stack_folder / f"Pulumi.{stack}.{ending}" for ending in ("yaml", "yml")]
    file = next((file for file in files if file.is_file()), None)
    config = _yaml(file).get("config") if file else None
    said = {} if config is None else config
    if not isinstance(said, dict):
        raise ProjectError(f"{file}: config must be a map, found {type(said).__name__}")
    values: dict[str, str] = {}
    secrets: dict[str, None] = {}
    defaults = {key: _default(value) for key, value in project.config.items()}
    for key, value in (*defaults.items(), *said.items(), *given.items()):
        if value is None and key in defaults:
            continue
        name = key if ":" in str(key) else f"{project.name}:{key}"
        plain, hidden = _plain(value)
        values[name] = plain if isinstance(plain, str) else json.dumps(plain)
        secrets.pop(name, None)
        if hidden:
            secrets[name] = None
    return StackConfiguration(values, tuple(secrets))


def _default(said: Any) -> Any:
    """Return what a project says of a key: a value, or an object with type, default or value."""
    if isinstance(said, dict) and said.keys() & {"type", "default", "value", "description", "secret"}:
        return said.get("value", said.get("default"))
    return said


def _plain(value: Any) -> tuple[Any, bool]:
    """Return a value with something in the place of each secret in it, and whether there was one."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return HIDDEN_VALUE, True
        parts = {key: _plain(item) for key, item in value.items()}
        return {key: plain for key, (plain, _) in parts.items()}, any(hidden for _, hidden in parts.values())
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return [plain for plain, _ in items], any(hidden for _, hidden in items)
    return value, False


def interpreter(project: Project) -> Path:
    """Return the Python of the program's environment, as its project file names it; else of ``.venv`` or ``venv``, of
    the PATH, or this one."""
    named = project.options.get("virtualenv")
    toolchain = project.options.get("toolchain", "pip")
    if isinstance(named, str) and named:
        return _python_in(project.folder / Path(named).expanduser()) or _missing(project, named)
    usual = next(filter(None, (_python_in(project.folder / name) for name in _USUAL_ENVIRONMENTS)), None)
    if usual:
        return usual
    if toolchain == "uv":
        return _missing(project, ".venv")
    if toolchain == "poetry":
        return next(_of_poetry(project), None) or _missing(project, "of poetry's")
    found = shutil.which("python3") or shutil.which("python")
    return Path(found) if found and _has_pulumi(found) else Path(sys.executable)


def _python_in(environment: Path) -> Path | None:
    candidates = (environment / "bin" / "python", environment / "Scripts" / "python.exe")
    return next((python for python in candidates if python.is_file()), None)


def _of_poetry(project: Project) -> Iterator[Path]:
    poetry = shutil.which("poetry")
    if poetry:
        command = [poetry, "env", "info", "--path"]
        asked = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)  # noqa: S603 - no word of it is given
        found = _python_in(Path(asked.stdout.strip())) if asked.returncode == 0 and asked.stdout.strip() else None
        if found:
            yield found


def _missing(project: Project, environment: str) -> Path:
    raise ProjectError(
        f"{project.folder}: its environment {environment} is not there; make it, and install the program's requirements: pulumi install"
    )


def _has_pulumi(python: str) -> bool:
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pulumi') is None)"
    return subprocess.run([python, "-c", look], capture_output=True, check=False).returncode == 0  # noqa: S603 - what PATH names


def _region(configuration: StackConfiguration) -> str:
    """Return the configured region, else the environment's, else one that is assumed."""
    named = (os.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION"))
    return next(filter(None, (configuration.values.get("aws:region"), *named)), "us-east-1")


def _run(
    python: Path, project: Project, stack: str, configuration: StackConfiguration, monitor: RecordingMonitor
) -> None:
    engine = Engine()
    with tempfile.TemporaryDirectory(prefix="groundwork-") as temporary, served(monitor, engine) as address:
        task, outcome = Path(temporary, "task.json"), Path(temporary, "outcome.json")
        folder = project.program if project.program.is_dir() else project.program.parent
        task.write_text(
            json.dumps(
                {
                    "address": address,
                    "project": project.name,
                    "stack": stack,
                    "config": configuration.values,
                    "secrets": list(configuration.secrets),
                    "project_folder": str(project.folder.resolve()),
                    "root": str(project.root),
                    "folder": str(folder),
                    "program": str(project.program),
                    "outcome": str(outcome),
                }
            ),
            encoding="utf-8",
        )
        # Not resolved: an environment's Python is a link, and knows its environment by where the link is.
        command = [str(python.absolute()), "-u", str(Path(__file__).with_name("guest.py")), str(task)]
        # What the program prints is not part of what the command prints.
        # Programs write the region into names; where nobody says it they would write None.
        environment = {"AWS_REGION": _region(configuration), **os.environ}
        ended = subprocess.run(  # noqa: S603 - the program is what the user asks to run
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=_STANDARD_ERROR, check=False
        )
        if not outcome.is_file():
            raise ProjectError(
                f"{project.folder}: the program ended with {ended.returncode} before it was done", expected=False
            )
        error = json.loads(outcome.read_text(encoding="utf-8"))
    if error:
        raise _project_error(error, python, project, stack, engine)


def _project_error(error: dict[str, str], python: Path, project: Project, stack: str, engine: Engine) -> ProjectError:
    """Return an error of the program as its user can act on it."""
    kind, message, trace = error["kind"], error["message"], error.get("traceback", "")
    refused = next((refusal for refusal in engine.refusals if refusal in message), None)
    place = error.get("place") or str(project.folder)
    if error.get("place") and project.root != Path.cwd():
        place = f"{project.folder}/{place}"
    if kind == "NoPulumi":
        return ProjectError(
            f"{project.folder}: {python} has no Pulumi SDK; install the program's requirements into it: pulumi install"
        )
    if kind == "ModuleNotFoundError":
        how = f"install the program's requirements into {python}: pulumi install"
        return ProjectError(f"{place}: there is no module {error['name']!r}; {how}", trace=trace)
    if kind == "ConfigMissingError":
        how = f"say it with --config {error['name']}=VALUE, or in Pulumi.{stack}.yaml"
        return ProjectError(f"{place}: the configuration has no {error['name']!r}; {how}", trace=trace)
    if refused:
        return ProjectError(f"{place}: {refused}", trace=trace)
    if kind in _PLAIN_ERRORS:
        return ProjectError(f"{place}: {message}", trace=trace)
    said = message if kind == "SystemExit" else f"{kind}: {message}"
    return ProjectError(f"{place}: {said}; {_ELSEWHERE}", expected=False, trace=trace)
