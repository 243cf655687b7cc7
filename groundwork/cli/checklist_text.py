"""A launch list for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from groundwork.operations.checklist.model import AnsweredQuestion, Verdict
from groundwork.preview.styled import Text

_WIDTH = 80
_WORDS = {Verdict.YES: ("yes", "green"), Verdict.NO: ("NO", "bold red"), Verdict.UNKNOWN: ("?", "yellow")}


def lines(stack: str, place: str | None, answers: Sequence[AnsweredQuestion], width: int | None) -> Iterator[Text]:
    """Yield a line for each question with what the answer rests on, and what turns it; ``place`` is None offline."""
    wide = width or _WIDTH
    yield Text.assemble((stack, "bold"), f"  {place or 'by the stack file alone (--offline)'}")
    yield Text()
    for one in answers:
        word, style = _WORDS[one.answer.verdict]
        yield Text.assemble("  ", (f"{word:<3}", style), f"  {one.question.asks}")
        yield from map(Text, _wrapped(one.answer.evidence, wide))
        if one.answer.verdict is not Verdict.YES:
            yield from (
                Text(part, "cyan") for part in _wrapped(f"Turns it: {one.question.turns.replace('STACK', stack)}", wide)
            )
    counted = {verdict: sum(one.answer.verdict is verdict for one in answers) for verdict in Verdict}
    yield Text()
    yield Text(
        f"{counted[Verdict.YES]} yes, {counted[Verdict.NO]} no, {counted[Verdict.UNKNOWN]} cannot be known here", "bold"
    )


def _wrapped(text: str, width: int) -> list[str]:
    indent = " " * 7
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
