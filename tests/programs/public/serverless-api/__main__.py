"""An HTTP API in front of a function that keeps its items in a table."""

import json

import pulumi
import pulumi_aws as aws

key = aws.kms.Key("items", enable_key_rotation=True, description="Items and logs")
table = aws.dynamodb.Table(
    "items",
    hash_key="id",
    billing_mode="PAY_PER_REQUEST",
    attributes=[{"name": "id", "type": "S"}],
    point_in_time_recovery={"enabled": True},
    server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
    deletion_protection_enabled=True,
)
role = aws.iam.Role(
    "function",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
            ],
        }
    ),
    managed_policy_arns=["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"],
)
aws.iam.RolePolicy(
    "table",
    role=role.id,
    policy=table.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:PutItem"], "Resource": arn}],
            }
        )
    ),
)
function = aws.lambda_.Function(
    "api",
    runtime="python3.13",
    handler="handler.handle",
    role=role.arn,
    code=pulumi.AssetArchive(
        {"handler.py": pulumi.FileAsset("handler.py"), "version.txt": pulumi.StringAsset("1")},
    ),
    environment={"variables": {"TABLE": table.name}},
    tracing_config={"mode": "Active"},
)
api = aws.apigatewayv2.Api("items", protocol_type="HTTP")
integration = aws.apigatewayv2.Integration(
    "items",
    api_id=api.id,
    integration_type="AWS_PROXY",
    integration_uri=function.invoke_arn,
    payload_format_version="2.0",
)
route = aws.apigatewayv2.Route(
    "items",
    api_id=api.id,
    route_key="GET /items",
    authorization_type="AWS_IAM",
    target=integration.id.apply(lambda id_: f"integrations/{id_}"),
)
stage = aws.apigatewayv2.Stage(
    "live",
    api_id=api.id,
    name="$default",
    auto_deploy=True,
    access_log_settings={
        "destination_arn": aws.cloudwatch.LogGroup("api", retention_in_days=365, kms_key_id=key.arn).arn,
        "format": json.dumps({"id": "$context.requestId", "status": "$context.status"}),
    },
)
aws.lambda_.Permission(
    "api",
    action="lambda:InvokeFunction",
    function=function.name,
    principal="apigateway.amazonaws.com",
    source_arn=pulumi.Output.format("{0}/*/*", api.execution_arn),
)
pulumi.export("url", stage.invoke_url)
