"""Every command that asks an account, on one that a rehearsal deployed to: as it is meant, and with each thing that may go wrong. It ends with the exit code that it
should and with words that say what to do next, without a traceback, and where nothing should change it asks for no change."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import boto3
import botocore.exceptions
import pytest
import urllib3

from groundwork.cli.arguments import Command, option_names
from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import app
from groundwork.cli.main import run as groundwork
from groundwork.operations import permissions
from groundwork.operations.loadtest.plan import COMES_WITH
from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from groundwork.settings.loading import load_stack
from tests.operations.asking import actions_of
from tests.operations.rehearsed import PAGE, REGION, Line, client, on_the_line, project, rehearsed_account
from tests.operations.shop import push
from tests.shared import free_port

INTERRUPTED = 130

ASKS_NO_ACCOUNT = (
    *("capacity", "completion", "cost", "diagram", "export", "new", "phases", "policies", "preview", "prices"),
    *("rehearse", "schema", "settings", "simulate", "stacks", "upgrade", "verify"),
    # It asks DNS.
    "domain",
)

Outcome = tuple[int, str]
"""An exit code, and a pattern of what is said."""


@dataclass(frozen=True)
class Row:
    """A command as somebody types it."""

    words: str
    well: Outcome
    """How it ends where all is well."""
    changes: str = ""
    """What it asks for then that changes something; empty where it only looks."""
    unasked: int = FINDINGS
    """Its exit code where the account cannot be asked."""
    stack: str = "dev"
    """Of which it is asked where the fault is of no other."""
    otherwise: Mapping[str, Outcome] = field(default_factory=dict)
    """How it ends with the faults with which it ends otherwise than the others."""


BOOTSTRAP, REMOVAL = "bootstrap", "bootstrap --remove"
# moto finds no repositories by their tags, so that doctor takes them for another stack's, and knows no composite alarms.
COMMANDS = {
    "status": Row(
        "status {stack}",
        (FINDINGS, r"well +web +1 of 1 run.*has not run.*1 dead.*14 there.*things need somebody: mails, alarms"),
        otherwise={
            "half deployed": (FINDINGS, "MISSING +web.*MISSING +primary.*MISSING +mails.*pulumi up --stack dev"),
        },
    ),
    "checklist": Row(
        "checklist {stack}",
        (FINDINGS, r"NO +Does the database stand in two zones.*pulumi up --stack dev.*yes +Does a budget"),
        otherwise={
            "nothing deployed": (FINDINGS, "15 of 15 are not in the account.*pulumi up --stack staging"),
            "half deployed": (FINDINGS, "1 of 15 are not in the account.*pulumi up --stack dev"),
        },
    ),
    "doctor": Row(
        "doctor {stack}",
        (FINDINGS, "fine +credentials.*to do +linked roles.*fine +quotas"),
        otherwise={
            "nothing deployed": (FINE, "no name that the stack gives is taken.*its first image"),
            "half deployed": (FINDINGS, "fine +credentials"),
            "not allowed": (FINE, "it takes ec2:DescribeRegions"),
            "too many requests": (FINE, "not known +region +asking about region: AWS answers that there"),
        },
    ),
    "drift": Row("drift {stack}", (FINDINGS, "shop-compute-cluster.*pulumi up --stack dev --refresh"), unasked=MISTAKE),
    "recover": Row("recover {stack} deployment {service} --dry-run", (FINDINGS, "ran before .*groundwork rollback dev web --force")),
    "restore": Row("restore {stack} database --rehearse --unread --dry-run", (FINE, "Nothing was done")),
    "logs": Row("logs {stack} {service}", (FINE, "Nothing since")),
    "scale": Row(
        "scale {stack} {service} 2 --yes",
        (FINE, "2 copies in place of 1.*Asked for.*status dev --watch"),
        changes="ecs:UpdateService",
    ),
    "redeploy": Row("redeploy {stack} {service} --yes", (FINE, "runs anew"), changes="ecs:UpdateService"),
    "redrive": Row(
        "redrive {stack} mails --yes",
        (FINE, "1 dead letter of mails .* goes back.*1 has gone back"),
        changes="sqs:StartMessageMoveTask",
    ),
    "tunnel": Row(
        "tunnel {stack} database --port {port}", (FINE, "In another terminal.*psql"), changes="ssm:StartSession"
    ),
    "snapshot": Row("snapshot {stack} {word} --yes", (FINE, "taken after"), changes="rds:CreateDBSnapshot"),
    "publish": Row("publish {stack} site dist --yes", (FINE, "1 new.*is as dist is"), changes="s3:PutObject"),
    "run": Row("run {stack} {service} true --yes", (FINE, "run true as web"), changes="ecs:RunTask"),
    "exec": Row("exec {stack} {service}", (FINE, ""), changes="ecs:ExecuteCommand"),
    "deploy": Row(
        "deploy {stack} {service}=2 --yes",
        (FINE, "migrate is done.*web and migrate run .*web:2 after"),
        changes="ecs:RunTask",
    ),
    "rollback": Row(
        "rollback {stack} {service} --force --yes", (FINE, "web and migrate run .*web:1"), changes="ssm:PutParameter"
    ),
    "hours": Row(
        "hours {stack} {action} --yes",
        (FINE, "Asked for. How it goes"),
        changes="ecs:UpdateService",
        otherwise={"half deployed": (FINE, "shop-database-dev is not there: pulumi up")},
    ),
    # k6 stands in for itself, and the simulation beside it is the real one.
    "loadtest": Row(
        "loadtest {stack} --rate 1 --minutes 0.1 --run --yes",
        (FINE, "against [a-z0-9]+\\.cloudfront\\.net.*measured.*All thresholds were held"),
        stack="front",
        otherwise={"nothing deployed": (FINDINGS, "nothing of the stack is reached through CloudFront")},
    ),
    REMOVAL: Row(
        "bootstrap {stack} --remove --dry-run",
        (FINDINGS, "there is nothing to remove"),
        otherwise={
            "nothing deployed": (FINDINGS, "there is nothing to remove"),
            "half deployed": (FINE, "bootstrap-shop.*Nothing was done"),
        },
    ),
    BOOTSTRAP: Row(
        "bootstrap {stack} --repository acme/{word} --yes",
        (FINE, "role bootstrap-shop-deploy: pulumi up.*gh variable set PULUMI_BACKEND_URL"),
        changes="cloudformation:CreateStack",
        otherwise={"half deployed": (FINE, "bootstrap-shop is as it should be")},
    ),
}  # fmt: skip

Refuse = Callable[[Line, str], str | BaseException | None]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and how every command ends that is not said to end otherwise."""

    ends: Outcome
    refuse: Refuse = lambda line, operation: None
    stack: str = "dev"
    service: str = "web"
    signed_in: bool = True
    rolling: bool = False
    only: Collection[str] = tuple(COMMANDS)
    """The commands that it is a fault to."""
    changes: Collection[str] = ()
    """The commands that may have asked for a change."""


def _where(matters: Callable[[Line, str], bool], refusal: str | type[BaseException]) -> Refuse:
    def refuse(line: Line, operation: str) -> str | BaseException | None:
        if not matters(line, operation):
            return None
        return refusal if isinstance(refusal, str) else refusal()

    return refuse


def _after_sign_in(line: Line, operation: str) -> bool:
    return not operation.startswith("sts:")


def _at_a_change(line: Line, operation: str) -> bool:
    return len(line.changed) == 1 and operation in line.changed


def _after_a_change(line: Line, operation: str) -> bool:
    return bool(line.changed) and operation not in line.changed


NO_NETWORK = botocore.exceptions.EndpointConnectionError(endpoint_url="https://sts.eu-west-1.amazonaws.com/")
SHELL = "$(touch hacked); touch hacked `touch hacked`"
NAMES_A_SERVICE = [name for name, row in COMMANDS.items() if "{service}" in row.words]
SESSIONS = ("exec", "tunnel")

FAULTS = {
    "no credentials": Fault((FINDINGS, "sign in"), signed_in=False),
    "expired credentials": Fault((FINDINGS, "have expired; sign in"), lambda line, operation: "ExpiredToken"),
    "credentials that expire meanwhile": Fault(
        (FINDINGS, "have expired; sign in"), _where(_after_sign_in, "ExpiredTokenException")
    ),
    "keys that AWS does not know": Fault((FINDINGS, "sign in"), lambda line, operation: "InvalidClientTokenId"),
    "another account": Fault((FINDINGS, "are of account .* belongs to 999999999999.*choose"), stack="elsewhere"),
    "no such stack": Fault((MISTAKE, "there is no stack"), stack="prdo"),
    "a stack with a shell's characters": Fault((MISTAKE, "there is no stack"), stack=SHELL),
    "a service with a shell's characters": Fault(
        (MISTAKE, "is no(ne| service).* web"), service=SHELL, only=NAMES_A_SERVICE
    ),
    # Before anything is deployed is when bootstrap is for.
    "nothing deployed": Fault(
        (FINDINGS, "pulumi up"), stack="staging", only=[name for name in COMMANDS if name != BOOTSTRAP]
    ),
    "no network": Fault((FINDINGS, "is there a network"), lambda line, operation: NO_NETWORK),
    "too many requests": Fault((FINDINGS, "too many requests.*try again"), _where(_after_sign_in, "Throttling")),
    "a page in place of an answer": Fault((FINDINGS, "fails.*[Tt]ry again"), _where(_after_sign_in, PAGE)),
    "not allowed": Fault((FINDINGS, "AWS does not allow it"), _where(_after_sign_in, "AccessDenied")),
    "Ctrl-C": Fault((INTERRUPTED, ""), _where(_after_sign_in, KeyboardInterrupt)),
    "somebody else at work": Fault(
        (FINDINGS, "under way.*wait"), rolling=True, only=("deploy", "rollback", "redeploy", "redrive")
    ),
}
UNASKED = (
    *("no credentials", "expired credentials", "credentials that expire meanwhile", "keys that AWS does not know"),
    *("another account", "no network", "too many requests", "a page in place of an answer", "not allowed"),
)
_CHANGING = tuple(name for name, row in COMMANDS.items() if row.changes)
IN_THE_MIDDLE = {
    "Ctrl-C at the first change": Fault(
        (INTERRUPTED, ""),
        _where(_at_a_change, KeyboardInterrupt),
        only=_CHANGING,
        changes=_CHANGING,
    ),
    "Ctrl-C while it waits": Fault(
        (INTERRUPTED, "groundwork (rollback|status|snapshot)|is ended|run true"),
        _where(_after_a_change, KeyboardInterrupt),
        only=("deploy", "redeploy", "redrive", "run", "snapshot"),
        changes=_CHANGING,
    ),
}
# What there is is stopped all the same.
HALF_DEPLOYED = Fault((FINDINGS, "pulumi up"), changes=("hours",))


def test_every_command_has_a_row() -> None:
    asking = {name.split()[0] for name in COMMANDS}
    assert {*asking, *ASKS_NO_ACCOUNT} == app.members.keys()
    told = set(re.findall(r"\w+", app.about.partition("account: ")[2])) - {"and"}
    assert told == asking
    assert {fault for row in COMMANDS.values() for fault in row.otherwise} - {*FAULTS, "half deployed"} == set()


@dataclass
class Trials:
    """Commands that are run one after the other on one account, and what is wrong with how they end."""

    line: Line
    sign_in: Callable[..., None]
    capsys: pytest.CaptureFixture[str]
    wrong: list[str] = field(default_factory=list)

    def run(self, name: str, case: str, fault: Fault, *, dry: bool = False, **said: str) -> None:
        row, line = COMMANDS[name], self.line
        stack = row.stack if fault.stack == "dev" else fault.stack
        entered = {"stack": stack, "service": fault.service, "word": "by-hand", "action": "stop", **said}
        words = [word.format(**entered, port=free_port()) for word in row.words.split()]
        if dry and "--dry-run" in _options(name):
            words = [*(word for word in words if word not in ("--yes", "--dry-run")), "--dry-run"]
        self.sign_in(fault.signed_in)
        line.refuse, line.rolling = fault.refuse, fault.rolling
        line.asked.clear()
        code, text = groundwork(words), " ".join(" ".join(self.capsys.readouterr()).split())
        wanted, says = row.otherwise.get(case, fault.ends)
        if case in UNASKED and wanted == FINDINGS:
            wanted = row.unasked
        faults = {
            f"ended with {code} and not {wanted}": code != wanted,
            f"did not say {says!r}": not re.search(says, text),
            "spoke as a program does": re.search("Traceback|Groundwork ended|<html", text),
            f"changed {line.changed}": line.changed and name not in fault.changes,
        }
        if any(faults.values()):
            what = ", ".join(fault for fault, is_so in faults.items() if is_so)
            self.wrong.append(f"{case}: {' '.join(words)} {what}; it said: {text}")


def test_every_command_ends_in_words_whatever_goes_wrong(
    terraform: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        project(tmp_path, monkeypatch) as found,
        rehearsed_account(found["dev"]) as address,
        on_the_line(address, monkeypatch) as line,
        _one_sign_in(monkeypatch) as sign_in,
    ):
        trials = Trials(line, sign_in, capsys)
        _prepare(tmp_path, address, monkeypatch)
        line.distribution = _front(address)
        for case, fault in FAULTS.items():
            for name in fault.only:
                trials.run(name, case, fault)
        # Whoever was refused so often tries no more.
        sign_in(True, anew=True)
        for name, row in COMMANDS.items():
            busy = Fault((row.well[0], ""), _at_first, changes=SESSIONS)
            trials.run(name, "too many requests at first", busy, dry=True)
        for name, row in COMMANDS.items():
            trials.run(name, "all is well", Fault(row.well, changes=(name,) if row.changes else ()))
            if row.changes and row.changes not in line.changed:
                trials.wrong.append(f"{name} changed {line.changed}")
            asked = {action for request in line.asked for action in actions_of(request)}
            if beyond := asked - _permitted(name, asked):
                trials.wrong.append(f"{name} asks for more than permissions.yaml says: {', '.join(sorted(beyond))}")
        client("rds", address).start_db_instance(DBInstanceIdentifier="shop-database-dev")
        (tmp_path / "dist" / "index.html").write_text("<h1>another</h1>", encoding="utf-8")
        for case, fault in IN_THE_MIDDLE.items():
            for name in fault.only:
                trials.run(name, case, fault, word="before-18", action="start")
        _remove_half(address)
        line.distribution = ""
        for name in COMMANDS:
            trials.run(name, "half deployed", HALF_DEPLOYED)
    assert trials.wrong == [], "\n\n".join(trials.wrong)
    assert not (tmp_path / "hacked").exists()


def _permitted(name: str, asked: set[str]) -> set[str]:
    """Return what the table of permissions says that a command needs here. What it says nothing of is a pipeline's, or follows from types."""
    name = name.split(maxsplit=1)[0]
    if name not in permissions.all_commands() or name == "drift":
        return asked
    layers = ("compute", "services", "data", "messaging", "jobs", "observability", "secrets", "storage")
    having = ("fargate", *layers, *(one for row in COMMANDS.values() for one in row.words.split()))
    return permissions.actions(name, None if name == "doctor" else having)


def _remove_half(address: str) -> None:
    """Take away, as somebody may by hand or as an update leaves it that was broken off, one thing of each kind that commands ask for."""
    ecs, s3, sqs = (client(service, address) for service in ("ecs", "s3", "sqs"))
    [web] = [arn for arn in ecs.list_services(cluster="shop-dev")["serviceArns"] if "-web" in arn]
    ecs.delete_service(cluster="shop-dev", service=web, force=True)
    client("logs", address).delete_log_group(logGroupName="/shop/dev/services/web")
    client("ssm", address).delete_parameter(Name="/shop/dev/services/images/web")
    rds = client("rds", address)
    rds.delete_db_instance(DBInstanceIdentifier="shop-database-dev", SkipFinalSnapshot=True)
    for url in sqs.list_queues(QueueNamePrefix="shop-mails")["QueueUrls"]:
        sqs.delete_queue(QueueUrl=url)
    [site] = [one["Name"] for one in s3.list_buckets()["Buckets"] if one["Name"].startswith("shop-site")]
    for one in s3.list_object_versions(Bucket=site)["Versions"]:
        s3.delete_object(Bucket=site, Key=one["Key"], VersionId=one["VersionId"])
    s3.delete_bucket(Bucket=site)


def _at_first(line: Line, operation: str) -> str | None:
    return "Throttling" if line.asked.count(operation) < 3 else None


def _options(name: str) -> Collection[str]:
    member = app.members[name.split(maxsplit=1)[0]]
    assert isinstance(member, Command)
    return option_names(member)


@contextmanager
def _one_sign_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Let all commands share a session and its clients, as one command does. What is given says whether there are credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_ENDPOINT_URL"]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # The class itself: other tests share what boto3.Session makes, and with it how often was tried again.
    made = {signed_in: cache(boto3.session.Session) for signed_in in (True, False)}
    state = [True]

    def session(**named: str | None) -> boto3.Session:
        return made[state[0]](**named)

    monkeypatch.setattr(boto3, "Session", session)
    monkeypatch.setattr("groundwork.operations.account.load_stack", cache(load_stack))

    def sign_in(signed_in: bool, *, anew: bool = False) -> None:
        state[0] = signed_in
        if anew:
            made[signed_in].cache_clear()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            if signed_in:
                monkeypatch.setenv(name, "testing")
            else:
                monkeypatch.delenv(name, raising=False)

    yield sign_in


_ASKED = "{service:web,part:held}"
_SUMMARY = {
    "metrics": {
        "elsewhere": {"values": {"count": 0}, "thresholds": {"count<1": {"ok": True}}},
        f"http_reqs{_ASKED}": {"values": {"count": 6, "rate": 1}},
        f"http_req_waiting{_ASKED}": {
            "values": {"count": 6, "avg": 40, "med": 38, "p(95)": 60, "p(99)": 70},
            "thresholds": {"avg<2000": {"ok": True}},
        },
        f"http_req_failed{_ASKED}": {"values": {"rate": 0}, "thresholds": {"rate<0.05": {"ok": True}}},
    }
}
"""What k6 writes, six requests long."""


def _front(address: str) -> str:
    [found] = client("cloudfront", address).list_distributions()["DistributionList"]["Items"]
    return str(found["ARN"])


def _prepare(folder: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the account as a second deployment leaves it, with a dead letter, and on this machine what was built of a front end, and something in place of Session
    Manager's plugin, of k6, and of CloudFront's answer."""
    programs = folder / "bin"
    programs.mkdir()
    for name, does in (("session-manager-plugin", ""), ("k6", f"echo '{json.dumps(_SUMMARY)}' > summary.json\n")):
        (programs / name).write_text(f"#!/bin/sh\n{does}", encoding="utf-8")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    answer = SimpleNamespace(headers={COMES_WITH: "id"}, release_conn=lambda: None)
    monkeypatch.setattr(urllib3.PoolManager, "request", lambda *_, **__: answer)
    (folder / "dist").mkdir()
    (folder / "dist" / "index.html").write_text("<h1>shop</h1>", encoding="utf-8")
    for tag in ("0", "1", "2"):
        push(tag, ecr=client("ecr", address))
    ssm, repository = client("ssm", address), f"{EXAMPLE_ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop/dev/web"
    for tag in ("0", "1"):
        ssm.put_parameter(Name="/shop/dev/services/images/web", Value=f"{repository}:{tag}", Overwrite=True)
    sqs = client("sqs", address)
    dead = sqs.get_queue_url(QueueName="shop-mails-dead-letters")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="x")
