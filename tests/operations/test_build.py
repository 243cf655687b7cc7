"""An image that is built here, pushed and deployed: what Docker is told, what the image is called, what is refused before anybody waits."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations import build
from tests.operations.docker import Docker, arrives
from tests.operations.shop import (
    ACCOUNT,
    REGION,
    REPOSITORY,
    STACK_FILE,
    account,
    client,
    done,
    open_for_business,
    push,
    rollouts,
    service,
)

BUILT = STACK_FILE.replace('path: "/*"', 'path: "/*", build: {context: app, target: web, args: {NODE_VERSION: "22"}}')
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    """A shop in git, where web runs 1.0, and a program called docker."""
    project = tmp_path / "project"
    (project / "app").mkdir(parents=True)
    (project / "app" / "Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    found = Docker(tmp_path / "bin", monkeypatch)
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    with account(project, monkeypatch, BUILT):
        git("init", "--quiet", "--initial-branch", "main")
        commit("first")
        open_for_business(f"{REPOSITORY}:1.0")
        push("1.0")
        yield found


def git(*words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.com"]
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout.strip()


def commit(message: str) -> str:
    git("add", "--all")
    git("commit", "--quiet", "--message", message)
    return git("rev-parse", "--short=12", "HEAD")


def test_an_image_is_built_for_the_stack_called_after_the_commit_pushed_and_deployed(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rollouts(monkeypatch, done)
    arrives(monkeypatch, lambda image: push(image.rpartition(":")[2]))
    image = f"{REPOSITORY}:{git('rev-parse', '--short=12', 'HEAD')}"
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 0
    [built], [pushed] = docker.of("buildx", "build"), docker.of("push")
    context = Path("app").resolve()
    assert built == [
        *["buildx", "build", "--platform", "linux/arm64", "--load", "--provenance=false", "--tag", image],
        *["--file", str(context / "Dockerfile"), "--target", "web", "--build-arg", "NODE_VERSION=22", str(context)],
        "stdin=",
    ]
    assert pushed == ["push", image, "stdin="]
    assert client("ssm").get_parameter(Name="/shop/dev/services/images/web")["Parameter"]["Value"] == image
    said = capfd.readouterr().out
    assert f"build app for linux/arm64, and push it;\nweb in account {ACCOUNT}, {REGION}: {image} in place of" in said
    assert f"web runs {image}" in said


def test_the_registrys_password_is_told_by_standard_input_alone(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    token = client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    password = base64.b64decode(token).decode().partition(":")[2]
    docker.ends("login", 1, f"unauthorized: {password}")
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    [login] = docker.of("login")
    assert login == ["login", "--username", "AWS", "--password-stdin", REGISTRY, f"stdin={password}"]
    said = capfd.readouterr()
    assert f"docker does not log in to {REGISTRY}: unauthorized: …" in said.err
    written = [file for file in tmp_path.rglob("*") if file.is_file() and file.name not in ("calls", "login")]
    assert password not in said.out + said.err
    assert all(password.encode() not in file.read_bytes() for file in written)
    assert docker.of("buildx", "build") == []


def test_amazons_credential_helper_needs_no_login(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.ends("login", 1, "error storing credentials - err: exit status 1, out: `not implemented`".replace("'", ""))
    rollouts(monkeypatch, done)
    arrives(monkeypatch, lambda image: push(image.rpartition(":")[2]))
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 0


def test_a_commit_that_was_built_is_not_built_again(
    docker: Docker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    rollouts(monkeypatch, done)
    push(git("rev-parse", "--short=12", "HEAD"))
    (docker.folder / "docker").unlink()
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 0
    assert "the image of this commit is there, and is not built again;\nweb in account" in capfd.readouterr().out


def test_changes_that_are_not_committed_are_in_the_name_and_only_where_they_are_in_the_image(
    docker: Docker, capfd: pytest.CaptureFixture[str]
) -> None:
    def name() -> str:
        assert groundwork(["deploy", "dev", "web", "--dry-run"]) == 0
        return capfd.readouterr().out.partition(" in place of")[0].rpartition(":")[2]

    clean = git("rev-parse", "--short=12", "HEAD")
    Path("README.md").write_text("elsewhere", encoding="utf-8")
    assert name() == clean
    Path("app/main.py").write_text("1", encoding="utf-8")
    new = name()
    git("add", "app/main.py")
    staged = name()
    Path("app/main.py").write_bytes(b"caf\xe9")
    changed = name()
    assert all(one.startswith(f"{clean}-dirty-") and len(one) == len(clean) + 15 for one in (new, staged, changed))
    assert staged != changed
    assert name() == changed
    assert commit("second") == name()
    assert docker.of("buildx", "build") == []


def test_prod_runs_what_is_committed_unless_a_version_is_said(
    docker: Docker, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("Pulumi.dev.yaml").write_text(
        BUILT.replace("stage: dev", "stage: prod, domain: shop.example.com"), encoding="utf-8"
    )
    client("ssm").put_parameter(Name="/shop/prod/services/images/web", Value="none", Type="String")
    client("ecr").create_repository(repositoryName="shop/prod/web")
    assert groundwork(["deploy", "dev", "web", "--dry-run"]) == 1
    assert (
        "has changes that are not committed, and prod runs what can be built again; commit them"
        in capfd.readouterr().err
    )
    assert groundwork(["deploy", "dev", "web=1.4.0", "--build", "--dry-run"]) == 0
    assert "shop/prod/web:1.4.0" in capfd.readouterr().out


def test_where_no_commit_tells_what_is_built_a_version_is_asked_for(
    docker: Docker, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".gitignore").write_text("app/\n", encoding="utf-8")
    git("rm", "-r", "--quiet", "--cached", "app")
    commit("ignored")
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    assert "git ignores" in capfd.readouterr().err
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "project" / ".git").rename(tmp_path / "git")
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    assert (
        "is in no commit of git, after which its image could be called; say a version: web=1.4.0 --build"
        in capfd.readouterr().err
    )


@pytest.mark.parametrize(
    ("command", "code", "wrote", "message"),
    [
        ("version", 1, "Cannot connect to the Docker daemon", "web.build: Docker's daemon does not answer; start it"),
        (
            "buildx",
            1,
            "docker: unknown command: buildx",
            "web.build: docker has no buildx; get it from https://docs.docker.com",
        ),
        ("push", 1, "denied: User is not authorized", "was not pushed: ECR does not allow it; whoever pushes needs"),
        ("push", 1, "tag invalid: The image tag already exists and is immutable", "another was pushed under this name"),
        ("push", 1, "dial tcp: lookup x: no such host", "the registry does not answer; is there a network? (dial tcp"),
        ("push", 1, "something else", "was not pushed: something else"),
    ],
)
def test_what_docker_refuses_is_said_with_what_to_do_and_nothing_is_deployed(
    docker: Docker, capfd: pytest.CaptureFixture[str], command: str, code: int, wrote: str, message: str
) -> None:
    docker.ends(command, code, wrote)
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    said = capfd.readouterr().err
    assert message in said
    assert said.startswith("Pulumi.dev.yaml:7 services.web.build: ")
    assert (
        client("ssm").get_parameter(Name="/shop/dev/services/images/web")["Parameter"]["Value"] == f"{REPOSITORY}:1.0"
    )


def test_a_build_that_fails_says_so_after_what_docker_said(
    docker: Docker, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (docker.folder / "buildx").write_text(
        '[ "$2" = version ] || { echo "RUN false" >&2; exit 17; }\n', encoding="utf-8"
    )
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    said = capfd.readouterr().err
    assert said.index("RUN false") < said.index("docker buildx build ended with 17. This machine is linux/amd64")
    assert docker.of("push") == []
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    assert "This machine" not in capfd.readouterr().err


def test_what_does_not_end_is_stopped(
    docker: Docker, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "_SECONDS_TO_ANSWER", 0.5)
    (docker.folder / "login").write_text("exec sleep 60\n", encoding="utf-8")
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    assert "docker's login was stopped, since it was not done after" in capfd.readouterr().err


def test_without_docker_it_is_said_before_anybody_is_asked(docker: Docker, capfd: pytest.CaptureFixture[str]) -> None:
    (docker.folder / "docker").unlink()
    assert groundwork(["deploy", "dev", "web"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert (
        "docker is not installed, and it builds the image; get it from https://docs.docker.com/engine/install/"
        in said.err
    )
    assert "or build elsewhere, and say which image runs: web=TAG" in said.err


def test_files_that_are_not_there_are_mistakes_of_the_stack_file_for_a_deployment_alone(
    docker: Docker, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("app/Dockerfile").unlink()
    assert groundwork(["deploy", "dev", "web"]) == 2
    assert "Pulumi.dev.yaml:7 services.web.build: there is no file" in capfd.readouterr().err
    Path("Pulumi.dev.yaml").write_text(BUILT.replace("context: app", "context: ../apps"), encoding="utf-8")
    assert groundwork(["deploy", "dev", "web"]) == 2
    assert "services.web.build: there is no folder" in capfd.readouterr().err
    assert groundwork(["settings", "dev"]) == 0


def test_a_tag_that_is_not_there_is_said_with_how_to_build_it(
    docker: Docker, capfd: pytest.CaptureFixture[str]
) -> None:
    assert groundwork(["deploy", "dev", "web=1.1", "--yes"]) == 1
    assert "web:1.1 is not there; push it first: groundwork deploy dev web=1.1 --build" in capfd.readouterr().err


def test_a_tag_that_is_there_is_not_written_again(docker: Docker, capfd: pytest.CaptureFixture[str]) -> None:
    assert groundwork(["deploy", "dev", f"web=sha256:{'0' * 64}", "--build", "--yes"]) == 1
    assert "an image has no digest before it is built; say a tag: web=1.4.0 --build" in capfd.readouterr().err
    assert groundwork(["deploy", "dev", "web=1.0", "--build", "--yes"]) == 1
    assert "web:1.0 is there already, and no tag is written twice; deploy it without --build" in capfd.readouterr().err


def test_what_is_under_way_is_seen_before_anybody_waits_for_a_build(
    docker: Docker, capfd: pytest.CaptureFixture[str]
) -> None:
    service("web").deployments[0]["rolloutState"] = "IN_PROGRESS"
    assert groundwork(["deploy", "dev", "web", "--yes"]) == 1
    assert "web is busy" in capfd.readouterr().err
    assert docker.of("buildx", "build") == []
