"""The cache."""

import json
from types import SimpleNamespace

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.access import policy_document
from groundwork.components.cache.cache import Cache, node_ids
from groundwork.components.cache.settings import CacheSettings
from groundwork.components.observability.settings import ObservabilitySettings
from guardrails.view import Opaque
from tests.harness import build, observed, shared
from tests.requirements import proves

KEY = "arn:aws:kms:ap-south-1:111122223333:key/data"


@shared
def _cache(settings=None, *, thresholds=None, **options):
    known = pulumi.Output.from_input

    def program(context):
        cache = Cache(
            "shop-cache",
            CacheSettings.model_validate(settings or {}),
            context=observed(context, ObservabilitySettings.model_validate({"thresholds": thresholds or {}})),
            network=SimpleNamespace(
                vpc_id=known("vpc-1"), data_subnet_ids={"a": known("subnet-a"), "b": known("subnet-b")}
            ),
        )
        grant = cache.grant("connect")
        pulumi.export("environment", dict(grant.environment))
        pulumi.export("secrets", {name: item.key for name, item in grant.secrets.items()})
        pulumi.export("openings", [{"group": item.security_group_id, "port": item.port} for item in grant.openings])
        pulumi.export("statements", policy_document(grant.statements))

    return build(program, **options)


def _group(snapshot):
    (group,) = snapshot.of_type("aws:elasticache/replicationGroup:ReplicationGroup")
    return group


def _alarms(snapshot):
    return {
        item.name.removeprefix("shop-cache-"): item.inputs
        for item in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }


def test_the_cache_is_encrypted_on_its_way_and_at_rest():
    """S1-09, S4-03"""
    group = _group(_cache()).inputs
    expected = {
        "engine": "valkey",
        "engineVersion": "8.0",
        "transitEncryptionEnabled": True,
        "transitEncryptionMode": "required",
        "atRestEncryptionEnabled": True,
        "kmsKeyId": KEY,
        "autoMinorVersionUpgrade": True,
        "numCacheClusters": 1,
        "automaticFailoverEnabled": False,
    }
    assert {key: group.get(key) for key in expected} == expected


def test_one_replica_makes_it_fail_over():
    """S0-06"""
    group = _group(_cache({"class": "cache.t3.medium", "replicas": 1, "multi_az": True})).inputs
    assert group["numCacheClusters"] == 2
    assert group["automaticFailoverEnabled"] is True
    assert group["multiAzEnabled"] is True


def test_shards_turn_cluster_mode_on():
    """S0-06, S1-09"""
    snapshot = _cache({"class": "cache.r6g.large", "shards": 3, "replicas": 1})
    group = _group(snapshot).inputs
    assert (group["numNodeGroups"], group["replicasPerNodeGroup"]) == (3, 1)
    assert "numCacheClusters" not in group
    (parameters,) = snapshot.of_type("aws:elasticache/parameterGroup:ParameterGroup")
    assert parameters.inputs["parameters"] == [
        {"name": "cluster-enabled", "value": "yes"},
        {"name": "maxmemory-policy", "value": "allkeys-lru"},
    ]
    environment = snapshot.outputs["environment"]
    assert environment["CACHE_MODE"] == "cluster"
    assert environment["CACHE_HOST"].startswith("clustercfg.")
    assert "CACHE_READER_HOST" not in environment


def test_a_running_cache_goes_to_cluster_mode_in_stages_in_which_nothing_else_changes():
    """S0-14: https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/modify-cluster-mode.html"""
    before, compatible, enabled = (
        _group(_cache({"replicas": 1, "cluster_mode": mode})).inputs for mode in (None, "compatible", "enabled")
    )
    assert {key for key in compatible if compatible[key] != before.get(key)} == {
        "applyImmediately",
        "clusterMode",
        "parameterGroupName",
    }
    assert {key for key in {*enabled, *compatible} if enabled.get(key) != compatible.get(key)} == {
        "clusterMode",
        "numCacheClusters",
        "numNodeGroups",
        "replicasPerNodeGroup",
    }
    assert (enabled["numNodeGroups"], enabled["replicasPerNodeGroup"]) == (1, compatible["numCacheClusters"] - 1)
    environment = _cache({"replicas": 1, "cluster_mode": "compatible"}).outputs["environment"]
    assert environment["CACHE_MODE"] == "cluster"
    assert environment["CACHE_HOST"].startswith("clustercfg.")


def test_redis_7_as_asked():
    """S1-09"""
    snapshot = _cache({"engine": "redis", "class": "cache.t3.micro", "snapshot_days": 7})
    assert _group(snapshot).inputs["engineVersion"] == "7.1"
    assert _group(snapshot).inputs["snapshotRetentionLimit"] == 7
    (parameters,) = snapshot.of_type("aws:elasticache/parameterGroup:ParameterGroup")
    assert parameters.inputs["family"] == "redis7"


def test_windows_are_given_in_the_platforms_time_zone():
    group = _group(_cache(timezone="Asia/Kathmandu")).inputs
    assert group["snapshotWindow"] == "20:15-21:15"
    assert group["maintenanceWindow"] == "sat:23:45-sun:00:45"


def test_a_password_is_drawn_once_and_shows_nowhere():
    """S1-09"""
    snapshot = _cache()
    (user,) = snapshot.of_type("aws:elasticache/user:User")
    assert user.inputs["passwords"] == [Opaque.SECRET] or user.inputs["passwords"] == Opaque.SECRET
    assert user.options["ignoreChanges"] == ["passwords"]
    (version,) = snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == Opaque.SECRET
    assert "drawn-when" not in snapshot.dumps()
    assert snapshot.outputs["secrets"] == {"CACHE_PASSWORD": "password", "CACHE_URL": "url"}
    assert json.loads(snapshot.outputs["statements"])["Statement"] == []


def test_iam_needs_no_password_and_names_cache_and_user():
    snapshot = _cache({"authentication": "iam"})
    (user,) = snapshot.of_type("aws:elasticache/user:User")
    assert user.inputs["userId"] == user.inputs["userName"]
    assert user.inputs["authenticationMode"] == {"type": "iam"}
    (statement,) = json.loads(snapshot.outputs["statements"])["Statement"]
    assert statement["Action"] == ["elasticache:Connect"]
    assert statement["Resource"] == [_group(snapshot).outputs["arn"], user.outputs["arn"]]
    assert snapshot.outputs["secrets"] == {}
    assert not snapshot.of_type("aws:secretsmanager/secret:Secret")


def test_the_nameless_user_of_redis_is_turned_off():
    snapshot = _cache({"engine": "redis"})
    default = next(
        item for item in snapshot.of_type("aws:elasticache/user:User") if item.inputs["userName"] == "default"
    )
    assert default.inputs["accessString"] == "off -@all"
    (group,) = snapshot.of_type("aws:elasticache/userGroup:UserGroup")
    assert default.inputs["userId"] in group.inputs["userIds"]


def test_the_application_does_not_administer():
    (user,) = _cache().of_type("aws:elasticache/user:User")
    assert user.inputs["accessString"].endswith("-@admin")


def test_slow_and_engine_logs_go_to_encrypted_log_groups():
    """S1-19"""
    snapshot = _cache()
    groups = {item.inputs["name"]: item.inputs for item in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")}
    assert sorted(groups) == ["/shop/prod/cache/engine-log", "/shop/prod/cache/slow-log"]
    assert all(group["kmsKeyId"].endswith("key/logs") for group in groups.values())
    deliveries = _group(snapshot).inputs["logDeliveryConfigurations"]
    assert {item["logType"]: item["destination"] for item in deliveries} == {
        "slow-log": "/shop/prod/cache/slow-log",
        "engine-log": "/shop/prod/cache/engine-log",
    }


def test_the_security_group_comes_without_rules():
    """S4-03, S4-08"""
    snapshot = _cache()
    (group,) = snapshot.of_type("aws:ec2/securityGroup:SecurityGroup")
    assert snapshot.outputs["openings"] == [{"group": group.outputs["id"], "port": 6379}]
    assert not [item for item in snapshot.resources if item.type.endswith("Rule")]


@pytest.mark.parametrize(("stage", "kept"), [("prod", True), ("dev", False)])
def test_data_outlives_the_cache_in_prod(stage, kept):
    group = _group(_cache(stage=stage))
    assert group.options.get("protect", False) is kept
    assert ("finalSnapshotIdentifier" in group.inputs) is kept


@proves("S0-17")
def test_a_cache_of_jobs_throws_nothing_out_and_any_other_what_is_least_used():
    policies = {}
    for purpose in ("cache", "jobs"):
        snapshot = _cache({"purpose": purpose})
        (group,) = snapshot.of_type("aws:elasticache/parameterGroup:ParameterGroup")
        policies[purpose] = {item["name"]: item["value"] for item in group.inputs["parameters"]}["maxmemory-policy"]
        assert ("001-evictions" in _alarms(snapshot)) is (purpose == "cache")
    assert policies == {"cache": "allkeys-lru", "jobs": "noeviction"}


@proves("S0-17")
def test_services_are_told_how_long_to_keep_things():
    told = _cache({"ttl": {"max": 600}}).outputs["environment"]
    assert {name: value for name, value in told.items() if "TTL" in name} == {
        "CACHE_TTL_MIN_SECONDS": "300",
        "CACHE_TTL_MAX_SECONDS": "600",
        "CACHE_TTL_LOCAL_SECONDS": "15",
    }


def test_every_node_brings_its_alarms():
    """S4-12"""
    alarms = _alarms(_cache({"replicas": 1}))
    kinds = ("cpu", "credits", "evictions", "memory")
    assert sorted(alarms) == [f"00{node}-{kind}" for node in (1, 2) for kind in kinds]
    assert alarms["002-memory"]["dimensions"] == {"CacheClusterId": "shop-cache-prod-002"}
    assert alarms["002-memory"]["threshold"] == 80


def test_a_threshold_of_null_leaves_its_alarm_out():
    assert sorted(_alarms(_cache(thresholds={"cache_evictions": None}))) == [
        "001-cpu",
        "001-credits",
        "001-memory",
    ]


def test_a_node_that_does_not_live_on_credits_has_no_alarm_about_them():
    assert "001-credits" not in _alarms(_cache({"class": "cache.r6g.large"}))


@given(st.integers(0, 5), st.none() | st.integers(1, 90))
def test_nodes_have_names_of_their_own_that_growth_does_not_change(replicas, shards):
    def names(more):
        return node_ids(
            "shop", CacheSettings.model_validate({"replicas": replicas, "shards": shards and min(shards + more, 90)})
        )

    now = names(0)
    assert len(set(now)) == (replicas + 1) * (shards or 1)
    assert set(now) <= set(names(1))
    assert all(len(name) <= 50 for name in now)


@pytest.mark.parametrize(
    "settings",
    [
        {"multi_az": True},
        {"cluster_mode": "compatible"},
        {"cluster_mode": "compatible", "replicas": 1, "shards": 1},
        {"cluster_mode": "disabled", "shards": 2},
        {"engine": "redis", "version": "8.0"},
        {"authentication": "none"},
        {"replicas": 6},
        {"parameters": {"Bad Name": "1"}},
    ],
)
def test_what_elasticache_refuses_is_a_mistake(settings):
    with pytest.raises(ValidationError):
        CacheSettings.model_validate(settings)


def test_the_longest_names_fit():
    def program(context):
        name = f"{'p' * 24}-cache"
        known = pulumi.Output.from_input
        Cache(
            name,
            CacheSettings(),
            context=context,
            network=SimpleNamespace(vpc_id=known("vpc-1"), data_subnet_ids={"a": known("subnet-a")}),
        )

    snapshot = build(program, stage="staging", name="p" * 24)
    assert len(_group(snapshot).inputs["replicationGroupId"]) <= 40
    (user,) = snapshot.of_type("aws:elasticache/user:User")
    assert len(user.inputs["userId"]) <= 40


@pytest.mark.parametrize("settings", [{}, {"shards": 2, "replicas": 1}, {"engine": "redis", "authentication": "iam"}])
def test_the_cache_survives_a_first_preview(settings):
    known = {item.urn for item in _cache(settings).resources}
    assert {item.urn for item in _cache(settings, unknowns=True).resources} == known


@pytest.mark.parametrize("settings", [{}, {"shards": 2, "replicas": 1}])
def test_nothing_stays_unknown_in_a_known_snapshot(settings):
    assert '"unknown"' not in _cache(settings).dumps()
