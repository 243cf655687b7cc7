"""Images on their way to a service: which one runs, which ran before, and whether one may run at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions
import urllib3

from groundwork.components.services.settings import ServiceSettings, image_holder
from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import OperationError
from groundwork.settings.facts import IMAGE_ARCHITECTURES, partition_of
from groundwork.settings.images import NOTHING, images_path
from groundwork.settings.mistakes import nearest, one_of

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
"""From the worst: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanFinding.html"""

_INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def service_of(account: StackAccount, name: str) -> ServiceSettings:
    """Return a service of the stack file. OperationError where there is none of that name."""
    services = account.settings.services
    _check_named(account, name, services)
    return services[name]


def _check_named(account: StackAccount, name: str, among: Mapping[str, ServiceSettings]) -> None:
    if name not in among:
        there = f"there are {one_of(among)}" if among else "the stack file has no services"
        raise OperationError(f'"{name}" is no service of {account.stack.label}; {there}{nearest(name, among)}')


def image_of(account: StackAccount, name: str) -> str:
    """Return the service or job whose image a service or job of the stack file runs: itself, or the one that it is from."""
    return image_holder(_containers(account), name) or name


def _containers(account: StackAccount) -> dict[str, ServiceSettings]:
    return {name: container for _, name, container in account.settings.containers()}


@dataclass(frozen=True)
class ImageHolder:
    """A service or job with an image of its own, and all that run it."""

    name: str
    settings: ServiceSettings
    services: tuple[str, ...]
    jobs: tuple[str, ...]
    before: tuple[str, ...]
    """Those of the jobs that run before a deployment."""


def holder_of(account: StackAccount, name: str) -> ImageHolder:
    """Return the service or job of the stack file whose image is deployed. OperationError where there is none of that name, and where
    it runs another's image."""
    declared = _containers(account)
    _check_named(account, name, declared)
    holders = {key: image_holder(declared, key) for key in declared}
    if holders[name] != name:
        raise OperationError(f"{name} runs the image of {holders[name]}; deploy that")
    shared = [key for key, holder in holders.items() if holder == name]
    jobs = account.settings.jobs
    return ImageHolder(
        name,
        declared[name],
        services=tuple(key for key in shared if key not in jobs),
        jobs=tuple(key for key in shared if key in jobs),
        before=tuple(key for key in shared if key in jobs and jobs[key].starts == "before_deploy"),
    )


def delivered(account: StackAccount, service: str) -> str | None:
    """Return the image that a service's parameter names; None before the first update of the stack, ``none`` before the first image."""
    ssm = account.client("ssm")
    with plain_errors(f"reading which image of {service} runs"):
        try:
            return str(ssm.get_parameter(Name=_parameter(account, service))["Parameter"]["Value"])
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "ParameterNotFound":
                return None
            raise


def deliver(account: StackAccount, service: str, image: str) -> None:
    """Name the image that runs from now on, for whatever starts a copy and for the next ``pulumi up``."""
    with plain_errors(f"naming the image of {service}"):
        account.client("ssm").put_parameter(Name=_parameter(account, service), Value=image, Overwrite=True)


def before(account: StackAccount, service: str, *, or_nothing: bool = False) -> str:
    """Return the image that ran before the one that the parameter names now, by the parameter's history (its newest 100 values).

    Where there was none: OperationError, or ``none`` with ``or_nothing``.
    """
    values: list[str] = []
    with plain_errors(f"reading which images {service} had"):
        pages = account.client("ssm").get_paginator("get_parameter_history")
        for page in pages.paginate(Name=_parameter(account, service)):
            values += [str(entry["Value"]) for entry in page["Parameters"]]
    now = values[-1] if values else NOTHING
    earlier = [value for value in reversed(values) if value not in (now, NOTHING)]
    if not earlier and or_nothing:
        return NOTHING
    if not earlier:
        raise OperationError(
            f"{service} has had no image before {now}; deploy one: groundwork deploy STACK {service}=TAG"
        )
    return earlier[0]


def _parameter(account: StackAccount, service: str) -> str:
    return f"{images_path(account.settings.platform)}/{service}"


@dataclass(frozen=True)
class Repository:
    """A repository in ECR, of this account or another."""

    registry: str
    """The account's number."""
    name: str
    address: str
    """As images name it, without tag and digest."""


def repository_of(account: StackAccount, service: str, settings: ServiceSettings) -> Repository | None:
    """Return the repository that a service's images come from; None where it is not in ECR."""
    if settings.named_image is None:
        name = f"{account.prefix[1:]}/{service}"
        region = account.settings.region
        return Repository(account.id, name, f"{account.id}.dkr.ecr.{region}.{partition_of(region).suffix}/{name}")
    plain = _without_version(settings.named_image)
    match = re.fullmatch(r"(\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(.+)", plain)
    return Repository(match[1], match[2], plain) if match else None


def _without_version(image: str) -> str:
    return re.sub(r"(:[^/:@]+)?(@sha256:[0-9a-f]{64})?$", "", image)


def named(account: StackAccount, service: str, settings: ServiceSettings, text: str) -> str:
    """Return the whole reference of what a user named: a tag, a digest, or the reference itself.

    OperationError for another repository than the service's own: the role that runs it lets nothing else be pulled.
    """
    repository = repository_of(account, service, settings)
    own = repository.address if repository else _without_version(settings.named_image or "")
    if _DIGEST.fullmatch(text):
        return f"{own}@{text}"
    if _TAG.fullmatch(text):
        return f"{own}:{text}"
    if re.fullmatch(rf"{re.escape(own)}(:{_TAG.pattern}|@{_DIGEST.pattern})", text):
        return text
    raise OperationError(f'"{text}" is no image of {service}; say a tag, a digest (sha256:…), or {own}:TAG')


def check(account: StackAccount, service: str, image: str, *, worst: str) -> Sequence[str]:
    """Refuse an image that is not there, is built for another architecture, or whose scan found something at least as bad as ``worst``
    (``none`` lets everything pass). Return what it could not look at, for the user.

    Only images in ECR can be looked at.
    """
    repository = repository_of(account, service, holder_of(account, service).settings)
    if repository is None:
        return [f"{image} is not in ECR: neither its architecture nor its scan was looked at"]
    ecr = account.client("ecr")
    place = {"registryId": repository.registry, "repositoryName": repository.name}
    found = _manifest(ecr, place, image, repository)
    _check_architecture(account, ecr, place, image, found)
    return _check_scan(ecr, place, image, found, worst)


def _id(image: str, repository: Repository) -> dict[str, str]:
    rest = image.removeprefix(repository.address)
    return {"imageDigest": rest[1:]} if rest.startswith("@") else {"imageTag": rest[1:]}


def _manifest(ecr: Any, place: dict[str, str], image: str, repository: Repository) -> dict[str, Any]:
    with plain_errors(f"looking for {image}"):
        try:
            found = ecr.batch_get_image(
                **place, imageIds=[_id(image, repository)], acceptedMediaTypes=[*_INDEXES, *_MANIFESTS]
            )["images"]
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "RepositoryNotFoundException":
                raise OperationError(
                    f"there is no repository {repository.name}; `pulumi up` makes it before an image can be pushed"
                ) from None
            raise
    if not found:
        raise OperationError(f"{image} is not there; push it first: docker push {image}")
    one: dict[str, Any] = found[0]
    return one


def _check_architecture(
    account: StackAccount, ecr: Any, place: dict[str, str], image: str, found: dict[str, Any]
) -> None:
    compute = account.settings.compute
    if compute is None:
        return
    wanted = IMAGE_ARCHITECTURES[compute.built_for]
    manifest = json.loads(found["imageManifest"])
    if manifest.get("mediaType", found.get("imageManifestMediaType")) in _INDEXES:
        built = [entry.get("platform", {}).get("architecture", "") for entry in manifest.get("manifests", ())]
        # Attestations of a build stand beside the images, for the platform "unknown".
        built = [one for one in built if one not in ("", "unknown")]
    else:
        built = [architecture] if (architecture := _architecture(ecr, place, manifest)) else []
    if built and wanted not in built:
        raise OperationError(
            f"{image} is built for {one_of(built)}, and {account.stack.label} runs {wanted}; build it again: "
            f"docker buildx build --platform linux/{wanted} …"
        )


def _architecture(ecr: Any, place: dict[str, str], manifest: dict[str, Any]) -> str | None:
    """Return what a single image is built for, which its configuration says; None where it cannot be read."""
    digest = manifest.get("config", {}).get("digest")
    if not digest:
        return None
    with plain_errors("reading what the image is built for"):
        try:
            address = ecr.get_download_url_for_layer(**place, layerDigest=digest)["downloadUrl"]
        except botocore.exceptions.ClientError as error:
            if code_of(error) in ("LayersNotFoundException", "LayerInaccessibleException"):
                return None
            raise
    answer = urllib3.request("GET", address, timeout=30)
    said = json.loads(answer.data) if answer.status == 200 else {}
    return str(said["architecture"]) if "architecture" in said else None


def _check_scan(ecr: Any, place: dict[str, str], image: str, found: dict[str, Any], worst: str) -> list[str]:
    if worst == "none":
        return []
    with plain_errors(f"reading what the scan of {image} found"):
        try:
            said = ecr.describe_image_scan_findings(**place, imageId={"imageDigest": found["imageId"]["imageDigest"]})
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "ScanNotFoundException":
                return [f"{image} has not been scanned"]
            raise
    status = said.get("imageScanStatus", {}).get("status", "")
    if status not in ("COMPLETE", "ACTIVE"):
        return [f"the scan of {image} is not done ({status.lower().replace('_', ' ') or 'no answer'})"]
    counts = said.get("imageScanFindings", {}).get("findingSeverityCounts", {})
    stopping = [one for one in SEVERITIES[: SEVERITIES.index(worst.upper()) + 1] if counts.get(one)]
    if stopping:
        counted = ", ".join(f"{counts[one]} {one.lower()}" for one in stopping)
        raise OperationError(
            f"the scan of {image} found {counted}; build it on a newer base, or let it pass: --severity none"
        )
    return []
