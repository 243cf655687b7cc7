"""What the primary and its replicas have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement, policy_document, trust_policy
from groundwork.components.base import Component, fit
from groundwork.components.data.settings import DataSettings
from groundwork.components.logs import log_group
from groundwork.settings.base import window_in_utc

LOGS = ("postgresql", "upgrade")
"""https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html"""

_PARAMETERS: Mapping[str, str] = {
    "log_lock_waits": "1",
    "log_min_duration_statement": "1000",
    "log_statement": "ddl",
    "log_temp_files": "10240",
}
"""Slow statements (1 s), schema changes, waits and sorts that spill over 10 MiB."""

_FORCED: Mapping[str, str] = {"rds.force_ssl": "1"}


@dataclass(frozen=True)
class InstanceShape:
    """Settings and resources that every instance of one database shares."""

    parent: Component
    settings: DataSettings
    identifier: str
    """The primary's name in RDS; a replica's starts with it."""

    parameter_group: aws.rds.ParameterGroup
    replicas_parameter_group: aws.rds.ParameterGroup
    """Another one while the primary is being upgraded to the next major version."""
    monitoring_role: aws.iam.Role | None

    @property
    def _is_protected(self) -> bool:
        """Tell whether deletion is refused. A stack file is told by its stage; a program that says nothing means it in prod."""
        if "deletion_protection" in self.settings.model_fields_set:
            return self.settings.deletion_protection
        return self.parent.context.is_prod

    def arguments(
        self, identifier: str, key: str, parameter_group: aws.rds.ParameterGroup
    ) -> tuple[dict[str, Any], list[pulumi.Resource]]:
        """Return an instance's arguments, and the log groups that must exist before it: RDS would make its log groups
        itself, without a key and for ever."""
        settings, storage = self.settings, self.settings.storage
        groups = [log_group(self.parent, f"{key}-{log}", f"/aws/rds/instance/{identifier}/{log}") for log in LOGS]
        arguments: dict[str, Any] = {
            "identifier": identifier,
            "apply_immediately": settings.apply_immediately,
            "auto_minor_version_upgrade": True,
            "ca_cert_identifier": settings.ca_certificate,
            "copy_tags_to_snapshot": True,
            "database_insights_mode": "standard",
            "deletion_protection": self._is_protected and self.parent.context.platform.removable is not True,
            "enabled_cloudwatch_logs_exports": list(LOGS),
            "iam_database_authentication_enabled": settings.iam_authentication,
            "iops": storage.iops,
            "maintenance_window": window_in_utc(settings.maintenance_window, self.parent.context.platform.timezone),
            "max_allocated_storage": storage.max,
            "monitoring_interval": settings.monitoring_interval,
            "parameter_group_name": parameter_group.name,
            "performance_insights_enabled": settings.insights,
            "publicly_accessible": False,
            "storage_encrypted": True,
            "storage_throughput": storage.throughput,
            "storage_type": "gp3",
        }
        if settings.insights:
            arguments |= {
                "performance_insights_kms_key_id": self.parent.context.key_arn("data"),
                "performance_insights_retention_period": 7,
            }
        if self.monitoring_role is not None:
            arguments["monitoring_role_arn"] = self.monitoring_role.arn
        return arguments, list(groups)


def identifier_of(parent: Component, replica: str = "") -> str:
    """Return an instance's fixed identifier: log groups must carry it before the instance exists, and a second instance
    cannot take it, so that nothing replaces a database unseen."""
    stage = parent.context.platform.stage
    return fit("-".join(part for part in (parent.name, stage, replica) if part), 63)


def parameter_group(parent: Component, settings: DataSettings, major_version: str) -> aws.rds.ParameterGroup:
    """Create a parameter group named after its family: a major upgrade makes the next one beside it before the old one
    goes."""
    family = f"postgres{major_version}"
    own = {**_PARAMETERS, **_limits(settings), **settings.parameters, **_FORCED}
    return aws.rds.ParameterGroup(
        f"{parent.name}-{family}",
        family=family,
        description=f"{parent.name}: {family}, TLS forced",
        parameters=[
            aws.rds.ParameterGroupParameterArgs(
                name=name,
                value=value,
                # Static parameters take nothing else, and only those of the stack file can be static.
                apply_method="pending-reboot" if name in settings.parameters else "immediate",
            )
            for name, value in sorted(own.items())
        ],
        opts=parent.child(),
    )


def _limits(settings: DataSettings) -> dict[str, str]:
    """Return the parameters for time limits, in milliseconds:
    https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-STATEMENT-TIMEOUT"""
    return {} if settings.statement_timeout is None else {"statement_timeout": str(settings.statement_timeout * 1000)}


def monitoring_role(parent: Component, identifier: str) -> aws.iam.Role:
    """Create the role for enhanced monitoring, which writes to one log group that all of an account's databases
    share, and that RDS makes.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
    """
    context = parent.context
    group = context.arn("logs", "log-group:RDSOSMetrics")
    # Asked for with a stream's empty name behind it.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    itself = pulumi.Output.concat(group, ":*")
    role = aws.iam.Role(
        f"{parent.name}-monitoring",
        description="RDS enhanced monitoring",
        assume_role_policy=trust_policy(
            "monitoring.rds.amazonaws.com", context.account_id, context.arn("rds", f"db:{identifier}*")
        ),
        opts=parent.child(),
    )
    aws.iam.RolePolicy(
        f"{parent.name}-monitoring",
        role=role.name,
        policy=policy_document(
            [
                Statement("CreateLogGroup", ["logs:CreateLogGroup", "logs:PutRetentionPolicy"], [itself]),
                Statement(
                    "Streams",
                    ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"],
                    [pulumi.Output.concat(group, ":log-stream:*")],
                ),
            ]
        ),
        opts=parent.child(),
    )
    return role
