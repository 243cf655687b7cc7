"""What is worked out once for a stack, since the rules that ask ask for every resource."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from guardrails.stack import Stack

Index = TypeVar("Index")


def per_stack(build: Callable[[Stack], Index]) -> Callable[[Stack], Index]:
    """Remember what a function makes of a stack, with the stack: what is made of it may lead back to it."""

    @wraps(build)
    def of(stack: Stack) -> Index:
        if build not in stack.built:
            stack.built[build] = build(stack)
        index: Index = stack.built[build]
        return index

    return of
