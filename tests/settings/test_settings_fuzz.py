"""Whatever stands in a stack file, loading answers with settings or with mistakes, never with anything else."""

from __future__ import annotations

import contextlib
import datetime
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.settings import LAYERS, Settings
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistake, Mistakes
from groundwork.settings.stack_file import parse
from tests import drawing
from tests.writing import write_stack_file

WORDS = (
    *(
        "",
        "*",
        "10.0.0.0/16",
        "10.0.0.0/8",
        "db.t3.small",
        "cache.t3.micro",
        "prod",
        "connect",
        "03:00-04:00",
        "a",
        "/*",
    ),
    *("sun:04:00-05:00", "2027-01-31", datetime.date(2027, 1, 31), float("nan")),
)


def _field_names(model: Any, found: set[str]) -> set[str]:
    for definition in (model, *model.get("$defs", {}).values()):
        found.update(definition.get("properties", {}))
    return found


@cache
def names() -> list[str]:
    """Every key of a stack file."""
    return sorted(_field_names(Settings.model_json_schema(), {"*", "web", "api", "a", "secure", "public"}))


def key(random: Random) -> Any:
    kind = random.randrange(8)
    return (
        random.choice(names()) if kind < 5 else drawing.text(random, 6) if kind < 7 else random.choice((None, True, 7))
    )


def configs(most: int) -> Iterator[dict[Any, Any]]:
    """What may stand under ``config``."""
    layers = [*(f"groundwork:{layer}" for layer in LAYERS), "aws:region"]
    for seed in range(most):
        random = Random(seed)
        keys = [random.choice(layers) if random.randrange(4) else key(random) for _ in range(random.randint(0, 6))]
        yield {layer: drawing.tree(random, WORDS, key, 4) for layer in keys}


def answers(text: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_stack_file(Path(folder), text)
        found: Sequence[Mistake] | None = None
        try:
            load_stack(find_stack("dev", Path(folder)))
        except Mistakes as mistakes:
            found = mistakes.mistakes
    assert found is None or (found and all(mistake.message for mistake in found)), text


def test_any_tree_under_config_is_settings_or_mistakes() -> None:
    for config in configs(300):
        answers(yaml.safe_dump({"config": config}, allow_unicode=True))


def test_any_tree_over_a_valid_stack_is_settings_or_mistakes() -> None:
    for config in configs(300):
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
