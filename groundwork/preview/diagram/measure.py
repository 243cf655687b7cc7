"""How wide text is, without a browser: Helvetica's widths, and as much more as the widest font that may stand in for it needs."""

from __future__ import annotations

# Thousandths of the font's size: Adobe's font metrics of Helvetica (Core 14 AFM files).
_WIDTHS = {
    222: "ijl'`|",
    278: " !,./:;I[]\\ft",
    333: "()-r·",
    389: "*",
    500: "Jckvsxyz",
    556: '"#$0123456789?L_abdeghnopqu',
    584: "+<=>~",
    611: "FTZ",
    667: "&ABEKPSVXY",
    722: "CDHNRUw",
    778: "GOQ",
    833: "Mm",
    889: "%",
    944: "W",
    1000: "…",
}
_OF = {character: width for width, characters in _WIDTHS.items() for character in characters}
_WIDEST = 1015
"""For what is not in the table: a letter of another script."""
_SPARE, _SPARE_BOLD = 1.2, 1.4
"""DejaVu Sans, which Linux has for Helvetica where no likeness of it is installed, by its own metrics; a test measures it."""


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width in pixels that a line needs at most."""
    return sum(_OF.get(character, _WIDEST) for character in text) / 1000 * size * (_SPARE_BOLD if bold else _SPARE)


def fold(text: str, size: float, room: float, lines: int, *, bold: bool = False) -> list[str]:
    """Fold ``text`` into at most some lines of at most ``room`` pixels: broken after spaces and hyphens, and cut with …
    at the end."""
    folded: list[str] = []
    left = text.strip()
    while left and len(folded) < lines:
        if width_of(left, size, bold=bold) <= room:
            folded.append(left)
            break
        if len(folded) == lines - 1:
            folded.append(_cut(left, size, room, bold))
            break
        end = _breaking_at(left, size, room, bold)
        folded.append(left[:end].rstrip(" ·"))
        left = left[end:].lstrip(" ·")
    return folded or [""]


def _breaking_at(text: str, size: float, room: float, bold: bool) -> int:
    fitting = next(n for n in range(len(text), 0, -1) if n == 1 or width_of(text[:n].rstrip(), size, bold=bold) <= room)
    broken = max(text.rfind(mark, 0, fitting) for mark in " -·/") + 1
    return broken if broken > fitting // 3 else fitting


def _cut(text: str, size: float, room: float, bold: bool) -> str:
    end = len(text)
    while end > 1 and width_of(f"{text[:end].rstrip()}…", size, bold=bold) > room:
        end -= 1
    return f"{text[:end].rstrip()}…"
