"""Files in a private bucket, served by CloudFront under a name in a zone that exists."""

import mimetypes
from pathlib import Path

import pulumi
import pulumi_aws as aws

DOMAIN = "www.example.com"
zone = aws.route53.get_zone(name="example.com")
global_region = aws.Provider("global", region="us-east-1")
bucket = aws.s3.Bucket("site")
block = aws.s3.BucketPublicAccessBlock(
    "site",
    bucket=bucket.id,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
)
aws.s3.BucketVersioning("site", bucket=bucket.id, versioning_configuration={"status": "Enabled"})
aws.s3.BucketServerSideEncryptionConfiguration(
    "site",
    bucket=bucket.id,
    rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
)
for file in sorted(Path(__file__).with_name("www").glob("*")):
    type_, _ = mimetypes.guess_type(file)
    aws.s3.BucketObject(file.name, bucket=bucket.id, source=pulumi.FileAsset(str(file)), content_type=type_)

certificate = aws.acm.Certificate(
    "site",
    domain_name=DOMAIN,
    validation_method="DNS",
    opts=pulumi.ResourceOptions(provider=global_region),
)
option = certificate.domain_validation_options[0]
proof = aws.route53.Record(
    "proof",
    zone_id=zone.zone_id,
    name=option.resource_record_name,
    type=option.resource_record_type,
    records=[option.resource_record_value],
    ttl=300,
)
validated = aws.acm.CertificateValidation(
    "site",
    certificate_arn=certificate.arn,
    validation_record_fqdns=[proof.fqdn],
    opts=pulumi.ResourceOptions(provider=global_region),
)
access = aws.cloudfront.OriginAccessControl(
    "site",
    origin_access_control_origin_type="s3",
    signing_behavior="always",
    signing_protocol="sigv4",
)
optimized = aws.cloudfront.get_cache_policy(name="Managed-CachingOptimized")
headers = aws.cloudfront.get_response_headers_policy(name="Managed-SecurityHeadersPolicy")
site = aws.cloudfront.Distribution(
    "site",
    enabled=True,
    aliases=[DOMAIN],
    default_root_object="index.html",
    origins=[
        {
            "origin_id": "bucket",
            "domain_name": bucket.bucket_regional_domain_name,
            "origin_access_control_id": access.id,
        }
    ],
    default_cache_behavior={
        "target_origin_id": "bucket",
        "viewer_protocol_policy": "redirect-to-https",
        "allowed_methods": ["GET", "HEAD"],
        "cached_methods": ["GET", "HEAD"],
        "cache_policy_id": optimized.id,
        "response_headers_policy_id": headers.id,
    },
    restrictions={"geo_restriction": {"restriction_type": "none"}},
    viewer_certificate={
        "acm_certificate_arn": validated.certificate_arn,
        "ssl_support_method": "sni-only",
        "minimum_protocol_version": "TLSv1.2_2021",
    },
)
document = aws.iam.get_policy_document_output(
    statements=[
        {
            "sid": "CloudFrontReads",
            "actions": ["s3:GetObject"],
            "resources": [bucket.arn.apply(lambda arn: f"{arn}/*")],
            "principals": [{"type": "Service", "identifiers": ["cloudfront.amazonaws.com"]}],
            "conditions": [{"test": "StringEquals", "variable": "aws:SourceArn", "values": [site.arn]}],
        },
        {
            "sid": "TlsOnly",
            "effect": "Deny",
            "actions": ["s3:*"],
            "resources": [bucket.arn, bucket.arn.apply(lambda arn: f"{arn}/*")],
            "principals": [{"type": "*", "identifiers": ["*"]}],
            "conditions": [{"test": "Bool", "variable": "aws:SecureTransport", "values": ["false"]}],
        },
    ]
)
aws.s3.BucketPolicy("site", bucket=bucket.id, policy=document.json, opts=pulumi.ResourceOptions(depends_on=[block]))
aws.route53.Record(
    "site",
    zone_id=zone.zone_id,
    name=DOMAIN,
    type="A",
    aliases=[
        {"name": site.domain_name, "zone_id": site.hosted_zone_id, "evaluate_target_health": True},
    ],
)
pulumi.export("url", f"https://{DOMAIN}")
