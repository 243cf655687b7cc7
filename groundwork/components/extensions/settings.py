"""Extensions: which of the classes in ``extensions.py`` a stack has, and what it gives them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from groundwork.settings.base import Model

ArgumentName = Annotated[str, Field(pattern="^[a-z_][a-z0-9_]*$", max_length=128)]


class ExtensionSettings(Model):
    """A class of `extensions.py`, the Python file beside the stack file, whose resources others use by this name: `sessions` is the class
    `Sessions`, `partner-api` is `PartnerApi`."""

    arguments: dict[ArgumentName, StrictBool | StrictInt | StrictFloat | StrictStr] = {}
    """What the class is created with, by name. No secret belongs here; see `secrets`."""
