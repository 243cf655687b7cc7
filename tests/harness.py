"""Building single components in the offline engine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from components.base import Foundation
from preview.engine import run_program
from preview.snapshot import Snapshot
from settings.models.platform import PlatformSettings

_program: Callable[[Foundation], Any] | None = None

_MAIN = """
import pulumi_aws as aws
from components.base import Foundation
from tests import harness
harness.run(Foundation(platform=harness.platform(), region={region!r}, account_id=aws.get_caller_identity_output().account_id))
"""
_platform: PlatformSettings | None = None


def platform() -> PlatformSettings:
    assert _platform is not None
    return _platform


def run(foundation: Foundation) -> None:
    assert _program is not None
    _program(foundation)


def build(
    program: Callable[[Foundation], Any],
    *,
    unknowns: bool = False,
    stage: str = "prod",
    region: str = "ap-south-1",
    name: str = "shop",
    config: Mapping[str, str] | None = None,
    **platform_settings: Any,
) -> Snapshot:
    """Run ``program`` with a foundation inside the offline engine and return what it declared; ``config`` is the engine's."""
    global _program, _platform  # noqa: PLW0603 - the program runs in this process and has no other way in
    _program = program
    _platform = PlatformSettings.model_validate({"name": name, "stage": stage, **platform_settings})
    settings = {"platform": json.loads(_platform.model_dump_json(by_alias=True))}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "__main__.py").write_text(_MAIN.format(region=region), encoding="utf-8")
        return run_program(
            Path(folder),
            project="test",
            stack=stage,
            config={"aws:region": region, **(config or {})},
            settings=settings,
            unknowns=unknowns,
            source_root=Path(__file__).parent.parent,
        )
