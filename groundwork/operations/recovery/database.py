"""The database is lost, or holds what it should not: a backup is restored beside it and put in its place under its name, so that no address
changes. What was there before stays, under another name."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import botocore.exceptions

from groundwork.operations.account import code_of, plain_errors
from groundwork.operations.backups import Backup, BackupKind, DataStore, DataStoreKind, backups_of, data_stores
from groundwork.operations.databases import GIVEN_UP, find_database, with_end
from groundwork.operations.durations import after
from groundwork.operations.errors import DeploymentFailedError, NotFoundError, OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.recovery.health import health_step
from groundwork.operations.recovery.model import Incident, RecoveryPlan, RecoveryStep
from groundwork.operations.tags import tagged
from groundwork.settings.mistakes import all_of

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource

TAG = "groundwork:recovering"
"""On a database that was restored, until its recovery has come to its end: the moment whose data it has."""

_SECONDS_BETWEEN = 15
_DATABASE = "aws:rds/instance:Instance"


def restored_name(identifier: str) -> str:
    """Return what a restored database is called until it is put in the other's place."""
    return with_end(identifier, "-restored")


def plan(incident: Incident) -> RecoveryPlan:
    """Restore, swap, log services in anew, look; from where an interrupted recovery ended."""
    store = next((one for one in data_stores(incident.resources) if one.kind is DataStoreKind.DATABASE), None)
    if store is None:
        raise OperationError(f"{incident.account.stack.label} builds no database")
    return _Recovery(incident, store).plan()


class _Recovery:
    """The recovery of one database."""

    def __init__(self, incident: Incident, store: DataStore) -> None:
        self._incident, self._account, self._store = incident, incident.account, store
        self._rds = incident.account.client("rds")
        self._identifier, self._restored = store.id, restored_name(store.id)
        self._lost = with_end(store.id, f"-lost-{incident.now:%y%m%d-%H%M}")
        self._original = find_database(incident.account, store.id)
        self._begun = self._moment(find_database(incident.account, self._restored))
        self._swapped = self._moment(self._original)

    def plan(self) -> RecoveryPlan:
        backup = None if self._begun or self._swapped else self._backup()
        until = self._begun or self._swapped or self._incident.at or (backup.at if backup else None)
        steps = []
        if not self._swapped or self._begun:
            steps += [self._restore(backup), self._swap()]
        if self._account.settings.data and self._account.settings.data.proxy:
            steps.append(self._tell_the_proxy())
        steps += [
            *self._renewed_logins(until),
            *self._logins(),
            health_step(self._incident, "database", *(["services"] if self._account.settings.services else [])),
            self._end(),
        ]
        return RecoveryPlan(tuple(steps), until, self._note(), self._after())

    def _note(self) -> str:
        moment = self._begun or self._swapped
        if moment is None:
            stack = self._account.stack_name
            return (
                "What is written until the swap stays in the one that is set aside. To let nobody write meanwhile, end this, and for each "
                f"service: groundwork scale {stack} SERVICE 0"
                if self._original
                else ""
            )
        where = f"{self._restored} is there" if self._begun else "it is in its place"
        return f"A recovery to the state of {moment:%Y-%m-%d %H:%M:%S} UTC was begun ({where}), and goes on."

    def _moment(self, found: Mapping[str, Any] | None) -> datetime.datetime | None:
        """Return the moment of a recovery that is under way, by the tag of what it restored."""
        tags = {one["Key"]: one["Value"] for one in (found or {}).get("TagList", ())}
        try:
            return datetime.datetime.fromisoformat(tags[TAG]) if TAG in tags else None
        except ValueError:
            raise OperationError(f"{self._identifier}: the tag {TAG} is no moment: {tags[TAG]!r}") from None

    def _backup(self) -> Backup:
        if find_database(self._account, self._restored) is not None:
            raise OperationError(
                f"{self._restored} is there, and no recovery made it (it has no tag {TAG}); rename or remove it: "
                f"aws rds delete-db-instance --db-instance-identifier {self._restored}"
            )
        at = self._incident.at
        found = backups_of(self._account, self._store)
        for one in found:
            if at is None or one.at <= at or (one.since is not None and one.since <= at <= one.at):
                return one
        what = f"nothing of {at:%Y-%m-%d %H:%M:%S} UTC or before" if at and found else "no backup"
        raise NotFoundError(
            f"{self._identifier} has {what} in {self._account.place}; what there is: groundwork snapshot "
            f"{self._account.stack_name} --list; copies elsewhere: groundwork recover {self._account.stack_name} region"
        )

    # Restoring

    def _restore(self, backup: Backup | None) -> RecoveryStep:
        name = self._restored
        if backup is None:
            return RecoveryStep(
                f"Wait for {name}",
                f"aws rds wait db-instance-available --db-instance-identifier {name}",
                self._wait_for_begun,
            )
        at = self._incident.at if backup.kind is BackupKind.MOMENT else None
        what = f"the state of {at:%Y-%m-%d %H:%M:%S} UTC" if at else str(backup)

        def act(progress: Progress) -> str:
            self._begin(backup, at)
            return self._wait(name, progress)

        return RecoveryStep(f"Restore {what} as {name}", self._command(backup, at), act, changes=True)

    def _wait_for_begun(self, progress: Progress) -> str:
        if self._moment(find_database(self._account, self._identifier)):
            return f"it is in the place of {self._identifier} already"
        return self._wait(self._restored, progress)

    def _command(self, backup: Backup, at: datetime.datetime | None) -> str:
        if backup.kind is not BackupKind.MOMENT:
            return f"aws rds restore-db-instance-from-db-snapshot --db-snapshot-identifier {backup.id} --db-instance-identifier {self._restored} …"
        moment = f"--restore-time {at:%Y-%m-%dT%H:%M:%SZ}" if at else "--use-latest-restorable-time"
        source = (
            f"--source-db-instance-identifier {self._identifier}"
            if self._original
            else f"--source-dbi-resource-id {backup.id}"
        )
        return f"aws rds restore-db-instance-to-point-in-time {source} --target-db-instance-identifier {self._restored} {moment} …"

    def _begin(self, backup: Backup, at: datetime.datetime | None) -> None:
        moment = at or backup.at
        tags = {**self._store.tags, TAG: moment.isoformat(timespec="seconds")}
        wanted = {**self._placed(), "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        with plain_errors(f"restoring {self._restored}"):
            if backup.kind is not BackupKind.MOMENT:
                self._rds.restore_db_instance_from_db_snapshot(
                    DBSnapshotIdentifier=backup.id, DBInstanceIdentifier=self._restored, **wanted
                )
                return
            source = (
                {"SourceDBInstanceIdentifier": self._identifier}
                if self._original
                else {"SourceDbiResourceId": backup.id}
            )
            self._rds.restore_db_instance_to_point_in_time(
                **source,
                TargetDBInstanceIdentifier=self._restored,
                **({"RestoreTime": at} if at else {"UseLatestRestorableTime": True}),
                **wanted,
            )

    def _placed(self) -> dict[str, Any]:
        """Return what the program says of the database, where the original stands, or stood."""
        resource = self._resource
        given = {
            name: resource.inputs[key]
            for key, name in _ARGUMENTS.items()
            if isinstance(resource.inputs.get(key), bool | int | str | list)
        }
        if self._original is not None:
            where = {
                "DBSubnetGroupName": self._original.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
                "DBParameterGroupName": next(
                    (one["DBParameterGroupName"] for one in self._original.get("DBParameterGroups", ())), None
                ),
                "VpcSecurityGroupIds": [
                    one["VpcSecurityGroupId"] for one in self._original.get("VpcSecurityGroups", ())
                ],
            }
        else:
            where = self._by_tags()
        return {**given, **{name: value for name, value in where.items() if value}, "PubliclyAccessible": False}

    @property
    def _resource(self) -> Resource:
        return next(
            one for one in self._incident.resources.of_type(_DATABASE) if one.inputs["identifier"] == self._identifier
        )

    def _by_tags(self) -> dict[str, Any]:
        """Return where a database stood that is gone, by the tags of what stands there still."""
        settings = self._account.settings.data
        component = self._resource.name.removesuffix("-primary")
        version = settings.major_version if settings else ""
        wanted = {
            "DBSubnetGroupName": ("rds:subgrp", f"{component}-subnets"),
            "DBParameterGroupName": ("rds:pg", f"{component}-postgres{version}"),
            "VpcSecurityGroupIds": (
                "ec2:security-group",
                f"{component}-{'primary' if settings and settings.proxy else 'clients'}",
            ),
        }
        there = tagged(self._account, kinds=(kind for kind, _ in wanted.values()))
        found = {tags.get("Name", ""): arn.replace("/", ":").rpartition(":")[2] for arn, tags in there.items()}
        missing = [name for _, name in wanted.values() if name not in found]
        if missing:
            raise NotFoundError(
                f"{all_of(missing)} {'is' if len(missing) == 1 else 'are'} not in {self._account.place}, and the database needs them; "
                f"run pulumi up --stack {self._account.stack.name} --target them first"
            )
        return {
            argument: [found[name]] if argument == "VpcSecurityGroupIds" else found[name]
            for argument, (_, name) in wanted.items()
        }

    def _wait(self, name: str, progress: Progress) -> str:
        seconds = self._incident.seconds

        def look() -> str | Pending:
            found = find_database(self._account, name)
            status = found["DBInstanceStatus"] if found else "not there yet"
            if found and status == "available":
                return f"{name} is available"
            if status in GIVEN_UP:
                raise OperationError(
                    f"RDS could not restore it: {name} is {status}; remove it, and try another moment: aws rds delete-db-instance "
                    f"--db-instance-identifier {name} --skip-final-snapshot"
                )
            return Pending(
                f"{name}: {status}",
                f"{name} is {status} {after(seconds)}; RDS goes on, and so does the next groundwork recover "
                f"{self._account.stack_name} database",
            )

        return progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)

    # Swapping

    def _swap(self) -> RecoveryStep:
        keeps = f", which stays as {self._lost}" if self._original else ""
        return RecoveryStep(
            f"Put {self._restored} in the place of {self._identifier}{keeps}",
            f"aws rds modify-db-instance --db-instance-identifier … --new-db-instance-identifier {self._identifier} --apply-immediately",
            self._act_swap,
            changes=True,
        )

    def _act_swap(self, progress: Progress) -> str:
        there = find_database(self._account, self._identifier)
        if there is not None and self._moment(there) is None:
            self._rename(self._identifier, self._lost, progress)
        self._rename(self._restored, self._identifier, progress)
        return f"{self._identifier} is what was restored, at the address that it had"

    def _rename(self, name: str, new: str, progress: Progress) -> None:
        """Rename an instance, which restarts it, and wait until it is there by the new name and gone by the old one.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_RenameInstance.html
        """
        with plain_errors(f"renaming {name}"):
            try:
                self._rds.modify_db_instance(
                    DBInstanceIdentifier=name, NewDBInstanceIdentifier=new, ApplyImmediately=True
                )
            except botocore.exceptions.ClientError as error:
                # It was asked for by a recovery that was interrupted.
                if "NotFound" not in code_of(error) or find_database(self._account, new) is None:
                    raise
        seconds = self._incident.seconds

        def look() -> Pending | None:
            if find_database(self._account, name) is None:
                return None
            return Pending(f"{name} becomes {new}", f"{name} has its name still {after(seconds)}; RDS goes on")

        progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)
        self._wait(new, progress)

    # Whoever uses it

    def _tell_the_proxy(self) -> RecoveryStep:
        name = next(one.inputs["name"] for one in self._incident.resources.of_type("aws:rds/proxy:Proxy"))

        def act(progress: Progress) -> str:
            with plain_errors(f"telling {name} of the database"):
                for target in self._rds.describe_db_proxy_targets(DBProxyName=name)["Targets"]:
                    self._rds.deregister_db_proxy_targets(
                        DBProxyName=name, DBInstanceIdentifiers=[target["RdsResourceId"]]
                    )
                self._rds.register_db_proxy_targets(DBProxyName=name, DBInstanceIdentifiers=[self._identifier])
            return f"{name} leads to it"

        command = (
            f"aws rds register-db-proxy-targets --db-proxy-name {name} --db-instance-identifiers {self._identifier}"
        )
        return RecoveryStep(f"Have {name} lead to what was restored", command, act, changes=True)

    def _renewed_logins(self, until: datetime.datetime | None) -> list[RecoveryStep]:
        """Return the step that has Secrets Manager and the database agree again, where logins were rotated since that moment: the users in
        it have the passwords of then."""
        data = self._account.settings.data
        if not data or not data.rotation_days or until is None:
            return []
        services = f"{self._account.prefix.strip('/')}/database"
        if not any(
            (rotated := self._rotated(name)) and rotated > until for name in (services, f"{services}-administrator")
        ):
            return []

        def act(progress: Progress) -> str:
            secrets = self._account.client("secretsmanager")
            with plain_errors("giving the administrator the password that Secrets Manager has"):
                kept = json.loads(secrets.get_secret_value(SecretId=f"{services}-administrator")["SecretString"])
                self._rds.modify_db_instance(
                    DBInstanceIdentifier=self._identifier, MasterUserPassword=kept["password"], ApplyImmediately=True
                )
            # RDS says "resetting-master-credentials" some moments later.
            progress.sleep(_SECONDS_BETWEEN)
            self._wait(self._identifier, progress)
            before = self._rotated(services)
            with plain_errors("having the services' login rotated"):
                secrets.rotate_secret(SecretId=services)
            seconds = self._incident.seconds

            def look() -> str | Pending:
                if self._rotated(services) != before:
                    return "the logins of Secrets Manager are the database's"
                return Pending(
                    "the rotation is under way",
                    f"{services} is not rotated {after(seconds)}; why: groundwork logs, or the log group of the function that rotates it",
                )

            return progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)

        return [
            RecoveryStep(
                "Renew the logins, which were rotated after the moment that was restored",
                f"aws secretsmanager rotate-secret --secret-id {services}",
                act,
                changes=True,
            )
        ]

    def _rotated(self, name: str) -> datetime.datetime | None:
        with plain_errors(f"asking when {name} was rotated"):
            found = self._account.client("secretsmanager").describe_secret(SecretId=name)
        rotated: datetime.datetime | None = found.get("LastRotatedDate")
        return rotated

    def _logins(self) -> list[RecoveryStep]:
        """Return a step for each service that uses the database: what it holds open leads to the one that was lost."""
        users = [name for name, one in self._account.settings.services.items() if "database" in one.uses]
        return [self._redeploy(service) for service in users]

    def _redeploy(self, service: str) -> RecoveryStep:
        def act(progress: Progress) -> str:
            try:
                self._incident.runner.restart(service, progress, self._incident.seconds)
            except DeploymentFailedError as failure:
                raise OperationError(
                    f"{service} did not start anew: {failure}; look: groundwork logs {self._account.stack_name} {service} --since 30m"
                ) from None
            return f"{service} runs anew"

        return RecoveryStep(
            f"Start {service} anew, with the image that it runs",
            f"groundwork redeploy {self._account.stack_name} {service}",
            act,
            changes=True,
        )

    def _end(self) -> RecoveryStep:
        def act(progress: Progress) -> str:
            found = find_database(self._account, self._identifier)
            if found is None:
                raise NotFoundError(f"there is no {self._identifier} in {self._account.place}")
            with plain_errors(f"taking the tag off {self._identifier}"):
                self._rds.remove_tags_from_resource(ResourceName=found["DBInstanceArn"], TagKeys=[TAG])
            return "the recovery is at its end"

        return RecoveryStep(
            f"Say at {self._identifier} that it is done",
            f"aws rds remove-tags-from-resource --tag-keys {TAG} --resource-name …",
            act,
            changes=True,
        )

    def _after(self) -> tuple[str, ...]:
        stack = self._account.stack.name
        old = (self._original or {}).get("DbiResourceId")
        lines = [
            "Pulumi still knows the database by the id that RDS gave the lost one. Tell it the new one, then let it put monitoring, "
            "backup windows and the like back as the stack file says:",
            f"  old={old or 'DB-ID-OF-THE-LOST-ONE'}",
            f"  new=$(aws rds describe-db-instances --db-instance-identifier {self._identifier} --query 'DBInstances[0].DbiResourceId' --output text)",
            f'  pulumi stack export --stack {stack} | sed "s/$old/$new/g" | pulumi stack import --stack {stack}',
            f"  pulumi up --refresh --stack {stack}",
        ]
        data = self._account.settings.data
        if data and data.replicas:
            lines.append(
                f"Replicas ({', '.join(data.replicas)}) go on copying the lost one: remove each in RDS, then the same pulumi up makes them anew."
            )
        if self._account.settings.recovery:
            copy = f"{self._account.settings.platform.name}-recovery-{self._account.settings.recovery.region}-database"
            lines.append(
                f"Backups in {self._account.settings.recovery.region} are still of the lost one: pulumi up --stack {stack} --target-replace '**{copy}'"
            )
        if self._original is not None:
            lines.append(
                f"What was lost is there as {self._lost}, and costs what it did. When nobody needs it any more: aws rds modify-db-instance "
                f"--db-instance-identifier {self._lost} --no-deletion-protection, then aws rds delete-db-instance --db-instance-identifier {self._lost}"
            )
        return tuple(lines)


_ARGUMENTS: Mapping[str, str] = {
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "caCertIdentifier": "CACertificateIdentifier",
    "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "deletionProtection": "DeletionProtection",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "instanceClass": "DBInstanceClass",
    "multiAz": "MultiAZ",
    "port": "Port",
}
"""What a restored database is told of what the program says; the rest comes with the next ``pulumi up``."""
