"""From what AWS would refuse to the line of the stack file that says it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from groundwork.preview.refusals.addresses import address_shortages
from groundwork.preview.refusals.inputs import RefusedInput, refused_inputs
from groundwork.preview.refusals.interfaces import interface_shortages
from groundwork.preview.refusals.offers import refused_offers, unknown_offers
from groundwork.preview.refusals.quotas import Exceeded, exceeded
from groundwork.preview.snapshot import Snapshot
from groundwork.settings.effective import as_json
from groundwork.settings.loading import Loaded
from groundwork.settings.mistakes import Mistake, Path
from groundwork.settings.model_paths import is_chosen

_SETTING = "platform.quotas: {}"
_LONGEST_SHOWN = 60
_SHORTEST_TOLD = 3
"""Characters of a value below which it stands in others by chance."""


def mistakes(snapshot: Snapshot, loaded: Loaded, label: str) -> list[Mistake]:
    """Return one mistake for each value and each quota that AWS would refuse; ``label`` is how messages call the
    stack file.

    A value that reaches many resources is one mistake, with one of them as the example.
    """
    platform = loaded.settings.platform
    everything = [*refused_inputs(snapshot), *refused_offers(snapshot, platform.offered)]
    said = list(_said(loaded, label)) if everything else []
    found: dict[tuple[str, Path, str], Mistake] = {}
    for refused in everything:
        path = _origin(refused, said)
        mistake = _of_input(refused, path, loaded, label)
        found.setdefault((mistake.where, path, refused.reason), mistake)
    quotas = [_of_quota(one, loaded, label) for one in exceeded(snapshot, platform.quotas) if not one.quota.unsure]
    network = [_at_first(_NETWORK, one.sentence(), loaded, label) for one in address_shortages(snapshot)]
    compute = [_at_first(_COMPUTE, one.sentence(), loaded, label) for one in interface_shortages(snapshot)]
    return [*found.values(), *quotas, *network, *compute]


_NETWORK: tuple[Path, ...] = (("network", "cidr"), ("network",))
_COMPUTE: tuple[Path, ...] = (("compute", "instances"), ("compute", "kubernetes"), ("compute",))
"""Where it is said what there is of addresses, and of instances."""


def notes(snapshot: Snapshot, loaded: Loaded) -> list[str]:
    """Return a sentence, without its full stop, for each value that may be newer than what this release knows of AWS, and
    for each amount of which AWS no longer says how much it takes."""
    platform = loaded.settings.platform
    found = unknown_offers(snapshot, platform.offered)
    amounts = (one for one in exceeded(snapshot, platform.quotas) if one.quota.unsure)
    return list(
        dict.fromkeys(
            (
                *(f'"{one.value}" as {one.input} of {one.resource.name} {one.reason}' for one in found),
                *(one.sentence(_SETTING) for one in amounts),
            )
        )
    )


def named_alike(name: str, loaded: Loaded, label: str) -> Path:
    """Return the entry of the stack file after which a resource is named; empty where none is."""
    parts = {
        one.path: re.search(rf"(^|[-/_.]){re.escape(one.text)}$", name) for one in _said(loaded, label) if one.is_name
    }
    return max((path for path, found in parts.items() if found), key=lambda path: len(str(path[-1])), default=())


@dataclass(frozen=True)
class _Said:
    """A value or a name that the stack file itself says."""

    path: Path
    text: str
    is_name: bool


def _said(loaded: Loaded, label: str) -> Iterator[_Said]:
    def walk(path: Path, value: Any) -> Iterator[_Said]:
        if isinstance(value, (dict, list)):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(key, str) and is_chosen((*path, key)) and _is_said((*path, key), loaded, label):
                    yield _Said((*path, key), key, is_name=True)
                yield from walk((*path, key), item)
        elif value is not None and _is_said(path, loaded, label):
            yield _Said(path, str(value), is_name=False)

    yield from walk((), as_json(loaded))


def _is_said(path: Path, loaded: Loaded, label: str) -> bool:
    found = loaded.merged.source(path)
    return found is not None and found[0].label == label


def _origin(refused: RefusedInput, said: list[_Said]) -> Path:
    """Return where the stack file says what is refused: the very value, else the longest that it is made of, else what
    the resource is named after. Empty where none is."""
    value = str(refused.value)
    key = refused.input.rpartition(".")[2]

    def likeness(one: _Said) -> tuple[int, int]:
        long = len(one.text)
        if one.text == (key if one.is_name else value):
            return (3, long)
        if one.text == value:
            return (3, long)
        if long >= _SHORTEST_TOLD and not one.is_name and one.text in value:
            return (2, long)
        # A name may be as short as a letter; it then stands between dashes.
        parts = re.compile(rf"(^|[-/_.]){re.escape(one.text)}($|[-/_.])")
        if one.is_name and parts.search(value):
            return (2, long)
        return (1, long) if parts.search(refused.resource.name) else (0, 0)

    best = max(said, key=likeness, default=None)
    return best.path if best is not None and likeness(best) > (0, 0) else ()


def _of_input(refused: RefusedInput, path: Path, loaded: Loaded, label: str) -> Mistake:
    resource = refused.resource
    transform = next((one.source for one in resource.transformed if refused.input.startswith(one.property)), None)
    shown = str(refused.value)
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[: _LONGEST_SHOWN - 1]}…"
    declared = "" if path or not resource.source else f", declared at {resource.source.file}:{resource.source.line}"
    text = (
        f'AWS refuses "{shown}" as {refused.input} of {resource.name} ({short_type(resource.type)}{declared}): '
        f"it {refused.reason}"
    )
    if transform:
        return Mistake((), text, f"{transform.file}:{transform.line}")
    return Mistake(path, text, loaded.merged.where(path) if path else label)


def _at_first(paths: tuple[Path, ...], text: str, loaded: Loaded, label: str) -> Mistake:
    """Return a mistake at the first of some places that the stack file says."""
    said = next((path for path in paths if _is_said(path, loaded, label)), ())
    return Mistake(said or paths[-1], text, loaded.merged.where(said) if said else label)


def short_type(token: str) -> str:
    """Return ``aws:ecs/service:Service`` as Pulumi prints it."""
    return re.sub(r"/[^:]+", "", token)


def _of_quota(found: Exceeded, loaded: Loaded, label: str) -> Mistake:
    layers = found.quota.at
    entry = named_alike(found.resource.name, loaded, label) if found.resource else ()
    path = entry or next(((layer,) for layer in layers if _is_said((layer,), loaded, label)), ())
    where = loaded.merged.where(path) if path else label
    return Mistake(path or (layers[0],), found.sentence(_SETTING), where)
