"""``groundwork policies check DIR``: programs in processes and environments of their own, and everything that may be wrong with them."""

from __future__ import annotations

import ast
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from groundwork.cli.main import run
from groundwork.preview import foreign
from groundwork.preview.foreign import ProjectError, run_project
from groundwork.preview.snapshot import Resource
from tests.programs.test_public_programs import FOLDER, known

PUBLIC = FOLDER / "public"


def project(folder: Path, program: str = "", *, said: str = "name: shop\nruntime: python\n", **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text(said, encoding="utf-8")
    (folder / "__main__.py").write_text(program, encoding="utf-8")
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return folder


def environment(folder: Path, line: str) -> Path:
    """A virtual environment whose Python is a script with one line."""
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    python.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def _this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The PATH leads to the Python that runs the tests, as with an environment that is active."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("name", ["components-and-transforms", "stack-references"])
def test_a_process_of_its_own_declares_what_the_program_declares_here(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PUBLIC / name)
    there, here = run_project(Path(), None, {}), known(name)
    # Of a component the SDK tells the line that makes one, and the engine here the line in its class; of a transform only the
    # engine here knows the line.
    custom = [
        [_without_lines(one) | {"source": one.source} for one in run.resources if one.custom] for run in (there, here)
    ]
    assert custom[0] == custom[1]
    assert [_without_lines(one) for one in there.resources] == [_without_lines(one) for one in here.resources]
    assert there.outputs == here.outputs
    assert all(one.source and one.source.file == "__main__.py" for one in there.resources if one.custom)


def _without_lines(resource: Resource) -> dict[str, Any]:
    transformed = tuple(replace(one, source=None) for one in resource.transformed)
    return vars(replace(resource, source=None, transformed=transformed))


def test_the_command_judges_a_folder_in_the_environment_that_its_project_names(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environment(tmp_path / "own", f'touch "{tmp_path}/used"; exec "{sys.executable}" "$@"')
    project(
        tmp_path / "app",
        'import pulumi, pulumi_aws as aws\nprint("hello")\nconfig = pulumi.Config()\n'
        'aws.sqs.Queue("plain", sqs_managed_sse_enabled=config.require_bool("encrypted"))\n'
        'pulumi.CustomResource("example:index:Thing", "site", {})\n',
        said="name: shop\nruntime: {name: python, options: {virtualenv: ../own}}\n",
        Pulumi__live__yaml="config: {'groundwork:platform': {stage: dev}}\n",
    )
    code = run(["policies", "check", "app", "--config", "encrypted=false"])
    out, err = capfd.readouterr()
    assert code == 1
    assert (tmp_path / "used").exists()
    assert "app/__main__.py:4" in out
    assert "sqs-encrypted" in out
    assert "example:index:Thing (1)" in out
    assert err == "hello\n"
    assert run(["policies", "check", "app", "--config", "encrypted"]) == 2
    assert capfd.readouterr().err == "--config encrypted: it must be KEY=VALUE, such as aws:region=eu-west-1\n"


MAIN = "import pulumi\n"
ENDED: dict[str, tuple[str, str, bool]] = {
    "module": (
        f"{MAIN}import nothing_of_this_name\n",
        "/module/__main__.py:2: there is no module 'nothing_of_this_name'; install the program's requirements into {python}: pulumi install",
        True,
    ),
    "config": (
        f"{MAIN}pulumi.Config('db').require('name')\n",
        "/__main__.py:2: the configuration has no 'db:name'; say it with --config db:name=VALUE, or in Pulumi.dev.yaml",
        True,
    ),
    "refused": (f"{MAIN}raise pulumi.RunError('choose\\na name')\n", "/__main__.py:2: choose a name", True),
    "later": (
        f"{MAIN}pulumi.Output.from_input(1).apply(\n    lambda one: one / 0)\n",
        "/__main__.py:3: ZeroDivisionError: division by zero; where pulumi can preview it, judge that: ",
        False,
    ),
    "gone": ("import os\nos._exit(7)\n", "the program ended with 7 before it was done", False),
    "twice": (
        f"{MAIN}for _ in range(2):\n    pulumi.ComponentResource('shop:index:Shop', 'one')\n",
        "two resources are called 'one' of type shop:index:Shop: urn:pulumi:dev::shop::shop:index:Shop::one",
        True,
    ),
}  # fmt: skip


def test_whatever_a_program_ends_with_is_one_message_that_says_where_and_what_to_do(tmp_path: Path) -> None:
    def ended(name: str) -> ProjectError:
        with pytest.raises(ProjectError) as raised:
            run_project(project(tmp_path / name, ENDED[name][0]), None, {})
        return raised.value

    with ThreadPoolExecutor(2) as pool:
        errors = dict(zip(ENDED, pool.map(ended, ENDED), strict=True))
    python = shutil.which("python3")
    for name, (_, message, expected) in ENDED.items():
        assert message.replace("{python}", str(python)) in str(errors[name]), name
        assert errors[name].expected is expected, name
        assert "\n" not in str(errors[name]), name


def test_an_environment_without_the_sdk_says_so(tmp_path: Path) -> None:
    environment(tmp_path / ".venv", f'exec "{sys.executable}" -I -S "$@"')
    with pytest.raises(ProjectError) as raised:
        run_project(project(tmp_path), None, {})
    assert str(raised.value) == (
        f"{tmp_path}: {tmp_path / '.venv/bin/python'} has no Pulumi SDK; install the program's requirements into it: pulumi install"
    )


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("runtime: nodejs\nname: shop\n", "Pulumi.yaml: its runtime is 'nodejs', and only Python programs run here; where pulumi can preview it, judge that: pulumi preview --json > preview.json; groundwork policies check preview.json"),
        ("runtime: {name: yaml}\nname: shop\n", "its runtime is 'yaml', and only Python programs run here"),
        ("runtime: python\n", "Pulumi.yaml: name must be a text, found None"),
        ("[]", "Pulumi.yaml: it must be a map"),
        ("name: [", "Pulumi.yaml: not valid YAML: "),
        ("name: shop\nruntime: python\nmain: src\n", "src/__main__.py is not there; main says where it is"),
        ("name: shop\nruntime: {name: python, options: {virtualenv: env}}\n", "its environment env is not there; make it, and install the program's requirements: pulumi install"),
        ("name: shop\nruntime: {name: python, options: {toolchain: uv}}\n", "its environment .venv is not there; make it"),
        ("name: shop\nruntime: {name: python, options: {toolchain: poetry}}\n", "its environment of poetry's is not there; make it"),
    ],
)  # fmt: skip
def test_a_project_that_cannot_be_run_says_why(said: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as raised:
        run_project(project(tmp_path, said=said), None, {})
    assert message in str(raised.value)
    assert raised.value.expected


def test_a_folder_without_a_program_a_choice_that_is_open_and_a_stack_that_there_is_not(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["policies", "check", str(tmp_path)]) == 2
    project(tmp_path, Pulumi__dev__yaml="", Pulumi__prod__yaml="config: []")
    assert run(["policies", "check", str(tmp_path)]) == 2
    assert run(["policies", "check", str(tmp_path), "--stack", "live"]) == 2
    assert run(["policies", "check", str(tmp_path), "--stack", "org/shop/prod"]) == 2
    assert capfd.readouterr().err.splitlines() == [
        f"{tmp_path}: there is no Pulumi.yaml in it; name the folder of a Pulumi program, or a file",
        f"{tmp_path}: it has several stacks; say which: --stack dev|prod",
        f"{tmp_path}: there is no Pulumi.live.yaml; there are dev, prod",
        f"{tmp_path}/Pulumi.prod.yaml: config must be a map, found list",
    ]


def test_the_environment_is_the_one_that_pulumi_would_take(tmp_path: Path) -> None:
    def chosen(options: str) -> Path:
        said = f"name: shop\nruntime: {{name: python, options: {options}}}\n"
        return foreign.interpreter(foreign.read_project(project(tmp_path, said=said)))

    assert chosen("{}") == Path(shutil.which("python3") or "")
    for name in ("venv", ".venv", "named"):
        environment(tmp_path / name, "exit 1")
    assert chosen("{virtualenv: named}") == tmp_path / "named/bin/python"
    assert chosen("{toolchain: uv}") == chosen("{}") == tmp_path / ".venv/bin/python"
    shutil.rmtree(tmp_path / ".venv")
    assert chosen("{toolchain: poetry}") == tmp_path / "venv/bin/python"


def test_configuration_is_read_as_pulumi_reads_it(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        said="name: shop\nruntime: python\nstackConfigDir: stacks\nconfig:\n  aws:region: eu-west-1\n"
        "  size: {type: integer, default: 3}\n  open: {type: boolean}\n  colour: {value: red}\n",
    )
    (folder / "stacks").mkdir()
    (folder / "stacks" / "Pulumi.dev.yaml").write_text(
        "config:\n  size: 4\n  on: true\n  list: [1, {secure: x}]\n  aws:profile: null\n", encoding="utf-8"
    )
    read = foreign.read_project(folder)
    configuration = foreign.read_configuration(read, foreign.stack_name(read, None), {"colour": "blue"})
    assert configuration.values == {
        "aws:region": "eu-west-1",
        "shop:size": "4",
        "shop:colour": "blue",
        "shop:True": "true",
        "shop:list": json.dumps([1, foreign.HIDDEN_VALUE]),
        "aws:profile": "null",
    }
    assert configuration.secrets == ("shop:list",)


def test_what_runs_in_a_program_of_others_is_python_that_older_versions_read() -> None:
    source = (FOLDER.parents[1] / "groundwork" / "preview" / "guest.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 9))
    imported = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
    assert not {module for module in imported if module and module.startswith("groundwork")}
