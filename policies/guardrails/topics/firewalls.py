"""Network firewalls, and the ways into a VPC that are no internet gateway."""

from __future__ import annotations

from guardrails import kinds
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

_SAFE_ACTIONS = {"aws:drop", "aws:forward_to_sfe"}
_RULE_SOURCES = ("rulesSourceList", "rulesString", "statefulRules", "statelessRulesAndCustomActions.statelessRules")


@stack_rule(
    "Network firewalls keep logs",
    "medium",
    kinds.NETWORK_FIREWALL,
    ids=("fsbp:NetworkFirewall.2", "checkov:CKV2_AWS_63"),
    why="What it dropped, and what it let through, stands only there.",
    fix="Declare an aws.networkfirewall.LoggingConfiguration for the firewall.",
    levels=ADVISORY_IN_DEV,
)
def network_firewall_logs(firewall: Resource, stack: Stack) -> Messages:
    if not stack.referrers(firewall, "firewallArn", kinds.NETWORK_FIREWALL_LOGGING):
        yield "it logs nothing"


@resource_rule(
    "Network firewalls are protected from deletion and moves",
    "medium",
    kinds.NETWORK_FIREWALL,
    ids=("fsbp:NetworkFirewall.9", "fsbp:NetworkFirewall.10", "checkov:CKV_AWS_344"),
    why="Without the firewall, or in another subnet, traffic stops or passes unseen.",
    fix="Set deleteProtection and subnetChangeProtection to true.",
    levels=ADVISORY_IN_DEV,
)
def network_firewall_protected(firewall: Resource) -> Messages:
    for path in ("deleteProtection", "subnetChangeProtection"):
        if not firewall.truth(path):
            yield f"{path} is off"


@resource_rule(
    "Firewall policies have rules and drop the rest",
    "medium",
    kinds.NETWORK_FIREWALL_POLICY,
    ids=("fsbp:NetworkFirewall.3", "fsbp:NetworkFirewall.4", "fsbp:NetworkFirewall.5"),
    why="A policy that passes what no rule names is a firewall only by its name.",
    fix="Reference a rule group; set the stateless default actions to aws:drop or aws:forward_to_sfe.",
)
def network_firewall_policy(policy: Resource) -> Messages:
    document = policy.node("firewallPolicy")
    if not document.has("statefulRuleGroupReferences") and not document.has("statelessRuleGroupReferences"):
        yield "it references no rule group"
    for path in ("statelessDefaultActions", "statelessFragmentDefaultActions"):
        if not _SAFE_ACTIONS & set(document.strings(path)):
            yield f"it passes what no rule names ({path})"


@resource_rule(
    "Groups of firewall rules are not empty",
    "medium",
    kinds.NETWORK_FIREWALL_GROUP,
    ids=("fsbp:NetworkFirewall.6",),
    why="An empty group filters nothing and looks as if it did.",
    fix="Add rules to ruleGroup.rulesSource, or remove the group.",
)
def network_firewall_group_used(group: Resource) -> Messages:
    source = group.node("ruleGroup.rulesSource")
    if not group.has("rules") and not any(source.has(path) for path in _RULE_SOURCES):
        yield "it has no rules"
    source.get("rulesString")


@resource_rule(
    "Transit gateways ask before a VPC joins",
    "high",
    kinds.TRANSIT_GATEWAY,
    ids=("fsbp:EC2.23", "checkov:CKV_AWS_331"),
    why="Every account the gateway is shared with could join its network by itself.",
    fix="Remove autoAcceptSharedAttachments or set it to disable.",
)
def transit_gateway_asks(gateway: Resource) -> Messages:
    if gateway.get("autoAcceptSharedAttachments") == "enable":
        yield "it accepts every attachment (autoAcceptSharedAttachments)"


@resource_rule(
    "Endpoint services ask before a client connects",
    "medium",
    kinds.VPC_ENDPOINT_SERVICE,
    ids=("checkov:CKV_AWS_123",),
    why="Whoever is allowed to find the service would be inside without anyone having said yes.",
    fix="Set acceptanceRequired to true.",
)
def endpoint_service_asks(service: Resource) -> Messages:
    if not service.truth("acceptanceRequired", default=True):
        yield "it accepts every connection (acceptanceRequired)"


@resource_rule(
    "Client VPNs record who connects",
    "low",
    kinds.CLIENT_VPN,
    ids=("fsbp:EC2.51",),
    why="After a stolen laptop the log is the only answer to who was inside.",
    fix="Set connectionLogOptions.enabled to true with a log group.",
)
def client_vpn_logs(endpoint: Resource) -> Messages:
    if not endpoint.truth("connectionLogOptions.enabled"):
        yield "it keeps no log of connections (connectionLogOptions.enabled)"


@resource_rule(
    "VPN tunnels keep logs",
    "medium",
    kinds.VPN_CONNECTION,
    ids=("fsbp:EC2.171",),
    why="Why a tunnel went down, or who tried to bring it up, stands only there.",
    fix="Set tunnel1LogOptions and tunnel2LogOptions with cloudwatchLogOptions.logEnabled.",
    levels=ADVISORY_IN_DEV,
)
def vpn_tunnel_logs(connection: Resource) -> Messages:
    for tunnel in ("tunnel1LogOptions", "tunnel2LogOptions"):
        if not connection.truth(f"{tunnel}.cloudwatchLogOptions.logEnabled"):
            yield f"a tunnel keeps no log ({tunnel})"


@resource_rule(
    "Blocking internet gateways is not undone",
    "medium",
    kinds.VPC_BLOCK,
    ids=("fsbp:EC2.172",),
    why="The account's block is the net below every route that somebody adds by mistake.",
    fix="Set internetGatewayBlockMode to block-bidirectional or block-ingress.",
)
def vpc_block_on(setting: Resource) -> Messages:
    if setting.get("internetGatewayBlockMode") == "off":
        yield "internet gateways are no longer blocked (internetGatewayBlockMode)"
