"""A line: what the load asks of a part of the design, and what that part can give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from groundwork.settings.data_file import read_data


class LineKind(NamedTuple):
    """What lines of a kind mean, and where that is from."""

    label: str
    gives: str
    formula: str
    limit: str
    source: str
    most: Any = None
    """AWS's own number, or several by name."""
    beyond: str = "breaks"
    """``costs`` where passing the limit costs money rather than requests."""


@cache
def kinds() -> dict[str, LineKind]:
    """Return every kind of lines by name."""
    return {name: LineKind(**row) for name, row in read_data(Path(__file__).parent / "lines.yaml").items()}


@dataclass(frozen=True)
class CapacityLine:
    """Something that the load asks for, held against what there is."""

    kind: str
    of: str
    """The service, the queue or whatever else there are several of; empty where there is one."""
    load: float
    limit: float
    setting: str
    """What moves the limit."""
    times: float | None = None
    """How many times the load it holds; None for what does not grow with it."""
    note: str = ""

    @property
    def label(self) -> str:
        return kinds()[self.kind].label.format(of=self.of).strip()

    @property
    def gives(self) -> str:
        """Return what happens at the limit: ``the database takes no more connections``."""
        return " ".join(kinds()[self.kind].gives.format(of=self.of).split())

    @property
    def costs(self) -> bool:
        """Tell whether to pass the limit costs money, and no requests."""
        return kinds()[self.kind].beyond == "costs"

    @property
    def is_passed(self) -> bool:
        """Tell whether the load is beyond the limit."""
        return self.load > self.limit or (self.times is not None and self.times < 1)

    @property
    def breaks(self) -> bool:
        """Tell whether the load is beyond a limit that costs requests, and not only money."""
        return self.is_passed and not self.costs

    @property
    def headroom(self) -> float:
        """Return the percent of the limit that the load leaves; negative beyond it."""
        return 100 * (1 - self.load / self.limit) if self.limit else -100.0


@dataclass(frozen=True)
class UndeclaredUsage:
    """A line that cannot be drawn, since nobody says how much of it there is."""

    label: str
    setting: str
    """What would say it."""


def proportional(kind: str, of: str, load: float, limit: float, setting: str, *, note: str = "") -> CapacityLine:
    """Return the line of what grows as the load does."""
    return CapacityLine(kind, of, load, limit, setting, limit / load if load else None, note)


def growing(
    kind: str, of: str, load_at: Callable[[float], float], limit: float, setting: str, *, note: str = ""
) -> CapacityLine:
    """Return the line of what grows with the load in steps, or from a level on. ``load_at`` is what it asks at so many times the load."""
    return CapacityLine(kind, of, load_at(1), limit, setting, _times(load_at, limit), note)


_MOST = 1_000_000.0
_STEPS = 40


def _times(load_at: Callable[[float], float], limit: float) -> float | None:
    """Return at how many times the load a limit is reached; None where it never is."""
    if load_at(_MOST) <= limit:
        return None
    low, high = 0.0, _MOST
    for _ in range(_STEPS):
        # Most answers are small: halving their logarithms finds them as exactly as large ones.
        middle = (low * high) ** 0.5 if low else high / 16
        if load_at(middle) <= limit:
            low = middle
        elif middle < 1e-6:
            return 0.0
        else:
            high = middle
    return low
