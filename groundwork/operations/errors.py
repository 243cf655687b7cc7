"""What keeps a command from doing what was asked."""

from __future__ import annotations


class OperationError(Exception):
    """What was asked cannot be done: why, and what to do."""


class DeploymentFailed(Exception):  # noqa: N818 - what happened
    """The engine gave a deployment up, and what ran before runs again: why."""


class CommandFailed(Exception):  # noqa: N818 - what happened
    """A command of the user's did not end with 0: how it ended."""
