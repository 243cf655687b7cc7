"""What a long command says while it runs: a line whenever something has changed, and the time that has passed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


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

    def taken(self) -> str:
        """Return how long it took, in words."""
        minutes, seconds = divmod(round(self.seconds), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
