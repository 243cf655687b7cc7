"""Values of any form, drawn from a seed: Hypothesis takes longer to draw one than most programs to read it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

_LETTERS = "aZ09 -_./:*?$[]{}\\\"'\n\0éß中😀²٣"
_NUMBERS = (0, 1, -1, 22, 443, 65_535, 65_536, 2**31, -(2**40), 0.5, -1e300, float("inf"))


def text(random: Random, most: int) -> str:
    return "".join(random.choices(_LETTERS, k=random.randint(0, most)))


def leaf(random: Random, words: Sequence[Any]) -> Any:
    """What is no list and no object: most often a word of those that mean something to the program."""
    kind = random.randrange(6)
    if kind < 3:
        return random.choice(words)
    if kind == 3:
        return text(random, 8)
    return random.choice((None, True, False) if kind == 4 else (*_NUMBERS, random.randint(-(2**40), 2**40)))


def tree(random: Random, words: Sequence[Any], key: Callable[[Random], Any], depth: int = 3) -> Any:
    """A leaf, or lists and objects of them up to so many levels."""
    kind = random.randrange(5) if depth else 0
    if kind < 2:
        return leaf(random, words)
    inner = [tree(random, words, key, depth - 1) for _ in range(random.randint(0, 3))]
    return inner if kind == 2 else {key(random): item for item in inner}
