"""Every path from the internet to a thing: straight, through a load balancer, through CloudFront."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.reach.admission import acl_between, lets_in, lets_out
from guardrails.reach.endpoints import Endpoint
from guardrails.reach.network import Path, StackNetwork, end_of


def paths(network: StackNetwork, endpoint: Endpoint) -> list[Path]:
    """List the paths to it, the straight ones first."""
    return [*network.direct(endpoint), *through_balancers(network, endpoint)]


def through_balancers(network: StackNetwork, endpoint: Endpoint) -> Iterator[Path]:
    """Yield the paths through each load balancer that forwards to it, unless something between the two refuses them."""
    for forward in network.forwards_to.get(endpoint.resource.urn, ()):
        balancer = network.endpoint(forward.listener.balancer)
        flow = forward.member.flow or next(iter(endpoint.flows), None)
        if balancer is None or flow is None:
            continue
        steps = [step(network, balancer, endpoint, flow) for step in (lets_out, lets_in, acl_between)]
        if any(step.granted is False for step in steps):
            continue
        unsure = next((step.why for step in steps if step.granted is None), "")
        for listener, path in network.entries(forward.listener.balancer):
            if listener is forward.listener:
                hops = (*path.hops, end_of(endpoint, flow.port, flow.port))
                yield Path(hops, flow, flow.port, path.unsure or unsure)
