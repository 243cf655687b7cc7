"""``groundwork policies``: the guardrails themselves. What they are, and what they say of a stack that need not be run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from groundwork.cli import console, faces
from groundwork.cli.arguments import Argument, Commands, Option
from groundwork.cli.console import FINDINGS, FINE, InputError

if TYPE_CHECKING:
    from groundwork.cli.controls import Control
    from groundwork.preview.snapshot import Snapshot
    from groundwork.preview.styled import Text
    from groundwork.preview.verdicts import Verdicts

app = Commands("policies", "Show the guardrails, and judge stacks that others ran.")


class ReportFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    MARKDOWN = "markdown"
    HTML = "html"
    REPORT = "report"


class SeverityName(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class StageName(StrEnum):
    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


ConfigFile = Annotated[
    Path | None,
    Option(
        "--policy-config",
        metavar="FILE",
        help="Levels and settings of rules, as `pulumi --policy-pack-config` takes them.",
    ),
]
BaselineFile = Annotated[
    Path | None,
    Option("--baseline", metavar="FILE", help="Findings in this file do not fail."),
]


@app.command("List the rules.", name="list")
def list_(
    *,
    topic: Annotated[str | None, Option("--topic", help="Only this topic.")] = None,
    service: Annotated[str | None, Option("--service", help="Only what reads this service of AWS, such as s3.")] = None,
    severity: Annotated[SeverityName | None, Option("--severity", help="Only this severity and graver.")] = None,
    control: Annotated[
        str | None,
        Option("--id", metavar="ID", help="Only what answers this id, such as S3.14, CKV_AWS_18 or CIS 3.6."),
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Everything about each rule as JSON.")] = False,
) -> None:
    """List the rules by topic, with severity and title. ↔ marks those that read other resources too.

    In a pipe a line for each rule: name, severity, topic, ids and title, with tabs between them.
    """
    from groundwork.cli import policies_text
    from guardrails.catalogue import TOPICS, rules
    from guardrails.levels import Severity

    chosen = list(rules())
    if topic is not None:
        chosen = [rule for rule in chosen if rule.topic == _one_of("topic", topic, TOPICS)]
    if service is not None:
        known = {name for rule in rules() for name in policies_text.services(rule)}
        wanted = _one_of("service", service.lower(), sorted(known))
        chosen = [rule for rule in chosen if wanted in policies_text.services(rule)]
    if severity is not None:
        graver = list(Severity)[list(Severity).index(Severity(severity.value)) :]
        chosen = [rule for rule in chosen if rule.severity in graver]
    if control is not None:
        answering = [rule.name for one in _controls(control) for rule in one.rules]
        chosen = [rule for rule in chosen if rule.name in answering]
        for one in _controls(control):
            if not one.rules:
                console.print_error(one.sentence())
    width = console.terminal_width()
    if as_json:
        print(policies_text.rules_json(chosen), end="")
    elif width is None:
        print(policies_text.rules_lines(chosen), end="")
    else:
        print(policies_text.rules_text(chosen, width), end="")


@app.command("Explain one rule.")
def explain(
    rule: Annotated[str, Argument(metavar="RULE", help="A rule such as rds-not-public, or an id such as CKV_AWS_18.")],
) -> None:
    """Explain one rule: what it asks, why, how to fix, its settings, a bad and a good example.

    Of an id of AWS Security Hub, CIS or Checkov, each rule that answers it, or why none does.
    """
    from groundwork.cli.policies_text import explanation, policy_explanation
    from groundwork.preview.refusals.policy import REFUSED
    from guardrails.catalogue import rules
    from guardrails.context import OF_WHAT_IS_GIVEN

    width = console.terminal_width() or 80
    found = {one.name: one for one in rules()}.get(rule)
    if found:
        print(explanation(found, width), end="")
        return
    other = {one.name: one for one in (*OF_WHAT_IS_GIVEN, REFUSED)}.get(rule)
    if other:
        print(policy_explanation(other, width), end="")
        return
    from groundwork.preview.text import wrap

    for control in _controls(rule):
        told = ["\n".join(wrap(control.sentence(), width)) + "\n", *(explanation(one, width) for one in control.rules)]
        print("\n".join(told), end="")


def _controls(text: str) -> list[Control]:
    """Return the controls that an id names; InputError where it is none."""
    from difflib import get_close_matches

    from groundwork.cli import controls

    found = controls.find(text)
    if not found:
        known = {name.lower(): name for name in [*_rule_names(), *controls.names()]}
        near = [known[name] for name in get_close_matches(text.lower(), known, n=3)]
        hint = f"did you mean {' or '.join(near)}?" if near else "`groundwork policies list` shows them all."
        raise InputError(f"There is no rule or id {text!r}; {hint}")
    return found


def _one_of(what: str, word: str, known: Sequence[str]) -> str:
    if word not in known:
        from groundwork.settings.mistakes import nearest

        raise InputError(f"There is no {what} {word!r}{nearest(word, known)}; there are {', '.join(known)}.")
    return word


@app.command("Judge a stack from a file, without running it.")
def check(
    file: Annotated[
        Path,
        Argument(
            metavar="FILE|DIR",
            help="A snapshot, a backend's checkpoint, or what `pulumi stack export` or `pulumi preview --json` wrote, also as a "
            "stream of events; - is standard input. Or the folder of a Pulumi program in Python, which is then run offline.",
        ),
    ],
    *,
    form: Annotated[ReportFormat, Option("--format", help="How to report.")] = ReportFormat.TEXT,
    stage: Annotated[
        StageName | None, Option("--stage", help="Judge as this stage (an export does not say; prod is assumed).")
    ] = None,
    stack_file: Annotated[
        Path | None,
        Option("--stack-file", metavar="FILE", help="Take stage and exceptions from it."),
    ] = None,
    stack: Annotated[
        str | None, Option("--stack", metavar="NAME", help="The stack of a program that has several.")
    ] = None,
    config: Annotated[
        list[str] | None,
        Option("--config", metavar="KEY=VALUE", help="Configuration of a program, over what its stack's file says."),
    ] = None,
    unknowns: Annotated[
        bool,
        Option(
            "--unknowns", help="Leave what AWS computes for a program unknown, as in the first preview of a new stack."
        ),
    ] = False,
    policy_config: ConfigFile = None,
    baseline: BaselineFile = None,
    write_baseline: Annotated[
        Path | None,
        Option("--write-baseline", metavar="FILE", help="Record everything that fails now in this file."),
    ] = None,
    out: Annotated[Path | None, Option("--out", metavar="FILE", help="Write to this file.")] = None,
    reports: faces.Reports = None,
) -> None:
    """Judge a stack from a file, without running it, or a Pulumi program in Python, run offline in its own environment.

    Ends with 1 where a guardrail would stop the deployment.
    """
    import datetime

    from groundwork.preview import text
    from groundwork.preview.verdicts import judge

    asked = faces.asked_for(reports or ())
    read = _program(file, stack, config or (), unknowns=unknowns) if file.is_dir() else _snapshot(file)
    snapshot = _with_settings(read, stage.value if stage else None, stack_file)
    verdicts = judge(snapshot, datetime.datetime.now(datetime.UTC).date(), **chosen(policy_config, baseline))
    if not snapshot.stands:
        # Its tables cost as long as the judging, and AWS took what stands.
        from groundwork.preview.refusals.findings import with_refusals

        verdicts = with_refusals(verdicts, snapshot)
    if write_baseline is not None:
        _record(verdicts, write_baseline)
        import shlex

        told, known = shlex.quote(str(file)), shlex.quote(str(write_baseline))
        print(f"Next: groundwork policies check {told} --baseline {known}")
        return
    if asked or form is not ReportFormat.TEXT:
        from groundwork.preview.reports.report import Report

        estimate = faces.priced((form, *(one for one, _ in asked)), snapshot)
        report = Report(snapshot.stack or file.name, snapshot, verdicts, cost=estimate)
        faces.write(asked, report, _shown_at(file))
    if form is not ReportFormat.TEXT:
        # What a check calls json is its verdicts; the snapshot is what it was given.
        face = "findings" if form is ReportFormat.JSON else form.value
        console.write_output(faces.rendered(face, report, _shown_at(file)), out)
    elif out is not None:
        console.write_file(out, text.plain(_shown(verdicts, None)))
    if out is not None or form is ReportFormat.TEXT:
        console.print_lines(_shown(verdicts, console.terminal_width()))
    raise SystemExit(FINDINGS if verdicts.blocking else FINE)


def _shown(verdicts: Verdicts, width: int | None) -> list[Text]:
    """Return what is found, what was not judged, and what to do with it."""
    from groundwork.preview import text
    from groundwork.preview.styled import Text
    from guardrails.rules import Rule

    lines = [
        *text.guardrails(verdicts, width, everything="--format json"),
        Text(),
        *text.not_judged(verdicts, width, everything="--format json"),
    ]
    if not (verdicts.resources or verdicts.blocking):
        return [*lines, Text("Next: check the file; nothing that a rule reads is in it.")]
    if not verdicts.blocking:
        return lines[:-1]
    by_the_pack = any(isinstance(one.rule, Rule) for one in verdicts.blocking)
    adopting = " To adopt the pack with them: --write-baseline FILE." if by_the_pack else ""
    return [*lines, *text.wrapped(f"Next: {text.to_fix(verdicts)}{adopting}", width)]


@app.command("List the exceptions and how long they last.")
def exceptions(
    stack: Annotated[str | None, Argument(metavar="STACK", help="One stack; without it, all of them.")] = None,
) -> None:
    """List the exceptions in stack files, with the days each has left. Ends with 1 where one is expired or invalid."""
    import datetime

    from groundwork.cli.policies_text import exceptions_text
    from groundwork.settings.effective import as_json
    from groundwork.settings.loading import find_stack, load_stack, stacks
    from guardrails.exemptions import read as read_exceptions

    today = datetime.datetime.now(datetime.UTC).date()
    names = _rule_names()
    read = {
        name: read_exceptions(as_json(load_stack(find_stack(name))).get("exceptions"), today, names)
        for name in ([stack] if stack else stacks(Path.cwd()))
    }
    print(exceptions_text(read, today, console.terminal_width() or 80), end="")
    raise SystemExit(FINDINGS if any(one.problems for one in read.values()) else FINE)


def chosen(policy_config: Path | None, baseline_file: Path | None) -> dict[str, Any]:
    """Return the arguments of :func:`groundwork.preview.verdicts.judge` that come from files; InputError with
    everything wrong in them."""
    from guardrails import baseline
    from guardrails.context import configured

    found: dict[str, Any] = {}
    if policy_config is not None:
        configuration, known = configured(_json(policy_config))
        if configuration.problems:
            raise InputError("\n".join(f"{policy_config}: {problem}" for problem in configuration.problems))
        found = {"configuration": configuration, "baseline": known}
    if baseline_file is not None:
        found["baseline"] = baseline.load(baseline_file)
    if found.get("baseline") and found["baseline"].problems:
        raise InputError("\n".join(problem.message for problem in found["baseline"].problems))
    return found


def _rule_names() -> set[str]:
    from guardrails.catalogue import rules

    return {rule.name for rule in rules()}


def _snapshot(file: Path) -> Snapshot:
    from groundwork.preview.reading import UnreadableError, read_file

    try:
        return read_file(file)
    except UnreadableError as error:
        hint = f"; it is a stack: groundwork preview {file}" if _is_stack(file) else ""
        raise InputError(f"{error}{hint}") from None


def _program(folder: Path, stack: str | None, config: Iterable[str], *, unknowns: bool) -> Snapshot:
    """Return what a program declares; its mistakes are the input's."""
    from groundwork.cli.running import ProgramError
    from groundwork.preview.foreign import ProjectError, run_project

    given = dict(_key_and_value(text) for text in config)
    try:
        with console.progress(f"Running {folder} offline"):
            return run_project(folder, stack, given, unknowns=unknowns)
    except ProjectError as error:
        if console.debugging() and error.trace:
            console.print_error(error.trace)
        raise (InputError(str(error)) if error.expected else ProgramError(str(error))) from None


def _shown_at(judged: Path) -> str:
    """Return the file that findings without a line of their own are shown at."""
    return (judged / "Pulumi.yaml").as_posix() if judged.is_dir() else judged.name


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise InputError(f"--config {text}: it must be KEY=VALUE, such as aws:region=eu-west-1")
    return key, value


def _is_stack(file: Path) -> bool:
    from groundwork.settings.loading import stacks

    return str(file.with_name(file.name.removeprefix("Pulumi.").removesuffix(".yaml"))) in stacks(Path.cwd())


def _with_settings(snapshot: Snapshot, stage: str | None, stack_file: Path | None) -> Snapshot:
    """Return the snapshot with the stage and the exceptions that the user names; what the file itself says gives
    way."""
    import dataclasses

    settings = dict(snapshot.settings)
    if stack_file is not None:
        config = _yaml(stack_file).get("config") or {}
        prefix = "groundwork:"
        settings |= {key.removeprefix(prefix): value for key, value in config.items() if str(key).startswith(prefix)}
    if stage is not None:
        platform = settings.get("platform")
        settings["platform"] = {**(platform if isinstance(platform, dict) else {}), "stage": stage}
    return dataclasses.replace(snapshot, settings=settings)


def _record(verdicts: Verdicts, file: Path) -> None:
    from guardrails import baseline
    from guardrails.judgement import Verdict
    from guardrails.rules import Rule

    failing = [
        (finding.rule.name, finding.resource.urn)
        for finding in verdicts.findings
        if finding.verdict in (Verdict.FAIL, Verdict.KNOWN) and isinstance(finding.rule, Rule)
    ]
    console.write_file(file, baseline.dumps(failing))
    print(f"{len(set(failing))} findings of {len({rule for rule, _ in failing})} rules written to {file}.")


def _read(file: Path) -> str:
    from groundwork.preview.reading import UnreadableError, decoded

    try:
        return decoded(file.read_bytes(), str(file))
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}") from None
    except UnreadableError as error:
        raise InputError(str(error)) from None


def _json(file: Path) -> Any:
    try:
        return json.loads(_read(file))
    except json.JSONDecodeError as error:
        raise InputError(f"{file}:{error.lineno}: not valid JSON: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{file}: it is nested too deeply") from None


def _yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        document = yaml.safe_load(_read(file))
    except yaml.YAMLError as error:
        raise InputError(f"{file}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise InputError(f"{file}: it must be a stack file, with settings under config")
    return document
