"""The rules and the exceptions as text."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from groundwork.preview.text import short_type, wrap
from groundwork.preview.verdicts import remedies
from guardrails import examples
from guardrails.catalogue import TOPICS, heading
from guardrails.exemptions import Exemptions
from guardrails.remediation import REPAIRS
from guardrails.rules import PRODUCTION, Policy, Rule

_INDENT = "  "
_MOST_TYPES = 12


def services(rule: Rule) -> set[str]:
    """Return the services that a rule reads, by the modules of their types and by their names in Security Hub: ``lb``,
    ``elb``."""
    packages = (type_.split(":") for type_ in rule.reads)
    modules = {module.split("/")[0] if package.startswith("aws") else package for package, module, _ in packages}
    controls = (id_.partition(":") for id_ in rule.ids)
    named = {name.split(".")[0].lower() for kind, _, name in controls if kind in ("fsbp", "securityhub")}
    return (modules | named) - {"pulumi"}


def rules_json(shown: Sequence[Rule]) -> str:
    """Return everything about each rule as a list of objects."""
    return json.dumps([_facts(rule) for rule in shown], indent=2, ensure_ascii=False) + "\n"


def _facts(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "title": rule.title,
        "topic": rule.topic,
        "severity": rule.severity.value,
        "levels": {stage: rule.level(stage).value for stage in ("dev", PRODUCTION) if rule.applies(stage)},
        "between": rule.between,
        "reads": list(rule.reads),
        "ids": list(rule.ids),
        "why": rule.why,
        "fix": rule.fix,
        "settings": {
            setting.name: {"about": setting.about, "default": setting.default, "schema": setting.schema}
            for setting in rule.settings
        },
        "page": f"docs/{rule.page}",
    }


def rules_lines(shown: Sequence[Rule]) -> str:
    """Return a line for each rule, for other programs: name, severity, topic, ids and title, with tabs between them."""
    rows = ((rule.name, rule.severity.value, rule.topic, ",".join(rule.ids), rule.title) for rule in shown)
    return "".join("\t".join(row) + "\n" for row in rows)


def rules_text(shown: Sequence[Rule], width: int) -> str:
    """Return a block for each topic, a line for each rule; a title that has no room beside its rule stands below it."""
    lines: list[str] = []
    for one in TOPICS:
        mine = [rule for rule in shown if rule.topic == one]
        if mine:
            longest = max(len(_name(rule)) for rule in mine)
            lines += ["", heading(one), *(line for rule in mine for line in _row(rule, longest, width))]
    between = sum(rule.between for rule in shown)
    lines += [
        "",
        f"{len(shown)} rules, {between} of them between resources (↔).",
        *(f"Next: groundwork policies explain {name}" for name in sorted((rule.name for rule in shown), key=len)[:1]),
    ]
    return "\n".join(lines[1:]) + "\n"


def _name(rule: Rule) -> str:
    return f"{rule.name} ↔" if rule.between else rule.name


def _row(rule: Rule, longest: int, width: int) -> Iterator[str]:
    start = f"{_INDENT}{rule.severity.value:<8}  {_name(rule):<{longest}}  "
    if len(start) + len(rule.title) <= width:
        yield start + rule.title
    else:
        yield start.rstrip()
        yield from wrap(rule.title, width, _INDENT * 6)


def explanation(rule: Rule, width: int) -> str:
    """Return everything there is to know of one rule."""
    return "\n".join(_explained(rule, width)) + "\n"


def policy_explanation(policy: Policy, width: int) -> str:
    """Return what there is to know of what is reported under a name that is no rule's."""
    facts = (("Severity", policy.severity.value), ("Why", policy.why), ("Fix", policy.fix))
    lines = [
        policy.name,
        *wrap(f"{policy.title}.", width),
        "",
        *(line for fact in facts for line in _fact(*fact, width)),
    ]
    return "\n".join(lines) + "\n"


def _explained(rule: Rule, width: int) -> Iterator[str]:
    yield _name(rule)
    yield from wrap(f"{rule.title}.", width)
    yield ""
    levels = ", ".join(
        f"{stage} {rule.level(stage).value}" if rule.applies(stage) else f"not in {stage}"
        for stage in ("dev", PRODUCTION)
    )
    yield from _fact("Severity", f"{rule.severity.value}; {levels}", width)
    types = sorted({short_type(type_) for type_ in rule.reads})
    more = f" and {len(types) - _MOST_TYPES} more" if len(types) > _MOST_TYPES else ""
    yield from _fact("Reads", ", ".join(types[:_MOST_TYPES]) + more, width)
    yield from _fact("Why", rule.why, width)
    yield from _fact("Fix", rule.fix, width)
    for row in remedies().get(rule.name, ()):
        named = row.get("setting", "").replace("{entry}", "NAME")
        said = (
            f"in its file {': '.join(filter(None, (named, row.get('how'))))}"
            if named
            else f"by choice: {row['choice']}"
        )
        of = f" (for {row['for']})" if "for" in row else ""
        yield from _fact("Stack", f"{said}{of}", width)
    if rule.ids:
        yield from _fact("Ids", ", ".join(rule.ids), width)
    for setting in rule.settings:
        yield from _fact("Setting", f"{setting.name}: {setting.about} (default {json.dumps(setting.default)})", width)
    if rule.name in REPAIRS:
        yield from _fact("Repair", "at level remediate the pack repairs it during preview and update", width)
    example = examples.of(rule.name)
    if example.settings:
        yield from _fact("With", f"settings {example.settings}", width)
    for title, text in (("Fails:", example.bad), ("Passes:", example.good)):
        if text:
            yield from ("", title, *(f"{_INDENT}{line}" for line in text.splitlines()))
    yield from ("", *_exception(rule), "", f"docs/{rule.page}")


def _exception(rule: Rule) -> Iterator[str]:
    """Yield what to write into a stack file to let one resource be as it is until a date."""
    yield "Excepted until a date, at most a year ahead (docs/policies.md#exceptions):"
    yield f"{_INDENT}groundwork:exceptions:"
    yield f"{_INDENT}  - rule: {rule.name}"
    yield f"{_INDENT}    resource: NAME          # as a preview shows it; * and ? allowed"
    yield f"{_INDENT}    reason: WHY IT MAY BE SO"
    yield f"{_INDENT}    owner: WHO ANSWERS FOR IT"
    yield f"{_INDENT}    expires: YYYY-MM-DD"


def _fact(name: str, text: str, width: int) -> list[str]:
    return wrap(text, width, f"{name + ':':<10}", " " * 10)


def exceptions_text(stacks: Mapping[str, Exemptions], today: datetime.date, width: int) -> str:
    """List each exception with the days it has left, those that end first on top; then what is wrong with others."""
    lines = [line for name, read in stacks.items() for line in _exceptions(name, read, today, width)]
    return "\n".join(lines or ["No exceptions."]) + "\n"


def _exceptions(name: str, read: Exemptions, today: datetime.date, width: int) -> Iterable[str]:
    if not read.valid and not read.problems:
        return
    yield name
    for entry in sorted(read.valid, key=lambda entry: (entry.expires, entry.rule, entry.resource)):
        days = entry.days_left(today)
        yield from wrap(
            f"{days:>3} day{' ' if days == 1 else 's'}  {entry.rule} on {entry.resource}, until {entry.expires.isoformat()}, "
            f"{entry.owner}: {entry.reason}",
            width,
            _INDENT,
            f"{_INDENT}          ",
        )
    for problem in read.problems:
        yield from wrap(f"{problem.policy.name}: {problem.message}", width, _INDENT, _INDENT * 2)
