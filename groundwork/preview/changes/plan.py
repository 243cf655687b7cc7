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
from typing import Any

from groundwork.preview.changes.model import DifferenceKind, Forces, PropertyChange, is_within
from groundwork.preview.changes.providers import PROVIDER, PROVIDERS, REGION, Providers
from groundwork.preview.changes.replacement import forces, sensitive
from groundwork.preview.changes.translation import StandingTranslation, as_said
from groundwork.preview.changes.values import Comparison, shown
from groundwork.preview.snapshot import STACK_TYPE, Resource, Snapshot, to_marker
from guardrails.view import Opaque


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
        translation = StandingTranslation(standing, head.by_urn())
        self.translate = translation.translate
        both = {
            one.urn: Pair(
                replace(standing[one.urn], inputs=translation.translate(_inputs(standing[one.urn], base))), one
            )
            for one in head.resources
            if one.urn in standing and one.custom
        }
        self.pairs = {urn: pair for urn, pair in both.items() if _is_real(pair.after)}
        """By URN in the head."""
        paired = {resource.urn for resource in standing.values()}
        self.deleted = [one for one in base.resources if _is_real(one) and one.urn not in paired]
        self.created = [one for one in head.resources if _is_real(one) and one.urn not in standing]
        comparison = Comparison()
        own = {text for one in head.resources for text in _computed(one)} if base.real else None
        fresh = {text: one.name for one in self.created for text in _computed(one)}
        moved = _Moved(base, head, standing)
        self.differences = {
            urn: [
                *moved.differences(standing[urn], pair.after),
                *(
                    _until_made(one, fresh)
                    for one in _differences(comparison, pair)
                    if own is None or _counts(one, pair.after, own, head.looked_up)
                ),
            ]
            for urn, pair in self.pairs.items()
        }
        self._count_versions(standing)
        self.hidden = comparison.hidden
        """Values that are secret in both."""
        self.replaced = self._replaced(both, Providers(head))
        """What stands and is made anew, by URN."""

    @property
    def updated(self) -> dict[str, Pair]:
        """Return what differs and stays, by URN."""
        return {urn: pair for urn, pair in self.pairs.items() if self.differences[urn] and urn not in self.replaced}

    def differing(self, urn: str) -> set[str]:
        """Return the inputs in which a resource differs from what stands. Tags say who it is for, and change in place
        everywhere."""
        return {one.root for one in self.differences[urn]} - {"tags", "tagSpecifications"}

    def _count_versions(self, standing: Mapping[str, Resource]) -> None:
        """Have what names a launch template's latest version differ exactly where another one is made: its number is AWS's."""
        templates = {one.urn: one for one in self.head.resources if one.type == _TEMPLATE and one.urn in standing}
        uses = [
            (urn, key, templates[source])
            for urn, pair in self.pairs.items()
            for key, sources in pair.after.property_dependencies.items()
            for source in sources
            if source in templates
        ]
        for urn, key, template in uses:
            before, after = self.pairs[urn].before, self.pairs[urn].after
            latest = str(template.outputs.get("latestVersion"))
            paths = {path for path, number in _versions(after.inputs.get(key), key) if str(number) == latest}
            found = [one for one in self.differences[urn] if one.path not in paths]
            if {one.root for one in self.differences[template.urn]} - _NO_VERSION:
                for path, number in _versions(before.inputs.get(key), key):
                    if path in paths and not _is_ignored(path, after):
                        change = PropertyChange(
                            path, DifferenceKind.CHANGED, number, Opaque.UNKNOWN, because=template.name
                        )
                        found.append(replace(change, forces=forces(after, change)))
            self.differences[urn] = found

    def _replaced(self, both: Mapping[str, Pair], providers: Providers) -> dict[str, Pair]:
        """Find what is replaced, and from there what is made from it or through it, each once. ``both`` has the providers too."""
        users: dict[str, list[tuple[str, str]]] = {}
        differences = {**self.differences}
        for urn, pair in both.items():
            for key, sources in pair.after.property_dependencies.items():
                for source in sources:
                    users.setdefault(source, []).append((urn, key))
            provider = providers.of(pair.after)
            if provider:
                users.setdefault(provider.urn, []).append((urn, PROVIDER))
            if urn not in differences:
                differences[urn] = list(_differences(Comparison(), pair))
        pending = deque(urn for urn, found in differences.items() if any(one.forces is Forces.YES for one in found))
        replaced: dict[str, Pair] = {}
        while pending:
            urn = pending.popleft()
            if urn in replaced:
                continue
            replaced[urn] = both[urn]
            fresh = _computed(both[urn].after)
            for user, key in users.get(urn, ()):
                made = _made_anew(both[user], key, fresh, both[urn].after.name)
                if made and not any(one.root == key for one in differences[user]):
                    differences[user].append(made)
                    if made.forces is Forces.YES:
                        pending.append(user)
        return {urn: pair for urn, pair in replaced.items() if urn in self.pairs}


_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
_NO_VERSION = {"name", "namePrefix", "description", "defaultVersion", "updateDefaultVersion", "tags"}
"""What changes in a launch template without another version of it: the AWS provider's resource aws_launch_template."""


def _versions(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield path and value of whatever is called a version in a block of a resource."""
    for name, held in value.items() if isinstance(value, dict) else ():
        if name == "version":
            yield f"{path}.{name}", held
        yield from _versions(held, f"{path}.{name}")


class _Moved:
    """What is made through another provider than it was, or in another region."""

    def __init__(self, base: Snapshot, head: Snapshot, standing: Mapping[str, Resource]) -> None:
        self._base, self._head = Providers(base), Providers(head)
        self._real = base.real
        self._standing = standing

    def differences(self, before: Resource, after: Resource) -> Iterator[PropertyChange]:
        """Yield what forces a replacement whatever a resource itself says."""
        if PROVIDER in before.options or not self._real:
            yield from self._other_provider(before, after)
        was, wanted = self._base.region(before), self._head.region(after)
        if was and wanted and was != wanted:
            yield PropertyChange(REGION, DifferenceKind.CHANGED, was, wanted, Forces.YES)

    def _other_provider(self, before: Resource, after: Resource) -> Iterator[PropertyChange]:
        """Yield that it is made through another provider: the engine then replaces it, unless both are its own. See
        providerChanged in https://github.com/pulumi/pulumi/blob/master/pkg/resource/deploy/step_generator.go"""
        was, wanted = self._base.of(before), self._head.of(after)
        stands = self._standing.get(wanted.urn, wanted) if wanted else None
        if (was and was.urn) != (stands and stands.urn):
            yield PropertyChange(PROVIDER, DifferenceKind.CHANGED, was and was.name, wanted and wanted.name, Forces.YES)


def _made_anew(pair: Pair, key: str, fresh: set[str], source: str) -> PropertyChange | None:
    """Return the change of an input that is made from what a replaced resource is given by AWS; None where it holds nothing of
    that."""
    after = pair.after
    if key == PROVIDER:
        return PropertyChange(key, DifferenceKind.CHANGED, source, Opaque.UNKNOWN, Forces.YES, because=source)
    if key not in after.inputs or _is_ignored(key, after):
        return None
    text = json.dumps(after.inputs[key], ensure_ascii=False, default=to_marker)
    if "$groundwork" not in text and not any(word in text for word in fresh):
        return None
    change = PropertyChange(
        key, DifferenceKind.CHANGED, shown(pair.before.inputs.get(key), key), Opaque.UNKNOWN, because=source
    )
    return replace(change, forces=forces(after, change))


def _inputs(resource: Resource, snapshot: Snapshot) -> dict[str, Any]:
    return as_said(resource) if snapshot.real else resource.inputs


def _is_real(resource: Resource) -> bool:
    return resource.custom and not resource.type.startswith((PROVIDERS, STACK_TYPE))


def _differences(comparison: Comparison, pair: Pair) -> Iterator[PropertyChange]:
    after = pair.after
    for one in comparison.differences(pair.before.inputs, after.inputs, sensitive=sensitive(after.type)):
        # Which region it is in hangs on its provider too, and is told with that.
        if not _is_ignored(one.path, after) and not (one.path == REGION and after.type.startswith("aws:")):
            yield replace(one, forces=forces(after, one))


def _until_made(change: PropertyChange, fresh: Mapping[str, str]) -> PropertyChange:
    """Return a change to what a new resource is given by AWS, which nobody knows before."""
    source = fresh.get(change.after) if isinstance(change.after, str) else None
    return replace(change, after=Opaque.UNKNOWN, because=source) if source else change


def _counts(change: PropertyChange, resource: Resource, own: set[str], looked_up: frozenset[str]) -> bool:
    """Tell whether a change to what stands is one, or only a difference between what AWS answers and what a preview makes up for it.

    ``own``: what the resources of the head are given. ``looked_up``: what the program asked for; an id of the same kind, or another
    version of the same image, is then no change. The digest of a package is known when it is uploaded, and the end of a name that is
    drawn from an id differs as the ids do.
    """
    if change.kind is DifferenceKind.REMOVED:
        return not change.path.endswith(".hash") and change.before != {}
    before, after = change.before, change.after
    if (
        change.kind is not DifferenceKind.CHANGED
        or not isinstance(before, str)
        or not isinstance(after, str)
        or after in own
    ):
        return True
    if after in looked_up:
        was, wanted = _ID.match(before), _ID.match(after)
        same_image = bool(_IMAGE.match(after)) and before.rpartition(":")[0] == after.rpartition(":")[0]
        return not (same_image or (was and wanted and was[1] == wanted[1]))
    drawn = change.root in resource.property_dependencies and _DRAWN.search(after)
    return not drawn or _DRAWN.sub(r"\1", before) != _DRAWN.sub(r"\1", after)


_ID = re.compile(r"^([a-z]+)-[0-9a-f]{8,17}$")
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html"""
_DRAWN = re.compile(r"^([a-z][a-z0-9]*(-[a-z0-9]+)*-)[0-9a-f]{7,8}$")
"""A name that ends as Pulumi's own do."""
_IMAGE = re.compile(r"^[0-9]{12}\.dkr\.ecr\.[^/]+/.+:[^/:]+$")


def _is_ignored(path: str, resource: Resource) -> bool:
    """Tell whether the program says that it does not mind, of this or of all that it is a part of."""
    return any(is_within(path, ignored) for ignored in resource.options.get("ignoreChanges", ()))


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
