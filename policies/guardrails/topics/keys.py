"""Keys, secrets, logs and backups: who may use them, and with which key they are kept."""

from __future__ import annotations

from guardrails import documents, kinds
from guardrails.customer_keys import names_customer_key
from guardrails.principals import public_statements
from guardrails.rules import ADVISORY_IN_DEV, Messages, resource_rule
from guardrails.view import Resource


@resource_rule(
    "Keys are rotated every year",
    "medium",
    kinds.KEY,
    ids=("securityhub:KMS.4", "checkov:CKV_AWS_7", "cis:v3.0.0/3.6"),
    why="Rotation bounds what one version of the key protects; it needs nothing from those who use it.",
    fix="Set enableKeyRotation to true.",
)
def kms_rotation(key: Resource) -> Messages:
    symmetric = key.get("customerMasterKeySpec") == "SYMMETRIC_DEFAULT"
    if symmetric and not key.truth("enableKeyRotation"):
        yield "rotation is off"


@resource_rule(
    "No key is open to everyone",
    "critical",
    kinds.KEY,
    kinds.KEY_POLICY,
    ids=("fsbp:KMS.5", "checkov:CKV_AWS_33"),
    why="A key that everyone may use protects nothing.",
    fix="Name the account, roles and services; limit a service with kms:ViaService and kms:CallerAccount.",
)
def kms_policy_not_public(key: Resource) -> Messages:
    yield from public_statements(documents.read(key, "policy"))


@resource_rule(
    "Secrets are encrypted with a customer-managed key",
    "medium",
    kinds.SECRET,
    ids=("checkov:CKV_AWS_149",),
    why="With a key of one's own a second policy stands between a secret and whoever may call GetSecretValue.",
    fix="Name an aws.kms.Key in kmsKeyId.",
    levels=ADVISORY_IN_DEV,
)
def secret_customer_key(secret: Resource) -> Messages:
    if not names_customer_key(secret, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


@resource_rule(
    "No secret is open to everyone",
    "critical",
    kinds.SECRET,
    kinds.SECRET_POLICY,
    ids=(),
    why="A resource policy for Principal * shares the secret with every AWS account.",
    fix="Name the principals, and set blockPublicPolicy on the policy.",
)
def secret_policy_not_public(secret: Resource) -> Messages:
    yield from public_statements(documents.read(secret, "policy"))


@resource_rule(
    "Policies of secrets are checked for being public",
    "low",
    kinds.SECRET_POLICY,
    ids=(),
    why="Secrets Manager then refuses a policy that opens the secret to the world, also one that is written later by hand.",
    fix="Set blockPublicPolicy to true.",
)
def secret_policy_blocks_public(policy: Resource) -> Messages:
    if not policy.truth("blockPublicPolicy"):
        yield "Secrets Manager is not told to refuse a public policy (blockPublicPolicy)"


@resource_rule(
    "Log groups say how long they keep",
    "medium",
    kinds.LOG_GROUP,
    ids=("checkov:CKV_AWS_66",),
    why="Without retention logs are kept, and paid for, for ever, and personal data in them too.",
    fix="Set retentionInDays.",
)
def log_group_retention(group: Resource) -> Messages:
    if not group.number("retentionInDays", 0):
        yield "it keeps everything for ever (retentionInDays)"


@resource_rule(
    "Log groups are encrypted with a customer-managed key",
    "low",
    kinds.LOG_GROUP,
    ids=("checkov:CKV_AWS_158",),
    why="Logs hold addresses, names and sometimes tokens; a key of one's own decides who may read them.",
    fix="Name an aws.kms.Key in kmsKeyId whose policy lets CloudWatch Logs use it.",
)
def log_group_customer_key(group: Resource) -> Messages:
    if not names_customer_key(group, "kmsKeyId"):
        yield "it is not encrypted with a customer-managed key (kmsKeyId)"


@resource_rule(
    "Backup vaults are encrypted with a customer-managed key",
    "medium",
    kinds.BACKUP_VAULT,
    ids=("checkov:CKV_AWS_166", "fsbp:Backup.1"),
    why="A backup is a full copy of the data, kept for long.",
    fix="Name an aws.kms.Key in kmsKeyArn.",
    levels=ADVISORY_IN_DEV,
)
def backup_vault_customer_key(vault: Resource) -> Messages:
    if not names_customer_key(vault, "kmsKeyArn"):
        yield "it is not encrypted with a customer-managed key (kmsKeyArn)"


@resource_rule(
    "Keys are in use",
    "medium",
    kinds.KEY,
    ids=("checkov:CKV_AWS_227",),
    why="With the key switched off nothing that it encrypts can be read.",
    fix="Remove isEnabled: false.",
)
def kms_enabled(key: Resource) -> Messages:
    if not key.truth("isEnabled"):
        yield "it is switched off (isEnabled)"
