"""The pages that tell somebody what to type: every command in them is run, in their order."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.domain import Delegation
from groundwork.preview import stacks
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.loading import StackFiles, find_stack, load_stack
from tests.operations.docker import Docker, arrives
from tests.operations.shop import (
    REGION,
    REPOSITORY,
    STACK_FILE,
    client,
    done,
    open_for_business,
    project,
    push,
    rollouts,
    signed_in,
)
from tests.operations.standing import jobs_end
from tests.stacks import ROOT, found, run_found, snapshot_of
from tests.walkthrough import Walkthrough, blocks


def _page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Docker]:
    """A terminal in an empty folder, with credentials of an empty account and something called docker."""
    folder = tmp_path / "product"
    folder.mkdir()
    with signed_in(folder, monkeypatch):
        yield Docker(tmp_path / "bin", monkeypatch)


def test_getting_started_is_what_its_commands_do(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From nothing to a service that is deployed, deployed anew, taken back and removed."""
    region = "us-east-1"
    Path("Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    for words in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *words], check=True)
    made: dict[Any, Snapshot] = {}
    run_stack = stacks.run_stack

    def once(stack: StackFiles, loaded: Any, **how: Any) -> Snapshot:
        # The page looks at dev more than once, and each time the program declares the same.
        key = (stack.name, stack.file.read_text(encoding="utf-8"), how.get("delivered", True))
        if key not in made:
            made[key] = run_stack(stack, loaded, **how)
        return made[key]

    def declared(stack: str, has_images: bool) -> Snapshot | None:
        found = find_stack(stack)
        # That a new project's prod previews is tests/test_wheel.py's to say.
        return once(found, load_stack(found), delivered=has_images) if stack == "dev" else None

    monkeypatch.setattr(stacks, "run_stack", once)
    monkeypatch.setattr("groundwork.cli.domain._of_stack", lambda stack: ["ns-1.awsdns-01.org"])
    servers = frozenset(["ns-1.awsdns-01.org"])
    monkeypatch.setattr(
        "groundwork.cli.domain.ask", lambda domain, *_: Delegation(domain, servers, "com", servers, frozenset())
    )
    arrives(monkeypatch, lambda image: push(image.rpartition(":")[2], repository="shop/dev/web", region=region))
    rollouts(monkeypatch, done)
    reader = Walkthrough(monkeypatch, region, declared)
    said = ""
    for block in blocks(_page("docs/getting-started.md")):
        if block.language == "yaml":
            Path("platform/Pulumi.dev.yaml").write_text("\n".join(block.lines), encoding="utf-8")
        elif block.language == "json":
            Path("values.json").write_text("\n".join(block.lines), encoding="utf-8")
        elif block.language == "bash":
            if "git commit --all" in block.lines[0]:
                Path("../Dockerfile").write_text("FROM scratch AS next\n", encoding="utf-8")
            said = ""
            if "--from compose.yaml" in block.lines[0]:
                monkeypatch.chdir(tmp_path)
                shutil.copy(ROOT / "examples" / "django-shop" / "compose.yaml", tmp_path)
            for line in block.lines:
                reader.run(line)
                said += reader.said
        else:
            printed = {" ".join(line.split()) for line in said.splitlines()}
            shown = [" ".join(line.split()) for line in block.lines if line.strip() and "…" not in line]
            assert [line for line in shown if line not in printed] == []
    assert len(docker.of("buildx", "build")) == 2


def test_the_page_on_deploying_is_what_its_commands_do(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the services of its own stack file, in a stack that is called as on the page and not guarded as a prod."""
    page = list(blocks(_page("docs/deploying.md")))
    services = next(block for block in page if "groundwork:services:" in block.lines[0])
    for file in ("Dockerfile", "docker/web.Dockerfile"):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text("FROM scratch\n", encoding="utf-8")
    folder = Path("platform")
    folder.mkdir()
    head = STACK_FILE.partition("  groundwork:services:")[0]
    storage = '  groundwork:edge: {}\n  groundwork:storage: {app: {purpose: static, path: "/app/*", spa: true}}\n'
    project(folder, head + "\n".join([*services.lines, storage]))
    (folder / "dist").mkdir()
    (folder / "dist" / "index.html").write_text("<html></html>", encoding="utf-8")
    client("s3").create_bucket(Bucket="shop-app-1", CreateBucketConfiguration={"LocationConstraint": REGION})
    tags = {"Name": "shop-app", "platform": "shop", "stage": "dev", "managed-by": "groundwork"}
    client("s3").put_bucket_tagging(
        Bucket="shop-app-1", Tagging={"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
    )
    (folder / "Pulumi.dev.yaml").rename(folder / "Pulumi.prod.yaml")
    for words in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *words], check=True)
    monkeypatch.chdir(folder)
    old = REPOSITORY.replace("/web", "/api") + ":1.0"
    open_for_business(REPOSITORY + ":1.0", ["api", "web"])
    push("1.0", repository="shop/dev/api")
    arrives(monkeypatch, lambda image: push(image.rpartition(":")[2], repository="shop/dev/api"))
    rollouts(monkeypatch, done)
    reader = Walkthrough(monkeypatch, REGION, lambda stack, _: None)
    reader.run("git commit --message first")
    named = []
    for block in page:
        commands = [line.partition("run: ")[2] for line in block.lines if "run: " in line]
        for line in block.lines if block.language == "bash" else commands:
            # As somebody who has not built 1.4.0 would find it.
            reader.run(line)
            if "publish" not in line:
                named.append(client("ssm").get_parameter(Name="/shop/dev/services/images/api")["Parameter"]["Value"])
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True, text=True)
    this = old.replace("1.0", commit.stdout.strip())
    assert named == [this, old.replace("1.0", "1.4.0"), old.replace("1.0", "1.4.0"), this, this]


def _as_in_the_repository(folder: str, *names: str) -> None:
    """Stand in a folder of the product that has what the repository has in one of its own."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        source = ROOT / folder / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, Path(folder, name))
    for name in ("policies", "__main__.py"):
        Path(name).symlink_to(ROOT / name)
    Path("values.json").write_text("{}", encoding="utf-8")


def test_the_first_hour_of_the_django_shop_is_what_its_commands_do(
    docker: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    region, stack = "us-east-1", "examples/django-shop/dev"
    folder = Path("examples/django-shop")
    files = ("Pulumi.yaml", "Pulumi.dev.yaml", "Dockerfile", "frontend")
    _as_in_the_repository(str(folder), *files)
    Path("values.json").rename(folder / "values.json")
    for words in (["init", "--quiet"], ["add", "examples"]):
        subprocess.run(["git", *words], check=True)
    arrives(monkeypatch, lambda it: push(it.rpartition(":")[2], repository="django-shop/dev/web", region=region))
    rollouts(monkeypatch, done)
    ran = jobs_end(monkeypatch, lambda image: (0, ["No migrations to apply."]))
    snapshots = {False: run_found(found(stack), delivered=False), True: snapshot_of(stack)}
    reader = Walkthrough(monkeypatch, region, lambda _, has_images: snapshots[has_images])
    page = _page("examples/django-shop/README.md")
    asked, first, later = [block.lines for block in blocks(page)]
    monkeypatch.chdir(folder)
    reader.run("git commit --message first")
    for line in first:
        reader.run(line)
    Path("Dockerfile").write_text("FROM scratch\n", encoding="utf-8")
    reader.run("git commit --all --message next")
    for line in later:
        reader.run(line)
    assert [family for family, _ in ran] == ["django-shop-dev-migrate"] * 3
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(stacks, "run_stack", lambda *_, **__: snapshots[True])
    for line in asked:
        reader.run(line)


def test_deploying_as_the_readme_says_is_what_its_commands_do(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    _as_in_the_repository(".", "Pulumi.yaml", "Pulumi.dev.yaml")
    first = run_found(found("dev"), delivered=False)
    reader = Walkthrough(monkeypatch, "eu-central-1", lambda stack, has_images: first)
    text = _page("README.md")
    section = text[text.index("## Deploy it") : text.index("## Commands")]
    [block] = blocks(section)
    inline = [" ".join(said.split()) for said in re.findall(r"`((?:aws|make|pulumi stack) [^`]+)`", section)]
    [commands] = [one for one in blocks(text[text.index("## Two commands") :]) if one.lines[0].startswith("make")][:1]
    for line in (*commands.lines, *block.lines, *inline):
        reader.run(line)
    assert {line.split()[0] for line in inline} == {"aws", "make", "pulumi"}
