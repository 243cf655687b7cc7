"""What the judge needs to be one: a server of the clusters' version, and a definition of every kind."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from groundwork.components.compute.eks import karpenter, queue_scaling
from groundwork.operations.progress import Progress
from groundwork.settings.data_file import read_data
from groundwork.settings.facts import kubernetes_versions
from tests.components.test_kubernetes_schemas import CUSTOM, OF_THE_CLUSTER, shop
from tests.kubernetes import __main__ as command
from tests.kubernetes import judge, server

DEFINITIONS = read_data(judge._DEFINITIONS)


def test_the_server_is_of_the_newest_version_that_clusters_have() -> None:
    assert server.minor(server.version()) == next(iter(kubernetes_versions()))


def test_every_kind_that_controllers_bring_is_defined() -> None:
    objects = judge.objects_of(shop("karpenter", "render"))
    groups = {given["kind"]: given["apiVersion"].rpartition("/")[0] for given in objects}
    brought = {kind: group for kind, group in groups.items() if "." in group and not group.endswith(".k8s.io")}
    assert set(brought) == CUSTOM.keys() | OF_THE_CLUSTER
    for group in brought.values():
        assert DEFINITIONS[group]["sum"].startswith("h1:")


@pytest.mark.parametrize(("group", "chart"), [("karpenter.sh", karpenter._CHART), ("keda.sh", queue_scaling._CHART)])
def test_definitions_are_of_the_version_that_is_installed(group: str, chart: object) -> None:
    assert DEFINITIONS[group]["module"].endswith(f"@v{chart.version}")


@pytest.mark.parametrize("command_name", ["go", "etcd"])
def test_where_go_or_etcd_is_missing_it_says_so(
    command_name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(server.shutil, "which", lambda name: None if name == command_name else f"/bin/{name}")
    assert command.main() == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("skipped: ")
    assert command_name in line.lower()


def test_a_module_of_another_content_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_go", lambda *_, **__: '{"Sum": "h1:other", "Dir": "/"}')
    with pytest.raises(server.ServerError, match="its checksum is h1:other, and not h1:pinned"):
        server.module("example.com/m@v1", "h1:pinned")


def _container(deployment: Any) -> Any:
    return deployment["spec"]["template"]["spec"]["containers"][0]


SPOILED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("Deployment", lambda it: _container(it).update(imagePullPolice="Always"), "imagePullPolice: field not declared"),
    ("Deployment", lambda it: _container(it)["securityContext"].pop("capabilities"), "violates PodSecurity"),
    ("Service", lambda it: it["spec"]["ports"].append(dict(it["spec"]["ports"][0])), "duplicate entries"),
    ("ScaledObject", lambda it: it["spec"].update(maxReplicaCount="many"), "maxReplicaCount"),
    ("Deployment", lambda it: it["spec"].pop("selector"), "selector"),
]


def test_it_sees_what_no_schema_says(api_server: judge.Cluster) -> None:
    """The last step of a stack that is well, and each slip alone, so that an empty answer means something."""
    objects = judge.objects_of(shop("cluster-autoscaler"))
    assert judge.prepare(api_server, objects) == []
    for kind, spoil, said in SPOILED:
        spoiled = copy.deepcopy(objects)
        spoil(next(given for given in spoiled if given["kind"] == kind))
        found = judge.first_update(api_server, spoiled)
        assert any(said in line for line in found), (kind, said, found)
    assert judge.first_update(api_server, objects) == []
    bound = copy.deepcopy(next(given for given in objects if given["kind"] == "TargetGroupBinding"))
    bound["spec"]["targetGroupARN"] += "0"
    assert "spec.targetGroupARN may not change" in str(api_server.apply(bound).refusal)


def test_an_update_that_takes_an_image_back_is_refused(api_server: judge.Cluster) -> None:
    """What ``ignoreChanges`` did on the image (pulumi#15412): it sent the old one."""
    objects = judge.objects_of(shop("cluster-autoscaler"))
    judge.prepare(api_server, objects)
    judge.first_update(api_server, objects)
    for deployment in judge.deployments(objects):
        assert api_server.deliver(deployment, "example.com/delivered:2").status == 200
    found = judge.later_update(api_server, [], judge.grown(objects))
    assert any('conflict with "groundwork-deploy"' in line for line in found), found


def test_a_command_of_a_service_is_a_job_whose_pod_the_namespace_takes(api_server: judge.Cluster) -> None:
    objects = judge.objects_of(shop("cluster-autoscaler"))
    judge.prepare(api_server, objects)
    judge.first_update(api_server, objects)
    deployment = judge.deployments(objects)[0]
    namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
    there = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    seen: list[Any] = []

    def look(_: float) -> None:
        # Nothing runs a Job here.
        seen.extend(api_server.api.ask("GET", there).body["items"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(api_server.eks(namespace).run(name, ["true"], Progress(sleep=look), 60))
    [job] = seen
    template = job["spec"]["template"]
    pod = {"kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": {"template": template}}
    # What the Job's controller makes of it, without the labels by which it finds its pod.
    template["metadata"] = {"labels": {}}
    assert api_server.start(pod).refusal is None
    left = api_server.api.ask("GET", there).body["items"]
    assert all(one["metadata"].get("deletionTimestamp") for one in left)
