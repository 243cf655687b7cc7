"""A stand-in for the Kubernetes API that keeps what it is given: a Deployment, a CronJob, pods and Jobs of the namespace ``shop``."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import kubernetes

from groundwork.operations.engines import eks
from groundwork.operations.engines.eks import EksOperations

OLD, NEW = "example.com/web:1.0", "example.com/web:1.1"


def deployment(image: str) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": 1},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {eks.NAME_LABEL: "web"}},
            "template": {
                "metadata": {"labels": {eks.NAME_LABEL: "web", "app.kubernetes.io/part-of": "shop"}},
                "spec": {
                    "serviceAccountName": "web",
                    "containers": [
                        {"name": "web", "image": image, "args": ["serve"], "readinessProbe": {"httpGet": {"port": 80}}}
                    ],
                },
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": 2,
            "updatedReplicas": 2,
            "availableReplicas": 2,
        },
    }


CRON_JOB: dict[str, Any] = {
    "metadata": {"name": "migrate"},
    "spec": {
        "schedule": "0 0 1 1 *",
        "suspend": True,
        "jobTemplate": {
            "metadata": {"labels": {eks.NAME_LABEL: "migrate"}},
            "spec": {
                "backoffLimit": 1,
                "activeDeadlineSeconds": 3600,
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "serviceAccountName": "migrate",
                        "containers": [{"name": "migrate", "image": OLD, "args": ["manage.py", "migrate"]}],
                    }
                },
            },
        },
    },
}


class World:
    """What the API answers, and what it was asked."""

    def __init__(self) -> None:
        self.deployment = deployment(OLD)
        self.pods: list[dict[str, Any]] = []
        self.jobs: list[dict[str, Any]] = []
        self.scaler: dict[str, Any] | None = None
        self.deleted: list[str] = []
        self.managers: list[str] = []
        self.patches: list[dict[str, Any]] = []
        self.log = ""
        self.refuse = 0
        self.steps: list[Callable[[World], None]] = []

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        path, _, query = path.partition("?")
        if self.refuse:
            return self.refuse, {"kind": "Status", "message": "no", "code": self.refuse}
        if path == "/apis/apps/v1/namespaces/shop/deployments/web":
            if method == "PATCH":
                template = body["spec"].get("template", {})
                [container] = template.get("spec", {}).get("containers", [{}])
                self.deployment["spec"]["template"]["spec"]["containers"][0] |= container
                self.patches += [] if container else [body]
                self.deployment["metadata"]["generation"] += 1
                self.managers.append(query)
            elif self.steps:
                self.steps.pop(0)(self)
            return 200, self.deployment
        if path == "/apis/batch/v1/namespaces/shop/cronjobs/migrate":
            self.patches += [body] if method == "PATCH" else []
            return 200, CRON_JOB
        if (found := self._listed(method, path, body)) is not None:
            return 200, found
        told = {"pods": {"kind": "PodList", "items": self.pods}, "log": self.log}
        if path.rpartition("/")[2] in told:
            return 200, told[path.rpartition("/")[2]]
        if path.endswith("/jobs") and method == "POST":
            self.jobs.append(copy.deepcopy(body))
            return 201, {**body, "metadata": {**body["metadata"], "name": "web-run-x1"}}
        if path.endswith("/status"):
            if self.steps:
                self.steps.pop(0)(self)
            return 200, {"metadata": {"name": "web-run-x1"}, "status": self.deployment["status"]}
        if method == "DELETE":
            self.deleted.append(path)
            return 200, {"kind": "Status"}
        return 404, {"kind": "Status", "message": f"no {path}", "code": 404}

    def _listed(self, method: str, path: str, body: Any) -> Any:
        """Return what lists tell, and the autoscaler that is patched; None for everything else."""
        lists = {
            "/apis/apps/v1/namespaces/shop/deployments": [self.deployment],
            "/apis/batch/v1/namespaces/shop/cronjobs": [CRON_JOB],
            "/apis/batch/v1/namespaces/shop/jobs": self.jobs,
            _SCALERS: [self.scaler] if self.scaler else [],
        }
        if method == "PATCH" and path.startswith(_SCALERS):
            self.patches.append(body)
            return self.scaler
        return {"kind": "List", "items": lists[path]} if method == "GET" and path in lists else None


_SCALERS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"


@contextmanager
def serving() -> Iterator[tuple[World, EksOperations]]:
    """Give a world that an API server on loopback tells of, and the operations that ask that."""
    found = World()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = found.answer(self.command, self.path, body)
            text = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_PATCH = do_POST = do_DELETE = handle_any  # noqa: N815 - the names that the standard library calls

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        configuration = kubernetes.client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
        configuration.retries = False
        yield found, EksOperations("shop", kubernetes.client.ApiClient(configuration))
        server.shutdown()


def ready(updated: int, available: int, total: int) -> Callable[[World], None]:
    def step(world: World) -> None:
        world.deployment["status"] = {
            "observedGeneration": world.deployment["metadata"]["generation"],
            "replicas": total,
            "updatedReplicas": updated,
            "availableReplicas": available,
        }

    return step


def stuck(world: World) -> None:
    ready(1, 0, 3)(world)
    world.deployment["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    ]
