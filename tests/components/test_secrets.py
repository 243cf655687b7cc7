"""Secrets."""

import hashlib
import json
from types import SimpleNamespace

import pulumi
import pytest

from groundwork.components.access import policy_document
from groundwork.components.secrets.rotation import Rotation, changing
from groundwork.components.secrets.secret import Secret
from groundwork.components.secrets.settings import SecretSettings
from groundwork.settings.base import Sealed
from guardrails.view import Opaque
from tests.harness import build

KEY = "arn:aws:kms:ap-south-1:111122223333:key/secrets"


def _secret(settings, *, decrypted=False, **options):
    def program(context):
        secret = Secret(
            "shop-app",
            SecretSettings.model_validate(
                {"keys": ["NEXTAUTH_SECRET", "JWT_SECRET"], **settings}, context={"decrypted": decrypted}
            ),
            key="app",
            context=context,
        )
        grant = secret.grant("read")
        pulumi.export(
            "secrets",
            {name: {"arn": item.arn, "key": item.key, "kms": item.kms_key_arn} for name, item in grant.secrets.items()},
        )
        pulumi.export("statements", len(grant.statements))

    return build(program, **options)


def test_a_secret_without_values_starts_empty():
    """S2-10"""
    snapshot = _secret({"path": "thulobazaar/production"})
    (secret,) = snapshot.of_type("aws:secretsmanager/secret:Secret")
    assert secret.inputs["name"] == "thulobazaar/production"
    assert secret.inputs["kmsKeyId"] == KEY
    assert not snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")


def test_a_secret_without_path_is_called_by_platform_stage_and_name():
    (secret,) = _secret({}).of_type("aws:secretsmanager/secret:Secret")
    assert secret.inputs["name"] == "shop/prod/app"


def test_reading_gives_each_key_as_a_reference_and_no_permission():
    """S2-10"""
    snapshot = _secret({})
    assert sorted(snapshot.outputs["secrets"]) == ["JWT_SECRET", "NEXTAUTH_SECRET"]
    for name, reference in snapshot.outputs["secrets"].items():
        assert reference["key"] == name
        assert reference["kms"] == KEY
    assert snapshot.outputs["statements"] == 0


@pytest.mark.parametrize("decrypted", [False, True])
def test_a_sealed_value_never_shows(decrypted):
    value = "correct horse" if decrypted else {"secure": "v1:abc"}
    snapshot = _secret({"values": {"JWT_SECRET": value}}, decrypted=decrypted)
    (version,) = snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == Opaque.SECRET
    for hidden in ("correct horse", "[sealed]", "v1:abc"):
        assert hidden not in snapshot.dumps()


def test_nobody_outside_the_account_is_let_in():
    (policy,) = _secret({}).of_type("aws:secretsmanager/secretPolicy:SecretPolicy")
    assert policy.inputs["blockPublicPolicy"] is True
    (statement,) = json.loads(policy.inputs["policy"])["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"]["StringNotEquals"] == {"aws:PrincipalAccount": "111122223333"}


@pytest.mark.parametrize(("stage", "days", "protected"), [("prod", 30, True), ("dev", 0, False)])
def test_a_removed_secret_can_be_restored_in_prod(stage, days, protected):
    (secret,) = _secret({}, stage=stage).of_type("aws:secretsmanager/secret:Secret")
    assert secret.inputs["recoveryWindowInDays"] == days
    assert secret.options.get("protect", False) is protected


def test_a_sealed_value_shows_nothing_as_text():
    assert "horse" not in repr(Sealed("horse"))


def test_secrets_survive_a_first_preview():
    assert _secret({"values": {"JWT_SECRET": {"secure": "v1:abc"}}}, unknowns=True).of_type(
        "aws:secretsmanager/secret:Secret"
    )


def test_nothing_stays_unknown_in_a_known_snapshot():
    assert '"unknown"' not in _secret({"values": {"JWT_SECRET": {"secure": "v1:abc"}}}).dumps()


ROTATING = {"keys": ["JWT_SECRET"], "rotation": {"days": 90, "signing_keys": ["JWT_SECRET"]}}


def test_signing_keys_are_drawn_with_the_one_before_the_one_after_and_their_ids():
    """S1-16"""
    snapshot = _secret(ROTATING)
    (version,) = snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.inputs["secretString"] == Opaque.SECRET
    assert sorted(snapshot.outputs["secrets"]) == sorted(
        f"JWT_SECRET{part}{suffix}" for part in ("", "_PREVIOUS", "_NEXT") for suffix in ("", "_ID")
    )


def test_what_was_rotated_is_never_written_over():
    """S1-16: the first version keeps a label, so that a refresh finds it and an update does not write it again."""
    for settings in (
        ROTATING,
        {"values": {"JWT_SECRET": {"secure": "v1:abc"}}, "rotation": {"days": 1, "function": "f"}},
    ):
        (version,) = _secret(settings).of_type("aws:secretsmanager/secretVersion:SecretVersion")
        assert version.options["ignoreChanges"] == ["secretString", "versionStages"]
        assert version.inputs["versionStages"] == ["AWSCURRENT", "FIRST"]


def test_the_first_version_is_what_the_rotation_expects(monkeypatch):
    written = {}

    def keep(parent, name, secret, values):
        pulumi.Output.json_dumps(values).apply(lambda text: written.update(json.loads(text)))

    monkeypatch.setattr("groundwork.components.secrets.secret.first_version", keep)
    _secret(ROTATING)
    assert sorted(written) == sorted(SecretSettings.model_validate(ROTATING).variables)
    for part in ("", "_PREVIOUS", "_NEXT"):
        key = written[f"JWT_SECRET{part}"]
        assert written[f"JWT_SECRET{part}_ID"] == hashlib.sha256(key.encode()).hexdigest()[:16]


def test_a_secret_that_a_function_of_the_product_fills_starts_empty():
    snapshot = _secret({"rotation": {"days": 30, "function": "partner"}})
    assert not snapshot.of_type("aws:secretsmanager/secretVersion:SecretVersion")


def _rotation(**options):
    arn = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:shop/prod/jwt-AbCdEf"

    def program(context):
        function = SimpleNamespace(
            arn=pulumi.Output.from_input("arn:aws:lambda:ap-south-1:111122223333:function:rotate")
        )
        secret_arn = pulumi.Output.from_input(arn)
        Rotation("shop-jwt-rotation", 90, context=context, secret_arn=secret_arn, function=function)
        granted = changing({"jwt": secret_arn}, context)
        pulumi.export("policy", policy_document(granted.statements))
        pulumi.export("nothing", len(changing({}, context).statements))

    return build(program, **options), arn


def test_a_secret_rotates_every_so_many_days_and_not_at_each_update():
    """S1-16"""
    snapshot, arn = _rotation()
    (schedule,) = snapshot.of_type("aws:secretsmanager/secretRotation:SecretRotation")
    assert schedule.inputs["secretId"] == arn
    assert schedule.inputs["rotationRules"] == {"automaticallyAfterDays": 90}
    assert schedule.inputs["rotateImmediately"] is False


def test_only_secrets_manager_calls_the_function_and_only_for_this_secret():
    """S1-16"""
    snapshot, arn = _rotation()
    (permission,) = snapshot.of_type("aws:lambda/permission:Permission")
    assert permission.inputs["principal"] == "secretsmanager.amazonaws.com"
    assert (permission.inputs["sourceAccount"], permission.inputs["sourceArn"]) == ("111122223333", arn)
    (schedule,) = snapshot.of_type("aws:secretsmanager/secretRotation:SecretRotation")
    assert permission.urn in schedule.dependencies


def test_the_function_may_change_exactly_this_secret():
    """S1-16, S1-17"""
    snapshot, arn = _rotation()
    change, key = json.loads(snapshot.outputs["policy"])["Statement"]
    assert change["Resource"] == [arn]
    assert change["Action"] == [
        f"secretsmanager:{action}"
        for action in ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
    ]
    assert key["Resource"] == [KEY]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "secretsmanager.ap-south-1.amazonaws.com"}}
    assert snapshot.outputs["nothing"] == 0


def test_a_rotation_survives_a_first_preview_and_leaves_nothing_unknown():
    known, _ = _rotation()
    unknown, _ = _rotation(unknowns=True)
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]
    assert '"unknown"' not in known.dumps()
    assert '"unknown"' not in _secret(ROTATING).dumps()
    assert _secret(ROTATING, unknowns=True).of_type("aws:secretsmanager/secretVersion:SecretVersion")
