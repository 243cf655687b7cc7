"""Which resource of one snapshot is which of another, how they differ, and what the engine does about it.

Updates of a stack follow Pulumi: a resource stands under its URN, one of its aliases or one of its parent's
(https://www.pulumi.com/docs/iac/concepts/resources/options/aliases/); what is made from a replaced one differs once that is made.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from groundwork.preview.changes.model import DifferenceKind, Forces, PropertyChange
from groundwork.preview.changes.replacement import forces, sensitive
from groundwork.preview.changes.translation import Translation
from groundwork.preview.changes.values import Comparison, shown
from groundwork.preview.snapshot import STACK_TYPE, Resource, Snapshot, to_marker
from guardrails.view import Opaque

_PROVIDERS = "pulumi:providers:"


@dataclass(frozen=True)
class Pair:
    """A resource that stands, and what the head says of it."""

    before: Resource
    """As it stands, with inputs in the words of the head: ids that differ only because they were made up differently are the same."""
    after: Resource


class Plan:
    """What an update does with a stack that stands as ``base`` and is told ``head``. Components and providers are nothing in AWS,
    and left out."""

    def __init__(self, base: Snapshot, head: Snapshot) -> None:
        self.base = base
        self.head = head
        standing = dict(pairs(base, head))
        translation = Translation(standing, head.by_urn())
        self.translate = translation.translate
        self.pairs = {
            one.urn: Pair(replace(standing[one.urn], inputs=translation.translate(standing[one.urn].inputs)), one)
            for one in head.resources
            if one.urn in standing and _is_real(one)
        }
        """By URN in the head."""
        paired = {resource.urn for resource in standing.values()}
        self.deleted = [one for one in base.resources if _is_real(one) and one.urn not in paired]
        self.created = [one for one in head.resources if _is_real(one) and one.urn not in standing]
        comparison = Comparison()
        own = {text for one in head.resources for text in _computed(one)} if base.real else None
        fresh = {text: one.name for one in self.created for text in _computed(one)}
        self.differences = {
            urn: [
                _until_made(one, fresh)
                for one in _differences(comparison, pair)
                if own is None or _counts(one, own, pair.after)
            ]
            for urn, pair in self.pairs.items()
        }
        self.hidden = comparison.hidden
        """Values that are secret in both."""
        self.replaced: dict[str, Pair] = {}
        self._replace()

    @property
    def updated(self) -> dict[str, Pair]:
        """Return what differs and stays, by URN."""
        return {urn: pair for urn, pair in self.pairs.items() if self.differences[urn] and urn not in self.replaced}

    def differing(self, urn: str) -> set[str]:
        """Return the inputs in which a resource differs from what stands. Tags say who it is for, and change in place
        everywhere."""
        return {one.root for one in self.differences[urn]} - {"tags", "tagSpecifications"}

    def _replace(self) -> None:
        """Find what is replaced, and from there what is made from it, each once."""
        users: dict[str, list[tuple[str, str]]] = {}
        for urn, pair in self.pairs.items():
            for key, sources in pair.after.property_dependencies.items():
                for source in sources:
                    users.setdefault(source, []).append((urn, key))
        pending = deque(
            urn for urn, found in self.differences.items() if any(one.forces is Forces.YES for one in found)
        )
        while pending:
            urn = pending.popleft()
            if urn in self.replaced:
                continue
            self.replaced[urn] = self.pairs[urn]
            fresh = _computed(self.pairs[urn].after)
            for user, key in users.get(urn, ()):
                made = self._made_anew(user, key, fresh, self.pairs[urn].after.name)
                if made:
                    self.differences[user].append(made)
                    if made.forces is Forces.YES:
                        pending.append(user)

    def _made_anew(self, urn: str, key: str, fresh: set[str], source: str) -> PropertyChange | None:
        """Return the change of an input that is made from what a replaced resource is given by AWS; None where it holds
        nothing of that, or differs already."""
        after = self.pairs[urn].after
        if key not in after.inputs or _is_ignored(key, after) or any(one.root == key for one in self.differences[urn]):
            return None
        text = json.dumps(after.inputs[key], ensure_ascii=False, default=to_marker)
        if "$groundwork" not in text and not any(word in text for word in fresh):
            return None
        before = self.pairs[urn].before.inputs.get(key)
        change = PropertyChange(key, DifferenceKind.CHANGED, shown(before, key), Opaque.UNKNOWN, because=source)
        return replace(change, forces=forces(after, change))


def _is_real(resource: Resource) -> bool:
    return resource.custom and not resource.type.startswith((_PROVIDERS, STACK_TYPE))


def _differences(comparison: Comparison, pair: Pair) -> Iterator[PropertyChange]:
    after = pair.after
    for one in comparison.differences(pair.before.inputs, after.inputs, sensitive=sensitive(after.type)):
        if not _is_ignored(one.path, after):
            yield replace(one, forces=forces(after, one))


def _until_made(change: PropertyChange, fresh: Mapping[str, str]) -> PropertyChange:
    """Return a change to what a new resource is given by AWS, which nobody knows before."""
    source = fresh.get(change.after) if isinstance(change.after, str) else None
    return replace(change, after=Opaque.UNKNOWN, because=source) if source else change


def _counts(change: PropertyChange, own: set[str], resource: Resource) -> bool:
    """Tell whether a change to what stands is one, or only a difference between what AWS answers and what a preview makes up for it.

    ``own``: what the resources of the head are given. Ids of other things were looked up (images, prefix lists), the tag of an image is
    what a pipeline delivered, the digest of a package is known when it is uploaded, and what is hashed from an id differs as the ids do.
    """
    if change.kind is DifferenceKind.REMOVED:
        return not change.path.endswith(".hash")
    before, after = change.before, change.after
    if (
        change.kind is not DifferenceKind.CHANGED
        or not isinstance(before, str)
        or not isinstance(after, str)
        or after in own
    ):
        return True
    was, wanted = _ID.match(before), _ID.match(after)
    if was and wanted:
        return was[1] != wanted[1]
    if change.root in resource.property_dependencies and _HASH.sub("", before) == _HASH.sub("", after):
        return False
    return not (_IMAGE.match(after) and before.rpartition(":")[0] == after.rpartition(":")[0])


_ID = re.compile(r"^([a-z]+)-[0-9a-f]{8,17}$")
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html"""
_HASH = re.compile(r"[0-9a-f]{7,}")
_IMAGE = re.compile(r"^[0-9]{12}\.dkr\.ecr\.[^/]+/.+:[^/:]+$")


def _is_ignored(path: str, resource: Resource) -> bool:
    """Tell whether the program says that it does not mind, of this or of all that it is a part of."""
    return any(
        path == ignored or path.startswith((f"{ignored}.", f"{ignored}["))
        for ignored in resource.options.get("ignoreChanges", ())
    )


def _computed(resource: Resource) -> set[str]:
    """Return the texts that AWS gave a resource, as JSON writes them."""
    said = {value for value in resource.inputs.values() if isinstance(value, str)}
    found = {value for value in resource.outputs.values() if isinstance(value, str)} - said
    return {json.dumps(value, ensure_ascii=False)[1:-1] for value in found if len(value) > 3}


def pairs(base: Snapshot, head: Snapshot) -> Iterator[tuple[str, Resource]]:
    """Yield each URN of ``head`` that stands, with what stands: under that URN, or one of its aliases, or its
    parent's."""
    standing = base.by_urn()
    own = {resource.urn for resource in head.resources}
    resources = head.by_urn()
    renamed: dict[str, str] = {}
    for resource in head.resources:
        for urn in (resource.urn, *_former(resource, resources, renamed)):
            # What a resource of the head is called itself is not another's former name.
            if urn in standing and (urn == resource.urn or urn not in own):
                renamed[resource.urn] = urn
                yield resource.urn, standing.pop(urn)
                break


def _former(resource: Resource, resources: Mapping[str, Resource], renamed: Mapping[str, str]) -> Iterator[str]:
    """Yield the URNs that a resource may have had."""
    start, _, name = resource.urn.rpartition("::")
    parent = renamed.get(resource.parent or "")
    places = [(start, name)]
    if parent and parent != resource.parent:
        inherited = _below(parent, resource, resources[resource.parent or ""].name)
        places.insert(0, inherited)
        yield "::".join(inherited)
    for alias in resource.options.get("aliases", ()):
        if alias.startswith("urn:"):
            yield alias
            continue
        said = dict(part.split("=", 1) for part in alias.split(", "))
        for place, own_name in [_at(said["parent"], resource)] if "parent" in said else places:
            # Without a parent in between, the chain of types ends with the project.
            chain, sign, own = place.rpartition("$") if "$" in place else place.rpartition("::")
            yield f"{chain}{sign}{said.get('type', own)}::{said.get('name', own_name)}"


def _at(parent: str, resource: Resource) -> tuple[str, str]:
    """Return start and name of a resource's URN below another parent, under its own name."""
    place = parent.rpartition("::")[0]
    if place.endswith(f"::{STACK_TYPE}"):
        return f"{place.removesuffix(STACK_TYPE)}{resource.type}", resource.name
    return f"{place}${resource.type}", resource.name


def _below(parent: str, resource: Resource, parent_name: str) -> tuple[str, str]:
    """Return start and name of a resource's URN while its parent had another URN. A name that begins with the parent's
    began with the parent's then: inheritedChildAlias in
    https://github.com/pulumi/pulumi/blob/master/pkg/resource/deploy/step_generator.go"""
    former = parent.rpartition("::")[2]
    name = former + resource.name.removeprefix(parent_name) if resource.name.startswith(parent_name) else resource.name
    return _at(parent, resource)[0], name
