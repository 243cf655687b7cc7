"""``groundwork new`` and ``groundwork upgrade``: a project of one's own."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from groundwork.cli import console
from groundwork.cli.arguments import Argument, Option
from groundwork.settings.mistakes import nearest, one_of

if TYPE_CHECKING:
    from groundwork.projects.sources.application import Application

_Question = Callable[[str, str], str]
"""Question and default → answer."""


class EngineName(StrEnum):
    """The engines that a new project may begin with."""

    FARGATE = "fargate"
    ECS_EC2 = "ecs-ec2"
    EKS = "eks"
    EC2 = "ec2"


class CiName(StrEnum):
    """Where the pipelines of a new project may run."""

    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


class FormatName(StrEnum):
    """What a product may have run on before."""

    COMPOSE = "compose"
    PROCFILE = "procfile"
    FLY = "fly"
    RENDER = "render"
    COPILOT = "copilot"


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
    source: Annotated[
        str | None,
        Option(
            "--from",
            metavar="FILE",
            help="What the product ran on before: a Compose file, Procfile, fly.toml, render.yaml, or Copilot's manifest or folder.",
        ),
    ] = None,
    source_format: Annotated[
        FormatName | None, Option("--format", help="Of --from, where neither name nor content tells.")
    ] = None,
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
    ci: Annotated[CiName, Option("--ci", help="Where its pipelines run; github.")] = CiName.GITHUB,
    repository: Annotated[
        str | None,
        Option("--repository", metavar="OWNER/NAME", help="Whose pipelines may deliver to both stacks, without a key."),
    ] = None,
    requirement: Annotated[
        str | None,
        Option(
            "--requirement",
            metavar="LINE",
            help="What installs Groundwork, as pip takes it; from where it came here, unless said.",
        ),
    ] = None,
) -> None:
    """Begin a Pulumi project of your own: two stacks, the guardrails, pipelines that check and deliver, tests.

    On a terminal it asks for what no option says. Nothing is overwritten.

    With --from the services, what backs them and their variables come from a file of another tool; what of it cannot be carried over
    is listed, with file and line, and secrets in it never are: their names become keys of a secret to be filled.
    """
    from groundwork import installation
    from groundwork.components.files.checks import CANNOT_MOUNT
    from groundwork.projects.carried import Carried, terminal_lines
    from groundwork.projects.new import Answers, NotEmptyError, write_project
    from groundwork.projects.sources.translation import translated

    if repository and ci is CiName.NONE:
        raise console.InputError("--repository is whose pipelines deliver, and --ci none writes none; leave one out")
    if source_format and not source:
        raise console.InputError("--format is of the file that --from names; say that too")
    target = Path(folder)
    ask = _ask if sys.stdin.isatty() and sys.stdout.isatty() else _assume
    application = _application(source, source_format, _port(port or "8080"), parts) if source else None
    said_name = name or _answer(ask, "Name", _first_name(application, target), _name)
    answers = Answers(
        name=said_name,
        owner=owner or ask("Owner (a team, as a tag)", f"{said_name}-team"),
        region=region or ask("Region", (application.region if application else "") or "us-east-1"),
        engine=(engine or _answer(ask, f"Engine ({', '.join(EngineName)})", EngineName.FARGATE.value, _engine)).value,
        port=_answer(_assume if application else ask, "Port of the service web", "8080", _port, port),
        # A product's repository has its platform in a folder of its own.
        build=".." if (target.resolve().parent / "Dockerfile").is_file() else "",
        parts=()
        if application
        else tuple(
            part.value
            for part in (
                parts
                if parts is not None
                else _answer(ask, f"With (of {', '.join(Part)}; none for none)", Part.DATABASE.value, _parts)
            )
        ),
        domain=domain
        if domain is not None
        else ask("Domain of prod (empty: later)", application.domain if application else ""),
        email=email if email is not None else ask("Whom prod's alarms tell, an e-mail address (empty: later)", ""),
        ci=ci.value,
        repository=repository or "",
    )
    mounts = answers.engine not in CANNOT_MOUNT
    carried = Carried(application, translated(application, target, mounts=mounts)) if application else None
    line = requirement or installation.requirement("kubernetes" if answers.engine == "eks" else "")
    try:
        names = write_project(target, answers, line, carried)
    except NotEmptyError as error:
        raise console.InputError(
            f"{folder} already has {error}; nothing was written. Name another folder; for a pipeline that is there, say --ci none"
        ) from None
    except OSError as error:
        raise console.OutputError(f"{folder} cannot be written: {error.strerror}") from None
    print(f"{folder} has {len(names)} files of a project: Pulumi.dev.yaml and Pulumi.prod.yaml say what is built.\n")
    if carried:
        console.print_wrapped("\n".join(terminal_lines(carried, folder)))
        print()
    if installation.is_of_this_machine(line):
        console.print_wrapped(
            "requirements.txt installs Groundwork from this machine, where pipelines do not find it. Name a repository or a wheel that they "
            "reach:\n  --requirement 'groundwork @ git+https://HOST/OWNER/groundwork@COMMIT'"
        )
        print()
    print(f"Next: cd {shlex.quote(str(folder))} && groundwork preview dev")


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
    print("\nNext: " + " && ".join(f"groundwork preview {shlex.quote(one)} --base HEAD" for one in stacks(Path.cwd())))


def _application(source: str, wanted: FormatName | None, port: int, parts: list[Part] | None) -> Application:
    """Read what the product ran on before, and add the parts that its file does not name."""
    from groundwork.projects.sources.source import Format, read_application

    application = read_application(Path(source), Format(wanted.value) if wanted else None, port=port)
    for part in parts or []:
        application.add(part.value)
    return application


def _first_name(application: Application | None, folder: Path) -> str:
    """Return a name to begin with: the one that the product has, or the folder's."""
    from groundwork.projects.sources.names import name_of

    said = application.name if application else ""
    return name_of(said or folder.resolve().name, "product")


def _assume(question: str, default: str) -> str:
    return default


def _ask(question: str, default: str) -> str:
    try:
        return input(f"{question} [{default}]: " if default else f"{question}: ").strip() or default
    except EOFError:
        print()
        raise console.InputError(
            f"nobody answers: {question}; nothing was written. Options say it too: groundwork new --help"
        ) from None


_Read = TypeVar("_Read")


def _answer(
    ask: _Question, question: str, default: str, read: Callable[[str], _Read], said: str | None = None
) -> _Read:
    """Return what an option says, else what is answered, as ``read`` has it; whoever slips on a terminal is asked again."""
    while True:
        text = said or ask(question, default)
        try:
            return read(text)
        except console.InputError as error:
            if said or ask is not _ask:
                raise
            console.print_error(str(error))


def _name(text: str) -> str:
    from groundwork.projects.sources.names import name_of

    if name_of(text, "product") != text:
        raise console.InputError(
            f'--name: "{text}" must be lower-case letters, digits and single dashes, starting with a letter, at most 24; '
            f'did you mean "{name_of(text, "product")}"?'
        )
    return text


def _engine(text: str) -> EngineName:
    if text not in list(EngineName):
        raise console.InputError(f'--engine: "{text}" is none; use {one_of(EngineName)}{nearest(text, EngineName)}')
    return EngineName(text)


def _parts(text: str) -> list[Part]:
    words = [word for word in text.replace(",", " ").split() if word != "none"]
    unknown = [word for word in words if word not in list(Part)]
    if unknown:
        raise console.InputError(f'--with: "{unknown[0]}" is none; use {one_of(Part)}{nearest(unknown[0], Part)}')
    return [Part(word) for word in words]


def _port(text: str) -> int:
    if not text.isdecimal():
        raise console.InputError(f'--port: "{text}" is no port; say a number from 1 to 65535')
    return int(text)
