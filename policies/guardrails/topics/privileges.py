"""What principals may do by all their policies together, and whom they may become."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails import data, documents, kinds
from guardrails.documents import PolicyStatement
from guardrails.iam import services
from guardrails.iam.escalation import PASSING, Method, methods_open_to, passes_to
from guardrails.iam.identities import PRINCIPALS, SET_BOUNDARY, Rights, rights_of
from guardrails.iam.patterns import matches
from guardrails.kinds import aws
from guardrails.per_stack import per_stack
from guardrails.principals import service_of
from guardrails.rules import Messages, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError

_ROLE_USERS = {aws(name): uses for name, uses in data.ROLE_USERS.items()}
_SHOWN = 2


@stack_rule(
    "Nobody can give themselves more rights",
    "critical",
    *PRINCIPALS,
    ids=("checkov:CKV_AWS_286", "checkov:CKV_AWS_110"),
    why="A few harmless-looking permissions are enough to become an administrator; each such combination is published.",
    fix="Name the resources of the first action, limit iam:PassRole to roles and iam:PassedToService, or set a boundary.",
)
def iam_no_privilege_escalation(principal: Resource, stack: Stack) -> Messages:
    rights = rights_of(principal, stack)
    if not _is_administrator(rights):
        methods = [str(one) for one in _bounded(principal, methods_open_to(principal, rights), stack)]
        if methods:
            more = f" and {len(methods) - _SHOWN} more ways" if len(methods) > _SHOWN else ""
            yield f"its policies together let it gain any right: by {'; by '.join(methods[:_SHOWN])}{more}"
    rights.complete()


def _is_administrator(rights: Rights) -> bool:
    """Tell whether it has every right already: what other rules say, and more rights cannot be gained."""
    return any(arn.endswith("/AdministratorAccess") for arn in rights.attached) or any(
        "*" in one.resources and not one.conditions and any(map(services.is_anything, one.actions))
        for one in rights.statements
        if one.allows
    )


def _bounded(principal: Resource, methods: Iterator[Method], stack: Stack) -> Iterator[Method]:
    """Yield the methods that the principal's permissions boundary leaves it."""
    named = [(one, path) for one, path in _boundaries(principal, stack) if one.has(path)]
    if not named:
        yield from methods
        return
    boundary = [policy for one, path in named for policy in stack.targets(one, path, kinds.POLICY)]
    if not boundary:
        if next(methods, None):
            raise UndeterminedError("permissionsBoundary", "not of this stack")
        return
    limit = Rights(tuple(statement for one in boundary for statement in documents.read(one, "policy")))
    yield from (method for method in methods if all(map(limit.may, method.actions)))


def _boundaries(principal: Resource, stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Yield where a principal's permissions boundary may be named."""
    yield principal, "permissionsBoundary"
    for one in stack.referrers(principal, "permissionSetArn", SET_BOUNDARY):
        yield one, "permissionsBoundary.managedPolicyArn"
        yield one, "permissionsBoundary.customerManagedPolicyReference.name"


@stack_rule(
    "Nobody can become a role with more rights",
    "critical",
    *PRINCIPALS,
    ids=(),
    why="A role that may assume, or hand to new code, an administrator's role is an administrator's role.",
    fix="Remove the permission on that role, or narrow the role that is reached.",
)
def iam_no_role_above(principal: Resource, stack: Stack) -> Messages:
    rights = rights_of(principal, stack)
    powerful = _powerful_roles(stack)
    if powerful and not _is_among(powerful, principal, rights):
        for role in powerful:
            way = _way_to(role, principal, rights)
            if way:
                yield f"by {way} it becomes {role.name}, which can do or give itself everything"
    rights.complete()


@per_stack
def _powerful_roles(stack: Stack) -> list[Resource]:
    """List the few roles that every principal is compared with."""
    return [role for role in stack.of_type(kinds.ROLE) if _is_powerful(role, rights_of(role, stack))]


def _is_among(powerful: list[Resource], principal: Resource, rights: Rights) -> bool:
    """Tell whether a principal is as powerful, which of roles is known already."""
    if principal.type == kinds.ROLE:
        return any(role.urn == principal.urn for role in powerful)
    return _is_powerful(principal, rights)


def _is_powerful(principal: Resource, rights: Rights) -> bool:
    return _is_administrator(rights) or next(methods_open_to(principal, rights), None) is not None


def _way_to(role: Resource, principal: Resource, rights: Rights) -> str:
    trusted = list(_trusted(role))
    if any(_names(one, role) for one in rights.allowing("sts:AssumeRole")) and any(
        kind == "AWS" and (name == "*" or name.endswith(":root") or name in principal.names) for kind, name in trusted
    ):
        return "sts:AssumeRole"
    for method in PASSING:
        first, *rest = method.actions
        admitted = any(kind == "Service" and service_of(name) == method.service for kind, name in trusted)
        admitted = admitted and all(map(rights.may, rest))
        if admitted and any(_names(one, role) and passes_to(one, method.service) for one in rights.allowing(first)):
            return str(method)
    return ""


def _names(statement: PolicyStatement, role: Resource) -> bool:
    return any(matches(one, name) for one in statement.resources for name in role.names if name.startswith("arn:"))


def _trusted(role: Resource) -> Iterator[tuple[str, str]]:
    for statement in documents.read(role, "assumeRolePolicy").statements:
        if statement.allows:
            yield from statement.principals


@stack_rule(
    "Roles trust the service that uses them",
    "high",
    *_ROLE_USERS,
    ids=(),
    why="The service cannot take the role on: the deployment fails, or the logs, backups or tasks never come.",
    fix="Name the service as Principal in the role's assumeRolePolicy.",
)
def role_trusts_its_service(user: Resource, stack: Stack) -> Messages:
    for path, service in _ROLE_USERS[user.type].items():
        roles = stack.targets(user, path, kinds.ROLE)
        if roles and not any(_trusts(role, service) for role in roles):
            yield f"{path} is the role {roles[0].name}, which does not trust {service}.amazonaws.com"


def _trusts(role: Resource, service: str) -> bool:
    return any(
        statement.allows
        and any(kind == "Service" and service_of(name) == service for kind, name in statement.principals)
        for statement in documents.read(role, "assumeRolePolicy")
    )
