"""Whom a resource policy lets in, and whom it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from guardrails.documents import PolicyDocument, PolicyStatement
from guardrails.iam.arns import is_named, names_one, names_owner
from guardrails.iam.conditions import bound
from guardrails.iam.patterns import has_wildcard
from guardrails.ports import is_world

_SERVICE = re.compile(r"(?P<name>[a-z0-9.-]+?)(\.[a-z]{2,4}(-[a-z]+)+-\d)?\.amazonaws\.(com|com\.cn|eu)")


def is_service(principal: str) -> bool:
    """Tell whether a principal is a service of AWS."""
    return _SERVICE.fullmatch(principal) is not None


def service_of(principal: str) -> str:
    """Return the service that a principal is, in whichever region and partition: ``states`` for
    ``states.us-west-2.amazonaws.com``.

    The text itself where it is no service of AWS. (IAM user guide, "AWS JSON policy elements: Principal".)
    """
    match = _SERVICE.fullmatch(principal)
    return match["name"] if match else principal


def is_named_up_to(separator: str) -> Callable[[str], bool]:
    """Return a test of whether the part of a value before a separator names one thing: the id of ``AROA…:session``,
    ``o-…`` of a path."""
    return lambda pattern: is_named(pattern.split(separator, 1)[0])


def _is_narrow(address: str) -> bool:
    return is_named(address) and not is_world(address)


def _is_at_known_host(endpoint: str) -> bool:
    """Tell whether an endpoint of SNS (address, URL, ARN) is at a domain or in an account that is named."""
    if endpoint.startswith("arn:"):
        return names_owner(endpoint)
    host = re.split(r"@|://", endpoint)[-1].split("/", 1)[0]
    return is_named(host) or (host.startswith("*.") and "." in host[2:] and is_named(host[2:]))


OWNER_KEYS: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(
        (
            "aws:ec2instancesourcevpc",
            "aws:principalaccount",
            "aws:principalorgid",
            "aws:principalorgmasteraccountid",
            "aws:sourceaccount",
            "aws:sourceorgid",
            "aws:sourceowner",
            "aws:sourcevpc",
            "aws:sourcevpce",
            "aws:vpceaccount",
            "aws:vpceorgid",
            "kms:calleraccount",
            "s3:dataaccesspointaccount",
        ),
        is_named,
    ),
    **dict.fromkeys(("aws:principalorgpaths", "aws:sourceorgpaths", "aws:vpceorgpaths"), is_named_up_to("/")),
    "aws:userid": is_named_up_to(":"),
    **dict.fromkeys(
        (
            "aws:federatedprovider",
            "aws:principalarn",
            "aws:sourcearn",
            "aws:sourcevpcarn",
            "ec2:sourceinstancearn",
            "lambda:functionarn",
            "lambda:sourcefunctionarn",
            "s3:dataaccesspointarn",
            "s3:x-amz-server-side-encryption-aws-kms-key-id",
            "ssm:sourceinstancearn",
        ),
        names_owner,
    ),
    "aws:sourceip": _is_narrow,
    "sns:endpoint": _is_at_known_host,
}
"""Condition keys that keep strangers out, in lower case, with what their values have to name for that.

From AWS's list of global condition keys (IAM user guide, reference_policies_condition-keys.html), the S3 user guide, 'The
meaning of "public"' (access-control-block-public-access.html), and the services' own keys. Not among them: tags of the
principal, its session's name and private addresses (``aws:VpcSourceIp``), which a stranger chooses, and
``aws:PrincipalIsAWSService`` and its like, which hold for services that act for strangers.
"""


def public_statements(document: PolicyDocument) -> Iterator[str]:
    """Yield a message for each statement that lets everyone in."""
    for statement in document:
        if is_public(statement):
            yield f"{statement.label} allows {_some(statement.actions)} to everyone"


def is_everyone(statement: PolicyStatement) -> bool:
    """Tell whether a statement is about any principal."""
    return any(name == "*" and kind in ("*", "AWS") for kind, name in statement.principals)


def aws_principals(statement: PolicyStatement) -> Iterator[str]:
    """Yield the AWS principals that a statement is about: where it is about everyone, those that its conditions
    leave."""
    if not is_everyone(statement):
        yield from (name for kind, name in statement.principals if kind == "AWS")
        return
    for key in ("aws:PrincipalArn", "aws:PrincipalAccount"):
        if statement.bounds(key, names_owner):
            choices = bound(statement.conditions, key).choices
            yield from (value.pattern for choice in choices for value in choice.values)
            return


def is_account(principal: str) -> bool:
    """Tell whether a principal, or the pattern of one, is an account as a whole: its number, its root, every role in
    it."""
    return principal.isdigit() or principal.endswith(":root") or (has_wildcard(principal) and not names_one(principal))


def is_public(statement: PolicyStatement) -> bool:
    """Tell whether a statement allows something to any AWS principal, with no condition that keeps strangers out."""
    anyone = (
        is_everyone(statement) or bool(statement.not_principals) or any(map(_is_of_any_account, statement.principals))
    )
    return statement.allows and anyone and not keeps_strangers_out(statement)


def _is_of_any_account(principal: tuple[str, str]) -> bool:
    """Tell whether a principal is a pattern over accounts, which is meant for everyone, though IAM may refuse it."""
    kind, name = principal
    return kind == "AWS" and has_wildcard(name) and not names_owner(name)


def keeps_strangers_out(statement: PolicyStatement) -> bool:
    """Tell whether the conditions let in only requests of an owner, a network or a source that is named."""
    keys = {one.key for one in statement.conditions}
    return any(statement.bounds(key, OWNER_KEYS[key]) for key in keys & OWNER_KEYS.keys())


def _some(actions: tuple[str, ...]) -> str:
    shown = ", ".join(actions[:3]) or "all but some actions"
    return shown if len(actions) <= 3 else f"{shown}, …"
