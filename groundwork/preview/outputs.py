"""Outputs of Pulumi's SDK as a preview needs them: made with less, and collected without being struck off.

Most of what a program costs here is the SDK's bookkeeping of outputs, of which a stack has thousands: four futures and a task for each
output of a resource, a lock for each that is done, two outputs for each text within a value that is given, nine for each URN, and for
each value that is looked through a function which only the garbage collector frees. What they hold and when they fail stays the same;
``tests/preview/test_outputs.py`` compares a stack run with these and with the SDK's own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pulumi
from pulumi import _types, log
from pulumi.output import Unknown, _OutputData
from pulumi.runtime import resource as registering
from pulumi.runtime import resource_cycle_breaker as cycles
from pulumi.runtime import rpc, settings

Outputs = deque[asyncio.Future[Any]]

_own_all = pulumi.Output.all
_own_from_input = pulumi.Output.from_input
_own_create_urn = registering.create_urn
_own_serialize_properties = rpc.serialize_properties
_own_serialize_property = rpc.serialize_property


@contextmanager
def lean_outputs() -> Iterator[Outputs]:
    """Make outputs lean within the block, and yield what collects every one of them, done or not."""
    outputs: Outputs = deque()
    lean: tuple[tuple[Any, str, Any], ...] = (
        (pulumi.Output, "_track", lambda output: outputs.append(output._data)),
        (pulumi.Output, "all", staticmethod(_all)),
        (pulumi.Output, "from_input", staticmethod(_from_input)),
        (_types, "resource_pulumi_to_py_names", _names_of),
        (_types, "resource_types", _types_of),
        (_types, "unwrap_optional_type", _unwrap_optional_type),
        (_types, "unwrap_type", _unwrap_type),
        (log, "debug", _say_nothing),
        (cycles, "_reachable", _reachable),
        (registering, "create_urn", _create_urn),
        (rpc, "contains_unknowns", _contains_unknowns),
        (rpc, "serialize_properties", _serialize_properties),
        (rpc, "serialize_property", _serialize_property),
        (rpc, "transfer_properties", _transfer_properties),
    )
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in lean]
    for owner, name, function in lean:
        setattr(owner, name, function)
    try:
        yield outputs
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


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


_SCALARS = frozenset({str, int, float, bool, type(None)})
_WAITS = object()
"""Stands for a value in which something may have to be waited for."""


def _plain(value: Any) -> Any:
    """Return a copy of a value that is nothing but texts, numbers, lists and dicts of them by name; ``_WAITS`` for any other."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list:
        items = [_plain(item) for item in value]
        return _WAITS if any(item is _WAITS for item in items) else items
    if kind is dict:
        named = {name: _plain(item) if type(name) is str else _WAITS for name, item in value.items()}
        return _WAITS if any(item is _WAITS for item in named.values()) else named
    return _WAITS


def _from_input(value: Any) -> pulumi.Output[Any]:
    """Return an output of a value with all outputs in it: as the SDK's function of this name, with one for what is plain."""
    plain = _plain(value)
    if plain is not _WAITS:
        return _known(plain)
    if isinstance(value, pulumi.Output):
        return pulumi.Output._from_data(_unwrapped(value))
    if type(value) is list:
        return _all(*value)
    if type(value) is dict and all(type(name) is str for name in value):
        return _all(**value)
    return _own_from_input(value)


def _all(*listed: Any, **named: Any) -> pulumi.Output[Any]:
    """Return an output of several values: as the SDK's function of this name, with none of their own for those that are plain."""
    if listed and named:
        return _own_all(*listed, **named)
    values = [_plain(value) for value in (named.values() if named else listed)]
    outputs = {
        index: _from_input(value)
        for index, value in enumerate(named.values() if named else listed)
        if values[index] is _WAITS
    }

    def together() -> Any:
        return dict(zip(named, values, strict=True)) if named else values

    async def gathered() -> _OutputData[Any]:
        resources: set[pulumi.Resource] = set()
        known, secret = True, False
        found = await asyncio.gather(*(output._data for output in outputs.values()))
        for index, data in zip(outputs, found, strict=True):
            values[index] = data.value
            resources |= data.resources
            known, secret = known and data.is_known, secret or data.is_secret
        return _OutputData(resources, together(), known, secret)

    return pulumi.Output._from_data(gathered()) if outputs else _known(together())


def _known(value: Any) -> pulumi.Output[Any]:
    data: asyncio.Future[_OutputData[Any]] = asyncio.Future()
    data.set_result(_OutputData(set(), value, is_known=True, is_secret=False))
    return pulumi.Output._from_data(data)


async def _unwrapped(output: pulumi.Output[Any]) -> _OutputData[Any]:
    """Return what an output holds, with what is held by outputs in it."""
    data = await output._data
    # An unknown value is one, whatever it was given as.
    value = data.value if data.is_known or _contains_unknowns(data.value) else pulumi.UNKNOWN
    plain = _plain(value)
    if plain is not _WAITS:
        return _OutputData(set(data.resources), plain, is_known=True, is_secret=data.is_secret)
    inner = await _from_input(value)._data
    return _OutputData(
        data.resources | inner.resources, inner.value, inner.is_known, is_secret=data.is_secret or inner.is_secret
    )


def _contains_unknowns(value: Any) -> bool:
    """Tell whether a value holds an unknown: as the SDK's function of this name, without a function made for each call."""
    if type(value) in _SCALARS:
        return False
    return isinstance(value, Unknown) or (isinstance(value, (dict, list)) and _holds_unknown(value, set()))


def _holds_unknown(container: dict[Any, Any] | list[Any], seen: set[int]) -> bool:
    if id(container) in seen:
        return False
    seen.add(id(container))
    # An output type is a dict whose items() may be a property of the resource.
    for item in [container[key] for key in container] if isinstance(container, dict) else container:
        if type(item) not in _SCALARS and (
            isinstance(item, Unknown) or (isinstance(item, (dict, list)) and _holds_unknown(item, seen))
        ):
            return True
    return False


def _create_urn(
    name: Any, type_: Any, parent: Any = None, project: str | None = None, stack: str | None = None
) -> pulumi.Output[str]:
    if not all(isinstance(given, str) for given in (name, type_, "" if parent is None else parent)):
        return _own_create_urn(name, type_, parent, project, stack)
    if parent is None:
        stack = settings.get_stack() if stack is None else stack
        above = f"urn:pulumi:{stack}::{settings.get_project() if project is None else project}::"
    else:
        above = f"{parent[: parent.rfind('::')]}$"
    return _known(f"{above}{type_}::{name}")


async def _serialize_properties(inputs: Any, dependencies: dict[str, list[Any]], *given: Any, **named: Any) -> Any:
    """Return inputs as the engine takes them: as the SDK's function of this name, without a list for each that depends on nothing."""
    struct = await _own_serialize_properties(inputs, dependencies, *given, **named)
    for name in [name for name, resources in dependencies.items() if not resources]:
        del dependencies[name]
    return struct


def _reachable(from_resource: pulumi.Resource, to_resource: pulumi.Resource) -> bool:
    """Tell whether one resource depends on another, directly or through others: as the SDK's function of this name, without a generator
    for each step of the way."""
    seen, left = {from_resource}, [from_resource]
    while left:
        found = left.pop()
        if found is to_resource:
            return True
        for other in vars(found).get(cycles._DEPENDENCIES_PROPERTY, ()):
            if other not in seen:
                seen.add(other)
                left.append(other)
    return False


def _say_nothing(*given: Any, **named: Any) -> None:
    """Leave out what the SDK tells the engine of its own work, several messages for each resource."""


def _serialize_property(value: Any, *given: Any, **named: Any) -> Any:
    """Return what is awaited for a value as the engine takes it: as the SDK's function of this name, at once for what is plain."""
    if type(value) in _SCALARS and not named.get("return_protobuf_value"):
        return _awaited(value)
    return _own_serialize_property(value, *given, **named)


async def _awaited(value: Any) -> Any:
    return value


def _once(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make a function of a type remember its answers; by identity, since the hash of a union is made of all its members'."""
    known: dict[int, tuple[Any, Any]] = {}

    def remembering(type_: Any) -> Any:
        if id(type_) not in known:
            # The type is kept, so that no other one ever has its id.
            known[id(type_)] = (type_, function(type_))
        return known[id(type_)][1]

    return remembering


_names_of = _once(_types.resource_pulumi_to_py_names)
_types_of = _once(_types.resource_types)
_unwrap_optional_type = _once(_types.unwrap_optional_type)
_unwrap_type = _once(_types.unwrap_type)
