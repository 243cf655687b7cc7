"""Queues, topics, schedules and functions: what goes together, what exists, what would feed itself."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from itertools import combinations

from groundwork.components.functions import artefacts
from groundwork.components.functions.settings import FunctionSettings
from groundwork.components.messaging.queue_settings import (
    FifoSettings,
    NotifySettings,
    QueueSettings,
    ScheduleSettings,
    SubscriptionSettings,
    TopicSettings,
    is_fifo,
    stem,
)
from groundwork.components.services.checks import looks_secret, use_fits
from groundwork.components.settings import Settings
from groundwork.settings.access import extensions, usable
from groundwork.settings.mistakes import Mistake, Path, nearest, one_of


def _queues(settings: Settings) -> Mapping[str, QueueSettings]:
    return settings.messaging.queues if settings.messaging else {}


def _topics(settings: Settings) -> Mapping[str, TopicSettings]:
    return settings.messaging.topics if settings.messaging else {}


def _schedules(settings: Settings) -> Mapping[str, ScheduleSettings]:
    return settings.messaging.schedules if settings.messaging else {}


def _subscriptions(settings: Settings) -> Iterator[tuple[Path, str, SubscriptionSettings]]:
    """Yield path, topic and subscription of each."""
    for topic, held in _topics(settings).items():
        for name, subscription in held.subscriptions.items():
            yield ("messaging", "topics", topic, "subscriptions", name), topic, subscription


def _notifications(settings: Settings) -> Iterator[tuple[Path, str, NotifySettings]]:
    """Yield path, bucket and notification of each."""
    for bucket, held in settings.storage.items():
        for name, notify in held.notify.items():
            yield ("storage", bucket, "notify", name), bucket, notify


def fifo_settings_go_with_the_suffix(settings: Settings) -> Iterator[Mistake]:
    for kind, held in (("queues", _queues(settings)), ("topics", _topics(settings))):
        for name, thing in held.items():
            if thing.fifo and not is_fifo(name):
                yield Mistake(
                    ("messaging", kind, name, "fifo"),
                    f'goes with a name that ends in ".fifo", as AWS has it; call it "{name}.fifo", or remove fifo',
                )


def names_differ_in_more_than_the_suffix(settings: Settings) -> Iterator[Mistake]:
    """Check that no two names are the same without the suffix, which components and environment variables leave out."""
    for kind, held in (("queues", _queues(settings)), ("topics", _topics(settings))):
        for name in held:
            if is_fifo(name) and stem(name) in held:
                yield Mistake(("messaging", kind, name), f'differs from "{stem(name)}" in nothing but its suffix')


def named_queues_and_functions_exist(settings: Settings) -> Iterator[Mistake]:
    queues, functions = _queues(settings), settings.functions
    named: list[tuple[Path, str | None, str | None]] = [
        (path, subscription.queue, subscription.function) for path, _, subscription in _subscriptions(settings)
    ]
    named += [
        (("messaging", "schedules", name), schedule.queue, schedule.function)
        for name, schedule in _schedules(settings).items()
    ]
    named += [(path, notify.queue, None) for path, _, notify in _notifications(settings)]
    named += [
        (("functions", name, "trigger"), function.trigger.queue, None)
        for name, function in functions.items()
        if function.trigger
    ]
    for path, queue, function in named:
        if queue and queue not in queues:
            yield _unknown((*path, "queue"), "queue", queue, queues)
        if function and function not in functions:
            yield _unknown((*path, "function"), "function", function, functions)


def _unknown(path: Path, kind: str, name: str, there: Mapping[str, object]) -> Mistake:
    offered = f"there are {', '.join(there)}" if there else f"this stack has no {kind}"
    near = nearest(name, there) or nearest(stem(name), [other for other in there if stem(other) == stem(name)])
    return Mistake(path, f'there is no {kind} "{name}"; {offered}{near}')


def receivers_fit_their_topic(settings: Settings) -> Iterator[Mistake]:
    """Check that a topic delivers to what its kind can.
    https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html"""
    for path, topic, subscription in _subscriptions(settings):
        if is_fifo(topic) and not subscription.queue:
            kind = "function" if subscription.function else "email"
            yield Mistake(
                (*path, kind),
                f"a FIFO topic delivers to queues only; let a queue hear {topic}, and the {kind} follow the queue"
                if kind == "function"
                else "a FIFO topic delivers to queues only",
            )
        elif subscription.queue and is_fifo(subscription.queue) and not is_fifo(topic):
            yield Mistake(
                (*path, "queue"),
                f'a standard topic cannot deliver to a FIFO queue; call the topic "{topic}.fifo", or use a standard queue',
            )


def fifo_queues_can_be_fed(settings: Settings) -> Iterator[Mistake]:
    queues = _queues(settings)
    for name, schedule in _schedules(settings).items():
        queue = queues.get(schedule.queue or "")
        if queue and is_fifo(schedule.queue or "") and (queue.fifo or FifoSettings()).deduplication == "id":
            yield Mistake(
                ("messaging", "schedules", name, "queue"),
                f"a schedule gives no deduplication id, which {schedule.queue} asks for; set its fifo.deduplication: content",
            )
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
    for path, _, notify in _notifications(settings):
        if is_fifo(notify.queue):
            yield Mistake((*path, "queue"), "a bucket cannot tell a FIFO queue; use a standard one")


def messages_can_grow_old_enough(settings: Settings) -> Iterator[Mistake]:
    """Check that messages are kept for longer than the alarm's age, which would never go off otherwise."""
    for name, queue in _queues(settings).items():
        kept = queue.retention_days * 24 * 60 * 60
        for severity, bound in queue.alarm_age.levels() if queue.alarm_age else ():
            if bound >= kept:
                yield Mistake(
                    ("messaging", "queues", name, "alarm_age"),
                    f"{bound:g} s ({severity}) are never reached: messages are kept for {kept} (retention_days); lower it",
                )
                break


def visibility_outlasts_the_function(settings: Settings) -> Iterator[Mistake]:
    """Check that messages stay hidden for six times the function's timeout.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    for name, function in settings.functions.items():
        queue = _queues(settings).get(function.trigger.queue) if function.trigger else None
        if not (queue and function.trigger):
            continue
        needed = 6 * function.timeout + function.trigger.window
        if queue.visibility < needed:
            window = f" plus its window of {function.trigger.window}" if function.trigger.window else ""
            yield Mistake(
                ("messaging", "queues", function.trigger.queue, "visibility"),
                f"{queue.visibility} s is less than six times the {function.timeout} s that functions.{name} may take{window}; "
                f"use at least {needed}, or messages come again while they are still worked on",
            )


def functions_use_what_exists(settings: Settings) -> Iterator[Mistake]:
    there = {thing.name: thing for thing in usable(settings)}
    offered = [name for name, thing in there.items() if thing.kind != "service"]
    for name, function in settings.functions.items():
        for used, use in function.uses.items():
            path = ("functions", name, "uses", used)
            if used in there and there[used].kind == "service":
                yield Mistake(path, "services are reached by other services only; let the function send to a queue")
            elif used not in there:
                known = f"there are {', '.join(offered)}" if offered else "this stack has nothing to use"
                yield Mistake(path, f"unknown; {known}{nearest(used, offered)}")
            else:
                yield from use_fits(path, use, there[used])


def a_queue_has_one_consumer(settings: Settings) -> Iterator[Mistake]:
    """Check that a queue has one consumer: each message goes to one of them, whichever is quicker."""
    consumers: dict[str, str] = {}
    for name, service in settings.services.items():
        for used, use in service.uses.items():
            if "consume" in use.levels:
                consumers.setdefault(used, f"services.{name}")
    for name, function in settings.functions.items():
        if not function.trigger:
            continue
        queue = function.trigger.queue
        if queue in consumers:
            yield Mistake(
                ("functions", name, "trigger", "queue"),
                f"{consumers[queue]} consumes {queue} too, and each message would reach only one of them; "
                "give each a queue of its own and let both hear a topic",
            )
        consumers.setdefault(queue, f"functions.{name}")


def functions_do_not_trigger_themselves(settings: Settings) -> Iterator[Mistake]:
    """Check that no function writes where it is triggered: it would be called by its own output, again and again."""
    for _, bucket, notify in _notifications(settings):
        for name, function in settings.functions.items():
            use = function.uses.get(bucket)
            if not (use and function.trigger and function.trigger.queue == notify.queue):
                continue
            if notify.on == "created" and any(
                level in _WRITING and _may_overlap(prefix or "", notify.prefix) for level, prefix in use.parts
            ):
                where = f"below {notify.prefix}" if notify.prefix else "anywhere in it"
                yield Mistake(
                    ("functions", name, "uses", bucket),
                    f"may write where {bucket} tells {notify.queue} of new objects ({where}), which triggers {name} again; "
                    "write to another bucket, or give both prefixes that do not overlap",
                )


_WRITING = ("write", "read-write", "sign")


def _may_overlap(one: str, other: str) -> bool:
    """Tell whether a key can start with both."""
    return one.startswith(other) or other.startswith(one)


def notifications_do_not_overlap(settings: Settings) -> Iterator[Mistake]:
    """Check that no key matches two notifications, which S3 refuses.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
    """
    for bucket, held in settings.storage.items():
        for (name, one), (other_name, other) in combinations(held.notify.items(), 2):
            same_end = one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)
            if one.on == other.on and same_end and _may_overlap(one.prefix, other.prefix):
                yield Mistake(
                    ("storage", bucket, "notify", other_name),
                    f'one object could match both this and "{name}"; S3 wants prefixes or suffixes apart',
                )


def code_is_there(settings: Settings) -> Iterator[Mistake]:
    for name, function in settings.functions.items():
        path = ("functions", name, "code")
        file = pathlib.Path(*function.handler.split(".")[:-1]).with_suffix(".py").as_posix()
        if not any(folder.is_dir() for folder in artefacts.folders(function.code, settings.program)):
            near = nearest(function.code, artefacts.known_codes(settings.program))
            yield Mistake(
                path, f'there is no folder "{function.code}" beside the program or among Groundwork\'s functions{near}'
            )
        elif artefacts.find(function.code, file, settings.program) is None:
            yield Mistake(
                ("functions", name, "handler"),
                f'"{function.handler}" is looked for in {function.code}/{file}, which is not there',
            )


def functions_in_the_network_reach_aws(settings: Settings) -> Iterator[Mistake]:
    network = settings.network
    for name, function in settings.functions.items():
        inside = [used for used in ("database", "cache", "search") if used in function.uses]
        if not inside or not network or network.nat != "none":
            continue
        needed = _endpoints(settings, function)
        missing = [endpoint for endpoint in needed if endpoint not in network.endpoints]
        if missing:
            yield Mistake(
                ("network", "nat"),
                f'"none" leaves functions.{name}, which is in the network for {one_of(inside)}, without a way to AWS; '
                f"add {', '.join(missing)} to network.endpoints, or set nat: single",
            )


def _endpoints(settings: Settings, function: FunctionSettings) -> list[str]:
    """List the endpoints that the code of a function calls by itself. Its queue, its log and its failures are Lambda's
    own business."""
    kinds = {thing.name: thing.kind for thing in usable(settings)}
    used = {kinds.get(name, "") for name in function.uses}
    by_kind = {"database": "secretsmanager", "cache": "secretsmanager", "secret": "secretsmanager", "queue": "sqs", "topic": "sns", "push": "sns"}  # fmt: skip
    held = {one.holds("secret") for name, one in extensions(settings).items() if name in function.uses}
    return sorted(
        {endpoint for kind, endpoint in by_kind.items() if kind in used or (kind == "secret" and True in held)}
    )


def environment_holds_no_secret(settings: Settings) -> Iterator[Mistake]:
    for name, function in settings.functions.items():
        for key, value in function.environment.items():
            reason = looks_secret(key, value)
            if reason:
                yield Mistake(
                    ("functions", name, "environment", key),
                    f"{reason}; put it into a secret (secrets.NAME.keys) and let the function use that: uses: {{NAME: read}}",
                )


def functions_reach_the_cache(settings: Settings) -> Iterator[Mistake]:
    cache = settings.cache
    for name, function in settings.functions.items():
        if cache is None or "cache" not in function.uses:
            continue
        path = ("functions", name, "uses", "cache")
        if cache.placement == "instance":
            yield Mistake(
                path,
                "the cache is beside the services on their instance (cache.placement: instance), where no function reaches it; "
                "let a service do it, or set placement: elasticache",
            )
        elif cache.authentication == "iam" and function.code in _BY_PASSWORD:
            yield Mistake(
                path,
                f"{function.code} logs in with a password; set cache.authentication: password, or use code of your own",
            )


_BY_PASSWORD = ("functions/cache_invalidator", "functions/notification_processor")


CHECKS = (
    fifo_settings_go_with_the_suffix,
    names_differ_in_more_than_the_suffix,
    named_queues_and_functions_exist,
    receivers_fit_their_topic,
    fifo_queues_can_be_fed,
    messages_can_grow_old_enough,
    visibility_outlasts_the_function,
    functions_use_what_exists,
    a_queue_has_one_consumer,
    functions_do_not_trigger_themselves,
    notifications_do_not_overlap,
    code_is_there,
    functions_in_the_network_reach_aws,
    environment_holds_no_secret,
    functions_reach_the_cache,
)
