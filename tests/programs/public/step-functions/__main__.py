"""A state machine that calls two functions one after the other, every night."""

import json

import pulumi
import pulumi_aws as aws


def trusting(service: str) -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}],
        }
    )


role = aws.iam.Role("steps", assume_role_policy=trusting("lambda.amazonaws.com"))
aws.iam.RolePolicyAttachment("steps", role=role.name, policy_arn=aws.iam.ManagedPolicy.AWS_LAMBDA_BASIC_EXECUTION_ROLE)
functions = [
    aws.lambda_.Function(
        name,
        runtime=aws.lambda_.Runtime.PYTHON3D12,
        handler="steps.handle",
        role=role.arn,
        code=pulumi.FileArchive("functions"),
    )
    for name in ("collect", "send")
]
machine_role = aws.iam.Role("machine", assume_role_policy=trusting("states.eu-west-1.amazonaws.com"))
aws.iam.RolePolicy(
    "machine",
    role=machine_role.name,
    policy=pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["lambda:InvokeFunction"],
                    "Resource": [function.arn for function in functions],
                }
            ],
        }
    ),
)
logs = aws.cloudwatch.LogGroup("machine", name_prefix="/aws/vendedlogs/states/", retention_in_days=365)
machine = aws.sfn.StateMachine(
    "nightly",
    role_arn=machine_role.arn,
    definition=pulumi.Output.all(*[function.arn for function in functions]).apply(
        lambda arns: json.dumps(
            {
                "StartAt": "Collect",
                "States": {
                    "Collect": {"Type": "Task", "Resource": arns[0], "Next": "Send"},
                    "Send": {"Type": "Task", "Resource": arns[1], "End": True},
                },
            }
        )
    ),
    logging_configuration={
        "level": "ERROR",
        "include_execution_data": False,
        "log_destination": pulumi.Output.format("{0}:*", logs.arn),
    },
    tracing_configuration={"enabled": True},
)
caller = aws.iam.Role("caller", assume_role_policy=trusting("events.amazonaws.com"))
aws.iam.RolePolicy(
    "caller",
    role=caller.id,
    policy=machine.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": arn}],
            }
        )
    ),
)
rule = aws.cloudwatch.EventRule("nightly", schedule_expression="cron(0 2 * * ? *)")
aws.cloudwatch.EventTarget("nightly", rule=rule.name, arn=machine.arn, role_arn=caller.arn)
pulumi.export("machine", machine.arn)
