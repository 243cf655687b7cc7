"""Messages that failed too often, back to the queue that they came from."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from groundwork.operations.account import plain_errors
from groundwork.operations.durations import lasting
from groundwork.operations.errors import CommandFailedError, OperationError, UnknownNameError
from groundwork.operations.progress import Progress
from groundwork.operations.resources import StackResources
from groundwork.operations.status.stores import dead_letters_of, measured, queue_name, url_of
from groundwork.settings.mistakes import nearest, one_of

_SECONDS_BETWEEN = 3
FASTEST = 500
"""Messages a second: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html"""


@dataclass(frozen=True)
class RedrivePlan:
    """Dead letters on their way back."""

    queue: str
    dead_arn: str
    place: str
    count: int
    limit: int | None
    oldest: str
    """How long ago one of them was sent first, and how often it was tried; empty where none could be looked at."""

    def __str__(self) -> str:
        pace = f", {self.limit} a second" if self.limit else ""
        letters, go = ("letter", "goes") if self.count == 1 else ("letters", "go")
        return (
            f"{self.count} dead {letters} of {self.queue} in {self.place} {go} back to it{pace}.\n{self.oldest}"
            "What failed for its consumer fails again, unless that was corrected."
        )


def plan(resources: StackResources, queue: str, now: datetime.datetime, limit: int | None) -> RedrivePlan:
    """Return what would go back. UnknownNameError where there is no such queue, OperationError where nothing is in it, or a redrive is under way.

    To tell their age one message is looked at: its attributes, never what it says. It can be received again at once.
    """
    account = resources.account
    found = {
        queue_name(resources, one): dead
        for one in resources.of_type("aws:sqs/queue:Queue")
        if (dead := dead_letters_of(resources, one))
    }
    if queue not in found:
        there = f"say {one_of(found)}" if found else "the stack has none"
        raise UnknownNameError(f'"{queue}" is no queue with dead letters; {there}{nearest(queue, found)}')
    dead = found[queue]
    arn, counts = resources.arn(dead), measured(resources, dead)
    if arn is None or counts is None:
        raise OperationError(
            f"the dead-letter queue of {queue} is not in {account.place}; run pulumi up --stack {account.stack.name} first"
        )
    if running := _task(resources, arn):
        raise OperationError(f"a redrive of {queue} is under way ({_moved(running)}); wait for its end")
    if not counts["waiting"]:
        raise OperationError(
            f"{queue} has no dead letters that can go back"
            + (f"; {counts['hidden']} are being looked at" if counts["hidden"] else "")
        )
    return RedrivePlan(queue, arn, account.place, counts["waiting"], limit, _oldest(resources, arn, now))


def _oldest(resources: StackResources, arn: str, now: datetime.datetime) -> str:
    with plain_errors("looking at a dead letter"):
        received = resources.account.client("sqs").receive_message(
            QueueUrl=url_of(arn, resources.account),
            MessageSystemAttributeNames=["SentTimestamp"],
            MaxNumberOfMessages=1,
            VisibilityTimeout=0,
            WaitTimeSeconds=1,
        )
    messages = received.get("Messages", ())
    if not messages:
        return ""
    sent = datetime.datetime.fromtimestamp(int(messages[0]["Attributes"]["SentTimestamp"]) / 1000, datetime.UTC)
    return f"One of them was sent {lasting(sent, now)} ago.\n"


def redrive(resources: StackResources, plan: RedrivePlan, progress: Progress) -> int:
    """Move them, and return how many went. Ctrl-C ends it: what has gone stays gone, the others stay.

    Raises CommandFailedError where SQS gives up.
    """
    sqs = resources.account.client("sqs")
    pace = {"MaxNumberOfMessagesPerSecond": plan.limit} if plan.limit else {}
    with plain_errors(f"starting the redrive of {plan.queue}"):
        handle = sqs.start_message_move_task(SourceArn=plan.dead_arn, **pace)["TaskHandle"]
    try:
        while True:
            task = _newest(resources, plan.dead_arn)
            progress.say(_moved(task))
            if task.get("Status") == "COMPLETED":
                return int(task.get("ApproximateNumberOfMessagesMoved", 0))
            if task.get("Status") in ("FAILED", "CANCELLED"):
                raise CommandFailedError(f"{_moved(task)}; {task.get('FailureReason') or 'somebody ended it'}")
            progress.sleep(_SECONDS_BETWEEN)
    except KeyboardInterrupt:
        with plain_errors("ending the redrive"):
            sqs.cancel_message_move_task(TaskHandle=handle)
        raise


def _task(resources: StackResources, arn: str) -> dict[str, Any] | None:
    newest = _newest(resources, arn)
    return newest if newest.get("Status") in ("RUNNING", "CANCELLING") else None


def _newest(resources: StackResources, arn: str) -> dict[str, Any]:
    with plain_errors("asking how the redrive is"):
        # The newest comes first.
        found = resources.account.client("sqs").list_message_move_tasks(SourceArn=arn, MaxResults=1).get("Results", [])
    return found[0] if found else {}


def _moved(task: dict[str, Any]) -> str:
    return f"{task.get('ApproximateNumberOfMessagesMoved', 0)} of {task.get('ApproximateNumberOfMessagesToMove', '?')} have gone back"
