"""``groundwork preview --base``: what a base may be, and what is said of one that cannot be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groundwork.preview.changes.plan import Plan
from groundwork.preview.terraform.change import ProviderAnswer
from groundwork.preview.terraform.verify import Verification
from tests.requirements import proves
from tests.shared import call
from tests.writing import write_project

TOPIC = "import pulumi_aws as aws\naws.sns.Topic('t', display_name='{name}', kms_master_key_id='alias/a', tags={{'a': 'b'}})\n"
CODE = """
import json, sys
def main():
    print("a line of the base's own", file=sys.stderr)
    urn = "urn:pulumi:dev::test::aws:sns/topic:Topic::t"
    one = {"urn": urn, "type": "aws:sns/topic:Topic", "name": "t", "custom": True, "parent": None, "inputs": {"displayName": "own"},
           "outputs": {}, "dependencies": [], "propertyDependencies": {}, "options": {}, "source": None}
    print(json.dumps({"version": 1, "project": "test", "stack": "dev", "region": "ap-south-1", "unknowns": False, "settings": {},
                      "resources": [one], "outputs": {}}))
"""


def git(folder: Path, *arguments: str) -> str:
    identity = {
        f"GIT_{who}_{what}": "someone@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | identity).stdout


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a repository with one commit, and the command line run in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GROUNDWORK_DEBUG", raising=False)
    write_project(tmp_path, program=TOPIC.format(name="before"))
    git(tmp_path, "init", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--message=first")
    return tmp_path


@proves("C-07")
def test_a_revision_runs_beside_the_files_as_they_are_and_leaves_nothing_behind(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    write_project(project, program=TOPIC.format(name="after"))
    code, out, err = call(capsys, "preview", "dev", "--base", "HEAD")
    assert code == 0, err
    for part in ('~ displayName: "before" → "after"', "~  1 to update", "1 file differs from the last commit"):
        assert part in out
    assert list(temporary.iterdir()) == []
    assert len(git(project, "worktree", "list").splitlines()) == 1
    assert git(project, "status", "--porcelain") == " M __main__.py\n"


def test_a_revision_runs_with_its_own_code_and_says_which_packages_it_wanted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "older").mkdir()
    (project / "older" / "cli.py").write_text(CODE, encoding="utf-8")
    (project / "pyproject.toml").write_text(
        '[project]\nname = "x"\n[project.scripts]\ngroundwork = "older.cli:main"\n', encoding="utf-8"
    )
    (project / "requirements.txt").write_text("pulumi-aws==6.0.0\npyyaml==1.0\n", encoding="utf-8")
    git(project, "add", ".")
    git(project, "commit", "--message=second")
    code, out, err = call(capsys, "preview", "dev", "--base", "main", "--format", "changes")
    assert code == 0, err
    told = json.loads(out)
    [properties] = [change["properties"] for change in told["changes"]]
    assert [part["before"] for part in properties if part["path"] == "displayName"] == ["own"]
    [note] = [note for note in told["notes"] if note.startswith("the base asks for")]
    assert note.startswith("the base asks for pulumi-aws 6.0.0 and ran with 7.")


def test_a_base_with_mistakes_says_its_own(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(
        project, "groundwork:platform: {name: shop, stage: dev, phase: lunch}", program=TOPIC.format(name="x")
    )
    git(project, "commit", "--all", "--message=broken")
    write_project(project, program=TOPIC.format(name="after"))
    code, out, err = call(capsys, "preview", "dev", "--base", "HEAD")
    assert (code, out) == (2, "")
    assert "--base HEAD: the stack has mistakes of its own at " in err
    assert '  Pulumi.dev.yaml:3 platform.phase: "lunch" is not allowed' in err
    assert "Traceback" not in err


def test_a_stack_that_the_base_does_not_have_is_new(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_project(project, stack="staging", program=TOPIC.format(name="x"))
    code, out, _ = call(capsys, "preview", "staging", "--base", "main")
    assert code == 0
    for part in ("Changes of a new stack", "+  1 to create", "has no Pulumi.staging.yaml: the stack is new since"):
        assert part in out


CANNOT_BE = {
    "a name that is near": (["--base", "mian"], 'neither a file nor a revision of that name; did you mean "main"?'),
    "more commits than there are": (["--base", "HEAD~9"], "HEAD has 0 commits before it"),
    "what would be an option of git's": (["--base", "--all"], "usage"),
    "a file that is no snapshot": (["--base", "other.json"], "--base other.json: it is neither a snapshot"),
    "a file that ends in the middle": (["--base", "half.json"], "--base half.json:1: not valid JSON"),
    "an export of another stack": (
        ["--base", "prod.json"],
        "it holds the stack prod of the project test, and this is dev of test",
    ),
    "data to protect from nothing": (["--protect-data"], "--protect-data needs what to compare with: --base REV"),
    "changes from nothing": (["--format", "changes"], "--format changes needs what to compare with"),
}


def test_what_cannot_be_a_base_is_a_mistake_that_says_why(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "other.json").write_text("{}", encoding="utf-8")
    (project / "half.json").write_text('{"version": 3, "deployment": {"reso', encoding="utf-8")
    (project / "prod.json").write_text(json.dumps(export("prod", {})), encoding="utf-8")
    for case, (arguments, expected) in CANNOT_BE.items():
        code, out, err = call(capsys, "preview", "dev", *arguments)
        assert (code, out) == (2, ""), case
        assert expected.lower() in err.lower(), case
        assert "Traceback" not in err


def test_outside_a_repository_there_is_no_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(write_project(tmp_path, program=""))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code, _, err = call(capsys, "preview", "dev", "--base", "main")
    assert code == 2
    assert "is not in a git repository" in err


def export(stack: str, inputs: dict[str, Any], *types: str) -> dict[str, Any]:
    states = [
        {
            "urn": f"urn:pulumi:{stack}::test::{type_}::t",
            "type": type_,
            "custom": True,
            "id": "i",
            "inputs": inputs,
            "outputs": inputs,
        }
        for type_ in types or ("aws:sns/topic:Topic",)
    ]
    return {"version": 3, "deployment": {"manifest": {}, "resources": states}}


def test_what_really_runs_may_be_the_base_and_data_can_be_protected(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = {
        "displayName": "old",
        "masterPassword": "hunter2hunter2",
        "url": "https://user:hunter2hunter2@example.com",
    }
    stands = export("dev", secret, "aws:sns/topic:Topic", "aws:s3/bucket:Bucket")
    (project / "export.json").write_text(json.dumps(stands), encoding="utf-8")
    codes = {}
    for options in ((), ("--protect-data",)):
        codes[options], out, err = call(capsys, "preview", "dev", "--base", "export.json", *options)
        assert "DATA IS LOST WITH THIS CHANGE:" in out
        assert "hunter2" not in out + err
    assert codes == {(): 0, ("--protect-data",): 1}
    code, out, _ = call(capsys, "preview", "dev", "--base", "export.json", "--format", "changes")
    assert code == 0
    assert "hunter2" not in out
    assert json.loads(out)["losses"] == ["urn:pulumi:dev::test::aws:s3/bucket:Bucket::t"]


def test_the_provider_is_asked_about_a_change_on_request_and_where_it_is_missing_the_command_says_so(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(project, program=TOPIC.format(name="after"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr("groundwork.preview.terraform.tools.shutil.which", lambda *_, **__: None)
    code, out, _ = call(capsys, "verify", "dev", "--base", "HEAD")
    assert code == 0
    assert out.startswith("Not verified by the AWS provider:\n  neither `terraform` nor `tofu` is on the PATH")

    def ask(plan: Plan) -> ProviderAnswer:
        [urn] = plan.pairs
        return ProviderAnswer(
            provider="5.1.0", asked={urn: frozenset({"displayName"})}, replaced={urn: ("displayName",)}
        )

    monkeypatch.setattr(
        "groundwork.preview.terraform.verify.verify", lambda _: Verification(provider="5.1.0", checked=1)
    )
    monkeypatch.setattr("groundwork.preview.terraform.change.ask", ask)
    code, out, _ = call(capsys, "verify", "dev", "--base", "HEAD")
    assert code == 0
    assert out.splitlines()[-4:] == [
        "AWS provider 5.1.0 was asked about 1 changed resource:",
        "  +- t (aws:sns:Topic): replaced for displayName",
        "groundwork preview --base says something else, and the provider is right:",
        "  - t: the provider replaces it for displayName, the preview updates it",
    ]
    code, out, err = call(capsys, "verify", "dev", "--base", "mian")
    assert (code, out) == (2, "")
    assert 'did you mean "main"?' in err


def test_whatever_ends_a_run_leaves_neither_a_folder_nor_a_process_behind(
    project: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A base that never ends and has a process of its own: ended by its limit, by Ctrl-C and by a pipeline."""
    temporary = tmp_path_factory.mktemp("temporary")
    pids = tmp_path_factory.mktemp("pids")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    hanging = (
        "import os, pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '1000'])\n"
        f"for pid in (os.getpid(), child.pid): (pathlib.Path({str(pids)!r}) / str(pid)).touch()\n"
        f"(pathlib.Path({str(pids)!r}) / 'ready').touch()\n"
        "time.sleep(1000)\n"
    )
    write_project(project, program=hanging)
    git(project, "commit", "--all", "--message=hangs")
    write_project(project, program=TOPIC.format(name="after"))

    def end(how: Callable[[], None], *_: object) -> int:
        """In place of the limit: as soon as the base hangs."""
        while not (pids / "ready").exists():
            time.sleep(0.05)
        how()
        raise AssertionError("nothing ended it")

    def limit() -> None:
        raise subprocess.TimeoutExpired("base", 300)

    for how, code in (
        (limit, 2),
        (lambda: signal.raise_signal(signal.SIGINT), 130),
        (lambda: signal.raise_signal(signal.SIGTERM), 143),
    ):
        with monkeypatch.context() as patch:
            ended: list[bool] = []
            wait = subprocess.Popen.wait

            def waiting(
                self: Any, timeout: float | None = None, how: Any = how, wait: Any = wait, ended: Any = ended
            ) -> int:
                if timeout != 300 or ended:
                    return int(wait(self, timeout))
                ended.append(True)
                return end(how)

            patch.setattr(subprocess.Popen, "wait", waiting)
            found, out, err = call(capsys, "preview", "dev", "--base", "HEAD")
        assert (found, out) == (code, "")
        assert ("did not end within 300 seconds" in err) is (code == 2)
        assert list(temporary.iterdir()) == []
        left = [int(one.name) for one in pids.iterdir() if one.name != "ready"]
        assert len(left) == 2
        assert not [pid for pid in left if _runs(pid)]
        for one in pids.iterdir():
            one.unlink()


def _runs(pid: int) -> bool:
    """A process that ended and waits for its parent to ask does not run."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"


def test_a_base_that_asks_for_input_is_told_that_there_is_none(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(project, program="input('name? ')\n")
    git(project, "commit", "--all", "--message=asks")
    write_project(project, program=TOPIC.format(name="after"))
    code, _, err = call(capsys, "preview", "dev", "--base", "HEAD")
    assert code == 2
    assert "A base is given no input" in err
