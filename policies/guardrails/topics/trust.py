"""Trust: who may become a role."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails import data, documents, kinds
from guardrails.documents import Statement
from guardrails.iam.accounts import account_of, is_foreign
from guardrails.principals import is_limited, public_statements
from guardrails.rules import Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_STRANGER_KEYS = (
    "sts:externalid",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalarn",
    "aws:userid",
    "aws:multifactorauthpresent",
)
"""Condition keys that pick out of another account's principals those that are meant."""


def _trusting(role: Resource) -> Iterator[Statement]:
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
            key = next((key for host, key in data.FEDERATED_SUBJECTS.items() if name.endswith(host)), None)
            if kind != "Federated" or key is None:
                continue
            subjects = statement.condition_values(key)
            if not subjects or any(_any_repository(subject) for subject in subjects):
                yield f"{statement.label} trusts every repository of {key.removesuffix(':sub')}"


def _any_repository(subject: str) -> bool:
    """Whether a subject leaves its owner open, by a wildcard in it or by a claim that anyone may choose."""
    first, colon, rest = subject.partition(":")
    owner = (rest if colon else first).split("/")[0].split(":")[0]
    return "*" in first or "?" in first or not owner.strip("*?") or (colon != "" and first in _ANYONES_CLAIMS)


_ANYONES_CLAIMS = ("workflow", "environment", "ref", "head_ref", "base_ref", "actor", "context", "job_workflow_ref")
"""Claims that, first in a subject, any repository of GitHub can have."""


@resource_rule(
    "Federated users are let in by subject and audience",
    "high",
    kinds.ROLE,
    ids=(),
    why="Every user of the provider, or every pod of the cluster, may take the role on, with tokens made for anything.",
    fix="Add StringEquals on the provider's sub (or amr) and aud (or app_id) claims.",
)
def iam_web_identity_limited(role: Resource) -> Messages:
    for statement in _trusting(role):
        providers = [
            name for kind, name in statement.principals if kind == "Federated" and ":saml-provider/" not in name
        ]
        keys = [key for _, key, values in statement.conditions if not any(value == "*" for value in values)]
        for provider in providers:
            host = provider.rsplit("oidc-provider/", 1)[-1]
            if not any(key.endswith(data.SUBJECT_KEYS) for key in keys):
                yield f"{statement.label} trusts everybody who signs in with {host} (no condition on its sub claim)"
            if not any(key.endswith(data.AUDIENCE_KEYS) for key in keys):
                yield f"{statement.label} trusts tokens of {host} for any application (no condition on its aud claim)"


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
        if saml and not statement.condition_values("SAML:aud"):
            yield f"{statement.label} takes SAML assertions for any audience (no condition on SAML:aud)"


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
        limited = any(key in _STRANGER_KEYS for _, key, _ in statement.conditions)
        for kind, name in statement.principals:
            whole = name.endswith(":root") or name.isdigit()
            if kind == "AWS" and whole and not limited and is_foreign(name, stack):
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
            if (
                kind == "Service"
                and name.split(".amazonaws.")[0] in data.ROLES_WITH_SOURCE
                and not is_limited(statement)
            ):
                yield f"{statement.label} trusts {name} for any account (no aws:SourceAccount, no aws:SourceArn)"
