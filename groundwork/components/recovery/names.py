"""What copies in another account are called: by its template and by the stack that writes to them alike."""

from __future__ import annotations

from groundwork.components.platform.settings import PlatformSettings
from groundwork.components.settings import Settings
from groundwork.components.storage.settings import BucketSettings
from groundwork.settings.fitting import fit

_LONGEST_VAULT, _LONGEST_BUCKET = 50, 63
"""https://docs.aws.amazon.com/aws-backup/latest/devguide/API_CreateBackupVault.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


def vault_name(platform: PlatformSettings, region: str) -> str:
    """Return the name of the vault for backups of a stack in ``region``."""
    return fit(f"{platform.slug}-{region}-copies", _LONGEST_VAULT)


def key_alias(platform: PlatformSettings, region: str) -> str:
    """Return the alias of the key for copies of a stack in ``region``."""
    return f"alias{platform.prefix}/{region}/copies"


def bucket_name(platform: PlatformSettings, region: str, key: str, account: str) -> str:
    """Return the name of the copy of a bucket in another account, which no bucket of the world may have yet."""
    end = f"-copy-{account}"
    return fit(f"{platform.slug}-{region}-{key}", _LONGEST_BUCKET - len(end)) + end


def is_copied(bucket: BucketSettings) -> bool:
    """Tell whether a bucket's objects are copied: they are nowhere else, and the stack makes it."""
    return bucket.existing is None and bucket.purpose in ("media", "backups")


def copied_buckets(settings: Settings) -> dict[str, BucketSettings]:
    """Return the buckets whose objects are copied, by name."""
    return {key: bucket for key, bucket in settings.storage.items() if is_copied(bucket)}
