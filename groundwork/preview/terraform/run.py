"""Running Terraform so that it reads no account and opens no connection but to this machine."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

_T = TypeVar("_T")

NOWHERE = "127.0.0.1:9"
"""An address that refuses at once: a provider that asks AWS something at plan gets no further than this machine."""

_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT", "TEMP", "TMP")
_ISOLATED = {
    "CHECKPOINT_DISABLE": "1",
    "TF_IN_AUTOMATION": "1",
    "TF_INPUT": "0",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "HTTP_PROXY": f"http://{NOWHERE}",
    "HTTPS_PROXY": f"http://{NOWHERE}",
    # Terraform and provider hand each other 14 MB of schema each time; collecting garbage less often saves a fifth of all time, for
    # a quarter of a gigabyte more. https://pkg.go.dev/runtime#hdr-Environment_Variables
    "GOGC": "400",
}


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing finds credentials, or a way out of this machine."""
    return {name: environment[name] for name in _KEPT if name in environment} | _ISOLATED


class Clock:
    """Seconds that named steps took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, step: str, action: Callable[[], _T]) -> _T:
        """Run ``action`` and keep how long it took."""
        start = time.monotonic()
        result = action()
        self.seconds[step] = round(time.monotonic() - start, 2)
        return result


class TerraformError(RuntimeError):
    """Terraform ended without an answer that can be read; the message holds its own last words."""


class RunningCommands:
    """The commands that threads wait for, so that one who is interrupted can end them all.

    Each has a process group of its own, with the provider that it starts: Ctrl-C does not reach it, and no provider outlives it.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def run(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, without a shell. TerraformError where :meth:`end` ends it, subprocess.TimeoutExpired after
        ``seconds``."""
        with self._lock:
            self._refuse_after_end(words)
            process = subprocess.Popen(  # noqa: S603 - the command that the caller found
                words,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
            self._running.add(process)
        try:
            output, errors = process.communicate(timeout=seconds)
        finally:
            with self._lock:
                self._running.discard(process)
            if process.poll() is None:
                _kill(process)
        self._refuse_after_end(words)
        return subprocess.CompletedProcess(words, process.returncode, output, errors)

    def end(self) -> None:
        """End what runs, at once, and begin nothing any more."""
        with self._lock:
            self._ended = True
            for process in self._running:
                _kill(process)

    def _refuse_after_end(self, words: Sequence[str]) -> None:
        if self._ended:
            raise TerraformError(f"{Path(words[0]).name} {words[1]} was interrupted")


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill a process with all that it started."""
    if os.name == "posix":
        # It may have ended a moment ago.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


class Terraform:
    """One Terraform command with one provider, in one folder.

    The provider is given as a development override: no ``init``, no lock file and no checksum over half a gigabyte. It calls
    ``endpoint`` in place of AWS.
    """

    def __init__(
        self,
        command: Path,
        provider: Path,
        folder: Path,
        environment: Mapping[str, str],
        *,
        endpoint: str = f"http://{NOWHERE}",
        commands: RunningCommands | None = None,
    ) -> None:
        self.name = command.name
        self.provider = provider
        self._command = command
        self._folder = folder
        self._arguments = (command, provider, folder, environment)
        self._commands = commands or RunningCommands()
        configuration = folder / "cli.tfrc"
        configuration.write_text(
            "provider_installation {\n"
            f'  dev_overrides {{\n    "hashicorp/aws" = {json.dumps(str(provider))}\n  }}\n'
            '  direct {\n    exclude = ["*/*"]\n  }\n}\n',
            encoding="utf-8",
        )
        self._environment = isolated(environment)
        self._environment |= {"TF_CLI_CONFIG_FILE": str(configuration), "AWS_ENDPOINT_URL": endpoint}

    def calling(self, endpoint: str) -> Terraform:
        """Return the same with a provider that calls ``endpoint`` in place of AWS."""
        return Terraform(*self._arguments, endpoint=endpoint, commands=self._commands)

    def provider_schemas(self) -> dict[str, Any]:
        """Return everything the provider says about its resource types; about three seconds and 14 MB."""
        schemas: dict[str, Any] = self._answer(["providers", "schema", "-json"], "provider_schemas")
        return schemas

    def plan(self) -> list[dict[str, Any]]:
        """Return the diagnostics of ``terraform plan``: of each argument by itself, and of one against another."""
        text = self._run(["plan", "-json", "-refresh=false", *_ALONE])
        return _without_override_warning(
            event["diagnostic"] for event in _events(text) if event["type"] == "diagnostic"
        )

    def apply(self) -> list[dict[str, Any]]:
        """Return the events of ``terraform apply``. What does not depend on a failed resource is made all the same."""
        return list(_events(self._run(["apply", "-json", "-auto-approve", *_ALONE])))

    def destroy(self) -> list[dict[str, Any]]:
        """Return the events of ``terraform destroy``, of what the last apply made and without another look at it."""
        return list(_events(self._run(["destroy", "-json", "-auto-approve", "-refresh=false", *_ALONE])))

    def changes(self, state: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return what another apply would do, as ``resource_changes`` has it, after a look at all that is in the file
        ``state``; or, where something could not be looked at, no changes and the events of these errors."""
        events = list(_events(self._run(["plan", "-json", "-out=plan", f"-state={state}", *_ALONE])))
        errors = [event for event in events if _is_error(event)]
        return ([], errors) if errors else (self._answer(["show", "-json", "plan"], "resource_changes"), [])

    def replacements(self) -> Iterator[tuple[str, list[list[Any]]]]:
        """Yield by address the paths whose change makes a plan replace a resource that the state in the folder has."""
        self.plan_changes()
        yield from self.planned()

    def plan_changes(self) -> list[dict[str, Any]]:
        """Plan against the state in the folder, for :meth:`planned`; the diagnostics of it."""
        text = self._run(["plan", "-json", "-refresh=false", *_ALONE, f"-out={_PLANNED}"])
        return [event["diagnostic"] for event in _events(text) if event["type"] == "diagnostic"]

    def planned(self) -> Iterator[tuple[str, list[list[Any]]]]:
        """Yield what :meth:`replacements` says, of the plan that was made last."""
        for resource in self._answer(["show", "-json", _PLANNED], "resource_changes"):
            if "delete" in resource["change"]["actions"]:
                yield resource["address"], resource["change"].get("replace_paths", [])

    def _answer(self, arguments: Sequence[str], key: str) -> Any:
        try:
            return json.loads(self._run(arguments))[key]
        except (ValueError, KeyError) as error:
            raise TerraformError(f"{self.name} {arguments[0]} gave an answer without {key}") from error

    def _run(self, arguments: Sequence[str]) -> str:
        try:
            finished = self._commands.run([str(self._command), *arguments], self._folder, self._environment, 1800)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TerraformError(f"{self.name} {arguments[0]} did not run to its end: {error}") from error
        if not finished.stdout.lstrip().startswith("{"):
            words = (finished.stderr or finished.stdout).strip().splitlines()
            raise TerraformError(f"{self.name} {arguments[0]} gave no answer: {' '.join(words[-8:])}")
        return finished.stdout


_PLANNED = "planned"
_ALONE = ("-lock=false", "-input=false", "-parallelism=20")


def _is_error(event: Mapping[str, Any]) -> bool:
    return bool(event["type"] == "diagnostic" and event["diagnostic"]["severity"] == "error")


def _events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _without_override_warning(diagnostics: Any) -> list[dict[str, Any]]:
    return [entry for entry in diagnostics if "development overrides" not in entry["summary"]]
