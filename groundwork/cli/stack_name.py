"""The argument that names a stack, for every command that takes one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from groundwork.cli.arguments import Argument


def stack_names() -> list[str]:
    """Return the stacks that a shell may complete to."""
    from groundwork.settings.loading import stacks

    return stacks(Path.cwd())


StackName = Annotated[
    str,
    Argument(
        metavar="STACK",
        help="Such as dev, prod or examples/thulobazaar/prod; `groundwork stacks` lists them.",
        words=stack_names,
    ),
]
