"""Topics, queues and mobile push."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.messaging.queue_settings import QueueSettings, ScheduleSettings, TopicSettings
from groundwork.settings.base import Model, Name, QueueName, Sealed


class ApplePushSettings(Model):
    """Apple push by token: a signing key of the Apple developer account."""

    signing_key: Sealed
    """The .p8 key."""
    key_id: Sealed
    team_id: Annotated[str, Field(pattern="^[A-Z0-9]{10}$")]
    """Ten letters and digits, as the developer account shows them."""
    bundle_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$", max_length=155)]
    """The app's, such as ``com.example.shop``."""
    sandbox: bool = False
    """Apple's development gateway."""


class AndroidPushSettings(Model):
    """Firebase Cloud Messaging, HTTP v1."""

    service_account: Sealed
    """The service account's JSON."""


class PushSettings(Model):
    """SNS mobile push platform applications."""

    ios: ApplePushSettings | None = None
    android: AndroidPushSettings | None = None
    success_sample_percent: Annotated[int, Field(ge=0, le=100)] = 5
    """Percent of the delivered messages that are logged; failures always are."""

    @model_validator(mode="after")
    def _at_least_one(self) -> PushSettings:
        if not (self.ios or self.android):
            raise PydanticCustomError("push", "push needs credentials for ios, android or both")
        return self


class MessagingSettings(Model):
    """Messages between services, on a schedule, and to phones."""

    queues: dict[QueueName, QueueSettings] = {}
    """SQS queues, each with its dead-letter queue. A name that ends in ``.fifo`` keeps order."""
    topics: dict[QueueName, TopicSettings] = {}
    """SNS topics and who hears them."""
    schedules: dict[Name, ScheduleSettings] = {}
    """What is sent at certain times."""
    push: PushSettings | None = None
