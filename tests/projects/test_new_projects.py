"""``groundwork new`` and ``groundwork upgrade``: what they write, ask, and leave alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork import installation
from groundwork.cli import projects
from groundwork.cli.main import run
from groundwork.projects.carried import Carried
from groundwork.projects.new import PARTS, Answers, NotEmptyError, write_project
from groundwork.projects.sources.source import read_application
from groundwork.projects.sources.translation import translated
from groundwork.settings.loading import find_stack, load_stack
from tests.projects.test_carried_over import SHOP
from tests.shared import call

HERE = version("groundwork")


@pytest.mark.parametrize("engine", ["fargate", "ecs-ec2", "eks", "ec2"])
@pytest.mark.parametrize("parts", [(), tuple(PARTS)], ids=["nothing", "everything"])
def test_what_a_project_begins_with_has_no_mistakes_on_any_engine(
    tmp_path: Path, engine: projects.EngineName, parts: tuple[str, ...]
) -> None:
    answers = Answers(
        "shop", "shop-team", engine=projects.EngineName(engine).value, parts=parts, domain="shop.example.com"
    )
    write_project(tmp_path, answers, f"groundwork=={HERE}")
    dev, prod = (load_stack(find_stack(stack, tmp_path)).settings for stack in ("dev", "prod"))
    assert (dev.platform.stage, dev.platform.phase, dev.platform.domain) == ("dev", "mvp", None)
    assert (prod.platform.stage, prod.platform.phase, prod.platform.domain) == ("prod", "launch", "shop.example.com")
    for settings in (dev, prod):
        assert set(settings.services["web"].uses) == {PARTS[part][0] for part in parts}
        assert (settings.data is not None, settings.cache is not None) == ("database" in parts, "cache" in parts)


def test_every_wrong_answer_is_named_and_nothing_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wrong = [
        "--name",
        "A b",
        "--region",
        "mars-1",
        "--port",
        "99999",
        "--owner",
        "<x>",
        "--domain",
        "no pe",
        "--email",
        "nobody",
    ]
    code, _, err = call(capsys, "new", str(tmp_path / "shop"), *wrong)
    assert code == 2
    for option in wrong[::2]:
        assert f"{option}: " in err
    assert not (tmp_path / "shop").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--port", "http"], '--port: "http" is no port; say a number from 1 to 65535'),
        (["--engine", "lambda"], "lambda"),
        (["--with", "queue"], "queue"),
    ],
)
def test_an_answer_of_another_kind_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, wrong: list[str], said: str
) -> None:
    with_exit = call(capsys, "new", str(tmp_path / "shop"), *wrong)
    assert with_exit[0] == 2
    assert said in with_exit[2]


def test_a_file_that_is_there_is_not_overwritten(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    code, _, err = call(capsys, "new", str(tmp_path), "--name", "shop")
    assert code == 2
    assert "already has README.md; nothing was written" in err
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_made_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    code, _, err = call(capsys, "new", str(tmp_path / "file" / "shop"), "--name", "shop")
    assert code == 2
    assert "cannot be written" in err


def test_a_terminal_is_asked_for_what_no_option_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(
        [
            "My Shop",
            "",
            "web-team",
            "eu-west-1",
            "ec3",
            "ec2",
            "http",
            "3000",
            "databse",
            "database, cache",
            "",
            "",
        ]
    )
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: (asked.append(question), next(answers))[1])
    assert run(["new", str(tmp_path / "my_shop")]) == 0
    # Whoever slips is told and asked again, and has lost nothing.
    assert asked[:2] == ["Name [my-shop]: "] * 2
    told = capsys.readouterr().err
    assert '--name: "My Shop" must be lower-case letters, digits and single dashes' in told
    assert 'did you mean "my-shop"?' in told
    assert '--engine: "ec3" is none; use fargate, ecs-ec2, eks or ec2; did you mean "ec2"?' in told
    assert '--port: "http" is no port' in told
    assert '--with: "databse" is none; use database, cache or bucket; did you mean "database"?' in told
    settings = load_stack(find_stack("dev", tmp_path / "my_shop")).settings
    assert (settings.platform.name, settings.platform.owner, settings.region) == ("my-shop", "web-team", "eu-west-1")
    assert settings.compute is not None
    assert settings.compute.engine == "ec2"
    assert settings.services["web"].port == 3000


def test_answers_that_end_leave_nothing_behind(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(question: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", ended)
    assert run(["new", str(tmp_path / "shop")]) == 2
    assert "nobody answers: Name; nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "shop").exists()


def _workflows(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        file.name: yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in sorted((folder / ".github" / "workflows").iterdir())
    }


def test_pipelines_at_github_have_no_right_that_they_do_not_need(tmp_path: Path) -> None:
    write_project(tmp_path, Answers("shop", "shop-team", build=".", repository="acme/shop"), f"groundwork=={HERE}")
    workflows = _workflows(tmp_path)
    assert set(workflows) == {"check.yml", "deliver.yml", "deliver-stack.yml", "drift.yml"}
    for name, workflow in workflows.items():
        text = (tmp_path / ".github" / "workflows" / name).read_text(encoding="utf-8")
        assert workflow["permissions"] == {}, name
        assert "secrets." not in text, name
        for used, rest in re.findall(r"uses: (?!\./)(\S+)(.*)", text):
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used), used
            assert re.match(r" # v\d+\.\d+\.\d+", rest), used
        for job in workflow["jobs"].values():
            for step in job.get("steps", ()):
                # What comes from the pull request reaches a shell as a variable, never as text of the script.
                assert "${{" not in step.get("run", "")
                if "checkout@" in step.get("uses", ""):
                    assert step["with"]["persist-credentials"] is False
    assert workflows["check.yml"]["jobs"]["preview"]["permissions"] == {"contents": "read"}
    [compared] = workflows["drift.yml"]["jobs"].values()
    assert set(workflows["drift.yml"][True]) == {"schedule", "workflow_dispatch"}
    # No right to write anywhere: GitHub's own list of runs, its mail and the summary tell the result.
    assert compared["permissions"] == {"contents": "read", "id-token": "write"}
    assert compared["environment"] == "drift"
    jobs = workflows["deliver.yml"]["jobs"]
    assert {name: job["permissions"].get("id-token") for name, job in jobs.items()} == {
        "test": None,
        "dev": "write",
        "prod": "write",
    }
    assert (jobs["dev"]["needs"], jobs["prod"]["needs"]) == ("test", "dev")
    assert workflows["deliver.yml"]["concurrency"]["cancel-in-progress"] is False
    # YAML 1.1 reads the key `on` as true.
    assert workflows["deliver.yml"][True] == {"push": {"branches": ["main"]}}
    [job] = workflows["deliver-stack.yml"]["jobs"].values()
    assert (job["environment"], job["runs-on"]) == ("${{ inputs.stack }}", "ubuntu-24.04-arm")
    assert job["steps"][-1]["run"] == 'groundwork deploy "$STACK" web --yes'
    dev, prod = (load_stack(find_stack(stack, tmp_path)).settings.delivery for stack in ("dev", "prod"))
    assert dev is not None
    assert dev.github is not None
    assert (dev.github.subjects, dev.own_provider) == (["repo:acme/shop:environment:dev"], True)
    assert prod is not None
    assert prod.github is not None
    assert (prod.github.subjects, prod.own_provider) == (["repo:acme/shop:environment:prod"], False)


def test_pipelines_at_gitlab_deliver_to_prod_by_hand_and_give_merge_requests_no_token(tmp_path: Path) -> None:
    answers = Answers("shop", "shop-team", engine="ec2", build=".", ci="gitlab", repository="acme/web/shop")
    write_project(tmp_path, answers, f"groundwork=={HERE}")
    assert not (tmp_path / ".github").exists()
    jobs = yaml.safe_load((tmp_path / ".gitlab-ci.yml").read_text(encoding="utf-8"))
    assert [name for name, job in jobs.items() if isinstance(job, dict) and "id_tokens" in job] == ["drift", ".deliver"]
    assert jobs["drift"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule" && $AWS_DRIFT_ROLE'}]
    assert jobs["drift"]["variables"]["AWS_ROLE_ARN"] == "$AWS_DRIFT_ROLE"
    assert [rule.get("when") for rule in jobs["prod"]["rules"]] == ["manual"]
    assert all(
        "$CI_DEFAULT_BRANCH" in rule["if"] for name in (".deliver", "prod", "test") for rule in jobs[name]["rules"]
    )
    assert jobs[".deliver"]["script"] == ['groundwork deploy "$STACK" web --yes']
    delivery = load_stack(find_stack("prod", tmp_path)).settings.delivery
    assert delivery is not None
    assert delivery.gitlab is not None
    assert delivery.gitlab.subjects == ["project_path:acme/web/shop:ref_type:branch:ref:main"]


def test_a_nightly_comparison_tells_what_differs_and_nothing_in_it_is_a_command_of_the_host(tmp_path: Path) -> None:
    write_project(tmp_path, Answers("shop", "shop-team", build=".", repository="acme/shop"), f"groundwork=={HERE}")
    [job] = _workflows(tmp_path)["drift.yml"]["jobs"].values()
    script = job["steps"][-1]["run"]
    stand_in = tmp_path / "bin" / "groundwork"
    stand_in.parent.mkdir()
    # What somebody named so in the account would be a command of GitHub's at the beginning of a line, behind spaces too.
    stand_in.write_text(
        '#!/bin/sh\necho "CHANGED  shop-database"\necho "    ::add-mask::web"\necho "\\`\\`\\`"\nexit $ENDS\n',
        encoding="utf-8",
    )
    stand_in.chmod(0o755)
    for ends, said in (
        (0, "is what its files say"),
        (1, "differs from what its files say"),
        (2, "could not be compared"),
    ):
        summary = tmp_path / f"summary{ends}.md"
        told = {
            "PATH": f"{stand_in.parent}:{os.environ['PATH']}",
            "ENDS": str(ends),
            "STACK": "prod",
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        # As GitHub runs a script: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
        done = subprocess.run(["bash", "-e", "-c", script], env=told, capture_output=True, text=True, check=False)
        assert done.returncode == ends, done.stderr
        commands = [line for line in done.stdout.splitlines() if line.strip().startswith("::")]
        assert [command.partition("::prod")[0] for command in commands] == (["::error title=drift"] if ends else [])
        assert "| CHANGED  shop-database" in done.stdout
        assert summary.read_text(encoding="utf-8").startswith(f"### prod {said}\n\n    CHANGED  shop-database\n")
        assert all(line.startswith("    ") for line in summary.read_text(encoding="utf-8").splitlines()[2:])


def test_pipelines_stand_where_the_host_looks_for_them_and_work_in_the_projects_folder(tmp_path: Path) -> None:
    """A project beside its application: the repository's root is another folder, and what is there is not overwritten."""
    for ci, files in (("github", "check.yml deliver.yml deliver-stack.yml drift.yml"), ("gitlab", "")):
        root = tmp_path / ci
        (root / ".git").mkdir(parents=True)
        answers = Answers("shop", "shop-team", build="..", ci="github" if ci == "github" else "gitlab")
        names = write_project(root / "infra", answers, f"groundwork=={HERE}")
        assert not [name for name in (".github", ".gitlab-ci.yml") if (root / "infra" / name).exists()]
        if ci == "github":
            assert {f"../.github/workflows/{name}" for name in files.split()} <= set(names)
            for workflow in _workflows(root).values():
                assert workflow["defaults"] == {"run": {"working-directory": "infra"}}
        else:
            jobs = yaml.safe_load((root / ".gitlab-ci.yml").read_text(encoding="utf-8"))
            begins = [jobs[name]["script"][0] for name in ("check", "test", "drift")]
            assert [*begins, jobs[".deliver"]["before_script"][0]] == ["cd infra"] * 4
            assert jobs["check"]["artifacts"]["paths"] == ["infra/*.md"]
        with pytest.raises(NotEmptyError, match=r"\.\./\.git"):
            write_project(root / "other", answers, f"groundwork=={HERE}")
        assert not (root / "other").exists()


def test_pipelines_deliver_what_has_a_build_and_what_a_front_end_is_built_into(tmp_path: Path) -> None:
    from groundwork.projects.pipelines import _steps

    write_project(tmp_path, Answers("shop", "shop-team", build=".", ci="none"), f"groundwork=={HERE}")
    assert not {".github", ".gitlab-ci.yml"} & {file.name for file in tmp_path.iterdir()}
    stack = tmp_path / "Pulumi.dev.yaml"
    more = "  groundwork:storage: {app: {purpose: static, path: /app/*, spa: true}}\n"
    stack.write_text(stack.read_text(encoding="utf-8") + more, encoding="utf-8")
    settings = load_stack(find_stack("dev", tmp_path)).settings
    assert list(_steps("github", settings)) == [
        '      - run: groundwork deploy "$STACK" web --yes',
        "      - run: npm ci && npm run build # as your front end is built, in its folder",
        '      - run: groundwork publish "$STACK" app dist --yes',
    ]


def test_a_repository_that_is_none_or_that_nothing_delivers_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = call(capsys, "new", str(tmp_path / "shop"), "--repository", "shop")
    assert (code, "--repository: " in err) == (2, True)
    code, _, err = call(capsys, "new", str(tmp_path / "shop"), "--repository", "a/b", "--ci", "none")
    assert (code, "--ci none writes none" in err) == (2, True)
    assert not (tmp_path / "shop").exists()


def test_an_upgrade_moves_the_pin_and_the_guardrails_and_says_which(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, Answers("shop", "shop-team"), "groundwork[kubernetes]==0.0.1  # ours")
    examples = tmp_path / "policies" / "guardrails" / "examples.json"
    rules = json.loads(examples.read_text(encoding="utf-8"))
    first = next(iter(rules))
    rules["an-old-one"] = rules.pop(first)
    examples.write_text(json.dumps(rules), encoding="utf-8")
    (tmp_path / "policies" / "guardrails" / "left_over.py").write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code, out, _ = call(capsys, "upgrade")
    assert code == 0
    assert f"requirements.txt: groundwork 0.0.1 -> {HERE}" in out
    assert f"policies: 1 new: {first}" in out
    assert "policies: 1 gone: an-old-one" in out
    assert out.endswith("Next: groundwork preview dev --base HEAD && groundwork preview prod --base HEAD\n")
    assert (tmp_path / "requirements.txt").read_text(encoding="utf-8") == f"groundwork[kubernetes]=={HERE}  # ours\n"
    assert not (tmp_path / "policies" / "guardrails" / "left_over.py").exists()


def test_a_folder_without_a_pin_is_left_alone(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, "upgrade")
    assert code == 2
    assert "requirements.txt: is not there; run this in the folder that `groundwork new` made" in err
    assert list(tmp_path.iterdir()) == []


COMPOSE = """
services:
  web:
    build: .
    ports: ["8000:8000"]
    environment:
      DATABASE_URL: postgres://shop:d4tabase-w0rd@db/shop
      REDIS_URL: redis://cache:6379
      SESSION: 6f1e2d3c4b5a69788796a5b4c3d2e1f0
      STRIPE_KEY: pk-very-own
      COLOUR: blue
    command: serve --admin-password hunter-two
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
  worker: {build: ., command: celery -A shop worker}
  migrate: {build: ., command: ./manage.py migrate, environment: {DATABASE_URL: "postgres://shop:d4tabase-w0rd@db/shop"}}
  db: {image: "postgres:16", environment: {POSTGRES_PASSWORD: d4tabase-w0rd}}
  cache: {image: "redis:7", command: redis-server --requirepass c4che-w0rd}
"""
SECRETS = ("d4tabase-w0rd", "6f1e2d3c4b5a69788796a5b4c3d2e1f0", "pk-very-own", "hunter-two", "c4che-w0rd")


def test_a_project_from_a_compose_file_previews_clean_and_holds_no_secret_of_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "new", "shop", "--from", "compose.yaml")
    assert (code, err) == (0, "")
    assert "compose.yaml:13 web: /var/run/docker.sock:/var/run/docker.sock: there is no Docker" in out
    assert "secret app, 2 keys (README.md)" in out
    readme = (tmp_path / "shop" / "README.md").read_text(encoding="utf-8")
    assert "aws secretsmanager put-secret-value --secret-id shop/dev/app --secret-string file://values.json" in readme
    assert '{\n  "SESSION": "",\n  "STRIPE_KEY": ""\n}' in readme
    files = [tmp_path / "shop" / name for name in ("README.md", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.yaml")]
    written = "".join(file.read_text(encoding="utf-8") for file in files)
    assert "COLOUR: blue" in written
    assert [secret for secret in SECRETS if secret in written + out] == []
    monkeypatch.chdir(tmp_path / "shop")
    code, out, err = call(capsys, "preview", "prod")
    assert (code, "no mandatory" in out) == (0, True), out + err


def test_a_project_from_a_file_begins_in_an_empty_folder_or_not_at_all(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE, encoding="utf-8")
    shop = tmp_path / "shop"
    shop.mkdir()
    (shop / ".git").mkdir()
    (shop / "mine.txt").write_text("mine", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, "new", "shop", "--from", "compose.yaml")
    assert code == 2
    assert "already has mine.txt; nothing was written" in err
    (shop / "mine.txt").unlink()
    # What nobody can settle is a mistake, and leaves nothing behind.
    monkeypatch.setattr("groundwork.projects.new._settle", lambda *_: False)
    monkeypatch.setattr("groundwork.projects.sources.translation._in_order", lambda entry: {**entry, "colour": "red"})
    code, _, err = call(capsys, "new", "shop", "--from", "compose.yaml")
    assert code == 2
    assert "services.web.colour: unknown" in err
    assert [file.name for file in shop.iterdir()] == [".git"]
    code, _, err = call(capsys, "new", "shop", "--format", "fly")
    assert (code, err) == (2, "--format is of the file that --from names; say that too\n")


def test_what_no_setting_takes_is_left_out_and_said_with_its_reason(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'services:\n  web: {image: "Example/Web:1", ports: ["3000:3000"], environment: {DATABASE_POOL_SIZE: "3"}, depends_on: [db]}\n'
    (tmp_path / "compose.yaml").write_text(f"{text}  db: {{image: postgres}}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "new", "shop", "--from", "compose.yaml", "--with", "bucket", "--region", "eu-west-1")
    assert (code, err) == (0, "")
    assert "compose.yaml:2 web: image: does not go with Groundwork's settings: " in out
    assert '"Example/Web:1" is not a reference to an image' in out
    assert "compose.yaml:2 web: environment.DATABASE_POOL_SIZE: does not go with" in out
    settings = load_stack(find_stack("prod", tmp_path / "shop")).settings
    assert settings.services["web"].image is None
    assert set(settings.services["web"].uses) == {"database", "files"}
    assert settings.region == "eu-west-1"


@pytest.mark.parametrize("engine", ["ecs-ec2", "eks", "ec2"])
def test_instances_are_as_many_and_as_large_as_what_was_carried_over_needs(
    tmp_path: Path, engine: projects.EngineName
) -> None:
    (tmp_path / "compose.yaml").write_text(SHOP, encoding="utf-8")
    application = read_application(tmp_path / "compose.yaml")
    carried = Carried(application, translated(application))
    before = list(application.left)
    write_project(
        tmp_path / "shop", Answers("shop", "shop-team", engine=projects.EngineName(engine).value), "groundwork", carried
    )
    assert application.left == before
    for stack in ("dev", "prod"):
        settings = load_stack(find_stack(stack, tmp_path / "shop")).settings
        assert settings.services["beat"].singleton
        assert settings.compute is not None
        if engine == "ec2":
            assert (settings.compute.capacity.max, settings.compute.capacity.instance_class) == (1, "t3.large")


def test_many_services_share_the_connections_of_a_small_database(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = "\n".join(f"  worker-{number}: {{build: ., command: work, depends_on: [db]}}" for number in range(6))
    (tmp_path / "compose.yaml").write_text(f"services:\n{workers}\n  db: {{image: postgres}}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "new", "shop", "--from", "compose.yaml")[0] == 0
    dev = (tmp_path / "shop" / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    assert "# All services share the connections that the database takes.\n    '*': {connections: 2}" in dev


def test_a_project_installs_groundwork_from_where_it_came_from_and_carries_no_credentials(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    git = {
        "url": "https://me:token@git.example.com/acme/groundwork.git",
        "vcs_info": {"vcs": "git", "commit_id": commit},
    }
    wheel = {"url": "https://me:token@example.com/groundwork-1.0-py3-none-any.whl", "archive_info": {}}
    folder = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert installation.line({}, "1.0", "kubernetes") == "groundwork[kubernetes]==1.0"
    assert installation.line(git, "1.0") == f"groundwork @ git+https://git.example.com/acme/groundwork.git@{commit}"
    assert installation.line(wheel, "1.0") == "groundwork @ https://example.com/groundwork-1.0-py3-none-any.whl"
    assert installation.line(folder, "1.0") == f"groundwork @ {tmp_path.as_uri()}"
    assert installation.is_of_this_machine(installation.line(folder, "1.0"))
    for words in (
        ["init", "--quiet"],
        [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit",
            "--quiet",
            "--allow-empty",
            "--message",
            "Begin",
        ],
        ["remote", "add", "origin", "git@git.example.com:acme/groundwork.git"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    of_clone = installation.line(folder, "1.0")
    assert of_clone.startswith("groundwork @ git+ssh://git@git.example.com/acme/groundwork.git@")
    assert not installation.is_of_this_machine(of_clone)
    # A folder of somebody's repository is not what that repository is.
    (tmp_path / "vendored").mkdir()
    inside = {"url": (tmp_path / "vendored").as_uri(), "dir_info": {}}
    assert installation.line(inside, "1.0") == f"groundwork @ {(tmp_path / 'vendored').as_uri()}"


def test_what_an_extra_takes_is_named_by_its_packages() -> None:
    # The name groundwork is another project's on PyPI.
    command = installation.extra_command("simulate")
    assert " -m pip install " in command
    assert "groundwork" not in command.partition(" -m pip install ")[2]
    assert {"numba", "numpy"} == set(re.findall(r"'?(num[a-z]+)[<>=]", command))


def test_an_upgrade_keeps_a_requirement_that_is_an_address(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, Answers("shop", "shop-team"), "groundwork @ git+https://git.example.com/groundwork@old")
    monkeypatch.chdir(tmp_path)
    assert call(capsys, "upgrade")[0] == 0
    assert (tmp_path / "requirements.txt").read_text(encoding="utf-8") == f"{installation.requirement()}\n"


def test_services_of_one_instance_that_listen_on_one_port_get_ports_of_their_own(tmp_path: Path) -> None:
    text = "services:\n  web: {image: team/web, ports: ['8080:8080']}\n  api: {image: team/api, ports: ['8081:8080']}\n"
    (tmp_path / "compose.yaml").write_text(text, encoding="utf-8")
    application = read_application(tmp_path / "compose.yaml")
    write_project(
        tmp_path / "shop",
        Answers("shop", "t", engine="ec2"),
        "groundwork",
        Carried(application, translated(application)),
    )
    services = load_stack(find_stack("prod", tmp_path / "shop")).settings.services
    assert {name: service.port for name, service in services.items()} == {"web": 8080, "api": 8081}
    assert any("on one instance have it listen on 8081" in note.reason for note in application.notes)
