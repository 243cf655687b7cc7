"""The faces of a report: the same answer in each, whatever a program calls its resources."""

from __future__ import annotations

import dataclasses
import datetime
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from groundwork.cli import console
from groundwork.preview import text
from groundwork.preview.changes.compare import compare
from groundwork.preview.changes.model import (
    Action,
    Change,
    Changes,
    DifferenceKind,
    Forces,
    Loss,
    PropertyChange,
    RefusedUpdate,
)
from groundwork.preview.diagram.graph import graph_of, graph_of_changes
from groundwork.preview.diagram.mermaid import mermaid
from groundwork.preview.diagram.svg import svg
from groundwork.preview.reports import junit, sarif
from groundwork.preview.reports.markdown import LONGEST, markdown, marker
from groundwork.preview.reports.page import html
from groundwork.preview.reports.report import Report, dollars, dumps
from groundwork.preview.snapshot import Resource, Snapshot, Source, StackFileStatement, Transformed
from groundwork.preview.verdicts import Remedy, judge
from guardrails.judgement import Verdict
from guardrails.view import Opaque
from tests.browser import Browser
from tests.preview.large import large
from tests.stacks import ROOT, covering, snapshot_of

TODAY = datetime.date(2026, 6, 1)
HOSTILE = (
    '</script><script>window.broken=1</script>"><img src=x onerror="window.broken=1">',
    "<!-- --> | pipe | `code` | [link](javascript:alert(1)) @everyone #1 \u202egnp.exe",
    "]]></style><details open ontoggle=alert(1)>&lt;b&gt; ${{ secrets.TOKEN }} \x00\x1b[31m\n\n# heading\n```\n",
)


def _changes(snapshot: Snapshot, word: str = "") -> Changes:
    """Every kind of change, on resources of the snapshot."""
    resources = [one for one in snapshot.resources if one.custom]
    properties = (
        PropertyChange(f"storageEncrypted{word}", DifferenceKind.CHANGED, False, True, Forces.YES),
        PropertyChange("password", DifferenceKind.CHANGED, Opaque.SECRET, Opaque.SECRET),
        PropertyChange("tags.Name", DifferenceKind.ADDED, None, f"a|b{word}"),
        PropertyChange("subnetIds", DifferenceKind.REORDERED, [1, 2], [2, 1], Forces.MAYBE),
        PropertyChange("old", DifferenceKind.REMOVED, f"was {word}"),
    )
    loss = Loss(f"a database{word}", f"every row{word}", "the last snapshot", f"take a snapshot{word}")
    first, *rest = [
        Change(Action.UPDATE, one.urn, one.type, one.name, one.parent, one.source, properties=properties)
        for one in resources
    ]
    lost = dataclasses.replace(first, action=Action.REPLACE, loss=loss)
    gone = Change(Action.DELETE, f"{first.urn}-gone", first.type, f"gone{word}", None, None, protected=True)
    return Changes(
        f"HEAD~1{word}",
        "",
        (lost, gone, *rest),
        3,
        settings=properties[:1],
        refused=(RefusedUpdate(first.urn, first.name, first.type, f"cannot{word}"),),
    )


def _cost(snapshot: Snapshot) -> dict[str, Any]:
    resources = [one for one in snapshot.resources if one.custom]
    priced = [{"urn": one.urn, "type": one.type, "name": one.name, "monthly": 1.5, "lines": []} for one in resources]
    return {
        "currency": "USD",
        "month_hours": 730,
        "total": {"fixed": 1.5 * len(resources), "usage": 2.25, "least": None, "most": 400},
        "resources": [*priced[1:], {**priced[0], "monthly": None}],
        "free": [],
        "unpriced": [{"urn": resources[0].urn, "type": resources[0].type, "why": "no price in this region"}],
    }


def _report(snapshot: Snapshot, word: str = "") -> Report:
    return Report(f"dev{word}", snapshot, judge(snapshot, TODAY), _changes(snapshot, word), _cost(snapshot))


@cache
def _hostile(word: str) -> Report:
    snapshot = snapshot_of("dev")

    def renamed(one: Resource) -> Resource:
        source = one.source and dataclasses.replace(one.source, file=f"{one.source.file}{word}")
        parent = one.parent and one.parent + word
        by_hand = (Transformed(f"tags.team{word}", f"ours{word}", f"theirs{word}", source),)
        return dataclasses.replace(
            one, name=one.name + word, urn=one.urn + word, parent=parent, source=source, transformed=by_hand
        )

    report = _report(
        dataclasses.replace(snapshot, region=f"eu{word}", resources=tuple(map(renamed, snapshot.resources))), word
    )
    stated = StackFileStatement(f"data{word}", Source(f"Pulumi.dev{word}.yaml", 3))
    remedies = (Remedy(f"data.port{word}", f"say{word}", ""), Remedy("", "", f"because{word}"))
    findings = [
        dataclasses.replace(one, stated=stated, remedy=remedies[at % 2])
        for at, one in enumerate(report.verdicts.findings)
    ]
    return dataclasses.replace(report, verdicts=dataclasses.replace(report.verdicts, findings=tuple(findings)))


@cache
def _large() -> Report:
    return _report(large(2_000))


class _Page(HTMLParser):
    """What a browser would make of a page: its elements, its attributes, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.comments: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def _harmless(page: _Page, scripts: int) -> None:
    tags = [tag for tag, _ in page.elements]
    assert tags.count("script") == scripts
    assert not {"img", "iframe", "object", "embed", "form", "base"} & set(tags)
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,")), f"{tag} {name}"


def test_no_name_breaks_out_of_the_page() -> None:
    for word in HOSTILE:
        _harmless(_Page(html(_hostile(word))), scripts=1)


def test_no_name_breaks_out_of_a_comment() -> None:
    """As the field's Markdown renders it, HTML let through as GitHub does before it cleans it."""
    allowed = {
        "details",
        "summary",
        "b",
        "p",
        "br",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
        "code",
        "pre",
        "strong",
        "h3",
        "blockquote",
    }
    for word in HOSTILE:
        comment = markdown(_hostile(word))
        page = _Page(MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(comment))
        _harmless(page, scripts=0)
        assert {tag for tag, _ in page.elements} <= allowed
        assert len([tag for tag, _ in page.elements if tag == "h3"]) == 1
        assert not re.search(r"(?<![\w`])[@#]\w", re.sub(r"`[^`]*`|```.*?```|&#\d+;", "", comment, flags=re.DOTALL))
        assert "\u202e" not in comment


def test_no_name_steers_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for word in HOSTILE:
        report = _hostile(word)
        console.print_lines(text.report(report.snapshot, report.verdicts, 80, "dev", changes=report.changes))
        console.print_error(f"The program ended with an error:\n{word}")
        said = "".join(capsys.readouterr())
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069]", said)


def test_what_transforms_changed_is_in_every_face_with_the_resources() -> None:
    snapshot = snapshot_of("dev")
    one = next(resource for resource in snapshot.resources if resource.type == "aws:rds/instance:Instance")
    by_hand = Transformed("caCertIdentifier", None, "rds-ca-rsa4096-g1", Source("Pulumi.dev.transform.py", 7))
    changed = dataclasses.replace(one, transformed=(by_hand,))
    resources = tuple(changed if each is one else each for each in snapshot.resources)
    report = _report(dataclasses.replace(snapshot, resources=resources))
    for face in (html(report), markdown(report)):
        for word in (
            "Transforms",
            "caCertIdentifier",
            "not set → ",
            "rds-ca-rsa4096-g1",
            one.name,
            "Pulumi.dev.transform.py:7",
        ):
            assert word in face
    assert list(json.loads(dumps(report))["transformed"]) == [one.urn]
    assert "ransforms" not in markdown(_report(snapshot))


def test_no_name_breaks_out_of_json_sarif_junit_or_svg() -> None:
    for word in HOSTILE:
        report = _hostile(word)
        assert json.loads(dumps(report))["stack"] == f"dev{word}"
        assert json.loads(sarif.dumps(report.verdicts, "Pulumi.dev.yaml"))["version"] == "2.1.0"
        assert ElementTree.fromstring(junit.dumps(report.verdicts)).tag == "testsuites"
        assert not [one for one in ElementTree.fromstring(svg(report.graph)).iter() if one.tag.endswith("script")]


def test_every_face_says_the_same() -> None:
    report = _report(snapshot_of("dev"))
    told = json.loads(dumps(report))
    page, comment = html(report), markdown(report)
    advisory = len(report.advisory)
    assert told["changes"]["counts"]["replace"] == 1
    assert len(
        [one for one in told["guardrails"]["findings"] if one["verdict"] == Verdict.FAIL.value]
    ) == advisory + len(report.blocking)
    for face in (page, comment):
        assert f"{advisory:,} advisory" in face
        assert "1 to replace" in face
        assert "every row" in face
        assert "cannot" in face
        assert "not known" in face
    assert told["stops"]
    assert dollars(None) == "not known"


def test_lost_data_comes_before_everything_else() -> None:
    report = _report(snapshot_of("dev"))
    comment, page = markdown(report), html(report)
    assert comment.index("every row") < comment.index("<details>")
    assert page.index("every row") < page.index('id="changes"')
    assert "would be lost" in comment.splitlines()[1]


def test_secrets_are_words_in_every_face() -> None:
    report = _report(snapshot_of("dev"))
    for face in (html(report), markdown(report)):
        assert "[secret]" in face.replace("\\", "")
        assert "$groundwork" not in face.replace("\\", "")


def test_a_report_without_changes_and_cost_says_so() -> None:
    snapshot = snapshot_of("prod")
    report = Report("prod", snapshot, judge(snapshot, TODAY))
    assert "compared with nothing" in markdown(report)
    assert "not estimated" in html(report)
    told = json.loads(dumps(report))
    assert told["changes"] is None
    assert told["cost"] is None


def test_a_comment_is_never_too_long_and_always_whole() -> None:
    cut = _report(large(2_000))
    for report in (cut, _report(snapshot_of("examples/mini-facebook/prod")), _hostile(HOSTILE[0] * 40)):
        comment = markdown(report)
        assert len(comment.encode()) <= LONGEST
        assert comment.startswith(f"{marker(report.stack)}\n")
        assert comment.count("<details>") == comment.count("</details>")
        assert comment.count("```") % 2 == 0
        assert report is not cut or "more, in the HTML report" in comment


def test_two_thousand_resources_are_in_every_face_that_lists_them() -> None:
    report = _large()
    page = html(report)
    assert page.count("job-284<") >= 7
    assert len(page) < 8_000_000
    assert json.loads(dumps(report))["resources"] == len(report.resources) > 1_980
    assert len(ElementTree.fromstring(junit.dumps(report.verdicts))) > 0
    assert len(json.loads(sarif.dumps(report.verdicts, "Pulumi.yaml"))["runs"][0]["results"]) > 200


def test_cost_is_summed_by_layer_and_by_service() -> None:
    report = _report(snapshot_of("prod"))
    by_layer, by_service = dict(report.costs_by("layer")), dict(report.costs_by("service"))
    assert {"network", "compute", "data", "cache"} <= set(by_layer)
    assert {"rds", "ecs", "elasticache"} <= set(by_service)
    assert sum(by_layer.values()) == sum(by_service.values()) > 0


def test_the_page_in_a_browser_fits_searches_and_complains_of_nothing(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(html(_hostile(HOSTILE[0])), encoding="utf-8")
    with Browser() as browser:
        for width, dark in ((390, False), (1280, True)):
            browser.open(page, width, dark=dark)
            assert browser.value("document.documentElement.scrollWidth") <= width
            assert browser.value("window.broken === undefined")
            paper = browser.value("getComputedStyle(document.body).backgroundColor")
            assert (paper == "rgb(255, 255, 255)") is not dark
        browser.press("/", 191, "/")
        assert browser.value("document.activeElement.id") == "search"
        browser.value(
            "document.activeElement.value = 'database'; document.activeElement.dispatchEvent(new Event('input'))"
        )
        told = browser.value(
            "new Promise(done => setTimeout(() => done(document.getElementById('told').textContent), 400))"
        )
        some, everything = map(int, re.findall(r"\d+", told))
        assert 0 < some < everything
        shown = browser.value("[...document.querySelectorAll('.tree li')].filter(one => one.checkVisibility()).length")
        assert 0 < shown <= some + 10
        browser.press("Escape", 27)
        assert browser.value("document.querySelectorAll('[data-find][hidden]').length") == 0
        browser.open(page, 800, script=False)
        assert browser.complaints == []


def test_mermaid_itself_reads_every_picture(tmp_path: Path) -> None:
    """Mermaid's own parser, which `make mermaid` gets, in a browser: also where names are hostile and things are deleted."""
    library = ROOT / ".venv" / "mermaid.min.js"
    if not library.is_file():
        pytest.skip("no Mermaid here; make mermaid gets it where npm is")
    base = snapshot_of("prod")
    fewer = dataclasses.replace(base, resources=tuple(one for one in base.resources if "cache" not in one.name))
    graphs = [graph_of(snapshot_of(stack)) for stack in covering()]
    graphs += [_hostile(word).graph for word in HOSTILE]
    graphs.append(graph_of_changes(fewer, compare(base, fewer)))
    page = tmp_path / "page.html"
    page.write_text(f'<script src="{library.as_uri()}"></script>', encoding="utf-8")
    parse = "mermaid.parse(TEXT).then(told => told.diagramType, error => String(error))"
    with Browser() as browser:
        browser.open(page, 900)
        said = {browser.value(parse.replace("TEXT", json.dumps(mermaid(graph)))) for graph in graphs}
        assert "flowchart" in browser.value(parse.replace("TEXT", '"flowchart TB; a-->b"'))
        assert "rror" in browser.value(parse.replace("TEXT", '"flowchart TB\\n a --> [b"'))
    assert said == {"flowchart-v2"}


def test_the_texts_of_a_picture_keep_to_their_boxes_in_a_browser(tmp_path: Path) -> None:
    measure = """[...document.querySelectorAll('g')].flatMap(group => {
      const box = group.querySelector('rect').getBoundingClientRect();
      return [...group.querySelectorAll('text')].filter(text => {
        const own = text.getBoundingClientRect();
        return own.left < box.left || own.right > box.right || own.top < box.top - 1 || own.bottom > box.bottom + 1;
      }).map(text => text.textContent)})"""
    with Browser() as browser:
        for stack in ("examples/mini-facebook/prod", "examples/storefront/prod@millions"):
            page = tmp_path / "picture.html"
            page.write_text(
                svg(Report(stack, snapshot_of(stack), judge(snapshot_of(stack), TODAY)).graph), encoding="utf-8"
            )
            browser.open(page, 830)
            assert browser.value(measure) == []
        assert browser.complaints == []
