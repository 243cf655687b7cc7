"""What the conditions of a statement let in: the one place that knows what an operator means.

A rule asks two things. Of a statement that allows: do its conditions, all of them together, bound a key to known values in
every request that it lets in (:func:`bound`, :meth:`Bound.to`)? Of one that denies: does it surely apply to every request
in which a key has a value (:func:`surely_applies`)? Both answer no where they cannot show it. What IAM does is in its user
guide: "IAM JSON policy elements: Condition operators" (reference_policies_elements_condition_operators.html), "Conditions
with multiple context keys or values" (reference_policies_condition-logic-multiple-context-keys-or-values.html) and
"Single-valued vs. multivalued context keys" (reference_policies_condition-single-vs-multi-valued-context-keys.html).
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from guardrails.iam.patterns import has_wildcard, matches

TEXT, CASELESS, GLOB, ARN, ADDRESS, BOOL, NUMBER, DATE, BINARY, NULL = [
    "text",
    "caseless",
    "glob",
    "arn",
    "address",
    "bool",
    "number",
    "date",
    "binary",
    "null",
]
"""How an operator compares."""
_EQUAL = "="

_OPERATORS = {
    "stringequals": (TEXT, _EQUAL, False),
    "stringnotequals": (TEXT, _EQUAL, True),
    "stringequalsignorecase": (CASELESS, _EQUAL, False),
    "stringnotequalsignorecase": (CASELESS, _EQUAL, True),
    "stringlike": (GLOB, _EQUAL, False),
    "stringnotlike": (GLOB, _EQUAL, True),
    "arnequals": (ARN, _EQUAL, False),
    "arnnotequals": (ARN, _EQUAL, True),
    "arnlike": (ARN, _EQUAL, False),
    "arnnotlike": (ARN, _EQUAL, True),
    "ipaddress": (ADDRESS, _EQUAL, False),
    "notipaddress": (ADDRESS, _EQUAL, True),
    "bool": (BOOL, _EQUAL, False),
    "binaryequals": (BINARY, _EQUAL, False),
    "null": (NULL, _EQUAL, False),
    **{
        f"{name}{suffix}": (kind, relation, suffix == "notequals")
        for name, kind in (("numeric", NUMBER), ("date", DATE))
        for suffix, relation in (
            ("equals", _EQUAL),
            ("notequals", _EQUAL),
            ("lessthan", "<"),
            ("lessthanequals", "<="),
            ("greaterthan", ">"),
            ("greaterthanequals", ">="),
        )
    },
}
"""By name in lower case: how it compares, by which relation, and whether it asks for the opposite."""

ANY_VALUE, ALL_VALUES = "foranyvalue:", "forallvalues:"

_STAR, _QUESTION = "\ue12a", "\ue13f"
"""Private characters for a star and a question mark that are no wildcards."""
FIXED = "\ue000"
"""In a pattern, a text that is not known here and yet not the requester's to choose."""
_NO_WILDCARDS = str.maketrans({"*": _STAR, "?": _QUESTION})
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE_CHARACTERS = {"*": _STAR, "?": _QUESTION, "$": "$"}


def as_written(pattern: str) -> str:
    """Return a pattern with the stars and question marks that are no wildcards, as they stand in the document."""
    return pattern.replace(_STAR, "*").replace(_QUESTION, "?")


OF_RESOURCE = ("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths", "aws:resourcetag/")
"""Policy variables that say something of the resource: whoever asks, they are its owner's."""
OF_PRINCIPAL = (
    *OF_RESOURCE,
    "aws:federatedprovider",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltag/",
    "aws:userid",
    "aws:username",
)
"""Those that in an identity's own policy are not its to choose either."""


class Condition(NamedTuple):
    """One operator with one key. Keys are in lower case, as IAM compares them; values are as they are written."""

    kind: str
    relation: str
    negated: bool
    scope: str
    """:data:`ANY_VALUE`, :data:`ALL_VALUES`, or empty."""
    optional: bool
    """Whether it holds when the request has no such key (``IfExists``)."""
    key: str
    values: tuple[str, ...]
    variables: bool
    """Whether ``${…}`` is a policy variable: in the version 2012-10-17 of the language only."""

    @property
    def plain_wildcards(self) -> tuple[str, ...]:
        """Return the values in which a wildcard is plain text, as the operator reads it."""
        if self.kind not in (TEXT, CASELESS):
            return ()
        return tuple(text for text in self.values if has_wildcard(_VARIABLE.sub("", text)))

    @property
    def needs_key(self) -> bool:
        """Tell whether it fails in a request that does not have the key."""
        return _holds(self, ()) is False


def parse(operator: str, key: str, values: Sequence[str], *, variables: bool) -> Condition | None:
    """Parse a condition as a policy document has it; None for an operator that IAM does not know."""
    name = operator.lower()
    scope = next((one for one in (ANY_VALUE, ALL_VALUES) if name.startswith(one)), "")
    name = name.removeprefix(scope)
    optional = name.endswith("ifexists")
    known = _OPERATORS.get(name.removesuffix("ifexists"))
    if known is None:
        return None
    kind, relation, negated = known
    return Condition(kind, relation, negated, scope, optional, key.lower(), tuple(values), variables)


class Value(NamedTuple):
    """What one value of a condition stands for."""

    kind: str
    relation: str
    pattern: str
    """With IAM's wildcards where the operator knows them; a variable that the requester may choose is a ``*``."""

    def covers(self, text: str) -> bool:
        """Tell whether a value of a request is one of them."""
        if self.kind in (TEXT, GLOB):
            return matches(self.pattern, text.translate(_NO_WILDCARDS))
        if self.kind == CASELESS:
            return matches(self.pattern.lower(), text.translate(_NO_WILDCARDS).lower())
        if self.kind == ARN:
            return _covers_arn(self.pattern, text.translate(_NO_WILDCARDS))
        own, other = _parsed(self.kind, self.pattern), _parsed(self.kind, text)
        if own is None or other is None:
            return False
        if self.kind == ADDRESS:
            return own.version == other.version and other.subnet_of(own)  # type: ignore[attr-defined, no-any-return]  # of one version
        return _COMPARE[self.relation](other, own)


_COMPARE: dict[str, Callable[..., bool]] = {
    "=": lambda one, other: bool(one == other),
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}


def _covers_arn(pattern: str, text: str) -> bool:
    """Tell whether an ARN matches. ARN operators compare each of the six parts by itself; a pattern that is no ARN is
    taken for a text."""
    parts, others = pattern.split(":", 5), text.split(":", 5)
    if len(parts) < 6:
        return matches(pattern, text)
    return len(others) == 6 and all(map(matches, parts, others))


@lru_cache(maxsize=4096)
def _parsed(kind: str, text: str) -> object | None:
    """Parse a text as what an operator compares; None if it is nothing of the kind, and so equals nothing."""
    try:
        if kind == ADDRESS:
            return ipaddress.ip_network(text, strict=False)
        if kind == BOOL:
            return {"true": True, "false": False}.get(text.lower())
        if kind == NUMBER:
            return float(text)
        if kind == DATE:
            return _seconds(text)
        return base64.b64decode(text, validate=True)
    except (ValueError, OverflowError, binascii.Error):
        return None


def _seconds(text: str) -> float:
    """Return a point in time, written as ISO 8601 or as seconds since 1970, in seconds since 1970."""
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


class Choice(NamedTuple):
    """What one condition lets a key be: one of these values."""

    values: tuple[Value, ...]
    every: bool
    """Whether each value of a key with several is one of them (``ForAllValues``), and not only some value."""

    def covers(self, request: Sequence[str]) -> bool:
        met = [any(one.covers(text) for one in self.values) for text in request]
        return all(met) if self.every else any(met)


class Bound(NamedTuple):
    """What requests that a statement lets in may have as the value of one key."""

    absent: bool
    """Whether a request without the key is let in too."""
    choices: tuple[Choice, ...]
    """What is let in meets all of these; none where any value does."""

    def to(self, named: Callable[[str], bool]) -> bool:
        """Tell whether the key has to be there, with values that are all named: ``named`` is asked of each pattern."""
        return not self.absent and any(
            all(value.relation == _EQUAL and named(value.pattern) for value in choice.values) for choice in self.choices
        )

    def covers(self, request: Sequence[str]) -> bool:
        """Tell whether a request in which the key has these values (none, if it is not there) is within the bound."""
        return all(choice.covers(request) for choice in self.choices) if request else self.absent


def bound(conditions: Iterable[Condition], key: str, fixed: tuple[str, ...] = OF_RESOURCE) -> Bound:
    """Return what the conditions, which all have to hold, make of one key.

    ``fixed`` names the policy variables that whoever asks cannot choose, by how they start: in a resource's policy those of
    the resource, in an identity's own policy :data:`OF_PRINCIPAL` too.
    """
    own = [one for one in conditions if one.key == key.lower() and one.values]
    return Bound(
        absent=not any(one.needs_key for one in own),
        choices=tuple(
            Choice(_values(one, fixed), one.scope == ALL_VALUES) for one in own if not one.negated and one.kind != NULL
        ),
    )


def _values(condition: Condition, fixed: tuple[str, ...]) -> tuple[Value, ...]:
    return tuple(_value(condition, text, fixed) for text in condition.values)


def _value(condition: Condition, text: str, fixed: tuple[str, ...]) -> Value:
    """Return a condition's value as a pattern. Policy variables stand in the values of string and ARN operators
    only."""
    kind = condition.kind
    if kind not in (TEXT, CASELESS, GLOB, ARN):
        return Value(kind, condition.relation, text)
    parts = _VARIABLE.split(text) if condition.variables else [text]
    literals = [part.translate(_NO_WILDCARDS) if kind in (TEXT, CASELESS) else part for part in parts[::2]]
    stand_ins = [_stand_in(condition.key, name, fixed) for name in parts[1::2]]
    if kind == ARN and "*" in stand_ins:
        # What the variable becomes may have colons, and so shift the parts of the ARN.
        kind = GLOB
    pattern = literals[0] + "".join(map("".join, zip(stand_ins, literals[1:], strict=True)))
    return Value(kind, condition.relation, pattern)


def _stand_in(key: str, name: str, fixed: tuple[str, ...]) -> str:
    """Return what a policy variable is in a pattern; a key that is compared with itself is anything."""
    if name in _VARIABLE_CHARACTERS:
        return _VARIABLE_CHARACTERS[name]
    variable = name.partition(",")[0].strip().lower()
    return FIXED if variable != key and variable.startswith(fixed) else "*"


def _holds(condition: Condition, request: Sequence[str]) -> bool | None:
    """Tell whether a condition holds where its key has these values (none, if it is not there); None if that cannot be
    known."""
    if not condition.values or (condition.kind == NULL and (condition.scope or condition.optional)):
        return None
    if condition.kind == NULL:
        return (not request) in {_parsed(BOOL, text) for text in condition.values}
    if not request:
        return condition.optional or condition.scope == ALL_VALUES or (condition.negated and not condition.scope)
    if condition.variables and any(_VARIABLE.search(text) for text in condition.values):
        return None
    met = [any(one.covers(text) for one in _values(condition, ())) for text in request]
    if not condition.scope:
        return any(met) is not condition.negated
    each = [one is not condition.negated for one in met]
    return all(each) if condition.scope == ALL_VALUES else any(each)


def surely_applies(conditions: Iterable[Condition], key: str, value: str) -> bool:
    """Tell whether all conditions hold in every request in which ``key`` has ``value``, whatever else is in the
    request."""
    return all(_holds(one, (value,)) is True if one.key == key.lower() else _holds_always(one) for one in conditions)


def always_applies(conditions: Iterable[Condition]) -> bool:
    """Tell whether the conditions, if there are any, tell no request from another."""
    return all(map(_holds_always, conditions))


def _holds_always(condition: Condition) -> bool:
    """Tell whether a condition tells no request from another: it asks for any value, or takes absence and presence
    alike."""
    if condition.kind == NULL:
        return bool(_holds(condition, ())) and bool(_holds(condition, ("",)))
    anything = condition.kind == GLOB and not condition.negated and "*" in condition.values
    return anything and condition.scope != ANY_VALUE and _holds(condition, ()) is True
