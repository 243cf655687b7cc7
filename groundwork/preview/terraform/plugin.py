"""A conversation with the provider's own program, without Terraform between: what it would plan for one changed argument.

Terraform checks a whole configuration before it asks a provider anything; asked directly, the provider answers about an argument of
a type of which nothing else is known. The protocol, of which this is the part that is needed:
https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/tfplugin5.5.proto
"""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from groundwork.preview.terraform.run import isolated
from groundwork.preview.terraform.tools import ToolMissingError

_HANDSHAKE = {
    # https://github.com/hashicorp/terraform/blob/main/internal/plugin/serve.go
    "TF_PLUGIN_MAGIC_COOKIE": "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
    "PLUGIN_PROTOCOL_VERSIONS": "5",
}
_SERVICE = "tfplugin5.Provider"
_TEXT, _BYTES, _NUMBER, _MESSAGE, _CHOICE = 9, 12, 3, 11, 14
_MESSAGES: Mapping[str, Sequence[tuple[str, int, int, str, bool]]] = {
    # Message → name, number, kind, type and whether it is repeated of each field.
    "DynamicValue": [("msgpack", 1, _BYTES, "", False)],
    "Step": [
        ("attribute_name", 1, _TEXT, "", False),
        ("element_key_string", 2, _TEXT, "", False),
        ("element_key_int", 3, _NUMBER, "", False),
    ],
    "AttributePath": [("steps", 1, _MESSAGE, "Step", True)],
    "Diagnostic": [
        ("severity", 1, _NUMBER, "", False),
        ("summary", 2, _TEXT, "", False),
        ("detail", 3, _TEXT, "", False),
    ],
    "ConfigureRequest": [("terraform_version", 1, _TEXT, "", False), ("config", 2, _MESSAGE, "DynamicValue", False)],
    "ConfigureResponse": [("diagnostics", 1, _MESSAGE, "Diagnostic", True)],
    "PlanRequest": [
        ("type_name", 1, _TEXT, "", False),
        ("prior_state", 2, _MESSAGE, "DynamicValue", False),
        ("proposed_new_state", 3, _MESSAGE, "DynamicValue", False),
        ("config", 4, _MESSAGE, "DynamicValue", False),
    ],
    "PlanResponse": [
        ("requires_replace", 2, _MESSAGE, "AttributePath", True),
        ("diagnostics", 4, _MESSAGE, "Diagnostic", True),
    ],
}
_ERROR = 1


class ProviderRefusalError(Exception):
    """The provider plans nothing for these values, and says why."""


class PluginEndedError(ProviderRefusalError):
    """The provider broke down over the question, and has to be started again."""


class Plugin:
    """One running provider."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._classes = _classes()

    def configure(self, config: Mapping[str, Any]) -> None:
        """Give the provider its own configuration, with every argument of it."""
        self._call("Configure", "Configure", terraform_version="1.5.0", config=self._value(config))

    def plan(
        self, type_: str, prior: Mapping[str, Any], proposed: Mapping[str, Any], config: Mapping[str, Any]
    ) -> list[tuple[str | int, ...]]:
        """Return the paths whose change makes another resource; ProviderRefusalError where the provider plans nothing."""
        answer = self._call(
            "PlanResourceChange",
            "Plan",
            type_name=type_,
            prior_state=self._value(prior),
            proposed_new_state=self._value(proposed),
            config=self._value(config),
        )
        return [tuple(map(_step, path.steps)) for path in answer.requires_replace]

    def _value(self, value: Any) -> Any:
        return self._classes["DynamicValue"](msgpack=b"".join(packed(value)))

    def _call(self, method: str, kind: str, **fields: Any) -> Any:
        request, response = self._classes[f"{kind}Request"], self._classes[f"{kind}Response"]
        call = self._channel.unary_unary(
            f"/{_SERVICE}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        try:
            answer = call(request(**fields), timeout=60)
        except grpc.RpcError as error:
            ended = isinstance(error, grpc.Call) and error.code() is grpc.StatusCode.UNAVAILABLE
            raise (PluginEndedError if ended else ProviderRefusalError)(str(error)) from None
        for diagnostic in answer.diagnostics:
            if diagnostic.severity == _ERROR:
                raise ProviderRefusalError(f"{diagnostic.summary} {diagnostic.detail}")
        return answer


@contextmanager
def plugin(folder: Path, environment: Mapping[str, str]) -> Iterator[Plugin]:
    """Run the provider that is in ``folder``; ToolMissingError where it does not speak this protocol."""
    program = next(iter(sorted(folder.glob("terraform-provider-aws*"))))
    process = subprocess.Popen(  # noqa: S603 - the program that the caller found, without a shell
        [str(program)],
        env=isolated(environment) | _HANDSHAKE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        # CORE-VERSION|PROTOCOL|NETWORK|ADDRESS|KIND: https://github.com/hashicorp/go-plugin/blob/main/docs/internals.md
        said = process.stdout.readline().decode().strip().split("|") if process.stdout else []
        if len(said) < 5 or said[1] != "5" or said[4] != "grpc":
            raise ToolMissingError(f"{program.name} does not speak Terraform's protocol 5: {'|'.join(said)}")
        address = f"unix:{said[3]}" if said[2] == "unix" else said[3]
        with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)]) as channel:
            yield Plugin(channel)
    finally:
        process.kill()
        process.wait()


def packed(value: Any) -> Iterator[bytes]:
    """Yield a JSON value as MessagePack, in the forms that hold any length: https://github.com/msgpack/msgpack/blob/master/spec.md"""
    if value is None:
        yield b"\xc0"
    elif isinstance(value, bool):
        yield b"\xc3" if value else b"\xc2"
    elif isinstance(value, int):
        yield b"\xd3" + struct.pack(">q", value)
    elif isinstance(value, str):
        text = value.encode()
        yield b"\xdb" + struct.pack(">I", len(text)) + text
    elif isinstance(value, Mapping):
        yield b"\xdf" + struct.pack(">I", len(value))
        for key, item in value.items():
            yield from packed(key)
            yield from packed(item)
    else:
        yield b"\xdd" + struct.pack(">I", len(value))
        for item in value:
            yield from packed(item)


def _step(step: Any) -> str | int:
    return step.attribute_name or step.element_key_string or int(step.element_key_int)


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="groundwork-tfplugin5.proto", package="groundwork.tfplugin5", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, type_, repeated in fields:
            message.field.add(
                name=field,
                number=number,
                type=kind,
                label=3 if repeated else 1,
                type_name=f".groundwork.tfplugin5.{type_}" if type_ else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"groundwork.tfplugin5.{name}"))
        for name in _MESSAGES
    }
