"""Read files that somebody else's tool wrote: with limits, as text, with the line of every value."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundwork.settings import stack_file
from groundwork.settings.mistakes import Mistake, Mistakes
from groundwork.settings.mistakes import Path as Keys
from groundwork.settings.stack_file import Document

MOST_BYTES = 1_000_000


def mistake(where: str, message: str) -> Mistakes:
    """Return one mistake to raise."""
    return Mistakes([Mistake((), message, where)])


def read_text(file: Path, label: str) -> str:
    """Return the text of a file. Raises :class:`Mistakes` for what is no file of its own, too large, or not UTF-8."""
    if file.is_symlink():
        raise mistake(label, "is a link; name the file that it leads to")
    if file.is_dir():
        raise mistake(
            label,
            "is a folder, and a file is wanted: name one in it, such as compose.yaml, Procfile, fly.toml or render.yaml",
        )
    if not file.is_file():
        raise mistake(label, "is no file that can be read" if file.exists() else "is not there")
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise mistake(label, f"has {size:,} bytes, and the most that is read is {MOST_BYTES:,}")
        data = file.read_bytes()
    except OSError as error:
        raise mistake(label, f"cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise mistake(f"{label}:{line}", f"not UTF-8 text (byte {error.start}); save the file as UTF-8") from None


def read_yaml(text: str, label: str) -> Document:
    """Read a YAML mapping in which every plain word is text: what a variable is told is what was written. A key with nothing
    behind it is None. Raises :class:`Mistakes`."""
    return stack_file.parse(text, label, loader=stack_file.TextLoader)


def read_toml(text: str, label: str) -> Document:
    """Read TOML, with the line of every key. Raises :class:`Mistakes`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"\(at line (\d+), column \d+\)", str(error))
        reason = str(error).partition(" (at ")[0]
        raise mistake(f"{label}:{place[1]}" if place else label, f"not valid TOML: {reason}") from None
    except RecursionError:
        raise mistake(label, "not valid TOML: nested too deeply") from None
    return Document(label, data, dict(_toml_lines(text)))


_TABLE = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*([A-Za-z0-9_.-]+|"[^"]*"|'[^']*')\s*=""")


def _toml_lines(text: str) -> Iterator[tuple[Keys, int]]:
    table: Keys = ()
    counts: dict[Keys, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if head := _TABLE.match(line):
            table = _resolved(tuple(part.strip(" \"'") for part in head[2].split(".")), counts)
            if head[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, number
        elif key := _KEY.match(line):
            yield (*table, *(part.strip("\"'") for part in key[1].split("."))), number


def _resolved(parts: tuple[str, ...], counts: dict[Keys, int]) -> Keys:
    """Return where a table stands: below the newest entry of each list on its way."""
    path: Keys = ()
    for part in parts:
        if path in counts:
            path = (*path, counts[path])
        path = (*path, part)
    return path


_NAME = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*(=|:\s|$)")


def names_in(text: str) -> dict[str, int]:
    """Return the names of the variables in an ``.env`` file, each with its line. Values are not looked at."""
    found: dict[str, int] = {}
    inside = ""
    for number, line in enumerate(text.splitlines(), 1):
        if inside:
            # The rest of a value that goes over several lines, such as a key.
            inside = "" if inside in line else inside
            continue
        if match := _NAME.match(line):
            found.setdefault(match[1], number)
            rest = line[match.end() :].strip()
            if rest[:1] in ("'", '"') and rest.count(rest[0]) == 1:
                inside = rest[0]
    return found


def strings(value: Any) -> list[str]:
    """Return a list of texts, of a text or a list; what is neither is left out."""
    return [text for text in map(text_of, listed(value)) if text is not None]


def listed(value: Any) -> list[Any]:
    """Return a list; one of its own for what stands alone, and an empty one for nothing."""
    return value if isinstance(value, list) else [] if value in (None, "", {}) else [value]


def text_of(value: Any) -> str | None:
    """Return a plain value as text; None for none and for what has parts."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float)) else None


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping, or an empty one for what is none."""
    return value if isinstance(value, dict) else {}


def is_true(value: Any) -> bool:
    return text_of(value) in ("true", "True", "yes", "on")


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|us|ns|h|m|s)?")
_SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 0.000001, "ns": 0.000000001, "": 1}


def seconds(value: Any) -> int | None:
    """Return ``1m30s``, ``90s`` or ``90`` as seconds, up to the next whole one; None for what is no duration."""
    text = text_of(value) or ""
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text.strip():
        return None
    total = sum(float(part[1]) * _SECONDS[part[2] or ""] for part in parts)
    return int(total) + (total > int(total))


_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b?)", re.IGNORECASE)
_MIB = {"": 1 / 1048576, "k": 1 / 1024, "m": 1, "g": 1024, "t": 1048576}


def mebibytes(value: Any) -> int | None:
    """Return ``512M``, ``1g`` or a number of bytes as MiB; None for what is no size, and for 0, which is no limit."""
    match = _SIZE.fullmatch((text_of(value) or "").strip())
    size = float(match[1]) * _MIB[match[2].lower()] if match else 0
    return max(1, round(size)) if size > 0 else None


def number(value: Any) -> float | None:
    """Return a number above 0; None for anything else."""
    text = (text_of(value) or "").strip()
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text) and float(text) > 0 else None


def whole(value: Any) -> int | None:
    """Return a whole number from 0 on; None for anything else."""
    text = (text_of(value) or "").strip()
    return int(text) if re.fullmatch(r"\d{1,9}", text) else None


_MARKUP = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def shown(text: str, most: int = 60) -> str:
    """Return text of a file as it may stand in a message: on one line, without what moves a cursor, and not without end."""
    plain = _MARKUP.sub(" ", text)
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"
