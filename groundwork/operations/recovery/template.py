"""The CloudFormation template of what another account keeps copies with: a key, a locked vault, and a bucket for each that is copied.

Whoever looks after that account deploys it; nobody who works for the stack needs a right there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from groundwork.components.recovery.names import bucket_name, copied_buckets, key_alias, vault_name
from groundwork.components.recovery.settings import RecoverySettings
from groundwork.components.settings import Settings
from groundwork.components.storage.settings import PURPOSES, BucketSettings, LifecycleSettings
from groundwork.settings.facts import via_service

_SOURCE = {"Ref": "SourceAccount"}
_ROOT = {"Fn::Sub": "arn:${AWS::Partition}:iam::${SourceAccount}:root"}
_KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
"""Copies outlast the CloudFormation stack."""
_LOGS_DAYS = 365


def stack_name(settings: Settings) -> str:
    """Return what the CloudFormation stack is called."""
    return f"{settings.platform.slug}-{settings.region}-copies"


def template(settings: Settings, recovery: RecoverySettings) -> dict[str, Any]:
    """Return the template."""
    copied = copied_buckets(settings)
    account = recovery.account or ""
    resources: dict[str, Any] = {**_key(settings), **_vault(settings, recovery)}
    if copied:
        resources |= _logs(settings)
    for key, bucket in copied.items():
        rules = {"purpose": PURPOSES[bucket.purpose], **bucket.lifecycle}
        resources |= _bucket(key, bucket_name(settings.platform, settings.region, key, account), bucket, rules)
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Copies of {settings.platform.name} {settings.platform.stage} in {settings.region} (groundwork recover)",
        "Parameters": {
            "SourceAccount": {
                "Type": "String",
                "AllowedPattern": "\\d{12}",
                "Description": "The account of the stack whose copies are kept here",
            }
        },
        "Rules": {
            "ThisAccount": {
                "Assertions": [
                    {
                        "Assert": {"Fn::Equals": [{"Ref": "AWS::AccountId"}, account]},
                        "AssertDescription": f"recovery.account is {account}, and these credentials are of another account",
                    },
                    {
                        "Assert": {"Fn::Equals": [{"Ref": "AWS::Region"}, settings.region]},
                        "AssertDescription": f"the stack is in {settings.region}, and so are these copies",
                    },
                ]
            }
        },
        "Resources": resources,
        "Outputs": {"VaultArn": {"Value": {"Fn::GetAtt": ["Vault", "BackupVaultArn"]}}},
    }


def text(settings: Settings, recovery: RecoverySettings) -> str:
    """Return the template as CloudFormation takes it."""
    return json.dumps(template(settings, recovery), indent=1) + "\n"


def _key(settings: Settings) -> dict[str, Any]:
    """Return the key. The stack's account may write with it and read nothing.

    https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html
    """
    through = via_service("s3", settings.region)
    return {
        "Key": {
            "Type": "AWS::KMS::Key",
            **_KEPT,
            "Properties": {
                "Description": f"{settings.platform.name} {settings.platform.stage}: copies",
                "EnableKeyRotation": True,
                "PendingWindowInDays": 30,
                "KeyPolicy": _document(
                    {
                        "Sid": "EnableIamPolicies",
                        "Effect": "Allow",
                        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
                        "Action": "kms:*",
                        "Resource": "*",
                    },
                    {
                        "Sid": "AllowCopiedObjects",
                        "Effect": "Allow",
                        "Principal": {"AWS": _ROOT},
                        "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
                        "Resource": "*",
                        "Condition": {"StringEquals": {"kms:ViaService": through}},
                    },
                    {
                        "Sid": "AllowCopiedBackups",
                        "Effect": "Allow",
                        "Principal": {"AWS": _ROOT},
                        "Action": ["kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptTo"],
                        "Resource": "*",
                    },
                    {
                        "Sid": "AllowCopyGrants",
                        "Effect": "Allow",
                        "Principal": {"AWS": _ROOT},
                        "Action": "kms:CreateGrant",
                        "Resource": "*",
                        "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
                    },
                ),
                "Tags": _tags(settings),
            },
        },
        "Alias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {
                "AliasName": key_alias(settings.platform, settings.region),
                "TargetKeyId": {"Ref": "Key"},
            },
        },
    }


def _vault(settings: Settings, recovery: RecoverySettings) -> dict[str, Any]:
    """Return the vault: nothing but copies comes in, and nothing goes before its time but by whom this account lets take the lock off."""
    return {
        "Vault": {
            "Type": "AWS::Backup::BackupVault",
            **_KEPT,
            "Properties": {
                "BackupVaultName": vault_name(settings.platform, settings.region),
                "EncryptionKeyArn": {"Fn::GetAtt": ["Key", "Arn"]},
                "LockConfiguration": {"MinRetentionDays": recovery.keep_days},
                "AccessPolicy": _document(
                    {
                        "Sid": "AllowCopies",
                        "Effect": "Allow",
                        "Principal": {"AWS": _ROOT},
                        "Action": "backup:CopyIntoBackupVault",
                        "Resource": "*",
                    }
                ),
                "BackupVaultTags": {tag["Key"]: tag["Value"] for tag in _tags(settings)},
            },
        }
    }


def _bucket(key: str, name: str, bucket: BucketSettings, rules: Mapping[str, LifecycleSettings]) -> dict[str, Any]:
    """Return a bucket, and a policy by which S3 fills it for the stack's account.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-walkthrough-2.html
    """
    logical = "".join(part.capitalize() for part in key.split("-")) + "Copy"
    arn = {"Fn::GetAtt": [logical, "Arn"]}
    objects = {"Fn::Sub": f"${{{logical}.Arn}}/*"}
    properties: dict[str, Any] = {
        "BucketName": name,
        **_PRIVATE,
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {
                    "ServerSideEncryptionByDefault": {
                        "SSEAlgorithm": "aws:kms",
                        "KMSMasterKeyID": {"Fn::GetAtt": ["Key", "Arn"]},
                    },
                    "BucketKeyEnabled": True,
                }
            ]
        },
        "LifecycleConfiguration": {"Rules": list(_lifecycle(rules))},
        "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}, "LogFilePrefix": f"{key}/"},
    }
    if bucket.lock_days:
        properties |= {
            "ObjectLockEnabled": True,
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": "Enabled",
                "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": bucket.lock_days}},
            },
        }
    copying = ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"]
    policy = _document(
        _tls_only([arn, objects]),
        {
            "Sid": "AllowCopies",
            "Effect": "Allow",
            "Principal": {"AWS": _ROOT},
            "Action": copying,
            "Resource": objects,
        },
    )
    return {
        logical: {"Type": "AWS::S3::Bucket", **_KEPT, "Properties": properties},
        f"{logical}Policy": {
            "Type": "AWS::S3::BucketPolicy",
            **_KEPT,
            "Properties": {"Bucket": {"Ref": logical}, "PolicyDocument": policy},
        },
    }


def _logs(settings: Settings) -> dict[str, Any]:
    """Return the bucket that says who read the copies: https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html"""
    arn, objects = {"Fn::GetAtt": ["Logs", "Arn"]}, {"Fn::Sub": "${Logs.Arn}/*"}
    ages = {"purpose": LifecycleSettings(expire_after=_LOGS_DAYS, noncurrent_expire_after=7)}
    written = {
        "Sid": "AllowAccessLogs",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": objects,
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    encryption = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
    return {
        "Logs": {
            "Type": "AWS::S3::Bucket",
            **_KEPT,
            "Properties": {
                **_PRIVATE,
                "BucketEncryption": {"ServerSideEncryptionConfiguration": encryption},
                "LifecycleConfiguration": {"Rules": list(_lifecycle(ages))},
                "Tags": _tags(settings),
            },
        },
        "LogsPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            **_KEPT,
            "Properties": {"Bucket": {"Ref": "Logs"}, "PolicyDocument": _document(_tls_only([arn, objects]), written)},
        },
    }


_PRIVATE: Mapping[str, Any] = {
    "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    "PublicAccessBlockConfiguration": {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    },
    "VersioningConfiguration": {"Status": "Enabled"},
}


def _lifecycle(rules: Mapping[str, LifecycleSettings]) -> Iterator[dict[str, Any]]:
    yield {
        "Id": "cleanup",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        "ExpiredObjectDeleteMarker": True,
    }
    for name, rule in sorted(rules.items()):
        classes = {
            "STANDARD_IA": rule.infrequent_after,
            "INTELLIGENT_TIERING": rule.intelligent_after,
            "GLACIER": rule.archive_after,
        }
        moves = [
            {"TransitionInDays": days, "StorageClass": class_} for class_, days in classes.items() if days is not None
        ]
        said: dict[str, Any] = {"Transitions": moves} if moves else {}
        if rule.expire_after is not None:
            said["ExpirationInDays"] = rule.expire_after
        if rule.versions_gone_after is not None:
            said["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.versions_gone_after}
        if said:
            yield {"Id": name, "Status": "Enabled", **({"Prefix": rule.prefix} if rule.prefix else {}), **said}


def _tls_only(resources: list[Any]) -> dict[str, Any]:
    return {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _tags(settings: Settings) -> list[dict[str, str]]:
    platform = settings.platform
    said = {"platform": platform.name, "stage": platform.stage, "layer": "recovery", "managed-by": "groundwork"}
    return [{"Key": key, "Value": value} for key, value in said.items()]
