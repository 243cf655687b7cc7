"""Images on their way to a service: which one runs, which ran before, and whether one may run at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import botocore.exceptions
import urllib3

from groundwork.components.services.settings import ServiceSettings, image_holder
from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import OperationError, UnknownNameError
from groundwork.operations.progress import Progress
from groundwork.settings.facts import IMAGE_ARCHITECTURES, partition_of
from groundwork.settings.images import NOTHING, images_path, parts_of
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
    """Return a service of the stack file. UnknownNameError where there is none of that name."""
    services = account.settings.services
    _check_named(account, name, services)
    return services[name]


def _check_named(account: StackAccount, name: str, among: Mapping[str, ServiceSettings]) -> None:
    if name not in among:
        there = f"there are {one_of(among)}" if among else "the stack file has no services"
        raise UnknownNameError(f'"{name}" is no service of {account.stack.label}; {there}{nearest(name, among)}')


def image_of(account: StackAccount, name: str) -> str:
    """Return the service or job whose image a service or job of the stack file runs: itself, or the one that it is from."""
    return image_holder(_containers(account), name) or name


def _containers(account: StackAccount) -> dict[str, ServiceSettings]:
    return {name: container for _, name, container in account.settings.containers()}


@dataclass(frozen=True)
class ImageHolder:
    """A service or job with an image of its own, and all that run it."""

    name: str
    layer: str
    """``services`` or ``jobs``."""
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
        "jobs" if name in jobs else "services",
        declared[name],
        services=tuple(key for key in shared if key not in jobs),
        jobs=tuple(key for key in shared if key in jobs),
        before=tuple(key for key in shared if key in jobs and jobs[key].starts == "before_deploy"),
    )


class ImageParameter(NamedTuple):
    """What the parameter of a service says."""

    image: str
    """``none`` before the first one."""
    version: int
    """How often it has been written."""


def delivered(account: StackAccount, service: str) -> ImageParameter | None:
    """Return the image that a service's parameter names; None before the first update of the stack."""
    ssm = account.client("ssm")
    with plain_errors(f"reading which image of {service} runs"):
        try:
            found = ssm.get_parameter(Name=_parameter(account, service))["Parameter"]
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "ParameterNotFound":
                return None
            raise
    return ImageParameter(str(found["Value"]), int(found["Version"]))


def undelivered(account: StackAccount) -> set[str]:
    """Return the services and jobs that wait for their first image, and run a placeholder until an update after it."""
    waiting = {
        name: delivered(account, name)
        for name, container in _containers(account).items()
        if container.image_from is None and container.owner_of_image == "pipeline" and container.named_image is None
    }
    return {name for name, said in waiting.items() if said is None or said.image == NOTHING}


def deliver(account: StackAccount, service: str, image: str, *, after: ImageParameter) -> None:
    """Name the image that runs from now on, for whatever starts a copy and for the next ``pulumi up``.

    OperationError where another deployment has named one since ``after`` was read; what that named stays.
    """
    found = delivered(account, service)
    if found == after:
        version = _write(account, service, image)
        if version == after.version + 1:
            return
        # Somebody wrote in the moment between, and came first.
        theirs = next(entry for entry in _history(account, service) if entry["Version"] == version - 1)
        _write(account, service, str(theirs["Value"]))
    raise OperationError(
        f"{_overtaken(account, service)}; nothing was changed, so deploy again if {image} is to run after it"
    )


def take_back(account: StackAccount, service: str, image: str, *, to: str) -> None:
    """Name the image again that ran before ``image``, unless somebody has named another since."""
    found = delivered(account, service)
    if found is not None and found.image == image:
        _write(account, service, to)


def check_still_delivered(account: StackAccount, service: str, image: str) -> None:
    """Refuse to say that an image runs where another deployment has named another since: OperationError."""
    found = delivered(account, service)
    if found is not None and found.image != image:
        raise OperationError(f"{_overtaken(account, service)}, and takes the place of {image}")


def _overtaken(account: StackAccount, service: str) -> str:
    newest = _history(account, service)[-1]
    who = newest.get("LastModifiedUser") or "somebody"
    return f"{newest['Value']} was deployed as {service} meanwhile, by {who} at {newest['LastModifiedDate']:%H:%M:%S}"


def _write(account: StackAccount, service: str, image: str) -> int:
    """Write a service's parameter, and return how often that has been written now."""
    with plain_errors(f"naming the image of {service}"):
        said = account.client("ssm").put_parameter(Name=_parameter(account, service), Value=image, Overwrite=True)
    return int(said["Version"])


def _history(account: StackAccount, service: str) -> list[dict[str, Any]]:
    """Return what the parameter of a service has said, and who wrote it when: its newest 100 values, oldest first."""
    with plain_errors(f"reading which images {service} had"):
        pages = account.client("ssm").get_paginator("get_parameter_history")
        return [entry for page in pages.paginate(Name=_parameter(account, service)) for entry in page["Parameters"]]


def replaced(account: StackAccount, service: str) -> str:
    """Return what the parameter of a service said before it said what it says now; ``none`` where that was nothing."""
    values = [str(entry["Value"]) for entry in _history(account, service)]
    return next((value for value in reversed(values) if value != values[-1]), NOTHING)


def before(account: StackAccount, service: str) -> str:
    """Return the image to go back to. What was taken back, because it did not come to run or by a rollback, is passed by: where the
    parameter says again what it said before a value, that value does not count.

    OperationError where there is none.
    """
    ran: list[str] = []
    for entry in _history(account, service):
        value = str(entry["Value"])
        if value == NOTHING:
            ran.clear()
        elif ran[-2:-1] == [value]:
            ran.pop()
        elif ran[-1:] != [value]:
            ran.append(value)
    if len(ran) < 2:
        now = ran[0] if ran else NOTHING
        raise OperationError(
            f"{service} has had no image before {now}; deploy one: groundwork deploy {account.stack_name} {service}=TAG"
        )
    return ran[-2]


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
    plain = parts_of(settings.named_image).name
    match = re.fullmatch(r"(\d{12})\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(.+)", plain)
    return Repository(match[1], match[2], plain) if match else None


def named(account: StackAccount, service: str, settings: ServiceSettings, text: str) -> str:
    """Return the whole reference of what a user named: a tag, a digest, or the reference itself.

    OperationError for another repository than the service's own: the role that runs it lets nothing else be pulled.
    """
    repository = repository_of(account, service, settings)
    own = repository.address if repository else parts_of(settings.named_image or "").name
    if _DIGEST.fullmatch(text):
        return f"{own}@{text}"
    if _TAG.fullmatch(text):
        return f"{own}:{text}"
    if re.fullmatch(rf"{re.escape(own)}(:{_TAG.pattern}|@{_DIGEST.pattern})", text):
        return text
    raise OperationError(f'"{text}" is no image of {service}; say a tag, a digest (sha256:…), or {own}:TAG')


def check(
    account: StackAccount, holder: ImageHolder, image: str, *, worst: str, progress: Progress, seconds: float
) -> Sequence[str]:
    """Refuse an image that is not there, is built for another architecture, or whose scan found something at least as bad as ``worst``
    (``none`` lets everything pass). Return what it could not look at, for the user.

    A scan that is not done is waited for, ``seconds`` at most; where it is not done then, the image is refused. Only images in ECR can be
    looked at.
    """
    repository = repository_of(account, holder.name, holder.settings)
    if repository is None:
        return [f"{image} is not in ECR: neither its architecture nor its scan was looked at"]
    ecr = account.client("ecr")
    place = {"registryId": repository.registry, "repositoryName": repository.name}
    found = _manifest(ecr, place, image, repository)
    if found is None:
        parts = parts_of(image)
        how = (
            f"groundwork deploy {account.stack_name} {holder.name}={parts.tag} --build"
            if holder.settings.build and parts.tag
            else f"docker push {image}"
        )
        raise OperationError(f"{image} is not there; push it first: {how}")
    digest = _check_architecture(account, ecr, place, image, found)
    if worst == "none":
        return []
    scan = _Scan(ecr, place, image, digest)
    return scan.check(worst, progress, seconds)


def is_there(account: StackAccount, holder: ImageHolder, image: str) -> bool:
    """Tell whether an image is in the repository of whoever runs it; where that is none of ECR's, nobody can tell."""
    repository = repository_of(account, holder.name, holder.settings)
    if repository is None:
        return False
    place = {"registryId": repository.registry, "repositoryName": repository.name}
    return _manifest(account.client("ecr"), place, image, repository) is not None


def _id(image: str, repository: Repository) -> dict[str, str]:
    rest = image.removeprefix(repository.address)
    return {"imageDigest": rest[1:]} if rest.startswith("@") else {"imageTag": rest[1:]}


def _manifest(ecr: Any, place: dict[str, str], image: str, repository: Repository) -> dict[str, Any] | None:
    """Return an image as ECR has it; None where it is not there."""
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
    return found[0] if found else None


def _check_architecture(
    account: StackAccount, ecr: Any, place: dict[str, str], image: str, found: dict[str, Any]
) -> str:
    """Refuse an image that is built for another architecture than the stack's, and return the digest of what is built for that: an index
    is of several, and scanned are they and not the index."""
    own = str(found["imageId"]["imageDigest"])
    compute = account.settings.compute
    wanted = IMAGE_ARCHITECTURES[compute.built_for] if compute else ""
    manifest = json.loads(found["imageManifest"])
    if manifest.get("mediaType", found.get("imageManifestMediaType")) in _INDEXES:
        # Attestations of a build stand beside the images, for the platform "unknown".
        digests = {
            entry.get("platform", {}).get("architecture", ""): str(entry["digest"])
            for entry in manifest.get("manifests", ())
        }
        built = [one for one in digests if one not in ("", "unknown")]
        own = digests.get(wanted, own)
    else:
        built = [architecture] if (architecture := _architecture(ecr, place, manifest)) else []
    if wanted and built and wanted not in built:
        raise OperationError(
            f"{image} is built for {one_of(built)}, and {account.stack.label} runs {wanted}; build it again: "
            f"docker buildx build --platform linux/{wanted} …"
        )
    return own


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


_SECONDS_BETWEEN = 5
_SECONDS_TO_BEGIN = 120
"""How long a scan on push may take to show up."""

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageScanStatus.html
_DONE = ("COMPLETE", "ACTIVE")
_COMING = ("IN_PROGRESS", "PENDING")


@dataclass(frozen=True)
class _Scan:
    """ECR's scan of an image."""

    ecr: Any
    place: dict[str, str]
    image: str
    digest: str

    def check(self, worst: str, progress: Progress, seconds: float) -> list[str]:
        """Wait for what it found, and refuse the image for something at least as bad as ``worst``; return what keeps it from being known."""
        began = progress.seconds
        while True:
            said = self._findings()
            waited = progress.seconds - began
            if said is None and not self._is_on():
                return [
                    f"{self.image} has not been scanned: {self.place['repositoryName']} scans no image that is pushed"
                ]
            if said is None and waited > min(seconds, _SECONDS_TO_BEGIN):
                return [f"{self.image} has not been scanned: ECR has not begun after {waited / 60:.0f} minutes"]
            if said is not None and said["imageScanStatus"].get("status") not in _COMING:
                return self._judged(said, worst)
            if waited > seconds:
                raise OperationError(
                    f"the scan of {self.image} is not done after {seconds / 60:g} minutes; deploy it again later, or without what it finds: "
                    "--severity none"
                )
            progress.say(f"waiting for the scan of {self.image}")
            progress.sleep(_SECONDS_BETWEEN)

    def _judged(self, said: Mapping[str, Any], worst: str) -> list[str]:
        status = said["imageScanStatus"]
        if status.get("status") not in _DONE:
            named = str(status.get("status", "no status")).lower().replace("_", " ")
            return [
                f"{self.image} has not been scanned: {named} ({status.get('description') or 'ECR gives no reason'})"
            ]
        counts = said.get("imageScanFindings", {}).get("findingSeverityCounts", {})
        stopping = [one for one in SEVERITIES[: SEVERITIES.index(worst.upper()) + 1] if counts.get(one)]
        if stopping:
            counted = ", ".join(f"{counts[one]} {one.lower()}" for one in stopping)
            raise OperationError(
                f"the scan of {self.image} found {counted}; build it on a newer base, or let it pass: --severity none"
            )
        return []

    def _findings(self) -> dict[str, Any] | None:
        """Return what ECR says of the scan; None where there is none."""
        with plain_errors(f"reading what the scan of {self.image} found"):
            try:
                said: dict[str, Any] = self.ecr.describe_image_scan_findings(
                    **self.place, imageId={"imageDigest": self.digest}
                )
            except botocore.exceptions.ClientError as error:
                if code_of(error) == "ScanNotFoundException":
                    return None
                raise
        return {"imageScanStatus": {}, **said}

    def _is_on(self) -> bool:
        """Tell whether images of the repository are scanned when they are pushed, by its own setting or the registry's. Of another
        account's registry nobody is told."""
        try:
            found = self.ecr.batch_get_repository_scanning_configuration(
                repositoryNames=[self.place["repositoryName"]]
            )["scanningConfigurations"]
        except botocore.exceptions.ClientError:
            return False
        return any(
            one.get("scanOnPush") or one.get("scanFrequency") in ("SCAN_ON_PUSH", "CONTINUOUS_SCAN") for one in found
        )
