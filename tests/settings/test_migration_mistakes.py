"""Migrations that AWS would refuse, or that copy nothing: one message each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.components.migration import checks as migration
from groundwork.components.migration.settings import MigrationSettings
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import dotted

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"
SECRET = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:{}-AbCdEf"
SOURCE: dict[str, Any] = {
    "addresses": ["10.80.0.0/24"],
    "database": "legacy",
    "host": "db.old.example.com",
    "username": "mover",
    "password": {"secure": "sealed"},
}
TABLES: dict[str, Any] = {"include": ["public.%"]}
FINE: dict[str, Any] = {"source": SOURCE, "tables": TABLES}


def mistakes(wanted: dict[str, Any], **layers: Any) -> list[str]:
    settings = Settings.model_validate(
        {
            "region": "ap-south-1",
            "platform": {"name": "shop", "stage": "prod"},
            "network": {},
            "data": {},
            **layers,
            "migration": wanted,
        }
    )
    found = [mistake for check in migration.CHECKS for mistake in check(settings)]
    return [f"{dotted(mistake.path)}: {mistake.message}" for mistake in found]


LOGICAL: dict[str, Any] = {"data": {"parameters": {"rds.logical_replication": "1"}}}


@pytest.mark.parametrize(
    ("wanted", "layers"),
    [
        (FINE, {}),
        ({**FINE, "way_back": True}, LOGICAL),
        ({**FINE, "source": {"addresses": ["10.80.0.0/24"], "database": "old", "secret": SECRET.format("old/db")}}, {}),
        (FINE, {"network": {"nat": "none", "endpoints": ["secretsmanager"]}}),
        ({**FINE, "tables": {"include": ["public.%"], "exclude": ["public.sessions"]}}, {}),
    ],
)
def test_what_works_is_no_mistake(wanted: dict[str, Any], layers: dict[str, Any]) -> None:
    assert mistakes(wanted, **layers) == []


@pytest.mark.parametrize(
    ("wanted", "layers", "message"),
    [
        (
            {"source": SOURCE},
            {},
            'migration.tables.include: names no table, so the task would copy nothing; name some, or a schema: ["public.%"]',
        ),
        (
            {"source": SOURCE, "tables": {"include": ["a.b"], "exclude": ["a.b", "a.c"]}},
            {},
            "migration.tables.exclude: takes out all that include names, so the task would copy nothing",
        ),
        (FINE, {"data": None}, "migration: migrates into the layer data, which this stack does not build"),
        (
            {**FINE, "source": {**SOURCE, "host": "shop-database-prod.abc.ap-south-1.rds.amazonaws.com"}},
            {},
            "migration.source.host: is this platform's own database; source and target must be two databases",
        ),
        (
            {
                **FINE,
                "source": {
                    "addresses": ["10.0.0.0/24"],
                    "database": "app",
                    "secret": SECRET.format("shop/prod/database"),
                },
            },
            {},
            "migration.source.secret: is that of this platform's own database; name the source's",
        ),
        (
            FINE,
            {"data": {"proxy": {}}},
            "migration: DMS must reach the database itself and data.proxy stands before it; add data.proxy when the migration "
            "is done",
        ),
        (
            {**FINE, "way_back": True},
            {},
            'migration.way_back: needs data.parameters: {rds.logical_replication: "1"}, without which the database does not '
            "record what the way back follows (it takes effect when the database restarts)",
        ),
        (
            FINE,
            {"network": {"nat": "none"}},
            "migration: the replication instance reads its logins from Secrets Manager and has no way there; add "
            "secretsmanager to network.endpoints, or a NAT gateway",
        ),
    ],
)
def test_what_cannot_work_is_one_mistake(wanted: dict[str, Any], layers: dict[str, Any], message: str) -> None:
    assert mistakes(wanted, **layers) == [message]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"class": "t3.medium"}, "is not a class of replication instances"),
        ({"class": "db.t3.medium"}, "is not a class of replication instances"),
        ({"storage": 4}, "greater than or equal to 5"),
        ({"storage": 6145}, "less than or equal to 6144"),
        ({"version": "3.6"}, "should match pattern"),
        ({"kind": "everything"}, "full-load-and-cdc"),
        ({"tables": {"include": ["users"]}}, "is not schema.table"),
        ({"source": {**SOURCE, "engine": "mongodb"}}, "postgres"),
        ({"source": {**SOURCE, "tls": "none"}}, "verify-full"),
        (
            {"source": {**SOURCE, "engine": "mysql"}},
            "DMS has no require for mysql; use verify-ca or verify-full with a",
        ),
        ({"source": {**SOURCE, "engine": "sqlserver", "tls": "verify-ca", "certificate": PEM}}, "DMS has no verify-ca"),
        ({"source": {**SOURCE, "tls": "verify-full"}}, "needs certificate"),
        ({"source": {**SOURCE, "certificate": "MIIB"}}, "is not a certificate in PEM form"),
        ({"source": {**SOURCE, "addresses": []}}, "at least 1 item"),
        ({"source": {**SOURCE, "password": "hunter2"}}, "secret in clear text"),
        ({"source": {key: value for key, value in SOURCE.items() if key != "username"}}, "lacks username"),
        ({"source": {**SOURCE, "secret": SECRET.format("old/db")}}, "has two logins"),
        ({"source": {**SOURCE, "secret_key": "arn:aws:kms:ap-south-1:111122223333:key/k"}}, "is the key of secret"),
        ({"target": {"tls": "verify-full"}}, "needs certificate"),
    ],
)
def test_a_value_that_aws_would_refuse_says_what_it_takes(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MigrationSettings.model_validate({**FINE, **wanted})


def test_a_password_in_clear_is_never_repeated() -> None:
    with pytest.raises(ValidationError) as caught:
        MigrationSettings.model_validate({**FINE, "source": {**SOURCE, "password": "hunter2"}})
    assert "hunter2" not in "; ".join(error["msg"] for error in caught.value.errors())
