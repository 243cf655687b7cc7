"""What runs on pull requests: with few rights, pinned, and never what a stranger wrote with rights that a stranger has not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.requirements import proves
from tests.stacks import ROOT, snapshot_of

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / "action.yml"
HEAD = "a" * 40
MARKER = "<!-- groundwork report: dev -->"
# What GitHub's CLI would answer, and a record of what it was told to write.
_GH = """
import json, os, pathlib, shutil, sys
words = sys.argv[1:]
answers = json.loads(os.environ["ANSWERS"])
if words[:2] == ["run", "download"]:
    shutil.copytree(os.environ["ARTIFACT"], words[words.index("--dir") + 1], dirs_exist_ok=True, symlinks=True)
elif "--method" in words and words[words.index("--method") + 1] != "GET":
    path = next(word for word in words if word.startswith("repos/"))
    with open(os.environ["RECORD"], "a") as record:
        record.write(json.dumps([words[words.index("--method") + 1], path, json.load(sys.stdin)]) + "\\n")
else:
    print(answers[next(word for word in words if word.startswith("repos/"))])
"""


def _read(file: Path) -> dict[str, Any]:
    found: dict[Any, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true.
    return {"on" if key is True else key: value for key, value in found.items()}


def _steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    jobs = [*document.get("jobs", {}).values(), document.get("runs", {})]
    return [step for job in jobs for step in job.get("steps", ())]


def test_every_action_is_pinned_to_a_commit_and_says_its_version() -> None:
    pinned: dict[str, set[str]] = {}
    for file in (*WORKFLOWS, ACTION):
        for line in file.read_text(encoding="utf-8").splitlines():
            used = re.match(r"\s*(?:- )?uses: (\S+)(.*)", line)
            if used and used.group(1) != "./":
                found = re.fullmatch(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})", used.group(1))
                assert found, f"{file.name}: {line.strip()}"
                assert re.match(r" # v\d+\.\d+\.\d+", used.group(2)), f"{file.name}: {line.strip()}"
                pinned.setdefault(found.group(1), set()).add(found.group(2))
    assert all(len(digests) == 1 for digests in pinned.values()), pinned


def test_no_script_has_an_expression_in_it() -> None:
    """What an expression stands for becomes part of the script: a branch's name could be a command."""
    for file in (*WORKFLOWS, ACTION):
        for step in _steps(_read(file)):
            assert "${{" not in step.get("run", ""), f"{file.name}: {step}"


@proves("C-07")
def test_a_strangers_pull_request_gets_no_right_and_no_secret() -> None:
    for file in WORKFLOWS:
        document = _read(file)
        assert document["permissions"] == {}, file.name
        assert "pull_request_target" not in document["on"], file.name
        text = file.read_text(encoding="utf-8")
        assert "secrets." not in text, file.name
        for job in document["jobs"].values():
            writes = {name for name, right in job["permissions"].items() if right == "write"}
            if "pull_request" in document["on"]:
                own = "head.repo.full_name == github.repository" in job.get("if", "")
                assert not writes or (own and writes == {"id-token"}), file.name
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False, file.name


def test_what_may_write_never_runs_what_a_pull_request_holds() -> None:
    document = _read(ROOT / ".github" / "workflows" / "comment.yml")
    (job,) = document["jobs"].values()
    checkout, posted = job["steps"]
    assert checkout["with"]["ref"] == "${{ github.event.repository.default_branch }}"
    assert posted["run"] == ".github/comment"
    # The only values of the event that a stranger chooses are the branch's name and the owner's, and both are only compared.
    assert "github.event.workflow_run.head_branch" in posted["env"]["HEAD_BRANCH"]


def test_a_deployment_waits_for_its_environment_and_is_never_cut_off() -> None:
    document = _read(ROOT / ".github" / "workflows" / "deploy.yml")
    (job,) = document["jobs"].values()
    assert job["environment"] == "${{ inputs.stack }}"
    assert document["concurrency"]["cancel-in-progress"] is False
    assert set(document["on"]) == {"workflow_dispatch"}


def test_gitlab_gives_a_fork_no_token_and_deploys_only_by_hand() -> None:
    jobs = _read(ROOT / ".gitlab-ci.yml")
    own = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID"
    for name in ("comment", "preview"):
        assert all(own in rule["if"] for rule in jobs[name]["rules"]), name
    assert [rule["when"] for rule in jobs["deploy"]["rules"]] == ["manual"]
    assert "id_tokens" not in jobs["check"]


def _reported(tmp_path: Path, **said: str) -> tuple[int, str, str]:
    """How the report script ends, what it prints, and the job's summary."""
    summary = tmp_path / "summary.md"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "REPORTS": str(tmp_path / "reports"),
        "GITHUB_STEP_SUMMARY": str(summary),
        **said,
    }
    command = [ROOT / ".github" / "report"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, summary.read_text(encoding="utf-8")


@proves("C-07")
def test_the_check_writes_every_report_of_any_program_and_the_jobs_summary(tmp_path: Path) -> None:
    given = tmp_path / "preview.json"
    given.write_text(snapshot_of("dev").dumps(), encoding="utf-8")
    code, printed, summary = _reported(tmp_path, PROGRAM=str(given), STAGE="dev")
    assert code == 0, printed
    written = {file.name for file in (tmp_path / "reports").iterdir()}
    assert written == {f"program.{ending}" for ending in ("md", "html", "sarif", "xml", "json", "txt")}
    assert summary.startswith(MARKER)
    assert not re.search(r"^::", printed, re.MULTILINE)


def test_a_stack_that_cannot_be_previewed_fails_the_check_and_says_why(tmp_path: Path) -> None:
    code, printed, summary = _reported(tmp_path, STACKS="no/such")
    assert code == 2
    assert "there is no Pulumi project" in printed
    assert "No report: the command ended with 2" in summary


def _posted(tmp_path: Path, answers: dict[str, str]) -> list[Any]:
    """What the comment script writes, of the files in ``tmp_path / "artifact"``."""
    if shutil.which("jq") is None:
        pytest.skip("no jq on this machine")
    programs = tmp_path / "bin"
    programs.mkdir()
    gh = programs / "gh"
    gh.write_text(f"#!{sys.executable}\n{_GH}", encoding="utf-8")
    gh.chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "ANSWERS": json.dumps(
            {
                "repos/o/r/pulls": "7",
                "repos/o/r/pulls/7/files": "README.md",
                "repos/o/r/issues/7/comments": "",
                **answers,
            }
        ),
        "ARTIFACT": str(tmp_path / "artifact"),
        "RECORD": str(tmp_path / "record"),
        "REPOSITORY": "o/r",
        "RUN_ID": "1",
        "HEAD_SHA": HEAD,
        "HEAD_OWNER": "stranger",
        "HEAD_BRANCH": "x; touch broken",
    }
    done = subprocess.run(
        [ROOT / ".github" / "comment"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    record = tmp_path / "record"
    return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()] if record.exists() else []


def _artifact(tmp_path: Path, **files: str) -> None:
    folder = tmp_path / "artifact"
    folder.mkdir()
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")


def test_a_comment_is_written_once_and_then_in_its_own_place(tmp_path: Path) -> None:
    for run, standing in (("first", ""), ("second", "99")):
        folder = tmp_path / run
        folder.mkdir()
        _artifact(folder, dev_md=f"{MARKER}\n### report\n", dev_sarif=json.dumps({"runs": [{}]}))
        comment, scanned = _posted(folder, {"repos/o/r/issues/7/comments": standing})
        assert comment[2]["body"] == f"{MARKER}\n### report\n"
        place = ["PATCH", "repos/o/r/issues/comments/99"] if standing else ["POST", "repos/o/r/issues/7/comments"]
        assert comment[:2] == place
        assert scanned[1] == "repos/o/r/code-scanning/sarifs"
        assert (scanned[2]["ref"], scanned[2]["commit_sha"]) == ("refs/pull/7/head", HEAD)


def test_what_is_no_report_is_not_posted(tmp_path: Path) -> None:
    _artifact(
        tmp_path,
        a_md="hello",
        b_md=f"{MARKER}\n{'x' * 66_000}",
        c_md="<!-- groundwork report: $(id) -->\n",
        d_sarif="{",
    )
    (tmp_path / "artifact" / "e.md").symlink_to("/etc/hostname")
    assert _posted(tmp_path, {}) == []
    assert not (tmp_path / "broken").exists()


def test_nothing_is_posted_where_the_pull_request_has_moved_on(tmp_path: Path) -> None:
    _artifact(tmp_path, dev_md=f"{MARKER}\n")
    assert _posted(tmp_path, {"repos/o/r/pulls": ""}) == []


def test_a_pull_request_that_changes_the_check_itself_is_told_apart(tmp_path: Path) -> None:
    _artifact(tmp_path, dev_md=f"{MARKER}\n### report\n")
    ((_, _, told),) = _posted(tmp_path, {"repos/o/r/pulls/7/files": ".github/workflows/check.yml\nREADME.md"})
    assert told["body"].splitlines()[0] == MARKER
    assert "changes the check itself" in told["body"].splitlines()[1]
