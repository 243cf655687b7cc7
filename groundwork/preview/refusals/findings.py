"""What AWS would refuse of a program that is somebody else's, as findings beside those of the pack."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from groundwork.preview.refusals.addresses import address_shortages
from groundwork.preview.refusals.inputs import refused_inputs
from groundwork.preview.refusals.interfaces import interface_shortages
from groundwork.preview.refusals.offers import refused_offers, unknown_offers
from groundwork.preview.refusals.policy import REFUSED
from groundwork.preview.refusals.quotas import exceeded
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.preview.verdicts import Finding, InputEntry, Verdicts
from guardrails.judgement import Verdict
from guardrails.rules import Level

_SETTING = "groundwork:platform: {{quotas: {}}} in the stack's configuration"
_LONGEST_SHOWN = 60


def with_refusals(verdicts: Verdicts, snapshot: Snapshot) -> Verdicts:
    """Return verdicts with what AWS would refuse before them. Of a stack that stands nobody needs to ask: AWS took it."""
    return dataclasses.replace(verdicts, findings=(*_refused(snapshot), *verdicts.findings))


def _refused(snapshot: Snapshot) -> Iterator[Finding]:
    platform = snapshot.settings.get("platform")
    said = platform if isinstance(platform, Mapping) else {}
    offered = _texts(said.get("offered"))
    for one in (*refused_inputs(snapshot), *refused_offers(snapshot, offered)):
        yield _finding(one.resource, Verdict.FAIL, f'AWS refuses "{_shown(one.value)}" as {one.input}: it {one.reason}')
    for one in unknown_offers(snapshot, offered):
        yield _finding(one.resource, Verdict.UNDETERMINED, f'"{_shown(one.value)}" as {one.input} {one.reason}')
    for found in exceeded(snapshot, _numbers(said.get("quotas"))):
        verdict = Verdict.UNDETERMINED if found.quota.unsure else Verdict.FAIL
        yield _finding(found.resource or InputEntry(found.what), verdict, found.sentence(_SETTING))
    for full in address_shortages(snapshot):
        yield _finding(full.subnets[0], Verdict.FAIL, full.sentence())
    for one_too_few in interface_shortages(snapshot):
        yield _finding(one_too_few.resource, Verdict.FAIL, one_too_few.sentence())


def _finding(about: Resource | InputEntry, verdict: Verdict, message: str) -> Finding:
    return Finding(REFUSED, about, Level.MANDATORY, verdict, message)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"


def _texts(said: Any) -> tuple[str, ...]:
    return tuple(one for one in said if isinstance(one, str)) if isinstance(said, list) else ()


def _numbers(said: Any) -> dict[str, int]:
    return {key: value for key, value in said.items() if isinstance(value, int)} if isinstance(said, Mapping) else {}
