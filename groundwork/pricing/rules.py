"""What AWS charges for each type of resource: which lines its bill has, and how much of each a month comes to.

A rule says quantities alone; prices are the book's. Sources are the services' pricing pages, https://aws.amazon.com/SERVICE/pricing/.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from groundwork.preview.snapshot import Resource, holds_unknown
from groundwork.pricing.estimate import MONTH_HOURS, MeteredUse, NotKnownError, Rules, Surroundings, known, readable
from groundwork.pricing.week import WEEK, State, passed
from groundwork.settings.data_file import read_data
from groundwork.settings.facts import database_processors

RULES = Rules()
_HOURS = Decimal(MONTH_HOURS)
_FREE: dict[str, list[str]] = read_data(Path(__file__).with_name("free_types.yaml"))


def is_free(type_: str) -> bool:
    """Tell whether nothing is charged for a type, whatever is said of it."""
    return type_ in _FREE["types"] or type_.startswith(tuple(_FREE["modules"]))


def _hours(service: str, usage_type: str, copies: Any = 1, variant: str = "") -> MeteredUse:
    return MeteredUse(service, usage_type, _HOURS * Decimal(copies), variant)


Copies = tuple[Decimal, Decimal, Decimal]
"""Expected, fewest and most copies on the average of a week."""


def _always(count: int) -> Copies:
    return Decimal(count), Decimal(count), Decimal(count)


def _scaled(service: str, usage_type: str, each: Decimal, copies: Copies, variant: str = "") -> MeteredUse:
    """Return lines of something that there is ``each`` of for every copy: expected, fewest and most copies."""
    expected, least, most = (each * count for count in copies)
    return MeteredUse(service, usage_type, expected, variant, least=least, most=most)


def _used(
    resource: Resource, around: Surroundings, service: str, *usage_types: str, variant: str = ""
) -> Iterator[MeteredUse]:
    """Yield what depends on use: as much as somebody told, of a variant by itself or of all."""
    for usage_type in usage_types:
        amount = around.given_amount(resource, f"{usage_type} ({variant})") if variant else None
        amount = around.given_amount(resource, usage_type) if amount is None else amount
        yield MeteredUse(service, usage_type, amount, variant, usage=True)


# Compute


@RULES.of("aws:ecs/service:Service")
def _ecs_service(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    definition = around.whose("aws:ecs/taskDefinition:TaskDefinition", "arn", resource.inputs.get("taskDefinition"))
    if definition is None:
        if holds_unknown(resource.inputs.get("taskDefinition")):
            definition = around.whose("aws:ecs/taskDefinition:TaskDefinition", "name", resource.name)
        if definition is None:
            raise NotKnownError("its task definition is not in the program")
    if "FARGATE" not in (known(definition, "requiresCompatibilities") or []):
        # Its instances are charged, not its tasks.
        return
    copies = _ecs_copies(resource, around)
    strategies = known(resource, "capacityProviderStrategies") or []
    note = _SPOT if any(one.get("capacityProvider") == "FARGATE_SPOT" for one in strategies) else ""
    arm = (known(definition, "runtimePlatform") or {}).get("cpuArchitecture") == "ARM64"
    kind = "Fargate-ARM" if arm else "Fargate"
    cpu, memory = Decimal(str(known(definition, "cpu"))) / 1024, Decimal(str(known(definition, "memory"))) / 1024
    yield replace(_scaled("AmazonECS", f"{kind}-vCPU-Hours:perCPU", _HOURS * cpu, copies), note=note)
    yield replace(_scaled("AmazonECS", f"{kind}-GB-Hours", _HOURS * memory, copies), note=note)
    if (readable(resource, "networkConfiguration") or {}).get("assignPublicIp") is True:
        yield _scaled("AmazonVPC", "PublicIPv4:InUseAddress", _HOURS, copies)
    disk = (known(definition, "ephemeralStorage") or {}).get("sizeInGib", _FARGATE_DISK)
    if disk > _FARGATE_DISK:
        yield _scaled("AmazonECS", "Fargate-EphemeralStorage-GB-Hours", _HOURS * (disk - _FARGATE_DISK), copies)


_FARGATE_DISK = 20
"""GiB that every task has: https://aws.amazon.com/fargate/pricing/"""


def _ecs_copies(resource: Resource, around: Surroundings) -> Copies:
    desired = int(known(resource, "desiredCount", 1))
    type_ = "aws:appautoscaling/target:Target"
    path = f"service/{str(resource.inputs.get('cluster', '')).rpartition('/')[2]}/{resource.outputs.get('name', resource.name)}"
    target = around.whose(type_, "name", resource.name) or around.whose(type_, "resourceId", path)
    if target is None:
        name = f'"{resource.outputs.get("name", resource.name)}"'
        counts = [(one, int(said["DesiredCount"])) for one, said in _told_to(_UPDATE_SERVICE, name, around)]
        states = _weekly(counts, "scheduleExpression", "scheduleExpressionTimezone", desired)
        return _by_hour([(minutes, (count, count)) for minutes, count in states], lambda low, high: (low, low, high))
    least, most = int(known(target, "minCapacity")), int(known(target, "maxCapacity"))
    changes = []
    for one in around.all_with(
        "aws:appautoscaling/scheduledAction:ScheduledAction", "resourceId", target.inputs.get("resourceId")
    ):
        bounds = readable(one, "scalableTargetAction") or {}
        changes.append((one, (_kept(bounds.get("minCapacity"), least), _kept(bounds.get("maxCapacity"), most))))
    # As far above the fewest as it starts.
    above = max(desired - least, 0)
    return _by_hour(
        _weekly(changes, "schedule", "timezone", (least, most)), lambda low, high: (min(low + above, high), low, high)
    )


def _kept(said: Any, otherwise: int) -> int:
    """Return a bound that a scheduled action sets; -1 and nothing leave it as it is."""
    return otherwise if said in (None, -1) else int(said)


def _weekly(
    changes: Sequence[tuple[Resource, State]], expression: str, zone: str, otherwise: State
) -> list[tuple[int, State]]:
    """Return the minutes of a week for which each state holds; all of it ``otherwise`` where no schedule says, or one that
    does not come again each week, or clocks of several time zones."""
    if len({str(one.inputs.get(zone)) for one, _ in changes}) > 1:
        return [(WEEK, otherwise)]
    return passed((str(one.inputs.get(expression)), state) for one, state in changes) or [(WEEK, otherwise)]


def _by_hour(
    states: Sequence[tuple[int, tuple[int, int]]], count: Callable[[int, int], tuple[int, int, int]]
) -> Copies:
    """Return copies on the average of a week, of whose minutes each has its own bounds."""
    counted = [(minutes, count(*bounds)) for minutes, bounds in states]
    expected, least, most = (Decimal(sum(minutes * one[at] for minutes, one in counted)) / WEEK for at in range(3))
    return expected, least, most


_SPOT = "Spot, counted at the price on demand, which it never exceeds: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-instances.html"
_DETAILED = 7
"""Metrics of an instance that is watched every minute: https://aws.amazon.com/cloudwatch/pricing/"""


def _watched(monitoring: Any, copies: Copies) -> Iterator[MeteredUse]:
    if monitoring in (True, "true"):
        yield _scaled("AmazonCloudWatch", "CW:MetricMonitorUsage", Decimal(_DETAILED), copies)


@RULES.of("aws:ecs/cluster:Cluster")
def _ecs_cluster(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    for setting in known(resource, "settings") or []:
        if setting.get("name") == "containerInsights" and setting.get("value") != "disabled":
            yield from _used(resource, around, "AmazonCloudWatch", "CW:MetricMonitorUsage")


@RULES.of("aws:ec2/instance:Instance", "aws:ec2/spotInstanceRequest:SpotInstanceRequest")
def _instance(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "tenancy", "default") != "default":
        raise NotKnownError("the price book has instances of shared tenancy alone")
    market = (known(resource, "instanceMarketOptions") or {}).get("marketType")
    yield replace(
        _hours("AmazonEC2", f"BoxUsage:{known(resource, 'instanceType')}"),
        note=_SPOT if market == "spot" or resource.type.endswith("Request") else "",
    )
    if resource.inputs.get("associatePublicIpAddress") is True:
        yield _hours("AmazonVPC", "PublicIPv4:InUseAddress")
    yield from _watched(known(resource, "monitoring"), _always(1))
    yield from _volume(known(resource, "rootBlockDevice") or {"volumeSize": 8}, _always(1))
    for disk in known(resource, "ebsBlockDevices") or []:
        yield from _volume(disk, _always(1))


@RULES.of("aws:autoscaling/group:Group")
def _group(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    mixed = (readable(resource, "mixedInstancesPolicy") or {}).get("launchTemplate") or {}
    reference = mixed.get("launchTemplateSpecification") or readable(resource, "launchTemplate") or {}
    template = _template(reference, around, resource)
    overrides = mixed.get("overrides") or [{}]
    type_ = overrides[0].get("instanceType") or known(template, "instanceType")
    distribution = (readable(resource, "mixedInstancesPolicy") or {}).get("instancesDistribution") or {}
    spot = int(distribution.get("onDemandPercentageAboveBaseCapacity", _ALL)) < _ALL
    yield from _machines(type_, template, _group_copies(resource, around), spot=spot)


_ALL = 100


def _group_copies(resource: Resource, around: Surroundings) -> Copies:
    least, most = int(known(resource, "minSize")), int(known(resource, "maxSize"))
    desired = int(known(resource, "desiredCapacity", least))
    name = resource.outputs.get("name") or resource.inputs.get("name")
    changes = [
        (one, (_kept(one.inputs.get("minSize"), least), _kept(one.inputs.get("maxSize"), most)))
        for one in around.all_with("aws:autoscaling/schedule:Schedule", "autoscalingGroupName", name)
    ]
    above = max(desired - least, 0)
    return _by_hour(
        _weekly(changes, "recurrence", "timeZone", (least, most)), lambda low, high: (min(low + above, high), low, high)
    )


@RULES.of("aws:eks/nodeGroup:NodeGroup")
def _node_group(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    scaling = known(resource, "scalingConfig")
    copies = (Decimal(scaling["desiredSize"]), Decimal(scaling["minSize"]), Decimal(scaling["maxSize"]))
    spot = known(resource, "capacityType") == "SPOT"
    reference = readable(resource, "launchTemplate")
    template = _template(reference, around, resource) if reference else None
    types = known(resource, "instanceTypes") or ([known(template, "instanceType")] if template else ["t3.medium"])
    if template:
        yield from _machines(types[0], template, copies, spot=spot)
    else:
        yield replace(_scaled("AmazonEC2", f"BoxUsage:{types[0]}", _HOURS, copies), note=_SPOT if spot else "")
        yield _scaled("AmazonEC2", "EBS:VolumeUsage.gp2", Decimal(known(resource, "diskSize", 20)), copies)


def _template(reference: Any, around: Surroundings, resource: Resource) -> Resource:
    type_ = "aws:ec2/launchTemplate:LaunchTemplate"
    for key, what in (("id", "id"), ("launchTemplateId", "id"), ("name", "name"), ("launchTemplateName", "name")):
        found = around.whose(type_, what, reference.get(key)) if isinstance(reference, dict) else None
        if found:
            return found
    # In a first preview its id is not known; what depends on it is.
    found = next((one for one in around.of_type(type_) if one.urn in resource.dependencies), None)
    if found is None:
        raise NotKnownError("its launch template is not in the program")
    return found


def _machines(type_: str, template: Resource, copies: Copies, *, spot: bool) -> Iterator[MeteredUse]:
    market = (known(template, "instanceMarketOptions") or {}).get("marketType")
    note = _SPOT if spot or market == "spot" else ""
    yield replace(_scaled("AmazonEC2", f"BoxUsage:{type_}", _HOURS, copies), note=note)
    yield from _watched((known(template, "monitoring") or {}).get("enabled"), copies)
    interfaces = readable(template, "networkInterfaces") or []
    if any(isinstance(one, dict) and one.get("associatePublicIpAddress") in (True, "true") for one in interfaces):
        yield _scaled("AmazonVPC", "PublicIPv4:InUseAddress", _HOURS, copies)
    for mapping in known(template, "blockDeviceMappings") or []:
        if "ebs" in mapping:
            yield from _volume(mapping["ebs"], copies)


_INCLUDED = {"gp3": (3000, 125)}
"""IOPS and MiB/s that come with a volume: https://aws.amazon.com/ebs/pricing/"""


def _volume(disk: Any, copies: Copies) -> Iterator[MeteredUse]:
    kind = disk.get("volumeType") or disk.get("type") or "gp2"
    size = disk.get("volumeSize") or disk.get("size")
    if size is None:
        raise NotKnownError("the size of a volume is its snapshot's")
    name = "piops" if kind == "io1" else kind
    yield _scaled("AmazonEC2", f"EBS:VolumeUsage.{name}", Decimal(size), copies)
    iops, throughput = _INCLUDED.get(kind, (0, 0))
    extra = int(disk.get("iops") or 0) - iops
    if extra > 0 and kind in ("gp3", "io1", "io2"):
        yield _scaled("AmazonEC2", f"EBS:VolumeP-IOPS.{name}", Decimal(extra), copies)
    more = int(disk.get("throughput") or 0) - throughput
    if more > 0 and kind == "gp3":
        yield _scaled("AmazonEC2", "EBS:VolumeP-Throughput.gp3", Decimal(more), copies)


@RULES.of("aws:ebs/volume:Volume")
def _ebs_volume(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    yield from _volume({name: known(resource, name) for name in ("type", "size", "iops", "throughput")}, _always(1))


@RULES.of("aws:ebs/snapshot:Snapshot", "aws:ebs/snapshotCopy:SnapshotCopy")
def _snapshot(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonEC2", "EBS:SnapshotUsage")


@RULES.of("aws:eks/cluster:Cluster")
def _eks(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonEKS", "AmazonEKS-Hours:perCluster")


@RULES.of("kubernetes:core/v1:Service")
def _kubernetes_service(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    if (readable(resource, "spec") or {}).get("type") == "LoadBalancer":
        raise NotKnownError("the cluster's controller builds its load balancer")
    yield from ()


@RULES.of("kubernetes:core/v1:PersistentVolumeClaim")
def _claim(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    if (readable(resource, "spec") or {}).get("storageClassName") != "":
        raise NotKnownError("its storage class says what is made for it")
    yield from ()


@RULES.of("aws:lambda/function:Function")
def _function(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    arm = (known(resource, "architectures") or [""])[0] == "arm64"
    yield from _used(resource, around, "AWSLambda", "Request", "Lambda-GB-Second-ARM" if arm else "Lambda-GB-Second")


# Data

_ENGINES = {"postgres": "PostgreSQL", "mysql": "MySQL"}
_STORAGE = {"gp3": "GP3-Storage", "gp2": "GP2-Storage", "io1": "PIOPS-Storage"}


@RULES.of("aws:rds/instance:Instance")
def _database(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    source = _source_of(resource, around)
    engine = str(known(resource, "engine") or (source.inputs.get("engine") if source else ""))
    multi = bool(known(resource, "multiAz", False))
    kind = "Multi-AZUsage" if multi else "InstanceUsage"
    yield _hours(
        "AmazonRDS",
        f"{kind}:{known(resource, 'instanceClass')}",
        _running(resource, around),
        _ENGINES.get(engine, engine),
    )
    size = known(resource, "allocatedStorage") or (known(source, "allocatedStorage") if source else None)
    storage = known(resource, "storageType") or (source.inputs.get("storageType") if source else None) or "gp2"
    if size is None or storage not in _STORAGE:
        raise NotKnownError("its storage is not said")
    prefix = "RDS:Multi-AZ-" if multi else "RDS:"
    yield MeteredUse("AmazonRDS", f"{prefix}{_STORAGE[storage]}", Decimal(size))
    iops = Decimal(known(resource, "iops") or 0)
    if storage == "io1":
        yield MeteredUse("AmazonRDS", "RDS:PIOPS", iops * (2 if multi else 1))
    included = _MORE_IOPS_INCLUDED if size >= _STRIPED_FROM else _IOPS_INCLUDED
    if storage == "gp3" and iops > included:
        yield MeteredUse("AmazonRDS", "RDS:GP3-PIOPS", (iops - included) * (2 if multi else 1))
    if known(resource, "backupRetentionPeriod", 0):
        yield from _used(resource, around, "AmazonRDS", "RDS:ChargedBackupUsage")
    if int(known(resource, "performanceInsightsRetentionPeriod", 0)) > _FREE_INSIGHTS:
        raise NotKnownError("Performance Insights beyond seven days have no price in the book")


_STRIPED_FROM = 400
_IOPS_INCLUDED, _MORE_IOPS_INCLUDED = 3000, 12_000
"""Of gp3 below and from 400 GiB on: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html#gp3-storage"""
_FREE_INSIGHTS = 7
"""Days: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Overview.cost.html"""


def _running(resource: Resource, around: Surroundings) -> Decimal:
    """Return the part of a week in which a database is not stopped by a schedule; its storage is charged all the
    same."""
    name = f'"{resource.outputs.get("identifier") or resource.inputs.get("identifier")}"'
    changes = [
        (one, runs)
        for call, runs in ((_STOP_DATABASE, False), (_START_DATABASE, True))
        for one, _ in _told_to(call, name, around)
    ]
    states = _weekly(changes, "scheduleExpression", "scheduleExpressionTimezone", otherwise=True)
    return Decimal(sum(minutes for minutes, runs in states if runs)) / WEEK


_STOP_DATABASE, _START_DATABASE, _UPDATE_SERVICE = (
    f"arn:aws:scheduler:::aws-sdk:{call}" for call in ("rds:stopDBInstance", "rds:startDBInstance", "ecs:updateService")
)


def _told_to(call: str, name: str, around: Surroundings) -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Yield the schedules that make a call of AWS's about something of a name, with what they say."""
    for one in around.of_type("aws:scheduler/schedule:Schedule"):
        target = readable(one, "target") or {}
        said = target.get("input") if target.get("arn") == call else None
        if isinstance(said, str) and name in said:
            yield one, json.loads(said)


def _source_of(resource: Resource, around: Surroundings) -> Resource | None:
    source = resource.inputs.get("replicateSourceDb")
    if source is None:
        return None
    type_ = "aws:rds/instance:Instance"
    for what in ("identifier", "arn", "id"):
        found = around.whose(type_, what, source)
        if found:
            return found
    return next((one for one in around.of_type(type_) if one.urn in resource.dependencies), None)


@RULES.of("aws:rds/proxy:Proxy")
def _proxy(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    for target in around.of_type("aws:rds/proxyTarget:ProxyTarget"):
        if target.inputs.get("dbProxyName") in (resource.inputs.get("name"), resource.outputs.get("name")):
            database = around.whose(
                "aws:rds/instance:Instance", "identifier", target.inputs.get("dbInstanceIdentifier")
            )
            if database:
                yield _hours(
                    "AmazonRDS",
                    "RDS:ProxyUsage",
                    max(_FEWEST_PROXIED, database_processors(known(database, "instanceClass"))),
                )
                return
    raise NotKnownError("the database behind it is not known yet")


_FEWEST_PROXIED = 2
"""vCPUs that are charged at least: https://aws.amazon.com/rds/proxy/pricing/"""


@RULES.of("aws:elasticache/replicationGroup:ReplicationGroup")
def _cache(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    nodes = known(resource, "numCacheClusters")
    if nodes is None:
        nodes = int(known(resource, "numNodeGroups", 1)) * (1 + int(known(resource, "replicasPerNodeGroup", 0)))
    engine = str(known(resource, "engine", "redis")).capitalize()
    yield _hours("AmazonElastiCache", f"NodeUsage:{known(resource, 'nodeType')}", nodes, engine)
    if known(resource, "snapshotRetentionLimit", 0):
        yield from _used(resource, around, "AmazonElastiCache", "BackupUsage")


@RULES.of("aws:opensearch/domain:Domain")
def _search(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    cluster, disk = known(resource, "clusterConfig") or {}, known(resource, "ebsOptions") or {}
    nodes = int(cluster.get("instanceCount", 1))
    yield _hours("AmazonES", f"ESInstance:{cluster.get('instanceType', 'm4.large.search')}", nodes)
    if cluster.get("dedicatedMasterEnabled"):
        yield _hours("AmazonES", f"ESInstance:{cluster['dedicatedMasterType']}", cluster.get("dedicatedMasterCount", 3))
    if disk.get("ebsEnabled"):
        kind = {"gp3": "GP3", "gp2": "GP2", "io1": "PIOPS"}[disk.get("volumeType", "gp2")]
        yield MeteredUse("AmazonES", f"ES:{kind}-Storage", Decimal(disk["volumeSize"]) * nodes)


@RULES.of("aws:dynamodb/table:Table")
def _table(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonDynamoDB", "TimedStorage-ByteHrs")
    if known(resource, "billingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        yield from _used(resource, around, "AmazonDynamoDB", "WriteRequestUnits", "ReadRequestUnits")
    else:
        yield _hours("AmazonDynamoDB", "WriteCapacityUnit-Hrs", known(resource, "writeCapacity", 1))
        yield _hours("AmazonDynamoDB", "ReadCapacityUnit-Hrs", known(resource, "readCapacity", 1))


@RULES.of("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
def _bucket(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonS3", "TimedStorage-ByteHrs", "Requests-Tier1", "Requests-Tier2")


@RULES.of("aws:efs/fileSystem:FileSystem")
def _file_system(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    zone = "-Z" if known(resource, "availabilityZoneName") else ""
    yield from _used(resource, around, "AmazonEFS", f"TimedStorage{zone}-ByteHrs")
    elastic = known(resource, "throughputMode") == "elastic"
    policies = readable(resource, "lifecyclePolicies") or []
    if any("transitionToIa" in one for one in policies):
        # What is read and written is charged by itself, and keeping it less.
        infrequent = "IATimedStorage-ET-ByteHrs" if elastic and not zone else f"IATimedStorage{zone}-ByteHrs"
        yield from _used(resource, around, "AmazonEFS", infrequent)
    if any("transitionToArchive" in one for one in policies):
        yield from _used(resource, around, "AmazonEFS", "ArchiveTimedStorage-ByteHrs")
    if elastic:
        for direction in ("read", "written"):
            yield from _used(resource, around, "AmazonEFS", "ETDataAccess-Bytes", variant=direction)
    if known(resource, "throughputMode") == "provisioned":
        yield MeteredUse(
            "AmazonEFS", "ProvisionedTP-MiBpsHrs", Decimal(str(known(resource, "provisionedThroughputInMibps")))
        )


@RULES.of("aws:efs/backupPolicy:BackupPolicy")
def _file_backups(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "backupPolicy").get("status") == "ENABLED":
        yield from _used(resource, around, "AWSBackup", "WarmStorage-ByteHrs", variant="EFS")


@RULES.of("aws:ecr/repository:Repository")
def _repository(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonECR", "TimedStorage-ByteHrs")


@RULES.of("aws:backup/vault:Vault")
def _vault(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AWSBackup", "WarmStorage-ByteHrs", variant="EBS")


@RULES.of("aws:backup/plan:Plan")
def _backup_plan(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    """Charge what copies cost on their way; where they lie is their vault's."""
    copies = [copy for rule in readable(resource, "rules") or [] for copy in rule.get("copyActions") or []]
    regions = [str(copy.get("destinationVaultArn")).split(":")[3:4] for copy in copies]
    if any(region != [around.snapshot.region] for region in regions):
        yield from _used(resource, around, "AWSDataTransfer", "AWS-Out-Bytes")


@RULES.of("aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication")
def _replicated_backups(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    # https://aws.amazon.com/rds/postgresql/pricing/ ("Backup Storage": replicated backups are not in the free allowance)
    yield from _used(resource, around, "AmazonRDS", "RDS:ChargedBackupUsage")
    yield from _used(resource, around, "AWSDataTransfer", "AWS-Out-Bytes")


_COUNTED_OF_COPIES = 3
"""Metrics of each rule, at the price of custom ones; a fourth is only there when something fails:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html"""


@RULES.of("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
def _copied_bucket(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    """Charge what copies cost on their way, and what is counted of them; requests and storage are the copies' own. Whether a copy is in
    another region is not said."""
    yield from _used(resource, around, "AWSDataTransfer", "AWS-Out-Bytes")
    counted = [
        rule
        for rule in readable(resource, "rules") or []
        if ((rule.get("destination") or {}).get("metrics") or {}).get("status") == "Enabled"
    ]
    if counted:
        yield MeteredUse("AmazonCloudWatch", "CW:MetricMonitorUsage", Decimal(_COUNTED_OF_COPIES * len(counted)))


@RULES.of("aws:rds/cluster:Cluster")
def _aurora(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    if not str(known(resource, "engine")).startswith("aurora"):
        raise NotKnownError("Multi-AZ clusters have no price in the book")
    if known(resource, "storageType") == "aurora-iopt1":
        yield from _used(resource, around, "AmazonRDS", "Aurora:IO-OptimizedStorageUsage", "Aurora:BackupUsage")
    else:
        yield from _used(
            resource, around, "AmazonRDS", "Aurora:StorageUsage", "Aurora:StorageIOUsage", "Aurora:BackupUsage"
        )


_AURORA = {"aurora-postgresql": "Aurora PostgreSQL", "aurora-mysql": "Aurora MySQL"}


@RULES.of("aws:rds/clusterInstance:ClusterInstance")
def _aurora_instance(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    class_ = known(resource, "instanceClass")
    if class_ != "db.serverless":
        engine = str(known(resource, "engine"))
        yield _hours("AmazonRDS", f"InstanceUsage:{class_}", variant=_AURORA.get(engine, engine))
        return
    cluster = around.whose("aws:rds/cluster:Cluster", "clusterIdentifier", resource.inputs.get("clusterIdentifier"))
    cluster = cluster or next(
        (one for one in around.of_type("aws:rds/cluster:Cluster") if one.urn in resource.dependencies), None
    )
    if cluster is None:
        raise NotKnownError("its cluster is not in the program")
    scaling = known(cluster, "serverlessv2ScalingConfiguration")
    if not scaling:
        raise NotKnownError("its cluster has no bounds for serverless instances")
    least, most = (_HOURS * Decimal(str(scaling[name])) for name in ("minCapacity", "maxCapacity"))
    usage_type = (
        "ServerlessV2IOOptimizedUsage" if known(cluster, "storageType") == "aurora-iopt1" else "ServerlessV2Usage"
    )
    # What it grows to is use; what it never falls below is paid in any case.
    yield MeteredUse("AmazonRDS", f"Aurora:{usage_type}", least, least=least, most=most)


@RULES.of("aws:elasticache/cluster:Cluster")
def _cache_cluster(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "replicationGroupId") is None:
        engine = str(known(resource, "engine", "memcached")).capitalize()
        # Memcached has the price of Redis: https://aws.amazon.com/elasticache/pricing/
        variant = "Redis" if engine == "Memcached" else engine
        yield _hours(
            "AmazonElastiCache",
            f"NodeUsage:{known(resource, 'nodeType')}",
            known(resource, "numCacheNodes", 1),
            variant,
        )


@RULES.of("aws:dms/replicationInstance:ReplicationInstance")
def _replication(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    kind = "Multi-AZUsg" if known(resource, "multiAz", False) else "InstanceUsg"
    yield _hours("AWSDatabaseMigrationSvc", f"{kind}:{known(resource, 'replicationInstanceClass')}")


@RULES.of("aws:redshift/cluster:Cluster")
def _warehouse(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonRedshift", f"Node:{known(resource, 'nodeType')}", known(resource, "numberOfNodes", 1))


@RULES.of("aws:kinesis/stream:Stream")
def _stream(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    if (known(resource, "streamModeDetails") or {}).get("streamMode") == "ON_DEMAND":
        yield _hours("AmazonKinesis", "OnDemand-StreamHour")
    else:
        yield _hours("AmazonKinesis", "Storage-ShardHour", known(resource, "shardCount", 1))
        yield from _used(resource, around, "AmazonKinesis", "PutRequestPayloadUnits")


@RULES.of("aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream")
def _firehose(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonKinesisFirehose", "BilledBytes")


@RULES.of("aws:msk/cluster:Cluster")
def _brokers(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    count = int(known(resource, "numberOfBrokerNodes"))
    brokers = readable(resource, "brokerNodeGroupInfo")
    yield _hours("AmazonMSK", str(brokers["instanceType"]).capitalize(), count)
    disk = ((brokers.get("storageInfo") or {}).get("ebsStorageInfo") or {}).get("volumeSize")
    if disk is None:
        raise NotKnownError("its storage is not said")
    yield MeteredUse("AmazonMSK", "Kafka.Storage.GP2", Decimal(disk) * count)


# Network and edge


@RULES.of("aws:ec2/natGateway:NatGateway")
def _nat(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonEC2", "NatGateway-Hours")
    yield from _used(resource, around, "AmazonEC2", "NatGateway-Bytes")


@RULES.of("aws:ec2/eip:Eip")
def _address(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonVPC", "PublicIPv4:InUseAddress")


@RULES.of("aws:ec2/vpcEndpoint:VpcEndpoint")
def _endpoint(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "vpcEndpointType", "Gateway") == "Interface":
        yield _hours("AmazonVPC", "VpcEndpoint-Hours", len(readable(resource, "subnetIds") or [1]))
        yield from _used(resource, around, "AmazonVPC", "VpcEndpoint-Bytes")


@RULES.of("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
def _load_balancer(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    kind = known(resource, "loadBalancerType", "application")
    yield _hours("AWSELB", "LoadBalancerUsage", variant=kind)
    yield from _used(resource, around, "AWSELB", "LCUUsage", variant=kind)
    if not known(resource, "internal", False):
        zones = readable(resource, "subnets") or readable(resource, "subnetMappings") or [1, 1]
        yield _hours("AmazonVPC", "PublicIPv4:InUseAddress", len(zones))
        if not around.of_type("aws:cloudfront/distribution:Distribution"):
            # To CloudFront nothing is charged: https://aws.amazon.com/cloudfront/pricing/
            yield from _used(resource, around, "AWSDataTransfer", "DataTransfer-Out-Bytes")


@RULES.of("aws:elb/loadBalancer:LoadBalancer")
def _classic_load_balancer(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AWSELB", "LoadBalancerUsage", variant="classic")
    yield from _used(resource, around, "AWSELB", "DataProcessing-Bytes", variant="classic")
    if not known(resource, "internal", False):
        zones = readable(resource, "subnets") or readable(resource, "availabilityZones") or [1, 1]
        yield _hours("AmazonVPC", "PublicIPv4:InUseAddress", len(zones))


@RULES.of("aws:globalaccelerator/accelerator:Accelerator")
def _accelerator(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "enabled", True):
        yield _hours("AWSGlobalAccelerator", "Fixed-Fee")
    # What passes it costs by source and destination, which no program says.
    yield _hours("AmazonVPC", "PublicIPv4:InUseAddress", 2)


@RULES.of("aws:ec2clientvpn/networkAssociation:NetworkAssociation")
def _client_vpn(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonVPC", "ClientVPN-EndpointHours")
    yield from _used(resource, around, "AmazonVPC", "ClientVPN-ConnectionHours")


@RULES.of("aws:route53/resolverEndpoint:ResolverEndpoint")
def _resolver(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonRoute53", "ResolverNetworkInterface", len(readable(resource, "ipAddresses") or [1, 1]))


@RULES.of("aws:cloudfront/distribution:Distribution")
def _distribution(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(
        resource,
        around,
        "AmazonCloudFront",
        "DataTransfer-Out-Bytes",
        "Requests-Tier2-HTTPS",
        "DataTransfer-Out-OBytes",
    )


@RULES.of("aws:route53/zone:Zone")
def _zone(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield MeteredUse("AmazonRoute53", "HostedZone", Decimal(1))
    yield from _used(resource, around, "AmazonRoute53", "DNS-Queries")


@RULES.of("aws:wafv2/webAcl:WebAcl")
def _web_acl(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield MeteredUse("awswaf", "WebACLV2", Decimal(1))
    rules = resource.inputs.get("rules")
    if isinstance(rules, list) and rules:
        yield MeteredUse("awswaf", "RuleV2", Decimal(len(rules)))
    yield from _used(resource, around, "awswaf", "RequestV2-Tier1")


@RULES.of("aws:ec2transitgateway/vpcAttachment:VpcAttachment")
def _attachment(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonVPC", "TransitGateway-Hours")
    yield from _used(resource, around, "AmazonVPC", "TransitGateway-Bytes")


@RULES.of("aws:ec2/vpnConnection:VpnConnection")
def _vpn(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AmazonVPC", "VPN-Usage-Hours:ipsec.1")


@RULES.of("aws:networkfirewall/firewall:Firewall")
def _network_firewall(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield _hours("AWSNetworkFirewall", "Endpoint-Hour", len(resource.inputs.get("subnetMappings") or [1]))
    yield from _used(resource, around, "AWSNetworkFirewall", "Traffic-GB-Processed")


@RULES.of("aws:cloudfront/function:Function")
def _edge_function(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonCloudFront", "Executions-CloudFrontFunctions")


_CHECKS_IN_AWS = ("CALCULATED", "CLOUDWATCH_METRIC", "RECOVERY_CONTROL")
"""Health checks that look at nothing outside: https://aws.amazon.com/route53/pricing/"""


@RULES.of("aws:route53/healthCheck:HealthCheck")
def _health_check(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    inside = known(resource, "type") in _CHECKS_IN_AWS
    yield MeteredUse("AmazonRoute53", "Health-Check-AWS" if inside else "Health-Check-Non-AWS", Decimal(1))


@RULES.of("aws:servicediscovery/service:Service")
def _discovered(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    yield MeteredUse("AWSCloudMap", "Cloud-Map-Resources", Decimal(1))


# Messages, secrets, watching


@RULES.of("aws:sqs/queue:Queue")
def _queue(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    usage_type = "Requests-FIFO" if known(resource, "fifoQueue", False) else "Requests"
    yield from _used(resource, around, "AWSQueueService", usage_type)


@RULES.of("aws:sns/topic:Topic")
def _topic(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonSNS", "Requests-Tier1")


@RULES.of("aws:sfn/stateMachine:StateMachine")
def _state_machine(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "type", "STANDARD") != "STANDARD":
        raise NotKnownError("express workflows have no price in the book")
    yield from _used(resource, around, "AmazonStates", "StateTransition")


@RULES.of("aws:apigatewayv2/api:Api")
def _http_api(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "protocolType") == "HTTP":
        yield from _used(resource, around, "AmazonApiGateway", "ApiGatewayHttpRequest")
    else:
        yield from _used(resource, around, "AmazonApiGateway", "ApiGatewayMessage", "ApiGatewayMinute")


@RULES.of("aws:apigateway/restApi:RestApi")
def _rest_api(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonApiGateway", "ApiGatewayRequest")


@RULES.of("aws:cognito/userPool:UserPool")
def _user_pool(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonCognito", "CognitoUserPoolsMAU")


@RULES.of(
    "aws:ses/domainIdentity:DomainIdentity",
    "aws:ses/emailIdentity:EmailIdentity",
    "aws:sesv2/emailIdentity:EmailIdentity",
)
def _sender(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonSES", "Recipients")


@RULES.of("aws:codebuild/project:Project")
def _builds(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    if (known(resource, "environment") or {}).get("computeType") != "BUILD_GENERAL1_SMALL":
        raise NotKnownError("only small builds have a price in the book")
    yield from _used(resource, around, "CodeBuild", "Build-Min:Linux:g1.small")


@RULES.of("aws:scheduler/schedule:Schedule")
def _schedule(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AWSEvents", "ScheduledInvocation")


@RULES.of("aws:cloudwatch/eventBus:EventBus")
def _events(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AWSEvents", "Event-64K-Chunks")


@RULES.of("aws:cfg/recorder:Recorder")
def _recorder(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AWSConfig", "ConfigurationItemRecorded")


@RULES.of("aws:cfg/rule:Rule", "aws:cfg/organizationManagedRule:OrganizationManagedRule")
def _config_rule(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AWSConfig", "ConfigRuleEvaluations")


@RULES.of("aws:kms/key:Key", "aws:kms/replicaKey:ReplicaKey")
def _key(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield MeteredUse("awskms", "KMS-Keys", Decimal(1))
    yield from _used(resource, around, "awskms", "KMS-Requests")


@RULES.of("aws:secretsmanager/secret:Secret")
def _secret(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    copies = 1 + len(readable(resource, "replicas") or [])
    yield MeteredUse("AWSSecretsManager", "AWSSecretsManager-Secrets", Decimal(copies))
    yield from _used(resource, around, "AWSSecretsManager", "AWSSecretsManagerAPIRequest")


_STANDARD_PERIOD = 60
"""Seconds; an alarm that looks more often is a high-resolution one: https://aws.amazon.com/cloudwatch/pricing/"""


@RULES.of("aws:cloudwatch/metricAlarm:MetricAlarm")
def _alarm(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    queries = readable(resource, "metricQueries") or []
    metrics = [query["metric"] for query in queries if isinstance(query, dict) and "metric" in query] or [
        resource.inputs
    ]
    often = any(_shorter(metric.get("period")) for metric in metrics)
    usage_type = "CW:HighResAlarmMonitorUsage" if often else "CW:AlarmMonitorUsage"
    yield MeteredUse("AmazonCloudWatch", usage_type, Decimal(len(metrics)))


def _shorter(period: Any) -> bool:
    return isinstance(period, (int, float)) and period < _STANDARD_PERIOD


@RULES.of("aws:cloudwatch/compositeAlarm:CompositeAlarm")
def _composite_alarm(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    yield MeteredUse("AmazonCloudWatch", "CW:CompositeAlarmMonitorUsage", Decimal(1))


@RULES.of("aws:cloudwatch/logMetricFilter:LogMetricFilter")
def _metric(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    yield MeteredUse("AmazonCloudWatch", "CW:MetricMonitorUsage", Decimal(1))


@RULES.of("aws:cloudwatch/dashboard:Dashboard")
def _dashboard(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    yield MeteredUse("AmazonCloudWatch", "DashboardsUsageHour", Decimal(1))


@RULES.of("aws:cloudwatch/logGroup:LogGroup")
def _log_group(resource: Resource, around: Surroundings) -> Iterator[MeteredUse]:
    yield from _used(resource, around, "AmazonCloudWatch", "DataProcessing-Bytes", "TimedStorage-ByteHrs")


@RULES.of("aws:ssm/parameter:Parameter")
def _parameter(resource: Resource, _: Surroundings) -> Iterator[MeteredUse]:
    if known(resource, "tier", "Standard") == "Advanced":
        yield _hours("AWSSystemsManager", "PS-Advanced-Param-Tier1")


@RULES.of("aws:budgets/budget:Budget")
def _budget(_: Resource, __: Surroundings) -> Iterator[MeteredUse]:
    # What only watches and tells is free; what acts is counted per account, two of which are free.
    yield from ()
