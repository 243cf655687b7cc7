"""Least privilege: what identities may do, and who may become them."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from guardrails import data, documents, kinds
from guardrails.documents import MalformedDocumentError, Statement
from guardrails.principals import public_statements
from guardrails.rules import Messages, resource_rule
from guardrails.view import Node, Resource

IDENTITY_TYPES = (kinds.ROLE, kinds.ROLE_POLICY, kinds.POLICY, kinds.USER_POLICY, kinds.GROUP_POLICY)
DOCUMENTS = {
    kinds.ROLE: "assumeRolePolicy",
    **dict.fromkeys(IDENTITY_TYPES[1:], "policy"),
    **dict.fromkeys(
        (
            *kinds.BUCKETS,
            kinds.BUCKET_POLICY,
            kinds.QUEUE,
            kinds.QUEUE_POLICY,
            kinds.TOPIC,
            kinds.TOPIC_POLICY,
            kinds.KEY,
            kinds.KEY_POLICY,
            kinds.SECRET,
            kinds.SECRET_POLICY,
            kinds.REPOSITORY_POLICY,
            kinds.BACKUP_VAULT_POLICY,
            kinds.EVENT_BUS_POLICY,
        ),
        "policy",
    ),
    kinds.LOG_RESOURCE_POLICY: "policyDocument",
    kinds.SEARCH_DOMAIN: "accessPolicies",
    kinds.SEARCH_DOMAIN_POLICY: "accessPolicies",
}
"""The property that holds a policy document, by type."""


def _granted(resource: Resource) -> Iterator[Statement]:
    """The allowing statements of the identity policies in a resource."""
    for node, path in _identity_policies(resource):
        for statement in documents.read(node, path):
            if statement.allows:
                yield statement


def _identity_policies(resource: Resource) -> list[tuple[Node, str]]:
    if resource.type == kinds.ROLE:
        return [(inline, "policy") for inline in resource.items("inlinePolicies")]
    return [(resource, "policy")]


def _on_everything(statement: Statement) -> bool:
    """Whether a statement covers every resource of a kind, with no condition that chooses among them."""
    everything = any(resource == "*" or resource.split(":", 5)[5:] == ["*"] for resource in statement.resources)
    return everything and not any(key.startswith(data.NARROWING_KEYS) for _, key, _ in statement.conditions)


@resource_rule(
    "Policy documents can be read",
    "high",
    *DOCUMENTS,
    ids=(),
    why="AWS refuses a malformed document in the middle of a deployment, and no other rule can judge it.",
    fix="Write the document with json.dumps, with Statement, and in each statement Effect, Action and Resource or Principal.",
)
def policy_document_readable(resource: Resource) -> Messages:
    held: list[tuple[Node, str]] = [(resource, DOCUMENTS[resource.type])]
    if resource.type == kinds.ROLE:
        held += _identity_policies(resource)
    for node, path in held:
        try:
            documents.read(node, path)
        except MalformedDocumentError as problem:
            yield f"{path}: {problem}"


@resource_rule(
    "No policy allows everything",
    "critical",
    *IDENTITY_TYPES,
    ids=("fsbp:IAM.1", "checkov:CKV_AWS_62", "cis:v3.0.0/1.16"),
    why="Whoever gets hold of the identity owns the account.",
    fix="List the actions that are used and the resources they are used on.",
)
def iam_no_administrator(policy: Resource) -> Messages:
    for statement in _granted(policy):
        if any(action in ("*", "*:*") for action in statement.actions):
            where = "every resource" if "*" in statement.resources else ", ".join(statement.resources[:3])
            yield f"{statement.label} allows every action on {where}"


@resource_rule(
    "No policy allows all actions of a service",
    "medium",
    *IDENTITY_TYPES,
    ids=("fsbp:IAM.21", "checkov:CKV_AWS_63"),
    why="All actions include deleting, sharing, and changing who else has access.",
    fix="List the actions that are used.",
)
def iam_no_service_wildcard(policy: Resource) -> Messages:
    for statement in _granted(policy):
        wide = [
            a for a in statement.actions if a.endswith(":*") and a != "*:*" and a.lower() not in data.NEED_ANY_RESOURCE
        ]
        if wide:
            yield f"{statement.label} allows {', '.join(wide)}"


@resource_rule(
    "Actions that can be limited to resources are",
    "high",
    *IDENTITY_TYPES,
    ids=("checkov:CKV_AWS_355", "checkov:CKV_AWS_290", "checkov:CKV_AWS_289", "checkov:CKV_AWS_288"),
    why="A workload that may read one bucket should not, by one character, be able to read them all.",
    fix="Name the ARNs; where only tags tell resources apart, add a condition on aws:ResourceTag.",
)
def iam_resources_named(policy: Resource) -> Messages:
    for statement in _granted(policy):
        if not _on_everything(statement):
            continue
        wide = [action for action in statement.actions if action not in ("*", "*:*") and not _needs_any(action)]
        if wide:
            shown = ", ".join(wide[:3]) + (", …" if len(wide) > 3 else "")
            yield f"{statement.label} allows {shown} on every resource"


def _needs_any(action: str) -> bool:
    return any(fnmatchcase(action.lower(), pattern) for pattern in data.NEED_ANY_RESOURCE)


def _matching(statement: Statement, wanted: str) -> list[str]:
    """The actions of a statement that include one action, except bare wildcards, which have a rule of their own."""
    return [action for action in statement.actions if action != "*" and fnmatchcase(wanted, action.lower())]


@resource_rule(
    "Nobody may pass every role",
    "high",
    *IDENTITY_TYPES,
    ids=("checkov:CKV_AWS_286", "checkov:CKV_AWS_110"),
    why="Passing an administrator's role to a new function or task makes its creator an administrator.",
    fix="Name the roles in Resource and add a condition on iam:PassedToService.",
)
def iam_pass_role_limited(policy: Resource) -> Messages:
    for statement in _granted(policy):
        everywhere = any(resource == "*" or resource.endswith(":role/*") for resource in statement.resources)
        if everywhere and _matching(statement, "iam:passrole"):
            yield f"{statement.label} allows iam:PassRole on every role"


@resource_rule(
    "Nobody may decrypt with every key",
    "medium",
    *IDENTITY_TYPES,
    ids=("fsbp:KMS.1", "fsbp:KMS.2"),
    why="Separate keys separate data only if each identity may use only its own.",
    fix="Name the key ARNs, or add a condition on kms:ViaService or kms:ResourceAliases.",
)
def iam_decrypt_limited(policy: Resource) -> Messages:
    for statement in _granted(policy):
        everywhere = any(resource == "*" or resource.endswith(":key/*") for resource in statement.resources)
        narrowed = any(key.startswith(("kms:", *data.NARROWING_KEYS)) for _, key, _ in statement.conditions)
        if everywhere and not narrowed:
            for action in ("kms:decrypt", "kms:reencryptfrom"):
                if _matching(statement, action):
                    yield f"{statement.label} allows {action} with every key"


@resource_rule(
    "No statement allows everything except a list",
    "medium",
    *IDENTITY_TYPES,
    ids=(),
    why="It also allows what AWS will invent next year.",
    fix="List what is allowed. NotAction and NotResource belong into Deny statements.",
)
def iam_no_negative_allow(policy: Resource) -> Messages:
    for statement in _granted(policy):
        for values, element in ((statement.not_actions, "NotAction"), (statement.not_resources, "NotResource")):
            if values:
                yield f"{statement.label} allows with {element}"


@resource_rule(
    "No administrator's managed policy is attached",
    "high",
    kinds.ROLE,
    kinds.POLICY_ATTACHMENT,
    kinds.ROLE_ATTACHMENT,
    kinds.USER_ATTACHMENT,
    kinds.GROUP_ATTACHMENT,
    ids=("fsbp:IAM.1", "checkov:CKV_AWS_274", "checkov:CKV2_AWS_56", "cis:v3.0.0/1.16"),
    why="AWS's *FullAccess policies allow everything in a service on everything in the account.",
    fix="Attach a policy of your own with the actions and resources in use, or a narrow service-role policy.",
)
def iam_no_privileged_managed_policy(attachment: Resource) -> Messages:
    path = "managedPolicyArns" if attachment.type == kinds.ROLE else "policyArn"
    for arn in attachment.strings(path):
        name = arn.rsplit("/", 1)[-1]
        managed = ":iam::aws:policy/" in arn
        if managed and any(fnmatchcase(name, pattern) for pattern in data.PRIVILEGED_POLICIES):
            yield f"{name} is attached"


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
    for statement in documents.read(role, "assumeRolePolicy"):
        for kind, name in statement.principals:
            key = next((key for host, key in data.FEDERATED_SUBJECTS.items() if name.endswith(host)), None)
            if not statement.allows or kind != "Federated" or key is None:
                continue
            subjects = statement.condition_values(key)
            if not subjects or any(_any_repository(subject) for subject in subjects):
                yield f"{statement.label} trusts every repository of {key.removesuffix(':sub')}"


def _any_repository(subject: str) -> bool:
    owner = subject.split(":")[1] if ":" in subject else subject
    return owner.split("/")[0] in ("*", "")


@resource_rule(
    "No long-lived access keys",
    "high",
    kinds.ACCESS_KEY,
    ids=("fsbp:IAM.3", "cis:v3.0.0/1.14"),
    why="A key that never expires is the one that is found in a repository three years later.",
    fix="Use a role: for workloads the task's or function's own, for pipelines OIDC, for people IAM Identity Center.",
)
def iam_no_access_keys(key: Resource) -> Messages:
    if key.get("status", "Active") == "Active":
        yield "it is a long-lived access key"


@resource_rule(
    "People do not sign in as IAM users",
    "medium",
    kinds.USER,
    ids=("checkov:CKV_AWS_273",),
    why="An IAM user has a password or key of its own that nobody revokes when its owner leaves.",
    fix="Give people IAM Identity Center and workloads a role. SMTP credentials of SES are the known exception.",
)
def iam_no_users(user: Resource) -> Messages:
    yield "it is an IAM user"


@resource_rule(
    "Policies are not attached to users",
    "low",
    kinds.USER_POLICY,
    kinds.USER_ATTACHMENT,
    ids=("fsbp:IAM.2", "checkov:CKV_AWS_40", "cis:v3.0.0/1.15"),
    why="Rights given one by one are never taken back one by one.",
    fix="Attach the policy to a role or a group.",
)
def iam_no_user_policies(policy: Resource) -> Messages:
    yield "it gives rights to a single user"


@resource_rule(
    "No log, event-bus, vault or search policy is open to everyone",
    "high",
    kinds.LOG_RESOURCE_POLICY,
    kinds.EVENT_BUS_POLICY,
    kinds.BACKUP_VAULT_POLICY,
    kinds.SEARCH_DOMAIN_POLICY,
    ids=("checkov:CKV_AWS_283",),
    why="A resource policy for Principal * opens the resource to every AWS account.",
    fix="Name the principals; a service principal gets a condition on aws:SourceArn or aws:SourceAccount.",
)
def other_policies_not_public(resource: Resource) -> Messages:
    yield from public_statements(documents.read(resource, DOCUMENTS[resource.type]))
