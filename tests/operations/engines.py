"""Instances and a cluster in place of those that a stack declares: they know its documents, tags and objects, and no others."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from groundwork.preview.snapshot import Snapshot
from tests.operations.shop import client


class Instances:
    """Systems Manager's documents of a stack and the instances of its group, in front of the stand-in account."""

    def __init__(self, snapshot: Snapshot, region: str, job: Callable[[str], tuple[int, str]]) -> None:
        """``job`` says how a job ends with an image, and what it says."""
        self.ran: list[tuple[str, ...]] = []
        """The documents that were run, with what they were told, and for a service's restart the image that it reads then."""
        self._ssm = client("ssm", region)
        self._images: dict[str, str] = snapshot.outputs["images"]
        self._job = job
        self._documents = {
            one.inputs["name"]: json.loads(one.inputs["content"])["parameters"]
            for one in snapshot.of_type("aws:ssm/document:Document")
        }
        [group] = snapshot.of_type("aws:autoscaling/group:Group")
        self._tags = {tag["key"]: tag["value"] for tag in group.inputs["tags"] if tag["propagateAtLaunch"]}
        self._said: tuple[int, str] = (0, "")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ssm, name)

    def client(self, service: str) -> Any:
        """Return what stands in for a service of AWS's; None where the account itself answers."""
        return self if service in ("ssm", "ec2", "autoscaling") else None

    def get_paginator(self, name: str) -> Any:
        return _Pages(getattr(self, name)) if name in vars(Instances) else self._ssm.get_paginator(name)

    def describe_instances(self, Filters: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's
        wanted = {one["Name"].removeprefix("tag:"): one["Values"] for one in Filters if one["Name"].startswith("tag:")}
        found = all(self._tags.get(name) in values for name, values in wanted.items())
        return {"Reservations": [{"Instances": [{"InstanceId": "i-1"}]}] if found else []}

    def describe_auto_scaling_groups(self, **_: Any) -> dict[str, Any]:
        return {"AutoScalingGroups": []}

    def list_commands(self, **_: Any) -> dict[str, Any]:
        return {"Commands": []}

    def send_command(self, InstanceIds: list[str], DocumentName: str, Parameters: dict[str, list[str]]) -> Any:  # noqa: N803 - boto3's
        takes = self._documents[DocumentName]
        for name, [value] in Parameters.items():
            assert value in takes[name].get("allowedValues", [value])
            assert re.search(takes[name].get("allowedPattern", ""), value)
        told = tuple(value for [value] in Parameters.values())
        if "service" in Parameters:
            named = self._ssm.get_parameter(Name=self._images["web"])["Parameter"]["Value"]
            self.ran.append((DocumentName, *told, named))
            self._said = (0, "")
        else:
            self.ran.append((DocumentName, *told))
            self._said = self._job(told[1])
        return {"Command": {"CommandId": "c"}}

    def get_command_invocation(self, **_: Any) -> dict[str, Any]:
        code, said = self._said
        status = "Failed" if code else "Success"
        return {
            "Status": status,
            "StatusDetails": status,
            "ResponseCode": code,
            "StandardOutputContent": said,
            "StandardErrorContent": "",
        }


class _Pages:
    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def paginate(self, **arguments: Any) -> list[Any]:
        return [self._ask(**arguments)]


class Objects:
    """The objects of a stack in a Kubernetes cluster, whose pods are ready at once."""

    def __init__(self, snapshot: Snapshot, job: Callable[[str], tuple[int, str]]) -> None:
        self.ran: list[tuple[str, str]] = []
        """The jobs that were run, each with its image."""
        self._job = job
        self._ended: dict[str, tuple[int, str]] = {}
        self.objects: dict[str, dict[str, Any]] = {}
        for kind, path in (("apps/v1:Deployment", "apps/v1"), ("batch/v1:CronJob", "batch/v1")):
            for one in snapshot.of_type(f"kubernetes:{kind}"):
                said = one.inputs["metadata"]
                plural = f"{kind.partition(':')[2].lower()}s"
                place = f"/apis/{path}/namespaces/{said['namespace']}/{plural}/{said['name']}"
                self.objects[place] = copy.deepcopy(one.inputs)

    def images(self) -> dict[str, str]:
        """Return the image of each object, by its name."""
        return {place.rpartition("/")[2]: _container(one)["image"] for place, one in self.objects.items()}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Answer what an API server is asked."""
        path = path.partition("?")[0]
        if path in self.objects:
            if method == "PATCH":
                [changed] = _pod(body)["containers"]
                own = _container(self.objects[path])
                assert changed["name"] == own["name"]
                own |= changed
            return 200, {**self.objects[path], "status": _READY}
        name = path.split("/jobs/")[-1].removesuffix("/status")
        if path.endswith("/jobs") and method == "POST":
            made = f"{body['metadata']['generateName']}x7k2p"
            image = _pod(body)["containers"][0]["image"]
            self.ran.append((made, image))
            self._ended[made] = self._job(image)
            return 201, {**body, "metadata": {"name": made}}
        if path.endswith("/jobs"):
            return 200, {"kind": "JobList", "items": []}
        if path.endswith("/pods"):
            return 200, {"kind": "PodList", "items": [{"metadata": {"name": "pod"}, "status": {"phase": "Succeeded"}}]}
        if path.endswith("/log"):
            return 200, list(self._ended.values())[-1][1]
        if name in self._ended:
            kind = "Failed" if self._ended[name][0] else "Complete"
            return 200, {"status": {"conditions": [{"type": kind, "status": "True", "reason": "BackoffLimitExceeded"}]}}
        return 404, {"kind": "Status", "message": f"nothing is at {path}"}


_READY = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}


def _pod(held: dict[str, Any]) -> dict[str, Any]:
    """Return the pod's part of an object, or of a patch of one."""
    spec = held["spec"]
    spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
    found: dict[str, Any] = spec["template"]["spec"]
    return found


def _container(held: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _pod(held)["containers"][0]
    return found


@contextmanager
def serving(objects: Objects) -> Iterator[str]:
    """Serve objects as an API server does, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            status, said = objects.answer(
                self.command, self.path, json.loads(self.rfile.read(length)) if length else None
            )
            text = (said if isinstance(said, str) else json.dumps(_numbered(said))).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(said, str) else "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PATCH = do_POST = do_DELETE = handle_any  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _numbered(said: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with the generation that its status says, and one copy where an autoscaler has the say."""
    if "status" not in said or "spec" not in said:
        return said
    return {
        **said,
        "metadata": {**said["metadata"], "generation": 1},
        "spec": {**said["spec"], "replicas": said["spec"].get("replicas", 1)},
    }
