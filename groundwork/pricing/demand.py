"""From how much a platform is used, as its stack file says it under ``usage``, to what AWS counts of each resource.

docs/usage.md tells the same in words. A month has 730 hours; a quantity that would need something nobody told is left out.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot

_HOURS = Decimal(730)
_DAYS = _HOURS / 24
_SECONDS = _HOURS * 3600
_MB = Decimal(1) / 1024
"""GB in a megabyte, as AWS bills them: https://aws.amazon.com/s3/faqs/#Billing."""
_KB = _MB / 1024
_CALLS_A_MESSAGE = 3
"""Sent, received and deleted: https://aws.amazon.com/sqs/pricing/"""
_COMPRESSED = Decimal("0.15")
"""What is kept of each byte of log that is taken in, as AWS's calculator assumes ("storage compression factor"): https://calculator.aws/"""
BALANCER_UNITS: Mapping[str, tuple[int, int]] = {"application": (25, 3_000), "network": (800, 100_000)}
"""New connections a second and open connections of one capacity unit; both also have 1 GB an hour. Rules beyond the first ten count
too, and weigh less than connections unless a request passes fifty. https://aws.amazon.com/elasticloadbalancing/pricing/"""

_FILES_FROM = ("media", "static")


def demand(snapshot: Snapshot) -> dict[str, dict[str, Decimal]]:
    """Return URN → usage type → how much of it a month has, for a stack whose file has ``usage``; nothing for any other."""
    said = snapshot.settings.get("usage")
    if not isinstance(said, dict):
        return {}
    numbers = {key: Decimal(str(value)) for key, value in said.items() if isinstance(value, (int, float))}
    found: dict[str, dict[str, Decimal]] = {}
    for resource, usage_type, amount in _Demand(snapshot, numbers).rows():
        found.setdefault(glob.escape(resource.urn), {})[usage_type] = amount
    return found


_Row = tuple[Resource, str, Decimal]


@dataclass(frozen=True)
class _Demand:
    """A stack's use, spread over its resources. Where several share something that has one price, each has the same part."""

    snapshot: Snapshot
    said: Mapping[str, Decimal]

    def rows(self) -> Iterator[_Row]:
        yield from self._edge()
        yield from self._load_balancers()
        yield from self._buckets()
        yield from self._backups()
        yield from self._queues()
        yield from self._functions()
        yield from self._logs()
        yield from self._share(
            self.snapshot.of_type("aws:ec2/natGateway:NatGateway"), "NatGateway-Bytes", self._of("outbound_gb")
        )

    def _of(self, *names: str) -> Decimal | None:
        """Return the product of what is said; None where a part of it is not."""
        product = Decimal(1)
        for name in names:
            if name not in self.said:
                return None
            product *= self.said[name]
        return product

    def _monthly(self, *names: str) -> Decimal | None:
        a_day = self._of(*names)
        return None if a_day is None else a_day * _DAYS

    @staticmethod
    def _share(resources: Sequence[Resource], usage_type: str, amount: Decimal | None) -> Iterator[_Row]:
        if amount is not None:
            for resource in resources:
                yield resource, usage_type, amount / len(resources)

    @property
    def _answered(self) -> Decimal | None:
        """Return the requests a month that services answer; without CloudFront the files are theirs too."""
        requests, files = self._monthly("visitors", "requests"), self._monthly("visitors", "files")
        if requests is None or self._distributions:
            return requests
        return None if files is None else requests + files

    @property
    def _distributions(self) -> list[Resource]:
        return self.snapshot.of_type("aws:cloudfront/distribution:Distribution")

    def _edge(self) -> Iterator[_Row]:
        requests, files = self._monthly("visitors", "requests"), self._monthly("visitors", "files")
        all_of_it = None if requests is None or files is None else requests + files
        down = self._monthly("visitors", "download_mb")
        yield from self._share(self._distributions, "Requests-Tier2-HTTPS", all_of_it)
        yield from self._share(self._distributions, "DataTransfer-Out-Bytes", None if down is None else down * _MB)
        for scope, amount in (("CLOUDFRONT", all_of_it), ("REGIONAL", self._answered)):
            lists = [
                one for one in self.snapshot.of_type("aws:wafv2/webAcl:WebAcl") if one.inputs.get("scope") == scope
            ]
            yield from self._share(lists, "RequestV2-Tier1", amount)
        # A visitor's resolver keeps what it was told for the rest of the visit.
        yield from self._share(self.snapshot.of_type("aws:route53/zone:Zone"), "DNS-Queries", self._monthly("visitors"))

    def _load_balancers(self) -> Iterator[_Row]:
        balancers = self.snapshot.of_type("aws:lb/loadBalancer:LoadBalancer")
        # Visitors' requests come through those for HTTP, where there are some.
        balancers = [one for one in balancers if one.inputs.get("loadBalancerType") != "network"] or list(balancers)
        answered, down = self._answered, self._monthly("visitors", "download_mb")
        if answered is None or down is None:
            return
        if not self._distributions:
            public = [one for one in balancers if not one.inputs.get("internal")]
            yield from self._share(public, "DataTransfer-Out-Bytes", down * _MB)
        through = down if not self._distributions else down * self._share_of_services
        for balancer in balancers:
            new, still_open = BALANCER_UNITS[str(balancer.inputs.get("loadBalancerType") or "application")]
            units = max(
                # As many connections as requests, which is the dearest: browsers and CloudFront keep theirs for the next.
                answered / _SECONDS / new,
                self.said.get("sockets", Decimal(0)) / still_open,
                through * _MB / _HOURS,
            )
            yield balancer, "LCUUsage", units * _HOURS / len(balancers)

    @property
    def _share_of_services(self) -> Decimal:
        """Return the part of a visitor's bytes that services answer and buckets do not: as of the requests."""
        requests, files = self.said.get("requests", Decimal(0)), self.said.get("files", Decimal(0))
        return requests / (requests + files) if requests + files else Decimal(1)

    def _buckets(self) -> Iterator[_Row]:
        settings: Mapping[str, Any] = self.snapshot.settings.get("storage") or {}
        prefix = self.snapshot.settings["platform"]["name"]
        purpose = {f"{prefix}-{name}": entry["purpose"] for name, entry in settings.items()}
        buckets = self.snapshot.of_type("aws:s3/bucket:Bucket")
        media = [one for one in buckets if purpose.get(one.name) == "media"]
        read = [one for one in buckets if purpose.get(one.name) in _FILES_FROM]
        files = self._monthly("visitors", "files")
        missed = None if files is None else files * (100 - self.said.get("cached_percent", Decimal(0))) / 100
        stored, new = self._of("stored_gb"), self._monthly("uploads", "upload_mb")
        if stored is not None and new is not None:
            # What comes in over a month has lain there for half of it.
            stored += new * _MB / 2
        elif "uploads" in self.said:
            stored = None
        yield from self._share(media, "TimedStorage-ByteHrs", stored)
        yield from self._share(media, "Requests-Tier1", self._monthly("uploads"))
        # A copy in another region holds the same, and what is new goes there once.
        there = f"{prefix}-recovery-{(self.snapshot.settings.get('recovery') or {}).get('region')}-"
        copies = [
            one
            for one in buckets
            if purpose.get(one.name.replace(there, f"{prefix}-")) == "media" and there in one.name
        ]
        yield from self._share(copies, "TimedStorage-ByteHrs", stored)
        yield from self._share(copies, "Requests-Tier1", self._monthly("uploads"))
        ways = self.snapshot.of_type("aws:s3/bucketReplicationConfig:BucketReplicationConfig")
        carried = [one for one in ways if purpose.get(one.name.replace("-recovery-", "-")) == "media"]
        yield from self._share(carried, "AWS-Out-Bytes", None if new is None else new * _MB)
        yield from self._share(read, "Requests-Tier2", missed)

    def _backups(self) -> Iterator[_Row]:
        copies = self.snapshot.of_type(
            "aws:rds/instanceAutomatedBackupsReplication:InstanceAutomatedBackupsReplication"
        )
        held, new = self._of("database_gb"), self._of("database_growth_gb")
        if held is not None and new is not None:
            # The database once, and as above what comes in over a month for half of it; of its logs nobody tells.
            yield from self._share(copies, "RDS:ChargedBackupUsage", held + new / 2)
            yield from self._share(copies, "AWS-Out-Bytes", new)

    def _queues(self) -> Iterator[_Row]:
        # A queue for what failed has none of its own.
        queues = [one for one in self.snapshot.of_type("aws:sqs/queue:Queue") if one.inputs.get("redrivePolicy")]
        messages = self._monthly("messages")
        if messages is not None:
            for queue in queues:
                fifo = "Requests-FIFO" if queue.inputs.get("fifoQueue") else "Requests"
                yield queue, fifo, messages * _CALLS_A_MESSAGE / len(queues)

    def _functions(self) -> Iterator[_Row]:
        names = {
            f"{self.snapshot.settings['platform']['name']}-{name}-function"
            for name in self.snapshot.settings.get("functions") or {}
        }
        calls, seconds = self._monthly("calls"), self._monthly("calls", "call_seconds")
        for function in self.snapshot.of_type("aws:lambda/function:Function"):
            if function.name not in names or calls is None:
                continue
            yield function, "Request", calls
            if seconds is not None:
                arm = (function.inputs.get("architectures") or [""])[0] == "arm64"
                size = Decimal(str(function.inputs.get("memorySize") or 128)) * _MB
                yield function, "Lambda-GB-Second-ARM" if arm else "Lambda-GB-Second", seconds * size

    def _logs(self) -> Iterator[_Row]:
        prefix = f"{self.snapshot.settings['platform']['name']}-compute-"
        services: Mapping[str, Any] = self.snapshot.settings.get("services") or {}
        names = {prefix + name for name, entry in services.items() if entry.get("path")} or {
            prefix + name for name in services
        }
        groups = [one for one in self.snapshot.of_type("aws:cloudwatch/logGroup:LogGroup") if one.name in names]
        answered = self._answered
        if answered is None or "log_kb" not in self.said:
            return
        taken_in = answered * self.said["log_kb"] * _KB
        for group in groups:
            yield group, "DataProcessing-Bytes", taken_in / len(groups)
            if days := group.inputs.get("retentionInDays"):
                kept = taken_in / _DAYS * Decimal(str(days)) * _COMPRESSED
                yield group, "TimedStorage-ByteHrs", kept / len(groups)
