"""The argument that names a stack, for every command that takes one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from groundwork.cli.arguments import Argument


def _stacks() -> list[str]:
    from groundwork.settings.loading import stacks

    return stacks(Path.cwd())


StackName = Annotated[
    str,
    Argument(
        metavar="STACK",
        help="Such as dev, prod or examples/thulobazaar/prod; `groundwork stacks` lists them.",
        words=_stacks,
    ),
]
