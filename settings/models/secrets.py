"""Secrets: what is in them is never in a stack file in clear."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from settings.models.base import Model, Sealed
from settings.models.services import EnvironmentName


class SecretSettings(Model):
    """One secret in Secrets Manager: a JSON object whose keys become environment variables of those who read it."""

    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]+$", max_length=400)] | None = None
    """Its name in Secrets Manager; unset, ``platform/stage/name``."""
    description: Annotated[str, Field(max_length=2048)] = ""
    keys: Annotated[tuple[EnvironmentName, ...], Field(min_length=1)]
    """JSON keys, each an environment variable."""
    values: dict[EnvironmentName, Sealed] = {}
    """First values, sealed by ``pulumi config set --secret``. Without them the secret starts empty and is filled by hand
    before the first deployment of a service that reads it."""

    @model_validator(mode="after")
    def _values_have_keys(self) -> SecretSettings:
        unknown = sorted(set(self.values) - set(self.keys))
        if unknown:
            raise PydanticCustomError(
                "values", "values has {unknown}, which keys does not list", {"unknown": ", ".join(unknown)}
            )
        return self
