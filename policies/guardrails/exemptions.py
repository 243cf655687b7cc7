"""Exceptions from rules: who accepted what, why, and until when. They fail closed.

Written in the stack file as ``groundwork:exceptions``, a list of entries with the keys of :data:`KEYS`. An entry that is
malformed or expired does not apply and is itself a finding; one that matches nothing is a finding too, so that it is
removed when its reason is gone.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from guardrails.rules import Policy, Severity

KEYS = ("rule", "resource", "reason", "owner", "expires")
LONGEST = datetime.timedelta(days=366)
"""No exception runs longer than a year without being looked at again."""


_WHY = "An exception that nobody looks at again is a rule that nobody keeps."
INVALID = Policy(
    name="exception-invalid",
    title="An exception in the stack file cannot be read and does not apply",
    severity=Severity.HIGH,
    why=_WHY,
    fix="Give the entry exactly the keys rule, resource, reason, owner and expires; expires is a date within a year.",
)
EXPIRED = Policy(
    name="exception-expired",
    title="An exception in the stack file has expired and does not apply",
    severity=Severity.HIGH,
    why=_WHY,
    fix="Fix what it excepted and remove the entry, or have its owner renew it with a new date.",
)
UNMATCHED = Policy(
    name="exception-unmatched",
    title="An exception in the stack file matches no finding",
    severity=Severity.LOW,
    why=_WHY,
    fix="Remove the entry: what it excepted is fixed or gone, or its rule or resource is misspelt.",
)
POLICIES = (INVALID, EXPIRED, UNMATCHED)


class Exemption(NamedTuple):
    """One valid exception. ``resource`` is a URN or a pattern for logical names (``*`` and ``?``)."""

    place: str
    rule: str
    resource: str
    reason: str
    owner: str
    expires: datetime.date

    def covers(self, rule: str, urn: str, name: str) -> bool:
        if rule != self.rule:
            return False
        return urn == self.resource if self.resource.startswith("urn:") else fnmatchcase(name, self.resource)

    def days_left(self, today: datetime.date) -> int:
        """Return the days left after today; 0 on its last day."""
        return (self.expires - today).days

    def describe(self) -> str:
        return f"excepted until {self.expires.isoformat()} by {self.owner}: {self.reason}"


class Problem(NamedTuple):
    """What is wrong with the exceptions, the baseline, the settings or the stack that the pack was given."""

    policy: Policy
    place: str
    message: str
    urn: str = ""


class Exemptions(NamedTuple):
    """The entries of one stack, read on one day."""

    valid: tuple[Exemption, ...] = ()
    problems: tuple[Problem, ...] = ()

    def find(self, rule: str, urn: str, name: str) -> Exemption | None:
        return next((entry for entry in self.valid if entry.covers(rule, urn, name)), None)

    def unmatched(self, used: Collection[Exemption]) -> list[Problem]:
        return [
            Problem(UNMATCHED, entry.place, f"{entry.place}: no finding of {entry.rule} on {entry.resource!r}")
            for entry in self.valid
            if entry not in used
        ]


def read(entries: Any, today: datetime.date, rules: Collection[str]) -> Exemptions:
    """Read the list as the stack file has it. Nothing it may hold raises."""
    if entries is None:
        return Exemptions()
    if not isinstance(entries, list):
        return Exemptions((), (Problem(INVALID, "exceptions", "exceptions: it must be a list"),))
    valid: list[Exemption] = []
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        place = f"exceptions[{index}]"
        mistakes = _mistakes(entry, today, rules)
        if mistakes:
            problems.append(Problem(INVALID, place, f"{place}: {'; '.join(mistakes)}"))
            continue
        exemption = _exemption(entry, place)
        if exemption.expires < today:
            message = f"{place}: {exemption.rule} on {exemption.resource!r} expired on {exemption.expires.isoformat()}; owner {exemption.owner}"
            problems.append(Problem(EXPIRED, place, message))
        else:
            valid.append(exemption)
    return Exemptions(tuple(valid), tuple(problems))


def _exemption(entry: Mapping[str, Any], place: str) -> Exemption:
    expires = _date(entry["expires"])
    assert expires  # noqa: S101 - _mistakes has looked
    return Exemption(place, entry["rule"], entry["resource"], entry["reason"].strip(), entry["owner"].strip(), expires)


def _mistakes(entry: Any, today: datetime.date, rules: Collection[str]) -> list[str]:
    if not isinstance(entry, Mapping):
        return ["it must be a map with the keys " + ", ".join(KEYS)]
    mistakes = [f"unknown key {key!r}" for key in entry if key not in KEYS]
    mistakes += [
        f"{key} is missing or empty"
        for key in KEYS[:-1]
        if not (isinstance(entry.get(key), str) and entry[key].strip())
    ]
    mistakes += _rule_mistakes(entry.get("rule"), rules)
    mistakes += _resource_mistakes(entry.get("resource"))
    mistakes += _expiry_mistakes(entry.get("expires"), today)
    return mistakes


def _rule_mistakes(rule: Any, rules: Collection[str]) -> list[str]:
    return [f"there is no rule {rule!r}"] if isinstance(rule, str) and rule.strip() and rule not in rules else []


def _resource_mistakes(resource: Any) -> list[str]:
    bare = isinstance(resource, str) and resource.strip() and not resource.strip("*? ")
    return [f"resource {resource!r} would match everything; name what is excepted"] if bare else []


def _expiry_mistakes(expires: Any, today: datetime.date) -> list[str]:
    date = _date(expires)
    if date is None:
        return [f"expires must be a date such as {(today + LONGEST).isoformat()}, found {expires!r}"]
    if date > today + LONGEST:
        return [f"expires {date.isoformat()} is more than a year ahead; the latest is {(today + LONGEST).isoformat()}"]
    return []


def _date(value: Any) -> datetime.date | None:
    if isinstance(value, datetime.datetime):
        return None
    if isinstance(value, datetime.date):
        return value
    try:
        return (
            datetime.date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-01-31") else None
        )
    except ValueError:
        return None
