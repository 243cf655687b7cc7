"""The engines by their names: the same services, another way to run them."""

from __future__ import annotations

from typing import Protocol

import pulumi

from groundwork.components.access import Statement
from groundwork.components.compute.app_runner import AppRunner
from groundwork.components.compute.ec2.engine import Ec2
from groundwork.components.compute.ecs_ec2 import EcsEc2
from groundwork.components.compute.fargate import Fargate
from groundwork.components.compute.jobs import JobOutputs
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings, Engine
from groundwork.components.compute.stopping import Stoppable
from groundwork.components.context import Context
from groundwork.components.edge.ingress import AnsweringAt
from groundwork.components.edge.origin import Origins
from groundwork.components.settings import Settings


class Running(Protocol):
    """What every engine tells of the services that it runs."""

    @property
    def cluster_name(self) -> pulumi.Output[str] | None: ...

    service_names: dict[str, pulumi.Output[str]]
    repository_urls: dict[str, pulumi.Output[str]]
    log_group_names: dict[str, pulumi.Output[str]]
    jobs: dict[str, JobOutputs]
    """What it takes to run each job."""
    delivery: tuple[Statement, ...]
    """What it takes to deploy another image, as ``groundwork deploy`` does."""
    origins: Origins
    """What CloudFront asks for its services."""
    stoppable: Stoppable
    """What of it can stand still at night."""
    volume_arns: tuple[pulumi.Output[str], ...]
    """The volumes that keep data beyond an instance."""


def answering_at(settings: Settings) -> AnsweringAt:
    """Return what requests reach the services of a stack by: the engine decides."""
    if not any(service.port and service.path for service in settings.services.values()):
        return "nothing"
    if settings.compute is not None and settings.compute.engine == "app-runner":
        return "services"
    return "address" if settings.compute and settings.compute.has_public_instance else "load-balancer"


def run_on_engine(
    name: str, settings: ComputeSettings, context: Context, run: Run, opts: pulumi.ResourceOptions
) -> Running:
    """Run every service on the engine that the settings name.

    A running stack may come from another engine. Repositories, log groups, roles and security groups of its services have the same
    names on each, so they are the same: what the engine was before is an alias of the engine, and Pulumi gives each child the alias
    with it (https://www.pulumi.com/docs/iac/concepts/resources/options/aliases/).
    """
    before = [pulumi.Alias(type_=token) for engine, token in TOKENS.items() if engine != settings.engine]
    opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(aliases=before))
    return _ENGINES[settings.engine](name, settings, context, run=run, opts=opts)


def _eks(
    name: str, settings: ComputeSettings, context: Context, *, run: Run, opts: pulumi.ResourceOptions | None
) -> Running:
    # Half a second that only stacks with a cluster pay: it loads the Kubernetes SDK. Where that is installed Pulumi loads its
    # plugin too, whatever the stack, so that only those who need it have it.
    try:
        from groundwork.components.compute.eks.engine import Eks  # noqa: PLC0415 - loads the Kubernetes SDK
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] != "pulumi_kubernetes":
            raise
        raise pulumi.RunError(
            "compute.engine: eks needs pulumi-kubernetes, which is not installed; run `make kubernetes`, or "
            "pip install -r requirements-kubernetes.txt"
        ) from None

    return Eks(name, settings, context, run=run, opts=opts)


class _Constructor(Protocol):
    def __call__(
        self,
        name: str,
        settings: ComputeSettings,
        context: Context,
        *,
        run: Run,
        opts: pulumi.ResourceOptions | None,
    ) -> Running: ...


_ENGINES: dict[Engine, _Constructor] = {
    "fargate": Fargate,
    "ecs-ec2": EcsEc2,
    "eks": _eks,
    "ec2": Ec2,
    "app-runner": AppRunner,
}

TOKENS: dict[Engine, str] = {
    "fargate": "groundwork:compute:Fargate",
    "ecs-ec2": "groundwork:compute:EcsEc2",
    "eks": "groundwork:compute:Eks",
    "ec2": "groundwork:compute:Ec2",
    "app-runner": "groundwork:compute:AppRunner",
}
"""The types of the engines' components."""
