"""What holds for every test: nothing reaches the network, and hypothesis runs the same way everywhere."""

from __future__ import annotations

import gc
import importlib
import ipaddress
import os
import socket
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session
import hypothesis
import pytest
import yaml
from botocore.hooks import EventAliaser

from groundwork.preview.terraform.tools import ToolMissingError, find_provider, find_terraform
from groundwork.settings.data_file import SAFE_LOADER

hypothesis.settings.register_profile("groundwork", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("groundwork")


class NetworkError(AssertionError):
    """A test tried to reach something outside this machine."""


def refuse_network(monkeypatch: pytest.MonkeyPatch, *, loopback: bool) -> None:
    """Make every connection over IP fail; with ``loopback`` those to this machine still work."""
    connect = socket.socket.connect
    connect_ex = socket.socket.connect_ex

    def guarded(original: Any) -> Any:
        def call(self: socket.socket, address: Any) -> Any:
            if self.family in (socket.AF_INET, socket.AF_INET6) and not (loopback and _is_loopback(str(address[0]))):
                raise NetworkError(f"a connection to {address} was tried")
            return original(self, address)

        return call

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy engine's own service is on this machine; nothing else may be reached."""
    refuse_network(monkeypatch, loopback=True)


def _read_yaml_quickly() -> None:
    """Have tests read YAML by the loader in C, which is the same and ten times as quick; moto and cfn-lint too."""
    yaml.safe_load = partial(yaml.load, Loader=SAFE_LOADER)


_read_yaml_quickly()


def _share_what_boto3_makes() -> None:
    """Let all sessions of boto3 share what each would read of AWS's services and make of it: it is the same, and takes longer than
    most tests."""
    kept: dict[str | None, dict[Any, Any]] = {}

    def loader(search_path: str | None = None) -> botocore.loaders.Loader:
        made = botocore.loaders.create_loader(search_path)
        made._cache = kept.setdefault(search_path, {})
        return made

    botocore.session.create_loader = loader
    # Of a service's old name and its new one, which each session works out for some four hundred names of events.
    aliaser = EventAliaser(None)
    EventAliaser._alias_event_name = staticmethod(cache(aliaser._alias_event_name))


_share_what_boto3_makes()


def pytest_configure(config: pytest.Config) -> None:
    """Say what is warned of, and how often garbage is looked for.

    pulumi-aws imports its own deprecated twins (BucketV2, …) with their successors and warns of each. Most of what tests make lives
    as long as its snapshot; looking for garbage in it at Python's usual 700 objects, or at 50,000, took an eighth of the suite.
    """
    gc.set_threshold(2_000_000, 5, 50)
    config.addinivalue_line(
        "filterwarnings", "ignore:.*V2 has been deprecated in favor of:DeprecationWarning:pulumi_aws"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """As many processes as there are cores, since each reads every file; where judges are asked, one more, since some test always waits."""
    return (os.cpu_count() or 1) + bool(config.option.markexpr == "judge")


@pytest.fixture(scope="session")
def terraform() -> None:
    """Skips where Terraform or the provider is missing, with the words a user would read."""
    try:
        find_terraform(os.environ)
        find_provider(os.environ)
    except ToolMissingError as error:
        pytest.skip(str(error))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Begin in each process with other files: pytest writes the tests anew in its own words where it has not seen them, which takes
    eight seconds, and with all in one order each process would do it for itself."""
    number, count = (
        int(os.environ.get(f"PYTEST_XDIST_{name}", "1").removeprefix("gw")) for name in ("WORKER", "WORKER_COUNT")
    )
    root = Path(__file__).parent
    if count == 1 or [Path(named).resolve() for named in session.config.args] != [root]:
        return
    files = sorted(root.rglob("test_*.py"))
    start = len(files) * number // count
    for file in (*files[start:], *files[:start]):
        # What cannot be imported is told when it is collected.
        with suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))


_JUDGES = {"terraform", "api_server", "installed"}
"""Fixtures of what judges from outside: the AWS provider, a kube-apiserver, an environment with the wheel in it."""
_WAITING = ("cli/test_watch.py", "cli/test_base.py")
"""Tests that wait for other programs most of their time."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks a judge, and begin with what waits, so that one process waits while the others keep the cores busy, and none does
    at the end."""
    for item in items:
        if isinstance(item, pytest.Function) and not _JUDGES.isdisjoint(item.fixturenames):
            item.add_marker("judge")
    waiting = {Path(__file__).parent / name for name in _WAITING}
    items.sort(key=lambda item: item.path not in waiting)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Look for what was never closed once, and not twice more as pytest does: what is left is looked through for seconds."""
    gc.collect()
    gc.freeze()


def pytest_collection_finish() -> None:
    """Modules stay to the end, and are a large part of what the collector would look through again and again."""
    gc.collect()
    gc.freeze()
