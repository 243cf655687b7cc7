"""Who may use what, and how: the levels of each kind of backing thing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
"""Kind → levels, weakest promise first where one includes another."""


@dataclass(frozen=True)
class Usable:
    """Something that a workload can name under ``uses``."""

    name: str
    kind: str


def usable(settings: Settings) -> Iterator[Usable]:
    """Yield everything in the settings that can be used, in the order of the layers."""
    if settings.data:
        yield Usable("database", "database")
    if settings.cache:
        yield Usable("cache", "cache")
    if settings.search:
        yield Usable("search", "search")
    if settings.messaging:
        if settings.messaging.push:
            yield Usable("push", "push")
        for kind, queues in (("queue", settings.messaging.queues), ("topic", settings.messaging.topics)):
            for name in queues:
                yield Usable(name, kind)
    for kind, names in (
        ("bucket", settings.storage),
        ("files", settings.files),
        ("secret", settings.secrets),
        ("parameters", settings.parameters),
    ):
        for name in names:
            yield Usable(name, kind)
    for name, service in settings.services.items():
        if service.port:
            yield Usable(name, "service")
