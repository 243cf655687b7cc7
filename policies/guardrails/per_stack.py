"""What is worked out once for a stack, since the rules that ask ask for every resource."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from guardrails.stack import Stack

Index = TypeVar("Index")


def per_stack(build: Callable[[Stack], Index]) -> Callable[[Stack], Index]:
    """Remember what a function makes of a stack for as long as the stack is there."""
    built: WeakKeyDictionary[Stack, Index] = WeakKeyDictionary()

    @wraps(build)
    def of(stack: Stack) -> Index:
        if stack not in built:
            built[stack] = build(stack)
        return built[stack]

    return of
