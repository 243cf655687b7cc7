"""What the partition of the region lacks, and quotas that cannot be together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from groundwork.components.settings import Settings
from groundwork.settings.facts import most_of, partition_of
from groundwork.settings.mistakes import Mistake


def the_partition_has_what_is_asked_for(settings: Settings) -> Iterator[Mistake]:
    partition = partition_of(settings.region)
    for asked, why in partition.lacks.items():
        dotted, _, value = asked.partition("=")
        path = tuple(dotted.split("."))
        said = _at(settings, path)
        if said == value if value else said is not None:
            instead = "use another" if value else f"set {dotted}: null"
            yield Mistake(path, f"cannot be had in {settings.region} ({partition.name}): {why}; {instead}")


def _at(settings: Any, path: tuple[str, ...]) -> Any:
    found = settings
    for name in path:
        found = getattr(found, name, None)
    return found


_RULES, _GROUPS = "rules-per-security-group", "security-groups-per-interface"
_MOST_PRODUCT = 1000


def rules_and_groups_of_an_interface_go_together(settings: Settings) -> Iterator[Mistake]:
    """Check that AWS can grant both quotas: of one network interface it takes a thousand rules times groups.

    https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups
    """
    said = settings.platform.quotas
    rules, groups = (said.get(name, most_of(name)) for name in (_RULES, _GROUPS))
    if (_RULES in said or _GROUPS in said) and rules * groups > _MOST_PRODUCT:
        asked, other, fits = (
            (_RULES, f"{_GROUPS}: {_MOST_PRODUCT // rules}", rules <= _MOST_PRODUCT)
            if _RULES in said
            else (_GROUPS, f"{_RULES}: {_MOST_PRODUCT // groups}", groups <= _MOST_PRODUCT)
        )
        instead = f"; if AWS granted it with fewer, say {other} too" if fits else ""
        yield Mistake(
            ("platform", "quotas", asked),
            f"{rules:,} rules in a security group and {groups} groups on a network interface are {rules * groups:,}, and AWS grants the two "
            f"only where their product is at most {_MOST_PRODUCT:,}{instead}",
        )


CHECKS = (the_partition_has_what_is_asked_for, rules_and_groups_of_an_interface_go_together)
