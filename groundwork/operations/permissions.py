"""What each command asks of an account, by IAM action.

Data: ``permissions.yaml``; tests hold it against the calls that are made.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).with_name("permissions.yaml")


@cache
def _table() -> dict[str, dict[str, str | list[str]]]:
    table: dict[str, dict[str, str | list[str]]] = read_data(_TABLE)
    return table


def all_commands() -> Collection[str]:
    """Return the commands that the table knows."""
    return _table().keys()


def actions(command: str, having: Collection[str] | None = None) -> set[str]:
    """Return the actions that a command needs; ``having``: only those that it needs with these engines and layers."""
    return {
        action
        for action, when in _table()[command].items()
        if having is None or when == "always" or any(one in having for one in when)
    }
