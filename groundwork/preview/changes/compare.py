"""From two snapshots of a stack to the changes between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from groundwork.preview import moves
from groundwork.preview.changes.holding import gravity, loss_of
from groundwork.preview.changes.interruptions import interruption_of
from groundwork.preview.changes.model import Action, Change, Changes, Forces, PropertyChange, RefusedUpdate
from groundwork.preview.changes.plan import Plan
from groundwork.preview.changes.renaming import renamings
from groundwork.preview.changes.values import Comparison
from groundwork.preview.snapshot import Resource, Snapshot

_ORDER = (Action.REPLACE, Action.DELETE, Action.UPDATE, Action.CREATE)


def compare(
    base: Snapshot,
    head: Snapshot,
    *,
    base_name: str = "",
    head_name: str = "",
    notes: Iterable[str] = (),
) -> Changes:
    """Return what an update would do with a stack that stands as ``base`` and is told ``head``; the names are what the user knows
    them by. ``notes`` are added to the answer's own."""
    plan = Plan(base, head)
    found = [*_kept(plan), *_gone(plan), *_new(plan)]
    comparison = Comparison()
    return Changes(
        base=base_name,
        head=head_name,
        changes=tuple(sorted(found, key=_rank)),
        unchanged=len(plan.pairs) - len(plan.replaced) - len(plan.updated),
        settings=() if base.real else tuple(_settings(comparison, base, head)),
        outputs=() if base.real else tuple(comparison.differences(plan.translate(base.outputs), head.outputs)),
        renamed=tuple(renamings(plan)),
        refused=tuple(_refused(plan)),
        hidden=plan.hidden,
        gone=tuple(_not_in_head(plan)),
        notes=tuple(notes),
    )


def _not_in_head(plan: Plan) -> Iterator[Resource]:
    deleted, there = {one.urn for one in plan.deleted}, plan.head.by_urn()
    for one in plan.base.resources:
        if one.urn in deleted or (not one.custom and one.urn not in there):
            yield one


def _rank(change: Change) -> tuple[bool, int, int, bool]:
    # Sorting keeps the order of the tree among equals.
    place = gravity(change.type) if change.loss else 0
    return (change.loss is None, place, _ORDER.index(change.action), not change.interruption)


def _kept(plan: Plan) -> Iterator[Change]:
    """Yield updates and replacements."""
    for urn, pair in {**plan.updated, **plan.replaced}.items():
        properties = sorted(plan.differences[urn], key=lambda one: list(Forces).index(one.forces))
        replaced = urn in plan.replaced
        may = not replaced and any(one.forces is Forces.MAYBE for one in properties)
        yield replace(
            _change(Action.REPLACE if replaced else Action.UPDATE, pair.after),
            former=pair.before.urn if pair.before.urn != urn else "",
            properties=tuple(properties),
            may_replace=may,
            protected=replaced and bool(pair.before.options.get("protect")),
            loss=loss_of(pair.before, Action.REPLACE) if replaced or may else None,
            interruption="" if replaced else interruption_of(pair.after, properties),
        )


def _gone(plan: Plan) -> Iterator[Change]:
    components = _outermost(plan.base, plan.head)
    for resource in plan.deleted:
        retained = bool(resource.options.get("retainOnDelete"))
        yield replace(
            _change(Action.DELETE, resource),
            protected=bool(resource.options.get("protect")),
            retained=retained,
            loss=None if retained else loss_of(resource, Action.DELETE),
            component=components.get(resource.urn, ""),
        )


def _new(plan: Plan) -> Iterator[Change]:
    components = _outermost(plan.head, plan.base)
    for resource in plan.created:
        yield replace(_change(Action.CREATE, resource), component=components.get(resource.urn, ""))


def _change(action: Action, one: Resource) -> Change:
    return Change(action, one.urn, one.type, one.name, one.parent, one.source)


def _outermost(snapshot: Snapshot, other: Snapshot) -> dict[str, str]:
    """Map URNs to the outermost component above it that only this snapshot has."""
    there = other.by_urn()
    found: dict[str, str] = {}
    for resource in snapshot.resources:
        above = found.get(resource.parent or "", "")
        own = resource.urn if not resource.custom and resource.parent and resource.urn not in there else ""
        if above or own:
            found[resource.urn] = above or own
    return found


def _refused(plan: Plan) -> Iterator[RefusedUpdate]:
    for one in moves.refusals(plan):
        if not one.loses:
            yield RefusedUpdate(one.resource.urn, one.resource.name, one.resource.type, one.reason)


def _settings(comparison: Comparison, base: Snapshot, head: Snapshot) -> Iterator[PropertyChange]:
    """Yield how settings differ, where both say theirs: an export does not."""
    if base.settings and head.settings:
        yield from comparison.differences(_with_region(base), _with_region(head))


def _with_region(snapshot: Snapshot) -> Mapping[str, object]:
    return {"aws:region": snapshot.region, **{key: said for key, said in snapshot.settings.items() if key != "region"}}
