"""Draws what ``status`` and ``checklist`` print on a terminal of 80 columns, of a stack in a stand-in account of which some things are not well
(``make docs``)."""

from __future__ import annotations

import datetime
import io
import re
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text as Styled

from groundwork.cli import checklist_text, status_text
from groundwork.operations.account import StackAccount
from groundwork.operations.checklist.model import Facts
from groundwork.operations.checklist.questions import answered
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.resources import find_resources
from groundwork.operations.status.reading import read_status
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.styled import Text
from tests.operations.shop import ACCOUNT, REGION, client, service
from tests.operations.stood_up import SUFFIX, ring, run_copies, standing, url
from tests.operations.test_engines import Script, standing_in
from tests.stacks import ROOT

COLUMNS = 80
WHEN = datetime.datetime(2026, 11, 28, 12, 56, tzinfo=datetime.UTC)
"""What the picture is dated: it would be another one each day."""


def drawn(title: str, lines: Iterable[Text]) -> str:
    """Return lines as a terminal shows them, without fonts that a reader would have to fetch."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, highlight=False, markup=False, emoji=False
    )
    for line in lines:
        console.print(Styled.assemble(*line.parts))
    form = re.sub(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title=title, code_format=form, unique_id=title.split()[1])


def _alarms() -> dict[str, Any]:
    from moto.cloudwatch.models import cloudwatch_backends

    found: dict[str, Any] = cloudwatch_backends[ACCOUNT][REGION].alarms
    return found


def troubled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a copy too few run for want of memory, dead letters wait, and an alarm ring."""
    now = datetime.datetime.now(datetime.UTC)
    run_copies("web", 1)
    for name in ("web", "worker"):
        for one in service(name).deployments:
            one["createdAt"] = now - datetime.timedelta(minutes=4)
    for text in ("a", "b"):
        client("sqs").send_message(QueueUrl=url("shop-mails-dead-letters"), MessageBody=text)
    ring("shop-mails-dead-letters")
    [alarm] = [one for one in _alarms().values() if one.name.startswith("shop-mails-dead-letters-")]
    alarm.state_updated_timestamp = now - datetime.timedelta(minutes=12)
    reason = "OutOfMemoryError: Container killed due to memory usage"
    crashed = {
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "web", "exitCode": 137, "reason": reason}],
        "tags": [{"key": "service", "value": "web"}],
    }
    ended = {"stoppedAt": now - datetime.timedelta(minutes=5), "containers": [{"name": "migrate", "exitCode": 0}]}

    def tasks(_: EcsOperations, name: str, **which: Any) -> list[dict[str, Any]]:
        stopped: dict[str, list[dict[str, Any]]] = {"web": [crashed], "migrate": [ended]}
        return stopped.get(name, []) if which["desiredStatus"] == "STOPPED" else []

    monkeypatch.setattr(EcsOperations, "_tasks", tasks)


def filled(snapshot: Snapshot) -> None:
    """Have secrets hold a value, as updates fill them, and somebody be told of alarms."""
    for secret in snapshot.of_type("aws:secretsmanager/secret:Secret"):
        client("secretsmanager").create_secret(Name=secret.inputs["name"], SecretString="{}")
    for topic in snapshot.of_type("aws:sns/topic:Topic"):
        tags = [{"Key": key, "Value": value} for key, value in topic.inputs["tags"].items()]
        arn = client("sns").create_topic(Name=f"{topic.name}-{SUFFIX}", Tags=tags)["TopicArn"]
        client("sns").subscribe(TopicArn=arn, Protocol="email", Endpoint="shop@example.com")


def pictures(account: StackAccount, snapshot: Snapshot) -> dict[str, str]:
    """Return what each command prints of a stack, drawn."""
    found = replace(read_status(account, snapshot, datetime.datetime.now(datetime.UTC)), at=WHEN)
    facts = Facts(account.settings, snapshot, datetime.datetime.now(datetime.UTC), find_resources(account, snapshot))
    answers = checklist_text.lines(account.stack_name, account.place, answered(facts), COLUMNS)
    return {
        "status": drawn("groundwork status dev", status_text.lines(found, COLUMNS)),
        "checklist": drawn("groundwork checklist dev", answers),
    }


def all_pictures() -> dict[str, str]:
    """Return the pictures of the documentation, by their names."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        tempfile.TemporaryDirectory() as folder,
        standing(Path(folder), monkeypatch) as (account, snapshot),
    ):
        troubled(monkeypatch)
        filled(snapshot)
        # Which moto does not know.
        standing_in(monkeypatch, cloudtrail=Script(lookup_events={"Events": []}))
        return pictures(account, snapshot)


if __name__ == "__main__":
    for name, text in all_pictures().items():
        (ROOT / "docs" / f"{name}.svg").write_text(text, encoding="utf-8")
