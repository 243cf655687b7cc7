"""The account that a rehearsal deploys to: moto's server on this machine, in a process of its own that ends with it.

https://docs.getmoto.org/en/latest/docs/server_mode.html
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from groundwork.preview.computed_values import EXAMPLE_ACCOUNT

_LOOPBACK = "127.0.0.1"
_SECONDS_TO_START = 60
_NEEDED = ("moto", "flask", "flask_cors")


class NoAccountError(RuntimeError):
    """The stand-in is not installed or does not start; the message says what to do."""


@contextmanager
def stand_in_account(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Start an empty account that knows nobody and forgets everything at the end, and yield its address.

    What it says of itself goes to ``account.log`` in ``folder``. NoAccountError where it cannot be had.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise NoAccountError(
            f"moto's server, which stands in for AWS, is not installed here ({', '.join(missing)} missing). In a checkout of Groundwork "
            "`make test` installs what tests need; elsewhere `pip install 'moto[server]>=5.2'` into the environment of groundwork."
        )
    port = _free_port()
    kept = {name: value for name, value in environment.items() if not name.startswith(("AWS_", "MOTO_"))}
    own = {
        # The number that names which are made before their resources already bear.
        "MOTO_ACCOUNT_ID": EXAMPLE_ACCOUNT,
        "MOTO_ACM_VALIDATION_WAIT": "0",
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    log = folder / "account.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own arguments
            [sys.executable, "-m", "groundwork.operations.rehearsal.server", _LOOPBACK, str(port)],
            cwd=folder,
            env=kept | own,
            # It ends when this end of the pipe does, however that comes about.
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for whoever asked, and the account is there until they have put away theirs.
            start_new_session=True,
        )
        try:
            address = f"http://{_LOOPBACK}:{port}"
            _wait(address, process, log)
            yield address
        finally:
            # It has nothing to put away.
            process.kill()
            process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/moto-api/data.json", timeout=5):  # noqa: S310 - this machine
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    last = " ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])
    raise NoAccountError(f"moto's server did not start at {address}: {last}")
