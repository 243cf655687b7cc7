"""How Groundwork is installed: the line of a project's requirements, from where it came to this machine, and what an extra takes.

On PyPI the name ``groundwork`` is another project's, so a bare version would install that, or nothing. What pip keeps of an installation says
whether it came from an index, a repository, an archive or a folder:
https://packaging.python.org/en/latest/specifications/direct-url/
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distribution, requires
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_NAME = "groundwork"


def requirement(extra: str = "") -> str:
    """Return the line that installs the version that runs here; ``extra`` is one of its extras, such as ``kubernetes``."""
    found = distribution(_NAME)
    return line(json.loads(found.read_text("direct_url.json") or "{}"), found.version, extra)


def line(direct_url: Mapping[str, Any], version: str, extra: str = "") -> str:
    """Return it for what pip noted of an installation; ``{}`` for one from an index."""
    name = f"{_NAME}[{extra}]" if extra else _NAME
    url = str(direct_url.get("url", ""))
    if "vcs_info" in direct_url:
        return f"{name} @ {direct_url['vcs_info']['vcs']}+{_without_credentials(url)}@{direct_url['vcs_info']['commit_id']}"
    if "dir_info" in direct_url:
        return f"{name} @ {_of_repository(Path(unquote(urlsplit(url).path))) or url}"
    return f"{name} @ {_without_credentials(url)}" if url else f"{name}=={version}"


def extra_command(extra: str) -> str:
    """Return the command that installs what an extra needs into the environment that runs. It names the packages, and not the extra."""
    marked = (one.partition(";") for one in requires(_NAME) or ())
    needed = [name.strip() for name, _, marker in marked if re.search(rf"extra == ['\"]{extra}['\"]", marker)]
    return shlex.join([_python(), "-m", "pip", "install", *needed])


def _python() -> str:
    here = Path(sys.executable)
    return str(here.relative_to(Path.cwd())) if here.is_relative_to(Path.cwd()) else str(here)


def is_of_this_machine(requirement: str) -> bool:
    """Tell whether a requirement leads to a file or folder here, which no pipeline has."""
    return re.search(r"@ (git\+)?file:", requirement) is not None


def _without_credentials(url: str) -> str:
    """Return an address without what somebody signs in with, which belongs in no file."""
    parts = urlsplit(url)
    user = "git@" if parts.scheme.endswith("ssh") and parts.username == "git" else ""
    return parts._replace(netloc=f"{user}{parts.netloc.rpartition('@')[2]}").geturl()


def _of_repository(folder: Path) -> str:
    """Return the commit of a clone at the place that it was cloned from; empty for what is no clone."""
    origin, commit = _git(folder, "remote", "get-url", "origin"), _git(folder, "rev-parse", "HEAD")
    if not origin or not commit or Path(_git(folder, "rev-parse", "--show-toplevel")) != folder.resolve():
        return ""
    if scp := re.fullmatch(r"([\w.-]+@)?([\w.-]+):(?!//)(.+)", origin):
        origin = f"ssh://{scp[1] or ''}{scp[2]}/{scp[3]}"
    elif "://" not in origin:
        origin = (folder / origin).resolve().as_uri()
    return f"git+{_without_credentials(origin)}@{commit}"


def _git(folder: Path, *words: str) -> str:
    try:
        said = subprocess.run(  # noqa: S603 - our own words
            ["git", "-C", str(folder), *words],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""
