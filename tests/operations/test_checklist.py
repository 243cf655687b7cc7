"""The launch list: each line by the stack alone, by an account, and by a real database."""

from __future__ import annotations

import datetime
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from groundwork.cli import running
from groundwork.cli.console import FINDINGS
from groundwork.cli.main import run as groundwork
from groundwork.components.settings import Settings
from groundwork.operations import psql
from groundwork.operations.account import StackAccount
from groundwork.operations.checklist.indexes import Indexes, ask_indexes
from groundwork.operations.checklist.model import Answer, AnswerKind, Facts
from groundwork.operations.checklist.questions import QUESTIONS, answered
from groundwork.operations.errors import OperationError, UnreachableError
from groundwork.operations.resources import find_resources
from groundwork.operations.restoring.report import FOLDER, RestoreRehearsal, write
from groundwork.preview.snapshot import Snapshot
from tests.functions.servers import (
    ADMINISTRATOR,
    ADMINISTRATOR_PASSWORD,
    DATABASE,
    Server,
    postgres_programs,
    postgres_server,
)
from tests.operations.asking import asked_actions, permitted
from tests.operations.shop import client
from tests.operations.stood_up import standing
from tests.operations.test_engines import Script, standing_in
from tests.operations.test_status import refused
from tests.requirements import proves, rows
from tests.stacks import loaded, snapshot_of

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
Stack = tuple[StackAccount, Snapshot]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with standing(tmp_path, monkeypatch) as found:
        yield found


def offline(name: str, **more: Any) -> dict[str, Answer]:
    return by_id(Facts(loaded(name).settings, snapshot_of(name), NOW, **more))


def by_id(facts: Facts) -> dict[str, Answer]:
    return {one.question.id: one.answer for one in answered(facts)}


def in_account(stack: Stack, **more: Any) -> dict[str, Answer]:
    account, snapshot = stack
    return by_id(
        Facts(
            account.settings, snapshot, datetime.datetime.now(datetime.UTC), find_resources(account, snapshot), **more
        )
    )


@proves("S0-15")
def test_every_line_of_the_launch_lists_is_answered_by_the_stack_alone_or_said_to_be_unknown() -> None:
    wanted = {
        "multi-az": ("yes", "yes"),
        "replicas": ("yes", "yes"),
        "cache-failover": ("no", "yes"),
        "cluster-mode": ("no", "no"),
        "cdn": ("yes", "yes"),
        "autoscaling": ("yes", "yes"),
        "alarms": ("yes", "yes"),
        "subscribers": ("cannot know", "cannot know"),
        "backups": ("yes", "yes"),
        "restored": ("cannot know", "cannot know"),
        "recovery-plan": ("yes", "yes"),
        "load-test": ("cannot know", "cannot know"),
        "indexes": ("cannot know", "cannot know"),
        "root-mfa": ("cannot know", "cannot know"),
        "budget": ("yes", "yes"),
    }
    small, large = offline("prod"), offline("examples/mini-facebook/prod")
    found = {key: (small[key].verdict.value, large[key].verdict.value) for key in wanted}
    wanted["multi-az"] = ("no", "yes")
    assert found == wanted
    assert small["multi-az"].evidence == "shop-database-prod stands in one zone"


def test_lines_are_data_with_rows_that_exist_and_something_that_turns_each() -> None:
    assert len({one.id for one in QUESTIONS}) == len(QUESTIONS)
    for one in QUESTIONS:
        assert one.asks.endswith("?"), one
        assert one.turns, one
        assert one.rows, one
        assert set(one.rows) <= set(rows()), one
        assert one.answered_by in ("stack", "account", "database", "project", "people"), one


def test_settings_that_turn_a_line_exist() -> None:
    for one in QUESTIONS:
        path = one.turns.partition(":")[0].split(".")
        if " " in one.turns.partition(":")[0]:
            continue
        model: Any = Settings
        for key in path:
            if key in ("NAME",):
                continue
            fields = model.model_fields
            key_field = next(name for name, field in fields.items() if key in (name, field.alias))
            annotation = fields[key_field].annotation
            inner = [part for part in getattr(annotation, "__args__", ()) if hasattr(part, "model_fields")]
            model = inner[0] if inner else annotation


def test_a_secret_that_is_there_is_filled_or_said_to_be_empty(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    trail(monkeypatch)
    for name in ("cache", "database"):
        client("secretsmanager").create_secret(Name=f"shop/dev/{name}")
    assert in_account(stack)["secrets"] == Answer(AnswerKind.NO, "empty: shop/dev/cache, shop/dev/database")


def test_an_account_confirms_what_the_stack_says_or_does_not(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    trail(monkeypatch)
    asked = asked_actions(monkeypatch)
    found = in_account(stack)
    assert found["images"] == Answer(AnswerKind.YES, "all of 2 have one")
    assert (
        found["backups"].evidence == "the account has nothing to restore from yet"
        or found["backups"].verdict is AnswerKind.YES
    )
    assert found["secrets"].verdict is AnswerKind.NO
    assert found["secrets"].evidence == "not in the account: shop/dev/cache, shop/dev/database"
    assert found["secrets"].turns == "pulumi up --stack dev"
    assert found["alarms"].verdict is AnswerKind.YES
    assert found["restored"] == Answer(AnswerKind.NO, "not in the last 90 days, as far back as CloudTrail tells")
    assert found["root-mfa"] == Answer(AnswerKind.NO, "the root user has none")
    assert asked | {"cloudtrail:LookupEvents", "sns:ListSubscriptionsByTopic"} == permitted(
        "checklist", "data", "cache", "services", "secrets", "observability"
    )
    client("ssm").put_parameter(Name="/shop/dev/services/images/web", Value="none", Overwrite=True)
    client("rds").delete_db_instance(DBInstanceIdentifier="shop-database-dev", SkipFinalSnapshot=True)
    client("cloudwatch").delete_alarms(AlarmNames=["shop-mails-age-0a1b2c3"])
    found = in_account(stack)
    assert found["images"] == Answer(AnswerKind.NO, "the placeholder runs for web")
    assert found["backups"].verdict is AnswerKind.NO
    assert found["alarms"].evidence.startswith("1 of ")


def trail(monkeypatch: pytest.MonkeyPatch, *events: dict[str, Any]) -> None:
    standing_in(monkeypatch, cloudtrail=Script(lookup_events={"Events": list(events)}))


def test_a_restore_of_this_database_counts_and_one_of_another_does_not(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def event(name: str) -> dict[str, Any]:
        when = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=3)
        told = json.dumps({"requestParameters": {"sourceDBInstanceIdentifier": name}})
        return {"EventTime": when, "Username": "mara", "CloudTrailEvent": told}

    trail(monkeypatch, event("shop-database-prod"))
    assert in_account(stack)["restored"].verdict is AnswerKind.NO
    trail(monkeypatch, event("shop-database-dev"))
    assert in_account(stack)["restored"] == Answer(AnswerKind.YES, "restored 3 d ago by mara")
    refused_one = event("shop-database-dev")
    refused_one["CloudTrailEvent"] = json.dumps(
        {**json.loads(refused_one["CloudTrailEvent"]), "errorCode": "AccessDenied"}
    )
    trail(monkeypatch, refused_one)
    assert in_account(stack)["restored"].verdict is AnswerKind.NO
    rehearsed = event("shop-database-dev")
    told = {
        "sourceDBInstanceIdentifier": "shop-database-dev",
        "targetDBInstanceIdentifier": "shop-database-dev-rehearsal",
    }
    rehearsed["CloudTrailEvent"] = json.dumps({"requestParameters": told})
    trail(monkeypatch, rehearsed)
    assert in_account(stack)["restored"] == Answer(AnswerKind.YES, "rehearsed 3 d ago by mara")


def test_a_rehearsal_counts_by_its_report_for_90_days_where_it_passed(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trail(monkeypatch)
    now = datetime.datetime.now(datetime.UTC)
    for days, available, verdict in ((100, 60.0, AnswerKind.NO), (3, None, AnswerKind.NO), (2, 60.0, AnswerKind.YES)):
        began = now - datetime.timedelta(days=days, minutes=1)
        found = RestoreRehearsal("database", "shop-database-dev", "a snapshot", began, began, available=available)
        write(tmp_path / FOLDER, "dev", "here", [found])
        assert in_account(stack)["restored"].verdict is verdict
    assert in_account(stack)["restored"].evidence == "rehearsed 2 d ago, and it passed, as its report says"


def test_a_subscription_counts_when_it_is_confirmed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    account, snapshot = stack
    subscription = next(iter(snapshot.of_type("aws:sns/topicSubscription:TopicSubscription")))
    resources: Any = SimpleNamespace(
        account=account, arn=lambda one: "arn:topic" if one.urn in subscription.dependencies else None
    )
    [question] = [one for one in QUESTIONS if one.id == "subscribers"]
    for arn, verdict in (("PendingConfirmation", AnswerKind.NO), ("arn:aws:sns:x", AnswerKind.YES)):
        told = {"Subscriptions": [{"SubscriptionArn": arn, "Endpoint": "shop@example.com"}]}
        standing_in(monkeypatch, sns=Script(list_subscriptions_by_topic=told))
        found = question.answer(Facts(account.settings, snapshot, NOW, resources))
        assert found.verdict is verdict
    standing_in(monkeypatch, sns=Script(list_subscriptions_by_topic={"Subscriptions": []}))
    assert (
        question.answer(Facts(account.settings, snapshot, NOW, resources)).evidence
        == "nobody is subscribed in the account"
    )


def test_what_the_account_refuses_is_unknown_with_the_refusal(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    trail(monkeypatch)
    refused(monkeypatch, "GetAccountSummary", "AccessDenied", "not authorized to perform: iam:GetAccountSummary")
    found = in_account(stack)["root-mfa"]
    assert found.verdict is AnswerKind.UNKNOWN
    assert "iam:GetAccountSummary" in found.evidence


def test_who_has_no_credentials_is_told_of_the_answers_that_need_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(stack: str) -> StackAccount:
        raise UnreachableError("no credentials")

    monkeypatch.setattr("groundwork.operations.account.open_account", refuse)
    monkeypatch.setattr(running, "run_stack", lambda stack: SimpleNamespace(snapshot=snapshot_of("dev")))
    assert groundwork(["checklist", "dev"]) == FINDINGS
    assert capsys.readouterr().err == "no credentials; or answer by the stack file alone: --offline\n"


def test_offline_no_account_is_asked_and_it_is_read_at_80_columns(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = asked_actions(monkeypatch)
    assert groundwork(["checklist", "dev", "--offline"]) == FINDINGS
    said = capsys.readouterr().out
    assert not asked
    assert said.startswith("dev  by the stack file alone (--offline)\n")
    assert max(map(len, said.splitlines())) <= 80
    assert "\x1b" not in said
    assert said.count("Turns it: ") == said.count("\n  NO ") + said.count("\n  ?  ")
    assert groundwork(["checklist", "dev", "--offline", "--json"]) == FINDINGS
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == [one.id for one in QUESTIONS]


def test_what_the_database_says_of_its_indexes_is_the_answer() -> None:
    fine = offline("prod", indexes=lambda: Indexes(12, (), (), ()))["indexes"]
    assert fine == Answer(AnswerKind.YES, "none is missing or unused in 12 tables")
    bad = offline(
        "prod",
        indexes=lambda: Indexes(12, ("public.orders",), ("orders (user_id)",), tuple(f"public.i{n}" for n in range(9))),
    )
    assert bad["indexes"].verdict is AnswerKind.NO
    assert bad["indexes"].evidence.startswith(
        "public.orders is read whole; the foreign key orders (user_id) has no index; nothing uses"
    )
    assert bad["indexes"].evidence.endswith("and 6 more")


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not here")
    with postgres_server() as found:
        yield found


def reached(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"HOST": "127.0.0.1", "PORT": str(server.port), "USER": ADMINISTRATOR, "PASSWORD": ADMINISTRATOR_PASSWORD}
    for name, value in {**facts, "DATABASE": DATABASE, "SSLMODE": "require"}.items():
        monkeypatch.setenv(f"PG{name}", value)


def test_a_real_database_tells_which_indexes_are_missing_and_which_nobody_uses(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached(database, monkeypatch)
    statements = """
        create table users (id int primary key);
        insert into users select generate_series(1, 50);
        create table orders (id int primary key, user_id int references users, other int references users, note text);
        insert into orders select n, n % 50 + 1, n % 50 + 1, n || repeat('x', 200) from generate_series(1, 12000) n;
        create index orders_other on orders (other);
        create index orders_note on orders (note);
        create table "Odd ""Name" (id int primary key);
        analyze;
    """
    # Each time the table is read whole, since nothing finds its notes by their end.
    whole = "\n".join(["select count(*) from orders where note like '%y';"] * 120)
    subprocess.run(
        ["psql", "--quiet", "--no-psqlrc"], input=statements + whole, check=True, text=True, capture_output=True
    )
    found = ask_indexes()
    assert found.tables == 3
    assert found.scanned == ("public.orders",)
    assert found.keys == ("orders (user_id)",)
    assert found.unused == ("public.orders_note",)


def test_a_database_that_does_not_answer_and_a_missing_psql_are_said(
    database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached(database, monkeypatch)
    monkeypatch.setenv("PGPASSWORD", "another")
    with pytest.raises(OperationError, match=r"psql says: .*password authentication failed"):
        ask_indexes()
    monkeypatch.setattr(psql.shutil, "which", lambda _: None)
    with pytest.raises(OperationError, match="psql is not installed"):
        ask_indexes()
