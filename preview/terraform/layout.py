"""JSON text whose every line is known by the path of what it says, so that "line 41" can be traced back."""

from __future__ import annotations

import json
from typing import Any

Path = tuple[str | int, ...]


def write(document: Any) -> tuple[str, list[Path]]:
    """The text, and for each of its lines the path of the value that starts or ends there."""
    lines: list[str] = []
    paths: list[Path] = []
    _value(document, (), "", "", "", lines, paths)
    return "\n".join(lines) + "\n", paths


def _value(value: Any, path: Path, indent: str, label: str, comma: str, lines: list[str], paths: list[Path]) -> None:
    if isinstance(value, dict | list) and value:
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        _line(f"{indent}{label}{opening}", path, lines, paths)
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        for position, (key, item) in enumerate(items, start=1):
            inner = f"{json.dumps(key, ensure_ascii=False)}: " if isinstance(value, dict) else ""
            _value(item, (*path, key), indent + "  ", inner, "," if position < len(items) else "", lines, paths)
        _line(f"{indent}{closing}{comma}", path, lines, paths)
    else:
        _line(f"{indent}{label}{json.dumps(value, ensure_ascii=False)}{comma}", path, lines, paths)


def _line(text: str, path: Path, lines: list[str], paths: list[Path]) -> None:
    lines.append(text)
    paths.append(path)
