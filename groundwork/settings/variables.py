"""Environment variables that a workload is given: those that each use brings, and those that tell a service of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from groundwork.components.cache.settings import CacheSettings, TimeToLiveSettings
from groundwork.components.messaging.queue_settings import BackoffSettings, stem
from groundwork.components.services.settings import Held, ServiceSettings, Use
from groundwork.components.settings import Settings
from groundwork.settings.access import EXTENSION, extensions, usable

T = TypeVar("T")

SUFFIXES: Mapping[Held, str] = {"plain": "", "secret": "_SECRET", "parameter": "_PARAMETER"}
"""What a function's variables end in that say where a value is."""

_DATABASE: Mapping[str, Held] = {
    "HOST": "plain",
    "READER_HOST": "plain",
    "READER_HOSTS": "plain",
    "PORT": "plain",
    "NAME": "plain",
    "SSLMODE": "plain",
    "READER_SSLMODE": "plain",
    "USERNAME": "secret",
    "PASSWORD": "secret",
    "URL": "secret",
    "READER_URL": "secret",
}


def environment_name(name: str) -> str:
    """Return ``IMAGES`` for ``images``, ``APP_DATA`` for ``app-data``: how a backing thing's name starts its
    environment variables."""
    return name.upper().replace("-", "_")


def mount_path(name: str) -> str:
    """Return ``/mnt/uploads`` for the files ``uploads``: the folder in which a container has them unless it says another."""
    return f"/mnt/{name}"


def own_variables(service: ServiceSettings) -> dict[str, str]:
    """Return the variables that tell a service its own settings."""
    told = {} if service.port is None else {"PORT": str(service.port)}
    use = service.uses.get("database")
    if use is None:
        return told
    pool = service.connections
    told |= {
        "DATABASE_POOL_SIZE": str(pool.max),
        "DATABASE_POOL_MIN": str(pool.min),
        "DATABASE_POOL_IDLE_SECONDS": str(pool.idle),
        "DATABASE_POOL_CONNECT_SECONDS": str(pool.connect),
    }
    return {**told, "DATABASE_READER_POOL_SIZE": str(pool.readers)} if "connect" in use.levels else told


def backoff_variables(backoff: BackoffSettings | None, prefix: str = "QUEUE_") -> dict[str, str]:
    """Return the variables that tell a consumer for how long a message that failed is hidden."""
    if backoff is None:
        return {}
    return {
        f"{prefix}BACKOFF_FIRST_SECONDS": str(backoff.first),
        f"{prefix}BACKOFF_MOST_SECONDS": str(backoff.most),
    }


def ttl_variables(ttl: TimeToLiveSettings) -> dict[str, str]:
    """Return the variables that tell the cache's users how long to keep things, in seconds."""
    return {
        "CACHE_TTL_MIN_SECONDS": str(ttl.min),
        "CACHE_TTL_MAX_SECONDS": str(ttl.max),
        "CACHE_TTL_LOCAL_SECONDS": str(ttl.local),
    }


def renamed(given: Mapping[str, T], variables: Mapping[str, str] | None) -> dict[str, T]:
    """Return what is left of ``given`` where ``variables`` (a name of one's own → the name it is given by) choose; None
    takes all."""
    if variables is None:
        return dict(given)
    return {own: given[name] for own, name in variables.items() if name in given}


def offered(settings: Settings, used: str, use: Use) -> dict[str, Held]:
    """Return every variable that a use of ``used`` brings, and how it is held; nothing for what this stack does not
    have."""
    kind = next((thing.kind for thing in usable(settings) if thing.name == used), None)
    return _BY_KIND[kind](settings, used, use) if kind else {}


def given(settings: Settings, layer: str, used: str, use: Use) -> dict[str, str]:
    """Return what a use brings a workload of a layer: its own name for each variable → the name that the variable
    comes with.

    Lambda takes nothing by reference, so that a function is told where to look instead: in ``NAME_SECRET``, ``NAME_PARAMETER``.
    """
    brought = offered(settings, used, use)
    chosen = renamed({name: name for name in brought}, use.variables)
    return {f"{own}{SUFFIXES[brought[name]] if layer == 'functions' else ''}": name for own, name in chosen.items()}


def _plain(*names: str) -> dict[str, Held]:
    return dict.fromkeys(names, "plain")


def _queue(settings: Settings, used: str, use: Use) -> dict[str, Held]:
    name = environment_name(stem(used))
    queue = settings.messaging.queues[used] if settings.messaging else None
    backoff = queue.backoff if queue and "consume" in use.levels else None
    return _plain(f"{name}_QUEUE_URL", *backoff_variables(backoff, f"{name}_QUEUE_"))


def _bucket(settings: Settings, used: str, use: Use) -> dict[str, Held]:
    name = environment_name(used)
    return _plain(f"{name}_BUCKET", *([f"{name}_PREFIX"] if use.prefix else []))


def _push(settings: Settings, used: str, use: Use) -> dict[str, Held]:
    push = settings.messaging.push if settings.messaging else None
    return _plain(*(f"PUSH_{key.upper()}_ARN" for key in ("ios", "android") if push and getattr(push, key)))


def _database(settings: Settings, used: str, use: Use) -> dict[str, Held]:
    existing = settings.data.existing if settings.data else None
    without_url = existing is not None and existing.url_key is None
    return {
        f"DATABASE_{part}": held
        for part, held in _DATABASE.items()
        if not (without_url and part in ("URL", "READER_URL"))
    }


def _cache(settings: Settings, used: str, use: Use) -> dict[str, Held]:
    parts = _cache_parts(settings.cache) if settings.cache else {}
    return {f"CACHE_{part}": held for part, held in parts.items()}


def _cache_parts(cache: CacheSettings) -> dict[str, Held]:
    parts: dict[str, Held] = dict.fromkeys(("HOST", "PORT", "TLS", "MODE", "AUTHENTICATION"), "plain")
    parts |= dict.fromkeys((name.removeprefix("CACHE_") for name in ttl_variables(cache.ttl)), "plain")
    if cache.placement == "instance":
        return {**parts, "READER_HOST": "plain", "URL": "plain"}
    parts["USERNAME"] = "plain"
    if cache.shards is None:
        parts["READER_HOST"] = "plain"
    if cache.authentication == "iam":
        return {**parts, "NAME": "plain"}
    return {**parts, "PASSWORD": "secret", "URL": "secret"}


def _extension(settings: Settings, used: str, use: Use) -> dict[str, Held]:
    declared = extensions(settings).get(used)
    return {
        name: held
        for level in use.levels
        for name, held in (declared.levels.get(level, {}) if declared else {}).items()
    }


_BY_KIND: Mapping[str, Callable[[Settings, str, Use], dict[str, Held]]] = {
    "database": _database,
    "cache": _cache,
    "search": lambda settings, used, use: _plain("SEARCH_ENDPOINT", "SEARCH_REGION"),
    "push": _push,
    "queue": _queue,
    "topic": lambda settings, used, use: _plain(f"{environment_name(stem(used))}_TOPIC_ARN"),
    "bucket": _bucket,
    "files": lambda settings, used, use: _plain(f"{environment_name(used)}_PATH"),
    "secret": lambda settings, used, use: dict.fromkeys(settings.secrets[used].variables, "secret"),
    "parameters": lambda settings, used, use: dict.fromkeys(settings.parameters[used].values, "parameter"),
    "service": lambda settings, used, use: _plain(f"{environment_name(used)}_URL"),
    EXTENSION: _extension,
}
"""Kind → the variables that a use of it brings."""
