"""The domain's hosted zone."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.edge.logs import GLOBAL_REGION, GlobalLogs, query_log
from groundwork.components.edge.settings import ZoneSettings
from groundwork.components.logs import log_group


class Zone(Component):
    """The public Route 53 zone of the domain: a new one with query logs, or one that exists and is left as it is.

    Builds: zone, log group ``/aws/route53/<domain>`` in us-east-1, query log; neither of these in China and GovCloud, which have
    no such region.

    Cost: $0.50 a month for the zone, $0.40 per million queries (none for aliases to AWS's own), logs by the gigabyte.

    Fails: as long as the registrar does not name the zone's name servers nothing resolves. ``edge.zone.delegated`` says that it
    does; said too early, certificates wait for their validation for 75 minutes, and the update fails.

    Changes without replacement: logs on and off. Another domain is another zone, with other name servers.
    """

    layer = "edge"

    zone_id: pulumi.Output[str]
    name_servers: pulumi.Output[list[str]]
    """To enter at the registrar; empty for a zone that exists, where they are entered already."""

    def __init__(
        self,
        name: str,
        settings: ZoneSettings,
        context: Context,
        *,
        domain: str,
        logs: GlobalLogs | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the hosted zone, or look it up by its id. ``logs``: how queries are kept; a new zone with query logs
        needs it."""
        super().__init__(name, context, opts)
        if settings.id is not None:
            self.zone_id = pulumi.Output.from_input(settings.id)
            self.name_servers = pulumi.Output.from_input([])
        else:
            zone = aws.route53.Zone(
                f"{name}-zone",
                name=domain,
                comment=f"{context.platform.name} {context.platform.stage}",
                force_destroy=not context.guarded,
                opts=self.stateful(),
            )
            self.zone_id = zone.zone_id
            self.name_servers = zone.name_servers.apply(list)
            if settings.query_logs and logs is not None:
                self._query_logs(domain, logs)
        self.register_outputs({"zoneId": self.zone_id, "nameServers": self.name_servers})

    def _query_logs(self, domain: str, logs: GlobalLogs) -> None:
        """Log the zone's queries. https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html"""
        group = log_group(self, "queries", query_log(domain), logging=logs.logging, region=GLOBAL_REGION)
        aws.route53.QueryLog(
            f"{self.name}-queries",
            zone_id=self.zone_id,
            cloudwatch_log_group_arn=group.arn,
            opts=self.child(depends_on=[logs.permission]),
        )
