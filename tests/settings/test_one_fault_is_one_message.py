"""A slip on one line is one message about that line, not also what its absence would break elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groundwork.components.settings import Settings
from groundwork.settings.wording import forms
from tests.writing import mistakes_in

STACK = """\
groundwork:platform: {name: shop, stage: prod, phase: growth}
groundwork:compute:
  engine: eks
  kubernetes:
    nodes:
      general: {classes: [t3.large, t3.medium], min: 2, max: 10, desired: 3}
      batch: {classes: [c5.large], min: 0, max: 5, spot: true, taints: {spot: {value: "yes"}}}
groundwork:services:
  "*": {cpu: 256, memory: 256, port: 3000, limits: {cpu: 512}, connections: 4, scaling: {min: 2, max: 4}}
  web: {path: "/*", uses: {api: connect, tokens: read, jobs: send}}
  api: {uses: {database: connect, cache: connect, tokens: read}}
  report: {nodes: batch, scaling: {min: 1, max: 2}, uses: {database: connect}}
groundwork:secrets:
  tokens: {keys: [TOKEN], rotation: {days: 90, signing_keys: [TOKEN]}}
groundwork:messaging: {queues: {jobs: {visibility: 60}}}
groundwork:edge: {waf: {allowed_addresses: [203.0.113.0/24]}}
"""

HEAD = "Pulumi.dev.yaml:"
NODES = "compute.kubernetes.nodes"

SLIPS = {
    "a key of the cluster": ("    nodes:\n", "    node:\n", '7 compute.kubernetes.node: unknown key; did you mean "nodes"?; allowed'),
    "the cluster's own key": ("  kubernetes:\n", "  kubernets:\n", '6 compute.kubernets: unknown key; did you mean "kubernetes"?'),
    "a key that something needs": ("{days: 90,", "{day: 90,", '16 secrets.tokens.rotation.day: unknown key; did you mean "days"?'),
    "capitals": ("engine: eks", "engine: EKS", '5 compute.engine: "EKS" is not allowed; use fargate, ecs-ec2, eks, ec2 or app-runner; did you mean "eks"?'),
    "another word for the engine": ("engine: eks", "engine: kubernetes", '5 compute.engine: "kubernetes" is not allowed; use fargate'),
    "a scalar for a layer": ("groundwork:messaging: {queues: {jobs: {visibility: 60}}}", "groundwork:messaging: jobs", '17 messaging: "jobs" is not a mapping; its keys are push, queues'),
    "a group's name": ("      general:", "      General_Nodes:", f'8 {NODES}.General_Nodes: "General_Nodes" must be lower-case letters'),
    "bounds of a group": ("min: 2, max: 10, desired: 3", "min: 12, max: 10", f"8 {NODES}.general.min: min (12) is more than max (10)"),
    "a group that starts with too many": ("desired: 3", "desired: 30", f"8 {NODES}.general.desired: desired (30) must lie between min (2) and max (10)"),
    "a group that is too small": ("max: 10, desired: 3", "max: 2", f"8 {NODES}.general.max: 2 × t3.large or t3.medium hold"),
    "a class that holds nothing": ("[t3.large, t3.medium]", "[t3.micro]", "11 services.*.memory: a copy asks for 256 MiB, and the largest node"),
    "one class where a list belongs": ("[t3.large, t3.medium]", "t3.large", f'8 {NODES}.general.classes: "t3.large" is not a list; write [t3.large]'),
    "a taint as kubectl writes it": ('{spot: {value: "yes"}}', '{spot: "yes"}', f'9 {NODES}.batch.taints.spot: "yes" is not a mapping; its keys are effect, value'),
    "a word that YAML takes for true": ('value: "yes"', "value: yes", f"9 {NODES}.batch.taints.spot.value: true is not text; put it in quotes (YAML takes"),
    "a version without quotes": ("  kubernetes:\n", "  kubernetes:\n    version: 1.36\n", "7 compute.kubernetes.version: 1.36 is not text; put it in quotes"),
    "a version with a patch": ("  kubernetes:\n", '  kubernetes:\n    version: "1.36.2"\n', '7 compute.kubernetes.version: "1.36.2" is not a version such as "1.36"'),
    "who may enter": ("  kubernetes:\n", "  kubernetes:\n    access: {me: {principal: me}}\n", '7 compute.kubernetes.access.me.principal: "me" is not the ARN of an IAM role or user, such as'),
    "limits that every service takes over": ("limits: {cpu: 512}", "limits: {cpu: 128}", "11 services.*.limits.cpu: limits.cpu (128) is less than the 256 that it asks for"),
    "CPU as Kubernetes counts it": ("cpu: 256, memory", "cpu: 250m, memory", '11 services.*.cpu: "250m" is not a whole number; write 256 (CPU units, of which 1024 are a vCPU)'),
    "a part of a vCPU": ("cpu: 256, memory", "cpu: 0.25, memory", "11 services.*.cpu: 0.25 is not a whole number; write 256 (CPU units"),
    "memory as Kubernetes counts it": ("memory: 256", "memory: 256Mi", '11 services.*.memory: "256Mi" is not a whole number; write 256 (MiB)'),
    "a port that others call": ("port: 3000", "port: 80", "11 services.*.port: 80 is too small; the least is 1024"),
    "the group of a service": ("nodes: batch", "nodes: bach", f'14 services.report.nodes: there is no group "bach" in {NODES}; did you mean "batch"?'),
    "a key that is not a signing key": ("signing_keys: [TOKEN]", "signing_keys: [TOKENS]", '16 secrets.tokens.rotation.signing_keys: rotation.signing_keys has TOKENS, which keys does not list; did you mean "TOKEN"?'),
    "a queue's setting": ("visibility: 60", "visibility: minute", '17 messaging.queues.jobs.visibility: "minute" is not a whole number'),
    "an address with its mask": ("203.0.113.0/24", "203.0.113.7/24", '18 edge.waf.allowed_addresses[0]: "203.0.113.7/24" is not an address range: 203.0.113.7/24 has host bits set; did you mean "203.0.113.0/24"?'),
    "a domain as an address": (
        "phase: growth}",
        "phase: growth, domain: 'https://www.example.com/'}\n",
        '3 platform.domain: "https://www.example.com/" is not a domain name',
    ),
    "a share of Spot for one service": (
        "  report: {nodes: batch,",
        "  report: {spot: 50,",
        "14 services.report.spot: goes with the engine fargate; with eks give compute.kubernetes.nodes a group with spot: true",
    ),
    "a service that answers with no copies": (
        'api: {uses',
        'api: {scaling: {min: 0}, uses',
        "13 services.api.scaling.min: a service with a port needs at least 1 copy",
    ),
    "a key * without quotes": ('  "*":', "  *:", "11: not valid YAML: did not find expected alphabetic or numeric character; a key that is * wants quotes"),
    "a colon that is missing": ("engine: eks", "engine eks", "6: not valid YAML: mapping values are not allowed in this context; is a colon missing"),
    "no network": ("groundwork:compute:", "groundwork:network: null\ngroundwork:compute:", "4 network: is not built, and services, data, cache and compute (eks) need it; set network: {}"),
    "a number that is too large for what others say": ("groundwork:compute:", "groundwork:network: {zones: 9}\ngroundwork:compute:", "4 network.zones: 9 is too large; the most is 3"),
}  # fmt: skip


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_one_message(slip: str, tmp_path: Path) -> None:
    right, wrong, expected = SLIPS[slip]
    assert STACK.count(right) == 1
    [message] = mistakes_in(tmp_path, STACK.replace(right, wrong))
    assert message.startswith(f"{HEAD}{expected}")


def test_the_stack_that_slips_are_made_in_has_none(tmp_path: Path) -> None:
    assert mistakes_in(tmp_path, STACK) == []


def test_a_mistake_below_a_misspelt_key_shows_too(tmp_path: Path) -> None:
    slips = STACK.replace("    nodes:\n", "    node:\n").replace("t3.large", "t3.lrge").replace("min: 0", "min: none")
    assert [message.partition(": ")[0] for message in mistakes_in(tmp_path, slips)] == [
        f"{HEAD}7 compute.kubernetes.node",
        f"{HEAD}8 compute.kubernetes.node.general.classes[0]",
        f"{HEAD}9 compute.kubernetes.node.batch.min",
    ]


def test_what_a_group_refuses_as_a_whole_is_not_called_missing(tmp_path: Path) -> None:
    source = (
        "engine: mysql, host: db, username: me, password: {secure: v1:abc}, database: old, addresses: [10.8.0.0/16]"
    )
    [message] = mistakes_in(tmp_path, f"groundwork:migration: {{source: {{{source}}}}}")
    assert message.endswith(
        "migration.source: DMS has no require for mysql; use verify-ca or verify-full with a certificate"
    )


def test_every_pattern_is_said_in_words() -> None:
    patterns = set(_patterns(Settings.model_json_schema()))
    assert patterns == set(forms())
    assert [words for words in forms().values() if not re.search(r"[a-z] ", words)] == []


def _patterns(schema: object) -> list[str]:
    if isinstance(schema, list):
        return [found for item in schema for found in _patterns(item)]
    if not isinstance(schema, dict):
        return []
    own = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
    keys = list(schema["patternProperties"]) if isinstance(schema.get("patternProperties"), dict) else []
    return [*own, *keys, *(found for item in schema.values() for found in _patterns(item))]
