"""Find in an environment how a process reaches what backs it, so that ours is given under the names that it looks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from groundwork.projects.sources.application import Kind, Process, Variable

OURS: dict[Kind, dict[str, str]] = {
    "database": {
        "url": "DATABASE_URL",
        "host": "DATABASE_HOST",
        "port": "DATABASE_PORT",
        "name": "DATABASE_NAME",
        "user": "DATABASE_USERNAME",
        "password": "DATABASE_PASSWORD",
        "sslmode": "DATABASE_SSLMODE",
    },
    "cache": {
        "url": "CACHE_URL",
        "host": "CACHE_HOST",
        "port": "CACHE_PORT",
        "user": "CACHE_USERNAME",
        "password": "CACHE_PASSWORD",
        "tls": "CACHE_TLS",
    },
    "search": {"url": "SEARCH_ENDPOINT"},
}
"""Kind → what a variable of an application says of it → the variable of ours that says it (groundwork/settings/variables.py)."""

_PARTS: dict[str, str] = {
    **dict.fromkeys(("HOST", "HOSTNAME", "HOST_NAME", "SERVER", "ADDR", "ADDRESS", "SERVICE_HOST", "ENDPOINT"), "host"),
    **dict.fromkeys(("PORT", "SERVICE_PORT", "PORT_NUMBER", "HOST_PORT"), "port"),
    **dict.fromkeys(("USER", "USERNAME", "USER_NAME", "LOGIN", "UNAME"), "user"),
    **dict.fromkeys(("PASSWORD", "PASS", "PASSWD", "PWD", "USER_PASSWORD", "PSWD", "AUTH"), "password"),
    **dict.fromkeys(("NAME", "DB", "DATABASE", "DBNAME", "DB_NAME", "DATABASE_NAME", "DATABASENAME"), "name"),
    **dict.fromkeys(("SSLMODE", "SSL_MODE"), "sslmode"),
    **dict.fromkeys(("TLS", "SSL", "USE_TLS", "USE_SSL", "SSL_ENABLED", "TLS_ENABLED"), "tls"),
    **dict.fromkeys(("URL", "URI", "DSN", "CONNECTION_STRING", "CONNECTION_URL", "CONNECTION"), "url"),
}
"""How names of variables end → what they say. Of a cache NAME and DB are numbers of databases, which ours has no variable for."""

_STARTS: dict[Kind, tuple[str, ...]] = {
    "database": ("DATABASE_", "DB_", "POSTGRES_", "POSTGRESQL_", "PG_", "PG", "RDS_", "SQL_", "PSQL_"),
    "cache": ("REDIS_", "VALKEY_", "CACHE_REDIS_"),
    "search": ("ELASTICSEARCH_", "OPENSEARCH_", "ELASTIC_", "ES_"),
}
"""How names of variables start that say where something is, also where the value is not in the file."""

_WHOLE: dict[str, tuple[Kind, str]] = {
    **dict.fromkeys(("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL", "DATABASE_DSN"), ("database", "url")),
    **dict.fromkeys(
        ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL", "CACHE_URL", "RESULT_BACKEND", "ACTION_CABLE_URL"),
        ("cache", "url"),
    ),
}


@dataclass(frozen=True)
class Reference:
    """How a value names a host."""

    shape: str
    """``url``, ``address`` (host and port), ``host``, or ``inside`` of something else."""
    scheme: str = ""
    rest: str = ""
    """What follows host and port."""


_HOSTISH = re.compile(
    r"HOST|SERVER|ADDR|ENDPOINT|URL|URI|UPSTREAM|BACKEND|SERVICE|NODES?$|BROKER|CONTACT", re.IGNORECASE
)


def reference(variable: Variable, hosts: Iterable[str]) -> Reference | None:
    """Tell how a variable names one of some hosts; None where it does not.

    A word alone may mean anything (``ROLE=worker``), so that the variable's name has to speak of a place then.
    """
    value = variable.raw or variable.value or ""
    names = "|".join(re.escape(host) for host in sorted(hosts, key=len, reverse=True))
    if not value or not names:
        return None
    url = re.fullmatch(
        rf"(?P<scheme>[A-Za-z][\w+.:-]*)://(?:[^/@\s]*@)?(?:{names})(?::[\d\0]+)?(?P<rest>[/?].*)?", value
    )
    if url:
        return Reference("url", url["scheme"].lower(), url["rest"] or "")
    if re.fullmatch(rf"(?:{names}):[\d\0]+(/\d*)?", value):
        return Reference("address")
    if re.fullmatch(rf"(?:{names})", value):
        return Reference("host") if _HOSTISH.search(variable.name) else None
    if re.search(rf"(?:://|@|[Hh]ost=|[Ss]erver=|tcp\()(?:{names})(?![\w.-])|(?<![\w.-])(?:{names}):\d+", value):
        return Reference("inside")
    return None


def siblings(process: Process, host: Variable) -> Iterator[tuple[Variable, str]]:
    """Yield what else an environment says of the place that ``host`` names: ``DB_PORT`` beside ``DB_HOST``."""
    start = _start(host.name)
    if start is None:
        return
    for variable in process.variables.values():
        rest = variable.name.upper().removeprefix(start.upper())
        if variable is not host and rest != variable.name.upper() and (part := _PARTS.get(rest.lstrip("_"))):
            yield variable, part


def _start(name: str) -> str | None:
    """Return what a variable's name has before its last words: ``DB_`` of ``DB_HOST``, ``PG`` of ``PGHOST``."""
    for ending in sorted(_PARTS, key=len, reverse=True):
        if name.upper().endswith(ending) and len(name) > len(ending):
            start = name[: -len(ending)]
            if start.upper().endswith(("_", "PG", "DB", "REDIS")):
                return start
    return None


def by_name(name: str) -> tuple[Kind, str] | None:
    """Tell what a variable says by its name alone, where that is a usual one; None where it is not."""
    upper = name.upper()
    if upper in _WHOLE:
        return _WHOLE[upper]
    for kind, starts in _STARTS.items():
        for start in starts:
            part = _PARTS.get(upper.removeprefix(start)) if upper.startswith(start) else None
            if part is not None and not (kind == "cache" and part == "name"):
                return kind, part
    return None
