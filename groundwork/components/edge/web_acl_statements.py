"""What a rule of a web ACL looks for, in the provider's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pulumi
from pulumi_aws import wafv2

from groundwork.components.edge.settings import MOST_COUNTRIES, PATH_TRANSFORMATIONS, SCRIPT_TRANSFORMATIONS

Statement = wafv2.WebAclRuleStatementArgs

FORWARDED = "X-Forwarded-For"
"""Where CloudFront writes whose request it is, behind whatever the sender wrote there."""

# A request without a readable address there is none that a rule about addresses knows; CloudFront's web ACL has seen the true one.
_UNKNOWN = "NO_MATCH"

_NONE = ("NONE",)


def any_of(statements: Sequence[Statement]) -> Statement:
    """Match where one of these statements does."""
    if len(statements) == 1:
        return statements[0]
    return Statement(or_statement=wafv2.WebAclRuleStatementOrStatementArgs(statements=list(statements)))


def all_of(statements: Sequence[Statement]) -> Statement:
    """Match where each of these statements does."""
    if len(statements) == 1:
        return statements[0]
    return Statement(and_statement=wafv2.WebAclRuleStatementAndStatementArgs(statements=list(statements)))


def none_of(statements: Sequence[Statement]) -> list[Statement]:
    """Negate each of these statements."""
    return [Statement(not_statement=wafv2.WebAclRuleStatementNotStatementArgs(statement=each)) for each in statements]


def under(prefixes: Sequence[str]) -> list[Statement]:
    """Match paths that start with one of these, however they are written: a statement for each."""
    return [matches("path", "starts-with", prefix, transformations=PATH_TRANSFORMATIONS) for prefix in prefixes]


def labelled(label: str) -> Statement:
    """Match requests on which an earlier rule has put the label; without a prefix, a rule of the same web ACL.

    https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-label-match.html
    """
    return Statement(label_match_statement=wafv2.WebAclRuleStatementLabelMatchStatementArgs(scope="LABEL", key=label))


_CONSTRAINTS = {"contains": "CONTAINS", "starts-with": "STARTS_WITH", "ends-with": "ENDS_WITH", "exactly": "EXACTLY"}


def matches(
    part: str,
    how: str,
    text: pulumi.Input[str],
    *,
    header: str | None = None,
    transformations: Sequence[str] = _NONE,
) -> Statement:
    """Match requests of which a part has a text, after ``transformations``."""
    return Statement(
        byte_match_statement=wafv2.WebAclRuleStatementByteMatchStatementArgs(
            field_to_match=wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs(
                **_field("ByteMatch", part, header=header)
            ),
            positional_constraint=_CONSTRAINTS[how],
            search_string=text,
            text_transformations=_transformations("ByteMatch", transformations),
        )
    )


def larger(part: str, size: int) -> Statement:
    """Match requests of which a part is above ``size`` bytes, or so large that AWS WAF sees only its beginning."""
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
    """Match requests of which a part has cross-site scripting.
    https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-xss-match.html"""
    return Statement(
        xss_match_statement=wafv2.WebAclRuleStatementXssMatchStatementArgs(
            field_to_match=wafv2.WebAclRuleStatementXssMatchStatementFieldToMatchArgs(**_field("XssMatch", part)),
            text_transformations=_transformations("XssMatch", SCRIPT_TRANSFORMATIONS),
        )
    )


def from_addresses(sets: Sequence[pulumi.Output[str]], *, forwarded: bool) -> Statement:
    """Match senders in one of the sets. Behind CloudFront the last address is the one that CloudFront added, which no
    sender can write."""
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
    """Match senders whose address is of one of the countries, of which one statement takes only so many."""
    config = (
        wafv2.WebAclRuleStatementGeoMatchStatementForwardedIpConfigArgs(
            header_name=FORWARDED, fallback_behavior=_UNKNOWN
        )
        if forwarded
        else None
    )
    return any_of(
        [
            Statement(
                geo_match_statement=wafv2.WebAclRuleStatementGeoMatchStatementArgs(
                    country_codes=list(some), forwarded_ip_config=config
                )
            )
            for some in (codes[at : at + MOST_COUNTRIES] for at in range(0, len(codes), MOST_COUNTRIES))
        ]
    )


def too_many(limit: int, seconds: int, *, forwarded: bool, of: Sequence[Statement] = ()) -> Statement:
    """Match an address with more than ``limit`` requests within ``seconds``, of those for which all of ``of`` are
    true.

    Behind CloudFront AWS counts by the first address of the header, which a sender may have written, to be counted as somebody
    else or to have somebody else refused. So only requests are counted whose header has one address: CloudFront's own entry.
    CloudFront's web ACL counts all by their true address.
    https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-forwarded-ip-address.html
    """
    several = matches("header", "contains", ",", header=FORWARDED.lower())
    counted = [*(none_of([several]) if forwarded else ()), *of]
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
            # The provider has classes of its own for statements in this place, of the same shape.
            scope_down_statement=cast(Any, all_of(counted)) if counted else None,
        )
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
