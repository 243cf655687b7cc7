"""AWS WAF: what is refused before a service sees it."""

from __future__ import annotations

from typing import Literal

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.edge.logs import GLOBAL_REGION, GlobalLogs, request_log
from groundwork.components.edge.paths import EVERYTHING, Counted
from groundwork.components.edge.settings import WafPlace, WafSettings
from groundwork.components.edge.web_acl_rules import AddressSets, visibility, web_acl_rules
from groundwork.components.logs import log_group, log_permission, waf_writes

Scope = Literal["CLOUDFRONT", "REGIONAL"]

_REDACTED_HEADERS = ("authorization", "cookie", "x-origin-verify")


class WebAcl(Component):
    """A web ACL: lists of addresses, a rate limit, countries, limits of size, scripts, rules of the stack file, AWS's managed
    rules.

    Builds: web ACL; a set of addresses for each list and address family; log group ``aws-waf-logs-…`` without credentials in
    it, and the permission to write there. For CloudFront all of it stands in us-east-1.

    Cost: $5 a month, $1 for each rule, $0.60 per million requests; above 1,500 capacity units another $0.20 per million
    requests for each 500; bodies beyond 16 KB cost extra; logs by the gigabyte.

    Fails: a refused request is answered 403 and stands in the log with the rule's name. Rules that refuse too much: set
    ``mode: count``, read the log, then name what may pass.

    Changes without replacement: everything but the scope.
    """

    layer = "edge"

    arn: pulumi.Output[str]
    capacity: int
    """Web ACL capacity units, as AWS publishes them."""

    def __init__(
        self,
        name: str,
        settings: WafSettings,
        context: Context,
        *,
        scope: Scope,
        global_logs: GlobalLogs | None = None,
        place: WafPlace = "front",
        trusted_header: tuple[str, pulumi.Output[str]] | None = None,
        counted: Counted = EVERYTHING,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create a web ACL with its rules and logs. ``global_logs``: where CloudFront's web ACL writes; every other
        one writes in the platform's region.

        ``trusted_header``: requests that carry it came through CloudFront, whose own web ACL let them pass. Judged here
        again, all of them would count as a few addresses, CloudFront's.

        ``counted``: what the rate limit counts.

        ``place``: behind CloudFront every request is judged again, senders by the address that CloudFront forwards.
        """
        super().__init__(name, context, opts)
        self.capacity = settings.capacity_at(
            place, trusts=trusted_header is not None, counted=len(counted.only) + len(counted.but)
        )
        self._region = GLOBAL_REGION if scope == "CLOUDFRONT" else None
        self._scope = scope
        sets = AddressSets(
            allowed=self._address_sets("allowed", settings.allowed_addresses),
            blocked=self._address_sets("blocked", settings.blocked_addresses),
        )
        acl = aws.wafv2.WebAcl(
            name,
            scope=scope,
            description=f"{context.platform.name} {context.platform.stage}",
            default_action=aws.wafv2.WebAclDefaultActionArgs(allow=aws.wafv2.WebAclDefaultActionAllowArgs()),
            rules=web_acl_rules(settings, sets, place, trusted_header, counted),
            visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(**visibility(name)),
            association_config=_inspection(settings, scope),
            region=self._region,
            opts=self.child(),
        )
        self.arn = acl.arn
        if settings.logs:
            self._logs(acl, global_logs)
        self.register_outputs({"arn": self.arn})

    def _address_sets(self, key: str, addresses: tuple[str, ...]) -> list[pulumi.Output[str]]:
        families = {
            "IPV4": [address for address in addresses if ":" not in address],
            "IPV6": [address for address in addresses if ":" in address],
        }
        return [
            aws.wafv2.IpSet(
                f"{self.name}-{key}-{family.lower()}",
                scope=self._scope,
                ip_address_version=family,
                addresses=sorted(members),
                description=f"{key} addresses",
                region=self._region,
                opts=self.child(),
            ).arn
            for family, members in families.items()
            if members
        ]

    def _logs(self, acl: aws.wafv2.WebAcl, global_logs: GlobalLogs | None) -> None:
        """Log what the web ACL blocks or counts.
        https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html"""
        context = self.context
        path = request_log(context, self._scope)
        if global_logs is not None:
            permission = global_logs.permission
        else:
            statement = waf_writes(context, path, region=context.region)
            permission = log_permission(self, f"{context.slug}-web-acl", [statement])
        logging = global_logs.logging if global_logs else context.logging
        group = log_group(self, "requests", path, logging=logging, region=self._region)
        aws.wafv2.WebAclLoggingConfiguration(
            f"{self.name}-requests",
            resource_arn=acl.arn,
            log_destination_configs=[group.arn],
            redacted_fields=[
                aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                    single_header=aws.wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=header)
                )
                for header in _REDACTED_HEADERS
            ],
            region=self._region,
            opts=self.child(depends_on=[permission]),
        )


def _inspection(settings: WafSettings, scope: Scope) -> aws.wafv2.WebAclAssociationConfigArgs | None:
    """Return how much of a body CloudFront hands over for inspection: 16 KB, or the next step that covers the limits.
    ALB's 8 KB are fixed."""
    largest = max(settings.body_limits.values(), default=0)
    if scope == "REGIONAL" or largest <= 16:
        return None
    step = next(step for step in (32, 48, 64) if largest <= step)
    return aws.wafv2.WebAclAssociationConfigArgs(
        request_bodies=[
            aws.wafv2.WebAclAssociationConfigRequestBodyArgs(
                cloudfront=aws.wafv2.WebAclAssociationConfigRequestBodyCloudfrontArgs(
                    default_size_inspection_limit=f"KB_{step}"
                )
            )
        ]
    )
