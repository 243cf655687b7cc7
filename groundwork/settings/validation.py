"""From data to settings, with every mistake in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from groundwork.components.settings import Settings
from groundwork.settings.correction import Correction
from groundwork.settings.data_file import copied
from groundwork.settings.model_paths import is_model, member


def validate(data: Mapping[str, Any], *, decrypted: bool) -> tuple[Settings | None, Correction]:
    """Return the settings, and every mistake in them.

    What is mistaken gives way to what was meant, or is taken out, and the rest is validated again, so that the checks between
    layers can still run and all mistakes show at once. None where not even that leaves a platform.
    """
    correction = Correction(_without_nulls(copied(data), Settings))
    for _ in range(_ROUNDS):
        try:
            return Settings.model_validate(
                correction.data, context={"decrypted": decrypted}, by_alias=True, by_name=False
            ), correction
        except ValidationError as error:
            correction.correct(error)
    return None, correction


_ROUNDS = 40
"""Each corrects at least one mistake that stood in the way of others. A file in which more stand one behind another is told of those
that were found until then."""


def _without_nulls(data: Any, model: Any) -> Any:
    """Keep ``null`` where a model takes it as "none of this"; elsewhere it removes the key: an entry of a map is gone,
    a value that cannot be absent falls back to its default."""
    if not isinstance(data, dict):
        return data
    kept = {}
    for key, value in data.items():
        if value is not None:
            kept[key] = _without_nulls(value, member(model, key))
        elif is_model(model) and _takes_none(model, key):
            kept[key] = None
    return kept


def _takes_none(model: type[BaseModel], key: str) -> bool:
    return any(
        key in (name, field.alias) and type(None) in get_args(field.annotation)
        for name, field in model.model_fields.items()
    )
