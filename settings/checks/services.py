"""Sizes, paths, names and uses of services."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from settings.access import LEVELS, usable
from settings.facts import fargate_sizes
from settings.mistakes import Mistake, nearest, one_of
from settings.models import Settings
from settings.models.services import ServiceSettings
from settings.routes import Route, routes


def sizes_fit_fargate(settings: Settings) -> Iterator[Mistake]:
    if not settings.compute or settings.compute.engine != "fargate":
        return
    sizes = fargate_sizes()
    for name, service in settings.services.items():
        if service.cpu not in sizes:
            yield Mistake(("services", name, "cpu"), f"{service.cpu} is not a Fargate CPU size; use {one_of(sizes)}")
        elif service.memory not in sizes[service.cpu]:
            allowed = sizes[service.cpu]
            shown = (
                one_of(allowed)
                if len(allowed) <= 5
                else f"{allowed[0]} to {allowed[-1]} in steps of {allowed[1] - allowed[0]}"
            )
            yield Mistake(
                ("services", name, "memory"),
                f"{service.memory} MiB does not go with {service.cpu} CPU units on Fargate; use {shown}",
            )


def services_need_an_engine(settings: Settings) -> Iterator[Mistake]:
    if settings.services and not settings.compute:
        yield Mistake(("services",), "services need the layer compute, which this stack does not build")


def paths_are_distinct(settings: Settings) -> Iterator[Mistake]:
    hosts: dict[str, str] = {}
    taken: dict[str, tuple[str, ...]] = {}
    for name, service in settings.services.items():
        for key in ("path", "host"):
            if getattr(service, key) and not service.port:
                yield Mistake(
                    ("services", name, "port"),
                    f'is missing, and only a service with a port can answer its {key} "{getattr(service, key)}"',
                )
        if service.host and service.host in hosts:
            yield Mistake(
                ("services", name, "host"),
                f'"{service.host}" is also the host of services.{hosts[service.host]}; each host leads to one',
            )
        if service.host:
            hosts.setdefault(service.host, name)
        if service.path is None:
            continue
        if service.path in taken:
            yield Mistake(
                ("services", name, "path"),
                f'"{service.path}" is also the path of {".".join(taken[service.path])}; each path leads to one',
            )
        taken.setdefault(service.path, ("services", name))
    for name, bucket in settings.storage.items():
        path = bucket.path or f"/{name}/*"
        if bucket.cdn and path in taken:
            yield Mistake(
                ("storage", name, "path"),
                f'"{path}" is also the path of {".".join(taken[path])}; each path leads to one',
            )
        if bucket.cdn:
            taken.setdefault(path, ("storage", name))


def priorities_are_distinct(settings: Settings) -> Iterator[Mistake]:
    """AWS gives each priority of a listener once, and asks the lowest first."""
    engine = settings.compute.engine if settings.compute else "app-runner"
    if engine == "app-runner":
        return
    found = routes(settings.services, settings.platform.domain, engine)
    holders: dict[int, Route] = {}
    for route in found:
        path = ("services", route.service, "priority", route.kind)
        places = route.places
        if route.priority not in places:
            yield Mistake(
                path,
                f"{route.priority} would change which service answers; {places[0]} to {places[-1]} are for what is "
                f'as specific as "{route.host or route.path}"',
            )
        elif route.priority in holders:
            other = holders[route.priority]
            free = sorted(set(places) - {taken.priority for taken in found})
            way_out = f"set one that is free, such as {free[0]}" if free else "give one of them another path"
            yield Mistake(
                path,
                f'"{route.host or route.path}" draws the priority {route.priority}, which services.{other.service} has '
                f'for "{other.host or other.path}"; {way_out}, and leave the other as it is',
            )
        else:
            holders[route.priority] = route


def uses_exist(settings: Settings) -> Iterator[Mistake]:
    there = {thing.name: thing.kind for thing in usable(settings)}
    for name, service in settings.services.items():
        for used, use in service.uses.items():
            path = ("services", name, "uses", used)
            if used not in there:
                offered = f"there are {', '.join(there)}" if there else "this stack has nothing to use"
                add = (
                    f"; add groundwork:{_LAYER_OF[used]}: {{}} under config"
                    if used in _LAYER_OF
                    else nearest(used, there)
                )
                yield Mistake(path, f"unknown; {offered}{add}")
            elif use.level not in LEVELS[there[used]]:
                yield Mistake(
                    path, f'"{use.level}" is not a level of a {there[used]}; use {one_of(LEVELS[there[used]])}'
                )
            elif use.prefix and there[used] != "bucket":
                yield Mistake((*path, "prefix"), f"a prefix goes with a bucket; {used} is a {there[used]}")
            elif used == name:
                yield Mistake(path, "a service cannot use itself")


_LAYER_OF = {"database": "data", "cache": "cache", "search": "search"}
"""What has a layer of its own, and which."""


def names_are_distinct(settings: Settings) -> Iterator[Mistake]:
    kinds: dict[str, str] = {}
    layer_of = {
        "bucket": ("storage",),
        "secret": ("secrets",),
        "parameters": ("parameters",),
        "service": ("services",),
        "queue": ("messaging", "queues"),
        "topic": ("messaging", "topics"),
    }
    for thing in usable(settings):
        if thing.name in kinds:
            yield Mistake(
                (*layer_of.get(thing.kind, (thing.kind,)), thing.name),
                f'"{thing.name}" is also the name of a {kinds[thing.name]}; what `uses` refers to must be one thing',
            )
        kinds.setdefault(thing.name, thing.kind)


def connections_fit_the_pool(settings: Settings) -> Iterator[Mistake]:
    if not settings.data or settings.data.proxy:
        return
    users = {name: service for name, service in settings.services.items() if "database" in service.uses}
    total = sum(settings.most_copies(name) * service.connections for name, service in users.items())
    if total > MAX_DIRECT_CONNECTIONS:
        parts = " + ".join(
            f"{name} {settings.most_copies(name)} × {service.connections}" for name, service in users.items()
        )
        yield Mistake(
            ("data", "proxy"),
            f"services may open {total} direct connections ({parts}), more than {MAX_DIRECT_CONNECTIONS} without a pooler; "
            "set data.proxy: {}, or lower scaling.max or connections",
        )


MAX_DIRECT_CONNECTIONS = 100
"""Requirement S0-04."""


def environment_names_are_distinct(settings: Settings) -> Iterator[Mistake]:
    """ECS refuses a task in which one name comes from two secrets, or from a secret and from plain configuration."""
    for name, service in settings.services.items():
        given = dict.fromkeys(service.environment, f"services.{name}.environment")
        for used in service.uses:
            for key in _secret_names(settings, used):
                if key in given:
                    path = ("services", name, "uses", used)
                    yield Mistake(path, f"{key} is also set by {given[key]}; one name has one value")
                given.setdefault(key, used)


def _secret_names(settings: Settings, used: str) -> tuple[str, ...]:
    if used == "database":
        return ("DATABASE_USERNAME", "DATABASE_PASSWORD")
    return settings.secrets[used].variables if used in settings.secrets else ()


def images_can_be_pulled(settings: Settings) -> Iterator[Mistake]:
    """Without a NAT gateway tasks reach AWS through endpoints alone."""
    network = settings.network
    compute = settings.compute
    if not (settings.services and network and compute and network.nat == "none"):
        return
    if compute.engine == "app-runner" or (compute.has_instances and compute.capacity.placement == "public"):
        return
    needed = ["ecr.api", "ecr.dkr", "logs"]
    if any(
        used == "database" or used in settings.secrets
        for service in settings.services.values()
        for used in service.uses
    ):
        needed.append("secretsmanager")
    if compute.exec:
        needed.append("ssmmessages")
    missing = [endpoint for endpoint in needed if endpoint not in network.endpoints]
    if missing:
        yield Mistake(
            ("network", "nat"),
            f'"none" leaves services without a way to pull images and to write logs; add {", ".join(missing)} to network.endpoints, or set nat: single',
        )


def ports_are_said_once(settings: Settings) -> Iterator[Mistake]:
    for name, service in settings.services.items():
        if service.port and service.environment.get("PORT", str(service.port)) != str(service.port):
            yield Mistake(
                ("services", name, "environment", "PORT"),
                f"differs from port, which is {service.port}; leave it out: a service is given PORT from its port",
            )


def environment_holds_no_secret(settings: Settings) -> Iterator[Mistake]:
    for name, service in settings.services.items():
        for key, value in service.environment.items():
            reason = looks_secret(key, value)
            if reason:
                yield Mistake(
                    ("services", name, "environment", key),
                    f"{reason}; put it into a secret (secrets.NAME.keys) and let the service use that: uses: {{NAME: read}}",
                )


_SECRET_KEY = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)($|_)", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s@]+@|\bgh[pousr]_[A-Za-z0-9]{30,}|\beyJ[\w-]{10,}\.eyJ|\bsk_live_"
)
_DENSE = re.compile(r"[A-Za-z0-9+/=_\-]{24,}")


def looks_secret(key: str, value: str) -> str | None:
    """Why a plain value looks like a secret; None where it does not. The value is never part of the answer."""
    if _SECRET_VALUE.search(value):
        return "the value looks like a credential"
    if _SECRET_KEY.search(key) and value and not value.startswith(("/", "http://", "https://")) and not value.isdigit():
        return f'"{key}" is named like a secret'
    if _DENSE.fullmatch(value) and _entropy(value) > 4.2 and any(char.isdigit() for char in value):
        return "the value looks random, as a password or key does"
    return None


def _entropy(text: str) -> float:
    shares = [text.count(char) / len(text) for char in set(text)]
    return -sum(share * math.log2(share) for share in shares)


def scaling_has_its_means(settings: Settings) -> Iterator[Mistake]:
    for name, service in settings.services.items():
        yield from _scaling(name, service)


def _scaling(name: str, service: ServiceSettings) -> Iterator[Mistake]:
    scaling = service.scaling
    path = ("services", name, "scaling")
    if scaling.steps and scaling.target and scaling.target.cpu:
        yield Mistake(
            (*path, "steps"),
            "steps and target.cpu both follow CPU and would work against each other; set target: null or target: {cpu: null}",
        )
    if scaling.target and scaling.target.requests and not service.is_public:
        yield Mistake(
            (*path, "target", "requests"), "only a service with a port and a path or host has requests to count"
        )
    if scaling.min == 0 and service.port:
        yield Mistake((*path, "min"), "a service with a port needs at least 1 copy; only workers scale to 0")


CHECKS = (
    services_need_an_engine,
    sizes_fit_fargate,
    paths_are_distinct,
    priorities_are_distinct,
    uses_exist,
    names_are_distinct,
    connections_fit_the_pool,
    environment_names_are_distinct,
    ports_are_said_once,
    environment_holds_no_secret,
    images_can_be_pulled,
    scaling_has_its_means,
)
