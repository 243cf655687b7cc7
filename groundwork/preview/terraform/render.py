"""A verification as text, at most 80 columns wide."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable

from groundwork.preview.changes.plan import Plan
from groundwork.preview.terraform.change import ProviderAnswer, differing
from groundwork.preview.terraform.convert import LeftOut
from groundwork.preview.terraform.findings import Excused, ProviderFinding
from groundwork.preview.terraform.verify import Verification
from groundwork.preview.text import short_type

WIDTH = 80


def render_verification(verification: Verification) -> list[str]:
    """Tell what was checked, by what, what is wrong and where, and what could not be judged."""
    if verification.skipped:
        return ["Not verified by the AWS provider:", *_wrapped(verification.skipped, "  ")]
    lines = [_headline(verification)]
    for title, findings in (("error", verification.errors), ("warning", verification.warnings)):
        for finding in findings:
            lines += ["", *_finding(title, finding)]
    if verification.excused:
        lines += ["", f"Not counted, because the installed provider {verification.provider} cannot know:"]
        lines += [line for excused in verification.excused for line in _excused(excused)]
    if verification.left_out:
        lines += ["", "Left out of the check:", *_left_out(verification.left_out)]
    return lines


def render_answer(plan: Plan, answer: ProviderAnswer) -> list[str]:
    """Say what the provider replaces of what stands, and where the preview says something else."""
    if answer.skipped:
        return ["Not asked what the change replaces:", *_wrapped(answer.skipped, "  ")]
    changed = [urn for urn, found in plan.differences.items() if found]
    some = f"{len(answer.asked)} of " if len(answer.asked) < len(changed) else ""
    lines = [f"AWS provider {answer.provider} was asked about {some}{_count(len(changed), 'changed resource')}:"]
    for urn, properties in answer.replaced.items():
        lines += _wrapped(f"+- {_called(plan, urn)}: replaced for {', '.join(properties)}", "  ", "     ")
    if answer.asked and not answer.replaced:
        lines.append("  it replaces none of them")
    unasked = ", ".join(_called(plan, urn) for urn in changed if urn not in answer.asked)
    if unasked:
        lines += _wrapped(f"not asked, since it does not know them or not enough of them: {unasked}", "  ", "    ")
    others = differing(plan, answer)
    if others:
        lines += _wrapped("groundwork preview --base says something else, and the provider is right:", "")
        lines += [line for one in others for line in _wrapped(f"- {one}", "  ", "    ")]
    return lines


def _called(plan: Plan, urn: str) -> str:
    resource = plan.pairs[urn].after
    return f"{resource.name} ({short_type(resource.type)})"


def _headline(verification: Verification) -> str:
    errors, warnings = len(verification.errors), len(verification.warnings)
    verdict = "no errors" if not errors else _count(errors, "error")
    more = f", {_count(warnings, 'warning')}" if warnings else ""
    return (
        f"{_count(verification.checked, 'resource')} checked by AWS provider {verification.provider}: {verdict}{more}"
    )


def _finding(title: str, finding: ProviderFinding) -> list[str]:
    subject = f"{finding.name} ({finding.type})" if finding.urn else "the configuration as a whole"
    lines = _wrapped(f"{title}: {subject}", "", "  ")
    if finding.path:
        lines += _wrapped(f"property  {finding.path}", "  ", "            ")
    if finding.where:
        lines += _wrapped(f"declared  {finding.where}", "  ", "            ")
    lines += _wrapped(f"provider  {finding.message}", "  ", "            ")
    lines += _wrapped(f"do        {finding.hint or _advice(finding)}", "  ", "            ")
    return lines + (_wrapped(finding.urn, "  ") if finding.urn else [])


def _advice(finding: ProviderFinding) -> str:
    if finding.severity != "error":
        return "see whether the advice applies; it stops no deployment"
    subject = finding.path or "the resource"
    return f"correct {subject} where it is declared{f' ({finding.where})' if finding.where else ''}"


def _excused(excused: Excused) -> list[str]:
    finding = excused.finding
    subject = f"{finding.name} ({finding.type}) {finding.path}".strip() if finding.urn else finding.message
    return _wrapped(f"- {subject}: {excused.reason}", "  ", "    ")


def _left_out(left_out: Iterable[LeftOut]) -> list[str]:
    """Return one line for each reason and name, with the number of resources it concerns."""
    counts = Counter((entry.reason, entry.type if not entry.path else _named(entry)) for entry in left_out)
    lines: list[str] = []
    for reason in sorted({reason for reason, _ in counts}):
        subjects = sorted((subject, count) for (why, subject), count in counts.items() if why == reason)
        lines.append(f"  {sum(count for _, count in subjects)} × {reason}")
        for subject, count in subjects:
            lines += _wrapped(f"{subject}{f' × {count}' if count > 1 else ''}", "    ", "      ")
    return lines


def _named(entry: LeftOut) -> str:
    return f"{entry.type} {entry.path}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _wrapped(text: str, indent: str, further: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if further is None else further,
        break_on_hyphens=False,
    )
