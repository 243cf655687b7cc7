"""A preview as text: the tree as Pulumi prints it, outputs, the guardrails' verdict and what to do next.

Every function takes the width it may use, or None for as wide as it gets (a pipe or a file), and returns styled lines.
"""

from __future__ import annotations

import json
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from groundwork.components.functions.artefacts import packaging
from groundwork.preview.snapshot import STACK_TYPE, Resource, Snapshot, Transformed, places
from groundwork.preview.styled import Text
from groundwork.preview.verdicts import Finding, Verdicts, fix_of
from guardrails.judgement import Verdict
from guardrails.levels import Severity
from guardrails.rules import Rule
from guardrails.unjudged import UNJUDGED
from guardrails.view import Opaque

if TYPE_CHECKING:
    from groundwork.preview.changes.model import Changes
    from groundwork.preview.moves import Step

INDENT = "    "
_SIGN = " +   "
_GAP = "  "
_PLAN = "create"
_LEAST_NAME = 20
_SEVERITY_STYLES = {
    Severity.CRITICAL: "bold red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "cyan",
}


def report(
    snapshot: Snapshot,
    verdicts: Verdicts,
    width: int | None,
    stack: str,
    *,
    ahead: str | None = None,
    step: Step | None = None,
    hints: Sequence[str] = (),
    program: Path = Path(),
    changes: Changes | None = None,
    cost: Sequence[str] = (),
) -> list[Text]:
    """Return the whole preview. ``stack`` is what the user called it, ``program`` the folder beside which packages lie; ``ahead`` the
    phase that the user asked for in place of its own, and ``step`` what it means to go there; ``hints`` what the settings leave open;
    ``changes``, where there is something to compare with, stands in place of the tree; ``cost`` what a month of it costs."""
    from groundwork.preview.limits import waf_limits  # noqa: PLC0415 - the settings' models take a third of a second

    missing = list(unpackaged(snapshot, program))
    shown = f"{snapshot.stack}, looking ahead to {ahead}" if ahead else snapshot.stack
    head = Text.assemble((f"Previewing update ({shown}):", "bold magenta"))
    sections = [
        *(
            [[head], _changes(changes, width)]
            if changes
            else [[head, *tree(snapshot, width)], outputs(snapshot), counts(snapshot)]
        ),
        transforms(snapshot, width),
        costs(cost, width),
        guardrails(verdicts, width),
        step_report(step, width) if step else [],
        [line for sentence in waf_limits(snapshot) for line in wrapped(sentence, width)],
        by_hand(snapshot, width),
        [line for hint in (*hints, *missing) for line in wrapped(f"Note: {hint}.", width)],
        next_step(
            verdicts, stack, width, ahead, step, first=f"{packaging(program)} && " if missing else "", changes=changes
        ),
    ]
    return [line for section in sections if section for line in (*section, Text())][:-1]


def _changes(changes: Changes, width: int | None) -> list[Text]:
    from groundwork.preview.changes import text  # noqa: PLC0415 - it is made of what is here

    return text.lines(changes, width)


# The tree


@dataclass(frozen=True)
class _TreeRow:
    branch: str
    type: str
    name: str
    parent_name: str


def tree(snapshot: Snapshot, width: int | None) -> list[Text]:
    """Type, name and plan of every resource, as Pulumi lists them."""
    rows = list(_rows(snapshot))
    if not rows:
        return []
    widths = _columns(rows, width)
    lines = [_line(" " * len(_SIGN), ("Type", "Name", "Plan"), widths, header=True)]
    for row in rows:
        shown_type = row.branch + _cut(row.type, widths[0] - len(row.branch))
        lines.append(_line(_SIGN, (shown_type, _short_name(row, widths[1]), _PLAN), widths))
    return lines


def _line(sign: str, cells: tuple[str, str, str], widths: tuple[int, int], *, header: bool = False) -> Text:
    type_, name, plan = cells
    text = f"{type_:<{widths[0]}}{_GAP}{name:<{widths[1]}}{_GAP}"
    style = "bold" if header else ""
    return Text.assemble((sign, "green"), (text, style), (plan, "bold" if header else "green"))


def _rows(snapshot: Snapshot) -> Iterator[_TreeRow]:
    children: dict[str | None, list[Resource]] = {}
    for resource in snapshot.resources:
        children.setdefault(resource.parent, []).append(resource)
    # (resource, its branch, what its children's branches start with, its parent's name), the next to show last.
    pending = [(root, "", "", "") for root in reversed(children.get(None, []))]
    while pending:
        resource, branch, below, parent_name = pending.pop()
        yield _TreeRow(branch, short_type(resource.type), resource.name, parent_name)
        inside = children.get(resource.urn, [])
        # The stack's name is the project's, so names below it are not shortened by it.
        name = "" if resource.type == STACK_TYPE else resource.name
        for child in reversed(inside):
            last = child is inside[-1]
            pending.append((child, f"{below}{'└─ ' if last else '├─ '}", f"{below}{'   ' if last else '│  '}", name))


def short_type(token: str) -> str:
    """Return ``aws:ec2/vpc:Vpc`` as Pulumi shows it: ``aws:ec2:Vpc``."""
    package, _, rest = token.partition(":")
    module, _, type_ = rest.rpartition(":")
    return f"{package}:{module.partition('/')[0]}:{type_}" if module else token


def _columns(rows: list[_TreeRow], width: int | None) -> tuple[int, int]:
    """Return the widths of type and name: as needed where there is room, else names give way first, then types."""
    type_width = max(len(row.branch) + len(row.type) for row in rows)
    name_width = max(len(row.name) for row in rows)
    if width is None:
        return type_width, name_width
    room = max(width - len(_SIGN) - 2 * len(_GAP) - len(_PLAN), 2 * _LEAST_NAME)
    if type_width + name_width <= room:
        return type_width, name_width
    shortest = max(len(_relative(row)) for row in rows)
    name_width = max(min(shortest, room - type_width), min(_LEAST_NAME, name_width))
    return room - name_width, name_width


def _short_name(row: _TreeRow, width: int) -> str:
    return row.name if len(row.name) <= width else _cut(_relative(row), width)


def _relative(row: _TreeRow) -> str:
    """Return a name without what it shares with its parent: ``…-private-a`` below ``shop-network``."""
    rest = row.name.removeprefix(row.parent_name)
    return f"…{rest}" if row.parent_name and rest.startswith("-") else row.name


def _cut(text: str, width: int) -> str:
    """Cut the middle out of ``text`` where it is too long: both ends tell things apart."""
    if len(text) <= width:
        return text
    head = max((width - 1) // 2, 0)
    tail = max(width - 1 - head, 0)
    return f"{text[:head]}…{text[len(text) - tail :]}"


# Outputs and counts


def outputs(snapshot: Snapshot) -> list[Text]:
    """List the stack's outputs, as Pulumi does; what only AWS can know is ``[unknown]``."""
    if not snapshot.outputs:
        return []
    lines = [Text("Outputs:", "bold")]
    for name, value in sorted(snapshot.outputs.items()):
        lines += [Text(line) for line in _value(f"{INDENT}{name}: ", value, INDENT)]
    return lines


def _value(start: str, value: Any, indent: str) -> list[str]:
    if isinstance(value, Opaque):
        return [f"{start}[{value.value}]"]
    if isinstance(value, dict):
        if value:
            inner = indent + INDENT
            members = [line for key, item in sorted(value.items()) for line in _value(f"{inner}{key}: ", item, inner)]
            return [f"{start}{{", *members, f"{indent}}}"]
        return [f"{start}{{}}"]
    if isinstance(value, list):
        inner = indent + INDENT
        items = [line for index, item in enumerate(value) for line in _value(f"{inner}[{index}]: ", item, inner)]
        return [f"{start}[", *items, f"{indent}]"] if value else [f"{start}[]"]
    if isinstance(value, str):
        return [f'{start}"{value}"']
    return [f"{start}{_WORDS.get(value, value) if value is None or isinstance(value, bool) else value}"]


_WORDS = {True: "true", False: "false", None: "null"}


def transforms(snapshot: Snapshot, width: int | None) -> list[Text]:
    """Return what transforms changed, by transform, each change once with the resources that it is of."""
    lines: list[Text] = []
    for place, some in groupby(transformations(snapshot), key=lambda one: one.place):
        lines.append(Text.assemble(INDENT, (place, "bold")))
        for one in some:
            lines += wrapped(f"~ {one.said} on {one.named(_MOST_NAMED)}", width, INDENT * 2, f"{INDENT * 2}  ")
    return [Text("Transforms:", "bold"), *lines] if lines else []


class Transformation(NamedTuple):
    """One change that a transform makes, with the resources that it makes it of."""

    place: str
    """File and line of the transform."""
    said: str
    resources: tuple[Resource, ...]

    def named(self, most: int) -> str:
        """Return the resources' names and types, at most so many."""
        names = [f"{one.name} ({short_type(one.type)})" for one in self.resources[:most]]
        more = len(self.resources) - len(names)
        return f"{', '.join(names)}{f' and {more:,} more' if more else ''}"


def transformations(snapshot: Snapshot) -> list[Transformation]:
    """Return what transforms changed, in the order of their places."""
    changes: dict[tuple[tuple[str, int], str], list[Resource]] = {}
    for resource in snapshot.resources:
        for one in resource.transformed:
            place = (one.source.file, one.source.line) if one.source else ("another process", 0)
            changes.setdefault((place, _change(one)), []).append(resource)
    return [
        Transformation(f"{file}:{line}" if line else file, said, tuple(changes[(file, line), said]))
        for (file, line), said in sorted(changes)
    ]


_MOST_NAMED = 3
_LONGEST_VALUE = 60


def _change(one: Transformed) -> str:
    name = f"option {one.property}" if one.option else one.property
    return f"{name}: {_shown(one.before)} → {_shown(one.after)}"


def _shown(value: Any) -> str:
    if value is None or isinstance(value, Opaque):
        return "not set" if value is None else f"[{value.value}]"
    return _cut(json.dumps(value, ensure_ascii=False, default=lambda opaque: f"[{opaque.value}]"), _LONGEST_VALUE)


def counts(snapshot: Snapshot) -> list[Text]:
    """Count the resources that the update would create."""
    return [Text("Resources:", "bold"), Text.assemble((f"{INDENT}+ {len(snapshot.resources)} to create", "green"))]


def costs(sentences: Sequence[str], width: int | None) -> list[Text]:
    """Tell what a month costs; a warning stands out."""
    lines = [
        Text(line.plain, "yellow" if sentence.startswith("Warning") else "")
        for sentence in sentences
        for line in wrapped(sentence, width, INDENT)
    ]
    return [Text("Cost:", "bold"), *lines] if lines else []


# The guardrails


def guardrails(verdicts: Verdicts, width: int | None, everything: str = "--format findings") -> list[Text]:
    """Tell what the policy pack says, one block for each rule that has something to say; ``everything`` is the option
    that says the rest."""
    lines = [
        Text("Guardrails:", "bold"),
        *wrapped(
            f"{_count(verdicts.rules, 'rule')} judged {_count(verdicts.resources, 'resource')} ({_count(verdicts.judgements, 'check')}): {balance(verdicts)}",
            width,
            INDENT,
        ),
    ]
    for stops in (True, False):
        failed = [one for one in verdicts.of(Verdict.FAIL) if one.level.stops is stops and not one.is_choice]
        for _, findings in groupby(failed, key=lambda finding: finding.rule.name):
            lines += [Text(), *_failed(list(findings), width, everything)]
    lines += _chosen([one for one in verdicts.of(Verdict.FAIL) if one.is_choice], width)
    for finding in verdicts.findings:
        if finding.broken and finding.verdict is not Verdict.FAIL:
            lines += [Text(), *_broken(finding, width)]
    excepted = verdicts.of(Verdict.EXCEPTED)
    if excepted:
        lines += [Text(), Text(f"{INDENT}Excepted in the stack file:")]
        lines += [line for finding in excepted for line in _excepted(finding, width)]
    if any(isinstance(one.rule, Rule) for one in verdicts.of(Verdict.FAIL)):
        how = "Why a rule is there, and how a resource is excepted from it: groundwork policies explain RULE"
        lines += [Text(), *wrapped(how, width, INDENT)]
    return lines


def balance(verdicts: Verdicts) -> str:
    """Return how many findings of each kind there are, as part of a sentence."""
    unread = verdicts.of(Verdict.UNDETERMINED)
    hidden = sum(finding.message.endswith(" is secret") for finding in unread)
    stopping = Counter(finding.level.stops for finding in verdicts.of(Verdict.FAIL))
    parts = [
        f"{stopping[True] or 'no'} mandatory and {stopping[False] or 'no'} advisory findings"
        + (f" ({chosen} by choice)" if (chosen := sum(one.is_choice for one in verdicts.of(Verdict.FAIL))) else ""),
        f"{len(verdicts.of(Verdict.KNOWN))} known from the baseline",
        f"{len(verdicts.of(Verdict.EXCEPTED))} excepted",
        f"{len(unread) - hidden} undetermined until AWS answers",
        f"{hidden} undetermined for a secret that is not read",
    ]
    return ", ".join(part for part in parts if not part.startswith("0 "))


_LISTED = 12


def not_judged(verdicts: Verdicts, width: int | None, everything: str) -> list[Text]:
    """Tell what no rule reads, most of it first, and how to make that a failure; ``everything`` is the option that says
    the rest."""
    if not verdicts.unjudged:
        return []
    lines = [Text("Not judged:", "bold")]
    types = sorted(verdicts.unjudged.types.items(), key=lambda entry: -len(entry[1]))
    if types:
        listed = [f"{short_type(type_)} ({len(resources)})" for type_, resources in types[:_LISTED]]
        rest = (
            f", and {_count(len(types) - _LISTED, 'type')} more; {everything} has them all" if types[_LISTED:] else ""
        )
        resources = _count(sum(len(resources) for _, resources in types), "resource")
        said = f"{resources} of {_count(len(types), 'type')} that no rule reads: {', '.join(listed)}{rest}"
        lines += wrapped(said, width, INDENT, INDENT * 2)
    components = verdicts.unjudged.components
    for component in components[:_LISTED]:
        said = f"the parts of {component.name} ({component.type}): they are not in what was judged"
        lines += wrapped(said, width, INDENT, INDENT * 2)
    if components[_LISTED:]:
        said = f"the parts of {_count(len(components) - _LISTED, 'component')} more; {everything} has them all"
        lines += wrapped(said, width, INDENT, INDENT * 2)
    how = f'To make this a failure: {{"{UNJUDGED.name}": "mandatory"}} in a file for --policy-config.'
    return [*lines, *wrapped(how, width, INDENT, INDENT * 2), Text()]


_EXAMPLES = 3
"""Of what an advisory rule finds; what stops a deployment is shown whole."""


def _failed(findings: list[Finding], width: int | None, everything: str) -> list[Text]:
    first = findings[0]
    style = _SEVERITY_STYLES[first.rule.severity]
    head = f"{first.level.value} {first.rule.severity.value}"
    lines = [
        Text.assemble(INDENT, (head, style), _GAP, (first.rule.name, "bold")),
        *wrapped(first.rule.title, width, INDENT * 2),
    ]
    shown = findings if first.level.stops else findings[:_EXAMPLES]
    for finding in shown:
        what = (
            f"{finding.resource.name} ({short_type(finding.resource.type)})"
            if finding.resource.type
            else finding.resource.name
        )
        lines += wrapped(f"- {what}: {finding.message}", width, INDENT * 2, f"{INDENT * 2}  ")
        lines += [Text(f"{INDENT * 2}  {place}", "dim") for place in places(finding.stated, finding.source)]
    if len(findings) > len(shown):
        rest = f"- and {len(findings) - len(shown)} more; {everything} has them all"
        lines += wrapped(rest, width, INDENT * 2, f"{INDENT * 2}  ")
    return lines + wrapped(f"Fix: {fix_of(shown)}", width, INDENT * 2, f"{INDENT * 2}     ")


def _chosen(findings: list[Finding], width: int | None) -> list[Text]:
    """Fold what is built so by choice into a line for each rule."""
    lines = [Text(), Text(f"{INDENT}By choice of Groundwork's (docs/choices.md):")] if findings else []
    for _, some in groupby(findings, key=lambda finding: finding.rule.name):
        first, *others = some
        more = f" and {len(others):,} more" if others else ""
        said = f"- {first.level.value} {first.rule.severity.value} {first.rule.name} on {first.resource.name}{more}"
        lines += wrapped(said, width, INDENT * 2, f"{INDENT * 2}  ")
    return lines


def _broken(finding: Finding, width: int | None) -> list[Text]:
    return wrapped(
        f"{finding.rule.name} on {finding.resource.name}: {finding.message}; this is a fault in the rule", width, INDENT
    )


def _excepted(finding: Finding, width: int | None) -> list[Text]:
    how = finding.exception.describe() if finding.exception else ""
    return wrapped(
        f"- {finding.rule.name} on {finding.resource.name}: {finding.message}; {how}",
        width,
        INDENT * 2,
        f"{INDENT * 2}  ",
    )


def to_fix(verdicts: Verdicts) -> str:
    """Tell what to do with what stops the deployment."""
    blocking = len(verdicts.blocking)
    them = "it" if blocking == 1 else "them"
    fix = f"fix the {_count(blocking, 'mandatory finding')}"
    if not any(isinstance(one.rule, Rule) for one in verdicts.blocking):
        return f"{fix}."
    return f"{fix}, or except {them} under groundwork:exceptions with reason, owner and expiry."


_BY_HAND = {
    "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration": (
        'the Slack workspace authorized, once for the account, in the console of "Amazon Q Developer in chat applications"'
    ),
}
"""Resource type → what AWS wants before it makes one, and no API does."""


_CLUSTER_MODE = (
    "where this cache already runs without cluster mode, `cache: {cluster_mode: compatible}` and then `enabled`, an update each, "
    "before it has shards (docs/phases.md); say `cluster_mode: enabled` where that is done, or the cache is new"
)


def _turns_cluster_mode_on(resource: Resource) -> bool:
    return (
        resource.type == "aws:elasticache/replicationGroup:ReplicationGroup"
        and bool(resource.inputs.get("numNodeGroups"))
        and "clusterMode" not in resource.inputs
    )


def by_hand(snapshot: Snapshot, width: int | None) -> list[Text]:
    """Tell what somebody has to do before the first deployment."""
    types = {resource.type for resource in snapshot.resources}
    tasks = [task for type_, task in _BY_HAND.items() if type_ in types]
    if any(_turns_cluster_mode_on(resource) for resource in snapshot.resources):
        tasks.append(_CLUSTER_MODE)
    return [line for task in tasks for line in wrapped(f"Needs by hand: {task}.", width)]


def step_report(step: Step, width: int | None) -> list[Text]:
    """Report what a move to another phase would do to what stands, and what of it would be refused."""
    move = step.move
    lines = [Text(f"From {step.before} to {step.after}:", "bold")]
    for sign, resources, done in (
        ("+ ", move.created, "create"),
        ("~ ", move.changed, "update"),
        ("+-", move.replaced, "replace"),
        ("- ", move.removed, "delete"),
    ):
        named = f": {', '.join(sorted({one.name for one in resources}))}" if done == "replace" and resources else ""
        lines += wrapped(f"{sign} {len(resources):,} to {done}{named}", width, INDENT, f"{INDENT}   ")
    for refusal in move.refusals:
        what = f"{refusal.resource.name} ({short_type(refusal.resource.type)})"
        lines += wrapped(f"!  {what} {refusal.reason}", width, INDENT, f"{INDENT}   ")
    if step.removable:
        said = f"removable: [{', '.join(dict.fromkeys(step.removable))}]"
        how = f"First, in an update of its own: platform: {{{said}}} (docs/phases.md)."
        lines += wrapped(how, width, INDENT)
    return lines


def unpackaged(snapshot: Snapshot, program: Path) -> Iterator[str]:
    """Tell that functions have no package yet, which Pulumi would refuse to do without."""
    missing = [
        function.name
        for function in snapshot.of_type("aws:lambda/function:Function")
        if isinstance(code := function.inputs.get("code"), dict) and not (program / str(code.get("path", ""))).exists()
    ]
    if missing:
        yield f"packages are missing, of {_count(len(missing), 'function')}; pulumi up wants them made: {packaging(program)}"


def next_step(
    verdicts: Verdicts,
    stack: str,
    width: int | None,
    ahead: str | None = None,
    step: Step | None = None,
    *,
    first: str = "",
    changes: Changes | None = None,
) -> list[Text]:
    """Return one line: what to do with this preview; ``first`` is what ``pulumi up`` would stop without."""
    if verdicts.blocking:
        return wrapped(f"Next: {to_fix(verdicts)}", width)
    if changes and changes.refused:
        return wrapped(
            "Next: take back what would be refused, or do first what is said of it; pulumi up would stop there.", width
        )
    if changes and changes.losses:
        return wrapped(
            f"Next: read again which data is lost, above; where that is meant, {first}{pulumi_up(stack)}", width
        )
    if step and step.move.refusals:
        return wrapped(f"Next: clear what the step from {step.before} to {step.after} would be refused for.", width)
    if ahead:
        folder, name = _place(stack)
        file = f"{folder}/Pulumi.{name}.yaml" if folder else f"Pulumi.{name}.yaml"
        return wrapped(f"Next: say phase: {ahead} in {file}; then {first}{pulumi_up(stack)}", width)
    return wrapped(f"Next: {first}{pulumi_up(stack)}", width)


def pulumi_up(stack: str) -> str:
    """Return the command that deploys a stack, for a shell that stands where the user called it ``stack``."""
    folder, name = _place(stack)
    return f"{f'cd {shlex.quote(folder)} && ' if folder else ''}pulumi up --stack {shlex.quote(name)}"


def _place(stack: str) -> tuple[str, str]:
    """Return the folder and the name of a stack, which the user may have called by its file."""
    folder, _, name = stack.rpartition("/")
    if name.startswith("Pulumi.") and name.endswith(".yaml"):
        name = name.removeprefix("Pulumi.").removesuffix(".yaml")
    return folder, name


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def wrapped(text: str, width: int | None, indent: str = "", further: str | None = None) -> list[Text]:
    if width is None:
        return [Text(f"{indent}{text}")]
    return [Text(line) for line in wrap(text, width, indent, further)]


def wrap(text: str, width: int, indent: str = "", further: str | None = None) -> list[str]:
    """Wrap at spaces only, so that names and commands can be copied whole."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_on_hyphens=False,
        break_long_words=False,
    )


def plain(lines: Iterable[Text]) -> str:
    """Return the lines without style."""
    return "".join(f"{line.plain.rstrip()}\n" for line in lines)
