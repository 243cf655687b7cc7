"""The notification processor, as its queue calls it: SNS pretended, the cache a real Redis."""

import json

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.functions.conftest import CREDENTIALS

PAID = {"id": "order-17-paid", "platform": "ios", "token": "a" * 64, "title": "Paid", "body": "Order 17 is paid."}


class Sns:
    """Keeps what is published, and fails when it is told to."""

    def __init__(self):
        self.client = boto3.client("sns")
        self.published = []
        self.failures = []

    def create_platform_endpoint(self, **request):
        return self.client.create_platform_endpoint(**request)

    def publish(self, **request):
        if self.failures:
            failure = self.failures.pop(0)
            if failure:
                raise failure
        self.published.append(request)
        return self.client.publish(**request)


def refused(code, operation="Publish", message="no"):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.fixture
def sns(monkeypatch):
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        made = Sns()
        for key, platform in (("IOS", "APNS"), ("ANDROID", "GCM")):
            application = made.client.create_platform_application(Name=f"shop-{key}", Platform=platform, Attributes={})
            monkeypatch.setenv(f"PUSH_{key}_ARN", application["PlatformApplicationArn"])
        yield made


@pytest.fixture
def handler(sns, load):
    module = load("notification_processor")
    module._sns = lambda: sns
    return module


@pytest.fixture
def remembering(sns, cache, load):
    """With a cache; the test's own client looks into it."""
    module = load("notification_processor")
    module._sns = lambda: sns
    return module


def record(message, name="1"):
    return {"messageId": name, "body": message if isinstance(message, str) else json.dumps(message)}


def run(handler, *records):
    return [item["itemIdentifier"] for item in handler.handle({"Records": list(records)}, None)["batchItemFailures"]]


def test_a_device_is_registered_and_told_in_its_systems_words(handler, sns):
    """S1-13"""
    assert run(handler, record({**PAID, "data": {"order": "17"}})) == []
    (request,) = sns.published
    assert ":endpoint/APNS/shop-IOS/" in request["TargetArn"]
    payload = json.loads(request["Message"])
    apple = json.loads(payload["APNS"])
    assert apple["aps"]["alert"] == {"title": "Paid", "body": "Order 17 is paid."}
    assert apple["order"] == "17"
    google = json.loads(payload["GCM"])["fcmV1Message"]["message"]
    assert google["notification"]["title"] == "Paid"
    assert google["data"] == {"order": "17"}
    assert request["MessageAttributes"]["AWS.SNS.MOBILE.APNS.PUSH_TYPE"]["StringValue"] == "alert"


def test_an_endpoint_that_is_known_is_used_as_it_is(handler, sns):
    endpoint = sns.create_platform_endpoint(PlatformApplicationArn=_application(sns), Token="t" * 64)["EndpointArn"]
    assert run(handler, record({"endpoint": endpoint, "body": "Hello"})) == []
    assert sns.published[0]["TargetArn"] == endpoint


def _application(sns):
    return sns.client.list_platform_applications()["PlatformApplications"][0]["PlatformApplicationArn"]


def test_data_alone_wakes_the_app_and_shows_nothing(handler, sns):
    assert run(handler, record({"platform": "ios", "token": "a" * 64, "data": {"sync": "now"}})) == []
    request = sns.published[0]
    assert json.loads(json.loads(request["Message"])["APNS"])["aps"] == {"content-available": 1}
    assert request["MessageAttributes"]["AWS.SNS.MOBILE.APNS.PUSH_TYPE"]["StringValue"] == "background"


def test_what_a_topic_sent_through_the_queue_is_taken_out_of_its_envelope(handler, sns):
    assert run(handler, record({"Type": "Notification", "Message": json.dumps(PAID)})) == []
    assert len(sns.published) == 1


def test_the_same_message_twice_shows_once(handler, sns):
    """S1-13: without a cache the phone puts the second in place of the first; in one batch it is not even sent."""
    assert run(handler, record(PAID), record(PAID, "2")) == []
    assert run(handler, record(PAID)) == []
    first, second = sns.published
    assert _collapse(first) == _collapse(second)
    assert run(handler, record({**PAID, "id": "order-18-paid"})) == []
    assert _collapse(sns.published[-1]) != _collapse(first)


def _collapse(request):
    google = json.loads(json.loads(request["Message"])["GCM"])["fcmV1Message"]["message"]["android"]
    apple = request["MessageAttributes"]["AWS.SNS.MOBILE.APNS.COLLAPSE_ID"]["StringValue"]
    assert len(apple) <= 64
    return apple, google["collapse_key"], google["notification"]["tag"]


def test_with_a_cache_the_same_message_twice_is_sent_once(remembering, sns, cache):
    """S1-13"""
    for name in ("1", "2", "3"):
        assert run(remembering, record(PAID, name)) == []
    assert len(sns.published) == 1
    (key,) = cache.keys("notification:*")
    assert 23 * 3600 < cache.ttl(key) <= 24 * 3600


def test_the_same_notification_reaches_another_device(remembering, sns):
    run(remembering, record(PAID), record({**PAID, "token": "b" * 64}, "2"))
    assert len(sns.published) == 2


def test_what_could_not_be_sent_is_not_taken_for_sent(remembering, sns, cache):
    sns.failures = [refused("Throttled")]
    assert run(remembering, record(PAID)) == ["1"]
    assert cache.keys("notification:*") == []
    assert run(remembering, record(PAID)) == []
    assert len(sns.published) == 1


def test_what_another_copy_is_sending_comes_again_and_is_late_if_that_copy_died(remembering, sns, cache):
    mark = remembering.Notification.read(PAID, "1").mark
    cache.set(f"notification:{mark}", "claimed", ex=60)
    assert run(remembering, record(PAID)) == ["1"]
    assert sns.published == []
    cache.delete(f"notification:{mark}")
    assert run(remembering, record(PAID)) == []
    assert len(sns.published) == 1


def test_a_claim_lapses(remembering, sns, cache):
    sns.failures = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        run(remembering, record(PAID))
    (key,) = cache.keys("notification:*")
    assert 0 < cache.ttl(key) <= 60


@pytest.mark.parametrize("code", ["EndpointDisabled", "EndpointDisabledException", "NotFound"])
def test_a_device_that_is_gone_is_done_with(handler, sns, code):
    sns.failures = [refused(code)]
    assert run(handler, record(PAID)) == []
    assert sns.published == []


@pytest.mark.parametrize("code", ["Throttled", "InternalError", "PlatformApplicationDisabled", "AuthorizationError"])
def test_what_may_work_later_comes_again_alone(handler, sns, code):
    """S1-13"""
    sns.failures = [None, refused(code), None]
    tokens = [{**PAID, "token": letter * 64} for letter in "abc"]
    assert run(handler, *(record(item, str(key)) for key, item in enumerate(tokens))) == ["1"]


def test_a_device_with_notes_of_the_applications_keeps_its_endpoint(handler, sns, monkeypatch):
    known = sns.create_platform_endpoint(PlatformApplicationArn=_application(sns), Token="k" * 64)["EndpointArn"]
    message = f"Invalid parameter: Token Reason: Endpoint {known} already exists with the same Token, but different attributes."

    def refuse(**request):
        raise refused("InvalidParameter", "CreatePlatformEndpoint", message)

    monkeypatch.setattr(sns, "create_platform_endpoint", refuse)
    assert run(handler, record(PAID)) == []
    assert sns.published[0]["TargetArn"] == known


@pytest.mark.parametrize(
    "message",
    [
        "{",
        [],
        {},
        {"body": "to nobody"},
        {"platform": "windows", "token": "t", "body": "x"},
        {"platform": "ios", "body": "x"},
        {"platform": "ios", "token": "t"},
        {"platform": "ios", "token": "t", "body": 1},
        {"platform": "ios", "token": "t", "data": {"n": 1}},
        {"platform": "ios", "token": "t", "data": "x", "body": "x"},
    ],
)
def test_a_malformed_message_fails_alone(handler, sns, message):
    """S1-13"""
    assert run(handler, record(message, "bad"), record(PAID, "good")) == ["bad"]
    assert len(sns.published) == 1


def test_a_platform_that_this_stack_does_not_push_to_is_said_so(handler, monkeypatch, caplog):
    monkeypatch.delenv("PUSH_ANDROID_ARN")
    assert run(handler, record({**PAID, "platform": "android"})) == ["1"]
    assert "no application for android" in caplog.text


def test_a_new_password_of_the_cache_is_read_when_the_message_comes_again(remembering, sns):
    secrets = boto3.client("secretsmanager")
    password = json.loads(secrets.get_secret_value(SecretId="shop/prod/cache")["SecretString"])["password"]
    secrets.put_secret_value(SecretId="shop/prod/cache", SecretString=json.dumps({"password": "of yesterday"}))
    assert run(remembering, record(PAID)) == ["1"]
    secrets.put_secret_value(SecretId="shop/prod/cache", SecretString=json.dumps({"password": password}))
    assert run(remembering, record(PAID)) == []
    assert len(sns.published) == 1


def test_it_makes_its_own_client(handler, load, sns):
    assert run(load("notification_processor"), record(PAID)) == []
