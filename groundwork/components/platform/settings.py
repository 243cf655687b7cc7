"""Who the platform is: what every layer's names, tags and protections follow from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.hours.settings import HoursSettings
from groundwork.settings.arns import KeyArn
from groundwork.settings.base import Model, Name, Phase, Stage, TagKey, TagText, TagValue, TimeZone
from groundwork.settings.facts import quotas
from groundwork.settings.mistakes import nearest


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

_RAISED = [quota.name for quota in quotas() if not quota.hard]


def _quota(value: str) -> str:
    if value not in _RAISED:
        raise PydanticCustomError(
            "quota",
            "is not a quota that AWS raises; there are {there}{hint}",
            {"there": ", ".join(_RAISED), "hint": nearest(value, _RAISED)},
        )
    return value


QuotaName = Annotated[str, AfterValidator(_quota), Field(json_schema_extra={"enum": _RAISED})]

OWN_TAGS = ("Name", "platform", "stage", "phase", "layer", "owner", "cost-center", "managed-by")
"""The tags that everything has."""

_MOST_TAGS = 40
"""AWS takes 50 on one resource. Beside ours and these some carry two of an engine's own.

https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""


_POLICY = r"^([A-Za-z0-9._+=,@-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$"


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

    owner: TagText = "platform-team"
    """Tag ``owner``: whom to ask."""

    cost_center: TagText = "platform"
    """Tag ``cost-center``."""

    tags: Annotated[dict[TagKey, TagValue], Field(max_length=_MOST_TAGS)] = {}
    """Further tags on everything: letters, digits, spaces and ``_ . : / = + - @``."""

    quotas: dict[QuotaName, Annotated[int, Field(ge=1, le=1_000_000)]] = {}
    """What AWS granted this account beyond the quotas that every account starts with, by their names in
    ``groundwork/settings/facts/quotas.yaml``, such as ``rules-per-security-group: 120``."""

    offered: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    """What AWS offers by now although the tables of this release do not know it: classes, versions, or the region of a service, such as
    ``db.r9g.large``."""

    hours: HoursSettings | None = None
    """The hours at which services, instances and database run; for dev and staging. Unset, always."""

    removable: bool | tuple[Annotated[str, Field(min_length=1, max_length=128)], ...] = False
    """In prod: take every protection from deletion off, so that ``pulumi destroy`` goes through in one go, with what is in
    buckets and repositories. For one last update before it; ``docs/removing.md`` says what stays. Or names of resources, as a preview
    shows them (``shop-database-reader-2*`` for all that begin so): these alone, for the update before the one in which they leave
    (``docs/phases.md``). Other stages are removable anyway."""

    keys: Literal["per-domain", "shared"] = "per-domain"
    """Customer-managed KMS keys: one each for data, storage, secrets, messaging and logs, or one shared by all
    ($1 a month each). Changing it later replaces everything that is encrypted."""

    existing_key: KeyArn | None = None
    """A KMS key that exists, in this region, in place of those of ``keys``. Its policy is not changed; what it must say is the stack's
    output ``policyStatements``, to be added before the first update. Changing it later replaces everything that is encrypted."""

    permissions_boundary: Annotated[str, Field(pattern=_POLICY, max_length=640)] | None = None
    """An IAM policy that no role of this stack may go beyond, by its path and name in the account, such as
    ``bootstrap/bootstrap-shop-boundary`` (``groundwork bootstrap`` makes it). It can be added and changed without a replacement.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """

    @model_validator(mode="after")
    def _keys_are_made_or_there(self) -> PlatformSettings:
        if self.existing_key is not None and "keys" in self.model_fields_set:
            raise PydanticCustomError(
                "keys",
                "says which keys are made, and existing_key names one that is there; take one of the two out",
                {"at": ("keys",)},
            )
        return self

    @property
    def slug(self) -> str:
        """Return ``shop-prod``, which starts names that one platform and stage has to itself in an account and
        region."""
        return f"{self.name}-{self.stage}"

    @property
    def prefix(self) -> str:
        """Return ``/shop/prod``, which starts log groups, secret and parameter paths, which have no automatic
        suffix."""
        return f"/{self.name}/{self.stage}"

    @model_validator(mode="after")
    def _tags_are_not_ours(self) -> PlatformSettings:
        """Refuse tags that Groundwork or AWS sets. IAM takes ``Owner`` and ``owner`` for one key, and refuses both on
        one role.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
        """
        taken = {key.lower(): key for key in OWN_TAGS}
        for key in self.tags:
            if key.lower().startswith("aws:"):
                raise PydanticCustomError(
                    "tags", "cannot be added: AWS keeps what starts with aws: for itself", {"at": ("tags", key)}
                )
            if key.lower() in taken:
                own = taken[key.lower()]
                said = f"; say platform.{own.replace('-', '_')}" if own in ("owner", "cost-center") else ""
                raise PydanticCustomError(
                    "tags",
                    "cannot be added: everything has the tag {own}, and AWS takes great and small letters for equal{said}",
                    {"own": own, "said": said, "at": ("tags", key)},
                )
            taken[key.lower()] = key
        return self
