"""Servers in groups and alone: how they start, spread, and what is in their user data."""

from __future__ import annotations

import base64
import binascii

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.rules import ADVISORY_IN_DEV, Level, Messages, resource_rule, stack_rule
from guardrails.secret_names import secrets_in
from guardrails.stack import Stack
from guardrails.view import Resource
from guardrails.zones import in_one_zone

_PARAVIRTUAL = {"c1", "c3", "hs1", "m1", "m2", "m3", "t1"}
"""Families that can run paravirtual images (EC2 user guide, "Linux AMI virtualization types")."""


@resource_rule(
    "No secret stands in the user data of a server",
    "high",
    kinds.INSTANCE,
    kinds.LAUNCH_TEMPLATE,
    kinds.LAUNCH_CONFIGURATION,
    kinds.SPOT_FLEET,
    ids=("checkov:CKV_AWS_46",),
    why="Every program on the server, and everyone who may describe it, reads the user data.",
    fix="Keep it in Secrets Manager or Parameter Store and let the server fetch it with its role.",
)
def user_data_no_secrets(server: Resource) -> Messages:
    blocks = server.items("launchSpecifications") if server.type == kinds.SPOT_FLEET else [server]
    for block in blocks:
        for path in ("userData", "userDataBase64"):
            for words in secrets_in(_plain(str(block.get(path, "")))):
                yield f"{path} holds {words}"


def _plain(text: str) -> str:
    """Return the text itself, decoded where it is base64, as a launch template has it."""
    try:
        return base64.b64decode(text, validate=True).decode("utf-8") if text else ""
    except (binascii.Error, ValueError):
        return text


@resource_rule(
    "The metadata service answers the server itself only",
    "low",
    kinds.INSTANCE,
    kinds.LAUNCH_TEMPLATE,
    kinds.LAUNCH_CONFIGURATION,
    ids=("checkov:CKV_AWS_341",),
    why="With more than one hop a container on the server gets the server's credentials.",
    fix="Set metadataOptions.httpPutResponseHopLimit to 1; containers that need it get a role of their own.",
)
def metadata_hop_limit(server: Resource) -> Messages:
    hops = server.number("metadataOptions.httpPutResponseHopLimit")
    if hops > 1 and server.get("metadataOptions.httpEndpoint") != "disabled":
        yield f"its metadata service answers over {hops} hops (metadataOptions.httpPutResponseHopLimit)"


@resource_rule(
    "Servers have one network interface",
    "low",
    kinds.INSTANCE,
    kinds.LAUNCH_TEMPLATE,
    ids=("fsbp:EC2.17",),
    why="A server with a foot in two networks joins what was kept apart.",
    fix="Remove all but one of networkInterfaces.",
)
def server_one_interface(server: Resource) -> Messages:
    count = len(server.items("networkInterfaces"))
    if count > 1:
        yield f"it has {count} network interfaces"


@resource_rule(
    "Servers run on current hardware virtualization",
    "medium",
    kinds.INSTANCE,
    kinds.LAUNCH_TEMPLATE,
    kinds.LAUNCH_CONFIGURATION,
    ids=("fsbp:EC2.24",),
    why="Paravirtual servers get neither new instance types nor the isolation of Nitro.",
    fix="Use a current family such as t4g, m7g or c7g.",
)
def server_not_paravirtual(server: Resource) -> Messages:
    kind = str(server.get("instanceType", ""))
    if kind.split(".", maxsplit=1)[0] in _PARAVIRTUAL:
        yield f"{kind} belongs to a paravirtual generation"


@resource_rule(
    "Network interfaces check where packets come from",
    "medium",
    kinds.INSTANCE,
    kinds.NETWORK_INTERFACE,
    ids=("fsbp:EC2.180",),
    why="Without the check a server may send under any address, as only a router or NAT has to.",
    fix="Remove sourceDestCheck: false; use a NAT gateway instead of a NAT server.",
    levels=ADVISORY_IN_DEV,
)
def interface_source_check(interface: Resource) -> Messages:
    if not interface.truth("sourceDestCheck"):
        yield "it passes on packets of others (sourceDestCheck)"


@stack_rule(
    "Disks of spot fleets are encrypted",
    "medium",
    kinds.SPOT_FLEET,
    ids=("fsbp:EC2.173",),
    why="Snapshots of an unencrypted disk can be read wherever they are shared to.",
    fix="Set encrypted on every block device, or use a launch template that does.",
)
def spot_fleet_encrypted(fleet: Resource, stack: Stack) -> Messages:
    if any(setting.truth("enabled") for setting in stack.of_type(kinds.EBS_DEFAULT)):
        return
    for specification in fleet.items("launchSpecifications"):
        disks = [disk for path in ("rootBlockDevices", "ebsBlockDevices") for disk in specification.items(path)]
        if not disks:
            yield f"{specification.path} declares no disk, and so does not say that its root disk is encrypted"
        for disk in disks:
            if not disk.truth("encrypted"):
                yield f"{disk.path} is not encrypted"


@stack_rule(
    "Groups replace a server that the load balancer finds ill",
    "low",
    kinds.AUTO_SCALING_GROUP,
    ids=("fsbp:AutoScaling.1", "checkov:CKV2_AWS_15"),
    why="A server that runs but answers nothing is healthy to EC2, and stays.",
    fix="Set healthCheckType to ELB.",
)
def group_health_by_balancer(group: Resource, stack: Stack) -> Messages:
    attached = any(group.has(path) for path in ("targetGroupArns", "loadBalancers", "trafficSources"))
    attached = attached or bool(
        stack.referrers(group, "autoscalingGroupName", kinds.AUTO_SCALING_ATTACHMENT, kinds.AUTO_SCALING_SOURCE)
    )
    if attached and "ELB" not in str(group.get("healthCheckType")):
        yield "it ignores what its load balancer finds (healthCheckType is EC2)"


@stack_rule(
    "Groups of servers span two zones",
    "medium",
    kinds.AUTO_SCALING_GROUP,
    ids=("fsbp:AutoScaling.2",),
    why="When the one zone fails, all servers are gone and none can start.",
    fix="List subnets of two or more zones in vpcZoneIdentifiers; a server with a disk of its own stays in its zone.",
    levels=dict.fromkeys(("dev", "staging", "prod"), Level.ADVISORY),
)
def group_two_zones(group: Resource, stack: Stack) -> Messages:
    if group.has("vpcZoneIdentifiers"):
        if in_one_zone(group, stack, "vpcZoneIdentifiers"):
            yield "all its subnets are in one zone (vpcZoneIdentifiers)"
    elif len(set(group.strings("availabilityZones"))) < 2:
        yield "it names fewer than two zones (availabilityZones)"


@resource_rule(
    "Groups of servers can use several instance types",
    "low",
    kinds.AUTO_SCALING_GROUP,
    ids=("fsbp:AutoScaling.6",),
    why="When a zone runs out of one type, nothing starts.",
    fix="Use mixedInstancesPolicy with several overrides, or instanceRequirements.",
)
def group_several_types(group: Resource) -> Messages:
    overrides = group.node("mixedInstancesPolicy.launchTemplate").items("overrides")
    if len(overrides) < 2 and not any(one.has("instanceRequirements") for one in overrides):
        yield "it can start one instance type only (mixedInstancesPolicy)"


@resource_rule(
    "Groups of servers start from a launch template",
    "medium",
    kinds.AUTO_SCALING_GROUP,
    kinds.LAUNCH_CONFIGURATION,
    ids=("fsbp:AutoScaling.9", "checkov:CKV_AWS_315"),
    why="Launch configurations have no versions and know no newer instance type.",
    fix="Declare an aws.ec2.LaunchTemplate and name it in launchTemplate or mixedInstancesPolicy.",
)
def group_launch_template(group: Resource) -> Messages:
    if group.type == kinds.LAUNCH_CONFIGURATION:
        yield "it is a launch configuration"
    elif group.has("launchConfiguration"):
        yield "it starts from a launch configuration"


@resource_rule(
    "Volumes are encrypted with a customer-managed key",
    "low",
    kinds.EBS_VOLUME,
    ids=("checkov:CKV_AWS_189",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in kmsKeyId.",
)
def volume_customer_key(volume: Resource) -> Messages:
    if not names_customer_key(volume, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


@resource_rule(
    "No image of a server is shared with everyone",
    "critical",
    kinds.AMI_PERMISSION,
    ids=(),
    why="An image holds the program, its configuration and often keys.",
    fix="Name accountId or organizationArn instead of the group all.",
)
def image_not_public(permission: Resource) -> Messages:
    if permission.get("group") == "all":
        yield "every AWS account may start the image (group is all)"


@resource_rule(
    "Snapshots of disks cannot be shared with everyone",
    "high",
    kinds.SNAPSHOT_BLOCK,
    ids=("securityhub:EC2.182",),
    why="A public snapshot is a public copy of the disk; scanners look for new ones.",
    fix="Set state to block-all-sharing.",
)
def snapshot_sharing_blocked(setting: Resource) -> Messages:
    if setting.get("state") == "unblocked":
        yield "snapshots may be shared with everyone (state is unblocked)"
