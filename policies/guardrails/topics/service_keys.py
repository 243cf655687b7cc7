"""Keys and passwords of the services that store something: one question each, asked of many types.

A type that stands here encrypts what it stores anyway (or has a rule in its topic that says when it does not); the
question is only whose key it is, and that a password is not written in clear.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from guardrails import kinds
from guardrails.customer_keys import names_customer_key
from guardrails.kinds import aws
from guardrails.plain_secrets import plain_secret
from guardrails.rules import Messages, resource_rule
from guardrails.view import Node, Opaque, Resource, cannot_read

_KEYS: Mapping[str, tuple[str, ...]] = {
    kinds.REDSHIFT: ("kmsKeyId",),
    kinds.REDSHIFT_NAMESPACE: ("kmsKeyId",),
    aws("redshift/SnapshotCopyGrant"): ("kmsKeyId",),
    kinds.DOCDB: ("kmsKeyId",),
    kinds.DOCDB_ELASTIC: ("kmsKeyId",),
    kinds.NEPTUNE: ("kmsKeyArn",),
    kinds.GRAPH: ("kmsKeyIdentifier",),
    kinds.MEMORYDB: ("kmsKeyArn",),
    aws("memorydb/Snapshot"): ("kmsKeyArn",),
    kinds.KAFKA: ("encryptionInfo.encryptionAtRestKmsKeyArn",),
    kinds.BROKER: ("encryptionOptions.kmsKeyId",),
    kinds.STREAM: ("kmsKeyId",),
    kinds.DELIVERY_STREAM: ("serverSideEncryption.keyArn",),
    aws("kinesis/VideoStream"): ("kmsKeyId",),
    kinds.STATE_MACHINE: ("encryptionConfiguration.kmsKeyId",),
    kinds.NOTEBOOK: ("kmsKeyId",),
    kinds.LEARNING_DOMAIN: ("kmsKeyId",),
    kinds.MODEL_ENDPOINT: ("kmsKeyArn",),
    kinds.DATA_QUALITY_JOB: (
        "dataQualityJobOutputConfig.kmsKeyId",
        "jobResources.clusterConfig.volumeKmsKeyId",
    ),
    aws("sagemaker/FeatureGroup"): ("onlineStoreConfig.securityConfig.kmsKeyId",),
    aws("sagemaker/FlowDefinition"): ("outputConfig.kmsKeyId",),
    kinds.BUILD_PROJECT: ("encryptionKey",),
    kinds.PIPELINE: ("artifactStores.encryptionKey.id",),
    aws("codeartifact/Domain"): ("encryptionKey",),
    kinds.NETWORK_FIREWALL: ("encryptionConfiguration.keyId",),
    kinds.NETWORK_FIREWALL_POLICY: ("encryptionConfiguration.keyId",),
    kinds.NETWORK_FIREWALL_GROUP: ("encryptionConfiguration.keyId",),
    aws("networkfirewall/TlsInspectionConfiguration"): ("encryptionConfigurations.keyId",),
    kinds.AIRFLOW: ("kmsKey",),
    aws("emr/Studio"): ("encryptionKeyArn",),
    kinds.WORKSPACE: ("volumeEncryptionKey",),
    aws("keyspaces/Table"): ("encryptionSpecification.kmsKeyIdentifier",),
    aws("timestreamwrite/Database"): ("kmsKeyId",),
    aws("fsx/LustreFileSystem"): ("kmsKeyId",),
    aws("fsx/OntapFileSystem"): ("kmsKeyId",),
    aws("fsx/OpenZfsFileSystem"): ("kmsKeyId",),
    aws("fsx/WindowsFileSystem"): ("kmsKeyId",),
    aws("imagebuilder/Component"): ("kmsKeyId",),
    aws("kendra/Index"): ("serverSideEncryptionConfiguration.kmsKeyId",),
    aws("appflow/Flow"): ("kmsArn",),
    aws("appflow/ConnectorProfile"): ("kmsArn",),
    aws("bedrock/AgentAgent"): ("customerEncryptionKeyArn",),
    aws("dms/S3Endpoint"): ("serverSideEncryptionKmsKeyId",),
    aws("cloudtrail/EventDataStore"): ("kmsKeyId",),
}
"""Where each type names its key; without one AWS uses a key of its own (pulumi-aws 7, each resource's documentation)."""

_PASSWORDS: Mapping[str, tuple[str, ...]] = {
    kinds.REDSHIFT: ("masterPassword",),
    kinds.REDSHIFT_NAMESPACE: ("adminUserPassword",),
    kinds.DOCDB: ("masterPassword",),
    kinds.DOCDB_ELASTIC: ("adminUserPassword",),
    kinds.BROKER: ("users.password", "ldapServerMetadata.serviceAccountPassword"),
    kinds.MEMORYDB_USER: ("authenticationMode.passwords",),
    kinds.EMR_CLUSTER: ("kerberosAttributes.kdcAdminPassword", "kerberosAttributes.adDomainJoinPassword"),
    kinds.GLUE_CONNECTION: ("connectionProperties.PASSWORD",),
    aws("codebuild/SourceCredential"): ("token",),
    aws("cognito/User"): ("password", "temporaryPassword"),
    aws("datasync/LocationObjectStorage"): ("secretKey",),
    aws("datasync/LocationSmb"): ("password",),
    aws("datasync/LocationFsxWindows"): ("password",),
    aws("directoryservice/Directory"): ("password",),
    aws("fsx/OntapFileSystem"): ("fsxAdminPassword",),
    aws("transfer/Server"): ("hostKey",),
}
"""Where a program may write a password, token or private key into each type."""


_OFF_UNLESS: Mapping[str, tuple[str, str]] = {
    kinds.DOCDB: ("storageEncrypted", "true"),
    kinds.NEPTUNE: ("storageEncrypted", "true"),
    kinds.STREAM: ("encryptionType", "kms"),
    kinds.DELIVERY_STREAM: ("serverSideEncryption.enabled", "true"),
    kinds.WORKSPACE: ("userVolumeEncryptionEnabled", "true"),
    aws("sagemaker/FeatureGroup"): ("onlineStoreConfig.enableOnlineStore", "true"),
}
"""Types that store or encrypt something only where a property says so; if they should, another rule says."""


_SETTINGS: Mapping[str, tuple[str, ...]] = {
    kinds.GLUE_JOB: ("defaultArguments", "nonOverridableArguments"),
    kinds.AIRFLOW: ("airflowConfigurationOptions",),
    kinds.KAFKA_CONNECTOR: ("connectorConfiguration",),
    kinds.MODEL: ("primaryContainer.environment", "containers.environment"),
    kinds.TRAINING_JOB: ("environment",),
    aws("amplify/App"): ("environmentVariables",),
    aws("amplify/Branch"): ("environmentVariables",),
    aws("synthetics/Canary"): ("runConfig.environmentVariables",),
}
"""Names and values that everybody may read who may look at the resource."""


def _places(resource: Resource, path: str) -> Iterator[tuple[Node | None, str]]:
    """Yield each block of a list that a path leads through, with the rest of the path; no block where it leads through
    none."""
    block, _, rest = path.partition(".")
    if rest and isinstance(resource.node(block).value, list):
        yield from ((item, rest) for item in resource.items(block))
    else:
        yield None, path


@resource_rule(
    "What a service stores is encrypted with a customer-managed key",
    "low",
    *_KEYS,
    ids=(
        "checkov:CKV_AWS_22",
        "checkov:CKV_AWS_81",
        "checkov:CKV_AWS_98",
        "checkov:CKV_AWS_142",
        "checkov:CKV_AWS_147",
        "checkov:CKV_AWS_160",
        "checkov:CKV_AWS_177",
        "checkov:CKV_AWS_178",
        "checkov:CKV_AWS_179",
        "checkov:CKV_AWS_180",
        "checkov:CKV_AWS_182",
        "checkov:CKV_AWS_185",
        "checkov:CKV_AWS_187",
        "checkov:CKV_AWS_190",
        "checkov:CKV_AWS_201",
        "checkov:CKV_AWS_203",
        "checkov:CKV_AWS_209",
        "checkov:CKV_AWS_219",
        "checkov:CKV_AWS_221",
        "checkov:CKV_AWS_241",
        "checkov:CKV_AWS_262",
        "checkov:CKV_AWS_263",
        "checkov:CKV_AWS_264",
        "checkov:CKV_AWS_265",
        "checkov:CKV_AWS_278",
        "checkov:CKV_AWS_280",
        "checkov:CKV_AWS_281",
        "checkov:CKV_AWS_282",
        "checkov:CKV_AWS_294",
        "checkov:CKV_AWS_298",
        "checkov:CKV_AWS_345",
        "checkov:CKV_AWS_346",
        "checkov:CKV_AWS_347",
        "checkov:CKV_AWS_367",
        "checkov:CKV_AWS_368",
        "checkov:CKV_AWS_372",
        "checkov:CKV_AWS_373",
    ),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Name an aws.kms.Key in the property that the finding names; some types are replaced by that.",
)
def service_customer_key(resource: Resource) -> Messages:
    switch, on = _OFF_UNLESS.get(resource.type, ("", ""))
    if switch and str(resource.get(switch, "")).lower() != on:
        return
    for path in _KEYS[resource.type]:
        for block, rest in _places(resource, path):
            if not names_customer_key(resource, rest, at=block):
                where = f"{block.path}.{rest}" if block else rest
                yield f"it is not encrypted with a customer-managed key ({where})"


@resource_rule(
    "No password of a service is written in clear",
    "critical",
    *_PASSWORDS,
    ids=("checkov:CKV_AWS_295",),
    why="A password in clear is in the state file, in every preview and in somebody's terminal history.",
    fix="Let the service keep it in Secrets Manager where it can, or mark it as a secret of Pulumi's.",
)
def service_password_secret(resource: Resource) -> Messages:
    for path in _PASSWORDS[resource.type]:
        for block, rest in _places(resource, path):
            held = (block or resource).node(rest)
            values = held.value if isinstance(held.value, list) else [held.value]
            if any(isinstance(value, str) and value for value in values):
                yield f"{held.path} is not marked as a secret"
            if Opaque.UNKNOWN in values:
                raise cannot_read(held.path, Opaque.UNKNOWN)


@resource_rule(
    "Settings of a service hold no secrets",
    "high",
    *_SETTINGS,
    ids=(),
    why="Everyone who may look at the job, connector or model reads them; they are in its history too.",
    fix="Keep it in Secrets Manager, and give the name: ${secretsmanager:…} in a connector, a call in the code elsewhere.",
)
def service_settings_no_secrets(resource: Resource) -> Messages:
    for path in _SETTINGS[resource.type]:
        for block, rest in _places(resource, path):
            settings = (block or resource).node(rest)
            if isinstance(settings.value, Opaque):
                raise cannot_read(settings.path, settings.value)
            for name in settings.value if isinstance(settings.value, dict) else ():
                yield from plain_secret(str(name), Node(settings.value[name], f"{settings.path}.{name}"))
