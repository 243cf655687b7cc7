"""The firewalls: at CloudFront, at a load balancer that anybody reaches, at one behind CloudFront."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preview.verdicts import judge
from settings.models.edge import MANAGED_RULES, WafSettings
from tests.components.test_edge import ACL, BALANCER, edge, one, rules
from tests.requirements import proves
from tests.test_guardrails_on_stacks import TODAY

FRONT, BALANCED = "shop-edge-firewall-acl", "shop-edge-regional-firewall-acl"
FULL: dict[str, Any] = {
    "managed_rules": ["common", "known-bad-inputs", "sql", "linux", "ip-reputation"],
    "rate_limit": 2000,
    "blocked_countries": ["KP"],
    "allowed_addresses": ["203.0.113.4/32", "2001:db8::/32"],
    "blocked_addresses": ["198.51.100.0/24"],
    "cross_site_scripting": True,
    "sizes": {"path": 1024, "query": 2048, "cookies": 8192, "header": 4096},
    "max_body_kb": 8,
    "upload_paths": ["/api/media"],
    "rules": {
        "probes": {"match": "starts-with", "texts": ["/wp-admin", "/.git"]},
        "scanners": {"part": "header", "header": "user-agent", "texts": ["sqlmap"], "count": True},
    },
    "load_balancer": True,
}
OWN = {
    "allowed-addresses", "blocked-addresses", "blocked-countries", "rate", "body-size", "request-size", "scripts",
    "scripts-in-body", "own-probes", "own-scanners", "common", "known-bad-inputs", "sql", "linux",
}  # fmt: skip


@proves("S1-18")
def test_cloudfront_and_the_private_load_balancer_behind_it_have_every_rule_that_was_asked_for() -> None:
    snapshot = edge({"waf": FULL})
    assert rules(snapshot, FRONT).keys() == OWN | {"ip-reputation"}
    assert rules(snapshot, BALANCED).keys() == OWN
    association = one(snapshot, "aws:wafv2/webAclAssociation:WebAclAssociation").inputs
    assert association["resourceArn"] == one(snapshot, BALANCER).outputs["arn"]
    assert association["webAclArn"] == one(snapshot, ACL, BALANCED).outputs["arn"]


@proves("S1-18")
def test_behind_cloudfront_addresses_are_those_that_cloudfront_forwards() -> None:
    found = rules(edge({"waf": FULL}), BALANCED)
    rate = found["rate"]["statement"]["rateBasedStatement"]
    assert (rate["limit"], rate["evaluationWindowSec"], rate["aggregateKeyType"]) == (2000, 300, "FORWARDED_IP")
    assert rate["forwardedIpConfig"] == {"headerName": "X-Forwarded-For", "fallbackBehavior": "NO_MATCH"}
    assert found["blocked-countries"]["statement"]["geoMatchStatement"]["forwardedIpConfig"]["headerName"] == (
        "X-Forwarded-For"
    )
    for name in ("allowed-addresses", "blocked-addresses"):
        statement = found[name]["statement"]
        for item in statement["orStatement"]["statements"] if "orStatement" in statement else [statement]:
            # The first address is the sender's to write, and would let anybody in.
            assert item["ipSetReferenceStatement"]["ipSetForwardedIpConfig"]["position"] == "LAST"


def test_nobody_has_another_address_refused_by_writing_it_into_a_header() -> None:
    rate = rules(edge({"waf": FULL}), BALANCED)["rate"]["statement"]["rateBasedStatement"]
    several = rate["scopeDownStatement"]["notStatement"]["statement"]["byteMatchStatement"]
    assert several["fieldToMatch"] == {"singleHeader": {"name": "x-forwarded-for"}}
    assert (several["positionalConstraint"], several["searchString"]) == ("CONTAINS", ",")


def test_at_cloudfront_addresses_are_the_senders_own() -> None:
    rate = rules(edge({"waf": FULL}), FRONT)["rate"]["statement"]["rateBasedStatement"]
    assert rate["aggregateKeyType"] == "IP"
    assert not {"forwardedIpConfig", "scopeDownStatement"} & rate.keys()


def test_without_the_setting_a_load_balancer_behind_cloudfront_has_no_firewall() -> None:
    snapshot = edge({"waf": {**FULL, "load_balancer": False}})
    assert [acl.name for acl in snapshot.of_type(ACL)] == [FRONT]
    assert not snapshot.of_type("aws:wafv2/webAclAssociation:WebAclAssociation")


def test_a_public_load_balancer_for_cloudfront_alone_is_behind_it_too() -> None:
    found = rules(edge({"waf": FULL, "load_balancer": {"exposure": "cloudfront"}}), BALANCED)
    assert found["rate"]["statement"]["rateBasedStatement"]["aggregateKeyType"] == "FORWARDED_IP"
    assert "through-cloudfront" not in found


def test_on_the_internet_the_setting_changes_nothing() -> None:
    asked = edge({"waf": FULL, "load_balancer": {"exposure": "internet"}})
    unasked = edge({"waf": {**FULL, "load_balancer": False}, "load_balancer": {"exposure": "internet"}})
    assert rules(asked, BALANCED) == rules(unasked, BALANCED)


@proves("S1-18")
def test_scripts_are_searched_in_path_query_and_body_but_not_in_uploads() -> None:
    found = rules(edge({"waf": FULL}))
    parts = [item["xssMatchStatement"] for item in found["scripts"]["statement"]["orStatement"]["statements"]]
    assert [next(iter(part["fieldToMatch"])) for part in parts] == ["uriPath", "queryString"]
    body, elsewhere = found["scripts-in-body"]["statement"]["andStatement"]["statements"]
    assert body["xssMatchStatement"]["fieldToMatch"] == {"body": {"oversizeHandling": "CONTINUE"}}
    assert elsewhere["notStatement"]["statement"]["byteMatchStatement"]["searchString"] == "/api/media"
    for part in [*parts, body["xssMatchStatement"]]:
        assert [item["type"] for item in part["textTransformations"]] == ["URL_DECODE", "HTML_ENTITY_DECODE"]


@proves("S1-18")
def test_every_part_of_a_request_has_its_largest_size() -> None:
    found = rules(edge({"waf": FULL}))
    sizes = [
        item["sizeConstraintStatement"] for item in found["request-size"]["statement"]["orStatement"]["statements"]
    ]
    assert [(next(iter(item["fieldToMatch"])), item["size"]) for item in sizes] == [
        ("uriPath", 1024),
        ("queryString", 2048),
        ("singleHeader", 8192),
        ("headers", 4096),
    ]
    assert sizes[2]["fieldToMatch"] == {"singleHeader": {"name": "cookie"}}
    assert sizes[3]["fieldToMatch"]["headers"][0]["oversizeHandling"] == "MATCH"
    assert {item["comparisonOperator"] for item in sizes} == {"GT"}


def test_behind_cloudfront_a_body_is_measured_only_as_far_as_a_load_balancer_shows_it() -> None:
    assert "body-size" in rules(edge({"waf": {**FULL, "max_body_kb": 8}}), BALANCED)
    assert "body-size" not in rules(edge({"waf": {**FULL, "max_body_kb": 16}}), BALANCED)


def test_a_rule_of_the_stack_file_refuses_or_counts() -> None:
    found = rules(edge({"waf": FULL}))
    assert found["own-probes"]["action"] == {"block": {}}
    assert found["own-scanners"]["action"] == {"count": {}}
    texts = found["own-probes"]["statement"]["orStatement"]["statements"]
    assert [item["byteMatchStatement"]["searchString"] for item in texts] == ["/wp-admin", "/.git"]
    assert rules(edge({"waf": {**FULL, "mode": "count"}}))["own-probes"]["action"] == {"count": {}}


def test_rules_stand_in_order_and_each_has_a_number_of_its_own() -> None:
    for name in (FRONT, BALANCED):
        numbers = [rule["priority"] for rule in rules(edge({"waf": FULL}), name).values()]
        assert numbers == sorted(set(numbers))


# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statements-list.html, each statement's own page.
_UNITS = {"ipSetReferenceStatement": 1, "geoMatchStatement": 1, "sizeConstraintStatement": 1, "xssMatchStatement": 40}
_TEXT_UNITS = {"EXACTLY": 2, "STARTS_WITH": 2, "ENDS_WITH": 2, "CONTAINS": 10}
_GROUPS = {rules.group: rules.capacity for rules in MANAGED_RULES.values()}


def units(statement: dict[str, Any]) -> int:
    """What AWS's pages say that a statement takes, counted on what was declared."""
    [(kind, content)] = statement.items()
    if kind == "managedRuleGroupStatement":
        return int(_GROUPS[content["name"]])
    if kind == "rateBasedStatement":
        return 2 + (units(content["scopeDownStatement"]) if "scopeDownStatement" in content else 0)
    if kind == "notStatement":
        return units(dict(content["statement"]))
    if kind in ("andStatement", "orStatement"):
        return sum(units(item) for item in content["statements"])
    base = _TEXT_UNITS[content["positionalConstraint"]] if kind == "byteMatchStatement" else _UNITS[kind]
    transformed = [item for item in content.get("textTransformations", ()) if item["type"] != "NONE"]
    return base + 10 * len(transformed)


def _capacities(waf: dict[str, Any], exposure: str) -> Iterator[tuple[int, int]]:
    snapshot = edge({"waf": waf, "load_balancer": {"exposure": exposure}})
    known = WafSettings.model_validate(waf)
    expected = {FRONT: known.capacity}
    if exposure == "internet":
        expected[BALANCED] = known.capacity_at("public-balancer", trusts=True)
    elif waf.get("load_balancer"):
        expected[BALANCED] = known.capacity_at("behind-cloudfront")
    assert {acl.name for acl in snapshot.of_type(ACL)} == expected.keys()
    for name, capacity in expected.items():
        yield sum(units(rule["statement"]) for rule in rules(snapshot, name).values()), capacity


@proves("S1-18")
@pytest.mark.parametrize("exposure", ["vpc-origin", "internet"])
@pytest.mark.parametrize("waf", [FULL, {}, {**FULL, "max_body_kb": 64, "sizes": {}}], ids=["full", "plain", "large"])
def test_capacity_units_are_those_of_the_rules_that_are_built(waf: dict[str, Any], exposure: str) -> None:
    for declared, counted in _capacities(waf, exposure):
        assert declared == counted


@given(
    waf=st.fixed_dictionaries(
        {
            "managed_rules": st.sets(st.sampled_from(sorted(MANAGED_RULES))).map(sorted),
            "upload_paths": st.integers(0, 3).map(lambda count: [f"/{index}" for index in range(count)]),
            "cross_site_scripting": st.booleans(),
            "max_body_kb": st.sampled_from([8, 64]),
            "allowed_addresses": st.sampled_from([[], ["192.0.2.1/32"], ["192.0.2.1/32", "2001:db8::/32"]]),
            "load_balancer": st.just(True),
            "rules": st.sampled_from([{}, FULL["rules"]]),
            "sizes": st.sampled_from([{}, {"path": 100}, FULL["sizes"]]),
        }
    )
)
@settings(max_examples=8, deadline=None)
def test_capacity_units_are_counted_whatever_is_asked_for(waf: dict[str, Any]) -> None:
    for declared, counted in _capacities(waf, "vpc-origin"):
        assert declared == counted


@proves("S1-18")
def test_the_rules_that_were_asked_for_are_within_the_price_of_a_request() -> None:
    assert (
        WafSettings.model_validate({**FULL, "rules": {}, "managed_rules": FULL["managed_rules"][:4]}).capacity <= 1500
    )


def test_nothing_is_unknown_offline_and_the_guardrails_find_nothing_mandatory() -> None:
    snapshot = edge({"waf": FULL})
    assert '"$groundwork": "unknown"' not in snapshot.dumps()
    assert [finding.rule for finding in judge(snapshot, TODAY).blocking if "waf" in finding.rule] == []
