import fnmatch

from hypothesis import given, settings
from hypothesis import strategies as st

from components.compute.ecs.order import start_order
from components.compute.routing import LAST_PRIORITY, Route, priorities, routes
from settings.models.services import ServiceSettings

_NAMES = st.text("abcdef", min_size=1, max_size=6)
_PATHS = st.lists(st.sampled_from(["api", "a", "users", "v1", "*", "x*", "?"]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


def _path(service: str, path: str) -> Route:
    return Route(service, path=path)


@given(st.lists(_PATHS, unique=True, max_size=60))
def test_priorities_are_distinct_and_in_range(paths: list[str]) -> None:
    given_ = priorities([_path(f"s{index}", path) for index, path in enumerate(paths)])
    assert len(set(given_.values())) == len(paths)
    assert all(1 <= priority <= LAST_PRIORITY for priority in given_.values())


@given(st.lists(_PATHS, unique=True, min_size=2, max_size=20))
def test_a_longer_beginning_comes_first_and_an_exact_path_before_its_pattern(paths: list[str]) -> None:
    given_ = priorities([_path(path, path) for path in paths])
    for one in paths:
        for other in paths:
            begins, begins_other = (path.split("*")[0].split("?")[0] for path in (one, other))
            exact, exact_other = begins == one, begins_other == other
            if len(begins) > len(begins_other) or (begins == begins_other and exact and not exact_other):
                assert given_[f"{one}-path"] < given_[f"{other}-path"]


@given(st.lists(_PATHS, unique=True, max_size=20), _NAMES)
@settings(max_examples=50)
def test_the_order_of_the_stack_file_does_not_matter(paths: list[str], salt: str) -> None:
    found = [_path(f"{salt}{index}", path) for index, path in enumerate(paths)]
    assert priorities(found) == priorities(reversed(found))


def test_a_new_service_renumbers_no_other() -> None:
    paths = [f"/{name}/*" for name in ("users", "orders", "carts", "search", "media", "auth")]
    before = priorities([_path(path, path) for path in paths])
    after = priorities([_path(path, path) for path in [*paths, "/new/*", "/*", "/users/me"]])
    assert {key: after[key] for key in before} == before


def test_patterns_with_one_beginning_go_from_the_one_that_says_most() -> None:
    paths = ["/a/*/orders/x", "/a/*/orders", "/a/?", "/a/*"]
    given_ = priorities([_path(path, path) for path in reversed(paths)])
    assert sorted(paths, key=lambda path: given_[f"{path}-path"]) == paths


def test_a_request_reaches_the_most_specific_service() -> None:
    services = {
        "web": ServiceSettings(port=3000, path="/*"),
        "api": ServiceSettings(port=5000, path="/api/*"),
        "login": ServiceSettings(port=5001, path="/api/login"),
        "admin": ServiceSettings(port=5002, path="/admin/*", host="admin"),
        "worker": ServiceSettings(),
        "inner": ServiceSettings(port=5003),
    }
    found = routes(services, "example.com")
    order = priorities(found)
    assert {route.key for route in found} == {"web-path", "api-path", "login-path", "admin-host", "admin-path"}

    def reaches(host: str, path: str) -> str:
        for route in sorted(found, key=lambda route: order[route.key]):
            if route.host == host or (route.path and fnmatch.fnmatchcase(path, route.path)):
                return route.service
        raise AssertionError

    assert reaches("example.com", "/api/login") == "login"
    assert reaches("example.com", "/api/users") == "api"
    assert reaches("example.com", "/about") == "web"
    assert reaches("admin.example.com", "/about") == "admin"


def test_a_host_needs_a_domain_to_be_a_rule() -> None:
    services = {"api": ServiceSettings(port=5000, host="api")}
    assert routes(services, None) == []
    assert [route.host for route in routes(services, "example.com")] == ["api.example.com"]


def test_a_thousand_paths_of_one_length_still_find_their_places() -> None:
    paths = [*(f"/s{index:04}/*" for index in range(1000)), "/*", "/longer-than-all/*"]
    given_ = priorities([_path(path, path) for path in paths])
    assert len(set(given_.values())) == len(paths)
    assert given_["/longer-than-all/*-path"] < min(given_[f"/s{index:04}/*-path"] for index in range(1000))
    assert given_["/*-path"] == max(given_.values()) <= LAST_PRIORITY


def test_crowding_at_the_end_moves_back_instead_of_out() -> None:
    found = [Route(f"s{index}", path="/" + "?" * (index % 100 + 1) + "*" * (index // 100)) for index in range(2000)]
    given_ = priorities(found)
    assert len(set(given_.values())) == 2000
    assert max(given_.values()) <= LAST_PRIORITY


@given(st.dictionaries(_NAMES, st.lists(_NAMES, max_size=4), max_size=12))
def test_those_that_are_called_start_first_wherever_there_is_no_circle(graph: dict[str, list[str]]) -> None:
    # Only upwards in the alphabet, so that there is none.
    calls = {name: [used for used in others if used in graph and used > name] for name, others in graph.items()}
    order = start_order(calls)
    assert sorted(order) == sorted(calls)
    for name, others in calls.items():
        for used in others:
            assert order.index(used) < order.index(name)


def test_a_long_chain_and_a_circle_have_an_order() -> None:
    chain = {f"s{index}": [f"s{index + 1}"] for index in range(5000)} | {"s5000": []}
    assert start_order(chain)[0] == "s5000"
    assert sorted(start_order({"a": ["b"], "b": ["a"]})) == ["a", "b"]
