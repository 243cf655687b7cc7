"""Levels and settings: what an organisation configures, offline and under the engine alike."""

from __future__ import annotations

import datetime
import json
from typing import Any

import jsonschema_rs
import pytest

from groundwork.preview.verdicts import Verdict, judge
from guardrails.catalogue import rules
from guardrails.context import configured
from guardrails.levels import Level
from guardrails.remediation import REPAIRS
from guardrails.rules import Setting
from guardrails.settings import mistakes
from tests.policies.engine_client import PackProcess
from tests.policies.stacks import resource, stack

TODAY = datetime.date(2026, 3, 1)
LOGS = resource("cloudwatch/LogGroup", "logs", retentionInDays=90, kmsKeyId="arn:aws:kms:eu-west-1:111122223333:key/k")
QUEUE = resource("sqs/Queue", "orders", region="us-east-1", tags={"layer": "messaging"})
SETTINGS = [(rule, setting) for rule in rules() for setting in rule.settings]

DOCUMENT: dict[str, Any] = {
    "allowed-regions": {"regions": ["eu-west-1"]},
    "required-tags": {"enforcementLevel": "mandatory", "keys": ["owner"]},
    "log-retention-minimum": {"enforcementLevel": "mandatory", "days": 400},
    "sqs-customer-key": "disabled",
}
LOOKED_AT = {*DOCUMENT, "sqs-tls-only"}


def found(document: Any, *resources: Any) -> set[tuple[str, str, str]]:
    configuration, known = configured(document)
    assert configuration.problems == ()
    verdicts = judge(stack(*resources), TODAY, configuration=configuration, baseline=known)
    failed = [f for f in verdicts.findings if f.verdict is Verdict.FAIL]
    return {(f.rule.name, f.resource.name, f.level.value) for f in failed if f.rule.name in LOOKED_AT}


def test_settings_and_levels_decide_what_fails_and_how() -> None:
    assert found({}, LOGS, QUEUE) == {
        ("log-retention-minimum", "logs", "advisory"),
        ("sqs-customer-key", "orders", "advisory"),
        ("sqs-tls-only", "orders", "mandatory"),
    }
    assert found(DOCUMENT, LOGS, QUEUE) == {
        ("allowed-regions", "orders", "mandatory"),
        ("log-retention-minimum", "logs", "mandatory"),
        ("required-tags", "logs", "mandatory"),
        ("required-tags", "orders", "mandatory"),
        ("sqs-tls-only", "orders", "mandatory"),
    }


def test_the_engine_and_the_offline_preview_read_the_same_document_alike() -> None:
    with PackProcess(config={"groundwork:platform": {"stage": "prod"}}) as pack:
        pack.configure(DOCUMENT)
        reported = {
            (v.rule, v.urn.rsplit("::", 1)[-1], v.level) for v in pack.judge(stack(LOGS, QUEUE)) if v.rule in LOOKED_AT
        }
    assert reported == found(DOCUMENT, LOGS, QUEUE)


def test_the_region_of_the_default_provider_is_judged() -> None:
    assert ("allowed-regions", "default", "mandatory") in found({"allowed-regions": {"regions": ["us-east-1"]}})


def test_all_sets_the_level_of_every_rule_that_is_not_named() -> None:
    levels = {level for _, _, level in found({"all": "advisory"}, QUEUE)}
    assert levels == {"advisory"}
    assert found({"all": "disabled", "sqs-tls-only": "mandatory"}, LOGS, QUEUE) == {
        ("sqs-tls-only", "orders", "mandatory")
    }


def test_remediate_stops_the_deployment_where_nothing_was_repaired() -> None:
    configuration, _ = configured({"sqs-tls-only": "remediate"})
    assert "sqs-tls-only" in {f.rule.name for f in judge(stack(QUEUE), TODAY, configuration=configuration).blocking}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"log-retention-minimum": {"days": 0}},
            "log-retention-minimum.days: found 0, allowed is a whole number from 1 to 3653",
        ),
        (
            {"log-retention-minimum": {"days": "long"}},
            "log-retention-minimum.days: found 'long', allowed is a whole number from 1 to 3653",
        ),
        (
            {"log-retention-minimum": {"days": True}},
            "log-retention-minimum.days: found True, allowed is a whole number from 1 to 3653",
        ),
        (
            {"allowed-open-ports": {"ports": [443, 70000]}},
            "allowed-open-ports.ports[1]: found 70000, allowed is a whole number from 0 to 65535",
        ),
        (
            {"allowed-regions": {"regions": "eu-west-1"}},
            "allowed-regions.regions: found 'eu-west-1', allowed is a list, each a text that matches [a-z]{2}(-[a-z]+)+-\\d",
        ),
        ({"required-tags": {"key": ["a"]}}, "required-tags has no setting 'key'; it has keys, defaults"),
        ({"rds-not-public": {"days": 3}}, "rds-not-public has no setting 'days'"),
        ({"rds-not-publc": "advisory"}, "there is no rule 'rds-not-publc'"),
        (
            {"rds-not-public": "loud"},
            "rds-not-public: found level 'loud', allowed is one of disabled, advisory, mandatory, remediate",
        ),
        ([], "it must be an object of rules, each with its level or its settings"),
        (
            {"required-tags": {"defaults": {"owner": 3}}},
            "required-tags.defaults.owner: found 3, allowed is a text that matches [\\s\\S]{0,256}",
        ),
    ],
)
def test_a_wrong_document_says_where_what_was_found_and_what_is_allowed(document: Any, message: str) -> None:
    assert configured(document)[0].problems == (message,)


def test_under_the_engine_a_setting_out_of_bounds_is_a_finding_and_the_default_holds() -> None:
    with PackProcess() as pack:
        pack.configure({"log-retention-minimum": {"days": 99999}, "allowed-regions": {"regions": [7]}})
        violations = pack.judge(stack(LOGS))
    wrong = [v.message for v in violations if v.rule == "settings-invalid"]
    assert len(wrong) == 2
    assert any("log-retention-minimum.days: found 99999, allowed is a whole number from 1 to 3653" in m for m in wrong)
    assert "at least 365 are asked for" in next(v.message for v in violations if v.rule == "log-retention-minimum")


def test_the_engine_learns_the_schema_of_every_setting() -> None:
    with PackProcess() as pack:
        published = {policy.name: policy.configSchema for policy in pack.info().policies}
    for rule, setting in SETTINGS:
        assert published[rule.name].properties.fields[setting.name].struct_value.fields["description"].string_value


@pytest.mark.parametrize(("rule", "setting"), SETTINGS, ids=lambda one: one.name)
def test_a_setting_has_a_schema_that_its_default_fits(rule: Any, setting: Setting) -> None:
    jsonschema_rs.meta.validate(setting.to_schema())
    jsonschema_rs.Draft7Validator(setting.to_schema()).validate(setting.default)
    assert list(mistakes(setting.schema, setting.default, rule.name)) == []
    assert setting.name != "enforcementLevel"
    assert json.loads(json.dumps(setting.to_schema())) == setting.to_schema()


def test_only_rules_that_read_one_resource_are_repaired() -> None:
    by_name = {rule.name: rule for rule in rules()}
    assert all(not by_name[name].between for name in REPAIRS)


def test_no_rule_is_stricter_in_dev_than_in_production() -> None:
    order = list(Level)
    for rule in rules():
        if rule.applies("dev") and rule.applies("prod"):
            assert order.index(rule.level("dev")) <= order.index(rule.level("prod")), rule.name
