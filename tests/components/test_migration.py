"""A database that moves in: DMS."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.access import Grant, Opening, SecretReference
from groundwork.components.context import Context
from groundwork.components.migration.documents import table_mappings, task_settings
from groundwork.components.migration.migration import Migration
from groundwork.components.migration.settings import MigrationSettings, TableSettings
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import judge
from tests.harness import build, observed, shared
from tests.requirements import proves
from tests.test_guardrails_on_stacks import TODAY

ACCOUNT = "111122223333"
KEY = f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/data"
SECRETS_KEY = f"arn:aws:kms:ap-south-1:{ACCOUNT}:key/secrets"
TARGET_SECRET = f"arn:aws:secretsmanager:ap-south-1:{ACCOUNT}:secret:shop/prod/database-AbCdEf"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SOURCE: dict[str, Any] = {
    "addresses": ["10.80.0.0/24"],
    "database": "legacy",
    "host": "db.old.example.com",
    "username": "mover",
    "password": {"secure": "v1:sealed"},
    "certificate": PEM,
}
PLAIN: dict[str, Any] = {"source": SOURCE, "tables": {"include": ["public.%"]}}


@shared
def migration(
    settings: dict[str, Any] | None = None,
    *,
    thresholds: Any = None,
    administrator: str | None = None,
    **options: Any,
) -> Snapshot:
    known = pulumi.Output.from_input

    def program(context: Context) -> None:
        made = Migration(
            "shop-migration",
            MigrationSettings.model_validate({**PLAIN, **(settings or {})}),
            context=observed(context, ObservabilitySettings.model_validate({"thresholds": thresholds or {}})),
            network=SimpleNamespace(
                vpc_id=known("vpc-1"),
                vpc_ipv6=False,
                private_subnet_ids={zone: known(f"subnet-{zone}") for zone in "ab"},
                private_ready=(),
                s3_prefix_list_id=known("pl-1"),
                endpoint_security_group_id=None,
            ),
            database=Grant(
                openings=[Opening(known("sg-database"), 5432, "PostgreSQL of shop-database")],
                environment={"DATABASE_NAME": "app"},
                secrets={"DATABASE_PASSWORD": SecretReference(known(TARGET_SECRET), known(SECRETS_KEY), "password")},
            ),
            administrator=administrator,
        )
        pulumi.export("tasks", made.task_arns)

    return build(program, **options)


def _inputs(snapshot: Snapshot, kind: str) -> dict[str, dict[str, Any]]:
    return {item.name.removeprefix("shop-migration-"): item.inputs for item in snapshot.of_type(f"aws:{kind}")}


def _instance(snapshot: Snapshot) -> dict[str, Any]:
    [instance] = snapshot.of_type("aws:dms/replicationInstance:ReplicationInstance")
    return instance.inputs


def _endpoints(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return _inputs(snapshot, "dms/endpoint:Endpoint")


def _tasks(snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    return _inputs(snapshot, "dms/replicationTask:ReplicationTask")


@proves("S1-24")
def test_the_instance_is_a_t3_medium_of_50_gb_in_private_subnets() -> None:
    snapshot = migration()
    instance = _instance(snapshot)
    assert (instance["replicationInstanceClass"], instance["allocatedStorage"]) == ("dms.t3.medium", 50)
    assert instance["publiclyAccessible"] is False
    assert instance["autoMinorVersionUpgrade"] is True
    assert instance["multiAz"] is False
    assert instance["kmsKeyArn"] == KEY
    [subnets] = snapshot.of_type("aws:dms/replicationSubnetGroup:ReplicationSubnetGroup")
    assert subnets.inputs["subnetIds"] == ["subnet-a", "subnet-b"]


@proves("S1-24")
def test_source_and_target_are_spoken_to_over_tls_alone() -> None:
    endpoints = _endpoints(migration({"target": {"certificate": PEM}}))
    assert {key: endpoint["sslMode"] for key, endpoint in endpoints.items()} == {
        "forward-source": "verify-full",
        "forward-target": "verify-full",
    }
    assert all("certificateArn" in endpoint for endpoint in endpoints.values())


@proves("S1-24")
def test_the_task_copies_everything_and_then_follows() -> None:
    snapshot = migration()
    [task] = _tasks(snapshot).values()
    assert task["migrationType"] == "full-load-and-cdc"
    assert json.loads(task["tableMappings"])["rules"][0]["object-locator"] == {
        "schema-name": "public",
        "table-name": "%",
    }
    settings = json.loads(task["replicationTaskSettings"])
    assert settings["ValidationSettings"]["EnableValidation"] is True
    assert settings["Logging"]["EnableLogging"] is True


def test_no_task_starts_by_itself_unless_asked() -> None:
    assert _tasks(migration())["forward"]["startReplicationTask"] is False
    assert _tasks(migration({"start": True, "way_back": True}))["forward"]["startReplicationTask"] is True
    assert _tasks(migration({"start": True, "way_back": True}))["back"]["startReplicationTask"] is False


def test_no_login_stands_in_an_endpoint_and_the_password_is_a_secret() -> None:
    snapshot = migration()
    for endpoint in _endpoints(snapshot).values():
        assert not {"username", "password", "serverName"} & endpoint.keys()
        assert endpoint["secretsManagerArn"]
    text = snapshot.dumps()
    assert "v1:sealed" not in text
    [version] = snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert "mover" not in str(version.inputs)


def test_a_login_that_exists_is_used_and_none_is_made() -> None:
    secret = f"arn:aws:secretsmanager:ap-south-1:{ACCOUNT}:secret:legacy/db-AbCdEf"
    source = {"addresses": ["10.80.0.0/24"], "database": "legacy", "secret": secret}
    snapshot = migration({"source": source})
    assert not snapshot.of_type("aws:secretsmanager/secret:Secret")
    assert _endpoints(snapshot)["forward-source"]["secretsManagerArn"] == secret
    policy = _inputs(snapshot, "iam/rolePolicy:RolePolicy")["logins"]["policy"]
    statements = {item["Sid"]: item for item in json.loads(policy)["Statement"]}
    assert statements["Logins"]["Resource"] == [secret, TARGET_SECRET]
    assert statements["DecryptLogins"]["Resource"] == [SECRETS_KEY]


def test_the_role_reads_the_two_logins_through_secrets_manager_and_nothing_else() -> None:
    snapshot = migration()
    policy = json.loads(_inputs(snapshot, "iam/rolePolicy:RolePolicy")["logins"]["policy"])
    assert {action for item in policy["Statement"] for action in item["Action"]} == {
        "kms:Decrypt",
        "kms:DescribeKey",
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
    }
    assert not any("*" in resource for item in policy["Statement"] for resource in item["Resource"])
    trust = json.loads(_inputs(snapshot, "iam/role:Role")["logins"]["assumeRolePolicy"])["Statement"][0]
    assert trust["Principal"] == {"Service": "dms.ap-south-1.amazonaws.com"}


def test_a_role_is_bound_to_the_account_only_where_dms_says_for_whom_it_acts() -> None:
    """https://github.com/terraform-aws-modules/terraform-aws-dms/issues/84: with the condition no log is written."""
    roles = _inputs(migration(), "iam/role:Role")
    conditions = {
        key: json.loads(role["assumeRolePolicy"])["Statement"][0].get("Condition") for key, role in roles.items()
    }
    assert conditions == {
        "dms-vpc-role": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        "dms-cloudwatch-logs-role": None,
        "logins": None,
    }


def test_dms_looks_at_a_key_itself_but_has_secrets_manager_decrypt() -> None:
    policy = json.loads(_inputs(migration(), "iam/rolePolicy:RolePolicy")["logins"]["policy"])
    conditions = {item["Action"][0]: item.get("Condition") for item in policy["Statement"]}
    assert conditions["kms:Decrypt"] == {"StringEquals": {"kms:ViaService": "secretsmanager.ap-south-1.amazonaws.com"}}
    assert conditions["kms:DescribeKey"] is None


def test_dms_is_the_administrator_where_services_log_in_as_somebody_else() -> None:
    """Who is no administrator may not switch off triggers, and the task would fail at its first statement."""
    secret = f"arn:aws:secretsmanager:ap-south-1:{ACCOUNT}:secret:shop/prod/database-administrator-AbCdEf"
    snapshot = migration({"way_back": True}, administrator=secret)
    endpoints = _endpoints(snapshot)
    assert endpoints["forward-target"]["secretsManagerArn"] == secret
    assert endpoints["back-source"]["secretsManagerArn"] == secret
    policy = json.loads(_inputs(snapshot, "iam/rolePolicy:RolePolicy")["logins"]["policy"])
    [logins] = [item for item in policy["Statement"] if item["Sid"] == "Logins"]
    assert secret in logins["Resource"]
    assert TARGET_SECRET not in logins["Resource"]


def test_the_instance_reaches_the_source_the_database_and_https_and_nothing_reaches_it() -> None:
    snapshot = migration({"source": {**SOURCE, "addresses": ["10.80.0.0/24", "10.81.0.9/32"]}})
    out = _inputs(snapshot, "vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    assert {
        (rule.get("cidrIpv4") or rule["referencedSecurityGroupId"], rule["fromPort"], rule["toPort"]) for rule in out
    } == {
        ("10.80.0.0/24", 5432, 5432),
        ("10.81.0.9/32", 5432, 5432),
        ("sg-database", 5432, 5432),
        ("0.0.0.0/0", 443, 443),
    }
    [entry] = snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert entry.inputs["securityGroupId"] == "sg-database"


def test_the_accounts_roles_of_dms_are_made_once_by_setting() -> None:
    names = {role.get("name") for role in _inputs(migration(), "iam/role:Role").values()}
    assert {"dms-vpc-role", "dms-cloudwatch-logs-role"} <= names
    snapshot = migration({"linked_roles": False})
    assert set(_inputs(snapshot, "iam/role:Role")) == {"logins"}


def test_the_roles_stand_before_what_dms_makes_with_them() -> None:
    snapshot = migration()
    [subnets] = snapshot.of_type("aws:dms/replicationSubnetGroup:ReplicationSubnetGroup")
    assert any("dms-vpc-role" in urn for urn in subnets.dependencies)
    source = next(
        item for item in snapshot.of_type("aws:dms/endpoint:Endpoint") if item.name.endswith("forward-source")
    )
    assert any("RolePolicy::shop-migration-logins" in urn for urn in source.dependencies)


def test_the_tasks_log_has_a_key_and_an_end() -> None:
    [group] = migration().of_type("aws:cloudwatch/logGroup:LogGroup")
    assert group.inputs["name"] == "dms-tasks-shop-migration-prod"
    assert group.inputs["retentionInDays"] == 30
    assert group.inputs["kmsKeyId"].endswith("key/logs")


@proves("S1-24")
def test_lag_differences_and_the_instance_have_alarms() -> None:
    alarms = _inputs(migration(), "cloudwatch/metricAlarm:MetricAlarm")
    assert set(alarms) == {"cpu", "storage", "forward-source-lag", "forward-target-lag", "forward-differs"}
    assert alarms["forward-source-lag"]["metricName"] == "CDCLatencySource"
    assert alarms["forward-source-lag"]["threshold"] == 300
    assert alarms["forward-source-lag"]["dimensions"] == {
        "ReplicationInstanceIdentifier": "shop-migration-prod",
        "ReplicationTaskIdentifier": _tasks(migration())["forward"]["resourceIdentifier"],
    }
    assert alarms["storage"]["threshold"] == 10 * 1024**3
    assert alarms["storage"]["comparisonOperator"] == "LessThanThreshold"


def test_thresholds_that_are_left_out_leave_no_alarm() -> None:
    silent = {"migration_cpu": None, "migration_storage": None, "migration_lag_seconds": None}
    assert not _inputs(migration(thresholds=silent), "cloudwatch/metricAlarm:MetricAlarm")


def test_a_task_that_fails_or_stops_is_told_to_the_topic_for_notices() -> None:
    snapshot = migration({"way_back": True})
    pattern = json.loads(_inputs(snapshot, "cloudwatch/eventRule:EventRule")["task-events"]["eventPattern"])
    assert pattern["source"] == ["aws.dms"]
    assert pattern["detail"]["eventType"] == ["REPLICATION_TASK_FAILED", "REPLICATION_TASK_STOPPED"]
    arns = [task.outputs["replicationTaskArn"] for task in snapshot.of_type("aws:dms/replicationTask:ReplicationTask")]
    assert sorted(pattern["resources"]) == sorted(arns)
    assert {target["arn"] for target in _inputs(snapshot, "cloudwatch/eventTarget:EventTarget").values()} == {
        f"arn:aws:sns:ap-south-1:{ACCOUNT}:alerts"
    }


def test_the_way_back_follows_the_platform_into_the_source() -> None:
    tables = {
        "include": ["shop.%", "shop.users"],
        "rename_schemas": {"shop": "public"},
        "rename_tables": {"shop.users": "members"},
    }
    source = {**SOURCE, "engine": "mysql"}
    snapshot = migration({"source": source, "tables": tables, "way_back": True})
    endpoints = _endpoints(snapshot)
    assert (endpoints["back-source"]["engineName"], endpoints["back-target"]["engineName"]) == ("postgres", "mysql")
    # Named, a MySQL endpoint would replicate all tables into that one database.
    assert {key for key, endpoint in endpoints.items() if "databaseName" in endpoint} == {
        "back-source",
        "forward-target",
    }
    back = _tasks(snapshot)["back"]
    assert back["migrationType"] == "cdc"
    rules = json.loads(back["tableMappings"])["rules"]
    assert [rule["object-locator"] for rule in rules if rule["rule-type"] == "selection"] == [
        {"schema-name": "public", "table-name": "%"},
        {"schema-name": "public", "table-name": "members"},
        {"schema-name": "%", "table-name": "awsdms_%"},
    ]
    assert [(rule["object-locator"], rule["value"]) for rule in rules if rule["rule-type"] == "transformation"] == [
        ({"schema-name": "public"}, "shop"),
        ({"schema-name": "public", "table-name": "members"}, "users"),
    ]


def test_nothing_of_a_migration_is_protected_since_it_ends() -> None:
    assert [item.name for item in migration({"way_back": True}).resources if item.options.get("protect")] == []


def test_a_long_platform_name_still_fits() -> None:
    [task] = migration(name="a-platform-with-24-chars").of_type("aws:dms/replicationTask:ReplicationTask")
    assert len(task.inputs["resourceIdentifier"]) <= 31


@pytest.mark.parametrize("settings", [{}, {"way_back": True, "multi_az": True, "target": {"certificate": PEM}}])
def test_nothing_is_unknown_offline_and_a_first_preview_declares_the_same(settings: dict[str, Any]) -> None:
    known, unknown = migration(settings), migration(settings, unknowns=True)
    assert '"$groundwork": "unknown"' not in known.dumps()
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]


@pytest.mark.parametrize("unknowns", [False, True])
def test_the_guardrails_find_nothing_mandatory(unknowns: bool) -> None:
    verdicts = judge(migration({"way_back": True}, unknowns=unknowns), TODAY)
    assert [(finding.rule.name, finding.resource.name, finding.message) for finding in verdicts.blocking] == []


NAMES = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


@given(
    include=st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=5, unique=True),
    exclude=st.lists(st.tuples(NAMES, NAMES), max_size=3, unique=True),
    schemas=st.dictionaries(NAMES, NAMES, max_size=2),
    back=st.booleans(),
)
def test_every_rule_of_a_mapping_has_a_number_of_its_own(
    include: list[tuple[str, str]], exclude: list[tuple[str, str]], schemas: dict[str, str], back: bool
) -> None:
    tables = TableSettings(
        include=tuple(map(".".join, include)), exclude=tuple(map(".".join, exclude)), rename_schemas=schemas
    )
    rules = json.loads(table_mappings(tables, back=back))["rules"]
    assert (
        len({rule["rule-id"] for rule in rules}) == len(rules) == len(include) + len(exclude) + len(schemas) + int(back)
    )
    assert len({rule["rule-name"] for rule in rules}) == len(rules)
    assert [rule["rule-action"] for rule in rules].count("exclude") == len(exclude) + int(back)


def test_lobs_of_any_size_are_copied_in_pieces() -> None:
    limited = json.loads(task_settings(MigrationSettings.model_validate(PLAIN)))["TargetMetadata"]
    assert (limited["LimitedSizeLobMode"], limited["LobMaxSize"], limited["FullLobMode"]) == (True, 1024, False)
    full = json.loads(task_settings(MigrationSettings.model_validate({**PLAIN, "largest_lob_kb": None})))
    assert (full["TargetMetadata"]["FullLobMode"], full["TargetMetadata"]["LimitedSizeLobMode"]) == (True, False)


def test_only_a_load_that_is_asked_to_empties_tables_and_never_the_way_back() -> None:
    settings = MigrationSettings.model_validate({**PLAIN, "prepare": "truncate"})
    assert json.loads(task_settings(settings))["FullLoadSettings"]["TargetTablePrepMode"] == "TRUNCATE_BEFORE_LOAD"
    assert json.loads(task_settings(settings, back=True))["FullLoadSettings"]["TargetTablePrepMode"] == "DO_NOTHING"


@proves("S1-24")
def test_the_cut_over_is_documented_in_phases_with_the_way_back() -> None:
    guide = Path("docs/migration.md").read_text(encoding="utf-8")
    phases = re.findall(r"^## \d\. (.+)$", guide, re.MULTILINE)
    assert phases == [
        "Prepare the source",
        "Build",
        "Schema first",
        "Full load, then follow",
        "Verify",
        "Read-only",
        "Switch",
        "Watch, or go back",
        "Remove",
    ]
    assert "Going back, with everything that was written since the switch" in guide


def test_alarms_that_the_guide_and_the_page_name_are_built() -> None:
    text = "".join(
        Path(name).read_text(encoding="utf-8") for name in ("docs/migration.md", "docs/components/migration.md")
    )
    built = set(_inputs(migration({"way_back": True}), "cloudwatch/metricAlarm:MetricAlarm"))
    named = set(re.findall(r"`((?:forward|back)-[a-z-]+)`", text))
    assert named
    assert named <= built
