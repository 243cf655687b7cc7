"""A database as RDS describes it."""

from __future__ import annotations

from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import NotFoundError

NO_DATABASE = ("DBInstanceNotFound", "DBInstanceNotFoundFault")
"""Codes of the refusal of what is not there."""
LONGEST_IDENTIFIER = 63
"""Characters: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html"""
READY = ("available", "storage-optimization")
"""States of an instance that takes requests, and of which RDS takes a snapshot:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_CreateSnapshot.html"""
GIVEN_UP = (
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "restore-error",
)
"""States that no restored instance leaves: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html"""


def with_end(identifier: str, end: str) -> str:
    """Return an identifier that ends so, as long as RDS takes it."""
    return identifier[: LONGEST_IDENTIFIER - len(end)].rstrip("-") + end


def find_database(account: StackAccount, identifier: str) -> dict[str, Any] | None:
    """Return RDS's description of an instance; None where there is none."""
    with plain_errors(f"looking for {identifier}"):
        try:
            found: dict[str, Any] = account.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)[
                "DBInstances"
            ][0]
        except botocore.exceptions.ClientError as error:
            if code_of(error) in NO_DATABASE:
                return None
            raise
    return found


def described_database(account: StackAccount, identifier: str) -> dict[str, Any]:
    """Return RDS's description of an instance. NotFoundError where there is none."""
    found = find_database(account, identifier)
    if found is None:
        raise NotFoundError(f"there is no {identifier} in {account.place}; run pulumi up first")
    return found
