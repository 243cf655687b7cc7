"""What ElastiCache and RDS refuse of a change that stays within one resource, and what ECS takes that nobody can want."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.preview.snapshot import Resource

_GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
_DATABASE = "aws:rds/instance:Instance"
_SERVICE = "aws:ecs/service:Service"

_ORDER = ("disabled", "compatible", "enabled")
# A step of cluster mode may bring the parameter group in which it is on; and these two say only when and how many there are.
_BESIDE = {
    "clusterMode",
    "parameterGroupName",
    "applyImmediately",
    "numCacheClusters",
    "numNodeGroups",
    "replicasPerNodeGroup",
}


def refused_change(resource: Resource, before: Mapping[str, Any], changes: set[str]) -> str | None:
    """Tell why AWS would refuse this update; None where it would not."""
    check = {_GROUP: _refused_of_cache, _DATABASE: _refused_of_database, _SERVICE: _refused_of_service}.get(
        resource.type
    )
    return check(before, resource.inputs, changes) if check else None


def _refused_of_cache(before: Mapping[str, Any], after: Mapping[str, Any], changes: set[str]) -> str | None:
    """Tell why ElastiCache would refuse.
    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html"""
    was, wanted = _mode(before), _mode(after)
    if was == wanted:
        return "changes nothing but cluster mode while that is compatible" if was == "compatible" and changes else None
    if _ORDER.index(wanted) < _ORDER.index(was):
        return f"cluster mode does not go back from {was} to {wanted}"
    if (was, wanted) == ("disabled", "enabled"):
        return "cluster mode goes from disabled to compatible and from there to enabled, an update each"
    others = sorted(changes - _BESIDE)
    if others or _nodes(before) != _nodes(after):
        what = ", ".join(others) or "the number of nodes"
        return f"cluster mode changes alone: leave {what} for the update after"
    if was == "disabled" and not (before.get("automaticFailoverEnabled") and _nodes(before)[1] > 0):
        return "cluster mode needs automatic failover to a replica before it can change"
    return None


def _mode(inputs: Mapping[str, Any]) -> str:
    return str(inputs.get("clusterMode") or ("enabled" if inputs.get("numNodeGroups") else "disabled"))


def _nodes(inputs: Mapping[str, Any]) -> tuple[int, int]:
    """Return the number of shards, and of replicas in each."""
    if inputs.get("numNodeGroups"):
        return inputs["numNodeGroups"], inputs.get("replicasPerNodeGroup") or 0
    return 1, (inputs.get("numCacheClusters") or 1) - 1


def _refused_of_database(before: Mapping[str, Any], after: Mapping[str, Any], changes: set[str]) -> str | None:
    """Tell why RDS would refuse.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.html"""
    was, wanted = before.get("engineVersion"), after.get("engineVersion")
    if was is None or wanted is None or was == wanted:
        return None
    old, new = (tuple(int(part) for part in str(version).split(".")) for version in (was, wanted))
    if new < old[: len(new)]:
        return f"an older version ({wanted}) than {was} cannot be restored in place"
    if new[0] > old[0] and not after.get("allowMajorVersionUpgrade"):
        return f"another major version ({was} to {wanted}) needs allowMajorVersionUpgrade"
    return None


def _refused_of_service(before: Mapping[str, Any], after: Mapping[str, Any], changes: set[str]) -> str | None:
    """Tell what ECS takes by two updates only, and what would leave requests without copies: the rule that ECS has written last may lead
    to the second target group, which only a service with both of them fills.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-rolling-to-bluegreen.html
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/update-bluegreen-to-rolling.html"""
    if "loadBalancers" not in changes or not (before.get("loadBalancers") and after.get("loadBalancers")):
        return None
    had, has = _alternate(before), _alternate(after)
    strategy = (after.get("deploymentConfiguration") or {}).get("strategy", "ROLLING")
    if has and not had and strategy != "ROLLING":
        return (
            "its second target group comes with a rolling deployment, before requests can be shifted: say deployment: rolling for one "
            "update, and the strategy in the next"
        )
    if had and not has:
        return (
            "requests may go to its second target group (loadBalancers.advancedConfiguration), which would be empty; keep that, with "
            "deployment: rolling"
        )
    return None


def _alternate(inputs: Mapping[str, Any]) -> bool:
    return any(block.get("advancedConfiguration") for block in inputs.get("loadBalancers") or ())
