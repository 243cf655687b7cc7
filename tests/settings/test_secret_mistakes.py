"""Secrets and rotations that do not go together: one message each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.components.secrets import checks as secrets
from groundwork.components.secrets.settings import SecretSettings
from groundwork.components.services import checks as services
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import dotted

ROTATE = {"rotate": {"code": "functions/rotate_keys"}}
JWT = {"keys": ["JWT_SECRET"], "rotation": {"days": 90, "signing_keys": ["JWT_SECRET"]}}


def mistakes(**layers: Any) -> list[str]:
    settings = Settings.model_validate({"platform": {"name": "shop"}, "network": {"nat": "single"}, **layers})
    checks = (*secrets.CHECKS, services.environment_names_are_distinct)
    found = [mistake for check in checks for mistake in check(settings)]
    return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found]


def partner(function: str = "rotate", **changes: Any) -> dict[str, Any]:
    return {"partner": {"keys": ["TOKEN"], "rotation": {"days": 30, "function": function}, **changes}}


@pytest.mark.parametrize(
    "layers",
    [
        {},
        {"secrets": {"jwt": JWT, "api-keys": {"keys": ["MAIL_KEY"]}}},
        {"secrets": partner(), "functions": ROTATE},
        {"data": {"rotation_days": 30}},
        {"secrets": {"jwt": JWT}, "network": {"nat": "none"}},
        {"secrets": {"jwt": JWT}, "network": None},
    ],
)
def test_what_goes_together_is_no_mistake(layers: dict[str, Any]) -> None:
    """S1-16"""
    assert mistakes(**layers) == []


CASES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"secrets": partner("rotat"), "functions": ROTATE},
        ['secrets.partner.rotation.function: there is no function "rotat"; there are rotate; did you mean "rotate"?'],
    ),
    (
        {"secrets": partner()},
        [
            'secrets.partner.rotation.function: there is no function "rotate"; this stack has no function; '
            "for keys that Groundwork renews itself say signing_keys"
        ],
    ),
    (
        {
            "secrets": partner(),
            "functions": {"rotate": {"code": "functions/rotate_keys", "trigger": {"queue": "jobs"}}},
        },
        [
            "secrets.partner.rotation.function: rotate works on the queue jobs; a rotation needs a function of its own",
        ],
    ),
    (
        {"secrets": {"jwt": JWT}, "functions": {"key-rotation": {"code": "functions/rotate_keys"}}},
        ["functions.key-rotation: is the name of Groundwork's own function for a rotation; call it another"],
    ),
    (
        {"data": {"rotation_days": 30}, "functions": {"database-rotation": {"code": "functions/rotate_database"}}},
        ["functions.database-rotation: is the name of Groundwork's own function for a rotation; call it another"],
    ),
    (
        {"data": {"rotation_days": 30, "proxy": {}}},
        [
            "data.rotation_days: does not go with data.proxy, which knows only the newest login and would turn away "
            "running copies; set data.proxy: null, or leave rotation_days out"
        ],
    ),
    (
        {
            "secrets": partner(),
            "functions": {"rotate": {"code": "functions/rotate_keys", "uses": {"cache": "connect"}}},
            "cache": {},
            "network": {"nat": "none"},
        },
        [
            'secrets.partner.rotation.function: has no way to Secrets Manager: network.nat is "none"; '
            "add secretsmanager to network.endpoints, or set nat: single"
        ],
    ),
]


@pytest.mark.parametrize(("layers", "expected"), CASES)
def test_what_does_not_go_together_is_one_message(layers: dict[str, Any], expected: list[str]) -> None:
    assert mistakes(**layers) == expected


def test_the_databases_rotation_needs_a_way_out_and_the_authorities(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    layers: dict[str, Any] = {"data": {"rotation_days": 30}, "network": {"nat": "none"}}
    alone, bundle = mistakes(**layers)
    assert "add secretsmanager to network.endpoints" in alone
    assert "functions/rotate_database/rds.pem" in bundle
    (tmp_path / "functions" / "rotate_database").mkdir(parents=True)
    (tmp_path / "functions" / "rotate_database" / "rds.pem").write_text("", encoding="ascii")
    monkeypatch.chdir(tmp_path)
    assert mistakes(**{**layers, "network": {"nat": "none", "endpoints": ["secretsmanager"]}}) == []


def test_what_comes_with_a_signing_key_is_a_name_like_any_other() -> None:
    layers: dict[str, Any] = {
        "secrets": {"jwt": JWT, "old": {"keys": ["JWT_SECRET_PREVIOUS"]}},
        "compute": {"engine": "fargate"},
        "services": {"api": {"port": 3000, "path": "/*", "uses": {"jwt": "read", "old": "read"}}},
    }
    (mistake,) = mistakes(**layers)
    assert "JWT_SECRET_PREVIOUS" in mistake


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rotation": {"days": 0, "function": "f"}}, "greater than or equal to 1"),
        ({"rotation": {"days": 1001, "function": "f"}}, "less than or equal to 1000"),
        ({"rotation": {"days": 30}}, "exactly one of signing_keys and function"),
        ({"rotation": {"days": 30, "function": "f", "signing_keys": ["A_KEY"]}}, "exactly one of"),
        ({"rotation": {"days": 30, "signing_keys": ["OTHER"]}}, "which keys does not list"),
        (
            {"rotation": {"days": 30, "signing_keys": ["A_KEY"]}, "values": {"A_KEY": {"secure": "v1:x"}}},
            "leave it out of values",
        ),
        (
            {"keys": ["A_KEY", "A_KEY_NEXT"], "rotation": {"days": 30, "signing_keys": ["A_KEY"]}},
            "leave it out of keys",
        ),
        (
            {"keys": ["A_KEY", "B_KEY"], "rotation": {"days": 30, "signing_keys": ["A_KEY"]}},
            "B_KEY would have no value",
        ),
        ({"keys": ["A" * 120], "rotation": {"days": 30, "signing_keys": ["A" * 120]}}, "too long"),
    ],
)
def test_a_rotation_that_makes_no_sense_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        SecretSettings.model_validate({"keys": ["A_KEY"], **changes})
