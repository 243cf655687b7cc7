"""``make bench``: how long previews take and how much memory they need.

Prints tables as Markdown; ``--out FILE`` writes them too. Every number is the median of ``--runs`` processes of their own, so
that nothing is warm but the file cache.
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
from pathlib import Path

from settings import stacks

ROOT = Path(__file__).parent.parent
SIZES = (10, 100, 1000)

_PARTS = """
import gc, json, sys, time
gc.disable()  # as the command line does
name, start = sys.argv[1], sys.argv[2]
marks = [("", time.perf_counter())]
mark = lambda part: marks.append((part, time.perf_counter()))
from pathlib import Path
from settings import find_stack, load_stack
from settings.effective import as_json
stack = find_stack(name, Path(start)); loaded = load_stack(stack)
mark("settings")
from preview.engine import run_program
mark("import engine")
snapshot = run_program(stack.program_folder, project=stack.project, stack=stack.name, config=loaded.config, settings=as_json(loaded))
mark("program")
from preview.verdicts import judge
import datetime
verdicts = judge(snapshot, datetime.date(2026, 12, 1))
mark("rules")
from preview import text
text.plain(text.report(snapshot, verdicts, 80, name))
mark("text")
snapshot.dumps()
mark("json")
print(json.dumps({"resources": len(snapshot.resources), "checks": verdicts.judgements, **{part: at - marks[i][1] for i, (part, at) in enumerate(marks[1:])}}))
"""
PARTS = ("settings", "import engine", "program", "rules", "text", "json")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="processes for each number (default 5)")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=list(SIZES), help="numbers of services (default 10 100 1000)"
    )
    parser.add_argument("--out", type=Path, help="write the tables to this file as well")
    options = parser.parse_args(arguments)
    lines: list[str] = []
    for line in _report(options.runs, options.sizes):
        print(line, flush=True)
        lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


def _report(runs: int, sizes: list[int]) -> Iterator[str]:
    yield f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()}; medians of {runs} runs."
    yield ""
    yield "| stack | resources | whole process | of it CPU | memory | settings | imports | program | rules | checks a second | text | JSON |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for stack in stacks(ROOT):
        yield _row(stack, stack, ROOT, runs)
    yield ""
    yield "| services | resources | whole process | of it CPU | memory | settings | imports | program | rules | checks a second | text | JSON |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            write_stack_of(size, Path(folder))
            # A thousand services take long enough for three runs to tell.
            yield _row(f"{size:,}", "dev", Path(folder), runs if size < 1000 else min(runs, 3))


def _row(label: str, stack: str, start: Path, runs: int) -> str:
    whole = [_measured([sys.executable, "-m", "cli.main", "preview", stack], start) for _ in range(runs)]
    parts = [json.loads(_measured([sys.executable, "-c", _PARTS, stack, str(start)], start)[3]) for _ in range(runs)]
    seconds = statistics.median(measure[0] for measure in whole)
    processor = statistics.median(measure[1] for measure in whole)
    memory = statistics.median(measure[2] for measure in whole)
    cells = [f"{statistics.median(part[name] for part in parts):.2f} s" for name in PARTS]
    speed = statistics.median(part["checks"] / part["rules"] for part in parts)
    cells.insert(PARTS.index("rules") + 1, f"{speed:,.0f}")
    return f"| {label} | {parts[0]['resources']:,} | {seconds:.2f} s | {processor:.2f} s | {memory:.0f} MB | {' | '.join(cells)} |"


def _measured(command: list[str], folder: Path) -> tuple[float, float, float, str]:
    """Seconds, seconds of CPU, megabytes at the peak, and what the process printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+", encoding="utf-8") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        # 1 is a finding, which a preview may well have.
        if process.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}:\n{err.read()}")
        megabytes = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        return seconds, usage.ru_utime + usage.ru_stime, megabytes, out.read()


def write_stack_of(size: int, folder: Path) -> None:
    """A project whose program is ours and whose one stack has so many services behind one load balancer."""
    (folder / "Pulumi.yaml").write_text(f"name: bench\nruntime: python\nmain: {ROOT}\n", encoding="utf-8")
    services = {"web": {"port": 3000, "path": "/*", "uses": {"images": "read"}}}
    services |= {
        f"worker-{number}": {"uses": {"images": "read-write"}, "scaling": {"max": 2}} for number in range(1, size)
    }
    config = {
        "aws:region": "eu-central-1",
        "groundwork:platform": {"name": "bench", "stage": "dev", "phase": "mvp"},
        "groundwork:services": services,
        "groundwork:storage": {"images": {"purpose": "media", "cdn": True}},
    }
    # JSON is YAML.
    (folder / "Pulumi.dev.yaml").write_text(json.dumps({"config": config}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
