"""A report as one HTML page that needs nothing else: no network, and no script to be read.

The page's own policy (CSP) forbids every script but the one whose hash it names, every request, and every form: what a program's
names hold could not run even if it were not escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from groundwork.preview.changes.model import Change, DifferenceKind, PropertyChange
from groundwork.preview.diagram.svg import svg
from groundwork.preview.reports.escaping import for_html
from groundwork.preview.reports.report import (
    Report,
    changes_line,
    cost_line,
    counted,
    dollars,
    guardrails_line,
    shown,
    verdict_line,
)
from groundwork.preview.snapshot import Resource, places
from groundwork.preview.text import short_type, transformations
from groundwork.preview.verdicts import Finding, fix_of
from guardrails.judgement import Verdict

_HERE = Path(__file__).parent


def html(report: Report) -> str:
    """Return the whole page."""
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    sections = [(id_, title, body) for id_, title, body in _sections(report) if body]
    links = "".join(f'<li><a href="#{id_}">{title}</a></li>' for id_, title, _ in sections)
    bodies = "\n".join(
        f'<section aria-labelledby="{id_}"><h2 id="{id_}" tabindex="-1">{title}</h2>\n{body}\n</section>'
        for id_, title, body in sections
    )
    name = for_html(report.stack)
    tone = "bad" if report.stops or report.losses else "good"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>{name}: {for_html(verdict_line(report))}</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#main">To the report</a>
<header><h1>{name}</h1><p class="verdict {tone}">{for_html(verdict_line(report))}</p></header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main id="main" tabindex="-1">
<div class="tools only-script"><label for="search">Search</label>
<input id="search" type="search" placeholder="name, type, rule, file" aria-describedby="told" autocomplete="off">
<span class="soft">press / to come here, Escape to clear</span><span id="told" role="status" class="soft"></span></div>
{bodies}
</main>
<footer><p>Made offline from the program and its stack file, without an account. Values that are secret are in no report.</p></footer>
<script>{script}</script>
</body>
</html>
"""


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _sections(report: Report) -> Iterator[tuple[str, str, str]]:
    yield "summary", "Summary", _summary(report)
    yield "changes", "Changes", _changes(report) if report.changes else ""
    yield "transforms", "Transforms", _transforms(report)
    yield "findings", "Findings", _findings(report)
    yield "cost", "Cost", _cost(report) if report.cost else ""
    yield (
        "diagram",
        "Diagram",
        f'<div class="picture scroll" tabindex="0" role="group" aria-label="Diagram">{svg(report.graph)}</div>',
    )
    yield "resources", "Resources", _tree(report)


def _summary(report: Report) -> str:
    rows = [
        ("Changes", changes_line(report)),
        ("Guardrails", guardrails_line(report)),
        ("Cost", cost_line(report)),
        ("Region", report.snapshot.region or "not said"),
    ]
    totals = "".join(f"<dt>{title}</dt><dd>{for_html(said)}</dd>" for title, said in rows)
    return f'<dl class="totals">{totals}</dl>\n{"".join(_loss(one) for one in report.losses)}'


def _loss(change: Change) -> str:
    loss = change.loss
    if loss is None:
        return ""
    verb = "may be replaced" if change.may_replace else f"{change.action.value}d".replace("ee", "e")
    kept = f"<p>Kept: {for_html(loss.kept)}.</p>" if loss.kept else ""
    forced = ", ".join(f"<code>{for_html(one.path)}</code>" for one in change.forcing[:3])
    return (
        f'<div class="loss"><p><span class="bad">Data is lost:</span> <code>{for_html(change.name)}</code> '
        f'<span class="type">{for_html(short_type(change.type))}</span>, {for_html(loss.holds)}, is {verb}.</p>'
        f"<p>Lost: {for_html(loss.lost)}.</p>{kept}{f'<p>Forced by {forced}.</p>' if forced else ''}"
        f"<p>Instead: {for_html(loss.instead)}</p></div>\n"
    )


# Changes


def _changes(report: Report) -> str:
    changes = report.changes
    if changes is None or not changes.changes:
        return "<p>None.</p>"
    parts = [f"<p>{for_html(changes_line(report))}</p>"]
    parts += [
        f'<p class="bad">Refused: <code>{for_html(one.name)}</code> {for_html(one.reason)}</p>'
        for one in changes.refused
    ]
    if changes.settings:
        parts.append(_folded("Settings", "".join(_property(one) for one in changes.settings), find="settings"))
    parts += [
        f"<p><code>{for_html(one.before)}</code> is now <code>{for_html(one.after)}</code>: what was built for it is built anew.</p>"
        for one in changes.renamed
    ]
    for action, several in groupby(changes.changes, key=lambda one: one.action):
        group = list(several)
        parts.append(f"<h3>{action.value.capitalize()}: {len(group):,}</h3>")
        parts += [_change(one) for one in group]
    parts += [f'<p class="soft">{for_html(note)}.</p>' for note in changes.notes]
    return "\n".join(parts)


def _change(change: Change) -> str:
    tags = [
        _tag("holds data", "bad") if change.loss else "",
        _tag("may replace", "warn") if change.may_replace else "",
        _tag("interrupts", "warn") if change.interruption else "",
        _tag("protected", "warn") if change.protected else "",
        _tag("stays in the account", "soft") if change.retained else "",
    ]
    said = f"{_named(change.name, change.type)} {' '.join(tags)}"
    find = f"{change.name} {change.type} {change.action.value}"
    if not change.properties:
        return f'<p data-find="{for_html(find.lower())}">{said}</p>'
    interrupts = f"<p>Interrupts {for_html(change.interruption)}.</p>" if change.interruption else ""
    return _folded(said, interrupts + "".join(_property(one) for one in change.properties), find=find, html_title=True)


def _property(one: PropertyChange) -> str:
    forces = {"yes": _tag("forces replacement", "bad"), "maybe": _tag("may force replacement", "warn")}
    before, after = for_html(shown(one.before, 400)), for_html(shown(one.after, 400))
    said = {
        DifferenceKind.ADDED: f"added <code>{after}</code>",
        DifferenceKind.REMOVED: f"removed <code>{before}</code>",
        DifferenceKind.REORDERED: "in another order",
        DifferenceKind.CHANGED: f"<code>{before}</code> → <code>{after}</code>",
    }[one.kind]
    return f"<p><code>{for_html(one.path)}</code>: {said} {forces.get(one.forces.value, '')}</p>"


# Transforms


def _transforms(report: Report) -> str:
    """Show what transforms changed; nothing where there are none."""
    items = (
        f"<li><code>{for_html(one.said)}</code> on {', '.join(_named(each.name, each.type) for each in one.resources)} "
        f'<span class="soft">{for_html(one.place)}</span></li>'
        for one in transformations(report.snapshot)
    )
    found = "".join(items)
    return f"<ul>{found}</ul>" if found else ""


# Findings


_TITLES = {
    Verdict.KNOWN: "Known from the baseline",
    Verdict.EXCEPTED: "Excepted",
    Verdict.UNDETERMINED: "Undetermined",
}


def _findings(report: Report) -> str:
    groups = [
        ("Mandatory: these stop a deployment", report.blocking, True),
        ("Advisory", [one for one in report.advisory if not one.is_choice], False),
        ("By choice of Groundwork's", [one for one in report.advisory if one.is_choice], False),
        *((title, report.verdicts.of(verdict), False) for verdict, title in _TITLES.items()),
    ]
    parts = [f"<p>{for_html(guardrails_line(report))}.</p>"]
    for title, several, stops in groups:
        if several:
            parts.append(f"<h3>{title}: {len(several):,}</h3>")
            parts += [_rule(list(group), stops) for _, group in groupby(several, key=lambda one: one.rule.name)]
    return "\n".join(parts)


def _rule(findings: list[Finding], stops: bool) -> str:
    first = findings[0]
    tone = "bad" if stops else "warn" if first.rule.severity.value in ("critical", "high") else "soft"
    title = (
        f"{_tag(first.rule.severity.value, tone)} <code>{for_html(first.rule.name)}</code> {for_html(first.rule.title)} "
        f'<span class="soft">({len(findings):,})</span>'
    )
    items = "".join(_finding(one) for one in findings)
    if first.is_choice and first.remedy:
        advice = f"<p><b>By choice:</b> {for_html(first.remedy.choice)}</p>"
    else:
        advice = f"<p><b>Fix:</b> {for_html(fix_of(findings))}</p>"
    body = f"<p>{for_html(first.rule.why)}</p>{advice}<ul>{items}</ul>"
    find = " ".join([first.rule.name, first.rule.title, *(one.resource.name for one in findings), *first.rule.ids])
    return _folded(title, body, find=find, html_title=True, opened=stops)


def _finding(one: Finding) -> str:
    where = "".join(f' <span class="soft">{for_html(place)}</span>' for place in places(one.stated, one.source))
    excepted = f' <span class="soft">{for_html(one.exception.describe())}</span>' if one.exception else ""
    return f"<li><code>{for_html(one.resource.name)}</code>: {for_html(one.message)}{where}{excepted}</li>"


# Cost


def _cost(report: Report) -> str:
    cost = report.cost
    if cost is None:
        return ""
    parts = [f"<p>{for_html(cost_line(report))}.</p>"]
    for key in ("layer", "service"):
        sums = [(name, amount) for name, amount in report.costs_by(key) if amount]
        most = max((amount for _, amount in sums), default=0) or 1
        rows = "".join(
            f'<tr><td>{for_html(name)}</td><td><span class="bar" style="width:{100 * max(amount, 0) / most:.1f}%"></span></td>'
            f'<td class="money">{dollars(amount)}</td></tr>'
            for name, amount in sums
        )
        parts.append(
            f'<h3>By {key}</h3><div class="scroll"><table class="chart"><thead><tr><th>{key}</th><th><span class="soft">share</span></th>'
            f'<th class="money">a month</th></tr></thead><tbody>{rows}</tbody></table></div>'
        )
    priced = sorted(cost["resources"], key=lambda one: -(one["monthly"] or 0))
    rows = "".join(_priced(one["name"], one["type"], one["monthly"]) for one in priced)
    table = f'<div class="scroll"><table><thead><tr><th>resource</th><th class="money">a month</th></tr></thead><tbody>{rows}</tbody></table></div>'
    parts.append(_folded(f"Each resource ({len(priced):,})", table))
    if cost["unpriced"]:
        items = "".join(
            f"<li>{_named(one['urn'].rpartition('::')[2], one['type'])}: {for_html(one['why'])}</li>"
            for one in cost["unpriced"]
        )
        parts.append(_folded(f"Not priced ({len(cost['unpriced']):,})", f"<ul>{items}</ul>"))
    return "\n".join(parts)


def _priced(name: str, type_: str, monthly: float | None) -> str:
    find = for_html(f"{name} {type_}".lower())
    return f'<tr data-find="{find}"><td>{_named(name, type_)}</td><td class="money">{dollars(monthly)}</td></tr>'


# The tree


def _tree(report: Report) -> str:
    children: dict[str | None, list[Resource]] = defaultdict(list)
    urns = {one.urn for one in report.snapshot.resources}
    for one in report.snapshot.resources:
        children[one.parent if one.parent in urns else None].append(one)
    said = f"<p>{counted(len(report.resources), 'resource')} in {len(report.snapshot.resources) - len(report.resources):,} components.</p>"
    gone = [one for one in report.changes.changes if one.urn not in urns] if report.changes else []
    lost = "".join(
        f'<li><span class="leaf">{_named(one.name, one.type)} {_tag("delete", "bad")}</span></li>' for one in gone
    )
    return f'{said}<ul class="tree">{"".join(_branches(children, report))}{lost}</ul>'


def _branches(children: dict[str | None, list[Resource]], report: Report) -> Iterator[str]:
    """Yield the list items of the whole tree, without recursion: a program may nest as deep as it likes."""
    pending: list[Resource | str] = list(reversed(children[None]))
    depth: dict[str, int] = {}
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
            continue
        level = depth.get(one.parent or "", 0)
        depth[one.urn] = level + 1
        inside = children.get(one.urn, [])
        found_by = f"{one.name} {one.type} {one.source.file if one.source else ''}"
        find = f' data-find="{for_html(found_by.lower())}"'
        said = f"{_named(one.name, one.type)} {' '.join(_tags(one, report))}"
        if inside:
            yield f"<li{find}><details{' open' if level < 1 else ''}><summary>{said}</summary><ul>"
            pending.append("</ul></details></li>")
            pending += reversed(inside)
        else:
            yield f'<li{find}><span class="leaf">{said}</span></li>'


def _tags(one: Resource, report: Report) -> Iterator[str]:
    change = report.change_of.get(one.urn)
    if change:
        tone = {"create": "good", "update": "warn"}.get(change.action.value, "bad")
        yield _tag(change.action.value, tone)
    if one.transformed:
        yield _tag("transformed", "warn")
    findings = report.findings_of.get(one.urn)
    if findings:
        yield _tag(counted(len(findings), "finding"), "bad" if any(each.blocks for each in findings) else "soft")
    if one.source:
        yield f'<span class="soft">{for_html(one.source.file)}:{one.source.line}</span>'


# Pieces


def _named(name: str, type_: str) -> str:
    return f'<code>{for_html(name)}</code> <span class="type">{for_html(short_type(type_))}</span>'


def _tag(word: str, tone: str) -> str:
    return f'<span class="tag {tone}">{for_html(word)}</span>'


def _folded(title: str, body: str, *, find: str = "", html_title: bool = False, opened: bool = False) -> str:
    """Return a part to be opened; ``title`` is text unless said otherwise."""
    mark = f' data-find="{for_html(find.lower())}"' if find else ""
    head = title if html_title else for_html(title)
    return (
        f'<details{mark}{" open" if opened else ""}><summary>{head}</summary><div class="inside">{body}</div></details>'
    )
