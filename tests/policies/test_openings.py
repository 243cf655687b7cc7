"""What opens a thing, in every form that the provider has for it: no rule may know one form and miss another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from guardrails import kinds
from guardrails.catalogue import rules
from guardrails.judgement import Verdict, judge
from guardrails.ports import EGRESS_TYPES, INGRESS_TYPES, RULE_SYNTAX, RuleSyntax
from tests.policies.fixtures import build

RULES = {rule.name: rule for rule in rules()}
CLOSED, OPEN = "10.0.0.0/16", "0.0.0.0/0"
WORLDS = (
    (OPEN,),
    ("::/0",),
    ("0.0.0.0/1", "128.0.0.0/1"),
    tuple(f"{first}.0.0.0/8" for first in range(1, 224)),
    (CLOSED, OPEN),
)
"""Ways to write the whole internet."""
INGRESS = {
    "admin-ports-closed": ("tcp", 22, 22),
    "database-ports-closed": ("tcp", 5432, 5432),
    "all-ports-closed": ("-1", 0, 0),
    "only-web-ports-open": ("tcp", 7777, 7777),
    "allowed-open-ports": ("tcp", 7777, 7777),
    "web-port-at-balancers": ("tcp", 80, 80),
}
"""What each rule on openings must not find open to the internet."""
VALUES = {"allowed-open-ports": {"ports": [443]}}
ACL_RULES = ("nacl-admin-ports-closed", "nacl-not-all-ports")

Entries = list[dict[str, Any]]


def written(
    syntax: RuleSyntax, type_: str, traffic: tuple[str, int, int], ranges: tuple[str, ...], direction: str
) -> Entries:
    """One opening as a form has it; nothing where the form cannot say it."""
    protocol, first, last = traffic
    rule: dict[str, Any] = {syntax.protocol: protocol, "fromPort": first, "toPort": last}
    four, six = syntax.ranges
    by_family = {four: [one for one in ranges if ":" not in one], six: [one for one in ranges if ":" in one]}
    if syntax.lists == "prefixListId" and len(ranges) > 1:
        return []
    for path, several in by_family.items():
        if several:
            rule[path] = several if not path.startswith("cidrIpv") else several[0]
    subject = {syntax.blocks: [rule]} if syntax.blocks else rule
    return [{"$kind": type_, **subject, **({syntax.direction: direction} if syntax.direction else {})}]


def judged(rule: str, entries: Entries) -> Verdict:
    stack = build("ec2/SecurityGroup", entries)
    return judge(RULES[rule], stack.resources[0], stack, VALUES.get(rule)).verdict


@pytest.mark.parametrize("rule", INGRESS)
def test_a_rule_on_openings_knows_every_form_of_one(rule: str) -> None:
    assert set(RULES[rule].reads) == set(INGRESS_TYPES)
    for type_, syntax in RULE_SYNTAX["ingress"].items():
        for ranges in WORLDS:
            entries = written(syntax, type_, INGRESS[rule], ranges, "ingress")
            assert not entries or judged(rule, entries) is Verdict.FAIL, (type_, ranges[:2])
        assert judged(rule, written(syntax, type_, INGRESS[rule], (CLOSED,), "ingress")) is Verdict.PASS, type_


def test_a_rule_on_egress_knows_every_form_of_one() -> None:
    rule = "egress-not-all-protocols"
    assert set(RULES[rule].reads) == set(EGRESS_TYPES)
    for type_, syntax in RULE_SYNTAX["egress"].items():
        for ranges in WORLDS:
            entries = written(syntax, type_, ("-1", 0, 0), ranges, "egress")
            assert not entries or judged(rule, entries) is Verdict.FAIL, (type_, ranges[:2])
        assert judged(rule, written(syntax, type_, ("-1", 0, 0), (CLOSED,), "egress")) is Verdict.PASS, type_


def behind_lists(syntax: RuleSyntax, type_: str, ranges: tuple[str, ...], direction: str, *, inline: bool) -> Entries:
    """The same traffic, admitted by a prefix list whose entries stand inside it or beside it."""
    entries = [{"cidr": one} for one in ranges]
    rule: dict[str, Any] = {syntax.protocol: "-1", "fromPort": 0, "toPort": 0}
    rule[syntax.lists] = "->list?" if syntax.lists == "prefixListId" else ["->list?"]
    subject = {syntax.blocks: [rule]} if syntax.blocks else rule
    beside = [{f"ec2/ManagedPrefixListEntry e{n}": {"prefixListId": "->list?", **e}} for n, e in enumerate(entries)]
    return [
        {"$kind": type_, **subject, **({syntax.direction: direction} if syntax.direction else {})},
        {"ec2/ManagedPrefixList list": {"entries": entries} if inline else {}},
        *([] if inline else beside),
    ]


@pytest.mark.parametrize(
    ("rule", "direction"), [("prefix-list-not-internet", "ingress"), ("prefix-list-not-all-egress", "egress")]
)
def test_an_opening_behind_a_prefix_list_is_one_in_every_form(rule: str, direction: str) -> None:
    with_lists = {type_: syntax for type_, syntax in RULE_SYNTAX[direction].items() if syntax.lists}
    assert set(RULES[rule].reads) == set(with_lists)
    for type_, syntax in with_lists.items():
        for inline in (True, False):
            for ranges, expected in [*((world, Verdict.FAIL) for world in WORLDS), ((CLOSED,), Verdict.PASS)]:
                entries = behind_lists(syntax, type_, ranges, direction, inline=inline)
                assert judged(rule, entries) is expected, (type_, inline, ranges[:2])


def acl_forms(*entries: Mapping[str, Any]) -> Iterator[tuple[str, Entries]]:
    """The rules of an ACL inside it, inside the default one, beside either, and alone."""
    for type_ in ("ec2/NetworkAcl", "ec2/DefaultNetworkAcl"):
        yield f"inside {type_}", [{"$kind": type_, "ingress": list(entries)}]
        beside = [
            {f"ec2/NetworkAclRule r{number}": {"networkAclId": "->subject?", **_as_resource(entry)}}
            for number, entry in enumerate(entries)
        ]
        yield f"beside {type_}", [{"$kind": type_}, *beside]
    if len(entries) == 1:
        yield "alone", [{"$kind": "ec2/NetworkAclRule", "networkAclId": "acl-elsewhere", **_as_resource(entries[0])}]


def _as_resource(entry: Mapping[str, Any]) -> dict[str, Any]:
    names = {"action": "ruleAction", "ruleNo": "ruleNumber"}
    return {names.get(key, key): value for key, value in entry.items()}


def entry(action: str, number: int, protocol: str, ports: tuple[int, int], cidr: str) -> dict[str, Any]:
    path = "ipv6CidrBlock" if ":" in cidr else "cidrBlock"
    said = {"action": action, "ruleNo": number, "protocol": protocol, "fromPort": ports[0], "toPort": ports[1]}
    return {**said, path: cidr}


@pytest.mark.parametrize("cidr", [OPEN, "::/0"])
def test_a_rule_on_network_acls_knows_every_form_and_reads_them_in_order(cidr: str) -> None:
    everything = entry("allow", 300, "-1", (0, 0), cidr)
    denied = [entry("deny", 100 + n, "6", (port, port), cidr) for n, port in enumerate((22, 3389))]
    after = [{**one, "ruleNo": one["ruleNo"] + 400} for one in denied]
    nothing = entry("deny", 50, "-1", (0, 0), cidr)
    expected = {
        "admin": ([everything], [Verdict.FAIL, Verdict.FAIL]),
        "denied before": ([everything, *denied], [Verdict.PASS, Verdict.FAIL]),
        "denied after": ([everything, *after], [Verdict.FAIL, Verdict.FAIL]),
        "one of two denied": ([everything, denied[0]], [Verdict.FAIL, Verdict.FAIL]),
        "all denied before": ([everything, nothing], [Verdict.PASS, Verdict.PASS]),
        "from inside": ([entry("allow", 100, "-1", (0, 0), CLOSED)], [Verdict.PASS, Verdict.PASS]),
    }
    for name, (entries, verdicts) in expected.items():
        for form, written_ in acl_forms(*entries):
            assert [judged(rule, written_) for rule in ACL_RULES] == verdicts, (name, form)


def test_a_rule_resource_is_judged_with_its_acl_and_not_twice() -> None:
    acl: dict[str, Any] = {"ec2/NetworkAcl acl": {}}
    rule = {
        "$kind": "ec2/NetworkAclRule",
        "networkAclId": "->acl?",
        **_as_resource(entry("allow", 1, "-1", (0, 0), OPEN)),
    }
    assert [judged(name, [rule, acl]) for name in ACL_RULES] == [Verdict.PASS, Verdict.PASS]


def test_the_default_group_is_opened_by_whatever_names_it() -> None:
    closed = {"ec2/DefaultSecurityGroup closed": {"vpcId": "->subject?"}}
    for type_, syntax in RULE_SYNTAX["ingress"].items():
        if type_ in (kinds.SECURITY_GROUP_RULE, kinds.INGRESS_RULE):
            subject, *_ = written(syntax, type_, ("tcp", 443, 443), (CLOSED,), "ingress")
            rule = {key: value for key, value in subject.items() if key != "$kind"}
            for named in ("->closed?", "->closed", "->subject?"):
                opened: Entries = [{"$kind": "ec2/Vpc"}, closed, {f"{type_} rule": {**rule, "securityGroupId": named}}]
                assert judged("vpc-default-security-group-closed", opened) is Verdict.FAIL, (type_, named)
    assert judged("vpc-default-security-group-closed", [{"$kind": "ec2/Vpc"}, closed]) is Verdict.PASS
