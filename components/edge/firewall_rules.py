"""The rules of a web ACL, from the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import wafv2

from settings.models.edge import MANAGED_RULES, WafSettings

_RATE_WINDOW = 300
"""Seconds; the rate limit is given for five minutes."""

_REGIONAL_BODY_KB = 8
"""All that a load balancer hands to the firewall.

https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
"""

# Rules of AWS's groups that only count here. The common rules refuse bodies above 8 KB on every path; this web ACL has a
# limit of its own that knows the paths of uploads.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
_COUNTED = {"common": ("SizeRestrictions_BODY",)}


@dataclass(frozen=True)
class AddressSets:
    """ARNs of the sets of each list: one for each address family that the list has."""

    allowed: Sequence[pulumi.Output[str]]
    blocked: Sequence[pulumi.Output[str]]


def firewall_rules(
    settings: WafSettings, sets: AddressSets, scope: str, trusted_header: tuple[str, pulumi.Output[str]] | None
) -> list[wafv2.WebAclRuleArgs]:
    """All rules; each has a place of its own, so that a further one moves none."""
    return [
        *_trusted(trusted_header, sets),
        *_own_rules(settings, sets, scope),
        *(
            _rule(name, 100 + place, _managed(name), override_action=_override(settings.mode))
            for place, name in enumerate(MANAGED_RULES)
            if name in settings.managed_rules
        ),
    ]


def visibility(name: str) -> dict[str, Any]:
    """Metrics and samples, on for every rule (WAF.12)."""
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": True}


def _trusted(header: tuple[str, pulumi.Output[str]] | None, sets: AddressSets) -> Iterator[wafv2.WebAclRuleArgs]:
    allow = wafv2.WebAclRuleActionArgs(allow=wafv2.WebAclRuleActionAllowArgs())
    if header is not None:
        name, value = header
        field = wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
            single_header=wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchSingleHeaderArgs(name=name)
        )
        yield _rule("through-cloudfront", 0, _matches(field, "EXACTLY", value), action=allow)
    if sets.allowed:
        yield _rule("allowed-addresses", 1, _any_of(sets.allowed), action=allow)


def _own_rules(settings: WafSettings, sets: AddressSets, scope: str) -> Iterator[wafv2.WebAclRuleArgs]:
    refuse = _action(settings.mode)
    if sets.blocked:
        yield _rule("blocked-addresses", 2, _any_of(sets.blocked), action=refuse)
    if settings.blocked_countries:
        geo = wafv2.WebAclRuleStatementGeoMatchStatementArgs(country_codes=list(settings.blocked_countries))
        yield _rule("blocked-countries", 3, wafv2.WebAclRuleStatementArgs(geo_match_statement=geo), action=refuse)
    rate = wafv2.WebAclRuleStatementRateBasedStatementArgs(
        limit=settings.rate_limit, aggregate_key_type="IP", evaluation_window_sec=_RATE_WINDOW
    )
    yield _rule("rate", 4, wafv2.WebAclRuleStatementArgs(rate_based_statement=rate), action=refuse)
    kilobytes = min(settings.max_body_kb, _REGIONAL_BODY_KB) if scope == "REGIONAL" else settings.max_body_kb
    yield _rule("body-size", 5, _too_large(kilobytes, settings.upload_paths), action=refuse)


def _rule(
    name: str,
    place: int,
    statement: wafv2.WebAclRuleStatementArgs,
    *,
    action: wafv2.WebAclRuleActionArgs | None = None,
    override_action: wafv2.WebAclRuleOverrideActionArgs | None = None,
) -> wafv2.WebAclRuleArgs:
    return wafv2.WebAclRuleArgs(
        name=name,
        priority=place,
        statement=statement,
        action=action,
        override_action=override_action,
        visibility_config=wafv2.WebAclRuleVisibilityConfigArgs(**visibility(name)),
    )


def _action(mode: str) -> wafv2.WebAclRuleActionArgs:
    if mode == "count":
        return wafv2.WebAclRuleActionArgs(count=wafv2.WebAclRuleActionCountArgs())
    return wafv2.WebAclRuleActionArgs(block=wafv2.WebAclRuleActionBlockArgs())


def _override(mode: str) -> wafv2.WebAclRuleOverrideActionArgs:
    if mode == "count":
        return wafv2.WebAclRuleOverrideActionArgs(count=wafv2.WebAclRuleOverrideActionCountArgs())  # type: ignore[no-untyped-call]
    return wafv2.WebAclRuleOverrideActionArgs(none=wafv2.WebAclRuleOverrideActionNoneArgs())  # type: ignore[no-untyped-call]


def _managed(name: str) -> wafv2.WebAclRuleStatementArgs:
    count = wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseArgs(
        count=wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideActionToUseCountArgs()
    )
    return wafv2.WebAclRuleStatementArgs(
        managed_rule_group_statement=wafv2.WebAclRuleStatementManagedRuleGroupStatementArgs(
            vendor_name="AWS",
            name=MANAGED_RULES[name].group,
            rule_action_overrides=[
                wafv2.WebAclRuleStatementManagedRuleGroupStatementRuleActionOverrideArgs(
                    name=counted, action_to_use=count
                )
                for counted in _COUNTED.get(name, ())
            ],
        )
    )


def _any_of(sets: Sequence[pulumi.Output[str]]) -> wafv2.WebAclRuleStatementArgs:
    statements = [
        wafv2.WebAclRuleStatementArgs(
            ip_set_reference_statement=wafv2.WebAclRuleStatementIpSetReferenceStatementArgs(arn=arn)
        )
        for arn in sets
    ]
    if len(statements) == 1:
        return statements[0]
    return wafv2.WebAclRuleStatementArgs(or_statement=wafv2.WebAclRuleStatementOrStatementArgs(statements=statements))


def _too_large(kilobytes: int, upload_paths: Sequence[str]) -> wafv2.WebAclRuleStatementArgs:
    """Bodies above the limit, and those of which the firewall sees only a part, but for paths of uploads."""
    size = wafv2.WebAclRuleStatementArgs(
        size_constraint_statement=wafv2.WebAclRuleStatementSizeConstraintStatementArgs(
            field_to_match=wafv2.WebAclRuleStatementSizeConstraintStatementFieldToMatchArgs(
                body=wafv2.WebAclRuleStatementSizeConstraintStatementFieldToMatchBodyArgs(oversize_handling="MATCH")
            ),
            comparison_operator="GT",
            size=kilobytes * 1024,
            text_transformations=[
                wafv2.WebAclRuleStatementSizeConstraintStatementTextTransformationArgs(priority=0, type="NONE")
            ],
        )
    )
    if not upload_paths:
        return size
    path = wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
        uri_path=wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchUriPathArgs()  # type: ignore[no-untyped-call]
    )
    elsewhere = [
        wafv2.WebAclRuleStatementArgs(
            not_statement=wafv2.WebAclRuleStatementNotStatementArgs(statement=_matches(path, "STARTS_WITH", prefix))
        )
        for prefix in upload_paths
    ]
    return wafv2.WebAclRuleStatementArgs(
        and_statement=wafv2.WebAclRuleStatementAndStatementArgs(statements=[size, *elsewhere])
    )


def _matches(
    field: wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs, where: str, text: pulumi.Input[str]
) -> wafv2.WebAclRuleStatementArgs:
    return wafv2.WebAclRuleStatementArgs(
        byte_match_statement=wafv2.WebAclRuleStatementByteMatchStatementArgs(
            field_to_match=field,
            positional_constraint=where,
            search_string=text,
            text_transformations=[
                wafv2.WebAclRuleStatementByteMatchStatementTextTransformationArgs(priority=0, type="NONE")
            ],
        )
    )
