"""The process behind :func:`stand_in_account`: moto's server, and the few calls that it lacks and a second deployment needs.

What is added keeps what it is given and answers with it, in the words of AWS's API reference, no more.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.budgets.responses import BudgetsResponse
from moto.ce.responses import CostExplorerResponse
from moto.core.responses import ActionResult
from moto.rds.models import DBInstance, RDSBackend
from moto.rds.responses import RDSResponse
from moto.server import main

_monitors: dict[str, dict[str, Any]] = {}
_subscriptions: dict[str, dict[str, Any]] = {}
_tags_of_targets: dict[str, dict[str, str]] = {}
_tags_of_budgets: dict[str, list[dict[str, str]]] = {}
_create_db_instance_read_replica = RDSBackend.create_db_instance_read_replica
_create_budget = BudgetsResponse.create_budget
_register_scalable_target = ApplicationAutoScalingResponse.register_scalable_target


def _named(response: CostExplorerResponse, kind: str) -> str:
    """Return the ARN of a new thing, tagged as asked."""
    arn = f"arn:aws:ce::{response.current_account}:{kind}/{uuid.uuid4()}"
    response.ce_backend.tag_resource(arn, _asked(response).get("ResourceTags", []))
    return arn


def _asked(response: CostExplorerResponse) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(response.body)
    return asked


def create_anomaly_monitor(response: CostExplorerResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_CreateAnomalyMonitor.html"""
    arn = _named(response, "anomalymonitor")
    _monitors[arn] = {**_asked(response)["AnomalyMonitor"], "MonitorArn": arn}
    return json.dumps({"MonitorArn": arn})


def get_anomaly_monitors(response: CostExplorerResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetAnomalyMonitors.html"""
    return json.dumps({"AnomalyMonitors": _listed(_monitors, _asked(response).get("MonitorArnList"))})


def delete_anomaly_monitor(response: CostExplorerResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_DeleteAnomalyMonitor.html"""
    _monitors.pop(_asked(response)["MonitorArn"], None)
    return "{}"


def create_anomaly_subscription(response: CostExplorerResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_CreateAnomalySubscription.html"""
    arn = _named(response, "anomalysubscription")
    _subscriptions[arn] = {
        **_asked(response)["AnomalySubscription"],
        "SubscriptionArn": arn,
        "AccountId": response.current_account,
    }
    return json.dumps({"SubscriptionArn": arn})


def get_anomaly_subscriptions(response: CostExplorerResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_GetAnomalySubscriptions.html"""
    return json.dumps({"AnomalySubscriptions": _listed(_subscriptions, _asked(response).get("SubscriptionArnList"))})


def delete_anomaly_subscription(response: CostExplorerResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_DeleteAnomalySubscription.html"""
    _subscriptions.pop(_asked(response)["SubscriptionArn"], None)
    return "{}"


def register_scalable_target(response: ApplicationAutoScalingResponse) -> str:
    """Answer https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html"""
    answer = _register_scalable_target(response)
    arn = json.loads(answer)["ScalableTargetARN"]
    _tags_of_targets[arn] = {**_tags_of_targets.get(arn, {}), **(json.loads(response.body).get("Tags") or {})}
    return answer


def list_tags_of_target(response: ApplicationAutoScalingResponse) -> str:
    """Answer https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ListTagsForResource.html"""
    return json.dumps({"Tags": _tags_of_targets.get(json.loads(response.body)["ResourceARN"], {})})


def create_budget(response: BudgetsResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_CreateBudget.html"""
    asked = json.loads(response.body)
    name = asked["Budget"]["BudgetName"]
    _tags_of_budgets[f"arn:aws:budgets::{response.current_account}:budget/{name}"] = asked.get("ResourceTags") or []
    return _create_budget(response)


def update_budget(response: BudgetsResponse) -> str:
    """Answer https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_UpdateBudget.html"""
    asked = json.loads(response.body)
    response.backend.budgets[asked["AccountId"]][asked["NewBudget"]["BudgetName"]].budget.update(asked["NewBudget"])
    return "{}"


def add_source_to_subscription(response: RDSResponse) -> ActionResult:
    """Answer https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AddSourceIdentifierToSubscription.html"""
    subscription = response.backend.event_subscriptions[response.params["SubscriptionName"]]
    subscription.source_ids = [*subscription.source_ids, response.params["SourceIdentifier"]]
    return ActionResult({"EventSubscription": subscription})


def remove_source_from_subscription(response: RDSResponse) -> ActionResult:
    """Answer https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RemoveSourceIdentifierFromSubscription.html"""
    subscription = response.backend.event_subscriptions[response.params["SubscriptionName"]]
    gone = response.params["SourceIdentifier"]
    subscription.source_ids = [one for one in subscription.source_ids if one != gone]
    return ActionResult({"EventSubscription": subscription})


def list_tags_of_budget(response: BudgetsResponse) -> str:
    """Answer
    https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_ListTagsForResource.html"""
    return json.dumps({"ResourceTags": _tags_of_budgets.get(json.loads(response.body)["ResourceARN"], [])})


def describe_subscribers_for_notification(response: BudgetsResponse) -> str:
    """Answer
    https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_budgets_DescribeSubscribersForNotification.html"""
    asked = json.loads(response.body)
    budget = response.backend.budgets[asked["AccountId"]][asked["BudgetName"]]
    told = (one.subscribers for one in budget.notifications if one.details == asked["Notification"])
    return json.dumps({"Subscribers": [subscriber for subscribers in told for subscriber in subscribers]})


def create_db_instance_read_replica(backend: RDSBackend, asked: dict[str, Any]) -> DBInstance:
    """Give a replica what moto copies from its source: an id of its own, by which AWS's provider finds it, and no backups.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html,
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ReadRepl.html
    """
    replica = _create_db_instance_read_replica(backend, asked)
    replica.dbi_resource_id = f"db-{uuid.uuid4().hex.upper()[:26]}"
    replica.backup_retention_period = int(asked.get("backup_retention_period") or 0)
    return replica


def _listed(there: Mapping[str, dict[str, Any]], asked: list[str] | None) -> list[dict[str, Any]]:
    return [thing for arn, thing in there.items() if not asked or arn in asked]


_ADDED: dict[type, dict[str, Callable[..., Any]]] = {
    ApplicationAutoScalingResponse: {
        "register_scalable_target": register_scalable_target,
        "list_tags_for_resource": list_tags_of_target,
    },
    BudgetsResponse: {
        "create_budget": create_budget,
        "update_budget": update_budget,
        "list_tags_for_resource": list_tags_of_budget,
        "describe_subscribers_for_notification": describe_subscribers_for_notification,
    },
    RDSBackend: {"create_db_instance_read_replica": create_db_instance_read_replica},
    RDSResponse: {
        "add_source_identifier_to_subscription": add_source_to_subscription,
        "remove_source_identifier_from_subscription": remove_source_from_subscription,
    },
    CostExplorerResponse: {
        "create_anomaly_monitor": create_anomaly_monitor,
        "get_anomaly_monitors": get_anomaly_monitors,
        "delete_anomaly_monitor": delete_anomaly_monitor,
        "create_anomaly_subscription": create_anomaly_subscription,
        "get_anomaly_subscriptions": get_anomaly_subscriptions,
        "delete_anomaly_subscription": delete_anomaly_subscription,
    },
}
for _responses, _calls in _ADDED.items():
    for _name, _call in _calls.items():
        setattr(_responses, _name, _call)


def end_with_parent() -> None:
    """End when whoever started this process does, also where it was killed: nobody else would end it."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    host, port = sys.argv[1:]
    threading.Thread(target=end_with_parent, daemon=True).start()
    main(["-H", host, "-p", port])
