"""The Kubernetes cluster of the engine ``eks``: version, endpoint, who may enter, the nodes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.edge.settings import AddressRange
from groundwork.settings.base import Model, Name

ControlPlaneLog = Literal["api", "audit", "authenticator", "controllerManager", "scheduler"]
NodeClass = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9]+$")]
LabelKey = Annotated[
    str,
    Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$"),
]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")]


MOST_NODES = 10_000
"""Of a managed group, against a slip of the pen. What AWS takes is a quota, ``nodes-per-node-group``."""


class TaintSettings(Model):
    """Keeps pods off nodes, unless they tolerate it."""

    value: LabelValue = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class NodeGroupSettings(Model):
    """A managed node group: instances of the cluster that AWS replaces, drains and repairs."""

    classes: Annotated[tuple[NodeClass, ...], Field(min_length=1, max_length=20)] = ("t3.medium",)
    """Instance classes, the preferred first; Spot wants several. All of one architecture."""
    min: Annotated[int, Field(ge=0, le=MOST_NODES)] = 1
    max: Annotated[int, Field(ge=1, le=MOST_NODES)] = 4
    desired: Annotated[int, Field(ge=0, le=MOST_NODES)] | None = None
    """How many start; what scales the group decides later. Unset, ``min``."""
    spot: bool = False
    """Spare capacity, up to 90 % cheaper, which AWS takes back within two minutes. Only what is not stateful belongs there."""
    volume: Annotated[int, Field(ge=20, le=65_536)] = 50
    """GiB of each node's root volume."""
    labels: dict[LabelKey, LabelValue] = {}
    taints: dict[LabelKey, TaintSettings] = {}

    @property
    def starts_with(self) -> int:
        return self.min if self.desired is None else self.desired

    @model_validator(mode="after")
    def _in_order(self) -> NodeGroupSettings:
        if not self.min <= self.starts_with <= self.max:
            raise PydanticCustomError(
                "nodes",
                "desired ({desired}) must lie between min ({min}) and max ({max})"
                if self.min <= self.max
                else "min ({min}) is more than max ({max})",
                {
                    "desired": self.starts_with,
                    "min": self.min,
                    "max": self.max,
                    "at": ("desired" if self.min <= self.max else "min",),
                },
            )
        return self


AccessLevel = Literal["view", "edit", "admin", "cluster-admin"]


class AdministratorSettings(Model):
    """Somebody who may use the cluster: an IAM role or user, by an access entry."""

    principal: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+$")]
    level: AccessLevel = "view"
    """AWS's access policies: AmazonEKSViewPolicy, …EditPolicy, …AdminPolicy, …ClusterAdminPolicy."""
    namespaces: tuple[Name, ...] = ()
    """Where; empty, everywhere."""


class KubernetesSettings(Model):
    """The cluster and its nodes."""

    version: Annotated[str, Field(pattern=r"^1\.\d{2}$")] = "1.36"
    """Of Kubernetes; unset, the newest that AWS had in standard support when this was published. One minor version up at a time,
    never down."""
    endpoint: Literal["private", "public"] | None = None
    """Where the API answers: inside the network only, or also on the internet, to ``endpoint_addresses`` alone. Unset: private
    in prod, and elsewhere public where addresses are given."""
    endpoint_addresses: tuple[AddressRange, ...] = ()
    """Who reaches the endpoint: a public one, the office and the pipeline by their public addresses; a private one, what is
    inside the network or joined to it, and unset, the private subnets. Never everybody."""
    access: dict[Name, AdministratorSettings] = {}
    """People and pipelines. Where one of them is ``cluster-admin`` of all namespaces, these are all who enter, and whoever runs
    updates is one of them; else the role that makes the cluster is its administrator too, and cannot be named here."""
    logs: tuple[ControlPlaneLog, ...] = ("api", "audit", "authenticator", "controllerManager", "scheduler")
    """What the control plane logs."""
    nodes: dict[Name, NodeGroupSettings] = {"general": NodeGroupSettings()}
    scaling: Literal["cluster-autoscaler", "karpenter", "auto-mode"] = "cluster-autoscaler"
    """What adds and removes nodes. ``cluster-autoscaler`` moves the groups between their min and max; ``karpenter`` starts
    instances of its own beside the first group; ``auto-mode``: AWS runs nodes and add-ons, and groups are not made."""
    upgrade_support: Literal["standard", "extended"] = "standard"
    """At the end of standard support: ``standard`` lets AWS upgrade the cluster, ``extended`` pays six times the price to stay."""
    objects: Literal["apply", "render"] = "apply"
    """``apply``: an update of the stack creates the objects through the API, which it must reach: inside the network where the
    endpoint is private. ``render``: it writes them into ``render_to``, from where GitOps applies them."""
    render_to: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.][A-Za-z0-9_./-]*$")] | None = None
    """The folder, relative to the program. Unset, ``build/kubernetes/<platform>-<stage>``, which git ignores; GitOps wants one
    that it keeps, such as ``deploy/prod``."""
    way_in: Literal["alb", "nlb"] = "alb"
    """``alb``: the platform's load balancer, with its WAF and CloudFront, as on every engine. ``nlb``: the default service also
    answers at a Network Load Balancer made by its Kubernetes Service."""
    address_prefixes: bool = True
    """Nodes take /28 prefixes instead of single addresses, so that their size and not their interfaces limits their pods."""
    application_insights: bool = True
    """Container Insights with enhanced observability, and pods' logs, by the CloudWatch add-on."""
