"""What the platform may cost."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from groundwork.components.observability.settings import Email
from groundwork.settings.base import Model

Dollars = Annotated[float, Field(gt=0, le=1_000_000_000)]
Share = Annotated[int, Field(ge=1, le=1000)]

# https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_Notification.html
_MOST_ALERTS = 10


class AnomalySettings(Model):
    """Cost anomaly detection. AWS makes a monitor over services by itself in most accounts; ``monitor`` is told of what it finds.
    Whoever has none, or wants one over the platform alone, leaves ``monitor`` out."""

    dollars: Annotated[int, Field(ge=1)] = 20
    """Tell when an anomaly costs more than this."""
    over: Literal["platform", "services"] = "platform"
    """What a new monitor watches. ``platform``: what carries the platform's tag; it sees nothing until the tag is active for cost
    allocation, and only an account of its own or an organisation's management account may make it. ``services``: every AWS
    service of the account by itself, tagged or not; an account has one such monitor, which AWS mostly has made before.
    https://docs.aws.amazon.com/cost-management/latest/userguide/getting-started-ad.html"""
    monitor: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:ce::\d{12}:anomalymonitor/[A-Za-z0-9-]+$")] | None = None
    """ARN of a monitor that exists, to be told of what it finds instead of making one."""


class BudgetSettings(Model):
    """AWS Budgets with alerts, cost anomaly detection and cost-allocation tags."""

    monthly: Dollars = 100
    """US dollars. Credits are not subtracted, here and in every alert."""
    daily: Dollars | None = None
    """US dollars; tells of each day that costs more. AWS knows a day's cost some hours after its end."""
    scope: Literal["account", "platform"] = "account"
    """What is counted: everything in the account, or what carries the platform's tag. ``platform`` sees nothing until the tag is
    active for cost allocation (see ``activate_tags``)."""
    activate_tags: bool = False
    """Make ``platform``, ``stage`` and ``layer`` cost-allocation tags. AWS refuses a tag that it has not seen on a bill yet, so turn
    this on a day after the first deployment, and only in an account that may do so (the organisation's management account)."""
    alert_dollars: tuple[Dollars, ...] = ()
    """Tell when the month's actual cost passes these amounts."""
    actual_percent: tuple[Share, ...] | None = None
    """Tell when actual cost passes these shares of the monthly budget. Unset: 50, 80 and 100, or none where
    ``alert_dollars`` says when."""
    forecast_percent: tuple[Share, ...] = (100,)
    """Tell when the forecast for the month passes these shares."""
    emails: tuple[Email, ...] = ()
    """Addresses of those who hear of cost besides the topic for notices."""
    anomalies: AnomalySettings | None = None
    """Tell of cost that does not fit the pattern so far. Unset, only what AWS set up in the account by itself does."""

    @property
    def shares(self) -> tuple[int, ...]:
        """Return the percentages of the monthly budget at which actual cost is reported."""
        if self.actual_percent is not None:
            return self.actual_percent
        return () if self.alert_dollars else (50, 80, 100)

    @model_validator(mode="after")
    def _alerts_are_few_and_differ(self) -> BudgetSettings:
        amounts = [*self.alert_dollars, *(share * self.monthly / 100 for share in self.shares)]
        twice = next((amount for amount in amounts if amounts.count(amount) > 1), None)
        if twice is not None:
            raise PydanticCustomError("budget", "${amount} would be told of twice", {"amount": f"{twice:g}"})
        count = len(amounts) + len(self.forecast_percent)
        if count > _MOST_ALERTS:
            raise PydanticCustomError(
                "budget",
                "{count} alerts ({dollars} alert_dollars, {shares} actual_percent, {forecasts} forecast_percent) are more "
                "than the {most} that a budget takes",
                {
                    "count": count,
                    "dollars": len(self.alert_dollars),
                    "shares": len(self.shares),
                    "forecasts": len(self.forecast_percent),
                    "most": _MOST_ALERTS,
                },
            )
        return self
