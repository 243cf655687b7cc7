"""For each rule a resource that fails it and one that passes, as Pulumi YAML. Written by ``make docs`` from the tests."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("examples.json")


class Example(NamedTuple):
    bad: str = ""
    good: str = ""
    settings: str = ""
    """The values of the rule's settings that both are judged with, as JSON; empty for the defaults."""


@cache
def examples() -> dict[str, Example]:
    """Return the examples by the name of the rule; empty where the file is missing."""
    if not FILE.is_file():
        return {}
    return {name: Example(**entry) for name, entry in json.loads(FILE.read_text(encoding="utf-8")).items()}


def of(rule: str) -> Example:
    return examples().get(rule, Example())
