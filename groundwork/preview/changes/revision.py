"""A stack as a git revision had it: that revision's own code on that revision's own stack file, in a process of its own.

Its files are written to a folder beside the repository's, by git and without a worktree that would have to be taken out again. Its
code runs on what is installed here: a dependency that it asks for in another version is told, not installed.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Self

from groundwork.preview.changes.base import Base, BaseError
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.mistakes import all_of, closest, nearest

_INSTALLED = "groundwork.cli.main:main"
"""The command line of the code that is installed, for revisions of a project that has none of its own."""
_RUN = "import sys; from {module} import {function}; sys.argv[0] = 'groundwork'; sys.exit({function}())"
_LONGEST = 300
"""Seconds that a base may take: a stack of ten thousand resources takes half a minute."""
_FINE = (0, 1)
"""How a preview ends that has a snapshot: without and with findings."""
_MISTAKE = 2
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)", re.MULTILINE)
_PROVIDERS = re.compile(r"^(pulumi|pulumi-.*|groundwork)$")
_COUNTED = re.compile(r"^(HEAD|@)(~\d*|\^)+$")


@dataclass(frozen=True)
class Revision:
    """A commit of the repository that a folder is in."""

    said: str
    """What the user calls it."""
    commit: str
    root: Path
    """The top of the repository."""

    @property
    def name(self) -> str:
        short = self.commit[:7]
        return short if self.commit.startswith(self.said) else f"{self.said} ({short})"

    def has(self, file: Path) -> bool:
        """Tell whether it has a file, which is below :attr:`root`."""
        place = file.relative_to(self.root).as_posix()
        return _git(self.root, "cat-file", "-e", f"{self.commit}:{place}").returncode == 0

    def write(self, folder: Path) -> None:
        """Write all its files into an empty folder."""
        index = {"GIT_INDEX_FILE": str(folder.with_name(f"{folder.name}.index"))}
        for arguments in (("read-tree", self.commit), ("checkout-index", "--all", f"--prefix={folder}{os.sep}")):
            done = _git(self.root, *arguments, **index)
            if done.returncode:
                raise BaseError(f"{self.name} cannot be read: {_last_words(done.stderr)}")


def find_revision(said: str, folder: Path) -> Revision:
    """Return the commit that a word of git's names; BaseError says which names are near, or why there is none."""
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top.returncode:
        raise BaseError(
            f'--base {said}: there is no file of that name, and "{folder}" is not in a git repository that could have such a '
            f"revision: {_last_words(top.stderr)}"
        )
    root = Path(top.stdout.strip())
    found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{said}^{{commit}}")
    if found.returncode:
        raise BaseError(f"--base {said}: there is neither a file nor a revision of that name{_hint(root, said)}")
    return Revision(said, found.stdout.strip(), root)


def uncommitted(folder: Path) -> int:
    """Return how many files of the repository differ from its last commit."""
    return len(_git(folder, "status", "--porcelain").stdout.splitlines())


def _hint(root: Path, said: str) -> str:
    shallow = _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
    if shallow:
        return "; only the newest commits were cloned: git fetch --unshallow (in GitHub's workflows fetch-depth: 0) brings the rest"
    if _COUNTED.match(said):
        count = _git(root, "rev-list", "--count", "--first-parent", "HEAD").stdout.strip()
        return f"; HEAD has {int(count or 1) - 1:,} commits before it"
    names = _git(root, "for-each-ref", "--format=%(refname:short)").stdout.split()
    # Whoever says "mian" means main, and not origin/mian.
    there = names[:5] if not closest(said, names) else []
    return nearest(said, names) or (f"; there are {all_of(there)}" if there else "; the repository has no commit yet")


class RevisionRun:
    """The preview of a stack at a revision, which runs from the moment on that this is made."""

    def __init__(self, revision: Revision, file: Path, arguments: Sequence[str]) -> None:
        """Prepare the run. ``file`` is the stack file as it is now; ``arguments`` go to ``groundwork preview``."""
        self._revision = revision
        self._temporary = tempfile.TemporaryDirectory(prefix="groundwork-base-", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name).resolve() / "base"
        self._output = Path(self._temporary.name) / "snapshot.json"
        self._errors = Path(self._temporary.name) / "errors.txt"
        place = file.resolve().relative_to(revision.root)
        try:
            revision.write(self._folder)
            self._process = self._started(self._folder / place, arguments)
        except BaseException:
            self._temporary.cleanup()
            raise

    def _started(self, file: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        code, self._own = _code(self._folder, file.parent)
        module, _, function = code.partition(":")
        path = [str(folder) for folder in self._own]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment["PYTHONPATH"] = os.pathsep.join(path or _kept_path())
        name = file.name.removeprefix("Pulumi.").removesuffix(".yaml")
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            return subprocess.Popen(  # noqa: S603 - the repository's own code, as it was
                [
                    sys.executable,
                    "-c",
                    _RUN.format(module=module, function=function),
                    *("preview", name, "--format", "json"),
                    *arguments,
                ],
                cwd=file.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                # With the processes that it starts itself it can be ended as one.
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._temporary.cleanup()

    def _end(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def result(self) -> Base:
        """Wait for the preview and return what it found; BaseError with its own words where it found none, or does not
        end."""
        try:
            code = self._process.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            self._end()
            raise BaseError(
                f"--base {self._revision.said}: the stack's program did not end within {_LONGEST} seconds at "
                f"{self._revision.commit[:7]}; name a revision at which it does"
            ) from None
        differing = list(_other_versions(self._folder))
        if code not in _FINE:
            raise BaseError(self._why(code, differing))
        try:
            snapshot = Snapshot.from_json(json.loads(self._output.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError) as error:
            raise BaseError(
                f"--base {self._revision.said}: its code wrote no snapshot that can be read here: {error}"
            ) from None
        notes = [] if self._own else [f"{self._revision.name} ran with the code that is installed here"]
        return Base(self._revision.name, snapshot, (*notes, *differing))

    def _why(self, code: int, differing: Sequence[str]) -> str:
        said = self._errors.read_text(encoding="utf-8", errors="replace").replace(f"{self._folder}{os.sep}", "")
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith("Run again with --debug")]
        what = "has mistakes of its own" if code == _MISTAKE else "cannot be previewed: its program ended with an error"
        found = [f"--base {self._revision.said}: the stack {what} at {self._revision.commit[:7]}:"]
        found += [f"  {line}" for line in lines]
        found += [f"  {note}" for note in differing] if code != _MISTAKE else []
        found += (
            ["  A base is given no input: nobody could answer what its program asks."] if "EOFError" in said else []
        )
        return "\n".join([*found, "Name a revision at which the stack can be previewed."])


def _code(checkout: Path, folder: Path) -> tuple[str, list[Path]]:
    """Return the command line of the code that a revision has itself, and where Python finds it; of what is installed
    where it has none."""
    for place in (folder, *folder.parents):
        file = place / "pyproject.toml"
        if file.is_file():
            project = tomllib.loads(file.read_text(encoding="utf-8"))
            command = project.get("project", {}).get("scripts", {}).get("groundwork")
            if isinstance(command, str):
                find = project.get("tool", {}).get("setuptools", {}).get("packages", {}).get("find", {})
                return command, [place / where for where in find.get("where", ["."])]
        if place == checkout:
            break
    return _INSTALLED, []


def _kept_path() -> list[str]:
    return [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []


def _other_versions(checkout: Path) -> Iterator[str]:
    """Yield what the revision pins and is installed here in another version, in one sentence."""
    pins: dict[str, str] = {}
    for file in sorted(checkout.glob("requirements*.txt")):
        if "dev" not in file.stem:
            pins.update(_PIN.findall(file.read_text(encoding="utf-8", errors="replace")))
    others = {name: (pin, here) for name, pin in pins.items() if (here := _installed(name)) not in (None, pin)}
    named = [name for name in others if _PROVIDERS.match(name)]
    told = [f"{name} {others[name][0]} and ran with {others[name][1]}" for name in named]
    rest = len(others) - len(named)
    if rest:
        told.append(f"{rest} other {'package' if rest == 1 else 'packages'} in other versions than are installed")
    if told:
        yield f"the base asks for {', for '.join(told)}; a difference may come from that"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - a revision cannot pass for an option, and no shell is asked
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git the user has
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as error:
        raise BaseError(f"a revision as base needs git, which cannot be run: {error.strerror}") from None


def _last_words(text: str) -> str:
    return " ".join(text.split())[:300] or "git said nothing"
