"""Every rule on what it passes, fails and cannot judge, and what all rules have in common."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from guardrails import kinds
from guardrails.catalogue import TOPICS, rules, rules_by_type
from guardrails.judgement import Verdict, judge
from guardrails.reference import table
from guardrails.rules import Level, Rule, Severity
from tests.policies import absence
from tests.policies.fixtures import LOADER, build, cases

CASES = list(cases())
RULES = {rule.name: rule for rule in rules()}
PROPERTIES: dict[str, set[str]] = {name: set() for name in RULES}
"""What the cases of a rule say of what it judges."""
for one in CASES:
    PROPERTIES[one.rule].update(one.subject.value)
VERDICTS = {"pass": Verdict.PASS, "fail": Verdict.FAIL, "unknown": Verdict.UNDETERMINED}
IDS = re.compile(
    r"fsbp:[A-Za-z0-9]+\.\d+|securityhub:[A-Za-z0-9]+\.\d+|checkov:CKV2?_(AWS|K8S)_\d+|cis:v\d\.\d\.\d/\d+(\.\d+)+"
)
PRESENCE_FAILS = {"no-default-vpc", "iam-no-users", "iam-no-user-policies"}
PRESENCE_ONLY = PRESENCE_FAILS | {
    "s3-block-public-access",
    "alarm-has-action",
    "api-access-logs",
    "api-client-certificate",
    "api-web-acl",
    "athena-database-encrypted",
    "backup-plan-used",
    "backup-vault-locked",
    "cache-authenticated",
    "cache-own-subnet-group",
    "cloudfront-failover",
    "cloudfront-logging",
    "cloudfront-web-acl",
    "database-alarmed",
    "dms-password-kept",
    "ecr-lifecycle",
    "ecs-definitions-readable",
    "eks-nodes-no-open-ssh",
    "emr-logs",
    "emr-security-named",
    "event-bus-policy",
    "event-failures-kept",
    "glue-security-named",
    "group-launch-template",
    "instance-no-elastic-address",
    "lambda-environment-key",
    "lightsail-ports-said",
    "lambda-failures-kept",
    "lambda-in-vpc",
    "lambda-log-group",
    "nacl-used",
    "network-firewall-logs",
    "notebook-in-vpc",
    "queue-has-dead-letters",
    "rds-cluster-two-zones",
    "rds-managed-password",
    "s3-access-logging",
    "s3-directory-lifecycle",
    "s3-encryption-declared",
    "s3-lifecycle",
    "search-in-vpc",
    "search-own-security-group",
    "secret-rotated",
    "security-group-used",
    "sns-encrypted",
    "trail-to-cloudwatch",
    "transfer-logs",
    "waf-has-rules",
    "waf-logging",
    "zone-query-log",
}
"""Rules that ask only whether something is there, which an unknown value answers too."""


@pytest.mark.parametrize("expected", VERDICTS)
def test_a_rule_gives_the_verdict_its_case_expects(expected: str) -> None:
    judged = {
        str(case): judge(RULES[case.rule], case.subject, case.stack, case.values)
        for case in CASES
        if case.expected == expected
    }
    others = {case: one for case, one in judged.items() if one.verdict is not VERDICTS[expected] or one.broken}
    assert len(judged) > 300
    assert others == {}


def test_a_failure_says_what_is_wrong_in_one_line() -> None:
    messages = [
        message
        for case in CASES
        if case.expected == "fail"
        for message in judge(RULES[case.rule], case.subject, case.stack, case.values).messages
    ]
    assert len(messages) > 500
    assert [one for one in messages if not 10 < len(one) < 250 or "\n" in one or "Opaque" in one] == []


def test_every_rule_has_cases() -> None:
    covered = {(case.rule, case.expected) for case in CASES}
    wanted = {
        *((name, "fail") for name in RULES),
        *((name, "pass") for name in RULES if name not in PRESENCE_FAILS),
        *((name, "unknown") for name in RULES if name not in PRESENCE_ONLY),
    }
    assert wanted - covered == set()


def test_every_rule_has_the_verdict_on_a_resource_that_sets_nothing_that_was_read_before() -> None:
    """``python -m tests.policies.absence`` writes the file; read the difference."""
    assert absence.verdicts() == yaml.load(absence.FILE.read_text(encoding="utf-8"), LOADER)


def test_every_case_is_of_a_rule_and_a_type_it_reads() -> None:
    for case in CASES:
        assert case.subject.type in RULES[case.rule].reads, case


def test_every_rule_states_its_facts() -> None:
    for rule in rules():
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)+", rule.name)
        assert 10 < len(rule.title) < 80, rule.name
        assert not rule.title.endswith("."), rule.name
        assert rule.severity in Severity, rule.name
        assert rule.why.endswith("."), rule.name
        assert rule.fix.endswith("."), rule.name
        assert rule.reads, rule.name
        assert len(set(rule.reads)) == len(rule.reads), rule.name
        assert len(set(rule.ids)) == len(rule.ids), rule.name
        assert all(IDS.fullmatch(one) for one in rule.ids), rule.name


def test_names_and_titles_are_unique() -> None:
    assert max(Counter(rule.name for rule in rules()).values()) == 1
    assert [title for title, count in Counter(rule.title for rule in rules()).items() if count > 1] == []


def test_every_topic_module_is_in_the_catalogue() -> None:
    folder = Path(kinds.__file__).parent / "topics"
    assert {file.stem for file in folder.glob("*.py")} - {"__init__"} == set(TOPICS)


def test_grave_rules_are_mandatory_in_production_and_light_ones_are_advice() -> None:
    for rule in rules():
        if rule.severity is Severity.CRITICAL:
            assert rule.level("prod") is rule.level("dev") is Level.MANDATORY
        if rule.severity is Severity.LOW and "prod" not in rule.levels:
            assert rule.level("prod") is Level.ADVISORY


def test_a_rule_for_production_does_not_apply_elsewhere() -> None:
    rule = RULES["rds-deletion-protection"]
    assert rule.applies("prod")
    assert not rule.applies("dev")


def test_a_resource_of_another_type_is_not_judged() -> None:
    assert "aws:ec2/keyPair:KeyPair" not in rules_by_type()
    assert all(rule.reads for rule in rules())


def broken_by(rule: Rule, type_: str, value: object) -> bool:
    """Whether a rule breaks where each property that its cases have is ``value``."""
    stack = build(type_, [dict.fromkeys(PROPERTIES[rule.name], value)])
    return judge(rule, stack.resources[0], stack).broken


def test_a_resource_of_which_nothing_is_known_breaks_no_rule() -> None:
    assert [(rule.name, type_) for rule in rules() for type_ in rule.reads if broken_by(rule, type_, "UNKNOWN")] == []


@pytest.mark.parametrize("wrong", ["", "text", 7, True, [], ["text"], [None], {}, {"a": 1}, [[1]]], ids=str)
def test_a_value_of_a_wrong_shape_breaks_no_rule(wrong: object) -> None:
    assert [rule.name for rule in rules() if broken_by(rule, rule.reads[0], wrong)] == []


def test_the_page_of_policies_lists_every_rule_as_it_is() -> None:
    """``python -m guardrails.reference`` prints the part of the page after its heading "All rules"."""
    page = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
    assert page.endswith(table())
