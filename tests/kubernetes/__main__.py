"""``make verify-kubernetes``: every object of every EKS stack before a real kube-apiserver, and what becomes of them when a
pipeline delivers an image and the next update changes sizes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from groundwork.preview.stacks import run_stack
from groundwork.settings.loading import StackFiles, find_stack, load_stack
from tests.components.test_kubernetes_schemas import SCALINGS, shop_file
from tests.kubernetes import judge
from tests.kubernetes.server import ServerError, UnavailableError, needs, running, version
from tests.stacks import ROOT, STACKS, found, loaded
from tests.writing import write_project


@dataclass(frozen=True)
class Subject:
    """A stack, as its first update finds it and as later ones do."""

    name: str
    version: str
    """Of the cluster."""
    first: list[judge.Object]
    later: list[judge.Object]


def main() -> int:
    """0 where nothing is found, or where Go or etcd is missing, which it says; 1 with a finding."""
    try:
        needs()
        findings = [line for subject in _subjects() for line in _judged(subject)]
    except UnavailableError as missing:
        print(f"skipped: {missing}")
        return 0
    except ServerError as broken:
        print(broken)
        return 1
    return 1 if findings else 0


def _subjects() -> Iterator[Subject]:
    """Every stack of the repository on the engine, and a shop with every kind of object in each way of adding nodes."""
    for name in STACKS:
        if (compute := loaded(name).settings.compute) is not None and compute.engine == "eks":
            yield _subject(name, found(name))
    with tempfile.TemporaryDirectory() as folder:
        for scaling in SCALINGS:
            for objects in ("apply", "render"):
                text = shop_file(scaling=scaling, objects=objects)
                project = write_project(Path(folder) / f"{scaling}-{objects}", text, main=str(ROOT))
                yield _subject(f"shop, {scaling}, {objects}", find_stack("dev", project))


def _subject(name: str, stack: StackFiles) -> Subject:
    first, later = (run_stack(stack, load_stack(stack), delivered=there) for there in (False, True))
    [cluster] = first.of_type("aws:eks/cluster:Cluster")
    return Subject(name, cluster.inputs["version"], judge.objects_of(first), judge.objects_of(later))


def _judged(subject: Subject) -> list[str]:
    with running(subject.version) as api:
        cluster = judge.Cluster(api)
        found = judge.prepare(cluster, subject.first) or judge.first_update(cluster, subject.first)
        found = found or judge.later_update(cluster, subject.first, judge.grown(subject.later))
    said = f"Kubernetes {subject.version} by kube-apiserver {version()}"
    if found:
        print(f"{subject.name}: {said}")
        print("\n".join(f"  {line}" for line in found), flush=True)
    else:
        delivered = len(judge.deployments(subject.first))
        print(
            f"{subject.name}: {said} takes {len(subject.first)} objects; {delivered} images delivered and still there after "
            "an update of all sizes",
            flush=True,
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
