"""``python -m groundwork.preview.terraform SNAPSHOT.json``: what the AWS provider says of a snapshot; ``--export`` prints the Terraform JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform.export import export_text
from groundwork.preview.terraform.render import render_verification
from groundwork.preview.terraform.verify import verify


def main(arguments: list[str]) -> int:
    """Return 0 where the provider finds no error or could not be asked, 1 where it does, 2 for a mistaken call."""
    files = [argument for argument in arguments if not argument.startswith("-")]
    if len(files) != 1:
        print("usage: python -m groundwork.preview.terraform [--export] SNAPSHOT.json", file=sys.stderr)
        return 2
    try:
        snapshot = Snapshot.from_json(json.loads(Path(files[0]).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError) as error:
        print(f"{files[0]} is not a snapshot that can be read: {error}", file=sys.stderr)
        return 2
    if "--export" in arguments:
        sys.stdout.write(export_text(snapshot))
        return 0
    verification = verify(snapshot)
    print("\n".join(render_verification(verification)))
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in verification.seconds.items())
    if steps:
        print(f"\n{steps}")
    return 0 if verification.skipped or verification.ok else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
