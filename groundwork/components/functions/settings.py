"""Lambda functions: code of ours in ``functions/`` or of the product's, what starts them, what they use."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.messaging.queue_settings import is_fifo
from groundwork.components.observability.settings import CountBounds, CountLevels, PercentBounds, PercentLevels
from groundwork.components.services.settings import Uses
from groundwork.settings.base import Model, QueueName

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
_RESERVED = "AWS_(ACCESS_KEY|ACCESS_KEY_ID|DEFAULT_REGION|LAMBDA_.*|REGION|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_.*"


def _variable(value: str) -> str:
    if re.fullmatch(_RESERVED, value):
        raise PydanticCustomError("environment", "is a variable that Lambda sets itself; choose another name")
    return value


VariableName = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]+$", max_length=128), AfterValidator(_variable)]
"""Lambda takes no name of one letter, and none that starts with an underscore."""


class QueueTrigger(Model):
    """Messages of a queue, in batches, with failures reported message by message."""

    queue: QueueName
    batch: Annotated[int, Field(ge=1, le=10000)] = 10
    window: Annotated[int, Field(ge=0, le=300)] = 0
    """Seconds to wait for a fuller batch."""
    concurrency: Annotated[int, Field(ge=2, le=1000)] | None = None
    """Most copies that work on this queue at once."""


class FunctionSettings(Model):
    """One function."""

    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.][A-Za-z0-9_./-]*$")]
    """A folder with ``handler.py``, relative to the program: ``functions/image_processor``."""
    handler: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*\.[A-Za-z_][A-Za-z0-9_]*$")] = "handler.handle"
    memory: Annotated[int, Field(ge=128, le=10240)] = 256
    """MiB; CPU grows with it (1,769 MiB is one vCPU)."""
    timeout: Annotated[int, Field(ge=1, le=900)] = 30
    """Seconds."""
    concurrency: Annotated[int, Field(ge=0, le=100_000)] | None = None
    """Reserved concurrency: this many copies are kept for it, and no more run; 0 turns it off."""
    ephemeral_mb: Annotated[int, Field(ge=512, le=10240)] = 512
    """MiB of /tmp."""
    environment: dict[VariableName, str] = {}
    uses: Uses = {}
    trigger: QueueTrigger | None = None
    """The queue that starts it. Topics and schedules name the function themselves."""
    retries: Annotated[int, Field(ge=0, le=2)] = 2
    """How often a call by a topic or schedule that failed is tried again, before it goes to the failures queue."""
    outbound_ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (443,)
    """TCP ports on which it may call the internet, where it is in the network: only where it uses database, cache or search."""
    tracing: bool | None = None
    """X-Ray; unset, as ``observability.tracing``."""
    alarm_errors: CountLevels | None = CountBounds(notice=1)
    """Failed calls in five minutes at which an alarm goes off: a number, or ``{notice: 1, page: 100}``."""
    alarm_throttles: CountLevels | None = CountBounds(notice=1)
    """Calls in five minutes that found no free copy."""
    alarm_duration: PercentLevels | None = PercentBounds(notice=80)
    """Percent of ``timeout`` that the slowest call takes."""

    @model_validator(mode="after")
    def _batches_fit_the_queue(self) -> FunctionSettings:
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
        trigger = self.trigger
        if trigger and is_fifo(trigger.queue):
            if trigger.batch > 10:
                raise PydanticCustomError(
                    "trigger", "a FIFO queue gives batches of at most 10", {"at": ("trigger", "batch")}
                )
            if trigger.window:
                raise PydanticCustomError(
                    "trigger", "a FIFO queue gives batches without a window", {"at": ("trigger", "window")}
                )
        elif trigger and trigger.batch > 10 and not trigger.window:
            raise PydanticCustomError(
                "trigger", "a batch of more than 10 needs a window of at least 1 second", {"at": ("trigger", "batch")}
            )
        return self

    @model_validator(mode="after")
    def _copies_are_reserved(self) -> FunctionSettings:
        # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
        wanted = (self.trigger and self.trigger.concurrency) or 0
        if self.concurrency is not None and wanted > self.concurrency:
            raise PydanticCustomError(
                "trigger",
                "trigger.concurrency ({wanted}) is more than the {reserved} copies that concurrency reserves",
                {"wanted": wanted, "reserved": self.concurrency, "at": ("trigger", "concurrency")},
            )
        return self


Starter = Literal["queue", "topic", "schedule", "rotation"]
"""What can call a function."""


class ShippedVariable(Model):
    """A variable of a shipped function that the stack file sets."""

    says: str
    """What it is, in a few words."""
    required: bool = False
    unset: str | None = None
    """What holds where it is not set."""
    pattern: str | None = None
    """A regular expression that the whole value matches; unset, any text."""
    such_as: str | None = None
    """A value, for messages and pages."""
    names: Literal["bucket", "queue"] | None = None
    """Which kind of thing that the function uses it names."""


class ShippedUse(Model):
    """What a shipped function must be allowed under ``uses``."""

    kind: Literal["bucket", "cache", "push", "queue", "search"]
    levels: tuple[str, ...]
    """Any of these."""
    needed: Literal["always", "if there", "no"] = "always"
    """``if there``: where the stack has it."""
    variable: str | None = None
    """The variable that names which of its kind."""
    unset: tuple[str, ...] = ()
    """Where that variable is not set: the levels that one of the kind, whichever, must have."""
    keys: dict[str, str] = {}
    """Variable → a regular expression whose group finds the prefixes in it below which the function works."""


class ShippedFunction(Model):
    """What a function of ours takes: ``function.yaml`` beside its handler."""

    started_by: tuple[Starter, ...]
    least_timeout: Annotated[int, Field(ge=1, le=900)] = 1
    """Seconds that it needs: so that what it asks others for fails, and is tried again, before Lambda cuts it off."""
    variables: dict[VariableName, ShippedVariable] = {}
    one_of: tuple[str, ...] = ()
    """Variables of which at least one is set."""
    given: dict[str, str] = {}
    """Variables that nobody sets → what they come from; ``*`` stands for what varies."""
    uses: tuple[ShippedUse, ...] = ()
    runs_for: str | None = None
    """The setting for which Groundwork runs it itself; no stack file can."""
