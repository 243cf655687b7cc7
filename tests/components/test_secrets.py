"""Secrets."""

import json

import pulumi
import pytest

from components.secrets import Secret
from settings.models.base import Sealed
from settings.models.secrets import SecretSettings
from tests.harness import build

KEY = "arn:aws:kms:ap-south-1:111122223333:key/secrets"


def _secret(settings, *, decrypted=False, **options):
    def program(foundation):
        secret = Secret(
            "shop-app",
            SecretSettings.model_validate(
                {"keys": ["NEXTAUTH_SECRET", "JWT_SECRET"], **settings}, context={"decrypted": decrypted}
            ),
            key="app",
            foundation=foundation,
            key_arn=pulumi.Output.from_input(KEY),
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
    assert version.inputs["secretString"] == {"$groundwork": "secret"}
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
