"""Which path of the distribution leads where: data, before any resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from groundwork.components.edge.settings import CdnSettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.components.storage.settings import BucketSettings

ALL = "/*"


@dataclass(frozen=True)
class PathTarget:
    """Where a path leads. ``bucket`` is the bucket's name in the stack file; ``assets`` are files of a front end whose names change
    with their content."""

    kind: Literal["service", "static", "bucket", "assets", "cached"]
    bucket: str = ""
    seconds: int = 0
    """For which an answer is kept."""


def path_targets(
    services: Mapping[str, ServiceSettings], storage: Mapping[str, BucketSettings], cdn: CdnSettings
) -> dict[str, PathTarget]:
    """Map each path to its target, in the order in which CloudFront must try them: the longest first, ``/*`` last.

    A service's ``/*`` is the default; without services that answer paths the first served bucket is. Static paths belong to
    the default service, and below its own path to each front end; a bucket or service with the same path has it. A path that is cached
    is a service's.
    """
    found: dict[str, PathTarget] = {}
    paths = [service.path for service in services.values() if service.port and service.path and service.host is None]
    if ALL in paths:
        found |= dict.fromkeys(cdn.static_paths, PathTarget("static"))
    for name, bucket in storage.items():
        if bucket.is_front_end:
            below = _prefix(bucket_path(name, bucket))
            found |= dict.fromkeys((f"{below}{path}" for path in cdn.static_paths), PathTarget("assets", name))
    buckets = {bucket_path(name, bucket): PathTarget("bucket", name) for name, bucket in storage.items() if bucket.cdn}
    found |= buckets
    found |= dict.fromkeys(paths, PathTarget("service"))
    has_services = any(service.port and service.path for service in services.values())
    if has_services:
        found |= {path: PathTarget("cached", seconds=seconds) for path, seconds in cdn.cached_paths.items()}
    if ALL not in found:
        found[ALL] = PathTarget("service") if has_services else next(iter(buckets.values()))
    return dict(sorted(found.items(), key=lambda item: (-len(item[0].rstrip("*")), item[0])))


@dataclass(frozen=True)
class Counted:
    """The requests that a rate limit counts: under one of ``only`` (everything, where there is none) and none of ``but``."""

    only: tuple[str, ...] = ()
    but: tuple[str, ...] = ()


EVERYTHING = Counted()


def counted(found: Mapping[str, PathTarget]) -> Counted:
    """Return the beginnings of paths that services answer, whose requests the rate limit counts. Where nothing does,
    everything."""
    prefixes = {path.removesuffix("*"): way.kind for path, way in found.items() if "*" not in path.removesuffix("*")}
    dynamic = [prefix for prefix, kind in prefixes.items() if kind in ("service", "cached")]
    if found[ALL].kind != "service":
        return Counted(only=tuple(dynamic))
    fixed = [prefix for prefix, kind in prefixes.items() if prefix not in dynamic]
    return Counted(but=tuple(one for one in fixed if not any(other.startswith(one) for other in dynamic)))


def bucket_path(name: str, bucket: BucketSettings) -> str:
    """Return a bucket's path at CloudFront: the one given, or the bucket's name."""
    return bucket.path or f"/{name}/*"


def _prefix(path: str) -> str:
    return path[: path.rindex("/")]


Answering = Literal["objects", "folders", "application"]
"""What a path of a bucket means: the key of an object; or a folder's ``index.html`` too; or, but for files, the application's."""


def answering(bucket: BucketSettings) -> Answering:
    """Return what paths of a bucket mean."""
    if bucket.spa:
        return "application"
    return "folders" if bucket.purpose == "static" else "objects"


def rewrite(path: str, means: Answering) -> str | None:
    """Return the code of the CloudFront function that turns a path into an object's key; None where they are the
    same.

    An object "a.jpg" of the bucket "images" is found at ``/images/a.jpg``: whoever writes objects need not know where they
    are served. In a site a folder answers with its ``index.html``; in an application each path that names no file answers with the
    only one.
    """
    prefix = _prefix(path)
    steps = []
    if prefix:
        steps.append(
            f"  if (request.uri.startsWith({json.dumps(prefix + '/')})) {{\n"
            f"    request.uri = request.uri.substring({len(prefix)});\n"
            "  }"
        )
    if means == "application":
        steps.append(
            "  if (!request.uri.slice(request.uri.lastIndexOf('/') + 1).includes('.')) {\n"
            "    request.uri = '/index.html';\n"
            "  }"
        )
    elif means == "folders":
        steps.append("  if (request.uri.endsWith('/')) {\n    request.uri += 'index.html';\n  }")
    if not steps:
        return None
    body = "\n".join(steps)
    return f"function handler(event) {{\n  const request = event.request;\n{body}\n  return request;\n}}\n"


KEPT_FOR_A_YEAR = """\
function handler(event) {
  const response = event.response;
  if (response.statusCode < 400 && !response.headers['cache-control']) {
    response.headers['cache-control'] = {value: 'public, max-age=31536000, immutable'};
  }
  return response;
}
"""
"""The code of the CloudFront function that lets browsers keep what never changes. A file that is not there yet is not kept."""
