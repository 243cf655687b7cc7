"""Whether what AWS says is what the program says, in whatever words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any


def same(declared: Any, found: Any) -> bool:
    """Tell whether AWS says what the program does. Of blocks what the program leaves out is not compared, since AWS fills it in; lists are
    in no order; documents must be the same in all they say."""
    if isinstance(declared, str) and (document := _document(declared)) is not None:
        other = _document(found) if isinstance(found, str) else found
        return bool(_canonical(document) == _canonical(other))
    if isinstance(declared, dict):
        return _same_block(declared, found)
    if isinstance(declared, list):
        return _same_list(declared, found if found is not None else [])
    if not declared and not found:
        # What is off, nothing or empty AWS may leave out.
        return True
    return _same_text(_text(declared), _text(found))


def _same_block(declared: Mapping[str, Any], found: Any) -> bool:
    if isinstance(found, list):
        # Dimensions, tags and the like: a list of names and values.
        pairs = [tuple(str(value) for _, value in sorted(one.items())) for one in found if isinstance(one, dict)]
        return sorted(pairs) == sorted((str(key), _text(value)) for key, value in declared.items())
    if not isinstance(found, Mapping):
        return not any(value not in (None, False, [], {}, "") for value in declared.values())
    by_name = {key.lower(): value for key, value in found.items()}
    return all(same(value, by_name.get(key.lower())) for key, value in declared.items() if value is not None)


def _same_list(declared: list[Any], found: Any) -> bool:
    if not isinstance(found, list) or len(declared) != len(found):
        return False
    left = list(found)
    for one in declared:
        at = next((index for index, other in enumerate(left) if same(one, other)), None)
        if at is None:
            return False
        left.pop(at)
    return True


def _same_text(declared: str, found: str) -> bool:
    if declared == found:
        return True
    # A hosted zone says its names with the last dot, and texts in quotes.
    if declared.rstrip(".").strip('"') == found.rstrip(".").strip('"'):
        return True
    # An ARN where the program says the name or the id at its end, or the other way round.
    longer, shorter = (declared, found) if len(declared) > len(found) else (found, declared)
    if shorter and longer.startswith("arn:") and longer.endswith((f"/{shorter}", f":{shorter}")):
        return True
    try:
        return Decimal(declared) == Decimal(found)
    except InvalidOperation:
        return False


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _document(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _canonical(value: Any) -> Any:
    """Return a document in one form: a list of one is that one, lists have no order, and what is empty is not there.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """
    if isinstance(value, Mapping):
        parts = {key: _canonical(item) for key, item in value.items()}
        return {key: item for key, item in parts.items() if item is not None}
    if isinstance(value, list):
        items = sorted((_canonical(item) for item in value), key=lambda one: json.dumps(one, sort_keys=True))
        return items[0] if len(items) == 1 else items
    return _text(value) if isinstance(value, (bool, int, float)) else value
