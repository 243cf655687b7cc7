"""Policies as somebody would write them who tries: whoever IAM lets in, by the evaluator, a rule has to name.

``CONTEXTS`` and ``SEED`` as in ``test_conditions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from random import Random
from typing import Any

from guardrails.catalogue import rules
from guardrails.judgement import Verdict, judge
from guardrails.principals import OWNER_KEYS
from guardrails.stack import Stack
from tests.policies.evaluator import Context, admits
from tests.policies.fixtures import build
from tests.policies.test_conditions import CONTEXTS, SEED

_RULES = {rule.name: rule for rule in rules()}
_ROUNDS = CONTEXTS // 24
Block = dict[str, dict[str, list[str]]]

_OURS = {
    "aws:PrincipalAccount": ["111122223333"],
    "aws:PrincipalArn": ["arn:aws:iam::111122223333:role/ci", "arn:aws:iam::111122223333:*"],
    "aws:PrincipalOrgID": ["o-ours"],
    "aws:PrincipalOrgPaths": ["o-ours/r-1/*", "o-ours/*"],
    "aws:SourceAccount": ["111122223333"],
    "aws:SourceArn": ["arn:aws:s3:::ours", "arn:aws:s3:*:*:ours", "arn:aws:sns:eu-west-1:111122223333:*"],
    "aws:SourceIp": ["198.51.100.0/24"],
    "aws:SourceVpce": ["vpce-0a1b"],
    "aws:userid": ["AROAOURS:*", "AIDAOURS"],
    "aws:VpceAccount": ["111122223333"],
}
"""What names us."""
_WIDE = {
    "aws:PrincipalAccount": ["*", "4444*", "????????????", "${aws:PrincipalTag/account}"],
    "aws:PrincipalArn": ["*", "arn:aws:iam::*:role/ci", "arn:*", "arn:aws:iam::${aws:PrincipalAccount}:role/ci"],
    "aws:PrincipalOrgID": ["*", "o-*", "${aws:PrincipalTag/org}"],
    "aws:PrincipalOrgPaths": ["*", "o-*/r-1/*"],
    "aws:SourceAccount": ["*", "4*"],
    "aws:SourceArn": [
        "*",
        "arn:aws:s3:::*",
        "arn:aws:s3:::*/*",
        "arn:aws:sns:*:*:orders",
        "arn:aws:s3:::${aws:PrincipalTag/b}",
    ],
    "aws:SourceIp": ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"],
    "aws:SourceVpce": ["*", "vpce-*", "vpce-????"],
    "aws:userid": ["*", "*:ci", "AROA*"],
    "aws:VpceAccount": ["*", "?44455556666"],
}
"""What leaves open who it is."""
_STRANGERS: list[Context] = [
    {
        "aws:principalaccount": ("444455556666",),
        "aws:principalarn": ("arn:aws:iam::444455556666:role/ci",),
        "aws:principalorgid": ("o-evil",),
        "aws:principalorgpaths": ("o-evil/r-1/ou-1/",),
        "aws:principaltag/account": ("444455556666",),
        "aws:principaltag/org": ("o-evil",),
        "aws:principaltag/b": ("evil",),
        "aws:userid": ("AROAEVIL:ci",),
        **network,
        **source,
    }
    for network, source in product(
        (
            {"aws:sourceip": ("203.0.113.9",)},
            {"aws:sourceip": ("45.0.0.1",)},
            {"aws:sourcevpce": ("vpce-evil",), "aws:vpceaccount": ("444455556666",)},
        ),
        (
            {},
            {"aws:sourceaccount": ("444455556666",), "aws:sourcearn": ("arn:aws:s3:::evil",)},
            {"aws:sourceaccount": ("444455556666",), "aws:sourcearn": ("arn:aws:sns:eu-west-1:444455556666:orders",)},
        ),
    )
]
_OPERATORS = {
    "aws:SourceIp": ["IpAddress", "NotIpAddress"],
    "aws:PrincipalArn": ["ArnLike", "ArnEquals", "ArnNotLike", "StringLike", "StringNotLike", "StringEquals"],
    "aws:SourceArn": ["ArnLike", "ArnEquals", "ArnNotLike", "StringLike", "StringNotEquals"],
}
_STRINGS = ["StringEquals", "StringLike", "StringNotEquals", "StringNotLike", "StringEqualsIgnoreCase"]

_SUBJECT = "token.actions.githubusercontent.com:sub"
_SUBJECTS = ["repo:acme/shop:ref:refs/heads/main", "repo:acme/*", "repo:acme/shop:*"]
_WIDE_SUBJECTS = [
    "*",
    "repo:*",
    "repo:acme*",
    "repo:acm?/shop:*",
    "repo:*/shop:*",
    "*:ref:refs/heads/main",
    "environment:prod",
]
_EVIL_SUBJECTS = [
    "repo:evil/shop:ref:refs/heads/main",
    "repo:acme-evil/shop:ref:refs/heads/main",
    "repo:acmx/shop:ref:refs/heads/main",
    "environment:prod",
]


def _operator(random: Random, bases: list[str]) -> str:
    scope, suffix = random.choice(("", "", "ForAnyValue:", "ForAllValues:")), random.choice(("", "", "IfExists"))
    return "Null" if random.random() < 0.1 else scope + random.choice(bases) + suffix


def _add(random: Random, block: Block, key: str, bases: list[str], values: list[str]) -> None:
    operator = _operator(random, bases)
    some = random.sample(values, random.choice((1, 1, 2))) if operator != "Null" else [random.choice(("true", "false"))]
    block.setdefault(operator, {})[key] = some


def _judge(rule: str, kind: str, subject: Mapping[str, object]) -> Verdict:
    stack: Stack = build(kind, [dict(subject)])
    return judge(_RULES[rule], stack.resources[0], stack).verdict


def _document(principal: object, block: Block) -> dict[str, object]:
    statement = {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": "*",
        "Condition": block,
    }
    return {"$json": {"Version": "2012-10-17", "Statement": [statement]}}


def test_every_key_that_strangers_are_tried_with_keeps_them_out() -> None:
    assert {key.lower() for key in _OURS} <= OWNER_KEYS.keys()


def test_a_policy_that_lets_a_stranger_in_is_public() -> None:
    random = Random(SEED)
    let_in = kept_out = 0
    for _ in range(_ROUNDS):
        block: Block = {}
        for key in random.sample(list(_OURS), random.choice((1, 1, 2))):
            _add(random, block, key, _OPERATORS.get(key, _STRINGS), [*_OURS[key], *_WIDE[key]])
        verdict = _judge("s3-policy-not-public", "s3/BucketPolicy", {"policy": _document("*", block)})
        if any(admits(block, stranger) for stranger in _STRANGERS):
            let_in += 1
            assert verdict is Verdict.FAIL, block
        else:
            kept_out += verdict is Verdict.PASS
    assert let_in > _ROUNDS / 3
    assert kept_out > _ROUNDS / 20


def test_a_trust_that_lets_in_a_strangers_repository_trusts_every_repository() -> None:
    random = Random(SEED)
    provider = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
    let_in = kept_out = 0
    for _ in range(_ROUNDS):
        block: Block = {}
        for _ in range(random.choice((1, 1, 2))):
            _add(random, block, _SUBJECT, _STRINGS, _SUBJECTS + _WIDE_SUBJECTS)
        trust = {"assumeRolePolicy": _document({"Federated": provider}, block)}
        verdict = _judge("iam-federation-limited", "iam/Role", trust)
        if any(admits(block, {_SUBJECT: (subject,)}) for subject in _EVIL_SUBJECTS) or admits(block, {}):
            let_in += 1
            assert verdict is Verdict.FAIL, block
        else:
            kept_out += verdict is Verdict.PASS
    assert let_in > _ROUNDS / 3
    assert kept_out > _ROUNDS / 20


_BUCKET = "arn:aws:s3:::ours"
_ACTIONS = ["s3:*", "*", "S3:*", "s3:?*", "s3:Get*", "s3:*Object", "s3:GetObject", "s3:*Bucket*", "s3:[!G]*"]
_RESOURCES = [
    _BUCKET,
    f"{_BUCKET}/*",
    f"{_BUCKET}*",
    "*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::other/*",
    f"{_BUCKET}/private/*",
]
_DENIED: list[Block] = [
    {"Bool": {"aws:SecureTransport": ["false"]}},
    {"BoolIfExists": {"aws:SecureTransport": ["false"]}},
    {"Bool": {"aws:SecureTransport": ["true", "false"]}},
    {"StringNotEquals": {"aws:SecureTransport": ["true"]}},
    {"Bool": {"aws:SecureTransport": ["false"]}, "StringNotEquals": {"aws:PrincipalAccount": ["111122223333"]}},
    {"Bool": {"aws:SecureTransport": ["false"]}, "Null": {"aws:SourceVpce": ["true"]}},
    {"Bool": {"aws:SecureTransport": ["false"]}, "StringLikeIfExists": {"aws:SourceVpce": ["*"]}},
    {"Bool": {"aws:SecureTransport": ["true"]}},
    {"Null": {"aws:SecureTransport": ["false"]}},
    {},
]
_PLAIN: list[tuple[str, str]] = [
    ("s3:GetObject", f"{_BUCKET}/private/a"),
    ("s3:GetObject", f"{_BUCKET}/b"),
    ("s3:PutObjectAcl", f"{_BUCKET}/b"),
    ("s3:ListBucket", _BUCKET),
    ("s3:PutBucketPolicy", _BUCKET),
    ("s3:GetEncryptionConfiguration", _BUCKET),
]


def _matches(patterns: list[str], text: str) -> bool:
    return any(admits({"StringLike": {"x": [pattern.lower()]}}, {"x": (text.lower(),)}) for pattern in patterns)


def _refused(statements: list[dict[str, Any]], action: str, resource: str, context: Context) -> bool:
    for one in statements:
        about = all(
            _matches(one[name], text) if name in one else not _matches(one[f"Not{name}"], text)
            for name, text in (("Action", action), ("Resource", resource))
        )
        if about and one["Principal"] in ("*", {"AWS": "*"}) and admits(one["Condition"], context):
            return True
    return False


def test_a_bucket_that_answers_any_request_without_tls_is_not_for_tls_only() -> None:
    random = Random(SEED)
    rounds = _ROUNDS // 2
    answering = closed = 0
    for _ in range(rounds):
        statements: list[dict[str, object]] = [
            {
                "Effect": "Deny",
                "Principal": random.choice(("*", "*", {"AWS": "*"}, {"AWS": "111122223333"})),
                random.choice(("Action", "Action", "Action", "NotAction")): random.sample(
                    _ACTIONS, random.choice((1, 2))
                ),
                random.choice(("Resource", "Resource", "NotResource")): random.sample(
                    _RESOURCES, random.choice((1, 2))
                ),
                "Condition": random.choice((*_DENIED[:4], *_DENIED)),
            }
            for _ in range(random.choice((1, 2, 3)))
        ]
        policy = {"$json": {"Version": "2012-10-17", "Statement": statements}}
        stack = build("s3/Bucket", [{"bucket": "ours"}, {"s3/BucketPolicy p": {"bucket": "ours", "policy": policy}}])
        verdict = judge(_RULES["s3-tls-only"], stack.resources[0], stack).verdict
        requests = [{**one, "aws:securetransport": ("false",)} for one in _STRANGERS[::4]]
        if all(_refused(statements, *one, request) for one in _PLAIN for request in requests):
            closed += verdict is Verdict.PASS
        else:
            answering += 1
            assert verdict is Verdict.FAIL, statements
    assert answering > rounds / 3
    assert closed > rounds / 20


_TAG = "aws:ResourceTag/team"
_OTHERS: list[Context] = [
    {"aws:principaltag/team": ("shop",), **tags, **request}
    for tags in (
        {},
        {"aws:resourcetag/team": ("desk",)},
        {"aws:resourcetag/team": ("",)},
        {"aws:resourcetag/team": ("prod",)},
    )
    for request in ({}, {"aws:requesttag/team": ("desk",)}, {"aws:requesttag/team": ("prod",)})
]
"""Requests of the team shop for what is not its own."""


def test_a_policy_that_reaches_what_is_others_is_not_limited() -> None:
    random = Random(SEED)
    values = ["shop", "shop-*", "${aws:PrincipalTag/team}", "*", "?*", "", "${aws:RequestTag/team}", f"${{{_TAG}}}"]
    reaching = limited = 0
    for _ in range(_ROUNDS):
        block: Block = {}
        for _ in range(random.choice((1, 1, 2))):
            _add(random, block, _TAG, _STRINGS, values)
        statement = {"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "*", "Condition": block}
        policy = {"$json": {"Version": "2012-10-17", "Statement": [statement]}}
        verdict = _judge("iam-changes-limited", "iam/RolePolicy", {"policy": policy})
        if any(admits(block, other) for other in _OTHERS):
            reaching += 1
            assert verdict is Verdict.FAIL, block
        else:
            limited += verdict is Verdict.PASS
    assert reaching > _ROUNDS / 3
    assert limited > _ROUNDS / 20
