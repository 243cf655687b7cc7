"""Which IAM actions the calls of a test need."""

from __future__ import annotations

from typing import Any

import botocore.client
import pytest

from groundwork.operations import permissions

# Where the name that requests are signed with is not the prefix of the actions:
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_PREFIXES = {"monitoring": "cloudwatch", "tagging": "tag"}

# Where an action is not named as the call, the same page of S3's:
_NAMES = {
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
}

_FREE = {"sts:GetCallerIdentity"}
"""What needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html"""


def actions_of(request: str) -> set[str]:
    """Return the action that a request needs, by the name that it is signed with; nothing where it needs none."""
    signed, _, operation = request.partition(":")
    action = f"{_PREFIXES.get(signed, signed)}:{operation}"
    return {_NAMES.get(action, action)} - _FREE


def asked_actions(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return a set that is filled with the actions of all calls from now on."""
    call = botocore.client.BaseClient._make_api_call
    asked: set[str] = set()

    def noted(self: Any, operation: str, arguments: Any) -> Any:
        asked.update(actions_of(f"{self.meta.service_model.signing_name}:{operation}"))
        return call(self, operation, arguments)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noted)
    return asked


def permitted(command: str, *having: str) -> set[str]:
    """Return what the table says a command needs with an engine and some layers."""
    return permissions.actions(command, having)
