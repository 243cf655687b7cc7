"""What a shell and a terminal get: completion, short help, a pager."""

from __future__ import annotations

import datetime
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from groundwork.cli.main import app, run
from groundwork.cli.policies_text import rules_text
from groundwork.preview import text
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import judge
from guardrails.catalogue import rules
from tests.stacks import ROOT, STACK_NAMES
from tests.writing import write_project

NOTHING = Snapshot("test", "prod", "eu-central-1", unknowns=False, settings={}, resources=(), outputs={})
TODAY = datetime.date(2026, 12, 1)
COMMAND = [sys.executable, "-m", "groundwork.cli.main"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "policies"))), "TERM": "xterm"}


def completed(line: str, tmp_path: Path) -> list[str]:
    """What a shell offers at the end of a line."""
    answer = tmp_path / "answer"
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_STDOUT_FILENAME": str(answer)}
    place = {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    subprocess.run(COMMAND, cwd=ROOT, env={**ENVIRONMENT, **asked, **place}, check=True)
    return [word.strip() for word in answer.read_text(encoding="utf-8").splitlines()]


def test_a_shell_completes_commands_stacks_options_and_their_words(tmp_path: Path) -> None:
    assert set(app.members) <= set(completed("groundwork ", tmp_path))
    assert completed("groundwork preview examples/", tmp_path) == [one for one in STACK_NAMES if "/" in one]
    assert completed("groundwork preview dev --form", tmp_path) == ["--format"]
    assert completed("groundwork export prod --phase m", tmp_path) == ["mvp", "millions"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_shell_is_told_asks_this_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert "_ARGCOMPLETE" in said
    assert "groundwork" in said


def test_bash_takes_what_it_is_told_and_offers_a_command(tmp_path: Path) -> None:
    (tmp_path / "groundwork").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m groundwork.cli.main "$@"\n')
    (tmp_path / "groundwork").chmod(0o755)
    script = (
        'eval "$(groundwork completion bash)"; COMP_WORDS=(groundwork verif); COMP_CWORD=1; COMP_LINE="groundwork verif"; '
        "COMP_POINT=16; COMP_TYPE=9; _python_argcomplete groundwork; echo ${COMPREPLY[@]}"
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    said = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env={**ENVIRONMENT, "PATH": path}, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["verify"]


def test_next_lines_work_as_they_stand(tmp_path: Path) -> None:
    """A shell runs them with tools that only say how and where they were called."""
    for tool in ("pulumi", "make", "groundwork"):
        (tmp_path / tool).write_text(f'#!/bin/sh\necho "$PWD|{tool}|$*"\n')
        (tmp_path / tool).chmod(0o755)
    odd = tmp_path / "a shop; touch owned"
    write_project(odd, stack="prod")

    def called(line: str) -> list[str]:
        command = line.rpartition("then ")[2].removeprefix("Next: ")
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        ran = subprocess.run(
            ["bash", "-euc", command], cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=True
        )
        return ran.stdout.splitlines()

    for name in (f"{odd.name}/prod", f"{odd.name}/Pulumi.prod.yaml"):
        for ahead in (None, "growth"):
            (line,) = text.next_step(judge(NOTHING, TODAY), name, None, ahead)
            assert called(line.plain) == [f"{odd}|pulumi|up --stack prod"]
        (line,) = text.next_step(judge(NOTHING, TODAY), name, None, first="make functions && ")
        assert called(line.plain) == [f"{tmp_path}|make|functions", f"{odd}|pulumi|up --stack prod"]
    (explain,) = called(rules_text(rules(), 80).splitlines()[-1])
    assert run(explain.rpartition("|")[2].split()) == 0


def test_help_has_a_short_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["preview", "-h"]) == 0
    assert "-h, --help" in capsys.readouterr().out


def on_terminal(arguments: list[str], pager: str) -> str:
    """What a command shows on a terminal."""
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, env={**ENVIRONMENT, "PAGER": pager}, stdin=secondary, stdout=secondary
    )
    os.close(secondary)
    shown = b""
    while True:
        try:
            part = os.read(primary, 65536)
        except OSError:  # how Linux says that nobody writes any more
            break
        if not part:
            break
        shown += part
    os.close(primary)
    assert process.wait() == 0
    return shown.decode()


def test_a_terminal_gets_long_text_by_the_users_pager_and_a_pager_that_ends_early_ends_it_well() -> None:
    shown = on_terminal(["settings", "dev"], "sed s/^/PAGED:/")
    assert shown.count("PAGED:") > 50
    assert on_terminal(["settings", "dev"], "head -n 1").count("\n") == 1
