"""What a role, user, group or permission set of the stack may do, by all policies that the stack gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from guardrails import documents, kinds
from guardrails.documents import MalformedDocumentError, PolicyStatement
from guardrails.iam.held import DOCUMENTS, GROUP, PERMISSION_SET_POLICY, identity_policies
from guardrails.iam.patterns import contains, matches
from guardrails.kinds import aws
from guardrails.per_stack import per_stack
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError

PERMISSION_SET = aws("ssoadmin/PermissionSet")
PRINCIPALS = (kinds.ROLE, kinds.USER, GROUP, PERMISSION_SET)
ROLE_ATTACHMENTS = aws("iam/RolePolicyAttachmentsExclusive")
USER_ATTACHMENTS = aws("iam/UserPolicyAttachmentsExclusive")
GROUP_ATTACHMENTS = aws("iam/GroupPolicyAttachmentsExclusive")
SET_ATTACHMENT = aws("ssoadmin/ManagedPolicyAttachment")
SET_ATTACHMENTS = aws("ssoadmin/ManagedPolicyAttachmentsExclusive")
SET_OWN_ATTACHMENT = aws("ssoadmin/CustomerManagedPolicyAttachment")
SET_OWN_ATTACHMENTS = aws("ssoadmin/CustomerManagedPolicyAttachmentsExclusive")
SET_BOUNDARY = aws("ssoadmin/PermissionsBoundaryAttachment")
USER_GROUPS = aws("iam/UserGroupMembership")
GROUP_USERS = aws("iam/GroupMembership")
_INLINE = {
    kinds.ROLE: ((kinds.ROLE_POLICY, "role"),),
    kinds.USER: ((kinds.USER_POLICY, "user"),),
    GROUP: ((kinds.GROUP_POLICY, "group"),),
    PERMISSION_SET: ((PERMISSION_SET_POLICY, "permissionSetArn"),),
}
ATTACHED = {
    kinds.ROLE: (
        (kinds.ROLE_ATTACHMENT, "role"),
        (kinds.POLICY_ATTACHMENT, "roles"),
        (ROLE_ATTACHMENTS, "roleName"),
    ),
    kinds.USER: (
        (kinds.USER_ATTACHMENT, "user"),
        (kinds.POLICY_ATTACHMENT, "users"),
        (USER_ATTACHMENTS, "userName"),
    ),
    GROUP: (
        (kinds.GROUP_ATTACHMENT, "group"),
        (kinds.POLICY_ATTACHMENT, "groups"),
        (GROUP_ATTACHMENTS, "groupName"),
    ),
    PERMISSION_SET: tuple(
        (type_, "permissionSetArn")
        for type_ in (SET_ATTACHMENT, SET_ATTACHMENTS, SET_OWN_ATTACHMENT, SET_OWN_ATTACHMENTS)
    ),
}
"""The resources that give a principal a policy, and the property with which they name it."""
ATTACHED_POLICIES = {
    **dict.fromkeys(
        (kinds.POLICY_ATTACHMENT, kinds.ROLE_ATTACHMENT, kinds.USER_ATTACHMENT, kinds.GROUP_ATTACHMENT), "policyArn"
    ),
    **dict.fromkeys((ROLE_ATTACHMENTS, USER_ATTACHMENTS, GROUP_ATTACHMENTS), "policyArns"),
    SET_ATTACHMENT: "managedPolicyArn",
    SET_ATTACHMENTS: "managedPolicyArns",
    SET_OWN_ATTACHMENT: "customerManagedPolicyReference.name",
    SET_OWN_ATTACHMENTS: "customerManagedPolicyReferences",
}
"""The property with which each of them names the policy: by its ARN, or an Identity Center's by its name."""


@dataclass(frozen=True)
class Rights:
    """The readable statements of a principal, and why others could not be read."""

    statements: tuple[PolicyStatement, ...]
    unread: str = ""
    attached: frozenset[str] = frozenset()
    """The ARNs of AWS's own policies among them; what these allow is not looked into."""
    _by_service: dict[str, list[PolicyStatement]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def allowing(self, action: str) -> Iterator[PolicyStatement]:
        """Yield the statements that allow an action somewhere where no statement denies it."""
        wanted = action.lower()
        about = self._about(wanted.partition(":")[0])
        denials = [one for one in about if not one.allows and not one.conditions and covers(one, wanted)]
        for statement in about:
            if statement.allows and covers(statement, wanted) and not _denied(statement, denials):
                yield statement

    def _about(self, service: str) -> list[PolicyStatement]:
        """List the statements that can be about a service's actions: a principal names few services, and is asked about
        many."""
        if service not in self._by_service:
            self._by_service[service] = [
                one
                for one in self.statements
                if one.not_actions or any(matches(each.lower().partition(":")[0], service) for each in one.actions)
            ]
        return self._by_service[service]

    def may(self, action: str) -> bool:
        return any(self.allowing(action))

    def complete(self) -> None:
        """Raise UndeterminedError where a policy could not be read."""
        if self.unread:
            raise UndeterminedError(self.unread, "not known yet or not of this stack")


def covers(statement: PolicyStatement, action: str) -> bool:
    """Tell whether a statement is about an action, given in lower case."""
    if statement.not_actions:
        return not any(matches(one.lower(), action) for one in statement.not_actions)
    return any(matches(one.lower(), action) for one in statement.actions)


def _denied(statement: PolicyStatement, denials: Iterable[PolicyStatement]) -> bool:
    refused = [resource for one in denials for resource in one.resources]
    return bool(statement.resources) and all(
        any(contains(pattern, resource) for pattern in refused) for resource in statement.resources
    )


def rights_of(principal: Resource, stack: Stack) -> Rights:
    """Return what the stack's policies let a principal do; a user also by the groups that the stack puts it in."""
    known = _rights(stack)
    if principal.urn not in known:
        known[principal.urn] = _collect(principal, stack)
    return known[principal.urn]


@per_stack
def _rights(stack: Stack) -> dict[str, Rights]:
    """Return those asked for so far, by URN; several rules ask for the same principal's."""
    return {}


def _collect(principal: Resource, stack: Stack) -> Rights:
    statements: list[PolicyStatement] = []
    attached: set[str] = set()
    unread = ""
    for holder in (principal, *_groups(principal, stack)):
        for read in (_inline, _by_attachment):
            found, managed, problem = _gather(read, holder, stack)
            statements += found
            attached |= managed
            unread = unread or problem
    return Rights(tuple(statements), unread, frozenset(attached))


_Reader = Callable[[Resource, Stack], Iterator[PolicyStatement | str]]


def _gather(read: _Reader, holder: Resource, stack: Stack) -> tuple[list[PolicyStatement], set[str], str]:
    statements: list[PolicyStatement] = []
    managed: set[str] = set()
    try:
        for item in read(holder, stack):
            if isinstance(item, PolicyStatement):
                statements.append(item)
            else:
                managed.add(item)
    except UndeterminedError as unknown:
        return statements, managed, str(unknown).split(" is ", maxsplit=1)[0]
    except MalformedDocumentError:
        return statements, managed, "a policy document"
    return statements, managed, ""


def _inline(holder: Resource, stack: Stack) -> Iterator[PolicyStatement | str]:
    unread: UndeterminedError | None = None
    held = [(node, path) for node, path in (identity_policies(holder) if holder.type == kinds.ROLE else [])]
    held += [(one, DOCUMENTS[one.type]) for one in inline_of(holder, stack)]
    for node, path in held:
        try:
            yield from documents.read(node, path)
        except UndeterminedError as unknown:
            unread = unread or unknown
    if unread:
        raise unread


def inline_of(holder: Resource, stack: Stack) -> list[Resource]:
    """List the resources that give a principal an inline policy."""
    return [one for type_, via in _INLINE[holder.type] for one in stack.referrers(holder, via, type_)]


def attached_to(holder: Resource, stack: Stack) -> list[str]:
    """List every managed policy attached to a principal: its ARN, or the URN of what attaches it where that is not
    known."""
    found = [(one, arn) for one, path in _attaching(holder, stack) for arn in _listed(one, path)]
    return list(dict.fromkeys(arn or f"{one.urn} {number}" for number, (one, arn) in enumerate(found)))


def _by_attachment(holder: Resource, stack: Stack) -> Iterator[PolicyStatement | str]:
    unread: UndeterminedError | None = None
    for source, path in _attaching(holder, stack):
        try:
            yield from _attached(source, path, stack)
        except UndeterminedError as unknown:
            unread = unread or unknown
    if unread:
        raise unread


def _attaching(holder: Resource, stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Yield what attaches managed policies to a principal, and the property that names them."""
    for type_, via in ATTACHED[holder.type]:
        for one in stack.referrers(holder, via, type_):
            yield one, ATTACHED_POLICIES[type_]
    if holder.type == kinds.ROLE:
        yield holder, "managedPolicyArns"


def _attached(source: Resource, path: str, stack: Stack) -> Iterator[PolicyStatement | str]:
    own = stack.targets(source, path, kinds.POLICY)
    for policy in own:
        yield from documents.read(policy, "policy")
    known = {name for policy in own for name in policy.names}
    missing = 0
    for arn in _listed(source, path):
        if arn is None:
            missing += 1
        elif ":iam::aws:policy/" in arn:
            yield arn
        elif arn not in known:
            raise UndeterminedError(path, "not of this stack")
    if missing > len(own):
        raise UndeterminedError(path)


def _listed(source: Resource, path: str) -> Iterator[str | None]:
    """Yield the ARNs that a property lists; None for each that is not known."""
    value = source.node(path).value
    for item in value if isinstance(value, list) else [] if value is None else [value]:
        yield item if isinstance(item, str) else None


def _groups(principal: Resource, stack: Stack) -> list[Resource]:
    if principal.type != kinds.USER:
        return []
    joined = [
        group
        for one in stack.referrers(principal, "user", USER_GROUPS)
        for group in stack.targets(one, "groups", GROUP)
    ]
    return joined + [
        group
        for one in stack.referrers(principal, "users", GROUP_USERS)
        for group in stack.targets(one, "group", GROUP)
    ]
