"""What a database's parameter group sets."""

from __future__ import annotations

from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError


def parameter_groups(database: Resource, stack: Stack, path: str, type_: str) -> list[Resource]:
    """Return the groups that a property names; none where AWS's own holds, undetermined where they are not of this stack."""
    groups = stack.targets(database, path, type_)
    if not groups and not str(database.get(path, "default.")).startswith("default."):
        raise UndeterminedError(path, "not of this stack")
    return groups


def parameter(group: Resource, name: str) -> str | None:
    """Return the value that a group sets a parameter to, the last where it does so twice; None where it does not."""
    values = [item.get("value") for item in group.items("parameters") if item.get("name") == name]
    return str(values[-1]) if values and values[-1] is not None else None
