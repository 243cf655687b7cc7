"""Customer-managed prefix lists: ranges that rules and routes name by one id, in every form the provider has."""

from __future__ import annotations

from collections.abc import Iterable

from guardrails import kinds
from guardrails.reach.naming import blocks
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource


def ranges_of(lists: Iterable[Resource], stack: Stack) -> tuple[list[str], str]:
    """Return the ranges that stand in prefix lists, inline or as entries of their own, and why there may be others."""
    ranges, unsure = [], ""
    for prefixes in lists:
        inside, hidden = blocks(prefixes, "entries")
        for entry in (*inside, *stack.referrers(prefixes, "prefixListId", kinds.PREFIX_LIST_ENTRY)):
            cidr = entry.node("cidr").value
            if isinstance(cidr, Opaque):
                hidden = hidden or f"{entry.node('cidr').path} is not known yet"
            elif isinstance(cidr, str):
                ranges.append(cidr)
        unsure = unsure or hidden
    return ranges, unsure
