"""The snapshot: what a stack would build, as plain data that everything after the engine reads.

The format is documented in ``docs/snapshot.md``; ``docs/snapshot.schema.json`` is its JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from groundwork.preview import indented
from guardrails.view import Opaque

VERSION = 1

STACK_TYPE = "pulumi:pulumi:Stack"
"""The type of the resource that all others of a stack descend from."""
MARKER = "$groundwork"
"""The key of the object that stands in JSON for a value that is unknown or secret."""
_OPAQUES = {one.value: one for one in Opaque}


@dataclass(frozen=True)
class Source:
    """Where in the program a resource was declared: a path relative to the repository root, and a line."""

    file: str
    line: int


@dataclass(frozen=True)
class StackFileStatement:
    """What a stack file says of something."""

    path: str
    """``data``, ``services.api``, ``data.multi_az``."""
    source: Source
    """The line that says it, or what stands around it; else the line with the phase, which does."""
    by_phase: bool = False

    def __str__(self) -> str:
        return f"{self.source.file}:{self.source.line} {self.path}{' (by the phase)' if self.by_phase else ''}"

    def to_json(self) -> dict[str, Any]:
        return {"path": self.path, "file": self.source.file, "line": self.source.line}


def places(stated: StackFileStatement | None, source: Source | None) -> list[str]:
    """Return where to look: at what the stack file says of a resource, and at the line that declares it. The one line with which a
    project's own program builds the whole platform says nothing more."""
    of_program = [f"{source.file}:{source.line}"] if source and not (stated and source.file == "__main__.py") else []
    return [*([str(stated)] if stated else []), *of_program]


@dataclass(frozen=True)
class Transformed:
    """A property, or one of Pulumi's options, that a transform changed before the resource was registered."""

    property: str
    """``tags.team``, ``origins[0].domainName``; or the name of the option."""
    before: Any
    """What the program says; None where it says nothing of it."""
    after: Any
    """None where the transform took it out."""
    source: Source | None
    """The transform; None where that is in another process."""
    option: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return it as the snapshot's JSON has it."""
        kind = "option" if self.option else "property"
        return {kind: self.property, "before": self.before, "after": self.after, "source": _source_dict(self.source)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Transformed:
        """Read it back."""
        option = "option" in data
        name = data["option"] if option else data["property"]
        before, after = (from_markers(data[key]) for key in ("before", "after"))
        return Transformed(name, before, after, _source_from(data["source"]), option)


@dataclass(frozen=True)
class Resource:
    """One registered resource. ``inputs`` and ``outputs`` are JSON values with camelCase names, as the engine has them; what is
    unknown or secret in them is an :class:`Opaque`."""

    urn: str
    type: str
    name: str
    custom: bool
    parent: str | None
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    source: Source | None = None
    transformed: tuple[Transformed, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "urn": self.urn,
            "type": self.type,
            "name": self.name,
            "custom": self.custom,
            "parent": self.parent,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "dependencies": list(self.dependencies),
            "propertyDependencies": {name: list(urns) for name, urns in self.property_dependencies.items()},
            "options": self.options,
            "source": _source_dict(self.source),
            **({"transformed": [one.as_dict() for one in self.transformed]} if self.transformed else {}),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Resource:
        return Resource(
            urn=data["urn"],
            type=data["type"],
            name=data["name"],
            custom=data["custom"],
            parent=data["parent"],
            inputs=from_markers(data["inputs"]),
            outputs=from_markers(data["outputs"]),
            dependencies=tuple(data["dependencies"]),
            property_dependencies={name: tuple(urns) for name, urns in data["propertyDependencies"].items()},
            options=data["options"],
            source=_source_from(data.get("source")),
            transformed=tuple(map(Transformed.from_json, data.get("transformed", ()))),
        )


@dataclass(frozen=True)
class Snapshot:
    """A whole stack as the engine saw it. The same program and settings give the same bytes."""

    project: str
    stack: str
    region: str
    unknowns: bool
    settings: dict[str, Any]
    resources: tuple[Resource, ...]
    outputs: dict[str, Any]
    looked_up: frozenset[str] = frozenset()
    """The texts that stand for what AWS answers when it is asked (images of machines, prefix lists, delivered images)."""
    real: bool = False
    """Whether it was read from what Pulumi wrote of a stack in AWS, and not recorded here. No part of the JSON form."""
    stands: bool = False
    """Whether all of it is in AWS: what an export says, and not a preview. No part of the JSON form."""

    def by_urn(self) -> dict[str, Resource]:
        return {resource.urn: resource for resource in self.resources}

    def of_type(self, *types: str) -> list[Resource]:
        return [resource for resource in self.resources if resource.type in types]

    def as_dict(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "project": self.project,
            "stack": self.stack,
            "region": self.region,
            "unknowns": self.unknowns,
            "settings": self.settings,
            "resources": [resource.as_dict() for resource in self.resources],
            "outputs": self.outputs,
            **({"lookedUp": sorted(self.looked_up)} if self.looked_up else {}),
        }

    def dumps(self) -> str:
        return indented.dumps(self.as_dict(), sort_keys=True, default=to_marker)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Snapshot:
        """Read a snapshot back; ValueError where it is of another version."""
        if data.get("version") != VERSION:
            raise ValueError(
                f"snapshot version {data.get('version')!r} is not one this program reads (it reads {VERSION})"
            )
        return Snapshot(
            project=data["project"],
            stack=data["stack"],
            region=data["region"],
            unknowns=data["unknowns"],
            settings=data["settings"],
            resources=tuple(Resource.from_json(resource) for resource in data["resources"]),
            outputs=from_markers(data["outputs"]),
            looked_up=frozenset(data.get("lookedUp", ())),
        )


def _source_dict(source: Source | None) -> dict[str, Any] | None:
    return {"file": source.file, "line": source.line} if source else None


def _source_from(data: Mapping[str, Any] | None) -> Source | None:
    return Source(data["file"], data["line"]) if data else None


def holds_unknown(value: Any) -> bool:
    """Tell whether any part of a value is unknown."""
    if isinstance(value, dict):
        return any(map(holds_unknown, value.values()))
    return any(map(holds_unknown, value)) if isinstance(value, list) else value is Opaque.UNKNOWN


def to_marker(value: Any) -> dict[str, str]:
    """Return what stands in JSON for an :class:`Opaque`: the ``default`` of ``json.dumps``. Raises TypeError for anything else."""
    if isinstance(value, Opaque):
        return {MARKER: value.value}
    raise TypeError(f"{type(value).__name__} is no value of a snapshot")


def from_markers(value: Any) -> Any:
    """Return values read from JSON, with an :class:`Opaque` for each marker."""
    if isinstance(value, dict):
        if len(value) == 1 and (found := _OPAQUES.get(str(value.get(MARKER)))):
            return found
        return {key: from_markers(item) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    return [from_markers(item) for item in value] if isinstance(value, list) else value


def in_tree_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Sort parents before children, siblings by name and type: an order that does not depend on thread timing."""
    children: dict[str | None, list[Resource]] = {}
    for resource in resources:
        children.setdefault(resource.parent, []).append(resource)
    ordered: list[Resource] = []
    pending = sorted(children.get(None, []), key=_sibling_key, reverse=True)
    while pending:
        resource = pending.pop()
        ordered.append(resource)
        pending.extend(sorted(children.get(resource.urn, []), key=_sibling_key, reverse=True))
    return tuple(ordered)


def _sibling_key(resource: Resource) -> tuple[str, str]:
    return (resource.name, resource.type)
