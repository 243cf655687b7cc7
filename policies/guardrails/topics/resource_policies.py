"""Policies of resources: whom they let in, for whose sake, to do what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from guardrails import data, documents, kinds
from guardrails.documents import PolicyStatement
from guardrails.iam import services
from guardrails.iam.accounts import account_of, is_foreign
from guardrails.iam.arns import is_named, names_one, names_owner
from guardrails.iam.conditions import always_applies, bound, parse
from guardrails.iam.held import (
    BUCKET_TYPES,
    DOCUMENTS,
    ENDPOINT_DOCUMENTS,
    EXTERNAL_KEY,
    KEY_TYPES,
    LAYER_PERMISSION,
    RESOURCE_DOCUMENTS,
    TRUST_DOCUMENTS,
    VPC_ENDPOINT,
    VPC_ENDPOINT_POLICY,
)
from guardrails.iam.identities import covers
from guardrails.iam.patterns import overlap
from guardrails.kinds import aws
from guardrails.principals import (
    aws_principals,
    is_account,
    is_everyone,
    is_named_up_to,
    is_public,
    is_service,
    keeps_strangers_out,
    public_statements,
    service_of,
)
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_JUDGED_ELSEWHERE = (
    *BUCKET_TYPES,
    kinds.KEY,
    kinds.KEY_POLICY,
    kinds.QUEUE,
    kinds.QUEUE_POLICY,
    kinds.TOPIC,
    kinds.TOPIC_POLICY,
    kinds.SECRET,
    kinds.SECRET_POLICY,
    kinds.REPOSITORY_POLICY,
    kinds.SEARCH_DOMAIN,
    aws("apigateway/RestApi"),
    aws("apigateway/RestApiPolicy"),
)
"""What has a rule of its own in its topic, and APIs, which may be for everyone."""
_EVENT_PERMISSION = aws("cloudwatch/EventPermission")
OTHER_TYPES = tuple(type_ for type_ in RESOURCE_DOCUMENTS if type_ not in _JUDGED_ELSEWHERE)
_EVERY_TYPE = tuple(RESOURCE_DOCUMENTS)
_NOT_KEYS = tuple(type_ for type_ in RESOURCE_DOCUMENTS if type_ not in KEY_TYPES)


def _statements(resource: Resource) -> Iterator[PolicyStatement]:
    yield from documents.read(resource, DOCUMENTS[resource.type])


def _allowing(resource: Resource) -> Iterator[PolicyStatement]:
    return (statement for statement in _statements(resource) if statement.allows)


@resource_rule(
    "No log, file system, vault, stream or search policy is public",
    "high",
    *OTHER_TYPES,
    _EVENT_PERMISSION,
    ids=("checkov:CKV_AWS_283",),
    why="A resource policy for Principal * opens the resource to every AWS account.",
    fix="Name the principals; a service principal gets a condition on aws:SourceArn or aws:SourceAccount.",
)
def other_policies_not_public(resource: Resource) -> Messages:
    if resource.type == _EVENT_PERMISSION:
        if resource.get("principal") == "*" and not _asks_for_organisation(resource):
            yield "every AWS account may send events to the bus"
        return
    document = documents.read(resource, DOCUMENTS[resource.type])
    if resource.type != _FILE_SYSTEM_POLICY:
        yield from public_statements(document)
        return
    # A file system's mount targets are in a VPC; the key says that a request came through one of them.
    for statement in document:
        if is_public(statement) and not statement.bounds("elasticfilesystem:AccessedViaMountTarget", _is_true):
            yield f"{statement.label} lets everyone in who reaches the file system"


_FILE_SYSTEM_POLICY = aws("efs/FileSystemPolicy")


def _asks_for_organisation(permission: Resource) -> bool:
    """Tell whether an event bus's permission for everyone has a condition, which it writes out of the policy language's
    elements."""
    operator, key, value = (str(permission.get(f"condition.{path}", "")) for path in ("type", "key", "value"))
    condition = parse(operator, key, [value], variables=True)
    return condition is not None and bound([condition], "aws:PrincipalOrgID").to(is_named)


def _is_true(value: str) -> bool:
    return value.lower() == "true"


@resource_rule(
    "No layer is shared with everyone",
    "medium",
    LAYER_PERMISSION,
    ids=(),
    why="Anyone with an AWS account could read the code in it.",
    fix="Name the account in principal, or the organisation in organizationId.",
)
def lambda_layer_not_public(permission: Resource) -> Messages:
    if permission.get("principal") == "*" and not permission.has("organizationId"):
        yield "every AWS account may use it"


@resource_rule(
    "Services use a resource for this account only",
    "medium",
    *_EVERY_TYPE,
    ids=(),
    why="The same service can be made to act here by a stranger's account (confused deputy).",
    fix="Add ArnLike aws:SourceArn, or at least StringEquals aws:SourceAccount, to the statement.",
    levels=ADVISORY_IN_DEV,
)
def service_principals_bound(resource: Resource) -> Messages:
    for statement in _allowing(resource):
        if keeps_strangers_out(statement) or _names_its_logs(statement):
            continue
        for kind, name in statement.principals:
            if kind == "Service" and (name == "*" or _sends_source(name, resource)):
                yield f"{statement.label} lets {name} act for any account (no aws:SourceArn, no aws:SourceAccount)"


def _sends_source(principal: str, resource: Resource) -> bool:
    called = resource.type.split(":")[1].split("/")[0]
    return is_service(principal) and service_of(principal) not in data.NO_SOURCE_SENT.get(called, ())


def _names_its_logs(statement: PolicyStatement) -> bool:
    """Tell whether it is only for logs of an account of one's own: below AWSLogs and its number, or in encrypted log
    groups."""
    return statement.bounds("kms:EncryptionContext:aws:logs:arn", names_owner) or (
        bool(statement.resources)
        and all(re.search(r"/AWSLogs/(\d{12}|\$\{[^}]*\})(/|$)", one) for one in statement.resources)
    )


@resource_rule(
    "Resource policies list the actions they allow",
    "medium",
    *_NOT_KEYS,
    ids=("checkov:CKV_AWS_72",),
    why="All actions include deleting the resource and changing this very policy.",
    fix="List the actions that are used.",
)
def resource_policy_actions_listed(resource: Resource) -> Messages:
    for statement in _allowing(resource):
        wide = [action for action in statement.actions if services.is_whole(action)]
        wide += [f"all but {action}" for action in statement.not_actions[:1]]
        others = [name for _, name in statement.principals if not name.endswith(":root")]
        if wide and (others or statement.not_principals):
            yield f"{statement.label} allows {', '.join(wide)} to {(others or ['all but some'])[0]}"


_GIVING_AWAY = (
    "s3:DeleteBucketPolicy",
    "s3:PutBucketAcl",
    "s3:PutBucketPolicy",
    "s3:PutEncryptionConfiguration",
    "s3:PutObjectAcl",
)
"""The actions that S3.6 keeps from other accounts."""


@stack_rule(
    "No other account administers a bucket",
    "high",
    *BUCKET_TYPES,
    ids=("fsbp:S3.6",),
    why="Whoever may change a bucket's policy, ACLs or encryption may give its content to anybody.",
    fix="Take these actions out of the statement for the other account.",
)
def s3_foreign_accounts_only_use(bucket: Resource, stack: Stack) -> Messages:
    for statement in _allowing(bucket):
        given = [one for one in _GIVING_AWAY if covers(statement, one.lower())]
        foreign = [name for name in aws_principals(statement) if given and is_foreign(name, stack)]
        if foreign:
            yield f"{statement.label} allows {', '.join(given[:3])} to {foreign[0]}"


@stack_rule(
    "Resources are shared with no account as a whole",
    "medium",
    *_EVERY_TYPE,
    kinds.PERMISSION,
    ids=("checkov:CKV_AWS_385",),
    why="Every principal of that account that its administrators like gets in, today's and tomorrow's.",
    fix="Name the roles of the other account that need it; an exception may state why the whole account does.",
)
def resource_not_shared_with_account(resource: Resource, stack: Stack) -> Messages:
    if resource.type == kinds.PERMISSION:
        name = str(resource.get("principal", ""))
        if is_account(name) and is_foreign(name, stack):
            yield f"it lets the whole account {account_of(name)} invoke the function (principal)"
        return
    for statement in _allowing(resource):
        for name in aws_principals(statement):
            if is_account(name) and not _narrowed(statement) and is_foreign(name, stack):
                yield f"{statement.label} lets the whole account {account_of(name)} in"


def _narrowed(statement: PolicyStatement) -> bool:
    """Tell whether a condition chooses among the other account's principals."""
    return (
        statement.bounds("aws:PrincipalArn", names_one)
        or statement.bounds("aws:PrincipalOrgID", is_named)
        or statement.bounds("aws:userid", is_named_up_to(":"))
    )


@resource_rule(
    "Principals in policies can exist",
    "high",
    *_EVERY_TYPE,
    *TRUST_DOCUMENTS,
    ids=(),
    why="IAM refuses a principal with a wildcard in its middle, or trusts nobody; neither is what was meant.",
    fix="Write * alone with a condition on aws:PrincipalArn, or name accounts, roles, users and services in full.",
)
def policy_principals_valid(resource: Resource) -> Messages:
    for statement in _statements(resource):
        for kind, name in (*statement.principals, *statement.not_principals):
            if name != "*" and set(name) & set("*?"):
                yield f"{statement.label} names the principal {name}; a principal takes no wildcard but * alone"
            elif kind == "AWS" and name != "*" and account_of(name) is None and not _IDENTITY.fullmatch(name):
                yield f"{statement.label} names the AWS principal {name}, which is no account, role or user"
            elif kind == "Service" and name != "*" and "." not in name:
                yield f"{statement.label} names the service {name}; a service's principal is like ecs.amazonaws.com"


_IDENTITY = re.compile(r"A[A-Z0-9]{15,}|arn:[^:]*:iam::cloudfront:user/.+|\$\{.*")
"""The unique id that a deleted principal's name turns into, and CloudFront's origin access identities."""


@resource_rule(
    "No policy locks everyone out",
    "high",
    *_EVERY_TYPE,
    ids=("checkov:CKV_AWS_93",),
    why="A denial of everything to everyone holds for administrators too; only the root user could lift it.",
    fix="Add the condition that is meant, or name the actions and principals that are denied.",
)
def resource_policy_no_lockout(resource: Resource) -> Messages:
    for statement in _statements(resource):
        everything = any(map(services.is_whole, statement.actions))
        if not statement.allows and is_everyone(statement) and everything and always_applies(statement.conditions):
            yield f"{statement.label} denies {statement.actions[0]} to everyone without a condition"


@resource_rule(
    "Principals are named, not left out",
    "low",
    *_EVERY_TYPE,
    *TRUST_DOCUMENTS,
    ids=(),
    why="NotPrincipal has to list the account and the session besides the role; what is forgotten is denied, or allowed.",
    fix='Use "Principal": "*" with a condition on aws:PrincipalArn.',
)
def policy_no_not_principal(resource: Resource) -> Messages:
    for statement in _statements(resource):
        if statement.not_principals:
            yield f"{statement.label} uses NotPrincipal"


_OWNERS = {
    kinds.BUCKET_POLICY: ("bucket", kinds.BUCKETS, "s3"),
    kinds.QUEUE_POLICY: ("queueUrl", (kinds.QUEUE,), "sqs"),
    kinds.TOPIC_POLICY: ("arn", (kinds.TOPIC,), "sns"),
}
"""The property that names the resource that a policy is put on."""


@stack_rule(
    "A resource's policy is about that resource",
    "medium",
    *_OWNERS,
    ids=(),
    why="S3 refuses a policy for another bucket, and elsewhere the statement protects and allows nothing.",
    fix="Name the ARN of the resource that the policy is put on (for a bucket also with /*).",
)
def resource_policy_about_itself(policy: Resource, stack: Stack) -> Messages:
    path, types, service = _OWNERS[policy.type]
    arns = [one.outputs.get("arn") for one in stack.targets(policy, path, *types)]
    known = [arn for arn in arns if isinstance(arn, str)]
    for statement in _statements(policy):
        for resource in statement.resources:
            own = any(overlap(resource, arn) or overlap(resource, f"{arn}/*") for arn in known)
            if resource != "*" and known and not own and (len(known) == len(arns)):
                yield f"{statement.label} is about {resource}, not about the {service} resource it is put on ({known[0]})"


_ADMINISTERING = frozenset(
    f"kms:{name}"
    for name in (
        "PutKeyPolicy",
        "ScheduleKeyDeletion",
        "DisableKey",
        "DeleteImportedKeyMaterial",
        "UpdatePrimaryRegion",
    )
)


@resource_rule(
    "Services may use a key but not administer it",
    "high",
    *KEY_TYPES,
    ids=(),
    why="A service that may change a key's policy or delete the key can, if confused or abused, do so for others.",
    fix="Allow services kms:GenerateDataKey*, kms:Decrypt, kms:DescribeKey, and kms:CreateGrant only for AWS resources.",
)
def kms_services_only_use(key: Resource) -> Messages:
    for statement in _allowing(key):
        names = [name for kind, name in statement.principals if kind == "Service"]
        may = {str(one) for action in statement.actions for one in _key_actions(action)}
        if names and may & _ADMINISTERING:
            yield f"{statement.label} lets {names[0]} administer the key ({', '.join(sorted(may & _ADMINISTERING)[:2])})"
        bound = statement.bounds("kms:GrantIsForAWSResource", _is_true) or keeps_strangers_out(statement)
        if names and "kms:CreateGrant" in may and not bound:
            yield f"{statement.label} lets {names[0]} create grants for anybody (no kms:GrantIsForAWSResource)"


def _key_actions(action: str) -> tuple[services.IamAction, ...]:
    return services.matching("kms:*" if action == "*" else action)


@resource_rule(
    "Keys keep an administrator",
    "high",
    *KEY_TYPES,
    ids=(),
    why="A key whose policy nobody may change is lost together with everything that it protects.",
    fix="Allow kms:* to the account (arn:aws:iam::ACCOUNT:root), and leave bypassPolicyLockoutSafetyCheck out.",
)
def kms_keeps_administrator(key: Resource) -> Messages:
    if key.truth("bypassPolicyLockoutSafetyCheck"):
        yield "KMS is told not to check whether anybody may still change the policy (bypassPolicyLockoutSafetyCheck)"
    statements = list(_allowing(key))
    if statements and not any(
        any(str(one) == "kms:PutKeyPolicy" for action in statement.actions for one in _key_actions(action))
        and any(kind == "AWS" for kind, _ in statement.principals)
        for statement in statements
    ):
        yield "its policy lets no principal of the account change it (kms:PutKeyPolicy)"


@stack_rule(
    "Keys have a policy that was written for them",
    "low",
    kinds.KEY,
    kinds.REPLICA_KEY,
    EXTERNAL_KEY,
    ids=("checkov:CKV2_AWS_64",),
    why="The default policy lets every identity of the account use the key that has a policy of its own for it.",
    fix="Set policy, or declare an aws.kms.KeyPolicy for the key.",
)
def kms_policy_written(key: Resource, stack: Stack) -> Messages:
    if not key.has("policy") and not stack.referrers(key, "keyId", kinds.KEY_POLICY):
        for other in stack.of_type(kinds.KEY_POLICY):
            other.get("keyId")
        yield "it has the default policy"


@stack_rule(
    "Endpoints let through only what is used",
    "low",
    *ENDPOINT_DOCUMENTS,
    ids=(),
    why="An endpoint that takes anybody's credentials to anybody's bucket carries stolen data out of a closed network.",
    fix="Give it a policy that names resources, or limits aws:PrincipalAccount or aws:ResourceAccount to this account.",
)
def vpc_endpoint_limited(endpoint: Resource, stack: Stack) -> Messages:
    if not endpoint.has("policy"):
        written = endpoint.type == VPC_ENDPOINT and stack.referrers(endpoint, "vpcEndpointId", VPC_ENDPOINT_POLICY)
        takes_one = endpoint.get("vpcEndpointType") in ("Gateway", "Interface")
        if takes_one and not written:
            yield "it has no policy, and so lets everything through"
        return
    for statement in _allowing(endpoint):
        everything = any(map(services.is_anything, statement.actions)) and "*" in statement.resources
        bounded = keeps_strangers_out(statement) or any(statement.bounds(key, is_named) for key in _OF_OWN_RESOURCES)
        if everything and not bounded:
            yield f"{statement.label} lets everything through"


_OF_OWN_RESOURCES = ("aws:ResourceAccount", "aws:ResourceOrgID", "s3:ResourceAccount")
