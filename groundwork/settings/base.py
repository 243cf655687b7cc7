"""What every settings model shares, and the types that several layers use."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import unicodedata
from collections.abc import Collection
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from groundwork.settings.mistakes import nearest


class InOrder:
    """Marks a list whose entries are read one after another, such as a command's: there one may stand twice."""


class Model(BaseModel):
    """A frozen group of settings that refuses keys it does not know, and lists that say a thing twice."""

    # By name for programs, in which ``class`` is no argument; stack files are read by alias alone.
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        defer_build=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        from groundwork.settings.describing import descriptions  # noqa: PLC0415 - it reads the sources of all models

        made = handler(schema)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, text in descriptions(cls).items():
            properties[cls.model_fields[name].alias or name]["description"] = text
        return made

    @model_validator(mode="before")
    @classmethod
    def _no_number_is_true_or_false(cls, given: Any) -> Any:
        """Refuse ``true`` where a number belongs: pydantic would take it for 1."""
        if isinstance(given, dict) and (flags := [key for key, value in given.items() if isinstance(value, bool)]):
            for name in _numbers(cls).intersection(flags):
                raise PydanticCustomError("int_type", "is not a number", {"at": (name,)})
        return given

    @model_validator(mode="after")
    def _lists_say_nothing_twice(self) -> Self:
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, tuple) and InOrder not in field.metadata:
                again = next((index for index, item in enumerate(value) if item in value[:index]), None)
                if again is not None:
                    raise PydanticCustomError(
                        "twice", "is listed twice; take one out", {"at": (field.alias or name, again)}
                    )
        return self


@cache
def _numbers(model: type[Model]) -> frozenset[str]:
    """Return the keys of a model that take a number, and neither true nor false."""
    return frozenset(
        field.alias or name
        for name, field in model.model_fields.items()
        if not {int, float}.isdisjoint(kinds := _kinds(field.annotation)) and bool not in kinds
    )


def _kinds(annotation: Any) -> set[Any]:
    inner = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return _kinds(inner[0])
    return (
        set().union(*map(_kinds, inner))
        if isinstance(annotation, UnionType) or get_origin(annotation) is Union
        else {annotation}
    )


def refuse_what_is_built(settings: Model, what: str, beside: Collection[str]) -> None:
    """Refuse settings of ``what`` where ``existing`` says that a thing is there already; ``beside`` are those that go with it.

    Raises PydanticCustomError for the first that does not.
    """
    for name in type(settings).model_fields:
        if name in settings.model_fields_set and name not in beside:
            key = type(settings).model_fields[name].alias or name
            raise PydanticCustomError(
                "existing",
                "is of {what}, and existing names one that is there, which is not changed; take one of the two out",
                {"what": what, "at": (key,)},
            )


class Sealed:
    """A value that ``pulumi config set --secret`` encrypted.

    The real engine decrypts it; offline it stays sealed and :attr:`value` is None. It never shows its value in text.
    """

    __slots__ = ("value",)

    def __init__(self, value: str | None = None) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "[secret]"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _sealed, serialization=core_schema.plain_serializer_function_ser_schema(lambda _: {"secure": "[secret]"})
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "object",
            "properties": {"secure": {"type": "string"}},
            "required": ["secure"],
            "additionalProperties": False,
            "description": "Written by: pulumi config set --secret --path KEY VALUE",
        }


def _sealed(value: Any, info: core_schema.ValidationInfo) -> Sealed:
    if isinstance(value, Sealed):
        return value
    if isinstance(value, dict) and set(value) == {"secure"}:
        return Sealed()
    if info.context and info.context.get("decrypted") and isinstance(value, str):
        return Sealed(value)
    # The value itself is never repeated: it is a secret somebody pasted.
    raise PydanticCustomError(
        "secret_in_clear",
        f"is a secret in clear text; {SEALING}: pulumi config set --secret --path '{{key}}', which asks for the value",
    )


SEALING = "seal it with"
"""Begins the remedy for a secret in clear text, as it is for a stack file."""


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", value):
        raise PydanticCustomError(
            "name",
            'must be lower-case letters, digits and single dashes, starting with a letter, such as "image-worker"',
        )
    return value


Name = Annotated[str, Field(min_length=1, max_length=24), AfterValidator(_name)]
"""The name of a service, bucket, secret …: at most 24 characters, so that it fits AWS's 32 with a suffix."""


def _queue_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*(\.fifo)?", value):
        raise PydanticCustomError(
            "name",
            'must be lower-case letters, digits and single dashes, and end in ".fifo" where order matters, such as "jobs" or "payments.fifo"',
        )
    return value


QueueName = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_queue_name)]
"""The name of a queue or topic; ``.fifo`` at its end makes it FIFO, as AWS has it."""


_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?/)?"
    rf"{_PATH_PART}(?:/{_PATH_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)
"""https://github.com/distribution/reference/blob/main/reference.go"""


def _image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise PydanticCustomError(
            "image",
            'is not a reference to an image, such as "public.ecr.aws/nginx/nginx:1.29": a repository in lower-case letters, '
            "digits and ._-/, then :tag or @sha256:digest",
        )
    return value


ImageReference = Annotated[str, AfterValidator(_image), Field(min_length=1, max_length=512)]
"""A full reference to a container image."""


def _tag_text(value: str) -> str:
    wrong = next((char for char in value if not _stands_in_a_tag(char)), None)
    if wrong is not None:
        raise PydanticCustomError(
            "tag",
            'has "{wrong}", which not every AWS service takes in a tag; use letters, digits, spaces and _ . : / = + - @',
            {"wrong": wrong},
        )
    return value


def _stands_in_a_tag(char: str) -> bool:
    r"""Tell whether a tag may hold a character: what IAM, ECS and CloudFront take, which is the least of all:
    ``[\p{L}\p{Z}\p{N}_.:/=+\-@]``.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html
    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html
    """
    return char in "_.:/=+-@" or unicodedata.category(char)[0] in "LZN"


TagKey = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_tag_text)]
TagText = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_tag_text)]
"""A tag's value that is not empty."""
TagValue = Annotated[str, Field(max_length=256), AfterValidator(_tag_text)]


@cache
def _time_zones() -> frozenset[str]:
    """Return every IANA name. Read once: it walks the whole folder of time zones."""
    return frozenset(available_timezones())


def _timezone(value: str) -> str:
    if value not in _time_zones():
        # The letters of an abbreviation say nothing: CEST is no slip for EST.
        hint = (
            f"; an abbreviation such as {value} leaves summer time open"
            if re.fullmatch("[A-Z]{2,5}", value)
            else nearest(value, _time_zones())
        )
        raise PydanticCustomError(
            "timezone",
            "is not an IANA time zone; use a name such as Asia/Kathmandu, Europe/Berlin or UTC{hint}",
            {"hint": hint},
        )
    return value


TimeZone = Annotated[str, AfterValidator(_timezone)]
"""An IANA time zone name."""


def _days(value: int) -> int:
    if value not in LOG_RETENTION_DAYS:
        raise PydanticCustomError(
            "retention",
            "is not a retention that CloudWatch Logs has; use {days}",
            {"days": ", ".join(map(str, LOG_RETENTION_DAYS))},
        )
    return value


LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""

LogRetention = Annotated[int, AfterValidator(_days), Field(json_schema_extra={"enum": list(LOG_RETENTION_DAYS)})]
"""Days that CloudWatch keeps log events."""


def _window(value: str) -> str:
    match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", value)
    if (
        not match
        or any(int(hour) > 23 for hour in match.group(1, 3))
        or any(int(minute) > 59 for minute in match.group(2, 4))
    ):
        raise PydanticCustomError(
            "window", 'is not a daily window; write it as "03:00-04:00", in the platform\'s time zone'
        )
    if _window_minutes(value) < 30:
        raise PydanticCustomError("window", "is shorter than the 30 minutes that AWS asks for")
    return value


def _window_minutes(value: str) -> int:
    start, end = (int(clock[:2]) * 60 + int(clock[3:]) for clock in value.split("-"))
    return (end - start) % 1440


def _weekly_window(value: str) -> str:
    day, _, window = value.partition(":")
    if day not in WEEKDAYS:
        raise PydanticCustomError(
            "window", 'is not a weekly window; write it as "sun:04:00-05:00", in the platform\'s time zone'
        )
    _window(window)
    return value


WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

DailyWindow = Annotated[str, AfterValidator(_window)]
"""``HH:MM-HH:MM`` in the platform's time zone, at least 30 minutes."""

WeeklyWindow = Annotated[str, AfterValidator(_weekly_window)]
"""``ddd:HH:MM-HH:MM`` in the platform's time zone, at least 30 minutes."""

# A fixed day, so that the conversion does not depend on when it runs; windows then follow standard time.
_REFERENCE_MONDAY = dt.date(2026, 1, 5)


def window_in_utc(window: str, timezone: str) -> str:
    """Return a window of the platform's time zone as AWS wants it, in UTC; weekdays shift with the clock.

    Standard time of the zone is used all year: a zone with daylight saving sees its window one hour later in summer.
    """
    day, _, clock = window.partition(":") if window[:3] in WEEKDAYS else ("", "", window)
    start_text, _, _ = clock.partition("-")
    base = _REFERENCE_MONDAY + dt.timedelta(days=WEEKDAYS.index(day) if day else 0)
    start = dt.datetime.combine(base, dt.time.fromisoformat(start_text), ZoneInfo(timezone)).astimezone(dt.UTC)
    end = start + dt.timedelta(minutes=_window_minutes(clock))
    if not day:
        return f"{start:%H:%M}-{end:%H:%M}"
    return f"{WEEKDAYS[start.weekday()]}:{start:%H:%M}-{WEEKDAYS[end.weekday()]}:{end:%H:%M}"


def network_around(value: str) -> str:
    """Return the network that an address such as ``10.0.0.5/16`` lies in, as a hint; nothing where that is what was
    said."""
    try:
        around = str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        return ""
    return f'; did you mean "{around}"?' if around != value else ""


Stage = Literal["dev", "staging", "prod"]
Phase = Literal["mvp", "launch", "growth", "scale", "millions"]
