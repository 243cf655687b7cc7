"""What the platform may cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from settings.models.base import Model
from settings.models.observability import Email


class AnomalySettings(Model):
    """Cost anomaly detection over the platform's tag; it sees the platform once the tag is active for cost allocation."""

    dollars: Annotated[int, Field(ge=1)] = 20
    """Tell when an anomaly costs more than this."""


class BudgetSettings(Model):
    """AWS Budgets with alerts, cost anomaly detection and cost-allocation tags."""

    monthly: Annotated[float, Field(gt=0)] = 100
    """US dollars."""
    scope: Literal["account", "platform"] = "account"
    """What is counted: everything in the account, or what carries the platform's tag. ``platform`` sees nothing until the tag is
    active for cost allocation (see ``activate_tags``)."""
    activate_tags: bool = False
    """Make ``platform``, ``stage`` and ``layer`` cost-allocation tags. AWS refuses a tag that it has not seen on a bill yet, so turn
    this on a day after the first deployment, and only in an account that may do so (the organisation's management account)."""
    actual_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = (50, 80, 100)
    """Tell when actual cost passes these shares of the budget."""
    forecast_percent: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = (100,)
    """Tell when the forecast for the month passes these shares."""
    emails: tuple[Email, ...] = ()
    """Unset, ``observability.alarm_emails``."""
    anomalies: AnomalySettings | None = AnomalySettings()
