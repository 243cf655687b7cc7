"""Move a project to the version of Groundwork that is installed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from groundwork.installation import requirement
from groundwork.projects.new import PACK, REQUIREMENTS, copy_pack, write_schema

_PINNED = re.compile(r"^(groundwork(?:\[([a-z,]+)\])?) ?(==|@ )(\S+)(.*)$", re.MULTILINE)
_RULES = Path(PACK, "guardrails", "examples.json")
"""Has an entry for each rule."""


class NoProjectError(Exception):
    """A folder is no project that :func:`upgrade` knows, and why."""


@dataclass(frozen=True)
class Upgrade:
    """What moved."""

    before: str
    """The version that was pinned."""
    after: str
    new_rules: tuple[str, ...]
    """Guardrails that judge from now on."""
    gone_rules: tuple[str, ...]


def upgrade(project: Path, version: str) -> Upgrade:
    """Pin ``version``, or where it came from if that is how it was pinned, and renew guardrails and schema from what is installed.

    Raises :class:`NoProjectError` where requirements.txt pins no Groundwork, before anything is written.
    """
    requirements = project / REQUIREMENTS
    text = requirements.read_text(encoding="utf-8") if requirements.is_file() else ""
    pinned = _PINNED.search(text)
    if pinned is None:
        said = "pins no groundwork==VERSION and no groundwork @ ADDRESS" if text else "is not there"
        raise NoProjectError(f"{requirements}: {said}; run this in the folder that `groundwork new` made")
    before = _rules(project)
    copy_pack(project)
    write_schema(project)
    after = _rules(project)
    name, extra, sign, said, rest = pinned.groups()
    line = f"{name}=={version}" if sign == "==" else requirement(extra or "")
    requirements.write_text(f"{text[: pinned.start()]}{line}{rest}{text[pinned.end() :]}", encoding="utf-8")
    return Upgrade(
        said,
        version if sign == "==" else line.partition(" @ ")[2] or version,
        tuple(sorted(after - before)),
        tuple(sorted(before - after)),
    )


def _rules(project: Path) -> set[str]:
    file = project / _RULES
    return set(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else set()
