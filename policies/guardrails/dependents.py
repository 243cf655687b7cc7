"""Who in a stack is made from a resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from guardrails.per_stack import per_stack
from guardrails.stack import Stack
from guardrails.view import Resource


def dependents(resource: Resource, stack: Stack, *types: str, path: str = "") -> Iterator[Resource]:
    """Yield the resources (of these types) of which a property (this one) is made from the resource."""
    for other, name in _index(stack).get(resource.urn, ()):
        if (not types or other.type in types) and (not path or name == path):
            yield other


@per_stack
def _index(stack: Stack) -> dict[str, list[tuple[Resource, str]]]:
    index = defaultdict(list)
    for resource in stack.resources:
        for name, urns in resource.property_dependencies.items():
            for urn in urns:
                index[urn].append((resource, name))
    return index
