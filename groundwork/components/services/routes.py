"""Routes: which request of the load balancer reaches which service, and in what order the rules are asked.

AWS asks a listener's rules by priority, lowest first, and gives each priority once. Pulumi makes and changes rules before it
deletes any, so a priority that moved when another service comes or goes could be one that is still held. Therefore it follows
from the rule itself: hosts first, then exact paths, then patterns from the longest beginning without wildcards to the
shortest, and inside such a band a place drawn from service, engine and path. A service that takes over the path of one that
goes, or that moves to another engine, thereby has a rule beside the old one, not in its place.

Two rules that draw one place are a mistake in the stack file (``checks/routes.py``), and ``services.NAME.priority`` settles it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.components.services.settings import ServiceSettings

LAST_PRIORITY = 50_000
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html"""


@dataclass(frozen=True)
class _Bands:
    """The priorities of patterns whose beginnings have ``longest`` to ``shortest`` characters, one band for each length."""

    first: int
    longest: int
    shortest: int
    levels: int
    """How many patterns of one beginning are told apart by what they say after it; they overlap, so their order counts."""
    places_of_level: int
    places_of_ending: int
    """For those that say nothing after it (``/api/*``)."""

    @property
    def stop(self) -> int:
        return self.first + (self.longest - self.shortest + 1) * self._width

    @property
    def _width(self) -> int:
        return self.levels * self.places_of_level + self.places_of_ending

    def places(self, beginning: int, rest: str) -> range:
        start = self.first + (self.longest - beginning) * self._width
        ending = start + self.levels * self.places_of_level
        if rest == "*":
            return range(ending, ending + self.places_of_ending)
        # The more a pattern says after its beginning, the earlier it is asked.
        said = min(len(re.sub(r"[*?]", "", rest)), self.levels - 1)
        level = ending - (said + 1) * self.places_of_level
        return range(level, level + self.places_of_level)


_HOSTS = range(1, 4_001)
_EXACT = range(_HOSTS.stop, _HOSTS.stop + 6_000)
# Nearly all beginnings are short, and get nearly all of the places.
_LONG = _Bands(_EXACT.stop, longest=128, shortest=33, levels=20, places_of_level=3, places_of_ending=20)
_SHORT = _Bands(_LONG.stop, longest=32, shortest=1, levels=40, places_of_level=10, places_of_ending=600)


@dataclass(frozen=True)
class Route:
    """One rule: all of a host, or a path of any host."""

    service: str
    priority: int
    host: str | None = None
    path: str | None = None

    @property
    def kind(self) -> str:
        """Return ``host`` or ``path``: the setting that asks for it."""
        return "host" if self.host else "path"

    @property
    def key(self) -> str:
        return f"{self.service}-{self.kind}"

    @property
    def places(self) -> range:
        """Return the priorities of what is as specific as this."""
        return _HOSTS if self.host else _places(self.path or "/*")


def routes(services: Mapping[str, ServiceSettings], domain: str | None, engine: str) -> list[Route]:
    """List the rules of all services that the load balancer serves, in the order in which it asks them."""
    found: list[Route] = []
    for name, service in services.items():
        if service.port is None:
            continue
        own = service.priority
        if service.host and domain:
            host = f"{service.host}.{domain}"
            found.append(Route(name, own.host or _drawn(_HOSTS, name, engine, host), host=host))
        if service.path:
            place = own.path or _drawn(_places(service.path), name, engine, service.path)
            found.append(Route(name, place, path=service.path))
    return sorted(found, key=lambda route: (route.priority, route.key))


def _drawn(places: range, *of: str) -> int:
    digest = hashlib.sha256(" ".join(of).encode()).digest()
    return places[int.from_bytes(digest[:8]) % len(places)]


def _places(path: str) -> range:
    beginning = re.split(r"[*?]", path, maxsplit=1)[0]
    rest = path[len(beginning) :]
    if not rest:
        return _EXACT
    bands = _SHORT if len(beginning) <= _SHORT.longest else _LONG
    return bands.places(len(beginning), rest)
