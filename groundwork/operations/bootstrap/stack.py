"""The template in an account: what stands, what another run would change, the run, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.bootstrap.template import KEPT, bucket_start, named, text, without_roles
from groundwork.operations.errors import OperationError
from groundwork.operations.progress import Progress

_SECONDS = 900
_BETWEEN = 5
_KEY_DAYS = 30

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html#cfn-console-view-stack-data-resources-status-codes
_NEVER_STOOD = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "REVIEW_IN_PROGRESS", "DELETE_FAILED"}
_STANDING = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}


@dataclass(frozen=True)
class StandingBootstrap:
    """What is in the account of an earlier run."""

    status: str = ""
    """CloudFormation's word; empty where there is none."""
    template: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def resources(self) -> Mapping[str, Any]:
        """Return the resources that stand, by their names in the template."""
        if self.status not in _STANDING:
            return {}
        made = self.parameters.get("CreateProvider") != "no"
        return {name: one for name, one in self.template["Resources"].items() if made or name != "Provider"}


@dataclass(frozen=True)
class BootstrapPlan:
    """What a run would do."""

    account: StackAccount
    stack: str
    standing: StandingBootstrap
    template: Mapping[str, Any]
    creates_provider: bool
    changes: tuple[tuple[str, str], ...]
    """``create``, ``update`` or ``delete``, and the resource's name in the template."""

    @property
    def parameters(self) -> list[dict[str, str]]:
        """Return the template's parameters as CloudFormation takes them."""
        said = "yes" if self.creates_provider else "no"
        return [{"ParameterKey": "CreateProvider", "ParameterValue": said}]


def look(account: StackAccount) -> StandingBootstrap:
    """Return what an earlier run left. OperationError where somebody else changes it at this moment."""
    client, name = account.client("cloudformation"), named(account.settings.platform.name)
    with plain_errors("looking for an earlier bootstrap"):
        try:
            [found] = client.describe_stacks(StackName=name)["Stacks"]
        except botocore.exceptions.ClientError as error:
            # CloudFormation says so of a stack that is not there, and of any other mistake.
            if code_of(error) == "ValidationError" and "does not exist" in str(error):
                return StandingBootstrap()
            raise
        status = found["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise OperationError(
                f"somebody changes the CloudFormation stack {name} at this moment ({status}); wait until it is done, and run this again"
            )
        if status not in _STANDING | _NEVER_STOOD:
            raise OperationError(
                f"the CloudFormation stack {name} is {status}; put it right in CloudFormation's console, and run this again"
            )
        template = client.get_template(StackName=name)["TemplateBody"]
    return StandingBootstrap(
        status,
        template if isinstance(template, Mapping) else json.loads(template),
        {one["ParameterKey"]: one["ParameterValue"] for one in found.get("Parameters", ())},
        {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())},
    )


def plan(account: StackAccount, wanted: Mapping[str, Any]) -> BootstrapPlan:
    """Say what it takes to have the account as the template says. OperationError where something is in the way."""
    standing = look(account)
    own = standing.resources
    issuer = _issuer(wanted)
    creates_provider = ("Provider" in own and _issuer(standing.template) == issuer) or not _has_provider(
        account, issuer
    )
    if "Bucket" not in own:
        _refuse_taken(account, _named_bucket(account, wanted))
    elif own["Bucket"]["Properties"]["BucketName"] != wanted["Resources"]["Bucket"]["Properties"]["BucketName"]:
        raise OperationError(
            f"the state is in {standing.outputs.get('Bucket')}, and another name would be another, empty bucket; leave --bucket as it was"
        )
    resources = {name: one for name, one in wanted["Resources"].items() if creates_provider or name != "Provider"}
    changes = (
        *(("create", name) for name in resources if name not in own),
        *(("update", name) for name, one in resources.items() if name in own and own[name] != one),
        *(("delete", name) for name in own if name not in resources),
    )
    return BootstrapPlan(
        account, named(account.settings.platform.name), standing, wanted, creates_provider, tuple(changes)
    )


def deploy(found: BootstrapPlan, progress: Progress) -> Mapping[str, str]:
    """Make it so, and return the template's outputs. OperationError with CloudFormation's reasons where it was taken back."""
    client = found.account.client("cloudformation")
    asked = {
        "StackName": found.stack,
        "TemplateBody": text(found.template),
        "Parameters": found.parameters,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        # CloudFormation hands them on to what it makes.
        "Tags": [
            {"Key": "platform", "Value": found.account.settings.platform.name},
            {"Key": "managed-by", "Value": "groundwork-bootstrap"},
        ],
    }
    with plain_errors(f"deploying the CloudFormation stack {found.stack}"):
        if found.standing.status in _NEVER_STOOD:
            progress.say(f"{found.stack} of an earlier run never stood ({found.standing.status}); removing it first")
            client.delete_stack(StackName=found.stack)
            _wait(found.account, found.stack, progress)
        if found.standing.status in _STANDING:
            client.update_stack(**asked)
        else:
            client.create_stack(**asked, EnableTerminationProtection=True, OnFailure="ROLLBACK")
        status = _wait(found.account, found.stack, progress)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            reasons = "; ".join(_reasons(client, found.stack)) or "CloudFormation gives no reason"
            raise OperationError(f"{found.stack} was taken back ({status}): {reasons}")
    return look(found.account).outputs


def _wait(account: StackAccount, name: str, progress: Progress) -> str:
    """Wait until nothing moves, and return the status; empty where the stack is gone."""
    while True:
        try:
            [found] = account.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        except botocore.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return ""
            raise
        status: str = found["StackStatus"]
        if status == "DELETE_COMPLETE":
            return ""
        if not status.endswith("_IN_PROGRESS"):
            return status
        progress.say(f"{name}: {status.lower().replace('_', ' ')}")
        if progress.seconds > _SECONDS:
            raise OperationError(
                f"{name} is still {status} after {progress.taken()}; it goes on in CloudFormation, and this command can be run again"
            )
        progress.sleep(_BETWEEN)


def _reasons(client: Any, name: str) -> Iterator[str]:
    """Yield what failed by itself, the newest first, and not for another's sake."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name, PaginationConfig={"MaxItems": 200})
    for event in (one for page in pages for one in page["StackEvents"]):
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            yield f"{event['LogicalResourceId']}: {' '.join(reason.split())}"


def _issuer(template: Mapping[str, Any]) -> str:
    """Return whose tokens a template's roles trust, as IAM names an identity provider."""
    url: str = template["Resources"]["Provider"]["Properties"]["Url"]
    return url.removeprefix("https://")


def _has_provider(account: StackAccount, issuer: str) -> bool:
    """Tell whether the account has the identity provider: it can have one of each."""
    with plain_errors(f"looking for the identity provider {issuer}"):
        there = account.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    return any(one["Arn"].partition(":oidc-provider/")[2] == issuer for one in there)


def _named_bucket(account: StackAccount, wanted: Mapping[str, Any]) -> str:
    name = wanted["Resources"]["Bucket"]["Properties"]["BucketName"]
    return name if isinstance(name, str) else f"{bucket_start(account.settings.platform.name)}{account.id}"


def _refuse_taken(account: StackAccount, bucket: str) -> None:
    """Refuse the name of a bucket that is somebody's: names of buckets are the world's."""
    with plain_errors(f"looking whether the name {bucket} is free"):
        try:
            account.client("s3").head_bucket(Bucket=bucket)
        except botocore.exceptions.ClientError as error:
            code = code_of(error)
            if code in ("404", "NoSuchBucket", "NotFound"):
                return
            if code not in ("403", "301", "Forbidden", "AccessDenied"):
                raise
            raise OperationError(
                f"the name {bucket} is taken by a bucket that these credentials may not see; choose another: --bucket NAME"
            ) from None
    raise OperationError(
        f"{bucket} is in the account already, and not made by this command, or left by a removal; remove it where it is empty, "
        "or choose another name: --bucket NAME"
    )


@dataclass(frozen=True)
class RemovalPlan:
    """What a removal would take away."""

    account: StackAccount
    stack: str
    standing: StandingBootstrap
    held: tuple[str, ...]
    """What the bucket holds beside what Pulumi writes for itself, old versions included: with anything, bucket and key stay."""

    @property
    def removed(self) -> list[str]:
        """Return what goes, by its names in the template. The identity provider stays: others of the account may use it."""
        kept = {"Provider", *(KEPT if self.held else ())}
        return [name for name in self.standing.resources if name not in kept]


def plan_removal(account: StackAccount) -> RemovalPlan:
    """Say what a removal would take away. OperationError where there is nothing of an earlier run."""
    standing = look(account)
    name = named(account.settings.platform.name)
    if not standing.status:
        raise OperationError(f"there is nothing to remove: no CloudFormation stack {name} in {account.place}")
    bucket = standing.outputs.get("Bucket")
    held: list[str] = []
    if bucket:
        with plain_errors(f"looking what {bucket} holds"):
            held = sorted({key for key, _ in _versions(account.client("s3"), bucket) if not _is_pulumis_own(key)})
    return RemovalPlan(account, name, standing, tuple(held))


def _versions(client: Any, bucket: str) -> Iterator[tuple[str, str]]:
    """Yield key and version of all that a bucket holds, what marks a deletion included; nothing where it is gone."""
    try:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            for one in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                yield one["Key"], one["VersionId"]
    except botocore.exceptions.ClientError as error:
        # A removal that was interrupted may have come that far.
        if code_of(error) != "NoSuchBucket":
            raise


def _is_pulumis_own(key: str) -> bool:
    """Tell whether an object says nothing of any stack: the format's version, and locks.

    https://www.pulumi.com/docs/iac/concepts/state-and-backends/#state-storage-backend-structure
    """
    return key == ".pulumi/meta.yaml" or key.startswith(".pulumi/locks/")


def remove(found: RemovalPlan, progress: Progress) -> None:
    """Take it away; whatever was done before it was interrupted, it can be run again."""
    account, name = found.account, found.stack
    client = account.client("cloudformation")
    with plain_errors(f"removing the CloudFormation stack {name}"):
        if found.held:
            if found.removed:
                rest = without_roles(found.standing.template)
                client.update_stack(
                    StackName=name,
                    TemplateBody=text(rest),
                    Parameters=[
                        {"ParameterKey": key, "ParameterValue": value}
                        for key, value in found.standing.parameters.items()
                    ],
                    Capabilities=["CAPABILITY_NAMED_IAM"],
                )
                status = _wait(account, name, progress)
                if status != "UPDATE_COMPLETE":
                    raise OperationError(f"{name} was not changed ({status}): {'; '.join(_reasons(client, name))}")
            return
        if found.standing.outputs:
            _empty(account, found.standing.outputs["Bucket"], progress)
            _schedule(account, found.standing.outputs["KeyArn"], progress)
        client.update_termination_protection(StackName=name, EnableTerminationProtection=False)
        client.delete_stack(StackName=name)
        status = _wait(account, name, progress)
        if status:
            raise OperationError(f"{name} was not removed ({status}): {'; '.join(_reasons(client, name))}")


def _empty(account: StackAccount, bucket: str, progress: Progress) -> None:
    """Delete a bucket that holds nothing of any stack. OperationError where something has come into it meanwhile."""
    client = account.client("s3")
    there = list(_versions(client, bucket))
    fresh = next((key for key, _ in there if not _is_pulumis_own(key)), None)
    if fresh:
        raise OperationError(f"{bucket} holds {fresh} by now, and stays; nothing was removed")
    for start in range(0, len(there), _AT_ONCE):
        keys = [{"Key": key, "VersionId": version} for key, version in there[start : start + _AT_ONCE]]
        client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    try:
        client.delete_bucket(Bucket=bucket)
    except botocore.exceptions.ClientError as error:
        if code_of(error) != "NoSuchBucket":
            raise
    progress.say(f"{bucket} is gone")


_AT_ONCE = 1000
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html"""


def _schedule(account: StackAccount, key: str, progress: Progress) -> None:
    client, key = account.client("kms"), key.rpartition("/")[2]
    if client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion":
        client.schedule_key_deletion(KeyId=key, PendingWindowInDays=_KEY_DAYS)
    progress.say(f"the key {key} goes in {_KEY_DAYS} days; until then aws kms cancel-key-deletion keeps it")
