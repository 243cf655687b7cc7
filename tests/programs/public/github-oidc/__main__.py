"""A role for the pipelines of one repository, and one that trusts everybody's pipelines."""

import json
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws


@pulumi.output_type
class GetCertificateResult:
    """As the tls provider's SDK has it."""

    def __init__(self, certificates=None, id=None) -> None:  # noqa: A002 - as generated classes have it
        if certificates and not isinstance(certificates, list):
            raise TypeError("Expected argument 'certificates' to be a list")
        pulumi.set(self, "certificates", certificates)
        if id and not isinstance(id, str):
            raise TypeError("Expected argument 'id' to be a str")
        pulumi.set(self, "id", id)

    @property
    @pulumi.getter
    def certificates(self) -> "Sequence[Certificate]":
        return pulumi.get(self, "certificates")

    @property
    @pulumi.getter
    def id(self) -> str:
        return pulumi.get(self, "id")


@pulumi.output_type
class Certificate(dict):
    def __init__(self, *, is_ca: bool, sha1_fingerprint: str) -> None:
        pulumi.set(self, "is_ca", is_ca)
        pulumi.set(self, "sha1_fingerprint", sha1_fingerprint)

    @property
    @pulumi.getter(name="isCa")
    def is_ca(self) -> bool:
        return pulumi.get(self, "is_ca")

    @property
    @pulumi.getter(name="sha1Fingerprint")
    def sha1_fingerprint(self) -> str:
        return pulumi.get(self, "sha1_fingerprint")


URL = "https://token.actions.githubusercontent.com"
found = pulumi.runtime.invoke("tls:index/getCertificate:getCertificate", {"url": URL}, typ=GetCertificateResult).value
assert isinstance(found.certificates[0].is_ca, bool)
provider = aws.iam.OpenIdConnectProvider(
    "github",
    url=URL,
    client_id_lists=["sts.amazonaws.com"],
    thumbprint_lists=[found.certificates[0].sha1_fingerprint.lower()],
)


def trust(subjects: list[str]):
    return provider.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRoleWithWebIdentity",
                        "Principal": {"Federated": arn},
                        "Condition": {
                            "StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"},
                            "StringLike": {"token.actions.githubusercontent.com:sub": subjects},
                        },
                    }
                ],
            }
        )
    )


deploy = aws.iam.Role("deploy", assume_role_policy=trust(["repo:example/shop:ref:refs/heads/main"]))
aws.iam.RolePolicy(
    "deploy",
    role=deploy.name,
    policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["s3:PutObject"],
                    "Resource": "arn:aws:s3:::shop-releases/*",
                }
            ],
        }
    ),
)
careless = aws.iam.Role("careless", assume_role_policy=trust(["repo:*"]))
pulumi.export("role", deploy.arn)
