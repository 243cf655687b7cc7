"""What k6 measured, held against what a simulation says of the same load."""

from __future__ import annotations

import datetime
import importlib.util
import json
import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwork.components.settings import Settings
from groundwork.installation import extra_command
from groundwork.operations.errors import OperationError
from groundwork.operations.loadtest.files import REPORTS
from groundwork.operations.loadtest.plan import CROWD, LoadCapacity, LoadPlan, scenario_of
from groundwork.operations.loadtest.shapes import LoadShape
from groundwork.simulation.scenario import EventSettings
from groundwork.simulation.tiers import platform_of

_NOON = 12 * 60
_WARM = 60
"""Minutes of a simulated day after which copies are as many as the load wants."""


@dataclass(frozen=True)
class LoadFigure:
    """A number that was said, measured, or both."""

    name: str
    unit: str
    said: float | None
    measured: float | None


@dataclass(frozen=True)
class ServiceReport:
    """What became of a service's load, where it was the one that counts."""

    name: str
    figures: tuple[LoadFigure, ...]


@dataclass(frozen=True)
class LoadReport:
    """A load test that was run."""

    stack: str
    at: datetime.datetime
    shape: LoadShape
    minutes: float
    host: str
    rate: float
    """Requests a second that were asked for at most."""
    services: tuple[ServiceReport, ...]
    crossed: tuple[str, ...]
    """k6's thresholds that were not held."""
    elsewhere: int
    """Answers that did not come from the stack."""
    design: LoadCapacity | None = None
    """What it was to hold by its design."""
    unsaid: str = ""
    """Why no simulation is beside it."""

    @property
    def well(self) -> bool:
        """Tell whether all thresholds were held and every answer was the stack's."""
        return not (self.crossed or self.elsewhere)

    def to_json(self) -> dict[str, Any]:
        """Return it as it is written beside the test."""
        return {
            "stack": self.stack,
            "at": self.at.isoformat(timespec="seconds"),
            "shape": self.shape.value,
            "minutes": self.minutes,
            "host": self.host,
            "rate": round(self.rate, 3),
            "well": self.well,
            "crossed": list(self.crossed),
            "elsewhere": self.elsewhere,
            "services": {
                one.name: {
                    figure.name: {"unit": figure.unit, "said": figure.said, "measured": figure.measured}
                    for figure in one.figures
                }
                for one in self.services
            },
            **({"design": {"rate": self.design.rate, "gives": self.design.gives}} if self.design else {}),
            **({"unsaid": self.unsaid} if self.unsaid else {}),
        }


def read_summary(file: Path) -> dict[str, Any]:
    """Return k6's summary; OperationError where there is none that can be read."""
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OperationError(f"k6 left no summary that can be read ({file.name}): {error}") from None
    if not isinstance(summary, dict) or not isinstance(summary.get("metrics"), dict):
        raise OperationError(f"{file.name} is no summary of k6's: it has no metrics")
    return summary


def report_of(
    plan: LoadPlan,
    summary: Mapping[str, Any],
    settings: Settings,
    label: str,
    at: datetime.datetime,
) -> LoadReport:
    """Return what was measured beside what is said of the same load."""
    metrics = summary["metrics"]
    missing = [name for name in ("numba", "numpy") if importlib.util.find_spec(name) is None]
    said = {} if missing else dict(_said(plan, settings, label))
    crossed = [
        f"{name} {threshold}"
        for name, metric in sorted(metrics.items())
        for threshold, state in (metric.get("thresholds") or {}).items()
        if not state.get("ok", True)
    ]
    return LoadReport(
        plan.stack,
        at,
        plan.shape,
        plan.minutes,
        plan.services[0].host,
        plan.rate,
        tuple(ServiceReport(one.name, tuple(_figures(one.name, metrics, said, plan))) for one in plan.services),
        tuple(crossed),
        int(_value(metrics, "elsewhere", "count") or 0),
        plan.design,
        f"{' and '.join(missing)} for it: {extra_command('simulate')}" if missing else "",
    )


def _figures(
    service: str, metrics: Mapping[str, Any], said: Mapping[str, Mapping[str, float]], plan: LoadPlan
) -> Iterator[LoadFigure]:
    held = f"{{service:{service},part:held}}"
    simulated = said.get(service, {})
    begins, ends = plan.held
    asked = _value(metrics, f"http_reqs{held}", "count")
    done = None if asked is None else asked / max(ends - begins, 1)
    level = CROWD if plan.shape is LoadShape.SPIKE else 1
    wanted = next(one.rate for one in plan.services if one.name == service) * level
    yield LoadFigure("requests", "/s", wanted, done)
    # Of nothing k6 says 0.
    measured = metrics if asked else {}
    for name, key in (("p50", "med"), ("p95", "p(95)"), ("p99", "p(99)")):
        yield LoadFigure(name, "ms", simulated.get(name), _value(measured, f"http_req_waiting{held}", key))
    failed = _value(measured, f"http_req_failed{held}", "rate")
    yield LoadFigure("failed", "%", simulated.get("failed"), None if failed is None else 100 * failed)
    if dropped := _value(metrics, f"dropped_iterations{{scenario:{service}}}", "count"):
        # The machine that asks was too slow, or all its users waited: what was measured is less than what was meant.
        yield LoadFigure("not asked", "", None, dropped)


def _value(metrics: Mapping[str, Any], metric: str, key: str) -> float | None:
    found = (metrics.get(metric) or {}).get("values", {}).get(key)
    return float(found) if isinstance(found, (int, float)) else None


def _said(plan: LoadPlan, settings: Settings, label: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield what a simulated day says of the load that counts: of a spike while it lasts, else of an hour when copies have come."""
    from groundwork.simulation.day import simulate  # noqa: PLC0415 - it needs what not everybody has installed

    begins, ends = plan.held
    minutes = max(1, math.ceil((ends - begins) / 60))
    scenario = scenario_of(plan.usual)
    window = slice(_WARM, _WARM + 60)
    if plan.shape is LoadShape.SPIKE:
        crowd = EventSettings(kind="crowd", at="12:00", minutes=minutes, times=CROWD)
        scenario = scenario.model_copy(update={"events": (crowd,)})
        window = slice(_NOON, _NOON + minutes)
    result = simulate(platform_of(settings, scenario, label), scenario)
    for name, service in result.services.items():
        slowest = service.slowest[window]
        arrived, lost = sum(service.arrived[window]), sum(service.lost[window])
        p50, p95, p99 = (1000 * statistics.median(one[at] for one in slowest) for at in range(3))
        yield name, {"p50": p50, "p95": p95, "p99": p99, "failed": 100 * lost / arrived if arrived else 0.0}


def write_report(report: LoadReport, folder: Path) -> Path:
    """Write a report beside the test, under its time."""
    file = folder / REPORTS / f"{report.at:%Y-%m-%dT%H-%M-%SZ}-{report.shape.value}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report.to_json(), indent=2) + "\n", encoding="utf-8", newline="\n")
    return file
