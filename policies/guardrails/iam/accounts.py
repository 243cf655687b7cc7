"""Which AWS accounts are the stack's own, and whom a principal belongs to."""

from __future__ import annotations

import re

from guardrails import data
from guardrails.per_stack import per_stack
from guardrails.stack import Stack
from guardrails.view import UndeterminedError

_ACCOUNT = re.compile(r"arn:[^:]*:[^:]*:[^:]*:(\d{12}):")
_PRINCIPAL = re.compile(r"(?:arn:[^:]*:(?:iam|sts)::)?(\d{12})(?::.*)?")


def own_accounts(stack: Stack) -> frozenset[str]:
    """Return the accounts in which the stack's resources are, by their ARNs; undetermined before there is one."""
    accounts = _accounts(stack)
    if not accounts:
        raise UndeterminedError("the stack's own account")
    return accounts


@per_stack
def _accounts(stack: Stack) -> frozenset[str]:
    arns = (resource.outputs.get("arn") for resource in stack.resources)
    found = (_ACCOUNT.match(arn) for arn in arns if isinstance(arn, str))
    return frozenset(match[1] for match in found if match)


def account_of(principal: str) -> str | None:
    """Return the account that a principal is in: an account's number, or the ARN of a role or user."""
    match = _PRINCIPAL.fullmatch(principal)
    return match[1] if match else None


def is_foreign(principal: str, stack: Stack) -> bool:
    """Tell whether a principal is in an account that is neither the stack's own nor one of AWS's."""
    account = account_of(principal)
    return account is not None and account not in data.LOG_ACCOUNTS and account not in own_accounts(stack)
