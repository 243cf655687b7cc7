"""A rehearsal: what it makes of Terraform's answers, what it knows of its stand-in account, and a small one for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations.rehearsal import Rehearsal, rehearse
from groundwork.operations.rehearsal.account import stand_in_account
from groundwork.operations.rehearsal.drifted import RehearsedDrift
from groundwork.operations.rehearsal.existing import Existing, ExistingError
from groundwork.operations.rehearsal.gaps import gaps
from groundwork.operations.rehearsal.rehearsal import (
    DeploymentRefusal,
    Difference,
    RehearsedDeployment,
    RehearsedStep,
    refusals,
)
from groundwork.operations.rehearsal.report import report
from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Resource, Snapshot, Source
from groundwork.preview.terraform import tools
from groundwork.preview.terraform.convert import LeftOut
from groundwork.preview.terraform.export import to_terraform
from groundwork.preview.terraform.linked import linked
from groundwork.preview.terraform.names import args_class, properties, terraform_type
from guardrails.view import Opaque
from tests.stacks import ROOT
from tests.writing import write_project

PROGRAM = """\
import json
import pulumi
import pulumi_aws as aws

later = pulumi.Config("small").get_bool("later")
aws.ssm.Parameter("settings", name="/shop/settings", type="String", value="plain")
aws.ssm.Parameter("reserved", name="/aws/settings", type="String", value="plain")
spoken_of = {"Tags": {"Key": "platform", "MatchOptions": None, "Values": ["shop"]}}
aws.costexplorer.AnomalyMonitor(
    "as-cost-explorer-says-it",
    monitor_type="CUSTOM",
    monitor_specification=json.dumps(
        {**dict.fromkeys(("And", "CostCategories", "Dimensions", "Not", "Or")), **spoken_of}
    ),
)
aws.costexplorer.AnomalyMonitor(
    "without-what-is-empty", monitor_type="CUSTOM", monitor_specification=json.dumps(spoken_of)
)
aws.s3.Bucket("replaced", bucket="renamed-later" if later else "as-it-began")
aws.s3.Bucket(
    "called-otherwise" if later else "called",
    bucket="the-same",
    opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="called")]),
)
if not later:
    aws.s3.Bucket("removed", bucket="there-no-more")
    aws.s3.Bucket("left", bucket="left-there", opts=pulumi.ResourceOptions(retain_on_delete=True))
"""


@pytest.fixture(scope="module")
def small(terraform: None, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """A few resources for real, and the step to another phase: one that AWS would refuse, one that every deployment would replace, and
    buckets that stay, are replaced, removed and left."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    stands, then = (
        run_program(
            folder,
            project="small",
            stack="dev",
            config={"aws:region": "us-east-1", "small:later": later},
            settings={"platform": {"phase": phase}},
        )
        for phase, later in (("mvp", "false"), ("launch", "true"))
    )
    return rehearse(stands, then=then)


def test_what_would_be_replaced_at_every_deployment_is_found_with_its_property(small: Rehearsal) -> None:
    """The other monitor and the parameter are read back as they were written."""
    [difference] = small.deployment.differences
    assert (difference.name, difference.properties) == ("without-what-is-empty", ("monitorSpecification",))
    assert set(difference.actions) == {"create", "delete"}
    assert not small.ok


def test_what_the_account_refuses_is_named_with_its_words_and_its_line(small: Rehearsal) -> None:
    found = small.deployment
    [refusal] = found.refused
    assert (refusal.name, len(found.deployed), found.resources) == ("reserved", 7, 8)
    assert "aws" in refusal.message
    assert refusal.source
    assert refusal.source.line == 7


def test_drift_says_nothing_of_what_was_deployed_a_moment_ago(small: Rehearsal) -> None:
    assert small.deployment.drifted == ()


def test_what_was_deployed_can_be_removed(small: Rehearsal) -> None:
    assert small.kept == ()


def test_another_phase_is_deployed_over_what_stands_and_the_data_that_it_loses_is_named(small: Rehearsal) -> None:
    """What bears another name by an alias stays, and what the stack leaves in the account is there."""
    step = small.step
    assert step
    assert (step.before, step.after) == ("mvp", "launch")
    assert {(lost.name, lost.actions, lost.properties) for lost in step.lost} == {
        ("replaced", ("delete", "create"), ("bucket",)),
        ("removed", ("delete",), ()),
    }
    assert step.deleted == 1
    assert "called-otherwise" in {urn.rpartition("::")[2] for urn in step.deployment.deployed}


def test_what_is_not_removed_is_found_by_what_the_error_calls_it() -> None:
    """Of a removal Terraform's errors say no address, and of a database they say its identifier, which is not its id."""
    key, database = ("aws:kms/key:Key", "key"), ("aws:rds/instance:Instance", "primary")
    resources = {
        f"urn::{name}": Resource(f"urn::{name}", type_, name, True, None, {}, {}) for type_, name in (key, database)
    }
    export = to_terraform(Snapshot("p", "s", "eu-west-1", False, {}, tuple(resources.values()), {}))
    events = [
        {"type": "apply_errored", "hook": {"resource": {"addr": "aws_db_instance.primary"}}},
        {
            "type": "diagnostic",
            "diagnostic": {"severity": "error", "summary": "deleting RDS DB Instance (shop-prod): no"},
        },
    ]
    state = {
        "resources": [
            {"type": "aws_kms_key", "name": "key", "instances": [{"attributes": {"id": "shop-prod"}}]},
            {
                "type": "aws_db_instance",
                "name": "primary",
                "instances": [{"attributes": {"id": "db-1", "identifier": "shop-prod"}}],
            },
        ]
    }
    [refusal] = refusals(events, export, resources, state)
    assert (refusal.name, refusal.message) == ("primary", "deleting RDS DB Instance (shop-prod): no")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stand_in_account(tmp_path_factory.mktemp("account"), os.environ) as address:
        yield address


def _client(service: str, address: str) -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client(service, region_name="us-east-1", endpoint_url=address, **keys)


def test_a_budget_says_back_whom_it_tells_and_its_tags(account: str) -> None:
    client = _client("budgets", account)
    told = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    subscriber = {"SubscriptionType": "EMAIL", "Address": "someone@example.com"}
    client.create_budget(
        AccountId="111122223333",
        Budget={
            "BudgetName": "monthly",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": "10", "Unit": "USD"},
        },
        NotificationsWithSubscribers=[{"Notification": told, "Subscribers": [subscriber]}],
        ResourceTags=[{"Key": "a", "Value": "b"}],
    )
    asked = {"AccountId": "111122223333", "BudgetName": "monthly", "Notification": told}
    assert client.describe_subscribers_for_notification(**asked)["Subscribers"] == [subscriber]
    arn = "arn:aws:budgets::111122223333:budget/monthly"
    assert client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "a", "Value": "b"}]


def test_what_scales_says_back_its_tags(account: str) -> None:
    client = _client("application-autoscaling", account)
    arn = client.register_scalable_target(
        ServiceNamespace="dynamodb",
        ResourceId="table/t",
        ScalableDimension="dynamodb:table:ReadCapacityUnits",
        MinCapacity=1,
        MaxCapacity=2,
        Tags={"a": "b"},
    )["ScalableTargetARN"]
    assert client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "b"}


def test_cost_explorer_says_back_what_it_was_given(account: str) -> None:
    client = _client("ce", account)
    monitor = {"MonitorName": "m", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}
    arn = client.create_anomaly_monitor(AnomalyMonitor=monitor, ResourceTags=[{"Key": "a", "Value": "b"}])["MonitorArn"]
    assert client.get_anomaly_monitors(MonitorArnList=[arn])["AnomalyMonitors"] == [{**monitor, "MonitorArn": arn}]
    assert client.list_tags_for_resource(ResourceArn=arn)["ResourceTags"] == [{"Key": "a", "Value": "b"}]
    subscription = {
        "SubscriptionName": "s",
        "Frequency": "IMMEDIATE",
        "MonitorArnList": [arn],
        "Subscribers": [{"Type": "SNS", "Address": "arn:aws:sns:us-east-1:111122223333:t"}],
    }
    made = client.create_anomaly_subscription(AnomalySubscription=subscription)["SubscriptionArn"]
    [found] = client.get_anomaly_subscriptions(SubscriptionArnList=[made])["AnomalySubscriptions"]
    assert {key: found[key] for key in subscription} == subscription
    client.delete_anomaly_subscription(SubscriptionArn=made)
    client.delete_anomaly_monitor(MonitorArn=arn)
    assert client.get_anomaly_subscriptions()["AnomalySubscriptions"] == []
    assert client.get_anomaly_monitors()["AnomalyMonitors"] == []


def test_the_account_has_the_number_that_names_already_bear(account: str) -> None:
    assert _client("sts", account).get_caller_identity()["Account"] == "111122223333"


def test_every_gap_is_a_type_and_a_property_that_exist_with_a_reason() -> None:
    known = gaps()
    types = {*known.absent, *known.unreadable, *known.forgotten, *known.clinging}
    assert [type_ for type_ in types if terraform_type(type_) is None] == []
    assert {
        f"{type_} {prop}"
        for type_, by_property in known.forgotten.items()
        for prop in by_property
        if prop not in properties(args_class(type_) or type(None))
    } == set()
    reasons = [*known.absent.values(), *known.unreadable.values(), *known.clinging.values()]
    reasons += [reason for by_property in known.forgotten.values() for reason in by_property.values()]
    assert all(len(reason.split()) >= 3 for reason in reasons)


def test_a_difference_counts_unless_each_of_its_properties_is_a_known_gap() -> None:
    known = gaps()
    type_, by_property = next(iter(known.forgotten.items()))
    prop, reason = next(iter(by_property.items()))
    assert known.reason(type_, [prop]) == reason
    assert known.reason(type_, [prop, "another"]) is None
    assert known.reason(type_, []) is None
    assert known.reason("aws:sns/topic:Topic", [prop]) is None


_WHERE = Source("components/some.py", 7)
_DEPLOYED = RehearsedDeployment(
    resources=9,
    deployed=("urn:pulumi:dev::shop::a$aws:s3/bucket:Bucket::stands",) * 5,
    refused=(
        DeploymentRefusal(
            "urn::a::first", "aws:sqs/queue:Queue", "first", "creating SQS Queue: " + "why " * 30, _WHERE
        ),
    ),
    unreached=("urn:pulumi:dev::shop::a$aws:sns/topic:Topic::second",),
    differences=(Difference("urn::c::third", "aws:kms/key:Key", "third", ("update",), ("policy", "tags"), _WHERE),),
    left_out=(LeftOut("urn::f::sixth", "aws:cloudwatch/compositeAlarm:CompositeAlarm", "", "moto has no call"),) * 2,
    drifted=(
        RehearsedDrift("aws:sqs/queue:Queue", "eighth", ("policy", "tags")),
        RehearsedDrift("aws:sns/topic:Topic", "ninth", ()),
    ),
)
_LOST = Difference("urn::g::seventh", "aws:s3/bucket:Bucket", "seventh", ("delete",), ())
_TOLD = Rehearsal(
    deployment=_DEPLOYED,
    step=RehearsedStep("mvp", "launch", 3, 2, 1, 0, (_LOST,), RehearsedDeployment(resources=4)),
    kept=(DeploymentRefusal("urn::d::fourth", "aws:s3/bucket:Bucket", "fourth", "BucketNotEmpty", _WHERE),),
    protected=(DeploymentRefusal("urn::e::fifth", "aws:rds/instance:Instance", "fifth", "no"),),
    seconds={"deploy": 61.2, "look again": 20.0},
)


def test_the_report_names_everything_within_80_columns() -> None:
    lines = report(_TOLD, everything=True)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    for part in (
        "5 of 9 AWS resources deployed to a stand-in account",
        "1 refused, 1 not tried, 2 not known to the stand-in",
        "Deployed:\n  - stands (aws:s3/bucket:Bucket)",
        "- first (aws:sqs/queue:Queue)\n    components/some.py:7",
        "they need what was refused: 1\n  - second (aws:sns/topic:Topic)",
        "update: policy, tags",
        "`groundwork drift` would say, though nobody changed it:\n  - eighth (aws:sqs/queue:Queue): policy, tags\n  - ninth "
        "(aws:sns/topic:Topic): missing",
        "From mvp to launch:\n  3 created, 2 updated, 1 replaced, 0 deleted",
        "Holds data, and does not stay:\n  - seventh (aws:s3/bucket:Bucket)\n    delete",
        "BucketNotEmpty",
        "as the stack asks: fifth",
        "CompositeAlarm × 2",
        "deploy 61 s, look again 20 s",
    ):
        assert part in text
    assert "stands (" not in "\n".join(report(_TOLD))


def test_only_what_is_deployed_stays_the_same_and_loses_no_data_is_fine() -> None:
    assert Rehearsal().ok
    assert Rehearsal(step=RehearsedStep("mvp", "launch", 1, 0, 0, 0, (), RehearsedDeployment())).ok
    for fault in (
        Rehearsal(skipped="why"),
        Rehearsal(deployment=_DEPLOYED),
        Rehearsal(deployment=RehearsedDeployment(drifted=_DEPLOYED.drifted)),
        Rehearsal(step=RehearsedStep("mvp", "launch", 1, 0, 0, 0, (_LOST,), RehearsedDeployment())),
        Rehearsal(step=RehearsedStep("mvp", "launch", 1, 0, 0, 0, (), _DEPLOYED)),
        Rehearsal(harmed=("bucket",)),
    ):
        assert not fault.ok


def test_one_that_cannot_be_had_says_what_would_enable_it(tmp_path: Path) -> None:
    nothing = Snapshot("p", "s", "eu-west-1", unknowns=False, settings={}, resources=(), outputs={})
    rehearsal = rehearse(nothing, environment={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert not rehearsal.ok
    assert report(rehearsal)[0] == "Not rehearsed:"
    assert "Install Terraform" in " ".join(report(rehearsal))


def test_a_secret_has_the_shape_that_its_argument_takes() -> None:
    """A set of passwords that is unknown is a set of one."""
    kinds: dict[str, Any] = {"passwords": Opaque.SECRET, "userId": "app", "userName": "app", "engine": "valkey"}
    user = Resource("urn::user", "aws:elasticache/user:User", "user", True, None, kinds, {})
    snapshot = Snapshot("p", "s", "eu-west-1", False, {}, (user,), {})
    body = linked(to_terraform(snapshot), snapshot)["resource"]["aws_elasticache_user"]["user"]
    assert isinstance(body["passwords"], list)
    assert "unknown" not in json.dumps(body)


_FAKE = """#!/usr/bin/env python3
import os, pathlib, sys, time
pathlib.Path(os.environ["HOME"], f"began-{os.getpid()}").touch()
if os.fork() == 0:
    pathlib.Path(os.environ["HOME"], f"child-{os.getpid()}").touch()
time.sleep(60)
"""


def test_whoever_is_interrupted_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    """In place of Terraform a program that starts another and never ends, as its providers may. SIGTERM is dealt with as Ctrl-C is."""
    for stack in ("dev", "other"):
        write_project(tmp_path / "project", stack=stack)
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    for folder in (home, scratch, mirror := home / "mirror"):
        folder.mkdir()
    (home / "terraform").write_text(_FAKE, encoding="utf-8")
    (home / "terraform").chmod(0o755)
    machine = tools._platform()
    found = mirror / "registry.terraform.io" / "hashicorp" / "aws" / "6.0.0" / machine / "terraform-provider-aws_v6"
    found.parent.mkdir(parents=True)
    found.touch()
    command = [sys.executable, "-m", "groundwork.cli.main", "rehearse", "dev", "other"]
    own = {"HOME": str(home), "TMPDIR": str(scratch), "TF_PLUGIN_MIRROR": str(mirror)}
    environment = {**os.environ, **own, "PATH": f"{home}{os.pathsep}{os.environ['PATH']}", "XDG_CACHE_HOME": str(home)}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "policies")])
    process = subprocess.Popen(
        command,
        cwd=tmp_path / "project",
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while process.poll() is None and len(list(home.glob("child-*"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in errors
    assert list(scratch.iterdir()) == []
    for mark in (*home.glob("began-*"), *home.glob("child-*")):
        _wait_until_gone(int(mark.name.partition("-")[2]))


def _wait_until_gone(number: int) -> None:
    """Wait until a process is no more, or is one whose end nobody has asked about."""
    while Path(f"/proc/{number}").exists():
        if Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.02)


def test_the_account_ends_with_whoever_started_it_also_when_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib\nfrom groundwork.operations.rehearsal.account import stand_in_account\n"
        "with stand_in_account(pathlib.Path.cwd(), os.environ) as address:\n    print(address, flush=True)\n    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        address = process.stdout.readline().decode().strip()
        assert _client("sts", address).get_caller_identity()["Account"] == "111122223333"
        [server] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
        process.kill()
    _wait_until_gone(int(server))


def test_an_account_that_is_kept_says_how_to_look_around_and_ends_with_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(write_project(tmp_path))

    def played(_: Snapshot, *, hold: Any, **__: Any) -> Rehearsal:
        hold(_TOLD, "http://127.0.0.1:4711")
        return _TOLD

    def interrupted(self: Any, timeout: float | None = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr("groundwork.operations.rehearsal.rehearse", played)
    monkeypatch.setattr(threading.Event, "wait", interrupted)
    assert groundwork(["rehearse", "dev", "--keep"]) == 1
    said = capsys.readouterr().out
    assert "export AWS_ENDPOINT_URL=http://127.0.0.1:4711" in said
    assert said.count("AWS resources deployed to a stand-in account") == 2
    assert said.endswith("The account is gone.\n")
    assert groundwork(["rehearse", "dev", "dev@mvp", "--keep"]) == 2
    assert groundwork(["rehearse", "dev", "--then", "launch"]) == 2
    assert "dev is in that phase" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "required: STACK"),
        (["no-such-stack"], 'there is no stack "no-such-stack"'),
        (["dev@lunch"], "lunch"),
        (["dev", "--then", "lunch"], "lunch"),
    ],
)
def test_a_mistaken_call_is_answered_in_words(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert groundwork(["rehearse", *arguments]) == 2
    assert words in capsys.readouterr().err


_EXISTING = {
    "platform": {"domain": "example.com", "existing_key": "arn:aws:kms:eu-west-1:111122223333:key/of-the-stack-file"},
    "network": {"existing": {"vpc_id": "vpc-1", "subnets": {"private": {"a": "subnet-a", "b": "subnet-b"}}}},
    "edge": {"zone": {"id": "Z1"}},
    "storage": {"uploads": {"existing": "acme-uploads"}, "ours": {}},
    "data": {"existing": {"identifier": "shop-prod", "secret": "arn:of:secret", "security_group": "sg-1"}},
}


def test_what_a_stack_says_exists_is_there_before_it_and_a_change_to_it_is_seen(account: str) -> None:
    existing = Existing(_EXISTING, "eu-west-1", account)
    unchosen = {"acme-uploads", "shop-prod"}
    assert existing.names.keys() == existing.look().keys()
    assert {named for named, there in existing.names.items() if named == there} == unchosen
    before = existing.look()
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    s3 = boto3.client("s3", region_name="eu-west-1", endpoint_url=account, **keys)
    s3.delete_object(Bucket="acme-uploads", Key="kept")
    assert [name for name, look in existing.look().items() if look != before[name]] == ["acme-uploads"]


def test_subnets_by_tags_are_said_to_be_beyond_a_rehearsal(account: str) -> None:
    tagged = {"network": {"existing": {"vpc_id": "vpc-1", "subnet_tags": {"private": {"Tier": "private"}}}}}
    with pytest.raises(ExistingError, match="name them by id"):
        Existing(tagged, "eu-west-1", account)
