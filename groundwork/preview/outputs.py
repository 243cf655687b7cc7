"""Outputs of Pulumi's SDK as a preview needs them: made with less, and collected without being struck off.

Half of what a program costs here is the SDK's bookkeeping of outputs, of which a stack has thousands: four futures and a task for each
output of a resource, and a lock for each that is done. What they hold and when they fail stays the same;
``tests/preview/test_outputs.py`` compares a stack run with these and with the SDK's own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pulumi
from pulumi.output import _OutputData
from pulumi.runtime import rpc

Outputs = deque[asyncio.Future[Any]]


@contextmanager
def lean_outputs() -> Iterator[Outputs]:
    """Make outputs lean within the block, and yield what collects every one of them, done or not."""
    outputs: Outputs = deque()
    track, transfer = pulumi.Output._track, rpc.transfer_properties
    pulumi.Output._track = lambda output: outputs.append(output._data)  # type: ignore[method-assign, assignment]
    rpc.transfer_properties = _transfer_properties  # type: ignore[assignment]
    try:
        yield outputs
    finally:
        pulumi.Output._track = track  # type: ignore[method-assign]
        rpc.transfer_properties = transfer


def _transfer_properties(resource: pulumi.Resource, properties: Iterable[str], custom: bool) -> dict[str, rpc.Resolver]:
    """Give a resource an output for each property, and return what resolves each: as the SDK's function of this name, with one future
    in place of four and a task that waits for them."""
    resolvers: dict[str, rpc.Resolver] = {}
    for name in properties:
        # The SDK sees to these elsewhere.
        if name == "urn" or (name == "id" and custom):
            continue
        data: asyncio.Future[Any] = asyncio.Future()
        resolvers[name] = partial(_resolve, resource, data)
        resource.__dict__[name] = pulumi.Output._from_data(data)
    return resolvers


def _resolve(  # noqa: PLR0917 - as the SDK calls it
    resource: pulumi.Resource,
    data: asyncio.Future[Any],
    value: Any,
    known: bool,
    secret: bool,
    dependencies: Collection[pulumi.Resource] | None,
    failed: Exception | None,
) -> None:
    if failed is not None:
        data.set_exception(failed)
    else:
        data.set_result(_OutputData({*(dependencies or ()), resource}, value, known, secret))
