"""Messages to phones: SNS platform applications for Apple and Google."""

from __future__ import annotations

from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Statement, policy_document, trust_policy
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.logs import log_group
from groundwork.components.messaging.settings import PushSettings
from groundwork.components.secrets.secret import revealed
from groundwork.settings.base import Sealed


@dataclass(frozen=True)
class _Application:
    """One platform application as SNS names things."""

    platform: str
    credential: Sealed
    principal: Sealed | None = None
    apple: dict[str, str] = field(default_factory=dict)


class Push(Component):
    """A platform application for each phone system that has credentials.

    Builds: application by Apple's signing key (APNs, or its sandbox) and by Google's service account (FCM HTTP v1), one role
    for delivery reports, log groups for what was delivered and what failed. Credentials are sealed in the stack file and
    secret in the state; SNS never gives them back.

    Cost: the first million messages a month are free, then $0.50 per million; logs by gigabyte. Only a sample of the
    successes is logged (``success_sample_percent``), every failure.

    Fails: an application that SNS turns off (``Enabled`` false) has an expired or withdrawn key; the failure log names the
    reason for each device.

    Changes without replacement: credentials, sample. Another bundle's application is another one, and devices register again.
    """

    layer = "messaging"

    application_arns: dict[str, pulumi.Output[str]]
    """``ios``, ``android`` → application."""

    def __init__(
        self,
        name: str,
        settings: PushSettings,
        context: Context,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        role = aws.iam.Role(
            f"{name}-feedback",
            description="SNS reports deliveries to phones",
            assume_role_policy=trust_policy("sns.amazonaws.com", context.account_id),
            opts=self.child(),
        )
        self._kinds = _applications(settings)
        self.application_arns = {}
        groups: list[pulumi.Output[str]] = []
        for key, application in self._kinds.items():
            fixed = self._application_name(key)
            # https://docs.aws.amazon.com/sns/latest/dg/topics-attrib.html
            path = pulumi.Output.concat(
                f"sns/{context.region}/", context.account_id, f"/app/{application.platform}/{fixed}"
            )
            groups.append(log_group(self, f"{key}-delivered", path).arn)
            groups.append(log_group(self, f"{key}-failed", pulumi.Output.concat(path, "/Failure")).arn)
            self.application_arns[key] = self._application(key, application, role.arn, settings.success_sample_percent)
        aws.iam.RolePolicy(
            f"{name}-feedback",
            role=role.name,
            policy=policy_document(
                [
                    Statement(
                        "Reports",
                        ["logs:CreateLogStream", "logs:PutLogEvents"],
                        [pulumi.Output.concat(group, ":log-stream:*") for group in groups],
                    )
                ]
            ),
            opts=self.child(),
        )
        self.register_outputs({"applicationArns": self.application_arns})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``send``: to register devices and to send to them."""
        endpoints = [
            self.context.arn("sns", f"endpoint/{application.platform}/{self._application_name(key)}/*")
            for key, application in self._kinds.items()
        ]
        devices = ["sns:DeleteEndpoint", "sns:GetEndpointAttributes", "sns:Publish", "sns:SetEndpointAttributes"]
        return Grant(
            statements=[
                Statement("PushRegister", ["sns:CreatePlatformEndpoint"], list(self.application_arns.values())),
                Statement("PushSend", devices, endpoints),
            ],
            environment={f"PUSH_{key.upper()}_ARN": arn for key, arn in self.application_arns.items()},
        )

    def _application_name(self, key: str) -> str:
        """Return an application's fixed name: log groups and the devices' ARNs carry it."""
        return f"{self.name}-{self.context.platform.stage}-{key}"

    def _application(
        self, key: str, application: _Application, role_arn: pulumi.Output[str], sample: int
    ) -> pulumi.Output[str]:
        made = aws.sns.PlatformApplication(
            f"{self.name}-{key}",
            name=self._application_name(key),
            platform=application.platform,
            platform_credential=revealed(application.credential),
            platform_principal=None if application.principal is None else revealed(application.principal),
            apple_platform_bundle_id=application.apple.get("bundle"),
            apple_platform_team_id=application.apple.get("team"),
            failure_feedback_role_arn=role_arn,
            success_feedback_role_arn=role_arn,
            success_feedback_sample_rate=str(sample),
            opts=self.stateful(),
        )
        return made.arn


def _applications(settings: PushSettings) -> dict[str, _Application]:
    applications = {}
    if settings.ios:
        applications["ios"] = _Application(
            "APNS_SANDBOX" if settings.ios.sandbox else "APNS",
            settings.ios.signing_key,
            settings.ios.key_id,
            {"bundle": settings.ios.bundle_id, "team": settings.ios.team_id},
        )
    if settings.android:
        applications["android"] = _Application("GCM", settings.android.service_account)
    return applications
