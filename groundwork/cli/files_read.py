"""Which files an answer was made from, and whether they are still what they were."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Mapping
from importlib.util import source_from_cache
from pathlib import Path

Stamp = frozenset[str] | tuple[int, int, int] | None
"""What tells one state from another: the names in a folder; time, size and number of a file; None where there is neither."""

_SWEPT_ASIDE = ("~", ".swp", ".swx", ".tmp", ".pyc")
"""How names end that editors and Python write beside a file."""
_INTERVAL = 0.1
"""Seconds between two looks."""


def stamp(path: str) -> Stamp:
    """Return the state of a file, or of a folder's list of names."""
    try:
        if Path(path).is_dir():
            names = (name for name in os.listdir(path) if name[:1] not in "._" or name == "__main__.py")  # noqa: PTH208 - an audit hook must be quick
            return frozenset(name for name in names if not name.endswith(_SWEPT_ASIDE))
        found = os.stat(path)  # noqa: PTH116 - an audit hook must be quick
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class FilesRead:
    """Notes which files and folders below some roots this process reads, each with its state at that moment.

    For a process that ends soon: Python takes no audit hook back. https://docs.python.org/3/library/audit_events.html
    """

    def __init__(self, roots: Iterable[Path]) -> None:
        self.stamps: dict[str, Stamp] = {}
        self._roots = tuple(f"{root.resolve()}{os.sep}" for root in roots)
        self._installed = tuple(f"{Path(one).resolve()}{os.sep}" for one in {sys.prefix, sys.base_prefix})
        sys.addaudithook(self._heard)

    def note(self, path: str) -> None:
        """Note a file or folder, whether or not it lies below a root."""
        if path not in self.stamps:
            # A folder is read for its stamp, which is heard too.
            self.stamps[path] = None
            self.stamps[path] = stamp(path)

    def _heard(self, event: str, arguments: tuple[object, ...]) -> None:
        if event not in ("open", "os.listdir", "os.scandir"):
            return
        path = arguments[0]
        writes = event == "open" and isinstance(arguments[1], str) and not set(arguments[1]).isdisjoint("wxa+")
        if not isinstance(path, str | os.PathLike) or writes:
            return
        text = os.path.abspath(path)  # noqa: PTH100 - an audit hook must be quick
        if not isinstance(text, str):
            return
        within = f"{text}{os.sep}"
        if (
            within.startswith(self._roots)
            and not within.startswith(self._installed)
            and f"{os.sep}.git{os.sep}" not in within
        ):
            self.note(source_from_cache(text) if text.endswith(".pyc") else text)


def changed(stamps: Mapping[str, Stamp]) -> dict[str, Stamp]:
    """Return those files and folders that are not what they were, with their state now."""
    return {path: now for path, before in stamps.items() if (now := stamp(path)) != before}


def wait_for_change(stamps: Mapping[str, Stamp]) -> dict[str, Stamp]:
    """Wait until files are not what they were, and then until nothing more happens to them; return them as :func:`changed` does."""
    while True:
        found = changed(stamps)
        while found:
            time.sleep(_INTERVAL / 2)
            before, found = found, changed(stamps)
            # A file that is as it was was saved in two steps.
            if found and found == before:
                return found
        time.sleep(_INTERVAL)


def names_of(found: Mapping[str, Stamp], before: Mapping[str, Stamp]) -> list[str]:
    """Return what changed as a user names it: of a folder what came into it or went."""
    names: list[str] = []
    for path, now in found.items():
        was = before[path]
        if isinstance(now, frozenset) and isinstance(was, frozenset):
            names += (os.path.relpath(Path(path) / name) for name in sorted(now ^ was))
        else:
            names.append(os.path.relpath(path))
    return list(dict.fromkeys(names))
