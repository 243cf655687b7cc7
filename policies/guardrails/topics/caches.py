"""Caches: encrypted, authenticated, in subnets of their own."""

from __future__ import annotations

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.rules import ADVISORY_IN_DEV, ONLY_PRODUCTION, Level, Messages, resource_rule
from guardrails.view import Resource


def _is_member(cache: Resource) -> bool:
    """Tell whether a cluster belongs to a group, from which it takes the property; on the group itself the property is
    its own name."""
    return cache.type == kinds.CACHE_CLUSTER and cache.has("replicationGroupId")


@resource_rule(
    "Caches are encrypted at rest",
    "medium",
    kinds.CACHE_GROUP,
    ids=("fsbp:ElastiCache.4", "checkov:CKV_AWS_29", "checkov:CKV_AWS_191"),
    why="Backups and swap of a cache hold sessions and copies of the database.",
    fix="Set atRestEncryptionEnabled to true; the group is replaced.",
)
def cache_encrypted(cache: Resource) -> Messages:
    if not cache.truth("atRestEncryptionEnabled", default=cache.get("engine") == "valkey"):
        yield "it is not encrypted at rest"


@resource_rule(
    "Caches are encrypted with a customer-managed key",
    "low",
    kinds.CACHE_GROUP,
    kinds.CACHE_SERVERLESS,
    ids=("checkov:CKV_AWS_191",),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in kmsKeyId; the cache is replaced.",
)
def cache_customer_key(cache: Resource) -> Messages:
    # Where nothing is encrypted the rule cache-encrypted says so.
    if cache.has("atRestEncryptionEnabled") and not cache.truth("atRestEncryptionEnabled"):
        return
    if not names_customer_key(cache, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


@resource_rule(
    "Caches are encrypted in transit",
    "high",
    kinds.CACHE_GROUP,
    kinds.CACHE_CLUSTER,
    ids=("fsbp:ElastiCache.5", "checkov:CKV_AWS_30", "checkov:CKV_AWS_31"),
    why="Session tokens and passwords would cross the network in clear.",
    fix="Set transitEncryptionEnabled to true and let clients connect with rediss://.",
)
def cache_tls(cache: Resource) -> Messages:
    if _is_member(cache):
        return
    mode = cache.get("transitEncryptionMode")
    if not cache.truth("transitEncryptionEnabled", default=cache.get("engine") == "valkey"):
        yield "it is not encrypted in transit"
    elif mode != "required":
        yield f"it also accepts connections without TLS (transitEncryptionMode is {mode})"


@resource_rule(
    "Caches ask who connects",
    "medium",
    kinds.CACHE_GROUP,
    kinds.CACHE_SERVERLESS,
    ids=("fsbp:ElastiCache.6", "checkov:CKV_AWS_31"),
    why="Without a user group or token, everything that reaches the port may read and flush the cache.",
    fix="Give userGroupIds (role-based access control), or an authToken.",
)
def cache_authenticated(cache: Resource) -> Messages:
    if not any(cache.has(path) for path in ("userGroupIds", "userGroupId", "authToken")):
        yield "it has neither a user group nor a token"


@resource_rule(
    "Cache users prove who they are",
    "high",
    kinds.CACHE_USER,
    ids=(),
    why="An active user without a password is open to everything that reaches the port.",
    fix='Use IAM authentication or passwords; a user that only has to exist gets the access string "off -@all".',
)
def cache_user_authenticated(user: Resource) -> Messages:
    if str(user.get("accessString", "")).split(" ")[0] == "off":
        return
    if user.truth("noPasswordRequired") or user.get("authenticationMode.type") == "no-password-required":
        yield "it is active and needs no password"


@resource_rule(
    "Caches do not use the default subnet group",
    "high",
    kinds.CACHE_GROUP,
    kinds.CACHE_CLUSTER,
    ids=("fsbp:ElastiCache.7", "checkov:CKV_AWS_323"),
    why="The default subnet group holds the public subnets of the default VPC.",
    fix="Declare an aws.elasticache.SubnetGroup of private subnets and name it.",
)
def cache_own_subnet_group(cache: Resource) -> Messages:
    if _is_member(cache):
        return
    if not cache.has("subnetGroupName") or (
        cache.known("subnetGroupName") and cache.get("subnetGroupName") == "default"
    ):
        yield "it stands in the default subnet group"


@resource_rule(
    "Production caches keep backups",
    "high",
    kinds.CACHE_GROUP,
    kinds.CACHE_CLUSTER,
    kinds.CACHE_SERVERLESS,
    ids=("fsbp:ElastiCache.1", "checkov:CKV_AWS_134"),
    why="A cache that is also a store (sessions, queues) cannot be rebuilt from the database.",
    fix="Set snapshotRetentionLimit to 1 or more days.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def cache_backups(cache: Resource) -> Messages:
    # Memcached keeps nothing that could be backed up.
    if _is_member(cache) or cache.get("engine") == "memcached":
        return
    if cache.number("snapshotRetentionLimit", 0) < 1:
        yield "it keeps no backup"


@resource_rule(
    "Production caches fail over by themselves",
    "medium",
    kinds.CACHE_GROUP,
    ids=("fsbp:ElastiCache.3", "checkov:CKV2_AWS_50"),
    why="When the primary fails, a replica has to take over without anyone waking up.",
    fix="Set automaticFailoverEnabled to true with at least one replica in another zone.",
    stages=ONLY_PRODUCTION,
    levels={"prod": Level.ADVISORY},
)
def cache_failover(cache: Resource) -> Messages:
    if not cache.truth("automaticFailoverEnabled"):
        yield "automatic failover is off"


@resource_rule(
    "Caches take minor version upgrades by themselves",
    "high",
    kinds.CACHE_GROUP,
    kinds.CACHE_CLUSTER,
    ids=("fsbp:ElastiCache.2", "checkov:CKV_AWS_322"),
    why="Minor versions carry the security fixes.",
    fix="Leave autoMinorVersionUpgrade on; it happens in the maintenance window.",
)
def cache_minor_upgrades(cache: Resource) -> Messages:
    if not cache.truth("autoMinorVersionUpgrade"):
        yield "automatic minor version upgrades are off"


@resource_rule(
    "Users of caches do not administer them",
    "medium",
    kinds.CACHE_USER,
    ids=(),
    why="With CONFIG, ACL or MODULE whoever takes over a service turns off what protects the cache, or reads what others do.",
    fix="Write the commands that the service needs into accessString, or take the administrative ones away: +@all -@admin.",
    levels=ADVISORY_IN_DEV,
)
def cache_user_limited(user: Resource) -> Messages:
    words = str(user.get("accessString", "")).split()
    allows = any(word in ("+@all", "allcommands", "+@admin") for word in words)
    if "off" not in words and allows and "-@admin" not in words and "-@dangerous" not in words:
        yield "it may use administrative commands (accessString)"
