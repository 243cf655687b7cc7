"""Default < phase < stage < the stack file's phase < stack file; maps merge, scalars and lists replace, null removes; every value knows where it is from."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.components.settings import ENTRY_LAYERS, LAYERS
from groundwork.settings.data_file import read_data
from groundwork.settings.effective import DEFAULT, Effective, effective, to_json, to_yaml
from groundwork.settings.merging import Merged, merge
from groundwork.settings.stack_file import Document
from tests.stacks import ROOT, STACKS, found, loaded
from tests.writing import copy_extensions, load, write_project

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.text("xyz", max_size=2))
VALUES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=3), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
DOCUMENTS = st.dictionaries(st.sampled_from(["network", "data"]), VALUES, max_size=2)
ENTRIES = st.dictionaries(st.sampled_from(["*", "web", "api"]), st.dictionaries(KEYS, VALUES, max_size=3), max_size=3)


def merged_of(*documents: dict[str, Any]) -> dict[str, Any]:
    return merge([Document(f"file{index}", data) for index, data in enumerate(documents)], ENTRY_LAYERS).data


@given(DOCUMENTS)
def test_a_document_over_itself_changes_nothing(document: dict[str, Any]) -> None:
    assert merged_of(document, document) == merged_of(document) == document


@given(DOCUMENTS)
def test_an_empty_document_changes_nothing(document: dict[str, Any]) -> None:
    assert merged_of(document, {}) == merged_of({}, document) == document


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_it_does_not_matter_which_two_are_merged_first(
    one: dict[str, Any], two: dict[str, Any], three: dict[str, Any]
) -> None:
    assert merged_of(merged_of(one, two), three) == merged_of(one, merged_of(two, three)) == merged_of(one, two, three)


@given(DOCUMENTS, DOCUMENTS)
def test_merging_changes_none_of_its_documents(one: dict[str, Any], two: dict[str, Any]) -> None:
    before = copy.deepcopy((one, two))
    result = merged_of(one, two)
    for value in result.values():
        if isinstance(value, dict):
            value["changed"] = True
    assert (one, two) == before


@given(DOCUMENTS, DOCUMENTS)
def test_what_the_stronger_says_holds_wherever_it_says_something(
    weaker: dict[str, Any], stronger: dict[str, Any]
) -> None:
    def holds(said: Any, result: Any) -> bool:
        if isinstance(said, dict):
            return isinstance(result, dict) and all(
                key in result and holds(item, result[key]) for key, item in said.items()
            )
        return bool(said == result)

    assert holds(stronger, merged_of(weaker, stronger))


@given(ENTRIES, ENTRIES)
def test_the_entry_for_all_reaches_every_name_and_is_weaker_than_the_name(
    weaker: dict[str, Any], stronger: dict[str, Any]
) -> None:
    result = merged_of({"services": weaker}, {"services": stronger}).get("services", {})
    names = {name for entries in (weaker, stronger) for name in entries if name != "*"}
    assert set(result) == names
    for name in names:
        parts = [entries[key] for key in ("*", name) for entries in (weaker, stronger) if key in entries]
        assert result[name] == merged_of(*({"data": part} for part in parts))["data"]


@given(ENTRIES, ENTRIES)
def test_every_value_has_a_source_that_says_it(weaker: dict[str, Any], stronger: dict[str, Any]) -> None:
    documents = [Document("weak", {"services": weaker}), Document("strong", {"services": stronger})]
    merged = merge(documents, ENTRY_LAYERS)

    def said(document: Document, path: tuple[Any, ...]) -> Any:
        node: Any = document.data
        for part in path:
            node = node[part]
        return node

    def check(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, item in value.items():
                check((*path, key), item)
            return
        found = merged.source(path)
        assert found is not None
        assert said(*found) == value

    for name, value in merged.data.get("services", {}).items():
        check(("services", name), value)


def test_null_removes_an_entry_that_something_weaker_brought() -> None:
    result = merged_of({"services": {"web": {"cpu": 1}, "api": {}}}, {"services": {"web": None}})
    assert result["services"] == {"web": None, "api": {}}


def test_null_for_a_whole_layer_forgets_what_was_said_and_later_entries_start_afresh() -> None:
    assert merged_of({"services": {"web": {}}}, {"services": None}) == {"services": None}
    assert merged_of({"services": {"web": {}}}, {"services": None}, {"services": {"api": {}}}) == {
        "services": {"api": {}}
    }


def test_each_of_a_thousand_entries_starts_from_the_entry_for_all() -> None:
    services = {f"s{n}": {"memory": n} for n in range(1000)}
    merged = merged_of({"services": {"*": {"cpu": 1}}}, {"services": services})["services"]
    assert merged == {name: {"cpu": 1, **own} for name, own in services.items()}


def source_of(folder: Path, path: str) -> Effective:
    return {".".join(map(str, row.path)): row for row in effective(load(folder))}[path]


def test_the_stack_file_is_stronger_than_the_stage_and_that_than_the_phase(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        """
        groundwork:platform: {name: shop, stage: prod, phase: launch}
        groundwork:services: {web: {port: 3000, path: "/*", memory: 2048}}
        """,
    )
    assert source_of(tmp_path, "services.web.cpu") == Effective(("services", "web", "cpu"), 512, "phase launch")
    assert source_of(tmp_path, "services.web.memory") == Effective(
        ("services", "web", "memory"), 2048, "Pulumi.dev.yaml:4"
    )
    assert source_of(tmp_path, "edge.waf.mode") == Effective(("edge", "waf", "mode"), "block", "stage prod")
    assert source_of(tmp_path, "compute.spot") == Effective(("compute", "spot"), 0, DEFAULT)
    assert source_of(tmp_path, "aws:region") == Effective(("aws:region",), "ap-south-1", "Pulumi.dev.yaml:2")


def test_the_short_form_of_a_use_is_shown_as_it_was_written(tmp_path: Path) -> None:
    write_project(
        tmp_path, 'groundwork:services:\n  web: {port: 3000, path: "/*"}\n  api: {port: 5000, uses: {web: connect}}'
    )
    assert source_of(tmp_path, "services.api.uses.web") == Effective(
        ("services", "api", "uses", "web"), "connect", "Pulumi.dev.yaml:6"
    )


def test_null_removes_a_layer_that_the_phase_brings(tmp_path: Path) -> None:
    write_project(tmp_path, "groundwork:data: null")
    assert load(tmp_path).settings.data is None
    assert source_of(tmp_path, "data") == Effective(("data",), None, "Pulumi.dev.yaml:4")


def test_null_gives_a_value_that_cannot_be_absent_its_default_back(tmp_path: Path) -> None:
    write_project(tmp_path, 'groundwork:services: {web: {port: 3000, path: "/*", cpu: null, memory: null}}')
    web = load(tmp_path).settings.services["web"]
    assert (web.cpu, web.memory) == (256, 512)


def test_null_for_what_may_be_absent_means_absent(tmp_path: Path) -> None:
    write_project(tmp_path, "groundwork:observability: {thresholds: {service_cpu: null}}")
    observability = load(tmp_path).settings.observability
    assert observability is not None
    assert observability.thresholds.service_cpu is None
    assert observability.thresholds.service_memory is not None


def test_an_entry_that_is_null_is_gone(tmp_path: Path) -> None:
    write_project(tmp_path, 'groundwork:services:\n  web: {port: 3000, path: "/*"}\n  api: null')
    assert list(load(tmp_path).settings.services) == ["web"]


def test_a_sealed_value_shows_as_secret_everywhere(tmp_path: Path) -> None:
    write_project(tmp_path, "groundwork:secrets: {app: {keys: [TOKEN], values: {TOKEN: {secure: v1:abcdef}}}}")
    loaded = load(tmp_path)
    assert source_of(tmp_path, "secrets.app.values.TOKEN").value == "[secret]"
    for text in (to_json(loaded), to_yaml(loaded), repr(loaded.settings)):
        assert "abcdef" not in text
        assert "[secret]" in text


@pytest.mark.parametrize("stack", STACKS)
def test_the_yaml_of_all_settings_is_a_stack_file_with_the_same_settings(stack: str, tmp_path: Path) -> None:
    shown = loaded(stack)
    write_project(tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(to_yaml(shown), encoding="utf-8")
    copy_extensions(shown, tmp_path)
    again = load(tmp_path)
    assert again.settings.model_dump_json() == shown.settings.model_dump_json()


@pytest.mark.parametrize("stack", STACKS)
def test_every_effective_value_of_every_stack_has_a_source(stack: str) -> None:
    """C-03, C-04"""
    rows = effective(loaded(stack))
    assert {row.source.partition(" ")[0].partition(":")[0] for row in rows} <= {
        DEFAULT,
        "phase",
        "stage",
        found(stack).label,
        "--phase",
    }


def test_phases_and_stages_are_sources_where_a_file_leaves_something_to_them() -> None:
    """C-03, C-04"""
    sources = {row.source.partition(" ")[0] for row in effective(loaded("prod"))}
    assert {"phase", "stage"} <= sources


@pytest.mark.parametrize("phase", ["mvp", "launch", "growth", "scale", "millions"])
@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_every_phase_goes_with_every_stage(phase: str, stage: str, tmp_path: Path) -> None:
    """C-03, C-04"""
    write_project(tmp_path, f"groundwork:platform: {{name: shop, stage: {stage}, phase: {phase}}}")
    settings = load(tmp_path).settings
    assert (settings.platform.phase, settings.platform.stage) == (phase, stage)


def test_phases_and_stages_hold_no_key_that_a_stack_file_could_not() -> None:
    for file in [
        *(ROOT / "groundwork" / "settings" / "phases").glob("*.yaml"),
        *(ROOT / "groundwork" / "settings" / "stages").glob("*.yaml"),
    ]:
        assert set(read_data(file)) <= set(LAYERS), file.name


def test_provenance_of_an_untouched_merge_is_none() -> None:
    assert Merged().source(("network", "cidr")) is None
    assert Merged().where(("network", "cidr")) == ""
