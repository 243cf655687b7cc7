"""Which pipelines may bring images and files to the platform."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.settings.base import Model

AUDIENCE = "sts.amazonaws.com"
"""What pipelines ask their tokens for; the action of AWS for GitHub does so by itself:
https://github.com/aws-actions/configure-aws-credentials"""
GITHUB_ISSUER = "token.actions.githubusercontent.com"
"""https://docs.github.com/en/actions/reference/security/oidc"""

_Path = r"[A-Za-z0-9_.-]+"


def _repository(value: str) -> str:
    if not re.fullmatch(rf"{_Path}/{_Path}", value) or value.endswith(".git"):
        raise PydanticCustomError("repository", 'is not a repository such as "acme/shop": OWNER/NAME')
    return value


Branch = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./-]+$", max_length=200)]


class GitHubSettings(Model):
    """Workflows of one GitHub repository. Name environments or branches: a workflow of any other is refused."""

    repository: Annotated[
        str,
        Field(max_length=140, json_schema_extra={"pattern": rf"^{_Path}/{_Path}$"}),
        AfterValidator(_repository),
    ]
    """``OWNER/NAME``, letter for letter as GitHub writes it."""
    environments: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_./ -]+$", max_length=255)], ...] = ()
    """Environments whose jobs may deliver. GitHub asks their reviewers first, where they have some; the surest choice for prod."""
    branches: tuple[Branch, ...] = ()
    """Branches whose jobs may deliver, where these name no environment."""

    @model_validator(mode="after")
    def _somebody_may(self) -> GitHubSettings:
        if not self.environments and not self.branches:
            raise PydanticCustomError(
                "subjects",
                "names neither environments nor branches, so that any pull request could deliver; say environments: [prod]",
            )
        return self

    @property
    def subjects(self) -> list[str]:
        """Return the subjects of the tokens that GitHub gives these jobs.

        https://docs.github.com/en/actions/reference/security/oidc#example-subject-claims
        """
        return [
            *(f"repo:{self.repository}:environment:{name}" for name in self.environments),
            *(f"repo:{self.repository}:ref:refs/heads/{name}" for name in self.branches),
        ]


class GitLabSettings(Model):
    """Pipelines of one GitLab project."""

    project: Annotated[str, Field(pattern=rf"^{_Path}(/{_Path})+$", max_length=255)]
    """``GROUP/NAME``, with subgroups."""
    branches: Annotated[tuple[Branch, ...], Field(min_length=1)]
    """Branches whose pipelines may deliver; make them protected ones."""
    host: Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=253)] = "gitlab.com"
    """A GitLab of one's own must be reached by AWS over HTTPS."""

    @property
    def subjects(self) -> list[str]:
        """Return the subjects of the tokens that GitLab gives these pipelines.

        https://docs.gitlab.com/ci/secrets/id_token_authentication/#token-payload
        """
        return [f"project_path:{self.project}:ref_type:branch:ref:{name}" for name in self.branches]


class DeliverySettings(Model):
    """A role that pipelines assume without any key that could be stolen (OpenID Connect), with what ``groundwork deploy`` and the upload
    of static files need, and no more."""

    github: GitHubSettings | None = None
    gitlab: GitLabSettings | None = None
    own_provider: bool = True
    """Create the identity provider of GitHub or GitLab in IAM. An account has one for each; where another stack, or somebody before
    this one, has created it, say false."""
    session: Annotated[int, Field(ge=15, le=720)] = 60
    """Minutes that a pipeline's credentials last."""

    @property
    def issuers(self) -> list[str]:
        """Return who signs the pipelines' tokens, as IAM names identity providers."""
        return [*([GITHUB_ISSUER] if self.github else []), *([self.gitlab.host] if self.gitlab else [])]

    @model_validator(mode="after")
    def _somebody_delivers(self) -> DeliverySettings:
        if self.github is None and self.gitlab is None:
            raise PydanticCustomError("pipelines", "names no pipeline; say github or gitlab, or leave delivery out")
        return self
