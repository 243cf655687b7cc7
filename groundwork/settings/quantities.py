"""Numbers that were written with a unit, such as ``1GB``, ``30s`` and ``$900``, in the unit that a setting takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from groundwork.settings.describing import descriptions
from groundwork.settings.mistakes import Path
from groundwork.settings.model_paths import is_model, model_at

_WRITTEN = re.compile(r"(?P<sign>[$€]?)\s*(?P<number>\d+(?:\.\d+)?|\d{1,3}(?:,\d{3})+)\s*(?P<unit>[A-Za-z%]*)")


class Quantity(NamedTuple):
    """A number as a setting takes it."""

    number: int | float
    unit: str
    """In words, such as ``MiB``; empty where it has none."""


def quantity_meant(path: Path, value: Any) -> Quantity | None:
    """Return what was meant by a quantity that is no plain number; None where nothing tells, or it is no whole number in that unit."""
    unit = _unit_at(path)
    if isinstance(value, float) and unit == _CPU and 0 < value <= _MOST_VCPU:
        return Quantity(round(value * 1024), _CPU_WORDS)
    match = _WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or (match["sign"] and unit != "US dollars"):
        return None
    factor = _factor(unit, match["unit"], match["sign"])
    number = float(match["number"].replace(",", "")) * factor if factor else 0
    whole = round(number)
    if not whole or (abs(whole - number) > _ROUNDING and unit != _CPU):
        return None
    return Quantity(whole, _CPU_WORDS if unit == _CPU else unit)


def quantity_hint(path: Path, value: Any) -> str:
    """Tell how to write such a quantity."""
    meant = quantity_meant(path, value)
    return f"; write {meant.number}{f' ({meant.unit})' if meant.unit else ''}" if meant else ""


_CPU = "CPU units"
_CPU_WORDS = "CPU units, of which 1024 are a vCPU"
_MOST_VCPU = 192
_ROUNDING = 0.001

_TIMES = {
    "milliseconds": (0.001, ("ms",)),
    "seconds": (1, ("s", "sec", "secs", "second")),
    "minutes": (60, ("m", "min", "mins", "minute")),
    "hours": (3600, ("h", "hr", "hrs", "hour")),
    "days": (86400, ("d", "day")),
    "weeks": (7 * 86400, ("w", "week")),
    "years": (365 * 86400, ("y", "year")),
}
_SIZES = {letter: power for power, letter in enumerate("kmgt", 1)}
_THOUSANDS = {"": 1, "k": 1000, "m": 1000000}


def _factor(unit: str, written: str, sign: str) -> float:
    """Return by what to multiply a number with the unit ``written`` for one in ``unit``; 0 where the one says nothing of the other."""
    written = written if written == "M" else written.lower()
    if unit == _CPU:
        return {"m": 1.024, "vcpu": 1024, "vcpus": 1024, "cpu": 1024, "cores": 1024, "core": 1024}.get(written, 0)
    if unit in _TIMES:
        seconds = _times().get(written.lower(), 0)
        return seconds / _times()[unit]
    if re.fullmatch("[KMG]i?B", unit):
        match = re.fullmatch("([kmgt])(i?b?)", written.lower())
        return (1024 if "i" in unit else 1000) ** (_SIZES[match[1]] - _SIZES[unit[0].lower()]) if match else 0
    if unit == "percent":
        return 1 if written in ("%", "percent") else 0
    if unit == "US dollars":
        return 1 if written in ("usd", "dollars") or (sign == "$" and not written) else 0
    return 0 if unit else _THOUSANDS.get(written.lower(), 0)


def _times() -> Mapping[str, float]:
    return {name: seconds for unit, (seconds, short) in _TIMES.items() for name in (unit, *short)}


_SAID = re.compile(r"(Milliseconds|Seconds|Minutes|Hours|Days|Percent|CPU units|US dollars|[KMG]i?B)\b")
_NAMED = re.compile(r"(?:^|_)(ms|seconds|minutes|hours|days|percent|[kmg]i?b)$")


def _unit_at(path: Path) -> str:
    """Return the unit of the number that a setting takes, by the first word about it or by its name; empty where neither says one."""
    model = model_at(path[:-1]) if path else None
    if model is None or not is_model(model):
        return ""
    name = next((name for name, field in model.model_fields.items() if path[-1] in (name, field.alias)), "")
    said = _SAID.match(descriptions(model).get(name, ""))
    if said:
        return said[1] if said[1].endswith("B") or said[1] in (_CPU, "US dollars") else said[1].lower()
    named = _NAMED.search(str(path[-1]))
    if not named:
        return ""
    short = named[1]
    return "milliseconds" if short == "ms" else short[0].upper() + short[1:-1] + "B" if short.endswith("b") else short
