"""What the stack's configuration tells the pack: the stage, and the exceptions."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guardrails import exemptions
from guardrails.catalogue import rules
from guardrails.exemptions import Exemptions
from guardrails.rules import PRODUCTION


@dataclass(frozen=True)
class Context:
    stage: str = PRODUCTION
    exemptions: Exemptions = field(default_factory=Exemptions)

    @staticmethod
    def of(platform: Any, entries: Any, today: datetime.date) -> Context:
        """From the configuration's ``platform`` and ``exceptions``; a stack that names no stage is judged as production."""
        stage = platform.get("stage") if isinstance(platform, Mapping) else None
        return Context(
            stage=stage if isinstance(stage, str) and stage else PRODUCTION,
            exemptions=exemptions.read(entries, today, {rule.name for rule in rules()}),
        )
