"""Run on an instance by Python 3.9: how services and jobs are, as one line of JSON. Arguments: services, ``--``, jobs."""

# What is asked here is our own.
# ruff: noqa: S603, S607

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

sys.path.insert(0, "/usr/local/lib/groundwork")


def output(*command: str) -> str:
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def service(name: str) -> dict[str, Any]:
    import watch  # type: ignore[import-not-found] # noqa: PLC0415 - only there

    found = json.loads(output("docker", "inspect", name) or "[]")
    state = found[0]["State"] if found else {}
    return {
        "well": bool(watch.is_well(name)),
        "image": found[0]["Config"]["Image"] if found else "",
        # Nanoseconds are more than Python reads.
        "started": state.get("StartedAt", "")[:19] + "+00:00" if state.get("StartedAt") else "",
        "exit": 0 if state.get("Running") else state.get("ExitCode", 0),
        "out_of_memory": bool(state.get("OOMKilled")),
    }


def job(name: str) -> dict[str, Any]:
    wanted = "ActiveState,Result,ExecMainStatus,ExecMainExitTimestamp,ExecMainStartTimestamp"
    lines = output("systemctl", "show", f"groundwork-job@{name}", "--timestamp=unix", f"--property={wanted}")
    said = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    running = said.get("ActiveState") == "activating"
    at = said.get("ExecMainStartTimestamp" if running else "ExecMainExitTimestamp", "").lstrip("@")
    return {
        "running": running,
        "result": said.get("Result", ""),
        "exit": int(said.get("ExecMainStatus") or 0),
        "at": int(at) if at.isdecimal() else 0,
    }


def main(words: list[str]) -> None:
    apart = words.index("--")
    here = [
        name
        for name in words[:apart]
        if subprocess.run(["systemctl", "is-enabled", "--quiet", f"groundwork@{name}"], check=False).returncode == 0
    ]
    print(
        json.dumps(
            {
                "services": {name: service(name) for name in here},
                "jobs": {name: job(name) for name in words[apart + 1 :]},
            }
        )
    )


main(sys.argv[1:])
