"""``groundwork preview --watch``: an answer to every save, and no end but the user's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli import files_read, watching
from groundwork.cli.main import run
from tests.writing import write_project

ROOT = Path(__file__).parent.parent.parent
PROGRAM = "import pulumi_aws as aws\nimport own\nfor name in own.NAMES:\n    aws.sns.Topic(name, kms_master_key_id='alias/a')\n"


class Watched:
    """The command in a process of its own, and what it says up to each time that it waits."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "groundwork.cli.main", "preview", "dev", "--watch", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "policies")))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._guard = threading.Timer(120, self._process.kill)
        self._guard.start()

    def answer(self) -> str:
        """Return what is said until it waits for files; what is there where it ends."""
        assert self._process.stdout
        lines: list[str] = []
        while line := self._process.stdout.readline():
            lines.append(line)
            if line.startswith("Watching "):
                break
        return "".join(lines)

    def end(self) -> tuple[int, str]:
        """Press Ctrl-C; return how it ended and the last it said."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.stdout
        return self._process.wait(), self._process.stdout.read()

    def close(self) -> None:
        self._guard.cancel()
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_project(tmp_path, program=PROGRAM)
    (tmp_path / "own.py").write_text("NAMES = ['first']\n")
    return tmp_path


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    one = Watched(folder)
    yield one
    one.close()


def test_every_save_is_answered_with_what_is_different_until_ctrl_c(folder: Path, watched: Watched) -> None:
    stack_file = folder / "Pulumi.dev.yaml"
    good = stack_file.read_text()

    first = watched.answer()
    assert first.startswith("Previewing update (dev):")
    assert "aws:sns:Topic" in first
    assert "\x1b" not in first, "colours are for terminals"

    (folder / "own.py").write_text("NAMES = ['first', 'second']\n")
    grown = watched.answer()
    assert "own.py changed" in grown
    assert "Changes from the last answer:" in grown
    assert "+  second (aws:sns:Topic)" in grown
    assert "first (aws" not in grown

    stack_file.write_text(good + "  half: [\n")
    broken = watched.answer()
    assert "Pulumi.dev.yaml:" in broken
    assert "not valid YAML" in broken

    stack_file.unlink()
    gone = watched.answer()
    assert "Pulumi.dev.yaml changed" in gone
    assert "dev" in gone.splitlines()[2]

    stack_file.write_text(good)
    assert "Nothing that would be built is different." in watched.answer()

    (folder / "new.json").write_text("{}")
    assert watched.answer().startswith("\nnew.json changed\nNothing that would be built is different.")

    (folder / "__main__.py").write_text("raise SystemExit(7)\n")
    assert "ended itself with 7" in watched.answer()

    code, said = watched.end()
    assert code == 0
    assert "Traceback" not in said


def test_with_a_base_each_answer_says_what_it_comes_to_altogether(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert run(["preview", "dev", "--format", "json", "--out", "base.json"]) == 0
    watched = Watched(folder, "--base", "base.json")
    try:
        assert "Changes from base.json:" in watched.answer()
        (folder / "own.py").write_text("NAMES = []\n")
        told = watched.answer()
    finally:
        watched.close()
    assert "Altogether, from base.json:" in told
    assert "-  1 to delete" in told


def test_what_is_watched_is_what_was_read_and_nothing_that_stands_beside_it(tmp_path: Path) -> None:
    for name in ("read.yaml", "beside.md"):
        (tmp_path / name).write_text("a")
    code = (
        "import sys\nfrom pathlib import Path\nfrom groundwork.cli.files_read import FilesRead\n"
        f"here = Path({str(tmp_path)!r})\nread = FilesRead([here])\n"
        "(here / 'read.yaml').read_text(); (here / 'made.txt').write_text('x'); Path(sys.executable).open('rb').close()\n"
        "try: (here / 'absent.yaml').read_text()\nexcept OSError: pass\n"
        "list(here.iterdir()); print(*sorted(Path(one).name for one in read.stamps))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.split() == sorted(["absent.yaml", "read.yaml", tmp_path.name])


def test_a_file_that_comes_goes_or_changes_is_another_state_and_one_saved_as_it_was_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    absent = files_read.stamp(str(file))
    file.write_text("a")
    there, folder = files_read.stamp(str(file)), files_read.stamp(str(tmp_path))
    (tmp_path / ".a.yaml.swp").write_text("an editor's")
    (tmp_path / "__pycache__").mkdir()
    assert absent is None
    assert files_read.stamp(str(tmp_path)) == folder
    assert files_read.changed({str(file): there, str(tmp_path): folder}) == {}
    file.write_text("ab")
    assert set(files_read.changed({str(file): there})) == {str(file)}
    file.unlink()
    before = {str(file): there, str(tmp_path): folder}
    found = files_read.changed(before)
    assert found == {str(file): None, str(tmp_path): frozenset()}
    assert [Path(name).name for name in files_read.names_of(found, before)] == ["a.yaml"]


def test_a_change_of_groundworks_own_code_starts_the_command_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = str(Path(watching.__file__))
    started: list[Any] = []

    def start(*command: Any) -> None:
        started.append(command)
        raise KeyboardInterrupt

    monkeypatch.chdir(folder)
    monkeypatch.setattr(watching, "_in_child", lambda told: watching._Outcome(None, None, {own: None}))
    monkeypatch.setattr(watching.os, "execv", start)

    assert run(["preview", "dev", "--watch"]) == 0
    assert started == [(sys.executable, sys.orig_argv)]
    assert "watching.py changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dev", "--watch", "--format", "json"], "--watch shows text"),
        (["nowhere", "--watch"], "nowhere"),
    ],
)
def test_what_cannot_be_watched_is_a_mistake(
    arguments: list[str], said: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(["preview", *arguments]) == 2
    assert said in capsys.readouterr().err
