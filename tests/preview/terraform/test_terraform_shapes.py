"""Many shapes judged by the real provider: the good ones pass, and each mistake is found where it was made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import pytest

from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.terraform.__main__ import main
from groundwork.preview.terraform.convert import TOO_NEW_ARGUMENT
from groundwork.preview.terraform.render import render_verification
from groundwork.preview.terraform.verify import Verification, verify
from tests.stacks import snapshot_of

HERE = Path(__file__).parent
GOOD = HERE / "shapes_program.py"
BROKEN = HERE / "broken_program.py"
_ANNOUNCED = re.compile(r"# (expect|excused) ([\w.\[\]]*): (.+)")

Run = Callable[..., Snapshot]


def announced(kind: str) -> list[tuple[int, str, str]]:
    """Line of the declaration, property and words for each mistake of the broken program."""
    lines = BROKEN.read_text(encoding="utf-8").splitlines()
    found = [(number, _ANNOUNCED.match(line)) for number, line in enumerate(lines, start=2)]
    return [(number, match[2], match[3]) for number, match in found if match and match[1] == kind]


@pytest.fixture(scope="module")
def broken(run: Run, terraform: None) -> Verification:
    return verify(run(BROKEN))


@dataclass(frozen=True)
class Good:
    """What the provider says of what is right, and how ``python -m groundwork.preview.terraform`` says it."""

    verification: Verification
    shapes: int
    first: int
    code: int
    printed: str


@pytest.fixture(scope="module")
def good(run: Run, terraform: None, tmp_path_factory: pytest.TempPathFactory) -> Good:
    """Shapes with all known, the same with all unknown and a first preview side by side in one plan: the provider takes seconds to start."""
    known = run(GOOD)
    unknown = Snapshot.from_json(json.loads(run(GOOD, unknowns=True).dumps().replace("::shapes::", "::unknown::")))
    first = one_of_each(snapshot_of("prod", unknowns=True))
    file = tmp_path_factory.mktemp("good") / "snapshot.json"
    beside = replace(known, resources=(*known.resources, *unknown.resources, *first))
    file.write_text(beside.dumps(), encoding="utf-8")
    kept: list[Verification] = []

    def keeping(snapshot: Snapshot) -> Verification:
        kept.append(verify(snapshot))
        return kept[0]

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        patch.setattr("groundwork.preview.terraform.__main__.verify", keeping)
        code = main([str(file)])
    return Good(kept[0], len(_of_aws(known.resources)), len(_of_aws(first)), code, printed.getvalue())


def one_of_each(snapshot: Snapshot) -> tuple[Resource, ...]:
    """The first resource of each type and set of inputs."""
    first: dict[tuple[str, frozenset[str]], Resource] = {}
    for one in snapshot.resources:
        first.setdefault((one.type, frozenset(one.inputs)), one)
    return tuple(first.values())


def _of_aws(resources: Sequence[Resource]) -> list[Resource]:
    return [one for one in resources if one.type.startswith("aws:")]


def test_good_resources_of_every_shape_pass_known_and_unknown_and_a_first_preview_beside_them(good: Good) -> None:
    """`make verify-all` has every stack judged with all known. With unknowns there is less to judge, so one stack is enough to show that
    unknowns themselves are no error."""
    verification = good.verification
    assert verification.ok, "\n".join(render_verification(verification))
    assert good.shapes > 100
    assert good.first > 50
    assert verification.checked == 2 * good.shapes + good.first
    assert not verification.excused
    of_shapes = {(one.path, one.reason) for one in verification.left_out if "::shapes::" in one.urn}
    assert of_shapes <= {("region", TOO_NEW_ARGUMENT)}


def test_the_module_reads_a_snapshot_file_and_advice_stops_nothing(good: Good) -> None:
    assert good.code == 0
    assert "warning: old (aws:s3/bucketObject:BucketObject)" in good.printed


@pytest.mark.parametrize(("line", "path", "words"), announced("expect"))
def test_a_mistake_is_found_at_its_property_and_line(broken: Verification, line: int, path: str, words: str) -> None:
    found = [finding for finding in broken.errors if finding.source and finding.source.line == line]

    assert any(finding.path == path and words in finding.message for finding in found), found
    assert all(finding.urn and finding.urn.endswith(f"::{finding.name}") for finding in found)


def test_every_error_belongs_to_an_announced_mistake(broken: Verification) -> None:
    lines = {line for line, _, _ in announced("expect")}

    assert {finding.source.line for finding in broken.errors if finding.source} == lines


def test_a_value_newer_than_the_provider_is_excused_and_listed(broken: Verification) -> None:
    assert [
        (excused.finding.source.line, excused.finding.path) for excused in broken.excused if excused.finding.source
    ] == [(line, path) for line, path, _ in announced("excused")]


def test_the_report_fits_a_terminal(broken: Verification) -> None:
    assert max(map(len, render_verification(broken))) <= 80


def test_the_module_explains_a_mistaken_call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "not.json"
    file.write_text("{", encoding="utf-8")

    assert main([]) == 2
    assert main([str(file)]) == 2
    assert main([str(tmp_path / "absent.json")]) == 2
    assert "not a snapshot" in capsys.readouterr().err


def test_the_module_prints_the_export_without_terraform(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "one.py"
    program.write_text('import pulumi_aws as aws\naws.sqs.Queue("q", delay_seconds=9)\n', encoding="utf-8")
    file = tmp_path / "snapshot.json"
    file.write_text(run(program).dumps(), encoding="utf-8")

    assert main(["--export", str(file)]) == 0
    assert json.loads(capsys.readouterr().out)["resource"]["aws_sqs_queue"]["q"]["delay_seconds"] == 9
