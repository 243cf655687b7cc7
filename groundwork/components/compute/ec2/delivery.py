"""What it takes to deploy another image on instances: to start a service's unit anew, and no other command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pulumi_aws as aws

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.settings.images import restart_document

_SCRIPT = Path(__file__).with_name("restart.sh")


def delivery(parent: Component, services: Sequence[str]) -> tuple[Statement, ...]:
    """Create the Systems Manager document that starts a service anew, and return the permissions to run it on this platform's instances.

    Whoever may run AWS's own document for shell scripts is root on every instance.
    https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html
    """
    platform = parent.context.platform
    document = aws.ssm.Document(
        f"{parent.name}-restart",
        # Fixed, because ``groundwork deploy`` looks for it.
        name=restart_document(parent.context.slug),
        document_type="Command",
        document_format="JSON",
        target_type="/AWS::EC2::Instance",
        content=json.dumps(_content(services)),
        opts=parent.child(),
    )
    tags = {"ssm:resourceTag/platform": platform.name, "ssm:resourceTag/stage": platform.stage}
    return (
        Statement("RestartServices", ("ssm:SendCommand",), (document.arn,)),
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
            ),
            ("*",),
        ),
    )


def _content(services: Sequence[str]) -> dict[str, object]:
    return {
        "schemaVersion": "2.2",
        "description": "Start a service anew, with the image that its parameter names, and wait until it is well.",
        "parameters": {
            "service": {"type": "String", "description": "As the stack file calls it.", "allowedValues": list(services)}
        },
        "mainSteps": [
            {
                "action": "aws:runShellScript",
                "name": "restart",
                "inputs": {
                    "timeoutSeconds": "900",
                    "runCommand": _SCRIPT.read_text(encoding="utf-8").splitlines(),
                },
            }
        ],
    }
