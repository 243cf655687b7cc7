"""A stack from a file, whoever wrote it: our snapshot, ``pulumi stack export``, the checkpoint of a backend of one's own (a bucket,
a folder), or ``pulumi preview --json``, the last whole or as a stream of the engine's events
(``PULUMI_ENABLE_STREAMING_JSON_PREVIEW``). UTF-16 is what PowerShell's ``>`` writes.

What Pulumi writes has its own markers for what is secret or unknown; here they become :class:`Opaque`, and no secret is kept, not even
one that ``--show-secrets`` wrote in clear.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from groundwork.preview.snapshot import (
    STACK_TYPE,
    Resource,
    Snapshot,
    Source,
    holds_unknown,
    in_tree_order,
)
from guardrails.view import Opaque

STANDARD_INPUT = Path("-")
DEPLOYMENT_VERSIONS = (3, 4)
MOST_LEVELS = 128
"""How deep a file may be nested: more than any property of AWS needs, and less than ends Python's stack."""
_GZIP = b"\x1f\x8b"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of one
_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWNS = frozenset(
    (
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    )
)
_HIDDEN = "[secret]"
"""What events say instead of a secret."""
_COLOUR = re.compile(r"<\{%.*?%\}>|\x1b\[[0-9;]*m")
"""How Pulumi writes colours in its messages, and how terminals do."""
_MOST_SAID = 200
_OPTIONS = ("protect", "provider", "retainOnDelete")
"""Those that Pulumi keeps of a resource that stands, and that say what becomes of it:
https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/core.go: ResourceV3"""
_POSITION = re.compile(r"^(?:project://|file://)?/*(?P<file>[^#]+)#(?P<line>\d+)")


class UnreadableError(Exception):
    """The file is none of these, or only a part of one: what is wrong, and where."""


def read_file(file: Path, *, defaults: bool = True) -> Snapshot:
    """Read the stack that a file holds, compressed by gzip or not; ``-`` is standard input. Without ``defaults`` inputs hold what the
    program says, and not what the provider added: names that it drew, values that nobody said."""
    name = "standard input" if file == STANDARD_INPUT else str(file)
    try:
        data = sys.stdin.buffer.read() if file == STANDARD_INPUT else file.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{name}: {error.strerror}") from None
    return read(decoded(data, name), name, defaults=defaults)


def decoded(data: bytes, name: str) -> str:
    """Return the text of a file, in whichever of JSON's encodings it is (RFC 4627, part 3)."""
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            raise UnreadableError(f"{name}: it begins as gzip does, and cannot be unpacked to its end") from None
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise UnreadableError(f"{name}: it is not text in UTF-8, UTF-16 or UTF-32") from None


def read(text: str, name: str, *, defaults: bool = True) -> Snapshot:
    """Read the stack that a text holds; ``name`` is what messages call it."""
    try:
        return _read(text, None if defaults else _as_said)
    except RecursionError:
        raise UnreadableError(f"{name}: it is nested more than {MOST_LEVELS} levels deep") from None
    except UnreadableError as error:
        raise UnreadableError(f"{name}{error}") from None


_Hook = Callable[[dict[str, Any]], dict[str, Any]] | None


def _as_said(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what the provider added, of which it keeps the names."""
    added = value.get("__defaults")
    return {key: item for key, item in value.items() if key not in added} if isinstance(added, list) else value


def _read(text: str, hook: _Hook) -> Snapshot:
    if not text.strip():
        raise UnreadableError(": it is empty")
    try:
        document = json.loads(text, object_hook=hook)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise UnreadableError(_not_json(text, error)) from None
        return _stream(_events(text, error, hook))
    return _stream([(1, document)]) if _is_event(document) else _document(document)


def _not_json(text: str, error: json.JSONDecodeError) -> str:
    cut = error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg
    return f":{error.lineno}: not valid JSON: {error.msg}{'; the file ends in the middle' if cut else ''}"


def _is_event(document: Any) -> bool:
    return isinstance(document, dict) and "sequence" in document


def _events(text: str, error: json.JSONDecodeError, hook: _Hook) -> list[tuple[int, dict[str, Any]]]:
    """Return the engine's events, each with its line; ``error`` is what the text is as one document.

    https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/events.go
    """
    events: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            event = json.loads(line, object_hook=hook)
        except ValueError:
            event = None
        if not _is_event(event):
            if not events:
                raise UnreadableError(_not_json(text, error))
            raise UnreadableError(f":{number}: not an event of the engine; the stream is cut off here")
        events.append((number, event))
    return events


def _stream(events: list[tuple[int, dict[str, Any]]]) -> Snapshot:
    states: list[tuple[str, Any]] = []
    config: dict[str, Any] = {}
    for number, event in events:
        _refuse_depth(event)
        _refuse_errors([event.get("diagnosticEvent"), _as_error(event.get("errorEvent"))])
        prelude = event.get("preludeEvent")
        if isinstance(prelude, dict) and isinstance(prelude.get("config"), dict):
            config = prelude["config"]
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            step = event.get(kind)
            metadata = step.get("metadata") if isinstance(step, dict) else None
            if isinstance(metadata, dict) and metadata.get("new") is not None:
                states.append((f"line {number}: {kind}.metadata.new", metadata["new"]))
    if not any("summaryEvent" in event for _, event in events):
        raise UnreadableError(
            f":{events[-1][0]}: the stream ends before the preview's summary, so a part of the stack may be missing"
        )
    return _snapshot(states, config)


def _as_error(event: Any) -> Any:
    return {"severity": "error", "message": event.get("error")} if isinstance(event, dict) else None


def _document(document: Any) -> Snapshot:
    if not isinstance(document, dict):
        raise UnreadableError(": it must be a JSON object")
    _refuse_depth(document)
    if "resources" in document and "settings" in document:
        return _ours(document)
    if "deployment" in document:
        return _deployment(document.get("version"), document["deployment"], "deployment", {})
    if "checkpoint" in document:
        return _checkpoint(document.get("version"), document["checkpoint"])
    if "steps" in document:
        return _preview(document)
    raise UnreadableError(
        ": it is neither a snapshot (groundwork preview --format json) nor a backend's checkpoint nor what "
        "`pulumi stack export` or `pulumi preview --json` write"
    )


def _ours(document: dict[str, Any]) -> Snapshot:
    try:
        snapshot = Snapshot.from_json(document)
    except ValueError as error:
        raise UnreadableError(f": {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(f": the snapshot is not whole: {type(error).__name__} {error}") from None
    by_urn: dict[str, Resource] = {}
    for index, resource in enumerate(snapshot.resources):
        _refuse_repeated(resource.urn, by_urn, f"resources[{index}]")
        by_urn[resource.urn] = resource
    _refuse_cycles(by_urn)
    return snapshot


def _checkpoint(version: Any, checkpoint: Any) -> Snapshot:
    """Read what a backend of one's own keeps in ``.pulumi/stacks/PROJECT/STACK.json``.

    https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/core.go: CheckpointV3
    """
    if not isinstance(checkpoint, dict):
        raise UnreadableError(": checkpoint must be an object")
    config = checkpoint.get("config")
    latest = checkpoint.get("latest")
    said = config if isinstance(config, dict) else {}
    return _deployment(version, {} if latest is None else latest, "checkpoint.latest", said)


def _deployment(version: Any, deployment: Any, place: str, config: dict[str, Any]) -> Snapshot:
    if version not in DEPLOYMENT_VERSIONS:
        raise UnreadableError(
            f": deployment version {version!r} is not one this program reads ({DEPLOYMENT_VERSIONS[0]})"
        )
    if not isinstance(deployment, dict):
        raise UnreadableError(f": {place} must be an object")
    states = deployment.get("resources")
    return _snapshot(_numbered([] if states is None else states, f"{place}.resources"), config, stands=True)


def _preview(document: dict[str, Any]) -> Snapshot:
    diagnostics = document.get("diagnostics")
    _refuse_errors(diagnostics if isinstance(diagnostics, list) else ())
    steps = _numbered(document["steps"], "steps")
    # A step that deletes has no new state; a replacement comes in several steps with the same one.
    states = [(f"{place}.newState", step["newState"]) for place, step in steps if step.get("newState") is not None]
    config = document.get("config")
    return _snapshot(states, config if isinstance(config, dict) else {})


def _refuse_errors(diagnostics: Iterable[Any]) -> None:
    for one in diagnostics:
        if isinstance(one, dict) and one.get("severity") == "error":
            said = " ".join(_COLOUR.sub("", str(one.get("message"))).split()).removeprefix("error: ")
            raise UnreadableError(f": the preview failed, so a part of the stack is missing: {said[:_MOST_SAID]}")


def _numbered(items: Any, place: str) -> list[tuple[str, dict[str, Any]]]:
    if not isinstance(items, list):
        raise UnreadableError(f": {place} must be a list")
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            raise UnreadableError(f": {place}[{index}] must be an object")
    return [(f"{place}[{index}]", item) for index, item in enumerate(items)]


def _refuse_depth(document: dict[str, Any]) -> None:
    level: list[Any] = [document]
    for _ in range(MOST_LEVELS):
        level = [
            value
            for item in level
            for value in (item.values() if isinstance(item, dict) else item)
            if isinstance(value, (dict, list))
        ]
        if not level:
            return
    raise UnreadableError(f": it is nested more than {MOST_LEVELS} levels deep")


def _refuse_repeated(urn: str, resources: Mapping[str, Resource], place: str) -> None:
    if urn in resources:
        raise UnreadableError(f": {place}.urn is there a second time, and only one of the two could be judged: {urn}")


def _refuse_cycles(resources: Mapping[str, Resource]) -> None:
    """Refuse parents that lead in a circle, which belong to no tree: nothing that Pulumi wrote."""
    rooted: set[str] = set()
    for resource in resources.values():
        way: list[str] = []
        found: Resource | None = resource
        while found and found.urn not in rooted:
            if found.urn in way:
                names = [resources[urn].name for urn in [*way[way.index(found.urn) :], found.urn]]
                raise UnreadableError(f": the parents of {found.urn} lead in a circle: {' in '.join(names)}")
            way.append(found.urn)
            found = resources.get(found.parent or "")
        rooted.update(way)


def _snapshot(states: Iterable[tuple[str, Any]], config: Mapping[str, Any], *, stands: bool = False) -> Snapshot:
    """Return the snapshot of states, the last of each URN; of a stack that ``stands``, a second one is a mistake."""
    resources: dict[str, Resource] = {}
    for place, state in states:
        if not isinstance(state, dict):
            raise UnreadableError(f": {place} must be an object")
        # What waits to be deleted is no longer asked for; what is only read is not this program's.
        if not state.get("delete") and not state.get("external"):
            resource = _resource(place, state)
            if stands:
                _refuse_repeated(resource.urn, resources, place)
            resources[resource.urn] = resource
    _refuse_cycles(resources)
    stack, project = _names(resources)
    whole = [_with_parent(resource, resources) for resource in resources.values()]
    root = next((resource for resource in whole if resource.type == STACK_TYPE), None)
    return Snapshot(
        project=project,
        stack=stack,
        region=_region(whole, config),
        unknowns=any(holds_unknown(resource.outputs) for resource in whole),
        settings=settings_of(config),
        resources=in_tree_order(whole),
        outputs=root.outputs if root else {},
        real=True,
        stands=stands,
    )


def _names(resources: Iterable[str]) -> tuple[str, str]:
    first = next(iter(resources), "urn:pulumi:::::")
    stack, project = first.removeprefix("urn:pulumi:").split("::")[:2]
    return stack, project


def _with_parent(resource: Resource, resources: Mapping[str, Resource]) -> Resource:
    """Drop a parent that is not in the file, so that nothing falls out of the tree."""
    if resource.parent is None or resource.parent in resources:
        return resource
    return Resource(**{**resource.__dict__, "parent": None})


def _resource(place: str, state: dict[str, Any]) -> Resource:
    urn = state.get("urn")
    if not isinstance(urn, str) or not urn.startswith("urn:pulumi:") or urn.count("::") < 3:
        raise UnreadableError(f": {place}.urn must be a URN, found {urn!r}")
    inputs, outputs = (_map(state, key, place) for key in ("inputs", "outputs"))
    identity = {"id": state["id"]} if isinstance(state.get("id"), str) and state["id"] else {}
    dependencies = state.get("propertyDependencies")
    return Resource(
        urn=urn,
        type=urn.split("::")[2].rsplit("$", 1)[-1],
        name=urn.split("::", 3)[3],
        custom=bool(state.get("custom", True)),
        parent=state.get("parent") if isinstance(state.get("parent"), str) and state["parent"] else None,
        inputs=inputs,
        outputs={**outputs, **_values(identity)},
        dependencies=tuple(_texts(state.get("dependencies"))),
        property_dependencies={key: tuple(_texts(urns)) for key, urns in dependencies.items()}
        if isinstance(dependencies, dict)
        else {},
        options={key: state[key] for key in _OPTIONS if state.get(key)},
        source=_source(state.get("sourcePosition")),
    )


def _map(state: dict[str, Any], key: str, place: str) -> dict[str, Any]:
    value = state.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableError(f": {place}.{key} must be an object, found {type(value).__name__}")
    plain = _values(value)
    # A whole bag that is a secret says nothing of its keys.
    return {} if isinstance(plain, Opaque) else plain


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _source(position: Any) -> Source | None:
    found = _POSITION.match(position) if isinstance(position, str) else None
    return Source(found["file"], int(found["line"])) if found else None


def _values(value: Any) -> Any:
    if isinstance(value, str):
        if value in _UNKNOWNS or value == _HIDDEN:
            return Opaque.UNKNOWN if value in _UNKNOWNS else Opaque.SECRET
        # JSON can name halves of a character that no file can be written with.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_values(item) for item in value]
    return _object(value) if isinstance(value, dict) else value


def _object(value: dict[str, Any]) -> Any:
    """Read a map, or one of the things that Pulumi writes as a map with a signature."""
    signature = value.get(_SIGNATURE)
    if signature == _SECRET or (signature == _OUTPUT and value.get("secret")):
        return Opaque.SECRET
    if signature == _REFERENCE:
        return value.get("id") or value.get("urn")
    if signature == _OUTPUT:
        return _values(value["value"]) if "value" in value else Opaque.UNKNOWN
    return {key: _values(item) for key, item in value.items() if key not in (_SIGNATURE, "__defaults")}


def _region(resources: Iterable[Resource], config: Mapping[str, Any]) -> str:
    """Return the configuration's region, else the one provider's; empty where several differ."""
    regions = {
        region
        for resource in resources
        if resource.type == "pulumi:providers:aws" and isinstance(region := resource.inputs.get("region"), str)
    }
    configured = config.get("aws:region")
    return configured if isinstance(configured, str) else regions.pop() if len(regions) == 1 else ""


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the configuration says under ``groundwork:``; objects stand in it as JSON text."""
    prefix = "groundwork:"
    return {key.removeprefix(prefix): _parsed(value) for key, value in config.items() if key.startswith(prefix)}


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value
