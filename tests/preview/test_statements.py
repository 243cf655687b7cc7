"""Findings and changes lead to the line of the stack file, and what they advise there works."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel

from groundwork.components.settings import Settings
from groundwork.preview import text
from groundwork.preview.reports import sarif
from groundwork.preview.snapshot import Snapshot
from groundwork.preview.statements import StackStatements, with_statements
from groundwork.preview.verdicts import Finding, Verdicts, judge, remedies
from groundwork.settings.loading import find_stack
from guardrails.catalogue import rules
from guardrails.judgement import Verdict
from tests.stacks import ROOT, STACK_NAMES, found, loaded, run_found, snapshot_of

TODAY = datetime.date(2026, 12, 1)
REMEDIES: dict[str, list[dict[str, str]]] = dict(remedies())


def _judged(stack: str) -> Verdicts:
    snapshot = snapshot_of(stack)
    return with_statements(judge(snapshot, TODAY), StackStatements(snapshot, loaded(stack), found(stack).label))


def _failed(verdicts: Verdicts) -> list[Finding]:
    return verdicts.of(Verdict.FAIL)


def test_a_finding_leads_to_a_line_that_says_it_or_what_stands_around_it() -> None:
    seen = 0
    for stack in STACK_NAMES:
        lines = found(stack).file.read_text(encoding="utf-8").splitlines()
        for finding in _failed(_judged(stack)):
            stated = finding.stated
            assert stated is not None, f"{stack}: {finding.rule.name} on {finding.resource.name}"
            line = lines[stated.source.line - 1]
            words = (
                ["phase"] if stated.by_phase else [f"groundwork:{stated.path.split('.')[0]}", *stated.path.split(".")]
            )
            assert any(word in line for word in words), f"{stack}: {stated} is not said in {line!r}"
            seen += 1
    assert seen > 100


def test_an_entry_of_the_stack_file_is_found_from_what_is_built_for_it() -> None:
    stack = "examples/mini-facebook/prod"
    told = StackStatements(snapshot_of(stack), loaded(stack), found(stack).label)
    paths = {one.name: stated.path for one in snapshot_of(stack).resources if (stated := told.of(one.urn))}

    assert paths["minifacebook-analytics-archiver"] == "functions.analytics-archiver"
    assert paths["minifacebook-media-files"] == "storage.media-files"
    assert paths["minifacebook-jwt-secrets"] == "secrets.jwt-secrets"
    assert paths["minifacebook-search-indexing"] == "messaging.queues.search-indexing"
    assert paths["minifacebook-database-rotation"] == "data"
    assert paths["minifacebook-network-vpc"] == "network"
    assert {path.split(".")[0] for path in paths.values()} <= set(Settings.model_fields)


def _settings(model: type[BaseModel], path: tuple[str, ...]) -> bool:
    """Tell whether a model has a setting; any name stands for an entry of a map."""
    if not path:
        return True
    field = model.model_fields.get(path[0])
    inner = list(_models(field.annotation)) if field else []
    rest = path[2:] if path[1:2] == ("{entry}",) else path[1:]
    return field is not None and (not rest or any(_settings(one, rest) for one in inner))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def test_remedies_are_of_rules_that_are_and_settings_that_are_and_say_one_thing() -> None:
    assert set(REMEDIES) <= {rule.name for rule in rules()}
    for rule, entries in REMEDIES.items():
        for one in entries:
            assert ("setting" in one) != ("choice" in one), rule
            assert set(one) <= {"setting", "how", "choice", "for"}, rule
            if "setting" in one:
                assert _settings(Settings, tuple(one["setting"].split("."))), one["setting"]


def test_the_page_of_choices_has_each_with_its_reason_and_no_other() -> None:
    page = (ROOT / "docs" / "choices.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+?) \| (.+) \|$", page, re.MULTILINE)

    written = {(rule, of.strip("`").replace("all", "*"), why) for rule, of, why in rows}

    assert written == {
        (rule, one.get("for", "*"), one["choice"])
        for rule, entries in REMEDIES.items()
        for one in entries
        if "choice" in one
    }


# What each remedy says, said.
MENDED = {
    "platform": {"domain": "shop.example.com"},
    "edge": {"zone": {"delegated": True}, "waf": {"mode": "block"}},
    "compute": {"container_insights": "enabled"},
    "data": {"monitoring_interval": 60, "port": 5433, "multi_az": True},
    "cache": {"replicas": 1, "authentication": "iam"},
    "observability": {"retention": 365},
}


def test_who_does_what_a_finding_says_has_it_no_more(tmp_path: Path) -> None:
    for name in ("dev", "prod"):
        folder = tmp_path / name
        folder.mkdir()
        document = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))
        for layer, values in MENDED.items():
            if layer != "cache" or name == "prod":
                document["config"].setdefault(f"groundwork:{layer}", {}).update(values)
        if name == "dev":
            document["config"].setdefault("groundwork:data", {})["rotation_days"] = 30
        (folder / "Pulumi.yaml").write_text(f"name: groundwork\nruntime: python\nmain: {ROOT}\n")
        (folder / f"Pulumi.{name}.yaml").write_text(json.dumps(document))
        before = [one for one in _failed(_judged(name)) if one.remedy and one.remedy.setting]
        after = {
            (one.rule.name, one.resource.name) for one in _failed(judge(run_found(find_stack(name, folder)), TODAY))
        }

        said = {f"{layer}.{key}" for layer, values in MENDED.items() for key in values}
        said |= {"data.rotation_days"} if name == "dev" else set()
        tried = [one for one in before if one.remedy and ".".join(one.remedy.setting.split(".")[:2]) in said]
        assert len(tried) >= 4
        assert [one.rule.name for one in tried if (one.rule.name, one.resource.name) in after] == []


def test_what_is_built_so_by_choice_is_folded_and_still_counted() -> None:
    verdicts = _judged("prod")
    chosen = [one for one in verdicts.findings if one.is_choice]

    shown = text.plain(text.guardrails(verdicts, None))

    assert {one.rule.name for one in chosen} >= {"target-group-tls", "zone-signed", "rds-managed-password"}
    assert f"advisory findings ({len(chosen)} by choice)" in shown
    assert "- advisory low target-group-tls on shop-compute-api and 1 more" in shown
    assert "Load balancers speak TLS to their targets" not in shown
    assert "Pulumi.prod.yaml:26 observability.retention" in shown
    assert "Fix: In the stack file: observability.retention (365). At the resource: Set retentionInDays" in shown


def test_sarif_shows_the_stack_file_with_our_line_beside_it_and_a_fingerprint_that_stays() -> None:
    results = json.loads(sarif.dumps(_judged("prod"), "Pulumi.prod.yaml"))["runs"][0]["results"]
    one = next(result for result in results if result["ruleId"] == "rds-multi-az")

    place, related = one["locations"][0]["physicalLocation"], one["relatedLocations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "Pulumi.prod.yaml"
    assert related["artifactLocation"]["uri"].startswith("groundwork/components/data/")
    assert set(one["partialFingerprints"]) == {"primaryLocationLineHash"}
    assert len({result["partialFingerprints"]["primaryLocationLineHash"] for result in results}) == len(results)
    assert next(result["level"] for result in results if result["ruleId"] == "zone-signed") == "note"


def test_what_is_no_part_of_a_platform_is_left_to_its_own_line() -> None:
    snapshot = snapshot_of("dev")
    others = Snapshot(snapshot.project, "dev", snapshot.region, unknowns=False, settings={}, resources=(), outputs={})
    told = StackStatements(others, loaded("dev"), "Pulumi.dev.yaml")

    assert told.of("urn:pulumi:dev::other::aws:sns/topic:Topic::topic") is None
    assert told.remedy("rds-multi-az", "urn:pulumi:dev::other::aws:rds/instance:Instance::db") is None
