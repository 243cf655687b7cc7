"""The effective settings, value by value, and where each came from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.components.settings import LAYERS
from groundwork.settings.loading import NAMESPACE, Loaded
from groundwork.settings.merging import Merged, is_sealed
from groundwork.settings.mistakes import Path, dotted

DEFAULT = "default"
HIDDEN = "[secret]"


@dataclass(frozen=True)
class Effective:
    """One value and its source: ``default``, ``phase launch``, ``stage prod``, or the stack file and line."""

    path: Path
    value: Any
    source: str


def as_json(loaded: Loaded) -> dict[str, Any]:
    """Return the settings as JSON values, by their names in a stack file; sealed values hidden."""
    data: dict[str, Any] = json.loads(loaded.settings.model_dump_json(by_alias=True))
    return data


def effective(loaded: Loaded) -> list[Effective]:
    """Return every value, in the order of the layers. A map is shown by its values, a list as one value."""
    data = as_json(loaded)
    region = Effective(("aws:region",), loaded.settings.region, loaded.region_source)
    return [region, *(row for layer in LAYERS for row in _values((layer,), data[layer], loaded.merged))]


def _values(path: Path, value: Any, merged: Merged) -> Iterator[Effective]:
    said = _value_at(merged, path)
    if isinstance(value, dict) and value.get("existing") is not None:
        # Defaults are of what is built, and this is there already.
        value = {key: item for key, item in value.items() if isinstance(said, Mapping) and key in said}
    short = isinstance(value, dict) and said is not None and not isinstance(said, dict)
    if isinstance(value, dict) and value and not short and not is_sealed(value):
        for key, item in value.items():
            yield from _values((*path, key), item, merged)
    else:
        yield Effective(path, _shown(said if short else value), _source(merged, path))


def _value_at(merged: Merged, path: Path) -> Any:
    node: Any = merged.data
    for part in path:
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


def _shown(value: Any) -> Any:
    return HIDDEN if is_sealed(value) else value


def _source(merged: Merged, path: Path) -> str:
    """Return where a value was said, or the whole of which it is a part was said at once; a value nobody said is a
    default."""
    for length in range(len(path), 0, -1):
        if merged.says(path[:length]):
            whole = length == len(path) or not isinstance(_value_at(merged, path[:length]), Mapping)
            return _place(merged, path) if whole else DEFAULT
    return DEFAULT


def _place(merged: Merged, path: Path) -> str:
    found = merged.source(path)
    if found is None:
        return DEFAULT
    document, origin = found
    # Phases and stages are short files of our own; their names say enough.
    return document.label if document.label.startswith(("phase ", "stage ")) else document.where(origin)


def to_json(loaded: Loaded) -> str:
    """Return settings and sources as JSON."""
    rows = effective(loaded)
    document = {
        "region": loaded.settings.region,
        "settings": as_json(loaded),
        "sources": {dotted(row.path): row.source for row in rows},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_yaml(loaded: Loaded) -> str:
    """Return the settings as the stack file that would say all of them, each value with its source beside it."""
    rows = effective(loaded)
    lines = ["config:", f"  {_key('aws:region')}: {_scalar(rows[0].value)}  # {rows[0].source}"]
    open_path: Path = ()
    for row in rows[1:]:
        path = (f"{NAMESPACE}:{row.path[0]}", *row.path[1:])
        shared = 0
        while shared < min(len(path) - 1, len(open_path)) and path[shared] == open_path[shared]:
            shared += 1
        for depth in range(shared, len(path) - 1):
            lines.append(f"{'  ' * (depth + 1)}{_key(path[depth])}:")
        value = {"secure": HIDDEN} if row.value == HIDDEN else row.value
        lines.append(f"{'  ' * len(path)}{_key(path[-1])}: {_scalar(value)}  # {row.source}")
        open_path = path[:-1]
    return "\n".join(lines) + "\n"


def _key(key: str | int) -> str:
    text = str(key)
    plain = text.replace("-", "").replace("_", "").replace(":", "").isalnum() and not text.isdigit()
    return (
        text
        if plain and text.lower() not in ("on", "off", "yes", "no", "true", "false", "null", "y", "n")
        else json.dumps(text)
    )


def _scalar(value: Any) -> str:
    # JSON is YAML; a plain word reads better without its quotes.
    if isinstance(value, str) and value.replace("-", "").replace("_", "").isalpha() and _key(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)
