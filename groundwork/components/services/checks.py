"""Sizes, paths, names and uses of services."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from groundwork.components.services.routes import Route, routes
from groundwork.components.services.settings import ServiceSettings, SidecarSettings, Use, Uses, image_holder
from groundwork.components.services.tcp import Balancer, TcpSettings
from groundwork.components.settings import Settings
from groundwork.settings.access import EXTENSION, Usable, extensions, usable
from groundwork.settings.facts import fargate_sizes
from groundwork.settings.mistakes import Mistake, Path, nearest, one_of
from groundwork.settings.variables import given, offered, own_variables


def sizes_fit_fargate(settings: Settings) -> Iterator[Mistake]:
    if not settings.compute or settings.compute.engine != "fargate":
        return
    sizes = fargate_sizes()
    for layer, name, service in settings.containers():
        if service.cpu not in sizes:
            yield Mistake((layer, name, "cpu"), f"{service.cpu} is not a Fargate CPU size; use {one_of(sizes)}")
        elif service.memory not in sizes[service.cpu]:
            allowed = sizes[service.cpu]
            shown = (
                one_of(allowed)
                if len(allowed) <= 5
                else f"{allowed[0]} to {allowed[-1]} in steps of {allowed[1] - allowed[0]}"
            )
            yield Mistake(
                (layer, name, "memory"),
                f"{service.memory} MiB does not go with {service.cpu} CPU units on Fargate; use {shown}",
            )


def services_need_an_engine(settings: Settings) -> Iterator[Mistake]:
    for layer in ("services", "jobs"):
        if getattr(settings, layer) and not settings.compute:
            yield Mistake((layer,), f"{layer} need the layer compute, which this stack does not build")


def images_come_from_services(settings: Settings) -> Iterator[Mistake]:
    """Check that whose image is meant is there, and in the end has one."""
    for layer, name, container in settings.containers():
        source, path = container.image_from, (layer, name, "image", "from")
        if source is None:
            continue
        if source not in settings.services:
            job = " (a job has its image from a service)" if source in settings.jobs else ""
            yield Mistake(path, f'there is no service "{source}"{job}{nearest(source, settings.services)}')
        elif (
            layer == "services"
            and image_holder(settings.services, name) is None
            and _in_circle(settings.services, name)
        ):
            yield Mistake(path, "goes round in a circle; one of them needs an image of its own")


def _in_circle(services: Mapping[str, ServiceSettings], name: str) -> bool:
    source, seen = services[name].image_from, [name]
    while source is not None and source in services and source not in seen:
        seen.append(source)
        source = services[source].image_from
    return source == name


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


def tcp_has_its_means(settings: Settings) -> Iterator[Mistake]:
    """Check that what is reached over TCP has a port, a load balancer and a name of its own."""
    ports: dict[tuple[Balancer, int], str] = {}
    hosts: dict[str, tuple[Balancer, str]] = {}
    engine = settings.compute.engine if settings.compute else "fargate"
    for name, service in settings.services.items():
        tcp, path = service.tcp, ("services", name, "tcp")
        if tcp is None:
            continue
        if engine not in _WITH_TCP:
            yield Mistake(path, f"goes with the engines {one_of(_WITH_TCP)}; {_WITHOUT_TCP[engine]}")
        elif settings.edge is None:
            yield Mistake(path, "needs the layer edge, which this stack does not build; set edge: {}")
        if service.port is None:
            yield Mistake(
                ("services", name, "port"), "is missing, and only a service with a port can be reached over TCP"
            )
        for key in ("path", "host"):
            if getattr(service, key):
                yield Mistake(
                    path, f"is in place of {key}: a service speaks HTTP or something else; make two services of it"
                )
        other = ports.setdefault((tcp.balancer, tcp.port), name)
        if other != name:
            yield Mistake((*path, "port"), f"{tcp.port} is also the port of services.{other}; each port leads to one")
        if tcp.host is not None:
            yield from _tcp_host((*path, "host"), name, tcp, hosts, settings)


def _tcp_host(
    path: Path, name: str, tcp: TcpSettings, hosts: dict[str, tuple[Balancer, str]], settings: Settings
) -> Iterator[Mistake]:
    host = tcp.host or ""
    balancer, other = hosts.setdefault(host, (tcp.balancer, name))
    if not settings.platform.domain:
        yield Mistake(path, "a host needs platform.domain")
    elif settings.edge and host in settings.edge.aliases:
        yield Mistake(path, f'"{host}" is one of edge.aliases, which lead to CloudFront; use another name')
    elif balancer != tcp.balancer:
        yield Mistake(
            path,
            f'"{host}" leads services.{other} to the {balancer} load balancer, and this one is {tcp.balancer} (from); use another name',
        )


_WITH_TCP = ("fargate", "ecs-ec2", "eks")
_WITHOUT_TCP = {
    "ec2": "on instances requests come through the load balancer for HTTP or the proxy, which know nothing else",
    "app-runner": "App Runner knows HTTP only",
}


def priorities_are_distinct(settings: Settings) -> Iterator[Mistake]:
    """Check that priorities differ: AWS gives each priority of a listener once, and asks the lowest first."""
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
    there = {thing.name: thing for thing in usable(settings)}
    for layer, name, service in settings.containers():
        for used, use in service.uses.items():
            path = (layer, name, "uses", used)
            if used not in there:
                known = f"there are {', '.join(there)}" if there else "this stack has nothing to use"
                add = (
                    f"; add groundwork:{_LAYER_OF[used]}: {{}} under config"
                    if used in _LAYER_OF
                    else nearest(used, there)
                )
                yield Mistake(path, f"unknown; {known}{add}")
            elif used == name and layer == "services":
                yield Mistake(path, "a service cannot use itself")
            else:
                yield from use_fits(path, use, there[used])


def use_fits(path: Path, use: Use, used: Usable) -> Iterator[Mistake]:
    """Check levels against those of what is used; prefixes go with buckets alone."""
    article = "an" if used.kind == EXTENSION else "a"
    at = {level: (*path, "prefixes", prefix) for level, prefix in use.parts if use.prefixes and prefix}
    for level in use.levels:
        # An extension of which nothing can be read is a mistake of its own.
        if used.levels and level not in used.levels:
            what = used.name if used.kind == EXTENSION else f"a {used.kind}"
            yield Mistake(
                at.get(level, path),
                f'"{level}" is not a level of {what}; use {one_of(used.levels)}{nearest(level, used.levels)}',
            )
    for key in ("prefix", "prefixes"):
        if getattr(use, key) and used.kind != "bucket":
            yield Mistake((*path, key), f"a prefix goes with a bucket; {used.name} is {article} {used.kind}")
    if use.path and used.kind != "files":
        yield Mistake((*path, "path"), f"a folder goes with files; {used.name} is {article} {used.kind}")


_LAYER_OF = {"database": "data", "cache": "cache", "search": "search"}
"""What has a layer of its own, and which."""


def names_are_distinct(settings: Settings) -> Iterator[Mistake]:
    kinds: dict[str, str] = {}
    layer_of = {
        "bucket": ("storage",),
        "files": ("files",),
        "secret": ("secrets",),
        "parameters": ("parameters",),
        "service": ("services",),
        "queue": ("messaging", "queues"),
        "topic": ("messaging", "topics"),
        EXTENSION: ("extensions",),
    }
    for thing in usable(settings):
        if thing.name in kinds:
            yield Mistake(
                (*layer_of.get(thing.kind, (thing.kind,)), thing.name),
                f'"{thing.name}" is also the name of a {kinds[thing.name]}; what `uses` refers to must be one thing',
            )
        kinds.setdefault(thing.name, thing.kind)


def variables_are_offered(settings: Settings) -> Iterator[Mistake]:
    for layer, name, uses, _ in workloads(settings):
        for used, use in uses.items():
            brought = offered(settings, used, use)
            for variable in dict.fromkeys((use.variables or {}).values()):
                # What does not exist is a mistake of its own.
                if brought and variable not in brought:
                    yield Mistake(
                        (layer, name, "uses", used, "variables"),
                        f"{variable} is none of what {used} gives: {', '.join(brought)}{nearest(variable, brought)}",
                    )


def environment_names_are_distinct(settings: Settings) -> Iterator[Mistake]:
    """Check that one name has one value: nothing is given up in silence for another."""
    for layer, name, uses, container in workloads(settings):
        taken = dict.fromkeys(own_variables(container), "") if container else {}
        for used, use in uses.items():
            for variable, source in given(settings, layer, used, use).items():
                if variable in taken:
                    by = f"is also given by uses.{taken[variable]}" if taken[variable] else "is Groundwork's own"
                    yield Mistake(
                        (layer, name, "uses", used),
                        f"{variable} {by}; one name has one value. Say under variables which ones it is given, or give this "
                        f"another name there: variables: {{OTHER_NAME: {source}}}",
                    )
                taken.setdefault(variable, used)
        environment = container.environment if container else settings.functions[name].environment
        for variable in environment:
            if taken.get(variable):
                yield Mistake(
                    (layer, name, "environment", variable),
                    f"uses.{taken[variable]} gives this variable; leave it out here, or leave it out of uses.{taken[variable]}.variables",
                )
            elif variable in taken and variable.startswith("DATABASE_"):
                yield Mistake(
                    (layer, name, "environment", variable),
                    f"comes from {layer}.{name}.connections; set that, and leave this out",
                )


def workloads(settings: Settings) -> Iterator[tuple[str, str, Uses, ServiceSettings | None]]:
    """Yield every service, job and function: its layer, its name, what it uses, and where it is a container what it is."""
    for layer, name, container in settings.containers():
        yield layer, name, container.uses, container
    for name, function in settings.functions.items():
        yield "functions", name, function.uses, None


def images_can_be_pulled(settings: Settings) -> Iterator[Mistake]:
    """Check that images can be pulled: without a NAT gateway tasks reach AWS through endpoints alone."""
    network = settings.network
    compute = settings.compute
    if not ((settings.services or settings.jobs) and network and compute and network.nat == "none"):
        return
    if compute.engine == "app-runner" or (compute.has_instances and compute.capacity.placement == "public"):
        return
    needed = ["ecr.api", "ecr.dkr", "logs"]
    holding_secrets = {name for name, one in extensions(settings).items() if one.holds("secret")}
    if any(
        used == "database" or used in settings.secrets or used in holding_secrets
        for _, _, container in settings.containers()
        for used in container.uses
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
    for layer, name, container in settings.containers():
        for key, value in container.environment.items():
            reason = looks_secret(key, value)
            if reason:
                yield Mistake(
                    (layer, name, "environment", key),
                    f"{reason}; put it into a secret (secrets.NAME.keys) and let the {layer[:-1]} use that: uses: {{NAME: read}}",
                )


def builds_hold_no_secret(settings: Settings) -> Iterator[Mistake]:
    """Check arguments of builds, which stand in the image's history."""
    for layer, name, container in settings.containers():
        for key, value in container.build.args.items() if container.build else ():
            reason = looks_secret(key, value)
            if reason:
                yield Mistake(
                    (layer, name, "build", "args", key),
                    f"{reason}, and whoever has the image can read the arguments of its build; let the {layer[:-1]} use a secret when it "
                    "runs: uses: {NAME: read}",
                )


_SECRET_KEY = re.compile(
    r"(^|_)(PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)($|_)", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s@]+@|\bgh[pousr]_[A-Za-z0-9]{30,}|\beyJ[\w-]{10,}\.eyJ|\bsk_live_"
)
_DENSE = re.compile(r"[A-Za-z0-9+/=_\-]{24,}")


def looks_secret(key: str, value: str) -> str | None:
    """Tell why a plain value looks like a secret; None where it does not. The value is never part of the answer."""
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


def sidecars_have_their_place(settings: Settings) -> Iterator[Mistake]:
    """Check that an engine runs sidecars beside a service, under names of their own and out of what the service has."""
    engine = settings.compute.engine if settings.compute else "fargate"
    for name, service in settings.services.items():
        path: Path = ("services", name, "sidecars")
        if service.sidecars and engine not in _WITH_SIDECARS:
            yield Mistake(
                path, f"go with the engines {one_of(_WITH_SIDECARS)}; {engine} runs one container in each copy"
            )
            continue
        for key, sidecar in service.sidecars.items():
            yield from _sidecar(settings, (*path, key), service, name, sidecar)
        for what, unit in (("cpu", "CPU units"), ("memory", "MiB")):
            taken = sum(getattr(sidecar, what) for sidecar in service.sidecars.values())
            if taken > getattr(service, what) // 2:
                yield Mistake(
                    ("services", name, what),
                    f"sidecars take {taken} of the {getattr(service, what)} {unit}, more than half; raise it, or lower theirs",
                )


_WITH_SIDECARS = ("fargate", "ecs-ec2", "eks")


def _sidecar(
    settings: Settings, path: Path, service: ServiceSettings, name: str, sidecar: SidecarSettings
) -> Iterator[Mistake]:
    if path[-1] == name:
        yield Mistake(path, f'"{name}" is what the service itself is called; call the sidecar something else')
    there = [
        *own_variables(service),
        *(variable for used, use in service.uses.items() for variable in given(settings, "services", used, use)),
        *service.environment,
    ]
    for variable in sidecar.variables:
        if variable not in there:
            yield Mistake(
                (*path, "variables"),
                f"the service has no variable {variable}{nearest(variable, there)}; it has {', '.join(there) or 'none'}",
            )
    for key, value in sidecar.environment.items():
        reason = looks_secret(key, value)
        if reason:
            yield Mistake(
                (*path, "environment", key),
                f"{reason}; let the service use a secret that has it, and name it under variables",
            )
        elif key in sidecar.variables:
            yield Mistake((*path, "environment", key), "is also named under variables; one name has one value")


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
    images_come_from_services,
    sizes_fit_fargate,
    paths_are_distinct,
    tcp_has_its_means,
    priorities_are_distinct,
    uses_exist,
    names_are_distinct,
    variables_are_offered,
    environment_names_are_distinct,
    ports_are_said_once,
    environment_holds_no_secret,
    builds_hold_no_secret,
    images_can_be_pulled,
    sidecars_have_their_place,
    scaling_has_its_means,
)
