"""Tell which format a file has, and read it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from groundwork.projects.sources import compose, copilot, fly, procfile, render
from groundwork.projects.sources.application import Application
from groundwork.projects.sources.reading import mistake, read_text, read_toml, read_yaml, shown
from groundwork.settings.facts import regions
from groundwork.settings.mistakes import one_of
from groundwork.settings.stack_file import Document


class Format(StrEnum):
    """What a product may have run on before."""

    COMPOSE = "compose"
    PROCFILE = "procfile"
    FLY = "fly"
    RENDER = "render"
    COPILOT = "copilot"


_READERS: dict[Format, Callable[[Document, Path], Application]] = {
    Format.COMPOSE: compose.read,
    Format.RENDER: lambda document, folder: render.read(document),
    Format.COPILOT: copilot.read,
}
"""Formats in YAML."""

_BY_CONTENT: dict[Format, Callable[[Document], bool]] = {
    Format.COMPOSE: compose.is_compose,
    Format.RENDER: render.is_render,
    Format.COPILOT: copilot.is_copilot,
}


def read_application(file: Path, wanted: Format | None = None, *, port: int = 8080) -> Application:
    """Read what a product runs on: a file, or a folder of Copilot's manifests. ``wanted`` says the format where a file does not.

    ``port`` is where the process web of a Procfile listens, which it does not say. Raises Mistakes, each with file and line.
    """
    label = shown(file.name or str(file))
    if file.is_dir() and not file.is_symlink() and (wanted is Format.COPILOT or copilot.manifests(file)):
        return _in(file.resolve().parent, copilot.read_folder(file, shown(file.resolve().name)))
    text = read_text(file, label)
    folder = file.resolve().parent
    chosen = wanted or _by_name(file.name, text)
    if chosen is Format.PROCFILE:
        return _in(folder, procfile.read(text, label, file.parent, port))
    if chosen is Format.FLY:
        return _in(folder, fly.read(read_toml(text, label)))
    document = read_yaml(text, label)
    chosen = chosen or next((each for each, holds in _BY_CONTENT.items() if holds(document)), None)
    if chosen is None:
        raise mistake(
            label, f"is in no format that is known by its name or what is in it; say --format: {one_of(Format)}"
        )
    # A manifest stands in copilot/NAME/, and what it builds is said from where copilot/ is.
    root = folder.parent.parent if chosen is Format.COPILOT else folder
    return _in(root, _READERS[chosen](document, file.parent))


def _in(folder: Path, application: Application) -> Application:
    application.folder = folder
    application.region = application.region or _region(application)
    return application


def _region(application: Application) -> str:
    """Return the region that variables of processes tell AWS's SDKs; empty where they tell none, or several."""
    said = {
        variable.value
        for process in application.processes
        for name, variable in process.variables.items()
        if name in ("AWS_REGION", "AWS_DEFAULT_REGION") and variable.value in regions()
    }
    return str(said.pop()) if len(said) == 1 else ""


def _by_name(name: str, text: str) -> Format | None:
    """Return the format that a name says, or one that is not YAML; None where the content has to say it."""
    lower = name.lower()
    if lower.startswith("procfile"):
        return Format.PROCFILE
    if lower.endswith(".toml"):
        return Format.FLY
    if lower in ("render.yaml", "render.yml"):
        return Format.RENDER
    return Format.PROCFILE if not lower.endswith((".yaml", ".yml")) and procfile.is_procfile(text) else None
