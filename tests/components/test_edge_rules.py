"""Paths, names and capacity: the edge's arithmetic, without resources."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.edge.certificate import covering_names
from groundwork.components.edge.checks import MAX_CAPACITY, web_acl_fits
from groundwork.components.edge.paths import (
    ALL,
    KEPT_FOR_A_YEAR,
    Counted,
    PathTarget,
    answering,
    counted,
    path_targets,
    rewrite,
)
from groundwork.components.edge.settings import MANAGED_RULES, CdnSettings, WafSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings
from groundwork.components.storage.settings import BucketSettings

SEGMENTS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=0, max_size=3)
PATHS = SEGMENTS.map(lambda parts: "/" + "".join(f"{part}/" for part in parts) + "*")


NOTHING = CdnSettings(static_paths=())


def service(path: str, host: str | None = None) -> ServiceSettings:
    return ServiceSettings(port=3000, path=path, host=host)


@given(paths=st.sets(PATHS, min_size=1, max_size=6))
def test_a_path_inside_another_is_tried_before_it(paths: set[str]) -> None:
    order = list(path_targets({f"s{index}": service(path) for index, path in enumerate(paths)}, {}, NOTHING))
    assert order[-1] == ALL
    for place, path in enumerate(order):
        assert not any(path.startswith(earlier.rstrip("*")) for earlier in order[:place])


def test_a_bucket_takes_its_path_from_the_static_paths() -> None:
    found = path_targets(
        {"web": service("/*")},
        {"static": BucketSettings(cdn=True)},
        CdnSettings(static_paths=("/static/*", "/assets/*")),
    )
    assert found["/static/*"] == PathTarget("bucket", "static")
    assert found["/assets/*"] == PathTarget("static")


def test_a_service_on_a_host_of_its_own_changes_no_path() -> None:
    assert list(path_targets({"api": service("/v1/*", host="api")}, {}, CdnSettings(static_paths=("/static/*",)))) == [
        ALL
    ]


def test_a_rate_counts_what_services_answer_and_no_pictures_or_scripts() -> None:
    shop = {"web": service("/*"), "api": service("/api/*")}
    found = path_targets(shop, {"images": BucketSettings(cdn=True)}, CdnSettings(cached_paths={"/api/categories*": 60}))
    assert counted(found) == Counted(but=("/_next/static/", "/assets/", "/images/", "/static/"))


def test_a_path_of_a_service_inside_a_bucket_still_counts() -> None:
    shop = {"web": service("/*"), "resize": service("/images/resize/*")}
    assert counted(path_targets(shop, {"images": BucketSettings(cdn=True)}, NOTHING)) == Counted()


def test_over_a_site_of_files_the_paths_of_services_alone_count() -> None:
    site = {"site": BucketSettings(cdn=True, path="/*", purpose="static")}
    assert counted(path_targets({"api": service("/api/*")}, site, NOTHING)) == Counted(only=("/api/",))
    assert counted(path_targets({}, site, NOTHING)) == Counted()


def test_without_services_a_bucket_is_the_default() -> None:
    assert path_targets({}, {"images": BucketSettings(cdn=True)}, NOTHING)[ALL] == PathTarget("bucket", "images")


def test_an_objects_key_does_not_have_the_path_of_its_bucket() -> None:
    """S2-08"""
    code = rewrite("/images/*", "objects")
    assert code is not None
    assert 'startsWith("/images/")' in code
    assert f"substring({len('/images')})" in code
    assert "index.html" not in code


def test_a_path_that_is_the_key_needs_no_function() -> None:
    assert rewrite("/*", "objects") is None
    assert rewrite("/img*", "objects") is None


def test_a_folder_of_a_site_answers_with_its_index() -> None:
    code = rewrite("/*", "folders")
    assert code is not None
    assert "index.html" in code
    assert "substring" not in code


APPLICATION = BucketSettings.model_validate({"purpose": "static", "path": "/*", "spa": True})


def answers(code: str, *paths: str) -> list[str]:
    """What a function that runs when a viewer asks makes of paths: run for real."""
    asked = [{"request": {"method": "GET", "uri": path, "headers": {}, "querystring": {}}} for path in paths]
    return [answer["uri"] for answer in run(code, asked)]


def run(code: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("a CloudFront function is JavaScript, and there is no Node.js here to run it")
    program = f"'use strict';\n{code}\nconsole.log(JSON.stringify({json.dumps(events)}.map(handler)));"
    ended = subprocess.run([node, "-e", program], capture_output=True, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found


def test_links_into_an_application_answer_with_its_page_and_files_with_themselves() -> None:
    code = rewrite("/*", answering(APPLICATION))
    assert code is not None
    links = ["/", "/products/17", "/products/", "/about"]
    files = ["/favicon.ico", "/assets/index-4f2a.js", "/.well-known/security.txt"]
    assert answers(code, *links, *files) == ["/index.html"] * len(links) + files


def test_an_application_below_a_path_and_a_site_of_folders_answer_as_they_are() -> None:
    below, folders, objects = (
        rewrite("/app/*", "application"),
        rewrite("/docs/*", "folders"),
        rewrite("/images/*", "objects"),
    )
    assert below
    assert folders
    assert objects
    assert answers(below, "/app/", "/app/users/7", "/app/logo.svg") == ["/index.html", "/index.html", "/logo.svg"]
    assert answers(folders, "/docs/", "/docs/a/", "/docs/a/b.html") == ["/index.html", "/a/index.html", "/a/b.html"]
    assert answers(objects, "/images/a.jpg") == ["/a.jpg"]


def test_browsers_keep_what_is_there_and_says_nothing_itself() -> None:
    def response(status: int, **headers: str) -> dict[str, Any]:
        return {
            "response": {"statusCode": status, "headers": {name: {"value": value} for name, value in headers.items()}}
        }

    events = [response(200), response(304), response(403), response(200, **{"cache-control": "no-store"})]
    kept = [answer["headers"].get("cache-control", {}).get("value") for answer in run(KEPT_FOR_A_YEAR, events)]
    assert kept == ["public, max-age=31536000, immutable"] * 2 + [None, "no-store"]


def test_an_application_has_static_paths_of_its_own_and_services_keep_theirs() -> None:
    found = path_targets({"api": service("/api/*")}, {"app": APPLICATION}, CdnSettings(static_paths=("/assets/*",)))
    assert list(found.items()) == [
        ("/assets/*", PathTarget("assets", "app")),
        ("/api/*", PathTarget("service")),
        ("/*", PathTarget("bucket", "app")),
    ]
    below = BucketSettings.model_validate({"purpose": "static", "path": "/app/*", "spa": True})
    found = path_targets({"web": service("/*")}, {"app": below}, CdnSettings(static_paths=("/assets/*",)))
    assert found["/app/assets/*"] == PathTarget("assets", "app")
    assert found["/assets/*"] == PathTarget("static")
    assert set(counted(found).but) == {"/app/", "/app/assets/", "/assets/"}


def test_names_directly_below_the_domain_share_a_wildcard() -> None:
    assert covering_names("example.com", ["www.example.com", "api.example.com"]) == ["example.com", "*.example.com"]
    assert covering_names("example.com", ["a.b.example.com", "example.org"]) == [
        "example.com",
        "a.b.example.com",
        "example.org",
    ]
    assert covering_names("example.com", []) == ["example.com"]


@given(
    managed=st.sets(st.sampled_from(sorted(MANAGED_RULES))).map(sorted),
    paths=st.integers(0, 20),
    countries=st.booleans(),
)
def test_a_web_acls_capacity_is_the_sum_of_its_rules(managed: list[str], paths: int, countries: bool) -> None:
    settings = WafSettings.model_validate(
        {
            "managed_rules": managed,
            "rates": {f"r{index}": {"path": f"/{index}", "limit": 10} for index in range(paths)},
            "blocked_countries": ["KP"] if countries else [],
        }
    )
    expected = sum(MANAGED_RULES[name].capacity for name in managed) + 4 + (2 + 22) * paths + int(countries)
    assert settings.capacity == expected


def test_the_usual_rules_are_within_the_price_of_a_request() -> None:
    assert WafSettings().capacity <= 1500


def test_more_rules_than_a_web_acl_takes_are_a_mistake_with_the_numbers_in_it() -> None:
    def settings(paths: int) -> Settings:
        waf = {"rules": {"own": {"texts": [f"/{index}" for index in range(paths)]}}}
        return Settings.model_validate({"platform": {"name": "shop"}, "edge": {"waf": waf}})

    assert list(web_acl_fits(settings(10))) == []
    [mistake] = web_acl_fits(settings(500))
    assert str(MAX_CAPACITY) in mistake.message
    assert mistake.path == ("edge", "waf")
