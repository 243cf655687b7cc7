"""Where everything of a picture stands: rows of boxes on one grid, and edges that only run between them.

A picture is a column of rows: whoever calls, the edge, each VPC's tiers with their zones, the region. All rows share the same
columns, so that the gaps between columns are free from top to bottom, and the gaps between rows from side to side. Edges keep to
these gaps. All edges to one node join into one line, as on a circuit diagram: it comes in at the middle of the node's top, and
where an edge joins there is a dot. So no line crosses a box or a text, however many there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from groundwork.preview.diagram.graph import INTERNET, DiagramNode, Edge, EdgeKind, Graph, Mark, zone_letter
from groundwork.preview.diagram.measure import fold, width_of

WIDTH = 830
"""Pixels: as wide as a comment on GitHub."""
NAME_SIZE, DETAIL_SIZE, GROUP_SIZE = 12, 10, 11
BOLD = frozenset(("name", "mark"))
"""The styles of text that are."""
_MARGIN = 8
_LANE = 19
"""The width of the strip at the left of a group, where its name stands."""
_PADDING = 6
_TRACK = 6
"""Between two lines side by side."""
_PORT = 8
_LEAST_GAP = 14
_LINE = {NAME_SIZE: 15, DETAIL_SIZE: 12}
_COLUMNS = (5, 4, 3)
_LEAST_BOX = 108
_LONGEST_TITLE = 120
"""For which a lane is made higher."""
_TIERS = {"public": 0, "private": 1, "isolated": 2}


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: Box) -> bool:
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )

    def holds(self, other: Box) -> bool:
        return (
            self.x <= other.x
            and self.y <= other.y
            and other.x + other.width <= self.x + self.width
            and other.y + other.height <= self.y + self.height
        )


@dataclass(frozen=True)
class Label:
    """A line of text around ``x`` with its baseline at ``y``; one that is turned reads upwards."""

    x: float
    y: float
    text: str
    size: int
    style: str = ""
    turned: bool = False

    @property
    def box(self) -> Box:
        width, height = width_of(self.text, self.size, bold=self.style in BOLD), self.size
        if self.turned:
            return Box(self.x - height * 0.8, self.y - width / 2, height, width)
        return Box(self.x - width / 2, self.y - height * 0.8, width, height)


@dataclass(frozen=True)
class Placed:
    """A node with its box and its lines of text."""

    node: DiagramNode | None
    box: Box
    texts: tuple[Label, ...]
    mark: Mark | None = None


@dataclass(frozen=True)
class Lane:
    """A lane: a VPC, a tier, some zones."""

    box: Box
    title: Label
    level: int
    whole: str
    """Its title unshortened."""


@dataclass(frozen=True)
class EdgeSegment:
    """A part of an edge, from one point straight to another; ``role`` is its target's."""

    points: tuple[tuple[float, float], tuple[float, float]]
    kind: EdgeKind
    role: str
    title: str
    arrow: bool = False


@dataclass(frozen=True)
class Layout:
    width: float
    height: float
    nodes: tuple[Placed, ...]
    groups: tuple[Lane, ...]
    lines: tuple[EdgeSegment, ...]
    joints: tuple[tuple[float, float, str], ...]
    """Where an edge joins others to the same node, and that node's role."""
    notes: tuple[Label, ...]


@dataclass
class _NodeRow:
    lanes: tuple[str, ...]
    nodes: list[DiagramNode | None]
    """None is the internet."""
    y: float = 0
    height: float = 0


@dataclass
class _Net:
    """All edges to one node."""

    target: DiagramNode
    edges: list[Edge] = field(default_factory=list)


@dataclass
class _Tracks:
    """Lines side by side in one gap: each has the first track in which it meets no other."""

    taken: list[list[tuple[float, float]]] = field(default_factory=list)

    def put(self, low: float, high: float) -> int:
        for number, spans in enumerate(self.taken):
            if all(high < first - 2 or last + 2 < low for first, last in spans):
                spans.append((low, high))
                return number
        self.taken.append([(low, high)])
        return len(self.taken) - 1


def layout(graph: Graph) -> Layout:
    """Place a graph, with as many columns as leave room for its lines."""
    for columns in _COLUMNS[:-1]:
        plan = _Plan(graph, columns)
        if plan.fits:
            return plan.drawn()
    return _Plan(graph, _COLUMNS[-1]).drawn()


class _Plan:
    def __init__(self, graph: Graph, columns: int) -> None:
        self._graph = graph
        self._by_id = {node.id: node for node in graph.nodes}
        self._columns = columns
        self._rows = _rows(graph, columns)
        lanes = max((len(row.lanes) for row in self._rows), default=0)
        self._left = _MARGIN + lanes * (_LANE + _PADDING)
        self._right = WIDTH - _MARGIN - lanes * _PADDING
        self._at = {
            (node.id if node else INTERNET): (number, column)
            for number, row in enumerate(self._rows)
            for column, node in zip(_centered_columns(len(row.nodes), columns), row.nodes, strict=True)
        }
        self._nets = self._joined()
        self._gutters = self._choose_gutters()
        self._gutter_tracks = [_Tracks() for _ in range(columns + 1)]
        self._track_of = {
            net.target.id: (gutter, self._gutter_tracks[gutter].put(*self._span(net)))
            for net in self._nets
            if (gutter := self._gutters.get(net.target.id)) is not None
        }
        self._gaps = [max(_LEAST_GAP, _TRACK * (len(tracks.taken) + 1)) for tracks in self._gutter_tracks]
        self._width = (self._right - self._left - sum(self._gaps)) / columns
        self._ports = self._choose_ports()

    @property
    def fits(self) -> bool:
        most = max((len(ports) for ports in self._ports.values()), default=0)
        return self._width >= max(_LEAST_BOX, _PORT * (most + 2))

    # Before anything has a place in pixels

    def _joined(self) -> list[_Net]:
        nets: dict[str, _Net] = {}
        for edge in self._graph.edges:
            nets.setdefault(edge.target, _Net(self._by_id[edge.target])).edges.append(edge)
        return sorted(nets.values(), key=lambda net: self._at[net.target.id])

    def _channels(self, net: _Net) -> dict[int, list[Edge]]:
        """Return the edges of a net by the gap below their source's row; gap 0 is above the first row."""
        channels: dict[int, list[Edge]] = defaultdict(list)
        for edge in net.edges:
            channels[self._at[edge.source][0] + 1].append(edge)
        return channels

    def _choose_gutters(self) -> dict[str, int]:
        """Choose for each net that passes rows the gap between columns that it takes: near its target, and where few
        others are."""
        chosen: dict[str, int] = {}
        load = [0.0] * (self._columns + 1)
        for net in self._nets:
            row, column = self._at[net.target.id]
            if set(self._channels(net)) == {row}:
                continue
            columns = [self._at[edge.source][1] for edge in net.edges]
            gutter = min(
                range(self._columns + 1),
                key=lambda gap: (
                    abs(gap - column - 0.5) + sum(abs(gap - one - 0.5) for one in columns) / len(columns) + load[gap]
                ),
            )
            chosen[net.target.id] = gutter
            load[gutter] += 0.6
        return chosen

    def _span(self, net: _Net) -> tuple[float, float]:
        rows = [*self._channels(net), self._at[net.target.id][0]]
        return min(rows), max(rows)

    def _choose_ports(self) -> dict[str, list[str]]:
        """Order the nets that leave each node, from left to right as their ways turn."""
        leaving: dict[str, list[tuple[float, str]]] = defaultdict(list)
        for net in self._nets:
            for edge in net.edges:
                gutter = self._gutters.get(net.target.id)
                towards = self._at[net.target.id][1] if gutter is None else gutter - 0.5
                leaving[edge.source].append((towards, net.target.id))
        return {source: [target for _, target in sorted(ends)] for source, ends in leaving.items()}

    # In pixels

    def _column_x(self, column: float) -> float:
        whole = int(column)
        x = self._left + sum(self._gaps[: whole + 1]) + whole * self._width
        return x + (column - whole) * (self._width + self._gaps[min(whole + 1, self._columns)])

    def _gutter_x(self, gutter: int, track: int) -> float:
        right = self._column_x(gutter) if gutter < self._columns else self._right
        return right - self._gaps[gutter] + _TRACK * (track + 1)

    def _center(self, end: str) -> float:
        return self._column_x(self._at[end][1]) + self._width / 2

    def _port_x(self, source: str, target: str) -> float:
        """Return where an edge leaves its source: beside the middle, which is for what comes in."""
        ports = self._ports[source]
        place = ports.index(target) - len(ports) // 2
        return self._center(source) + (place + (place >= 0)) * _PORT

    def drawn(self) -> Layout:
        trunks, channels = self._trunks()
        heights = self._heights()
        y = float(_MARGIN)
        for number, (row, height) in enumerate(zip(self._rows, heights, strict=True)):
            before = self._rows[number - 1].lanes if number else ()
            y += _PADDING * (_closing(before, row.lanes) + _closing(row.lanes, before))
            y += _TRACK * (len(channels[number].taken) + 1) + 6
            row.y, row.height = y, height
            y += height
        y += _TRACK * (len(channels[len(self._rows)].taken) + 1)
        y += _PADDING * len(self._rows[-1].lanes if self._rows else ())
        notes = tuple(self._notes(y + 18))
        height = y + 24
        tops = [row.y - 10 for row in self._rows] + [y]
        lines, joints = self._lines(trunks, tops)
        return Layout(WIDTH, height, tuple(self._placed()), tuple(self._groups()), tuple(lines), tuple(joints), notes)

    def _heights(self) -> list[float]:
        """Return the heights of rows, as high as the highest box; a lane that is one row also as high as its title is
        long."""
        heights = [max(self._height(node) for node in row.nodes) for row in self._rows]
        for number, row in enumerate(self._rows):
            alone = [
                name
                for level, name in enumerate(row.lanes)
                if all(
                    other.lanes[: level + 1] != row.lanes[: level + 1]
                    for other in self._rows[max(number - 1, 0) : number + 2]
                    if other is not row
                )
            ]
            longest = max((width_of(name, GROUP_SIZE) for name in alone), default=0)
            heights[number] = max(heights[number], min(longest, _LONGEST_TITLE) - 6)
        return heights

    def _trunks(self) -> tuple[dict[tuple[str, int], int], list[_Tracks]]:
        """Return for each net and gap between rows that it is in its track there, counted from the row below
        upwards."""
        channels = [_Tracks() for _ in range(len(self._rows) + 1)]
        trunks: dict[tuple[str, int], int] = {}
        for net in self._nets:
            for gap, xs in self._reach(net).items():
                trunks[net.target.id, gap] = channels[gap].put(min(xs), max(xs))
        return trunks, channels

    def _reach(self, net: _Net) -> dict[int, list[float]]:
        """Return the places at which a net's line in each gap has something to connect."""
        target = net.target.id
        xs: dict[int, list[float]] = defaultdict(list)
        for gap, edges in self._channels(net).items():
            xs[gap] += [self._port_x(edge.source, target) for edge in edges]
        xs[self._at[target][0]].append(self._center(target))
        if target in self._track_of:
            for several in xs.values():
                several.append(self._gutter_x(*self._track_of[target]))
        return xs

    def _lines(
        self, trunks: Mapping[tuple[str, int], int], tops: Sequence[float]
    ) -> tuple[list[EdgeSegment], list[tuple[float, float, str]]]:
        lines: list[EdgeSegment] = []
        joints: list[tuple[float, float, str]] = []
        for net in self._nets:
            target = net.target.id
            row, _ = self._at[target]
            role = net.target.role
            kind = EdgeKind.TRAFFIC if any(edge.kind is EdgeKind.TRAFFIC for edge in net.edges) else EdgeKind.ACCESS
            level = {gap: tops[gap] - _TRACK * trunks[target, gap] for gap in self._reach(net)}
            xs = self._reach(net)
            center = self._center(target)
            title = self._title(net)
            lines.append(
                EdgeSegment(((center, level[row]), (center, self._rows[row].y)), kind, role, title, arrow=True)
            )
            gutter = self._gutter_x(*self._track_of[target]) if target in self._track_of else None
            ends = [level[gap] for gap in xs]
            if gutter is not None:
                lines.append(EdgeSegment(((gutter, min(ends)), (gutter, max(ends))), kind, role, title))
            for gap, several in xs.items():
                lines.append(EdgeSegment(((min(several), level[gap]), (max(several), level[gap])), kind, role, title))
                passing = gutter if min(ends) < level[gap] < max(ends) else None
                joints += [
                    (x, level[gap], role) for x in set(several) if min(several) < x < max(several) or x == passing
                ]
            for edge in net.edges:
                source_row = self._rows[self._at[edge.source][0]]
                x = self._port_x(edge.source, target)
                foot = source_row.y + self._height(self._node(edge.source))
                lines.append(
                    EdgeSegment(
                        ((x, foot), (x, level[self._at[edge.source][0] + 1])), edge.kind, role, self._edge_title(edge)
                    )
                )
        return lines, joints

    def _node(self, end: str) -> DiagramNode | None:
        return self._by_id.get(end)

    def _name(self, end: str) -> str:
        node = self._node(end)
        return node.name if node else INTERNET

    def _edge_title(self, edge: Edge) -> str:
        how = f" ({edge.label})" if edge.label else ""
        return f"{self._name(edge.source)} → {self._name(edge.target)}{how}"

    def _title(self, net: _Net) -> str:
        return f"{', '.join(self._name(edge.source) for edge in net.edges)} → {net.target.name}"

    # Boxes and lanes

    def _box_texts(self, node: DiagramNode | None) -> list[tuple[str, int, str]]:
        if node is None:
            return [("internet", NAME_SIZE, "name")]
        room = self._width - 10
        names = [(line, NAME_SIZE, "name") for line in fold(node.name, NAME_SIZE, room, 2, bold=True)]
        words = [(line, DETAIL_SIZE, "word") for line in fold(node.word, DETAIL_SIZE, room, 2)]
        details = (
            [(line, DETAIL_SIZE, "detail") for line in fold(node.detail, DETAIL_SIZE, room, 3)] if node.detail else []
        )
        marks = [(node.mark.value, DETAIL_SIZE, "mark")] if node.mark else []
        return [*names, *words, *details, *marks]

    def _notes(self, y: float) -> Iterator[Label]:
        said = "solid: traffic · dashed: access to data · a dot: lines join"
        if any(node.exists for node in self._graph.nodes):
            said += " · a dashed box exists already"
        if self._graph.folded:
            said += f" · {self._graph.folded:,} resources of plumbing are not drawn"
        yield Label(WIDTH / 2, y, said, DETAIL_SIZE, "note")

    def _height(self, node: DiagramNode | None) -> float:
        return sum(_LINE[size] for _, size, _ in self._box_texts(node)) + 10

    def _placed(self) -> Iterator[Placed]:
        for row in self._rows:
            for node in row.nodes:
                center = self._center(node.id if node else INTERNET)
                box = Box(center - self._width / 2, row.y, self._width, self._height(node))
                texts = []
                y = row.y + 4
                for line, size, style in self._box_texts(node):
                    y += _LINE[size]
                    texts.append(Label(center, y - 3, line, size, style))
                yield Placed(node, box, tuple(texts), node.mark if node else None)

    def _groups(self) -> Iterator[Lane]:
        deepest = max((len(row.lanes) for row in self._rows), default=0)
        for level in range(deepest):
            start = 0
            while start < len(self._rows):
                lanes = self._rows[start].lanes[: level + 1]
                end = start
                while end + 1 < len(self._rows) and self._rows[end + 1].lanes[: level + 1] == lanes:
                    end += 1
                if len(lanes) > level and lanes[level]:
                    yield self._group(start, end, level, lanes[level])
                start = end + 1

    def _group(self, start: int, end: int, level: int, title: str) -> Lane:
        first, last = self._rows[start], self._rows[end]
        inside = max(len(row.lanes) for row in self._rows[start : end + 1]) - 1 - level
        top = first.y - 9 - _PADDING * (inside)
        bottom = last.y + last.height + 5 + _PADDING * inside
        x = _MARGIN + level * (_LANE + _PADDING)
        box = Box(x, top, WIDTH - _MARGIN - level * _PADDING - x, bottom - top)
        shown = fold(title, GROUP_SIZE, box.height - 6, 1)[0]
        return Lane(box, Label(x + 13, top + box.height / 2, shown, GROUP_SIZE, "group", turned=True), level, title)


def _closing(lanes: tuple[str, ...], following: tuple[str, ...]) -> int:
    """Return how many lanes end between two rows."""
    shared = 0
    while shared < min(len(lanes), len(following)) and lanes[shared] == following[shared]:
        shared += 1
    return sum(bool(lane) for lane in lanes[shared:])


def _centered_columns(count: int, columns: int) -> list[float]:
    """Return the columns of a row's boxes: in the middle where they are fewer, always on the grid."""
    first = (columns - count) // 2
    return [float(first + number) for number in range(count)]


def _rows(graph: Graph, columns: int) -> list[_NodeRow]:
    lanes: dict[tuple[tuple[int, str], ...], list[DiagramNode]] = defaultdict(list)
    for node in graph.nodes:
        lanes[_lanes_of(node, graph)].append(node)
    rows = []
    if any(edge.source == INTERNET for edge in graph.edges):
        rows.append(_NodeRow((), [None]))
    for key in sorted(lanes):
        for several in _levels(lanes[key], graph):
            for part in _chunks(several, columns):
                rows.append(_NodeRow(tuple(name for _, name in key), list(part)))
    _untangle(rows, graph)
    return rows


def _lanes_of(node: DiagramNode, graph: Graph) -> tuple[tuple[int, str], ...]:
    place = node.place
    if place.band == "vpc":
        zones = " ".join(zone_letter(zone) for zone in place.zones)
        return (
            (1, place.vpc),
            (_TIERS.get(place.tier, 9), place.tier),
            (-len(place.zones), f"zone{'s' if len(place.zones) > 1 else ''} {zones}" if zones else ""),
        )
    return ((0, "edge"),) if place.band == "edge" else ((2, graph.region or "region"),)


def _levels(nodes: list[DiagramNode], graph: Graph) -> Iterator[list[DiagramNode]]:
    """Place those that others of the same lane speak to below these, so that most edges run downwards."""
    inside = {node.id for node in nodes}
    spoken_to = {edge.target for edge in graph.edges if edge.source in inside and edge.target in inside}
    for lower in (False, True):
        level = [node for node in nodes if (node.id in spoken_to) is lower]
        if level:
            yield level


def _chunks(nodes: Sequence[DiagramNode], columns: int) -> Iterator[Sequence[DiagramNode]]:
    """Split into rows of like length."""
    count = -(-len(nodes) // columns)
    size = -(-len(nodes) // count) if count else 1
    for start in range(0, len(nodes), size):
        yield nodes[start : start + size]


def _untangle(rows: list[_NodeRow], graph: Graph) -> None:
    """Order each row by where the ends of its edges are in the others, so that fewer lines cross."""
    neighbours: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        neighbours[edge.source].append(edge.target)
        neighbours[edge.target].append(edge.source)
    for _ in range(3):
        for row in rows:
            where = {
                (node.id if node else INTERNET): (number + 0.5) / len(other.nodes)
                for other in rows
                if other is not row
                for number, node in enumerate(other.nodes)
            }
            own = {id(node): (number + 0.5) / len(row.nodes) for number, node in enumerate(row.nodes)}
            middle = {
                id(node): _mean(
                    [where[end] for end in neighbours[node.id if node else INTERNET] if end in where], own[id(node)]
                )
                for node in row.nodes
            }
            row.nodes.sort(key=lambda node: middle[id(node)])


def _mean(values: Iterable[float], default: float) -> float:
    several = list(values)
    return sum(several) / len(several) if several else default
