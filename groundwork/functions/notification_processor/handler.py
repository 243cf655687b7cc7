"""Sends notifications of a queue to phones, through SNS mobile push.

A message names a device and what it is told::

    {"id": "order-17-paid", "platform": "ios", "token": "…", "title": "Paid", "body": "Order 17 is paid.", "data": {"order": "17"}}
    {"id": "order-17-paid", "endpoint": "arn:aws:sns:…:endpoint/APNS/…", "body": "Order 17 is paid."}

``endpoint`` is what SNS calls a device; with ``platform`` and ``token`` it is registered first, which gives the same endpoint each
time. ``id`` names the notification for that device; unset, the queue's own id does.

What it takes stands in ``function.yaml`` beside it.

The same message twice does no harm: the phone shows the second in place of the first, since both carry the same id to Apple and
Google (collapse id). With a cache the second is not sent at all: an id is claimed before and marked after.

No claim costs a message its tries. One that failed is released at once. One whose owner was cut off or died lapses with the owner's
own time, of which a queue hides a message six times as long. Whoever finds a claim waits for what comes of it, and sends at the end of
its own time what is claimed still: the phone shows one.

A device that is gone or turned off (SNS says so after Apple or Google did) is done with: trying again would change nothing, and the
app registers anew when it is next opened. Everything else that fails comes again by itself, alone, and goes to the dead-letter queue
in the end.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import redis
from botocore.config import Config
from botocore.exceptions import ClientError
from cache_connection import connection
from queue_backoff import put_off

logger = logging.getLogger()

TIMEOUT = 1
"""Seconds for one answer of SNS, the cache or Secrets Manager; two tries fit the least that the function may be given."""
RETRIES = 1
PAUSE = 0.1
"""Seconds between two looks at what another copy has claimed."""
PATIENT_UNTIL = 2.0
"""Seconds before its end at which this copy no longer waits for another."""
BEGIN_UNTIL = 0.5
"""Seconds before its end at which it begins no other message, or as many as the slowest took so far: one that is named as failed comes again alone, but a copy that is cut
off brings back the whole batch."""
# Deletes a claim that is still one's own. https://redis.io/docs/latest/commands/eval/
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
PLATFORMS = ("ios", "android")
_GONE = ("EndpointDisabled", "EndpointDisabledException", "NotFound", "NotFoundException")
# https://docs.aws.amazon.com/sns/latest/api/API_CreatePlatformEndpoint.html
_OTHER_ATTRIBUTES = re.compile(r"Endpoint (arn:\S+) already exists with the same Token")


class Malformed(ValueError):  # noqa: N818 - it is an outcome, not a fault
    """A message that names no device, or nothing to say."""


class OutOfTime(Exception):  # noqa: N818 - it is an outcome, not a fault
    """The next try has more."""


@dataclass(frozen=True)
class Notification:
    """What one message asks for."""

    id: str
    endpoint: str | None
    platform: str | None
    token: str | None
    title: str
    body: str
    data: Mapping[str, str]

    @staticmethod
    def read(message: Any, default_id: str) -> Notification:
        if not isinstance(message, Mapping):
            raise Malformed("a message is an object")

        def text(name: str) -> str | None:
            value = message.get(name)
            if value is not None and not isinstance(value, str):
                raise Malformed(f"{name} is no text")
            return value or None

        data = message.get("data", {})
        if not isinstance(data, Mapping) or not all(isinstance(value, str) for value in data.values()):
            raise Malformed("data is no object of texts")
        found = Notification(
            text("id") or default_id,
            text("endpoint"),
            text("platform"),
            text("token"),
            text("title") or "",
            text("body") or "",
            dict(data),
        )
        if found.endpoint is None and not (found.platform in PLATFORMS and found.token):
            raise Malformed("needs endpoint, or token and a platform: ios or android")
        if not (found.body or found.data):
            raise Malformed("has neither body nor data")
        return found

    @property
    def mark(self) -> str:
        """Return what the notification is remembered by, a hash of: its id and its device."""
        device = self.endpoint or f"{self.platform} {self.token}"
        return hashlib.sha256(f"{self.id} {device}".encode()).hexdigest()

    def payload(self) -> str:
        """Return the message for each system in its own words; SNS picks the device's.

        https://docs.aws.amazon.com/sns/latest/dg/sns-send-custom-platform-specific-payloads-mobile-devices.html
        """
        alert = {name: value for name, value in (("title", self.title), ("body", self.body)) if value}
        apple = json.dumps({"aps": {"alert": alert} if alert else {"content-available": 1}, **self.data})
        google: dict[str, Any] = {"android": {"collapse_key": self.mark[:32]}}
        if alert:
            google["notification"] = alert
            google["android"]["notification"] = {"tag": self.mark[:32]}
        if self.data:
            google["data"] = dict(self.data)
        return json.dumps(
            {
                "default": self.body or "-",
                "APNS": apple,
                "APNS_SANDBOX": apple,
                "GCM": json.dumps({"fcmV1Message": {"message": google}}),
            }
        )

    def attributes(self) -> dict[str, dict[str, str]]:
        """Return the attributes that SNS reserves for devices.
        https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html#sns-attrib-mobile-reserved"""
        wanted = {
            "AWS.SNS.MOBILE.APNS.COLLAPSE_ID": self.mark,
            "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "alert" if self.title or self.body else "background",
            "AWS.SNS.MOBILE.APNS.PRIORITY": "10" if self.title or self.body else "5",
        }
        return {name: {"DataType": "String", "StringValue": value} for name, value in wanted.items()}


def handle(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Handle a batch of the queue. Messages that failed are named, and only they come again."""
    failed = []
    sent: set[str] = set()
    slowest = BEGIN_UNTIL
    waiting = event["Records"]
    while waiting:
        patient = _left(context) > PATIENT_UNTIL
        claimed = []
        for record in waiting:
            began = time.monotonic()
            try:
                notification = Notification.read(_message(record["body"]), record["messageId"])
                if notification.mark in sent:
                    continue
                if process(notification, context, patient=patient, needed=slowest):
                    sent.add(notification.mark)
                else:
                    claimed.append(record)
            except Exception as error:  # one bad message must not bring back the others
                if isinstance(error, redis.AuthenticationError):
                    # Another password since this copy started; the message finds it when it comes again.
                    connection.cache_clear()
                logger.exception("message failed", extra={"message_id": record["messageId"]})
                failed.append({"itemIdentifier": record["messageId"]})
            # Where SNS does not answer each message takes its time, and the last would take more than there is.
            slowest = max(slowest, time.monotonic() - began)
        waiting = claimed
        if waiting:
            time.sleep(PAUSE)
    put_off(event["Records"], {item["itemIdentifier"] for item in failed}, context)
    return {"batchItemFailures": failed}


def _left(context: Any) -> float:
    """Return the seconds until Lambda cuts this call off."""
    return float(context.get_remaining_time_in_millis() / 1000)


def _message(body: str) -> Any:
    """Return the message without the envelope in which a topic sends it through the queue."""
    message = json.loads(body)
    if isinstance(message, dict) and message.get("Type") == "Notification" and isinstance(message.get("Message"), str):
        return json.loads(message["Message"])
    return message


def process(notification: Notification, context: Any, *, patient: bool, needed: float = BEGIN_UNTIL) -> bool:
    """Send it, unless it was sent before. False, only while ``patient``: another copy is at it. Not begun with less than
    ``needed`` seconds left."""
    left = _left(context)
    if left < needed:
        raise OutOfTime(notification.id)
    # A moment and not a duration: to connect may take a while, which a claim must not outlast the call by.
    ends = int((time.time() + left) * 1000)
    memory = _memory()
    if memory is None:
        send(notification)
        return True
    key, claim = f"notification:{notification.mark}", f"claimed {uuid.uuid4()}"
    if not memory.set(key, claim, nx=True, pxat=ends):
        held = memory.get(key)
        if held == b"sent":
            logger.info("sent before", extra={"id": notification.id})
            return True
        # It is this copy's own where the client tried again after an answer that was lost.
        if held != claim.encode() and patient:
            return False
    try:
        send(notification)
    except Exception:
        _release(memory, key, claim)
        raise
    _remember(memory, key)
    return True


def _release(memory: Any, key: str, claim: str) -> None:
    """Release the claim on what failed, so that nobody has to wait for it. Where the cache does not answer the claim
    lapses by itself."""
    try:
        memory.eval(_RELEASE, 1, key, claim)
    except redis.RedisError:
        logger.warning("not released", exc_info=True)


def _remember(memory: Any, key: str) -> None:
    """Remember what was sent; it is sent, whether it can be remembered or not."""
    seconds = int(float(os.environ.get("REMEMBER_HOURS", "24")) * 3600)
    try:
        memory.set(key, "sent", ex=seconds)
    except redis.RedisError:
        logger.warning("not remembered", exc_info=True)


def send(notification: Notification) -> None:
    """Hand it to SNS. A device that is gone is no failure."""
    endpoint = notification.endpoint or _register(str(notification.platform), str(notification.token))
    try:
        _sns().publish(
            TargetArn=endpoint,
            MessageStructure="json",
            Message=notification.payload(),
            MessageAttributes=notification.attributes(),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
        logger.warning("the device is gone", extra={"id": notification.id, "endpoint": endpoint})
        return
    logger.info("sent", extra={"id": notification.id, "endpoint": endpoint})


def _register(platform: str, token: str) -> str:
    """Return the device's endpoint. SNS gives back the one that it has; one with notes of the application's is named in
    a refusal."""
    application = os.environ.get(f"PUSH_{platform.upper()}_ARN")
    if application is None:
        raise Malformed(f"there is no application for {platform}: see messaging.push")
    try:
        answer = _sns().create_platform_endpoint(PlatformApplicationArn=application, Token=token)
    except ClientError as error:
        known = _OTHER_ATTRIBUTES.search(error.response["Error"].get("Message", ""))
        if known is None:
            raise
        return known[1]
    endpoint: str = answer["EndpointArn"]
    return endpoint


@functools.cache
def _sns() -> Any:
    # In the network the call may have no way out; it must fail before the function does.
    config = Config(
        connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"mode": "standard", "total_max_attempts": 2}
    )
    return boto3.client("sns", config=config)


def _memory() -> Any:
    """Return the cache, if this function uses one."""
    return connection(TIMEOUT, RETRIES) if "CACHE_HOST" in os.environ else None
