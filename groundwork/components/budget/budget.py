"""Budget alerts, cost anomaly detection, cost-allocation tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from groundwork.components.base import Component
from groundwork.components.budget.settings import AnomalySettings, BudgetSettings
from groundwork.components.context import Context

_COST_ALLOCATION_TAGS = ("platform", "stage", "layer")


class Budget(Component):
    """AWS Budgets with alerts on actual and forecast cost, and cost anomaly detection.

    Builds: a monthly cost budget with its notifications, by amount, by share and by forecast; by settings one for each day, a
    subscription to cost anomalies with a monitor over the platform's tag or over every service, and the cost-allocation tags.

    Cost: nothing; budgets that only tell (and take no action) and anomaly detection are free.

    Fails: cost-allocation tags that no bill has seen yet are refused ("Tag keys not found"): see ``activate_tags``. A second
    monitor over services is refused ("Limit exceeded on dimensional spend monitor creation"), and AWS makes the first by itself:
    name it as ``anomalies.monitor``. A monitor over a tag is refused in a member account of an organisation. Budgets look at
    cost several times a day, so an alert may come hours late; a day's cost is complete only on the next.

    Changes without replacement: amounts, thresholds, addresses.
    """

    layer = "budget"

    def __init__(
        self,
        name: str,
        settings: BudgetSettings,
        context: Context,
        *,
        emails: Sequence[str],
        topic_arn: pulumi.Input[str],
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create budgets and anomaly detection. ``emails`` and ``topic_arn`` are who is told. ``after``: the topic with its policy; a subscription to a topic that
        does not let AWS speak yet hears nothing."""
        super().__init__(name, context, opts)
        self._after = after
        told = _Told(tuple(emails), topic_arn)
        self._budget("monthly", "MONTHLY", settings.monthly, settings, list(_monthly(settings, told)))
        if settings.daily is not None:
            # A day has no forecast: https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-create.html
            self._budget("daily", "DAILY", settings.daily, settings, [told.when("ACTUAL", 100, "PERCENTAGE")])
        if settings.anomalies:
            self._anomalies(settings.anomalies, topic_arn)
        if settings.activate_tags:
            for key in _COST_ALLOCATION_TAGS:
                aws.costexplorer.CostAllocationTag(
                    f"{name}-{key}", tag_key=key, status="Active", opts=self.child(retain_on_delete=True)
                )
        self.register_outputs({})

    def _budget(
        self,
        key: str,
        unit: str,
        dollars: float,
        settings: BudgetSettings,
        notifications: list[aws.budgets.BudgetNotificationArgs],
    ) -> None:
        aws.budgets.Budget(
            f"{self.name}-{key}",
            budget_type="COST",
            limit_amount=f"{dollars:.2f}",
            limit_unit="USD",
            time_unit=unit,
            cost_filters=list(_filters(settings, self.context)),
            notifications=notifications,
            # Credits and refunds would make a month that costs money look free, and no alert would speak while they last.
            # https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CostTypes.html
            cost_types=aws.budgets.BudgetCostTypesArgs(include_credit=False, include_refund=False),
            opts=self.child(depends_on=self._after),
        )

    def _anomalies(self, settings: AnomalySettings, topic_arn: pulumi.Input[str]) -> None:
        monitor_arn = settings.monitor or self._monitor(settings)
        aws.costexplorer.AnomalySubscription(
            f"{self.name}-anomalies",
            frequency="IMMEDIATE",
            monitor_arn_lists=[monitor_arn],
            subscribers=[aws.costexplorer.AnomalySubscriptionSubscriberArgs(type="SNS", address=topic_arn)],
            threshold_expression=aws.costexplorer.AnomalySubscriptionThresholdExpressionArgs(
                dimension=aws.costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
                    key="ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                    match_options=["GREATER_THAN_OR_EQUAL"],
                    values=[str(settings.dollars)],
                )
            ),
            opts=self.child(depends_on=self._after),
        )

    def _monitor(self, settings: AnomalySettings) -> pulumi.Output[str]:
        """Return the ARN of the anomaly monitor: the account's services, or this platform's tag.
        https://docs.aws.amazon.com/cost-management/latest/userguide/getting-started-ad.html"""
        if settings.over == "services":
            return aws.costexplorer.AnomalyMonitor(
                f"{self.name}-services",
                monitor_type="DIMENSIONAL",
                monitor_dimension="SERVICE",
                opts=self.child(),
            ).arn
        return aws.costexplorer.AnomalyMonitor(
            f"{self.name}-anomalies",
            monitor_type="CUSTOM",
            monitor_specification=json.dumps(_tagged("user:platform", self.context.platform.name), sort_keys=True),
            opts=self.child(),
        ).arn


def _tagged(key: str, value: str) -> dict[str, object]:
    """Return the expression for a tag, as Cost Explorer says it back: with every member, those that are empty as
    null. The provider compares the whole, and a monitor whose expression differs is replaced.

    https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_Expression.html
    https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ce/testdata/tmpl/anomaly_monitor_tags.gtpl
    """
    empty = ("And", "CostCategories", "Dimensions", "Not", "Or")
    return {**dict.fromkeys(empty), "Tags": {"Key": key, "MatchOptions": None, "Values": [value]}}


@dataclass(frozen=True)
class _Told:
    """Who hears of it."""

    emails: tuple[str, ...]
    topic_arn: pulumi.Input[str]

    def when(self, kind: str, threshold: float, threshold_type: str) -> aws.budgets.BudgetNotificationArgs:
        return aws.budgets.BudgetNotificationArgs(
            comparison_operator="GREATER_THAN",
            notification_type=kind,
            threshold=threshold,
            threshold_type=threshold_type,
            subscriber_email_addresses=list(self.emails) or None,
            subscriber_sns_topic_arns=[self.topic_arn],
        )


def _filters(settings: BudgetSettings, context: Context) -> Iterator[aws.budgets.BudgetCostFilterArgs]:
    if settings.scope == "platform":
        yield aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:platform${context.platform.name}"])


def _monthly(settings: BudgetSettings, told: _Told) -> Iterator[aws.budgets.BudgetNotificationArgs]:
    for dollars in settings.alert_dollars:
        yield told.when("ACTUAL", dollars, "ABSOLUTE_VALUE")
    for share in settings.shares:
        yield told.when("ACTUAL", share, "PERCENTAGE")
    for share in settings.forecast_percent:
        yield told.when("FORECASTED", share, "PERCENTAGE")
