"""App Runner: containers that answer HTTP, for accounts that still have it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Statement
from groundwork.components.base import Component
from groundwork.components.compute.apprunner.alarms import watch_service
from groundwork.components.compute.apprunner.service import AppRunnerService, deploy, tracing
from groundwork.components.compute.apprunner.web_acl import only_through_cloudfront
from groundwork.components.compute.images import images_of
from groundwork.components.compute.jobs import JobOutputs
from groundwork.components.compute.run import Run
from groundwork.components.compute.settings import ComputeSettings
from groundwork.components.compute.stopping import Stoppable
from groundwork.components.compute.trust import trusted
from groundwork.components.compute.workload import workloads
from groundwork.components.context import Context
from groundwork.components.edge.origin import Origin, Origins


class AppRunner(Component):
    """Every service of the stack file as an App Runner service (S0-01).

    App Runner takes no new customers since 30 April 2026, and gets no new features; accounts that had it may go on, new
    services included. Others use ``fargate``, with the same declaration:
    https://docs.aws.amazon.com/apprunner/latest/dg/apprunner-availability-change.html

    Builds: for each service an ECR repository (unless ``image`` names one elsewhere), a role to pull with and a role to run
    with, a security group with its rules and a VPC connector, an auto-scaling configuration (``scaling.min``, ``max`` and
    ``concurrency``), the service itself, its alarms; X-Ray where services are traced; a web ACL. Behind CloudFront that web ACL
    is one of its own, which asks for the header that only CloudFront sends.

    Cost: memory of the copies of ``min`` always, vCPU only while they work; no load balancer. NAT for what services call
    outside; the web ACL is $6 a month.

    Fails: an image that is not there fails the deployment, and with it the update. A deployment that does not get healthy is rolled back by App Runner and the old
    one goes on. 403 for everything means that the header of CloudFront is another than the web ACL's.

    Not as elsewhere: containers may write to their root and run as the image's user (``user``, ``writable_paths`` and ``drain``
    mean nothing here); requests last 120 s at most and there are no WebSockets; App Runner makes the log groups itself, which
    keep everything and have no key of ours; it scales by concurrent requests alone.

    Changes without replacement: all but the key of its copy of the image. A new deployment takes some minutes, without
    downtime.
    """

    layer = "compute"

    cluster_name: None
    """There is no cluster."""
    service_names: dict[str, pulumi.Output[str]]
    security_group_ids: dict[str, pulumi.Output[str]]
    repository_urls: dict[str, pulumi.Output[str]]
    """Of those services that have a repository of their own."""
    log_group_names: dict[str, pulumi.Output[str]]
    """What the services write."""
    service_arns: dict[str, pulumi.Output[str]]
    addresses: dict[str, pulumi.Output[str]]
    """Host name of each service: the origins of CloudFront."""
    jobs: dict[str, JobOutputs]
    """App Runner runs none."""
    delivery: tuple[Statement, ...]
    origins: Origins
    stoppable: Stoppable
    volume_arns: tuple[pulumi.Output[str], ...]

    def __init__(
        self,
        name: str,
        settings: ComputeSettings,
        context: Context,
        *,
        run: Run,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, context, opts)
        built = workloads(
            self,
            run.services,
            grants=run.grants,
            network=run.network,
            trust=trusted("tasks.apprunner.amazonaws.com"),
            tracing=self.context.alerting.settings.tracing,
        )
        traced = tracing(self) if any(workload.tracing for workload in built.values()) else None
        deployed: dict[str, AppRunnerService] = {}
        images = images_of(self, built, settings)
        for service, workload in built.items():
            deployed[service] = deploy(
                self,
                workload,
                image=images[service],
                network=run.network,
                tracing_arn=traced if workload.tracing else None,
            )
            watch_service(self, service, deployed[service])
        header = run.entrance.origin_header
        web_acl_arn = only_through_cloudfront(self, header) if header is not None else run.entrance.web_acl_arn
        if web_acl_arn is not None:
            for service, made in deployed.items():
                aws.wafv2.WebAclAssociation(
                    f"{name}-{service}", resource_arn=made.arn, web_acl_arn=web_acl_arn, opts=self.child()
                )
        self.cluster_name = None
        self.jobs = {}
        arns = [made.arn for made in deployed.values()]
        self.delivery = (
            # It takes no resource: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapprunner.html
            Statement("FindServices", ("apprunner:ListServices",), ("*",)),
            Statement(
                "RollOut", ("apprunner:DescribeService", "apprunner:ListOperations", "apprunner:UpdateService"), arns
            ),
            Statement(
                "PassRoles",
                ("iam:PassRole",),
                [
                    *(workload.role_arn for workload in built.values()),
                    *(made.pull_role_arn for made in deployed.values() if made.pull_role_arn is not None),
                ],
                {
                    "StringEquals": {
                        "iam:PassedToService": ["build.apprunner.amazonaws.com", "tasks.apprunner.amazonaws.com"]
                    }
                },
            ),
        )
        self.service_names = {service: made.name for service, made in deployed.items()}
        self.security_group_ids = {service: workload.security_group_id for service, workload in built.items()}
        self.repository_urls = {
            service: made.repository_url for service, made in deployed.items() if made.repository_url is not None
        }
        self.log_group_names = {
            service: pulumi.Output.concat("/aws/apprunner/", made.name, "/", made.id, "/application")
            for service, made in deployed.items()
        }
        self.service_arns = {service: made.arn for service, made in deployed.items()}
        self.addresses = {service: made.address for service, made in deployed.items()}
        self.origins = Origins(
            {Origins.id_of(service): Origin(host, header=header) for service, host in self.addresses.items()},
            by_service=True,
        )
        self.stoppable = Stoppable(app_runner=self.service_arns)
        self.volume_arns = ()
        self.register_outputs(
            {
                "serviceNames": self.service_names,
                "repositoryUrls": self.repository_urls,
                "addresses": self.addresses,
            }
        )
