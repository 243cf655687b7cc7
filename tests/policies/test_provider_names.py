"""What the rules read exists in the providers: types, and the properties that their cases write, to any depth."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from guardrails.catalogue import rules_by_type
from tests.policies.fixtures import Case, cases

PYTHON_MODULES = {"lambda": "lambda_"}
CASES = [case for case in cases() if case.expected != "unknown"]
OUTPUTS = {"arn", "tagsAll"}
"""What a case may give a resource that another one names, though no program sets it."""
DOCUMENTS = {"policy", "assumeRolePolicy", "policyDocument", "accessPolicies"}
"""Written as IAM has them."""
BLOCK = re.compile(r"ForwardRef\('(\w+Args)'")


@cache
def module_of(type_: str) -> ModuleType:
    provider, path, _ = type_.split(":")
    if provider == "kubernetes":
        path = path.replace(".k8s.io", "").replace(".authorization", "")
        return import_module(".".join(("pulumi_kubernetes", *path.split("/"))))
    name = path.split("/")[0]
    return import_module(f"pulumi_{provider}.{PYTHON_MODULES.get(name, name)}")


@cache
def resource_properties(type_: str) -> Mapping[str, str]:
    """The properties of a resource, each with the name of the block that it holds, if it holds one."""
    module = module_of(type_)
    return _properties(getattr(module, type_.rsplit(":", 1)[-1])._internal_init)


@cache
def _properties(function: Callable[..., Any]) -> Mapping[str, str]:
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        block = BLOCK.search(str(parameter.annotation))
        found[re.sub(r"_([a-z0-9])", lambda part: part[1].upper(), name.rstrip("_"))] = block[1] if block else ""
    return found


def unknown_names(value: object, known: Mapping[str, str], module: ModuleType, path: str = "") -> Iterator[str]:
    for item in value if isinstance(value, list) else [value]:
        for name, held in item.items() if isinstance(item, dict) else ():
            if name not in known:
                yield path + name
            elif name not in DOCUMENTS and known[name] and hasattr(module, known[name]):
                block = _properties(getattr(module, known[name]).__init__)
                yield from unknown_names(held, block, module, f"{path}{name}.")


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
