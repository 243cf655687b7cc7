"""Read how an image is built, which formats say in much the same words: what ``groundwork deploy`` builds it from."""

from __future__ import annotations

from collections.abc import Iterable

from groundwork.projects.sources.application import Application, Build, Variable
from groundwork.projects.sources.reading import shown
from groundwork.projects.sources.secrecy import is_secret


def build_of(
    application: Application,
    name: str,
    where: str,
    *,
    context: str | None,
    dockerfile: str | None = None,
    target: str | None = None,
    args: Iterable[Variable] = (),
) -> Build | None:
    """Return the build of a process, with the arguments that anybody may read. None, and noted, where it is of no folder here; for
    ``context`` and ``dockerfile`` None stands for what the file does not say whole."""
    if not (_is_here(context) and (dockerfile is None or _is_here(dockerfile))):
        reason = "builds from what is in no folder here; say build in the stack file, or deploy an image that is built elsewhere"
        application.leave(where, f"{shown(name)}: build", reason)
        return None
    carried: dict[str, str] = {}
    for variable in args:
        what = f"{shown(name)}: build.args.{shown(variable.name)}"
        if variable.secret or is_secret(variable.name, variable.value):
            reason = "may be a secret, which whoever has the image could read; let the program read a variable"
            application.leave(variable.where, what, reason)
        elif variable.value is None:
            application.leave(variable.where, what, "has no value in the file; say it in the stack file: build.args")
        else:
            carried[variable.name] = variable.value
    return Build(context or ".", dockerfile, target or None, carried)


def _is_here(path: str | None) -> bool:
    """Tell whether a path is that of a file or folder, and not of a repository somewhere."""
    return bool(path and path.isprintable() and ":" not in path and not path.startswith("github.com/"))
