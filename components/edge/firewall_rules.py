"""The rules of a web ACL, from the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import wafv2

from components.edge.firewall_statements import (
    any_of,
    but_for_paths,
    from_addresses,
    from_countries,
    has_script,
    larger,
    matches,
    too_many,
)
from settings.models.edge import BALANCER_BODY_KB, MANAGED_RULES, WafPlace, WafSettings

_RATE_WINDOW = 300
"""Seconds; the rate limit is given for five minutes."""

_FIRST_OWN, _FIRST_MANAGED = 20, 100

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
    settings: WafSettings,
    sets: AddressSets,
    place: WafPlace,
    trusted_header: tuple[str, pulumi.Output[str]] | None = None,
) -> list[wafv2.WebAclRuleArgs]:
    """All rules; each has a number of its own, so that a further one moves none."""
    return [
        *_trusted(trusted_header, sets, place),
        *_about_senders(settings, sets, place),
        *_about_requests(settings, place),
        *_of_the_stack_file(settings),
        *(
            _rule(name, _FIRST_MANAGED + number, _managed(name), override_action=_override(settings.mode))
            for number, name in enumerate(MANAGED_RULES)
            if name in settings.managed_at(place)
        ),
    ]


def visibility(name: str) -> dict[str, Any]:
    """Metrics and samples, on for every rule (WAF.12)."""
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": True}


def _trusted(
    header: tuple[str, pulumi.Output[str]] | None, sets: AddressSets, place: WafPlace
) -> Iterator[wafv2.WebAclRuleArgs]:
    allow = wafv2.WebAclRuleActionArgs(allow=wafv2.WebAclRuleActionAllowArgs())
    if header is not None:
        name, value = header
        yield _rule("through-cloudfront", 0, matches("header", "exactly", value, header=name), action=allow)
    if sets.allowed:
        yield _rule("allowed-addresses", 1, from_addresses(sets.allowed, forwarded=_is_behind(place)), action=allow)


def _about_senders(settings: WafSettings, sets: AddressSets, place: WafPlace) -> Iterator[wafv2.WebAclRuleArgs]:
    refuse, forwarded = _action(settings.mode), _is_behind(place)
    if sets.blocked:
        yield _rule("blocked-addresses", 2, from_addresses(sets.blocked, forwarded=forwarded), action=refuse)
    if settings.blocked_countries:
        countries = from_countries(settings.blocked_countries, forwarded=forwarded)
        yield _rule("blocked-countries", 3, countries, action=refuse)
    yield _rule("rate", 4, too_many(settings.rate_limit, _RATE_WINDOW, forwarded=forwarded), action=refuse)


def _about_requests(settings: WafSettings, place: WafPlace) -> Iterator[wafv2.WebAclRuleArgs]:
    refuse = _action(settings.mode)
    if settings.limits_bodies(place):
        kilobytes = settings.max_body_kb if place == "front" else min(settings.max_body_kb, BALANCER_BODY_KB)
        body = but_for_paths(larger("body", kilobytes * 1024), settings.upload_paths)
        yield _rule("body-size", 5, body, action=refuse)
    if settings.sizes.limits:
        sizes = any_of([larger(part, size) for part, size in settings.sizes.limits.items()])
        yield _rule("request-size", 6, sizes, action=refuse)
    if settings.cross_site_scripting:
        yield _rule("scripts", 7, any_of([has_script(part) for part in ("path", "query")]), action=refuse)
        # A picture holds anything.
        body = but_for_paths(has_script("body"), settings.upload_paths)
        yield _rule("scripts-in-body", 8, body, action=refuse)


def _of_the_stack_file(settings: WafSettings) -> Iterator[wafv2.WebAclRuleArgs]:
    for number, (name, rule) in enumerate(settings.rules.items()):
        found = any_of([matches(rule.part, rule.match, text, header=rule.header) for text in rule.texts])
        action = _action("count" if rule.count else settings.mode)
        yield _rule(f"own-{name}", _FIRST_OWN + number, found, action=action)


def _is_behind(place: WafPlace) -> bool:
    return place == "behind-cloudfront"


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
