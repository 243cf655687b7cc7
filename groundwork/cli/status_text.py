"""A stack's state for a terminal: a line for each thing, what is the matter below it, and what to do next."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from groundwork.operations.status.model import Health, Status, StatusLine, StatusSection
from groundwork.preview.styled import Text

_WIDTH = 80
_LONGEST_NAME = 24
_STYLES = {
    Health.WELL: "green",
    Health.CHANGING: "yellow",
    Health.STOPPED: "dim",
    Health.UNWELL: "bold red",
    Health.MISSING: "bold red",
    Health.UNKNOWN: "bold yellow",
}
_STATE = max(len(health.value) for health in Health)


def lines(status: Status, width: int | None) -> Iterator[Text]:
    """Yield it as text, within ``width`` columns (80 where there is no terminal)."""
    wide = width or _WIDTH
    place = f"{status.place}, {status.at:%Y-%m-%d %H:%M} UTC"
    if len(status.stack) + 2 + len(place) <= wide:
        yield Text.assemble((status.stack, "bold"), f"  {place}")
    else:
        yield from (Text(status.stack, "bold"), Text(place))
    names = [len(line.name) for section in status.sections for line in section.lines]
    longest = min(_LONGEST_NAME, max(names, default=0))
    for section in status.sections:
        yield from _section(section, longest, wide)
    yield Text()
    yield from _verdict(status, wide)


def _section(section: StatusSection, longest: int, width: int) -> Iterator[Text]:
    yield Text()
    yield Text(section.title.capitalize(), "bold")
    for line in section.lines:
        yield from _line(line, longest, width)
    if section.note:
        yield from (Text(part, "dim") for part in _wrapped(section.note, width, "  "))


def _line(line: StatusLine, longest: int, width: int) -> Iterator[Text]:
    # In capitals what needs somebody, so that it is found without colour.
    word = line.health.value if line.health.is_fine else line.health.value.upper()
    head = f"  {word:<{_STATE}}  "
    name = f"{line.name:<{longest}}  "
    indent = " " * (len(head) + longest + 2)
    first, *rest = _wrapped(line.says, width, indent) if len(line.name) <= longest else [indent]
    yield Text.assemble(
        "  ",
        (f"{word:<{_STATE}}", _STYLES[line.health]),
        "  ",
        name.rstrip() if not first.strip() else name,
        first.strip(),
    )
    yield from map(Text, rest)
    indent = " " * len(head)
    if len(line.name) > longest:
        yield from map(Text, _wrapped(line.says, width, indent))
    for why in line.why:
        yield from map(Text, _wrapped(why, width, f"{indent}  ", first=f"{indent}"))
    if line.next and not line.health.is_fine:
        yield from (Text(part, "cyan") for part in _next(line.next, width, indent))


def _next(what: str, width: int, indent: str) -> list[str]:
    """Return what to do next; a command of several lines as a shell takes it."""
    lines = _wrapped(f"Next: {what}", width - 2, f"{indent}  ", first=indent)
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:] if what.startswith("aws ") else lines


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [indent]


def _verdict(status: Status, width: int) -> Iterator[Text]:
    troubles = status.troubles
    if not troubles:
        yield Text("All is well.", "green")
        return
    every = [line for section in status.sections for line in section.lines]
    if all(line.health is Health.MISSING for line in every):
        said = f"Nothing of {status.stack} is in {status.place}: it is not deployed yet, or the credentials are for another account."
        yield from (Text(part, "bold red") for part in _wrapped(said, width, "    ", first=""))
        return
    names = ", ".join(dict.fromkeys(line.name for line in troubles))
    things = "1 thing needs" if len(troubles) == 1 else f"{len(troubles)} things need"
    yield from (Text(part, "bold red") for part in _wrapped(f"{things} somebody: {names}", width, "    ", first=""))
