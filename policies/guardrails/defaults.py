"""What a property means that a program does not set, where that is more than off, zero or nothing.

``Node.get`` and its sisters answer with these values; a flag that stands here under no name is off where it is absent, a
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


class Absence(NamedTuple):
    """What the absence of a property means, and who says so."""

    means: Any
    source: str = _PROVIDER


_ON = Absence(True)
_MINOR_VERSIONS = {"autoMinorVersionUpgrade": _ON}
_A_DAY = {"backupRetentionPeriod": Absence(1)}
_DOCUMENTS: Mapping[tuple[str, ...], Mapping[str, Absence]] = {
    kinds.LOAD_BALANCERS: {
        "loadBalancerType": Absence("application"),
        "desyncMitigationMode": Absence("defensive"),
    },
    kinds.LISTENERS: {
        "sslPolicy": Absence(UNSAID, 'ELB user guide, "Security policies": made with other methods than the console'),
    },
    kinds.TARGET_GROUPS: {"healthCheck.enabled": _ON, "targetType": Absence("instance")},
    (kinds.CLASSIC_BALANCER,): {
        "accessLogs.enabled": _ON,
        "crossZoneLoadBalancing": _ON,
        "desyncMitigationMode": Absence("defensive"),
    },
    (kinds.DISTRIBUTION,): {"viewerCertificate.minimumProtocolVersion": Absence("TLSv1")},
    (kinds.CLOUDTRAIL,): {"enableLogging": _ON, "includeGlobalServiceEvents": _ON},
    (kinds.METRIC_ALARM, kinds.COMPOSITE_ALARM): {"actionsEnabled": _ON},
    (kinds.DB_CLUSTER, aws("docdb/Cluster"), aws("neptune/Cluster")): _A_DAY,
    (kinds.DB_INSTANCE, kinds.DB_CLUSTER_INSTANCE, kinds.CACHE_GROUP, kinds.CACHE_CLUSTER): _MINOR_VERSIONS,
    (kinds.DB_EVENTS,): {"enabled": _ON},
    (kinds.CACHE_GROUP,): {
        "engine": Absence("redis"),
        "transitEncryptionMode": Absence("required", 'ElastiCache API reference, "CreateReplicationGroup"'),
    },
    (kinds.CACHE_CLUSTER,): {
        "transitEncryptionMode": Absence("required", 'ElastiCache API reference, "CreateReplicationGroup"'),
    },
    (kinds.TABLE,): {"billingMode": Absence("PROVISIONED")},
    (kinds.EBS_DEFAULT,): {"enabled": _ON},
    (kinds.INSTANCE, kinds.NETWORK_INTERFACE): {"sourceDestCheck": _ON},
    (kinds.INSTANCE, kinds.LAUNCH_TEMPLATE, kinds.LAUNCH_CONFIGURATION): {
        "metadataOptions.httpEndpoint": Absence("enabled", 'EC2 API reference, "InstanceMetadataOptionsRequest"'),
        "metadataOptions.httpPutResponseHopLimit": Absence(1, 'EC2 API reference, "InstanceMetadataOptionsRequest"'),
    },
    (kinds.LAUNCH_TEMPLATE,): {"metadataOptions.httpTokens": Absence("optional")},
    (kinds.METADATA_DEFAULTS,): {"httpTokens": Absence("no-preference")},
    (aws("fsx/WindowsFileSystem"),): {"deploymentType": Absence("SINGLE_AZ_1")},
    (aws("sagemaker/NotebookInstance"),): {"platformIdentifier": Absence("notebook-al2-v3")},
    (kinds.AUTO_SCALING_GROUP,): {
        "healthCheckType": Absence("EC2", 'Auto Scaling API reference, "CreateAutoScalingGroup"'),
    },
    (kinds.TRANSIT_GATEWAY,): {"autoAcceptSharedAttachments": Absence("disable")},
    (aws("ec2/NatGateway"),): {"connectivityType": Absence("public")},
    (kinds.VPC_ENDPOINT,): {"vpcEndpointType": Absence("Gateway")},
    (kinds.REPOSITORY,): {
        "imageTagMutability": Absence("MUTABLE"),
        "encryptionConfigurations.encryptionType": Absence("AES256"),
    },
    (kinds.ECS_CLUSTER,): {
        "configuration.executeCommandConfiguration.logging": Absence(
            "DEFAULT", 'ECS API reference, "ExecuteCommandConfiguration"'
        ),
    },
    (kinds.ECS_SERVICE,): {
        "deploymentController.type": Absence("ECS"),
        "deploymentConfiguration.strategy": Absence("ROLLING"),
        "platformVersion": Absence("LATEST"),
    },
    (kinds.ECS_TASK_SET,): {"platformVersion": Absence("LATEST")},
    (kinds.SCHEDULE,): {"target.ecsParameters.platformVersion": Absence("LATEST")},
    (kinds.EVENT_TARGET,): {"ecsTarget.platformVersion": Absence("LATEST")},
    (kinds.TASK_DEFINITION,): {
        "runtimePlatform.operatingSystemFamily": Absence(
            "LINUX", 'ECS developer guide, "Fargate task definition differences"'
        ),
        "volumes.efsVolumeConfiguration.transitEncryption": Absence(
            "DISABLED", 'ECS API reference, "EFSVolumeConfiguration"'
        ),
    },
    (kinds.FILE_ACCESS_POINT,): {"rootDirectory.path": Absence("/", 'EFS API reference, "RootDirectory"')},
    (kinds.EKS_CLUSTER,): {
        "accessConfig.authenticationMode": Absence("CONFIG_MAP", 'EKS API reference, "CreateAccessConfigRequest"'),
        "vpcConfig.endpointPublicAccess": _ON,
    },
    (kinds.SEARCH_DOMAIN,): {"clusterConfig.instanceCount": Absence(1)},
    kinds.SEARCH_DOMAINS: {"logPublishingOptions.enabled": _ON, "domainEndpointOptions.enforceHttps": _ON},
    (kinds.KEY,): {"customerMasterKeySpec": Absence("SYMMETRIC_DEFAULT"), "isEnabled": _ON},
    (kinds.FUNCTION,): {
        "timeout": Absence(3),
        "tracingConfig.mode": Absence("PassThrough", 'Lambda API reference, "TracingConfig"'),
    },
    (kinds.STREAM,): {"encryptionType": Absence("NONE"), "retentionPeriod": Absence(24)},
    (kinds.QUEUE,): {
        "sqsManagedSseEnabled": Absence(True, 'SQS developer guide, "Encryption at rest": new queues since 2022'),
        "visibilityTimeoutSeconds": Absence(30),
    },
    (kinds.BUCKET_ACCESS_POINT,): {f"publicAccessBlockConfiguration.{flag}": _ON for flag in _BLOCKS},
    (kinds.BUCKET_MULTI_REGION,): {f"details.publicAccessBlock.{flag}": _ON for flag in _BLOCKS},
    (kinds.REPLICATION_ENDPOINT,): {"sslMode": Absence("none", 'DMS API reference, "CreateEndpoint"')},
    (kinds.STATE_MACHINE,): {"loggingConfiguration.level": Absence("OFF")},
}


def _by_type() -> dict[str, dict[str, Absence]]:
    found: dict[str, dict[str, Absence]] = {}
    for types, facts in _DOCUMENTS.items():
        for type_ in types:
            found.setdefault(type_, {}).update(facts)
    return found


ABSENCES: Mapping[str, Mapping[str, Absence]] = _by_type()
"""By type and by property, to any depth, without the places in lists."""
