"""A snapshot judged by the real AWS provider, on this machine alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform.convert import NO_SUCH_ARGUMENT, LeftOut
from groundwork.preview.terraform.export import to_terraform
from groundwork.preview.terraform.findings import Excused, ProviderFinding, misspelt, trace
from groundwork.preview.terraform.run import Clock, RunningCommands, Terraform, TerraformError
from groundwork.preview.terraform.schema import ProviderSchema, load
from groundwork.preview.terraform.tools import ToolMissingError, cache_folder, find_provider, find_terraform, unpacked

_ROUNDS = 4
"""A plan ends at the first kind of mistake; without the resources that have one, the next finds what is behind it."""


@dataclass(frozen=True)
class Verification:
    """The provider's judgement of a whole snapshot. ``skipped`` says why there is none, and what would allow one."""

    skipped: str = ""
    terraform: str = ""
    provider: str = ""
    checked: int = 0
    findings: tuple[ProviderFinding, ...] = ()
    excused: tuple[Excused, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def errors(self) -> list[ProviderFinding]:
        """Return what a deployment would stop at."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def warnings(self) -> list[ProviderFinding]:
        """Return what the provider advises against."""
        return [finding for finding in self.findings if finding.severity != "error"]

    @property
    def ok(self) -> bool:
        """Tell whether it was judged, and nothing found that a deployment would stop at."""
        return not self.skipped and not self.errors


def verify(snapshot: Snapshot, *, environment: Mapping[str, str] | None = None) -> Verification:
    """Let the AWS provider on this machine judge the snapshot: each argument by itself, and against the others.

    Does not raise for what a machine lacks: the result then says that it was skipped, and what would enable it.
    """
    environment = os.environ if environment is None else environment
    try:
        with tempfile.TemporaryDirectory(prefix="groundwork-verify-") as folder:
            return _judge(snapshot, Path(folder), environment)
    except (ToolMissingError, TerraformError) as error:
        return Verification(skipped=str(error))
    except OSError as error:
        return Verification(skipped=f"a working folder for Terraform could not be made: {error}")


def provider_schema(
    folder: Path, environment: Mapping[str, str], commands: RunningCommands | None = None
) -> tuple[Terraform, ProviderSchema]:
    """Return Terraform ready to run in ``folder``, and what its provider knows; ToolMissingError where either is
    missing. ``commands`` may end it from another thread."""
    command = find_terraform(environment)
    provider = find_provider(environment)
    cache = cache_folder(environment)
    terraform = Terraform(command, unpacked(provider, cache), folder, environment, commands=commands)

    def produce() -> Mapping[str, object]:
        (folder / "main.tf.json").write_text(to_terraform(_EMPTY).text, encoding="utf-8")
        return terraform.provider_schemas()

    return terraform, load(provider.version, cache, produce)


_EMPTY = Snapshot(project="", stack="", region="us-east-1", unknowns=False, settings={}, resources=(), outputs={})


def _judge(snapshot: Snapshot, folder: Path, environment: Mapping[str, str]) -> Verification:
    clock = Clock()
    terraform, schema = clock.time("schema", lambda: provider_schema(folder, environment))
    whole = clock.time("export", lambda: to_terraform(snapshot, schema))
    resources = snapshot.by_urn()
    found: dict[ProviderFinding | Excused, None] = dict.fromkeys(misspelt(whole, resources))
    mistaken: set[str] = set()
    export = whole
    for number in range(1, _ROUNDS + 1):
        if not export.addresses:
            break
        (folder / "main.tf.json").write_text(export.text, encoding="utf-8")
        diagnostics = clock.time(f"round {number}", terraform.plan)
        traced = [trace(diagnostic, export, resources) for diagnostic in diagnostics]
        found.update(dict.fromkeys(traced))
        fresh = {urn for item in traced if (urn := _mistaken(item))} - mistaken
        if not fresh:
            break
        mistaken |= fresh
        export = to_terraform(snapshot, schema, without=mistaken)
    return Verification(
        terraform=terraform.name,
        provider=schema.version,
        checked=len(whole.addresses),
        findings=tuple(sorted((item for item in found if isinstance(item, ProviderFinding)), key=_order)),
        excused=tuple(
            sorted((item for item in found if isinstance(item, Excused)), key=lambda item: _order(item.finding))
        ),
        left_out=tuple(entry for entry in whole.left_out if entry.reason != NO_SUCH_ARGUMENT),
        seconds=clock.seconds,
    )


def _mistaken(item: ProviderFinding | Excused) -> str | None:
    finding = item.finding if isinstance(item, Excused) else item
    return finding.urn if finding.severity == "error" else None


def _order(finding: ProviderFinding) -> tuple[str, str, int, str, str, str]:
    file, line = (finding.source.file, finding.source.line) if finding.source else ("", 0)
    return (finding.severity, file, line, finding.urn or "", finding.path, finding.message)
