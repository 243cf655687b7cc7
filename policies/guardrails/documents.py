"""Policy documents: JSON text, or the same as an object, as a list of statements of one shape.

Elements and their forms follow the IAM user guide, "IAM JSON policy elements reference"
(reference_policies_elements.html).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from guardrails.view import Node, Opaque, cannot_read, first_opaque


class MalformedDocumentError(Exception):
    """The text is not a policy document."""


_ELEMENTS = frozenset(
    ("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition")
)
_PRINCIPALS = frozenset(("AWS", "Service", "Federated", "CanonicalUser"))


@dataclass(frozen=True)
class Statement:
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
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Operator, key and values; operator and key in lower case, as IAM compares them."""

    def condition_values(self, key: str, operators: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The values that any condition (of these operators) compares a key with."""
        return tuple(
            value
            for operator, name, values in self.conditions
            if name == key.lower() and (not operators or operator in operators)
            for value in values
        )


@dataclass(frozen=True)
class Document:
    """What of a document could be read, and what could not."""

    statements: tuple[Statement, ...]
    hidden: tuple[str, Opaque] | None = None
    version: str = ""

    def __iter__(self) -> Iterator[Statement]:
        """The readable statements; undetermined after the last of them if others could not be read."""
        yield from self.statements
        if self.hidden:
            raise cannot_read(*self.hidden)


def read(node: Node, path: str) -> Document:
    """The document at a path, empty where none is set; MalformedDocumentError when it is not a document."""
    value = node.node(path).value
    at = f"{node.path}.{path}" if node.path else path
    if value is None:
        return Document(())
    if isinstance(value, Opaque):
        raise cannot_read(at, value)
    return _parse_text(value) if isinstance(value, str) else _parse(value, at)


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> Document:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedDocumentError(f"it is not JSON: {error}") from error
    return _parse(value, "")


def measure(node: Node, path: str) -> int:
    """The characters of a document as IAM counts them: without white space; 0 where none is set."""
    value = node.get(path, "")
    if isinstance(value, str):
        try:
            value = json.loads(value) if value else ""
        except (ValueError, RecursionError):
            return len("".join(value.split()))
    return len("".join(json.dumps(value, separators=(",", ":"), ensure_ascii=False).split())) if value else 0


def _parse(value: Any, path: str) -> Document:
    if not isinstance(value, dict):
        raise MalformedDocumentError("it is not a JSON object")
    if "Statement" not in value:
        raise MalformedDocumentError("it has no Statement")
    items = value["Statement"]
    version = str(value["Version"]) if "Version" in value else ""
    if isinstance(items, Opaque):
        return Document((), (f"{path}.Statement".lstrip("."), items), version)
    items = items if isinstance(items, list) else [items]
    hidden: tuple[str, Opaque] | None = None
    statements: list[Statement] = []
    for index, item in enumerate(items):
        where = first_opaque(item, f"{path}.Statement[{index}]".lstrip("."))
        if where:
            hidden = hidden or where
        else:
            statements.append(_statement(item, index))
    return Document(tuple(statements), hidden, version)


def _statement(item: Any, index: int) -> Statement:
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
    return Statement(
        label=label,
        sid=str(item.get("Sid") or ""),
        allows=item["Effect"] == "Allow",
        actions=_strings(item.get("Action"), label, "Action"),
        not_actions=_strings(item.get("NotAction"), label, "NotAction"),
        resources=_strings(item.get("Resource"), label, "Resource"),
        not_resources=_strings(item.get("NotResource"), label, "NotResource"),
        principals=_principals(item.get("Principal"), label),
        not_principals=_principals(item.get("NotPrincipal"), label),
        conditions=_conditions(item.get("Condition"), label),
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


def _conditions(value: Any, label: str) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping) or not all(isinstance(keys, Mapping) for keys in value.values()):
        raise MalformedDocumentError(f"{label}: Condition is not an object of objects")
    return tuple(
        (operator.lower(), key.lower(), _strings(values, label, "Condition"))
        for operator, keys in value.items()
        for key, values in keys.items()
    )
