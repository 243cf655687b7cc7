"""Every argument of every type, asked of the provider one by one: does another value mean another resource?

The values mean nothing (``aaaa``, then ``bbbb``), so what hangs on values has no answer here, or two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from groundwork.preview.changes.model import Forces
from groundwork.preview.terraform.plugin import Plugin, PluginEndedError, ProviderRefusalError, plugin

Names = tuple[str, ...]
"""Where an argument is: the names of the blocks that it is in, and its own."""
Answers = dict[Names, Forces]

_LEFT_OUT = {("id",), ("tags",), ("tags_all",)}
_DEEPEST = 2
"""Blocks that are looked into, from the resource on."""
_LARGEST = 200
"""Parts of a block; a larger one (WAF's statements) takes the provider minutes for every argument."""
_MOST_ENDS = 3
"""After so many times that the provider broke down over one type, it is not asked about it any more."""
_IDENTITY = "something"


def answers(
    folder: Path, environment: Mapping[str, str], schemas: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Answers]:
    """Return by type and argument what the provider in ``folder`` says; without those that it refuses to plan.

    ``schemas`` is what Terraform says of the provider, ``config`` what it is configured with. Takes some minutes.
    """
    block = schemas["provider"]["block"]
    whole = _empty(block) | dict(config)
    found: dict[str, Answers] = {}
    with ExitStack() as stack:
        asked = _Asked(folder, environment, whole, stack)
        for type_, schema in schemas["resource_schemas"].items():
            found[type_] = asked.about(type_, schema["block"])
    return found


class _Asked:
    """A provider that is started again where a question was too much for it."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], config: Mapping[str, Any], stack: ExitStack
    ) -> None:
        self._provider = (folder, environment)
        self._stack = stack
        self._config = config
        self._plugin = self._started()

    def _started(self) -> Plugin:
        self._stack.pop_all().close()
        started = self._stack.enter_context(plugin(*self._provider))
        started.configure(self._config)
        return started

    def about(self, type_: str, block: Mapping[str, Any]) -> Answers:
        found: Answers = {}
        ends = 0
        for names, values in _arguments(block):
            said = set()
            for was, wanted in (values, values[::-1]):
                try:
                    said.add(self._forces(type_, block, names, was, wanted))
                except ProviderRefusalError as error:
                    if isinstance(error, PluginEndedError):
                        ends += 1
                        self._plugin = self._started()
            if ends > _MOST_ENDS:
                break
            if said:
                found[names] = Forces.MAYBE if len(said) > 1 else Forces.YES if said.pop() else Forces.NO
        return found

    def _forces(self, type_: str, block: Mapping[str, Any], names: Names, was: Any, wanted: Any) -> bool:
        standing, config = (_with(block, names, value) for value in (was, wanted))
        identity = {"id": _IDENTITY} if "id" in standing else {}
        paths = self._plugin.plan(type_, standing | identity, config | identity, config)
        places = [tuple(step for step in path if isinstance(step, str)) for path in paths]
        return any(place and names[: len(place)] == place for place in places)


def _arguments(block: Mapping[str, Any], above: Names = ()) -> Iterator[tuple[Names, tuple[Any, Any]]]:
    """Yield each argument with two values of its own."""
    for name, attribute in block.get("attributes", {}).items():
        if (attribute.get("required") or attribute.get("optional")) and (*above, name) not in _LEFT_OUT:
            yield (*above, name), (_of(attribute, 0), _of(attribute, 1))
    for name, nested in block.get("block_types", {}).items():
        if name != "timeouts" and len(above) < _DEEPEST and _size(nested["block"]) <= _LARGEST:
            yield from _arguments(nested["block"], (*above, name))


def _size(block: Mapping[str, Any]) -> int:
    return len(block.get("attributes", {})) + sum(
        1 + _size(one["block"]) for one in block.get("block_types", {}).values()
    )


def _with(block: Mapping[str, Any], names: Names, value: Any) -> dict[str, Any]:
    """Return the smallest content of a block in which an argument has a value."""
    content = _filled(block)
    name, *rest = names
    if rest:
        nested = block["block_types"][name]
        content[name] = _held(nested, _with(nested["block"], tuple(rest), value))
    else:
        content[name] = value
    return content


def _filled(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a block has to have, and nothing else."""
    content = _empty(block)
    content.update(
        (name, _of(attribute, 0))
        for name, attribute in block.get("attributes", {}).items()
        if attribute.get("required")
    )
    content.update(
        (name, _held(nested, _filled(nested["block"])))
        for name, nested in block.get("block_types", {}).items()
        if nested.get("min_items")
    )
    return content


def _empty(block: Mapping[str, Any]) -> dict[str, Any]:
    nothing: dict[str, Any] = {"list": [], "set": [], "map": {}}
    return dict.fromkeys(block.get("attributes", {})) | {
        name: nothing.get(nested["nesting_mode"]) for name, nested in block.get("block_types", {}).items()
    }


def _held(nested: Mapping[str, Any], content: Any) -> Any:
    return {"list": [content], "set": [content], "map": {"a": content}}.get(nested["nesting_mode"], content)


def _of(attribute: Mapping[str, Any], which: int) -> Any:
    """Return the first or the second of two values of an attribute's type."""
    nested = attribute.get("nested_type")
    if nested:
        members = {
            name: _of(member, which) if member.get("required") or member.get("optional") else None
            for name, member in nested["attributes"].items()
        }
        return _held(nested, members)
    return _value(attribute["type"], which)


def _value(type_: Any, which: int) -> Any:
    if isinstance(type_, str):
        return {"string": ("aaaa", "bbbb"), "number": (1, 2), "bool": (False, True)}.get(type_, (None, None))[which]
    kind, inner = type_
    if kind == "object":
        return {name: _value(member, which) for name, member in inner.items()}
    if kind == "tuple":
        return [_value(member, which) for member in inner]
    return {"a": _value(inner, which)} if kind == "map" else [_value(inner, which)]
