"""What AWS bills consist of, type by type: priced, free, or named."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from groundwork.pricing.rules import is_free
from tests.pricing.test_estimate import HOURS, priced, resource

BILL: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("bill.yaml").read_text(encoding="utf-8"))
WITHOUT_A_FIGURE = {"aws:cognito/userPool:UserPool"}
"""What has a rule and a name in the price book, and no figure that somebody published with its date."""


def test_every_type_of_a_bill_is_priced_or_free() -> None:
    types = [type_ for rows in BILL.values() for type_ in rows]
    assert len(types) == len(set(types)) > 95
    template = resource("aws:ec2/launchTemplate:LaunchTemplate", "t", name="t", instanceType="t3.micro")
    task = resource(
        "aws:ecs/taskDefinition:TaskDefinition", "task", outputs={"arn": "arn:task"}, cpu="256", memory="512", requiresCompatibilities=["FARGATE"]
    )  # fmt: skip
    target = resource("aws:rds/proxyTarget:ProxyTarget", dbProxyName="p", dbInstanceIdentifier="db")
    database = resource(
        "aws:rds/instance:Instance",
        "db",
        identifier="db",
        engine="postgres",
        instanceClass="db.t4g.micro",
        allocatedStorage=20,
        storageType="gp3",
    )
    around = (template, task, target, database)
    for name, rows in BILL.items():
        for type_, inputs in rows.items():
            if inputs == "free":
                assert is_free(type_) or type_ in priced(resource(type_)).free, (name, type_)
                continue
            found = priced(resource(type_, "it", **inputs), *around)
            mine = [one for one in found.resources if one.name == "it"]
            whys = [one.why for one in found.unpriced if one.urn.endswith("::it")]
            if type_ in WITHOUT_A_FIGURE:
                assert whys, (name, type_, "has a figure now")
                assert not mine
            else:
                assert mine, (name, type_, whys)
                assert not whys, (name, type_)


def test_what_has_no_rule_is_named_and_in_no_figure() -> None:
    found = priced(resource("aws:sagemaker/endpoint:Endpoint"), resource("aws:kms/key:Key"))
    assert [(one.type, one.why) for one in found.unpriced] == [
        ("aws:sagemaker/endpoint:Endpoint", "Groundwork has no rule for what AWS charges for it")
    ]
    assert found.fixed == 1


def test_brokers_accelerators_file_systems_and_aurora_cost_what_their_lines_come_to_by_hand() -> None:
    brokers = resource(
        "aws:msk/cluster:Cluster",
        numberOfBrokerNodes=3,
        brokerNodeGroupInfo={"instanceType": "kafka.t3.small", "storageInfo": {"ebsStorageInfo": {"volumeSize": 100}}},
    )
    assert priced(brokers).fixed == 3 * (HOURS * Decimal("0.0456") + 100 * Decimal("0.10"))
    accelerator = resource("aws:globalaccelerator/accelerator:Accelerator")
    assert priced(accelerator).fixed == HOURS * (Decimal("0.025") + 2 * Decimal("0.005"))
    files = resource("aws:efs/fileSystem:FileSystem", "files", throughputMode="provisioned", provisionedThroughputInMibps=10, lifecyclePolicies=[{"transitionToIa": "AFTER_30_DAYS"}])  # fmt: skip
    told = {"files": {"TimedStorage-ByteHrs": Decimal(100), "IATimedStorage-ByteHrs": Decimal(200)}}
    found = priced(files, usage=told)
    assert (found.fixed, found.usage) == (60, 100 * Decimal("0.30") + 200 * Decimal("0.025"))
    ages = [{"transitionToIa": "AFTER_30_DAYS"}, {"transitionToArchive": "AFTER_90_DAYS"}]
    elastic = resource("aws:efs/fileSystem:FileSystem", "files", throughputMode="elastic", lifecyclePolicies=ages)
    told = {"files": {"IATimedStorage-ET-ByteHrs": 100, "ArchiveTimedStorage-ByteHrs": 1000}}
    told["files"] |= {"ETDataAccess-Bytes (read)": 10, "ETDataAccess-Bytes (written)": 20}
    told = {name: {key: Decimal(amount) for key, amount in said.items()} for name, said in told.items()}
    assert priced(elastic, usage=told).usage == Decimal("1.6") + 8 + Decimal("0.3") + Decimal("1.2")
    backups = resource("aws:efs/backupPolicy:BackupPolicy", "kept", backupPolicy={"status": "ENABLED"})
    assert priced(backups, usage={"kept": {"WarmStorage-ByteHrs": Decimal(10)}}).usage == Decimal("0.5")
    aurora = resource("aws:rds/clusterInstance:ClusterInstance", instanceClass="db.t3.medium", engine="aurora-mysql")
    assert priced(aurora).fixed == HOURS * Decimal("0.082")


def test_iops_of_gp3_are_charged_beyond_those_that_a_size_brings() -> None:
    def database(size: int, iops: int) -> Decimal:
        one = resource(
            "aws:rds/instance:Instance", engine="postgres", instanceClass="db.t4g.micro", allocatedStorage=size, storageType="gp3", iops=iops
        )  # fmt: skip
        return priced(one).fixed - HOURS * Decimal("0.016") - size * Decimal("0.115")

    assert database(100, 3000) == database(400, 12_000) == 0
    assert database(100, 4000) == 1000 * Decimal("0.02")
    assert database(400, 14_000) == 2000 * Decimal("0.02")


def test_insights_that_are_kept_beyond_the_free_week_are_named() -> None:
    kept = resource(
        "aws:rds/instance:Instance", engine="postgres", instanceClass="db.t4g.micro", allocatedStorage=20, storageType="gp3",
        performanceInsightsEnabled=True, performanceInsightsRetentionPeriod=731,
    )  # fmt: skip
    found = priced(kept)
    assert [one.why for one in found.unpriced] == ["Performance Insights beyond seven days have no price in the book"]
    assert found.fixed > 0
