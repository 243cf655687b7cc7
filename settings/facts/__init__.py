"""Facts of AWS that settings are checked against: data with its source, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent


@cache
def _load(name: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load((_HERE / f"{name}.yaml").read_text(encoding="utf-8"), loader)  # noqa: S506 - a safe loader


def regions() -> dict[str, str]:
    """Region → the letters of its availability zones."""
    zones: dict[str, str] = _load("regions")["zones"]
    return zones


def fargate_sizes() -> dict[int, tuple[int, ...]]:
    """CPU units → the MiB of memory that Fargate takes with them."""
    return {
        cpu: tuple(memory["list"])
        if "list" in memory
        else tuple(range(memory["from"], memory["to"] + 1, memory["step"]))
        for cpu, memory in _load("fargate")["sizes"].items()
    }


def database_memory(instance_class: str) -> float | None:
    """GiB of memory of a ``db.*`` class; None for a class the table does not have."""
    return _memory("databases", instance_class)


def cache_memory(node_class: str) -> float | None:
    """GiB of memory of a ``cache.*`` class; None for a class the table does not have."""
    return _memory("caches", node_class)


def max_connections(instance_class: str) -> int | None:
    """What RDS for PostgreSQL sets ``max_connections`` to: memory in bytes / 9,531,392, at most 5,000.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
    """
    memory = database_memory(instance_class)
    return None if memory is None else min(int(memory * 1024**3 / 9_531_392), 5000)


def classes(kind: str) -> list[str]:
    """Every ``databases`` or ``caches`` class of the table."""
    table = _load("classes")[kind]
    return [f"{table['prefix']}.{family}.{size}" for family, sizes in table["families"].items() for size in sizes]


def _memory(kind: str, name: str) -> float | None:
    table = _load("classes")[kind]
    prefix, _, rest = name.partition(".")
    family, _, size = rest.partition(".")
    if prefix != table["prefix"]:
        return None
    memory: float | None = table["families"].get(family, {}).get(size)
    return memory
