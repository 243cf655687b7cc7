"""``python -m tests.replacement``: asks the AWS provider anew what replaces a resource, and writes ``groundwork/preview/replacement.json``."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundwork.components.platform.platform import Platform
from groundwork.components.settings import Settings
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform.replacement import replacing
from tests.functions.servers import certificates
from tests.harness import build
from tests.stacks import ROOT, STACKS, snapshot_of

TABLE = ROOT / "groundwork" / "preview" / "replacement.json"
_SEALED = {"secure": "v1:sealed"}


def main() -> None:
    """Takes some minutes; ends with what is missing where Terraform or its AWS provider is."""
    table = replacing([*(snapshot_of(stack) for stack in STACKS), *others()])
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


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
