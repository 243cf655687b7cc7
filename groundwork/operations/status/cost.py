"""What a stack cost today and yesterday, as far as Cost Explorer knows: each question costs a cent."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from groundwork.operations.account import StackAccount, plain_errors
from groundwork.operations.status.model import Health, StatusLine

PRICE = "Cost Explorer charges $0.01 for this answer, which is up to a day old"
"""https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/"""


def cost_line(account: StackAccount, now: datetime.datetime) -> StatusLine:
    """Return what the stack cost yesterday and today, by its tags; the account's costs where these are not activated."""
    platform = account.settings.platform
    day = now.date()
    with plain_errors("asking what a day costs"):
        # Its one endpoint: https://docs.aws.amazon.com/general/latest/gr/billing.html
        said = account.client("ce", "us-east-1").get_cost_and_usage(
            TimePeriod={
                "Start": str(day - datetime.timedelta(days=1)),
                "End": str(day + datetime.timedelta(days=1)),
            },
            Granularity="DAILY",
            Metrics=["UnblendedCost"],
            GroupBy=[{"Type": "TAG", "Key": "platform"}, {"Type": "TAG", "Key": "stage"}],
        )
    wanted = [f"platform${platform.name}", f"stage${platform.stage}"]
    days = [{tuple(group["Keys"]): _dollars(group) for group in one["Groups"]} for one in said["ResultsByTime"]]
    resources = [groups.get((wanted[0], wanted[1])) for groups in days]
    if any(value is not None for value in resources):
        dollars = [value or 0.0 for value in resources]
        return _line("stack", dollars, ())
    why = "the tags platform and stage are not activated for costs; this is the whole account"
    return _line("account", [sum(groups.values()) for groups in days], (why,))


def _line(name: str, dollars: list[float], why: tuple[str, ...]) -> StatusLine:
    yesterday, today = [*dollars, 0.0, 0.0][:2]
    says = f"${yesterday:,.2f} yesterday, ${today:,.2f} today so far"
    return StatusLine(name, Health.WELL, says, why=why, facts={"yesterday": yesterday, "today": today})


def _dollars(group: Mapping[str, Mapping[str, Mapping[str, str]]]) -> float:
    return float(group["Metrics"]["UnblendedCost"]["Amount"])
