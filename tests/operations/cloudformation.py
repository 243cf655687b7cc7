"""What CloudFormation makes of two types that moto knows, but not as CloudFormation's."""

from __future__ import annotations

from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.iam.models import iam_backends


class Known:
    """What both have in common: no name that CloudFormation gives, and no attributes. moto knows direct subclasses of its own class alone."""

    def __init__(self, physical_resource_id: str) -> None:
        self.physical_resource_id = physical_resource_id

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return False

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource: Any, new_resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> Any:
        """Make it anew where it is another, as CloudFormation does of what cannot be changed."""
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        """Keep it: on an update moto does not look whether the template says so."""


class BucketPolicy(Known, CloudFormationModel):
    """The policy of a bucket, of which moto would take a Deny without its conditions; so it is none."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::S3::BucketPolicy"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> BucketPolicy:
        return cls(cloudformation_json["Properties"]["Bucket"])


class IdentityProvider(Known, CloudFormationModel):
    """An identity provider, as a template has it that retains it."""

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::IAM::OIDCProvider"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> IdentityProvider:
        said = cloudformation_json["Properties"]
        made = iam_backends[account_id]["aws"].create_open_id_connect_provider(
            said["Url"], [], said["ClientIdList"], []
        )
        return cls(made.arn)
