"""Bootstrap: what roles may do follows from the stacks, the template is what the command does, and no state is ever lost."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations import permissions
from groundwork.operations.account import open_account
from groundwork.operations.bootstrap import stack as stacks
from groundwork.operations.bootstrap.permissions import StackAccess, access, widened
from groundwork.operations.bootstrap.permissions import _table as table
from groundwork.operations.bootstrap.pipelines import GitHubPipelines
from groundwork.operations.bootstrap.template import (
    MOST_CHARACTERS,
    Foundation,
    boundary_arn,
    packed,
    template,
    text,
)
from groundwork.operations.drift.table import drift_table
from groundwork.operations.errors import OperationError
from groundwork.settings.data_file import read_data
from guardrails.iam.patterns import matches
from guardrails.iam.services import matching
from tests.examples.query import changed
from tests.operations.asking import asked_actions, permitted
from tests.operations.shop import ACCOUNT, REGION, STACK_FILE, Clock, account, client, project
from tests.stacks import covering, run_found, snapshot_of

STACK = "bootstrap-shop"
BUCKET = f"pulumi-state-shop-{ACCOUNT}"


def _platform(name: str) -> str:
    return str(snapshot_of(name).settings["platform"]["name"])


@cache
def _access(*names: str) -> StackAccess:
    platform = _platform(names[0])
    return access([snapshot_of(name) for name in names], platform, boundary_arn(platform))


@cache
def _template() -> dict[str, Any]:
    return template(Foundation("shop", GitHubPipelines("acme/shop"), ("dev", "prod"), _access("dev", "prod")))


def test_every_type_that_a_stack_has_is_in_the_table_with_actions_that_exist() -> None:
    """A type that is new needs a row in ``permissions.yaml``: its CloudFormation schema's handlers, without what other types take."""
    types = {one.type for name in covering() for one in snapshot_of(name).resources if one.type.startswith("aws:")}
    assert types - table().by_type.keys() == set()
    assert all(len(matching(str(action))) == 1 for row in table().by_type.values() for action in row)


def test_every_action_that_a_command_says_it_takes_exists() -> None:
    said = read_data(Path(permissions.__file__).with_name("permissions.yaml"))
    actions = {action for rows in said.values() for action in rows if ":" in action}
    assert [action for action in sorted(actions) if len(matching(action)) != 1] == []


def _allowed(statements: Any, action: str, arn: str) -> bool:
    """Tell whether an Allow covers an action on a resource, whatever its conditions."""
    for one in statements:
        resources = [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]
        plain = [
            entry.replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", "111122223333")
            for entry in resources
        ]
        if action in one["Action"] and any(matches(entry, arn) for entry in plain):
            return True
    return False


_DELETES = {
    "aws:ecs/cluster:Cluster": "ecs:DeleteCluster",
    "aws:iam/role:Role": "iam:PutRolePolicy",
    "aws:kms/key:Key": "kms:ScheduleKeyDeletion",
    "aws:lambda/function:Function": "lambda:DeleteFunction",
    "aws:rds/instance:Instance": "rds:DeleteDBInstance",
    "aws:s3/bucket:Bucket": "s3:DeleteBucket",
    "aws:secretsmanager/secret:Secret": "secretsmanager:DeleteSecret",
    "aws:sns/topic:Topic": "sns:DeleteTopic",
    "aws:sqs/queue:Queue": "sqs:DeleteQueue",
    "aws:cloudwatch/logGroup:LogGroup": "logs:DeleteLogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "cloudwatch:DeleteAlarms",
    "aws:ecr/repository:Repository": "ecr:DeleteRepository",
    "aws:ssm/parameter:Parameter": "ssm:DeleteParameter",
    "aws:elasticache/replicationGroup:ReplicationGroup": "elasticache:DeleteReplicationGroup",
    "aws:opensearch/domain:Domain": "es:DeleteDomain",
    "aws:eks/cluster:Cluster": "eks:DeleteCluster",
    "aws:ec2/vpc:Vpc": "ec2:DeleteVpc",
}


def test_updates_reach_every_resource_of_every_stack_and_no_other_platforms() -> None:
    wrong, seen = [], set()
    for name in covering():
        platform = _platform(name)
        allowed = _access(name).deploying
        for one in snapshot_of(name).resources:
            action, arn = _DELETES.get(one.type), one.outputs.get("arn")
            if action is None or not isinstance(arn, str):
                continue
            seen.add(one.type)
            if not _allowed(allowed, action, arn):
                wrong.append(f"{name}: {action} on {arn}")
            other = arn.replace(platform, "another")
            if platform in arn.split(":", 5)[5] and _allowed(allowed, action, other):
                wrong.append(f"{name}: {action} on {other} of another platform")
    assert wrong == []
    assert seen == _DELETES.keys()


def test_names_that_a_preview_makes_up_begin_as_the_policy_says() -> None:
    """The ARN of a load balancer holds its name, which a preview's ARN does not."""
    named = {"aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup", "aws:ecs/service:Service"}
    for name in covering():
        for one in snapshot_of(name).resources:
            if one.type in named:
                assert str(one.outputs["name"]).startswith(f"{_platform(name)}-"), (name, one.name)


def test_a_role_is_made_and_changed_only_within_the_boundary_and_never_taken_out_of_it() -> None:
    changing = {"iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    found = defaultdict(list)
    for one in _access("prod").deploying:
        for action in one["Action"]:
            found[action].append(one.get("Condition"))
    assert changing <= found.keys()
    wanted = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn("shop")}}
    assert {action for action in changing if found[action] != [wanted]} == set()
    assert "iam:DeleteRolePermissionsBoundary" not in found
    assert not {action for action in found if action.startswith(("iam:CreateUser", "iam:CreateAccessKey"))}


def test_who_only_looks_changes_nothing_and_reads_no_secret() -> None:
    for name in covering():
        given = _access(name)
        for one in (*given.reading, *given.looking):
            levels = {matching(action)[0].level for action in one["Action"]}
            assert levels <= {"L", "R"}, name
        read = {action for one in (*given.reading, *given.looking) for action in one["Action"]}
        assert not read & {"secretsmanager:GetSecretValue", "s3:GetObject", "lambda:GetFunction", "kms:Decrypt"}, name
    comparing = {action for one in _access("prod").comparing for action in one["Action"]}
    assert "secretsmanager:GetSecretValue" in comparing


def test_the_role_of_the_nightly_comparison_may_ask_all_that_drift_asks() -> None:
    for name in covering():
        given = _access(name)
        role = {action for one in (*given.reading, *given.comparing) for action in one["Action"]}
        asked = permitted("drift") | drift_table().actions({one.type for one in snapshot_of(name).resources})
        assert {str(one) for action in asked for one in matching(action)} - role == set(), name


def test_a_type_of_which_nothing_is_known_is_told_and_takes_its_service() -> None:
    snapshot = snapshot_of("dev")
    strange = replace(snapshot.resources[-1], type="aws:sfn/stateMachine:StateMachine", custom=True)
    given = access([replace(snapshot, resources=(strange,))], "shop", boundary_arn("shop"))
    assert given.unlisted == ("aws:sfn/stateMachine:StateMachine",)
    assert any("states:CreateStateMachine" in one["Action"] for one in given.deploying)


@pytest.mark.parametrize(
    ("arn", "wide"),
    [
        ("arn:aws:ecs:eu-west-1:111122223333:cluster/shop-dev", "arn:aws:ecs:*:111122223333:cluster/shop-*"),
        (
            "arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop/dev/app-1",
            "arn:aws:secretsmanager:*:111122223333:secret:shop/*",
        ),
        ("arn:aws:kms:eu-west-1:111122223333:key/1-2", "arn:aws:kms:*:111122223333:key/*"),
        ("arn:aws:iam::111122223333:role/workshop-1", "arn:aws:iam::111122223333:role/workshop-1"),
        ("arn:aws:s3:::acme-uploads", "arn:aws:s3:::acme-uploads"),
    ],
)
def test_an_arn_is_widened_to_the_platforms_name_and_never_beyond_its_kind(arn: str, wide: str) -> None:
    assert widened(arn, "shop") == wide


def _policies(whole: dict[str, Any]) -> dict[str, Any]:
    return {
        name: one["Properties"] for name, one in whole["Resources"].items() if one["Type"] == "AWS::IAM::ManagedPolicy"
    }


def test_the_largest_stacks_fit_into_iams_and_cloudformations_limits() -> None:
    for name in covering():
        whole = template(Foundation(_platform(name), GitHubPipelines("acme/shop"), ("prod",), _access(name)))
        text(whole)
        for policy in _policies(whole).values():
            said = json.dumps(policy["PolicyDocument"], separators=(",", ":"))
            assert len(said) - said.count('{"Fn::Sub":') * len('{"Fn::Sub":}') <= MOST_CHARACTERS, name


def test_what_does_not_fit_into_one_policy_is_cut_without_a_loss() -> None:
    one = {"Effect": "Allow", "Action": [f"ec2:Action{number}" for number in range(900)], "Resource": "*"}
    many = packed([one, {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"arn:{n}" for n in range(2000)]}])
    assert len(many) > 2
    assert {action for document in many for part in document for action in part["Action"]} == {
        *one["Action"],
        "s3:GetObject",
    }


def test_cfn_lint_finds_nothing_in_the_template() -> None:
    from cfnlint import api

    found = api.lint_all(text(_template()))
    assert [str(one) for one in found if not one.rule.id.startswith("I")] == []


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An account with nothing in it, whose CloudFormation knows all types of the template, and what it keeps when a stack goes."""
    from moto.cloudformation import models, parsing

    from tests.operations import cloudformation  # noqa: F401 - moto finds its types by themselves

    for known in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
        known.cache_clear()
    parse = models.Stack._parse_template

    def retaining(self: Any) -> None:
        parse(self)
        for one in self.template_dict["Resources"].values():
            if one.get("DeletionPolicy") == "RetainExceptOnCreate":
                one["DeletionPolicy"] = "Retain"

    monkeypatch.setattr(models.Stack, "_parse_template", retaining)
    # It would read the policy that its own CloudFormation gave it as text.
    monkeypatch.setattr("moto.kms.responses.validate_policy", lambda key, action: None)
    _instead(monkeypatch, "UpdateTerminationProtection", lambda arguments: {"StackId": arguments["StackName"]})
    with account(tmp_path, monkeypatch):
        yield


def _bootstrap(whole: dict[str, Any] | None = None) -> dict[str, str]:
    outputs = stacks.deploy(stacks.plan(open_account("dev"), whole or _template()), Clock().progress())
    # Moto's CloudFormation leaves it out.
    client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return dict(outputs)


def test_the_bucket_keeps_versions_and_answers_its_owner_over_tls_alone() -> None:
    resources = _template()["Resources"]
    bucket = resources["Bucket"]["Properties"]
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    [life] = bucket["LifecycleConfiguration"]["Rules"]
    assert life["NoncurrentVersionExpiration"]["NoncurrentDays"] == 90
    denied = resources["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert {"Deny"} == {one["Effect"] for one in denied}
    conditions = {key for one in denied for by in one["Condition"].values() for key in by}
    assert conditions == {"aws:SecureTransport", "s3:TlsVersion"}
    assert {resources[name]["DeletionPolicy"] for name in ("Bucket", "Key", "Provider")} == {"RetainExceptOnCreate"}


def test_it_makes_a_locked_bucket_a_rotated_key_and_roles_that_one_environment_each_may_take(empty: None) -> None:
    found = stacks.plan(open_account("dev"), _template())
    assert {action for action, _ in found.changes} == {"create"}
    outputs = stacks.deploy(found, Clock().progress())
    s3 = client("s3")
    assert outputs["Bucket"] == BUCKET
    [rule] = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == outputs["KeyArn"]
    assert client("kms").get_key_rotation_status(KeyId=outputs["KeyArn"])["KeyRotationEnabled"]
    iam = client("iam")
    [provider] = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    for kind, environments in (("preview", ["preview"]), ("drift", ["drift"]), ("deploy", ["dev", "prod"])):
        role = iam.get_role(RoleName=f"bootstrap-shop-{kind}")["Role"]
        [trust] = role["AssumeRolePolicyDocument"]["Statement"]
        said = trust["Condition"]["StringEquals"]
        assert said["token.actions.githubusercontent.com:sub"] == [
            f"repo:acme/shop:environment:{one}" for one in environments
        ]
        assert trust["Principal"]["Federated"] == provider["Arn"]
        assert role["Path"] == "/bootstrap/"
    assert client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["EnableTerminationProtection"]


def test_a_second_run_changes_nothing_and_a_new_layer_only_its_policies(empty: None) -> None:
    _bootstrap(template(Foundation("shop", GitHubPipelines("acme/shop"), ("dev", "prod"), _access("dev"))))
    more = _template()
    found = stacks.plan(open_account("dev"), more)
    assert found.changes
    assert {name.rstrip("0123456789") for _, name in found.changes} <= {
        "DeployPolicy",
        "DeployRole",
        "ReadingPolicy",
        "DriftPolicy",
        "PreviewPolicy",
    }
    stacks.deploy(found, Clock().progress())
    assert stacks.plan(open_account("dev"), more).changes == ()


def test_an_identity_provider_that_is_there_is_used_and_not_made_again(empty: None) -> None:
    client("iam").create_open_id_connect_provider(
        Url="https://token.actions.githubusercontent.com", ClientIDList=["sts.amazonaws.com"], ThumbprintList=[]
    )
    found = stacks.plan(open_account("dev"), _template())
    assert not found.creates_provider
    assert ("create", "Provider") not in found.changes
    stacks.deploy(found, Clock().progress())
    assert stacks.plan(open_account("dev"), _template()).changes == ()


_OF_CLOUDFORMATION = {
    "AWS::IAM::ManagedPolicy": "aws:iam/policy:Policy",
    "AWS::IAM::OIDCProvider": "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "AWS::IAM::Role": "aws:iam/role:Role",
    "AWS::KMS::Alias": "aws:kms/alias:Alias",
    "AWS::KMS::Key": "aws:kms/key:Key",
    "AWS::S3::Bucket": "aws:s3/bucket:Bucket",
    "AWS::S3::BucketPolicy": "aws:s3/bucketPolicy:BucketPolicy",
}


def test_what_it_asks_and_what_cloudformation_asks_for_it_is_in_the_table_of_permissions(
    empty: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_actions(monkeypatch)
    account = open_account("dev")
    for access_of in (_access("dev"), _access("dev", "prod")):
        whole = template(Foundation("shop", GitHubPipelines("acme/shop"), ("dev", "prod"), access_of))
        stacks.deploy(stacks.plan(account, whole), Clock().progress())
    stacks.remove(stacks.plan_removal(account), Clock().progress())
    beside = {
        # It is named by what a template is tagged with, when an update fails, and where a bucket holds no versions.
        *("cloudformation:TagResource", "cloudformation:DescribeStackEvents"),
        *("s3:DeleteObject", "s3:DeleteObjectVersion"),
    }
    assert asked == permitted("bootstrap", "--remove") - beside
    types = {one["Type"] for one in _template()["Resources"].values()}
    assert types == _OF_CLOUDFORMATION.keys()
    handlers = {str(action) for type_ in types for action in table().by_type[_OF_CLOUDFORMATION[type_]]}
    made = permitted("bootstrap", "cloudformation") - permitted("bootstrap", "always")
    assert made <= handlers
    assert {one for one in handlers if one.partition(":")[2].startswith(("Create", "Tag"))} <= permitted(
        "bootstrap", "cloudformation"
    )


def test_gitlab_s_branches_take_the_roles_and_any_branch_only_the_preview_s(
    empty: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a GitLab of one's own too, in place of GitHub, and back again."""
    monkeypatch.setattr("groundwork.cli.bootstrapping._snapshots", lambda name: [snapshot_of("dev")])
    asked = ["bootstrap", "dev", "--gitlab", "acme/web/shop", "--gitlab-host", "git.example.com", "--yes"]
    assert groundwork(asked) == 0
    said = capsys.readouterr().out
    assert "for jobs of acme/web/shop at GitLab" in said
    assert "role bootstrap-shop-deploy: pulumi up (the branch main)" in said
    where = "--repo https://git.example.com/acme/web/shop"
    assert f"glab variable set AWS_REGION {REGION} {where}\n" in said
    assert f"bootstrap-shop-deploy {where} --protected\n" in said
    assert f"bootstrap-shop-preview {where}\n" in said
    assert f'glab schedule create --cron "23 3 * * *" --description drift --ref main {where}\n' in said
    iam = client("iam")
    [provider] = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert provider["Arn"].endswith(":oidc-provider/git.example.com")
    branch = "project_path:acme/web/shop:ref_type:branch:ref:"
    audience = {"git.example.com:aud": "sts.amazonaws.com"}
    trusts = {
        kind: iam.get_role(RoleName=f"bootstrap-shop-{kind}")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
        for kind in ("preview", "drift", "deploy")
    }
    main = {"StringEquals": {**audience, "git.example.com:sub": [f"{branch}main"]}}
    anything = {"StringEquals": audience, "StringLike": {"git.example.com:sub": [f"{branch}*"]}}
    assert {kind: one["Condition"] for kind, one in trusts.items()} == {
        "preview": anything,
        "drift": main,
        "deploy": main,
    }
    assert {one["Principal"]["Federated"] for one in trusts.values()} == {provider["Arn"]}
    # Another host's provider is made beside it, and the old one stays.
    found = stacks.plan(
        open_account("dev"), template(Foundation("shop", GitHubPipelines("a/b"), ("dev",), _access("dev")))
    )
    assert ("update", "Provider") in found.changes
    assert found.creates_provider


def test_pipelines_that_deliver_are_told_their_variables_too(
    empty: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delivery = "  groundwork:delivery: {github: {repository: acme/shop, environments: [dev]}}\n"
    project(tmp_path, f"{STACK_FILE}{delivery}")
    monkeypatch.setattr("groundwork.cli.bootstrapping._snapshots", lambda name: [snapshot_of("dev")])
    assert groundwork(["bootstrap", "dev", "--repository", "acme/shop", "--yes"]) == 0
    said = capsys.readouterr()
    role = '"$(pulumi stack output delivery --stack dev)"'
    assert f"gh variable set AWS_DELIVERY_ROLE --repo acme/shop --env dev --body {role}" in said.out
    assert "gh variable set GROUNDWORK_DELIVERY --repo acme/shop --body true" in said.out
    assert """gh variable set GROUNDWORK_DRIFT_STACKS --repo acme/shop --body '["dev"]'""" in said.out
    assert "own_provider: false" in said.err


@pytest.mark.parametrize(("code", "said"), [(None, "not made by this command"), ("403", "taken by a bucket")])
def test_a_bucket_that_is_somebodys_is_refused_before_anything_is_made(
    empty: None, monkeypatch: pytest.MonkeyPatch, code: str | None, said: str
) -> None:
    client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    if code:
        _answer(monkeypatch, "HeadBucket", code)
    with pytest.raises(OperationError, match=said) as raised:
        stacks.plan(open_account("dev"), _template())
    assert "--bucket NAME" in str(raised.value)
    assert stacks.look(open_account("dev")).status == ""


def _instead(monkeypatch: pytest.MonkeyPatch, operation: str, answer: Callable[[dict[str, Any]], Any]) -> None:
    """Answer one operation in moto's place."""
    call = botocore.client.BaseClient._make_api_call

    def answered(self: Any, name: str, arguments: dict[str, Any]) -> Any:
        return answer(arguments) if name == operation else call(self, name, arguments)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", answered)


def _answer(monkeypatch: pytest.MonkeyPatch, operation: str, code: str, message: str = "No.") -> None:
    """Have AWS refuse one operation."""

    def refuse(_: dict[str, Any]) -> Any:
        raise botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, operation)

    _instead(monkeypatch, operation, refuse)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AccessDenied", "AWS does not allow it"),
        ("Throttling", "too many requests"),
        ("ExpiredToken", "the credentials have expired"),
        ("AlreadyExistsException", "AlreadyExistsException"),
    ],
)
def test_a_refusal_of_aws_says_what_was_being_done(
    empty: None, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    found = stacks.plan(open_account("dev"), _template())
    _answer(monkeypatch, "CreateStack", code)
    with pytest.raises(OperationError, match=f"deploying the CloudFormation stack {STACK}: .*{said}"):
        stacks.deploy(found, Clock().progress())


def _status(status: str) -> None:
    from moto.cloudformation.models import cloudformation_backends

    [one] = cloudformation_backends[ACCOUNT][REGION].stacks.values()
    one.status = status


def test_a_run_that_never_stood_is_removed_first(empty: None) -> None:
    client("cloudformation").create_stack(
        StackName=STACK, TemplateBody='{"Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {}}}}'
    )
    _status("ROLLBACK_COMPLETE")
    clock = Clock()
    found = stacks.plan(open_account("dev"), _template())
    assert {action for action, _ in found.changes} == {"create"}
    assert stacks.deploy(found, clock.progress())["Bucket"] == BUCKET
    assert "never stood (ROLLBACK_COMPLETE)" in clock.lines[0]


@pytest.mark.parametrize(
    ("status", "said"), [("UPDATE_IN_PROGRESS", "somebody changes"), ("UPDATE_ROLLBACK_FAILED", "put it right")]
)
def test_two_at_once_and_a_stack_that_cannot_be_changed_are_told(empty: None, status: str, said: str) -> None:
    _bootstrap()
    _status(status)
    for ask in (
        lambda: stacks.plan(open_account("dev"), _template()),
        lambda: stacks.plan_removal(open_account("dev")),
    ):
        with pytest.raises(OperationError, match=said):
            ask()


def test_another_name_for_the_bucket_of_a_state_is_refused(empty: None) -> None:
    _bootstrap()
    other = template(
        Foundation("shop", GitHubPipelines("acme/shop"), ("dev",), _access("dev", "prod"), bucket="elsewhere")
    )
    with pytest.raises(OperationError, match=f"the state is in {BUCKET}"):
        stacks.plan(open_account("dev"), other)


def test_without_state_all_goes_but_the_identity_provider(empty: None) -> None:
    outputs = _bootstrap()
    client("s3").put_object(Bucket=BUCKET, Key=".pulumi/meta.yaml", Body=b"version: 1")
    client("s3").put_object(Bucket=BUCKET, Key=".pulumi/locks/a", Body=b"")
    client("s3").delete_object(Bucket=BUCKET, Key=".pulumi/locks/a")
    found = stacks.plan_removal(open_account("dev"))
    assert found.held == ()
    stacks.remove(found, Clock().progress())
    assert client("s3").list_buckets()["Buckets"] == []
    assert client("kms").describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert client("iam").list_roles(PathPrefix="/bootstrap/")["Roles"] == []
    assert len(client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]) == 1
    with pytest.raises(OperationError, match="nothing to remove"):
        stacks.plan_removal(open_account("dev"))


def test_a_bucket_that_holds_state_stays_with_its_key_and_the_roles_go(empty: None) -> None:
    """An old version of a stack that was removed is state too."""
    outputs = _bootstrap()
    client("s3").put_object(Bucket=BUCKET, Key=".pulumi/stacks/shop/dev.json", Body=b"{}")
    client("s3").delete_object(Bucket=BUCKET, Key=".pulumi/stacks/shop/dev.json")
    found = stacks.plan_removal(open_account("dev"))
    assert found.held == (".pulumi/stacks/shop/dev.json",)
    assert not {"Bucket", "Key"} & set(found.removed)
    stacks.remove(found, Clock().progress())
    assert [one["Name"] for one in client("s3").list_buckets()["Buckets"]] == [BUCKET]
    assert client("kms").describe_key(KeyId=outputs["KeyArn"])["KeyMetadata"]["KeyState"] == "Enabled"
    assert client("iam").list_roles(PathPrefix="/bootstrap/")["Roles"] == []
    assert stacks.plan_removal(open_account("dev")).removed == []
    assert {action for action, _ in stacks.plan(open_account("dev"), _template()).changes} == {"create"}


def test_state_that_comes_while_it_is_removed_stops_it(empty: None) -> None:
    _bootstrap()
    found = stacks.plan_removal(open_account("dev"))
    client("s3").put_object(Bucket=BUCKET, Key=".pulumi/stacks/shop/dev.json", Body=b"{}")
    with pytest.raises(OperationError, match="nothing was removed"):
        stacks.remove(found, Clock().progress())
    assert len(client("iam").list_roles(PathPrefix="/bootstrap/")["Roles"]) == 3


def test_a_removal_that_was_interrupted_goes_on(empty: None, monkeypatch: pytest.MonkeyPatch) -> None:
    _bootstrap()
    found = stacks.plan_removal(open_account("dev"))
    with monkeypatch.context() as broken:
        _answer(broken, "DeleteStack", "Throttling")
        with pytest.raises(OperationError):
            stacks.remove(found, Clock().progress())
    stacks.remove(stacks.plan_removal(open_account("dev")), Clock().progress())
    assert stacks.look(open_account("dev")).status == ""


PROGRAM = (Path(__file__).parent.parent.parent / "__main__.py").read_text(encoding="utf-8")


def test_the_command_says_what_it_will_do_does_it_and_says_what_is_entered_where(
    empty: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "__main__.py").write_text(PROGRAM, encoding="utf-8")
    asked = ["bootstrap", "dev", "--repository", "acme/shop"]
    assert groundwork([*asked, "--dry-run"]) == 0
    said = capsys.readouterr()
    assert "+ role bootstrap-shop-deploy: pulumi up (environment dev)" in said.out
    assert "permissions_boundary: bootstrap/bootstrap-shop-boundary" in said.err
    assert stacks.look(open_account("dev")).status == ""
    # Each run of the program takes a second, and one has shown that it is run.
    monkeypatch.setattr("groundwork.cli.bootstrapping._snapshots", lambda name: [snapshot_of("dev")])
    assert groundwork(asked) == 2
    assert "say --yes" in capsys.readouterr().err
    assert groundwork([*asked, "--yes"]) == 0
    printed = capsys.readouterr().out
    assert f"gh variable set PULUMI_BACKEND_URL --repo acme/shop --body 's3://{BUCKET}?region={REGION}'" in printed
    role = f"arn:aws:iam::{ACCOUNT}:role/bootstrap/bootstrap-shop-deploy"
    assert f"gh variable set AWS_DEPLOY_ROLE --repo acme/shop --env dev --body {role}" in printed
    assert "GROUNDWORK_DELIVERY" not in printed
    assert groundwork([*asked, "--template", "t.json"]) == 0
    written = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))
    assert client("cloudformation").get_template(StackName=STACK)["TemplateBody"] == written
    capsys.readouterr()
    client("s3").put_object(Bucket=BUCKET, Key=".pulumi/stacks/shop/dev.json", Body=b"{}")
    assert groundwork(["bootstrap", "dev", "--remove", "--yes"]) == 1
    assert "it holds state (1 objects)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dev"], "--repository OWNER/NAME"),
        (["dev", "--repository", "acme"], "is no repository"),
        (["dev", "--repository", "acme/$(whoami)"], "is no repository"),
        (
            ["dev", "--repository", "acme/shop", "--gitlab", "acme/shop"],
            "--repository OWNER/NAME of GitHub, or --gitlab",
        ),
        (["dev", "--repository", "acme/shop", "--branch", "main"], "--branch go with --gitlab"),
        (["dev", "--gitlab", "acme"], '--gitlab: "acme" cannot be; write it as GROUP/PROJECT'),
        (["dev", "--gitlab", "acme/$(id)"], '--gitlab: "acme/$(id)" cannot be'),
        (["dev", "--gitlab", "acme/shop", "--gitlab-host", "https://git"], "write it as gitlab.example.com"),
        (["dev", "--gitlab", "acme/shop", "--branch", "ma*n"], '--branch: "ma*n" cannot be'),
        (["dev", "--repository", "acme/shop", "--bucket", "No"], "is no name of a bucket"),
        (["dev", "--remove", "--repository", "acme/shop"], "--remove takes nothing but stacks"),
        (["nope", "--repository", "acme/shop"], "there is no stack"),
    ],
)
def test_a_mistaken_call_ends_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    project(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert groundwork(["bootstrap", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_every_stack_bears_the_boundary_on_every_role_where_it_says_one(tmp_path: Path) -> None:
    def bound(config: Any) -> None:
        config["groundwork:platform"]["permissions_boundary"] = "bootstrap/bootstrap-shop-boundary"

    stack = changed("prod", tmp_path / "Pulumi.other.yaml", bound)
    roles = [one for one in run_found(stack).resources if one.type == "aws:iam/role:Role"]
    assert roles
    assert {one.inputs["permissionsBoundary"] for one in roles} == {
        "arn:aws:iam::111122223333:policy/bootstrap/bootstrap-shop-boundary"
    }
