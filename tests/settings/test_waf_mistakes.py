"""Web ACL settings that AWS would refuse: one message each, with the numbers in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.edge.checks import (
    MAX_CAPACITY,
    a_second_web_acl_has_a_load_balancer,
    cached_paths_have_a_service,
    web_acl_fits,
)
from groundwork.components.edge.settings import WafRule, WafSettings
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import dotted


def _settings(waf: dict[str, Any], edge: dict[str, Any] | None = None, **layers: Any) -> Settings:
    return Settings.model_validate(
        {"platform": {"name": "shop"}, **layers, "edge": {"cdn": {"static_paths": []}, **(edge or {}), "waf": waf}}
    )


def mistakes(waf: dict[str, Any], edge: dict[str, Any] | None = None, **layers: Any) -> list[str]:
    settings = _settings(waf, edge, **layers)
    found = [*web_acl_fits(settings), *a_second_web_acl_has_a_load_balancer(settings)]
    return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found]


def contains(count: int) -> dict[str, Any]:
    """A rule of ten capacity units for each text."""
    return {"rules": {"agents": {"part": "query", "texts": [f"word-{index}" for index in range(count)]}}}


def test_rules_above_the_capacity_limit_are_a_mistake() -> None:
    """Of 5,000 units the managed rules by default take 925, the two rates 4: 407 texts fit."""
    assert mistakes(contains(407)) == []
    assert mistakes(contains(408)) == [
        "edge.waf: its rules take 5009 capacity units and a web ACL takes 5000; name fewer upload_paths, rules or managed_rules "
        "(a text that is contained takes 10, one at the start or the end 2)"
    ]


def test_a_second_web_acl_is_counted_where_it_takes_more() -> None:
    # Behind CloudFront each rate takes 10 more, and there is no group about senders (25).
    waf = {
        **contains(407),
        "managed_rules": ["common", "known-bad-inputs"],
        "body_limits": {"/": 8},
        "load_balancer": True,
    }
    assert mistakes(waf) == []
    waf = {
        **contains(409),
        "managed_rules": ["common", "known-bad-inputs"],
        "body_limits": {"/": 8},
        "load_balancer": True,
    }
    [mistake] = mistakes(waf)
    assert "5015 capacity units at the load balancer" in mistake
    assert mistakes({**waf, "load_balancer": False}) == []


@given(texts=st.integers(1, 700), paths=st.integers(0, 20), scripts=st.booleans())
def test_the_limit_is_exact(texts: int, paths: int, scripts: bool) -> None:
    waf = {
        **contains(texts),
        "upload_paths": [f"/{index}" for index in range(paths)],
        "cross_site_scripting": scripts,
    }
    assert bool(mistakes(waf)) == (WafSettings.model_validate(waf).capacity > MAX_CAPACITY)


def test_app_runner_has_no_load_balancer_to_guard() -> None:
    waf = {"load_balancer": True}
    assert mistakes(waf, compute={"engine": "app-runner"}) == [
        "edge.waf.load_balancer: app-runner has no load balancer; take it out"
    ]
    assert mistakes(waf, compute={"engine": "fargate"}) == []


def test_a_path_is_cached_where_a_service_answers_it() -> None:
    def found(services: dict[str, Any]) -> list[str]:
        cdn = {"cached_paths": {"/api/categories*": 300}}
        settings = Settings.model_validate({"platform": {"name": "shop"}, "edge": {"cdn": cdn}, "services": services})
        return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in cached_paths_have_a_service(settings)]

    assert found({"api": {"port": 5000, "path": "/api/*"}}) == []
    assert found({"admin": {"port": 5000, "path": "/admin/*"}}) == [
        "edge.cdn.cached_paths./api/categories*: no service answers it; there is /admin/* (admin)"
    ]
    assert found({}) == [
        "edge.cdn.cached_paths./api/categories*: no service answers it; there is none that answers a path"
    ]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"texts": []}, "at least 1 item"),
        ({"texts": [""]}, "at least 1 character"),
        ({"texts": ["x" * 201]}, "at most 200"),
        ({"part": "header", "texts": ["x"]}, "needs its name"),
        ({"part": "path", "header": "user-agent", "texts": ["x"]}, "header goes with part: header"),
        ({"part": "cookie", "texts": ["x"]}, "path"),
        ({"match": "regex", "texts": ["x"]}, "contains"),
    ],
)
def test_a_rule_that_aws_would_refuse_says_what_it_takes(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WafRule.model_validate(rule)


@pytest.mark.parametrize(
    ("waf", "message"),
    [
        ({"sizes": {"path": 0}}, "greater than or equal to 1"),
        ({"sizes": {"header": 9000}}, "less than or equal to 8192"),
        ({"sizes": {"body": 100}}, "not permitted"),
        ({"rate_limit": 9}, "greater than or equal to 10"),
        ({"body_limits": {"/": 65}}, "less than or equal to 64"),
        ({"body_limits": {"api": 8}}, "should match pattern"),
        ({"rates": {"api": {"path": "/api/", "limit": 9}}}, "greater than or equal to 10"),
        ({"rates": {"api": {"path": "/api/", "limit": 100, "seconds": 90}}}, "60, 120, 300 or 600"),
        ({"rules": {f"rule-{index}": {"texts": ["x"]} for index in range(81)}}, "at most 80"),
    ],
)
def test_a_value_out_of_range_is_a_mistake(waf: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WafSettings.model_validate(waf)
