"""One ComponentResource for each layer of a platform, and :class:`Platform`, which builds those that a stack file names.

What stands in ``__all__`` is public, here and in ``groundwork``: components, the settings that they take, what they are given and grant,
and what an extension is written with. A name is imported when it is first asked for: who reads a stack file waits neither for
Pulumi nor for components that it does not build.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundwork.components.access import (
        Grant,
        Opening,
        ParameterReference,
        SecretReference,
        Statement,
        policy_document,
    )
    from groundwork.components.alarms import Expression, Metric
    from groundwork.components.budget.budget import Budget
    from groundwork.components.budget.settings import BudgetSettings
    from groundwork.components.cache.cache import Cache
    from groundwork.components.cache.settings import CacheSettings
    from groundwork.components.compute.app_runner import AppRunner
    from groundwork.components.compute.ec2.engine import Ec2
    from groundwork.components.compute.ecs_ec2 import EcsEc2
    from groundwork.components.compute.eks.engine import Eks
    from groundwork.components.compute.fargate import Fargate
    from groundwork.components.context import Context
    from groundwork.components.data.database import Database
    from groundwork.components.data.settings import DataSettings
    from groundwork.components.data_tier import DataSubnets
    from groundwork.components.edge.cdn import Cdn
    from groundwork.components.edge.ingress import Ingress
    from groundwork.components.extensions.offer import Alarm, Extension, ExtensionContext, Offer
    from groundwork.components.files.file_system import FileSystem
    from groundwork.components.files.settings import FileSystemSettings
    from groundwork.components.functions.function import Function
    from groundwork.components.functions.settings import FunctionSettings
    from groundwork.components.keys import Keys
    from groundwork.components.messaging.queue import Queue
    from groundwork.components.messaging.queue_settings import QueueSettings, TopicSettings
    from groundwork.components.messaging.topic import Topic
    from groundwork.components.network.network import Network
    from groundwork.components.network.settings import NetworkSettings
    from groundwork.components.observability.settings import AlertsSettings, AudienceSettings, ObservabilitySettings
    from groundwork.components.platform.platform import Platform
    from groundwork.components.platform.settings import PlatformSettings
    from groundwork.components.program import load
    from groundwork.components.search.search import Search
    from groundwork.components.search.settings import SearchSettings
    from groundwork.components.secrets.secret import Secret
    from groundwork.components.secrets.settings import SecretSettings
    from groundwork.components.settings import Settings
    from groundwork.components.storage.bucket import Bucket
    from groundwork.components.storage.settings import BucketSettings

_HOMES = {
    "Alarm": "extensions.offer",
    "AlertsSettings": "observability.settings",
    "AppRunner": "compute.app_runner",
    "AudienceSettings": "observability.settings",
    "Bucket": "storage.bucket",
    "BucketSettings": "storage.settings",
    "Budget": "budget.budget",
    "BudgetSettings": "budget.settings",
    "Cache": "cache.cache",
    "CacheSettings": "cache.settings",
    "Cdn": "edge.cdn",
    "Context": "context",
    "DataSettings": "data.settings",
    "DataSubnets": "data_tier",
    "Database": "data.database",
    "Ec2": "compute.ec2.engine",
    "EcsEc2": "compute.ecs_ec2",
    "Eks": "compute.eks.engine",
    "Expression": "alarms",
    "Extension": "extensions.offer",
    "ExtensionContext": "extensions.offer",
    "Fargate": "compute.fargate",
    "FileSystem": "files.file_system",
    "FileSystemSettings": "files.settings",
    "Function": "functions.function",
    "FunctionSettings": "functions.settings",
    "Grant": "access",
    "Ingress": "edge.ingress",
    "Keys": "keys",
    "Metric": "alarms",
    "Network": "network.network",
    "NetworkSettings": "network.settings",
    "ObservabilitySettings": "observability.settings",
    "Offer": "extensions.offer",
    "Opening": "access",
    "ParameterReference": "access",
    "Platform": "platform.platform",
    "PlatformSettings": "platform.settings",
    "Queue": "messaging.queue",
    "QueueSettings": "messaging.queue_settings",
    "Search": "search.search",
    "SearchSettings": "search.settings",
    "Secret": "secrets.secret",
    "SecretReference": "access",
    "SecretSettings": "secrets.settings",
    "Settings": "settings",
    "Statement": "access",
    "Topic": "messaging.topic",
    "TopicSettings": "messaging.queue_settings",
    "load": "program",
    "policy_document": "access",
}

__all__ = [
    "Alarm",
    "AlertsSettings",
    "AppRunner",
    "AudienceSettings",
    "Bucket",
    "BucketSettings",
    "Budget",
    "BudgetSettings",
    "Cache",
    "CacheSettings",
    "Cdn",
    "Context",
    "DataSettings",
    "DataSubnets",
    "Database",
    "Ec2",
    "EcsEc2",
    "Eks",
    "Expression",
    "Extension",
    "ExtensionContext",
    "Fargate",
    "FileSystem",
    "FileSystemSettings",
    "Function",
    "FunctionSettings",
    "Grant",
    "Ingress",
    "Keys",
    "Metric",
    "Network",
    "NetworkSettings",
    "ObservabilitySettings",
    "Offer",
    "Opening",
    "ParameterReference",
    "Platform",
    "PlatformSettings",
    "Queue",
    "QueueSettings",
    "Search",
    "SearchSettings",
    "Secret",
    "SecretReference",
    "SecretSettings",
    "Settings",
    "Statement",
    "Topic",
    "TopicSettings",
    "load",
    "policy_document",
]


def __getattr__(name: str) -> Any:
    """Import a public name. Raises AttributeError for any other."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
