"""The role of pipelines: who may assume it, and that it may do what ``groundwork deploy`` asks for and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from groundwork.preview.snapshot import Snapshot
from groundwork.preview.stacks import run_stack
from groundwork.settings.loading import find_stack, load_stack
from groundwork.settings.mistakes import Mistakes
from tests.stacks import ROOT
from tests.writing import write_stack_file

ENGINES = {
    "fargate": "{engine: fargate}",
    "ec2": "{engine: ec2, instances: {max: 1}}",
    "app-runner": "{engine: app-runner}",
    "eks": "{engine: eks}",
}


def stack_file(compute: str = ENGINES["fargate"], delivery: str = "", more: str = "") -> str:
    return f"""\
config:
  aws:region: eu-west-1
  groundwork:platform: {{name: shop, stage: dev}}
  groundwork:network: {{cidr: 10.0.0.0/16}}
  groundwork:edge: {{}}
  groundwork:compute: {compute}
  groundwork:services:
    web: {{port: 8080, path: "/*"}}
    fixed: {{port: 8081, tag: "1", path: "/fixed/*"}}
  groundwork:delivery: {delivery or "{github: {repository: acme/shop, environments: [prod], branches: [main]}}"}
{more}"""


def snapshot(folder: Path, text: str) -> Snapshot:
    stack = find_stack("dev", write_stack_file(folder, text, main=str(ROOT)))
    return run_stack(stack, load_stack(stack), unknowns=False)


def role(found: Snapshot) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The trust of the role, and its statements by id."""
    [trusting] = [one for one in found.of_type("aws:iam/role:Role") if one.name == "shop-delivery"]
    [policy] = [one for one in found.of_type("aws:iam/rolePolicy:RolePolicy") if one.name == "shop-delivery"]
    statements = json.loads(policy.inputs["policy"])["Statement"]
    return json.loads(trusting.inputs["assumeRolePolicy"]), {one["Sid"]: one for one in statements}


@pytest.fixture(scope="module")
def on_fargate(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    jobs = "  groundwork:jobs: {migrate: {image: {from: web}, command: [migrate], when: before_deploy}}\n"
    files = "  groundwork:storage: {site: {purpose: static, cdn: true}}\n"
    return snapshot(tmp_path_factory.mktemp("fargate"), stack_file(more=jobs + files))


def test_jobs_of_the_named_environments_and_branches_are_trusted_letter_for_letter(on_fargate: Snapshot) -> None:
    trust, _ = role(on_fargate)
    [statement] = trust["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Principal"]["Federated"].endswith(":oidc-provider/token.actions.githubusercontent.com")
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": [
                "repo:acme/shop:environment:prod",
                "repo:acme/shop:ref:refs/heads/main",
            ],
        }
    }


def test_a_role_pushes_names_and_rolls_out_what_pipelines_own_and_nothing_else(on_fargate: Snapshot) -> None:
    _, allowed = role(on_fargate)
    arn = "arn:aws:{}:eu-west-1:111122223333:{}".format
    assert allowed["PushImages"]["Resource"] == [arn("ecr", "repository/shop/dev/web")]
    assert allowed["NameImages"]["Resource"] == [arn("ssm", "parameter/shop/dev/services/images/web")]
    assert all(re.fullmatch(r".*:service/shop-dev/shop-compute-\w+-\w+", one) for one in allowed["RollOut"]["Resource"])
    assert allowed["ReadJobs"]["Resource"] == [arn("ssm", "parameter/shop/dev/jobs/migrate")]
    assert allowed["RunJobs"]["Resource"] == [arn("ecs", "task-definition/shop-dev-migrate:*")]
    assert allowed["PassRoles"]["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    assert len(allowed["PassRoles"]["Resource"]) == 6
    assert all("*" not in one for one in allowed["PassRoles"]["Resource"])
    assert sorted(allowed["ReadLogs"]["Resource"]) == [
        arn("logs", f"log-group:/shop/dev/{name}:*") for name in ("services/fixed", "services/migrate", "services/web")
    ]


def test_what_takes_a_resource_is_for_one(on_fargate: Snapshot) -> None:
    """The rest AWS knows no resource for, or only that of a cluster."""
    _, allowed = role(on_fargate)
    everywhere = {name: one for name, one in allowed.items() if one["Resource"] == ["*"]}
    assert {name: one["Action"] for name, one in everywhere.items()} == {
        "LogIn": ["ecr:GetAuthorizationToken"],
        "FindFiles": ["tag:GetResources"],
        "FindCopies": ["ecs:ListServices", "ecs:ListTasks"],
        "ReadRevisions": ["ecs:DeregisterTaskDefinition", "ecs:DescribeTaskDefinition"],
    }
    assert everywhere["FindCopies"]["Condition"]["ArnEquals"]["ecs:cluster"].endswith(":cluster/shop-dev")


def test_static_files_are_uploaded_and_old_ones_forgotten(on_fargate: Snapshot) -> None:
    _, allowed = role(on_fargate)
    assert "s3:PutObject" in {action for one in allowed.values() for action in one["Action"]}
    assert allowed["ForgetOldFiles"]["Action"] == ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
    assert on_fargate.outputs["delivery"]["role"].startswith("arn:aws:iam::")
    assert set(on_fargate.outputs["buckets"]) >= {"site"}
    assert on_fargate.outputs["distribution"]


def test_on_instances_a_pipeline_starts_services_anew_and_runs_no_command_of_its_own(tmp_path: Path) -> None:
    jobs = "  groundwork:jobs: {migrate: {image: {from: web}, command: [migrate], when: before_deploy}}\n"
    found = snapshot(tmp_path, stack_file(ENGINES["ec2"], more=jobs))
    _, allowed = role(found)
    documents = {
        one.inputs["name"]: json.loads(one.inputs["content"]) for one in found.of_type("aws:ssm/document:Document")
    }
    assert set(documents) == {"shop-dev-restart", "shop-dev-job"}
    assert documents["shop-dev-restart"]["parameters"]["service"]["allowedValues"] == ["web", "fixed"]
    told = documents["shop-dev-job"]["parameters"]
    assert told["job"]["allowedValues"] == ["migrate"]
    pattern = re.compile(told["image"]["allowedPattern"])
    assert pattern.match("111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop/dev/web@sha256:" + "0" * 64)
    assert not any(pattern.match(f"web:1{evil}") for evil in ("'; reboot", "$(reboot)", " x"))
    assert sorted(allowed["RunDocuments"]["Resource"]) == [
        f"arn:aws:ssm:eu-west-1:111122223333:document/shop-dev-{name}" for name in ("job", "restart")
    ]
    assert allowed["OnInstances"]["Condition"] == {
        "StringEquals": {"ssm:resourceTag/platform": "shop", "ssm:resourceTag/stage": "dev"}
    }
    senders = [one for one in allowed.values() if "ssm:SendCommand" in one["Action"]]
    assert not any("AWS-RunShellScript" in arn for one in senders for arn in one["Resource"])


def test_app_runner_is_told_which_roles_its_services_keep(tmp_path: Path) -> None:
    found = snapshot(tmp_path, stack_file(ENGINES["app-runner"]).replace('path: "/fixed/*"', 'path: "/fixed/*"'))
    _, allowed = role(found)
    assert allowed["RollOut"]["Action"] == [
        "apprunner:DescribeService",
        "apprunner:ListOperations",
        "apprunner:UpdateService",
    ]
    assert all("*" not in one for one in (*allowed["RollOut"]["Resource"], *allowed["PassRoles"]["Resource"]))


def test_on_kubernetes_a_pipeline_may_change_the_namespace_of_the_services(tmp_path: Path) -> None:
    found = snapshot(tmp_path, stack_file(ENGINES["eks"]))
    _, allowed = role(found)
    assert allowed["ReachCluster"]["Action"] == ["eks:DescribeCluster"]
    [policy] = [
        one
        for one in found.of_type("aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
        if one.name.startswith("shop-delivery")
    ]
    assert policy.inputs["accessScope"] == {"type": "namespace", "namespaces": ["shop"]}
    assert policy.inputs["policyArn"].endswith("AmazonEKSEditPolicy")


def test_a_provider_that_the_account_has_is_not_created_again(tmp_path: Path) -> None:
    there = "{gitlab: {project: acme/web/shop, branches: [main]}, own_provider: false}"
    found = snapshot(tmp_path, stack_file(delivery=there))
    trust, _ = role(found)
    assert not found.of_type("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    [statement] = trust["Statement"]
    assert statement["Principal"]["Federated"] == "arn:aws:iam::111122223333:oidc-provider/gitlab.com"
    assert statement["Condition"]["StringEquals"]["gitlab.com:sub"] == [
        "project_path:acme/web/shop:ref_type:branch:ref:main"
    ]


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        ("{}", "names no pipeline; say github or gitlab"),
        ("{github: {repository: acme/shop}}", "any pull request could deliver; say environments"),
        ("{github: {repository: acme, branches: [main]}}", r"delivery\.github\.repository.*OWNER/NAME"),
        ('{github: {repository: acme/shop, branches: ["*"]}}', r"delivery\.github\.branches\[0\].*one branch such as"),
        ("{gitlab: {project: acme/shop, branches: []}}", "delivery.gitlab.branches"),
        ("{gitlab: {project: acme/shop, branches: [main], host: localhost}}", r"delivery\.gitlab\.host.*without https"),
    ],
)
def test_a_delivery_that_anybody_could_make_is_a_mistake(tmp_path: Path, delivery: str, said: str) -> None:
    with pytest.raises(Mistakes, match=said):
        load_stack(find_stack("dev", write_stack_file(tmp_path, stack_file(delivery=delivery), main=str(ROOT))))


def test_two_stacks_of_an_account_do_not_both_create_its_provider(tmp_path: Path) -> None:
    project = write_stack_file(tmp_path, stack_file(), main=str(ROOT))
    (project / "Pulumi.other.yaml").write_text(stack_file().replace("stage: dev", "stage: staging"), encoding="utf-8")
    with pytest.raises(Mistakes, match=r"identity provider of github\.com, of which an account has one.*false"):
        load_stack(find_stack("dev", project))


def test_a_pipeline_follows_and_ends_deployments_that_shift_requests_and_no_others(
    tmp_path: Path, on_fargate: Snapshot
) -> None:
    text = stack_file().replace('web: {port: 8080, path: "/*"}', 'web: {port: 8080, path: "/*", deployment: canary}')
    _, allowed = role(snapshot(tmp_path, text))
    [web] = [one for one in allowed["RollOut"]["Resource"] if "-web-" in one]
    assert allowed["FindShifts"]["Action"] == ["ecs:ListServiceDeployments"]
    assert allowed["FindShifts"]["Resource"] == [web]
    assert allowed["FollowShifts"]["Action"] == ["ecs:DescribeServiceDeployments", "ecs:StopServiceDeployment"]
    assert allowed["FollowShifts"]["Resource"] == [web.replace(":service/", ":service-deployment/") + "/*"]
    assert not {"FindShifts", "FollowShifts"} & set(role(on_fargate)[1])
