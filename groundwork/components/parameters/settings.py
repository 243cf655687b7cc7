"""Configuration in Parameter Store."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from groundwork.components.services.settings import EnvironmentName
from groundwork.settings.base import Model


class ParameterTreeSettings(Model):
    """A tree of plain values in SSM Parameter Store: each a parameter and, for those who read it, an environment variable."""

    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_./-]+[A-Za-z0-9_.-]$", max_length=500)] | None = None
    """Where the tree starts; unset, ``/platform/stage/name``."""
    values: Annotated[dict[EnvironmentName, Annotated[str, Field(min_length=1, max_length=4096)]], Field(min_length=1)]
