"""The facts of ``services.txt``: read once, each service parsed when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from guardrails.iam.patterns import matches

FILE = Path(__file__).with_name("services.txt")
_LONGEST = 128
"""No action has a longer name; what is longer is like none of them."""
WRITE, PERMISSIONS, TAGGING, LIST, READ = "W", "P", "T", "L", "R"


class IamAction(NamedTuple):
    """One action of a service."""

    service: str
    name: str
    level: str
    types: tuple[str, ...]
    """ARN patterns of the resources it takes; none if it can only be allowed on ``*``."""
    own_keys: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """Return patterns, in lower case, of the condition keys that it knows besides those that every action knows."""
        return _keys(self.service, self.own_keys)

    def __str__(self) -> str:
        return f"{self.service}:{self.name}"


class IamService(NamedTuple):
    prefix: str
    actions: dict[str, IamAction]
    """By name in lower case."""
    keys: tuple[str, ...]
    """Patterns, in lower case, of all condition keys that any of its actions knows."""


@cache
def _blocks() -> dict[str, str]:
    # A megabyte, which text mode would go through for ends of lines.
    _, *blocks = FILE.read_bytes().decode().replace("\r\n", "\n").strip().split("\n\n")
    return {block[: block.index("\n")]: block for block in blocks}


def prefixes() -> tuple[str, ...]:
    return tuple(_blocks())


@cache
def service(prefix: str) -> IamService | None:
    """Return a service by its prefix in lower case."""
    block = _blocks().get(prefix)
    return None if block is None else _parse(prefix, block.split("\n")[1:])


def _parse(prefix: str, lines: list[str]) -> IamService:
    arns: dict[str, str] = {}
    keys: tuple[str, ...] = ()
    actions: dict[str, IamAction] = {}
    for line in lines:
        mark, *words = line.split(" ")
        if mark == "=":
            arns[words[0]] = words[1]
        elif mark == "?":
            keys = _keys(prefix, words)
        else:
            name, types, *own = words
            taken = () if types == "-" else tuple(arns[one.lstrip("!")] for one in types.split(","))
            actions[name.lower()] = IamAction(prefix, name, mark, taken, tuple(own))
    return IamService(prefix, actions, keys)


def _keys(prefix: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple((name if ":" in name.split("/")[0] else f"{prefix}:{name}").lower() for name in names)


@cache
def forms(prefix: str) -> frozenset[str]:
    """Return the ARN patterns of everything that a service has; none if there is no such service."""
    found = service(prefix)
    return frozenset(type_ for action in found.actions.values() for type_ in action.types) if found else frozenset()


def is_whole(pattern: str) -> bool:
    """Tell whether an entry of ``Action`` stands for all actions of a service, or of all services, however that is
    written."""
    _, colon, name = pattern.partition(":")
    name = name if colon else pattern
    return "*" in name and not name.strip("*?")


def is_anything(pattern: str) -> bool:
    """Tell whether it stands for all actions of all services."""
    return is_whole(pattern) and is_whole(pattern.partition(":")[0])


@lru_cache(maxsize=4096)
def matching(pattern: str) -> tuple[IamAction, ...]:
    """Return the actions that an ``Action`` element's entry stands for; empty if there is none."""
    prefix, colon, name = pattern.lower().partition(":")
    if not colon:
        return tuple(_all()) if prefix == "*" else ()
    found = (
        [service(one) for one in prefixes() if matches(prefix, one)] if set(prefix) & set("*?") else [service(prefix)]
    )
    if not set(name) & set("*?"):
        return tuple(one.actions[name] for one in found if one and name in one.actions)
    return tuple(
        action for one in found if one for key, action in one.actions.items() if name == "*" or matches(name, key)
    )


def _all() -> Iterator[IamAction]:
    for prefix in prefixes():
        one = service(prefix)
        if one:
            yield from one.actions.values()


def nearest(pattern: str) -> str | None:
    """Return the action or service that a misspelt one may have been meant to be."""
    prefix, _, name = pattern.lower().partition(":")
    known = service(prefix)
    if known is None:
        return next(iter(get_close_matches(prefix, prefixes(), 1, 0.7)), None)
    close = get_close_matches(name, list(known.actions), 1, 0.7) if len(name) <= _LONGEST else []
    return str(known.actions[close[0]]) if close else None
