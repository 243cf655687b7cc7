"""From a stack file to effective settings: read, merge, validate, check; every mistake at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path as FilePath
from typing import Any, get_args

from settings import stack_file
from settings.checks import check
from settings.merging import Merged, merge
from settings.mistakes import Mistake, Mistakes, Path, nearest, one_of
from settings.models import ENTRY_LAYERS, LAYERS, Sealed, Settings
from settings.models.base import Phase, Stage
from settings.models.platform import PlatformSettings
from settings.stack_file import Document
from settings.validation import validate

NAMESPACE = "groundwork"

_HERE = FilePath(__file__).parent
_STACK_FILE_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")


@dataclass(frozen=True)
class Stack:
    """A stack of a Pulumi project: its names and where its files are."""

    project: str
    name: str
    project_folder: FilePath
    program_folder: FilePath
    file: FilePath
    label: str
    """How messages name the file."""


@dataclass(frozen=True)
class Loaded:
    """Effective settings, where each value came from, and the configuration as the engine would pass it."""

    settings: Settings
    merged: Merged
    config: dict[str, str]


def find_stack(text: str, start: FilePath | None = None) -> Stack:
    """``dev`` is ``Pulumi.dev.yaml`` here; ``examples/shop/prod`` is ``examples/shop/Pulumi.prod.yaml``.

    Raises :class:`Mistakes` that list the stacks there are.
    """
    start = start or FilePath.cwd()
    folder_text, _, name = text.rpartition("/")
    folder = start / folder_text
    project_file = folder / "Pulumi.yaml"
    file = folder / f"Pulumi.{name}.yaml"
    if not project_file.is_file():
        raise Mistakes([Mistake((), f'there is no Pulumi project in "{folder_text or "."}"{_known_stacks(text, start)}')])
    if not file.is_file():
        raise Mistakes([Mistake((), f'there is no stack "{text}"{_known_stacks(text, start)}')])
    label = f"{folder_text}/{file.name}" if folder_text else file.name
    project = stack_file.read(project_file, f"{folder_text}/Pulumi.yaml" if folder_text else "Pulumi.yaml").data
    program = folder / str(project.get("main", "."))
    return Stack(str(project.get("name", "")), name, folder.resolve(), program.resolve(), file, label)


def stacks(start: FilePath) -> list[str]:
    """Every stack at ``start`` and below ``examples``, by the name that :func:`find_stack` takes."""
    found = []
    for folder in (start, *sorted((start / "examples").glob("*"))):
        if (folder / "Pulumi.yaml").is_file():
            prefix = "" if folder == start else f"{folder.relative_to(start).as_posix()}/"
            found += [f"{prefix}{file.name.split('.')[1]}" for file in sorted(folder.glob("Pulumi.*.yaml"))]
    return found


def _known_stacks(text: str, start: FilePath) -> str:
    known = stacks(start)
    if not known:
        return "; run this where Pulumi.yaml is"
    return f"{nearest(text, known)}; there are {one_of(known)}".replace(" or ", " and ")


def load_stack(stack: Stack) -> Loaded:
    """The settings of a stack, from its file. Raises :class:`Mistakes` with all of them."""
    document = stack_file.read(stack.file, stack.label)
    own, mistakes = _groundwork_part(document)
    region, more = _region(document)
    mistakes += more
    merged, settings, more = _effective(own, region, decrypted=False)
    mistakes += more
    if mistakes or settings is None:
        raise Mistakes(mistakes)
    return Loaded(settings, merged, _as_engine_config(document.data.get("config") or {}))


def load_from_pulumi() -> Settings:
    """The settings of the running program, from the engine's configuration. Raises :class:`Mistakes` with all of them."""
    import pulumi  # noqa: PLC0415 - a third of a second that other commands need not pay
    from pulumi.runtime.config import CONFIG, is_config_secret  # noqa: PLC0415

    file = FilePath(pulumi.get_root_directory()) / f"Pulumi.{pulumi.get_stack()}.yaml"
    on_disk = _positions(file)
    values: dict[str, Any] = {}
    decrypted = False
    for key, text in CONFIG.get().items():
        namespace, _, layer = key.partition(":")
        if namespace == NAMESPACE:
            decrypted = decrypted or is_config_secret(key)
            values[layer] = _from_engine(text)
    own = Document(on_disk.label, values, on_disk.lines)
    unknown = _unknown_layers(own)
    region = pulumi.Config("aws").get("region")
    missing_region = [] if region else [_NO_REGION]
    _, settings, mistakes = _effective(own, region or "us-east-1", decrypted=decrypted)
    if unknown or missing_region or mistakes or settings is None:
        raise Mistakes([*unknown, *missing_region, *mistakes])
    return settings


_NO_REGION = Mistake((), "aws:region is missing; add it under config, such as aws:region: ap-south-1")


def _positions(file: FilePath) -> Document:
    try:
        return _groundwork_part(stack_file.read(file))[0]
    except Mistakes:
        # The engine was given its configuration in another way (--config-file, --config); messages then have no line.
        return Document("", {})


def _from_engine(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _as_engine_config(config: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
        if not (isinstance(value, Mapping) and set(value) == {"secure"})
    }


def _groundwork_part(document: Document) -> tuple[Document, list[Mistake]]:
    """The document with layers as its top-level keys."""
    mistakes = [
        Mistake((key,), f"unknown key; a stack file has {one_of(_STACK_FILE_KEYS)}{nearest(key, _STACK_FILE_KEYS)}", document.where((key,)))
        for key in document.data
        if key not in _STACK_FILE_KEYS
    ]
    config = document.data.get("config") or {}
    if not isinstance(config, Mapping):
        return Document(document.label, {}), [Mistake(("config",), "expected a mapping of keys to values", document.where(("config",)))]
    values: dict[str, Any] = {}
    for key, value in config.items():
        namespace, colon, layer = str(key).partition(":")
        if not colon:
            hint = f'; write "{NAMESPACE}:{key}"' if key in LAYERS else '; write "namespace:key"'
            mistakes.append(Mistake((key,), f"a configuration key needs its namespace{hint}", document.where(("config", key))))
        elif namespace == NAMESPACE:
            values[layer] = value
        elif nearest(namespace, [NAMESPACE]):
            mistakes.append(Mistake((key,), f'unknown namespace; did you mean "{NAMESPACE}:{layer}"?', document.where(("config", key))))
    prefix = f"{NAMESPACE}:"
    lines = {
        (str(path[1]).removeprefix(prefix), *path[2:]): line
        for path, line in document.lines.items()
        if len(path) > 1 and str(path[1]).startswith(prefix)
    }
    own = Document(document.label, values, lines)
    return own, mistakes + _unknown_layers(own)


def _unknown_layers(own: Document) -> list[Mistake]:
    return [
        Mistake((layer,), f"unknown layer{nearest(layer, LAYERS)}; there are {', '.join(LAYERS)}", own.where((layer,)))
        for layer in own.data
        if layer not in LAYERS
    ]


def _region(document: Document) -> tuple[str, list[Mistake]]:
    config = document.data.get("config")
    region = config.get("aws:region") if isinstance(config, Mapping) else None
    if region is None:
        return "us-east-1", [replace(_NO_REGION, where=document.where(("config",)))]
    return str(region), []


def _effective(own: Document, region: str, *, decrypted: bool) -> tuple[Merged, Settings | None, list[Mistake]]:
    known = Document(own.label, {layer: value for layer, value in own.data.items() if layer in LAYERS}, own.lines)
    merged = merge([*_bases(known), known], ENTRY_LAYERS)
    settings, mistakes = validate({"region": region, **merged.data}, decrypted=decrypted)
    if settings is not None:
        mistakes += check(settings, {mistake.path for mistake in mistakes})
    return merged, settings, [replace(mistake, where=mistake.where or merged.where(mistake.path)) for mistake in mistakes]


def _bases(own: Document) -> Sequence[Document]:
    platform = own.data.get("platform")
    said = platform if isinstance(platform, Mapping) else {}
    chosen = (
        ("phases", said.get("phase", PlatformSettings.model_fields["phase"].default), get_args(Phase)),
        ("stages", said.get("stage", PlatformSettings.model_fields["stage"].default), get_args(Stage)),
    )
    return [_base(folder, name) for folder, name, allowed in chosen if name in allowed]


@cache
def _base(folder: str, name: str) -> Document:
    return stack_file.read(_HERE / folder / f"{name}.yaml", f"{folder.removesuffix('s')} {name}")


__all__ = ["NAMESPACE", "Loaded", "Sealed", "Stack", "find_stack", "load_from_pulumi", "load_stack", "stacks"]
