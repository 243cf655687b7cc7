"""Running Terraform so that it reads no account, opens no connection and remembers nothing."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

NOWHERE = "127.0.0.1:9"
"""An address that refuses at once: a provider that asks AWS something at plan gets no further than this machine."""

_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP")
_ISOLATED = {
    "CHECKPOINT_DISABLE": "1",
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL": f"http://{NOWHERE}",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "HTTP_PROXY": f"http://{NOWHERE}",
    "HTTPS_PROXY": f"http://{NOWHERE}",
}


class TerraformError(RuntimeError):
    """Terraform ended without an answer that can be read; the message holds its own last words."""


class Terraform:
    """One Terraform command with one provider, in one folder.

    The provider is given as a development override: no ``init``, no lock file and no checksum over half a gigabyte.
    """

    def __init__(self, command: Path, provider: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = command.name
        self._command = command
        self._folder = folder
        configuration = folder / "cli.tfrc"
        configuration.write_text(
            "provider_installation {\n"
            f'  dev_overrides {{\n    "hashicorp/aws" = {json.dumps(str(provider))}\n  }}\n'
            '  direct {\n    exclude = ["*/*"]\n  }\n}\n',
            encoding="utf-8",
        )
        self._environment = {name: environment[name] for name in _KEPT if name in environment} | _ISOLATED
        self._environment["TF_CLI_CONFIG_FILE"] = str(configuration)

    def provider_schemas(self) -> dict[str, Any]:
        """Everything the provider says about its resource types; about three seconds and 14 MB."""
        schemas: dict[str, Any] = self._answer(["providers", "schema", "-json"], "provider_schemas")
        return schemas

    def validate(self) -> list[dict[str, Any]]:
        """The diagnostics of ``terraform validate``: each argument by itself."""
        return _without_override_warning(self._answer(["validate", "-json"], "diagnostics"))

    def plan(self) -> list[dict[str, Any]]:
        """The diagnostics of ``terraform plan``: what validate says, and the provider's checks across arguments."""
        text = self._run(["plan", "-json", "-refresh=false", "-lock=false", "-input=false", "-parallelism=20"])
        return _without_override_warning(
            event["diagnostic"] for event in _events(text) if event["type"] == "diagnostic"
        )

    def _answer(self, arguments: Sequence[str], key: str) -> Any:
        try:
            return json.loads(self._run(arguments))[key]
        except (ValueError, KeyError) as error:
            raise TerraformError(f"{self.name} {arguments[0]} gave an answer without {key}") from error

    def _run(self, arguments: Sequence[str]) -> str:
        try:
            finished = subprocess.run(  # noqa: S603 - the command that the caller found, without a shell
                [str(self._command), *arguments],
                cwd=self._folder,
                env=self._environment,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=600,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TerraformError(f"{self.name} {arguments[0]} did not run to its end: {error}") from error
        if not finished.stdout.lstrip().startswith("{"):
            words = (finished.stderr or finished.stdout).strip().splitlines()
            raise TerraformError(f"{self.name} {arguments[0]} gave no answer: {' '.join(words[-8:])}")
        return finished.stdout


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _without_override_warning(diagnostics: Any) -> list[dict[str, Any]]:
    return [entry for entry in diagnostics if "development overrides" not in entry["summary"]]
