"""Say what of another tool's file became what, and what of it is not carried over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from groundwork.projects.sources.application import Application, Left
from groundwork.projects.sources.translation import Translation

_MOST_LINES = 40


@dataclass(frozen=True)
class Carried:
    """An application and the layers that it became."""

    application: Application
    translation: Translation

    @property
    def left(self) -> list[Left]:
        """Return what is not carried over, as it stands in the file."""
        return _together(self.application.left)

    @property
    def notes(self) -> list[Left]:
        """Return what is carried over and wants a look."""
        return _together(self.application.notes)


def _together(items: Iterable[Left]) -> list[Left]:
    """Return items by file and line; what several services have in common, such as an anchor of YAML, is one."""
    names: dict[tuple[str, str, str], list[str]] = {}
    for item in items:
        name, colon, rest = item.what.partition(": ")
        names.setdefault((item.where, f"{colon}{rest}", item.reason), []).append(name)
    merged = [
        Left(where, f"{', '.join(dict.fromkeys(found))}{rest}", reason)
        for (where, rest, reason), found in names.items()
    ]
    return sorted(merged, key=_place)


def terminal_lines(carried: Carried, folder: str) -> Iterator[str]:
    """Yield what a terminal is told: what there is now, what is not carried over, what wants a look."""
    layers = carried.translation.layers
    for layer in ("services", "jobs", "secrets", "storage"):
        if layers.get(layer):
            yield f"{layer}: {', '.join(layers[layer])}"
    there = [layer for layer in ("data", "cache", "search", "messaging") if layers.get(layer) is not None]
    if there:
        yield f"layers: {', '.join(there)}"
    for title, items in (("Not carried over", carried.left), ("To look at", carried.notes)):
        if items:
            yield f"\n{title}:"
            yield from (f"  {item.where} {item.what}: {item.reason}" for item in items[:_MOST_LINES])
            if len(items) > _MOST_LINES:
                yield f"  … {len(items) - _MOST_LINES} more in {folder}/README.md"
    for secret, keys in carried.translation.secrets.items():
        yield f"\nTo be filled after the first `pulumi up`: secret {secret}, {len(keys)} {'key' if len(keys) == 1 else 'keys'} (README.md)"


def readme(carried: Carried, name: str) -> str:
    """Return what the new project's README says of where it comes from."""
    application, translation = carried.application, carried.translation
    parts = [f"\n## From {_code(application.label)}\n"]
    became = list(application.became)
    if became:
        parts.append(
            "What the platform does in its place: " + "; ".join(f"{_safe(what)}: {by}" for what, by in became) + ".\n"
        )
    parts += _section("Not carried over", carried.left)
    parts += _section("Carried over, to look at", carried.notes)
    for secret, keys in translation.secrets.items():
        values = json.dumps(dict.fromkeys(keys, ""), indent=2)
        parts.append(
            f"### The secret {_code(secret)}\n\n"
            "No value was carried over. Take out of `keys` in both stack files what the product does not need; write the rest into a file "
            "`values.json` that stays out of the repository, and after the first `pulumi up` of each stack, before its first image:\n\n"
            f"```json\n{values}\n```\n\n"
            "```bash\n"
            f"aws secretsmanager put-secret-value --secret-id {name}/dev/{secret} --secret-string file://values.json\n"
            "```\n"
        )
    return "\n".join(parts)


def _section(title: str, items: Iterable[Left]) -> list[str]:
    rows = [f"| {_code(item.where)} | {_safe(item.what)} | {_safe(item.reason)} |" for item in items]
    return [f"### {title}\n\n| where | what | why |\n|---|---|---|\n" + "\n".join(rows) + "\n"] if rows else []


def _safe(text: str) -> str:
    """Return text of a file as it may stand in a table of Markdown."""
    return re.sub(r"([\\`*_<>|\[\]#$])", r"\\\1", text)


def _code(text: str) -> str:
    return f"`{text.replace('`', chr(39)).replace('|', '/')}`"


def _place(item: Left) -> tuple[str, int, str]:
    file, _, line = item.where.rpartition(":")
    return (file, int(line) if line.isdigit() else 0, item.what)
