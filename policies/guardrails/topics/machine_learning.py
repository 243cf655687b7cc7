"""Machine learning (SageMaker): notebooks and models inside the network, containers that reach nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule
from guardrails.view import Resource

_ENDED = {"notebook-al1-v1", "notebook-al2-v1", "notebook-al2-v2"}
"""Platforms of notebooks that get no more updates (aws.sagemaker.NotebookInstance, platformIdentifier); one that names none
gets the newest (CreateNotebookInstance)."""
_JOBS = {kinds.DATA_QUALITY_JOB: "networkConfig.", kinds.TRAINING_JOB: ""}
"""Where each kind of job says how its containers speak with each other."""


@resource_rule(
    "Notebooks do not reach the internet directly",
    "high",
    kinds.NOTEBOOK,
    ids=("fsbp:SageMaker.1", "checkov:CKV_AWS_122"),
    why="What runs there has the data at hand, and runs what it downloads; past the VPC nobody sees where it goes.",
    fix="Set directInternetAccess to Disabled with a subnetId and securityGroups.",
)
def notebook_no_internet(notebook: Resource) -> Messages:
    if notebook.get("directInternetAccess", "Enabled") != "Disabled":
        yield "it reaches the internet past the VPC (directInternetAccess)"


@resource_rule(
    "Notebooks stand in a VPC of yours",
    "high",
    kinds.NOTEBOOK,
    ids=("fsbp:SageMaker.2", "checkov:CKV_AWS_306"),
    why="Without one no security group and no flow log of yours stands between it and the world.",
    fix="Name a private subnet in subnetId and a security group in securityGroups.",
)
def notebook_in_vpc(notebook: Resource) -> Messages:
    if not notebook.has("subnetId"):
        yield "it stands in a network of SageMaker's (subnetId)"


@resource_rule(
    "Users of notebooks are not root",
    "high",
    kinds.NOTEBOOK,
    ids=("fsbp:SageMaker.3", "checkov:CKV_AWS_307"),
    why="Root reads the credentials of the role and the files of everybody who works there.",
    fix="Set rootAccess to Disabled; lifecycle scripts still run as root.",
)
def notebook_no_root(notebook: Resource) -> Messages:
    if notebook.get("rootAccess", "Enabled") != "Disabled":
        yield "its users are root (rootAccess)"


@resource_rule(
    "Notebooks run on a platform that is looked after",
    "medium",
    kinds.NOTEBOOK,
    ids=("fsbp:SageMaker.8",),
    why="A platform that has ended gets no security fixes.",
    fix="Set platformIdentifier to notebook-al2023-v1 or later, or leave it out.",
    levels=ADVISORY_IN_DEV,
)
def notebook_platform(notebook: Resource) -> Messages:
    platform = str(notebook.get("platformIdentifier", ""))
    if platform in _ENDED:
        yield f"its platform has ended (platformIdentifier is {platform})"


@resource_rule(
    "Notebooks answer only the newer metadata service",
    "medium",
    kinds.NOTEBOOK,
    ids=("checkov:CKV_AWS_371",),
    why="The older one hands the credentials of the role to whoever makes the notebook fetch an address.",
    fix='Set instanceMetadataServiceConfiguration.minimumInstanceMetadataServiceVersion to "2".',
)
def notebook_metadata(notebook: Resource) -> Messages:
    path = "instanceMetadataServiceConfiguration.minimumInstanceMetadataServiceVersion"
    if str(notebook.get(path, "1")) != "2":
        yield f"it answers IMDSv1 ({path})"


@resource_rule(
    "Studio's traffic stays in the VPC",
    "medium",
    kinds.LEARNING_DOMAIN,
    ids=(),
    why="Otherwise its applications reach the internet past security groups, endpoint policies and flow logs.",
    fix="Set appNetworkAccessType to VpcOnly, with endpoints for what it needs.",
    levels=ADVISORY_IN_DEV,
)
def studio_in_vpc(domain: Resource) -> Messages:
    if domain.get("appNetworkAccessType", "PublicInternetOnly") != "VpcOnly":
        yield "it reaches the internet past the VPC (appNetworkAccessType)"


@resource_rule(
    "Models cannot reach the network",
    "medium",
    kinds.MODEL,
    ids=("fsbp:SageMaker.5", "checkov:CKV_AWS_370"),
    why="A container that somebody else made could send away what it is asked.",
    fix="Set enableNetworkIsolation to true; the model is replaced.",
)
def model_isolated(model: Resource) -> Messages:
    if not model.truth("enableNetworkIsolation"):
        yield "its container may call whom it likes (enableNetworkIsolation)"


@resource_rule(
    "Production endpoints of models run more than one instance",
    "medium",
    kinds.MODEL_ENDPOINT,
    ids=("fsbp:SageMaker.4",),
    why="One instance is one zone: with it the endpoint is down.",
    fix="Set initialInstanceCount to 2 or more on each production variant.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def model_endpoint_two_instances(endpoint: Resource) -> Messages:
    for variant in endpoint.items("productionVariants"):
        if not variant.has("serverlessConfig") and variant.number("initialInstanceCount", 1) < 2:
            yield f"{variant.path} has one instance (initialInstanceCount)"


@resource_rule(
    "Containers of a learning job encrypt what they send each other",
    "medium",
    *_JOBS,
    ids=("checkov:CKV_AWS_369",),
    why="Pieces of the data and of the model cross the network between them.",
    fix="Set enableInterContainerTrafficEncryption to true.",
)
def learning_job_tls(job: Resource) -> Messages:
    path = f"{_JOBS[job.type]}enableInterContainerTrafficEncryption"
    if not job.truth(path) and _several(job):
        yield f"its containers speak with each other in clear ({path})"


def _several(job: Resource) -> bool:
    """Tell whether a job can have more than one container: a training job says how many, a monitoring job is always
    asked."""
    return job.type != kinds.TRAINING_JOB or any(count != 1 for count in _instances(job))


def _instances(job: Resource) -> Iterator[int]:
    groups = job.items("resourceConfig.instanceGroups")
    yield from (group.number("instanceCount", 1) for group in groups)
    if not groups:
        yield job.number("resourceConfig.instanceCount", 1)
    elif len(groups) > 1:
        yield len(groups)
