"""Buckets."""

import json

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from groundwork.components.access import granted, policy_document
from groundwork.components.services.settings import Use
from groundwork.components.storage.bucket import PURPOSES, Bucket, _lifecycle
from groundwork.components.storage.settings import BucketSettings, LifecycleSettings
from tests.harness import build, shared
from tests.requirements import proves

KEY = "arn:aws:kms:ap-south-1:111122223333:key/storage"


@shared
def _bucket(settings=None, *, key="images", grants=(), logs_bucket="shop-logs-1234567", **options):
    def program(context):
        bucket = Bucket(
            f"shop-{key}",
            BucketSettings.model_validate(settings or {}),
            key=key,
            context=context,
            logs_bucket=pulumi.Output.from_input(logs_bucket) if logs_bucket else None,
        )
        for level, prefix in grants:
            grant = bucket.grant(level, prefix)
            pulumi.export(f"{level}:{prefix}", policy_document(grant.statements))
            pulumi.export(f"environment:{level}:{prefix}", dict(grant.environment))

    return build(program, **options)


def _only(snapshot, kind):
    (resource,) = [resource for resource in snapshot.resources if resource.type.endswith(f":{kind}")]
    return resource


def _policy(snapshot):
    return {item["Sid"]: item for item in json.loads(_only(snapshot, "BucketPolicy").inputs["policy"])["Statement"]}


def _statements(snapshot, grant):
    return json.loads(snapshot.outputs[grant])["Statement"]


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_purpose_is_private_versioned_and_without_access_lists(purpose):
    """S2-08, S1-15, S4-05"""
    snapshot = _bucket({"purpose": purpose})
    block = _only(snapshot, "BucketPublicAccessBlock").inputs
    assert all(
        block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    assert _only(snapshot, "BucketOwnershipControls").inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    assert _only(snapshot, "BucketVersioning").inputs["versioningConfiguration"] == {"status": "Enabled"}
    assert {"TlsOnly", "Tls12AndNewer"} <= _policy(snapshot).keys()


def test_objects_are_encrypted_with_the_key_given_and_no_other():
    snapshot = _bucket()
    (rule,) = _only(snapshot, "BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
    assert rule["bucketKeyEnabled"] is True
    assert rule["blockedEncryptionTypes"] == ["SSE-C"]
    assert _policy(snapshot)["NoOtherKey"]["Condition"]["StringNotEquals"] == {
        "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY
    }


def test_a_bucket_for_logs_takes_s3s_own_key_and_no_access_logs():
    snapshot = _bucket({"purpose": "logs"}, key="logs")
    (rule,) = _only(snapshot, "BucketServerSideEncryptionConfiguration").inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    assert not [resource for resource in snapshot.resources if resource.type.endswith("BucketLogging")]


def test_a_bucket_for_logs_admits_deliveries_of_this_account_alone():
    policy = _policy(_bucket({"purpose": "logs"}, key="logs"))
    allowed = {sid: item for sid, item in policy.items() if item["Effect"] == "Allow"}
    assert sorted(item["Principal"]["Service"] for item in allowed.values()) == [
        "delivery.logs.amazonaws.com",
        "logdelivery.elasticloadbalancing.amazonaws.com",
        "logging.s3.amazonaws.com",
    ]
    for item in allowed.values():
        assert item["Action"] == "s3:PutObject"
        assert "111122223333" in json.dumps(item["Condition"])


def test_other_buckets_admit_nobody_by_their_policy():
    assert {item["Effect"] for item in _policy(_bucket()).values()} == {"Deny"}


def test_access_to_a_bucket_is_logged_where_there_is_a_bucket_for_it():
    assert _only(_bucket(), "BucketLogging").inputs["targetPrefix"] == "s3/images/"
    assert not [item for item in _bucket(logs_bucket=None).resources if item.type.endswith("BucketLogging")]


def test_a_served_bucket_leaves_its_policy_to_the_distribution():
    snapshot = _bucket({"cdn": True})
    assert not [item for item in snapshot.resources if item.type.endswith("BucketPolicy")]


def test_the_media_bucket_of_the_chat_app():
    """S4-05"""
    snapshot = _bucket(
        {
            "abort_multipart_after": 1,
            "lifecycle": {
                "temporary": {"prefix": "uploads/temp/", "expire_after": 1},
                "final": {"prefix": "uploads/final/", "archive_after": 365},
                "purpose": {"noncurrent_expire_after": 30},
            },
        }
    )
    rules = {rule["id"]: rule for rule in _only(snapshot, "BucketLifecycleConfiguration").inputs["rules"]}
    assert rules["temporary"]["expiration"] == {"days": 1}
    assert rules["temporary"]["filter"] == {"prefix": "uploads/temp/"}
    assert rules["final"]["transitions"] == [{"days": 365, "storageClass": "GLACIER"}]
    assert rules["purpose"]["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rules["cleanup"]["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 1}


def test_the_media_bucket_of_mini_facebook():
    """S1-14, S0-08"""
    snapshot = _bucket(
        {
            "lifecycle": {"ageing": {"infrequent_after": 30, "archive_after": 90}},
            "cors": {"origins": ["https://app.minifacebook.com"], "methods": ["GET", "PUT", "POST", "DELETE"]},
        }
    )
    rules = {rule["id"]: rule for rule in _only(snapshot, "BucketLifecycleConfiguration").inputs["rules"]}
    assert rules["ageing"]["transitions"] == [
        {"days": 30, "storageClass": "STANDARD_IA"},
        {"days": 90, "storageClass": "GLACIER"},
    ]
    (cors,) = _only(snapshot, "BucketCorsConfiguration").inputs["corsRules"]
    assert cors["allowedOrigins"] == ["https://app.minifacebook.com"]
    assert cors["allowedMethods"] == ["GET", "PUT", "POST", "DELETE"]


@given(
    st.sampled_from(sorted(PURPOSES)),
    st.dictionaries(
        st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True).filter(lambda name: name != "cleanup"),
        st.integers(1, 3650),
        max_size=4,
    ),
)
def test_every_rule_has_a_name_of_its_own_and_does_something(purpose, expiries):
    settings = BucketSettings.model_validate(
        {"purpose": purpose, "lifecycle": {name: {"expire_after": days} for name, days in expiries.items()}}
    )
    rules = _lifecycle(settings)
    names = [rule.id for rule in rules]
    assert len(names) == len(set(names))
    for rule in rules:
        done = (
            rule.expiration,
            rule.transitions,
            rule.noncurrent_version_expiration,
            rule.abort_incomplete_multipart_upload,
        )
        assert any(action is not None for action in done)


def test_no_rule_takes_the_name_of_the_buckets_own():
    with pytest.raises(ValidationError, match="cleanup"):
        BucketSettings.model_validate({"lifecycle": {"cleanup": {"expire_after": 1}}})


def test_backups_can_be_locked():
    snapshot = _bucket({"purpose": "backups", "lock_days": 14}, key="backups")
    retention = _only(snapshot, "BucketObjectLockConfiguration").inputs["rule"]["defaultRetention"]
    assert retention == {"mode": "GOVERNANCE", "days": 14}


@pytest.mark.parametrize("settings", [{"lock_days": 5}, {"purpose": "backups", "lock_days": 5, "versioning": False}])
def test_a_lock_without_its_means_is_a_mistake(settings):
    with pytest.raises(ValidationError, match="lock_days"):
        BucketSettings.model_validate(settings)


def test_whoever_may_sign_may_put_and_get_below_the_prefix_and_nothing_more():
    """S4-06"""
    snapshot = _bucket(grants=[("sign", "uploads/")])
    down, up, key = _statements(snapshot, "sign:uploads/")
    for statement, action, minutes in ((down, "s3:GetObject", 60), (up, "s3:PutObject", 15)):
        assert statement["Action"] == [action]
        (resource,) = statement["Resource"]
        assert resource.endswith("/uploads/*")
        assert statement["Condition"] == {"NumericLessThanEqualsIfExists": {"s3:signatureAge": str(minutes * 60_000)}}
    assert key["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": "s3.ap-south-1.amazonaws.com"}}
    assert snapshot.outputs["environment:sign:uploads/"]["IMAGES_PREFIX"] == "uploads/"


def test_whoever_reads_lists_only_what_the_prefix_starts():
    snapshot = _bucket(grants=[("read", "avatars/")])
    statements = {item["Sid"]: item for item in _statements(snapshot, "read:avatars/")}
    assert statements["ImagesList"]["Condition"] == {"StringLike": {"s3:prefix": ["avatars/*"]}}
    assert statements["ImagesKey"]["Action"] == ["kms:Decrypt"]


@proves("S4-21")
def test_what_expires_is_gone_and_not_kept_as_a_version():
    snapshot = _bucket({"lifecycle": {"temporary": {"prefix": "uploads/temp/", "expire_after": 1}}})
    rules = {rule["id"]: rule for rule in _only(snapshot, "BucketLifecycleConfiguration").inputs["rules"]}
    assert rules["temporary"]["expiration"] == {"days": 1}
    assert rules["temporary"]["noncurrentVersionExpiration"] == {"noncurrentDays": 1}
    assert rules["purpose"]["noncurrentVersionExpiration"] == {"noncurrentDays": 30}


def test_versions_of_what_expires_are_kept_where_somebody_asks_for_it():
    rule = LifecycleSettings.model_validate({"expire_after": 1, "noncurrent_expire_after": 14})
    assert rule.versions_gone_after == 14
    assert LifecycleSettings(archive_after=90).versions_gone_after is None


@proves("S4-22")
def test_objects_can_move_between_tiers_by_how_they_are_read():
    snapshot = _bucket({"lifecycle": {"ageing": {"intelligent_after": 0, "archive_after": 365}}})
    rules = {rule["id"]: rule for rule in _only(snapshot, "BucketLifecycleConfiguration").inputs["rules"]}
    assert rules["ageing"]["transitions"] == [
        {"days": 0, "storageClass": "INTELLIGENT_TIERING"},
        {"days": 365, "storageClass": "GLACIER"},
    ]
    for refused in (
        {"intelligent_after": 30, "infrequent_after": 30},
        {"intelligent_after": 400, "archive_after": 365},
    ):
        with pytest.raises(ValidationError):
            LifecycleSettings.model_validate(refused)


def test_whoever_purges_finds_and_removes_versions_and_reads_nothing():
    snapshot = _bucket(grants=[("purge", "uploads/")])
    statements = {item["Sid"]: item for item in _statements(snapshot, "purge:uploads/")}
    assert {sid: item["Action"] for sid, item in statements.items()} == {
        "ImagesPurge": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
        "ImagesList": ["s3:ListBucket", "s3:ListBucketVersions"],
    }
    assert statements["ImagesPurge"]["Resource"][0].endswith("/uploads/*")
    assert statements["ImagesList"]["Condition"] == {"StringLike": {"s3:prefix": ["uploads/*"]}}


@proves("S4-22")
def test_each_prefix_has_a_level_of_its_own():
    use = Use.model_validate({"prefixes": {"uploads/": "read", "processed/": "read-write", "drafts/": "read"}})

    def program(context):
        bucket = Bucket(
            "shop-files",
            BucketSettings(),
            key="files",
            context=context,
            logs_bucket=None,
        )
        grant = granted(bucket, use)
        pulumi.export("policy", policy_document(grant.statements))
        pulumi.export("environment", dict(grant.environment))

    snapshot = build(program)
    allowed = {}
    for item in _statements(snapshot, "policy"):
        for action in item["Action"]:
            allowed.setdefault(action, []).extend(
                arn.rpartition(":::")[2].partition("/")[2] for arn in item["Resource"]
            )
    assert allowed["s3:GetObject"] == ["drafts/*", "processed/*", "uploads/*"]
    assert allowed["s3:PutObject"] == ["processed/*"]
    sids = [item["Sid"] for item in _statements(snapshot, "policy")]
    assert len(sids) == len(set(sids))
    assert list(snapshot.outputs["environment"]) == ["FILES_BUCKET"]


def test_reading_does_not_write_and_writing_does_not_read():
    snapshot = _bucket(grants=[("read", None), ("write", None), ("read-write", None)])
    actions = {
        level: {
            action
            for item in _statements(snapshot, f"{level}:None")
            for action in item["Action"]
            if action.startswith("s3:")
        }
        for level in ("read", "write", "read-write")
    }
    assert actions["read"] == {"s3:GetObject", "s3:ListBucket"}
    assert "s3:GetObject" not in actions["write"]
    assert actions["read-write"] == actions["read"] | actions["write"]


@pytest.mark.parametrize(("stage", "protected"), [("prod", True), ("dev", False)])
def test_content_goes_with_the_bucket_only_outside_prod(stage, protected):
    (bucket,) = _bucket(stage=stage).of_type("aws:s3/bucket:Bucket")
    assert bucket.inputs["forceDestroy"] is not protected
    assert bucket.options.get("protect", False) is protected


def test_the_longest_names_fit():
    snapshot = _bucket(key="b" * 24, name="p" * 24)
    assert len(snapshot.of_type("aws:s3/bucket:Bucket")[0].outputs["bucket"]) <= 63


def test_buckets_survive_a_first_preview():
    assert _bucket({"purpose": "logs"}, unknowns=True).of_type("aws:s3/bucket:Bucket")


def test_nothing_stays_unknown_in_a_known_snapshot():
    assert '"unknown"' not in _bucket(grants=[("read-write", "x/")]).dumps()
