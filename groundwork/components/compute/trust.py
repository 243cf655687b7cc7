"""Trust in the AWS services that say nothing of the account they act for."""

from __future__ import annotations

import pulumi

from groundwork.components.access import policy_document


def trusted(service: str) -> pulumi.Output[str]:
    """Return the trust of a role that ``service`` assumes, without ``aws:SourceAccount``.

    EC2 and App Runner document no source keys for roles that they hand to what they run, S3 none for copying objects, and a condition on
    a key that is not sent would shut the role. Nobody else can have them act here: a role is passed by ``iam:PassRole``, which does not
    reach into another account. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    return policy_document(
        [{"Sid": "Assume", "Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]
    )
