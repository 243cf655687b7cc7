"""Programs that others wrote call the provider's functions too; what needs no AWS is answered as AWS's provider does."""

from __future__ import annotations

import json

import pytest

from groundwork.preview.computed_values import ComputedValues, UnknownInvokeError
from groundwork.preview.policy_document import FUNCTION

VALUES = ComputedValues("eu-west-1")


def test_a_policy_document_is_written_as_the_provider_writes_it() -> None:
    read = {
        "sid": "Read",
        "actions": ["s3:GetObject"],
        "resources": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"],
        "principals": [{"type": "AWS", "identifiers": ["111122223333"]}],
        "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["true"]}],
    }
    answer = VALUES.for_invoke(FUNCTION, {"statements": [read]})
    assert json.loads(answer["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Read",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"],
                "Principal": {"AWS": "111122223333"},
                "Condition": {"Bool": {"aws:SecureTransport": "true"}},
            }
        ],
    }
    assert json.loads(answer["minifiedJson"]) == json.loads(answer["json"])


def test_sources_come_first_and_a_later_statement_takes_the_place_of_one_with_its_sid() -> None:
    source = json.dumps({"Statement": {"Sid": "One", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    everyone = {"sid": "Two", "effect": "Deny", "principals": [{"type": "*", "identifiers": ["*"]}]}
    override = json.dumps({"Statement": [{"Sid": "One", "Effect": "Deny", "Action": "s3:*", "Resource": "*"}]})
    answer = VALUES.for_invoke(
        FUNCTION,
        {"sourcePolicyDocuments": [source], "statements": [everyone], "overridePolicyDocuments": [override]},
    )
    statements = json.loads(answer["json"])["Statement"]
    assert [(one["Sid"], one["Effect"]) for one in statements] == [("One", "Deny"), ("Two", "Deny")]
    assert statements[1]["Principal"] == "*"


def test_a_function_that_only_aws_can_answer_names_the_other_way() -> None:
    with pytest.raises(UnknownInvokeError, match="groundwork policies check"):
        VALUES.for_invoke("aws:pricing/getProduct:getProduct", {})
