"""What keeps services with public addresses of their own from being asked past the way in."""

from __future__ import annotations

import pulumi

from components.base import Component
from components.context import Context
from components.edge.firewall import Firewall
from components.edge.origin_header import OriginHeader
from settings.models.edge import EdgeSettings


class Shield(Component):
    """For an engine whose services AWS gives addresses that nothing of ours stands before (App Runner).

    It is there before the services, which need it, and they before CloudFront, which needs their addresses.

    Builds: behind CloudFront the secret header that only this platform's CloudFront sends, for the engine to ask for;
    without CloudFront a firewall for the services themselves.

    Cost: see the one that is built.

    Fails: 403 from every address means that the header which CloudFront sends is another than the one asked for.

    Changes without replacement: everything; with CloudFront taken away the firewall takes the header's place.
    """

    layer = "edge"

    header: tuple[str, pulumi.Output[str]] | None
    """Name and value; None without CloudFront."""
    firewall_arn: pulumi.Output[str] | None
    """Of a regional web ACL; None behind CloudFront, which has its own, and where the settings want none."""

    def __init__(
        self,
        name: str,
        settings: EdgeSettings,
        context: Context,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        self.header = None
        self.firewall_arn = None
        if settings.cdn is not None:
            self.header = OriginHeader(
                f"{name}-header",
                context=context,
                number=settings.load_balancer.origin_secret,
                opts=self.child(),
            ).header
        elif settings.waf is not None:
            self.firewall_arn = Firewall(
                f"{name}-firewall",
                settings.waf,
                context=context,
                scope="REGIONAL",
                place="public-balancer",
                opts=self.child(),
            ).arn
        self.register_outputs({})
