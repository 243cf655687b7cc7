"""``aws.iam.get_policy_document`` without AWS: its provider only writes JSON, and so does this."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from groundwork.preview.snapshot import to_marker

FUNCTION = "aws:iam/getPolicyDocument:getPolicyDocument"
_LISTS = {"actions": "Action", "notActions": "NotAction", "resources": "Resource", "notResources": "NotResource"}
_PRINCIPALS = {"principals": "Principal", "notPrincipals": "NotPrincipal"}


def answer(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the provider answers: sources first, then the statements, then overrides; a later Sid takes an
    earlier one's place."""
    own = [_statement(one) for one in args.get("statements") or ()]
    sources = _statements(args.get("sourcePolicyDocuments") or ())
    overrides = _statements(args.get("overridePolicyDocuments") or ())
    statements: dict[str, dict[str, Any]] = {}
    for position, one in enumerate([*sources, *own, *overrides]):
        statements[str(one.get("Sid") or position)] = one
    document: dict[str, Any] = {"Version": args.get("version") or "2012-10-17"}
    if args.get("policyId"):
        document["Id"] = args["policyId"]
    document["Statement"] = list(statements.values())
    return {
        **args,
        "id": "0",
        "json": json.dumps(document, indent=2, default=to_marker),
        "minifiedJson": json.dumps(document, separators=(",", ":"), default=to_marker),
    }


def _statements(documents: Iterable[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for text in filter(None, documents):
        listed = json.loads(text).get("Statement", [])
        found += listed if isinstance(listed, list) else [listed]
    return found


def _statement(given: Mapping[str, Any]) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": given["sid"]} if given.get("sid") else {}
    statement["Effect"] = given.get("effect") or "Allow"
    for name, key in _LISTS.items():
        if given.get(name):
            statement[key] = _short(given[name])
    for name, key in _PRINCIPALS.items():
        if given.get(name):
            statement[key] = _principals(given[name])
    for condition in given.get("conditions") or ():
        operator = statement.setdefault("Condition", {}).setdefault(condition["test"], {})
        operator[condition["variable"]] = _short(condition["values"])
    return statement


def _principals(given: Iterable[Mapping[str, Any]]) -> Any:
    found: dict[str, list[str]] = {}
    for one in given:
        if one["type"] == "*":
            return "*"
        found.setdefault(one["type"], []).extend(one["identifiers"])
    return {kind: _short(identifiers) for kind, identifiers in found.items()}


def _short(values: list[str]) -> Any:
    return values[0] if len(values) == 1 else values
