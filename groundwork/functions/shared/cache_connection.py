"""The cache that a function uses: its address and login are in the environment that ``uses: {cache: connect}`` gives."""

from __future__ import annotations

import functools
import json
import os
from typing import Any

import boto3
import redis
from botocore.config import Config
from redis.backoff import ExponentialBackoff
from redis.cluster import RedisCluster
from redis.retry import Retry


@functools.cache
def connection(timeout: int, retries: int) -> Any:
    """Return the one connection for the life of this copy. ``timeout``: seconds for one answer of the cache or of Secrets
    Manager. Where the password has changed since, ``connection.cache_clear()`` makes the next call log in anew."""
    authentication = os.environ["CACHE_AUTHENTICATION"]
    if authentication != "password":
        raise ValueError(f"CACHE_AUTHENTICATION is {authentication}; this function logs in with a password")
    options: dict[str, Any] = {
        "host": os.environ["CACHE_HOST"],
        "port": int(os.environ["CACHE_PORT"]),
        "username": os.environ["CACHE_USERNAME"],
        "password": _password(timeout),
        "ssl": True,
        "ssl_ca_certs": os.environ.get("CACHE_CA_FILE"),
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), retries),
    }
    return RedisCluster(**options) if os.environ["CACHE_MODE"] == "cluster" else redis.Redis(**options)


def _password(timeout: int) -> str:
    """Return the password that a container would find in ``CACHE_PASSWORD``."""
    reference = os.environ["CACHE_PASSWORD_SECRET"].split(":")
    answer: str = _secrets_manager(timeout).get_secret_value(SecretId=":".join(reference[:7]))["SecretString"]
    return str(json.loads(answer)[reference[7]]) if len(reference) > 7 else answer


@functools.cache
def _secrets_manager(timeout: int) -> Any:
    # In the network the call may have no way out; it must fail before the function does.
    return boto3.client(
        "secretsmanager",
        config=Config(
            connect_timeout=timeout, read_timeout=timeout, retries={"mode": "standard", "total_max_attempts": 2}
        ),
    )
