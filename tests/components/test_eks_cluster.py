"""The Kubernetes cluster: control plane, nodes, add-ons, controllers."""

from __future__ import annotations

import base64
import json
import re
from types import SimpleNamespace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.base import Component
from groundwork.components.compute.eks import addons, container_logs, entries, nodes
from groundwork.components.compute.eks.cluster import build_cluster, managed_groups
from groundwork.components.compute.eks.controllers import controllers
from groundwork.components.compute.eks.identity import pod_identity, trust
from groundwork.components.compute.eks.karpenter import pools
from groundwork.components.compute.eks.provider import kubernetes_provider
from groundwork.components.compute.eks.settings import KubernetesSettings, NodeGroupSettings
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.context import Context
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.preview.verdicts import judge
from groundwork.settings.facts import instance_class, instance_classes, kubernetes_versions, most_pods, node_room
from guardrails.view import Opaque
from tests.harness import build, key_arn, observed, shared
from tests.requirements import proves
from tests.test_guardrails_on_stacks import TODAY

KEY = "arn:aws:kms:ap-south-1:111122223333:key/secrets"
VOLUMES_KEY = "arn:aws:kms:ap-south-1:111122223333:key/storage"
LOGS_KEY = "arn:aws:kms:ap-south-1:111122223333:key/logs"

# S1-04
GROUPS = {
    "general-purpose": {"classes": ["t3.medium", "t3.large"], "min": 2, "max": 10, "desired": 3},
    "compute-optimized": {
        "classes": ["c5.large", "c5.xlarge"],
        "min": 0,
        "max": 5,
        "desired": 0,
        "spot": True,
        "labels": {"workload": "batch"},
        "taints": {"spot": {"value": "yes"}},
    },
}


class Engine(Component):
    layer = "compute"

    def __init__(self, name: str, context: Context, wanted: dict[str, Any], **thresholds: Any) -> None:
        super().__init__(name, observed(context, ObservabilitySettings.model_validate({"thresholds": thresholds})))
        known = pulumi.Output.from_input
        settings = ComputeSettings.model_validate({"engine": "eks", "kubernetes": wanted})
        network = SimpleNamespace(
            vpc_id=known("vpc-1"),
            vpc_ipv6=False,
            private_subnet_ids={zone: known(f"subnet-{zone}") for zone in "ab"},
            private_ready=(),
            s3_prefix_list_id=known("pl-1"),
            endpoint_security_group_id=None,
        )
        cluster = build_cluster(
            self,
            settings,
            network=network,
        )
        provider = kubernetes_provider(self, cluster, settings.cluster)
        made = controllers(self, cluster, settings, provider=provider, network=network)
        role = aws.iam.Role(f"{name}-pods", assume_role_policy=trust(self), opts=self.child())
        pod_identity(self, cluster, "pods", namespace="shop", service_account="web", role_arn=role.arn)
        pulumi.export("node-group", cluster.node_security_group_id)
        pulumi.export("cluster", {"name": cluster.name, "arn": cluster.arn, "endpoint": cluster.endpoint})
        pulumi.export("ready", len(cluster.ready))
        pulumi.export("controllers", len(made))
        self.register_outputs({})


@shared
def eks(wanted: dict[str, Any] | None = None, *, thresholds: dict[str, Any] | None = None, **options: Any) -> Snapshot:
    settings = {"nodes": GROUPS, **(wanted or {})}
    return build(lambda context: Engine("shop-compute", context, settings, **(thresholds or {})), **options)


@pytest.fixture(scope="module")
def prod() -> Snapshot:
    return eks()


def only(snapshot: Snapshot, type_: str) -> Resource:
    [found] = snapshot.of_type(type_)
    return found


def named(snapshot: Snapshot, type_: str) -> dict[str, Resource]:
    return {item.name.removeprefix("shop-compute-"): item for item in snapshot.of_type(type_)}


def addon(snapshot: Snapshot, name: str) -> Resource:
    return named(snapshot, "aws:eks/addon:Addon")[name]


def values(snapshot: Snapshot, name: str) -> Any:
    return json.loads(addon(snapshot, name).inputs["configurationValues"])


def policy(snapshot: Snapshot, name: str) -> dict[str, Any]:
    document = json.loads(named(snapshot, "aws:iam/rolePolicy:RolePolicy")[name].inputs["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def waits_for(snapshot: Snapshot, later: Resource, earlier: Resource) -> bool:
    """Whether ``later`` depends on ``earlier``, over however many steps."""
    by_urn = {item.urn: item for item in snapshot.resources}
    seen: set[str] = set()
    todo = [later.urn]
    while todo:
        urn = todo.pop()
        if urn == earlier.urn:
            return True
        if urn not in seen:
            seen.add(urn)
            todo += by_urn[urn].dependencies
    return False


@proves("S1-03")
def test_the_newest_version_in_standard_support_answers_inside_the_network_only_in_prod(prod: Snapshot) -> None:
    cluster = only(prod, "aws:eks/cluster:Cluster")
    newest = next(iter(kubernetes_versions()))
    assert cluster.inputs["version"] == newest == KubernetesSettings().version
    vpc = cluster.inputs["vpcConfig"]
    assert (vpc["endpointPrivateAccess"], vpc["endpointPublicAccess"]) == (True, False)
    assert "publicAccessCidrs" not in vpc
    assert vpc["subnetIds"] == ["subnet-a", "subnet-b"]
    assert only(eks({"version": "1.34"}), "aws:eks/cluster:Cluster").inputs["version"] == "1.34"


def test_the_cluster_is_entered_by_access_entries_and_keeps_secrets_under_our_key(prod: Snapshot) -> None:
    cluster = only(prod, "aws:eks/cluster:Cluster")
    inputs = cluster.inputs
    assert inputs["name"] == "shop-prod"
    assert inputs["accessConfig"] == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True}
    assert inputs["bootstrapSelfManagedAddons"] is False
    assert inputs["encryptionConfig"] == {"provider": {"keyArn": key_arn("logs")}, "resources": ["secrets"]}
    assert inputs["upgradePolicy"] == {"supportType": "STANDARD"}
    assert inputs["zonalShiftConfig"] == {"enabled": True}
    assert inputs["deletionProtection"] is True
    assert cluster.options["protect"] is True


def test_outside_prod_nothing_is_protected() -> None:
    cluster = only(eks(stage="dev"), "aws:eks/cluster:Cluster")
    assert cluster.inputs["deletionProtection"] is False
    assert "protect" not in cluster.options


@pytest.mark.parametrize(
    ("stage", "wanted", "public"),
    [
        ("prod", {"endpoint_addresses": ["203.0.113.0/24"]}, False),
        ("prod", {"endpoint": "public", "endpoint_addresses": ["203.0.113.0/24"]}, True),
        ("dev", {"endpoint_addresses": ["203.0.113.0/24"]}, True),
        ("dev", {"endpoint": "private", "endpoint_addresses": ["203.0.113.0/24"]}, False),
        ("dev", {}, False),
    ],
)
@proves("S1-03")
def test_the_endpoint_is_public_to_named_addresses_or_not_at_all(
    stage: str, wanted: dict[str, Any], public: bool
) -> None:
    snapshot = eks(wanted, stage=stage)
    vpc = only(snapshot, "aws:eks/cluster:Cluster").inputs["vpcConfig"]
    assert vpc["endpointPublicAccess"] is public
    addresses = wanted.get("endpoint_addresses")
    assert vpc.get("publicAccessCidrs") == (addresses if public else None)
    inside = [
        rule.inputs["cidrIpv4"]
        for rule in snapshot.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if "cidrIpv4" in rule.inputs
    ]
    assert inside == ([] if public else addresses or [])


@proves("S1-19")
def test_the_control_planes_logs_have_key_and_retention_before_the_cluster_is_there(prod: Snapshot) -> None:
    cluster = only(prod, "aws:eks/cluster:Cluster")
    group = named(prod, "aws:cloudwatch/logGroup:LogGroup")["control-plane"]
    assert group.inputs["name"] == "/aws/eks/shop-prod/cluster"
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (30, key_arn("logs"))
    assert group.urn in cluster.dependencies
    assert cluster.inputs["enabledClusterLogTypes"] == [
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    ]


def test_the_control_planes_role_is_for_this_cluster_alone(prod: Snapshot) -> None:
    role = named(prod, "aws:iam/role:Role")["control-plane"]
    [statement] = json.loads(role.inputs["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"Service": "eks.amazonaws.com"}
    assert statement["Condition"]["ArnLike"] == {
        "aws:SourceArn": "arn:aws:eks:ap-south-1:111122223333:cluster/shop-prod"
    }
    attached = [
        item.inputs["policyArn"].rpartition("/")[2]
        for item in prod.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
    ]
    assert sorted(attached) == [
        "AmazonEC2ContainerRegistryPullOnly",
        "AmazonEKSClusterPolicy",
        "AmazonEKSWorkerNodeMinimalPolicy",
    ]


def test_people_enter_with_one_of_awss_policies_where_they_may() -> None:
    access = {
        "pipeline": {"principal": "arn:aws:iam::111122223333:role/pipeline", "level": "edit", "namespaces": ["shop"]},
        "operators": {"principal": "arn:aws:iam::111122223333:role/operators", "level": "cluster-admin"},
    }
    snapshot = eks({"access": access})
    found = {
        key: (item.inputs["policyArn"], item.inputs["accessScope"])
        for key, item in named(snapshot, "aws:eks/accessPolicyAssociation:AccessPolicyAssociation").items()
    }
    policies = "arn:aws:eks::aws:cluster-access-policy"
    assert found == {
        "access-pipeline": (f"{policies}/AmazonEKSEditPolicy", {"type": "namespace", "namespaces": ["shop"]}),
        "access-operators": (f"{policies}/AmazonEKSClusterAdminPolicy", {"type": "cluster"}),
    }


@proves("S1-04")
def test_node_groups_are_as_wide_as_the_settings_say(prod: Snapshot) -> None:
    groups = named(prod, "aws:eks/nodeGroup:NodeGroup")
    general, batch = groups["general-purpose"], groups["compute-optimized"]
    assert general.inputs["instanceTypes"] == ["t3.medium", "t3.large"]
    assert general.inputs["scalingConfig"] == {"minSize": 2, "maxSize": 10, "desiredSize": 3}
    assert general.inputs["capacityType"] == "ON_DEMAND"
    assert batch.inputs["instanceTypes"] == ["c5.large", "c5.xlarge"]
    assert batch.inputs["scalingConfig"] == {"minSize": 0, "maxSize": 5, "desiredSize": 0}
    assert batch.inputs["capacityType"] == "SPOT"
    assert batch.inputs["labels"] == {nodes.GROUP_LABEL: "compute-optimized", "workload": "batch"}
    assert batch.inputs["taints"] == [{"key": "spot", "value": "yes", "effect": "NO_SCHEDULE"}]
    for group in groups.values():
        assert group.options["ignoreChanges"] == ["scalingConfig.desiredSize"]
        assert group.inputs["nodeRepairConfig"] == {"enabled": True}
        assert group.inputs["amiType"] == "AL2023_x86_64_STANDARD"
        assert group.inputs["subnetIds"] == ["subnet-a", "subnet-b"]


def test_nodes_keep_their_credentials_and_encrypt_their_disks(prod: Snapshot) -> None:
    for template in prod.of_type("aws:ec2/launchTemplate:LaunchTemplate"):
        assert template.inputs["metadataOptions"] == {
            "httpEndpoint": "enabled",
            "httpTokens": "required",
            "httpPutResponseHopLimit": 1,
        }
        [disk] = template.inputs["blockDeviceMappings"]
        assert (disk["ebs"]["encrypted"], disk["ebs"]["kmsKeyId"], disk["ebs"]["volumeType"]) == (
            "true",
            VOLUMES_KEY,
            "gp3",
        )
        tags = {item["resourceType"]: item["tags"] for item in template.inputs["tagSpecifications"]}
        assert set(tags) == {"instance", "volume", "network-interface"}
        assert all(found["platform"] == "shop" for found in tags.values())
        assert tags["network-interface"]["cluster.k8s.amazonaws.com/name"] == "shop-prod"
        assert "imageId" not in template.inputs
        assert "instanceType" not in template.inputs


@pytest.mark.parametrize(
    ("scaling", "roles"),
    [("cluster-autoscaler", {"node"}), ("karpenter", {"node", "karpenter-node"}), ("auto-mode", set())],
)
def test_nodes_of_amazon_linux_may_ask_for_their_name_before_they_join(scaling: str, roles: set[str]) -> None:
    """Without it they never join: AmazonEKSWorkerNodeMinimalPolicy, made for auto mode, does not have it."""
    snapshot = eks({"scaling": scaling})
    policies = named(snapshot, "aws:iam/rolePolicy:RolePolicy")
    assert {f"{role}-name" for role in roles} == {name for name in policies if name.endswith("node-name")}
    for role in roles:
        [statement] = policy(snapshot, f"{role}-name").values()
        assert statement["Action"] in ("ec2:DescribeInstances", ["ec2:DescribeInstances"])
    for group in snapshot.of_type("aws:eks/nodeGroup:NodeGroup"):
        assert policies["node-name"].urn in group.dependencies


def test_graviton_groups_get_gravitons_image() -> None:
    snapshot = eks({"nodes": {"arm": {"classes": ["m7g.large"]}}})
    assert only(snapshot, "aws:eks/nodeGroup:NodeGroup").inputs["amiType"] == "AL2023_ARM_64_STANDARD"


@pytest.mark.parametrize(("prefixes", "pods"), [(True, 110), (False, 17)])
def test_nodes_are_told_how_many_pods_their_addresses_allow(prefixes: bool, pods: int) -> None:
    snapshot = eks({"address_prefixes": prefixes})
    template = named(snapshot, "aws:ec2/launchTemplate:LaunchTemplate")["general-purpose"]
    text = base64.b64decode(template.inputs["userData"]).decode()
    config = json.loads(re.search(r"^\{.*\}$", text, re.MULTILINE).group())
    assert config["spec"]["kubelet"]["config"]["maxPods"] == pods
    assert values(snapshot, "vpc-cni")["env"]["ENABLE_PREFIX_DELEGATION"] == str(prefixes).lower()


# https://github.com/awslabs/amazon-eks-ami: eni-max-pods.txt
@pytest.mark.parametrize(
    ("name", "pods"),
    [
        ("t3.small", 11),
        ("t3.medium", 17),
        ("t3.large", 35),
        ("c5.large", 29),
        ("c5.xlarge", 58),
        ("m5.4xlarge", 234),
        ("c5.18xlarge", 737),
        ("t4g.xlarge", 58),
    ],
)
def test_pods_without_prefixes_are_as_in_awss_table(name: str, pods: int) -> None:
    instance = instance_class(name)
    assert instance is not None
    assert most_pods(instance, prefixes=False) == min(pods, 110 if instance.vcpus < 30 else 250)


@given(st.sampled_from(instance_classes()), st.booleans())
def test_a_node_never_promises_more_than_it_has(name: str, prefixes: bool) -> None:
    instance = instance_class(name)
    assert instance is not None
    room = node_room(instance, prefixes=prefixes)
    assert 0 <= room.cpu < instance.vcpus * 1000
    assert 0 <= room.memory < instance.memory
    assert most_pods(instance, prefixes=False) <= most_pods(instance, prefixes=True) <= 250


def test_a_cluster_that_is_to_be_removed_logs_no_more(prod: Snapshot) -> None:
    """EKS would deliver the last lines when cluster and log group are gone, and make the group again."""
    assert "audit" in only(prod, "aws:eks/cluster:Cluster").inputs["enabledClusterLogTypes"]
    removable = only(eks(removable=True), "aws:eks/cluster:Cluster").inputs
    assert (removable["enabledClusterLogTypes"], removable["deletionProtection"]) == ([], False)


def test_who_owns_nodes_is_told_by_tags_that_replace_none(prod: Snapshot) -> None:
    """In a launch template another owner would be another version, and a version rolls every node."""
    paid = named(eks(owner="shop-team", cost_center="7", tags={"team/of": "x"}), "aws:autoscaling/tag:Tag")
    for group in GROUPS:
        tags = [item.inputs for name, item in paid.items() if name.startswith(f"{group}-")]
        assert {item["tag"]["key"]: item["tag"]["value"] for item in tags if item["tag"]["propagateAtLaunch"]} == {
            "owner": "shop-team",
            "cost-center": "7",
            "team/of": "x",
        }
    versions = [
        [item.inputs["tagSpecifications"] for item in snapshot.of_type("aws:ec2/launchTemplate:LaunchTemplate")]
        for snapshot in (prod, eks(owner="another", phase="millions"))
    ]
    assert versions[0] == versions[1]


def test_empty_groups_say_what_their_nodes_would_be_like(prod: Snapshot) -> None:
    tags = {item.inputs["tag"]["key"]: item.inputs["tag"]["value"] for item in prod.of_type("aws:autoscaling/tag:Tag")}
    prefix = "k8s.io/cluster-autoscaler/node-template"
    assert tags[f"{prefix}/label/workload"] == "batch"
    assert tags[f"{prefix}/taint/spot"] == "yes:NoSchedule"


@proves("S1-05")
def test_networking_stands_before_nodes_join_and_dns_comes_after(prod: Snapshot) -> None:
    """terraform-aws-eks #3260, #1765, #3001: without this order nodes or CoreDNS never get healthy."""
    groups = list(named(prod, "aws:eks/nodeGroup:NodeGroup").values())
    agent, cni, proxy = (addon(prod, name) for name in (addons.AGENT, addons.CNI, addons.PROXY))
    assert waits_for(prod, cni, agent)
    assert not waits_for(prod, agent, cni)
    for group in groups:
        assert all(waits_for(prod, group, before) for before in (agent, cni, proxy))
    for name in (addons.DNS, addons.VOLUMES, addons.METRICS, addons.SECRETS, addons.INSIGHTS):
        assert all(waits_for(prod, addon(prod, name), group) for group in groups)
    for chart in prod.of_type("kubernetes:helm.sh/v3:Release"):
        assert waits_for(prod, chart, addon(prod, addons.DNS))
    rules = prod.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert all(waits_for(prod, group, rule) for rule in rules for group in groups)


@proves("S1-05")
def test_add_ons_are_pinned_to_the_clusters_version() -> None:
    for version, facts in kubernetes_versions().items():
        if not facts.addons:
            continue
        made = named(eks({"version": version}), "aws:eks/addon:Addon")
        # Nothing here mounts files.
        expected = {name: pinned for name, pinned in facts.addons.items() if name != addons.FILES}
        assert {name: item.inputs["addonVersion"] for name, item in made.items()} == expected
        assert all(re.fullmatch(r"v\d+\.\d+\.\d+-eksbuild\.\d+", found) for found in facts.addons.values())
        assert facts.addons["kube-proxy"].startswith(f"v{version}.")
        assert facts.autoscaler.startswith(f"v{version}.")


@proves("S1-05")
def test_each_add_on_that_calls_aws_has_a_role_of_its_own(prod: Snapshot) -> None:
    roles = {item.outputs["arn"]: name for name, item in named(prod, "aws:iam/role:Role").items()}
    inside = {
        name: (entry["serviceAccount"], roles[entry["roleArn"]])
        for name, item in named(prod, "aws:eks/addon:Addon").items()
        for entry in item.inputs.get("podIdentityAssociations", [])
    }
    assert inside == {
        "vpc-cni": ("aws-node", "vpc-cni-pods"),
        "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "aws-ebs-csi-driver-pods"),
        "amazon-cloudwatch-observability": ("cloudwatch-agent", "amazon-cloudwatch-observability-pods"),
    }
    associated = {
        name: (item.inputs["namespace"], item.inputs["serviceAccount"], roles[item.inputs["roleArn"]])
        for name, item in named(prod, "aws:eks/podIdentityAssociation:PodIdentityAssociation").items()
    }
    assert associated == {
        "aws-load-balancer-controller": ("kube-system", "aws-load-balancer-controller", "aws-load-balancer-controller"),
        "cluster-autoscaler": ("kube-system", "cluster-autoscaler", "cluster-autoscaler"),
        "pods": ("shop", "web", "pods"),
    }
    for name, item in named(prod, "aws:iam/role:Role").items():
        [statement] = json.loads(item.inputs["assumeRolePolicy"])["Statement"]
        if name in {"node", "control-plane"}:
            continue
        assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
        assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}


@pytest.mark.parametrize("scaling", ["cluster-autoscaler", "karpenter"])
@pytest.mark.parametrize("way_in", ["alb", "nlb"])
def test_no_role_changes_anything_everywhere(scaling: str, way_in: str) -> None:
    """``*`` only for what takes no resource: reading, or a metric in a named namespace."""
    snapshot = eks({"scaling": scaling, "way_in": way_in})
    for name in named(snapshot, "aws:iam/rolePolicy:RolePolicy"):
        for statement in policy(snapshot, name).values():
            actions = statement["Action"]
            assert not any(action.endswith("*") for action in actions)
            if "*" in statement["Resource"]:
                reads = all(re.match(r"[a-z0-9-]+:(Describe|Get|List)", action) for action in actions)
                assert reads or statement["Condition"] == {
                    "StringEquals": {"cloudwatch:namespace": ["CWAgent", "ContainerInsights"]}
                }


def test_pods_addresses_are_handed_out_on_this_clusters_interfaces_only(prod: Snapshot) -> None:
    found = policy(prod, "vpc-cni-pods")
    assert found["ManageOwnInterfaces"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/cluster.k8s.amazonaws.com/name": "shop-prod"}
    }
    # What it tags when it starts, a node's first interface among it, was not made by it in the same call.
    assert found["TagOwnInterfaces"]["Condition"] == found["ManageOwnInterfaces"]["Condition"]
    assert found["TagOwnInterfaces"]["Action"] in ("ec2:CreateTags", ["ec2:CreateTags"])
    assert found["CreateInterfacesInOwnSubnets"]["Condition"] == {
        "ArnEquals": {"ec2:Vpc": "arn:aws:ec2:ap-south-1:111122223333:vpc/vpc-1"}
    }
    assert values(prod, "vpc-cni")["enableNetworkPolicy"] == "true"


def test_the_volumes_driver_tags_what_its_role_may_touch(prod: Snapshot) -> None:
    assert values(prod, "aws-ebs-csi-driver") == {"controller": {"k8sTagClusterId": "shop-prod"}}
    assert policy(prod, "aws-ebs-csi-driver-pods")["ManageVolumes"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/kubernetes.io/cluster/shop-prod": "owned"}
    }


def test_secrets_are_synced_and_read_again(prod: Snapshot) -> None:
    driver = values(prod, "aws-secrets-store-csi-driver-provider")["secrets-store-csi-driver"]
    assert driver["syncSecret"] == {"enabled": True}
    assert driver["enableSecretRotation"] is True


@proves("S1-05")
def test_the_load_balancer_controller_puts_pods_into_our_target_groups_and_does_no_more(prod: Snapshot) -> None:
    found = policy(prod, "aws-load-balancer-controller")
    assert set(found) == {"DescribeTargets", "RegisterTargets"}
    assert found["RegisterTargets"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/platform": "shop", "aws:ResourceTag/stage": "prod"}
    }
    release = named(prod, "kubernetes:helm.sh/v3:Release")["aws-load-balancer-controller"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", release.inputs["version"])
    assert release.inputs["values"]["vpcId"] == "vpc-1"
    assert release.inputs["values"]["enableServiceMutatorWebhook"] is False
    assert release.inputs["values"]["createIngressClassResource"] is False
    # Only the first Helm release makes a certificate; a new one with each update would shut the webhook for a while.
    assert release.inputs["values"]["keepTLSSecret"] is True


def test_it_makes_load_balancers_only_where_the_way_in_is_one() -> None:
    found = policy(eks({"way_in": "nlb"}), "aws-load-balancer-controller")
    assert found["ManageLoadBalancers"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/elbv2.k8s.aws/cluster": "shop-prod"}
    }
    assert all("/net/" in arn or ":targetgroup/" in arn for arn in found["CreateLoadBalancers"]["Resource"])
    assert found["CreateServiceLinkedRole"]["Condition"] == {
        "StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}
    }


@proves("S1-05")
def test_the_autoscaler_scales_this_clusters_groups_with_the_release_of_its_version(prod: Snapshot) -> None:
    release = named(prod, "kubernetes:helm.sh/v3:Release")["cluster-autoscaler"]
    version = kubernetes_versions()[KubernetesSettings().version]
    assert release.inputs["values"]["image"] == {"tag": version.autoscaler}
    assert release.inputs["values"]["autoDiscovery"] == {"clusterName": "shop-prod"}
    assert policy(prod, "cluster-autoscaler")["ScaleNodeGroups"]["Condition"] == {
        "StringEquals": {"aws:ResourceTag/k8s.io/cluster-autoscaler/shop-prod": "owned"}
    }


def test_control_plane_and_nodes_meet_on_named_ports_and_nobody_else_comes_in(prod: Snapshot) -> None:
    groups = {item.outputs["id"]: name for name, item in named(prod, "aws:ec2/securityGroup:SecurityGroup").items()}
    allowed = {
        (
            groups[rule.inputs["referencedSecurityGroupId"]],
            groups[rule.inputs["securityGroupId"]],
            rule.inputs["ipProtocol"],
            rule.inputs["fromPort"],
            rule.inputs["toPort"],
        )
        for rule in prod.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    }
    assert allowed == {
        ("nodes", "control-plane", "tcp", 443, 443),
        ("control-plane", "nodes", "tcp", 10250, 10250),
        ("control-plane", "nodes", "tcp", 10251, 10251),
        ("control-plane", "nodes", "tcp", 9443, 9443),
        ("nodes", "nodes", "tcp", 1024, 65535),
        ("nodes", "nodes", "tcp", 53, 53),
        ("nodes", "nodes", "udp", 53, 53),
    }
    out = [
        rule.inputs["toPort"]
        for rule in prod.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if rule.inputs.get("cidrIpv4") == "0.0.0.0/0"
    ]
    assert out == [443]
    assert prod.outputs["node-group"] in groups


@proves("S1-19")
def test_container_insights_writes_into_groups_that_are_there(prod: Snapshot) -> None:
    groups = named(prod, "aws:cloudwatch/logGroup:LogGroup")
    agent = addon(prod, addons.INSIGHTS)
    for kind in ("performance", "application", "dataplane", "host"):
        group = groups[f"insights-{kind}"]
        assert group.inputs["name"] == f"/aws/containerinsights/shop-prod/{kind}"
        assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (30, key_arn("logs"))
        assert group.urn in agent.dependencies
    metrics = values(prod, addons.INSIGHTS)["agent"]["config"]["logs"]["metrics_collected"]
    assert metrics == {"kubernetes": {"enhanced_container_insights": True}}


def test_a_services_lines_go_unwrapped_to_its_own_group(prod: Snapshot) -> None:
    """Custom metrics read the same lines from the same group as on the other engines."""
    config = values(prod, addons.INSIGHTS)["containerLogs"]["fluentBit"]["config"]["extraFiles"]["application-log.conf"]
    sections = [dict(line.split(maxsplit=1) for line in part.splitlines()[1:]) for part in config.split("\n\n")]
    output = next(found for found in sections if found.get("Name") == "cloudwatch_logs" and "log_key" in found)
    assert output["log_group_template"] == "/shop/prod/services/$kubernetes['labels']['app.kubernetes.io/name']"
    assert output["log_key"] == "log"
    assert all(found["auto_create_group"] == "false" for found in sections if found["Name"] == "cloudwatch_logs")
    tails = [found for found in sections if found["Name"] == "tail"]
    own, rest = tails
    assert own["Path"] == "/var/log/containers/*_shop_*.log"
    assert own["Path"] in rest["Exclude_Path"]
    written = policy(prod, "amazon-cloudwatch-observability-pods")["WriteLogs"]["Resource"]
    assert "arn:aws:logs:ap-south-1:111122223333:log-group:/shop/prod/services/*:*" in written
    assert container_logs.SERVICE_LABEL in output["log_group_template"]


def test_without_insights_nothing_of_it_is_there() -> None:
    snapshot = eks({"application_insights": False})
    assert addons.INSIGHTS not in named(snapshot, "aws:eks/addon:Addon")
    assert set(named(snapshot, "aws:cloudwatch/logGroup:LogGroup")) == {"control-plane"}
    assert "nodes-cpu" not in named(snapshot, "aws:cloudwatch/metricAlarm:MetricAlarm")


@proves("S1-20")
def test_the_cluster_brings_its_alarms(prod: Snapshot) -> None:
    alarms = named(prod, "aws:cloudwatch/metricAlarm:MetricAlarm")
    assert set(alarms) == {
        "api-errors-page",
        "pods-waiting",
        "nodes-failed",
        "nodes-cpu",
        "nodes-cpu-page",
        "nodes-memory",
        "nodes-disk",
    }
    assert alarms["nodes-cpu"].inputs["threshold"] == 80
    assert alarms["nodes-failed"].inputs["dimensions"] == {"ClusterName": "shop-prod"}
    assert alarms["nodes-failed"].inputs["namespace"] == "ContainerInsights"


def test_a_threshold_of_null_leaves_its_alarm_out() -> None:
    nothing = dict.fromkeys(("instance_cpu", "instance_memory", "instance_disk", "error_percent"))
    alarms = named(eks(thresholds=nothing), "aws:cloudwatch/metricAlarm:MetricAlarm")
    assert set(alarms) == {"pods-waiting", "nodes-failed"}


def test_the_kubernetes_provider_asks_aws_for_its_token_and_holds_none(prod: Snapshot) -> None:
    provider = only(prod, "pulumi:providers:kubernetes")
    config = json.loads(provider.inputs["kubeconfig"])
    assert config["clusters"][0]["cluster"]["server"].endswith(".ap-south-1.eks.amazonaws.com")
    [user] = config["users"]
    assert user["user"]["exec"]["args"][:4] == ["--region", "ap-south-1", "eks", "get-token"]
    assert "token" not in user["user"]
    assert user["user"]["exec"]["env"] == []
    releases = prod.of_type("kubernetes:helm.sh/v3:Release")
    assert len(releases) == 2
    assert all(item.options["provider"].startswith(provider.urn) for item in releases)


ROLE = "arn:aws:iam::111122223333:role/deployer"


@pytest.mark.parametrize(
    ("config", "arguments", "environment"),
    [
        ({"profile": "work"}, ["--profile", "work"], {}),
        ({"assumeRoles": [{"roleArn": ROLE, "sessionName": "ci"}]}, ["--role-arn", ROLE], {}),
        (
            {"profile": "work", "assumeRoles": [{"roleArn": ROLE}], "sharedConfigFiles": ["team.ini"]},
            ["--profile", "work", "--role-arn", ROLE],
            {"AWS_CONFIG_FILE": "team.ini"},
        ),
        (
            {"assumeRoleWithWebIdentity": {"roleArn": ROLE, "webIdentityTokenFile": "/run/token"}},
            [],
            {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/run/token"},
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_the_cluster_is_asked_as_who_the_aws_provider_is(
    config: dict[str, Any], arguments: list[str], environment: dict[str, str]
) -> None:
    provider = only(eks(config=_as_config(config)), "pulumi:providers:kubernetes")
    asked = json.loads(provider.inputs["kubeconfig"])["users"][0]["user"]["exec"]
    assert asked["args"][asked["args"].index("json") + 1 :] == arguments
    assert {entry["name"]: entry["value"] for entry in asked["env"]} == environment


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"assumeRoles": [{"roleArn": ROLE}, {"roleArn": ROLE}]}, "aws:assumeRoles: found 2 roles, allowed is one"),
        ({"assumeRoles": [{"roleArn": ROLE, "externalId": "x"}]}, "found a role with externalId, allowed is roleArn"),
        ({"assumeRoleWithWebIdentity": {"roleArn": ROLE, "webIdentityToken": "t"}}, "found webIdentityToken, allowed"),
        ({"sharedCredentialsFiles": ["a", "b"]}, "aws:sharedCredentialsFiles: found 2 files, allowed is one"),
        ({"secretKey": "never-in-a-kubeconfig"}, "aws:secretKey: found a key, allowed is nothing"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_what_the_aws_cli_cannot_be_told_stops_the_preview(config: dict[str, Any], found: str) -> None:
    with pytest.raises(pulumi.RunError, match=rf"Pulumi\.prod\.yaml .*{found}") as stopped:
        eks(config=_as_config(config))
    assert "never-in-a-kubeconfig" not in str(stopped.value)


def _as_config(settings: dict[str, Any]) -> dict[str, str]:
    return {f"aws:{name}": value if isinstance(value, str) else json.dumps(value) for name, value in settings.items()}


def test_where_somebody_administers_the_cluster_its_maker_gets_no_entry_by_itself() -> None:
    """AWS refuses a second entry for one principal, and whoever makes the cluster may be one of those who are named."""
    everywhere = {"principal": ROLE, "level": "cluster-admin"}
    for one, bootstrapped in (
        (everywhere, False),
        ({**everywhere, "namespaces": ["shop"]}, True),
        ({"principal": ROLE, "level": "edit"}, True),
    ):
        snapshot = eks({"access": {"one": one}})
        cluster = only(snapshot, "aws:eks/cluster:Cluster")
        assert cluster.inputs["accessConfig"]["bootstrapClusterCreatorAdminPermissions"] is bootstrapped
        # Afterwards it decides nothing, and would replace the cluster.
        assert cluster.options["ignoreChanges"] == ["accessConfig.bootstrapClusterCreatorAdminPermissions"]
        entry = only(snapshot, "aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
        first = named(snapshot, "kubernetes:helm.sh/v3:Release")["aws-load-balancer-controller"]
        assert waits_for(snapshot, first, entry)


@pytest.mark.parametrize(
    ("caller", "outside"),
    [
        ("arn:aws:sts::111122223333:assumed-role/deployer/ci", False),
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_1/ann", False),
        ("arn:aws:sts::111122223333:assumed-role/other/ci", True),
        # The name of a user is no session's.
        ("arn:aws:iam::111122223333:user/deployer", False),
    ],
)
def test_a_role_that_could_put_no_object_into_the_cluster_is_told_so(caller: str, outside: bool) -> None:
    sso = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_1"
    assert entries.is_outside(caller, [ROLE, sso]) is outside


def test_rendered_objects_name_charts_for_gitops_instead_of_installing_them(prod: Snapshot) -> None:
    snapshot = eks({"objects": "render", "render_to": "build/objects"})
    provider = only(snapshot, "pulumi:providers:kubernetes")
    assert provider.inputs["renderYamlToDirectory"] == "build/objects"
    assert "kubeconfig" not in provider.inputs
    assert snapshot.of_type("kubernetes:helm.sh/v3:Release") == []
    applications = named(snapshot, "kubernetes:argoproj.io/v1alpha1:Application")
    releases = named(prod, "kubernetes:helm.sh/v3:Release")
    assert set(applications) == set(releases)
    for name, item in applications.items():
        source = item.inputs["spec"]["source"]
        assert source["targetRevision"] == releases[name].inputs["version"]
        assert source["helm"]["valuesObject"] == releases[name].inputs["values"]


def test_karpenter_starts_nodes_beside_the_first_group() -> None:
    snapshot = eks({"scaling": "karpenter"})
    assert set(named(snapshot, "aws:eks/nodeGroup:NodeGroup")) == {"general-purpose"}
    assert "karpenter" in named(snapshot, "kubernetes:helm.sh/v3:Release")
    pool = only(snapshot, "kubernetes:karpenter.sh/v1:NodePool").inputs["spec"]
    template = pool["template"]["spec"]
    assert {item["key"]: item["values"] for item in template["requirements"]} == {
        "node.kubernetes.io/instance-type": ["c5.large", "c5.xlarge"],
        "karpenter.sh/capacity-type": ["spot"],
    }
    assert template["taints"] == [{"key": "spot", "value": "yes", "effect": "NoSchedule"}]
    assert pool["template"]["metadata"]["labels"][nodes.GROUP_LABEL] == "compute-optimized"
    assert pool["limits"] == {"cpu": "20"}
    kind = only(snapshot, "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass").inputs["spec"]
    assert kind["subnetSelectorTerms"] == [{"id": "subnet-a"}, {"id": "subnet-b"}]
    assert kind["securityGroupSelectorTerms"] == [{"id": snapshot.outputs["node-group"]}]
    assert kind["metadataOptions"]["httpTokens"] == "required"
    assert kind["blockDeviceMappings"][0]["ebs"]["kmsKeyID"] == VOLUMES_KEY


def test_karpenters_nodes_may_join_and_its_queue_hears_of_interruptions() -> None:
    snapshot = eks({"scaling": "karpenter"})
    role = named(snapshot, "aws:iam/role:Role")["karpenter-node"]
    entry = named(snapshot, "aws:eks/accessEntry:AccessEntry")["karpenter-node"]
    assert (entry.inputs["type"], entry.inputs["principalArn"]) == ("EC2_LINUX", role.outputs["arn"])
    assert policy(snapshot, "karpenter")["PassNodeRole"]["Resource"] == [role.outputs["arn"]]
    assert set(named(snapshot, "aws:cloudwatch/eventRule:EventRule")) == {
        "karpenter-spot",
        "karpenter-rebalance",
        "karpenter-state",
        "karpenter-health",
    }
    queue = only(snapshot, "aws:sqs/queue:Queue")
    release = named(snapshot, "kubernetes:helm.sh/v3:Release")["karpenter"]
    assert release.inputs["values"]["settings"]["interruptionQueue"] == queue.outputs["name"]
    documents = json.loads(only(snapshot, "aws:sqs/queuePolicy:QueuePolicy").inputs["policy"])["Statement"]
    assert {item["Sid"] for item in documents} == {"AllowEventBridge", "TlsOnly"}


def test_karpenter_takes_over_the_only_group() -> None:
    wanted = KubernetesSettings.model_validate({"scaling": "karpenter", "nodes": {"general": {}}})
    assert set(managed_groups(wanted)) == set(pools(wanted)) == {"general"}


def test_in_auto_mode_aws_brings_nodes_and_their_add_ons() -> None:
    snapshot = eks({"scaling": "auto-mode"})
    cluster = only(snapshot, "aws:eks/cluster:Cluster").inputs
    role = named(snapshot, "aws:iam/role:Role")["node"]
    assert cluster["computeConfig"] == {
        "enabled": True,
        "nodePools": ["general-purpose", "system"],
        "nodeRoleArn": role.outputs["arn"],
    }
    assert cluster["storageConfig"] == {"blockStorage": {"enabled": True}}
    assert cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"] == {"enabled": True}
    assert snapshot.of_type("aws:eks/nodeGroup:NodeGroup") == []
    assert set(named(snapshot, "aws:eks/addon:Addon")) == {addons.METRICS, addons.SECRETS, addons.INSIGHTS}
    assert snapshot.outputs["node-group"].startswith("sg-c")
    config = only(snapshot, "kubernetes:core/v1:ConfigMap").inputs
    assert config["data"] == {"enable-network-policy-controller": "true"}
    trusted = json.loads(named(snapshot, "aws:iam/role:Role")["control-plane"].inputs["assumeRolePolicy"])
    assert trusted["Statement"][0]["Action"] == ["sts:AssumeRole", "sts:TagSession"]


MODES: list[dict[str, Any]] = [
    {},
    {"scaling": "karpenter", "way_in": "nlb"},
    {"scaling": "auto-mode"},
    {"objects": "render", "application_insights": False},
]


@pytest.mark.parametrize("wanted", MODES)
def test_the_first_preview_declares_the_same_with_everything_unknown(wanted: dict[str, Any]) -> None:
    def urns(snapshot: Snapshot) -> list[str]:
        return sorted(item.urn for item in snapshot.resources)

    assert urns(eks(wanted, unknowns=True)) == urns(eks(wanted))


@pytest.mark.parametrize("wanted", MODES)
def test_a_known_preview_leaves_nothing_unknown(wanted: dict[str, Any]) -> None:
    text = eks(wanted).dumps()
    assert json.dumps(to_marker(Opaque.UNKNOWN)) not in " ".join(text.split())
    # An input of which a computed value is made, and which is not there.
    assert not re.search(r"<[a-zA-Z]+>", text)


@pytest.mark.parametrize("unknowns", [False, True], ids=["known", "first preview"])
@pytest.mark.parametrize("wanted", MODES)
def test_the_guardrails_find_nothing_mandatory(wanted: dict[str, Any], unknowns: bool) -> None:
    verdicts = judge(eks(wanted, unknowns=unknowns), TODAY)
    assert [(finding.rule.name, finding.resource.name, finding.message) for finding in verdicts.blocking] == []
    assert [finding.rule.name for finding in verdicts.findings if finding.broken] == []


@pytest.mark.parametrize("prefix", ["a", "the-longest-of-all-names"])
def test_names_stay_within_what_aws_takes(prefix: str) -> None:
    snapshot = eks({"scaling": "karpenter"}, name=prefix)
    for role in snapshot.of_type("aws:iam/role:Role"):
        assert len(role.outputs["name"]) <= 64
    for group in snapshot.of_type("aws:eks/nodeGroup:NodeGroup"):
        assert len(group.outputs["nodeGroupName"]) <= 63


def test_a_group_knows_its_pods_by_its_smallest_class() -> None:
    group = NodeGroupSettings.model_validate({"classes": ["t3.large", "t3.small"]})
    assert nodes.max_pods(group, prefixes=False) == 11
