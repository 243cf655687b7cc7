"""The launch lists of the reference systems as one table, and how each line of it is answered."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.checklist.model import Answer, AnsweredQuestion, Facts, Question, no, unknown, yes
from groundwork.operations.databases import find_database
from groundwork.operations.durations import lasting
from groundwork.operations.errors import OperationError, UnreachableError
from groundwork.operations.loadtest.files import newest_report
from groundwork.operations.restoring.copies import COPY_SUFFIX
from groundwork.operations.restoring.report import FOLDER as REPORTS
from groundwork.operations.restoring.report import newest_passed
from groundwork.preview.snapshot import Resource
from groundwork.settings.images import NOTHING, images_path

_DATABASE = "aws:rds/instance:Instance"
_CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
_ALARMS = ("aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm")
_RESTORES = ("RestoreDBInstanceFromDBSnapshot", "RestoreDBInstanceToPointInTime")
_OFFLINE = "only the account knows (--offline)"
_REMEMBERED = datetime.timedelta(days=90)
_LEAST_BACKUP_DAYS = 7
_LATE = datetime.timedelta(minutes=30)
"""RDS copies its log to S3 every five minutes:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIT.html"""


def answered(facts: Facts) -> list[AnsweredQuestion]:
    """Answer every line. What the account refuses to say is unknown, with the refusal; UnreachableError where it says nothing at all."""
    return [AnsweredQuestion(question, _answer(question, facts)) for question in QUESTIONS]


def _answer(question: Question, facts: Facts) -> Answer:
    try:
        return question.answer(facts)
    except UnreachableError:
        raise
    except OperationError as error:
        return unknown(str(error))


def _primary(facts: Facts) -> Resource | None:
    found = facts.all_of(_DATABASE)
    return next((one for one in found if not one.inputs.get("replicateSourceDb")), None)


def _up(account: StackAccount) -> str:
    return f"pulumi up --stack {account.stack.name}"


def _multi_az(facts: Facts) -> Answer:
    primary = _primary(facts)
    if primary is None:
        return no("the stack builds no database")
    if not primary.inputs.get("multiAz"):
        return no(f"{primary.inputs['identifier']} stands in one zone")
    if facts.account is None:
        return yes("the stack file says so")
    found = find_database(facts.account, primary.inputs["identifier"])
    if found is None:
        return no(f"{primary.inputs['identifier']} is not in the account", _up(facts.account))
    zones = f"{found.get('AvailabilityZone')} and {found.get('SecondaryAvailabilityZone') or 'another'}"
    return (
        yes(f"it stands in {zones}")
        if found["MultiAZ"]
        else no("the stack file says so, and the account does not have it yet")
    )


def _replicas(facts: Facts) -> Answer:
    found = [one.inputs["identifier"] for one in facts.all_of(_DATABASE) if one.inputs.get("replicateSourceDb")]
    if not found:
        return no("the database has no replica")
    if facts.account is None:
        return yes(f"{len(found)}: {', '.join(found)}")
    there = {name: find_database(facts.account, name) for name in found}
    silent = [name for name, one in there.items() if one is None or one["DBInstanceStatus"] != "available"]
    return no(f"not available: {', '.join(silent)}") if silent else yes(f"available: {', '.join(found)}")


def _cluster_mode(facts: Facts) -> Answer:
    found = facts.all_of(_CACHE)
    if not found:
        return no("the stack builds no cache")
    shards = max(int(one.inputs.get("numNodeGroups") or 1) for one in found)
    return yes(f"{shards} shards") if shards > 1 else no("one shard")


def _failover(facts: Facts) -> Answer:
    found = facts.all_of(_CACHE)
    if not found:
        return no("the stack builds no cache")
    return (
        yes("a replica takes over")
        if all(one.inputs.get("automaticFailoverEnabled") for one in found)
        else no("one node")
    )


def _cdn(facts: Facts) -> Answer:
    found = facts.all_of("aws:cloudfront/distribution:Distribution")
    return yes(_counted(len(found), "distribution")) if found else no("nothing stands before the origin")


def _autoscaling(facts: Facts) -> Answer:
    services = facts.settings.services
    fixed = [name for name, one in services.items() if one.scaling.min == one.scaling.max and not one.singleton]
    if not services:
        return no("the stack runs no services")
    if facts.settings.compute and facts.settings.compute.copies_are_instances:
        capacity = facts.settings.compute.capacity
        between = f"{capacity.min} to {capacity.max} instances"
        return yes(between) if capacity.min < capacity.max else no(between)
    return (
        no(f"always as many copies: {', '.join(fixed)}")
        if fixed
        else yes(
            "; ".join(
                f"{name} {one.scaling.min} to {one.scaling.max}" for name, one in services.items() if not one.singleton
            )
        )
    )


def _alarms(facts: Facts) -> Answer:
    told = [
        one
        for one in facts.all_of(*_ALARMS)
        if any(":sns:" in str(arn) for arn in one.inputs.get("alarmActions") or ())
    ]
    if not told:
        return no("no alarm tells anybody")
    if facts.resources is None:
        return yes(f"{len(told)} alarms tell somebody")
    absent = [one.name for one in told if facts.resources.arn(one) is None]
    if absent:
        return no(f"{len(absent)} of {len(told)} are not in the account", _up(facts.resources.account))
    return yes(f"{len(told)} alarms tell somebody")


def _subscribers(facts: Facts) -> Answer:
    wanted = facts.all_of("aws:sns/topicSubscription:TopicSubscription")
    slack = facts.all_of("aws:chatbot/slackChannelConfiguration:SlackChannelConfiguration")
    if not wanted and not slack:
        return no("nobody is subscribed")
    if facts.resources is None:
        return unknown(f"a subscription by mail counts when it is confirmed; {_OFFLINE}")
    pending: list[str] = []
    confirmed = len(slack)
    sns = facts.resources.account.client("sns")
    for topic in facts.all_of("aws:sns/topic:Topic"):
        arn = facts.resources.arn(topic)
        if arn is None or not any(topic.urn in one.dependencies for one in wanted):
            continue
        with plain_errors("asking who is subscribed to alarms"):
            pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
            found = [one for page in pages for one in page["Subscriptions"]]
        # An unconfirmed one has a word in place of its ARN:
        # https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
        pending += [one["Endpoint"] for one in found if not one["SubscriptionArn"].startswith("arn:")]
        confirmed += sum(one["SubscriptionArn"].startswith("arn:") for one in found)
    if pending:
        return no(f"not confirmed: {', '.join(sorted(set(pending)))}")
    if confirmed:
        return yes(f"{confirmed} confirmed")
    return no("nobody is subscribed in the account", _up(facts.resources.account))


def _backups(facts: Facts) -> Answer:
    primary = _primary(facts)
    if primary is None:
        return no("the stack builds no database")
    days = int(primary.inputs.get("backupRetentionPeriod") or 0)
    if days < _LEAST_BACKUP_DAYS:
        return no(f"backups are kept for {days} days")
    if facts.account is None:
        return yes(f"backups are kept for {days} days")
    found = find_database(facts.account, primary.inputs["identifier"])
    newest = found.get("LatestRestorableTime") if found else None
    if not isinstance(newest, datetime.datetime):
        return no("the account has nothing to restore from yet")
    late = facts.now - newest > _LATE
    said = f"kept for {days} days; the newest moment to restore is {lasting(newest, facts.now)} old"
    return no(said) if late else yes(said)


def _restored(facts: Facts) -> Answer:
    primary = _primary(facts)
    if primary is None:
        return no("the stack builds no database")
    if facts.account is None:
        return unknown(_OFFLINE)
    reported = newest_passed(facts.settings.program / REPORTS, facts.account.stack_name)
    if reported is not None and facts.now - reported < _REMEMBERED:
        return yes(f"rehearsed {lasting(reported, facts.now)} ago, and it passed, as its report says")
    trail = facts.account.client("cloudtrail")
    for name in _RESTORES:
        with plain_errors("asking CloudTrail for restores"):
            pages = trail.get_paginator("lookup_events").paginate(
                LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}],
                PaginationConfig={"MaxItems": 50},
            )
            for page in pages:
                for event in page["Events"]:
                    said = str(event.get("CloudTrailEvent", ""))
                    # What was refused is told, too.
                    if primary.inputs["identifier"] in said and '"errorCode"' not in said:
                        how = "rehearsed" if COPY_SUFFIX in said else "restored"
                        when = lasting(event["EventTime"], facts.now)
                        return yes(f"{how} {when} ago by {event.get('Username', 'somebody')}")
    return no("not in the last 90 days, as far back as CloudTrail tells")


def _archive(facts: Facts) -> Answer:
    plans = facts.all_of("aws:backup/plan:Plan")
    return (
        yes(f"{_counted(len(plans), 'plan')} of AWS Backup")
        if plans
        else no("nothing is kept beyond the automated backups")
    )


def _recovery_plan(facts: Facts) -> Answer:
    folder = facts.settings.program
    found = next((file for name in ("RECOVERY.md", "docs/recovery.md") if (file := folder / name).is_file()), None)
    if found is None:
        return unknown("no RECOVERY.md or docs/recovery.md is here; it may be elsewhere")
    return yes(f"{found.relative_to(folder)} is here; whether it is right only a rehearsal tells")


def _load_test(facts: Facts) -> Answer:
    found = newest_report(facts.load_tests) if facts.load_tests else None
    if found is None:
        return unknown(f"no report of one is in {facts.load_tests.name if facts.load_tests else 'the project'}")
    file, report = found
    at = datetime.datetime.fromisoformat(report["at"])
    said = f"{report.get('shape')} of {report['rate']:g} requests a second, {lasting(at, facts.now)} ago ({file.name})"
    if not report.get("well"):
        return no(f"{said}: it did not hold")
    return yes(said) if facts.now - at <= _REMEMBERED else no(f"{said}: that is long ago")


def _indexes(facts: Facts) -> Answer:
    if _primary(facts) is None:
        return no("the stack builds no database")
    if facts.indexes is None:
        return unknown("the database was not asked (--database)")
    found = facts.indexes()
    wrong = [
        *(f"{name} is read whole" for name in found.scanned),
        *(f"the foreign key {name} has no index" for name in found.keys),
        *(f"nothing uses {name}" for name in found.unused),
    ]
    more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return no("; ".join(wrong[:_SHOWN]) + more) if wrong else yes(f"none is missing or unused in {found.tables} tables")


_SHOWN = 5


def _root(facts: Facts) -> Answer:
    if facts.account is None:
        return unknown(_OFFLINE)
    with plain_errors("asking IAM for the account's summary"):
        found = facts.account.client("iam").get_account_summary()["SummaryMap"]
    if found.get("AccountAccessKeysPresent"):
        return no("the root user has an access key")
    return (
        yes("the root user has it, and no access key")
        if found.get("AccountMFAEnabled")
        else no("the root user has none")
    )


def _budget(facts: Facts) -> Answer:
    found = facts.all_of("aws:budgets/budget:Budget")
    told = [one for one in found if one.inputs.get("notifications")]
    if not told:
        return no("no budget tells anybody")
    count = sum(len(one.inputs["notifications"]) for one in told)
    return yes(f"{_counted(len(told), 'budget')} with {count} alerts")


def _delegated(facts: Facts) -> Answer:
    domain = facts.settings.platform.domain
    if domain is None:
        return no("the platform has no domain, and answers at CloudFront's name", "platform.domain: example.com")
    if facts.all_of("aws:acm/certificate:Certificate"):
        return yes(f"{domain}, with certificates")
    return no(f"{domain} has no certificate of the stack yet")


def _images(facts: Facts) -> Answer:
    wanted = facts.settings.pipeline_images
    if not facts.settings.services:
        return no("the stack runs no services")
    if not wanted:
        return yes("the stack file names them")
    if facts.account is None:
        return unknown(_OFFLINE)
    path = images_path(facts.settings.platform)
    names = [f"{path}/{name}" for name in wanted]
    found: dict[str, str] = {}
    with plain_errors("reading which images run"):
        for at in range(0, len(names), 10):
            said = facts.account.client("ssm").get_parameters(Names=names[at : at + 10])["Parameters"]
            found |= {one["Name"]: one["Value"] for one in said}
    waiting = [name for name in wanted if found.get(f"{path}/{name}", NOTHING) == NOTHING]
    return no(f"the placeholder runs for {', '.join(waiting)}") if waiting else yes(f"all of {len(wanted)} have one")


def _secrets(facts: Facts) -> Answer:
    declared = facts.all_of("aws:secretsmanager/secret:Secret")
    if not declared:
        return yes("the stack has none")
    if facts.account is None:
        return unknown(_OFFLINE)
    client = facts.account.client("secretsmanager")
    empty: list[str] = []
    absent: list[str] = []
    for resource in declared:
        name = resource.inputs.get("name") or resource.name
        with plain_errors(f"asking whether {name} is filled"):
            try:
                found = client.describe_secret(SecretId=name)
            except botocore.exceptions.ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                absent.append(str(name))
                continue
        if not any("AWSCURRENT" in stage for stage in found.get("VersionIdsToStages", {}).values()):
            empty.append(str(name))
    if absent:
        return no(f"not in the account: {', '.join(absent)}", _up(facts.account))
    return no(f"empty: {', '.join(empty)}") if empty else yes(f"all {len(declared)} have a value")


def _outside(facts: Facts) -> Answer:
    checks = facts.all_of("aws:route53/healthCheck:HealthCheck")
    seen = [one for one in checks if one.inputs.get("fqdn")]
    return yes(f"{_counted(len(seen), 'health check')} of Route 53") if seen else no("nobody looks from outside")


def _protected(facts: Facts) -> Answer:
    primary = _primary(facts)
    if primary is None:
        return no("the stack builds no database")
    return (
        yes("deletion protection is on")
        if primary.inputs.get("deletionProtection")
        else no("one call deletes the database")
    )


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


QUESTIONS: Sequence[Question] = (
    Question(
        "multi-az",
        ("S0-15", "S0-02", "S1-08"),
        "Does the database stand in two zones?",
        "data.multi_az: true",
        "account",
        _multi_az,
    ),
    Question(
        "replicas",
        ("S0-15", "S2-04"),
        "Has the database replicas?",
        "data.replicas: {reader-1: {}}",
        "account",
        _replicas,
    ),
    Question(
        "cache-failover",
        ("S0-06", "S1-09"),
        "Does a replica of the cache take over?",
        "cache.replicas: 1",
        "stack",
        _failover,
    ),
    Question(
        "cluster-mode", ("S0-15", "S0-06"), "Is the cache in cluster mode?", "cache.shards: 3", "stack", _cluster_mode
    ),
    Question("cdn", ("S0-15", "S0-07"), "Is CloudFront in front?", "edge.cdn", "stack", _cdn),
    Question(
        "autoscaling",
        ("S0-15", "S2-05"),
        "Do services follow their load?",
        "services.NAME.scaling: {min: 2, max: 10}",
        "stack",
        _autoscaling,
    ),
    Question(
        "alarms",
        ("S0-15", "S2-11", "S4-12"),
        "Are there alarms, and do they tell somebody?",
        "observability.alerts",
        "account",
        _alarms,
    ),
    Question(
        "subscribers",
        ("S0-15", "S2-11"),
        "Has somebody confirmed that they want to be told?",
        "confirm by the link in AWS's mail",
        "account",
        _subscribers,
    ),
    Question("outside", ("S2-19",), "Does somebody look from outside?", "observability.uptime", "stack", _outside),
    Question(
        "backups",
        ("S0-15", "S2-07", "S4-02"),
        "Are there backups for a week, and a fresh one?",
        "data.backup.retention_days: 7",
        "account",
        _backups,
    ),
    Question("archive", ("S2-14",), "Are snapshots kept beyond the automated ones?", "data.archive", "stack", _archive),
    Question(
        "restored",
        ("S0-15", "S3-11"),
        "Was a backup restored in the last 90 days?",
        "groundwork restore STACK --rehearse",
        "account",
        _restored,
    ),
    Question(
        "protected",
        ("S4-15",),
        "Is the database protected from deletion?",
        "data.deletion_protection: true",
        "stack",
        _protected,
    ),
    Question(
        "recovery-plan",
        ("S0-15", "S4-15", "S3-11"),
        "Is there a recovery plan?",
        "write docs/recovery.md: who decides, and who does what; the steps: groundwork recover STACK",
        "people",
        _recovery_plan,
    ),
    Question(
        "load-test",
        ("S0-15", "S0-18"),
        "Was a load test run?",
        "groundwork loadtest STACK --run",
        "project",
        _load_test,
    ),
    Question(
        "indexes",
        ("S0-15",),
        "Has the database the indexes that its queries need?",
        "CREATE INDEX CONCURRENTLY …; ask with --database",
        "database",
        _indexes,
    ),
    Question(
        "images", ("S2-09",), "Has every service its image?", "groundwork deploy STACK SERVICE", "account", _images
    ),
    Question(
        "secrets", ("S2-10",), "Is every secret filled?", "aws secretsmanager put-secret-value", "account", _secrets
    ),
    Question(
        "domain",
        ("S2-16",),
        "Does the platform answer at its own name?",
        "groundwork domain STACK, then edge.zone.delegated: true",
        "stack",
        _delegated,
    ),
    Question("budget", ("S4-13", "S1-23"), "Does a budget tell somebody?", "budget: {monthly: 200}", "stack", _budget),
    Question(
        "root-mfa",
        ("S0-15",),
        "Has the root user a second factor, and no key?",
        "sign in as root, Security credentials, Assign MFA device",
        "account",
        _root,
    ),
)
"""Rows: docs/requirements.md. Beyond them stands what a launch fails on most often: an image or a secret that is not there."""
