"""Running extensions: what a class of ``extensions.py`` declares, and what it offers once that is checked."""

from __future__ import annotations

import contextlib
import runpy
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import pulumi
from pulumi.runtime.settings import get_root_resource, set_root_resource

from groundwork.components.access import Grant
from groundwork.components.alarms import alarm
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.extensions.declared import FILE, Declared, declared_in
from groundwork.components.extensions.judging import problems
from groundwork.components.extensions.offer import Extension, ExtensionContext
from groundwork.components.extensions.settings import ExtensionSettings
from groundwork.components.network.tiers import NetworkTiers
from groundwork.settings.python_file import line_of, reason_of

_MODULE = "groundwork_extensions"


@dataclass(frozen=True)
class LoadedExtension:
    """A class of the file, created with what the stack file gives it."""

    extension: Extension
    declared: Declared
    file: Path


class OwnResources(Component):
    """What one extension of a stack declares: every resource without another parent is below this, and so has the platform's tags.

    Builds: what the class in ``extensions.py`` declares in ``build``, and the alarms that it offers.

    Cost: of its resources; an alarm $0.10 a month.

    Fails: a class that raises, or whose offer is not what it says of itself, ends the program with file and line before any service is
    registered.

    Changes without replacement: see the resources that it declares.
    """

    layer = "extensions"

    outputs: Mapping[str, pulumi.Input[object]]
    """What the extension shows of itself after an update."""

    def __init__(
        self,
        name: str,
        loaded: LoadedExtension,
        *,
        context: Context,
        network: NetworkTiers | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        own = ExtensionContext(**{one.name: getattr(context, one.name) for one in fields(context)}, network=network)
        with _in_words(loaded.file, loaded.declared.class_name), _parent_of_all(self):
            offer = loaded.extension.build(name, own)
        wrong = problems(offer, loaded.declared)
        if wrong:
            raise pulumi.RunError("\n".join(f"{loaded.declared.place}: {problem}" for problem in wrong))
        self._grants = offer.grants
        for one in offer.alarms:
            alarm(
                self,
                one.key,
                one.measure,
                threshold=one.threshold,
                description=one.description,
                comparison=one.comparison,
                period=one.period,
                periods=one.periods,
                missing=one.missing,
                severity=one.severity,
            )
        self.outputs = offer.outputs
        self.register_outputs(self.outputs)

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant a level of the extension's own."""
        return self._grants[level]


@contextlib.contextmanager
def extensions_of(folder: Path, extensions: Mapping[str, ExtensionSettings]) -> Iterator[dict[str, LoadedExtension]]:
    """Run ``extensions.py`` and create a stack's extensions, by name. What it imports beside itself is forgotten afterwards: another
    stack of the same process may have modules of the same names.

    Raises ``pulumi.RunError`` with file and line for a file that fails.
    """
    file = folder / FILE
    modules, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        with _in_words(file):
            module = runpy.run_path(str(file), run_name=_MODULE)
        made = {}
        for name, settings in extensions.items():
            declared = declared_in(folder, name)
            with _in_words(file, declared.class_name):
                made[name] = LoadedExtension(module[declared.class_name](**settings.arguments), declared, file)
        yield made
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            where = getattr(sys.modules[name], "__file__", None)
            if where and Path(where).parent == folder:
                del sys.modules[name]


@contextlib.contextmanager
def _in_words(file: Path, name: str = "") -> Iterator[None]:
    """Turn what the user's code raises into one error with the innermost of its lines."""
    try:
        yield
    except pulumi.RunError:
        raise
    except (Exception, SystemExit) as error:
        place = line_of(error, file) or FILE
        raise pulumi.RunError(f"{place}{f' {name}' if name else ''}: {reason_of(error)}") from None


@contextlib.contextmanager
def _parent_of_all(component: pulumi.ComponentResource) -> Iterator[None]:
    """Make a component the parent of everything that is declared within this and names no other."""
    root = get_root_resource()
    set_root_resource(component)
    try:
        yield
    finally:
        set_root_resource(root)  # type: ignore[arg-type]  # outside a stack there is none
