"""What the API server says of a stack's objects: one by one, all together, and after a pipeline has delivered."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import kubernetes

from groundwork.operations.engines.eks import EksOperations
from groundwork.operations.errors import OperationError
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.data_file import read_data
from tests.kubernetes.server import Answer, Api, module

_OBJECTS = "kubernetes:"
_CHARTS = "kubernetes:helm.sh/"
"""What the provider turns into objects of others' making."""
_DEFINITIONS = Path(__file__).with_name("definitions.yaml")

_CONFLICT = 409
_SERVED = 30
_APPLY = "application/apply-patch+yaml"
PULUMI, AUTOSCALER = "pulumi-kubernetes", "kube-controller-manager"
"""As who the provider and autoscalers write; each owns what it has written."""

Object = Mapping[str, Any]


def objects_of(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Every object that a stack puts into its cluster itself, in its order."""
    return [
        resource.inputs
        for resource in snapshot.resources
        if resource.type.startswith(_OBJECTS) and not resource.type.startswith(_CHARTS)
    ]


def definitions(groups: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The definitions of what controllers bring, for those API groups that have any."""
    known = read_data(_DEFINITIONS)
    for group in sorted({*groups} & known.keys()):
        row = known[group]
        folder = module(row["module"], row["sum"])
        for file in row["files"]:
            definition = read_data(folder / file)
            for version in definition["spec"]["versions"]:
                for path in row.get("immutable", ()):
                    _forbid_changes(version["schema"]["openAPIV3Schema"], path)
            yield {key: value for key, value in definition.items() if key != "status"}


def _forbid_changes(schema: dict[str, Any], path: str) -> None:
    """What the controller's webhook refuses, said in the schema, since there is no controller here."""
    for name in path.split("."):
        if name not in schema["properties"]:
            return
        schema = schema["properties"][name]
    schema["x-kubernetes-validations"] = [{"rule": "self == oldSelf", "message": f"{path} may not change"}]


@dataclass
class Cluster:
    """One server, asked as the Kubernetes provider asks."""

    api: Api

    def path(self, given: Object) -> str:
        """Where an object is: its kind's plural, and whether it has a namespace, are the server's to say."""
        group, version = _split(given["apiVersion"])
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        kinds = self.api.ask("GET", root).body.get("resources", ())
        [plural, namespaced] = next(
            ([kind["name"], kind["namespaced"]] for kind in kinds if kind["kind"] == given["kind"]), ["", False]
        )
        if not plural:
            return f"{root}/{given['kind']}"
        place = f"/namespaces/{given['metadata'].get('namespace', 'default')}" if namespaced else ""
        return f"{root}{place}/{plural}/{given['metadata']['name']}"

    def apply(self, given: Object, *, dry: bool = False) -> Answer:
        """Server-side apply without force, each unknown field an error, as the provider does it."""
        query = {"fieldManager": PULUMI, "fieldValidation": "Strict", **({"dryRun": "All"} if dry else {})}
        return self.api.ask("PATCH", f"{self.path(given)}?{urlencode(query)}", given, kind=_APPLY)

    def read(self, given: Object) -> Mapping[str, Any]:
        return self.api.ask("GET", self.path(given)).body

    def eks(self, namespace: str) -> EksOperations:
        """Return what ``groundwork deploy`` speaks to a cluster with."""
        configuration = kubernetes.client.Configuration(host=self.api.address)
        configuration.ssl_ca_cert = str(self.api.certificate)
        configuration.api_key["authorization"] = f"Bearer {self.api.token}"
        return EksOperations(namespace, kubernetes.client.ApiClient(configuration))

    def deliver(self, deployment: Object, image: str) -> Answer:
        """As ``groundwork deploy`` does."""
        named = deployment["metadata"]
        try:
            self.eks(named["namespace"]).set_image(named["name"], image)
        except OperationError as refused:
            return Answer(400, {"message": str(refused)}, ())
        return Answer(200, {}, ())

    def scale(self, deployment: Object, copies: int) -> Answer:
        """As an autoscaler does."""
        path = f"{self.path(deployment)}/scale?fieldManager={AUTOSCALER}"
        return self.api.ask("PATCH", path, {"spec": {"replicas": copies}}, kind="application/merge-patch+json")

    def start(self, deployment: Object) -> Answer:
        """A pod as the controller of a deployment or job would make it, dry: only a pod meets the namespace's security standard."""
        job = deployment["spec"].get("jobTemplate")
        template = copy.deepcopy((job or deployment)["spec"]["template"])
        namespace = deployment["metadata"]["namespace"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            **template,
            "metadata": {**template["metadata"], "name": deployment["metadata"]["name"], "namespace": namespace},
        }
        query = urlencode({"dryRun": "All", "fieldValidation": "Strict"})
        return self.api.ask("POST", f"/api/v1/namespaces/{namespace}/pods?{query}", pod)

    def run(self, cron_job: Object) -> Answer:
        """A job as ``kubectl create job --from`` makes it, dry, with another image."""
        namespace = cron_job["metadata"]["namespace"]
        job = copy.deepcopy(cron_job["spec"]["jobTemplate"])
        [container] = job["spec"]["template"]["spec"]["containers"]
        container["image"] = "example.com/shop:2"
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            **job,
            "metadata": {**job["metadata"], "name": f"{cron_job['metadata']['name']}-2", "namespace": namespace},
        }
        query = urlencode({"dryRun": "All", "fieldValidation": "Strict"})
        return self.api.ask("POST", f"/apis/batch/v1/namespaces/{namespace}/jobs?{query}", body)


def prepare(cluster: Cluster, objects: Sequence[Object]) -> list[str]:
    """Kinds of controllers, and namespaces: the stack's own, and those that charts make."""
    defined = list(definitions(_split(given["apiVersion"])[0] for given in objects))
    found = [
        *_each(cluster, defined),
        *(line for definition in defined for line in _awaited(cluster, definition)),
        *_each(cluster, [given for given in objects if given["kind"] == "Namespace"]),
    ]
    made = {given["metadata"]["name"] for given in objects if given["kind"] == "Namespace"}
    named = {given["metadata"].get("namespace") for given in objects} - made - {None}
    others = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(map(str, named))]
    return [*found, *_each(cluster, others)]


def _awaited(cluster: Cluster, definition: Object) -> list[str]:
    """A kind is served a moment after it has been defined, and listed another moment later."""
    spec = definition["spec"]
    [stored] = [version["name"] for version in spec["versions"] if version["storage"]]
    end = time.monotonic() + _SERVED
    root = f"/apis/{spec['group']}/{stored}"

    def is_served() -> bool:
        listed = {kind["kind"] for kind in cluster.api.ask("GET", root).body.get("resources", ())}
        return (
            spec["names"]["kind"] in listed
            and cluster.api.ask("GET", f"{root}/{spec['names']['plural']}").status == 200
        )

    while not is_served():
        if time.monotonic() > end:
            return [f"{spec['names']['kind']} is defined, and not served after {_SERVED} seconds"]
        time.sleep(0.1)
    return []


def _each(cluster: Cluster, objects: Iterable[Object]) -> list[str]:
    return [line for given in objects for line in _said(given, cluster.apply(given))]


def first_update(cluster: Cluster, objects: Sequence[Object]) -> list[str]:
    """Each object dry, each pod against the namespace's standard, and then all of them for good."""
    found = [line for given in objects for line in _said(given, cluster.apply(given, dry=True))]
    for deployment in deployments(objects):
        found += [f"a pod of {line}" for line in _said(deployment, cluster.start(deployment))]
    for cron_job in (given for given in objects if given["kind"] == "CronJob"):
        found += [f"a pod of {line}" for line in _said(cron_job, cluster.start(cron_job))]
        found += [f"a run of {line}" for line in _said(cron_job, cluster.run(cron_job))]
    return found or _each(cluster, objects)


def deployments(objects: Sequence[Object]) -> list[Object]:
    """Those of services."""
    return [given for given in objects if given["kind"] == "Deployment"]


def image_of(deployment: Object) -> str:
    """That of the service's own container."""
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def _said(given: Object, answer: Answer) -> list[str]:
    refusal = [answer.refusal] if answer.refusal else []
    name = f"{given['kind']} {given['metadata']['name']}"
    return [f"{name}: {line}" for line in (*refusal, *answer.warnings)]


def _split(api_version: str) -> tuple[str, str]:
    group, _, version = api_version.rpartition("/")
    return group, version


def grown(objects: Sequence[Object]) -> list[Object]:
    """The same with a little more memory for each service."""
    made: list[Object] = []
    for given in objects:
        one = copy.deepcopy(dict(given))
        if given["kind"] == "Deployment":
            [container] = one["spec"]["template"]["spec"]["containers"]
            for amounts in container["resources"].values():
                amounts["memory"] = f"{1 + int(amounts['memory'].removesuffix('Mi'))}Mi"
        made.append(one)
    return made


def later_update(cluster: Cluster, first: Sequence[Object], later: Sequence[Object]) -> list[str]:
    """A pipeline sets the images that ``later`` names, and autoscalers as many copies as they may; the update of ``later`` must
    be taken, and leave both.

    An update that still says the image before is refused: who wrote a field last owns it, and the provider takes nothing away.
    https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
    """
    wanted = {deployment["metadata"]["name"]: deployment for deployment in deployments(later)}
    found = []
    for deployment in deployments(first):
        image = image_of(wanted[deployment["metadata"]["name"]])
        found += [f"delivery: {line}" for line in _said(deployment, cluster.deliver(deployment, image))]
        if cluster.apply(deployment, dry=True).status != _CONFLICT:
            found.append(f"delivery: {deployment['metadata']['name']} has the image that it had before, {image}")
    for cron_job in (given for given in later if given["kind"] == "CronJob"):
        name, [container] = (
            cron_job["metadata"]["name"],
            cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"],
        )
        try:
            cluster.eks(cron_job["metadata"]["namespace"]).renew_job(name, container["image"])
        except OperationError as refused:
            found.append(f"delivery: CronJob {name}: {refused}")
    most = {
        given["spec"]["scaleTargetRef"]["name"]: given["spec"].get("maxReplicas") or given["spec"]["maxReplicaCount"]
        for given in first
        if given["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
    }
    for name, copies in most.items():
        found += [f"scaling: {line}" for line in _said(wanted[name], cluster.scale(wanted[name], copies))]
    found += [f"second update: {line}" for line in _each(cluster, later)]
    for name, deployment in wanted.items():
        spec = cluster.read(deployment)["spec"]
        if spec["replicas"] != most.get(name, spec["replicas"]):
            found.append(f"second update: Deployment {name} has {spec['replicas']} copies and not {most[name]}")
        [runs] = spec["template"]["spec"]["containers"]
        [asked] = deployment["spec"]["template"]["spec"]["containers"]
        for what in ("image", "resources"):
            if runs[what] != asked[what]:
                found.append(f"second update: Deployment {name} has {what} {runs[what]} and not {asked[what]}")
    return found
