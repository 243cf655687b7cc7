"""The baseline: findings that a program had when it adopted the pack. They are shown and do not fail; new ones fail.

A file of ``{"version": 1, "findings": [{"rule": …, "urn": …}]}``. An entry that no longer fails is named, so that the list
only ever becomes shorter. A baseline that cannot be read does not apply, and is itself a finding.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from guardrails.exemptions import Problem
from guardrails.rules import Policy, Severity

VERSION = 1
ENVIRONMENT = "GROUNDWORK_BASELINE"
"""The variable that names a baseline file for the pack's process."""

Known = tuple[str, str]

INVALID = Policy(
    name="baseline-invalid",
    title="The baseline cannot be read and does not apply",
    severity=Severity.HIGH,
    why="What was known and what is new cannot be told apart without it.",
    fix="Write it anew with `groundwork policies check FILE --write-baseline BASELINE`.",
)
VANISHED = Policy(
    name="baseline-vanished",
    title="A finding of the baseline is gone",
    severity=Severity.LOW,
    why="An entry that outlives its finding lets the same mistake in again.",
    fix="Remove the entry, or write the baseline anew, so that the finding fails if it comes back.",
)
POLICIES = (INVALID, VANISHED)


class Baseline(NamedTuple):
    """Known findings, by rule and URN."""

    known: frozenset[Known] = frozenset()
    problems: tuple[Problem, ...] = ()

    def covers(self, rule: str, urn: str) -> bool:
        return (rule, urn) in self.known

    def vanished(self, present: Collection[Known], silent: Collection[str] = ()) -> list[Problem]:
        """List the entries that are not ``present`` (found, or not to be told), but for rules that were not asked."""
        return [
            Problem(VANISHED, "baseline", f"baseline: {rule} on {urn} is no longer found", urn)
            for rule, urn in sorted(self.known.difference(present))
            if rule not in silent
        ]


def load(file: Path) -> Baseline:
    """Load a baseline from its file. Nothing that it may hold raises."""
    try:
        return read(json.loads(file.read_text(encoding="utf-8")), file.name)
    except OSError as error:
        return _invalid(f"{file.name} cannot be read: {error.strerror}")
    except ValueError as error:
        return _invalid(f"{file.name} is not JSON: {error}")
    except RecursionError:
        return _invalid(f"{file.name} is not JSON that can be read: it is nested too deeply")


def read(document: Any, place: str = "baseline") -> Baseline:
    """Read a baseline as its file holds it, or only the list of its findings."""
    if isinstance(document, Mapping):
        if document.get("version") != VERSION:
            return _invalid(f"{place}: version {document.get('version')!r} is not {VERSION}")
        document = document.get("findings")
    if not isinstance(document, list):
        return _invalid(f"{place}: findings must be a list")
    wrong = [index for index, entry in enumerate(document) if not _is_entry(entry)]
    if wrong:
        return _invalid(f"{place}: findings[{wrong[0]}] must have a text as rule and one as urn, and nothing else")
    return Baseline(frozenset((entry["rule"], entry["urn"]) for entry in document))


def configured(entry: Any) -> Baseline | None:
    """Read the entry ``baseline`` of a policy configuration, where it has findings."""
    return read(entry["findings"]) if isinstance(entry, Mapping) and "findings" in entry else None


def dumps(known: Iterable[Known]) -> str:
    """Return the file of a baseline; the same findings give the same bytes."""
    findings = [{"rule": rule, "urn": urn} for rule, urn in sorted(set(known))]
    return json.dumps({"version": VERSION, "findings": findings}, indent=1, ensure_ascii=False) + "\n"


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping) and set(entry) == {"rule", "urn"} and all(isinstance(v, str) for v in entry.values())
    )


def _invalid(message: str) -> Baseline:
    return Baseline(problems=(Problem(INVALID, "baseline", message),))
