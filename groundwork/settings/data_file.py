"""Plain data: tables of facts that ship with the project, whose lines nobody asks for, and copies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

SAFE_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C where PyYAML was built with it, some ten times as quick as the one in Python."""


def read_data(file: Path) -> Any:
    """Return what a YAML file of ours holds. Stack files are read by :mod:`groundwork.settings.stack_file`, which knows
    their lines."""
    return yaml.load(file.read_text(encoding="utf-8"), SAFE_LOADER)  # noqa: S506 - a safe loader


def copied(value: Any) -> Any:
    """Return a copy of maps and lists in each other, and of nothing else."""
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value
