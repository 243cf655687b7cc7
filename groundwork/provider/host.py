"""The process that Pulumi starts for programs in other languages: it says what the package offers, and builds platforms.

The SDK's own ``component_provider_host`` reads the schema from annotations, which have no word for most settings, and shows a traceback
for what a user did (docs/decisions/0028-a-platform-for-every-language.md). What is left of it here is the servicer under both.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pulumi
from pulumi.provider.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.resource import DependencyResource
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from groundwork.components.settings import Settings
from groundwork.provider.names import as_in_programs, as_in_stack_files, in_programs
from groundwork.provider.package import PLATFORM, package_schema, schema_text
from groundwork.provider.received import Received
from groundwork.settings.base import SEALING, Sealed
from groundwork.settings.hints import hints
from groundwork.settings.loading import load_given
from groundwork.settings.mistakes import Mistake, Mistakes


class Host(ProviderServicer):
    """Answers the engine as the SDK does, but for inputs, which are settings, and for errors, which are in words."""

    def __init__(self, engine_address: str) -> None:
        super().__init__(_Platforms(package_schema()["version"], schema_text()), [], engine_address)

    async def Construct(self, request: Any, context: Any) -> Any:  # noqa: N802 - the service's name
        """Build a platform. What it refuses is an error of the call, with its message alone."""
        try:
            return await self._construct(request, context)
        except Exception as error:  # whatever it is, a user of another language has no use for Python's frames
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error) or type(error).__name__)
            raise

    @staticmethod
    async def _construct_inputs(inputs: Any, input_dependencies: Any) -> dict[str, Any]:
        """Return the inputs as they are: what is secret in them, and what is not known, stays where it stands."""
        received = Received()
        values = {name: received.value(inputs.fields[name], (name,)) for name in inputs.fields}
        urns = {urn for dependencies in input_dependencies.values() for urn in dependencies.urns}
        return {_INPUTS: _Inputs(values, tuple(received.mistakes), tuple(sorted(urns)))}


@dataclass(frozen=True)
class _Inputs:
    values: dict[str, Any]
    mistakes: tuple[Mistake, ...]
    """What in them cannot be a setting."""
    depends_on: tuple[str, ...]
    """URNs of the resources that values come from."""


_INPUTS = "inputs"


class _Platforms(Provider):
    """The package's one resource."""

    def construct(
        self, name: str, resource_type: str, inputs: Any, options: pulumi.ResourceOptions | None = None
    ) -> ConstructResult:
        """Build the platform that the inputs describe. Raises ``pulumi.RunError`` with all mistakes in them."""
        if resource_type != PLATFORM:
            raise pulumi.RunError(f'there is no resource "{resource_type}" in this package; there is {PLATFORM}')
        settings = _settings(inputs[_INPUTS])
        for hint in hints(settings):
            pulumi.log.warn(hint)
        from groundwork.components import Platform  # noqa: PLC0415 - a second that whoever asks for the schema need not wait

        after = [DependencyResource(urn) for urn in inputs[_INPUTS].depends_on]
        own = pulumi.ResourceOptions(depends_on=after)
        platform = Platform(name, settings, pulumi.ResourceOptions.merge(options, own))
        return ConstructResult(platform.urn, {**platform.addresses, **platform.parts})


def _settings(inputs: _Inputs) -> Settings:
    said, mistakes = inputs.values, list(inputs.mistakes)
    region = said.get("region") or pulumi.Config("aws").get("region")
    if not isinstance(region, str) or isinstance(region, Sealed):
        mistakes.append(Mistake(("region",), "is missing; give it as text, or set aws:region for the stack"))
    mistakes += [
        Mistake((name,), "is no input of a platform; there are settings and region")
        for name in said
        if name not in ("region", "settings")
    ]
    given = said.get("settings")
    if given is None and not any(one.path == ("settings",) for one in mistakes):
        mistakes.append(Mistake(("settings",), "is missing; it holds what a stack file says under groundwork:"))
    if isinstance(given, dict) and not mistakes:
        try:
            return load_given(as_in_stack_files(given), str(region), Path.cwd())
        except Mistakes as found:
            mistakes += [_in_program(one) for one in found.mistakes]
    elif given is not None and not isinstance(given, dict):
        mistakes.append(Mistake(("settings",), "is not a mapping of layers to what is said of them"))
    raise pulumi.RunError(f"the settings have mistakes:\n{Mistakes(mistakes)}")


def _in_program(mistake: Mistake) -> Mistake:
    """Return a mistake as the program's author reads it: by the names that they wrote, and without a remedy for files."""
    said, sealing, _ = mistake.message.partition(SEALING)
    message = f"{said}make it a secret: pulumi.secret(…), config.requireSecret(…)" if sealing else mistake.message
    return replace(mistake, path=("settings", *as_in_programs(mistake.path)), message=in_programs(message))


async def serve(engine_address: str) -> None:
    """Answer on a port of this machine, which is printed, until Pulumi ends the process."""
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Host(engine_address), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


def main() -> None:
    """Run the process as Pulumi starts it: the engine's address is the first argument that is no flag.

    https://pulumi-developer-docs.readthedocs.io/latest/developer-docs/providers/implementers-guide.html
    """
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if not addresses:
        print("Pulumi starts this: pulumi package add, in a project of your own (docs/languages.md)", file=sys.stderr)
        sys.exit(2)
    # What fails is told by the call; of the rest that fails with it asyncio would print every traceback.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        asyncio.run(serve(addresses[0]))
    except KeyboardInterrupt:
        sys.exit(130)
