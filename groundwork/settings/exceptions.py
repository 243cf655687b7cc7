"""Exceptions to policies: written down, with a reason, an owner and an end."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import Field

from groundwork.settings.base import Model


class ExceptionSettings(Model):
    """One rule that one resource may break until a date. The policy pack reads the same list."""

    rule: Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")]
    resource: Annotated[str, Field(min_length=1)]
    """A URN, or a pattern of logical names such as ``shop-ingress-*``."""
    reason: Annotated[str, Field(min_length=10)]
    owner: Annotated[str, Field(min_length=1)]
    expires: dt.date
    """At most a year ahead."""
