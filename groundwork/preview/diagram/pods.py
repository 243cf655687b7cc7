"""What a Kubernetes cluster of the stack lets its pods do: whom they reach, who reaches them, whose rights they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from guardrails import kinds
from guardrails.kinds import aws
from guardrails.reach.addresses import Addresses, addresses_of
from guardrails.reach.naming import mentioned
from guardrails.stack import Stack
from guardrails.view import Resource

_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
_SERVICE = "kubernetes:core/v1:Service"
_BINDING = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"
_IDENTITY = aws("eks/PodIdentityAssociation")


def roles(workload: Resource, stack: Stack) -> list[Resource]:
    """Return the roles that EKS gives to a workload's pods, by their service account."""
    template = _dict(_dict(workload.value, "spec"), "template")
    account = _dict(template, "spec").get("serviceAccountName")
    return [
        role
        for one in stack.of_type(_IDENTITY)
        if account
        and one.node("serviceAccount").value == account
        and one.node("namespace").value == _namespace(workload)
        for role in mentioned(stack, one, "roleArn", kinds.ROLE)
    ]


class KubernetesPods:
    """The workloads of a stack and the policies that choose among them."""

    def __init__(self, stack: Stack, workloads: Sequence[Resource]) -> None:
        self._stack = stack
        self._workloads = workloads

    def between(self) -> Iterator[tuple[Resource, Resource, int | None]]:
        """Yield which workloads policies admit to which others, on which port."""
        for policy in self._stack.of_type(_POLICY):
            for target in self._chosen(policy):
                for rule in _list(_dict(policy.value, "spec"), "ingress"):
                    for source in self._peers(rule, "from", policy):
                        if source is not target:
                            yield source, target, next(_ports(rule), None)

    def outward(self) -> Iterator[tuple[Resource, Addresses, int]]:
        """Yield which addresses outside the cluster policies let pods reach, on which ports."""
        for policy in self._stack.of_type(_POLICY):
            for source in self._chosen(policy):
                for rule in _list(_dict(policy.value, "spec"), "egress"):
                    for block in self._blocks(rule):
                        for port in _ports(rule):
                            yield source, block, port

    def bound(self) -> Iterator[tuple[Resource, Resource]]:
        """Yield the target groups that are bound to services, with the workloads of these."""
        for binding in self._stack.of_type(_BINDING):
            wanted = _dict(_dict(binding.value, "spec"), "serviceRef").get("name")
            selectors = [
                _dict(_dict(service.value, "spec"), "selector")
                for service in self._stack.of_type(_SERVICE)
                if _dict(service.value, "metadata").get("name") == wanted and _namespace(service) == _namespace(binding)
            ]
            for group in mentioned(self._stack, binding, "spec", *kinds.TARGET_GROUPS):
                for selector in selectors:
                    for workload in self._matching(selector, _namespace(binding)):
                        yield group, workload

    def _chosen(self, policy: Resource) -> list[Resource]:
        selector = _dict(_dict(policy.value, "spec"), "podSelector")
        return self._matching(_dict(selector, "matchLabels"), _namespace(policy))

    def _peers(self, rule: Mapping[str, Any], side: str, policy: Resource) -> Iterator[Resource]:
        for peer in _list(rule, side):
            if "podSelector" in peer and "namespaceSelector" not in peer:
                yield from self._matching(_dict(_dict(peer, "podSelector"), "matchLabels"), _namespace(policy))

    def _matching(self, labels: Mapping[str, Any], namespace: str) -> list[Resource]:
        """Return the workloads whose pods have all of some labels; none of a selector that chooses everything, which
        says nothing."""
        return [
            one
            for one in self._workloads
            if labels and _namespace(one) == namespace and labels.items() <= _labels(one).items()
        ]

    def _blocks(self, rule: Mapping[str, Any]) -> Iterator[Addresses]:
        for peer in _list(rule, "to"):
            block = _dict(peer, "ipBlock")
            try:
                addresses = addresses_of(str(block.get("cidr")))
                for excluded in block.get("except") or ():
                    addresses = addresses - addresses_of(str(excluded))
            except (ValueError, TypeError):
                continue
            yield addresses


def _labels(workload: Resource) -> dict[str, Any]:
    return _dict(_dict(_dict(_dict(workload.value, "spec"), "template"), "metadata"), "labels")


def _namespace(resource: Resource) -> str:
    own = (
        resource.node("namespace").value
        if resource.type == _IDENTITY
        else _dict(resource.value, "metadata").get("namespace")
    )
    return str(own or "default")


def _ports(rule: Mapping[str, Any]) -> Iterator[int]:
    for entry in _list(rule, "ports"):
        if isinstance(entry.get("port"), int):
            yield entry["port"]


def _dict(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
