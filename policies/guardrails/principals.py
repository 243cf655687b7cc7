"""Whom a resource policy lets in."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails.documents import Document, Statement
from guardrails.ports import is_world

LIMITING_KEYS = frozenset(
    (
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "aws:vpcsourceip",
        "kms:calleraccount",
        "lambda:functionarn",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "sns:endpoint",
    )
)
"""Condition keys that keep strangers out: AWS, S3 user guide, 'The meaning of "public"', and the services' own keys."""
_POSITIVE = ("stringequals", "stringlike", "stringequalsignorecase", "arnequals", "arnlike", "ipaddress")


def public_statements(document: Document) -> Iterator[str]:
    """A message for each statement that lets everyone in."""
    for statement in document:
        if is_public(statement):
            yield f"{statement.label} allows {_some(statement.actions)} to everyone"


def is_public(statement: Statement) -> bool:
    """Whether a statement allows something to any AWS principal, with no condition that keeps strangers out."""
    everyone = any(name == "*" and kind in ("*", "AWS") for kind, name in statement.principals)
    return statement.allows and (everyone or bool(statement.not_principals)) and not is_limited(statement)


def is_limited(statement: Statement) -> bool:
    """Whether a condition keeps strangers out."""
    return any(
        key in LIMITING_KEYS
        and _is_positive(operator)
        and bool(values)
        and not any(_matches_all(value) for value in values)
        for operator, key, values in statement.conditions
    )


def _is_positive(operator: str) -> bool:
    return operator.removeprefix("foranyvalue:") in _POSITIVE


def _matches_all(value: str) -> bool:
    return not _fixed(value) or is_world(value)


def _fixed(value: str) -> bool:
    """Whether a value leaves out anybody: for an ARN, whether it says which account (or which bucket) it is of."""
    if not value.startswith("arn:"):
        return bool(value.strip("*?:"))
    parts = value.split(":", 5)
    account, resource = parts[4] if len(parts) > 4 else "", parts[5] if len(parts) > 5 else ""
    return not set(account) & set("*?") if account else bool(resource.strip("*?/:"))


def refuses_plain_http(document: Document) -> bool:
    """Whether a statement denies everything to everyone when the request did not come over TLS."""
    return any(
        not statement.allows
        and any(name == "*" for _, name in statement.principals)
        and any(action.endswith("*") for action in statement.actions)
        and "false" in statement.condition_values("aws:SecureTransport", ("bool",))
        for statement in document
    )


def _some(actions: tuple[str, ...]) -> str:
    shown = ", ".join(actions[:3]) or "all but some actions"
    return shown if len(actions) <= 3 else f"{shown}, …"
