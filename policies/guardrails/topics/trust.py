"""Trust: who may become a role."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from guardrails import data, documents, kinds
from guardrails.documents import PolicyStatement
from guardrails.iam.accounts import account_of, is_foreign
from guardrails.iam.arns import is_named, names_one
from guardrails.iam.conditions import as_written
from guardrails.principals import (
    aws_principals,
    is_account,
    is_named_up_to,
    keeps_strangers_out,
    public_statements,
    service_of,
)
from guardrails.rules import Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_CHOOSING: dict[str, Callable[[str], bool]] = {
    "sts:ExternalId": lambda pattern: is_named(pattern[:1]),
    "aws:PrincipalOrgID": is_named,
    "aws:PrincipalOrgPaths": is_named_up_to("/"),
    "aws:PrincipalArn": names_one,
    "aws:userid": is_named_up_to(":"),
    "aws:MultiFactorAuthPresent": lambda pattern: pattern.lower() == "true",
}
"""Condition keys that pick out of another account's principals those that are meant, with what their values have to name."""


def _trusting(role: Resource) -> Iterator[PolicyStatement]:
    for statement in documents.read(role, "assumeRolePolicy"):
        if statement.allows:
            yield statement


@resource_rule(
    "Not everyone may assume a role",
    "critical",
    kinds.ROLE,
    ids=("checkov:CKV_AWS_60", "checkov:CKV_AWS_61"),
    why="A trust policy for Principal * hands the role to every AWS account.",
    fix="Name the service, account or role that is trusted.",
)
def iam_trust_named(role: Resource) -> Messages:
    yield from public_statements(documents.read(role, "assumeRolePolicy"))


@resource_rule(
    "Roles for pipelines trust one repository",
    "critical",
    kinds.ROLE,
    ids=("checkov:CKV_AWS_393", "checkov:CKV_AWS_358"),
    why="Providers such as GitHub sign tokens for everyone; without a condition on the subject every repository may assume the role.",
    fix="Add a condition on the provider's sub claim that names organisation, repository and branch or environment.",
)
def iam_federation_limited(role: Resource) -> Messages:
    for statement in _trusting(role):
        for kind, name in statement.principals:
            host = next((host for host in data.FEDERATED_OWNERS if name.endswith(host)), None)
            if kind == "Federated" and host and not _names_owner(statement, host):
                yield f"{statement.label} trusts every repository of {host} (no condition on its sub claim that names an owner)"


def _names_owner(statement: PolicyStatement, host: str) -> bool:
    """Tell whether a claim of the provider's tokens has to name somebody: the owner in its subject, or an id that one
    has."""
    owners = data.FEDERATED_OWNERS[host]
    return statement.bounds(f"{host}:sub", lambda subject: _has_owner(subject, owners)) or any(
        statement.bounds(key, is_named_up_to(separator))
        for key, separator in data.FEDERATED_CLAIMS.get(host, {}).items()
    )


def _has_owner(subject: str, owners: tuple[str, ...]) -> bool:
    """Tell whether a subject begins by saying whose it is, with no wildcard as far as the separator behind the owner.

    A wildcard that the operator takes for text counts as one: it was meant to be one, and whoever mends the operator opens
    the role. What stands first in a subject is the provider's to say; names behind it are for others to choose.
    """
    text = as_written(subject)
    before = next((one for one in owners if text.startswith(one)), None)
    owner = re.match(r"[^/:]+(?=[/:]|$)", text.removeprefix(before)) if before else None
    return owner is not None and is_named(owner[0])


@stack_rule(
    "Federated users are let in by subject and audience",
    "high",
    kinds.ROLE,
    ids=(),
    why="Every user of the provider, or every pod of the cluster, may take the role on, with tokens made for anything.",
    fix="Add StringEquals on the provider's sub (or amr) and aud (or app_id) claims.",
)
def iam_web_identity_limited(role: Resource, stack: Stack) -> Messages:
    for statement in _trusting(role):
        providers = [
            name for kind, name in statement.principals if kind == "Federated" and ":saml-provider/" not in name
        ]
        keys = {one.key for one in statement.conditions}
        for provider in providers:
            host = provider.rsplit("oidc-provider/", 1)[-1]
            if not any(key.endswith(data.SUBJECT_KEYS) and statement.bounds(key, _is_subject) for key in keys):
                yield f"{statement.label} trusts everybody who signs in with {host} (no condition on its sub claim)"
            named = any(key.endswith(data.AUDIENCE_KEYS) and statement.bounds(key, is_named) for key in keys)
            if not (named or _lists_audiences(host, stack)):
                yield f"{statement.label} trusts tokens of {host} for any application (no condition on its aud claim)"


def _is_subject(pattern: str) -> bool:
    """Tell whether a subject is narrower than everybody: of a Kubernetes cluster its service accounts of one
    namespace."""
    if pattern.startswith(_SERVICE_ACCOUNT):
        return is_named_up_to(":")(pattern.removeprefix(_SERVICE_ACCOUNT))
    return bool(pattern.strip("*?:/"))


_SERVICE_ACCOUNT = "system:serviceaccount:"


def _lists_audiences(host: str, stack: Stack) -> bool:
    """Tell whether the provider is in the stack: IAM takes only tokens that were made for one of its client ids.

    (IAM user guide, "Create an OpenID Connect (OIDC) identity provider in IAM".)
    """
    for provider in stack.of_type(kinds.OIDC_PROVIDER):
        if str(provider.get("url", "")).removeprefix("https://").rstrip("/") == host:
            return any(provider.strings("clientIdLists"))
    return False


@resource_rule(
    "SAML users are let in through the sign-in page only",
    "medium",
    kinds.ROLE,
    ids=(),
    why="An assertion that was made for another application could be used to take on the role.",
    fix='Add StringEquals "SAML:aud": "https://signin.aws.amazon.com/saml".',
)
def iam_saml_audience(role: Resource) -> Messages:
    for statement in _trusting(role):
        saml = any(kind == "Federated" and ":saml-provider/" in name for kind, name in statement.principals)
        if saml and not statement.bounds("SAML:aud", _is_audience):
            yield f"{statement.label} takes SAML assertions for any audience (no condition on SAML:aud)"


def _is_audience(pattern: str) -> bool:
    """Tell whether an audience is one, or AWS's sign-in page in any region."""
    return is_named(pattern) or pattern.endswith(_SIGN_IN)


_SIGN_IN = (".signin.aws.amazon.com/saml", ".signin.amazonaws-us-gov.com/saml", ".signin.amazonaws.cn/saml")


@resource_rule(
    "Federated principals assume roles by their own action",
    "medium",
    kinds.ROLE,
    ids=(),
    why="An identity provider's users come by AssumeRoleWithWebIdentity or AssumeRoleWithSAML; sts:AssumeRole lets none in.",
    fix="Use sts:AssumeRoleWithWebIdentity for OIDC, sts:AssumeRoleWithSAML for SAML, sts:AssumeRole for all others.",
)
def iam_trust_action_fits(role: Resource) -> Messages:
    for statement in _trusting(role):
        actions = {action.lower() for action in statement.actions}
        for kind, name in statement.principals:
            wanted = _action(kind, name)
            if not actions & {wanted.lower(), "sts:*", "*", "sts:assumerole*"}:
                yield f"{statement.label} trusts {name} without {wanted}, by which alone it can assume the role"


def _action(kind: str, name: str) -> str:
    if kind != "Federated":
        return "sts:AssumeRole"
    return "sts:AssumeRoleWithSAML" if ":saml-provider/" in name else "sts:AssumeRoleWithWebIdentity"


@stack_rule(
    "Other accounts are trusted with an external id",
    "high",
    kinds.ROLE,
    ids=(),
    why="All principals of the other account may assume the role, and a vendor can be made to use it for another customer.",
    fix="Name the role of the other account that needs it, or add StringEquals sts:ExternalId (or aws:PrincipalOrgID).",
)
def iam_trust_foreign_account(role: Resource, stack: Stack) -> Messages:
    for statement in _trusting(role):
        limited = any(statement.bounds(key, named) for key, named in _CHOOSING.items())
        for name in aws_principals(statement):
            if is_account(name) and not limited and is_foreign(name, stack):
                yield f"{statement.label} trusts the whole account {account_of(name)} without sts:ExternalId"


@resource_rule(
    "Services take on a role for this account only",
    "low",
    kinds.ROLE,
    ids=(),
    why="A service that acts for many accounts should say for which one it acts here (confused deputy).",
    fix="Add StringEquals aws:SourceAccount, and where the source is known ArnLike aws:SourceArn.",
)
def iam_trust_source_named(role: Resource) -> Messages:
    for statement in _trusting(role):
        for kind, name in statement.principals:
            if kind == "Service" and service_of(name) in data.ROLES_WITH_SOURCE and not keeps_strangers_out(statement):
                yield f"{statement.label} trusts {name} for any account (no aws:SourceAccount, no aws:SourceArn)"
