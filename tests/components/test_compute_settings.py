from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from settings.checks.services import CHECKS
from settings.models import Settings
from settings.models.services import ServiceSettings


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
        ("services.api.uses.other", "JWT_SECRET is also set by auth; one name has one value"),
        ("services.api.uses.database", "DATABASE_PASSWORD is also set by other; one name has one value"),
    ]


def test_a_secret_is_not_set_again_in_clear() -> None:
    service = {"uses": {"auth": "read"}, "environment": {"ISSUER": "shop"}}
    found = mistakes({"api": service}, secrets={"auth": {"keys": ["ISSUER"]}})
    assert found == [
        ("services.api.uses.auth", "ISSUER is also set by services.api.environment; one name has one value")
    ]


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
