"""Changes as lines for a terminal: what loses data first and in red, then what is replaced, deleted, updated and created."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from itertools import groupby
from typing import Any

from groundwork.preview.changes.model import Action, Change, Changes, DifferenceKind, Forces, PropertyChange, Renaming
from groundwork.preview.snapshot import places, to_marker
from groundwork.preview.styled import Text
from groundwork.preview.text import INDENT, short_type, wrapped
from guardrails.view import Opaque

_SIGNS = {Action.CREATE: "+ ", Action.UPDATE: "~ ", Action.REPLACE: "+-", Action.DELETE: "- "}
_STYLES = {Action.CREATE: "green", Action.UPDATE: "yellow", Action.REPLACE: "magenta", Action.DELETE: "red"}
_TITLES = {Action.REPLACE: "Replaced", Action.DELETE: "Deleted", Action.UPDATE: "Updated", Action.CREATE: "Created"}
_KINDS = {
    DifferenceKind.ADDED: "+",
    DifferenceKind.REMOVED: "-",
    DifferenceKind.CHANGED: "~",
    DifferenceKind.REORDERED: "~",
}
_FORCES = {
    Forces.YES: " (forces replacement)",
    Forces.MAYBE: " (may force replacement)",
    Forces.NO: "",
}
_LONGEST = 60
"""Characters of a value; of a longer one its middle is left out."""
_MOST_LINES = 12
_MOST_PROPERTIES = 12
_MOST_NAMES = 6
_DEEPER = INDENT * 2


def lines(changes: Changes, width: int | None) -> list[Text]:
    """Return the whole answer, in sections parted by empty lines; ``width`` as everywhere in :mod:`preview.text`."""
    losses = {one.urn for one in changes.losses}
    rest = [one for one in changes.changes if one.urn not in losses]
    sections = [
        _head(changes, width),
        _lost(changes, width),
        *(_renamed(one, width) for one in changes.renamed),
        *(_section(action, [one for one in rest if one.action is action], width) for action in _TITLES),
        _titled("Outputs:", [line for one in changes.outputs for line in _property(one, INDENT, width)]),
        _titled(
            "Refused:", [line for one in changes.refused for line in _refused(one.name, one.type, one.reason, width)]
        ),
        counts(changes),
        _notes(changes, width),
    ]
    return [line for section in sections if section for line in (*section, Text())][:-1]


def _head(changes: Changes, width: int | None) -> list[Text]:
    base = f"from {changes.base}" if changes.base else "of a new stack"
    title = f"Changes {base}{f' to {changes.head}' if changes.head else ''}:"
    found = [Text(line.plain, "bold magenta") for line in wrapped(title, width)]
    if not changes.changes:
        found += [Text(f"{INDENT}none")]
    settings = [line for one in changes.settings for line in _property(one, _DEEPER, width)]
    return found + ([Text(f"{INDENT}Settings:"), *settings] if settings else [])


def _lost(changes: Changes, width: int | None) -> list[Text]:
    if not changes.losses:
        return []
    count = len(changes.losses)
    title = f"DATA IS LOST WITH {'THIS CHANGE' if count == 1 else f'THESE {count} CHANGES'}:"
    found = [Text(title, "bold red")]
    for change in changes.losses:
        found += [*_resource(change, width, "bold red"), *_properties(change, width)]
        loss = change.loss.to_json() if change.loss else {}
        for word in ("lost", "kept", "instead"):
            text = loss.get(word)
            if text:
                found += wrapped(f"{word:<9}{text}", width, _DEEPER, _DEEPER + " " * 9)
    return found


def _section(action: Action, changes: Sequence[Change], width: int | None) -> list[Text]:
    if not changes:
        return []
    found = [Text(f"{_TITLES[action]}:", "bold")]
    if action is Action.UPDATE:
        return found + [line for group in _alike(changes) for line in _group(group, width)]
    if action is Action.REPLACE:
        return found + [line for one in changes for line in (*_resource(one, width), *_properties(one, width))]
    alone = [line for one in changes if not one.component for line in _resource(one, width)]
    within = sorted((one for one in changes if one.component), key=lambda one: one.component)
    for component, members in groupby(within, key=lambda one: one.component):
        alone += _component(action, component, list(members), width)
    return found + alone


def _alike(changes: Sequence[Change]) -> list[list[Change]]:
    """Group resources that change in the same way, which are told together."""
    groups: dict[str, list[Change]] = {}
    for one in changes:
        form = json.dumps(
            [one.may_replace, one.interruption, [part.to_json() for part in one.properties]],
            sort_keys=True,
            default=to_marker,
        )
        groups.setdefault(form, []).append(one)
    return list(groups.values())


def _group(changes: Sequence[Change], width: int | None) -> list[Text]:
    first = changes[0]
    if len(changes) == 1:
        return [*_resource(first, width), *_properties(first, width)]
    title = f"{_SIGNS[Action.UPDATE]} {len(changes):,} resources, alike: {_names([one.name for one in changes])}"
    return [*_styled(title, width, _STYLES[Action.UPDATE]), *_properties(first, width)]


def _component(action: Action, urn: str, members: Sequence[Change], width: int | None) -> list[Text]:
    """Tell of a component that comes or goes whole, by the types of its parts."""
    place, _, name = urn.rpartition("::")
    type_ = place.rpartition("::")[2].rpartition("$")[2]
    types = Counter(short_type(one.type) for one in members)
    parts = ", ".join(f"{count} {type_}" if count > 1 else type_ for type_, count in types.most_common())
    found = _styled(f"{_SIGNS[action]} {name} ({type_}), {len(members):,} in it", width, _STYLES[action])
    return found + wrapped(parts, width, _DEEPER)


def _resource(change: Change, width: int | None, style: str = "") -> list[Text]:
    facts = [
        f"formerly {change.former.rpartition('::')[2]}" if change.former and _renamed_by_alias(change) else "",
        "may be replaced" if change.may_replace else "",
        "stays in the account" if change.retained else "",
        "is protected: Pulumi stops here" if change.protected else "",
    ]
    said = "; ".join(fact for fact in facts if fact)
    title = f"{_SIGNS[change.action]} {change.name} ({short_type(change.type)}){f': {said}' if said else ''}"
    found = _styled(title, width, style or _STYLES[change.action])
    if change.action is not Action.CREATE:
        found += [Text(f"{_DEEPER}{place}", "dim") for place in places(change.stated, change.source)]
    return found


def _renamed_by_alias(change: Change) -> bool:
    return change.former.rpartition("::")[2] != change.name


def _properties(change: Change, width: int | None) -> list[Text]:
    shown = change.properties[:_MOST_PROPERTIES]
    found = [line for one in shown for line in _property(one, _DEEPER, width)]
    left = len(change.properties) - len(shown)
    if left:
        found.append(Text(f"{_DEEPER}and {left} more; --format changes has them all", "dim"))
    if change.interruption:
        told = wrapped(f"interrupts  {change.interruption}", width, _DEEPER, _DEEPER + " " * 12)
        found += [Text(line.plain, "bold yellow") for line in told]
    return found


def _property(one: PropertyChange, indent: str, width: int | None) -> list[Text]:
    start = f"{_KINDS[one.kind]} {one.path}: "
    if one.kind is DifferenceKind.CHANGED and _is_text(one.before) and _is_text(one.after):
        head = wrapped(f"{start.rstrip()}{_FORCES[one.forces]}", width, indent, f"{indent}  ")
        return [*head, *_line_by_line(one.before, one.after, f"{indent}    ")]
    end = f" (made from {one.because}, known when that is made)" if one.because else ""
    text = f"{start}{_values(one)}{end}{_FORCES[one.forces]}"
    style = {Forces.YES: "bold", Forces.MAYBE: "bold"}.get(one.forces, "")
    return [Text(line.plain, style) for line in wrapped(text, width, indent, f"{indent}  ")]


def _values(one: PropertyChange) -> str:
    if one.kind is DifferenceKind.ADDED:
        return _value(one.after)
    if one.kind is DifferenceKind.REMOVED:
        return _value(one.before)
    if one.kind is DifferenceKind.REORDERED:
        return "the same in another order"
    return f"{_value(one.before)} → {_value(one.after)}"


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=to_marker)
    for opaque in Opaque:
        text = text.replace(json.dumps(to_marker(opaque)), f"[{opaque.value}]")
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value.strip()


def _line_by_line(before: str, after: str, indent: str) -> Iterator[Text]:
    compared = list(unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    changed = [line for line in compared if not line.startswith("@@")]
    for line in changed[:_MOST_LINES]:
        yield Text(f"{indent}{line}", "red" if line.startswith("-") else "green")
    if len(changed) > _MOST_LINES:
        yield Text(f"{indent}and {len(changed) - _MOST_LINES} lines more; --format changes has them all", "dim")


def _renamed(renaming: Renaming, width: int | None) -> list[Text]:
    title = f"{renaming.before} goes by another name, {renaming.after}:"
    count = len(renaming.pairs)
    what = "what was built for it is" if count == 1 else f"{count} resources that were built for it are"
    how = (
        f"{what} deleted and built anew. Only the name is new? Leave the old one in the stack file, "
        "or move the state by hand before the update: pulumi state rename URN NEW-NAME"
    )
    return [Text(title, "bold yellow"), *wrapped(how, width, INDENT)]


def _refused(name: str, type_: str, reason: str, width: int | None) -> list[Text]:
    return wrapped(f"!  {name} ({short_type(type_)}) {reason}", width, INDENT, f"{INDENT}   ")


def counts(changes: Changes) -> list[Text]:
    """Count the resources that the update would create, update, replace and delete."""
    found = [Text("Resources:", "bold")]
    for action in (Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE):
        count = len(changes.of(action))
        if count:
            found.append(Text(f"{INDENT}{_SIGNS[action]} {count:,} to {action.value}", _STYLES[action]))
    interrupted = len(changes.interruptions)
    if interrupted:
        verb = "interrupts" if interrupted == 1 else "interrupt"
        found.append(Text(f"{INDENT}   of the updates {interrupted:,} {verb} what is updated", "bold yellow"))
    may = sum(one.may_replace for one in changes.changes)
    if may:
        found.append(
            Text(f"{INDENT}   of the updates {may:,} may be {'a replacement' if may == 1 else 'replacements'}")
        )
    return [*found, Text(f"{INDENT}   {changes.unchanged:,} unchanged")]


def _notes(changes: Changes, width: int | None) -> list[Text]:
    hidden = [f"{changes.hidden:,} values are secret in both, and were not compared"] if changes.hidden else []
    return [line for note in (*changes.notes, *hidden) for line in wrapped(f"Note: {note}.", width)]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown} and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else shown


def _titled(title: str, found: list[Text]) -> list[Text]:
    return [Text(title, "bold"), *found] if found else []


def _styled(text: str, width: int | None, style: str) -> list[Text]:
    return [Text(line.plain, style) for line in wrapped(text, width, INDENT, f"{INDENT}   ")]
