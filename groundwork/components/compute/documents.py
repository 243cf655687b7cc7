"""JSON documents with a few computed values in them."""

from __future__ import annotations

import json
from typing import Any

import pulumi


def document(value: Any) -> pulumi.Output[str]:
    """Return ``value`` as JSON. Unlike ``Output.json_dumps`` it makes one output for all that is computed, not one for
    each dictionary and list, which counts when there are hundreds of services."""
    computed: list[pulumi.Output[Any]] = []
    template = _template(value, computed)
    return pulumi.Output.all(*computed).apply(lambda known: json.dumps(_fill(template, known)))


class _Placeholder:
    """Stands for a computed value."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


def _template(value: Any, computed: list[pulumi.Output[Any]]) -> Any:
    if isinstance(value, pulumi.Output):
        computed.append(value)
        return _Placeholder(len(computed) - 1)
    if isinstance(value, dict):
        return {key: _template(item, computed) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_template(item, computed) for item in value]
    return value


def _fill(template: Any, known: list[Any]) -> Any:
    if isinstance(template, _Placeholder):
        return known[template.index]
    if isinstance(template, dict):
        return {key: _fill(item, known) for key, item in template.items()}
    if isinstance(template, list):
        return [_fill(item, known) for item in template]
    return template
