"""What a rehearsal makes, each with how it is removed: everything goes again, however the rehearsal ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Progress

TAG = "groundwork:rehearsal"
"""The tag of everything that a rehearsal makes: nothing without it is ever removed. Its value says which rehearsal, by when it began."""

_TRIES = 2
_SECONDS_BETWEEN = 10


@dataclass(frozen=True)
class NotRemoved:
    """Something that could not be removed."""

    what: str
    command: str
    """What removes it by hand."""
    why: str


class Interrupted(KeyboardInterrupt):
    """Somebody left in the middle: what is still there."""

    def __init__(self, left: Sequence[NotRemoved]) -> None:
        super().__init__()
        self.left = tuple(left)


class Cleanup:
    """A list of what is to be removed. A thing is added before it is made: what is not there is easily removed."""

    def __init__(self) -> None:
        self._things: list[tuple[str, str, Callable[[Progress], None]]] = []

    def add(self, what: str, command: str, remove: Callable[[Progress], None]) -> None:
        """Add a thing. ``remove`` does nothing where it is not there, or is another rehearsal's."""
        self._things.append((what, command, remove))

    def remove_all(self, progress: Progress) -> list[NotRemoved]:
        """Remove everything, the newest first, each tried twice, and return what is left. Raises Interrupted for Ctrl-C, which leaves the
        rest."""
        left: list[NotRemoved] = []
        while self._things:
            what, command, remove = self._things[-1]
            try:
                why = _removed(what, remove, progress)
            except KeyboardInterrupt:
                rest = [NotRemoved(one, by_hand, "nobody waited") for one, by_hand, _ in reversed(self._things)]
                raise Interrupted([*left, *rest]) from None
            if why:
                left.append(NotRemoved(what, command, why))
            self._things.pop()
        return left


def _removed(what: str, remove: Callable[[Progress], None], progress: Progress) -> str:
    """Remove a thing, and return why it stays; empty where it is gone."""
    why = ""
    for attempt in range(_TRIES):
        if attempt:
            progress.say(f"{what} is still there ({why}); tried again")
            progress.sleep(_SECONDS_BETWEEN)
        try:
            remove(progress)
        except OperationError as error:
            why = str(error)
        else:
            return ""
    return why
