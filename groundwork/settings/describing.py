"""What settings mean, from the docstrings below their fields. Only who writes a schema or a page reads sources for it."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """Return the text below each field of a model, its own or one that it has of a model it extends; by the field's name."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found |= _below_fields(base)
    return {name: text for name, text in found.items() if name in model.model_fields}


def _below_fields(model: type[BaseModel]) -> dict[str, str]:
    classes = [one for one in _source(model.__module__).body if isinstance(one, ast.ClassDef)]
    body = next((one.body for one in classes if one.name == model.__name__), [])
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def _source(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))
