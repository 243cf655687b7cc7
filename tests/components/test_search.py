"""The search domain."""

import json
from types import SimpleNamespace

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.access import policy_document
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.search.alarms import usable_storage
from groundwork.components.search.search import Search
from groundwork.components.search.settings import SearchSettings
from groundwork.preview.verdicts import judge
from tests.harness import build, observed, shared
from tests.requirements import proves
from tests.test_guardrails_on_stacks import TODAY

KEY = "arn:aws:kms:ap-south-1:111122223333:key/data"
DOMAIN = "arn:aws:es:ap-south-1:111122223333:domain/shop-search-prod"
DEV = {"class": "t3.small.search", "storage": {"size": 20}}
PROD = {"class": "r6g.large.search", "nodes": 3, "zones": 3, "storage": {"size": 100}}
MASTERS = {**PROD, "masters": {"class": "m6g.large.search", "count": 3}}


@shared
def _search(settings=None, *, thresholds=None, **options):
    known = pulumi.Output.from_input

    def program(context):
        search = Search(
            "shop-search",
            SearchSettings.model_validate(settings or {}),
            context=observed(context, ObservabilitySettings.model_validate({"thresholds": thresholds or {}})),
            network=SimpleNamespace(
                vpc_id=known("vpc-1"), data_subnet_ids={zone: known(f"subnet-{zone}") for zone in "abc"}
            ),
        )
        for level in ("read", "write"):
            grant = search.grant(level)
            pulumi.export(f"{level}-statements", policy_document(grant.statements))
            pulumi.export(f"{level}-environment", dict(grant.environment))
            pulumi.export(f"{level}-ports", [opening.port for opening in grant.openings])
            pulumi.export(f"{level}-secrets", dict(grant.secrets))

    return build(program, **options)


def _domain(snapshot):
    (domain,) = snapshot.of_type("aws:opensearch/domain:Domain")
    return domain


def _alarms(snapshot):
    return {
        item.name.removeprefix("shop-search-"): item.inputs
        for item in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }


def _statements(snapshot, level):
    return {item["Sid"]: item for item in json.loads(snapshot.outputs[f"{level}-statements"])["Statement"]}


@proves("S1-10")
def test_dev_is_one_small_node_of_20_gb_in_one_subnet():
    domain = _domain(_search(DEV, stage="dev")).inputs
    assert domain["engineVersion"].startswith("OpenSearch_2.")
    cluster = domain["clusterConfig"]
    assert (cluster["instanceType"], cluster["instanceCount"]) == ("t3.small.search", 1)
    assert cluster["zoneAwarenessEnabled"] is False
    assert "zoneAwarenessConfig" not in cluster
    assert domain["ebsOptions"] == {
        "ebsEnabled": True,
        "volumeType": "gp3",
        "volumeSize": 20,
        "iops": 3000,
        "throughput": 125,
    }
    assert domain["vpcOptions"]["subnetIds"] == ["subnet-a"]


@proves("S1-10")
def test_prod_is_three_nodes_of_100_gb_over_three_zones():
    domain = _domain(_search(PROD)).inputs
    cluster = domain["clusterConfig"]
    assert (cluster["instanceType"], cluster["instanceCount"]) == ("r6g.large.search", 3)
    assert cluster["zoneAwarenessEnabled"] is True
    assert cluster["zoneAwarenessConfig"] == {"availabilityZoneCount": 3}
    assert domain["ebsOptions"] == {
        "ebsEnabled": True,
        "volumeType": "gp3",
        "volumeSize": 100,
        "iops": 3000,
        "throughput": 125,
    }
    assert domain["vpcOptions"]["subnetIds"] == ["subnet-a", "subnet-b", "subnet-c"]


@pytest.mark.parametrize("settings", [DEV, PROD], ids=["dev", "prod"])
@proves("S1-10")
def test_a_domain_is_encrypted_https_only_and_knows_who_asks(settings):
    snapshot = _search(settings)
    domain = _domain(snapshot).inputs
    assert domain["encryptAtRest"] == {"enabled": True, "kmsKeyId": KEY}
    assert domain["nodeToNodeEncryption"] == {"enabled": True}
    assert domain["domainEndpointOptions"] == {
        "enforceHttps": True,
        "tlsSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10",
    }
    security = domain["advancedSecurityOptions"]
    [role] = snapshot.of_type("aws:iam/role:Role")
    assert security["enabled"] is True
    assert security["internalUserDatabaseEnabled"] is False
    assert security["masterUserOptions"] == {"masterUserArn": role.outputs["arn"]}


@proves("S1-10")
def test_only_the_vpc_reaches_it_and_no_rule_of_its_own_lets_anybody_in():
    snapshot = _search()
    [group] = snapshot.of_type("aws:ec2/securityGroup:SecurityGroup")
    assert _domain(snapshot).inputs["vpcOptions"]["securityGroupIds"] == [group.outputs["id"]]
    assert "ingress" not in group.inputs
    assert not snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")


def test_the_domains_policy_lets_this_account_alone_at_this_domain_alone():
    [statement] = json.loads(_domain(_search()).inputs["accessPolicies"])["Statement"]
    assert statement["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert statement["Resource"] == f"{DOMAIN}/*"
    assert not any("*" in action for action in statement["Action"])


def test_the_policys_domain_is_the_domain():
    assert _domain(_search()).outputs["arn"] == DOMAIN


def test_logs_are_written_by_this_domain_to_exactly_its_groups():
    snapshot = _search()
    groups = {group.inputs["name"]: group for group in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")}
    assert set(groups) == {f"/shop/prod/search/{log}" for log in ("search-slow", "index-slow", "application", "audit")}
    [policy] = snapshot.of_type("aws:cloudwatch/logResourcePolicy:LogResourcePolicy")
    [statement] = json.loads(policy.inputs["policyDocument"])["Statement"]
    assert sorted(statement["Resource"]) == sorted(f"{group.outputs['arn']}:*" for group in groups.values())
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": DOMAIN},
    }
    domain = _domain(snapshot)
    assert {option["logType"] for option in domain.inputs["logPublishingOptions"]} == {
        "SEARCH_SLOW_LOGS",
        "INDEX_SLOW_LOGS",
        "ES_APPLICATION_LOGS",
        "AUDIT_LOGS",
    }
    # OpenSearch Service tries the policy when the domain is made.
    assert policy.urn in domain.dependencies


def test_without_logs_there_is_no_log_policy():
    snapshot = _search({"logs": []})
    assert not snapshot.of_type("aws:cloudwatch/logResourcePolicy:LogResourcePolicy")
    assert not snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")


def test_the_service_linked_role_comes_first_or_is_there_already():
    snapshot = _search()
    [role] = snapshot.of_type("aws:iam/serviceLinkedRole:ServiceLinkedRole")
    assert role.urn in _domain(snapshot).dependencies
    assert not _search({"linked_role": False}).of_type("aws:iam/serviceLinkedRole:ServiceLinkedRole")


def test_nodes_are_exchanged_at_night_of_the_platforms_time_zone():
    domain = _domain(_search(PROD, timezone="Asia/Kathmandu")).inputs
    window = domain["offPeakWindowOptions"]
    assert window["enabled"] is True
    assert window["offPeakWindow"]["windowStartTime"] == {"hours": 16, "minutes": 15}
    assert domain["softwareUpdateOptions"] == {"autoSoftwareUpdateEnabled": True}


def test_auto_tune_is_on_where_the_class_has_it():
    assert _domain(_search(PROD)).inputs["autoTuneOptions"] == {"desiredState": "ENABLED", "useOffPeakWindow": True}
    off = _domain(_search({**PROD, "auto_tune": False})).inputs["autoTuneOptions"]
    assert off == {"desiredState": "DISABLED", "useOffPeakWindow": False}
    assert "autoTuneOptions" not in _domain(_search(DEV)).inputs


def test_masters_are_nodes_of_their_own():
    cluster = _domain(_search(MASTERS)).inputs["clusterConfig"]
    assert cluster["dedicatedMasterEnabled"] is True
    assert (cluster["dedicatedMasterType"], cluster["dedicatedMasterCount"]) == ("m6g.large.search", 3)
    without = _domain(_search(PROD)).inputs["clusterConfig"]
    assert without["dedicatedMasterEnabled"] is False
    assert "dedicatedMasterCount" not in without


def test_a_writer_may_change_what_a_reader_may_only_ask():
    snapshot = _search()
    reader, writer = _statements(snapshot, "read"), _statements(snapshot, "write")
    assert reader["SearchRead"]["Action"] == ["es:ESHttpGet", "es:ESHttpHead"]
    assert reader["SearchQuery"]["Action"] == ["es:ESHttpPost"]
    assert {resource.rpartition("/")[2] for resource in reader["SearchQuery"]["Resource"]} == {
        "_search",
        "_msearch",
        "_count",
        "_mget",
    }
    assert set(writer["SearchWrite"]["Action"]) > {*reader["SearchRead"]["Action"], "es:ESHttpPut", "es:ESHttpDelete"}
    for statement in (*reader.values(), *writer.values()):
        assert all(resource.startswith(f"{DOMAIN}/") for resource in statement["Resource"])


@pytest.mark.parametrize("level", ["read", "write"])
def test_a_workload_is_told_where_to_ask_and_needs_no_secret(level):
    snapshot = _search()
    environment = snapshot.outputs[f"{level}-environment"]
    assert set(environment) == {"SEARCH_ENDPOINT", "SEARCH_REGION"}
    assert environment["SEARCH_ENDPOINT"] == f"https://{_domain(snapshot).outputs['endpoint']}"
    assert environment["SEARCH_REGION"] == "ap-south-1"
    assert snapshot.outputs[f"{level}-ports"] == [443]
    assert snapshot.outputs[f"{level}-secrets"] == {}


def test_what_stops_the_domain_pages_and_what_only_hints_does_not():
    alarms = _alarms(_search(MASTERS))
    assert set(alarms) == {
        "red",
        "yellow",
        "storage",
        "writes-blocked",
        "cpu",
        "memory",
        "memory-page",
        "master-cpu",
        "master-memory",
        "master-memory-page",
        "master-unreachable",
        "key-error",
        "key-inaccessible",
        "snapshot",
    }
    assert {alarm["dimensions"]["DomainName"] for alarm in alarms.values()} == {"shop-search-prod"}
    assert {alarm["dimensions"]["ClientId"] for alarm in alarms.values()} == {"111122223333"}
    assert not [key for key in _alarms(_search(PROD)) if key in ("master-cpu", "master-memory")]


def test_the_alarm_on_storage_tells_what_is_free_in_mib():
    # 20 GiB less the fifth that the service keeps is 16 GiB; a quarter of that.
    storage = _alarms(_search(DEV))["storage"]
    assert (storage["threshold"], storage["comparisonOperator"]) == (4096, "LessThanOrEqualToThreshold")


def test_a_threshold_of_null_leaves_its_alarm_out():
    silent = _alarms(_search(thresholds={"search_cpu": None, "search_memory": None, "search_storage": None}))
    assert not {"cpu", "memory", "memory-page", "storage"} & set(silent)


@given(st.integers(10, 30_000))
def test_the_service_keeps_a_fifth_and_never_more_than_20_gib(size):
    kept = size - usable_storage(size)
    assert kept == pytest.approx(min(size / 5, 20))


def test_a_long_name_stays_within_what_a_domain_may_be_called():
    def program(context):
        known = pulumi.Output.from_input
        Search(
            "a-platform-with-long-name-search",
            SearchSettings(),
            context=context,
            network=SimpleNamespace(vpc_id=known("vpc-1"), data_subnet_ids={"a": known("subnet-a")}),
        )

    name = _domain(build(program)).inputs["domainName"]
    assert 3 <= len(name) <= 28


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_prod_keeps_its_domain(stage):
    domain = _domain(_search(stage=stage))
    assert bool(domain.options.get("protect")) is (stage == "prod")


@pytest.mark.parametrize("settings", [DEV, PROD, MASTERS], ids=["dev", "prod", "masters"])
def test_no_policy_refuses_it(settings):
    assert [finding for finding in judge(_search(settings), TODAY).blocking if "search" in finding.resource.name] == []


@pytest.mark.parametrize("settings", [DEV, MASTERS], ids=["dev", "masters"])
def test_a_first_preview_plans_the_same(settings):
    known, first = (_search(settings, unknowns=unknowns) for unknowns in (False, True))
    assert [resource.urn for resource in known.resources] == [resource.urn for resource in first.resources]
    assert '"$groundwork": "unknown"' not in known.dumps()
