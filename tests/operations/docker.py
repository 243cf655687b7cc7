"""A program called docker in place of Docker, which is on no machine that only runs tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundwork.operations import build

_PROGRAM = """#!/bin/sh
# Writes down what it is told, and ends as a file says.
here=$(dirname "$0")
told=$(cat)
printf '%s\\0' "$@" "stdin=$told" >> "$here/calls"
printf '\\n' >> "$here/calls"
[ -f "$here/$1" ] && . "$here/$1"
exit 0
"""


class Docker:
    """A folder with the program, and what that was told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "docker").write_text(_PROGRAM, encoding="utf-8")
        (folder / "docker").chmod(0o755)
        # Beside it only what tests need: where Docker is installed, it is not asked.
        for name in ("git", "cat", "dirname", "rm", "sleep"):
            (folder / name).symlink_to(str(shutil.which(name)))
        monkeypatch.setenv("PATH", str(folder))

    def ends(self, command: str, code: int, said: str = "") -> None:
        """Have a command say something to its standard error, and end with a code."""
        (self.folder / command).write_text(f"echo '{said}' >&2\nexit {code}\n", encoding="utf-8")

    @property
    def calls(self) -> list[list[str]]:
        """Return the words of each call, and last what stood in its standard input."""
        file = self.folder / "calls"
        lines = file.read_text(encoding="utf-8").split("\n") if file.is_file() else []
        return [line.rstrip("\0").split("\0") for line in lines if line]

    def of(self, *words: str) -> list[list[str]]:
        """Return the calls that begin with some words."""
        return [call for call in self.calls if call[: len(words)] == list(words)]


def arrives(monkeypatch: pytest.MonkeyPatch, push: Callable[[str], object]) -> None:
    """Have ``push`` put into a repository what Docker pushes, which the program does not."""
    run = build._run

    def ran(command: Any, seconds: float, **how: Any) -> Any:
        ended = run(command, seconds, **how)
        if command[1] == "push" and ended.code == 0:
            push(command[2])
        return ended

    monkeypatch.setattr(build, "_run", ran)
