"""The engine's side of a policy pack: starts the pack's process and speaks its protocol.

As the engine does it (pulumi: sdk/python/cmd/pulumi-language-python, sdk/go/common/resource/plugin/analyzer_plugin.go):
``python -u -m pulumi.policy ENGINE PACK`` in the pack's folder, configuration in the environment, the port on the first
line of standard output; then GetAnalyzerInfo, Configure, ConfigureStack, Analyze with each resource's inputs, and at the
end AnalyzeStack with everything's outputs.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

from groundwork.preview.snapshot import Resource, Snapshot
from guardrails.view import Opaque
from tests.forking import forking

PACK = Path(__file__).parents[2] / "policies"
SECRET_TEXT = "what-nobody-may-read"
_LEVELS = analyzer_pb2.EnforcementLevel
_PROVIDER = analyzer_pb2.AnalyzerProviderResource(type="pulumi:providers:aws", name="default")
"""What the engine says beside each resource but components."""


def _serve(environment: Mapping[str, str], pack: str, output: str, errors: str) -> None:
    """Be the process that the engine starts: of what is ours it finds the pack's folder alone."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(pack)
    for said, stream in ((output, sys.stdout), (errors, sys.stderr)):
        with Path(said).open("wb") as file:
            os.dup2(file.fileno(), stream.fileno())
        stream.reconfigure(write_through=True)
    for name in [name for name in sys.modules if name.partition(".")[0] in _OURS]:
        del sys.modules[name]
    root = str(PACK.parent)
    sys.path[:] = [pack, *(path for path in sys.path if not path.startswith(root) or "site-packages" in path)]
    sys.argv = ["pulumi.policy", "127.0.0.1:1", pack]
    runpy.run_module("pulumi.policy", run_name="__main__", alter_sys=True)


_OURS = ("guardrails", "groundwork", "tests")


@dataclass(frozen=True)
class Violation:
    rule: str
    urn: str
    level: str
    message: str


class PackProcess:
    """A running policy pack."""

    def __init__(
        self,
        *,
        stack: str = "prod",
        project: str = "test",
        config: Mapping[str, Any] | None = None,
        pack: Path = PACK,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._environment = environment or {}
        self._config = {
            key: value if isinstance(value, str) else json.dumps(value) for key, value in (config or {}).items()
        }
        self._stack = stack
        self._project = project
        self._pack = pack

    def __enter__(self) -> PackProcess:
        environment = {**os.environ, **self._environment}
        stack_environment = {
            "PULUMI_ORGANIZATION": "organization",
            "PULUMI_PROJECT": self._project,
            "PULUMI_STACK": self._stack,
            "PULUMI_DRY_RUN": "true",
            "PULUMI_CONFIG": json.dumps(self._config),
        }
        if self._stack:
            environment |= stack_environment
        # Forked from a process that has loaded the SDK and nothing of ours: loading it takes longer than most questions to the pack.
        self._folder = tempfile.TemporaryDirectory(prefix="groundwork-pack-")
        self._said = Path(self._folder.name, "stdout"), Path(self._folder.name, "stderr")
        self._process = forking().Process(target=_serve, args=(environment, str(self._pack), *map(str, self._said)))
        self._process.start()
        port = self._port()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.max_receive_message_length", 400 << 20)])
        self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)
        self._stub.ConfigureStack(
            analyzer_pb2.AnalyzerStackConfigureRequest(
                stack=self._stack,
                project=self._project,
                organization="organization",
                dry_run=True,
                config=self._config,
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
        self._process.terminate()
        self._process.join(10)
        self._folder.cleanup()

    def _port(self) -> int:
        """Return the port that the pack says on its first line."""
        output, errors = self._said
        while self._process.is_alive() or output.is_file():
            text = output.read_text(encoding="utf-8") if output.is_file() else ""
            if text.endswith("\n") and text.strip().isdigit():
                return int(text)
            if not self._process.is_alive():
                break
            time.sleep(0.01)
        raise AssertionError(
            f"the pack did not start: {errors.read_text(encoding='utf-8') if errors.is_file() else ''}"
        )

    def info(self) -> Any:
        return self._stub.GetAnalyzerInfo(empty_pb2.Empty())

    def configure(self, document: Mapping[str, Any]) -> None:
        """Set levels and settings as ``--policy-pack-config`` does: the engine fills in the levels that are not named."""
        usual = {policy.name: policy.enforcementLevel for policy in self.info().policies}
        self._stub.Configure(
            analyzer_pb2.ConfigureAnalyzerRequest(
                policyConfig={
                    rule: _policy_config(
                        entry if isinstance(entry, Mapping) else {"enforcementLevel": entry}, usual[rule]
                    )
                    for rule, entry in document.items()
                }
            )
        )

    def remediate(self, resource: Resource) -> tuple[struct_pb2.Struct, list[str]]:
        """The properties after all repairs, as the engine takes them one after the other, and who made them."""
        properties = to_struct(resource.inputs)
        response = self._stub.Remediate(
            analyzer_pb2.AnalyzeRequest(type=resource.type, urn=resource.urn, name=resource.name, properties=properties)
        )
        for remediation in response.remediations:
            assert not remediation.diagnostic, remediation.diagnostic
            properties = remediation.properties
        return properties, [remediation.policyName for remediation in response.remediations]

    def judge(self, snapshot: Snapshot) -> list[Violation]:
        """Every violation the pack reports on a snapshot: of each resource first, then of the stack."""
        violations = [violation for resource in snapshot.resources for violation in self.judge_resource(resource)]
        return violations + self.judge_stack(snapshot)

    def judge_resource(self, resource: Resource) -> list[Violation]:
        response = self._stub.Analyze(
            analyzer_pb2.AnalyzeRequest(
                type=resource.type,
                urn=resource.urn,
                name=resource.name,
                properties=to_struct(resource.inputs),
                options=analyzer_pb2.AnalyzerResourceOptions(parent=resource.parent or ""),
            )
        )
        return [_violation(diagnostic, resource.urn) for diagnostic in response.diagnostics]

    def judge_stack(self, snapshot: Snapshot) -> list[Violation]:
        response = self._stub.AnalyzeStack(
            analyzer_pb2.AnalyzeStackRequest(
                resources=[
                    analyzer_pb2.AnalyzerResource(
                        type=resource.type,
                        urn=resource.urn,
                        name=resource.name,
                        properties=to_struct({key: value for key, value in resource.outputs.items() if key != "id"}),
                        options=analyzer_pb2.AnalyzerResourceOptions(parent=resource.parent or ""),
                        parent=resource.parent or "",
                        provider=_PROVIDER if resource.custom else None,
                        dependencies=resource.dependencies,
                        propertyDependencies={
                            name: analyzer_pb2.AnalyzerPropertyDependencies(urns=urns)
                            for name, urns in resource.property_dependencies.items()
                        },
                    )
                    for resource in snapshot.resources
                ]
            )
        )
        return [_violation(diagnostic, diagnostic.urn) for diagnostic in response.diagnostics]


def _policy_config(entry: Mapping[str, Any], usual: int) -> Any:
    level = entry.get("enforcementLevel")
    config = analyzer_pb2.PolicyConfig(enforcementLevel=_LEVELS.Value(level.upper()) if level else usual)
    config.properties.update({key: value for key, value in entry.items() if key != "enforcementLevel"})
    return config


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update({key: _wire(value) for key, value in values.items()})
    return struct


def _wire(value: Any) -> Any:
    if value is Opaque.UNKNOWN:
        return UNKNOWN_STRING_VALUE
    if value is Opaque.SECRET:
        return {rpc._special_sig_key: rpc._special_secret_sig, "value": SECRET_TEXT}
    if isinstance(value, Mapping):
        return {key: _wire(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_wire(item) for item in value]
    return value


def _violation(diagnostic: Any, urn: str) -> Violation:
    return Violation(
        rule=diagnostic.policyName,
        urn=urn,
        level=_LEVELS.Name(diagnostic.enforcementLevel).lower(),
        message=diagnostic.message,
    )
