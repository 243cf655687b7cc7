"""Databases, caches, search and queues: what holds data, and how it is."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import botocore.exceptions

from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.databases import find_database
from groundwork.operations.meanings import meaning_of
from groundwork.operations.resources import StackResources
from groundwork.operations.status.model import Health, StatusLine
from groundwork.operations.status.services import is_open

if TYPE_CHECKING:
    from groundwork.preview.snapshot import Resource

DATABASE = "aws:rds/instance:Instance"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
SEARCH = "aws:opensearch/domain:Domain"
QUEUE = "aws:sqs/queue:Queue"


def database_lines(resources: StackResources, now: datetime.datetime) -> Iterator[StatusLine]:
    """Yield a line for the primary and each replica, and one for the proxy."""
    account = resources.account
    for resource in resources.of_type(DATABASE):
        identifier, name = resource.inputs["identifier"], _short(resources, resource)
        found = find_database(account, identifier)
        yield _missing(account, name) if found is None else _database(account, name, found, now)
    for resource in resources.of_type("aws:rds/proxy:Proxy"):
        yield _proxy(resources, resource)


def _database(account: StackAccount, name: str, found: dict[str, Any], now: datetime.datetime) -> StatusLine:
    status = found["DBInstanceStatus"]
    zones = "two zones" if found.get("MultiAZ") else "one zone"
    says = f"{status}, {found['DBInstanceClass']}, {found.get('Engine', '')} {found.get('EngineVersion', '')}, {zones}"
    facts = {
        "identifier": found["DBInstanceIdentifier"],
        "status": status,
        "class": found["DBInstanceClass"],
        "pending": found.get("PendingModifiedValues", {}),
    }
    waiting = ", ".join(sorted(facts["pending"]))
    why = [f"changes wait for the maintenance window: {waiting}"] if waiting else []
    meaning = meaning_of("database", status, account.stack_name)
    if meaning is None:
        return StatusLine(
            name, Health.WELL if status == "available" else Health.CHANGING, says, why=tuple(why), facts=facts
        )
    if meaning.says in ("stopped", "stopping") and not is_open(account, now):
        return StatusLine(name, Health.STOPPED, says, facts=facts)
    return StatusLine(name, Health.UNWELL, says, why=(meaning.means, *why), next=meaning.next, facts=facts)


def _proxy(resources: StackResources, resource: Resource) -> StatusLine:
    account, name = resources.account, resource.inputs["name"]
    with plain_errors(f"asking how {name} is"):
        try:
            pages = account.client("rds").get_paginator("describe_db_proxy_targets").paginate(DBProxyName=name)
            targets = [one for page in pages for one in page["Targets"]]
        except botocore.exceptions.ClientError as error:
            if code_of(error) not in ("DBProxyNotFoundFault", "DBProxyTargetGroupNotFoundFault"):
                raise
            return _missing(account, "proxy")
    states = [one.get("TargetHealth", {}) for one in targets]
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_TargetHealth.html
    broken = [one for one in states if one.get("State") == "UNAVAILABLE"]
    if broken:
        said = f"{broken[0].get('Reason', '')}: {broken[0].get('Description', '')}".strip(": ")
        what = f"pulumi up --stack {account.stack.name}, and look at the secret that it reads"
        return StatusLine("proxy", Health.UNWELL, "does not reach the database", why=(said,), next=what)
    starting = any(one.get("State") == "REGISTERING" for one in states)
    return StatusLine(
        "proxy", Health.CHANGING if starting else Health.WELL, "registering" if starting else "reaches the database"
    )


def cache_lines(resources: StackResources) -> Iterator[StatusLine]:
    """Yield a line for the cache."""
    account = resources.account
    for resource in resources.of_type(CACHE):
        identifier = resource.inputs["replicationGroupId"]
        with plain_errors(f"asking how {identifier} is"):
            try:
                found = account.client("elasticache").describe_replication_groups(ReplicationGroupId=identifier)[
                    "ReplicationGroups"
                ][0]
            except botocore.exceptions.ClientError as error:
                if code_of(error) != "ReplicationGroupNotFoundFault":
                    raise
                yield _missing(account, "cache")
                continue
        status, nodes = found["Status"], len(found.get("MemberClusters", ()))
        shards = len(found.get("NodeGroups", ())) or 1
        says = f"{status}, {nodes} × {found.get('CacheNodeType', '?')}" + (f" in {shards} shards" if shards > 1 else "")
        facts = {"identifier": identifier, "status": status}
        meaning = meaning_of("cache", status, account.stack_name)
        if meaning:
            yield StatusLine("cache", Health.UNWELL, says, why=(meaning.means,), next=meaning.next, facts=facts)
        else:
            yield StatusLine("cache", Health.WELL if status == "available" else Health.CHANGING, says, facts=facts)


def search_lines(resources: StackResources) -> Iterator[StatusLine]:
    """Yield a line for the OpenSearch domain."""
    account = resources.account
    for resource in resources.of_type(SEARCH):
        name = resource.inputs["domainName"]
        with plain_errors(f"asking how {name} is"):
            try:
                found = account.client("opensearch").describe_domain(DomainName=name)["DomainStatus"]
            except botocore.exceptions.ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                yield _missing(account, "search")
                continue
        # https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DomainStatus.html
        status = found.get("DomainProcessingStatus") or ("Modifying" if found.get("Processing") else "Active")
        config = found.get("ClusterConfig", {})
        says = f"{status.lower()}, {config.get('InstanceCount', '?')} × {config.get('InstanceType', '?')}"
        facts = {"identifier": name, "status": status}
        if status == "Isolated":
            why = "AWS has isolated it, and deletes it in days: it was not paid for, or a key of it is gone"
            yield StatusLine("search", Health.UNWELL, says, why=(why,), next="AWS Support, today", facts=facts)
        else:
            yield StatusLine("search", Health.WELL if status == "Active" else Health.CHANGING, says, facts=facts)


def queue_lines(resources: StackResources) -> Iterator[StatusLine]:
    """Yield a line for each queue of the stack file with its dead letters, and one for each other queue of what failed."""
    queues = [(one, dead_letters_of(resources, one)) for one in resources.of_type(QUEUE)]
    dead = [one for _, one in queues]
    for resource, letters in queues:
        if resource not in dead:
            yield _queue(resources, resource, letters)


def queue_name(resources: StackResources, resource: Resource) -> str:
    """Return what the stack file calls a queue, or what it is about where that does not name it."""
    short = resource.name.removeprefix(f"{resources.account.settings.platform.name}-").removeprefix("compute-")
    stem = short.removesuffix("-queue")
    messaging = resources.account.settings.messaging
    named = messaging.queues if messaging else {}
    return next((name for name in named if name.removesuffix(".fifo") == stem), short)


def _queue(resources: StackResources, resource: Resource, dead: Resource | None) -> StatusLine:
    account, name = resources.account, queue_name(resources, resource)
    counts = measured(resources, resource)
    dead_counts = measured(resources, dead) if dead else {}
    if counts is None or dead_counts is None:
        return _missing(account, name)
    lost = dead_counts.get("waiting", 0) + dead_counts.get("hidden", 0)
    facts = {**counts, "dead": lost} if dead else dict(counts)
    if dead is None:
        # A queue without one is itself for what failed.
        if counts["waiting"] + counts["hidden"]:
            why = "what is in it could not be done; each message says what and why"
            return StatusLine(
                name,
                Health.UNWELL,
                f"{counts['waiting']} messages",
                why=(why,),
                next=_reading(resources, resource),
                facts=facts,
            )
        return StatusLine(name, Health.WELL, "empty", facts=facts)
    says = f"{counts['waiting']} waiting, {counts['hidden']} in work, {lost} dead"
    if lost:
        why = "its consumer failed on the dead ones too often; correct it first"
        return StatusLine(
            name, Health.UNWELL, says, why=(why,), next=f"groundwork redrive {account.stack_name} {name}", facts=facts
        )
    return StatusLine(name, Health.WELL, says, facts=facts)


def _reading(resources: StackResources, resource: Resource) -> str:
    url = url_of(resources.arn(resource) or "", resources.account)
    return f"aws sqs receive-message --region {resources.account.settings.region} --attribute-names All --message-attribute-names All --queue-url {url}"


def url_of(arn: str, account: StackAccount) -> str:
    """Return a queue's address, which follows from its ARN:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html"""
    _, _, _, region, number, name = arn.split(":")
    endpoint = account.client("sqs", region).meta.endpoint_url
    return f"{endpoint}/{number}/{name}"


def measured(resources: StackResources, resource: Resource) -> dict[str, int] | None:
    """Return how many messages wait and are in work, about; None where the queue is not there."""
    arn = resources.arn(resource)
    if arn is None:
        return None
    with plain_errors(f"asking how many messages wait in {resource.name}"):
        try:
            said = resources.account.client("sqs").get_queue_attributes(
                QueueUrl=url_of(arn, resources.account),
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        except botocore.exceptions.ClientError as error:
            if "NonExistentQueue" in code_of(error) or code_of(error) == "QueueDoesNotExist":
                return None
            raise
    return {
        "waiting": int(said["ApproximateNumberOfMessages"]),
        "hidden": int(said["ApproximateNumberOfMessagesNotVisible"]),
    }


def dead_letters_of(resources: StackResources, resource: Resource) -> Resource | None:
    """Return where a queue's messages go that fail too often."""
    urns = resource.property_dependencies.get("redrivePolicy", ())
    return next((one for one in resources.of_type(QUEUE) if one.urn in urns), None)


def _short(resources: StackResources, resource: Resource) -> str:
    return resource.name.removeprefix(f"{resources.account.settings.platform.name}-").removeprefix("database-")


def _missing(account: StackAccount, name: str) -> StatusLine:
    return StatusLine(name, Health.MISSING, "is not there", next=f"pulumi up --stack {account.stack.name}")
