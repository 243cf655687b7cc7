from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.components.services.checks import CHECKS
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.settings import Settings


def mistakes(services: Mapping[str, Any], **layers: Any) -> list[tuple[str, str]]:
    """(path, message) of every mistake that the checks of services find."""
    settings = Settings.model_validate(
        {
            "platform": {"name": "shop", "domain": "example.com"},
            "network": {},
            "compute": {},
            "edge": {},
            "services": services,
            **layers,
        }
    )
    return [(".".join(map(str, mistake.path)), mistake.message) for find in CHECKS for mistake in find(settings)]


def test_a_path_leads_to_one_service_whatever_their_hosts() -> None:
    services = {"web": {"port": 3000, "path": "/*"}, "api": {"port": 5000, "path": "/*", "host": "api"}}
    assert mistakes(services) == [
        ("services.api.path", '"/*" is also the path of services.web; each path leads to one')
    ]


def test_a_host_leads_to_one_service() -> None:
    services = {"web": {"port": 3000, "host": "www"}, "api": {"port": 5000, "host": "www"}}
    assert mistakes(services) == [
        ("services.api.host", '"www" is also the host of services.web; each host leads to one')
    ]


@pytest.mark.parametrize("where", [{"path": "/*"}, {"host": "api"}])
def test_only_a_service_with_a_port_is_public(where: dict[str, str]) -> None:
    [(path, message)] = mistakes({"api": where})
    assert path == "services.api.port"
    assert "only a service with a port" in message


def test_one_environment_name_has_one_value() -> None:
    secrets = {"auth": {"keys": ["JWT_SECRET"]}, "other": {"keys": ["JWT_SECRET", "DATABASE_PASSWORD"]}}
    service = {
        "port": 5000,
        "uses": {"auth": "read", "other": "read", "database": "connect"},
        "environment": {"MODE": "x"},
    }
    found = mistakes({"api": service}, secrets=secrets, data={})
    assert found == [
        (
            "services.api.uses.other",
            "JWT_SECRET is also given by uses.auth; one name has one value. Say under variables which ones it is given, or give "
            "this another name there: variables: {OTHER_NAME: JWT_SECRET}",
        ),
        (
            "services.api.uses.database",
            "DATABASE_PASSWORD is also given by uses.other; one name has one value. Say under variables which ones it is given, "
            "or give this another name there: variables: {OTHER_NAME: DATABASE_PASSWORD}",
        ),
    ]


@pytest.mark.parametrize(
    ("uses", "variable", "by"),
    [
        ({"auth": "read"}, "ISSUER", "auth"),
        ({"database": "connect"}, "DATABASE_HOST", "database"),
        (
            {"database": {"level": "connect", "variables": {"RDS_HOSTNAME": "DATABASE_HOST"}}},
            "RDS_HOSTNAME",
            "database",
        ),
        ({"web": "connect"}, "WEB_URL", "web"),
        ({"images": {"level": "read", "prefix": "a/"}}, "IMAGES_PREFIX", "images"),
    ],
)
def test_what_a_use_gives_is_not_set_again(uses: dict[str, Any], variable: str, by: str) -> None:
    """Neither is dropped in silence."""
    found = mistakes(
        {"api": {"uses": uses, "environment": {variable: "mine"}}, "web": {"port": 3000}},
        secrets={"auth": {"keys": ["ISSUER"]}},
        storage={"images": {}},
        data={},
    )
    assert found == [
        (
            f"services.api.environment.{variable}",
            f"uses.{by} gives this variable; leave it out here, or leave it out of uses.{by}.variables",
        )
    ]


def test_a_variable_that_is_not_given_is_free() -> None:
    uses = {"database": {"level": "connect", "variables": ["DATABASE_URL"]}, "auth": {"level": "read", "variables": []}}
    service = {"uses": uses, "environment": {"DATABASE_HOST": "mine", "ISSUER": "mine"}}
    assert mistakes({"api": service}, secrets={"auth": {"keys": ["ISSUER"]}}, data={}) == []


def test_a_pool_is_set_where_it_is_counted() -> None:
    service = {"uses": {"database": "connect"}, "environment": {"DATABASE_POOL_SIZE": "500"}}
    assert mistakes({"api": service}, data={}) == [
        (
            "services.api.environment.DATABASE_POOL_SIZE",
            "comes from services.api.connections; set that, and leave this out",
        )
    ]


@pytest.mark.parametrize("variables", [["DATABASE_HOTS"], {"RDS_HOSTNAME": "DATABASE_HOTS"}])
def test_a_variable_that_nothing_gives_is_named_with_those_there_are(variables: object) -> None:
    [(path, message)] = mistakes({"api": {"uses": {"database": {"level": "connect", "variables": variables}}}}, data={})
    assert path == "services.api.uses.database.variables"
    assert message.startswith("DATABASE_HOTS is none of what database gives: DATABASE_HOST, ")
    assert message.endswith('; did you mean "DATABASE_HOST"?')


def test_prefixes_say_what_may_be_done_below_each() -> None:
    wrong = {"prefixes": {"uploads/": "consume"}}
    assert mistakes({"api": {"uses": {"images": wrong}}}, storage={"images": {}}) == [
        (
            "services.api.uses.images.prefixes.uploads/",
            '"consume" is not a level of a bucket; use read, write, read-write, purge, sign-download or sign',
        )
    ]
    assert mistakes({"api": {"uses": {"database": {"prefixes": {"a/": "connect"}}}}}, data={}) == [
        ("services.api.uses.database.prefixes", "a prefix goes with a bucket; database is a database")
    ]
    for refused in ({}, {"level": "read", "prefixes": {"a/": "read"}}, {"prefix": "a/", "prefixes": {"a/": "read"}}):
        with pytest.raises(ValidationError, match="prefixes"):
            ServiceSettings.model_validate({"uses": {"images": refused}})


def test_without_nat_images_come_through_endpoints() -> None:
    [(path, message)] = mistakes(
        {"api": {"uses": {"auth": "read"}}}, secrets={"auth": {"keys": ["A"]}}, network={"nat": "none"}
    )
    assert path == "network.nat"
    assert "add ecr.api, ecr.dkr, logs, secretsmanager to network.endpoints" in message
    assert mistakes({"api": {}}, network={"nat": "none", "endpoints": ["ecr.api", "ecr.dkr", "logs"]}) == []
    found = mistakes(
        {"api": {}}, network={"nat": "none", "endpoints": ["ecr.api", "ecr.dkr", "logs"]}, compute={"exec": True}
    )
    assert "add ssmmessages" in found[0][1]


def test_requests_are_counted_for_public_services_only() -> None:
    scaling = {"target": {"requests": 100}}
    assert mistakes({"api": {"port": 5000, "host": "api", "scaling": scaling}}) == []
    assert [path for path, _ in mistakes({"api": {"port": 5000, "scaling": scaling}})] == [
        "services.api.scaling.target.requests"
    ]


@pytest.mark.parametrize(
    "value",
    [
        {"disk_gib": 20},
        {"disk_gib": 201},
        {"outbound_ports": [0]},
        {"drain": 4000},
        {"image_owner": "me"},
        {"disk_paths": ["tmp"]},
    ],
)
def test_what_aws_does_not_take_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ServiceSettings.model_validate(value)


def test_the_owner_of_an_image_follows_from_who_names_it() -> None:
    assert ServiceSettings().owner_of_image == "pipeline"
    assert ServiceSettings(image="nginx:1.29").owner_of_image == "stack"
    assert ServiceSettings(image="nginx:1.29", image_owner="pipeline").owner_of_image == "pipeline"
