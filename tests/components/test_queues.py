"""Queues, and what buckets tell them."""

import json

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.access import policy_document
from groundwork.components.messaging.dead_letters import Sender
from groundwork.components.messaging.notifications import Notifications
from groundwork.components.messaging.queue import Queue
from groundwork.components.messaging.queue_settings import FifoSettings, NotifySettings, QueueSettings, is_fifo, stem
from groundwork.components.storage.bucket import Bucket
from groundwork.components.storage.settings import BucketSettings
from tests.harness import build, shared

KEY = "arn:aws:kms:ap-south-1:111122223333:key/messaging"
BUCKET = "arn:aws:s3:::shop-uploads-1234567"
TOPIC = "arn:aws:sns:ap-south-1:111122223333:shop-events-topic-1234567"


@shared
def _queue(settings=None, *, key="image-jobs", senders=(), **options):
    def program(context):
        queue = Queue(
            f"shop-{stem(key)}",
            QueueSettings.model_validate(settings or {}),
            key=key,
            context=context,
            senders=senders,
        )
        for level in ("send", "consume"):
            grant = queue.grant(level)
            pulumi.export(level, policy_document(grant.statements))
            pulumi.export(f"environment:{level}", dict(grant.environment))

    return build(program, **options)


def _both(snapshot):
    """The queue and its dead-letter queue."""
    queues = {item.name: item for item in snapshot.of_type("aws:sqs/queue:Queue")}
    (main,) = [item for name, item in queues.items() if name.endswith("-queue")]
    (dead,) = [item for name, item in queues.items() if name.endswith("-dead-letters")]
    assert len(queues) == 2
    return main, dead


def _policy(snapshot, name):
    (policy,) = [item for item in snapshot.of_type("aws:sqs/queuePolicy:QueuePolicy") if item.name.endswith(name)]
    return {item["Sid"]: item for item in json.loads(policy.inputs["policy"])["Statement"]}


def _alarms(snapshot):
    return {item.name: item.inputs for item in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")}


def test_a_queue_gives_up_on_a_message_after_its_tries():
    """S0-10, S4-07"""
    main, dead = _both(_queue({"tries": 5}))
    redrive = json.loads(main.inputs["redrivePolicy"])
    assert redrive == {"deadLetterTargetArn": dead.outputs["arn"], "maxReceiveCount": 5}
    assert main.inputs["redrivePolicy"] == json.dumps(redrive, separators=(",", ":"), sort_keys=True)


def test_the_dead_letter_queue_takes_from_this_queue_and_no_other():
    snapshot = _queue()
    main, dead = _both(snapshot)
    (allow,) = snapshot.of_type("aws:sqs/redriveAllowPolicy:RedriveAllowPolicy")
    assert allow.inputs["queueUrl"] == dead.outputs["url"]
    assert json.loads(allow.inputs["redriveAllowPolicy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [main.outputs["arn"]],
    }


def test_what_is_asked_reaches_the_queue():
    """S1-11"""
    main, dead = _both(_queue({"visibility": 60, "retention_days": 4, "delay": 5, "max_kb": 64}))
    assert main.inputs["visibilityTimeoutSeconds"] == 60
    assert main.inputs["messageRetentionSeconds"] == 4 * 86400
    assert main.inputs["delaySeconds"] == 5
    assert main.inputs["maxMessageSize"] == 65536
    assert main.inputs["receiveWaitTimeSeconds"] == 20
    assert dead.inputs["messageRetentionSeconds"] == 14 * 86400


@pytest.mark.parametrize("key", ["jobs", "jobs.fifo"])
def test_both_queues_are_encrypted_and_refuse_plain_http(key):
    snapshot = _queue(key=key)
    for queue in _both(snapshot):
        assert queue.inputs["kmsMasterKeyId"] == KEY
        assert queue.inputs["kmsDataKeyReusePeriodSeconds"] == 3600
    for name in ("-queue", "-dead-letters"):
        refusal = _policy(snapshot, name)["TlsOnly"]
        assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", "*", "sqs:*")
        assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_nobody_is_let_in_by_the_policy_unless_it_is_named():
    assert list(_policy(_queue(), "-queue")) == ["TlsOnly"]


def test_a_bucket_and_a_topic_may_send_each_for_itself():
    """S0-09"""
    other = TOPIC.replace("events", "orders")
    snapshot = _queue(
        senders=[
            Sender("s3.amazonaws.com", BUCKET),
            Sender("sns.amazonaws.com", TOPIC),
            Sender("sns.amazonaws.com", other),
        ]
    )
    policy = _policy(snapshot, "-queue")
    main, _ = _both(snapshot)
    assert policy["AllowS3Send"]["Principal"] == {"Service": "s3.amazonaws.com"}
    assert policy["AllowS3Send"]["Action"] == "sqs:SendMessage"
    assert policy["AllowS3Send"]["Resource"] == main.outputs["arn"]
    assert policy["AllowS3Send"]["Condition"] == {
        "ArnEquals": {"aws:SourceArn": [BUCKET]},
        "StringEquals": {"aws:SourceAccount": "111122223333"},
    }
    assert policy["AllowSnsSend"]["Condition"] == {"ArnEquals": {"aws:SourceArn": [TOPIC, other]}}
    assert list(_policy(snapshot, "-dead-letters")) == ["TlsOnly"]


def test_a_fifo_queue_has_a_fifo_dead_letter_queue():
    """S1-11, S4-07"""
    main, dead = _both(_queue(key="media-processing.fifo"))
    assert main.inputs["fifoQueue"] is dead.inputs["fifoQueue"] is True
    assert main.inputs["contentBasedDeduplication"] is True
    assert (main.name, dead.name) == ("shop-media-processing-queue", "shop-media-processing-dead-letters")


def test_a_standard_queue_says_nothing_of_fifo():
    main, dead = _both(_queue())
    for queue in (main, dead):
        assert {"fifoQueue", "contentBasedDeduplication", "deduplicationScope", "fifoThroughputLimit"} & {
            key for key, value in queue.inputs.items() if value is not None
        } == set()


def test_high_throughput_counts_by_group():
    main, _ = _both(_queue({"fifo": {"scope": "group", "throughput": "group", "deduplication": "id"}}, key="jobs.fifo"))
    assert main.inputs["deduplicationScope"] == "messageGroup"
    assert main.inputs["fifoThroughputLimit"] == "perMessageGroupId"
    assert main.inputs["contentBasedDeduplication"] is False
    with pytest.raises(ValidationError, match="scope: group"):
        FifoSettings(throughput="group")


def test_dead_letters_always_ring_and_waiting_messages_do_if_asked():
    alarms = _alarms(_queue({"alarm_age": 900}))
    dead = alarms["shop-image-jobs-dead-letters"]
    assert (dead["metricName"], dead["threshold"], dead["statistic"]) == (
        "ApproximateNumberOfMessagesVisible",
        0,
        "Maximum",
    )
    assert dead["comparisonOperator"] == "GreaterThanThreshold"
    assert alarms["shop-image-jobs-age"]["threshold"] == 900
    assert list(_alarms(_queue({"alarm_age": None}))) == ["shop-image-jobs-dead-letters"]


def test_waiting_messages_may_first_be_a_notice_and_then_a_page():
    alarms = _alarms(_queue({"alarm_age": {"notice": 900, "page": 7200}}))
    assert alarms["shop-image-jobs-age"]["threshold"] == 900
    assert alarms["shop-image-jobs-age-page"]["threshold"] == 7200


def test_the_alarms_look_at_the_right_queue():
    snapshot = _queue()
    main, dead = _both(snapshot)
    alarms = _alarms(snapshot)
    assert alarms["shop-image-jobs-dead-letters"]["dimensions"] == {"QueueName": dead.outputs["name"]}
    assert alarms["shop-image-jobs-age"]["dimensions"] == {"QueueName": main.outputs["name"]}


def test_sending_takes_the_queue_and_its_key_and_nothing_else():
    snapshot = _queue()
    main, _ = _both(snapshot)
    send, key = json.loads(snapshot.outputs["send"])["Statement"]
    assert send["Action"] == ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
    assert send["Resource"] == [main.outputs["arn"]]
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key["Resource"] == [KEY]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "sqs.ap-south-1.amazonaws.com"}}


def test_consuming_cannot_send():
    """S4-09"""
    snapshot = _queue()
    consume, key = json.loads(snapshot.outputs["consume"])["Statement"]
    assert consume["Action"] == [
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:ReceiveMessage",
    ]
    assert key["Action"] == ["kms:Decrypt"]


def test_the_variable_has_no_suffix():
    snapshot = _queue(key="media-processing.fifo")
    main, _ = _both(snapshot)
    assert snapshot.outputs["environment:send"] == {"MEDIA_PROCESSING_QUEUE_URL": main.outputs["url"]}
    assert snapshot.outputs["environment:consume"] == {
        "MEDIA_PROCESSING_QUEUE_URL": main.outputs["url"],
        "MEDIA_PROCESSING_QUEUE_BACKOFF_FIRST_SECONDS": "10",
        "MEDIA_PROCESSING_QUEUE_BACKOFF_MOST_SECONDS": "900",
    }


@pytest.mark.parametrize(("stage", "protected"), [("prod", True), ("dev", False)])
def test_messages_are_protected_in_prod(stage, protected):
    for queue in _both(_queue(stage=stage)):
        assert queue.options.get("protect", False) is protected


def test_two_queues_whose_names_contain_each_other_do_not_meet():
    def program(context):
        for key in ("jobs", "jobs-dead-letters", "jobs-queue"):
            Queue(
                f"shop-{key}",
                QueueSettings(),
                key=key,
                context=context,
            )

    assert len(build(program).of_type("aws:sqs/queue:Queue")) == 6


def test_a_queue_survives_a_first_preview_and_stays_the_same():
    known, unknown = (
        _queue(senders=[Sender("s3.amazonaws.com", BUCKET)]),
        _queue(senders=[Sender("s3.amazonaws.com", BUCKET)], unknowns=True),
    )
    assert [item.urn for item in known.resources] == [item.urn for item in unknown.resources]
    assert '"unknown"' not in known.dumps()


@given(st.from_regex(r"\A[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5}){0,3}(\.fifo)?\Z"))
def test_the_suffix_alone_makes_a_name_fifo(name):
    assert is_fifo(name) is name.endswith(".fifo")
    assert stem(name) == name.replace(".fifo", "")
    NotifySettings(queue=name)


@pytest.mark.parametrize(
    "name", ["Jobs", "jobs.FIFO", "jobs.fifo.fifo", "jobs_1", "-jobs", "jobs-", "9jobs", "a" * 41, ".fifo"]
)
def test_a_name_that_aws_or_we_do_not_take_is_a_mistake(name):
    with pytest.raises(ValidationError):
        NotifySettings(queue=name)


def _notified(settings, **options):
    def program(context):
        bucket = Bucket("shop-uploads", BucketSettings(), key="uploads", context=context, logs_bucket=None)
        queues = {
            name: Queue(
                f"shop-{name}",
                QueueSettings(),
                key=name,
                context=context,
                senders=[Sender("s3.amazonaws.com", bucket.arn)],
            )
            for name in ("image-jobs", "removals")
        }
        Notifications(
            "shop-uploads-notify",
            {name: NotifySettings.model_validate(notify) for name, notify in settings.items()},
            context=context,
            bucket=bucket,
            queues=queues,
        )

    return build(program, **options)


def test_a_bucket_tells_queues_what_they_asked_for():
    """S0-09"""
    snapshot = _notified(
        {
            "new": {"queue": "image-jobs", "prefix": "uploads/", "suffix": ".jpg"},
            "gone": {"queue": "removals", "on": "removed"},
        }
    )
    (notification,) = snapshot.of_type("aws:s3/bucketNotification:BucketNotification")
    gone, new = notification.inputs["queues"]
    arns = {item.name: item.outputs["arn"] for item in snapshot.of_type("aws:sqs/queue:Queue")}
    assert new == {
        "id": "new",
        "queueArn": arns["shop-image-jobs-queue"],
        "events": ["s3:ObjectCreated:*"],
        "filterPrefix": "uploads/",
        "filterSuffix": ".jpg",
    }
    assert (gone["queueArn"], gone["events"]) == (arns["shop-removals-queue"], ["s3:ObjectRemoved:*"])


def test_the_queue_lets_the_bucket_in_before_the_bucket_tries():
    snapshot = _notified({"new": {"queue": "image-jobs"}})
    (notification,) = snapshot.of_type("aws:s3/bucketNotification:BucketNotification")
    policies = {item.urn for item in snapshot.of_type("aws:sqs/queuePolicy:QueuePolicy") if "image-jobs" in item.name}
    assert policies <= set(notification.dependencies)
    assert [item.urn for item in snapshot.resources] == [
        item.urn for item in _notified({"new": {"queue": "image-jobs"}}, unknowns=True).resources
    ]
