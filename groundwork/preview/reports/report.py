"""One answer about one stack, which every face shows: what changes, whether data is safe, what is allowed, what it costs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from groundwork.preview import indented
from groundwork.preview.changes.model import Action, Change, Changes
from groundwork.preview.diagram.graph import Graph, graph_of, graph_of_changes
from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.preview.verdicts import Finding, Verdicts
from guardrails.judgement import Verdict
from guardrails.view import Opaque

_STACK_LEVEL = "stack"
_PLATFORM = "groundwork:platform:Platform"


@dataclass(frozen=True)
class Report:
    """Everything that is known of a stack; ``changes`` where a base was named, ``cost`` where it was estimated."""

    stack: str
    """What the user calls it."""
    snapshot: Snapshot
    verdicts: Verdicts
    changes: Changes | None = None
    cost: Mapping[str, Any] | None = None
    """The estimate's JSON form."""
    cost_before: Mapping[str, Any] | None = None
    """That of the base; None where there is none, or no prices."""

    @cached_property
    def graph(self) -> Graph:
        """Return the picture, with what changes marked and what is deleted still in it."""
        return graph_of_changes(self.snapshot, self.changes) if self.changes else graph_of(self.snapshot)

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """Return what becomes something in the account: components are left out."""
        return tuple(one for one in self.snapshot.resources if one.custom and not one.type.startswith("pulumi:"))

    @cached_property
    def blocking(self) -> list[Finding]:
        return self.verdicts.blocking

    @cached_property
    def advisory(self) -> list[Finding]:
        return [one for one in self.verdicts.of(Verdict.FAIL) if not one.level.stops]

    @property
    def losses(self) -> list[Change]:
        """List what holds data and goes, or may go."""
        return self.changes.losses if self.changes else []

    @property
    def stops(self) -> bool:
        """Tell whether a deployment would be stopped by what is here."""
        return bool(self.blocking or (self.changes and self.changes.refused))

    def actions(self) -> dict[Action, int]:
        """Count the resources of each action, without components."""
        counted = dict.fromkeys(Action, 0)
        for one in self.changes.changes if self.changes else ():
            counted[one.action] += 1
        return counted

    @cached_property
    def findings_of(self) -> dict[str, list[Finding]]:
        """Return what failed, by URN."""
        found: dict[str, list[Finding]] = defaultdict(list)
        for finding in self.verdicts.of(Verdict.FAIL):
            found[finding.resource.urn].append(finding)
        return found

    @cached_property
    def change_of(self) -> dict[str, Change]:
        return {one.urn: one for one in self.changes.changes} if self.changes else {}

    def layer_of(self, urn: str) -> str:
        """Return the layer that a resource belongs to: the component that stands right below the platform, or below the
        stack."""
        by_urn = self._by_urn
        one, below = by_urn.get(urn), ""
        while one is not None and one.parent is not None:
            if not one.custom and one.type != _PLATFORM:
                below = one.type
            one = by_urn.get(one.parent)
        parts = below.split(":")
        return (
            parts[1].partition("/")[0] if len(parts) > 2 and below.startswith("groundwork:") else below or _STACK_LEVEL
        )

    @cached_property
    def _by_urn(self) -> dict[str, Resource]:
        return self.snapshot.by_urn()

    def costs_by(self, key: str) -> list[tuple[str, float]]:
        """List dollars a month by ``layer`` or by ``service``, the most first."""
        sums: dict[str, float] = defaultdict(float)
        for one in self.cost["resources"] if self.cost else ():
            sums[self.layer_of(one["urn"]) if key == "layer" else service_of(one["type"])] += one["monthly"] or 0
        return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


def service_of(type_: str) -> str:
    """Return ``rds`` of ``aws:rds/instance:Instance``; another provider's name."""
    package, _, rest = type_.partition(":")
    return rest.partition(":")[0].partition("/")[0] if package == "aws" else package


def shown(value: Any, longest: int = 80) -> str:
    """Return a property's value as one line: what is secret or unknown by that word, the middle of a long one left
    out."""
    if isinstance(value, Opaque):
        return _readable(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=_readable)
    if len(text) <= longest:
        return text
    half = (longest - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _readable(opaque: Opaque) -> str:
    return f"[{opaque.value}]"


def dollars(amount: float | None) -> str:
    """Format ``$1,234.50``; a figure that is missing is never 0."""
    return "not known" if amount is None else f"${amount:,.2f}"


def cost_line(report: Report) -> str:
    """Return an estimate's totals, and the difference to the base's, as a sentence without a full stop."""
    cost = report.cost
    if not cost:
        return "not estimated"
    total = cost["total"]
    unpriced = len({one["urn"] for one in cost["unpriced"]})
    missing = f"; without {counted(unpriced, 'resource')} that have no price" if unpriced else ""
    return (
        f"{dollars(total['fixed'])} a month fixed, {dollars(total['usage'])} by use; "
        f"from {dollars(total['least'])} to {dollars(total['most'])} as it scales"
        f"{missing}{_cost_change(report)}"
    )


def _cost_change(report: Report) -> str:
    if not report.cost or not report.cost_before or report.changes is None:
        return ""
    lacking, lacked = ({one["urn"] for one in cost["unpriced"]} for cost in (report.cost, report.cost_before))
    if lacking != lacked:
        then = report.cost_before["total"]
        return f"; {report.changes.base} came to {dollars(then['fixed'] + then['usage'])}, but not of the same resources a price is known"
    now, before = (one["total"]["fixed"] + one["total"]["usage"] for one in (report.cost, report.cost_before))
    more = round(now - before, 2)
    if not more:
        return f"; as much as with {report.changes.base}"
    return f"; {dollars(abs(more))} a month {'more' if more > 0 else 'less'} than with {report.changes.base}"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def guardrails_line(report: Report) -> str:
    """Return the verdicts' totals as a sentence without a full stop."""
    verdicts = report.verdicts
    parts = [
        f"{counted(len(report.blocking), 'mandatory finding')}",
        f"{len(report.advisory):,} advisory",
        *(
            f"{len(several):,} {word}"
            for verdict, word in (
                (Verdict.KNOWN, "known from the baseline"),
                (Verdict.EXCEPTED, "excepted"),
                (Verdict.UNDETERMINED, "undetermined"),
            )
            if (several := verdicts.of(verdict))
        ),
    ]
    return f"{', '.join(parts)}; {verdicts.rules:,} rules judged {counted(verdicts.resources, 'resource')}"


def changes_line(report: Report) -> str:
    """Return the changes' totals as a sentence without a full stop."""
    if report.changes is None:
        return f"{counted(len(report.resources), 'resource')}, compared with nothing"
    said = [f"{number:,} to {action.value}" for action, number in report.actions().items() if number]
    base = report.changes.base or "nothing: the stack is new"
    return f"{', '.join(said) or 'none'}; {report.changes.unchanged:,} unchanged, from {base}"


def verdict_line(report: Report) -> str:
    """Return the whole answer in a few words."""
    found = list(_troubles(report))
    return "; ".join(found) if found else "nothing stops this"


def _troubles(report: Report) -> Iterator[str]:
    if report.losses:
        yield f"{counted(len(report.losses), 'resource')} with data would be lost"
    if report.blocking:
        yield counted(len(report.blocking), "mandatory finding")
    if report.changes and report.changes.refused:
        yield counted(len(report.changes.refused), "change") + " would be refused"


def dumps(report: Report) -> str:
    """Return the whole report as JSON (docs/report.md says what the fields are)."""
    from groundwork.preview.diagram.mermaid import mermaid  # noqa: PLC0415 - the other faces need it not
    from groundwork.preview.reports import findings  # noqa: PLC0415 - as above

    snapshot = report.snapshot
    document = {
        "version": 1,
        "stack": report.stack,
        "project": snapshot.project,
        "region": snapshot.region,
        "stops": report.stops,
        "resources": len(report.resources),
        "changes": report.changes.to_json() if report.changes else None,
        "transformed": {
            one.urn: [each.as_dict() for each in one.transformed] for one in snapshot.resources if one.transformed
        },
        "guardrails": json.loads(findings.dumps(report.verdicts)),
        "cost": report.cost,
        "cost_before": report.cost_before,
        "diagram": mermaid(report.graph),
    }
    return indented.dumps(document, default=to_marker)
