"""How much of each thing a snapshot builds, against what AWS takes. Data: ``groundwork/settings/facts/quotas.yaml``."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from groundwork.preview.changes.providers import Providers
from groundwork.preview.computed_values import ComputedValues
from groundwork.preview.refusals.web_acl_capacity import capacity
from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.settings.facts import Count, Quota, prefix_list_weights, quotas
from guardrails.view import Opaque

ANY_TYPE = "*"
_PROVIDER = "pulumi:providers:aws"
_DEFAULT = "default"
"""How the name of the provider begins that the configuration makes."""
_PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
_LOOKED_UP_PREFIX_LIST = "aws:ec2/getManagedPrefixList:getManagedPrefixList"
_SAME_MODULES = ("alb", "elasticloadbalancingv2", "applicationloadbalancing")
"""Older names of pulumi-aws for its module ``lb``."""


@dataclass(frozen=True)
class Exceeded:
    """A quota that a stack goes beyond."""

    quota: Quota
    most: int
    """What AWS takes where it is."""
    found: int
    what: str
    """The name of what has too many: a resource's, a region or the account."""
    resource: Resource | None
    """It, where it is a resource of the stack."""

    def sentence(self, setting: str) -> str:
        """Say what is too many and what to do; ``setting`` is how ``platform.quotas`` is said, with {} for what stands in it."""
        quota = self.quota
        found, takes = f"{self.found:,} {quota.words} {self.what}", f"AWS takes {self.most:,}"
        say = f"say {setting.format(f'{{{quota.name}: {self.found}}}')}"
        if quota.unsure:
            return f"{found}; AWS took {self.most:,} and does not say any more how many; if it takes them, {say} ({quota.source})"
        if quota.hard:
            end = "; nobody gets more"
        elif quota.up_to is not None and self.found > quota.up_to:
            end = f", and on request {quota.up_to:,} at most"
        else:
            end = f" unless you ask for more ({asked_at(quota)}); once it is granted, {say}"
        return f"{found}, and {takes}{end} ({quota.source})"


def asked_at(quota: Quota) -> str:
    """Return where AWS is asked for more of a thing, in words."""
    if quota.request == "support":
        return "AWS Support"
    service, _, code = quota.request.partition("/")
    return f"Service Quotas, {service} {code}".rstrip()


class Whole(NamedTuple):
    """What a sum is of."""

    key: str
    """URN of a resource, name of one that stands elsewhere, region."""
    part: str = ""
    """The value by which a sum is split."""


def exceeded(snapshot: Snapshot, raised: Mapping[str, int]) -> Iterator[Exceeded]:
    """Yield every quota that a snapshot exceeds; ``raised`` is what AWS granted this account beyond its defaults.

    What is unknown counts as nothing.
    """
    view = _View(snapshot)
    for quota in quotas():
        worst: dict[Whole, int] = {}
        for counts in quota.counted:
            for whole, found in _sums(view, counts).items():
                worst[whole] = max(found, worst.get(whole, 0))
        for whole, found in worst.items():
            most = quota.most_in(whole.key)
            if found > (most if quota.hard else raised.get(quota.name, most)):
                yield Exceeded(quota, most, found, view.named(whole), view.by_urn.get(whole.key))


def sums(snapshot: Snapshot, counts: Iterable[Count]) -> dict[Whole, int]:
    """Return how much of a thing a snapshot has, by what it is counted to."""
    return _sums(_View(snapshot), counts)


class _View:
    """A snapshot as counting asks for it."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.region = snapshot.region
        self.by_urn = snapshot.by_urn()
        self.by_type: dict[str, list[Resource]] = {}
        for resource in snapshot.resources:
            self.by_type.setdefault(_plain(resource.type), []).append(resource)
        self.providers = Providers(snapshot)
        self._default_tags = next(
            (_keys_given(one) for one in snapshot.of_type(_PROVIDER) if one.name.startswith(_DEFAULT)), frozenset()
        )

    def of(self, count: Count) -> Iterator[Resource]:
        """Yield the resources that a line looks at."""
        types = [one for one in self.by_type if one.startswith("aws:")] if ANY_TYPE in count.types else count.types
        for resource in (one for type_ in types for one in self.by_type.get(type_, ())):
            said = resource.inputs
            if not any(said.get(key) for key in count.without) and all(
                said.get(key) == value for key, value in count.only.items()
            ):
                yield resource

    def named(self, whole: Whole) -> str:
        """Return what messages call it."""
        name = self.by_urn[whole.key].name if whole.key in self.by_urn else whole.key
        return f"{name}, {whole.part}" if whole.part else name

    def led_to(self, resource: Resource, each: str) -> str | None:
        """Follow inputs from a resource to what it is counted to: ``listenerArn>loadBalancerArn``."""
        at: Resource | None = resource
        found: str | None = None
        for key in each.split(">"):
            if at is None:
                return None
            found = _leads_to(at, key)
            at = self.by_urn.get(found or "")
        return found

    def tags(self, resource: Resource) -> set[str]:
        """Return the keys of a resource's tags, with those that its provider gives to everything."""
        provider = self.providers.of(resource)
        given = _keys_given(provider) if provider else self._default_tags
        own = resource.inputs.get("tags")
        if isinstance(own, dict):
            return {*given, *own}
        return set(given) if resource.outputs.get("tagsAll") else set()

    def weight(self, resource: Resource, key: str, prefix_list: Any) -> int:
        """Return as how many rules a prefix list counts: its most entries; one where that is not known."""
        for urn in resource.property_dependencies.get(key, ()):
            found = self.by_urn.get(urn)
            most = found.inputs.get("maxEntries") if found and found.type == _PREFIX_LIST else None
            if found and isinstance(most, (int, float)) and prefix_list in (found.outputs.get("id"), Opaque.UNKNOWN):
                return int(most)
        return self._weights.get(prefix_list, 1) if isinstance(prefix_list, str) else 1

    @cached_property
    def _weights(self) -> dict[str, int]:
        """Map what a lookup by name is answered in a snapshot to the list's weight. In an account only AWS knows which list
        an id is."""
        asked = ComputedValues(self.region)
        return {
            asked.for_invoke(_LOOKED_UP_PREFIX_LIST, {"name": name.format(region=self.region)})["id"]: weight
            for name, weight in prefix_list_weights().items()
        }


def _plain(type_: str) -> str:
    module, slash, name = type_.removeprefix("aws:").partition("/")
    return f"aws:lb/{name}" if slash and module in _SAME_MODULES else type_


def _keys_given(provider: Resource) -> frozenset[str]:
    """Return the keys of the tags that a provider gives to all resources."""
    said = _structure(provider.inputs.get("defaultTags"))
    tags = said.get("tags") if isinstance(said, dict) else None
    return frozenset(tags) if isinstance(tags, dict) else frozenset()


def _sums(view: _View, counts: Iterable[Count]) -> dict[Whole, int]:
    found: dict[Whole, int] = {}
    distinct: dict[Whole, set[str]] = {}
    for count in counts:
        for resource in view.of(count):
            key = _counted_to(view, resource, count.each)
            if key is None:
                continue
            by = resource.inputs.get(count.by) if count.by else None
            if count.by and (by is None or isinstance(by, Opaque)):
                continue
            whole = Whole(key, f"{count.by} {by:g}" if isinstance(by, (int, float)) else str(by) if count.by else "")
            if count.of in _DISTINCT:
                values = [value for path in count.input for value in _values(resource.inputs, path)]
                distinct.setdefault(whole, set()).update(_DISTINCT[count.of](values))
            else:
                found[whole] = found.get(whole, 0) + _measure(view, resource, count)
    return found | {whole: len(values) for whole, values in distinct.items()}


def _counted_to(view: _View, resource: Resource, each: str) -> str | None:
    """Return what a resource is counted to: the URN of another, its own, a region, the account."""
    if each == "resource":
        return resource.urn
    if each == "account":
        return "the account"
    if each == "region":
        return view.providers.region(resource) or view.region
    return view.led_to(resource, each)


def _leads_to(resource: Resource, key: str) -> str | None:
    named = resource.inputs.get(key)
    leads_to = resource.property_dependencies.get(key, ())
    return leads_to[0] if leads_to else named if isinstance(named, str) else None


def _values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what stands at a path: of each entry, where the way leads through a list, and inside JSON."""
    if value is None:
        return
    if not path:
        yield value
        return
    inside = _structure(value)
    for item in inside if isinstance(inside, list) else [inside]:
        if isinstance(item, dict):
            yield from _values(item.get(path[0]), path[1:])


def _structure(value: Any) -> Any:
    """Return what JSON text stands for, and anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=to_marker)


def _lengths(values: Iterable[Any]) -> Iterator[int]:
    return (len(inside) for inside in map(_structure, values) if isinstance(inside, (list, dict)))


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def _wildcards(values: Iterable[Any]) -> int:
    texts = (text for value in values for text in (value if isinstance(value, list) else [value]))
    return sum(text.count("*") + text.count("?") for text in texts if isinstance(text, str))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Yield the texts among values, and those in lists."""
    entries = (entry for value in values for entry in (value if isinstance(value, list) else [value]))
    return (entry for entry in entries if isinstance(entry, str))


_NAMES_AN_ALARM = re.compile(r"""\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*["']?([^"')]+?)["']?\s*\)""")
"""https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html (AlarmRule)"""

_DISTINCT: Mapping[str, Callable[[list[Any]], Iterable[str]]] = {
    "distinct": _texts,
    "alarms": lambda values: (name for text in _texts(values) for name in _NAMES_AN_ALARM.findall(text)),
}
"""Measures of how many different ones there are."""

_OF_VALUES: Mapping[str, Callable[[list[Any]], int]] = {
    "entries": lambda values: sum(_lengths(values)),
    "longest": lambda values: max(_lengths(values), default=0),
    "characters": lambda values: sum(len("".join(_text(value).split())) for value in values),
    "bytes": lambda values: sum(len(_text(value).encode()) for value in values),
    "decoded": lambda values: sum(len(_from_base64(_text(value))) for value in values),
    "number": lambda values: sum(int(value) for value in values if isinstance(value, (int, float))),
    "wildcards": _wildcards,
    "capacity": lambda values: sum(capacity(_structure(value)) for value in values),
}


def _one(_: _View, resource: Resource, count: Count) -> int:
    return 1 if not count.input or any(True for path in count.input for _ in _values(resource.inputs, path)) else 0


def _rules(view: _View, resource: Resource, count: Count) -> int:
    found = 0
    for path in count.input:
        for value in _values(resource.inputs, path):
            items = value if isinstance(value, list) else [value]
            is_list = "prefixlist" in path[-1].lower()
            found += sum(view.weight(resource, path[0], item) if is_list else 1 for item in items if item)
    return found


def cache_nodes(group: Resource) -> int:
    """Return the nodes of a replication group: shards with their replicas, or as many as are said."""
    said = {key: value for key, value in group.inputs.items() if isinstance(value, (int, float))}
    shards, replicas = said.get("numNodeGroups", 1), said.get("replicasPerNodeGroup", 0)
    return int(max(shards * (1 + replicas), said.get("numCacheClusters", 0)))


_OF_RESOURCE: Mapping[str, Callable[[_View, Resource, Count], int]] = {
    "one": _one,
    "rules": _rules,
    "tags": lambda view, resource, _: len(view.tags(resource)),
    "nodes": lambda _, resource, __: cache_nodes(resource),
}


def _measure(view: _View, resource: Resource, count: Count) -> int:
    if count.of in _OF_RESOURCE:
        return _OF_RESOURCE[count.of](view, resource, count)
    known = [value for path in count.input for value in _values(resource.inputs, path) if not isinstance(value, Opaque)]
    return _OF_VALUES[count.of](known)
