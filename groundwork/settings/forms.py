"""What a form is in words: nobody should have to read a regular expression to learn what is wrong."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from groundwork.settings.data_file import read_data


@cache
def forms() -> dict[str, str]:
    """Map each pattern of the models to what has this form, with an example."""
    return {row["pattern"]: row["words"] for row in read_data(Path(__file__).with_suffix(".yaml"))}
