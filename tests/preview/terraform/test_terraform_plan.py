"""The plan in JSON: what tools that read only that are told of a stack."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from groundwork.preview.snapshot import MARKER, Resource, Snapshot
from groundwork.preview.terraform.convert import SECRET_TEXT, UNKNOWN_REFERENCE
from groundwork.preview.terraform.export import to_terraform
from groundwork.preview.terraform.plan import plan, plan_text
from guardrails.view import Opaque
from tests.checkov import Failed, accepted, verdict
from tests.stacks import covering, snapshot_of

Make = Callable[..., Resource]
Whole = Callable[..., Snapshot]


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value.get("references", ())
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


@cache
def planned(stack: str) -> dict[str, Any]:
    return plan(snapshot_of(stack))


def test_every_resource_of_the_configuration_is_planned_changed_and_configured_once() -> None:
    for stack in covering():
        snapshot = snapshot_of(stack)
        found = planned(stack)
        addresses = set(to_terraform(snapshot).addresses)
        resources = found["planned_values"]["root_module"]["resources"]
        configured = found["configuration"]["root_module"]["resources"]
        for listed in (resources, found["resource_changes"], configured):
            assert {one["address"] for one in listed} == addresses
            assert len(listed) == len(addresses)
        assert all(one["change"]["actions"] == ["create"] for one in found["resource_changes"])
        providers = found["configuration"]["provider_config"]
        assert all(one["provider_config_key"] in providers for one in configured)


def test_every_reference_leads_to_a_resource_of_the_plan() -> None:
    for stack in covering():
        found = planned(stack)
        addresses = {one["address"] for one in found["resource_changes"]}
        references = list(_references(found["configuration"]["root_module"]))
        assert len(references) > 200
        assert {".".join(one.split(".")[:2]) for one in references} <= addresses


def test_nothing_of_terraforms_templates_or_of_our_markers_is_left_in_a_plan() -> None:
    for unknowns in (False, True):
        text = plan_text(snapshot_of("prod", unknowns=unknowns))
        for left in (MARKER, SECRET_TEXT, UNKNOWN_REFERENCE, "local.unknown"):
            assert left not in text
        assert not re.search(r"\$\$\{|%%\{|\$\{aws_", text)
        assert json.loads(text)["format_version"] == "1.2"


def test_a_plan_of_a_first_preview_says_what_is_not_known_and_what_it_is_made_from(
    resource: Make, snapshot: Whole
) -> None:
    key = resource("aws:kms/key:Key", "key", {})
    queue = resource("aws:sqs/queue:Queue", "queue", {"kmsMasterKeyId": Opaque.UNKNOWN, "name": "jobs"})
    made = Resource(**{**vars(queue), "property_dependencies": {"kmsMasterKeyId": (key.urn,)}})
    whole = snapshot(key, made)
    found = plan(Snapshot(**{**vars(whole), "unknowns": True}))
    change = next(one["change"] for one in found["resource_changes"] if one["type"] == "aws_sqs_queue")
    assert change["after"]["name"] == "jobs"
    assert change["after_unknown"] == {"kms_master_key_id": True, "id": True, "arn": True}
    configured = next(
        one for one in found["configuration"]["root_module"]["resources"] if one["type"] == "aws_sqs_queue"
    )
    assert configured["expressions"]["kms_master_key_id"]["references"] == ["aws_kms_key.key"]


def test_a_secret_is_said_to_be_one_and_is_nowhere(resource: Make, snapshot: Whole) -> None:
    database = resource("aws:rds/instance:Instance", "db", {"password": Opaque.SECRET, "instanceClass": "db.t3.micro"})
    version = resource(
        "aws:secretsmanager/secretVersion:SecretVersion", "v", {"secretId": "s", "secretString": Opaque.SECRET}
    )
    for one in plan(snapshot(database, version))["resource_changes"]:
        name = "password" if one["type"] == "aws_db_instance" else "secret_string"
        assert one["change"]["after_sensitive"] == {name: True}
        assert name not in one["change"]["after"]


def test_what_checkov_finds_is_accepted_with_a_reason_or_is_a_fault() -> None:
    entries = accepted()
    assert all(len(entry["reason"]) > 10 for several in entries.values() for entry in several)
    found = [Failed("CKV_1", "dev/aws_x.a", "title"), Failed("CKV_2", "prod/aws_x.b", "other")]
    assert list(verdict(found, {"CKV_1": [{"reason": "r"}], "CKV_2": [{"reason": "r", "where": ["prod/*"]}]})) == []
    assert list(verdict(found, {"CKV_1": [{"reason": "r"}], "CKV_2": [{"reason": "r", "where": ["dev/*"]}]})) == [
        "CKV_2 prod/aws_x.b: other",
        "CKV_2 dev/*: accepted in checkov.yaml, and found nowhere any more",
    ]
