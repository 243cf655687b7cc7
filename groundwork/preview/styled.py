"""A line of a report with its styles. A terminal that wants colour gets it by rich; a pipe need not load that to read a line."""

from __future__ import annotations


class Text:
    """One line: parts of it, each with a style in rich's words (``bold red``) or none."""

    __slots__ = ("parts",)

    def __init__(self, text: str = "", style: str = "") -> None:
        self.parts: tuple[tuple[str, str], ...] = ((text, style),)

    @staticmethod
    def assemble(*parts: str | tuple[str, str]) -> Text:
        """Assemble a line of several parts; a mere text has no style."""
        line = Text()
        line.parts = tuple((part, "") if isinstance(part, str) else part for part in parts)
        return line

    @property
    def plain(self) -> str:
        return "".join(text for text, _ in self.parts)
