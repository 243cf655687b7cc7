"""IAM's logic of conditions, evaluated for one request: what the pack's model of them is held against.

It is written from the IAM user guide and shares nothing with the pack: "IAM JSON policy elements: Condition operators",
"Conditions with multiple context keys or values", "Single-valued vs. multivalued context keys" and "IAM policy elements:
Variables and tags". Where the guide is silent it takes the reading that lets more in.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from datetime import UTC, datetime

Context = Mapping[str, tuple[str, ...]]
"""A request's keys, in lower case, with their values; a key without a value is as good as absent."""


def admits(block: Mapping[str, Mapping[str, list[str]]], context: Context, *, variables: bool = True) -> bool:
    """Whether a ``Condition`` element holds: every operator, and under it every key."""
    return all(
        _holds(operator, key.lower(), values, context, variables)
        for operator, keys in block.items()
        for key, values in keys.items()
    )


def _holds(operator: str, key: str, values: list[str], context: Context, variables: bool) -> bool:
    request = context.get(key, ())
    prefix, _, name = operator.rpartition(":")
    if name == "Null":
        return any((value.lower() == "true") is (not request) for value in values if value.lower() in ("true", "false"))
    if name.endswith("IfExists"):
        if not request:
            return True
        name = name.removesuffix("IfExists")
    negated = "Not" in name
    positive = name.replace("Not", "")
    if not request:
        return prefix == "ForAllValues" or (negated and not prefix)
    met = [any(_equal(positive, value, one, context, variables) for value in values) for one in request]
    if prefix == "ForAllValues":
        return not any(met) if negated else all(met)
    if prefix == "ForAnyValue":
        return not all(met) if negated else any(met)
    return any(met) is not negated


def _equal(name: str, value: str, text: str, context: Context, variables: bool) -> bool:
    if name.startswith(("String", "Arn")):
        resolved = _resolve(value, context) if variables else [(one, one in "*?") for one in value]
        if resolved is None:
            return False
        if name == "StringLike":
            return _like(resolved, text)
        if name.startswith("Arn"):
            return _arn_like(resolved, text)
        plain = "".join(character for character, _ in resolved)
        return plain.lower() == text.lower() if name.endswith("IgnoreCase") else plain == text
    try:
        if name == "Bool":
            return {"true": 1, "false": 0}[value.lower()] == {"true": 1, "false": 0}[text.lower()]
        if name == "IpAddress":
            wide, narrow = ipaddress.ip_network(value, strict=False), ipaddress.ip_network(text, strict=False)
            return wide.version == narrow.version and narrow[0] in wide and narrow[-1] in wide
        if name == "BinaryEquals":
            return base64.b64decode(value, validate=True) == base64.b64decode(text, validate=True)
        number = float if name.startswith("Numeric") else _moment
        limit, actual = number(value), number(text)
    except (KeyError, ValueError):
        return False
    comparison = name.removeprefix("Numeric").removeprefix("Date")
    return {
        "Equals": actual == limit,
        "LessThan": actual < limit,
        "LessThanEquals": actual <= limit,
        "GreaterThan": actual > limit,
        "GreaterThanEquals": actual >= limit,
    }[comparison]


def _moment(text: str) -> float:
    if text.replace(".", "", 1).isdigit():
        return float(text)
    moment = datetime.strptime(text.replace("Z", "+0000"), "%Y-%m-%dT%H:%M:%S%z")
    return moment.astimezone(UTC).timestamp()


Resolved = list[tuple[str, bool]]
"""Characters, and of each whether it is a wildcard."""


def _resolve(value: str, context: Context) -> Resolved | None:
    """A value with its policy variables put in; None if one is not in the request and has no default."""
    done: Resolved = []
    at = 0
    while at < len(value):
        end = value.find("}", at) if value.startswith("${", at) else -1
        if end < 0:
            done.append((value[at], value[at] in "*?"))
            at += 1
            continue
        name, comma, default = value[at + 2 : end].partition(",")
        found = context.get(name.strip().lower(), ())
        if name in ("*", "?", "$"):
            text = name
        elif found:
            text = found[0]
        elif comma:
            text = default.strip().strip("'")
        else:
            return None
        done.extend((character, False) for character in text)
        at = end + 1
    return done


def _like(pattern: Resolved, text: str) -> bool:
    """By the set of places that a text can be read up to, so that it takes no account of how a matcher searches."""
    places = {0}
    for character, wild in pattern:
        if wild and character == "*":
            places = set(range(min(places, default=len(text) + 1), len(text) + 1))
        else:
            places = {
                at + 1 for at in places if at < len(text) and ((wild and character == "?") or character == text[at])
            }
    return len(text) in places


def _arn_like(pattern: Resolved, text: str) -> bool:
    parts: list[Resolved] = [[]]
    for one in pattern:
        if one == (":", False) and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(one)
    others = text.split(":", 5)
    if len(parts) < 6:
        return _like(pattern, text)
    return len(others) == 6 and all(_like(part, other) for part, other in zip(parts, others, strict=True))
