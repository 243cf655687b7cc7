"""Images: a repository for each service, or an image that exists elsewhere; and which one runs now.

For each service a parameter, ``/platform/stage/services/images/name``, holds the reference of the image that runs, or ``none``.
A pipeline that owns an image writes there what it has pushed; the next update reads it before anything else and makes it part
of what it declares, so that sizes change and images stay. Until there is an image, a placeholder runs
(``docs/decisions/0012-an-image-is-delivered-by-a-parameter.md``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import pulumi
import pulumi_aws as aws

from groundwork.components.access import SecretReference, Statement
from groundwork.components.base import Component
from groundwork.components.compute.references import Reference
from groundwork.components.compute.settings import ComputeSettings, RepositorySettings
from groundwork.components.context import Context
from groundwork.components.services.settings import ServiceSettings, image_holder
from groundwork.settings.facts import partition_of
from groundwork.settings.images import NOTHING, images_path

Delivered = Mapping[str, str]
"""The value of each service's parameter, by service; one that is missing has never been part of an update."""


class Subject(Protocol):
    """A service as the engines have it."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> ServiceSettings: ...

    @property
    def references(self) -> Mapping[str, Reference]: ...


@dataclass(frozen=True)
class Image:
    """What a service runs, and what it takes to pull that."""

    reference: pulumi.Input[str]
    pull: tuple[Statement, ...]
    repository_url: pulumi.Output[str] | None
    """Of the service's own repository."""
    is_placeholder: bool
    """There is no image yet: run :func:`groundwork.components.compute.placeholder.standing_in` in the service's place."""
    holder: str
    """The service or job whose image it is."""
    parameter: aws.ssm.Parameter
    """Holds the reference of the image that runs."""


def delivered_images(parent: Component) -> dict[str, str]:
    """Return the images that pipelines have delivered so far: one question, which AWS answers with nothing for a new
    stack.

    Raises :class:`pulumi.RunError` where AWS does not answer: to take that for "nothing" would put placeholders in the place of
    images that run.
    """
    path = images_path(parent.context.platform)
    asked = pulumi.InvokeOptions(parent=parent)
    try:
        found = aws.ssm.get_parameters_by_path(path=path, with_decryption=False, opts=asked)
    except Exception as error:
        raise pulumi.RunError(
            f"which images run is asked of Parameter Store, below {path}, and it did not answer; whoever runs this needs "
            f"ssm:GetParametersByPath there: {error}"
        ) from error
    return {name.rpartition("/")[2]: value for name, value in zip(found.names, found.values, strict=True)}


def images_of(parent: Component, subjects: Mapping[str, Subject], compute: ComputeSettings) -> dict[str, Image]:
    """Return the image of each service and job. Those that have theirs from a service share all of it: repository, parameter, and
    that there is none yet."""
    declared = {name: subject.settings for name, subject in subjects.items()}
    holders = {name: image_holder(declared, name) for name in subjects}
    made = {
        name: _image_of(
            parent, [subject, *(other for key, other in subjects.items() if holders[key] == name != key)], compute
        )
        for name, subject in subjects.items()
        if holders[name] == name
    }
    found: dict[str, Image] = {}
    for name, holder in holders.items():
        if holder is None:
            raise pulumi.RunError(f"{name}: the service whose image it runs has no image of its own")
        found[name] = made[holder] if holder == name else replace(made[holder], repository_url=None)
    return found


def _image_of(parent: Component, subjects: Sequence[Subject], compute: ComputeSettings) -> Image:
    """Return the image of the first of these, which the others run too: its repository unless it names an image elsewhere,
    and the parameter."""
    subject = subjects[0]
    delivered = parent.context.delivered
    name, settings = subject.name, subject.settings
    if settings.named_image is not None:
        own: pulumi.Input[str] = settings.named_image
        pull, url = pull_named(settings.named_image), None
    else:
        repository = _repository(parent, name)
        aws.ecr.LifecyclePolicy(
            f"{parent.name}-{name}",
            repository=repository.name,
            policy=_lifecycle(compute.repositories),
            opts=parent.child(),
        )
        url = repository.repository_url
        own = pulumi.Output.concat(url, ":", settings.tag or _FIRST_TAG)
        pull = (_LOGIN, _pull(repository.arn))
    by_pipeline = settings.owner_of_image == "pipeline"
    said = None if delivered is None else delivered.get(name)
    if by_pipeline and said not in (None, NOTHING):
        _check(parent.context, name, settings, str(said))
        runs: pulumi.Input[str] | None = said
    elif delivered is not None and _is_missing(subjects, said):
        runs = None
    else:
        runs = own
    parameter = aws.ssm.Parameter(
        f"{parent.name}-{name}-image",
        name=f"{images_path(parent.context.platform)}/{name}",
        type=aws.ssm.ParameterType.STRING,
        insecure_value=NOTHING if by_pipeline or runs is None else runs,
        # Never another text: an update of anything but tags writes the value again, and a pipeline's would be lost.
        description=f"The image that {name} runs, read whenever it starts",
        opts=parent.child(ignore_changes=["insecureValue"] if by_pipeline else None),
    )
    if runs is None:
        pull = (*pull, *(statement for statement in pull_named(compute.placeholder_image) if statement not in pull))
        return Image(compute.placeholder_image, pull, url, is_placeholder=True, holder=name, parameter=parameter)
    return Image(runs, pull, url, is_placeholder=False, holder=name, parameter=parameter)


_FIRST_TAG = "initial"


def _is_missing(subjects: Sequence[Subject], said: str | None) -> bool:
    """Tell whether a service's image cannot be there yet. Nobody can have pushed an image to a repository that is not
    there, nor filled a secret; with the next update it is somebody's word that they have. An image that runs is never
    taken away again."""
    settings = subjects[0].settings
    if settings.named_image is None and settings.owner_of_image == "pipeline":
        return True
    by_hand = any(
        isinstance(value, SecretReference) and value.by_hand
        for subject in subjects
        for value in subject.references.values()
    )
    return said is None and (settings.named_image is None or by_hand)


_VERSION = re.compile(r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$")
_REGISTRY = re.compile(r"\d{12}(?=\.dkr\.ecr\.)")


def _check(context: Context, service: str, settings: ServiceSettings, said: str) -> None:
    """Raise where the parameter names an image that is not the service's own. Who may write a parameter is not thereby
    one who may run anything with the service's role: only its own images count."""
    repository = _VERSION.sub("", said, count=1)
    named = repository != said
    if settings.named_image is not None:
        own = _VERSION.sub("", settings.named_image, count=1)
    else:
        own = f"ACCOUNT.dkr.ecr.{context.region}.{context.partition.suffix}{context.prefix}/{service}"
        repository = _REGISTRY.sub("ACCOUNT", repository, count=1)
    if repository != own or not named:
        raise pulumi.RunError(
            f"the parameter {images_path(context.platform)}/{service} says {json.dumps(said)}, which is no image of "
            f"{service}; write {own}:TAG or {own}@sha256:DIGEST, or {NOTHING} for the placeholder"
        )


def _repository(parent: Component, service: str) -> aws.ecr.Repository:
    return aws.ecr.Repository(
        f"{parent.name}-{service}",
        # Pipelines push to it by name, and a suffix that changes with a replacement would break them.
        name=f"{parent.context.prefix[1:]}/{service}",
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
        encryption_configurations=[
            aws.ecr.RepositoryEncryptionConfigurationArgs(
                encryption_type="KMS", kms_key=parent.context.key_arn("storage")
            )
        ],
        force_delete=not parent.context.guarded,
        opts=parent.stateful(),
    )


def _lifecycle(repositories: RepositorySettings) -> str:
    untagged = {
        "rulePriority": 1,
        "description": "Untagged images",
        "selection": {
            "tagStatus": "untagged",
            "countType": "sinceImagePushed",
            "countUnit": "days",
            "countNumber": repositories.untagged_days,
        },
        "action": {"type": "expire"},
    }
    tagged = {
        "rulePriority": 2,
        "description": "All but the newest images",
        "selection": {
            "tagStatus": "tagged",
            "tagPatternList": ["*"],
            "countType": "imageCountMoreThan",
            "countNumber": repositories.keep_images,
        },
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [untagged, tagged]})


# The login is for the whole registry and takes no resource:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
_LOGIN = Statement(sid="LogIn", actions=("ecr:GetAuthorizationToken",), resources=("*",))


def _pull(repository_arn: pulumi.Input[str]) -> Statement:
    return Statement(
        sid="Pull",
        actions=("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        resources=(repository_arn,),
    )


_PRIVATE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)"
)


def pull_named(image: str) -> tuple[Statement, ...]:
    """Return the permissions to pull an image that is named: only one in ECR needs permission, and its name says where
    it is."""
    match = _PRIVATE.match(image)
    if match is None:
        return ()
    account, region, repository = match.group("account", "region", "repository")
    return (_LOGIN, _pull(f"arn:{partition_of(region).name}:ecr:{region}:{account}:repository/{repository}"))


def pulls(image: Image, service: ServiceSettings) -> list[Statement]:
    """Return the permissions to pull a service's image and those of its sidecars, each once: ids differ within a policy."""
    further: dict[str, list[pulumi.Input[str]]] = {}
    for sidecar in service.sidecars.values():
        for statement in pull_named(sidecar.image):
            further.setdefault(statement.sid, []).extend(statement.resources)
    own = {statement.sid: statement for statement in image.pull}
    for sid, resources in further.items():
        first = own.get(sid) or (_LOGIN if sid == _LOGIN.sid else replace(_pull(""), resources=()))
        known = list(first.resources)
        own[sid] = replace(first, resources=[*known, *(arn for arn in dict.fromkeys(resources) if arn not in known)])
    return list(own.values())
