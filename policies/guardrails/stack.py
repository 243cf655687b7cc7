"""The index of a stack that rules between resources read; built once for all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from guardrails.view import Opaque, Resource


class Stack:
    """Every resource by type, by URN, by parent, and by who names whom in which property."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self.built: dict[Callable[..., Any], Any] = {}
        """What functions made of it: :func:`guardrails.per_stack.per_stack`."""
        self.parts = tuple(part for resource in self.resources for part in resource.parts)
        """Blocks of resources that are resources of their own to rules."""
        self.by_urn = {resource.urn: resource for resource in self.resources}
        self._by_type: dict[str, list[Resource]] = defaultdict(list)
        self._by_name: dict[str, list[Resource]] = defaultdict(list)
        self._children: dict[str, list[Resource]] = defaultdict(list)
        self._referrers: dict[tuple[str, str], dict[str, list[Resource]]] = {}
        for resource in self.resources:
            self._by_type[resource.type].append(resource)
            for name in resource.names:
                self._by_name[name].append(resource)
            if resource.parent:
                self._children[resource.parent].append(resource)
        for part in self.parts:
            self._by_type[part.type].append(part)

    def of_type(self, *types: str) -> list[Resource]:
        return [resource for type_ in types for resource in self._by_type.get(type_, ())]

    @property
    def types(self) -> set[str]:
        """Return the types that rules read something of the stack as."""
        return set(self._by_type)

    def wholes(self, *types: str) -> list[list[Resource]]:
        """Return what is of these types, together where it is one resource to the program."""
        if not self.parts:
            return [[resource] for resource in self.of_type(*types)]
        together: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.of_type(*types):
            together[resource.urn].append(resource)
        return list(together.values())

    def children(self, urn: str) -> list[Resource]:
        return self._children.get(urn, [])

    def targets(self, resource: Resource, path: str, *types: str) -> list[Resource]:
        """Return the resources of these types that a property names: by its known value, else by what it is made
        from."""
        names, whole = _names_in(resource.node(path).value)
        named = [[other for other in self._by_name.get(name, ()) if other.type in types] for name in names]
        found = {other.urn: other for others in named for other in others}
        if not (whole and all(named)):
            for urn in resource.property_dependencies.get(path.split(".", maxsplit=1)[0], ()):
                if urn in self.by_urn and self.by_urn[urn].type in types:
                    found[urn] = self.by_urn[urn]
        return list(found.values())

    def referrers(self, target: Resource, via: str, *types: str) -> list[Resource]:
        """Return the resources of these types whose property ``via`` names the target."""
        return [resource for type_ in types for resource in self._pointing(type_, via, target.type).get(target.urn, ())]

    def _pointing(self, type_: str, via: str, to: str) -> dict[str, list[Resource]]:
        key = (type_, f"{via}>{to}")
        if key not in self._referrers:
            pointing: dict[str, list[Resource]] = defaultdict(list)
            for resource in self._by_type.get(type_, ()):
                for target in self.targets(resource, via, to):
                    pointing[target.urn].append(resource)
            self._referrers[key] = pointing
        return self._referrers[key]


def _names_in(value: Any) -> tuple[list[str], bool]:
    """Return the readable strings of a value, and whether all of it could be read."""
    values = value if isinstance(value, list) else [value]
    names = [item for item in values if isinstance(item, str)]
    return names, bool(names) and not any(isinstance(item, Opaque) for item in values)
