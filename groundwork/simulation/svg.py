"""A simulated day as a picture that needs nothing else: no script, no font, no network; light and dark as the reader has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from groundwork.preview.reports.escaping import printable
from groundwork.simulation.day import DayResult
from groundwork.simulation.scenario import MINUTES
from groundwork.simulation.text import duration, extremes, number

_WIDTH, _LEFT, _RIGHT = 800, 150, 110
_PANEL, _GAP, _TOP = 56, 26, 54
_EACH = 5
"""Minutes for a point."""
_STYLE = (
    "svg.day{--paper:#fff;--ink:#1f2328;--soft:#57606a;--rule:#8c959f55;--requests:#0969da;--copies:#bc4c00;--latency:#8250df;--cpu:#1a7f37;"
    "--event:#cf222e;font-family:Helvetica,Arial,'Liberation Sans',sans-serif;font-size:12px}"
    "@media(prefers-color-scheme:dark){svg.day{--paper:#0d1117;--ink:#e6edf3;--soft:#9198a1;--rule:#6e768188;--requests:#58a6ff;--copies:#f0883e;"
    "--latency:#bc8cff;--cpu:#3fb950;--event:#ff7b72}}"
    ".day .paper{fill:var(--paper)}.day text{fill:var(--ink)}.day .soft{fill:var(--soft)}.day .rule{stroke:var(--rule);fill:none}"
    + "".join(
        f".day .{name}{{stroke:var(--{name});fill:var(--{name});fill-opacity:.12;stroke-width:1.5}}"
        for name in ("requests", "copies", "latency", "cpu")
    )
    + ".day .event{fill:var(--event);fill-opacity:.1}"
)


_Panel = tuple[str, str, Sequence[float], str, float | None]
"""Name, kind, values of the minutes, the highest in words, and what the panel ends at; None for the highest."""


def svg(result: DayResult, label: str) -> str:
    """Return the picture: for each service its requests, its copies and how long 95 % of requests took, then the database."""
    panels = list(_panels(result))
    height = _TOP + len(panels) * (_PANEL + _GAP) + 20
    bottom = height - 20 - _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="day" role="img" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'aria-label="{_text(f"A simulated day of {label}")}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        f'<text x="16" y="24" font-weight="600">{_text(label)}</text>',
        f'<text class="soft" x="16" y="42">{_text(_about(result))}</text>',
        *_events(result, bottom),
        *_hours(bottom),
    ]
    for place, panel in enumerate(panels):
        parts += _panel(_TOP + place * (_PANEL + _GAP), panel)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _about(result: DayResult) -> str:
    scenario = result.scenario
    shape = "a curve of its own" if scenario.curve else f"{scenario.day} traffic"
    return f"{result.platform.asked:,.0f} requests and messages, {shape}, {'drawn one by one' if result.method == 'events' else 'as a fluid'}"


def _panels(result: DayResult) -> Iterator[_Panel]:
    for name, service in result.services.items():
        what = "requests" if service.tier.public else "messages"
        yield f"{name}: {what}", "requests", service.arrived, f"{number(max(service.arrived) / 60)} a second", None
        yield f"{name}: copies", "copies", service.copies, f"{max(service.copies)}", None
        slow = [one[1] for one in service.slowest]
        yield f"{name}: 95 % within", "latency", slow, duration(max(slow)), None
        yield f"{name}: CPU", "cpu", service.utilization, f"{max(service.utilization):.0f} %", 100.0
    if result.platform.database:
        yield "database: CPU", "cpu", result.database, f"{max(result.database):.0f} %", 100.0


def _x(minute: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * minute / MINUTES


def _panel(y: float, panel: _Panel) -> Iterator[str]:
    name, kind, values, most, top = panel
    points = extremes(values, _EACH, min if kind == "copies" else max)
    highest = top or max(points) or 1.0
    base = y + _PANEL
    curve = " ".join(
        f"{_x(_EACH * (place + 0.5)):.1f},{base - _PANEL * min(point / highest, 1):.1f}"
        for place, point in enumerate(points)
    )
    yield f'<text x="{_LEFT - 10}" y="{base - _PANEL / 2 + 4:g}" text-anchor="end">{_text(name)}</text>'
    yield f'<path class="rule" d="M{_LEFT} {base:g}H{_WIDTH - _RIGHT}"/>'
    yield f'<polygon class="{kind}" points="{_x(0):.1f},{base:g} {curve} {_x(MINUTES):.1f},{base:g}"><title>{_text(name)}: at most {_text(most)}</title></polygon>'
    yield f'<text class="soft" x="{_WIDTH - _RIGHT + 8}" y="{y + 12:g}">{_text(most)}</text>'


def _events(result: DayResult, bottom: float) -> Iterator[str]:
    for event in result.scenario.events:
        left, right = _x(event.begins), _x(min(event.begins + event.minutes, MINUTES))
        what = {
            "crowd": f"{event.times:g} times the requests",
            "zone-lost": "a zone is lost",
            "slow-database": f"a database {event.times:g} times slower",
        }
        yield (
            f'<rect class="event" x="{left:.1f}" y="{_TOP - 8}" width="{max(right - left, 1):.1f}" height="{bottom - _TOP + 8:g}">'
            f"<title>{_text(f'{event.at}: {what[event.kind]}')}</title></rect>"
        )


def _hours(bottom: float) -> Iterator[str]:
    for hour in range(0, 25, 3):
        x = _x(hour * 60)
        yield f'<path class="rule" d="M{x:.1f} {_TOP - 8}V{bottom:g}"/><text class="soft" x="{x:.1f}" y="{bottom + 16:g}" text-anchor="middle">{hour}:00</text>'


def _text(text: str) -> str:
    return escape(printable(text), {'"': "&quot;"})
