"""Every argument that pulumi-aws offers has its place in the provider's schema, or is newer than it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.preview.terraform.names import all_tokens, args_class, properties, terraform_names, terraform_type
from groundwork.preview.terraform.schema import EVERY_KEY, Node, ProviderSchema
from groundwork.preview.terraform.shapes import ShapeKind, shape_of
from groundwork.preview.terraform.verify import provider_schema

SAMPLE = frozenset(
    [
        "acm",
        "apigateway",
        "apigatewayv2",
        "appautoscaling",
        "apprunner",
        "appsync",
        "athena",
        "autoscaling",
        "backup",
        "batch",
        "budgets",
        "cfg",
        "cloudfront",
        "cloudtrail",
        "cloudwatch",
        "codebuild",
        "codepipeline",
        "cognito",
        "costexplorer",
        "dms",
        "docdb",
        "dynamodb",
        "ec2",
        "ecr",
        "ecs",
        "efs",
        "eks",
        "elasticache",
        "emr",
        "fsx",
        "glue",
        "guardduty",
        "iam",
        "iot",
        "kinesis",
        "kms",
        "lambda",
        "lb",
        "mq",
        "msk",
        "neptune",
        "opensearch",
        "organizations",
        "rds",
        "redshift",
        "route53",
        "s3",
        "s3tables",
        "sagemaker",
        "scheduler",
        "secretsmanager",
        "securityhub",
        "servicediscovery",
        "ses",
        "sfn",
        "sns",
        "sqs",
        "ssm",
        "vpc",
        "wafv2",
    ]
)

REMOVED_IN_6 = {
    "dms.EndpointArgs": {"s3_settings"},
    "ec2.FlowLogArgs": {"log_group_name"},
    "ec2.InstanceArgs": {"cpu_core_count", "cpu_threads_per_core"},
    "ec2.LaunchTemplateArgs": {"elastic_gpu_specifications", "elastic_inference_accelerator"},
    "ec2.SpotInstanceRequestArgs": {"block_duration_minutes", "cpu_core_count", "cpu_threads_per_core"},
    "eks.AddonArgs": {"resolve_conflicts"},
    "ssm.AssociationArgs": {"instance_id"},
}
"""Arguments of provider 5 that 6 dropped, in blocks where pulumi-aws also has newer ones: not the same under two names."""

NEVER_A_PROPERTY = {EVERY_KEY, "id", "tags_all", "timeouts"}


@pytest.fixture(scope="module")
def schema(terraform: None, tmp_path_factory: pytest.TempPathFactory) -> ProviderSchema:
    _, known = provider_schema(tmp_path_factory.mktemp("schema"), os.environ)
    return known


def test_no_argument_is_lost_under_a_wrong_name(schema: ProviderSchema) -> None:
    """An argument without a place beside a place without an argument would be one thing under two names."""
    suspects: dict[str, tuple[set[str], set[str]]] = {}
    offered = 0
    for cls, node, top in _blocks(schema):
        written = {name.text for name in terraform_names(cls).values()}
        offered += len(written)
        newer = written - node.keys() - ({"region"} if top else set())
        free = node.keys() - written - NEVER_A_PROPERTY
        label = f"{cls.__module__.split('.')[1]}.{cls.__name__}"
        if newer and free - REMOVED_IN_6.get(label, set()):
            suspects[label] = (newer, free)

    assert offered > 10_000
    assert not suspects


def test_blocks_are_blocks_on_both_sides(schema: ProviderSchema) -> None:
    wrong = [
        f"{cls.__name__}.{prop}"
        for cls, node, _ in _blocks(schema)
        for prop, name in terraform_names(cls).items()
        if name.text in node
        and (shape_of(properties(cls)[prop]).kind in (ShapeKind.BLOCK, ShapeKind.BLOCKS))
        is not isinstance(node[name.text], dict)
        and shape_of(properties(cls)[prop]).kind is not ShapeKind.MAP
    ]

    assert not wrong


def test_the_cached_schema_is_compact(schema: ProviderSchema, tmp_path: Path) -> None:
    assert schema.node("aws_sqs_queue") is not None
    assert "arn" not in (schema.node("aws_sqs_queue") or {})


def _blocks(schema: ProviderSchema) -> Iterator[tuple[type, Node, bool]]:
    """Every input class of the sample with its place in the schema, and whether it is a resource's own."""
    seen: set[tuple[type, str]] = set()
    for token in all_tokens():
        type_ = terraform_type(token) or ""
        node = schema.node(type_)
        if token.split(":")[1].split("/")[0] not in SAMPLE or node is None:
            continue
        cls = args_class(token)
        assert cls is not None, token
        pending = [(cls, node, 0)]
        while pending:
            here, place, depth = pending.pop()
            key = (here, ",".join(sorted(place)))
            if key in seen or depth > 8:
                continue
            seen.add(key)
            yield here, place, depth == 0
            for prop, name in terraform_names(here).items():
                args, inner = shape_of(properties(here)[prop]).args, place.get(name.text)
                if args and isinstance(inner, dict):
                    pending.append((args, inner, depth + 1))
