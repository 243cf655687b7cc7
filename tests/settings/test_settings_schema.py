"""The JSON Schema that editors use agrees with the models, is committed, and is named by every stack file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from groundwork.components.settings import LAYERS
from groundwork.settings import reference, schema
from groundwork.settings.data_file import read_data
from tests.stacks import ROOT, STACK_NAMES, found
from tests.writing import mistakes_in

# Read, since making it takes a third of a second of every process; that it is up to date is tested below.
COMMITTED = (ROOT / "groundwork.schema.json").read_text(encoding="utf-8")
SCHEMA = json.loads(COMMITTED)
VALIDATOR = jsonschema_rs.Draft7Validator(SCHEMA)


def errors(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def with_config(config: str) -> str:
    return f"config:\n  aws:region: eu-west-1\n  groundwork:platform: {{name: shop}}\n  {config}\n"


def test_the_schema_is_one() -> None:
    jsonschema_rs.meta.validate(SCHEMA)


def test_the_committed_schema_is_up_to_date() -> None:
    assert schema.dumps() == COMMITTED, "run: groundwork schema --out groundwork.schema.json"


def test_the_committed_reference_is_up_to_date() -> None:
    committed = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert reference.within(committed) == committed, "run: groundwork schema --format markdown --out docs/settings.md"


@pytest.mark.parametrize("stack", STACK_NAMES)
def test_every_stack_file_agrees_with_the_schema_and_names_it(stack: str) -> None:
    file = found(stack).file
    text = file.read_text(encoding="utf-8")
    assert errors(text) == []
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (file.parent / first.partition("$schema=")[2]).resolve() == ROOT / "groundwork.schema.json"


@pytest.mark.parametrize(
    "file",
    [
        *(ROOT / "groundwork" / "settings" / "phases").glob("*.yaml"),
        *(ROOT / "groundwork" / "settings" / "stages").glob("*.yaml"),
    ],
    ids=lambda file: file.name,
)
def test_every_phase_and_stage_agrees_with_the_schema(file: Path) -> None:
    layers = read_data(file)
    config = {f"groundwork:{layer}": value for layer, value in layers.items()}
    document = {"config": {"aws:region": "eu-west-1", "groundwork:platform": {"name": "shop"}, **config}}
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_the_schema_describes_every_layer() -> None:
    properties = SCHEMA["properties"]["config"]["properties"]
    for layer in LAYERS:
        described = json.dumps(properties[f"groundwork:{layer}"])
        assert layer == "exceptions" or '"description"' in described


@pytest.mark.parametrize(
    "config",
    [
        "groundwork:nonsense: {}",
        "services: {}",
        "groundwork:data: {clas: db.t3.small}",
        "groundwork:data: {multi_az: perhaps}",
        "groundwork:storage: {My_Bucket: {}}",
        "groundwork:services: {web: {uses: {database: everything}}}",
        "groundwork:secrets: {app: {keys: [A], values: {A: in-clear}}}",
        "groundwork:services: {web: {port: 80}}",
    ],
)
def test_what_the_schema_refuses_loading_refuses_too(config: str, tmp_path: Path) -> None:
    assert errors(with_config(config))
    assert mistakes_in(tmp_path, config)


@pytest.mark.parametrize(
    "config",
    [
        "groundwork:data: null",
        "groundwork:services: {web: null}",
        'groundwork:services: {"*": {cpu: 512}, web: {port: 3000, path: /*}}',
        'groundwork:secrets: {"*": {keys: [A]}, app: {values: {A: {secure: v1:x}}}}',
        "groundwork:network: {zones: [a, b]}",
        "groundwork:services: {web: {port: 3000, uses: {images: {level: read, prefix: public/}}}}",
        "other:key: anything",
    ],
)
def test_the_schema_takes_what_a_stack_file_may_leave_out_or_take_away(config: str) -> None:
    assert errors(with_config(config)) == []


def test_a_region_outside_the_table_is_refused() -> None:
    assert errors("config: {'aws:region': mars-1, 'groundwork:platform': {name: shop}}")


def test_patterns_are_ones_that_every_editor_reads() -> None:
    def patterns(node: Any) -> list[str]:
        if isinstance(node, list):
            return [found for item in node for found in patterns(item)]
        if isinstance(node, dict):
            own = [node["pattern"]] if isinstance(node.get("pattern"), str) else []
            return own + [found for item in node.values() for found in patterns(item)]
        return []

    # With JavaScript's u flag, which editors use, only signs that mean something may be escaped.
    for pattern in patterns(SCHEMA):
        assert '\\"' not in pattern
        assert "(?P" not in pattern
        assert "(?<" not in pattern


def test_the_schema_does_not_depend_on_where_it_is_made() -> None:
    assert str(ROOT) not in schema.dumps()
    assert schema.stack_file_schema() == schema.stack_file_schema()
