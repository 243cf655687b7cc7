"""Database connections that workloads may open, against what stands before the database and what its instances take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groundwork.components.data.connections import MOST_DIRECT, ConnectionHolder, direct, free, most_calls, taken
from groundwork.components.settings import Settings
from groundwork.settings.mistakes import Mistake, Path, sum_of


def functions_say_how_many(settings: Settings) -> Iterator[Mistake]:
    """Check that functions which use the database limit their copies: each holds a connection."""
    for name, function in settings.functions.items():
        use = function.uses.get("database")
        if use is None or settings.data is None or most_calls(settings, name) is not None:
            continue
        if settings.data.proxy and ("connect" in use.levels or not settings.data.replicas):
            continue
        yield Mistake(
            ("functions", name, "concurrency"),
            "is missing, and each copy that uses the database holds a connection; set it"
            + ("" if settings.data.proxy else ", or set data.proxy: {}"),
        )


def direct_connections_are_few(settings: Settings) -> Iterator[Mistake]:
    yield from _few_to_the_primary(direct(settings, "primary"))
    held = direct(settings, "replicas")
    total = sum(holder.most for holder in held)
    if total > MOST_DIRECT:
        yield Mistake(
            _largest(held),
            f"{_layers(held)} may open {total} direct connections to replicas ({_parts(held)}), more than {MOST_DIRECT}, and no "
            "proxy can stand before those; lower scaling.max, or connections.readers (connections.max of what only reads)",
        )


def _few_to_the_primary(held: Sequence[ConnectionHolder]) -> Iterator[Mistake]:
    services = [holder for holder in held if holder.layer != "functions"]
    total = of_services = sum(holder.most for holder in services)
    if total > MOST_DIRECT:
        yield Mistake(
            ("data", "proxy"),
            f"{_layers(services)} may open {total} direct connections ({_parts(services)}), more than {MOST_DIRECT} without a pooler; "
            "set data.proxy: {}, or lower scaling.max or connections",
        )
    for holder in held:
        if holder.layer == "functions":
            total += holder.most
            if total > MOST_DIRECT:
                yield Mistake(
                    ("functions", holder.name, "concurrency"),
                    f"{holder.copies} copies bring the direct connections to {total} ({of_services} of services), more than "
                    f"{MOST_DIRECT} without a pooler; set data.proxy: {{}}, or lower concurrency",
                )


def instances_take_them(settings: Settings) -> Iterator[Mistake]:
    """Check that each instance accepts all workloads' connections, also during a deployment, when old and new copies
    run side by side."""
    data = settings.data
    if data is None:
        return
    for held, classes in (
        (direct(settings, "primary"), {("data", "class"): data.instance_class}),
        (
            direct(settings, "replicas"),
            {
                ("data", "replicas", name, "class"): replica.instance_class or data.instance_class
                for name, replica in data.replicas.items()
            },
        ),
    ):
        if sum(holder.most for holder in held) > MOST_DIRECT:
            continue
        opened = sum(holder.most_deploying for holder in held)
        share = -(-opened // len(classes)) if classes else 0
        each = f", {share} to each of {len(classes)} replicas" if len(classes) > 1 else ""
        for path, instance_class in classes.items():
            room = free(data, instance_class)
            if room is not None and share > room:
                parts = sum_of(holder.described_while_deploying for holder in held)
                yield Mistake(
                    path,
                    f"{_layers(held)} may open {opened} connections while a deployment runs old and new copies ({parts}){each}, "
                    f"and {instance_class} has about {room} for them; lower connections or scaling.max, or use a larger class",
                )


def alarms_can_go_off(settings: Settings) -> Iterator[Mistake]:
    """Check that the connection alarm's bound is within what an instance accepts: beyond it, it never goes off."""
    data, observed = settings.data, settings.observability
    bounds = observed.thresholds.database_connection_count if data and observed else None
    if data is None or data.existing or bounds is None:
        return
    path: Path = ("observability", "thresholds", "database_connection_count")
    classes = {replica.instance_class or data.instance_class for replica in data.replicas.values()}
    for instance_class in sorted(classes | {data.instance_class}):
        most = taken(data, instance_class)
        for severity, bound in bounds.levels():
            if most is not None and bound >= most:
                yield Mistake(
                    path,
                    f"{bound:g} ({severity}) is never exceeded: {instance_class} takes about {most} connections; lower it, use "
                    "database_connections (percent), or set data.parameters.max_connections",
                )
                return


def _largest(held: Sequence[ConnectionHolder]) -> Path:
    largest = max(held, key=lambda holder: holder.most)
    return (largest.layer, largest.name, "concurrency" if largest.layer == "functions" else "connections")


def _parts(held: Sequence[ConnectionHolder]) -> str:
    return sum_of(holder.described for holder in held)


def _layers(held: Sequence[ConnectionHolder]) -> str:
    return " and ".join(dict.fromkeys(holder.layer for holder in held))


CHECKS = (functions_say_how_many, direct_connections_are_few, instances_take_them, alarms_can_go_off)
