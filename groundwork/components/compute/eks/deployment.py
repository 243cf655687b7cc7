"""The pods of a service: hardened as the restricted standard asks, spread, probed, drained before they stop."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from groundwork.components.access import Mount
from groundwork.components.compute.eks.files import claim_name
from groundwork.components.compute.eks.inside import Inside, selector
from groundwork.components.compute.eks.nodes import GROUP_LABEL
from groundwork.components.compute.eks.secrets import Values
from groundwork.components.compute.eks.settings import KubernetesSettings
from groundwork.components.compute.images import Image
from groundwork.components.compute.tracing import MEMORY as COLLECTOR_MEMORY
from groundwork.components.compute.tracing import collector
from groundwork.components.compute.workload import Workload
from groundwork.components.services.settings import ServiceSettings, SidecarSettings
from groundwork.settings.facts import IMAGE_ARCHITECTURES

_Container = kubernetes.core.v1.ContainerArgs
_Exec = kubernetes.core.v1.ExecActionArgs
_Mount = kubernetes.core.v1.VolumeMountArgs
_Probe = kubernetes.core.v1.ProbeArgs
_Spread = kubernetes.core.v1.TopologySpreadConstraintArgs
_Toleration = kubernetes.core.v1.TolerationArgs
_Variable = kubernetes.core.v1.EnvVarArgs
_Volume = kubernetes.core.v1.VolumeArgs

PORT = "http"

COLLECTOR = "opentelemetry-trace-collector"
"""Longer than a service's name may be: containers of a pod must differ."""

_SECRETS_PATH = "/mnt/secrets"
_SPREAD_OVER = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")

_DISK = "20Gi"
"""What a copy has on Fargate too; without a limit one pod may fill its node's disk."""

_PROPAGATION = 5
"""Seconds until every node knows that a stopping pod takes no new requests."""

_STARTUP_PERIOD = 5


def deployment(
    inside: Inside,
    workload: Workload,
    image: Image,
    *,
    given: Values | None,
    fixed: bool,
    after: Sequence[pulumi.Resource],
) -> kubernetes.apps.v1.Deployment:
    """Create a Deployment with as many pods as ``scaling.min`` says where the number is ``fixed``; else something else
    decides it. The update waits until the pods are ready: whoever delivered an image is to hear that it does not
    start."""
    service = workload.settings
    return kubernetes.apps.v1.Deployment(
        f"{inside.parent.name}-{workload.name}",
        metadata=inside.metadata(workload.name, service=workload.name),
        spec=kubernetes.apps.v1.DeploymentSpecArgs(
            replicas=service.scaling.min if fixed else None,
            revision_history_limit=5,
            selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=selector(workload.name)),
            strategy=_strategy(service),
            template=kubernetes.core.v1.PodTemplateSpecArgs(
                metadata=kubernetes.meta.v1.ObjectMetaArgs(labels=inside.labels(workload.name)),
                spec=pod(inside, workload, image, given),
            ),
        ),
        opts=inside.options(after),
    )


def _strategy(service: ServiceSettings) -> kubernetes.apps.v1.DeploymentStrategyArgs:
    """Return how pods take over: new ones first, but of a singleton, whose old pod goes before its new one comes."""
    if service.singleton:
        return kubernetes.apps.v1.DeploymentStrategyArgs(type="Recreate")
    return kubernetes.apps.v1.DeploymentStrategyArgs(
        type="RollingUpdate",
        rolling_update=kubernetes.apps.v1.RollingUpdateDeploymentArgs(max_surge="25%", max_unavailable=0),
    )


def pod(
    inside: Inside, workload: Workload, image: Image, given: Values | None, *, ends: bool = False
) -> kubernetes.core.v1.PodSpecArgs:
    """Return the pod of a service, or of a job, which ``ends``: it is not started again where it stands, and there is one."""
    service = workload.settings
    user, _, group = service.user.partition(":")
    return kubernetes.core.v1.PodSpecArgs(
        service_account_name=workload.name,
        automount_service_account_token=False,
        enable_service_links=False,
        node_selector={
            "kubernetes.io/arch": IMAGE_ARCHITECTURES[inside.settings.built_for],
            **({GROUP_LABEL: service.nodes} if service.nodes else {}),
        },
        tolerations=_tolerations(service, inside.settings.cluster) or None,
        topology_spread_constraints=None if ends else [_spread(workload.name, over) for over in _SPREAD_OVER],
        restart_policy="Never" if ends else None,
        security_context=kubernetes.core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=int(user),
            run_as_group=int(group or user),
            # Volumes belong to it, those on disk among them.
            fs_group=int(group or user),
            seccomp_profile=kubernetes.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        termination_grace_period_seconds=_pause(service) + service.stop_timeout,
        init_containers=[
            *([_collector(inside.settings.collector_image)] if workload.tracing else []),
            *(_sidecar(name, one, workload, given) for name, one in service.sidecars.items()),
        ]
        or None,
        containers=[_container(workload, image, given)],
        volumes=_volumes(workload, given) or None,
    )


def _tolerations(service: ServiceSettings, settings: KubernetesSettings) -> list[kubernetes.core.v1.TolerationArgs]:
    group = settings.nodes.get(service.nodes) if service.nodes else None
    return [
        _Toleration(key=key, operator="Equal", value=taint.value, effect=taint.effect)
        for key, taint in (group.taints if group else {}).items()
    ]


def _spread(service: str, over: str) -> kubernetes.core.v1.TopologySpreadConstraintArgs:
    """Spread pods evenly where there is room; where there is none, a crowded copy is better than none. Each revision
    for itself, so that the pods of the last one do not count."""
    return _Spread(
        max_skew=1,
        topology_key=over,
        when_unsatisfiable="ScheduleAnyway",
        label_selector=kubernetes.meta.v1.LabelSelectorArgs(match_labels=selector(service)),
        match_label_keys=["pod-template-hash"],
    )


def _container(workload: Workload, image: Image, given: Values | None) -> kubernetes.core.v1.ContainerArgs:
    service = workload.settings
    alive = _command(service) or _request(service)
    ready = _request(service) or _command(service)
    pause = _pause(service)
    return _Container(
        name=workload.name,
        image=image.reference,
        # A tag of ours never changes, and one of others is theirs to keep.
        image_pull_policy="IfNotPresent",
        # The image's entry point stays, as on the other engines.
        args=[_literal(part) for part in service.command] or None,
        ports=[kubernetes.core.v1.ContainerPortArgs(name=PORT, container_port=service.port, protocol="TCP")]
        if service.port is not None
        else None,
        env=_environment(workload, given),
        resources=_resources(service),
        startup_probe=_Probe(
            **alive,
            period_seconds=_STARTUP_PERIOD,
            timeout_seconds=5,
            failure_threshold=max(3, math.ceil(service.start_period / _STARTUP_PERIOD)),
        )
        if alive
        else None,
        liveness_probe=_Probe(
            **alive,
            initial_delay_seconds=service.start_period,
            period_seconds=10,
            timeout_seconds=5,
            failure_threshold=3,
        )
        if alive
        else None,
        readiness_probe=_Probe(
            **ready, initial_delay_seconds=5, period_seconds=5, timeout_seconds=5, failure_threshold=3
        )
        if ready
        else None,
        lifecycle=kubernetes.core.v1.LifecycleArgs(
            pre_stop=kubernetes.core.v1.LifecycleHandlerArgs(sleep=kubernetes.core.v1.SleepActionArgs(seconds=pause))
        )
        if pause
        else None,
        security_context=_hardened(),
        volume_mounts=_mounts(workload, given) or None,
    )


def _hardened(user: int | None = None, group: int | None = None) -> kubernetes.core.v1.SecurityContextArgs:
    return kubernetes.core.v1.SecurityContextArgs(
        run_as_non_root=True,
        run_as_user=user,
        run_as_group=user if group is None else group,
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        capabilities=kubernetes.core.v1.CapabilitiesArgs(drop=["ALL"]),
    )


def _resources(service: ServiceSettings) -> kubernetes.core.v1.ResourceRequirementsArgs:
    """Return requests and limits; what it asks for is also its most, unless ``limits`` says otherwise: the same as on
    the other engines."""
    limits = service.limits
    # What sidecars take is out of the service's, as on ECS.
    beside_cpu = sum(sidecar.cpu for sidecar in service.sidecars.values())
    beside_memory = sum(sidecar.memory for sidecar in service.sidecars.values())
    cpu, memory = service.cpu - beside_cpu, service.memory - beside_memory
    most_cpu = ((limits and limits.cpu) or service.cpu) - beside_cpu
    most_memory = ((limits and limits.memory) or service.memory) - beside_memory
    return kubernetes.core.v1.ResourceRequirementsArgs(
        requests={"cpu": _cpu(cpu), "memory": f"{memory}Mi"},
        limits={"cpu": _cpu(most_cpu), "memory": f"{most_memory}Mi"},
    )


def _cpu(units: int) -> str:
    """Convert CPU units, of which 1024 are one vCPU, to millicores, rounded up; never none."""
    return f"{math.ceil(units * 1000 / 1024)}m"


def _request(service: ServiceSettings) -> dict[str, Any]:
    if service.port is None:
        return {}
    if service.tcp:
        return {"tcp_socket": kubernetes.core.v1.TCPSocketActionArgs(port=PORT)}
    return {"http_get": kubernetes.core.v1.HTTPGetActionArgs(path=service.health, port=PORT)}


def _command(service: ServiceSettings) -> dict[str, Any]:
    if not service.health_command:
        return {}
    return {"exec_": _Exec(command=[_literal(part) for part in service.health_command])}


def _pause(service: ServiceSettings) -> int:
    """Return the seconds in which a pod that is to stop goes on answering: the load balancer stops asking only after a
    while."""
    if service.is_public or service.tcp:
        return service.drain
    return _PROPAGATION if service.port is not None else 0


def _environment(workload: Workload, given: Values | None) -> list[kubernetes.core.v1.EnvVarArgs]:
    plain = [
        _Variable(name=name, value=_literal(value) if isinstance(value, str) else value)
        for name, value in workload.environment.items()
    ]
    if given is None:
        return plain
    return [
        *plain,
        *(
            _Variable(
                name=name,
                value_from=kubernetes.core.v1.EnvVarSourceArgs(
                    secret_key_ref=kubernetes.core.v1.SecretKeySelectorArgs(name=given.secret_name, key=name)
                ),
            )
            for name in given.names
        ),
    ]


def _literal(value: str) -> str:
    """Escape ``$(NAME)``, which Kubernetes fills in; no other engine does."""
    return value.replace("$(", "$$(")


def _mounts(workload: Workload, given: Values | None) -> list[kubernetes.core.v1.VolumeMountArgs]:
    service = workload.settings
    folders = [*_named("memory", service.writable_paths), *_named("disk", service.disk_paths)]
    mounts = [_Mount(name=name, mount_path=path) for name, path in folders]
    mounts += [
        _Mount(name=claim_name(files.name), mount_path=files.path, read_only=files.read_only or None)
        for files in workload.mounts
    ]
    if given is not None:
        # Nothing need look here; the driver fetches the values only for a pod that mounts them.
        mounts.append(_Mount(name="values", mount_path=_SECRETS_PATH, read_only=True))
    return mounts


def _volumes(workload: Workload, given: Values | None) -> list[kubernetes.core.v1.VolumeArgs]:
    service = workload.settings
    memory = kubernetes.core.v1.EmptyDirVolumeSourceArgs(medium="Memory", size_limit=f"{service.writable_mib}Mi")
    disk = kubernetes.core.v1.EmptyDirVolumeSourceArgs(size_limit=_DISK)
    volumes = [
        *(_Volume(name=name, empty_dir=memory) for name, _ in _named("memory", service.writable_paths)),
        *(_Volume(name=name, empty_dir=disk) for name, _ in _named("disk", service.disk_paths)),
        *(_Volume(name=claim_name(files.name), persistent_volume_claim=_claim(files)) for files in workload.mounts),
    ]
    if given is not None:
        driver = kubernetes.core.v1.CSIVolumeSourceArgs(
            driver="secrets-store.csi.k8s.io",
            read_only=True,
            volume_attributes={"secretProviderClass": given.provider_class},
        )
        volumes.append(_Volume(name="values", csi=driver))
    return volumes


def _claim(files: Mount) -> kubernetes.core.v1.PersistentVolumeClaimVolumeSourceArgs:
    return kubernetes.core.v1.PersistentVolumeClaimVolumeSourceArgs(
        claim_name=claim_name(files.name), read_only=files.read_only or None
    )


def _named(kind: str, paths: Sequence[str]) -> list[tuple[str, str]]:
    """Return each path with a volume's name, which takes no slashes; a path without them is not unique."""
    return [(f"{kind}-{hashlib.sha256(path.encode()).hexdigest()[:8]}", path) for path in paths]


def _sidecar(
    name: str, sidecar: SidecarSettings, workload: Workload, given: Values | None
) -> kubernetes.core.v1.ContainerArgs:
    """Return a sidecar container, which runs from before the service starts until after it has stopped; of the service's variables
    it has those that it names.

    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    user, _, group = sidecar.user.partition(":")
    asked = _Exec(command=[_literal(part) for part in sidecar.health_command])
    return _Container(
        name=name,
        image=sidecar.image,
        image_pull_policy="IfNotPresent",
        restart_policy="Always",
        args=[_literal(part) for part in sidecar.command] or None,
        env=[
            *(one for one in _environment(workload, given) if one.name in sidecar.variables),
            *(_Variable(name=key, value=_literal(value)) for key, value in sidecar.environment.items()),
        ],
        resources=kubernetes.core.v1.ResourceRequirementsArgs(
            requests={"cpu": _cpu(sidecar.cpu), "memory": f"{sidecar.memory}Mi"},
            limits={"cpu": _cpu(sidecar.cpu), "memory": f"{sidecar.memory}Mi"},
        ),
        # The next container starts when this one's startup probe has passed.
        startup_probe=_Probe(exec_=asked, period_seconds=5, timeout_seconds=5, failure_threshold=24)
        if sidecar.health_command
        else None,
        liveness_probe=_Probe(exec_=asked, period_seconds=10, timeout_seconds=5, failure_threshold=3)
        if sidecar.health_command
        else None,
        security_context=_hardened(user=int(user), group=int(group or user)),
    )


def _collector(image: str) -> kubernetes.core.v1.ContainerArgs:
    """Return the collector's sidecar container, which runs from before the service starts until after it has stopped.

    https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
    """
    definition = collector(image)
    return _Container(
        name=COLLECTOR,
        image=image,
        image_pull_policy="IfNotPresent",
        restart_policy="Always",
        env=[_Variable(name=entry["name"], value=entry["value"]) for entry in definition["environment"]],
        resources=kubernetes.core.v1.ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": f"{COLLECTOR_MEMORY // 2}Mi"},
            limits={"cpu": "250m", "memory": f"{COLLECTOR_MEMORY}Mi"},
        ),
        liveness_probe=_Probe(
            exec_=_Exec(command=["/healthcheck"]),
            initial_delay_seconds=10,
            period_seconds=30,
            timeout_seconds=5,
            failure_threshold=3,
        ),
        security_context=_hardened(user=int(definition["user"].partition(":")[0])),
    )
