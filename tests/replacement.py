"""``python -m tests.replacement``: asks the AWS provider anew what replaces a resource, and writes ``preview/replacement.json``."""

from __future__ import annotations

import json

from preview.terraform.replacement import replacing
from tests.stacks import ROOT, STACKS, snapshot_of

TABLE = ROOT / "preview" / "replacement.json"


def main() -> None:
    """Takes some minutes; ends with what is missing where Terraform or its AWS provider is."""
    table = replacing(snapshot_of(stack) for stack in STACKS)
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
