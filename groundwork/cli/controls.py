"""What others call a rule: ids of AWS Security Hub, CIS and Checkov, which rules answer them, and of one that none answers, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.settings.data_file import read_data
from guardrails import catalogue
from guardrails.catalogue import rules
from guardrails.rules import Rule

COVERAGE = Path(catalogue.__file__).with_name("coverage.yaml")
_PREFIXES = {"fsbp_runtime": "fsbp", "checkov_other": "checkov", "checkov_kubernetes": "checkov"}
"""What ids of a section of the file begin with, where that is not the section's name."""
_JOINS = {"fsbp": ".", "securityhub": ".", "checkov": "_", "cis": "/"}
_STANDARDS = {"fsbp": "AWS FSBP", "securityhub": "Security Hub", "checkov": "Checkov", "cis": "CIS AWS Foundations"}
_UNANSWERED = {
    "fsbp_runtime": "it asks for the state of an account or of what runs in it, which a program does not show",
    "checkov_other": "it is none of the checks that the pack sets out to answer",
    "checkov_kubernetes": "it is none of the checks that the pack sets out to answer",
}
"""Why an id has no rule, by its section, where the file has no reason of its own for it."""


@dataclass(frozen=True)
class Control:
    """One thing that a standard or another tool asks for."""

    id: str
    """As rules carry it: ``fsbp:S3.14``, ``checkov:CKV_AWS_18``, ``cis:v3.0.0/3.6``."""
    rules: tuple[Rule, ...]
    """Those that answer it; several may each answer a part."""
    reason: str = ""
    """Why there is none."""

    def __str__(self) -> str:
        """Return ``AWS FSBP S3.14``."""
        kind, _, rest = self.id.partition(":")
        return f"{_STANDARDS[kind]} {rest.replace('/', ' ')}"

    def sentence(self) -> str:
        """Return a sentence on which rules answer it."""
        if not self.rules:
            return f"No rule answers {self}: {self.reason}."
        names = [rule.name for rule in self.rules]
        if len(names) == 1:
            return f"{self} is answered by {names[0]}."
        return f"{self} is answered by {len(names)} rules: {', '.join(names)}."


def find(text: str) -> list[Control]:
    """Find the controls that a text names, with or without the name of the standard, in any case; empty where none is
    called so."""
    return [_controls()[id_] for id_ in _index().get(" ".join(text.lower().split()), ())]


def names() -> list[str]:
    """List ids as they are usually written: ``S3.14``, ``CKV_AWS_18``, ``3.6``."""
    return sorted({id_.partition(":")[2].rpartition("/")[2] for id_ in _controls()})


@cache
def _controls() -> dict[str, Control]:
    document: dict[str, Any] = read_data(COVERAGE)
    reasons = {id_: entry["reason"] for entry in document.pop("not_covered") for id_ in entry["ids"]}
    return {
        id_: Control(
            id_,
            tuple(rule for rule in rules() if id_ in rule.ids),
            reasons.get(id_) or _UNANSWERED.get(section, ""),
        )
        for section, groups in document.items()
        for id_ in _ids(section, groups)
    }


def _ids(section: str, groups: dict[str, list[Any]]) -> Iterator[str]:
    prefix = _PREFIXES.get(section, section)
    for group, numbers in groups.items():
        yield from (f"{prefix}:{group}{_JOINS[prefix]}{number}" for number in numbers)


@cache
def _index() -> dict[str, list[str]]:
    """Map everything that people write for a control to its ids."""
    index: dict[str, list[str]] = {}
    for id_, control in _controls().items():
        kind, _, rest = id_.partition(":")
        number = rest.rpartition("/")[2]
        written = {id_, rest, number, f"{kind}:{number}", f"{kind} {number}", str(control)}
        for name in {one.lower() for one in written}:
            index.setdefault(name, []).append(id_)
    return index
