"""A launch list for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from groundwork.operations.checklist.model import AnsweredQuestion, AnswerKind
from groundwork.preview.styled import Text

_WIDTH = 80
_WORDS = {AnswerKind.YES: ("yes", "green"), AnswerKind.NO: ("NO", "bold red"), AnswerKind.UNKNOWN: ("?", "yellow")}


def lines(stack: str, place: str | None, answers: Sequence[AnsweredQuestion], width: int | None) -> Iterator[Text]:
    """Yield a line for each question with what the answer rests on, and what turns it; ``place`` is None offline."""
    wide = width or _WIDTH
    yield Text.assemble((stack, "bold"), f"  {place or 'by the stack file alone (--offline)'}")
    yield Text()
    for one in answers:
        word, style = _WORDS[one.answer.verdict]
        yield Text.assemble("  ", (f"{word:<3}", style), f"  {one.question.asks}")
        yield from (Text(part, "dim") for part in _wrapped(one.answer.evidence, wide))
        if one.answer.verdict is not AnswerKind.YES:
            yield from (Text(part, "cyan") for part in _wrapped(f"Turns it: {one.turns.replace('STACK', stack)}", wide))
    counted = {verdict: sum(one.answer.verdict is verdict for one in answers) for verdict in AnswerKind}
    yield Text()
    yield Text(
        f"{counted[AnswerKind.YES]} yes, {counted[AnswerKind.NO]} no, {counted[AnswerKind.UNKNOWN]} cannot be known here",
        "bold",
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
