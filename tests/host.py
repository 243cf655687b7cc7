"""Pulumi's side of a program in a process of its own, as far as a preview needs it: engine and monitor over gRPC.

The process runs the program as the SDK wants it run, and reports its error as the language host does:
https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python-exec
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import sys
import tempfile
import traceback
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi

from groundwork.preview.computed_values import ComputedValues
from groundwork.preview.monitor import RecordingMonitor
from groundwork.preview.served import Engine, served
from groundwork.preview.snapshot import Resource
from tests.forking import forking

ROOT = Path(__file__).parent.parent
_WARNING, _ERROR = 2, 3


@dataclass(frozen=True)
class Ended:
    """How a program ended under Pulumi."""

    code: int
    warnings: list[str]
    errors: list[str]
    printed: str
    records: list[Resource]
    """What it declared."""

    @property
    def types(self) -> set[str]:
        return {record.type for record in self.records}


class _Refusing(RecordingMonitor):
    """A monitor that refuses some requests, by the token of what is asked or the type of what is registered."""

    refused: Mapping[str, str] = {}

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        self._refuse(request.tok)
        return super().Invoke(request)

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the SDK's name
        self._refuse(request.type)
        return super().RegisterResource(request)

    def _refuse(self, token: str) -> None:
        if token in self.refused:
            raise RuntimeError(self.refused[token])


def run(
    config: Mapping[str, Any],
    *,
    region: str = "ap-south-1",
    parameters: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
    project_folder: Path = ROOT,
    program: Path = ROOT / "__main__.py",
) -> Ended:
    """Run a program, the repository's if unset, in a first preview. ``config``: layer → what a stack file says of it; ``refused``: token or
    type → what the engine answers instead."""
    computed = ComputedValues(region, parameters=parameters)
    recording = _Refusing(computed, project="groundwork", stack="dev", unknowns=True, root=ROOT)
    recording.refused = refused or {}
    engine = Engine()
    passed = {"aws:region": region, **{f"groundwork:{layer}": json.dumps(said) for layer, said in config.items()}}
    environment = {"PULUMI_CONFIG": json.dumps(passed), "PULUMI_CONFIG_SECRET_KEYS": "[]"}
    with served(recording, engine) as address, tempfile.NamedTemporaryFile() as printed:
        process = forking().Process(
            target=_process, args=(environment, printed.name, address, "dev", str(project_folder), str(program))
        )
        process.start()
        process.join()
        return Ended(
            process.exitcode or 0,
            [message for severity, message in engine.logged if severity == _WARNING],
            [message for severity, message in engine.logged if severity == _ERROR],
            Path(printed.name).read_text(encoding="utf-8"),
            recording.records(),
        )


def _process(environment: Mapping[str, str], printed: str, *arguments: str) -> None:
    os.environ.update(environment)
    os.chdir(ROOT)
    with Path(printed).open("wb") as file:
        for output in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), output.fileno())
    sys.exit(_program(*arguments))


def _program(address: str, stack: str, project_folder: str, program: str) -> int:
    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=address,
            engine=address,
            project="groundwork",
            stack=stack,
            parallel=16,
            dry_run=True,
            organization="organization",
            root_directory=project_folder,
        )
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(64))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        loop.run_until_complete(
            pulumi.runtime.run_in_stack(lambda: runpy.run_path(program, run_name="__main__") and None)
        )
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:
        pulumi.log.error(traceback.format_exc())
        return 32
    finally:
        loop.close()
    return 0
