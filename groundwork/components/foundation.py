"""What every component stands on: the account, keys, whom alarms tell, how logs are kept. Of a platform and of other programs."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pulumi
import pulumi_aws as aws
from pydantic import ValidationError

from groundwork.components.context import Alerting, Context, Logging
from groundwork.components.keys import Keys
from groundwork.components.messaging.alerts import Alerts
from groundwork.components.observability.settings import ObservabilitySettings
from groundwork.components.platform.settings import PlatformSettings
from groundwork.settings.base import Stage
from groundwork.settings.mistakes import one_of


def foundation(
    platform: PlatformSettings | None,
    *,
    region: str | None,
    observability: ObservabilitySettings | None,
    opts: pulumi.ResourceOptions | None,
) -> Context:
    """Create keys and topics, and return the context that holds them; see :meth:`Context.create`."""
    platform = platform or _of_the_stack()
    region = region or pulumi.Config("aws").get("region")
    if region is None:
        raise pulumi.RunError(
            "aws:region is missing; set it (pulumi config set aws:region eu-central-1), or give region="
        )
    provider = opts.provider if opts else None
    caller = aws.get_caller_identity_output(opts=pulumi.InvokeOptions(provider=provider))
    context = replace(Context.starting(platform, region), account_id=caller.account_id)
    context = replace(context, key_arns=Keys(f"{platform.name}-keys", context, opts=opts).arns)
    observed = observability or ObservabilitySettings()
    alerting, _ = alerting_of(platform.name, observed, context, opts=opts)
    return replace(context, alerting=alerting, logging=Logging(context.key_arn("logs"), observed.retention))


def _of_the_stack() -> PlatformSettings:
    """Return what project and stack are called as name and stage."""
    stage = pulumi.get_stack()
    if stage not in get_args(Stage):
        raise pulumi.RunError(
            f'the stack is called "{stage}", which is no stage; give PlatformSettings(name=…, stage=…) with {one_of(get_args(Stage))}'
        )
    try:
        return PlatformSettings.model_validate({"name": pulumi.get_project(), "stage": stage})
    except ValidationError as error:
        said = error.errors(include_url=False)[0]["msg"]
        raise pulumi.RunError(
            f'the project\'s name "{pulumi.get_project()}" {said}; give PlatformSettings(name=…, stage=…)'
        ) from None


def alerting_of(
    name: str,
    observed: ObservabilitySettings,
    context: Context,
    *,
    rules: bool = False,
    opts: pulumi.ResourceOptions | None = None,
) -> tuple[Alerting, list[Alerts]]:
    """Create the topic for notices, and one for pages where somebody is named for them.

    ``rules``: something speaks to the topic for notices by rules of EventBridge.
    """
    topics = {
        key: Alerts(f"{name}-{key}", audience.emails, context=context, rules=rules and key == "alerts", opts=opts)
        for key, audience in (("alerts", observed.alerts.notice), ("pages", observed.alerts.page))
        if audience is not None
    }
    pages = topics.get("pages")
    alerting = Alerting(topics["alerts"].topic_arn, observed, pages.topic_arn if pages else None)
    return alerting, list(topics.values())
