"""Whether a property names a key that the customer manages."""

from __future__ import annotations

from guardrails import kinds
from guardrails.view import Node, Resource


def names_customer_key(resource: Resource, path: str, *, at: Node | None = None) -> bool:
    """Tell whether a property names a key of this stack, known or not, or any name but the aliases that AWS keeps for
    itself."""
    if resource.references(at.path.split("[")[0] if at else path, *kinds.KEYS):
        return True
    value = str((at or resource).get(path, ""))
    return bool(value) and not value.rsplit(":", 1)[-1].startswith("alias/aws/")
