"""What keeps a command from doing what was asked."""

from __future__ import annotations


class OperationError(Exception):
    """What was asked cannot be done: why, and what to do."""


class UnknownNameError(OperationError):
    """The stack file has nothing of the name that was given, or an option takes no such word: what there is."""


class UnreachableError(OperationError):
    """Nothing can be asked at all: no network, no credentials, or ones that AWS does not take. The next question would end the same."""


class NotFoundError(OperationError):
    """What the stack builds is not in the account: it was not yet deployed, or only half, or the credentials are another account's."""


class DeploymentFailedError(Exception):
    """The engine gave a deployment up, and what ran before runs again: why."""


class CommandFailedError(Exception):
    """A command of the user's did not end with 0: how it ended."""
