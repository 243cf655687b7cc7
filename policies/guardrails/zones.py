"""Whether what stands in some subnets would outlive the failure of one zone."""

from __future__ import annotations

from guardrails import kinds
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError


def in_one_zone(resource: Resource, stack: Stack, path: str) -> bool:
    """Tell whether the subnets that a property lists are all in one zone; undetermined where that cannot be told."""
    listed = resource.node(path).value
    count = len(listed) if isinstance(listed, list) else 0
    if count == 1:
        return True
    subnets = stack.targets(resource, path, kinds.SUBNET)
    zones = {_zone(subnet) for subnet in subnets}
    if len(zones) > 1:
        return False
    resource.get(path)
    if len(subnets) < max(count, 1) or zones == {""}:
        raise UndeterminedError(path, "not wholly of this stack")
    return True


def _zone(subnet: Resource) -> str:
    return str(subnet.get("availabilityZone", subnet.get("availabilityZoneId", "")))
