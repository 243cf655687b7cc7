"""Budget alerts, cost anomaly detection, cost-allocation tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pulumi
import pulumi_aws as aws

from components.base import Component, Foundation
from settings.models.budget import BudgetSettings

_COST_ALLOCATION_TAGS = ("platform", "stage", "layer")


class Budget(Component):
    """AWS Budgets with alerts on actual and forecast cost, and cost anomaly detection.

    Builds: a monthly cost budget, its notifications, an anomaly monitor over the platform's tag with a subscription, and by
    setting the cost-allocation tags.

    Cost: two budgets are free in an account, each further one is $0.02 a day; anomaly detection is free.

    Fails: cost-allocation tags that no bill has seen yet are refused ("Tag keys not found"): see ``activate_tags``. Budgets
    look at cost several times a day, so an alert may come hours late.

    Changes without replacement: amount, thresholds, addresses.
    """

    layer = "budget"

    def __init__(
        self,
        name: str,
        settings: BudgetSettings,
        *,
        foundation: Foundation,
        emails: Sequence[str],
        topic_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, foundation, opts)
        aws.budgets.Budget(
            f"{name}-monthly",
            budget_type="COST",
            limit_amount=f"{settings.monthly:.2f}",
            limit_unit="USD",
            time_unit="MONTHLY",
            cost_filters=list(_filters(settings, foundation)),
            notifications=list(_notifications(settings, emails, topic_arn)),
            opts=self.child(),
        )
        if settings.anomalies:
            self._anomalies(settings.anomalies.dollars, topic_arn)
        if settings.activate_tags:
            for key in _COST_ALLOCATION_TAGS:
                aws.costexplorer.CostAllocationTag(
                    f"{name}-{key}", tag_key=key, status="Active", opts=self.child(retain_on_delete=True)
                )
        self.register_outputs({})

    def _anomalies(self, dollars: int, topic_arn: pulumi.Input[str]) -> None:
        tag = {"Key": "platform", "Values": [self.foundation.platform.name]}
        monitor = aws.costexplorer.AnomalyMonitor(
            f"{self.name}-anomalies",
            monitor_type="CUSTOM",
            monitor_specification=json.dumps({"Tags": tag}, sort_keys=True),
            opts=self.child(),
        )
        aws.costexplorer.AnomalySubscription(
            f"{self.name}-anomalies",
            frequency="IMMEDIATE",
            monitor_arn_lists=[monitor.arn],
            subscribers=[aws.costexplorer.AnomalySubscriptionSubscriberArgs(type="SNS", address=topic_arn)],
            threshold_expression=aws.costexplorer.AnomalySubscriptionThresholdExpressionArgs(
                dimension=aws.costexplorer.AnomalySubscriptionThresholdExpressionDimensionArgs(
                    key="ANOMALY_TOTAL_IMPACT_ABSOLUTE", match_options=["GREATER_THAN_OR_EQUAL"], values=[str(dollars)]
                )
            ),
            opts=self.child(),
        )


def _filters(settings: BudgetSettings, foundation: Foundation) -> Iterator[aws.budgets.BudgetCostFilterArgs]:
    if settings.scope == "platform":
        yield aws.budgets.BudgetCostFilterArgs(name="TagKeyValue", values=[f"user:platform${foundation.platform.name}"])


def _notifications(
    settings: BudgetSettings, emails: Sequence[str], topic_arn: pulumi.Input[str]
) -> Iterator[aws.budgets.BudgetNotificationArgs]:
    for kind, thresholds in (("ACTUAL", settings.actual_percent), ("FORECASTED", settings.forecast_percent)):
        for threshold in thresholds:
            yield aws.budgets.BudgetNotificationArgs(
                comparison_operator="GREATER_THAN",
                notification_type=kind,
                threshold=threshold,
                threshold_type="PERCENTAGE",
                subscriber_email_addresses=list(emails) or None,
                subscriber_sns_topic_arns=[topic_arn],
            )
