"""``groundwork domain``: what DNS says of a stack's domain, asked of a real server on loopback."""

import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import dns.flags
import dns.message
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest

from groundwork.cli import domain as command
from groundwork.cli.main import run
from tests.writing import write_project

ZONE = ["ns-1.awsdns-01.org", "ns-2.awsdns-02.co.uk"]
DOMAIN = "shop.example.com"
STACK = f"groundwork:platform: {{name: shop, stage: dev, phase: launch, domain: {DOMAIN}}}"


class Dns(threading.Thread):
    """Answers from a table; a name that is not there does not exist. ``authority`` is told as a parent tells of a delegation."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.records: dict[tuple[str, str], list[str]] = {
            ("example.com.", "SOA"): ["ns.example.com. root.example.com. 1 1 1 1 1"],
            ("example.com.", "NS"): ["ns.example.com."],
            ("ns.example.com.", "A"): ["127.0.0.1"],
        }
        self.authority: list[str] = []

    def run(self) -> None:
        while True:
            try:
                text, sender = self.socket.recvfrom(4096)
            except OSError:
                return
            question = dns.message.from_wire(text)
            answer = dns.message.make_response(question)
            [asked] = question.question
            name, kind = asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype)
            found = self.records.get((name, kind))
            if found:
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *found))
            elif (name, kind) == (f"{DOMAIN}.", "NS") and self.authority:
                answer.authority.append(dns.rrset.from_text(name, 60, "IN", "NS", *(f"{ns}." for ns in self.authority)))
            with suppress(OSError):
                self.socket.sendto(answer.to_wire(), sender)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dns]:
    made = Dns()
    made.start()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = made.port
    resolver.lifetime = 20
    monkeypatch.setattr(command.dns.resolver, "Resolver", lambda: resolver)
    ask = command.ask
    monkeypatch.setattr(command, "ask", lambda domain, wanted, asked: ask(domain, wanted, asked, port=made.port))
    yield made
    made.socket.close()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(write_project(tmp_path / "project", STACK))
    return tmp_path


NAMED = [word for server in ZONE for word in ("--name-server", server)]


def test_a_domain_that_nobody_has_delegated_is_told_with_what_to_enter(
    server: Dns, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["domain", "dev", *NAMED]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "shop.example.com is not delegated to its hosted zone: example.com names no name servers for it.",
        "Next: at the registrar, or in the zone example.com where it is yours, enter as name servers of shop.example.com:",
        "    ns-1.awsdns-01.org",
        "    ns-2.awsdns-02.co.uk",
    ]


def test_a_domain_that_is_delegated_elsewhere_is_not_delegated(
    server: Dns, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.authority = ["ns.parking.example", ZONE[0]]
    assert run(["domain", "dev", *NAMED]) == 1
    assert "example.com names ns-1.awsdns-01.org, ns.parking.example." in capsys.readouterr().out


def test_a_domain_that_is_delegated_may_be_said_to_be(
    server: Dns, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.authority = [ZONE[1].upper(), ZONE[0]]
    assert run(["domain", "dev", *NAMED]) == 0
    out = capsys.readouterr().out
    assert "shop.example.com is delegated to its hosted zone" in out
    assert "Next: say groundwork:edge: {zone: {delegated: true}} in Pulumi.dev.yaml, then pulumi up --stack dev" in out


@pytest.mark.parametrize(
    ("name", "records", "code", "message"),
    [
        ("example.com.", ['0 issue "letsencrypt.org"'], 1, "let letsencrypt.org issue certificates, and not Amazon"),
        ("shop.example.com.", ['0 issue ";"'], 1, "let nobody issue certificates"),
        ("example.com.", ['0 issue "amazon.com; x=y"', '0 issue "letsencrypt.org"'], 0, "delegated: true"),
        ("example.com.", ['0 iodef "mailto:a@example.com"'], 0, "delegated: true"),
    ],
)
def test_caa_records_that_leave_amazon_out_are_told(
    name: str,
    records: list[str],
    code: int,
    message: str,
    server: Dns,
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.authority = ZONE
    server.records[name, "CAA"] = records
    assert run(["domain", "dev", *NAMED]) == code
    assert message in capsys.readouterr().out


def _pulumi(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "bin" / "pulumi"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{file.parent}:/usr/bin:/bin")


def test_the_zones_name_servers_are_the_stacks_output(
    server: Dns, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = '[ "$*" = "stack output nameServers --json --stack dev" ] && echo \'["ns-1.awsdns-01.org"]\''
    _pulumi(here, script, monkeypatch)
    server.authority = ["ns-1.awsdns-01.org"]
    assert run(["domain", "dev"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'error: current stack does not have output property' >&2; exit 255", "Run pulumi up --stack dev first"),
        ("echo '[]'", "the zone of dev is one that exists (edge.zone.id)"),
        (None, "the Pulumi CLI, which knows the outputs of dev, is not installed"),
    ],
)
def test_where_the_name_servers_are_not_known_it_says_how_to_name_them(
    script: str | None, message: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if script is None:
        monkeypatch.setenv("PATH", str(here))
    else:
        _pulumi(here, script, monkeypatch)
    assert run(["domain", "dev"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "--name-server ns-1.awsdns-01.org" in err


def test_a_stack_without_a_domain_has_nothing_to_delegate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(write_project(tmp_path / "p", ""))
    assert run(["domain", "dev"]) == 2
    assert "Pulumi.dev.yaml has no platform.domain" in capsys.readouterr().err


def test_without_an_answer_it_says_so(server: Dns, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del server.records["ns.example.com.", "A"]
    assert run(["domain", "dev", *NAMED]) == 2
    assert "no DNS server answers about shop.example.com: none of ns.example.com. does" in capsys.readouterr().err
