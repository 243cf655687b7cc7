#!/usr/bin/python3
"""Once a minute: which services are unwell, and how full is the cache? Restarts what stays unwell."""
# What is started and asked here is our own.
# ruff: noqa: S310, S603, S607

from __future__ import annotations

import http.client
import json
import os
import subprocess
import urllib.request
from pathlib import Path

CHECKS = Path("/run/groundwork/checks")
UNWELL = Path("/run/groundwork/unwell")


def output(*command: str) -> str:
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True).stdout


def is_well(name: str) -> bool:
    file = CHECKS / f"{name}.json"
    url = json.loads(file.read_text())["url"] if file.exists() else ""
    if url:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False
    found = json.loads(output("docker", "inspect", name) or "[]")
    state = found[0]["State"] if found else {}
    return bool(state.get("Running")) and state.get("Health", {}).get("Status") != "unhealthy"


def patience(name: str) -> int:
    """Return the minutes after which a failing check counts: three, and those that a new copy has to start."""
    file = CHECKS / f"{name}.json"
    return 3 + (json.loads(file.read_text())["start_period"] + 59) // 60 if file.exists() else 3


def look_at(name: str) -> int:
    count = UNWELL / name
    if is_well(name):
        count.unlink(missing_ok=True)
        return 0
    minutes = int(count.read_text()) + 1 if count.exists() else 1
    if minutes >= patience(name):
        subprocess.run(["systemctl", "restart", f"groundwork@{name}"], check=False)
        minutes = 0
    UNWELL.mkdir(mode=0o700, parents=True, exist_ok=True)
    count.write_text(str(minutes))
    return 1


def cache_memory(client: str) -> float:
    lines = output("docker", "exec", "cache", client, "info", "memory").splitlines()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    return 100 * int(facts["used_memory"]) / int(facts["maxmemory"])


def main() -> None:
    metrics = {"UnwellServices": float(sum(look_at(name) for name in os.environ["SERVICES"].split()))}
    try:
        if os.environ.get("CACHE_CLIENT"):
            metrics["CacheMemory"] = cache_memory(os.environ["CACHE_CLIENT"])
    except (KeyError, ValueError, ZeroDivisionError):
        metrics["UnwellServices"] += 1
    group = [{"Name": "Group", "Value": os.environ["GROUP"]}]
    data = [{"MetricName": name, "Dimensions": group, "Value": value} for name, value in metrics.items()]
    command = ["aws", "cloudwatch", "put-metric-data", "--namespace", os.environ["NAMESPACE"]]
    subprocess.run([*command, "--metric-data", json.dumps(data)], check=True)


if __name__ == "__main__":
    main()
