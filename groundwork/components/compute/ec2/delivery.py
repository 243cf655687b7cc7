"""What it takes to deploy another image on instances: to start a service's unit anew, to run a job, and no other command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pulumi_aws as aws

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.ec2.commands import job_document, restart_document, script

_DAY = 86_400
_IMAGE = r"^([a-z0-9][A-Za-z0-9._:/@-]{0,500})?$"
"""Empty for the image that is delivered."""


def delivery(parent: Component, services: Sequence[str], jobs: Sequence[str]) -> tuple[Statement, ...]:
    """Create the Systems Manager documents that start a service anew and run a job, and return the permissions to run them on this
    platform's instances.

    Whoever may run AWS's own document for shell scripts is root on every instance.
    https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html
    """
    slug, platform = parent.context.slug, parent.context.platform
    documents = []
    if services:
        told = {"service": {"type": "String", "allowedValues": list(services)}}
        documents.append(_document(parent, "restart", restart_document(slug), told, seconds=900))
    if jobs:
        told = {
            "job": {"type": "String", "allowedValues": list(jobs)},
            "image": {"type": "String", "default": "", "allowedPattern": _IMAGE},
        }
        documents.append(_document(parent, "job", job_document(slug), told, seconds=_DAY))
    tags = {"ssm:resourceTag/platform": platform.name, "ssm:resourceTag/stage": platform.stage}
    return (
        Statement("RunDocuments", ("ssm:SendCommand",), [document.arn for document in documents]),
        Statement(
            "OnInstances", ("ssm:SendCommand",), (parent.context.arn("ec2", "instance/*"),), {"StringEquals": tags}
        ),
        # These take no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
        Statement(
            "SeeInstances",
            (
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeInstanceRefreshes",
                "ec2:DescribeInstances",
                "ssm:GetCommandInvocation",
                "ssm:ListCommands",
            ),
            ("*",),
        ),
    )


def _document(
    parent: Component, key: str, name: str, parameters: Mapping[str, Mapping[str, object]], *, seconds: int
) -> aws.ssm.Document:
    """Create the document that runs a script."""
    lines = script(key).splitlines()
    content = {
        "schemaVersion": "2.2",
        "description": lines[0].removeprefix("# "),
        "parameters": parameters,
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": key,
                "inputs": {"timeoutSeconds": str(seconds), "runCommand": lines[1:]},
            }
        ],
    }
    return aws.ssm.Document(
        f"{parent.name}-{key}",
        # Fixed, because ``groundwork deploy`` looks for it.
        name=name,
        document_type="Command",
        document_format="JSON",
        target_type="/AWS::EC2::Instance",
        content=json.dumps(content),
        opts=parent.child(),
    )
