"""What holds for every component, found by looking for them: a new one is covered the moment it exists."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from groundwork import components
from groundwork.components.base import Component
from groundwork.components.compute.settings import Engine
from groundwork.components.platform.platform import Platform
from groundwork.preview.snapshot import Resource
from tests.stacks import STACKS, snapshot_of

for _module in pkgutil.walk_packages(components.__path__, "groundwork.components."):
    importlib.import_module(_module.name)


def _all(cls: type[Component]) -> list[type[Component]]:
    return [sub for child in cls.__subclasses__() for sub in (child, *_all(child))]


COMPONENTS = sorted(
    (cls for cls in _all(Component) if cls.__module__.startswith("groundwork.components.")),
    key=lambda cls: cls.__name__,
)
LAYERS = {
    "platform", "network", "edge", "compute", "data", "cache", "search", "messaging", "functions", "storage", "files", "secrets",
    "observability", "budget", "migration", "delivery", "extensions", "recovery",
}  # fmt: skip
DOCSTRING_PARTS = ("Builds:", "Cost:", "Fails:", "Changes without replacement:")

# Attachments and settings of another resource; AWS keeps no tags on them.
_STACK = pytest.mark.parametrize("stack", STACKS)
_COMPONENT = pytest.mark.parametrize("component", COMPONENTS, ids=lambda cls: cls.__name__)


@_COMPONENT
def test_a_component_belongs_to_a_layer(component: type[Component]) -> None:
    assert component.layer in LAYERS


@_COMPONENT
def test_a_components_docstring_says_what_its_user_asks(component: type[Component]) -> None:
    text = inspect.getdoc(component) or ""
    assert [part for part in DOCSTRING_PARTS if part not in text] == []


@_COMPONENT
def test_a_component_registers_its_outputs_once_and_last(component: type[Component]) -> None:
    source = inspect.getsource(component)
    init = next(
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    last = ast.unparse(init.body[-1])
    assert last.startswith("self.register_outputs(")
    assert source.count("register_outputs(") == 1


def test_the_platform_does_the_same_on_every_engine() -> None:
    """It asks the engine, and never which one it is."""
    program = ast.parse(Path(inspect.getfile(Platform)).read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(program) if isinstance(node, ast.Constant)}
    assert texts & set(get_args(Engine)) == set()
    assert "engine" not in {node.attr for node in ast.walk(program) if isinstance(node, ast.Attribute)}


def test_what_a_platform_has_one_of_reaches_components_in_one_context() -> None:
    """No constructor takes more than nine parameters beside itself, and none takes a part of the context by itself."""
    parameters = {component.__name__: list(inspect.signature(component).parameters) for component in COMPONENTS}
    assert {name: given for name, given in parameters.items() if len(given) > 9} == {}
    alone = {"region", "account_id", "platform", "logging", "alerting", "keys", "key_arns"}
    allowed = {
        ("Certificate", "region"),
        ("Alerts", "region"),
        ("Bucket", "region"),
    }  # These may stand in another region than the platform.
    found = {(name, given) for name, names in parameters.items() for given in names if given in alone}
    assert found <= allowed


@_COMPONENT
def test_a_components_outputs_are_typed_in_its_body(component: type[Component]) -> None:
    public = set(re.findall(r"self\.([a-z]\w*)\s*(?::[^=\n]+)?=[^=]", inspect.getsource(component.__init__)))
    declared = set().union(*(vars(cls).get("__annotations__", {}) for cls in component.__mro__))
    assert public - declared == set()


@_STACK
def test_nothing_of_aws_stands_directly_below_the_stack(stack: str) -> None:
    snapshot = snapshot_of(stack)
    root = snapshot.resources[0].urn
    assert [
        resource.urn for resource in snapshot.resources if resource.custom and resource.parent in (None, root)
    ] == []


@_STACK
def test_a_childs_name_starts_with_its_components_name(stack: str) -> None:
    snapshot = snapshot_of(stack)
    resources = snapshot.by_urn()
    strangers = [
        resource.urn
        for resource in snapshot.resources
        if resource.custom and resource.parent and not _starts_alike(resource.name, resources[resource.parent].name)
    ]
    assert strangers == []


def _starts_alike(child: str, parent: str) -> bool:
    # fit() may have cut a name that AWS keeps short; it ends in a hash of five then.
    return child.startswith(parent) or bool(re.search(r"-[0-9a-f]{5}$", child) and child[:12] == parent[:12])


@_STACK
def test_every_taggable_child_carries_the_platforms_tags(stack: str) -> None:
    snapshot = snapshot_of(stack)
    missing = []
    for resource in snapshot.resources:
        if resource.custom and _is_taggable(resource):
            keys = _tag_keys(resource)
            if not {"Name", "platform", "stage", "layer", "owner", "cost-center"} <= keys:
                missing.append((resource.urn, sorted(keys)))
    assert missing == []


@_STACK
def test_no_tag_changes_with_the_phase_and_none_that_may_change_replaces_instances(stack: str) -> None:
    """A tag on what a launch template makes is a new version of it, and a new version is another instance."""
    snapshot = snapshot_of(stack)
    changing = {"phase", "owner", "cost-center", *snapshot.settings["platform"].get("tags", {})}
    for resource in snapshot.resources:
        if resource.custom and _is_taggable(resource):
            assert "phase" not in _tag_keys(resource), resource.urn
        for specification in resource.inputs.get("tagSpecifications", ()):
            assert {"Name", "platform", "stage"} <= specification["tags"].keys(), resource.urn
            assert not changing & specification["tags"].keys(), resource.urn
        if resource.type == "kubernetes:karpenter.k8s.aws/v1:EC2NodeClass":
            assert not changing & resource.inputs["spec"]["tags"].keys(), resource.urn


_STARTS = {
    "aws:autoscaling/group:Group": lambda inputs: True,
    "aws:apprunner/service:Service": lambda inputs: True,
    "aws:dms/replicationInstance:ReplicationInstance": lambda inputs: True,
    "aws:ecs/service:Service": lambda inputs: True,
    "aws:eks/nodeGroup:NodeGroup": lambda inputs: True,
    "aws:lambda/function:Function": lambda inputs: "vpcConfig" in inputs,
    "aws:lb/loadBalancer:LoadBalancer": lambda inputs: not inputs["internal"],
}
"""What runs, or asks for a way to the internet, as soon as it is there."""


@_STACK
def test_what_starts_in_the_network_waits_for_a_way_out_by_order_alone(stack: str) -> None:
    """Through a property, a route or an endpoint that comes later would make that property unknown in its preview, and show
    replacements that never happen."""
    snapshot = snapshot_of(stack)
    routes = {resource.urn for resource in snapshot.of_type("aws:ec2/route:Route")}
    endpoints = {
        resource.urn
        for resource in snapshot.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        if resource.inputs["vpcEndpointType"] == "Interface"
    }
    out = {tier: {urn for urn in routes if f"-network-{tier}" in urn} for tier in ("public", "private")}
    for resource in snapshot.resources:
        if resource.type in _STARTS and _STARTS[resource.type](resource.inputs):
            public = resource.type == "aws:lb/loadBalancer:LoadBalancer"
            wanted = out["public"] if public else out["private"] | endpoints
            # IPv6 has a way of its own beside.
            assert {urn for urn in wanted if not urn.endswith("-ipv6")} <= set(resource.dependencies), resource.urn
        through = {urn for urns in resource.property_dependencies.values() for urn in urns}
        assert not through & (routes | endpoints), resource.urn


@_STACK
def test_no_tag_is_said_twice(stack: str) -> None:
    for resource in snapshot_of(stack).resources:
        tags = resource.inputs.get("tags")
        if isinstance(tags, list):
            keys = [tag["key"] for tag in tags]
            assert len(keys) == len(set(keys)), resource.urn


def _is_taggable(resource: Resource) -> bool:
    import pulumi_aws  # noqa: F401 - registers the resource modules

    package, module, name = resource.type.split(":")
    if package != "aws":
        return False
    cls = getattr(importlib.import_module(f"pulumi_aws.{_python(module.split('/')[0])}"), name)
    return "tags" in inspect.signature(cls._internal_init).parameters


def _python(module: str) -> str:
    return {"lambda": "lambda_", "index": ""}.get(module, module.replace("-", "").lower())


def _tag_keys(resource: Resource) -> set[str]:
    tags = resource.inputs.get("tags") or {}
    return {tag["key"] for tag in tags} if isinstance(tags, list) else set(tags)


@_STACK
def test_nothing_stays_unknown_where_computed_values_are_given(stack: str) -> None:
    assert '"$groundwork": "unknown"' not in snapshot_of(stack).dumps()


@_STACK
def test_unknowns_change_no_urn_and_no_dependency(stack: str) -> None:
    """A first preview knows little, but it must plan the same resources."""
    known, unknown = snapshot_of(stack), snapshot_of(stack, unknowns=True)
    assert [resource.urn for resource in known.resources] == [resource.urn for resource in unknown.resources]
    assert [resource.dependencies for resource in known.resources] == [
        resource.dependencies for resource in unknown.resources
    ]


@_STACK
def test_what_holds_data_is_protected_in_prod(stack: str) -> None:
    snapshot = snapshot_of(stack)
    wanted = snapshot.settings["platform"]["stage"] == "prod"
    for resource in snapshot.of_type(*_STATEFUL):
        # The edge keeps nothing that cannot be drawn again, and a topic nothing longer than it takes to be delivered.
        if ":recovery:Recovery$" in resource.urn:
            # Copies stay when they leave the stack, which nothing stops: docs/decisions/0044-copies-elsewhere.md.
            assert resource.options.get("retainOnDelete", False) is wanted, resource.urn
        elif resource.inputs.get("tags", {}).get("layer") not in ("edge", "observability"):
            assert resource.options.get("protect", False) is wanted, resource.urn


_STATEFUL = (
    "aws:rds/instance:Instance",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:opensearch/domain:Domain",
    "aws:s3/bucket:Bucket",
    "aws:efs/fileSystem:FileSystem",
    "aws:kms/key:Key",
    "aws:secretsmanager/secret:Secret",
    "aws:backup/vault:Vault",
)


@_STACK
def test_every_database_and_cache_brings_its_alarms(stack: str) -> None:
    snapshot = snapshot_of(stack)
    watched = " ".join(alarm.urn for alarm in snapshot.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"))
    for resource in snapshot.of_type("aws:rds/instance:Instance", "aws:elasticache/replicationGroup:ReplicationGroup"):
        parent = snapshot.by_urn()[resource.parent or ""]
        assert parent.name in watched, resource.urn


@_STACK
def test_no_statement_allows_every_action_unless_a_condition_holds_it(stack: str) -> None:
    """C-05: what is asked as full access is derived from use; only an endpoint's policy names no action, and this account."""
    unbound = [
        (resource.urn, statement)
        for resource in snapshot_of(stack).resources
        for statement in _statements(resource)
        if statement.get("Effect") == "Allow" and statement.get("Action") == "*" and not statement.get("Condition")
    ]
    assert unbound == []


def _statements(resource: Resource) -> list[dict[str, Any]]:
    document = resource.inputs.get("policy")
    if not isinstance(document, str):
        return []
    statements = json.loads(document).get("Statement", [])
    return [statements] if isinstance(statements, dict) else statements
