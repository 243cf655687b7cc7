"""How much the platform is used, in the words of those who run it. Nothing is built of it: ``groundwork cost``, ``simulate`` and ``capacity``
read it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.base import Model, Name

# Bounds that only a slip of the keyboard passes: more people than there are, more than the largest services serve.
Count = Annotated[float, Field(ge=0, le=10_000_000_000)]
Size = Annotated[float, Field(ge=0, le=1_000_000)]
Milliseconds = Annotated[float, Field(ge=0, le=600_000)]

_DAY = 86_400
_HOUR = 3_600
"""Seconds."""


class WorkSettings(Model):
    """What a request of a service, or a message of a worker, asks of the platform, on average."""

    share: Annotated[float, Field(ge=0, le=1_000_000)] = 1
    """How many of the requests are this service's, in relation to the others'; of messages, in relation to other workers."""
    cpu_ms: Milliseconds = 20
    """Milliseconds of one vCPU, in the service."""
    wait_ms: Milliseconds = 0
    """Milliseconds that it waits for somebody else, such as a partner's API, without a vCPU. The same for each request."""
    database_ms: Milliseconds | None = None
    """Milliseconds of one vCPU, in the database, also by way of other services; unset, 2 where the service uses the database itself."""
    database_ios: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Reads and writes of the database's volume; unset, 1 where it needs the database: most reads come from memory."""
    variation: Annotated[float, Field(ge=0, le=10)] = 1
    """How unlike requests are: the standard deviation of their work by its mean. 0: all alike; 1: as exponential times are;
    more: some take much longer than most."""


class UsageSettings(Model):
    """How much the platform is used on an average day. ``groundwork cost`` makes requests, gigabytes and capacity units of it
    (docs/usage.md says how), ``groundwork capacity`` holds the design against it (docs/capacity.md); what is left out stays out of both,
    which name it."""

    visitors: Count | None = None
    """People a day."""
    requests: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Requests that services answer, for each visitor of a day: pages and calls of the API."""
    peak_percent: Annotated[float, Field(ge=4.2, le=60)] | None = None
    """Percent of a day's visitors who come in its busiest hour; 4.2 is an even day. Unset, as in the day that is simulated: 8.7 in an
    evening's."""
    files: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Pictures, scripts and other files that each visitor of a day loads besides."""
    download_mb: Size | None = None
    """Megabytes that each visitor of a day loads in all."""
    cached_percent: Annotated[float, Field(ge=0, le=100)] = 0
    """Share of the files that CloudFront answers itself; the rest comes out of buckets. Unset, none, which is the dearest."""
    uploads: Count | None = None
    """Files a day that users upload, into the buckets for media."""
    upload_mb: Size | None = None
    """Megabytes of one of them."""
    stored_gb: Annotated[float, Field(ge=0, le=1_000_000_000)] | None = None
    """Gigabytes that all buckets for media hold together as the month begins; what is uploaded comes on top."""
    messages: Count | None = None
    """Messages a day, over all queues together."""
    peak_messages: Count | None = None
    """Messages a second, over all queues together, in the busiest minute; unset, as ``peak_percent`` has it."""
    calls: Count | None = None
    """Calls a day of each function."""
    call_seconds: Annotated[float, Field(ge=0, le=900)] | None = None
    """Seconds that a call takes on average."""
    sockets: Count | None = None
    """Connections that stay open, such as WebSockets, on average over the day."""
    peak_sockets: Count | None = None
    """The most of them at once; unset, as many more than ``sockets`` as ``peak_percent`` has it."""
    socket_kb: Annotated[float, Field(ge=1, le=100_000)] = 50
    """KiB of a service's memory for each of them: about what libraries for WebSockets keep without compression."""
    log_kb: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Kilobytes that services log for each request they answer."""
    outbound_gb: Annotated[float, Field(ge=0, le=1_000_000_000)] | None = None
    """Gigabytes a month that services exchange with the internet and with AWS through NAT gateways."""
    database_gb: Annotated[float, Field(ge=0, le=65_536)] = 1
    """Gigabytes that the database holds as the month begins."""
    database_growth_gb: Annotated[float, Field(ge=0, le=65_536)] | None = None
    """Gigabytes a month that it grows."""
    cache_gb: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Gigabytes of keys and values that the cache is to hold at once."""
    services: dict[Name, WorkSettings] = {}
    """The work of a request, or of a message, by service; what a scenario of ``groundwork simulate`` says of it holds instead. A load test
    tells it, or CPU seconds by requests in CloudWatch."""

    @model_validator(mode="after")
    def _peaks_are_above_means(self) -> UsageSettings:
        if self.peak_messages is not None:
            a_day = self.messages or 0
            least, most = a_day / _DAY, a_day / _HOUR
            if not least <= self.peak_messages <= most:
                raise PydanticCustomError(
                    "peak",
                    "{peak} a second do not go with {messages} messages a day, which are {least} a second on average and {most} where "
                    "all come in one hour",
                    {
                        "peak": f"{self.peak_messages:g}",
                        "messages": f"{a_day:g}",
                        "least": f"{least:.3g}",
                        "most": f"{most:.3g}",
                        "at": ("peak_messages",),
                    },
                )
        if self.peak_sockets is not None and self.peak_sockets < (self.sockets or 0):
            raise PydanticCustomError(
                "peak",
                "{peak} are fewer than the {mean} of the day's mean (sockets)",
                {"peak": f"{self.peak_sockets:g}", "mean": f"{self.sockets:g}", "at": ("peak_sockets",)},
            )
        return self
