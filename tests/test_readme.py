"""What the README shows is what the commands print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import run
from tests.stacks import ROOT

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


def test_the_stack_file_in_the_readme_is_the_dev_stack() -> None:
    file = (ROOT / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    lines = [" ".join(line.split()) for line in file.splitlines() if not line.startswith("#")]
    assert list(block_after("## A stack file")) == lines


def test_every_link_to_a_file_leads_somewhere() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"), ROOT / "CONTRIBUTING.md"]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / Path(target)).exists()
    ]
    assert broken == []
