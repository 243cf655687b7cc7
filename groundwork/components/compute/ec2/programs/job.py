#!/usr/bin/python3
"""Run a job to its end: ``job.py NAME [IMAGE [COMMAND …]]``; without an image the one that is delivered. Exits with the container's
code."""
# What is started and asked here is our own.
# ruff: noqa: S603, S607

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import run  # type: ignore[import-not-found]  # it lies beside this one on an instance

JOBS = Path("/run/groundwork/jobs")
BUSY, TOO_LONG = 75, 124
"""Exit codes of a job that runs already, and of one that was ended."""


def clear(name: str) -> None:
    subprocess.run(["docker", "rm", "--force", "--volumes", name], check=False, stdout=subprocess.DEVNULL)


def end(name: str, seconds: int | None) -> int:
    """Wait for a job's end, and return its exit code."""
    try:
        ended = subprocess.run(["docker", "wait", name], check=True, stdout=subprocess.PIPE, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        print(f"{name} was ended after {seconds} seconds", file=sys.stderr)
        subprocess.run(["docker", "stop", name], check=False, stdout=subprocess.DEVNULL)
        return TOO_LONG
    return int(ended.stdout)


def say_failed(name: str, code: int) -> None:
    print(f"{name} failed with {code}", file=sys.stderr)
    data = [{"MetricName": "FailedJobs", "Dimensions": [{"Name": "Group", "Value": os.environ["GROUP"]}], "Value": 1.0}]
    command = ["aws", "cloudwatch", "put-metric-data", "--namespace", os.environ["NAMESPACE"]]
    subprocess.run([*command, "--metric-data", json.dumps(data)], check=False)


def attempt(name: str, image: str, command: tuple[str, ...]) -> int:
    """Run it as often as it may fail, and return the last exit code."""
    service, body, found = run.prepared(name, image)
    if found == service["placeholder"]["image"]:
        raise SystemExit(f"there is no image for {name} yet")
    if command:
        body["Cmd"] = list(command)
    limits: dict[str, Any] = service["job"]
    for left in range(limits["retries"], -1, -1):
        clear(name)
        run.start(name, body, found)
        code = end(name, limits["timeout"])
        # For whoever started it by hand; a timer's are in the log group alone.
        subprocess.run(["docker", "logs", "--tail", "200", name], check=False, stderr=subprocess.STDOUT)
        if code == 0 or not left:
            return code
    return 1


def main(name: str, image: str = "", *command: str) -> None:
    JOBS.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (JOBS / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name} runs already", file=sys.stderr)
            raise SystemExit(BUSY) from None
        try:
            code = attempt(name, image, command)
        except subprocess.CalledProcessError as error:
            print(error, file=sys.stderr)
            code = 1
        finally:
            clear(name)
        if code:
            say_failed(name, code)
        raise SystemExit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
