"""Queues, topics, schedules and functions that do not go together: one message each."""

from __future__ import annotations

from typing import Any

import pytest

from groundwork.components.data import connection_checks as connections
from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.messaging import checks as messaging
from groundwork.components.messaging.queue_settings import (
    NotifySettings,
    QueueSettings,
    ScheduleSettings,
    TopicSettings,
)
from groundwork.components.messaging.settings import MessagingSettings
from groundwork.components.settings import Settings
from groundwork.components.storage.settings import BucketSettings
from groundwork.settings.mistakes import dotted


class Messaging(MessagingSettings):
    queues: dict[str, QueueSettings] = {}
    topics: dict[str, TopicSettings] = {}
    schedules: dict[str, ScheduleSettings] = {}


class Bucket(BucketSettings):
    notify: dict[str, NotifySettings] = {}


class Layers(Settings):
    messaging: Messaging | None = None
    storage: dict[str, Bucket] = {}
    functions: dict[str, FunctionSettings] = {}


def mistakes(**layers: Any) -> list[str]:
    settings = Layers.model_validate({"platform": {"name": "shop"}, **layers})
    found = [mistake for check in (*messaging.CHECKS, *connections.CHECKS) for mistake in check(settings)]
    return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found]


def resize(**settings: Any) -> dict[str, Any]:
    return {"code": "functions/image_processor", "timeout": 60, "trigger": {"queue": "image-jobs"}, **settings}


QUEUES = {"image-jobs": {"visibility": 360}, "payments.fifo": {}, "by-id.fifo": {"fifo": {"deduplication": "id"}}}
UPLOADS = {"notify": {"new": {"queue": "image-jobs", "prefix": "uploads/"}}}
FINE: dict[str, Any] = {
    "messaging": {
        "queues": QUEUES,
        "topics": {
            "events": {
                "subscriptions": {"a": {"queue": "image-jobs"}, "b": {"function": "sweep"}, "c": {"email": "a@b.co"}}
            },
            "orders.fifo": {
                "fifo": {},
                "subscriptions": {"a": {"queue": "payments.fifo"}, "b": {"queue": "image-jobs"}},
            },
        },
        "schedules": {
            "daily": {"at": "cron(0 2 * * ? *)", "queue": "payments.fifo"},
            "hourly": {"at": "rate(1 hour)", "function": "sweep"},
        },
    },
    "storage": {"uploads": UPLOADS, "media": {}},
    "functions": {
        "resize": resize(uses={"uploads": "read", "media": "read-write"}),
        "sweep": {"code": "functions/cleanup", "uses": {"uploads": "read-write"}},
    },
}


def test_what_goes_together_is_no_mistake() -> None:
    assert mistakes(**FINE) == []


def test_a_stack_without_any_of_it_is_no_mistake() -> None:
    assert mistakes() == []


@pytest.mark.parametrize("kind", ["queues", "topics"])
def test_fifo_options_on_a_name_without_suffix(kind: str) -> None:
    assert mistakes(messaging={kind: {"payments": {"fifo": {}}}}) == [
        f'messaging.{kind}.payments.fifo: goes with a name that ends in ".fifo", as AWS has it; '
        'call it "payments.fifo", or remove fifo'
    ]


def test_two_names_that_differ_in_the_suffix_alone() -> None:
    assert mistakes(messaging={"queues": {"jobs": {}, "jobs.fifo": {}}}) == [
        'messaging.queues.jobs.fifo: differs from "jobs" in nothing but its suffix'
    ]


def test_queues_and_functions_that_are_not_there() -> None:
    assert mistakes(
        messaging={
            "queues": {"payments.fifo": {}},
            "topics": {"events": {"subscriptions": {"a": {"queue": "jobs"}, "b": {"function": "indx"}}}},
            "schedules": {"daily": {"at": "rate(1 day)", "queue": "payments"}},
        },
        storage={"uploads": {"notify": {"new": {"queue": "jobs"}}}},
        functions={"index": {"code": "functions/cleanup", "trigger": {"queue": "pay"}}},
    ) == [
        'messaging.topics.events.subscriptions.a.queue: there is no queue "jobs"; there are payments.fifo',
        'messaging.topics.events.subscriptions.b.function: there is no function "indx"; there are index; did you mean "index"?',
        'messaging.schedules.daily.queue: there is no queue "payments"; there are payments.fifo; did you mean "payments.fifo"?',
        'storage.uploads.notify.new.queue: there is no queue "jobs"; there are payments.fifo',
        'functions.index.trigger.queue: there is no queue "pay"; there are payments.fifo; did you mean "payments.fifo"?',
    ]


def test_a_stack_without_queues_says_so() -> None:
    (said,) = mistakes(functions={"resize": resize()})
    assert said == 'functions.resize.trigger.queue: there is no queue "image-jobs"; this stack has no queue'


@pytest.mark.parametrize(
    ("topic", "subscription", "said"),
    [
        ("orders.fifo", {"function": "sweep"}, "function: a FIFO topic delivers to queues only; let a queue hear orders.fifo"),
        ("orders.fifo", {"email": "a@b.co"}, "email: a FIFO topic delivers to queues only"),
        ("orders", {"queue": "payments.fifo"}, 'queue: a standard topic cannot deliver to a FIFO queue; call the topic "orders.fifo"'),
    ],
)  # fmt: skip
def test_a_receiver_that_a_topic_cannot_reach(topic: str, subscription: dict[str, str], said: str) -> None:
    held = {"queues": QUEUES, "topics": {topic: {"subscriptions": {"it": subscription}}}}
    (found,) = mistakes(messaging=held, functions={"sweep": {"code": "functions/cleanup"}})
    assert said in found


def test_a_fifo_queue_that_a_schedule_or_bucket_cannot_feed() -> None:
    assert mistakes(
        messaging={"queues": QUEUES, "schedules": {"daily": {"at": "rate(1 day)", "queue": "by-id.fifo"}}},
        storage={"uploads": {"notify": {"new": {"queue": "payments.fifo"}}}},
    ) == [
        "messaging.schedules.daily.queue: a schedule gives no deduplication id, which by-id.fifo asks for; "
        "set its fifo.deduplication: content",
        "storage.uploads.notify.new.queue: a bucket cannot tell a FIFO queue; use a standard one",
    ]


@pytest.mark.parametrize(("visibility", "window", "needed"), [(359, 0, 360), (360, 20, 380), (30, 0, 360)])
def test_a_visibility_timeout_below_six_times_the_functions(visibility: int, window: int, needed: int) -> None:
    (said,) = mistakes(
        messaging={"queues": {"image-jobs": {"visibility": visibility}}},
        functions={"resize": resize(trigger={"queue": "image-jobs", "window": window})},
    )
    assert said.startswith(f"messaging.queues.image-jobs.visibility: {visibility} s is less than six times the 60 s")
    assert f"use at least {needed}" in said


def test_a_function_that_uses_what_does_not_exist_or_cannot_be_used_so() -> None:
    assert mistakes(
        storage={"uploads": {}},
        secrets={"app": {"keys": ["A_KEY"]}},
        services={"api": {"port": 3000}},
        functions={
            "sweep": {
                "code": "functions/cleanup",
                "uses": {
                    "uplods": "read",
                    "uploads": "send",
                    "api": "connect",
                    "app": {"level": "read", "prefix": "x/"},
                },
            }
        },
    ) == [
        'functions.sweep.uses.uplods: unknown; there are uploads, app; did you mean "uploads"?',
        'functions.sweep.uses.uploads: "send" is not a level of a bucket; use read, write, read-write, purge, sign-download or sign',
        "functions.sweep.uses.api: services are reached by other services only; let the function send to a queue",
        "functions.sweep.uses.app.prefix: a prefix goes with a bucket; app is a secret",
    ]


def test_two_functions_that_take_messages_from_one_another() -> None:
    (said,) = mistakes(
        messaging={"queues": QUEUES}, functions={"resize": resize(), "index": resize(code="functions/cleanup")}
    )
    assert said.startswith("functions.index.trigger.queue: functions.resize consumes image-jobs too")


def test_a_function_and_a_worker_that_take_messages_from_one_another() -> None:
    found = mistakes(
        messaging={"queues": QUEUES},
        services={"worker": {"uses": {"image-jobs": "consume"}}},
        functions={"resize": resize()},
    )
    assert [said for said in found if "services.worker consumes image-jobs too" in said]


LOOPS = [
    ("write", None, "uploads/", True),
    ("read-write", None, "", True),
    ("sign", None, "", True),
    ("read-write", "uploads/", "uploads/", True),
    ("read-write", "uploads/copies/", "uploads/", True),
    ("read-write", "up", "uploads/", True),
    ("read-write", "processed/", "uploads/", False),
    ("read", None, "uploads/", False),
]


@pytest.mark.parametrize(("level", "written", "told", "is_loop"), LOOPS)
def test_a_function_that_writes_where_it_is_triggered(
    level: str, written: str | None, told: str, is_loop: bool
) -> None:
    found = mistakes(
        messaging={"queues": QUEUES},
        storage={"uploads": {"notify": {"new": {"queue": "image-jobs", "prefix": told}}}},
        functions={"resize": resize(uses={"uploads": {"level": level, "prefix": written}})},
    )
    assert [said for said in found if said.startswith("functions.resize.uses.uploads: may write where")] == found
    assert bool(found) is is_loop


def test_a_function_that_writes_elsewhere_or_hears_of_removals_runs_in_no_circle() -> None:
    removed = {"notify": {"gone": {"queue": "image-jobs", "on": "removed"}}}
    for uploads, uses in ((UPLOADS, {"media": "write", "uploads": "read"}), (removed, {"uploads": "write"})):
        layers = {"storage": {"uploads": uploads, "media": {}}, "functions": {"resize": resize(uses=uses)}}
        assert mistakes(messaging={"queues": QUEUES}, **layers) == []


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({}, {}, True),
        ({"prefix": "a/"}, {"prefix": "a/b/"}, True),
        ({"prefix": "a/"}, {"prefix": "b/"}, False),
        ({"suffix": ".jpg"}, {"suffix": ".png"}, False),
        ({"suffix": ".jpg"}, {"suffix": "g"}, True),
        ({"suffix": ".jpg"}, {"prefix": "a/"}, True),
        ({"on": "removed"}, {}, False),
    ],
)
def test_two_notifications_that_one_object_could_match(
    one: dict[str, str], other: dict[str, str], overlap: bool
) -> None:
    notify = {name: {"queue": "image-jobs", **settings} for name, settings in (("one", one), ("other", other))}
    found = mistakes(messaging={"queues": QUEUES}, storage={"uploads": {"notify": notify}})
    assert [said.partition(":")[0] for said in found] == (["storage.uploads.notify.other"] if overlap else [])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"code": "functions/image_procesor"}, 'functions.it.code: there is no folder "functions/image_procesor" beside the program or among Groundwork\'s functions; did you mean "functions/image_processor"?'),
        ({"code": "functions/cleanup", "handler": "main.run"}, 'functions.it.handler: "main.run" is looked for in functions/cleanup/main.py, which is not there'),
        ({"code": "functions/cleanup", "handler": "a.b.run"}, 'functions.it.handler: "a.b.run" is looked for in functions/cleanup/a/b.py, which is not there'),
    ],
)  # fmt: skip
def test_code_that_is_not_there(settings: dict[str, str], said: str) -> None:
    assert mistakes(functions={"it": settings}) == [said]


def test_a_function_in_the_network_without_a_way_to_aws() -> None:
    layers: dict[str, Any] = {
        "network": {"nat": "none", "endpoints": ["logs"]},
        "data": {"class": "db.t4g.small", "proxy": {}},
        "functions": {"index": {"code": "functions/cleanup", "uses": {"database": "connect"}}},
    }
    (said,) = mistakes(**layers)
    assert said.startswith('network.nat: "none" leaves functions.index, which is in the network for database')
    assert "add secretsmanager to network.endpoints" in said
    layers["network"]["endpoints"] = ["secretsmanager"]
    assert mistakes(**layers) == []


def test_an_age_that_no_message_reaches_sets_nothing_off() -> None:
    def queue(age: int) -> dict[str, Any]:
        return {"queues": {"jobs": {"retention_days": 1, "alarm_age": age}}}

    assert mistakes(messaging=queue(86400)) == [
        "messaging.queues.jobs.alarm_age: 86400 s (notice) are never reached: messages are kept for 86400 (retention_days); lower it"
    ]
    assert mistakes(messaging=queue(86399)) == []


def test_a_secret_in_clear() -> None:
    (said,) = mistakes(functions={"it": {"code": "functions/cleanup", "environment": {"API_KEY": "hunter2hunter2"}}})
    assert said.startswith('functions.it.environment.API_KEY: "API_KEY" is named like a secret')
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("function", "proxy", "said"),
    [
        ({}, None, "is missing, and each copy that uses the database holds a connection"),
        ({"concurrency": 61}, None, "61 copies bring the direct connections to 101 (40 of services), more than 100"),
        ({"concurrency": 60}, None, None),
        ({"trigger": {"queue": "image-jobs", "concurrency": 60}}, None, None),
        ({}, {}, None),
    ],
)
def test_copies_that_take_the_databases_connections(function: dict[str, Any], proxy: Any, said: str | None) -> None:
    """S0-04"""
    found = mistakes(
        network={},
        data={"class": "db.t4g.small", "proxy": proxy},
        messaging={"queues": QUEUES},
        services={"api": {"port": 3000, "uses": {"database": "connect"}}},
        functions={"index": {"code": "functions/cleanup", "uses": {"database": "connect"}, **function}},
    )
    assert len(found) == (said is not None)
    if said:
        assert found[0].startswith(f"functions.index.concurrency: {said}")
