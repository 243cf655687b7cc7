"""A REST API whose methods stand in an OpenAPI document; users sign in at Cognito."""

import json

import pulumi
import pulumi_aws as aws

region = aws.get_region()
pool = aws.cognito.UserPool(
    "users",
    password_policy={
        "minimum_length": 14,
        "require_lowercase": True,
        "require_uppercase": True,
        "require_numbers": True,
        "require_symbols": True,
    },
    mfa_configuration="ON",
    software_token_mfa_configuration={"enabled": True},
    user_pool_add_ons={"advanced_security_mode": "ENFORCED"},
    deletion_protection="ACTIVE",
)
client = aws.cognito.UserPoolClient("web", user_pool_id=pool.id, explicit_auth_flows=["ALLOW_REFRESH_TOKEN_AUTH"])
api = aws.apigateway.RestApi(
    "orders",
    endpoint_configuration={"types": "REGIONAL"},
    body=pool.arn.apply(
        lambda arn: json.dumps(
            {
                "openapi": "3.0.1",
                "info": {"title": "orders", "version": "1"},
                "components": {
                    "securitySchemes": {
                        "users": {
                            "type": "apiKey",
                            "name": "Authorization",
                            "in": "header",
                            "x-amazon-apigateway-authtype": "cognito_user_pools",
                            "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [arn]},
                        }
                    }
                },
                "paths": {
                    "/orders": {
                        "get": {
                            "security": [{"users": []}],
                            "x-amazon-apigateway-integration": {"type": "mock"},
                        }
                    }
                },
            }
        )
    ),
)
deployment = aws.apigateway.Deployment(
    "orders", rest_api=api.id, triggers={"body": api.body.apply(lambda body: str(hash(body) % 7))}
)
logs = aws.cloudwatch.LogGroup("orders", retention_in_days=365)
stage = aws.apigateway.Stage(
    "live",
    rest_api=api.id,
    deployment=deployment.id,
    stage_name="live",
    xray_tracing_enabled=True,
    access_log_settings={"destination_arn": logs.arn, "format": "$context.requestId"},
)
aws.apigateway.MethodSettings(
    "live",
    rest_api=api.id,
    stage_name=stage.stage_name,
    method_path="*/*",
    settings={"logging_level": "INFO", "metrics_enabled": True, "throttling_rate_limit": 100},
)
acl = aws.wafv2.WebAcl(
    "orders",
    scope="REGIONAL",
    default_action={"allow": {}},
    visibility_config={"cloudwatch_metrics_enabled": True, "metric_name": "orders", "sampled_requests_enabled": True},
    rules=[
        {
            "name": "common",
            "priority": 1,
            "override_action": {"none": {}},
            "statement": {
                "managed_rule_group_statement": {"vendor_name": "AWS", "name": "AWSManagedRulesCommonRuleSet"}
            },
            "visibility_config": {
                "cloudwatch_metrics_enabled": True,
                "metric_name": "common",
                "sampled_requests_enabled": True,
            },
        }
    ],
)
aws.wafv2.WebAclAssociation("orders", resource_arn=stage.arn, web_acl_arn=acl.arn)
pulumi.export("url", pulumi.Output.concat(stage.invoke_url, "/orders?region=", region.region))
