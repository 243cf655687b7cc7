"""``make bench``: how long previews and checks take and how much memory they need.

Prints tables as Markdown; ``--out FILE`` writes them too. Every number is the median of ``--runs`` processes of their own, so
that nothing is warm but the file cache and Python's compiled modules. Where Checkov is installed, in an environment of its own,
``--checkov PATH`` lets it judge the same stack as Terraform JSON; ``--only previews``, ``checks``, ``days`` (simulated ones) or ``growing``
(capacity and phases) measures one of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from groundwork.settings.loading import stacks

ROOT = Path(__file__).parent.parent
SIZES = (1, 10, 55, 617)
"""Services of stacks with 150 to 10,000 resources."""
CHECKED = "examples/mini-facebook/prod"
CHECKED_SIZES = (55, 617)
"""Services of stacks with a thousand and with ten thousand resources."""
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": ""}
"""How Pulumi writes one (pulumi, sdk/go/common/resource/sig)."""

_PARTS = """
import gc, json, sys, time
gc.disable()  # as the command line does
name, start = sys.argv[1], sys.argv[2]
marks = [("", time.process_time())]
mark = lambda part: marks.append((part, time.process_time()))
from pathlib import Path
from groundwork.settings.loading import find_stack, load_stack
stack = find_stack(name, Path(start)); loaded = load_stack(stack)
mark("settings")
from groundwork.preview.stacks import run_stack
mark("import engine")
run = lambda: run_stack(stack, loaded)
snapshot = run()
mark("program")
from groundwork.preview.verdicts import judge
import datetime
today = datetime.date(2026, 12, 1)
verdicts = judge(snapshot, today)
mark("rules")
from groundwork.preview import text
text.plain(text.report(snapshot, verdicts, 80, name))
mark("text")
snapshot.dumps()
mark("json")
from dataclasses import replace
from groundwork.preview.changes.compare import compare
def aged(at, one):
    return replace(one, inputs={**one.inputs, "tags": {"was": str(at)}}) if at % 3 else one
base = replace(snapshot, resources=tuple(aged(at, one) for at, one in enumerate(snapshot.resources) if at % 10 or not one.custom))
mark("")
changes = compare(base, snapshot)
mark("changes")
from groundwork.cli.cost import estimated
cost = estimated(snapshot, None, None, None).to_json()
mark("cost")
from groundwork.preview.reports.report import Report
from groundwork.preview.reports.markdown import markdown
from groundwork.preview.reports.page import html
report = Report(name, snapshot, verdicts, changes, cost)
markdown(report), html(report)
mark("report")
judge(run(), today)
mark("again")
took = {part: at - marks[i][1] for i, (part, at) in enumerate(marks[1:]) if part}
print(json.dumps({"resources": len(snapshot.resources), "checks": verdicts.judgements, **took}))
"""
_GROUNDWORK = (sys.executable, "-m", "groundwork.cli.main")
_median = statistics.median
PARTS = ("settings", "import engine", "program", "rules", "text", "json", "changes", "cost", "report", "again")
_DAY = """
import sys, time
from groundwork.settings.loading import find_stack, load_stack
from groundwork.simulation.day import simulate
from groundwork.simulation.scenario import Scenario
from groundwork.simulation.search import Size, sized, with_tiers
from groundwork.simulation.tiers import platform_of
a_second, method = float(sys.argv[1]), sys.argv[2]
settings = load_stack(find_stack("examples/thulobazaar/prod")).settings
day = Scenario(visitors=a_second * 86_400 / 20, requests=20)
platform = platform_of(settings, day, "bench")
copies = int(a_second / 10) + 2
platform = with_tiers(platform, {tier.name: sized(tier, Size(512, 1024, copies, 2 * copies)) for tier in platform.tiers}, platform.database)
start = time.process_time()
simulate(platform, day, method)
took = time.process_time() - start
print(took)
"""
"""A day of so many requests a second on average, over two services and a database, with copies enough."""

_DAYS = ((10, "events"), (100, "events"), (1_000, "events"), (1_000, "fluid"), (100_000_000 * 20 / 86_400, "fluid"))

_HEAD = (
    "| {} | resources | whole process | of it CPU | memory | settings | imports | program | rules | text | JSON | changes | cost | report | again |",
    "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="processes for each number (default 5)")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=list(SIZES), help="numbers of services (default 1 10 55 617)"
    )
    parser.add_argument("--stacks", nargs="*", default=[], help="stacks to preview (default all)")
    parser.add_argument("--out", type=Path, help="write the tables to this file as well")
    parser.add_argument("--checkov", type=Path, help="the program checkov, to be compared with")
    parser.add_argument("--only", choices=("previews", "checks", "days", "growing"), help="measure only these")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    for line in _report(options):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _report(options: argparse.Namespace) -> Iterator[str]:
    yield f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}; medians of {options.runs} runs."
    if options.only in (None, "previews"):
        yield from _previews(options.runs, options.sizes, options.stacks)
    if options.only in (None, "checks"):
        yield from _checks(options.runs, options.checkov)
    if options.only in (None, "days"):
        yield from _simulated(options.runs)
    if options.only in (None, "growing"):
        yield from _growing(options.runs)


_STACKS_THAT_GROW = ("examples/thulobazaar/prod", "examples/storefront/prod", "examples/mini-facebook/prod")


def _growing(runs: int) -> Iterator[str]:
    """What it takes to hold a stack against a load, beside its preview, and to put its phases side by side."""
    yield ""
    yield "| stack | preview | capacity | of it CPU | phases | of it CPU | phases run |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "day.yaml"
        day.write_text("{visitors: 100000, requests: 20, messages: 500000}\n", encoding="utf-8")
        for stack in _STACKS_THAT_GROW:
            seconds, cpu = [], []
            for words in (["preview"], ["capacity", "--scenario", str(day)], ["phases"]):
                command = [*_GROUNDWORK, words[0], stack, *words[1:]]
                found = [_measured(command, ROOT) for _ in range(runs)]
                seconds.append(_median([one[0] for one in found]))
                cpu.append(_median([one[1] for one in found]))
            possible = json.loads(_measured([*_GROUNDWORK, "phases", stack, "--format", "json"], ROOT)[3])["phases"]
            yield (
                f"| {stack} | {seconds[0]:.2f} s | {seconds[1]:.2f} s | {cpu[1]:.2f} s | {seconds[2]:.2f} s | {cpu[2]:.2f} s | "
                f"{len(possible)} |"
            )


def _simulated(runs: int) -> Iterator[str]:
    yield ""
    yield "| requests a second | in a day | method | whole process | of it CPU | the day's CPU | memory |"
    yield "|--:|--:|---|--:|--:|--:|--:|"
    for a_second, method in _DAYS:
        command = [sys.executable, "-c", _DAY, str(a_second), method]
        found = [_measured(command, ROOT) for _ in range(runs)]
        seconds, cpu, megabytes = (statistics.median(one[part] for one in found) for part in (0, 1, 2))
        day = statistics.median(float(one[3]) for one in found)
        total = a_second * 86_400
        yield f"| {a_second:,.0f} | {total:,.0f} | {method} | {seconds:.2f} s | {cpu:.2f} s | {day:.2f} s | {megabytes:.0f} MB |"


def _previews(runs: int, sizes: list[int], chosen: list[str]) -> Iterator[str]:
    yield ""
    yield from (line.format("stack") for line in _HEAD)
    for stack in chosen or stacks(ROOT):
        yield _row(stack, stack, ROOT, runs)[0]
    yield ""
    yield from (line.format("services") for line in _HEAD)
    measured = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_stack_of(size, Path(folder))
            # Hundreds of services take long enough for one run to tell.
            line, parts = _row(f"{size:,}", "dev", Path(folder), runs if size < 100 else 1)
            measured.append(parts)
            yield line
    yield from _growth(measured)


def _growth(measured: list[dict[str, float]]) -> Iterator[str]:
    """Say what each further resource costs, from one size to the next: about the same where nothing grows with the square."""
    for smaller, larger in pairwise(measured):
        more = larger["resources"] - smaller["resources"]
        said = [
            f"{part} {1000 * (larger[part] - smaller[part]) / more:.2f}"
            for part in ("program", "rules", "changes", "cost", "report")
        ]
        yield ""
        yield f"From {smaller['resources']:,.0f} to {larger['resources']:,.0f} resources, ms of CPU for each further one: {', '.join(said)}."


def _checks(runs: int, checkov: Path | None) -> Iterator[str]:
    """``groundwork policies check`` on an empty export, which is the start alone, on a stack's, and on ones that grow."""
    yield ""
    yield "| export of | resources | megabytes | whole process | of it CPU | memory |"
    yield "|---|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.json"
        write_export([], export)
        yield _checked("nothing: the start", export, runs)
        write_export(_snapshot(CHECKED, ROOT)["resources"], export)
        yield _checked(CHECKED, export, runs)
        ours = _median([_measured(_check(export), ROOT)[1] for _ in range(runs)])
        for size in CHECKED_SIZES:
            write_stack_of(size, Path(folder))
            grown = Path(folder) / "grown.json"
            write_export(_snapshot("dev", Path(folder))["resources"], grown)
            yield _checked(f"{size} services", grown, runs)
        if checkov:
            yield ""
            yield from _against(checkov, ours, Path(folder), runs)


def _against(checkov: Path, ours: float, folder: Path, runs: int) -> Iterator[str]:
    terraform = folder / "terraform"
    terraform.mkdir()
    _measured([*_GROUNDWORK, "export", CHECKED, "--out", str(terraform / "main.tf.json")], ROOT)
    command = [str(checkov), "-d", str(terraform), "--quiet", "--compact", "--skip-download"]
    theirs = _median([_measured([*command, "--framework", "terraform_json"], folder)[1] for _ in range(runs)])
    yield f"Checkov on {CHECKED} as Terraform JSON: {theirs:.2f} s of CPU, {theirs / ours:.1f} times as long as {ours:.2f} s."


def _checked(label: str, export: Path, runs: int) -> str:
    resources = len(json.loads(export.read_text(encoding="utf-8"))["deployment"]["resources"])
    measures = [_measured(_check(export), ROOT)[:3] for _ in range(runs)]
    seconds, processor, memory = map(_median, zip(*measures, strict=True))
    size = export.stat().st_size / 1e6
    return f"| {label} | {resources:,} | {size:.1f} | {seconds:.2f} s | {processor:.2f} s | {memory:.0f} MB |"


def _check(export: Path) -> list[str]:
    return [*_GROUNDWORK, "policies", "check", str(export)]


def _snapshot(stack: str, start: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_measured([*_GROUNDWORK, "preview", stack, "--format", "json"], start)[3])
    return found


def write_export(resources: list[dict[str, Any]], file: Path) -> None:
    """Resources of a snapshot as ``pulumi stack export`` writes them once they stand."""
    states = [
        {
            "urn": resource["urn"],
            "custom": resource["custom"],
            "type": resource["type"],
            "inputs": _stated(resource["inputs"]),
            "outputs": _stated(resource["outputs"]),
            "parent": resource["parent"] or "",
            "dependencies": resource["dependencies"],
            "propertyDependencies": resource["propertyDependencies"],
            **({"id": resource["outputs"].get("id") or resource["name"]} if resource["custom"] else {}),
        }
        for resource in resources
    ]
    document = {"version": 3, "deployment": {"manifest": {}, "resources": states}}
    file.write_text(json.dumps(document, indent=4), encoding="utf-8")


def _stated(value: Any) -> Any:
    if isinstance(value, dict):
        return SECRET if "$groundwork" in value else {key: _stated(item) for key, item in value.items()}
    return [_stated(item) for item in value] if isinstance(value, list) else value


def _row(label: str, stack: str, start: Path, runs: int) -> tuple[str, dict[str, float]]:
    """Return a row of a table, and the medians in it by their part."""
    whole = [_measured([*_GROUNDWORK, "preview", stack], start) for _ in range(runs)]
    parts = [json.loads(_measured([sys.executable, "-c", _PARTS, stack, str(start)], start)[3]) for _ in range(runs)]
    seconds, processor, memory = (_median([measure[at] for measure in whole]) for at in range(3))
    medians = {name: _median([part[name] for part in parts]) for name in ("resources", *PARTS)}
    cells = " | ".join(f"{medians[name]:.2f} s" for name in PARTS)
    return (
        f"| {label} | {medians['resources']:,.0f} | {seconds:.2f} s | {processor:.2f} s | {memory:.0f} MB | {cells} |",
        medians,
    )


def _measured(command: list[str], folder: Path) -> tuple[float, float, float, str]:
    """Seconds, seconds of CPU, megabytes at the peak, and what the process printed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "policies")))}
    # As on anybody's machine, where modules are compiled once.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        printed = out.read()
        # 1 is a finding, which a preview may well have; a process that failed says it too, and prints nothing.
        if process.returncode not in (0, 1) or not printed:
            raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}:\n{err.read()}")
        megabytes = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        return seconds, usage.ru_utime + usage.ru_stime, megabytes, printed


def write_stack_of(size: int, folder: Path) -> None:
    """A project whose program is ours and whose one stack has so many services behind one load balancer."""
    (folder / "Pulumi.yaml").write_text(f"name: bench\nruntime: python\nmain: {ROOT}\n", encoding="utf-8")
    services = {"web": {"port": 3000, "path": "/*", "uses": {"images": "read"}}}
    services |= {
        f"worker-{number}": {"uses": {"images": "read-write"}, "scaling": {"max": 2}} for number in range(1, size)
    }
    config = {
        "aws:region": "eu-central-1",
        # Ten thousand resources are in an account that was granted what it asked for.
        "groundwork:platform": {
            "name": "bench",
            "stage": "dev",
            "phase": "mvp",
            "quotas": {"roles-per-account": 2_000},
        },
        "groundwork:services": services,
        "groundwork:storage": {"images": {"purpose": "media", "cdn": True}},
    }
    # JSON is YAML.
    (folder / "Pulumi.dev.yaml").write_text(json.dumps({"config": config}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
