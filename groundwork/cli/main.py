"""``groundwork``: the command line. Each command is a thin shell over functions that tests call.

Exit codes: 0 fine; 1 something was found that stops a deployment, or what was asked cannot be done; 2 a mistake in the input; 3 a fault in the program or in
Groundwork itself.
"""

from __future__ import annotations

import gc
import os
import sys
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

from groundwork.cli import (
    acting,
    bootstrapping,
    capacity,
    console,
    diagnosing,
    faces,
    loadtesting,
    looking,
    operations,
    phases,
    policies,
    prices,
    projects,
    recovering,
    restoring,
    simulation,
)
from groundwork.cli.arguments import Argument, Commands, Option
from groundwork.cli.console import FAULT, FINDINGS, FINE, MISTAKE, InputError, OutputError
from groundwork.cli.stack_name import StackName, stack_names


class PreviewFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    FINDINGS = "findings"
    SARIF = "sarif"
    JUNIT = "junit"
    CHANGES = "changes"
    MARKDOWN = "markdown"
    HTML = "html"
    REPORT = "report"


class SettingsFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


class SchemaFormat(StrEnum):
    JSON = "json"
    MARKDOWN = "markdown"


class DiagramFormat(StrEnum):
    MERMAID = "mermaid"
    SVG = "svg"


class CostFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class ExportFormat(StrEnum):
    TERRAFORM = "terraform"
    TFPLAN = "tfplan"


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def _phases() -> tuple[str, ...]:
    from groundwork.settings.base import Phase

    return get_args(Phase)


PhaseAhead = Annotated[
    str | None,
    Option(
        "--phase",
        metavar="PHASE",
        help="Look ahead to this phase (mvp, launch, growth, scale, millions) without an edit.",
        words=_phases,
    ),
]
BaseOption = Annotated[
    str | None,
    Option(
        "--base",
        metavar="REV|FILE",
        help="Compare with a git revision, or with a file: a snapshot, `pulumi stack export` or `pulumi preview --json`.",
    ),
]
OutFile = Annotated[Path | None, Option("--out", metavar="FILE", help="Write to this file.")]
Unknowns = Annotated[
    bool, Option("--unknowns", help="Leave what AWS computes unknown, as in the first preview of a new stack.")
]


def _all(
    *,
    version: Annotated[bool, Option("--version", help="Show the version.")] = False,
    debug: Annotated[bool, Option("--debug", help="Show tracebacks (also GROUNDWORK_DEBUG=1).")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"groundwork {installed('groundwork')}")
        raise SystemExit(FINE)
    if debug:
        os.environ["GROUNDWORK_DEBUG"] = "1"


app = Commands(
    "groundwork",
    "One short stack file becomes a complete, secure AWS platform. What needs an AWS account: bootstrap, doctor, status, checklist, drift, deploy, "
    "rollback, scale, redeploy, hours, redrive, tunnel, snapshot, restore, recover, publish, loadtest, logs, run and exec.",
    epilog="Exit codes: 0 fine; 1 findings that stop a deployment, or what cannot be done; 2 a mistake in the input; 3 a fault in the "
    "program.",
    options=_all,
)


app.command("Begin a project of your own.")(projects.new)


@app.command("Show what a stack would build, and judge it.")
def preview(
    stack: StackName,
    *,
    phase: PhaseAhead = None,
    form: Annotated[
        PreviewFormat,
        Option(
            "--format",
            help="text to read; json is the snapshot (docs/snapshot.md); findings (JSON), sarif and junit are the verdicts; "
            "changes (JSON) is what --base finds (docs/changes.md); markdown, html and report (JSON) are all of it (docs/report.md).",
        ),
    ] = PreviewFormat.TEXT,
    unknowns: Unknowns = False,
    base: BaseOption = None,
    protect_data: Annotated[
        bool, Option("--protect-data", help="With --base: end with 1 where something that holds data is lost.")
    ] = False,
    policy_config: policies.ConfigFile = None,
    baseline: policies.BaselineFile = None,
    out: Annotated[
        Path | None,
        Option("--out", metavar="FILE", help="Write that format to this file, and the text here."),
    ] = None,
    reports: faces.Reports = None,
    watch: Annotated[
        bool, Option("--watch", help="Answer again whenever a file is saved, with what is different; Ctrl-C ends.")
    ] = False,
) -> None:
    """Show what a stack would build, and judge it, without an AWS account.

    With --phase also what the step from the phase that the file says would change, replace and delete, and what AWS or Pulumi would
    refuse of it. With --base what changes since a git revision, or since what a file holds. Ends with 1 where a guardrail would stop
    the deployment, or that step, or Pulumi or AWS would refuse a change.
    """
    import contextlib
    from functools import partial

    from groundwork.cli.comparing import Comparing, comparing
    from groundwork.cli.previewing import Preview, previewed

    if base is None and (protect_data or form is PreviewFormat.CHANGES):
        option = "--protect-data" if protect_data else "--format changes"
        raise InputError(f"{option} needs what to compare with: --base REV, or --base FILE")
    asked = faces.asked_for(reports or ())
    priced = out is not None or form is PreviewFormat.TEXT
    preview_of = partial(previewed, stack, phase=phase, unknowns=unknowns, priced=priced)
    if watch:
        if asked or out is not None or form is not PreviewFormat.TEXT:
            raise InputError("--watch shows text; leave out --format, --out and --report")
        from groundwork.cli.watching import watch as watching
        from groundwork.settings.loading import find_stack

        def answer(standing: Comparing | None) -> tuple[Preview, Comparing | None]:
            chosen = policies.chosen(policy_config, baseline)
            if base is None or standing:
                return preview_of(compared=standing, chosen=chosen), standing
            with comparing(base, stack, unknowns=unknowns) as compared:
                found = preview_of(compared=compared, chosen=chosen)
                return found, compared.settled(found.run.snapshot)

        named = [file for file in (policy_config, baseline) if file]
        watching(find_stack(stack, phase=phase), answer, _explain, named)
        return
    with (
        comparing(base, stack, unknowns=unknowns) if base is not None else contextlib.nullcontext() as compared,
        console.progress(f"Running {stack} offline"),
    ):
        found = preview_of(compared=compared, chosen=policies.chosen(policy_config, baseline))
    if asked or form is not PreviewFormat.TEXT:
        from groundwork.preview.reports.report import Report

        snapshot, judged = found.run.snapshot, found.run.stack.label
        forms = (form, *(one for one, _ in asked))
        standing = compared.base(snapshot) if compared else None
        before = faces.priced(forms, standing.snapshot) if standing and standing.name else None
        report = Report(stack, snapshot, found.verdicts, found.changes, faces.priced(forms, snapshot), before)
        faces.write(asked, report, judged)
    if form is not PreviewFormat.TEXT:
        console.write_output(faces.rendered(form, report, judged), out)
    elif out is not None:
        from groundwork.preview import text

        console.write_file(out, text.plain(found.lines(None)))
    if out is not None or form is PreviewFormat.TEXT:
        console.page_lines(found.lines(console.terminal_width()))
    raise SystemExit(FINDINGS if found.stops(protect_data=protect_data) else FINE)


@app.command("Show effective settings and where each came from.")
def settings(
    stack: StackName,
    phase: PhaseAhead = None,
    form: Annotated[
        SettingsFormat, Option("--format", help="text to read; json with sources; yaml as a stack file.")
    ] = SettingsFormat.TEXT,
    out: OutFile = None,
) -> None:
    """Show a stack's effective settings, and where each value came from.

    Precedence: default < phase < stage < what the stack file says of its phase < the rest of the stack file.
    """
    from groundwork.settings import effective
    from groundwork.settings.loading import find_stack, load_stack

    loaded = load_stack(find_stack(stack, phase=phase))
    if form is SettingsFormat.TEXT:
        from groundwork.cli.settings_text import settings_text

        console.write_output(settings_text(loaded, None if out else console.terminal_width()), out)
    else:
        write = effective.to_json if form is SettingsFormat.JSON else effective.to_yaml
        console.write_output(write(loaded), out)


@app.command("List the stacks of this project and its examples.")
def stacks(
    *,
    names: Annotated[bool, Option("--names", help="Only their names, one a line, for scripts.")] = False,
    each_phase: Annotated[
        bool,
        Option("--each-phase", help="One line for each stack and phase, as arguments of preview, for scripts."),
    ] = False,
) -> None:
    """List the stacks of this project and its examples."""
    from groundwork.cli import stacks_text

    form = stacks_text.arguments if each_phase else stacks_text.names if names else stacks_text.table
    print(form(Path.cwd()), end="")


@app.command("Print the JSON Schema of a stack file.")
def schema(
    form: Annotated[
        SchemaFormat, Option("--format", help="json for editors; markdown is the reference in docs/settings.md.")
    ] = SchemaFormat.JSON,
    out: OutFile = None,
) -> None:
    """Print the JSON Schema of a stack file, for completion and checks in editors.

    A stack file names it in its first line: # yaml-language-server: $schema=groundwork.schema.json
    """
    from groundwork.settings import reference, schema

    if form is SchemaFormat.JSON:
        console.write_output(schema.dumps(), out)
    else:
        page = out.read_text(encoding="utf-8") if out and out.is_file() else ""
        console.write_output(reference.within(page) if reference.BEGIN in page else reference.dumps(), out)


@app.command("Write a stack as Terraform JSON, for scanners.")
def export(
    stack: StackName,
    phase: PhaseAhead = None,
    form: Annotated[
        ExportFormat,
        Option("--format", help="terraform is a configuration; tfplan a plan, as `terraform show -json` prints one."),
    ] = ExportFormat.TERRAFORM,
    unknowns: Unknowns = False,
    out: OutFile = None,
) -> None:
    """Write a stack in another tool's words: Terraform JSON, or a Terraform plan, for scanners and estimators that read these."""
    from groundwork.cli.running import run_stack

    with console.progress(f"Running {stack} offline"):
        run = run_stack(stack, phase=phase, unknowns=unknowns)
        from groundwork.preview.terraform.export import export_text
        from groundwork.preview.terraform.plan import plan_text

        text = export_text(run.snapshot) if form is ExportFormat.TERRAFORM else plan_text(run.snapshot)
    console.write_output(text, out)


@app.command("Draw a stack.")
def diagram(
    stack: StackName,
    *,
    phase: PhaseAhead = None,
    form: Annotated[
        DiagramFormat, Option("--format", help="mermaid, which GitHub draws in Markdown, or svg, a picture.")
    ] = DiagramFormat.MERMAID,
    everything: Annotated[
        bool, Option("--all", help="Also what only serves others: dead letters, buckets of logs, topics of alarms.")
    ] = False,
    unknowns: Unknowns = False,
    base: BaseOption = None,
    out: OutFile = None,
) -> None:
    """Draw a stack: what runs and keeps data by VPC, tier and zone, who speaks to whom, and who may read whose data.

    With --base what is created, updated, replaced and deleted since then is coloured.
    """
    import contextlib

    from groundwork.cli.comparing import comparing
    from groundwork.cli.running import run_stack

    with (
        comparing(base, stack, unknowns=unknowns) if base is not None else contextlib.nullcontext() as compared,
        console.progress(f"Running {stack} offline"),
    ):
        run = run_stack(stack, phase=phase, unknowns=unknowns)
        from groundwork.preview.diagram.graph import graph_of, graph_of_changes
        from groundwork.preview.diagram.mermaid import mermaid
        from groundwork.preview.diagram.svg import svg

        if compared:
            graph = graph_of_changes(run.snapshot, compared.changes(run.snapshot), everything=everything)
        else:
            graph = graph_of(run.snapshot, everything=everything)
    console.write_output(svg(graph) if form is DiagramFormat.SVG else mermaid(graph), out)


@app.command("Say what a stack costs in a month.")
def cost(
    stack: Annotated[
        str,
        Argument(
            metavar="STACK|FILE",
            help="A stack of this project, or a file: a snapshot, or what `pulumi stack export` or `pulumi preview --json` wrote.",
        ),
    ],
    *,
    phase: PhaseAhead = None,
    form: Annotated[
        CostFormat, Option("--format", help="text to read; json with every line; markdown for a comment.")
    ] = CostFormat.TEXT,
    usage: Annotated[
        Path | None, Option("--usage", metavar="FILE", help="How much it is used, by resource and usage type.")
    ] = None,
    own_prices: Annotated[
        Path | None,
        Option(
            "--prices",
            metavar="FILE",
            help="What is paid that differs from the list; unset, groundwork.prices.yaml if it is there.",
        ),
    ] = None,
    book: prices.BookFolder = None,
    region: Annotated[
        str | None,
        Option("--region", metavar="REGION", help="Take this region's prices; a file may not say its own."),
    ] = None,
    compare: Annotated[
        list[str] | None,
        Option(
            "--compare",
            metavar="STACK|FILE|@PHASE",
            help="Show another stack beside it, STACK@PHASE, or @PHASE of this one; may be said again.",
        ),
    ] = None,
    currency: Annotated[
        str | None, Option("--currency", metavar="CODE", help="Show another currency, such as NPR; needs --rate.")
    ] = None,
    rate: Annotated[str | None, Option("--rate", metavar="NUMBER", help="How much of it a US dollar is.")] = None,
    months: Annotated[
        str | None,
        Option(
            "--months",
            metavar="NUMBER",
            help="Month by month, without and with AWS's free tier under both of its plans.",
        ),
    ] = None,
    change: Annotated[
        list[str] | None,
        Option("--change", metavar="MONTH=PHASE", help="From this month on another phase; may be said again."),
    ] = None,
    growth: Annotated[
        str | None, Option("--growth", metavar="PERCENT", help="By how much what is stored grows each month.")
    ] = None,
    credits_given: Annotated[
        str | None,
        Option("--credits", metavar="DOLLARS", help="The credits of a new account; unset, as much as it can have."),
    ] = None,
    limit: Annotated[
        str | None,
        Option(
            "--limit",
            metavar="DOLLARS",
            help="What all these months may cost; ends with 1 where the list price is above it.",
        ),
    ] = None,
    what_if: Annotated[
        bool, Option("--what-if", help="What could be had for less: other classes, what idles, savings plans, Spot.")
    ] = False,
    out: OutFile = None,
) -> None:
    """Say what a stack costs in a month at AWS's list prices, and over months. No account is asked.

    What depends on use is in the figures as far as --usage says it; what has no price is named. Prices and their age: `groundwork prices`.
    """
    from groundwork.cli import cost as costs
    from groundwork.cli import cost_compare, cost_text

    shown = costs.money(currency, rate)
    count = costs.months(months) if months else 0
    steps = costs.phases_of(stack, count, phase, costs.changes(change or (), count))
    percent = costs.number("--growth", growth) if growth else Decimal(0)
    given = costs.number("--credits", credits_given) if credits_given else None
    most = costs.number("--limit", limit) if limit else None
    if not count and (change or growth or credits_given or limit):
        raise InputError(
            "--change, --growth, --credits and --limit are about months: say --months, such as --months 6."
        )
    if compare:
        if count or what_if or form is CostFormat.JSON:
            raise InputError(
                "--compare shows a month as text or markdown; --months, --what-if and --format json are about one stack."
            )
        side_by_side = cost_compare.others(stack, phase, compare)
        with console.progress(f"Pricing {len(side_by_side)} stacks"):
            estimates = [
                costs.estimated(costs.in_region(costs.snapshot_of(name, ahead), name, region), book, usage, own_prices)
                for name, ahead in side_by_side
            ]
        write = cost_compare.markdown if form is CostFormat.MARKDOWN else cost_compare.table
        costs.tell(list(write(cost_compare.labels(side_by_side), estimates, shown)), out)
        return
    with console.progress(f"Pricing {stack}"):
        found = {
            one: costs.in_region(costs.snapshot_of(stack, one), stack, region) for one in dict.fromkeys([phase, *steps])
        }
        priced = {one: costs.estimated(snapshot, book, usage, own_prices) for one, snapshot in found.items()}
    snapshot, month = found[phase], priced[phase]
    if form is CostFormat.JSON:
        console.write_output(costs.as_json(month, shown), out)
        return
    if form is CostFormat.MARKDOWN:
        costs.tell(list(cost_text.markdown(month, stack, shown)), out)
        return
    lines = list(cost_text.report(month, stack, shown, costs.budget_of(snapshot)))
    above = False
    if count:
        names = {one: one or str(made.settings.get("platform", {}).get("phase", "-")) for one, made in found.items()}
        projection = costs.projected([(names[one], priced[one]) for one in steps], percent, given)
        lines += ["", *cost_text.months(projection, shown, budget=most)]
        above = most is not None and projection.total("list_price") > most
    if what_if:
        from groundwork.pricing.commitments import what_if as asked
        from groundwork.pricing.estimate import charges

        lines += ["", *cost_text.savings(costs.savings_of(month, book), shown)]
        lines += ["", *cost_text.what_if(asked(charges(month)), shown)]
    costs.tell(lines, out, console.terminal_width())
    raise SystemExit(FINDINGS if above else FINE)


app.command("Show a stack at every size.")(phases.phases)
app.command("Hold a stack against its declared load.")(capacity.capacity)
app.command("Simulate a day of a stack.")(simulation.simulate)


@app.command("Ask DNS whether a stack's domain is delegated.")
def domain(
    stack: StackName,
    name_server: Annotated[
        list[str] | None,
        Option(
            "--name-server",
            metavar="NAME",
            help="A name server of the hosted zone; unset, the stack's output is asked for.",
        ),
    ] = None,
) -> None:
    """Ask DNS whether the registrar names the name servers of a stack's hosted zone.

    Then edge.zone.delegated may be set. Ends with 1 where it does not yet. The only command that needs a network.
    """
    from groundwork.cli import domain as asked

    with console.progress("Asking DNS"):
        found, verdict = asked.verdict(stack, name_server or ())
    print("\n".join(asked.verdict_lines(found, verdict)))
    raise SystemExit(FINE if verdict.is_delegated and verdict.may_have_certificates else FINDINGS)


@app.command("Let the real AWS provider judge a stack offline.")
def verify(stack: StackName, phase: PhaseAhead = None, unknowns: Unknowns = False, base: BaseOption = None) -> None:
    """Let the real AWS provider judge a stack's arguments, offline.

    Needs Terraform and its AWS provider on this machine; without them it says how to get them, and ends well. With --base it also says
    which of the resources that stand it would replace. Ends with 1 where the provider finds errors.
    """
    import contextlib

    from groundwork.cli.comparing import comparing
    from groundwork.cli.running import run_stack

    with (
        comparing(base, stack, unknowns=unknowns) if base is not None else contextlib.nullcontext() as compared,
        console.progress(f"Running {stack} offline"),
    ):
        run = run_stack(stack, phase=phase, unknowns=unknowns)
        stands = compared.base(run.snapshot).snapshot if compared else None
    from groundwork.preview.changes.plan import Plan
    from groundwork.preview.terraform.change import ask
    from groundwork.preview.terraform.render import render_answer, render_verification
    from groundwork.preview.terraform.verify import verify as judge

    with console.progress("Asking the AWS provider"):
        verification = judge(run.snapshot)
        plan = Plan(stands, run.snapshot) if stands and not verification.skipped else None
        answer = ask(plan) if plan else None
    print("\n".join(render_verification(verification)))
    if plan and answer:
        print("\n".join(["", *render_answer(plan, answer)]))
    raise SystemExit(FINE if verification.skipped or verification.ok else FINDINGS)


@app.command("Deploy stacks to a stand-in account, offline.")
def rehearse(
    stack: Annotated[
        list[str],
        Argument(metavar="STACK", help="Such as dev, or examples/chat-app/prod@growth for a phase.", words=stack_names),
    ],
    *,
    then: Annotated[
        str | None,
        Option(
            "--then",
            metavar="PHASE",
            help="Deploy it in this phase over what stands; nothing that holds data may be replaced.",
            words=_phases,
        ),
    ] = None,
    keep: Annotated[
        bool, Option("--keep", help="Leave the account running, to look around with the AWS CLI, until Ctrl-C.")
    ] = False,
    everything: Annotated[bool, Option("--all", help="Name each resource that was deployed too.")] = False,
) -> None:
    """Deploy stacks with the real AWS provider to a stand-in account on this machine, ask what a second deployment would change, and
    remove them.

    Needs Terraform, its AWS provider and moto's server; without them it says how to get them, and ends well. Takes two to five minutes.
    Ends with 1 where something is refused, would change, loses data or stays.
    """
    from groundwork.cli.rehearsing import rehearse_stacks

    raise SystemExit(rehearse_stacks(list(dict.fromkeys(stack)), then=then, keep=keep, everything=everything))


app.add(policies.app)
app.add(prices.app)


app.command("Move a project to the installed version.")(projects.upgrade)


@app.command("Print what makes a shell complete commands.")
def completion(
    shell: Annotated[Shell, Argument(metavar="bash|zsh|fish", help="Which shell.")],
) -> None:
    """Print what makes a shell complete commands, options, stacks and phases.

    bash: eval "$(groundwork completion bash)" in ~/.bashrc; zsh: the same in ~/.zshrc, after compinit; fish: groundwork completion fish >
    ~/.config/fish/completions/groundwork.fish
    """
    from argcomplete.shell_integration import shellcode

    print(shellcode(["groundwork"], shell=shell.value))


def _complete() -> None:
    """Answer a shell that asks what may stand at the cursor, and end."""
    import argcomplete

    argcomplete.autocomplete(app.whole_parser("groundwork"), always_complete_options="long")


app.command("Make what an account needs once.")(bootstrapping.bootstrap)
app.command("Ask an account what the first update would meet.")(diagnosing.doctor)
app.command("Say how a stack is, and what to do next.")(looking.status)
app.command("Go through what a launch asks for.")(looking.checklist)
app.command("Say what differs from the program.")(looking.drift)
app.command("Load a stack, and see what it does.")(loadtesting.loadtest)
app.command("Run another image of a service.")(operations.deploy)
app.command("Run the image again that ran before.")(operations.rollback)
app.command("Run another number of copies of a service.")(acting.scale)
app.command("Start all copies of a service anew.")(acting.redeploy)
app.command("Stop a dev or staging stack, or start it again.")(acting.hours)
app.command("Move dead letters back to their queue.")(acting.redrive)
app.command("Open a way to the database or the cache.")(acting.tunnel)
app.command("Take a snapshot of what holds data.")(restoring.snapshot)
app.command("Find out what backups are worth.")(restoring.restore)
app.command("Recover from what was lost.")(recovering.recover)
app.command("Bring static files to their bucket.")(operations.publish)
app.command("Print what services wrote.")(operations.logs)
app.command("Run a command once, as a service.")(operations.run)
app.command("Open a terminal in a service.", name="exec")(operations.exec_)


def main() -> None:
    """Run the command line: whatever happens becomes a message and an exit code."""
    # The classes of pulumi-aws are hundreds of thousands of objects that all stay until the end; looking through them for
    # garbage, again and again and once more at exit, would take half of a preview's time.
    gc.disable()
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    console.ignore_closed_output()
    code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run the command line as a function; return its exit code."""
    try:
        app.run(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FINE
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if console.debugging():
            raise
        return _explain(error)
    return FINE


def _explain(error: Exception) -> int:
    from groundwork.operations.errors import OperationError, UnknownNameError
    from groundwork.settings.mistakes import Mistakes

    if isinstance(error, (Mistakes, OutputError, InputError, UnknownNameError)):
        console.print_error(str(error))
        return MISTAKE
    if isinstance(error, OperationError):
        console.print_error(str(error))
        return FINDINGS
    from groundwork.cli.running import ProgramError

    if isinstance(error, ProgramError):
        console.print_error(f"The program ended with an error:\n{error}")
        if error.expected:
            return MISTAKE
    else:
        console.print_error(f"Groundwork ended with an error: {type(error).__name__}: {error}")
    console.print_error("Run again with --debug before the command for the traceback: groundwork --debug …")
    return FAULT


if __name__ == "__main__":
    main()
