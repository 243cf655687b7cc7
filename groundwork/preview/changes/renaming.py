"""A key that goes by another name: everything that was built for it goes, and the same comes again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from groundwork.preview.changes.model import Renaming
from groundwork.preview.changes.plan import Plan
from groundwork.preview.snapshot import Resource, Snapshot

_LEAST_ALIKE = 0.5
"""Of what is said of a key: with less in common it is another thing, and not the same under another name."""


def renamings(plan: Plan) -> Iterator[Renaming]:
    """Yield what goes and comes again under another name, with at least one resource of each."""
    by_name = {(one.type, one.name): one for one in plan.created}
    gone = {(one.type, one.name): one for one in plan.deleted}
    taken: set[str] = set()
    for before, after, old, new in [*_keys(plan.base.settings, plan.head.settings), *_components(plan.base, plan.head)]:
        pairs = []
        for (type_, name), resource in gone.items():
            for wanted in _renamed(name, old, new):
                other = by_name.get((type_, wanted))
                if other and not {resource.urn, other.urn} & taken:
                    pairs.append((resource.urn, other.urn))
                    taken |= {resource.urn, other.urn}
                    break
        if pairs:
            yield Renaming(before, after, tuple(pairs))


def _keys(base: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield keys of layers that hold entries, of which one goes and one comes that says mostly the same."""
    for path, was, wanted in _maps(base, head):
        left, come = [key for key in was if key not in wanted], [key for key in wanted if key not in was]
        for old in left:
            alike = {new: _alike(was[old], wanted[new]) for new in come}
            new = max(alike, key=lambda key: alike[key], default=None)
            if new is not None and alike[new] >= _LEAST_ALIKE:
                come.remove(new)
                yield f"{path}.{old}", f"{path}.{new}", old, new


def _maps(base: Mapping[str, Any], head: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    for key, was in base.items():
        wanted = head.get(key)
        if isinstance(was, dict) and isinstance(wanted, dict) and was != wanted:
            inner = f"{path}.{key}" if path else key
            if was.keys() != wanted.keys():
                yield inner, was, wanted
            yield from _maps(was, wanted, inner)


def _alike(before: Any, after: Any) -> float:
    """Return the share of what two values have in common: 1 for the same."""
    if before == after:
        return 1.0
    if not isinstance(before, dict) or not isinstance(after, dict):
        return 0.0
    keys = before.keys() | after.keys()
    return sum(_alike(before.get(key), after.get(key)) for key in keys) / len(keys)


def _components(base: Snapshot, head: Snapshot) -> Iterator[tuple[str, str, str, str]]:
    """Yield components of one type and parent, of which one goes and one comes with parts of the same types."""
    ours, theirs = base.by_urn(), head.by_urn()
    come: dict[Any, list[Resource]] = {}
    for one, form in _forms(head).items():
        if one not in ours:
            come.setdefault((theirs[one].type, theirs[one].parent, form), []).append(theirs[one])
    for one, form in _forms(base).items():
        if one not in theirs:
            found = come.get((ours[one].type, ours[one].parent, form))
            if found:
                other = found.pop(0)
                yield ours[one].name, other.name, ours[one].name, other.name


def _forms(snapshot: Snapshot) -> dict[str, tuple[tuple[str, int], ...]]:
    """Map the URN of each component to the types of what is right below it, and how many of each."""
    counts: dict[str, dict[str, int]] = {one.urn: {} for one in snapshot.resources if not one.custom}
    for one in snapshot.resources:
        if one.parent in counts:
            counts[one.parent][one.type] = counts[one.parent].get(one.type, 0) + 1
    return {urn: tuple(sorted(types.items())) for urn, types in counts.items() if types}


def _renamed(name: str, old: str, new: str) -> Iterator[str]:
    """Yield a name with one name in it replaced by the other, wherever it stands as a whole word."""
    words, wanted = name.split("-"), old.split("-")
    for at in range(len(words) - len(wanted) + 1):
        if words[at : at + len(wanted)] == wanted:
            yield "-".join([*words[:at], new, *words[at + len(wanted) :]])
