"""A web ACL that lets through what came through this platform's CloudFront, and nothing else."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.edge.web_acl_rules import visibility
from groundwork.components.logs import log_group, log_permission, waf_writes

# Names that the provider gives these nested arguments.
_Statement = aws.wafv2.WebAclRuleStatementArgs
_Match = aws.wafv2.WebAclRuleStatementByteMatchStatementArgs
_Field = aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchArgs
_Header = aws.wafv2.WebAclRuleStatementByteMatchStatementFieldToMatchSingleHeaderArgs
_Transformation = aws.wafv2.WebAclRuleStatementByteMatchStatementTextTransformationArgs
_Filter = aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterArgs
_Condition = aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionArgs
_Action = aws.wafv2.WebAclLoggingConfigurationLoggingFilterFilterConditionActionConditionArgs


def only_through_cloudfront(parent: Component, header: tuple[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """Create a web ACL that admits CloudFront alone: App Runner's own addresses are public, and would lead around
    CloudFront's web ACL."""
    name, value = header
    match = _Match(
        field_to_match=_Field(single_header=_Header(name=name)),
        positional_constraint="EXACTLY",
        search_string=value,
        text_transformations=[_Transformation(priority=0, type="NONE")],
    )
    acl = aws.wafv2.WebAcl(
        f"{parent.name}-origin",
        scope="REGIONAL",
        description=f"{parent.context.platform.name} {parent.context.platform.stage}: through CloudFront alone",
        default_action=aws.wafv2.WebAclDefaultActionArgs(block=aws.wafv2.WebAclDefaultActionBlockArgs()),
        rules=[
            aws.wafv2.WebAclRuleArgs(
                name="through-cloudfront",
                priority=0,
                statement=_Statement(byte_match_statement=match),
                action=aws.wafv2.WebAclRuleActionArgs(allow=aws.wafv2.WebAclRuleActionAllowArgs()),
                visibility_config=aws.wafv2.WebAclRuleVisibilityConfigArgs(**visibility(f"{parent.name}-through")),
            )
        ],
        visibility_config=aws.wafv2.WebAclVisibilityConfigArgs(**visibility(f"{parent.name}-origin")),
        opts=parent.child(),
    )
    _log(parent, acl, name)
    return acl.arn


def _log(parent: Component, acl: aws.wafv2.WebAcl, header: str) -> None:
    """Log the requests that were blocked; the rest stands in the log of CloudFront's web ACL.

    https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
    """
    context = parent.context
    path = f"aws-waf-logs-{context.slug}-apprunner"
    group = log_group(parent, "refused", path)
    statement = waf_writes(context, path, region=context.region)
    permission = log_permission(parent, f"{context.slug}-apprunner", [statement])
    blocked = _Condition(action_condition=_Action(action="BLOCK"))
    aws.wafv2.WebAclLoggingConfiguration(
        f"{parent.name}-refused",
        resource_arn=acl.arn,
        log_destination_configs=[group.arn],
        logging_filter=aws.wafv2.WebAclLoggingConfigurationLoggingFilterArgs(
            default_behavior="DROP",
            filters=[_Filter(behavior="KEEP", requirement="MEETS_ANY", conditions=[blocked])],
        ),
        redacted_fields=[
            aws.wafv2.WebAclLoggingConfigurationRedactedFieldArgs(
                single_header=aws.wafv2.WebAclLoggingConfigurationRedactedFieldSingleHeaderArgs(name=redacted)
            )
            for redacted in ("authorization", "cookie", header)
        ],
        opts=parent.child(depends_on=[permission]),
    )
