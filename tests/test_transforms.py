"""``Pulumi.STACK.transform.py``: a stack's own changes to what is declared, offline and as Pulumi's language host runs them."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pulumi
import pytest

from groundwork.cli import main
from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Snapshot, Source, Transformed
from guardrails.view import Opaque
from tests import host
from tests.stacks import ROOT
from tests.writing import write_project

HEAD = "import pulumi\nimport pulumi_aws as aws\nfrom groundwork.transforms import transform\n\n"
FIRST = HEAD.count("\n") + 1
"""The line of the first decorator."""
STACK = """
groundwork:storage: {images: {}}
groundwork:secrets: {app: {keys: [TOKEN], values: {TOKEN: {secure: "v1:abc"}}}}
"""


def project(folder: Path, transforms: str, config: str = STACK) -> Path:
    """A project that runs the repository's program, with one small stack and a file of transforms."""
    write_project(folder, config, main=str(ROOT))
    (folder / "Pulumi.dev.transform.py").write_text(HEAD + textwrap.dedent(transforms).lstrip("\n"), encoding="utf-8")
    return folder


@pytest.fixture
def preview(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run ``groundwork preview dev`` with these transforms: exit code, what it prints, and what it says of errors."""

    def run(transforms: str, *arguments: str, config: str = STACK) -> tuple[int, str, str]:
        monkeypatch.chdir(project(tmp_path, transforms, config))
        code = main.run(["preview", "dev", *arguments])
        return code, *capsys.readouterr()

    return run


def changes(snapshot: Snapshot) -> dict[str, list[Transformed]]:
    return {one.type.rpartition(":")[2]: list(one.transformed) for one in snapshot.resources if one.transformed}


CHANGING = """
@transform(aws.s3.Bucket, name="shop-images*")
def label(args: pulumi.ResourceTransformArgs) -> None:
    args.props["tags"]["cost.centre"] = "42"
    args.props["objectLockEnabled"] = True


@transform("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", name="shop-images*")
def open_up(args):
    props = {**args.props, "blockPublicPolicy": False}
    del props["restrictPublicBuckets"]
    return pulumi.ResourceTransformResult(props, pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True)))


@transform(aws.secretsmanager.SecretVersion)
async def other_secret(args):
    args.props["secretString"] = pulumi.Output.secret("hunter2-of-a-transform")


@transform(name="shop-images*", phases=["millions"])
def later(args):
    raise AssertionError("the stack is in another phase")


@transform(name="shop-images*")
def nothing(args):
    args.props.update({})
"""


def test_a_preview_says_what_transforms_changed_and_guardrails_judge_what_comes_of_it(preview: Any) -> None:
    code, printed, _ = preview(CHANGING, "--format", "json", "--out", "snapshot.json")
    written = Path("snapshot.json").read_text(encoding="utf-8")
    snapshot = Snapshot.from_json(json.loads(written))
    assert snapshot.dumps() == written
    file = "Pulumi.dev.transform.py"
    label, open_up, other_secret = (Source(file, FIRST + offset) for offset in (0, 6, 13))
    assert changes(snapshot) == {
        "Bucket": [
            Transformed("objectLockEnabled", None, True, label),
            Transformed('tags["cost.centre"]', None, "42", label),
        ],
        "BucketPublicAccessBlock": [
            Transformed("blockPublicPolicy", True, False, open_up),
            Transformed("restrictPublicBuckets", True, None, open_up),
            Transformed("protect", None, True, open_up, option=True),
        ],
        "SecretVersion": [Transformed("secretString", Opaque.SECRET, Opaque.SECRET, other_secret)],
    }
    assert code == 1
    shown = printed[printed.index("Transforms:") : printed.index("Guardrails:")]
    assert f"{file}:{FIRST + 6}\n        ~ blockPublicPolicy: true → false on shop-images" in shown
    assert "~ secretString: [secret] → [secret] on shop-app (aws:secretsmanager:SecretVersion)" in shown
    assert "hunter2" not in printed + written
    assert "s3-block-complete" in printed


def test_a_value_that_aws_refuses_is_a_mistake_at_the_transform(preview: Any) -> None:
    changing = """
    @transform(aws.s3.Bucket, name="shop-images*")
    def label(args):
        args.props["tags"]["note"] = "x" * 300
    """
    code, printed, said = preview(changing)
    assert (code, printed) == (2, "")
    assert said.startswith(f'Pulumi.dev.transform.py:{FIRST}: AWS refuses "xxx')
    assert "it has 300 characters, and the most is 256" in said


SMALL = """
from types import SimpleNamespace
import pulumi_aws as aws
from groundwork.transforms import transformed
with transformed(SimpleNamespace(platform=SimpleNamespace(phase="mvp"))):
    aws.s3.Bucket("images", tags={"a": "b"})
"""


def small_program(folder: Path, transforms: str) -> None:
    """Write a program of one bucket with these transforms."""
    folder.mkdir(exist_ok=True)
    (folder / "__main__.py").write_text(SMALL, encoding="utf-8")
    (folder / "Pulumi.dev.transform.py").write_text(HEAD + textwrap.dedent(transforms).lstrip("\n"), encoding="utf-8")


def small(folder: Path, transforms: str) -> Snapshot:
    """Run it offline."""
    small_program(folder, transforms)
    return run_program(folder, project="test", stack="dev", config={"aws:region": "eu-west-1"}, settings={})


WRONG = {
    "a syntax error": ("def (", "{0}: it is no Python: invalid syntax"),
    "an error of the file itself": ("1 / 0", "{0}: ZeroDivisionError: division by zero"),
    "no transform": (
        "x = 1",
        "Pulumi.dev.transform.py: it declares no transform; put @transform(TYPE, name=NAME) before",
    ),
    "a type that is none": (
        "@transform(int)\ndef f(args): ...",
        "{0}: <class 'int'> is no resource type; give a class such as",
    ),
    "neither type nor name": (
        "@transform()\ndef f(args): ...",
        "{0}: it says neither a type nor a name; give at least one",
    ),
    "a phase that is none": (
        '@transform(name="x", phases=["lunch"])\ndef f(args): ...',
        "{0}: 'lunch' is no phase; use mvp, launch,",
    ),
    "a name that nothing has": (
        '@transform(aws.s3.Bucket, name="imges")\ndef f(args): ...',
        "{0} f: there is no resource of type aws:s3/bucket:Bucket called 'imges' in this stack; did you mean \"images\"?",
    ),
    "a type that nothing has": (
        '@transform("aws:s3/buckett:Bucket")\ndef f(args): ...',
        '{0} f: there is no resource of type aws:s3/buckett:Bucket in this stack; did you mean "aws:s3/bucket:Bucket"?',
    ),
    "a function that fails": (
        '@transform(aws.s3.Bucket)\ndef f(args):\n    args.props["tags"]["b"] += "c"',
        "{2} f: on images (aws:s3/bucket:Bucket): KeyError: 'b'",
    ),
    "a property that is written as Python writes it": (
        '@transform(aws.s3.Bucket)\ndef f(args):\n    args.props["force_destroy"] = True',
        '{0} f: on images (aws:s3/bucket:Bucket): the type has no property "force_destroy"; did you mean "forceDestroy"?',
    ),
    "an answer of another type": (
        "@transform(aws.s3.Bucket)\ndef f(args):\n    return args.props",
        "{0} f: on images (aws:s3/bucket:Bucket): TypeError: it returns dict; return pulumi.ResourceTransformResult, or",
    ),
    "a value of no kind that Pulumi knows": (
        '@transform(aws.s3.Bucket)\ndef f(args):\n    args.props["tags"] = object()',
        "{0} f: on images (aws:s3/bucket:Bucket): ",
    ),
}


def test_each_mistake_names_file_and_line_and_what_to_do(tmp_path: Path) -> None:
    for name, (transforms, expected) in WRONG.items():
        with pytest.raises(pulumi.RunError) as raised:
            small(tmp_path, transforms)
        lines = [f"Pulumi.dev.transform.py:{FIRST + offset}" for offset in range(3)]
        assert str(raised.value).startswith(expected.format(*lines)), name
        assert "Traceback" not in str(raised.value)


def test_what_fails_on_many_resources_alike_is_told_once(tmp_path: Path) -> None:
    small_program(tmp_path, '@transform(aws.s3.Bucket)\ndef f(args):\n    raise KeyError("lost")')
    program = tmp_path / "__main__.py"
    several = '    for name in ("films", "books"):\n        aws.s3.Bucket(name)\n'
    program.write_text(f"{program.read_text(encoding='utf-8')}{several}", encoding="utf-8")
    with pytest.raises(pulumi.RunError) as raised:
        run_program(tmp_path, project="test", stack="dev", config={"aws:region": "eu-west-1"}, settings={})
    assert str(raised.value) == (
        f"Pulumi.dev.transform.py:{FIRST + 2} f: on images (aws:s3/bucket:Bucket) and 2 more: KeyError: 'lost'"
    )


def test_a_transform_of_another_phase_waits_for_it(tmp_path: Path) -> None:
    waiting = '@transform(name="images", phases=["growth"])\ndef f(args):\n    args.props["tags"] = {}'
    assert changes(small(tmp_path, waiting)) == {}
    now = waiting.replace('"growth"', '"mvp"')
    assert [one.property for one in changes(small(tmp_path, now))["Bucket"]] == ["tags.a"]


# As Pulumi runs them


def test_transforms_run_under_pulumi_and_what_fails_is_one_plain_error(tmp_path: Path) -> None:
    program = tmp_path / "__main__.py"
    small_program(tmp_path, '@transform(aws.s3.Bucket, name="im*")\ndef f(args):\n    args.props["tags"]["c"] = "d"')
    ended = host.run({}, project_folder=tmp_path, program=program)
    assert (ended.code, ended.errors, ended.printed) == (0, [], "")
    (bucket,) = [one for one in ended.records if one.type == "aws:s3/bucket:Bucket"]
    assert bucket.inputs["tags"] == {"a": "b", "c": "d"}
    assert bucket.transformed == (Transformed("tags.c", None, "d", None),)
    small_program(tmp_path, '@transform(name="images")\ndef f(args):\n    args.props["nothing"]["x"] = 1')
    ended = host.run({}, project_folder=tmp_path, program=program)
    assert (ended.code, ended.printed) == (1, "")
    assert ended.errors == [
        f"Pulumi.dev.transform.py:{FIRST + 2} f: on images (aws:s3/bucket:Bucket): KeyError: 'nothing'"
    ]
