"""The frame around a rule: whatever happens inside it, a verdict comes out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from guardrails.documents import MalformedDocumentError
from guardrails.rules import Rule, Values
from guardrails.stack import Stack
from guardrails.view import Resource, UndeterminedError


class Verdict(StrEnum):
    PASS = "pass"  # noqa: S105 - the word
    FAIL = "fail"
    UNDETERMINED = "undetermined"
    EXCEPTED = "excepted"
    KNOWN = "known"
    """A failure that the baseline holds."""


class Judgement(NamedTuple):
    """What one rule says of one resource."""

    verdict: Verdict
    messages: tuple[str, ...] = ()
    """One for each thing that is wrong."""
    stopped: str = ""
    """Why the rule could not judge to its end; what it found until then stands."""
    broken: bool = False
    """Whether the rule itself failed: a bug of ours, to be seen and never to stop a deployment."""


_PASSED = Judgement(Verdict.PASS)


def judge(rule: Rule, resource: Resource, stack: Stack | None = None, values: Values | None = None) -> Judgement:
    """Run a rule on a resource, with ``values`` for its settings. What it found before an unknown stopped it stands."""
    arguments: list[Any] = [resource, stack] if rule.between else [resource]
    if rule.settings:
        arguments.append(rule.defaults() if values is None else values)
    messages: list[str] = []
    stopped = ""
    broken = False
    try:
        for message in rule.check(*arguments):
            messages.append(message)
    except UndeterminedError as unknown:
        stopped = str(unknown)
    except MalformedDocumentError as malformed:
        stopped = f"a policy document cannot be read: {malformed}"
    except Exception as bug:
        stopped = f"rule failed: {type(bug).__name__}: {bug}"
        broken = True
    if not messages and not stopped:
        return _PASSED
    verdict = Verdict.FAIL if messages else Verdict.UNDETERMINED
    return Judgement(verdict, tuple(dict.fromkeys(messages)), stopped, broken)


def judge_together(
    rule: Rule, views: Sequence[Resource], stack: Stack | None = None, values: Values | None = None
) -> Judgement:
    """Return one judgement on all of ``views``, which are one resource to the program: itself and its parts."""
    judged = [judge(rule, view, stack, values) for view in views]
    if len(judged) == 1:
        return judged[0]
    messages = tuple(dict.fromkeys(message for one in judged for message in one.messages))
    stopped = next((one.stopped for one in judged if one.stopped), "")
    verdict = Verdict.FAIL if messages else Verdict.UNDETERMINED if stopped else Verdict.PASS
    return Judgement(verdict, messages, stopped, any(one.broken for one in judged))
