"""S1: a social network of eight services on Kubernetes, row by row, on the snapshots of its stacks."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.facts import kubernetes_as_of, kubernetes_versions
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistakes
from guardrails.view import Opaque
from tests.examples.query import (
    ALARM,
    DEPLOYMENT,
    Config,
    alarms_on,
    beside,
    changed,
    named,
    of_service,
    pod,
    primary,
    replicas,
    sources,
    statements,
    waits_for,
    who_reaches,
)
from tests.examples.query import SERVICE as ECS_SERVICE
from tests.requirements import proves
from tests.stacks import ROOT, run_found, snapshot_of
from tests.test_walk import nothing_of_services_goes, refused, walk

DEV, PROD = "examples/mini-facebook/dev", "examples/mini-facebook/prod"
STACKS = pytest.mark.parametrize("stack", [DEV, PROD])

ADD_ON = "aws:eks/addon:Addon"
ASSOCIATION = "aws:eks/podIdentityAssociation:PodIdentityAssociation"
AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
BUCKET = "aws:s3/bucket:Bucket"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
CHART = "kubernetes:helm.sh/v3:Release"
CLUSTER = "aws:eks/cluster:Cluster"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
DOMAIN = "aws:opensearch/domain:Domain"
FUNCTION = "aws:lambda/function:Function"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
QUEUE = "aws:sqs/queue:Queue"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
SERVICE = "kubernetes:core/v1:Service"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
TOPIC = "aws:sns/topic:Topic"

SERVICES = {"api-gateway", "auth", "user", "post", "message", "media", "search-api", "notification"}
"""``search-api``, since ``search`` is what services use."""


def only(snapshot: Snapshot, type_: str) -> Resource:
    [resource] = snapshot.of_type(type_)
    return resource


def stage(stack: str) -> str:
    return stack.rpartition("/")[2]


def domain(stack: str) -> str:
    return {DEV: "dev.minifacebook.com", PROD: "minifacebook.com"}[stack]


def queue(snapshot: Snapshot, name: str) -> Resource:
    return named(snapshot, QUEUE, f"minifacebook-{name}-queue")


def topic(snapshot: Snapshot, name: str) -> Resource:
    return named(snapshot, TOPIC, f"minifacebook-{name}-topic")


def function(snapshot: Snapshot, name: str) -> Resource:
    return named(snapshot, FUNCTION, f"minifacebook-{name}-function")


def secret(snapshot: Snapshot, name: str) -> Resource:
    [resource] = [
        found
        for found in snapshot.of_type("aws:secretsmanager/secret:Secret")
        if found.inputs.get("name", "").endswith(f"/{name}")
    ]
    return resource


def tiers(snapshot: Snapshot, resource: Resource, key: str) -> set[str]:
    """Tier and zone of the subnets that an input comes from."""
    return {
        name.removeprefix("minifacebook-network-")
        for name in sources(snapshot, resource, key)
        if re.fullmatch("minifacebook-network-(public|private|data)-[a-c]", name)
    }


ZONES = {DEV: "ab", PROD: "abc"}


def keys(snapshot: Snapshot) -> set[str]:
    """The addresses of the customer-managed keys, all of which rotate."""
    found = snapshot.of_type("aws:kms/key:Key")
    assert all(key.inputs["enableKeyRotation"] is True for key in found)
    return {key.outputs["arn"] for key in found}


@STACKS
@proves("S1-01")
def test_cloudfront_has_the_domains_names_its_certificate_and_a_web_acl(stack: str) -> None:
    snapshot = snapshot_of(stack)
    distribution = only(snapshot, DISTRIBUTION)
    names = [domain(stack), f"app.{domain(stack)}", f"www.{domain(stack)}"]
    assert distribution.inputs["aliases"] == names
    certificate = distribution.inputs["viewerCertificate"]
    assert certificate["minimumProtocolVersion"] == "TLSv1.2_2021"
    [front] = [
        found
        for found in snapshot.of_type("aws:acm/certificate:Certificate")
        if found.outputs["arn"] == certificate["acmCertificateArn"]
    ]
    assert front.inputs["region"] == "us-east-1"
    assert {front.inputs["domainName"], *front.inputs["subjectAlternativeNames"]} == {
        domain(stack),
        f"*.{domain(stack)}",
    }
    assert front.inputs["validationMethod"] == "DNS"
    assert distribution.inputs["webAclId"] == web_acl(snapshot, "CLOUDFRONT").outputs["arn"]
    assert {resource.inputs["name"] for resource in snapshot.of_type("aws:route53/zone:Zone")} >= {domain(stack)}
    records = [
        record.inputs for record in snapshot.of_type("aws:route53/record:Record") if record.inputs.get("aliases")
    ]
    assert {(record["name"], record["type"]) for record in records} == {
        (name, type_) for name in names for type_ in ("A", "AAAA")
    }
    assert {record["aliases"][0]["name"] for record in records} == {distribution.outputs["domainName"]}


@STACKS
@proves("S1-01")
def test_cloudfront_serves_both_buckets_and_asks_the_load_balancer_for_everything_else(stack: str) -> None:
    snapshot = snapshot_of(stack)
    inputs = only(snapshot, DISTRIBUTION).inputs
    origins = {origin["originId"]: origin["domainName"] for origin in inputs["origins"]}
    paths = {
        behaviour["pathPattern"]: origins[behaviour["targetOriginId"]] for behaviour in inputs["orderedCacheBehaviors"]
    }
    for path, bucket in (("/media/*", "media-files"), ("/static/*", "static")):
        assert paths[path] == named(snapshot, BUCKET, f"minifacebook-{bucket}").outputs["bucketRegionalDomainName"]
    balancer = only(snapshot, "aws:lb/loadBalancer:LoadBalancer").outputs["dnsName"]
    default = next(
        origin for origin in inputs["origins"] if origin["originId"] == inputs["defaultCacheBehavior"]["targetOriginId"]
    )
    assert default["customOriginConfig"]["originProtocolPolicy"] == "https-only"
    named_here = [
        record.inputs
        for record in snapshot.of_type("aws:route53/record:Record")
        if record.inputs["name"] == default["domainName"]
    ]
    leads_to = {alias["name"] for record in named_here for alias in record.get("aliases", [])}
    assert balancer in {default["domainName"], *leads_to}


@STACKS
@proves("S1-02")
def test_the_load_balancer_answers_on_443_and_sends_80_there(stack: str) -> None:
    snapshot = snapshot_of(stack)
    balancer = only(snapshot, "aws:lb/loadBalancer:LoadBalancer").inputs
    assert (balancer["loadBalancerType"], balancer["internal"]) == ("application", False)
    listeners = {listener.inputs["port"]: listener.inputs for listener in snapshot.of_type("aws:lb/listener:Listener")}
    assert set(listeners) == {80, 443}
    [action] = listeners[80]["defaultActions"]
    assert (action["type"], action["redirect"]) == (
        "redirect",
        {"port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"},
    )
    assert listeners[443]["protocol"] == "HTTPS"
    assert set(who_reaches(snapshot, "minifacebook-ingress-alb-balancer")) == {
        (80, "0.0.0.0/0"),
        (443, "0.0.0.0/0"),
    }


@STACKS
@proves("S1-02")
def test_the_target_group_asks_port_3000_every_30_seconds_for_its_health(stack: str) -> None:
    snapshot = snapshot_of(stack)
    target = only(snapshot, "aws:lb/targetGroup:TargetGroup")
    assert (target.inputs["port"], target.inputs["targetType"]) == (3000, "ip")
    assert target.inputs["healthCheck"] == {
        "path": "/health",
        "interval": 30,
        "timeout": 5,
        "healthyThreshold": 2,
        "unhealthyThreshold": 3,
        "matcher": "200",
    }
    bindings = of_service(snapshot, "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding")
    assert bindings == {
        "api-gateway": {
            "serviceRef": {"name": "api-gateway", "port": "http"},
            "targetGroupARN": target.outputs["arn"],
            "targetType": "ip",
        }
    }


@STACKS
@proves("S1-03")
def test_the_cluster_has_the_newest_version_in_standard_support(stack: str) -> None:
    cluster = only(snapshot_of(stack), CLUSTER).inputs
    version = kubernetes_versions()[cluster["version"]]
    assert cluster["version"] == next(iter(kubernetes_versions()))
    assert version.standard_ends > kubernetes_as_of()
    assert cluster["upgradePolicy"] == {"supportType": "STANDARD"}
    assert cluster["accessConfig"]["authenticationMode"] == "API"
    assert cluster["encryptionConfig"]["provider"]["keyArn"] in keys(snapshot_of(stack))


@proves("S1-03")
def test_the_api_of_prod_answers_inside_the_network_only_and_that_of_dev_to_the_office_too() -> None:
    prod, dev = (only(snapshot_of(stack), CLUSTER) for stack in (PROD, DEV))
    endpoint = prod.inputs["vpcConfig"]
    assert (endpoint["endpointPrivateAccess"], endpoint["endpointPublicAccess"]) == (True, False)
    assert "publicAccessCidrs" not in endpoint
    assert (prod.inputs["deletionProtection"], prod.options["protect"]) == (True, True)
    endpoint = dev.inputs["vpcConfig"]
    assert (endpoint["endpointPrivateAccess"], endpoint["endpointPublicAccess"]) == (True, True)
    assert endpoint["publicAccessCidrs"] == ["203.0.113.0/24"]


@proves("S1-03")
def test_the_private_api_is_reached_by_nodes_and_from_the_private_subnets() -> None:
    """An update that creates objects runs there."""
    snapshot = snapshot_of(PROD)
    let_in = {source for port, source in who_reaches(snapshot, "minifacebook-compute-control-plane") if port == 443}
    assert let_in == {"minifacebook-compute-nodes", *subnets(snapshot, "private")}


BEFORE = list(kubernetes_versions())[1]


def dev_otherwise(config: Config) -> None:
    config["groundwork:compute"]["kubernetes"]["version"] = BEFORE
    config["groundwork:services"]["notification"]["nodes"] = "compute-optimized"
    config["groundwork:data"]["proxy"] = {}
    del config["groundwork:data"]["rotation_days"]


def prod_otherwise(config: Config) -> None:
    config["groundwork:services"]["notification"]["nodes"] = "compute-optimized"
    config["groundwork:cache"]["shards"] = 2
    # Sealed values belong to whoever sealed them, so the stack files hold none.
    config["groundwork:messaging"]["push"] = {"android": {"service_account": {"secure": "v1:sealed"}}}
    config["groundwork:functions"]["notification-processor"]["uses"]["push"] = "send"
    del config["groundwork:migration"]


@pytest.fixture(scope="module")
def otherwise(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Snapshot]:
    """A stack with other settings, none of which has to do with another: run once for the tests of each."""
    folder = tmp_path_factory.mktemp("otherwise")

    @functools.cache
    def run(stack: str) -> Snapshot:
        change = {DEV: dev_otherwise, PROD: prod_otherwise}[stack]
        return run_found(changed(stack, folder / f"{change.__name__}.yaml", change))

    return run


@proves("S1-03")
def test_the_version_is_a_setting_that_takes_the_add_ons_along_and_refuses_1_28(
    otherwise: Callable[[str], Snapshot], tmp_path: Path
) -> None:
    def asked(config: Config) -> None:
        config["groundwork:compute"]["kubernetes"]["version"] = "1.28"

    snapshot = otherwise(DEV)
    assert only(snapshot, CLUSTER).inputs["version"] == BEFORE
    assert {group.inputs["version"] for group in snapshot.of_type(NODE_GROUP)} == {BEFORE}
    versions = {add_on.inputs["addonName"]: add_on.inputs["addonVersion"] for add_on in snapshot.of_type(ADD_ON)}
    assert versions == without_files(kubernetes_versions()[BEFORE].addons)
    with pytest.raises(Mistakes) as caught:
        load_stack(changed(DEV, tmp_path / "asked.yaml", asked))
    [mistake] = caught.value.mistakes
    assert "support of 1.28 ends for good on 2025-11-26" in str(mistake)


@STACKS
@proves("S1-04")
def test_two_node_groups_have_the_classes_and_bounds_that_were_asked_for(stack: str) -> None:
    groups = {
        group.name.removeprefix("minifacebook-compute-"): group.inputs
        for group in snapshot_of(stack).of_type(NODE_GROUP)
    }
    assert set(groups) == {"general-purpose", "compute-optimized"}
    general, computing = groups["general-purpose"], groups["compute-optimized"]
    assert set(general["instanceTypes"]) == {"t3.medium", "t3.large"}
    assert general["scalingConfig"] == {"minSize": 2, "maxSize": 10, "desiredSize": 3}
    assert general["capacityType"] == "ON_DEMAND"
    assert general["taints"] == []
    assert set(computing["instanceTypes"]) == {"c5.large", "c5.xlarge"}
    assert computing["scalingConfig"] == {"minSize": 0, "maxSize": 5, "desiredSize": 0}


@STACKS
@proves("S1-04", "S1-23")
def test_spot_nodes_take_only_what_asks_for_them(stack: str, otherwise: Callable[[str], Snapshot]) -> None:
    snapshot = snapshot_of(stack)
    group = named(snapshot, NODE_GROUP, "-compute-optimized").inputs
    assert group["capacityType"] == "SPOT"
    assert group["labels"]["workload"] == "non-critical"
    assert group["taints"] == [{"key": "spot", "value": "true", "effect": "NO_SCHEDULE"}]
    assert not any("tolerations" in pod(snapshot, service) for service in SERVICES)
    asking = pod(otherwise(stack), "notification")
    assert asking["nodeSelector"]["groundwork/nodes"] == "compute-optimized"
    assert {(item["key"], item["value"]) for item in asking["tolerations"]} == {("spot", "true")}


@STACKS
@proves("S1-04", "C-06")
def test_nodes_are_private_encrypted_and_keep_their_credentials_to_themselves(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for group in snapshot.of_type(NODE_GROUP):
        assert tiers(snapshot, group, "subnetIds") == {f"private-{zone}" for zone in ZONES[stack]}
    for template in snapshot.of_type("aws:ec2/launchTemplate:LaunchTemplate"):
        options = template.inputs["metadataOptions"]
        assert (options["httpTokens"], options["httpPutResponseHopLimit"]) == ("required", 1)
        [device] = template.inputs["blockDeviceMappings"]
        assert (device["ebs"]["encrypted"], device["ebs"]["volumeType"]) == ("true", "gp3")
        assert device["ebs"]["kmsKeyId"] in keys(snapshot)


ADD_ONS = {"vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver"}


def without_files(addons: Mapping[str, str]) -> dict[str, str]:
    """The driver of files that services share is there where a stack has some."""
    return {name: version for name, version in addons.items() if name != "aws-efs-csi-driver"}


CHARTS = {"aws-load-balancer-controller", "cluster-autoscaler"}


@STACKS
@proves("S1-05")
def test_add_ons_and_charts_are_there_with_versions_of_their_own(stack: str) -> None:
    snapshot = snapshot_of(stack)
    made = {add_on.inputs["addonName"]: add_on.inputs["addonVersion"] for add_on in snapshot.of_type(ADD_ON)}
    assert set(made) == ADD_ONS | {
        "eks-pod-identity-agent",
        "metrics-server",
        "aws-secrets-store-csi-driver-provider",
        "amazon-cloudwatch-observability",
    }
    assert made == without_files(kubernetes_versions()[only(snapshot, CLUSTER).inputs["version"]].addons)
    charts = {chart.inputs["name"]: chart.inputs["version"] for chart in snapshot.of_type(CHART)}
    assert set(charts) == CHARTS
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in charts.values())


@STACKS
@proves("S1-05", "S1-17")
def test_each_add_on_that_calls_aws_has_a_role_of_its_own_without_awss_policies(stack: str) -> None:
    """CoreDNS and kube-proxy call nothing of AWS and have none; nodes lend theirs to nobody."""
    snapshot = snapshot_of(stack)
    roles = {role.outputs["arn"]: role for role in snapshot.of_type("aws:iam/role:Role")}
    given = {
        add_on.inputs["addonName"]: roles[entry["roleArn"]]
        for add_on in snapshot.of_type(ADD_ON)
        for entry in add_on.inputs.get("podIdentityAssociations", [])
    } | {
        association.inputs["serviceAccount"]: roles[association.inputs["roleArn"]]
        for association in snapshot.of_type(ASSOCIATION)
    }
    assert set(given) == SERVICES | CHARTS | {"vpc-cni", "aws-ebs-csi-driver", "amazon-cloudwatch-observability"}
    assert len({role.urn for role in given.values()}) == len(given)
    attached = {
        name
        for attachment in snapshot.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
        for name in sources(snapshot, attachment, "role")
    }
    for role in given.values():
        assert role.name not in attached
        [trust] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
        assert trust["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    node = named(snapshot, "aws:iam/role:Role", "minifacebook-compute-node")
    [own] = [policy for policy in snapshot.of_type(ROLE_POLICY) if node.urn in policy.dependencies]
    [statement] = json.loads(own.inputs["policy"])["Statement"]
    # A node asks for its own name before it joins.
    assert statement["Action"] == ["ec2:DescribeInstances"]


@STACKS
@proves("S1-05")
def test_what_the_controllers_change_is_this_stacks_alone(stack: str) -> None:
    snapshot = snapshot_of(stack)
    cluster = f"minifacebook-{stage(stack)}"
    balancer = statements(snapshot, "-aws-load-balancer-controller")["RegisterTargets"]
    assert balancer["Action"] == ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
    assert balancer["Condition"]["StringEquals"] == {
        "aws:ResourceTag/platform": "minifacebook",
        "aws:ResourceTag/stage": stage(stack),
    }
    scaling = statements(snapshot, "-cluster-autoscaler")["ScaleNodeGroups"]
    assert scaling["Action"] == [
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
    ]
    assert scaling["Condition"] == {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}}
    volumes = statements(snapshot, "-aws-ebs-csi-driver-pods")["ManageVolumes"]
    assert volumes["Condition"] == {"StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{cluster}": "owned"}}


@STACKS
@proves("S1-05")
def test_networking_stands_before_nodes_join_and_what_runs_on_them_comes_after(stack: str) -> None:
    snapshot = snapshot_of(stack)
    add_ons = {add_on.inputs["addonName"]: add_on for add_on in snapshot.of_type(ADD_ON)}
    before = {"eks-pod-identity-agent", "vpc-cni", "kube-proxy"}
    for group in snapshot.of_type(NODE_GROUP):
        assert all(waits_for(snapshot, group, add_ons[name]) for name in before)
        assert all(waits_for(snapshot, add_ons[name], group) for name in set(add_ons) - before)
    assert waits_for(snapshot, add_ons["vpc-cni"], add_ons["eks-pod-identity-agent"])
    for chart in snapshot.of_type(CHART):
        assert waits_for(snapshot, chart, add_ons["coredns"])
    for deployment in snapshot.of_type(DEPLOYMENT):
        assert waits_for(snapshot, deployment, add_ons["coredns"])
    controller = named(snapshot, CHART, "-aws-load-balancer-controller")
    binding = only(snapshot, "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding")
    assert waits_for(snapshot, binding, controller)


COPIES = {DEV: ((3, 5), (1, 2)), PROD: ((3, 5), (2, 4))}
"""The least and most copies of the gateway, and of each other service."""


@STACKS
@proves("S1-06", "C-02")
def test_eight_deployments_have_the_requests_limits_and_probes_that_were_asked_for(stack: str) -> None:
    snapshot = snapshot_of(stack)
    assert set(of_service(snapshot, DEPLOYMENT)) == SERVICES
    for service in SERVICES:
        [container] = pod(snapshot, service)["containers"]
        assert container["resources"] == {
            "requests": {"cpu": "250m", "memory": "256Mi"},
            "limits": {"cpu": "500m", "memory": "512Mi"},
        }
        assert container["ports"] == [{"containerPort": 3000, "name": "http", "protocol": "TCP"}]
        for probe in ("livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}


@STACKS
@proves("S1-06")
def test_the_gateway_has_3_copies_at_least_and_every_service_grows_on_cpu(stack: str) -> None:
    """The autoscaler holds the count, so the Deployment names none."""
    snapshot = snapshot_of(stack)
    scalers = of_service(snapshot, AUTOSCALER)
    assert set(scalers) == SERVICES
    gateway, others = COPIES[stack]
    for service, scaler in scalers.items():
        assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": service}
        assert (scaler["minReplicas"], scaler["maxReplicas"]) == (gateway if service == "api-gateway" else others)
        [metric] = scaler["metrics"]
        assert metric["containerResource"] == {
            "container": service,
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": 70},
        }
    assert not any("replicas" in spec for spec in of_service(snapshot, DEPLOYMENT).values())


@STACKS
@proves("S1-06")
def test_every_service_is_found_by_its_name_on_port_3000(stack: str) -> None:
    objects = of_service(snapshot_of(stack), SERVICE)
    assert set(objects) == SERVICES
    for service, spec in objects.items():
        [port] = spec["ports"]
        assert (spec["type"], port["port"], port["targetPort"]) == ("ClusterIP", 3000, "http")
        assert spec["selector"] == {"app.kubernetes.io/name": service}


@STACKS
@proves("S1-06")
def test_nodes_are_drained_one_copy_at_a_time_where_a_service_has_several(stack: str) -> None:
    """In dev all but the gateway may have one copy, which nothing could keep."""
    budgets = of_service(snapshot_of(stack), BUDGET)
    assert set(budgets) == {DEV: {"api-gateway"}, PROD: SERVICES}[stack]
    for service, spec in budgets.items():
        assert spec["maxUnavailable"] == 1
        assert spec["selector"] == {"matchLabels": {"app.kubernetes.io/name": service}}


CALLS = {("api-gateway", to) for to in SERVICES - {"api-gateway", "notification"}}
DATA = {
    5432: {"auth", "user", "post", "message", "media", "notification"},
    6379: {"api-gateway", "auth", "user", "post", "message", "search-api"},
    443: {"search-api"},
}
"""Who says that it uses the database, who the cache, who search."""


def label(service: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app.kubernetes.io/name": service}}}


@STACKS
@proves("S1-06", "C-05", "C-06")
def test_network_policies_open_what_services_use_and_nothing_else(stack: str) -> None:
    snapshot = snapshot_of(stack)
    policies = of_service(snapshot, NETWORK_POLICY)
    assert set(policies) == SERVICES | {"default-deny", "dns-and-identity"}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    into, out = set(), set()
    for service in SERVICES:
        assert policies[service]["policyTypes"] == ["Ingress", "Egress"]
        for rule in policies[service].get("ingress", []):
            into |= {(other, service) for other in SERVICES if label(other) in rule["from"]}
        for rule in policies[service].get("egress", []):
            out |= {(service, other) for other in SERVICES if label(other) in rule["to"]}
    assert into == out == CALLS


def subnets(snapshot: Snapshot, tier: str) -> set[str]:
    return {
        subnet.inputs["cidrBlock"] for subnet in snapshot.of_type("aws:ec2/subnet:Subnet") if f"-{tier}-" in subnet.name
    }


@STACKS
@proves("S1-06", "C-05", "C-06")
def test_only_who_uses_what_keeps_data_reaches_its_port_and_only_the_load_balancer_comes_in(stack: str) -> None:
    snapshot = snapshot_of(stack)
    policies = of_service(snapshot, NETWORK_POLICY)
    for port, users in DATA.items():
        reaching = {
            service
            for service in SERVICES
            for rule in policies[service]["egress"]
            if {"port": port, "protocol": "TCP"} in rule["ports"]
            and {place.get("ipBlock", {}).get("cidr") for place in rule["to"]} == subnets(snapshot, "data")
        }
        assert reaching == users
    from_outside = {
        service: {place["ipBlock"]["cidr"] for place in rule["from"]}
        for service in SERVICES
        for rule in policies[service].get("ingress", [])
        if any("ipBlock" in place for place in rule["from"])
    }
    assert from_outside == {"api-gateway": subnets(snapshot, "public")}


@STACKS
@proves("S1-06", "C-06")
def test_pods_run_without_root_write_nothing_and_are_nobody_in_the_cluster(stack: str) -> None:
    snapshot = snapshot_of(stack)
    namespace = only(snapshot, "kubernetes:core/v1:Namespace").inputs["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for service in SERVICES:
        spec = pod(snapshot, service)
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        for container in [*spec["containers"], *spec["initContainers"]]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


@STACKS
@proves("S1-07")
def test_eight_repositories_scan_what_is_pushed_keep_tags_and_throw_old_images_away(stack: str) -> None:
    """Named after the services: ``gateway`` is ``api-gateway``, ``search`` is ``search-api``."""
    snapshot = snapshot_of(stack)
    repositories = snapshot.of_type("aws:ecr/repository:Repository")
    assert {repository.inputs["name"] for repository in repositories} == {
        f"minifacebook/{stage(stack)}/{service}" for service in SERVICES
    }
    for repository in repositories:
        assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
        [encryption] = repository.inputs["encryptionConfigurations"]
        assert encryption["kmsKey"] in keys(snapshot)
        lifecycle = json.loads(beside(snapshot, "aws:ecr/lifecyclePolicy:LifecyclePolicy", repository).inputs["policy"])
        assert [
            (rule["selection"]["tagStatus"], rule["selection"]["countNumber"], rule["action"]["type"])
            for rule in lifecycle["rules"]
        ] == [("untagged", 7, "expire"), ("tagged", 30, "expire")]


DATABASES = {DEV: ("db.t3.medium", 100, 7, False, 0), PROD: ("db.r5.large", 1000, 30, True, 2)}
"""Class, GB, days of backups, whether it fails over, replicas."""


@STACKS
@proves("S1-08")
def test_postgresql_15_has_the_size_backups_and_replicas_of_its_stack(stack: str) -> None:
    snapshot = snapshot_of(stack)
    class_, size, days, fails_over, readers = DATABASES[stack]
    database = primary(snapshot).inputs
    assert (database["engine"], database["engineVersion"]) == ("postgres", "15")
    assert database["instanceClass"] == class_
    assert (database["allocatedStorage"], database["storageType"]) == (size, "gp3")
    assert database["backupRetentionPeriod"] == days
    assert database["multiAz"] is fails_over
    assert [replica.inputs["instanceClass"] for replica in replicas(snapshot)] == [class_] * readers
    assert database["storageEncrypted"] is True
    assert database["kmsKeyId"] in keys(snapshot)
    assert database["publiclyAccessible"] is False


@proves("S1-08")
def test_prod_has_more_than_3000_iops_without_paying_for_them() -> None:
    """From 400 GiB on, PostgreSQL on gp3 has 12,000 and AWS takes no smaller number.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html
    """
    database = primary(snapshot_of(PROD)).inputs
    assert database["storageType"] == "gp3"
    assert database["allocatedStorage"] >= 400
    assert "iops" not in database


@STACKS
@proves("S1-08", "C-06")
def test_every_database_is_measured_closely_and_speaks_tls_alone(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for database in [primary(snapshot), *replicas(snapshot)]:
        assert database.inputs["performanceInsightsEnabled"] is True
        assert database.inputs["performanceInsightsKmsKeyId"] in keys(snapshot)
        assert database.inputs["monitoringInterval"] == 60
        [role] = sources(snapshot, database, "monitoringRoleArn")
        assert role == "minifacebook-database-monitoring"
        [group] = [
            group
            for group in snapshot.of_type("aws:rds/parameterGroup:ParameterGroup")
            if group.outputs["name"] == database.inputs["parameterGroupName"]
        ]
        assert group.inputs["family"] == "postgres15"
        assert {"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"} in group.inputs["parameters"]


@proves("S1-08")
def test_a_setting_puts_rds_proxy_before_the_database_in_place_of_rotation(
    otherwise: Callable[[str], Snapshot],
) -> None:
    """The proxy knows one login at a time, and would turn away copies that hold the one before."""
    assert not snapshot_of(DEV).of_type("aws:rds/proxy:Proxy")
    snapshot = otherwise(DEV)
    proxy = only(snapshot, "aws:rds/proxy:Proxy")
    assert proxy.inputs["requireTls"] is True
    [container] = pod(snapshot, "user")["containers"]
    told = {entry["name"]: entry.get("value") for entry in container["env"]}
    assert told["RDS_HOSTNAME"] == proxy.outputs["endpoint"]


CACHES = {DEV: ("cache.t3.micro", 1, False, 7), PROD: ("cache.r6g.large", 2, True, 30)}
"""Class, nodes, whether it fails over to another zone, days of snapshots."""


@STACKS
@proves("S1-09")
def test_redis_7_has_the_nodes_and_snapshots_of_its_stack(stack: str) -> None:
    cache = only(snapshot_of(stack), CACHE).inputs
    class_, nodes, fails_over, days = CACHES[stack]
    assert (cache["engine"], cache["engineVersion"]) == ("redis", "7.1")
    assert (cache["nodeType"], cache["numCacheClusters"]) == (class_, nodes)
    assert (cache["multiAzEnabled"], cache["automaticFailoverEnabled"]) == (fails_over, fails_over)
    assert cache["snapshotRetentionLimit"] == days


@STACKS
@proves("S1-09", "C-06")
def test_redis_is_encrypted_on_disk_and_on_the_way_and_asks_for_a_password(stack: str) -> None:
    """AUTH as Redis 6 and later have it: users with passwords. The one without is off."""
    snapshot = snapshot_of(stack)
    cache = only(snapshot, CACHE).inputs
    assert (cache["transitEncryptionEnabled"], cache["transitEncryptionMode"]) == (True, "required")
    assert cache["atRestEncryptionEnabled"] is True
    assert cache["kmsKeyId"] in keys(snapshot)
    group = only(snapshot, "aws:elasticache/userGroup:UserGroup")
    assert cache["userGroupIds"] == [group.inputs["userGroupId"]]
    users = {user.inputs["userId"]: user.inputs for user in snapshot.of_type("aws:elasticache/user:User")}
    assert set(users) == set(group.inputs["userIds"])
    app, default = users[f"minifacebook-cache-{stage(stack)}-app"], users[f"minifacebook-cache-{stage(stack)}-default"]
    assert app["passwords"] == Opaque.SECRET
    assert (default["userName"], default["accessString"]) == ("default", "off -@all")
    group = only(snapshot, "aws:elasticache/subnetGroup:SubnetGroup")
    assert tiers(snapshot, group, "subnetIds") == {f"data-{zone}" for zone in ZONES[stack]}


@proves("S1-09")
def test_one_number_turns_cluster_mode_on(otherwise: Callable[[str], Snapshot]) -> None:
    inputs = only(otherwise(PROD), CACHE).inputs
    assert (inputs["numNodeGroups"], inputs["replicasPerNodeGroup"]) == (2, 1)
    assert "numCacheClusters" not in inputs


DOMAINS = {DEV: ("t3.small.search", 1, 20), PROD: ("r6g.large.search", 3, 100)}
"""Class, nodes, GB each."""


@STACKS
@proves("S1-10")
def test_opensearch_2_has_the_nodes_volumes_and_zones_of_its_stack(stack: str) -> None:
    search = only(snapshot_of(stack), DOMAIN).inputs
    class_, nodes, size = DOMAINS[stack]
    assert re.fullmatch(r"OpenSearch_2\.\d+", search["engineVersion"])
    cluster = search["clusterConfig"]
    assert (cluster["instanceType"], cluster["instanceCount"]) == (class_, nodes)
    assert search["ebsOptions"] == {
        "ebsEnabled": True,
        "volumeType": "gp3",
        "volumeSize": size,
        "iops": 3000,
        "throughput": 125,
    }
    assert cluster["zoneAwarenessEnabled"] is (stack == PROD)
    if stack == PROD:
        assert cluster["zoneAwarenessConfig"] == {"availabilityZoneCount": 3}


@STACKS
@proves("S1-10", "C-06")
def test_opensearch_stands_in_the_network_encrypts_everything_and_knows_who_asks(stack: str) -> None:
    snapshot = snapshot_of(stack)
    search = only(snapshot, DOMAIN)
    # One node is in one zone.
    assert tiers(snapshot, search, "vpcOptions") == {f"data-{zone}" for zone in {DEV: "a", PROD: "abc"}[stack]}
    assert search.inputs["encryptAtRest"]["enabled"] is True
    assert search.inputs["encryptAtRest"]["kmsKeyId"] in keys(snapshot)
    assert search.inputs["nodeToNodeEncryption"] == {"enabled": True}
    assert search.inputs["domainEndpointOptions"] == {
        "enforceHttps": True,
        "tlsSecurityPolicy": "Policy-Min-TLS-1-2-PFS-2023-10",
    }
    access = search.inputs["advancedSecurityOptions"]
    assert (access["enabled"], access["internalUserDatabaseEnabled"]) == (True, False)
    assert sources(snapshot, search, "advancedSecurityOptions") == {"minifacebook-search-master"}
    assert set(who_reaches(snapshot, "minifacebook-search-clients")) == {
        (443, "minifacebook-compute-nodes"),
        (443, "minifacebook-search-indexer-function"),
    }


FOURTEEN_DAYS = 14 * 24 * 60 * 60


@STACKS
@proves("S1-11")
@pytest.mark.parametrize(("name", "visibility"), [("notifications", 30), ("search-indexing", 60)])
def test_queues_hide_keep_and_give_up_messages_as_asked(stack: str, name: str, visibility: int) -> None:
    snapshot = snapshot_of(stack)
    inputs = queue(snapshot, name).inputs
    assert inputs["visibilityTimeoutSeconds"] == visibility
    assert inputs["messageRetentionSeconds"] == FOURTEEN_DAYS
    assert not inputs.get("fifoQueue")
    assert inputs["kmsMasterKeyId"] in keys(snapshot)
    given_up = named(snapshot, QUEUE, f"minifacebook-{name}-dead-letters")
    assert json.loads(inputs["redrivePolicy"])["deadLetterTargetArn"] == given_up.outputs["arn"]
    assert given_up.inputs["messageRetentionSeconds"] == FOURTEEN_DAYS
    alarm = named(snapshot, ALARM, f"minifacebook-{name}-dead-letters").inputs
    assert (alarm["metricName"], alarm["threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)


@STACKS
@proves("S1-11")
def test_analytics_keeps_order_and_tells_messages_apart_by_their_content(stack: str) -> None:
    snapshot = snapshot_of(stack)
    analytics = queue(snapshot, "analytics")
    assert analytics.inputs["fifoQueue"] is True
    assert analytics.inputs["contentBasedDeduplication"] is True
    assert analytics.outputs["name"].endswith(".fifo")
    given_up = named(snapshot, QUEUE, "minifacebook-analytics-dead-letters")
    assert given_up.inputs["fifoQueue"] is True
    assert statements(snapshot, "-analytics-forwarder-role")["AnalyticsSend"]["Resource"] == [analytics.outputs["arn"]]


def heard(snapshot: Snapshot, name: str) -> dict[tuple[str, str], Any]:
    """Who hears a topic, by protocol and address, and what it is told of: all where there is no filter."""
    return {
        (found.inputs["protocol"], found.inputs["endpoint"]): json.loads(found.inputs.get("filterPolicy", "{}"))
        for found in snapshot.of_type(SUBSCRIPTION)
        if found.inputs["topic"] == topic(snapshot, name).outputs["arn"]
    }


@STACKS
@proves("S1-12")
def test_events_reach_a_function_a_queue_and_a_mailbox_each_told_of_its_own_kinds(stack: str) -> None:
    snapshot = snapshot_of(stack)
    indexer, notifications = function(snapshot, "search-indexer"), queue(snapshot, "notifications")
    forwarder = function(snapshot, "analytics-forwarder")
    assert heard(snapshot, "events") == {
        ("lambda", indexer.outputs["arn"]): {"kind": ["post.created", "post.changed", "post.removed"]},
        ("sqs", notifications.outputs["arn"]): {"kind": ["message.sent", "post.liked"]},
        ("lambda", forwarder.outputs["arn"]): {},
        ("email", "trust@minifacebook.com"): {"kind": ["post.reported"]},
    }
    policy = json.loads(beside(snapshot, "aws:sqs/queuePolicy:QueuePolicy", notifications).inputs["policy"])
    [lets_in] = [
        statement
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow" and statement["Principal"] == {"Service": "sns.amazonaws.com"}
    ]
    assert topic(snapshot, "events").outputs["arn"] in json.dumps(lets_in["Condition"])


@STACKS
@proves("S1-12")
def test_updates_of_users_reach_the_index_and_the_cache(stack: str) -> None:
    snapshot = snapshot_of(stack)
    functions = [function(snapshot, name) for name in ("search-indexer", "cache-invalidator")]
    assert heard(snapshot, "user-updates") == {("lambda", found.outputs["arn"]): {} for found in functions}
    calls = {
        (permission.inputs["function"], permission.inputs["sourceArn"])
        for permission in snapshot.of_type("aws:lambda/permission:Permission")
        if permission.inputs["principal"] == "sns.amazonaws.com"
    }
    assert calls == {
        *((found.outputs["arn"], topic(snapshot, "user-updates").outputs["arn"]) for found in functions),
        (functions[0].outputs["arn"], topic(snapshot, "events").outputs["arn"]),
        (function(snapshot, "analytics-forwarder").outputs["arn"], topic(snapshot, "events").outputs["arn"]),
    }


@STACKS
@proves("S1-25")
def test_every_event_reaches_the_analytics_queue_in_one_group_and_is_kept(stack: str) -> None:
    snapshot = snapshot_of(stack)
    told = function(snapshot, "analytics-forwarder").inputs["environment"]["variables"]
    analytics = queue(snapshot, "analytics")
    assert told["GROUP"] == "user-activity"
    assert told["ANALYTICS_QUEUE_URL"] == analytics.outputs["url"]
    trigger = named(snapshot, "aws:lambda/eventSourceMapping:EventSourceMapping", "analytics-archiver").inputs
    assert trigger["eventSourceArn"] == analytics.outputs["arn"]
    assert trigger["functionName"] == function(snapshot, "analytics-archiver").outputs["arn"]
    kept = named(snapshot, "aws:s3/bucket:Bucket", "minifacebook-activity").outputs["arn"]
    assert statements(snapshot, "-analytics-archiver-role")["ActivityWrite"]["Resource"] == [f"{kept}/*"]


@STACKS
@proves("S1-26")
def test_services_find_what_they_use_under_the_names_of_their_code(stack: str) -> None:
    snapshot = snapshot_of(stack)
    names = {
        service: {entry["name"] for entry in pod(snapshot, service)["containers"][0]["env"]}
        for service in ("user", "search-api")
    }
    assert {"RDS_HOSTNAME", "RDS_PORT", "RDS_DB_NAME", "ELASTICACHE_ENDPOINT", "ELASTICACHE_PORT"} <= names["user"]
    assert {"OPENSEARCH_ENDPOINT", "ELASTICACHE_ENDPOINT"} <= names["search-api"]
    assert not {
        name for found in names.values() for name in found if name.startswith(("DATABASE_H", "CACHE_", "SEARCH_"))
    }


@STACKS
@proves("S1-27")
def test_queries_end_after_thirty_seconds(stack: str) -> None:
    group = only(snapshot_of(stack), "aws:rds/parameterGroup:ParameterGroup").inputs
    assert {item["name"]: item["value"] for item in group["parameters"]}["statement_timeout"] == "30000"


@STACKS
@proves("S1-12", "C-06")
def test_topics_are_encrypted_and_what_they_could_not_deliver_is_kept(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for name in ("events", "user-updates"):
        assert topic(snapshot, name).inputs["kmsMasterKeyId"] in keys(snapshot)
        for subscription in snapshot.of_type(SUBSCRIPTION):
            if subscription.inputs["topic"] == topic(snapshot, name).outputs["arn"]:
                kept = json.loads(subscription.inputs["redrivePolicy"])["deadLetterTargetArn"]
                assert kept in {found.outputs["arn"] for found in snapshot.of_type(QUEUE)}
    assert statements(snapshot, "-compute-user-task")["UserUpdatesPublish"]["Action"] == ["sns:Publish"]


FUNCTIONS = {
    "notification-processor": ("notification_processor", 5),
    "search-indexer": ("search_indexer", 10),
    "cache-invalidator": ("cache_invalidator", 15),
}
"""Folder, seconds."""


@STACKS
@proves("S1-13")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_runs_a_handler_of_the_repository_in_the_network(stack: str, name: str) -> None:
    snapshot = snapshot_of(stack)
    folder, seconds = FUNCTIONS[name]
    found = function(snapshot, name)
    assert (ROOT / "groundwork" / "functions" / folder / "handler.py").is_file()
    assert re.fullmatch(rf"build/functions/{folder}-[0-9a-f]{{12}}\.zip", found.inputs["code"]["path"])
    assert (found.inputs["handler"], found.inputs["timeout"]) == ("handler.handle", seconds)
    assert tiers(snapshot, found, "vpcConfig") == {f"private-{zone}" for zone in ZONES[stack]}


@STACKS
@proves("S1-13")
def test_functions_are_told_what_their_code_reads(stack: str) -> None:
    """A name that no code reads would pass unseen; so does a name that is missing."""
    snapshot = snapshot_of(stack)
    for name, (folder, _) in FUNCTIONS.items():
        code = (ROOT / "groundwork" / "functions" / folder / "handler.py").read_text(encoding="utf-8")
        variables = function(snapshot, name).inputs["environment"]["variables"]
        ours = {key for key in variables if not key.startswith(("CACHE_", "SEARCH_", "QUEUE_BACKOFF_"))}
        assert all(f'"{key}"' in code for key in ours)
        needed = set(re.findall(r'os\.environ\["([A-Z_]+)"\]', code))
        assert needed <= set(variables)
    assert function(snapshot, "search-indexer").inputs["environment"]["variables"]["INDEXES"] == "posts,users"
    templates = function(snapshot, "cache-invalidator").inputs["environment"]["variables"]["KEYS"]
    assert templates == "user:{id},profile:{id}"


@STACKS
@proves("S1-11", "S1-13")
@pytest.mark.parametrize(
    ("name", "from_"), [("notification-processor", "notifications"), ("search-indexer", "search-indexing")]
)
def test_messages_of_a_queue_fail_one_by_one_and_not_before_the_function_had_its_time(
    stack: str, name: str, from_: str
) -> None:
    """Hidden six times as long as the function may take.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    snapshot = snapshot_of(stack)
    trigger = named(snapshot, "aws:lambda/eventSourceMapping:EventSourceMapping", name).inputs
    assert trigger["eventSourceArn"] == queue(snapshot, from_).outputs["arn"]
    assert trigger["functionName"] == function(snapshot, name).outputs["arn"]
    assert trigger["functionResponseTypes"] == ["ReportBatchItemFailures"]
    visibility = queue(snapshot, from_).inputs["visibilityTimeoutSeconds"]
    assert visibility == 6 * function(snapshot, name).inputs["timeout"]


@proves("S1-13")
def test_notifications_reach_phones_once_push_has_its_credentials(otherwise: Callable[[str], Snapshot]) -> None:
    snapshot = otherwise(PROD)
    application = only(snapshot, "aws:sns/platformApplication:PlatformApplication")
    variables = function(snapshot, "notification-processor").inputs["environment"]["variables"]
    assert variables["PUSH_ANDROID_ARN"] == application.outputs["arn"]
    allowed = [
        action
        for statement in statements(snapshot, "-notification-processor-role").values()
        for action in statement["Action"]
    ]
    assert "sns:Publish" in allowed


def lifecycle(snapshot: Snapshot, bucket: str) -> list[dict[str, Any]]:
    rules = beside(snapshot, LIFECYCLE, named(snapshot, BUCKET, f"minifacebook-{bucket}")).inputs["rules"]
    return [rule for rule in rules if rule["status"] == "Enabled" and rule["filter"] == {"prefix": ""}]


@STACKS
@proves("S1-14")
def test_media_are_versioned_encrypted_and_go_to_infrequent_access_and_glacier(stack: str) -> None:
    snapshot = snapshot_of(stack)
    bucket = named(snapshot, BUCKET, "minifacebook-media-files")
    versioning = beside(snapshot, "aws:s3/bucketVersioning:BucketVersioning", bucket)
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}
    [rule] = beside(
        snapshot, "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", bucket
    ).inputs["rules"]
    encryption = rule["applyServerSideEncryptionByDefault"]
    assert encryption["sseAlgorithm"] == "aws:kms"
    assert encryption["kmsMasterKeyId"] in keys(snapshot)
    rules = lifecycle(snapshot, "media-files")
    assert [move for rule in rules for move in rule.get("transitions", [])] == [
        {"days": 30, "storageClass": "STANDARD_IA"},
        {"days": 90, "storageClass": "GLACIER"},
    ]
    assert [rule["abortIncompleteMultipartUpload"] for rule in rules if "abortIncompleteMultipartUpload" in rule] == [
        {"daysAfterInitiation": 7}
    ]


@STACKS
@proves("S1-14")
def test_the_app_alone_may_read_and_write_media_from_a_browser(stack: str) -> None:
    snapshot = snapshot_of(stack)
    cors = beside(
        snapshot,
        "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
        named(snapshot, BUCKET, "minifacebook-media-files"),
    )
    [rule] = cors.inputs["corsRules"]
    assert rule["allowedOrigins"] == [f"https://app.{domain(stack)}"]
    assert rule["allowedMethods"] == ["GET", "PUT", "POST", "DELETE"]


@STACKS
@proves("S1-15", "C-06")
def test_the_static_bucket_is_private_and_read_by_this_distribution_alone(stack: str) -> None:
    snapshot = snapshot_of(stack)
    bucket, distribution = named(snapshot, BUCKET, "-static"), only(snapshot, DISTRIBUTION)
    block = beside(snapshot, "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", bucket).inputs
    for switch in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        assert block[switch] is True
    policy = json.loads(named(snapshot, "aws:s3/bucketPolicy:BucketPolicy", "-cdn-static").inputs["policy"])
    [allowed] = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    assert (allowed["Principal"], allowed["Action"]) == ({"Service": "cloudfront.amazonaws.com"}, "s3:GetObject")
    assert allowed["Condition"] == {"StringEquals": {"AWS:SourceArn": distribution.outputs["arn"]}}
    control = only(snapshot, "aws:cloudfront/originAccessControl:OriginAccessControl")
    assert (control.inputs["originAccessControlOriginType"], control.inputs["signingBehavior"]) == ("s3", "always")
    [origin] = [
        origin
        for origin in distribution.inputs["origins"]
        if origin["domainName"] == bucket.outputs["bucketRegionalDomainName"]
    ]
    assert origin["originAccessControlId"] == control.outputs["id"]


@STACKS
@proves("S1-16")
def test_secrets_rotate_after_30_and_90_days_and_api_keys_by_hand(stack: str) -> None:
    snapshot = snapshot_of(stack)
    rotations = {
        rotation.inputs["secretId"]: rotation.inputs
        for rotation in snapshot.of_type("aws:secretsmanager/secretRotation:SecretRotation")
    }
    by_name = {
        name: rotations.get(secret(snapshot, name).outputs["arn"])
        for name in ("database", "database-administrator", "jwt-secrets", "api-keys")
    }
    days = {name: rotation["rotationRules"] if rotation is not None else None for name, rotation in by_name.items()}
    assert days == {
        "database": {"automaticallyAfterDays": 30},
        "database-administrator": {"automaticallyAfterDays": 30},
        "jwt-secrets": {"automaticallyAfterDays": 90},
        "api-keys": None,
    }
    for name in by_name:
        assert secret(snapshot, name).inputs["kmsKeyId"] in keys(snapshot)


@STACKS
@proves("S1-16", "S1-17")
@pytest.mark.parametrize(
    ("name", "folder", "rotated"),
    [
        ("key-rotation", "rotate_keys", ("jwt-secrets",)),
        ("database-rotation", "rotate_database", ("database", "database-administrator")),
    ],
)
def test_a_rotation_function_changes_its_secrets_and_no_other_and_only_secrets_manager_calls_it(
    stack: str, name: str, folder: str, rotated: tuple[str, ...]
) -> None:
    snapshot = snapshot_of(stack)
    found = function(snapshot, name)
    arns = {secret(snapshot, each).outputs["arn"] for each in rotated}
    assert found.inputs["code"]["path"].startswith(f"build/functions/{folder}-")
    may = statements(snapshot, f"-{name}-role")["Rotate"]
    assert may["Action"] == [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ]
    assert set(may["Resource"]) == arns
    callers = [
        permission.inputs
        for permission in snapshot.of_type("aws:lambda/permission:Permission")
        if permission.inputs["function"] == found.outputs["arn"]
    ]
    assert {caller["principal"] for caller in callers} == {"secretsmanager.amazonaws.com"}
    assert {caller["sourceArn"] for caller in callers} == arns
    for rotation in snapshot.of_type("aws:secretsmanager/secretRotation:SecretRotation"):
        if rotation.inputs["secretId"] in arns:
            assert rotation.inputs["rotationLambdaArn"] == found.outputs["arn"]


@STACKS
@proves("S1-17", "C-05")
def test_no_role_has_a_full_access_policy_or_a_wildcard_for_an_action(stack: str) -> None:
    """What is attached of AWS's own is what services of AWS ask for by name; no workload has any of it."""
    snapshot = snapshot_of(stack)
    attachments = snapshot.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    attached = {attachment.inputs["policyArn"].rpartition("/")[2] for attachment in attachments}
    cluster = {"AmazonEKSClusterPolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodeMinimalPolicy"}
    account = {"AmazonDMSCloudWatchLogsRole", "AmazonDMSVPCManagementRole", "AWSBackupServiceRolePolicyForBackup"}
    assert cluster <= attached <= cluster | account
    assert not any("managedPolicyArns" in role.inputs for role in snapshot.of_type("aws:iam/role:Role"))
    for policy in snapshot.of_type(ROLE_POLICY):
        for statement in json.loads(policy.inputs["policy"])["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any("*" in action for action in actions), policy.name


ALLOWED = {
    "api-gateway": {},
    "auth": {},
    "user": {"UserUpdatesPublish": ["sns:Publish"]},
    "message": {
        "EventsPublish": ["sns:Publish"],
        "NotificationsSend": ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"],
    },
    "post": {
        "EventsPublish": ["sns:Publish"],
        "SearchIndexingSend": ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"],
    },
    "media": {"MediaFilesDownload": ["s3:GetObject"], "MediaFilesUpload": ["s3:PutObject"]},
    "search-api": {"SearchRead": ["es:ESHttpGet", "es:ESHttpHead"], "SearchQuery": ["es:ESHttpPost"]},
    "notification": {"NotificationsSend": ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]},
}
"""What each service may do by what it says that it uses; keys and traces come to it."""


def own(may: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """What follows from the uses themselves: without keys and traces."""
    return {
        name: list(statement["Action"])
        for name, statement in may.items()
        if name != "Trace" and not all(action.startswith("kms:") for action in statement["Action"])
    }


@STACKS
@proves("S1-17", "C-05")
@pytest.mark.parametrize("service", ALLOWED)
def test_a_service_may_do_what_follows_from_its_uses_and_nothing_else(stack: str, service: str) -> None:
    may = statements(snapshot_of(stack), f"-compute-{service}-task")
    assert own(may) == ALLOWED[service]
    for name, statement in may.items():
        if name != "Trace":
            assert "*" not in statement["Resource"]
        if "Key" in name:
            assert all(action.startswith("kms:") for action in statement["Action"])
            assert "kms:ViaService" in statement["Condition"]["StringEquals"]


def on_fargate(config: Config) -> None:
    """Fargate has no limits beyond what is asked for, and 512 MB are its smallest size."""
    config["groundwork:compute"] = {"engine": "fargate"}
    everywhere = config["groundwork:services"]["*"]
    del everywhere["limits"]
    everywhere["memory"] = 512


@pytest.fixture(scope="module")
def fargate(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return run_found(changed(DEV, tmp_path_factory.mktemp("fargate") / "fargate.yaml", on_fargate))


@proves("C-02", "C-08")
def test_the_services_go_from_kubernetes_to_fargate_and_back_and_lose_neither_images_nor_logs(
    fargate: Snapshot,
) -> None:
    for step in walk([snapshot_of(DEV), fargate, snapshot_of(DEV)]):
        assert refused(step) == {}
        assert step.removed
        assert nothing_of_services_goes(step)


@proves("C-02", "C-05")
def test_the_same_eight_services_run_on_fargate_with_the_same_rights(fargate: Snapshot) -> None:
    snapshot = fargate
    assert {found.name.removeprefix("minifacebook-compute-") for found in snapshot.of_type(ECS_SERVICE)} == SERVICES
    for service, allowed in ALLOWED.items():
        assert own(statements(snapshot, f"-compute-{service}-task")) == allowed


@STACKS
@proves("S1-17", "C-05")
def test_what_a_service_may_do_is_bound_to_the_very_things_it_uses(stack: str) -> None:
    snapshot = snapshot_of(stack)
    media = statements(snapshot, "-compute-media-task")
    prefix = f"{named(snapshot, BUCKET, 'minifacebook-media-files').outputs['arn']}/media/*"
    assert media["MediaFilesDownload"]["Resource"] == media["MediaFilesUpload"]["Resource"] == [prefix]
    post = statements(snapshot, "-compute-post-task")
    assert post["EventsPublish"]["Resource"] == [topic(snapshot, "events").outputs["arn"]]
    assert post["SearchIndexingSend"]["Resource"] == [queue(snapshot, "search-indexing").outputs["arn"]]
    search = statements(snapshot, "-compute-search-api-task")
    address = only(snapshot, DOMAIN).outputs["arn"]
    assert all(
        resource.startswith(f"{address}/")
        for name in ("SearchRead", "SearchQuery")
        for resource in search[name]["Resource"]
    )


READS = {
    "api-gateway": {"cache", "jwt-secrets"},
    "auth": {"database", "cache", "jwt-secrets"},
    "media": {"database"},
    "search-api": {"cache"},
    "notification": {"database", "api-keys"},
}


@STACKS
@proves("S1-16", "S1-17", "C-05")
@pytest.mark.parametrize("service", READS)
def test_a_service_reads_the_secrets_that_it_uses_and_no_other(stack: str, service: str) -> None:
    snapshot = snapshot_of(stack)
    may = statements(snapshot, f"-compute-{service}-values")
    arns = {secret(snapshot, name).outputs["arn"] for name in READS[service]}
    assert may["ReadSecrets"]["Action"] == ["secretsmanager:GetSecretValue"]
    assert set(may["ReadSecrets"]["Resource"]) == set(may["DescribeSecrets"]["Resource"]) == arns
    [container] = pod(snapshot, service)["containers"]
    for entry in container["env"]:
        if re.search("PASSWORD|SECRET|API_KEY|DATABASE_.*URL|CACHE_URL", entry["name"]):
            assert set(entry) == {"name", "valueFrom"}


def web_acl(snapshot: Snapshot, scope: str) -> Resource:
    [acl] = [acl for acl in snapshot.of_type("aws:wafv2/webAcl:WebAcl") if acl.inputs["scope"] == scope]
    return acl


def rules(snapshot: Snapshot, scope: str) -> dict[str, dict[str, Any]]:
    acl = web_acl(snapshot, scope).inputs
    return {rule["name"]: rule for rule in sorted(acl["rules"], key=lambda rule: rule["priority"])}


BOTH = pytest.mark.parametrize("scope", ["CLOUDFRONT", "REGIONAL"])


@STACKS
@proves("S1-18")
def test_one_web_acl_stands_at_cloudfront_and_one_at_the_load_balancer(stack: str) -> None:
    snapshot = snapshot_of(stack)
    assert only(snapshot, DISTRIBUTION).inputs["webAclId"] == web_acl(snapshot, "CLOUDFRONT").outputs["arn"]
    association = only(snapshot, "aws:wafv2/webAclAssociation:WebAclAssociation").inputs
    assert association["webAclArn"] == web_acl(snapshot, "REGIONAL").outputs["arn"]
    balancer = only(snapshot, "aws:lb/loadBalancer:LoadBalancer")
    assert association["resourceArn"] == balancer.outputs["arn"]


@STACKS
@BOTH
@proves("S1-18")
def test_both_web_acls_ask_awss_four_groups_and_block_what_they_find(stack: str, scope: str) -> None:
    found = rules(snapshot_of(stack), scope)
    groups = {
        name: rule["statement"]["managedRuleGroupStatement"]["name"]
        for name, rule in found.items()
        if "managedRuleGroupStatement" in rule["statement"]
    }
    assert groups == {
        "common": "AWSManagedRulesCommonRuleSet",
        "known-bad-inputs": "AWSManagedRulesKnownBadInputsRuleSet",
        "sql": "AWSManagedRulesSQLiRuleSet",
        "linux": "AWSManagedRulesLinuxRuleSet",
    }
    assert all(found[name]["overrideAction"] == {"none": {}} for name in groups)


@STACKS
@BOTH
@proves("S1-18")
def test_both_web_acls_know_who_may_come_who_may_not_and_how_often(stack: str, scope: str) -> None:
    snapshot = snapshot_of(stack)
    found = rules(snapshot, scope)
    limit = found["rate"]["statement"]["rateBasedStatement"]
    assert (limit["limit"], limit["evaluationWindowSec"], limit["aggregateKeyType"]) == (2000, 300, "IP")
    assert found["rate"]["action"] == {"block": {}}
    assert found["blocked-countries"]["statement"] == {"geoMatchStatement": {"countryCodes": ["KP"]}}
    assert found["blocked-countries"]["action"] == {"block": {}}
    [allowed] = [set_ for set_ in snapshot.of_type("aws:wafv2/ipSet:IpSet") if set_.inputs["scope"] == scope]
    assert allowed.inputs["addresses"] == ["203.0.113.0/24"]
    assert found["allowed-addresses"]["statement"]["ipSetReferenceStatement"]["arn"] == allowed.outputs["arn"]
    assert found["allowed-addresses"]["action"] == {"allow": {}}
    assert list(found).index("allowed-addresses") < list(found).index("rate")


def part(statement: dict[str, Any]) -> str:
    """The part of a request that a statement looks at."""
    [(name, field)] = statement["fieldToMatch"].items()
    return f"{name}:{field['name']}" if name == "singleHeader" else str(name)


@STACKS
@BOTH
@proves("S1-18")
def test_both_web_acls_refuse_scripts_and_requests_that_are_too_large(stack: str, scope: str) -> None:
    found = rules(snapshot_of(stack), scope)
    for name in ("body-size-0", "request-size", "scripts", "scripts-in-body"):
        assert found[name]["action"] == {"block": {}}
    searched = [
        *found["scripts"]["statement"]["orStatement"]["statements"],
        found["scripts-in-body"]["statement"]["andStatement"]["statements"][0],
    ]
    assert {part(each["xssMatchStatement"]) for each in searched} == {"uriPath", "queryString", "body"}
    measured = [
        *found["request-size"]["statement"]["orStatement"]["statements"],
        found["body-size-0"]["statement"]["andStatement"]["statements"][0],
    ]
    sizes = {}
    for each in measured:
        assert each["sizeConstraintStatement"]["comparisonOperator"] == "GT"
        sizes[part(each["sizeConstraintStatement"])] = each["sizeConstraintStatement"]["size"]
    assert sizes == {
        "uriPath": 2048,
        "queryString": 4096,
        "singleHeader:cookie": 8192,
        "headers": 8192,
        "body": 8 * 1024,
    }


@STACKS
@proves("S1-18")
def test_the_rules_fit_a_web_acl_with_room_to_spare(stack: str) -> None:
    """Up to 1,500 units are in the price of a request, the next 500 are $0.20 for a million."""
    edge = load_stack(find_stack(stack, ROOT)).settings.edge
    assert edge is not None
    assert edge.waf is not None
    assert edge.waf.capacity <= 2000 < 5000
    assert edge.waf.capacity_at("public-balancer", trusts=True) <= 2000


DAYS = {DEV: 30, PROD: 90}


@STACKS
@proves("S1-19")
def test_cluster_database_cache_and_search_write_into_encrypted_groups_that_are_kept_30_or_90_days(stack: str) -> None:
    snapshot = snapshot_of(stack)
    groups = {group.inputs["name"]: group.inputs for group in snapshot.of_type(LOG_GROUP)}
    here = stage(stack)
    cluster, search, cache = only(snapshot, CLUSTER), only(snapshot, DOMAIN), only(snapshot, CACHE)
    asked = {
        f"/aws/eks/minifacebook-{here}/cluster",
        *(
            f"/aws/rds/instance/{found.inputs['identifier']}/postgresql"
            for found in [primary(snapshot), *replicas(snapshot)]
        ),
        *(target["destination"] for target in cache.inputs["logDeliveryConfigurations"]),
        *(
            target["cloudwatchLogGroupArn"].partition(":log-group:")[2]
            for target in search.inputs["logPublishingOptions"]
        ),
        *(f"/minifacebook/{here}/services/{service}" for service in SERVICES),
        *(f"/minifacebook/{here}/functions/{name}" for name in FUNCTIONS),
    }
    assert asked <= set(groups)
    assert {
        f"/minifacebook/{here}/search/{log}" for log in ("search-slow", "index-slow", "application", "audit")
    } < asked
    assert {f"/minifacebook/{here}/cache/{log}" for log in ("slow-log", "engine-log")} < asked
    assert {group["retentionInDays"] for group in groups.values()} == {DAYS[stack]}
    assert all(group["kmsKeyId"] in keys(snapshot) for group in groups.values())
    assert set(cluster.inputs["enabledClusterLogTypes"]) == {
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    }


@STACKS
@proves("S1-20")
def test_more_than_5_percent_of_errors_page_and_more_than_500_ms_are_noticed(stack: str) -> None:
    snapshot = snapshot_of(stack)
    errors = named(snapshot, ALARM, "-api-gateway-error-rate-page").inputs
    assert (errors["comparisonOperator"], errors["threshold"]) == ("GreaterThanThreshold", 5)
    measured = {query["metric"]["metricName"] for query in errors["metricQueries"] if "metric" in query}
    assert measured == {"HTTPCode_Target_5XX_Count", "RequestCount"}
    slow = named(snapshot, ALARM, "-api-gateway-response").inputs
    assert (slow["namespace"], slow["metricName"]) == ("AWS/ApplicationELB", "TargetResponseTime")
    assert (slow["comparisonOperator"], slow["threshold"]) == ("GreaterThanThreshold", 0.5)


@STACKS
@proves("S1-20")
def test_less_than_a_tenth_of_a_disk_free_is_noticed_on_nodes_databases_and_search(stack: str) -> None:
    snapshot = snapshot_of(stack)
    node = named(snapshot, ALARM, "-nodes-disk").inputs
    assert (node["metricName"], node["comparisonOperator"], node["threshold"]) == (
        "node_filesystem_utilization",
        "GreaterThanThreshold",
        90,
    )
    free = {alarm["namespace"]: alarm for alarm in alarms_on(snapshot, "FreeStorageSpace")}
    size = primary(snapshot).inputs["allocatedStorage"]
    assert free["AWS/RDS"]["comparisonOperator"] == "LessThanThreshold"
    assert free["AWS/RDS"]["threshold"] == size * 1024**3 / 10
    databases = [alarm for alarm in alarms_on(snapshot, "FreeStorageSpace") if alarm["namespace"] == "AWS/RDS"]
    assert len(databases) == 1 + len(replicas(snapshot))
    # In MiB, of what OpenSearch Service leaves of the volume: it takes a fifth, 20 GiB at most.
    volume = only(snapshot, DOMAIN).inputs["ebsOptions"]["volumeSize"] * 1024
    usable = volume - min(volume / 5, 20 * 1024)
    assert free["AWS/ES"]["threshold"] == pytest.approx(usable / 10, abs=1)


@STACKS
@proves("S1-20")
def test_more_than_80_percent_cpu_is_noticed_everywhere(stack: str) -> None:
    snapshot = snapshot_of(stack)
    by_metric = {
        "pod_cpu_utilization_over_pod_limit": len(SERVICES),
        "node_cpu_utilization": 1,
        "EngineCPUUtilization": CACHES[stack][1],
    }
    for metric, count in by_metric.items():
        assert len([alarm for alarm in alarms_on(snapshot, metric) if alarm["threshold"] == 80]) == count
    plain = [alarm for alarm in alarms_on(snapshot, "CPUUtilization") if alarm["threshold"] == 80]
    assert sum(alarm["namespace"] == "AWS/RDS" for alarm in plain) == 1 + len(replicas(snapshot))
    assert sum(alarm["namespace"] == "AWS/ES" for alarm in plain) == 1


@STACKS
@proves("S1-20")
def test_every_alarm_reaches_somebody(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for alarm in snapshot.of_type(ALARM):
        in_a_composite = alarm.name.endswith("-page")
        assert alarm.inputs.get("alarmActions") or in_a_composite, alarm.name
    mails = {
        found.inputs["endpoint"] for found in snapshot.of_type(SUBSCRIPTION) if found.inputs["protocol"] == "email"
    }
    told = {DEV: {"team@minifacebook.com"}, PROD: {"team@minifacebook.com", "on-call@minifacebook.com"}}[stack]
    assert mails == told | {"trust@minifacebook.com"}


@STACKS
@proves("S1-21")
def test_four_dashboards_show_everything_the_database_the_api_and_errors(stack: str) -> None:
    snapshot = snapshot_of(stack)
    boards = {
        board.inputs["dashboardName"]: board.inputs["dashboardBody"]
        for board in snapshot.of_type("aws:cloudwatch/dashboard:Dashboard")
    }
    name = f"minifacebook-{stage(stack)}-us-west-2"
    assert set(boards) == {name, f"{name}-database", f"{name}-api", f"{name}-errors"}
    for alarm in snapshot.of_type(ALARM):
        if not alarm.name.endswith("-page"):
            assert alarm.outputs["arn"] in boards[name], alarm.name
    for shown in ("AWS/RDS", "AWS/ElastiCache", "AWS/ES", "ReadLatency"):
        assert shown in boards[f"{name}-database"]
    for shown in ("RequestCount", "TargetResponseTime", "pod_cpu_utilization", "api-time", "registrations"):
        assert shown in boards[f"{name}-api"]
    for shown in ("HTTPCode_Target_5XX_Count", "AWS/Lambda", "/services/api-gateway"):
        assert shown in boards[f"{name}-errors"]


METRICS = {
    "api-time": ("api-gateway", "Milliseconds"),
    "registrations": ("user", "Count"),
    "posts": ("post", "Count"),
    "messages-sent": ("message", "Count"),
    "messages-delivered": ("message", "Count"),
}


@STACKS
@proves("S1-21")
def test_custom_metrics_tell_api_time_registrations_posts_and_delivered_messages(stack: str) -> None:
    snapshot = snapshot_of(stack)
    filters = {
        found.inputs["metricTransformation"]["name"]: found.inputs
        for found in snapshot.of_type("aws:cloudwatch/logMetricFilter:LogMetricFilter")
    }
    assert {
        name: (found["logGroupName"].rpartition("/")[2], found["metricTransformation"]["unit"])
        for name, found in filters.items()
    } == METRICS
    assert filters["api-time"]["metricTransformation"]["value"] == "$.duration_ms"
    [slow] = alarms_on(snapshot, "api-time")
    assert (slow["extendedStatistic"], slow["threshold"]) == ("p95", 500)
    [lost] = alarms_on(snapshot, "messages-delivered")
    assert (lost["comparisonOperator"], lost["threshold"]) == ("LessThanThreshold", 95)


@STACKS
@proves("S1-22")
def test_x_ray_sees_every_service_and_function(stack: str) -> None:
    snapshot = snapshot_of(stack)
    for service in SERVICES:
        [collector] = pod(snapshot, service)["initContainers"]
        assert "aws-otel-collector" in collector["image"]
        assert collector["restartPolicy"] == "Always"
        assert "awsxray" in collector["env"][0]["value"]
        assert "xray:PutTraceSegments" in statements(snapshot, f"-compute-{service}-task")["Trace"]["Action"]
    for found in snapshot.of_type(FUNCTION):
        assert found.inputs["tracingConfig"] == {"mode": "Active"}


BUDGETS = {DEV: ({"MONTHLY": 600.0}, "20"), PROD: ({"MONTHLY": 3000.0, "DAILY": 150.0}, "50")}
"""Limits in dollars, and the smallest anomaly that is told."""


@STACKS
@proves("S1-23")
def test_budgets_and_unusual_costs_are_told_to_somebody(stack: str) -> None:
    """Estimates of reserved capacity and of Spot are not in a snapshot: the cost estimate brings them."""
    snapshot = snapshot_of(stack)
    limits, smallest = BUDGETS[stack]
    budgets = {found.inputs["timeUnit"]: found.inputs for found in snapshot.of_type("aws:budgets/budget:Budget")}
    assert {unit: float(found["limitAmount"]) for unit, found in budgets.items()} == limits
    told = named(snapshot, TOPIC, "minifacebook-alerts-topic").outputs["arn"]
    for found in budgets.values():
        assert all(notification["subscriberSnsTopicArns"] == [told] for notification in found["notifications"])
    warnings = {(each["notificationType"], each["threshold"]) for each in budgets["MONTHLY"]["notifications"]}
    assert warnings == {("ACTUAL", 50), ("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
    monitor = only(snapshot, "aws:costexplorer/anomalyMonitor:AnomalyMonitor")
    assert json.loads(monitor.inputs["monitorSpecification"])["Tags"]["Values"] == ["minifacebook"]
    anomalies = only(snapshot, "aws:costexplorer/anomalySubscription:AnomalySubscription").inputs
    assert anomalies["monitorArnLists"] == [monitor.outputs["arn"]]
    assert anomalies["subscribers"] == [{"type": "SNS", "address": told}]
    assert anomalies["thresholdExpression"]["dimension"]["values"] == [smallest]


@proves("S1-24")
def test_dms_has_the_class_and_storage_asked_for_in_private_subnets() -> None:
    snapshot = snapshot_of(PROD)
    instance = only(snapshot, "aws:dms/replicationInstance:ReplicationInstance").inputs
    assert (instance["replicationInstanceClass"], instance["allocatedStorage"]) == ("dms.t3.medium", 50)
    assert instance["publiclyAccessible"] is False
    assert instance["kmsKeyArn"] in keys(snapshot)
    subnets_of = only(snapshot, "aws:dms/replicationSubnetGroup:ReplicationSubnetGroup")
    assert tiers(snapshot, subnets_of, "subnetIds") == {f"private-{zone}" for zone in "abc"}
    assert set(who_reaches(snapshot, "minifacebook-migration-instance")) == set()


@proves("S1-24", "C-06")
def test_dms_speaks_tls_to_both_sides_and_reads_its_logins_from_secrets() -> None:
    snapshot = snapshot_of(PROD)
    endpoints = {found.inputs["endpointType"]: found.inputs for found in snapshot.of_type("aws:dms/endpoint:Endpoint")}
    assert set(endpoints) == {"source", "target"}
    for endpoint in endpoints.values():
        assert (endpoint["engineName"], endpoint["sslMode"]) == ("postgres", "require")
        assert not {"password", "username"} & set(endpoint)
    # Services take turns as two users, none of whom may switch off triggers.
    assert endpoints["target"]["secretsManagerArn"] == secret(snapshot, "database-administrator").outputs["arn"]
    assert endpoints["source"]["secretsManagerArn"].partition(":secret:")[2] == "legacy/minifacebook-AbCdEf"
    assert set(statements(snapshot, "-migration-logins")["Logins"]["Resource"]) == {
        endpoint["secretsManagerArn"] for endpoint in endpoints.values()
    }


@proves("S1-24")
def test_the_task_copies_every_row_of_the_tables_and_then_every_change() -> None:
    snapshot = snapshot_of(PROD)
    task = only(snapshot, "aws:dms/replicationTask:ReplicationTask").inputs
    assert task["migrationType"] == "full-load-and-cdc"
    assert [
        (rule["rule-action"], *rule["object-locator"].values()) for rule in json.loads(task["tableMappings"])["rules"]
    ] == [("include", "public", "%"), ("exclude", "public", "sessions")]
    assert json.loads(task["replicationTaskSettings"])["ValidationSettings"]["EnableValidation"] is True
    for metric in ("CDCLatencySource", "CDCLatencyTarget", "ValidationFailedOverallCount"):
        assert len(alarms_on(snapshot, metric)) == 1


@proves("S1-24")
def test_the_cut_over_is_written_down_in_phases_with_a_way_back() -> None:
    guide = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")
    phases = re.findall(r"^## (\d)\. (.+)$", guide, re.MULTILINE)
    assert [int(number) for number, _ in phases] == list(range(1, 10))
    assert {"Switch", "Watch, or go back", "Read-only"} <= {title for _, title in phases}
    readme = (ROOT / "examples" / "mini-facebook" / "README.md").read_text(encoding="utf-8")
    assert "(../../docs/migration.md)" in readme


@proves("S1-24")
def test_dms_goes_when_it_is_left_out_and_nothing_that_holds_state_goes_with_it(
    otherwise: Callable[[str], Snapshot],
) -> None:
    before, after = snapshot_of(PROD), otherwise(PROD)
    assert not [resource for resource in after.resources if resource.type.startswith("aws:dms/")]
    kept = {resource.urn for resource in before.resources if resource.options.get("protect")}
    assert kept <= set(after.by_urn())


def config_of(stack: str) -> Config:
    config: Config = yaml.safe_load(find_stack(stack, ROOT).file.read_text(encoding="utf-8"))["config"]
    return config


@proves("C-04", "C-05")
def test_dev_and_prod_differ_in_sizes_and_protection_and_not_in_what_services_are() -> None:
    dev, prod = config_of(DEV), config_of(PROD)
    differing = {key.removeprefix("groundwork:") for key in {*dev, *prod} if dev.get(key) != prod.get(key)}
    assert differing == {
        "platform",
        "network",
        "edge",
        "compute",
        "services",
        "data",
        "cache",
        "search",
        "storage",
        "usage",
        "recovery",
        "migration",
        "observability",
        "budget",
    }
    for service in dev["groundwork:services"]:
        one, other = (
            {key: value for key, value in config["groundwork:services"][service].items() if key != "scaling"}
            for config in (dev, prod)
        )
        assert one == other
    protected = {resource.type for resource in snapshot_of(PROD).resources if resource.options.get("protect")}
    assert protected >= {CLUSTER, "aws:rds/instance:Instance", CACHE, DOMAIN, BUCKET, QUEUE, "aws:kms/key:Key"}
    assert not [resource for resource in snapshot_of(DEV).resources if resource.options.get("protect")]
