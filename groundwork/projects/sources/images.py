"""What a public image is: a layer of ours, something that the platform does anyway, or something that has no place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from groundwork.settings import stack_file
from groundwork.settings.images import parts_of

if TYPE_CHECKING:
    from groundwork.projects.sources.application import Kind

_FILE = Path(__file__).with_name("images.yaml")
_DOCKER_HUB = ("docker.io/library/", "index.docker.io/library/", "library/", "docker.io/", "index.docker.io/")
_REGISTRIES = ("public.ecr.aws/docker/library/", "mirror.gcr.io/library/", "public.ecr.aws/", "quay.io/", "ghcr.io/")


@dataclass(frozen=True)
class Known:
    """What is known of an image."""

    layer: Kind | Literal["aws", ""] = ""
    """The layer that it becomes; ``aws`` for a stand-in of several services, empty where it is none."""
    what: str = ""
    """What it is, where it is left out."""
    reason: str = ""
    by: str = ""
    """What of the platform does its work; empty where nothing has to."""
    is_proxy: bool = False


@cache
def _facts() -> dict[str, Any]:
    return stack_file.read(_FILE).data


def repository(image: str) -> str:
    """Return a reference without tag, digest and Docker Hub's own prefixes: ``postgres`` for ``docker.io/library/postgres:16``."""
    name = parts_of(image).name
    for prefix in _DOCKER_HUB:
        name = name.removeprefix(prefix)
    return name.lower()


def major(image: str) -> str:
    """Return the major version that a tag says: ``16`` of ``16.3-alpine`` and of ``pg16``; nothing where it says none."""
    match = re.match(r"(?:pg|v)?(\d{1,2})(?=[.\-_]|$)", parts_of(image).tag)
    return match[1] if match else ""


def known(image: str) -> Known | None:
    """Return what is known of an image; None where nothing is, so that it is the product's own or runs as it is."""
    name = repository(image)
    names = [name]
    for prefix in _REGISTRIES:
        if name.startswith(prefix):
            names.append(name.removeprefix(prefix))

    def is_one_of(patterns: list[str]) -> bool:
        return any(fnmatchcase(each, pattern) for each in names for pattern in patterns)

    facts = _facts()
    for group in facts["replaced"]:
        if is_one_of(group["images"]):
            return Known(by=group["by"], reason=group.get("reason", ""), is_proxy=group.get("kind") == "proxy")
    for group in facts["missing"]:
        if is_one_of(group["images"]):
            return Known(what=group["what"], reason=group["reason"])
    for layer, patterns in facts["layers"].items():
        if is_one_of(patterns):
            return Known(layer=layer)
    return None
