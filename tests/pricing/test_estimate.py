"""What stacks cost in a month: by hand and by the estimator, to the cent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from groundwork.cli.cost import estimated
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.pricing.book import read_book
from groundwork.pricing.estimate import Estimate, at_own_prices, charges, estimate
from groundwork.pricing.overrides import Override
from groundwork.pricing.rules import RULES, is_free
from guardrails.view import Opaque
from tests.stacks import STACK_NAMES, snapshot_of

HOURS = 730


def priced(
    *resources: Resource, region: str = "us-east-1", usage: dict[str, dict[str, Decimal]] | None = None
) -> Estimate:
    snapshot = Snapshot("p", "s", region, False, {}, resources, {})
    return estimate(snapshot, read_book(region), RULES, is_free, usage)


def resource(type_: str, name: str = "one", /, outputs: dict[str, object] | None = None, **inputs: object) -> Resource:
    return Resource(f"urn:{type_}::{name}", type_, name, True, None, inputs, outputs or {})


def cents(amount: Decimal) -> Decimal:
    return round(amount, 2)


def test_a_small_platform_on_instances_costs_what_its_lines_come_to_by_hand() -> None:
    by_hand = (
        HOURS * Decimal("0.028")  # db.t3.micro
        + HOURS * Decimal("0.0212")  # t4g.small
        + 2 * 3  # dashboards
        + 5 + 6 * 1  # a web ACL with six rules
        + 24 * Decimal("0.096")  # volumes: 16 GB of system and 8 GB of data
        + HOURS * Decimal("0.005")  # a public address
        + 34 * Decimal("0.10")  # metrics of alarms
        + 20 * Decimal("0.138")  # the database's storage
        + 7 * Decimal("0.30")  # custom metrics
        + 7 * Decimal("0.30")  # an instance that is watched every minute
        + 2 * 1  # keys
        + 3 * Decimal("0.40")  # secrets
        + Decimal("0.50")  # a hosted zone
        + 2 * Decimal("0.50")  # composite alarms
    )  # fmt: skip
    assert (
        cents(estimated(snapshot_of("examples/chat-app/prod"), None, None, None).fixed)
        == cents(by_hand)
        == Decimal("73.93")
    )


def test_a_platform_on_fargate_costs_what_its_lines_come_to_by_hand() -> None:
    # Two of each service by day, three on Fridays and Saturdays, one from midnight to six.
    tasks = 2 * (7 * 6 * 1 + 5 * 18 * 2 + 2 * 18 * 3) / Decimal(7 * 24)
    by_hand = (
        HOURS * Decimal("0.056")  # a NAT gateway
        + HOURS * Decimal("0.053")  # db.t3.small
        + HOURS * tasks * Decimal("0.5") * Decimal("0.02383") + HOURS * tasks * Decimal("0.00261")  # half a vCPU and 1 GB in each
        + HOURS * Decimal("0.0239")  # a load balancer
        + 3 * HOURS * Decimal("0.005")  # public addresses
        + 2 * 5 + 18  # two web ACLs and their rules
        + 7 + 3 + 28 * Decimal("0.10")  # keys, a dashboard, metrics of alarms
        + 20 * Decimal("0.131") + 3 * Decimal("0.40") + Decimal("0.50")  # storage, secrets, a hosted zone
        + 2 * Decimal("0.50") + Decimal("0.75")  # composite alarms, a health check from outside
    )  # fmt: skip
    assert (
        cents(estimated(snapshot_of("examples/thulobazaar/prod"), None, None, None).fixed)
        == cents(by_hand)
        == Decimal("196.49")
    )


def test_a_dev_platform_on_ecs_and_instances_costs_what_its_lines_come_to_by_hand() -> None:
    works = Decimal(5 * 10) / (7 * 24)  # from 8 to 18, five days
    by_hand = (
        works * 2 * (HOURS * Decimal("0.0416") + 30 * Decimal("0.08"))  # two t3.medium and their volumes
        + HOURS * Decimal("0.045") + HOURS * Decimal("0.0225")  # a NAT gateway, a load balancer
        + works * HOURS * Decimal("0.018") + 20 * Decimal("0.115")  # db.t3.micro, and its storage at night too
        + 5 + 5 + 5 + HOURS * Decimal("0.005")  # a web ACL, its rules, keys, an address
        + 3 + 20 * Decimal("0.10") + 2 * Decimal("0.40") + 2 * Decimal("0.50")  # a dashboard, alarms, secrets, composite alarms
    )  # fmt: skip
    by_hand += works * 2 * 7 * Decimal("0.30")  # both are watched every minute
    found = estimated(snapshot_of("examples/ecs-web/dev"), None, None, None)
    assert cents(found.fixed) == cents(by_hand) == Decimal("101.69")
    machine = HOURS * Decimal("0.0416") + 30 * Decimal("0.08") + 7 * Decimal("0.30")
    assert cents(found.most - found.fixed - found.usage) == cents(4 * machine - works * 2 * machine), (
        "four machines at most, at any hour"
    )


@pytest.mark.parametrize("stack", STACK_NAMES)
def test_every_type_that_a_component_builds_is_priced_free_or_named(stack: str) -> None:
    snapshot = snapshot_of(stack)
    found = estimated(snapshot, None, None, None)
    named = {one.type for one in (*found.resources, *found.unpriced)} | {*found.free}
    assert {one.type for one in snapshot.resources if one.custom} <= named
    assert not [one.type for one in found.unpriced if "has no rule" in one.why]
    assert found.least <= found.fixed + found.usage <= found.most
    assert all(line.monthly != 0 or line.quantity == 0 for line in found.lines), "a figure that is missing is never 0"


def test_a_database_is_priced_by_engine_and_zones_and_its_replica_has_its_source_s_storage() -> None:
    main = resource(
        "aws:rds/instance:Instance", "main", outputs={"identifier": "main-1"}, engine="mysql", instanceClass="db.t4g.micro", multiAz=True,
        allocatedStorage=100, storageType="gp3", backupRetentionPeriod=7,
    )  # fmt: skip
    reader = resource("aws:rds/instance:Instance", "reader", instanceClass="db.t4g.micro", replicateSourceDb="main-1")
    found = priced(main, reader)
    first, second = found.resources
    assert first.monthly == HOURS * Decimal("0.032") + 100 * Decimal("0.23")
    assert second.monthly == HOURS * Decimal("0.016") + 100 * Decimal("0.115")
    backup = next(line for line in first.lines if line.quantity is None)
    assert backup.usage
    assert backup.monthly is None


def test_tasks_are_counted_as_autoscaling_bounds_them_and_by_their_processor() -> None:
    definition = resource(
        "aws:ecs/taskDefinition:TaskDefinition", "web", outputs={"arn": "arn:web:1"}, cpu="512", memory="1024",
        requiresCompatibilities=["FARGATE"], ephemeralStorage={"sizeInGib": 30},
    )  # fmt: skip
    service = resource("aws:ecs/service:Service", "web", taskDefinition="arn:web:1", desiredCount=2)
    target = resource("aws:appautoscaling/target:Target", "web", minCapacity=1, maxCapacity=10)
    one = HOURS * (Decimal("0.5") * Decimal("0.04048") + Decimal("0.004445") + 10 * Decimal("0.000111"))
    found = priced(definition, service, target)
    assert (found.fixed, found.least, found.most) == (2 * one, one, 10 * one)
    on_instances = resource(
        "aws:ecs/taskDefinition:TaskDefinition", "web", outputs={"arn": "arn:web:1"}, requiresCompatibilities=["EC2"]
    )
    assert priced(on_instances, service).fixed == 0


def test_what_is_not_known_yet_is_named_and_not_guessed() -> None:
    database = resource(
        "aws:rds/instance:Instance", instanceClass=Opaque.UNKNOWN, engine="postgres", allocatedStorage=20
    )
    found = priced(database, resource("aws:neptune/cluster:Cluster"))
    assert not found.resources
    assert [one.why for one in found.unpriced] == [
        "instanceClass is not known yet",
        "Groundwork has no rule for what AWS charges for it",
    ]
    oracle = resource(
        "aws:rds/instance:Instance",
        instanceClass="db.r5.large",
        engine="oracle-ee",
        allocatedStorage=20,
        storageType="gp3",
    )
    assert "no price of AmazonRDS InstanceUsage:db.r5.large (oracle-ee)" in priced(oracle).unpriced[0].why


def test_what_depends_on_use_is_priced_as_it_is_told_and_step_by_step() -> None:
    bucket = resource("aws:s3/bucket:Bucket", "shop-images")
    told = {"*-images": {"TimedStorage-ByteHrs": Decimal(60_000), "Requests-Tier1": Decimal(1_000_000)}}
    found = priced(bucket, usage=told)
    assert found.usage == 51_200 * Decimal("0.023") + 8_800 * Decimal("0.022") + 5
    assert found.fixed == 0
    assert sum(line.quantity is None for line in found.lines) == 1, "GET was not told"


def test_endpoints_count_by_zone_and_a_public_load_balancer_s_addresses_too() -> None:
    endpoint = resource("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Interface", subnetIds=["a", "b"])
    gateway = resource("aws:ec2/vpcEndpoint:VpcEndpoint", "s3", vpcEndpointType="Gateway")
    assert priced(endpoint, gateway).fixed == 2 * HOURS * Decimal("0.01")
    public = resource(
        "aws:lb/loadBalancer:LoadBalancer", loadBalancerType="application", internal=False, subnets=["a", "b", "c"]
    )
    assert priced(public).fixed == HOURS * (Decimal("0.0225") + 3 * Decimal("0.005"))


def test_own_prices_stand_over_the_list_and_say_so() -> None:
    nodes = [
        resource(
            "aws:elasticache/replicationGroup:ReplicationGroup",
            name,
            engine="redis",
            nodeType="cache.t3.micro",
            numCacheClusters=1,
        )
        for name in "ab"
    ]
    listed = priced(*nodes)
    override = Override(
        "AmazonElastiCache", "NodeUsage:*", "*", None, Decimal("0.01"), Decimal(HOURS), None, "reserved", "f.yaml:3"
    )
    found = at_own_prices(listed, [override], date(2026, 11, 28))
    assert [one.monthly for one in found.resources] == [Decimal("7.30"), HOURS * Decimal("0.017")], (
        "it covers one of two"
    )
    assert [line.note for line in found.lines] == ["f.yaml:3: reserved", ""]
    assert found.to_json()["resources"][0]["lines"][0]["source"] == "f.yaml:3: reserved"


def test_charges_are_in_single_things_and_what_is_stored_grows() -> None:
    bucket = resource("aws:s3/bucket:Bucket", "images")
    found = priced(bucket, usage={"*": {"TimedStorage-ByteHrs": Decimal(100), "Requests-Tier1": Decimal(2_000)}})
    storage, requests = charges(found, Decimal("1.1"))
    assert (storage.quantity, storage.price) == (110, Decimal("0.023"))
    assert (requests.quantity, requests.price) == (2_000, Decimal("0.000005"))


def test_what_other_programs_bills_consist_of_has_rules_too() -> None:
    found = priced(
        resource("aws:ec2transitgateway/vpcAttachment:VpcAttachment"),
        resource("aws:ec2/vpnConnection:VpnConnection"),
        resource("aws:networkfirewall/firewall:Firewall", subnetMappings=[{}, {}]),
        resource(
            "aws:dms/replicationInstance:ReplicationInstance", replicationInstanceClass="dms.t3.medium", multiAz=True
        ),
        resource("aws:route53/healthCheck:HealthCheck", type="HTTPS"),
        resource("aws:elasticache/cluster:Cluster", engine="memcached", nodeType="cache.t3.micro", numCacheNodes=2),
    )
    by_hand = HOURS * (
        Decimal("0.05") + Decimal("0.05") + 2 * Decimal("0.395") + Decimal("0.149") + 2 * Decimal("0.017")
    )
    assert found.fixed == by_hand + Decimal("0.75")
    assert not found.unpriced


def test_an_aurora_instance_without_a_size_costs_between_its_bounds() -> None:
    cluster = resource(
        "aws:rds/cluster:Cluster", engine="aurora-postgresql", clusterIdentifier="main",
        serverlessv2ScalingConfiguration={"minCapacity": 0.5, "maxCapacity": 4},
    )  # fmt: skip
    instance = resource(
        "aws:rds/clusterInstance:ClusterInstance",
        clusterIdentifier="main",
        instanceClass="db.serverless",
        engine="aurora-postgresql",
    )
    found = priced(cluster, instance)
    assert (found.fixed, found.most) == (HOURS * Decimal("0.5") * Decimal("0.12"), HOURS * 4 * Decimal("0.12"))


def test_what_the_book_has_a_name_but_no_figure_for_is_named_with_it() -> None:
    pool = resource("aws:cognito/userPool:UserPool")
    builds = resource("aws:codebuild/project:Project", environment={"computeType": "BUILD_GENERAL1_LARGE"})
    found = priced(pool, builds)
    assert [one.why for one in found.unpriced] == [
        "the price book of us-east-1 has no price of AmazonCognito CognitoUserPoolsMAU",
        "only small builds have a price in the book",
    ]
    assert not found.resources


NONSENSE: list[object] = [
    None,
    "",
    "x",
    -1,
    10**40,
    1.5,
    True,
    [],
    [None],
    {},
    {"a": None},
    Opaque.UNKNOWN,
    Opaque.SECRET,
]


def test_no_export_stops_the_estimate_whatever_it_says() -> None:
    inputs = {
        "cpu", "memory", "desiredCount", "taskDefinition", "instanceType", "instanceTypes", "minSize", "maxSize", "scalingConfig", "launchTemplate",
        "mixedInstancesPolicy", "blockDeviceMappings", "rootBlockDevice", "type", "size", "architectures", "engine", "instanceClass", "multiAz",
        "allocatedStorage", "storageType", "iops", "replicateSourceDb", "nodeType", "numCacheClusters", "numNodeGroups", "clusterConfig", "ebsOptions",
        "subnetIds", "subnets", "internal", "loadBalancerType", "vpcEndpointType", "rules", "replicas", "metricQueries", "period", "shardCount",
        "numberOfNodes", "environment", "billingMode", "spec", "subnetMappings", "tier", "fifoQueue", "streamModeDetails", "protocolType",
        "capacityProviderStrategies", "networkConfiguration", "monitoring", "instanceMarketOptions", "capacityType", "networkInterfaces", "settings",
        "tenancy", "associatePublicIpAddress",
    }  # fmt: skip
    for value in NONSENSE:
        made = [resource(type_, type_, **dict.fromkeys(inputs, value)) for type_ in RULES.priced]
        found = priced(*made)
        assert {one.type for one in (*found.resources, *found.unpriced)} | {*found.free} == {*RULES.priced}
        assert all(line.monthly is None or 0 <= line.monthly < 10**18 for line in found.lines)
        assert "Opaque" not in str(found.to_json())


def test_ten_thousand_resources_are_looked_up_and_not_searched_for() -> None:
    count = 3_000
    definitions = [
        resource(
            "aws:ecs/taskDefinition:TaskDefinition", f"d{at}", outputs={"arn": f"arn:{at}"}, cpu="256", memory="512", requiresCompatibilities=["FARGATE"],
        )
        for at in range(count)
    ]  # fmt: skip
    services = [
        resource("aws:ecs/service:Service", f"s{at}", taskDefinition=f"arn:{at}", desiredCount=1) for at in range(count)
    ]
    targets = [
        resource("aws:appautoscaling/target:Target", f"s{at}", minCapacity=2, maxCapacity=3) for at in range(count)
    ]
    found = priced(*definitions, *services, *targets)
    assert found.fixed == count * 2 * HOURS * (
        Decimal("0.25") * Decimal("0.04048") + Decimal("0.5") * Decimal("0.004445")
    )


def test_an_instance_pays_for_its_address_and_for_being_watched_every_minute() -> None:
    found = priced(
        resource("aws:ec2/instance:Instance", instanceType="t3.micro", associatePublicIpAddress=True, monitoring=True)
    )
    assert found.fixed == HOURS * Decimal("0.0104") + 8 * Decimal("0.10") + HOURS * Decimal("0.005") + 7 * Decimal(
        "0.30"
    )


def test_spot_says_that_it_is_counted_at_the_price_on_demand() -> None:
    group = resource(
        "aws:eks/nodeGroup:NodeGroup", capacityType="SPOT", instanceTypes=["t3.medium"],
        scalingConfig={"desiredSize": 1, "minSize": 0, "maxSize": 2},
    )  # fmt: skip
    machine, volume = priced(group).resources[0].lines
    assert machine.note.startswith("Spot, counted at the price on demand")
    assert [machine.least, machine.monthly, machine.most] == [count * HOURS * Decimal("0.0416") for count in range(3)]
    assert volume.note == ""
    on_demand = priced(resource("aws:ec2/instance:Instance", instanceType="t3.micro"))
    assert {line.note for line in on_demand.lines} == {""}


def test_what_was_known_before_something_was_not_is_charged_all_the_same() -> None:
    found = priced(
        resource("aws:ec2/instance:Instance", instanceType="t3.micro", rootBlockDevice={"volumeType": "gp3"})
    )
    assert found.fixed == HOURS * Decimal("0.0104")
    assert [one.why for one in found.unpriced] == ["the size of a volume is its snapshot's"]
    dedicated = priced(resource("aws:ec2/instance:Instance", instanceType="t3.micro", tenancy="dedicated"))
    assert dedicated.fixed == 0
    assert len(dedicated.unpriced) == 1
