"""A running program reads the same settings from the engine as the command line reads from the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import config as runtime_config

from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.loading import _as_engine_config, load_from_pulumi
from groundwork.settings.mistakes import Mistakes
from tests.stacks import STACKS, found, loaded
from tests.writing import PLATFORM, copy_extensions, load, write_project

PROGRAM = """
import pulumi
from groundwork.settings.loading import load_from_pulumi
from groundwork.settings.mistakes import Mistakes
try:
    settings = load_from_pulumi()
    pulumi.export("settings", settings.model_dump_json(by_alias=True))
    pulumi.export("region", settings.region)
except Mistakes as mistakes:
    raise pulumi.RunError(str(mistakes)) from None
"""


def run(folder: Path, config: dict[str, str], stack: str = "dev") -> Snapshot:
    return run_program(folder, project="test", stack=stack, config=config, settings={})


@pytest.mark.parametrize("stack", STACKS)
def test_the_program_has_the_settings_that_the_command_line_shows(stack: str, tmp_path: Path) -> None:
    shown = loaded(stack)
    write_project(tmp_path, program=PROGRAM)
    (tmp_path / "Pulumi.dev.yaml").write_text(found(stack).file.read_text(encoding="utf-8"), encoding="utf-8")
    copy_extensions(shown, tmp_path)
    snapshot = run(tmp_path, shown.config)
    assert json.loads(snapshot.outputs["settings"]) == json.loads(shown.settings.model_dump_json(by_alias=True))
    assert snapshot.outputs["region"] == shown.settings.region


def test_settings_are_the_same_without_the_file_on_disk(tmp_path: Path) -> None:
    write_project(tmp_path, 'groundwork:services: {web: {port: 3000, path: "/*"}}', program=PROGRAM)
    loaded = load(tmp_path)
    snapshot = run(tmp_path, loaded.config, stack="elsewhere")
    assert json.loads(snapshot.outputs["settings"]) == json.loads(loaded.settings.model_dump_json(by_alias=True))


def test_mistakes_have_the_lines_of_the_file(tmp_path: Path) -> None:
    write_project(tmp_path, "groundwork:nonsense: {}\ngroundwork:data: {class: huge}", program=PROGRAM)
    config = _as_engine_config(yaml.safe_load((tmp_path / "Pulumi.dev.yaml").read_text(encoding="utf-8"))["config"])
    with pytest.raises(pulumi.RunError) as raised:
        run(tmp_path, config)
    assert "Pulumi.dev.yaml:4 nonsense: unknown layer" in str(raised.value)
    assert 'Pulumi.dev.yaml:5 data.class: "huge"' in str(raised.value)


def test_lines_of_a_file_that_says_something_else_are_not_used(tmp_path: Path) -> None:
    write_project(tmp_path, "groundwork:data: {class: db.t3.small}", program=PROGRAM)
    config = {
        "aws:region": "eu-west-1",
        "groundwork:platform": '{"name": "shop"}',
        "groundwork:data": '{"class": "huge"}',
    }
    with pytest.raises(pulumi.RunError) as raised:
        run(tmp_path, config)
    assert str(raised.value).startswith('data.class: "huge"')


def test_a_region_that_the_engine_does_not_pass_is_a_mistake(tmp_path: Path) -> None:
    write_project(tmp_path, program=PROGRAM)
    with pytest.raises(pulumi.RunError, match="aws:region: is missing"):
        run(tmp_path, {"groundwork:platform": '{"name": "shop"}'})


class TestDecryptedSecrets:
    """The engine hands a program its secrets decrypted, and says which keys hold some."""

    @pytest.fixture
    def engine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        def load_with(config: dict[str, Any], secret_keys: list[str]) -> Any:
            monkeypatch.setattr(pulumi, "get_root_directory", lambda: str(tmp_path))
            monkeypatch.setattr(pulumi, "get_stack", lambda: "dev")
            runtime_config.set_all_config(
                {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()},
                secret_keys,
            )
            try:
                return load_from_pulumi()
            finally:
                runtime_config.set_all_config({}, [])

        return load_with

    BASE = {"aws:region": "ap-south-1", "groundwork:platform": {"name": "shop", "stage": "dev", "phase": "launch"}}

    def test_a_sealed_value_of_the_file_arrives_decrypted_and_never_shows(self, engine: Any, tmp_path: Path) -> None:
        write_project(tmp_path, "groundwork:secrets: {app: {keys: [TOKEN], values: {TOKEN: {secure: v1:abc}}}}")
        config = {**self.BASE, "groundwork:secrets": {"app": {"keys": ["TOKEN"], "values": {"TOKEN": "the-secret"}}}}
        settings = engine(config, ["groundwork:secrets"])
        assert settings.secrets["app"].values["TOKEN"].value == "the-secret"
        assert "the-secret" not in repr(settings) + settings.model_dump_json()

    def test_a_value_that_is_not_sealed_in_the_file_is_refused_though_another_is(
        self, engine: Any, tmp_path: Path
    ) -> None:
        write_project(tmp_path, "groundwork:secrets: {app: {keys: [A, B], values: {A: {secure: v1:abc}, B: in-clear}}}")
        config = {
            **self.BASE,
            "groundwork:secrets": {"app": {"keys": ["A", "B"], "values": {"A": "the-secret", "B": "in-clear"}}},
        }
        with pytest.raises(Mistakes) as raised:
            engine(config, ["groundwork:secrets"])
        assert "Pulumi.dev.yaml:4 secrets.app.values.B: is a secret in clear text" in str(raised.value)
        assert "the-secret" not in str(raised.value)
        assert "in-clear" not in str(raised.value)

    def test_a_sealed_value_where_plain_text_belongs_is_refused_without_showing_it(
        self, engine: Any, tmp_path: Path
    ) -> None:
        write_project(tmp_path, "groundwork:data: {name: {secure: v1:abc}}")
        with pytest.raises(Mistakes) as raised:
            engine({**self.BASE, "groundwork:data": {"name": "the-secret"}}, ["groundwork:data"])
        assert "an encrypted value can only stand under" in str(raised.value)
        assert "the-secret" not in str(raised.value)

    def test_a_layer_encrypted_as_a_whole_is_refused(self, engine: Any, tmp_path: Path) -> None:
        write_project(tmp_path, "groundwork:data: {secure: v1:abc}")
        with pytest.raises(Mistakes, match="data: is encrypted as a whole"):
            engine({**self.BASE, "groundwork:data": '{"name": "app"}'}, ["groundwork:data"])

    def test_secrets_given_without_a_file_are_taken(self, engine: Any, tmp_path: Path) -> None:
        config = {**self.BASE, "groundwork:secrets": {"app": {"keys": ["TOKEN"], "values": {"TOKEN": "the-secret"}}}}
        assert engine(config, ["groundwork:secrets"]).secrets["app"].values["TOKEN"].value == "the-secret"


def test_a_stack_beside_it_that_takes_the_same_names_stops_the_program_too(tmp_path: Path) -> None:
    write_project(tmp_path, PLATFORM, stack="other")
    write_project(tmp_path, program=PROGRAM)
    with pytest.raises(pulumi.RunError, match=r"Pulumi\.dev\.yaml:3 platform\.stage: .* by Pulumi\.other\.yaml:3 too"):
        run(tmp_path, {"aws:region": "ap-south-1", "groundwork:platform": '{"name": "shop", "phase": "launch"}'})
