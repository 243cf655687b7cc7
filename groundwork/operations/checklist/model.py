"""A launch list as a value."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from groundwork.components.settings import Settings
from groundwork.operations.account import StackAccount
from groundwork.operations.checklist.indexes import Indexes
from groundwork.operations.resources import StackResources
from groundwork.preview.snapshot import Resource, Snapshot


class AnswerKind(StrEnum):
    """What a line is answered with."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "cannot know"


@dataclass(frozen=True)
class Answer:
    """An answer with what it rests on."""

    verdict: AnswerKind
    evidence: str
    turns: str = ""
    """What makes it a yes, where that is not what the question says."""


def yes(evidence: str) -> Answer:
    """Answer yes."""
    return Answer(AnswerKind.YES, evidence)


def no(evidence: str, turns: str = "") -> Answer:
    """Answer no; ``turns``: what makes it a yes, where that is not what the question says."""
    return Answer(AnswerKind.NO, evidence, turns)


def unknown(evidence: str) -> Answer:
    """Answer that nobody here can know."""
    return Answer(AnswerKind.UNKNOWN, evidence)


@dataclass(frozen=True)
class Facts:
    """What lines are answered from."""

    settings: Settings
    snapshot: Snapshot
    now: datetime.datetime
    resources: StackResources | None = None
    """None where the account is not to be asked."""
    indexes: Callable[[], Indexes] | None = None
    """What asks the database; None where nobody said how to reach it."""
    load_tests: Path | None = None
    """Where the stack's load tests and their reports are."""

    def all_of(self, *types: str) -> list[Resource]:
        """Return what the stack declares of some types."""
        return self.snapshot.of_type(*types)

    @property
    def account(self) -> StackAccount | None:
        """Return the account; None where it is not to be asked."""
        return self.resources.account if self.resources else None


@dataclass(frozen=True)
class Question:
    """A line of a launch list."""

    id: str
    rows: tuple[str, ...]
    """Rows of the reference systems that ask for it (docs/requirements.md)."""
    asks: str
    turns: str
    """The setting or the command that makes it a yes."""
    answered_by: str
    """``stack``: what the stack declares; ``account``: that and what the account says; ``database``; ``project``: its files; ``people``."""
    answer: Callable[[Facts], Answer]


@dataclass(frozen=True)
class AnsweredQuestion:
    """A line with its answer."""

    question: Question
    answer: Answer

    @property
    def turns(self) -> str:
        """Return the setting or the command that makes it a yes."""
        return self.answer.turns or self.question.turns

    def to_json(self) -> Mapping[str, Any]:
        """Return it as ``--json`` prints it."""
        question, answer = self.question, self.answer
        return {
            "id": question.id,
            "rows": list(question.rows),
            "asks": question.asks,
            "answer": answer.verdict.value,
            "evidence": answer.evidence,
            "answeredBy": question.answered_by,
            "turns": self.turns,
        }
