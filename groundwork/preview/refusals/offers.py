"""What AWS offers where: classes, versions of engines, runtimes, services. Data: ``offers.json``, which ``generate.py`` writes; which inputs
it is about stands under ``offers`` in ``types.yaml``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from groundwork.preview.changes.providers import Providers
from groundwork.preview.refusals.constraints import TYPES
from groundwork.preview.refusals.inputs import RefusedInput, values_at
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.data_file import read_data
from groundwork.settings.facts import kubernetes_as_of, kubernetes_versions, zones_of
from groundwork.settings.mistakes import nearest

FILE = Path(__file__).with_name("offers.json")
_ENGINES = {
    "aws:elasticache/replicationGroup:ReplicationGroup": "redis",
    "aws:elasticache/cluster:Cluster": "memcached",
}
"""What the provider takes where no engine is said."""
_NEAREST = 3
_SEARCH = ".search"
_CLASS = r"[a-z]+[0-9][a-z0-9-]*\.(nano|micro|small|medium|large|[0-9]*xlarge|metal(-[0-9]+xl)?)"
_FORMS = {
    kind: re.compile(form)
    for kind, form in {
        "ec2": _CLASS,
        "cache": rf"cache\.{_CLASS}",
        "search": _CLASS + r"\.search",
        "rds": rf"db\.{_CLASS}",
    }.items()
}


@dataclass(frozen=True)
class OfferVerdict:
    """What is said of one value."""

    reason: str
    """What follows on "it"."""
    sure: bool
    """Whether AWS refuses it, as far as anybody can know; else it may be newer than the table."""
    may_change: bool = True
    """Whether AWS may offer it one day."""


def refused_offers(snapshot: Snapshot, offered: tuple[str, ...] = ()) -> Iterator[RefusedInput]:
    """Yield the values that AWS does not offer where they are asked for; ``offered`` is what somebody knows better."""
    return (one for one, sure in _judged(snapshot, offered) if sure)


def unknown_offers(snapshot: Snapshot, offered: tuple[str, ...] = ()) -> Iterator[RefusedInput]:
    """Yield the values that the table does not know and that may be newer than it."""
    return (one for one, sure in _judged(snapshot, offered) if not sure)


def as_of() -> str:
    """Return the day of the table."""
    return str(_table()["as_of"])


def known_regions() -> list[str]:
    """List the regions that the table has."""
    found: list[str] = _table()["regions"]
    return found


def versioned_engines() -> list[str]:
    """List the engines whose versions the table has."""
    return list(_table()["versions"])


def _judged(snapshot: Snapshot, offered: tuple[str, ...]) -> Iterator[tuple[RefusedInput, bool]]:
    providers = Providers(snapshot)
    for resource in snapshot.resources:
        if not resource.custom or not resource.type.startswith("aws:"):
            continue
        region = providers.region(resource)
        lacking = _table()["lacking"].get(resource.type, ())
        if region in lacking and region not in offered:
            there = [name for name in _table()["regions"] if name not in lacking]
            reason = f"has none of these as of {as_of()}; there are some in {', '.join(there)}"
            yield RefusedInput(resource, "region", region, _unless_by_now(reason, region)), True
        for path, kind in _asked_of(resource.type):
            for place, value in values_at(resource.inputs, path):
                said = _JUDGES[kind.partition(":")[0]](value, resource, region) if isinstance(value, str) else None
                if said and value not in offered:
                    changes = said.sure and said.may_change
                    reason = _unless_by_now(said.reason, value) if changes else said.reason
                    yield RefusedInput(resource, place, value, reason), said.sure


def _unless_by_now(reason: str, value: str) -> str:
    begin = f"{reason} If" if reason.endswith("?") else f"{reason}; if"
    return f"{begin} AWS offers it by now, say platform.offered: [{value}]"


def _asked_of(type_: str) -> Iterator[tuple[str, str]]:
    table = _inputs()
    yield from table.get(type_, {}).items()
    yield from table["*"].items()


def _class(kind: str) -> Callable[[str, Resource, str], OfferVerdict | None]:
    def judge(value: str, resource: Resource, region: str) -> OfferVerdict | None:
        return _of_class(value, kind, region)

    return judge


def _database_class(value: str, resource: Resource, region: str) -> OfferVerdict | None:
    engine = resource.inputs.get("engine")
    # A replica has the engine of what it copies, and a class of Aurora may be serverless.
    kind = f"rds:{engine}" if f"rds:{engine}" in _table()["classes"] else "rds"
    return None if value == "db.serverless" else _of_class(value, kind, region)


def _of_class(value: str, kind: str, region: str) -> OfferVerdict | None:
    regions = classes_of(kind)
    known = regions.get(value)
    if known is None:
        close = nearest(value, regions)
        # AWS adds families, and seldom a size to one.
        if _FORMS[kind.partition(":")[0]].fullmatch(value) and _family(value) not in set(map(_family, regions)):
            return OfferVerdict(f"is not among the classes that AWS had on {as_of()}{close}", sure=False)
        return OfferVerdict(f"does not exist{close}", sure=True)
    if region in _table()["regions"] and region not in known:
        here = [name for name, places in regions.items() if region in places]
        if not here:
            return None
        return OfferVerdict(
            f"is not offered in {region} as of {as_of()}; there is {', '.join(_closest(value, here))}", sure=True
        )
    return None


def _family(name: str) -> str:
    return name.removesuffix(_SEARCH).rpartition(".")[0]


def _size(name: str) -> str:
    return name.removesuffix(_SEARCH).rpartition(".")[2]


def _closest(value: str, there: list[str]) -> list[str]:
    """Return what comes nearest: of the same size first, as alike as can be."""
    same = [name for name in there if _size(name) == _size(value)]
    return difflib.get_close_matches(value, same or there, n=_NEAREST, cutoff=0)


def _version(value: str, resource: Resource, _: str) -> OfferVerdict | None:
    engine = resource.inputs.get("engine") or _ENGINES.get(resource.type)
    known: list[str] = _table()["versions"].get(engine, [])
    if not known or "x" in value or any(one == value or one.startswith(f"{value}.") for one in known):
        return None
    wanted = _numbers(value)
    same = [one for one in known if _numbers(one)[:1] == wanted[:1]]
    if wanted > max(map(_numbers, same or known)):
        return OfferVerdict(f"is not among the versions of {engine} that AWS had on {as_of()}", sure=False)
    close = min(same or known, key=lambda one: [abs(a - b) for a, b in zip_longest(_numbers(one), wanted, fillvalue=0)])
    return OfferVerdict(f'is no version of {engine}; the nearest is "{close}"', sure=True)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def _runtime(value: str, resource: Resource, _: str) -> OfferVerdict | None:
    row = _table()["runtimes"].get(value)
    if row is None:
        return None
    create, update, successor = row["create"], row["update"], row["successor"]
    instead = f"; its successor is {successor}" if successor else ""
    if update and update <= as_of():
        return OfferVerdict(
            f"has been taken from Lambda, also from functions that have it, on {update}{instead}",
            sure=True,
            may_change=False,
        )
    if create and create <= as_of():
        return OfferVerdict(f"is taken for functions that have it, but no new ones since {create}{instead}", sure=False)
    return None


def _kubernetes(value: str, resource: Resource, _: str) -> OfferVerdict | None:
    versions = kubernetes_versions()
    found = versions.get(value)
    if found:
        ended = found.extended_ends <= kubernetes_as_of()
        reason = f"has been without support since {found.extended_ends}"
        return OfferVerdict(reason, sure=True, may_change=False) if ended else None
    if _numbers(value) > max(map(_numbers, versions)):
        return OfferVerdict(f"is not among the versions that EKS had on {kubernetes_as_of()}", sure=False)
    if _numbers(value) < min(map(_numbers, versions)):
        return OfferVerdict("has been without support for long", sure=True, may_change=False)
    return OfferVerdict(f"is no version that EKS runs{nearest(value, versions)}", sure=True)


def _zone(value: str, resource: Resource, region: str) -> OfferVerdict | None:
    if not region or not re.fullmatch(r"[a-z]+(-[a-z]+)+-\d.*", value):
        return None
    if not value.startswith(region):
        return OfferVerdict(f"is not in {region}", sure=True, may_change=False)
    letters = zones_of(region)
    if letters and value.removeprefix(region) not in letters and len(value) == len(region) + 1:
        there = ", ".join(f"{region}{letter}" for letter in letters)
        return OfferVerdict(f"is not among the zones that new accounts see; these are {there}", sure=False)
    return None


_JUDGES: Mapping[str, Callable[[str, Resource, str], OfferVerdict | None]] = {
    "ec2": _class("ec2"),
    "cache": _class("cache"),
    "search": _class("search"),
    "database": _database_class,
    "version": _version,
    "runtime": _runtime,
    "kubernetes": _kubernetes,
    "zone": _zone,
}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return table


@cache
def _inputs() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = read_data(TYPES)["offers"]
    return table


@cache
def classes_of(kind: str) -> dict[str, frozenset[str]]:
    """Map every class of a kind to the regions that have it; of ``rds``, whatever the engine."""
    tables = _table()["classes"]
    found: dict[str, frozenset[str]] = {}
    for name, families in tables.items():
        if name != kind and not (kind == "rds" and name.startswith("rds:")):
            continue
        for family, by_mask in families.items():
            for mask, sizes in by_mask.items():
                places = _places(mask)
                for size in sizes.split():
                    whole = f"{family}.{size}{_SEARCH if name == 'search' else ''}"
                    found[whole] = found.get(whole, frozenset()) | places
    return found


@cache
def _places(mask: str) -> frozenset[str]:
    """Read the regions of a number whose lowest bit is the first region."""
    bits = int(mask, 16)
    return frozenset(name for place, name in enumerate(_table()["regions"]) if bits >> place & 1)
