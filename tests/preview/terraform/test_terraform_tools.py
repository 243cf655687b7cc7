"""Finding Terraform and a provider in folders made for the purpose; no Terraform needed."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform import tools
from groundwork.preview.terraform.render import render_verification
from groundwork.preview.terraform.run import Terraform, TerraformError
from groundwork.preview.terraform.tools import ToolMissingError, cache_folder, find_provider, find_terraform, unpacked
from groundwork.preview.terraform.verify import verify

EMPTY = Snapshot("p", "dev", "eu-west-1", unknowns=False, settings={}, resources=(), outputs={})


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the folders of the test count, on one platform."""
    monkeypatch.setattr(tools, "_WELL_KNOWN", ("~/.terraform.d/plugins",))
    monkeypatch.setattr(tools, "_platform", lambda: "linux_amd64")


def provider_in(root: Path, version: str) -> Path:
    folder = root / "registry.example" / "hashicorp" / "aws" / version / "linux_amd64"
    folder.mkdir(parents=True)
    (folder / f"terraform-provider-aws_v{version}_x5").touch()
    return folder


def command_in(folder: Path, name: str, script: str) -> Path:
    command = folder / name
    command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    command.chmod(0o755)
    return command


def test_a_mirror_named_by_the_variable_is_the_only_one_looked_at(tmp_path: Path) -> None:
    provider_in(tmp_path / "home" / ".terraform.d" / "plugins", "9.9.9")
    folder = provider_in(tmp_path / "mirror", "5.100.0")
    found = find_provider({"HOME": str(tmp_path / "home"), "TF_PLUGIN_MIRROR": str(tmp_path / "mirror")})

    assert (found.version, found.location) == ("5.100.0", folder)


def test_a_well_known_folder_and_the_users_configuration_are_searched_and_the_newest_wins(tmp_path: Path) -> None:
    provider_in(tmp_path / ".terraform.d" / "plugins", "5.9.0")
    provider_in(tmp_path / "configured", "5.10.0")
    rc = tmp_path / ".terraformrc"
    rc.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{tmp_path}/configured"\n  }}\n}}\n')

    assert find_provider({"HOME": str(tmp_path)}).version == "5.10.0"


def test_a_packed_mirror_is_unpacked_once(tmp_path: Path) -> None:
    packed = tmp_path / "mirror" / "registry.example" / "hashicorp" / "aws"
    packed.mkdir(parents=True)
    with zipfile.ZipFile(packed / "terraform-provider-aws_6.1.0_linux_amd64.zip", "w") as archive:
        archive.writestr("terraform-provider-aws_v6.1.0_x5", "program")
    provider = find_provider({"TF_PLUGIN_MIRROR": str(tmp_path / "mirror"), "HOME": str(tmp_path)})
    folder = unpacked(provider, tmp_path / "cache")
    (program,) = folder.iterdir()

    assert provider.version == "6.1.0"
    assert os.access(program, os.X_OK)
    program.write_text("the same as before")
    assert unpacked(provider, tmp_path / "cache") == folder
    assert program.read_text() == "the same as before"


def test_a_provider_for_another_platform_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider_in(tmp_path, "5.100.0")
    monkeypatch.setattr(tools, "_platform", lambda: "darwin_arm64")

    with pytest.raises(ToolMissingError, match=r"darwin_arm64.*terraform providers mirror.*TF_PLUGIN_MIRROR"):
        find_provider({"TF_PLUGIN_MIRROR": str(tmp_path), "HOME": str(tmp_path)})


def test_terraform_is_preferred_and_opentofu_will_do(tmp_path: Path) -> None:
    command_in(tmp_path, "tofu", "true")
    assert find_terraform({"PATH": str(tmp_path)}).name == "tofu"
    command_in(tmp_path, "terraform", "true")
    assert find_terraform({"PATH": str(tmp_path)}).name == "terraform"


def test_the_cache_follows_the_users_setting(tmp_path: Path) -> None:
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "groundwork" / "terraform"
    assert cache_folder({"HOME": "/home/x"}) == Path("/home/x/.cache/groundwork/terraform")


def test_without_terraform_the_check_is_skipped_and_says_what_to_install(tmp_path: Path) -> None:
    verification = verify(EMPTY, environment={"PATH": str(tmp_path), "HOME": str(tmp_path)})
    text = "\n".join(render_verification(verification))

    assert not verification.ok
    assert "Not verified" in text
    assert "OpenTofu" in text


def test_without_a_provider_the_check_is_skipped_and_names_the_variable(tmp_path: Path) -> None:
    command_in(tmp_path, "terraform", "true")
    verification = verify(EMPTY, environment={"PATH": str(tmp_path), "HOME": str(tmp_path)})

    assert "TF_PLUGIN_MIRROR" in verification.skipped


@pytest.mark.parametrize("script", ["echo it broke >&2; exit 1", "exit 0"])
def test_a_terraform_that_gives_no_answer_is_reported_in_its_own_words(tmp_path: Path, script: str) -> None:
    command = command_in(tmp_path, "terraform", script)
    terraform = Terraform(command, tmp_path, tmp_path, {"PATH": os.environ["PATH"]})

    with pytest.raises(TerraformError, match=r"terraform plan gave no answer: (it broke)?"):
        terraform.plan()


def test_terraform_sees_no_credentials_and_no_network(tmp_path: Path) -> None:
    command = command_in(tmp_path, "terraform", f"env > {tmp_path}/seen; echo '{{}}'")
    secret = {"PATH": os.environ["PATH"], "AWS_SECRET_ACCESS_KEY": "s3cret", "AWS_PROFILE": "prod", "TF_CLI_ARGS": "-x"}
    with pytest.raises(TerraformError, match="without provider_schemas"):
        Terraform(command, tmp_path, tmp_path, secret).provider_schemas()
    seen = (tmp_path / "seen").read_text(encoding="utf-8")

    assert "s3cret" not in seen
    assert "AWS_PROFILE" not in seen
    assert "TF_CLI_ARGS" not in seen
    assert "HTTPS_PROXY=http://127.0.0.1:9" in seen
    assert "CHECKPOINT_DISABLE=1" in seen
