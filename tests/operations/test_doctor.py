"""The doctor: each thing that it looks at, where it is fine and where it is not, in an account that a test makes."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from groundwork.cli.main import run as groundwork
from groundwork.operations import doctor, permissions
from groundwork.operations.account import open_account
from groundwork.operations.doctor import Diagnosis, State, diagnose
from groundwork.operations.errors import OperationError
from groundwork.preview.snapshot import Snapshot
from guardrails.iam.services import matching
from tests.operations.asking import actions_of
from tests.operations.shop import ACCOUNT, REGION, STACK_FILE, account, client, push
from tests.stacks import covering, snapshot_of

DOMAIN = STACK_FILE.replace("stage: dev}", "stage: dev, domain: example.com}")
FILE = (
    DOMAIN
    + "  groundwork:secrets:\n    app: {keys: [SESSION_SECRET]}\n"
    + "  groundwork:delivery:\n    github: {repository: acme/shop, environments: [dev]}\n"
)


def _found(snapshot: Snapshot | None = None, *, delegated: bool | OSError = True, about: str = "") -> list[Diagnosis]:
    def dns(domain: str, servers: Sequence[str]) -> bool:
        if isinstance(delegated, OSError):
            raise delegated
        return delegated

    with pytest.MonkeyPatch.context() as patched:
        if about:
            patched.setattr(doctor, "_PARTS", {about: doctor._PARTS[about]})
        return list(diagnose(open_account("dev"), snapshot or snapshot_of("dev"), dns))


def _said(found: list[Diagnosis]) -> list[tuple[str, str]]:
    return [(one.state.value, one.words) for one in found]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with account(tmp_path, monkeypatch, FILE):
        yield


@contextmanager
def _answers(monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any]) -> Iterator[list[str]]:
    """Answer operations in moto's place, an exception by raising it; yield what was asked."""
    call = botocore.client.BaseClient._make_api_call
    asked: list[str] = []

    def answered(self: Any, name: str, arguments: dict[str, Any]) -> Any:
        asked.append(f"{self.meta.service_model.signing_name}:{name}")
        answer = answers.get(name)
        answer = answer(arguments) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return call(self, name, arguments) if answer is None else answer

    with monkeypatch.context() as patched:
        patched.setattr("botocore.client.BaseClient._make_api_call", answered)
        yield asked


def _refusal(code: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "No."}}, "Asked")


def _allow(value: float) -> dict[str, Any]:
    return {"GetServiceQuota": {"Quota": {"Value": value}}}


def test_the_root_user_and_a_region_that_is_off_are_told(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.state for one in _found(about="region")] == [State.FINE]
    root = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root"}
    off = {"Regions": [{"RegionName": REGION, "OptInStatus": "not-opted-in"}]}
    with _answers(monkeypatch, {"GetCallerIdentity": root, "DescribeRegions": off}):
        assert [one.state for one in _found(about="credentials")] == [State.TO_DO]
        [region] = _found(about="region")
    assert (region.state, region.next) == (State.FAILS, f"aws account enable-region --region-name {REGION}")


def test_the_region_of_the_copies_must_be_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = f"{FILE}  groundwork:recovery: {{region: eu-south-1}}\n"
    off = {"Regions": [{"RegionName": "eu-south-1", "OptInStatus": "not-opted-in"}]}
    with account(tmp_path, monkeypatch, copied), _answers(monkeypatch, {"DescribeRegions": off}):
        found = _found(about="region")
    assert [one.next for one in found if "eu-south-1" in one.words] == [
        "aws account enable-region --region-name eu-south-1"
    ]


def _linked(role: str) -> None:
    """Make a service-linked role, which moto gives another name than AWS does."""
    client("iam").create_role(RoleName=role, Path="/aws-service-role/any/", AssumeRolePolicyDocument="{}")


def test_a_linked_role_is_there_to_be_made_or_made_twice(shop: None) -> None:
    before = {one.words.split()[0]: one for one in _found(about="linked roles")}
    assert before["AWSServiceRoleForECS"].state is State.TO_DO
    _linked("AWSServiceRoleForECS")
    after = {one.words.split()[0]: one for one in _found(about="linked roles")}
    assert after["AWSServiceRoleForECS"].state is State.FINE
    made_by_stack = "aws:iam/serviceLinkedRole:ServiceLinkedRole"
    searching = next(
        one for one in map(snapshot_of, covering()) if made_by_stack in {each.type for each in one.resources}
    )
    [made] = [one for one in _found(searching, about="linked roles") if "OpenSearch" in one.words]
    assert made.state is State.FINE
    _linked("AWSServiceRoleForAmazonOpenSearchService")
    [twice] = [one for one in _found(searching, about="linked roles") if "OpenSearch" in one.words]
    assert (twice.state, twice.next) == (State.FAILS, "groundwork:search: {linked_role: false}")


def test_a_quota_counts_what_the_stack_takes_and_what_is_there(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with _answers(monkeypatch, _allow(10_000)):
        fine = {one.words.partition(":")[0]: one for one in _found(snapshot_of("prod"), about="quotas")}
    assert {one.state for one in fine.values()} == {State.FINE}
    # Moto's account begins with a VPC.
    assert "1 needed, 1 in use, 10000 allowed" in fine["VPCs per Region"].words
    with _answers(monkeypatch, _allow(1)):
        short = {one.words.partition(":")[0]: one for one in _found(snapshot_of("prod"), about="quotas")}
    vpcs = short["VPCs per Region"]
    assert vpcs.state is State.FAILS
    assert vpcs.next.endswith("--service-code vpc --quota-code L-F678F1CE --desired-value 2")
    assert short["Inbound or outbound rules per security group"].state is State.FAILS
    # Three services of one vCPU, ten copies of each, old and new ones side by side.
    assert "60 needed" in short["Fargate On-Demand vCPU resource count"].words
    with _answers(monkeypatch, _allow(100)):
        [instances] = [
            one for one in _found(snapshot_of("examples/ecs-web/prod"), about="quotas") if "Standard" in one.words
        ]
    assert "20 needed, 100 allowed" in instances.words


def test_virtual_processors_in_use_count_as_the_quotas_own_metric_tells_them(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dimensions = {"Service": "Fargate", "Type": "Resource", "Resource": "vCPU", "Class": "Standard/OnDemand"}
    for minutes, value in ((20, 90.0), (5, 38.5)):
        client("cloudwatch").put_metric_data(
            Namespace="AWS/Usage",
            MetricData=[
                {
                    "MetricName": "ResourceCount",
                    "Dimensions": [{"Name": name, "Value": said} for name, said in dimensions.items()],
                    "Timestamp": datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes),
                    "Value": value,
                }
            ],
        )
    metric = {
        "MetricNamespace": "AWS/Usage",
        "MetricName": "ResourceCount",
        "MetricDimensions": dimensions,
        "MetricStatisticRecommendation": "Maximum",
    }
    with _answers(monkeypatch, {"GetServiceQuota": {"Quota": {"Value": 98.0, "UsageMetric": metric}}}):
        [short] = [one for one in _found(snapshot_of("prod"), about="quotas") if "Fargate" in one.words]
    assert "60 needed, 38.5 in use, 98 allowed" in short.words
    assert (short.state, short.next.rpartition(" ")[2]) == (State.FAILS, "99")


def test_a_quota_that_was_never_raised_is_every_accounts_and_one_that_nobody_knows_is_told(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = _refusal("NoSuchResourceException")
    with _answers(monkeypatch, {"GetServiceQuota": unknown, "GetAWSDefaultServiceQuota": {"Quota": {"Value": 5.0}}}):
        assert any("5 allowed" in one.words for one in _found(about="quotas"))
    with _answers(monkeypatch, {"GetServiceQuota": unknown, "GetAWSDefaultServiceQuota": unknown}):
        assert {one.state for one in _found(about="quotas")} == {State.UNKNOWN}


def _named(type_: str, **inputs: Any) -> Snapshot:
    base = snapshot_of("dev")
    found = next(one for one in base.resources if one.type == type_)
    return replace(base, resources=(replace(found, inputs={**found.inputs, **inputs}),))


def test_a_name_that_is_free_is_fine_and_one_that_is_taken_fails(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _said(_found(about="names")) == [("fine", "no name that the stack gives is taken")]
    bucket = _named("aws:s3/bucket:Bucket", bucket="acme-uploads")
    client("s3").create_bucket(Bucket="acme-uploads", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert _said(_found(bucket, about="names")) == [
        ("will fail", "the bucket acme-uploads is in the account, and not this stack's")
    ]
    with _answers(monkeypatch, {"HeadBucket": _refusal("403")}):
        [somebodys] = _found(bucket, about="names")
    assert "somebody else's" in somebodys.words
    client("secretsmanager").create_secret(Name="shop/dev/app", SecretString="{}")
    client("logs").create_log_group(logGroupName="/shop/dev/services/web")
    client("ecr").create_repository(repositoryName="shop/dev/web")
    found = _found(about="names")
    assert [one.words.split()[1] for one in found] == ["secret", "log", "repository"]
    assert {one.state for one in found} == {State.FAILS}
    client("secretsmanager").delete_secret(SecretId="shop/dev/app")
    [deleted] = [one for one in _found(about="names") if "secret" in one.words]
    assert deleted.next == "aws secretsmanager delete-secret --secret-id shop/dev/app --force-delete-without-recovery"


def test_what_bears_the_stacks_tags_is_its_own_and_not_taken(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    client("ecr").create_repository(repositoryName="shop/dev/web")
    own = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/shop/dev/web"
    with _answers(monkeypatch, {"GetResources": {"ResourceTagMappingList": [{"ResourceARN": own, "Tags": []}]}}):
        assert [one.state for one in _found(about="names")] == [State.FINE]


def test_an_identity_provider_is_one_in_an_account(shop: None, tmp_path: Path) -> None:
    assert [one.state for one in _found(about="once")] == [State.FINE]
    client("iam").create_open_id_connect_provider(Url="https://token.actions.githubusercontent.com", ThumbprintList=[])
    [twice] = _found(about="once")
    assert (twice.state, twice.next) == (State.FAILS, "groundwork:delivery: {own_provider: false}")
    said = FILE.replace("    github:", "    own_provider: false\n    github:")
    (tmp_path / "Pulumi.dev.yaml").write_text(said, encoding="utf-8")
    assert [one.state for one in _found(about="once")] == [State.FINE]
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert [one.state for one in _found(about="once")] == [State.FAILS]


def test_a_domain_is_delegated_to_be_delegated_or_certificates_would_wait(shop: None, tmp_path: Path) -> None:
    assert _said(_found(about="domain")) == [("to do", "example.com has no hosted zone yet")]
    client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    assert _said(_found(about="domain")) == [("fine", "example.com is delegated to its hosted zone")]
    [undone] = _found(about="domain", delegated=False)
    assert (undone.state, undone.next[:25]) == (State.TO_DO, "enter at the registrar: n")
    assert [one.state for one in _found(about="domain", delegated=OSError("no answer"))] == [State.UNKNOWN]
    said = FILE + "  groundwork:edge: {zone: {delegated: true}}\n"
    (tmp_path / "Pulumi.dev.yaml").write_text(said, encoding="utf-8")
    [waiting] = _found(about="domain", delegated=False)
    assert (waiting.state, "certificates" in waiting.words) == (State.FAILS, True)


def test_an_image_is_to_come_pushed_or_missing(shop: None) -> None:
    assert {one.state for one in _found(about="images")} == {State.FINE}
    assert "placeholder" in _found(about="images")[0].words
    client("ecr").create_repository(repositoryName="shop/dev/web")
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop/dev/web:1"
    client("ssm").put_parameter(Name="/shop/dev/services/images/web", Value=image, Type="String")
    [missing] = [one for one in _found(about="images") if one.words.startswith("web")]
    assert (missing.state, missing.next) == (State.FAILS, f"docker push {image}")
    push("1")
    [pushed] = [one for one in _found(about="images") if one.words.startswith("web")]
    assert pushed.state is State.FINE


def test_a_secret_is_made_later_empty_or_filled_and_its_value_is_never_read(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _answers(monkeypatch, {}) as asked:
        assert [one.words for one in _found(about="secrets")] == [
            "app is made by the first update, empty; fill it then, before images"
        ]
        client("secretsmanager").create_secret(Name="shop/dev/app")
        [empty] = _found(about="secrets")
        assert (empty.state, empty.words) == (State.TO_DO, "app is empty: SESSION_SECRET")
        client("secretsmanager").put_secret_value(SecretId="shop/dev/app", SecretString="{}")
        assert [one.state for one in _found(about="secrets")] == [State.FINE]
    assert "secretsmanager:GetSecretValue" not in asked


def test_what_the_credentials_may_not_ask_is_not_known_and_the_rest_is_told(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _answers(
        monkeypatch,
        {
            "GetServiceQuota": _refusal("AccessDeniedException"),
        },
    ):
        found = _found()
    [quotas] = [one for one in found if one.about == "quotas"]
    assert quotas.state is State.UNKNOWN
    assert "servicequotas:GetServiceQuota" in quotas.words
    assert any(one.about == "secrets" for one in found)


def test_credentials_that_are_no_good_end_it_in_words(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        _answers(monkeypatch, {"DescribeRegions": _refusal("ExpiredToken")}),
        pytest.raises(OperationError, match="have expired"),
    ):
        _found()


def test_where_aws_is_busy_the_other_parts_are_asked(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with _answers(monkeypatch, {**_allow(10_000), "DescribeRegions": _refusal("Throttling")}):
        found = _found()
    [region] = [one for one in found if one.about == "region"]
    assert (region.state, "too many requests" in region.words) == (State.UNKNOWN, True)
    assert any(one.about == "secrets" for one in found)


def test_an_empty_account_is_fine_and_is_asked_nothing_that_the_list_of_permissions_lacks(
    shop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = permissions.actions("doctor")
    assert all(len(matching(one)) == 1 for one in listed)
    assert {action.level for one in listed for action in matching(one)} <= {"L", "R"}
    client("ecr").create_repository(repositoryName="shop/dev/other")
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop/dev/web:1"
    client("ssm").put_parameter(Name="/shop/dev/services/images/web", Value=image, Type="String")
    client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    with _answers(monkeypatch, {**_allow(10_000), "BatchGetImage": {"images": [{}], "failures": []}}) as asked:
        found = _found(snapshot_of("prod"))
    assert [one for one in found if one.state in (State.FAILS, State.UNKNOWN)] == []
    assert {one.about for one in found} == doctor._PARTS.keys()
    wanted = {action for request in asked for action in actions_of(request)}
    assert {one for one in wanted if one.lower() not in {entry.lower() for entry in listed}} == set()


def test_the_command_fits_into_80_columns_ends_with_1_where_something_fails_and_speaks_json(
    shop: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Run:
        snapshot = snapshot_of("dev")

    monkeypatch.setattr("groundwork.cli.running.run_stack", lambda name: Run)
    monkeypatch.setattr("groundwork.cli.diagnosing._is_delegated", lambda domain, servers: True)
    with _answers(monkeypatch, _allow(10_000)):
        assert groundwork(["doctor", "dev"]) == 0
        said = capsys.readouterr().out
        assert [line for line in said.splitlines() if len(line) > 80 and not line.strip().startswith("aws ")] == []
        assert "to do     linked roles  AWSServiceRoleForECS is not there" in said
        client("ecr").create_repository(repositoryName="shop/dev/web")
        assert groundwork(["doctor", "dev", "--json"]) == 1
    [failing] = [one for one in json.loads(capsys.readouterr().out) if one["state"] == "will fail"]
    assert (
        failing["words"] == "the repository shop/dev/web is there, and not this stack's; where it is empty, it goes by"
    )
