"""Who the platform is: what every layer's names, tags and protections follow from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from settings.models.base import Model, Name, Phase, Stage, TimeZone
from settings.models.hours import HoursSettings


def _domain(value: str) -> str:
    labels = value.split(".")
    if len(labels) < 2 or value != value.lower() or not all(_is_label(label) for label in labels):
        raise PydanticCustomError(
            "domain", "is not a domain name; write it as example.com, without https:// and without www"
        )
    return value


def _is_label(label: str) -> bool:
    return 0 < len(label) <= 63 and label.replace("-", "").isalnum() and label.isascii() and label.strip("-") == label


Domain = Annotated[str, AfterValidator(_domain), Field(max_length=253)]

TagValue = Annotated[str, Field(max_length=256)]


class PlatformSettings(Model):
    """Name, stage, phase and owner of the platform."""

    name: Name
    """Starts every name and is a tag on everything."""

    stage: Stage = "dev"
    """Chooses protection, retention and how hard policies are enforced."""

    phase: Phase = "mvp"
    """Chooses sizes. A stack file overrides any of them."""

    domain: Domain | None = None
    """The apex domain, such as ``example.com``. Without one the platform works on CloudFront's own name."""

    timezone: TimeZone = "UTC"
    """Backup windows, maintenance windows and schedules are given in it."""

    owner: Annotated[str, Field(min_length=1, max_length=256)] = "platform-team"
    """Tag ``owner``: whom to ask."""

    cost_center: Annotated[str, Field(min_length=1, max_length=256)] = "platform"
    """Tag ``cost-center``."""

    tags: dict[Annotated[str, Field(min_length=1, max_length=128)], TagValue] = {}
    """Further tags on everything."""

    hours: HoursSettings | None = None
    """The hours at which services, instances and database run; for dev and staging. Unset, always."""

    keys: Literal["per-domain", "shared"] = "per-domain"
    """Customer-managed KMS keys: one each for data, storage, secrets, messaging and logs, or one shared by all
    ($1 a month each). Changing it later replaces everything that is encrypted."""
