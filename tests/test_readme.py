"""What the README shows is what the commands print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.cli import console
from groundwork.cli.arguments import option_names
from groundwork.cli.main import app, run
from groundwork.settings.loading import find_stack
from groundwork.settings.mistakes import Mistakes
from tests.stacks import ROOT, run_found, snapshot_of
from tests.writing import load, write_stack_file

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block_after(text: str) -> Iterator[str]:
    """The lines of the first fenced block after ``text``, but for what the README leaves out."""
    fenced = re.search(r"```\w*\n(.*?)```", README[README.index(text) :], re.DOTALL)
    assert fenced
    for line in fenced[1].splitlines():
        if line.strip() and "…" not in line and not line.startswith("$ "):
            yield " ".join(line.split())


@pytest.mark.parametrize(
    ("text", "command"),
    [("What comes of it", ["settings", "dev"]), ("## What `make preview` prints", ["preview", "dev"])],
)
def test_sample_output_is_real(
    text: str, command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert run(command) == 0
    printed = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    assert [line for line in block_after(text) if line not in printed] == []


def test_the_sample_on_the_page_of_settings_is_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    sample = page.partition("`groundwork settings prod` prints")[2].split("```")[1]
    assert run(["settings", "prod"]) == 0
    printed = {" ".join(line.split()) for line in capsys.readouterr().out.splitlines()}
    shown = {" ".join(line.split()) for line in sample.strip().splitlines()}
    assert len(shown) > 3
    assert shown <= printed


def test_the_commands_that_look_ahead_to_a_phase_are_those_that_the_readme_lists() -> None:
    [listed] = re.findall(r"puts them on the path\. (.*?) take `--phase", README, re.DOTALL)
    able = {name for name, command in app.members.items() if "--phase" in option_names(command)}
    assert set(re.findall(r"`(\w+)`", listed)) == able


def test_the_exit_codes_in_the_readme_are_those_that_commands_end_with() -> None:
    [listed] = re.findall(r"Exit codes: (.*?)\.\n", README, re.DOTALL)
    assert [int(code) for code in re.findall(r"\d", listed)] == [
        console.FINE,
        console.FINDINGS,
        console.MISTAKE,
        console.FAULT,
    ]


def test_the_stack_file_in_the_readme_is_the_dev_stack() -> None:
    file = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    lines = [" ".join(line.split()) for line in file.splitlines() if not line.startswith("#")]
    assert list(block_after("## A stack file")) == lines


def test_the_mistakes_in_the_readme_are_those_of_the_dev_stack_with_three_slips(tmp_path: Path) -> None:
    file = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    for right, wrong in (
        ("phase: mvp", "phase: lunch"),
        ("port: 8080,", "port: 8080, cpu: 300,"),
        ("worker: {uses: {database", "worker: {uses: {databse"),
    ):
        assert file.count(right) == 1
        file = file.replace(right, wrong)
    write_stack_file(tmp_path, file)
    with pytest.raises(Mistakes) as raised:
        load(tmp_path)
    said = [" ".join(str(mistake).split()) for mistake in raised.value.mistakes]
    assert list(block_after("A mistake stops everything")) == said


def test_every_link_to_a_file_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), ROOT / "CONTRIBUTING.md"]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / Path(target)).exists()
    ]
    assert broken == []


def _deploying() -> str:
    return README[README.index("## Deploy it") : README.index("## Commands")]


def test_the_steps_of_the_first_deployment_name_what_the_stacks_have() -> None:
    """Outputs, secrets and parameters, as the program makes them."""
    dev, prod = snapshot_of("dev"), snapshot_of("prod")
    wanted = set(re.findall(r"`pulumi stack output (\w+)`", README))
    assert wanted >= {"repositories", "nameServers"}
    assert wanted <= {*dev.outputs, *prod.outputs}
    [secret] = re.findall(r"--secret-id (\S+)", _deploying())
    assert secret in [made.inputs["name"] for made in dev.of_type("aws:secretsmanager/secret:Secret")]
    [parameter] = re.findall(r"--name (/\S+)", _deploying())
    assert parameter == dev.outputs["images"]["web"]
    assert parameter in [made.inputs["name"] for made in dev.of_type("aws:ssm/parameter:Parameter")]


def test_the_first_deployment_needs_neither_images_nor_secrets() -> None:
    """The README says so, and that a placeholder answers; what it runs then reads no secret."""
    assert "The first `pulumi up` needs no image and no secret" in " ".join(_deploying().split())
    first = run_found(find_stack("dev", ROOT), delivered=False)
    for definition in first.of_type("aws:ecs/taskDefinition:TaskDefinition"):
        [container] = json.loads(definition.inputs["containerDefinitions"])
        assert "busybox" in container["image"]
        assert (container["secrets"], container["environment"]) == ([], [])


def test_every_command_and_every_target_that_the_readme_names_exists() -> None:
    assert set(re.findall(r"groundwork (\w+)", README)) == {*app.members}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", README)) <= targets
