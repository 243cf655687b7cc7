"""Two spokes reach each other and the internet only through a hub with a network firewall."""

import ipaddress

import pulumi
import pulumi_aws as aws

config = pulumi.Config()
supernet = ipaddress.ip_network(config.get("supernet") or "10.100.0.0/14")
zones = aws.get_availability_zones().names[:2]


class Network(pulumi.ComponentResource):
    def __init__(self, name: str, cidr: ipaddress.IPv4Network, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("hub:network:Network", name, {}, opts)
        below = pulumi.ResourceOptions(parent=self)
        self.vpc = aws.ec2.Vpc(name, cidr_block=str(cidr), opts=below)
        aws.ec2.DefaultSecurityGroup(name, vpc_id=self.vpc.id, opts=below)
        self.subnets = [
            aws.ec2.Subnet(
                f"{name}-{zone}", vpc_id=self.vpc.id, cidr_block=str(part), availability_zone=zone, opts=below
            )
            for zone, part in zip(zones, cidr.subnets(new_prefix=24), strict=False)
        ]
        self.routes = aws.ec2.RouteTable(name, vpc_id=self.vpc.id, opts=below)
        for index, subnet in enumerate(self.subnets):
            aws.ec2.RouteTableAssociation(
                f"{name}-{index}", subnet_id=subnet.id, route_table_id=self.routes.id, opts=below
            )
        self.register_outputs({"vpcId": self.vpc.id})


gateway = aws.ec2transitgateway.TransitGateway(
    "hub", default_route_table_association="disable", default_route_table_propagation="disable"
)
parts = supernet.subnets(new_prefix=16)
networks = {name: Network(name, next(parts)) for name in ("inspection", "shop", "office")}
key = aws.kms.Key("logs", enable_key_rotation=True)
for name, network in networks.items():
    attachment = aws.ec2transitgateway.VpcAttachment(
        name,
        transit_gateway_id=gateway.id,
        vpc_id=network.vpc.id,
        subnet_ids=[subnet.id for subnet in network.subnets],
        appliance_mode_support="enable" if name == "inspection" else "disable",
    )
    if name != "inspection":
        aws.ec2.Route(
            name,
            route_table_id=network.routes.id,
            destination_cidr_block="0.0.0.0/0",
            transit_gateway_id=gateway.id,
            opts=pulumi.ResourceOptions(depends_on=[attachment]),
        )
group = aws.networkfirewall.RuleGroup(
    "domains",
    type="STATEFUL",
    capacity=100,
    rule_group={
        "rules_source": {
            "rules_source_list": {
                "generated_rules_type": "ALLOWLIST",
                "target_types": ["TLS_SNI"],
                "targets": [".example.com"],
            }
        }
    },
)
policy = aws.networkfirewall.FirewallPolicy(
    "hub",
    firewall_policy={
        "stateless_default_actions": ["aws:forward_to_sfe"],
        "stateless_fragment_default_actions": ["aws:forward_to_sfe"],
        "stateful_rule_group_references": [{"resource_arn": group.arn}],
    },
)
firewall = aws.networkfirewall.Firewall(
    "hub",
    firewall_policy_arn=policy.arn,
    vpc_id=networks["inspection"].vpc.id,
    delete_protection=True,
    subnet_mappings=[{"subnet_id": subnet.id} for subnet in networks["inspection"].subnets],
)
pulumi.export("networks", {name: network.vpc.id for name, network in networks.items()})
pulumi.export(
    "firewall",
    firewall.firewall_statuses.apply(
        lambda statuses: [state.attachments[0].endpoint_id for state in statuses[0].sync_states]
    ),
)
