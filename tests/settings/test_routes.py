"""The order of a load balancer's rules: from the rule alone, so that no `up` meets a priority that is still held."""

from __future__ import annotations

import fnmatch
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from groundwork.components.services.checks import priorities_are_distinct
from groundwork.components.services.routes import LAST_PRIORITY, Route, routes
from groundwork.components.services.settings import PrioritySettings, ServiceSettings
from groundwork.components.settings import Settings

_PATHS = st.lists(st.sampled_from(["api", "a", "users", "v1", "*", "x*", "?", "l" * 30]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


def _services(*paths: str) -> dict[str, ServiceSettings]:
    return {f"s{place}": ServiceSettings(port=3000, path=path) for place, path in enumerate(paths)}


def _found(services: dict[str, ServiceSettings], engine: str = "fargate") -> dict[str, Route]:
    return {route.key: route for route in routes(services, "example.com", engine)}


@given(st.lists(_PATHS, unique=True, max_size=30))
def test_every_priority_is_one_that_aws_takes_and_lies_among_those_of_its_kind(paths: list[str]) -> None:
    for route in _found(_services(*paths)).values():
        assert 1 <= route.priority <= LAST_PRIORITY
        assert route.priority in route.places


@given(_PATHS, _PATHS, st.sampled_from(["", "a", "users/v1", "api/x"]))
def test_of_two_rules_for_one_request_the_one_that_says_more_is_asked_first(one: str, other: str, rest: str) -> None:
    request = one.replace("*", rest).replace("?", "a")
    if not fnmatch.fnmatchcase(request, other):
        return
    begins, begins_other = (re.split(r"[*?]", path)[0] for path in (one, other))
    places, places_other = (Route("s", 0, path=path).places for path in (one, other))
    if other != one and (one == begins or len(begins) > len(begins_other)) and other != begins_other:
        assert places[-1] < places_other[0]


@pytest.mark.parametrize(
    "ordered",
    [
        ["/api/login", "/api/*", "/*"],
        ["/a/*/orders/x", "/a/*/orders", "/a/?x", "/a/?", "/a/*"],
        ["/" + "l" * 40 + "/*/x", "/" + "l" * 40 + "/*", "/" + "l" * 39 + "*", "/l*"],
        ["/api/users/*", "/api/u*", "/api/*", "/ap*", "/*"],
    ],
)
def test_the_order_of_overlapping_paths_is_from_the_one_that_says_most(ordered: list[str]) -> None:
    places = [Route("s", 0, path=path).places for path in ordered]
    assert all(before[-1] < after[0] for before, after in pairwise(places))


@given(st.lists(_PATHS, unique=True, min_size=1, max_size=12), st.lists(_PATHS, unique=True, max_size=12))
@hypothesis_settings(max_examples=50)
def test_no_priority_moves_when_other_services_come_or_go(paths: list[str], others: list[str]) -> None:
    alone = _found(_services(*paths))
    beside = _found(
        {**_services(*paths), **{f"other{n}": ServiceSettings(port=1024, path=p) for n, p in enumerate(others)}}
    )
    assert {key: beside[key] for key in alone} == alone


def test_a_service_that_takes_over_a_path_or_moves_to_another_engine_does_not_want_the_priority_still_held() -> None:
    held = _found({"web": ServiceSettings(port=3000, path="/*", host="www")})
    renamed = _found({"site": ServiceSettings(port=3000, path="/*", host="www")})
    moved = _found({"web": ServiceSettings(port=3000, path="/*", host="www")}, "eks")
    taken = {route.priority for route in held.values()}
    assert taken.isdisjoint(route.priority for route in renamed.values())
    assert taken.isdisjoint(route.priority for route in moved.values())


def test_the_paths_that_once_shared_a_priority_have_their_own() -> None:
    found = _found(
        {"checkout": ServiceSettings(port=3000, path="/watch/*"), "cart": ServiceSettings(port=3000, path="/carts/*")}
    )
    assert found["checkout-path"].priority != found["cart-path"].priority


def _clash() -> tuple[dict[str, ServiceSettings], Route, Route]:
    """Two services whose rules draw one place: some pair among a thousand paths of one length does."""
    services = {f"s{n:04}": ServiceSettings(port=3000, path=f"/s{n:04}/*") for n in range(1000)}
    holders: dict[int, Route] = {}
    for route in routes(services, None, "fargate"):
        if route.priority in holders:
            first = holders[route.priority]
            return {name: services[name] for name in (first.service, route.service)}, first, route
        holders[route.priority] = route
    raise AssertionError


def _mistakes(services: dict[str, ServiceSettings]) -> list[str]:
    settings = Settings.model_validate(
        {
            "platform": {"name": "shop", "stage": "dev", "phase": "launch", "owner": "team"},
            "compute": {"engine": "fargate"},
            "services": {name: service.model_dump(exclude_unset=True) for name, service in services.items()},
        }
    )
    return [str(mistake) for mistake in priorities_are_distinct(settings)]


def test_two_rules_of_one_priority_are_a_mistake_that_names_both_and_the_way_out() -> None:
    services, first, second = _clash()
    [message] = _mistakes(services)
    assert message.startswith(f"services.{second.service}.priority.path: ")
    assert f'services.{first.service} has for "{first.path}"' in message
    free = int(message.rpartition("such as ")[2].split(",")[0])
    settled = {
        **services,
        second.service: services[second.service].model_copy(update={"priority": PrioritySettings(path=free)}),
    }
    assert _mistakes(settled) == []


def test_a_priority_that_would_change_which_service_answers_is_refused_with_those_allowed() -> None:
    services = {
        "web": ServiceSettings(port=3000, path="/*", priority=PrioritySettings(path=5)),
        "api": ServiceSettings(port=3000, path="/api/*"),
    }
    [message] = _mistakes(services)
    places = Route("web", 0, path="/*").places
    assert message == (
        f"services.web.priority.path: 5 would change which service answers; {places[0]} to {places[-1]} are for what "
        'is as specific as "/*"'
    )


def test_a_request_reaches_the_most_specific_service() -> None:
    services = {
        "web": ServiceSettings(port=3000, path="/*"),
        "api": ServiceSettings(port=5000, path="/api/*"),
        "login": ServiceSettings(port=5001, path="/api/login"),
        "admin": ServiceSettings(port=5002, path="/admin/*", host="admin"),
        "worker": ServiceSettings(),
        "inner": ServiceSettings(port=5003),
    }
    found = routes(services, "example.com", "fargate")
    assert {route.key for route in found} == {"web-path", "api-path", "login-path", "admin-host", "admin-path"}

    def reaches(host: str, path: str) -> str:
        return next(
            route.service
            for route in found
            if route.host == host or (route.path and fnmatch.fnmatchcase(path, route.path))
        )

    assert reaches("example.com", "/api/login") == "login"
    assert reaches("example.com", "/api/users") == "api"
    assert reaches("example.com", "/about") == "web"
    assert reaches("admin.example.com", "/about") == "admin"


def test_a_host_needs_a_domain_to_be_a_rule() -> None:
    services = {"api": ServiceSettings(port=5000, host="api")}
    assert routes(services, None, "fargate") == []
    assert [route.host for route in routes(services, "example.com", "fargate")] == ["api.example.com"]
