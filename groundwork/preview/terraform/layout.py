"""JSON text whose every line is known by the path of what it says, so that "line 41" can be traced back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]


def write(document: Any) -> tuple[str, list[Path]]:
    """Return the text, and for each of its lines the path of the value that starts or ends there."""
    lines = list(_lines(document, (), "", ""))
    return "".join(f"{text}\n" for text, _ in lines), [path for _, path in lines]


def _lines(value: Any, path: Path, label: str, comma: str) -> Iterator[tuple[str, Path]]:
    indent = "  " * len(path)
    if not (isinstance(value, dict | list) and value):
        yield f"{indent}{label}{json.dumps(value, ensure_ascii=False)}{comma}", path
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    yield f"{indent}{label}{opening}", path
    items = list(value.items() if isinstance(value, dict) else enumerate(value))
    for position, (key, item) in enumerate(items, start=1):
        inner = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(value, dict) else ""
        yield from _lines(item, (*path, key), inner, "," if position < len(items) else "")
    yield f"{indent}{closing}{comma}", path
