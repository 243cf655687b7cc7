"""The one context of a platform: who it is, where it runs, and what it has one of (keys, log keeping, alerting)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import pulumi

from groundwork.components.observability.settings import ObservabilitySettings, Severity
from groundwork.components.platform.settings import PlatformSettings
from groundwork.settings.facts import Partition, partition_of

KeyDomain = Literal["data", "storage", "secrets", "messaging", "logs"]
"""The kinds of data that have a KMS key each; with ``platform.keys: shared`` all have the same."""


@dataclass(frozen=True)
class LogDelivery:
    """Where CloudWatch Logs delivers log lines beside their log group."""

    stream_arn: pulumi.Output[str]
    """A delivery stream in the region of the log groups."""
    role_arn: pulumi.Output[str]
    """The role that CloudWatch Logs assumes to write there."""
    permission: pulumi.Resource
    """The role's policy, without which CloudWatch Logs refuses the subscription."""


@dataclass(frozen=True)
class Logging:
    """How log groups of one region are kept."""

    key_arn: pulumi.Output[str]
    retention: int
    """Days."""
    delivery: LogDelivery | None = None


@dataclass(frozen=True)
class DeclaredAlarm:
    """An alarm that a component declared; pages and dashboards are made of these."""

    component: str
    layer: str
    key: str
    severity: Severity
    name: pulumi.Output[str]
    arn: pulumi.Output[str]


@dataclass(frozen=True)
class Alerting:
    """Whom alarms tell, from which thresholds on, and where their runbook is."""

    topic_arn: pulumi.Output[str]
    """The topic for notices."""
    settings: ObservabilitySettings
    page_topic_arn: pulumi.Output[str] | None = None
    """The topic for pages; unset, the one for notices."""
    region: str | None = None
    """Where alarms and topics stand; unset, in the platform's region."""
    declared: list[DeclaredAlarm] = field(default_factory=list)
    """Every alarm so far, in the order in which components were built."""

    def of(self, severity: Severity) -> list[DeclaredAlarm]:
        """Return the declared alarms of one severity."""
        return [alarm for alarm in self.declared if alarm.severity == severity]


@dataclass(frozen=True)
class Context:
    """What every component is given. It holds singletons only: network, queues and grants are passed by name."""

    platform: PlatformSettings
    region: str
    account_id: pulumi.Output[str]
    key_arns: Mapping[KeyDomain, pulumi.Output[str]]
    logging: Logging
    alerting: Alerting
    delivered: Mapping[str, str] | None = None
    """The images that pipelines delivered so far, by service; None where all are known to be there."""

    @classmethod
    def starting(cls, platform: PlatformSettings, region: str) -> Context:
        """Return the context of what is built before account, keys, log keeping and alerting are known, which therefore may not ask
        for them."""
        nothing = cast(Any, None)
        return cls(platform, region, account_id=nothing, key_arns={}, logging=nothing, alerting=nothing)

    @property
    def boundary_arn(self) -> pulumi.Output[str] | None:
        """Return the ARN of the policy that no role may go beyond; None where there is none, and where the account is not known, before
        anything that has a role."""
        name = self.platform.permissions_boundary
        return None if name is None or self.account_id is None else self.arn("iam", f"policy/{name}", region="")

    @classmethod
    def create(
        cls,
        platform: PlatformSettings | None = None,
        *,
        region: str | None = None,
        observability: ObservabilitySettings | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> Context:
        """Return a context for components in a program of somebody else, and create what it has one of: keys, and the topic that
        alarms speak to.

        ``platform`` says name, stage and owner, which become names, tags and protection; unset, the project's name and the stack's, which
        is then a stage. ``region`` is where the program's AWS provider works; unset, ``aws:region`` of the stack. ``observability`` says
        whom alarms tell, from which thresholds on, and for how many days logs are kept. ``opts`` goes to keys and topic, such as a
        provider. Raises ``pulumi.RunError`` where name, stage or region cannot be told.
        """
        from groundwork.components.foundation import foundation  # noqa: PLC0415 - keys and topics are themselves given a context

        return foundation(platform, region=region, observability=observability, opts=opts)

    def key_arn(self, domain: KeyDomain) -> pulumi.Output[str]:
        """Return the ARN of the KMS key for a kind of data."""
        return self.key_arns[domain]

    @property
    def is_prod(self) -> bool:
        return self.platform.stage == "prod"

    @property
    def guarded(self) -> bool:
        """Tell whether what holds data is protected from deletion: in prod, until the stack file says that it is to be
        removed."""
        return self.is_prod and self.platform.removable is not True

    @property
    def prefix(self) -> str:
        return self.platform.prefix

    @property
    def slug(self) -> str:
        return self.platform.slug

    @property
    def global_slug(self) -> str:
        """Return ``shop-prod-eu-central-1``, which starts names that all regions of an account share, or that stand in
        a region which is not the platform's."""
        return f"{self.slug}-{self.region}"

    def tags(self, layer: str) -> dict[str, str]:
        """Return the tags of everything in a layer. The phase is none of them: each step through the phases would be an update
        of every resource, among which nobody sees those that matter."""
        return {**self.labels(), **self.lasting_tags(layer)}

    def labels(self) -> dict[str, str]:
        """Return those of the tags that a stack file may change while the platform lives."""
        return {**self.platform.tags, "owner": self.platform.owner, "cost-center": self.platform.cost_center}

    def lasting_tags(self, layer: str) -> dict[str, str]:
        """Return those that stay what they are: for launch templates and their like, where another tag means other instances."""
        return {
            "platform": self.platform.name,
            "stage": self.platform.stage,
            "layer": layer,
            "managed-by": "groundwork",
        }

    @property
    def partition(self) -> Partition:
        """Return the partition of AWS that the region is in."""
        return partition_of(self.region)

    @property
    def arn_start(self) -> str:
        """Return ``arn:aws``, or what ARNs of another partition begin with."""
        return f"arn:{self.partition.name}"

    def arn(self, service: str, resource: str, *, region: str | None = None) -> pulumi.Output[str]:
        """Return an ARN in this account, for what is named before it exists: ``arn("logs", "log-group:/shop/*")``."""
        return pulumi.Output.concat(
            f"{self.arn_start}:{service}:{self.region if region is None else region}:", self.account_id, f":{resource}"
        )
