"""A rehearsal: what it makes of Terraform's answers, what it knows of its stand-in account, and a small one for real."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from groundwork.operations.rehearsal import Rehearsal, rehearse
from groundwork.operations.rehearsal.__main__ import main
from groundwork.operations.rehearsal.account import stand_in_account
from groundwork.operations.rehearsal.existing import Existing, ExistingError
from groundwork.operations.rehearsal.gaps import gaps
from groundwork.operations.rehearsal.rehearsal import DeploymentRefusal, Difference, refusals
from groundwork.operations.rehearsal.report import report
from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Resource, Snapshot, Source
from groundwork.preview.terraform.convert import LeftOut
from groundwork.preview.terraform.export import to_terraform
from groundwork.preview.terraform.names import args_class, properties, terraform_type
from groundwork.preview.terraform.tools import ToolMissingError, find_provider, find_terraform

PROGRAM = """\
import json
import pulumi_aws as aws

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
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    """Four resources for real: one that AWS would refuse, one that every deployment would replace."""
    try:
        find_terraform(os.environ)
        find_provider(os.environ)
    except ToolMissingError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("program")
    (folder / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    return rehearse(run_program(folder, project="small", stack="dev", config={"aws:region": "eu-west-1"}, settings={}))


def test_what_would_be_replaced_at_every_deployment_is_found_with_its_property(small: Rehearsal) -> None:
    """The other monitor and the parameter are read back as they were written."""
    [difference] = small.differences
    assert (difference.name, difference.properties) == ("without-what-is-empty", ("monitorSpecification",))
    assert set(difference.actions) == {"create", "delete"}
    assert not small.ok


def test_what_the_account_refuses_is_named_with_its_words_and_its_line(small: Rehearsal) -> None:
    [refusal] = small.refused
    assert (refusal.name, small.deployed, small.resources) == ("reserved", 3, 4)
    assert "aws" in refusal.message
    assert refusal.source
    assert refusal.source.line == 5


def test_what_was_deployed_can_be_removed(small: Rehearsal) -> None:
    assert small.kept == ()


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
_TOLD = Rehearsal(
    resources=9,
    deployed=5,
    refused=(
        DeploymentRefusal(
            "urn::a::first", "aws:sqs/queue:Queue", "first", "creating SQS Queue: " + "why " * 30, _WHERE
        ),
    ),
    unreached=("urn::b::second",),
    differences=(Difference("urn::c::third", "aws:kms/key:Key", "third", ("update",), ("policy", "tags"), _WHERE),),
    kept=(DeploymentRefusal("urn::d::fourth", "aws:s3/bucket:Bucket", "fourth", "BucketNotEmpty", _WHERE),),
    protected=(DeploymentRefusal("urn::e::fifth", "aws:rds/instance:Instance", "fifth", "no"),),
    left_out=(LeftOut("urn::f::sixth", "aws:cloudwatch/compositeAlarm:CompositeAlarm", "", "moto has no call"),) * 2,
    seconds={"deploy": 61.2, "look again": 20.0},
)


def test_the_report_names_everything_within_80_columns() -> None:
    lines = report(_TOLD)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    for part in (
        "5 of 9 AWS resources deployed to a stand-in account",
        "- first (aws:sqs/queue:Queue)\n    components/some.py:7",
        "they need what was refused: 1\n  - second",
        "update: policy, tags",
        "BucketNotEmpty",
        "as the stack asks: fifth",
        "CompositeAlarm × 2",
        "deploy 61 s, look again 20 s",
    ):
        assert part in text


def test_one_that_cannot_be_had_says_what_would_enable_it(tmp_path: Path) -> None:
    nothing = Snapshot("p", "s", "eu-west-1", unknowns=False, settings={}, resources=(), outputs={})
    rehearsal = rehearse(nothing, environment={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    assert not rehearsal.ok
    assert report(rehearsal)[0] == "Not rehearsed:"
    assert "Install Terraform" in " ".join(report(rehearsal))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "usage:"), (["no-such-stack"], 'there is no stack "no-such-stack"'), (["dev@lunch"], "lunch")],
)
def test_a_mistaken_call_is_answered_in_words(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
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
