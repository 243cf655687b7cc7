"""Slips of who writes a stack file, and of who names one: what was found, where, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.settings.loading import find_stack
from groundwork.settings.mistakes import Mistakes
from tests.writing import load, mistakes_in, write_project, write_stack_file

PLATFORM = "groundwork:platform: {name: shop, stage: dev, phase: mvp}"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            "groundwork:services:\n  web: {port: 3000, path: '/*'}\n  worker:",
            "Pulumi.dev.yaml:6 services.worker: is empty, which YAML takes for null: none of it; write {} for its defaults, or null",
        ),
        (
            "groundwork:services: {web: {port: 3000, path: '/*', uses: {cache: connect}}}\ngroundwork:cache:",
            "Pulumi.dev.yaml:5 cache: is empty, which YAML takes for null: none of it; write {} for its defaults, or null",
        ),
        (
            "groundwork:edge:\n  waf:\n",
            "Pulumi.dev.yaml:5 edge.waf: is empty, which YAML takes for null: none of it; write {} for its defaults, or null",
        ),
        (
            "groundwork:phases:\n  growth:\n    cache:\n",
            "Pulumi.dev.yaml:6 phases.growth.cache: is empty, which YAML takes for null: none of it; write {} for its defaults, or null",
        ),
        (
            "groundwork:data:\n  username:\n",
            "Pulumi.dev.yaml:5 data.username: is empty; give it a value, or take it out",
        ),
    ],
)
def test_what_is_left_empty_is_a_mistake_and_nothing_follows_from_it(
    config: str, expected: str, tmp_path: Path
) -> None:
    assert mistakes_in(tmp_path, config) == [expected]


def test_null_and_an_empty_mapping_are_what_they_say(tmp_path: Path) -> None:
    write_project(tmp_path, "groundwork:edge: {waf: null}\ngroundwork:cache: {}\ngroundwork:services: {worker: {}}")
    settings = load(tmp_path).settings
    assert settings.edge
    assert settings.edge.waf is None
    assert settings.cache
    assert list(settings.services) == ["worker"]


def test_a_misspelt_layer_is_one_message_and_what_stands_below_it_is_looked_at(tmp_path: Path) -> None:
    write_stack_file(
        tmp_path, "config:\n  aws:region: eu-west-1\n  groundwork:plattform: {name: shop, stage: dev, phase: lunch}\n"
    )
    with pytest.raises(Mistakes) as raised:
        load(tmp_path)
    first, second = map(str, raised.value.mistakes)
    assert first.startswith("Pulumi.dev.yaml:3 platform.phase: ")
    assert second.startswith('Pulumi.dev.yaml:3 plattform: unknown layer; did you mean "platform"?')


def test_what_the_file_does_not_say_is_told_where_it_is_to_be_added(tmp_path: Path) -> None:
    services = ", ".join(f"s{n}: {{port: 3000, path: /s{n}/*, uses: {{database: connect}}}}" for n in range(120))
    messages = mistakes_in(tmp_path, f"groundwork:services: {{{services}}}")
    assert any("data.proxy" in message or "connections" in message for message in messages)
    assert [message for message in messages if not message.startswith("Pulumi.dev.yaml:")] == []
    assert [message for message in messages if len(message) > 600] == []


# Which stack


def test_a_project_is_told_from_its_stacks(tmp_path: Path) -> None:
    write_project(tmp_path / "examples/shop", stack="dev")
    write_project(tmp_path / "examples/shop", stack="prod")
    for text in ("examples/shop", "examples/shop/"):
        with pytest.raises(Mistakes) as raised:
            find_stack(text, tmp_path)
        assert str(raised.value) == (
            f'"{text}" is a project; name one of its stacks: examples/shop/dev or examples/shop/prod'
        )
    with pytest.raises(Mistakes) as raised:
        find_stack(".", tmp_path / "examples/shop")
    assert str(raised.value) == '"." is a project; name one of its stacks: dev or prod'


def test_a_folder_is_no_stack_file(tmp_path: Path) -> None:
    write_project(tmp_path, stack="dev")
    (tmp_path / "Pulumi.odd.yaml").mkdir()
    with pytest.raises(Mistakes) as raised:
        find_stack("odd", tmp_path)
    assert str(raised.value) == "Pulumi.odd.yaml: is a folder, and a stack file is a file"
    with pytest.raises(Mistakes) as raised:
        find_stack("nowhere", tmp_path)
    assert "Pulumi.odd" not in str(raised.value)
    assert str(raised.value).endswith("there is dev")


# The project's own configuration


def project(folder: Path, config: str, stack_file: str) -> None:
    write_stack_file(folder, stack_file)
    (folder / "Pulumi.yaml").write_text(f"name: test\nruntime: python\nconfig:\n{config}", encoding="utf-8")


@pytest.mark.parametrize("region", ["eu-west-1", "{value: eu-west-1}", "{type: string, default: eu-west-1}"])
def test_what_the_project_configures_for_all_its_stacks_counts(region: str, tmp_path: Path) -> None:
    project(
        tmp_path,
        f"  aws:region: {region}\n  aws:profile: shop\n  own: 3\n",
        f"config:\n  {PLATFORM}\n  aws:profile: mine\n",
    )
    loaded = load(tmp_path)
    assert (loaded.settings.region, loaded.region_source) == ("eu-west-1", "Pulumi.yaml:4")
    assert loaded.config["aws:region"] == "eu-west-1"
    assert loaded.config["aws:profile"] == "mine"


def test_a_region_that_the_project_says_wrongly_is_told_there(tmp_path: Path) -> None:
    project(tmp_path, "  aws:region: false\n", f"config:\n  {PLATFORM}\n")
    with pytest.raises(Mistakes) as raised:
        load(tmp_path)
    assert str(raised.value).startswith("Pulumi.yaml:4 aws:region: is not text")


def test_settings_of_a_stack_do_not_hide_in_the_project(tmp_path: Path) -> None:
    project(tmp_path, "  groundwork:cache: {value: {}}\n", f"config:\n  aws:region: eu-west-1\n  {PLATFORM}\n")
    with pytest.raises(Mistakes) as raised:
        load(tmp_path)
    assert str(raised.value) == (
        "Pulumi.yaml:4 groundwork:cache: belongs in the file of its stack, Pulumi.dev.yaml; move it there"
    )
