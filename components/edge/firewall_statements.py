"""What a rule of a web ACL looks for, in the provider's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws import wafv2

from settings.models.edge import SCRIPT_TRANSFORMATIONS

Statement = wafv2.WebAclRuleStatementArgs

FORWARDED = "X-Forwarded-For"
"""Where CloudFront writes whose request it is, behind whatever the sender wrote there."""

# A request without a readable address there is none that a rule about addresses knows; CloudFront's firewall has seen the true one.
_UNKNOWN = "NO_MATCH"

_NONE = ("NONE",)


def any_of(statements: Sequence[Statement]) -> Statement:
    """One of these is true."""
    if len(statements) == 1:
        return statements[0]
    return Statement(or_statement=wafv2.WebAclRuleStatementOrStatementArgs(statements=list(statements)))


def but_for_paths(statement: Statement, prefixes: Sequence[str]) -> Statement:
    """It is true, and the path starts with none of ``prefixes``."""
    if not prefixes:
        return statement
    elsewhere = [
        Statement(
            not_statement=wafv2.WebAclRuleStatementNotStatementArgs(statement=matches("path", "starts-with", prefix))
        )
        for prefix in prefixes
    ]
    return Statement(and_statement=wafv2.WebAclRuleStatementAndStatementArgs(statements=[statement, *elsewhere]))


_WHERE = {"contains": "CONTAINS", "starts-with": "STARTS_WITH", "ends-with": "ENDS_WITH", "exactly": "EXACTLY"}


def matches(part: str, how: str, text: pulumi.Input[str], *, header: str | None = None) -> Statement:
    """A part of the request has a text, as it stands there."""
    return Statement(
        byte_match_statement=wafv2.WebAclRuleStatementByteMatchStatementArgs(
            field_to_match=wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
                **_field("ByteMatch", part, header=header)
            ),
            positional_constraint=_WHERE[how],
            search_string=text,
            text_transformations=_transformations("ByteMatch", _NONE),
        )
    )


def larger(part: str, size: int) -> Statement:
    """A part of the request is above ``size`` bytes, or so large that the firewall sees only its beginning."""
    header = "cookie" if part == "cookies" else None
    return Statement(
        size_constraint_statement=wafv2.WebAclRuleStatementSizeConstraintStatementArgs(
            field_to_match=wafv2.WebAclRuleStatementSizeConstraintStatementFieldToMatchArgs(
                **_field(
                    "SizeConstraint", "header" if header else _EACH.get(part, part), header=header, oversize="MATCH"
                )
            ),
            comparison_operator="GT",
            size=size,
            text_transformations=_transformations("SizeConstraint", _NONE),
        )
    )


_EACH = {"header": "headers"}


def has_script(part: str) -> Statement:
    """https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-xss-match.html"""
    return Statement(
        xss_match_statement=wafv2.WebAclRuleStatementXssMatchStatementArgs(
            field_to_match=wafv2.WebAclRuleStatementXssMatchStatementFieldToMatchArgs(**_field("XssMatch", part)),
            text_transformations=_transformations("XssMatch", SCRIPT_TRANSFORMATIONS),
        )
    )


def from_addresses(sets: Sequence[pulumi.Output[str]], *, forwarded: bool) -> Statement:
    """The sender is in one of the sets. Behind CloudFront the last address is the one that CloudFront added, which no sender
    can write."""
    config = (
        wafv2.WebAclRuleStatementIpSetReferenceStatementIpSetForwardedIpConfigArgs(
            header_name=FORWARDED, position="LAST", fallback_behavior=_UNKNOWN
        )
        if forwarded
        else None
    )
    return any_of(
        [
            Statement(
                ip_set_reference_statement=wafv2.WebAclRuleStatementIpSetReferenceStatementArgs(
                    arn=arn, ip_set_forwarded_ip_config=config
                )
            )
            for arn in sets
        ]
    )


def from_countries(codes: Sequence[str], *, forwarded: bool) -> Statement:
    """The sender's address is of one of the countries."""
    config = (
        wafv2.WebAclRuleStatementGeoMatchStatementForwardedIpConfigArgs(
            header_name=FORWARDED, fallback_behavior=_UNKNOWN
        )
        if forwarded
        else None
    )
    return Statement(
        geo_match_statement=wafv2.WebAclRuleStatementGeoMatchStatementArgs(
            country_codes=list(codes), forwarded_ip_config=config
        )
    )


def too_many(limit: int, seconds: int, *, forwarded: bool) -> Statement:
    """More than ``limit`` requests of one address within ``seconds``.

    Behind CloudFront AWS counts by the first address of the header, which a sender may have written, to be counted as somebody
    else or to have somebody else refused. So only requests are counted whose header has one address: CloudFront's own entry.
    CloudFront's firewall counts all by their true address.
    https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-forwarded-ip-address.html
    """
    return Statement(
        rate_based_statement=wafv2.WebAclRuleStatementRateBasedStatementArgs(
            limit=limit,
            aggregate_key_type="FORWARDED_IP" if forwarded else "IP",
            evaluation_window_sec=seconds,
            forwarded_ip_config=wafv2.WebAclRuleStatementRateBasedStatementForwardedIpConfigArgs(
                header_name=FORWARDED, fallback_behavior=_UNKNOWN
            )
            if forwarded
            else None,
            scope_down_statement=_written_by_cloudfront_alone() if forwarded else None,
        )
    )


def _written_by_cloudfront_alone() -> wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementArgs:
    scope = "RateBasedStatementScopeDownStatementByteMatch"
    several = wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementArgs(
        byte_match_statement=wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementByteMatchStatementArgs(
            field_to_match=wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementByteMatchStatementFieldToMatchArgs(
                **_field(scope, "header", header=FORWARDED.lower())
            ),
            positional_constraint="CONTAINS",
            search_string=",",
            text_transformations=_transformations(scope, _NONE),
        )
    )
    return wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementArgs(
        not_statement=wafv2.WebAclRuleStatementRateBasedStatementScopeDownStatementNotStatementArgs(statement=several)
    )


# The provider has one class for each part of a request below each kind of statement, all of the same shape.
def _field(kind: str, part: str, *, header: str | None = None, oversize: str = "CONTINUE") -> dict[str, Any]:
    prefix = f"WebAclRuleStatement{kind}StatementFieldToMatch"
    if part == "header":
        return {"single_header": getattr(wafv2, f"{prefix}SingleHeaderArgs")(name=header)}
    if part == "headers":
        every = getattr(wafv2, f"{prefix}HeaderMatchPatternArgs")(
            all=getattr(wafv2, f"{prefix}HeaderMatchPatternAllArgs")()
        )
        whole = getattr(wafv2, f"{prefix}HeaderArgs")(
            match_scope="VALUE", oversize_handling=oversize, match_pattern=every
        )
        return {"headers": [whole]}
    if part == "body":
        return {"body": getattr(wafv2, f"{prefix}BodyArgs")(oversize_handling=oversize)}
    if part == "query":
        return {"query_string": getattr(wafv2, f"{prefix}QueryStringArgs")()}
    return {"uri_path": getattr(wafv2, f"{prefix}UriPathArgs")()}


def _transformations(kind: str, names: Sequence[str]) -> list[Any]:
    made = getattr(wafv2, f"WebAclRuleStatement{kind}StatementTextTransformationArgs")
    return [made(priority=place, type=name) for place, name in enumerate(names)]
