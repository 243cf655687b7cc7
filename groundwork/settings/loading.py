"""From a stack file to effective settings: read, merge, validate, check; every mistake at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path as FilePath
from typing import Any, get_args

from groundwork.components.checks import check
from groundwork.components.compute.settings import Engine
from groundwork.components.platform.settings import PlatformSettings
from groundwork.components.settings import ENTRY_LAYERS, LAYERS, Sealed, Settings
from groundwork.settings import neighbours, stack_file
from groundwork.settings.base import Phase, Stage
from groundwork.settings.meant import key_meant
from groundwork.settings.merging import EVERY, Merged, is_sealed, merge
from groundwork.settings.mistakes import Mistake, Mistakes, Path, all_of, closest, nearest, one_of
from groundwork.settings.model_paths import takes_keys
from groundwork.settings.stack_file import Document
from groundwork.settings.validation import validate

NAMESPACE = "groundwork"

PHASES = "phases"
"""The key under which a stack file says the sizes of each of its phases."""

_PHASES: tuple[str, ...] = get_args(Phase)
ENGINES: tuple[str, ...] = get_args(Engine)
_KEYS = (*LAYERS, PHASES)
_SIZES = tuple(layer for layer in LAYERS if layer != "platform")
"""What a phase of a stack file may hold: what a platform is called and where it stands does not change with its size."""

_HERE = FilePath(__file__).parent
_STACK_FILE_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")


@dataclass(frozen=True)
class StackFiles:
    """A stack of a Pulumi project: its names and where its files are."""

    project: str
    name: str
    project_folder: FilePath
    program_folder: FilePath
    file: FilePath
    label: str
    """How messages name the file."""
    phase: str | None = None
    """The phase to look ahead to; unset, the one that the file says."""
    engine: str | None = None
    """The engine to look at in place of the one that the file has."""


@dataclass(frozen=True)
class Loaded:
    """Effective settings, where each value came from, and the configuration as the engine would pass it."""

    settings: Settings
    merged: Merged
    config: dict[str, str]
    region_source: str = ""
    """File and line of ``aws:region``."""


def find_stack(
    text: str, start: FilePath | None = None, phase: str | None = None, engine: str | None = None
) -> StackFiles:
    """Find a stack: ``dev`` is ``Pulumi.dev.yaml`` here; ``examples/shop/prod`` is
    ``examples/shop/Pulumi.prod.yaml``. A file's path does too.

    ``phase`` and ``engine`` stand in for those that the file says. Raises :class:`Mistakes` that list the stacks, the phases, or the
    engines there are.
    """
    start = start or FilePath.cwd()
    if engine is not None and engine not in ENGINES:
        raise Mistakes(
            [Mistake((), f'"{engine}" is no engine; use {one_of(ENGINES)}{nearest(engine, ENGINES)}', "--engine")]
        )
    if phase is not None:
        refuse_unknown_phase(phase, AHEAD)
    if (start / text / "Pulumi.yaml").is_file():
        there = _stacks_in(start / text, "" if text in ("", ".") else f"{text.rstrip('/')}/")
        choice = (
            f"name one of its stacks: {one_of(there)}" if there else "it has no stack yet, which is a Pulumi.STACK.yaml"
        )
        raise Mistakes([Mistake((), f'"{text}" is a project; {choice}')])
    folder_text, _, last = text.rpartition("/")
    name = last.removeprefix("Pulumi.").removesuffix(".yaml") if _is_stack_file(last) else last
    folder = start / folder_text
    project_file = folder / "Pulumi.yaml"
    file = folder / f"Pulumi.{name}.yaml"
    if not project_file.is_file():
        raise Mistakes(
            [Mistake((), f'there is no Pulumi project in "{folder_text or "."}"{_known_stacks(text, start)}')]
        )
    if file.is_dir():
        raise Mistakes([Mistake((), "is a folder, and a stack file is a file", str(file.relative_to(start)))])
    if not name or not file.is_file():
        raise Mistakes([Mistake((), f'there is no stack "{text}"{_known_stacks(text, start)}')])
    label = f"{folder_text}/{file.name}" if folder_text else file.name
    project_label = f"{folder_text}/Pulumi.yaml" if folder_text else "Pulumi.yaml"
    project = stack_file.read(project_file, project_label).data
    program = folder / str(project.get("main") or ".")
    if not (program / "__main__.py").is_file():
        raise Mistakes([Mistake(("main",), f"there is no __main__.py in {program.resolve()}", project_label)])
    project_name = str(project.get("name") or "")
    return StackFiles(project_name, name, folder.resolve(), program.resolve(), file, label, phase, engine)


def refuse_unknown_phase(phase: str, option: str) -> None:
    """Raise :class:`Mistakes` where what an option says is no phase."""
    if phase not in _PHASES:
        raise Mistakes([Mistake((), f'"{phase}" is no phase; use {one_of(_PHASES)}{nearest(phase, _PHASES)}', option)])


def _is_stack_file(name: str) -> bool:
    return name.startswith("Pulumi.") and name.endswith(".yaml") and name != "Pulumi.yaml"


def stacks(start: FilePath) -> list[str]:
    """List every stack at ``start`` and below ``examples``, by the name that :func:`find_stack` takes."""
    found = []
    for folder in (start, *sorted((start / "examples").glob("*"))):
        if (folder / "Pulumi.yaml").is_file():
            found += _stacks_in(folder, "" if folder == start else f"{folder.relative_to(start).as_posix()}/")
    return found


def _stacks_in(folder: FilePath, prefix: str) -> list[str]:
    names = (file.name for file in sorted(folder.glob("Pulumi.*.yaml")) if file.is_file())
    return [f"{prefix}{name.removeprefix('Pulumi.').removesuffix('.yaml')}" for name in names]


def phases(stack: StackFiles) -> list[str]:
    """List the phases that a stack goes through, smallest first: those of which its file says the sizes, and the one
    it is in.

    Raises :class:`Mistakes` where its file cannot be read.
    """
    own, _ = _groundwork_part(stack_file.read(stack.file, stack.label))
    said = own.data.get(PHASES)
    named = {*(said if isinstance(said, Mapping) else ()), _chosen(own, "phase", _PHASES)}
    return [phase for phase in _PHASES if phase in named]


def _known_stacks(text: str, start: FilePath) -> str:
    known = stacks(start)
    if not known:
        return "; run this where Pulumi.yaml is"
    # "prod" should also find "examples/thulobazaar/prod".
    same_name = [stack for stack in known if stack.rpartition("/")[2] == text]
    hint = f'; did you mean "{same_name[0]}"?' if same_name else nearest(text, known)
    return f"{hint}; there {'is' if len(known) == 1 else 'are'} {all_of(known)}"


def load_stack(stack: StackFiles) -> Loaded:
    """Load the settings of a stack from its file. Raises :class:`Mistakes` with all of them."""
    document, misspelt = _with_keys_meant(stack_file.read(stack.file, stack.label))
    config = document.data.get("config") or {}
    if not isinstance(config, Mapping):
        raise Mistakes([Mistake(("config",), "expected a mapping of keys to values", document.where(("config",)))])
    if stack.engine is not None:
        config = _with_engine(config, stack.engine)
        document = replace(document, data={**document.data, "config": config})
    project, mistakes = _project_part(stack)
    config = {**project.data, **config}
    own, more = _groundwork_part(document)
    mistakes += [*misspelt, *more, *_empty_mistakes(own)]
    own_empty = own.empty
    own = _with_defaults_where_empty(own)
    said_region = document if _REGION_KEY in (document.data.get("config") or {}) else project
    region, more = _region(config, document, said_region)
    mistakes += more
    merged, settings, more = _effective(
        own,
        {
            "region": region,
            "program": stack.program_folder,
            "project": stack.project_folder,
            "allowed_accounts": _accounts(config.get(_ACCOUNTS_KEY)),
        },
        phase=stack.phase,
    )
    mistakes += [*more, *neighbours.clashes(stack.file, document)]
    if mistakes or settings is None:
        raise Mistakes(_without_doubles(mistakes, own_empty))
    if stack.phase is not None:
        platform = f"{NAMESPACE}:platform"
        config = {**config, platform: {**config[platform], "phase": stack.phase}}
    return Loaded(settings, merged, _as_engine_config(config), said_region.where(("config", *_REGION)))


def _with_keys_meant(document: Document) -> tuple[Document, list[Mistake]]:
    """Return a stack file with the keys around its settings as they were meant, and a mistake for each that is written otherwise: so what
    stands below such a key is looked at, and not missed as well."""
    data, lines, mistakes = dict(document.data), dict(document.lines), []

    def take(holder: dict[str, Any], at: Path, key: str, meant: str, message: str) -> None:
        mistakes.append(Mistake((key,), message, document.where((*at, key))))
        holder[meant] = holder.pop(key)
        lines.update(
            {
                (*at, meant, *path[len(at) + 1 :]): line
                for path, line in lines.items()
                if path[: len(at) + 1] == (*at, key)
            }
        )

    for key in document.data:
        if key not in _STACK_FILE_KEYS and key_meant(key, _STACK_FILE_KEYS, data) == "config":
            take(data, (), key, "config", _no_key(key))
    if isinstance(data.get("config"), Mapping):
        data["config"] = dict(data["config"])
        for key in tuple(data["config"]):
            meant = _namespaced(key, data["config"])
            if meant:
                take(data["config"], ("config",), key, meant, _unlike(key, meant))
    return replace(document, data=data, lines=lines, empty=document.empty), mistakes


def _unlike(key: str, meant: str) -> str:
    namespace, colon, _ = key.partition(":")
    if not colon:
        return f'a configuration key needs its namespace; write "{meant}"'
    return f'{"is unknown" if meant.startswith(f"{namespace}:") else "unknown namespace"}; did you mean "{meant}"?'


def _namespaced(key: str, config: Mapping[str, Any]) -> str | None:
    """Return the key of configuration that was meant by one whose namespace is missing or misspelt, or by a slip for the region."""
    namespace, mark, rest = next((key.partition(mark) for mark in ":./" if mark in key), ("", "", key))
    meant = None
    if namespace.lower() == "aws" or not namespace:
        meant = _REGION_KEY if rest not in _KEYS and closest(rest, ("region", "profile")) == "region" else None
    if meant is None and (not namespace or mark != ":" or namespace != NAMESPACE):
        known = closest(rest, _KEYS) if not namespace or closest(namespace, [NAMESPACE]) else None
        meant = f"{NAMESPACE}:{known}" if known else None
    return meant if meant and meant != key and meant not in config else None


def _with_engine(config: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """Return a stack file's configuration as if it said an engine itself."""
    compute = f"{NAMESPACE}:compute"
    said = config.get(compute)
    return {**config, compute: {**(said if isinstance(said, Mapping) else {}), "engine": engine}}


def _project_part(stack: StackFiles) -> tuple[Document, list[Mistake]]:
    """Return what ``Pulumi.yaml`` says under ``config`` for all stacks of the project, as Pulumi takes it: a value,
    or ``value`` or ``default`` in a mapping. A key of a stack file stands over it.

    Settings of ours do not belong there: who reviews a stack reads its file. https://www.pulumi.com/docs/iac/concepts/config/
    """
    label = f"{stack.label.rpartition('/')[0]}/Pulumi.yaml".lstrip("/")
    document = stack_file.read(stack.project_folder / "Pulumi.yaml", label)
    config = document.data.get("config")
    values: dict[str, Any] = {}
    mistakes = []
    for key, said in config.items() if isinstance(config, Mapping) else ():
        value = said.get("value", said.get("default")) if isinstance(said, Mapping) else said
        if key.startswith(f"{NAMESPACE}:"):
            place = document.where(("config", key))
            mistakes.append(Mistake((key,), f"belongs in the file of its stack, {stack.label}; move it there", place))
        elif ":" in key and value is not None:
            values[key] = value
    return Document(label, values, document.lines), mistakes


def _empty_mistakes(own: Document) -> list[Mistake]:
    """List the keys with nothing behind them. That is null, which takes away; who leaves an entry empty means its
    defaults."""
    return [
        Mistake(
            path,
            "is empty, which YAML takes for null: none of it; write {} for its defaults, or null"
            if _holds_keys(path)
            else "is empty; give it a value, or take it out",
            own.where(path),
        )
        for path in own.empty
    ]


def _without_doubles(mistakes: Sequence[Mistake], empty: Collection[Path]) -> list[Mistake]:
    """Leave out that a key is empty where something is told of what it lacks: there are no defaults then."""
    told = {one.path for one in mistakes if one.path not in empty or "is empty" not in one.message}
    lacking = {path for path in empty if any(one[: len(path)] == path for one in told)}
    return [one for one in mistakes if one.path not in lacking or "is empty" not in one.message]


def _with_defaults_where_empty(own: Document) -> Document:
    """Return the document without empty keys, so that what follows from null is not reported too."""
    data = copy.deepcopy(own.data)
    for path in own.empty:
        holder: Any = data
        for part in path[:-1]:
            holder = holder[part]
        holder.pop(path[-1], None)
        if _holds_keys(path):
            holder[path[-1]] = {}
    return replace(own, data=data)


def _holds_keys(path: Path) -> bool:
    return takes_keys(path[2:] if path[0] == PHASES else path)


def load_from_pulumi() -> Settings:
    """Load the settings of the running program from the engine's configuration. Raises :class:`Mistakes` with all of
    them."""
    import pulumi  # noqa: PLC0415 - a third of a second that other commands need not pay
    from pulumi.runtime.config import CONFIG, is_config_secret  # noqa: PLC0415 - as above

    file = FilePath(pulumi.get_root_directory()) / f"Pulumi.{pulumi.get_stack()}.yaml"
    on_disk = _positions(file)
    values: dict[str, Any] = {}
    decrypted: set[str] = set()
    for key, text in CONFIG.get().items():
        namespace, _, layer = key.partition(":")
        if namespace == NAMESPACE:
            values[layer] = _from_engine(text)
            if is_config_secret(key):
                decrypted.add(layer)
    own = _resealed(values, on_disk, decrypted)
    mistakes = [*_unknown_layers(own), *_sealed_layers(own)]
    empty = tuple(path for path in on_disk.empty if path[:1] in own.lines)
    mistakes += _empty_mistakes(replace(own, empty=empty))
    own = _as_meant(own)
    region = pulumi.Config("aws").get("region")
    if not region:
        mistakes.append(_NO_REGION)
    # Where the file tells which values are sealed, nothing else passes for a secret.
    _, settings, more = _effective(
        own,
        {
            "region": region or _ANY_REGION,
            "program": FilePath.cwd(),
            "project": file.parent,
            "allowed_accounts": _accounts(_from_engine(pulumi.Config("aws").get("allowedAccountIds") or "")),
        },
        decrypted=any((layer,) not in own.lines for layer in decrypted),
    )
    mistakes += [*more, *_neighbours_of(file)]
    if mistakes or settings is None:
        raise Mistakes(_without_doubles(mistakes, empty))
    return settings


def load_given(said: Mapping[str, Any], region: str, program: FilePath) -> Settings:
    """Load the settings that a program gives as values, by layer, with :class:`Sealed` for what is secret in them; ``program`` is its
    folder. Raises :class:`Mistakes` with all of them."""
    own = Document("", dict(said))
    mistakes = [*_unknown_layers(own), *_sealed_layers(own)]
    _, settings, more = _effective(_as_meant(own), {"region": region, "program": program, "project": program})
    if mistakes or more or settings is None:
        raise Mistakes([*mistakes, *more])
    return settings


def _neighbours_of(file: FilePath) -> list[Mistake]:
    try:
        return neighbours.clashes(file, stack_file.read(file))
    except Mistakes:
        return []


_ANY_REGION = "us-east-1"
"""Stands in for a region that is missing, which is a mistake of its own, so that the rest can be checked."""

_REGION_KEY = "aws:region"
_ACCOUNTS_KEY = "aws:allowedAccountIds"
_REGION: Path = (_REGION_KEY,)

_CONFIG: Path = ("config",)
"""Where what the file does not say yet is to be added."""

_NO_REGION = Mistake(_REGION, "is missing; add it under config, such as aws:region: ap-south-1")


def _positions(file: FilePath) -> Document:
    """Read the stack file as it is on disk: it knows lines, and what is sealed."""
    try:
        return _groundwork_part(stack_file.read(file))[0]
    except Mistakes:
        # The engine was given its configuration in another way (--config-file, --config); messages then have no line.
        return Document("", {})


def _resealed(values: Mapping[str, Any], on_disk: Document, decrypted: Collection[str]) -> Document:
    """Return what the engine passed, with the values that the file has sealed sealed again.

    Lines are those of the file, for the layers of which it says what the engine says.
    """
    data: dict[str, Any] = {}
    same: set[str] = set()
    for layer, value in values.items():
        agrees, data[layer] = _reseal(value, on_disk.data.get(layer), secret=layer in decrypted)
        if agrees:
            same.add(layer)
    lines = {path: line for path, line in on_disk.lines.items() if path[0] in same or path == _REGION}
    return Document(on_disk.label if same else "", data, lines)


def _reseal(value: Any, saved: Any, *, secret: bool) -> tuple[bool, Any]:
    if is_sealed(saved):
        return secret or is_sealed(value), Sealed(value) if secret and isinstance(value, str) else saved
    if isinstance(value, dict) and isinstance(saved, dict):
        members = {key: _reseal(item, saved.get(key), secret=secret) for key, item in value.items()}
        agrees = value.keys() == saved.keys() and all(member[0] for member in members.values())
        return agrees, {key: member[1] for key, member in members.items()}
    return value == saved, value


def _from_engine(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return text


def _as_engine_config(config: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in config.items()
        if not is_sealed(value)
    }


def _groundwork_part(document: Document) -> tuple[Document, list[Mistake]]:
    """Return the document with layers as its top-level keys."""
    mistakes = [
        Mistake((key,), _no_key(key), document.where((key,))) for key in document.data if key not in _STACK_FILE_KEYS
    ]
    config = document.data.get("config")
    if not isinstance(config, Mapping):
        return Document(document.label, {}), mistakes
    values: dict[str, Any] = {}
    for key, value in config.items():
        namespace, colon, layer = key.partition(":")
        if not colon:
            hint = f'; write "{NAMESPACE}:{key}"' if key in _KEYS else '; write "namespace:key"'
            mistakes.append(
                Mistake((key,), f"a configuration key needs its namespace{hint}", document.where(("config", key)))
            )
        elif namespace == NAMESPACE:
            values[layer] = value
        elif nearest(namespace, [NAMESPACE]):
            mistakes.append(
                Mistake(
                    (key,), f'unknown namespace; did you mean "{NAMESPACE}:{layer}"?', document.where(("config", key))
                )
            )
    prefix = f"{NAMESPACE}:"
    empty = tuple(
        (str(path[1]).removeprefix(prefix), *path[2:])
        for path in document.empty
        if path[0] == "config" and len(path) > 1 and str(path[1]).startswith(prefix)
    )
    own = Document(document.label, values, _lines_by_layer(document), empty=empty)
    return _as_meant(own), [*mistakes, *_unknown_layers(own), *_sealed_layers(own)]


def _as_meant(own: Document) -> Document:
    """Rename misspelt layers to the names that were meant, so that what a layer says is not missed too."""
    meant = {
        layer: key
        for layer in own.data
        if layer not in (*_KEYS, *PlatformSettings.model_fields) and (key := key_meant(layer, _KEYS, own.data))
    }
    if not meant:
        return own

    def renamed(path: Path) -> Path:
        return (meant[path[0]], *path[1:]) if path and path[0] in meant else path

    return replace(
        own,
        data={meant.get(layer, layer): value for layer, value in own.data.items()},
        lines=own.lines | {renamed(path): line for path, line in own.lines.items()},
        empty=tuple(map(renamed, own.empty)),
    )


def _no_key(key: str) -> str:
    return f"unknown key; a stack file has {one_of(_STACK_FILE_KEYS)}{_misplaced(key)}"


def _misplaced(key: str) -> str:
    return "; put it under config" if ":" in key else nearest(key, _STACK_FILE_KEYS)


def _lines_by_layer(document: Document) -> dict[Path, int]:
    """Return the lines of the groundwork keys and of ``aws:region``."""
    prefix = f"{NAMESPACE}:"
    lines: dict[Path, int] = {
        (path[1].removeprefix(prefix), *path[2:]): line
        for path, line in document.lines.items()
        if len(path) > 1 and path[0] == "config" and isinstance(path[1], str) and path[1].startswith(prefix)
    }
    known = {_REGION: document.line(("config", *_REGION)), _CONFIG: document.line(_CONFIG)}
    return lines | {path: line for path, line in known.items() if line}


def _unknown_layers(own: Document) -> list[Mistake]:
    return [
        Mistake(
            (layer,),
            f"unknown layer; it stands under {NAMESPACE}:platform, as {layer}"
            if layer in PlatformSettings.model_fields
            else f"unknown layer{nearest(layer, _KEYS)}; there are {', '.join(_KEYS)}",
            own.where((layer,)),
        )
        for layer in own.data
        if layer not in _KEYS
    ]


def _sealed_layers(own: Document) -> list[Mistake]:
    return [
        Mistake(
            (layer,),
            "is encrypted as a whole, so nobody can review it; encrypt single values: "
            f"pulumi config set --secret --path '{NAMESPACE}:{layer}.KEY'",
            own.where((layer,)),
        )
        for layer, value in own.data.items()
        if is_sealed(value) or isinstance(value, Sealed)
    ]


def _region(config: Mapping[str, Any], document: Document, said: Document) -> tuple[str, list[Mistake]]:
    """Return the region of a configuration; ``said`` is the file that says it, if any does."""
    region = config.get(_REGION_KEY)
    if region is None:
        return _ANY_REGION, [replace(_NO_REGION, where=document.where(_CONFIG))]
    if not isinstance(region, str):
        message = (
            f"is not text{' (YAML takes the word NO for false; write regions in full)' if region is False else ''}"
        )
        return _ANY_REGION, [Mistake(_REGION, message, said.where(("config", *_REGION)))]
    return region, []


def _accounts(said: Any) -> tuple[str, ...]:
    """Return the accounts that a configuration allows; what is no list of them says nothing here, and the provider refuses it."""
    return tuple(str(one) for one in said) if isinstance(said, list) else ()


def _effective(
    own: Document, given: Mapping[str, Any], *, phase: str | None = None, decrypted: bool = False
) -> tuple[Merged, Settings | None, list[Mistake]]:
    """Return what the file says in the phase it is in, or in ``phase``, and every mistake in it.

    What it says of its other phases is held against the models too, so that a slip shows when it is made and not on the day on
    which the stack moves; whether layers agree is asked of the phase at hand alone. ``given`` is what the file says elsewhere than under groundwork's keys or not at all.
    """
    chosen = phase or _chosen(own, "phase", _PHASES)
    mistakes = _phase_mistakes(own)
    for other in _named_phases(own):
        if other != chosen:
            _, _, found = _in_phase(own, given, other, decrypted=decrypted, agreeing=False)
            mistakes += [mistake for mistake in found if mistake.path[:2] == (PHASES, other)]
    merged, settings, more = _in_phase(own, given, chosen, decrypted=decrypted, ahead=phase is not None)
    return merged, settings, _once([*mistakes, *more])


def _in_phase(
    own: Document, given: Mapping[str, Any], phase: str, *, decrypted: bool, agreeing: bool = True, ahead: bool = False
) -> tuple[Merged, Settings | None, list[Mistake]]:
    left_out = {mistake.path[0] for mistake in (*_unknown_layers(own), *_sealed_layers(own))}
    known = replace(own, data={layer: value for layer, value in own.data.items() if layer not in {PHASES, *left_out}})
    sizes = _sizes(own, phase)
    theirs = [layer for layer in LAYERS if any(_is_existing(said.data.get(layer)) for said in (sizes, known))]
    defaults = (_base("phases", phase), _base("stages", _chosen(own, "stage", get_args(Stage))))
    bases = [*(_without(base, theirs) for base in defaults), sizes, known]
    if ahead and isinstance(own.data.get("platform", {}), Mapping):
        bases.append(Document(AHEAD, {"platform": {"phase": phase}}))
    merged = merge(bases, ENTRY_LAYERS)
    _leave_singletons_alone(merged)
    settings, correction = validate({**given, **merged.data}, decrypted=decrypted)
    mistakes = correction.mistakes
    if settings is not None and agreeing:
        found = (mistake for mistake in check(settings) if not correction.explains(mistake.path))
        mistakes += [replace(mistake, path=correction.path_in_file(mistake.path)) for mistake in found]
    return (
        merged,
        settings,
        [*_every_mistakes(known), *_every_mistakes(sizes), *(_placed(one, merged, sizes) for one in mistakes)],
    )


def _is_existing(layer: Any) -> bool:
    """Tell whether a layer is something that exists, of which phase and stage decide nothing."""
    return isinstance(layer, Mapping) and layer.get("existing") is not None


def _without(base: Document, layers: Collection[str]) -> Document:
    return replace(base, data={layer: value for layer, value in base.data.items() if layer not in layers})


def _leave_singletons_alone(merged: Merged) -> None:
    """Forget how many copies all services have where a service says that it is one."""
    services = merged.data.get("services")
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict) and service.get("singleton") is True and "scaling" in service:
            merged.forget_every(("services", name, "scaling"))


AHEAD = "--phase"
"""What says the phase of a stack that is looked at ahead of its file."""


def _named_phases(own: Document) -> list[str]:
    """List the phases of which the file says the sizes, smallest first."""
    said = own.data.get(PHASES)
    return [phase for phase in _PHASES if isinstance(said, Mapping) and phase in said]


def _sizes(own: Document, phase: str) -> Document:
    """Return what the file says of one of its phases; nothing where it says nothing of it."""
    said = own.data.get(PHASES)
    layers = said.get(phase) if isinstance(said, Mapping) else None
    kept = {layer: value for layer, value in layers.items() if layer in _SIZES} if isinstance(layers, Mapping) else {}
    return replace(own, data=kept, root=(PHASES, phase))


def _phase_mistakes(own: Document) -> list[Mistake]:
    """List what cannot be the sizes of a phase: keys that are no phase, and layers that a phase may not hold."""
    said = own.data.get(PHASES)
    if said is None or is_sealed(said) or isinstance(said, Sealed):
        return []
    if not isinstance(said, Mapping):
        return [Mistake((PHASES,), f"is not a mapping; its keys are {', '.join(_PHASES)}", own.where((PHASES,)))]
    mistakes = []
    for phase, layers in said.items():
        path = (PHASES, phase)
        if phase not in _PHASES:
            message = f"unknown phase; use {one_of(_PHASES)}{nearest(phase, _PHASES)}"
            mistakes.append(Mistake(path, message, own.where(path)))
        elif layers is not None and (not isinstance(layers, Mapping) or is_sealed(layers)):
            message = f"is not a mapping of layers; there are {', '.join(_SIZES)}"
            mistakes.append(Mistake(path, message, own.where(path)))
        elif layers is not None:
            mistakes += [_no_size(own, (*path, layer)) for layer in layers if layer not in _SIZES]
    return mistakes


def _no_size(own: Document, path: Path) -> Mistake:
    layer = path[-1]
    if layer in ("platform", "phase", "stage", *PlatformSettings.model_fields):
        message = f"a phase holds sizes; what holds in all of them stands once, under {NAMESPACE}:platform"
    else:
        message = f"unknown layer{nearest(layer, _SIZES)}; there are {', '.join(_SIZES)}"
    return Mistake(path, message, own.where(path))


def _every_mistakes(own: Document) -> list[Mistake]:
    return [
        Mistake((*own.root, layer, EVERY), "is not a mapping", own.where((*own.root, layer, EVERY)))
        for layer in ENTRY_LAYERS
        if isinstance(own.data.get(layer), Mapping)
        and not isinstance(own.data[layer].get(EVERY, {}), (Mapping, type(None)))
    ]


def _placed(mistake: Mistake, merged: Merged, sizes: Document) -> Mistake:
    """Return a mistake with its file and line: where the value was said, if the stack file said it, else where it can
    be corrected.

    ``sizes`` is what the file says of the phase at hand; its lines are those of the whole file.
    """
    found = merged.source(mistake.path)
    if found is None:
        return replace(mistake, where=_nearest_line(mistake.path, sizes))
    document, origin = found
    if document.label == sizes.label:
        return replace(mistake, path=origin, where=document.where(origin))
    said = f" (from {document.label})" if merged.says(mistake.path) else ""
    return replace(mistake, message=f"{mistake.message}{said}", where=_nearest_line(mistake.path, sizes))


def _nearest_line(path: Path, sizes: Document) -> str:
    """Return the line of the nearest parent of ``path`` that the file has, of its phase or of the whole stack."""
    for length in range(len(path), 0, -1):
        for place in ((*sizes.root, *path[:length]), path[:length]):
            if place in sizes.lines:
                return sizes.where(place)
    return sizes.where(_CONFIG)


def _once(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """Return each mistake once: one under ``*`` is one, however many entries take it over."""
    return list(dict.fromkeys(mistakes))


def _chosen(own: Document, key: str, allowed: Sequence[str]) -> str:
    """Return the phase or stage that the file says. For one that does not exist (a mistake of its own) the nearest
    stands in, so that its layers are not reported as missing too."""
    platform = own.data.get("platform")
    name = platform.get(key) if isinstance(platform, Mapping) else None
    default = str(PlatformSettings.model_fields[key].default)
    return default if name is None else closest(name, allowed) or default


@cache
def _base(folder: str, name: str) -> Document:
    return stack_file.read(_HERE / folder / f"{name}.yaml", f"{folder.removesuffix('s')} {name}")


__all__ = [
    "NAMESPACE",
    "Loaded",
    "Sealed",
    "StackFiles",
    "find_stack",
    "load_from_pulumi",
    "load_given",
    "load_stack",
    "phases",
    "stacks",
]
