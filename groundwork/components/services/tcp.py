"""Services that speak something else than HTTP, behind a Network Load Balancer."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.edge.settings import AddressRange
from groundwork.settings.base import Model

Balancer = Literal["public", "internal"]
"""Which of the platform's network load balancers a service stands behind."""


class TcpSettings(Model):
    """Where a service is reached over TCP, on a Network Load Balancer in place of ``path`` and ``host``. A bare number is ``port``."""

    port: Annotated[int, Field(ge=1, le=65535)]
    """The port on the load balancer; ``port`` of the service is the one in the container."""

    callers: Annotated[tuple[AddressRange, ...], Field(alias="from")] = ()
    """IPv4 ranges from which it is reached, such as ``[203.0.113.0/24]``; unset, only those of the network itself. With a public range
    the load balancer is public. ``[0.0.0.0/0]`` opens the port to the internet: no CloudFront and no web ACL stand before it, and on
    another port than 443 the guardrails want an exception with its reason."""

    tls: bool = False
    """The load balancer ends TLS, with the domain's certificate; the service is spoken to in clear inside the network. Needs ``host``."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    """A name below the domain that leads to the load balancer, such as ``mqtt``; none of ``edge.aliases``, which lead to CloudFront."""

    @model_validator(mode="after")
    def _is_found(self) -> TcpSettings:
        if self.tls and self.host is None:
            raise PydanticCustomError(
                "tls", "needs host: a certificate is for a name, and clients check it", {"at": ("tls",)}
            )
        for place, known in enumerate(self.callers):
            if ":" in known:
                raise PydanticCustomError(
                    "from",
                    "{range} is IPv6, and the load balancer has IPv4 addresses, so that services see who calls; leave it out",
                    {"range": known, "at": ("from", place)},
                )
        return self

    @property
    def balancer(self) -> Balancer:
        """Return the load balancer that it stands behind: the public one where somebody outside of private networks calls."""
        return "public" if any(_is_public(known) for known in self.callers) else "internal"


def _is_public(known: str) -> bool:
    network = IPv4Network(known)
    return not any(network.subnet_of(private) for private in _PRIVATE)


_PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")))
"""What a VPC, or a network joined to it, may have: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""


def tcp_of(value: Any) -> Any:
    """Return the settings for a bare number, the port."""
    return {"port": value} if isinstance(value, int) and not isinstance(value, bool) else value
