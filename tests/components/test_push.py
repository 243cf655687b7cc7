"""Messages to phones."""

import json

import pulumi
import pytest
from pydantic import ValidationError

from groundwork.components.access import policy_document
from groundwork.components.messaging.push import Push
from groundwork.components.messaging.settings import PushSettings
from groundwork.components.settings import Settings
from groundwork.settings.access import LEVELS, usable
from guardrails.view import Opaque
from tests.harness import build

SEALED = {"secure": "v1:abc"}
IOS = {"signing_key": SEALED, "key_id": SEALED, "team_id": "ABCDE12345", "bundle_id": "com.example.shop"}
ANDROID = {"service_account": SEALED}


def _push(settings, **options):
    def program(context):
        push = Push(
            "shop-push",
            PushSettings.model_validate(settings),
            context=context,
        )
        grant = push.grant("send")
        pulumi.export("environment", dict(grant.environment))
        pulumi.export("policy", policy_document(grant.statements))

    return build(program, **options)


def _applications(snapshot):
    return {
        item.name.removeprefix("shop-push-"): item
        for item in snapshot.of_type("aws:sns/platformApplication:PlatformApplication")
    }


def test_each_phone_system_with_credentials_has_an_application():
    """S2-12"""
    both = _applications(_push({"ios": IOS, "android": ANDROID}))
    assert {key: item.inputs["platform"] for key, item in both.items()} == {"ios": "APNS", "android": "GCM"}
    assert sorted(_applications(_push({"android": ANDROID}))) == ["android"]


def test_the_sandbox_of_apple():
    assert _applications(_push({"ios": {**IOS, "sandbox": True}}))["ios"].inputs["platform"] == "APNS_SANDBOX"


def test_apple_is_asked_by_token():
    ios = _applications(_push({"ios": IOS}))["ios"].inputs
    assert ios["applePlatformTeamId"] == "ABCDE12345"
    assert ios["applePlatformBundleId"] == "com.example.shop"


def test_credentials_never_show():
    snapshot = _push({"ios": IOS, "android": ANDROID})
    ios = _applications(snapshot)["ios"].inputs
    assert ios["platformCredential"] == ios["platformPrincipal"] == Opaque.SECRET
    assert _applications(snapshot)["android"].inputs["platformCredential"] == Opaque.SECRET
    assert "v1:abc" not in snapshot.dumps()


def test_deliveries_are_reported_to_encrypted_log_groups_that_are_there_before():
    snapshot = _push({"ios": IOS})
    groups = {item.inputs["name"]: item for item in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")}
    path = "sns/ap-south-1/111122223333/app/APNS/shop-push-prod-ios"
    assert sorted(groups) == [path, f"{path}/Failure"]
    (role,) = snapshot.of_type("aws:iam/rolePolicy:RolePolicy")
    (statement,) = json.loads(role.inputs["policy"])["Statement"]
    assert statement["Resource"] == [
        f"{groups[name].outputs['arn']}:log-stream:*" for name in (path, f"{path}/Failure")
    ]
    assert _applications(snapshot)["ios"].inputs["successFeedbackSampleRate"] == "5"


def test_sending_reaches_the_devices_of_these_applications_alone():
    snapshot = _push({"ios": IOS})
    register, send = json.loads(snapshot.outputs["policy"])["Statement"]
    assert register["Resource"] == [_applications(snapshot)["ios"].outputs["arn"]]
    assert send["Resource"] == ["arn:aws:sns:ap-south-1:111122223333:endpoint/APNS/shop-push-prod-ios/*"]
    assert snapshot.outputs["environment"] == {"PUSH_IOS_ARN": _applications(snapshot)["ios"].outputs["arn"]}


def test_push_can_be_used_only_where_there_is_one():
    platform = {"name": "shop"}
    with_push = Settings.model_validate({"platform": platform, "messaging": {"push": {"android": ANDROID}}})
    assert [item.name for item in usable(with_push)] == ["push"]
    assert list(usable(Settings.model_validate({"platform": platform, "messaging": {}}))) == []
    assert LEVELS["push"] == ("send",)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"android": {"service_account": "{}"}},
        {"ios": {**IOS, "team_id": "short"}},
        {"ios": {**IOS, "bundle_id": "shop"}},
    ],
)
def test_push_without_proper_credentials_is_a_mistake(settings):
    with pytest.raises(ValidationError):
        PushSettings.model_validate(settings)


def test_push_survives_a_first_preview():
    assert _applications(_push({"ios": IOS, "android": ANDROID}, unknowns=True))


def test_nothing_stays_unknown_in_a_known_snapshot():
    assert '"unknown"' not in _push({"ios": IOS, "android": ANDROID}).dumps()
