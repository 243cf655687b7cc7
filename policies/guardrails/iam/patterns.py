"""IAM's wildcards: ``*`` for any text, ``?`` for one character, and nothing else."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=8192)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = ({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in pattern)
    return re.compile("".join(parts), re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern covers a text, letter by letter."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == text
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=8192)
def overlap(one: str, other: str) -> bool:
    """Whether some text is covered by both patterns."""
    reached = {0}
    for character in one:
        reached = _skip_stars(reached, other)
        if character == "*":
            reached = set(range(min(reached, default=len(other) + 1), len(other) + 1))
        else:
            reached = {_after(other, at) for at in reached if at < len(other) and _meet(character, other[at])}
    return len(other) in _skip_stars(reached, other)


def _skip_stars(reached: set[int], other: str) -> set[int]:
    """Places in the other pattern from which its stars may also stand for nothing."""
    wider = set(reached)
    for at in reached:
        rest = other[at:]
        wider.update(range(at, at + len(rest) - len(rest.lstrip("*")) + 1))
    return wider


def _after(other: str, at: int) -> int:
    return at if other[at] == "*" else at + 1


def _meet(one: str, other: str) -> bool:
    return one in (other, "?") or other in ("*", "?")
