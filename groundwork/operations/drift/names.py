"""What AWS chose in place of what a preview makes up: ids, ARNs and the ends of names."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any

from groundwork.preview.computed_values import EXAMPLE_ACCOUNT
from groundwork.preview.snapshot import Resource, Snapshot
from guardrails.view import Opaque

_PARTS = re.compile(r"([^A-Za-z0-9_.\-]+)")
# Six characters or more with a digit among them, a name that ends in six or seven, or an IPv4 address.
_MADE_UP = re.compile(r"(?=[0-9A-Fa-f]*\d)[0-9A-Fa-f]{6,}|[-_][0-9a-f]{6,7}(\.fifo)?$|^\d+(\.\d+){3}$")
# Seven hexadecimal characters of Pulumi's (https://www.pulumi.com/docs/iac/concepts/resources/names/#autonaming), 26 digits of Terraform's.
_DRAWN = "[0-9a-f]{7,26}"


class UnknownValueError(Exception):
    """A value hangs on what nobody here knows: what AWS answers, a secret, an id of what is not there."""


class RealNames:
    """The account's own words for those of a preview."""

    def __init__(self, snapshot: Snapshot, account: str) -> None:
        self._account = account
        self._whole: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self._made_up = {
            part
            for resource in snapshot.resources
            for part in _ids(_texts(resource.outputs)) - set(_split(_texts(resource.inputs)))
        }
        self._made_up |= {part for part in _ids(snapshot.looked_up) if part.startswith(("pl-", "groundwork-"))}
        self._made_up -= {EXAMPLE_ACCOUNT, account}

    def learn(self, made_up: Any, real: Any) -> None:
        """Take over what AWS chose for a value of the preview."""
        if not isinstance(made_up, str) or not isinstance(real, str):
            return
        made_up = made_up.replace(EXAMPLE_ACCOUNT, self._account)
        self._whole[made_up] = real
        # From the end, where names and ids are: before that some have a word more.
        ends = zip(reversed(_split([made_up])), reversed(_split([real])), strict=False)
        self._parts |= {one: other for one, other in ends if one in self._made_up}

    def copy(self) -> RealNames:
        """Return a copy, to which may be added what is only assumed."""
        other = copy.copy(self)
        other._whole, other._parts = dict(self._whole), dict(self._parts)
        return other

    def of(self, value: Any) -> Any:
        """Return a value with the account's own words; UnknownValueError where one of them is not known."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {key: self.of(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.of(item) for item in value]
        if isinstance(value, Opaque):
            raise UnknownValueError
        return value

    def _text(self, text: str) -> str:
        text = text.replace(EXAMPLE_ACCOUNT, self._account)
        if text in self._whole:
            return self._whole[text]
        parts = _PARTS.split(text)
        for at, part in enumerate(parts):
            if part in self._parts:
                parts[at] = self._parts[part]
            elif part in self._made_up:
                raise UnknownValueError
        return "".join(parts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _split(texts: Iterable[str]) -> list[str]:
    return [part for text in texts for part in _PARTS.split(text)[::2] if part]


def _ids(texts: Iterable[str]) -> set[str]:
    """Return what is an id, a name that ends in one, or an address, as a preview makes them up."""
    return {part for part in _split(texts) if _MADE_UP.search(part)}


def bears_name(logical: str, name: str) -> bool:
    """Tell whether a name is one that Pulumi makes of a logical name."""
    return bool(re.fullmatch(rf"(alias/)?{re.escape(logical)}[-_]?{_DRAWN}", name))


def tag_of(resource: Resource) -> str | None:
    """Return the tag ``Name`` that the program gives a resource; None where it gives none."""
    tags = resource.inputs.get("tags")
    if isinstance(tags, dict):
        return tags.get("Name")
    if isinstance(tags, list):
        return next((tag.get("value") for tag in tags if isinstance(tag, dict) and tag.get("key") == "Name"), None)
    return None
