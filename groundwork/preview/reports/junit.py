"""Verdicts as JUnit XML: a suite for each topic; a case for each rule and resource that is found, one for each rule that is not.

A mandatory finding is a failure. What is only advice, excepted, known or not to be told is skipped, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from xml.etree import ElementTree

from groundwork.preview.reports.escaping import printable
from groundwork.preview.verdicts import Finding, Verdicts, fix_of
from guardrails.catalogue import rules

_OTHERS = "pack"


def dumps(verdicts: Verdicts) -> str:
    topics = {rule.name: rule.topic for rule in rules()}
    found = [finding for finding in verdicts.findings if finding.blocks or not finding.broken]
    passed = sorted(verdicts.judged - {finding.rule.name for finding in found})
    root = ElementTree.Element("testsuites", name="guardrails")
    for topic in [*dict.fromkeys(topics.values()), _OTHERS]:
        mine = sorted((f for f in found if f.rule.topic == topic), key=lambda f: (f.rule.name, f.resource.urn))
        cases = [
            *(
                _case(topic, list(group))
                for _, group in groupby(mine, key=lambda f: (f.rule.name, f.resource.urn or f.message))
            ),
            *(_passed(topic, name) for name in passed if topics.get(name) == topic),
        ]
        if cases:
            root.append(_suite(topic, cases))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in root)))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(topic: str, cases: list[ElementTree.Element]) -> ElementTree.Element:
    counts = {
        "tests": len(cases),
        "failures": _having(cases, "failure"),
        "errors": 0,
        "skipped": _having(cases, "skipped"),
    }
    suite = ElementTree.Element("testsuite", {"name": topic, **{key: str(count) for key, count in counts.items()}})
    suite.extend(cases)
    return suite


def _having(cases: Iterable[ElementTree.Element], tag: str) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _passed(topic: str, name: str) -> ElementTree.Element:
    return ElementTree.Element("testcase", classname=f"guardrails.{topic}.{name}", name=name, time="0")


def _case(topic: str, findings: list[Finding]) -> ElementTree.Element:
    worst = next((finding for finding in findings if finding.blocks), findings[0])
    case = ElementTree.Element(
        "testcase",
        classname=f"guardrails.{topic}.{worst.rule.name}",
        name=printable(f"{worst.rule.name} on {worst.resource.name}"),
        time="0",
    )
    source = worst.stated.source if worst.stated else worst.source
    if source:
        case.set("file", printable(source.file))
        case.set("line", str(source.line))
    text = printable(
        "\n".join([*(finding.message for finding in findings), f"URN: {worst.resource.urn}", f"Fix: {fix_of([worst])}"])
    )
    if worst.blocks:
        outcome = ElementTree.SubElement(
            case, "failure", message=printable(worst.message), type=worst.rule.severity.value
        )
    else:
        state = worst.exception.describe() if worst.exception else f"{worst.verdict.value}, {worst.level.value}"
        outcome = ElementTree.SubElement(case, "skipped", message=printable(f"{state}: {worst.message}"))
    outcome.text = text
    return case
