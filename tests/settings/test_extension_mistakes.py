"""Extensions in a stack file: what is read of them without running them, and one message for each mistake."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest

from groundwork.settings.loading import Loaded, find_stack, load_stack
from groundwork.settings.mistakes import Mistakes
from groundwork.settings.variables import given
from tests.writing import write_project

BUILD = "    def build(self, name, context): ..."
GOOD = f"""
raise RuntimeError("nobody runs this to read settings")

class Sessions:
    levels = {{"read": {{"SESSIONS_TABLE": "plain"}}, "read-write": {{"SESSIONS_TABLE": "plain", "SESSIONS_KEY": "secret"}}}}
{BUILD}

@dataclasses.dataclass(frozen=True)
class PartnerAPI(Extension):
    address: str
    retries: int = 3
    share: float | None = None
    tags: list[str] = field(default_factory=list)
    levels: ClassVar[dict[str, object]] = {{"call": {{}}}}
{BUILD}

class Mail:
    levels = {{"send": {{"MAIL_SENDER": "plain"}}}}
    def __init__(self, sender: str, *, pool: str = "shared"): ...
    def build(self, name: str, context: "Context", /) -> "Offer": ...

class Free(somewhere.Else):
    levels = {{"use": {{}}}}
"""
ALL = """
    groundwork:extensions:
      sessions: {}
      partner-api: {arguments: {address: "https://api.example.com", share: 1}}
      mail: {arguments: {sender: a@example.com}}
      free: {arguments: {anything: 1}}
    groundwork:services:
      web: {port: 3000, path: "/*", uses: {sessions: read-write, partner-api: call, mail: {level: send, variables: {FROM: MAIL_SENDER}}}}
    groundwork:functions:
      sweep: {code: functions/cleanup, uses: {sessions: read-write}}
"""


def settings_of(folder: Path, config: str, code: str | bytes | None = GOOD) -> Loaded:
    """Load a stack with this file beside it; None for no file."""
    write_project(folder, config)
    if code is not None:
        (folder / "extensions.py").write_bytes(code.encode() if isinstance(code, str) else code)
    return load_stack(find_stack("dev", folder))


def mistakes(folder: Path, config: str, code: str | bytes | None = GOOD) -> list[str]:
    """What is wrong with it, without the place in the stack file, which `test_a_mistake_...` asks for."""
    with pytest.raises(Mistakes) as raised:
        settings_of(folder, config, code)
    return [f"{'.'.join(map(str, one.path))}: {one.message}" for one in raised.value.mistakes]


def test_levels_and_variables_are_known_without_running_the_file(tmp_path: Path) -> None:
    (tmp_path / "functions" / "sweep").mkdir(parents=True)
    (tmp_path / "functions" / "sweep" / "handler.py").write_text("def handle(event, context): ...", encoding="utf-8")
    settings = settings_of(tmp_path, ALL.replace("functions/cleanup", "functions/sweep")).settings
    web, sweep = settings.services["web"].uses, settings.functions["sweep"].uses
    assert given(settings, "services", "sessions", web["sessions"]) == {
        "SESSIONS_TABLE": "SESSIONS_TABLE",
        "SESSIONS_KEY": "SESSIONS_KEY",
    }
    assert given(settings, "services", "mail", web["mail"]) == {"FROM": "MAIL_SENDER"}
    assert set(given(settings, "functions", "sessions", sweep["sessions"])) == {"SESSIONS_TABLE", "SESSIONS_KEY_SECRET"}


USES = """groundwork:extensions: {{sessions: {{}}}}
groundwork:services: {{web: {{port: 3000, path: "/*", uses: {{{}}}}}}}
"""
STACK_FILES: dict[str, list[str]] = {
    "groundwork:extensions: {sesions: {}}": [
        'extensions.sesions: extensions.py has no class Sesions; it has Sessions, PartnerAPI, Mail and Free; did you mean "Sessions"?'
    ],
    "groundwork:extensions: {database: {}, sessions: {}}": [
        'extensions.database: "database" is also the name of a database; what `uses` refers to must be one thing'
    ],
    "groundwork:extensions: {search: {}}": [
        'extensions.search: "search" is a name of Groundwork\'s own under uses; choose another'
    ],
    "groundwork:extensions: {sessions: {}}\ngroundwork:storage: {sessions: {purpose: media}}": [
        'extensions.sessions: "sessions" is also the name of a bucket; what `uses` refers to must be one thing'
    ],
    USES.format("sesions: read"): [
        'services.web.uses.sesions: unknown; there are database, web, sessions; did you mean "sessions"?'
    ],
    USES.format("sessions: reed"): [
        'services.web.uses.sessions: "reed" is not a level of sessions; use read or read-write; did you mean "read"?'
    ],
    USES.format("sessions: Read!"): ['services.web.uses.sessions: "Read!" is not a level such as "read-write": lower-case letters and single dashes'],
    USES.format("sessions: {level: read, prefix: a/}"): [
        "services.web.uses.sessions.prefix: a prefix goes with a bucket; sessions is an extension"
    ],
    USES.format("sessions: {level: read, variables: [SESSIONS_KEY]}"): [
        "services.web.uses.sessions.variables: SESSIONS_KEY is none of what sessions gives: SESSIONS_TABLE; did you mean \"SESSIONS_TABLE\"?"
    ],
    "groundwork:extensions: {mail: {}}": ["extensions.mail.arguments: extensions.py:17 Mail also needs sender"],
    "groundwork:extensions: {mail: {arguments: {sendr: a}}}": [
        'extensions.mail.arguments.sendr: extensions.py:17 Mail has no such argument; it takes sender, pool; did you mean "sender"?',
    ],
    "groundwork:extensions: {sessions: {arguments: {ttl: 1}}}": [
        "extensions.sessions.arguments.ttl: extensions.py:4 Sessions has no such argument; it takes none"
    ],
    'groundwork:extensions: {partner-api: {arguments: {address: "x", retries: "3"}}}': [
        "extensions.partner-api.arguments.retries: is not what extensions.py:9 PartnerAPI takes: int"
    ],
    'groundwork:extensions: {free: {arguments: {token: "sk_live_0123456789"}}}': [
        "extensions.free.arguments.token: the value looks like a credential; put it into a secret: secrets.NAME.keys"
    ],
}  # fmt: skip


def test_each_mistake_in_a_stack_file_is_one_message(tmp_path: Path) -> None:
    for config, expected in STACK_FILES.items():
        assert mistakes(tmp_path, config) == expected


def code(levels: str = '{"read": {}}', build: str = BUILD, head: str = "class Sessions:") -> str:
    return f"{head}\n    levels = {levels}\n{build}\n"


FILES: dict[str, tuple[Any, str]] = {
    "no file": (
        None,
        "extensions: their code is in extensions.py beside the stack file, and there is none; docs/extending.md shows one",
    ),
    "a syntax error": ("x = 1\ndef (", "extensions: extensions.py:2 is no Python: invalid syntax"),
    "bytes that are no text": (
        b"x = '\xff'",
        "extensions: extensions.py:1 is no Python: (unicode error) 'utf-8' codec can't",
    ),
    "a null byte": (b"x = 1\0", "extensions: extensions.py"),
    "brackets without end": ("(" * 5000, "extensions: extensions.py"),
    "nothing": ("", "extensions.sessions: extensions.py has no class Sessions; it has no class"),
    "no levels": (
        "class Sessions:\n" + BUILD,
        "extensions.sessions: extensions.py:1 Sessions: says no levels; write level,",
    ),
    "levels of an annotation alone": (
        f"class Sessions:\n    levels: dict\n{BUILD}",
        "extensions.sessions: extensions.py:2 Sessions: says no levels; write level,",
    ),
    "levels that are computed": (
        code("dict(READ)"),
        "extensions.sessions: extensions.py:2 Sessions: levels is read without running the file; write it out: levels = {",
    ),
    "levels that are a list": (
        code('["read"]'),
        "extensions.sessions: extensions.py:2 Sessions: levels is not a table of levels; write levels = {",
    ),
    "no level": (code("{}"), "extensions.sessions: extensions.py:2 Sessions: levels is not a table of levels; write"),
    "a level that is no word": (
        code('{"Read": {}}'),
        "extensions.sessions: extensions.py:2 Sessions: levels has the level 'Read'; a level is",
    ),
    "a level that is a number": (
        code("{1: {}}"),
        "extensions.sessions: extensions.py:2 Sessions: levels has the level 1; a level is",
    ),
    "variables in a list": (
        code('{"read": ["A"]}'),
        "extensions.sessions: extensions.py:2 Sessions: levels says of \"read\" ['A'], which is no table of variables; write",
    ),
    "a variable in small letters": (
        code('{"read": {"table": "plain"}}'),
        "extensions.sessions: extensions.py:2 Sessions: levels has the variable 'table'; a variable is capitals",
    ),
    "a variable of AWS's": (
        code('{"read": {"AWS_ACCESS_KEY_ID": "plain"}}'),
        "extensions.sessions: extensions.py:2 Sessions: levels has the variable AWS_ACCESS_KEY_ID; what starts with AWS_ is AWS's own",
    ),
    "a way of giving that is none": (
        code('{"read": {"TABLE": "secrt"}}'),
        "extensions.sessions: extensions.py:2 Sessions: levels has \"TABLE\": 'secrt'; a variable is plain, secret or parameter; did you mean",
    ),
    "no build": (code(build=""), "extensions.sessions: extensions.py:1 Sessions: has no build; write def build("),
    "build that waits": (
        code(build="    async def build(self, name, context): ..."),
        "extensions.sessions: extensions.py:3 Sessions: build is async, and resources are declared without waiting;",
    ),
    "build with too little": (
        code(build="    def build(self, name): ..."),
        "extensions.sessions: extensions.py:3 Sessions: build is given a name and a context; write def build(",
    ),
    "build with too much": (
        code(build="    def build(self, name, context, table): ..."),
        "extensions.sessions: extensions.py:3 Sessions: build is given a name and a context; write def build(",
    ),
}


def test_each_mistake_in_the_file_is_one_message_with_its_line(tmp_path: Path) -> None:
    """A service that uses the extension says nothing of its own about it."""
    wrong = {}
    for case, (text, expected) in FILES.items():
        folder = tmp_path / case.replace(" ", "-").replace("'", "")
        [said] = mistakes(folder, USES.format("sessions: read"), text)
        if not said.startswith(expected):
            wrong[case] = said
    assert wrong == {}


def test_a_mistake_stands_where_the_stack_file_says_the_extension(tmp_path: Path) -> None:
    with pytest.raises(Mistakes) as raised:
        settings_of(tmp_path, textwrap.dedent("groundwork:extensions:\n  mail: {}\n  sesions: {}"))
    assert [one.where for one in raised.value.mistakes] == ["Pulumi.dev.yaml:5", "Pulumi.dev.yaml:6"]


def test_an_extension_may_come_with_a_later_phase(tmp_path: Path) -> None:
    config = "groundwork:phases: {growth: {extensions: {sessions: {}}}}"
    assert settings_of(tmp_path, config).settings.extensions == {}
    ahead = load_stack(find_stack("dev", tmp_path, "growth"))
    assert list(ahead.settings.extensions) == ["sessions"]
