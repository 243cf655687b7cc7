"""Pods, whatever starts them: one shape for the ways Kubernetes has to write one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from guardrails import kinds
from guardrails.per_stack import per_stack
from guardrails.stack import Stack
from guardrails.view import Node, Opaque, Resource

_TEMPLATES = {kinds.POD: "", **dict.fromkeys(kinds.CRON_JOBS, "spec.jobTemplate.spec.template")}


def template(resource: Resource) -> Node:
    """Return the pod's metadata and spec."""
    path = _TEMPLATES.get(resource.type, "spec.template")
    return resource.node(path) if path else resource


def pod(resource: Resource) -> Node:
    return template(resource).node("spec")


def containers(resource: Resource, *, only_long_running: bool = False) -> Iterator[tuple[str, Node]]:
    """Yield each container of the pod with its name, those that only prepare it among them unless told otherwise."""
    spec = pod(resource)
    groups = ("containers",) if only_long_running else ("containers", "initContainers")
    for group in groups:
        for container in spec.items(group):
            name = container.node("name").value
            yield repr(name) if isinstance(name, str) else container.path, container


def on_windows(resource: Resource) -> bool:
    return str(pod(resource).get("os.name", "linux")) == "windows"


def security(container: Node, spec: Node, setting: str) -> Any:
    """Return a setting of the security context: the container's own, else the pod's."""
    path = f"securityContext.{setting}"
    return container.get(path) if container.has(path) else spec.get(path)


def mapping(node: Node, path: str) -> Mapping[str, Any]:
    """Return labels or annotations: their names hold dots, and so are no paths."""
    value = node.get(path, {})
    return value if isinstance(value, dict) else {}


def has_network_policy(namespace: Resource, stack: Stack) -> bool:
    """Tell whether a network policy for all pods of a namespace says what comes in; undetermined where one without a
    readable place may be it."""
    places, unplaced = _network_policies(stack)
    name = namespace.get("metadata.name") if namespace.known("metadata.name") else None
    if namespace.urn in places or f"name {name}" in places:
        return True
    for policy in unplaced:
        policy.get("metadata.namespace")
    return False


def _is_for_all(policy: Resource) -> bool:
    """Tell whether a policy selects all pods. A pod that no policy selects takes what comes, so one with an empty
    selector is what denies by default."""
    if not policy.known("spec"):
        return True
    selector = policy.node("spec.podSelector")
    named = any(policy.has(f"spec.podSelector.{key}") for key in ("matchLabels", "matchExpressions"))
    types = policy.get("spec.policyTypes", ["Ingress"]) if policy.known("spec.policyTypes") else ["Ingress"]
    return (isinstance(selector.value, Opaque) or not named) and "Ingress" in types


@per_stack
def _network_policies(stack: Stack) -> tuple[set[str], list[Resource]]:
    """Return the namespaces that have one, by URN and by name, and those whose namespace cannot be read."""
    places: set[str] = set()
    unplaced: list[Resource] = []
    for policy in stack.of_type(kinds.NETWORK_POLICY):
        if not _is_for_all(policy):
            continue
        made_from = set(policy.property_dependencies.get("metadata", ()))
        places |= made_from
        if policy.known("metadata.namespace"):
            places.add(f"name {policy.get('metadata.namespace', 'default')}")
        elif not policy.references("metadata", kinds.NAMESPACE):
            unplaced.append(policy)
    return places, unplaced


def same_namespace(resource: Resource, other: Resource, stack: Stack) -> bool:
    """Tell whether two resources name the same namespace, known or made in this stack."""
    if resource.known("metadata.namespace") and other.known("metadata.namespace"):
        return bool(resource.get("metadata.namespace", "default") == other.get("metadata.namespace", "default"))
    mine, theirs = (
        {urn for urn in one.property_dependencies.get("metadata", ()) if urn in stack.by_urn}
        for one in (resource, other)
    )
    return bool(mine & theirs)
