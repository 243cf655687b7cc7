"""Many shapes judged by the real provider: the good ones pass, and each mistake is found where it was made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.terraform.__main__ import main
from groundwork.preview.terraform.convert import TOO_NEW_ARGUMENT
from groundwork.preview.terraform.render import render_verification
from groundwork.preview.terraform.verify import Verification, verify

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


@pytest.mark.usefixtures("terraform")
def test_good_resources_of_every_shape_pass_known_and_unknown(run: Run) -> None:
    """Side by side in one plan: the provider takes seconds to start."""
    known, unknown = run(GOOD), run(GOOD, unknowns=True)
    beside = Snapshot.from_json(json.loads(unknown.dumps().replace("::shapes::", "::unknown::")))
    verification = verify(replace(known, resources=(*known.resources, *beside.resources)))

    assert verification.ok, "\n".join(render_verification(verification))
    assert verification.checked == 2 * sum(one.type.startswith("aws:") for one in known.resources) > 200
    assert not verification.excused
    assert {(entry.path, entry.reason) for entry in verification.left_out} <= {("region", TOO_NEW_ARGUMENT)}


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


@pytest.mark.usefixtures("terraform")
def test_without_a_plan_what_arguments_do_to_each_other_is_not_seen(run: Run, tmp_path: Path) -> None:
    program = tmp_path / "one.py"
    volume = 'aws.ebs.Volume("v", availability_zone="ap-south-1a", size=10, type="gp2", throughput=200)'
    program.write_text(f"import pulumi_aws as aws\n{volume}\n", encoding="utf-8")

    assert verify(run(program), plan=False).ok


@pytest.mark.usefixtures("terraform")
def test_the_module_reads_a_snapshot_file_and_advice_stops_nothing(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "one.py"
    program.write_text(
        'import pulumi_aws as aws\naws.s3.BucketObject("o", bucket="b", content="c")\n', encoding="utf-8"
    )
    file = tmp_path / "snapshot.json"
    file.write_text(run(program).dumps(), encoding="utf-8")

    assert main([str(file)]) == 0
    assert "warning: o (aws:s3/bucketObject:BucketObject)" in capsys.readouterr().out


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
