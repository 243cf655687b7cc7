"""What tests of several folders ask for."""

from __future__ import annotations

import socket

import pytest

from groundwork.cli.main import run


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command: its exit code, what it prints, and what it says of errors."""
    code = run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def free_port() -> int:
    """A port of this machine at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
