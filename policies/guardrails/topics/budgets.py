"""Money: somebody hears before the bill does."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import Messages, resource_rule
from guardrails.view import Resource


@resource_rule(
    "Budgets tell somebody",
    "medium",
    kinds.BUDGET,
    ids=(),
    why="A budget that tells nobody is a number in a console.",
    fix="Add notifications with subscriberEmailAddresses or subscriberSnsTopicArns.",
)
def budget_notifies(budget: Resource) -> Messages:
    blocks = budget.items("notifications")
    if not blocks:
        yield "it has no notifications"
    for block in blocks:
        if not block.has("subscriberEmailAddresses") and not block.has("subscriberSnsTopicArns"):
            yield f"{block.path} has no subscriber"


@resource_rule(
    "Budgets warn before the money is spent",
    "low",
    kinds.BUDGET,
    ids=(),
    why="A notification at the full amount comes when it is too late.",
    fix="Add a notification of type FORECASTED, or one of type ACTUAL below 100 percent.",
)
def budget_warns_early(budget: Resource) -> Messages:
    blocks = budget.items("notifications")
    early = any(
        block.get("notificationType") == "FORECASTED"
        or (block.get("thresholdType") == "PERCENTAGE" and block.number("threshold", 100) < 100)
        for block in blocks
    )
    if blocks and not early:
        yield "all its notifications come at 100 percent or later"
