"""The other stacks of a project: what two of them cannot both have.

A stack file is enough to see it; nothing is run. What is wrong in a neighbour's file is told when that stack is previewed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from groundwork.components.platform.settings import PlatformSettings
from groundwork.settings import stack_file
from groundwork.settings.mistakes import Mistake, Mistakes, Path
from groundwork.settings.stack_file import Document

_ACCOUNT = ("aws:allowedAccountIds", "aws:assumeRole", "aws:assumeRoles", "aws:accessKey", "aws:profile")
"""Configuration of the AWS provider that tells whose account it is: https://www.pulumi.com/registry/packages/aws/installation-configuration/"""

_ELSEWHERE = "say which account each is for: aws:allowedAccountIds"


@dataclass(frozen=True)
class _Once:
    """Something that an account has once, made where ``setting`` is ``made``; unset counts as ``default``."""

    what: str
    setting: Path
    default: Any
    made: Any
    instead: Any


# Names of roles: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names
# One monitor over services: https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html
_ONCE = (
    _Once("OpenSearch Service's role", ("search", "linked_role"), True, True, "false"),
    _Once("DMS's roles", ("migration", "linked_roles"), True, True, "false"),
    _Once("the monitor of unusual cost over services", ("budget", "anomalies", "over"), None, "services", "platform"),
)


@dataclass(frozen=True)
class _Standing:
    """Where a stack stands: its file's configuration, as far as neighbours are concerned."""

    document: Document
    platform: Mapping[str, Any]
    config: Mapping[str, Any]

    @property
    def title(self) -> str:
        return f"{self.platform['name']} {self.stage}"

    @property
    def stage(self) -> Any:
        return self.platform.get("stage", PlatformSettings.model_fields["stage"].default)

    @property
    def account(self) -> dict[str, Any]:
        return {key: self.config[key] for key in _ACCOUNT if key in self.config}

    @property
    def domain(self) -> Any:
        """Return the domain; None where nothing is reached by it."""
        return None if self.config.get("groundwork:edge", {}) is None else self.platform.get("domain")

    def claims(self) -> dict[str, tuple[Path, str]]:
        """Map what it takes for itself in the account, in any of its phases, to the setting that says so and what to
        say instead."""
        found: dict[str, tuple[Path, str]] = {}
        for start, size in self._sizes():
            for once in _ONCE:
                if _value(size, once) == once.made:
                    found[f"{once.what}, of which an account has one"] = (
                        (*start, *once.setting),
                        f"set it to {once.instead}",
                    )
            for name, secret in _entries(size.get("secrets")):
                if "path" in secret:
                    what = f"the secret {secret['path']} of {self.config.get('aws:region')}"
                    found[what] = ((*start, "secrets", name, "path"), "choose another path")
            delivery = _mapping(size.get("delivery"))
            if delivery.get("own_provider", True) is True:
                hosts = {"github": "github.com", "gitlab": _mapping(delivery.get("gitlab")).get("host", "gitlab.com")}
                for key, host in hosts.items():
                    if key in delivery:
                        what = f"the identity provider of {host}, of which an account has one"
                        found[what] = ((*start, "delivery", "own_provider"), "set it to false")
            for severity, audience in _entries(_mapping(size.get("observability")).get("alerts")):
                slack = _mapping(audience.get("slack"))
                if "channel" in slack:
                    path = (*start, "observability", "alerts", severity, "slack", "channel")
                    found[f"the Slack channel {slack['channel']}, which AWS ties to one stack"] = (
                        path,
                        "choose another",
                    )
        return found

    def _sizes(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Yield its layers as they are and as each of its phases has them, each with where it stands."""
        own = {key.removeprefix("groundwork:"): value for key, value in self.config.items()}
        yield (), own
        for phase, layers in _mapping(own.get("phases")).items():
            yield ("phases", phase), dict(_mapping(layers))

    def where(self, path: Path) -> str:
        return self.document.where(("config", f"groundwork:{path[0]}", *path[1:]))


def clashes(file: FilePath, document: Document) -> list[Mistake]:
    """List what the stack of ``file``, whose content is ``document``, has in common with a stack beside it."""
    own = _standing(document)
    if own is None:
        return []
    neighbours = (_neighbour(other) for other in sorted(file.parent.glob("Pulumi.*.yaml")) if other.name != file.name)
    return [mistake for other in neighbours if other is not None for mistake in _between(own, other)]


def _between(own: _Standing, other: _Standing) -> Iterator[Mistake]:
    same_account = own.account == other.account
    if same_account and own.title == other.title and own.config.get("aws:region") == other.config.get("aws:region"):
        path: Path = ("platform", "stage") if "stage" in own.platform else ("platform", "name")
        message = (
            f"{own.title} stands in {own.config.get('aws:region')} by {other.where(path)} too, and both would take the same names; give "
            f"one another name, stage or region, or {_ELSEWHERE}; sizes of one platform go under groundwork:phases"
        )
        yield Mistake(path, message, own.where(path))
        return
    if own.domain is not None and own.domain == other.domain:
        path = ("platform", "domain")
        message = f"{own.domain} leads to {other.title} by {other.where(path)}; a domain leads to one stack"
        yield Mistake(path, message, own.where(path))
    theirs = other.claims() if same_account else {}
    for what, (path, instead) in own.claims().items():
        if what in theirs:
            message = f"{other.where(theirs[what][0])} also takes {what}; {instead} in one of the two, or {_ELSEWHERE}"
            yield Mistake(path, message, own.where(path))


def _value(size: Mapping[str, Any], once: _Once) -> Any:
    """Return the value of a setting; None where its layer is not there."""
    layer, *inside, last = (str(key) for key in once.setting)
    if size.get(layer) is None:
        return None
    group = _mapping(size[layer])
    for key in inside:
        group = _mapping(group.get(key))
    return group.get(last, once.default)


def _entries(group: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    return ((name, entry) for name, entry in _mapping(group).items() if isinstance(entry, Mapping))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _neighbour(file: FilePath) -> _Standing | None:
    try:
        return _standing(stack_file.read(file))
    except Mistakes:
        return None


def _standing(document: Document) -> _Standing | None:
    config = document.data.get("config")
    platform = config.get("groundwork:platform") if isinstance(config, Mapping) else None
    if not isinstance(config, Mapping) or not isinstance(platform, Mapping) or "name" not in platform:
        return None
    return _Standing(document, platform, config)
