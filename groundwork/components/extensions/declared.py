"""What an extension says of itself, read without running it: ``groundwork settings`` answers before any of Pulumi is imported, and a
stack file is judged whether or not its extensions would build."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast, get_args

from groundwork.components.services.settings import Held
from groundwork.settings.mistakes import all_of, nearest, one_of

FILE = "extensions.py"
"""The file beside the stack file, for all stacks of a project; which of its classes a stack has, its file says."""

_HELD: tuple[str, ...] = get_args(Held)
_LEVEL = re.compile(r"[a-z]+(-[a-z]+)*")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
_BASES = ("Extension", "Protocol", "ABC", "object")
"""Bases that bring neither levels nor arguments."""
_EXAMPLE = 'levels = {"read": {"SESSIONS_TABLE": "plain"}}'


class WrongExtensionError(Exception):
    """One class of the file is wrong or missing."""


class WrongFileError(WrongExtensionError):
    """The file itself cannot be read, so that no class of it can."""


@dataclass(frozen=True)
class ClassArgument:
    """Something that a class is created with."""

    required: bool
    types: tuple[str, ...]
    """Of ``bool``, ``int``, ``float`` and ``str``; empty where the annotation says something else."""

    def takes(self, value: object) -> bool:
        """Tell whether a value is of one of the types; a whole number is a number too."""
        own = type(value).__name__
        return not self.types or own in self.types or (own == "int" and "float" in self.types)


@dataclass(frozen=True)
class Declared:
    """A class of the file."""

    class_name: str
    line: int
    levels: Mapping[str, Mapping[str, Held]]
    """Level → the variables that it brings, and how a workload is given each."""
    arguments: Mapping[str, ClassArgument] | None
    """By name; None where the class has a base that may take others."""

    @property
    def place(self) -> str:
        """Return file, line and name."""
        return f"{FILE}:{self.line} {self.class_name}"

    def holds(self, held: Held) -> bool:
        """Tell whether any level brings a variable that is given like this."""
        return any(held in variables.values() for variables in self.levels.values())


def declared_in(folder: Path, name: str) -> Declared:
    """Return what the class of an extension says, ``PartnerApi`` for ``partner-api``.

    Raises WrongFileError where the file is missing or no Python, WrongExtensionError where the class is missing or not as it must be.
    """
    file = folder / FILE
    try:
        text = file.read_bytes()
    except OSError:
        raise WrongFileError(
            f"their code is in {FILE} beside the stack file, and there is none; docs/extending.md shows one"
        ) from None
    return _declared(text, name)


@lru_cache(maxsize=64)
def _classes(text: bytes) -> dict[str, ast.ClassDef]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text, FILE)
    except SyntaxError as error:
        raise WrongFileError(f"{FILE}:{error.lineno or 1} is no Python: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise WrongFileError(f"{FILE} is no Python: {error or type(error).__name__}") from None
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


@lru_cache(maxsize=256)
def _declared(text: bytes, name: str) -> Declared:
    classes = _classes(text)
    found = {_plain(class_name): node for class_name, node in classes.items()}.get(_plain(name))
    if found is None:
        wanted = "".join(part.capitalize() for part in name.split("-"))
        known = f"it has {all_of(classes)}{nearest(wanted, classes)}" if classes else "it has no class"
        raise WrongExtensionError(f"{FILE} has no class {wanted}; {known}")
    node = classes[found.name]
    stranger = any(_last_name(base) not in _BASES for base in node.bases)
    _check_build(node, inherits=stranger)
    return Declared(node.name, node.lineno, _levels(node), None if stranger else _arguments(node))


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def _last_name(node: ast.expr) -> str:
    """Return ``dataclass`` for ``@dataclass``, ``@dataclasses.dataclass`` and ``@dataclass(frozen=True)``."""
    node = node.func if isinstance(node, ast.Call) else node
    node = node.value if isinstance(node, ast.Subscript) else node
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _wrong(node: ast.AST, owner: ast.ClassDef, message: str) -> WrongExtensionError:
    return WrongExtensionError(f"{FILE}:{getattr(node, 'lineno', owner.lineno)} {owner.name}: {message}")


def _check_build(node: ast.ClassDef, *, inherits: bool) -> None:
    wanted = "def build(self, name: str, context: ExtensionContext) -> Offer"
    build = next((one for one in _functions(node) if one.name == "build"), None)
    if build is None:
        if not inherits:
            raise _wrong(node, node, f"has no build; write {wanted}")
        return
    if isinstance(build, ast.AsyncFunctionDef):
        raise _wrong(build, node, f"build is async, and resources are declared without waiting; write {wanted}")
    given = [*build.args.posonlyargs, *build.args.args]
    needed = len(given) - len(build.args.defaults)
    named = [default is None for default in build.args.kw_defaults]
    if not build.decorator_list and (any(named) or needed > 3 or (len(given) < 3 and not build.args.vararg)):
        raise _wrong(build, node, f"build is given a name and a context; write {wanted}")


def _functions(node: ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (one for one in node.body if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)))


def _levels(node: ast.ClassDef) -> dict[str, dict[str, Held]]:
    said = None
    for one in node.body:
        targets = one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == "levels" for target in targets):
            said = cast(ast.Assign | ast.AnnAssign, one)
    if said is None or said.value is None:
        raise _wrong(said or node, node, f"says no levels; write level, variables and how each is held: {_EXAMPLE}")
    try:
        levels = ast.literal_eval(said.value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        raise _wrong(said, node, f"levels is read without running the file; write it out: {_EXAMPLE}") from None
    problem = _problem(levels)
    if problem:
        raise _wrong(said, node, f"levels {problem}")
    return cast("dict[str, dict[str, Held]]", levels)


def _problem(levels: Any) -> str | None:
    """Return what is wrong with a table of levels; None where nothing is."""
    if not isinstance(levels, dict) or not levels:
        return f"is not a table of levels; write {_EXAMPLE}"
    for level, variables in levels.items():
        if not isinstance(level, str) or not _LEVEL.fullmatch(level) or len(level) > 24:
            return f'has the level {level!r}; a level is lower-case letters and single dashes, such as "read-write"'
        if not isinstance(variables, dict):
            return (
                f'says of "{level}" {variables!r}, which is no table of variables; write {_EXAMPLE}, or {{}} for none'
            )
        problem = next(filter(None, (_problem_with(*item) for item in variables.items())), None)
        if problem:
            return problem
    return None


def _problem_with(variable: Any, held: Any) -> str | None:
    if not isinstance(variable, str) or not _VARIABLE.fullmatch(variable) or len(variable) > 128:
        return f'has the variable {variable!r}; a variable is capitals, digits and _, such as "SESSIONS_TABLE"'
    if variable.startswith("AWS_"):
        return f"has the variable {variable}; what starts with AWS_ is AWS's own, such as credentials"
    if held not in _HELD:
        return f'has "{variable}": {held!r}; a variable is {one_of(_HELD)}{nearest(held, _HELD)}'
    return None


def _arguments(node: ast.ClassDef) -> dict[str, ClassArgument] | None:
    init = next((one for one in _functions(node) if one.name == "__init__"), None)
    if init is not None:
        return None if init.args.kwarg else dict(_parameters(init.args))
    if "dataclass" in map(_last_name, node.decorator_list):
        return {
            one.target.id: ClassArgument(_is_required(one.value), _types(one.annotation))
            for one in node.body
            if isinstance(one, ast.AnnAssign)
            and isinstance(one.target, ast.Name)
            and "ClassVar" not in ast.unparse(one.annotation)
        }
    return {}


def _parameters(arguments: ast.arguments) -> Iterator[tuple[str, ClassArgument]]:
    plain = arguments.args[0 if arguments.posonlyargs else 1 :]
    without: Sequence[None] = [None] * (len(plain) - len(arguments.defaults))
    defaults = [*without, *arguments.defaults[-len(plain) :]] if plain else []
    for one, default in zip([*plain, *arguments.kwonlyargs], [*defaults, *arguments.kw_defaults], strict=False):
        yield one.arg, ClassArgument(default is None, _types(one.annotation))


def _is_required(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call) and _last_name(value) == "field":
        return not {"default", "default_factory", "init"} & {keyword.arg for keyword in value.keywords}
    return value is None


def _types(annotation: ast.expr | None) -> tuple[str, ...]:
    found = tuple(part.strip() for part in ast.unparse(annotation).split("|")) if annotation else ()
    return found if set(found) <= {"bool", "int", "float", "str", "None"} else ()
