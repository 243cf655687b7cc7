"""The files of a load test, in a folder of the project's."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundwork.operations.loadtest.plan import LoadPlan
    from groundwork.settings.loading import StackFiles

_SCRIPT = Path(__file__).with_name("loadtest.js")
REPORTS = "reports"


def folder_of(stack: StackFiles) -> Path:
    """Return where a stack's load tests are, unless somebody says another folder."""
    return stack.project_folder / "loadtest" / stack.name


def write_files(plan: LoadPlan, folder: Path) -> list[Path]:
    """Write script and numbers anew, and what requests there are where nobody has said it yet. Returns what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    script, numbers, own = folder / "loadtest.js", folder / "plan.json", folder / "requests.js"
    script.write_text(_SCRIPT.read_text(encoding="utf-8"), encoding="utf-8", newline="\n")
    numbers.write_text(json.dumps(plan.to_json(), indent=2) + "\n", encoding="utf-8", newline="\n")
    written = [script, numbers]
    if not own.exists():
        own.write_text(_requests(plan), encoding="utf-8", newline="\n")
        written.append(own)
    return written


def _requests(plan: LoadPlan) -> str:
    requests = {one.name: [{"path": one.first_path}] for one in plan.services}
    sockets = {name: {"path": "/socket"} for name in plan.sockets}
    return (
        "// What each service is asked, one after the other: path, and where it is no GET also method, body and headers. Yours:\n"
        "// `groundwork loadtest` never writes it anew. Pages that real visitors open say more than these.\n"
        f"export const requests = {json.dumps(requests, indent=2)};\n\n"
        "// Where connections are opened that stay open.\n"
        f"export const sockets = {json.dumps(sockets, indent=2)};\n"
    )


def newest_report(folder: Path) -> tuple[Path, Mapping[str, Any]] | None:
    """Return the newest report of a folder; None where there is none that can be read."""
    for file in sorted((folder / REPORTS).glob("*.json"), reverse=True):
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            datetime.datetime.fromisoformat(found["at"])
            float(found["rate"])
        except (OSError, ValueError, TypeError, KeyError):
            continue
        return file, found
    return None
