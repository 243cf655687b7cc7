"""A component that a provider makes elsewhere, as pulumi-eks does: its parts are not in this program."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws


class Cluster(pulumi.ComponentResource):
    core: pulumi.Output[dict]
    kubeconfig: pulumi.Output[dict]
    subnets: pulumi.Output[Sequence[str]]
    """Asked for by a strategy, and answered with what that comes to."""

    def __init__(self, name: str, args: dict, opts: pulumi.ResourceOptions | None = None) -> None:
        outputs = {"core": None, "kubeconfig": None}
        super().__init__("eks:index:Cluster", name, {**args, **outputs}, opts, remote=True)

    def get_kubeconfig(self, profile: str) -> pulumi.Output[str]:
        answer = pulumi.runtime.call(
            "eks:index:Cluster/getKubeconfig", {"__self__": self, "profileName": profile}, self
        )
        return answer.apply(lambda said: said["result"])


role = aws.iam.Role(
    "nodes",
    assume_role_policy=aws.iam.get_policy_document(
        statements=[
            {
                "actions": ["sts:AssumeRole"],
                "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}],
            }
        ]
    ).json,
)
cluster = Cluster("main", {"instanceRole": role, "desiredCapacity": 2, "subnets": {"strategy": "Auto"}})
aws.eks.Addon("dns", cluster_name=cluster.core.apply(lambda core: core["cluster"]["name"]), addon_name="coredns")
pulumi.export("kubeconfig", cluster.kubeconfig)
pulumi.export("subnets", cluster.subnets)
pulumi.export("for-people", cluster.get_kubeconfig("people"))
