"""Container images and the tasks that run them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from guardrails import documents, kinds
from guardrails.customer_keys import names_customer_key
from guardrails.principals import public_statements
from guardrails.rules import ADVISORY_IN_DEV, Level, Messages, resource_rule, stack_rule
from guardrails.secret_names import is_secret_name, names_another_place, secrets_in
from guardrails.stack import Stack
from guardrails.view import Node, Opaque, Resource, UndeterminedError

_PLATFORMS = ("LATEST", "1.4.0", "1.0.0")
"""The latest of Linux and, 1.0.0, of Windows (ECS developer guide, "Fargate platform versions")."""
_RUN_TASKS = {
    kinds.ECS_SERVICE: "",
    kinds.ECS_TASK_SET: "",
    kinds.EVENT_TARGET: "ecsTarget.",
    kinds.SCHEDULE: "target.ecsParameters.",
}
"""What starts tasks, and where it says how."""
_EXEC_LOGGING = "configuration.executeCommandConfiguration.logging"
_ROOT = re.compile(r"^(root|0)(:.*)?$")


def _containers(task: Resource) -> Iterator[tuple[str, Node]]:
    """Yield each container with its name, whether the definitions come as text or as a list."""
    value, problem = _definitions(task)
    if problem:
        raise UndeterminedError("containerDefinitions", f"malformed: {problem}")
    for container in Node({"containerDefinitions": value}).items("containerDefinitions"):
        yield str(container.get("name", "container")), container


def _definitions(task: Resource) -> tuple[Any, str]:
    """Return the definitions as a list, and what is wrong with them."""
    value = task.node("containerDefinitions").value
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            return None, f"it is not JSON: {error}"
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            return None, "it is not a list of objects"
    return value, ""


def _on_windows(task: Resource) -> bool:
    return str(task.get("runtimePlatform.operatingSystemFamily")).startswith("WINDOWS")


@resource_rule(
    "Container definitions can be read",
    "high",
    kinds.TASK_DEFINITION,
    ids=(),
    why="What cannot be read is neither judged nor started.",
    fix="Give containerDefinitions as a JSON list of objects.",
)
def ecs_definitions_readable(task: Resource) -> Messages:
    _, problem = _definitions(task)
    if problem:
        yield f"containerDefinitions: {problem}"


@resource_rule(
    "Containers are not privileged",
    "high",
    kinds.TASK_DEFINITION,
    ids=("fsbp:ECS.4", "checkov:CKV_AWS_334"),
    why="A privileged container is root on its host.",
    fix="Remove privileged; add the one Linux capability that is needed, if any.",
)
def ecs_not_privileged(task: Resource) -> Messages:
    for name, container in _containers(task):
        if container.truth("privileged"):
            yield f"container {name!r} is privileged"


@resource_rule(
    "Containers cannot write to their root file system",
    "high",
    kinds.TASK_DEFINITION,
    ids=("fsbp:ECS.5", "checkov:CKV_AWS_336"),
    why="An attacker who cannot write cannot install anything.",
    fix="Set readonlyRootFilesystem to true and mount a volume where the program has to write (/tmp).",
    levels=ADVISORY_IN_DEV,
)
def ecs_read_only_root(task: Resource) -> Messages:
    if _on_windows(task):
        return
    for name, container in _containers(task):
        if not container.truth("readonlyRootFilesystem"):
            yield f"container {name!r} can write to its root file system"


@resource_rule(
    "Containers do not run as root",
    "medium",
    kinds.TASK_DEFINITION,
    ids=(),
    why="Root inside the container is one kernel bug away from root outside.",
    fix="Set user to a number other than 0, as the image has it.",
    levels=ADVISORY_IN_DEV,
)
def ecs_not_root(task: Resource) -> Messages:
    if _on_windows(task):
        return
    for name, container in _containers(task):
        user = str(container.get("user", ""))
        if not user:
            yield f"container {name!r} names no user and so may run as root"
        elif _ROOT.match(user):
            yield f"container {name!r} runs as {user}"


@resource_rule(
    "No secret stands in the environment of a container",
    "high",
    kinds.TASK_DEFINITION,
    ids=("fsbp:ECS.8",),
    why="Everyone who may describe the task definition reads it, for all its revisions.",
    fix="Move the value to Secrets Manager or Parameter Store and name its ARN in secrets.",
)
def ecs_no_plain_secrets(task: Resource) -> Messages:
    if task.node("containerDefinitions").value is Opaque.SECRET:
        yield "a secret of the program stands in its containerDefinitions, which ECS shows in plain text"
        return
    for name, container in _containers(task):
        for variable in container.items("environment"):
            key = str(variable.get("name", ""))
            value = variable.node("value").value
            readable = isinstance(value, str)
            if held := secrets_in(value) if readable else []:
                yield f"container {name!r} has {held[0]} in {key}, in plain text"
            elif is_secret_name(key) and variable.has("value") and not (readable and names_another_place(value)):
                yield f"container {name!r} has {key} in plain text"


@resource_rule(
    "Containers send their logs somewhere",
    "high",
    kinds.TASK_DEFINITION,
    ids=("fsbp:ECS.9",),
    why="On Fargate a container's output is lost when the task ends.",
    fix="Give every container a logConfiguration (awslogs, or awsfirelens).",
)
def ecs_logs(task: Resource) -> Messages:
    for name, container in _containers(task):
        if not container.has("logConfiguration.logDriver"):
            yield f"container {name!r} has no logConfiguration"


@resource_rule(
    "Tasks do not share the host's processes and network",
    "high",
    kinds.TASK_DEFINITION,
    ids=("fsbp:ECS.3", "fsbp:ECS.1", "checkov:CKV_AWS_335"),
    why="A task in the host's namespaces sees and signals everything that runs there.",
    fix="Remove pidMode and ipcMode host; use networkMode awsvpc.",
)
def ecs_own_namespaces(task: Resource) -> Messages:
    for path in ("pidMode", "ipcMode", "networkMode"):
        if task.get(path) == "host":
            yield f"{path} is host"


@stack_rule(
    "A task's own role is not its execution role",
    "low",
    kinds.TASK_DEFINITION,
    ids=("checkov:CKV_AWS_249",),
    why="The execution role reads the secrets of the task; the program should have only what it uses.",
    fix="Give taskRoleArn a role of its own.",
)
def ecs_two_roles(task: Resource, stack: Stack) -> Messages:
    if not (task.has("taskRoleArn") and task.has("executionRoleArn")):
        return
    sources = [task.property_dependencies.get(path) for path in ("taskRoleArn", "executionRoleArn")]
    if all(sources) and not (task.known("taskRoleArn") and task.known("executionRoleArn")):
        same = sources[0] == sources[1]
    else:
        same = task.get("taskRoleArn") == task.get("executionRoleArn")
    if same:
        yield "its task role is its execution role"


@resource_rule(
    "Services and schedules give their tasks no public address",
    "high",
    *_RUN_TASKS,
    ids=("fsbp:ECS.2", "fsbp:ECS.16", "checkov:CKV_AWS_333"),
    why="A task with a public address is reachable the moment its security group is opened by mistake.",
    fix="Run it in private subnets with assignPublicIp false, behind the load balancer.",
)
def ecs_no_public_address(service: Resource) -> Messages:
    if service.truth(f"{_RUN_TASKS[service.type]}networkConfiguration.assignPublicIp"):
        yield "its tasks get public addresses (assignPublicIp)"


@stack_rule(
    "Sessions inside containers are recorded",
    "medium",
    kinds.ECS_SERVICE,
    kinds.ECS_CLUSTER,
    ids=("checkov:CKV_AWS_223",),
    why="ECS Exec gives a shell in production; without a log nobody knows what was done there.",
    fix="Set executeCommandConfiguration on the cluster with logging OVERRIDE, a log group and a key.",
    levels=ADVISORY_IN_DEV,
)
def ecs_exec_recorded(service: Resource, stack: Stack) -> Messages:
    if service.type == kinds.ECS_CLUSTER:
        if service.get(_EXEC_LOGGING) == "NONE":
            yield "it keeps no log of what is done through ECS Exec (logging is NONE)"
        return
    if not service.truth("enableExecuteCommand"):
        return
    clusters = stack.targets(service, "cluster", kinds.ECS_CLUSTER)
    if not clusters:
        raise UndeterminedError("cluster", "not of this stack")
    for cluster in clusters:
        logging = cluster.get(_EXEC_LOGGING)
        if logging != "OVERRIDE":
            yield f"cluster {cluster.name!r} keeps no log of its own for ECS Exec (logging is {logging})"


@resource_rule(
    "Clusters collect container metrics",
    "medium",
    kinds.ECS_CLUSTER,
    ids=("fsbp:ECS.12", "checkov:CKV_AWS_65"),
    why="A task that is killed for memory shows only there.",
    fix="Add the setting containerInsights with the value enabled or enhanced.",
    levels={"dev": Level.ADVISORY, "staging": Level.ADVISORY, "prod": Level.ADVISORY},
)
def ecs_insights(cluster: Resource) -> Messages:
    values = [item.get("value") for item in cluster.items("settings") if item.get("name") == "containerInsights"]
    if not any(value in ("enabled", "enhanced") for value in values):
        yield "Container Insights is off"


@stack_rule(
    "Images are scanned when they are pushed",
    "high",
    kinds.REPOSITORY,
    ids=("fsbp:ECR.1", "checkov:CKV_AWS_163"),
    why="Known holes in base images are the cheapest way in, and the cheapest to find.",
    fix="Set imageScanningConfiguration.scanOnPush to true, or declare an aws.ecr.RegistryScanningConfiguration.",
)
def ecr_scan_on_push(repository: Resource, stack: Stack) -> Messages:
    if not repository.truth("imageScanningConfiguration.scanOnPush") and not stack.of_type(kinds.REGISTRY_SCANNING):
        yield "images are not scanned on push"


@resource_rule(
    "Image tags cannot be moved",
    "medium",
    kinds.REPOSITORY,
    ids=("fsbp:ECR.2", "checkov:CKV_AWS_51"),
    why="The image that was tested has to be the image that is deployed.",
    fix="Set imageTagMutability to IMMUTABLE and tag with the commit.",
    levels=ADVISORY_IN_DEV,
)
def ecr_immutable_tags(repository: Resource) -> Messages:
    if not str(repository.get("imageTagMutability")).startswith("IMMUTABLE"):
        yield "a tag can be moved to another image"


@resource_rule(
    "Images are encrypted with a customer-managed key",
    "low",
    kinds.REPOSITORY,
    ids=("checkov:CKV_AWS_136",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Add encryptionConfigurations with encryptionType KMS and a kmsKey; the repository is replaced.",
)
def ecr_customer_key(repository: Resource) -> Messages:
    blocks = repository.items("encryptionConfigurations")
    if not any(
        str(block.get("encryptionType", "")).startswith("KMS") and names_customer_key(repository, "kmsKey", at=block)
        for block in blocks
    ):
        yield "it is not encrypted with a customer-managed key (encryptionConfigurations)"


@stack_rule(
    "Old images are removed",
    "medium",
    kinds.REPOSITORY,
    ids=("fsbp:ECR.3",),
    why="Old images cost money and keep their holes for whoever starts them again.",
    fix="Declare an aws.ecr.LifecyclePolicy for the repository.",
    levels=ADVISORY_IN_DEV,
)
def ecr_lifecycle(repository: Resource, stack: Stack) -> Messages:
    if not stack.referrers(repository, "repository", kinds.REPOSITORY_LIFECYCLE):
        yield "it has no lifecycle policy"


@resource_rule(
    "No repository is open to everyone",
    "critical",
    kinds.REPOSITORY_POLICY,
    ids=("checkov:CKV_AWS_32",),
    why="Images hold the program, and often more than was meant to be in them.",
    fix="Name the accounts or the organisation that may pull.",
)
def ecr_policy_not_public(policy: Resource) -> Messages:
    yield from public_statements(documents.read(policy, "policy"))


@resource_rule(
    "Fargate tasks run on the latest platform",
    "medium",
    *_RUN_TASKS,
    ids=("fsbp:ECS.10", "checkov:CKV_AWS_332"),
    why="An older platform gets no more security fixes.",
    fix="Leave platformVersion out, or set it to LATEST.",
    levels=ADVISORY_IN_DEV,
)
def ecs_platform_latest(service: Resource) -> Messages:
    version = service.get(f"{_RUN_TASKS[service.type]}platformVersion")
    if version not in _PLATFORMS:
        yield f"it runs on platform {version} (platformVersion)"


@resource_rule(
    "Sessions inside containers are encrypted with a key of yours",
    "low",
    kinds.ECS_CLUSTER,
    ids=("checkov:CKV_AWS_224",),
    why="What is typed and shown in a session passes through Systems Manager.",
    fix="Name an aws.kms.Key in configuration.executeCommandConfiguration.kmsKeyId.",
)
def ecs_exec_key(cluster: Resource) -> Messages:
    command = cluster.node("configuration.executeCommandConfiguration")
    if not cluster.has("configuration.executeCommandConfiguration") or command.get("logging") == "NONE":
        return
    if not command.has("kmsKeyId"):
        yield "its sessions are encrypted with AWS's key only (executeCommandConfiguration.kmsKeyId)"
    for target, flag in (
        ("cloudWatchLogGroupName", "cloudWatchEncryptionEnabled"),
        ("s3BucketName", "s3BucketEncryptionEnabled"),
    ):
        log = command.node("logConfiguration")
        if log.has(target) and not log.truth(flag):
            yield f"the log of its sessions need not be encrypted (logConfiguration.{flag})"


@resource_rule(
    "Tasks reach their file systems over TLS",
    "medium",
    kinds.TASK_DEFINITION,
    ids=("checkov:CKV_AWS_97",),
    why="Files would cross the network in clear.",
    fix="Set efsVolumeConfiguration.transitEncryption to ENABLED.",
)
def ecs_volumes_tls(task: Resource) -> Messages:
    for volume in task.items("volumes"):
        files = volume.node("efsVolumeConfiguration")
        if volume.has("efsVolumeConfiguration") and files.get("transitEncryption") != "ENABLED":
            yield f"volume {volume.get('name', volume.path)!r} is mounted without TLS (transitEncryption)"


@resource_rule(
    "Containers name the version of their image",
    "low",
    kinds.TASK_DEFINITION,
    ids=(),
    why="The same definition would start another program tomorrow, and no roll-back would bring today's back.",
    fix="Name a tag other than latest, better a digest (image@sha256:…).",
)
def ecs_image_version(task: Resource) -> Messages:
    for name, container in _containers(task):
        image = str(container.get("image", ""))
        if image and "@sha256:" not in image and (":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest")):
            yield f"container {name!r} names no version of its image ({image})"


@resource_rule(
    "A failed deployment rolls itself back",
    "low",
    kinds.ECS_SERVICE,
    ids=(),
    why="Otherwise ECS starts the broken version again and again until somebody looks.",
    fix="Set deploymentCircuitBreaker.enable and rollback to true; alarms come on top of it. A deployment that shifts requests knows no "
    "circuit breaker: give it alarms, with enable and rollback true, or lifecycle hooks.",
)
def ecs_circuit_breaker(service: Resource) -> Messages:
    if service.get("deploymentController.type") != "ECS":
        return
    if service.get("deploymentConfiguration.strategy") in _SHIFTING:
        alarms = service.node("alarms")
        if not (alarms.truth("enable") and alarms.truth("rollback")) and not service.has(
            "deploymentConfiguration.lifecycleHooks"
        ):
            yield "a deployment that answers with errors is not rolled back (alarms)"
        return
    breaker = service.node("deploymentCircuitBreaker")
    if not (breaker.truth("enable") and breaker.truth("rollback")):
        yield "a deployment that fails is not rolled back (deploymentCircuitBreaker)"


_SHIFTING = ("BLUE_GREEN", "LINEAR", "CANARY")
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html"""
