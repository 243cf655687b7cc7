"""Which property of which resource type holds a policy document, and of which kind it is."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails import documents, kinds
from guardrails.documents import PolicyStatement
from guardrails.kinds import aws
from guardrails.view import Node, Resource

GROUP = aws("iam/Group")
VPC_ENDPOINT = aws("ec2/VpcEndpoint")
VPC_ENDPOINT_POLICY = aws("ec2/VpcEndpointPolicy")
EXTERNAL_KEY = aws("kms/ExternalKey")
LAYER_PERMISSION = aws("lambda/LayerVersionPermission")

PERMISSION_SET_POLICY = aws("ssoadmin/PermissionSetInlinePolicy")

IDENTITY_TYPES = (
    kinds.ROLE,
    kinds.ROLE_POLICY,
    kinds.POLICY,
    kinds.USER_POLICY,
    kinds.GROUP_POLICY,
    PERMISSION_SET_POLICY,
)
"""What says what an identity may do; a role by its inline policies."""
KEY_TYPES = (kinds.KEY, kinds.KEY_POLICY, kinds.REPLICA_KEY, EXTERNAL_KEY, aws("kms/ReplicaExternalKey"))
BUCKET_TYPES = (*kinds.BUCKETS, kinds.BUCKET_POLICY)

RESOURCE_DOCUMENTS = {
    **dict.fromkeys(
        (
            *BUCKET_TYPES,
            *KEY_TYPES,
            kinds.QUEUE,
            kinds.QUEUE_POLICY,
            kinds.TOPIC,
            kinds.TOPIC_POLICY,
            kinds.SECRET,
            kinds.SECRET_POLICY,
            kinds.REPOSITORY_POLICY,
            kinds.BACKUP_VAULT_POLICY,
            kinds.EVENT_BUS_POLICY,
            aws("acmpca/Policy"),
            aws("apigateway/RestApi"),
            aws("apigateway/RestApiPolicy"),
            aws("codebuild/ResourcePolicy"),
            aws("dsql/ClusterPolicy"),
            aws("dynamodb/ResourcePolicy"),
            aws("ecr/RegistryPolicy"),
            aws("ecrpublic/RepositoryPolicy"),
            aws("efs/FileSystemPolicy"),
            aws("glacier/VaultLock"),
            aws("glue/ResourcePolicy"),
            aws("kinesis/ResourcePolicy"),
            aws("lambda/ResourcePolicy"),
            aws("mediastore/ContainerPolicy"),
            aws("msk/ClusterPolicy"),
            aws("networkfirewall/ResourcePolicy"),
            aws("oam/SinkPolicy"),
            aws("opensearchingest/ResourcePolicy"),
            aws("pinpoint/Smsvoicev2ResourcePolicy"),
            aws("redshift/ResourcePolicy"),
            aws("redshiftserverless/ResourcePolicy"),
            aws("s3/AccessPoint"),
            aws("s3/VectorsVectorBucketPolicy"),
            aws("s3control/AccessGrantsInstanceResourcePolicy"),
            aws("s3control/AccessPointPolicy"),
            aws("s3control/BucketPolicy"),
            aws("s3control/ObjectLambdaAccessPointPolicy"),
            aws("schemas/RegistryPolicy"),
            aws("ses/IdentityPolicy"),
            aws("sesv2/EmailIdentityPolicy"),
            aws("vpclattice/ResourcePolicy"),
        ),
        "policy",
    ),
    kinds.LOG_RESOURCE_POLICY: "policyDocument",
    aws("amp/ResourcePolicy"): "policyDocument",
    aws("cloudwatch/LogDeliveryDestinationPolicy"): "deliveryDestinationPolicy",
    aws("cloudwatch/LogDestinationPolicy"): "accessPolicy",
    aws("ecr/RepositoryCreationTemplate"): "repositoryPolicy",
    aws("s3tables/TableBucketPolicy"): "resourcePolicy",
    aws("s3tables/TablePolicy"): "resourcePolicy",
    aws("sagemaker/ModelPackageGroupPolicy"): "resourcePolicy",
    aws("xray/ResourcePolicy"): "policyDocument",
    aws("codeartifact/DomainPermissions"): "policyDocument",
    aws("codeartifact/RepositoryPermissionsPolicy"): "policyDocument",
    kinds.SEARCH_DOMAIN: "accessPolicies",
    kinds.SEARCH_DOMAIN_POLICY: "accessPolicies",
    aws("elasticsearch/Domain"): "accessPolicies",
    aws("elasticsearch/DomainPolicy"): "accessPolicies",
    aws("glacier/Vault"): "accessPolicy",
}
"""Policies of resources: they say who may do what with one resource."""

ENDPOINT_DOCUMENTS = {VPC_ENDPOINT: "policy", VPC_ENDPOINT_POLICY: "policy"}
"""They only narrow: who passes through the endpoint, and to what."""

TRUST_DOCUMENTS = {kinds.ROLE: "assumeRolePolicy"}

DOCUMENTS = {
    **dict.fromkeys(IDENTITY_TYPES, "policy"),
    PERMISSION_SET_POLICY: "inlinePolicy",
    **RESOURCE_DOCUMENTS,
    **ENDPOINT_DOCUMENTS,
    **TRUST_DOCUMENTS,
}
"""The property that holds a resource's own document, by type."""


def identity_policies(resource: Resource) -> list[tuple[Node, str]]:
    """List where the documents are that say what an identity may do, in a resource of :data:`IDENTITY_TYPES`."""
    if resource.type == kinds.ROLE:
        return [(inline, "policy") for inline in resource.items("inlinePolicies")]
    return [(resource, DOCUMENTS[resource.type])]


def all_policies(resource: Resource) -> Iterator[tuple[Node, str]]:
    """Yield where all documents of a resource of :data:`DOCUMENTS` are."""
    yield resource, DOCUMENTS[resource.type]
    if resource.type == kinds.ROLE:
        yield from identity_policies(resource)


def granted(resource: Resource) -> Iterator[PolicyStatement]:
    """Yield the allowing statements of the identity policies in a resource of :data:`IDENTITY_TYPES`."""
    for node, path in identity_policies(resource):
        for statement in documents.read(node, path):
            if statement.allows:
                yield statement
