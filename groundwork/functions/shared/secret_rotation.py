"""The rotation of a secret, as Secrets Manager asks for it.

It calls a function once for each of four steps, possibly several times; each step sees what is done already and does no harm when it
is repeated. https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config

logger = logging.getLogger()

Step = Callable[[str, str], None]
"""Takes the secret's ARN and the id of the new version."""


class NotDue(Exception):  # noqa: N818 - it is an outcome, not a fault
    """A call that is not part of a rotation that Secrets Manager began."""


def run(event: Mapping[str, Any], *, create: Step, put: Step, test: Step) -> None:
    """Run one step of one rotation: make the new version, set it where it is used, test it, or make it the current one."""
    step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    stages = _stages(secret)
    if token not in stages:
        raise NotDue(f"{secret} has no version {token}")
    if "AWSCURRENT" in stages[token]:
        logger.info("done before", extra={"secret": secret, "step": step})
        return
    if "AWSPENDING" not in stages[token]:
        raise NotDue(f"version {token} of {secret} is not pending")
    match step:
        case "createSecret":
            # An earlier try may have made it.
            if value(secret, "AWSPENDING", token) is None:
                create(secret, token)
        case "setSecret":
            put(secret, token)
        case "testSecret":
            test(secret, token)
        case "finishSecret":
            # Never one that would not stand the test.
            test(secret, token)
            _promote(secret, token)
        case _:
            raise NotDue(f"there is no step {step}")
    logger.info("done", extra={"secret": secret, "step": step})


def keep(secret: str, token: str, content: Mapping[str, Any]) -> None:
    """Keep the new version's content."""
    client().put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=json.dumps(content), VersionStages=["AWSPENDING"]
    )


def value(secret: str, stage: str, token: str | None = None) -> dict[str, Any] | None:
    """Return what a version holds; None if it holds nothing yet."""
    version = {"VersionId": token} if token else {}
    try:
        answer = client().get_secret_value(SecretId=secret, VersionStage=stage, **version)
    except client().exceptions.ResourceNotFoundException:
        return None
    content: dict[str, Any] = json.loads(answer["SecretString"])
    return content


def needed(secret: str, stage: str, token: str | None = None) -> dict[str, Any]:
    """Return what a version holds, or raise :class:`NotDue`."""
    content = value(secret, stage, token)
    if content is None:
        raise NotDue(f"{secret} has no value that is {stage}")
    return content


def _promote(secret: str, token: str) -> None:
    """Make the new version the one that everybody reads from now on."""
    current = next((version for version, stages in _stages(secret).items() if "AWSCURRENT" in stages), None)
    client().update_secret_version_stage(
        SecretId=secret,
        VersionStage="AWSCURRENT",
        MoveToVersionId=token,
        **({"RemoveFromVersionId": current} if current else {}),
    )


def _stages(secret: str) -> dict[str, list[str]]:
    described = client().describe_secret(SecretId=secret)
    if not described.get("RotationEnabled"):
        raise NotDue(f"{secret} is not set to rotate")
    versions: dict[str, list[str]] = described["VersionIdsToStages"]
    return versions


@functools.cache
def client() -> Any:
    return boto3.client(
        "secretsmanager",
        config=Config(connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}),
    )
