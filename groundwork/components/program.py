"""Read the settings of the stack that Pulumi runs."""

from __future__ import annotations

import pulumi

from groundwork.components.settings import Settings
from groundwork.settings.hints import hints
from groundwork.settings.loading import load_from_pulumi
from groundwork.settings.mistakes import Mistakes


def load() -> Settings:
    """Return the effective settings of the stack that Pulumi runs, and warn of what they leave open.

    Raises :class:`pulumi.RunError`, which Pulumi shows without a traceback, with every mistake in the stack file.
    """
    try:
        settings = load_from_pulumi()
    except Mistakes as mistakes:
        raise pulumi.RunError(f"the stack file has mistakes:\n{mistakes}") from None
    for hint in hints(settings):
        pulumi.log.warn(hint)
    return settings
