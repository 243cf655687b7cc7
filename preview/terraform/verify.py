"""A snapshot judged by the real AWS provider, on this machine alone."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from preview.snapshot import Resource, Snapshot, Source
from preview.terraform.convert import LeftOut, Origin
from preview.terraform.export import TerraformExport, to_terraform
from preview.terraform.names import args_class, pulumi_names, required
from preview.terraform.run import NOWHERE, Terraform, TerraformError
from preview.terraform.schema import ProviderSchema, load
from preview.terraform.shapes import shape_of
from preview.terraform.tools import ToolMissingError, cache_folder, find_provider, find_terraform, unpacked

_ROUNDS = 4
_QUOTED_ARGUMENT = re.compile(r'The argument "(\w+)" is required')
_GOT = re.compile(r"got:? \"?([^\s\"]+)\"?$")


@dataclass(frozen=True)
class Finding:
    """One thing the provider says, traced back to the program. ``urn`` is None for what concerns no single resource."""

    severity: str
    message: str
    detail: str
    urn: str | None = None
    type: str = ""
    name: str = ""
    path: str = ""
    source: Source | None = None
    hint: str = ""

    def where(self) -> str:
        """File and line, as far as known."""
        return f"{self.source.file}:{self.source.line}" if self.source else ""


@dataclass(frozen=True)
class Verification:
    """The provider's judgement of a whole snapshot. ``skipped`` says why there is none, and what would allow one."""

    skipped: str = ""
    provider: str = ""
    terraform: str = ""
    checked: int = 0
    findings: tuple[Finding, ...] = ()
    excused: tuple[Finding, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "warning"]

    @property
    def ok(self) -> bool:
        """Judged, and nothing found that would stop a deployment."""
        return not self.skipped and not self.errors


def verify(snapshot: Snapshot, *, plan: bool = True, environment: Mapping[str, str] | None = None) -> Verification:
    """Let the AWS provider on this machine judge the snapshot.

    With ``plan`` (as it should be) the provider also checks arguments against each other; without, each by itself.
    Never raises for what a machine lacks: the result says that it was skipped, and what would enable it.
    """
    environment = os.environ if environment is None else environment
    try:
        command = find_terraform(environment)
        provider = find_provider(environment)
        return _Judge(snapshot, command, provider.version, unpacked(provider, cache_folder(environment)), environment).run(
            plan=plan
        )
    except (ToolMissingError, TerraformError) as error:
        return Verification(skipped=str(error))
    except OSError as error:
        return Verification(skipped=f"the provider could not be prepared: {error}")


class _Judge:
    def __init__(
        self, snapshot: Snapshot, command: Path, version: str, provider: Path, environment: Mapping[str, str]
    ) -> None:
        self._snapshot = snapshot
        self._resources = snapshot.by_urn()
        self._command = command
        self._version = version
        self._provider = provider
        self._environment = environment
        self._seconds: dict[str, float] = {}

    def run(self, *, plan: bool) -> Verification:
        with tempfile.TemporaryDirectory(prefix="groundwork-verify-") as folder:
            terraform = Terraform(self._command, self._provider, Path(folder), self._environment)
            schema = self._timed("schema", lambda: self._schema(terraform))
            whole = self._timed("export", lambda: to_terraform(self._snapshot, schema))
            findings = list(self._rounds(terraform, Path(folder), schema, whole, plan=plan)) if whole.addresses else []
        excused = [excuse for finding in findings if (excuse := self._excuse(finding, schema, whole))]
        kept = [finding for finding in findings if finding.urn is None or not self._excuse(finding, schema, whole)]
        return Verification(
            provider=self._version,
            terraform=self._command.name,
            checked=len(whole.addresses),
            findings=tuple(sorted(kept, key=_order)),
            excused=tuple(sorted(excused, key=_order)),
            left_out=whole.left_out,
            seconds=dict(self._seconds),
        )
