"""Building a kube-apiserver from the Go module proxy, and running it with etcd on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.shared import free_port

MODULE = Path(__file__).parent / "server"
"""What is built: Kubernetes at one version, its staging modules named as its own go.mod has them, and every checksum."""
_PACKAGE = "k8s.io/kubernetes/cmd/kube-apiserver"

_START = 120
"""Seconds until the server must be ready; on a busy machine it takes half a minute."""


class UnavailableError(Exception):
    """The judge cannot sit, and what would let it."""


class ServerError(Exception):
    """The server could not be built or started, and the last lines that say why."""


def version() -> str:
    """Of Kubernetes, such as ``v1.36.3``."""
    found = re.search(r"^\s*(?:require )?k8s\.io/kubernetes (v\S+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise ServerError(f"{MODULE / 'go.mod'} does not require k8s.io/kubernetes")
    return found[1]


def minor(name: str) -> str:
    """``1.36`` of ``v1.36.3``."""
    return ".".join(name.removeprefix("v").split(".")[:2])


def needs() -> None:
    """Raise :class:`UnavailableError` where Go or etcd is missing."""
    missing = {
        "go": "Go (https://go.dev/doc/install)",
        "etcd": "etcd (Debian: apt-get install etcd-server)",
    }
    lacking = [what for command, what in missing.items() if shutil.which(command) is None]
    if lacking:
        raise UnavailableError(f"{' and '.join(lacking)} would let a real kube-apiserver judge the objects")


def cache() -> Path:
    """Where what is built and downloaded stays from run to run."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "groundwork" / "kubernetes"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kept() -> Path:
    """Where the server is once it has been built: a name that tells the checksums of its sources."""
    sums = hashlib.sha256((MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()).hexdigest()[:16]
    return cache() / f"kube-apiserver-{version()}-{sums}"


def binary() -> Path:
    """The server, built at its first use: ten minutes on two cores."""
    built = kept()
    if built.is_file():
        return built
    print(f"building kube-apiserver {version()}, once; it takes about ten minutes", flush=True)
    draft = built.with_suffix(f".{os.getpid()}")
    _go("build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", str(draft), _PACKAGE, folder=MODULE)
    draft.replace(built)
    return built


def module(name: str, checksum: str) -> Path:
    """The folder of a Go module at a version, whose content must be what ``checksum`` says."""
    told = json.loads(_go("mod", "download", "-json", name, folder=cache(), GONOSUMDB="*"))
    if told["Sum"] != checksum:
        raise ServerError(f"{name}: its checksum is {told['Sum']}, and not {checksum}")
    return Path(told["Dir"])


def _go(*arguments: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        ["go", *arguments], cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ServerError(f"go {' '.join(arguments)}: " + "\n".join((done.stderr or done.stdout).splitlines()[-10:]))
    return done.stdout


@dataclass(frozen=True)
class Answer:
    """What the server said to one request."""

    status: int
    body: Mapping[str, Any]
    warnings: tuple[str, ...]

    @property
    def refusal(self) -> str | None:
        """Why it was refused; None where it was not."""
        return None if self.status < 400 else str(self.body.get("message", self.status))


class Api:
    """The server's API, as an administrator who is never refused for who they are."""

    def __init__(self, address: str, token: str, certificate: Path) -> None:
        self.address = address
        self.token = token
        self.certificate = certificate
        # A handshake for each question would take longer than the answer.
        self._pool = urllib3.PoolManager(ca_certs=str(certificate), timeout=60, retries=False)

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, kind: str = "application/json"
    ) -> Answer:
        """One request; an answer of any status is an answer."""
        response = self._pool.request(
            method,
            f"{self.address}{path}",
            body=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": kind, "Accept": "application/json"},
        )
        text = response.data.decode()
        # 299 - "text": https://www.rfc-editor.org/rfc/rfc9111#name-warning
        warnings = [re.sub(r'^299 \S+ "(.*)"$', r"\1", line) for line in response.headers.getlist("Warning")]
        said = json.loads(text) if text.startswith("{") else {"message": text}
        return Answer(response.status, said, tuple(warnings))


@contextmanager
def running(wanted: str) -> Iterator[Api]:
    """A server with an empty etcd, both on loopback, that behaves as Kubernetes ``wanted`` (``1.35``) does."""
    server = binary()
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="groundwork-kubernetes-")))
        etcd, peer, port = (free_port() for _ in range(3))
        token = secrets.token_hex()
        _write(folder / "tokens.csv", f"{token},judge,judge,system:masters\n")
        _key(folder / "accounts.key")
        store = f"http://127.0.0.1:{etcd}"
        ends.enter_context(
            _process(
                folder,
                "etcd",
                f"--data-dir={folder / 'etcd'}",
                f"--listen-client-urls={store}",
                f"--advertise-client-urls={store}",
                f"--listen-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
                f"--initial-cluster=default=http://127.0.0.1:{peer}",
                "--unsafe-no-fsync",
            )
        )
        process = ends.enter_context(
            _process(
                folder,
                str(server),
                f"--etcd-servers={store}",
                f"--secure-port={port}",
                "--bind-address=127.0.0.1",
                # Nobody connects there; it must not be loopback, and a machine may have nothing else.
                "--advertise-address=192.0.2.1",
                "--endpoint-reconciler-type=none",
                f"--cert-dir={folder / 'certificates'}",
                f"--token-auth-file={folder / 'tokens.csv'}",
                f"--service-account-key-file={folder / 'accounts.key'}",
                f"--service-account-signing-key-file={folder / 'accounts.key'}",
                "--service-account-issuer=https://kubernetes.default.svc",
                # No controller makes accounts' tokens here.
                "--disable-admission-plugins=ServiceAccount",
                *([] if wanted == minor(version()) else [f"--emulated-version=kube={wanted}"]),
            )
        )
        yield _ready(process, folder, f"https://127.0.0.1:{port}", token)


def _ready(process: subprocess.Popen[bytes], folder: Path, address: str, token: str) -> Api:
    certificate = folder / "certificates" / "apiserver.crt"
    end = time.monotonic() + _START
    while time.monotonic() < end and process.poll() is None:
        if certificate.is_file():
            api = Api(address, token, certificate)
            try:
                if api.ask("GET", "/readyz").status == 200:
                    return api
            except (OSError, urllib3.exceptions.HTTPError):
                pass
        time.sleep(0.5)
    log = next(folder.glob("kube-apiserver*.log")).read_text(errors="replace").splitlines()
    raise ServerError("kube-apiserver does not get ready: " + "\n".join(log[-10:]))


@contextmanager
def _process(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        started = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            yield started
        finally:
            started.send_signal(signal.SIGTERM)
            try:
                started.wait(10)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _key(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _write(
        path,
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode(),
    )
