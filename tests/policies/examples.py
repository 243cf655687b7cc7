"""``python -m tests.policies.examples``: the pack's examples, taken from the cases that prove its rules.

For each rule the first case that it fails and the best one that it passes, as Pulumi YAML. What the pack shows to people is
thereby run as a test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from groundwork.settings.data_file import read_data
from guardrails.catalogue import rules
from guardrails.examples import FILE
from tests.policies.fixtures import FOLDER, type_named

JUDGED = "example"
_REFERENCE = re.compile(r"->([\w-]+)(\??)$")


class _Dumper(yaml.SafeDumper):
    """Lists indented below their key, as people write them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def dumps() -> str:
    """The file of examples; rules without cases are left out."""
    tables = {rule: table for file in sorted(FOLDER.glob("*.yaml")) for rule, table in read_data(file).items()}
    found = {rule.name: _examples(tables[rule.name]) for rule in rules() if rule.name in tables}
    return json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _examples(table: Mapping[str, Any]) -> dict[str, str]:
    bad = _entries((table.get("fail") or [None])[0])
    good = _best([_entries(entry) for entry in table.get("pass") or ()], bad)
    settings = (bad or [{}])[0].get("$settings")
    shown = {"settings": json.dumps(settings) if settings else ""}
    for name, entries in (("bad", bad), ("good", good)):
        shown[name] = _program(table["type"], entries) if entries else ""
    return shown


def _entries(entry: Any) -> list[dict[str, Any]]:
    return [] if entry is None else entry if isinstance(entry, list) else [entry]


def _best(passing: list[list[dict[str, Any]]], bad: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The one most like the bad example: of its type, under its settings, and saying something."""

    def distance(entries: list[dict[str, Any]]) -> tuple[bool, bool, bool, bool]:
        subject, other = entries[0], (bad or [{}])[0]
        told = any(not key.startswith("$") for key in subject) or len(entries) > 1
        return (
            subject.get("$settings") != other.get("$settings"),
            subject.get("$kind") != other.get("$kind"),
            not told,
            "UNKNOWN" in str(entries),
        )

    return min(passing, key=distance, default=[])


def _program(kind: str, entries: list[dict[str, Any]]) -> str:
    subject = {key: value for key, value in entries[0].items() if not key.startswith("$")}
    resources = {JUDGED: (entries[0].get("$kind", kind), subject)}
    for entry in entries[1:]:
        ((words, properties),) = entry.items()
        around, name = words.split(" ")
        resources[name] = (around, properties)
    document = {
        name: {"type": _token(around), **({"properties": _value(properties)} if properties else {})}
        for name, (around, properties) in resources.items()
    }
    return yaml.dump({"resources": document}, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def _token(kind: str) -> str:
    """``aws:ec2:Vpc``, the short form."""
    package, module, name = type_named(kind).split(":")
    return f"{package}:{module.partition('/')[0]}:{name}"


def _value(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        if "$json" in value:
            return {"fn::toJSON": _value(value["$json"])}
        return {name: _value(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_value(item, key) for item in value]
    if value == "UNKNOWN":
        return _elsewhere(key)
    if value == "SECRET":
        return {"fn::secret": "…"}
    found = _REFERENCE.match(value) if isinstance(value, str) else None
    if not found:
        return value
    name = JUDGED if found[1] == "subject" else found[1]
    return f"${{{name}.{'arn' if key.lower().endswith('arn') else 'id'}}}"


def _elsewhere(key: str) -> str:
    """What a program writes for a value that is not known yet: an output of a resource that the example leaves out."""
    plural = key.removesuffix("s")
    name = plural.removesuffix("Arn").removesuffix("Id") or key
    name = name.lower() if name.isupper() else name
    return f"${{{name}.{'id' if plural.endswith('Id') or key.endswith('s') else 'arn'}}}"


if __name__ == "__main__":
    FILE.write_text(dumps(), encoding="utf-8")
