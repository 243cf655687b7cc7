"""What is watched and recorded: trails, alarms, event subscriptions, threat detection."""

from __future__ import annotations

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.dependents import dependents
from guardrails.per_stack import per_stack
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Node, Resource

_EVENTS = {
    "db-instance": {"maintenance", "configuration change", "failure"},
    "db-cluster": {"maintenance", "failure"},
    "db-parameter-group": {"configuration change"},
    "db-security-group": {"configuration change", "failure"},
}
"""Categories that RDS.19 to RDS.22 ask a subscription of each source type for."""
_FEATURES = {
    "EKS_AUDIT_LOGS": "the audit logs of Kubernetes",
    "LAMBDA_NETWORK_LOGS": "the traffic of functions",
    "EBS_MALWARE_PROTECTION": "malware on disks",
    "RDS_LOGIN_EVENTS": "logins to databases",
    "S3_DATA_EVENTS": "access to objects",
    "RUNTIME_MONITORING": "what servers and containers run",
}
_AGENTS = ("EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT")


@resource_rule(
    "Trails record every region",
    "high",
    kinds.CLOUDTRAIL,
    ids=("fsbp:CloudTrail.1", "checkov:CKV_AWS_67", "cis:v3.0.0/3.1"),
    why="Stolen credentials are used where nobody looks.",
    fix="Set isMultiRegionTrail to true and leave includeGlobalServiceEvents on.",
)
def trail_every_region(trail: Resource) -> Messages:
    if not trail.truth("isMultiRegionTrail"):
        yield "it records one region only (isMultiRegionTrail)"
    if not trail.truth("includeGlobalServiceEvents"):
        yield "it leaves out IAM and other global services (includeGlobalServiceEvents)"


@resource_rule(
    "Trails are switched on",
    "high",
    kinds.CLOUDTRAIL,
    ids=("checkov:CKV_AWS_251",),
    why="A trail that is off looks like one that is on until its records are needed.",
    fix="Remove enableLogging: false.",
)
def trail_on(trail: Resource) -> Messages:
    if not trail.truth("enableLogging"):
        yield "it records nothing (enableLogging)"


@resource_rule(
    "Trails are encrypted with a customer-managed key",
    "medium",
    kinds.CLOUDTRAIL,
    ids=("fsbp:CloudTrail.2", "checkov:CKV_AWS_35", "cis:v3.0.0/3.5"),
    why="Who reads the record of everything should be decided by a key of one's own.",
    fix="Name an aws.kms.Key in kmsKeyId whose policy lets CloudTrail use it.",
    levels=ADVISORY_IN_DEV,
)
def trail_customer_key(trail: Resource) -> Messages:
    if not names_customer_key(trail, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


@resource_rule(
    "Trails can be proved unchanged",
    "low",
    kinds.CLOUDTRAIL,
    ids=("fsbp:CloudTrail.4", "checkov:CKV_AWS_36", "cis:v3.0.0/3.2"),
    why="An attacker who can write to the bucket could otherwise take his own traces out.",
    fix="Set enableLogFileValidation to true.",
)
def trail_validated(trail: Resource) -> Messages:
    if not trail.truth("enableLogFileValidation"):
        yield "a changed record would not be noticed (enableLogFileValidation)"


@resource_rule(
    "Trails also go to CloudWatch",
    "low",
    kinds.CLOUDTRAIL,
    ids=("fsbp:CloudTrail.5", "checkov:CKV2_AWS_10"),
    why="Only there an alarm can ring within minutes of a root login.",
    fix="Set cloudWatchLogsGroupArn and cloudWatchLogsRoleArn.",
)
def trail_to_cloudwatch(trail: Resource) -> Messages:
    if not trail.has("cloudWatchLogsGroupArn"):
        yield "no alarm can see it (cloudWatchLogsGroupArn)"


@stack_rule(
    "Alarms tell somebody",
    "medium",
    kinds.METRIC_ALARM,
    ids=("securityhub:CloudWatch.15",),
    why="An alarm without an action is a line in a console that nobody has open.",
    fix="Name a topic in alarmActions, or use the alarm in a composite alarm that has one.",
    levels=ADVISORY_IN_DEV,
)
def alarm_has_action(alarm: Resource, stack: Stack) -> Messages:
    if any(alarm.has(path) for path in ("alarmActions", "okActions", "insufficientDataActions")):
        return
    if any(True for _ in dependents(alarm, stack, kinds.COMPOSITE_ALARM)):
        return
    if not any(name in _composite_rules(stack) for name in alarm.names):
        yield "nobody hears of it (alarmActions)"


@per_stack
def _composite_rules(stack: Stack) -> str:
    composites = [one for one in stack.of_type(kinds.COMPOSITE_ALARM) if one.known("alarmRule")]
    return "\n".join(str(one.get("alarmRule", "")) for one in composites)


@resource_rule(
    "Alarms are not muted for good",
    "medium",
    kinds.METRIC_ALARM,
    kinds.COMPOSITE_ALARM,
    ids=("checkov:CKV_AWS_319", "securityhub:CloudWatch.17"),
    why="An alarm that was muted for one night stays muted when the line stays in the program.",
    fix="Remove actionsEnabled: false; mute for a time with an aws.cloudwatch.AlarmMuteRule.",
    levels=ADVISORY_IN_DEV,
)
def alarm_enabled(alarm: Resource) -> Messages:
    if not alarm.truth("actionsEnabled"):
        yield "its actions are off (actionsEnabled)"


@stack_rule(
    "Production databases have an alarm",
    "low",
    kinds.DB_INSTANCE,
    ids=(),
    why="A full disk stops the database; it fills for days before, and nobody looks.",
    fix="Declare an aws.cloudwatch.MetricAlarm on FreeStorageSpace and CPUUtilization with the instance's identifier.",
    stages=ONLY_PRODUCTION,
)
def database_alarmed(database: Resource, stack: Stack) -> Messages:
    if any(True for _ in dependents(database, stack, kinds.METRIC_ALARM)):
        return
    names = {*database.names, str(database.outputs.get("identifier") or database.name)}
    if not names & _watched_databases(stack):
        yield "no alarm watches it"


@per_stack
def _watched_databases(stack: Stack) -> set[str]:
    alarms = [alarm for alarm in stack.of_type(kinds.METRIC_ALARM) if alarm.known("dimensions")]
    return {str(alarm.get("dimensions.DBInstanceIdentifier", "")) for alarm in alarms} - {""}


@resource_rule(
    "Database notifications leave out nothing that matters",
    "low",
    kinds.DB_EVENTS,
    ids=("fsbp:RDS.19", "fsbp:RDS.20", "fsbp:RDS.22"),
    why="A subscription that leaves out failures is silent when it should not be.",
    fix="Remove eventCategories, or list maintenance, failure and configuration change; leave enabled on.",
)
def database_events_complete(subscription: Resource) -> Messages:
    if not subscription.truth("enabled"):
        yield "it is switched off (enabled)"
    wanted = _EVENTS.get(str(subscription.get("sourceType", "")), set())
    listed = set(subscription.strings("eventCategories"))
    if listed and wanted - listed:
        yield f"it leaves out {', '.join(sorted(wanted - listed))} (eventCategories)"


@stack_rule(
    "Somebody hears when a parameter group changes",
    "low",
    kinds.DB_PARAMETERS,
    ids=("fsbp:RDS.21",),
    why="One parameter turns TLS or the audit log off for every database of the group.",
    fix='Declare an aws.rds.EventSubscription with sourceType "db-parameter-group".',
)
def database_parameters_watched(group: Resource, stack: Stack) -> Messages:
    heard = any(
        subscription.get("sourceType", "db-parameter-group") == "db-parameter-group"
        for subscription in stack.of_type(kinds.DB_EVENTS)
    )
    if not heard:
        yield "no event subscription reports changes of parameter groups"


@stack_rule(
    "Threat detection looks everywhere",
    "medium",
    kinds.DETECTOR,
    ids=(
        "fsbp:GuardDuty.5",
        "fsbp:GuardDuty.6",
        "fsbp:GuardDuty.7",
        "fsbp:GuardDuty.8",
        "fsbp:GuardDuty.9",
        "fsbp:GuardDuty.10",
        "fsbp:GuardDuty.11",
        "fsbp:GuardDuty.12",
        "fsbp:GuardDuty.13",
    ),
    why="Attackers go where the detector does not look.",
    fix="Declare an aws.guardduty.DetectorFeature with status ENABLED for each feature.",
    levels=ADVISORY_IN_DEV,
)
def detector_features(detector: Resource, stack: Stack) -> Messages:
    if not detector.truth("enable", default=True):
        yield "it is switched off (enable)"
    on: set[str] = set()
    for feature in stack.referrers(detector, "detectorId", kinds.DETECTOR_FEATURE):
        on |= {str(one.get("name")) for one in [feature, *feature.items("additionalConfigurations")] if _enabled(one)}
    for name, words in _FEATURES.items():
        if name not in on:
            yield f"it does not watch {words} ({name})"
    agents = [name for name in _AGENTS if name not in on]
    if "RUNTIME_MONITORING" in on and agents:
        yield f"runtime monitoring leaves out {', '.join(agents)}"


def _enabled(feature: Node) -> bool:
    return bool(feature.get("status") == "ENABLED")


@stack_rule(
    "Somebody hears when a production database fails",
    "low",
    kinds.DB_INSTANCE,
    ids=(),
    why="A failover, a full disk and a maintenance that is due are announced once, to those who subscribed.",
    fix='Declare an aws.rds.EventSubscription with sourceType "db-instance" and a topic.',
    stages=ONLY_PRODUCTION,
)
def database_events_heard(database: Resource, stack: Stack) -> Messages:
    if not any(
        one.get("sourceType", "db-instance") == "db-instance"
        and (not one.has("sourceIds") or database in stack.targets(one, "sourceIds", kinds.DB_INSTANCE))
        for one in stack.of_type(kinds.DB_EVENTS)
    ):
        yield "no event subscription reports on it"


_SCANS = {"EC2", "ECR", "LAMBDA", "LAMBDA_CODE"}
_AUTO_SCANS = ("ec2", "ecr", "lambda", "lambdaCode")


@resource_rule(
    "Inspector looks for holes in servers, images and functions",
    "high",
    kinds.INSPECTOR,
    kinds.INSPECTOR_ORGANISATION,
    ids=("fsbp:Inspector.1", "fsbp:Inspector.2", "fsbp:Inspector.3", "fsbp:Inspector.4"),
    why="A library with a known hole is found by machines within days of its publication.",
    fix="List EC2, ECR, LAMBDA and LAMBDA_CODE in resourceTypes (of an organisation: all of autoEnable).",
    levels=ADVISORY_IN_DEV,
)
def inspector_scans_all(enabler: Resource) -> Messages:
    if enabler.type == kinds.INSPECTOR_ORGANISATION:
        missing = [name for name in _AUTO_SCANS if not enabler.truth(f"autoEnable.{name}")]
    else:
        missing = sorted(_SCANS - set(enabler.strings("resourceTypes")))
    if missing:
        yield f"it does not look at {', '.join(missing)}"
