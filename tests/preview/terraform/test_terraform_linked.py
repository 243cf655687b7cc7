"""A configuration that can be applied: what comes from another resource is a reference to it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.convert import SECRET_TEXT
from groundwork.preview.terraform.export import to_terraform
from groundwork.preview.terraform.linked import linked
from guardrails.view import Opaque
from tests.stacks import snapshot_of

KEY = "aws:kms/key:Key"
QUEUE = "aws:sqs/queue:Queue"


def _document(snapshot: Snapshot) -> dict[str, Any]:
    return linked(to_terraform(snapshot), snapshot)


def _one(document: dict[str, Any], type_: str, name: str) -> dict[str, Any]:
    body: dict[str, Any] = document["resource"][type_][name]
    return body


def test_a_value_that_another_resource_computes_is_a_reference(
    resource: Callable[..., Resource], snapshot: Callable[..., Snapshot]
) -> None:
    key = resource(KEY, "key", {}, outputs={"arn": "arn:aws:kms:ap-south-1:111122223333:key/1-2-3", "keyId": "1-2-3"})
    queue = resource(
        QUEUE,
        "jobs",
        {"kmsMasterKeyId": "1-2-3", "policy": '{"Key": "arn:aws:kms:ap-south-1:111122223333:key/1-2-3"}'},
        property_dependencies={"kmsMasterKeyId": (key.urn,), "policy": (key.urn,)},
        dependencies=(key.urn,),
    )

    body = _one(_document(snapshot(key, queue)), "aws_sqs_queue", "jobs")

    assert body["kms_master_key_id"] == "${aws_kms_key.key.key_id}"
    assert body["policy"] == '{"Key": "${aws_kms_key.key.arn}"}'
    assert body["depends_on"] == ["aws_kms_key.key"]


def test_the_same_text_without_a_dependency_stays_as_it_is(
    resource: Callable[..., Resource], snapshot: Callable[..., Snapshot]
) -> None:
    key = resource(KEY, "key", {}, outputs={"keyId": "1-2-3"})
    queue = resource(QUEUE, "jobs", {"kmsMasterKeyId": "1-2-3"})

    assert _one(_document(snapshot(key, queue)), "aws_sqs_queue", "jobs") == {
        "kms_master_key_id": "1-2-3",
        "name": _name(queue),
    }


def _name(resource: Resource) -> str:
    [found] = re.findall(
        r"jobs-\w{7}", json.dumps(to_terraform(Snapshot("", "", "", False, {}, (resource,), {})).document)
    )
    return str(found)


def test_what_a_resource_hands_on_from_another_is_a_reference_to_it(
    resource: Callable[..., Resource], snapshot: Callable[..., Snapshot]
) -> None:
    certificate = resource(
        "aws:acm/certificate:Certificate", "cert", {"domainName": "a.example"}, outputs={"arn": "arn:x"}
    )
    validation = resource(
        "aws:acm/certificateValidation:CertificateValidation",
        "valid",
        {"certificateArn": "arn:x"},
        outputs={"certificateArn": "arn:x"},
        property_dependencies={"certificateArn": (certificate.urn,)},
    )
    listener = resource(
        "aws:lb/listener:Listener",
        "listener",
        {"certificateArn": "arn:x", "loadBalancerArn": "arn:b", "defaultActions": []},
        property_dependencies={"certificateArn": (validation.urn,)},
    )

    document = _document(snapshot(certificate, validation, listener))

    assert _one(document, "aws_lb_listener", "listener")["certificate_arn"] == (
        "${aws_acm_certificate_validation.valid.certificate_arn}"
    )


def test_another_region_has_a_provider_of_its_own(
    resource: Callable[..., Resource], snapshot: Callable[..., Snapshot]
) -> None:
    document = _document(snapshot(resource(KEY, "here", {}), resource(KEY, "there", {"region": "us-east-1"})))

    assert [provider.get("alias") for provider in document["provider"]["aws"]] == [None, "us-east-1"]
    assert _one(document, "aws_kms_key", "there")["provider"] == "aws.us-east-1"
    assert "provider" not in _one(document, "aws_kms_key", "here")


def test_a_secret_is_a_placeholder_and_nothing_is_left_unknown(
    resource: Callable[..., Resource], snapshot: Callable[..., Snapshot]
) -> None:
    secret = resource("aws:ssm/parameter:Parameter", "p", {"type": "String", "name": "/p", "value": Opaque.SECRET})

    document = _document(snapshot(secret))

    assert _one(document, "aws_ssm_parameter", "p")["value"] == SECRET_TEXT
    assert "local." not in json.dumps(document)


def test_no_reference_of_a_whole_stack_leads_nowhere_or_in_a_circle() -> None:
    document = _document(snapshot_of("prod"))
    bodies = {f"{type_}.{name}": body for type_, named in document["resource"].items() for name, body in named.items()}
    needs = {
        address: {*re.findall(r"\$\{(?:tolist\()?(aws_\w+\.[\w-]+)\.", json.dumps(body)), *body.get("depends_on", [])}
        for address, body in bodies.items()
    }
    assert {other for others in needs.values() for other in others} <= bodies.keys()
    assert sum(map(len, needs.values())) > len(bodies)
    while needs:
        ready = {address for address, others in needs.items() if not others & needs.keys()}
        assert ready
        needs = {address: others for address, others in needs.items() if address not in ready}
