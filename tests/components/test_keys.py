"""Keys."""

import json

import pulumi
import pytest

from groundwork.components.keys import Keys
from tests.harness import build, shared

DOMAINS = ("data", "storage", "secrets", "messaging", "logs")


@shared
def _keys(**options):
    return build(lambda context: Keys("shop-keys", context), **options)


def _policies(snapshot):
    return {
        key.name.removeprefix("shop-keys-"): {
            statement["Sid"]: statement for statement in json.loads(key.inputs["policy"])["Statement"]
        }
        for key in snapshot.of_type("aws:kms/key:Key")
    }


def test_each_domain_has_a_key_of_its_own_with_rotation_and_an_alias():
    snapshot = _keys()
    assert sorted(_policies(snapshot)) == sorted(DOMAINS)
    for key in snapshot.of_type("aws:kms/key:Key"):
        assert key.inputs["enableKeyRotation"] is True
        assert key.inputs["deletionWindowInDays"] == 30
    assert {alias.inputs["name"] for alias in snapshot.of_type("aws:kms/alias:Alias")} == {
        f"alias/shop/prod/{domain}" for domain in DOMAINS
    }


def test_a_shared_key_admits_whom_every_domain_admits():
    (shared,) = _policies(_keys(keys="shared")).values()
    apart = _policies(_keys())
    assert shared == {sid: statement for policy in apart.values() for sid, statement in policy.items()}


def test_every_domain_of_a_shared_key_leads_to_it():
    snapshot = _keys(keys="shared")
    arns = next(resource for resource in snapshot.resources if resource.type.endswith(":Keys")).outputs["arns"]
    assert sorted(arns) == sorted(DOMAINS)
    assert len(set(arns.values())) == 1


def test_services_are_admitted_only_for_this_account():
    for policy in _policies(_keys()).values():
        for sid, statement in policy.items():
            if sid not in ("EnableIamPolicies", "AllowEventBridge"):
                assert "111122223333" in json.dumps(statement["Condition"]), sid
                assert statement["Action"] != "kms:*"


def test_another_account_copies_with_its_own_aws_backup_and_by_no_other_hand():
    role = "arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
    made = {
        how: build(lambda context: Keys("shop-keys", context, copied_to="222222222222"), **options)
        for how, options in (("apart", {}), ("shared", {"keys": "shared"}))
    }
    for how, domains in (("apart", {"data", "storage"}), ("shared", {"shared"})):
        policies = _policies(made[how])
        admitted = {domain for domain, policy in policies.items() if "222222222222" in json.dumps(policy)}
        assert admitted == domains
        for domain in domains:
            for sid in ("AllowCopies", "AllowCopyGrants"):
                statement = policies[domain][sid]
                assert statement["Condition"]["ArnEquals"] == {"aws:PrincipalArn": role}
                assert not {"kms:Encrypt", "kms:*"} & set(statement["Action"])
    existing = "arn:aws:kms:ap-south-1:111122223333:key/1234"
    snapshot = build(
        lambda context: pulumi.export("wanted", Keys("shop-keys", context, copied_to="222222222222").wanted_statements),
        existing_key=existing,
    )
    wanted = [one["Sid"] for one in json.loads(snapshot.outputs["wanted"])]
    assert wanted.count("AllowCopies") == 1


def test_eventbridge_reaches_encrypted_topics_though_it_says_of_no_account_that_it_sends():
    messaging = _policies(_keys())["messaging"]
    assert "Condition" not in messaging["AllowEventBridge"]
    assert "events.amazonaws.com" not in messaging["AllowPublishingServices"]["Principal"]["Service"]


def test_only_logs_admits_cloudwatch_logs_and_only_for_its_log_groups():
    policies = _policies(_keys(region="eu-central-1"))
    assert policies["logs"]["AllowCloudWatchLogs"]["Principal"] == {"Service": "logs.eu-central-1.amazonaws.com"}
    assert policies["logs"]["AllowCloudWatchLogs"]["Condition"]["ArnLike"] == {
        "kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:111122223333:log-group:*"
    }
    assert [domain for domain, policy in policies.items() if "AllowCloudWatchLogs" in policy] == ["logs"]


def test_keys_of_data_and_secrets_admit_no_service():
    policies = _policies(_keys())
    assert list(policies["data"]) == list(policies["secrets"]) == ["EnableIamPolicies"]


@pytest.mark.parametrize(("stage", "protected"), [("prod", True), ("staging", False), ("dev", False)])
def test_keys_are_protected_in_prod_alone(stage, protected):
    for key in _keys(stage=stage).of_type("aws:kms/key:Key"):
        assert key.options.get("protect", False) is protected


def test_keys_survive_a_first_preview():
    assert len(_keys(unknowns=True).of_type("aws:kms/key:Key")) == 5


def test_nothing_stays_unknown_in_a_known_snapshot():
    assert '"unknown"' not in _keys().dumps()
