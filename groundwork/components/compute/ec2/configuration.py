"""Parameter Store: what instances read when a service starts (S4-10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import ParameterReference, SecretReference
from groundwork.components.base import Component
from groundwork.components.compute.documents import document
from groundwork.components.compute.ec2.container import check, container
from groundwork.components.compute.ec2.identity import PlacedService
from groundwork.components.compute.ec2.user_data import program
from groundwork.components.compute.images import Image
from groundwork.components.compute.jobs import WAIT, Job
from groundwork.components.compute.placeholder import command
from groundwork.settings.images import NOTHING


@dataclass
class Store:
    """What is written there, by what it is about."""

    path: str
    """``/shop/prod/services``: below it are declarations, images and environment."""
    programs: str
    written: dict[str, pulumi.Input[str]] = field(default_factory=dict)
    """Key → value, of all that a running instance would not notice."""
    ready: list[pulumi.Resource] = field(default_factory=list)

    @property
    def digest_of(self) -> pulumi.Output[str]:
        """Return all values as one document."""
        return document(self.written)


def store(parent: Component) -> Store:
    """Create an empty store."""
    prefix = parent.context.prefix
    return Store(f"{prefix}/services", f"{prefix}/instances/programs")


def write_programs(parent: Component, kept: Store, names: Iterable[str]) -> None:
    """Store the programs that boot fetches."""
    for name in sorted(set(names)):
        _write(parent, kept, f"program-{name}", f"{kept.programs}/{name}", program(name))


def write_service(
    parent: Component,
    kept: Store,
    placed_service: PlacedService,
    image: Image,
    *,
    placeholder_image: str,
    log_group: str,
    everywhere: bool,
    job: Job | None = None,
) -> None:
    """Store a service's declaration and variables; what runs until there is an image stands in it too.

    A pipeline that owns the image writes the next one to its parameter and restarts the unit; the stack leaves it alone.
    """
    name, service = placed_service.name, placed_service.settings
    path = f"{kept.path}/environment/{name}"
    body = container(
        service, region=parent.context.region, log_group=log_group, everywhere=everywhere and service.is_public
    )
    for key, value in placed_service.environment.items():
        if value == "":
            # Parameter Store keeps no empty value.
            body["Env"].append(f"{key}=")
        else:
            _write(parent, kept, f"{name}.{key}", f"{path}/{key}", value)
    declaration = document(
        _declaration(placed_service, image, path=path, body=body, placeholder_image=placeholder_image, job=job)
    )
    _write(parent, kept, f"{name}-declaration", f"{kept.path}/declarations/{name}", declaration)
    if service.image_from is None and service.owner_of_image == "stack":
        kept.written[f"{name}-image"] = NOTHING if image.is_placeholder else image.reference
    kept.ready.append(image.parameter)


def _declaration(
    placed_service: PlacedService,
    image: Image,
    *,
    path: str,
    body: Mapping[str, Any],
    placeholder_image: str,
    job: Job | None,
) -> dict[str, Any]:
    references = sorted(placed_service.references.items())
    return {
        "image": image.holder,
        "job": _limits(job) if job else None,
        "role": placed_service.role_arn or "",
        "parameters": path,
        "references": {key: value.name for key, value in references if isinstance(value, ParameterReference)},
        "secrets": {
            key: {"arn": value.arn, "key": value.key} for key, value in references if isinstance(value, SecretReference)
        },
        "check": check(placed_service.settings),
        "container": body,
        "placeholder": {"image": placeholder_image, "command": list(command(placed_service.settings))},
    }


def _limits(job: Job) -> dict[str, int | None]:
    return {
        "timeout": job.settings.timeout or (None if job.settings.schedule else WAIT),
        "retries": job.settings.retries,
    }


def _write(parent: Component, kept: Store, key: str, name: str, value: pulumi.Input[str]) -> None:
    kept.written[key] = value
    kept.ready.append(
        aws.ssm.Parameter(
            f"{parent.name}-{key}",
            name=name,
            type=aws.ssm.ParameterType.STRING,
            # Beyond 4 KB a parameter costs money; most stay below.
            tier="Intelligent-Tiering",
            insecure_value=value,
            opts=parent.child(),
        )
    )
