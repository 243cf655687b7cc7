"""How much a stack is used: a file that says it resource by resource.

Under ``usage`` patterns of resources' names or URNs (the first that fits counts), and under each the usage types with how much a month has of them, in single things::

    usage:
      "*-images": {TimedStorage-ByteHrs: 120, Requests-Tier1: 300000}
      "urn:*::aws:cloudwatch/logGroup:LogGroup::*": {DataProcessing-Bytes: 2}
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path as FilePath
from typing import Any

from groundwork.pricing.book import meters
from groundwork.settings import stack_file
from groundwork.settings.mistakes import Mistake, Mistakes, nearest

_MOST = Decimal(10) ** 15
"""Of anything in a month: more is a slip of the keyboard."""


def read_usage(file: FilePath) -> dict[str, dict[str, Decimal]]:
    """Read the stated use from a file. Raises :class:`Mistakes` for what is no usage type, no amount, or absurd."""
    document = stack_file.read(file)
    known = {said for meter in meters().values() for said in (meter.usage_type, meter.name)}
    mistakes = [
        Mistake((key,), f"is no key of this file{nearest(key, ['usage'])}; usage: is", document.where((key,)))
        for key in document.data
        if key != "usage"
    ]
    found: dict[str, dict[str, Decimal]] = {}
    patterns = document.data.get("usage", {})
    for pattern, amounts in patterns.items() if isinstance(patterns, dict) else ():
        place = ("usage", pattern)
        if not isinstance(amounts, dict):
            mistakes.append(Mistake(place, "must be a mapping of usage types to amounts", document.where(place)))
            continue
        for usage_type, amount in amounts.items():
            path = (*place, usage_type)
            if usage_type not in known:
                message = f"is no usage type that has a price{nearest(usage_type, known)}"
                mistakes.append(Mistake(path, message, document.where(path)))
            elif (number := _amount(amount)) is None:
                message = f"{amount!r} is no amount of a month, from 0 to {_MOST:,}"
                mistakes.append(Mistake(path, message, document.where(path)))
            else:
                found.setdefault(pattern, {})[usage_type] = number
    if not isinstance(patterns, dict):
        mistakes.append(Mistake(("usage",), "must be a mapping of resources' names", document.where(("usage",))))
    if mistakes:
        raise Mistakes(mistakes)
    return found


def _amount(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and 0 <= number <= _MOST else None
