"""A job as every engine has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi

from groundwork.components.jobs.settings import JobSettings, When
from groundwork.components.services.settings import ServiceSettings

WAIT = 3600
"""Seconds that a job before a deployment or by hand may take, unless the stack file says otherwise."""


@dataclass(frozen=True)
class Job:
    """What a stack file says of a job, and the container that it is."""

    settings: JobSettings
    container: ServiceSettings


class JobOutputs(TypedDict):
    """What whoever runs a job has to know, and nothing secret; which of it there is depends on the engine."""

    when: When
    image: str
    """The service or job whose image it runs."""
    timeout: int | None
    """Seconds."""
    logGroup: pulumi.Output[str]
    container: NotRequired[str]
    """Of the task definition: the container that is the job."""
    cluster: NotRequired[pulumi.Output[str]]
    taskDefinition: NotRequired[pulumi.Output[str]]
    """On ECS, the family; its newest revision is the job as it is now."""
    subnets: NotRequired[list[pulumi.Input[str]]]
    securityGroups: NotRequired[list[pulumi.Input[str]]]
    capacityProvider: NotRequired[pulumi.Input[str]]
    autoScalingGroup: NotRequired[pulumi.Output[str]]
    command: NotRequired[str]
    """On the engine ``ec2``: what runs it on one instance of the group, as root; an image after it takes the place of the parameter's."""
    namespace: NotRequired[str]
    cronJob: NotRequired[str]
    """On Kubernetes, the CronJob that jobs are created from; suspended where there is no schedule."""
