"""Topics, queues and mobile push."""

from __future__ import annotations

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from settings.models.base import Model, Sealed


class ApplePushSettings(Model):
    """Apple push by token: a signing key of the Apple developer account."""

    signing_key: Sealed
    """The .p8 key."""
    key_id: Sealed
    team_id: str
    bundle_id: str
    sandbox: bool = False


class AndroidPushSettings(Model):
    """Firebase Cloud Messaging, HTTP v1."""

    service_account: Sealed
    """The service account's JSON."""


class PushSettings(Model):
    """SNS mobile push platform applications."""

    ios: ApplePushSettings | None = None
    android: AndroidPushSettings | None = None

    @model_validator(mode="after")
    def _at_least_one(self) -> PushSettings:
        if not (self.ios or self.android):
            raise PydanticCustomError("push", "push needs credentials for ios, android or both")
        return self


class MessagingSettings(Model):
    """Messages between services and to phones."""

    push: PushSettings | None = None
