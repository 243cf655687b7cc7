"""One protection less, and some rule says so: on every example stack, for every protection that it has."""

from __future__ import annotations

import datetime
import re

import pytest

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.verdicts import view_of
from guardrails.catalogue import rules, rules_by_type
from guardrails.context import PolicyContext
from guardrails.judgement import judge
from guardrails.rules import Rule
from guardrails.stack import Stack
from guardrails.view import Resource
from tests.policies.mutants import Mutant, mutants
from tests.stacks import ROOT, STACKS, snapshot_of

README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
TODAY = datetime.date(2026, 12, 1)

Said = set[tuple[str, str, str]]
"""Rule, URN, message."""


class Bench:
    """A stack whose verdicts are known, and in which one resource can be exchanged."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.stage = PolicyContext.of(snapshot.settings.get("platform"), None, TODAY).stage
        self.views = {resource.urn: view_of(resource) for resource in snapshot.resources}
        self.stack = Stack(self.views.values())
        self.said = {said for resource in self.views.values() for said in self._judge(resource, self.stack, None)}

    def catches(self, mutant: Mutant) -> bool:
        """Whether any rule says something new. The rules of the resource alone are asked first; they usually do, and need no stack."""
        views = dict(self.views)
        if mutant.weak is None:
            del views[mutant.strong.urn]
        else:
            weak = views[mutant.strong.urn] = view_of(mutant.weak)
            if self._news([weak], self.stack, between=False):
                return True
        return self._news(list(views.values()), Stack(views.values()), between=True)

    def _news(self, resources: list[Resource], stack: Stack, *, between: bool) -> bool:
        return any(said not in self.said for resource in resources for said in self._judge(resource, stack, between))

    def _judge(self, resource: Resource, stack: Stack, between: bool | None) -> Said:
        return {
            (rule.name, resource.urn, message)
            for rule in rules_by_type().get(resource.type, ())
            if self._asked(rule, between)
            for message in judge(rule, resource, stack).messages
        }

    def _asked(self, rule: Rule, between: bool | None) -> bool:
        return rule.applies(self.stage) and between in (None, rule.between)


@pytest.mark.parametrize("stack", STACKS)
def test_every_protection_that_is_weakened_is_noticed_by_some_rule(stack: str) -> None:
    snapshot = snapshot_of(stack)
    bench = Bench(snapshot)
    made = list(mutants(snapshot))
    assert len(made) >= 40
    assert [mutant.what for mutant in made if not bench.catches(mutant)] == []


def test_the_mutants_are_of_many_kinds() -> None:
    kinds = {
        (mutant.strong.type, mutant.what.partition(")")[2])
        for stack in STACKS
        for mutant in mutants(snapshot_of(stack))
    }
    assert len(kinds) >= 100


def test_the_readme_says_how_many_rules_there_are() -> None:
    between = sum(rule.between for rule in rules())
    said = re.search(r"More than (\d+) \[rules\]\(docs/policies.md\), over (\d+) of them between resources", README)
    assert said is not None
    assert 150 <= int(said[1]) <= len(rules()) < int(said[1]) + 20
    assert 35 <= int(said[2]) <= between < int(said[2]) + 10
