"""Files of variables: their names are read, never their values, since people keep them apart because of what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from groundwork.projects.sources.application import Application, Variable
from groundwork.projects.sources.reading import names_in, read_text, shown
from groundwork.settings.mistakes import Mistakes

_ENDINGS = (".example", ".sample", ".dist", ".template", "-example", "-sample")
_OF_TOOLS = ("COMPOSE_", "DOCKER_", "BUILDKIT_")
"""How names start that are for Compose and Docker themselves."""


def env_file(application: Application, folder: Path, path: str, where: str, name: str) -> dict[str, Variable]:
    """Return the variables that a file below ``folder`` names, or its example where it is not kept in the repository.

    ``where`` says that the process ``name`` has them; what cannot be read is noted there.
    """
    for candidate in _candidates(path):
        file = folder / candidate
        if not is_below(file, folder) or not file.is_file():
            continue
        try:
            text = read_text(file, candidate)
        except Mistakes as mistakes:
            application.leave(where, f"{shown(name)}: {shown(path)}", mistakes.mistakes[0].message)
            return {}
        label = shown(candidate.removeprefix("./"))
        return {
            own: Variable(own, None, f"{label}:{line}", secret=True)
            for own, line in names_in(text).items()
            if not own.startswith(_OF_TOOLS)
        }
    reason = "is not here, so that the names in it are not known; list them under secrets.app.keys, or put the file there and begin again"
    application.leave(where, f"{shown(name)}: env_file {shown(path)}", reason)
    return {}


def _candidates(path: str) -> Iterator[str]:
    """Yield a file of variables, and the names under which its example is kept in repositories."""
    if not path:
        return
    yield path
    for ending in _ENDINGS:
        yield f"{path}{ending}"
    parent, slash, name = path.rpartition("/")
    if name.startswith("."):
        yield f"{parent}{slash}.env.example"


def is_below(file: Path, folder: Path) -> bool:
    """Tell whether a file is in a folder or below, also where it is reached through links."""
    return file.resolve().is_relative_to(folder.resolve())
