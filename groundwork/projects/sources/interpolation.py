"""Variables inside values, as Compose and shells write them: ``${NAME:-default}``.

https://docs.docker.com/reference/compose-file/interpolation/
"""

from __future__ import annotations

import re

_START = re.compile(r"\$(?:\$|\{|([A-Za-z_][A-Za-z0-9_]*))")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:?[-?+])?")


def interpolated(text: str) -> str | None:
    """Return a value with the defaults that stand in it; None where a variable has none, so that the value is not in the file.

    What is set outside the file is not asked for: it is somebody's own, and often a secret.
    """
    return _filled(text, 0)


def partly(text: str) -> str:
    """Return a value with its defaults, and :data:`UNKNOWN` for each variable that has none."""
    return _filled(text, 0, UNKNOWN) or ""


UNKNOWN = "\0"


def _filled(text: str, depth: int, unknown: str | None = None) -> str | None:
    if depth > _DEEPEST:
        return None
    parts: list[str] = []
    at = 0
    while match := _START.search(text, at):
        parts.append(text[at : match.start()])
        at = match.end()
        if match[0] == "$$":
            parts.append("$")
        elif match[0] == "${":
            end = _closing(text, at)
            said = _INSIDE.match(text, at, end) if end >= 0 else None
            if said is None:
                return None
            at = end + 1
            default = _filled(text[said.end() : end], depth + 1, unknown) if said[2] in (":-", "-") else unknown
            if said[2] in (":+", "+"):
                # What stands in its place only where the variable is set, and here it is not.
                default = ""
            if default is None:
                return None
            parts.append(default)
        elif unknown is None:
            return None
        else:
            parts.append(unknown)
    return "".join(parts) + text[at:]


_DEEPEST = 20


def _closing(text: str, start: int) -> int:
    """Return where the brace closes that was opened before ``start``; -1 where none does."""
    depth = 1
    for at in range(start, len(text)):
        if text[at] == "{" and text[at - 1] == "$":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
    return -1
