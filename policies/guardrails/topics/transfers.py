"""Transfers (Transfer Family, DataSync): encrypted protocols, current algorithms, logged."""

from __future__ import annotations

import re

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule
from guardrails.view import Resource

_FIRST_POLICY = "TransferSecurityPolicy-2018-11"
"""What the provider sets where a program names no policy (aws.transfer.Server, securityPolicyName)."""
_YEAR = re.compile(r"(20\d\d)-\d\d$")
_OLDEST = 2022
"""Policies before it are of 2018 and 2020; a server that is made in the console gets one of 2024 (Transfer Family user guide,
"Security policies for AWS Transfer Family servers")."""


@resource_rule(
    "Files are not transferred in clear",
    "medium",
    kinds.TRANSFER_SERVER,
    ids=("fsbp:Transfer.2", "checkov:CKV_AWS_357"),
    why="FTP sends passwords and files in clear.",
    fix="Remove FTP from protocols; use SFTP, or FTPS with a certificate.",
)
def transfer_protocols(server: Resource) -> Messages:
    if "FTP" in server.strings("protocols"):
        yield "it takes FTP, which encrypts nothing (protocols)"


@resource_rule(
    "Transfer servers use current algorithms",
    "medium",
    kinds.TRANSFER_SERVER,
    ids=("checkov:CKV_AWS_380",),
    why="Older ciphers and hashes have known attacks, and clients choose them if they may.",
    fix="Set securityPolicyName to TransferSecurityPolicy-2024-01 or a later one.",
)
def transfer_security_policy(server: Resource) -> Messages:
    policy = str(server.get("securityPolicyName", _FIRST_POLICY))
    year = _YEAR.search(policy)
    if year and int(year[1]) < _OLDEST:
        yield f"its security policy is {policy} (securityPolicyName)"


@resource_rule(
    "Transfer servers stand in a VPC",
    "low",
    kinds.TRANSFER_SERVER,
    ids=("checkov:CKV_AWS_164",),
    why="An endpoint on the internet cannot be limited to the addresses of those who deliver.",
    fix="Set endpointType to VPC, with securityGroupIds that let in your partners' addresses.",
)
def transfer_in_vpc(server: Resource) -> Messages:
    if server.get("endpointType", "PUBLIC") == "PUBLIC":
        yield "it can be reached from the whole internet (endpointType)"


@resource_rule(
    "Transfers are logged",
    "medium",
    kinds.TRANSFER_SERVER,
    kinds.TRANSFER_CONNECTOR,
    ids=("fsbp:Transfer.3",),
    why="Who fetched which file stands only there.",
    fix="Set structuredLogDestinations (of a connector: loggingRole).",
    levels=ADVISORY_IN_DEV,
)
def transfer_logs(resource: Resource) -> Messages:
    if not resource.has("loggingRole") and not resource.has("structuredLogDestinations"):
        yield "it keeps no logs (loggingRole, structuredLogDestinations)"


@resource_rule(
    "Copies of data are logged",
    "medium",
    kinds.DATASYNC_TASK,
    ids=("fsbp:DataSync.1",),
    why="Which files could not be carried over stands only there.",
    fix="Name an aws.cloudwatch.LogGroup in cloudwatchLogGroupArn, and set options.logLevel to BASIC or TRANSFER.",
    levels=ADVISORY_IN_DEV,
)
def datasync_logs(task: Resource) -> Messages:
    # A task in enhanced mode always logs, to a group of DataSync's (CreateTask, CloudWatchLogGroupArn).
    if task.get("taskMode", "BASIC") == "ENHANCED":
        return
    if not task.has("cloudwatchLogGroupArn"):
        yield "it keeps no logs (cloudwatchLogGroupArn)"
    elif task.get("options.logLevel", "OFF") == "OFF":
        yield "it keeps no logs (options.logLevel)"
