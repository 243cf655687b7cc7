"""The published ways from some permissions to all of them.

The methods are those of Spencer Gietzen, "AWS IAM Privilege Escalation – Methods and Mitigation" (Rhino Security Labs,
2018), with the later additions that pathfinding.cloud (Datadog) collects and cloudsplaining checks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from guardrails import data
from guardrails.documents import PolicyStatement
from guardrails.iam.arns import names_one
from guardrails.iam.conditions import OF_PRINCIPAL, bound
from guardrails.iam.identities import Rights
from guardrails.iam.narrowing import chooses_resources, names_something
from guardrails.iam.patterns import matches
from guardrails.view import Resource

PASS_ROLE = "iam:PassRole"  # noqa: S105 - an action


class Method(NamedTuple):
    """Actions that together give more than each was meant to."""

    actions: tuple[str, ...]
    """The first one has to reach a resource that the principal was not meant to have; the others anything."""
    service: str = ""
    """The service that a role is passed to, without ``.amazonaws.com``."""

    def __str__(self) -> str:
        return " with ".join((self.actions[0], " and ".join(self.actions[1:]))) if self.actions[1:] else self.actions[0]


def _passing(service: str, *combinations: str) -> list[Method]:
    return [Method((PASS_ROLE, *combination.split(" ")), service) for combination in combinations]


PASSING = (
    *_passing("ec2", "ec2:RunInstances", "ec2:RequestSpotInstances", "ec2:RequestSpotFleet"),
    *_passing("ec2", "ec2:AssociateIamInstanceProfile", "ec2:ReplaceIamInstanceProfileAssociation"),
    *_passing("ec2", "autoscaling:CreateLaunchConfiguration autoscaling:CreateAutoScalingGroup"),
    *_passing(
        "lambda",
        "lambda:CreateFunction lambda:InvokeFunction",
        "lambda:CreateFunction lambda:CreateEventSourceMapping",
        "lambda:CreateFunction lambda:AddPermission",
        "lambda:CreateFunction lambda:CreateFunctionUrlConfig",
        "lambda:UpdateFunctionConfiguration lambda:UpdateFunctionCode",
    ),
    *_passing(
        "glue",
        "glue:CreateDevEndpoint",
        "glue:CreateJob glue:StartJobRun",
        "glue:CreateJob glue:CreateTrigger",
        "glue:UpdateJob glue:StartJobRun",
        "glue:UpdateJob glue:CreateTrigger",
        "glue:CreateSession glue:RunStatement",
    ),
    *_passing(
        "cloudformation",
        "cloudformation:CreateStack",
        "cloudformation:UpdateStack",
        "cloudformation:CreateStackSet cloudformation:CreateStackInstances",
        "cloudformation:UpdateStackSet",
    ),
    *_passing(
        "codebuild", "codebuild:CreateProject codebuild:StartBuild", "codebuild:CreateProject codebuild:StartBuildBatch"
    ),
    *_passing(
        "ecs-tasks",
        "ecs:RegisterTaskDefinition ecs:RunTask",
        "ecs:RegisterTaskDefinition ecs:StartTask",
        "ecs:RegisterTaskDefinition ecs:CreateService",
        "ecs:RegisterTaskDefinition ecs:UpdateService",
        "batch:RegisterJobDefinition batch:SubmitJob",
    ),
    *_passing("tasks.apprunner", "apprunner:CreateService"),
    *_passing(
        "sagemaker",
        "sagemaker:CreateNotebookInstance",
        "sagemaker:CreateTrainingJob",
        "sagemaker:CreateProcessingJob",
    ),
    *_passing("datapipeline", "datapipeline:CreatePipeline datapipeline:PutPipelineDefinition"),
    *_passing("codestar", "codestar:CreateProject"),
    *_passing("codepipeline", "codepipeline:CreatePipeline"),
    *_passing("elasticmapreduce", "elasticmapreduce:RunJobFlow"),
    *_passing("states", "states:CreateStateMachine states:StartExecution"),
    *_passing("scheduler", "scheduler:CreateSchedule"),
    *_passing("ssm", "ssm:StartAutomationExecution"),
    *_passing("cognito-identity", "cognito-identity:SetIdentityPoolRoles"),
    *_passing("bedrock-agentcore", "bedrock-agentcore:CreateCodeInterpreter bedrock-agentcore:InvokeCodeInterpreter"),
)
"""A role is passed to something new that runs what one wants."""

DIRECT = tuple(
    Method(tuple(actions.split(" ")))
    for actions in (
        "iam:CreateAccessKey",
        "iam:CreateLoginProfile",
        "iam:UpdateLoginProfile",
        "iam:AddUserToGroup",
        "iam:CreatePolicyVersion",
        "iam:SetDefaultPolicyVersion",
        "iam:AttachUserPolicy",
        "iam:AttachGroupPolicy",
        "iam:AttachRolePolicy",
        "iam:PutUserPolicy",
        "iam:PutGroupPolicy",
        "iam:PutRolePolicy",
        "iam:UpdateAssumeRolePolicy",
        "glue:UpdateDevEndpoint",
        "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration lambda:GetLayerVersion",
        "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet",
        "ssm:SendCommand",
        "ssm:StartSession",
        "ec2-instance-connect:SendSSHPublicKey",
        "ec2:ModifyInstanceAttribute ec2:StopInstances ec2:StartInstances",
        "ec2:CreateLaunchTemplateVersion ec2:ModifyLaunchTemplate",
        "ecs:ExecuteCommand",
        "codebuild:UpdateProject codebuild:StartBuild",
        "sagemaker:CreatePresignedNotebookInstanceUrl",
        "sagemaker:UpdateNotebookInstance sagemaker:StopNotebookInstance sagemaker:StartNotebookInstance",
        "bedrock-agentcore:StartCodeInterpreterSession bedrock-agentcore:InvokeCodeInterpreter",
    )
)
"""Somebody else's credentials or rights are changed, or code is run where another role already is."""

METHODS = (*DIRECT, *PASSING)


def methods_open_to(principal: Resource, rights: Rights) -> Iterator[Method]:
    """Yield the methods that a principal could use, by its rights."""
    for method in METHODS:
        first, *rest = method.actions
        if any(_reaches(one, method, principal) for one in rights.allowing(first)) and all(map(rights.may, rest)):
            yield method


def passes_to(statement: PolicyStatement, service: str) -> bool:
    """Tell whether a statement lets a role be passed to a service."""
    return bound(statement.conditions, "iam:PassedToService", OF_PRINCIPAL).covers((f"{service}.amazonaws.com",))


def _reaches(statement: PolicyStatement, method: Method, principal: Resource) -> bool:
    if method.service and not passes_to(statement, method.service):
        return False
    if chooses_resources(statement) or any(statement.bounds(key, names_something) for key in data.ESCALATION_LIMITS):
        return False
    return bool(statement.not_resources) or any(
        not names_one(resource) or (not method.service and _is_own(resource, principal))
        for resource in statement.resources
    )


def _is_own(resource: str, principal: Resource) -> bool:
    """Tell whether the principal may so change itself."""
    return any(name.startswith("arn:") and matches(resource, name) for name in principal.names)
