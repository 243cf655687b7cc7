"""What the provider itself says of a change, against what the preview says without it."""

from __future__ import annotations

from dataclasses import replace

from groundwork.preview.changes.plan import Plan
from groundwork.preview.terraform.change import ProviderAnswer, ask, differing
from groundwork.preview.terraform.render import render_answer
from tests.stacks import snapshot_of
from tests.test_walk import said

DATABASE = "shop-database-primary"


def test_the_provider_replaces_what_the_preview_replaces_and_nothing_else(terraform: None) -> None:
    """Of three changes; `make verify-changes` asks about every step of every stack."""
    base = snapshot_of("prod")
    head = said(DATABASE, username="app", instanceClass="db.m7g.large")(said("shop-cache-group", port=6380)(base))
    plan = Plan(base, head)
    answer = ask(plan)
    assert answer.skipped == ""
    assert len(answer.asked) > 2
    replaced = {plan.pairs[urn].after.name: properties for urn, properties in answer.replaced.items()}
    assert replaced[DATABASE] == ("username",)
    assert replaced["shop-cache-group"] == ("port",)
    assert differing(plan, answer) == []


def test_where_the_two_say_different_things_the_answer_says_so() -> None:
    base = snapshot_of("prod")
    plan = Plan(base, said(DATABASE, username="app")(base))
    [urn] = [urn for urn, pair in plan.pairs.items() if pair.after.name == DATABASE and urn in plan.replaced]
    nothing = ProviderAnswer(provider="9.0.0", asked={urn: frozenset({"username"})})
    assert differing(plan, nothing) == [f"{DATABASE}: the preview replaces it, the provider updates it"]
    assert "it replaces none of them" in "\n".join(render_answer(plan, nothing))
    updated = Plan(base, said(DATABASE, instanceClass="x")(base))
    more = ProviderAnswer(
        provider="9.0.0", asked={urn: frozenset({"instanceClass"})}, replaced={urn: ("instanceClass",)}
    )
    [told] = differing(updated, more)
    assert told == f"{DATABASE}: the provider replaces it for instanceClass, the preview updates it"
    assert all(len(line) <= 80 for line in render_answer(updated, more))
    assert "Not asked" in render_answer(plan, replace(nothing, skipped="no terraform"))[0]
