"""A database as RDS describes it."""

from __future__ import annotations

from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import NotThere


def find_database(account: StackAccount, identifier: str) -> dict[str, Any] | None:
    """Return RDS's description of an instance; None where there is none."""
    with plain_errors(f"looking for {identifier}"):
        try:
            found: dict[str, Any] = account.client("rds").describe_db_instances(DBInstanceIdentifier=identifier)[
                "DBInstances"
            ][0]
        except botocore.exceptions.ClientError as error:
            if code_of(error) in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
                return None
            raise
    return found


def described_database(account: StackAccount, identifier: str) -> dict[str, Any]:
    """Return RDS's description of an instance. NotThere where there is none."""
    found = find_database(account, identifier)
    if found is None:
        raise NotThere(f"there is no {identifier} in {account.place}; run pulumi up first")
    return found
