"""Reading YAML that ships with the project: tables of facts, whose lines nobody asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_data(file: Path) -> Any:
    """Return what a YAML file of ours holds. Stack files are read by :mod:`groundwork.settings.stack_file`, which knows
    their lines."""
    return yaml.load(file.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - a safe loader
