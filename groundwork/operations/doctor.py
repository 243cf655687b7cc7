"""What an account says before the first ``pulumi up``: what is fine, what is to be done, and what would fail."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property, partial
from math import ceil
from pathlib import Path
from typing import Any

import botocore.exceptions

from groundwork.operations import images, permissions
from groundwork.operations.account import StackAccount, code_of, plain_errors
from groundwork.operations.errors import OperationError, UnreachableError
from groundwork.operations.tags import tagged
from groundwork.preview.refusals.quotas import sums
from groundwork.preview.snapshot import Resource, Snapshot
from groundwork.settings.data_file import read_data
from groundwork.settings.facts import instance_class, quotas
from groundwork.settings.images import NOTHING

_TABLE = Path(__file__).with_name("doctor.yaml")
_MOST_PAGES = 20
"""Of what is counted in an account; who has more has asked for more."""


class State(StrEnum):
    """What is said of one thing."""

    FINE = "fine"
    TO_DO = "to do"
    FAILS = "will fail"
    UNKNOWN = "not known"


@dataclass(frozen=True)
class Diagnosis:
    """One line."""

    state: State
    about: str
    words: str
    next: str = ""
    """A command, or what to say in the stack file; empty where nothing is to be done."""

    def as_json(self) -> dict[str, str]:
        return {"state": self.state.value, "about": self.about, "words": self.words, "next": self.next}


AskDns = Callable[[str, Sequence[str]], bool]
"""Tells whether the zone above a domain names these name servers; OSError where nobody answers."""


def diagnose(account: StackAccount, snapshot: Snapshot, is_delegated: AskDns) -> Iterator[Diagnosis]:
    """Yield what the account says, part after part. What cannot be asked, for want of a permission or of AWS's answer, is not known, and ends
    nothing; UnreachableError where the credentials are no good at all, or there is no network."""
    context = _DoctorContext(account, snapshot, is_delegated)
    for about, part in _PARTS.items():
        try:
            with plain_errors(f"asking about {about}"):
                yield from part(context)
        except UnreachableError:
            raise
        except OperationError as error:
            needed = ", ".join(sorted(permissions.actions("doctor", [about])))
            denied = "AWS does not allow it" in str(error)
            yield Diagnosis(
                State.UNKNOWN, about, f"the credentials may not ask; it takes {needed}" if denied else str(error)
            )


@dataclass
class _DoctorContext:
    """A stack and its account, as the parts ask them."""

    account: StackAccount
    snapshot: Snapshot
    is_delegated: AskDns

    def count(self, *types: str) -> int:
        return sum(one.type in types for one in self.snapshot.resources)

    def of_type(self, type_: str) -> list[Resource]:
        return [one for one in self.snapshot.resources if one.type == type_]

    @cached_property
    def own(self) -> frozenset[str]:
        """Return the ARNs of what the account has of this stack, as its tags say."""
        return frozenset(tagged(self.account))

    def has(self, ending: str) -> bool:
        """Tell whether something whose ARN ends so is this stack's own."""
        return any(arn.endswith(ending) for arn in self.own)


def _credentials(context: _DoctorContext) -> Iterator[Diagnosis]:
    who = context.account.client("sts").get_caller_identity()["Arn"]
    said = f"{who} in {context.account.place}"
    if who.endswith(":root"):
        yield Diagnosis(
            State.TO_DO, "credentials", f"{said}: the account's root user, whom nothing bounds", "aws configure sso"
        )
    else:
        yield Diagnosis(State.FINE, "credentials", said)


def _region(context: _DoctorContext) -> Iterator[Diagnosis]:
    settings = context.account.settings
    yield _opted_in(context, settings.region)
    if settings.recovery:
        yield _opted_in(context, settings.recovery.region)


def _opted_in(context: _DoctorContext, region: str) -> Diagnosis:
    [found] = context.account.client("ec2", "us-east-1" if _is_common(region) else region).describe_regions(
        RegionNames=[region], AllRegions=True
    )["Regions"]
    if found["OptInStatus"] == "not-opted-in":
        enable = f"aws account enable-region --region-name {region}"
        return Diagnosis(
            State.FAILS, "region", f"the account has not opted in to {region}; it takes minutes to hours", enable
        )
    return Diagnosis(State.FINE, "region", f"{region} is on")


def _is_common(region: str) -> bool:
    """Tell whether a region is of the partition whose us-east-1 knows all of them, since one that is off answers nobody."""
    return not region.startswith(("cn-", "us-gov-"))


def _linked(context: _DoctorContext) -> Iterator[Diagnosis]:
    iam = context.account.client("iam")
    declared = {
        one.inputs.get("awsServiceName") for one in context.of_type("aws:iam/serviceLinkedRole:ServiceLinkedRole")
    }
    for role, row in _table()["linked"].items():
        if not context.count(*row["types"]):
            continue
        there = _exists(partial(iam.get_role, RoleName=role), "NoSuchEntity")
        if row["service"] in declared:
            if there and not context.own:
                yield Diagnosis(
                    State.FAILS,
                    "linked roles",
                    f"{role} is there, and the stack would make it again",
                    "groundwork:search: {linked_role: false}",
                )
            else:
                yield Diagnosis(State.FINE, "linked roles", f"the stack makes {role}")
        elif there:
            yield Diagnosis(State.FINE, "linked roles", f"{role} is there")
        else:
            make = f"aws iam create-service-linked-role --aws-service-name {row['service']}"
            yield Diagnosis(State.TO_DO, "linked roles", f"{role} is not there; the first update may fail for it", make)


def _exists(ask: Callable[[], Any], *absent: str) -> bool:
    try:
        ask()
    except botocore.exceptions.ClientError as error:
        if code_of(error) in absent:
            return False
        raise
    return True


def _quotas(context: _DoctorContext) -> Iterator[Diagnosis]:
    for name, row in _table()["quotas"].items():
        need = _need(context, row)
        if not need:
            continue
        region = row.get("region") or context.account.settings.region
        quota = _quota(context.account.client("service-quotas", region), row)
        if quota is None:
            yield Diagnosis(
                State.UNKNOWN, "quotas", f"{name}: {need:g} needed; Service Quotas does not say how many there may be"
            )
            continue
        allowed = float(quota["Value"])
        # What stands of this stack is in use already.
        used = 0 if context.own else _used(context, row, quota, region)
        words = f"{name}: {need:g} needed{f', {used:g} in use' if used else ''}, {allowed:g} allowed"
        if need + used <= allowed:
            yield Diagnosis(State.FINE, "quotas", words)
            continue
        service, code = _asked_for(row)
        ask = (
            f"aws service-quotas request-service-quota-increase --region {region} --service-code {service} "
            f"--quota-code {code} --desired-value {ceil(need + used)}"
        )
        yield Diagnosis(State.FAILS, "quotas", words, ask)


def _asked_for(row: Mapping[str, str]) -> tuple[str, str]:
    """Return the service and the code of a row's quota in Service Quotas."""
    named = row.get("quota")
    request = row["request"] if named is None else next(one.request for one in quotas() if one.name == named)
    service, _, code = request.partition("/")
    return service, code


def _quota(client: Any, row: Mapping[str, str]) -> dict[str, Any] | None:
    """Return what the account was granted, else what every account has; None where Service Quotas knows neither."""
    service, code = _asked_for(row)
    for ask in (client.get_service_quota, client.get_aws_default_service_quota):
        try:
            found: dict[str, Any] = ask(ServiceCode=service, QuotaCode=code)["Quota"]
        except botocore.exceptions.ClientError as error:
            if code_of(error) != "NoSuchResourceException":
                raise
        else:
            return found
    return None


def _used(context: _DoctorContext, row: Mapping[str, Any], quota: Mapping[str, Any], region: str) -> float:
    """Return how much of a thing the account has, as the row says that it is counted; none where it does not say."""
    how, metric = row.get("used"), quota.get("UsageMetric")
    if how == "metric":
        return _measured(context.account.client("cloudwatch", region), metric) if metric else 0
    return _counted(context, how, region) if how else 0


def _measured(client: Any, metric: Mapping[str, Any]) -> float:
    """Return the newest value of a metric of use. AWS sends it every few minutes, and none where nothing is used:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Quotas-Visualize-Alarms.html"""
    now, statistic = datetime.datetime.now(datetime.UTC), metric.get("MetricStatisticRecommendation", "Maximum")
    points = client.get_metric_statistics(
        Namespace=metric["MetricNamespace"],
        MetricName=metric["MetricName"],
        Dimensions=[{"Name": name, "Value": value} for name, value in metric["MetricDimensions"].items()],
        StartTime=now - _LOOKING_BACK,
        EndTime=now,
        Period=300,
        Statistics=[statistic],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return float(newest[statistic]) if newest else 0


_LOOKING_BACK = datetime.timedelta(minutes=30)


def _counted(context: _DoctorContext, how: Mapping[str, str], region: str) -> int:
    client = context.account.client(how["client"], region)
    pages: Any = (
        client.get_paginator(how["call"]).paginate()
        if client.can_paginate(how["call"])
        else [getattr(client, how["call"])()]
    )
    found = 0
    for number, page in enumerate(pages):
        value = page
        for part in how["list"].split("."):
            value = value.get(part) or {}
        found += len(value)
        if number >= _MOST_PAGES:
            break
    return found


def _need(context: _DoctorContext, row: Mapping[str, Any]) -> float:
    """Return how much of a thing a stack takes at most."""
    measure = row.get("measure")
    return _MEASURES[measure](context) if measure else context.count(*row["types"])


def _most_in_a_zone(context: _DoctorContext) -> float:
    zones = {one.urn: one.inputs.get("availabilityZone") for one in context.of_type("aws:ec2/subnet:Subnet")}
    counts = Counter(
        zones[source]
        for one in context.of_type("aws:ec2/natGateway:NatGateway")
        for source in one.property_dependencies.get("subnetId", ())
        if source in zones
    )
    return max(counts.values(), default=context.count("aws:ec2/natGateway:NatGateway"))


def _rules(context: _DoctorContext) -> float:
    quota = next(one for one in quotas() if one.name == "rules-per-security-group")
    return max((most for counts in quota.counted for most in sums(context.snapshot, counts).values()), default=0)


def _fargate(context: _DoctorContext) -> float:
    """Return the vCPUs of all copies at their most, twice: a deployment starts the new ones beside the old."""
    definitions = {one.urn: one for one in context.of_type("aws:ecs/taskDefinition:TaskDefinition")}
    most = {
        source: one.inputs.get("maxCapacity", 0)
        for one in context.of_type("aws:appautoscaling/target:Target")
        for source in one.property_dependencies.get("resourceId", ())
    }
    total = 0.0
    for one in context.of_type("aws:ecs/service:Service"):
        providers = [entry.get("capacityProvider") for entry in one.inputs.get("capacityProviderStrategies") or ()]
        if "FARGATE" not in providers and one.inputs.get("launchType") != "FARGATE":
            continue
        cpu = sum(
            int(definitions[source].inputs.get("cpu") or 0)
            for source in one.property_dependencies.get("taskDefinition", ())
            if source in definitions
        )
        total += 2 * (most.get(one.urn) or one.inputs.get("desiredCount") or 1) * cpu / 1024
    return total


def _instances(context: _DoctorContext) -> float:
    templates = {
        one.urn: one.inputs.get("instanceType") for one in context.of_type("aws:ec2/launchTemplate:LaunchTemplate")
    }
    total = 0
    for one in context.of_type("aws:autoscaling/group:Group"):
        types = [
            templates[source]
            for key in ("launchTemplate", "mixedInstancesPolicy")
            for source in one.property_dependencies.get(key, ())
            if templates.get(source)
        ]
        known = [found.vcpus for type_ in types if (found := instance_class(str(type_)))]
        total += max(known, default=0) * int(one.inputs.get("maxSize") or 0)
    return total


_MEASURES: dict[str, Callable[[_DoctorContext], float]] = {
    "most in a zone": _most_in_a_zone,
    "rules-per-security-group": _rules,
    "fargate vcpus": _fargate,
    "instance vcpus": _instances,
}


def _names(context: _DoctorContext) -> Iterator[Diagnosis]:
    taken = [*_buckets(context), *_secrets_there(context), *_log_groups(context), *_repositories(context)]
    yield from taken
    if not taken:
        yield Diagnosis(State.FINE, "names", "no name that the stack gives is taken")


def _buckets(context: _DoctorContext) -> Iterator[Diagnosis]:
    s3 = context.account.client("s3")
    for one in context.of_type("aws:s3/bucket:Bucket"):
        name = one.inputs.get("bucket")
        if not isinstance(name, str) or context.has(f":::{name}"):
            continue
        try:
            s3.head_bucket(Bucket=name)
        except botocore.exceptions.ClientError as error:
            if code_of(error) in ("404", "NoSuchBucket"):
                continue
            if code_of(error) not in ("403", "301"):
                raise
            yield Diagnosis(
                State.FAILS, "names", f"the bucket {name} is somebody else's; names are the world's", "say another name"
            )
        else:
            yield Diagnosis(
                State.FAILS,
                "names",
                f"the bucket {name} is in the account, and not this stack's",
                f"groundwork:storage: existing: {name}",
            )


def _secrets_there(context: _DoctorContext) -> Iterator[Diagnosis]:
    """Yield secrets whose names are taken, by one that is being deleted too: it keeps its name for up to 30 days."""
    client = context.account.client("secretsmanager")
    for one in context.of_type("aws:secretsmanager/secret:Secret"):
        name = one.inputs.get("name")
        found = _secret(client, name) if isinstance(name, str) else None
        if found is None:
            continue
        if "DeletedDate" in found:
            yield Diagnosis(
                State.FAILS,
                "names",
                f"the secret {name} of an earlier stack is being deleted, and keeps its name; gone for good with",
                f"aws secretsmanager delete-secret --secret-id {name} --force-delete-without-recovery",
            )
        elif found["ARN"] not in context.own:
            yield Diagnosis(
                State.FAILS, "names", f"the secret {name} is there, and not this stack's", "rename or remove it"
            )


def _secret(client: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.describe_secret(SecretId=name)
    except botocore.exceptions.ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return None
    return found


def _log_groups(context: _DoctorContext) -> Iterator[Diagnosis]:
    wanted = {
        name
        for one in context.of_type("aws:cloudwatch/logGroup:LogGroup")
        if isinstance(name := one.inputs.get("name"), str)
    }
    pages = context.account.client("logs").get_paginator("describe_log_groups")
    there: set[str] = set()
    for start in sorted({_start(name) for name in wanted}):
        for page in pages.paginate(logGroupNamePrefix=start):
            there |= {one["logGroupName"] for one in page["logGroups"]}
    for name in sorted(wanted & there):
        if not (context.has(f":log-group:{name}") or context.has(f":log-group:{name}:*")):
            yield Diagnosis(
                State.FAILS,
                "names",
                f"the log group {name} is there, and not this stack's; it goes with its logs by",
                f"aws logs delete-log-group --log-group-name {name}",
            )


def _start(name: str) -> str:
    """Return what a log group's name shares with its neighbours, so that one call finds them all."""
    return "/".join(name.split("/")[:3]) if name.startswith("/") else name


def _repositories(context: _DoctorContext) -> Iterator[Diagnosis]:
    ecr = context.account.client("ecr")
    for one in context.of_type("aws:ecr/repository:Repository"):
        name = one.inputs.get("name")
        if not isinstance(name, str) or context.has(f":repository/{name}"):
            continue
        if _exists(partial(ecr.describe_repositories, repositoryNames=[name]), "RepositoryNotFoundException"):
            yield Diagnosis(
                State.FAILS,
                "names",
                f"the repository {name} is there, and not this stack's; where it is empty, it goes by",
                f"aws ecr delete-repository --repository-name {name}",
            )


def _once(context: _DoctorContext) -> Iterator[Diagnosis]:
    """Yield what an account can have once: GitHub's and GitLab's identity providers."""
    delivery = context.account.settings.delivery
    if delivery is None:
        return
    there = {
        one["Arn"].partition(":oidc-provider/")[2]
        for one in context.account.client("iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    }
    for issuer in delivery.issuers:
        if delivery.own_provider and issuer in there and not context.own:
            yield Diagnosis(
                State.FAILS,
                "once",
                f"the account has the identity provider {issuer}, and can have one",
                "groundwork:delivery: {own_provider: false}",
            )
        elif not delivery.own_provider and issuer not in there:
            yield Diagnosis(
                State.FAILS,
                "once",
                f"the account lacks the identity provider {issuer}, and the stack does not make it",
                "groundwork bootstrap, or groundwork:delivery: {own_provider: true}",
            )
        else:
            yield Diagnosis(State.FINE, "once", f"the identity provider {issuer} is one, and stays one")


def _domain(context: _DoctorContext) -> Iterator[Diagnosis]:
    settings = context.account.settings
    domain, edge = settings.platform.domain, settings.edge
    if domain is None or (edge and edge.zone and edge.zone.external):
        return
    named, expected = _name_servers(context, domain), bool(edge and edge.zone and edge.zone.delegated)
    if not named:
        state = State.FAILS if expected else State.TO_DO
        words = f"{domain} has no hosted zone yet{', and certificates would wait for one' if expected else ''}"
        yield Diagnosis(
            state,
            "domain",
            words,
            f"first without edge.zone.delegated; then groundwork domain {context.account.stack_name}",
        )
        return
    try:
        delegated = context.is_delegated(domain, named)
    except OSError as error:
        yield Diagnosis(State.UNKNOWN, "domain", f"no DNS server answers about {domain}: {error}")
        return
    if delegated:
        yield Diagnosis(State.FINE, "domain", f"{domain} is delegated to its hosted zone")
        return
    yield Diagnosis(
        State.FAILS if expected else State.TO_DO,
        "domain",
        f"{domain} is not delegated to its hosted zone{': certificates would not come' if expected else ''}",
        f"enter at the registrar: {', '.join(sorted(named))}",
    )


def _name_servers(context: _DoctorContext, domain: str) -> list[str]:
    route53 = context.account.client("route53")
    edge = context.account.settings.edge
    zone = edge.zone.id if edge and edge.zone else None
    if zone is None:
        found = route53.list_hosted_zones_by_name(DNSName=domain, MaxItems="10")["HostedZones"]
        zone = next(
            (one["Id"] for one in found if one["Name"] == f"{domain}." and not one["Config"]["PrivateZone"]), None
        )
    if zone is None:
        return []
    named: list[str] = route53.get_hosted_zone(Id=zone).get("DelegationSet", {}).get("NameServers", [])
    return named


def _images(context: _DoctorContext) -> Iterator[Diagnosis]:
    account = context.account
    holders = [
        images.holder_of(account, name)
        for _, name, _ in account.settings.containers()
        if images.image_of(account, name) == name
    ]
    for holder in holders:
        if holder.settings.owner_of_image != "pipeline":
            continue
        parameter = images.delivered(account, holder.name)
        if parameter is None or parameter.image == NOTHING:
            yield Diagnosis(
                State.FINE,
                "images",
                f"{holder.name} begins with a placeholder; its first image comes after the update",
                f"groundwork deploy {account.stack_name} {holder.name}=TAG",
            )
        elif images.is_there(account, holder, parameter.image):
            yield Diagnosis(State.FINE, "images", f"{holder.name}: {parameter.image} is pushed")
        else:
            yield Diagnosis(
                State.FAILS,
                "images",
                f"{holder.name} is to run {parameter.image}, which is not there",
                f"docker push {parameter.image}",
            )


def _secrets(context: _DoctorContext) -> Iterator[Diagnosis]:
    client = context.account.client("secretsmanager")
    for name, secret in context.account.settings.secrets.items():
        if secret.values:
            yield Diagnosis(State.FINE, "secrets", f"{name} is filled by the stack file's sealed values")
            continue
        path = secret.path or f"{context.account.prefix[1:]}/{name}"
        found = _secret(client, path)
        fill = f"aws secretsmanager put-secret-value --secret-id {path} --secret-string file://values.json"
        if found is None or "DeletedDate" in found:
            yield Diagnosis(
                State.FINE, "secrets", f"{name} is made by the first update, empty; fill it then, before images", fill
            )
        elif found.get("VersionIdsToStages"):
            yield Diagnosis(State.FINE, "secrets", f"{name} is filled")
        else:
            yield Diagnosis(State.TO_DO, "secrets", f"{name} is empty: {', '.join(secret.keys)}", fill)


_PARTS: dict[str, Callable[[_DoctorContext], Iterator[Diagnosis]]] = {
    "credentials": _credentials,
    "region": _region,
    "linked roles": _linked,
    "quotas": _quotas,
    "names": _names,
    "once": _once,
    "domain": _domain,
    "images": _images,
    "secrets": _secrets,
}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = read_data(_TABLE)
    return table
