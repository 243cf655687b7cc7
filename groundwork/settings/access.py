"""Who may use what, and how: the levels of each kind of backing thing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from groundwork.components.extensions.declared import Declared, WrongExtensionError, declared_in
from groundwork.components.settings import Settings

LEVELS: dict[str, tuple[str, ...]] = {
    "database": ("connect", "read"),
    "cache": ("connect",),
    "search": ("read", "write"),
    "push": ("send",),
    "queue": ("send", "consume"),
    "topic": ("publish",),
    "bucket": ("read", "write", "read-write", "purge", "sign-download", "sign"),
    "secret": ("read",),
    "files": ("read", "read-write"),
    "parameters": ("read",),
    "service": ("connect",),
}
"""Kind of a layer → levels, weakest promise first where one includes another."""

SINGLE = ("database", "cache", "search", "push")
"""What a platform has one of, which is called by its kind; it may come with a later phase."""

EXTENSION = "extension"
"""The kind of what is not Groundwork's own; each has levels of its own."""


@dataclass(frozen=True)
class Usable:
    """Something that a workload can name under ``uses``."""

    name: str
    kind: str
    levels: tuple[str, ...]


def extensions(settings: Settings) -> dict[str, Declared]:
    """Return what the stack's extensions say of themselves; one of which nothing can be read, which is a mistake of its own, is left
    out."""
    found = {}
    for name in settings.extensions:
        with contextlib.suppress(WrongExtensionError):
            found[name] = declared_in(settings.project, name)
    return found


def usable(settings: Settings) -> Iterator[Usable]:
    """Yield everything in the settings that can be used, in the order of the layers."""
    yield from (Usable(name, kind, LEVELS[kind]) for name, kind in _of_layers(settings))
    known = extensions(settings)
    for name in settings.extensions:
        yield Usable(name, EXTENSION, tuple(known[name].levels) if name in known else ())


def _of_layers(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the name and the kind of each."""
    if settings.data:
        yield "database", "database"
    if settings.cache:
        yield "cache", "cache"
    if settings.search:
        yield "search", "search"
    if settings.messaging:
        if settings.messaging.push:
            yield "push", "push"
        for kind, queues in (("queue", settings.messaging.queues), ("topic", settings.messaging.topics)):
            for name in queues:
                yield name, kind
    for kind, names in (
        ("bucket", settings.storage),
        ("files", settings.files),
        ("secret", settings.secrets),
        ("parameters", settings.parameters),
    ):
        for name in names:
            yield name, kind
    for name, service in settings.services.items():
        if service.port:
            yield name, "service"
