"""A stack from a file, whoever wrote it: our snapshot, ``pulumi stack export`` or ``pulumi preview --json``, the last whole or as
a stream of the engine's events (``PULUMI_ENABLE_STREAMING_JSON_PREVIEW``).

What Pulumi writes has its own markers for what is secret or unknown; here they become ours, and no secret is kept, not even
one that ``--show-secrets`` wrote in clear.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from preview.snapshot import MARKER, SECRET, STACK_TYPE, UNKNOWN, Resource, Snapshot, Source, in_tree_order

DEPLOYMENT_VERSIONS = (3, 4)
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
_POSITION = re.compile(r"^(?:project://|file://)?/*(?P<file>[^#]+)#(?P<line>\d+)")


class UnreadableError(Exception):
    """The file is none of the three, or only a part of one: what is wrong, and where."""


def read_file(file: Path) -> Snapshot:
    """The stack that a file holds."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableError(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnreadableError(f"{file}: it is not text in UTF-8") from None
    return read(text, str(file))


def read(text: str, name: str) -> Snapshot:
    """The stack that a text holds; ``name`` is what messages call it."""
    try:
        events = _events(text)
        return _read(_json(text)) if events is None else _stream(events)
    except UnreadableError as error:
        raise UnreadableError(f"{name}{error}") from None


def _json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        cut = (
            "; the file ends in the middle"
            if error.pos >= len(text.rstrip()) - 1 or "Unterminated" in error.msg
            else ""
        )
        raise UnreadableError(f":{error.lineno}: not valid JSON: {error.msg}{cut}") from None
    except RecursionError:
        raise UnreadableError(": it is nested too deeply") from None
    if not isinstance(document, dict):
        raise UnreadableError(": it must be a JSON object")
    return document


def _events(text: str) -> list[tuple[int, dict[str, Any]]] | None:
    """The engine's events, each with its line, where the text is a stream of them; None where it is anything else.

    https://github.com/pulumi/pulumi/blob/master/sdk/go/common/apitype/events.go
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    events: list[tuple[int, dict[str, Any]]] = []
    for number, line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict) or "sequence" not in event:
            if not events:
                return None
            raise UnreadableError(f":{number}: not an event of the engine; the stream is cut off here")
        events.append((number, event))
    return events or None


def _stream(events: list[tuple[int, dict[str, Any]]]) -> Snapshot:
    states: list[tuple[str, Any]] = []
    config: dict[str, Any] = {}
    for number, event in events:
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


def _read(document: dict[str, Any]) -> Snapshot:
    if "resources" in document and "settings" in document:
        return _ours(document)
    if "deployment" in document:
        return _export(document)
    if "steps" in document:
        return _preview(document)
    raise UnreadableError(
        ": it is neither a snapshot (groundwork preview --format json) nor what `pulumi stack export` or "
        "`pulumi preview --json` write"
    )


def _ours(document: dict[str, Any]) -> Snapshot:
    try:
        return Snapshot.from_json(document)
    except ValueError as error:
        raise UnreadableError(f": {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableError(f": the snapshot is not whole: {type(error).__name__} {error}") from None


def _export(document: dict[str, Any]) -> Snapshot:
    version, deployment = document.get("version"), document["deployment"]
    if version not in DEPLOYMENT_VERSIONS:
        raise UnreadableError(
            f": deployment version {version!r} is not one this program reads ({DEPLOYMENT_VERSIONS[0]})"
        )
    states = deployment.get("resources") if isinstance(deployment, dict) else None
    if states is None:
        states = []
    return _snapshot(_numbered(states, "deployment.resources"), {})


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


def _snapshot(states: Iterable[tuple[str, Any]], config: Mapping[str, Any]) -> Snapshot:
    resources: dict[str, Resource] = {}
    for place, state in states:
        if not isinstance(state, dict):
            raise UnreadableError(f": {place} must be an object")
        # What waits to be deleted is no longer asked for; what is only read is not this program's.
        if not state.get("delete") and not state.get("external"):
            resource = _resource(place, state)
            resources[resource.urn] = resource
    stack, project = _names(resources)
    whole = [_with_parent(resource, resources) for resource in resources.values()]
    root = next((resource for resource in whole if resource.type == STACK_TYPE), None)
    return Snapshot(
        project=project,
        stack=stack,
        region=_region(whole, config),
        unknowns=any(_holds_unknown(resource.outputs) for resource in whole),
        settings=_settings(config),
        resources=in_tree_order(whole),
        outputs=root.outputs if root else {},
    )


def _names(resources: Iterable[str]) -> tuple[str, str]:
    first = next(iter(resources), "urn:pulumi:::::")
    stack, project = first.removeprefix("urn:pulumi:").split("::")[:2]
    return stack, project


def _with_parent(resource: Resource, resources: Mapping[str, Resource]) -> Resource:
    """A parent that is not in the file is none, so that nothing falls out of the tree."""
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
        options={"protect": True} if state.get("protect") else {},
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
    return {} if MARKER in plain else plain


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _source(position: Any) -> Source | None:
    found = _POSITION.match(position) if isinstance(position, str) else None
    return Source(found["file"], int(found["line"])) if found else None


def _values(value: Any) -> Any:
    if isinstance(value, str):
        # JSON can name halves of a character that no file can be written with.
        if value in _UNKNOWNS or value == _HIDDEN:
            return dict(UNKNOWN if value in _UNKNOWNS else SECRET)
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_values(item) for item in value]
    return _object(value) if isinstance(value, dict) else value


def _object(value: dict[str, Any]) -> Any:
    """A map, or one of the things that Pulumi writes as a map with a signature."""
    signature = value.get(_SIGNATURE)
    if signature == _SECRET or (signature == _OUTPUT and value.get("secret")):
        return dict(SECRET)
    if signature == _REFERENCE:
        return value.get("id") or value.get("urn")
    if signature == _OUTPUT:
        return _values(value["value"]) if "value" in value else dict(UNKNOWN)
    return {key: _values(item) for key, item in value.items() if key not in (_SIGNATURE, "__defaults")}


def _holds_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return value == UNKNOWN or any(map(_holds_unknown, value.values()))
    return isinstance(value, list) and any(map(_holds_unknown, value))


def _region(resources: Iterable[Resource], config: Mapping[str, Any]) -> str:
    """The configuration's, else the one provider's; empty where several differ."""
    regions = {
        region
        for resource in resources
        if resource.type == "pulumi:providers:aws" and isinstance(region := resource.inputs.get("region"), str)
    }
    configured = config.get("aws:region")
    return configured if isinstance(configured, str) else regions.pop() if len(regions) == 1 else ""


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration says under ``groundwork:``; objects stand in it as JSON text."""
    prefix = "groundwork:"
    return {key.removeprefix(prefix): _parsed(value) for key, value in config.items() if key.startswith(prefix)}


def _parsed(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value
