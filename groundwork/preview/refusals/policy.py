"""Under which name a report says what AWS would refuse."""

from __future__ import annotations

from guardrails.rules import Policy, Severity

REFUSED = Policy(
    name="aws-takes-it",
    title="AWS takes the values and the amounts that are declared",
    severity=Severity.HIGH,
    why="What AWS refuses ends an update in the middle: a part of the stack is changed by then, and the rest is not.",
    fix="Change what the message names. No exception helps, since it is AWS that refuses. docs/limits.md has every limit with AWS's page.",
)
