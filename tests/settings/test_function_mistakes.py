"""Functions and what they use: what would fail when they are called is a mistake in the stack file."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from groundwork.components.functions import checks as shipped_functions
from groundwork.components.functions.artefacts import DESCRIPTION, SHIPPED
from groundwork.components.functions.checks import shipped
from groundwork.components.messaging import checks as messaging
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import dotted
from tests.stacks import ROOT, STACKS, loaded

FORGET = {"forget": {"code": "functions/cache_invalidator", "uses": {"cache": "connect"}}}
OWN = {"forget": {"code": "functions/cleanup", "uses": {"cache": "connect"}}}
BESIDE = (
    "functions.forget.uses.cache: the cache is beside the services on their instance (cache.placement: instance), where no "
    "function reaches it; let a service do it, or set placement: elasticache"
)
PASSWORD = (
    "functions.forget.uses.cache: functions/cache_invalidator logs in with a password; set cache.authentication: password, "
    "or use code of your own"
)


@pytest.mark.parametrize(
    ("functions", "cache", "expected"),
    [
        (FORGET, {}, []),
        (FORGET, {"placement": "instance"}, [BESIDE]),
        (FORGET, {"authentication": "iam"}, [PASSWORD]),
        (OWN, {"authentication": "iam"}, []),
    ],
)
def test_a_function_that_cannot_log_in_to_the_cache_is_a_mistake(
    functions: dict[str, Any], cache: dict[str, Any], expected: list[str]
) -> None:
    """S1-13"""
    settings = Settings.model_validate(
        {"platform": {"name": "shop"}, "network": {"nat": "single"}, "functions": functions, "cache": cache}
    )
    found = [mistake for check in messaging.CHECKS for mistake in check(settings)]
    assert [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found] == expected


CLEAN: dict[str, Any] = {
    "code": "functions/cleanup",
    "trigger": {"queue": "jobs"},
    "environment": {"BUCKET": "files", "RULES": "uploads/temp/=24h,deleted/=30d"},
    "uses": {"files": "purge"},
}
RESIZE: dict[str, Any] = {
    "code": "functions/image_processor",
    "trigger": {"queue": "jobs"},
    "environment": {"SIZES": "thumbnail=320, medium=1024", "OUTPUT": "media"},
    "uses": {"files": "read", "media": "write"},
}
INDEX: dict[str, Any] = {"code": "functions/search_indexer", "uses": {"search": "write"}}
INVALIDATE: dict[str, Any] = {
    "code": "functions/cache_invalidator",
    "environment": {"KEYS": "user:{id}"},
    "uses": {"cache": "connect"},
}
NOTIFY: dict[str, Any] = {
    "code": "functions/notification_processor",
    "trigger": {"queue": "jobs"},
    "uses": {"push": "send"},
}
ROTATE: dict[str, Any] = {"code": "functions/rotate_keys"}
PUSH = {"push": {"android": {"service_account": {"secure": "v1:x"}}}}


def _with(function: dict[str, Any], environment: dict[str, str | None] | None = None, **changes: Any) -> dict[str, Any]:
    """The function with other settings; a variable that is None is taken out."""
    merged = {**function.get("environment", {}), **(environment or {})}
    return {**function, "environment": {key: value for key, value in merged.items() if value is not None}, **changes}


def _mistakes(function: dict[str, Any], **layers: Any) -> list[str]:
    there: dict[str, Any] = {
        "platform": {"name": "shop"},
        "network": {"nat": "single"},
        "cache": {},
        "search": {},
        "messaging": {"queues": {"jobs": {}}, **PUSH},
        "storage": {"files": {}, "media": {}},
        "functions": {"it": function},
    }
    settings = Settings.model_validate({**there, **layers})
    found = [mistake for check in shipped_functions.CHECKS for mistake in check(settings)]
    return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found]


@pytest.mark.parametrize(
    "function",
    [
        CLEAN,
        _with(CLEAN, {"DRY_RUN": "True", "AWS_RETRY_MODE": "standard", "TZ": "UTC"}),
        _with(CLEAN, {"RULES": "uploads/temp/=24h"}, uses={"files": {"level": "purge", "prefix": "uploads/"}}),
        RESIZE,
        _with(RESIZE, {"OUTPUT": None}, uses={"files": "read-write"}),
        _with(RESIZE, {"MAX_MB": "10", "QUALITY": "100", "SOURCE_PREFIX": ""}),
        _with(RESIZE, uses={"files": "read", "media": {"level": "write", "prefix": "p"}}, environment={"REFUSED_PREFIX": "put-back/"}),
        INDEX,
        _with(INDEX, {"INDEXES": "posts, users-2"}, trigger={"queue": "jobs"}),
        INVALIDATE,
        _with(INVALIDATE, {"KEYS": None, "PATTERNS": "feed:{id}:*"}),
        NOTIFY,
        _with(NOTIFY, {"REMEMBER_HOURS": "0.5"}, uses={"push": "send", "cache": "connect"}),
        ROTATE,
    ],
)  # fmt: skip
def test_a_shipped_function_that_has_what_it_needs_is_no_mistake(function: dict[str, Any]) -> None:
    assert _mistakes(function) == []


IT = "functions.it"
RULES = r"""\s*[^/=,\s][^=,]*/=[1-9][0-9]{0,5}[hd]\s*(,\s*[^/=,\s][^=,]*/=[1-9][0-9]{0,5}[hd]\s*)*"""
CASES: list[tuple[dict[str, Any], list[str]]] = [
    # What it needs.
    (_with(CLEAN, {"BUCKET": None}), [f'{IT}.environment.BUCKET: is missing, and functions/cleanup needs it (bucket that is cleaned); set it, such as BUCKET: "uploads"']),
    (_with(CLEAN, {"RULES": None}), [f'{IT}.environment.RULES: is missing, and functions/cleanup needs it (prefix and age in hours or days); set it, such as RULES: "uploads/temp/=24h,deleted/=30d"']),
    (_with(RESIZE, {"SIZES": None}), [f'{IT}.environment.SIZES: is missing, and functions/image_processor needs it (name and longest side in pixels; nothing is made larger); set it, such as SIZES: "thumbnail=320,medium=1024"']),
    (_with(INVALIDATE, {"KEYS": None}), [f'{IT}.environment: functions/cache_invalidator needs KEYS or PATTERNS; set one, such as KEYS: "user:{{id}},profile:{{user.name}}"']),
    # Names that it does not know.
    (_with(CLEAN, {"RULE": "deleted/=30d"}), [f'{IT}.environment.RULE: functions/cleanup does not read this variable; it reads BUCKET, RULES, DRY_RUN; did you mean "RULES"?']),
    (_with(INDEX, {"INDEX": "posts"}), [f'{IT}.environment.INDEX: functions/search_indexer does not read this variable; it reads INDEXES; did you mean "INDEXES"?']),
    (_with(ROTATE, {"COLOUR": "red"}), [f"{IT}.environment.COLOUR: functions/rotate_keys does not read this variable; it reads none"]),
    (_with(INDEX, {"SEARCH_ENDPOINT": "https://x"}), [f"{IT}.environment.SEARCH_ENDPOINT: is not for a stack file to set: it comes from uses: {{search: write}}; leave it out"]),
    (_with(CLEAN, {"FILES_BUCKET": "x"}), [f"{IT}.environment.FILES_BUCKET: is not for a stack file to set: it comes from the bucket under uses; leave it out"]),
    # Values that it would refuse.
    (_with(CLEAN, {"RULES": "uploads/temp=24h"}), [f'{IT}.environment.RULES: is nothing that functions/cleanup can read (prefix and age in hours or days); write it as "uploads/temp/=24h,deleted/=30d" (the whole of it matches {RULES})']),
    (_with(CLEAN, {"DRY_RUN": "yes"}), [f'{IT}.environment.DRY_RUN: is nothing that functions/cleanup can read (whether it only says what would go); write it as "true" (the whole of it matches (?i:true|false))']),
    (_with(RESIZE, {"QUALITY": "101"}), [f'{IT}.environment.QUALITY: is nothing that functions/image_processor can read (of the copies, 0 to 100); write it as "82" (the whole of it matches [0-9]|[1-9][0-9]|100)']),
    (_with(CLEAN, {"BUCKET": "flies"}), [f'{IT}.environment.BUCKET: names no bucket that functions.it uses; it uses files; did you mean "files"?']),
    (_with(CLEAN, uses={}), [f"{IT}.environment.BUCKET: names no bucket that functions.it uses; it uses none"]),
    (_with(RESIZE, {"OUTPUT": "medium"}), [f'{IT}.environment.OUTPUT: names no bucket that functions.it uses; it uses files, media; did you mean "media"?']),
    # What it may not do.
    (_with(CLEAN, uses={"files": "read"}), [f'{IT}.uses.files: "read" is too little for functions/cleanup, which is told BUCKET: files; use purge']),
    (_with(CLEAN, uses={"files": {"level": "purge", "prefix": "uploads/"}}), [f'{IT}.uses.files.prefix: "uploads/" leaves out where functions/cleanup works: RULES must stay below it']),
    (_with(RESIZE, uses={"files": "read", "media": {"level": "write", "prefix": "processed/"}}), [f'{IT}.uses.media.prefix: "processed/" leaves out where functions/image_processor works: REFUSED_PREFIX must stay below it']),
    (_with(RESIZE, uses={"media": "write"}), [f"{IT}.uses: holds no bucket at read or read-write, and functions/image_processor needs one; there is media"]),
    (_with(RESIZE, {"OUTPUT": None}, uses={"files": "read"}), [f"{IT}.uses: holds no bucket at read-write, and functions/image_processor needs one while OUTPUT is not set; there is files"]),
    (_with(INDEX, uses={}), [f"{IT}.uses.search: is missing, and functions/search_indexer needs it; write search: write"]),
    (_with(INDEX, uses={"search": "read"}), [f'{IT}.uses.search: "read" is too little for functions/search_indexer; use write']),
    (_with(INVALIDATE, uses={}), [f"{IT}.uses.cache: is missing, and functions/cache_invalidator needs it; write cache: connect"]),
    (_with(NOTIFY, uses={"cache": "connect"}), [f"{IT}.uses.push: is missing, and functions/notification_processor needs it; write push: send"]),
    # Who calls it.
    (_with(INVALIDATE, trigger={"queue": "jobs"}), [f"{IT}.trigger: functions/cache_invalidator cannot be started by a queue; it is started by a topic"]),
    # What no stack file runs.
    ({"code": "functions/rotate_database"}, [f"{IT}.code: Groundwork runs functions/rotate_database itself where data.rotation_days is set; set that, and leave this out"]),
]  # fmt: skip


@pytest.mark.parametrize(("function", "expected"), CASES)
def test_a_shipped_function_that_would_fail_when_it_is_called_is_one_message(
    function: dict[str, Any], expected: list[str]
) -> None:
    assert _mistakes(function) == expected


def test_a_layer_that_is_not_there_is_named() -> None:
    assert _mistakes(_with(INDEX, uses={}), search=None) == [
        f"{IT}.uses.search: is missing, and functions/search_indexer needs it; write search: write; this stack has no search"
    ]


def test_notifications_wait_for_the_credentials_of_push() -> None:
    """Apple's and Google's come last; a platform without them may have its function already."""
    assert _mistakes(_with(NOTIFY, uses={}), messaging={"queues": {"jobs": {}}}) == []


def test_a_handler_that_does_not_know_its_caller_is_said_at_the_caller() -> None:
    messaging_with: dict[str, Any] = {
        "queues": {"jobs": {}},
        "topics": {"events": {"subscriptions": {"a": {"function": "it"}}}},
        "schedules": {"daily": {"at": "rate(1 day)", "function": "it"}},
    }
    rotated = {"partner": {"keys": ["A_KEY"], "rotation": {"days": 9, "function": "it"}}}
    unable = "functions/image_processor cannot be started by a {}; it is started by a queue"
    assert _mistakes(RESIZE, messaging=messaging_with, secrets=rotated) == [
        f"messaging.topics.events.subscriptions.a.function: {unable.format('topic')}",
        f"messaging.schedules.daily.function: {unable.format('schedule')}",
        f"secrets.partner.rotation.function: {unable.format('rotation')}",
    ]


def test_no_value_is_repeated() -> None:
    """Among what is handed over may be a secret."""
    found = _mistakes(_with(CLEAN, {"BUCKET": "hunter2", "RULES": "hunter2", "DRY_RUN": "hunter2", "OTHER": "hunter2"}))
    assert len(found) == 4
    assert "hunter2" not in "".join(found)


@pytest.mark.parametrize("written", ["functions/cleanup/", "./functions/cleanup", "functions/./cleanup"])
def test_the_folder_counts_however_it_is_written(written: str) -> None:
    assert shipped(written, ROOT) == shipped("functions/cleanup", ROOT) is not None


@pytest.mark.parametrize("text", [None, "name: index", "- a", "a: [", "\xff"])
def test_a_products_own_function_is_left_alone(
    text: str | None, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "own"
    folder.mkdir()
    if text is not None:
        (folder / DESCRIPTION).write_bytes(text.encode("latin-1"))
    shipped.cache_clear()
    try:
        assert _mistakes({"code": "own", "environment": {"RULES": "none"}}) == []
    finally:
        shipped.cache_clear()


def test_every_function_of_ours_says_what_it_takes() -> None:
    handlers = sorted((SHIPPED / "functions").glob("*/handler.py"))
    assert [file.parent.name for file in handlers if shipped(f"functions/{file.parent.name}", ROOT) is None] == []


def test_every_stack_of_ours_uses_them_right() -> None:
    used = set()
    for name in STACKS:
        settings = loaded(name).settings
        used |= {function.code for function in settings.functions.values()}
        assert [mistake for check in shipped_functions.CHECKS for mistake in check(settings)] == []
    assert len(used) >= 5
