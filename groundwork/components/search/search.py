"""OpenSearch Service: a search domain inside the VPC."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant, Opening, Statement, policy_document
from groundwork.components.base import Component, fit
from groundwork.components.context import Context
from groundwork.components.data_tier import DataTier
from groundwork.components.logs import log_group
from groundwork.components.search.alarms import watch_domain
from groundwork.components.search.settings import SearchSettings
from groundwork.settings.base import window_in_utc
from groundwork.settings.facts import search_classes

PORT = 443

# The newest that the service has:
# https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DomainEndpointOptions.html
_TLS = "Policy-Min-TLS-1-2-PFS-2023-10"
_LOG_TYPES = {
    "search-slow": "SEARCH_SLOW_LOGS",
    "index-slow": "INDEX_SLOW_LOGS",
    "application": "ES_APPLICATION_LOGS",
    "audit": "AUDIT_LOGS",
}
_ASK = ["es:ESHttpGet", "es:ESHttpHead"]
_CHANGE = ["es:ESHttpDelete", "es:ESHttpPatch", "es:ESHttpPost", "es:ESHttpPut"]
# Clients send a query as the body of a POST.
_QUERIES = ("_search", "_msearch", "_count", "_mget")


class Search(Component):
    """A search domain in the data tier: private, encrypted at rest and between nodes, HTTPS only, every request signed.

    Builds: domain, security group (its rules come from grants), master role, log groups with the policy that lets this domain
    write to them, alarms; with ``linked_role`` the service-linked role by which the service enters a VPC.

    Access passes three gates: the security group, IAM (the domain's policy leaves it to this account's IAM), and OpenSearch's
    own roles. No user has a password. The one identity that OpenSearch knows from the start is the master role, which whoever
    IAM allows to may assume; it must map the roles of workloads once, from inside the VPC, before any of them gets an answer
    other than 403: see docs/components/search.md.

    Cost: class × nodes × hours, masters likewise; gigabytes of gp3 on each node; logs by gigabyte. Hourly snapshots of 14 days
    are free.

    Fails: creation takes 20 to 40 minutes, without the service-linked role it ends with ``you must enable a service-linked
    role``, where another stack made that role with ``has been taken in this account``. 403 with ``security_exception`` names a
    role that is not mapped, 403 without it one that IAM did not let through. A full volume blocks writes
    (``cluster_block_exception``). An account has ten log resource policies for each region; this takes one.

    Changes without replacement: all but name, key and VPC. Class, masters' class, masters on or off, zones, a smaller volume, a
    second change of the volume within six hours, subnets, audit logs, advanced options, versions and service software start a
    blue/green deployment: as many nodes again for hours, addresses for them in the subnets, no downtime
    (https://docs.aws.amazon.com/opensearch-service/latest/developerguide/managedomains-configuration-changes.html). The
    number of nodes, access policy, Auto-Tune, window and alarms change in place. A version never goes back. The fixed name
    makes a replacement fail instead of emptying a domain unseen; outside prod the old one goes first.
    """

    layer = "search"

    security_group_id: pulumi.Output[str]
    """The group that workloads reach."""
    endpoint: pulumi.Output[str]
    """``https://…``"""
    domain_name: str
    """What CloudWatch calls the domain."""
    arn: pulumi.Output[str]
    """The domain's."""
    master_role_arn: pulumi.Output[str]
    """Whom OpenSearch obeys."""

    def __init__(
        self,
        name: str,
        settings: SearchSettings,
        context: Context,
        *,
        network: DataTier,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Create the domain with its alarms. ``network`` has the subnets that it stands in: a :class:`Network`, or ``DataSubnets`` of a
        program's own."""
        super().__init__(name, context, opts)
        self._settings = settings
        # https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_CreateDomain.html
        self.domain_name = fit(f"{name}-{context.platform.stage}", 28)
        # Known before the domain is, whose own policy names it.
        self.arn = context.arn("es", f"domain/{self.domain_name}")
        clients = aws.ec2.SecurityGroup(
            f"{name}-clients",
            description=f"{name}: what services reach",
            vpc_id=network.vpc_id,
            opts=self.child(),
        )
        self.security_group_id = clients.id
        master = self._master_role()
        self.master_role_arn = master.arn
        groups: dict[str, aws.cloudwatch.LogGroup] = {
            log: log_group(self, log, f"{context.prefix}/search/{log}") for log in dict.fromkeys(settings.logs)
        }
        domain = self._domain(
            network,
            group_id=clients.id,
            master=master,
            groups=groups,
            before=[*self._linked_role(), *self._log_policy(groups)],
        )
        self.endpoint = pulumi.Output.concat("https://", domain.endpoint)
        watch_domain(self, self.domain_name, settings)
        self.register_outputs({"endpoint": self.endpoint, "masterRoleArn": self.master_role_arn})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant ``read`` (get documents, send queries) or ``write`` (the same, and change whatever OpenSearch
        allows)."""
        everything = pulumi.Output.concat(self.arn, "/*")
        if level == "write":
            statements = [Statement("SearchWrite", [*_ASK, *_CHANGE], [everything])]
        else:
            queries = [pulumi.Output.concat(self.arn, path, query) for query in _QUERIES for path in ("/", "/*/")]
            statements = [
                Statement("SearchRead", _ASK, [everything]),
                Statement("SearchQuery", ["es:ESHttpPost"], queries),
            ]
        return Grant(
            statements=statements,
            openings=[Opening(self.security_group_id, PORT, f"Search {self.name}")],
            environment={"SEARCH_ENDPOINT": self.endpoint, "SEARCH_REGION": self.context.region},
        )

    def _account(self) -> pulumi.Output[str]:
        return pulumi.Output.concat(f"{self.context.arn_start}:iam::", self.context.account_id, ":root")

    def _master_role(self) -> aws.iam.Role:
        """Create the role that administers OpenSearch's own roles, for whoever the account's IAM allows to assume it;
        no workload does."""
        role = aws.iam.Role(
            f"{self.name}-master",
            description=f"{self.name}: administers the roles inside OpenSearch",
            assume_role_policy=policy_document(
                [
                    {
                        "Sid": "EnableIamPolicies",
                        "Effect": "Allow",
                        "Principal": {"AWS": self._account()},
                        "Action": "sts:AssumeRole",
                    }
                ]
            ),
            opts=self.child(),
        )
        aws.iam.RolePolicy(
            f"{self.name}-master",
            role=role.id,
            policy=policy_document(
                [Statement("SearchMaster", [*_ASK, *_CHANGE], [pulumi.Output.concat(self.arn, "/*")])]
            ),
            opts=self.child(),
        )
        return role

    def _linked_role(self) -> list[pulumi.Resource]:
        """Create the service-linked role. It outlives the stack: AWS refuses to delete it while another platform of
        the account uses it.

        https://docs.aws.amazon.com/opensearch-service/latest/developerguide/slr-aos.html
        """
        if not self._settings.linked_role:
            return []
        return [
            aws.iam.ServiceLinkedRole(
                f"{self.name}-service",
                aws_service_name="opensearchservice.amazonaws.com",
                description=f"{self.name}: OpenSearch Service enters VPCs with it",
                opts=self.child(retain_on_delete=True),
            )
        ]

    def _log_policy(self, groups: dict[str, aws.cloudwatch.LogGroup]) -> list[pulumi.Resource]:
        """Allow OpenSearch to write its logs.
        https://docs.aws.amazon.com/opensearch-service/latest/developerguide/createdomain-configure-slow-logs.html"""
        if not groups:
            return []
        statement = {
            "Sid": "AllowOpenSearchLogs",
            "Effect": "Allow",
            "Principal": {"Service": "es.amazonaws.com"},
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [pulumi.Output.concat(group.arn, ":*") for group in groups.values()],
            "Condition": {
                "StringEquals": {"aws:SourceAccount": self.context.account_id},
                "ArnLike": {"aws:SourceArn": self.arn},
            },
        }
        return [
            aws.cloudwatch.LogResourcePolicy(
                f"{self.name}-logs",
                policy_name=f"{self.domain_name}-logs",
                policy_document=policy_document([statement]),
                opts=self.child(),
            )
        ]

    def _domain(
        self,
        network: DataTier,
        *,
        group_id: pulumi.Output[str],
        master: aws.iam.Role,
        groups: dict[str, aws.cloudwatch.LogGroup],
        before: list[pulumi.Resource],
    ) -> aws.opensearch.Domain:
        settings, context = self._settings, self.context
        known = search_classes().get(settings.node_class)
        subnets = list(network.data_subnet_ids.values())[: settings.zones]
        return aws.opensearch.Domain(
            f"{self.name}-domain",
            domain_name=self.domain_name,
            engine_version=f"OpenSearch_{settings.version}",
            cluster_config=self._cluster(),
            ebs_options=aws.opensearch.DomainEbsOptionsArgs(
                ebs_enabled=True,
                volume_type="gp3",
                volume_size=settings.storage.size,
                # Both are always said: left out, the provider sends what a smaller volume had, and AWS refuses the larger one.
                iops=settings.storage.all_iops,
                throughput=settings.storage.all_throughput,
            ),
            vpc_options=aws.opensearch.DomainVpcOptionsArgs(subnet_ids=subnets, security_group_ids=[group_id]),
            encrypt_at_rest=aws.opensearch.DomainEncryptAtRestArgs(
                enabled=True, kms_key_id=self.context.key_arn("data")
            ),
            node_to_node_encryption=aws.opensearch.DomainNodeToNodeEncryptionArgs(enabled=True),
            domain_endpoint_options=aws.opensearch.DomainDomainEndpointOptionsArgs(
                enforce_https=True, tls_security_policy=_TLS
            ),
            advanced_security_options=aws.opensearch.DomainAdvancedSecurityOptionsArgs(
                enabled=True,
                internal_user_database_enabled=False,
                master_user_options=aws.opensearch.DomainAdvancedSecurityOptionsMasterUserOptionsArgs(
                    master_user_arn=master.arn
                ),
            ),
            access_policies=self._access_policy(),
            advanced_options=dict(settings.advanced_options) or None,
            # AWS refuses the whole block for t3, even one that turns it off.
            auto_tune_options=aws.opensearch.DomainAutoTuneOptionsArgs(
                desired_state="ENABLED" if settings.auto_tune else "DISABLED", use_off_peak_window=settings.auto_tune
            )
            if known is None or known.auto_tune
            else None,
            off_peak_window_options=self._off_peak(),
            software_update_options=aws.opensearch.DomainSoftwareUpdateOptionsArgs(
                auto_software_update_enabled=settings.software_updates
            ),
            log_publishing_options=[
                aws.opensearch.DomainLogPublishingOptionArgs(
                    log_type=_LOG_TYPES[log], cloudwatch_log_group_arn=group.arn, enabled=True
                )
                for log, group in groups.items()
            ],
            opts=self.stateful(depends_on=before, delete_before_replace=None if context.is_prod else True),
        )

    def _cluster(self) -> aws.opensearch.DomainClusterConfigArgs:
        settings = self._settings
        spread = settings.zones > 1
        return aws.opensearch.DomainClusterConfigArgs(
            instance_type=settings.node_class,
            instance_count=settings.nodes,
            dedicated_master_enabled=settings.masters is not None,
            dedicated_master_type=settings.masters.node_class if settings.masters else None,
            dedicated_master_count=settings.masters.count if settings.masters else None,
            zone_awareness_enabled=spread,
            zone_awareness_config=aws.opensearch.DomainClusterConfigZoneAwarenessConfigArgs(
                availability_zone_count=settings.zones
            )
            if spread
            else None,
        )

    def _access_policy(self) -> pulumi.Output[str]:
        """Return the domain's access policy. The account's root as principal means: the account's IAM decides. Nobody
        of another account gets in."""
        return policy_document(
            [
                {
                    "Sid": "EnableIamPolicies",
                    "Effect": "Allow",
                    "Principal": {"AWS": self._account()},
                    "Action": sorted([*_ASK, *_CHANGE]),
                    "Resource": pulumi.Output.concat(self.arn, "/*"),
                }
            ]
        )

    def _off_peak(self) -> aws.opensearch.DomainOffPeakWindowOptionsArgs:
        hour = self._settings.off_peak_hour
        start = window_in_utc(f"{hour:02d}:00-{(hour + 1) % 24:02d}:00", self.context.platform.timezone)
        return aws.opensearch.DomainOffPeakWindowOptionsArgs(
            enabled=True,
            off_peak_window=aws.opensearch.DomainOffPeakWindowOptionsOffPeakWindowArgs(
                window_start_time=aws.opensearch.DomainOffPeakWindowOptionsOffPeakWindowWindowStartTimeArgs(
                    hours=int(start[:2]), minutes=int(start[3:5])
                )
            ),
        )
