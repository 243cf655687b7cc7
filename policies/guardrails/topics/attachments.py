"""Attachments: what gives an identity its policies and its groups, and what takes them away again.

What owns a whole list is said in the pages of the provider: aws.iam.Role (``inlinePolicies``, ``managedPolicyArns``),
aws.iam.PolicyAttachment, aws.iam.GroupMembership, and the types that end in ``Exclusive``.
"""

from __future__ import annotations

from typing import NamedTuple

from guardrails import kinds
from guardrails.iam.held import GROUP
from guardrails.iam.identities import (
    ATTACHED_POLICIES,
    GROUP_ATTACHMENTS,
    GROUP_USERS,
    PERMISSION_SET,
    PRINCIPALS,
    ROLE_ATTACHMENTS,
    SET_ATTACHMENT,
    SET_ATTACHMENTS,
    SET_OWN_ATTACHMENT,
    SET_OWN_ATTACHMENTS,
    USER_ATTACHMENTS,
    USER_GROUPS,
)
from guardrails.kinds import aws
from guardrails.rules import Messages, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource


class _List(NamedTuple):
    """A type that owns the list of all policies of a principal: what it does not list it takes away."""

    type: str
    of: str
    """The property that names the principal."""
    names: str
    """The property that is the list."""
    given: str
    """The property with which those who give a single policy name it."""
    givers: tuple[tuple[str, str], ...]
    """Their types, each with the property that names the principal."""


_LISTS = {
    kinds.ROLE: (
        _List(aws("iam/RolePoliciesExclusive"), "roleName", "policyNames", "name", ((kinds.ROLE_POLICY, "role"),)),
        _List(
            ROLE_ATTACHMENTS,
            "roleName",
            "policyArns",
            "policyArn",
            ((kinds.ROLE_ATTACHMENT, "role"), (kinds.POLICY_ATTACHMENT, "roles")),
        ),
    ),
    kinds.USER: (
        _List(aws("iam/UserPoliciesExclusive"), "userName", "policyNames", "name", ((kinds.USER_POLICY, "user"),)),
        _List(
            USER_ATTACHMENTS,
            "userName",
            "policyArns",
            "policyArn",
            ((kinds.USER_ATTACHMENT, "user"), (kinds.POLICY_ATTACHMENT, "users")),
        ),
    ),
    GROUP: (
        _List(aws("iam/GroupPoliciesExclusive"), "groupName", "policyNames", "name", ((kinds.GROUP_POLICY, "group"),)),
        _List(
            GROUP_ATTACHMENTS,
            "groupName",
            "policyArns",
            "policyArn",
            ((kinds.GROUP_ATTACHMENT, "group"), (kinds.POLICY_ATTACHMENT, "groups")),
        ),
    ),
    PERMISSION_SET: (
        _List(
            SET_ATTACHMENTS,
            "permissionSetArn",
            "managedPolicyArns",
            "managedPolicyArn",
            ((SET_ATTACHMENT, "permissionSetArn"),),
        ),
        _List(
            SET_OWN_ATTACHMENTS,
            "permissionSetArn",
            "customerManagedPolicyReferences",
            "customerManagedPolicyReference.name",
            ((SET_OWN_ATTACHMENT, "permissionSetArn"),),
        ),
    ),
}
_INSIDE_ROLE = {
    "inlinePolicies": ((kinds.ROLE_POLICY, "role"),),
    "managedPolicyArns": ((kinds.ROLE_ATTACHMENT, "role"), (kinds.POLICY_ATTACHMENT, "roles")),
}
"""Lists inside a role that are of all its policies, with what would give it others (pulumi-aws, aws.iam.Role)."""


@stack_rule(
    "No resource takes away the policies that another gives",
    "medium",
    *PRINCIPALS,
    kinds.POLICY_ATTACHMENT,
    ids=(),
    why="What owns the whole list detaches what others attached, and the next deployment attaches it again: rights come and go.",
    fix="Attach policies in one way only, or name them all in the resource that owns the list.",
)
def iam_attachments_agree(owner: Resource, stack: Stack) -> Messages:
    if owner.type == kinds.POLICY_ATTACHMENT:
        for one in _attaching_too(owner, stack):
            yield f"it detaches its policy from whatever {one.name} attaches it to"
        return
    for path, givers in _INSIDE_ROLE.items():
        for one in _given(owner, givers, stack) if owner.has(path) else ():
            yield f"{path} takes away what {one.name} gives it"
    for form in _LISTS[owner.type]:
        for list_ in stack.referrers(owner, form.of, form.type):
            for one in _given(owner, form.givers, stack):
                if not _is_listed(one, list_, form, stack):
                    yield f"{list_.name} does not list what {one.name} gives it, and so takes it away ({form.names})"


def _given(principal: Resource, givers: tuple[tuple[str, str], ...], stack: Stack) -> list[Resource]:
    return [one for type_, via in givers for one in stack.referrers(principal, via, type_)]


def _is_listed(one: Resource, list_: Resource, form: _List, stack: Stack) -> bool:
    """Tell whether a list names the policy that a resource gives; undetermined where neither names nor references
    tell."""
    policies = [one] if form.given == "name" else stack.targets(one, form.given, kinds.POLICY)
    listed = stack.targets(list_, form.names, kinds.POLICY, one.type)
    if any(policy in listed for policy in policies):
        return True
    written = list_.node(form.names).value
    for item in written if isinstance(written, list) else ():
        name = item.get("name") if isinstance(item, dict) else item
        if isinstance(name, str) and name == one.node(form.given).value:
            return True
    one.get(form.given)
    list_.get(form.names)
    return False


def _attaching_too(attachment: Resource, stack: Stack) -> list[Resource]:
    """List what else attaches the policy of an exclusive attachment."""
    return [
        one
        for policy in stack.targets(attachment, "policyArn", kinds.POLICY)
        for type_, path in ATTACHED_POLICIES.items()
        for one in stack.referrers(policy, path, type_)
        if one is not attachment
    ]


@stack_rule(
    "One resource says who the members of a group are",
    "medium",
    GROUP,
    ids=(),
    why="aws.iam.GroupMembership owns the whole list of members: it puts out of the group whom another resource put in.",
    fix="Name all members in one GroupMembership, or use UserGroupMembership only.",
)
def iam_memberships_agree(group: Resource, stack: Stack) -> Messages:
    owners = stack.referrers(group, "group", GROUP_USERS)
    others = [*owners[1:], *stack.referrers(group, "groups", USER_GROUPS)]
    for one in others if owners else ():
        yield f"{owners[0].name} puts out whom {one.name} puts in"
    for membership in stack.of_type(GROUP_USERS):
        if not stack.targets(membership, "group", GROUP):
            membership.get("group")
