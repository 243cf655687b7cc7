"""How whoever checks a copy of a database reaches it: nothing but the checker is in the copy's security group."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from groundwork.components.compute.settings import Engine
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.engines.ec2 import Ec2Operations
from groundwork.operations.engines.ecs.operations import EcsOperations
from groundwork.operations.engines.runner import SESSION_PLUGIN, program
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.progress import Progress
from groundwork.operations.psql import psql_program
from groundwork.operations.restoring.cleanup import Cleanup
from groundwork.operations.restoring.copies import Original, make_group
from groundwork.operations.tags import tag_filters
from groundwork.operations.tunnelling import bundle_address, forwarding

_SECONDS_TO_LISTEN = 60
_SECONDS_TO_START = 600


class CopyConnection(Protocol):
    """How whoever checks a copy of a database connects to it."""

    says: str

    def groups(self, original: Original, tags: Mapping[str, str]) -> list[str]:
        """Return the security groups that the copy stands in, and make the one that is its own."""

    def open(self, address: str, original: Original, cleanup: Cleanup, progress: Progress) -> Any:
        """Open the connection, and give libpq's variables for it until it is closed."""


class TaskConnection:
    """A task of its own, like a service's but idle, in the copy's security group; a port is forwarded through it."""

    def __init__(self, account: StackAccount, runner: EcsOperations, service: str) -> None:
        self._account, self._runner, self._service = account, runner, service
        self.says = f"through an idle task like {service}'s, which alone is in its security group"

    def groups(self, original: Original, tags: Mapping[str, str]) -> list[str]:
        """Make a group whose members reach each other: the copy, and the task."""
        self._group = make_group(self._account, original, tags)
        return [self._group]

    @contextmanager
    def open(self, address: str, original: Original, cleanup: Cleanup, progress: Progress) -> Iterator[dict[str, str]]:
        """Start the task, and forward a port through it."""
        cleanup.add(
            f"the idle task of {self._service}",
            f"aws ecs list-tasks --region {self._account.settings.region} --cluster {self._runner.cluster} --started-by {IDLE}; then aws ecs stop-task",
            lambda _: self._runner.stop_started_by(IDLE),
        )
        progress.say(f"a task like {self._service}'s starts, which does nothing but forward")
        target = self._runner.start_idle(
            self._service, self._group, started_by=IDLE, progress=progress, seconds=_SECONDS_TO_START
        )
        with forwarded(self._account, target, address, original.port, progress) as local:
            yield local


IDLE = "groundwork-restore"
"""Who started the task, as ECS keeps it."""


class InstanceConnection:
    """An instance of the stack; its interface is not to be changed, so that the copy stands in the group that the instance may call
    already: the database's own."""

    def __init__(self, account: StackAccount, runner: Ec2Operations, service: str, group: str) -> None:
        self._account, self._runner, self._service, self._group = account, runner, service, group
        self.says = "through an instance; only what may speak to the database may speak to its copy"

    def groups(self, original: Original, tags: Mapping[str, str]) -> list[str]:
        """Return the group of the database's clients, which is there: nothing is made."""
        return [self._group]

    @contextmanager
    def open(self, address: str, original: Original, cleanup: Cleanup, progress: Progress) -> Iterator[dict[str, str]]:
        """Forward a port through the instance."""
        target = self._runner.session_target([self._service])
        with forwarded(self._account, target, address, original.port, progress) as local:
            yield local


class DirectConnection:
    """From a range of addresses of the network, as through a VPN, in which this machine is."""

    def __init__(self, account: StackAccount, source: str) -> None:
        self._account, self._source = account, source
        self.says = f"straight from {source}, which alone its security group admits"

    def groups(self, original: Original, tags: Mapping[str, str]) -> list[str]:
        """Make a group that admits the range."""
        return [make_group(self._account, original, tags, admitted=self._source)]

    @contextmanager
    def open(self, address: str, original: Original, cleanup: Cleanup, progress: Progress) -> Iterator[dict[str, str]]:
        """Give the copy's own address."""
        yield {"PGHOST": address, "PGPORT": str(original.port)}


class NoConnection:
    """Nobody looks into the copy: only whether it becomes available is seen."""

    says = "nobody looks into it (--unread)"

    def __init__(self, account: StackAccount) -> None:
        self._account = account

    def groups(self, original: Original, tags: Mapping[str, str]) -> list[str]:
        """Make a group that admits its members, of which there are no others."""
        return [make_group(self._account, original, tags)]

    @contextmanager
    def open(self, address: str, original: Original, cleanup: Cleanup, progress: Progress) -> Iterator[None]:
        """Give nothing."""
        yield None


def connection_to(account: StackAccount, clients_group: str, *, source: str | None, unread: bool) -> CopyConnection:
    """Return how a copy would be reached: from ``source``, a range of addresses, or through what the engine has. OperationError before
    anything is made where psql or a host is missing. ``clients_group``: the tag ``Name`` of the group that clients reach."""
    if unread:
        return NoConnection(account)
    psql_program()
    if source is not None:
        return DirectConnection(account, source)
    users = [name for name, one in account.settings.services.items() if "database" in one.uses]
    compute = account.settings.compute
    engine = compute.engine if users and compute else None
    if engine in _THROUGH_HOSTS:
        program(*SESSION_PLUGIN)
        return _THROUGH_HOSTS[engine](account, users[0], clients_group)
    raise OperationError(
        f"no host of the stack leads to a copy of the database: {f'{engine} has none' if engine else 'no service uses it'}. Where this "
        "machine is in its network, as by a VPN, say from which addresses: --from 10.8.0.0/24; or see only whether it becomes available: "
        "--unread"
    )


def _through_task(account: StackAccount, service: str, clients_group: str) -> CopyConnection:
    tasks = EcsOperations(account)
    tasks.check_sessions(service)
    return TaskConnection(account, tasks, service)


def _through_instance(account: StackAccount, service: str, clients_group: str) -> CopyConnection:
    return InstanceConnection(account, Ec2Operations(account), service, _group_named(account, clients_group))


_THROUGH_HOSTS: Mapping[Engine | None, Callable[[StackAccount, str, str], CopyConnection]] = {
    "fargate": _through_task,
    "ecs-ec2": _through_task,
    "ec2": _through_instance,
}
"""The engines that have hosts through which Session Manager leads to a copy."""


def _group_named(account: StackAccount, name: str) -> str:
    filters = [*tag_filters(account), {"Name": "tag:Name", "Values": [name]}]
    with plain_errors(f"looking for the security group {name}"):
        found = account.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    if not found:
        raise NotFoundError(f"there is no security group {name} in {account.place}; run pulumi up first")
    return str(found[0]["GroupId"])


@contextmanager
def forwarded(
    account: StackAccount, target: str, address: str, port: int, progress: Progress
) -> Iterator[dict[str, str]]:
    """Forward a free port of this machine through a host, and give libpq's variables for it."""
    local = _free_port()
    session, opened = forwarding(account, target, address, port, local)
    # Of a group of its own: Ctrl-C is for whoever waits, who then closes it.
    with (
        tempfile.TemporaryFile() as says,
        subprocess.Popen(  # noqa: S603 - our own words
            session.words,
            env={**os.environ, **session.environment},
            stdin=subprocess.DEVNULL,
            stdout=says,
            stderr=says,
            start_new_session=True,
        ) as plugin,
    ):
        try:
            _wait_until_open(plugin, says, local, progress)
            yield {"PGHOST": address, "PGHOSTADDR": "127.0.0.1", "PGPORT": str(local)}
        finally:
            plugin.terminate()
            with plain_errors("closing the session"):
                account.client("ssm").terminate_session(SessionId=opened)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_open(plugin: subprocess.Popen[bytes], says: IO[bytes], local: int, progress: Progress) -> None:
    began = progress.seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", local)) == 0:
                return
        if plugin.poll() is not None:
            says.seek(0)
            said = " ".join(says.read().decode("utf-8", "replace").split())[-300:]
            raise OperationError(
                f"Session Manager's plugin ended with {plugin.returncode}, and opened no way to the copy: {said or 'it said nothing'}"
            )
        if progress.seconds - began > _SECONDS_TO_LISTEN:
            raise OperationError("Session Manager's plugin has not opened a way to the copy within a minute")
        progress.sleep(0.2)


def fetch_bundle(region: str, folder: Path) -> Path:
    """Write the certificates of RDS's authorities in a region into a folder, and return the file. OperationError where they cannot be had.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
    """
    address = bundle_address(region)
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:  # noqa: S310 - https, and our own
            content = answer.read()
    except (urllib.error.URLError, OSError) as error:
        raise OperationError(
            f"RDS's certificates cannot be had from {address} ({error}); is there a network?"
        ) from error
    file = folder / f"{region}-bundle.pem"
    file.write_bytes(content)
    return file
