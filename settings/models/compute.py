"""Where services run: the engine, its architecture and how spare capacity is used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from settings.models.base import Model

Engine = Literal["fargate"]


class RepositorySettings(Model):
    """ECR repositories: one per service without an image of its own."""

    keep_images: Annotated[int, Field(ge=1, le=1000)] = 30
    """How many tagged images are kept."""

    untagged_days: Annotated[int, Field(ge=1, le=365)] = 7
    """Days until an untagged image expires."""


class ComputeSettings(Model):
    """The engine that runs every service."""

    engine: Engine = "fargate"

    architecture: Literal["arm64", "x86_64"] = "arm64"
    """What images are built for. Graviton (arm64) costs about a fifth less."""

    spot: Annotated[int, Field(ge=0, le=100)] = 0
    """Percent of tasks beyond the minimum that run on Spot."""

    exec: bool = False
    """ECS Exec into running tasks, with every session logged."""

    container_insights: Literal["disabled", "enabled", "enhanced"] = "enabled"

    repositories: RepositorySettings = RepositorySettings()

    collector_image: Annotated[str, Field(min_length=1, max_length=512)] = (
        "public.ecr.aws/aws-observability/aws-otel-collector:v0.45.1"
    )
    """The sidecar of services with ``tracing``: AWS's distribution of the OpenTelemetry collector."""
