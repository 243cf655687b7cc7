"""A real kube-apiserver, where one is built."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kubernetes import judge, server


@pytest.fixture(scope="module")
def api_server() -> Iterator[judge.Cluster]:
    """An empty cluster for the tests of one file."""
    try:
        server.needs()
    except server.UnavailableError as missing:
        pytest.skip(str(missing))
    if not server.kept().is_file():
        pytest.skip("kube-apiserver is not built: make verify-kubernetes")
    with server.running(server.minor(server.version())) as api:
        yield judge.Cluster(api)
