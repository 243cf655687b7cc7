"""``python -m tests.upgrades``: keeps what a release builds, so that the next one can be held against it.

Of every stack of the repository a file in ``tests/releases/`` has the stack file as the release read it, and of what holds data what
decides whether another version of Groundwork would replace it, and nothing else. It is written when a
version is released, and not changed afterwards.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from groundwork.preview.changes.holding import holds_data, table
from groundwork.preview.changes.model import Forces, root_of
from groundwork.preview.changes.plan import Plan
from groundwork.preview.changes.providers import PROVIDER, REGION
from groundwork.preview.changes.replacement import forcing
from groundwork.preview.snapshot import Resource, Snapshot, to_marker
from groundwork.settings.data_file import read_data
from groundwork.settings.loading import find_stack
from tests.stacks import ROOT, STACKS, found, run_found, snapshot_of

RELEASES = ROOT / "tests" / "releases"
ACCEPTED = RELEASES / "accepted.yaml"
"""What a version takes all the same: stack → URN → why, and what ``docs/upgrading.md`` tells users to do before."""
_KEPT = ("ignoreChanges", "protect", "provider", "retainOnDelete")


def main() -> None:
    """Write the file of the version that ``pyproject.toml`` names."""
    file = RELEASES / f"{version('groundwork')}.json.gz"
    text = json.dumps({stack: _stack(stack) for stack in STACKS}, sort_keys=True, default=to_marker)
    # Without the time, so that the same stacks give the same bytes.
    file.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{file.relative_to(ROOT)}: {len(STACKS)} stacks, {file.stat().st_size // 1024} kB")


def _stack(name: str) -> dict[str, Any]:
    stack = found(name)
    return {
        "project": stack.project,
        "file": stack.file.read_text(encoding="utf-8"),
        "snapshot": reduced(snapshot_of(name)).as_dict(),
    }


def reduced(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot with nothing but what holds data, what that is made from, and the components around them; and of each nothing but
    what a replacement hangs on."""
    resources = snapshot.by_urn()
    wanted: set[str] = set()
    pending = [one.urn for one in snapshot.resources if holds_data(one)]
    while pending:
        one = resources[pending.pop()]
        wanted.add(one.urn)
        sources = {source for key in _forcing_inputs(one) for source in one.property_dependencies.get(key, ())}
        provider = one.options.get(PROVIDER, "").rpartition("::")[0]
        pending += ({*sources, one.parent or "", provider} & resources.keys()) - wanted
    inputs = {urn: _forcing_inputs(resources[urn]) for urn in wanted}
    said = json.dumps(list(inputs.values()), default=to_marker)
    kept = [
        Resource(
            one.urn,
            one.type,
            one.name,
            one.custom,
            one.parent,
            inputs[one.urn],
            # An id, ARN or name is only needed where another resource is made from it.
            {
                key: value
                for key, value in one.outputs.items()
                if isinstance(value, str) and len(value) > 7 and value in said
            },
            options={key: value for key, value in one.options.items() if key in _KEPT},
        )
        for one in snapshot.resources
        if one.urn in wanted
    ]
    return replace(snapshot, resources=tuple(kept), settings={}, outputs={}, looked_up=frozenset())


def _forcing_inputs(resource: Resource) -> dict[str, Any]:
    copy = table()["types"].get(resource.type, {}).get("copy")
    roots = {root_of(path) for path in forcing(resource)} | {copy, REGION}
    return {key: value for key, value in resource.inputs.items() if key in roots}


def releases() -> list[Path]:
    """The files of all releases, the newest last."""
    return sorted(
        RELEASES.glob("*.json.gz"),
        key=lambda file: [int(part) for part in file.name.removesuffix(".json.gz").split(".")],
    )


def read(file: Path) -> dict[str, dict[str, Any]]:
    """What a release kept, by stack."""
    kept: dict[str, dict[str, Any]] = json.loads(gzip.decompress(file.read_bytes()))
    return kept


def upgraded(name: str, kept: dict[str, Any]) -> Snapshot:
    """What this version builds of the stack file that a release kept."""
    label, _, phase = name.partition("@")
    today = ROOT / label
    own = today.with_name(f"Pulumi.{today.name}.yaml")
    if name in STACKS and own.read_text(encoding="utf-8") == kept["file"]:
        return snapshot_of(name)
    with tempfile.TemporaryDirectory(prefix="groundwork-release-") as text:
        folder = Path(text)
        (folder / "Pulumi.yaml").write_text(
            f"name: {kept['project']}\nruntime: python\nmain: {ROOT}\n", encoding="utf-8"
        )
        (folder / own.name).write_text(kept["file"], encoding="utf-8")
        return run_found(find_stack(today.name, folder, phase or None))


def lost(base: Snapshot, head: Snapshot) -> Iterator[tuple[str, str]]:
    """URN, in the base, and reason of what holds data and would be replaced or removed by an upgrade."""
    plan = Plan(base, head)
    for one in plan.deleted:
        if holds_data(one):
            yield one.urn, "is removed: give what stands in its place an alias"
    for urn, pair in plan.replaced.items():
        if holds_data(pair.before):
            names = {change.path for change in plan.differences[urn] if change.forces is Forces.YES}
            yield pair.before.urn, f"is replaced for {', '.join(sorted(names))}"


def accepted() -> dict[str, dict[str, str]]:
    """What is taken all the same, by stack and URN."""
    return read_data(ACCEPTED) or {}


def problems(stacks: Iterable[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    """What an upgrade from a release would lose, one line each."""
    excepted = accepted()
    for name, kept in stacks:
        for urn, reason in lost(Snapshot.from_json(kept["snapshot"]), upgraded(name, kept)):
            if urn not in excepted.get(name, {}):
                yield f"{name}: {urn} {reason}"


if __name__ == "__main__":
    main()
