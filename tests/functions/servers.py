"""Real servers for handlers to talk to: on loopback, over TLS, gone with the tests."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.shared import free_port


@dataclass(frozen=True)
class Certificates:
    """An authority, and what it signed for this machine."""

    authority: Path
    certificate: Path
    key: Path


def certificates(folder: Path) -> Certificates:
    """For ``localhost`` and 127.0.0.1, good for a day."""
    now = dt.datetime.now(dt.UTC)

    def signed(name, key, issuer_name, issuer_key, *, authority):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        )
        if authority:
            usage = x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                crl_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        else:
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    def named(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = signed(named("authority"), authority_key, named("authority"), authority_key, authority=True)
    server = signed(named("localhost"), server_key, named("authority"), authority_key, authority=False)
    made = Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    made.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.certificate.write_bytes(server.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    made.key.chmod(0o600)
    return made


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """A server, from when it listens until the block ends."""
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process:
        try:
            # A minute: a machine that is busy starts a database in more than ten seconds.
            for _ in range(1200):
                if process.poll() is not None:
                    raise RuntimeError(f"{command[0]} ended: {log.read_text(errors='replace')}")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            else:
                raise RuntimeError(f"{command[0]} does not listen: {log.read_text(errors='replace')}")
            yield
        finally:
            process.terminate()


@dataclass(frozen=True)
class Server:
    """Where a server listens, and who signed its certificate."""

    port: int
    authority: Path
    log: Path


REDIS_USER = "shop-app"
REDIS_PASSWORD = "drawn-for-the-cache"


def redis_program() -> str | None:
    return shutil.which("redis-server")


@contextmanager
def redis_server() -> Iterator[Server]:
    """Nobody gets in but one user with a password, as in ElastiCache."""
    with tempfile.TemporaryDirectory(prefix="groundwork-redis-") as name:
        folder, port = Path(name), free_port()
        made = certificates(folder)
        (folder / "redis.conf").write_text(
            f"port 0\ntls-port {port}\nbind 127.0.0.1\nsave ''\nappendonly no\ndir {folder}\n"
            f"tls-cert-file {made.certificate}\ntls-key-file {made.key}\ntls-ca-cert-file {made.authority}\n"
            "tls-auth-clients no\nuser default off\n"
            f"user {REDIS_USER} on >{REDIS_PASSWORD} ~* &* +@all\n"
        )
        with running([str(redis_program()), str(folder / "redis.conf")], port, folder / "log"):
            yield Server(port, made.authority, folder / "log")


def postgres_programs() -> Path | None:
    """Debian keeps them apart by version; the newest."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3].partition(".")[0])
    )
    on_path = shutil.which("postgres")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _as_nobody() -> list[str]:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return []
    return [str(shutil.which("setpriv")), "--reuid=65534", "--regid=65534", "--clear-groups"]


ADMINISTRATOR = "groundwork"
ADMINISTRATOR_PASSWORD = "drawn-for-the-administrator"
DATABASE = "app"


@contextmanager
def postgres_server() -> Iterator[Server]:
    """TLS only, passwords only, and an administrator with the rights that RDS gives: no superuser."""
    programs = postgres_programs()
    assert programs is not None
    with tempfile.TemporaryDirectory(prefix="groundwork-postgres-") as name:
        folder, port = Path(name), free_port()
        made = certificates(folder)
        data = folder / "data"
        if os.geteuid() == 0:
            for path in (folder, *folder.iterdir()):
                os.chown(path, 65534, 65534)
        wanted = ["--username=rdsadmin", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [*_as_nobody(), str(programs / "initdb"), "-D", str(data), *wanted], check=True, capture_output=True
        )
        (data / "pg_hba.conf").write_text(
            "local all rdsadmin trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n", encoding="ascii"
        )
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(port),
            "unix_socket_directories": str(folder),
            "ssl": "on",
            "ssl_cert_file": str(made.certificate),
            "ssl_key_file": str(made.key),
            "fsync": "off",
            "log_statement": "ddl",
        }
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [*_as_nobody(), str(programs / "postgres"), "-D", str(data), *flags]
        with running(command, port, folder / "log"):
            _wait_until_ready(programs, folder, port)
            for database, statement in (
                (
                    "postgres",
                    f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE CREATEDB PASSWORD '{ADMINISTRATOR_PASSWORD}'",
                ),
                ("postgres", f"CREATE DATABASE {DATABASE} OWNER {ADMINISTRATOR}"),
            ):
                run_psql(programs, folder, port, database, statement)
            yield Server(port, made.authority, folder / "log")


def _wait_until_ready(programs: Path, folder: Path, port: int) -> None:
    """It listens before it answers, on a busy machine by seconds."""
    asking = [str(programs / "pg_isready"), "-q", "-h", str(folder), "-p", str(port)]
    for _ in range(1200):
        if subprocess.run(asking, check=False).returncode == 0:
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL does not answer: {(folder / 'log').read_text(errors='replace')}")


def run_psql(programs: Path, folder: Path, port: int, database: str, statement: str) -> None:
    subprocess.run(
        [str(programs / "psql"), "-h", str(folder), "-p", str(port), "-U", "rdsadmin", "-d", database, "-c", statement],
        check=True,
        capture_output=True,
    )
