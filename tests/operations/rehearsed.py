"""A stack that AWS's provider deployed to the account of a rehearsal, commands that ask that account over HTTP, and what may go wrong on the way.

moto's server runs no tasks, keeps no ``enableExecuteCommand``, opens no sessions, moves no messages and knows no quotas: :class:`Line` answers in AWS's place,
between botocore and the server. The provider waits for some types of resources for up to three minutes each; these are left out, and made of the same snapshot by calls
as far as commands ask about them.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import botocore.awsrequest
import botocore.client
import botocore.endpoint
import botocore.httpsession
import pytest

from groundwork.cli import running
from groundwork.operations.rehearsal.rehearsal import deployed
from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from groundwork.preview.statements import StackStatements
from groundwork.settings.loading import find_stack, load_stack
from tests.stacks import run_found

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource, Snapshot

REGION = "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{EXAMPLE_ACCOUNT}:key/11111111-2222-3333-4444-555555555555"

_SETTINGS = """\
  groundwork:network:
    existing:
      vpc_id: vpc-0123456789abcdef0
      subnets:
        private: {a: subnet-0123456789abcdef0, b: subnet-0123456789abcdef1}
        data: {a: subnet-0123456789abcdef2, b: subnet-0123456789abcdef3}
  groundwork:compute: {engine: fargate, exec: true}
  groundwork:services:
    web: {uses: {database: connect}}
    worker: {uses: {mails: consume}}
  groundwork:jobs:
    migrate: {image: {from: web}, command: [migrate], when: before_deploy}
  groundwork:storage: {site: {purpose: static}}
  groundwork:data: {}
  groundwork:edge: null
  groundwork:messaging: {queues: {mails: {}}}
  groundwork:observability: {alerts: {page: {emails: [shop@example.com]}}}
"""


def stack_file(stage: str, account: str = "") -> str:
    """Return the stack file of a stage, and of an account that is another one's where it is said."""
    whose = f'  aws:allowedAccountIds: ["{account}"]\n' if account else ""
    platform = f"{{name: shop, stage: {stage}, phase: mvp, existing_key: {KEY}}}"
    return f"config:\n  aws:region: {REGION}\n{whose}  groundwork:platform: {platform}\n{_SETTINGS}"


OWNER = "OWNEROFTHEACCOUNT"
"""The key of whoever prepares the account, and whom no fault meets."""

STACKS = {
    "dev": stack_file("dev"),
    # Nobody has deployed it.
    "staging": stack_file("staging"),
    # It belongs to somebody else's account.
    "elsewhere": stack_file("dev", "999999999999"),
    # With the entrance that the others lack, for which the provider waits two minutes: only its distribution is there.
    "front": stack_file("dev")
    .replace("name: shop", "name: front")
    .replace("  groundwork:edge: null\n", "")
    .replace("web: {uses:", 'web: {port: 3000, path: "/*", uses:'),
}

PROGRAM = """\
from groundwork.components import Platform, load

settings = load()
Platform(settings.platform.name, settings)
"""

LEFT_OUT = frozenset(
    {
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "aws:rds/eventSubscription:EventSubscription",
        "aws:rds/instance:Instance",
        # moto takes a Deny without its conditions.
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:sqs/queue:Queue",
        "aws:sqs/queuePolicy:QueuePolicy",
    }
)


@contextmanager
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, Snapshot]]:
    """Stand in ``folder`` with a project of these stacks, and give what each declares; no command runs the program again."""
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n", encoding="utf-8")
    (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    for name, text in STACKS.items():
        (folder / f"Pulumi.{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    found = {name: run_found(find_stack(name)) for name in STACKS}

    def run(name: str, **_: Any) -> SimpleNamespace:
        stack = find_stack(name)
        snapshot = found[stack.name]
        return SimpleNamespace(snapshot=snapshot, statements=StackStatements(snapshot, load_stack(stack), stack.label))

    monkeypatch.setattr(running, "run_stack", run)
    yield found


@contextmanager
def rehearsed_account(snapshot: Snapshot) -> Iterator[str]:
    """Deploy the stack to an account that is none, and give its address."""
    with deployed(snapshot, without=LEFT_OUT, environment=os.environ) as (address, refused):
        assert not refused, [f"{one.name}: {one.message}" for one in refused]
        _make_by_calls(snapshot, address)
        _make_front(address)
        yield address


def client(service: str, address: str) -> Any:
    """Return a client of the account's owner, which no fault meets."""
    keys = {"aws_access_key_id": OWNER, "aws_secret_access_key": "any"}
    return boto3.client(service, region_name=REGION, endpoint_url=address, **keys)


def _make_by_calls(snapshot: Snapshot, address: str) -> None:
    sqs, rds = client("sqs", address), client("rds", address)
    for one in snapshot.of_type("aws:sqs/queue:Queue"):
        sqs.create_queue(QueueName=one.name, tags=one.inputs["tags"])
    for one in snapshot.of_type("aws:rds/instance:Instance"):
        rds.create_db_instance(
            DBInstanceIdentifier=one.inputs["identifier"],
            DBInstanceClass=one.inputs["instanceClass"],
            Engine="postgres",
            EngineVersion="17.2",
            AllocatedStorage=20,
            MasterUsername="groundwork",
            ManageMasterUserPassword=True,
            StorageEncrypted=True,
            Tags=_tags(one),
        )


def _make_front(address: str) -> None:
    """Make a distribution, whose address CloudFront gives."""
    origin = {"Id": "web", "DomainName": "origin.example.com", "CustomOriginConfig": _ORIGIN}
    client("cloudfront", address).create_distribution(
        DistributionConfig={
            "CallerReference": "front",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "web", "ViewerProtocolPolicy": "redirect-to-https"},
        }
    )


_ORIGIN = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}


def _tags(resource: Resource) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in resource.inputs["tags"].items()]


PAGE = "<!doctype html><html lang=en><title>500 Internal Server Error</title></html>"
"""What a proxy on the way says, and AWS itself where it fails."""


@dataclass
class Line:
    """What lies between commands and the account: it tells what was asked, lets faults happen, and says what moto cannot."""

    refuse: Callable[[Line, str], str | BaseException | None] = lambda line, operation: None
    """Given an operation, such as ``ecs:UpdateService``: the code of an error that AWS answers with, or what happens to whoever asks."""
    rolling: bool = False
    """A deployment of each service is under way, and a redrive of each queue."""
    distribution: str = ""
    """The ARN of the distribution of the stack ``front``, which moto lists with no tags; empty where there is none."""
    _ran: str = ""
    """The definition of the task that was run last."""
    asked: list[str] = field(default_factory=list)
    """The requests, in order; one that is tried again counts again."""

    @property
    def changed(self) -> list[str]:
        """Return the requests for what changes something, as AWS names what only looks."""
        return [one for one in self.asked if not one.partition(":")[2].startswith(_LOOKING)]

    def says(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what AWS says to what moto does not know."""
        moved = {"Status": "RUNNING" if self.rolling else "COMPLETED", "ApproximateNumberOfMessagesMoved": 1}
        session = {"sessionId": "s", "streamUrl": "wss://ssmmessages.example/s", "tokenValue": "token"}
        if operation == "ecs:RunTask":
            self._ran = asked["taskDefinition"]
        if operation == "tagging:GetResources" and asked.get("ResourceTypeFilters") == ["cloudfront:distribution"]:
            tags = [{"Key": "Name", "Value": "front-cdn-distribution"}]
            found = [{"ResourceARN": self.distribution, "Tags": tags}] if self.distribution else []
            return {"ResourceTagMappingList": found}
        if operation == "ecs:DescribeTasks":
            return {"tasks": [self._task(arn) for arn in asked["tasks"]]}
        said: dict[str, dict[str, Any]] = {
            "cloudtrail:LookupEvents": {"Events": []},
            "ecs:ExecuteCommand": {"session": session},
            "ecs:ListTasks": {"taskArns": [_COPY] if _asks_for_copies(asked) else []},
            "ecs:StopTask": {"task": {}},
            "ecs:RunTask": {"tasks": [{"taskArn": _TASK}]},
            "servicequotas:GetServiceQuota": {"Quota": {"Value": 1000.0}},
            "sqs:CancelMessageMoveTask": {"ApproximateNumberOfMessagesMoved": 0},
            "sqs:ListMessageMoveTasks": {"Results": [moved]},
            "sqs:StartMessageMoveTask": {"TaskHandle": "handle"},
            "ssm:StartSession": {f"{key[0].upper()}{key[1:]}": value for key, value in session.items()},
        }
        return said.get(operation)

    def _task(self, arn: str) -> dict[str, Any]:
        if arn == _COPY:
            copy = {"name": "web", "runtimeId": "0123-456", "lastStatus": "RUNNING"}
            return {"taskArn": arn, "lastStatus": "RUNNING", "containers": [copy]}
        name = self._ran.rpartition("/")[2].partition(":")[0].removeprefix("shop-dev-")
        ended = {"taskArn": arn, "taskDefinitionArn": self._ran, "lastStatus": "STOPPED"}
        return {**ended, "containers": [{"name": name, "exitCode": 0}]}

    def altered(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return what moto says of services with what ECS would have done since."""
        for service in said.get("services", ()):
            service |= {"enableExecuteCommand": True, "runningCount": service["desiredCount"], "pendingCount": 0}
            for one in service["deployments"]:
                one |= {"rolloutState": "IN_PROGRESS" if self.rolling else "COMPLETED", "failedTasks": 0}
                one |= {"runningCount": one["desiredCount"], "pendingCount": 0}
        return said


_LOOKING = ("BatchGet", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Receive", "Select")
_TASKS = f"arn:aws:ecs:{REGION}:{EXAMPLE_ACCOUNT}:task/shop-dev"
_COPY, _TASK = f"{_TASKS}/{'c' * 32}", f"{_TASKS}/{'d' * 32}"
"""A copy of a service, and a task that runs by itself."""


def _asks_for_copies(asked: Mapping[str, Any]) -> bool:
    return "serviceName" in asked and asked.get("desiredStatus", "RUNNING") == "RUNNING"


@contextmanager
def on_the_line(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    """Have the clients of all commands ask through a line, each request and each time that it is tried again."""
    line = Line()
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    call, send = botocore.client.BaseClient._make_api_call, botocore.httpsession.URLLib3Session.send
    # Some commands ask several things at once.
    thread = threading.local()

    def noting(self: Any, name: str, arguments: Any) -> Any:
        model = self.meta.service_model
        thread.asks = f"{model.signing_name}:{name}", model.resolved_protocol, arguments
        return call(self, name, arguments)

    def sent(self: Any, request: Any) -> Any:
        if OWNER in str(request.headers.get("Authorization")):
            return send(self, request)
        name, protocol, arguments = thread.asks
        line.asked.append(name)
        refusal = line.refuse(line, name)
        if isinstance(refusal, BaseException):
            raise refusal
        if refusal == PAGE:
            return _response(request.url, 500, PAGE, "text/html")
        if refusal:
            return _response(request.url, 400, *_error(protocol, refusal))
        said = line.says(name, arguments)
        if said is not None:
            return _response(request.url, 200, json.dumps(said), "application/json")
        response = send(self, request)
        if name == "ecs:DescribeServices" and response.status_code == 200:
            response._content = json.dumps(line.altered(json.loads(response.content))).encode()
        return response

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noting)
    monkeypatch.setattr(botocore.httpsession.URLLib3Session, "send", sent)
    yield line


def _response(url: str, status: int, body: str, kind: str) -> Any:
    response = botocore.awsrequest.AWSResponse(url, status, {"Content-Type": kind}, None)
    response._content = body.encode()
    return response


def _error(protocol: str, code: str) -> tuple[str, str]:
    """Return how a service says an error, by the protocol that it speaks: https://smithy.io/2.0/aws/protocols/index.html"""
    if "json" in protocol:
        return json.dumps({"__type": code, "message": f"AWS says {code}"}), "application/x-amz-json-1.1"
    said = f"<Error><Code>{code}</Code><Message>AWS says {code}</Message></Error>"
    wrapped = {"ec2": f"<Response><Errors>{said}</Errors></Response>", "rest-xml": said}
    return wrapped.get(protocol, f"<ErrorResponse>{said}</ErrorResponse>"), "text/xml"
