"""Services on Kubernetes. The cluster is a stand-in here: what services get must not depend on how nodes come about."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.components.access import Grant, Opening, ParameterReference, SecretReference, Statement
from groundwork.components.base import Component
from groundwork.components.compute.eks import engine
from groundwork.components.compute.eks.cluster import EksCluster
from groundwork.components.compute.eks.deployment import _cpu
from groundwork.components.compute.eks.engine import Eks
from groundwork.components.compute.eks.secrets import _path
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.context import Context
from groundwork.components.edge.origin import Entrance
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.services.settings import ServiceSettings
from groundwork.preview.snapshot import Resource, Snapshot
from tests.harness import build, key_arn, observed
from tests.requirements import proves

KEY = "arn:aws:kms:ap-south-1:111122223333:key/k"
SECRET = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:db-1"
PARAMETER = "arn:aws:ssm:ap-south-1:111122223333:parameter/shop/prod/LOG_LEVEL"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SERVICE = "kubernetes:core/v1:Service"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
BINDING = "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding"
VALUES = "kubernetes:secrets-store.csi.x-k8s.io/v1:SecretProviderClass"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

CIDRS = {
    "data": ("10.0.20.0/24", "10.0.52.0/24"),
    "public": ("10.0.16.0/24",),
    "private": ("10.0.0.0/20", "10.0.32.0/20"),
}
DATABASE = Grant(
    statements=[Statement("Connect", ["rds-db:connect"], ["arn:aws:rds-db:ap-south-1:111122223333:dbuser:db/app"])],
    openings=[Opening("sg-database", 5432, "PostgreSQL")],
    environment={"DATABASE_HOST": "db.example"},
    secrets={
        "DATABASE_USERNAME": SecretReference(SECRET, KEY, "username"),
        "DATABASE_PASSWORD": SecretReference(SECRET, KEY, "password"),
    },
)
OPTIONS = Grant(parameters={"LOG_LEVEL": ParameterReference(PARAMETER, "/shop/prod/LOG_LEVEL")})

SHOP: dict[str, Any] = {
    "gateway": {
        "port": 3000,
        "path": "/*",
        "cpu": 256,
        "memory": 256,
        "limits": {"cpu": 512, "memory": 512},
        "scaling": {"min": 3, "max": 10, "target": {"cpu": 70, "memory": 80}},
        "uses": {"users": "connect"},
    },
    "users": {"port": 3000, "uses": {"database": "connect", "options": "read"}, "scaling": {"min": 2, "max": 2}},
    "mailer": {
        "outbound_ports": [443, 587],
        "health_command": ["node", "check.js"],
        "uses": {"database": "connect"},
        "scaling": {"min": 1, "max": 1},
    },
}
GRANTS = {"users": {"database": DATABASE, "options": OPTIONS}, "mailer": {"database": DATABASE}}


def _cluster(parent: Component, *_: Any, **__: Any) -> EksCluster:
    nodes = aws.eks.Addon(f"{parent.name}-nodes", addon_name="vpc-cni", cluster_name="shop", opts=parent.child())
    return EksCluster(
        name=pulumi.Output.from_input("shop-prod"),
        arn=pulumi.Output.from_input("arn:aws:eks:ap-south-1:111122223333:cluster/shop-prod"),
        endpoint=pulumi.Output.from_input("https://cluster.example"),
        certificate_authority=pulumi.Output.from_input("QQ=="),
        node_security_group_id=pulumi.Output.from_input("sg-nodes"),
        node_rules=(),
        ready=(nodes,),
    )


def _controllers(
    parent: Component, cluster: EksCluster, *_: Any, provider: Any, **__: Any
) -> tuple[pulumi.Resource, ...]:
    options = parent.child(provider=provider, depends_on=list(cluster.ready))
    return (kubernetes.core.v1.ConfigMap(f"{parent.name}-controller", data={}, opts=options),)


@pytest.fixture(autouse=True, scope="module")
def _stand_in() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "build_cluster", _cluster)
        patch.setattr(engine, "controllers", _controllers)
        patch.setattr(
            engine,
            "kubernetes_provider",
            lambda parent, *_: kubernetes.Provider(f"{parent.name}-kubernetes", opts=parent.child()),
        )
        yield


def eks(
    services: Mapping[str, Any],
    *,
    grants: Mapping[str, Mapping[str, Grant]] | None = None,
    kubernetes: Mapping[str, Any] | None = None,
    compute: Mapping[str, Any] | None = None,
    observability: Mapping[str, Any] | None = None,
    load_balancer: bool = True,
    internal: bool = False,
    delivered: Mapping[str, str] | None = None,
) -> Callable[[Context], Eks]:
    balancer = SimpleNamespace(
        arn_suffix="app/shop/1",
        listener_arn="arn:aws:elasticloadbalancing:ap-south-1:111122223333:listener/app/shop/1/2",
        security_group_id="sg-balancer",
        origin_header=None,
        is_internal=internal,
    )
    network = SimpleNamespace(
        vpc_id="vpc-1",
        cidr="10.0.0.0/16",
        cidrs=CIDRS.__getitem__,
        vpc_ipv6=False,
        private_subnet_ids={"a": "subnet-private-a", "b": "subnet-private-b"},
        private_ready=(),
        s3_prefix_list_id="pl-s3",
        endpoint_security_group_id=None,
    )
    wanted = {"engine": "eks", "kubernetes": dict(kubernetes or {}), **(compute or {})}

    def program(context: Context) -> Eks:
        return Eks(
            "shop-compute",
            ComputeSettings.model_validate(wanted),
            context=replace(
                observed(context, ObservabilitySettings.model_validate(observability or {})), delivered=delivered
            ),
            run=Run(
                services={name: ServiceSettings.model_validate(service) for name, service in services.items()},
                network=network,
                entrance=Entrance(load_balancer=balancer if load_balancer else None),
                grants=grants or {},
                queues={
                    "jobs": SimpleNamespace(queue_name="shop-jobs"),
                    "other": SimpleNamespace(queue_name="shop-other"),
                },
            ),
        )

    return program


def named(snapshot: Snapshot, kind: str, name: str) -> Resource:
    [found] = [resource for resource in snapshot.of_type(kind) if resource.name == f"shop-compute-{name}"]
    return found


def names(snapshot: Snapshot, kind: str) -> set[str]:
    return {resource.name.removeprefix("shop-compute-") for resource in snapshot.of_type(kind)}


def pod(snapshot: Snapshot, service: str) -> dict[str, Any]:
    return dict(named(snapshot, DEPLOYMENT, service).inputs["spec"]["template"]["spec"])


def container(snapshot: Snapshot, service: str) -> dict[str, Any]:
    [found] = pod(snapshot, service)["containers"]
    return dict(found)


def policy(snapshot: Snapshot, name: str) -> dict[str, Any]:
    return dict(named(snapshot, POLICY, name).inputs["spec"])


def openings(snapshot: Snapshot, kind: str) -> set[tuple[str, str, int]]:
    return {
        (
            rule.inputs["securityGroupId"],
            rule.inputs.get("referencedSecurityGroupId") or rule.inputs["cidrIpv4"],
            rule.inputs["fromPort"],
        )
        for rule in snapshot.of_type(kind)
    }


@pytest.fixture(scope="module")
def shop() -> Snapshot:
    return build(eks(SHOP, grants=GRANTS))


def one(service: dict[str, Any], **further: Any) -> Snapshot:
    return build(eks({"web": service}, **further))


@proves("S1-06")
def test_a_service_asks_for_what_it_needs_and_takes_no_more_than_its_limits(shop: Snapshot) -> None:
    assert container(shop, "gateway")["resources"] == {
        "requests": {"cpu": "250m", "memory": "256Mi"},
        "limits": {"cpu": "500m", "memory": "512Mi"},
    }
    # Without limits of its own a service has what it has on every engine.
    assert container(shop, "users")["resources"] == {
        "requests": {"cpu": "250m", "memory": "512Mi"},
        "limits": {"cpu": "250m", "memory": "512Mi"},
    }


@proves("S1-06")
def test_a_service_with_a_port_is_asked_for_its_health(shop: Snapshot) -> None:
    gateway = container(shop, "gateway")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert gateway[probe]["httpGet"] == {"path": "/health", "port": "http"}
    assert gateway["ports"] == [{"containerPort": 3000, "name": "http", "protocol": "TCP"}]
    startup = gateway["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 30


@proves("S1-27")
def test_whether_it_lives_is_asked_after_30_seconds_every_10_and_whether_it_is_ready_after_5_every_5(
    shop: Snapshot,
) -> None:
    asked = {
        name: (probe["initialDelaySeconds"], probe["periodSeconds"])
        for name, probe in container(shop, "gateway").items()
        if name in ("livenessProbe", "readinessProbe")
    }
    assert asked == {"livenessProbe": (30, 10), "readinessProbe": (5, 5)}
    slow = container(one({"port": 3000, "path": "/*", "start_period": 120}), "web")
    assert slow["livenessProbe"]["initialDelaySeconds"] == 120


def test_a_worker_is_asked_by_its_own_command_and_one_without_is_not_asked(shop: Snapshot) -> None:
    mailer = container(shop, "mailer")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert mailer[probe]["exec"] == {"command": ["node", "check.js"]}
    assert "lifecycle" not in mailer
    silent = container(one({}), "web")
    assert not {"startupProbe", "livenessProbe", "readinessProbe", "ports"} & silent.keys()


def test_a_command_says_whether_a_service_lives_and_its_port_whether_it_is_ready() -> None:
    web = container(one({"port": 3000, "path": "/*", "health_command": ["check"]}), "web")
    assert "exec" in web["livenessProbe"]
    assert "httpGet" in web["readinessProbe"]


def test_pods_meet_the_restricted_standard(shop: Snapshot) -> None:
    labels = named(shop, "kubernetes:core/v1:Namespace", "services").inputs["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"].startswith("v1.")
    for service in SHOP:
        spec = pod(shop, service)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 1000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in (*spec["containers"], *spec.get("initContainers", [])):
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["readOnlyRootFilesystem"] is True
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_user_and_group_are_those_of_the_settings() -> None:
    context = pod(one({"user": "101:102"}), "web")["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"], context["fsGroup"]) == (101, 102, 102)
    context = pod(one({"user": "101"}), "web")["securityContext"]
    assert (context["runAsUser"], context["runAsGroup"]) == (101, 101)


def test_a_pod_is_somebody_in_aws_and_nobody_in_the_cluster(shop: Snapshot) -> None:
    for service in SHOP:
        assert pod(shop, service)["automountServiceAccountToken"] is False
        assert pod(shop, service)["serviceAccountName"] == service
        account = named(shop, "kubernetes:core/v1:ServiceAccount", service).inputs
        assert account["automountServiceAccountToken"] is False
        identity = named(shop, "aws:eks/podIdentityAssociation:PodIdentityAssociation", service).inputs
        assert (identity["namespace"], identity["serviceAccount"]) == ("shop", service)
        assert f"{service}-task" in identity["roleArn"]


def test_folders_are_memory_or_disk_of_a_size_that_is_bounded() -> None:
    spec = pod(one({"writable_paths": ["/tmp", "/run"], "writable_mib": 32, "disk_paths": ["/work"]}), "web")
    volumes = {volume["name"]: volume["emptyDir"] for volume in spec["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in spec["containers"][0]["volumeMounts"]}
    assert mounts == {
        "/tmp": {"medium": "Memory", "sizeLimit": "32Mi"},
        "/run": {"medium": "Memory", "sizeLimit": "32Mi"},
        "/work": {"sizeLimit": "20Gi"},
    }


def test_pods_are_spread_over_zones_and_nodes_and_run_where_their_image_can(shop: Snapshot) -> None:
    spec = pod(shop, "gateway")
    assert [rule["topologyKey"] for rule in spec["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    arm = one({}, kubernetes={"nodes": {"general": {"classes": ["m7g.large"]}}})
    assert pod(arm, "web")["nodeSelector"] == {"kubernetes.io/arch": "arm64"}


def test_a_service_runs_on_the_group_it_names_and_tolerates_its_taints() -> None:
    groups = {"general": {}, "media": {"spot": True, "taints": {"media": {"value": "yes", "effect": "NoSchedule"}}}}
    snapshot = build(eks({"web": {}, "resizer": {"nodes": "media"}}, kubernetes={"nodes": groups}))
    assert pod(snapshot, "resizer")["nodeSelector"]["groundwork/nodes"] == "media"
    assert pod(snapshot, "resizer")["tolerations"] == [
        {"key": "media", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
    ]
    assert "tolerations" not in pod(snapshot, "web")
    assert "groundwork/nodes" not in pod(snapshot, "web")["nodeSelector"]


def test_a_pod_answers_on_while_it_is_taken_out_of_the_load_balancer(shop: Snapshot) -> None:
    web = one({"port": 3000, "path": "/*", "drain": 45, "stop_timeout": 60})
    assert container(web, "web")["lifecycle"] == {"preStop": {"sleep": {"seconds": 45}}}
    assert pod(web, "web")["terminationGracePeriodSeconds"] == 105
    # Nobody but services calls it, and they hear of it at once.
    assert container(shop, "users")["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert pod(shop, "mailer")["terminationGracePeriodSeconds"] == 30


def test_a_rollout_takes_no_copy_away_before_another_is_ready(shop: Snapshot) -> None:
    assert named(shop, DEPLOYMENT, "gateway").inputs["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0},
    }
    labels = named(shop, "kubernetes:core/v1:Namespace", "services").inputs["metadata"]["labels"]
    assert labels["elbv2.k8s.aws/pod-readiness-gate-inject"] == "enabled"


@proves("S1-06")
def test_services_scale_on_the_cpu_and_memory_of_their_own_container(shop: Snapshot) -> None:
    spec = named(shop, AUTOSCALER, "gateway").inputs["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
    assert [
        (metric["containerResource"]["name"], metric["containerResource"]["target"]["averageUtilization"])
        for metric in spec["metrics"]
    ] == [("cpu", 70), ("memory", 80)]
    assert {metric["containerResource"]["container"] for metric in spec["metrics"]} == {"gateway"}
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "gateway"}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300


def worker(**changes: Any) -> Snapshot:
    scaling = {"min": 0, "max": 8, "queue": {"queue": "jobs", "messages_per_task": 50}, **changes}
    return build(eks({"worker": {"scaling": scaling}, "second": {"scaling": scaling}, "web": {}}))


def test_a_worker_follows_its_queue_from_none_to_many() -> None:
    snapshot = worker()
    scaled = named(snapshot, "kubernetes:keda.sh/v1alpha1:ScaledObject", "worker").inputs["spec"]
    assert scaled["scaleTargetRef"] == {"name": "worker"}
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (0, 8)
    messages, cpu = scaled["triggers"]
    assert messages["metadata"]["queueURL"] == "https://sqs.ap-south-1.amazonaws.com/111122223333/shop-jobs"
    assert messages["metadata"]["queueLength"] == "50"
    assert messages["authenticationRef"] == {"name": "queues"}
    assert cpu == {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70", "containerName": "worker"}}
    assert "replicas" not in named(snapshot, DEPLOYMENT, "worker").inputs["spec"]
    assert names(snapshot, AUTOSCALER) == {"web"}
    [only] = worker(target=None).of_type("kubernetes:keda.sh/v1alpha1:ScaledObject")[0].inputs["spec"]["triggers"]
    assert only["type"] == "aws-sqs-queue"


def test_keda_is_there_only_for_queues_and_counts_messages_of_those_alone(shop: Snapshot) -> None:
    snapshot = worker()
    release = named(snapshot, "kubernetes:helm.sh/v3:Release", "keda").inputs
    assert (release["chart"], release["namespace"]) == ("keda", "kube-system")
    [statement] = json.loads(named(snapshot, "aws:iam/rolePolicy:RolePolicy", "keda").inputs["policy"])["Statement"]
    assert statement["Action"] == ["sqs:GetQueueAttributes"]
    assert statement["Resource"] == ["arn:aws:sqs:ap-south-1:111122223333:shop-jobs"]
    identity = named(snapshot, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "keda").inputs
    assert (identity["namespace"], identity["serviceAccount"]) == ("kube-system", "keda-operator")
    assert not [resource for resource in shop.resources if "keda" in resource.urn]


def test_a_queue_that_is_not_there_stops_the_program() -> None:
    with pytest.raises(pulumi.RunError, match=r"services\.web\.scaling\.queue\.queue: there is no queue 'none'"):
        one({"scaling": {"min": 0, "max": 2, "queue": {"queue": "none"}}})


def test_the_stack_sets_a_count_only_where_nothing_else_does(shop: Snapshot) -> None:
    for service in SHOP:
        # Where the count is fixed too: a Deployment that loses its count falls to one copy, in the step that asks for more.
        assert "replicas" not in named(shop, DEPLOYMENT, service).inputs["spec"]
    assert names(shop, AUTOSCALER) == SHOP.keys()
    users = named(shop, AUTOSCALER, "users").inputs["spec"]
    assert (users["minReplicas"], users["maxReplicas"]) == (2, 2)
    for scaling, copies in (({"min": 0, "max": 0}, 0), ({"min": 2, "max": 2, "target": None}, 2)):
        alone = one({"scaling": scaling})
        assert named(alone, DEPLOYMENT, "web").inputs["spec"]["replicas"] == copies
        assert not alone.of_type(AUTOSCALER)


@proves("S1-06")
def test_nodes_are_drained_one_copy_at_a_time_where_there_are_several(shop: Snapshot) -> None:
    assert names(shop, BUDGET) == {"gateway", "users"}
    spec = named(shop, BUDGET, "gateway").inputs["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"] == {"matchLabels": {"app.kubernetes.io/name": "gateway"}}


@proves("S1-06")
def test_services_find_one_another_at_their_names(shop: Snapshot) -> None:
    assert names(shop, SERVICE) == {"gateway", "users"}
    users = named(shop, SERVICE, "users").inputs
    assert users["metadata"]["name"] == "users"
    assert users["spec"]["type"] == "ClusterIP"
    assert users["spec"]["ports"] == [
        {"name": "http", "port": 3000, "targetPort": "http", "protocol": "TCP", "appProtocol": "http"}
    ]
    variables = {entry["name"]: entry.get("value") for entry in container(shop, "gateway")["env"]}
    assert variables["USERS_URL"] == "http://users:3000"
    assert variables["PORT"] == "3000"


def test_no_update_waits_for_a_service_to_be_answered() -> None:
    """pulumi-kubernetes waits ten minutes for a ready pod behind a Service, and pods wait here for their Service."""
    snapshot = build(eks({"web": {"port": 3000, "path": "/*"}, "api": {"port": 3001}}, kubernetes={"way_in": "nlb"}))
    services = snapshot.of_type(SERVICE)
    assert len(services) == 3
    for service in services:
        assert service.inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"


def test_a_new_port_changes_neither_target_group_nor_binding_and_cuts_no_copy_off() -> None:
    before, after = (one({"port": port, "path": "/*"}) for port in (3000, 3001))
    # A binding's target group cannot be changed, and another port would make another group.
    assert named(after, "aws:lb/targetGroup:TargetGroup", "web").options["ignoreChanges"] == ["port"]
    assert before.of_type(BINDING)[0].inputs["spec"] == after.of_type(BINDING)[0].inputs["spec"]
    assert named(after, SERVICE, "web").inputs["spec"]["ports"][0]["name"] == "http"
    for kind in (INGRESS, EGRESS):
        # What is new comes first, what is old goes last.
        assert not names(before, kind) & names(after, kind) - {"pods-internet-443"}


@proves("S1-06")
def test_nothing_goes_in_or_out_that_no_policy_opens(shop: Snapshot) -> None:
    assert policy(shop, "default-deny") == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    everybody = policy(shop, "dns-and-identity")
    assert everybody["podSelector"] == {}
    assert everybody["policyTypes"] == ["Egress"]
    dns, agent = everybody["egress"]
    assert dns["to"] == [
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
            "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
        }
    ]
    assert {(port["protocol"], port["port"]) for port in dns["ports"]} == {("UDP", 53), ("TCP", 53)}
    assert agent["to"] == [{"ipBlock": {"cidr": "169.254.170.23/32"}}]


@proves("S1-06")
def test_a_service_is_reached_by_those_who_use_it_and_by_the_load_balancer(shop: Snapshot) -> None:
    port = [{"protocol": "TCP", "port": 3000}]
    assert policy(shop, "gateway")["ingress"] == [{"from": [{"ipBlock": {"cidr": "10.0.16.0/24"}}], "ports": port}]
    assert policy(shop, "users")["ingress"] == [
        {"from": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "gateway"}}}], "ports": port}
    ]
    assert "ingress" not in policy(shop, "mailer")
    for service in SHOP:
        assert policy(shop, service)["policyTypes"] == ["Ingress", "Egress"]


def test_a_service_reaches_what_it_uses_and_the_internet_but_no_data_and_no_instance_metadata(shop: Snapshot) -> None:
    outside = {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32", "10.0.20.0/24", "10.0.52.0/24"]}
    called, internet = policy(shop, "gateway")["egress"]
    assert called["to"] == [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "users"}}}]
    assert internet == {"to": [{"ipBlock": outside}], "ports": [{"protocol": "TCP", "port": 443}]}
    data, internet = policy(shop, "mailer")["egress"]
    assert data == {
        "to": [{"ipBlock": {"cidr": "10.0.20.0/24"}}, {"ipBlock": {"cidr": "10.0.52.0/24"}}],
        "ports": [{"protocol": "TCP", "port": 5432}],
    }
    assert [port["port"] for port in internet["ports"]] == [443, 587]


def test_without_https_to_the_internet_a_service_reaches_aws_in_the_network_alone() -> None:
    [only] = policy(one({"outbound_ports": []}), "web")["egress"]
    assert only == {
        "to": [{"ipBlock": {"cidr": "10.0.0.0/20"}}, {"ipBlock": {"cidr": "10.0.32.0/20"}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }


def _reaches(snapshot: Snapshot, caller: str, called: str, port: int) -> bool:
    """As the network interface plugin decides: both sides must open it."""

    def opens(rules: list[dict[str, Any]], side: str, other: str) -> bool:
        peer = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": other}}}
        return any(
            peer in rule[side]
            and any(opened["port"] == port and opened["protocol"] == "TCP" for opened in rule["ports"])
            for rule in rules
        )

    out, into = policy(snapshot, caller).get("egress", []), policy(snapshot, called).get("ingress", [])
    return opens(out, "to", called) and opens(into, "from", caller)


NAMES = ("one", "two", "three", "four")


@given(uses=st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])))
@settings(max_examples=8, deadline=None)
def test_a_service_reaches_another_exactly_if_it_says_so(uses: set[tuple[str, str]]) -> None:
    services = {
        name: {"port": 3000 + place, "uses": {used: "connect" for user, used in sorted(uses) if user == name}}
        for place, name in enumerate(NAMES)
    }
    snapshot = build(eks(services))
    reached = {
        (caller, called)
        for caller in NAMES
        for place, called in enumerate(NAMES)
        if caller != called and _reaches(snapshot, caller, called, 3000 + place)
    }
    assert reached == uses


@given(uses=st.sets(st.sampled_from(NAMES)))
@settings(max_examples=6, deadline=None)
def test_the_database_is_open_to_the_pods_that_use_it_alone(uses: set[str]) -> None:
    services = {name: {"uses": {"database": "connect"} if name in uses else {}} for name in NAMES}
    snapshot = build(eks(services, grants={name: {"database": DATABASE} for name in uses}))
    blocks = [{"ipBlock": {"cidr": cidr}} for cidr in CIDRS["data"]]
    open_to = {name for name in NAMES if any(rule["to"] == blocks for rule in policy(snapshot, name)["egress"])}
    assert open_to == uses
    assert (("sg-nodes", "sg-database", 5432) in openings(snapshot, EGRESS)) is bool(uses)


def test_on_auto_mode_names_are_asked_of_the_node() -> None:
    dns, _ = policy(one({}, kubernetes={"scaling": "auto-mode"}), "dns-and-identity")["egress"]
    assert {"ipBlock": {"cidr": "172.20.0.10/32"}} in dns["to"]


def test_nodes_are_opened_once_for_each_thing_and_port_however_many_services_use_it(shop: Snapshot) -> None:
    assert openings(shop, INGRESS) == {("sg-database", "sg-nodes", 5432), ("sg-nodes", "sg-balancer", 3000)}
    assert openings(shop, EGRESS) == {
        ("sg-nodes", "sg-database", 5432),
        ("sg-balancer", "sg-nodes", 3000),
        ("sg-nodes", "0.0.0.0/0", 587),
    }
    assert len(shop.of_type(INGRESS)) == 2
    two = {name: {"port": 3000, "path": path} for name, path in (("web", "/*"), ("api", "/api/*"))}
    assert len(build(eks(two)).of_type(INGRESS)) == 1
    assert not shop.of_type("aws:ec2/securityGroup:SecurityGroup")


@proves("S1-02")
def test_the_same_load_balancer_leads_to_pods(shop: Snapshot) -> None:
    group = named(shop, "aws:lb/targetGroup:TargetGroup", "gateway")
    assert (group.inputs["port"], group.inputs["targetType"]) == (3000, "ip")
    check = group.inputs["healthCheck"]
    assert (check["path"], check["interval"], check["timeout"]) == ("/health", 30, 5)
    assert (check["healthyThreshold"], check["unhealthyThreshold"]) == (2, 3)
    [binding] = shop.of_type(BINDING)
    assert binding.inputs["spec"] == {
        "serviceRef": {"name": "gateway", "port": "http"},
        "targetGroupARN": group.outputs["arn"],
        "targetType": "ip",
    }
    rule = named(shop, "aws:lb/listenerRule:ListenerRule", "gateway-path")
    assert rule.inputs["actions"] == [{"type": "forward", "targetGroupArn": group.outputs["arn"]}]
    assert rule.urn in binding.dependencies


def test_without_a_load_balancer_nothing_stands_in_front() -> None:
    snapshot = one({"port": 3000, "path": "/*"}, load_balancer=False)
    assert not snapshot.of_type(BINDING, "aws:lb/targetGroup:TargetGroup")
    assert "ingress" not in policy(snapshot, "web")


def test_the_default_service_answers_at_an_internal_nlb_too_where_that_is_asked_for() -> None:
    services = {"web": {"port": 3000, "path": "/*"}, "api": {"port": 3000, "path": "/api/*"}}
    snapshot = build(eks(services, kubernetes={"way_in": "nlb"}))
    assert names(snapshot, SERVICE) == {"web", "api", "web-nlb"}
    service = named(snapshot, SERVICE, "web-nlb").inputs
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["spec"]["loadBalancerClass"] == "service.k8s.aws/nlb"
    annotations = {
        key.removeprefix("service.beta.kubernetes.io/aws-load-balancer-"): value
        for key, value in service["metadata"]["annotations"].items()
    }
    assert annotations["scheme"] == "internal"
    assert annotations["nlb-target-type"] == "ip"
    assert annotations["subnets"] == "subnet-private-a,subnet-private-b"
    assert annotations["manage-backend-security-group-rules"] == "false"
    group = named(snapshot, "aws:ec2/securityGroup:SecurityGroup", "nlb").outputs["id"]
    assert annotations["security-groups"] == group
    assert {(group, "10.0.0.0/16", 80), ("sg-nodes", group, 3000), ("sg-nodes", "sg-balancer", 3000)} == openings(
        snapshot, INGRESS
    )
    [inwards] = policy(snapshot, "web")["ingress"]
    assert {block["ipBlock"]["cidr"] for block in inwards["from"]} == {"10.0.16.0/24", "10.0.0.0/20", "10.0.32.0/20"}
    [inwards] = policy(snapshot, "api")["ingress"]
    assert {block["ipBlock"]["cidr"] for block in inwards["from"]} == {"10.0.16.0/24"}


def test_secrets_and_parameters_are_read_with_the_pods_own_identity(shop: Snapshot) -> None:
    spec = named(shop, VALUES, "users").inputs["spec"]
    assert spec["provider"] == "aws"
    assert (spec["parameters"]["usePodIdentity"], spec["parameters"]["region"]) == ("true", "ap-south-1")
    assert json.loads(spec["parameters"]["objects"]) == [
        {
            "objectName": SECRET,
            "objectType": "secretsmanager",
            "jmesPath": [
                {"path": "password", "objectAlias": "DATABASE_PASSWORD"},
                {"path": "username", "objectAlias": "DATABASE_USERNAME"},
            ],
        },
        {"objectName": "/shop/prod/LOG_LEVEL", "objectType": "ssmparameter", "objectAlias": "LOG_LEVEL"},
    ]
    wanted = ["DATABASE_PASSWORD", "DATABASE_USERNAME", "LOG_LEVEL"]
    [copied] = spec["secretObjects"]
    assert copied["data"] == [{"objectName": name, "key": name} for name in wanted]
    read = [entry for entry in container(shop, "users")["env"] if "valueFrom" in entry]
    assert [entry["name"] for entry in read] == wanted
    assert {entry["valueFrom"]["secretKeyRef"]["name"] for entry in read} == {"users"}
    [mounted] = [volume["csi"] for volume in pod(shop, "users")["volumes"] if "csi" in volume]
    assert mounted["volumeAttributes"] == {"secretProviderClass": "users"}
    assert mounted["readOnly"] is True


def test_only_exactly_these_values_may_be_read(shop: Snapshot) -> None:
    document = json.loads(named(shop, "aws:iam/rolePolicy:RolePolicy", "users-values").inputs["policy"])
    statements = {statement["Sid"]: statement for statement in document["Statement"]}
    assert {sid: statement["Resource"] for sid, statement in statements.items()} == {
        "ReadSecrets": [SECRET],
        "DescribeSecrets": [SECRET],
        "DecryptSecrets": [KEY],
        "ReadParameters": [PARAMETER],
    }
    assert statements["DecryptSecrets"]["Condition"]["StringEquals"] == {
        "kms:ViaService": "secretsmanager.ap-south-1.amazonaws.com"
    }
    assert "gateway-values" not in names(shop, "aws:iam/rolePolicy:RolePolicy")


def test_a_whole_secret_is_one_value() -> None:
    grant = Grant(secrets={"LICENCE": SecretReference(SECRET, KEY)})
    snapshot = one({"uses": {"licence": "read"}}, grants={"web": {"licence": grant}})
    [entry] = json.loads(named(snapshot, VALUES, "web").inputs["spec"]["parameters"]["objects"])
    assert entry == {"objectName": SECRET, "objectType": "secretsmanager", "objectAlias": "LICENCE"}


@given(st.text(min_size=1))
def test_a_key_of_a_secret_is_quoted_where_jmespath_would_read_it_otherwise(key: str) -> None:
    assert _path(key) == key or json.loads(_path(key)) == key


def test_a_plain_value_is_never_filled_in_by_kubernetes() -> None:
    web = container(one({"environment": {"GREETING": "$(HOME)"}, "command": ["run", "$(date)"]}), "web")
    assert {"name": "GREETING", "value": "$$(HOME)"} in web["env"]
    assert web["args"] == ["run", "$$(date)"]
    assert "command" not in web


@given(st.integers(1, 196_608))
def test_cpu_units_become_thousandths_of_a_core(units: int) -> None:
    thousandths = int(_cpu(units).removesuffix("m"))
    assert thousandths > 0
    assert 0 <= thousandths / 1000 - units / 1024 < 0.001


def test_what_a_pipeline_delivered_is_declared_and_waited_for() -> None:
    """Server-side apply sends what is ignored too (pulumi#15412), and conflicts with who wrote it; so nothing is ignored."""
    image = "111122223333.dkr.ecr.ap-south-1.amazonaws.com/shop/prod/users:7"
    later = build(eks(SHOP, grants=GRANTS, delivered={"gateway": "none", "users": image}))
    assert container(later, "users")["image"] == image
    assert {entry["name"] for entry in container(later, "users")["env"]} >= {"PORT", "DATABASE_PASSWORD"}
    for service in SHOP:
        deployed = named(later, DEPLOYMENT, service)
        assert "ignoreChanges" not in deployed.options
        # Whoever delivered an image is to hear that it does not start.
        assert "annotations" not in deployed.inputs["metadata"]


def test_before_its_first_image_a_service_answers_and_knows_nothing() -> None:
    first = build(eks(SHOP, grants=GRANTS, delivered={}))
    for service in SHOP:
        placeholder = container(first, service)
        assert placeholder["image"].startswith("public.ecr.aws/docker/library/busybox:")
        assert not placeholder.get("env")
        assert not [volume for volume in pod(first, service).get("volumes", ()) if "csi" in volume]
        assert pod(first, service)["securityContext"]["runAsNonRoot"] is True
    assert container(first, "gateway")["readinessProbe"]["httpGet"] == {"path": "/health", "port": "http"}
    assert "livenessProbe" not in container(first, "mailer")


@proves("S1-22")
def test_a_traced_service_has_a_collector_beside_it_from_start_to_end() -> None:
    snapshot = one({"port": 3000, "path": "/*", "tracing": True})
    [collector] = pod(snapshot, "web")["initContainers"]
    assert collector["restartPolicy"] == "Always"
    assert collector["securityContext"]["runAsUser"] == 1000
    document = json.loads(named(snapshot, "aws:iam/rolePolicy:RolePolicy", "web-task").inputs["policy"])
    assert [statement["Sid"] for statement in document["Statement"]] == ["Trace"]
    assert "initContainers" not in pod(one({}, observability={"tracing": False}), "web")


@proves("S1-20")
def test_each_service_is_watched_for_cpu_memory_and_copies_that_are_missing(shop: Snapshot) -> None:
    of = {"ClusterName": "shop-prod", "Namespace": "shop", "PodName": "gateway"}
    metrics = {
        "gateway-cpu": "pod_cpu_utilization_over_pod_limit",
        "gateway-memory": "pod_memory_utilization_over_pod_limit",
        "gateway-tasks": "status_replicas_available",
    }
    for name, metric in metrics.items():
        alarm = named(shop, ALARM, name).inputs
        assert (alarm["namespace"], alarm["metricName"], alarm["dimensions"]) == ("ContainerInsights", metric, of)
    assert named(shop, ALARM, "gateway-cpu").inputs["threshold"] == 80
    copies = named(shop, ALARM, "gateway-tasks").inputs
    assert (copies["threshold"], copies["comparisonOperator"]) == (3, "LessThanThreshold")
    assert copies["treatMissingData"] == "breaching"
    assert {"gateway-errors", "gateway-unhealthy-page", "gateway-response"} <= names(shop, ALARM)


def test_without_container_insights_no_alarm_waits_for_its_metrics() -> None:
    snapshot = one({"port": 3000, "path": "/*"}, kubernetes={"application_insights": False})
    assert not {"web-cpu", "web-memory", "web-tasks"} & names(snapshot, ALARM)
    assert "web-errors" in names(snapshot, ALARM)


def test_logs_and_images_are_where_every_engine_has_them(shop: Snapshot) -> None:
    for service in SHOP:
        group = named(shop, "aws:cloudwatch/logGroup:LogGroup", service).inputs
        assert (group["name"], group["kmsKeyId"], group["retentionInDays"]) == (
            f"/shop/prod/services/{service}",
            key_arn("logs"),
            30,
        )
        repository = named(shop, "aws:ecr/repository:Repository", service)
        assert container(shop, service)["image"] == f"{repository.outputs['repositoryUrl']}:initial"


def test_objects_wait_for_nodes_and_for_the_controllers_that_answer_them(shop: Snapshot) -> None:
    waits = _waits(shop)
    nodes = named(shop, "aws:eks/addon:Addon", "nodes").urn
    controller = named(shop, "kubernetes:core/v1:ConfigMap", "controller").urn
    objects = [
        resource
        for resource in shop.resources
        if resource.type.startswith("kubernetes:") and not resource.name.endswith("-controller")
    ]
    assert len(objects) > 15
    for resource in objects:
        assert {nodes, controller} <= waits(resource.urn) | {controller}, resource.urn
    deployment = named(shop, DEPLOYMENT, "users")
    assert named(shop, VALUES, "users").urn in deployment.dependencies
    assert named(shop, "aws:eks/podIdentityAssociation:PodIdentityAssociation", "users").urn in deployment.dependencies
    assert shop.of_type(BINDING)[0].urn in named(shop, DEPLOYMENT, "gateway").dependencies


def _waits(snapshot: Snapshot) -> Callable[[str], set[str]]:
    resources = snapshot.by_urn()

    def all_of(urn: str) -> set[str]:
        found: set[str] = set()
        left = [urn]
        while left:
            for needed in resources[left.pop()].dependencies:
                if needed not in found:
                    found.add(needed)
                    left.append(needed)
        return found

    return all_of


def test_every_object_goes_through_the_clusters_provider(shop: Snapshot) -> None:
    [provider] = shop.of_type("pulumi:providers:kubernetes")
    for resource in shop.resources:
        if resource.type.startswith("kubernetes:"):
            assert resource.options["provider"].startswith(provider.urn), resource.urn
            assert (
                resource.inputs["metadata"].get("namespace", "shop") == "shop"
                if "metadata" in resource.inputs
                else True
            )


def test_nothing_stays_unknown_and_unknowns_change_no_object(shop: Snapshot) -> None:
    assert '"$groundwork": "unknown"' not in shop.dumps()
    first = build(eks(SHOP, grants=GRANTS), unknowns=True)
    assert [resource.urn for resource in first.resources] == [resource.urn for resource in shop.resources]


def test_a_service_more_changes_nothing_of_the_others(shop: Snapshot) -> None:
    more = build(
        eks(
            {**SHOP, "search": {"port": 3000, "uses": {"database": "connect"}}},
            grants={**GRANTS, "search": {"database": DATABASE}},
        )
    )
    before = {resource.urn: resource.inputs for resource in shop.resources}
    after = {resource.urn: resource.inputs for resource in more.resources}
    assert {urn for urn in before if before[urn] != after.get(urn)} == set()


def test_a_load_balancer_in_the_private_tier_calls_from_there() -> None:
    snapshot = one({"port": 3000, "path": "/*"}, internal=True)
    [inwards] = policy(snapshot, "web")["ingress"]
    assert [block["ipBlock"]["cidr"] for block in inwards["from"]] == ["10.0.0.0/20", "10.0.32.0/20"]


def test_a_sidecar_runs_from_before_the_service_out_of_what_that_has() -> None:
    proxy = {"image": "public.ecr.aws/x/proxy:1", "memory": 200, "cpu": 128, "health_command": ["check"]}
    web = one({"port": 3000, "path": "/*", "cpu": 512, "memory": 1024, "sidecars": {"proxy": proxy}})
    [beside] = pod(web, "web")["initContainers"]
    assert (beside["name"], beside["restartPolicy"]) == ("proxy", "Always")
    assert beside["startupProbe"]["exec"] == {"command": ["check"]}
    assert beside["securityContext"]["readOnlyRootFilesystem"]
    assert beside["securityContext"]["runAsUser"] == 1000
    requests = [each["resources"]["requests"] for each in (beside, container(web, "web"))]
    assert requests == [{"cpu": "125m", "memory": "200Mi"}, {"cpu": "375m", "memory": "824Mi"}]
