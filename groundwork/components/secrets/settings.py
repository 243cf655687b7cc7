"""Secrets: what is in them is never in a stack file in clear."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.services.settings import EnvironmentName
from groundwork.settings.base import Model, Name, Sealed
from groundwork.settings.mistakes import nearest

RotationDays = Annotated[int, Field(ge=1, le=1000)]
"""https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html"""

_ROTATED = ("rotation", "signing_keys")

SIGNING_PARTS = ("", "_PREVIOUS", "_NEXT")
"""What a signing key that rotates consists of; each part has an id beside it."""


def signing_variables(name: str) -> tuple[str, ...]:
    """Return the variables of ``JWT_SECRET``: it, the one before, the one after, and the id of each."""
    return tuple(f"{name}{part}{suffix}" for part in SIGNING_PARTS for suffix in ("", "_ID"))


class RotationSettings(Model):
    """How often a secret changes, and who changes it: exactly one of signing_keys and function."""

    days: RotationDays
    """Days between two changes."""
    signing_keys: tuple[EnvironmentName, ...] = ()
    """Keys that Groundwork itself draws and renews, such as a JWT secret. Each brings, beside itself, ``…_PREVIOUS``, ``…_NEXT``
    and an ``…_ID`` of each, so that tokens and running copies outlive a change; other keys stay as they are."""
    function: Name | None = None
    """A function of this stack that does the four steps of a rotation."""

    @model_validator(mode="after")
    def _one_rotator(self) -> RotationSettings:
        if bool(self.signing_keys) == bool(self.function):
            raise PydanticCustomError("rotation", "needs exactly one of signing_keys and function")
        return self


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
    rotation: RotationSettings | None = None
    """Unset, it changes only by hand."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Return the variables that readers are given: its keys, and what comes with those that rotate."""
        renewed = self.rotation.signing_keys if self.rotation else ()
        return tuple(
            dict.fromkeys(name for key in self.keys for name in (signing_variables(key) if key in renewed else (key,)))
        )

    @model_validator(mode="after")
    def _values_have_keys(self) -> SecretSettings:
        unknown = sorted(set(self.values) - set(self.keys))
        if unknown:
            raise PydanticCustomError(
                "values",
                "values has {unknown}, which keys does not list",
                {"unknown": ", ".join(unknown), "at": ("values",)},
            )
        return self

    @model_validator(mode="after")
    def _signing_keys_are_keys(self) -> SecretSettings:
        for key in self.rotation.signing_keys if self.rotation else ():
            if key not in self.keys:
                raise PydanticCustomError(
                    "rotation",
                    "rotation.signing_keys has {key}, which keys does not list{hint}",
                    {"key": key, "hint": nearest(key, self.keys), "at": _ROTATED},
                )
            if key in self.values:
                raise PydanticCustomError(
                    "rotation",
                    "{key} is drawn and renewed by its rotation; leave it out of values",
                    {"key": key, "at": ("values", key)},
                )
            taken = sorted(set(signing_variables(key)[1:]) & set(self.keys))
            if taken:
                raise PydanticCustomError(
                    "rotation",
                    "{taken} comes with {key} by itself; leave it out of keys",
                    {"taken": taken[0], "key": key, "at": ("keys",)},
                )
            if len(key) > 128 - len("_PREVIOUS_ID"):
                raise PydanticCustomError("rotation", "{key} is too long for what comes with it", {"key": key})
        return self

    @model_validator(mode="after")
    def _what_stays_has_a_value(self) -> SecretSettings:
        """Check that every key has a value: the first version of a secret with signing keys is written by Groundwork,
        and must hold every key."""
        if self.rotation and self.rotation.signing_keys:
            missing = sorted(set(self.keys) - set(self.rotation.signing_keys) - set(self.values))
            if missing:
                raise PydanticCustomError(
                    "rotation",
                    "{missing} would have no value beside keys that are drawn; seal one in values, or give it a secret of its own",
                    {"missing": ", ".join(missing), "at": _ROTATED},
                )
        return self
