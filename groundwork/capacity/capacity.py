"""All lines of a stack under its load, and which of them gives first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from groundwork.capacity import compute, data, edge, messages
from groundwork.capacity.line import CapacityLine, UndeclaredUsage
from groundwork.capacity.load import DeclaredLoad, load_of
from groundwork.components.settings import Settings
from groundwork.components.usage.settings import UsageSettings
from groundwork.simulation.scenario import Scenario

TOPICS: Mapping[str, Callable[[DeclaredLoad], Iterator[CapacityLine | UndeclaredUsage]]] = {
    "services": compute.lines,
    "data": data.lines,
    "queues and functions": messages.lines,
    "edge and network": edge.lines,
}
"""What lines are of → who draws them, in the order in which they are shown."""


@dataclass(frozen=True)
class StackCapacity:
    """A stack held against its load."""

    load: DeclaredLoad
    lines: Mapping[str, tuple[CapacityLine, ...]]
    """By topic."""
    undeclared: tuple[UndeclaredUsage, ...]

    @property
    def all_lines(self) -> tuple[CapacityLine, ...]:
        return tuple(line for lines in self.lines.values() for line in lines)

    @property
    def order(self) -> tuple[CapacityLine, ...]:
        """Return what grows with the load in the order in which it gives, without what only costs."""
        grows = [line for line in self.all_lines if line.times is not None and not line.costs]
        return tuple(sorted(grows, key=lambda line: line.times or 0.0))

    @property
    def first(self) -> CapacityLine | None:
        """Return what gives first as the load grows; None where nothing grows with it."""
        return next(iter(self.order), None)

    @property
    def broken(self) -> tuple[CapacityLine, ...]:
        """Return the lines whose limits the load itself is beyond already."""
        return tuple(line for line in self.all_lines if line.breaks)

    @property
    def requests_a_second(self) -> float | None:
        """Return how many requests a second it holds, all of the load growing alike; None where nothing grows with it."""
        first = self.first
        return None if first is None or first.times is None else self.load.requests_at_peak * first.times


ONE_A_SECOND = Scenario(visitors=86_400, requests=1)
"""One request a second on average, where nobody says how many there are: enough to tell how many a stack holds."""


def capacity_of(settings: Settings, label: str, scenario: Scenario | None = None) -> StackCapacity:
    """Hold a stack against a day: unset, against the load that its file declares, or against one request a second where it declares neither
    visitors nor requests. ``label`` is the stack file, for messages; :class:`Mistakes` where it declares one of the two alone, and where nothing
    takes requests or messages."""
    usage = settings.usage or UsageSettings()
    usual = ONE_A_SECOND if usage.visitors is None and usage.requests is None else Scenario()
    return hold(load_of(settings, scenario or usual, label))


def request_capacity(settings: Settings, label: str) -> StackCapacity:
    """Hold a stack against its requests: where its file does not say how many there are, against one a second and nothing else, since messages
    and the like that it declares go with requests that it does not."""
    usage = settings.usage or UsageSettings()
    if not (usage.visitors and usage.requests):
        alone = UsageSettings(peak_percent=usage.peak_percent, services=usage.services)
        settings = settings.model_copy(update={"usage": alone})
    return capacity_of(settings, label)


def hold(load: DeclaredLoad) -> StackCapacity:
    """Hold a stack against its load."""
    drawn = {topic: tuple(draw(load)) for topic, draw in TOPICS.items()}
    return StackCapacity(
        load,
        {topic: tuple(one for one in found if isinstance(one, CapacityLine)) for topic, found in drawn.items()},
        tuple(one for found in drawn.values() for one in found if isinstance(one, UndeclaredUsage)),
    )
