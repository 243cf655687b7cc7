"""Policy documents: that they can be read, mean what they say, and fit into IAM's limits.

What only ``iam/services.txt`` can tell is advice: AWS adds actions every week, and a list that has grown old must not stop
a deployment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from guardrails import data, documents, kinds
from guardrails.documents import MalformedDocumentError, PolicyDocument, PolicyStatement
from guardrails.iam import services
from guardrails.iam.held import (
    DOCUMENTS,
    IDENTITY_TYPES,
    RESOURCE_DOCUMENTS,
    TRUST_DOCUMENTS,
    all_policies,
    granted,
    identity_policies,
)
from guardrails.iam.identities import attached_to, inline_of
from guardrails.iam.patterns import matches, overlap
from guardrails.kinds import aws
from guardrails.rules import Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Node, Resource

_VARIABLE = re.compile(r"\$\{[^}]*\}")
_SIZES = {aws(name): size for name, size in data.SIZES.items()}
_INLINE_SIZES = {aws(name): size for name, size in data.INLINE_SIZES.items()}


@resource_rule(
    "Policy documents can be read",
    "high",
    *DOCUMENTS,
    ids=(),
    why="AWS refuses a malformed document in the middle of a deployment, and no other rule can judge it.",
    fix="Write the document with json.dumps, with Statement, and in each statement Effect, Action and Resource or Principal.",
)
def policy_document_readable(resource: Resource) -> Messages:
    for node, path in all_policies(resource):
        try:
            document = documents.read(node, path)
        except MalformedDocumentError as problem:
            yield f"{path}: {problem}"
        else:
            yield from _incomplete(document, node is not resource or resource.type in IDENTITY_TYPES, resource, path)


def _incomplete(document: PolicyDocument, of_identity: bool, resource: Resource, path: str) -> Messages:
    trust = path == TRUST_DOCUMENTS.get(resource.type)
    for statement in document.statements:
        named = statement.principals or statement.not_principals
        if of_identity and not trust:
            if not (statement.resources or statement.not_resources):
                yield f"{path}: {statement.label} has neither Resource nor NotResource"
            if named:
                yield f"{path}: {statement.label} has a Principal, which only a resource's own policy may have"
        elif not named and (trust or resource.type in RESOURCE_DOCUMENTS):
            yield f"{path}: {statement.label} has no Principal"


def _statements(resource: Resource) -> Iterator[PolicyStatement]:
    for node, path in all_policies(resource):
        yield from documents.read(node, path)


@resource_rule(
    "Actions in policies exist",
    "low",
    *DOCUMENTS,
    ids=(),
    why="IAM accepts a misspelt action and grants, or denies, nothing; the workload fails later, or the denial protects nothing.",
    fix="Write the action as the service authorization reference has it; it is often not the name of the API call.",
)
def policy_actions_exist(resource: Resource) -> Messages:
    for statement in _statements(resource):
        for action in (*statement.actions, *statement.not_actions):
            if not services.is_anything(action) and not services.matching(action):
                yield f"{statement.label} names {action}, which is no action of AWS{_meant(action)}"


def _meant(action: str) -> str:
    meant = data.CALL_NAMES.get(action.lower()) or services.nearest(action)
    return f" (did you mean {meant}?)" if meant else ""


@resource_rule(
    "Actions are allowed on resources that they take",
    "low",
    *IDENTITY_TYPES,
    ids=(),
    why="s3:GetObject on a bucket's own ARN, or ecr:GetAuthorizationToken on one repository, allows nothing at all.",
    fix="Give the ARN of the right kind (a bucket's objects end in /*), or * for an action that takes no resource.",
)
def iam_resources_fit_actions(policy: Resource) -> Messages:
    for statement in granted(policy):
        if not statement.resources or any(_is_everything(one) for one in statement.resources):
            continue
        for action in statement.actions:
            problem = _misfit(action, statement.resources)
            if problem:
                yield f"{statement.label} allows {action} only on {statement.resources[0]}, but {problem}"


def _is_everything(resource: str) -> bool:
    return resource == "*" or resource.split(":", 5)[5:] == ["*"]


@lru_cache(maxsize=4096)
def _misfit(pattern: str, resources: tuple[str, ...]) -> str:
    """Tell why none of a pattern's actions can be used with any of the resources; empty if one can."""
    actions = () if services.is_anything(pattern) else services.matching(pattern)
    if not actions or any(_fits(arn, resource) for one in actions for arn in one.types for resource in resources):
        return ""
    taken = sorted({arn for one in actions for arn in one.types})
    return f"it takes {' or '.join(taken[:2])}" if taken else "it can only be allowed on *"


def _fits(arn: str, resource: str) -> bool:
    """Tell whether a resource can be of the form of an ARN pattern; what a policy variable becomes is not known."""
    text = _VARIABLE.sub("*", resource)
    return overlap(arn, text) or (":log-group:" in arn and overlap(f"{arn}:*", text))


@resource_rule(
    "Condition keys exist",
    "low",
    *DOCUMENTS,
    ids=(),
    why="A key that no service sends makes an Allow useless and, worse, a Deny that never denies.",
    fix="Write the key as the service authorization reference has it; global keys start with aws:.",
)
def policy_condition_keys_exist(resource: Resource) -> Messages:
    for statement in _statements(resource):
        for condition in statement.conditions:
            if not _key_exists(condition.key, statement.actions):
                yield f"{statement.label} has a condition on {condition.key}, a key that does not exist"


def _key_exists(key: str, actions: tuple[str, ...]) -> bool:
    prefix, _, name = key.partition(":")
    if prefix == "aws":
        return name in data.GLOBAL_KEYS or key.startswith(data.GLOBAL_TAG_KEYS)
    if "." in prefix or prefix in data.FEDERATION_PREFIXES:
        return True
    owner = services.service(prefix)
    known = owner.keys if owner else ()
    return _known(key, known) or any(_known(key, one.keys) for action in actions for one in _services(action))


@resource_rule(
    "Conditions use keys that their actions know",
    "low",
    *IDENTITY_TYPES,
    ids=(),
    why="A request for an action carries only the keys of that action: the statement never applies.",
    fix="Split the statement: the condition only with the actions that know its key.",
)
def iam_conditions_fit_actions(policy: Resource) -> Messages:
    for statement in granted(policy):
        actions = [
            one
            for pattern in statement.actions
            if not services.is_anything(pattern)
            for one in services.matching(pattern)
        ]
        for condition in statement.conditions:
            own = condition.key.split(":", 1)[0] in {one.service for one in actions}
            if own and condition.needs_key and not any(_known(condition.key, one.keys) for one in actions):
                yield f"{statement.label} has a condition on {condition.key}, which none of its actions knows"


def _known(key: str, patterns: tuple[str, ...]) -> bool:
    return any(matches(pattern, key) for pattern in patterns)


def _services(action: str) -> Iterator[services.IamService]:
    found = services.service(action.split(":", 1)[0].lower())
    if found:
        yield found


@resource_rule(
    "Wildcards stand where they are read as such",
    "low",
    *DOCUMENTS,
    ids=(),
    why="StringEquals takes * for the letter: an Allow never applies and, worse, a Deny never denies.",
    fix="Use StringLike (or StringNotLike), or write the value out.",
)
def policy_wildcards_read(resource: Resource) -> Messages:
    for statement in _statements(resource):
        for condition in statement.conditions:
            for text in condition.plain_wildcards:
                yield f"{statement.label} compares {condition.key} with {text}, in which the wildcard is plain text"


@resource_rule(
    "Policies name the current version of the language",
    "low",
    *DOCUMENTS,
    ids=(),
    why="Without it the language of 2008 applies, in which a variable such as ${aws:username} is plain text.",
    fix='Set "Version" to "2012-10-17"; it is the version of the language, not of the document.',
)
def policy_version_current(resource: Resource) -> Messages:
    for node, path in all_policies(resource):
        document = documents.read(node, path)
        if document.statements and document.version != "2012-10-17":
            yield f"{path} has the version {document.version or 'of 2008 (none is named)'}"


@resource_rule(
    "Statements of a policy have names of their own",
    "medium",
    *DOCUMENTS,
    ids=(),
    why="IAM refuses a document in which two statements have the same Sid, in the middle of a deployment.",
    fix="Give each statement its own Sid, or none.",
)
def policy_sids_unique(resource: Resource) -> Messages:
    for node, path in all_policies(resource):
        document = documents.read(node, path)
        sids = [one.sid for one in document.statements if one.sid]
        for sid in dict.fromkeys(sid for sid in sids if sids.count(sid) > 1):
            yield f"{path} has {sids.count(sid)} statements called {sid}"
        if resource.type in IDENTITY_TYPES:
            for sid in dict.fromkeys(sid for sid in sids if not (sid.isascii() and sid.isalnum())):
                yield f"{path} has a statement called {sid}; IAM takes letters and digits only"
        for _ in document:
            pass


@resource_rule(
    "Policies fit into the size that AWS allows",
    "medium",
    *_SIZES,
    ids=(),
    why="AWS refuses a longer document in the middle of a deployment.",
    fix="Merge statements, use patterns in names, or split the policy in two.",
)
def policy_size_fits(resource: Resource) -> Messages:
    path = DOCUMENTS[resource.type]
    size = documents.measure(resource, path)
    if size > _SIZES[resource.type]:
        yield f"{path} has {size:,} characters; at most {_SIZES[resource.type]:,} are allowed"


@stack_rule(
    "All policies of a principal fit into IAM's limits",
    "medium",
    *_INLINE_SIZES,
    ids=(),
    why="IAM counts all inline policies of a role together, and refuses the eleventh managed one.",
    fix="Merge policies, or move inline ones into a managed policy.",
)
def iam_policies_fit_together(principal: Resource, stack: Stack) -> Messages:
    attached = attached_to(principal, stack)
    if len(attached) > data.MANAGED_POLICIES:
        yield f"{len(attached)} managed policies are attached to it; {data.MANAGED_POLICIES} may be"
    held: list[tuple[Node, str]] = list(identity_policies(principal)) if principal.type == kinds.ROLE else []
    held += [(one, "policy") for one in inline_of(principal, stack)]
    size = sum(documents.measure(node, path) for node, path in held)
    if size > _INLINE_SIZES[principal.type]:
        yield f"its inline policies have {size:,} characters together; {_INLINE_SIZES[principal.type]:,} are allowed"
