"""The model of what conditions let in, held against an evaluator of IAM's own logic.

The suite takes a sample. ``CONTEXTS=1000000 python -m pytest tests/policies/test_conditions.py -k evaluator`` takes a million
requests (half a minute), ``SEED`` others than the usual ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from guardrails.documents import PolicyStatement, read
from guardrails.iam.conditions import FIXED, OF_PRINCIPAL, bound, parse, surely_applies
from guardrails.iam.patterns import contains, has_wildcard, matches, overlap
from guardrails.view import Node
from tests.policies.evaluator import Context, admits

CONTEXTS = int(os.environ.get("CONTEXTS", "12000"))
SEED = int(os.environ.get("SEED", "11"))
_REQUESTS = 24
"""Requests for each statement."""
Block = dict[str, dict[str, list[str]]]

_TEXTS = ["acme", "Acme", "acme-ci", "evil", "a*me", "repo:acme/shop", "true", "arn:aws:s3:::acme", ""]
_ARNS = [
    "arn:aws:iam::111122223333:role/ci",
    "arn:aws:iam::444455556666:role/ci",
    "arn:aws:s3:::acme",
    "arn:aws:s3:eu-west-1:111122223333:acme:x",
    "acme",
]
_ADDRESSES = ["198.51.100.7", "198.51.100.0/24", "203.0.113.9", "10.0.0.1", "2001:db8::1", "acme"]
_NUMBERS = ["0", "1", "5", "5.0", "900", "acme"]
_DATES = ["2024-01-01T00:00:00Z", "2025-06-01T12:00:00Z", "1704067200", "acme"]
_BINARIES = ["YWNtZQ==", "ZXZpbA==", "acme!"]
_KINDS = {
    "String": (
        ["StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"],
        [*_TEXTS, "${aws:PrincipalTag/team}", "${aws:principaltag/TEAM, 'acme'}", "${*}", "a${?}", "${$}"],
        _TEXTS,
    ),
    "Like": (
        ["StringLike", "StringNotLike"],
        ["*", "acme*", "*acme", "?cme", "a*e*", "${aws:PrincipalTag/team}*", "a${*}me", "x:Team", "${x:Team}", "evil"],
        _TEXTS,
    ),
    "Arn": (
        ["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"],
        [
            *_ARNS,
            "*",
            "arn:*",
            "arn:aws:iam::*:role/*",
            "arn:aws:iam::${aws:PrincipalTag/team}:role/ci",
            "arn:?ws:s3:::a*",
        ],
        _ARNS,
    ),
    "Address": (
        ["IpAddress", "NotIpAddress"],
        [*_ADDRESSES, "0.0.0.0/0", "::/0", "198.51.0.0/16"],
        _ADDRESSES,
    ),
    "Bool": (["Bool"], ["true", "false", "True", "acme"], ["true", "false", "acme"]),
    "Numeric": (
        [f"Numeric{suffix}" for suffix in ("Equals", "NotEquals", "LessThan", "GreaterThanEquals", "LessThanEquals")],
        _NUMBERS,
        _NUMBERS,
    ),
    "Date": (
        [f"Date{suffix}" for suffix in ("Equals", "NotEquals", "GreaterThan", "LessThanEquals")],
        _DATES,
        _DATES,
    ),
    "Binary": (["BinaryEquals"], _BINARIES, _BINARIES),
}
"""Operators, values of policies and values of requests that can meet."""
_KEYS = {"x:Team": "x:team", "x:One": "x:one", "aws:PrincipalTag/team": "aws:principaltag/team"}


def _block(random: Random, kind: str, *, several: bool = True) -> Block:
    operators, values, _ = _KINDS[kind]
    block: Block = {}
    for _ in range(random.choice((1, 1, 2, 3)) if several else 1):
        operator = random.choice(("", "", "ForAllValues:", "ForAnyValue:")) + random.choice(operators)
        operator += random.choice(("", "", "IfExists"))
        operator = "Null" if several and random.random() < 0.15 else operator
        chosen = random.sample(["true", "false"], random.choice((1, 1, 2))) if operator == "Null" else None
        some = chosen or random.sample(values, random.choice((0, 1, 1, 1, 2)))
        block.setdefault(operator, {})[random.choice((*_KEYS, "X:TEAM"))] = some
    return block


def _requests(random: Random, kind: str) -> Iterator[Context]:
    _, _, texts = _KINDS[kind]
    while True:
        context = {key: tuple(random.choices(texts, k=random.choice((0, 1, 1, 1, 2)))) for key in _KEYS.values()}
        yield {key: values for key, values in context.items() if values or random.random() < 0.5}


def _statement(block: Block, *, version: str = "2012-10-17") -> PolicyStatement:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", "Condition": block}
    return read(Node({"policy": {"Version": version, "Statement": statement}}), "policy").statements[0]


def _sample(count: int, *, several: bool = True) -> Iterator[tuple[Block, bool, list[Context]]]:
    """Statements, whether their language has variables, and requests for each: ``count`` requests in all."""
    random = Random(SEED)
    kinds = list(_KINDS)
    for _ in range(count // _REQUESTS):
        kind = random.choice(kinds)
        block = _block(random, kind, several=several)
        yield block, random.random() < 0.8, list(islice(_requests(random, kind), _REQUESTS))


def _conditions(block: Block, variables: bool) -> PolicyStatement:
    return _statement(block, version="2012-10-17" if variables else "2008-10-17")


def test_no_request_that_the_evaluator_lets_in_is_outside_the_bound() -> None:
    admitted = bounded = 0
    for block, variables, contexts in _sample(CONTEXTS):
        conditions = _conditions(block, variables).conditions
        bounds = {key: bound(conditions, key, ()) for key in _KEYS.values()}
        bounded += any(one.choices and not one.absent for one in bounds.values())
        for context in contexts:
            if admits(block, context, variables=variables):
                admitted += 1
                outside = [key for key, one in bounds.items() if not one.covers(context.get(key, ()))]
                assert outside == [], (block, context)
    assert admitted > CONTEXTS / 10
    assert bounded > CONTEXTS / _REQUESTS / 5


def test_what_asks_for_values_lets_in_exactly_what_the_evaluator_lets_in() -> None:
    """The model is no weaker than it has to be: it says no for what the evaluator refuses."""
    refused = 0
    for block, variables, contexts in _sample(CONTEXTS // 2, several=False):
        ((operator, keys),) = block.items()
        ((key, values),) = keys.items()
        if "Not" in operator or not values or any("${" in value for value in values):
            continue
        one = bound(_conditions(block, variables).conditions, key)
        for context in contexts:
            expected = admits(block, context, variables=variables)
            refused += not expected
            assert one.covers(context.get(key.lower(), ())) is expected, (block, context)
    assert refused > CONTEXTS / 20


def test_what_surely_applies_applies_to_every_request_of_the_evaluator() -> None:
    sure = 0
    for block, variables, contexts in _sample(CONTEXTS):
        conditions = _conditions(block, variables).conditions
        for context in contexts:
            for value in context.get("x:team", ())[:1]:
                if surely_applies(conditions, "x:Team", value):
                    sure += 1
                    assert admits(block, {**context, "x:team": (value,)}, variables=variables), (block, context)
    assert sure > CONTEXTS / 200


@pytest.mark.parametrize(
    ("block", "bounded"),
    [
        ({"Null": {"x:team": ["false"]}}, False),
        ({"StringNotLike": {"x:team": ["evil"]}}, False),
        ({"StringLike": {"x:team": ["*"]}}, False),
        ({"StringEqualsIfExists": {"x:team": ["acme"]}}, False),
        ({"ForAllValues:StringEquals": {"x:team": ["acme"]}}, False),
        ({"NumericGreaterThan": {"x:team": ["5"]}}, False),
        ({"StringEquals": {"x:team": ["${aws:RequestTag/team}"]}}, False),
        ({"StringEquals": {"x:team": ["${x:team}"]}}, False),
        ({"StringEquals": {"x:team": ["${aws:PrincipalTag/team}"]}}, False),
        ({"StringEquals": {"x:team": []}}, False),
        ({"StringEquals": {"x:team": ["acme"]}}, True),
        ({"stringequals": {"X:Team": ["acme"]}}, True),
        ({"ForAnyValue:StringLike": {"x:team": ["acme"]}}, True),
        ({"StringEqualsIfExists": {"x:team": ["acme"]}, "Null": {"x:team": ["false"]}}, True),
        ({"ForAllValues:StringEquals": {"x:team": ["acme"]}, "Null": {"x:team": ["false"]}}, True),
        ({"StringLike": {"x:team": ["*"]}, "StringEquals": {"x:team": ["acme"]}}, True),
        ({"StringEquals": {"x:team": ["acm${*}"]}}, True),
        ({"StringEquals": {"x:team": ["${aws:ResourceAccount}"]}}, True),
        ({"NumericEquals": {"x:team": ["5"]}}, True),
    ],
    ids=str,
)
def test_a_key_is_bounded_only_where_it_has_to_be_there_with_values_that_are_named(block: Block, bounded: bool) -> None:
    assert _statement(block).bounds("x:team", lambda pattern: not has_wildcard(pattern)) is bounded


def test_a_variable_of_the_principal_bounds_what_the_principal_itself_is_given() -> None:
    (one,) = bound(
        _statement({"StringLike": {"aws:ResourceTag/team": ["${aws:PrincipalTag/team}-*"]}}).conditions,
        "aws:resourcetag/team",
        OF_PRINCIPAL,
    ).choices
    assert one.values[0].pattern == f"{FIXED}-*"


def test_variables_are_text_in_the_language_of_2008() -> None:
    block = {"StringEquals": {"x:team": ["${aws:RequestTag/team}"]}}
    assert _statement(block, version="2008-10-17").bounds("x:team", lambda pattern: not has_wildcard(pattern))


def test_what_is_no_operator_is_no_condition() -> None:
    assert parse("StringIs", "x:team", ["acme"], variables=True) is None


def test_wildcards_take_no_time_that_grows_faster_than_the_texts() -> None:
    """Forty stars with letters between them, over a text that fits until its end: steps that search back never end."""
    hostile = "*a" * 40 + "b"
    assert not matches(hostile, "a" * 5000)
    assert not overlap(hostile, "a?" * 200 + "*d")
    assert not contains(hostile, "a*" * 200)
    assert matches("*a" * 40, "a" * 5000)
