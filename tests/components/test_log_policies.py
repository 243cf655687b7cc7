"""What lets services of AWS write logs: few policies, and none that another stack's takes the place of."""

from __future__ import annotations

import json

import pytest

from groundwork.preview.snapshot import Snapshot
from tests.components.test_edge import edge
from tests.requirements import proves

POLICY = "aws:cloudwatch/logResourcePolicy:LogResourcePolicy"


def policies(snapshot: Snapshot) -> dict[tuple[str, str], set[str]]:
    """Region and name of each policy, and the log groups that may be written."""
    return {
        (policy.inputs.get("region", snapshot.region), policy.inputs["policyName"]): {
            statement["Resource"].split(":log-group:")[1]
            for statement in json.loads(policy.inputs["policyDocument"])["Statement"]
        }
        for policy in snapshot.of_type(POLICY)
    }


def test_one_policy_stands_for_all_logs_of_a_platform_in_us_east_1() -> None:
    """An account has ten in a region."""
    assert policies(edge()) == {
        ("us-east-1", "shop-prod-ap-south-1-edge"): {
            "aws-waf-logs-shop-prod-ap-south-1-cloudfront:*",
            "/aws/route53/example.com:*",
        }
    }


@proves("C-09")
@pytest.mark.parametrize("other", [{"stage": "dev"}, {"region": "us-east-1"}, {"name": "blog"}])
def test_a_stack_takes_no_other_stacks_policies_away(other: dict[str, str]) -> None:
    """AWS overwrites by name, so that removing one stack would silently end the other's logs."""
    waf = {"waf": {"load_balancer": True}}
    assert len(policies(edge(waf))) == 2
    assert not policies(edge(waf)).keys() & policies(edge(waf, **other)).keys()


def test_each_policy_covers_the_log_groups_that_there_are_and_writers_wait_for_it() -> None:
    snapshot = edge({"waf": {"load_balancer": True}})
    groups = {group.inputs["name"] for group in snapshot.of_type("aws:cloudwatch/logGroup:LogGroup")}
    covered = {path.removesuffix(":*") for paths in policies(snapshot).values() for path in paths}
    assert covered == {name for name in groups if name.startswith(("aws-waf-logs-", "/aws/route53/"))}
    writers = snapshot.of_type(
        "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", "aws:route53/queryLog:QueryLog"
    )
    assert len(writers) == 3
    permissions = {policy.urn for policy in snapshot.of_type(POLICY)}
    assert all(permissions & set(writer.dependencies) for writer in writers)


def test_queries_alone_or_requests_alone_are_all_that_is_let_in() -> None:
    assert [*policies(edge({"waf": None})).values()] == [{"/aws/route53/example.com:*"}]
    assert [*policies(edge(domain=None)).values()] == [{"aws-waf-logs-shop-prod-ap-south-1-cloudfront:*"}]
    assert not policies(edge({"waf": None}, domain=None))
