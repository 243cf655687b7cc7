"""How many copies a service is to have, minute by minute, as its settings and its engine decide it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from groundwork.components.compute.settings import Engine
from groundwork.components.services.settings import SCALE_IN_COOLDOWN, SCALE_OUT_COOLDOWN, StepScaling
from groundwork.simulation.tiers import Tier


@dataclass(frozen=True)
class MinuteMeasures:
    """What is known of a service when a minute is over."""

    copies: int
    """That served in it."""
    utilization: float
    """Percent of their CPU."""
    requests: float
    """For each copy."""
    waiting: float
    """Messages that wait or are worked on."""
    under_way: float
    """Requests in each copy at once, on average."""


@dataclass(frozen=True)
class ScalingTarget:
    """A measure that is held near a value."""

    of: Callable[[MinuteMeasures], float]
    value: float


def targets(tier: Tier) -> Iterator[ScalingTarget]:
    """Yield what a service's settings hold near a value. Memory is not simulated."""
    target, queue = tier.scaling.target, tier.scaling.queue
    if tier.engine == "app-runner":
        # Requests under way are the only thing that it counts.
        yield ScalingTarget(lambda measured: measured.under_way, tier.scaling.concurrency or 100)
        return
    if target and target.cpu:
        yield ScalingTarget(lambda measured: measured.utilization, target.cpu)
    if target and target.requests and tier.public:
        yield ScalingTarget(lambda measured: measured.requests, target.requests)
    if queue:
        yield ScalingTarget(lambda measured: measured.waiting / max(measured.copies, 1), queue.messages_per_task)


class Scaler:
    """The copies that a service is to have."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._rule = _RULES[tier.engine](tuple(targets(tier)), tier.scaling.steps)

    def wanted(self, minute: int, wanted: int, measured: MinuteMeasures) -> int:
        """Return how many copies are to be there after a minute, of which ``wanted`` were to be there before it."""
        least, most = self._tier.bounds[minute]
        found = self._rule.wanted(minute, wanted, measured)
        return min(max(found, least), most)


@dataclass
class _Fixed:
    """Nothing moves them but schedules."""

    targets: tuple[ScalingTarget, ...]
    steps: StepScaling | None

    def wanted(self, minute: int, wanted: int, measured: MinuteMeasures) -> int:
        return wanted


_LONG_AGO = 1_000


@dataclass
class _CloudWatch(_Fixed):
    """Application Auto Scaling: alarms on means of a minute. Target tracking scales out after three minutes above the value, and in after
    fifteen that are a tenth or more below it, both in proportion; steps by one.

    The alarms that it makes: https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html.
    Out, what asks for most counts; in, only what all agree on. Cooldowns are those that are built.
    """

    above: dict[int, int] = field(default_factory=dict)
    below: dict[int, int] = field(default_factory=dict)
    """Minutes in a row, by the place of an aim."""
    busy: int = 0
    idle: int = 0
    """The same of the steps up and down."""
    out_at: int = -_LONG_AGO
    in_at: int = -_LONG_AGO

    def wanted(self, minute: int, wanted: int, measured: MinuteMeasures) -> int:
        most, least = self._tracked(wanted, measured)
        if steps := self.steps:
            self.busy = self.busy + 1 if measured.utilization > steps.above else 0
            self.idle = self.idle + 1 if measured.utilization < steps.below else 0
            most = max(most, wanted + (self.busy >= steps.above_minutes))
            least = min(least, wanted - (self.idle >= steps.below_minutes))
        if most > wanted and minute - self.out_at >= _OUT_COOLDOWN:
            self.out_at = minute
            return most
        if most <= wanted and least < wanted and minute - max(self.in_at, self.out_at) >= _IN_COOLDOWN:
            self.in_at = minute
            return least
        return wanted

    def _tracked(self, wanted: int, measured: MinuteMeasures) -> tuple[int, int]:
        """Return the most and the fewest copies that target tracking asks for."""
        more, fewer = [wanted], [wanted] if not self.targets else []
        for place, target in enumerate(self.targets):
            ratio = target.of(measured) / target.value
            self.above[place] = self.above.get(place, 0) + 1 if ratio > 1 else 0
            self.below[place] = self.below.get(place, 0) + 1 if ratio < _LOW else 0
            enough = math.ceil(max(measured.copies, 1) * ratio)
            if self.above[place] >= _MINUTES_ABOVE:
                more.append(enough)
            fewer.append(enough if self.below[place] >= _MINUTES_BELOW else wanted)
        return max(more), max(fewer)


_LOW = 0.9
_MINUTES_ABOVE, _MINUTES_BELOW = 3, 15
_OUT_COOLDOWN, _IN_COOLDOWN = SCALE_OUT_COOLDOWN // 60, SCALE_IN_COOLDOWN // 60
"""Minutes."""


@dataclass
class _Kubernetes(_Fixed):
    """The HorizontalPodAutoscaler: in proportion, unless within a tenth; down to the most that the last five minutes asked for.

    https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
    """

    asked: deque[int] = field(default_factory=lambda: deque(maxlen=5))

    def wanted(self, minute: int, wanted: int, measured: MinuteMeasures) -> int:
        ratios = [target.of(measured) / target.value for target in self.targets]
        asked = [
            measured.copies if abs(ratio - 1) <= _TOLERANCE else math.ceil(max(measured.copies, 1) * ratio)
            for ratio in ratios
        ]
        self.asked.append(max(asked, default=wanted))
        return self.asked[-1] if self.asked[-1] > wanted else min(wanted, max(self.asked))


_TOLERANCE = 0.1


class _AppRunner(_Fixed):
    """As many copies as the requests under way need."""

    def wanted(self, minute: int, wanted: int, measured: MinuteMeasures) -> int:
        return max(
            (math.ceil(measured.copies * target.of(measured) / target.value) for target in self.targets), default=wanted
        )


_RULES: dict[Engine, type[_Fixed]] = {
    "fargate": _CloudWatch,
    "ecs-ec2": _CloudWatch,
    "eks": _Kubernetes,
    "app-runner": _AppRunner,
    "ec2": _Fixed,
}
