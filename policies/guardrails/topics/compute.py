"""Servers and their disks."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError


@stack_rule(
    "Servers answer metadata requests only with a session token",
    "high",
    kinds.INSTANCE,
    kinds.LAUNCH_TEMPLATE,
    kinds.LAUNCH_CONFIGURATION,
    ids=("fsbp:EC2.8", "fsbp:EC2.170", "fsbp:AutoScaling.3", "checkov:CKV_AWS_79", "cis:v3.0.0/5.6"),
    why="With IMDSv1 one forged request inside the application hands out the server's credentials.",
    fix='Set metadataOptions.httpTokens to "required".',
)
def imdsv2_required(server: Resource, stack: Stack) -> Messages:
    if server.get("metadataOptions.httpEndpoint") == "disabled" or _left_to_template(server, stack, "metadataOptions"):
        return
    defaults = stack.of_type(kinds.METADATA_DEFAULTS)
    if not server.has("metadataOptions.httpTokens") and any(one.get("httpTokens") == "required" for one in defaults):
        return
    if server.get("metadataOptions.httpTokens") != "required":
        yield "the instance metadata service answers without a token (IMDSv1)"


def _left_to_template(server: Resource, stack: Stack, *paths: str) -> bool:
    """Tell whether a server says nothing itself and starts from a launch template, which is judged in its place."""
    if server.type != kinds.INSTANCE or not server.has("launchTemplate") or any(server.has(path) for path in paths):
        return False
    if not stack.targets(server, "launchTemplate", kinds.LAUNCH_TEMPLATE):
        raise UndeterminedError("launchTemplate", "not of this stack")
    return True


@stack_rule(
    "Server disks are encrypted",
    "high",
    kinds.INSTANCE,
    kinds.LAUNCH_TEMPLATE,
    kinds.LAUNCH_CONFIGURATION,
    ids=("fsbp:EC2.3", "fsbp:EC2.181", "checkov:CKV_AWS_8", "cis:v3.0.0/2.2.1"),
    why="Snapshots of an unencrypted disk can be read wherever they are shared to.",
    fix="Set encrypted on the root block device and every other one, or declare aws.ebs.EncryptionByDefault.",
)
def server_disks_encrypted(server: Resource, stack: Stack) -> Messages:
    if any(setting.truth("enabled") for setting in stack.of_type(kinds.EBS_DEFAULT)):
        return
    if _left_to_template(server, stack, "rootBlockDevice", "ebsBlockDevices"):
        return
    if server.type == kinds.LAUNCH_TEMPLATE:
        mappings = [mapping for mapping in server.items("blockDeviceMappings") if mapping.has("ebs")]
        disks = [mapping.node("ebs") for mapping in mappings]
    else:
        disks = [
            *(server.items("rootBlockDevice") or [server.node("rootBlockDevice")]),
            *server.items("ebsBlockDevices"),
        ]
    if not disks:
        yield "it declares no disk, and so does not say that its root disk is encrypted"
    for disk in disks:
        if not disk.truth("encrypted"):
            yield f"{disk.path} is not encrypted"


@resource_rule(
    "Volumes are encrypted",
    "high",
    kinds.EBS_VOLUME,
    ids=("fsbp:EC2.3", "checkov:CKV_AWS_3"),
    why="Snapshots of an unencrypted volume can be read wherever they are shared to.",
    fix="Set encrypted to true.",
)
def volume_encrypted(volume: Resource) -> Messages:
    if not volume.truth("encrypted"):
        yield "it is not encrypted"


@resource_rule(
    "Encryption of new volumes is not turned off",
    "medium",
    kinds.EBS_DEFAULT,
    ids=("fsbp:EC2.7", "checkov:CKV_AWS_106"),
    why="The account's default is the net below every volume that somebody forgets.",
    fix="Set enabled to true.",
)
def volume_encryption_default(setting: Resource) -> Messages:
    if not setting.truth("enabled"):
        yield "volumes are no longer encrypted by default"


@resource_rule(
    "File systems are encrypted",
    "high",
    kinds.FILE_SYSTEM,
    ids=("fsbp:EFS.1", "fsbp:EFS.8", "checkov:CKV_AWS_42", "checkov:CKV_AWS_184", "cis:v3.0.0/2.4.1"),
    why="It cannot be turned on later; an unencrypted file system has to be copied.",
    fix="Set encrypted to true.",
)
def file_system_encrypted(system: Resource) -> Messages:
    if not system.truth("encrypted"):
        yield "it is not encrypted"


_BEANSTALK = {
    ("aws:elasticbeanstalk:healthreporting:system", "SystemType"): (
        "enhanced",
        "its health is reported only in outline",
    ),
    ("aws:elasticbeanstalk:cloudwatch:logs", "StreamLogs"): ("true", "its logs end with its servers"),
    ("aws:elasticbeanstalk:managedactions", "ManagedActionsEnabled"): (
        "true",
        "its platform takes no updates by itself",
    ),
}
"""What an environment of Elastic Beanstalk is asked for: option, value, what is wrong without it. None of them is the default
of an environment that a program makes (Elastic Beanstalk developer guide, "General options for all environments")."""


@resource_rule(
    "Environments of Elastic Beanstalk are updated and watched",
    "medium",
    kinds.BEANSTALK,
    ids=(
        "fsbp:ElasticBeanstalk.1",
        "fsbp:ElasticBeanstalk.2",
        "fsbp:ElasticBeanstalk.3",
        "checkov:CKV_AWS_312",
        "checkov:CKV_AWS_340",
    ),
    why="The platform carries the security fixes of the system and of the language; what went wrong stands in the logs.",
    fix="Set the options that the finding names in settings, each with its namespace.",
    levels=ADVISORY_IN_DEV,
)
def beanstalk_settings(environment: Resource) -> Messages:
    # Settings may also come from a saved configuration, which a template names.
    elsewhere = environment.has("templateName")
    said = {
        (str(item.get("namespace", "")), str(item.get("name", ""))): str(item.get("value", "")).lower()
        for item in environment.items("settings")
    }
    for (namespace, name), (wanted, wrong) in _BEANSTALK.items():
        if (namespace, name) not in said and elsewhere:
            raise UndeterminedError("templateName", "not read")
        if said.get((namespace, name)) != wanted:
            yield f"{wrong} ({name} in {namespace})"
