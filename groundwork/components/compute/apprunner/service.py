"""One service on App Runner."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi
import pulumi_aws as aws

from groundwork.components.access import policy_document
from groundwork.components.base import Component, fit
from groundwork.components.compute.images import Image, pull_named
from groundwork.components.compute.references import read_statements, value_from
from groundwork.components.compute.trust import trusted
from groundwork.components.compute.wiring import NetworkLike
from groundwork.components.compute.workload import Workload, before_its_image, role_of
from groundwork.components.services.settings import ServiceSettings

# Longest names that App Runner takes: https://docs.aws.amazon.com/apprunner/latest/api/API_CreateService.html
_SERVICE_NAME = 40
_CONFIGURATION_NAME = 32

_DEFAULT_CONCURRENCY = 100

_PLACEHOLDER = "httpd -f -p {port} -h /home"
"""No shell reads it, so that it cannot write the file that a health check by path would ask for; the folder is empty.

https://github.com/aws/apprunner-roadmap/issues/180
"""


@dataclass(frozen=True)
class AppRunnerService:
    """A service that runs."""

    name: pulumi.Output[str]
    id: pulumi.Output[str]
    arn: pulumi.Output[str]
    address: pulumi.Output[str]
    """Its host name, with HTTPS and a certificate of App Runner's."""
    pull_role_arn: pulumi.Output[str] | None
    repository_url: pulumi.Output[str] | None


def deploy(
    parent: Component,
    workload: Workload,
    *,
    image: Image,
    network: NetworkLike,
    tracing_arn: pulumi.Output[str] | None,
) -> AppRunnerService:
    """Create a service with its image, roles, network, alarms and logs."""
    name = workload.name
    key = f"{parent.name}-{name}"
    reads = _read_references(parent, workload)
    if image.is_placeholder:
        workload = before_its_image(workload)
    wanted = workload.settings
    pull_role_arn = _pull_role(parent, name, image)
    service = aws.apprunner.Service(
        key,
        service_name=fit(_full_name(parent, name), _SERVICE_NAME),
        source_configuration=_source(workload, image, pull_role_arn),
        instance_configuration=aws.apprunner.ServiceInstanceConfigurationArgs(
            cpu=str(wanted.cpu), memory=str(wanted.memory), instance_role_arn=workload.role_arn
        ),
        auto_scaling_configuration_arn=_scaling(parent, name, wanted),
        network_configuration=_network(parent, workload, network),
        health_check_configuration=_health(wanted, image),
        encryption_configuration=aws.apprunner.ServiceEncryptionConfigurationArgs(
            kms_key=parent.context.key_arn("storage")
        ),
        observability_configuration=aws.apprunner.ServiceObservabilityConfigurationArgs(
            observability_enabled=tracing_arn is not None, observability_configuration_arn=tracing_arn
        ),
        tags={"service": name},
        opts=parent.child(
            depends_on=[*workload.ready, *reads, *network.private_ready],
            # Its name is fixed, so the old one goes before a new one comes.
            delete_before_replace=True,
        ),
    )
    return AppRunnerService(
        service.service_name,
        service.service_id,
        service.arn,
        service.service_url,
        pull_role_arn,
        image.repository_url,
    )


def _health(wanted: ServiceSettings, image: Image) -> aws.apprunner.ServiceHealthCheckConfigurationArgs:
    return aws.apprunner.ServiceHealthCheckConfigurationArgs(
        protocol="TCP" if image.is_placeholder else "HTTP",
        path=None if image.is_placeholder else wanted.health,
        interval=10,
        timeout=5,
        healthy_threshold=1,
        unhealthy_threshold=3,
    )


def _full_name(parent: Component, service: str) -> str:
    return f"{parent.context.slug}-{service}"


def _read_references(parent: Component, workload: Workload) -> list[pulumi.Resource]:
    """Grant read access to the values a service refers to: App Runner reads them with the service's own role, where
    ECS has one for starting.

    https://docs.aws.amazon.com/apprunner/latest/dg/env-variable.html
    """
    statements = read_statements(workload.references, parent.context.region)
    if not statements:
        return []
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{workload.name}-values",
        role=workload.role_name,
        policy=policy_document(statements),
        opts=parent.child(),
    )
    return [policy]


def _source(
    workload: Workload, image: Image, pull_role_arn: pulumi.Output[str] | None
) -> aws.apprunner.ServiceSourceConfigurationArgs:
    wanted = workload.settings
    # App Runner sets PORT itself and refuses it from others.
    environment = {key: value for key, value in workload.environment.items() if key != "PORT"}
    configuration = aws.apprunner.ServiceSourceConfigurationImageRepositoryImageConfigurationArgs(
        port=str(wanted.port),
        start_command=_PLACEHOLDER.format(port=wanted.port)
        if image.is_placeholder
        else shlex.join(wanted.command) or None,
        runtime_environment_variables=environment,
        runtime_environment_secrets={key: value_from(value) for key, value in sorted(workload.references.items())},
    )
    in_ecr = not image.is_placeholder or bool(pull_named(str(image.reference)))
    access = pull_role_arn if in_ecr else None
    return aws.apprunner.ServiceSourceConfigurationArgs(
        # A deployment is somebody's decision, not a push's.
        auto_deployments_enabled=False,
        authentication_configuration=aws.apprunner.ServiceSourceConfigurationAuthenticationConfigurationArgs(
            access_role_arn=access
        )
        if access is not None
        else None,
        image_repository=aws.apprunner.ServiceSourceConfigurationImageRepositoryArgs(
            image_identifier=image.reference,
            image_repository_type="ECR" if access is not None else "ECR_PUBLIC",
            image_configuration=configuration,
        ),
    )


def _pull_role(parent: Component, service: str, image: Image) -> pulumi.Output[str] | None:
    """Create the role that pulls a service's image; None where none is needed.
    https://docs.aws.amazon.com/apprunner/latest/dg/security_iam_service-with-iam.html#security_iam_service-with-iam-roles-service.access"""
    if not image.pull:
        return None
    role = role_of(
        parent, f"{service}-pull", trusted("build.apprunner.amazonaws.com"), f"What it takes to pull {service}."
    )
    statements = [
        replace(statement, actions=(*statement.actions, "ecr:DescribeImages")) if statement.sid == "Pull" else statement
        for statement in image.pull
    ]
    policy = aws.iam.RolePolicy(
        f"{parent.name}-{service}-pull", role=role.name, policy=policy_document(statements), opts=parent.child()
    )
    # Through the policy, so that nothing pulls before it is there.
    return pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))


def _scaling(parent: Component, service: str, wanted: ServiceSettings) -> pulumi.Output[str]:
    scaling = wanted.scaling
    return aws.apprunner.AutoScalingConfigurationVersion(
        f"{parent.name}-{service}",
        auto_scaling_configuration_name=fit(_full_name(parent, service), _CONFIGURATION_NAME),
        max_concurrency=scaling.concurrency or _DEFAULT_CONCURRENCY,
        min_size=scaling.min,
        max_size=scaling.max,
        opts=parent.child(),
    ).arn


def _network(
    parent: Component, workload: Workload, network: NetworkLike
) -> aws.apprunner.ServiceNetworkConfigurationArgs:
    """Configure the network: out through the VPC with the service's own security group; in from the internet, where App
    Runner ends TLS."""
    connector = aws.apprunner.VpcConnector(
        f"{parent.name}-{workload.name}",
        vpc_connector_name=fit(_full_name(parent, workload.name), _SERVICE_NAME),
        subnets=list(network.private_subnet_ids.values()),
        security_groups=[workload.security_group_id],
        opts=parent.child(),
    )
    return aws.apprunner.ServiceNetworkConfigurationArgs(
        egress_configuration=aws.apprunner.ServiceNetworkConfigurationEgressConfigurationArgs(
            egress_type="VPC", vpc_connector_arn=connector.arn
        ),
        ingress_configuration=aws.apprunner.ServiceNetworkConfigurationIngressConfigurationArgs(
            is_publicly_accessible=True
        ),
    )


def tracing(parent: Component) -> pulumi.Output[str]:
    """Create the X-Ray configuration for services that send spans:
    https://docs.aws.amazon.com/apprunner/latest/dg/monitor-xray.html"""
    return aws.apprunner.ObservabilityConfiguration(
        f"{parent.name}-tracing",
        observability_configuration_name=fit(parent.context.slug, _CONFIGURATION_NAME),
        trace_configuration=aws.apprunner.ObservabilityConfigurationTraceConfigurationArgs(vendor="AWSXRAY"),
        opts=parent.child(),
    ).arn


def dimensions(service: AppRunnerService) -> Mapping[str, pulumi.Input[str]]:
    """Return the dimensions of a service's metrics."""
    return {"ServiceName": service.name, "ServiceID": service.id}
