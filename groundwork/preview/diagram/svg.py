"""A picture as SVG that needs nothing else: no script, no font, no network; light and dark as the reader has it."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from groundwork.preview.diagram.graph import EdgeKind, Graph, Mark
from groundwork.preview.diagram.layout import EdgeSegment, Label, Lane, Layout, Placed, layout
from groundwork.preview.reports.escaping import printable

_STYLE = """
svg.groundwork{--paper:#fff;--ink:#1f2328;--soft:#57606a;--lane:#57606a0f;--rule:#8c959f66;--to-entry:#0969da;--to-compute:#bc4c00;--to-data:#1a7f37;
--to-messages:#8250df;--to-storage:#57606a;--entry:#ddf4ff;--compute:#fff1e5;--data:#dafbe1;--messages:#fbefff;--storage:#eaeef2;--create:#1a7f37;--update:#9a6700;
--replace:#cf222e;--delete:#cf222e;font-family:Helvetica,Arial,"Liberation Sans",sans-serif}
@media(prefers-color-scheme:dark){svg.groundwork{--paper:#0d1117;--ink:#e6edf3;--soft:#9198a1;--lane:#9198a114;--rule:#6e768199;
--to-entry:#58a6ff;--to-compute:#f0883e;--to-data:#3fb950;--to-messages:#bc8cff;--to-storage:#9198a1;--entry:#0c2d48;--compute:#3a2412;--data:#10301c;--messages:#2d1a40;--storage:#21262d;
--create:#3fb950;--update:#e3b341;--replace:#ff7b72;--delete:#ff7b72}}
.groundwork .paper{fill:var(--paper)}.groundwork text{fill:var(--ink);text-anchor:middle}
.groundwork .name{font-weight:600}.groundwork .word,.groundwork .detail,.groundwork .group{fill:var(--soft)}
.groundwork .lane{fill:var(--lane);stroke:var(--rule)}.groundwork .zone{stroke-dasharray:4 3;fill:none}
.groundwork .box{stroke:var(--soft);stroke-opacity:.55}.groundwork .line{fill:none;stroke-width:1.4}
.groundwork .exists{stroke-dasharray:5 3;stroke-opacity:1}.groundwork .access{stroke-dasharray:5 3}.groundwork .note{fill:var(--soft)}
""".replace("\n", "")
_ROLES = ("entry", "compute", "data", "messages", "storage")


def svg(graph: Graph) -> str:
    """Return the whole picture, as wide as a comment on GitHub."""
    return draw(layout(graph), graph.title)


def draw(placed: Layout, title: str) -> str:
    """Return a layout as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="groundwork" role="img" viewBox="0 0 {placed.width:g} {placed.height:g}" '
        f'width="{placed.width:g}" height="{placed.height:g}" aria-label={_attribute(f"Diagram of {title}")}>',
        f"<style>{_style()}</style>",
        f'<rect class="paper" width="{placed.width:g}" height="{placed.height:g}"/>',
        *(part for group in placed.groups for part in _group(group)),
        *(_line(line) for line in placed.lines),
        *(f'<circle class="to-{role}" cx="{x:g}" cy="{y:g}" r="2.5"/>' for x, y, role in placed.joints),
        *(_head(line) for line in placed.lines if line.arrow),
        *(part for node in placed.nodes for part in _node(node)),
        *(_written(note) for note in placed.notes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _style() -> str:
    roles = "".join(
        f".groundwork .{role}{{fill:var(--{role})}}.groundwork .to-{role}{{fill:var(--to-{role})}}.groundwork .line.to-{role}{{fill:none;stroke:var(--to-{role})}}"
        for role in _ROLES
    )
    marks = "".join(
        f".groundwork rect.{mark}{{stroke:var(--{mark});stroke-width:2.5;stroke-opacity:1}}.groundwork text.{mark}{{fill:var(--{mark});font-weight:600}}"
        for mark in Mark
    )
    return f"{_STYLE}{roles}{marks}.groundwork rect.delete{{stroke-dasharray:6 3}}"


def _group(group: Lane) -> Iterator[str]:
    box = group.box
    zone = " zone" if group.level > 1 else ""
    yield (
        f'<g><title>{_text(group.whole)}</title><rect class="lane{zone}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="6"/>'
        f"{_written(group.title)}</g>"
    )


def _node(node: Placed) -> Iterator[str]:
    box = node.box
    role = node.node.role if node.node else "entry"
    mark = f" {node.mark.value}" if node.mark else ""
    mark += " exists" if node.node and node.node.exists else ""
    said = (
        f"{node.node.name}: {node.node.word} {node.node.detail}".strip()
        if node.node
        else "whoever calls from the internet"
    )
    yield (
        f'<g><title>{_text(said)}</title><rect class="box {role}{mark}" x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="5"/>'
    )
    for text in node.texts:
        yield _written(text, node.mark.value if node.mark and text.style == "mark" else "")
    yield "</g>"


def _written(text: Label, more: str = "") -> str:
    turned = f' transform="rotate(-90 {text.x:g} {text.y:g})"' if text.turned else ""
    classes = f"{text.style} {more}".strip()
    return f'<text class="{classes}" x="{text.x:g}" y="{text.y:g}" font-size="{text.size}"{turned}>{_text(text.text)}</text>'


def _line(line: EdgeSegment) -> str:
    path = " ".join(f"{'M' if index == 0 else 'L'}{x:g} {y:g}" for index, (x, y) in enumerate(line.points))
    access = " access" if line.kind is EdgeKind.ACCESS else ""
    return f'<path class="line to-{line.role}{access}" d="{path}"><title>{_text(line.title)}</title></path>'


def _head(line: EdgeSegment) -> str:
    x, y = line.points[-1]
    return f'<path class="to-{line.role}" d="M{x:g} {y:g}L{x - 3.5:g} {y - 7:g}L{x + 3.5:g} {y - 7:g}Z"/>'


def _text(text: str) -> str:
    return escape(printable(text))


def _attribute(text: str) -> str:
    return quoteattr(printable(text))
