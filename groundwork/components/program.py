"""Read the settings of the stack that Pulumi runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import stack as sdk

from groundwork.components.extensions.declared import FILE
from groundwork.components.settings import Settings
from groundwork.settings.hints import hints
from groundwork.settings.loading import load_from_pulumi
from groundwork.settings.mistakes import Mistakes
from groundwork.settings.python_file import line_of, reason_of


def load() -> Settings:
    """Return the effective settings of the stack that Pulumi runs, and warn of what they leave open.

    Raises :class:`pulumi.RunError`, which Pulumi shows without a traceback, with every mistake in the stack file.
    """
    sdk.wait_for_rpcs = _requests_end
    try:
        settings = load_from_pulumi()
    except Mistakes as mistakes:
        raise pulumi.RunError(f"the stack file has mistakes:\n{mistakes}") from None
    for hint in hints(settings):
        pulumi.log.warn(hint)
    return settings


_wait = sdk.wait_for_rpcs


async def _requests_end(await_all_outstanding_tasks: Any = True) -> None:
    """Wait as the SDK does, and show what the engine or a provider refused without a traceback: it says nothing of this program.

    What an extension does wrong with a value that was not known before is told with its line. The SDK raises a bare ``Exception`` for a refusal; an error of the program is of a class of its own and keeps its traceback.
    https://github.com/pulumi/pulumi/blob/master/sdk/python/lib/pulumi/runtime/settings.py
    """
    try:
        await _wait(await_all_outstanding_tasks)
    except Exception as error:
        place = line_of(error, Path(pulumi.get_root_directory(), FILE))
        if place:
            raise pulumi.RunError(f"{place}: {reason_of(error)}") from None
        if type(error) is not Exception:
            raise
        said = str(error)
        raise pulumi.RunError(f"{said}{_ASKED if said.startswith('invoke of ') else ''}") from None


_ASKED = (
    "; see whether `aws sts get-caller-identity` answers in this environment, and whether who it names may ask that"
)
