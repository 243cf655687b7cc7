"""What differs between an account and its program, for a terminal."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from groundwork.operations.drift.comparing import same
from groundwork.operations.drift.model import ChangedValue, ChangeEvent, Drift, DriftFinding, DriftKind
from groundwork.operations.durations import lasting
from groundwork.preview.styled import Text
from groundwork.preview.text import pulumi_up, short_type

_WIDTH = 80
_WORD = max(len(kind.value) for kind in DriftKind)
_LONGEST = 240
"""Characters of a value; all of it is in ``--json``."""
_BESIDE = "Not in the program"


def lines(drift: Drift, width: int | None) -> Iterator[Text]:
    """Yield it as text, within ``width`` columns (80 where there is no terminal)."""
    wide = width or _WIDTH
    yield Text.assemble((drift.stack, "bold"), f"  {drift.place}, {drift.at:%Y-%m-%d %H:%M} UTC")
    places: dict[str, list[DriftFinding]] = {}
    for finding in drift.findings:
        places.setdefault(finding.place or _BESIDE, []).append(finding)
    for place, findings in sorted(places.items(), key=lambda item: (item[0] == _BESIDE, item[0])):
        yield Text()
        yield Text(place, "bold")
        for finding in findings:
            yield from _finding(finding, drift, wide)
    yield Text()
    yield from _verdict(drift, wide)


def _finding(finding: DriftFinding, drift: Drift, width: int) -> Iterator[Text]:
    indent = " " * (_WORD + 4)
    word = finding.kind.value.upper()
    yield Text.assemble("  ", (f"{word:<{_WORD}}", "bold red"), f"  {finding.name}")
    kind = short_type(finding.type) if finding.place else finding.type
    yield from (Text(part, "dim") for part in _wrapped(f"{kind} {_id(finding.identity)}", width, indent))
    for value in finding.values:
        yield from map(Text, _wrapped(f"{value.property}: {_change(value)}", width, indent))
    for one in finding.says:
        yield from map(Text, _wrapped(f"also there: {one}", width, indent))
    for event in finding.events:
        yield from (Text(part, "yellow") for part in _wrapped(_event(event, drift), width, indent))


def _id(arn: str) -> str:
    """Return what of an ARN tells a resource from others of the account."""
    return arn.split(":", 5)[-1]


def _event(event: ChangeEvent, drift: Drift) -> str:
    return f"{event.what} by {event.who} with {event.by_means_of}, {lasting(event.at, drift.at)} ago"


def _change(value: ChangedValue) -> str:
    if value.hidden:
        return "another value (not shown: it may be a secret)"
    declared, found = _parsed(value.declared), _parsed(value.found)
    if isinstance(declared, Mapping) and isinstance(found, Mapping) and "Statement" in declared:
        return "; ".join(_statements(declared, found)) or "differs beside its statements"
    if isinstance(declared, list) and isinstance(found, list):
        more = [f"+ {_shown(one)}" for one in found if not any(same(other, one) for other in declared)]
        less = [f"- {_shown(one)}" for one in declared if not any(same(one, other) for other in found)]
        return ", ".join((*less, *more)) or f"{len(declared)} → {len(found)}"
    return f"{_shown(declared)} → {_shown(found)}"


def _statements(declared: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Yield which statements of a policy differ, by their ids."""
    ours, theirs = _by_id(declared), _by_id(found)
    yield from (f"statement {name} is gone" for name in ours if name not in theirs)
    yield from (f"statement {name} is added" for name in theirs if name not in ours)
    both = [name for name in ours if name in theirs]
    yield from (
        f"statement {name} differs" for name in both if not same(json.dumps(ours[name]), json.dumps(theirs[name]))
    )


def _by_id(policy: Mapping[str, Any]) -> dict[str, Any]:
    said = policy.get("Statement") or []
    statements = said if isinstance(said, list) else [said]
    return {str(one.get("Sid") or f"{at}"): one for at, one in enumerate(statements, 1) if isinstance(one, Mapping)}


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith(("{", "[")):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _shown(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _verdict(drift: Drift, width: int) -> Iterator[Text]:
    said = f"{drift.compared} of {drift.resources} resources were read and {drift.values} values compared"
    if drift.unknown_values:
        said += f"; {drift.unknown_values} more are secret, or only in Pulumi's state"
    yield from map(Text, _wrapped(said, width, "    ", first=""))
    for title, types in (("Not compared", drift.not_compared), ("Not found by name", drift.not_known)):
        if types:
            named = ", ".join(
                f"{short_type(name)} × {count}" if count > 1 else short_type(name) for name, count in types.items()
            )
            yield from (Text(part, "dim") for part in _wrapped(f"{title}: {named}", width, "    ", first=""))
    for why, names in drift.not_asked.items():
        said = f"Not asked ({', '.join(map(short_type, names))}): {why}"
        yield from (Text(part, "bold yellow") for part in _wrapped(said, width, "    ", first=""))
    if drift.events_refused:
        said = f"Who changed it is not known: {drift.events_refused}"
        yield from (Text(part, "bold yellow") for part in _wrapped(said, width, "    ", first=""))
    if drift.findings:
        counts = {kind: sum(one.kind is kind for one in drift.findings) for kind in DriftKind}
        words = ", ".join(f"{count} {kind.value}" for kind, count in counts.items() if count)
        yield Text(f"Drift: {words}", "bold red")
        back = f"Next: {pulumi_up(drift.stack)} --refresh puts the program's values back; what is to stay belongs into the stack file"
        if counts[DriftKind.ADDED]:
            back += ". What was added Pulumi does not know: remove it by hand, or declare it"
        yield from (Text(part, "cyan") for part in _wrapped(back, width, "    ", first=""))
    elif not drift.not_asked:
        yield Text("No drift.", "green")


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=f"{indent}  " if first is None else indent,
        break_on_hyphens=False,
    ) or [indent]
