"""All rules, in the order of their topics."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from guardrails.rules import REGISTRY, Rule

TOPICS = (
    "network",
    "exposure",
    "reachability",
    "connections",
    "firewalls",
    "databases",
    "search",
    "tables",
    "caches",
    "memory_databases",
    "document_databases",
    "warehouses",
    "analytics",
    "machine_learning",
    "storage",
    "files",
    "backup",
    "migration",
    "messaging",
    "functions",
    "streams",
    "brokers",
    "keys",
    "service_keys",
    "parameters",
    "builds",
    "transfers",
    "compute",
    "instances",
    "containers",
    "kubernetes",
    "clusters",
    "edge",
    "classic",
    "api",
    "graphql",
    "user_pools",
    "workplaces",
    "naming",
    "monitoring",
    "budgets",
    "access",
    "attachments",
    "policy_documents",
    "privileges",
    "trust",
    "resource_policies",
    "organisation",
)


def heading(topic: str) -> str:
    """Return a topic's name for people."""
    return topic.replace("_", " ").capitalize()


@cache
def rules() -> tuple[Rule, ...]:
    """Return every rule of the pack."""
    for topic in TOPICS:
        import_module(f"guardrails.topics.{topic}")
    return tuple(rule for rule in REGISTRY.values() if rule.topic in TOPICS)


@cache
def rules_by_type() -> dict[str, tuple[Rule, ...]]:
    """Return the rules that judge a resource of each type."""
    reading: dict[str, dict[str, Rule]] = {}
    for rule in rules():
        for type_ in rule.reads:
            reading.setdefault(type_, {})[rule.name] = rule
    return {type_: tuple(reading[type_].values()) for type_ in sorted(reading)}
