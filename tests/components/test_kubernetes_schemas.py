"""Every object of Kubernetes against the schemas that Kubernetes publishes, strictly: no field that it does not know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest

from groundwork.preview.snapshot import Snapshot
from groundwork.settings.loading import find_stack
from tests.requirements import proves
from tests.stacks import ROOT, STACKS, loaded, run_found, snapshot_of
from tests.writing import write_project

SHOP = """
    groundwork:platform: {{name: shop, stage: {stage}, phase: launch, domain: shop.example.com}}
    groundwork:compute:
      engine: eks
      kubernetes:
        scaling: {scaling}
        objects: {objects}
        way_in: nlb
        nodes:
          general: {{classes: [t3.large], min: 2, max: 10}}
          batch: {{classes: [c5.xlarge], min: 0, max: 5, spot: true, taints: {{batch: {{value: "yes"}}}}}}
    groundwork:services:
      web: {{port: 3000, path: "/*", scaling: {{min: 2, max: 4}}, uses: {{users: connect, media: read, uploads: read}}, tracing: true}}
      users:
        port: 3000
        scaling: {{min: 2, max: 2}}
        uses: {{database: connect, cache: connect, app: read, options: read, uploads: {{level: read-write, path: /var/uploads}}}}
        limits: {{cpu: 512, memory: 1024}}
        health_command: [node, check.js]
        disk_paths: [/work]
        sidecars: {{proxy: {{image: "public.ecr.aws/x/proxy:1", command: [proxy], health_command: [check], variables: [SESSION_SECRET]}}}}
      worker:
        outbound_ports: [443, 587]
        nodes: {nodes}
        scaling: {{min: 0, max: 3, queue: {{queue: jobs}}}}
        uses: {{jobs: consume}}
      feed: {{port: 7000, tcp: {{port: 7000, from: [10.0.0.0/8, 198.51.100.0/24]}}}}
    groundwork:jobs:
      migrate: {{image: {{from: users}}, command: [node, migrate.js], when: before_deploy, timeout: 600, retries: 2}}
      nightly: {{image: {{from: worker}}, command: [node, clean.js], schedule: {{cron: "0/15 3 ? * MON-FRI *", timezone: Asia/Kathmandu}}}}
    groundwork:storage: {{media: {{purpose: media}}}}
    groundwork:files: {{uploads: {{}}}}
    groundwork:cache: {{class: cache.t4g.micro}}
    groundwork:messaging: {{queues: {{jobs: {{}}}}}}
    groundwork:secrets: {{app: {{keys: [SESSION_SECRET]}}}}
    groundwork:parameters: {{options: {{values: {{LOG_LEVEL: info}}}}}}
"""

SCALINGS = ("cluster-autoscaler", "karpenter", "auto-mode")
_OBJECTS = "kubernetes:"
_NO_OBJECTS = ("kubernetes:helm.sh/",)
"""What the provider turns into objects of others' making."""

_TEXT = {"type": "string", "minLength": 1}
_NAMED = {"type": "object", "required": ["name"], "properties": {"name": _TEXT}}


def _closed(required: tuple[str, ...], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


CUSTOM = {
    "TargetGroupBinding": (
        "elbv2.k8s.aws/v1beta1",
        _closed(
            ("serviceRef", "targetGroupARN", "targetType"),
            {
                "serviceRef": _closed(("name", "port"), {"name": _TEXT, "port": {"const": "http"}}),
                "targetGroupARN": {"type": "string", "pattern": "^arn:aws:elasticloadbalancing:.*:targetgroup/"},
                "targetType": {"const": "ip"},
            },
        ),
    ),
    "SecretProviderClass": (
        "secrets-store.csi.x-k8s.io/v1",
        _closed(
            ("provider", "parameters", "secretObjects"),
            {
                "provider": {"const": "aws"},
                # Everything here is text, the list of objects too.
                "parameters": {"type": "object", "additionalProperties": {"type": "string"}, "required": ["objects"]},
                "secretObjects": {
                    "type": "array",
                    "items": _closed(
                        ("secretName", "type", "data"),
                        {
                            "secretName": _TEXT,
                            "type": {"const": "Opaque"},
                            "data": {
                                "type": "array",
                                "items": _closed(("objectName", "key"), {"objectName": _TEXT, "key": _TEXT}),
                            },
                        },
                    ),
                },
            },
        ),
    ),
    "ScaledObject": (
        "keda.sh/v1alpha1",
        _closed(
            ("scaleTargetRef", "triggers"),
            {
                "scaleTargetRef": _NAMED,
                "minReplicaCount": {"type": "integer", "minimum": 0},
                "maxReplicaCount": {"type": "integer", "minimum": 1},
                "pollingInterval": {"type": "integer"},
                "cooldownPeriod": {"type": "integer"},
                "triggers": {
                    "type": "array",
                    "minItems": 1,
                    "items": _closed(
                        ("type", "metadata"),
                        {
                            "type": {"enum": ["aws-sqs-queue", "cpu", "memory"]},
                            "metricType": {"const": "Utilization"},
                            "authenticationRef": _NAMED,
                            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                        },
                    ),
                },
            },
        ),
    ),
    "TriggerAuthentication": (
        "keda.sh/v1alpha1",
        _closed(("podIdentity",), {"podIdentity": _closed(("provider",), {"provider": {"const": "aws"}})}),
    ),
}
"""Kinds that services bring, with what their own definitions say of the fields that are used."""

OF_THE_CLUSTER = {"Application", "EC2NodeClass", "NodePool"}
"""Kinds that the cluster brings; its own tests look at them."""


def shop_file(scaling: str, objects: str = "apply", stage: str = "prod") -> str:
    """A stack file in which every kind of object is."""
    nodes = "null" if scaling == "auto-mode" else "batch"
    return SHOP.format(scaling=scaling, objects=objects, stage=stage, nodes=nodes)


@cache
def shop(scaling: str = "cluster-autoscaler", objects: str = "apply", stage: str = "prod") -> Snapshot:
    import tempfile
    from pathlib import Path

    text = shop_file(scaling, objects, stage)
    with tempfile.TemporaryDirectory() as folder:
        return run_found(find_stack("dev", write_project(Path(folder), text, main=str(ROOT))))


def objects_of(snapshot: Snapshot) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in snapshot.resources:
        if resource.type.startswith(_OBJECTS) and not resource.type.startswith(_NO_OBJECTS):
            yield resource.urn, resource.inputs


@pytest.fixture(scope="module", autouse=True)
def schemas_read_once() -> Iterator[None]:
    """Have each version's schemas read once, and not for every object: all definitions of Kubernetes are in one file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kubernetes_validate.utils.schema_contents", cache(kubernetes_validate.utils.schema_contents))
        yield


def check(snapshot: Snapshot, version: str) -> list[str]:
    """Validate every object; the kinds that were seen."""
    kinds = []
    for urn, given in objects_of(snapshot):
        kinds.append(given["kind"])
        if given["kind"] in CUSTOM:
            api_version, schema = CUSTOM[given["kind"]]
            assert given["apiVersion"] == api_version, urn
            jsonschema_rs.validate(schema, given["spec"])
            assert set(given) == {"apiVersion", "kind", "metadata", "spec"}, urn
        elif given["kind"] not in OF_THE_CLUSTER:
            try:
                kubernetes_validate.validate(given, version, strict=True)
            except kubernetes_validate.ValidationError as problem:
                pytest.fail(f"{urn}: {'.'.join(map(str, problem.path))}: {problem.message}")
    return kinds


def version_of(snapshot: Snapshot) -> str:
    [cluster] = snapshot.of_type("aws:eks/cluster:Cluster")
    return str(cluster.inputs["version"])


@pytest.mark.parametrize("scaling", SCALINGS)
@proves("S1-06")
def test_every_object_is_one_that_kubernetes_takes(scaling: str) -> None:
    snapshot = shop(scaling)
    kinds = check(snapshot, version_of(snapshot))
    assert {*CUSTOM, "Deployment", "Service", "NetworkPolicy", "HorizontalPodAutoscaler"} <= set(kinds)
    assert {
        "CronJob",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "ServiceAccount",
        "Namespace",
    } <= set(kinds)


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_of_the_repositorys_stacks_is_one_that_kubernetes_takes(stack: str) -> None:
    compute = loaded(stack).settings.compute
    if compute is None or compute.engine != "eks":
        return
    snapshot = snapshot_of(stack)
    assert "Deployment" in check(snapshot, version_of(snapshot))


def test_the_schemas_are_those_of_the_clusters_version() -> None:
    snapshot = shop()
    deployment = next(given for _, given in objects_of(snapshot) if given["kind"] == "Deployment")
    assert kubernetes_validate.validate(deployment, version_of(snapshot), strict=True) == version_of(snapshot)


def _wrong(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    given = next(given for _, given in objects_of(shop()) if given["kind"] == "Deployment")
    copy: dict[str, Any] = json.loads(json.dumps(given))
    change(copy)
    return copy


@pytest.mark.parametrize(
    "change",
    [
        lambda given: given["spec"].update(replica=3),
        lambda given: given["spec"]["template"]["spec"]["containers"][0].update(env={"A": "b"}),
        lambda given: given["spec"].pop("selector"),
    ],
    ids=["a field that is not there", "a map for a list", "a field that is missing"],
)
def test_a_wrong_object_would_be_found(change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(_wrong(change), version_of(shop()), strict=True)


def test_rendered_objects_are_the_applied_ones() -> None:
    """With a private endpoint that the stack does not reach, GitOps applies from a folder what else the stack would."""
    applied, rendered = (dict(objects_of(shop(objects=way))) for way in ("apply", "render"))
    # Charts are Argo CD's to install then.
    extra = {urn: given["kind"] for urn, given in rendered.items() if urn not in applied}
    assert set(extra.values()) == {"Application"}
    assert {urn: given for urn, given in rendered.items() if urn not in extra} == applied
    [provider] = shop(objects="render").of_type("pulumi:providers:kubernetes")
    assert provider.inputs["renderYamlToDirectory"] == "build/kubernetes/shop-prod"
    assert "kubeconfig" not in provider.inputs
    [provider] = shop().of_type("pulumi:providers:kubernetes")
    assert "renderYamlToDirectory" not in provider.inputs


def test_no_secret_value_stands_in_an_object() -> None:
    assert not [urn for urn, given in objects_of(shop()) if given["kind"] == "Secret"]
    assert '"$groundwork": "secret"' not in json.dumps(dict(objects_of(shop())))


def test_every_pod_meets_the_standard_that_its_namespace_enforces() -> None:
    """The fields that ``restricted`` asks for: https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    for urn, given in objects_of(shop()):
        if given["kind"] != "Deployment":
            continue
        pod = given["spec"]["template"]["spec"]
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC"}, urn
        assert all(volume.keys() - {"name"} <= allowed for volume in pod.get("volumes", [])), urn
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        for container in (*pod["containers"], *pod.get("initContainers", [])):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"]["drop"] == ["ALL"]
            assert not context.keys() & {"privileged", "procMount"}
            assert all("hostPort" not in port for port in container.get("ports", []))
