"""What a replication task is told: which tables, under which names, and how to go about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from groundwork.components.migration.settings import MigrationSettings, TableSettings

# What DMS.7 and DMS.8 ask for, and the task's own doings:
# https://docs.aws.amazon.com/securityhub/latest/userguide/dms-controls.html
_LOGGED = ("SOURCE_CAPTURE", "SOURCE_UNLOAD", "TARGET_APPLY", "TARGET_LOAD", "TASK_MANAGER")
_CHUNK_KB = 64


def table_mappings(tables: TableSettings, *, back: bool = False) -> str:
    """Return the table mappings as JSON. ``back``: the same tables from the platform's database to the source, each
    under the name that it has there.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TableMapping.html"""
    rules = [
        {"rule-id": str(number), "rule-name": f"{number}-{rule['rule-type']}", **rule}
        for number, rule in enumerate(_rules(tables, back=back), start=1)
    ]
    return json.dumps({"rules": rules}, sort_keys=True)


def _rules(tables: TableSettings, *, back: bool) -> Iterator[dict[str, Any]]:
    for action, names in (("include", tables.include), ("exclude", tables.exclude)):
        for name in names:
            yield {
                "rule-type": "selection",
                "rule-action": action,
                "object-locator": _located(_there(name, tables) if back else name),
            }
    if back:
        # What DMS itself keeps in the platform's database on the way in.
        yield {
            "rule-type": "selection",
            "rule-action": "exclude",
            "object-locator": {"schema-name": "%", "table-name": "awsdms_%"},
        }
    for schema, renamed in tables.rename_schemas.items():
        before, after = (renamed, schema) if back else (schema, renamed)
        yield _renaming("schema", {"schema-name": before}, after)
    for table, renamed in tables.rename_tables.items():
        if back:
            yield _renaming("table", _located(_there(table, tables)), _parts(table)[1])
        else:
            yield _renaming("table", _located(table), renamed)


def _renaming(what: str, locator: dict[str, str], name: str) -> dict[str, Any]:
    return {
        "rule-type": "transformation",
        "rule-action": "rename",
        "rule-target": what,
        "object-locator": locator,
        "value": name,
    }


def _located(name: str) -> dict[str, str]:
    schema, table = _parts(name)
    return {"schema-name": schema, "table-name": table}


def _parts(name: str) -> tuple[str, str]:
    schema, _, table = name.partition(".")
    return schema, table


def _there(name: str, tables: TableSettings) -> str:
    """Return the name of a source's table in the platform's database."""
    schema, table = _parts(name)
    return f"{tables.rename_schemas.get(schema, schema)}.{tables.rename_tables.get(name, table)}"


def task_settings(settings: MigrationSettings, *, back: bool = False) -> str:
    """Return the task settings as JSON.
    https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TaskSettings.html"""
    largest = settings.largest_lob_kb
    prepare = "TRUNCATE_BEFORE_LOAD" if settings.prepare == "truncate" and not back else "DO_NOTHING"
    return json.dumps(
        {
            "TargetMetadata": {
                "SupportLobs": True,
                "FullLobMode": largest is None,
                "LimitedSizeLobMode": largest is not None,
                "LobMaxSize": largest or 0,
                "LobChunkSize": _CHUNK_KB if largest is None else 0,
            },
            "FullLoadSettings": {"TargetTablePrepMode": prepare, "MaxFullLoadSubTasks": 8},
            "Logging": {
                "EnableLogging": True,
                "LogComponents": [{"Id": part, "Severity": "LOGGER_SEVERITY_DEFAULT"} for part in _LOGGED],
            },
            "ValidationSettings": {"EnableValidation": settings.validate_rows, "ThreadCount": 5},
            "ErrorBehavior": {
                "FailOnNoTablesCaptured": True,
                # A row that cannot be written is not passed over: its table stands still, and the notice says so.
                "ApplyErrorInsertPolicy": "SUSPEND_TABLE",
                "ApplyErrorUpdatePolicy": "SUSPEND_TABLE",
                "ApplyErrorDeletePolicy": "SUSPEND_TABLE",
                "DataErrorPolicy": "SUSPEND_TABLE",
                "DataTruncationErrorPolicy": "SUSPEND_TABLE",
                "TableErrorPolicy": "STOP_TASK",
            },
        },
        sort_keys=True,
    )
