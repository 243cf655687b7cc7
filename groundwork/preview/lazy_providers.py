"""Lets a preview import of a provider's SDK what it uses, and no more.

Each service of pulumi-aws is one package, which imports all its resources and the classes of all their nested values: thousands, of which
a stack uses some dozens. Running their bodies took half of a preview. With :func:`install` a package imports the module of a resource
when the resource is first asked for, and makes a class of nested values when that is. The code which runs is the provider's own, as
Pulumi generates it (https://github.com/pulumi/pulumi/tree/master/pkg/codegen/python); what looks otherwise is loaded as Python
would.
"""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, TypedDict

import pulumi
from pulumi import _types
from pulumi._utils import _LazyModule

_SDKS = ("pulumi_aws", "pulumi_kubernetes")
_INPUTS, _OUTPUTS = "_inputs", "outputs"
"""The modules with nothing but classes of nested values."""


def install() -> None:
    """Import providers' SDKs in this way from now on; what is imported already stays as it is."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
        for name in [one for one in sys.modules if one.partition(".")[0] in _SDKS]:
            # An SDK that is imported has found its services, and loads each when something of it is asked for.
            spec = vars(sys.modules[name]).get("__spec__")
            if spec is not None and isinstance(sys.modules[name], _LazyModule):
                spec.loader = _lazily(spec)
        _types._globals_for_cls = _with_nested(_types._globals_for_cls)  # type: ignore[assignment]  # the SDK's takes an Any


class _Finder:
    """Finds services' packages and modules of nested values; everything else is left to the finders after it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        sdk, _, rest = name.partition(".")
        if not rest or sdk not in _SDKS:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _lazily(spec)
        return spec


def _lazily(spec: ModuleSpec) -> Loader | None:
    """Return the loader for a module of an SDK, which is its own unless it is a service's package or holds its nested values."""
    parent, _, name = spec.name.rpartition(".")
    if spec.origin is None or type(spec.loader) is not SourceFileLoader:
        return spec.loader
    if spec.submodule_search_locations is not None:
        return _ServiceLoader(spec.name, spec.origin)
    # A package that Python itself loads takes the names of all of them.
    if name in (_INPUTS, _OUTPUTS) and isinstance(sys.modules.get(parent), _Service):
        return _NestedLoader(spec.name, spec.origin)
    return spec.loader


# Services


class _ServiceLoader(SourceFileLoader):
    _LINE = re.compile(
        r"#.*|import builtins as _builtins|import typing|from \.+ import _utilities|from \. import (?P<outputs>outputs)"
        r"|from \.(?P<part>\w+) import \*|"
    )

    def exec_module(self, module: ModuleType) -> None:
        lines = [self._LINE.fullmatch(line) for line in Path(self.path).read_text(encoding="utf-8").splitlines()]
        if not all(lines):
            super().exec_module(module)
            return
        parts = [line["part"] for line in lines if line and line["part"]]
        outputs = any(line["outputs"] for line in lines if line)
        vars(module).update(_parts=parts, _by_key={_key(part): part for part in parts}, _has_outputs=outputs)
        module.__class__ = _Service


class _Service(ModuleType):
    """A package whose members come from its modules by ``from .module import *``, each when it is asked for."""

    _parts: list[str]
    _by_key: dict[str, str]
    """Key of a module's name → the name."""
    _has_outputs: bool

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        if name == _OUTPUTS and self._has_outputs:
            return import_module(f"{self.__name__}.{name}")
        if not name.startswith("__"):
            for part in self._likely(name):
                module = self._import(part)
                if name in _names(module):
                    return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({name for part in self._parts for name in _names(self._import(part))})

    def _likely(self, name: str) -> Iterator[str]:
        """Yield the modules in the order in which they may hold a name: ``WebAclArgs`` is in ``web_acl``."""
        key = _key(name)
        around = _AROUND.fullmatch(key)
        near = [self._by_key[one] for one in (key, around[1] if around else "") if one in self._by_key]
        yield from dict.fromkeys([*near, *(part for part in self._parts if part == _INPUTS), *self._parts])

    def _import(self, part: str) -> ModuleType:
        return import_module(f"{self.__name__}.{part}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Take over a module's names as Python hangs it at its package, whoever imports it. Some are called as it is."""
        super().__setattr__(name, value)
        if name in self._parts and isinstance(value, ModuleType) and not isinstance(value, _Nested):
            vars(self).update((one, getattr(value, one)) for one in _names(value))


def _names(module: ModuleType) -> Sequence[str]:
    """Return what a star takes of a module."""
    if isinstance(module, _Nested):
        return list(module._bodies)
    # Some that are written by hand list none: https://docs.python.org/3/reference/simple_stmts.html#the-import-statement
    return getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]


_AROUND = re.compile("(?:awaitable)?(.+?)(?:initargs|args|argsdict|output|result)")
"""What a resource's or a function's name has around it in the names of its module."""


def _key(name: str) -> str:
    return name.replace("_", "").lower()


# Nested values


class _NestedLoader(SourceFileLoader):
    _HEAD = re.compile(r"\A(.*?)^__all__ = \[$", re.DOTALL | re.MULTILINE)
    _LONGEST_HEAD = 4096

    def exec_module(self, module: ModuleType) -> None:
        with Path(self.path).open(encoding="utf-8") as file:
            head = self._HEAD.match(file.read(self._LONGEST_HEAD))
        if head is None:
            super().exec_module(module)
            return
        exec(compile(head[1], self.path, "exec"), vars(module))  # noqa: S102 - the module's own imports
        module.__all__ = []  # type: ignore[attr-defined]  # a module has what it is given
        module.__class__ = _Nested

    def bodies(self, name: str) -> dict[str, CodeType]:
        """Return the bodies of the classes in a module, by the classes' names."""
        code = self.get_code(name)
        return {one.co_name: one for one in code.co_consts if isinstance(one, CodeType)} if code else {}


class _Nested(ModuleType):
    """A module of classes, each of which is made when it is asked for. A star takes none of them."""

    __loader__: _NestedLoader
    _bodies: dict[str, CodeType]

    def __getattr__(self, name: str) -> Any:
        if name == "_bodies":
            self._bodies = self.__loader__.bodies(self.__name__)
            return self._bodies
        if name not in self._bodies:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        build: Callable[..., Any] = builtins.__build_class__
        body = FunctionType(self._bodies[name], vars(self), name)
        if self.__name__.endswith(f".{_OUTPUTS}"):
            made = pulumi.output_type(build(body, name, dict))
        elif name.endswith("Dict"):
            made = build(body, name, TypedDict)
        else:
            made = pulumi.input_type(build(body, name))
        setattr(self, name, made)
        return made

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self._bodies})


_WORD = re.compile(r"\w+")


def _with_nested(globals_for: Callable[[type], dict[str, Any] | None]) -> Callable[[type], dict[str, Any] | None]:
    """Give the SDK, which looks up the names in annotations of a class, also those that its module has no star's names
    for."""

    def globals_with_nested(class_: type) -> dict[str, Any] | None:
        found = globals_for(class_)
        package = class_.__module__.rpartition(".")[0]
        modules = [sys.modules.get(class_.__module__), sys.modules.get(f"{package}.{_INPUTS}")]
        nested = [module for module in modules if isinstance(module, _Nested)]
        if found is not None and nested:
            for name in _annotated(class_) - found.keys():
                home = next((module for module in nested if name in module._bodies), None)
                if home is not None:
                    found[name] = getattr(home, name)
        return found

    return globals_with_nested


def _annotated(class_: type) -> set[str]:
    """Return the words in the forward references of a class's properties."""
    words: set[str] = set()
    for _, _, prop in _types._py_properties(class_):
        pending = [prop.fget.__annotations__.get("return")]
        while pending:
            annotation = pending.pop()
            text = annotation if isinstance(annotation, str) else getattr(annotation, "__forward_arg__", "")
            words.update(_WORD.findall(text))
            pending += getattr(annotation, "__args__", ())
    return words
