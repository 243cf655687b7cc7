"""One short stack file becomes a complete, secure AWS platform.

What a program or ``extensions.py`` of somebody's own imports is here: ``from groundwork import Context, Database, Network``. A name is
imported when it is first asked for, so that commands which need no Pulumi do not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundwork.components.access import Grant, Opening, ParameterReference, SecretReference, Statement
    from groundwork.components.alarms import Expression, Metric
    from groundwork.components.extensions.offer import Alarm, Extension, ExtensionContext, Offer

_HOMES = {
    "Alarm": "components.extensions.offer",
    "Expression": "components.alarms",
    "Extension": "components.extensions.offer",
    "ExtensionContext": "components.extensions.offer",
    "Grant": "components.access",
    "Metric": "components.alarms",
    "Offer": "components.extensions.offer",
    "Opening": "components.access",
    "ParameterReference": "components.access",
    "SecretReference": "components.access",
    "Statement": "components.access",
}

__all__ = [
    "Alarm", "Expression", "Extension", "ExtensionContext", "Grant", "Metric", "Offer", "Opening", "ParameterReference",
    "SecretReference", "Statement",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name. Raises AttributeError for any other."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
