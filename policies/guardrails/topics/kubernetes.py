"""Pods: what a container may do on its node, how much of it it may take, and who it is."""

from __future__ import annotations

import re
from collections import defaultdict

from guardrails import kinds
from guardrails.per_stack import per_stack
from guardrails.pods import containers, mapping, on_windows, pod, same_namespace, security, template
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.secret_names import is_secret_name, names_another_place, secrets_in
from guardrails.stack import Stack
from guardrails.view import Opaque, Resource

_SHARED = {"hostPID": "processes", "hostIPC": "inter-process memory", "hostNetwork": "network"}
_ADDABLE = {"NET_BIND_SERVICE"}
"""The one capability that the Pod Security Standards' restricted profile lets a container add."""
_TAG = re.compile(r"^[^@]*?:(?P<tag>[^/:@]+)$")


@resource_rule(
    "Pods are not privileged",
    "high",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_16",),
    why="A privileged container is root on its node, and through the node's role in the account.",
    fix="Remove securityContext.privileged; add the one capability that is needed, if any.",
)
def kubernetes_not_privileged(workload: Resource) -> Messages:
    for name, container in containers(workload):
        if container.truth("securityContext.privileged"):
            yield f"container {name} is privileged"
        if container.truth("securityContext.windowsOptions.hostProcess"):
            yield f"container {name} runs as a process of its node (windowsOptions.hostProcess)"


@resource_rule(
    "Pods cannot gain more rights than they start with",
    "medium",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_20",),
    why="A set-user-id program inside the container makes a normal user root.",
    fix="Set securityContext.allowPrivilegeEscalation to false in every container.",
    levels=ADVISORY_IN_DEV,
)
def kubernetes_no_escalation(workload: Resource) -> Messages:
    if on_windows(workload):
        return
    for name, container in containers(workload):
        if container.truth("securityContext.allowPrivilegeEscalation", default=True):
            yield f"container {name} may gain rights (allowPrivilegeEscalation is not false)"


@resource_rule(
    "Pods do not share their node's processes and network",
    "high",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_17", "checkov:CKV_K8S_18", "checkov:CKV_K8S_19"),
    why="Such a pod sees what other pods do and reaches the node's metadata service and its credentials.",
    fix="Remove hostPID, hostIPC and hostNetwork.",
)
def kubernetes_own_namespaces(workload: Resource) -> Messages:
    spec = pod(workload)
    for path, words in _SHARED.items():
        if spec.truth(path):
            yield f"it shares the {words} of its node ({path})"


@resource_rule(
    "Pods do not mount their node's files",
    "high",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_27",),
    why="The node's files hold its credentials, other pods' secrets and the container runtime's socket.",
    fix="Use a persistentVolumeClaim, an emptyDir, a configMap or a secret volume instead of hostPath.",
)
def kubernetes_no_host_paths(workload: Resource) -> Messages:
    for volume in pod(workload).items("volumes"):
        if volume.has("hostPath"):
            yield f"volume {volume.get('name', '')!r} mounts {volume.get('hostPath.path', 'a path')} of its node"


@resource_rule(
    "Pods take no port of their node",
    "medium",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_26",),
    why="A node's port goes around network policies, and only one such pod fits on a node.",
    fix="Remove hostPort and put a Service before the pods.",
    levels=ADVISORY_IN_DEV,
)
def kubernetes_no_host_ports(workload: Resource) -> Messages:
    for name, container in containers(workload):
        for port in container.items("ports"):
            if port.number("hostPort", 0):
                yield f"container {name} takes port {port.get('hostPort')} of its node"


@resource_rule(
    "Pods drop all capabilities",
    "low",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_28", "checkov:CKV_K8S_37"),
    why="The runtime's default set, NET_RAW in it, lets a container forge packets and change file owners.",
    fix='Set securityContext.capabilities.drop to ["ALL"] in every container.',
)
def kubernetes_capabilities_dropped(workload: Resource) -> Messages:
    if on_windows(workload):
        return
    for name, container in containers(workload):
        dropped = {str(one).upper() for one in container.strings("securityContext.capabilities.drop")}
        if "ALL" not in dropped:
            yield f"container {name} keeps the runtime's default capabilities"


@resource_rule(
    "Pods add no capabilities",
    "high",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_24", "checkov:CKV_K8S_25", "checkov:CKV_K8S_39"),
    why="SYS_ADMIN, NET_ADMIN and their like are most of what root may do on a node.",
    fix="Remove securityContext.capabilities.add; only NET_BIND_SERVICE is harmless.",
)
def kubernetes_no_added_capabilities(workload: Resource) -> Messages:
    for name, container in containers(workload):
        for capability in container.strings("securityContext.capabilities.add"):
            if capability.upper().removeprefix("CAP_") not in _ADDABLE:
                yield f"container {name} adds the capability {capability}"


@resource_rule(
    "Pods do not run as root",
    "medium",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_23",),
    why="Root inside the container is one kernel bug away from root on the node.",
    fix="Set securityContext.runAsNonRoot to true, and runAsUser to a number other than 0.",
    levels=ADVISORY_IN_DEV,
)
def kubernetes_not_root(workload: Resource) -> Messages:
    if on_windows(workload):
        return
    spec = pod(workload)
    for name, container in containers(workload):
        user = security(container, spec, "runAsUser")
        sure = str(security(container, spec, "runAsNonRoot")).lower() == "true"
        if str(user).removesuffix(".0") == "0":
            yield f"container {name} runs as user 0"
        elif user is None and not sure:
            yield f"container {name} may run as root (neither runAsNonRoot nor runAsUser)"


@resource_rule(
    "Pods cannot write to their root file system",
    "medium",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_22",),
    why="An attacker who cannot write cannot install anything.",
    fix="Set securityContext.readOnlyRootFilesystem to true and mount an emptyDir where the program has to write.",
    levels=ADVISORY_IN_DEV,
)
def kubernetes_read_only_root(workload: Resource) -> Messages:
    if on_windows(workload):
        return
    for name, container in containers(workload):
        if not container.truth("securityContext.readOnlyRootFilesystem"):
            yield f"container {name} can write to its root file system"


@resource_rule(
    "Pods use a seccomp profile",
    "low",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_31",),
    why="Without a profile a container may make every system call, those with holes too.",
    fix="Set securityContext.seccompProfile.type to RuntimeDefault on the pod.",
)
def kubernetes_seccomp(workload: Resource) -> Messages:
    if on_windows(workload):
        return
    spec = pod(workload)
    for name, container in containers(workload):
        profile = security(container, spec, "seccompProfile.type")
        if profile not in ("RuntimeDefault", "Localhost"):
            yield f"container {name} has no seccomp profile" + (f" ({profile})" if profile else "")


@resource_rule(
    "Pods say how much they need and how much they may take",
    "medium",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_10", "checkov:CKV_K8S_12", "checkov:CKV_K8S_13"),
    why="Without requests the scheduler overfills a node; without a memory limit one leak takes the others down.",
    fix="Set resources.requests.cpu, resources.requests.memory and resources.limits.memory in every container.",
    levels=ADVISORY_IN_DEV,
)
def kubernetes_resources(workload: Resource) -> Messages:
    for name, container in containers(workload, only_long_running=True):
        resources = container.node("resources")
        wanted = {
            "requests.cpu": resources.has("requests.cpu") or resources.has("limits.cpu"),
            "requests.memory": resources.has("requests.memory") or resources.has("limits.memory"),
            "limits.memory": resources.has("limits.memory"),
        }
        missing = [path for path, given in wanted.items() if not given]
        if missing:
            yield f"container {name} sets no {', '.join(missing)}"


@resource_rule(
    "Long-running pods are probed",
    "low",
    kinds.DEPLOYMENT,
    kinds.STATEFUL_SET,
    kinds.DAEMON_SET,
    ids=("checkov:CKV_K8S_8", "checkov:CKV_K8S_9"),
    why="Without a readiness probe traffic reaches pods that are not up; without a liveness probe a stuck one stays.",
    fix="Set readinessProbe and livenessProbe in every container.",
)
def kubernetes_probes(workload: Resource) -> Messages:
    for name, container in containers(workload, only_long_running=True):
        missing = [probe for probe in ("readinessProbe", "livenessProbe") if not container.has(probe)]
        if missing:
            yield f"container {name} has no {' and no '.join(missing)}"


@resource_rule(
    "Pods name the version of their image",
    "medium",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_14",),
    why="The same manifest would start another program tomorrow, and no roll-back would bring today's back.",
    fix="Name a tag other than latest, better a digest (image@sha256:…).",
    levels=ADVISORY_IN_DEV,
)
def kubernetes_image_version(workload: Resource) -> Messages:
    for name, container in containers(workload):
        image = str(container.get("image", ""))
        if not image or "@sha256:" in image:
            continue
        found = _TAG.match(image)
        if found is None:
            yield f"container {name} names no version of {image}"
        elif found["tag"] == "latest":
            yield f"container {name} takes whatever is the latest {image.rsplit(':', 1)[0]}"


@resource_rule(
    "No secret stands in the environment of a pod",
    "high",
    *kinds.PODS,
    ids=(),
    why="Everyone who may read the workload reads it, and it stays in its history.",
    fix="Keep it in a Secret or in Secrets Manager and use valueFrom.secretKeyRef.",
)
def kubernetes_no_plain_secrets(workload: Resource) -> Messages:
    for name, container in containers(workload):
        for variable in container.items("env"):
            key = str(variable.get("name", ""))
            if variable.node("value").value is Opaque.SECRET:
                yield f"container {name} has {key} in plain text, and the program keeps it secret"
            elif held := secrets_in(str(variable.node("value").value)):
                yield f"container {name} has {held[0]} in {key}, in plain text"
            elif not is_secret_name(key) or not variable.has("value"):
                continue
            elif not (variable.known("value") and names_another_place(variable.get("value"))):
                yield f"container {name} has {key} in plain text"


@resource_rule(
    "Pods have a service account of their own",
    "low",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_41",),
    why="Whatever is granted to the default account is granted to every pod of the namespace.",
    fix="Name a ServiceAccount in serviceAccountName, or set automountServiceAccountToken to false.",
)
def kubernetes_own_service_account(workload: Resource) -> Messages:
    spec = pod(workload)
    if not spec.truth("automountServiceAccountToken", default=True):
        return
    if not spec.has("serviceAccountName") and not spec.has("serviceAccount"):
        yield "its pods run as the namespace's default service account and hold its token"
    elif spec.known("serviceAccountName") and spec.get("serviceAccountName") == "default":
        yield "its pods run as the service account default and hold its token"


@resource_rule(
    "Nothing runs in the namespace default",
    "low",
    *kinds.PODS,
    ids=("checkov:CKV_K8S_21",),
    why="Quotas, network policies and roles are per namespace; in default everything shares them.",
    fix="Declare a Namespace and name it in metadata.namespace.",
)
def kubernetes_own_namespace(workload: Resource) -> Messages:
    if workload.get("metadata.namespace", "default") == "default":
        yield "it runs in the namespace default"


@stack_rule(
    "Replicated pods have a disruption budget",
    "low",
    kinds.DEPLOYMENT,
    kinds.STATEFUL_SET,
    ids=(),
    why="Draining nodes for an upgrade may otherwise stop all replicas at once.",
    fix="Declare a PodDisruptionBudget whose selector matches the pods' labels.",
)
def kubernetes_disruption_budget(workload: Resource, stack: Stack) -> Messages:
    if workload.number("spec.replicas", 1) < 2:
        return
    labels = mapping(template(workload), "metadata.labels")
    candidates = [one for label in ((), *labels.items()) for one in _budgets(stack).get(_text(label), ())]
    for budget in candidates:
        wanted = mapping(budget, "spec.selector.matchLabels")
        if same_namespace(workload, budget, stack) and all(labels.get(key) == value for key, value in wanted.items()):
            return
    yield "no PodDisruptionBudget covers its pods"


@per_stack
def _budgets(stack: Stack) -> dict[str, list[Resource]]:
    """Return disruption budgets by one label that they ask for: most name the pods of one workload."""
    budgets = defaultdict(list)
    for budget in stack.of_type(kinds.DISRUPTION_BUDGET):
        known = budget.known("spec.selector.matchLabels")
        wanted = mapping(budget, "spec.selector.matchLabels") if known else {}
        budgets[_text(next(iter(wanted.items()), ()))].append(budget)
    return budgets


def _text(label: tuple[str, ...]) -> str:
    return "=".join(map(str, label))
