"""Object storage: closed to the public, encrypted, TLS only, recoverable, logged."""

from __future__ import annotations

from collections.abc import Iterator

from guardrails import documents, kinds
from guardrails.customer_keys import names_customer_key
from guardrails.iam.denials import refuses_plain_http
from guardrails.principals import public_statements
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule, stack_rule
from guardrails.stack import Stack
from guardrails.view import Node, Resource

BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read", "website")
_INLINE_ENCRYPTION = ("serverSideEncryptionConfiguration", "serverSideEncryptionConfigurations")
"""The older forms, inside the bucket: one block, or a list of them."""
_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse", "aws:fsx")
"""S3 API reference, "ServerSideEncryptionByDefault"."""
PUBLIC_GROUPS = ("/global/AllUsers", "/global/AuthenticatedUsers")
_LOG_TARGETS = (
    *((type_, "targetBucket") for type_ in kinds.BUCKET_LOGGING),
    *((type_, f"{path}.targetBucket") for type_ in kinds.BUCKETS for path in ("logging", "loggings.0")),
    *((type_, "accessLogs.bucket") for type_ in kinds.LOAD_BALANCERS),
    *((type_, "connectionLogs.bucket") for type_ in kinds.LOAD_BALANCERS),
    (kinds.DISTRIBUTION, "loggingConfig.bucket"),
    (kinds.CLOUDTRAIL, "s3BucketName"),
    (kinds.FLOW_LOG, "logDestination"),
    (kinds.WEB_ACL_LOGGING, "logDestinationConfigs"),
    (kinds.LOG_DESTINATION, "deliveryDestinationConfiguration.destinationResourceArn"),
)


_BUCKET_FORMS = ("arn:*:s3:::*", "arn:*:s3:::*/*")
"""A bucket, and the objects in it."""


def receives_logs(bucket: Resource, stack: Stack) -> bool:
    """Tell whether other resources deliver their logs here: such a bucket is not logged and versioned itself."""
    return bucket.node("acl").value == "log-delivery-write" or any(
        stack.referrers(bucket, via, type_) for type_, via in _LOG_TARGETS
    )


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
    # Whether a block is complete the rule s3-block-complete says.
    if not blocks:
        yield "it has no public access block"


@stack_rule(
    "Buckets refuse requests without TLS",
    "medium",
    *kinds.BUCKETS,
    ids=("fsbp:S3.5", "checkov:CKV_AWS_379", "cis:v3.0.0/2.1.1"),
    why="Signed requests and the objects themselves would cross the network in clear.",
    fix='Add a bucket policy that denies s3:* on the bucket and on its /* to everyone when aws:SecureTransport is "false".',
)
def s3_tls_only(bucket: Resource, stack: Stack) -> Messages:
    held = [(policy, "policy") for policy in stack.referrers(bucket, "bucket", kinds.BUCKET_POLICY)]
    held += [(bucket, "policy")] if bucket.has("policy") else []
    if not any(refuses_plain_http(documents.read(*one), bucket, *_BUCKET_FORMS) for one in held):
        yield "no bucket policy denies all requests without TLS to the bucket and its objects"


@stack_rule(
    "Buckets say how they encrypt",
    "low",
    *kinds.BUCKETS,
    ids=("checkov:CKV_AWS_19", "checkov:CKV_AWS_145"),
    why="S3 encrypts with a key of its own unless told; a declared rule also survives when the bucket is copied elsewhere.",
    fix="Declare an aws.s3.BucketServerSideEncryptionConfiguration for the bucket.",
)
def s3_encryption_declared(bucket: Resource, stack: Stack) -> Messages:
    inline = [bucket] if any(bucket.has(path) for path in _INLINE_ENCRYPTION) else []
    declared = [*inline, *stack.referrers(bucket, "bucket", *kinds.BUCKET_ENCRYPTION)]
    if not declared:
        yield "no default encryption is declared"
    for holder in declared:
        if not all(holder.known(path) for path in ("rules", *_INLINE_ENCRYPTION)):
            continue
        for default in _encryption_defaults(holder):
            if default.get("sseAlgorithm", _ALGORITHMS[0]) not in _ALGORITHMS:
                yield f"{default.get('sseAlgorithm')} is no encryption that S3 has (sseAlgorithm)"


@resource_rule(
    "Buckets are encrypted with a customer-managed key",
    "low",
    *kinds.BUCKET_ENCRYPTION,
    *kinds.BUCKETS,
    ids=("securityhub:S3.17", "checkov:CKV_AWS_145"),
    why="Who may use a key of one's own is one's own decision, is logged, and can be taken back.",
    fix="Set sseAlgorithm to aws:kms with a kmsMasterKeyId; log targets of load balancers and CloudFront need AES256.",
)
def s3_customer_key(encryption: Resource) -> Messages:
    for default in _encryption_defaults(encryption):
        if not str(default.get("sseAlgorithm", "")).startswith("aws:kms"):
            yield "it encrypts with a key of S3's"
        elif not names_customer_key(encryption, "kmsMasterKeyId", at=default):
            yield "it encrypts with AWS's own KMS key"


def _encryption_defaults(encryption: Resource) -> Iterator[Node]:
    """Yield what new objects are encrypted with: of a resource of its own, or of the blocks inside a bucket."""
    blocks = (
        [block for path in _INLINE_ENCRYPTION for block in encryption.items(path)]
        if encryption.type in kinds.BUCKETS
        else [encryption]
    )
    for block in blocks:
        for rule in (*block.items("rules"), *block.items("rule")):
            one, several = "applyServerSideEncryptionByDefault", "applyServerSideEncryptionByDefaults"
            yield rule.node(one if rule.has(one) or not rule.has(several) else several)


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
    inline = any(bucket.truth(f"{path}.enabled") for path in ("versioning", "versionings"))
    if inline or receives_logs(bucket, stack):
        return
    configurations = stack.referrers(bucket, "bucket", *kinds.BUCKET_VERSIONING)
    if not any(one.get("versioningConfiguration.status") == "Enabled" for one in configurations):
        yield "versioning is off"


@stack_rule(
    "Buckets record who reads and writes",
    "medium",
    *kinds.BUCKETS,
    ids=("fsbp:S3.9", "securityhub:CloudTrail.7", "checkov:CKV_AWS_18"),
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
    *kinds.BUCKET_OBJECTS,
    ids=(
        "fsbp:S3.2",
        "fsbp:S3.3",
        "securityhub:CloudTrail.6",
        "checkov:CKV_AWS_20",
        "checkov:CKV_AWS_57",
        "checkov:CKV2_AWS_43",
    ),
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
    ids=("fsbp:S3.2", "fsbp:S3.3", "securityhub:CloudTrail.6", "fsbp:S3.6", "checkov:CKV_AWS_70"),
    why="One statement for Principal * makes the objects public, whatever the rest says.",
    fix="Name the principals, or limit the statement to your organisation, account, VPC endpoint or distribution.",
)
def s3_policy_not_public(policy: Resource) -> Messages:
    yield from public_statements(documents.read(policy, "policy"))


@stack_rule(
    "Buckets say what becomes of old objects",
    "low",
    *kinds.BUCKETS,
    ids=("fsbp:S3.13", "checkov:CKV2_AWS_61"),
    why="Old versions and forgotten uploads are paid for, and kept, for ever.",
    fix="Declare an aws.s3.BucketLifecycleConfiguration for the bucket.",
)
def s3_lifecycle(bucket: Resource, stack: Stack) -> Messages:
    if not bucket.has("lifecycleRules") and not stack.referrers(bucket, "bucket", *kinds.BUCKET_LIFECYCLE):
        yield "it has no lifecycle rules"


@resource_rule(
    "Uploads that never end are removed",
    "low",
    *kinds.BUCKET_LIFECYCLE,
    *kinds.BUCKETS,
    ids=("checkov:CKV_AWS_300",),
    why="The parts of a broken upload are paid for and seen in no listing.",
    fix="Add a rule with abortIncompleteMultipartUpload.daysAfterInitiation and no prefix or filter.",
)
def s3_aborts_uploads(lifecycle: Resource) -> Messages:
    # Whether a bucket has rules at all the rule s3-lifecycle says.
    inline = lifecycle.type in kinds.BUCKETS
    if inline and not lifecycle.has("lifecycleRules"):
        return
    some = False
    for rule in lifecycle.items("lifecycleRules" if inline else "rules"):
        if _aborts(rule, inline=inline):
            if _is_for_all_objects(rule):
                return
            some = True
    only = "only for some objects a rule" if some else "no rule"
    yield f"{only} removes the parts of broken uploads (abortIncompleteMultipartUpload)"


def _aborts(rule: Node, *, inline: bool) -> bool:
    if inline:
        return rule.has("abortIncompleteMultipartUploadDays") and rule.truth("enabled")
    return rule.has("abortIncompleteMultipartUpload") and rule.get("status") == "Enabled"


def _is_for_all_objects(rule: Node) -> bool:
    """Tell whether nothing narrows a lifecycle rule; an empty filter and an empty prefix do not."""
    narrowing = [rule.get("prefix"), rule.get("tags"), *(rule.get("filter") or {}).values()]
    return not any(narrowing)


@resource_rule(
    "Access points block every kind of public access",
    "critical",
    kinds.BUCKET_ACCESS_POINT,
    ids=("fsbp:S3.19", "checkov:CKV_AWS_392"),
    why="A public access point opens the bucket behind it, and cannot be closed later.",
    fix="Remove publicAccessBlockConfiguration, or set all four settings to true; the access point is replaced.",
)
def s3_access_point_closed(point: Resource) -> Messages:
    yield from _open_blocks(point.node("publicAccessBlockConfiguration"))


@resource_rule(
    "Multi-Region Access Points block every kind of public access",
    "high",
    kinds.BUCKET_MULTI_REGION,
    ids=("fsbp:S3.24",),
    why="A public access point opens every bucket behind it, and cannot be closed later.",
    fix="Remove details.publicAccessBlock, or set all four settings to true; the access point is replaced.",
)
def s3_multi_region_closed(point: Resource) -> Messages:
    yield from _open_blocks(point.node("details.publicAccessBlock"))


@resource_rule(
    "The account blocks every kind of public access",
    "high",
    kinds.BUCKET_ACCOUNT_BLOCK,
    ids=("fsbp:S3.1",),
    why="It is the net below every bucket that somebody makes by hand.",
    fix="Set all four settings to true.",
)
def s3_account_closed(setting: Resource) -> Messages:
    missing = [name for name in BLOCKS if not setting.truth(name)]
    if missing:
        yield f"it leaves {', '.join(missing)} off"


def _open_blocks(block: Node) -> Iterator[str]:
    """Yield the settings that are switched off."""
    missing = [name for name in BLOCKS if not block.truth(name)]
    if missing:
        yield f"it leaves {', '.join(missing)} off"


@stack_rule(
    "Directory buckets say what becomes of old objects",
    "low",
    kinds.DIRECTORY_BUCKET,
    ids=("fsbp:S3.25",),
    why="Fast storage is the dearest place to forget something in.",
    fix="Declare an aws.s3.BucketLifecycleConfiguration for the bucket.",
)
def s3_directory_lifecycle(bucket: Resource, stack: Stack) -> Messages:
    if not stack.referrers(bucket, "bucket", *kinds.BUCKET_LIFECYCLE):
        yield "it has no lifecycle rules"
