"""Programs of the kinds that public examples are, run offline and judged."""

from __future__ import annotations

import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from groundwork.preview import foreign
from groundwork.preview.engine import run_program
from groundwork.preview.reading import settings_of
from groundwork.preview.refusals.findings import with_refusals
from groundwork.preview.refusals.policy import REFUSED
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import Verdicts, judge
from guardrails.view import Opaque

FOLDER = Path(__file__).parent
PROGRAMS = sorted(folder.name for folder in (FOLDER / "public").iterdir())
EXPECTED = yaml.safe_load((FOLDER / "expected.yaml").read_text(encoding="utf-8"))


def ran(name: str, *, unknowns: bool = False) -> Snapshot:
    """In this process, since a process for each would import the SDKs each time; test_program_command has the other way."""
    project = foreign.read_project(FOLDER / "public" / name)
    stack = foreign.stack_name(project, None)
    configuration = foreign.read_configuration(project, stack, {})
    assert not configuration.secrets or name in ("wordpress", "configuration")
    return run_program(
        project.program,
        project=project.name,
        stack=stack,
        config=configuration.values,
        secrets=configuration.secrets,
        settings=settings_of(configuration.values),
        unknowns=unknowns,
    )


@cache
def known(name: str) -> Snapshot:
    return ran(name)


def verdicts(snapshot: Snapshot) -> Verdicts:
    return judge(snapshot, datetime.date(2026, 11, 28))


def grave(judged: Verdicts) -> set[tuple[str, str]]:
    return {(one.rule.name, one.resource.name) for one in judged.blocking if one.rule.severity in ("high", "critical")}


def expected(name: str) -> set[tuple[str, str]]:
    return {(rule, resource) for rule, resources in EXPECTED[name].items() for resource in resources}


def of(name: str) -> dict[str, Resource]:
    return {one.name: one for one in known(name).resources}


def test_there_are_twenty_of_them() -> None:
    assert set(PROGRAMS) == set(EXPECTED)
    assert len(PROGRAMS) == 20


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_public_program_runs_and_what_is_grave_in_it_is_found_and_nothing_else(name: str) -> None:
    judged = verdicts(known(name))
    found = grave(judged)
    assert found >= expected(name)
    # Whatever else a rule says of a resource with a mistake in it: of the others none says anything.
    assert {resource for _, resource in found} == {resource for _, resource in expected(name)}
    assert not [finding for finding in judged.findings if finding.broken]


def test_aws_refuses_nothing_of_programs_that_people_run() -> None:
    told = [
        f"{name}: {one.resource.name}: {one.message}"
        for name in PROGRAMS
        for one in with_refusals(verdicts(known(name)), known(name)).findings
        if one.rule is REFUSED
    ]
    assert told == []


def test_a_first_preview_of_each_runs_too_and_says_nothing_else() -> None:
    for name in PROGRAMS:
        judged = verdicts(ran(name, unknowns=True))
        assert not [finding for finding in judged.findings if finding.broken], name
        assert {resource for _, resource in grave(judged)} <= {resource for _, resource in expected(name)}, name


def test_a_token_of_the_registry_can_be_taken_apart() -> None:
    assert known("vpc-fargate").outputs["registry"] == Opaque.SECRET
    assert known("pipeline").outputs["registry"] == "https://111122223333.dkr.ecr.us-east-1.amazonaws.com"


def test_what_another_stack_exports_is_unknown_and_its_reference_is_no_resource() -> None:
    snapshot = known("stack-references")
    assert not [one for one in snapshot.resources if "StackReference" in one.type]
    assert snapshot.outputs == {"vpc": Opaque.UNKNOWN, "name": Opaque.UNKNOWN}


def test_what_is_only_read_is_no_part_of_the_stack_and_has_what_follows_from_its_id() -> None:
    resources = of("existing-resources")
    assert not {"shared", "deployer"} & set(resources)
    assert resources["new"].inputs["vpcId"] == "vpc-0123456789abcdef0"
    assert resources["new"].parent is None
    assert '"arn:aws:s3:::logs-of-example/*"' in resources["logs"].inputs["policy"]


def test_what_was_made_up_for_a_function_judges_nothing() -> None:
    resources = of("existing-resources")
    assert resources["database"].type == "aws:ssm/parameter:Parameter"
    assert resources["alias"].inputs["records"] == [Opaque.UNKNOWN]
    assert resources["from-bastion"].inputs["securityGroupId"].startswith("sg-")


def test_parts_that_are_elsewhere_are_told() -> None:
    assert [one.name for one in verdicts(known("eks-component")).unjudged.components] == ["main"]
    assert [one.name for one in verdicts(known("eks-workload")).unjudged.components] == ["ingress"]
    assert known("eks-component").outputs == dict.fromkeys(("for-people", "kubeconfig", "subnets"), Opaque.UNKNOWN)


def test_transforms_of_every_kind_reach_their_resources() -> None:
    queues = [one for one in known("components-and-transforms").resources if one.type == "aws:sqs/queue:Queue"]
    assert [one.inputs["sqsManagedSseEnabled"] for one in queues] == [True, True]
    assert [one.inputs["tags"] for one in queues] == [{"owner": "shop"}] * 2
    topics = [one for one in known("components-and-transforms").resources if one.type == "aws:sns/topic:Topic"]
    assert [one.inputs["kmsMasterKeyId"] for one in topics] == ["alias/aws/sns"] * 2


def test_secrets_of_the_configuration_stay_secret_unless_the_program_takes_them_for_none() -> None:
    resources = known("configuration").resources
    values = {one.name: one.inputs.get("value") for one in resources if one.type == "aws:ssm/parameter:Parameter"}
    assert values == {"key": Opaque.SECRET, "copy": Opaque.SECRET}
    assert known("configuration").outputs["host"] == Opaque.SECRET
    assert known("configuration").outputs["copied"] == foreign.HIDDEN_VALUE
    assert known("configuration").settings == {"platform": {"stage": "dev"}}


def test_a_manifest_inside_the_program_is_taken_apart() -> None:
    assert {"shop/colours", "shop/debugging"} <= set(of("eks-workload"))


@pytest.fixture(autouse=True)
def _where_they_are(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("AWS_REGION", raising=False)
