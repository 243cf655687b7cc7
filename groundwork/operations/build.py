"""Building an image on this machine and pushing it, as the stack file says under ``build``.

Docker does both: ``docs/decisions/0036-images-are-built-by-docker-and-named-after-commits.md``
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from groundwork.components.services.settings import BuildSettings
from groundwork.operations import images
from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.errors import OperationError
from groundwork.operations.images import ImageHolder
from groundwork.operations.progress import Progress
from groundwork.settings.facts import IMAGE_ARCHITECTURES
from groundwork.settings.mistakes import Mistake, Mistakes, dotted
from groundwork.settings.mistakes import Path as Keys

_SECONDS_TO_ANSWER = 60
"""For what looks at files or asks the daemon or the registry one thing."""


@dataclass(frozen=True)
class BuildPlan:
    """An image that is to be built and pushed."""

    account: StackAccount
    place: str
    """Where the stack file says how: file, line and path."""
    image: str
    platform: str
    """``linux/arm64``."""
    settings: BuildSettings
    context: Path
    dockerfile: Path
    is_there: bool = False
    """It was pushed before, from the same commit."""
    is_dirty: bool = False
    """There is in it what no commit has."""

    def __str__(self) -> str:
        """Return it in words."""
        if self.is_there:
            return "the image of this commit is there, and is not built again"
        changes = ", with changes that are not committed" if self.is_dirty else ""
        return f"build {self.settings.context} for {self.platform}{changes}, and push it"


def plan(account: StackAccount, holder: ImageHolder, tag: str | None) -> BuildPlan:
    """Return what building the image of a service would do; without a tag it is named after the commit.

    Raises ``Mistakes`` where the stack file says no build or files that are not there, and OperationError where the image has no name,
    somebody pushed another under it, or Docker is not there to build it.
    """
    at = (holder.layer, holder.name, "build")
    settings = holder.settings.build
    if settings is None:
        problem = (
            f"is not said, so that no image can be built; say build: ., or which image is to run: {holder.name}=TAG"
        )
        raise Mistakes([Mistake(at, problem, account.where(at))])
    folder = account.stack.file.resolve().parent
    context = (folder / settings.context).resolve()
    dockerfile = (folder / settings.dockerfile).resolve() if settings.dockerfile else context / "Dockerfile"
    _check_files(account, at, context, dockerfile)
    version, is_dirty = (tag, False) if tag else _version(account, holder.name, context, dockerfile)
    image = images.named(account, holder.name, holder.settings, version)
    if "@" in image:
        raise OperationError(f"an image has no digest before it is built; say a tag: {holder.name}=1.4.0 --build")
    compute = account.settings.compute
    built_for = f"linux/{IMAGE_ARCHITECTURES[compute.built_for]}" if compute else "linux/amd64"
    is_there = images.is_there(account, holder, image)
    if is_there and tag:
        raise OperationError(
            f"{image} is there already, and no tag is written twice; deploy it without --build, or say another tag"
        )
    place = f"{account.where(at)} {dotted(at)}"
    if not is_there:
        _check_docker(place, holder.name)
    return BuildPlan(account, place, image, built_for, settings, context, dockerfile, is_there, is_dirty)


def _check_files(account: StackAccount, at: Keys, context: Path, dockerfile: Path) -> None:
    if not context.is_dir():
        problem = f"there is no folder {context}; it is relative to {account.stack.label}"
        raise Mistakes([Mistake(at, problem, account.where((*at, "context")))])
    if not dockerfile.is_file():
        problem = f"there is no file {dockerfile}; write one, or say where it is: dockerfile, relative to {account.stack.label}"
        raise Mistakes([Mistake(at, problem, account.where((*at, "dockerfile")))])


# What the image is called


def _version(account: StackAccount, name: str, context: Path, dockerfile: Path) -> tuple[str, bool]:
    """Return the tag of what is built now: the commit, and where files differ from it what tells these changes from others. Also tell
    whether they do."""
    say = f"say a version: {name}=1.4.0 --build"
    commit = _git(context, "rev-parse", "--short=12", "HEAD")
    if not commit:
        raise OperationError(f"{context} is in no commit of git, after which its image could be called; {say}")
    if _git(context, "check-ignore", str(context)):
        raise OperationError(f"git ignores {context}, so that no commit says what is in its image; {say}")
    top = Path(_git(context, "rev-parse", "--show-toplevel") or context)
    # The stack file has the arguments and the target.
    paths = [str(path) for path in (context, dockerfile, account.stack.file.resolve()) if path.is_relative_to(top)]
    if not _git(context, "status", "--porcelain", "--", *paths):
        return commit, False
    if account.settings.platform.stage == "prod":
        raise OperationError(
            f"what {name} is built from has changes that are not committed, and prod runs what can be built again; commit them, or {say}"
        )
    return f"{commit}-dirty-{_digest(context, top, paths)}", True


def _digest(context: Path, top: Path, paths: Sequence[str]) -> str:
    """Return eight digits that tell what is not committed from other changes: what git knows of, and files that are new to it."""
    said = _git(context, "diff", "HEAD", "--binary", "--", *paths) or ""
    new = _git(context, "ls-files", "--others", "--exclude-standard", "-z", "--full-name", "--", *paths) or ""
    changes = hashlib.sha256(os.fsencode(said))
    for name in sorted(filter(None, new.split("\0"))):
        changes.update(os.fsencode(f"\0{name}\0"))
        # What cannot be read is Docker's to complain of.
        with contextlib.suppress(OSError), (top / name).open("rb") as file:
            changes.update(hashlib.file_digest(file, "sha256").digest())
    return changes.hexdigest()[:8]


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says of a folder; None where it says no, or is not there."""
    # It may not write to the index while somebody commits.
    command = ["git", "--no-optional-locks", "-C", str(folder), *words]
    try:
        said = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, check=False, timeout=_SECONDS_TO_ANSWER, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(said.stdout).strip() if said.returncode == 0 else None


# Docker


def build(wanted: BuildPlan, progress: Progress, *, seconds: float) -> None:
    """Build an image and push it; ``seconds`` is the limit for each. OperationError where it did not come to be there."""
    if wanted.is_there:
        return
    settings = wanted.settings
    _log_in(wanted)
    progress.say(f"building {wanted.image} for {wanted.platform}")
    # One manifest, without what attests it beside: a scan of ECR's looks at no index.
    # https://docs.docker.com/build/metadata/attestations/slsa-provenance/
    options = ["--platform", wanted.platform, "--load", "--provenance=false", "--tag", wanted.image]
    options += ["--file", str(wanted.dockerfile), *(["--target", settings.target] if settings.target else [])]
    for key, value in settings.args.items():
        options += ["--build-arg", f"{key}={value}"]
    # What is wrong with a Dockerfile says Docker best, and at once.
    built = _docker(
        wanted, "build", ["buildx", "build", *options, str(wanted.context)], seconds, stdout=None, stderr=None
    )
    if built.code != 0:
        raise OperationError(
            f"{wanted.place}: docker buildx build ended with {built.code}{_emulation(wanted.platform)}"
        )
    progress.say(f"pushing {wanted.image}")
    pushed = _docker(wanted, "push", ["push", wanted.image], seconds, stdout=None)
    if pushed.code != 0:
        raise OperationError(f"{wanted.place}: {wanted.image} was not pushed: {_why_not_pushed(pushed.said)}")


def _check_docker(place: str, name: str) -> None:
    """Refuse where no image can be built here: Docker is not installed, its daemon is not there, or it has no buildx."""
    elsewhere = f"or build elsewhere, and say which image runs: {name}=TAG"
    if shutil.which("docker") is None:
        get = "get it from https://docs.docker.com/engine/install/"
        raise OperationError(f"{place}: docker is not installed, and it builds the image; {get}, {elsewhere}")
    for words, problem in _NEEDED.items():
        ended = _run(["docker", *words], _SECONDS_TO_ANSWER)
        if ended.code != 0:
            raise OperationError(f"{place}: {problem}, {elsewhere}. Docker says: {_last(ended.said)}")


_NEEDED = {
    ("version", "--format", "{{.Server.Version}}"): (
        "Docker's daemon does not answer; start it (Docker Desktop, or: sudo systemctl start docker)"
    ),
    ("buildx", "version"): "docker has no buildx; get it from https://docs.docker.com/build/buildx/install/",
}
"""What is asked of Docker before anything is built, and what it means when it ends with another code than 0."""


def _log_in(wanted: BuildPlan) -> None:
    """Have Docker log in to the registry with a password that AWS makes for twelve hours, and that no list of processes shows.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html
    """
    with plain_errors("asking for the registry's password"):
        [made] = wanted.account.client("ecr").get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(made["authorizationToken"]).decode().partition(":")
    registry = wanted.image.partition("/")[0]
    words = ["login", "--username", user, "--password-stdin", registry]
    ended = _docker(wanted, "login", words, _SECONDS_TO_ANSWER, told=password)
    # Amazon's credential helper keeps no password, since it asks AWS for one itself:
    # https://github.com/awslabs/amazon-ecr-credential-helper
    if ended.code != 0 and "not implemented" not in ended.said:
        why = _last(ended.said.replace(password, "…"))
        raise OperationError(f"{wanted.place}: docker does not log in to {registry}: {why}")


def _emulation(built_for: str) -> str:
    """Return what is often missing where an image is built for another architecture than this machine's.

    https://docs.docker.com/build/building/multi-platform/#qemu
    """
    own = _MACHINES.get(platform.machine().lower(), "")
    if built_for == own or not own:
        return ""
    return (
        f'. This machine is {own}: where it ended with "exec format error", let it run {built_for} too (docker run --privileged --rm '
        "tonistiigi/binfmt --install all), or say compute.architecture"
    )


_MACHINES = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}

_REFUSALS = {
    "immutable": "another was pushed under this name meanwhile; deploy that, or say another tag",
    "denied": "ECR does not allow it; whoever pushes needs what the layer `delivery` gives pipelines",
    "no basic auth credentials": "ECR does not allow it; is it the account that the stack stands in?",
    "does not exist": "there is no such repository; pulumi up makes it",
    "no such host": "the registry does not answer; is there a network?",
    "timeout": "the registry does not answer; is there a network?",
    "connection refused": "the registry does not answer; is there a network?",
}
"""Words of a registry or of Docker, and what they mean."""


def _why_not_pushed(said: str) -> str:
    meaning = next((text for words, text in _REFUSALS.items() if words in said.lower()), "")
    return f"{meaning} ({_last(said)})" if meaning else _last(said)


def _last(said: str) -> str:
    """Return the last line that a program wrote."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing"


class _Ended(NamedTuple):
    code: int
    said: str
    """What it wrote to its standard error, where that was not shown."""


def _docker(wanted: BuildPlan, doing: str, words: Sequence[str], seconds: float, **how: Any) -> _Ended:
    ended = _run(["docker", *words], seconds, **how)
    if ended.code == _TOO_LONG:
        raise OperationError(
            f"{wanted.place}: docker's {doing} was stopped, since it was not done after {seconds / 60:g} minutes; is there a network? "
            "--minutes gives it longer"
        )
    return ended


_TOO_LONG = -1


def _run(
    command: Sequence[str],
    seconds: float,
    *,
    told: str = "",
    stdout: int | None = subprocess.PIPE,
    stderr: int | None = subprocess.PIPE,
) -> _Ended:
    """Run a program. ``None`` for one of its outputs: it is shown as it comes."""
    try:
        ended = subprocess.run(  # noqa: S603 - our own words
            command, input=told.encode(), stdout=stdout, stderr=stderr, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return _Ended(_TOO_LONG, "nothing for a minute")
    except (OSError, ValueError) as error:
        return _Ended(127, str(error))
    return _Ended(ended.returncode, (ended.stderr or b"").decode(errors="replace"))
