"""What a recovery is made of: a scenario, its steps, and what an incident knows."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from groundwork.components.settings import Settings
from groundwork.operations.account import StackAccount
from groundwork.operations.engines.runner import Runner, runner_of
from groundwork.operations.progress import Progress
from groundwork.operations.resources import StackResources


@dataclass(frozen=True)
class Incident:
    """Something that was lost, as far as the user says it."""

    resources: StackResources
    now: datetime.datetime
    seconds: float
    """How long each wait may take."""
    at: datetime.datetime | None = None
    """Go back to this moment; unset, as far forward as there is data."""
    what: str | None = None
    """The service, or the object as ``BUCKET/KEY``."""

    @property
    def account(self) -> StackAccount:
        return self.resources.account

    @cached_property
    def runner(self) -> Runner:
        return runner_of(self.account)


@dataclass(frozen=True)
class RecoveryStep:
    """One step of a recovery. It ends when what it is for has been seen in the account, so that the next one may begin."""

    title: str
    command: str
    """The command that does the same, or what is asked."""
    act: Callable[[Progress], str]
    """Do it, and return what was seen. OperationError where it did not come to pass."""
    changes: bool = False


@dataclass(frozen=True)
class RecoveryPlan:
    """The steps of one incident."""

    steps: tuple[RecoveryStep, ...]
    data_until: datetime.datetime | None = None
    """The newest data that there is afterwards; None where nothing is lost."""
    note: str = ""
    """What to know before it begins."""
    after: tuple[str, ...] = field(default=())
    """What is left for people."""


@dataclass(frozen=True)
class RecoveryScenario:
    """Something that may be lost, and how it is got back."""

    name: str
    lost: str
    rpo: datetime.timedelta
    """By the design: how old the newest data may be that is left."""
    rto: datetime.timedelta
    """By the design: how long it may take."""
    lacks: Callable[[Settings], str | None]
    """Return what in the stack file would make it possible; None where it is."""
    plan: Callable[[Incident], RecoveryPlan]
    """Ask the account what there is, and return the steps. OperationError where it cannot be."""
    takes: str = ""
    """What has to be said: SERVICE, or BUCKET/KEY."""
    must_say: bool = False
    elsewhere: bool = False
    """The stack's own region is not asked: it may be what was lost."""
