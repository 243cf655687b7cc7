"""One ComponentResource for each layer of a platform, and :class:`Platform`, which builds those that a stack file names.

What stands in ``__all__`` is public. A name is imported when it is first asked for: who reads a stack file waits neither for
Pulumi nor for components that it does not build.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from groundwork.components.budget.budget import Budget
    from groundwork.components.cache.cache import Cache
    from groundwork.components.compute.app_runner import AppRunner
    from groundwork.components.compute.ec2.engine import Ec2
    from groundwork.components.compute.ecs_ec2 import EcsEc2
    from groundwork.components.compute.eks.engine import Eks
    from groundwork.components.compute.fargate import Fargate
    from groundwork.components.context import Context
    from groundwork.components.data.database import Database
    from groundwork.components.edge.cdn import Cdn
    from groundwork.components.edge.ingress import Ingress
    from groundwork.components.files.file_system import FileSystem
    from groundwork.components.functions.function import Function
    from groundwork.components.keys import Keys
    from groundwork.components.messaging.queue import Queue
    from groundwork.components.messaging.topic import Topic
    from groundwork.components.network.network import Network
    from groundwork.components.platform.platform import Platform
    from groundwork.components.program import load
    from groundwork.components.search.search import Search
    from groundwork.components.secrets.secret import Secret
    from groundwork.components.storage.bucket import Bucket

_HOMES = {
    "AppRunner": "compute.app_runner",
    "Bucket": "storage.bucket",
    "Budget": "budget.budget",
    "Cache": "cache.cache",
    "Cdn": "edge.cdn",
    "Context": "context",
    "Database": "data.database",
    "Ec2": "compute.ec2.engine",
    "EcsEc2": "compute.ecs_ec2",
    "Eks": "compute.eks.engine",
    "Fargate": "compute.fargate",
    "FileSystem": "files.file_system",
    "Function": "functions.function",
    "Ingress": "edge.ingress",
    "Keys": "keys",
    "Network": "network.network",
    "Platform": "platform.platform",
    "Queue": "messaging.queue",
    "Search": "search.search",
    "Secret": "secrets.secret",
    "Topic": "messaging.topic",
    "load": "program",
}

__all__ = [
    "AppRunner", "Bucket", "Budget", "Cache", "Cdn", "Context", "Database", "Ec2", "EcsEc2", "Eks", "Fargate", "FileSystem",
    "Function", "Ingress", "Keys", "Network", "Platform", "Queue", "Search", "Secret", "Topic", "load",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name. Raises AttributeError for any other."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
