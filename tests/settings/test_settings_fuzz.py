"""Whatever stands in a stack file, loading answers with settings or with mistakes, never with anything else."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundwork.components.settings import LAYERS, Settings
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistake, Mistakes
from groundwork.settings.stack_file import parse
from tests.writing import write_stack_file

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [
            "",
            "*",
            "10.0.0.0/16",
            "10.0.0.0/8",
            "db.t3.small",
            "cache.t3.micro",
            "prod",
            "connect",
            "03:00-04:00",
            "sun:04:00-05:00",
            "a",
            "/*",
            "2027-01-31",
        ]
    ),
)


def _field_names(model: Any, found: set[str]) -> set[str]:
    for definition in (model, *model.get("$defs", {}).values()):
        found.update(definition.get("properties", {}))
    return found


@st.deferred
def words() -> st.SearchStrategy[str]:
    return st.sampled_from(
        sorted(_field_names(Settings.model_json_schema(), {"*", "web", "api", "a", "secure", "public"}))
    )


KEYS = st.one_of(words, st.text(max_size=6), st.integers(), st.booleans(), st.none())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=25,
)
LAYER_KEYS = st.one_of(st.sampled_from([f"groundwork:{layer}" for layer in LAYERS]), st.just("aws:region"), KEYS)
CONFIGS = st.dictionaries(LAYER_KEYS, TREES, max_size=6)
MORE = settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])


def answers(text: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_stack_file(Path(folder), text)
        found: Sequence[Mistake] | None = None
        try:
            load_stack(find_stack("dev", Path(folder)))
        except Mistakes as mistakes:
            found = mistakes.mistakes
    assert found is None or (found and all(mistake.message for mistake in found))


@MORE
@given(CONFIGS)
def test_any_tree_under_config_is_settings_or_mistakes(config: dict[Any, Any]) -> None:
    answers(yaml.safe_dump({"config": config}, allow_unicode=True))


@MORE
@given(CONFIGS)
def test_any_tree_over_a_valid_stack_is_settings_or_mistakes(config: dict[Any, Any]) -> None:
    whole = {
        "aws:region": "eu-west-1",
        "groundwork:platform": {"name": "shop", "phase": "growth", "stage": "prod"},
        "groundwork:services": {"web": {"port": 3000, "path": "/*", "uses": {"database": "connect"}}},
        **config,
    }
    answers(yaml.safe_dump({"config": whole}, allow_unicode=True))


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_mistakes(text: str) -> None:
    with contextlib.suppress(Mistakes):
        parse(text, "file")


@given(st.text("{}[]:,-&*!|>'\"#%@`\n\t ?ab1<", max_size=60))
def test_any_text_of_yaml_signs_is_a_document_or_mistakes(text: str) -> None:
    with contextlib.suppress(Mistakes):
        parse(text, "file")


@given(st.binary(max_size=80))
def test_any_bytes_are_settings_or_mistakes(content: bytes) -> None:
    answers(content)
