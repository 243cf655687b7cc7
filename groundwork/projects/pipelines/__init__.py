"""The pipelines of a new project: what checks its pull requests, what delivers what is merged, and what compares accounts at night."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Literal

from groundwork.components.settings import Settings

Ci = Literal["github", "gitlab", "none"]
"""Where pipelines run."""

_HERE = Path(__file__).parent
_TARGETS: dict[str, dict[str, str]] = {
    "github": {
        name: f".github/workflows/{name}" for name in ("check.yml", "deliver.yml", "deliver-stack.yml", "drift.yml")
    },
    "gitlab": {".gitlab-ci.yml": ".gitlab-ci.yml"},
    "none": {},
}
# Images are built on the architecture that they are for: emulated, a build takes many times as long.
# https://docs.github.com/en/actions/reference/runners/github-hosted-runners
# https://docs.gitlab.com/ci/runners/hosted_runners/linux/
_RUNNERS = {
    "github": {"arm64": "ubuntu-24.04-arm", "x86_64": "ubuntu-24.04"},
    "gitlab": {"arm64": "saas-linux-small-arm64", "x86_64": "saas-linux-small-amd64"},
}


def repository_of(folder: Path) -> Path:
    """Return the root of the repository that a project is to stand in, where hosts look for pipelines; the project itself where there is none."""
    place = folder.resolve()
    return next((one for one in (place, *place.parents) if (one / ".git").exists()), place)


def texts(ci: Ci, settings: Settings, place: str) -> dict[str, str]:
    """Return the pipelines of a project whose stacks have such settings, by their names in the repository, where the project is at ``place``."""
    architecture = settings.compute.built_for if settings.compute else "x86_64"
    inside = place != "."
    said = {
        "runner": _RUNNERS[ci][architecture] if ci in _RUNNERS else "",
        "region": settings.region,
        "steps": "\n".join(_steps(ci, settings)),
        "packages": " nodejs npm" if _front_ends(settings) else "",
        "defaults": f"\ndefaults:\n  run:\n    working-directory: {json.dumps(place)}\n" if inside else "",
        "enter": f"    - cd {shlex.quote(place)}\n" if inside else "",
        "below": f"{place}/" if inside else "",
    }
    return {
        target: Template((_HERE / ci / name).read_text(encoding="utf-8")).substitute(said)
        for name, target in _TARGETS[ci].items()
    }


def delivery(ci: Ci, repository: str, stack: str) -> dict[str, object]:
    """Return the layer ``delivery`` of a stack whose repository may deliver to it."""
    if ci == "gitlab":
        said: dict[str, object] = {"gitlab": {"project": repository, "branches": ["main"]}}
    else:
        said = {"github": {"repository": repository, "environments": [stack]}}
    return said if stack == "dev" else {**said, "own_provider": False}


OWN_PROVIDER = "An account has one identity provider of each host, and dev makes it. Where prod has an account of its own: own_provider: true."


def _steps(ci: Ci, settings: Settings) -> Iterator[str]:
    """Yield the lines that deliver everything: a front end last, since its pages ask for what the services answer."""
    begin = "      - run: " if ci == "github" else "    - "
    built = [name for name, service in settings.services.items() if service.build is not None]
    for name in built:
        yield f'{begin}groundwork deploy "$STACK" {name} --yes'
    for name in _front_ends(settings):
        yield f"{begin}npm ci && npm run build # as your front end is built, in its folder"
        yield f'{begin}groundwork publish "$STACK" {name} dist --yes'
    if not built and not _front_ends(settings):
        yield f'{begin}echo "no service says how it is built; see build in docs/deploying.md of Groundwork"'


def _front_ends(settings: Settings) -> list[str]:
    return [name for name, bucket in settings.storage.items() if bucket.purpose == "static"]
