"""The cache beside the services, as services see it."""

from __future__ import annotations

from typing import Protocol

import pulumi

from groundwork.components.access import Grant
from groundwork.components.cache.settings import CacheSettings
from groundwork.components.compute.ec2.machine import CACHE, CACHE_PORT
from groundwork.settings.variables import ttl_variables


class Backups(Protocol):
    """A bucket, as :class:`groundwork.components.storage.bucket.Bucket` is."""

    bucket_name: pulumi.Output[str]

    def grant(self, level: str, prefix: str | None = None) -> Grant: ...


class OwnCache:
    """Stands where :class:`groundwork.components.cache.cache.Cache` stands with ``placement: elasticache``, with the same variables.

    It has neither TLS nor a login: it listens on the containers' own network and on no interface of the instance. Every
    container of the instance reaches it, whether it uses it or not.
    """

    def __init__(self, settings: CacheSettings, backups: Backups | None = None) -> None:
        """Configure the cache on the instance. ``backups``: the bucket that it is copied to."""
        self.settings = settings
        self.backups = backups

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``connect``: its address."""
        return Grant(
            environment={
                "CACHE_HOST": CACHE,
                "CACHE_READER_HOST": CACHE,
                "CACHE_PORT": str(CACHE_PORT),
                "CACHE_TLS": "false",
                "CACHE_MODE": "single",
                "CACHE_AUTHENTICATION": "none",
                "CACHE_URL": f"redis://{CACHE}:{CACHE_PORT}",
                **ttl_variables(self.settings.ttl),
            }
        )
