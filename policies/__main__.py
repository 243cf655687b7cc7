"""The policy pack's process: builds the pack, which serves the engine until the deployment ends."""

from pulumi_policy import EnforcementLevel, PolicyPack

from guardrails.pack import policies

PolicyPack(
    name="groundwork-guardrails",
    display_name="Groundwork guardrails",
    description="Private subnets, encryption at rest and in transit, no public database, least-privilege IAM on AWS.",
    enforcement_level=EnforcementLevel.MANDATORY,
    provider="aws",
    tags=["aws", "security"],
    policies=policies(),
)
