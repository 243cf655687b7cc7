"""Effective settings as text: a block per layer or entry, each value with its source."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

from groundwork.components.settings import ENTRY_LAYERS
from groundwork.settings.effective import Effective, effective
from groundwork.settings.loading import Loaded
from groundwork.settings.mistakes import dotted

_GAP = "  "
_LEAST_VALUE = 16


def settings_text(loaded: Loaded, width: int | None) -> str:
    """List every value beside where it came from; with a ``width``, values too long for it are cut (YAML and JSON have
    them whole)."""
    rows = effective(loaded)
    absent = [dotted(row.path) for row in rows if len(row.path) == 1 and row.value in (None, {}, [])]
    shown = [row for row in rows if dotted(row.path) not in absent]
    blocks = [block for key, members in groupby(shown, key=_start) for block in _blocks(len(key), list(members), width)]
    if absent:
        blocks.append([f"Not in this stack: {', '.join(absent)}"])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _start(row: Effective) -> tuple[str | int, ...]:
    return row.path[:2] if row.path[0] in ENTRY_LAYERS else row.path[:1]


def _blocks(depth: int, rows: list[Effective], width: int | None) -> Iterator[list[str]]:
    """Yield one block for what starts with the same ``depth`` parts; where its keys are too long for the width, one for
    each part more."""
    block = _block(depth, rows, width)
    deeper = [row for row in rows if len(row.path) > depth + 1]
    if width is None or not deeper or max(map(len, block)) <= width:
        yield block
        return
    flat = [row for row in rows if row not in deeper]
    if flat:
        yield _block(depth, flat, width)
    for key, members in groupby(deeper, key=lambda row: row.path[: depth + 1]):
        yield from _blocks(len(key), list(members), width)


def _block(depth: int, rows: list[Effective], width: int | None) -> list[str]:
    title = dotted(rows[0].path[:depth])
    # A stack's own folder is known to who asked for it.
    cells = [(dotted(row.path[depth:]), _value(row), row.source.rpartition("/")[2]) for row in rows]
    if cells[0][0] == "":
        _, value, source = cells[0]
        room = len(value) if width is None else max(width - 2 * len(_GAP) - len(title) - len(source), _LEAST_VALUE)
        return [f"{title}{_GAP}{_cut(value, room)}{_GAP}{source}"]
    key_width = max(len(key) for key, _, _ in cells)
    source_width = max(len(source) for _, _, source in cells)
    value_width = max(len(value) for _, value, _ in cells)
    if width is not None:
        room = width - 3 * len(_GAP) - key_width - source_width
        value_width = min(value_width, max(room, _LEAST_VALUE))
    return [
        title,
        *(
            f"{_GAP}{key:<{key_width}}{_GAP}{_cut(value, value_width):<{value_width}}{_GAP}{source}"
            for key, value, source in cells
        ),
    ]


def _value(row: Effective) -> str:
    if isinstance(row.value, str):
        return row.value or '""'
    if isinstance(row.value, list) and all(isinstance(item, str) for item in row.value):
        return ", ".join(row.value) or "[]"
    return json.dumps(row.value, ensure_ascii=False)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
