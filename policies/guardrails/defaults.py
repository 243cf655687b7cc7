"""What a property means that a program does not set, where that is more than off, zero or nothing.

``Node.get`` and its sisters answer with these facts; a flag that stands here under no name is off where it is absent, a
number 0, a text or block not there. Each is from the provider's page of the resource (``aws.rds.Instance``, the property's
"Defaults to") unless another source stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from guardrails import kinds
from guardrails.kinds import aws
from guardrails.tls_policies import UNSAID

_PROVIDER = "the provider's page of the resource"
_BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


class Fact(NamedTuple):
    """What the absence of a property means, and who says so."""

    means: Any
    source: str = _PROVIDER


_ON = Fact(True)
_MINOR_VERSIONS = {"autoMinorVersionUpgrade": _ON}
_A_DAY = {"backupRetentionPeriod": Fact(1)}
_DOCUMENTS: Mapping[tuple[str, ...], Mapping[str, Fact]] = {
    kinds.LOAD_BALANCERS: {
        "loadBalancerType": Fact("application"),
        "desyncMitigationMode": Fact("defensive"),
    },
    kinds.LISTENERS: {
        "sslPolicy": Fact(UNSAID, 'ELB user guide, "Security policies": made with other methods than the console'),
    },
    kinds.TARGET_GROUPS: {"healthCheck.enabled": _ON, "targetType": Fact("instance")},
    (kinds.CLASSIC_BALANCER,): {
        "accessLogs.enabled": _ON,
        "crossZoneLoadBalancing": _ON,
        "desyncMitigationMode": Fact("defensive"),
    },
    (kinds.DISTRIBUTION,): {"viewerCertificate.minimumProtocolVersion": Fact("TLSv1")},
    (kinds.CLOUDTRAIL,): {"enableLogging": _ON, "includeGlobalServiceEvents": _ON},
    (kinds.METRIC_ALARM, kinds.COMPOSITE_ALARM): {"actionsEnabled": _ON},
    (kinds.DB_CLUSTER, aws("docdb/Cluster"), aws("neptune/Cluster")): _A_DAY,
    (kinds.DB_INSTANCE, kinds.DB_CLUSTER_INSTANCE, kinds.CACHE_GROUP, kinds.CACHE_CLUSTER): _MINOR_VERSIONS,
    (kinds.DB_EVENTS,): {"enabled": _ON},
    (kinds.CACHE_GROUP,): {
        "engine": Fact("redis"),
        "transitEncryptionMode": Fact("required", 'ElastiCache API reference, "CreateReplicationGroup"'),
    },
    (kinds.CACHE_CLUSTER,): {
        "transitEncryptionMode": Fact("required", 'ElastiCache API reference, "CreateReplicationGroup"'),
    },
    (kinds.TABLE,): {"billingMode": Fact("PROVISIONED")},
    (kinds.EBS_DEFAULT,): {"enabled": _ON},
    (kinds.INSTANCE, kinds.NETWORK_INTERFACE): {"sourceDestCheck": _ON},
    (kinds.INSTANCE, kinds.LAUNCH_TEMPLATE, kinds.LAUNCH_CONFIGURATION): {
        "metadataOptions.httpEndpoint": Fact("enabled", 'EC2 API reference, "InstanceMetadataOptionsRequest"'),
        "metadataOptions.httpPutResponseHopLimit": Fact(1, 'EC2 API reference, "InstanceMetadataOptionsRequest"'),
    },
    (kinds.LAUNCH_TEMPLATE,): {"metadataOptions.httpTokens": Fact("optional")},
    (kinds.METADATA_DEFAULTS,): {"httpTokens": Fact("no-preference")},
    (aws("fsx/WindowsFileSystem"),): {"deploymentType": Fact("SINGLE_AZ_1")},
    (aws("sagemaker/NotebookInstance"),): {"platformIdentifier": Fact("notebook-al2-v3")},
    (kinds.AUTO_SCALING_GROUP,): {
        "healthCheckType": Fact("EC2", 'Auto Scaling API reference, "CreateAutoScalingGroup"'),
    },
    (kinds.TRANSIT_GATEWAY,): {"autoAcceptSharedAttachments": Fact("disable")},
    (aws("ec2/NatGateway"),): {"connectivityType": Fact("public")},
    (kinds.VPC_ENDPOINT,): {"vpcEndpointType": Fact("Gateway")},
    (kinds.REPOSITORY,): {
        "imageTagMutability": Fact("MUTABLE"),
        "encryptionConfigurations.encryptionType": Fact("AES256"),
    },
    (kinds.ECS_CLUSTER,): {
        "configuration.executeCommandConfiguration.logging": Fact(
            "DEFAULT", 'ECS API reference, "ExecuteCommandConfiguration"'
        ),
    },
    (kinds.ECS_SERVICE,): {"deploymentController.type": Fact("ECS"), "platformVersion": Fact("LATEST")},
    (kinds.TASK_DEFINITION,): {
        "runtimePlatform.operatingSystemFamily": Fact(
            "LINUX", 'ECS developer guide, "Fargate task definition differences"'
        ),
        "volumes.efsVolumeConfiguration.transitEncryption": Fact(
            "DISABLED", 'ECS API reference, "EFSVolumeConfiguration"'
        ),
    },
    (kinds.FILE_ACCESS_POINT,): {"rootDirectory.path": Fact("/", 'EFS API reference, "RootDirectory"')},
    (kinds.EKS_CLUSTER,): {
        "accessConfig.authenticationMode": Fact("CONFIG_MAP", 'EKS API reference, "CreateAccessConfigRequest"'),
        "vpcConfig.endpointPublicAccess": _ON,
    },
    (kinds.SEARCH_DOMAIN,): {"clusterConfig.instanceCount": Fact(1)},
    kinds.SEARCH_DOMAINS: {"logPublishingOptions.enabled": _ON, "domainEndpointOptions.enforceHttps": _ON},
    (kinds.KEY,): {"customerMasterKeySpec": Fact("SYMMETRIC_DEFAULT"), "isEnabled": _ON},
    (kinds.FUNCTION,): {
        "timeout": Fact(3),
        "tracingConfig.mode": Fact("PassThrough", 'Lambda API reference, "TracingConfig"'),
    },
    (kinds.STREAM,): {"encryptionType": Fact("NONE"), "retentionPeriod": Fact(24)},
    (kinds.QUEUE,): {
        "sqsManagedSseEnabled": Fact(True, 'SQS developer guide, "Encryption at rest": new queues since 2022'),
        "visibilityTimeoutSeconds": Fact(30),
    },
    (kinds.BUCKET_ACCESS_POINT,): {f"publicAccessBlockConfiguration.{flag}": _ON for flag in _BLOCKS},
    (kinds.BUCKET_MULTI_REGION,): {f"details.publicAccessBlock.{flag}": _ON for flag in _BLOCKS},
    (kinds.REPLICATION_ENDPOINT,): {"sslMode": Fact("none", 'DMS API reference, "CreateEndpoint"')},
    (kinds.STATE_MACHINE,): {"loggingConfiguration.level": Fact("OFF")},
}


def _by_type() -> dict[str, dict[str, Fact]]:
    found: dict[str, dict[str, Fact]] = {}
    for types, facts in _DOCUMENTS.items():
        for type_ in types:
            found.setdefault(type_, {}).update(facts)
    return found


FACTS: Mapping[str, Mapping[str, Fact]] = _by_type()
"""By type and by property, to any depth, without the places in lists."""
