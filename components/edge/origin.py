"""A server that CloudFront asks where there is no load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

HOST = "origin"
"""Its name below the domain."""


@dataclass(frozen=True)
class Origin:
    """The address of a server of ours."""

    address: pulumi.Output[str]
    """IPv4, and the same whatever instance stands behind it."""
    host: pulumi.Output[str]
    """The name that AWS gives the address."""


@dataclass(frozen=True)
class Server:
    """The same as CloudFront asks it."""

    host: pulumi.Input[str]
    secure: bool
    """It has a certificate for its names."""


@dataclass(frozen=True)
class Hosts:
    """Services that answer at public names of AWS's, each over HTTPS with a certificate for its name alone."""

    names: Mapping[str, pulumi.Output[str]]
    """By service."""
    header: tuple[str, pulumi.Output[str]] | None
    """What they ask of CloudFront."""


@dataclass(frozen=True)
class Door:
    """What that server must know to answer this platform's CloudFront and nobody else."""

    header: str
    """The header that requests must carry, in lower case."""
    secret_arn: pulumi.Output[str]
    """Where its value is kept."""
    names: tuple[str, ...]
    """What the server's certificate must cover; empty without a domain, and then it speaks HTTP."""
    zone_id: pulumi.Output[str] | None
    """Where it proves that the names are its own."""
