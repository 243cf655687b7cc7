"""Repairs: what is made good, what is left alone, and that secrets and unknowns pass through untouched."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest

from groundwork.preview.snapshot import Resource
from guardrails.remediation import TLS_POLICY, apply
from guardrails.view import Opaque
from tests.policies.engine_client import PackProcess, to_struct
from tests.policies.stacks import resource, stack

ON: dict[str, Any] = {
    "required-tags": {"enforcementLevel": "remediate", "keys": ["owner"], "defaults": {"owner": "platform-team"}},
    "s3-block-complete": "remediate",
    "alb-tls-policy": "remediate",
    "log-group-retention": "remediate",
    "log-retention-minimum": {"enforcementLevel": "remediate", "days": 400},
}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/k"
CERTIFICATE = "arn:aws:acm:eu-west-1:111122223333:certificate/c"


@pytest.fixture(scope="module")
def pack() -> Iterator[PackProcess]:
    """The pack's process, in which all that is repaired is."""
    with PackProcess() as started:
        started.configure(ON)
        yield started


@pytest.mark.parametrize(
    ("one", "changes", "who"),
    [
        (
            resource("sqs/Queue", "q", tags={"layer": "m", "secret": Opaque.SECRET}, kmsMasterKeyId=Opaque.UNKNOWN),
            {("tags", "owner"): "platform-team"},
            ["required-tags"],
        ),
        (resource("sqs/Queue", "q", policy=Opaque.SECRET), {("tags", "owner"): "platform-team"}, ["required-tags"]),
        (
            resource("s3/BucketPublicAccessBlock", "b", bucket=Opaque.UNKNOWN, blockPublicAcls=False, blockPublicPolicy=True),
            {("blockPublicAcls",): True, ("ignorePublicAcls",): True, ("restrictPublicBuckets",): True},
            ["s3-block-complete"],
        ),
        (
            resource("lb/Listener", "l", protocol="HTTPS", sslPolicy="ELBSecurityPolicy-2016-08", certificateArn=CERTIFICATE, loadBalancerArn=Opaque.UNKNOWN),
            {("sslPolicy",): TLS_POLICY},
            ["alb-tls-policy"],
        ),
        (
            resource("cloudwatch/LogGroup", "g", tags={"owner": "x"}, kmsKeyId=Opaque.UNKNOWN, retentionInDays=30),
            {("retentionInDays",): 400},
            ["log-retention-minimum"],
        ),
        (
            resource("cloudwatch/LogGroup", "g", tags={"owner": "x"}, skipDestroy=None),
            {("retentionInDays",): 365},
            ["log-group-retention", "log-retention-minimum"],
        ),
    ],
)  # fmt: skip
def test_what_fails_is_repaired_and_the_rest_goes_back_as_it_came(
    one: Resource, changes: Any, who: list[str], pack: PackProcess
) -> None:
    properties, by = pack.remediate(one)
    if who == ["log-group-retention", "log-retention-minimum"]:
        changes = {("retentionInDays",): 400}
    assert properties == to_struct(apply(one.inputs, changes))
    assert by == who


@pytest.mark.parametrize(
    "one",
    [
        resource("sqs/Queue", "q", tags=Opaque.UNKNOWN),
        resource("sqs/Queue", "q", tags=Opaque.SECRET),
        resource("sqs/Queue", "q", tags={"owner": Opaque.UNKNOWN}),
        resource("lb/Listener", "l", protocol="HTTPS", sslPolicy=Opaque.UNKNOWN),
        resource("cloudwatch/LogGroup", "g", tags={"owner": "x"}, retentionInDays=Opaque.UNKNOWN),
        resource("ec2/Vpc", "v", tags={"owner": "x"}),
    ],
)
def test_what_is_unknown_secret_or_sound_is_left_alone(one: Resource, pack: PackProcess) -> None:
    assert pack.remediate(one) == (to_struct(one.inputs), [])


def test_nothing_is_repaired_unless_the_level_says_so() -> None:
    group = resource("cloudwatch/LogGroup", "g")
    with PackProcess() as pack:
        for levels in ({}, {"log-group-retention": "mandatory"}):
            pack.configure(levels)
            assert pack.remediate(group) == (to_struct({}), [])


def test_what_is_excepted_is_not_repaired() -> None:
    entry = {
        "rule": "log-group-retention",
        "resource": "g",
        "reason": "An auditor reads it all",
        "owner": "audit",
        "expires": (datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=9)).isoformat(),
    }
    group = resource("cloudwatch/LogGroup", "g", tags={"owner": "x"})
    with PackProcess(config={"groundwork:exceptions": [entry]}) as pack:
        pack.configure({"log-group-retention": "remediate"})
        assert pack.remediate(group)[1] == []


def test_what_was_repaired_passes_its_rule(pack: PackProcess) -> None:
    group = resource("cloudwatch/LogGroup", "g", tags={"owner": "x"}, kmsKeyId=KEY)
    properties, _ = pack.remediate(group)
    days = int(properties.fields["retentionInDays"].number_value)
    after = stack(resource("cloudwatch/LogGroup", "g", tags={"owner": "x"}, kmsKeyId=KEY, retentionInDays=days))
    assert [v.rule for v in pack.judge(after)] == []
