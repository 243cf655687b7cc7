"""Whether the conditions of an identity's statement choose among resources, as a ``Resource`` element would."""

from __future__ import annotations

import re

from guardrails import data
from guardrails.documents import PolicyStatement
from guardrails.iam.arns import names_one
from guardrails.iam.conditions import OF_PRINCIPAL

_SAYS_NOTHING = re.compile(r"\.amazonaws\.com(\.cn)?|alias/|[*?:/]")
"""What the names of all services, or of all aliases, have in common."""
_SYSTEM_TAG = "aws:resourcetag/aws:"
"""Tags that only AWS sets (Tagging AWS Resources user guide, "Tag naming limits and requirements")."""


def names_something(pattern: str) -> bool:
    """Tell whether a value of a condition leaves anything out."""
    return names_one(pattern) if pattern.startswith("arn:") else bool(_SAYS_NOTHING.sub("", pattern))


def chooses_resources(statement: PolicyStatement, keys: tuple[str, ...] = data.NARROWING_KEYS) -> bool:
    """Tell whether some key that tells resources apart has to be there with values that leave others out."""
    return any(
        statement.bounds(one.key, names_something, OF_PRINCIPAL) or (one.key.startswith(_SYSTEM_TAG) and one.needs_key)
        for one in statement.conditions
        if one.key.startswith(keys)
    )
