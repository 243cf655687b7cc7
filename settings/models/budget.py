"""What the platform may cost."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from settings.models.base import Model
from settings.models.observability import Email


class AnomalySettings(Model):
    """Cost anomaly detection over the platform's tag."""

    dollars: Annotated[int, Field(ge=1)] = 20
    """Tell when an anomaly costs more than this."""


class BudgetSettings(Model):
    """AWS Budgets for the platform, by its cost-allocation tag."""

    monthly: Annotated[float, Field(gt=0)] = 100
    """US dollars."""
    actual_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = (50, 80, 100)
    """Tell when actual cost passes these shares of the budget."""
    forecast_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = (100,)
    """Tell when the forecast for the month passes these shares."""
    emails: tuple[Email, ...] = ()
    """Unset, ``observability.alarm_emails``."""
    anomalies: AnomalySettings | None = AnomalySettings()
