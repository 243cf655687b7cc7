"""What the stand-in account lacks, which is no fault of a stack: types it does not know, and what it forgets or alters.

Data: ``gaps.yaml``, each by name and with its reason, so that whatever else is refused or differs is a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from groundwork.settings.data_file import read_data

_TABLE = Path(__file__).with_name("gaps.yaml")


@dataclass(frozen=True)
class Gaps:
    """All of them, by Pulumi's resource types and property names."""

    absent: Mapping[str, str]
    """Type → why nothing of it can be deployed there."""
    unreadable: Mapping[str, str]
    """Type → why it can be deployed there but not looked at again."""
    forgotten: Mapping[str, Mapping[str, str]]
    """Type → property → why a second deployment would set it again."""
    clinging: Mapping[str, str]
    """Type → why it does not go there when it is deleted; nobody tries."""

    def reason(self, type_: str, properties: Iterable[str]) -> str | None:
        """Tell why a difference in all of these properties is none; None where one of them is not to be explained."""
        known = self.forgotten.get(type_, {})
        reasons = [known.get(prop) for prop in properties]
        return "; ".join(sorted({reason for reason in reasons if reason})) if reasons and all(reasons) else None


@cache
def gaps() -> Gaps:
    """Read the gaps from the file."""
    table = read_data(_TABLE)
    return Gaps(
        absent=_spread(table["absent"]),
        unreadable=_spread(table["unreadable"]),
        forgotten={type_: _spread(reasons) for type_, reasons in table["forgotten"].items()},
        clinging=_spread(table["clinging"]),
    )


def _spread(by_reason: Mapping[str, Iterable[str]]) -> dict[str, str]:
    return {name: reason for reason, names in by_reason.items() for name in names}
