"""Checkov as an outside judge of every stack: what it finds is accepted with a reason, or it is a fault.

``python -m tests.checkov CHECKOV`` runs the program on the Terraform plan of each stack and phase; see ``checkov.yaml``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from groundwork.preview.terraform.plan import plan_text
from tests.stacks import STACKS, snapshot_of

ACCEPTED = Path(__file__).with_name("checkov.yaml")


class Failed(NamedTuple):
    """A check that failed, and at which ``STACK/ADDRESS``."""

    check: str
    place: str
    title: str


def accepted() -> dict[str, list[dict[str, Any]]]:
    """Return what is accepted, by the check's id: one reason with its places, or several."""
    found: dict[str, Any] = yaml.safe_load(ACCEPTED.read_text(encoding="utf-8"))
    return {check: said if isinstance(said, list) else [said] for check, said in found.items()}


def verdict(failed: Iterable[Failed], entries: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """Say what is accepted nowhere, and which entries nothing needs."""
    needed: set[tuple[str, str]] = set()
    for one in failed:
        patterns = _places(entries.get(one.check, ()))
        matching = [pattern for pattern in patterns if fnmatchcase(one.place, pattern)]
        needed |= {(one.check, pattern) for pattern in matching}
        if not matching:
            yield f"{one.check} {one.place}: {one.title}"
    for check, several in entries.items():
        for pattern in _places(several):
            if (check, pattern) not in needed:
                yield f"{check} {pattern}: accepted in checkov.yaml, and found nowhere any more"


def _places(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    return [pattern for entry in entries for pattern in entry.get("where", ["*"])]


def judged(checkov: str) -> tuple[int, list[Failed]]:
    """Run Checkov on every stack; return how many checks passed, and what failed."""
    with tempfile.TemporaryDirectory() as folder:
        names = {f"/{number}.json": stack for number, stack in enumerate(STACKS)}
        for name, stack in names.items():
            Path(folder, name[1:]).write_text(plan_text(snapshot_of(stack)), encoding="utf-8")
        command = [
            checkov,
            "-d",
            folder,
            "--framework",
            "terraform_plan",
            "-o",
            "json",
            "--skip-download",
            "--quiet",
            "--compact",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"Checkov ended with {done.returncode}:\n{done.stderr[-2000:]}") from None
    results = report["results"]["failed_checks"]
    failed = [
        Failed(one["check_id"], f"{names[one['file_path']]}/{one['resource']}", one["check_name"]) for one in results
    ]
    return report["summary"]["passed"], failed


def main(arguments: list[str]) -> int:
    """Judge, and say what is left."""
    passed, failed = judged(arguments[0])
    faults = list(verdict(failed, accepted()))
    print(
        "\n".join(
            [
                *faults,
                f"Checkov: {passed:,} checks passed, {len(failed):,} accepted with a reason, {len(faults):,} faults",
            ]
        )
    )
    return 1 if faults or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
