"""Reading YAML with the line of every key, so that a mistake can point at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from groundwork.settings.data_file import SAFE_LOADER
from groundwork.settings.mistakes import Mistake, Mistakes, Path

_PLAIN_INT = re.compile(r"^[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)$")
_NOT_AS_THE_ENGINE = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_PLAIN_FLOAT = re.compile(
    r"^[-+]?([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"
)


class _Loader(SAFE_LOADER):  # type: ignore[valid-type,misc]  # libyaml's, where it is there
    """Safe loading that takes plain words for what Pulumi's engine takes them for.

    A date stays the text it is, and ``1000:50`` is text too: YAML 1.1 would read the first as a date, the second as a number
    to base sixty.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NOT_AS_THE_ENGINE]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _PLAIN_INT, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _PLAIN_FLOAT, list("-+0123456789."))


class TextLoader(SAFE_LOADER):  # type: ignore[valid-type,misc]  # libyaml's, where it is there
    """Safe loading in which plain words are text, whatever they look like; only what is empty is null.

    For files of other tools: each of them has rules of its own for what ``on``, ``08`` and ``1.10`` are, and what is asked of
    these files is what was written.
    """

    yaml_implicit_resolvers = {
        first: [
            (tag, pattern) for tag, pattern in resolvers if tag in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _as_it_stands(loader: Any, tag: str, node: Any) -> Any:
    """Return a value that has a tag of its tool's own, such as CloudFormation's ``!Sub``, without it. ``!reset`` takes away."""
    if tag == "reset":
        return None
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else node.value


TextLoader.add_multi_constructor("!", _as_it_stands)


@dataclass(frozen=True)
class Document:
    """A YAML file as plain values, with the line on which each path stands."""

    label: str
    data: dict[str, Any]
    lines: dict[Path, int] = field(default_factory=dict)
    root: Path = ()
    """Where in the file ``data`` stands; ``lines`` and places are those of the whole file."""
    empty: tuple[Path, ...] = ()
    """Where a key has nothing behind it, which YAML takes for null and people for the defaults."""

    def line(self, path: Path) -> int | None:
        """Return the line of ``path``, or of the nearest parent that the file has."""
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
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Mistakes([Mistake((), f"not UTF-8 text (byte {error.start}); save the file as UTF-8", label)]) from None
    except OSError as error:
        raise Mistakes([Mistake((), f"cannot be read: {error.strerror}", label)]) from None
    return parse(text, label)


def parse(text: str, label: str, loader: Any = _Loader) -> Document:
    """Parse text that is already in memory; ``loader`` says what plain words are. Raises :class:`Mistakes`."""
    loading = None
    try:
        _refuse_depth(text, label, loader)
        loading = loader(text)
        node = loading.get_single_node()
        if node is None:
            return Document(label, {})
        if not isinstance(node, yaml.MappingNode):
            raise Mistakes([Mistake((), "expected a mapping of keys to values", f"{label}:{node.start_mark.line + 1}")])
        lines: dict[Path, int] = {}
        walk = _Walk(label)
        repeated = list(_index(node, (), lines, walk))
        if repeated:
            raise Mistakes(repeated)
        data = loading.construct_document(node)
        _refuse_what_json_cannot_say(data, (), Document(label, {}, lines))
        return Document(label, data, lines, empty=tuple(walk.empty))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{label}:{mark.line + 1}" if mark else label
        raise Mistakes([Mistake((), f"not valid YAML: {_explained(error, text)}", where)]) from None
    except yaml.YAMLError as error:
        # A character that YAML does not allow: the error's second line repeats where in the text it is.
        reason = str(error).partition("\n")[0]
        raise Mistakes([Mistake((), f"not valid YAML: {reason}", label)]) from None
    except (ValueError, RecursionError, OverflowError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else "a number or a tag in it cannot be read"
        raise Mistakes([Mistake((), f"not valid YAML: {reason}", label)]) from None
    finally:
        if loading is not None:
            loading.dispose()


_DEEPEST = 100
"""No setting is as deep as this, and what is deeper by the thousand ends the C library's composer, and Python with it."""


def _refuse_depth(text: str, label: str, loader: Any) -> None:
    """Refuse what is nested too deeply, by the parser's events, which need no stack. Asked only where brackets and indents allow it."""
    brackets = text.count("[") + text.count("{")
    indent = max((len(line) - len(line.lstrip(" -?")) for line in text.splitlines()), default=0)
    if brackets + 2 * indent <= _DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise Mistakes([Mistake((), "not valid YAML: nested too deeply", f"{label}:{line}")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _explained(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = error.problem or error.context or "it cannot be read"
    mark = error.problem_mark
    line = text.splitlines()[mark.line : mark.line + 1] if mark else []
    indent = line[0][: len(line[0]) - len(line[0].lstrip())] if line else ""
    if "\t" in indent:
        return f"{problem}; indent with spaces, not tabs"
    if "alphabetic or numeric" in problem:
        return f'{problem}; a key that is * wants quotes ("*":), and so does text that begins with * or &'
    # A key that lost its colon is read as text that goes on in the next line, where YAML then stumbles.
    return f"{problem}; is a colon missing here or in the line above?" if "mapping values" in problem else problem


@dataclass
class _Walk:
    """What one walk over a document keeps in mind."""

    label: str
    open: list[int] = field(default_factory=list)
    seen: int = 0
    empty: list[Path] = field(default_factory=list)


_MOST_NODES = 200_000
"""Aliases of aliases can make a short file endless; no stack file is as long as this."""


def _index(node: Any, path: Path, lines: dict[Path, int], walk: _Walk) -> Iterator[Mistake]:
    """Note the line of every key, and yield a mistake for every key that is said twice."""
    walk.seen += 1
    if walk.seen > _MOST_NODES:
        raise Mistakes(
            [Mistake((), f"more than {_MOST_NODES:,} values; are aliases repeated inside one another?", walk.label)]
        )
    if id(node) in walk.open:
        raise Mistakes(
            [
                Mistake(
                    path,
                    "contains itself; an alias may not stand inside its own anchor",
                    f"{walk.label}:{node.start_mark.line + 1}",
                )
            ]
        )
    walk.open.append(id(node))
    if isinstance(node, yaml.MappingNode):
        yield from _index_mapping(node, path, lines, walk)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            yield from _index(item, (*path, index), lines, walk)
    walk.open.pop()


def _index_mapping(node: Any, path: Path, lines: dict[Path, int], walk: _Walk) -> Iterator[Mistake]:
    own: dict[Path, int] = {}
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            # What the mapping says itself stands over what it takes from elsewhere, so those lines come first.
            for source in value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]:
                if isinstance(source, yaml.MappingNode):
                    yield from _index(source, path, lines, walk)
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            continue
        key = (*path, _key_text(key_node))
        line = key_node.start_mark.line + 1
        if key in own:
            yield Mistake(key, f"said twice (first on line {own[key]}); keep one", f"{walk.label}:{line}")
        own[key] = lines[key] = line
        if (
            isinstance(value_node, yaml.ScalarNode)
            and value_node.value == ""
            and value_node.tag == "tag:yaml.org,2002:null"
        ):
            walk.empty.append(key)
        yield from _index(value_node, key, lines, walk)


def _key_text(node: Any) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else "?"


_THOUSANDS = "; or is it a part of a number? 10,000 is written 10000"
"""What a comma in a mapping between braces parts."""

_LARGEST = 2**53
"""Beyond it the engine's numbers leave whole ones out: https://www.rfc-editor.org/rfc/rfc8259#section-6"""


def _refuse_what_json_cannot_say(value: Any, path: Path, document: Document) -> None:
    """Refuse what JSON cannot say: the engine passes configuration on as JSON, so that is all a stack file may hold."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise Mistakes(
                    [
                        Mistake(
                            (*path, str(key)),
                            f"a key must be text; put it in quotes{_THOUSANDS if isinstance(key, int) and item is None else ''}",
                            document.where((*path, str(key))),
                        )
                    ]
                )
            _refuse_what_json_cannot_say(item, (*path, key), document)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_what_json_cannot_say(item, (*path, index), document)
    elif isinstance(value, (int, float)) and not abs(value) < _LARGEST:
        message = f"is no number that a setting takes; the largest is {_LARGEST:,}"
        raise Mistakes([Mistake(path, message, document.where(path))])
    elif not (value is None or isinstance(value, (str, bool, int, float))):
        message = f"{type(value).__name__} is not a kind of value that configuration takes; use text, numbers, true, false, lists and mappings"
        raise Mistakes([Mistake(path, message, document.where(path))])
