"""The export's text, from hand-made resources; no Terraform needed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.preview.terraform.convert import (
    NO_SUCH_ARGUMENT,
    NOT_AWS,
    TOO_NEW_ARGUMENT,
    TOO_NEW_TYPE,
    UNKNOWN_BLOCK,
)
from groundwork.preview.terraform.export import export_text, to_terraform
from groundwork.preview.terraform.schema import ProviderSchema, compact, load
from guardrails.view import Opaque

Make = Callable[..., Resource]
Whole = Callable[..., Snapshot]


def body(snapshot: Snapshot, type_: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(export_text(snapshot))["resource"][type_][name]
    return found


def test_a_block_is_a_list_of_one_and_a_repeated_block_is_named_in_the_singular(
    resource: Make, snapshot: Whole
) -> None:
    origins = [{"originId": "o", "domainName": "example.com", "customHeaders": [{"name": "n", "value": "v"}]}]
    inputs = {"enabled": True, "origins": origins, "viewerCertificate": {"cloudfrontDefaultCertificate": True}}
    written = body(
        snapshot(resource("aws:cloudfront/distribution:Distribution", "cdn", inputs)),
        "aws_cloudfront_distribution",
        "cdn",
    )

    assert written["viewer_certificate"] == [{"cloudfront_default_certificate": True}]
    assert written["origin"] == [
        {"origin_id": "o", "domain_name": "example.com", "custom_header": [{"name": "n", "value": "v"}]}
    ]


def test_a_list_that_pulumi_flattens_is_a_list_again(resource: Make, snapshot: Whole) -> None:
    link = resource("aws:apigateway/vpcLink:VpcLink", "link", {"targetArn": "arn:aws:x"})

    assert body(snapshot(link), "aws_api_gateway_vpc_link", "link")["target_arns"] == ["arn:aws:x"]


def test_a_map_keeps_its_keys_and_templates_are_escaped(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "q", {"tags": {"camelCase": "${aws:username} %{if}"}})

    assert body(snapshot(queue), "aws_sqs_queue", "q")["tags"] == {"camelCase": "$${aws:username} %%{if}"}


def test_a_security_group_rule_has_every_key(resource: Make, snapshot: Whole) -> None:
    ingress = [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8"]}]
    group = resource("aws:ec2/securityGroup:SecurityGroup", "g", {"ingress": ingress})
    rule = body(snapshot(group), "aws_security_group", "g")["ingress"][0]

    assert rule["cidr_blocks"] == ["10.0.0.0/8"]
    assert rule["description"] is None
    assert {"self", "security_groups", "prefix_list_ids", "ipv6_cidr_blocks"} <= rule.keys()


def test_a_document_given_as_a_structure_becomes_text(resource: Make, snapshot: Whole) -> None:
    role = resource("aws:iam/role:Role", "r", {"assumeRolePolicy": {"Version": "2012-10-17", "Statement": []}})

    assert json.loads(body(snapshot(role), "aws_iam_role", "r")["assume_role_policy"])["Version"] == "2012-10-17"


def test_code_is_a_file_name(resource: Make, snapshot: Whole) -> None:
    function = resource("aws:lambda/function:Function", "f", {"code": {"path": "functions/resize"}, "role": "r"})
    inline = resource("aws:lambda/function:Function", "i", {"code": {"assets": {}}, "role": "r"})
    whole = snapshot(function, inline)

    assert body(whole, "aws_lambda_function", "f")["filename"] == "functions/resize"
    assert body(whole, "aws_lambda_function", "i")["filename"] == "content.zip"


@pytest.mark.parametrize(
    ("token", "inputs", "type_", "argument", "pattern"),
    [
        ("aws:sqs/queue:Queue", {}, "aws_sqs_queue", "name", r"Jobs-[0-9a-f]{7}"),
        ("aws:sqs/queue:Queue", {"fifoQueue": True}, "aws_sqs_queue", "name", r"Jobs-[0-9a-f]{7}\.fifo"),
        ("aws:s3/bucket:Bucket", {}, "aws_s3_bucket", "bucket", r"jobs-[0-9a-f]{7}"),
        ("aws:rds/instance:Instance", {}, "aws_db_instance", "identifier", r"Jobs-[0-9a-f]{7}"),
        ("aws:lambda/function:Function", {}, "aws_lambda_function", "function_name", r"Jobs-[0-9a-f]{7}"),
        ("aws:kms/alias:Alias", {}, "aws_kms_alias", "name", r"alias/Jobs-[0-9a-f]{7}"),
        ("aws:athena/database:Database", {}, "aws_athena_database", "name", r"Jobs_[0-9a-f]{7}"),
        ("aws:s3/bucketObjectv2:BucketObjectv2", {}, "aws_s3_object", "key", r"Jobs"),
        ("aws:sqs/queue:Queue", {"name": "given"}, "aws_sqs_queue", "name", r"given"),
        ("aws:sqs/queue:Queue", {"namePrefix": "given-"}, "aws_sqs_queue", "name_prefix", r"given-"),
    ],
)
def test_a_name_that_pulumi_would_generate_is_filled_in(
    resource: Make, snapshot: Whole, token: str, inputs: dict[str, Any], type_: str, argument: str, pattern: str
) -> None:
    written = body(snapshot(resource(token, "Jobs", inputs)), type_, "Jobs")

    assert re.fullmatch(pattern, written[argument])
    assert "name" not in written or "name_prefix" not in written


def test_the_generated_name_is_the_one_the_snapshot_already_gave(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "q", {}, outputs={"name": "q-abcdef0"})

    assert body(snapshot(queue), "aws_sqs_queue", "q")["name"] == "q-abcdef0"


def test_an_unknown_is_unknown_to_terraform_too(resource: Make, snapshot: Whole) -> None:
    group = resource("aws:lb/targetGroup:TargetGroup", "g", {"vpcId": Opaque.UNKNOWN, "tags": {"a": Opaque.UNKNOWN}})
    document = json.loads(export_text(snapshot(group)))

    assert document["resource"]["aws_lb_target_group"]["g"]["vpc_id"] == "${local.unknown}"
    assert document["resource"]["aws_lb_target_group"]["g"]["tags"] == {"a": "${local.unknown}"}
    assert document["locals"]["unknown"] == "${jsondecode(terraform_data.unknown.id)}"
    assert document["resource"]["terraform_data"] == {"unknown": {}}


def test_a_document_keeps_what_is_known_beside_what_is_not(resource: Make, snapshot: Whole) -> None:
    containers = json.dumps(
        [{"name": "api", "environment": [{"name": "HOST", "value": Opaque.UNKNOWN}]}], default=to_marker
    )
    task = resource(
        "aws:ecs/taskDefinition:TaskDefinition", "api", {"family": "api", "containerDefinitions": containers}
    )
    written = body(snapshot(task), "aws_ecs_task_definition", "api")["container_definitions"]

    assert written == '[{"name": "api", "environment": [{"name": "HOST", "value": "${local.unknown}"}]}]'


def test_a_secret_is_given_but_never_said(resource: Make, snapshot: Whole) -> None:
    database = resource("aws:rds/instance:Instance", "d", {"password": Opaque.SECRET, "username": Opaque.SECRET})
    schema = ProviderSchema("5.0.0", {"aws_db_instance": {"password": True, "username": False, "identifier": False}})
    written = to_terraform(snapshot(database), schema).document["resource"]["aws_db_instance"]["d"]

    assert written["password"] == "Placeholder-1-of-a-secret"
    assert written["username"] == "${local.unknown}"


def test_a_block_that_is_unknown_is_left_out_and_counted(resource: Make, snapshot: Whole) -> None:
    group = resource("aws:lb/targetGroup:TargetGroup", "g", {"healthCheck": Opaque.UNKNOWN})
    export = to_terraform(snapshot(group))

    assert [(entry.path, entry.reason) for entry in export.left_out] == [("healthCheck", UNKNOWN_BLOCK)]


def test_what_the_installed_provider_is_too_old_for_is_left_out_and_counted(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "q", {"fifoQueue": True, "delaySeconds": 1})
    zone = resource("aws:route53/zone:Zone", "z", {})
    schema = ProviderSchema("5.0.0", {"aws_sqs_queue": {"name": False, "delay_seconds": False}})
    export = to_terraform(snapshot(queue, zone), schema)

    assert export.document["resource"]["aws_sqs_queue"]["q"].keys() == {"name", "delay_seconds"}
    assert {(entry.type, entry.path, entry.reason) for entry in export.left_out} == {
        ("aws:sqs/queue:Queue", "fifoQueue", TOO_NEW_ARGUMENT),
        ("aws:route53/zone:Zone", "", TOO_NEW_TYPE),
    }


def test_without_a_schema_nothing_is_too_new(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "q", {"fifoQueue": True})

    assert body(snapshot(queue), "aws_sqs_queue", "q")["fifo_queue"] is True


def test_another_region_is_an_alias_of_the_provider_which_every_version_reads(resource: Make, snapshot: Whole) -> None:
    own = snapshot().region
    queues = {"here": {}, "own": {"region": own}, "there": {"region": "us-east-1"}}
    whole = snapshot(*(resource("aws:sqs/queue:Queue", name, inputs) for name, inputs in queues.items()))
    old = ProviderSchema("5.0.0", {"aws_sqs_queue": {"name": False}})
    for schema in (None, old):
        export = to_terraform(whole, schema)
        said = export.document["resource"]["aws_sqs_queue"]
        assert {name: one.get("provider") for name, one in said.items()} == {
            "here": None,
            "own": None,
            "there": "aws.us-east-1",
        }
        assert not any("region" in one for one in said.values())
        assert [(one.get("alias"), one["region"]) for one in export.document["provider"]["aws"]] == [
            (None, own),
            ("us-east-1", "us-east-1"),
        ]
        assert export.left_out == ()


def test_an_argument_that_pulumi_aws_does_not_have_is_named_with_its_nearest(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "q", {"delaySecond": 1})
    (entry,) = to_terraform(snapshot(queue)).left_out

    assert (entry.path, entry.reason) == ("delaySecond", NO_SUCH_ARGUMENT)
    assert entry.near[0] == "delaySeconds"


def test_only_resources_of_the_aws_provider_are_exported(resource: Make, snapshot: Whole) -> None:
    component = resource("groundwork:network:Network", "net", {}, custom=False)
    provider = resource("pulumi:providers:aws", "eu", {"region": "eu-west-1"})
    pod = resource("kubernetes:core/v1:Pod", "p", {})
    export = to_terraform(snapshot(component, provider, pod))

    assert "resource" not in export.document
    assert [(entry.type, entry.reason) for entry in export.left_out] == [("kubernetes:core/v1:Pod", NOT_AWS)]


def test_names_are_valid_unique_and_lead_back_to_the_urn(resource: Make, snapshot: Whole) -> None:
    names = ["a/b", "a.b", "1st", "höhe"]
    resources = [resource("aws:sqs/queue:Queue", name, {}) for name in names]
    export = to_terraform(snapshot(*resources))

    assert list(export.addresses) == [
        "aws_sqs_queue.a-b",
        "aws_sqs_queue.a-b_2",
        "aws_sqs_queue._1st",
        "aws_sqs_queue.h-he",
    ]
    assert list(export.addresses.values()) == [one.urn for one in resources]


def test_a_resource_handed_over_whole_becomes_its_id(resource: Make, snapshot: Whole) -> None:
    api = resource("aws:apigateway/restApi:RestApi", "api", {}, outputs={"id": "abc123"})
    stage = resource("aws:apigateway/stage:Stage", "s", {"restApi": api.urn, "stageName": "live"})

    assert body(snapshot(api, stage), "aws_api_gateway_stage", "s")["rest_api_id"] == "abc123"


def test_protection_and_ignored_changes_become_a_lifecycle(resource: Make, snapshot: Whole) -> None:
    options = {"protect": True, "ignoreChanges": ["desiredCount", "noSuch"]}
    service = resource("aws:ecs/service:Service", "s", {}, options=options)

    assert body(snapshot(service), "aws_ecs_service", "s")["lifecycle"] == {
        "ignore_changes": ["desired_count"],
        "prevent_destroy": True,
    }


def test_every_line_leads_back_to_its_property(resource: Make, snapshot: Whole) -> None:
    queue = resource("aws:sqs/queue:Queue", "q", {"delaySeconds": 5, "tags": {"a": "b"}})
    export = to_terraform(snapshot(queue))
    lines = export.text.splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "delay_seconds" in text)
    origin = export.origin_of(export.path_at(line))

    assert origin is not None
    assert (origin.urn, origin.path) == (queue.urn, "delaySeconds")
    assert export.value_at(export.path_at(line)) == 5
    assert export.origin_of(export.path_at(10_000)) is None
    assert len(lines) == len(export.lines)
    assert json.loads(export.text) == export.document


def test_the_same_snapshot_gives_the_same_bytes(resource: Make, snapshot: Whole) -> None:
    resources = [resource("aws:sqs/queue:Queue", name, {"tags": {"z": "1", "a": "2"}}) for name in ("b", "a")]

    assert export_text(snapshot(*resources)) == export_text(snapshot(*reversed(resources)))


def test_an_empty_stack_is_a_valid_configuration(snapshot: Whole) -> None:
    assert json.loads(export_text(snapshot())).keys() == {"terraform", "provider"}


def _answer() -> dict[str, Any]:
    attributes = {
        "arn": {"type": "string", "computed": True},
        "name": {"type": "string", "required": True},
        "password": {"type": "string", "optional": True, "sensitive": True},
        "ingress": {"type": ["set", ["object", {"port": "number"}]], "optional": True, "computed": True},
    }
    block = {
        "attributes": attributes,
        "block_types": {"timeouts": {"block": {"attributes": {"create": {"type": "string", "optional": True}}}}},
    }
    return {
        "host/hashicorp/aws": {"resource_schemas": {"aws_x": {"version": 3, "block": block}}},
        "terraform.io/builtin/terraform": {},
    }


def test_a_schema_keeps_only_what_a_program_may_set() -> None:
    assert compact(_answer()) == {
        "types": {
            "aws_x": {
                "name": False,
                "password": True,
                "ingress": {"=": True, "port": False},
                "timeouts": {"create": False},
            }
        },
        "states": {"aws_x": 3},
    }


def test_a_schema_is_asked_for_once_per_provider_version(tmp_path: Path) -> None:
    asked: list[str] = []

    def produce() -> dict[str, Any]:
        asked.append("once")
        return _answer()

    for version in ("5.1.0", "5.1.0", "5.2.0"):
        schema = load(version, tmp_path / "deep", produce)
        assert schema.node("aws_x") is not None
        assert schema.states == {"aws_x": 3}
    assert asked == ["once", "once"]


def test_a_damaged_or_unwritable_cache_costs_only_time(tmp_path: Path) -> None:
    load("5.1.0", tmp_path, _answer)
    (cached,) = tmp_path.iterdir()
    cached.write_text("{", encoding="utf-8")
    assert load("5.1.0", tmp_path, _answer).node("aws_x") is not None

    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    assert load("5.1.0", blocked, _answer).node("aws_x") is not None
