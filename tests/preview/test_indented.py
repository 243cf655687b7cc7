"""Indented JSON is what Python writes, character for character."""

from __future__ import annotations

import enum
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.preview import indented
from groundwork.preview.snapshot import to_marker
from guardrails.view import Opaque
from tests.stacks import snapshot_of

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.sampled_from([*Opaque, (), (1, {"a": []})])
)  # fmt: skip
VALUES = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3))
)  # fmt: skip


def by_python(value: Any, sort_keys: bool = False) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=sort_keys, default=to_marker) + "\n"


@given(value=VALUES)
def test_it_is_what_python_writes(value: Any) -> None:
    for sort_keys in (False, True):
        assert indented.dumps(value, sort_keys=sort_keys, default=to_marker) == by_python(value, sort_keys)


class Size(enum.StrEnum):
    SMALL = "small"


@pytest.mark.parametrize(
    "value",
    [
        {"a": {1: "b", None: {"c": [2]}}, "line\nend": 'a\n"b"\t\u2028é'},
        [[], {}, [[]], [{}], {"a": {}, "b": []}, "", 0],
        [Size.SMALL, {"size": Size.SMALL, Size.SMALL: [1]}, (1, (2, [3, {"a": Opaque.SECRET}]))],
    ],
)
def test_other_keys_and_types_are_written_as_python_does(value: Any) -> None:
    assert indented.dumps(value, default=to_marker) == by_python(value)


def test_a_stack_is_written_as_python_does() -> None:
    document = snapshot_of("examples/mini-facebook/dev", True).as_dict()
    assert indented.dumps(document, sort_keys=True, default=to_marker) == by_python(document, sort_keys=True)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set"):
        indented.dumps({"a": [{1}]}, default=to_marker)
