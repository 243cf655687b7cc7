"""How much the platform is used, in the words of those who run it. Nothing is built of it: ``groundwork cost`` reads it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from groundwork.settings.base import Model

# Bounds that only a slip of the keyboard passes: more people than there are, more than the largest services serve.
Count = Annotated[float, Field(ge=0, le=10_000_000_000)]
Size = Annotated[float, Field(ge=0, le=1_000_000)]


class UsageSettings(Model):
    """How much the platform is used on an average day. ``groundwork cost`` makes requests, gigabytes and capacity units of it
    (docs/usage.md says how); what is left out stays out of the estimate, which names it."""

    visitors: Count | None = None
    """People a day."""
    requests: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Requests that services answer, for each visitor of a day: pages and calls of the API."""
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
    calls: Count | None = None
    """Calls a day of each function."""
    call_seconds: Annotated[float, Field(ge=0, le=900)] | None = None
    """Seconds that a call takes on average."""
    sockets: Count | None = None
    """Connections that stay open, such as WebSockets, on average over the day."""
    log_kb: Annotated[float, Field(ge=0, le=100_000)] | None = None
    """Kilobytes that services log for each request they answer."""
    outbound_gb: Annotated[float, Field(ge=0, le=1_000_000_000)] | None = None
    """Gigabytes a month that services exchange with the internet and with AWS through NAT gateways."""
