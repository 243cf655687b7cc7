"""Every case through the pack's process, which says of each what the case expects; and what cases services beside the platform's
own have."""

from __future__ import annotations

from groundwork.preview.snapshot import Snapshot
from guardrails.catalogue import rules
from tests.policies.engine_client import PackProcess, Violation
from tests.policies.fixtures import Case, cases
from tests.policies.stacks import recorded

TOPICS = {
    "analytics",
    "brokers",
    "builds",
    "document_databases",
    "graphql",
    "machine_learning",
    "memory_databases",
    "service_keys",
    "transfers",
    "user_pools",
    "warehouses",
    "workplaces",
}
RULES = {rule.name: rule for rule in rules()}


def violations(pack: PackProcess, case: Case) -> list[Violation]:
    """What the analyzer says where the engine asks the rule: of the subject alone, or of the whole stack."""
    if not RULES[case.rule].between:
        return pack.judge_resource(recorded(case.subject))
    resources = tuple(map(recorded, case.stack.resources))
    return pack.judge(Snapshot("test", "prod", "eu-west-1", True, {}, resources, {}))


def test_the_analyzer_says_of_each_case_what_it_expects() -> None:
    here = [case for case in cases() if case.values is None]
    assert len(here) > 2_000
    wrong = []
    with PackProcess() as pack:
        for case in here:
            found = {(one.rule, one.urn) for one in violations(pack, case)}
            if ((case.rule, case.subject.urn) in found) != (case.expected == "fail"):
                wrong.append(str(case))
    assert wrong == []


def test_each_of_them_says_what_the_absence_of_all_it_reads_means() -> None:
    bare = {(case.rule, case.subject.type) for case in cases() if not case.subject.value}
    silent = [name for name, rule in RULES.items() if rule.topic in TOPICS and not any(one[0] == name for one in bare)]
    assert silent == []


def test_every_type_that_they_read_is_in_a_case() -> None:
    seen = {(case.rule, case.subject.type) for case in cases()}
    # The tables of keys and passwords are tried row by row in test_service_keys.py.
    tabled = {"service-customer-key", "service-password-secret"}
    unseen = [
        (name, type_)
        for name, rule in RULES.items()
        if rule.topic in TOPICS and name not in tabled
        for type_ in rule.reads
        if (name, type_) not in seen
    ]
    assert unseen == []
