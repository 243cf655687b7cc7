"""docs/api.md: what a program imports from ``groundwork``, made of signatures and docstrings. ``python -m tests.api`` writes it."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import groundwork
from groundwork.components.base import Component

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "api.md"
BEGIN = "<!-- reference: made by make docs from groundwork/components/ -->"

_BUILT_BY_PLATFORM = ("AppRunner", "Cdn", "Ec2", "EcsEc2", "Eks", "Fargate", "Ingress")
"""What a program has no use for by itself: they are wired by `Platform`."""
_SECTIONS = ("Context", "Components", "Settings", "Access", "Extensions", "Platforms")
_PLACES = {
    "Context": "Context", "Keys": "Context", "DataSubnets": "Components", "Platform": "Platforms", "Settings": "Platforms",
    "load": "Platforms", "Alarm": "Extensions", "Expression": "Extensions", "Extension": "Extensions",
    "ExtensionContext": "Extensions", "Metric": "Extensions", "Offer": "Extensions",
}  # fmt: skip
_SETTINGS = {
    "AlertsSettings": "observability", "AudienceSettings": "observability", "BucketSettings": "storage", "BudgetSettings": "budget", "CacheSettings": "cache",
    "DataSettings": "data", "FileSystemSettings": "files",
    "FunctionSettings": "functions", "NetworkSettings": "network", "ObservabilitySettings": "observability",
    "PlatformSettings": "platform", "QueueSettings": "messaging", "SearchSettings": "search", "SecretSettings": "secrets",
    "TopicSettings": "messaging",
}  # fmt: skip
"""Model → what it is in a stack file, where docs/settings.md has every field of it."""


def section_of(name: str) -> str | None:
    """The section of the page that a public name stands in; None for what is left out."""
    if name in _BUILT_BY_PLATFORM:
        return None
    if name in _PLACES:
        return _PLACES[name]
    if name in _SETTINGS:
        return "Settings"
    thing = getattr(groundwork, name)
    return "Components" if isinstance(thing, type) and issubclass(thing, Component) else "Access"


def page() -> str:
    """The whole page: what stands above the mark by hand, and below it the reference."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return f"{before}{BEGIN}\n\n" + "\n".join(_reference())


def _reference() -> Iterator[str]:
    for section in _SECTIONS:
        yield f"## {section}\n"
        if section == "Settings":
            yield from _settings()
            continue
        for name in groundwork.__all__:
            if section_of(name) == section:
                yield from _entry(name, getattr(groundwork, name))


def _settings() -> Iterator[str]:
    yield (
        "Each is a group of settings of a stack file, with the same names, defaults and limits; what is called `class` there is\n"
        "`instance_class` or `node_class`. A value that is not allowed raises `pydantic.ValidationError`.\n"
    )
    yield "| class | fields |"
    yield "|---|---|"
    for name, layer in _SETTINGS.items():
        yield f"| `{name}` | [settings.md#{layer}](settings.md#{layer}) |"
    yield ""


def _entry(name: str, thing: Any) -> Iterator[str]:
    yield f"### {name}\n"
    yield f"```python\n{_signature(name, thing)}\n```\n"
    texts = [inspect.getdoc(thing) or ""]
    if isinstance(thing, type) and "__init__" in vars(thing) and (said := vars(thing)["__init__"].__doc__):
        texts.insert(0, inspect.cleandoc(said))
    # What a dataclass says by itself only repeats its signature.
    yield from (f"{_prose(text)}\n" for text in texts if text and not text.startswith(f"{name}("))
    if isinstance(thing, type):
        rows = [*_attributes(thing), *_methods(thing)]
        if rows:
            yield "| member | |"
            yield "|---|---|"
            yield from (f"| `{_cell(shown)}` | {_cell(text)} |" for shown, text in rows)
            yield ""


def _signature(name: str, thing: Any) -> str:
    if isinstance(thing, type) and getattr(thing, "_is_protocol", False):
        return f"class {name}(Protocol)"
    if isinstance(thing, type) and issubclass(thing, BaseModel):
        # Pydantic makes its signature when it is first used.
        return f"class {name}"
    parameters = [
        one.replace(
            annotation=_Plain(one.annotation),
            default=_Plain(repr(one.default)) if one.default is not one.empty else one.empty,
        )
        for one in inspect.signature(thing).parameters.values()
    ]
    lines, star = [], False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not star:
            lines.append("*")
            star = True
        lines.append(str(one))
    short = f"{name}({', '.join(lines)})"
    return short if len(short) <= 110 else f"{name}(\n    " + ",\n    ".join(lines) + ",\n)"


class _Plain(str):
    """A text that a signature shows as it is."""

    def __repr__(self) -> str:
        return str(self)


@cache
def _class(cls: type) -> ast.ClassDef | None:
    tree = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    return next((node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == cls.__name__), None)


def _attributes(cls: type) -> Iterator[tuple[str, str]]:
    """Yield what a class has beside its parameters, or says more of: annotation and the text below it."""
    node = _class(cls)
    for field, text in pairwise([*node.body, ast.Pass()]) if node else ():
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        said = text.value.value if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) else ""
        if not field.target.id.startswith("_") and (said or issubclass(cls, Component)):
            yield f"{field.target.id}: {ast.unparse(field.annotation)}", str(said)


def _methods(cls: type) -> Iterator[tuple[str, str]]:
    for name, method in vars(cls).items():
        plain = (
            method.__func__
            if isinstance(method, classmethod)
            else method.fget
            if isinstance(method, property)
            else method
        )
        if name.startswith("_") or not inspect.isfunction(plain) or not plain.__doc__:
            continue
        shown = name if isinstance(method, property) else _signature(name, _without_first(plain))
        yield " ".join(shown.split()).replace("( ", "(").replace(", )", ")"), plain.__doc__


def _without_first(function: Any) -> Any:
    def shown() -> None: ...

    _, *rest = inspect.signature(function).parameters.values()
    shown.__signature__ = inspect.Signature(rest)  # inspect reads it
    return shown


def _prose(text: str) -> str:
    """reStructuredText as Markdown, as far as docstrings use it."""
    text = re.sub(r":(?:class|func|meth|attr):`~?(?:groundwork\.[\w.]+\.)?([\w.]+)`", r"`\1`", text)
    text = re.sub(
        r"::\n\n((?:    .*\n?|\n)+)", lambda found: ":\n\n```python\n" + inspect.cleandoc(found[1]) + "\n```\n", text
    )
    return text.replace("``", "`").replace("`` `", "```")


def _cell(text: str) -> str:
    return " ".join(_prose(inspect.cleandoc(text)).split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
