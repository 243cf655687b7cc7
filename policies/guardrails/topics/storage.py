"""Object storage: closed to the public, encrypted, TLS only, recoverable, logged."""

from __future__ import annotations

from guardrails import documents, kinds
from guardrails.customer_keys import names_customer_key
from guardrails.principals import public_statements, refuses_plain_http
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Resource

BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read", "website")
PUBLIC_GROUPS = ("/global/AllUsers", "/global/AuthenticatedUsers")
_LOG_TARGETS = (
    *((type_, "targetBucket") for type_ in kinds.BUCKET_LOGGING),
    *((type_, "accessLogs.bucket") for type_ in kinds.LOAD_BALANCERS),
    *((type_, "connectionLogs.bucket") for type_ in kinds.LOAD_BALANCERS),
    (kinds.DISTRIBUTION, "loggingConfig.bucket"),
    (kinds.CLOUDTRAIL, "s3BucketName"),
    (kinds.FLOW_LOG, "logDestination"),
    (kinds.WEB_ACL_LOGGING, "logDestinationConfigs"),
    (kinds.LOG_DESTINATION, "deliveryDestinationConfiguration.destinationResourceArn"),
)


def receives_logs(bucket: Resource, stack: Stack) -> bool:
    """Whether other resources deliver their logs here: such a bucket is not logged and versioned itself."""
    return any(stack.referrers(bucket, via, type_) for type_, via in _LOG_TARGETS)


@stack_rule(
    "Buckets block every kind of public access",
    "high",
    *kinds.BUCKETS,
    ids=(
        "fsbp:S3.8",
        "fsbp:S3.1",
        "checkov:CKV2_AWS_6",
        "checkov:CKV_AWS_53",
        "checkov:CKV_AWS_54",
        "checkov:CKV_AWS_55",
        "checkov:CKV_AWS_56",
        "cis:v3.0.0/2.1.4",
    ),
    why="It makes a later mistake in a policy or an ACL harmless.",
    fix="Declare an aws.s3.BucketPublicAccessBlock for the bucket with all four settings true.",
)
def s3_block_public_access(bucket: Resource, stack: Stack) -> Messages:
    blocks = stack.referrers(bucket, "bucket", kinds.BUCKET_BLOCK)
    if not blocks:
        yield "it has no public access block"
    for block in blocks:
        missing = [name for name in BLOCKS if not block.truth(name)]
        if missing:
            yield f"its public access block {block.name!r} leaves {', '.join(missing)} off"


@stack_rule(
    "Buckets refuse requests without TLS",
    "medium",
    *kinds.BUCKETS,
    ids=("fsbp:S3.5", "checkov:CKV_AWS_379", "cis:v3.0.0/2.1.1"),
    why="Signed requests and the objects themselves would cross the network in clear.",
    fix='Add a bucket policy that denies s3:* to everyone when aws:SecureTransport is "false".',
)
def s3_tls_only(bucket: Resource, stack: Stack) -> Messages:
    held = [(policy, "policy") for policy in stack.referrers(bucket, "bucket", kinds.BUCKET_POLICY)]
    held += [(bucket, "policy")] if bucket.has("policy") else []
    if not any(refuses_plain_http(documents.read(*one)) for one in held):
        yield "no bucket policy denies requests without TLS"


@stack_rule(
    "Buckets say how they encrypt",
    "medium",
    *kinds.BUCKETS,
    ids=("checkov:CKV_AWS_19",),
    why="S3 encrypts with its own key unless told; a declared rule also survives when the bucket is copied elsewhere.",
    fix="Declare an aws.s3.BucketServerSideEncryptionConfiguration for the bucket.",
    levels=ADVISORY_IN_DEV,
)
def s3_encryption_declared(bucket: Resource, stack: Stack) -> Messages:
    inline = bucket.has("serverSideEncryptionConfiguration")
    if not inline and not stack.referrers(bucket, "bucket", *kinds.BUCKET_ENCRYPTION):
        yield "no default encryption is declared"


@resource_rule(
    "Buckets are encrypted with a customer-managed key",
    "low",
    *kinds.BUCKET_ENCRYPTION,
    ids=("securityhub:S3.17", "checkov:CKV_AWS_145"),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Set sseAlgorithm to aws:kms with a kmsMasterKeyId; log targets of load balancers and CloudFront need AES256.",
)
def s3_customer_key(encryption: Resource) -> Messages:
    for rule in encryption.items("rules"):
        default = rule.node("applyServerSideEncryptionByDefault")
        if not str(default.get("sseAlgorithm", "")).startswith("aws:kms"):
            yield "it encrypts with a key of S3's"
        elif not names_customer_key(encryption, "kmsMasterKeyId", at=default):
            yield "it encrypts with AWS's own KMS key"


@stack_rule(
    "Buckets keep older versions of objects",
    "medium",
    *kinds.BUCKETS,
    ids=("securityhub:S3.14", "checkov:CKV_AWS_21"),
    why="What is overwritten or deleted by mistake, or by an attacker, can be brought back.",
    fix="Declare an aws.s3.BucketVersioning with status Enabled, and a lifecycle rule that expires old versions.",
    levels=ADVISORY_IN_DEV,
)
def s3_versioning(bucket: Resource, stack: Stack) -> Messages:
    if bucket.truth("versioning.enabled") or receives_logs(bucket, stack):
        return
    configurations = stack.referrers(bucket, "bucket", *kinds.BUCKET_VERSIONING)
    if not any(one.get("versioningConfiguration.status") == "Enabled" for one in configurations):
        yield "versioning is off"


@stack_rule(
    "Buckets record who reads and writes",
    "medium",
    *kinds.BUCKETS,
    ids=("fsbp:S3.9", "checkov:CKV_AWS_18"),
    why="After a leak the access log is the only answer to what was taken.",
    fix="Declare an aws.s3.BucketLogging with a target bucket that receives the logs.",
    levels=ADVISORY_IN_DEV,
)
def s3_access_logging(bucket: Resource, stack: Stack) -> Messages:
    logged = bucket.has("logging") or bucket.has("loggings")
    if logged or receives_logs(bucket, stack):
        return
    if not stack.referrers(bucket, "bucket", *kinds.BUCKET_LOGGING):
        yield "no access log is kept"


@resource_rule(
    "No ACL makes a bucket public",
    "critical",
    *kinds.BUCKETS,
    *kinds.BUCKET_ACLS,
    ids=("fsbp:S3.2", "fsbp:S3.3", "checkov:CKV_AWS_20", "checkov:CKV_AWS_57", "checkov:CKV2_AWS_43"),
    why="A public ACL hands every object to everyone who guesses its name.",
    fix="Remove the ACL; serve public files through CloudFront with origin access control.",
)
def s3_no_public_acl(bucket: Resource) -> Messages:
    acl = bucket.get("acl", "private")
    if acl in PUBLIC_ACLS:
        yield f"its ACL is {acl}"
    for grant in [*bucket.items("grants"), *bucket.node("accessControlPolicy").items("grants")]:
        uri = str(grant.get("uri", grant.node("grantee").get("uri", "")))
        if uri.endswith(PUBLIC_GROUPS):
            yield f"its ACL grants {uri.rsplit('/', 1)[-1]} access"


@resource_rule(
    "Bucket ACLs are off",
    "medium",
    kinds.BUCKET_OWNERSHIP,
    ids=("fsbp:S3.12", "checkov:CKV2_AWS_65"),
    why="With ACLs off one policy says all there is to say about access.",
    fix="Set objectOwnership to BucketOwnerEnforced.",
)
def s3_acls_disabled(ownership: Resource) -> Messages:
    mode = ownership.get("rule.objectOwnership")
    if mode != "BucketOwnerEnforced":
        yield f"objectOwnership is {mode}"


@resource_rule(
    "No bucket policy grants access to everyone",
    "critical",
    kinds.BUCKET_POLICY,
    *kinds.BUCKETS,
    ids=("fsbp:S3.2", "fsbp:S3.3", "fsbp:S3.6", "checkov:CKV_AWS_70"),
    why="One statement for Principal * makes the objects public, whatever the rest says.",
    fix="Name the principals, or limit the statement to your organisation, account, VPC endpoint or distribution.",
)
def s3_policy_not_public(policy: Resource) -> Messages:
    yield from public_statements(documents.read(policy, "policy"))
