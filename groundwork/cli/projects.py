"""``groundwork new`` and ``groundwork upgrade``: a project of one's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.settings.mistakes import one_of

_Question = Callable[[str, str], str]
"""Question and default → answer."""


class EngineName(StrEnum):
    """The engines that a new project may begin with."""

    FARGATE = "fargate"
    ECS_EC2 = "ecs-ec2"
    EKS = "eks"
    EC2 = "ec2"


class Part(StrEnum):
    """What a new project may begin with beside its service."""

    DATABASE = "database"
    CACHE = "cache"
    BUCKET = "bucket"


def new(
    folder: Annotated[str, Argument(metavar="DIR", help="The folder of the project; made if it is not there.")],
    *,
    name: Annotated[
        str | None, Option("--name", metavar="NAME", help="What everything is called; DIR's name, unless said.")
    ] = None,
    owner: Annotated[str | None, Option("--owner", metavar="TEAM", help="Whose it is, as a tag of everything.")] = None,
    region: Annotated[str | None, Option("--region", metavar="REGION", help="Where it runs; us-east-1.")] = None,
    engine: Annotated[EngineName | None, Option("--engine", help="What runs containers; fargate.")] = None,
    port: Annotated[str | None, Option("--port", metavar="PORT", help="Where the service web listens; 8080.")] = None,
    domain: Annotated[
        str | None, Option("--domain", metavar="DOMAIN", help="Of prod; a name to be replaced, unless said.")
    ] = None,
    email: Annotated[
        str | None,
        Option("--email", metavar="ADDRESS", help="Whom prod's alarms tell; one to be replaced, unless said."),
    ] = None,
    parts: Annotated[
        list[Part] | None,
        Option("--with", metavar="PART", help="database, cache or bucket; may be said several times."),
    ] = None,
    requirement: Annotated[
        str | None,
        Option(
            "--requirement",
            metavar="LINE",
            help="What installs Groundwork, as pip takes it; this version, unless said.",
        ),
    ] = None,
) -> None:
    """Begin a Pulumi project of your own: two stacks, the guardrails, a pull-request check, tests.

    On a terminal it asks for what no option says. Nothing is overwritten.
    """
    from importlib.metadata import version

    from groundwork.projects.new import Answers, NotEmptyError, write_project

    target = Path(folder)
    ask = _ask if sys.stdin.isatty() and sys.stdout.isatty() else _assume
    said_name = name or ask("Name", target.resolve().name.lower().replace("_", "-").replace(" ", "-"))
    answers = Answers(
        name=said_name,
        owner=owner or ask("Owner (a team, as a tag)", f"{said_name}-team"),
        region=region or ask("Region", "us-east-1"),
        engine=(engine or _engine(ask)).value,
        port=_port(port or ask("Port of the service web", "8080")),
        parts=tuple(part.value for part in (parts if parts is not None else _parts(ask))),
        domain=domain if domain is not None else ask("Domain of prod (empty: later)", ""),
        email=email if email is not None else ask("Whom prod's alarms tell, an e-mail address (empty: later)", ""),
    )
    try:
        names = write_project(target, answers, requirement or _requirement(answers.engine, version("groundwork")))
    except NotEmptyError as error:
        raise console.InputError(f"{folder} already has {error}; nothing was written. Name another folder") from None
    except OSError as error:
        raise console.OutputError(f"{folder} cannot be written: {error.strerror}") from None
    print(f"{folder} has {len(names)} files of a project: Pulumi.dev.yaml and Pulumi.prod.yaml say what is built.\n")
    print(f"Next: cd {folder} && groundwork preview dev")


def upgrade() -> None:
    """Move the project in this folder to the installed version: requirement, guardrails, schema.

    Says which guardrails are new, and which are gone.
    """
    from importlib.metadata import version

    from groundwork.projects.upgrade import NoProjectError, upgrade
    from groundwork.settings.loading import stacks

    try:
        moved = upgrade(Path(), version("groundwork"))
    except NoProjectError as error:
        raise console.InputError(str(error)) from None
    print(
        f"requirements.txt: groundwork {moved.before} -> {moved.after}"
        if moved.before != moved.after
        else f"requirements.txt: groundwork {moved.after}, as it was"
    )
    for title, rules in (("new", moved.new_rules), ("gone", moved.gone_rules)):
        if rules:
            print(f"policies: {len(rules)} {title}: {', '.join(rules)}")
    if not moved.new_rules and not moved.gone_rules:
        print("policies: the same rules")
    print("\nNext: groundwork preview STACK --base HEAD, for each of: " + ", ".join(stacks(Path.cwd())))


def _requirement(engine: str, version: str) -> str:
    extra = "[kubernetes]" if engine == "eks" else ""
    return f"groundwork{extra}=={version}"


def _assume(question: str, default: str) -> str:
    return default


def _ask(question: str, default: str) -> str:
    return input(f"{question} [{default}]: " if default else f"{question}: ").strip() or default


def _engine(ask: _Question) -> EngineName:
    text = ask(f"Engine ({', '.join(EngineName)})", EngineName.FARGATE.value)
    if text not in list(EngineName):
        raise console.InputError(f'--engine: "{text}" is none; use {one_of(EngineName)}')
    return EngineName(text)


def _parts(ask: _Question) -> list[Part]:
    text = ask(f"With (of {', '.join(Part)}; none for none)", Part.DATABASE.value)
    words = [word for word in text.replace(",", " ").split() if word != "none"]
    unknown = [word for word in words if word not in list(Part)]
    if unknown:
        raise console.InputError(f'--with: "{unknown[0]}" is none; use {one_of(Part)}')
    return [Part(word) for word in words]


def _port(text: str) -> int:
    if not text.isdecimal():
        raise console.InputError(f'--port: "{text}" is no port; say a number from 1 to 65535')
    return int(text)
