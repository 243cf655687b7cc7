"""What a long command says while it runs: a line whenever something has changed, and the time that has passed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from groundwork.operations.durations import exactly
from groundwork.operations.errors import OperationError

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Pending:
    """What was looked for is not there yet."""

    says: str
    """How far it is."""
    late: str
    """What is wrong if that is so when the time is over, and what to do."""


@dataclass
class Progress:
    """Tells a user what happens, and waits between two looks. Tests put their own clock in."""

    tell: Callable[[str], None] = print
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _last: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._began = self.now()

    @property
    def seconds(self) -> float:
        """Return how long it has been."""
        return self.now() - self._began

    def say(self, text: str) -> None:
        """Tell a line, unless it is the last one again."""
        if text != self._last:
            self._last = text
            minutes, seconds = divmod(int(self.seconds), 60)
            self.tell(f"{minutes:>3}:{seconds:02}  {text}")

    def wait_for(self, look: Callable[[], _Found | Pending], *, seconds: float, every: float) -> _Found:
        """Look every so many seconds until something is found, and return it; tell meanwhile how far it is. OperationError after ``seconds``."""
        began = self.seconds
        while True:
            found = look()
            if not isinstance(found, Pending):
                return found
            self.say(found.says)
            if self.seconds - began > seconds:
                raise OperationError(found.late)
            self.sleep(every)

    def taken(self) -> str:
        """Return how long it took, in words."""
        return exactly(self.seconds)
