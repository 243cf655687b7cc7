"""Reading YAML with the line of every key, so that a mistake can point at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from settings.mistakes import Mistake, Mistakes, Path


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """Safe loading, with dates left as the text they are: the engine passes configuration as JSON."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }



@dataclass(frozen=True)
class Document:
    """A YAML file as plain values, with the line on which each path stands."""

    label: str
    data: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of ``path``, or of the nearest parent that the file has."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return None

    def where(self, path: Path) -> str:
        line = self.line(path)
        return f"{self.label}:{line}" if line else self.label


def read(file: FilePath, label: str | None = None) -> Document:
    """Read one YAML mapping. Raises :class:`Mistakes` for what is no YAML, no mapping, or says a key twice."""
    label = label or file.name
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Mistakes([Mistake((), f"not UTF-8 text (byte {error.start}); save the file as UTF-8", label)]) from None
    except OSError as error:
        raise Mistakes([Mistake((), f"cannot be read: {error.strerror}", label)]) from None
    return parse(text, label)


def parse(text: str, label: str) -> Document:
    """The same for text that is already in memory."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(label, {})
        if not isinstance(node, yaml.MappingNode):
            raise Mistakes([Mistake((), "expected a mapping of keys to values", f"{label}:{node.start_mark.line + 1}")])
        lines: dict[Path, int] = {}
        repeated = list(_index(node, (), lines, label))
        if repeated:
            raise Mistakes(repeated)
        return Document(label, loader.construct_document(node), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        raise Mistakes([Mistake((), f"not valid YAML: {error.problem or error.context}", where)]) from None
    except yaml.YAMLError as error:
        raise Mistakes([Mistake((), f"not valid YAML: {' '.join(str(error).split())}", label)]) from None
    finally:
        loader.dispose()


def _index(node: Any, path: Path, lines: dict[Path, int], label: str) -> Iterator[Mistake]:
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = (*path, str(key_node.value))
            line = key_node.start_mark.line + 1
            if key in lines:
                yield Mistake(key, f"said twice (first on line {lines[key]}); keep one", f"{label}:{line}")
            lines[key] = line
            yield from _index(value_node, key, lines, label)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            yield from _index(item, (*path, index), lines, label)
