"""Functions that ship with Groundwork: what each needs, and what its handler would refuse when it is called.

What a function takes stands in ``function.yaml`` beside its handler. A folder without one is the product's own, and left alone.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

import yaml
from pydantic import ValidationError

from groundwork.components.functions.artefacts import DESCRIPTION, find
from groundwork.components.functions.settings import FunctionSettings, ShippedFunction, ShippedUse, Starter
from groundwork.components.settings import Settings
from groundwork.settings.access import LEVELS, usable
from groundwork.settings.data_file import read_data
from groundwork.settings.mistakes import Mistake, Path, nearest, one_of

# What Python and the SDK read whatever the handler does.
_RUNTIME = ("AWS_*", "PYTHON*", "SSL_CERT_DIR", "SSL_CERT_FILE", "TZ")


@cache
def shipped(code: str, program: pathlib.Path) -> ShippedFunction | None:
    """Read what the function in a folder takes; None for one that does not say it in our words."""
    file = find(code, DESCRIPTION, program)
    try:
        return ShippedFunction.model_validate(read_data(file)) if file else None
    except (OSError, UnicodeDecodeError, ValidationError, yaml.YAMLError):
        # A product may call a file of its own so.
        return None


@dataclass(frozen=True)
class _Shipped:
    """One function of the stack file whose code is ours."""

    name: str
    settings: FunctionSettings
    takes: ShippedFunction
    kinds: Mapping[str, str]
    """Everything that can be used → its kind."""

    @property
    def code(self) -> str:
        return self.settings.code

    def variable(self, name: str) -> Path:
        return ("functions", self.name, "environment", name)

    def used(self, kind: str) -> list[str]:
        return [name for name in self.settings.uses if self.kinds.get(name) == kind]


def _all(settings: Settings) -> Iterator[_Shipped]:
    kinds = {thing.name: thing.kind for thing in usable(settings)}
    for name, function in settings.functions.items():
        takes = shipped(function.code, settings.program)
        if takes:
            yield _Shipped(name, function, takes, kinds)


def groundwork_runs_its_own(settings: Settings) -> Iterator[Mistake]:
    for function in _all(settings):
        if function.takes.runs_for:
            yield Mistake(
                ("functions", function.name, "code"),
                f"Groundwork runs {function.code} itself where {function.takes.runs_for} is set; set that, and leave this out",
            )


def timeouts_are_long_enough(settings: Settings) -> Iterator[Mistake]:
    for function in _all(settings):
        least = function.takes.least_timeout
        # What Groundwork runs itself is a mistake of its own.
        if function.settings.timeout < least and not function.takes.runs_for:
            yield Mistake(
                ("functions", function.name, "timeout"),
                f"{function.settings.timeout} s is less than the {least} s that {function.code} needs to try again what fails",
            )


def needed_variables_are_set(settings: Settings) -> Iterator[Mistake]:
    for function in _all(settings):
        takes = function.takes
        for name, variable in takes.variables.items():
            if variable.required and name not in function.settings.environment:
                yield Mistake(
                    function.variable(name),
                    f'is missing, and {function.code} needs it ({variable.says}); set it, such as {name}: "{variable.such_as}"',
                )
        if takes.one_of and not any(name in function.settings.environment for name in takes.one_of):
            first = takes.one_of[0]
            yield Mistake(
                ("functions", function.name, "environment"),
                f"{function.code} needs {one_of(takes.one_of)}; set one, such as "
                f'{first}: "{takes.variables[first].such_as}"',
            )


def variables_are_known(settings: Settings) -> Iterator[Mistake]:
    for function in _all(settings):
        variables = function.takes.variables
        for name in function.settings.environment:
            if name in variables or _matches(name, _RUNTIME):
                continue
            given = _matches(name, function.takes.given)
            if given:
                source = function.takes.given[given]
                yield Mistake(
                    function.variable(name), f"is not for a stack file to set: it comes from {source}; leave it out"
                )
                continue
            known = f"it reads {', '.join(variables)}" if variables else "it reads none"
            yield Mistake(
                function.variable(name),
                f"{function.code} does not read this variable; {known}{nearest(name, variables)}",
            )


def _matches(name: str, patterns: Mapping[str, str] | tuple[str, ...]) -> str | None:
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)


def values_are_taken(settings: Settings) -> Iterator[Mistake]:
    """Check that environment values are what the shipped function takes. A value is never repeated: among what a stack
    file hands over may be a secret."""
    for function in _all(settings):
        for name, value in function.settings.environment.items():
            variable = function.takes.variables.get(name)
            if variable is None:
                continue
            named = function.used(variable.names) if variable.names else []
            if variable.names and value not in named:
                offered = f"it uses {', '.join(named)}" if named else "it uses none"
                yield Mistake(
                    function.variable(name),
                    f"names no {variable.names} that functions.{function.name} uses; {offered}{nearest(value, named)}",
                )
            elif variable.pattern and not re.fullmatch(variable.pattern, value):
                yield Mistake(
                    function.variable(name),
                    f'is nothing that {function.code} can read ({variable.says}); write it as "{variable.such_as}" '
                    f"(the whole of it matches {variable.pattern})",
                )


def uses_are_enough(settings: Settings) -> Iterator[Mistake]:
    for function in _all(settings):
        for use in function.takes.uses:
            yield from (_named if use.kind in _SEVERAL else _single)(function, use)


_SEVERAL = ("bucket", "queue")
"""What a platform may have several of, each with a name."""


def _single(function: _Shipped, use: ShippedUse) -> Iterator[Mistake]:
    """Check the use of what a platform has one of, which is called by its kind."""
    path = ("functions", function.name, "uses", use.kind)
    there = use.kind in function.kinds
    held = function.settings.uses.get(use.kind)
    if held is None and (use.needed == "always" or (use.needed == "if there" and there)):
        layer = "" if there else f"; this stack has no {use.kind}"
        yield Mistake(path, f"is missing, and {function.code} needs it; write {use.kind}: {one_of(use.levels)}{layer}")
    elif held and set(held.levels) <= set(LEVELS[use.kind]) and not set(held.levels) & set(use.levels):
        yield Mistake(path, f'"{held.levels[0]}" is too little for {function.code}; use {one_of(use.levels)}')


def _named(function: _Shipped, use: ShippedUse) -> Iterator[Mistake]:
    uses, held_of_kind = function.settings.uses, function.used(use.kind)
    named = function.settings.environment.get(use.variable or "")
    levels = use.unset if use.variable and named is None and use.unset else use.levels
    if named is None:
        # A variable that must be set is a mistake of its own.
        missing = use.variable is None or use.unset
        if missing and not any(set(uses[name].levels) & set(levels) for name in held_of_kind):
            unless = f" while {use.variable} is not set" if use.variable else ""
            yield Mistake(
                ("functions", function.name, "uses"),
                f"holds no {use.kind} at {one_of(levels)}, and {function.code} needs one{unless}; "
                f"{f'there is {one_of(held_of_kind)}' if held_of_kind else f'write NAME: {levels[0]}'}",
            )
        return
    if named not in held_of_kind:
        return
    held = uses[named]
    path = ("functions", function.name, "uses", named)
    below = [prefix for level, prefix in held.parts if level in levels]
    if not below:
        if set(held.levels) <= set(LEVELS[use.kind]):
            yield Mistake(
                path,
                f'"{held.levels[0]}" is too little for {function.code}, which is told {use.variable}: {named}; use {one_of(levels)}',
            )
        return
    outside = [name for name in use.keys if not _within([prefix or "" for prefix in below], function, use, name)]
    if outside:
        said = one_of(f'"{prefix}"' for prefix in below)
        yield Mistake(
            (*path, "prefix" if held.prefix else "prefixes"),
            f"{said} leaves out where {function.code} works: {one_of(outside)} must stay below it",
        )


def _within(prefixes: list[str], function: _Shipped, use: ShippedUse, name: str) -> bool:
    value = function.settings.environment.get(name, function.takes.variables[name].unset or "")
    return all(found.startswith(tuple(prefixes)) for found in re.findall(use.keys[name], value))


def handlers_know_who_calls(settings: Settings) -> Iterator[Mistake]:
    """Check that a handler knows its callers: each caller has its own form of event; a handler that does not know it
    fails at every call."""
    callers = list(_callers(settings))
    for function in _all(settings):
        for path, name, starter in callers:
            if name == function.name and starter not in function.takes.started_by:
                yield Mistake(
                    path,
                    f"{function.code} cannot be started by a {starter}; it is started by a {one_of(function.takes.started_by)}",
                )


def _callers(settings: Settings) -> Iterator[tuple[Path, str | None, Starter]]:
    for name, function in settings.functions.items():
        if function.trigger:
            yield ("functions", name, "trigger"), name, "queue"
    if settings.messaging:
        for topic, held in settings.messaging.topics.items():
            for name, subscription in held.subscriptions.items():
                yield (
                    ("messaging", "topics", topic, "subscriptions", name, "function"),
                    subscription.function,
                    "topic",
                )
        for name, schedule in settings.messaging.schedules.items():
            yield ("messaging", "schedules", name, "function"), schedule.function, "schedule"
    for name, secret in settings.secrets.items():
        if secret.rotation:
            yield ("secrets", name, "rotation", "function"), secret.rotation.function, "rotation"


CHECKS = (
    groundwork_runs_its_own,
    timeouts_are_long_enough,
    needed_variables_are_set,
    variables_are_known,
    values_are_taken,
    uses_are_enough,
    handlers_know_who_calls,
)
