"""The cache beside the services, as services see it."""

from __future__ import annotations

from components.access import Grant
from components.compute.ec2.machine import CACHE, CACHE_PORT
from settings.models.cache import TimeToLiveSettings
from settings.variables import ttl_variables


class OwnCache:
    """Stands where :class:`components.cache.Cache` stands with ``placement: elasticache``, with the same variables.

    It has neither TLS nor a login: it listens on the containers' own network and on no interface of the instance. Every
    container of the instance reaches it, whether it uses it or not.
    """

    def __init__(self, ttl: TimeToLiveSettings) -> None:
        self._ttl = ttl

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Leave to ``connect``: its address."""
        return Grant(
            environment={
                "CACHE_HOST": CACHE,
                "CACHE_READER_HOST": CACHE,
                "CACHE_PORT": str(CACHE_PORT),
                "CACHE_TLS": "false",
                "CACHE_MODE": "single",
                "CACHE_AUTHENTICATION": "none",
                "CACHE_URL": f"redis://{CACHE}:{CACHE_PORT}",
                **ttl_variables(self._ttl),
            }
        )
