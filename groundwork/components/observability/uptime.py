"""Whether users reach the platform: a look from outside."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from groundwork.components.alarms import Metric, alarm
from groundwork.components.base import Component
from groundwork.components.context import Alerting, Context
from groundwork.components.edge.logs import GLOBAL_REGION
from groundwork.components.keys import customer_key, publishing
from groundwork.components.messaging.alerts import CLOUDWATCH, Alerts
from groundwork.components.observability.settings import UptimeSettings
from groundwork.settings.facts import health_checkers

_FAILURES = 3
"""Requests of a location in a row that must fail."""
_INTERVAL = 30
"""Seconds between two requests of a location."""


class Uptime(Component):
    """A health check by Route 53 and the alarm that pages on it.

    Builds: the health check, over HTTPS; its alarm in us-east-1, where Route 53 keeps the metric, and which an alarm must share
    with its topic (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/monitoring-health-checks.html). A platform
    elsewhere gets a topic there, with a key of its own and a subscription for each address that is paged: two mails to confirm
    instead of one.

    Cost: the check of an address within AWS is free for the first fifty of an account, HTTPS is $1 a month, ``contains``
    another; $0.10 for the alarm; elsewhere than in us-east-1 $1 for the key. About 30 requests a minute reach the path.

    Fails: while the domain is not delegated it pages. It checks no certificate: one that has run out is not noticed
    (https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html). Elsewhere
    than in us-east-1 its page comes beside that of another fault, since composite alarms reach no other region.

    Changes without replacement: path, text, address and minutes; going from no text to one is another health check.
    """

    layer = "observability"

    health_check_id: pulumi.Output[str]
    topic_arn: pulumi.Output[str] | None
    """The topic of its own that it speaks to; None where it speaks to the platform's."""

    def __init__(
        self,
        name: str,
        settings: UptimeSettings,
        context: Context,
        *,
        host: pulumi.Input[str],
        blocked_countries: Sequence[str],
        emails: Sequence[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the health check with its alarm. ``host``: what users call the platform. ``blocked_countries``: whose
        requests the web ACL blocks, so that no location there is asked. ``emails``: who is paged, where the
        platform's own topics are out of reach."""
        super().__init__(name, context, opts)
        check = aws.route53.HealthCheck(
            f"{name}-check",
            type="HTTPS" if settings.contains is None else "HTTPS_STR_MATCH",
            fqdn=host,
            port=443,
            resource_path=settings.path,
            search_string=settings.contains,
            enable_sni=True,
            failure_threshold=_FAILURES,
            request_interval=_INTERVAL,
            regions=health_checkers(blocked_countries) if blocked_countries else None,
            opts=self.child(),
        )
        self.health_check_id = check.id
        near = context.region == GLOBAL_REGION
        self.topic_arn = None if near else self._topic(emails)
        alarm(
            self,
            "unreachable",
            Metric("AWS/Route53", "HealthCheckStatus", {"HealthCheckId": check.id}, "Minimum"),
            # Pages and dashboard are made of alarms of the platform's own region.
            alerting=Alerting(self.topic_arn, context.alerting.settings, region=GLOBAL_REGION)
            if self.topic_arn
            else None,
            threshold=1,
            comparison="LessThanThreshold",
            periods=settings.minutes,
            missing="breaching",
            severity="page",
            description=f"From outside, {settings.path} has not answered for {settings.minutes} minutes. Look at the alarms of the "
            "services; if there are none, at CloudFront, its web ACL and the domain's name servers.",
        )
        self.register_outputs({"healthCheckId": self.health_check_id})

    def _topic(self, emails: Sequence[str]) -> pulumi.Output[str]:
        """Create the topic and its key, which keeps nothing for longer than a message takes to be delivered, so it may
        go with the check."""
        context = self.context
        key = customer_key(
            self,
            "pages",
            f"alias{context.prefix}/{context.region}/uptime",
            [publishing(context, CLOUDWATCH)],
            region=GLOBAL_REGION,
            opts=self.child(),
        )
        return Alerts(
            f"{self.name}-pages",
            emails,
            context=context,
            key_arn=key.arn,
            publishers=(CLOUDWATCH,),
            region=GLOBAL_REGION,
            opts=self.child(),
        ).topic_arn
