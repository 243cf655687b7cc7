"""Schedules, and the expressions they are written in."""

import json
from types import SimpleNamespace

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.messaging.queue_settings import ScheduleSettings
from groundwork.components.messaging.schedule import Schedules
from groundwork.settings.schedules import problem_with
from tests.harness import build, shared

KEY = "arn:aws:kms:ap-south-1:111122223333:key/messaging"
QUEUES = {name: f"arn:aws:sqs:ap-south-1:111122223333:{name}" for name in ("cleanup-jobs", "ordered.fifo")}
FUNCTION = "arn:aws:lambda:ap-south-1:111122223333:function:shop-sweep"


def _thing(arn):
    return SimpleNamespace(arn=pulumi.Output.from_input(arn))


@shared
def _schedules(settings, **options):
    def program(context):
        Schedules(
            "shop-schedules",
            {name: ScheduleSettings.model_validate(schedule) for name, schedule in settings.items()},
            context=context,
            queues={name: _thing(arn) for name, arn in QUEUES.items()},
            functions={"sweep": _thing(FUNCTION)},
        )

    return build(program, **options)


DAILY = {"daily": {"at": "cron(0 2 * * ? *)", "queue": "cleanup-jobs", "message": {"job": "cleanup"}}}


def _one(settings=None, **options):
    snapshot = _schedules({"daily": {**DAILY["daily"], **(settings or {})}}, **options)
    (schedule,) = snapshot.of_type("aws:scheduler/schedule:Schedule")
    return snapshot, schedule


def _statements(snapshot, name="shop-schedules-daily"):
    (policy,) = [item for item in snapshot.of_type("aws:iam/rolePolicy:RolePolicy") if item.name == name]
    return {item["Sid"]: item for item in json.loads(policy.inputs["policy"])["Statement"]}


def test_a_queue_is_fed_daily_in_local_time():
    """S4-07"""
    _, schedule = _one(timezone="Asia/Kathmandu")
    assert schedule.inputs["scheduleExpression"] == "cron(0 2 * * ? *)"
    assert schedule.inputs["scheduleExpressionTimezone"] == "Asia/Kathmandu"
    assert schedule.inputs["target"]["arn"] == QUEUES["cleanup-jobs"]
    assert schedule.inputs["state"] == "ENABLED"


def test_a_schedule_may_have_a_time_zone_of_its_own():
    _, schedule = _one({"timezone": "Asia/Singapore"}, timezone="Asia/Kathmandu")
    assert schedule.inputs["scheduleExpressionTimezone"] == "Asia/Singapore"


def test_the_message_says_for_when_it_was_planned():
    _, schedule = _one()
    assert json.loads(schedule.inputs["target"]["input"]) == {
        "job": "cleanup",
        "scheduled_at": "<aws.scheduler.scheduled-time>",
    }


def test_the_message_is_encrypted_and_only_this_schedules_role_reads_it():
    snapshot, schedule = _one()
    assert schedule.inputs["kmsKeyArn"] == KEY
    key = _statements(snapshot)["MessageKey"]
    assert (key["Action"], key["Resource"]) == (["kms:Decrypt"], [KEY])
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "scheduler.ap-south-1.amazonaws.com"}}


def test_a_role_reaches_its_own_target_and_the_dead_letters():
    snapshot = _schedules({**DAILY, "hourly": {"at": "rate(1 hour)", "function": "sweep"}})
    (dead,) = snapshot.of_type("aws:sqs/queue:Queue")
    to_queue, to_function = _statements(snapshot), _statements(snapshot, "shop-schedules-hourly")
    assert to_queue["TargetSend"]["Action"] == ["sqs:SendMessage"]
    assert to_queue["TargetSend"]["Resource"] == [QUEUES["cleanup-jobs"]]
    assert (to_function["InvokeFunction"]["Action"], to_function["InvokeFunction"]["Resource"]) == (
        ["lambda:InvokeFunction"],
        [FUNCTION],
    )
    assert "TargetKey" not in to_function
    for statements in (to_queue, to_function):
        assert statements["DeadLettersSend"]["Resource"] == [dead.outputs["arn"]]


def test_only_the_scheduler_of_this_account_and_group_takes_the_role_on():
    snapshot, _ = _one()
    (group,) = snapshot.of_type("aws:scheduler/scheduleGroup:ScheduleGroup")
    (role,) = snapshot.of_type("aws:iam/role:Role")
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": group.outputs["arn"]},
    }


def test_what_cannot_be_handed_over_is_tried_again_then_kept_and_rings():
    snapshot, schedule = _one({"give_up_after": 600})
    (dead,) = snapshot.of_type("aws:sqs/queue:Queue")
    assert schedule.inputs["target"]["deadLetterConfig"] == {"arn": dead.outputs["arn"]}
    assert schedule.inputs["target"]["retryPolicy"] == {"maximumEventAgeInSeconds": 600, "maximumRetryAttempts": 185}
    (alarm,) = snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert alarm.inputs["dimensions"] == {"QueueName": dead.outputs["name"]}


def test_a_fifo_queue_gets_a_group():
    _, schedule = _one({"queue": "ordered.fifo"})
    assert schedule.inputs["target"]["sqsParameters"] == {"messageGroupId": "daily"}
    _, standard = _one()
    assert standard.inputs["target"].get("sqsParameters") is None


def test_a_window_spreads_the_start():
    assert _one({"window": 15})[1].inputs["flexibleTimeWindow"] == {"mode": "FLEXIBLE", "maximumWindowInMinutes": 15}
    assert _one()[1].inputs["flexibleTimeWindow"] == {"mode": "OFF"}


def test_a_schedule_can_be_kept_and_do_nothing():
    assert _one({"enabled": False})[1].inputs["state"] == "DISABLED"


def test_another_schedule_changes_no_urn():
    one = {item.urn for item in _schedules(DAILY).resources}
    two = {item.urn for item in _schedules({"aaa": {"at": "rate(1 day)", "function": "sweep"}, **DAILY}).resources}
    assert one < two


def test_schedules_survive_a_first_preview_and_stay_the_same():
    known, unknown = _schedules(DAILY), _schedules(DAILY, unknowns=True)
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]
    assert '"unknown"' not in known.dumps()


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 2 * * ? *)",
        "cron(0/15 8-18 ? * MON-FRI *)",
        "cron(0 10 L * ? *)",
        "cron(0 10 15W * ? *)",
        "cron(0 10 ? * 6#3 2027-2030)",
        "cron(0 10 ? * friL *)",
        "cron(0,30 2 1,15 JAN,Jun ? *)",
        "rate(1 day)",
        "rate(90 minutes)",
        "at(2028-02-29T08:00:00)",
    ],
)
def test_an_expression_that_eventbridge_reads(expression):
    assert problem_with(expression) is None
    ScheduleSettings(at=expression, queue="jobs")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("daily", "is not a schedule"),
        ("0 2 * * ? *", "is not a schedule"),
        ("cron(0 2 * * *)", "has 5 cron fields"),
        ("cron(0  2 * * ? *)", "has 7 cron fields"),
        ("cron(60 2 * * ? *)", '"60" as minute'),
        ("cron(0 24 * * ? *)", '"24" as hour'),
        ("cron(0 2 32 * ? *)", '"32" as day of month'),
        ("cron(0 2 0 * ? *)", '"0" as day of month'),
        ("cron(0 2 * 13 ? *)", '"13" as month'),
        ("cron(0 2 ? * 0 *)", '"0" as day of week'),
        ("cron(0 2 ? * SOL *)", "SUN-SAT"),
        ("cron(0 2 ? * 6#6 *)", '"6#6" as day of week'),
        ("cron(0 2 * * ? 1969)", '"1969" as year'),
        ("cron(? 2 * * ? *)", '"?" as minute'),
        ("cron(*/0 2 * * ? *)", '"*/0" as minute'),
        ("cron(²/5 2 * * ? *)", "as minute"),
        ("cron(0 2 1, * ? *)", '"1," as day of month'),
        ("cron(0 2 * * * *)", 'needs "?"'),
        ("cron(0 2 ? * ? *)", 'needs "?"'),
        ("cron(0 2 1 * MON *)", 'needs "?"'),
        ("rate(1 days)", "rate(1 day)"),
        ("rate(5 minute)", "rate(5 minutes)"),
        ("rate(0 days)", "is not a rate"),
        ("rate(1 week)", "is not a rate"),
        ("rate(1.5 hours)", "is not a rate"),
        ("at(2027-02-30T00:00:00)", "is not a time"),
        ("at(2027-01-31)", "is not a time"),
        ("at(2027-01-31T08:00:00Z)", "is not a time"),
        ("at()", "is not a time"),
    ],
)
def test_an_expression_that_eventbridge_refuses_is_a_mistake(expression, said):
    assert said in (problem_with(expression) or "")
    with pytest.raises(ValidationError):
        ScheduleSettings(at=expression, queue="jobs")


@given(st.text(max_size=30) | st.text("0123456789*?/,-LW# ", max_size=24).map("cron({})".format) | st.text(max_size=9).map("rate({})".format))  # fmt: skip
def test_no_expression_breaks_the_reader(expression):
    problem = problem_with(expression)
    assert problem is None or problem


@given(st.integers(0, 59), st.integers(0, 23), st.integers(1, 31), st.integers(1, 12), st.integers(1970, 2199))
def test_every_minute_of_every_day_can_be_written(minute, hour, day, month, year):
    assert problem_with(f"cron({minute} {hour} {day} {month} ? {year})") is None


@pytest.mark.parametrize(
    "settings",
    [
        {"queue": "jobs", "timezone": "Nepal/Kathmandu"},
        {"queue": "jobs", "function": "sweep"},
        {},
        {"queue": "jobs", "window": 1441},
        {"queue": "jobs", "give_up_after": 59},
    ],
)
def test_a_schedule_that_makes_no_sense_is_a_mistake(settings):
    with pytest.raises(ValidationError):
        ScheduleSettings.model_validate({"at": "rate(1 day)", **settings})
