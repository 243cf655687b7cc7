"""Services on EKS: a Deployment each, in the platform's namespace."""

from __future__ import annotations

import base64
import datetime
import json
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore.exceptions
import urllib3.exceptions
from botocore.signers import RequestSigner

from groundwork.installation import extra_command
from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.engines.runner import JobState, Scaling, ServiceCopy, ServiceState, TerminalSession, program
from groundwork.operations.errors import CommandFailedError, DeploymentFailedError, NotFoundError, OperationError
from groundwork.operations.meanings import Reason, reason
from groundwork.operations.progress import Progress

try:
    import kubernetes
    from kubernetes.client.exceptions import ApiException
except ModuleNotFoundError as missing:
    raise OperationError(
        f"the engine eks needs the Kubernetes client, which is not installed; {extra_command('kubernetes')}"
    ) from missing

_SECONDS_BETWEEN = 3
_SECONDS_TO_ANSWER = 20
NAME_LABEL = "app.kubernetes.io/name"

_MANAGER = "groundwork-deploy"
"""The field manager of what a deployment writes. ``pulumi up`` applies the same value afterwards and owns it too, which is no conflict:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts"""


_NEVER_STILL = "a Kubernetes cluster does not stand still; scale its services: groundwork scale STACK SERVICE 0"


class EksOperations:
    """The cluster of a stack."""

    starts_first_image = False

    def __init__(self, namespace: str, api: kubernetes.client.ApiClient, stack: str = "STACK") -> None:
        """Create it for a namespace; ``stack`` is what commands call the stack."""
        self.namespace = namespace
        self._stack = stack
        self._api = api
        self.apps = kubernetes.client.AppsV1Api(api)
        self.core = kubernetes.client.CoreV1Api(api)
        self.batch = kubernetes.client.BatchV1Api(api)
        self.autoscaling = kubernetes.client.AutoscalingV2Api(api)

    def states(self) -> dict[str, ServiceState]:
        """Return how the Deployment of each service is, and why pods that are not ready are not."""
        with plain_answers("looking for the services"):
            found: list[Any] = self.apps.list_namespaced_deployment(
                self.namespace, _request_timeout=_SECONDS_TO_ANSWER
            ).items
        return {one.metadata.name: self._service_state(one) for one in found}

    def _service_state(self, found: Any) -> ServiceState:
        name, status = found.metadata.name, found.status
        wanted = found.spec.replicas if found.spec.replicas is not None else 1
        running = status.available_replicas or 0
        image = _image(found, name)
        conditions = {one.type: one for one in status.conditions or ()}
        progressing = conditions.get("Progressing")
        troubles = self._troubles(name, image) if running < wanted or not _is_done(found) else []
        if progressing is not None and progressing.status == "False":
            troubles.append(
                Reason(progressing.message or progressing.reason, f"groundwork rollback {self._stack} {name}")
            )
        return ServiceState(
            wanted=wanted,
            running=running,
            pending=max(0, (status.replicas or 0) - running),
            image=image,
            deployed=progressing.last_update_time if progressing is not None else None,
            changing=None if _is_done(found) else _state(found),
            troubles=tuple(troubles),
        )

    def _troubles(self, service: str, image: str) -> list[Reason]:
        """Return why pods do not get ready, each reason once: of their containers, else why they have no node."""
        said = [*self.why_not_ready(service, image), *self._unscheduled(service)]
        return [reason("stopped", one, self._stack, service) for one in dict.fromkeys(said)]

    def _unscheduled(self, service: str) -> list[str]:
        return [
            f"{one.reason}: {one.message or ''}".rstrip(": ")
            for pod in self._pods(f"{NAME_LABEL}={service}", service)
            for one in pod.status.conditions or ()
            if one.type == "PodScheduled" and one.status == "False"
        ]

    def _pods(self, selector: str, of: str) -> list[Any]:
        with plain_answers(f"asking for the pods of {of}"):
            pods: list[Any] = self.core.list_namespaced_pod(
                self.namespace, label_selector=selector, _request_timeout=_SECONDS_TO_ANSWER
            ).items
        return pods

    def job_states(self) -> dict[str, JobState]:
        """Return how each job's newest Job is; they are kept for a day."""
        with plain_answers("looking for the jobs"):
            crons: list[Any] = self.batch.list_namespaced_cron_job(
                self.namespace, _request_timeout=_SECONDS_TO_ANSWER
            ).items
            jobs: list[Any] = self.batch.list_namespaced_job(self.namespace, _request_timeout=_SECONDS_TO_ANSWER).items
        return {cron.metadata.name: self._job_state(cron, jobs) for cron in crons}

    def _job_state(self, cron: Any, jobs: Sequence[Any]) -> JobState:
        name = cron.metadata.name
        own = [one for one in jobs if (one.metadata.labels or {}).get(NAME_LABEL) == name and one.status.start_time]
        newest = max(own, key=lambda one: one.status.start_time, default=None)
        if newest is None:
            at = cron.status and (cron.status.last_successful_time or cron.status.last_schedule_time)
            return JobState(at, "ran") if at else JobState()
        ended = {one.type: one for one in newest.status.conditions or () if one.status == "True"}
        if "Complete" in ended:
            return JobState(newest.status.completion_time or ended["Complete"].last_transition_time, "ended with 0")
        if "Failed" in ended:
            said = ended["Failed"].message or ended["Failed"].reason or "it failed"
            return JobState(
                ended["Failed"].last_transition_time,
                "failed",
                trouble=reason("stopped", said, self._stack, name, layer="jobs"),
            )
        return JobState(newest.status.start_time, "runs", running=True)

    def scaling(self, service: str) -> Scaling:
        """Return the replicas of the Deployment, and the bounds of its autoscaler."""
        found, scaler = self._deployment(service), self._autoscaler(service)
        return Scaling(
            now=found.spec.replicas if found.spec.replicas is not None else 1,
            setting=f"services.{service}.scaling.min",
            least=(scaler.spec.min_replicas or 1) if scaler else None,
            most=scaler.spec.max_replicas if scaler else None,
            holds=True,
            note="Until the stack file says the same, a pulumi up that changes this number is a conflict of two owners, which "
            "Kubernetes refuses.",
        )

    def _autoscaler(self, service: str) -> Any | None:
        with plain_answers(f"asking what scales {service}"):
            found: list[Any] = self.autoscaling.list_namespaced_horizontal_pod_autoscaler(
                self.namespace, _request_timeout=_SECONDS_TO_ANSWER
            ).items
        return next((one for one in found if one.spec.scale_target_ref.name == service), None)

    def scale(self, service: str, count: int, least: int | None, most: int | None) -> None:
        """Move the autoscaler's bounds, then the replicas. With none wanted it keeps still by itself:
        https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#implicit-maintenance-mode-deactivation"""
        scaler = self._autoscaler(service)
        if scaler is not None and count:
            bounds = {"spec": {"minReplicas": least, "maxReplicas": most}}
            with plain_answers(f"moving the bounds of {service}"):
                self.autoscaling.patch_namespaced_horizontal_pod_autoscaler(
                    scaler.metadata.name,
                    self.namespace,
                    bounds,
                    field_manager=_MANAGER,
                    _request_timeout=_SECONDS_TO_ANSWER,
                )
        self._patch(service, {"spec": {"replicas": count}}, f"asking for {count} copies of {service}")

    def restart(self, service: str, progress: Progress, seconds: float) -> None:
        """Give the pods a new annotation, as ``kubectl rollout restart`` does; those that run go when the new ones are ready."""
        found = self._deployment(service)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        annotations = {"kubectl.kubernetes.io/restartedAt": now}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        self._patch(service, patch, f"starting {service} anew")
        try:
            self._wait(service, progress, seconds)
        except DeploymentFailedError as failure:
            reasons = self.why_not_ready(service, _image(found, service))
            raise DeploymentFailedError("\n".join([str(failure), *reasons])) from None

    def _patch(self, service: str, patch: dict[str, Any], doing: str) -> None:
        with plain_answers(doing):
            self.apps.patch_namespaced_deployment(
                service, self.namespace, patch, field_manager=_MANAGER, _request_timeout=_SECONDS_TO_ANSWER
            )

    def stop_all(self) -> Iterator[str]:
        """Refuse: nodes and control plane go on, so that little would be saved."""
        raise OperationError(_NEVER_STILL)

    def start_all(self) -> Iterator[str]:
        """Refuse, as :meth:`stand_still` does."""
        raise OperationError(_NEVER_STILL)

    def under_way(self, service: str, image: str) -> str | None:
        """Return how far another rollout is; None where none is under way."""
        found = self._deployment(service)
        return None if _is_done(found) else f"a rollout is under way ({_state(found)})"

    def job_under_way(self, job: str) -> str | None:
        """Return which Job of a job, started by hand or by a deployment, is not done; None where none is."""
        with plain_answers(f"looking for Jobs of {job}"):
            found: list[Any] = self.batch.list_namespaced_job(self.namespace, _request_timeout=_SECONDS_TO_ANSWER).items
        # As Kubernetes names what has a generated name: with five letters and digits.
        running = [
            one for one in found if re.fullmatch(rf"{job}-run-[a-z0-9]{{5}}", one.metadata.name) and one.status.active
        ]
        return f"the Job {running[0].metadata.name} has not ended" if running else None

    def roll_out(self, service: str, image: str, progress: Progress, seconds: float) -> None:
        """Change the image of the Deployment, and back where its pods do not get ready in time."""
        found = self._deployment(service)
        before = _image(found, service)
        self.set_image(service, image)
        try:
            self._wait(service, progress, seconds)
        except DeploymentFailedError as failure:
            reasons = self.why_not_ready(service, image)
            progress.say(f"{service} goes back to {before}")
            self.set_image(service, before)
            raise DeploymentFailedError("\n".join([str(failure), *reasons])) from None

    def _deployment(self, service: str) -> Any:
        return self._existing(self.apps.read_namespaced_deployment, "Deployment", service)

    def _existing(self, read: Callable[..., Any], kind: str, name: str) -> Any:
        """Return an object that ``pulumi up`` makes. OperationError where it is not there."""
        with plain_answers(f"reading the {kind} {name}"):
            try:
                return read(name, self.namespace, _request_timeout=_SECONDS_TO_ANSWER)
            except ApiException as error:
                if error.status == 404:
                    raise NotFoundError(
                        f"there is no {kind} {name} in the namespace {self.namespace}; run pulumi up first"
                    ) from None
                raise

    def set_image(self, service: str, image: str) -> None:
        """Change the image of a Deployment, and nothing else of it."""
        patch = {"spec": {"template": {"spec": {"containers": [{"name": service, "image": image}]}}}}
        self._patch(service, patch, f"changing the image of {service}")

    def _wait(self, service: str, progress: Progress, seconds: float) -> None:
        began = progress.seconds
        while True:
            found = self._deployment(service)
            progress.say(_state(found))
            if _is_done(found):
                return
            # https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment
            for one in found.status.conditions or ():
                if one.type == "Progressing" and one.status == "False" and _is_seen(found):
                    raise DeploymentFailedError(one.message or one.reason)
            if progress.seconds - began > seconds:
                raise DeploymentFailedError(f"its pods are not ready after {int(seconds / 60)} minutes")
            progress.sleep(_SECONDS_BETWEEN)

    def why_not_ready(self, service: str, image: str) -> list[str]:
        """Return why pods that run an image do not get ready, each reason once."""
        reasons: dict[str, None] = {}
        for pod in self._pods(f"{NAME_LABEL}={service}", service):
            for one in pod.status.container_statuses or ():
                waiting, ended = one.state.waiting, one.last_state.terminated or one.state.terminated
                if one.image == image and waiting is not None and waiting.reason != "ContainerCreating":
                    reasons[f"{waiting.reason}: {waiting.message or ''}".rstrip(": ")] = None
                if one.image == image and ended is not None:
                    reasons[f"it ended with {ended.exit_code}: {ended.message or ended.reason or ''}".rstrip(": ")] = (
                        None
                    )
        return list(reasons)

    def run(self, service: str, command: Sequence[str], progress: Progress, seconds: float) -> Iterator[str]:
        """Run a command in a Job whose pod differs from the service's in the command alone, and remove it again."""
        template = self._deployment(service).spec.template
        template.spec.restart_policy = "Never"
        template.spec.topology_spread_constraints = None
        for one in template.spec.containers:
            one.liveness_probe = one.readiness_probe = one.startup_probe = one.lifecycle = None
            if one.name == service:
                # As on the other engines, the image's entry point stays.
                one.args = list(command)
        # Without the labels by which the Service would find it and send it requests.
        labels = {name: value for name, value in (template.metadata.labels or {}).items() if name != NAME_LABEL}
        template.metadata.labels = labels
        spec = kubernetes.client.V1JobSpec(
            backoff_limit=0,
            active_deadline_seconds=int(seconds),
            # Where nobody is left to remove it.
            ttl_seconds_after_finished=3600,
            template=template,
        )
        made = self._create_job(service, labels, spec)
        try:
            yield from self.wait_for_job(made, service, progress)
        finally:
            self._delete_job(made)

    def _create_job(self, name: str, labels: Mapping[str, str] | None, spec: Any) -> str:
        """Create a Job of a service or job, and return its name."""
        metadata = kubernetes.client.V1ObjectMeta(generate_name=f"{name}-run-", labels=labels and dict(labels))
        with plain_answers(f"starting a Job of {name}"):
            created: Any = self.batch.create_namespaced_job(
                self.namespace,
                kubernetes.client.V1Job(metadata=metadata, spec=spec),
                _request_timeout=_SECONDS_TO_ANSWER,
            )
        return str(created.metadata.name)

    def _delete_job(self, name: str) -> None:
        with plain_answers(f"removing the Job {name}"):
            self.batch.delete_namespaced_job(
                name, self.namespace, propagation_policy="Background", _request_timeout=_SECONDS_TO_ANSWER
            )

    def wait_for_job(self, name: str, container: str, progress: Progress) -> Iterator[str]:
        """Yield what a Job's pod says until it is done. Raises CommandFailedError where it did not end with 0."""
        said = 0
        while True:
            with plain_answers(f"asking how the Job {name} is"):
                status: Any = self.batch.read_namespaced_job_status(
                    name, self.namespace, _request_timeout=_SECONDS_TO_ANSWER
                ).status
            done = [
                one for one in status.conditions or () if one.type in ("Complete", "Failed") and one.status == "True"
            ]
            lines = self._log_lines(name, container)
            yield from lines[said:]
            said = len(lines)
            if any(one.type == "Complete" for one in done):
                return
            if done:
                raise CommandFailedError(done[0].message or done[0].reason)
            progress.sleep(_SECONDS_BETWEEN)

    def _log_lines(self, job: str, container: str) -> list[str]:
        with plain_answers(f"reading what the Job {job} says"):
            pods: list[Any] = self.core.list_namespaced_pod(
                self.namespace, label_selector=f"job-name={job}", _request_timeout=_SECONDS_TO_ANSWER
            ).items
            running = [pod for pod in pods if pod.status.phase in ("Running", "Succeeded", "Failed")]
            if not running:
                return []
            text: str = self.core.read_namespaced_pod_log(
                running[0].metadata.name, self.namespace, container=container, _request_timeout=_SECONDS_TO_ANSWER
            )
        return text.splitlines()

    def run_job(
        self, job: str, image: str | None, command: Sequence[str], progress: Progress, seconds: float
    ) -> Iterator[str]:
        """Make a Job of the job's CronJob, as ``kubectl create job --from`` does. It stays for a day, for whoever looks."""
        template = self._existing(self.batch.read_namespaced_cron_job, "CronJob", job).spec.job_template
        for one in template.spec.template.spec.containers:
            if one.name == job:
                one.image = image or one.image
                one.args = list(command) or one.args
        template.spec.active_deadline_seconds = int(seconds)
        made = self._create_job(job, template.metadata.labels, template.spec)
        try:
            yield from self.wait_for_job(made, job, progress)
        except (KeyboardInterrupt, GeneratorExit):
            self._delete_job(made)
            raise
        if image:
            self.renew_job(job, image)

    def renew_job(self, job: str, image: str) -> None:
        """Change the image of the CronJob, and nothing else of it."""
        pod = {"spec": {"containers": [{"name": job, "image": image}]}}
        patch = {"spec": {"jobTemplate": {"spec": {"template": pod}}}}
        with plain_answers(f"changing the image of {job}"):
            self.batch.patch_namespaced_cron_job(
                job, self.namespace, patch, field_manager=_MANAGER, _request_timeout=_SECONDS_TO_ANSWER
            )

    def session_target(self, services: Sequence[str]) -> str:
        """Refuse: nodes take no sessions, and a pod forwards nothing but to itself."""
        raise OperationError(
            f"no host of a Kubernetes cluster leads there; run a client as a service that may: groundwork exec {self._stack} {services[0]}"
        )

    def a_copy(self, service: str) -> ServiceCopy:
        """Return a pod of a service."""

        def there() -> list[str]:
            return [pod.metadata.name for pod in self._pods(f"{NAME_LABEL}={service}", service)]

        found = there()
        if not found:
            raise OperationError(f"the cluster shows no pod of {service}; look: groundwork status {self._stack}")
        pod = found[0]

        def lose() -> None:
            with plain_answers(f"deleting {pod}"):
                self.core.delete_namespaced_pod(pod, self.namespace, _request_timeout=_SECONDS_TO_ANSWER)

        return ServiceCopy(
            f"the pod {pod}",
            f"kubectl delete pod {pod} --namespace {self.namespace}",
            lose,
            lambda: pod not in there(),
        )

    def session(self, service: str, command: str) -> TerminalSession:
        """Return the call of kubectl that opens a terminal in a pod."""
        found = program("kubectl", how="get it from https://kubernetes.io/docs/tasks/tools/")
        configuration = self._api.configuration
        # In a file that nobody else may read: other users of this machine see a program's arguments.
        with tempfile.NamedTemporaryFile("w", prefix="groundwork-", suffix=".kubeconfig", delete=False) as kubeconfig:
            json.dump(_kubeconfig(configuration), kubeconfig)
        words = ["--namespace", self.namespace, "exec", "-it", f"deployment/{service}", "--", *shlex.split(command)]
        return TerminalSession((found, *words), {"KUBECONFIG": kubeconfig.name}, (Path(kubeconfig.name),))


def _kubeconfig(configuration: kubernetes.client.Configuration) -> dict[str, Any]:
    cluster = {"server": configuration.host, "certificate-authority": configuration.ssl_ca_cert}
    token = configuration.api_key["authorization"].removeprefix("Bearer ")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "context", "context": {"cluster": "cluster", "user": "user"}}],
        "current-context": "context",
    }


def _image(deployment: Any, service: str) -> str:
    return next(str(one.image) for one in deployment.spec.template.spec.containers if one.name == service)


def _is_seen(deployment: Any) -> bool:
    return bool((deployment.status.observed_generation or 0) >= deployment.metadata.generation)


def _is_done(deployment: Any) -> bool:
    """Tell whether all pods are of the newest revision and ready, as ``kubectl rollout status`` does."""
    status, wanted = deployment.status, deployment.spec.replicas if deployment.spec.replicas is not None else 1
    updated, there = status.updated_replicas or 0, status.replicas or 0
    return (
        _is_seen(deployment) and updated >= wanted and there <= updated and (status.available_replicas or 0) >= updated
    )


def _state(deployment: Any) -> str:
    status = deployment.status
    wanted = deployment.spec.replicas if deployment.spec.replicas is not None else 1
    if not _is_seen(deployment):
        return "the cluster has not seen the change yet"
    updated, available = status.updated_replicas or 0, status.available_replicas or 0
    old = (status.replicas or 0) - updated
    return f"{updated} of {wanted} new copies started, {min(available, updated)} ready, {old} old"


@contextmanager
def plain_answers(doing: str) -> Iterator[None]:
    """Turn what the Kubernetes API refuses into OperationError."""
    try:
        yield
    except ApiException as error:
        if error.status in (401, 403):
            raise OperationError(
                f"{doing}: the cluster does not allow it ({error.reason}); who may is an access entry: compute.kubernetes.access"
            ) from error
        raise OperationError(f"{doing}: the cluster says {error.status} {error.reason}: {_reason(error)}") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise OperationError(
            f"{doing}: the cluster does not answer; its endpoint is private unless compute.kubernetes.endpoint says otherwise, so ask from "
            "inside its network"
        ) from error


def _reason(error: ApiException) -> str:
    return " ".join(str(error.body or "").split())[:500]


def connect(account: StackAccount) -> EksOperations:
    """Return the cluster of a stack, with the credentials of the account.

    https://docs.aws.amazon.com/eks/latest/userguide/cluster-auth.html
    """
    name = account.slug
    with plain_errors(f"looking for the cluster {name}"):
        try:
            found: Mapping[str, Any] = account.client("eks").describe_cluster(name=name)["cluster"]
        except botocore.exceptions.ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                raise NotFoundError(f"there is no cluster {name} in {account.place}; run pulumi up first") from None
            raise
    configuration = kubernetes.client.Configuration(host=found["endpoint"])
    with tempfile.NamedTemporaryFile("wb", suffix=".pem", delete=False) as certificate:
        certificate.write(base64.b64decode(found["certificateAuthority"]["data"]))
    configuration.ssl_ca_cert = certificate.name
    configuration.api_key["authorization"] = f"Bearer {_token(account.session, account.settings.region, name)}"
    return EksOperations(account.settings.platform.name, kubernetes.client.ApiClient(configuration), account.stack_name)


def _token(session: boto3.Session, region: str, cluster: str) -> str:
    """Return a token for a cluster, good for 15 minutes: a signed question to STS, as ``aws eks get-token`` makes it."""
    sts = session.client("sts", region_name=region)
    signer = RequestSigner(
        sts.meta.service_model.service_id, region, "sts", "v4", session.get_credentials(), session.events
    )
    request = {
        "method": "GET",
        "url": f"{sts.meta.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster},
        "context": {},
    }
    url = signer.generate_presigned_url(request, region_name=region, expires_in=60, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
