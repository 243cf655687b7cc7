"""Least privilege: what the policies of identities allow, one by one."""

from __future__ import annotations

from functools import lru_cache

from guardrails import data, kinds
from guardrails.documents import PolicyStatement
from guardrails.iam import services
from guardrails.iam.arns import covers_type, last_part
from guardrails.iam.conditions import OF_PRINCIPAL
from guardrails.iam.held import GROUP, IDENTITY_TYPES, granted
from guardrails.iam.identities import (
    ATTACHED_POLICIES,
    GROUP_USERS,
    USER_ATTACHMENTS,
    USER_GROUPS,
    covers,
)
from guardrails.iam.narrowing import chooses_resources, names_something
from guardrails.iam.patterns import contains, has_wildcard, matches
from guardrails.kinds import aws
from guardrails.rules import Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError

LOGIN_PROFILE = aws("iam/UserLoginProfile")
_MANAGED = {
    kinds.ROLE: "managedPolicyArns",
    **{type_: path for type_, path in ATTACHED_POLICIES.items() if path.endswith(("Arn", "Arns"))},
}
"""What attaches managed policies by their ARNs, and the property that names them."""


_GIVES_ALL = "iam:putrolepolicy"
"""Who may do this to every role lacks nothing."""


@resource_rule(
    "No policy allows everything",
    "critical",
    *IDENTITY_TYPES,
    ids=("fsbp:IAM.1", "checkov:CKV_AWS_62", "cis:v3.0.0/1.16"),
    why="Whoever gets hold of the identity owns the account.",
    fix="List the actions that are used and the resources they are used on.",
)
def iam_no_administrator(policy: Resource) -> Messages:
    for statement in granted(policy):
        if any(map(services.is_anything, statement.actions)):
            where = "every resource" if "*" in statement.resources else ", ".join(statement.resources[:3])
            yield f"{statement.label} allows every action on {where}"
        elif statement.not_actions and covers(statement, _GIVES_ALL) and _covers_all(statement, "*"):
            yield f"{statement.label} allows everything but {', '.join(statement.not_actions[:3])}, also to give itself the rest"


@resource_rule(
    "No policy allows all actions of a service",
    "medium",
    *IDENTITY_TYPES,
    ids=("fsbp:IAM.21", "checkov:CKV_AWS_63", "checkov:CKV2_AWS_40"),
    why="All actions include deleting, sharing, and changing who else has access.",
    fix="List the actions that are used.",
)
def iam_no_service_wildcard(policy: Resource) -> Messages:
    for statement in granted(policy):
        wide = [action for action in statement.actions if _is_whole_service(action)]
        if wide:
            yield f"{statement.label} allows {', '.join(wide)}"


def _is_whole_service(action: str) -> bool:
    """Tell whether an entry is ``service:*``, of a service in which some action can be limited to resources at all."""
    whole = services.is_whole(action) and not services.is_anything(action)
    return whole and any(one.types for one in services.matching(action))


CREDENTIALS, SHARING, DATA, CHANGES, REST = "credentials", "sharing", "data", "changes", "rest"
_OWN_RULES = ("iam:passrole", "kms:decrypt", "kms:reencryptfrom")
"""Actions with a rule of their own below."""
_READING = ("Describe", "Get", "List", "Search")
"""How actions begin that change nothing, though the reference files a few of them under permissions management."""


_MAKING = ("Allocate", "Copy", "Create", "Import", "Register", "Request", "Run", "Tag")
"""How actions begin whose resource has no name before: more than its type cannot be said of it."""


@lru_cache(maxsize=4096)
def _risks(pattern: str, resources: tuple[str, ...]) -> frozenset[str]:
    """Return what an entry of Action can do to every resource of a type, of what could be limited to some.

    ``resources`` are the last parts of ARNs. Where they name types, instead of being a star alone, making something new and
    reading what is no data is as narrow as it gets.
    """
    if services.is_anything(pattern):
        return frozenset()
    all_ = services.matching(pattern)
    limitable = [
        one
        for one in all_
        if str(one).lower() not in (data.WHOLE_ACCOUNT if len(all_) > 1 else (*data.WHOLE_ACCOUNT, *_OWN_RULES))
        and any(contains(resource, last_part(type_)) for type_ in one.types for resource in resources)
    ]
    typed = "*" not in resources
    found = {_risk(one) for one in limitable if not (typed and _risk(one) == CHANGES and one.name.startswith(_MAKING))}
    if found - {REST}:
        return frozenset(found - {REST})
    # A pattern such as ec2:Describe* is for the listings in it, which take no resource.
    return frozenset({REST} if not typed and 2 * len(limitable) > len(all_) else ())


def _risk(action: services.IamAction) -> str:
    """Return the gravest thing that an action can do."""
    name = str(action).lower()
    if name in data.CREDENTIAL_ACTIONS:
        return CREDENTIALS
    if action.level == services.PERMISSIONS and not action.name.startswith(_READING):
        return SHARING
    if name in data.DATA_ACTIONS:
        return DATA
    changes = action.level in (services.WRITE, services.TAGGING) and not action.name.startswith(_READING)
    return CHANGES if changes else REST


def _wide_resources(statement: PolicyStatement) -> tuple[str, ...]:
    """Return the last parts of the ARNs that leave something open; a star for all that is left by a list of
    exceptions."""
    if statement.not_resources:
        return ("*",)
    parts = {last_part(one) for one in statement.resources if has_wildcard(one)}
    return tuple(sorted(one if one.strip("*") else "*" for one in parts))


def _unlimited(policy: Resource, risk: str, words: str) -> Messages:
    for statement in granted(policy):
        if chooses_resources(statement):
            continue
        resources = _wide_resources(statement)
        wide = [action for action in statement.actions if resources and risk in _risks(action, resources)]
        if wide:
            shown = ", ".join(wide[:3]) + (", …" if len(wide) > 3 else "")
            where = "every resource" if "*" in resources else "every resource of a type"
            yield f"{statement.label} allows {shown} on {where}{words}"


@resource_rule(
    "Actions that hand out credentials are limited to resources",
    "high",
    *IDENTITY_TYPES,
    ids=("checkov:CKV_AWS_287", "checkov:CKV_AWS_107", "checkov:CKV_AWS_355"),
    why="Whoever has the identity can become every other one whose credentials it can ask for.",
    fix="Name the roles, users or clusters whose credentials are needed.",
)
def iam_credentials_limited(policy: Resource) -> Messages:
    yield from _unlimited(policy, CREDENTIALS, ", and so hands out credentials")


@resource_rule(
    "Actions that change who has access are limited to resources",
    "high",
    *IDENTITY_TYPES,
    ids=("checkov:CKV_AWS_289", "checkov:CKV_AWS_109", "checkov:CKV_AWS_355"),
    why="One such permission on everything is as good as all permissions: it can open any resource to anybody.",
    fix="Name the ARNs; let only the deployment's own role change policies.",
)
def iam_sharing_limited(policy: Resource) -> Messages:
    yield from _unlimited(policy, SHARING, ", and so changes who has access to it")


@resource_rule(
    "Actions that read stored data are limited to resources",
    "high",
    *IDENTITY_TYPES,
    ids=("checkov:CKV_AWS_288", "checkov:CKV_AWS_108", "checkov:CKV_AWS_355"),
    why="A workload that may read one bucket should not, by one character, be able to carry them all away.",
    fix="Name the ARNs of the buckets, secrets, parameters, tables or queues that are read.",
)
def iam_data_limited(policy: Resource) -> Messages:
    yield from _unlimited(policy, DATA, ", and so reads all data kept there")


@resource_rule(
    "Actions that change things are limited to resources",
    "high",
    *IDENTITY_TYPES,
    ids=("checkov:CKV_AWS_290", "checkov:CKV_AWS_111", "checkov:CKV_AWS_355"),
    why="A mistake or an intruder in one workload can then delete what belongs to all others.",
    fix="Name the ARNs; where only tags tell resources apart, add a condition on aws:ResourceTag.",
)
def iam_changes_limited(policy: Resource) -> Messages:
    yield from _unlimited(policy, CHANGES, ", and so changes what belongs to others")


@resource_rule(
    "Actions that can be limited to resources are",
    "medium",
    *IDENTITY_TYPES,
    ids=("checkov:CKV_AWS_355", "checkov:CKV_AWS_356"),
    why="Names, settings and topology of everything in the account are what an intruder looks for first.",
    fix="Name the ARNs; where only tags tell resources apart, add a condition on aws:ResourceTag.",
)
def iam_resources_named(policy: Resource) -> Messages:
    yield from _unlimited(policy, REST, "")


def _covers_all(statement: PolicyStatement, form: str) -> bool:
    """Tell whether a statement is about everything of a type, of which ``form`` is the last part of the ARN."""
    return bool(statement.not_resources) or any(covers_type(one, form) for one in statement.resources)


def _matching(statement: PolicyStatement, wanted: str) -> list[str]:
    """List the actions of a statement that include one action, except bare wildcards, which have a rule of their
    own."""
    return [
        action for action in statement.actions if not services.is_anything(action) and matches(action.lower(), wanted)
    ]


@resource_rule(
    "Nobody may pass every role",
    "high",
    *IDENTITY_TYPES,
    ids=(),
    why="Passing an administrator's role to a new function or task makes its creator an administrator.",
    fix="Name the roles in Resource and add a condition on iam:PassedToService.",
)
def iam_pass_role_limited(policy: Resource) -> Messages:
    for statement in granted(policy):
        everywhere = _covers_all(statement, "role/*")
        if everywhere and _matching(statement, "iam:passrole"):
            yield f"{statement.label} allows iam:PassRole on every role"


@resource_rule(
    "Passing a role says to which service",
    "low",
    *IDENTITY_TYPES,
    ids=(),
    why="Without a condition the same role can be handed to any service that its trust policy admits, now or later.",
    fix="Add StringEquals iam:PassedToService with the service, such as ecs-tasks.amazonaws.com.",
)
def iam_pass_role_names_service(policy: Resource) -> Messages:
    for statement in granted(policy):
        if _matching(statement, "iam:passrole") and not statement.bounds(
            "iam:PassedToService", names_something, OF_PRINCIPAL
        ):
            yield f"{statement.label} allows iam:PassRole to any service (no condition on iam:PassedToService)"


@resource_rule(
    "Nobody may decrypt with every key",
    "medium",
    *IDENTITY_TYPES,
    ids=("fsbp:KMS.1", "fsbp:KMS.2"),
    why="Separate keys separate data only if each identity may use only its own.",
    fix="Name the key ARNs, or add a condition on kms:ViaService or kms:ResourceAliases.",
)
def iam_decrypt_limited(policy: Resource) -> Messages:
    for statement in granted(policy):
        everywhere = _covers_all(statement, "key/*")
        if everywhere and not chooses_resources(statement):
            for action in ("kms:decrypt", "kms:reencryptfrom"):
                if _matching(statement, action):
                    yield f"{statement.label} allows {action} with every key"


@resource_rule(
    "Writing logs is limited to log groups",
    "low",
    *IDENTITY_TYPES,
    ids=(),
    why="A workload that may write into every log can forge another one's lines, and the audit trail's with them.",
    fix="Name the log groups that are its own, such as arn:aws:logs:*:*:log-group:/ecs/shop/*.",
)
def iam_log_writes_limited(policy: Resource) -> Messages:
    for statement in granted(policy):
        everywhere = _covers_all(statement, "log-group:*:log-stream:*") and not chooses_resources(statement)
        if everywhere and _matching(statement, "logs:putlogevents"):
            yield f"{statement.label} allows logs:PutLogEvents in every log group"


@resource_rule(
    "No statement allows everything except a list",
    "medium",
    *IDENTITY_TYPES,
    ids=(),
    why="It also allows what AWS will invent next year.",
    fix="List what is allowed. NotAction and NotResource belong into Deny statements.",
)
def iam_no_negative_allow(policy: Resource) -> Messages:
    for statement in granted(policy):
        for values, element in ((statement.not_actions, "NotAction"), (statement.not_resources, "NotResource")):
            if values:
                yield f"{statement.label} allows with {element}"


@resource_rule(
    "No administrator's managed policy is attached",
    "high",
    *_MANAGED,
    ids=("fsbp:IAM.1", "checkov:CKV_AWS_274", "checkov:CKV_AWS_275", "checkov:CKV2_AWS_56", "cis:v3.0.0/1.16"),
    why="AWS's *FullAccess policies allow everything in a service on everything in the account.",
    fix="Attach a policy of your own with the actions and resources in use, or a narrow service-role policy.",
)
def iam_no_privileged_managed_policy(attachment: Resource) -> Messages:
    for arn in attachment.strings(_MANAGED[attachment.type]):
        name = arn.rsplit("/", 1)[-1]
        managed = ":iam::aws:policy/" in arn
        if managed and any(matches(pattern, name) for pattern in data.PRIVILEGED_POLICIES):
            yield f"{name} is attached"


@resource_rule(
    "No long-lived access keys",
    "high",
    kinds.ACCESS_KEY,
    ids=("fsbp:IAM.3", "checkov:CKV_AWS_348", "cis:v3.0.0/1.14"),
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
    LOGIN_PROFILE,
    ids=("checkov:CKV_AWS_273", "checkov:CKV2_AWS_22"),
    why="An IAM user has a password or key of its own that nobody revokes when its owner leaves.",
    fix="Give people IAM Identity Center and workloads a role. SMTP credentials of SES are the known exception.",
)
def iam_no_users(user: Resource) -> Messages:
    yield "it is an IAM user" if user.type == kinds.USER else "it gives an IAM user a password for the console"


@resource_rule(
    "Policies are not attached to users",
    "low",
    kinds.USER_POLICY,
    kinds.USER_ATTACHMENT,
    USER_ATTACHMENTS,
    kinds.POLICY_ATTACHMENT,
    ids=("fsbp:IAM.2", "checkov:CKV_AWS_40", "cis:v3.0.0/1.15"),
    why="Rights given one by one are never taken back one by one.",
    fix="Attach the policy to a role or a group.",
)
def iam_no_user_policies(policy: Resource) -> Messages:
    list_ = {kinds.POLICY_ATTACHMENT: "users", USER_ATTACHMENTS: "policyArns"}.get(policy.type)
    if list_ is None or policy.has(list_):
        yield "it gives rights to a single user"


@stack_rule(
    "Nothing attaches a policy of others exclusively",
    "medium",
    kinds.POLICY_ATTACHMENT,
    ids=(),
    why="aws.iam.PolicyAttachment owns all attachments of its policy: it detaches it from everybody else in the account.",
    fix="Use RolePolicyAttachment or GroupPolicyAttachment, which concern one role or group only.",
)
def iam_no_exclusive_attachment(attachment: Resource, stack: Stack) -> Messages:
    if not stack.targets(attachment, "policyArn", kinds.POLICY):
        arn = attachment.get("policyArn")
        yield f"it detaches {arn} from every role, user and group in the account that it does not name"


@stack_rule(
    "Users belong to a group",
    "low",
    kinds.USER,
    ids=("checkov:CKV2_AWS_21",),
    why="Rights that hang on a group are reviewed once for all its members.",
    fix="Declare an aws.iam.UserGroupMembership for the user.",
)
def iam_users_in_groups(user: Resource, stack: Stack) -> Messages:
    joined = any(one.has("groups") for one in stack.referrers(user, "user", USER_GROUPS))
    if not (joined or stack.referrers(user, "users", GROUP_USERS)):
        _require_known(stack, "user", "users")
        yield "it is in no group"


@stack_rule(
    "Groups have members",
    "low",
    GROUP,
    ids=("checkov:CKV2_AWS_14",),
    why="Rights of an empty group wait for whoever is put into it.",
    fix="Declare an aws.iam.GroupMembership, or remove the group.",
)
def iam_groups_have_users(group: Resource, stack: Stack) -> Messages:
    listed = any(one.has("users") for one in stack.referrers(group, "group", GROUP_USERS))
    if not (listed or stack.referrers(group, "groups", USER_GROUPS)):
        _require_known(stack, "groups", "group")
        yield "no user is in it"


def _require_known(stack: Stack, of_user: str, of_group: str) -> None:
    for membership in stack.of_type(USER_GROUPS, GROUP_USERS):
        path = of_user if membership.type == USER_GROUPS else of_group
        if not membership.known(path):
            raise UndeterminedError(f"{path} of {membership.name}")


@resource_rule(
    "Passwords are long and mixed",
    "medium",
    kinds.PASSWORD_POLICY,
    ids=(
        "fsbp:IAM.7",
        "checkov:CKV_AWS_10",
        "checkov:CKV_AWS_11",
        "checkov:CKV_AWS_12",
        "checkov:CKV_AWS_14",
        "checkov:CKV_AWS_15",
        "cis:v3.0.0/1.8",
    ),
    why="A short password is guessed, and whoever guesses it is in the account.",
    fix="Set minimumPasswordLength to 14 or more and all four require… flags to true.",
)
def iam_passwords_strong(policy: Resource) -> Messages:
    length = policy.number("minimumPasswordLength", 6)
    if length < 14:
        yield f"it takes passwords of {length} characters (minimumPasswordLength)"
    flags = ("requireLowercaseCharacters", "requireUppercaseCharacters", "requireNumbers", "requireSymbols")
    missing = [flag for flag in flags if not policy.truth(flag)]
    if missing:
        yield f"it leaves {', '.join(missing)} off"


@resource_rule(
    "Passwords are not used again",
    "low",
    kinds.PASSWORD_POLICY,
    ids=("checkov:CKV_AWS_13", "cis:v3.0.0/1.9"),
    why="A password that leaked once stays in the lists that are tried.",
    fix="Set passwordReusePrevention to 24.",
)
def iam_passwords_new(policy: Resource) -> Messages:
    kept = policy.number("passwordReusePrevention", 0)
    if kept < 24:
        yield (
            f"the last {kept} passwords are remembered (passwordReusePrevention), not 24"
            if kept
            else ("old passwords may be used again (passwordReusePrevention)")
        )
