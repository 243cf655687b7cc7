"""What AWS and Kubernetes say of something unwell, in plain words.

Data: ``meanings.yaml``, by subject; each with the page that lists what may be said.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).with_name("meanings.yaml")


@dataclass(frozen=True)
class Meaning:
    """What something that was said means."""

    says: str
    means: str
    next: str
    """A command, or what to change."""
    source: str

    def filled(self, **words: str) -> Meaning:
        """Return it for one service or job of a stack: ``stack``, ``service`` and ``layer``."""
        return Meaning(self.says, self.means.format(**words), self.next.format(**words), self.source)


@dataclass(frozen=True)
class Reason:
    """Why something is unwell: AWS's words with what they mean, and what to do."""

    text: str
    next: str | None = None


@cache
def meanings(subject: str) -> tuple[Meaning, ...]:
    """Return the rows of a subject, such as ``stopped`` or ``database``, in their order."""
    return tuple(
        Meaning(**row, source=table["source"]) for table in read_data(_TABLE)[subject] for row in table["rows"]
    )


def meaning_of(
    subject: str, said: str, stack: str = "STACK", service: str = "NAME", *, layer: str = "services"
) -> Meaning | None:
    """Return what a text means; None where no row knows it. ``layer`` is ``jobs`` where ``service`` names a job."""
    found = next((row for row in meanings(subject) if row.says in said), None)
    return found and found.filled(stack=stack, service=service, layer=layer)


def reason(subject: str, said: str, stack: str, service: str = "NAME", *, layer: str = "services") -> Reason:
    """Return a text with what it means in brackets, and what to do."""
    found = meaning_of(subject, said, stack, service, layer=layer)
    return Reason(f"{said} ({found.means})", found.next) if found else Reason(said)
