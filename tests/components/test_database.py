"""The database."""

import json
from types import SimpleNamespace

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.access import policy_document
from groundwork.components.data.archive import schedule
from groundwork.components.data.checks import CHECKS, windows_overlap
from groundwork.components.data.database import Database
from groundwork.components.data.settings import DataSettings, StorageSettings
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.settings import Settings
from groundwork.settings.facts import max_connections
from guardrails.view import Opaque
from tests.harness import build, observed, shared

DATA_KEY = "arn:aws:kms:ap-south-1:111122223333:key/data"
SECRETS_KEY = "arn:aws:kms:ap-south-1:111122223333:key/secrets"
FIVE = {f"reader-{number}": {} for number in range(1, 6)}


@shared
def _database(settings=None, *, level="connect", thresholds=None, zones="ab", **options):
    known = pulumi.Output.from_input

    def program(context):
        network = SimpleNamespace(
            vpc_id=known("vpc-1"), data_subnet_ids={zone: known(f"subnet-{zone}") for zone in zones}
        )
        database = Database(
            "shop-database",
            DataSettings.model_validate(settings or {}),
            context=observed(context, ObservabilitySettings.model_validate({"thresholds": thresholds or {}})),
            network=network,
        )
        grant = database.grant(level)
        pulumi.export("environment", dict(grant.environment))
        pulumi.export("secrets", {name: item.key for name, item in grant.secrets.items()})
        pulumi.export("openings", [{"group": item.security_group_id, "port": item.port} for item in grant.openings])
        pulumi.export("statements", policy_document(grant.statements))
        pulumi.export("rotated", dict(database.rotated))
        if database.rotated:
            rotation = database.rotation()
            pulumi.export("rotation", policy_document(rotation.statements))
            pulumi.export("rotator", {**rotation.environment, "openings": len(rotation.openings)})
            pulumi.export("rotator_secrets", len(rotation.secrets))

    return build(program, **options)


def _instances(snapshot):
    return {item.name.removeprefix("shop-database-"): item for item in snapshot.of_type("aws:rds/instance:Instance")}


def _alarms(snapshot):
    return {
        item.name.removeprefix("shop-database-"): item.inputs
        for item in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    }


def _group(snapshot, key):
    return next(
        item.outputs["id"]
        for item in snapshot.resources
        if item.type.endswith("SecurityGroup") and item.name.endswith(key)
    )


def test_the_database_is_private_encrypted_and_backed_up():
    """S2-07, S1-08, S4-02"""
    (primary,) = _instances(_database({"version": "15"})).values()
    expected = {
        "engineVersion": "15",
        "publiclyAccessible": False,
        "storageEncrypted": True,
        "kmsKeyId": DATA_KEY,
        "storageType": "gp3",
        "allocatedStorage": 20,
        "maxAllocatedStorage": 100,
        "backupRetentionPeriod": 7,
        "copyTagsToSnapshot": True,
        "autoMinorVersionUpgrade": True,
        "iamDatabaseAuthenticationEnabled": True,
        "performanceInsightsKmsKeyId": DATA_KEY,
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "caCertIdentifier": "rds-ca-rsa2048-g1",
    }
    assert {key: primary.inputs.get(key) for key in expected} == expected


def test_every_instance_is_signed_by_the_authority_that_is_asked_for():
    instances = _instances(_database({"ca_certificate": "rds-ca-ecc384-g1", "replicas": {"reports": {}}}))
    assert {name: made.inputs["caCertIdentifier"] for name, made in instances.items()} == {
        "primary": "rds-ca-ecc384-g1",
        "reports": "rds-ca-ecc384-g1",
    }


def test_windows_are_given_in_the_platforms_time_zone():
    """S2-07: 03:00-04:00 in Nepal is 21:15-22:15 UTC the day before."""
    primary = _instances(_database(timezone="Asia/Kathmandu"))["primary"]
    assert primary.inputs["backupWindow"] == "21:15-22:15"
    assert primary.inputs["maintenanceWindow"] == "sat:22:45-sat:23:45"


def test_tls_is_forced_whatever_the_parameters_say():
    """S1-08"""
    (group,) = _database({"parameters": {"rds.force_ssl": "0", "work_mem": "8192"}}).of_type(
        "aws:rds/parameterGroup:ParameterGroup"
    )
    parameters = {item["name"]: item["value"] for item in group.inputs["parameters"]}
    assert parameters["rds.force_ssl"] == "1"
    assert parameters["work_mem"] == "8192"


def test_another_major_version_gets_a_parameter_group_beside_the_old():
    urns = {
        _database({"version": version}).of_type("aws:rds/parameterGroup:ParameterGroup")[0].urn
        for version in ("15", "15.8", "17")
    }
    assert len(urns) == 2


def test_a_major_upgrade_asks_nothing_of_replicas_before_the_primary_has_it():
    """RDS refuses an instance a parameter group of another family, and does not delete one that an instance still has."""
    replicas = {"replicas": {"reader": {}, "second": {"of": "reader"}}}
    before = _database({"version": "15", **replicas})
    during = _database({"version": "17", "upgrade_from": "15", **replicas})
    after = _database({"version": "17", **replicas})

    def families(snapshot):
        groups = {
            group.outputs["name"]: group.inputs["family"]
            for group in snapshot.of_type("aws:rds/parameterGroup:ParameterGroup")
        }
        return {key: groups[one.inputs["parameterGroupName"]] for key, one in _instances(snapshot).items()}, set(
            groups.values()
        )

    assert families(before) == (dict.fromkeys(("primary", "reader", "second"), "postgres15"), {"postgres15"})
    assert families(during) == (
        {"primary": "postgres17", "reader": "postgres15", "second": "postgres15"},
        {"postgres15", "postgres17"},
    )
    assert families(after) == (dict.fromkeys(("primary", "reader", "second"), "postgres17"), {"postgres17"})
    upgrading = {
        name: _instances(snapshot)["primary"].inputs["allowMajorVersionUpgrade"]
        for name, snapshot in (("during", during), ("after", after))
    }
    assert upgrading == {"during": True, "after": False}
    changed = {
        key
        for key, value in _instances(during)["reader"].inputs.items()
        if value != _instances(before)["reader"].inputs.get(key)
    }
    assert not changed


def test_the_password_is_drawn_once_and_shows_nowhere():
    """S2-10, S1-16"""
    snapshot = _database({"proxy": {}, "replicas": {"reader": {}}})
    primary = _instances(snapshot)["primary"]
    assert primary.inputs["password"] == Opaque.SECRET
    assert primary.options["ignoreChanges"] == ["password"]
    (version,) = snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == Opaque.SECRET
    assert "drawn-when" not in snapshot.dumps()


def test_the_secret_is_encrypted_with_the_key_of_secrets():
    (secret,) = _database().of_type("aws:secretsmanager/secret:Secret")
    assert secret.inputs["kmsKeyId"] == SECRETS_KEY
    assert secret.inputs["name"] == "shop/prod/database"


def test_log_groups_are_there_before_the_instance_with_key_and_retention():
    snapshot = _database({"replicas": {"reader": {}}})
    groups = {item.inputs["name"]: item for item in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")}
    for instance in _instances(snapshot).values():
        for log in ("postgresql", "upgrade"):
            group = groups[f"/aws/rds/instance/{instance.inputs['identifier']}/{log}"]
            assert group.inputs["kmsKeyId"].endswith("key/logs")
            assert group.urn in instance.dependencies


@pytest.mark.parametrize(("stage", "kept"), [("prod", True), ("dev", False)])
def test_data_outlives_the_database_in_prod(stage, kept):
    primary = _instances(_database(stage=stage))["primary"]
    assert primary.options.get("protect", False) is kept
    assert primary.inputs["skipFinalSnapshot"] is not kept
    assert primary.inputs["deleteAutomatedBackups"] is not kept
    assert ("finalSnapshotIdentifier" in primary.inputs) is kept
    assert primary.options.get("deleteBeforeReplace", False) is not kept


def test_replicas_are_protected_as_the_primary_is():
    snapshot = _database({"replicas": {"reader": {}}, "deletion_protection": True})
    for instance in _instances(snapshot).values():
        assert instance.options["protect"] is True
        assert instance.inputs["deletionProtection"] is True


def test_security_groups_come_without_rules_of_their_own():
    """S2-06"""
    snapshot = _database()
    assert len(snapshot.of_type("aws:ec2/securityGroup:SecurityGroup")) == 1
    assert not [item for item in snapshot.resources if item.type.endswith("Rule")]


def test_connecting_gives_host_login_and_one_opening():
    """S0-05, S2-10"""
    snapshot = _database()
    environment = snapshot.outputs["environment"]
    assert environment["DATABASE_HOST"] == environment["DATABASE_READER_HOST"]
    assert environment["DATABASE_HOST"].startswith("shop-database-prod.")
    assert environment["DATABASE_SSLMODE"] == "verify-full"
    assert snapshot.outputs["secrets"] == {
        "DATABASE_USERNAME": "username",
        "DATABASE_PASSWORD": "password",
        "DATABASE_URL": "url",
        "DATABASE_READER_URL": "reader_url",
    }
    assert snapshot.outputs["openings"] == [{"group": _group(snapshot, "clients"), "port": 5432}]
    assert json.loads(snapshot.outputs["statements"])["Statement"] == []


def test_one_replica_is_the_reader():
    """S0-05, S2-03, S4-04"""
    snapshot = _database({"class": "db.t3.medium", "replicas": {"reader": {"class": "db.t3.small", "zone": "b"}}})
    replica = _instances(snapshot)["reader"]
    assert replica.inputs["instanceClass"] == "db.t3.small"
    assert replica.inputs["availabilityZone"] == "ap-south-1b"
    assert replica.inputs["replicateSourceDb"] == "shop-database-prod"
    environment = snapshot.outputs["environment"]
    assert environment["DATABASE_READER_HOST"] == replica.outputs["address"]
    assert environment["DATABASE_READER_SSLMODE"] == "verify-full"
    assert not snapshot.of_type("aws:route53/zone:Zone")


def test_a_replica_inherits_login_network_and_key():
    replica = _instances(_database({"replicas": {"reader": {}}}))["reader"]
    for inherited in ("password", "username", "dbSubnetGroupName", "kmsKeyId", "engine", "allocatedStorage", "dbName"):
        assert inherited not in replica.inputs


def test_several_replicas_share_one_name_that_passes_over_those_that_lag():
    """S0-02, S0-03, S0-05"""
    snapshot = _database({"class": "db.r6g.2xlarge", "multi_az": True, "replicas": FIVE, "proxy": {}})
    assert len(_instances(snapshot)) == 6
    records = snapshot.of_type("aws:route53/record:Record")
    assert {record.inputs["name"] for record in records} == {"reader.database.shop-prod.internal"}
    assert {record.inputs["records"][0] for record in records} == {
        instance.outputs["address"] for key, instance in _instances(snapshot).items() if key != "primary"
    }
    assert all(record.inputs["healthCheckId"] for record in records)
    environment = snapshot.outputs["environment"]
    assert environment["DATABASE_READER_HOST"] == "reader.database.shop-prod.internal"
    assert environment["DATABASE_READER_SSLMODE"] == "verify-ca"
    assert len(environment["DATABASE_READER_HOSTS"].split(",")) == 5


def test_without_an_alarm_for_lag_every_replica_is_asked():
    snapshot = _database({"replicas": {"one": {}, "two": {}}}, thresholds={"replica_lag_seconds": None})
    assert not snapshot.of_type("aws:route53/healthCheck:HealthCheck")
    assert len(snapshot.of_type("aws:route53/record:Record")) == 2


def test_adding_a_replica_moves_no_other():
    before = {item.urn for item in _database({"replicas": {"one": {}, "two": {}}}).resources}
    after = {item.urn for item in _database({"replicas": {"zero": {}, "one": {}, "two": {}}}).resources}
    assert before < after


def test_a_replica_of_a_replica_copies_from_it_and_makes_it_keep_backups():
    instances = _instances(_database({"replicas": {"far": {"of": "near"}, "near": {}}}))
    assert instances["far"].inputs["replicateSourceDb"] == "shop-database-prod-near"
    assert instances["near"].inputs["backupRetentionPeriod"] == 1
    assert instances["far"].inputs["backupRetentionPeriod"] == 0


def test_reading_leads_to_the_replica_alone():
    snapshot = _database({"replicas": {"reader": {}}}, level="read")
    assert snapshot.outputs["environment"]["DATABASE_HOST"] == _instances(snapshot)["reader"].outputs["address"]
    assert snapshot.outputs["secrets"]["DATABASE_URL"] == "reader_url"


def test_the_proxy_stands_between_services_and_the_primary():
    """S0-03, S0-04, S1-08"""
    snapshot = _database({"proxy": {}})
    (proxy,) = snapshot.of_type("aws:rds/proxy:Proxy")
    clients, primary, own = (_group(snapshot, key) for key in ("clients", "primary", "proxy"))
    assert proxy.inputs["requireTls"] is True
    assert proxy.inputs["vpcSecurityGroupIds"] == [clients, own]
    assert _instances(snapshot)["primary"].inputs["vpcSecurityGroupIds"] == [primary]
    (rule,) = snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rule.inputs["securityGroupId"] == primary
    assert rule.inputs["referencedSecurityGroupId"] == own
    assert snapshot.outputs["environment"]["DATABASE_HOST"] == proxy.outputs["endpoint"]
    assert snapshot.outputs["openings"] == [{"group": clients, "port": 5432}]


def test_a_network_that_gets_another_zone_leaves_the_proxy_where_it_is():
    two, three = (_database({"proxy": {}}, zones=zones).of_type("aws:rds/proxy:Proxy") for zones in ("ab", "abc"))
    assert two[0].inputs == three[0].inputs
    assert three[0].inputs["vpcSubnetIds"] == ["subnet-a", "subnet-b"]


def test_the_proxy_reads_exactly_its_secret():
    snapshot = _database({"proxy": {}})
    (secret,) = snapshot.of_type("aws:secretsmanager/secret:Secret")
    policy = next(item for item in snapshot.of_type("aws:iam/rolePolicy:RolePolicy") if item.name.endswith("proxy"))
    credentials, key = json.loads(policy.inputs["policy"])["Statement"]
    assert credentials["Resource"] == [secret.outputs["arn"]]
    assert key["Resource"] == [SECRETS_KEY]
    role = next(item for item in snapshot.of_type("aws:iam/role:Role") if item.name.endswith("proxy"))
    (trust,) = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    # A condition on a key that RDS does not send would shut everybody out of the database.
    assert (trust["Principal"], "Condition" in trust) == ({"Service": "rds.amazonaws.com"}, False)


def test_the_proxy_asks_the_database_only_when_it_has_credentials():
    snapshot = _database({"proxy": {}})
    (target,) = snapshot.of_type("aws:rds/proxyTarget:ProxyTarget")
    (version,) = snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.urn in target.dependencies


def test_the_archive_keeps_a_snapshot_of_this_database_each_month():
    """S2-14"""
    snapshot = _database({"archive": {"months": 12}}, timezone="Asia/Kathmandu")
    (plan,) = snapshot.of_type("aws:backup/plan:Plan")
    (rule,) = plan.inputs["rules"]
    assert rule["schedule"] == "cron(0 6 1 * ? *)"
    assert rule["scheduleExpressionTimezone"] == "Asia/Kathmandu"
    assert rule["lifecycle"] == {"deleteAfter": 372}
    (selection,) = snapshot.of_type("aws:backup/selection:Selection")
    assert selection.inputs["resources"] == [_instances(snapshot)["primary"].outputs["arn"]]
    (vault,) = snapshot.of_type("aws:backup/vault:Vault")
    assert vault.inputs["kmsKeyArn"] == DATA_KEY
    assert vault.options["protect"] is True


@given(st.integers(0, 23), st.integers(0, 59))
def test_the_archive_starts_two_hours_after_any_backup_window(hour, minute):
    fields = schedule(f"01:00-{hour:02d}:{minute:02d}").removeprefix("cron(").split(" ")
    assert (int(fields[1]) * 60 + int(fields[0]) - hour * 60 - minute) % 1440 == 120


def test_enhanced_monitoring_comes_with_a_role_and_goes_with_it():
    """S1-08"""
    with_role = _database({"monitoring_interval": 15})
    primary = _instances(with_role)["primary"]
    assert primary.inputs["monitoringInterval"] == 15
    assert "monitoringRoleArn" in primary.inputs
    (policy,) = with_role.of_type("aws:iam/rolePolicy:RolePolicy")
    # CloudWatch Logs asks for the group as log-group:RDSOSMetrics:log-stream: with no stream's name.
    for statement in json.loads(policy.inputs["policy"])["Statement"]:
        assert all(":log-group:RDSOSMetrics:" in resource for resource in statement["Resource"])
    assert not _database({"monitoring_interval": 0}).of_type("aws:iam/role:Role")


def test_every_instance_brings_its_alarms():
    """S2-11, S1-20, S4-12"""
    alarms = _alarms(_database({"class": "db.t4g.medium", "replicas": {"reader": {"class": "db.t4g.small"}}}))
    kinds = ("cpu", "memory", "storage", "connections", "silent-page")
    assert sorted(alarms) == sorted(
        [*(f"primary-{kind}" for kind in kinds), *(f"reader-{kind}" for kind in kinds), "reader-lag"]
    )
    assert alarms["primary-cpu"]["threshold"] == 80
    assert alarms["primary-memory"]["threshold"] == 4 * 1024**3 * 15 / 100
    assert alarms["primary-storage"]["threshold"] == 20 * 1024**3 * 20 / 100
    assert alarms["primary-connections"]["threshold"] == max_connections("db.t4g.medium") * 80 // 100
    assert alarms["reader-connections"]["threshold"] < alarms["primary-connections"]["threshold"]


def test_an_own_limit_of_connections_is_the_one_that_counts():
    alarms = _alarms(_database({"parameters": {"max_connections": "150"}}))
    assert alarms["primary-connections"]["threshold"] == 120


def test_a_threshold_of_null_leaves_its_alarm_out():
    assert "primary-cpu" not in _alarms(_database(thresholds={"database_cpu": None}))


def test_rds_speaks_of_its_own_events():
    subscriptions = _database().of_type("aws:rds/eventSubscription:EventSubscription")
    assert {item.inputs["sourceType"] for item in subscriptions} == {"db-instance", "db-parameter-group"}
    instance = next(item for item in subscriptions if item.inputs["sourceType"] == "db-instance")
    assert {"maintenance", "configuration change", "failure"} <= set(instance.inputs["eventCategories"])


def test_large_volumes_take_more_than_the_base():
    """S1-08: at 1 TB gp3 brings 12,000 IOPS, more than the 3,000 asked for."""
    primary = _instances(_database({"storage": {"size": 1024, "max": 2048, "iops": 16000}}))["primary"]
    assert primary.inputs["iops"] == 16000


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ({"size": 100, "max": 105}, "at least 10 %"),
        ({"size": 100, "iops": 12000, "max": None}, "400 GiB"),
        ({"size": 500, "max": 1000, "iops": 3000}, "12000"),
        ({"size": 500, "max": 1000, "throughput": 125}, "500"),
    ],
)
def test_a_volume_that_rds_refuses_is_a_mistake(storage, words):
    with pytest.raises(ValidationError, match=words):
        StorageSettings.model_validate(storage)


def _mistakes(**layers):
    settings = Settings.model_validate({"platform": {"name": "shop"}, "network": {}, **layers})
    return [".".join(map(str, mistake.path)) for find in CHECKS for mistake in find(settings)]


@pytest.mark.parametrize(
    ("layers", "path"),
    [
        ({"data": {"class": "db.t9.huge"}}, "data.class"),
        ({"data": {"replicas": {"a": {"of": "b"}}}}, "data.replicas.a.of"),
        ({"data": {"replicas": {"a": {"of": "b"}, "b": {"of": "a"}}}}, "data.replicas.a.of"),
        ({"data": {"version": "13", "replicas": {"a": {}, "b": {"of": "a"}}}}, "data.replicas.b.of"),
        ({"data": {"replicas": {"a": {"zone": "f"}}}}, "data.replicas.a.zone"),
        ({"data": {"maintenance_window": "sun:03:30-04:30"}}, "data.maintenance_window"),
        ({"cache": {"maintenance_window": "sun:02:30-03:30"}}, "cache.maintenance_window"),
        ({"cache": {"snapshot_window": "02:00-02:30"}}, "cache.snapshot_window"),
    ],
)
def test_what_aws_would_refuse_is_a_mistake(layers, path):
    assert path in _mistakes(**layers)


def test_the_defaults_hold_no_mistake():
    assert _mistakes(data={}, cache={}) == []


CLOCK = st.integers(0, 1439)


@given(CLOCK, st.integers(30, 720), CLOCK, st.integers(30, 720))
def test_two_windows_meet_when_they_have_a_minute_in_common(start, length, other, other_length):
    def written(begin, minutes):
        end = (begin + minutes) % 1440
        return f"{begin // 60:02d}:{begin % 60:02d}-{end // 60:02d}:{end % 60:02d}"

    minutes = {(start + minute) % 1440 for minute in range(length)}
    others = {(other + minute) % 1440 for minute in range(other_length)}
    assert windows_overlap(written(start, length), f"sun:{written(other, other_length)}") is bool(minutes & others)


def _secrets(snapshot):
    return {item.inputs["name"]: item for item in snapshot.of_type("aws:secretsmanager/secret:Secret")}


def test_with_rotation_the_administrator_moves_to_a_secret_that_no_service_reads():
    """S1-16"""
    snapshot = _database({"rotation_days": 30})
    secrets = _secrets(snapshot)
    assert sorted(secrets) == ["shop/prod/database", "shop/prod/database-administrator"]
    assert {item.inputs["kmsKeyId"] for item in secrets.values()} == {SECRETS_KEY}
    assert snapshot.outputs["rotated"] == {
        "credentials": secrets["shop/prod/database"].outputs["arn"],
        "administrator": secrets["shop/prod/database-administrator"].outputs["arn"],
    }


def test_what_was_rotated_is_never_written_over():
    """S1-16"""
    versions = _database({"rotation_days": 30}).of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert len(versions) == 2
    for version in versions:
        assert version.options["ignoreChanges"] == ["secretString", "versionStages"]
        assert version.inputs["versionStages"] == ["AWSCURRENT", "FIRST"]


def test_the_function_that_rotates_may_change_both_secrets_and_log_in_everywhere():
    """S1-16, S1-17"""
    snapshot = _database({"rotation_days": 30, "replicas": {"one": {}, "two": {}}})
    change, key = json.loads(snapshot.outputs["rotation"])["Statement"]
    assert sorted(change["Resource"]) == sorted(snapshot.outputs["rotated"].values())
    assert all("*" not in action for action in change["Action"])
    assert key["Resource"] == [SECRETS_KEY]
    rotator = snapshot.outputs["rotator"]
    assert rotator["ADMINISTRATOR_SECRET_ARN"] == snapshot.outputs["rotated"]["administrator"]
    assert len(rotator["DATABASE_READER_HOSTS"].split(",")) == 2
    assert rotator["openings"] == 1
    assert snapshot.outputs["rotator_secrets"] == 0


def test_turning_rotation_on_moves_nothing_that_was_there():
    before = {item.urn for item in _database().resources}
    after = {item.urn for item in _database({"rotation_days": 30}).resources}
    assert before < after


def test_rotation_survives_a_first_preview_and_leaves_nothing_unknown():
    wanted = {"rotation_days": 30, "replicas": FIVE}
    known = _database(wanted)
    assert {item.urn for item in _database(wanted, unknowns=True).resources} == {item.urn for item in known.resources}
    assert '"unknown"' not in known.dumps()


@pytest.mark.parametrize("days", [0, 1001, -1])
def test_an_interval_that_aws_refuses_is_a_mistake(days):
    with pytest.raises(ValidationError):
        DataSettings.model_validate({"rotation_days": days})


def test_the_longest_names_fit():
    snapshot = _database({"replicas": {"r" * 24: {}}, "proxy": {}}, name="p" * 24)
    assert all(len(item.inputs["identifier"]) <= 63 for item in _instances(snapshot).values())


EVERYTHING = {"replicas": FIVE, "proxy": {}, "archive": {}, "multi_az": True}


def test_the_database_survives_a_first_preview():
    known = {item.urn for item in _database(EVERYTHING).resources}
    assert {item.urn for item in _database(EVERYTHING, unknowns=True).resources} == known


def test_nothing_stays_unknown_in_a_known_snapshot():
    assert '"unknown"' not in _database(EVERYTHING).dumps()
