"""Names and shapes, from pulumi-aws's own classes; no Terraform needed."""

from __future__ import annotations

import pulumi_aws as aws
import pytest

from groundwork.preview.terraform.names import (
    all_tokens,
    args_class,
    properties,
    pulumi_names,
    required,
    singular,
    terraform_names,
    terraform_type,
)
from groundwork.preview.terraform.shapes import ShapeKind, shape_of


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:sqs/queue:Queue", "aws_sqs_queue"),
        ("aws:rds/instance:Instance", "aws_db_instance"),
        ("aws:lb/loadBalancer:LoadBalancer", "aws_lb"),
        ("aws:s3/bucketVersioning:BucketVersioning", "aws_s3_bucket_versioning"),
        ("kubernetes:core/v1:Pod", None),
        ("aws:sqs/queue:Cue", None),
        ("strange", None),
    ],
)
def test_a_token_has_the_providers_type_name_or_none(token: str, expected: str | None) -> None:
    assert terraform_type(token) == expected


def test_the_table_names_every_type_once() -> None:
    tokens = all_tokens()

    assert len(tokens) == len(set(tokens)) > 1700
    assert all((terraform_type(token) or "").startswith("aws_") for token in tokens)


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("statements", "statement"),
        ("policies", "policy"),
        ("custom_error_responses", "custom_error_response"),
        ("addresses", "address"),
        ("global_secondary_indexes", "global_secondary_index"),
        ("matches", "match"),
        ("key_modes_of_uses", "key_modes_of_use"),
    ],
)
def test_a_repeated_block_is_named_in_the_singular(plural: str, one: str) -> None:
    assert singular(plural) == one


def test_the_rule_and_the_table_together_name_arguments() -> None:
    function = args_class("aws:lambda/function:Function")
    assert function is aws.lambda_.FunctionArgs
    names = terraform_names(function)

    assert names["name"].text == "function_name"
    assert names["memorySize"].text == "memory_size"
    assert names["fileSystemConfig"].text == "file_system_config"
    assert pulumi_names(function)["function_name"] == "name"


def test_a_resource_whose_plain_args_name_is_taken_uses_its_own_class() -> None:
    cls = args_class("aws:s3/bucketVersioning:BucketVersioning")

    assert cls is not None
    assert "versioningConfiguration" in terraform_names(cls)


def test_what_a_program_must_give_is_read_from_the_class() -> None:
    assert required(aws.sqs.QueueArgs) == frozenset()
    assert "policy" in required(aws.sqs.QueuePolicyArgs)


def test_shapes_are_read_from_the_annotations() -> None:
    distribution = args_class("aws:cloudfront/distribution:Distribution")
    assert distribution is not None
    annotations = terraform_names(distribution)
    assert annotations["origins"].text == "origin"
    shapes = {name: shape_of(annotation).kind for name, annotation in properties(distribution).items()}
    assert shapes["origins"] is ShapeKind.BLOCKS
    assert shapes["defaultCacheBehavior"] is ShapeKind.BLOCK
    assert shapes["aliases"] is ShapeKind.LIST
    assert shapes["tags"] is ShapeKind.MAP
    assert shapes["comment"] is ShapeKind.VALUE
    assert shape_of(properties(aws.iam.RoleArgs)["assumeRolePolicy"]).kind is ShapeKind.TEXT
    assert shape_of(properties(aws.lambda_.FunctionArgs)["code"]).kind is ShapeKind.FILE
