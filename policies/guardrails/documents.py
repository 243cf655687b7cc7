"""Policy documents: JSON text, or the same as an object, as a list of statements of one shape.

Elements and their forms follow the IAM user guide, "IAM JSON policy elements reference"
(reference_policies_elements.html).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from guardrails.iam.conditions import OF_RESOURCE, Condition, bound, parse
from guardrails.view import Node, Opaque, cannot_read, first_opaque


class MalformedDocumentError(Exception):
    """The text is not a policy document."""


_ELEMENTS = frozenset(
    ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition")
)
VERSION_WITH_VARIABLES = "2012-10-17"
"""The version of the language in which ``${…}`` is a variable; in the one before, and where none is named, it is text."""
_PRINCIPALS = frozenset(("AWS", "Service", "Federated", "CanonicalUser"))


class PolicyStatement(NamedTuple):
    """One statement; a single value is a tuple of one, ``"Principal": "*"`` is ``(("*", "*"),)``."""

    label: str
    sid: str
    allows: bool
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    not_principals: tuple[tuple[str, str], ...]
    conditions: tuple[Condition, ...]
    """What they mean only ``guardrails.iam.conditions`` knows."""

    def bounds(self, key: str, named: Callable[[str], bool] = bool, fixed: tuple[str, ...] = OF_RESOURCE) -> bool:
        """Tell whether the conditions let in only requests in which a key is there, with values that are all named.

        See :func:`guardrails.iam.conditions.bound`; ``named`` is asked of the pattern of each value.
        """
        return bound(self.conditions, key, fixed).to(named)


@dataclass(frozen=True)
class PolicyDocument:
    """What of a document could be read, and what could not."""

    statements: tuple[PolicyStatement, ...]
    hidden: tuple[str, Opaque] | None = None
    version: str = ""

    def __iter__(self) -> Iterator[PolicyStatement]:
        """Yield the readable statements; undetermined after the last of them if others could not be read."""
        yield from self.statements
        if self.hidden:
            raise cannot_read(*self.hidden)


def read(node: Node, path: str) -> PolicyDocument:
    """Read the document at a path, empty where none is set; MalformedDocumentError when it is not a document."""
    value = node.node(path).value
    at = f"{node.path}.{path}" if node.path else path
    if value is None:
        return PolicyDocument(())
    if isinstance(value, Opaque):
        raise cannot_read(at, value)
    return _parse_text(value) if isinstance(value, str) else _parse(value, at)


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> PolicyDocument:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedDocumentError(f"it is not JSON: {error}") from error
    return _parse(value, "")


def measure(node: Node, path: str) -> int:
    """Count the characters of a document as IAM does: without white space; 0 where none is set."""
    value = node.get(path, "")
    if isinstance(value, str):
        try:
            value = json.loads(value) if value else ""
        except (ValueError, RecursionError):
            return len("".join(value.split()))
    return len("".join(json.dumps(value, separators=(",", ":"), ensure_ascii=False).split())) if value else 0


def _parse(value: Any, path: str) -> PolicyDocument:
    if not isinstance(value, dict):
        raise MalformedDocumentError("it is not a JSON object")
    if "Statement" not in value:
        raise MalformedDocumentError("it has no Statement")
    items = value["Statement"]
    version = str(value["Version"]) if "Version" in value else ""
    if isinstance(items, Opaque):
        return PolicyDocument((), (f"{path}.Statement".lstrip("."), items), version)
    items = items if isinstance(items, list) else [items]
    hidden: tuple[str, Opaque] | None = None
    statements: list[PolicyStatement] = []
    for index, item in enumerate(items):
        where = first_opaque(item, f"{path}.Statement[{index}]".lstrip("."))
        if where:
            hidden = hidden or where
        else:
            statements.append(_statement(item, index, version))
    return PolicyDocument(tuple(statements), hidden, version)


def _statement(item: Any, index: int, version: str) -> PolicyStatement:
    label = f"statement {index + 1}"
    if not isinstance(item, dict):
        raise MalformedDocumentError(f"{label} is not an object")
    if item.get("Sid"):
        label += f" ({item['Sid']})"
    if item.get("Effect") not in ("Allow", "Deny"):
        raise MalformedDocumentError(f"{label} has no Effect of Allow or Deny")
    if not ("Action" in item or "NotAction" in item):
        raise MalformedDocumentError(f"{label} has neither Action nor NotAction")
    unknown = sorted(str(element) for element in item if element not in _ELEMENTS)
    if unknown:
        raise MalformedDocumentError(f"{label} has {', '.join(unknown)}, which is no element of a statement")
    return PolicyStatement(
        label=label,
        sid=str(item.get("Sid") or ""),
        allows=item["Effect"] == "Allow",
        actions=_strings(item.get("Action"), label, "Action"),
        not_actions=_strings(item.get("NotAction"), label, "NotAction"),
        resources=_strings(item.get("Resource"), label, "Resource"),
        not_resources=_strings(item.get("NotResource"), label, "NotResource"),
        principals=_principals(item.get("Principal"), label),
        not_principals=_principals(item.get("NotPrincipal"), label),
        conditions=_conditions(item.get("Condition"), label, version),
    )


def _strings(value: Any, label: str, element: str) -> tuple[str, ...]:
    values = [] if value is None else value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in values):
        raise MalformedDocumentError(f"{label}: {element} is neither a string nor a list of strings")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def _principals(value: Any, label: str) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if isinstance(value, Mapping):
        unknown = sorted(str(kind) for kind in value if kind not in _PRINCIPALS and value[kind] is not None)
        if unknown:
            raise MalformedDocumentError(f"{label}: {', '.join(unknown)} is no kind of principal")
        return tuple((kind, name) for kind, names in value.items() for name in _strings(names, label, "Principal"))
    if value == "*":
        return (("*", "*"),)
    raise MalformedDocumentError(f"{label}: Principal is neither * nor an object")


def _conditions(value: Any, label: str, version: str) -> tuple[Condition, ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping) or not all(isinstance(keys, Mapping) for keys in value.values()):
        raise MalformedDocumentError(f"{label}: Condition is not an object of objects")
    found: list[Condition] = []
    for operator, keys in value.items():
        for key, values in keys.items():
            texts = _strings(values, label, "Condition")
            condition = parse(operator, key, texts, variables=version == VERSION_WITH_VARIABLES)
            if condition is None:
                raise MalformedDocumentError(f"{label}: {operator} is no condition operator of IAM")
            found.append(condition)
    return tuple(found)
