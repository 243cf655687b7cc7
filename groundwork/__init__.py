"""One short stack file becomes a complete, secure AWS platform.

What a program of somebody's own imports is here: ``from groundwork import Context, Database, Network``. A name is imported when it is first
asked for, so that commands which need no Pulumi do not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from groundwork import components
from groundwork.components import __all__

if TYPE_CHECKING:
    from groundwork.components import *  # noqa: F403 - __all__ says what


def __getattr__(name: str) -> Any:
    """Import a public name. Raises AttributeError for any other."""
    if name in __all__:
        return getattr(components, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
