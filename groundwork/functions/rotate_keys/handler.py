"""Renews signing keys, such as those of JSON Web Tokens, while tokens and copies of services outlive the change.

The secret is a JSON object. Each signing key ``JWT_SECRET`` in it is six entries::

    JWT_SECRET            what tokens are signed with                JWT_SECRET_ID            its id, for the token's "kid"
    JWT_SECRET_PREVIOUS   what they were signed with before          JWT_SECRET_PREVIOUS_ID
    JWT_SECRET_NEXT       what they will be signed with next         JWT_SECRET_NEXT_ID

A rotation moves each one on: next becomes current, current becomes previous, and a next one is drawn. Whoever verifies accepts all
three. So a token is good for a whole interval after the change, and a copy of a service that started before the change, and knows
only what it was given then, already knows the key that newer copies sign with. It must start anew before the rotation after that.

Entries without ``…_NEXT`` beside them are carried over as they are.

Secrets Manager calls it once for each of four steps, possibly several times; each step sees what is done already and does no harm
when it is repeated. https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import secrets
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config

logger = logging.getLogger()

KEY_BYTES = 64
"""As long as the output of SHA-512: https://datatracker.ietf.org/doc/html/rfc7518#section-3.2"""
PARTS = ("", "_PREVIOUS", "_NEXT")


class NotDue(Exception):  # noqa: N818 - it is an outcome, not a fault
    """A call that is not part of a rotation that Secrets Manager began."""


def handle(event: Mapping[str, Any], context: object) -> None:
    """Run one step of one rotation."""
    step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    stages = _stages(secret)
    if token not in stages:
        raise NotDue(f"{secret} has no version {token}")
    if "AWSCURRENT" in stages[token]:
        logger.info("done before", extra={"secret": secret, "step": step})
        return
    if "AWSPENDING" not in stages[token]:
        raise NotDue(f"version {token} of {secret} is not pending")
    _STEPS[step](secret, token)
    logger.info("done", extra={"secret": secret, "step": step})


def create(secret: str, token: str) -> None:
    """Create the new version, unless an earlier try made it."""
    if _value(secret, "AWSPENDING", token) is not None:
        return
    current = _value(secret, "AWSCURRENT")
    if current is None:
        raise NotDue(f"{secret} is empty: there is nothing to renew")
    _client().put_secret_value(
        SecretId=secret,
        ClientRequestToken=token,
        SecretString=json.dumps(renewed(current)),
        VersionStages=["AWSPENDING"],
    )


def put(secret: str, token: str) -> None:
    """Do nothing: nobody keeps these keys but the secret itself."""


def test(secret: str, token: str) -> None:
    """Check that the new version holds every key, all different, and none that cannot be told by its id."""
    pending = _value(secret, "AWSPENDING", token)
    if pending is None:
        raise NotDue(f"{secret} has no pending value")
    for name in names(pending):
        keys = [pending.get(f"{name}{part}") for part in PARTS]
        ids = [pending.get(f"{name}{part}_ID") for part in PARTS]
        if not all(isinstance(key, str) and len(key) >= 32 for key in keys) or len(set(keys)) != len(keys):
            raise ValueError(f"{name} needs three different keys of at least 32 characters")
        if ids != [identifier(str(key)) for key in keys]:
            raise ValueError(f"an id of {name} is not its key's")


def finish(secret: str, token: str) -> None:
    """Make the new version the one that everybody reads from now on; never one that would not stand the test."""
    test(secret, token)
    current = next((version for version, stages in _stages(secret).items() if "AWSCURRENT" in stages), None)
    _client().update_secret_version_stage(
        SecretId=secret,
        VersionStage="AWSCURRENT",
        MoveToVersionId=token,
        **({"RemoveFromVersionId": current} if current else {}),
    )


_STEPS = {"createSecret": create, "setSecret": put, "testSecret": test, "finishSecret": finish}


def names(content: Mapping[str, Any]) -> list[str]:
    """List the signing keys in a secret."""
    found = sorted(name.removesuffix("_NEXT") for name in content if name.endswith("_NEXT"))
    if not found:
        raise ValueError("the secret holds no signing key: there is no entry that ends in _NEXT")
    return found


def renewed(current: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content after this rotation."""
    content = dict(current)
    for name in names(current):
        moved = {"": current[f"{name}_NEXT"], "_PREVIOUS": current[name], "_NEXT": secrets.token_urlsafe(KEY_BYTES)}
        for part, key in moved.items():
            content[f"{name}{part}"] = key
            content[f"{name}{part}_ID"] = identifier(key)
    return content


def identifier(key: str) -> str:
    """Return an id that tells keys apart and says nothing about them."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def _stages(secret: str) -> dict[str, list[str]]:
    described = _client().describe_secret(SecretId=secret)
    if not described.get("RotationEnabled"):
        raise NotDue(f"{secret} is not set to rotate")
    versions: dict[str, list[str]] = described["VersionIdsToStages"]
    return versions


def _value(secret: str, stage: str, token: str | None = None) -> dict[str, Any] | None:
    """Return what a version holds; None if it holds nothing yet."""
    version = {"VersionId": token} if token else {}
    try:
        answer = _client().get_secret_value(SecretId=secret, VersionStage=stage, **version)
    except _client().exceptions.ResourceNotFoundException:
        return None
    content: dict[str, Any] = json.loads(answer["SecretString"])
    return content


@functools.cache
def _client() -> Any:
    return boto3.client(
        "secretsmanager",
        config=Config(connect_timeout=5, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2}),
    )
