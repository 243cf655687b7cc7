"""Layers of settings over one another, and where each value came from.

Maps merge; scalars and lists replace; ``null`` replaces too, and validation takes it as "without". In a layer that is a map
of named entries (``services``, ``storage``, …) the entry ``*`` holds what every named entry starts from.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from groundwork.settings.mistakes import Path
from groundwork.settings.stack_file import Document

EVERY = "*"


class Merged:
    """The effective values, and for each path the document that said it last."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self._sources: dict[Path, tuple[Document, Path]] = {}

    def source(self, path: Path) -> tuple[Document, Path] | None:
        """Return the document that set ``path`` (or its nearest parent), and the path there."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._sources:
                document, origin = self._sources[path[:length]]
                return document, (*origin, *path[length:])
        return None

    def says(self, path: Path) -> bool:
        """Tell whether a document said exactly ``path``, not only something around it."""
        return path in self._sources

    def where(self, path: Path) -> str:
        found = self.source(path)
        return found[0].where(found[1]) if found else ""

    def lay(self, value: Any, document: Document, origin: Path, target: Path) -> None:
        """Put one value of ``document`` at ``target``, over what is there."""
        if isinstance(value, Mapping) and not is_sealed(value):
            self.make_map(target, document, origin)
            for key, item in value.items():
                self.lay(item, document, (*origin, key), (*target, key))
            return
        parent = self._parent(target)
        if isinstance(parent.get(target[-1]), dict):
            self._forget_below(target)
        parent[target[-1]] = copy.deepcopy(value)
        self._sources[target] = (document, origin)

    def make_map(self, target: Path, document: Document, origin: Path) -> None:
        """Make sure that a map stands at ``target``, keeping what one there already holds."""
        parent = self._parent(target)
        if not isinstance(parent.get(target[-1]), dict) or is_sealed(parent[target[-1]]):
            parent[target[-1]] = {}
        self._sources[target] = (document, origin)

    def forget_every(self, target: Path) -> None:
        """Forget what was said at ``target`` and below for every entry alike (``*``), and keep what was said of this one."""
        for path, (_, origin) in list(self._sources.items()):
            if path[: len(target)] == target and EVERY in origin and path in self._sources:
                parent = self._parent(path)
                if not isinstance(parent.get(path[-1]), dict):
                    parent.pop(path[-1], None)
                    del self._sources[path]
        self._drop_if_empty(target)

    def _drop_if_empty(self, target: Path) -> None:
        parent = self._parent(target)
        value = parent.get(target[-1])
        for key in [key for key, item in value.items() if isinstance(item, dict)] if isinstance(value, dict) else []:
            self._drop_if_empty((*target, key))
        if value == {}:
            del parent[target[-1]]
            self._sources.pop(target, None)

    def _parent(self, target: Path) -> dict[Any, Any]:
        node: dict[Any, Any] = self.data
        for key in target[:-1]:
            node = node[key]
        return node

    def _forget_below(self, target: Path) -> None:
        for path in [path for path in self._sources if path[: len(target)] == target]:
            del self._sources[path]


def merge(documents: Sequence[Document], entry_layers: Iterable[str]) -> Merged:
    """Merge documents whose top-level keys are layers, weakest first."""
    merged = Merged()
    entries = frozenset(entry_layers)
    for document in documents:
        for layer, value in document.data.items():
            if layer not in entries:
                merged.lay(value, document, (*document.root, layer), (layer,))
    for layer in sorted(entries):
        _merge_entries(merged, documents, layer)
    return merged


def _merge_entries(merged: Merged, documents: Sequence[Document], layer: str) -> None:
    """Merge what all documents say under ``*`` first, for every name; then what they say of the name itself."""
    saying: list[tuple[Document, Mapping[str, Any]]] = []
    for document in documents:
        value = document.data.get(layer, {})
        if isinstance(value, Mapping) and not is_sealed(value):
            saying.append((document, value))
        else:
            # null removes what was said so far; anything else is a mistake that validation will name.
            saying.clear()
            merged.lay(value, document, (*document.root, layer), (layer,))
    named = list(dict.fromkeys(name for _, value in saying for name in value if name != EVERY))
    for document, value in saying:
        if any(name != EVERY for name in value):
            merged.make_map((layer,), document, (*document.root, layer))
    for document, value in saying:
        if isinstance(value.get(EVERY), Mapping):
            for name in named:
                merged.lay(value[EVERY], document, (*document.root, layer, EVERY), (layer, name))
    for document, value in saying:
        for name in named:
            if name in value:
                merged.lay(value[name], document, (*document.root, layer, name), (layer, name))


def is_sealed(value: Any) -> bool:
    """Tell whether a value is one that ``pulumi config set --secret`` encrypted."""
    return isinstance(value, Mapping) and set(value) == {"secure"} and isinstance(value["secure"], str)
