"""A stack's capacity for a terminal of 80 columns, and as JSON."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

from groundwork.capacity.capacity import ONE_A_SECOND, StackCapacity
from groundwork.capacity.line import CapacityLine, kinds
from groundwork.preview.styled import Text

_WIDTH = 80
_LABEL, _NUMBER, _TIMES, _GAP = 26, 8, 7, 2
_SETTING = _WIDTH - _LABEL - 2 * _NUMBER - _TIMES - _GAP
_NEAR = 1.5
"""Times the load below which a line is told in yellow."""


def lines(found: StackCapacity, label: str) -> Iterator[Text]:
    """Yield what gives first, then every line with its load, its limit, how many times the load it holds, and what moves it."""
    load = found.load
    first, *rest = textwrap.wrap(f"{label}: {', '.join(_about(found))}", _WIDTH, break_on_hyphens=False)
    yield Text.assemble((label, "bold"), first.removeprefix(label))
    yield from map(Text, rest)
    if load.scenario is ONE_A_SECOND:
        words = "The stack file does not say how much that is: visitors and requests under groundwork:usage."
        yield from (Text(line, "yellow") for line in textwrap.wrap(words, _WIDTH, break_on_hyphens=False))
    yield Text()
    yield from _verdict(found)
    yield Text()
    yield Text(f"{'':{_LABEL}}{'load':>{_NUMBER}}{'limit':>{_NUMBER}}{'holds':>{_TIMES}}{'':{_GAP}}moved by", "dim")
    for topic, ones in found.lines.items():
        if ones:
            yield Text(topic, "bold")
        for one in ones:
            yield from _line(one)
    if found.undeclared:
        yield Text()
        words = "; ".join(f"{one.label} ({one.setting})" for one in found.undeclared)
        yield from map(
            Text,
            textwrap.wrap(
                f"Not told, since the stack file does not say how much there is: {words}",
                _WIDTH,
                break_on_hyphens=False,
            ),
        )
    assumed = [tier.name for tier in load.platform.tiers if "cpu_ms" not in tier.work.model_fields_set]
    if assumed:
        words = (
            f"Assumed of {', '.join(assumed)}: 20 ms of CPU for a request. usage.services says it, from a load test."
        )
        yield from map(Text, textwrap.wrap(words, _WIDTH))


def _about(found: StackCapacity) -> Iterator[str]:
    load = found.load
    if load.scenario is ONE_A_SECOND:
        yield "held against one request a second on average"
    elif load.public:
        yield f"{load.visitors:,.0f} visitors a day"
    if load.public:
        yield f"{number(load.requests_at_peak)} requests a second at the peak"
    if load.messages:
        yield f"{load.messages:,.0f} messages a day"


def _verdict(found: StackCapacity) -> Iterator[Text]:
    for one in found.broken:
        yield from _wrapped(
            "beyond",
            "red",
            f"{one.label}: {number(one.load)}, and {number(one.limit)} is the most. Moved by {one.setting}",
        )
    if not found.broken:
        words = _what_gives(found) if found.first else "nothing of it grows with this load"
        yield from _wrapped("holds", "green", words)


def _what_gives(found: StackCapacity) -> str:
    """Say what gives first, and what would next."""
    first, *others = found.order
    words = f"At {number(first.times or 0)} times this load, first of all, {first.gives}: {first.setting}"
    after = next((line for line in others if line.kind != first.kind), None)
    return f"{words}. Then, at {number(after.times or 0)} times, {after.gives}: {after.setting}" if after else words


def _wrapped(head: str, style: str, words: str) -> Iterator[Text]:
    first, *rest = textwrap.wrap(words, _WIDTH - 8, break_on_hyphens=False)
    yield Text.assemble((f"{head:8}", style), first)
    yield from (Text(f"{'':8}{line}") for line in rest)


def _line(line: CapacityLine) -> Iterator[Text]:
    costs = line.is_passed and line.costs
    style = "red" if line.breaks else "yellow" if costs or (line.times is not None and line.times < _NEAR) else ""
    # A path goes on in the next line after one of its dots.
    first, *rest = [
        one.replace(". ", ".")
        for one in textwrap.wrap(re.sub(r"\.(?=[a-z])", ". ", line.setting), _SETTING, break_on_hyphens=False)
    ]
    label = f"  {line.label}"
    if len(label) >= _LABEL:
        yield Text(label)
        label = ""
    times = "-" if line.times is None else ">999×" if line.times > 999 else f"{number(line.times)}×"
    yield Text.assemble(
        f"{label:{_LABEL}}{number(line.load):>{_NUMBER}}{number(line.limit):>{_NUMBER}}",
        (f"{times:>{_TIMES}}", style),
        f"{'':{_GAP}}{first}",
    )
    yield from (Text(f"{'':{_WIDTH - _SETTING}}{one}") for one in rest)
    notes = [line.note, "beyond it costs more" if costs else ""]
    words = "; ".join(note for note in notes if note)
    yield from (Text(f"    {one}", "dim") for one in textwrap.wrap(words, _WIDTH - 4))


def number(value: float) -> str:
    """Return a number with about three digits that count: ``0.042``, ``3.1``, ``1,234``."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:,.3g} M" if value < 1_000_000_000 else f"{value:.1e}"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.001 else "<0.001" if value else "0"


def dumps(found: StackCapacity) -> str:
    """Return the same as JSON, with the formula and the source of each line."""
    first = found.first
    document = {
        "load": {
            "visitors": found.load.visitors,
            "requests_a_second": found.load.requests_at_peak,
            "messages": found.load.messages,
        },
        "holds": {
            "times": first.times if first else None,
            "requests_a_second": found.requests_a_second,
            "first": first.label if first else None,
            "setting": first.setting if first else None,
        },
        "beyond": [line.label for line in found.broken],
        "lines": [_row(topic, line) for topic, ones in found.lines.items() for line in ones],
        "unsaid": {one.label: one.setting for one in found.undeclared},
    }
    return json.dumps(document, indent=2) + "\n"


def _row(topic: str, line: CapacityLine) -> dict[str, object]:
    kind = kinds()[line.kind]
    return {
        "topic": topic,
        "kind": line.kind,
        "label": line.label,
        "of": line.of or None,
        "load": line.load,
        "limit": line.limit,
        "headroom_percent": line.headroom,
        "times": line.times,
        "beyond": line.is_passed,
        "breaks": line.breaks,
        "setting": line.setting,
        "note": line.note,
        "formula": kind.formula,
        "held_against": kind.limit,
        "source": kind.source,
    }
