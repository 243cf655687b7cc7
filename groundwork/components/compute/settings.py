"""Where services run: the engine, its architecture and how spare capacity is used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from groundwork.components.compute.eks.settings import KubernetesSettings
from groundwork.components.services.settings import ScheduledScaling, check_bounds
from groundwork.settings.base import ImageReference, Model, Name
from groundwork.settings.facts import Architecture, instance_class

Engine = Literal["fargate", "ecs-ec2", "eks", "ec2", "app-runner"]

INSTANCE_ENGINES: tuple[Engine, ...] = ("ecs-ec2", "ec2")
"""Engines whose instances are ours."""

InstanceClass = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9]+$")]


class RepositorySettings(Model):
    """ECR repositories: one per service without an image of its own."""

    keep_images: Annotated[int, Field(ge=1, le=1000)] = 30
    """How many tagged images are kept."""

    untagged_days: Annotated[int, Field(ge=1, le=365)] = 7
    """Days until an untagged image expires."""


class InstancesSettings(Model):
    """The EC2 instances of the engines ``ecs-ec2`` and ``ec2``."""

    instance_class: Annotated[InstanceClass, Field(alias="class")] = "t3.medium"
    """Class of the instances, such as ``t3.medium``; the one that is taken where there is a choice."""

    further_classes: tuple[InstanceClass, ...] = ()
    """Classes that may be taken where the first is not to be had; Spot wants several. Of the first one's architecture."""

    min: Annotated[int, Field(ge=0, le=1000)] = 1
    max: Annotated[int, Field(ge=1, le=1000)] = 4

    image: Annotated[str, Field(pattern=r"^ami-([0-9a-f]{8}|[0-9a-f]{17})$")] | None = None
    """An image to stay on. Unset, the newest that AWS publishes for the engine, which each update of the stack looks up."""

    utilization: Annotated[int, Field(ge=1, le=100)] = 100
    """Percent of the instances that are to be in use, with the engine ``ecs-ec2``; less than 100 keeps spare ones ready."""

    lifetime_days: Annotated[int, Field(ge=1, le=365)] | None = 30
    """Days after which an instance is replaced by a new one; with the engine ``ecs-ec2`` not while it runs tasks."""

    trunking: bool = False
    """The account setting ``awsvpcTrunking`` is on, so that an instance takes more ECS tasks than it has network interfaces.
    Burstable classes (t2, t3, t4g) cannot."""

    volume: Annotated[int, Field(ge=8, le=65_536)] = 30
    """GiB of each instance's root volume; with the engine ``ecs-ec2`` at least 30, the size of the ECS image."""

    data_volume: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """GiB of a volume that outlives its instance; only with the engine ``ec2`` and one instance."""

    schedule: dict[Name, ScheduledScaling] = {}
    """Other bounds at certain hours."""

    placement: Literal["private", "public"] = "private"
    """Which subnets instances stand in. ``public``, only with the engine ``ec2``, saves the NAT gateway."""

    @model_validator(mode="after")
    def _in_order(self) -> InstancesSettings:
        check_bounds(self.min, self.max)
        return self


class ComputeSettings(Model):
    """The engine that runs every service."""

    engine: Engine = "fargate"
    """``fargate``: containers without servers. ``ecs-ec2``: the same containers on instances of one's own. ``ec2``:
    containers on instances of one's own, without ECS. ``eks``: the same containers on Kubernetes. ``app-runner``: only for accounts that used it before 30 April 2026."""

    architecture: Architecture | None = None
    """What images are built for. Unset: arm64 (Graviton, about a fifth cheaper) on Fargate, on instances what their class
    is, x86_64 on App Runner, which has nothing else."""

    instances: InstancesSettings | None = None
    """For the engines ``ecs-ec2`` and ``ec2``."""

    kubernetes: KubernetesSettings | None = None
    """For the engine ``eks``."""

    spot: Annotated[int, Field(ge=0, le=100)] = 0
    """Percent of tasks beyond the minimum that run on Spot; with ``ecs-ec2`` and ``ec2``, of instances beyond theirs."""

    app_runner_quota: Annotated[int, Field(ge=25, le=1000)] = 25
    """Copies of one service that App Runner lets this account run; AWS Support raises it from 25 on request."""

    exec: bool = False
    """ECS Exec into running tasks, with every session logged."""

    container_insights: Literal["disabled", "enabled", "enhanced"] = "enabled"

    repositories: RepositorySettings = RepositorySettings()

    placeholder_image: ImageReference = "public.ecr.aws/docker/library/busybox:1.37.0"
    """What a service runs until its first image is delivered: any image with busybox's ``sh`` and ``httpd``."""

    collector_image: Annotated[str, Field(min_length=1, max_length=512)] = (
        "public.ecr.aws/aws-observability/aws-otel-collector:v0.45.1"
    )
    """The sidecar of services with ``tracing``: AWS's distribution of the OpenTelemetry collector."""

    @property
    def has_instances(self) -> bool:
        """Tell whether the engine runs services on instances of ours."""
        return self.engine in INSTANCE_ENGINES

    @property
    def has_volumes(self) -> bool:
        """Tell whether instances of ours have volumes, nodes of Kubernetes among them."""
        return self.has_instances or self.runs_kubernetes

    @property
    def copies_are_instances(self) -> bool:
        """Tell whether each instance runs one copy of every service: there are as many as instances, whatever ``scaling`` says."""
        return self.engine == "ec2"

    @property
    def has_one_instance(self) -> bool:
        """Tell whether one instance runs everything: it ends before its successor starts, and answers without a load balancer."""
        return self.copies_are_instances and self.capacity.max == 1

    @property
    def has_public_instance(self) -> bool:
        """Tell whether services run on an instance with a public address."""
        return self.copies_are_instances and self.capacity.placement == "public"

    @property
    def runs_kubernetes(self) -> bool:
        """Tell whether services are Kubernetes' Deployments."""
        return self.engine == "eks"

    @property
    def capacity(self) -> InstancesSettings:
        """Return the instances, as set or as the defaults are."""
        return self.instances or InstancesSettings()

    @property
    def cluster(self) -> KubernetesSettings:
        """Return the Kubernetes cluster, as set or as the defaults are."""
        return self.kubernetes or KubernetesSettings()

    @property
    def built_for(self) -> Architecture:
        """Return the architecture that images must have."""
        if self.architecture is not None:
            return self.architecture
        if self.engine == "fargate":
            return "arm64"
        if self.engine == "eks":
            first = next(iter(self.cluster.nodes.values()), None)
            known = instance_class(first.classes[0]) if first else None
        else:
            known = instance_class(self.capacity.instance_class) if self.has_instances else None
        return known.architecture if known else "x86_64"
