"""A copy of a service, or the instance that it runs on, is lost: each engine puts another in its place, and nobody need do anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.durations import after
from groundwork.operations.ec2 import Ec2Operations
from groundwork.operations.ecs import EcsOperations
from groundwork.operations.engine import ServiceState
from groundwork.operations.errors import NotFoundError, OperationError
from groundwork.operations.progress import Pending, Progress
from groundwork.operations.recovery.health import health_step
from groundwork.operations.recovery.model import Incident, RecoveryPlan, RecoveryStep

_SECONDS_BETWEEN = 10


@dataclass(frozen=True)
class Copy:
    """A copy that can be lost on purpose."""

    id: str
    command: str
    lose: Callable[[], None]
    is_gone: Callable[[], bool]


def plan(incident: Incident) -> RecoveryPlan:
    """Lose a copy where all are well, as the failure of a host would, and wait for another; where one is missing, only wait."""
    account = incident.account
    service = incident.what or next(iter(account.settings.services))
    state = _state(incident, service)
    if state.running is None or state.wanted is None:
        raise OperationError(
            f"App Runner replaces copies by itself, and neither tells how many run nor lets one be stopped; see: groundwork status {account.stack_name}"
        )
    if state.wanted == 0:
        raise OperationError(
            f"no copy of {service} is wanted; start it: groundwork scale {account.stack_name} {service} 1"
        )
    missing = state.running < state.wanted
    copy = None if missing else _COPIES[_engine(account)](incident, service)
    steps = []
    if copy is not None:
        steps.append(
            RecoveryStep(
                f"Lose {copy.id}, as when its host fails",
                copy.command,
                lambda progress: _lose(copy, progress, incident.seconds),
                changes=True,
            )
        )
    return RecoveryPlan(
        (
            *steps,
            RecoveryStep(
                f"Wait until {state.wanted} of {service} run again; nobody does anything",
                f"groundwork status {account.stack_name} --watch",
                lambda progress: _wait(incident, service, progress),
            ),
            health_step(incident, "services"),
        ),
        note=""
        if missing
        else f"Nothing is missing: {state.running} of {state.wanted} of {service} run. This loses one, to see that another comes"
        + ("." if state.wanted > 1 else "; it is the only one, and until then nobody is answered."),
    )


def _engine(account: StackAccount) -> str:
    return account.settings.compute.engine if account.settings.compute else ""


def _state(incident: Incident, service: str) -> ServiceState:
    found = incident.runner.states().get(service)
    if found is None:
        raise NotFoundError(f"there is no service {service} in {incident.account.place}; run pulumi up first")
    return found


def _lose(copy: Copy, progress: Progress, seconds: float) -> str:
    copy.lose()

    def look() -> str | Pending:
        if copy.is_gone():
            return f"{copy.id} is gone"
        return Pending(f"{copy.id} ends", f"{copy.id} still runs {after(seconds)}")

    return progress.wait_for(look, seconds=seconds, every=_SECONDS_BETWEEN)


def _wait(incident: Incident, service: str, progress: Progress) -> str:

    def look() -> str | Pending:
        state = _state(incident, service)
        said = f"{state.running} of {state.wanted} run"
        if (state.running or 0) >= (state.wanted or 0):
            return said
        why = "; ".join(one.text for one in state.troubles)
        late = f"{said} {after(incident.seconds)}{f': {why}' if why else ''}"
        return Pending(said, f"{late}; look: groundwork status {incident.account.stack_name}")

    return progress.wait_for(look, seconds=incident.seconds, every=_SECONDS_BETWEEN)


def _task(incident: Incident, service: str) -> Copy:
    """Return a task of ECS."""
    account, runner = incident.account, incident.runner
    if not isinstance(runner, EcsOperations):
        raise TypeError(f"{type(runner).__name__} runs no tasks")
    ecs, cluster = account.client("ecs"), runner.cluster
    with plain_errors(f"looking for a task of {service}"):
        arns = ecs.list_tasks(
            cluster=cluster, serviceName=runner.service(service)["serviceName"], desiredStatus="RUNNING"
        )["taskArns"]
    if not arns:
        raise OperationError(f"ECS shows no task of {service}; look: groundwork status {account.stack_name}")
    arn, short = arns[0], arns[0].rpartition("/")[2]

    def is_gone() -> bool:
        with plain_errors(f"asking how the task {short} is"):
            found = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
        return not found or found[0]["lastStatus"] == "STOPPED"

    return Copy(
        f"the task {short}",
        f"aws ecs stop-task --cluster {cluster} --task {short}",
        lambda: runner.stop(arn, "groundwork recover: to see that another comes"),
        is_gone,
    )


def _instance(incident: Incident, service: str) -> Copy:
    """Return an instance of the engine ``ec2``; all services on it are lost for a moment."""
    account, runner = incident.account, incident.runner
    if not isinstance(runner, Ec2Operations):
        raise TypeError(f"{type(runner).__name__} runs no instances")
    scaling = account.client("autoscaling")

    def there() -> list[dict[str, Any]]:
        return list(runner.group_of(service).get("Instances", ()))

    found = [one["InstanceId"] for one in there() if one.get("LifecycleState") == "InService"]
    if not found:
        raise OperationError(
            f"no instance that runs {service} is in service; look: groundwork status {account.stack_name}"
        )
    instance = found[0]

    def lose() -> None:
        with plain_errors(f"ending {instance}"):
            scaling.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=False)

    return Copy(
        f"the instance {instance}",
        f"aws autoscaling terminate-instance-in-auto-scaling-group --instance-id {instance} --no-should-decrement-desired-capacity",
        lose,
        lambda: instance not in [one["InstanceId"] for one in there()],
    )


def _pod(incident: Incident, service: str) -> Copy:
    """Return a pod of Kubernetes."""
    from groundwork.operations.eks import NAME_LABEL, EksOperations, plain_answers  # noqa: PLC0415 - loads the Kubernetes client

    runner = incident.runner
    if not isinstance(runner, EksOperations):
        raise TypeError(f"{type(runner).__name__} runs no pods")

    def there() -> list[str]:
        with plain_answers(f"looking for the pods of {service}"):
            pods: list[Any] = runner.core.list_namespaced_pod(
                runner.namespace, label_selector=f"{NAME_LABEL}={service}"
            ).items
        return [pod.metadata.name for pod in pods]

    found = there()
    if not found:
        raise OperationError(
            f"the cluster shows no pod of {service}; look: groundwork status {incident.account.stack_name}"
        )
    pod = found[0]

    def lose() -> None:
        with plain_answers(f"deleting {pod}"):
            runner.core.delete_namespaced_pod(pod, runner.namespace)

    return Copy(
        f"the pod {pod}",
        f"kubectl delete pod {pod} --namespace {runner.namespace}",
        lose,
        lambda: pod not in there(),
    )


_COPIES: dict[str, Callable[[Incident, str], Copy]] = {
    "fargate": _task,
    "ecs-ec2": _task,
    "ec2": _instance,
    "eks": _pod,
}
