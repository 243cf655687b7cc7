"""IAM's wildcards: ``*`` for any text, ``?`` for one character, and nothing else.

No function here goes back over what it has compared: each takes time in proportion to the product of the two lengths at
most, however many wildcards somebody writes.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WILDCARDS = re.compile(r"[*?]")
_OTHERS_STAR = "\ue02a"
"""Stands for a star of the other pattern in :func:`contains`; a private character, which no name in AWS has."""


@lru_cache(maxsize=8192)
def _compiled(pattern: str) -> re.Pattern[str]:
    first, *rest = (_literal(chunk) for chunk in re.sub(r"\*+", "*", pattern).split("*"))
    if not rest:
        return re.compile(first, re.DOTALL)
    *middle, last = rest
    # Atomic groups: a chunk stays where it was first found, which is as good as any later place.
    return re.compile(first + "".join(f"(?>.*?{chunk})" for chunk in middle) + f".*{last}", re.DOTALL)


def _literal(chunk: str) -> str:
    return "".join(f"[^{_OTHERS_STAR}]" if character == "?" else re.escape(character) for character in chunk)


def has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern


def matches(pattern: str, text: str) -> bool:
    """Tell whether a pattern covers a text, letter by letter."""
    if not has_wildcard(pattern):
        return pattern == text
    return _compiled(pattern).fullmatch(text) is not None


def contains(pattern: str, other: str) -> bool:
    """Tell whether a pattern covers every text that another one covers; no for some pairs where only ``?`` would show
    it."""
    return matches(pattern, other.replace("*", _OTHERS_STAR))


@lru_cache(maxsize=8192)
def overlap(one: str, other: str) -> bool:
    """Tell whether some text is covered by both patterns."""
    if not has_wildcard(one):
        return matches(other, one)
    if not has_wildcard(other):
        return matches(one, other)
    start = min(_fixed_start(one), _fixed_start(other))
    if one[:start] != other[:start]:
        return False
    one, other = one[start:], other[start:]
    end = min(_fixed_start(one[::-1]), _fixed_start(other[::-1]))
    if one[len(one) - end :] != other[len(other) - end :]:
        return False
    # What is fixed in both is compared; the rest is what takes time.
    one, other = one[: len(one) - end], other[: len(other) - end]
    # reached[j]: the part of one that is read so far and other[:j] can be the same text.
    reached = [True]
    for character in other:
        reached.append(reached[-1] and character == "*")
    for character in one:
        above, reached = reached, [reached[0] and character == "*"]
        for at, opposite in enumerate(other):
            if character == "*" or opposite == "*":
                reached.append(above[at + 1] or reached[at])
            else:
                reached.append(above[at] and (character == opposite or "?" in (character, opposite)))
    return reached[-1]


def _fixed_start(pattern: str) -> int:
    found = _WILDCARDS.search(pattern)
    return found.start() if found else len(pattern)
