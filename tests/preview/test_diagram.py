"""Pictures of stacks: what stands in them, and that everything in them can be read."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace
from itertools import combinations
from xml.etree import ElementTree

import pytest

from groundwork.preview.changes.compare import compare
from groundwork.preview.diagram.graph import INTERNET, EdgeKind, Graph, Mark, graph_of, graph_of_changes
from groundwork.preview.diagram.layout import WIDTH, Box, Layout, layout
from groundwork.preview.diagram.mermaid import mermaid
from groundwork.preview.diagram.svg import svg
from groundwork.preview.snapshot import Resource, Snapshot
from tests.preview.large import large
from tests.stacks import ROOT, STACKS, snapshot_of

_HOSTILE = '<script>alert(1)</script>"]; click n0 "javascript:alert(1)" | `x` \u202etxt'


def _pictures() -> list[tuple[str, Graph, Layout]]:
    graphs = [(stack, graph_of(snapshot_of(stack))) for stack in STACKS]
    return [(stack, graph, layout(graph)) for stack, graph in graphs]


def _line_box(points: tuple[tuple[float, float], tuple[float, float]]) -> Box:
    (x, y), (to_x, to_y) = points
    return Box(min(x, to_x), min(y, to_y), max(abs(to_x - x), 0.1), max(abs(to_y - y), 0.1))


def _within(box: Box) -> Box:
    """A box without its border, which what begins or ends there touches."""
    return Box(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1)


def test_no_text_of_any_stack_overlaps_another_or_leaves_its_box() -> None:
    for stack, _, placed in _pictures():
        texts = [text for node in placed.nodes for text in node.texts]
        texts += [*(group.title for group in placed.groups), *placed.notes]
        for one, other in combinations(texts, 2):
            assert not one.box.overlaps(other.box), f"{stack}: {one.text} over {other.text}"
        for node in placed.nodes:
            assert all(node.box.holds(text.box) for text in node.texts), f"{stack}: {node.texts[0].text}"
        assert all(group.box.holds(group.title.box) for group in placed.groups), stack
        page = Box(0, 0, placed.width, placed.height)
        assert all(page.holds(text.box) for text in texts), stack


def test_no_line_crosses_a_box_or_a_text_and_no_box_another() -> None:
    for stack, _, placed in _pictures():
        boxes = [node.box for node in placed.nodes]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2)), stack
        titles = [group.title.box for group in placed.groups]
        for line in placed.lines:
            drawn = _line_box(line.points)
            assert not any(drawn.overlaps(_within(box)) for box in (*boxes, *titles)), f"{stack}: {line.title}"
            assert 0 <= drawn.x <= WIDTH
            assert drawn.y + drawn.height < min(note.box.y for note in placed.notes), f"{stack}: {line.title}"


def test_every_node_stands_in_the_lanes_of_its_vpc_tier_and_zones() -> None:
    for stack, graph, placed in _pictures():
        for node in placed.nodes:
            if node.node is None:
                continue
            around = [group.whole for group in placed.groups if group.box.holds(node.box)]
            place = node.node.place
            if place.band == "vpc":
                assert around[:2] == [place.vpc, place.tier], f"{stack}: {node.node.name}"
                assert all(zone[-1] in around[2].split() for zone in place.zones)
            else:
                assert around == ["edge" if place.band == "edge" else graph.region]


def test_every_use_of_a_service_is_an_edge_of_its_picture() -> None:
    """What a stack file says under `uses` and what AWS is told to allow are two sources; the picture is read from the second."""
    missed = []
    for stack in STACKS:
        snapshot = snapshot_of(stack)
        graph = graph_of(snapshot)
        names = {node.id: node.name for node in graph.nodes}
        spoken = {(names.get(edge.source), names.get(edge.target)) for edge in graph.edges}
        drawn = set(names.values())
        for service, said in snapshot.settings["services"].items():
            for used in said["uses"]:
                targets = {name for name in drawn if name == used or name in (f"{used}-primary", f"{used}-proxy")}
                if service in drawn and targets and not any((service, target) in spoken for target in targets):
                    missed.append((stack, service, used))
    assert not missed


def test_a_picture_says_ports_rights_and_the_way_in() -> None:
    graph = graph_of(snapshot_of("prod"))
    names = {INTERNET: INTERNET, **{node.id: node.name for node in graph.nodes}}
    edges = {(names[edge.source], names[edge.target]): (edge.kind, edge.label) for edge in graph.edges}
    assert edges[INTERNET, "cdn"] == (EdgeKind.TRAFFIC, "")
    assert edges["cdn", "ingress-alb"] == (EdgeKind.TRAFFIC, "")
    assert edges["ingress-alb", "api"] == (EdgeKind.TRAFFIC, "port 8080")
    assert edges["api", "cache"] == (EdgeKind.TRAFFIC, "port 6379")
    assert edges["worker", "images"] == (EdgeKind.ACCESS, "read-write")
    assert (INTERNET, "api") not in edges
    assert ("worker", "api") not in edges


def test_a_first_preview_in_which_nearly_everything_is_unknown_draws_the_same_nodes() -> None:
    known, unknown = graph_of(snapshot_of("prod")), graph_of(snapshot_of("prod", unknowns=True))
    assert {node.id for node in unknown.nodes} == {node.id for node in known.nodes}
    assert {(edge.source, edge.target) for edge in unknown.edges} >= {
        (edge.source, edge.target) for edge in known.edges if edge.kind is EdgeKind.TRAFFIC
    }


def test_plumbing_is_folded_unless_all_is_asked_for() -> None:
    snapshot = snapshot_of("examples/mini-facebook/prod")
    some, everything = graph_of(snapshot), graph_of(snapshot, everything=True)
    assert not [node.name for node in some.nodes if "failures" in node.name or "logs" in node.name]
    assert len(everything.nodes) > len(some.nodes)
    assert some.folded == sum(resource.custom for resource in snapshot.resources) - len(some.nodes)


def test_what_an_update_does_is_coloured_and_said() -> None:
    snapshot = snapshot_of("prod")
    urns = {node.name: node.id for node in graph_of(snapshot).nodes}
    definition = next(
        one.urn for one in snapshot.resources if one.type.endswith("TaskDefinition") and "api" in one.name
    )
    marks = {urns["cache"]: Mark.REPLACE, definition: Mark.REPLACE, urns["web"]: Mark.CREATE}
    graph = graph_of(snapshot, marks)
    assert {node.name: node.mark for node in graph.nodes if node.mark} == {
        "cache": Mark.REPLACE,
        "api": Mark.UPDATE,
        "web": Mark.CREATE,
    }
    drawn = ElementTree.fromstring(svg(graph))
    said = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text") if "mark" in text.get("class", "")]
    assert sorted(said) == ["create", "replace", "update"]
    assert "class" in mermaid(graph)
    assert "replaced" in mermaid(graph)


def test_what_is_deleted_is_drawn_where_it_stood_and_what_loses_a_part_stays() -> None:
    base = snapshot_of("prod")
    urns = {node.name: node.id for node in graph_of(base).nodes}
    cache = next(one.parent for one in base.resources if one.urn == urns["cache"])
    roles = {one.urn for one in base.resources if one.type.endswith("RolePolicy") and "worker" in one.name}
    left = tuple(one for one in base.resources if cache not in (one.urn, one.parent) and one.urn not in roles)
    graph = graph_of_changes(replace(base, resources=left), compare(base, replace(base, resources=left)))

    before = {node.name: node.place for node in graph_of(base).nodes}
    assert {node.name: node.mark for node in graph.nodes if node.mark is Mark.DELETE} == {"cache": Mark.DELETE}
    assert {node.name: node.place for node in graph.nodes} == before
    assert "stroke-dasharray:6 3" in mermaid(graph)
    drawn = ElementTree.fromstring(svg(graph))
    assert [
        one.get("class") for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if "delete" in one.get("class", "")
    ]


def test_the_svg_is_one_whole_document_that_loads_and_runs_nothing() -> None:
    for stack in STACKS[:3]:
        text = svg(graph_of(snapshot_of(stack)))
        root = ElementTree.fromstring(text)
        assert root.get("width") == str(WIDTH)
        assert not [one.tag for one in root.iter() if one.tag.endswith(("script", "image", "foreignObject", "}a"))]
        assert not re.search(r"(?:href|src|url\(|@import)", text)


def test_the_picture_in_the_readme_is_of_the_stack_as_it_is() -> None:
    drawn = svg(graph_of(snapshot_of("prod")))
    assert (ROOT / "docs" / "prod.svg").read_text(encoding="utf-8") == drawn, "make docs writes it anew"


def test_mermaid_groups_nest_and_every_edge_ends_at_a_node() -> None:
    for stack in STACKS:
        lines = mermaid(graph_of(snapshot_of(stack))).splitlines()
        assert lines[0] == "flowchart TB"
        assert sum(line.strip().startswith("subgraph") for line in lines) == sum(
            line.strip() == "end" for line in lines
        )
        known = {found.group(1) for line in lines if (found := re.match(r"\s+(n\d+|internet)[\[({]", line))}
        ends = [
            end
            for line in lines
            if (found := re.match(r"\s+(\S+) -\.?->(?:\|[^|]*\|)? (\S+)$", line))
            for end in found.groups()
        ]
        assert ends
        assert set(ends) <= known


def _hostile() -> Snapshot:
    snapshot = snapshot_of("dev")

    def renamed(resource: Resource) -> Resource:
        return dataclasses.replace(
            resource, name=f"{resource.name}{_HOSTILE}", urn=resource.urn + _HOSTILE.replace("::", "")
        )

    return dataclasses.replace(snapshot, region=_HOSTILE, resources=tuple(map(renamed, snapshot.resources)))


def test_names_cannot_break_out_of_a_picture() -> None:
    graph = graph_of(_hostile())
    assert graph.nodes
    drawn = svg(graph)
    root = ElementTree.fromstring(drawn)
    assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
    assert "\u202e" not in drawn
    text = mermaid(graph)
    for line in text.splitlines():
        for label in re.findall(r'"([^"]*)"', line):
            assert not set(label.replace("<br>", "")) & set('<>"`|&'), label
        assert not line.strip().startswith("click")


@pytest.mark.parametrize("everything", [False, True])
def test_ten_thousand_resources_are_a_picture_that_github_still_draws(everything: bool) -> None:
    """Mermaid refuses more than 500 edges and 50,000 characters (its settings maxEdges and maxTextSize)."""
    graph = graph_of(large(), everything=everything)
    text = mermaid(graph)
    assert len(text) < 50_000
    assert len(graph.edges) < 500
    assert sum(node.number for node in graph.nodes) > 4_000
    assert len(svg(graph)) < 1_000_000
