"""A bucket that exists, as services and CloudFront use it."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

from groundwork.components.access import Grant
from groundwork.components.base import Component
from groundwork.components.context import Context
from groundwork.components.storage.bucket import Held, bucket_grant
from groundwork.components.storage.settings import BucketSettings


class ExistingBucket(Component):
    """A bucket that somebody else owns.

    Builds: nothing. The bucket is looked up by its name; versions, lifecycle, encryption, access logs and policy are its owner's.
    What the policy must say so that CloudFront may read is an output.

    Cost: nothing of its own; storage and requests are on the owner's bill.

    Fails: ``couldn't find resource`` for a name that is no bucket of this account and region; ``AccessDenied`` where the owner's
    policy, or that of the bucket's key, does not admit what ``uses`` grants, or CloudFront.

    Changes without replacement: everything; another name is another bucket.
    """

    layer = "storage"

    bucket_name: pulumi.Output[str]
    arn: pulumi.Output[str]
    regional_domain_name: pulumi.Output[str]
    settings: BucketSettings
    policy_statements: list[dict[str, Any]] | None
    """None: its policy is not ours to write."""

    def __init__(
        self,
        name: str,
        settings: BucketSettings,
        context: Context,
        *,
        key: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Look the bucket up. ``key``: its name in the stack file."""
        super().__init__(name, context, opts)
        self.settings = settings
        self.policy_statements = None
        found = aws.s3.get_bucket_output(bucket=settings.existing or "", opts=pulumi.InvokeOptions(parent=self))
        self.bucket_name = found.bucket
        self.arn = found.arn
        self.regional_domain_name = found.bucket_regional_domain_name
        self._held = Held(key, self.bucket_name, self.arn, settings.encryption_key)
        self.register_outputs({"bucketName": self.bucket_name, "arn": self.arn})

    def grant(self, level: str, prefix: str | None = None) -> Grant:
        """Grant what a bucket that is made grants; see :func:`groundwork.components.storage.bucket.bucket_grant`."""
        return bucket_grant(self._held, self.context.region, level, prefix)
