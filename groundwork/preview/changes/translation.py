"""Inputs of one snapshot in the words of another.

What AWS gives a resource (ids, ARNs, addresses, the random end of a name) is made up in a preview and real in an export. Where one
resource has two such values, they are the same thing, and no change wherever else they stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from groundwork.preview.snapshot import Resource

_LEAST = 8
"""Characters of a text that is certain to mean one thing. Shorter ones are only taken where they are all of a value."""
_ARN_ACCOUNT = re.compile(r"^arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):")


def as_said(resource: Resource) -> dict[str, Any]:
    """Return the inputs of an object of Kubernetes that stands without the name that the provider drew for it, and its marks; of any
    other resource all of them.

    https://github.com/pulumi/pulumi-kubernetes/blob/master/provider/pkg/metadata/naming.go and labels.go
    """
    metadata = resource.inputs.get("metadata")
    if not resource.type.startswith("kubernetes:") or not isinstance(metadata, dict):
        return resource.inputs
    annotations, labels = (
        said if isinstance(said := metadata.get(key), dict) else {} for key in ("annotations", "labels")
    )
    drawn = {"name"} if annotations.get(_AUTONAMED) == "true" else set()
    marks = {
        "annotations": {key: value for key, value in annotations.items() if key != _AUTONAMED},
        "labels": {key: value for key, value in labels.items() if (key, value) != _MANAGED},
    }
    kept = {key: marks.get(key, value) for key, value in metadata.items() if key not in drawn}
    return {**resource.inputs, "metadata": {key: value for key, value in kept.items() if value != {}}}


_AUTONAMED = "pulumi.com/autonamed"
_MANAGED = ("app.kubernetes.io/managed-by", "pulumi")


class StandingTranslation:
    """Built from pairs: URN in the head → what stands for it."""

    def __init__(self, pairs: Mapping[str, Resource], head: Mapping[str, Resource]) -> None:
        self._words: dict[str, str] = {}
        for urn, before in pairs.items():
            after = head[urn]
            self._learn(before.urn, urn)
            # What a component or the stack tells is the program's own.
            for key, value in before.outputs.items() if before.custom else ():
                # What the program says is compared; only what AWS adds is translated.
                if key not in after.inputs:
                    self._learn_all(value, after.outputs.get(key))
        self._lengths: dict[str, list[int]] = {}
        for word in self._words:
            if len(word) >= _LEAST:
                self._lengths.setdefault(word[:_LEAST], []).append(len(word))
        for start, lengths in self._lengths.items():
            self._lengths[start] = sorted(set(lengths), reverse=True)

    def _learn_all(self, value: Any, other: Any) -> None:
        """Learn the texts of two values, each from what stands at the same place in the other."""
        if isinstance(value, str) and isinstance(other, str):
            self._learn(value, other)
            self._learn_account(value, other)
        elif isinstance(value, dict) and isinstance(other, dict):
            for key in value.keys() & other.keys():
                self._learn_all(value[key], other[key])
        elif isinstance(value, list) and isinstance(other, list) and len(value) == len(other):
            for one, its in zip(value, other, strict=True):
                self._learn_all(one, its)

    def _learn(self, word: str, other: str) -> None:
        if word and word != other:
            self._words.setdefault(word, other)

    def _learn_account(self, value: str, other: str) -> None:
        was, wanted = _ARN_ACCOUNT.match(value), _ARN_ACCOUNT.match(other)
        if was and wanted:
            self._learn(was[1], wanted[1])

    def translate(self, value: Any) -> Any:
        """Return a JSON value with every word in it replaced."""
        if not self._words:
            return value
        if isinstance(value, dict):
            return {key: self.translate(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.translate(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        if text in self._words:
            return self._words[text]
        parts: list[str] = []
        at = done = 0
        while at <= len(text) - _LEAST:
            # A word begins and ends where no other word goes on.
            length = self._length_at(text, at) if not at or not text[at - 1].isalnum() else 0
            if length:
                parts += (text[done:at], self._words[text[at : at + length]])
                done = at = at + length
            else:
                at += 1
        return "".join((*parts, text[done:])) if done else text

    def _length_at(self, text: str, at: int) -> int:
        """Return how long the longest word is that stands at a place; 0 where none does."""
        for length in self._lengths.get(text[at : at + _LEAST], ()):
            end = at + length
            if text[at:end] in self._words and (end >= len(text) or not text[end].isalnum()):
                return length
        return 0
