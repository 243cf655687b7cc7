"""What rules read of the resources in their cases, and what they take for it where it is not set."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import Any

import pytest

from guardrails.judgement import judge
from guardrails.rules import REGISTRY
from guardrails.view import Node
from tests.policies.fixtures import cases

Reads = dict[tuple[str, str], set[tuple[str, str]]]


@cache
def reads() -> Reads:
    """What rules read in their cases with ``get`` and its like: by type and property, the rules with the default they give."""
    found: Reads = defaultdict(set)
    rule = ""
    read = Node.get

    def recorded(node: Node, path: str, default: Any = None) -> Any:
        found[node.type, re.sub(r"\[\d+\]", "", node._at(path))].add((rule, str(default)))
        return read(node, path, default)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Node, "get", recorded)
        for case in cases():
            rule = case.rule
            judge(REGISTRY[rule], case.subject, case.stack, case.values)
    return found
