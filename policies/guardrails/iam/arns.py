"""What the pattern of an ARN leaves open."""

from __future__ import annotations

from guardrails.iam import services
from guardrails.iam.patterns import contains, has_wildcard

_UNIQUE = ("s3",)
"""Services whose names are unique in all of AWS, so that a name without an account says whose it is."""
_ID_PREFIXES = frozenset(("ami-", "eni-", "i-", "sg-", "snap-", "subnet-", "vol-", "vpc-", "vpce-"))
"""How the ids begin that EC2 gives: a pattern that ends there names nothing."""


def is_named(pattern: str) -> bool:
    """Tell whether a pattern names one thing, with no wildcard."""
    return bool(pattern) and not has_wildcard(pattern)


def last_part(arn: str) -> str:
    """Return what comes after the account in an ARN, or the text itself if it is none; a star of ``arn:aws:*`` is that
    too."""
    if arn.count(":") > 4:
        return arn.split(":", 5)[5]
    return "*" if arn.startswith("arn:") and arn.endswith("*") else arn


def names_owner(arn: str) -> bool:
    """Tell whether it is said whose the resource is: by its account, or by a name that exists only once."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return is_named(arn)
    _, _, service, _, account, resource = parts
    if is_named(account):
        return True
    if service in _UNIQUE:
        return is_named(resource.split("/", 1)[0])
    return not account and is_named(service) and is_named(resource.removesuffix("/*"))


def names_one(arn: str) -> bool:
    """Tell whether some of a type are told from all others: ``role/shop-*`` does, ``role/*`` and ``vpc/vpc-*`` do
    not."""
    last = last_part(arn)
    kind, separator, name = last.replace(":", "/").partition("/")
    told = (name if separator else kind).strip("*?/")
    if not told or told in _ID_PREFIXES:
        return False
    service = arn.split(":", 3)[2] if arn.startswith("arn:") else ""
    return not (has_wildcard(last) and any(contains(last, last_part(one)) for one in services.forms(service)))


def covers_type(arn: str, form: str) -> bool:
    """Tell whether a pattern covers everything of a type, of which ``form`` is the last part of the ARN: ``role/*``."""
    return contains(last_part(arn), form)
