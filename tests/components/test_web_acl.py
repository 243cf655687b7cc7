"""The web ACLs: at CloudFront, at a load balancer that anybody reaches, at one behind CloudFront."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.components.edge.settings import MANAGED_RULES, WafSettings
from groundwork.preview.limits import waf_limits
from groundwork.preview.verdicts import judge
from groundwork.settings.facts import countries
from tests.components.test_edge import ACL, BALANCER, edge, one, rules
from tests.requirements import proves
from tests.test_guardrails_on_stacks import TODAY

FRONT, BALANCED = "shop-cdn-web-acl", "shop-ingress-regional-web-acl"
FULL: dict[str, Any] = {
    "managed_rules": ["common", "known-bad-inputs", "sql", "linux", "ip-reputation"],
    "rate_limit": 2000,
    "blocked_countries": ["KP"],
    "allowed_addresses": ["203.0.113.4/32", "2001:db8::/32"],
    "blocked_addresses": ["198.51.100.0/24"],
    "cross_site_scripting": True,
    "sizes": {"path": 1024, "query": 2048, "cookies": 8192, "header": 4096},
    "body_limits": {"/": 16, "/api/login": 8},
    "upload_paths": ["/api/media"],
    "rates": {"api": {"path": "/api/", "limit": 100}},
    "rules": {
        "probes": {"match": "starts-with", "texts": ["/wp-admin", "/.git"]},
        "scanners": {"part": "header", "header": "user-agent", "texts": ["sqlmap"], "count": True},
    },
    "load_balancer": True,
}
OWN = {
    "allowed-addresses", "blocked-addresses", "blocked-countries", "rate", "rate-of-everything", "uploads", "request-size", "scripts",
    "scripts-in-body", "own-probes", "own-scanners", "common", "known-bad-inputs", "sql", "linux", "text-in-body", "rate-api",
    "body-size-1",
}  # fmt: skip


@proves("S1-18")
def test_cloudfront_and_the_private_load_balancer_behind_it_have_every_rule_that_was_asked_for() -> None:
    snapshot = edge({"waf": FULL})
    assert rules(snapshot, FRONT).keys() == OWN | {"ip-reputation", "body-size-0"}
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


def test_more_countries_than_one_statement_takes_are_several() -> None:
    many = countries()[:120]
    statement = rules(edge({"waf": {**FULL, "blocked_countries": many}}), BALANCED)["blocked-countries"]["statement"]
    some = [one_["geoMatchStatement"]["countryCodes"] for one_ in statement["orStatement"]["statements"]]
    assert [len(codes) for codes in some] == [50, 50, 20]
    assert [code for codes in some for code in codes] == many


def test_nobody_has_another_address_refused_by_writing_it_into_a_header() -> None:
    rate = rules(edge({"waf": FULL}), BALANCED)["rate"]["statement"]["rateBasedStatement"]
    alone, *_ = rate["scopeDownStatement"]["andStatement"]["statements"]
    several = alone["notStatement"]["statement"]["byteMatchStatement"]
    assert several["fieldToMatch"] == {"singleHeader": {"name": "x-forwarded-for"}}
    assert (several["positionalConstraint"], several["searchString"]) == ("CONTAINS", ",")


def test_at_cloudfront_addresses_are_the_senders_own() -> None:
    rate = rules(edge({"waf": FULL}), FRONT)["rate"]["statement"]["rateBasedStatement"]
    assert rate["aggregateKeyType"] == "IP"
    assert "forwardedIpConfig" not in rate
    assert "X-Forwarded-For".lower() not in json.dumps(rate)


def test_without_the_setting_a_load_balancer_behind_cloudfront_has_no_web_acl() -> None:
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
    assert elsewhere["notStatement"]["statement"] == {"labelMatchStatement": {"scope": "LABEL", "key": "upload"}}
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


def _prefixes(statement: Any) -> list[str]:
    """The beginnings of paths in a statement, in its order."""
    if isinstance(statement, list):
        return [text for item in statement for text in _prefixes(item)]
    if not isinstance(statement, dict):
        return []
    if statement.get("positionalConstraint") == "STARTS_WITH":
        assert [item["type"] for item in statement["textTransformations"]] == ["URL_DECODE", "NORMALIZE_PATH"]
        return [statement["searchString"]]
    return [text for item in statement.values() for text in _prefixes(item)]


@proves("S2-17")
@pytest.mark.parametrize("name", [FRONT, BALANCED])
def test_by_default_an_upload_of_any_size_passes_both_web_acls(name: str) -> None:
    found = rules(edge({"load_balancer": {"exposure": "internet"}}), name)
    assert "sizeConstraintStatement" not in str(found)
    overrides = found["common"]["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]
    assert overrides == [{"name": "SizeRestrictions_BODY", "actionToUse": {"count": {}}}]


@proves("S2-17", "S1-18")
def test_limits_of_bodies_are_by_path_and_the_longest_that_fits_counts() -> None:
    found = rules(edge({"waf": {"body_limits": {"/": 48, "/api/": 16, "/api/login": 1}}}))
    sizes = {}
    for name in ("body-size-0", "body-size-1", "body-size-2"):
        size, *paths = found[name]["statement"]["andStatement"]["statements"]
        sizes[size["sizeConstraintStatement"]["size"]] = (
            [_prefixes(item)[0] for item in paths if "byteMatchStatement" in item],
            [_prefixes(item)[0] for item in paths if "notStatement" in item],
        )
        assert size["sizeConstraintStatement"]["fieldToMatch"] == {"body": {"oversizeHandling": "MATCH"}}
    assert sizes == {
        48 * 1024: ([], ["/api/", "/api/login"]),
        16 * 1024: (["/api/"], ["/api/login"]),
        1024: (["/api/login"], []),
    }
    inspected = one(edge({"waf": {"body_limits": {"/": 48}}}), ACL).inputs["associationConfig"]["requestBodies"][0]
    assert inspected["cloudfront"] == {"defaultSizeInspectionLimit": "KB_48"}


@proves("S2-17")
def test_a_load_balancers_web_acl_refuses_no_body_that_it_cannot_measure() -> None:
    """It sees 8 KB; a limit of 16 KB held there would refuse what CloudFront's lets pass."""
    for exposed in ({"waf": FULL}, {"waf": FULL, "load_balancer": {"exposure": "internet"}}):
        measured = [name for name in rules(edge(exposed), BALANCED) if name.startswith("body-size")]
        assert measured == ["body-size-1"]


@proves("S2-17")
def test_text_that_a_picture_holds_by_chance_refuses_no_upload_and_everything_else() -> None:
    found = rules(edge({"waf": {**FULL, "managed_rules": ["common", "sql", "unix", "php", "known-bad-inputs"]}}))
    assert found["uploads"]["action"] == {"count": {}}
    assert found["uploads"]["ruleLabels"] == [{"name": "upload"}]
    assert _prefixes(found["uploads"]["statement"]) == ["/api/media"]
    labels, elsewhere = found["text-in-body"]["statement"]["andStatement"]["statements"]
    assert found["text-in-body"]["action"] == {"block": {}}
    assert elsewhere == {"notStatement": {"statement": {"labelMatchStatement": {"scope": "LABEL", "key": "upload"}}}}
    marked = {
        item["labelMatchStatement"]["key"].rpartition(":")[2].upper() for item in labels["orStatement"]["statements"]
    }
    counted = {
        override["name"]
        for name in ("common", "sql", "unix", "php")
        for override in found[name]["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]
    }
    # What only counts and is marked by no label here would pass everywhere.
    assert {name.upper() for name in counted} - marked == {"SIZERESTRICTIONS_BODY"}
    assert marked <= {name.upper() for name in counted}
    # Log4j, Java and metadata are no accident.
    assert not found["known-bad-inputs"]["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]
    order = {name: rule["priority"] for name, rule in found.items()}
    assert order["uploads"] < order["scripts-in-body"] < order["common"] < order["text-in-body"] < order["body-size-0"]


def test_without_uploads_managed_rules_search_every_body() -> None:
    found = rules(edge({"waf": {"managed_rules": ["common", "sql"]}}))
    assert not {"uploads", "text-in-body"} & found.keys()
    assert not found["sql"]["statement"]["managedRuleGroupStatement"]["ruleActionOverrides"]


@proves("S0-12", "S1-18")
@pytest.mark.parametrize("name", [FRONT, BALANCED])
def test_a_rate_counts_what_services_answer_and_no_pictures_or_scripts(name: str) -> None:
    rate = rules(edge({"waf": FULL}), name)["rate"]["statement"]["rateBasedStatement"]
    assert rate["limit"] == 2000
    assert _prefixes(rate["scopeDownStatement"]) == ["/_next/static/", "/assets/", "/images/", "/static/"]
    everything = rules(edge({"waf": FULL}), name)["rate-of-everything"]["statement"]["rateBasedStatement"]
    assert everything["limit"] == 20_000
    assert _prefixes(everything) == []


@proves("S4-20")
def test_a_part_of_the_platform_has_a_rate_of_its_own() -> None:
    rate = rules(edge({"waf": FULL}))["rate-api"]["statement"]["rateBasedStatement"]
    assert (rate["limit"], rate["evaluationWindowSec"], rate["aggregateKeyType"]) == (100, 60, "IP")
    assert _prefixes(rate["scopeDownStatement"]) == ["/api/"]
    behind = rules(edge({"waf": FULL}), BALANCED)["rate-api"]["statement"]["rateBasedStatement"]
    assert _prefixes(behind["scopeDownStatement"]) == ["/api/"]
    assert behind["aggregateKeyType"] == "FORWARDED_IP"


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
_UNITS = {
    "labelMatchStatement": 1,
    "ipSetReferenceStatement": 1,
    "geoMatchStatement": 1,
    "sizeConstraintStatement": 1,
    "xssMatchStatement": 40,
}
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


COUNTED = 4
"""Static paths and the served bucket, which the rate leaves out."""


def _capacities(waf: dict[str, Any], exposure: str) -> Iterator[tuple[int, int]]:
    snapshot = edge({"waf": waf, "load_balancer": {"exposure": exposure}})
    known = WafSettings.model_validate(waf)
    expected = {FRONT: known.capacity_at("front", counted=COUNTED)}
    if exposure == "internet":
        expected[BALANCED] = known.capacity_at("public-balancer", trusts=True, counted=COUNTED)
    elif waf.get("load_balancer"):
        expected[BALANCED] = known.capacity_at("behind-cloudfront", counted=COUNTED)
    assert {acl.name for acl in snapshot.of_type(ACL)} == expected.keys()
    for name, capacity in expected.items():
        yield sum(units(rule["statement"]) for rule in rules(snapshot, name).values()), capacity


@proves("S1-18")
@pytest.mark.parametrize("exposure", ["vpc-origin", "internet"])
@pytest.mark.parametrize(
    "waf", [FULL, {}, {**FULL, "body_limits": {"/": 64}, "sizes": {}}], ids=["full", "plain", "large"]
)
def test_capacity_units_are_those_of_the_rules_that_are_built(waf: dict[str, Any], exposure: str) -> None:
    for declared, counted in _capacities(waf, exposure):
        assert declared == counted


@given(
    waf=st.fixed_dictionaries(
        {
            "managed_rules": st.sets(st.sampled_from(sorted(MANAGED_RULES))).map(sorted),
            "upload_paths": st.integers(0, 3).map(lambda count: [f"/{index}" for index in range(count)]),
            "cross_site_scripting": st.booleans(),
            "body_limits": st.sampled_from([{}, {"/": 8}, {"/": 64, "/a": 8, "/a/b": 2}]),
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


def test_the_rules_that_were_asked_for_cost_one_step_above_the_price_of_a_request() -> None:
    """$0.20 for a million requests; the rules by default cost nothing beside it."""
    asked = {**FULL, "rules": {}, "managed_rules": FULL["managed_rules"][:4]}
    assert WafSettings.model_validate(asked).capacity_at("front", counted=COUNTED) <= 2000
    assert WafSettings().capacity_at("front", counted=COUNTED) <= 1500


def test_nothing_is_unknown_offline_and_the_guardrails_find_nothing_mandatory() -> None:
    snapshot = edge({"waf": FULL})
    assert '"$groundwork": "unknown"' not in snapshot.dumps()
    assert [finding.rule.name for finding in judge(snapshot, TODAY).blocking if "waf" in finding.rule.name] == []


def _limits(waf: dict[str, Any]) -> list[str]:
    snapshot = edge({"waf": waf})
    said = WafSettings.model_validate(waf).model_dump(mode="json")
    return waf_limits(replace(snapshot, settings={"edge": {"waf": said}}))


@proves("S2-17", "S4-20")
def test_the_preview_says_what_is_limited() -> None:
    assert _limits({}) == [
        "The web ACL refuses requests of an address above 2,000 in 5 minutes to services.",
        "The web ACL refuses no body for its size.",
    ]
    assert _limits(FULL) == [
        "The web ACL refuses requests of an address above 2,000 in 5 minutes to services and 100 in a minute under /api/.",
        "The web ACL refuses bodies above 16 KB under / and 8 KB under /api/login, but not under /api/media (a load balancer's "
        "knows only limits up to 8 KB).",
    ]
    requests, bodies = _limits({"mode": "count"})
    assert requests.startswith("The web ACL counts, and lets pass, requests")
    assert bodies == "The web ACL refuses no body for its size."
    assert waf_limits(replace(edge({"waf": None}), settings={"edge": {"waf": None}})) == []
