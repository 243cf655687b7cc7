"""Log lines: which are found, in what order, and what a terminal is spared."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli import operations
from groundwork.cli.main import run as groundwork
from groundwork.operations import logs
from groundwork.operations.account import open_account
from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Progress
from tests.operations.shop import account, client

NOW = datetime.datetime(2026, 11, 27, 14, tzinfo=datetime.UTC)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with account(tmp_path, monkeypatch):
        for name in ("web", "worker"):
            client("logs").create_log_group(logGroupName=f"/shop/dev/services/{name}")
            client("logs").create_log_stream(logGroupName=f"/shop/dev/services/{name}", logStreamName="1")
        yield


def write(service: str, *lines: tuple[int, str]) -> None:
    """Write lines, each so many seconds ago."""
    events = [
        {"timestamp": int((now() - datetime.timedelta(seconds=ago)).timestamp() * 1000), "message": text}
        for ago, text in lines
    ]
    client("logs").put_log_events(logGroupName=f"/shop/dev/services/{service}", logStreamName="1", logEvents=events)


def test_lines_of_all_services_are_interleaved_by_time(shop: None, capsys: pytest.CaptureFixture[str]) -> None:
    write("web", (50, "GET /"), (10, "GET /cart"))
    write("worker", (30, "mail sent"))
    assert groundwork(["logs", "dev"]) == 0
    said = [line.split(maxsplit=1)[1] for line in capsys.readouterr().out.splitlines()]
    assert said == ["web    GET /", "worker mail sent", "web    GET /cart"]


def test_a_time_is_given_as_utc_and_to_the_millisecond(
    shop: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = now()
    monkeypatch.setitem(globals(), "now", lambda: at)
    write("web", (60, "x"))
    groundwork(["logs", "dev", "web"])
    assert capsys.readouterr().out == f"{at - datetime.timedelta(seconds=60):%Y-%m-%dT%H:%M:%S}.000Z web x\n"


def test_only_lines_since_then_with_the_text_and_of_the_service_are_shown(
    shop: None, capsys: pytest.CaptureFixture[str]
) -> None:
    write("web", (500, "old error"), (50, "fine"), (20, 'said "error" [42]'))
    write("worker", (20, "error"))
    groundwork(["logs", "dev", "web", "--since", "2m", "--grep", '"error" [42]'])
    [line] = capsys.readouterr().out.splitlines()
    assert line.endswith('said "error" [42]')


def test_nothing_found_is_said_on_standard_error(shop: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert groundwork(["logs", "dev", "--grep", "x"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "Nothing since" in said.err


def test_following_shows_each_line_once_and_those_that_come_late(shop: None) -> None:
    later = iter([("web", (5, "second")), ("worker", (7, "late")), None, None])
    found = []

    def arrive(_: float) -> None:
        written = next(later)
        if written:
            write(*written)

    write("web", (9, "first"))
    began = now() - datetime.timedelta(seconds=60)
    for line in logs.follow(open_account("dev"), ["web", "worker"], began, Progress(sleep=arrive)):
        found.append(line.text)
        if line.text == "late":
            write("web", (1, "last"))
        if line.text == "last":
            break
    assert found == ["first", "second", "late", "last"]


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90s", {"seconds": 90}),
        ("10m", {"minutes": 10}),
        ("2h", {"hours": 2}),
        ("3d", {"days": 3}),
        ("1w", {"weeks": 1}),
    ],
)
def test_a_span_is_counted_back_from_now(text: str, ago: dict[str, int]) -> None:
    assert logs.since(text, NOW) == NOW - datetime.timedelta(**ago)


def test_a_time_without_a_zone_is_utc() -> None:
    assert (
        logs.since("2026-11-27T14:00", NOW + datetime.timedelta(days=9999)).isoformat() == "2026-11-27T14:00:00+00:00"
    )
    assert logs.since("2026-11-27T14:00+05:45", NOW + datetime.timedelta(days=9999)).utcoffset() is not None


@pytest.mark.parametrize("text", ["", "yesterday", "10", "-5m", "10 m", "9999999s", "2026-13-01"])
def test_what_is_no_time_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(OperationError, match="is no time; write 90s"):
        logs.since(text, NOW)


def test_the_future_has_no_logs() -> None:
    with pytest.raises(OperationError, match="in the future"):
        logs.since("2999-01-01", NOW)


def test_a_stack_without_log_groups_is_one_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with account(tmp_path, monkeypatch), pytest.raises(OperationError, match=r"/shop/dev/services/web.*run pulumi up"):
        logs.lines(open_account("dev"), ["web"], NOW)


def test_a_terminal_obeys_nothing_that_a_service_wrote() -> None:
    assert (
        operations._harmless("a\x1b[2Jb\x07\tc\r")
        == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}\tc\N{REPLACEMENT CHARACTER}"
    )


def test_app_runner_names_its_log_groups_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Found:
        def __init__(self, *_: Any) -> None: ...

        def service(self, name: str) -> dict[str, str]:
            return {"ServiceName": f"shop-dev-{name}", "ServiceId": "8fe1e10304f84fd2b0df550fe98a71fa"}

    monkeypatch.setattr(logs, "AppRunnerOperations", Found)
    with account(tmp_path, monkeypatch):
        found = open_account("dev")
        found.settings.compute.__dict__["engine"] = "app-runner"
        assert logs.groups(found, ["web"]) == {
            "web": "/aws/apprunner/shop-dev-web/8fe1e10304f84fd2b0df550fe98a71fa/application"
        }
