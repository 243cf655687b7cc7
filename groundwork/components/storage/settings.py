"""Buckets, by what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.messaging.queue_settings import NotifySettings
from groundwork.settings.arns import KeyArn
from groundwork.settings.base import Model, Name, refuse_what_is_built

BucketName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
Days = Annotated[int, Field(ge=1, le=36500)]


class CorsSettings(Model):
    """Which web pages may use the bucket from a browser."""

    origins: Annotated[
        tuple[Annotated[str, Field(pattern=r"^https://[^*/]+$|^http://localhost(:\d+)?$")], ...], Field(min_length=1)
    ]
    """``https://app.example.com``; no wildcard."""
    methods: tuple[Literal["GET", "HEAD", "PUT", "POST", "DELETE"], ...] = ("GET", "HEAD")
    headers: Annotated[tuple[Annotated[str, Field(pattern=r"^(\*|[A-Za-z0-9-]{1,64})$")], ...], Field(min_length=1)] = (
        "*",
    )
    """Headers that a page may send, ``[Authorization, Content-Type]``; ``*`` for any."""
    max_age: Annotated[int, Field(ge=0, le=86400)] = 3000
    """Seconds that a browser may keep the answer."""


class LifecycleSettings(Model):
    """What happens to objects as they age. Unset values are off."""

    prefix: str = ""
    infrequent_after: Annotated[int, Field(ge=30)] | None = None
    """Days until Standard-IA (S3 asks for at least 30)."""
    intelligent_after: Annotated[int, Field(ge=0)] | None = None
    """Days until Intelligent-Tiering, which moves each object between tiers by how it is read; 0 is with the next daily run. In
    place of ``infrequent_after``."""
    archive_after: Days | None = None
    """Days until Glacier Flexible Retrieval."""
    expire_after: Days | None = None
    """Days until an object is deleted, and with it, a day later, the versions that are left of it."""
    noncurrent_expire_after: Days | None = None
    """Days until a replaced or deleted version is gone for good; unset, a day where objects expire, else the purpose's."""

    @model_validator(mode="after")
    def _in_order(self) -> LifecycleSettings:
        if self.infrequent_after is not None and self.intelligent_after is not None:
            raise PydanticCustomError(
                "lifecycle",
                "intelligent_after brings its own tier for what is seldom read; leave infrequent_after out",
                {"at": ("infrequent_after",)},
            )
        steps = (self.infrequent_after, self.intelligent_after, self.archive_after, self.expire_after)
        ages = [age for age in steps if age is not None]
        if ages != sorted(set(ages)):
            raise PydanticCustomError(
                "lifecycle",
                "infrequent_after (or intelligent_after), archive_after and expire_after must follow one another",
            )
        return self

    @property
    def versions_gone_after(self) -> int | None:
        """Return the days after which old versions are deleted. What expires is gone: an object that is only marked as
        deleted would stay for as long as the purpose keeps old versions. Where rules overlap, S3 takes the shorter.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-conflicts.html"""
        if self.noncurrent_expire_after is not None or self.expire_after is None:
            return self.noncurrent_expire_after
        return 1


PURPOSES: Mapping[str, LifecycleSettings] = {
    "media": LifecycleSettings(noncurrent_expire_after=30),
    "static": LifecycleSettings(noncurrent_expire_after=30),
    "backups": LifecycleSettings(infrequent_after=30, archive_after=90, noncurrent_expire_after=90),
    "logs": LifecycleSettings(expire_after=365, noncurrent_expire_after=7),
}
"""What happens to the objects of each purpose as they age."""

_DESCRIBING = frozenset({"existing", "encryption_key", "purpose", "cdn", "path", "spa"})
"""What may stand beside ``existing``."""


class BucketSettings(Model):
    """One bucket: private, encrypted, TLS only; served to the world through CloudFront alone."""

    existing: BucketName | None = None
    """The name of a bucket that exists, in this region. It is used as it is: beside it only ``purpose``, ``cdn``, ``path`` and
    ``encryption_key`` have a meaning, and what its policy must say is the stack's output ``policyStatements``."""
    encryption_key: KeyArn | None = None
    """The customer-managed key with which an existing bucket is encrypted; unset, it is encrypted with S3's own."""
    purpose: Literal["media", "static", "backups", "logs"] = "media"
    """Chooses lifecycle, versioning and key."""
    cdn: bool = False
    """Served by CloudFront under ``path``."""
    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_\-./]*\*$")] | None = None
    """Path at CloudFront; unset, the bucket's name: ``/images/*``."""
    spa: bool = False
    """For ``static``: a single-page application. A path whose last part has no dot answers ``index.html``, so that its own routes
    work as links; served without saying ``cdn``."""
    versioning: bool = True
    cors: CorsSettings | None = None
    notify: dict[Name, NotifySettings] = {}
    """Queues that are told of new or removed objects."""
    lifecycle: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], LifecycleSettings] = {}
    """Further rules by name, beside the purpose's own, which is called ``purpose`` and is replaced by that name."""
    abort_multipart_after: Days = 7
    """Days until an upload that was never finished is removed."""
    lock_days: Days | None = None
    """For ``backups``: days for which no version can be deleted but by whom IAM lets bypass it (Object Lock, governance)."""

    @model_validator(mode="after")
    def _existing_is_not_built(self) -> BucketSettings:
        if self.existing is not None:
            refuse_what_is_built(self, "a bucket that is made", _DESCRIBING)
            if self.purpose == "logs":
                raise PydanticCustomError(
                    "existing",
                    "is for access logs, which AWS delivers only where the bucket's policy admits them, and the policy of a bucket that "
                    "exists is not changed; let one be made",
                    {"at": ("purpose",)},
                )
        elif self.encryption_key is not None:
            raise PydanticCustomError(
                "encryption_key",
                "goes with existing; a bucket that is made is encrypted with the platform's key (platform.keys)",
                {"at": ("encryption_key",)},
            )
        return self

    @model_validator(mode="after")
    def _cleanup_is_taken(self) -> BucketSettings:
        if "cleanup" in self.lifecycle:
            raise PydanticCustomError("lifecycle", 'the rule "cleanup" is every bucket\'s own; give it another name')
        return self

    @model_validator(mode="before")
    @classmethod
    def _an_application_is_served(cls, said: Any) -> Any:
        return {"cdn": True, **said} if isinstance(said, dict) and said.get("spa") is True else said

    @model_validator(mode="after")
    def _an_application_is_static(self) -> BucketSettings:
        if self.spa and (self.purpose != "static" or not self.cdn):
            missing = "purpose: static" if self.purpose != "static" else "cdn: true"
            raise PydanticCustomError(
                "spa", "goes with {missing}; set it, or take spa out", {"missing": missing, "at": ("spa",)}
            )
        return self

    @property
    def is_front_end(self) -> bool:
        """Tell whether it holds pages, and not only what pages name: an application, or a site at ``/*``."""
        return self.cdn and self.purpose == "static" and (self.spa or self.path == "/*")

    @model_validator(mode="after")
    def _path_is_served(self) -> BucketSettings:
        if self.path and not self.cdn:
            raise PydanticCustomError(
                "path",
                "goes with cdn: true, and this bucket is not served; set it, or take the path out",
                {"at": ("path",)},
            )
        return self

    @model_validator(mode="after")
    def _lock_has_its_means(self) -> BucketSettings:
        if self.lock_days and self.purpose != "backups":
            raise PydanticCustomError(
                "lock_days", 'lock_days goes with purpose: backups; purpose is "{purpose}"', {"purpose": self.purpose}
            )
        if self.lock_days and not self.versioning:
            raise PydanticCustomError("lock_days", "lock_days needs versioning, which is false")
        return self
