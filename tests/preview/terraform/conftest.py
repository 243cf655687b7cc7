"""What these tests share: running a small program offline, and whether the real provider is on this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Resource, Snapshot, Source

REGION = "ap-south-1"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Snapshot]:
    """Runs one program file offline: ``run(file, unknowns=False)``."""

    def run_file(file: Path, *, unknowns: bool = False) -> Snapshot:
        folder = tmp_path_factory.mktemp("program")
        shutil.copy(file, folder / "__main__.py")
        config = {"aws:region": REGION}
        return run_program(folder, project="shapes", stack="dev", config=config, settings={}, unknowns=unknowns)

    return run_file


@pytest.fixture
def resource() -> Callable[..., Resource]:
    """Makes one resource: ``resource("aws:sqs/queue:Queue", "jobs", {"delaySeconds": 1})``."""

    def make(token: str, name: str, inputs: dict[str, Any], **more: Any) -> Resource:
        urn = f"urn:pulumi:dev::shapes::{token}::{name}"
        return Resource(
            **{
                "urn": urn,
                "type": token,
                "name": name,
                "custom": True,
                "parent": None,
                "inputs": inputs,
                "outputs": {},
                "source": Source("components/some.py", 7),
                **more,
            }
        )

    return make


@pytest.fixture
def snapshot() -> Callable[..., Snapshot]:
    """Makes a snapshot of the resources given."""

    def make(*resources: Resource) -> Snapshot:
        return Snapshot("shapes", "dev", REGION, unknowns=False, settings={}, resources=resources, outputs={})

    return make
