"""A way from this machine to a database or cache that no address reaches: Session Manager forwards a port through a host of the stack."""

from __future__ import annotations

import shlex
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.databases import described_database
from groundwork.operations.engines.runner import SESSION_PLUGIN, Runner, TerminalSession, plugin_session, program
from groundwork.operations.errors import NotFoundError, OperationError

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Snapshot

Goal = Literal["database", "cache"]

_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
"""https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-sessions-start.html"""


def bundle_address(region: str) -> str:
    """Return where the certificates of RDS's authorities in a region are.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html, and for China
    https://docs.amazonaws.cn/en_us/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
    """
    if region.startswith("cn-"):
        host = "rds-truststore.s3.cn-north-1.amazonaws.com.cn"
    else:
        host = f"truststore.pki.{'us-gov-west-1.' if region.startswith('us-gov-') else ''}rds.amazonaws.com"
    return f"https://{host}/{region}/{region}-bundle.pem"


@dataclass(frozen=True)
class TunnelPlan:
    """A way to be opened."""

    account: StackAccount
    goal: Goal
    address: str
    port: int
    local: int
    services: tuple[str, ...]
    """Those whose hosts may speak to it."""

    def __str__(self) -> str:
        return f"{self.goal} of {self.account.stack_name} in {self.account.place}: localhost:{self.local} → {self.address}:{self.port}"

    def client(self) -> str:
        """Return what to type in another terminal. A shell reads the login when it is typed: no password is shown, nor kept."""
        account = self.account
        secret = shlex.quote(f"{account.prefix[1:]}/{self.goal}")
        region, local = account.settings.region, self.local
        login = f'login="$(aws secretsmanager get-secret-value --region {region} --secret-id {secret} --query SecretString --output text)"'
        user, password = '"$(jq -r .username <<< "$login")"', '"$(jq -r .password <<< "$login")"'
        if self.goal == "cache":
            where = f"redis-cli --tls --sni {self.address} -h 127.0.0.1 -p {local}"
            return f"{login}\nREDISCLI_AUTH={password} \\\n  {where} --user {user}"
        name = account.settings.data.name if account.settings.data else ""
        # libpq connects to hostaddr, and holds the certificate against host.
        where = f"host={self.address} hostaddr=127.0.0.1 port={local} dbname={name} sslmode=verify-full sslrootcert={region}-bundle.pem"
        bundle = f"curl -sO {bundle_address(region)}"
        return f'{bundle}\n{login}\nPGUSER={user} PGPASSWORD={password} \\\n  psql "{where}"'


def plan(account: StackAccount, snapshot: Snapshot, goal: Goal, local: int) -> TunnelPlan:
    """Return the way. OperationError where there is no such thing, nobody may speak to it, or the port is taken."""
    services = tuple(name for name, one in account.settings.services.items() if goal in one.uses)
    address, port = _database(account, snapshot) if goal == "database" else _cache(account, snapshot)
    if not services:
        raise OperationError(
            f"no service of {account.stack.label} uses the {goal}, so no host may speak to it; say services.NAME.uses: {{{goal}: connect}}"
        )
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", local))
        except OSError as error:
            raise OperationError(
                f"port {local} of this machine cannot be used ({error.strerror}); say another: --port"
            ) from None
    return TunnelPlan(account, goal, address, port, local, services)


def _database(account: StackAccount, snapshot: Snapshot) -> tuple[str, int]:
    found = [
        one.inputs["identifier"]
        for one in snapshot.of_type("aws:rds/instance:Instance")
        if not one.inputs.get("replicateSourceDb")
    ]
    if not found:
        raise OperationError(f"{account.stack.label} builds no database")
    one = described_database(account, found[0])
    if "Endpoint" not in one:
        raise OperationError(
            f"{found[0]} has no address yet (it is {one['DBInstanceStatus']}): groundwork status {account.stack_name}"
        )
    return one["Endpoint"]["Address"], one["Endpoint"]["Port"]


def _cache(account: StackAccount, snapshot: Snapshot) -> tuple[str, int]:
    found = [
        one.inputs["replicationGroupId"]
        for one in snapshot.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    ]
    if not found:
        raise OperationError(
            f"{account.stack.label} builds no cache of ElastiCache; one on the instance itself is reached by groundwork exec"
        )
    with plain_errors(f"looking for {found[0]}"):
        try:
            one: dict[str, Any] = account.client("elasticache").describe_replication_groups(
                ReplicationGroupId=found[0]
            )["ReplicationGroups"][0]
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "ReplicationGroupNotFoundFault":
                raise NotFoundError(f"there is no {found[0]} in {account.place}; run pulumi up first") from None
            raise
    nodes = one.get("NodeGroups") or [{}]
    endpoint = one.get("ConfigurationEndpoint") or nodes[0].get("PrimaryEndpoint")
    if not endpoint:
        raise OperationError(
            f"{found[0]} has no address yet (it is {one['Status']}): groundwork status {account.stack_name}"
        )
    return endpoint["Address"], endpoint["Port"]


def open_tunnel(plan: TunnelPlan, runner: Runner) -> TerminalSession:
    """Return the call of Session Manager's plugin that keeps the way open. OperationError where no host leads there."""
    program(*SESSION_PLUGIN)
    return forwarding(plan.account, runner.session_target(plan.services), plan.address, plan.port, plan.local)[0]


def forwarding(account: StackAccount, target: str, address: str, port: int, local: int) -> tuple[TerminalSession, str]:
    """Open a session that forwards a port of this machine through a host to an address, and return the call of Session Manager's plugin that
    keeps it open, and the session's id."""
    plugin = program(*SESSION_PLUGIN)
    wanted = {
        "Target": target,
        "DocumentName": _DOCUMENT,
        "Parameters": {"host": [address], "portNumber": [str(port)], "localPortNumber": [str(local)]},
    }
    with plain_errors(f"opening a way to {address}"):
        opened = account.client("ssm").start_session(**wanted)
    return plugin_session(plugin, account, opened, wanted), opened["SessionId"]
