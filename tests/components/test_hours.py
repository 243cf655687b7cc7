"""Dev hours: stopped at night and over the weekend."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.compute.ecs.engine import stopped_services
from groundwork.components.compute.stopping import Stoppable, StoppedGroup, StoppedService
from groundwork.components.context import Context
from groundwork.components.hours.checks import CHECKS
from groundwork.components.hours.hours import GRACE, Hours, StoppedDatabase
from groundwork.components.hours.settings import HoursSettings, days_of_week, duration
from groundwork.components.observability.pages import Pages
from groundwork.components.platform.settings import PlatformSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.base import WEEKDAYS
from tests.harness import build, shared

KEY = "arn:aws:kms:ap-southeast-1:111122223333:key/messaging"
ACCOUNT = "111122223333"
SCHEDULE = "aws:scheduler/schedule:Schedule"
SCALED = "aws:appautoscaling/scheduledAction:ScheduledAction"
GROUP = "aws:autoscaling/schedule:Schedule"
MUTE = "aws:cloudwatch/alarmMuteRule:AlarmMuteRule"


class Holder(Component):
    """Brings alarms and what they are about."""

    layer = "data"

    def __init__(self, name: str, context: Context, layer: str, count: int = 1) -> None:
        self.layer = layer
        super().__init__(name, context)
        for number in range(count):
            metric = Metric("AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": "d"})
            severity = "page" if number == 0 else "notice"
            alarm(self, f"a{number}", metric, threshold=1, description="Off.", severity=severity)
        self.register_outputs({})


@shared
def dev(
    settings: dict[str, Any] | None = None,
    *,
    timezone: str = "Asia/Kathmandu",
    alarms: int = 2,
    instances: bool = True,
    calls: bool = True,
    **options: Any,
) -> Snapshot:
    def program(context: Context) -> None:
        known = pulumi.Output.from_input
        Holder("chat-database", context, "data", alarms)
        Holder("chat-cache", context, "cache")
        engine = Holder("chat-compute", context, "compute")
        fixed = {"fixed": StoppedService(known("chat-dev"), known("fixed-1"), 2, None)} if calls else {}
        database = {"database": StoppedDatabase(known("chat-db"), known(f"arn:aws:rds:r:{ACCOUNT}:db:chat-db"))}
        Hours(
            "chat-hours",
            HoursSettings.model_validate(settings or {}),
            context=context,
            databases=database if calls else {},
            stoppable=Stoppable(
                services={**fixed, "api": StoppedService(known("chat-dev"), known("api-1"), 1, 4)},
                groups={
                    "instances": StoppedGroup(known("chat-group"), 1, 3),
                    "capacity": StoppedGroup(known("chat-capacity"), 2, 10, by_capacity_provider=True),
                }
                if instances
                else {},
                app_runner={"web": f"arn:aws:apprunner:r:{ACCOUNT}:service/web/1"} if calls else {},
            ),
            pages=Pages("chat-pages", context=context),
            after=[engine],
        )

    return build(program, name="chat", stage="dev", region="ap-southeast-1", timezone=timezone, **options)


def named(snapshot: Snapshot, type_: str) -> dict[str, dict[str, Any]]:
    return {resource.name.removeprefix("chat-hours-"): resource.inputs for resource in snapshot.of_type(type_)}


def test_database_and_services_stop_at_18_and_start_at_8_local_time() -> None:
    """S4-14"""
    found = named(dev(), SCHEDULE)
    assert set(found) == {f"{key}-{action}" for key in ("database", "fixed", "web") for action in ("start", "stop")}
    for name, schedule in found.items():
        hour = 8 if name.endswith("start") else 18
        assert schedule["scheduleExpression"] == f"cron(0 {hour} ? * MON-FRI *)"
        assert schedule["scheduleExpressionTimezone"] == "Asia/Kathmandu"
        assert schedule["flexibleTimeWindow"] == {"mode": "OFF"}
        assert schedule["kmsKeyArn"] == KEY


def test_each_schedule_calls_the_operation_with_the_parameters_it_takes() -> None:
    calls = {
        name: (schedule["target"]["arn"].rpartition("aws-sdk:")[2], json.loads(schedule["target"]["input"]))
        for name, schedule in named(dev(), SCHEDULE).items()
    }
    web = {"ServiceArn": f"arn:aws:apprunner:r:{ACCOUNT}:service/web/1"}
    assert calls == {
        "database-start": ("rds:startDBInstance", {"DbInstanceIdentifier": "chat-db"}),
        "database-stop": ("rds:stopDBInstance", {"DbInstanceIdentifier": "chat-db"}),
        "fixed-start": ("ecs:updateService", {"Cluster": "chat-dev", "Service": "fixed-1", "DesiredCount": 2}),
        "fixed-stop": ("ecs:updateService", {"Cluster": "chat-dev", "Service": "fixed-1", "DesiredCount": 0}),
        "web-start": ("apprunner:resumeService", web),
        "web-stop": ("apprunner:pauseService", web),
    }


def test_the_scheduler_may_do_exactly_that_to_exactly_these() -> None:
    snapshot = dev()
    [policy] = snapshot.of_type("aws:iam/rolePolicy:RolePolicy")
    allowed = {
        (action, resource)
        for statement in json.loads(policy.inputs["policy"])["Statement"]
        for action in statement["Action"]
        for resource in statement["Resource"]
    }
    [queue] = snapshot.of_type("aws:sqs/queue:Queue")
    database, web = f"arn:aws:rds:r:{ACCOUNT}:db:chat-db", f"arn:aws:apprunner:r:{ACCOUNT}:service/web/1"
    assert allowed == {
        ("rds:StartDBInstance", database),
        ("rds:StopDBInstance", database),
        ("ecs:UpdateService", f"arn:aws:ecs:ap-southeast-1:{ACCOUNT}:service/chat-dev/fixed-1"),
        ("apprunner:ResumeService", web),
        ("apprunner:PauseService", web),
        ("sqs:SendMessage", queue.outputs["arn"]),
        ("kms:Decrypt", KEY),
        ("kms:GenerateDataKey", KEY),
    }
    [role] = snapshot.of_type("aws:iam/role:Role")
    [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_a_start_that_fails_is_tried_for_two_hours_and_then_told() -> None:
    snapshot = dev()
    [queue] = snapshot.of_type("aws:sqs/queue:Queue")
    for schedule in named(snapshot, SCHEDULE).values():
        assert schedule["target"]["retryPolicy"]["maximumEventAgeInSeconds"] == 7200
        assert schedule["target"]["deadLetterConfig"] == {"arn": queue.outputs["arn"]}
    [told] = [
        resource for resource in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm") if "hours" in resource.name
    ]
    assert told.inputs["metricName"] == "ApproximateNumberOfMessagesVisible"
    assert told.outputs["name"] not in muted(snapshot)


def test_a_service_that_scales_gets_no_room_at_night_and_its_own_in_the_morning() -> None:
    """S4-14, S3-10"""
    found = named(dev(), SCALED)
    assert set(found) == {"api-start", "api-stop"}
    assert found["api-stop"]["scalableTargetAction"] == {"minCapacity": 0, "maxCapacity": 0}
    assert found["api-start"]["scalableTargetAction"] == {"minCapacity": 1, "maxCapacity": 4}
    assert found["api-stop"]["resourceId"] == "service/chat-dev/api-1"
    assert {(action["schedule"], action["timezone"]) for action in found.values()} == {
        ("cron(0 8 ? * MON-FRI *)", "Asia/Kathmandu"),
        ("cron(0 18 ? * MON-FRI *)", "Asia/Kathmandu"),
    }


def test_a_scheduled_action_waits_for_the_engine_that_makes_its_target() -> None:
    for action in dev().of_type(SCALED):
        assert any("chat-compute" in urn for urn in action.dependencies), action.name


def test_instances_go_and_come_back_and_ecs_ends_its_own() -> None:
    """S4-14"""
    found = {
        name: (action["minSize"], action["maxSize"], action["desiredCapacity"], action["recurrence"])
        for name, action in named(dev(), GROUP).items()
    }
    assert found == {
        "instances-stop": (0, 0, 0, "0 18 * * MON-FRI"),
        "instances-start": (1, 3, 1, "0 8 * * MON-FRI"),
        "capacity-stop": (0, -1, -1, "0 18 * * MON-FRI"),
        "capacity-start": (2, -1, -1, "0 8 * * MON-FRI"),
    }
    assert {action["timeZone"] for action in named(dev(), GROUP).values()} == {"Asia/Kathmandu"}


def muted(snapshot: Snapshot) -> set[str]:
    return {name for rule in snapshot.of_type(MUTE) for name in rule.inputs["muteTargets"]["alarmNames"]}


def test_alarms_of_what_is_stopped_are_quiet_until_it_has_started() -> None:
    snapshot = dev()
    rules = named(snapshot, MUTE)
    assert set(rules) == {f"{key}-after-{day}" for key in ("compute", "database", "pages") for day in ("mon", "fri")}
    schedules = {name.rpartition("-")[2]: rule["rule"]["schedule"] for name, rule in rules.items()}
    assert schedules == {
        "mon": {"expression": "cron(0 18 * * MON-THU)", "duration": "PT14H30M", "timezone": "Asia/Kathmandu"},
        "fri": {"expression": "cron(0 18 * * FRI)", "duration": "P2DT14H30M", "timezone": "Asia/Kathmandu"},
    }
    kept = {resource.name for resource in snapshot.resources if resource.outputs.get("name") in muted(snapshot)}
    assert {"chat-database-a0", "chat-database-a1", "chat-compute-a0"} <= kept
    assert "chat-cache-a0" not in kept
    assert {"chat-dev-backing", "chat-dev-serving"} <= muted(snapshot)


def test_no_mute_rule_has_more_alarms_than_it_may() -> None:
    rules = [rule for rule in dev(alarms=101).of_type(MUTE) if "database" in rule.name]
    assert sorted(len(rule.inputs["muteTargets"]["alarmNames"]) for rule in rules) == [1, 1, 100, 100]


def test_where_scheduled_actions_do_everything_no_role_is_made() -> None:
    snapshot = dev(calls=False)
    assert not snapshot.of_type("aws:iam/role:Role", SCHEDULE, "aws:sqs/queue:Queue")
    assert len(snapshot.of_type(SCALED)) == 2


def test_the_hours_of_an_ecs_engine_follow_from_its_services() -> None:
    services = {
        "api": ServiceSettings.model_validate({"port": 8080, "scaling": {"min": 1, "max": 4}}),
        "worker": ServiceSettings.model_validate({"scaling": {"min": 2, "max": 2, "target": None}}),
    }
    found = stopped_services(services, "chat-dev", {"api": "api-1", "worker": "worker-1"})
    assert {key: (service.least, service.most) for key, service in found.items()} == {
        "api": (1, 4),
        "worker": (2, None),
    }


def test_every_day_is_one_kind_of_night() -> None:
    rules = named(dev({"days": "mon-sun"}), MUTE)
    assert {rule["rule"]["schedule"]["expression"] for rule in rules.values()} == {"cron(0 18 * * *)"}
    assert {rule["rule"]["schedule"]["duration"] for rule in rules.values()} == {"PT14H30M"}


def test_unknowns_change_no_urn() -> None:
    known, unknown = dev(), dev(unknowns=True)
    assert [resource.urn for resource in known.resources] == [resource.urn for resource in unknown.resources]
    assert '"$groundwork": "unknown"' not in known.dumps()


@pytest.mark.parametrize(
    ("given_days", "meant"),
    [
        ("mon-fri", "mon tue wed thu fri"),
        ("sat-mon", "mon sat sun"),
        ("wed", "wed"),
        (["fri", "mon"], "mon fri"),
        ("mon-sun", "mon tue wed thu fri sat sun"),
    ],
)
def test_days_are_ranges_or_lists(given_days: Any, meant: str) -> None:
    assert list(HoursSettings.model_validate({"days": given_days}).days) == meant.split()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": "8"}, "not a time of day"),
        ({"stop": "24:00"}, "not a time of day"),
        ({"days": "monday-friday"}, "not days of the week"),
        ({"days": "mon-xyz"}, "not days of the week"),
        ({"days": ["mon", "mon"]}, "name a day twice"),
        ({"days": []}, "at least 1"),
        ({"start": "18:00", "stop": "08:00"}, "at least two hours after start"),
        ({"start": "08:00", "stop": "09:59"}, "at least two hours after start"),
    ],
)
def test_hours_that_do_not_parse_are_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        HoursSettings.model_validate(settings)


def test_a_time_zone_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="not an IANA time zone"):
        PlatformSettings.model_validate({"name": "chat", "timezone": "Asia/Katmandoo"})


@given(
    st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    st.integers(0, 1439),
    st.integers(120, 1439),
)
def test_the_week_is_either_open_or_within_exactly_one_spell(days: set[str], start: int, length: int) -> None:
    stop = start + length
    if stop > 1439:
        return
    text = {"start": f"{start // 60:02d}:{start % 60:02d}", "stop": f"{stop // 60:02d}:{stop % 60:02d}"}
    settings = HoursSettings.model_validate({**text, "days": sorted(days)})
    week = [0] * 7 * 1440
    for day in days:
        for minute in range(start, stop):
            week[WEEKDAYS.index(day) * 1440 + minute] += 1
    for spell in settings.spells():
        for day in spell.days:
            for minute in range(spell.minutes):
                week[(WEEKDAYS.index(day) * 1440 + stop + minute) % len(week)] += 1
    assert set(week) == {1}
    assert all(spell.minutes + GRACE < 7 * 1440 for spell in settings.spells())


@given(st.integers(1, 15 * 1440))
def test_a_duration_says_the_same_in_iso_8601(minutes: int) -> None:
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", duration(minutes))
    assert match
    days, hours, rest = (int(part or 0) for part in match.groups())
    assert dt.timedelta(days=days, hours=hours, minutes=rest) == dt.timedelta(minutes=minutes)
    assert not duration(minutes).endswith("T")


@given(st.sets(st.sampled_from(WEEKDAYS), min_size=1))
def test_days_of_week_name_exactly_those_days(days: set[str]) -> None:
    text = days_of_week(sorted(days, key=WEEKDAYS.index)).lower()
    if text == "*":
        meant = set(WEEKDAYS)
    elif "-" in text:
        first, last = (WEEKDAYS.index(day) for day in text.split("-"))
        meant = set(WEEKDAYS[first : last + 1])
        assert "sun" not in meant
    else:
        meant = set(text.split(","))
    assert meant == days


class _Platform(PlatformSettings):
    hours: HoursSettings | None = None


def mistakes(hours: dict[str, Any] | None, stage: str = "dev", **layers: Any) -> list[str]:
    platform = _Platform.model_validate({"name": "chat", "stage": stage, "hours": hours})
    settings = Settings.model_validate({"platform": platform, "network": {}, **layers})
    return [str(mistake) for check in CHECKS for mistake in check(settings)]


INSIDE = {"backup": {"window": "16:00-17:00"}}


@pytest.mark.parametrize(
    ("stage", "layers", "message"),
    [
        ("prod", {}, "platform.hours: customers come at night too"),
        ("dev", {"data": {**INSIDE, "replicas": {"reader": {}}}}, "set data.replicas: {reader: null}"),
        ("dev", {"data": {}}, "data.backup.window: 03:00-04:00 is outside the hours 08:00–18:00.*such as 16:30-17:00"),
        ("dev", {"data": {"backup": {"window": "17:45-18:15"}}}, "data.backup.window: 17:45-18:15 is outside"),
        (
            "dev",
            {"services": {"web": {"scaling": {"schedule": {"night": {"cron": "0 20 * * ? *", "min": 0, "max": 0}}}}}},
            "services.web.scaling.schedule: would start what platform.hours stops",
        ),
    ],
)
def test_hours_against_what_cannot_be_stopped_are_mistakes(stage: str, layers: dict[str, Any], message: str) -> None:
    [found] = mistakes({}, stage, **layers)
    assert re.search(message, found)


def test_hours_that_fit_are_none_and_no_hours_ask_nothing() -> None:
    assert mistakes({}, data=INSIDE) == []
    assert mistakes(None, "prod", data={"replicas": {"reader": {}}}) == []
