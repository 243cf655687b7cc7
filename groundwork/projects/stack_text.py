"""Write a stack file as a person would: a line for what fits on one, a block for what does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from groundwork.components.settings import ENTRY_LAYERS
from groundwork.settings.mistakes import Path

_WIDTH = 110


class _StackFileDumper(yaml.SafeDumper):
    """Writes what stands in two places twice: nobody reads ``&id001``."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # What breaks lines is escaped, which only this style does.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if text.splitlines() != [text] else None)


_StackFileDumper.add_representer(str, _text)


def stack_lines(layers: Mapping[str, Any], comments: Mapping[Path, str]) -> Iterator[str]:
    """Yield the lines below ``config`` for layers. ``comments`` stand above what they are of."""
    for layer, value in layers.items():
        if (layer,) in comments:
            yield f"  # {comments[(layer,)]}"
        if layer in ENTRY_LAYERS and isinstance(value, dict) and value:
            yield f"  groundwork:{layer}:"
            for name, entry in value.items():
                if (layer, name) in comments:
                    yield f"    # {comments[(layer, name)]}"
                yield from _lines(name, entry, 4)
        else:
            yield from _lines(f"groundwork:{layer}", value, 2)


def _lines(key: str, value: Any, indent: int) -> Iterator[str]:
    start = f"{' ' * indent}{_flow(key)}:"
    line = f"{start} {_flow(value)}"
    if len(line) <= _WIDTH or not isinstance(value, (dict, list)) or not value:
        yield line
    elif isinstance(value, dict):
        yield start
        for name, entry in value.items():
            yield from _lines(name, entry, indent + 2)
    else:
        yield start
        yield from (f"{' ' * (indent + 2)}- {_flow(item)}" for item in value)


def _flow(value: Any) -> str:
    text = yaml.dump(
        value, Dumper=_StackFileDumper, default_flow_style=True, sort_keys=False, width=1_000_000, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")
