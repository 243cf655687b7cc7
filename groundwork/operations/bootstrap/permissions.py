"""What roles for ``pulumi up``, previews and drift may do, derived from what stacks build.

Actions come from the types of resources (``permissions.yaml``); the resources that they are allowed on from the stacks' own ARNs, up to the
platform's name, so that what a later phase adds of the same kind is allowed too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from groundwork.operations.drift.table import drift_table
from groundwork.operations.permissions import actions as operations_actions
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.data_file import read_data
from guardrails.iam.patterns import matches
from guardrails.iam.services import IamAction, forms, matching

_TABLE = Path(__file__).with_name("permissions.yaml")
_READING = ("L", "R")
_BOUNDED = "iam:permissionsboundary"

Statement = Mapping[str, Any]


@dataclass(frozen=True)
class StackAccess:
    """What the roles of some stacks' pipelines may do, as statements in which CloudFormation enters partition and account."""

    reading: tuple[Statement, ...]
    """For all of them: what there is, and no content of it."""
    deploying: tuple[Statement, ...]
    """For ``pulumi up``."""
    looking: tuple[Statement, ...]
    """For previews: also plain parameters."""
    comparing: tuple[Statement, ...]
    """For a refresh and ``groundwork drift``: also the values of the stack's own secrets, which are in its state, and who changed what."""
    unlisted: tuple[str, ...]
    """Types of which the table says nothing; all of their services is allowed for ``pulumi up``."""


def access(snapshots: Iterable[Snapshot], name: str, boundary_arn: str) -> StackAccess:
    """Derive what it takes to build what the snapshots hold of a platform's ``name``. Whoever is given a role must stay within the policy
    ``boundary_arn``."""
    resources = [
        one for snapshot in snapshots for one in snapshot.resources if one.custom and one.type.startswith("aws:")
    ]
    types = {one.type for one in resources}
    table = _table()
    listed, unlisted = types & table.by_type.keys(), sorted(types - table.by_type.keys())
    actions = {one for type_ in listed for one in table.by_type[type_]} | set(table.always)
    actions |= {one for type_ in unlisted for one in matching(f"{_service(type_)}:*")}
    actions = {one for one in actions if str(one) not in _NEVER}
    scope = _Scope({widened(arn, name) for one in resources for arn in _arns(one.outputs)}, name)
    plain = {one for one in actions if one.level in _READING and str(one) not in table.content}
    content = {one for one in actions if str(one) in table.content and one.level in _READING}
    parameters = {one for one in content if one.service == "ssm"}
    return StackAccess(
        reading=({"Effect": "Allow", "Action": _names(plain), "Resource": "*"},),
        deploying=tuple(scope.statements(actions - plain, boundary_arn)),
        looking=tuple(scope.statements(parameters, boundary_arn)),
        comparing=(
            *scope.statements(content, boundary_arn),
            *_decrypting(),
            {"Effect": "Allow", "Action": _names(_drift_actions(types) - plain - content), "Resource": "*"},
        ),
        unlisted=tuple(unlisted),
    )


def _drift_actions(types: Iterable[str]) -> set[IamAction]:
    """Return what ``groundwork drift`` asks for stacks with resources of these types."""
    names = operations_actions("drift") | drift_table().actions(types)
    return {one for name in names for one in matching(name)}


_NEVER = frozenset({"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"})
"""What would take a role out of its boundary."""


def _decrypting() -> Iterator[Statement]:
    """Yield the use of the keys of secrets, through Secrets Manager alone:
    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service"""
    via = {"StringLike": {"kms:ViaService": ["secretsmanager.*", "ssm.*"]}}
    yield {
        "Effect": "Allow",
        "Action": ["kms:Decrypt"],
        "Resource": [_entered(_own("arn:*:kms:*:*:key/*"))],
        "Condition": via,
    }


class _Scope:
    """The resources of a stack, as ARNs with wildcards."""

    def __init__(self, arns: Iterable[str], name: str) -> None:
        table = _table()
        named = {_form(service, tail.format(name=name)) for service, tails in table.named.items() for tail in tails}
        made = {
            one
            for one in arns
            if _service_of(one) not in table.named or _has(one, name) or "*" not in one.split(":", 5)[5]
        }
        self._arns = sorted(made | named | {_AWS_PARAMETERS})
        self._telling = {_service_of(one) for one in self._arns if _has(one, name)}
        """Services whose resources bear the platform's name."""

    def statements(self, actions: Iterable[IamAction], boundary_arn: str) -> Iterator[Statement]:
        """Yield what allows the actions, on the stack's own resources where the service can tell them apart; one statement for the actions
        of a service that are allowed on the same."""
        free: set[IamAction] = set()
        bounded: dict[str, tuple[set[IamAction], set[str]]] = {}
        scoped: dict[str, tuple[set[IamAction], set[str]]] = {}
        for action in actions:
            if not action.types:
                free.add(action)
                continue
            where = bounded if _BOUNDED in action.keys else scoped
            where.setdefault(action.service, (set(), set()))
            where[action.service][0].add(action)
            where[action.service][1].update(self._resources(action))
        if free:
            yield {"Effect": "Allow", "Action": _names(free), "Resource": "*"}
        inside = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn}}
        for found, condition in ((scoped, {}), (bounded, {"Condition": inside})):
            for service in sorted(found):
                names, on = found[service]
                yield {"Effect": "Allow", "Action": _names(names), "Resource": _shortest(on), **condition}

    def _resources(self, action: IamAction) -> Iterator[str]:
        """Yield what an action takes: of each kind the stack's own. Of a kind of which it has none, or whose names tell nothing, all in the
        account."""
        own = {kind: [arn for arn in self._arns if matches(kind, arn)] for kind in action.types}
        for kind, found in own.items():
            if action.service not in self._telling:
                yield ":".join([*_own(kind).split(":", 5)[:5], "*"])
            elif found:
                yield from found
            elif action.service in _table().beside or not any(own.values()):
                yield _own(kind)


def _has(arn: str, name: str) -> bool:
    """Tell whether the resource's own part of an ARN pattern has the platform's name."""
    return bool(re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", arn.split(":", 5)[5]))


def _form(service: str, tail: str) -> str:
    """Return the ARN pattern of what a service names so: some of its ARNs have no region, and S3's no account either."""
    variants = (f"arn:aws:{service}:{place}:{tail}" for place in (f"*:{_ACCOUNT}", f":{_ACCOUNT}", ":"))
    return next(arn for arn in variants if any(matches(kind, arn) for kind in forms(service)))


_AWS_PARAMETERS = "arn:aws:ssm:*::parameter/aws/service/*"
"""Public parameters, such as the newest machine image."""
_ACCOUNT = "111122223333"
"""Stands for the account until :func:`_entered`."""


def _service_of(arn: str) -> str:
    return arn.split(":", 3)[2]


def _entered(arn: str) -> str:
    """Return an ARN with what CloudFormation enters for partition and account."""
    return arn.replace("arn:aws:", "arn:${AWS::Partition}:", 1).replace(f":{_ACCOUNT}:", ":${AWS::AccountId}:", 1)


def _own(kind: str) -> str:
    """Return an ARN pattern of a service's, in one account."""
    start, _, service, region, account, rest = kind.split(":", 5)
    return ":".join((start, "aws", service, region, _ACCOUNT if account else "", rest))


def _shortest(arns: set[str]) -> list[str]:
    """Return ARNs without those that another one covers, as CloudFormation takes them."""
    left = {one for one in arns if not any(other != one and matches(other, one) for other in arns)}
    return sorted(map(_entered, left))


def _names(actions: Iterable[IamAction]) -> list[str]:
    return sorted(map(str, actions))


def _arns(outputs: Mapping[str, Any]) -> Iterator[str]:
    for key in ("arn", "id"):
        value = outputs.get(key)
        if isinstance(value, str) and value.startswith("arn:") and value.count(":") >= 5:
            yield value


def widened(arn: str, name: str) -> str:
    """Return an ARN for everything of its kind whose name begins with the platform's, in any region of the account.

    ``…:cluster/shop-dev`` becomes ``…:cluster/shop-*``; an id that AWS draws becomes ``*``, and another name stays as it is.
    """
    _, _, service, region, account, rest = arn.split(":", 5)
    found = re.search(rf"(?<![A-Za-z0-9-]){re.escape(name)}(?![A-Za-z0-9])", rest) or re.search(
        rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", rest
    )
    if found and found.end() < len(rest):
        rest = f"{rest[: found.end() + 1]}*"
    elif not found and service != "iam" and (drawn := _DRAWN.search(rest)):
        rest = f"{rest[: drawn.start()]}*"
    return f"arn:aws:{service}:{'*' if region else ''}:{_ACCOUNT if account else ''}:{rest}"


_DRAWN = re.compile(r"(?<=[/:])[^/:]*[0-9][^/:]*$")
"""The last part of an ARN, where it is no word."""


@dataclass(frozen=True)
class _Table:
    always: tuple[IamAction, ...]
    content: frozenset[str]
    named: Mapping[str, tuple[str, ...]]
    beside: frozenset[str]
    by_type: Mapping[str, tuple[IamAction, ...]]


@cache
def _table() -> _Table:
    data = read_data(_TABLE)
    return _Table(
        always=tuple(_actions(data["always"])),
        content=frozenset(str(one) for one in _actions(data["content"])),
        named={service: tuple(tails) for service, tails in data["named"].items()},
        beside=frozenset(data["beside"]),
        by_type={
            type_: (*_actions(row), *_actions(data["provider"].get(type_, {}))) for type_, row in data["types"].items()
        },
    )


def _actions(row: Mapping[str, Iterable[str]]) -> Iterator[IamAction]:
    for service, names in row.items():
        for name in names:
            [action] = matching(f"{service}:{name}")
            yield action


_SERVICES: Mapping[str, str] = {
    "alb": "elasticloadbalancing",
    "appautoscaling": "application-autoscaling",
    "cfg": "config",
    "cognito": "cognito-idp",
    "costexplorer": "ce",
    "ebs": "ec2",
    "efs": "elasticfilesystem",
    "lb": "elasticloadbalancing",
    "mq": "mq",
    "msk": "kafka",
    "opensearch": "es",
    "sesv2": "ses",
    "sfn": "states",
    "vpc": "ec2",
}
"""IAM's prefix where it is not the name of pulumi-aws's module."""


def _service(type_: str) -> str:
    module = type_.split(":")[1].partition("/")[0]
    return _SERVICES.get(module, module)
