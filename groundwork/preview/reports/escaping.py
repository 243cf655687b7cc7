"""Text of programs and stack files, as the forms that people read take it: shown, never obeyed."""

from __future__ import annotations

import html
import re

# What XML 1.0 and HTML cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# Marks that turn the direction of what follows, so that a name could show as another.
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MARKDOWN = re.compile(r"[\\`*_{}\[\]|~:$]|(?<=www)\.")
# GitHub and GitLab look for people and issues in what is rendered, where a backslash is gone already.
_REFERENCE = re.compile(r"[@#](?=\w)")
_MERMAID = re.compile(r"[^A-Za-z0-9 ._/·…-]")


def printable(text: str) -> str:
    """Return ``text`` without what a page cannot hold and without marks that turn its direction."""
    return _TURNING.sub("�", _FORBIDDEN.sub("�", text))


def for_html(text: str) -> str:
    """Return ``text`` for HTML, in an element or in a quoted attribute."""
    return html.escape(printable(text), quote=True)


def for_markdown(text: str) -> str:
    """Return ``text`` as one line of Markdown that shows it and does nothing else: no HTML, link, mention, heading or cell."""
    one_line = " ".join(printable(text).split())
    escaped = _MARKDOWN.sub(r"\\\g<0>", html.escape(one_line, quote=False))
    return _REFERENCE.sub(r"\g<0><!-- -->", escaped)


def code(text: str) -> str:
    """Return ``text`` as code in Markdown, in a table too; what code cannot hold there is escaped text instead."""
    one_line = " ".join(printable(text).split())
    plain = one_line and not set(one_line) & set("`|\\<>&")
    return f"`{one_line}`" if plain else for_markdown(one_line)


def for_mermaid(text: str) -> str:
    """Return ``text`` for a quoted label of Mermaid, all but plain characters as its entity codes (``#35;``)."""
    return _MERMAID.sub(lambda found: f"#{ord(found.group())};", " ".join(printable(text).split()))
