"""What judgements come to once exceptions and baseline are heard."""

from __future__ import annotations

import datetime

from guardrails import baseline
from guardrails.catalogue import rules
from guardrails.context import PolicyContext
from guardrails.evaluation import Evaluation
from guardrails.judgement import Judgement, Verdict
from guardrails.view import Resource

TODAY = datetime.date(2026, 3, 1)
URN = "urn:pulumi:prod::shop::aws:sqs/queue:Queue::"
EXCEPTION = {
    "rule": "sqs-encrypted",
    "resource": "excepted",
    "reason": "Carries public data",
    "owner": "team",
    "expires": "2026-06-01",
}
FAILS = Judgement(Verdict.FAIL, ("it is open",))
WAITS = Judgement(Verdict.UNDETERMINED, stopped="kmsMasterKeyId is not known yet")
RULE = next(rule for rule in rules() if rule.name == "sqs-encrypted")


def evaluation() -> Evaluation:
    known = baseline.read([{"rule": RULE.name, "urn": f"{URN}known"}])
    return Evaluation(PolicyContext.of({"stage": "prod"}, [EXCEPTION], TODAY, known))


def queue(name: str) -> Resource:
    return Resource(f"{URN}{name}", {})


def test_an_outcome_is_excepted_known_undetermined_or_a_failure() -> None:
    heard = evaluation()
    for name in ("excepted", "known", "open"):
        heard.settle(RULE, queue(name), FAILS)
    heard.settle(RULE, queue("waiting"), WAITS)
    named = {verdict: [one.resource.name for one in heard.of(verdict)] for verdict in Verdict}
    assert named == {
        Verdict.PASS: [],
        Verdict.FAIL: ["open"],
        Verdict.UNDETERMINED: ["waiting"],
        Verdict.EXCEPTED: ["excepted"],
        Verdict.KNOWN: ["known"],
    }
    assert heard.unmatched() == []
    assert heard.vanished(()) == []


def test_what_passes_after_all_needs_neither_its_exception_nor_its_entry_in_the_baseline() -> None:
    heard = evaluation()
    for name in ("excepted", "known"):
        heard.settle(RULE, queue(name), FAILS)
        heard.passes(RULE, queue(name))
    assert [problem.policy.name for problem in heard.unmatched()] == ["exception-unmatched"]
    assert [problem.urn for problem in heard.vanished(())] == [f"{URN}known"]
    assert heard.vanished([RULE.name]) == []
