"""The text report reads as Pulumi's own, at any width, and shows no secret."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from groundwork.preview import text
from groundwork.preview.changes.model import Action, Change, Changes, Loss, RefusedUpdate
from groundwork.preview.moves import Step, move
from groundwork.preview.snapshot import Resource, Snapshot, Source
from groundwork.preview.verdicts import Finding, InputEntry, Verdicts, judge
from guardrails.exemptions import Exemption
from guardrails.judgement import Verdict
from guardrails.rules import Level, Policy, Rule, Severity
from guardrails.view import Opaque
from tests.stacks import STACKS, snapshot_of

ROOT_URN = "urn:pulumi:dev::app::pulumi:pulumi:Stack::app-dev"


def resource(name: str, type_: str = "aws:ec2/vpc:Vpc", parent: str | None = ROOT_URN, urn: str = "") -> Resource:
    return Resource(urn or f"urn:pulumi:dev::app::{type_}::{name}", type_, name, True, parent, {}, {})


STACK = Resource(ROOT_URN, "pulumi:pulumi:Stack", "app-dev", False, None, {}, {})


def snapshot(*resources: Resource, **outputs: Any) -> Snapshot:
    return Snapshot("app", "dev", "eu-west-1", False, {}, (STACK, *resources), outputs)


ENCRYPTED = Rule(
    name="bucket-encrypted",
    title="Buckets are encrypted",
    severity=Severity.HIGH,
    why="Because.",
    fix="Encrypt\n  it.",
    reads=("aws:s3/bucket:Bucket",),
    check=lambda bucket: iter(()),
)
OF_THE_PACK = Policy(name="exception-expired", title="Exceptions end", severity=Severity.HIGH, why="So.", fix="Fix it.")
MEDIA = InputEntry("app-media", "urn:x", "aws:s3/bucket:Bucket", Source("components/storage.py", 12))


def finding(policy: dict[str, Any] | None = None, place: dict[str, Any] | None = None, **fields: Any) -> Finding:
    given: dict[str, Any] = {
        "rule": replace(ENCRYPTED, **policy or {}),
        "resource": MEDIA._replace(**place or {}),
        "level": Level.MANDATORY,
        "verdict": Verdict.FAIL,
        "message": "it is not encrypted",
        **fields,
    }
    return Finding(**given)


def verdicts(*findings: Finding) -> Verdicts:
    return Verdicts(findings, rules=40, resources=7, judgements=1200, passed=1100)


def shown(lines: list[Any]) -> str:
    return text.plain(lines)


def test_a_small_stack_looks_as_pulumi_shows_it() -> None:
    assert shown(text.tree(snapshot(resource("main")), None)) == (
        "     Type                 Name     Plan\n"
        " +   pulumi:pulumi:Stack  app-dev  create\n"
        " +   └─ aws:ec2:Vpc       main     create\n"
    )


def test_branches_show_who_belongs_to_whom() -> None:
    network = resource("net", "groundwork:network:Network")
    inner = [resource("net-a", parent=network.urn), resource("net-b", parent=network.urn)]
    lines = shown(text.tree(snapshot(network, *inner, resource("topic", "aws:sns/topic:Topic")), None)).splitlines()
    assert [line[5 : line.index(":") + 40].split("  net")[0].split("  topic")[0].rstrip() for line in lines[2:]] == [
        "├─ groundwork:network:Network",
        "│  ├─ aws:ec2:Vpc",
        "│  └─ aws:ec2:Vpc",
        "└─ aws:sns:Topic",
    ]


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:ec2/vpc:Vpc", "aws:ec2:Vpc"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:vpc:SecurityGroupIngressRule"),
        ("pulumi:pulumi:Stack", "pulumi:pulumi:Stack"),
        ("pulumi:providers:aws", "pulumi:providers:aws"),
        ("groundwork:edge:Ingress", "groundwork:edge:Ingress"),
        ("odd", "odd"),
    ],
)
def test_types_are_shown_short(token: str, expected: str) -> None:
    assert text.short_type(token) == expected


def test_names_give_way_first_and_keep_what_tells_them_apart() -> None:
    network = resource("a-rather-long-platform-name-network", "groundwork:network:Network")
    child = resource(
        f"{network.name}-private-a", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", network.urn
    )
    lines = shown(text.tree(snapshot(network, child), 80)).splitlines()
    assert "…-private-a" in lines[3]
    assert "aws:vpc:SecurityGroupIngressRule" in lines[3]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_the_tree_keeps_to_the_width_whatever_the_names(width: int) -> None:
    deep: str | None = ROOT_URN
    resources = []
    for level in range(6):
        item = resource(
            "x" * 60 + str(level), "aws:elasticloadbalancingv2/listenerCertificate:ListenerCertificate", deep
        )
        resources.append(item)
        deep = item.urn
    lines = shown(text.tree(snapshot(*resources), width)).splitlines()
    assert max(map(len, lines)) <= max(width, 61)


def test_outputs_are_shown_as_pulumi_shows_them_and_secrets_never() -> None:
    found = shown(
        text.outputs(
            snapshot(
                url="https://x",
                count=3,
                ready=True,
                nothing=None,
                password=Opaque.SECRET,
                arn=Opaque.UNKNOWN,
                nested={"b": "c", "empty": {}, "list": ["x", Opaque.SECRET]},
                none=[],
            )
        )
    )
    assert found == (
        "Outputs:\n"
        "    arn: [unknown]\n"
        "    count: 3\n"
        "    nested: {\n"
        '        b: "c"\n'
        "        empty: {}\n"
        "        list: [\n"
        '            [0]: "x"\n'
        "            [1]: [secret]\n"
        "        ]\n"
        "    }\n"
        "    none: []\n"
        "    nothing: null\n"
        "    password: [secret]\n"
        "    ready: true\n"
        '    url: "https://x"\n'
    )


def test_a_stack_without_outputs_shows_none() -> None:
    assert text.outputs(snapshot()) == []


def test_resources_are_counted() -> None:
    assert shown(text.counts(snapshot(resource("main")))) == "Resources:\n    + 2 to create\n"


def test_a_mandatory_finding_says_what_where_and_how_to_fix_it() -> None:
    found = shown(text.guardrails(verdicts(finding(), finding(place={"name": "app-logs", "source": None})), None))
    assert found == (
        "Guardrails:\n"
        "    40 rules judged 7 resources (1,200 checks): 2 mandatory and no advisory findings\n"
        "\n"
        "    mandatory high  bucket-encrypted\n"
        "        Buckets are encrypted\n"
        "        - app-media (aws:s3:Bucket): it is not encrypted\n"
        "          components/storage.py:12\n"
        "        - app-logs (aws:s3:Bucket): it is not encrypted\n"
        "        Fix: Encrypt it.\n"
        "\n"
        "    Why a rule is there, and how a resource is excepted from it: groundwork policies explain RULE\n"
    )


def test_mandatory_findings_stand_before_advisory_ones() -> None:
    advisory = finding({"name": "a-first", "severity": Severity.LOW}, level=Level.ADVISORY)
    found = shown(text.guardrails(verdicts(advisory, finding({"name": "z-last"})), None))
    assert found.index("mandatory high  z-last") < found.index("advisory low  a-first")


def test_excepted_findings_stay_visible_with_reason_and_end() -> None:
    exemption = Exemption(
        "exceptions[0]", "bucket-encrypted", "app-*", "legacy reader", "data-team", datetime.date(2027, 1, 31)
    )
    found = shown(text.guardrails(verdicts(finding(verdict=Verdict.EXCEPTED, exception=exemption)), None))
    assert "1 excepted" in found
    assert (
        "- bucket-encrypted on app-media: it is not encrypted; excepted until 2027-01-31 by data-team: legacy reader"
        in found
    )


def test_undetermined_judgements_are_counted_and_broken_rules_named() -> None:
    found = shown(
        text.guardrails(
            verdicts(
                finding(verdict=Verdict.UNDETERMINED),
                finding({"name": "buggy"}, verdict=Verdict.UNDETERMINED, message="rule failed: KeyError", broken=True),
            ),
            None,
        )
    )
    assert "2 undetermined" in found
    assert "buggy on app-media: rule failed: KeyError; this is a fault in the rule" in found


def test_a_finding_about_an_exception_has_no_resource_type() -> None:
    found = shown(
        text.guardrails(verdicts(finding(place=InputEntry("exceptions[0]")._asdict(), message="expired")), None)
    )
    assert "- exceptions[0]: expired" in found


def test_the_next_step_is_to_fix_or_to_deploy() -> None:
    assert "Next: fix the 1 mandatory finding, or except it" in shown(text.next_step(verdicts(finding()), "dev", None))
    assert "Next: fix the 2 mandatory findings, or except them" in shown(
        text.next_step(verdicts(finding(), finding()), "dev", None)
    )
    own = replace(finding(), rule=OF_THE_PACK)
    assert shown(text.next_step(verdicts(own), "dev", None)) == "Next: fix the 1 mandatory finding.\n"
    assert shown(text.next_step(verdicts(), "dev", None)) == "Next: pulumi up --stack dev\n"
    loss = Loss("a bucket", "every object", "", "take it back")
    gone = Change(Action.DELETE, "urn:x", "aws:s3/bucket:Bucket", "app-media", None, None, loss=loss)
    lossy = Changes("main", "", (gone,), 0)
    stopped = replace(lossy, refused=(RefusedUpdate("urn:x", gone.name, gone.type, "is protected"),))
    told = shown(text.next_step(verdicts(), "dev", None, changes=stopped))
    assert "pulumi up would stop there" in told
    assert "--stack" not in told
    assert "read again which data is lost" in shown(text.next_step(verdicts(), "dev", None, changes=lossy))
    assert (
        shown(text.next_step(verdicts(), "examples/shop/prod", None))
        == "Next: cd examples/shop && pulumi up --stack prod\n"
    )


def test_what_no_api_does_stands_before_the_next_step_and_only_where_it_is_needed() -> None:
    channel = resource("alerts", "aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration")
    found = shown(text.report(snapshot(channel, resource("main")), verdicts(), 80, "dev"))
    assert found.index("Needs by hand: the Slack workspace authorized") < found.index("Next: pulumi up")
    assert "by hand" not in shown(text.report(snapshot(resource("main")), verdicts(), 80, "dev"))


def test_what_the_settings_leave_open_is_noted_before_the_next_step() -> None:
    found = shown(text.report(snapshot(resource("main")), verdicts(), 80, "dev", hints=["nobody hears of this"]))
    assert found.index("Note: nobody hears of this.") < found.index("Next: pulumi up")


def test_functions_without_a_package_are_noted_with_how_to_make_it() -> None:
    kind = "aws:lambda/function:Function"
    function = replace(resource("resize", kind), inputs={"code": {"path": "build/functions/no-such.zip"}})
    packaged = replace(resource("other", kind), inputs={"code": {"path": "tests"}})
    found = " ".join(shown(text.report(snapshot(function, packaged), verdicts(), 80, "dev")).split())
    assert "Note: packages are missing, of 1 function; pulumi up wants them made: make functions." in found
    assert found.endswith("Next: make functions && pulumi up --stack dev")
    without = shown(text.report(snapshot(packaged), verdicts(), 80, "dev"))
    assert "Note:" not in without
    assert without.endswith("Next: pulumi up --stack dev\n")


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_reads_well_at_80_columns(stack: str) -> None:
    snapshot = snapshot_of(stack)
    judged = judge(snapshot, datetime.date(2026, 12, 1))
    lines = [line.plain for line in text.report(snapshot, judged, 80, stack)]
    outputs = {line.plain for line in text.outputs(snapshot)}
    # Addresses and paths are there to be copied, so they stay whole.
    too_long = [line for line in lines if len(line.rstrip()) > 80 and line not in outputs and " " in line.strip()]
    assert too_long == []
    assert sum(line.startswith(" +   ") for line in lines) == len(snapshot.resources)


def test_a_step_says_what_it_does_and_what_must_be_said_first() -> None:
    before, after = snapshot_of("examples/chat-app/prod@launch"), snapshot_of("examples/chat-app/prod@growth")
    step = Step("launch", "growth", move(before, after))
    said = shown(text.step_report(step, None))
    assert said.startswith("From launch to growth:\n    +  ")
    assert "    !  chat-app-compute-data (aws:ebs:Volume) is protected and would be deleted\n" in said
    assert "platform: {removable: [chat-app-compute-address-address, chat-app-compute-data]}" in said
    assert step.stops == []
    assert all(len(line.plain) <= 80 or " " not in line.plain.strip() for line in text.step_report(step, 80))
    assert "would be refused" in shown(text.next_step(verdicts(), "prod", None, "growth", step))


def test_shards_ask_for_the_stages_of_cluster_mode_until_the_stack_says_that_it_is_on() -> None:
    assert "cluster_mode: compatible" in shown(text.by_hand(snapshot_of("prod@millions"), None))
    assert shown(text.by_hand(snapshot_of("examples/storefront/prod@millions"), None)) == ""
