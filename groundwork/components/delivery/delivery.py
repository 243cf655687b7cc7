"""The role of pipelines: who may assume it, and what it may do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document
from groundwork.components.base import Component, fit
from groundwork.components.compute.eks.entries import access_entry
from groundwork.components.context import Context
from groundwork.components.delivery.settings import AUDIENCE, GITHUB_ISSUER, DeliverySettings
from groundwork.settings.images import images_path, jobs_path


@dataclass(frozen=True)
class Delivered:
    """What pipelines bring things to."""

    images: Sequence[str] = ()
    """The services and jobs whose images pipelines deliver."""
    jobs: Sequence[str] = ()
    logs: Sequence[str] = ()
    """The log groups that they may read, below the platform's prefix: ``services/api``."""
    engine: Sequence[Statement] = ()
    """What it takes to run another image, as the engine says."""
    files: Sequence[Statement] = ()
    """What it takes to upload static files."""
    distribution_arn: pulumi.Output[str] | None = None
    kubernetes: str | None = None
    """The namespace of services on EKS."""
    cluster_name: pulumi.Output[str] | None = None


class Delivery(Component):
    """A role for pipelines, by OpenID Connect.

    Builds: the identity provider of GitHub, GitLab or both (unless ``own_provider`` is false), and a role that trusts jobs of the named
    environments and branches alone. It may push to the services' repositories, name their images, roll them out and see how that goes;
    upload static files and have CloudFront forget the old ones.

    Cost: nothing.

    Fails: a job of another branch or environment is refused with "Not authorized to perform sts:AssumeRoleWithWebIdentity". A second
    provider of the same issuer in one account is refused ("Provider with url … already exists"): say ``own_provider: false``.

    Changes without replacement: everything but the role's name.
    """

    layer = "delivery"

    role_arn: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        settings: DeliverySettings,
        context: Context,
        *,
        delivered: Delivered,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        trusted = [
            _trust(issuer, self._identity_provider(key, issuer, settings), subjects)
            for key, issuer, subjects in _issuers(settings)
        ]
        role = aws.iam.Role(
            # IAM takes 64 characters, of which the automatic suffix needs 8.
            fit(name, 56),
            assume_role_policy=policy_document(trusted),
            description=f"Pipelines that deliver to {context.platform.name} {context.platform.stage}",
            max_session_duration=max(3600, settings.session * 60),
            opts=self.child(),
        )
        aws.iam.RolePolicy(
            name, role=role.name, policy=policy_document(list(self._statements(delivered))), opts=self.child()
        )
        if delivered.kubernetes is not None and delivered.cluster_name is not None:
            # It could read the namespace's secrets; so could any image that it delivers.
            access_entry(
                self,
                "pipelines",
                role.arn,
                level="edit",
                namespaces=[delivered.kubernetes],
                cluster_name=delivered.cluster_name,
            )
        self.role_arn = role.arn
        self.register_outputs({"roleArn": role.arn})

    def _identity_provider(self, key: str, issuer: str, settings: DeliverySettings) -> pulumi.Output[str]:
        """Return the ARN of an issuer's identity provider."""
        if not settings.own_provider:
            return self.context.arn("iam", f"oidc-provider/{issuer}", region="")
        made = aws.iam.OpenIdConnectProvider(
            f"{self.name}-{key}",
            url=f"https://{issuer}",
            client_id_lists=[AUDIENCE],
            # Other stacks of the account may use it.
            opts=self.child(retain_on_delete=True),
        )
        return made.arn

    def _statements(self, delivered: Delivered) -> Iterator[Statement]:
        context = self.context
        if delivered.images:
            # The login is for the whole registry and takes no resource:
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
            yield Statement("LogIn", ("ecr:GetAuthorizationToken",), ("*",))
            named = [f"{context.prefix[1:]}/{name}" for name in delivered.images]
            yield Statement("PushImages", _PUSH, [context.arn("ecr", f"repository/{name}") for name in named])
            parameters = [f"parameter{images_path(context.platform)}/{name}" for name in delivered.images]
            yield Statement(
                "NameImages",
                ("ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter"),
                [context.arn("ssm", name) for name in parameters],
            )
        if delivered.jobs:
            told = [context.arn("ssm", f"parameter{jobs_path(context.prefix)}/{name}") for name in delivered.jobs]
            yield Statement("ReadJobs", ("ssm:GetParameter",), told)
        yield from delivered.engine
        if delivered.logs:
            groups = [f"log-group:{context.prefix}/{name}:*" for name in delivered.logs]
            yield Statement("ReadLogs", ("logs:FilterLogEvents",), [context.arn("logs", name) for name in groups])
        if delivered.files:
            yield from delivered.files
            # Automatic names are found by their tags, which takes no resource:
            # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonresourcegrouptaggingapi.html
            yield Statement("FindFiles", ("tag:GetResources",), ("*",))
        if delivered.distribution_arn is not None:
            yield Statement(
                "ForgetOldFiles",
                ("cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"),
                (delivered.distribution_arn,),
            )


def _issuers(settings: DeliverySettings) -> Iterator[tuple[str, str, Sequence[str]]]:
    if settings.github:
        yield "github", GITHUB_ISSUER, settings.github.subjects
    if settings.gitlab:
        yield "gitlab", settings.gitlab.host, settings.gitlab.subjects


def _trust(issuer: str, provider_arn: pulumi.Output[str], subjects: Sequence[str]) -> dict[str, object]:
    """Return the trust in the tokens of an issuer, each subject letter for letter.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
    """
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{issuer}:aud": AUDIENCE, f"{issuer}:sub": list(subjects)}},
    }


# https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html, and what ``groundwork deploy`` looks at.
_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:BatchGetRepositoryScanningConfiguration",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImageScanFindings",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
