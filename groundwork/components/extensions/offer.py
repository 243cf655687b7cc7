"""What an extension is and offers: the types that ``extensions.py`` is written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pulumi

from groundwork.components.access import Grant
from groundwork.components.alarms import Comparison, Expression, Metric, Missing
from groundwork.components.context import Context
from groundwork.components.network.tiers import NetworkTiers
from groundwork.components.observability.settings import Severity


@dataclass(frozen=True)
class ExtensionContext(Context):
    """What an extension is given beside its name: the platform's context, and the network it may stand in."""

    network: NetworkTiers | None = None
    """None where the stack has no network."""


@dataclass(frozen=True)
class Alarm:
    """An alarm of an extension, which tells whom the stack's other alarms tell."""

    key: str
    """What it is called after the extension: ``throttled`` is ``shop-sessions-throttled``."""
    measure: Metric | Expression
    threshold: pulumi.Input[float]
    description: str
    """What it means, and what to look at first."""
    comparison: Comparison = "GreaterThanThreshold"
    period: int = 60
    """Seconds."""
    periods: int = 5
    """How many periods in a row must be beyond the threshold."""
    missing: Missing = "notBreaching"
    """What a period without data counts as."""
    severity: Severity = "notice"
    """``page`` for what cannot wait until the morning."""


@dataclass(frozen=True)
class Offer:
    """What an extension's :meth:`Extension.build` returns."""

    grants: Mapping[str, Grant]
    """What each level gives a workload that uses it; the levels are those of :attr:`Extension.levels`."""
    alarms: Sequence[Alarm] = ()
    outputs: Mapping[str, pulumi.Input[object]] = field(default_factory=dict)
    """What ``pulumi stack output extensions`` shows of it, such as the id of a user pool for a front end. No secrets."""


class Extension(Protocol):
    """Resources of one's own that services, jobs and functions use as they use Groundwork's layers.

    A class with these two members in ``extensions.py`` is one; it need not inherit from this.
    """

    @property
    def levels(self) -> Mapping[str, Mapping[str, str]]:
        """Level → the environment variables that it brings, and how a workload is given each: ``plain`` as a value, ``secret`` and
        ``parameter`` as what is read from Secrets Manager or Parameter Store when a copy starts. It is read without running the file, so
        it is written out, as an attribute of the class."""

    def build(self, name: str, context: ExtensionContext) -> Offer:
        """Declare the resources, and return what they offer.

        ``name`` is what their names start with, such as ``shop-sessions``. They get the platform's tags without saying so; key,
        protection and region are in ``context``.
        """
