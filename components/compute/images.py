"""Images: a repository for each service, or an image that exists elsewhere."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.access import Statement
from components.base import Component
from settings.models.compute import RepositorySettings
from settings.models.services import ServiceSettings


@dataclass(frozen=True)
class Image:
    """What a service runs, and what it takes to pull that."""

    reference: pulumi.Input[str]
    pull: tuple[Statement, ...]
    repository_url: pulumi.Output[str] | None = None
    """Of the service's own repository."""


def image_of(
    parent: Component,
    service: str,
    settings: ServiceSettings,
    repositories: RepositorySettings,
    key_arn: pulumi.Input[str],
) -> Image:
    """The image that is named, or ``tag`` of a repository made for the service."""
    if settings.image is not None:
        return Image(settings.image, _pull_named(settings.image))
    repository = _repository(parent, service, key_arn)
    aws.ecr.LifecyclePolicy(
        f"{parent.name}-{service}", repository=repository.name, policy=_lifecycle(repositories), opts=parent.child()
    )
    reference = pulumi.Output.concat(repository.repository_url, ":", settings.tag)
    return Image(reference, (_LOGIN, _pull(repository.arn)), repository.repository_url)


def _repository(parent: Component, service: str, key_arn: pulumi.Input[str]) -> aws.ecr.Repository:
    return aws.ecr.Repository(
        f"{parent.name}-{service}",
        # Pipelines push to it by name, and a suffix that changes with a replacement would break them.
        name=f"{parent.foundation.prefix[1:]}/{service}",
        image_tag_mutability="IMMUTABLE",
        image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
        encryption_configurations=[
            aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=key_arn)
        ],
        force_delete=not parent.foundation.guarded,
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


_PRIVATE = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<repository>[^:@]+)")


def _pull_named(image: str) -> tuple[Statement, ...]:
    """Only an image in ECR needs permission; whoever names one says where it is."""
    match = _PRIVATE.match(image)
    if match is None:
        return ()
    account, region, repository = match.group("account", "region", "repository")
    return (_LOGIN, _pull(f"arn:aws:ecr:{region}:{account}:repository/{repository}"))
