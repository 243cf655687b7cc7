"""The frame: what rules may rely on, and that nothing inside one ends a deployment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel
from pulumi_policy import policy as sdk

from guardrails import pack
from guardrails.context import PolicyContext
from guardrails.documents import MalformedDocumentError, read
from guardrails.judgement import Verdict, judge
from guardrails.messages import plain_properties
from guardrails.rules import REGISTRY, Rule, resource_rule, stack_rule
from guardrails.sdk import decode_once
from guardrails.stack import Stack
from guardrails.view import Node, Opaque, Resource, UndeterminedError
from tests.policies.engine_client import to_struct
from tests.policies.fixtures import PACK_ROOT, build, urn_of

QUEUE = "aws:sqs/queue:Queue"
FACTS: dict[str, Any] = {"ids": (), "why": "Because.", "fix": "Fix it."}


@pytest.fixture
def made() -> SimpleNamespace:
    """Rules made for one test, which the pack's catalogue never sees."""
    before = dict(REGISTRY)

    @resource_rule("A rule with a bug", "critical", QUEUE, **FACTS)
    def has_a_bug(resource: Resource) -> list[str]:
        return [str(1 / 0)]

    @resource_rule("A rule that finds something and then hits a bug", "critical", QUEUE, **FACTS)
    def finds_and_breaks(resource: Resource) -> Iterator[str]:
        yield "this is wrong"
        raise KeyError("bug")

    @stack_rule("A rule between resources with a bug on one of them", "critical", QUEUE, **FACTS)
    def breaks_on_one(resource: Resource, stack: Stack) -> Iterator[str]:
        if resource.name == "a":
            raise RuntimeError("bug")
        yield f"{resource.get('name')} is wrong"

    rules = {name: rule for name, rule in REGISTRY.items() if name not in before}
    REGISTRY.clear()
    REGISTRY.update(before)
    return SimpleNamespace(**{name.replace("-", "_"): rule for name, rule in rules.items()})


def queue(name: str = "orders", **inputs: Any) -> Resource:
    return Resource(urn_of(QUEUE, name), inputs)


def servicer(*rules: Rule) -> Any:
    decode_once()
    return sdk._PolicyAnalyzerServicer("p", "0.0.1", pack.build(PolicyContext(), rules), EnforcementLevel.MANDATORY)


def request(name: str, inputs: dict[str, Any]) -> Any:
    return analyzer_pb2.AnalyzeRequest(type=QUEUE, urn=urn_of(QUEUE, name), name=name, properties=to_struct(inputs))


def stack_request(**queues: dict[str, Any]) -> Any:
    resources = [
        analyzer_pb2.AnalyzerResource(type=QUEUE, urn=urn_of(QUEUE, name), name=name, properties=to_struct(inputs))
        for name, inputs in queues.items()
    ]
    return analyzer_pb2.AnalyzeStackRequest(resources=resources)


def test_a_bug_in_a_rule_is_a_visible_undetermined_verdict(made: Any) -> None:
    judgement = judge(made.has_a_bug, queue())
    assert (judgement.verdict, judgement.broken) == (Verdict.UNDETERMINED, True)
    assert judgement.stopped == "rule failed: ZeroDivisionError: division by zero"


def test_what_a_rule_found_before_its_bug_stands(made: Any) -> None:
    judgement = judge(made.finds_and_breaks, queue())
    assert (judgement.verdict, judgement.messages, judgement.broken) == (Verdict.FAIL, ("this is wrong",), True)
    assert "KeyError" in judgement.stopped


def test_under_the_engine_a_bug_is_shown_as_advice_and_never_raised(made: Any) -> None:
    (diagnostic,) = servicer(made.has_a_bug).Analyze(request("orders", {}), None).diagnostics
    assert diagnostic.enforcementLevel == analyzer_pb2.ADVISORY
    assert "rule failed: ZeroDivisionError" in diagnostic.message


def test_a_bug_on_one_resource_does_not_keep_a_stack_rule_from_judging_the_others(made: Any) -> None:
    diagnostics = servicer(made.breaks_on_one).AnalyzeStack(stack_request(a={}, b={"name": "b"}), None).diagnostics
    told = {(d.urn, d.enforcementLevel) for d in diagnostics if d.policyName == "breaks-on-one"}
    assert told == {(urn_of(QUEUE, "b"), analyzer_pb2.MANDATORY), ("", analyzer_pb2.ADVISORY)}


def test_an_unknown_ends_a_stack_rule_only_for_its_own_resource(made: Any) -> None:
    unknown = Opaque.UNKNOWN
    diagnostics = (
        servicer(made.breaks_on_one).AnalyzeStack(stack_request(b={"name": unknown}, c={"name": "c"}), None).diagnostics
    )
    assert [d.urn for d in diagnostics if d.policyName == "breaks-on-one"] == [urn_of(QUEUE, "c")]
    assert [d.policyName for d in diagnostics] == ["breaks-on-one", "judgement-undetermined"]


def test_each_message_is_decoded_once_for_all_policies() -> None:
    decode_once()
    properties = to_struct({"count": 3, "share": 0.5, "gone": None})
    first = sdk.unknown_checking_proxy(sdk.deserialize_properties(sdk.json_format.MessageToDict(properties)))
    again = sdk.unknown_checking_proxy(sdk.deserialize_properties(sdk.json_format.MessageToDict(properties)))
    assert first is again
    assert first == {"count": 3, "share": 0.5, "gone": None}
    assert isinstance(first["count"], int)


def test_unknowns_and_secrets_are_marked_at_the_border() -> None:
    plain = plain_properties(to_struct({"a": [{"b": Opaque.UNKNOWN}], "c": Opaque.SECRET}))
    assert plain == {"a": [{"b": Opaque.UNKNOWN}], "c": Opaque.SECRET}


def test_what_a_repair_does_not_change_goes_back_as_it_came() -> None:
    decode_once()
    properties = to_struct({"password": Opaque.SECRET, "size": 3, "arn": Opaque.UNKNOWN})
    decoded = sdk.unknown_checking_proxy(sdk.deserialize_properties(sdk.json_format.MessageToDict(properties), True))
    assert to_struct(sdk.serialize_properties(decoded)) == properties


def test_the_pack_describes_itself_to_the_engine() -> None:
    info = servicer(*REGISTRY.values()).GetAnalyzerInfo(empty_pb2.Empty(), None)
    assert {"exception-invalid", "exception-expired", "exception-unmatched"} <= {p.name for p in info.policies}


def test_rules_can_be_used_without_pulumi() -> None:
    program = "import sys; from guardrails.assessment import assess; from guardrails.catalogue import rules; rules(); print([m for m in sys.modules if m.split('.')[0] in ('pulumi', 'pulumi_policy', 'grpc', 'groundwork')])"
    result = subprocess.run([sys.executable, "-c", program], cwd=PACK_ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_reading_says_exactly_what_is_not_known() -> None:
    node = Node({"a": {"b": [1, Opaque.UNKNOWN]}, "c": Opaque.SECRET})
    with pytest.raises(UndeterminedError, match=r"^a\.b\[1\] is not known yet$"):
        node.get("a")
    with pytest.raises(UndeterminedError, match=r"^c\.d is secret$"):
        node.get("c.d")
    assert node.has("c")
    assert not node.known("a.b")
    assert node.get("missing.path", 7) == 7


def test_known_items_are_read_before_what_is_unknown() -> None:
    node = Node({"ports": [Opaque.UNKNOWN, "22"], "rules": [{"a": Opaque.UNKNOWN}, {"a": 1}]})
    ports = node.strings("ports")
    assert next(ports) == "22"
    with pytest.raises(UndeterminedError):
        next(ports)
    assert [item.path for item in node.items("rules")] == ["rules[1]", "rules[0]"]


def test_a_reference_is_found_by_its_value_before_what_it_may_be_made_from() -> None:
    stack = build("s3/BucketPolicy", [{"bucket": "->one"}, {"s3/Bucket one": {}}, {"s3/Bucket two": {}}])
    policy, one, two = stack.resources
    policy.property_dependencies = {"bucket": (one.urn, two.urn)}
    assert stack.targets(policy, "bucket", one.type) == [one]
    assert stack.referrers(one, "bucket", policy.type) == [policy]
    assert stack.referrers(two, "bucket", policy.type) == []


def test_a_document_is_the_same_as_text_and_as_object() -> None:
    text = '{"Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}}'
    value = {"Statement": [{"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["*"]}]}
    assert list(read(Node({"policy": text}), "policy")) == list(read(Node({"policy": value}), "policy"))


@pytest.mark.parametrize("text", ["", "[]", "null", "{}", "[" * 100_000, '{"Statement": [1]}'])
def test_what_is_no_document_is_a_malformed_document(text: str) -> None:
    with pytest.raises(MalformedDocumentError):
        read(Node({"policy": text}), "policy")
