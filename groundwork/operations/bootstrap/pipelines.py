"""Whose jobs are given the roles: how GitHub and GitLab name them in their tokens, and how their variables are set."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from groundwork.components.delivery.settings import AUDIENCE, GITHUB_ISSUER, GitHubSettings, GitLabSettings

Kind = Literal["Preview", "Drift", "Deploy"]
"""A role, by what its jobs do."""


class Pipelines(Protocol):
    """The pipelines of one project."""

    @property
    def host(self) -> str:
        """Return who runs them, in words."""

    @property
    def project(self) -> str:
        """Return the project, as its address names it."""

    @property
    def issuer(self) -> str:
        """Return who signs their tokens, as IAM names an identity provider: without ``https://``."""

    def jobs(self, kind: Kind, stacks: Sequence[str]) -> str:
        """Return in words which jobs take a role."""

    def condition(self, kind: Kind, stacks: Sequence[str]) -> dict[str, Any]:
        """Return the condition of a role's trust: the audience, and the subjects of the tokens that these jobs have."""

    def setting(
        self, variables: Mapping[str, str], kind: Kind | None = None, stacks: Sequence[str] = ()
    ) -> Iterator[str]:
        """Yield commands that set variables for all jobs, or for those that take a role."""

    def comparing(self, stacks: Sequence[str]) -> Iterator[str]:
        """Yield commands after which a pipeline compares the stacks with their account every night."""


def _condition(issuer: str, subjects: Sequence[str], operator: str = "StringEquals") -> dict[str, Any]:
    audience = {"StringEquals": {f"{issuer}:aud": AUDIENCE}}
    named = {f"{issuer}:sub": list(subjects)}
    return (
        {"StringEquals": {**audience["StringEquals"], **named}}
        if operator == "StringEquals"
        else {**audience, operator: named}
    )


def _environments(kind: Kind, stacks: Sequence[str]) -> Sequence[str]:
    return stacks if kind == "Deploy" else [kind.lower()]


@dataclass(frozen=True)
class GitHubPipelines:
    """Workflows of a repository. Each role is for jobs of environments, whose reviewers GitHub asks first."""

    project: str
    """``OWNER/NAME``."""
    host = "GitHub"
    issuer = GITHUB_ISSUER

    def jobs(self, kind: Kind, stacks: Sequence[str]) -> str:
        named = _environments(kind, stacks)
        return f"environment{'s' if len(named) > 1 else ''} {' and '.join(named)}"

    def condition(self, kind: Kind, stacks: Sequence[str]) -> dict[str, Any]:
        settings = GitHubSettings(repository=self.project, environments=tuple(_environments(kind, stacks)))
        return _condition(self.issuer, settings.subjects)

    def setting(
        self, variables: Mapping[str, str], kind: Kind | None = None, stacks: Sequence[str] = ()
    ) -> Iterator[str]:
        """Yield commands of GitHub's CLI: https://cli.github.com/manual/gh_variable_set"""
        environments = _environments(kind, stacks) if kind else [""]
        for environment in environments:
            if environment:
                # One that is there stays as it is: https://docs.github.com/en/rest/deployments/environments#create-or-update-an-environment
                yield f"gh api --silent --method PUT repos/{self.project}/environments/{environment}"
            there = f" --env {environment}" if environment else ""
            for name, value in variables.items():
                yield f"gh variable set {name} --repo {self.project}{there} --body {_quoted(value)}"

    def comparing(self, stacks: Sequence[str]) -> Iterator[str]:
        yield from self.setting({"GROUNDWORK_DRIFT_STACKS": json.dumps(list(stacks))})


@dataclass(frozen=True)
class GitLabPipelines:
    """Pipelines of a project. Their tokens tell branches apart, and no environments: what is previewed may come from any branch of the
    project, the rest from one, which GitLab should protect."""

    project: str
    """``GROUP/NAME``, with subgroups."""
    issuer: str = "gitlab.com"
    """The host of a GitLab of one's own, which AWS must reach over HTTPS."""
    branch: str = "main"
    host = "GitLab"

    def jobs(self, kind: Kind, stacks: Sequence[str]) -> str:
        return "any branch" if kind == "Preview" else f"the branch {self.branch}"

    def condition(self, kind: Kind, stacks: Sequence[str]) -> dict[str, Any]:
        settings = GitLabSettings(project=self.project, branches=(self.branch,), host=self.issuer)
        if kind != "Preview":
            return _condition(self.issuer, settings.subjects)
        [subject] = settings.subjects
        return _condition(self.issuer, [f"{subject.removesuffix(self.branch)}*"], "StringLike")

    def setting(
        self, variables: Mapping[str, str], kind: Kind | None = None, stacks: Sequence[str] = ()
    ) -> Iterator[str]:
        """Yield commands of GitLab's CLI. What only the protected branch uses is protected, which is to say given to no other:
        https://docs.gitlab.com/cli/variable/set/"""
        protected = " --protected" if kind in ("Drift", "Deploy") else ""
        for name, value in variables.items():
            yield f"glab variable set {name} {_quoted(value)} --repo {self._where}{protected}"

    def comparing(self, stacks: Sequence[str]) -> Iterator[str]:
        """Yield GitLab's command for a schedule: https://docs.gitlab.com/cli/schedule/create/"""
        yield f'glab schedule create --cron "23 3 * * *" --description drift --ref {self.branch} --repo {self._where}'

    @property
    def _where(self) -> str:
        return self.project if self.issuer == "gitlab.com" else f"https://{self.issuer}/{self.project}"


def _quoted(value: str) -> str:
    """Return a value as a shell takes it; one that a command says is left to that command."""
    return f'"{value}"' if value.startswith("$(") else shlex.quote(value)
