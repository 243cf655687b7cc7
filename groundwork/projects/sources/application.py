"""An application as some other tool describes it: processes, what backs them, and what has no place here."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["database", "cache", "search", "bucket", "queue"]
"""What may back a process, by the layer that it becomes."""

Runs = Literal["always", "before_deploy", "schedule", "manual"]
"""When a process runs."""


@dataclass(frozen=True)
class Left:
    """Something that is not carried over. None of its text may hold a value of a variable."""

    where: str
    """File and line."""
    what: str
    reason: str


@dataclass(frozen=True)
class Link:
    """What a variable is, where the format itself says so, as Render does."""

    to: str
    """Name of a backing thing or a process."""
    part: str
    """``url``, ``host``, ``port``, ``user``, ``password``, ``name``, ``address``."""


@dataclass(frozen=True)
class Variable:
    """An environment variable of a process."""

    name: str
    value: str | None
    """None where the value is not in the file: it comes from a shell, an ``.env`` file or a dashboard."""
    where: str
    raw: str = ""
    """The value as far as it is in the file, where a part of it comes from outside."""
    secret: bool = False
    """The format says that it is one, or it comes from a file of values, which people keep apart because of what is in it."""
    link: Link | None = None


@dataclass(frozen=True)
class Build:
    """A build. Paths are relative to the folder that the file stands for, or absolute."""

    context: str = "."
    dockerfile: str | None = None
    """None for ``Dockerfile`` in ``context``."""
    target: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)

    def shown(self, folder: Path, project: Path) -> str | dict[str, Any]:
        """Return it as a stack file in ``project`` says it, of a file in ``folder``: a bare text where that says all."""
        context = _relative(folder / self.context, project)
        said: dict[str, Any] = {"context": context}
        if self.dockerfile and Path(self.context, "Dockerfile") != Path(self.dockerfile):
            said["dockerfile"] = _relative(folder / self.dockerfile, project)
        if self.target:
            said["target"] = self.target
        if self.args:
            said["args"] = dict(self.args)
        return said if len(said) > 1 else context


def _relative(path: Path, project: Path) -> str:
    return Path(os.path.relpath(path.resolve(), project.resolve())).as_posix()


@dataclass(frozen=True)
class Beside:
    """A container beside each copy of a process."""

    name: str
    image: str
    command: tuple[str, ...] = ()
    health_command: tuple[str, ...] = ()
    essential: bool = True

    def shown(self) -> dict[str, Any]:
        """Return it as a stack file says it: what it does not say is as it is by default."""
        said: dict[str, Any] = {"image": self.image}
        said |= {
            key: list(words)
            for key, words in (("command", self.command), ("health_command", self.health_command))
            if words
        }
        return said if self.essential else said | {"essential": False}


@dataclass(frozen=True)
class Folder:
    """A folder of a process whose files outlast it, by the volume that they are in."""

    volume: str
    path: str
    read_only: bool
    where: str
    shown: str
    """How it is called where it is not carried over."""
    lasts: bool = False
    """The format says that it is a file system of its own, also where one process has it."""


@dataclass
class Process:
    """Something that runs in a container."""

    name: str
    where: str
    runs: Runs = "always"
    schedule: str = ""
    """Of ``schedule``: five fields of cron, or an expression of AWS's."""
    image: str | None = None
    """None where it is built."""
    built: str = ""
    """What tells one build from another: context, file and target. Processes of one build share an image."""
    builds: bool = True
    """It says how its image is built, and does not only name one that another builds."""
    build: Build | None = None
    """How it is built, as far as the format says so."""
    command: tuple[str, ...] = ()
    port: int | None = None
    public: bool = False
    published: int | None = None
    """The port under which a browser finds it on a developer's machine."""
    path: str | None = None
    """The public path, where the format says one."""
    health: str | None = None
    health_command: tuple[str, ...] = ()
    start_period: int | None = None
    variables: dict[str, Variable] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    """Names of processes and backing things that it starts after, or says that it uses."""
    takes: dict[str, tuple[str, dict[str, str] | None]] = field(default_factory=dict)
    """Name of a queue or a topic → level, and its own names for the variables of that, where the format says so."""
    hosts: set[str] = field(default_factory=set)
    """Names under which other processes reach it."""
    copies: tuple[int, int] | None = None
    """Least and most."""
    targets: dict[str, int] = field(default_factory=dict)
    """What copies are added by: ``cpu`` and ``memory`` in percent, ``requests`` of a copy in a minute."""
    sidecars: tuple[Beside, ...] = ()
    tracing: bool = False
    disk: int | None = None
    """GiB of a copy's own disk."""
    cpu: float | None = None
    """vCPUs."""
    memory: int | None = None
    """MiB."""
    user: str | None = None
    writable: tuple[str, ...] = ()
    folders: tuple[Folder, ...] = ()
    stop_timeout: int | None = None
    """Seconds."""
    singleton: bool = False
    sticky: bool = False
    x86: bool = False
    """It says that it needs x86_64."""


@dataclass
class Backing:
    """Something that processes keep their data in, and that a layer stands for."""

    name: str
    where: str
    kind: Kind
    image: str = ""
    hosts: set[str] = field(default_factory=set)
    own: dict[str, str] = field(default_factory=dict)
    """``user``, ``password``, ``name``: what it is told of itself, by which variables of processes are recognised. Never shown."""
    keeps: bool = False
    """Nothing in it may be thrown out, as jobs that wait."""
    queues: tuple[str, ...] = ()
    topics: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Topic → the queues that hear it."""


@dataclass
class Application:
    """Everything that a file says."""

    label: str
    """How messages name the file."""
    name: str = ""
    folder: Path = Path()
    """What paths of builds are relative to."""
    region: str = ""
    domain: str = ""
    processes: list[Process] = field(default_factory=list)
    backings: list[Backing] = field(default_factory=list)
    sites: dict[str, str] = field(default_factory=dict)
    """Static sites: name → where it is said."""
    apps: set[str] = field(default_factory=set)
    """Those of them that answer every path with one page, as an application in JavaScript does."""
    gone: dict[str, str] = field(default_factory=dict)
    """Host names of what is left out → what it was."""
    left: list[Left] = field(default_factory=list)
    notes: list[Left] = field(default_factory=list)
    """What is carried over and wants a look."""
    became: list[tuple[str, str]] = field(default_factory=list)
    """What of the file stands for nothing of its own, and what does its work: ``proxy`` → the load balancer."""

    def add(self, part: str) -> None:
        """Let everything that runs have what the file does not name: ``database``, ``cache`` or ``bucket``."""
        kind: Kind = "database" if part == "database" else "cache" if part == "cache" else "bucket"
        if self.backing(kind) is None:
            self.backings.append(Backing(part, "--with", kind))
        for process in self.processes:
            process.needs.append(part)

    def leave(self, where: str, what: str, reason: str) -> None:
        """Note something that is not carried over, once."""
        _add_once(self.left, Left(where, what, reason))

    def note(self, where: str, what: str, reason: str) -> None:
        """Note something that is carried over and wants a look, once."""
        _add_once(self.notes, Left(where, what, reason))

    def backing(self, kind: Kind) -> Backing | None:
        """Return the first backing thing of a kind."""
        return next((one for one in self.backings if one.kind == kind), None)


def _add_once(notes: list[Left], note: Left) -> None:
    if note not in notes:
        notes.append(note)


def is_one_of(command: Iterable[str], words: Iterable[str]) -> bool:
    """Tell whether a command names one of some programs, in any of its words and also inside a shell's script."""
    text = f" {' '.join(command)} ".lower()
    return any(f" {word} " in text or f"/{word} " in text for word in words)
