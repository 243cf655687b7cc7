"""What the preview says of changed objects, against what a real API server refuses to change in place."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from groundwork.preview.changes.model import DifferenceKind, Forces, PropertyChange
from groundwork.preview.changes.replacement import forces
from groundwork.preview.snapshot import Resource
from tests.components.test_kubernetes_schemas import shop
from tests.kubernetes import judge

_POD: dict[str, Any] = {"containers": [{"name": "a", "image": "example.com/a:1"}]}
_SELECTED: dict[str, Any] = {
    "selector": {"matchLabels": {"app": "a"}},
    "template": {"metadata": {"labels": {"app": "a"}}, "spec": _POD},
}
_CLAIM: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def given(api: str, kind: str, **said: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "a", "namespace": "default"}, **said}


OBJECTS: dict[str, dict[str, Any]] = {
    "apps/v1:DaemonSet": given("apps/v1", "DaemonSet", spec=_SELECTED),
    "apps/v1:Deployment": given("apps/v1", "Deployment", spec=_SELECTED),
    "apps/v1:StatefulSet": given(
        "apps/v1",
        "StatefulSet",
        spec={
            **_SELECTED,
            "serviceName": "a",
            "podManagementPolicy": "Parallel",
            "revisionHistoryLimit": 3,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": _CLAIM}],
        },
    ),
    "batch/v1:Job": given(
        "batch/v1",
        "Job",
        spec={"completions": 1, "parallelism": 1, "template": {"spec": {**_POD, "restartPolicy": "Never"}}},
    ),
    "core/v1:ConfigMap": given("v1", "ConfigMap", immutable=True, data={"a": "1"}),
    "core/v1:Secret": given("v1", "Secret", immutable=True, type="Opaque", stringData={"a": "1"}),
    "core/v1:PersistentVolumeClaim": given(
        "v1", "PersistentVolumeClaim", spec={**_CLAIM, "storageClassName": "a", "volumeName": "a"}
    ),
    "core/v1:ResourceQuota": given("v1", "ResourceQuota", spec={"hard": {"pods": "1"}, "scopes": ["Terminating"]}),
    "core/v1:Service": given("v1", "Service", spec={"clusterIP": "10.0.0.98", "ports": [{"port": 80}]}),
    "rbac.authorization.k8s.io/v1:RoleBinding": given(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"},
    ),
    "storage.k8s.io/v1:StorageClass": given(
        "storage.k8s.io/v1", "StorageClass", provisioner="ebs.csi.aws.com", parameters={"type": "gp3"}
    ),
}
OTHERWISE: dict[str, tuple[str, Any]] = {
    # Path → another value of it.
    "apps/v1:DaemonSet": ("spec.selector", {"matchLabels": {"app": "b"}}),
    "apps/v1:Deployment": ("spec.selector", {"matchLabels": {"app": "b"}}),
    "apps/v1:StatefulSet": ("spec.serviceName", "b"),
    "batch/v1:Job": ("spec.template.spec.containers", [{"name": "a", "image": "example.com/a:2"}]),
    "core/v1:ConfigMap": ("data.a", "2"),
    "core/v1:Secret": ("stringData.a", "2"),
    "core/v1:PersistentVolumeClaim": ("spec.storageClassName", "b"),
    "core/v1:ResourceQuota": ("spec.scopes", ["NotTerminating"]),
    "core/v1:Service": ("spec.clusterIP", "10.0.0.99"),
    "rbac.authorization.k8s.io/v1:RoleBinding": ("roleRef.name", "b"),
    "storage.k8s.io/v1:StorageClass": ("parameters.type", "io2"),
}
_REFUSED = ("immutable", "forbidden", "cannot change", "may not change", "not be changed", "Forbidden")
LEFT_TO_THE_API = {
    # What the provider sends as an update, and the API refuses: the update stops there.
    "Service spec.loadBalancerClass",
    "TargetGroupBinding spec.targetGroupARN",
}


def of(type_: str, inputs: dict[str, Any]) -> Resource:
    return Resource("urn", f"kubernetes:{type_}", "a", True, None, inputs, {})


def said(type_: str, path: str) -> Forces:
    return forces(of(type_, {}), PropertyChange(path, DifferenceKind.CHANGED))


def test_every_kind_that_the_list_has_is_replaced_for_its_fields_and_for_a_name_and_not_for_more() -> None:
    for type_, (path, _) in OTHERWISE.items():
        assert said(type_, path) is Forces.YES, (type_, path)
        assert said(type_, "metadata.name") is Forces.YES
        assert said(type_, "metadata.labels.app") is Forces.NO
    assert said("apps/v1:Deployment", "spec.template.spec.containers[a].image") is Forces.NO
    assert said("core/v1:PersistentVolumeClaim", "spec.resources.requests.storage") is Forces.NO
    assert said("core/v1:PersistentVolume", "spec.csi.volumeHandle") is Forces.YES
    assert said("core/v1:Pod", "spec.containers[a].image") is Forces.YES
    assert said("core/v1:Pod", "spec.tolerations[0]") is Forces.NO
    assert said("helm.sh/v3:Release", "version") is Forces.NO
    assert said("helm.sh/v3:Release", "namespace") is Forces.YES
    assert said("keda.sh/v1alpha1:ScaledObject", "spec.scaleTargetRef.name") is Forces.NO


def test_the_api_refuses_what_the_list_has_and_of_our_own_objects_nothing_else(api_server: judge.Cluster) -> None:
    for type_, (path, value) in OTHERWISE.items():
        assert api_server.apply(OBJECTS[type_]).refusal is None, type_
        refusal = api_server.apply(changed(OBJECTS[type_], path.split("."), value), dry=True).refusal
        assert any(word in str(refusal) for word in _REFUSED), (type_, path, refusal)
    objects = judge.objects_of(shop("cluster-autoscaler"))
    assert judge.prepare(api_server, objects) == []
    assert judge.first_update(api_server, objects) == []
    left = set()
    for one in {given["kind"]: given for given in objects}.values():
        for path, value in leaves(one):
            refusal = api_server.apply(changed(one, path, another(value)), dry=True).refusal
            if any(word in str(refusal) for word in _REFUSED):
                left.add((one["apiVersion"], one["kind"], ".".join(path)))
    assert left
    unlisted = {
        f"{kind} {path}"
        for version, kind, path in left
        if said(f"{version if '/' in version else f'core/{version}'}:{kind}", path) is not Forces.YES
    }
    assert unlisted == LEFT_TO_THE_API


def changed(one: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    other = copy.deepcopy(one)
    holder = other
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    return other


def leaves(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[list[str], Any]]:
    """Every scalar outside lists, with its path; what an object is called and of which kind it is, is left out."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from leaves(item, (*above, key))
        elif not isinstance(item, list) and (above or key not in ("apiVersion", "kind")) and above != ("metadata",):
            yield [*above, key], item


def another(value: Any) -> Any:
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value}0"
