"""Pulumi's side of a program in a process of its own, as far as a preview needs it: engine and monitor over gRPC.

``python -m tests.host ADDRESS STACK`` is what the language host starts: it runs the program as the SDK wants it run, and reports
its error as the language host does: https://github.com/pulumi/pulumi/blob/master/sdk/python/cmd/pulumi-language-python-exec
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, resource_pb2, resource_pb2_grpc

from preview.computed_values import ComputedValues
from preview.monitor import RecordingMonitor

ROOT = Path(__file__).parent.parent
_FEATURES = ("aliasSpecs", "outputValues", "resourceReferences", "secrets")
_WARNING, _ERROR = 2, 3


class _Recording(RecordingMonitor):
    """Told the stack's name: this process runs no program that would know it."""

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        ancestry = parent.split("::")[2] if parent else ""
        qualified = f"{ancestry}${type_}" if ancestry and not ancestry.endswith("Stack") else type_
        return f"urn:pulumi:dev::groundwork::{qualified}::{name}"


class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    def __init__(self, recording: RecordingMonitor) -> None:
        for call in ("Invoke", "RegisterResource", "RegisterResourceOutputs"):
            setattr(self, call, self._handing_over(getattr(recording, call)))

    @staticmethod
    def _handing_over(method: Any) -> Any:
        def call(request: Any, context: Any) -> Any:
            try:
                return method(request)
            except Exception as error:
                context.abort(grpc.StatusCode.UNKNOWN, str(error))

        return call

    def GetDeploymentInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's names
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "an engine that is asked for each feature")

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802
        return resource_pb2.SupportsFeatureResponse(hasSupport=request.id in _FEATURES)

    def SignalAndWaitForShutdown(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


@dataclass
class _Engine(engine_pb2_grpc.EngineServicer):
    logged: list[tuple[int, str]] = field(default_factory=list)
    root: str = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.logged.append((request.severity, request.message))
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        return engine_pb2.GetRootResourceResponse(urn=self.root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.root = request.urn
        return engine_pb2.SetRootResourceResponse()


@dataclass(frozen=True)
class Ended:
    """How a program ended under Pulumi."""

    code: int
    warnings: list[str]
    errors: list[str]
    printed: str
    types: set[str]
    """Of the resources that it declared."""


def run(config: Mapping[str, Any], *, region: str = "ap-south-1", parameters: Mapping[str, str] | None = None) -> Ended:
    """Run the repository's program in a first preview. ``config``: layer → what a stack file says of it."""
    recording = _Recording(ComputedValues(region, parameters=parameters), unknowns=True, root=ROOT)
    engine = _Engine()
    passed = {"aws:region": region, **{f"groundwork:{layer}": json.dumps(said) for layer, said in config.items()}}
    with _served(recording, engine) as address:
        done = subprocess.run(
            [sys.executable, "-m", "tests.host", address, "dev"],
            env={**os.environ, "PULUMI_CONFIG": json.dumps(passed), "PULUMI_CONFIG_SECRET_KEYS": "[]"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    return Ended(
        done.returncode,
        [message for severity, message in engine.logged if severity == _WARNING],
        [message for severity, message in engine.logged if severity == _ERROR],
        done.stdout + done.stderr,
        {record.type for record in recording.records()},
    )


@contextmanager
def _served(recording: RecordingMonitor, engine: _Engine) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(16))
    port = server.add_insecure_port("127.0.0.1:0")
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Monitor(recording), server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _program(address: str, stack: str) -> int:
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
            root_directory=str(ROOT),
        )
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(64))
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        main = str(ROOT / "__main__.py")
        loop.run_until_complete(pulumi.runtime.run_in_stack(lambda: runpy.run_path(main, run_name="__main__") and None))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception:
        pulumi.log.error(traceback.format_exc())
        return 32
    finally:
        loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(_program(*sys.argv[1:]))
