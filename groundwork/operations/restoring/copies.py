"""A copy of a database, made of a backup in an isolated place: a name of its own, the original's private subnets and key, a security group
that admits its checker and nobody else, no protection and no backups. Nothing here changes the original."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.backups import Backup, BackupKind
from groundwork.operations.databases import GIVEN_UP, NO_DATABASE, READY, described_database, find_database, with_end
from groundwork.operations.durations import after
from groundwork.operations.errors import CommandFailedError, OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.restoring.cleanup import TAG

_SECONDS_BETWEEN = 15
_SECONDS_FOR_PASSWORD = 600
COPY_SUFFIX = "-rehearsal"
"""What the name of a copy ends with."""


@dataclass(frozen=True)
class Original:
    """What a copy has of the database that it is a copy of."""

    identifier: str
    instance_class: str
    subnet_group: str
    parameter_group: str
    vpc: str
    port: int
    user: str
    database: str

    @property
    def copy(self) -> str:
        """Return the identifier of its copy: one for each database, so that two cannot rehearse at once."""
        return with_end(self.identifier, COPY_SUFFIX)

    @property
    def group(self) -> str:
        """Return the name of the copy's security group; EC2 takes none that begins with ``sg-``, as a copy's name may."""
        return f"groundwork-{self.copy}"


def original_of(account: StackAccount, identifier: str) -> Original:
    """Return what a copy of a database needs to be told of it. NotFoundError where there is no such database."""
    found = described_database(account, identifier)
    subnets = found.get("DBSubnetGroup") or {}
    return Original(
        identifier,
        found["DBInstanceClass"],
        subnets.get("DBSubnetGroupName", ""),
        next((one["DBParameterGroupName"] for one in found.get("DBParameterGroups", ())), ""),
        subnets.get("VpcId", ""),
        (found.get("Endpoint") or {}).get("Port") or found.get("DbInstancePort") or 5432,
        found["MasterUsername"],
        account.settings.data.name if account.settings.data else found.get("DBName") or "postgres",
    )


def named(identifier: str) -> Original:
    """Return a database of which no more is known than its name, as where it is gone: enough to find its copy."""
    return Original(identifier, "", "", "", "", 0, "", "")


def rehearsal_of(tags: Sequence[Mapping[str, str]]) -> str | None:
    """Return which rehearsal made something; None where none did."""
    return next((one["Value"] for one in tags if one["Key"] == TAG), None)


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as RDS and EC2 take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


# The database


def begin_copy(
    account: StackAccount,
    backup: Backup,
    original: Original,
    *,
    groups: Sequence[str],
    tags: Mapping[str, str],
    at: datetime.datetime | None = None,
) -> None:
    """Ask RDS for the copy; ``at``: a moment before the newest one. OperationError where it is there already."""
    wanted: dict[str, Any] = {
        "DBInstanceClass": original.instance_class,
        "DBSubnetGroupName": original.subnet_group,
        "DBParameterGroupName": original.parameter_group,
        "VpcSecurityGroupIds": list(groups),
        "MultiAZ": False,
        "PubliclyAccessible": False,
        "DeletionProtection": False,
        "CopyTagsToSnapshot": False,
        "AutoMinorVersionUpgrade": False,
        "EnableIAMDatabaseAuthentication": False,
        # No log exports, with which RDS would make log groups that outlast the copy: they are not inherited.
        # It is complete when it is available, and nobody needs a backup of it.
        "BackupRetentionPeriod": 0,
        "Tags": tag_list(tags),
    }
    wanted = {key: value for key, value in wanted.items() if value != ""}
    rds = account.client("rds")
    with plain_errors(f"restoring {original.copy}"):
        try:
            if backup.kind is BackupKind.MOMENT:
                moment = {"RestoreTime": at} if at else {"UseLatestRestorableTime": True}
                rds.restore_db_instance_to_point_in_time(
                    SourceDBInstanceIdentifier=original.identifier,
                    TargetDBInstanceIdentifier=original.copy,
                    **moment,
                    **wanted,
                )
            else:
                rds.restore_db_instance_from_db_snapshot(
                    DBSnapshotIdentifier=backup.id, DBInstanceIdentifier=original.copy, **wanted
                )
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "DBInstanceAlreadyExists":
                raise another_rehearsal(account, original.copy) from None
            raise


def another_rehearsal(account: StackAccount, what: str, since: str = "") -> OperationError:
    """Return what tells that another rehearsal is there."""
    began = f" (it began at {since})" if since else ""
    return OperationError(
        f"{what} of another rehearsal is there{began}: somebody rehearses now, or it was left; to remove it: "
        f"groundwork restore {account.stack_name} --rehearse --cleanup"
    )


def wait_for_copy(account: StackAccount, identifier: str, progress: Progress, seconds: float) -> dict[str, Any]:
    """Wait until a copy is available, and return RDS's description of it.

    Raises CommandFailedError where RDS gives it up, and OperationError after ``seconds``.
    """

    def look() -> dict[str, Any] | Pending:
        found = described_database(account, identifier)
        status = found["DBInstanceStatus"]
        progress.say(f"{identifier}: {status}")
        if status in (*GIVEN_UP, "storage-full"):
            raise CommandFailedError(f"RDS could not restore it: {identifier} is {status}")
        if status in READY and "Endpoint" in found:
            return found
        return Pending(
            f"{identifier}: {status}", f"{identifier} is not available {after(seconds)}; say more: --minutes"
        )

    return progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)


def give_password(account: StackAccount, identifier: str, progress: Progress) -> str:
    """Give a copy a password that nobody else knows, and return it: the original's is neither read nor used. OperationError where RDS does not
    take it within some minutes."""
    drawn = secrets.token_urlsafe(24)

    def look() -> str | Pending:
        with plain_errors(f"giving {identifier} a password of its own"):
            try:
                account.client("rds").modify_db_instance(
                    DBInstanceIdentifier=identifier, MasterUserPassword=drawn, ApplyImmediately=True
                )
            except botocore.exceptions.ClientError as error:
                # A copy that has just become available may be at something once more.
                if "InvalidDBInstanceState" not in code_of(error):
                    raise
                said = f"{identifier} is at something else, and takes no password"
                return Pending(f"{said} yet", f"{said} {after(_SECONDS_FOR_PASSWORD)}: {code_of(error)}")
        return drawn

    return progress.wait_for(look, seconds=_SECONDS_FOR_PASSWORD, every=_SECONDS_BETWEEN)


def remove_copy(account: StackAccount, identifier: str, rehearsal: str, progress: Progress, seconds: float) -> None:
    """Remove a copy that this rehearsal made, and wait until it is gone. OperationError where it stays."""
    asked = False

    def look() -> Pending | None:
        nonlocal asked
        found = find_database(account, identifier)
        if found is None or (not asked and rehearsal_of(found.get("TagList", ())) != rehearsal):
            return None
        says = f"{identifier}: {found['DBInstanceStatus'] if asked else 'to be removed'}"
        asked = asked or _delete(account, identifier)
        return Pending(says, f"{identifier} is {found['DBInstanceStatus']} {after(seconds)}")

    progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)


def _delete(account: StackAccount, identifier: str) -> bool:
    """Ask RDS to delete a copy; False where it is not in a state for that yet."""
    with plain_errors(f"removing {identifier}"):
        try:
            account.client("rds").delete_db_instance(
                DBInstanceIdentifier=identifier, SkipFinalSnapshot=True, DeleteAutomatedBackups=True
            )
        except botocore.exceptions.ClientError as error:
            if code_of(error) in NO_DATABASE:
                return True
            if "InvalidDBInstanceState" in code_of(error):
                return False
            raise
    return True


# Its security group


def make_group(
    account: StackAccount, original: Original, tags: Mapping[str, str], *, admitted: str | None = None
) -> str:
    """Make the copy's security group, and return its id. It admits ``admitted``, a range of addresses, to the database's port; unset, its own
    members, which may call nobody else. OperationError where it is there already."""
    ec2 = account.client("ec2")
    with plain_errors(f"making the security group {original.group}"):
        try:
            made: str = ec2.create_security_group(
                GroupName=original.group,
                Description=f"{original.copy}: its checker and nobody else",
                VpcId=original.vpc,
                TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list(tags)}],
            )["GroupId"]
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "InvalidGroup.Duplicate":
                raise another_rehearsal(account, f"the security group {original.group}") from None
            raise
        # A group begins with leave to call everybody:
        # https://docs.aws.amazon.com/vpc/latest/userguide/default-custom-security-groups.html
        everybody = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=made, IpPermissions=[everybody])
        port = {"IpProtocol": "tcp", "FromPort": original.port, "ToPort": original.port}
        if admitted:
            ec2.authorize_security_group_ingress(
                GroupId=made, IpPermissions=[{**port, "IpRanges": [{"CidrIp": admitted}]}]
            )
        else:
            itself = [{**port, "UserIdGroupPairs": [{"GroupId": made}]}]
            ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=itself)
            ec2.authorize_security_group_egress(GroupId=made, IpPermissions=itself)
    return made


def find_group(account: StackAccount, original: Original) -> dict[str, Any] | None:
    """Return EC2's description of the copy's security group; None where there is none."""
    filters = [
        {"Name": "group-name", "Values": [original.group]},
        {"Name": "tag-key", "Values": [TAG]},
    ]
    with plain_errors(f"looking for the security group {original.group}"):
        found: list[dict[str, Any]] = account.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    return found[0] if found else None


def remove_group(account: StackAccount, original: Original, rehearsal: str, progress: Progress, seconds: float) -> None:
    """Remove the security group that this rehearsal made, once nothing is in it any more. OperationError where it stays."""

    def look() -> Pending | None:
        found = find_group(account, original)
        if found is None or rehearsal_of(found.get("Tags", ())) != rehearsal:
            return None
        with plain_errors(f"removing the security group {original.group}"):
            try:
                account.client("ec2").delete_security_group(GroupId=found["GroupId"])
            except botocore.exceptions.ClientError as error:
                # Interfaces of what was in it go some minutes later.
                if code_of(error) != "DependencyViolation":
                    raise
                said = f"the security group {original.group} still has members"
                return Pending(said, f"{said} {after(seconds)}")
        return None

    progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)
