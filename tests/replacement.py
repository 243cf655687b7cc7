"""``python -m tests.replacement``: asks the AWS provider anew what replaces a resource, and writes ``groundwork/preview/replacement.json``.

``python -m tests.replacement check`` asks it about every step of every stack of the repository from phase to phase instead, and says
where that table is wrong.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from groundwork.components.platform.platform import Platform
from groundwork.components.settings import Settings
from groundwork.preview.changes.plan import Plan
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform.change import ask_each, differing
from groundwork.preview.terraform.render import render_answer
from groundwork.preview.terraform.replacement import replacing
from tests.functions.servers import certificates
from tests.harness import build
from tests.stacks import ROOT, STACK_NAMES, STACKS, in_each_phase, snapshot_of

TABLE = ROOT / "groundwork" / "preview" / "replacement.json"
_AHEAD = {"dev": ("mvp", "launch", "growth", "scale", "millions"), "prod": ("growth", "scale", "millions")}
"""Stacks that are asked about in phases that their file does not name, too."""
_SAMPLE = (
    "aws:dynamodb/table:Table",
    "aws:ebs/volume:Volume",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:rds/instance:Instance",
    "aws:s3/bucket:Bucket",
    "aws:sqs/queue:Queue",
)
"""Types that hold data, of which the table is held against the provider argument by argument."""
_SEALED = {"secure": "v1:sealed"}


def main() -> None:
    """Takes ten minutes; ends with what is missing where Terraform or its AWS provider is."""
    if sys.argv[1:] == ["check"]:
        sys.exit(check())
    table = replacing([*(snapshot_of(stack) for stack in STACKS), *others()])
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def check() -> int:
    """Ask about each step up and down again, all in one; 1 where the provider disagrees with the table, or was not asked."""
    ahead = ([f"{name}@{phase}" for phase in phases] for name, phases in _AHEAD.items())
    paths = [*map(in_each_phase, STACK_NAMES), *ahead]
    steps = [step for path in paths for one in pairwise(path) for step in (one, one[::-1])]
    plans = [Plan(snapshot_of(before), snapshot_of(after)) for before, after in steps]
    wrong = 0
    answers = ask_each(plans)
    for (before, after), plan, answer in zip(steps, plans, answers, strict=True):
        print(f"{before} to {after}", *render_answer(plan, answer), sep="\n", flush=True)
        wrong += len(differing(plan, answer))
    if any(not answer.skipped for answer in answers):
        wrong += len(anew := _asked_anew())
        print("", *(anew or [f"{len(_SAMPLE)} types asked anew: the table says the same"]), sep="\n")
    return min(wrong, 1)


def _asked_anew() -> list[str]:
    """Where the table says of some types something else than the provider does, asked about each argument as for the table."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))["types"]
    found = replacing([], only=_SAMPLE)["types"]
    lists = ("replaces", "whole", "may", "sensitive")
    return [
        f"{type_}: asked anew the provider says {key} {found[type_].get(key)}, and the table {table[type_].get(key)}"
        for type_ in _SAMPLE
        for key in lists
        if found[type_].get(key) != table[type_].get(key)
    ]


def others() -> Iterator[Snapshot]:
    """What no stack of the repository asks for, so that every type that a component builds is asked about."""
    with tempfile.TemporaryDirectory(prefix="groundwork-certificate-") as folder:
        authority = certificates(Path(folder)).authority.read_text(encoding="ascii")
    slack = {"workspace": "T0123ABCD", "channel": "C0123ABCD"}
    web = {"port": 3000, "path": "/*", "cpu": 1024, "memory": 2048, "uses": {"database": "connect"}}
    yield _built(
        "prod",
        compute={"engine": "app-runner"},
        services={"web": {**web, "scaling": {"min": 1, "max": 5, "concurrency": 50}}},
        messaging={
            "push": {
                "ios": {
                    "signing_key": _SEALED,
                    "key_id": _SEALED,
                    "team_id": "ABCDE12345",
                    "bundle_id": "com.example.shop",
                },
                "android": {"service_account": _SEALED},
            }
        },
        files={"uploads": {}},
        storage={"backups": {"purpose": "backups", "lock_days": 7}},
        observability={"tracing": True, "alerts": {"notice": {"slack": slack}}},
        budget={"monthly": 100, "anomalies": {"over": "services"}, "activate_tags": True},
        migration={
            "source": {
                "addresses": ["10.80.0.0/24"],
                "database": "old",
                "host": "db.old.example.com",
                "username": "mover",
                "password": _SEALED,
                "certificate": authority,
            },
            "tables": {"include": ["public.%"]},
        },
    )
    yield _built(
        "dev",
        hours={"start": "08:00", "stop": "18:00"},
        network={"ipv6": True},
        compute={"engine": "fargate"},
        services={"web": web},
        observability={"archive": {}},
    )


def _built(stage: str, *, hours: Any = None, **layers: Any) -> Snapshot:
    platform = {"name": "shop", "stage": stage, "timezone": "Asia/Kathmandu", **({"hours": hours} if hours else {})}
    settings = {"region": "ap-south-1", "network": {}, "edge": {}, "data": {}, **layers, "platform": platform}
    loaded = Settings.model_validate(settings)
    return build(lambda _: Platform("shop", loaded), stage=stage)


if __name__ == "__main__":
    main()
