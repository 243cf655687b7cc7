"""A cluster, its nodes, its identity provider, and objects inside: declared, from YAML, and from a chart."""

import json

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

network = aws.ec2.get_vpc(default=False, tags={"Name": "platform"})
subnets = aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": [network.id]}])
account = aws.get_caller_identity().account_id


def role(name: str, service: str, *policies: str) -> aws.iam.Role:
    made = aws.iam.Role(
        name,
        assume_role_policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}],
            }
        ),
    )
    for policy in policies:
        aws.iam.RolePolicyAttachment(f"{name}-{policy}", role=made.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}")
    return made


key = aws.kms.Key("secrets", enable_key_rotation=True, description="Secrets of the cluster")
control = role("control", "eks.amazonaws.com", "AmazonEKSClusterPolicy")
nodes = role("nodes", "ec2.amazonaws.com", "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryReadOnly")
cluster = aws.eks.Cluster(
    "main",
    role_arn=control.arn,
    vpc_config={"subnet_ids": subnets.ids, "endpoint_public_access": False, "endpoint_private_access": True},
    encryption_config={"provider": {"key_arn": key.arn}, "resources": ["secrets"]},
    enabled_cluster_log_types=["api", "audit", "authenticator", "controllerManager", "scheduler"],
)
group = aws.eks.NodeGroup(
    "main",
    cluster_name=cluster.name,
    node_role_arn=nodes.arn,
    subnet_ids=subnets.ids,
    scaling_config={"desired_size": 2, "min_size": 2, "max_size": 4},
)
issuer = cluster.identities[0].oidcs[0].issuer
identity = aws.iam.OpenIdConnectProvider("main", url=issuer, client_id_lists=["sts.amazonaws.com"])
bucket_reader = aws.iam.Role(
    "reader",
    assume_role_policy=pulumi.Output.all(identity.arn, issuer).apply(
        lambda known: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Principal": {"Federated": known[0]},
                        "Condition": {
                            "StringEquals": {
                                f"{known[1].removeprefix('https://')}:sub": "system:serviceaccount:shop:reader",
                                f"{known[1].removeprefix('https://')}:aud": "sts.amazonaws.com",
                            }
                        },
                    }
                ],
            }
        )
    ),
)
kubeconfig = pulumi.Output.json_dumps({"server": cluster.endpoint, "ca": cluster.certificate_authority.data})
inside = k8s.Provider("inside", kubeconfig=kubeconfig)
options = pulumi.ResourceOptions(provider=inside, depends_on=[group])
namespace = k8s.core.v1.Namespace("shop", opts=options)
k8s.apps.v1.Deployment(
    "shop",
    metadata={"namespace": namespace.metadata.name},
    spec={
        "selector": {"match_labels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            # A mistake of the program's: it may do on the node whatever root may.
            "spec": {
                "containers": [{"name": "shop", "image": "shop:1", "security_context": {"privileged": True}}],
            },
        },
    },
    opts=options,
)
k8s.yaml.ConfigGroup(
    "extra",
    yaml=[
        """
apiVersion: v1
kind: ConfigMap
metadata: {name: colours, namespace: shop}
data: {theme: dark}
---
apiVersion: v1
kind: Pod
metadata: {name: debugging, namespace: shop}
spec:
  hostNetwork: true
  containers: [{name: shell, image: "busybox:1"}]
"""
    ],
    opts=pulumi.ResourceOptions(provider=inside),
)
k8s.helm.v3.Chart(
    "ingress",
    k8s.helm.v3.ChartOpts(chart="ingress-nginx", fetch_opts={"repo": "https://charts.example.com"}),
    opts=pulumi.ResourceOptions(provider=inside),
)
pulumi.export("kubeconfig", pulumi.Output.secret(kubeconfig))
