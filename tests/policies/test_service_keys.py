"""The tables of keys and passwords: each place exists in the provider, and means what the table says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from guardrails.catalogue import rules
from guardrails.judgement import Verdict, judge
from guardrails.topics import service_keys
from tests.policies.fixtures import build
from tests.policies.test_provider_names import module_of, resource_properties, unknown_names

KEYS, PASSWORDS = service_keys._KEYS, service_keys._PASSWORDS
RULES = {rule.name: rule for rule in rules()}


def places() -> Iterator[tuple[str, str]]:
    for table in (KEYS, PASSWORDS):
        yield from ((type_, path) for type_, paths in table.items() for path in paths)


def nested(paths: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Properties in which each path holds the value."""
    result: dict[str, Any] = {}
    for path in paths:
        place, keys = result, path.split(".")
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return result


def verdict(rule: str, type_: str, properties: dict[str, Any]) -> Verdict:
    switch, on = service_keys._OFF_UNLESS.get(type_, ("", "")) if rule == "service-customer-key" else ("", "")
    if switch:
        block, _, rest = switch.partition(".")
        properties = {**properties, block: {**properties.get(block, {}), rest: on} if rest else on}
    stack = build(type_, [properties])
    return judge(RULES[rule], stack.resources[0], stack).verdict


def test_every_place_of_the_tables_is_a_property_of_the_provider() -> None:
    missing = {
        (type_, path): names
        for type_, path in places()
        if (names := list(unknown_names(nested((path,), "x"), resource_properties(type_), module_of(type_))))
    }
    assert len(list(places())) > 50
    assert missing == {}


def test_a_key_passes_an_alias_of_aws_fails_and_an_unknown_one_is_undetermined() -> None:
    rule = "service-customer-key"
    said = {
        type_: tuple(
            verdict(rule, type_, nested(paths, value) if value else {})
            for value in ("arn:aws:kms:eu-west-1:111122223333:key/0", "alias/aws/own", "UNKNOWN", None)
        )
        for type_, paths in KEYS.items()
    }
    expected = (Verdict.PASS, Verdict.FAIL, Verdict.UNDETERMINED, Verdict.FAIL)
    assert {type_: verdicts for type_, verdicts in said.items() if verdicts != expected} == {}


def test_a_password_in_clear_fails_a_secret_passes_and_an_unknown_one_is_undetermined() -> None:
    rule = "service-password-secret"
    said = {
        (type_, path): tuple(
            verdict(rule, type_, nested((path,), value) if value else {})
            for value in ("hunter2hunter2", "SECRET", "UNKNOWN", None)
        )
        for type_, paths in PASSWORDS.items()
        for path in paths
    }
    expected = (Verdict.FAIL, Verdict.PASS, Verdict.UNDETERMINED, Verdict.PASS)
    assert {place: verdicts for place, verdicts in said.items() if verdicts != expected} == {}
