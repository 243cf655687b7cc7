"""Small Pulumi projects in temporary folders."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

from groundwork.components.extensions.declared import FILE
from groundwork.settings.loading import Loaded, find_stack, load_stack
from groundwork.settings.mistakes import Mistakes

REGION = "aws:region: ap-south-1"
PLATFORM = "groundwork:platform: {name: shop, stage: dev, phase: launch}"


def write_project(
    folder: Path, config: str = "", *, stack: str = "dev", program: str = "", main: str | None = None
) -> Path:
    """A project with one stack. ``config`` is what stands under ``config:``; region and platform are added where it lacks them, a
    platform of its own for every further stack."""
    lines = textwrap.dedent(config).strip("\n")
    platform = PLATFORM if stack == "dev" else PLATFORM.replace("shop", f"shop-{stack}")
    head = [line for key, line in (("aws:region", REGION), ("groundwork:platform", platform)) if key not in lines]
    body = textwrap.indent("\n".join([*head, lines]).rstrip("\n"), "  ")
    return write_stack_file(folder, f"config:\n{body}\n", stack=stack, program=program, main=main)


def copy_extensions(of: Loaded, folder: Path) -> None:
    """Put what a stack's extensions are written in beside another stack file."""
    for file in of.settings.project.glob(FILE):
        shutil.copy(file, folder)


def write_stack_file(
    folder: Path, text: str | bytes, *, stack: str = "dev", program: str = "", main: str | None = None
) -> Path:
    """The same with the whole stack file given."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(
        f"name: test\nruntime: python\n{f'main: {main}' if main else ''}\n", encoding="utf-8"
    )
    if main is None:
        (folder / "__main__.py").write_text(textwrap.dedent(program), encoding="utf-8")
    content = text.encode() if isinstance(text, str) else text
    (folder / f"Pulumi.{stack}.yaml").write_bytes(content)
    return folder


def load(folder: Path, stack: str = "dev") -> Loaded:
    return load_stack(find_stack(stack, folder))


def mistakes_in(folder: Path, config: str) -> list[str]:
    """The messages about a stack file with this under ``config:``; empty where there is none."""
    write_project(folder, config)
    try:
        load(folder)
    except Mistakes as mistakes:
        return [str(mistake) for mistake in mistakes.mistakes]
    return []
