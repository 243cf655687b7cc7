"""Changes the database's passwords while every running copy of a service keeps its connection.

Copies are given login and password when they start, so the password of a login in use cannot change under them. Therefore services
log in as one of two users in turn, whose rights are those of one owner:

- ``<administrator>_app``: owns the database and everything in it; nobody logs in as it;
- ``<administrator>_app_a`` and ``…_b``: log in, and are the owner from their first statement on (``ALTER ROLE … SET role``), so that it
  does not matter which of them made a table.

A rotation gives the user whose turn it is a new password and makes it the one in the secret. The other keeps its own until the
rotation after that: copies of services must have started anew by then, or the rotation fails and changes nothing (*still logged
in*). What they made as themselves (the administrator before the first rotation, a user by ``SET ROLE NONE``) is given to the owner.

The administrator's own secret, which no service is given, has its password changed in place.

What it takes stands in ``function.yaml`` beside it.

Passwords never travel or stand in a log: the server is given what it checks them with (SCRAM-SHA-256), as ``log_statement`` would
show the rest. https://www.postgresql.org/docs/current/sql-createrole.html
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import logging
import os
import secrets
import ssl
import string
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection, identifier, literal
from secret_rotation import keep, needed, run

logger = logging.getLogger()

PASSWORD_LETTERS = string.ascii_letters + string.digits
PASSWORD_LENGTH = 40
ITERATIONS = 4096
TIMEOUT = 10
"""Seconds to connect and to wait for an answer."""
LOCK_TIMEOUT = "5s"
APPLICATION = "rotate_database"
_LOCK = 7_201_967
"""Only one rotation of a database works on its roles at a time."""
_REFUSED = ("28P01", "28000")
"""https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class StillLoggedIn(Exception):  # noqa: N818 - it is an outcome, not a fault
    """Copies of services use the login whose password is to change; they must start anew first."""


def handle(event: Mapping[str, Any], context: object) -> None:
    """Run one step of one rotation."""
    run(event, create=create, put=put, test=test)


def create(secret: str, token: str) -> None:
    """Create the new version."""
    current = needed(secret, "AWSCURRENT")
    pending = {**current, "password": "".join(secrets.choice(PASSWORD_LETTERS) for _ in range(PASSWORD_LENGTH))}
    if not _is_administrators(secret):
        first, second = _users(_administrator()["username"])
        pending["username"] = second if current["username"] == first else first
        pending |= _addresses(pending["username"], pending["password"])
    keep(secret, token, pending)


def put(secret: str, token: str) -> None:
    """Set the new password in the database, unless an earlier try did."""
    pending = needed(secret, "AWSPENDING", token)
    if _opens(pending):
        return
    if _is_administrators(secret):
        current = needed(secret, "AWSCURRENT")
        _refuse_if_used(pending["username"], current)
        with _connected(current) as connection:
            connection.run(
                f"ALTER ROLE {identifier(pending['username'])} PASSWORD {literal(scram(pending['password']))}"
            )
    else:
        administrator = _administrator()
        _refuse_if_used(pending["username"], administrator)
        with _connected(administrator) as connection:
            _give_turn(connection, administrator["username"], pending)


def test(secret: str, token: str) -> None:
    """Check that the new login opens the database, and that services are the owner there."""
    pending = needed(secret, "AWSPENDING", token)
    with _connected(pending) as connection:
        ((user,),) = connection.run("SELECT current_user::text")
    if pending["username"] in _users(_administrator()["username"]) and user != _owner(_administrator()["username"]):
        raise ValueError(f"{pending['username']} works as {user}")


def _owner(administrator: str) -> str:
    return f"{administrator}_app"


def _users(administrator: str) -> tuple[str, str]:
    return f"{_owner(administrator)}_a", f"{_owner(administrator)}_b"


def _is_administrators(secret: str) -> bool:
    return secret == os.environ["ADMINISTRATOR_SECRET_ARN"]


def _administrator() -> dict[str, Any]:
    return needed(os.environ["ADMINISTRATOR_SECRET_ARN"], "AWSCURRENT")


def _addresses(username: str, password: str) -> dict[str, str]:
    """Return the addresses as this stack has them now: a replica may have come or gone since the last rotation."""
    environment = os.environ
    place = f"{environment['DATABASE_PORT']}/{environment['DATABASE_NAME']}"

    def url(host: str, sslmode: str) -> str:
        return f"postgresql://{username}:{password}@{host}:{place}?sslmode={sslmode}"

    return {
        "host": environment["DATABASE_HOST"],
        "url": url(environment["DATABASE_HOST"], "verify-full"),
        "reader_url": url(environment["DATABASE_READER_HOST"], environment["DATABASE_READER_SSLMODE"]),
    }


def _give_turn(connection: Connection, administrator: str, pending: Mapping[str, Any]) -> None:
    """Make the pending login an owner's, all or nothing. A table that somebody holds for long makes it fail instead of
    making everybody wait."""
    owner, user = _owner(administrator), pending["username"]
    connection.run("START TRANSACTION")
    connection.run(f"SET LOCAL lock_timeout = {literal(LOCK_TIMEOUT)}")
    connection.run("SELECT pg_advisory_xact_lock(:lock)", lock=_LOCK)
    if not _exists(connection, owner):
        connection.run(f"CREATE ROLE {identifier(owner)} NOLOGIN")
    # Leave to give things to it, which whoever made a role can take for itself.
    connection.run(f"GRANT {identifier(owner)} TO {identifier(administrator)}")
    connection.run(f"ALTER DATABASE {identifier(os.environ['DATABASE_NAME'])} OWNER TO {identifier(owner)}")
    verb = "ALTER" if _exists(connection, user) else "CREATE"
    connection.run(f"{verb} ROLE {identifier(user)} LOGIN PASSWORD {literal(scram(pending['password']))}")
    connection.run(f"GRANT {identifier(owner)} TO {identifier(user)}")
    connection.run(f"ALTER ROLE {identifier(user)} SET role TO {identifier(owner)}")
    there = [name for name in _users(administrator) if _exists(connection, name)]
    for name in there:
        connection.run(f"GRANT {identifier(name)} TO {identifier(administrator)}")
    for holder in (administrator, *there):
        _transfer_ownership(connection, holder, owner)
    connection.run("COMMIT")


def _transfer_ownership(connection: Connection, holder: str, owner: str) -> None:
    """Transfer what a role owns to the owner, schemas first: what is in them goes only to whoever may create there."""
    schemas = connection.run(
        "SELECT nspname FROM pg_namespace WHERE nspowner = (SELECT oid FROM pg_roles WHERE rolname = :role)",
        role=holder,
    )
    for (schema,) in schemas:
        connection.run(f"ALTER SCHEMA {identifier(schema)} OWNER TO {identifier(owner)}")
    connection.run(f"REASSIGN OWNED BY {identifier(holder)} TO {identifier(owner)}")


def _exists(connection: Connection, role: str) -> bool:
    return bool(connection.run("SELECT 1 FROM pg_roles WHERE rolname = :role", role=role))


def _refuse_if_used(username: str, login: Mapping[str, Any]) -> None:
    """Raise if the user is logged in on any server, but for this function."""
    hosts = [os.environ["DATABASE_HOST"], *os.environ.get("DATABASE_READER_HOSTS", "").split(",")]
    for host in dict.fromkeys(filter(None, hosts)):
        with _connected(login, host) as connection:
            ((sessions,),) = connection.run(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = :name AND application_name IS DISTINCT FROM :own",
                name=username,
                own=APPLICATION,
            )
        if sessions:
            raise StillLoggedIn(
                f"{sessions} sessions on {host} still use {username}; restart the services that are older than the last rotation"
            )


def scram(password: str) -> str:
    """Return what PostgreSQL keeps of a password: https://www.postgresql.org/docs/current/catalog-pg-authid.html"""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    shown = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ITERATIONS, *shown)


def _opens(login: Mapping[str, Any]) -> bool:
    try:
        with _connected(login):
            return True
    except DatabaseError as error:
        reason = error.args[0]
        if isinstance(reason, dict) and reason.get("C") in _REFUSED:
            return False
        raise


@contextmanager
def _connected(login: Mapping[str, Any], host: str | None = None) -> Iterator[Connection]:
    """Connect with the server's certificate checked in full: a password goes to the server that it is meant for, or to
    none."""
    connection = Connection(
        login["username"],
        password=login["password"],
        host=host or os.environ["DATABASE_HOST"],
        port=int(os.environ["DATABASE_PORT"]),
        database=os.environ["DATABASE_NAME"],
        ssl_context=_trust(),
        timeout=TIMEOUT,
        application_name=APPLICATION,
    )
    try:
        yield connection
    finally:
        try:
            connection.close()
        except InterfaceError:
            logger.warning("the connection was gone")


@functools.cache
def _trust() -> ssl.SSLContext:
    """Return the TLS context that trusts RDS's certificate authorities.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html"""
    beside = Path(__file__).with_name("rds.pem")
    if "CA_FILE" in os.environ:
        bundle = Path(os.environ["CA_FILE"]).read_text(encoding="ascii")
    elif beside.is_file():
        bundle = beside.read_text(encoding="ascii")
    else:
        region = os.environ["AWS_REGION"]
        address = f"https://{_truststore(region)}/{region}/{region}-bundle.pem"
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            bundle = answer.read().decode("ascii")
    return ssl.create_default_context(cadata=bundle)


def _truststore(region: str) -> str:
    """Return the host of the bundles of a region's partition; in China they stand in a bucket.
    https://docs.amazonaws.cn/en_us/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html"""
    if region.startswith("cn-"):
        return "rds-truststore.s3.cn-north-1.amazonaws.com.cn"
    return f"truststore.pki.{'us-gov-west-1.' if region.startswith('us-gov-') else ''}rds.amazonaws.com"
