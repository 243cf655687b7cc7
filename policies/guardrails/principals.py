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
    return statement.allows and (everyone or bool(statement.not_principals)) and not _limited(statement)


def _limited(statement: Statement) -> bool:
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
    return not value.replace("*", "").replace("?", "").replace(":", "").replace("arn", "").replace(
        "aws", ""
    ) or is_world(value)


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
