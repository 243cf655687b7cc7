"""What a simulated day costs: what stands there anyway, and the hours of copies on Fargate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from groundwork.pricing.estimate import MONTH_HOURS, Estimate, Priced
from groundwork.simulation.day import DayResult

_HOURS = Decimal(MONTH_HOURS)
_DAY = Decimal(24) / _HOURS


@dataclass(frozen=True)
class Rate:
    """What a copy of a service costs for an hour."""

    vcpu: Decimal
    """For each vCPU, with all that is charged beside memory."""
    gib: Decimal
    """For each GiB of memory."""

    def of(self, vcpus: float, gib: float) -> Decimal:
        """Return it for a copy of a size."""
        return self.vcpu * Decimal(str(vcpus)) + self.gib * Decimal(str(gib))


@dataclass(frozen=True)
class DayCost:
    """US dollars of a day."""

    standing: Decimal
    """All that does not depend on the copies: a day's part of the month that ``groundwork cost`` tells."""
    copies: Mapping[str, Decimal]
    """Of each service on Fargate."""

    @property
    def total(self) -> Decimal:
        return self.standing + sum(self.copies.values(), Decimal(0))


def rates(found: Estimate, platform: str, sizes: Mapping[str, tuple[float, float]]) -> dict[str, Rate]:
    """Return what copies cost of each service on Fargate that has a price; ``sizes`` are vCPUs and GiB of a copy."""
    made = {}
    for name, (vcpus, gib) in sizes.items():
        service = _service(found, platform, name)
        hours = _hours(service, vcpus) if service else Decimal(0)
        if service and hours:
            memory = sum(
                (line.monthly or Decimal(0) for line in service.lines if "GB-Hours" in line.listed.meter.usage_type),
                Decimal(0),
            )
            made[name] = Rate(
                (service.monthly - memory) / hours / Decimal(str(vcpus)), memory / hours / Decimal(str(gib))
            )
    return made


def day_cost(
    found: Estimate,
    platform: str,
    result: DayResult,
    each: Mapping[str, Rate],
    sizes: Mapping[str, tuple[float, float]],
) -> DayCost:
    """Return what a day came to, at the prices of an estimate of the month."""
    copies = {
        name: Decimal(str(service.copy_hours)) * each[name].of(*sizes[name])
        for name, service in result.services.items()
        if name in each
    }
    counted = sum((service.monthly for name in copies if (service := _service(found, platform, name))), Decimal(0))
    return DayCost((found.fixed + found.usage - counted) * _DAY, copies)


def _service(found: Estimate, platform: str, name: str) -> Priced | None:
    return next(
        (
            one
            for one in found.resources
            if one.type == "aws:ecs/service:Service" and one.name == f"{platform}-compute-{name}"
        ),
        None,
    )


def _hours(service: Priced, vcpus: float) -> Decimal:
    """Return the hours of a copy in the month that the estimate counts."""
    units = [line.quantity for line in service.lines if "vCPU-Hours" in line.listed.meter.usage_type]
    return (units[0] or Decimal(0)) / Decimal(str(vcpus)) if units else Decimal(0)
