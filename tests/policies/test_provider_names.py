"""What the rules read exists in the providers: types, and the properties that their cases write, to any depth."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from guardrails.catalogue import rules_by_type
from guardrails.defaults import ABSENCES
from tests.policies.fixtures import Case, cases
from tests.policies.reads import reads

PYTHON_MODULES = {"lambda": "lambda_"}
CASES = [case for case in cases() if case.expected != "unknown"]
OUTPUTS = {"arn", "tagsAll"}
"""What a case may give a resource that another one names, though no program sets it."""
DOCUMENTS = {"policy", "assumeRolePolicy", "policyDocument", "accessPolicies"}
"""Written as IAM has them."""
BLOCK = re.compile(r"ForwardRef\('(\w+Args)'")
_SAID = re.compile(
    r"""defaults?(?:\ value)?(?:\ is|\ to|:)?\s+(?:["'`]+([\w./-]+)["'`]+|(true|false|\d+)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
NOTHING = ("", "none", "0", "false")
"""What a rule takes for the absence of a text, a number or a flag."""
DECIDED_BY_OTHERS = {
    ("aws:lb/listener:Listener", "protocol"): "HTTP for an Application Load Balancer, nothing for a gateway's",
    ("aws:alb/listener:Listener", "protocol"): "HTTP for an Application Load Balancer, nothing for a gateway's",
    ("aws:elasticache/replicationGroup:ReplicationGroup", "atRestEncryptionEnabled"): "on for valkey",
    ("aws:rds/cluster:Cluster", "publiclyAccessible"): "on for a Multi-AZ cluster in the default VPC",
    (
        "aws:s3/bucket:Bucket",
        "serverSideEncryptionConfiguration.rule.applyServerSideEncryptionByDefault.kmsMasterKeyId",
    ): "the key that AWS keeps, which is no customer's",
}
"""Properties whose absence means one thing or another; the rule that reads it has cases for both."""


@cache
def module_of(type_: str) -> ModuleType:
    provider, path, _ = type_.split(":")
    if provider == "kubernetes":
        path = path.replace(".k8s.io", "").replace(".authorization", "")
        return import_module(".".join(("pulumi_kubernetes", *path.split("/"))))
    name = path.split("/")[0]
    return import_module(f"pulumi_{provider}.{PYTHON_MODULES.get(name, name)}")


@cache
def resource_properties(type_: str) -> Mapping[str, Any]:
    """The properties of a resource, each with its annotation."""
    module = module_of(type_)
    return _properties(getattr(module, type_.rsplit(":", 1)[-1])._internal_init)


@cache
def _properties(function: Any) -> Mapping[str, Any]:
    """From the code of the function: its signature takes a hundred times as long."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount + function.__code__.co_kwonlyargcount]
    camel = (re.sub(r"_([a-z0-9])", lambda part: part[1].upper(), name.rstrip("_")) for name in names)
    return {key: function.__annotations__.get(name) for key, name in zip(camel, names, strict=True)}


def block_of(annotation: Any, module: ModuleType) -> Any:
    """The class of the block that a property holds; None where it holds none."""
    named = BLOCK.search(str(annotation))
    return getattr(module, named[1], None) if named else None


def unknown_names(value: object, known: Mapping[str, Any], module: ModuleType, path: str = "") -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        for name, held in item.items() if isinstance(item, dict) else ():
            if name not in known:
                yield path + name
            elif isinstance(held, (dict, list)) and name not in DOCUMENTS and (block := block_of(known[name], module)):
                yield from unknown_names(held, _properties(block.__init__), module, f"{path}{name}.")


def test_a_type_that_rules_read_exists() -> None:
    types = [type_ for type_ in rules_by_type() if not type_.startswith("pulumi:")]
    assert len(types) > 200
    assert [type_ for type_ in types if not resource_properties(type_)] == []


def test_the_properties_of_a_case_exist() -> None:
    assert {str(case): names for case in CASES if (names := list(unknown_in(case)))} == {}


def unknown_in(case: Case) -> Iterator[str]:
    for resource in case.stack.resources:
        if resource.type.startswith("aws:"):
            given = {name: value for name, value in resource.value.items() if name not in OUTPUTS}
            yield from unknown_names(given, resource_properties(resource.type), module_of(resource.type))


def documented(type_: str, path: str) -> str:
    """The default that the provider's page names for a property, in lower case; empty where it names none."""
    module = module_of(type_)
    kind = type_.rsplit(":", 1)[-1]
    block: Any = getattr(module, f"{kind}Args", None) or getattr(module, f"{kind}InitArgs", None)
    keys = [re.sub(r"([A-Z])", lambda part: f"_{part[1].lower()}", key) for key in path.split(".")]
    for key in keys[:-1]:
        block = block_of(block.__init__.__annotations__.get(key), module)
        if block is None:
            return ""
    text = " ".join((getattr(getattr(block, keys[-1], None), "__doc__", None) or "").split())
    said = _SAID.search(text)
    return next(word for word in said.groups() if word).rstrip(".").lower() if said else ""


def read_with_documents() -> Iterator[tuple[str, str, str, str, str]]:
    """Type, property, rule, what the rule takes for absence, what the page says."""
    for (type_, path), readers in sorted(reads().items()):
        said = documented(type_, path) if type_.startswith("aws:") else ""
        fact = ABSENCES.get(type_, {}).get(path)
        for rule, default in sorted(readers) if said else ():
            yield type_, path, rule, str(fact.means if fact else default).lower(), said


def test_absence_means_to_rules_what_the_provider_says_it_means() -> None:
    compared = list(read_with_documents())
    assert len(compared) > 150
    wrong = {
        (type_, path, rule): f"read as {taken}, said to be {said}"
        for type_, path, rule, taken, said in compared
        if taken != said and not (taken in NOTHING and said in NOTHING) and (type_, path) not in DECIDED_BY_OTHERS
    }
    assert wrong == {}
