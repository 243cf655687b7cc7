"""A stack of ten thousand resources that has the shape of a real one: functions with their queues, roles, alarms and log groups."""

from __future__ import annotations

import json
from functools import cache

from groundwork.preview.snapshot import STACK_TYPE, Resource, Snapshot, Source

_ROLE = {
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]
}


@cache
def large(size: int = 10_000) -> Snapshot:
    """Return a snapshot of about ``size`` resources, seven for each function."""
    stack = f"urn:pulumi:big::big::{STACK_TYPE}::big-big"
    resources = [Resource(stack, STACK_TYPE, "big-big", False, None, {}, {})]
    for number in range(size // 7):
        resources += _function(f"job-{number}", stack)
    return Snapshot("big", "big", "eu-west-1", False, {}, tuple(resources), {})


def _function(name: str, stack: str) -> list[Resource]:
    def urn(type_: str) -> str:
        return f"urn:pulumi:big::big::{type_}::{name}"

    types = {
        "queue": "aws:sqs/queue:Queue",
        "role": "aws:iam/role:Role",
        "policy": "aws:iam/rolePolicy:RolePolicy",
        "function": "aws:lambda/function:Function",
        "source": "aws:lambda/eventSourceMapping:EventSourceMapping",
        "logs": "aws:cloudwatch/logGroup:LogGroup",
        "bucket": "aws:s3/bucket:Bucket",
    }
    arns = {
        "queue": f"arn:aws:sqs:eu-west-1:111122223333:{name}",
        "role": f"arn:aws:iam::111122223333:role/{name}",
        "function": f"arn:aws:lambda:eu-west-1:111122223333:function:{name}",
        "bucket": f"arn:aws:s3:::{name}",
    }
    allowed = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"{arns['bucket']}/*"}
    inputs = {
        "queue": {"name": name},
        "role": {"name": name, "assumeRolePolicy": json.dumps(_ROLE)},
        "policy": {"role": name, "policy": json.dumps({"Version": "2012-10-17", "Statement": [allowed]})},
        "function": {"name": name, "role": arns["role"], "runtime": "python3.13"},
        "source": {"eventSourceArn": arns["queue"], "functionName": arns["function"]},
        "logs": {"name": f"/aws/lambda/{name}"},
        "bucket": {"bucket": name},
    }
    return [
        Resource(
            urn(type_),
            type_,
            name,
            True,
            stack,
            inputs[key],
            {**inputs[key], "id": name, **({"arn": arns[key]} if key in arns else {})},
            source=Source("__main__.py", 10),
        )
        for key, type_ in types.items()
    ]
