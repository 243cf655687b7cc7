"""What a load test asks of a stack, and of whom: numbers from the stack file, names from what its program builds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundwork.capacity.capacity import request_capacity
from groundwork.components.settings import Settings
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.drift.names import tag_of
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.loadtest.shapes import LoadShape
from groundwork.operations.tags import find_tagged
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import partition_of
from groundwork.simulation.scenario import Scenario
from groundwork.simulation.tiers import platform_of

_DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
COMES_WITH = "x-amz-cf-id"
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorCustomOrigin.html"""
CROWD = 5
"""Times as many requests as usual in a spike, as in a crowd of ``groundwork simulate``."""
_FAILED_PERCENT = 1.0
"""Where no alarm says how many errors are too many."""
_STATISTICS: Mapping[str, str] = {"Average": "avg", "Maximum": "max", "Minimum": "min"}
_MOST_USERS = 20_000
"""Of k6 on one machine: https://grafana.com/docs/k6/latest/testing-guides/running-large-tests/"""


_STAGES: Mapping[LoadShape, tuple[float, Sequence[tuple[float, float]], tuple[float, float]]] = {
    LoadShape.RAMP: (0.1, ((0.5, 1), (0.4, 1), (0.1, 0)), (0.5, 0.9)),
    LoadShape.SOAK: (1, ((1, 1),), (0.1, 1)),
    LoadShape.SPIKE: (1, ((0.4, 1), (0.02, CROWD), (0.28, CROWD), (0.02, 1), (0.28, 1)), (0.42, 0.7)),
}
"""Where it begins, its stages (part of the time, part of the load at its end), and the part of the time that counts."""


@dataclass(frozen=True)
class LoadOptions:
    """What a user says of a load test."""

    shape: LoadShape
    minutes: float
    rate: float | None = None
    """Requests a second over all services; unset, those of the busiest minute of a day as ``usage`` tells it."""
    sockets: int | None = None
    """WebSockets that stay open; unset, as ``usage`` tells."""


@dataclass(frozen=True)
class ServiceLoad:
    """What is asked of a service."""

    name: str
    host: str
    rate: float
    """Requests a second, of the busiest minute."""
    first_path: str
    """Where nobody has said which requests it gets."""
    waiting: tuple[str, ...]
    """k6's thresholds of the time until it answers."""
    failed: tuple[str, ...]
    """And of the part that fails."""
    from_alarms: tuple[str, ...]
    """The alarms that they are from."""


@dataclass(frozen=True)
class LoadCapacity:
    """What ``groundwork capacity`` says of a stack."""

    rate: float
    """Requests a second that it holds, all of its load growing alike."""
    gives: str
    """What happens then."""


@dataclass(frozen=True)
class LoadPlan:
    """A load test."""

    stack: str
    shape: LoadShape
    minutes: float
    hosts: tuple[str, ...]
    services: tuple[ServiceLoad, ...]
    usual: float
    """Requests a second of all services in the busiest minute, also of those that are not asked here."""
    sockets: Mapping[str, int]
    """Connections that stay open, by service."""
    limit: int | None
    """Requests of one address in five minutes beyond which the web ACL refuses."""
    design: LoadCapacity | None = None
    """What the stack holds by its design; None where nothing grows with the load."""
    scheme: str = "https"

    @property
    def rate(self) -> float:
        """Return the requests a second of all services, where most are asked for."""
        return sum(one.rate for one in self.services) * (CROWD if self.shape is LoadShape.SPIKE else 1)

    @property
    def held(self) -> tuple[float, float]:
        """Return the seconds from the beginning between which the load is the one that counts."""
        begins, ends = _STAGES[self.shape][2]
        return begins * self.minutes * 60, ends * self.minutes * 60

    def to_json(self) -> dict[str, Any]:
        """Return what the script reads."""
        return {
            "stack": self.stack,
            "shape": self.shape.value,
            "hosts": list(self.hosts),
            "comes_with": COMES_WITH,
            "held": list(self.held),
            "services": {one.name: self._service(one) for one in self.services},
            "sockets": {name: self._socket(name, count) for name, count in self.sockets.items()},
        }

    def _service(self, one: ServiceLoad) -> dict[str, Any]:
        start, stages, _ = _STAGES[self.shape]
        # Half a second for each request, until it is known better; five where it is slow.
        busiest = one.rate * max(level for _, level in stages)
        return {
            "address": f"{self.scheme}://{one.host}",
            "start": max(1, round(60 * one.rate * start)),
            "stages": [
                {"duration": _seconds(part * self.minutes * 60), "target": max(1, round(60 * one.rate * level))}
                for part, level in stages
            ],
            "users": min(_MOST_USERS, max(2, math.ceil(busiest / 2))),
            "most_users": min(_MOST_USERS, max(10, math.ceil(busiest * 5))),
            "thresholds": {"waiting": list(one.waiting), "failed": list(one.failed)},
        }

    def _socket(self, name: str, count: int) -> dict[str, Any]:
        _, stages, _ = _STAGES[self.shape]
        host = next(one.host for one in self.services if one.name == name)
        highest = max(level for _, level in stages)
        return {
            "address": f"{'wss' if self.scheme == 'https' else 'ws'}://{host}",
            "seconds": max(5, round(min(600, self.minutes * 60 / 2))),
            "stages": [
                {"duration": _seconds(part * self.minutes * 60), "target": round(count * level / highest)}
                for part, level in stages
            ],
        }


def _seconds(seconds: float) -> str:
    return f"{max(1, round(seconds))}s"


def reached_by(snapshot: Snapshot, account: StackAccount | None) -> tuple[str, ...]:
    """Return by which names a stack is reached: those that its distributions have in the account, or without one those that the program
    gives them. OperationError where it has none, or where the account's are others."""
    declared = [one for one in snapshot.of_type(_DISTRIBUTION) if one.inputs.get("enabled")]
    if not declared:
        raise OperationError(
            "nothing of the stack is reached through CloudFront, and load tests know no other entrance"
        )
    named = [host for one in declared for host in _aliases(one)]
    if account is None:
        if not named:
            raise OperationError(
                "the stack has no domain that leads to it yet, so only the account knows by which name CloudFront answers; "
                "it is asked with --run"
            )
        return tuple(named)
    found = dict(_distributions(account, declared))
    aliases = [host for one in found.values() for host in one["DistributionConfig"]["Aliases"].get("Items") or ()]
    missing = sorted(set(named) - set(aliases))
    if missing:
        raise OperationError(
            f"{', '.join(missing)} should lead to the stack, and its distribution in {account.place} does not have the name: "
            f"groundwork drift {account.stack_name}"
        )
    return (*named, *(str(one["DomainName"]).lower() for one in found.values()))


def _aliases(distribution: Resource) -> list[str]:
    aliases = distribution.inputs.get("aliases")
    return [str(host).lower() for host in aliases] if isinstance(aliases, list) else []


def _distributions(account: StackAccount, declared: Sequence[Resource]) -> Iterator[tuple[str, dict[str, Any]]]:
    region = partition_of(account.settings.region).global_region or account.settings.region
    there = find_tagged(account, {region: ["cloudfront:distribution"]})
    for one in declared:
        arns = there.arns("cloudfront:distribution", tag_of(one) or "")
        if not arns:
            raise NotFoundError(
                f"the stack's distribution is not in {account.place}: pulumi up --stack {account.stack.name}"
            )
        with plain_errors("asking by which names CloudFront answers"):
            said = account.client("cloudfront").get_distribution(Id=arns[-1].rpartition("/")[2])
        yield one.name, said["Distribution"]


def plan_of(
    settings: Settings, snapshot: Snapshot, hosts: tuple[str, ...], wanted: LoadOptions, *, stack: str, label: str
) -> LoadPlan:
    """Return a load test of a stack that is reached by these names, the first of which is asked; ``label`` is its file, for messages.

    OperationError where nobody says how much is asked.
    """
    usage = settings.usage
    if wanted.rate is None and (usage is None or usage.visitors is None or usage.requests is None):
        raise OperationError(
            f"nobody says how much is asked of the stack: add visitors and requests to groundwork:usage of {label}, or say --rate"
        )
    day = platform_of(settings, scenario_of(wanted.rate), label)
    busiest = {tier.name: max(day.rates[tier.name]) for tier in day.tiers if tier.public}
    services = tuple(
        _service(name, busiest[name], settings, snapshot, hosts)
        for name in settings.services
        if busiest.get(name) and settings.services[name].protocol == "http"
    )
    if not services:
        raise OperationError("no service of the stack is asked anything over HTTP from outside")
    declared = int((usage and (usage.peak_sockets or usage.sockets)) or 0)
    sockets = declared if wanted.sockets is None else wanted.sockets
    keeping = next((one.name for one in services if settings.services[one.name].sticky), services[0].name)
    return LoadPlan(
        stack=stack,
        shape=wanted.shape,
        minutes=wanted.minutes,
        hosts=hosts,
        services=services,
        usual=sum(busiest.values()),
        sockets={keeping: sockets} if sockets else {},
        limit=_limit(snapshot),
        design=_design(settings, label),
    )


def _design(settings: Settings, label: str) -> LoadCapacity | None:
    found = request_capacity(settings, label)
    if found.first is None or found.requests_a_second is None:
        return None
    return LoadCapacity(found.requests_a_second, found.first.gives)


def scenario_of(rate: float | None) -> Scenario:
    """Return the day that has a rate all the time; unset, the usual one."""
    return Scenario() if rate is None else Scenario(day="even", visitors=rate * 86_400, requests=1)


def _service(name: str, rate: float, settings: Settings, snapshot: Snapshot, hosts: Sequence[str]) -> ServiceLoad:
    service = settings.services[name]
    host = next((one for one in hosts if service.host and one == service.host.lower()), hosts[0])
    prefix = (service.path or "/").partition("*")[0]
    path = service.health if service.health.startswith(prefix) and prefix != "/" else prefix or "/"
    waiting: list[str] = []
    failed: list[str] = []
    names: list[str] = []
    for alarm in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
        if not alarm.name.startswith(f"{settings.platform.name}-compute-{name}-"):
            continue
        threshold = _threshold(alarm)
        if threshold:
            (failed if alarm.name.endswith("error-rate-page") else waiting).append(threshold)
            names.append(alarm.name)
    return ServiceLoad(
        name,
        host,
        rate,
        path if path.startswith("/") else "/",
        tuple(waiting) or ("avg>=0",),
        tuple(failed) or (f"rate<{_FAILED_PERCENT / 100:g}",),
        tuple(names),
    )


def _threshold(alarm: Resource) -> str | None:
    """Return an alarm of a service's as k6 asks for it; None for what k6 does not see."""
    inputs = alarm.inputs
    limit = inputs.get("threshold")
    if not isinstance(limit, (int, float)):
        return None
    if inputs.get("metricName") == "TargetResponseTime":
        percentile = str(inputs.get("extendedStatistic") or "").removeprefix("p")
        statistic = f"p({percentile})" if percentile else _STATISTICS.get(str(inputs.get("statistic")))
        return f"{statistic}<{limit * 1000:g}" if statistic else None
    return f"rate<{limit / 100:g}" if "-error-rate" in alarm.name and limit > 0 else None


def _limit(snapshot: Snapshot) -> int | None:
    limits = [
        rule["statement"]["rateBasedStatement"]["limit"]
        for acl in snapshot.of_type("aws:wafv2/webAcl:WebAcl")
        if acl.inputs.get("scope") == "CLOUDFRONT"
        for rule in acl.inputs.get("rules") or ()
        if "block" in (rule.get("action") or {}) and "rateBasedStatement" in rule["statement"]
    ]
    return min(limits) if limits else None
