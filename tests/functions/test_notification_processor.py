"""The notification processor, as its queue calls it: SNS pretended, the cache a real Redis."""

import json
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
import redis
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.functions.conftest import CREDENTIALS
from tests.requirements import proves

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


class Context:
    """What Lambda tells of a call: how long it may still take."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def get_remaining_time_in_millis(self):
        return max(0, int((self.end - time.monotonic()) * 1000))


def run(handler, *records, seconds=30):
    answer = handler.handle({"Records": list(records)}, Context(seconds))
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


@proves("S1-13")
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


@proves("S1-13")
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


def _key(handler, message=PAID):
    return f"notification:{handler.Notification.read(message, '1').mark}"


class CutOff(BaseException):
    """Lambda ends a call whose time is up: no line of it runs any more."""


def cut_off(context):
    """A call that hangs until Lambda ends it."""

    def hang(**request):
        time.sleep(context.get_remaining_time_in_millis() / 1000)
        raise CutOff

    return hang


@pytest.fixture
def two_copies(remembering, sns, cache, load):
    """Each with its connection, as two copies of the function have."""
    other = load("notification_processor")
    other._sns = lambda: sns
    return remembering, other


@proves("S1-13")
@pytest.mark.parametrize("seconds", [0.6, 5, 30, 900])
def test_a_claim_does_not_outlive_the_call_that_holds_it(remembering, sns, cache, monkeypatch, seconds):
    """S1-13"""
    seen = []
    monkeypatch.setattr(sns, "publish", lambda **request: seen.append(cache.pttl(_key(remembering))))
    run(remembering, record(PAID), seconds=seconds)
    assert len(seen) == 1
    assert 0 < seen[0] <= seconds * 1000


@proves("S1-13")
def test_a_message_whose_call_was_cut_off_is_free_when_the_time_was_up(two_copies, sns, cache, monkeypatch):
    """S1-13: the queue hides it for six times as long, and gives it back to a copy that need not wait."""
    first, second = two_copies
    context = Context(0.8)
    with monkeypatch.context() as patched:
        patched.setattr(sns, "publish", cut_off(context))
        with pytest.raises(CutOff):
            first.handle({"Records": [record(PAID)]}, context)
    time.sleep(0.05)
    assert cache.keys("notification:*") == []
    assert run(second, record(PAID)) == []
    assert len(sns.published) == 1


@proves("S1-13")
@pytest.mark.parametrize("first_try", ["fails", "cut off", "dies"])
def test_two_tries_are_enough_for_a_message_whose_first_one_came_to_nothing(
    two_copies, sns, cache, monkeypatch, first_try
):
    """S1-13: even where the second comes at once, which a queue does only with a message that it delivers twice."""
    first, second = two_copies
    context = Context(1.2)
    if first_try == "fails":
        sns.failures = [refused("Throttled")]
        assert run(first, record(PAID)) == ["1"]
    else:
        with monkeypatch.context() as patched:
            dies = pytest.raises(CutOff)
            patched.setattr(sns, "publish", cut_off(context if first_try == "cut off" else Context(0)))
            with dies:
                first.handle({"Records": [record(PAID)]}, context)
    assert run(second, record(PAID), seconds=5) == []
    assert len(sns.published) == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_second_delivery_waits_for_the_first_and_costs_no_try(two_copies, sns, cache, monkeypatch, fails):
    first, second = two_copies
    begun, finish = threading.Event(), threading.Event()
    publish = sns.publish

    def slow(**request):
        monkeypatch.setattr(sns, "publish", publish)
        begun.set()
        assert finish.wait(10)
        if fails:
            raise refused("InternalError")
        return publish(**request)

    monkeypatch.setattr(sns, "publish", slow)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(run, first, record(PAID))
        assert begun.wait(10)
        two = pool.submit(run, second, record(PAID), record({**PAID, "id": "other"}, "2"))
        patience = time.monotonic() + 10
        while not sns.published and time.monotonic() < patience:
            time.sleep(0.05)
        assert not two.done()
        # What nobody claims does not wait behind what somebody does.
        assert [json.loads(request["Message"])["default"] for request in sns.published] == [PAID["body"]]
        finish.set()
        assert one.result(10) == (["1"] if fails else [])
        assert two.result(10) == []
    assert len(sns.published) == 2
    assert [cache.get(key) for key in cache.keys("notification:*")] == ["sent", "sent"]


def _pauses(handler, monkeypatch):
    """What the handler waits for, pause by pause."""
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(handler, "time", types.SimpleNamespace(**{**vars(time), "sleep": pause}))
    return pauses


@proves("S1-13")
def test_a_claim_that_nobody_gives_up_delays_a_message_and_does_not_lose_it(remembering, sns, cache, monkeypatch):
    """S1-13: the phone shows one, should the other have sent it too."""
    cache.set(_key(remembering), "claimed by nobody", ex=600)
    pauses = _pauses(remembering, monkeypatch)
    assert run(remembering, record(PAID), seconds=3) == []
    assert pauses
    assert len(sns.published) == 1
    assert cache.get(_key(remembering)) == "sent"


def test_a_copy_gives_up_its_own_claim_and_no_other(remembering, sns, cache, monkeypatch):
    def too_late(**request):
        cache.set(_key(remembering), "claimed by another", ex=60)
        raise refused("InternalError")

    monkeypatch.setattr(sns, "publish", too_late)
    assert run(remembering, record(PAID)) == ["1"]
    assert cache.get(_key(remembering)) == "claimed by another"


def test_a_claim_whose_answer_was_lost_is_known_as_ones_own(remembering, sns, cache, monkeypatch):
    memory = remembering._memory()
    claim = memory.set
    asked = []

    def twice(*arguments, **options):
        """As the client tries again by itself when a connection breaks."""
        asked.append(claim(*arguments, **options))
        return claim(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(memory, "set", twice)
        pauses = _pauses(remembering, patched)
        assert run(remembering, record(PAID)) == []
        assert pauses == []
    assert asked == [True, True]
    assert len(sns.published) == 1


@pytest.mark.parametrize("operation", ["set", "eval"])
def test_a_cache_that_goes_away_meanwhile_takes_back_nothing_that_was_sent(
    remembering, sns, cache, monkeypatch, operation
):
    memory = remembering._memory()
    publish = sns.publish

    def gone(*arguments, **options):
        raise redis.ConnectionError

    def last(**request):
        monkeypatch.setattr(memory, operation, gone)
        return publish(**request)

    monkeypatch.setattr(sns, "publish", last)
    if operation == "eval":
        sns.failures = [refused("InternalError")]
    assert run(remembering, record(PAID)) == (["1"] if operation == "eval" else [])
    assert 0 < cache.pttl(_key(remembering)) <= 30_000


@proves("S1-13")
def test_what_there_is_no_time_for_comes_again_and_brings_back_nothing_else(handler, sns, monkeypatch):
    """S1-13: without a cache a batch that is cut off would be sent once more, as far as it came, at each try."""
    publish = sns.publish

    def slow(**request):
        time.sleep(0.4)
        return publish(**request)

    monkeypatch.setattr(sns, "publish", slow)
    batch = [record({**PAID, "id": str(number)}, str(number)) for number in range(4)]
    late = run(handler, *batch, seconds=1.2)
    assert late
    assert len(sns.published) + len(late) == 4
    assert late == [str(number) for number in range(len(sns.published), 4)]


@pytest.mark.parametrize("code", ["EndpointDisabled", "EndpointDisabledException", "NotFound"])
def test_a_device_that_is_gone_is_done_with(handler, sns, code):
    sns.failures = [refused(code)]
    assert run(handler, record(PAID)) == []
    assert sns.published == []


@proves("S1-13")
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


@proves("S1-13")
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
