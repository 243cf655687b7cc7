"""Names of classes."""

from __future__ import annotations

import re
from collections import defaultdict

from tests.stacks import ROOT

SEVERAL = {
    "Resource": "the snapshot's and, since the pack publishes alone, the pack's own view of it; both are Pulumi's word",
    **dict.fromkeys(
        ("Malformed", "Refused"),
        "in functions, whose packages hold nothing but their own folder and its parts",
    ),
}
"""Names of classes that stand in several files, and why."""

_CLASS = re.compile(r"^ *class (\w+)", re.MULTILINE)


def test_a_class_has_a_name_of_its_own() -> None:
    """Whoever searches for it finds one."""
    files = defaultdict(list)
    for folder in ("groundwork", "policies"):
        for file in (ROOT / folder).rglob("*.py"):
            for name in _CLASS.findall(file.read_text(encoding="utf-8")):
                files[name].append(file.relative_to(ROOT).as_posix())
    assert {name: found for name, found in files.items() if len(found) > 1 and name not in SEVERAL} == {}
    assert {name for name, found in files.items() if len(found) > 1} == set(SEVERAL)
