"""Runs the commands of a page one after the other, as a reader would, in a folder and an account of their own."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name

from groundwork.cli.main import run as groundwork
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.loading import find_stack, load_stack
from tests.operations.shop import client
from tests.operations.standing import StandingStack
from tests.stacks import ROOT, snapshot_of

STAND_INS = {
    "pulumi": "its engine and the AWS provider are on no machine that only runs tests: an update puts what the program declares into the "
    "stand-in account, everything else is held against what the command line and the stack have",
    "aws": "the AWS CLI is not there either: its commands are the operations of botocore's models, which say what each takes, and "
    "moto answers",
    "docker": "no daemon: a program of that name writes down what groundwork deploy tells it, and the account gets an image",
    "python3": "a fresh environment costs the suite more than it tells: tests/test_wheel.py installs the wheel into one",
    "source": "as python3",
    "pip": "as python3",
    "make": "the suite runs within it: the target has to exist",
}
"""The programs that are not run themselves, and why."""

_PULUMI = {
    "login": (),
    "install": (),
    "stack init": (),
    "stack output": ("--stack",),
    "preview": ("--stack", "--policy-pack"),
    "up": ("--stack", "--policy-pack"),
    "destroy": ("--stack",),
}
"""The commands of the Pulumi CLI that pages may name, with the options of each: https://www.pulumi.com/docs/iac/cli/commands/"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    lines: tuple[str, ...]
    before: str
    """The text that stands above it."""


def blocks(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    end = 0
    for found in re.finditer(r"^( *)```(\w*)\n(.*?)^\1```", page, re.DOTALL | re.MULTILINE):
        text = re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
        yield Block(found[2], tuple(text.splitlines()), page[end : found.start()])
        end = found.end()


class Walkthrough:
    """A reader with a terminal: a folder, and a stack in a stand-in account."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, region: str, snapshots: Callable[[str, bool], Snapshot | None]
    ) -> None:
        """``snapshots`` returns what a stack declares, before its first image and after; None for one that is not put anywhere."""
        self.standing = StandingStack(region)
        self.said = ""
        """What the last command said."""
        self._monkeypatch = monkeypatch
        self._region = region
        self._snapshots = snapshots
        self._ups: dict[str, Snapshot] = {}
        self._programs: Mapping[str, Callable[[list[str]], None]] = {
            "groundwork": self._groundwork,
            "pulumi": self._pulumi,
            "aws": self._aws,
            "cd": lambda words: self._monkeypatch.chdir(words[0]),
            "git": lambda words: self._program(["git", *words]),
            "rm": lambda words: self._program(["rm", *words]),
            "make": self._make,
            "python3": self._module,
            "source": lambda words: None,
            "pip": self._wheel,
        }
        # Whoever follows a page sits at a terminal and says yes.
        monkeypatch.setattr("builtins.input", lambda question: "y")
        for name, value in _AUTHOR.items():
            monkeypatch.setenv(name, value)

    def run(self, line: str) -> None:
        """Run a line of a shell: commands joined by ``&&``."""
        words = shlex.split(line, comments=True)
        if "&&" in words:
            at = words.index("&&")
            self.run(shlex.join(words[:at]))
            self.run(shlex.join(words[at + 1 :]))
        elif words:
            program, *rest = words
            assert program in self._programs, f"{line}: nobody knows {program} here"
            self._programs[program](rest)

    # Programs

    def _groundwork(self, words: list[str]) -> None:
        said = io.StringIO()
        with self._monkeypatch.context() as patched, contextlib.redirect_stdout(said):
            patched.setattr(sys, "stdin", _Terminal())
            code = groundwork(words)
        self.said = said.getvalue()
        assert code == 0, f"groundwork {shlex.join(words)} ends with {code}: {self.said}"

    def _pulumi(self, words: list[str]) -> None:
        name = next((name for name in _PULUMI if words[: len(name.split())] == name.split()), None)
        assert name, f"pulumi {shlex.join(words)} is none that a page may name"
        rest = words[len(name.split()) :]
        given = rest if rest[:1] and rest[0].startswith("--") else rest[1:]
        options = dict(zip(given[::2], given[1::2], strict=True))
        if name == "stack output":
            self._output(rest[0], options.get("--stack"))
        elif name == "stack init":
            load_stack(find_stack(rest[0]))
        assert set(options) <= set(_PULUMI[name]), f"pulumi {shlex.join(words)}"
        pack = options.get("--policy-pack")
        assert pack is None or Path(pack, "PulumiPolicy.yaml").is_file(), f"{pack} is no policy pack"
        if name == "up":
            self._up(options.get("--stack") or "dev")
        elif name == "destroy":
            assert options["--stack"] in self._ups

    def _up(self, stack: str) -> None:
        load_stack(find_stack(stack))
        is_first = stack not in self._ups
        snapshot = self._snapshots(stack, not is_first)
        if snapshot is None:
            return
        self._ups[stack] = snapshot
        self.standing.up(snapshot, {} if is_first else self._images(snapshot))

    def _images(self, snapshot: Snapshot) -> dict[str, str]:
        """Return for each image that the snapshot assumes the one that the account names."""
        ssm = client("ssm", self._region)
        said = {
            name: ssm.get_parameter(Name=parameter)["Parameter"]["Value"]
            for name, parameter in snapshot.outputs["images"].items()
        }
        assert "none" not in said.values(), "an update before any image leaves the placeholder"
        return {f"{value.rpartition(':')[0]}:1": value for value in said.values()}

    def _output(self, name: str, stack: str | None) -> None:
        """Check that a stack has an output; one that is not put up, or not named, is like the prod at the repository's top."""
        known = self._ups.get(stack or "dev")
        assert (known and name in known.outputs) or name in snapshot_of("prod").outputs

    def _aws(self, words: list[str]) -> None:
        service, operation, *rest = words
        if (service, operation) == ("s3", "sync"):
            assert Path(rest[0]).is_dir()
            assert rest[1].startswith("s3://")
            return
        api = client(service, self._region)
        method = operation.replace("-", "_")
        called = api.meta.method_to_api_mapping[method]
        takes = {
            xform_name(name, "-"): (name, shape.type_name)
            for name, shape in api.meta.service_model.operation_model(called).input_shape.members.items()
        }
        given: dict[str, Any] = {}
        while rest:
            option = rest.pop(0)
            assert option.removeprefix("--") in takes, f"aws {service} {operation} has no {option}"
            name, kind = takes[option.removeprefix("--")]
            text = "" if kind == "boolean" else rest.pop(0)
            given[name] = True if kind == "boolean" else _content(text)
        getattr(api, method)(**given)

    def _program(self, words: list[str]) -> None:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"

    def _make(self, words: list[str]) -> None:
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert words[0] in targets

    def _module(self, words: list[str]) -> None:
        assert words == ["-m", "venv", ".venv"]

    def _wheel(self, words: list[str]) -> None:
        assert words[0] == "install"


def _content(text: str) -> str:
    return Path(text.removeprefix("file://")).read_text(encoding="utf-8") if text.startswith("file://") else text


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


_AUTHOR = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}
