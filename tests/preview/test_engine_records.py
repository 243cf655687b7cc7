"""The offline engine keeps the whole registration, as the real engine sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import pulumi
import pytest

from groundwork.preview.engine import run_program
from groundwork.preview.snapshot import Resource, Snapshot
from guardrails.view import Opaque
from tests.conftest import refuse_network

BUCKETS = """
import pulumi, pulumi_aws as aws
from guardrails.view import Opaque

class Store(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("test:store:Store", name, None, opts)
        self.bucket = aws.s3.Bucket(f"{name}-bucket", opts=pulumi.ResourceOptions(parent=self))
        self.versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=self.bucket.id,
            versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({"arn": self.bucket.arn})
"""


def run(folder: Path, program: str, **options: Any) -> Snapshot:
    folder.mkdir(exist_ok=True)
    (folder / "__main__.py").write_text(textwrap.dedent(program), encoding="utf-8")
    given = {"project": "shop", "stack": "dev", "config": {"aws:region": "eu-west-1"}, "settings": {}, **options}
    return run_program(folder, **given)


def named(snapshot: Snapshot, name: str) -> Resource:
    [found] = [resource for resource in snapshot.resources if resource.name == name]
    return found


class TestRegistration:
    def test_the_stack_is_the_root_and_components_are_parents(self, tmp_path: Path) -> None:
        snapshot = run(tmp_path, BUCKETS + 'Store("media")')
        stack = snapshot.resources[0]
        assert (stack.type, stack.name, stack.parent) == ("pulumi:pulumi:Stack", "shop-dev", None)
        store = named(snapshot, "media")
        assert (store.parent, store.custom) == (stack.urn, False)
        assert stack.source is None
        assert named(snapshot, "media-bucket").parent == store.urn

    def test_urns_are_those_of_the_real_engine(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path,
            BUCKETS
            + 'outer = Store("outer")\ninner = Store("inner", pulumi.ResourceOptions(parent=outer))\naws.sns.Topic("top")',
        )
        assert {resource.urn for resource in snapshot.resources} >= {
            "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev",
            "urn:pulumi:dev::shop::test:store:Store::outer",
            "urn:pulumi:dev::shop::test:store:Store$test:store:Store::inner",
            "urn:pulumi:dev::shop::test:store:Store$aws:s3/bucket:Bucket::outer-bucket",
            "urn:pulumi:dev::shop::test:store:Store$test:store:Store$aws:s3/bucket:Bucket::inner-bucket",
            "urn:pulumi:dev::shop::aws:sns/topic:Topic::top",
        }

    def test_dependencies_and_the_properties_they_come_through_are_kept(self, tmp_path: Path) -> None:
        snapshot = run(tmp_path, BUCKETS + 'Store("media")')
        bucket, versioning = named(snapshot, "media-bucket"), named(snapshot, "media-versioning")
        assert versioning.dependencies == (bucket.urn,)
        assert versioning.property_dependencies == {"bucket": (bucket.urn,)}

    def test_depends_on_is_a_dependency_through_no_property(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path,
            "import pulumi, pulumi_aws as aws\nfirst = aws.sns.Topic('first')\n"
            "aws.sns.Topic('second', opts=pulumi.ResourceOptions(depends_on=[first]))",
        )
        second = named(snapshot, "second")
        assert second.dependencies == (named(snapshot, "first").urn,)
        assert second.property_dependencies == {}

    def test_options_are_kept(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path,
            """
            import pulumi, pulumi_aws as aws
            aws.sns.Topic("topic", opts=pulumi.ResourceOptions(
                protect=True, retain_on_delete=True, delete_before_replace=True, ignore_changes=["displayName"],
                replace_on_changes=["name"], aliases=[pulumi.Alias(name="old"), "urn:pulumi:dev::shop::aws:sns/topic:Topic::older"]))
            """,
        )
        options = named(snapshot, "topic").options
        assert options["protect"] is True
        assert options["retainOnDelete"] is True
        assert options["deleteBeforeReplace"] is True
        assert options["ignoreChanges"] == ["displayName"]
        assert options["replaceOnChanges"] == ["name"]
        assert "urn:pulumi:dev::shop::aws:sns/topic:Topic::older" in options["aliases"]
        assert any("old" in alias and "older" not in alias for alias in options["aliases"])

    def test_a_resource_without_options_has_none(self, tmp_path: Path) -> None:
        assert named(run(tmp_path, "import pulumi_aws as aws\naws.sns.Topic('topic')"), "topic").options == {}

    def test_the_source_is_the_line_that_declares_the_resource(self, tmp_path: Path) -> None:
        (tmp_path / "parts.py").write_text(
            "import pulumi_aws as aws\n\n\ndef make():\n    aws.sns.Topic('topic')\n", encoding="utf-8"
        )
        snapshot = run(tmp_path, "import sys\nsys.modules.pop('parts', None)\nimport parts\nparts.make()")
        source = named(snapshot, "topic").source
        assert source is not None
        assert (source.file, source.line) == ("parts.py", 5)

    def test_outputs_of_components_and_of_the_stack_are_kept(self, tmp_path: Path) -> None:
        snapshot = run(tmp_path, BUCKETS + 'store = Store("media")\npulumi.export("bucket", store.bucket.arn)')
        arn = named(snapshot, "media-bucket").outputs["arn"]
        assert arn.startswith("arn:aws:s3:::media-bucket-")
        assert named(snapshot, "media").outputs == {"arn": arn}
        assert snapshot.outputs == {"bucket": arn}

    def test_whole_numbers_stay_whole(self, tmp_path: Path) -> None:
        snapshot = run(tmp_path, "import pulumi_aws as aws\naws.sqs.Queue('queue', visibility_timeout_seconds=30)")
        value = named(snapshot, "queue").inputs["visibilityTimeoutSeconds"]
        assert value == 30
        assert isinstance(value, int)


class TestTransforms:
    def test_transforms_of_a_resource_run(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path,
            """
            import pulumi, pulumi_aws as aws
            def rename(args):
                return pulumi.ResourceTransformResult({**args.props, "displayName": "changed"}, args.opts)
            aws.sns.Topic("topic", opts=pulumi.ResourceOptions(transforms=[rename]))
            aws.sns.Topic("other")
            """,
        )
        assert named(snapshot, "topic").inputs["displayName"] == "changed"
        assert "displayName" not in named(snapshot, "other").inputs

    def test_children_inherit_the_transforms_of_their_parents(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path,
            BUCKETS
            + """
def tag(args):
    return pulumi.ResourceTransformResult({**args.props, "tags": {"from": "parent"}}, args.opts) if args.type_ == "aws:s3/bucket:Bucket" else None
Store("media", pulumi.ResourceOptions(transforms=[tag]))
Store("plain")
""",
        )
        assert named(snapshot, "media-bucket").inputs["tags"] == {"from": "parent"}
        assert "tags" not in named(snapshot, "plain-bucket").inputs

    def test_transforms_of_the_stack_reach_everything(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path,
            """
            import pulumi, pulumi_aws as aws
            def protect(args):
                return pulumi.ResourceTransformResult(args.props, pulumi.ResourceOptions.merge(args.opts, pulumi.ResourceOptions(protect=True)))
            pulumi.runtime.register_resource_transform(protect)
            aws.sns.Topic("topic")
            """,
        )
        assert named(snapshot, "topic").options["protect"] is True

    def test_transformations_of_the_older_kind_run_too(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path,
            BUCKETS
            + """
def tag(args):
    return pulumi.ResourceTransformationResult({**args.props, "tags": {"a": "b"}}, args.opts) if args.type_ == "aws:s3/bucket:Bucket" else None
Store("media", pulumi.ResourceOptions(transformations=[tag]))
""",
        )
        assert named(snapshot, "media-bucket").inputs["tags"] == {"a": "b"}


class TestRefusals:
    def test_two_resources_of_one_urn_are_refused_with_both_places(self, tmp_path: Path) -> None:
        with pytest.raises(pulumi.RunError) as raised:
            run(tmp_path, "import pulumi_aws as aws\naws.sns.Topic('topic')\naws.sns.Topic('topic')")
        assert "two resources are called 'topic' of type aws:sns/topic:Topic (first declared at __main__.py:" in str(
            raised.value
        )

    def test_one_name_in_two_types_is_fine(self, tmp_path: Path) -> None:
        assert len(run(tmp_path, "import pulumi_aws as aws\naws.sns.Topic('x')\naws.sqs.Queue('x')").resources) == 3

    @pytest.mark.parametrize(
        ("program", "error", "message"),
        [
            ("raise ValueError('broken')", ValueError, "broken"),
            ("import pulumi\nraise pulumi.RunError('said so')", pulumi.RunError, "said so"),
            (
                "import pulumi_aws as aws\naws.sns.Topic('t').arn.apply(lambda arn: 1 / 0)",
                ZeroDivisionError,
                "division",
            ),
            ("import nothing_of_this_name", ModuleNotFoundError, "nothing_of_this_name"),
            ("def broken(:", SyntaxError, "invalid syntax"),
            ("import pulumi\npulumi.runtime.invoke('x:y:z', {})", LookupError, "answered by its provider only"),
        ],
    )
    def test_an_error_of_the_program_comes_through(
        self, program: str, error: type[Exception], message: str, tmp_path: Path
    ) -> None:
        with pytest.raises(error, match=message):
            run(tmp_path, program)

    def test_a_run_after_a_failed_one_starts_afresh(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="broken"):
            run(tmp_path, BUCKETS + "Store('media')\nraise ValueError('broken')")
        assert len(run(tmp_path, "import pulumi_aws as aws\naws.sns.Topic('topic')").resources) == 2


class TestSecrets:
    PROGRAM = """
    import pulumi, pulumi_aws as aws
    password = pulumi.Output.secret("hunter2-in-clear")
    topic = aws.sns.Topic("topic", display_name=password)
    plain = aws.sns.Topic("plain", display_name="x", opts=pulumi.ResourceOptions(additional_secret_outputs=["arn"]))
    parameter = aws.ssm.Parameter("parameter", type="SecureString", value=pulumi.Output.concat("postgres://", password),
        tags={"a": password.apply(lambda text: text[::-1])})
    class Holder(pulumi.ComponentResource):
        def __init__(self):
            super().__init__("test:store:Holder", "holder")
            self.register_outputs({"password": password, "deep": {"list": [password]}})
    Holder()
    pulumi.export("password", password)
    pulumi.export("deep", {"list": [password]})
    pulumi.export("derived", topic.display_name)
    """

    @pytest.mark.parametrize("unknowns", [False, True])
    def test_no_secret_is_in_a_snapshot(self, unknowns: bool, tmp_path: Path) -> None:
        text = run(tmp_path, self.PROGRAM, unknowns=unknowns).dumps()
        assert "hunter2" not in text
        assert "raelc-ni-2retnuh" not in text

    def test_a_secret_shows_as_the_marker_wherever_it_goes(self, tmp_path: Path) -> None:
        snapshot = run(tmp_path, self.PROGRAM)
        assert named(snapshot, "topic").inputs["displayName"] == Opaque.SECRET
        assert named(snapshot, "topic").outputs["displayName"] == Opaque.SECRET
        assert named(snapshot, "parameter").inputs["value"] == Opaque.SECRET
        assert named(snapshot, "holder").outputs["password"] == Opaque.SECRET
        assert snapshot.outputs["password"] == Opaque.SECRET
        assert snapshot.outputs["derived"] == Opaque.SECRET

    def test_a_secret_of_the_configuration_is_masked(self, tmp_path: Path) -> None:
        program = """
        import pulumi, pulumi_aws as aws
        aws.sns.Topic("topic", display_name=pulumi.Config("app").require_secret("word"))
        """
        snapshot = run(tmp_path, program, config={"aws:region": "eu-west-1", "app:word": "hunter2-in-clear"})
        assert "hunter2" not in snapshot.dumps()


class TestUnknowns:
    def test_what_aws_computes_is_unknown_and_what_the_program_says_is_not(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path, BUCKETS + 'store = Store("media")\npulumi.export("arn", store.bucket.arn)', unknowns=True
        )
        assert snapshot.unknowns
        assert named(snapshot, "media-versioning").inputs["bucket"] == Opaque.UNKNOWN
        assert named(snapshot, "media-versioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
        assert snapshot.outputs["arn"] == Opaque.UNKNOWN

    def test_an_apply_on_an_unknown_does_not_run(self, tmp_path: Path) -> None:
        program = "import pulumi_aws as aws\naws.sns.Topic('t').arn.apply(lambda arn: 1 / 0)"
        assert len(run(tmp_path, program, unknowns=True).resources) == 2

    def test_with_values_nothing_is_unknown(self, tmp_path: Path) -> None:
        assert '"unknown"' not in run(tmp_path, BUCKETS + 'Store("media")').dumps()

    def test_both_runs_declare_the_same_resources(self, tmp_path: Path) -> None:
        known, unknown = (run(tmp_path, BUCKETS + 'Store("media")', unknowns=unknowns) for unknowns in (False, True))
        assert [resource.urn for resource in known.resources] == [resource.urn for resource in unknown.resources]
        assert [resource.property_dependencies for resource in known.resources] == [
            resource.property_dependencies for resource in unknown.resources
        ]


class TestSurroundings:
    @pytest.mark.parametrize("ending", ["", "raise ValueError('broken')"])
    def test_working_folder_import_path_and_event_loop_are_as_before(self, ending: str, tmp_path: Path) -> None:
        folder, path, policy = Path.cwd(), list(sys.path), asyncio.get_event_loop_policy()
        with contextlib.suppress(ValueError):
            run(tmp_path, f"import os, sys\nos.chdir('/')\nsys.path.append('/nowhere')\n{ending}")
        assert Path.cwd() == folder
        assert sys.path == path
        assert asyncio.get_event_loop_policy() is policy

    def test_the_program_runs_in_its_folder_as_main(self, tmp_path: Path) -> None:
        snapshot = run(
            tmp_path, "import os, pulumi\npulumi.export('cwd', os.getcwd())\npulumi.export('name', __name__)"
        )
        assert snapshot.outputs == {"cwd": str(tmp_path.resolve()), "name": "__main__"}

    def test_the_program_sees_project_stack_and_configuration(self, tmp_path: Path) -> None:
        program = """
        import pulumi
        pulumi.export("names", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
        pulumi.export("dry", pulumi.runtime.is_dry_run())
        pulumi.export("number", pulumi.Config("app").require_int("number"))
        pulumi.export("object", pulumi.Config("app").require_object("object"))
        """
        snapshot = run(
            tmp_path, program, config={"aws:region": "eu-west-1", "app:number": "7", "app:object": '{"a": [1]}'}
        )
        assert snapshot.outputs == {
            "names": ["shop", "dev", "organization"],
            "dry": True,
            "number": 7,
            "object": {"a": [1]},
        }

    def test_nothing_is_connected_to(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        refuse_network(monkeypatch, loopback=False)
        snapshot = run(
            tmp_path,
            BUCKETS
            + "pulumi.runtime.register_resource_transform(lambda args: None)\naws.get_caller_identity_output()\nStore('media')",
        )
        assert len(snapshot.resources) == 4

    def test_credentials_of_the_environment_are_not_asked_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
            monkeypatch.delenv(name)
        assert len(run(tmp_path, BUCKETS + "Store('media')").resources) == 4

    def test_the_same_program_gives_the_same_bytes(self, tmp_path: Path) -> None:
        program = BUCKETS + "for name in ('c', 'a', 'b'):\n    Store(name)"
        assert run(tmp_path, program).dumps() == run(tmp_path, program).dumps()

    def test_the_same_program_elsewhere_gives_the_same_bytes(self, tmp_path: Path) -> None:
        program = BUCKETS + "Store('media')"
        assert run(tmp_path / "one", program).dumps() == run(tmp_path / "two", program).dumps()


def test_a_resource_given_for_its_id_is_the_id(tmp_path: Path) -> None:
    program = """
    import pulumi_aws as aws
    role = aws.iam.Role("app", assume_role_policy="{}")
    aws.iam.RolePolicyAttachment("app", role=role, policy_arn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    """
    for unknowns, expected in ((False, str), (True, Opaque)):
        snapshot = run(tmp_path / str(unknowns), program, unknowns=unknowns)
        attachment = next(one for one in snapshot.resources if one.type.endswith("RolePolicyAttachment"))
        role = next(one for one in snapshot.resources if one.type.endswith(":Role"))
        assert isinstance(attachment.inputs["role"], expected)
        assert attachment.inputs["role"] == (Opaque.UNKNOWN if unknowns else role.outputs["id"])
        assert attachment.property_dependencies["role"] == (role.urn,)
