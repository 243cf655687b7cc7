"""Engine and monitor over gRPC, for a program in a process of its own: what Pulumi's engine is to its language host."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import (
    callback_pb2,
    callback_pb2_grpc,
    engine_pb2,
    engine_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

from groundwork.preview.monitor import RecordingMonitor

_CALLS = (
    "Call",
    "GetDeploymentInfo",
    "Invoke",
    "ReadResource",
    "RegisterErrorHook",
    "RegisterPackage",
    "RegisterResource",
    "RegisterResourceHook",
    "RegisterResourceOutputs",
    "RegisterStackInvokeTransform",
    "RegisterStackTransform",
    "SignalAndWaitForShutdown",
    "SupportsFeature",
)


class _Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Hands each call over to the monitor, and what it refuses back as an error of the call."""

    def __init__(self, monitor: RecordingMonitor, engine: Engine) -> None:
        for name in _CALLS:
            setattr(self, name, self._handing_over(getattr(monitor, name), engine))

    @staticmethod
    def _handing_over(method: Any, engine: Engine) -> Any:
        def call(request: Any, context: Any) -> Any:
            try:
                return method(request)
            except Exception as error:
                said = " ".join(str(error).split())
                engine.refusals.append(said)
                context.abort(grpc.StatusCode.UNKNOWN, said)

        return call


@dataclass
class Engine(engine_pb2_grpc.EngineServicer):
    """What a program tells its engine."""

    logged: list[tuple[int, str]] = field(default_factory=list)
    """Severity (engine.proto: debug 0, info 1, warning 2, error 3) and message."""
    refusals: list[str] = field(default_factory=list)
    """What the monitor refused."""
    root: str = ""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's names
        self.logged.append((request.severity, request.message))
        return empty_pb2.Empty()

    def GetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        return engine_pb2.GetRootResourceResponse(urn=self.root)

    def SetRootResource(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        self.root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        """Accept any version: no CLI is here whose version could be too old."""
        return engine_pb2.RequirePulumiVersionResponse()


class _RemoteCallbacks:
    """The program's transforms, which run in its own process."""

    def __init__(self) -> None:
        self._channels: dict[str, grpc.Channel] = {}

    def run(self, callback: Any, request: Any) -> Any:
        if callback.target not in self._channels:
            self._channels[callback.target] = grpc.insecure_channel(callback.target, options=_GRPC_CHANNEL_OPTIONS)
        stub = callback_pb2_grpc.CallbacksStub(self._channels[callback.target])
        asked = callback_pb2.CallbackInvokeRequest(token=callback.token, request=request.SerializeToString())
        return resource_pb2.TransformResponse.FromString(stub.Invoke(asked).response)

    def place(self, callback: Any) -> None:
        """Return None: only the program's process knows where its functions are."""

    def close(self) -> None:
        for channel in self._channels.values():
            channel.close()


@contextmanager
def served(monitor: RecordingMonitor, engine: Engine) -> Iterator[str]:
    """Yield the address, on this machine only, at which both answer as long as the block lasts."""
    server = grpc.server(ThreadPoolExecutor(64), options=_GRPC_CHANNEL_OPTIONS)
    port = server.add_insecure_port("127.0.0.1:0")
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(_Monitor(monitor, engine), server)
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    callbacks = _RemoteCallbacks()
    monitor.callbacks = callbacks
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        callbacks.close()
        server.stop(None).wait()
