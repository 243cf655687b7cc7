"""Answers of providers' functions that nobody but the provider knows: of the types that the SDK makes of them, and plausible.

Names of things that are looked up (ids, ARNs) look like real ones. Every other text that is made up here says so: a resource that it
reaches is recorded with an unknown there, so that no rule judges by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from groundwork.preview.snapshot import to_marker
from groundwork.settings.facts import partition_of

_MADE_UP = "groundwork-unknown-"
_PREFIXES = {
    "image": "ami",
    "instance": "i",
    "internetGateway": "igw",
    "natGateway": "nat",
    "networkInterface": "eni",
    "routeTable": "rtb",
    "securityGroup": "sg",
    "snapshot": "snap",
    "subnet": "subnet",
    "volume": "vol",
    "vpc": "vpc",
}
_ACCOUNTS = ("account", "owner", "registry", "ownerAccount", "awsAccount")
_DOCUMENTS = re.compile(r"(json|policy|document)$", re.IGNORECASE)
_TIMES = re.compile(r"(?<![a-z])(at|date|time)$|(At|Date|Time|timestamp)$")


_MADE_UP_RANGE = re.compile(r"(?<![\d.])198\.1[89]\.\d+\.\d+")
"""Address ranges that programs take apart: of the network for benchmarks, which nobody routes
(https://www.rfc-editor.org/rfc/rfc2544#appendix-C.2.2)."""


def is_made_up(text: str) -> bool:
    """Tell whether a text was made up here, or holds one that was."""
    return _MADE_UP in text or _MADE_UP_RANGE.search(text) is not None


class Guesses:
    """What one call is answered, in one region and account; ``digest`` tells it from other calls."""

    def __init__(self, token: str, region: str, account: str, digest: str) -> None:
        module, _, function = token.partition(":")[2].partition(":")
        self._service = module.partition("/")[0]
        self._thing = function.removeprefix("get")
        self._region = region
        self._account = account
        self._digest = digest

    def completed(self, answer: Mapping[str, Any], type_: Any) -> dict[str, Any]:
        """Return an answer with every property that its type has, each of the type it has there."""
        if not (isinstance(type_, dict) and "object" in type_):
            return dict(answer)
        return self._object(answer, type_["object"], self._digest)

    def _object(self, given: Mapping[str, Any], types: Mapping[str, Any], digest: str) -> dict[str, Any]:
        return {**given, **{name: self._typed(given.get(name), type_, name, digest) for name, type_ in types.items()}}

    def _typed(self, value: Any, type_: Any, name: str, digest: str) -> Any:
        if isinstance(type_, dict):
            return self._holding(value, type_, name, digest)
        if value is None:
            return self._text(name, digest) if type_ == "text" else _OTHERS.get(type_)
        return _CASTS[type_](value) if type_ in _CASTS else value

    def _holding(self, value: Any, type_: Mapping[str, Any], name: str, digest: str) -> Any:
        if "object" in type_:
            return self._object(value if isinstance(value, dict) else {}, type_["object"], digest)
        if "map" in type_:
            return value if isinstance(value, dict) else {}
        if value is None:
            # A program takes the first, and of what has no parts sometimes a second.
            digests = [digest] if isinstance(type_["list"], dict) else [digest, digest[::-1]]
            return [self._typed(None, type_["list"], _singular(name), one) for one in digests]
        return [
            self._typed(item, type_["list"], name, digest) for item in (value if isinstance(value, list) else [value])
        ]

    def _text(self, name: str, digest: str) -> str:
        lower = name.lower()
        if lower.endswith("arn"):
            return f"arn:{partition_of(self._region).name}:{self._service}:{self._region}:{self._account}:{self._thing.lower()}/{digest[:12]}"
        if lower == "id" or name.endswith("Id"):
            return self._id(name[:-2] or self._thing[:1].lower() + self._thing[1:], digest)
        if lower == "region":
            return self._region
        if _TIMES.search(name):
            return "2026-01-01T00:00:00Z"
        made_up = f"{_MADE_UP}{lower}-{digest[:6]}"
        return json.dumps({made_up: None}) if _DOCUMENTS.search(name) else made_up

    def _id(self, thing: str, digest: str) -> str:
        if thing in _ACCOUNTS:
            return self._account
        prefix = next((prefix for word, prefix in _PREFIXES.items() if thing.lower().endswith(word.lower())), None)
        return f"{prefix}-{digest[:17]}" if prefix else digest[:13]


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") else name


def _truth(value: Any) -> bool:
    return str(value).lower() in ("true", "1")


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 1.0


def _whole(value: Any) -> int:
    return int(_number(value))


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=to_marker)


_CASTS = {"truth": _truth, "text": _string, "whole": _whole, "number": _number}
_OTHERS = {"truth": False, "whole": 1, "number": 1.0}
