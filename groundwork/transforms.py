"""A stack's own changes to what Groundwork declares: ``Pulumi.STACK.transform.py``, a Python file beside the stack file.

Each function in it with :func:`transform` becomes one of Pulumi's resource transforms, so that it works the same under ``pulumi up`` and
in the offline preview (https://www.pulumi.com/docs/iac/concepts/resources/options/transforms/)::

    import pulumi
    import pulumi_aws as aws
    from groundwork.transforms import transform

    @transform(aws.rds.Instance, name="shop-database-primary")
    def keep_insights_for_two_years(args: pulumi.ResourceTransformArgs) -> None:
        args.props["performanceInsightsRetentionPeriod"] = 731
"""

from __future__ import annotations

import contextlib
import inspect
import runpy
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, get_args

import pulumi
from pulumi.runtime import register_resource_transform, rpc
from pulumi.runtime.settings import _get_rpc_manager
from pulumi.runtime.sync_await import _sync_await

from groundwork.components.settings import Settings
from groundwork.settings.base import Phase
from groundwork.settings.data_file import copied
from groundwork.settings.mistakes import nearest, one_of
from groundwork.settings.python_file import line_of, reason_of

Result = pulumi.ResourceTransformResult | None
Function = TypeVar("Function", bound=Callable[[pulumi.ResourceTransformArgs], Result | Awaitable[Result]])

_PHASES: tuple[str, ...] = get_args(Phase)


@dataclass
class _Transform:
    """A function of the file, and what it is for."""

    function: Callable[[pulumi.ResourceTransformArgs], Result | Awaitable[Result]]
    type: str | None
    name: str | None
    phases: tuple[str, ...]

    def __str__(self) -> str:
        """Return the resources it is for, in words."""
        named = f"called {self.name!r}" if self.name else ""
        return " ".join(filter(None, (f"of type {self.type}" if self.type else "", named)))

    @property
    def place(self) -> str:
        """Return file and line of the function."""
        code = self.function.__code__
        return f"{Path(code.co_filename).name}:{code.co_firstlineno}"

    @property
    def called(self) -> str:
        """Return the function's name."""
        return self.function.__name__

    def is_for(self, type_: str, name: str) -> bool:
        return self.type in (None, type_) and (self.name is None or fnmatchcase(name, self.name))


_declared: list[_Transform] = []


def transform(
    type_: str | type[pulumi.Resource] | None = None, *, name: str | None = None, phases: Iterable[str] = ()
) -> Callable[[Function], Function]:
    """Make a transform of a function, for the resources of a type, of a name, or both.

    ``type_`` is a class (``aws.rds.Instance``) or a type token, ``name`` a logical name in which ``*`` and ``?`` stand for characters,
    ``phases`` the only phases to do it in (all, if unset). The function is given Pulumi's ``ResourceTransformArgs``, in which
    properties have the provider's camelCase names. It changes ``args.props`` or ``args.opts`` in place, or returns a
    ``ResourceTransformResult``. Raises ValueError for what is no type, and where neither type nor name is given.
    """
    token = getattr(type_, "pulumi_type", None) if isinstance(type_, type) else type_
    if type_ is not None and not (isinstance(token, str) and token.count(":") == 2):
        raise ValueError(f"{type_!r} is no resource type; give a class such as aws.rds.Instance, or a type token")
    if token is None and not name:
        raise ValueError("it says neither a type nor a name; give at least one of them")
    wrong = [phase for phase in phases if phase not in _PHASES]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no phase; use {one_of(_PHASES)}{nearest(wrong[0], _PHASES)}")

    def declare(function: Function) -> Function:
        _declared.append(_Transform(function, token, name, tuple(phases)))
        return function

    return declare


@contextlib.contextmanager
def transformed(settings: Settings) -> Iterator[None]:
    """Apply the transforms of the stack's file to everything that is declared within; without a file do nothing.

    Raises ``pulumi.RunError`` with file and line for a file or a function that fails, and for a transform that no resource matches.
    """
    file = Path(pulumi.get_root_directory(), f"Pulumi.{pulumi.get_stack()}.transform.py")
    if not file.is_file():
        yield
        return
    transforms = [one for one in _load(file) if not one.phases or settings.platform.phase in one.phases]
    run = _TransformRun(file)
    for one in transforms:
        register_resource_transform(run.applied(one))
    yield
    _sync_await(_registered())
    if run.failures:
        # What the engine made of it holds a traceback, and would be told in its place.
        error = pulumi.RunError("\n".join(run.failure_lines()))
        _get_rpc_manager().unhandled_exception = error
        raise error
    _refuse_unmatched(transforms, run.names)


async def _registered() -> None:
    """Wait until everything that was declared is registered; what failed is told by whoever asks for it."""
    manager = _get_rpc_manager()
    while manager.rpcs:
        with contextlib.suppress(Exception):
            await manager.rpcs.pop()


def _load(file: Path) -> list[_Transform]:
    _declared.clear()
    try:
        runpy.run_path(str(file), run_name=file.name.removesuffix(".py"))
    except Exception as error:
        raise pulumi.RunError(f"{line_of(error, file)}: {reason_of(error)}") from None
    if not _declared:
        raise pulumi.RunError(
            f"{file.name}: it declares no transform; put @transform(TYPE, name=NAME) before a function (docs/transforms.md)"
        )
    return list(_declared)


def _refuse_unmatched(transforms: Iterable[_Transform], names: Mapping[str, Collection[str]]) -> None:
    wrong = []
    for one in transforms:
        if any(one.is_for(type_, name) for type_, some in names.items() for name in some):
            continue
        here = {name for type_, some in names.items() if one.type in (None, type_) for name in some}
        guess = nearest(one.name, sorted(here)) if here else nearest(one.type, sorted(names))
        wrong.append(f"{one.place} {one.called}: there is no resource {one} in this stack{guess}")
    if wrong:
        raise pulumi.RunError("\n".join([*wrong, "`groundwork preview STACK --format json` has all types and names"]))


@dataclass
class _TransformRun:
    """What the transforms of one file come to while a program runs."""

    file: Path
    names: dict[str, set[str]] = field(default_factory=dict)
    """Of all resources, by type."""
    failures: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """Place and reason → the resources on which a transform failed so."""

    def failure_lines(self) -> list[str]:
        """Return a line for each failure, with the first of the resources that it is of."""
        return [
            f"{place}: on {first}{f' and {len(others)} more' if others else ''}: {reason}"
            for (place, reason), (first, *others) in self.failures.items()
        ]

    def _fail(self, place: str, args: pulumi.ResourceTransformArgs, reason: str) -> None:
        named = self.failures.setdefault((place, reason), [])
        if (said := f"{args.name} ({args.type_})") not in named:
            named.append(said)

    def applied(self, one: _Transform) -> Callable[[pulumi.ResourceTransformArgs], Awaitable[Result]]:
        """Return the transform as Pulumi takes it: for its resources alone, and with errors in words."""

        @wraps(one.function)
        async def apply(args: pulumi.ResourceTransformArgs) -> Result:
            self.names.setdefault(args.type_, set()).add(args.name)
            if not one.is_for(args.type_, args.name):
                return None
            props, opts = copied(args.props), copied(vars(args.opts))
            try:
                answer = one.function(args)
                answer = await answer if inspect.isawaitable(answer) else answer
                result = pulumi.ResourceTransformResult(args.props, args.opts) if answer is None else _checked(answer)
                await rpc.serialize_properties(result.props, {})
                _refuse_unknown(args.type_, result.props.keys() - props.keys())
            except _UnknownPropertyError as error:
                self._fail(f"{one.place} {one.called}", args, str(error))
                raise
            except Exception as error:
                self._fail(f"{line_of(error, self.file) or one.place} {one.called}", args, reason_of(error))
                raise
            same_options = vars(result.opts) == opts
            if result.props == props and same_options:
                return None
            # Options that are as they were are left out: the engine keeps them, and knows more of them than the SDK.
            return pulumi.ResourceTransformResult(result.props, None if same_options else result.opts)  # type: ignore[arg-type]  # the SDK asks whether they are None

        return apply


class _UnknownPropertyError(ValueError):
    """A transform sets what a type of resource does not have, which the provider would leave out without a word."""


def _refuse_unknown(type_: str, added: Collection[str]) -> None:
    """Raise where a resource of pulumi-aws is given a property that it does not have, such as one in snake_case."""
    if not added or not type_.startswith("aws:"):
        return
    from groundwork.preview.terraform.names import args_class, properties  # noqa: PLC0415 - what few transforms ask for

    arguments = args_class(type_)
    for name in sorted(added) if arguments else ():
        known = properties(arguments)
        if name not in known:
            raise _UnknownPropertyError(f'the type has no property "{name}"{nearest(name, known)}')


def _checked(answer: Any) -> pulumi.ResourceTransformResult:
    if not isinstance(answer, pulumi.ResourceTransformResult):
        raise TypeError(f"it returns {type(answer).__name__}; return pulumi.ResourceTransformResult, or nothing")
    return answer
