"""What an organisation chooses for all its stacks: regions, sizes, tags, ports, retention, money.

A list that is left empty limits nothing, so that the pack can be used before anyone has chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from guardrails import kinds
from guardrails.kinds import token
from guardrails.ports import INGRESS_TYPES, openings
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Messages, Setting, Values, resource_rule
from guardrails.taggable import TAGGED
from guardrails.view import Opaque, Resource, UndeterminedError

PROVIDER = "pulumi:providers:aws"
BUDGET = token("budgets/Budget")
ACCOUNT_BLOCK = token("s3/AccountPublicAccessBlock")
BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
SIZES: Mapping[str, str] = {
    kinds.INSTANCE: "instanceType",
    kinds.LAUNCH_TEMPLATE: "instanceType",
    kinds.LAUNCH_CONFIGURATION: "instanceType",
    token("eks/NodeGroup"): "instanceTypes",
    kinds.DB_INSTANCE: "instanceClass",
    kinds.DB_CLUSTER_INSTANCE: "instanceClass",
    kinds.CACHE_GROUP: "nodeType",
    kinds.CACHE_CLUSTER: "nodeType",
    kinds.SEARCH_DOMAIN: "clusterConfig.instanceType",
    token("dms/ReplicationInstance"): "replicationInstanceClass",
}
"""Where each type says how large it is."""
MONTHS = {"MONTHLY": 1, "QUARTERLY": 3, "ANNUALLY": 12}


def _texts(name: str, about: str, pattern: str) -> Setting:
    return Setting(name, about, [], {"type": "array", "items": {"type": "string", "pattern": pattern}})


@resource_rule(
    "Everything is in a region that the organisation allows",
    "high",
    PROVIDER,
    *TAGGED,
    ids=(),
    why="Data that leaves the agreed regions may break a law or a contract, and nobody watches the others.",
    fix="Set aws:region, or the provider's or the resource's region, to one that is allowed.",
    settings=(_texts("regions", "Regions that may be used; empty for all", r"[a-z]{2}(-[a-z]+)+-\d"),),
)
def allowed_regions(resource: Resource, values: Values) -> Messages:
    if values["regions"] and (region := resource.get("region")) and region not in values["regions"]:
        yield f"region is {region}; allowed are {', '.join(values['regions'])}"


@resource_rule(
    "Servers are of a family that the organisation allows",
    "medium",
    *SIZES,
    ids=(),
    why="A family nobody agreed on escapes reservations, and is often old or far too large.",
    fix="Choose a size of an allowed family.",
    levels=ADVISORY_IN_DEV,
    settings=(_texts("families", "Families that may be used, such as t4g and r7g; empty for all", r"[a-z][a-z0-9-]*"),),
)
def allowed_instance_families(server: Resource, values: Values) -> Messages:
    if not values["families"]:
        return
    for size in server.strings(SIZES[server.type]):
        family = size.removeprefix("db.").removeprefix("cache.").removeprefix("dms.").split(".")[0]
        if family not in values["families"]:
            yield f"{SIZES[server.type]} is {size}; allowed families are {', '.join(values['families'])}"


@resource_rule(
    "Resources carry the tags that the organisation asks for",
    "low",
    *TAGGED,
    ids=(),
    why="Without them nobody can say whose a resource is, who pays for it, or whom to wake.",
    fix="Set the tags, once for all with the provider's defaultTags.",
    settings=(
        _texts("keys", "Keys that every taggable resource must have; empty for none", r"[\s\S]{1,128}"),
        Setting(
            "defaults",
            "Values that a repair gives to keys that are missing",
            {},
            {"type": "object", "additionalProperties": {"type": "string", "pattern": r"[\s\S]{0,256}"}},
        ),
    ),
)
def required_tags(resource: Resource, values: Values) -> Messages:
    if not values["keys"]:
        return
    tags = {**_tags(resource, "tagsAll"), **_tags(resource, "tags")}
    missing = [repr(key) for key in values["keys"] if tags.get(key) in (None, "")]
    if missing:
        yield f"tags have no {' and no '.join(missing)}"


def _tags(resource: Resource, path: str) -> dict[str, Any]:
    """Return tags as a map, also where the type has them as a list of key and value; their values may be unknown."""
    value = resource.node(path).value
    if isinstance(value, dict):
        return value
    if isinstance(value, Opaque):
        resource.get(path)
    return {str(item.get("key")): item.node("value").value for item in resource.items(path)}


@resource_rule(
    "Production logs are kept as long as the organisation asks for",
    "low",
    kinds.LOG_GROUP,
    ids=("securityhub:CloudWatch.16", "checkov:CKV_AWS_338"),
    why="Intrusions are found months later; logs that are gone by then answer nothing.",
    fix="Set retentionInDays to at least the days that are asked for.",
    stages=ONLY_PRODUCTION,
    settings=(
        Setting(
            "days", "The fewest days that a log group keeps", 365, {"type": "integer", "minimum": 1, "maximum": 3653}
        ),
    ),
)
def log_retention_minimum(group: Resource, values: Values) -> Messages:
    days = group.number("retentionInDays", 0)
    if 0 < days < values["days"]:
        yield f"retentionInDays is {days}; at least {values['days']} are asked for"


@resource_rule(
    "Only ports that the organisation allows are open to the internet",
    "high",
    *INGRESS_TYPES,
    ids=("fsbp:EC2.18",),
    why="What the organisation has agreed to put on the internet is a short list; everything else is a mistake.",
    fix="Remove the rule, narrow it to known addresses, or have the port added to the list.",
    settings=(
        Setting(
            "ports",
            "Ports that may be open to the whole internet; empty leaves it to the other rules",
            [],
            {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 65535}},
        ),
    ),
)
def allowed_open_ports(group: Resource, values: Values) -> Messages:
    if not values["ports"]:
        return
    for opening in openings(group, "ingress"):
        first, last = opening.ports
        if opening.all_ports or not set(range(first, last + 1)) <= set(values["ports"]):
            what = "all ports" if opening.all_ports else opening.describe()
            yield f"{opening.label} opens {what}; allowed are {', '.join(map(str, values['ports']))}"


@resource_rule(
    "Budgets stay below the organisation's ceiling",
    "medium",
    BUDGET,
    ids=(),
    why="A budget warns only at its own limit; one that is set too high warns nobody.",
    fix="Lower limitAmount, or have the ceiling raised by those who pay.",
    levels=ADVISORY_IN_DEV,
    settings=(
        Setting(
            "ceiling",
            "The highest monthly limit, in the budget's currency; 0 for none",
            0,
            {"type": "number", "minimum": 0, "maximum": 1_000_000_000},
        ),
    ),
)
def monthly_budget_ceiling(budget: Resource, values: Values) -> Messages:
    months = MONTHS.get(str(budget.get("timeUnit", "MONTHLY")))
    if not values["ceiling"] or budget.get("budgetType", "COST") != "COST" or months is None:
        return
    monthly = _amount(budget, "limitAmount") / months
    if monthly > values["ceiling"]:
        yield f"limitAmount comes to {monthly:,.0f} a month; the ceiling is {values['ceiling']:,}"


def _amount(budget: Resource, path: str) -> float:
    """Return an amount of money, which is a text, with or without a fraction."""
    try:
        return float(budget.get(path, 0))
    except (TypeError, ValueError):
        raise UndeterminedError(path, "not a number") from None


@resource_rule(
    "A public access block blocks everything",
    "high",
    kinds.BUCKET_BLOCK,
    ACCOUNT_BLOCK,
    ids=(
        "fsbp:S3.1",
        "fsbp:S3.8",
        "checkov:CKV_AWS_53",
        "checkov:CKV_AWS_54",
        "checkov:CKV_AWS_55",
        "checkov:CKV_AWS_56",
        "checkov:CKV2_AWS_6",
        "cis:v3.0.0/2.1.4",
    ),
    why="Each of the four flags closes another way to make a bucket public; one left open is enough.",
    fix="Set all four flags to true.",
)
def s3_block_complete(block: Resource) -> Messages:
    missing = [flag for flag in BLOCKS if not block.truth(flag)]
    if missing:
        yield f"it leaves {', '.join(missing)} off"


@resource_rule(
    "Portfolios are shared within the organisation",
    "medium",
    kinds.PORTFOLIO_SHARE,
    ids=("fsbp:ServiceCatalog.1",),
    why="An account that leaves the organisation keeps what was shared with it by its number.",
    fix="Set type to ORGANIZATION, ORGANIZATIONAL_UNIT or ORGANIZATION_MEMBER_ACCOUNT.",
)
def portfolio_shared_inside(share: Resource) -> Messages:
    if share.get("type") == "ACCOUNT":
        yield "it is shared with an account by its number (type)"
