"""The CloudFormation template of what an account needs once. The command deploys it, and whoever may not run the command hands it on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundwork.components.delivery.settings import AUDIENCE
from groundwork.operations.bootstrap.permissions import StackAccess, Statement
from groundwork.operations.bootstrap.pipelines import Kind, Pipelines

PATH = "/bootstrap/"
"""Of roles and policies: no pattern of a role for ``pulumi up`` reaches below it."""
MOST_CHARACTERS = 6144
"""Of a managed policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
MOST_POLICIES = 10
"""Managed policies of a role, unless AWS raises it; the same page."""
MOST_BYTES = 51_200
"""Of a template: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
OLD_VERSIONS_DAYS = 90
"""How long the state before an update is kept."""

KEPT = ("Key", "Alias", "Bucket", "BucketPolicy")
"""What stays while the bucket holds state."""


@dataclass(frozen=True)
class Foundation:
    """What is asked for."""

    name: str
    """Of the platform."""
    pipelines: Pipelines
    """Whose jobs are given the roles."""
    environments: Sequence[str]
    """The stacks' names, and those of environments whose jobs may run ``pulumi up``, where pipelines have such."""
    access: StackAccess
    bucket: str | None = None
    """The state's bucket; unset, a name with the account's number in it."""

    @property
    def named(self) -> str:
        """Return what names of roles, policies and the stack begin with."""
        return named(self.name)

    @property
    def alias(self) -> str:
        """Return the name of the key."""
        return f"alias/pulumi-state-{self.name}"


def named(platform: str) -> str:
    """Return what names of roles and policies, and the CloudFormation stack, are for a platform."""
    return f"bootstrap-{platform}"


def boundary_arn(platform: str) -> str:
    """Return the ARN of the policy within which the platform's own roles stay, as CloudFormation enters its account."""
    return f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:policy{PATH}{named(platform)}-boundary"


def template(wanted: Foundation) -> dict[str, Any]:
    """Return the template. ``ValueError`` where a role would need more policies than IAM attaches to one."""
    state = _state(wanted)
    roles: dict[Kind, tuple[list[Statement], str]] = {
        "Preview": ([*wanted.access.looking, *state["reading"]], "pulumi preview: sees what there is"),
        "Drift": ([*wanted.access.comparing, *state["reading"]], "pulumi refresh --preview-only"),
        "Deploy": (
            [*wanted.access.deploying, *state["writing"], *_kept_from_itself(wanted)],
            "pulumi up: builds what the stacks declare, and no role outside the boundary",
        ),
    }
    resources = {**_bucket(wanted), **_provider(wanted.pipelines), **_boundary(wanted)}
    reading = _policies(
        wanted, "Reading", shared := packed(wanted.access.reading), "Sees what there is, and no content of it"
    )
    resources |= reading
    for kind, (statements, words) in roles.items():
        own = packed(statements)
        if len(own) + len(shared) > MOST_POLICIES:
            raise ValueError(
                f"the role {wanted.named}-{kind.lower()} would need {len(own) + len(shared)} policies, and IAM attaches {MOST_POLICIES} "
                "to one; run it for fewer stacks"
            )
        policies = _policies(wanted, kind, own, words)
        resources |= policies | _role(wanted, kind, words, [*reading, *policies])
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Where {wanted.name} keeps Pulumi's state, and the roles of its pipelines (groundwork bootstrap)",
        "Parameters": {
            "CreateProvider": {
                "Type": "String",
                "AllowedValues": ["yes", "no"],
                "Default": "yes",
                "Description": f"no where the account has {wanted.pipelines.host}'s identity provider already; it can have one",
            }
        },
        "Conditions": {"CreatesProvider": {"Fn::Equals": [{"Ref": "CreateProvider"}, "yes"]}},
        "Resources": resources,
        "Outputs": {
            "Bucket": {"Value": {"Ref": "Bucket"}},
            "KeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}},
            **{f"{kind}RoleArn": {"Value": {"Fn::GetAtt": [f"{kind}Role", "Arn"]}} for kind in roles},
        },
    }


def without_roles(whole: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stays of a template while the bucket holds state."""
    kept = {name: whole["Resources"][name] for name in KEPT}
    outputs = {name: whole["Outputs"][name] for name in ("Bucket", "KeyArn")}
    return {**whole, "Resources": kept, "Outputs": outputs}


def text(whole: Mapping[str, Any]) -> str:
    """Return a template as CloudFormation takes it; ``ValueError`` where it is longer than CloudFormation takes."""
    written = json.dumps(whole, separators=(",", ":"))
    if len(written.encode()) > MOST_BYTES:
        raise ValueError(
            f"the template would have {len(written.encode()):,} bytes, and CloudFormation takes {MOST_BYTES:,}; run it for fewer stacks"
        )
    return written


def _sub(value: Any) -> Any:
    """Return a value in which CloudFormation enters its pseudo parameters."""
    if isinstance(value, str):
        return {"Fn::Sub": value} if "${AWS::" in value else value
    if isinstance(value, Mapping):
        return {key: _sub(item) for key, item in value.items()}
    return [_sub(item) for item in value] if isinstance(value, list | tuple) else value


def _document(statements: Iterable[Statement]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [_sub(dict(one)) for one in statements]}


def _bucket_name(wanted: Foundation) -> Any:
    return wanted.bucket or {"Fn::Sub": f"{bucket_start(wanted.name)}${{AWS::AccountId}}"}


def bucket_start(platform: str) -> str:
    """Return what the name of the state's bucket begins with, before the account's number."""
    return f"pulumi-state-{platform}-"


def _bucket_arn(wanted: Foundation) -> str:
    name = wanted.bucket or f"{bucket_start(wanted.name)}${{AWS::AccountId}}"
    return f"arn:${{AWS::Partition}}:s3:::{name}"


def _bucket(wanted: Foundation) -> dict[str, Any]:
    """Return key and bucket. A first creation that fails takes them along, nothing else does:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html"""
    kept = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    account = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"
    whole = {"Sid": "Account", "Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"}
    everything = [_bucket_arn(wanted), f"{_bucket_arn(wanted)}/*"]
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": everything}
    return {
        "Key": {
            "Type": "AWS::KMS::Key",
            **kept,
            "Properties": {
                "Description": f"Pulumi's state of {wanted.name}, and the secrets in it",
                "EnableKeyRotation": True,
                "PendingWindowInDays": 30,
                "KeyPolicy": _document([whole]),
            },
        },
        "Alias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": wanted.alias, "TargetKeyId": {"Ref": "Key"}},
        },
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            **kept,
            "Properties": {
                "BucketName": _bucket_name(wanted),
                "VersioningConfiguration": {"Status": "Enabled"},
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "PublicAccessBlockConfiguration": dict.fromkeys(
                    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"), True
                ),
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {
                            "BucketKeyEnabled": True,
                            "ServerSideEncryptionByDefault": {
                                "SSEAlgorithm": "aws:kms",
                                "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
                            },
                        }
                    ]
                },
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "old-versions",
                            "Status": "Enabled",
                            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        }
                    ]
                },
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": _document(
                    [
                        {"Sid": "TlsOnly", **denied, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
                        {
                            "Sid": "CurrentTls",
                            **denied,
                            "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
                        },
                    ]
                ),
            },
        },
    }


def _provider(pipelines: Pipelines) -> dict[str, Any]:
    """Return the identity provider of GitHub or GitLab; it stays, since others of the account may use it too."""
    return {
        "Provider": {
            "Type": "AWS::IAM::OIDCProvider",
            "Condition": "CreatesProvider",
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"Url": f"https://{pipelines.issuer}", "ClientIdList": [AUDIENCE]},
        }
    }


def _boundary(wanted: Foundation) -> dict[str, Any]:
    """Return the policy within which every role stays that ``pulumi up`` makes: whatever services do, and nothing of IAM, of the
    organisation, or of what stands here."""
    account = "arn:${AWS::Partition}:iam::${AWS::AccountId}"
    roles = f"{account}:role/{wanted.name}-*"
    statements: list[Statement] = [
        {"Effect": "Allow", "NotAction": list(_GOVERNING), "Resource": "*"},
        {"Effect": "Allow", "Action": ["iam:PassRole", "sts:AssumeRole"], "Resource": roles},
        {
            "Effect": "Allow",
            "Action": "iam:CreateServiceLinkedRole",
            "Resource": f"{account}:role/aws-service-role/*",
        },
        {"Effect": "Deny", "Action": list(_WATCHING), "Resource": "*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": [_bucket_arn(wanted), f"{_bucket_arn(wanted)}/*"]},
    ]
    properties = {
        "ManagedPolicyName": f"{wanted.named}-boundary",
        "Path": PATH,
        "Description": f"What no role of {wanted.name} may go beyond",
        "PolicyDocument": _document(statements),
    }
    return {"Boundary": {"Type": "AWS::IAM::ManagedPolicy", "Properties": properties}}


_GOVERNING = (
    "account:*",
    "billing:*",
    "cloudformation:*",
    "iam:*",
    "identitystore:*",
    "organizations:*",
    "sso:*",
    "sso-directory:*",
    "sts:AssumeRole",
)
"""What says who may do what, and what a thing that runs has no business with."""

_WATCHING = (
    "cloudtrail:DeleteTrail",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "config:DeleteConfigurationRecorder",
    "config:StopConfigurationRecorder",
    "guardduty:DeleteDetector",
    "guardduty:UpdateDetector",
    "securityhub:DisableSecurityHub",
)
"""What would blind whoever watches the account."""


def _state(wanted: Foundation) -> dict[str, list[Statement]]:
    """Return how roles use the state: a preview locks it and reads it, an update writes it, and neither removes an old version.

    https://www.pulumi.com/docs/iac/concepts/state-and-backends/#aws-s3
    """
    bucket, key = _bucket_arn(wanted), "arn:${AWS::Partition}:kms:*:${AWS::AccountId}:key/*"
    alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": wanted.alias}}
    using = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    listing: Statement = {
        "Effect": "Allow",
        "Action": ["s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket"],
        "Resource": bucket,
    }
    reading: Statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{bucket}/*"}
    locking: Statement = {
        "Effect": "Allow",
        "Action": ["s3:DeleteObject", "s3:PutObject"],
        "Resource": f"{bucket}/.pulumi/locks/*",
    }
    writing: Statement = {
        "Effect": "Allow",
        "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "Resource": f"{bucket}/*",
    }
    return {
        "reading": [
            listing,
            reading,
            locking,
            {"Effect": "Allow", "Action": using, "Resource": key, "Condition": alias},
        ],
        "writing": [
            listing,
            writing,
            {"Effect": "Allow", "Action": [*using, "kms:Encrypt"], "Resource": key, "Condition": alias},
        ],
    }


def _kept_from_itself(wanted: Foundation) -> Iterator[Statement]:
    """Yield that whoever runs ``pulumi up`` changes nothing of what stands here, whatever else it may."""
    account = "arn:${AWS::Partition}:iam::${AWS::AccountId}"
    yield {"Effect": "Deny", "Action": "iam:*", "Resource": [f"{account}:role{PATH}*", f"{account}:policy{PATH}*"]}
    yield {
        "Effect": "Deny",
        "Action": ["s3:DeleteBucket*", "s3:DeleteObjectVersion", "s3:Put*Configuration", "s3:PutBucket*"],
        "Resource": [_bucket_arn(wanted), f"{_bucket_arn(wanted)}/*"],
    }
    yield {
        "Effect": "Deny",
        "Action": ["kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"],
        "Resource": "*",
        "Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": wanted.alias}},
    }


def _role(wanted: Foundation, kind: Kind, words: str, policies: Sequence[str]) -> dict[str, Any]:
    """Return a role with policies of the template, which the pipelines' jobs of its kind assume."""
    issuer = wanted.pipelines.issuer
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": wanted.pipelines.condition(kind, wanted.environments),
    }
    properties = {
        "RoleName": f"{wanted.named}-{kind.lower()}",
        "Path": PATH,
        "Description": words,
        "MaxSessionDuration": 7200 if kind == "Deploy" else 3600,
        "ManagedPolicyArns": [{"Ref": policy} for policy in policies],
        "AssumeRolePolicyDocument": _document([trust]),
    }
    return {f"{kind}Role": {"Type": "AWS::IAM::Role", "Properties": properties}}


def _policies(wanted: Foundation, kind: str, documents: Sequence[Sequence[Statement]], words: str) -> dict[str, Any]:
    """Return policies, one for each document."""
    return {
        f"{kind}Policy{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "ManagedPolicyName": f"{wanted.named}-{kind.lower()}-{number}",
                "Path": PATH,
                "Description": words,
                "PolicyDocument": _document(document),
            },
        }
        for number, document in enumerate(documents, start=1)
    }


def packed(statements: Iterable[Statement]) -> list[list[Statement]]:
    """Pack statements into as many documents as IAM's limit makes of them; one that is too long alone is cut between its actions."""
    documents: list[list[Statement]] = []
    for statement in sorted((part for one in statements for part in _cut(one)), key=_length, reverse=True):
        fitting = next((one for one in documents if sum(map(_length, one)) + _length(statement) <= _ROOM), None)
        if fitting is None:
            documents.append(fitting := [])
        fitting.append(statement)
    return documents


_ROOM = MOST_CHARACTERS - len('{"Version":"2012-10-17","Statement":[]}')


def _length(statement: Statement) -> int:
    return len(json.dumps(statement, separators=(",", ":"))) + 1


def _cut(statement: Statement) -> Iterator[Statement]:
    if _length(statement) <= _ROOM:
        yield statement
        return
    longest = max(("Action", "Resource"), key=lambda key: len(statement[key]))
    half = len(statement[longest]) // 2
    for part in (statement[longest][:half], statement[longest][half:]):
        yield from _cut({**statement, longest: part})
