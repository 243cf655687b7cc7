"""The names under which the platform is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypedDict

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context


class DnsEntry(TypedDict):
    """A record that somebody enters at a DNS provider."""

    name: pulumi.Input[str]
    type: pulumi.Input[str]
    value: pulumi.Input[str]


def entries_to(target: AliasTarget, names: Sequence[str]) -> list[DnsEntry]:
    """List the records that lead ``names``, the apex first, to a target. DNS allows no CNAME at an apex, for which providers have a
    kind of their own: ALIAS, ANAME or a flattened CNAME."""
    return [
        {"name": name, "type": "CNAME" if index else "ALIAS", "value": target.dns_name}
        for index, name in enumerate(names)
    ]


class AliasTarget(Protocol):
    """What an alias record leads to."""

    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    """Hosted zone of the DNS name."""
    dual_stack: bool
    """It has IPv6 addresses too."""
    checks_health: bool
    """Route 53 leaves it out of answers while it is unwell; CloudFront cannot be checked."""


class Records(Component):
    """Alias records of the apex and of names below it, for IPv4 and IPv6, all to one target.

    Builds: an A and, where the target has IPv6, an AAAA record for each name.

    Cost: nothing; Route 53 does not charge for queries of aliases to CloudFront and load balancers.

    Fails: a name that another system entered already ends with "it already exists": remove it there, or leave it out of
    ``edge.aliases``.

    Changes without replacement: the target. Names come and go one by one.
    """

    layer = "edge"

    names: tuple[str, ...]
    """Full names."""

    def __init__(
        self,
        name: str,
        context: Context,
        *,
        zone_id: pulumi.Input[str],
        domain: str,
        aliases: Sequence[str],
        target: AliasTarget,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        hosts = {"apex": domain, **{alias: f"{alias}.{domain}" for alias in aliases}}
        for key, host in hosts.items():
            for kind in ("A", "AAAA") if target.dual_stack else ("A",):
                aws.route53.Record(
                    f"{name}-{key}-{kind.lower()}",
                    zone_id=zone_id,
                    name=host,
                    type=kind,
                    aliases=[
                        aws.route53.RecordAliasArgs(
                            name=target.dns_name, zone_id=target.zone_id, evaluate_target_health=target.checks_health
                        )
                    ],
                    opts=self.child(),
                )
        self.names = tuple(hosts.values())
        self.register_outputs({"names": list(self.names)})
