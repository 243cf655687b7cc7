"""How pulumi-aws and Terraform's AWS provider call the same thing.

pulumi-aws is built from that provider, so nearly every name follows one rule; ``names.json`` holds all type names and
the property names that the rule gets wrong. A property's entry may end in ``{}`` (one nested object where the rule would
write a list of one) or ``[]`` (a list that Pulumi flattens to a scalar).
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from pulumi import _types

from groundwork.preview.terraform.shapes import ShapeKind, shape_of

_TABLE = Path(__file__).with_name("names.json")
_WORD_START = re.compile(r"(?<=[a-z0-9])([A-Z])")


@dataclass(frozen=True)
class Name:
    """A Terraform argument: its name, and whether its shape differs from what the annotation says."""

    text: str
    single: bool = False
    flattened: bool = False


def terraform_type(token: str) -> str | None:
    """Return ``aws_sqs_queue`` for ``aws:sqs/queue:Queue``; None for a type that the table does not hold."""
    short = _table()["types"].get(_short(token))
    return f"aws_{short}" if short else None


def all_tokens() -> list[str]:
    """List the tokens of every resource type in the table."""
    return [_token(short) for short in _table()["types"]]


@cache
def args_class(token: str) -> type | None:
    """Return the input class of a resource type, as installed; None where pulumi-aws has no such type."""
    module_name, _, class_name = _short(token).partition(".")
    with warnings.catch_warnings():
        # Loading one class loads its module, with all that is deprecated in it.
        warnings.simplefilter("ignore", DeprecationWarning)
        resource = getattr(_package(module_name), class_name, None)
    if resource is None:
        return None
    home = importlib.import_module(resource.__module__)
    # Where a nested class took the plain name, the resource's own is called …InitArgs.
    found = getattr(home, f"{class_name}InitArgs", None) or getattr(home, f"{class_name}Args", None)
    return found if isinstance(found, type) else None


@cache
def properties(cls: type) -> Mapping[str, Any]:
    """Map the Pulumi names of an input class to their annotations."""
    return _types.input_type_types(cls)


@cache
def required(cls: type) -> frozenset[str]:
    """Return the Pulumi names that the input class does not let a program leave out."""
    by_python_name = _types.input_type_py_to_pulumi_names(cls)
    parameters = inspect.signature(cls).parameters
    return frozenset(by_python_name[name] for name, one in parameters.items() if one.default is inspect.Parameter.empty)


@cache
def terraform_names(cls: type) -> Mapping[str, Name]:
    """Map each Pulumi name of an input class to its Terraform argument."""
    odd = _table()["names"].get(f"{cls.__module__.split('.')[1]}.{cls.__name__}", {})
    annotations = properties(cls)
    return {prop: _read(odd[prop]) if prop in odd else Name(_by_rule(prop, annotations[prop])) for prop in annotations}


@cache
def pulumi_names(cls: type) -> Mapping[str, str]:
    """Map each Terraform argument of an input class to its Pulumi name."""
    return {name.text: prop for prop, name in terraform_names(cls).items()}


def _short(token: str) -> str:
    parts = token.split(":")
    return f"{parts[1].split('/')[0]}.{parts[2]}" if len(parts) == 3 else token


def _token(short: str) -> str:
    module, _, name = short.partition(".")
    return f"aws:{module}/{name[0].lower()}{name[1:]}:{name}"


def _package(module: str) -> ModuleType | None:
    for candidate in (f"pulumi_aws.{module}", f"pulumi_aws.{module}_"):
        try:
            return importlib.import_module(candidate)
        except ModuleNotFoundError:
            continue
    return importlib.import_module("pulumi_aws") if module == "index" else None


def _read(entry: str) -> Name:
    if entry.endswith("{}"):
        return Name(entry[:-2], single=True)
    if entry.endswith("[]"):
        return Name(entry[:-2], flattened=True)
    return Name(entry)


def _by_rule(prop: str, annotation: Any) -> str:
    name = snake(prop)
    return singular(name) if shape_of(annotation).kind is ShapeKind.BLOCKS else name


def snake(prop: str) -> str:
    """Return ``vpc_id`` for ``vpcId``."""
    return _WORD_START.sub(r"_\1", prop).lower()


def singular(word: str) -> str:
    """Return the name of a repeated block from its plural: ``statements`` → ``statement``."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    if re.search(r"(ss|x|z|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table
