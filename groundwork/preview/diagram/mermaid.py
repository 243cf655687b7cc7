"""A picture as Mermaid, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.preview.diagram.graph import INTERNET, DiagramNode, EdgeKind, Graph, Mark, zone_letter
from groundwork.preview.reports.escaping import for_mermaid

_COLOURS = {
    Mark.CREATE: "#1a7f37",
    Mark.UPDATE: "#9a6700",
    Mark.REPLACE: "#cf222e",
    Mark.DELETE: "#cf222e",
}
_SHAPES = {"data": ("[(", ")]"), "storage": ("[(", ")]"), "messages": ("([", "])"), "entry": ("{{", "}}")}
_Tree = dict[str, "_Tree | list[DiagramNode]"]


def mermaid(graph: Graph) -> str:
    """Return the whole picture as a flowchart."""
    ids = {INTERNET: "internet", **{node.id: f"n{number}" for number, node in enumerate(graph.nodes)}}
    lines = ["flowchart TB"]
    if any(INTERNET in (edge.source, edge.target) for edge in graph.edges):
        lines.append('  internet(("internet"))')
    lines += _grouped(graph, ids)
    for edge in graph.edges:
        arrow = "-->" if edge.kind is EdgeKind.TRAFFIC else "-.->"
        label = edge.label.removeprefix("port ") if edge.kind is EdgeKind.TRAFFIC else ""
        lines.append(f"  {ids[edge.source]} {arrow}{f'|{for_mermaid(label)}|' if label else ''} {ids[edge.target]}")
    for mark, colour in _COLOURS.items():
        changed = [ids[node.id] for node in graph.nodes if node.mark is mark]
        if changed:
            dashes = ",stroke-dasharray:6 3" if mark is Mark.DELETE else ""
            lines += [
                f"  classDef {mark}d stroke:{colour},stroke-width:3px{dashes}",
                f"  class {','.join(changed)} {mark}d",
            ]
    existing = [ids[node.id] for node in graph.nodes if node.exists]
    if existing:
        lines += ["  classDef existing stroke-dasharray:5 3", f"  class {','.join(existing)} existing"]
    return "\n".join(lines) + "\n"


def _grouped(graph: Graph, ids: dict[str, str]) -> Iterator[str]:
    number = 0
    open_groups: tuple[str, ...] = ()
    for path, node in sorted(((_path(node, graph), node) for node in graph.nodes), key=lambda pair: pair[0]):
        titles = tuple(title for _, title in path if title)
        shared = 0
        while shared < min(len(titles), len(open_groups)) and titles[shared] == open_groups[shared]:
            shared += 1
        for depth in range(len(open_groups), shared, -1):
            yield f"{'  ' * depth}end"
        for depth in range(shared, len(titles)):
            number += 1
            yield f'{"  " * (depth + 1)}subgraph g{number}["{for_mermaid(titles[depth])}"]'
        open_groups = titles
        yield f"{'  ' * (len(titles) + 1)}{_node(node, ids[node.id])}"
    for depth in range(len(open_groups), 0, -1):
        yield f"{'  ' * depth}end"


def _node(node: DiagramNode, id_: str) -> str:
    begin, end = _SHAPES.get(node.role, ("[", "]"))
    said = [node.name, node.word, node.detail, node.mark.value if node.mark else ""]
    return f'{id_}{begin}"{"<br>".join(for_mermaid(text) for text in said if text)}"{end}'


def _path(node: DiagramNode, graph: Graph) -> tuple[tuple[int, str], ...]:
    place = node.place
    if place.band != "vpc":
        return ((0, "edge"),) if place.band == "edge" else ((2, graph.region or "region"),)
    zones = " ".join(zone_letter(zone) for zone in place.zones)
    tiers = ("public", "private", "isolated")
    tier = (tiers.index(place.tier) if place.tier in tiers else 9, f"{place.tier} subnets")
    return (
        (1, place.vpc),
        tier,
        (-len(place.zones), f"zone{'s' if len(place.zones) > 1 else ''} {zones}" if zones else ""),
    )
