"""The rules of a web ACL, from the settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import wafv2

from groundwork.components.edge.paths import EVERYTHING, Counted
from groundwork.components.edge.settings import BODY_LABELS, EVERYTHING_RATE, MANAGED_RULES, WafPlace, WafSettings
from groundwork.components.edge.web_acl_statements import (
    Statement,
    all_of,
    any_of,
    from_addresses,
    from_countries,
    has_script,
    labelled,
    larger,
    matches,
    none_of,
    too_many,
    under,
)

_RATE_WINDOW = 300
"""Seconds; the rate limit is given for five minutes."""

_FIRST_OWN, _FIRST_MANAGED, _AFTER_MANAGED, _FIRST_RATE, _FIRST_BODY = 20, 100, 200, 300, 400

_UPLOAD = "upload"
"""The label of requests whose path is one of uploads."""

_LABEL_PREFIX = "awswaf:managed:aws:"

# Rules of AWS's groups that only count here. The common rules refuse bodies above 8 KB on every path; this web ACL has
# limits of its own that know the paths.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
_COUNTED = {"common": ("SizeRestrictions_BODY",)}


@dataclass(frozen=True)
class AddressSets:
    """ARNs of the sets of each list: one for each address family that the list has."""

    allowed: Sequence[pulumi.Output[str]]
    blocked: Sequence[pulumi.Output[str]]


def web_acl_rules(
    settings: WafSettings,
    sets: AddressSets,
    place: WafPlace,
    trusted_header: tuple[str, pulumi.Output[str]] | None = None,
    counted: Counted = EVERYTHING,
) -> list[wafv2.WebAclRuleArgs]:
    """Return all rules; each has a number of its own, so that a further one moves none. ``counted``: what the rate
    limit counts."""
    return [
        *_trusted(trusted_header, sets, place),
        *_about_senders(settings, sets, place, counted),
        *_about_requests(settings),
        *_of_the_stack_file(settings),
        *(
            _rule(name, _FIRST_MANAGED + number, _managed(name, settings), override_action=_override(settings.mode))
            for number, name in enumerate(MANAGED_RULES)
            if name in settings.managed_at(place)
        ),
        *_text_in_bodies(settings, place),
        *_rates(settings, place),
        *_body_limits(settings, place),
    ]


def visibility(name: str) -> dict[str, Any]:
    """Return metrics and samples, on for every rule (WAF.12)."""
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


def _about_senders(
    settings: WafSettings, sets: AddressSets, place: WafPlace, counted: Counted
) -> Iterator[wafv2.WebAclRuleArgs]:
    refuse, forwarded = _action(settings.mode), _is_behind(place)
    if sets.blocked:
        yield _rule("blocked-addresses", 2, from_addresses(sets.blocked, forwarded=forwarded), action=refuse)
    if settings.blocked_countries:
        countries = from_countries(settings.blocked_countries, forwarded=forwarded)
        yield _rule("blocked-countries", 3, countries, action=refuse)
    dynamic = [*([any_of(under(counted.only))] if counted.only else ()), *none_of(under(counted.but))]
    rate = too_many(settings.rate_limit, _RATE_WINDOW, forwarded=forwarded, of=dynamic)
    yield _rule("rate", 4, rate, action=refuse)
    everything = too_many(settings.rate_limit * EVERYTHING_RATE, _RATE_WINDOW, forwarded=forwarded)
    yield _rule("rate-of-everything", 5, everything, action=refuse)


def _about_requests(settings: WafSettings) -> Iterator[wafv2.WebAclRuleArgs]:
    refuse = _action(settings.mode)
    if settings.upload_paths:
        yield _rule("uploads", 6, any_of(under(settings.upload_paths)), action=_action("count"), label=_UPLOAD)
    if settings.sizes.limits:
        sizes = any_of([larger(part, size) for part, size in settings.sizes.limits.items()])
        yield _rule("request-size", 7, sizes, action=refuse)
    if settings.cross_site_scripting:
        yield _rule("scripts", 8, any_of([has_script(part) for part in ("path", "query")]), action=refuse)
        yield _rule("scripts-in-body", 9, all_of([has_script("body"), *_no_upload(settings)]), action=refuse)


def _of_the_stack_file(settings: WafSettings) -> Iterator[wafv2.WebAclRuleArgs]:
    for number, (name, rule) in enumerate(settings.rules.items()):
        found = any_of([matches(rule.part, rule.match, text, header=rule.header) for text in rule.texts])
        action = _action("count" if rule.count else settings.mode)
        yield _rule(f"own-{name}", _FIRST_OWN + number, found, action=action)


def _no_upload(settings: WafSettings) -> list[Statement]:
    """Return the statement that spares upload paths: a picture holds anything, and is of any size."""
    return none_of([labelled(_UPLOAD)]) if settings.upload_paths else []


def _text_in_bodies(settings: WafSettings, place: WafPlace) -> Iterator[wafv2.WebAclRuleArgs]:
    """Block requests whose body has text that managed rules found. They cannot tell paths apart: where uploads are
    spared, they mark what they find, and this refuses the rest.

    https://docs.aws.amazon.com/waf/latest/developerguide/waf-managed-rule-group-override-options.html
    """
    labels = settings.body_labels_at(place)
    if labels:
        found = any_of([labelled(f"{_LABEL_PREFIX}{label}") for label in labels])
        yield _rule(
            "text-in-body", _AFTER_MANAGED, all_of([found, *_no_upload(settings)]), action=_action(settings.mode)
        )


def _rates(settings: WafSettings, place: WafPlace) -> Iterator[wafv2.WebAclRuleArgs]:
    for number, (name, rate) in enumerate(settings.rates.items()):
        found = too_many(rate.limit, rate.seconds, forwarded=_is_behind(place), of=under([rate.path]))
        yield _rule(f"rate-{name}", _FIRST_RATE + number, found, action=_action(settings.mode))


def _body_limits(settings: WafSettings, place: WafPlace) -> Iterator[wafv2.WebAclRuleArgs]:
    measured = settings.body_limits_at(place)
    for number, path in enumerate(settings.body_limits):
        if path in measured:
            statements = [
                larger("body", measured[path] * 1024),
                *(under([path]) if path != "/" else ()),
                *none_of(under(settings.limited_elsewhere(path))),
                *_no_upload(settings),
            ]
            yield _rule(f"body-size-{number}", _FIRST_BODY + number, all_of(statements), action=_action(settings.mode))


def _is_behind(place: WafPlace) -> bool:
    return place == "behind-cloudfront"


def _rule(
    name: str,
    place: int,
    statement: wafv2.WebAclRuleStatementArgs,
    *,
    action: wafv2.WebAclRuleActionArgs | None = None,
    override_action: wafv2.WebAclRuleOverrideActionArgs | None = None,
    label: str | None = None,
) -> wafv2.WebAclRuleArgs:
    return wafv2.WebAclRuleArgs(
        name=name,
        priority=place,
        statement=statement,
        action=action,
        override_action=override_action,
        rule_labels=[wafv2.WebAclRuleRuleLabelArgs(name=label)] if label else None,
        visibility_config=wafv2.WebAclRuleVisibilityConfigArgs(**visibility(name)),
    )


def _action(mode: str) -> wafv2.WebAclRuleActionArgs:
    if mode == "count":
        return wafv2.WebAclRuleActionArgs(count=wafv2.WebAclRuleActionCountArgs())
    return wafv2.WebAclRuleActionArgs(block=wafv2.WebAclRuleActionBlockArgs())


def _override(mode: str) -> wafv2.WebAclRuleOverrideActionArgs:
    if mode == "count":
        count = wafv2.WebAclRuleOverrideActionCountArgs()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        return wafv2.WebAclRuleOverrideActionArgs(count=count)
    none = wafv2.WebAclRuleOverrideActionNoneArgs()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
    return wafv2.WebAclRuleOverrideActionArgs(none=none)


def _managed(name: str, settings: WafSettings) -> wafv2.WebAclRuleStatementArgs:
    marking = BODY_LABELS.get(name, {}) if settings.upload_paths else {}
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
                for counted in (*_COUNTED.get(name, ()), *marking)
            ],
        )
    )
