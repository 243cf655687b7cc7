"""Drift: nothing where nothing was changed, and each change behind the program's back, with who made it."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import jmespath.parser
import pytest
from botocore import xform_name

from groundwork.cli.console import FINDINGS, FINE, MISTAKE
from groundwork.cli.main import run as groundwork
from groundwork.operations.drift.comparing import same
from groundwork.operations.drift.detection import detect_drift
from groundwork.operations.drift.model import ChangeEvent, Drift
from groundwork.operations.drift.names import RealNames, UnknownValueError
from groundwork.operations.drift.table import Call, drift_table
from groundwork.operations.images import undelivered
from groundwork.preview import stacks
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.loading import find_stack, load_stack
from guardrails.iam.services import matching
from guardrails.view import Opaque
from tests.operations.asking import asked_actions, permitted
from tests.operations.drifting import DriftingAccount, drifting
from tests.operations.shop import ACCOUNT
from tests.operations.stood_up import STACK_FILE, SUFFIX
from tests.operations.test_engines import Script, standing_in
from tests.stacks import run_found

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.UTC)
OTHER_STACK_FILE = STACK_FILE.replace("eu-west-1", "us-east-1").replace(
    "  groundwork:data: {}", "  groundwork:data: {multi_az: true}\n  groundwork:storage: {files: {purpose: media}}"
)


def compared(there: DriftingAccount) -> Drift:
    return detect_drift(there.account, there.standing, NOW, lambda one: one.type.split(":")[1])


def test_an_account_that_nobody_changed_has_no_drift_nor_one_in_which_groundwork_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a deployment moves and what waits for the maintenance window is the program's own; the role may ask what is asked; services
    that wait for their first image are compared as they are until then."""
    with drifting(tmp_path, monkeypatch, STACK_FILE) as there:
        asked = asked_actions(monkeypatch)
        assert groundwork(["drift", "dev"]) == FINE, capsys.readouterr().out
        said = capsys.readouterr().out
        allowed = permitted("drift") | drift_table().actions({one.type for one in there.standing.resources})
        assert {one.lower() for one in asked} <= {one.lower() for one in allowed}
        assert undelivered(there.account) == {"web", "worker"}
        image = "/shop/dev/services/images/web"
        there.client("ssm").put_parameter(Name=image, Value="somewhere/web:2", Type="String", Overwrite=True)
        there.client("rds").modify_db_instance(DBInstanceIdentifier="shop-database-dev", EngineVersion="17.5")
        # A queue that was replaced, and is still listed.
        [queue] = [arn for arn in there.tags if arn.endswith(f":shop-mails-queue-{SUFFIX}")]
        there.tags[queue.replace(SUFFIX, "fffffff")] = there.tags[queue]
        found = compared(there)
        assert undelivered(there.account) == {"worker"}
        stack = find_stack("dev")
        first = stacks.run_stack(stack, load_stack(stack), without={"web", "worker"})
        assert first.dumps() == run_found(stack, delivered=False).dumps()
    assert [(one.name, one.kind.value, one.identity.rpartition("-")[2]) for one in found.findings] == [
        ("shop-mails-queue", "added", "fffffff")
    ]
    assert said.endswith("No drift.\n")
    [(read, resources, values)] = re.findall(r"(\d+) of (\d+) resources were read and (\d+) values compared", said)
    assert int(read) == int(resources) == len(there.standing.resources) > 100
    assert int(values) == found.values > 1000


def _change_behind_its_back(there: DriftingAccount) -> set[tuple[str, str, str]]:
    """Change what an account has, by the calls of whoever uses its console. Return what is to be told: its type, its name and how."""
    ec2, s3, iam, rds = (there.client(name) for name in ("ec2", "s3", "iam", "rds"))
    everyone = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=there.ids["SecurityGroup shop-compute-web"], IpPermissions=[everyone])
    egress = there.ids["SecurityGroupEgressRule shop-compute-web-database"]
    ec2.revoke_security_group_egress(GroupId=there.ids["SecurityGroup shop-compute-web"], SecurityGroupRuleIds=[egress])
    s3.delete_public_access_block(Bucket=there.ids["Bucket shop-files"])
    s3.put_bucket_versioning(Bucket=there.ids["Bucket shop-files"], VersioningConfiguration={"Status": "Suspended"})
    rds.modify_db_instance(
        DBInstanceIdentifier="shop-database-dev", DBInstanceClass="db.r6g.large", ApplyImmediately=True
    )
    role = there.ids["Role shop-compute-web-execution"]
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    document["Statement"].append({"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"})
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    iam.put_role_policy(RoleName=role, PolicyName="backdoor", PolicyDocument=json.dumps(document))
    there.client("cloudwatch").delete_alarms(AlarmNames=[there.ids["MetricAlarm shop-mails-age"]])
    there.client("cloudwatch").disable_alarm_actions(AlarmNames=[there.ids["MetricAlarm shop-database-primary-cpu"]])
    there.client("kms").disable_key_rotation(KeyId=there.ids["Key shop-keys-data"])
    there.client("logs").put_retention_policy(logGroupName="/shop/dev/services/web", retentionInDays=3653)
    queue = there.ids["Queue shop-mails-queue"]
    there.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1", "Policy": ""})
    topic = there.ids["Topic shop-alerts-topic"]
    there.tags[topic]["owner"] = "mallory\x1b[2J"
    region = there.account.settings.region
    for arn in (
        f"arn:aws:lambda:{region}:{ACCOUNT}:function:miner",
        # What a deployment leaves, and what runs of it.
        f"arn:aws:ecs:{region}:{ACCOUNT}:task-definition/shop-dev-web:7",
        f"arn:aws:ec2:{region}:{ACCOUNT}:network-interface/eni-0123456789abcdef0",
    ):
        there.tags[arn] = {"platform": "shop", "stage": "dev"}
    return {
        ("SecurityGroup", "shop-compute-web", "added"),
        ("SecurityGroupEgressRule", "shop-compute-web-database", "missing"),
        ("BucketPublicAccessBlock", "shop-files", "missing"),
        ("BucketVersioning", "shop-files", "changed"),
        ("Instance", "shop-database-primary", "changed"),
        ("RolePolicy", "shop-compute-web-execution", "changed"),
        ("Role", "shop-compute-web-execution", "added"),
        ("MetricAlarm", "shop-mails-age", "missing"),
        ("MetricAlarm", "shop-database-primary-cpu", "changed"),
        ("Key", "shop-keys-data", "changed"),
        ("LogGroup", "shop-compute-web", "changed"),
        ("Queue", "shop-mails-queue", "changed"),
        ("QueuePolicy", "shop-mails-queue", "missing"),
        ("Topic", "shop-alerts-topic", "changed"),
        ("lambda:function", "miner", "added"),
    }


def _trail(arguments: dict[str, Any]) -> dict[str, Any]:
    """Say who changed a database, as CloudTrail does: reading is no change, and Pulumi's own stands behind."""
    if arguments["LookupAttributes"][0]["AttributeValue"] != "shop-database-dev":
        return {"Events": []}
    console = {
        "userAgent": "Mozilla/5.0 (X11; Linux x86_64)",
        "userIdentity": {
            "type": "AssumedRole",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice",
            "sessionContext": {"sessionIssuer": {"userName": "Admin"}},
        },
    }
    pulumi = {"userAgent": "APN/1.0 Pulumi/1.0 (https://www.pulumi.com)", "userIdentity": {"userName": "ci"}}
    rows = [("DescribeDBInstances", "true", console), ("CreateDBSnapshot", "false", console)]
    rows += [("AddTagsToResource", "false", pulumi), ("ModifyDBInstance", "false", console)]
    return {
        "Events": [
            {"EventName": name, "ReadOnly": read, "EventTime": NOW, "CloudTrailEvent": json.dumps(event)}
            for name, read, event in rows
        ]
    }


def test_each_change_behind_the_programs_back_is_told_with_who_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with drifting(tmp_path, monkeypatch, OTHER_STACK_FILE) as there:
        assert compared(there).findings == ()
        wanted = _change_behind_its_back(there)
        standing_in(
            monkeypatch,
            cloudtrail=Script(lookup_events=_trail),
            resourcegroupstaggingapi=Script(get_resources=there.get_resources),
        )
        found = {
            (one.type.rpartition(":")[2] if one.place else one.type, one.name, one.kind.value): one
            for one in compared(there).findings
        }
        assert found.keys() == wanted
        assert groundwork(["drift", "dev", "--json"]) == FINDINGS
        told = json.loads(capsys.readouterr().out)
        assert groundwork(["drift", "dev"]) == FINDINGS
        text = capsys.readouterr().out
    database = found["Instance", "shop-database-primary", "changed"]
    assert [(one.property, one.found) for one in database.values] == [("instanceClass", "db.r6g.large")]
    assert database.events == (ChangeEvent("ModifyDBInstance", "Admin/alice", "the console", NOW),)
    assert told["drift"] is True
    assert len(told["findings"]) == len(wanted)
    assert found["SecurityGroup", "shop-compute-web", "added"].says == ("rule from 0.0.0.0/0 tcp 22 22",)
    assert found["Role", "shop-compute-web-execution", "added"].says == ("policy backdoor",)
    for sentence in (
        "policy: statement Everything is added",
        "retentionInDays: 7 → 3653",
        "actionsEnabled: true → false",
        "ModifyDBInstance by Admin/alice with the console",
        "Drift: 8 changed, 4 missing, 3 added",
    ):
        assert sentence in text
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text


def test_what_cannot_be_asked_is_said_and_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with drifting(tmp_path, monkeypatch, STACK_FILE, ["aws:sqs/queue:Queue"]) as there:
        denied = botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "any")
        gone = botocore.exceptions.EndpointConnectionError(endpoint_url="https://sqs")
        outcomes = []
        for error in (denied, gone):
            script = Script(get_queue_url=lambda _, error=error: (_ for _ in ()).throw(error))
            script.can_paginate = lambda _: False
            standing_in(
                monkeypatch,
                resourcegroupstaggingapi=Script(get_resources=there.get_resources),
                sqs=script,
            )
            outcomes.append(groundwork(["drift", "dev"]))
        said = capsys.readouterr()
        late = detect_drift(there.account, there.standing, NOW, lambda one: "", seconds=-1)
    assert outcomes == [MISTAKE, MISTAKE]
    assert "Not asked (aws:sqs:Queue): reading with sqs:GetQueueUrl: AWS does not allow it: no" in " ".join(
        said.out.split()
    )
    assert "AWS does not answer" in said.err
    assert "Traceback" not in said.err
    assert list(late.not_asked) == ["not asked, as -1 seconds were over"]


def test_every_call_and_every_name_of_the_table_is_of_aws_own_models() -> None:
    """What it asks, with which arguments, and where it looks in the answer."""
    session = botocore.session.get_session()
    models: dict[str, Any] = {}
    wrong: list[str] = []
    table = drift_table()
    reads = [(name, read) for name, row in table.types.items() for read in row.reads]
    calls: list[tuple[str, Call, list[str]]] = [
        (name, read.call, [*read.compare.values(), *([read.named] if read.named else [])]) for name, read in reads
    ]
    calls += [(name, read.first, []) for name, read in reads if read.first]
    calls += [(one.of, one.call, []) for one in table.inside]
    for name, call, paths in calls:
        model = models.setdefault(call.service, session.get_service_model(call.service))
        operation = next((one for one in model.operation_names if xform_name(one) == call.method), None)
        if operation is None:
            wrong.append(f"{name}: no {call.service}.{call.method}")
            continue
        shapes = model.operation_model(operation)
        wrong += [f"{name}: no argument {one}" for one in call.arguments if one not in shapes.input_shape.members]
        text = re.sub(r"\$[A-Za-z]+\??", "x", call.item)
        item = _shape(jmespath.parser.Parser().parse(text).parsed, shapes.output_shape, wrong, f"{name} {text}")
        for path in paths:
            _shape(jmespath.parser.Parser().parse(path).parsed, item, wrong, f"{name} {path}")
        [action] = matching(call.action)
        assert action.level in ("L", "R"), call.action
    assert not wrong, "\n".join(wrong)


def _shape(node: dict[str, Any], shape: Any, wrong: list[str], where: str) -> Any:
    """Return the shape that a JMESPath leads to, of a list that of what is in it; None where it makes a value of its own. What a shape
    does not have is noted."""
    kind, children = node["type"], node["children"]
    if shape is not None and shape.type_name == "list" and kind != "function_expression":
        shape = shape.member
    if shape is None or kind in ("current", "identity", "index"):
        return shape
    if kind == "field":
        if shape.type_name == "map":
            return shape.value
        if shape.type_name != "structure" or node["value"] not in shape.members:
            wrong.append(f"{where}: {shape.name} has no {node['value']}")
            return None
        return shape.members[node["value"]]
    if kind in ("subexpression", "index_expression", "pipe", "flatten", "projection", "filter_projection"):
        if kind == "filter_projection":
            *children, condition = children
            _shape(condition, _shape(children[0], shape, [], ""), wrong, where)
        for child in children:
            shape = _shape(child, shape, wrong, where)
        return shape
    found = [_shape(child, shape, wrong, where) for child in children]
    # A choice of what is alike.
    return found[0] if kind == "or_expression" else None


def test_what_a_preview_makes_up_is_known_in_any_place_and_words_of_the_stack_file_are_not_taken_for_it() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/prod/app"
    secret = Resource(
        "u1", "aws:secretsmanager/secret:Secret", "app", True, None, {"name": "shop/prod/app"}, {"arn": f"{arn}-fddaac"}
    )
    queue = Resource("u2", "aws:sqs/queue:Queue", "mails", True, None, {}, {"name": "shop-mails-209037b.fifo"})
    names = RealNames(Snapshot("p", "s", "eu-west-1", False, {}, (secret, queue), {}), ACCOUNT)
    policy = json.dumps(
        {"Resource": [f"{arn}-fddaac", f"{arn}-fddaac/*"], "Sid": "shop/prod/app", "Port": "10.0.0.0/16 443"}
    )
    with pytest.raises(UnknownValueError):
        names.of(policy)
    names.learn(f"{arn}-fddaac", f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:shop/prod/app-AbCdEf")
    assert names.of(policy) == policy.replace("fddaac", "AbCdEf").replace("111122223333", ACCOUNT)
    with pytest.raises(UnknownValueError):
        names.of({"queue": ["shop-mails-209037b.fifo"]})
    with pytest.raises(UnknownValueError):
        names.of(Opaque.SECRET)
    assert names.of(["shop-facade", "t4g.medium", "eu-west-1a", 443, None]) == [
        "shop-facade",
        "t4g.medium",
        "eu-west-1a",
        443,
        None,
    ]


def test_aws_says_the_same_in_other_words() -> None:
    alike: list[tuple[Any, Any]] = [
        ("60", 60),
        ("150.00", "150.0"),
        (True, "true"),
        (False, None),
        ([], None),
        (["b", "a"], ["a", "b"]),
        ({"a": "1"}, [{"Name": "a", "Value": "1"}]),
        ({"enable": True, "none": None}, {"Enable": True, "More": 1}),
        ("arn:aws:kms:eu-west-1:1:key/abc", "abc"),
        ("shop.example.com", "shop.example.com."),
        ('{"A": ["x"], "B": 1}', '{"B": "1", "A": "x"}'),
        ('{"Statement": [{"Action": ["b", "a"]}]}', {"Statement": {"Action": ["a", "b"]}}),
    ]
    different: list[tuple[Any, Any]] = [
        (True, None),
        (60, 61),
        (["a"], ["a", "b"]),
        (["a", "a"], ["a", "b"]),
        ({"enable": True}, {"enable": False}),
        ({"enable": True}, None),
        ('{"A": "x"}', '{"A": "x", "B": "y"}'),
        ("arn:aws:kms:eu-west-1:1:key/abc", "bc"),
        ("a", ""),
    ]
    assert [pair for pair in alike if not same(*pair)] == []
    assert [pair for pair in different if same(*pair)] == []
