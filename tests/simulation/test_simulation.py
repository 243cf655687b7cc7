"""A simulated day: against theory where that is exact, one method against the other, and what people ask of it."""

from __future__ import annotations

import importlib.util
import json
import math
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groundwork.capacity.capacity import hold
from groundwork.cli.main import run
from groundwork.components.services.settings import ScalingSettings
from groundwork.components.usage.settings import WorkSettings
from groundwork.preview.snapshot import Resource
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistakes
from groundwork.simulation import queues, search, svg, text
from groundwork.simulation.alarms import ringing
from groundwork.simulation.cost import DayCost, Rate
from groundwork.simulation.day import METHODS, DayResult, simulate
from groundwork.simulation.latencies import Latencies
from groundwork.simulation.scaling import MinuteMeasures, Scaler
from groundwork.simulation.scenario import MINUTES, Scenario, read_scenario
from groundwork.simulation.search import LatencyGoal, SizeSearch
from groundwork.simulation.theory import Stationary
from groundwork.simulation.tiers import FULL, DatabaseQueue, DayPlatform, Tier, platform_of
from tests.capacity.test_capacity import line, load
from tests.stacks import snapshot_of


def tier(**changes: Any) -> Tier:
    scaling = ScalingSettings.model_validate(changes.pop("scaling", {"min": 2, "max": 8}))
    facts: dict[str, Any] = {
        "name": "api",
        "public": True,
        "engine": "fargate",
        "vcpus": 0.5,
        "scaling": scaling,
        "bounds": ((scaling.min, scaling.max),) * MINUTES,
        "work": WorkSettings(cpu_ms=20),
        "database_ms": 3.0,
    }
    return Tier(**{**facts, **changes})


SMALL = DatabaseQueue("db.t4g.small", 2, 0, multi_az=False)


def platform(*tiers: Tier, a_second: float = 5.0, database: DatabaseQueue | None = SMALL) -> DayPlatform:
    weights = Scenario().weights()
    rates = {one.name: tuple(a_second * 86_400 * weight / 60 for weight in weights) for one in tiers}
    return DayPlatform(tiers, database, 2, rates)


@pytest.mark.parametrize(
    ("servers", "load", "variation"), [(1, 0.5, 1.0), (2, 0.8, 1.0), (8, 0.7, 1.0), (1, 0.7, 0.0), (1, 0.6, 2.0)]
)
def test_requests_wait_as_long_as_theory_says_where_theory_is_exact(
    servers: int, load: float, variation: float
) -> None:
    chance, mean, batches = np.random.default_rng(servers), 0.01, 20
    count = batches * 10_000
    arrived = np.cumsum(chance.exponential(mean / (servers * load), count))
    work = chance.gamma(1 / variation**2, mean * variation**2, count) if variation else np.full(count, mean)
    ended = np.empty(count)
    queues.serve(arrived, work, np.zeros((1, servers)), 0, math.inf, math.inf, ended)
    means = (ended - arrived - work).reshape(batches, -1).mean(axis=1)
    # The mean of batches, within 4 standard errors: 1 run in 16,000 would be further off by chance, and the seed is fixed.
    exact = Stationary(servers, mean, 1.0, variation**2).waits(load)
    assert abs(means.mean() - exact) < 4 * means.std(ddof=1) / math.sqrt(batches)


def test_a_queue_that_holds_people_up_gives_up_those_who_would_wait_too_long_and_stops_at_its_horizon() -> None:
    ended = np.empty(4)
    arrived = np.array([0.0, 0.0, 0.0, 9.0])
    turn, taken, worked = queues.serve(arrived, np.full(4, 2.0), np.zeros((1, 1)), 0, 3.0, 9.0, ended)
    assert (turn, taken, worked, ended[:3].tolist()) == (0, 3, 4.0, [2.0, 4.0, math.inf])


def test_times_are_put_in_order_however_they_lie() -> None:
    chance = np.random.default_rng(5)
    for times in (chance.random(500) * 60, np.full(7, 3.0), np.array([]), np.array([59.0, 1.0])):
        assert times[queues.in_order(times, 0.0, 60.0)].tolist() == sorted(times.tolist())


def test_latencies_are_told_to_a_percent() -> None:
    found, seconds = Latencies(), np.random.default_rng(1).lognormal(-3, 1, 20_000)
    found.add(seconds)
    for part in (0.5, 0.95, 0.99):
        assert found.quantiles((part,))[0] == pytest.approx(np.quantile(seconds, part), rel=0.02)
    assert found.mean == pytest.approx(seconds.mean())
    assert Latencies().quantiles((0.5,)) == [0.0]


CROWD = Scenario.model_validate({"events": [{"kind": "crowd", "at": "12:00", "minutes": 20, "times": 40}]})


@pytest.fixture(scope="module")
def day() -> dict[str, DayResult]:
    """One day, both ways: two services that share a database, and forty times the requests at noon."""
    both = platform(tier(), tier(name="web", vcpus=1.0, database_ms=0.0, work=WorkSettings(cpu_ms=30, variation=0.5)))
    return {method: simulate(both, CROWD, method) for method in METHODS}


def test_both_ways_say_the_same_of_a_day(day: dict[str, DayResult]) -> None:
    for name in ("api", "web"):
        drawn, fluid = (day[method].services[name] for method in ("events", "fluid"))
        assert sum(drawn.arrived) == pytest.approx(sum(fluid.arrived), rel=0.01)
        assert sum(drawn.utilization) == pytest.approx(sum(fluid.utilization), rel=0.05)
        assert max(drawn.copies) == max(fluid.copies) == 8
        assert drawn.copy_hours == pytest.approx(fluid.copy_hours, rel=0.05)
        assert drawn.quantile(0.5) == pytest.approx(fluid.quantile(0.5), rel=0.1)
        assert drawn.lost_percent == pytest.approx(fluid.lost_percent, abs=2.5)
    assert sum(day["events"].database) == pytest.approx(sum(day["fluid"].database), rel=0.05)


def test_nothing_is_lost_sight_of(day: dict[str, DayResult]) -> None:
    for service in day["events"].services.values():
        left = sum(service.arrived) - sum(service.lost) - service.latencies.count
        # What midnight found in a copy or the database.
        assert 0 <= left <= 20


def test_copies_come_when_they_are_needed_after_the_time_that_they_take_to_start_and_go_again(
    day: dict[str, DayResult],
) -> None:
    service = day["events"].services["api"]
    noon = 12 * 60
    assert service.copies[noon] == 2
    assert service.paid[noon + 3] > 2, "three minutes above the target ask for more"
    assert service.copies[noon + 3] == 2, "which start for a minute and a half"
    assert service.copies[noon + 5] > 2
    assert service.copies[noon + 120] == 2


def test_the_same_seed_is_the_same_day_and_another_is_another() -> None:
    small = platform(tier(), a_second=0.5)
    first, again, other = (simulate(small, Scenario(seed=seed), "events").services["api"].arrived for seed in (1, 1, 2))
    assert first == again != other


def test_a_lost_zone_takes_its_copies_and_a_database_without_a_standby() -> None:
    lost = Scenario.model_validate({"events": [{"kind": "zone-lost", "at": "10:00", "minutes": 15}]})
    alone = simulate(platform(tier()), lost, "fluid")
    standby = simulate(platform(tier(), database=DatabaseQueue("db.t4g.small", 2, 0, True)), lost, "fluid")
    for result in (alone, standby):
        assert result.services["api"].copies[599:603] == [2, 1, 1, 2], (
            "the other zone takes over when new copies have started"
        )
    assert sum(alone.services["api"].lost[600:615]) > 5 * sum(standby.services["api"].lost[600:615]) > 0
    assert sum(standby.services["api"].lost[603:]) == 0


def test_a_slow_database_is_where_requests_wait() -> None:
    slow = Scenario.model_validate({"events": [{"kind": "slow-database", "at": "15:00", "minutes": 30, "times": 60}]})
    for method in METHODS:
        result = simulate(platform(tier(), a_second=10), slow, method)
        assert max(result.database) == pytest.approx(100, abs=3)
        assert max(one[1] for one in result.services["api"].slowest[905:925]) > 5
        assert max(one[1] for one in result.services["api"].slowest[:890]) < 1


def test_messages_wait_for_consumers_and_are_not_given_up() -> None:
    worker = tier(
        name="worker",
        public=False,
        scaling={"min": 0, "max": 6, "target": None, "queue": {"queue": "jobs", "messages_per_task": 20}},
    )
    for method in METHODS:
        result = simulate(platform(worker, a_second=2, database=None), CROWD, method)
        service = result.services["worker"]
        assert service.copies[0] == 0 < max(service.copies) <= 6
        assert sum(service.lost) == 0
        assert max(service.waiting) > 100 > service.waiting[14 * 60]


def test_the_simulated_day_runs_full_where_the_lines_say_so() -> None:
    shop = load_stack(find_stack("examples/thulobazaar/prod")).settings
    fixed = {
        name: one.model_copy(
            update={"scaling": one.scaling.model_copy(update={"min": 4, "max": 4, "schedule": {}, "steps": None})}
        )
        for name, one in shop.services.items()
    }
    shop = shop.model_copy(update={"services": fixed})
    at = line(shop, "service-cpu", "api").times
    assert at is not None
    for part, is_full in ((0.97, False), (1.03, True)):
        held = load(shop, at * part)
        day = simulate(held.platform, held.scenario, "fluid")
        busiest = max(day.services["api"].utilization)
        assert (busiest >= FULL) is is_full, (part, busiest)
        found = {(one.kind, one.of): one for one in hold(held).all_lines}
        database = found["database-cpu", ""]
        assert max(day.database) == pytest.approx(100 * database.load / 2, rel=0.03)
        assert found["service-cpu", "api"].load == pytest.approx(max(day.services["api"].arrived) / 60)


def measured(**changes: float) -> MinuteMeasures:
    usual: dict[str, Any] = {"copies": 4, "utilization": 50.0, "requests": 0.0, "waiting": 0.0, "under_way": 0.0}
    return MinuteMeasures(**usual | changes)


def wanted(one: Tier, minutes: list[MinuteMeasures], begin: int = 4) -> list[int]:
    scaler, copies, found = Scaler(one), begin, []
    for minute, seen in enumerate(minutes):
        copies = scaler.wanted(minute, copies, seen)
        found.append(copies)
    return found


def test_target_tracking_is_quick_out_and_slow_in() -> None:
    tracked = tier(scaling={"min": 2, "max": 10, "target": {"cpu": 70}})
    assert wanted(tracked, [measured(utilization=100)] * 3) == [4, 4, 6]
    assert wanted(tracked, [measured(utilization=65)] * 30) == [4] * 30, "a little below the target is near enough"
    assert wanted(tracked, [measured(utilization=35)] * 15) == [4] * 14 + [2]
    assert wanted(tracked, [measured(utilization=5000)] * 3)[-1] == 10


def test_steps_take_the_minutes_that_they_are_told() -> None:
    stepped = tier(
        scaling={
            "min": 2,
            "max": 10,
            "target": None,
            "steps": {"above": 70, "above_minutes": 2, "below": 30, "below_minutes": 5},
        }
    )
    assert wanted(stepped, [measured(utilization=80)] * 3) == [4, 5, 6]
    assert wanted(stepped, [measured(utilization=10)] * 10) == [4, 4, 4, 4, 3, 3, 3, 3, 3, 2]


def test_kubernetes_and_app_runner_go_by_rules_of_their_own_and_instances_stay() -> None:
    scaling = {"min": 1, "max": 20, "target": {"cpu": 70}}
    assert wanted(tier(engine="eks", scaling=scaling), [measured(utilization=140)]) == [8]
    assert wanted(tier(engine="eks", scaling=scaling), [measured(utilization=75)]) == [4], "within a tenth"
    assert wanted(tier(engine="eks", scaling=scaling), [measured(utilization=140), *[measured(utilization=7)] * 5])[
        1:
    ] == [8, 8, 8, 8, 1]
    assert wanted(
        tier(engine="app-runner", scaling={"min": 1, "max": 20, "concurrency": 10}), [measured(under_way=30)]
    ) == [12]
    assert wanted(tier(engine="ec2", scaling=scaling), [measured(utilization=500)] * 5) == [4] * 5


def test_schedules_move_the_bounds_on_the_days_that_they_name() -> None:
    settings = load_stack(find_stack("examples/thulobazaar/prod")).settings
    said = {"visitors": 1000, "requests": 10}
    by_day = {
        day: next(
            one
            for one in platform_of(settings, Scenario.model_validate({**said, "weekday": day}), "x").tiers
            if one.name == "api"
        ).bounds
        for day in ("WED", "FRI")
    }
    assert by_day["WED"][3 * 60][0] < by_day["WED"][12 * 60][0], "fewer from midnight to six (S2-20)"
    assert by_day["FRI"][12 * 60][0] > by_day["WED"][12 * 60][0], "more on Fridays (S2-20)"


def test_a_search_finds_the_fewest_copies_that_hold_and_one_fewer_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "fargate_sizes", lambda: {512: (1024,)})
    settings = load_stack(find_stack("examples/thulobazaar/prod")).settings
    busy, goal = platform(tier(), a_second=6), LatencyGoal(0.95, 0.3)
    rates = {"api": Rate(Decimal("0.04"), Decimal("0.004"))}
    options = [
        (DatabaseQueue("db.t4g.micro", 2, 0, False), Decimal(1)),
        (DatabaseQueue("db.m7g.xlarge", 4, 0, False), Decimal(9)),
    ]
    found = SizeSearch(settings, busy, Scenario(), goal, rates).cheapest(options)
    assert found is not None
    assert found.database == "db.t4g.micro"
    assert goal.holds(found.result, "api")
    size = found.sizes["api"]
    fewer = tier(vcpus=size.cpu / 1024, scaling={"min": max(size.least - 1, 0), "max": max(size.least - 1, 1)})
    assert size.least == 1 or not goal.holds(simulate(platform(fewer, a_second=6), Scenario()), "api")
    assert SizeSearch(settings, busy, Scenario(), LatencyGoal(0.95, 0.001), rates).cheapest(options[:1]) is None


def test_a_search_is_for_services_whose_sizes_can_be_chosen() -> None:
    settings = load_stack(find_stack("dev")).settings
    where = SizeSearch(settings, platform(tier(engine="ec2")), Scenario(), LatencyGoal(0.95, 1), {})
    with pytest.raises(Mistakes, match="on Fargate whose price is known"):
        where.cheapest([(None, Decimal(0))])


def refused(folder: Path, content: str) -> str:
    file = folder / "day.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(Mistakes) as caught:
        read_scenario(file)
    return str(caught.value)


def test_a_mistaken_scenario_is_told_with_its_line_and_what_is_allowed(tmp_path: Path) -> None:
    assert 'day.yaml:1 days: is no key of a scenario; did you mean "day"?' in refused(tmp_path, "days: nepal\n")
    assert 'day.yaml:2 events[0].kind: "flood" is not allowed; use crowd, zone-lost or slow-database' in refused(
        tmp_path, "events:\n  - {kind: flood, at: '10:00'}\n"
    )
    assert "events[0].at" in refused(tmp_path, "events: [{kind: crowd, at: '25:00'}]\n")
    assert "services.api.cpu_ms: -1 is too small; the least is 0" in refused(
        tmp_path, "services: {api: {cpu_ms: -1}}\n"
    )
    assert "must be 24 numbers, one for each hour, not all 0; there are 2" in refused(tmp_path, "curve: [1, 2]\n")
    assert "services.api.cpus: is no key of it" in refused(tmp_path, "services: {api: {cpus: 1}}\n")
    assert "day.yaml:1" in refused(tmp_path, "visitors: -5\n")
    assert "day.yaml" in refused(tmp_path, "day: [\n")


def test_a_stack_that_does_not_say_how_much_it_is_used_is_told_which_setting_says_it() -> None:
    settings = load_stack(find_stack("prod")).settings
    with pytest.raises(Mistakes) as caught:
        platform_of(settings, Scenario.model_validate({"services": {"wep": {}}}), "Pulumi.prod.yaml")
    said = str(caught.value)
    assert (
        'Pulumi.prod.yaml usage.visitors: nobody says how many visitors there are (people a day); add "visitors"'
        in said
    )
    assert "services.wep: is no service of Pulumi.prod.yaml" in said


def test_a_day_is_shown_within_80_columns_and_drawn_without_anything_from_elsewhere(day: dict[str, DayResult]) -> None:
    for result in day.values():
        shown = [line.plain for line in text.lines(result, "shop in growth", None)]
        assert max(len(line) for line in shown) <= 80
        assert any(line.startswith("full   api:") for line in shown)
        assert "services.api.scaling.min (2), or a lower target" in " ".join(line.strip() for line in shown)
        picture = svg.svg(result, "<shop>")
        assert picture.count("<polygon") == 9
        assert "&lt;shop&gt;" in picture
        assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_alarms_ring_as_they_are_configured_and_those_that_scale_are_none(day: dict[str, DayResult]) -> None:
    def alarm(name: str, metric: str, threshold: float, **more: Any) -> Resource:
        inputs = {
            "namespace": metric.rpartition("/")[0],
            "metricName": metric.rpartition("/")[2],
            "threshold": threshold,
        }
        usual = {"period": 60, "evaluationPeriods": 5, "comparisonOperator": "GreaterThanThreshold", "alarmActions": []}
        return Resource(
            f"urn:{name}", "aws:cloudwatch/metricAlarm:MetricAlarm", name, True, None, {**usual, **inputs, **more}, {}
        )

    cpu = "AWS/ECS/CPUUtilization"
    alarms = [
        alarm("shop-compute-api-cpu", cpu, 80),
        alarm("shop-compute-api-up", cpu, 80, alarmActions=["arn:aws:autoscaling:x:1:scalingPolicy:p"]),
        alarm("shop-compute-api-never", cpu, 101),
        alarm("shop-compute-api-few", cpu, 2, statistic="SampleCount", comparisonOperator="LessThanThreshold"),
        alarm("shop-compute-api-many", cpu, 7, statistic="SampleCount"),
        alarm("shop-compute-api-some", cpu, 80, evaluationPeriods=3, datapointsToAlarm=1),
        alarm("shop-compute-other-cpu", cpu, 0),
        alarm("shop-compute-api-response", "AWS/ApplicationELB/TargetResponseTime", 2, evaluationPeriods=1),
        alarm(
            "shop-compute-api-tasks",
            "ECS/ContainerInsights/RunningTaskCount",
            1,
            comparisonOperator="LessThanThreshold",
        ),
        alarm("shop-database-primary-cpu", "AWS/RDS/CPUUtilization", 1, evaluationPeriods=1),
        alarm("shop-ingress-alb-errors", "AWS/ApplicationELB/HTTPCode_ELB_5XX_Count", 10, evaluationPeriods=1),
        alarm("shop-cache-cpu", "AWS/ElastiCache/CPUUtilization", 0),
    ]
    found = {
        one.name: one for one in ringing(replace(snapshot_of("dev"), resources=tuple(alarms)), "shop", day["events"])
    }
    assert set(found) == {
        *(f"shop-compute-api-{name}" for name in ("cpu", "some", "response", "many")),
        "shop-database-primary-cpu",
        "shop-ingress-alb-errors",
    }
    noon = 12 * 60
    assert found["shop-compute-api-some"].begins == noon
    assert found["shop-compute-api-cpu"].begins == noon + 4, "five minutes above it"
    assert noon <= found["shop-compute-api-response"].begins <= noon + 3
    assert any(
        line.plain.startswith("rings  shop-compute-api-cpu: from 12:04 on")
        for line in text.advice(day["events"], list(found.values()))
    )


def test_a_day_as_json_has_a_number_for_each_minute_and_what_it_costs(day: dict[str, DayResult]) -> None:
    rate = Rate(Decimal("0.04"), Decimal("0.004"))
    document = json.loads(text.dumps(day["fluid"], DayCost(Decimal(5), {"api": rate.of(0.5, 1)}), None))
    assert document["services"]["api"]["lost_percent"] > 1
    assert {len(one) for one in document["services"]["api"]["minutes"].values()} == {MINUTES}
    assert document["cost"] == {"total": 5.024, "standing": 5.0, "copies": {"api": 0.024}}
    assert len(document["database"]["utilization"]) == MINUTES


def test_the_command_tells_a_day_with_its_cost(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "day.yaml"
    file.write_text("{day: nepal, visitors: 2000, requests: 20}\n", encoding="utf-8")
    words = ["simulate", "examples/thulobazaar/prod", "--scenario", str(file)]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "nothing ran full, and no request was lost" in said
    assert "This day costs $" in said
    assert run([*words, "--search", "p95=fast"]) == 2
    assert "such as p95=300ms or p99=1.5s" in capsys.readouterr().err


def test_the_command_says_what_to_install_where_the_compiler_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert run(["simulate", "dev"]) == 2
    assert re.search(r" -m pip install '?numba.* '?numpy", capsys.readouterr().err)
