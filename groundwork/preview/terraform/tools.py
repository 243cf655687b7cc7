"""Finding Terraform (or OpenTofu) and an AWS provider on this machine. Nothing is downloaded."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

MIRROR_VARIABLE = "TF_PLUGIN_MIRROR"
COMMANDS = ("terraform", "tofu")
_PROVIDER = "terraform-provider-aws"
_WELL_KNOWN = (
    "~/.terraform.d/plugins",
    "~/.terraform.d/plugin-cache",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
)
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i686": "386"}
_CONFIGURED_FOLDER = re.compile(r"\b(?:path|plugin_cache_dir)\s*=\s*\"([^\"]+)\"")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


class ToolMissingError(LookupError):
    """Terraform or the provider is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Provider:
    """One AWS provider on this machine: a folder with its program, or the archive that holds it."""

    version: str
    location: Path

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])


def find_terraform(environment: Mapping[str, str]) -> Path:
    """Return the command to run; ToolMissingError where neither Terraform nor OpenTofu is on the PATH."""
    for command in COMMANDS:
        found = shutil.which(command, path=environment.get("PATH"))
        if found:
            return Path(found)
    raise ToolMissingError(
        "neither `terraform` nor `tofu` is on the PATH. Install Terraform 1.5 or newer from HashiCorp's downloads, or "
        "OpenTofu 1.6 or newer, from your system's package manager; nothing else needs an account."
    )


def find_provider(environment: Mapping[str, str]) -> Provider:
    """Return the newest AWS provider for this machine in any mirror; ToolMissingError where there is none."""
    roots = list(_roots(environment))
    providers = [provider for root in roots for provider in _providers_below(root)]
    if not providers:
        raise ToolMissingError(
            f"no AWS provider for {_platform()} in a provider mirror. On a machine with network, in a folder whose "
            '.tf file says `terraform { required_providers { aws = { source = "hashicorp/aws" } } }`, run '
            f"`terraform providers mirror FOLDER`; then set {MIRROR_VARIABLE}=FOLDER here."
        )
    return max(providers, key=lambda provider: (_order(provider.version), provider.location.is_dir()))


def unpacked(provider: Provider, cache: Path) -> Path:
    """Return the folder with the provider's program; an archive is unpacked into ``cache`` once."""
    if provider.location.is_dir():
        return provider.location
    folder = cache / f"provider-{provider.version}"
    if not any(folder.glob(f"{_PROVIDER}*")):
        partial = folder.with_name(f"{folder.name}.{os.getpid()}")
        with zipfile.ZipFile(provider.location) as archive:
            archive.extractall(partial)
        for program in partial.glob(f"{_PROVIDER}*"):
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    return folder


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Return where what is slow to make is kept between runs, outside the repository."""
    base = environment.get("XDG_CACHE_HOME") or Path(environment.get("HOME") or Path.home()) / ".cache"
    return Path(base) / "groundwork" / "terraform"


def _roots(environment: Mapping[str, str]) -> Iterator[Path]:
    named = environment.get(MIRROR_VARIABLE)
    if named:
        # Naming a mirror means that one, also where it turns out to hold nothing.
        yield Path(named).expanduser()
        return
    if environment.get("TF_PLUGIN_CACHE_DIR"):
        yield Path(environment["TF_PLUGIN_CACHE_DIR"])
    home = Path(environment.get("HOME") or Path.home())
    configuration = Path(environment.get("TF_CLI_CONFIG_FILE") or home / ".terraformrc")
    if configuration.is_file():
        text = configuration.read_text(encoding="utf-8", errors="replace")
        yield from (_at(home, folder) for folder in _CONFIGURED_FOLDER.findall(text))
    yield from (_at(home, folder) for folder in _WELL_KNOWN)


def _at(home: Path, folder: str) -> Path:
    return home / folder[2:] if folder.startswith("~/") else Path(os.path.expandvars(folder))


def _providers_below(root: Path) -> Iterator[Provider]:
    """Yield the providers of both layouts of a mirror: HOST/hashicorp/aws/VERSION/PLATFORM/ and
    HOST/hashicorp/aws/…_VERSION_PLATFORM.zip."""
    if not root.is_dir():
        return
    for program in root.glob(f"*/hashicorp/aws/*/{_platform()}/{_PROVIDER}*"):
        yield Provider(version=program.parent.parent.name, location=program.parent)
    for archive in root.glob(f"*/hashicorp/aws/{_PROVIDER}_*_{_platform()}.zip"):
        version = _VERSION.search(archive.name)
        if version:
            yield Provider(version=version.group(), location=archive)


def _platform() -> str:
    machine = platform.machine().lower()
    return f"{platform.system().lower()}_{_MACHINES.get(machine, machine)}"


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
