"""What schedules leave of a week, and what that costs."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.cli.cost import estimated
from groundwork.pricing.week import WEEK, firings, passed
from tests.examples.test_chat_app import MVP, changed, for_developers
from tests.pricing.test_estimate import HOURS, priced, resource
from tests.stacks import run_found

NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


def test_every_notation_of_a_week_is_read_and_what_is_none_is_not() -> None:
    assert firings("cron(30 6 ? * SUN *)") == firings("cron(30 6 ? * 1 *)") == firings("30 6 * * 0") == [390]
    assert firings("30 6 * * 7") == [390]
    assert firings("cron(0 0 * * ? *)") == [day * 1440 for day in range(7)]
    assert firings("cron(0 0 ? * FRI-MON *)") == [day * 1440 for day in (0, 1, 5, 6)]
    assert firings("cron(0/30 0 ? * 2 *)") == [1440, 1470]
    assert firings("cron(0 */12 ? * MON,TUE *)") == [1440, 2160, 2880, 3600]
    for other in (
        "", "cron()", "rate(1 day)", "cron(0 0 1 * ? *)", "cron(0 0 ? * 6#3 *)", "cron(0 0 ? * 6L *)", "cron(0 0 ? JAN * *)",
        "cron(0 0 ? * * 2027)", "cron(60 0 ? * * *)", "cron(0 0 ? * 8 *)", "cron(0/0 0 ? * * *)", "0 0 * *", "cron(x 0 ? * * *)",
    ):  # fmt: skip
        assert firings(other) is None, other
    assert passed([("cron(0 0 1 * ? *)", 1)]) is None
    assert passed([]) is None


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 23), st.sets(st.integers(0, 6), min_size=1)), min_size=1))
def test_each_minute_of_a_week_has_the_state_of_the_last_change_before_it(
    changes: list[tuple[int, int, set[int]]],
) -> None:
    said = [
        (f"cron({minute} {hour} ? * {','.join(NAMES[day] for day in sorted(days))} *)", number)
        for number, (minute, hour, days) in enumerate(changes)
    ]
    found = passed(said)
    assert found is not None
    assert sum(minutes for minutes, _ in found) == WEEK
    at = {
        dt.timedelta(days=day, hours=hour, minutes=minute): number
        for number, (minute, hour, days) in enumerate(changes)
        for day in days
    }
    clock, state, counted = dt.timedelta(), at[max(at)], dict.fromkeys(range(len(changes)), 0)
    while clock < dt.timedelta(weeks=1):
        state = at.get(clock, state)
        counted[state] += 1
        clock += dt.timedelta(minutes=1)
    for number, minutes in counted.items():
        assert sum(held for held, one in found if one == number) == minutes


def test_what_stands_still_at_night_and_on_weekends_costs_its_hours_and_its_storage_a_month(tmp_path: Path) -> None:
    snapshot = run_found(changed(MVP, tmp_path / "dev.yaml", for_developers))
    lines = {
        line.listed.meter.usage_type: line
        for one in estimated(snapshot, None, None, None).resources
        for line in one.lines
    }
    works = Decimal(5 * 10) / (7 * 24)
    assert lines["InstanceUsage:db.t3.micro"].quantity == lines["BoxUsage:t4g.small"].quantity == HOURS * works
    assert lines["RDS:GP3-Storage"].quantity == 20


def test_a_group_and_services_with_a_fixed_count_follow_their_schedules_too() -> None:
    night = {"recurrence": "0 20 * * *", "minSize": 0, "maxSize": -1, "timeZone": "UTC"}
    day = {"recurrence": "0 8 * * *", "minSize": 2, "maxSize": 6, "timeZone": "UTC"}
    group = resource(
        "aws:autoscaling/group:Group", name="web", minSize=2, maxSize=4, desiredCapacity=3, launchTemplate={"name": "t"}
    )
    template = resource("aws:ec2/launchTemplate:LaunchTemplate", "t", name="t", instanceType="t3.micro")
    hours = [
        resource("aws:autoscaling/schedule:Schedule", name, autoscalingGroupName="web", **said)
        for name, said in (("night", night), ("day", day))
    ]
    found = priced(group, template, *hours)
    each = HOURS * Decimal("0.0104")
    assert (found.fixed, found.least, found.most) == (each * 2, each, each * 5)
    hours[0].inputs["timeZone"] = "Asia/Kathmandu"
    assert priced(group, template, *hours).fixed == each * 3, "clocks of two zones say nothing together"

    definition = resource(
        "aws:ecs/taskDefinition:TaskDefinition", "job", outputs={"arn": "arn:job"}, cpu="1024", memory="2048",
        requiresCompatibilities=["FARGATE"],
    )  # fmt: skip
    service = resource("aws:ecs/service:Service", "job", taskDefinition="arn:job", desiredCount=1)
    calls = [
        resource(
            "aws:scheduler/schedule:Schedule",
            f"{count}",
            scheduleExpression=f"cron(0 {hour} ? * * *)",
            target={
                "arn": "arn:aws:scheduler:::aws-sdk:ecs:updateService",
                "input": f'{{"Service": "job", "DesiredCount": {count}}}',
            },
        )
        for hour, count in ((6, 1), (18, 0))
    ]
    task = HOURS * (Decimal("0.04048") + 2 * Decimal("0.004445"))
    assert priced(definition, service).fixed == task
    assert priced(definition, service, *calls).fixed == task / 2
