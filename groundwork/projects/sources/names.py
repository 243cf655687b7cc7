"""Names as Groundwork takes them, for things that are called otherwise in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable

LAYERS = ("database", "cache", "search", "push")
"""What ``uses`` calls layers by, so that nothing else is called so."""

MOST = 24
"""Letters of a name; groundwork/settings/base.py."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def is_name(text: str) -> bool:
    """Tell whether a text is a name as it stands."""
    return bool(_NAME.fullmatch(text)) and len(text) <= MOST


def name_of(text: str, otherwise: str) -> str:
    """Return a name for any text: ``my-api`` for ``My_API``; ``otherwise`` where nothing of it is left."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return re.sub(r"^[0-9-]+", "", name)[:MOST].strip("-") or otherwise


def unique(name: str, taken: Iterable[str]) -> str:
    """Return a name that is not taken: itself, or with a number behind it."""
    known = set(taken)
    name = f"{name}-service" if name in LAYERS else name
    number, found = 2, name
    while found in known:
        ending = f"-{number}"
        found, number = f"{name[: MOST - len(ending)]}{ending}", number + 1
    return found


def queue_name(text: str) -> str:
    """Return a name for a queue, which may end in ``.fifo``; ``jobs`` where nothing of the text is left."""
    lower = text.lower()
    name = re.sub(r"[^a-z0-9]+", "-", lower.removesuffix(".fifo")).strip("-")[:30].strip("-")
    name = name if _NAME.fullmatch(name) else f"queue-{name}".strip("-")
    name = "jobs" if name == "queue" else name
    return f"{name}.fifo" if lower.endswith(".fifo") else name
