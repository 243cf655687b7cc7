"""Groundwork's components in a program of somebody else."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pulumi
import pytest

from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import judge
from tests.shared import call
from tests.stacks import ROOT
from tests.test_guardrails_on_stacks import TODAY

EXAMPLE = ROOT / "examples" / "components-in-a-program"
INSTANCE = "aws:rds/instance:Instance"
HEAD = """
import pulumi
import pulumi_aws as aws
from groundwork import *
"""


def run(
    folder: Path,
    program: str,
    *,
    stack: str = "prod",
    project: str = "orders",
    region: str | None = "eu-west-1",
    unknowns: bool = False,
) -> Snapshot:
    """Run a program offline."""
    (folder / "__main__.py").write_text(HEAD + textwrap.dedent(program), encoding="utf-8")
    config = {"aws:region": region} if region else {}
    return run_program(folder, project=project, stack=stack, config=config, settings={}, unknowns=unknowns)


def test_the_example_previews_in_its_own_process_without_a_mandatory_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, printed, said = call(capsys, "policies", "check", str(EXAMPLE), "--format", "json")
    assert (code, said) == (0, "")
    verdict = json.loads(printed)
    assert verdict["blocking"] == 0
    assert {finding["resource"].partition("-")[0] for finding in verdict["findings"]} == {"orders"}


def test_the_examples_resources_carry_tags_keys_alarms_and_protection(tmp_path: Path) -> None:
    program = (EXAMPLE / "__main__.py").read_text(encoding="utf-8").partition('"""\n\n')[2]
    first, snapshot = (run(tmp_path, program, unknowns=unknowns) for unknowns in (True, False))
    assert [finding.rule.name for one in (first, snapshot) for finding in judge(one, TODAY).blocking] == []
    assert [one.urn for one in first.resources] == [one.urn for one in snapshot.resources]
    [key] = snapshot.of_type("aws:kms/key:Key")
    [topic] = snapshot.of_type("aws:sns/topic:Topic")
    [database] = snapshot.of_type(INSTANCE)
    assert database.inputs["kmsKeyId"] == key.outputs["arn"]
    assert (database.inputs["deletionProtection"], database.inputs["instanceClass"]) == (True, "db.t4g.small")
    assert {"platform": "orders", "stage": "prod", "owner": "orders-team"}.items() <= database.inputs["tags"].items()
    alarms = snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert {tuple(alarm.inputs["alarmActions"]) for alarm in alarms} == {(topic.outputs["arn"],)}
    assert "orders-database-primary-cpu" in {alarm.name for alarm in alarms}


def test_project_and_stack_are_name_and_stage_where_nobody_says_others(tmp_path: Path) -> None:
    snapshot = run(
        tmp_path, 'Secret("orders-partner", SecretSettings(keys=["TOKEN"]), Context.create())', stack="staging"
    )
    [secret] = snapshot.of_type("aws:secretsmanager/secret:Secret")
    assert secret.inputs["name"] == "orders/staging/partner"
    assert secret.inputs["tags"]["stage"] == "staging"
    assert len(snapshot.of_type("aws:kms/key:Key")) == 5


OWN_VPC = """
vpc = aws.ec2.Vpc("own", cidr_block="10.0.0.0/16")
subnets = {zone: aws.ec2.Subnet(f"own-{zone}", vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24").id for index, zone in enumerate("ab")}
context = Context.create(
    PlatformSettings(name="orders", stage="dev"),
    observability=ObservabilitySettings(
        alerts=AlertsSettings(notice=AudienceSettings(emails=("ops@example.com",)), page=AudienceSettings(emails=("on-call@example.com",)))
    ),
)
place = DataSubnets(vpc_id=vpc.id, data_subnet_ids=subnets)
Cache("orders-cache", CacheSettings(node_class="cache.t4g.small"), context, network=place)
Database("orders-database", DataSettings(), context, network=place)
Queue("orders-jobs.fifo", QueueSettings(), context)
"""


def test_what_aws_gives_is_taken_as_outputs(tmp_path: Path) -> None:
    for unknowns in (False, True):
        snapshot = run(tmp_path, OWN_VPC, unknowns=unknowns)
        [group] = snapshot.of_type("aws:rds/subnetGroup:SubnetGroup")
        subnets = {one.urn for one in snapshot.of_type("aws:ec2/subnet:Subnet")}
        assert set(group.property_dependencies["subnetIds"]) == subnets
    [cache] = snapshot.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    assert cache.inputs["nodeType"] == "cache.t4g.small"
    [database] = snapshot.of_type(INSTANCE)
    assert database.inputs["deletionProtection"] is False
    assert {one.name for one in snapshot.of_type("aws:sns/topic:Topic")} == {
        "orders-alerts-topic",
        "orders-pages-topic",
    }
    assert [one.inputs["fifoQueue"] for one in snapshot.of_type("aws:sqs/queue:Queue")] == [True, True]


WRONG = {
    ("production", "orders", "eu-west-1"): 'the stack is called "production", which is no stage; give PlatformSettings(name=…, stage=…) with dev, staging or prod',
    ("prod", "My_Orders", "eu-west-1"): 'the project\'s name "My_Orders" must be lower-case letters, digits and single dashes, starting with a letter, such as "image-worker"; give PlatformSettings(name=…, stage=…)',
    ("prod", "orders", None): "aws:region is missing; set it (pulumi config set aws:region eu-central-1), or give region=",
}  # fmt: skip


def test_what_cannot_be_told_of_the_stack_is_one_plain_error(tmp_path: Path) -> None:
    for (stack, project, region), expected in WRONG.items():
        with pytest.raises(pulumi.RunError) as raised:
            run(tmp_path, "Context.create()", stack=stack, project=project, region=region)
        assert str(raised.value) == expected
